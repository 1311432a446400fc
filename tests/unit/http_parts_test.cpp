#include "http/address.hpp"
#include "http/message.hpp"
#include "http/metrics.hpp"
#include "http/rate_limit.hpp"
#include "http/routes.hpp"

#include <gtest/gtest.h>

namespace pg_principal::http {
namespace {

Address address(const std::string &text) {
    const std::optional<Address> parsed = Address::parse(text);
    EXPECT_TRUE(parsed) << text;
    return parsed.value_or(Address());
}

TEST(HttpAddress, OneSpellingOfEach) {
    EXPECT_EQ(address("::ffff:1.2.3.4").text(), "1.2.3.4");
    EXPECT_EQ(address("2001:DB8:0:0::1").text(), "2001:db8::1");
    EXPECT_EQ(address("2001:db8:1:2:3:4:5:6").network().text(), "2001:db8:1:2::");
    EXPECT_EQ(address("1.2.3.4").network().text(), "1.2.3.4");
    EXPECT_EQ(address("::1").network().text(), "::1");
    EXPECT_EQ(Address().text(), "unknown");
    EXPECT_TRUE(Address().network().is_unknown());
    for (const char *text : {"", "1.2.3", "1.2.3.4.5", "1.2.3.04x", "256.1.1.1", "fe80::1%eth0",
                             "[::1]", "1.2.3.4:80", " 1.2.3.4", "localhost"})
        EXPECT_FALSE(Address::parse(text)) << text;
}

TEST(HttpAddress, Public) {
    for (const char *text : {"1.1.1.1", "8.8.8.8", "172.15.255.255", "172.32.0.1", "192.0.1.1",
                             "223.255.255.255", "2606:4700::1111", "2a00::1", "::ffff:1.1.1.1"})
        EXPECT_TRUE(is_public(address(text))) << text;
    for (const char *text : {"0.0.0.0",
                             "0.1.2.3",
                             "10.1.2.3",
                             "100.64.0.1",
                             "127.0.0.1",
                             "127.255.0.1",
                             "169.254.169.254",
                             "172.16.0.1",
                             "172.31.255.255",
                             "192.168.0.1",
                             "198.18.0.1",
                             "224.0.0.1",
                             "255.255.255.255",
                             "::",
                             "::1",
                             "::ffff:127.0.0.1",
                             "::ffff:10.0.0.1",
                             "::127.0.0.1",
                             "64:ff9b::7f00:1",
                             "fc00::1",
                             "fd12::1",
                             "fe80::1",
                             "fec0::1",
                             "ff02::1",
                             "2001::1",
                             "2001:db8::1",
                             "2002:7f00:1::1",
                             "100::1",
                             "5f00::1"})
        EXPECT_FALSE(is_public(address(text))) << text;
    EXPECT_FALSE(is_public(Address()));
}

TEST(HttpAddress, Ranges) {
    const Cidr ten = *Cidr::parse("10.0.0.0/8");
    EXPECT_TRUE(ten.contains(address("10.255.0.1")));
    EXPECT_TRUE(ten.contains(address("::ffff:10.0.0.1")));
    EXPECT_FALSE(ten.contains(address("11.0.0.1")));
    EXPECT_FALSE(ten.contains(address("a00::")));
    EXPECT_TRUE(Cidr::parse("0.0.0.0/0")->contains(address("1.2.3.4")));
    EXPECT_FALSE(Cidr::parse("0.0.0.0/0")->contains(address("2001::1")));
    EXPECT_FALSE(Cidr::parse("::/0")->contains(Address()));
    EXPECT_FALSE(Cidr::parse("::")->contains(Address()));
    EXPECT_TRUE(Cidr::parse("::/0")->contains(address("1.2.3.4")));
    EXPECT_TRUE(Cidr::parse("2001:db8::/33")->contains(address("2001:db8:7fff::1")));
    EXPECT_FALSE(Cidr::parse("2001:db8::/33")->contains(address("2001:db8:8000::1")));
    for (const char *text : {"", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.1/8", "::/129",
                             "10.0.0.0/8x", "10.0.0.0/-1", "x/8"})
        EXPECT_FALSE(Cidr::parse(text)) << text;
}

TEST(HttpMessage, PercentDecoding) {
    EXPECT_EQ(percent_decode("a%20b+c"), "a b+c");
    EXPECT_EQ(percent_decode("a%20b+c", true), "a b c");
    EXPECT_EQ(percent_decode("%C3%a9"), "\xc3\xa9");
    for (const char *text :
         {"%", "%4", "%zz", "%+1", "%00", "%0d%0a", "%7f", "%ff", "%c0%80", "%ed%a0%80", "%25%"})
        EXPECT_FALSE(percent_decode(text)) << text;
}

TEST(HttpMessage, Forms) {
    const std::optional<Form> form = Form::parse("a=1&b=x+y%26z&&c&a=2&=e&d=a=b");
    ASSERT_TRUE(form);
    EXPECT_EQ(form->get("a"), "1");
    EXPECT_TRUE(form->repeats("a"));
    EXPECT_EQ(form->get("b"), "x y&z");
    EXPECT_EQ(form->get("c"), "");
    EXPECT_EQ(form->get("d"), "a=b");
    EXPECT_FALSE(form->get("e"));
    EXPECT_FALSE(form->repeats("b"));
    EXPECT_FALSE(Form::parse("a=%"));
    EXPECT_FALSE(Form::parse("%ff=1"));
    EXPECT_TRUE(Form::parse("")->fields().empty());
}

TEST(HttpMessage, BearerTokens) {
    const auto bearer = [](std::string_view value) {
        Request request;
        request.headers.push_back({"authorization", value});
        return std::string(request.bearer());
    };
    EXPECT_EQ(bearer("Bearer a.b.c"), "a.b.c");
    EXPECT_EQ(bearer("bearer   a"), "a");
    EXPECT_EQ(bearer("Bearer \t a \t "), "a");
    for (const char *value : {"", "Bearer", "Bearer ", "Basic a", "Bearera", "Bearer\ta"})
        EXPECT_EQ(bearer(value), "") << value;
}

TEST(HttpRate, TokensComeBackWithTime) {
    RateLimiter limiter({2, 3}, 1024);
    const Clock::time_point start{};
    const Address client = address("1.2.3.4");
    for (int i = 0; i < 3; ++i)
        EXPECT_EQ(limiter.try_take(client, Budget::costly, start), 0u);
    EXPECT_EQ(limiter.try_take(client, Budget::costly, start), 1u);
    EXPECT_EQ(limiter.try_take(address("1.2.3.5"), Budget::costly, start), 0u);
    EXPECT_EQ(limiter.try_take(client, Budget::costly, start + milliseconds(400)), 1u);
    EXPECT_EQ(limiter.try_take(client, Budget::costly, start + milliseconds(500)), 0u);
    EXPECT_EQ(limiter.try_take(client, Budget::costly, start + milliseconds(500)), 1u);
    EXPECT_EQ(limiter.try_take(client, Budget::costly, start + std::chrono::hours(1)), 0u);
    RateLimiter slow({0.01, 1}, 8);
    EXPECT_EQ(slow.try_take(client, Budget::costly, start), 0u);
    EXPECT_EQ(slow.try_take(client, Budget::costly, start), 100u);
    RateLimiter off({0, 1});
    for (int i = 0; i < 100; ++i)
        EXPECT_EQ(off.try_take(client, Budget::costly, start), 0u);
}

TEST(HttpRate, TheOneWithTheLeastTokensIsRememberedLongest) {
    RateLimiter limiter({1, 10}, 64);
    const Clock::time_point now{};
    const Address greedy = address("1.2.3.4");
    for (int i = 0; i < 10; ++i)
        EXPECT_EQ(limiter.try_take(greedy, Budget::costly, now), 0u);
    for (int i = 0; i < 100'000; ++i)
        limiter.try_take(address("9." + std::to_string(i >> 16) + '.' +
                                 std::to_string(i >> 8 & 255) + '.' + std::to_string(i & 255)),
                         Budget::costly, now);
    EXPECT_NE(limiter.try_take(greedy, Budget::costly, now), 0u);
}

TEST(HttpRate, OneBudgetDoesNotUseUpAnother) {
    RateLimiter limiter({1, 2}, 1024);
    const Clock::time_point now{};
    const Address client = address("2001:db8::1");
    for (int i = 0; i < 10; ++i)
        limiter.try_take(client, Budget::refresh, now);
    EXPECT_NE(limiter.try_take(client, Budget::refresh, now), 0u);
    EXPECT_EQ(limiter.try_take(client, Budget::costly, now), 0u);
    EXPECT_EQ(limiter.try_take(address("2001:db8::2"), Budget::costly, now), 0u);
    EXPECT_NE(limiter.try_take(client, Budget::costly, now), 0u);
}

TEST(HttpMetrics, Text) {
    RouteTable routes;
    Route route;
    route.method = "GET";
    route.pattern = "/a/:b";
    route.handler = [](const Request &) { return Response::empty(); };
    routes.add(route);
    Metrics metrics(routes);
    metrics.observe(0, 200, 0.0002);
    metrics.observe(0, 200, 10);
    metrics.observe(0, 503, 0.5);
    metrics.observe(Metrics::no_route, 404, 0);
    metrics.observe(0, 9999, 0);
    metrics.add("gauge", "g", "A gauge.", [] { return 1.5; });
    const std::string text = metrics.text();
    for (const char *line :
         {"# TYPE pg_principal_http_requests_total counter\n",
          "_requests_total{method=\"GET\",route=\"/a/:b\",status=\"200\"} 2\n",
          "_requests_total{method=\"GET\",route=\"/a/:b\",status=\"503\"} 1\n",
          "_requests_total{method=\"\",route=\"\",status=\"404\"} 1\n",
          "_bucket{method=\"GET\",route=\"/a/:b\",le=\"0.0001\"} 1\n",
          "_bucket{method=\"GET\",route=\"/a/:b\",le=\"0.00025\"} 2\n",
          "_bucket{method=\"GET\",route=\"/a/:b\",le=\"5\"} 3\n",
          "_bucket{method=\"GET\",route=\"/a/:b\",le=\"+Inf\"} 4\n",
          "_count{method=\"GET\",route=\"/a/:b\"} 4\n", "# TYPE g gauge\ng 1.5\n"})
        EXPECT_NE(text.find(line), text.npos) << line << text;
    EXPECT_EQ(label_value("a\"\\\n"), "\"a\\\"\\\\\\n\"");
}

} // namespace
} // namespace pg_principal::http
