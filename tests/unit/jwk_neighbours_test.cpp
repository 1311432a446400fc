// RFC 7517 section 5: what cannot be used of a JWK Set is passed over, and only the token that
// names it is refused for it.
#include "core_support.hpp"

#include "core/jose/jwt.hpp"
#include "rfc_vectors.hpp"

#include <fstream>
#include <sstream>

namespace pg_principal {
namespace {

std::string text_of(std::string_view jwk, std::string_view name) {
    return std::string(json::Document(jwk).root().find(name).as_string());
}
const std::string rsa_n = text_of(rfc::rfc7520_4_1_key, "n");
const std::string ec_x = text_of(rfc::a3_key, "x"), ec_y = text_of(rfc::a3_key, "y");

std::string rsa(const std::string &extra, const std::string &n = rsa_n,
                const std::string &e = "AQAB") {
    return "{\"kty\":\"RSA\",\"kid\":\"bad\",\"n\":\"" + n + "\",\"e\":\"" + e + "\"" + extra + "}";
}
std::string ec(const std::string &extra, const std::string &x = ec_x, const std::string &y = ec_y,
               const std::string &crv = "P-256") {
    return "{\"kty\":\"EC\",\"kid\":\"bad\",\"crv\":\"" + crv + "\",\"x\":\"" + x + "\",\"y\":\"" +
           y + "\"" + extra + "}";
}
std::string okp(const std::string &x, const std::string &extra = "",
                const std::string &crv = "Ed25519") {
    return "{\"kty\":\"OKP\",\"kid\":\"bad\",\"crv\":\"" + crv + "\",\"x\":\"" + x + "\"" + extra +
           "}";
}
std::string oct(const std::string &k, const std::string &extra = "") {
    return "{\"kty\":\"oct\",\"kid\":\"bad\",\"k\":\"" + k + "\"" + extra + "}";
}
std::string bytes(std::size_t size, char fill = '\x7f') {
    return base64url_encode(std::string(size, fill));
}
std::string from_n(const std::string &change) { // a change of its first or last byte
    std::string n = unbase64url(rsa_n);
    if (change == "zero")
        n = '\0' + n;
    else if (change == "even")
        n.back() = static_cast<char>(n.back() & ~1);
    else if (change == "short")
        n.resize(128);
    else if (change == "long")
        n = std::string(1025, '\xff');
    return base64url_encode(n);
}
std::string nested(int depth) {
    return std::string(static_cast<std::size_t>(depth), '[') +
           std::string(static_cast<std::size_t>(depth), ']');
}

struct Neighbour {
    const char *what;
    std::string jwk;
    Alg alg;            // of a token that names it
    const char *reason; // why that is refused; empty: for its signature alone
};
const std::string small_order = base64url_encode(std::string(32, '\0'));

const std::vector<Neighbour> &neighbours() {
    static const std::vector<Neighbour> all = {
        {"1,024-bit RSA", rsa("", from_n("short")), Alg::RS256, "at least 2048 bits"},
        {"512-bit RSA", rsa("", bytes(64)), Alg::RS256, "at least 2048 bits"},
        {"8,200-bit RSA", rsa("", from_n("long")), Alg::RS256, "at most 8192 bits"},
        {"leading zero in n", rsa("", from_n("zero")), Alg::RS256, "leading zeros"},
        {"leading zero in e", rsa("", rsa_n, "AAEAAQ"), Alg::RS256, "leading zeros"},
        {"even modulus", rsa("", from_n("even")), Alg::RS256, "modulus is even"},
        {"even exponent", rsa("", rsa_n, "AQAA"), Alg::RS256, "exponent"},
        {"exponent 1", rsa("", rsa_n, "AQ"), Alg::RS256, "exponent"},
        {"exponent of 72 bits", rsa("", rsa_n, "AQEBAQEBAQEB"), Alg::RS256, "exponent"},
        {"n in standard base64", rsa("", rsa_n + "=="), Alg::RS256, "not base64url"},
        {"n with a line break", rsa("", "\\n" + rsa_n), Alg::RS256, "not base64url"},
        {"n empty", rsa("", ""), Alg::RS256, "not base64url"},
        {"n missing", replaced(rsa(""), "\"n\"", "\"N\""), Alg::RS256, "\"n\" is missing"},
        {"e missing", replaced(rsa(""), "\"e\"", "\"E\""), Alg::RS256, "\"e\" is missing"},
        {"e a number", replaced(rsa(""), "\"AQAB\"", "65537"), Alg::RS256, "\"e\" is not a string"},
        {"n null", replaced(rsa(""), "\"" + rsa_n + "\"", "null"), Alg::RS256, "not a string"},
        {"oth empty", rsa(",\"oth\":[]"), Alg::RS256, "more than two primes"},
        {"primes without d", rsa(",\"p\":\"AQ\""), Alg::RS256, "no member \"d\""},
        {"d without q", rsa(",\"d\":\"AQ\",\"p\":\"AQ\""), Alg::RS256, "\"q\" is missing"},
        {"d not base64url", rsa(",\"d\":\"*\""), Alg::RS256, "\"d\" is not base64url"},
        {"use enc", rsa(",\"use\":\"enc\""), Alg::RS256, "use is not"},
        {"use x509-svid", ec(",\"use\":\"x509-svid\""), Alg::ES256, "use is not"},
        {"use wit-svid", ec(",\"use\":\"wit-svid\""), Alg::ES256, "use is not"},
        {"kept of a private one", ec(",\"use\":\"published with its private half\""), Alg::ES256,
         "published with its private half"},
        {"kept of a secret",
         "{\"kty\":\"oct\",\"kid\":\"bad\",\"use\":\"a secret is no public key\"}", Alg::HS256,
         "a secret is no public key"},
        {"use a list", ec(",\"use\":[\"sig\"]"), Alg::ES256, "\"use\" is not a string"},
        {"use null", ec(",\"use\":null"), Alg::ES256, "\"use\" is not a string"},
        {"alg RSA-OAEP", rsa(",\"alg\":\"RSA-OAEP\""), Alg::RS256, "not a supported signature"},
        {"alg none", rsa(",\"alg\":\"none\""), Alg::RS256, "not a supported signature"},
        {"alg SHA256", rsa(",\"alg\":\"SHA256\""), Alg::RS256, "not a supported signature"},
        {"alg ES521", ec(",\"alg\":\"ES521\""), Alg::ES256, "not a supported signature"},
        {"alg a number", rsa(",\"alg\":1"), Alg::RS256, "\"alg\" is not a string"},
        {"alg null", rsa(",\"alg\":null"), Alg::RS256, "\"alg\" is not a string"},
        {"alg of another type", ec(",\"alg\":\"RS256\""), Alg::ES256, "of another type"},
        {"alg of another curve", ec(",\"alg\":\"ES384\""), Alg::ES256, "on another curve"},
        {"key_ops empty", rsa(",\"key_ops\":[]"), Alg::RS256, "key_ops"},
        {"key_ops a text", rsa(",\"key_ops\":\"verify\""), Alg::RS256, "not an array"},
        {"key_ops of numbers", rsa(",\"key_ops\":[1]"), Alg::RS256, "only strings"},
        {"key_ops repeated", rsa(",\"key_ops\":[\"verify\",\"verify\"]"), Alg::RS256, "repeats"},
        {"key_ops to sign", rsa(",\"key_ops\":[\"sign\"]"), Alg::RS256, "do not name \"verify\""},
        {"key_ops to encrypt", rsa(",\"key_ops\":[\"encrypt\"]"), Alg::RS256, "key_ops"},
        {"kty unknown", replaced(rsa(""), "RSA", "XYZ"), Alg::RS256, "type is not RSA"},
        {"kty of RFC 9964",
         "{\"kty\":\"AKP\",\"alg\":\"ML-DSA-44\",\"pub\":\"AA\",\"kid\":\"bad\"}",
         has_ml_dsa() ? Alg::ML_DSA_44 : Alg::ES256,
         has_ml_dsa() ? "another length" : "OpenSSL 3.5"},
        {"kty in small letters", replaced(ec(""), "EC", "ec"), Alg::ES256, "type is not RSA"},
        {"kty missing", replaced(ec(""), "kty", "KTY"), Alg::ES256, "\"kty\" is missing"},
        {"kty a number", replaced(ec(""), "\"EC\"", "1"), Alg::ES256, "\"kty\" is not a string"},
        {"crv unknown", ec("", ec_x, ec_y, "secp256k1"), Alg::ES256, "curve is not supported"},
        {"crv brainpool", ec("", ec_x, ec_y, "BP-256"), Alg::ES256, "curve is not supported"},
        {"crv missing", replaced(ec(""), "crv", "CRV"), Alg::ES256, "\"crv\" is missing"},
        {"crv of another type", okp(ec_x, "", "P-256"), Alg::EdDSA, "does not fit its type"},
        {"X25519", okp(bytes(32), "", "X25519"), Alg::EdDSA, "curve is not supported"},
        {"off the curve", ec("", ec_x, ec_x), Alg::ES256, "not on the curve"},
        {"x too short", ec("", bytes(31)), Alg::ES256, "another length"},
        {"y missing", replaced(ec(""), "\"y\"", "\"Y\""), Alg::ES256, "\"y\" is missing"},
        {"P-384 with P-256's x", ec("", ec_x, ec_y, "P-384"), Alg::ES384, "another length"},
        {"Ed25519 of small order", okp(small_order), Alg::EdDSA, "small order"},
        {"Ed25519 too long", okp(bytes(33)), Alg::EdDSA, "another length"},
        {"an oct", oct(bytes(64, 'k')), Alg::HS256, "beside public keys"},
        {"an oct too short", oct("AAAA"), Alg::HS256, "beside public keys"},
        {"an oct without k", replaced(oct("AAAA"), "\"k\"", "\"K\""), Alg::HS256, "beside public"},
        {"a member twice", rsa(",\"e\":\"AQAB\""), Alg::RS256, "a duplicate member"},
        {"a member of a member twice", rsa(",\"x\":{\"a\":1,\"a\":2}"), Alg::RS256,
         "a duplicate member"},
        {"kid null", replaced(rsa(""), "\"bad\"", "null"), Alg::RS256, nullptr},
        {"kid a number", replaced(rsa(""), "\"bad\"", "7"), Alg::RS256, nullptr},
        {"kid a list", replaced(rsa(""), "\"bad\"", "[\"bad\"]"), Alg::RS256, nullptr},
        {"a number", "1", Alg::RS256, nullptr},
        {"null", "null", Alg::RS256, nullptr},
        {"a text", "\"bad\"", Alg::RS256, nullptr},
        {"a list", "[]", Alg::RS256, nullptr},
        {"an empty object", "{}", Alg::RS256, nullptr},
        {"a set in the set", "{\"keys\":[]}", Alg::RS256, nullptr},
        // of use, odd as they are
        {"no alg, a template as issuer", rsa(",\"issuer\":\"https://l.example/{tenantid}/v2.0\""),
         Alg::RS256, ""},
        {"x5c of junk", rsa(",\"x5c\":[\"junk\"],\"x5t\":7,\"x5u\":{}"), Alg::RS256, ""},
        {"use jwt-svid", ec(",\"use\":\"jwt-svid\""), Alg::ES256, ""},
        {"nested deeply", rsa(",\"x\":" + nested(400)), Alg::RS256, ""},
        {"nested more deeply", rsa(",\"x\":" + nested(4000)), Alg::RS256, ""},
        {"a list of lists", nested(4000), Alg::RS256, nullptr},
        {"key_ops with more", rsa(",\"key_ops\":[\"verify\",\"wrapKey\",\"own\"]"), Alg::RS256, ""},
        {"halves that do not match", ec(",\"d\":\"AQ\""), Alg::ES256, ""},
        {"RS256 and RS512 of one kid", rsa(",\"alg\":\"RS256\"") + "," + rsa(",\"alg\":\"RS512\""),
         Alg::RS256, ""},
        {"RS256 twice of one kid", rsa("") + "," + rsa("", bytes(256, '\xff')), Alg::RS256, ""},
    };
    return all;
}

std::string token_naming(std::string_view kid, Alg alg) {
    return base64url_encode("{\"alg\":\"" + std::string(alg_name(alg)) + "\",\"kid\":\"" +
                            std::string(kid) + "\"}") +
           "." + base64url_encode("{}") + "." + bytes(alg_kty(alg) == Kty::RSA ? 256 : 64);
}

// The token of a good key verifies, the one that names the neighbour does not, and says why.
void check(const std::string &set, const Key &good, const Neighbour &bad) {
    SCOPED_TRACE(bad.what);
    const KeySet keys = parse_jwk_set(set);
    TokenScratch scratch;
    EXPECT_EQ(verify_token(jwt_sign("{}", good), keys, {}, scratch), TokenFault::none);
    EXPECT_EQ(thumbprint(*scratch.key()), thumbprint(good));
    const TokenFault fault = verify_token(token_naming("bad", bad.alg), keys, {}, scratch);
    if (!bad.reason) {
        EXPECT_EQ(fault, TokenFault::unknown_key);
    } else if (!*bad.reason) {
        EXPECT_EQ(fault, TokenFault::bad_signature) << scratch.describe(fault);
    } else {
        EXPECT_TRUE(contains(scratch.describe(fault), "key \"bad\": ")) << scratch.describe(fault);
        EXPECT_TRUE(contains(scratch.describe(fault), bad.reason)) << scratch.describe(fault);
    }
}

TEST(JwkNeighbours, NoneTakesAGoodKeyDown) {
    EXPECT_GE(neighbours().size(), 70u);
    for (const Alg alg : {Alg::ES256, Alg::EdDSA, Alg::ES384}) {
        const Key good = generate_key(alg);
        for (const Neighbour &bad : neighbours()) {
            check("{\"keys\":[" + bad.jwk + "," + public_jwk(good) + "]}", good, bad);
            check("{\"keys\":[" + public_jwk(good) + "," + bad.jwk + "]}", good, bad);
        }
    }
}

TEST(JwkNeighbours, NorOneWithoutAKid) {
    const Key good = generate_key(Alg::ES256).with_kid("");
    for (const Neighbour &bad : neighbours()) {
        SCOPED_TRACE(bad.what);
        const KeySet keys = parse_jwk_set("{\"keys\":[" + bad.jwk + "," + public_jwk(good) + "]}");
        EXPECT_EQ(verified(jws_sign("x", good), keys), TokenFault::none);
    }
}

TEST(JwkNeighbours, ASetOfBadKeysAlone) {
    for (const Neighbour &bad : neighbours()) {
        SCOPED_TRACE(bad.what);
        const KeySet keys = parse_jwk_set("{\"keys\":[" + bad.jwk + "]}");
        TokenScratch scratch;
        EXPECT_NE(verify_token(token_naming("bad", bad.alg), keys, {}, scratch), TokenFault::none);
        EXPECT_NE(verify_token(rfc::a1_token, keys, {}, scratch), TokenFault::none);
    }
}

// Keys as they are published, next to one of ours and to each neighbour.
TEST(JwkNeighbours, PublishedSetsLoad) {
    struct Sample {
        const char *name;
        std::size_t keys, usable;
    };
    const Sample samples[] = {{"01-entra-id", 8, 8},
                              {"02-google", 2, 2},
                              {"03-github-actions", 4, 4},
                              {"04-gitlab", 3, 3},
                              {"05-aws-cognito", 2, 2},
                              {"06-keycloak-sig-and-enc", 2, 1},
                              {"07-spiffe-bundle-with-wit", 5, 2},
                              {"08-kubernetes-kops-512-bit-rsa", 2, 0},
                              {"09-microsoft-ec-es521-bom", 3, 2},
                              {"10-assembled-google-plus-rfc9964-akp", 3, has_ml_dsa() ? 3U : 2U}};
    const Key good = generate_key(Alg::ES256);
    for (const Sample &sample : samples) {
        SCOPED_TRACE(sample.name);
        std::ifstream file("tests/samples/jwks/" + std::string(sample.name) + ".json");
        std::stringstream read;
        read << file.rdbuf();
        const std::string text = read.str();
        const KeySet keys = parse_jwk_set(text);
        EXPECT_EQ(keys.size(), sample.keys);
        std::size_t usable = 0;
        for (std::size_t i = 0; i < keys.size(); ++i)
            usable += keys.usable(i) != nullptr;
        EXPECT_EQ(usable, sample.usable);
        for (const Neighbour &bad : neighbours()) {
            const std::string set =
                text.substr(0, text.rfind(']')) + "," + bad.jwk + "," + public_jwk(good) + "]}";
            check(set, good, bad);
            // each good key of theirs is still the one that its kid names
            const KeySet beside = parse_jwk_set(set);
            for (std::size_t i = 0; i < keys.size(); ++i) {
                if (!keys.usable(i) || keys.kid(i).empty())
                    continue;
                const Key *chosen = selected(beside, keys.usable(i)->default_alg(), keys.kid(i));
                ASSERT_NE(chosen, nullptr) << bad.what << " beside " << keys.kid(i);
                EXPECT_EQ(thumbprint(*chosen), thumbprint(*keys.usable(i)));
            }
        }
    }
}

} // namespace
} // namespace pg_principal
