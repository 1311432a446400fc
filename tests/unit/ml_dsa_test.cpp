// ML-DSA (RFC 9964): verified where OpenSSL has it, from 3.5 on; elsewhere unknown like any name.
#include "core_support.hpp"

#include "core/jose/key_set.hpp"
#include "ml_dsa_vectors.hpp"

namespace pg_principal {
namespace {

struct Example {
    const char *alg;
    std::string_view pub, token, thumbprint;
};

const Example examples[] = {
    {"ML-DSA-44", rfc::ml_dsa_44_pub, rfc::ml_dsa_44_token, rfc::ml_dsa_44_thumbprint},
    {"ML-DSA-65", rfc::ml_dsa_65_pub, rfc::ml_dsa_65_token, rfc::ml_dsa_65_thumbprint},
    {"ML-DSA-87", rfc::ml_dsa_87_pub, rfc::ml_dsa_87_token, rfc::ml_dsa_87_thumbprint}};

std::string jwk(std::string_view alg, std::string_view pub, const std::string &more = "") {
    return "{\"kty\":\"AKP\",\"alg\":\"" + std::string(alg) + "\",\"pub\":\"" + std::string(pub) +
           '"' + more + '}';
}

std::string refusal(const std::string &text, Reading reading = Reading::whole) {
    try {
        (void)parse_jwk(text, reading);
    } catch (const Error &error) {
        return error.message();
    }
    return "";
}

const bool is_there = has_ml_dsa();

TEST(MlDsa, WithoutItIsUnknownLikeAnyName) {
    if (is_there)
        GTEST_SKIP() << "this OpenSSL has it";
    for (const Example &example : examples) {
        EXPECT_FALSE(alg_from_name(example.alg));
        EXPECT_EQ(Parsed(example.token).fault, TokenFault::algorithm_refused);
        EXPECT_NE(refusal(jwk(example.alg, example.pub)).find("OpenSSL 3.5"), std::string::npos);
    }
}

TEST(MlDsa, PublishedExamplesVerify) {
    if (!is_there)
        GTEST_SKIP() << "this OpenSSL has it not";
    for (const Example &example : examples) {
        SCOPED_TRACE(example.alg);
        const Key key = parse_jwk(jwk(example.alg, example.pub));
        EXPECT_EQ(alg_name(key.default_alg()), example.alg);
        EXPECT_EQ(verified(example.token, key), TokenFault::none);
        EXPECT_EQ(thumbprint(key), example.thumbprint);
        EXPECT_EQ(public_jwk(key), "{\"alg\":\"" + std::string(example.alg) +
                                       "\",\"kty\":\"AKP\",\"pub\":\"" + std::string(example.pub) +
                                       "\",\"use\":\"sig\"}");
        EXPECT_EQ(verified(example.token, parse_jwk(public_jwk(key))), TokenFault::none);
        EXPECT_EQ(verified(example.token, parse_pem(public_pem(key))), TokenFault::none);
        // beside another key of a set, a foreign one's private half is not looked at
        const std::string set =
            "{\"keys\":[" + public_jwk(generate_key(Alg::ES256)) + ',' +
            jwk(example.alg, example.pub,
                ",\"priv\":\"AAAA\",\"kid\":\"" + std::string(example.thumbprint) + '"') +
            "]}";
        const KeySet keys = parse_jwk_set(set);
        const Parsed parsed(example.token);
        EXPECT_EQ(verify(parsed.jws, keys), TokenFault::none);
    }
}

TEST(MlDsa, OtherSignaturesDoNot) {
    if (!is_there)
        GTEST_SKIP() << "this OpenSSL has it not";
    const Example &example = examples[0];
    const Key key = parse_jwk(jwk(example.alg, example.pub));
    const Parsed parsed(example.token);
    const std::string &signature = parsed.jws.signature;
    for (const std::size_t at : {std::size_t{0}, signature.size() / 2, signature.size() - 1}) {
        std::string changed = signature;
        changed[at] = static_cast<char>(changed[at] ^ 1);
        EXPECT_FALSE(verify_signature(Alg::ML_DSA_44, key, parsed.jws.signing_input, changed));
    }
    EXPECT_FALSE(verify_signature(Alg::ML_DSA_44, key, parsed.jws.signing_input,
                                  signature.substr(0, signature.size() - 1)));
    EXPECT_FALSE(verify_signature(Alg::ML_DSA_44, key, "another", signature));
    EXPECT_FALSE(verify_signature(Alg::ML_DSA_65, key, parsed.jws.signing_input, signature));
    EXPECT_FALSE(verify_signature(Alg::EdDSA, key, parsed.jws.signing_input, signature));
}

TEST(MlDsa, WhatIsNoKeyOfItIsToldWhy) {
    if (!is_there)
        GTEST_SKIP() << "this OpenSSL has it not";
    const auto pub = examples[0].pub;
    EXPECT_NE(refusal("{\"kty\":\"AKP\",\"pub\":\"AAAA\"}").find("member \"alg\" is missing"),
              std::string::npos);
    EXPECT_NE(refusal("{\"kty\":\"AKP\",\"alg\":\"ML-DSA-44\"}").find("member \"pub\" is missing"),
              std::string::npos);
    EXPECT_NE(refusal(jwk("ML-DSA-65", pub)).find("another length"), std::string::npos);
    EXPECT_NE(refusal(jwk("ES256", pub)).find("of another type"), std::string::npos);
    EXPECT_NE(refusal(jwk("ML-DSA-45", pub)).find("not a supported"), std::string::npos);
    EXPECT_NE(refusal("{\"kty\":\"EC\",\"crv\":\"ML-DSA-44\",\"x\":\"AA\",\"y\":\"AA\"}")
                  .find("curve is not supported"),
              std::string::npos);
    const std::string whole = jwk("ML-DSA-44", pub, ",\"priv\":\"" + std::string(43, 'A') + '"');
    EXPECT_NE(refusal(whole).find("not signed"), std::string::npos);
    EXPECT_EQ(refusal(whole, Reading::public_half), "");
    EXPECT_THROW(generate_key(Alg::ML_DSA_44), Error);
    EXPECT_THROW(jws_sign("x", parse_jwk(jwk("ML-DSA-44", pub))), Error);
}

} // namespace
} // namespace pg_principal
