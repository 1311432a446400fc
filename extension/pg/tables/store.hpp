// Reads of our own tables by primary key, each under a fresh snapshot, whatever the transaction's
// isolation level, in parallel workers and on a standby. Rows are plain data.
#pragma once

#include "pg/bridge/bridge.hpp"

extern "C" {
#include "utils/snapshot.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"
}

namespace pg_principal {

// The fresh snapshot that several reads share: what was moved from one table to another is read
// once.
class Moment {
  public:
    enum class Seen { by_us, by_others }; // by others: without what this transaction has changed
    explicit Moment(Seen seen = Seen::by_us);
    ~Moment();
    Moment(const Moment &) = delete;
    Moment &operator=(const Moment &) = delete;
    Snapshot snapshot() const noexcept { return snapshot_; }

  private:
    Snapshot snapshot_;
};

// What a session was got by and ends with.
struct Tie {
    enum What { agent, session, grant, credential } what;
    pg_uuid_t id;
    int generation;  // of an agent, when the session began
    pg_uuid_t owner; // of a credential
};

struct SessionRow {
    bool found;
    bool revoked;
    Tie *ties; // palloc'd in the current context; nullptr: none
    int tie_count;
    bool has_user;
    bool adopted; // a project key from elsewhere
    pg_uuid_t user_id;
    int generation;
    TimestampTz expires_at;
    char role[32];
    char kid[256]; // of the key that has signed its one token; empty: it has several, or is older
};

struct PrincipalRow {
    bool found;
    bool banned; // at the time that was asked
    bool has_end;
    TimestampTz banned_until;
    int generation;
    pg_uuid_t id;
    char email[256];
    char kind[32];
    char app_role[32];
};

// The row, and what was decided beside it while somebody held it (auth.ended_sessions,
// auth.decisions).
SessionRow read_session(const pg_uuid_t &id, const Moment &moment);
PrincipalRow read_principal(const pg_uuid_t &id, TimestampTz now, const Moment &moment);
PrincipalRow read_principal(std::string_view email, TimestampTz now, const Moment &moment);
// To the statement that asks, not at a moment of its own.
bool has_decisions(const pg_uuid_t &user_id);
// Whether an UPDATE of a table of ours sets off a trigger or rule that is none of ours.
bool has_application_triggers(std::string_view table);
// Whether something is still there, and until when; DT_NOEND: it has no end of its own.
struct Lasting {
    bool found;
    TimestampTz ends;
};
// What a delegated token or an application's was got by.
Lasting read_grant(const pg_uuid_t &id, const Moment &moment);
// The client secret, key or rule that a client's token was got with.
Lasting read_credential(const pg_uuid_t &id, const pg_uuid_t &owner, const Moment &moment);

struct SigningKeyRow {
    bool found;
    char kid[256];
    char state[32];
    bool sealed;
    bytea *material; // palloc'd in the current context: private JWK, sealed or in the clear
};
SigningKeyRow read_signing_key(std::string_view kid); // in the server's encoding

// Calls visit(row) for every signing key, without its material, inside the guard: it must not
// throw.
void read_signing_keys(void (*visit)(const SigningKeyRow &, void *), void *argument);

struct LoginRoleRow {
    char database_role[NAMEDATALEN];
    char kind[32], app_role[32]; // empty: of any
    bool has_user;
    pg_uuid_t user_id;
};
// Calls visit(row) for every row of auth.login_roles, inside the guard: it must not throw.
void read_login_roles(void (*visit)(const LoginRoleRow &, void *), void *argument);

struct ServerKeyRow {
    bool found;
    bool sealed;
    bytea *material; // palloc'd in the current context
};
ServerKeyRow read_server_key(const char *name);

// The stored hash of a principal's password, palloc'd in the current context; nullptr: none.
text *read_password_hash(const pg_uuid_t &id);

// The relation that carries revocation signals, or InvalidOid without the extension.
Oid revocation_marker();

} // namespace pg_principal
