#include "core/principals/email.hpp"

#include "core/base/text.hpp"
#include "core/base/unicode.hpp"
#include "core/base/utf8.hpp"

namespace pg_principal {

namespace {

constexpr bool is_ascii_alnum(char32_t c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

// RFC 5322, 3.2.3
constexpr bool is_atext(char32_t c) {
    return is_ascii_alnum(c) ||
           (c < 0x80 && std::string_view("!#$%&'*+-/=?^_`{|}~").find(static_cast<char>(c)) !=
                            std::string_view::npos);
}

bool is_word(CharacterKind kind) {
    return kind <= CharacterKind::other_letter && kind >= CharacterKind::mark;
}

// Before the parts: two addresses that look the same on a screen must be the same address.
std::optional<std::string> check_characters(std::string_view email) {
    CharacterKind before = CharacterKind::symbol;
    for (std::size_t at = 0; at < email.size();) {
        const std::optional<char32_t> c = next_character(email, at);
        if (!c)
            return "is not valid UTF-8";
        const CharacterKind kind = kind_of_character(*c);
        if (const char *reason = hidden_character(*c, kind))
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
        return "has a misplaced dot before the @";
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

} // namespace

std::string normalise_email(std::string_view email) { return lower_ascii(trim_ascii(email)); }

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

} // namespace pg_principal
