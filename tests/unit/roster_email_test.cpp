#include "core/base/text.hpp"
#include "core/principals/email.hpp"

#include "core/base/unicode.hpp"
#include "core/base/utf8.hpp"

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
          "\xf0\x9f\x90\x98@example.com", "o'neil@x", "!#$%&'*+-/=?^_`{|}~@x", "a@localhost",
          "-a-@x", "1@2", "a@xn--exmple-cua.com", "a@A-1.Com",
          // Thai and Hindi with marks, Greek that ends in a final sigma, German sharp s
          "\u0e17\u0e35\u0e48@\u0e17\u0e35\u0e48.th", "\u0939\u093f@\u0939\u093f.in",
          "a@\u03b3\u03c2.gr", "a@stra\u00dfe.de"})
        EXPECT_EQ(check_email(email), std::nullopt) << email;
    const std::string label(63, 'd');
    EXPECT_EQ(
        check_email(std::string(64, 'a') + '@' + label + '.' + label + '.' + std::string(61, 'd')),
        std::nullopt); // 254 bytes
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
        {std::string(65, 'a') + "@b.c", "has more than 64 bytes before the @"},
        {".a@b", "has a misplaced dot before the @"},
        {"a.@b", "has a misplaced dot before the @"},
        {"a..b@b", "has a misplaced dot before the @"},
        {"xx:;x@x.x", "contains ':' before the @"},
        {"<svg/onload=alert(1)>@x.x", "contains '<' before the @"},
        {"a,b@c.d", "contains ',' before the @"},
        {"\"a\"@c.d", "contains '\"' before the @"},
        {"a(b)@c.d", "contains '(' before the @"},
        {"a\\b@c.d", "contains '\\' before the @"},
        {"[a]@c.d", "contains '[' before the @"},
        {"a@-b.c", "has a label that begins or ends with a hyphen in its domain"},
        {"a@b-.c", "has a label that begins or ends with a hyphen in its domain"},
        {"a@b.-", "has a label that begins or ends with a hyphen in its domain"},
        {"a@b_c.d", "contains '_' in its domain"},
        {"a@[1.2.3.4]", "contains '[' in its domain"},
        {"a@b:25", "contains ':' in its domain"},
        {"a@b/c", "contains '/' in its domain"},
        {"a@" + std::string(64, 'b') + ".c",
         "has a label of more than 63 characters in its domain"},
        // a full stop that is none, wide letters, capitals: mail would go to another name
        {"a@b\u3002c", "contains '\u3002' in its domain"},
        {"a@\uff45.com", "contains '\uff45' in its domain"},
        {"a@\u00c9.com", "contains '\u00c9' in its domain"},
        {"a@\U0001f418.com", "contains '\U0001f418' in its domain"},
        {"\u0301@b", "contains a combining mark without a letter before it"},
        {"a.\u0301@b", "contains a combining mark without a letter before it"},
        {"a@\u0301b", "contains a combining mark without a letter before it"},
    };
    for (const auto &[email, problem] : cases)
        EXPECT_EQ(check_email(email), problem) << quote_for_message(email);
}

TEST(Email, RefusesWhatHidesByProperty) {
    const std::pair<const char *, std::vector<std::uint32_t>> hidden[] = {
        {"contains an invisible character",
         {0xad,    0x34f,   0x61c,   0x115f,  0x1160,  0x17b4,  0x180b,  0x180e,  0x180f,
          0x200b,  0x200c,  0x200e,  0x202e,  0x2060,  0x2066,  0x206f,  0x2800,  0x3164,
          0xfe00,  0xfe0f,  0xfeff,  0xffa0,  0xfff0,  0xfff9,  0xfffc,  0x70f,   0x600,
          0x8e2,   0x110bd, 0x13430, 0x13441, 0x1bca0, 0x16fe4, 0x1d159, 0x1d173, 0xe0001,
          0xe0020, 0xe007f, 0xe0100, 0xe01ef, 0xe0fff}},
        {"contains whitespace",
         {0xa0, 0x1680, 0x2000, 0x200a, 0x2028, 0x2029, 0x202f, 0x205f, 0x3000}},
        {"contains a control character", {0x1, 0x1f, 0x7f, 0x80, 0x85, 0x9f}},
        {"contains an unassigned or private-use character",
         {0xe000, 0xf8ff, 0xfdd0, 0xfffe, 0xffff, 0xf0000, 0x10fffd, 0x10ffff, 0x378, 0x1fbff}}};
    for (const auto &[reason, characters] : hidden)
        for (const std::uint32_t c : characters) {
            std::string hidden_here;
            append_utf8(hidden_here, c);
            EXPECT_EQ(check_email("a" + hidden_here + "b@x"), reason) << std::hex << c;
            EXPECT_EQ(check_email("a@x" + hidden_here + "y"), reason) << std::hex << c;
            const bool in_names =
                kind_of_character(c) == CharacterKind::space || c == 0x378 || c == 0x1fbff;
            if (!in_names) {
                EXPECT_EQ(check_text("Ada" + hidden_here + "B", 100), reason) << std::hex << c;
            }
        }
}

TEST(Text, MayJoinAndSelect) {
    for (const char *name :
         {"\U0001f469\u200d\U0001f680", "\u0645\u06cc\u200c\u062e",    // joined emoji, Persian
          "\u0915\u094d\u200d\u0937", "\u2764\ufe0f", "1\ufe0f\u20e3", // Hindi, a heart, a key
          "\u845b\U000e0100", "\U0001fae9", // one form of a character, one of a later Unicode
          "\u5c71\u3000\u592a", "Jose\u0301", ""})
        EXPECT_EQ(check_text(name, 100), std::nullopt) << name;
    for (const char *name : {"Ada\u200d", "Ad\u200ca", "\u200dA", "\u0645\u200c",
                             "\u0645\u200c\u200c\u062e", "A\ufe0f", "\ufe0f", "A\u2028B"})
        EXPECT_EQ(check_text(name, 100), "contains an invisible character") << name;
    EXPECT_EQ(check_text("\u0301A", 100), "begins with a combining mark");
    EXPECT_EQ(check_text("\u00a0\u3000", 100), "is blank");
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
