#include "core_support.hpp"

#include "core/principals/password.hpp"
#include "core/base/utf8.hpp"

namespace pg_principal {
namespace {

using Problems = std::vector<std::string>;

Problems problems(std::string_view password) { return check_password_policy(password, {}); }

PasswordPolicy only(std::string_view classes, std::size_t least = 0, std::size_t most = 1000) {
    return {least, most, parse_password_classes(classes)};
}

TEST(PasswordPolicy, StrongPasswordsPass) {
    for (const std::string_view password : {"Th1sIsAStrong!Pass", "Abcdefghij1_", "Aa1 Aa1 Aa1 ",
                                            "Gr\xc3\xbc\xc3\x9f"
                                            "e1234567"})
        EXPECT_EQ(problems(password), Problems{}) << password;
}

TEST(PasswordPolicy, EveryProblemIsNamedAtOnce) {
    EXPECT_EQ(
        problems(""),
        (Problems{"must have at least 12 characters", "must have a lower-case letter",
                  "must have an upper-case letter", "must have a digit", "must have a symbol"}));
    EXPECT_EQ(problems("abcdefghij1_"), Problems{"must have an upper-case letter"});
    EXPECT_EQ(problems("ABCDEFGHIJ1_"), Problems{"must have a lower-case letter"});
    EXPECT_EQ(problems("Abcdefghijk_"), Problems{"must have a digit"});
    EXPECT_EQ(problems("Abcdefghijk1"), Problems{"must have a symbol"});
    EXPECT_EQ(problems("Abcdefghi1_"), Problems{"must have at least 12 characters"});
    EXPECT_EQ(problems("Aa1_" + std::string(124, 'x')), Problems{});
    EXPECT_EQ(problems("Aa1_" + std::string(125, 'x')),
              Problems{"must have at most 128 characters"});
    EXPECT_EQ(check_password_policy("", only("", 1)), Problems{"must have at least 1 character"});
}

TEST(PasswordPolicy, ClassesOfEveryAsciiCharacter) {
    for (int i = 0; i < 128; ++i) {
        const char c = static_cast<char>(i);
        const std::string text(1, c);
        const bool control = i < 0x20 || i == 0x7f;
        const bool lower = std::string_view("abcdefghijklmnopqrstuvwxyz").find(c) != text.npos;
        const bool upper = std::string_view("ABCDEFGHIJKLMNOPQRSTUVWXYZ").find(c) != text.npos;
        const bool digit = std::string_view("0123456789").find(c) != text.npos;
        const bool symbol = !control && !lower && !upper && !digit;
        EXPECT_EQ(check_password_policy(text, only("")).empty(), !control) << i;
        EXPECT_EQ(check_password_policy(text, only("lower")).empty(), lower) << i;
        EXPECT_EQ(check_password_policy(text, only("upper")).empty(), upper) << i;
        EXPECT_EQ(check_password_policy(text, only("digit")).empty(), digit) << i;
        EXPECT_EQ(check_password_policy(text, only("symbol")).empty(), symbol) << i;
    }
}

TEST(PasswordPolicy, CharactersAreCountedNotBytes) {
    for (const std::uint32_t c : {0xe9u, 0x20acu, 0x1f600u}) {
        std::string text;
        for (int i = 0; i < 12; ++i)
            append_utf8(text, c);
        EXPECT_EQ(check_password_policy(text, only("symbol", 12, 12)), Problems{});
        EXPECT_EQ(check_password_policy(text, only("", 13)),
                  Problems{"must have at least 13 characters"});
        EXPECT_EQ(check_password_policy(text, only("", 0, 11)),
                  Problems{"must have at most 11 characters"});
        EXPECT_EQ(check_password_policy(text, only("lower,upper,digit")).size(), 3u);
    }
}

TEST(PasswordPolicy, ControlCharactersAreRefused) {
    const Problems refused{"must not have control characters"};
    const std::string start = "Th1sIsAStrong!";
    for (const std::string &bad : {std::string(1, '\0'), std::string("\t"), std::string("\n"),
                                   std::string("\r"), std::string("\x1b"), std::string("\x7f"),
                                   std::string("\xc2\x80"), std::string("\xc2\x9f")})
        EXPECT_EQ(problems(start + bad + "Pass"), refused);
    EXPECT_EQ(problems(start + "\xc2\xa0"), Problems{});
    EXPECT_EQ(problems(start + "\xc3\x80"), Problems{});
}

TEST(PasswordPolicy, InvalidUtf8IsRefused) {
    for (const std::string_view bad : {"\xff", "\x80", "\xc2", "\xc0\x80", "\xe2\x82",
                                       "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xf0\x9f\x98"})
        for (const std::string_view tail : {"", "Pass"})
            EXPECT_EQ(problems("Th1sIsAStrong!" + std::string(bad) + std::string(tail)),
                      Problems{"must be UTF-8"});
}

std::string names(std::string_view text) {
    const PasswordClasses classes = parse_password_classes(text);
    return std::string(classes.lower ? "l" : "") + (classes.upper ? "u" : "") +
           (classes.digit ? "d" : "") + (classes.symbol ? "s" : "");
}

TEST(PasswordClasses, Lists) {
    EXPECT_EQ(names("lower,upper,digit,symbol"), "luds");
    EXPECT_EQ(names("symbol"), "s");
    EXPECT_EQ(names(" digit ,\tlower\n"), "ld");
    EXPECT_EQ(names("upper,upper"), "u");
    EXPECT_EQ(names(""), "");
    EXPECT_EQ(names(" \t"), "");
    for (const std::string_view text : {",", "lower,", ",lower", "lower,,upper", "lower upper",
                                        "Lower", "lowercase", "lower;upper", "none", "lower, ,"})
        error_of(Errc::password_class_unknown, [&] { parse_password_classes(text); });
    EXPECT_EQ(
        error_of(Errc::password_class_unknown, [] { parse_password_classes("lower, Digit"); }),
        "unknown character class \"Digit\"");
    error_of(Errc::password_class_unknown,
             [] { parse_password_classes(std::string_view("lower\0", 6)); });
}

} // namespace
} // namespace pg_principal
