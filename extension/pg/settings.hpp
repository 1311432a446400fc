// The settings pg_principal.*; what each is for stands in settings.cpp. Those that only SQL reads
// have no function here.
#pragma once

#include "core/principals/password.hpp"

#include <cstdint>
#include <string_view>

namespace pg_principal::settings {

void define();

// Empty when there is none. Of a connection that a token has opened it is that one, whatever
// pg_principal.token says: a pool that hands out such a connection cannot be told to be another.
std::string_view token() noexcept;
bool is_login() noexcept;
// For the door alone: for the life of the connection. Throws PgError.
void bind_login(const char *token);
bool end_session_with_token() noexcept;
// Whether a login has just been refused another token: the statement holds it, and must stay out of
// the log.
bool take_refused_token() noexcept;
std::string_view issuer();
std::string_view audience();
std::string_view master_key_file() noexcept;
std::int64_t max_token_ttl() noexcept; // seconds
int clock_skew() noexcept;             // seconds
bool trust_request_claims() noexcept;
std::int64_t access_token_ttl() noexcept;    // seconds
std::string_view request_context() noexcept; // JSON as somebody typed it, or empty
PasswordPolicy password_policy();

// Binds the token for the rest of the transaction (local) or of the session. Throws PgError.
void bind_token(const char *token, bool local);
// Whether what runs now is a trigger, in a transaction that withholds the caller's identity from them.
bool identity_is_withheld() noexcept;
// Whether the transaction does.
bool withholds_identity() noexcept;
// For the rest of the transaction, and for its parallel workers. Not guarded: may end by a longjmp.
void withhold_identity();
// For the rest of the transaction. Throws PgError.
void bind_request_context(const char *json);

} // namespace pg_principal::settings
