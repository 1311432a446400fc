// Every OpenSSL call that the core makes fails once in turn: the result is a clean error, or the
// right answer all the same; never a token or a key that must be refused, a leak, or a stale error.
// What fails for want of memory says so: a good key is not refused, a good signature not called
// bad.
#include "core_support.hpp"

#include "fault_injection.hpp"

#include "core/jose/jwt.hpp"
#include "core/crypto/sealing.hpp"
#include "pem_samples.hpp"
#include "rfc_vectors.hpp"

#include <algorithm>
#include <fstream>
#include <functional>
#include <iterator>
#include <new>
#include <optional>

namespace pg_principal {
namespace {

using fault::Mode;
using Answer = std::optional<std::string>; // nothing: an error was thrown

constexpr std::string_view message = "message";
const std::vector<Mode> every_mode = {Mode::zero, Mode::negative, Mode::late, Mode::memory};

// Runs the operation with its first, second, ... OpenSSL call failing, until it makes no more.
// prepare() makes what the operation works on anew; judge() sees each answer and what was worked
// on.
template <class Prepare, class Operation, class Judge>
void each_fault(std::string_view what, Prepare prepare, Operation operation, Judge judge,
                const std::vector<Mode> &modes = every_mode) {
    for (const Mode mode : modes) {
        bool failed = true;
        for (long n = 1; failed; ++n) {
            ASSERT_LT(n, 1000) << what;
            SCOPED_TRACE(std::string(what) + ", call " + std::to_string(n) + ", mode " +
                         std::to_string(static_cast<int>(mode)));
            auto subject = prepare();
            Answer answer;
            std::optional<Errc> thrown;
            fault::state().mode = mode;
            fault::state().failed = false;
            fault::state().left = n;
            try {
                answer = operation(subject);
            } catch (const Error &error) {
                thrown = error.code();
            } catch (const std::bad_alloc &) {
            }
            fault::state().left = 0;
            failed = fault::state().failed;
            EXPECT_EQ(ERR_peek_error(), 0u);
            if (thrown) {
                EXPECT_NE(mode, Mode::memory);
                EXPECT_TRUE(*thrown == Errc::crypto_failed || *thrown == Errc::key_malformed ||
                            *thrown == Errc::key_refused)
                    << error_kind(static_cast<std::size_t>(*thrown)).id;
            }
            judge(answer, subject);
            EXPECT_EQ(ERR_peek_error(), 0u);
        }
    }
}

// For what works on nothing and has one right answer.
void right_or_error(std::string_view what, const std::function<std::string()> &operation) {
    const std::string right = operation();
    each_fault(
        what, [] { return 0; }, [&](int) { return Answer(operation()); },
        [&](const Answer &answer, int) { EXPECT_TRUE(!answer || *answer == right); });
    EXPECT_TRUE(operation() == right) << "afterwards";
}

// For what must be refused.
void never(std::string_view what, const std::function<void()> &operation) {
    each_fault(
        what, [] { return 0; },
        [&](int) {
            try {
                operation();
            } catch (const Error &) {
                return Answer("refused");
            }
            return Answer("accepted");
        },
        [](const Answer &answer, int) { EXPECT_NE(answer, "accepted"); });
}

std::string sample_pem(const std::string &name) {
    std::ifstream file("tests/samples/keys/" + name + ".pem");
    std::string text{std::istreambuf_iterator<char>(file), {}};
    EXPECT_FALSE(text.empty()) << name;
    return text;
}

std::string yes_or_no(bool yes) { return yes ? "yes" : "no"; }

struct Sample {
    Alg alg;
    std::string_view jwk;
};
const std::string &p384_key() {
    static const std::string jwk(private_jwk(generate_key(Alg::ES384)).view());
    return jwk;
}
std::vector<Sample> samples() {
    return {{Alg::HS256, rfc::a1_key},          {Alg::HS512, rfc::a1_key},
            {Alg::RS256, rfc::a2_key},          {Alg::PS384, rfc::a2_key},
            {Alg::ES256, rfc::a3_key},          {Alg::ES384, p384_key()},
            {Alg::ES512, rfc::rfc7520_4_3_key}, {Alg::EdDSA, rfc::rfc8037_a4_key}};
}

TEST(FaultInjection, Preparing) {
    right_or_error("hashing", [] {
        prepare_hashing();
        return std::string("done");
    });
    each_fault(
        "everything", [] { return 0; },
        [](int) {
            prepare_crypto();
            return Answer("done");
        },
        [](const Answer &, int) {}, {Mode::memory}); // the rest is tested below
}

TEST(FaultInjection, HashMacAndRandom) {
    right_or_error("sha256", [] { return sha256(message); });
    right_or_error("hmac_sha256", [] { return hmac_sha256("key", message); });
    each_fault(
        "random", [] { return 0; }, [](int) { return Answer(random_bytes(32)); },
        [](const Answer &answer, int) { EXPECT_NE(answer, std::string(32, '\0')); });
}

TEST(FaultInjection, DerivedKeys) {
    for (const Pbkdf2Hash hash : {Pbkdf2Hash::sha1, Pbkdf2Hash::sha256, Pbkdf2Hash::sha512})
        right_or_error("pbkdf2",
                       [hash] { return std::string(pbkdf2(hash, "x", "salt", 2, 40).view()); });
    right_or_error("scrypt", [] { return std::string(scrypt("x", "salt", 4, 8, 1, 32).view()); });
    right_or_error("aes256_ctr", [] { return aes256_ctr(std::string(32, 'k'), message); });
}

TEST(FaultInjection, APreparedHmacKeyRecovers) {
    for (const Hash hash : {Hash::sha256, Hash::sha384, Hash::sha512}) {
        std::array<char, 64> out;
        const std::string right(HmacKey("key").sign(hash, message, out));
        for (const bool prepared : {false, true})
            each_fault(
                "HMAC",
                [&] {
                    auto key = std::make_unique<HmacKey>("key");
                    if (prepared)
                        key->sign(hash, "another message", out);
                    return key;
                },
                [&](auto &key) { return Answer(key->sign(hash, message, out)); },
                [&](const Answer &answer, auto &key) {
                    EXPECT_TRUE(!answer || *answer == right);
                    EXPECT_EQ(key->sign(hash, message, out), right) << "afterwards";
                });
    }
}

TEST(FaultInjection, Sealing) {
    const std::string key(32, 'k'), nonce(12, 'n'), text = "secret";
    const std::string sealed = aes256_gcm_encrypt(key, nonce, "aad", text);
    right_or_error("encrypt", [&] { return aes256_gcm_encrypt(key, nonce, "aad", text); });
    each_fault(
        "decrypt", [] { return 0; },
        [&](int) {
            const auto plain = aes256_gcm_decrypt(key, nonce, "aad", sealed);
            return Answer(plain ? std::string(plain->view()) : "refused");
        },
        [&](const Answer &answer, int) {
            if (answer) {
                EXPECT_TRUE(*answer == text || *answer == "refused") << *answer;
            }
        });
    for (std::string altered : {sealed, sealed, std::string(16, '\0')}) {
        altered.back() = static_cast<char>(altered.back() ^ 1);
        each_fault(
            "decrypt altered", [] { return 0; },
            [&](int) {
                return Answer(
                    yes_or_no(aes256_gcm_decrypt(key, nonce, "aad", altered).has_value()));
            },
            [](const Answer &answer, int) { EXPECT_NE(answer, "yes"); });
    }
    const MasterKeys keys = parse_master_keys(std::string(64, 'a'), "file");
    right_or_error("master keys",
                   [] { return parse_master_keys(std::string(64, 'a'), "file").sealing_key_id(); });
    each_fault(
        "seal", [] { return 0; }, [&](int) { return Answer(keys.seal(text, "aad")); },
        [&](const Answer &answer, int) {
            if (answer) {
                EXPECT_EQ(keys.open(*answer, "aad").view(), text);
            }
        });
    const std::string blob = keys.seal(text, "aad");
    right_or_error("open", [&] { return std::string(keys.open(blob, "aad").view()); });
    never("open altered", [&] { keys.open(blob, "other"); });
}

TEST(FaultInjection, Generating) {
    for (const Alg alg : {Alg::HS256, Alg::HS512, Alg::RS256, Alg::ES256, Alg::ES512, Alg::EdDSA})
        each_fault(
            alg_name(alg), [] { return std::optional<Key>(); },
            [&](std::optional<Key> &key) {
                key = generate_key(alg);
                return Answer(key->kid());
            },
            [&](const Answer &answer, std::optional<Key> &key) {
                if (!answer)
                    return;
                EXPECT_EQ(thumbprint(*key), *answer);
                const Key again = parse_jwk(private_jwk(*key).view());
                EXPECT_TRUE(again.verify(alg, message, key->sign(alg, message)));
            },
            // RSA takes its time, and what follows is tested below
            alg == Alg::RS256 ? std::vector{Mode::zero} : every_mode);
}

TEST(FaultInjection, ReadingKeys) {
    for (const Sample &sample : samples()) {
        if (sample.alg == Alg::PS384) // RS256's
            continue;
        const Key key = parse_jwk(sample.jwk);
        right_or_error("private JWK", [&] { return thumbprint(parse_jwk(sample.jwk)); });
        if (key.is_symmetric())
            continue;
        const std::string open = public_jwk(key), pem = public_pem(key),
                          private_text(private_pem(key).view());
        right_or_error("public JWK", [&] { return thumbprint(parse_jwk(open)); });
        right_or_error("public PEM", [&] { return thumbprint(parse_pem(pem)); });
        right_or_error("private PEM", [&] { return thumbprint(parse_pem(private_text)); });
    }
    for (const char *name : {"pss", "pss-sha512-salt20", "pss-certificate", "ec-certificate"}) {
        const std::string text = sample_pem(name);
        right_or_error(name, [&] { // what it is limited to is not lost
            const Key key = parse_pem(text);
            return public_pem(key) + std::string(key.refusal(Alg::RS256, KeyOperation::verify)) +
                   std::string(key.refusal(Alg::PS384, KeyOperation::verify));
        });
    }
    for (const std::string_view text : {pem::ec_with_params, pem::ec_compressed, pem::rsa_pkcs1,
                                        pem::rsa_pkcs1_public, pem::ed_pkcs8, pem::ed_spki})
        right_or_error("PEM", [&] { return thumbprint(parse_pem(text)); });
}

TEST(FaultInjection, ReadingWhatIsNoKey) {
    const auto changed = [](std::string_view jwk, std::string_view name) {
        const json::Document doc(jwk);
        const std::string was(doc.root().find(name).as_string());
        std::string bytes = unbase64url(was);
        bytes.back() = static_cast<char>(bytes.back() ^ 2);
        return replaced(std::string(jwk), was, base64url_encode(bytes));
    };
    for (const std::string_view name : {"d", "p", "q", "dp", "dq", "qi"})
        never(name, [&, jwk = changed(rfc::a2_key, name)] { parse_jwk(jwk); });
    for (const std::string_view name : {"x", "y", "d"})
        never(name, [&, jwk = changed(rfc::a3_key, name)] { parse_jwk(jwk); });
    for (const std::string_view name : {"x", "d"})
        never(name, [&, jwk = changed(rfc::rfc8037_a4_key, name)] { parse_jwk(jwk); });
    for (const std::string_view text :
         {pem::ec_pkcs8_encrypted, pem::ec_sec1_encrypted, pem::ec_explicit, pem::k1_spki,
          pem::x25519_spki, pem::rsa1024_spki, pem::rsa3_pkcs1})
        never(text, [&] { parse_pem(text); });
    for (const char *name :
         {"pss-sha1", "pss-two-hashes", "pss-long-salt", "ca-certificate", "small-certificate"})
        never(name, [text = sample_pem(name)] { parse_pem(text); });
}

TEST(FaultInjection, WritingKeys) {
    for (const Sample &sample : samples()) {
        const Key key = parse_jwk(sample.jwk);
        right_or_error("thumbprint", [&] { return thumbprint(key); });
        right_or_error("private JWK", [&] { return std::string(private_jwk(key).view()); });
        if (key.is_symmetric())
            continue;
        right_or_error("public JWK", [&] { return public_jwk(key); });
        right_or_error("public PEM", [&] { return public_pem(key); });
        right_or_error("private PEM", [&] { return std::string(private_pem(key).view()); });
    }
}

TEST(FaultInjection, Signing) {
    for (const Sample &sample : samples())
        for (const bool prepared : {false, true}) {
            const Key open = parse_jwk(sample.jwk);
            each_fault(
                alg_name(sample.alg),
                [&] {
                    Key key = parse_jwk(sample.jwk);
                    if (prepared)
                        key.sign(sample.alg, "another message");
                    return key;
                },
                [&](Key &key) { return Answer(key.sign(sample.alg, message)); },
                [&](const Answer &answer, Key &key) {
                    EXPECT_TRUE(!answer || open.verify(sample.alg, message, *answer));
                    EXPECT_TRUE(open.verify(sample.alg, message, key.sign(sample.alg, message)))
                        << "afterwards";
                });
        }
}

// The key as it comes, and with everything prepared that a first use prepares.
void each_verification(const Sample &sample, std::string_view signature, bool is_good) {
    const Key whole = parse_jwk(sample.jwk);
    const std::string right = whole.sign(sample.alg, message);
    const std::string open(whole.is_symmetric() ? sample.jwk : public_jwk(whole));
    for (const bool prepared : {false, true})
        each_fault(
            alg_name(sample.alg),
            [&] {
                Key key = parse_jwk(open);
                if (prepared)
                    key.verify(sample.alg, "another message", right);
                return key;
            },
            [&](Key &key) {
                return Answer(yes_or_no(verify_signature(sample.alg, key, message, signature)));
            },
            [&](const Answer &answer, Key &key) {
                EXPECT_NE(answer, is_good ? "no" : "yes");
                EXPECT_TRUE(key.verify(sample.alg, message, right)) << "afterwards";
                EXPECT_FALSE(key.verify(sample.alg, "massage", right)) << "afterwards";
            });
}

TEST(FaultInjection, Verifying) {
    for (const Sample &sample : samples()) {
        const Key key = parse_jwk(sample.jwk);
        const std::string good = key.sign(sample.alg, message);
        each_verification(sample, good, true);
        std::string bad = good;
        bad.back() = static_cast<char>(bad.back() ^ 1);
        each_verification(sample, bad, false);
        each_verification(sample, key.sign(sample.alg, "massage"), false);
        each_verification(sample, std::string(good.size(), '\0'), false);
        each_verification(sample, std::string(good.size(), '\x01'), false);
    }
}

// Another extension's want of memory is no reason to doubt a bad signature.
TEST(FaultInjection, WhatOthersLeftInTheQueue) {
    for (const Sample &sample : samples()) {
        Key key = parse_jwk(sample.jwk);
        const std::string other = key.sign(sample.alg, "massage");
        ERR_raise(ERR_LIB_USER, ERR_R_MALLOC_FAILURE);
        EXPECT_FALSE(key.verify(sample.alg, message, other));
        ERR_clear_error();
    }
}

TEST(FaultInjection, WholeTokens) {
    ClaimRules rules;
    rules.time.now_us = 1'700'000'000'000'000;
    for (const Sample &sample : samples()) {
        const Key key = parse_jwk(sample.jwk).with_kid("k").with_alg(sample.alg);
        const std::string open =
            key.is_symmetric() ? std::string(private_jwk(key).view()) : public_jwk(key);
        const std::string token = jwt_sign("{\"exp\":1800000000}", key);
        const std::string expired = jwt_sign("{\"exp\":1600000000}", key);
        const std::string forged =
            token.substr(0, token.rfind('.')) + expired.substr(expired.rfind('.'));
        for (const auto &example :
             {std::pair(token, TokenFault::none), std::pair(expired, TokenFault::expired),
              std::pair(forged, TokenFault::bad_signature)}) {
            const std::string &text = example.first;
            const TokenFault right = example.second;
            each_fault(
                describe(right), [&] { return parse_jwk_set("{\"keys\":[" + open + "]}"); },
                [&](KeySet &keys) {
                    TokenScratch scratch;
                    return Answer(describe(verify_token(text, keys, rules, scratch)));
                },
                [&](const Answer &answer, KeySet &keys) {
                    EXPECT_TRUE(!answer || *answer == describe(right));
                    TokenScratch scratch;
                    EXPECT_EQ(verify_token(text, keys, rules, scratch), right) << "afterwards";
                });
        }
    }
}

// The last test: those above made every call fail that can.
TEST(FaultInjection, NoCallWasForgotten) {
    std::ifstream list("build/unit/fault/openssl_calls.hpp");
    std::string define, name, rest;
    int count = 0;
    while (list >> define >> name && std::getline(list, rest)) {
        ++count;
        EXPECT_TRUE(fault::cannot_fail(name) || fault::state().calls.count(name)) << name;
    }
    EXPECT_GT(count, 50);
}

} // namespace
} // namespace pg_principal
