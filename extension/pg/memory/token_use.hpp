// Which agents' sessions have been used lately: noted in shared memory, because whoever verifies a
// token may be read-only or on a standby, and carried into auth.sessions by the health scan. Needs
// pg_principal in shared_preload_libraries; without it nothing is noted.
#pragma once

#include "pg/bridge/bridge.hpp"

extern "C" {
#include "utils/timestamp.h"
#include "utils/uuid.h"
}

#include <vector>

namespace pg_principal {

// Called while the library is preloaded.
void request_token_use_memory();

bool token_use_is_tracked() noexcept;
// Whether some uses found no room since the last drain.
bool token_use_overflowed() noexcept;
void note_token_use(const pg_uuid_t &session, TimestampTz now) noexcept;

struct TokenUse {
    Oid database;
    pg_uuid_t session;
    TimestampTz used_at;
};
// Takes out what was noted in this database. A transaction that does not commit puts it back.
std::vector<TokenUse> drain_token_use();
// What puts it back.
void watch_token_use();

} // namespace pg_principal
