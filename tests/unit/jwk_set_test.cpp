#include "core_support.hpp"

#include "core/jose/jws.hpp"
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
    EXPECT_EQ(selected(parse_jwk_set("{\"keys\":[],\"extra\":1}"), Alg::HS256, std::nullopt),
              nullptr);
    EXPECT_EQ(parse_jwk_set("\xef\xbb\xbf" + set({oct('a')})).size(), 1u); // a byte order mark
}

TEST(JwkSet, WhatIsNoSetIsRefused) {
    for (const std::string_view text :
         {"", "[]", "1", "{}", "{\"keys\":1}", "{\"keys\":{}}", "{\"keys\":null}",
          "{\"keys\":[],\"keys\":[]}", "{\"keys\":[],\"kty\":\"oct\"}", "{\"keys\":[{}],",
          "{\"Keys\":[]}", "\"x\"", "null"})
        error_of(Errc::key_malformed, [&] { parse_jwk_set(text); });
    // a key by itself is no neighbour
    error_of(Errc::key_refused, [] { parse_jwk_set("{\"kty\":\"oct\",\"k\":\"AAAA\"}"); });
    error_of(Errc::key_malformed,
             [] { parse_jwk_set(replaced(oct('a'), "}", ",\"kty\":\"oct\"}")); });
}

TEST(JwkSet, SecretsBesidePublicKeysAreNeverUsed) {
    const std::string both = set({oct('a', kid("a")), std::string(rfc::a3_key), oct('b')});
    const KeySet keys = parse_jwk_set(both);
    for (const std::optional<std::string_view> name : {std::optional<std::string_view>("a"), {}}) {
        const KeySet::Candidates found = keys.candidates(Alg::HS256, name);
        EXPECT_EQ(found.count, 0u);
        EXPECT_EQ(found.lack, KeySet::Lack::unusable);
        EXPECT_TRUE(contains(found.reason, "secret beside public keys"));
    }
    EXPECT_NE(selected(keys, Alg::ES256, std::nullopt), nullptr);
    // a public key that is of no use is public all the same
    for (const std::string_view other :
         {"{\"kty\":\"AKP\"}", "{\"kty\":\"RSA\"}", "{\"kty\":\"EC\",\"use\":\"enc\"}"})
        EXPECT_EQ(selected(parse_jwk_set(set({oct('a'), std::string(other)})), Alg::HS256, {}),
                  nullptr)
            << other;
    // nothing asymmetric
    EXPECT_NE(selected(parse_jwk_set(set({oct('a'), oct('b'), "{}", "1"})), Alg::HS256, {}),
              nullptr);
    // keys of our own: during a change from HS256 to ES256 both are there
    EXPECT_EQ(KeySet({generate_key(Alg::HS256), generate_key(Alg::ES256)}).size(), 2u);
    const Key key = generate_key(Alg::HS256);
    EXPECT_EQ(error_of(Errc::key_set_refused,
                       [&] {
                           KeySet({key, key});
                       }),
              "key set refused: it repeats a kid");
}

TEST(JwkSet, OfPublicKeysWithOneKidEachIsTried) {
    const auto public_half = [](const Key &key) { return public_jwk(key.with_kid("x")); };
    const Key old_key = generate_key(Alg::ES256), new_key = generate_key(Alg::ES256),
              other = generate_key(Alg::ES256);
    const KeySet keys = parse_jwk_set(
        set({public_half(old_key), public_half(generate_key(Alg::EdDSA)), public_half(new_key)}));
    EXPECT_EQ(keys.candidates(Alg::ES256, "x").count, 2u);
    for (const Key *signer : {&old_key, &new_key})
        EXPECT_EQ(verified(jws_sign("x", signer->with_kid("x")), keys), TokenFault::none);
    EXPECT_EQ(verified(jws_sign("x", other.with_kid("x")), keys), TokenFault::bad_signature);
    EXPECT_EQ(verified(jws_sign("x", new_key.with_kid("y")), keys), TokenFault::unknown_key);
    EXPECT_EQ(keys.problem(2), "");
}

