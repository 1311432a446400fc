// What may stand in a header's name, a method and a host.
#pragma once

#include <algorithm>
#include <string_view>

namespace pg_principal::http {

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

} // namespace pg_principal::http
