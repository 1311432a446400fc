#include "core_support.hpp"

#include "core/crypto/crypto.hpp"
#include "core/crypto/sealing.hpp"

namespace pg_principal {
namespace {

const std::string hex_a(64, 'a'), hex_b(64, 'b');

std::string file_fault(std::string_view text) {
    return error_of(Errc::master_key_malformed, [&] { parse_master_keys(text, "/etc/master"); });
}

TEST(MasterKeys, FileForms) {
    const std::string base64 = base64_encode(unhex(hex_b));
    const MasterKeys keys = parse_master_keys(
        "# the current key\n\n  " + hex_a + "\t\r\n" + base64 + "\n# end", "/etc/master");
    ASSERT_EQ(keys.size(), 2u);
    // the id is the start of a hash that is used for nothing else
    EXPECT_EQ(keys.sealing_key_id(),
              hex_encode(sha256("pg_principal master key" + unhex(hex_a))).substr(0, 16));
    EXPECT_TRUE(
        keys.has(hex_encode(sha256("pg_principal master key" + unhex(hex_b))).substr(0, 16)));
    EXPECT_FALSE(keys.has("0000000000000000"));
    EXPECT_EQ(parse_master_keys(std::string(64, 'A'), "x").sealing_key_id(),
              keys.sealing_key_id()); // both cases of the digits
    EXPECT_TRUE(MasterKeys().empty());
}

TEST(MasterKeys, MalformedFiles) {
    EXPECT_EQ(file_fault(""), "master key file \"/etc/master\" is malformed: it contains no key");
    file_fault("\n# only a comment\n");
    EXPECT_EQ(file_fault(hex_a + "\n" + hex_b + "0\n"),
              "master key file \"/etc/master\" is malformed: line 2 is not a key");
    for (const std::string &line :
         {std::string("x"), std::string(63, 'a'), std::string(65, 'a'), std::string(62, 'a') + "zz",
          hex_a + " # comment", hex_a + " " + hex_b, base64_encode(std::string(31, 'x')),
          base64_encode(std::string(33, 'x')), base64url_encode(std::string(32, 'x')),
          std::string(32, 'a'), hex_a + std::string(1, '\0'), std::string("\xef\xbb\xbf") + hex_a})
        EXPECT_FALSE(contains(file_fault(line), line)) << line; // a key is never shown
    EXPECT_TRUE(contains(file_fault(hex_a + "\n" + hex_b + "\n" + hex_a), "line 3 repeats"));
    std::string many;
    for (int i = 0; i < 1001; ++i)
        many += hex_encode(sha256(std::to_string(i))) + "\n";
    EXPECT_TRUE(contains(file_fault(many), "1000"));
}

TEST(Sealing, RoundTrip) {
    const MasterKeys keys = parse_master_keys(hex_a, "x");
    for (const std::string &text :
         {std::string(), std::string("x"), std::string("\0\xff", 2), std::string(100000, 'p')}) {
        const std::string blob = keys.seal(text, "kid");
        EXPECT_EQ(blob.size(), 1 + 8 + 12 + text.size() + 16);
        EXPECT_EQ(sealed_key_id(blob), keys.sealing_key_id());
        EXPECT_EQ(keys.open(blob, "kid").view(), text);
    }
    EXPECT_NE(keys.seal("x", "kid"), keys.seal("x", "kid")); // a nonce of its own each time
}

TEST(Sealing, TheFirstKeySealsAndAllOpen) {
    const MasterKeys old_keys = parse_master_keys(hex_a, "x");
    const MasterKeys new_keys = parse_master_keys(hex_b + "\n" + hex_a, "x");
    EXPECT_EQ(new_keys.open(old_keys.seal("text", "k"), "k").view(), "text");
    const std::string blob = new_keys.seal("text", "k");
    EXPECT_EQ(sealed_key_id(blob), new_keys.sealing_key_id());
    EXPECT_EQ(error_of(Errc::master_key_missing, [&] { old_keys.open(blob, "k", "kid-1"); }),
              "kid-1 is sealed under a master key that is not available");
    EXPECT_TRUE(contains(error_of(Errc::master_key_missing, [&] { old_keys.open(blob, "k"); }),
                         new_keys.sealing_key_id()));
    error_of(Errc::master_key_missing, [&] { MasterKeys().open(blob, "k"); });
}

TEST(Sealing, WhatAnEarlierVersionSealedElseOpens) {
    const MasterKeys keys = parse_master_keys(hex_a, "x");
    const std::string before = keys.seal("text", "former"), now = keys.seal("text", "present");
    EXPECT_EQ(keys.open(before, "present", "name", "former").view(), "text");
    EXPECT_EQ(keys.open(now, "present", "name", "former").view(), "text");
    error_of(Errc::crypto_failed, [&] { keys.open(before, "present", "name"); });
    error_of(Errc::crypto_failed, [&] { keys.open(now, "former", "name"); });
    error_of(Errc::crypto_failed, [&] { keys.open(before, "present", "name", "another"); });
}

TEST(Sealing, OtherContextIsRefused) {
    const MasterKeys keys = parse_master_keys(hex_a, "x");
    const std::string blob = keys.seal("text", "kid-1");
    for (const std::string_view aad : {"", "kid-2", "kid-", "kid-11"})
        EXPECT_TRUE(
            contains(error_of(Errc::crypto_failed, [&] { keys.open(blob, aad); }), "altered"));
}

TEST(Sealing, EveryAlteredBitIsRefused) {
    const MasterKeys keys = parse_master_keys(hex_a + "\n" + hex_b, "x");
    const std::string blob = keys.seal("the secret text", "kid");
    for (std::size_t i = 0; i < blob.size(); ++i)
        for (int bit = 0; bit < 8; ++bit) {
            std::string altered = blob;
            altered[i] = static_cast<char>(altered[i] ^ (1 << bit));
            const bool in_key_id = i >= 1 && i < 9;
            const std::string message =
                error_of(in_key_id ? Errc::master_key_missing : Errc::crypto_failed,
                         [&] { keys.open(altered, "kid"); });
            EXPECT_EQ(contains(message, "altered"), !in_key_id) << i;
        }
}

TEST(Sealing, AnotherKeysIdDoesNotOpen) {
    const MasterKeys a = parse_master_keys(hex_a, "x"), b = parse_master_keys(hex_b, "x");
    std::string blob = a.seal("text", "kid");
    const std::string other = b.seal("text", "kid");
    blob.replace(1, 8, other.substr(1, 8));
    error_of(Errc::crypto_failed, [&] { b.open(blob, "kid"); });
}

TEST(Sealing, EveryTruncationIsRefused) {
    const MasterKeys keys = parse_master_keys(hex_a, "x");
    const std::string blob = keys.seal("the secret text", "kid");
    for (std::size_t i = 0; i < blob.size(); ++i)
        error_of(Errc::crypto_failed, [&] { keys.open(blob.substr(0, i), "kid"); });
    error_of(Errc::crypto_failed, [&] { keys.open(blob + 'x', "kid"); });
    error_of(Errc::crypto_failed, [] { sealed_key_id(""); });
    error_of(Errc::crypto_failed, [] { sealed_key_id(std::string(100, '\2')); });
}

} // namespace
} // namespace pg_principal
