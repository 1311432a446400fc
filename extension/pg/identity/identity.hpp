// Who the caller is: the token verified, its session and principal alive. What was proved once is
// kept until it may no longer hold (revocation.hpp); expiry is checked at every use.
#pragma once

#include "pg/bridge/bridge.hpp"
#include "pg/tables/revocation.hpp"

extern "C" {
#include "utils/timestamp.h"
#include "utils/uuid.h"
}

#include <string>

namespace pg_principal {

struct Identity {
    std::string source;  // the whole token
    std::string payload; // its claims as JSON, UTF-8
    std::string role;
    std::string scope; // space-separated
    bool has_session = false;
    pg_uuid_t session_id{};
    bool has_principal = false; // false: a project key
    pg_uuid_t uid{};
    std::string email, kind, app_role; // of the row, not of the token
    TimestampTz dies_at = 0;
    bool is_agent = false;
    mutable std::int64_t noted_day = 0; // when its use was last noted
};

// nullptr without a token. Throws Error(token_refused) with the reason as detail. Valid until the
// next call of this or of verify_identity().
const Identity *current_identity();
// What current_identity() last returned: only while identity_epoch has not changed since.
const Identity *known_identity() noexcept;
// True while it may change without identity_epoch telling: ask at every call.
bool identity_is_unwatched() noexcept;
const Identity &verify_identity(std::string_view token);

} // namespace pg_principal
