// What a stranger sends costs memory by its length alone: no number in it, no length that it
// claims, makes us allocate. Counts what C++ and OpenSSL ask for.
#include "core_support.hpp"

#include "core/jose/jwt.hpp"
#include "rfc_vectors.hpp"

#include <openssl/crypto.h>

#include <algorithm>
#include <cstdlib>
#include <new>

namespace {

struct Usage {
    std::size_t count = 0, bytes = 0, largest = 0;
};
Usage usage;
bool counting = false;

void note(std::size_t size) noexcept {
    if (!counting)
        return;
    ++usage.count;
    usage.bytes += size;
    usage.largest = std::max(usage.largest, size);
}

void *openssl_malloc(std::size_t size, const char *, int) {
    note(size);
    return std::malloc(size);
}
void *openssl_realloc(void *block, std::size_t size, const char *, int) {
    note(size);
    return std::realloc(block, size);
}
void openssl_free(void *block, const char *, int) { std::free(block); }

// Before anything of OpenSSL runs: afterwards it no longer takes them.
const bool hooked = CRYPTO_set_mem_functions(openssl_malloc, openssl_realloc, openssl_free) == 1;

} // namespace

void *operator new(std::size_t size) {
    note(size);
    if (void *block = std::malloc(size ? size : 1))
        return block;
    throw std::bad_alloc();
}
void *operator new[](std::size_t size) { return operator new(size); }
void *operator new(std::size_t size, const std::nothrow_t &) noexcept {
    note(size);
    return std::malloc(size ? size : 1);
}
void *operator new[](std::size_t size, const std::nothrow_t &quiet) noexcept {
    return operator new(size, quiet);
}
void operator delete(void *block) noexcept { std::free(block); }
void operator delete[](void *block) noexcept { std::free(block); }
void operator delete(void *block, std::size_t) noexcept { std::free(block); }
void operator delete[](void *block, std::size_t) noexcept { std::free(block); }

