// For password_hash*.cpp alone: the pieces that stored forms are made of.
#pragma once

#include "core/principals/password_hash.hpp"

#include <cstdint>
#include <initializer_list>
#include <vector>

namespace pg_principal::password_hash {

using Fields = std::vector<std::string_view>;
Fields split(std::string_view text, char separator);
bool take(std::string_view &text, std::string_view expected) noexcept;

// Digits without a zero in front; what does not fit into 32 bits is UINT32_MAX, which is dearer
// than any limit.
bool read_number(std::string_view text, std::uint32_t &number) noexcept;
// "m=1,t=2" in any order, each name once; those given as required must be there, others must not.
bool read_parameters(std::string_view text,
                     std::initializer_list<std::pair<std::string_view, std::uint32_t *>> required);
// Both alphabets of base64 and passlib's, padded or not.
bool read_base64(std::string_view text, std::string &out);

ReadPasswordHash malformed(std::string_view kind);
// Too dear, too short a salt or tag, or good.
ReadPasswordHash judged(Argon2Hash hash);
ReadPasswordHash judged(Pbkdf2Stored hash);
ReadPasswordHash judged(ScryptHash hash);
ReadPasswordHash too_costly(std::string_view what, std::string_view limit);

bool log2_of(std::uint32_t n, std::uint32_t &log) noexcept; // false: no power of two

// Each for forms that begin alike; nullopt: it is none of them.
std::optional<ReadPasswordHash> read_argon2(std::string_view text);
std::optional<ReadPasswordHash> read_bcrypt(std::string_view text);
std::optional<ReadPasswordHash> read_crypt(std::string_view text);
std::optional<ReadPasswordHash> read_pbkdf2(std::string_view text);
std::optional<ReadPasswordHash> read_scrypt(std::string_view text);
std::optional<ReadPasswordHash> read_keycloak(std::string_view text);
std::optional<ReadPasswordHash> read_aspnet(std::string_view text);

} // namespace pg_principal::password_hash
