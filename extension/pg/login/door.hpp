// The door: a token in place of a password. A process that authenticates has no database, so a
// worker in the wanted one judges the token; the session asks again before it is served
// (session.cpp), and without that second verdict the server's own start of it fails.
#pragma once

#include "pg/login/connections.hpp"

namespace pg_principal::login {

// Called where the server authenticates a client: never raises and never throws. True: the token
// may have a session as the role that the client asked for.
bool open_door(Door door, const char *user, const char *token) noexcept;
// Why it last refused, for the server's log alone.
const char *refusal() noexcept;

// Returns when the worker has admitted the token; else throws Error(token_refused).
void ask_worker(Door door, Oid database, Oid role, std::string_view token);
// Asks the postmaster for a worker in that database unless there is one. False: it cannot be had.
bool ensure_worker(Oid database);

// The token that was let in until its session begins; nullptr: none.
struct Admission {
    Door door;
    std::string token;
};
const Admission *admission() noexcept;
void end_admission() noexcept;

// Whether this process refused and its lines are more than the log is worth.
bool is_muted() noexcept;
// Counts and logs a refusal by this process.
void report_refusal(Door door, const char *role, const char *database,
                    std::string_view reason) noexcept;

} // namespace pg_principal::login
