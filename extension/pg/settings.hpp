// The settings pg_principal.*; what each is for stands in settings.cpp. Those that only SQL reads
// have no function here.
#pragma once

#include "core/principals/password.hpp"

#include <cstdint>
#include <string_view>

namespace pg_principal::settings {

void define();

std::string_view token() noexcept; // empty when there is none
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

} // namespace pg_principal::settings
