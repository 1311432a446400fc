#include "core/email.hpp"

#include <algorithm>
#include <array>

#include "core/utf8.hpp"

namespace pg_principal {

namespace {

struct Range {
    char32_t first, last;
};

constexpr bool is_ascii_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

constexpr bool is_control(char32_t c) { return c < 0x20 || (c >= 0x7f && c < 0xa0); }

template <std::size_t size>
bool is_in(const std::array<Range, size> &ranges, char32_t c) {
    return std::any_of(ranges.begin(), ranges.end(),
                       [c](Range range) { return c >= range.first && c <= range.last; });
}

constexpr std::array spaces = {Range{' ', ' '},       Range{0xa0, 0xa0},     Range{0x1680, 0x1680},
                               Range{0x2000, 0x200a}, Range{0x2028, 0x2029}, Range{0x202f, 0x202f},
                               Range{0x205f, 0x205f}, Range{0x3000, 0x3000}};

// Two addresses that look the same on a screen must be the same address.
constexpr std::array invisible = {Range{0xad, 0xad},     Range{0x200b, 0x200f},
                                  Range{0x202a, 0x202e}, Range{0x2060, 0x206f},
                                  Range{0xfe00, 0xfe0f}, Range{0xfeff, 0xfeff}};

std::optional<std::string> check_domain(std::string_view domain) {
    if (domain.empty())
        return "has nothing after the @";
    if (domain.front() == '.' || domain.back() == '.' ||
        domain.find("..") != std::string_view::npos)
        return "has an empty label in its domain";
    return std::nullopt;
}

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
    for (std::size_t at = 0; at < email.size();) {
        const std::optional<char32_t> c = next_character(email, at);
        if (!c)
            return "is not valid UTF-8";
        if (*c == 0)
            return "contains a NUL byte";
        if (is_control(*c))
            return "contains a control character";
        if (is_in(spaces, *c))
            return "contains whitespace";
        if (is_in(invisible, *c))
            return "contains an invisible character";
    }
    const std::size_t sign = email.find('@');
    if (sign == std::string_view::npos)
        return "has no @";
    if (email.find('@', sign + 1) != std::string_view::npos)
        return "has more than one @";
    if (sign == 0)
        return "has nothing before the @";
    return check_domain(email.substr(sign + 1));
}

std::optional<std::string> check_text(std::string_view text, std::size_t max_characters) {
    std::size_t characters = 0;
    for (std::size_t at = 0; at < text.size(); ++characters) {
        const std::optional<char32_t> c = next_character(text, at);
        if (!c)
            return "is not valid UTF-8";
        if (*c == 0)
            return "contains a NUL byte";
        if (is_control(*c))
            return "contains a control character";
        if (characters == max_characters)
            return "is longer than " + std::to_string(max_characters) + " characters";
    }
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
        if (c && !is_control(*c) && !is_in(invisible, *c)) {
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
