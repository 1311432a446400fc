#include "http/dispatcher.hpp"
#include "http/routes.hpp"

#include <gtest/gtest.h>

namespace pg_principal::http {
namespace {

Response nothing(const Request &) { return Response::empty(); }

Route route(const char *method, const char *pattern) {
    Route made;
    made.method = method;
    made.pattern = pattern;
    made.handler = nothing;
    return made;
}

TEST(Routes, WordsGoBeforeParametersAndBackAgain) {
    RouteTable table;
    table.add(route("GET", "/users/me"))
        .add(route("GET", "/users/:id"))
        .add(route("POST", "/users/:id/ban"))
        .add(route("GET", "/users/me/audits"))
        .add(route("GET", "/"));
    EXPECT_EQ(table.find("GET", "/users/me").route->pattern, "/users/me");
    EXPECT_EQ(table.find("GET", "/").route->pattern, "/");
    const RouteTable::Match one = table.find("GET", "/users/a%20b");
    ASSERT_TRUE(one.route);
    ASSERT_EQ(one.params.size(), 1u);
    EXPECT_EQ(one.params[0].name, "id");
    EXPECT_EQ(one.params[0].value, "a b");
    // "me" has no /ban of its own: it is an id there
    const RouteTable::Match me = table.find("POST", "/users/me/ban");
    ASSERT_TRUE(me.route);
    EXPECT_EQ(me.params[0].value, "me");
    for (const char *path : {"", "users", "/users", "/users/", "/users//ban", "/users/x/", "//",
                             "/users/x/y", "/Users/me"})
        EXPECT_FALSE(table.find("GET", path).route) << path;
}

TEST(Routes, TheMethodsOfAPath) {
    RouteTable table;
    table.add(route("GET", "/a")).add(route("DELETE", "/a")).add(route("POST", "/b"));
    EXPECT_EQ(table.find("HEAD", "/a").route->method, "GET");
    EXPECT_EQ(table.find("PUT", "/a").allow, "GET, DELETE, HEAD, OPTIONS");
    EXPECT_EQ(table.find("HEAD", "/b").allow, "POST, OPTIONS");
    EXPECT_EQ(table.find("PUT", "/c").allow, "");
}

TEST(Routes, ParametersAreDecodedStrictly) {
    RouteTable table;
    table.add(route("GET", "/x/:a/:b"));
    for (const char *path : {"/x/%ff/b", "/x/%00/b", "/x/%0a/b", "/x/a/%c0%af", "/x/a/%ed%a0%80"})
        EXPECT_TRUE(table.find("GET", path).malformed) << path;
    const RouteTable::Match match = table.find("GET", "/x/a%2Fb/..");
    EXPECT_FALSE(match.malformed);
    EXPECT_EQ(match.params[0].value, "a/b");
    EXPECT_EQ(match.params[1].value, "..");
}

TEST(Routes, MistakesOfTheProgramAreFoundAtTheStart) {
    RouteTable table;
    table.add(route("GET", "/a/:b"));
    for (const auto &[method, pattern] : {std::pair("GET", "/a/:b"),
                                          {"GET", "/a/:c"},
                                          {"GET", ""},
                                          {"GET", "a"},
                                          {"GET", "/a/:"},
                                          {"HEAD", "/h"},
                                          {"get", "/g"}})
        EXPECT_THROW(table.add(route(method, pattern)), std::logic_error) << method << pattern;
    Route empty = route("GET", "/e");
    empty.handler = nullptr;
    EXPECT_THROW(table.add(empty), std::logic_error);
}

// A dispatcher without a library or a socket: the response as text.
class Dispatching : public testing::Test {
  protected:
    std::string answer(const std::string &method, const std::string &path, Handler handler,
                       std::vector<Header> headers = {}, Policy policy = {}) {
        RouteTable table;
        Route made = route("GET", "/it");
        made.handler = std::move(handler);
        table.add(made);
        LineLog log("");
        Dispatcher dispatcher(std::move(table), std::move(policy), log);
        Exchange exchange;
        exchange.request.method = method;
        exchange.request.path = path;
        exchange.request.headers = std::move(headers);
        exchange.request.began = Clock::now();
        std::optional<Response> response = dispatcher.admit(exchange);
        if (!response)
            response = dispatcher.handle(exchange);
        dispatcher.finish(exchange, *response);
        std::string out = std::to_string(response->status) + "\r\n";
        for (const auto &[name, value] : response->headers)
            out += name + ": " + value + "\r\n";
        return out + "\r\n" + response->body;
    }
    static bool holds(const std::string &text, const std::string &part) {
        return text.find(part) != text.npos;
    }
};

TEST_F(Dispatching, WhatHandlersThrow) {
    const auto throwing = [&](auto error) {
        return answer("GET", "/it", [=](const Request &) -> Response { throw error; });
    };
    const std::string refused = throwing(HttpError(422, "weak_password", "too short"));
    EXPECT_TRUE(holds(refused, "422\r\n"));
    EXPECT_TRUE(holds(refused, R"({"error":"weak_password","message":"too short"})"));
    const std::string away = throwing(Unavailable("host=secret"));
    EXPECT_TRUE(holds(away, "503\r\n") && holds(away, "\r\nRetry-After: 1\r\n"));
    EXPECT_TRUE(holds(throwing(DbError("57014", "secret")), "503\r\n"));
    const std::string failed = throwing(DbError("42P01", "relation \"secret\" does not exist"));
    EXPECT_TRUE(holds(failed, "500\r\n"));
    for (const std::string &text :
         {away, failed, throwing(std::runtime_error("secret")),
          answer("GET", "/it", [](const Request &) -> Response { throw 42; })})
        EXPECT_FALSE(holds(text, "secret")) << text;
}

TEST_F(Dispatching, NoHeaderCanBeginInAValue) {
    Response response;
    for (const char *value : {"a\r\nB: c", "a\nb", "a\rb", "\x01", "a\x7f"})
        EXPECT_THROW(response.set("X-A", value), std::invalid_argument);
    for (const char *name : {"", "a b", "a:b", "a\r\n", "\xc3\xa9"})
        EXPECT_THROW(response.set(name, "x"), std::invalid_argument);
    EXPECT_NO_THROW(response.set("Link", "</a?page=2>; rel=\"next\""));
}

TEST_F(Dispatching, TheProblemsBodyIsTheApplications) {
    Policy policy;
    policy.problem_body = [](const Problem &problem) {
        return Response::json(problem.status, "[\"" + std::string(problem.code) + "\",\"" +
                                                  std::string(problem.request.path) + "\"]");
    };
    const std::string text = answer("GET", "/no", nothing, {}, policy);
    EXPECT_TRUE(holds(text, "404\r\n") && holds(text, R"(["not_found","/no"])"));
}

TEST_F(Dispatching, ACacheIsToldWhatTheHandlerSays) {
    EXPECT_TRUE(holds(answer("GET", "/it", nothing), "Cache-Control: no-store\r\n"));
    const std::string cached = answer("GET", "/it", [](const Request &) {
        return Response::empty(304).set("Cache-Control", "max-age=60").set("ETag", "\"x\"");
    });
    EXPECT_FALSE(holds(cached, "no-store"));
}

} // namespace
} // namespace pg_principal::http
