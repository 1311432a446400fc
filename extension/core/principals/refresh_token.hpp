// Refresh tokens: opaque to clients, stored as a hash, each derived from the one before it.
#pragma once

#include "core/base/bytes.hpp"
#include "core/base/uuid.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace pg_principal {

// As text: ppr_ and base64url of version, session id, token id, secret (1, 16, 16, 32 bytes).
// The id is the token's generation (4 bytes, big-endian, 1 for the first) and 12 bytes of an HMAC
// over session and generation: a token whose hash is no longer stored is still known for ours.
struct RefreshToken {
    Uuid session_id{};
    Uuid id{};
    Secret secret; // 32 bytes
};
std::uint32_t generation_of(const RefreshToken &token) noexcept;
// Whether we made the id, as whoever shows it cannot have guessed. Tells nothing of the secret.
bool is_our_id(std::string_view server_key, const RefreshToken &token);

enum class RefreshTokenFault : std::uint8_t {
    none,
    verification_failed, // no refresh token: other prefix, or what follows is not base64url
    invalid_payload      // prefix and encoding are ours; version, length or generation are not
};
std::string_view refresh_fault_reason(RefreshTokenFault fault) noexcept; // as the audit spells it

// One token has one spelling. After a fault `token` is unspecified.
RefreshTokenFault parse_refresh_token(std::string_view text, RefreshToken &token);

// A secret: the caller wipes it.
std::string refresh_token_text(const RefreshToken &token);

// What is stored: SHA-256 of the whole token. Compare with constant_time_equal().
std::string refresh_token_hash(const RefreshToken &token);

// Secrets are HMAC-SHA256 under the server key (32 bytes or more):
//   first:     domain, session id, id, 32 random bytes that nobody keeps
//   successor: domain, session id, parent's id, parent's secret
// A retry with the same parent gives the same successor, though no plaintext was kept. Whoever
// reads the database has hashes, but neither the server key nor any secret, and needs both to go on
// from a token: the stored hash cannot stand in for the secret, so even a leaked server key derives
// nothing from it. A stolen token derives its successors only with the server key.
// Throw Error(crypto_failed) for a key, a secret or random bytes of another size, and past
// generation 2^31 - 1.
RefreshToken derive_first(std::string_view server_key, const Uuid &session_id,
                          std::string_view random);
RefreshToken derive_successor(std::string_view server_key, const RefreshToken &parent);

} // namespace pg_principal
