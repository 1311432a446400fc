#include "core_support.hpp"

#include "core/crypto.hpp"
#include "core/refresh_token.hpp"

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
const Uuid session = uuid_from(counting(0x10, 16).data()),
           first_id = uuid_from(counting(0x20, 16).data());
const std::string random32 = counting(0x80, 32);

RefreshToken first() { return derive_first(server_key, session, first_id, random32); }

std::string text_of(std::string_view payload) { return "ppr_" + base64url_encode(payload); }

RefreshTokenFault fault_of(std::string_view text) {
    RefreshToken token;
    return parse_refresh_token(text, token);
}

// Computed apart, with another implementation of HMAC and SHA-256.
TEST(RefreshToken, BytesOfTheFirst) {
    const RefreshToken token = first();
    EXPECT_EQ(token.session_id, session);
    EXPECT_EQ(token.id, first_id);
    EXPECT_EQ(refresh_token_text(token),
              "ppr_ARAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vpbjYryETIiF0xIjg72wOsyKsXvYiEJbcB0F"
              "O2pGCFZs");
    EXPECT_EQ(hex_encode(refresh_token_hash(token)),
              "78b0af6b407640caa3309f0de1b0b36672a1962eae6903e930653416fc6f8913");
}

TEST(RefreshToken, BytesOfTheSuccessor) {
    const RefreshToken token = derive_successor(server_key, first());
    EXPECT_EQ(token.session_id, session);
    EXPECT_EQ(hex_encode(bytes_of(token.id)), "614c4aebb7a1836e845d358e65af43be");
    EXPECT_EQ(hex_encode(token.secret.view()),
              "77722d79feeed71f93efbc27b1730939e3725b298be63277d8124c92b773a4a1");
    EXPECT_EQ(refresh_token_text(token),
              "ppr_ARAREhMUFRYXGBkaGxwdHh9hTErrt6GDboRdNY5lr0O-d3Itef7u1x-T77wnsXMJOeNyWymL5jJ32BJ"
              "MkrdzpKE");
    EXPECT_EQ(hex_encode(refresh_token_hash(token)),
              "fa904de235f8f6ef3b091400aee30efc112b80aa6df56828dd43b05b5df3b11d");
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
        EXPECT_EQ(next.id[6] >> 4, 8);
        EXPECT_EQ(next.id[8] >> 6, 2);
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
    add(first());
    add(derive_successor(server_key, parent(session, first_id, random32)));
    add(derive_first(server_key + 'x', session, first_id, random32));
    for (std::size_t bit = 0; bit < 256; ++bit) {
        add(derive_first(flipped(server_key, bit), session, first_id, random32));
        add(derive_first(server_key, session, first_id, flipped(random32, bit)));
        add(derive_successor(flipped(server_key, bit), parent(session, first_id, random32)));
        add(derive_successor(server_key, parent(session, first_id, flipped(random32, bit))));
    }
    for (std::size_t bit = 0; bit < 128; ++bit) {
        add(derive_first(server_key, flipped_id(session, bit), first_id, random32));
        add(derive_first(server_key, session, flipped_id(first_id, bit), random32));
        add(derive_successor(server_key, parent(flipped_id(session, bit), first_id, random32)));
        add(derive_successor(server_key, parent(session, flipped_id(first_id, bit), random32)));
    }
    EXPECT_EQ(seen.size(), 3 + 4 * 256u + 4 * 128u);
}

// Who has the server key and what is stored cannot take a stored hash for the secret.
TEST(RefreshToken, StoredHashIsNoSecret) {
    const RefreshToken token = first();
    const RefreshToken guess{session, first_id, Secret(refresh_token_hash(token))};
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
        ASSERT_EQ(parse_refresh_token(text_of(altered), token), RefreshTokenFault::none);
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
    // another spelling of the same bytes
    std::string bits = good;
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

TEST(RefreshToken, Reasons) {
    EXPECT_EQ(refresh_fault_reason(RefreshTokenFault::none), "");
    EXPECT_EQ(refresh_fault_reason(RefreshTokenFault::verification_failed), "verification-failed");
    EXPECT_EQ(refresh_fault_reason(RefreshTokenFault::invalid_payload), "invalid-payload");
}

TEST(RefreshToken, SizesAreChecked) {
    const std::string_view key = server_key, random = random32;
    EXPECT_EQ(error_of(Errc::crypto_failed,
                       [&] { derive_first(key.substr(1), session, first_id, random); }),
              "cryptographic operation failed: refresh token key size");
    error_of(Errc::crypto_failed, [&] { derive_successor(key.substr(1), first()); });
    error_of(Errc::crypto_failed, [&] { derive_successor("", first()); });
    error_of(Errc::crypto_failed, [&] { derive_first(key, session, first_id, random.substr(1)); });
    error_of(Errc::crypto_failed, [&] { derive_first(key, session, first_id, random32 + 'x'); });
    error_of(Errc::crypto_failed, [&] { derive_successor(key, RefreshToken{}); });
    error_of(Errc::crypto_failed, [&] { refresh_token_hash(RefreshToken{}); });
    error_of(Errc::crypto_failed, [&] { refresh_token_text(RefreshToken{}); });
}

} // namespace
} // namespace pg_principal
