// Refresh tokens: opaque to clients, stored as a hash, each derived from the one before it.
#pragma once

#include "core/bytes.hpp"
#include "core/uuid.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace pg_principal {

// As text: ppr_ and base64url of version, session id, token id, secret (1, 16, 16, 32 bytes).
struct RefreshToken {
    Uuid session_id{};
    Uuid id{};
    Secret secret; // 32 bytes
};

enum class RefreshTokenFault : std::uint8_t {
    none,
    verification_failed, // no refresh token: other prefix, or what follows is no base64url
    invalid_payload      // prefix and encoding are ours, version or length are not
};
std::string_view refresh_fault_reason(RefreshTokenFault fault) noexcept; // as the audit spells it

// One token has one spelling. After a fault `token` is unspecified.
RefreshTokenFault parse_refresh_token(std::string_view text, RefreshToken &token);

// A secret: the caller wipes it.
std::string refresh_token_text(const RefreshToken &token);

// What is stored: SHA-256 of the whole token. Compare with constant_time_equal().
std::string refresh_token_hash(const RefreshToken &token);

// Secrets are HMAC-SHA256 under the server key (32 bytes or more):
//   first:     domain, session id, token id, 32 random bytes that nobody keeps
//   successor: domain, session id, parent's id, parent's secret; its id likewise, domain apart
// A retry with the same parent gives the same successor, though no plaintext was kept. Whoever
// reads the database has ids and hashes, but neither the server key nor any secret, and needs both
// to go on from a token: the stored hash cannot stand in for the secret, so even a leaked server
// key derives nothing from it. A stolen token derives its successors only with the server key.
// Throw Error(crypto_failed) for a key, a secret or random bytes of another size.
RefreshToken derive_first(std::string_view server_key, const Uuid &session_id, const Uuid &id,
                          std::string_view random);
// Derived ids are UUIDs of version 8 (RFC 9562), which leaves 122 bits of the HMAC.
RefreshToken derive_successor(std::string_view server_key, const RefreshToken &parent);

} // namespace pg_principal
