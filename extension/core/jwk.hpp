// Keys: JWK (RFC 7517, 7518, 8037), JWK sets, PEM, raw secrets, thumbprints (RFC 7638).
// Accepted: RSA of 2048 to 16384 bits with odd e >= 3 of at most 64 bits and no ROCA fingerprint;
// P-256, P-384, P-521 points on their curve; Ed25519 and Ed448; secrets of at least 32 bytes that
// are not a public key in disguise; private members that match the public ones.
#pragma once

#include "core/crypto.hpp"
#include "core/json.hpp"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pg_principal {

enum class KeyOperation { sign, verify };

// A copy is cheap: copies share the prepared state. For one thread.
class Key {
  public:
    Kty kty() const noexcept;
    Curve curve() const noexcept;
    std::optional<Alg> alg() const noexcept { return alg_; } // as declared
    const std::string &kid() const noexcept { return kid_; } // as declared, or empty
    bool is_private() const noexcept;                        // true for a secret, too
    bool is_symmetric() const noexcept { return kty() == Kty::oct; }
    Alg default_alg() const noexcept; // the declared one, else the usual one of the key's type
    // By type, curve, length, declared alg, key_ops and, to sign, the presence of the private part.
    bool allows(Alg alg, KeyOperation operation) const noexcept;
    // Why not, for an error message; empty when it is allowed.
    std::string_view refusal(Alg alg, KeyOperation operation) const noexcept;

    Key with_kid(std::string kid) const;
    Key with_alg(Alg alg) const; // throws Error(algorithm_mismatch)

    // The algorithm must be allowed; see jws.hpp for the checked entrance.
    std::string sign(Alg alg, std::string_view message) const;
    bool verify(Alg alg, std::string_view message, std::string_view signature) const;

  private:
    friend class KeyBuilder;
    struct State;
    Key() = default;
    std::string_view misfit(Alg alg) const noexcept; // type, curve and length alone

    std::shared_ptr<State> state_;
    std::optional<Alg> alg_;
    std::string kid_;
    bool may_sign_ = true, may_verify_ = true; // key_ops
};

// Throw Error(key_malformed) for what is no key, Error(key_refused) for what must not be used.
Key parse_jwk(std::string_view json);
Key parse_jwk(json::Value jwk);
Key parse_pem(std::string_view pem);
// The key's alg is declared to be this one.
Key key_from_secret(std::string_view secret, Alg alg = Alg::HS256);
// With its alg declared and its thumbprint as kid.
Key generate_key(Alg alg);

std::string thumbprint(const Key &key); // base64url of SHA-256
std::string public_jwk(const Key &key); // throws Error(key_refused) for a secret
Secret private_jwk(const Key &key);     // throws Error(key_refused) for a public key
std::string public_pem(const Key &key); // SPKI; throws Error(key_refused) for a secret
Secret private_pem(const Key &key);     // PKCS#8

// True for PEM, DER, base64 of DER, JWK or SSH public keys: such a text must never become an HMAC
// secret (algorithm confusion, RFC 8725 section 2.1).
bool looks_like_public_key(std::string_view secret);

class KeySet {
  public:
    // At most this many keys of a set are tried for one token.
    static constexpr std::size_t max_candidates = 8;
    struct Candidates {
        std::array<const Key *, max_candidates> keys{};
        std::size_t count = 0;
        bool kid_known = true; // false: the token names a kid that the set does not have
    };

    KeySet() = default;
    // Throws Error(key_set_refused) for a repeated kid. Secret next to asymmetric keys is allowed
    // here, for keys of our own: each of them declares its algorithm.
    explicit KeySet(std::vector<Key> keys);

    std::size_t size() const noexcept { return keys_.size(); }
    bool empty() const noexcept { return keys_.empty(); }
    const Key &operator[](std::size_t index) const noexcept { return keys_[index]; }
    auto begin() const noexcept { return keys_.begin(); }
    auto end() const noexcept { return keys_.end(); }
    const Key *find(std::string_view kid) const noexcept;

    // A token with a kid is checked with the key of that kid alone; when no key of the set has a
    // kid, or the token has none, with those whose type and alg fit, in the order of the set.
    Candidates candidates(Alg alg, std::optional<std::string_view> kid) const noexcept;
    // The first candidate, or nullptr.
    const Key *select(Alg alg, std::optional<std::string_view> kid) const noexcept;

  private:
    std::vector<Key> keys_;
    bool any_kid_ = false;
};

// A JWK or {"keys": [...]}. Elements that are not for us (unknown kty, crv or alg, another use, a
// required member missing) are skipped as RFC 7517 section 5 wants; unsound ones are errors, and so
// are a repeated kid and a secret next to asymmetric keys.
KeySet parse_jwk_set(std::string_view json);
KeySet parse_jwk_set(json::Value set);

} // namespace pg_principal
