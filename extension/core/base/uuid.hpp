// 128-bit ids as the server stores them; compared byte by byte, as its type uuid is.
#pragma once

#include <array>
#include <cstring>
#include <string_view>

namespace pg_principal {

using Uuid = std::array<unsigned char, 16>;

inline std::string_view bytes_of(const Uuid &id) noexcept {
    return {reinterpret_cast<const char *>(id.data()), id.size()};
}

inline Uuid uuid_from(const void *sixteen_bytes) noexcept {
    Uuid id;
    std::memcpy(id.data(), sixteen_bytes, id.size());
    return id;
}

// As PostgreSQL and RFC 9562 write it, in either case.
inline bool is_uuid(std::string_view text) noexcept {
    if (text.size() != 36)
        return false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        const bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
        if (dash ? c != '-' : !hex)
            return false;
    }
    return true;
}

} // namespace pg_principal
