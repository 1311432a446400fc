#include "core/principals/refresh_token.hpp"

#include "core/crypto/crypto.hpp"
#include "core/base/error.hpp"

#include <array>
#include <cstdint>
#include <cstring>

namespace pg_principal {

namespace {

using namespace std::string_view_literals;

constexpr std::string_view prefix = "ppr_";
constexpr char token_version = 1;
constexpr std::size_t id_size = sizeof(Uuid), secret_size = 32, min_key_size = 32;
constexpr std::size_t payload_size = 1 + 2 * id_size + secret_size;
constexpr std::size_t generation_size = 4;
constexpr std::uint32_t max_generation = 0x7fffffff;

// The last character, NUL, keeps any of them from being the start of another.
constexpr std::string_view hash_domain = "pg_principal refresh token hash\0"sv;
constexpr std::string_view first_domain = "pg_principal refresh token first\0"sv;
constexpr std::string_view id_domain = "pg_principal refresh token id\0"sv;
constexpr std::string_view secret_domain = "pg_principal refresh token successor secret\0"sv;

void require_size(bool fits, const char *what) {
    if (!fits)
        throw Error(Errc::crypto_failed, {what});
}

// Domain, then the payload of a token: everything but the domain has a fixed size.
std::string payload(std::string_view domain, const Uuid &session_id, const Uuid &id,
                    std::string_view secret) {
    require_size(secret.size() == secret_size, "refresh token secret size");
    std::string out;
    out.reserve(domain.size() + payload_size); // never moved, so that one wipe finds all of it
    out.append(domain).append(1, token_version);
    out.append(bytes_of(session_id)).append(bytes_of(id)).append(secret);
    return out;
}

HmacKey server_hmac(std::string_view server_key) {
    require_size(server_key.size() >= min_key_size, "refresh token key size");
    return HmacKey(server_key);
}

Secret derive(HmacKey &key, std::string_view domain, const Uuid &session_id, const Uuid &id,
              std::string_view secret) {
    std::string message = payload(domain, session_id, id, secret);
    const WipeOnExit guard(message);
    std::array<char, 64> out;
    Secret derived(key.sign(Hash::sha256, message, out));
    wipe(out.data(), out.size());
    return derived;
}

Uuid make_id(HmacKey &key, const Uuid &session_id, std::uint32_t generation) {
    Uuid id{};
    for (std::size_t i = 0; i < generation_size; ++i)
        id[i] = static_cast<unsigned char>(generation >> (8 * (generation_size - 1 - i)));
    std::string message(id_domain);
    message.append(1, token_version).append(bytes_of(session_id));
    message.append(bytes_of(id).substr(0, generation_size));
    std::array<char, 64> out;
    const std::string_view mac = key.sign(Hash::sha256, message, out);
    std::memcpy(id.data() + generation_size, mac.data(), id_size - generation_size);
    return id;
}

} // namespace

std::uint32_t generation_of(const RefreshToken &token) noexcept {
    std::uint32_t generation = 0;
    for (std::size_t i = 0; i < generation_size; ++i)
        generation = generation << 8 | token.id[i];
    return generation;
}

bool is_our_id(std::string_view server_key, const RefreshToken &token) {
    HmacKey key = server_hmac(server_key);
    return constant_time_equal(bytes_of(make_id(key, token.session_id, generation_of(token))),
                               bytes_of(token.id));
}

std::string_view refresh_fault_reason(RefreshTokenFault fault) noexcept {
    switch (fault) {
    case RefreshTokenFault::verification_failed:
        return "verification-failed";
    case RefreshTokenFault::invalid_payload:
        return "invalid-payload";
    default:
        return "";
    }
}

RefreshTokenFault parse_refresh_token(std::string_view text, RefreshToken &token) {
    if (text.substr(0, prefix.size()) != prefix)
        return RefreshTokenFault::verification_failed;
    std::string bytes;
    const WipeOnExit guard(bytes);
    if (!base64url_decode(text.substr(prefix.size()), bytes))
        return RefreshTokenFault::verification_failed;
    if (bytes.size() != payload_size || bytes[0] != token_version)
        return RefreshTokenFault::invalid_payload;
    token.session_id = uuid_from(&bytes[1]);
    token.id = uuid_from(&bytes[1 + id_size]);
    token.secret = Secret(std::string_view(bytes).substr(1 + 2 * id_size));
    const std::uint32_t generation = generation_of(token);
    if (generation == 0 || generation > max_generation)
        return RefreshTokenFault::invalid_payload;
    return RefreshTokenFault::none;
}

std::string refresh_token_text(const RefreshToken &token) {
    std::string bytes = payload({}, token.session_id, token.id, token.secret.view());
    const WipeOnExit guard(bytes);
    std::string text;
    text.reserve(prefix.size() + (payload_size * 4 + 2) / 3); // never moved
    base64url_append(text.append(prefix), bytes);
    return text;
}

std::string refresh_token_hash(const RefreshToken &token) {
    std::string bytes = payload(hash_domain, token.session_id, token.id, token.secret.view());
    const WipeOnExit guard(bytes);
    return sha256(bytes);
}

RefreshToken derive_first(std::string_view server_key, const Uuid &session_id,
                          std::string_view random) {
    HmacKey key = server_hmac(server_key);
    const Uuid id = make_id(key, session_id, 1);
    return {session_id, id, derive(key, first_domain, session_id, id, random)};
}

RefreshToken derive_successor(std::string_view server_key, const RefreshToken &parent) {
    require_size(generation_of(parent) < max_generation, "refresh token generation");
    HmacKey key = server_hmac(server_key);
    return {parent.session_id, make_id(key, parent.session_id, generation_of(parent) + 1),
            derive(key, secret_domain, parent.session_id, parent.id, parent.secret.view())};
}

} // namespace pg_principal
