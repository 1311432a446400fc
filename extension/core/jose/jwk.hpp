// Keys: JWK (RFC 7517, 7518, 8037), JWK sets, PEM, raw secrets, thumbprints (RFC 7638).
// Accepted: RSA of 2048 to 8192 bits with odd e >= 3 of at most 64 bits and no ROCA fingerprint;
// P-256, P-384, P-521 points on their curve; Ed25519 and Ed448; ML-DSA's public keys (RFC 9964)
// where OpenSSL has them; secrets of at least 32 bytes that
// are not a published text (secret_text.hpp); private members that match the public ones.
#pragma once

#include "core/crypto/crypto.hpp"
#include "core/json/document.hpp"

#include <array>
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
    bool is_pss_only() const noexcept; // a JWK says so by its alg alone
    Alg default_alg() const noexcept;  // the declared one, else the usual one of the key's type
    // By type, curve, length, declared alg, key_ops and, to sign, the presence of the private part.
    bool allows(Alg alg, KeyOperation operation) const noexcept;
    // Why not, for an error message; empty when it is allowed.
    std::string_view refusal(Alg alg, KeyOperation operation) const noexcept;

    Key with_kid(std::string kid) const;
    Key with_alg(Alg alg) const; // throws Error(algorithm_mismatch)

    // The algorithm must be allowed; see jws.hpp for the checked entrance.
    std::string sign(Alg alg, std::string_view message,
                     Checkpoint checkpoint = no_checkpoint) const;
    bool verify(Alg alg, std::string_view message, std::string_view signature,
                Checkpoint checkpoint = no_checkpoint) const;

  private:
    friend class KeyBuilder;
    struct State;
    Key() = default;
    Alg default_pss() const noexcept;
    std::string_view misfit(Alg alg) const noexcept; // type, curve and length alone

    std::shared_ptr<State> state_;
    std::optional<Alg> alg_;
    std::string kid_;
    bool may_sign_ = true, may_verify_ = true; // key_ops
};

// whole: the private half, where there is one, is checked against the public one.
// public_half: it is left out, for verifying is no reason to calculate with it.
// stored, stored_public_half: the same of a key of our own from earlier, which may be larger than a
// caller's.
enum class Reading { whole, public_half, stored, stored_public_half };

// Throw Error(key_malformed) for what is not a key, Error(key_refused) for what must not be used.
Key parse_jwk(std::string_view json, Reading reading = Reading::whole);
Key parse_jwk(json::Value jwk, Reading reading = Reading::whole);
Key parse_pem(std::string_view pem, Reading reading = Reading::whole);
// The key's alg is declared to be this one.
Key key_from_secret(std::string_view secret, Alg alg = Alg::HS256);
// With its alg declared and its thumbprint as kid.
Key generate_key(Alg alg, Checkpoint checkpoint = no_checkpoint);

std::string thumbprint(const Key &key); // base64url of SHA-256
std::string public_jwk(const Key &key); // throws Error(key_refused) for a secret
Secret private_jwk(const Key &key);     // throws Error(key_refused) for a public key
std::string public_pem(const Key &key); // SPKI; throws Error(key_refused) for a secret
Secret private_pem(const Key &key);     // PKCS#8

} // namespace pg_principal