TEST(JwkSet, ASharedKidOfSecretsIsAmbiguousForItsTokensAlone) {
    const KeySet keys =
        parse_jwk_set(set({oct('a', kid("x")), oct('b', kid("x")), oct('c', kid("c")), oct('d')}));
    EXPECT_EQ(keys.candidates(Alg::HS256, "x").lack, KeySet::Lack::ambiguous);
    const Key signer = *keys.usable(0);
    std::string reason;
    const Parsed token(jws_sign("x", signer));
    EXPECT_EQ(verify(token.jws, keys, nullptr, &reason), TokenFault::ambiguous_key);
    EXPECT_EQ(reason, "two secrets of the set have this kid and serve HS256");
    EXPECT_EQ(verified(jws_sign("x", *keys.usable(2)), keys), TokenFault::none);
    EXPECT_EQ(verified(jws_sign("x", *keys.usable(3)), keys), TokenFault::none);
    // one for each algorithm is not ambiguous
    const KeySet both = parse_jwk_set(set(
        {oct('a', kid("x") + ",\"alg\":\"HS256\""), oct('b', kid("x") + ",\"alg\":\"HS512\"")}));
    for (std::size_t i : {0u, 1u})
        EXPECT_EQ(verified(jws_sign("x", *both.usable(i)), both), TokenFault::none);
    // nor is one beside it that is not to verify with, or the same again; a secret that is unsound is
    const KeySet one = parse_jwk_set(
        set({oct('b', kid("x")), oct('b', kid("x") + ",\"use\":\"enc\""), oct('b', kid("y")),
             "{\"kty\":\"oct\",\"k\":\"AAAA\"" + kid("y") + "}", oct('c', kid("z")),
             oct('c', kid("z") + ",\"x\":1"), oct('c', kid("z"))}));
    for (std::size_t i : {0u, 4u, 6u})
        EXPECT_EQ(verified(jws_sign("x", *one.usable(i)), one), TokenFault::none);
    EXPECT_EQ(one.problem(4), "");
    EXPECT_EQ(one.problem(2),
              "another secret of the set has this kid and serves the same algorithm");
    EXPECT_EQ(one.candidates(Alg::HS256, "y").lack, KeySet::Lack::ambiguous);
    EXPECT_EQ(parse_jwk_set(set({oct('a', kid("x")), oct('b', kid("X"))}))
                  .candidates(Alg::HS256, "x")
                  .count,
              1u);
}

TEST(JwkSet, SizeIsBounded) {
    std::string many = "{\"keys\":[";
    for (int i = 0; i < 257; ++i)
        many += "{\"kty\":\"x\"},";
    many.back() = ']';
    EXPECT_EQ(error_of(Errc::key_set_too_large, [&] { parse_jwk_set(many + "}"); }),
              "a key set has at most 256 keys, not 257");
    error_of(Errc::key_malformed, [] { parse_jwk_set(std::string((4 << 20) + 1, ' ')); });
}

TEST(JwkSet, ATokensKidDecides) {
    const KeySet keys = parse_jwk_set(set({oct('a', kid("a")), oct('b', kid("b")), oct('c')}));
    EXPECT_EQ(selected(keys, Alg::HS256, "b"), keys.usable(1));
    EXPECT_EQ(selected(keys, Alg::HS256, "z"), nullptr);
    EXPECT_EQ(selected(keys, Alg::HS256, ""), nullptr);
    EXPECT_EQ(selected(keys, Alg::RS256, "b"), nullptr);
    EXPECT_EQ(keys.candidates(Alg::HS256, std::nullopt).count, 3u);
    EXPECT_EQ(keys.candidates(Alg::HS256, "z").lack, KeySet::Lack::kid_unknown);
    EXPECT_EQ(keys.candidates(Alg::RS256, "b").lack, KeySet::Lack::not_for_algorithm);

    // signed with c, but saying b: only b is tried
    const Key c = *keys.usable(2);
    EXPECT_EQ(verified(jws_sign("x", c.with_kid("b")), keys), TokenFault::bad_signature);
    EXPECT_EQ(verified(jws_sign("x", c.with_kid("z")), keys), TokenFault::unknown_key);
    // without a kid every key that fits is tried
    const Key *used = nullptr;
    EXPECT_EQ(verified(jws_sign("x", c), keys, &used), TokenFault::none);
    EXPECT_EQ(used, keys.usable(2));
    // a set without any kid does not contradict the token's, whatever cannot be used beside it
    const KeySet anonymous =
        parse_jwk_set(set({oct('a'), oct('b'), oct('c', kid("c") + ",\"use\":\"enc\""),
                           "{\"kty\":\"oct\",\"kid\":\"d\",\"k\":\"AAAA\"}"}));
    EXPECT_EQ(verified(jws_sign("x", anonymous.usable(1)->with_kid("b")), anonymous),
              TokenFault::none);
}

