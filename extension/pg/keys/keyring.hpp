// The signing keys of this database: each is read and prepared when it is first needed, and kept
// until itself changes.
#pragma once

#include "core/jose/jws.hpp"
#include "pg/bridge/pg.hpp"
#include "pg/tables/revocation.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pg_principal {

// What a kid names. Throws Error(master_key_missing) when the key is sealed and cannot be opened.
// The pointer, nullptr unless the key may verify, is valid until the next call of any function
// here.
enum class KeyStanding { unknown, revoked, verifies };
struct VerificationKey {
    KeyStanding standing = KeyStanding::unknown;
    const Key *key = nullptr;
    std::uint64_t edition = 0; // the same: what was verified with the key still is
    SignalId signal = 0;
};
VerificationKey verification_key(std::string_view kid);
// What changes of a key are signalled by that may verify; none when there is no such key.
std::optional<SignalId> standing_key(std::string_view kid);
// The kid of a key that may verify and has signed it: for tokens without a kid. Throws as above.
std::optional<std::string> signer_of(const CompactJws &jws);
// The key in use; throws Error(token_not_signed) when there is none.
const Key &signing_key();
// The claims, a JSON object, as a JWT under that key; throws Error(token_too_long) too.
std::string sign_claims(std::string_view claims, std::string_view typ = "JWT");

// What refresh tokens are derived with. Throws Error(server_key_missing) before the first sign-in.
std::string_view refresh_token_key();
inline constexpr const char *refresh_token_key_name = "refresh_token";

// Private material as it is stored: sealed when a master key is configured, for a key of this kind
// and name (a kid, the name of a server key) alone.
enum class KeyKind { signing, server };
struct StoredMaterial {
    std::string bytes;
    std::string sealed_under; // empty: in the clear
};
StoredMaterial store_material(std::string_view plain, KeyKind kind, std::string_view name);
// As (material, sealed_under).
Datum material_record(FunctionCallInfo fcinfo, const StoredMaterial &stored);
Secret open_material(std::string_view bytes, bool sealed, KeyKind kind, std::string_view name);

} // namespace pg_principal
