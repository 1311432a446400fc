// The published examples, byte for byte where the algorithm is deterministic.
#include "core_support.hpp"

#include "core/jose/jwt.hpp"
#include "rfc_vectors.hpp"

namespace pg_principal {
namespace {

constexpr std::string_view hobbit =
    "It\xe2\x80\x99s a dangerous business, Frodo, going out your door. You step onto the road, and "
    "if you don't keep your feet, there\xe2\x80\x99s no knowing where you might be swept off to.";

void expect_example(std::string_view token, std::string_view jwk, std::string_view header,
                    std::string_view payload, bool deterministic) {
    SCOPED_TRACE(header);
    const Key key = parse_jwk(jwk);
    const Parsed parsed(token);
    ASSERT_EQ(parsed.fault, TokenFault::none);
    EXPECT_EQ(parsed.jws.header, header);
    EXPECT_EQ(parsed.jws.payload, payload);
    EXPECT_EQ(verify(parsed.jws, key), TokenFault::none);
    const std::string again = jws_sign_raw(header, payload, key, parsed.jws.alg);
    EXPECT_EQ(verified(again, key), TokenFault::none);
    EXPECT_EQ(again == token, deterministic);
    if (!key.is_symmetric()) {
        EXPECT_EQ(verified(token, parse_jwk(public_jwk(key))), TokenFault::none);
        EXPECT_EQ(verified(token, parse_pem(public_pem(key))), TokenFault::none);
    }
}

TEST(Rfc7515, A1Hs256) {
    expect_example(rfc::a1_token, rfc::a1_key, rfc::a1_header, rfc::claims, true);
}
TEST(Rfc7515, A2Rs256) {
    expect_example(rfc::a2_token, rfc::a2_key, "{\"alg\":\"RS256\"}", rfc::claims, true);
}
TEST(Rfc7515, A3Es256) {
    expect_example(rfc::a3_token, rfc::a3_key, "{\"alg\":\"ES256\"}", rfc::claims, false);
}
TEST(Rfc7515, A4Es512) {
    expect_example(rfc::a4_token, rfc::a4_key, "{\"alg\":\"ES512\"}", "Payload", false);
}
TEST(Rfc7515, A5UnsecuredIsRefused) {
    EXPECT_EQ(Parsed(rfc::a5_token).fault, TokenFault::algorithm_refused);
}

TEST(Rfc7519, Example31IsAliveUntilItsExp) {
    const KeySet keys({parse_jwk(rfc::a1_key)});
    TokenScratch scratch;
    ClaimRules rules;
    rules.issuer = "joe";
    rules.time.now_us = 1300819379'999999;
    EXPECT_EQ(verify_token(rfc::a1_token, keys, rules, scratch), TokenFault::none);
    EXPECT_EQ(scratch.payload(), rfc::claims);
    EXPECT_TRUE(scratch.claims().find("http://example.com/is_root").as_bool());
    rules.time.now_us = 1300819380'000000;
    EXPECT_EQ(verify_token(rfc::a1_token, keys, rules, scratch), TokenFault::expired);
    // section 6.1
    EXPECT_EQ(verify_token(rfc::a5_token, keys, rules, scratch), TokenFault::algorithm_refused);
}

TEST(Rfc7520, Section41Rs256) {
    expect_example(rfc::rfc7520_4_1_token, rfc::rfc7520_4_1_key,
                   "{\"alg\":\"RS256\",\"kid\":\"bilbo.baggins@hobbiton.example\"}", hobbit, true);
}
TEST(Rfc7520, Section42Ps384) {
    expect_example(rfc::rfc7520_4_2_token, rfc::rfc7520_4_2_key,
                   "{\"alg\":\"PS384\",\"kid\":\"bilbo.baggins@hobbiton.example\"}", hobbit, false);
}
TEST(Rfc7520, Section43Es512) {
    expect_example(rfc::rfc7520_4_3_token, rfc::rfc7520_4_3_key,
                   "{\"alg\":\"ES512\",\"kid\":\"bilbo.baggins@hobbiton.example\"}", hobbit, false);
}
TEST(Rfc7520, Section44Hs256) {
    expect_example(rfc::rfc7520_4_4_token, rfc::rfc7520_4_4_key,
                   "{\"alg\":\"HS256\",\"kid\":\"018c0ae5-4d9b-471b-bfd6-eef314bc7037\"}", hobbit,
                   true);
    // our own header is the same, byte for byte
    EXPECT_EQ(jws_sign(hobbit, parse_jwk(rfc::rfc7520_4_4_key)), rfc::rfc7520_4_4_token);
}

TEST(Rfc8037, A4EdDsa) {
    expect_example(rfc::rfc8037_a4_token, rfc::rfc8037_a4_key, "{\"alg\":\"EdDSA\"}",
                   "Example of Ed25519 signing", true);
}

} // namespace
} // namespace pg_principal
