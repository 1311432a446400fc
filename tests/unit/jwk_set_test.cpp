#include "core_support.hpp"

#include "core/jws.hpp"
#include "rfc_vectors.hpp"

namespace pg_principal {
namespace {

std::string set(std::initializer_list<std::string> keys) {
    std::string out = "{\"keys\":[";
    for (const std::string &key : keys)
        out.append(out.back() == '[' ? "" : ",").append(key);
    return out + "]}";
}
std::string oct(char fill, std::string_view extra = "") {
    return "{\"kty\":\"oct\",\"k\":\"" + base64url_encode(std::string(64, fill)) + "\"" +
           std::string(extra) + "}";
}
std::string kid(std::string_view name) { return ",\"kid\":\"" + std::string(name) + "\""; }

TEST(JwkSet, OneKeyIsASetOfOne) {
    EXPECT_EQ(parse_jwk_set(rfc::a1_key).size(), 1u);
    EXPECT_EQ(parse_jwk_set(set({std::string(rfc::a2_key), std::string(rfc::a3_key)})).size(), 2u);
    EXPECT_TRUE(parse_jwk_set(set({})).empty());
    EXPECT_EQ(parse_jwk_set("{\"keys\":[],\"extra\":1}").select(Alg::HS256, std::nullopt), nullptr);
}

TEST(JwkSet, ShapeIsChecked) {
    for (const std::string_view text :
         {"", "[]", "1", "{}", "{\"keys\":1}", "{\"keys\":{}}", "{\"keys\":[1]}", "{\"keys\":[[]]}",
          "{\"keys\":[null]}", "{\"keys\":[],\"keys\":[]}", "{\"keys\":[],\"kty\":\"oct\"}",
          "{\"keys\":[{}],", "{\"Keys\":[]}"})
        error_of(Errc::key_malformed, [&] { parse_jwk_set(text); });
}

TEST(JwkSet, KeysThatAreNotForUsAreSkipped) {
    const KeySet keys = parse_jwk_set(
        set({"{\"kty\":\"AKP\",\"alg\":\"ML-DSA-44\"}", "{}", "{\"kty\":\"oct\"}",
             oct('a', ",\"use\":\"enc\""), oct('b', ",\"alg\":\"A256KW\""),
             oct('c', ",\"key_ops\":[\"encrypt\"]"),
             "{\"kty\":\"EC\",\"crv\":\"secp256k1\",\"x\":\"AA\",\"y\":\"AA\"}",
             "{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"AA\"}", oct('d', kid("good"))}));
    ASSERT_EQ(keys.size(), 1u);
    EXPECT_EQ(keys[0].kid(), "good");
}

TEST(JwkSet, UnsoundKeysAreNotSkipped) {
    error_of(Errc::key_malformed, [] { parse_jwk_set(set({oct('a'), "{\"kty\":1}"})); });
    error_of(Errc::key_malformed, [] { parse_jwk_set(set({oct('a', ",\"kid\":1")})); });
    error_of(Errc::key_malformed,
             [] { parse_jwk_set(set({"{\"kty\":\"oct\",\"k\":\"not base64\"}"})); });
    error_of(Errc::key_refused, [] { parse_jwk_set(set({"{\"kty\":\"oct\",\"k\":\"AAAA\"}"})); });
    const std::string off_curve = replaced(std::string(rfc::a3_key), "f83OJ3D2", "f83OJ3D3");
    error_of(Errc::key_refused, [&] { parse_jwk_set(set({off_curve})); });
}

TEST(JwkSet, RepeatedKidsAndMixedSetsAreRefused) {
    EXPECT_EQ(error_of(Errc::key_set_refused,
                       [] {
                           parse_jwk_set(set({oct('a', kid("x")), oct('b', kid("x"))}));
                       }),
              "key set refused: it repeats a kid");
    EXPECT_EQ(error_of(Errc::key_set_refused,
                       [] {
                           parse_jwk_set(set({oct('a'), std::string(rfc::a3_key)}));
                       }),
              "key set refused: it mixes secret and public keys");
    EXPECT_EQ(parse_jwk_set(set({oct('a'), oct('b')})).size(),
              2u); // without a kid: nothing repeated
    EXPECT_EQ(parse_jwk_set(set({oct('a', kid("x")), oct('b', kid("X"))})).size(), 2u);
    // keys of our own: during a change from HS256 to ES256 both are there
    EXPECT_EQ(KeySet({generate_key(Alg::HS256), generate_key(Alg::ES256)}).size(), 2u);
    const Key key = generate_key(Alg::HS256);
    error_of(Errc::key_set_refused, [&] { KeySet({key, key}); });
}

TEST(JwkSet, SizeIsBounded) {
    std::string many = "{\"keys\":[";
    for (int i = 0; i < 257; ++i)
        many += "{\"kty\":\"x\"},";
    many.back() = ']';
    error_of(Errc::key_set_refused, [&] { parse_jwk_set(many + "}"); });
    error_of(Errc::key_malformed, [] { parse_jwk_set(std::string((1 << 20) + 1, ' ')); });
}

TEST(JwkSet, ATokensKidDecides) {
    const KeySet keys = parse_jwk_set(set({oct('a', kid("a")), oct('b', kid("b")), oct('c')}));
    EXPECT_EQ(keys.find("b"), &keys[1]);
    EXPECT_EQ(keys.find(""), nullptr);
    EXPECT_EQ(keys.select(Alg::HS256, "b"), &keys[1]);
    EXPECT_EQ(keys.select(Alg::HS256, "z"), nullptr);
    EXPECT_EQ(keys.select(Alg::HS256, ""), nullptr);
    EXPECT_EQ(keys.select(Alg::RS256, "b"), nullptr);
    EXPECT_EQ(keys.candidates(Alg::HS256, std::nullopt).count, 3u);
    EXPECT_FALSE(keys.candidates(Alg::HS256, "z").kid_known);

    // signed with c, but saying b: only b is tried
    JwsHeader header;
    const Key c_as_b = keys[2].with_kid("b");
    EXPECT_EQ(verified(jws_sign("x", c_as_b, Alg::HS256, header), keys), TokenFault::bad_signature);
    EXPECT_EQ(verified(jws_sign("x", keys[2].with_kid("z")), keys), TokenFault::unknown_key);
    // without a kid every key that fits is tried
    const Key *used = nullptr;
    EXPECT_EQ(verified(jws_sign("x", keys[2]), keys, &used), TokenFault::none);
    EXPECT_EQ(used, &keys[2]);
    // a set without any kid does not contradict the token's
    const KeySet anonymous = parse_jwk_set(set({oct('a'), oct('b')}));
    EXPECT_EQ(verified(jws_sign("x", anonymous[1].with_kid("b")), anonymous), TokenFault::none);
}

TEST(JwkSet, AlgAndTypeDecideNext) {
    const KeySet keys = parse_jwk_set(
        set({oct('a', ",\"alg\":\"HS512\""), oct('b', ",\"alg\":\"HS256\""), oct('c')}));
    EXPECT_EQ(keys.candidates(Alg::HS256, std::nullopt).count, 2u);
    EXPECT_EQ(keys.select(Alg::HS256, std::nullopt), &keys[1]);
    EXPECT_EQ(keys.select(Alg::ES256, std::nullopt), nullptr);
    EXPECT_EQ(verified(rfc::a3_token, keys), TokenFault::algorithm_refused);
    EXPECT_EQ(verified(rfc::a3_token, KeySet()), TokenFault::unknown_key);
}

TEST(JwkSet, OnlySoManyKeysAreTried) {
    std::vector<Key> keys;
    for (int i = 0; i < 20; ++i)
        keys.push_back(key_from_secret(std::string(32, static_cast<char>('a' + i))));
    const Key last = keys.back();
    const KeySet set(std::move(keys));
    EXPECT_EQ(set.candidates(Alg::HS256, std::nullopt).count, KeySet::max_candidates);
    EXPECT_EQ(verified(jws_sign("x", last), set), TokenFault::bad_signature);
}

} // namespace
} // namespace pg_principal
