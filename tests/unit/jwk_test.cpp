#include "core_support.hpp"

#include "core/jose/jws.hpp"
#include "rfc_vectors.hpp"

namespace pg_principal {
namespace {

constexpr std::string_view k32 = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
constexpr std::string_view roca_n =
    "gBjxNV9VcgMwGFDFo4_VR5I6c2mU47-RGmHb4i5EFYuul7qU0O2oL49tBVhO-Ko4kidmWB4nocCKamPs"
    "JO3mpGtMskJKI9WWIhe-rdvElsuOgZc-C-zXsDiY0ZD569rMDLHinGWM2hSV5gr1k70Ezw_WMPHynQ2p"
    "lT9I8aCfdrWhcLM4OSYxcAjF5xHiBE-DgiKNi_3RwZhLIml8tZ8Dgrb7f0HT9GCm_39_N7CZUp_Lm49f"
    "Or3F6wqeaRPvVYORNM6ejcYKbVDvsb5xFI_vH87M9YUCc3S7gJSXbZtjkV69VWVGoa1TWPef8HQOEP5j"
    "Up6WGQ71ghXLZD4D5Lv9vQ";

std::string oct(std::string_view extra = "", std::string_view k = k32) {
    return "{\"kty\":\"oct\",\"k\":\"" + std::string(k) + "\"" + std::string(extra) + "}";
}
std::string refused(std::string_view jwk) {
    return error_of(Errc::key_refused, [&] { parse_jwk(jwk); });
}
std::string malformed(std::string_view jwk) {
    return error_of(Errc::key_malformed, [&] { parse_jwk(jwk); });
}
// A key of the RFCs with one member given another value.
std::string with(std::string_view jwk, std::string_view name, std::string_view value) {
    const json::Document doc(jwk);
    std::string out = "{";
    for (const auto &[member, text] : doc.root().members()) {
        out.append(out.size() > 1 ? "," : "").append(json::quote(member)).append(":");
        out.append(member == name ? std::string(value) : json::quote(text.as_string()));
    }
    return out + "}";
}
std::string text_of(std::string_view jwk, std::string_view name) {
    return std::string(json::Document(jwk).root().find(name).as_string());
}
std::string without(std::string_view jwk, std::string_view name) {
    const std::string member = ",\"" + std::string(name) + "\":\"" + text_of(jwk, name) + "\"";
    return replaced(std::string(jwk), member, "");
}
// The same text with a bit of its first character changed, so that it stays base64url.
std::string changed(std::string_view jwk, std::string_view name) {
    std::string bytes = unbase64url(text_of(jwk, name));
    bytes.back() = static_cast<char>(bytes.back() ^ 2);
    return with(jwk, name, json::quote(base64url_encode(bytes)));
}
std::string number(std::string_view jwk, std::string_view name, const std::string &bytes) {
    return with(jwk, name, json::quote(base64url_encode(bytes)));
}

TEST(Jwk, AcceptsTheKeysOfTheRfcs) {
    for (const std::string_view jwk :
         {rfc::a1_key, rfc::a2_key, rfc::a3_key, rfc::a4_key, rfc::thumbprint_key,
          rfc::rfc7520_4_1_key, rfc::rfc7520_4_3_key, rfc::rfc7520_4_4_key, rfc::rfc8037_a4_key}) {
        const Key key = parse_jwk(jwk);
        EXPECT_EQ(key.is_private(), jwk != rfc::thumbprint_key);
        const Key again = key.is_private() ? parse_jwk(private_jwk(key).view()) : key;
        EXPECT_EQ(thumbprint(again), thumbprint(key));
        EXPECT_EQ(again.kid(), key.kid());
        EXPECT_EQ(again.alg(), key.alg());
    }
    EXPECT_EQ(parse_jwk(rfc::a1_key).kty(), Kty::oct);
    EXPECT_EQ(parse_jwk(rfc::a2_key).default_alg(), Alg::RS256);
    EXPECT_EQ(parse_jwk(rfc::a3_key).default_alg(), Alg::ES256);
    EXPECT_EQ(parse_jwk(rfc::a4_key).default_alg(), Alg::ES512);
    EXPECT_EQ(parse_jwk(rfc::rfc8037_a4_key).default_alg(), Alg::EdDSA);
    EXPECT_EQ(parse_jwk(rfc::thumbprint_key).kid(), "2011-04-29");
}

TEST(Jwk, Thumbprints) {
    EXPECT_EQ(thumbprint(parse_jwk(rfc::thumbprint_key)), rfc::thumbprint);
    EXPECT_EQ(thumbprint(parse_jwk(rfc::rfc8037_a4_key)), rfc::rfc8037_thumbprint);
    // a private key has the thumbprint of its public part, and other members do not count
    const Key key = parse_jwk(rfc::a3_key);
    EXPECT_EQ(thumbprint(parse_jwk(public_jwk(key.with_kid("x").with_alg(Alg::ES256)))),
              thumbprint(key));
    const std::string expected = "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"" +
                                 text_of(rfc::a3_key, "x") + "\",\"y\":\"" +
                                 text_of(rfc::a3_key, "y") + "\"}";
    EXPECT_EQ(thumbprint(key), base64url_encode(sha256(expected)));
    EXPECT_EQ(thumbprint(parse_jwk(oct())),
              base64url_encode(sha256("{\"k\":\"" + std::string(k32) + "\",\"kty\":\"oct\"}")));
}

TEST(Jwk, PublicFormHasNoPrivateMember) {
    for (const std::string_view jwk : {rfc::a2_key, rfc::a3_key, rfc::rfc8037_a4_key}) {
        const std::string text = public_jwk(parse_jwk(jwk).with_kid("k\"1"));
        const json::Document doc(text);
        for (const auto &[name, value] : doc.root().members())
            EXPECT_TRUE(name == "kty" || name == "crv" || name == "x" || name == "y" ||
                        name == "n" || name == "e" || name == "kid" || name == "use")
                << name;
        EXPECT_EQ(doc.root().find("kid").as_string(), "k\"1");
        EXPECT_FALSE(parse_jwk(text).is_private());
        EXPECT_FALSE(contains(text, text_of(jwk, "d")));
    }
    error_of(Errc::key_refused, [] { public_jwk(parse_jwk(oct())); });
    error_of(Errc::key_refused, [] { public_pem(parse_jwk(oct())); });
    error_of(Errc::key_refused, [] { private_jwk(parse_jwk(rfc::thumbprint_key)); });
}

TEST(Jwk, MembersAreChecked) {
    malformed("");
    malformed("[]");
    malformed("\"x\"");
    malformed("{}");
    malformed("{\"kty\":1}");
    malformed("{\"kty\":\"oct\"}");
    malformed("{\"kty\":\"oct\",\"k\":null}");
    malformed("{\"kty\":\"oct\",\"kty\":\"oct\",\"k\":\"" + std::string(k32) + "\"}");
    EXPECT_EQ(malformed(oct(",\"k\":1")), "malformed key: repeated name at byte 66");
    malformed(oct(",\"kid\":1"));
    malformed(oct(",\"alg\":[]"));
    malformed(oct(",\"use\":true"));
    malformed(oct(",\"key_ops\":\"sign\""));
    malformed(oct(",\"key_ops\":[1]"));
    malformed(oct(",\"key_ops\":[\"sign\",\"sign\"]"));
    malformed(oct("", std::string(k32) + "="));
    malformed(oct("", " " + std::string(k32)));
    malformed(oct("", std::string(k32.substr(0, 42)) + "9")); // non-zero trailing bits
    refused(replaced(oct(), "oct", "OCT"));
    for (const std::string_view name : {"n", "e"})
        malformed(
            replaced(std::string(rfc::thumbprint_key), "\"" + std::string(name) + "\"", "\"z\""));
    for (const std::string_view name : {"x", "y"}) {
        malformed(without(rfc::a3_key, name));
        malformed(with(rfc::a3_key, name, "1"));
        malformed(with(rfc::a3_key, name, "\"\""));
    }
    parse_jwk(oct(",\"x5t\":1,\"unknown\":{\"a\":[]}")); // what is not understood is ignored
}

TEST(Jwk, SecretsAreLongEnough) {
    refused(oct("", ""));
    refused(oct("", base64url_encode(std::string(31, 'x'))));
    const Key key = parse_jwk(oct("", base64url_encode(std::string(48, 'x'))));
    EXPECT_TRUE(key.allows(Alg::HS256, KeyOperation::sign));
    EXPECT_TRUE(key.allows(Alg::HS384, KeyOperation::verify));
    EXPECT_FALSE(key.allows(Alg::HS512, KeyOperation::verify));
    refused(oct(",\"alg\":\"HS512\""));
    refused(oct("", base64url_encode(std::string(8193, 'x'))));
    error_of(Errc::key_refused, [] { key_from_secret("short"); });
    error_of(Errc::algorithm_mismatch, [] { key_from_secret(std::string(32, 'x'), Alg::HS384); });
    error_of(Errc::algorithm_mismatch, [] { key_from_secret(std::string(64, 'x'), Alg::RS256); });
    EXPECT_EQ(key_from_secret(std::string(64, 'x'), Alg::HS512).alg(), Alg::HS512);
}

TEST(Jwk, RsaNumbersAreChecked) {
    const std::string_view key = rfc::rfc7520_4_1_key;
    std::string n = unbase64url(text_of(key, "n"));
    const auto public_with = [&](const std::string &modulus, const std::string &e) {
        return "{\"kty\":\"RSA\",\"n\":\"" + base64url_encode(modulus) + "\",\"e\":\"" +
               base64url_encode(e) + "\"}";
    };
    parse_jwk(public_with(n, "\x03"));
    parse_jwk(public_with(n, "\x01" + std::string(7, '\x01')));
    for (const std::string &e : {std::string("\x01"), std::string("\x02"),
                                 std::string("\x01\x00", 2), std::string(9, '\x01')})
        EXPECT_TRUE(contains(refused(public_with(n, e)), "exponent")) << hex_encode(e);
    malformed(public_with(n, std::string("\0\x03", 2)));
    malformed(public_with('\0' + n, "\x03"));
    malformed(public_with(std::string(1, '\0'), "\x03"));
    EXPECT_TRUE(contains(refused(public_with(n.substr(1), "\x03")), "2048"));
    std::string below = n;
    below[0] = '\x7f'; // 2047 bits
    EXPECT_TRUE(contains(refused(public_with(below, "\x03")), "2048"));
    std::string even = n;
    even.back() = static_cast<char>(even.back() & ~1);
    EXPECT_TRUE(contains(refused(public_with(even, "\x03")), "even"));
    EXPECT_TRUE(contains(refused(public_with(std::string(1025, '\xff'), "\x03")), "8192"));
    EXPECT_TRUE(contains(refused(public_with(unbase64url(roca_n), "\x01\x01")), "ROCA"));
}

TEST(Jwk, RsaPrivateMembersMatch) {
    const std::string_view key = rfc::a2_key;
    for (const std::string_view name : {"d", "p", "q", "dp", "dq", "qi"})
        EXPECT_TRUE(contains(refused(changed(key, name)), "do not match")) << name;
    for (const std::string_view name : {"p", "q", "dp", "dq", "qi", "d"})
        malformed(without(key, name));
    malformed(with(key, "dp", json::quote(base64url_encode(std::string("\0\1", 2)))));
    // another key's private half
    refused(with(key, "d", json::quote(text_of(rfc::rfc7520_4_1_key, "d"))));
    refused(replaced(std::string(key), "\"kty\"", "\"oth\":[],\"kty\""));
    // d alone is enough, and checked, too
    std::string alone(key);
    for (const std::string_view name : {"p", "q", "dp", "dq", "qi"})
        alone = without(alone, name);
    const Key without_primes = parse_jwk(alone);
    EXPECT_EQ(jws_sign_raw("{\"alg\":\"RS256\"}", rfc::claims, without_primes, Alg::RS256),
              rfc::a2_token);
    EXPECT_FALSE(contains(private_jwk(without_primes).view(), "\"p\""));
    EXPECT_TRUE(contains(refused(changed(alone, "d")), "do not match"));
}

TEST(Jwk, EcPointsAreChecked) {
    const std::string_view key = rfc::a3_key;
    const std::string x = unbase64url(text_of(key, "x")), y = unbase64url(text_of(key, "y")),
                      d = unbase64url(text_of(key, "d"));
    EXPECT_TRUE(contains(refused(changed(key, "x")), "curve"));
    EXPECT_TRUE(contains(refused(changed(key, "y")), "curve"));
    refused(number(key, "x", x.substr(1)));
    refused(number(key, "x", '\0' + x));
    refused(number(key, "y", y + '\0'));
    refused(number(number(key, "x", std::string(32, '\0')), "y", std::string(32, '\0')));
    refused(number(number(key, "x", std::string(32, '\xff')), "y", std::string(32, '\xff')));
    refused(with(key, "crv", "\"P-384\""));
    refused(with(key, "crv", "\"secp256k1\""));
    refused(with(key, "crv", "\"p-256\""));
    malformed(with(key, "crv", "\"Ed25519\""));
    malformed(with(rfc::rfc8037_a4_key, "crv", "\"P-256\""));
    refused(with(rfc::rfc8037_a4_key, "crv", "\"X25519\""));
    // d: in full length, from 1 to n-1, the point's own
    EXPECT_TRUE(contains(refused(changed(key, "d")), "do not match"));
    refused(number(key, "d", d.substr(1)));
    refused(number(key, "d", '\0' + d));
    refused(number(key, "d", std::string(32, '\0')));
    refused(number(key, "d",
                   unhex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551")));
    refused(number(key, "d", std::string(32, '\xff')));
    // a coordinate of P-521 keeps its leading zeros
    EXPECT_EQ(unbase64url(text_of(rfc::rfc7520_4_3_key, "x"))[0], '\0');
    refused(number(rfc::rfc7520_4_3_key, "x",
                   unbase64url(text_of(rfc::rfc7520_4_3_key, "x")).substr(1)));
}

TEST(Jwk, EdwardsKeysAreChecked) {
    const std::string_view key = rfc::rfc8037_a4_key;
    EXPECT_TRUE(contains(refused(changed(key, "d")), "do not match"));
    EXPECT_TRUE(contains(refused(changed(key, "x")), "do not match"));
    const std::string open = without(key, "d");
    const std::string x = unbase64url(text_of(key, "x"));
    refused(number(open, "x", x.substr(1)));
    refused(number(open, "x", x + '\0'));
    for (const std::string_view small :
         {"0000000000000000000000000000000000000000000000000000000000000000",
          "0000000000000000000000000000000000000000000000000000000000000080",
          "0100000000000000000000000000000000000000000000000000000000000000",
          "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
          "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
          "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"})
        EXPECT_TRUE(contains(refused(number(open, "x", unhex(small))), "small order")) << small;
    for (const std::string &y : {std::string(57, '\0'), '\x01' + std::string(56, '\0')})
        EXPECT_TRUE(contains(
            refused("{\"kty\":\"OKP\",\"crv\":\"Ed448\",\"x\":\"" + base64url_encode(y) + "\"}"),
            "small order"));
}

TEST(Jwk, DeclarationsAreHonoured) {
    refused(oct(",\"use\":\"enc\""));
    refused(oct(",\"key_ops\":[]"));
    refused(oct(",\"key_ops\":[\"encrypt\"]"));
    refused(oct(",\"alg\":\"A256GCM\""));
    refused(oct(",\"alg\":\"none\""));
    refused(oct(",\"alg\":\"RS256\""));
    refused(with(rfc::a3_key, "kty", "\"EC\",\"alg\":\"ES384\""));
    const Key signer = parse_jwk(oct(",\"use\":\"sig\",\"key_ops\":[\"sign\"],\"alg\":\"HS256\""));
    EXPECT_TRUE(signer.allows(Alg::HS256, KeyOperation::sign));
    EXPECT_FALSE(signer.allows(Alg::HS256, KeyOperation::verify));
    const Key verifier = parse_jwk(oct(",\"key_ops\":[\"verify\",\"wrapKey\"]"));
    EXPECT_FALSE(verifier.allows(Alg::HS256, KeyOperation::sign));
    EXPECT_TRUE(verifier.allows(Alg::HS256, KeyOperation::verify));
    error_of(Errc::algorithm_mismatch, [&] { jws_sign("x", verifier); });
    const Key declared = parse_jwk(rfc::thumbprint_key);
    EXPECT_TRUE(declared.allows(Alg::RS256, KeyOperation::verify));
    EXPECT_FALSE(declared.allows(Alg::RS512, KeyOperation::verify));
    EXPECT_FALSE(declared.allows(Alg::PS256, KeyOperation::verify));
    EXPECT_FALSE(declared.allows(Alg::RS256, KeyOperation::sign)); // no private part
    const Key ec = parse_jwk(rfc::a3_key);
    EXPECT_TRUE(ec.allows(Alg::ES256, KeyOperation::sign));
    EXPECT_FALSE(ec.allows(Alg::ES384, KeyOperation::sign));
    EXPECT_FALSE(ec.allows(Alg::HS256, KeyOperation::verify));
    error_of(Errc::algorithm_mismatch, [&] { ec.with_alg(Alg::ES512); });
    error_of(Errc::algorithm_mismatch, [&] { ec.with_alg(Alg::ES256).with_alg(Alg::ES384); });
}

TEST(Jwk, ErrorsHoldNoKeyMaterial) {
    const std::string message = refused(changed(rfc::a3_key, "d"));
    EXPECT_FALSE(contains(message, text_of(rfc::a3_key, "d").substr(0, 8)));
    EXPECT_FALSE(contains(malformed(oct("", "hunter2!hunter2")), "hunter"));
}

} // namespace
} // namespace pg_principal
