// Whether a token's principal may have a connection as a database role: what auth.uid() demands of
// a token, and that the role is granted to the principal in auth.login_roles.
#pragma once

#include "pg/identity/identity.hpp"
#include "pg/login/connections.hpp"

namespace pg_principal::login {

// How long one lock may keep a verdict waiting: a table that is locked for long must not keep
// everybody waiting, nor the dead alive.
constexpr int lock_wait_ms = 1000;

// Throws Error(token_refused) with the reason as detail, PgError when the database cannot tell.
// Needs a transaction in the database; the result is valid as that of verify_identity().
const Identity &admit(std::string_view token, Oid role);
// The same of a token that was bound by SQL: how its connection logged in is no matter of ours.
const Identity &admit_bound(std::string_view token);

Owner owner_of(const Identity &identity) noexcept;

// The reason to give for an error that the tables raised, "" when another try may help.
const char *reason_of(int sqlstate) noexcept;

// What the server knows before there is a database.
struct RoleFacts {
    Oid oid; // InvalidOid: no such role
    bool too_powerful;
};
RoleFacts find_role(const char *name);
// InvalidOid when nobody may connect to it or it is not there.
Oid find_database(const char *name);

} // namespace pg_principal::login
