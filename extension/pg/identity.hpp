// Who the caller is: the token verified, its session and principal alive. What was proved once is
// kept until a revocation is signalled or a setting changes; expiry is checked at every use.
#pragma once

#include "pg/bridge.hpp"

extern "C" {
#include "utils/timestamp.h"
#include "utils/uuid.h"
}

#include <cstdint>
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
    std::string email, kind, app_role; // as the database has them
    TimestampTz dies_at = 0;
};

// Changes whenever an answer given before may no longer hold.
extern std::uint64_t identity_epoch;

// The token setting was assigned.
void identity_changed() noexcept;
// Whatever was proved must be proved again.
void forget_identities() noexcept;
// Called once when the library is loaded.
void watch_revocations();

// nullptr without a token. Throws Error(token_refused) with the reason as detail. Valid until the
// next call of this or the next function.
const Identity *current_identity();
// The identity proved last, without looking again: only where identity_epoch has not changed.
const Identity *known_identity() noexcept;
const Identity &verify_identity(std::string_view token);

} // namespace pg_principal
