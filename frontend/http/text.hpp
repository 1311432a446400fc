// Small readings of text that several parts of HTTP have in common.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>

namespace pg_principal::http {

// Without the optional white space of RFC 9110, section 5.6.3.
inline std::string_view trimmed(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t'))
        text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t'))
        text.remove_suffix(1);
    return text;
}

inline bool is_printable_without(std::string_view text, std::string_view these) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
        return c > ' ' && c < 0x7f && these.find(c) == these.npos;
    });
}

// RFC 9110, section 5.6.2: what a method or a header's name may be.
inline bool is_token(std::string_view text) {
    return is_printable_without(text, "\"(),/:;<=>?@[\\]{}");
}

// A name or an address, with or without a port.
inline bool is_host(std::string_view text) {
    return is_printable_without(text, "\"#%&'()*+,/;<=>?@\\^`{|}$!");
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
