#include "core_support.hpp"

#include "core/crypto/crypto.hpp"
#include "core/principals/refresh_token.hpp"

#include <set>

namespace pg_principal {
namespace {

std::string counting(int from, int size) {
    std::string out;
    for (int i = 0; i < size; ++i)
        out += static_cast<char>(from + i);
    return out;
}

const std::string server_key = counting(0, 32);
const Uuid session = uuid_from(counting(0x10, 16).data());
const std::string random32 = counting(0x80, 32);

RefreshToken first() { return derive_first(server_key, session, random32); }

std::string text_of(std::string_view payload) { return "ppr_" + base64url_encode(payload); }

RefreshTokenFault fault_of(std::string_view text) {
    RefreshToken token;
    return parse_refresh_token(text, token);
}

// Computed apart, with another implementation of HMAC and SHA-256.
TEST(RefreshToken, BytesOfTheFirst) {
    const RefreshToken token = first();
    EXPECT_EQ(token.session_id, session);
    EXPECT_EQ(generation_of(token), 1u);
    EXPECT_EQ(hex_encode(bytes_of(token.id)), "000000016e4238cdc6a01e56af96c2c8");
    EXPECT_EQ(hex_encode(token.secret.view()),
              "d9ec83967113e733cfac7e926898c805df7e9f6f25a16a9f0d0593526080847b");
    EXPECT_EQ(refresh_token_text(token),
              "ppr_ARAREhMUFRYXGBkaGxwdHh8AAAABbkI4zcagHlavlsLI2eyDlnET5zPPrH6SaJjIBd9-n28loWqfDQW"
              "TUmCAhHs");
    EXPECT_EQ(hex_encode(refresh_token_hash(token)),
              "ba428007798a785bc09469004ac9ccacd282cb44ecdfac0da12e668d9649e6c2");
}

TEST(RefreshToken, BytesOfTheSuccessor) {
    const RefreshToken token = derive_successor(server_key, first());
    EXPECT_EQ(token.session_id, session);
    EXPECT_EQ(generation_of(token), 2u);
    EXPECT_EQ(hex_encode(bytes_of(token.id)), "00000002ce9471c43eb5743ab0e3595a");
    EXPECT_EQ(hex_encode(token.secret.view()),
              "ab22ae8147d675ca52d54b4cc48c97868a15ca925928485c4ede2f38552bebac");
    EXPECT_EQ(refresh_token_text(token),
              "ppr_ARAREhMUFRYXGBkaGxwdHh8AAAACzpRxxD61dDqw41laqyKugUfWdcpS1UtMxIyXhooVypJZKEhcTt4"
              "vOFUr66w");
    EXPECT_EQ(hex_encode(refresh_token_hash(token)),
              "e754ae37672f5e623376d9dd2b4a935d8ad1f33d990f99718e527d18dba87206");
}

RefreshToken with_id(std::string_view hex) {
    return {session, uuid_from(unhex(hex).data()), Secret(random32)};
}

TEST(RefreshToken, GenerationsAreBigEndian) {
    EXPECT_EQ(generation_of(with_id("01020304cd1edc515d5c1eb7450e7140")), 0x01020304u);
    EXPECT_EQ(generation_of(with_id("ffffffff000000000000000000000000")), 0xffffffffu);
    EXPECT_EQ(generation_of(with_id("00000000ffffffffffffffffffffffff")), 0u);
}

TEST(RefreshToken, OurIdsAreKnownWhateverTheSecret) {
    RefreshToken token = first();
    EXPECT_TRUE(is_our_id(server_key, token));
    token.secret = Secret(random32);
    EXPECT_TRUE(is_our_id(server_key, token));
    EXPECT_TRUE(is_our_id(server_key, derive_successor(server_key, token)));
    EXPECT_TRUE(is_our_id(server_key, with_id("01020304cd1edc515d5c1eb7450e7140")));
    EXPECT_TRUE(is_our_id(server_key, with_id("7fffffffe4bf16b5fe5d7108e95fae85")));
}

TEST(RefreshToken, NoOtherIdIsOurs) {
    for (std::size_t bit = 0; bit < 128; ++bit) {
        RefreshToken token = first();
        const auto mask = static_cast<unsigned char>(1 << bit % 8);
        token.id[bit / 8] = static_cast<unsigned char>(token.id[bit / 8] ^ mask);
        EXPECT_FALSE(is_our_id(server_key, token)) << bit;
        token = first();
        token.session_id[bit / 8] = static_cast<unsigned char>(token.session_id[bit / 8] ^ mask);
        EXPECT_FALSE(is_our_id(server_key, token)) << bit;
    }
    EXPECT_FALSE(is_our_id(server_key + 'x', first()));
    EXPECT_FALSE(is_our_id(counting(1, 32), first()));
    RefreshToken renumbered = first(); // the mark of one generation under the number of another
    renumbered.id[3] = 2;
    EXPECT_FALSE(is_our_id(server_key, renumbered));
    error_of(Errc::crypto_failed,
             [&] { (void)is_our_id(std::string_view(server_key).substr(1), first()); });
}

TEST(RefreshToken, GenerationsEnd) {
    const RefreshToken last_but_one = with_id("7ffffffe000000000000000000000000");
    const RefreshToken last = derive_successor(server_key, last_but_one);
    EXPECT_EQ(hex_encode(bytes_of(last.id)), "7fffffffe4bf16b5fe5d7108e95fae85");
    EXPECT_EQ(fault_of(refresh_token_text(last)), RefreshTokenFault::none);
    EXPECT_EQ(error_of(Errc::crypto_failed, [&] { derive_successor(server_key, last); }),
              "cryptographic operation failed: refresh token generation");
    error_of(Errc::crypto_failed,
             [] { derive_successor(server_key, with_id("ffffffff000000000000000000000000")); });
}

TEST(RefreshToken, RoundTripAndARetryGivesTheSameSuccessor) {
    std::set<std::string> texts, ids, secrets;
    std::string text = refresh_token_text(first());
    for (int i = 0; i < 500; ++i) {
        RefreshToken token, again;
        ASSERT_EQ(parse_refresh_token(text, token), RefreshTokenFault::none);
        ASSERT_EQ(parse_refresh_token(text, again), RefreshTokenFault::none);
        EXPECT_EQ(refresh_token_text(token), text);
        EXPECT_TRUE(texts.insert(text).second);
        EXPECT_TRUE(ids.emplace(bytes_of(token.id)).second);
        EXPECT_TRUE(secrets.emplace(token.secret.view()).second);
        EXPECT_EQ(token.session_id, session);
        text = refresh_token_text(derive_successor(server_key, token));
        EXPECT_EQ(refresh_token_text(derive_successor(server_key, again)), text);
        RefreshToken next;
        ASSERT_EQ(parse_refresh_token(text, next), RefreshTokenFault::none);
        EXPECT_EQ(generation_of(next), generation_of(token) + 1);
        EXPECT_TRUE(is_our_id(server_key, next));
    }
}

TEST(RefreshToken, EveryInputMatters) {
    std::set<std::string> seen;
    const auto add = [&](const RefreshToken &token) {
        EXPECT_TRUE(seen.emplace(token.secret.view()).second);
    };
    const auto flipped = [](std::string bytes, std::size_t bit) {
        bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << bit % 8));
        return bytes;
    };
    const auto flipped_id = [&](const Uuid &id, std::size_t bit) {
        return uuid_from(flipped(std::string(bytes_of(id)), bit).data());
    };
    const auto parent = [&](const Uuid &session_id, const Uuid &id, std::string_view secret) {
        return RefreshToken{session_id, id, Secret(secret)};
    };
    const RefreshToken origin = first();
    const Uuid &id = origin.id;
    add(origin);
    add(derive_successor(server_key, parent(session, id, random32)));
    add(derive_first(server_key + 'x', session, random32));
    for (std::size_t bit = 0; bit < 256; ++bit) {
        add(derive_first(flipped(server_key, bit), session, random32));
        add(derive_first(server_key, session, flipped(random32, bit)));
        add(derive_successor(flipped(server_key, bit), parent(session, id, random32)));
        add(derive_successor(server_key, parent(session, id, flipped(random32, bit))));
    }
    for (std::size_t bit = 0; bit < 128; ++bit) {
        add(derive_first(server_key, flipped_id(session, bit), random32));
        add(derive_successor(server_key, parent(flipped_id(session, bit), id, random32)));
        if (bit != 7) // the topmost, which no generation has
            add(derive_successor(server_key, parent(session, flipped_id(id, bit), random32)));
    }
    EXPECT_EQ(seen.size(), 3 + 4 * 256u + 3 * 128u - 1);
}

