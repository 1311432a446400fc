#include "core_support.hpp"

#include "core/secret_text/secret_text.hpp"
#include "core/jose/jws.hpp"
#include "pem_samples.hpp"

#include <openssl/err.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <sstream>

namespace pg_principal {
namespace {

std::string both(std::string_view a, std::string_view b) { return std::string(a).append(b); }

TEST(Pem, EveryFormOfOneKeyIsThatKey) {
    const std::string ec = thumbprint(parse_pem(pem::ec_pkcs8));
    for (const std::string_view text :
         {pem::ec_sec1, pem::ec_with_params, pem::ec_spki, pem::ec_compressed})
        EXPECT_EQ(thumbprint(parse_pem(text)), ec);
    const std::string rsa = thumbprint(parse_pem(pem::rsa_pkcs8));
    for (const std::string_view text : {pem::rsa_pkcs1, pem::rsa_spki, pem::rsa_pkcs1_public})
        EXPECT_EQ(thumbprint(parse_pem(text)), rsa);
    EXPECT_EQ(thumbprint(parse_pem(pem::ed_pkcs8)), thumbprint(parse_pem(pem::ed_spki)));
    EXPECT_TRUE(parse_pem(pem::ec_sec1).is_private());
    EXPECT_FALSE(parse_pem(pem::ec_spki).is_private());
    EXPECT_FALSE(parse_pem(pem::rsa_pkcs1_public).is_private());
}

TEST(Pem, ABodyMaySpellENCRYPTED) {
    std::string text(pem::rsa_spki);
    const std::size_t middle = text.find('\n', text.size() / 2) + 1;
    text.replace(middle, 9, "ENCRYPTED");
    EXPECT_EQ(public_pem(parse_pem(text)), text);
}

TEST(Pem, ExportIsReadBack) {
    for (const std::string_view text : {pem::ec_pkcs8, pem::rsa_pkcs8, pem::ed_pkcs8}) {
        const Key key = parse_pem(text);
        const std::string open = public_pem(key);
        EXPECT_FALSE(parse_pem(open).is_private());
        EXPECT_EQ(thumbprint(parse_pem(open)), thumbprint(key));
        EXPECT_EQ(private_pem(key).view(), text);
        EXPECT_EQ(thumbprint(parse_jwk(private_jwk(key).view())), thumbprint(key));
    }
    EXPECT_EQ(public_pem(parse_pem(pem::ec_pkcs8)), pem::ec_spki);
    EXPECT_EQ(public_pem(parse_pem(pem::rsa_pkcs1)), pem::rsa_spki);
    error_of(Errc::key_refused, [] { private_pem(parse_pem(pem::ec_spki)); });
}

TEST(Pem, SignsAndVerifies) {
    for (const auto &[secret, open] :
         {std::pair(pem::ec_sec1, pem::ec_spki), std::pair(pem::rsa_pkcs1, pem::rsa_pkcs1_public),
          std::pair(pem::ed_pkcs8, pem::ed_spki)}) {
        EXPECT_EQ(verified(jws_sign("payload", parse_pem(secret)), parse_pem(open)),
                  TokenFault::none);
    }
}

const std::string &sample(const std::string &name) {
    static std::map<std::string, std::string> kept;
    std::string &text = kept[name];
    if (text.empty()) {
        std::ifstream file("tests/samples/keys/" + name + ".pem");
        std::ostringstream all;
        all << file.rdbuf();
        text = all.str();
        EXPECT_FALSE(text.empty()) << name;
    }
    return text;
}

TEST(Pem, AKeyForPssStaysOne) {
    EXPECT_TRUE(parse_pem(pem::rsapss_spki).is_pss_only());
    const std::pair<const char *, std::vector<Alg>> keys[] = {
        {"pss", {Alg::PS256, Alg::PS384, Alg::PS512}},
        {"pss-sha256", {Alg::PS256}},
        {"pss-sha512-salt20", {Alg::PS512}}};
    for (const auto &[name, algs] : keys) {
        const Key key = parse_pem(sample(name)), open = parse_pem(public_pem(key));
        EXPECT_EQ(public_pem(open), public_pem(key));
        EXPECT_EQ(private_pem(key).view(), private_pem(parse_pem(private_pem(key).view())).view());
        EXPECT_EQ(key.default_alg(), algs.front());
        for (const Alg alg : {Alg::PS256, Alg::PS384, Alg::PS512, Alg::RS256, Alg::RS384,
                              Alg::RS512, Alg::ES256, Alg::HS256}) {
            const bool fits = std::find(algs.begin(), algs.end(), alg) != algs.end();
            EXPECT_EQ(key.allows(alg, KeyOperation::sign), fits) << name << alg_name(alg);
            EXPECT_EQ(open.allows(alg, KeyOperation::verify), fits) << name << alg_name(alg);
            if (fits) {
                EXPECT_EQ(verified(jws_sign("payload", key, alg), open), TokenFault::none);
            }
        }
        // a JWK says it by its alg
        const Key jwk = parse_jwk(public_jwk(key));
        EXPECT_EQ(jwk.alg(), algs.front());
        EXPECT_FALSE(jwk.allows(Alg::RS256, KeyOperation::verify));
    }
}

TEST(Pem, ACertificateIsThePublicKeyInIt) {
    for (const auto &[name, key] :
         {std::pair("rsa-certificate", "rsa-key"), std::pair("ec-certificate", "ec-key"),
          std::pair("pss-certificate", "pss-sha256")}) {
        const Key open = parse_pem(sample(name));
        EXPECT_FALSE(open.is_private());
        EXPECT_EQ(public_pem(open), public_pem(parse_pem(sample(key))));
        EXPECT_EQ(verified(jws_sign("payload", parse_pem(sample(key))), open), TokenFault::none);
    }
    const std::string &text = sample("ec-certificate");
    for (std::size_t i = 0; i + 1 < text.size(); i += 3)
        EXPECT_THROW(parse_pem(text.substr(0, i)), Error) << i;
}

TEST(Pem, WhatMustNotBeUsedIsRefused) {
    const std::pair<std::string_view, std::string_view> refused[] = {
        {pem::ec_pkcs8_encrypted, "encrypted"},
        {pem::ec_sec1_encrypted, "encrypted"},
        {pem::k1_spki, "curve"},
        {pem::ec_explicit, "named curve"},
        {pem::x25519_spki, "type"},
        {pem::rsa1024_spki, "2048"},
        {pem::rsa3_pkcs1, "two primes"},
        {sample("pss-sha1"), "RSASSA-PSS parameters"},
        {sample("pss-two-hashes"), "RSASSA-PSS parameters"},
        {sample("pss-long-salt"), "RSASSA-PSS parameters"},
        {sample("ca-certificate"), "not for digital signatures"},
        {sample("small-certificate"), "2048"}};
    for (const auto &[text, why] : refused)
        EXPECT_TRUE(contains(error_of(Errc::key_refused, [key = text] { parse_pem(key); }), why))
            << why;
    error_of(Errc::key_refused, [] { parse_pem(both(pem::ec_spki, pem::ed_spki)); });
    error_of(Errc::key_refused, [] { parse_pem(both(pem::ec_spki, pem::cert)); });
}

TEST(Pem, MalformedTextIsRefused) {
    for (const std::string_view text :
         {"", "x", "-----BEGIN ", "-----BEGIN PUBLIC KEY-----", "-----BEGIN PUBLIC KEY-----\nAAAA",
          "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n",
          "-----BEGIN PUBLIC KEY-----\n!!!!\n-----END PUBLIC KEY-----\n",
          "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
          "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"})
        error_of(Errc::key_malformed, [&] { parse_pem(text); });
    // another label than the content, and bytes behind it
    error_of(Errc::key_malformed, [] {
        std::string text = replaced(std::string(pem::ec_spki), "BEGIN PUBLIC", "BEGIN PRIVATE");
        parse_pem(replaced(text, "END PUBLIC", "END PRIVATE"));
    });
    error_of(Errc::key_malformed, [] {
        std::string text =
            replaced(std::string(pem::ec_pkcs8_encrypted), "ENCRYPTED PRIVATE", "PRIVATE");
        parse_pem(replaced(text, "ENCRYPTED PRIVATE", "PRIVATE")); // no prompt for a passphrase
    });
    error_of(Errc::key_malformed,
             [] { parse_pem(replaced(std::string(pem::ed_spki), "=\n", "\n")); });
    std::string der, longer(pem::ed_spki.substr(27, 60));
    ASSERT_TRUE(base64_decode(longer, der));
    error_of(Errc::key_malformed, [&] {
        parse_pem("-----BEGIN PUBLIC KEY-----\n" + base64_encode(der + '\0') +
                  "\n-----END PUBLIC KEY-----\n");
    });
    error_of(Errc::key_malformed, [] { parse_pem(std::string(100000, '-')); });
}

TEST(Pem, EveryTruncationIsRefused) {
    for (const std::string_view text : {pem::ec_sec1, pem::ec_spki, pem::ed_pkcs8})
        for (std::size_t i = 0; i + 1 < text.size(); ++i)
            EXPECT_THROW(parse_pem(text.substr(0, i)), Error) << i;
}

TEST(Pem, EveryChangedCharacterIsRefusedOrAnotherKey) {
    const std::string original = thumbprint(parse_pem(pem::ec_spki));
    std::string text(pem::ec_spki);
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char was = text[i];
        if (was == '\n')
            continue;
        text[i] = was == 'A' ? 'B' : 'A';
        try {
            EXPECT_NE(thumbprint(parse_pem(text)), original) << i;
        } catch (const Error &error) {
            EXPECT_TRUE(error.code() == Errc::key_malformed || error.code() == Errc::key_refused)
                << error.message();
        }
        text[i] = was;
    }
}

TEST(Pem, WindowsLineEndsAndTextAround) {
    std::string text = "a key for the tests\n";
    for (const char c : pem::ec_spki)
        text += c == '\n' ? std::string("\r\n") : std::string(1, c);
    EXPECT_EQ(thumbprint(parse_pem(text + "\n\n")), thumbprint(parse_pem(pem::ec_spki)));
}

TEST(Pem, NoErrorIsLeftInTheQueue) {
    EXPECT_THROW(parse_pem(replaced(std::string(pem::ec_spki), "MFkw", "MFow")), Error);
    EXPECT_THROW(parse_pem(pem::k1_spki), Error);
    EXPECT_EQ(ERR_peek_error(), 0u);
}

TEST(Disguise, KeysOfOtherTypesAreNoSecrets) {
    std::vector<std::string> secrets;
    for (const std::string_view text :
         {pem::ec_spki, pem::rsa_spki, pem::rsa_pkcs1_public, pem::ed_spki, pem::cert, pem::ec_sec1,
          pem::rsa_pkcs8, pem::rsa_pkcs1, pem::ec_pkcs8}) {
        secrets.emplace_back(text);
        secrets.push_back("\n  " + std::string(text));
        secrets.emplace_back(text.substr(0, text.size() - 1));
        std::string body(text.substr(text.find('\n') + 1)), der, flat;
        body.resize(body.find("-----"));
        secrets.push_back(body);
        for (const char c : body)
            if (c != '\n')
                flat += c;
        ASSERT_TRUE(base64_decode(flat, der));
        for (const std::string &form :
             {flat, der, hex_encode(der), base64url_encode(der), base64_encode(der)})
            secrets.push_back(form);
        if (!contains(text, "CERT"))
            secrets.push_back(contains(text, "PRIVATE")
                                  ? std::string(private_jwk(parse_pem(text)).view())
                                  : public_jwk(parse_pem(text)));
    }
    secrets.push_back("{\"keys\":[" + public_jwk(parse_pem(pem::ec_spki)) + "]}");
    secrets.push_back(
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ8nM3k4G5nB8WcT2gqk0e1p8mXyq3l9q2s7t user");
    for (const std::string &secret : secrets) {
        EXPECT_NE(published_text(secret), "") << secret;
        error_of(Errc::secret_refused, [&] { key_from_secret(secret); });
        error_of(Errc::secret_refused, [&] {
            parse_jwk("{\"kty\":\"oct\",\"k\":\"" + base64url_encode(secret) + "\"}");
        });
    }
}

TEST(Disguise, OrdinarySecretsAreNot) {
    for (const std::string &secret :
         {std::string(32, 'x'), std::string("super-secret-jwt-token-with-at-least-32-characters"),
          hex_encode(std::string(32, '0')), base64_encode(std::string(48, '\x30')),
          std::string(64, '\x30')})
        EXPECT_EQ(published_text(secret), "") << secret;
    for (int i = 0; i < 2000; ++i) {
        std::string random = sha256(std::to_string(i));
        EXPECT_EQ(published_text(random), "") << hex_encode(random);
        random.replace(0, 2, "\x30\x1e"); // even when it starts like a SEQUENCE of the right length
        EXPECT_EQ(published_text(random), "") << hex_encode(random);
    }
}

} // namespace
} // namespace pg_principal
