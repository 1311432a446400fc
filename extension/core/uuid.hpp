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

} // namespace pg_principal
