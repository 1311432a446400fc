// uuid across the border.
#pragma once

#include "pg/bridge/bridge.hpp"

extern "C" {
#include "utils/uuid.h"
}

#include <cstring>
#include <optional>
#include <string>
#include <string_view>

namespace pg_principal {

inline std::string_view bytes_of(const pg_uuid_t &id) noexcept {
    return {reinterpret_cast<const char *>(id.data), UUID_LEN};
}

// Of 16 bytes, in the current memory context.
inline Datum uuid_datum(const void *bytes) {
    auto *uuid = guard([] { return static_cast<pg_uuid_t *>(palloc(UUID_LEN)); });
    std::memcpy(uuid->data, bytes, UUID_LEN);
    return UUIDPGetDatum(uuid);
}

// As the server writes it: in small letters.
inline std::optional<pg_uuid_t> parse_uuid(std::string_view text) noexcept {
    pg_uuid_t uuid{};
    int digits = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (i == 8 || i == 13 || i == 18 || i == 23) {
            if (text[i] != '-')
                return std::nullopt;
            continue;
        }
        const char c = text[i];
        const int value = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (value < 0 || digits >= 2 * UUID_LEN)
            return std::nullopt;
        unsigned char &byte = uuid.data[digits++ / 2];
        byte = static_cast<unsigned char>(byte << 4 | value);
    }
    if (digits != 2 * UUID_LEN || text.size() != 36)
        return std::nullopt;
    return uuid;
}

inline std::string uuid_text(Datum uuid) {
    return guard([uuid] { return DatumGetCString(DirectFunctionCall1(uuid_out, uuid)); });
}

} // namespace pg_principal
