// The only door to OpenSSL (crypto*.cpp): no other file includes its headers.
#pragma once

#include "core/base/bytes.hpp"
#include "core/base/checkpoint.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

struct evp_mac_ctx_st;
struct evp_md_ctx_st;
struct evp_md_st;
struct evp_pkey_ctx_st;
struct evp_pkey_st;

namespace pg_principal {

enum class Alg : std::uint8_t {
    HS256,
    HS384,
    HS512,
    RS256,
    RS384,
    RS512,
    PS256,
    PS384,
    PS512,
    ES256,
    ES384,
    ES512,
    EdDSA,
    Ed25519, // RFC 9864, as the next: EdDSA with the curve in its name
    Ed448,
    ML_DSA_44, // RFC 9964, as the next two: verified, where OpenSSL can, and never signed
    ML_DSA_65,
    ML_DSA_87
};
constexpr std::size_t alg_count = 18;
enum class Kty : std::uint8_t { oct, RSA, EC, OKP, AKP };
// Of AKP the parameter set, which the algorithm names and no member.
enum class Curve : std::uint8_t {
    none,
    P256,
    P384,
    P521,
    Ed25519,
    Ed448,
    ML_DSA_44,
    ML_DSA_65,
    ML_DSA_87
};
enum class Hash : std::uint8_t { none, sha256, sha384, sha512 };
constexpr std::size_t hash_count = 4;

// Whether this OpenSSL has ML-DSA, as it does from 3.5 on. Where it has not, no name leads there.
bool has_ml_dsa() noexcept;
std::optional<Alg> alg_from_name(std::string_view name) noexcept;
Alg require_alg(std::string_view name); // throws Error(algorithm_unknown)
std::string_view alg_name(Alg alg) noexcept;
bool is_pss(Alg alg) noexcept;
Hash alg_hash(Alg alg) noexcept; // none for those of OKP and AKP
Kty alg_kty(Alg alg) noexcept;
Curve alg_curve(Alg alg) noexcept; // none where any will do
bool fits_curve(Alg alg, Curve curve) noexcept;
// Whether both name the same operation with a key on this curve: EdDSA and Ed25519, or Ed448.
bool is_same_algorithm(Alg a, Alg b, Curve curve) noexcept;
std::size_t hash_size(Hash hash) noexcept;
std::string_view kty_name(Kty kty) noexcept;
std::string_view curve_name(Curve curve) noexcept;
std::optional<Curve> curve_from_name(std::string_view name) noexcept;
std::size_t field_size(Curve curve) noexcept; // octets of a coordinate, or of an OKP or AKP key

// Once, as early as a process can: an OpenSSL that lacked memory at its first use of an algorithm
// does not have it ever after. Whoever gets an exception must not go on.
void prepare_crypto();
void prepare_hashing(); // hashes, HMAC and random bytes alone; tries twice

std::string sha256(std::string_view data);
std::string hmac_sha256(std::string_view key, std::string_view data);
void random_bytes(void *out, std::size_t size);
std::string random_bytes(std::size_t size);

// AES-256-GCM with a 96-bit nonce: ciphertext followed by the 128-bit tag.
constexpr std::size_t aead_key_size = 32, aead_nonce_size = 12, aead_tag_size = 16;
std::string aes256_gcm_encrypt(std::string_view key, std::string_view nonce, std::string_view aad,
                               std::string_view plaintext);
// nullopt when the tag does not fit.
std::optional<Secret> aes256_gcm_decrypt(std::string_view key, std::string_view nonce,
                                         std::string_view aad, std::string_view sealed);

// Derived keys that other systems store of passwords. The caller bounds what they cost.
enum class Pbkdf2Hash : std::uint8_t { sha1, sha256, sha512 };
Secret pbkdf2(Pbkdf2Hash hash, std::string_view password, std::string_view salt,
              std::uint32_t iterations, std::size_t size);
// N is 2 to the power of log_n.
Secret scrypt(std::string_view password, std::string_view salt, std::uint32_t log_n,
              std::uint32_t r, std::uint32_t p, std::size_t size);
// The counter begins at zero: for a key that encrypts one text only.
std::string aes256_ctr(std::string_view key, std::string_view text);

struct OpensslFree {
    void operator()(evp_mac_ctx_st *ctx) const noexcept;
    void operator()(evp_md_ctx_st *ctx) const noexcept;
    void operator()(evp_md_st *md) const noexcept;
    void operator()(evp_pkey_ctx_st *ctx) const noexcept;
    void operator()(evp_pkey_st *pkey) const noexcept;
};
template <class T>
using OpensslPtr = std::unique_ptr<T, OpensslFree>;

// A keyed HMAC whose context is prepared once for each hash: keying costs more than hashing.
class HmacKey {
  public:
    explicit HmacKey(std::string_view secret) : secret_(secret) {}
    std::string_view secret() const noexcept { return secret_.view(); }
    // Writes hash_size(hash) bytes and returns a view of them.
    std::string_view sign(Hash hash, std::string_view message, std::array<char, 64> &out,
                          Checkpoint checkpoint = no_checkpoint);