// Who has the server key and what is stored cannot take a stored hash for the secret.
TEST(RefreshToken, StoredHashIsNoSecret) {
    const RefreshToken token = first();
    const RefreshToken guess{session, token.id, Secret(refresh_token_hash(token))};
    EXPECT_NE(refresh_token_text(derive_successor(server_key, guess)),
              refresh_token_text(derive_successor(server_key, token)));
    EXPECT_NE(refresh_token_hash(token), std::string(token.secret.view()));
}

TEST(RefreshToken, HashCoversEveryBit) {
    const std::string payload = unbase64url(refresh_token_text(first()).substr(4));
    std::set<std::string> hashes{refresh_token_hash(first())};
    for (std::size_t bit = 8; bit < payload.size() * 8; ++bit) { // all but the version
        std::string altered = payload;
        altered[bit / 8] = static_cast<char>(altered[bit / 8] ^ (1 << bit % 8));
        RefreshToken token;
        const bool whole = bit != 17 * 8 + 7 && bit != 20 * 8; // a generation there can be
        ASSERT_EQ(parse_refresh_token(text_of(altered), token),
                  whole ? RefreshTokenFault::none : RefreshTokenFault::invalid_payload);
        if (!whole)
            continue;
        EXPECT_EQ(refresh_token_text(token), text_of(altered));
        EXPECT_TRUE(hashes.insert(refresh_token_hash(token)).second) << bit;
    }
}

