#include "core_support.hpp"

#include "core/base/duration.hpp"

namespace pg_principal {
namespace {

TEST(Duration, Grammar) {
    EXPECT_EQ(parse_ttl("1h"), 3600);
    EXPECT_EQ(parse_ttl("24h"), 86400);
    EXPECT_EQ(parse_ttl("90d"), 90 * 86400);
    EXPECT_EQ(parse_ttl("1y"), 365 * 86400);
    EXPECT_EQ(parse_ttl("007h"), 7 * 3600);
    EXPECT_EQ(parse_ttl("8760h"), parse_ttl("1y"));
}

TEST(Duration, EverythingElseIsRefused) {
    for (const std::string_view text :
         {"",     "h",    "1",   "0h",   "000d", "-1h",       "+1h",  " 1h",
          "1h ",  "1h\n", "1 h", "1H",   "1D",   "1s",        "1m",   "1w",
          "1.5h", "1e3h", "1hh", "1h1d", "h1",   "\xd9\xa1h", "0x1h", "1,0h"})
        error_of(Errc::duration_invalid, [&] { parse_ttl(text); });
    error_of(Errc::duration_invalid, [] { parse_ttl(std::string_view("1\0h", 3)); });
    error_of(Errc::duration_invalid, [] { parse_ttl(std::string_view("1h\0", 3)); });
}

TEST(Duration, AnyNumberOfDigitsSaturates) {
    EXPECT_EQ(parse_ttl(std::string(100000, '9') + "y"), longest_ttl_s);
    EXPECT_EQ(parse_ttl("9223372036854775808h"), longest_ttl_s);
    EXPECT_EQ(parse_ttl("31709y"), std::int64_t{31709} * 365 * 86400);
    EXPECT_EQ(parse_ttl("31710y"), longest_ttl_s);
    EXPECT_EQ(parse_ttl(std::string(1000, '0') + "1h"), 3600);
}

TEST(Duration, TheErrorEchoesAtMost64Bytes) {
    EXPECT_EQ(error_of(Errc::duration_invalid, [] { parse_ttl("soon"); }),
              "invalid duration \"soon\"");
    const std::string message =
        error_of(Errc::duration_invalid, [] { parse_ttl(std::string(1000, 'x')); });
    EXPECT_EQ(message, "invalid duration \"" + std::string(64, 'x') + "\"");
}

TEST(GoDuration, NumbersWithUnits) {
    const std::int64_t second = 1'000'000, hour = 3600 * second;
    EXPECT_EQ(parse_go_duration("876000h"), 876000 * hour);
    EXPECT_EQ(parse_go_duration("1h30m"), hour * 3 / 2);
    EXPECT_EQ(parse_go_duration("1.5h"), hour * 3 / 2);
    EXPECT_EQ(parse_go_duration("1h15m30.918273645s"), 4530 * second + 918273);
    EXPECT_EQ(parse_go_duration("30m1h"), hour * 3 / 2); // in any order, also twice
    EXPECT_EQ(parse_go_duration("1h1h"), 2 * hour);
    EXPECT_EQ(parse_go_duration("+5m"), 300 * second);
    EXPECT_EQ(parse_go_duration(".5s"), second / 2);
    EXPECT_EQ(parse_go_duration("5.s"), 5 * second);
    EXPECT_EQ(parse_go_duration("0"), 0);
    EXPECT_EQ(parse_go_duration("+0"), 0);
    EXPECT_EQ(parse_go_duration("0s"), 0);
    EXPECT_EQ(parse_go_duration("7ms"), 7000);
    EXPECT_EQ(parse_go_duration("7us"), 7);
    EXPECT_EQ(parse_go_duration("7\xc2\xb5s"), 7); // micro sign
    EXPECT_EQ(parse_go_duration("7\xce\xbcs"), 7); // mu
    EXPECT_EQ(parse_go_duration("2999ns"), 2);
}

TEST(GoDuration, EverythingElseIsNone) {
    for (const std::string_view text :
         {"",     "+",   "-",   "-1h",    "-0s",       "++1h",  "1",    "00",  "0.0",
          "h",    ".",   ".s",  "1.h.",   "1..5h",     "1h ",   " 1h",  "1 h", "1H",
          "1d",   "1y",  "1w",  "1h-30m", "1h+30m",    "1e3h",  "0x1h", "1hh", "1,5h",
          "none", "inf", "nan", "1h\n",   "\xd9\xa1h", "1\xc2s"})
        EXPECT_EQ(parse_go_duration(text), std::nullopt) << text;
    EXPECT_EQ(parse_go_duration(std::string_view("1\0h", 3)), std::nullopt);
    EXPECT_EQ(parse_go_duration(std::string_view("1h\0", 3)), std::nullopt);
}

TEST(GoDuration, AnyNumberOfDigitsSaturates) {
    constexpr std::int64_t most = longest_ttl_s * 1'000'000;
    EXPECT_EQ(parse_go_duration(std::string(100000, '9') + "h"), most);
    EXPECT_EQ(parse_go_duration("9223372036854775808s"), most);
    EXPECT_EQ(parse_go_duration("1000000000001s"), most);
    EXPECT_EQ(parse_go_duration(std::string(1000, '0') + "1s"), 1'000'000);
    EXPECT_EQ(parse_go_duration("0." + std::string(100000, '9') + "s"), 1'000'000);
}

} // namespace
} // namespace pg_principal
