// Which bytes may stand where in HTTP (RFC 9110, 9112, 3986).
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace pg_principal::http {

using ByteSet = std::array<bool, 256>;

constexpr bool in(const ByteSet &set, char c) { return set[static_cast<unsigned char>(c)]; }

constexpr ByteSet bytes_of(std::string_view more, char from, char to) {
    ByteSet set = {};
    for (char c = from; c < to; ++c)
        set[static_cast<unsigned char>(c)] = true;
    set[static_cast<unsigned char>(to)] = true;
    for (const char c : more)
        set[static_cast<unsigned char>(c)] = !set[static_cast<unsigned char>(c)];
    return set;
}

// The text lists what differs from the range.
inline constexpr ByteSet token_bytes = bytes_of("\"(),/:;<=>?@[\\]{}", '!', '~');
inline constexpr ByteSet path_bytes = bytes_of("\"#<>?\\^`{|}", '!', '~');
inline constexpr ByteSet query_bytes = bytes_of("\"#<>", '!', '~');
inline constexpr ByteSet host_bytes = bytes_of("\"#%&'()*+,/;<=>?@\\^`{|}$!", '!', '~');

constexpr ByteSet value_byte_set() {
    ByteSet set = bytes_of("\t", ' ', '~');
    for (std::size_t i = 0x80; i < 0x100; ++i)
        set[i] = true;
    return set;
}
inline constexpr ByteSet value_bytes = value_byte_set();

inline bool all_in(const ByteSet &set, std::string_view text) {
    for (const char c : text)
        if (!in(set, c))
            return false;
    return true;
}

inline bool is_hex(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

inline bool escapes_are_whole(std::string_view text) {
    for (std::size_t at = 0; (at = text.find('%', at)) != text.npos; at += 3)
        if (text.size() - at < 3 || !is_hex(text[at + 1]) || !is_hex(text[at + 2]))
            return false;
    return true;
}

inline std::string_view trimmed(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t'))
        text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t'))
        text.remove_suffix(1);
    return text;
}

inline bool read_digits(std::string_view text, std::uint64_t &number) {
    if (text.empty() || text.size() > 19)
        return false;
    number = 0;
    for (const char c : text) {
        if (c < '0' || c > '9')
            return false;
        number = number * 10 + static_cast<std::uint64_t>(c - '0');
    }
    return true;
}

} // namespace pg_principal::http
