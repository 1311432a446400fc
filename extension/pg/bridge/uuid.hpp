// uuid across the border.
#pragma once

#include "pg/bridge/bridge.hpp"

extern "C" {
#include "utils/uuid.h"
}

#include <cstring>
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

inline std::string uuid_text(Datum uuid) {
    return guard([uuid] { return DatumGetCString(DirectFunctionCall1(uuid_out, uuid)); });
}

} // namespace pg_principal
