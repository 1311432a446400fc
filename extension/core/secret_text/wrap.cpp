// What a text may be wrapped in.
#include "core/base/bytes.hpp"
#include "core/secret_text/internal.hpp"
#include "core/base/utf8.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

namespace pg_principal::secret_text {

namespace {

constexpr std::size_t shortest_run = 16;

bool is_space(char c) noexcept { return c == ' ' || (c >= '\t' && c <= '\r'); }

constexpr std::array<signed char, 256> make_values() {
    std::array<signed char, 256> values{};
    for (signed char &value : values)
        value = -1;
    constexpr std::string_view digits =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (std::size_t i = 0; i < digits.size(); ++i)
        values[static_cast<unsigned char>(digits[i])] = static_cast<signed char>(i);
    values['-'] = 62;
    values['_'] = 63;
    return values;
}
constexpr std::array<signed char, 256> base64_values = make_values();

int base64_value(char c) noexcept { return base64_values[static_cast<unsigned char>(c)]; }

int hex_value(char c) noexcept {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

// Hexadecimal digits with what people put between them: "30:82", "0x30, 0x82", "\x30".
std::optional<std::string> hex_bytes(std::string_view text) {
    std::string digits, bytes;
    const WipeOnExit wipe_digits(digits);
    digits.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i], next = i + 1 < text.size() ? text[i + 1] : '\0';
        if ((c == '0' || c == '\\') && (next == 'x' || next == 'X'))
            ++i;
        else if (hex_value(c) >= 0)
            digits += c;
        else if (!is_space(c) && c != ':' && c != ',' && c != '-')
            return std::nullopt;
    }
    if (digits.size() < shortest_run || !hex_decode(digits, bytes))
        return std::nullopt;
    return bytes;
}

std::optional<std::string> base32_bytes(std::string_view text) {
    std::string bytes;
    unsigned bits = 0, held = 0;
    for (char c : text) {
        if (is_space(c) || c == '=')
            continue;
        c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
        const int value = c >= 'A' && c <= 'Z' ? c - 'A' : c >= '2' && c <= '7' ? c - '2' + 26 : -1;
        if (value < 0)
            return std::nullopt;
        bits = (bits << 5 | static_cast<unsigned>(value)) & 0xffff;
        if ((held += 5) >= 8)
            bytes += static_cast<char>(bits >> (held -= 8));
    }
    if (bytes.size() < shortest_run / 2)
        return std::nullopt;
    return bytes;
}

// "%7B" of URLs, "=7B" of emails.
std::optional<std::string> hex_escapes(std::string_view text, char sign) {
    std::string out;
    out.reserve(text.size());
    bool any = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool escaped = text[i] == sign && i + 2 < text.size() &&
                             hex_value(text[i + 1]) >= 0 && hex_value(text[i + 2]) >= 0;
        out += escaped ? static_cast<char>(hex_value(text[i + 1]) << 4 | hex_value(text[i + 2]))
                       : text[i];
        i += escaped ? 2 : 0;
        any |= escaped;
    }
    if (!any)
        return std::nullopt;
    return out;
}

// The backslashes of JSON and of programs.
std::optional<std::string> backslashes(std::string_view text) {
    if (text.find('\\') == text.npos)
        return std::nullopt;
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char next = i + 1 < text.size() ? text[i + 1] : '\0';
        if (text[i] != '\\' || next == '\0') {
            out += text[i];
        } else if (next == 'u' && i + 5 < text.size()) {
            std::uint32_t unit = 0;
            for (std::size_t digit = i + 2; digit < i + 6; ++digit)
                unit = unit << 4 | static_cast<std::uint32_t>(std::max(hex_value(text[digit]), 0));
            append_utf8(out, unit >= 0xd800 && unit < 0xe000 ? '?' : unit);
            i += 5;
        } else {
            out += next == 'n' || next == 'r' ? '\n' : next == 't' ? '\t' : next;
            ++i;
        }
    }
    return out;
}

std::optional<std::string> entities(std::string_view text) {
    std::string out(text);
    for (const auto &[entity, character] :
         {std::pair{"&quot;", "\""}, {"&#34;", "\""}, {"&#x22;", "\""}, {"&amp;", "&"}})
        for (std::size_t at = out.find(entity); at != out.npos; at = out.find(entity, at))
            out.replace(at, std::string_view(entity).size(), character);
    if (out == text)
        return std::nullopt;
    return out;
}

} // namespace

bool is_printable(std::string_view text) noexcept {
    for (std::size_t i = 0; i < text.size();) {
        const auto c = static_cast<unsigned char>(text[i]);
        if (c < 0x80) {
            if ((c < 0x20 && !is_space(text[i])) || c == 0x7f)
                return false;
            ++i;
        } else {
            const std::size_t size = utf8_sequence(text.substr(i));
            if (size == 0)
                return false;
            i += size;
        }
    }
    return true;
}

std::string_view trimmed(std::string_view text) noexcept {
    while (!text.empty() && is_space(text.front()))
        text.remove_prefix(1);
    while (!text.empty() && is_space(text.back()))
        text.remove_suffix(1);
    return text;
}

std::optional<std::string> base64_bytes(std::string_view text) {
    std::string bytes;
    bytes.reserve(text.size() / 4 * 3 + 3);
    unsigned bits = 0, held = 0;
    for (const char c : text) {
        if (is_space(c) || c == '=')
            continue;
        const int value = base64_value(c);
        if (value < 0)
            return std::nullopt;
        bits = (bits << 6 | static_cast<unsigned>(value)) & 0xffff;
        if ((held += 6) >= 8)
            bytes += static_cast<char>(bits >> (held -= 8));
    }
    return bytes;
}

std::vector<std::string_view> base64_runs(std::string_view text, std::size_t shortest) {
    std::vector<std::string_view> runs;
    for (std::size_t i = 0; i < text.size();) {
        std::size_t end = i;
        while (end < text.size() && base64_value(text[end]) >= 0)
            ++end;
        if (end - i >= shortest)
            runs.push_back(text.substr(i, end - i));
        i = end + 1;
    }
    return runs;
}

std::vector<Unwrapped> unwrapped(std::string_view text) {
    std::vector<Unwrapped> found;
    const auto add = [&](const char *wrapping, std::optional<std::string> bytes,
                         bool by_chance = false) {
        if (bytes && !bytes->empty())
            found.push_back({wrapping, std::move(*bytes), by_chance});
    };
    add("hex", hex_bytes(text));
    auto whole = base64_bytes(text);
    const bool is_base64 = whole.has_value();
    add("base64", std::move(whole));
    add("base32", base32_bytes(text));
    if (!is_printable(text))
        return found;
    add("the URL encoding", hex_escapes(text, '%'), true);
    add("the quoted-printable form", hex_escapes(text, '='), true);
    add("the escaped form", backslashes(text), true);
    add("the HTML form", entities(text), true);
    if (!is_base64)
        for (const std::string_view run : base64_runs(text, shortest_run))
            add("base64", base64_bytes(run));
    return found;
}

} // namespace pg_principal::secret_text
