#include "core_support.hpp"

#include "core/jose/jwt.hpp"
#include "rfc_vectors.hpp"

#include <openssl/err.h>

namespace pg_principal {
namespace {

const Key &hs_key() {
    static const Key key = key_from_secret(std::string(64, 'k'));
    return key;
}
std::string with_header(std::string_view header, std::string_view payload = "x") {
    return jws_sign_raw(header, payload, hs_key(), Alg::HS256);
}
TokenFault header_fault(std::string_view header) { return verified(with_header(header), hs_key()); }

class EveryAlg : public testing::TestWithParam<int> {};

TEST_P(EveryAlg, SignsAndVerifies) {
    const auto alg = static_cast<Alg>(GetParam());
    const Key key = generate_key(alg);
    EXPECT_EQ(key.alg(), alg);
    EXPECT_EQ(key.kid(), thumbprint(key));
    const Key open = key.is_symmetric() ? key : parse_jwk(public_jwk(key));
    EXPECT_EQ(thumbprint(open), key.kid());
    EXPECT_EQ(open.kid(), key.kid());
    EXPECT_EQ(thumbprint(parse_jwk(private_jwk(key).view())), key.kid());
    for (const std::string &payload :
         {std::string(), std::string("x"), std::string("\0\xff", 2), std::string(9000, 'p')}) {
        const std::string token = jws_sign(payload, key);
        const Parsed parsed(token);
        ASSERT_EQ(parsed.fault, TokenFault::none);
        EXPECT_EQ(parsed.jws.payload, payload);
        EXPECT_EQ(parsed.jws.alg, alg);
        EXPECT_EQ(parsed.jws.kid, key.kid());
        EXPECT_EQ(verify(parsed.jws, open), TokenFault::none);
        EXPECT_EQ(verify(parsed.jws, open), TokenFault::none); // the prepared state is as before
    }
    const std::string message = "message", signature = key.sign(alg, message);
    EXPECT_TRUE(verify_signature(alg, open, message, signature));
    EXPECT_FALSE(verify_signature(alg, open, "massage", signature));
    for (std::size_t i = 0; i < signature.size(); ++i) {
        std::string changed = signature;
        changed[i] = static_cast<char>(changed[i] ^ (1 << i % 8));
        EXPECT_FALSE(verify_signature(alg, open, message, changed)) << i;
    }
    for (const std::size_t size :
         {std::size_t{0}, std::size_t{1}, signature.size() / 2, signature.size() - 1})
        EXPECT_FALSE(verify_signature(alg, open, message, signature.substr(0, size)));
    EXPECT_FALSE(verify_signature(alg, open, message, signature + '\0'));
    EXPECT_FALSE(verify_signature(alg, open, message, '\0' + signature));
    EXPECT_FALSE(verify_signature(alg, open, message, std::string(signature.size(), '\0')));
    EXPECT_FALSE(verify_signature(alg, open, message, std::string(signature.size(), '\xff')));
    EXPECT_TRUE(verify_signature(alg, open, message, signature)); // failures leave no trace
    EXPECT_EQ(ERR_peek_error(), 0u);
}

TEST_P(EveryAlg, FitsNoOther) {
    const auto alg = static_cast<Alg>(GetParam());
    const Key other =
        alg_kty(alg) == Kty::RSA ? parse_jwk(rfc::rfc7520_4_1_key) : generate_key(alg);
    const std::string signature = other.sign(alg, "message");
    const Key keys[] = {hs_key(), parse_jwk(rfc::a2_key), parse_jwk(rfc::a3_key),
                        parse_jwk(rfc::a4_key), parse_jwk(rfc::rfc8037_a4_key)};
    for (const Key &key : keys)
        for (std::size_t i = 0; i < alg_count; ++i)
            EXPECT_FALSE(verify_signature(static_cast<Alg>(i), key, "message", signature));
}

// all that sign
INSTANTIATE_TEST_SUITE_P(Jws, EveryAlg, testing::Range(0, static_cast<int>(Alg::ML_DSA_44)),
                         [](const auto &row) {
                             return std::string(alg_name(static_cast<Alg>(row.param)));
                         });

TEST(Jws, OneRsaKeyServesAllItsAlgorithms) {
    const Key key = parse_jwk(rfc::a2_key);
    for (const Alg alg : {Alg::RS256, Alg::PS256, Alg::RS384, Alg::PS384, Alg::RS512, Alg::PS512}) {
        const std::string token = jws_sign("x", key, alg);
        EXPECT_EQ(verified(token, key), TokenFault::none);
        EXPECT_EQ(verified(token, key.with_alg(alg)), TokenFault::none);
        EXPECT_EQ(verified(token, key.with_alg(alg == Alg::RS256 ? Alg::PS256 : Alg::RS256)),
                  TokenFault::algorithm_refused);
    }
}

// "message" under the RSA key of RFC 7515 A.2, made by another implementation.
struct PssSample {
    int salt;
    bool same_mgf_hash;
    std::string_view signature;
};
constexpr PssSample pss_samples[] = {
    {0, true,
     "X3UA8-qX5Umrhm5vxwKUovyRtg02Y5hUq_7FJYOfetvBTjrm3s_nxS6E77LljY7yR30ulLuaqtHEbH4D"
     "QkalvPqxGfUjLwN-ouEFjoTQBCfaq5sA24T8LPK_p6O7ftI5Jn0-n-K1QdhYj3_VNCHcwDZoos8LabXf"
     "v_dq59ln07zM22dLH1Y4mtSDO0bd6-V2CMBQM7oIZsAXTTG5N52EktXl1HahHTgTcZ7eDPYpV-jHdSWP"
     "QeLep_iyzgvB93iR2yAG7vjf2hfgrryeooONvHbrlB0_k0r2jtARPyse-0KB0sAsqK4BefNEEh4Ya3Iy"
     "9SqgIpHwlxlOt85UUnA5vQ"},
    {20, true,
     "QWS7lyT8t3sQycWCgToW7Jc4WqbH6S1UZrAy-MTZlbwIomZqyL82K9L2tnQVwPa8bz07VmqW5ztsyeLO"
     "kVNvS2wPkrJy_yBPNt-pLaE5MakUnI1JWQVRsg6fnzXoswbeacKRbTKJlCZqzkvRREHkJ_-6dke5KLQp"
     "QzPxMuVATKNQjOkfE5jcFoK-wqOJ-sjNqscs6HvoSOGEGBS4w4iClZRSnzqsm6ZwnlUJywCFjQlGUf4v"
     "9614eZXjPKZOTT0g-apDglkMeP-K3889AXxDWuqJiWhVqxTsmHgU8KuK2yBkR97BEdC23Oa93tZWpiFH"
     "0t5N3mqMCN0y5AroMTLRAA"},
    {32, true,
     "WxAS0u5OD9uY3fm52pvpnUXVrltA2feHBL8fRJBdxaCHOztceQntFPWhGfFEBvgDkPW3yHohqLh_6CwS"
     "kJLqW9UY4ZnwVqEzU3U15gBJhOna7LEb92WHDqs5w4eflQZbtBX-zGA9t2aGK9WtlEhGlbrr-ia6VDDT"
     "L8_obTlwhINYhP8jObu53PwJbmbucaZOvrsGf-39TLCI640H5KeEKZ3-O3ftOHQGFSRkgPFXzTbHjQ6I"
     "XJ4Frk2Zne6h_xp_yvEGDAaGeZbXoXbXRochLaD5bdXU1IydwqbmE8Q2YqJ5fXtvgzo1Co3KTeb4zafR"
     "9Ny0m3awHFAig8fMZNehfw"},
    {32, false,
     "mq98cKAOmUmyt6DjXJ2TsklaPdLXeNpAWflXgpFAiyXyNmGIyTpjsSCjC-CqwsjxwMUXII17MbuuY7ls"
     "Ok_a75z140JyTUMgoRK5f40o-H-F_2-j8X5mWqg_1K1yCNZbNGSR9mzy__wzog2_zlZNdVqsQTBSOOZm"
     "Vro6JXmpqnMXdlBfR-0bTl-uWdjztf4DRw9r-YQRmRKo6FcUnod_NyTHUNPgKGGq74xhfrsDRjiP44Zk"
     "Ehz5HLb2S7kHxKK39xwFqZNS29EeDwKsSTTLbOCwkNUakjIJxWsC32-_xoDRlCoVjwtAUUrwBHoY66Fw"
     "cjvX2FcBbhPh4bNk02WRcA"},
};

TEST(Jws, PssSaltIsAsLongAsTheHash) {
    const Key key = parse_jwk(rfc::a2_key);
    for (const PssSample &sample : pss_samples)
        EXPECT_EQ(verify_signature(Alg::PS256, key, "message", unbase64url(sample.signature)),
                  sample.salt == 32 && sample.same_mgf_hash)
            << sample.salt;
}

TEST(Jws, DerSignaturesAreRefused) {
    // SEQUENCE of r and s as other interfaces want them, for the right message
    const Key key = parse_jwk(rfc::a3_key);
    const Parsed parsed(rfc::a3_token);
    const std::string r = parsed.jws.signature.substr(0, 32), s = parsed.jws.signature.substr(32);
    const auto integer = [](const std::string &n) {
        const bool pad = (n[0] & 0x80) != 0;
        return std::string("\x02") + static_cast<char>(n.size() + pad) +
               (pad ? std::string(1, '\0') : std::string()) + n;
    };
    const std::string body = integer(r) + integer(s);
    const std::string der = std::string("\x30") + static_cast<char>(body.size()) + body;
    EXPECT_FALSE(verify_signature(Alg::ES256, key, parsed.jws.signing_input, der));
    EXPECT_TRUE(verify_signature(Alg::ES256, key, parsed.jws.signing_input, r + s));
    EXPECT_FALSE(verify_signature(Alg::ES256, key, parsed.jws.signing_input, s + r));
}

TEST(Jws, EcdsaNumbersAreInRange) {
    const Key key = parse_jwk(rfc::a3_key);
    const Parsed parsed(rfc::a3_token);
    const std::string r = parsed.jws.signature.substr(0, 32), s = parsed.jws.signature.substr(32);
    const std::string n = unhex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
    const std::string zero(32, '\0'), one = std::string(31, '\0') + '\1';
    for (const auto &[a, b] : {std::pair(zero, zero), std::pair(zero, s), std::pair(r, zero),
                               std::pair(n, s), std::pair(r, n), std::pair(n, n),
                               std::pair(zero, one), std::pair(one, zero), std::pair(one, one)})
        EXPECT_FALSE(verify_signature(Alg::ES256, key, parsed.jws.signing_input, a + b));
}

TEST(Jws, HeaderIsStrict) {
    EXPECT_EQ(header_fault("{\"alg\":\"HS256\"}"), TokenFault::none);
    EXPECT_EQ(header_fault(" {\"typ\":\"x\",\"x5t\":\"y\",\"alg\":\"HS256\",\"z\":[1]}\n"),
              TokenFault::none);
    for (const std::string_view header : {"",
                                          "x",
                                          "[]",
                                          "\"alg\"",
                                          "1",
                                          "null",
                                          "{}",
                                          "{\"alg\":null}",
                                          "{\"alg\":1}",
                                          "{\"alg\":[\"HS256\"]}",
                                          "{\"Alg\":\"HS256\"}",
                                          "{\"alg\":\"HS256\",\"alg\":\"HS256\"}",
                                          "{\"alg\":\"HS256\",\"\\u0061lg\":\"none\"}",
                                          "{\"alg\":\"HS256\",\"kid\":1}",
                                          "{\"alg\":\"HS256\",\"typ\":null}",
                                          "{\"alg\":\"HS256\",\"cty\":{}}",
                                          "{\"alg\":\"HS256\"",
                                          "{\"alg\":\"HS256\"}x",
                                          "{\"alg\":\"HS256\",\"x\":\"\\u0000\"}",
                                          "{\"alg\":\"HS256\",\"x\":\"\xff\"}",
                                          "{\"alg\":\"HS256\",\"x\":{\"a\":1,\"a\":2}}"})
        EXPECT_TRUE(is_malformed(header_fault(header))) << header;
    for (const std::string_view alg : {"none", "None", "nOnE", "hs256", "HS256 ", "", "HS1", "RS1",
                                       "A256KW", "dir", "ES256K", "HS256\\u0020"})
        EXPECT_EQ(header_fault("{\"alg\":\"" + std::string(alg) + "\"}"),
                  TokenFault::algorithm_refused)
            << alg;
    for (const std::string_view extra :
         {"\"crit\":[\"b64\"]", "\"crit\":[]", "\"crit\":null", "\"crit\":[\"exp\"]",
          "\"b64\":false", "\"b64\":true", "\"jwk\":{}", "\"jku\":\"https://example.com\"",
          "\"x5u\":\"\"", "\"x5c\":[]", "\"j\\u0077k\":{}"})
        EXPECT_EQ(header_fault("{\"alg\":\"HS256\"," + std::string(extra) + "}"),
                  TokenFault::header_refused)
            << extra;
    EXPECT_EQ(header_fault("{\"alg\":\"RS256\"}"), TokenFault::algorithm_refused);
    EXPECT_EQ(header_fault("{\"alg\":\"HS512\"}"), TokenFault::algorithm_refused); // key says HS256
}

TEST(Jws, ThreePartsAndNoOther) {
    const std::string token = with_header("{\"alg\":\"HS256\"}");
    const std::string_view text = token;
    ASSERT_EQ(verified(text, hs_key()), TokenFault::none);
    for (const std::string &bad :
         {std::string(), std::string("."), std::string(".."), std::string("..."), token + ".",
          token + ".x", "." + token, " " + token, token + " ", token + "\n", token + "=",
          replaced(token, ".", ""), replaced(token, ".", ".."), replaced(token, ".", " ."),
          token + std::string(1, '\0'), "Bearer " + token, std::string("{\"payload\":\"x\"}")})
        EXPECT_TRUE(is_malformed(verified(bad, hs_key()))) << bad;
    const std::size_t second = text.rfind('.');
    EXPECT_EQ(verified(text.substr(0, second + 1), hs_key()), TokenFault::bad_signature);
    EXPECT_TRUE(is_malformed(verified("." + token.substr(second), hs_key())));
}

TEST(Jws, EveryTruncationIsRefused) {
    const std::string token = jws_sign(rfc::claims, hs_key());
    for (std::size_t i = 0; i < token.size(); ++i)
        EXPECT_NE(verified(std::string_view(token).substr(0, i), hs_key()), TokenFault::none) << i;
}

TEST(Jws, EveryChangedCharacterIsRefused) {
    std::string token(rfc::a1_token);
    const Key key = parse_jwk(rfc::a1_key);
    for (std::size_t i = 0; i < token.size(); ++i)
        for (const char c : {'A', 'z', '_', '.', '=', '\0', '\xff'}) {
            const char was = token[i];
            if (was == c)
                continue;
            token[i] = c;
            EXPECT_NE(verified(token, key), TokenFault::none) << i << ' ' << c;
            token[i] = was;
        }
    EXPECT_EQ(verified(token, key), TokenFault::none);
}

TEST(Jws, OneSpellingOfASignature) {
    // 32 bytes leave two bits of the last character unused
    std::string token = with_header("{\"alg\":\"HS256\"}");
    constexpr std::string_view alphabet =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    int accepted = 0;
    for (const char c : alphabet) {
        token.back() = c;
        accepted += verified(token, hs_key()) == TokenFault::none;
    }
    EXPECT_EQ(accepted, 1);
}

TEST(Jws, SizeIsBounded) {
    const std::string token = with_header("{\"alg\":\"HS256\"}", std::string(12000, 'x'));
    EXPECT_EQ(verified(token, hs_key()), TokenFault::none);
    EXPECT_TRUE(is_malformed(Parsed(std::string(16384, 'A')).fault));
    EXPECT_EQ(Parsed(std::string(16385, 'A')).fault, TokenFault::too_long);
    EXPECT_EQ(verified(with_header("{\"alg\":\"HS256\"}", std::string(12300, 'x')), hs_key()),
              TokenFault::too_long);
}

TEST(Jws, AReusedParserForgetsTheLastToken) {
    const std::string with_kid = jws_sign("a", hs_key().with_kid("k"));
    const std::string without = jws_sign("b", hs_key());
    const std::string refused = with_header("{\"alg\":\"none\",\"kid\":\"k\"}");
    CompactJws jws;
    for (int i = 0; i < 2; ++i) {
        ASSERT_EQ(jws.parse(std::string_view(with_kid)), TokenFault::none);
        EXPECT_EQ(jws.kid, "k");
        ASSERT_EQ(jws.parse(std::string_view(without)), TokenFault::none);
        EXPECT_EQ(jws.kid, std::nullopt);
        EXPECT_EQ(verify(jws, hs_key()), TokenFault::none);
        EXPECT_EQ(jws.parse(std::string_view(refused)), TokenFault::algorithm_refused);
        EXPECT_EQ(jws.parse(std::string_view(refused)), TokenFault::algorithm_refused);
        EXPECT_TRUE(is_malformed(jws.parse(std::string_view(".."))));
        EXPECT_TRUE(is_malformed(jws.parse(std::string_view(".."))));
        ASSERT_EQ(jws.parse(std::string_view(without)), TokenFault::none);
        EXPECT_EQ(jws.parse(std::string_view(refused)), TokenFault::algorithm_refused);
        ASSERT_EQ(jws.parse(std::string_view(without)), TokenFault::none);
        EXPECT_EQ(jws.kid, std::nullopt); // not the refused one's
    }
}

TEST(Jws, KidOfTheTokenAndOfTheKeyAgree) {
    const std::string token = jws_sign("x", hs_key().with_kid("a"));
    EXPECT_EQ(verified(token, hs_key().with_kid("a")), TokenFault::none);
    EXPECT_EQ(verified(token, hs_key().with_kid("b")), TokenFault::unknown_key);
    EXPECT_EQ(verified(token, hs_key()), TokenFault::none); // the key has none to compare
    EXPECT_EQ(verified(jws_sign("x", hs_key()), hs_key().with_kid("b")), TokenFault::none);
}

TEST(Jws, OurOwnHeader) {
    JwsHeader header;
    header.typ = "at+jwt";
    header.cty = "a\"b";
    const Key key = hs_key().with_kid("k");
    EXPECT_EQ(Parsed(jws_sign("x", key, Alg::HS256, header)).jws.header,
              "{\"alg\":\"HS256\",\"typ\":\"at+jwt\",\"cty\":\"a\\\"b\",\"kid\":\"k\"}");
    header = {};
    header.with_kid = false;
    EXPECT_EQ(Parsed(jws_sign("x", key, Alg::HS256, header)).jws.header, "{\"alg\":\"HS256\"}");
    EXPECT_EQ(error_of(Errc::algorithm_mismatch, [&] { jws_sign("x", key, Alg::HS512); }),
              "algorithm HS512 does not fit the key: the key is declared for another algorithm");
    error_of(Errc::algorithm_mismatch, [] { jws_sign("x", parse_jwk(rfc::thumbprint_key)); });
    error_of(Errc::algorithm_mismatch, [] { jws_sign("x", parse_jwk(rfc::a3_key), Alg::ES384); });
}

TEST(Jws, AlgorithmConfusion) {
    // the public key's text as an HMAC secret: refused before anything is verified
    const std::string open = public_pem(parse_jwk(rfc::a2_key));
    error_of(Errc::secret_refused, [&] { key_from_secret(open); });
    const std::string forged = with_header("{\"alg\":\"HS256\"}");
    for (const std::string_view jwk : {rfc::a2_key, rfc::a3_key, rfc::rfc8037_a4_key})
        EXPECT_EQ(verified(forged, parse_jwk(jwk)), TokenFault::algorithm_refused);
}

} // namespace
} // namespace pg_principal
