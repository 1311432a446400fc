// Tokens of trusted issuers: what SQL's tests cannot sign, a header of one's own.
#include "core_support.hpp"

#include "core/jose/foreign_token.hpp"
#include "rfc_vectors.hpp"

namespace pg_principal {
namespace {

constexpr std::string_view claims = R"({"iss":"i","aud":"us","sub":"x","exp":1000})";
const Key &signer() {
    static const Key key = generate_key(Alg::ES256);
    return key;
}

std::string under(const std::string &header) {
    return jws_sign_raw(header, claims, signer(), Alg::ES256);
}

TokenFault judged(const std::string &token, const std::string &rules_json, const KeySet &keys,
                  std::int64_t now_s = 500) {
    const json::Document document(rules_json);
    ForeignRules rules = read_foreign_rules(document.root());
    rules.time = {now_s * 1'000'000, 0};
    TokenScratch scratch;
    return verify_foreign_token(token, keys, rules, scratch);
}

TokenFault judged(const std::string &token, const std::string &more = "") {
    return judged(token, R"({"issuer":"i","audiences":["us"])" + more + "}", KeySet({signer()}));
}

TEST(ForeignToken, IsOfTheTypesThatSayWhoSomebodyIs) {
    EXPECT_EQ(judged(under(R"({"alg":"ES256"})")), TokenFault::none);
    for (const char *typ : {"JWT", "jwt", "JOSE", "application/jwt"})
        EXPECT_EQ(judged(under(R"({"alg":"ES256","typ":")" + std::string(typ) + "\"}")),
                  TokenFault::none)
            << typ;
    for (const char *typ : {"", "at+jwt", "logout+jwt", "secevent+jwt", "dpop+jwt", "JWT ",
                            "client-authentication+jwt"}) {
        const std::string token = under(R"({"alg":"ES256","typ":")" + std::string(typ) + "\"}");
        EXPECT_EQ(judged(token), TokenFault::wrong_type) << typ;
        if (*typ != '\0') {
            EXPECT_EQ(judged(token, R"(,"types":["x","APPLICATION/)" + std::string(typ) + "\"]"),
                      TokenFault::none)
                << typ;
        }
    }
}

TEST(ForeignToken, BringsNoKeyOfItsOwn) {
    const Key other = generate_key(Alg::ES256);
    const KeySet keys({signer()});
    const std::string jwk = "\"jwk\":" + public_jwk(other);
    const TimeRules time = {500'000'000, 0};
    for (const std::string &member :
         {std::string("\"jku\":\"https://evil.example.com/keys\""),
          std::string("\"x5c\":[\"MIIB\"]"), std::string("\"x5u\":\"ims_key-1.cer\""),
          std::string("\"jwk\":7"), jwk}) {
        const std::string header = "{\"alg\":\"ES256\"," + member + "}", token = under(header);
        EXPECT_EQ(judged(token), TokenFault::none) << member;
        EXPECT_EQ(judged(jws_sign_raw(header, claims, other, Alg::ES256)),
                  TokenFault::bad_signature)
            << member;
        TokenScratch scratch; // which knows the header from the time before
        ForeignRules rules;
        ClaimRules own;
        rules.time = own.time = time;
        EXPECT_EQ(verify_foreign_token(token, keys, rules, scratch), TokenFault::none) << member;
        EXPECT_EQ(verify_token(token, keys, own, scratch), TokenFault::header_refused) << member;
        EXPECT_EQ(verify_foreign_token(token, keys, rules, scratch), TokenFault::none) << member;
    }
    for (const char *member : {"\"crit\":[\"jku\"],\"jku\":\"x\"", "\"b64\":true", "\"crit\":[]"})
        EXPECT_EQ(judged(under("{\"alg\":\"ES256\"," + std::string(member) + "}")),
                  TokenFault::header_refused)
            << member;
}

TEST(ForeignToken, EndsAndDoesNotLiveTooLong) {
    const std::string token = under(R"({"alg":"ES256"})");
    const std::string rules = R"({"issuer":"i","audiences":["us"],"longestLife":100})";
    const KeySet keys({signer()});
    EXPECT_EQ(judged(token, rules, keys, 899), TokenFault::lives_too_long);
    EXPECT_EQ(judged(token, rules, keys, 900), TokenFault::none);
    EXPECT_EQ(judged(token, rules, keys, 999), TokenFault::none);
    EXPECT_EQ(judged(token, rules, keys, 1000), TokenFault::expired);
}

TEST(ForeignToken, ASecretVerifiesNothing) {
    const Key secret = key_from_secret(std::string(32, 's'));
    const std::string token = jws_sign(claims, secret);
    for (const char *more : {"", R"(,"algorithms":["HS256"])"})
        EXPECT_EQ(judged(token, R"({"issuer":"i","audiences":["us"])" + std::string(more) + "}",
                         KeySet({secret})),
                  TokenFault::algorithm_refused);
}

TEST(ForeignToken, BothNamesOfOneAlgorithmAreTheSame) {
    const Key key = parse_jwk(rfc::rfc8037_a4_key);
    const KeySet keys({key});
    for (const Alg alg : {Alg::EdDSA, Alg::Ed25519})
        for (const char *listed : {"EdDSA", "Ed25519", "Ed448", "ES256"}) {
            const std::string rules = R"({"issuer":"i","audiences":["us"],"algorithms":[")" +
                                      std::string(listed) + "\"]}";
            EXPECT_EQ(judged(jws_sign(claims, key, alg), rules, keys),
                      std::string_view(listed).substr(0, 3) == "EdD" ||
                              std::string_view(listed) == "Ed25519"
                          ? TokenFault::none
                          : TokenFault::algorithm_refused)
                << listed;
        }
}

} // namespace
} // namespace pg_principal