TEST(RefreshToken, WhatIsNoRefreshToken) {
    const std::string good = refresh_token_text(first());
    const std::string jwt = "eyJhbGciOiJIUzI1NiJ9.e30.xxxx";
    for (const std::string &text : {std::string(),
                                    std::string("p"),
                                    std::string("ppr"),
                                    std::string("ppr-"),
                                    jwt,
                                    "ppr_" + jwt,
                                    "PPR_" + good.substr(4),
                                    "ppr_ppr_" + good.substr(4) + "=",
                                    good.substr(4),
                                    " " + good,
                                    good + " ",
                                    good + "\n",
                                    good + "=",
                                    good + "==",
                                    good + '\0',
                                    good + "\xff",
                                    "ppr_=" + good.substr(5),
                                    replaced(good, "_ARAR", "_AR+R"),
                                    replaced(good, "_ARAR", "_AR/R"),
                                    replaced(good, "_ARAR", "_AR R"),
                                    std::string("ppr_A"),
                                    good + "AA"}) // an impossible length of base64
        EXPECT_EQ(fault_of(text), RefreshTokenFault::verification_failed) << text;
    // another spelling of the same bytes would need spare bits in the last character
    std::string bits = good;
    ASSERT_EQ(bits.size(), 4u + 87);
    ASSERT_EQ(bits.back(), 's');
    bits.back() = 't';
    EXPECT_EQ(fault_of(bits), RefreshTokenFault::verification_failed);
}

TEST(RefreshToken, WhatIsOursButNotWhole) {
    const std::string payload = unbase64url(refresh_token_text(first()).substr(4));
    ASSERT_EQ(payload.size(), 65u);
    ASSERT_EQ(fault_of(text_of(payload)), RefreshTokenFault::none);
    for (std::size_t size = 0; size < payload.size(); ++size)
        EXPECT_EQ(fault_of(text_of(payload.substr(0, size))), RefreshTokenFault::invalid_payload);
    for (const std::size_t more : {1u, 2u, 3u, 65u, 100000u})
        EXPECT_EQ(fault_of(text_of(payload + std::string(more, 'x'))),
                  RefreshTokenFault::invalid_payload);
    for (int version = 0; version < 256; ++version) {
        std::string other = payload;
        other[0] = static_cast<char>(version);
        EXPECT_EQ(fault_of(text_of(other)),
                  version == 1 ? RefreshTokenFault::none : RefreshTokenFault::invalid_payload);
    }
}

TEST(RefreshToken, GenerationsThatThereAreNot) {
    const std::string payload = unbase64url(refresh_token_text(first()).substr(4));
    const auto numbered = [&](std::string_view bytes) {
        return fault_of(text_of(std::string(payload).replace(17, 4, bytes)));
    };
    using namespace std::string_view_literals;
    EXPECT_EQ(numbered("\0\0\0\0"sv), RefreshTokenFault::invalid_payload);
    EXPECT_EQ(numbered("\x80\0\0\0"sv), RefreshTokenFault::invalid_payload);
    EXPECT_EQ(numbered("\xff\xff\xff\xff"sv), RefreshTokenFault::invalid_payload);
    EXPECT_EQ(numbered("\0\0\0\1"sv), RefreshTokenFault::none);
    EXPECT_EQ(numbered("\x7f\xff\xff\xff"sv), RefreshTokenFault::none);
}

TEST(RefreshToken, Reasons) {
    EXPECT_EQ(refresh_fault_reason(RefreshTokenFault::none), "");
    EXPECT_EQ(refresh_fault_reason(RefreshTokenFault::verification_failed), "verification-failed");
    EXPECT_EQ(refresh_fault_reason(RefreshTokenFault::invalid_payload), "invalid-payload");
}

TEST(RefreshToken, SizesAreChecked) {
    const std::string_view key = server_key, random = random32;
    EXPECT_EQ(error_of(Errc::crypto_failed, [&] { derive_first(key.substr(1), session, random); }),
              "cryptographic operation failed: refresh token key size");
    error_of(Errc::crypto_failed, [&] { derive_successor(key.substr(1), first()); });
    error_of(Errc::crypto_failed, [&] { derive_successor("", first()); });
    error_of(Errc::crypto_failed, [&] { derive_first(key, session, random.substr(1)); });
    error_of(Errc::crypto_failed, [&] { derive_first(key, session, random32 + 'x'); });
    error_of(Errc::crypto_failed, [&] { derive_successor(key, RefreshToken{}); });
    error_of(Errc::crypto_failed, [&] { refresh_token_hash(RefreshToken{}); });
    error_of(Errc::crypto_failed, [&] { refresh_token_text(RefreshToken{}); });
}

} // namespace
} // namespace pg_principal