TEST(JwkSet, AlgAndTypeDecideNext) {
    const KeySet keys = parse_jwk_set(
        set({oct('a', ",\"alg\":\"HS512\""), oct('b', ",\"alg\":\"HS256\""), oct('c')}));
    EXPECT_EQ(keys.candidates(Alg::HS256, std::nullopt).count, 2u);
    EXPECT_EQ(selected(keys, Alg::HS256, std::nullopt), keys.usable(1));
    EXPECT_EQ(selected(keys, Alg::ES256, std::nullopt), nullptr);
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

int asked;
void count() { ++asked; }
void end_at_the_third() {
    if (++asked == 3)
        throw 3;
}

TEST(JwkSet, KeysAreReadWhenATokenAsksForThem) {
    std::string many = "{\"keys\":[";
    for (int i = 0; i < 100; ++i)
        many += oct(static_cast<char>('a' + i % 26), kid("k" + std::to_string(i))) + ",";
    many.back() = ']';
    const KeySet keys = parse_jwk_set(many + "}");
    asked = 0;
    EXPECT_EQ(keys.candidates(Alg::HS256, "k42", count).count, 1u);
    EXPECT_EQ(asked, 1);
    asked = 0;
    EXPECT_EQ(keys.candidates(Alg::ES256, "k43", count).count, 0u);
    EXPECT_EQ(asked, 0);
    // it can be ended between any two, and goes on afterwards
    asked = 0;
    EXPECT_THROW(keys.candidates(Alg::HS256, std::nullopt, end_at_the_third), int);
    EXPECT_EQ(keys.candidates(Alg::HS256, std::nullopt, count).count, KeySet::max_candidates);
}

TEST(JwkSet, ThePrivateHalfIsNotExercised) {
    // whose halves do not match: it verifies as the public half does, and does not sign
    const std::string d = "\"d\":\"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI\"";
    const std::string broken = replaced(std::string(rfc::a3_key), d, "\"d\":\"AAAA\"");
    error_of(Errc::key_refused, [&] { parse_jwk(broken); });
    for (const std::string &text : {broken, set({broken})}) {
        const KeySet keys = parse_jwk_set(text);
        EXPECT_EQ(verified(rfc::a3_token, keys), TokenFault::none);
        EXPECT_FALSE(keys.usable(0)->is_private());
    }
}

TEST(JwkSet, MakingAKeyCanBeEnded) {
    asked = 0;
    EXPECT_THROW(generate_key(Alg::RS512, end_at_the_third), int);
    asked = 0;
    generate_key(Alg::RS256, count);
    EXPECT_GT(asked, 3);
}

TEST(JwkSet, LargeMessagesCanBeEnded) {
    const std::string large(40 << 20, 'x');
    for (const Key &key : {generate_key(Alg::HS256), generate_key(Alg::ES256)}) {
        asked = 0;
        EXPECT_THROW(jws_sign(large, key, std::nullopt, {}, end_at_the_third), int);
        asked = 0;
        const std::string signature(key.is_symmetric() ? 32 : 64, 'x');
        EXPECT_THROW(verify_signature(*key.alg(), key, large, signature, end_at_the_third), int);
        // a context that was left in the middle is not used again
        EXPECT_EQ(verified(jws_sign("x", key), key), TokenFault::none);
    }
    const Key ed = generate_key(Alg::EdDSA);
    const std::string larger(65 << 20, 'x');
    error_of(Errc::value_too_long,
             [&] { verify_signature(Alg::EdDSA, ed, larger, std::string(64, 'x')); });
    // refused before anything of it is read
    error_of(Errc::value_too_long, [&] {
        jws_sign({large.data(), std::size_t{900} << 20}, generate_key(Alg::HS256));
    });
}

} // namespace
} // namespace pg_principal