  private:
    Secret secret_;
    std::array<OpensslPtr<evp_mac_ctx_st>, hash_count> ready_;
};

// What an RSA key for RSASSA-PSS alone (id-RSASSA-PSS, RFC 4055 section 1.2) is limited to.
struct PssLimits {
    bool only = false;
    Hash hash = Hash::none; // none: any
    int salt = 0;           // at least as many octets, where the hash is given
};

// The numbers of an asymmetric key, big-endian. EC and OKP: coordinates and d in full length. AKP:
// the public key as x.
struct KeyParts {
    Kty kty = Kty::RSA;
    Curve curve = Curve::none;
    std::string n, e;        // RSA
    std::string x, y;        // EC; OKP, AKP (x)
    Secret d;                // empty: a public key
    Secret p, q, dp, dq, qi; // RSA; all or none
    PssLimits pss;           // RSA
    bool is_private() const noexcept { return !d.empty(); }
    void drop_private();
};

// What a caller may make us calculate with, and what keys of our own from earlier may have.
constexpr std::size_t max_rsa_bits = 8192, max_stored_rsa_bits = 16384;

// A checked asymmetric key with contexts prepared at first use; for one thread.
class PKey {
  public:
    // Throws Error(key_refused) when the numbers do not form a sound key (the rules: jwk.hpp).
    static PKey build(const KeyParts &parts, std::size_t rsa_bits = max_rsa_bits);
    static PKey generate(Alg alg, Checkpoint checkpoint = no_checkpoint);
    // SPKI, PKCS#8, PKCS#1 and SEC1 without a passphrase, and a certificate, of which nothing is
    // looked at but the key and whether it may sign. public_half: of a private key no more.
    static PKey from_pem(std::string_view pem, bool public_half = false);

    KeyParts parts() const;
    std::string public_pem() const; // SPKI
    Secret private_pem() const;     // PKCS#8
    Kty kty() const noexcept { return kty_; }
    Curve curve() const noexcept { return curve_; }
    bool is_private() const noexcept { return is_private_; }
    const PssLimits &pss() const noexcept { return pss_; }

    // The algorithm must fit the key. JOSE forms: raw r||s for ES, salt as long as the hash for PS.
    std::string sign(Alg alg, std::string_view message, Checkpoint checkpoint = no_checkpoint);
    bool verify(Alg alg, std::string_view message, std::string_view signature,
                Checkpoint checkpoint = no_checkpoint);

  private:
    PKey() = default;
    static PKey adopt(OpensslPtr<evp_pkey_st> pkey, Kty kty, Curve curve, bool is_private);
    std::string_view digest(Hash hash, std::string_view message, std::array<char, 64> &out,
                            Checkpoint checkpoint);
    evp_pkey_ctx_st *context(Alg alg, bool signing);
    std::string sign_whole(std::string_view message) const; // EdDSA hashes by itself
    int verify_whole(std::string_view message, std::string_view signature) const;
    bool signs_what_it_verifies();

    OpensslPtr<evp_pkey_st> pkey_;
    OpensslPtr<evp_md_ctx_st> md_ctx_;
    std::array<OpensslPtr<evp_md_st>, hash_count> md_;
    std::array<OpensslPtr<evp_pkey_ctx_st>, alg_count> sign_ctx_, verify_ctx_;
    Kty kty_ = Kty::RSA;
    Curve curve_ = Curve::none;
    PssLimits pss_;
    std::size_t signature_size_ = 0;
    bool is_private_ = false;
};

} // namespace pg_principal
