// OpenSSL caches failed lookups: an algorithm that ran out of memory at its first use is gone for
// the life of the process. So each algorithm is used once, early.
#include "core/crypto/openssl.hpp"

namespace pg_principal {

using namespace openssl;

namespace {

void use_hashing() {
    sha256(random_bytes(1));
    std::array<char, 64> out;
    HmacKey key("key");
    for (const Hash hash : {Hash::sha256, Hash::sha384, Hash::sha512})
        key.sign(hash, "message", out);
}

void use_cipher() {
    const std::string key(32, '\0'), nonce(12, '\0');
    const std::string sealed = aes256_gcm_encrypt(key, nonce, {}, {});
    require(aes256_gcm_decrypt(key, nonce, {}, sealed).has_value(), "decryption");
}

void use_generated(Alg alg) {
    PKey key = PKey::generate(alg);
    const PKey same = PKey::from_pem(key.private_pem().view());
    const std::string signature = key.sign(alg, "message");
    require(PKey::from_pem(same.public_pem()).verify(alg, "message", signature), "verifying");
}

// Generating a key takes long; any number of the right size serves.
void use_rsa() {
    KeyParts parts;
    parts.n = std::string(256, '\xff');
    parts.e = std::string("\1\0\1", 3);
    PKey key = PKey::from_pem(PKey::build(parts).public_pem());
    for (const Alg alg : {Alg::RS256, Alg::PS256})
        require(!key.verify(alg, "message", std::string(256, '\1')), "verifying");
}

void use_eddsa() { use_generated(Alg::EdDSA); }

} // namespace

void prepare_hashing() {
    try {
        use_hashing();
    } catch (const std::exception &) {
        use_hashing(); // if this succeeds, nothing was lost
    }
}

void prepare_crypto() {
    try {
        prepare_hashing();
        use_cipher();
        use_generated(Alg::ES256);
    } catch (const Error &error) {
        throw Error(Errc::crypto_failed, {"first use"}, error.message());
    }
    (void)has_ml_dsa();
    // a provider may lack these, or refuse such a key
    for (void (*use)() : {use_rsa, use_eddsa}) {
        try {
            use();
        } catch (const Error &) {
        }
    }
}

} // namespace pg_principal
