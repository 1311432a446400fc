#include "core/base/utf8.hpp"

#include <cstdint>
#include <cstring>

namespace pg_principal {

std::size_t utf8_sequence(std::string_view text) noexcept {
    if (text.empty())
        return 0;
    const auto lead = static_cast<unsigned char>(text[0]);
    if (lead < 0x80)
        return 1;
    const std::size_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc2 || lead > 0xf4 || text.size() < size)
        return 0;
    // the second byte is what tells overlong forms, surrogates and too large numbers
    const auto second = static_cast<unsigned char>(text[1]);
    const unsigned low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    const unsigned high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    bool valid = second >= low && second <= high;
    for (std::size_t i = 2; i < size; ++i)
        valid &= (static_cast<unsigned char>(text[i]) & 0xc0) == 0x80;
    return valid ? size : 0;
}

bool is_utf8(std::string_view text) noexcept {
    std::uint64_t eight;
    while (!text.empty()) {
        while (text.size() >= sizeof eight &&
               (std::memcpy(&eight, text.data(), sizeof eight), !(eight & 0x8080808080808080u)))
            text.remove_prefix(sizeof eight); // all ASCII, as most text is
        if (text.empty())
            break;
        const std::size_t size = utf8_sequence(text);
        if (size == 0)
            return false;
        text.remove_prefix(size);
    }
    return true;
}

std::string_view without_byte_order_mark(std::string_view text) noexcept {
    constexpr std::string_view mark = "\xef\xbb\xbf";
    return text.substr(0, mark.size()) == mark ? text.substr(mark.size()) : text;
}

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

void append_utf8(std::string &out, std::uint32_t c) {
    if (c < 0x80) {
        out += static_cast<char>(c);
        return;
    }
    if (c < 0x800) {
        out += static_cast<char>(0xc0 | c >> 6);
    } else {
        if (c < 0x10000) {
            out += static_cast<char>(0xe0 | c >> 12);
        } else {
            out += static_cast<char>(0xf0 | c >> 18);
            out += static_cast<char>(0x80 | (c >> 12 & 0x3f));
        }
        out += static_cast<char>(0x80 | (c >> 6 & 0x3f));
    }
    out += static_cast<char>(0x80 | (c & 0x3f));
}

} // namespace pg_principal