namespace pg_principal {
namespace {

// What the call asks for; an Error is an answer like any other.
template <class F>
Usage used_by(F &&call) {
    usage = {};
    counting = true;
    try {
        call();
    } catch (const Error &) {
    }
    counting = false;
    return usage;
}

// Parsed JSON takes 16 bytes for two of text, and buffers double as they grow.
void expect_linear(std::string_view what, std::size_t size, const Usage &used) {
    EXPECT_LE(used.largest, 16 * size + 8192) << what;
    EXPECT_LE(used.bytes, 64 * size + 65536) << what;
}

const Key &key() {
    static const Key made = key_from_secret(std::string(64, 'k'));
    return made;
}

std::string full(std::string_view head, std::string_view fill, std::string_view tail) {
    std::string text(head);
    while (text.size() + fill.size() + tail.size() <= 12200) // 16 KiB with the rest of a token
        text += fill;
    return text.append(tail);
}

std::vector<std::string> hostile_tokens() {
    const std::string header = base64url_encode("{\"alg\":\"HS256\"}");
    std::vector<std::string> tokens = {
        std::string(max_token_bytes, 'A'), std::string(max_token_bytes, '.'),
        std::string(max_token_bytes, '\xff'), header + '.' + std::string(16300, 'A') + '.',
        header + ".." + std::string(16300, 'A')};
    for (const std::string &json :
         {full("", "[", ""), full("[", "0,", "0]"), full("{", "\"\":", ""),
          full("{\"alg\":\"HS256\",\"x\":[", "[],", "0]}"),
          full("{\"alg\":\"HS256\",\"x\":\"", "\\u0041", "\"}"),
          full("{\"alg\":\"HS256\",\"x\":", "9", "}"),
          full("{\"alg\":\"HS256\",\"x\":1e", "9", "}"),
          full("{\"alg\":\"HS256\",\"kid\":\"", "k", "\"}")}) {
        tokens.push_back(base64url_encode(json) + "..");
        tokens.push_back(jws_sign_raw("{\"alg\":\"HS256\"}", json, key(), Alg::HS256));
    }
    std::string names = "{\"alg\":\"HS256\"";
    for (int i = 0; names.size() < 12000; ++i)
        names += ",\"n" + std::to_string(i) + "\":0";
    tokens.push_back(base64url_encode(names + "}") + "..");
    return tokens;
}

TEST(Allocation, IsCounted) {
    ASSERT_TRUE(hooked);
    EXPECT_GE(used_by([] { const std::string text(100'000, 'x'); }).largest, 100'000u);
    EXPECT_GE(used_by([] { OPENSSL_free(OPENSSL_malloc(100'000)); }).largest, 100'000u);
}

TEST(Allocation, HostileTokens) {
    const KeySet keys({key()});
    for (const std::string &token : hostile_tokens()) {
        TokenScratch scratch;
        ASSERT_LE(token.size(), max_token_bytes);
        const Usage used = used_by([&] { verify_token(token, keys, {}, scratch); });
        expect_linear(token.substr(0, 40), token.size(), used);
    }
}

TEST(Allocation, LongerTokensAreNotEvenLookedAt) {
    for (const std::size_t size : {max_token_bytes + 1, std::size_t{1} << 24}) {
        std::string token(size, 'A');
        token[1000] = token[2000] = '.';
        CompactJws jws;
        EXPECT_EQ(used_by([&] { jws.parse(std::string_view(token)); }).count, 0u);
    }
}

// With what is kept between tokens, as a backend keeps it.
TEST(Allocation, GarbageTakesNoMoreThanAValidToken) {
    const KeySet keys({key()});
    TokenScratch scratch;
    const std::string claims = full("{\"sub\":\"", "x", "\"}");
    const std::string valid = jwt_sign(claims, key());
    ASSERT_EQ(verify_token(valid, keys, {}, scratch), TokenFault::none);
    const Usage wanted = used_by([&] { verify_token(valid, keys, {}, scratch); });
    EXPECT_LE(wanted.count, 4u); // OpenSSL's own, for any HMAC
    const std::string_view head = std::string_view(valid).substr(0, valid.find('.') + 1);
    for (const std::string &garbage :
         {std::string(max_token_bytes, 'A'), std::string(max_token_bytes, '.'),
          valid.substr(0, valid.size() - 1) + '=', valid.substr(0, valid.size() - 4) + "AAAA",
          std::string(head) + std::string(16000, 'A') + '.' + std::string(43, 'A')}) {
        EXPECT_NE(verify_token(garbage, keys, {}, scratch), TokenFault::none);
        const Usage used = used_by([&] { verify_token(garbage, keys, {}, scratch); });
        EXPECT_LE(used.count, wanted.count) << garbage.substr(0, 60);
        EXPECT_LE(used.bytes, wanted.bytes) << garbage.substr(0, 60);
        EXPECT_EQ(verify_token(valid, keys, {}, scratch), TokenFault::none);
    }
}

TEST(Allocation, NumbersAreOnlyText) {
    for (const std::string_view number :
         {"1", "1e9", "1e999999999", "1e-999999999", "-1E+999999999999999999999", "0.1e-5",
          "99999999999999999999999999999999999999999"}) {
        std::string text = "{\"exp\":" + std::string(number);
        text.append(120 - text.size(), ' ').append("}");
        json::Document doc;
        const Usage parsing = used_by([&] { json::try_parse(doc, text); });
        json::Document plain;
        const std::string other = "{\"exp\":1" + std::string(112, ' ') + "}";
        const Usage wanted = used_by([&] { json::try_parse(plain, other); });
        EXPECT_EQ(parsing.bytes, wanted.bytes) << number;
        ASSERT_TRUE(doc.root().is_object());
        EXPECT_EQ(used_by([&] {
                      check_claims(doc.root(), {});
                      numeric_date_us(doc.root().find("exp"));
                      doc.root().find("exp").as_int64();
                  }).count,
                  0u)
            << number;
    }
}

TEST(Allocation, LengthsInDerAreNotBelieved) {
    for (const std::string_view hex :
         {"3084ffffffff", "30847fffffff0201", "308480000000", "3088ffffffffffffffff", "3080",
          "30820400028203ff", "308203ff0284ffffffff01", "30083006020101020101",
          "302a300506032b65700384ffffffff00", "30590284ffffffff"})
        for (const std::string_view label :
             {"PUBLIC KEY", "PRIVATE KEY", "RSA PUBLIC KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"}) {
            const std::string armour = std::string(label) + "-----\n";
            const std::string pem =
                "-----BEGIN " + armour + base64_encode(unhex(hex)) + "\n-----END " + armour;
            used_by([&] { parse_pem(pem); }); // what OpenSSL makes once is there
            const Usage used = used_by([&] { parse_pem(pem); });
            EXPECT_LE(used.largest, 65'536u) << hex << ' ' << label;
            EXPECT_LE(used.bytes, 1'000'000u) << hex << ' ' << label; // its decoders
        }
}

TEST(Allocation, HostileKeys) {
    const auto rsa = [](std::size_t n, std::size_t e) {
        return "{\"kty\":\"RSA\",\"n\":\"" + base64url_encode(std::string(n, '\xff')) +
               "\",\"e\":\"" + base64url_encode(std::string(e, '\xff')) + "\"}";
    };
    const auto oct = [](std::string_view more) {
        return "{\"kty\":\"oct\",\"k\":\"" + base64url_encode(std::string(64, 'x')) + "\"" +
               std::string(more) + "}";
    };
    std::string strangers = "{\"keys\":[", secrets = strangers, ops = ",\"key_ops\":[";
    for (int i = 0; i < 256; ++i)
        strangers += i ? ",{\"kty\":\"x\"}" : "{\"kty\":\"x\"}";
    for (int i = 0; i < 100; ++i)
        secrets += (i ? "," : "") + oct("");
    for (int i = 0; i < 5000; ++i)
        ops += (i ? ",\"op" : "\"op") + std::to_string(i) + "\"";
    for (const std::string &text :
         {rsa(2048, 8), rsa(2049, 8), rsa(100'000, 8), rsa(256, 8), rsa(256, 100'000),
          oct(",\"kid\":\"" + std::string(100'000, 'k') + "\""), oct(ops + "]"), strangers + "]}",
          secrets + "]}", std::string(100'000, '['), oct(",\"x\":" + std::string(100'000, '9'))}) {
        parse_jwk_set(rfc::thumbprint_key); // what OpenSSL makes once is there
        const Usage used = used_by([&] { parse_jwk_set(text); });
        expect_linear(text.substr(0, 40), text.size() + 4096, used);
    }
}

} // namespace
} // namespace pg_principal
