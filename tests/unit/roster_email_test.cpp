#include "core/email.hpp"

#include <gtest/gtest.h>

using namespace pg_principal;
using namespace std::string_literals;

TEST(Email, IsTrimmedAndLowered) {
    EXPECT_EQ(normalise_email(" \t\r\nAda.Lovelace@Example.COM\v\f "), "ada.lovelace@example.com");
    EXPECT_EQ(normalise_email(""), "");
    EXPECT_EQ(normalise_email("  "), "");
}

TEST(Email, LowersAsciiOnly) {
    // The two bytes of a capital E with acute stay, whatever the locale.
    EXPECT_EQ(normalise_email("\xc3\x89VA@X"), "\xc3\x89va@x");
}

TEST(Email, KeepsBlanksInside) { EXPECT_EQ(normalise_email("a b@x"), "a b@x"); }

TEST(Email, Accepts) {
    for (const char *email :
         {"a@b", "ada.lovelace+tag@example.co.uk", "ren\xc3\xa9@ex\xc3\xa4mple.com",
          "\xf0\x9f\x90\x98@example.com", "'; drop--@x"})
        if (std::string(email).find(' ') == std::string::npos) {
            EXPECT_EQ(check_email(email), std::nullopt) << email;
        }
    EXPECT_EQ(check_email(std::string(250, 'a') + "@b.c"), std::nullopt);
}

TEST(Email, Refuses) {
    const std::pair<std::string, const char *> cases[] = {
        {"", "is empty"},
        {"ada", "has no @"},
        {"a@b@c", "has more than one @"},
        {"@b", "has nothing before the @"},
        {"a@", "has nothing after the @"},
        {"a@.b", "has an empty label in its domain"},
        {"a@b.", "has an empty label in its domain"},
        {"a@b..c", "has an empty label in its domain"},
        {"a b@c", "contains whitespace"},
        {"a@b ", "contains whitespace"},
        {"a\xc2\xa0@b", "contains whitespace"},
        {"a\xe3\x80\x80@b", "contains whitespace"},
        {"a\t@b", "contains a control character"},
        {"a\x7f@b", "contains a control character"},
        {"a\xc2\x85@b", "contains a control character"},
        {"a\0@b"s, "contains a NUL byte"},
        {"a\xe2\x80\x8b@b", "contains an invisible character"},
        {"\xe2\x80\xae@b", "contains an invisible character"},
        {"a\xff@b", "is not valid UTF-8"},
        {"a@b\xc3", "is not valid UTF-8"},
        {"\xc0\x80@b", "is not valid UTF-8"},
        {"\xed\xa0\x80@b", "is not valid UTF-8"},
        {"\xf4\x90\x80\x80@b", "is not valid UTF-8"},
        {std::string(251, 'a') + "@b.c", "is longer than 254 bytes"},
    };
    for (const auto &[email, problem] : cases)
        EXPECT_EQ(check_email(email), problem) << quote_for_message(email);
}

TEST(Text, CountsCharactersNotBytes) {
    std::string text;
    for (int i = 0; i < 10; ++i)
        text += "\xc3\xa9";
    EXPECT_EQ(check_text(text, 10), std::nullopt);
    EXPECT_EQ(check_text(text + "x", 10), "is longer than 10 characters");
    EXPECT_EQ(check_text("a\nb", 10), "contains a control character");
    EXPECT_EQ(check_text("a\0b"s, 10), "contains a NUL byte");
    EXPECT_EQ(check_text("a\x80", 10), "is not valid UTF-8");
}

TEST(Quote, EscapesWhatATerminalWouldObey) {
    EXPECT_EQ(quote_for_message("caf\xc3\xa9"), "\"caf\xc3\xa9\"");
    EXPECT_EQ(quote_for_message("\033[31m\0\xff"s), "\"\\x1b[31m\\x00\\xff\"");
    EXPECT_EQ(quote_for_message("\xe2\x80\xae"), "\"\\xe2\\x80\\xae\"");
    EXPECT_EQ(quote_for_message(std::string(5000, 'x')), '"' + std::string(80, 'x') + "...\"");
}

TEST(Characters, AreDecoded) {
    const std::string text = "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x90\x98";
    std::size_t at = 0;
    EXPECT_EQ(next_character(text, at), U'a');
    EXPECT_EQ(next_character(text, at), U'\u00e9');
    EXPECT_EQ(next_character(text, at), U'\u20ac');
    EXPECT_EQ(next_character(text, at), U'\U0001f418');
    EXPECT_EQ(at, text.size());
}
