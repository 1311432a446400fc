#include "core_support.hpp"

#include "core/duration.hpp"

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

} // namespace
} // namespace pg_principal
