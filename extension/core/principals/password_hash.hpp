// Stored forms of a password: ours, and those that other systems write and an import brings along.
#pragma once

#include "core/crypto/crypto.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace pg_principal {

// What one verification may cost, in one place. Measured on the machine of README's table, where a
// hash of ours takes 24 ms: the dearest that is accepted takes 0.2 s of Argon2, else 0.4 to 0.9 s.
// Chosen so that what the well-known libraries write by default is below, with room.
namespace password_limits {
constexpr std::uint64_t argon2_kib_passes = 8 * 2 * 19456; // 8 of ours; 304 MiB in one pass
constexpr std::uint64_t argon2_lanes = 64;
constexpr std::uint64_t bcrypt_cost = 14;
constexpr std::uint64_t pbkdf2_iterations = 2'000'000; // of SHA-1 and SHA-256, for each block
constexpr std::uint64_t pbkdf2_sha512_iterations = 1'000'000;
constexpr std::uint64_t scrypt_nrp = 1u << 20; // N r p; of memory 128 MiB. yescrypt alike
constexpr std::uint64_t sha_crypt_rounds = 1'000'000;
} // namespace password_limits

struct Argon2Hash {
    enum class Type : std::uint8_t { d, i, id } type = Type::id;
    std::uint32_t version = 19, memory_kib = 0, passes = 0, lanes = 0;
    std::string salt, tag;
};
struct BcryptHash {
    // What of the password is hashed: itself, or a digest, as Django and passlib do it.
    enum class Of : std::uint8_t { password, sha256_hex, sha256_base64, hmac_sha256_base64 };
    Of of = Of::password;
    std::string stored; // 60 bytes, as crypt(3) has it
};
struct Pbkdf2Stored {
    Pbkdf2Hash hash = Pbkdf2Hash::sha256;
    std::uint32_t iterations = 0;
    std::string salt, tag;
};
struct ScryptHash {
    std::uint32_t log_n = 0, r = 0, p = 0;
    std::string salt, tag;
    std::string signer_key; // Firebase: what the derived key encrypts, giving the tag
};
struct CryptHash {
    std::string stored; // $5$, $6$, $7$, $y$, $gy$
};
using PasswordHash = std::variant<Argon2Hash, BcryptHash, Pbkdf2Stored, ScryptHash, CryptHash>;

// The hash, or a predicate that says what is wrong with it and never what it is:
// "is MD5, which cannot be verified here".
struct ReadPasswordHash {
    std::optional<PasswordHash> hash;
    std::string problem;
};
ReadPasswordHash read_password_hash(std::string_view stored);

} // namespace pg_principal
