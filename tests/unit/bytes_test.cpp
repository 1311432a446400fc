#include "core_support.hpp"

namespace pg_principal {
namespace {

TEST(Base64Url, KnownValues) {
    // RFC 4648 section 10 and RFC 7515 appendix C
    const std::pair<std::string_view, std::string_view> known[] = {
        {"", ""},
        {"f", "Zg"},
        {"fo", "Zm8"},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg"},
        {"fooba", "Zm9vYmE"},
        {"foobar", "Zm9vYmFy"},
        {"\x03\xec\xff\xe0\xc1", "A-z_4ME"}};
    for (const auto &[bytes, text] : known) {
        EXPECT_EQ(base64url_encode(bytes), text);
        EXPECT_EQ(unbase64url(text), bytes);
    }
}

TEST(Base64Url, RoundTripsEveryLengthAndByte) {
    std::string bytes;
    for (int i = 0; i < 300; ++i) {
        EXPECT_EQ(unbase64url(base64url_encode(bytes)), bytes);
        bytes += static_cast<char>(i * 7);
    }
}

TEST(Base64Url, EveryOtherSpellingIsRefused) {
    std::string out;
    for (const std::string_view text :
         {"A", "AAAAA", "Zg=", "Zg==", "Zm8=", "Zm9v====", "=", "Zm 9v", " Zm9v", "Zm9v ", "Zm9v\n",
          "Zm9+", "Zm9/", "Z.9v", "Zm9v?", "\x80\x80\x80\x80", "Zm9\xc3\xa9"})
        EXPECT_FALSE(base64url_decode(text, out)) << text;
    EXPECT_FALSE(base64url_decode(std::string_view("Zm9\0", 4), out));
    EXPECT_FALSE(base64url_decode(std::string_view("\0AAA", 4), out));
    // trailing bits: of 16 spellings of "f" one is right, of 4 spellings of "fo" one is
    constexpr std::string_view alphabet =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    int two = 0, three = 0;
    for (const char c : alphabet) {
        two += base64url_decode(std::string("Z") + c, out);
        three += base64url_decode(std::string("Zm") + c, out);
    }
    EXPECT_EQ(two, 4);
    EXPECT_EQ(three, 16);
}

TEST(Base64Url, EveryForeignByteIsRefusedAtEveryPosition) {
    std::string out;
    for (std::size_t length = 4; length <= 7; ++length)
        for (std::size_t i = 0; i < length; ++i)
            for (int c = 0; c < 256; ++c) {
                const bool known = isalnum(c) != 0 || c == '-' || c == '_';
                std::string text(length, 'A');
                text[i] = static_cast<char>(c);
                const bool refused = !base64url_decode(text, out);
                EXPECT_TRUE(refused || (known && length != 5)) << c << " at " << i;
            }
}

TEST(Base64, PaddingIsRequired) {
    std::string out;
    const std::pair<std::string_view, std::string_view> known[] = {
        {"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"\xfb\xff", "+/8="}};
    for (const auto &[bytes, text] : known) {
        EXPECT_EQ(base64_encode(bytes), text);
        ASSERT_TRUE(base64_decode(text, out));
        EXPECT_EQ(out, bytes);
    }
    for (const std::string_view text : {"Zg", "Zm8", "Zg=", "Zg===", "Zh==", "Zm9=", "=",
                                        "====", "Z===", "-_8=", "Zm9v\n", "Zg==Zg==", "Z=g="})
        EXPECT_FALSE(base64_decode(text, out)) << text;
}

TEST(Hex, BothCasesAndNothingElse) {
    std::string out;
    EXPECT_EQ(hex_encode(std::string_view("\0\x01\xab\xff", 4)), "0001abff");
    ASSERT_TRUE(hex_decode("00aBFf", out));
    EXPECT_EQ(out, std::string("\0\xab\xff", 3));
    ASSERT_TRUE(hex_decode("", out));
    EXPECT_EQ(out, "");
    for (const std::string_view text : {"0", "0g", "g0", " 0", "0x", "0 ", "00\n"})
        EXPECT_FALSE(hex_decode(text, out)) << text;
}

TEST(ConstantTimeEqual, ComparesContentAndLength) {
    EXPECT_TRUE(constant_time_equal("", ""));
    EXPECT_TRUE(constant_time_equal("abc", "abc"));
    EXPECT_FALSE(constant_time_equal("abc", "abd"));
    EXPECT_FALSE(constant_time_equal("abc", "xbc"));
    EXPECT_FALSE(constant_time_equal("abc", "abcd"));
    EXPECT_FALSE(constant_time_equal("abc", ""));
}

TEST(Secret, MovesAndTakes) {
    Secret empty;
    EXPECT_TRUE(empty.empty());
    EXPECT_EQ(empty.view(), "");
    std::string text = "not so short that it would live inside the object";
    Secret a = Secret::take(text);
    EXPECT_EQ(text, "");
    EXPECT_EQ(a.view(), "not so short that it would live inside the object");
    const char *where = a.view().data();
    Secret b = std::move(a);
    EXPECT_EQ(b.view().data(), where); // the bytes stay where they are
    EXPECT_TRUE(a.empty());            // NOLINT: what a moved-from secret is, is the point
    empty = std::move(b);
    EXPECT_EQ(empty.size(), 49u);
    const Secret zeros = Secret::of_size(3);
    EXPECT_EQ(zeros.view(), std::string(3, '\0'));
}

TEST(Wipe, LeavesNothingUpToTheCapacity) {
    std::string text = "a secret that was longer once, much longer than now";
    text.resize(5);
    const char *data = text.data();
    const std::size_t capacity = text.capacity();
    wipe(text);
    EXPECT_TRUE(text.empty());
    ASSERT_EQ(text.data(), data);
    // resizing would write zeros itself, so look at the bytes behind the end
    for (std::size_t i = 0; i < capacity; ++i)
        EXPECT_EQ(data[i], '\0');
    char raw[4] = {1, 2, 3, 4};
    wipe(raw, sizeof raw);
    EXPECT_EQ(std::string(raw, 4), std::string(4, '\0'));
}

TEST(Printable, CutsAtCharactersAndHidesControls) {
    EXPECT_EQ(printable("a\nb\x7f"), "a?b?");
    EXPECT_EQ(printable(std::string_view("a\0b", 3)), "a?b");
    EXPECT_EQ(printable(std::string(100, 'x')).size(), 64u);
    EXPECT_EQ(printable("ab\xc3\xa9", 3), "ab");
    EXPECT_EQ(printable("ab\xc3\xa9", 4), "ab\xc3\xa9");
    EXPECT_EQ(printable("\xf0\x9f\x98\x80", 3), "");
}

} // namespace
} // namespace pg_principal
