#include "core_support.hpp"

#include "core/jose/jwt.hpp"

#include <limits>

namespace pg_principal {
namespace {

constexpr std::int64_t second = 1'000'000, noon = 1'700'000'000;

const Key &key() {
    static const Key made = key_from_secret(std::string(32, 'k'));
    return made;
}
KeySet keys_of(const Key &only) { return KeySet({only}); }
TokenFault check(std::string_view claims, const ClaimRules &rules) {
    json::Document doc;
    return json::try_parse(doc, claims) ? check_claims(doc.root(), rules) : TokenFault::malformed;
}
TokenFault at(std::string_view claims, std::int64_t now_s, int skew_s = 0) {
    ClaimRules rules;
    rules.time = {now_s * second, skew_s};
    return check(claims, rules);
}
std::string claim(std::string_view name, std::string_view value) {
    return "{\"" + std::string(name) + "\":" + std::string(value) + "}";
}

TEST(Jwt, ExpiryIsExclusive) {
    EXPECT_EQ(at("{\"exp\":1700000000}", noon - 1), TokenFault::none);
    EXPECT_EQ(at("{\"exp\":1700000000}", noon), TokenFault::expired);
    EXPECT_EQ(at("{\"exp\":1700000000}", noon + 29, 30), TokenFault::none);
    EXPECT_EQ(at("{\"exp\":1700000000}", noon + 30, 30), TokenFault::expired);
    EXPECT_EQ(at("{\"exp\":1700000000}", noon, -5), TokenFault::expired); // no negative skew
    EXPECT_EQ(at("{\"exp\":1700000000}", noon - 1, -5), TokenFault::none);
    EXPECT_EQ(at("{}", noon), TokenFault::none);
    ClaimRules rules;
    rules.require_expiry = true;
    EXPECT_TRUE(is_malformed(check("{}", rules)));
    EXPECT_EQ(check("{\"exp\":1}", rules), TokenFault::none);
}

TEST(Jwt, NotBeforeIsInclusive) {
    EXPECT_EQ(at("{\"nbf\":1700000000}", noon), TokenFault::none);
    EXPECT_EQ(at("{\"nbf\":1700000000}", noon - 1), TokenFault::not_yet_valid);
    EXPECT_EQ(at("{\"nbf\":1700000000}", noon - 30, 30), TokenFault::none);
    EXPECT_EQ(at("{\"nbf\":1700000000}", noon - 31, 30), TokenFault::not_yet_valid);
    EXPECT_EQ(at("{\"nbf\":1700000000,\"exp\":1700000001}", noon), TokenFault::none);
}

TEST(Jwt, IssuedInTheFutureIsNoFault) {
    EXPECT_EQ(at("{\"iat\":1700000000}", 0), TokenFault::none);
    EXPECT_EQ(at("{\"iat\":9007199254740992}", 0), TokenFault::none);
    EXPECT_TRUE(is_malformed(at("{\"iat\":\"1700000000\"}", 0)));
}

TEST(Jwt, FractionsCountToTheMicrosecond) {
    ClaimRules rules;
    rules.time.now_us = noon * second + 499'999;
    EXPECT_EQ(check("{\"exp\":1700000000.5}", rules), TokenFault::none);
    EXPECT_EQ(check("{\"exp\":17000000005e-1}", rules), TokenFault::none);
    EXPECT_EQ(check("{\"nbf\":1700000000.5}", rules), TokenFault::not_yet_valid);
    rules.time.now_us += 1;
    EXPECT_EQ(check("{\"exp\":1700000000.5}", rules), TokenFault::expired);
    EXPECT_EQ(check("{\"nbf\":1700000000.5}", rules), TokenFault::none);
    EXPECT_EQ(check("{\"exp\":1.7e9}", rules), TokenFault::expired);
    EXPECT_EQ(check("{\"exp\":1700000001.0}", rules), TokenFault::none);
}

TEST(Jwt, DatesAreNumbersUpTo2To53) {
    for (const std::string_view name : {"exp", "nbf", "iat"}) {
        for (const std::string_view value :
             {"\"1700000000\"", "null", "true", "[]", "{}", "\"\"", "9007199254740993",
              "9007199254740992.5", "-9007199254740993", "1e16", "1e99", "1e999999999999", "-1e99",
              "123456789012345678901234567890"})
            EXPECT_TRUE(is_malformed(at(claim(name, value), noon))) << name << value;
        for (const std::string_view value :
             {"0", "-0", "-1", "1e3", "9007199254740992", "9007199254740991.5", "-9007199254740992",
              "1e-999999999999", "0.0000000001"})
            EXPECT_FALSE(is_malformed(at(claim(name, value), noon))) << name << value;
    }
    EXPECT_EQ(at("{\"exp\":9007199254740992}", noon), TokenFault::none);
    EXPECT_EQ(at("{\"exp\":-1}", 0), TokenFault::expired);
    EXPECT_EQ(at("{\"nbf\":-9007199254740992}", 0), TokenFault::none);
    EXPECT_EQ(at("{\"nbf\":9007199254740992}", noon), TokenFault::not_yet_valid);
}

TEST(Jwt, ClocksAtTheEndOfTime) {
    ClaimRules rules;
    rules.time.skew_s = std::numeric_limits<int>::max();
    for (const std::int64_t now :
         {std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max()}) {
        rules.time.now_us = now;
        const bool late = now > 0;
        EXPECT_EQ(check("{\"exp\":1700000000}", rules),
                  late ? TokenFault::expired : TokenFault::none);
        EXPECT_EQ(check("{\"nbf\":1700000000}", rules),
                  late ? TokenFault::none : TokenFault::not_yet_valid);
        check("{\"exp\":9007199254740992,\"nbf\":-9007199254740992}", rules);
    }
}

TEST(Jwt, Issuer) {
    ClaimRules rules;
    rules.issuer = "us";
    EXPECT_EQ(check("{\"iss\":\"us\"}", rules), TokenFault::none);
    EXPECT_EQ(check("{\"iss\":\"them\"}", rules), TokenFault::wrong_issuer);
    EXPECT_EQ(check("{\"iss\":\"US\"}", rules), TokenFault::wrong_issuer);
    EXPECT_EQ(check("{\"iss\":\"\"}", rules), TokenFault::wrong_issuer);
    EXPECT_EQ(check("{}", rules), TokenFault::wrong_issuer);
    EXPECT_TRUE(is_malformed(check("{\"iss\":[\"us\"]}", rules)));
    EXPECT_EQ(check("{\"iss\":\"them\"}", {}), TokenFault::none); // not asked for
}

TEST(Jwt, Audience) {
    ClaimRules rules;
    rules.audience = "api";
    EXPECT_EQ(check("{\"aud\":\"api\"}", rules), TokenFault::none);
    EXPECT_EQ(check("{\"aud\":[\"other\",\"api\"]}", rules), TokenFault::none);
    EXPECT_EQ(check("{\"aud\":\"\\u0061pi\"}", rules), TokenFault::none);
    for (const std::string_view claims :
         {"{}", "{\"aud\":\"API\"}", "{\"aud\":\"apis\"}", "{\"aud\":[]}", "{\"aud\":[\"other\"]}",
          "{\"aud\":\"\"}"})
        EXPECT_EQ(check(claims, rules), TokenFault::wrong_audience) << claims;
    for (const std::string_view claims : {"{\"aud\":1}", "{\"aud\":null}", "{\"aud\":{\"api\":1}}",
                                          "{\"aud\":[\"api\",1]}", "{\"aud\":[[\"api\"]]}"}) {
        EXPECT_TRUE(is_malformed(check(claims, rules))) << claims;
        EXPECT_TRUE(is_malformed(check(claims, {}))) << claims;
    }
    EXPECT_EQ(check("{\"aud\":\"other\"}", {}), TokenFault::none); // not asked for
    rules.audience = "";
    EXPECT_EQ(check("{}", rules), TokenFault::wrong_audience);
}

TEST(Jwt, OtherRegisteredClaimsAreStrings) {
    for (const std::string_view name : {"iss", "sub", "jti"})
        for (const std::string_view value : {"1", "null", "true", "[\"x\"]", "{}"})
            EXPECT_TRUE(is_malformed(at(claim(name, value), noon))) << name << value;
    EXPECT_EQ(at("{\"sub\":\"s\",\"jti\":\"j\",\"Exp\":\"x\",\"xyz\":null,\"email\":1}", noon),
              TokenFault::none);
    for (const std::string_view claims : {"[]", "\"x\"", "1", "null", "true", "", "{"})
        EXPECT_TRUE(is_malformed(at(claims, noon))) << claims;
}

TEST(Jwt, SignAndVerify) {
    const std::string claims = "{\"sub\":\"s\",\"exp\":1700000000,\"a\":[1,{\"b\":\"\\u00e9\"}]}";
    const std::string token = jwt_sign(claims, key());
    TokenScratch scratch;
    ClaimRules rules;
    rules.time.now_us = (noon - 1) * second;
    const KeySet only = keys_of(key());
    for (int i = 0; i < 3; ++i) {
        ASSERT_EQ(verify_token(token, only, rules, scratch), TokenFault::none);
        EXPECT_EQ(scratch.payload(), claims);
        EXPECT_EQ(scratch.claims().find("sub").as_string(), "s");
        EXPECT_EQ(scratch.key(), only.usable(0));
        EXPECT_EQ(scratch.jws().typ, "JWT");
        EXPECT_NE(verify_token(token + "x", only, rules, scratch), TokenFault::none);
        EXPECT_EQ(scratch.key(), nullptr);
    }
    const KeySet keys({generate_key(Alg::ES256), key()});
    ASSERT_EQ(verify_token(token, keys, rules, scratch), TokenFault::none);
    EXPECT_EQ(scratch.key(), keys.usable(1));
    rules.time.now_us += second;
    EXPECT_EQ(verify_token(token, keys, rules, scratch), TokenFault::expired);
}

TEST(Jwt, OnlyObjectsAreSigned) {
    for (const std::string_view claims : {"[]", "\"x\"", "1", "null"})
        error_of(Errc::claims_not_an_object, [&] { jwt_sign(claims, key()); });
    for (const std::string_view claims :
         {"", "{", "{\"a\":1,\"a\":2}", "{\"a\":\"\\u0000\"}", "{\"a\":\"\xff\"}"})
        error_of(Errc::json_malformed, [&] { jwt_sign(claims, key()); });
}

TEST(Jwt, SignedPayloadsAreStillChecked) {
    TokenScratch scratch;
    const auto signed_fault = [&](std::string_view payload) {
        return verify_token(jws_sign(payload, key()), keys_of(key()), {}, scratch);
    };
    EXPECT_EQ(signed_fault("{}"), TokenFault::none);
    for (const std::string_view payload :
         {"", "x", "[]", "{\"exp\":2,\"exp\":3}", "{\"a\":{\"b\":1,\"b\":1}}",
          "{\"a\":\"\\u0000\"}", "{\"a\":\"\\ud800\"}", "{\"a\":\"\xff\"}", "{} {}",
          "{\"exp\":\"2\"}"})
        EXPECT_TRUE(is_malformed(signed_fault(payload))) << payload;
    std::string deep = "{\"a\":";
    deep += std::string(32, '[') + std::string(32, ']') + "}";
    EXPECT_TRUE(is_malformed(signed_fault(deep)));
}

TEST(Jwt, TheSignatureIsCheckedBeforeTheClaims) {
    TokenScratch scratch;
    const std::string expired = jwt_sign("{\"exp\":1}", key());
    ClaimRules rules;
    rules.time.now_us = noon * second;
    EXPECT_EQ(verify_token(expired, keys_of(key()), rules, scratch), TokenFault::expired);
    EXPECT_EQ(verify_token(expired, keys_of(key_from_secret(std::string(32, 'x'))), rules, scratch),
              TokenFault::bad_signature);
    const std::string garbage = jws_sign("not json", key());
    EXPECT_EQ(verify_token(garbage, keys_of(key_from_secret(std::string(32, 'x'))), rules, scratch),
              TokenFault::bad_signature);
}

TEST(Jwt, EveryTruncationAndChangeIsRefused) {
    TokenScratch scratch;
    std::string token = jwt_sign("{\"sub\":\"someone\"}", key());
    for (std::size_t i = 0; i < token.size(); ++i) {
        EXPECT_NE(verify_token(std::string_view(token).substr(0, i), keys_of(key()), {}, scratch),
                  TokenFault::none);
        token[i] = static_cast<char>(token[i] ^ 1);
        EXPECT_NE(verify_token(token, keys_of(key()), {}, scratch), TokenFault::none) << i;
        token[i] = static_cast<char>(token[i] ^ 1);
    }
    EXPECT_EQ(verify_token(token, keys_of(key()), {}, scratch), TokenFault::none);
}

// The whole table: what a caller reads as DETAIL.
TEST(Jwt, EveryFaultHasItsText) {
    const std::string token = jwt_sign("{}", key());
    const auto parse = [](const std::string &text) {
        TokenScratch scratch;
        return scratch.describe(verify_token(text, keys_of(key()), {}, scratch));
    };
    const auto header = [&](std::string_view json) {
        return parse(base64url_encode(json) + ".e30.AA");
    };
    const auto payload = [](std::string_view json, bool require_expiry = false) {
        TokenScratch scratch;
        ClaimRules rules;
        rules.time.now_us = noon;
        rules.require_expiry = require_expiry;
        return scratch.describe(
            verify_token(jws_sign(json, key()), keys_of(key()), rules, scratch));
    };
    const std::pair<std::string, std::string_view> seen[] = {
        {parse(""), "it is empty"},
        {parse("Bearer " + token), "it begins with the word Bearer"},
        {parse("bearer " + token), "it begins with the word Bearer"},
        {parse(token + "\n"), "white space in or around it"},
        {parse(" " + token), "white space in or around it"},
        {parse("'" + token + "'"), "quotation marks around it"},
        {parse('"' + token + '"'), "quotation marks around it"},
        {parse("sbp_0102"), "one part instead of three"},
        {parse("a.b"), "two parts instead of three"},
        {parse("a.b.c.d"), "more parts than three"},
        {parse(token + ".e.f"), "five parts instead of three, like an encrypted token"},
        {parse(token + ".e.f.g"), "more parts than three"},
        {parse(".e30.AA"), "header is empty"},
        {parse("e30=.e30.AA"), "header is not base64url"},
        {header("{"), "header is not JSON: unexpected end at byte 1"},
        {header("{\"a\":1,\"a\":1}"), "header is not JSON: repeated name at byte 10"},
        {header("[]"), "header is not a JSON object"},
        {header("{}"), "header has no alg"},
        {header("{\"alg\":1}"), "alg is not a string"},
        {header("{\"kid\":null}"), "kid is not a string"},
        {header("{\"typ\":[]}"), "typ is not a string"},
        {header("{\"cty\":{}}"), "cty is not a string"},
        {parse(token + "="), "signature is not base64url"},
        {parse(base64url_encode("{\"alg\":\"HS256\"}") + ".e30=.AA"), "payload is not base64url"},
        {payload("x"), "payload is not JSON: unexpected character at byte 0"},
        {payload("{\"a\":\"\\u0000\"}"), "payload is not JSON: \\u0000 in a string at byte 12"},
        {payload("[]"), "payload is not a JSON object"},
        {payload("{}", true), "exp is missing"},
        {payload("{\"exp\":\"2030\"}"), "exp is not a number of seconds"},
        {payload("{\"nbf\":null}"), "nbf is not a number of seconds"},
        {payload("{\"iat\":1e99}"), "iat is not a number of seconds"},
        {payload("{\"iss\":1}"), "iss is not a string"},
        {payload("{\"sub\":1}"), "sub is not a string"},
        {payload("{\"jti\":1}"), "jti is not a string"},
        {payload("{\"aud\":1}"), "aud is neither a string nor an array of strings"}};
    for (const auto &[got, wanted] : seen)
        EXPECT_EQ(got, "malformed: " + std::string(wanted));
    const std::pair<TokenFault, std::string_view> others[] = {
        {TokenFault::none, "valid"},
        {TokenFault::too_long, "too long"},
        {TokenFault::algorithm_refused, "algorithm refused"},
        {TokenFault::header_refused, "header refused"},
        {TokenFault::wrong_type, "wrong type"},
        {TokenFault::unknown_key, "unknown key"},
        {TokenFault::bad_signature, "bad signature"},
        {TokenFault::expired, "expired"},
        {TokenFault::not_yet_valid, "not yet valid"},
        {TokenFault::wrong_issuer, "wrong issuer"},
        {TokenFault::wrong_audience, "wrong audience"}};
    for (const auto &[fault, text] : others)
        EXPECT_EQ(describe(fault), text);
}

} // namespace
} // namespace pg_principal
