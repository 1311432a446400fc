// What is published or has a structure never becomes the secret of HS256, whatever it is wrapped
// in; what is random always may.
#include "core_support.hpp"

#include "core/jose/key_import.hpp"
#include "core/secret_text/secret_text.hpp"
#include "core/base/utf8.hpp"
#include "pem_samples.hpp"
#include "rfc_vectors.hpp"

#include <algorithm>
#include <functional>
#include <random>

namespace pg_principal {
namespace {

std::string text_of(std::string_view jwk, std::string_view name) {
    return std::string(json::Document(jwk).root().find(name).as_string());
}
const std::string public_ec = public_jwk(parse_jwk(rfc::a3_key).with_kid("pub"));
const std::string public_rsa = public_jwk(parse_jwk(rfc::rfc7520_4_1_key));
const std::string public_ed = public_jwk(parse_jwk(rfc::rfc8037_a4_key));
const std::string rsa_pem = public_pem(parse_jwk(rfc::rfc7520_4_1_key));
const std::string ec_pem = public_pem(parse_jwk(rfc::a3_key));
const std::string ed_pem = public_pem(parse_jwk(rfc::rfc8037_a4_key));

std::string body_of(std::string_view pem) {
    const std::size_t start = pem.find('\n') + 1;
    return std::string(pem.substr(start, pem.find("-----END") - start));
}
std::string der_of(std::string_view pem) {
    std::string der, body;
    for (const char c : body_of(pem))
        if (c != '\n')
            body += c;
    EXPECT_TRUE(base64_decode(body, der));
    return der;
}
std::string wrapped(const std::string &text, std::size_t width, const std::string &end = "\n") {
    std::string out;
    for (std::size_t i = 0; i < text.size(); i += width)
        out.append(text.substr(i, width)).append(end);
    return out;
}
std::string utf16(std::string_view text, bool little, bool mark) {
    std::string out;
    if (mark)
        out = little ? "\xff\xfe" : "\xfe\xff";
    for (const char c : text) {
        out += little ? c : '\0';
        out += little ? '\0' : c;
    }
    return out;
}
std::string base32(std::string_view bytes) {
    std::string out;
    unsigned held = 0, bits = 0;
    for (const char c : bytes) {
        bits = (bits << 8 | static_cast<unsigned char>(c)) & 0xffff;
        for (held += 8; held >= 5; held -= 5)
            out += "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[bits >> (held - 5) & 31];
    }
    return out + (held ? std::string(1, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[bits << (5 - held) & 31])
                       : "");
}
std::string percent(std::string_view text) {
    std::string out;
    for (const char c : text)
        out += (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ? std::string(1, c)
                                                                : "%" + hex_encode({&c, 1});
    return out;
}

struct Published {
    const char *what, *kind; // part of what it is said to be
    std::string text;
};

const std::vector<Published> &published() {
    static const std::string ssh =
        "AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea";
    static const std::vector<Published> all = {
        {"a public JWK", "a public JWK", public_ec},
        {"a public RSA JWK", "a public JWK", public_rsa},
        {"a public OKP JWK", "a public JWK", public_ed},
        {"a private JWK", "a private JWK", std::string(rfc::a3_key)},
        {"an array of one", "an array of JWKs", "[" + public_ec + "]"},
        {"an array of two", "an array of JWKs", "[ " + public_ec + ",\n" + public_rsa + "]"},
        {"a JWK Set", "a JWK Set", "{\"keys\":[" + public_ec + "]}"},
        {"an empty JWK Set", "a JWK Set", "{\"keys\": [],        \"x\": \"               \"}"},
        {"kid to PEM, as Google has it", "PEM",
         "{\"a\": \"" + replaced(ec_pem, "\n", "\\n") + "\"}"},
        {"a JSON object", "a JSON object",
         "{\"project_id\": \"abcdefgh\", \"url\": \"ijklmnopq\"}"},
        {"a JSON array", "a JSON array", "[\"abcdefghijklmnopqrstuvwxyz\", \"abcdefghijklm\"]"},
        {"bytes as an array", "a JSON array", "[48, 89, 48, 19, 6, 7, 42, 134, 72, 206, 61, 2, 1]"},
        {"a JSON string", "a JSON string",
         "\"super-secret-jwt-token-with-at-least-32-characters\""},
        {"a JWK as a JSON string", "a JSON string", json::quote(public_ec)},
        {"a JWK with a comment before", "like JSON",
         "// the key\n{\"a\": 1, \"kt\": \"EC\", \"x\": 2}"},
        {"a JWK with a comment in it", "a JWK in another",
         "{ /* ours */ \"kty\": \"EC\", \"crv\": \"P-256\", \"x\": \"" + text_of(rfc::a3_key, "x") +
             "\"}"},
        {"a JWK with a comma too many", "a JWK in another", replaced(public_ec, "}", ",}")},
        {"a JWK cut off", "a JWK in another", public_ec.substr(0, 100)},
        {"a JWK as a program has it", "a JWK in another",
         "{kty:'EC',crv:'P-256',x:'f83OJ3D2xF1Bg8vub9tLe1g'}"},
        {"a JWK as Ruby has it", "a JWK in another",
         "{:kty=>\"EC\", \"kty\" => \"EC\", :x=>\"f83OJ3D2xF\"}"},
        {"a JWK as a form", "a JWK in another",
         "kty=RSA&e=AQAB&n=ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd"},
        {"a JWK as YAML", "a JWK in another",
         "kty: RSA\nn: ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd\ne: AQAB"},
        {"a JWK Set as YAML", "a JWK in another",
         "keys:\n  - kty: \"EC\"\n    crv: 'P-256'\n    x: f83OJ3D2xF1"},
        {"an object of a program", "like JSON",
         "{issuer: 'https', audience: ['authenticated', 'anon']}"},
        {"XML", "XML", "<RSAKeyValue><Modulus>ofgWCuLjybRlzo0tZWJj</Modulus></RSAKeyValue>"},
        {"a JWT", "a JWT", std::string(rfc::a1_token)},
        {"a JWT after Bearer", "a JWT", "Bearer " + std::string(rfc::a1_token)},
        {"a JWT after its name", "a JWT", "ANON=" + std::string(rfc::a2_token)},
        {"a JWT without signature", "a JWT", std::string(rfc::a5_token)},
        {"a JWT's first two parts", "a JWT",
         std::string(rfc::a3_token.substr(0, rfc::a3_token.rfind('.')))},
        {"a JWE", "a JWT",
         base64url_encode("{\"alg\":\"dir\",\"enc\":\"A256GCM\"}") + "..AAAA.BBBBBBBB.CCCC"},
        {"a JWT's payload", "base64 of a JSON object",
         base64url_encode("{\"role\":\"anon\",\"iss\":\"supabase\"}")},
        {"a JWS in JSON", "a JWS in JSON",
         "{\"payload\":\"eyJpc3MiOiJqb2UiLA0KICJleH\",\"signatures\":[]}"},
        {"PASETO", "a PASETO", "v4.public.eyJkYXRhIjoidGhpcyBpcyBhIHNpZ25lZCBtZXNzYWdlIi"},
        {"RSA as PEM", "PEM (PUBLIC KEY)", rsa_pem},
        {"EC as PEM", "PEM (PUBLIC KEY)", ec_pem},
        {"PEM on one line", "PEM", replaced(replaced(ed_pem, "\n", " "), "\n", " ")},
        {"PEM of any label", "PEM (NEW THING)",
         "-----BEGIN NEW THING-----\nAAAA\n-----END NEW THING-----"},
        {"a certificate", "PEM (CERTIFICATE)",
         "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----"},
        {"PEM without dashes", "PEM", "BEGIN PUBLIC KEY\n" + body_of(ec_pem) + "END PUBLIC KEY"},
        {"OpenPGP's armour", "PEM (PGP PUBLIC KEY BLOCK)",
         "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmQENBF\n=x"},
        {"SSH2's armour", "PEM", "---- BEGIN SSH2 PUBLIC KEY ----\nAAAAB3NzaC1yc2E\n---- END SSH2"},
        {"the body of a PEM", "DER", body_of(rsa_pem)},
        {"DER", "DER", der_of(ec_pem)},
        {"DER of Ed25519", "DER", der_of(ed_pem)},
        {"a public key's point", "a public key's point",
         "\4" + unbase64url(text_of(rfc::a3_key, "x")) + unbase64url(text_of(rfc::a3_key, "y"))},
        {"the same without its first byte", "point",
         unbase64url(text_of(rfc::a4_key, "x")) + unbase64url(text_of(rfc::a4_key, "y"))},
        {"an SSH key", "an SSH public key", "ssh-ed25519 " + ssh + " somebody@example.com"},
        {"an SSH key with an option", "an SSH public key",
         "no-pty ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQ"},
        {"an SSH key's middle", "an SSH key", ssh},
        {"an OpenSSH private key", "an SSH key",
         base64_encode(std::string("openssh-key-v1\0\0\0\0\4none", 24))},
        {"an OpenPGP key", "an OpenPGP key",
         "\x98\x33\x04\x5e\x11\x22\x33\x16" + std::string(45, 'x')},
        {"a URL", "a URL", "https://project.supabase.co/auth/v1/.well-known/jwks.json"},
        {"a URL of a database", "a URL",
         "postgresql://postgres:secret@db.example.com:5432/postgres"},
        {"a data URL", "a data URL", "data:application/json;base64,eyJrdHkiOiJSU0EifQ"},
        {"a DID", "a DID", "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK"},
        {"a publishable key", "publishable", "sb_publishable_ACJWlzQHlZjBrEguHvfOxg_3BJgxAaH"},
        {"an API key", "API key", "sb_secret_N7UND0UgjKTVK-Uodkm0Hg_xSvEMPvz_and_more"},
        {"a fingerprint", "a fingerprint", "SHA256:nThbg6kXUpJWGl7E1IGOCspRomTxdCARLviKw6E5SY8"},
        {"a setting", "an assignment", "SUPABASE_JWT_SECRET=abcdefghijklmnopqrstuvwxyz0123456789"},
        {"an exported setting", "an assignment",
         "export JWT_SECRET='abcdefghijklmnopqrstuvwxyz0123456'"},
        {"prose", "several lines",
         "This is what I was told to put here:\nabcdefghijklmnopqrstuvwxyz"},
        {"a compressed file", "compressed", base64_encode("\x1f\x8b\x08" + std::string(40, 'x'))},
    };
    return all;
}

using Wrap = std::function<std::string(const std::string &)>;
const std::vector<std::pair<const char *, Wrap>> wraps = {
    {"as it is", [](const std::string &text) { return text; }},
    {"white space around", [](const std::string &text) { return "\r\n\t " + text + " \n\n"; }},
    {"a byte order mark", [](const std::string &text) { return "\xef\xbb\xbf" + text; }},
    {"base64", [](const std::string &text) { return base64_encode(text); }},
    {"base64url", [](const std::string &text) { return base64url_encode(text); }},
    {"base64 in lines", [](const std::string &text) { return wrapped(base64_encode(text), 64); }},
    {"base64 in lines of CRLF",
     [](const std::string &text) { return wrapped(base64_encode(text), 76, "\r\n"); }},
    {"base64 twice", [](const std::string &text) { return base64_encode(base64_encode(text)); }},
    {"base64 five times, in lines",
     [](std::string text) {
         for (int i = 0; i < 5; ++i)
             text = wrapped(base64_encode(text), 76);
         return text;
     }},
    {"base64 behind a name",
     [](const std::string &text) { return "VALUE: " + base64url_encode(text); }},
    {"base64 as a data URL",
     [](const std::string &text) { return "data:;base64," + base64_encode(text); }},
    {"base64 in quotation marks",
     [](const std::string &text) { return "'" + base64_encode(text) + "'"; }},
    {"hex", [](const std::string &text) { return hex_encode(text); }},
    {"hex as PostgreSQL has it", [](const std::string &text) { return "\\x" + hex_encode(text); }},
    {"hex with colons", [](const std::string &text) { return wrapped(hex_encode(text), 2, ":"); }},
    {"hex in lines", [](const std::string &text) { return wrapped(hex_encode(text), 60); }},
    {"hex of base64", [](const std::string &text) { return hex_encode(base64_encode(text)); }},
    {"base64 of hex", [](const std::string &text) { return base64_encode(hex_encode(text)); }},
    {"base32", [](const std::string &text) { return base32(text); }},
    {"UTF-16 of base64",
     [](const std::string &text) { return utf16(base64_encode(text), true, true); }},
    {"base64 of UTF-16",
     [](const std::string &text) {
         return base64_encode(utf16(base64url_encode(text), false, false));
     }},
    {"percent signs", [](const std::string &text) { return percent(base64_encode(text)); }},
};

TEST(SecretText, NothingPublishedPasses) {
    EXPECT_GE(published().size() * wraps.size(), 1000u);
    for (const Published &sample : published())
        for (const auto &[wrapping, wrap] : wraps) {
            const std::string text = wrap(sample.text);
            SCOPED_TRACE(std::string(sample.what) + ", " + wrapping);
            EXPECT_NE(published_text(text), "");
            if (std::string_view(wrapping) == "as it is") {
                EXPECT_TRUE(contains(published_text(text), sample.kind)) << published_text(text);
            }
            if (text.size() >= 32) {
                EXPECT_THROW(key_from_secret(text), Error);
            }
            try {
                const Key key = import_key(text); // a private key may be one
                EXPECT_FALSE(key.is_symmetric() ||
                             (key.is_private() && !contains(sample.what, "private JWK")));
            } catch (const Error &error) {
                EXPECT_TRUE(error.code() == Errc::secret_refused ||
                            error.code() == Errc::key_refused ||
                            error.code() == Errc::key_malformed);
                EXPECT_FALSE(contains(error.message(), text.substr(0, 12)));
            }
        }
}

TEST(SecretText, NorText) {
    for (const Published &sample : published()) {
        SCOPED_TRACE(sample.what);
        if (std::string_view(sample.what) == "prose" || !is_utf8(sample.text) ||
            contains(sample.text, std::string_view("\0", 1)))
            continue; // known by its line breaks alone; no text
        for (const auto &[wrapping, text] :
             {std::pair{"UTF-16", utf16(sample.text, true, true)},
              {"UTF-16, the other way", utf16(sample.text, false, true)},
              {"UTF-16 without its mark", utf16(sample.text, true, false)},
              {"percent signs", percent(sample.text)},
              {"percent signs twice", percent(percent(sample.text))}})
            EXPECT_NE(published_text(text), "") << wrapping;
    }
    // what JSON, HTML and emails make of quotation marks
    for (const char *text :
         {"{\\\"kty\\\":\\\"EC\\\",\\\"crv\\\":\\\"P-256\\\",\\\"x\\\":\\\"f83OJ3D2xF1Bg\\\"}",
          "{&quot;kty&quot;:&quot;EC&quot;,&quot;crv&quot;:&quot;P-256&quot;}",
          "=7B=22kty=22:=22EC=22,=22crv=22:=22P-256=22,=22x=22:=22f8",
          "\\u007b\\u0022kty\\u0022:\\u0022EC\\u0022,\\u0022x\\u0022:\\u0022f8"})
        EXPECT_NE(published_text(text), "") << text;
}

// What people have as secrets, many of each kind.
TEST(SecretText, WhatIsRandomPasses) {
    constexpr std::string_view typed =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
        "!#$%&()*+,-./:;<=>?@[]^_{|}~";
    std::mt19937 dice; // the same each time: of some hundred thousand passwords one looks escaped
    for (int round = 0; round < 100; ++round)
        for (const std::size_t size : {32u, 40u, 48u, 64u}) {
            std::string random(size, '\0');
            std::generate(random.begin(), random.end(), [&] { return static_cast<char>(dice()); });
            std::string password, letters;
            for (const char c : random) {
                password += typed[static_cast<unsigned char>(c) % typed.size()];
                letters += typed[static_cast<unsigned char>(c) % 62];
            }
            for (const std::string &secret :
                 {random, base64_encode(random), base64url_encode(random), hex_encode(random),
                  wrapped(base64_encode(random), 64), wrapped(hex_encode(random), 64),
                  base32(random), letters})
                ASSERT_EQ(published_text(secret), "") << base64_encode(random);
            if (password.front() != '{' && password.front() != '[' && password.front() != '<') {
                ASSERT_EQ(published_text(password), "") << password;
            }
        }
    for (const std::string_view secret :
         {"super-secret-jwt-token-with-at-least-32-characters-long",
          "your-super-secret-jwt-token-with-at-least-32-characters-long",
          "correct horse battery staple begin with the key of the house",
          "550e8400-e29b-41d4-a716-446655440000", "0123456789012345678901234567890123456789",
          "keys and signatures: it is said that they are what they are",
          "Zürich-Öl-Äther-sind-die-Wörter-dieses-Geheimnisses",
          "x = y, and y: z; what a secret this is!",
          "=====================================", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"})
        EXPECT_EQ(published_text(secret), "") << secret;
}

TEST(SecretText, LongTextIsLookedThroughSoon) {
    for (const std::string &unit : {std::string("A"), std::string("aB3 "), std::string("eyJ.")})
        for (const std::size_t size : {8192u, 200'000u}) {
            std::string text;
            while (text.size() < size)
                text += unit;
            published_text(text);
        }
    EXPECT_NE(published_text(public_rsa + std::string(100'000, ' ')), "");
}

std::string imported(std::string_view source) {
    try {
        const Key key = import_key(source);
        return std::string(alg_name(key.default_alg())) + (key.is_private() ? "" : " public");
    } catch (const Error &error) {
        return error.message();
    }
}

TEST(SecretText, WhatIsImported) {
    const std::string oct =
        "{\"kty\":\"oct\",\"kid\":\"b\",\"k\":\"" + base64url_encode(std::string(40, 'k')) + "\"}";
    const std::string ec = "{\"kid\":\"a\"," + std::string(rfc::a3_key.substr(1));
    EXPECT_EQ(imported(ec), "ES256");
    EXPECT_EQ(imported("\xef\xbb\xbf" + ec), "ES256");
    EXPECT_EQ(imported("[" + ec + "]"), "ES256"); // Supabase's signing_keys.json
    EXPECT_EQ(imported("\n [ " + oct + " ]\n"), "HS256");
    EXPECT_EQ(imported(private_pem(parse_jwk(rfc::a3_key)).view()), "ES256");
    EXPECT_EQ(imported(base64_encode(std::string(40, '\x9f'))), "HS256");
    EXPECT_EQ(imported("[" + ec + "," + oct + "]"),
              "key refused: it is an array of 2 elements; import one of its "
              "private keys by itself: \"a\", \"b\"");
    EXPECT_TRUE(
        contains(imported("[" + ec + "," + public_ec + "]"), "private keys by itself: \"a\""));
    EXPECT_EQ(imported("[" + public_ec + "," + public_rsa + "]"),
              "not usable as a secret: it is an array of JWKs");
    EXPECT_EQ(imported("[" + public_ec + "]"), "ES256 public"); // which signs nothing
    EXPECT_EQ(imported("{\"keys\":[" + ec + "]}"), "not usable as a secret: it is a JWK Set");
    EXPECT_EQ(imported("[]" + std::string(40, ' ')), "not usable as a secret: it is a JSON array");
    EXPECT_EQ(imported("{\"kid\":\"x\",\"n\":\"y\",\"abcdefghijkl\":1}"),
              "not usable as a secret: it is a JSON object");
    EXPECT_EQ(imported(ec.substr(0, 60)),
              "malformed key: it begins like a JWK but is not JSON: unexpected end at byte 60");
    EXPECT_EQ(imported("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"),
              "malformed key: its PEM does not contain a valid key of that type");
    EXPECT_EQ(imported(base64_encode(public_ec)),
              "not usable as a secret: it is base64 of a public JWK");
    EXPECT_EQ(imported(rfc::a1_token), "not usable as a secret: it is a JWT");
}

} // namespace
} // namespace pg_principal
