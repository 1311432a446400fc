#include "core_support.hpp"

#include "core/crypto/crypto.hpp"
#include "core/principals/device_code.hpp"

#include <set>

namespace pg_principal {
namespace {

TEST(UserCode, OfTwentyLetters) {
    std::set<std::string> codes;
    std::set<char> seen;
    for (int i = 0; i < 1000; ++i) {
        const std::string code =
            make_user_code([](std::size_t size) { return random_bytes(size); });
        ASSERT_EQ(code.size(), 9u);
        ASSERT_EQ(code[4], '-');
        seen.insert(code.begin(), code.end());
        codes.insert(code);
    }
    EXPECT_EQ(std::string(seen.begin(), seen.end()), "-BCDFGHJKLMNPQRSTVWXZ");
    EXPECT_EQ(codes.size(), 1000u);
}

// Bytes that would make some letters more likely are not used.
TEST(UserCode, NoLetterIsMoreLikely) {
    int asked = 0;
    const std::string code = make_user_code([&asked](std::size_t size) {
        ++asked;
        return asked == 1 ? std::string(size, '\xf0')
                          : std::string("\x00\xef\xff\x13\x14\x01\x02\x03", 8);
    });
    EXPECT_EQ(code, "BZZB-CDFB");
    EXPECT_EQ(asked, 3);
}

TEST(UserCode, HoweverItIsTyped) {
    for (const char *typed :
         {"BCDF-GHJK", "bcdfghjk", "b c d f g h j k", " bcdf-ghjk ", "--BCDFGHJK", "BCDF_GHJK",
          "BCDF\xe2\x80\x90GHJK", "BCDF\xe2\x80\x93\xc2\xa0GHJK\r\n", "(BCDF.GHJK)"})
        EXPECT_EQ(read_user_code(typed), "BCDFGHJK") << typed;
    for (const char *typed : {"", "-", "BCDF-GHJ", "BCDF-GHJKL", "BCDF-GHJA", "BCDF-GHJ1",
                              "BCDF0GHJK", "BCDFGHJ\xc3\x9f"})
        EXPECT_FALSE(read_user_code(typed)) << typed;
    EXPECT_FALSE(read_user_code(std::string(100000, 'B')));
    EXPECT_FALSE(read_user_code(std::string_view("BCDFGHJ\0", 8)));
}

} // namespace
} // namespace pg_principal
