#include "core_support.hpp"

#include "core/crypto/crypto.hpp"
#include "rfc_vectors.hpp"

#include <set>

namespace pg_principal {
namespace {

TEST(Crypto, AlgorithmNames) {
    std::set<std::string_view> names;
    for (std::size_t i = 0; i < alg_count; ++i) {
        const auto alg = static_cast<Alg>(i);
        names.insert(alg_name(alg));
        if (alg_kty(alg) != Kty::AKP || has_ml_dsa())
            EXPECT_EQ(alg_from_name(alg_name(alg)), alg);
    }
    EXPECT_EQ(names.size(), alg_count);
    for (const std::string_view name :
         {"none", "None", "hs256", "HS256 ", "HS1", "ES256K", "", "RSA"})
        EXPECT_EQ(alg_from_name(name), std::nullopt) << name;
    EXPECT_EQ(error_of(Errc::algorithm_unknown, [] { require_alg("none\n"); }),
              "unknown signature algorithm \"none?\"");
}

TEST(Crypto, Sha256) {
    EXPECT_EQ(hex_encode(sha256("")),
              "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    EXPECT_EQ(hex_encode(sha256("abc")),
              "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Crypto, HmacOfRfc4231) {
    EXPECT_EQ(hex_encode(hmac_sha256("Jefe", "what do ya want for nothing?")),
              "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    EXPECT_EQ(hex_encode(hmac_sha256(std::string(20, '\x0b'), "Hi There")),
              "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    EXPECT_EQ(hex_encode(hmac_sha256("", "")),
              "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
    HmacKey key("Jefe");
    std::array<char, 64> out;
    for (int i = 0; i < 3; ++i) { // a prepared context gives the same every time, hash by hash
        EXPECT_EQ(hex_encode(key.sign(Hash::sha256, "what do ya want for nothing?", out)),
                  "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
        EXPECT_EQ(hex_encode(key.sign(Hash::sha384, "what do ya want for nothing?", out)),
                  "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e"
                  "8e2240ca5e69e2c78b3239ecfab21649");
        EXPECT_EQ(hex_encode(key.sign(Hash::sha512, "what do ya want for nothing?", out)),
                  "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
                  "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737");
        key.sign(Hash::sha256, "something else in between", out);
    }
}

TEST(Crypto, RandomBytesDiffer) {
    EXPECT_EQ(random_bytes(0), "");
    EXPECT_EQ(random_bytes(33).size(), 33u);
    EXPECT_NE(random_bytes(32), random_bytes(32));
}

TEST(Crypto, Aes256GcmOfTheGcmSpecification) {
    const std::string key(32, '\0'), nonce(12, '\0'), text(16, '\0');
    EXPECT_EQ(hex_encode(aes256_gcm_encrypt(key, nonce, "", "")),
              "530f8afbc74536b9a963b4f1c4cb738b");
    const std::string sealed = aes256_gcm_encrypt(key, nonce, "", text);
    EXPECT_EQ(hex_encode(sealed),
              "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919");
    EXPECT_EQ(aes256_gcm_decrypt(key, nonce, "", sealed)->view(), text);
    EXPECT_EQ(aes256_gcm_decrypt(key, nonce, "", aes256_gcm_encrypt(key, nonce, "", ""))->size(),
              0u);
    EXPECT_FALSE(aes256_gcm_decrypt(key, nonce, "other", sealed));
    EXPECT_FALSE(aes256_gcm_decrypt(key, nonce, "", sealed.substr(1)));
    EXPECT_FALSE(aes256_gcm_decrypt(key, nonce, "", ""));
    error_of(Errc::crypto_failed, [&] { aes256_gcm_encrypt("short", nonce, "", text); });
    error_of(Errc::crypto_failed, [&] { aes256_gcm_encrypt(key, nonce + 'x', "", text); });
}

TEST(Crypto, Ed25519OfRfc8032) {
    for (const rfc::Ed25519Vector &vector : rfc::ed25519) {
        KeyParts parts;
        parts.kty = Kty::OKP;
        parts.curve = Curve::Ed25519;
        parts.x = unhex(vector.public_key);
        parts.d = Secret(unhex(vector.secret));
        PKey key = PKey::build(parts);
        const std::string message = unhex(vector.message);
        EXPECT_EQ(hex_encode(key.sign(Alg::EdDSA, message)), vector.signature);
        EXPECT_TRUE(key.verify(Alg::EdDSA, message, unhex(vector.signature)));
        EXPECT_FALSE(key.verify(Alg::EdDSA, message + "x", unhex(vector.signature)));
    }
}

} // namespace
} // namespace pg_principal
