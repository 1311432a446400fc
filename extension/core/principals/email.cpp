#include "core/principals/email.hpp"

#include <algorithm>

#include "core/base/unicode.hpp"
#include "core/base/utf8.hpp"

namespace pg_principal {

namespace {

constexpr bool is_ascii_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

constexpr bool is_ascii_alnum(char32_t c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

// RFC 5322, 3.2.3
constexpr bool is_atext(char32_t c) {
    return is_ascii_alnum(c) ||
           (c < 0x80 && std::string_view("!#$%&'*+-/=?^_`{|}~").find(static_cast<char>(c)) !=
                            std::string_view::npos);
}

// What no address has anywhere, and would not show or mislead in a text: nothing when it is fine.
const char *hidden(char32_t c, CharacterKind kind) {
    switch (kind) {
    case CharacterKind::control:
        return c == 0 ? "contains a NUL byte" : "contains a control character";
    case CharacterKind::invisible:
        return "contains an invisible character";
    case CharacterKind::unassigned:
        return "contains an unassigned or private-use character";
    default:
        return nullptr;
    }
}

bool is_word(CharacterKind kind) {
    return kind <= CharacterKind::other_letter && kind >= CharacterKind::mark;
}

bool is_mark(CharacterKind kind) {
    return kind == CharacterKind::mark || kind == CharacterKind::other_mark;
}

// Before the parts: two addresses that look the same on a screen must be the same address.
std::optional<std::string> check_characters(std::string_view email) {
    CharacterKind before = CharacterKind::symbol;
    for (std::size_t at = 0; at < email.size();) {
        const std::optional<char32_t> c = next_character(email, at);
        if (!c)
            return "is not valid UTF-8";
        const CharacterKind kind = kind_of_character(*c);
        if (const char *reason = hidden(*c, kind))
            return reason;
        if (kind == CharacterKind::space)
            return "contains whitespace";
        if (is_mark(kind) && !is_word(before))
            return "contains a combining mark without a letter before it";
        before = kind;
    }
    return std::nullopt;
}

std::string misplaced(char32_t c, const char *where) {
    std::string out = "contains '";
    append_utf8(out, c);
    return out + "' " + where;
}

// A dot-atom of RFC 5321, 4.1.2, with the characters that RFC 6531, 3.3 adds.
std::optional<std::string> check_local_part(std::string_view part) {
    if (part.empty())
        return "has nothing before the @";
    if (part.size() > max_local_part_bytes)
        return "has more than " + std::to_string(max_local_part_bytes) + " bytes before the @";
    if (part.front() == '.' || part.back() == '.' || part.find("..") != part.npos)
        return "has a dot too many before the @";
    for (std::size_t at = 0; at < part.size();)
        if (const char32_t c = next_character(part, at).value_or(0);
            c < 0x80 && c != '.' && !is_atext(c))
            return misplaced(c, "before the @");
    return std::nullopt;
}

// A host name (RFC 1123, 2.1), its labels also as IDNA2008 shows them to people (RFC
// 5890, 2.3.2.1).
std::optional<std::string> check_label(std::string_view label) {
    constexpr std::size_t longest = 63;
    if (label.empty())
        return "has an empty label in its domain";
    if (label.front() == '-' || label.back() == '-')
        return "has a label that begins or ends with a hyphen in its domain";
    std::size_t characters = 0;
    for (std::size_t at = 0; at < label.size(); ++characters) {
        const char32_t c = next_character(label, at).value_or(0);
        const CharacterKind kind = kind_of_character(c);
        if (!is_ascii_alnum(c) && c != '-' && kind != CharacterKind::letter &&
            kind != CharacterKind::mark)
            return misplaced(c, "in its domain");
    }
    if (characters > longest)
        return "has a label of more than " + std::to_string(longest) + " characters in its domain";
    return std::nullopt;
}

std::optional<std::string> check_domain(std::string_view domain) {
    if (domain.empty())
        return "has nothing after the @";
    for (;;) {
        const std::size_t dot = domain.find('.');
        if (const auto problem = check_label(domain.substr(0, dot)))
            return problem;
        if (dot == std::string_view::npos)
            return std::nullopt;
        domain.remove_prefix(dot + 1);
    }
}

// In names, joiners shape Persian and Hindi letters and put emoji together, selectors choose
// between forms of one character.
constexpr bool is_joiner(char32_t c) { return c == 0x200c || c == 0x200d; }
constexpr bool is_selector(char32_t c) {
    return (c >= 0xfe00 && c <= 0xfe0f) || (c >= 0xe0100 && c <= 0xe01ef) ||
           (c >= 0x180b && c <= 0x180f && c != 0x180e);
}

// Later versions of Unicode assign new emoji: a text may have them, an address not yet.
constexpr bool is_reserved(char32_t c) {
    return !(c >= 0xe000 && c <= 0xf8ff) && c < 0xf0000 && (c & 0xfffe) != 0xfffe &&
           !(c >= 0xfdd0 && c <= 0xfdef);
}

// Reads a text character by character: what is wrong with the next one, given those before.
class TextChecker {
  public:
    const char *next(char32_t c) {
        const CharacterKind kind = kind_of_character(c);
        const char *reason = hidden(c, kind);
        if (kind == CharacterKind::unassigned && is_reserved(c))
            reason = nullptr;
        if (kind == CharacterKind::invisible && takes_form(c))
            reason = nullptr;
        if (c == 0x2028 || c == 0x2029)
            reason = "contains an invisible character";
        if (first_ && is_mark(kind))
            reason = "begins with a combining mark";
        first_ = false;
        joined_ = is_joiner(c);
        if (kind != CharacterKind::space && kind != CharacterKind::invisible) {
            last_visible_ = c;
            blank_ = false;
        } else if (kind == CharacterKind::space) {
            last_visible_ = 0;
        }
        return reason;
    }
    const char *end() const {
        if (joined_)
            return "contains an invisible character";
        return blank_ && !first_ ? "is blank" : nullptr;
    }

  private:
    // Latin letters have no other form, and after a joiner there is something to join.
    bool takes_form(char32_t c) const {
        return !joined_ && ((is_joiner(c) && last_visible_ >= 0x80) ||
                            (is_selector(c) && last_visible_ != 0 && !is_latin(last_visible_)));
    }
    static bool is_latin(char32_t c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

    char32_t last_visible_ = 0;
    bool first_ = true, joined_ = false, blank_ = true;
};

void append_escaped(std::string &out, unsigned char byte) {
    constexpr char digits[] = "0123456789abcdef";
    out += "\\x";
    out += digits[byte >> 4];
    out += digits[byte & 15];
}

} // namespace

std::optional<char32_t> next_character(std::string_view text, std::size_t &at) {
    const std::size_t size = utf8_sequence(text.substr(at));
    if (size == 0)
        return std::nullopt;
    const auto lead = static_cast<unsigned char>(text[at]);
    char32_t c = size == 1 ? lead : lead & (0x7fU >> size);
    for (std::size_t i = 1; i < size; ++i)
        c = (c << 6) | (static_cast<unsigned char>(text[at + i]) & 0x3fU);
    at += size;
    return c;
}

std::string_view trim_ascii(std::string_view text) {
    while (!text.empty() && is_ascii_space(text.front()))
        text.remove_prefix(1);
    while (!text.empty() && is_ascii_space(text.back()))
        text.remove_suffix(1);
    return text;
}

std::string normalise_email(std::string_view email) { return lower_ascii(trim_ascii(email)); }

std::string lower_ascii(std::string_view text) {
    std::string out(text);
    for (char &c : out)
        if (c >= 'A' && c <= 'Z')
            c = static_cast<char>(c - 'A' + 'a');
    return out;
}

std::optional<std::string> check_email(std::string_view email) {
    if (email.empty())
        return "is empty";
    if (email.size() > max_email_bytes)
        return "is longer than " + std::to_string(max_email_bytes) + " bytes";
    if (const auto problem = check_characters(email))
        return problem;
    const std::size_t sign = email.find('@');
    if (sign == std::string_view::npos)
        return "has no @";
    if (email.find('@', sign + 1) != std::string_view::npos)
        return "has more than one @";
    if (const auto problem = check_local_part(email.substr(0, sign)))
        return problem;
    return check_domain(email.substr(sign + 1));
}

std::optional<std::string> check_text(std::string_view text, std::size_t max_characters) {
    TextChecker checker;
    std::size_t characters = 0;
    for (std::size_t at = 0; at < text.size(); ++characters) {
        const std::optional<char32_t> c = next_character(text, at);
        if (!c)
            return "is not valid UTF-8";
        if (const char *reason = checker.next(*c))
            return reason;
        if (characters == max_characters)
            return "is longer than " + std::to_string(max_characters) + " characters";
    }
    if (const char *reason = checker.end())
        return reason;
    return std::nullopt;
}

std::string quote_for_message(std::string_view text) {
    constexpr std::size_t longest = 80;
    std::string out = "\"";
    for (std::size_t at = 0; at < text.size();) {
        if (out.size() > longest) {
            out += "...";
            break;
        }
        const std::size_t start = at;
        const std::optional<char32_t> c = next_character(text, at);
        if (c && !hidden(*c, kind_of_character(*c)) && *c != 0x2028 && *c != 0x2029) {
            out += text.substr(start, at - start);
            continue;
        }
        at = std::max(at, start + 1);
        for (std::size_t i = start; i < at; ++i)
            append_escaped(out, static_cast<unsigned char>(text[i]));
    }
    return out += '"';
}

} // namespace pg_principal
