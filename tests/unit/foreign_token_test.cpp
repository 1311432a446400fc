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

// Entra ID's keys say whose they are; one may be there for two, in either order.
TEST(ForeignToken, IsSignedByAKeyOfItsIssuer) {
    const auto jwk = [](const Key &key, const std::string &more) {
        std::string text = public_jwk(key);
        text.replace(text.find(key.kid()), key.kid().size(), "k");
        return text.replace(0, 1, "{" + more);
    };
    const std::string us = jwk(signer(), "\"issuer\":\"i\","),
                      theirs = jwk(signer(), "\"issuer\":\"j\","),
                      encrypts = jwk(signer(), "\"issuer\":\"i\",\"key_ops\":[\"encrypt\"],"),
                      other = jwk(generate_key(Alg::ES256), "\"issuer\":\"i\",");
    const auto judge = [](const std::string &keys, const char *kid) {
        return judged(under(R"({"alg":"ES256")" + std::string(kid) + "}"),
                      R"({"issuer":"i","audiences":["us"]})",
                      parse_jwk_set("{\"keys\":[" + keys + "]}"));
    };
    for (const char *kid : {"", R"(,"kid":"k")"}) {
        EXPECT_EQ(judge(us, kid), TokenFault::none) << kid;
        EXPECT_EQ(judge(theirs, kid), TokenFault::wrong_key_issuer) << kid;
        EXPECT_EQ(judge(us + "," + theirs, kid), TokenFault::none) << kid;
        EXPECT_EQ(judge(theirs + "," + us, kid), TokenFault::none) << kid;
        EXPECT_EQ(judge(theirs + "," + other, kid), TokenFault::wrong_key_issuer) << kid;
        EXPECT_EQ(judge(theirs + "," + encrypts, kid), TokenFault::wrong_key_issuer) << kid;
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

TokenFault kept(const std::string &claims_json, const IssuerRules &rules) {
    const bool says = claims_json.find("\"sub\"") != claims_json.npos;
    const std::string said = says ? claims_json : R"({"sub":"s",)" + claims_json.substr(1);
    const json::Document document(said);
    return check_issuer_rules(document.root(), rules);
}

IssuerRules of_an_hour() {
    IssuerRules rules;
    rules.time = {1'000'500'000, 60}; // half a second past 1000
    rules.longest_life_s = 3600;
    return rules;
}

TEST(IssuerRules, TheEndCountsWithoutSkewAndTheBeginningWithIt) {
    const IssuerRules rules = of_an_hour();
    for (const auto &[claims_json, fault] :
         {std::pair(R"({"exp":1001})", TokenFault::none),
          std::pair(R"({"exp":1000})", TokenFault::expired),
          std::pair(R"({"exp":1000.9})", TokenFault::expired), // what is got ends at a whole second
          std::pair(R"({"exp":-1})", TokenFault::expired),
          std::pair(R"({"exp":1001,"iat":1060})", TokenFault::none),
          std::pair(R"({"exp":1001,"iat":1060.5})", TokenFault::none),
          std::pair(R"({"exp":1001,"iat":1061})", TokenFault::issued_in_future),
          std::pair(R"({"exp":4000,"iat":400})", TokenFault::none),
          std::pair(R"({"exp":4000,"iat":399})", TokenFault::lives_too_long),
          std::pair(R"({"exp":4000,"iat":399.999999})", TokenFault::lives_too_long),
          std::pair(R"({"exp":1001,"iat":-9007199254740992})", TokenFault::lives_too_long)})
        EXPECT_EQ(kept(claims_json, rules), fault) << claims_json;
}

TEST(IssuerRules, NoAudienceIsNone) {
    IssuerRules rules = of_an_hour();
    rules.no_audience = true;
    EXPECT_EQ(kept(R"({"exp":1001})", rules), TokenFault::none);
    EXPECT_EQ(kept(R"({"exp":1001,"aud":[]})", rules), TokenFault::none);
    for (const char *aud : {R"("us")", R"(["us"])", R"([""])", R"("")"})
        EXPECT_EQ(kept(R"({"exp":1001,"aud":)" + std::string(aud) + "}", rules),
                  TokenFault::wrong_audience)
            << aud;
}

TEST(IssuerRules, WhomATokenIsOfItSays) {
    EXPECT_EQ(check_issuer_rules(json::Document(R"({"exp":1001})").root(), of_an_hour()),
              TokenFault::subject_missing);
    for (const char *sub : {R"("")", "null", "1", R"(["s"])"})
        EXPECT_EQ(kept(R"({"exp":1001,"sub":)" + std::string(sub) + "}", of_an_hour()),
                  TokenFault::subject_missing)
            << sub;
}

TEST(IssuerRules, ASecurityEventIsNoIdentity) {
    for (const char *events : {"{}", "null", R"({"http://schemas.openid.net/event/logout":{}})"})
        EXPECT_EQ(kept(R"({"exp":1001,"events":)" + std::string(events) + "}", of_an_hour()),
                  TokenFault::wrong_type)
            << events;
}

TEST(IssuerRules, NobodyProvesAKey) {
    for (const char *cnf : {"{}", "null", R"({"jkt":"0ZcO"})", R"({"x5t#S256":"bwcK"})"})
        EXPECT_EQ(kept(R"({"exp":1001,"cnf":)" + std::string(cnf) + "}", of_an_hour()),
                  TokenFault::bound_to_key)
            << cnf;
}

TEST(IssuerRules, WhatIsRequiredIsThereWhateverItSays) {
    IssuerRules rules = of_an_hour();
    rules.required_claims = {"ref", "env"};
    EXPECT_EQ(kept(R"({"exp":1001,"ref":null,"env":{}})", rules), TokenFault::none);
    EXPECT_EQ(kept(R"({"exp":1001,"ref":"x"})", rules), TokenFault::claim_missing);
    EXPECT_EQ(kept(R"({"exp":1001,"x":{"ref":"x","env":1}})", rules), TokenFault::claim_missing);
    json::Document one_of_two;
    ASSERT_TRUE(json::try_parse(one_of_two, R"({"ref":"x"})"));
    EXPECT_EQ(missing_claim(one_of_two.root(), rules), "env");
}

TEST(IssuerRules, ATrustDomainSpeaksForItsOwnAlone) {
    IssuerRules rules = of_an_hour();
    rules.trust_domain = "spiffe://td.example";
    for (const char *sub : {"spiffe://td.example/", "spiffe://td.example/ns/a"})
        EXPECT_EQ(kept(R"({"exp":1001,"sub":")" + std::string(sub) + "\"}", rules),
                  TokenFault::none)
            << sub;
    for (const char *sub :
         {R"("spiffe://td.example")", R"("spiffe://td.example.org/a")", R"("spiffe://td.exampl/e")",
          R"("spiffe:///td.example/")", R"(" spiffe://td.example/a")", R"("SPIFFE://td.example/a")",
          R"("spiffe://TD.example/a")", R"("spiffe://td.example:8443/a")", R"("")"})
        EXPECT_EQ(kept(R"({"exp":1001,"sub":)" + std::string(sub) + "}", rules),
                  TokenFault::wrong_trust_domain)
            << sub;
    EXPECT_EQ(kept(R"({"exp":1001,"sub":"s"})", rules), TokenFault::wrong_trust_domain);
}

} // namespace
} // namespace pg_principal
