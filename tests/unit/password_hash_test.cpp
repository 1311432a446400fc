// Hashes of other systems: those that real libraries made (tests/samples/passwords), the limits of
// what one may cost, and the work that a refusal does.
#include "core_support.hpp"

#include "core/principals/password.hpp"
#include "core/principals/password_hash.hpp"

#include <argon2.h>
#include <dlfcn.h>

#include <algorithm>
#include <fstream>
#include <set>

// Counts Argon2's work: every call of it goes through here.
namespace {
std::uint64_t argon2_work; // KiB times passes
}
extern "C" int argon2_ctx(argon2_context *context, argon2_type type) {
    static const auto real =
        reinterpret_cast<int (*)(argon2_context *, argon2_type)>(dlsym(RTLD_NEXT, "argon2_ctx"));
    argon2_work += std::uint64_t{context->m_cost} * context->t_cost;
    return real(context, type);
}

namespace pg_principal {
namespace {

constexpr std::uint64_t our_work = 2 * 19456;

struct Vector {
    std::string made, password, hash;
};

std::vector<Vector> vectors() {
    std::vector<Vector> out;
    std::ifstream file("tests/samples/passwords/hashes.tsv");
    for (std::string line; std::getline(file, line);) {
        if (line.empty() || line[0] == '#')
            continue;
        std::vector<std::string> fields(1);
        for (const char c : line)
            if (c == '\t')
                fields.emplace_back();
            else
                fields.back() += c;
        EXPECT_EQ(fields.size(), 4u) << line;
        out.push_back({fields.at(0) + ": " + fields.at(1), fields.at(2), fields.at(3)});
    }
    return out;
}

TEST(PasswordHash, OfRealLibrariesFitAndAreUpgraded) {
    const std::vector<Vector> all = vectors();
    EXPECT_GE(all.size(), 50u);
    for (const Vector &v : all) {
        EXPECT_EQ(password_hash_problem(v.hash), "") << v.made;
        EXPECT_EQ(password_hash_problem(" " + v.hash + "\r\n"), "") << v.made;
        const PasswordCheck right = verify_password(v.hash + "\n", v.password);
        EXPECT_TRUE(right.ok && right.needs_upgrade) << v.made;
    }
}

// One of each way to verify.
TEST(PasswordHash, NoOtherPasswordFits) {
    std::set<std::size_t> seen;
    for (const Vector &v : vectors()) {
        const ReadPasswordHash read = read_password_hash(v.hash);
        const bool is_firebase = v.hash.substr(0, 10) == "$fbscrypt$";
        if (read.hash && (seen.insert(read.hash->index()).second || is_firebase)) {
            const PasswordCheck wrong = verify_password(v.hash, v.password + "x");
            EXPECT_FALSE(wrong.ok || wrong.needs_upgrade) << v.made;
        }
    }
    EXPECT_EQ(seen.size(), std::variant_size_v<PasswordHash>);
}

std::string problem(std::string_view stored) { return password_hash_problem(stored); }

TEST(PasswordHash, WhatCannotBeVerifiedIsNamed) {
    const std::pair<std::string, std::string> cases[] = {
        {"5f4dcc3b5aa765d61d8327deb882cf99", "MD5"},
        {"md55f4dcc3b5aa765d61d8327deb882cf99", "MD5"},
        {"5baa61e4c9b93f3f0682250b6cf8331b7ee68fd8", "SHA-1"},
        {std::string(64, 'a'), "SHA-256"},
        {std::string(128, 'a'), "SHA-512"},
        {"$1$deadbeef$0Huu6KHrKLVWfqa4WljDE0", "MD5-crypt"},
        {"$P$B12345678abcdefghijklmnopqrstuv", "phpass"},
        {"{SSHA}abcdef", "{SSHA}"},
        {"{noop}secret", "a password in the clear"},
        {"SCRAM-SHA-256$4096:c2FsdA==$eA==:eA==", "SCRAM"},
        {"sha1$salt$hash", "salted SHA-1"},
        {"plain text!", "of an unknown kind"},
        {"", "of an unknown kind"}};
    for (const auto &[hash, name] : cases)
        EXPECT_EQ(problem(hash), "is " + name + ", which cannot be verified here") << hash;
    EXPECT_EQ(problem(std::string(5000, 'x')), "is longer than any known hash");
    EXPECT_EQ(problem(R"({"credentialData": {"algorithm": "md5", "hashIterations": 1},
                          "secretData": {"salt": "c2FsdHNhbHQ=", "value": "c2FsdHNhbHQ="}})"),
              "is of Keycloak's algorithm \"md5\", which cannot be verified here");
    EXPECT_EQ(problem("{\"a\": 1}"), "is a malformed Keycloak hash");
}

TEST(PasswordHash, CostsHaveLimits) {
    const std::string tag32(43, 'A'), tag64(86, 'A'), salt = "c29tZXNhbHRzb21l";
    const std::string b64_32 = tag32 + "=", crypt43(43, '.'), crypt86(86, '.');
    const struct {
        std::string accepted, refused, says;
    } cases[] = {
        {"$argon2d$v=19$m=65536,t=4,p=4$" + salt + '$' + tag32,
         "$argon2d$v=19$m=1048576,t=16,p=4$" + salt + '$' + tag32,
         "exceeds the accepted cost: Argon2d of 1048576 KiB in 16 passes, at most 311296 KiB times "
         "passes"},
        {"$2b$14$KBCwKxOzLha2MUDgW0PjXe1gSZtVwRyV5rSNV4zmbwZAnsbPAQcau",
         "$2b$15$KBCwKxOzLha2MUDgW0PjXe1gSZtVwRyV5rSNV4zmbwZAnsbPAQcau",
         "exceeds the accepted cost: bcrypt of cost 15, at most a cost of 14"},
        {"bcrypt_sha256$$2b$12$KBCwKxOzLha2MUDgW0PjXe1gSZtVwRyV5rSNV4zmbwZAnsbPAQcau",
         "bcrypt_sha256$$2b$31$KBCwKxOzLha2MUDgW0PjXe1gSZtVwRyV5rSNV4zmbwZAnsbPAQcau", "cost 31"},
        {"pbkdf2_sha256$2000000$saltsalt$" + b64_32, "pbkdf2_sha256$2000001$saltsalt$" + b64_32,
         "exceeds the accepted cost: PBKDF2 of 2000001 iterations for each of 1 blocks, at most "
         "2000000 iterations"},
        {"pbkdf2_sha256$1000000$saltsalt$" + tag64 + "==",
         "pbkdf2_sha256$1000001$saltsalt$" + tag64 + "==", "2 blocks"},
        {"$pbkdf2-sha512$1000000$" + salt + '$' + tag64,
         "$pbkdf2-sha512$99999999999999$" + salt + '$' + tag64, "4294967295 iterations"},
        {"$scrypt$ln=17,r=8,p=1$" + salt + '$' + tag32,
         "$scrypt$ln=17,r=8,p=2$" + salt + '$' + tag32,
         "exceeds the accepted cost: scrypt of N = 2^17, r = 8, p = 2, at most N r p = 2^20"},
        {"$scrypt$ln=1,r=1,p=1$" + salt + '$' + tag32,
         "$scrypt$ln=31,r=4294967296,p=4294967296$" + salt + '$' + tag32, "N = 2^31"},
        {"scrypt:131072:8:1$saltsalt$" + std::string(64, 'a'),
         "scrypt:1048576:8:1$saltsalt$" + std::string(64, 'a'), "N = 2^20"},
        {"$5$rounds=1000000$salt$" + crypt43, "$5$rounds=1000001$salt$" + crypt43,
         "exceeds the accepted cost: SHA-256-crypt of 1000001 rounds, at most 1000000 rounds"},
        {"$6$salt$" + crypt86, "$6$rounds=999999999$salt$" + crypt86, "SHA-512-crypt"},
        {"$y$jBT$abcdefgh$" + crypt43, "$y$jFT$abcdefgh$" + crypt43,
         "exceeds the accepted cost: yescrypt of N = 2^18, r = 32"},
        {"$7$CU..../....abcd$" + crypt43, "$7$FU..../....abcd$" + crypt43,
         "exceeds the accepted cost: scrypt of N = 2^17, r = 32"},
        {"{scrypt}$e0801$c2FsdHNhbHQ=$" + b64_32, "{scrypt}$1f0801$c2FsdHNhbHQ=$" + b64_32,
         "N = 2^31"}};
    for (const auto &c : cases) {
        EXPECT_EQ(problem(c.accepted), "") << c.accepted;
        EXPECT_NE(problem(c.refused).find(c.says), std::string::npos)
            << c.refused << ": " << problem(c.refused);
        EXPECT_FALSE(verify_password(c.refused, "x").ok);
    }
}

TEST(PasswordHash, MalformedOnesAreRefused) {
    const std::string tag32(43, 'A'), salt = "c29tZXNhbHRzb21l", crypt43(43, '.'), crypt86(86, '.');
    for (const std::string &stored :
         {// no tag, or one that could be guessed
          std::string("pbkdf2_sha256$1000$saltsalt$"),
          std::string("pbkdf2_sha256$1000$saltsalt$AAAA"), "$pbkdf2-sha256$1000$" + salt + "$",
          "$scrypt$ln=14,r=8,p=1$" + salt + "$", std::string("scrypt:16384:8:1$saltsalt$"),
          std::string("scrypt$16384$saltsalt$8$1$"), "$argon2i$v=19$m=64,t=1,p=1$" + salt + "$",
          std::string("$fbscrypt$v=1,n=14,r=8,p=1,sk=AAAA$AAAAAA$AAAA"),
          // no work
          "pbkdf2_sha256$0$saltsalt$" + tag32, "$scrypt$ln=0,r=8,p=1$" + salt + '$' + tag32,
          "scrypt:16383:8:1$saltsalt$" + std::string(64, 'a'),
          "scrypt:0:8:1$saltsalt$" + std::string(64, 'a'),
          // not of their form
          "pbkdf2_md5$1000$saltsalt$" + tag32, "pbkdf2$1000$saltsalt$" + tag32 + '$',
          "$scrypt$ln=14,r=8$" + salt + '$' + tag32, "$scrypt$ln=14,r=8,r=8$" + salt + '$' + tag32,
          "$scrypt$ln=14,r=8,p=1,x=1$" + salt + '$' + tag32,
          "$scrypt$ln=014,r=8,p=1$" + salt + '$' + tag32,
          "$argon2id$v=19$m=64,t=1,p=1,keyid=AA$" + salt + '$' + tag32,
          "$argon2id$v=17$m=64,t=1,p=1$" + salt + '$' + tag32, "$5$rounds=999$salt$" + crypt43,
          "$5$rounds=01000$salt$" + crypt43, "$5$saltsaltsaltsaltx$" + crypt43,
          "$5$salt$" + crypt86, "$6$salt$" + crypt43, "$y$xBT$abcd$" + crypt43,
          "$y$jBT$abcd$" + crypt86, "$y$jBT5$abcd$" + crypt43, "$7$CU....abcd$" + crypt43,
          std::string("$y$"), std::string("$7$"),
          std::string("$fbscrypt$v=2,n=14,r=8,p=1,ss=Bw==,sk=") + tag32 + "=$AAAAAAAA$" + tag32,
          std::string("$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==$AAAAAAAA$") + tag32,
          std::string("{scrypt}$e0801$c2FsdHNhbHQ=$"), std::string("{pbkdf2}00"),
          std::string("$bcrypt-sha256$v=2,t=2b,r=12$x$y")}) {
        EXPECT_NE(problem(stored), "") << stored;
        EXPECT_FALSE(verify_password(stored, "").ok) << stored;
    }
}

// Every answer does at least the work of a hash of ours, cheap and dear imports included.
TEST(PasswordHash, EveryRefusalDoesOurWork) {
    const auto work_of = [](std::string_view stored, std::string_view password) {
        argon2_work = 0;
        verify_password(stored, password);
        return argon2_work;
    };
    EXPECT_EQ(work_of("", "x"), our_work);
    EXPECT_EQ(work_of("garbage", "x"), our_work);
    EXPECT_EQ(work_of(hash_password("secret", "0123456789abcdef"), "x"), our_work);
    EXPECT_EQ(work_of(hash_password("secret", "0123456789abcdef"), "secret"), our_work);
    const std::string tag32(43, 'A'), crypt43(43, '.'), crypt86(86, '.');
    for (const std::string &cheap :
         {std::string("$2b$04$mlr.PoDP3w4SzMh8A/td4O2LE5lJcM2/JSPEwYH0wXmT/Ai.Ip3GG"),
          std::string("bcrypt_sha256$$2b$04$mlr.PoDP3w4SzMh8A/td4O2LE5lJcM2/JSPEwYH0wXmT/Ai.Ip3GG"),
          "pbkdf2_sha256$1$saltsalt$" + tag32, "$scrypt$ln=1,r=1,p=1$c2FsdHNhbHQ$" + tag32,
          "$5$rounds=1000$salt$" + crypt43, "$6$rounds=1000$salt$" + crypt86,
          "$y$j75$abcdefgh$" + crypt43, "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$" + tag32,
          "$argon2i$v=16$m=8,t=1,p=1$c2FsdHNhbHQ$" + tag32})
        for (const char *password : {"wrong", "twist"}) { // which fits the first
            const std::uint64_t work = work_of(cheap, password);
            EXPECT_EQ(password_hash_problem(cheap), "") << cheap;
            EXPECT_TRUE(work >= our_work && work <= our_work + 8) << cheap;
        }
    // a NUL, or more than crypt(3) takes: not verified, and no quicker
    EXPECT_EQ(work_of("$5$rounds=1000$salt$" + crypt43, std::string(600, 'x')), our_work);
    EXPECT_EQ(work_of("$2b$04$mlr.PoDP3w4SzMh8A/td4O2LE5lJcM2/JSPEwYH0wXmT/Ai.Ip3GG",
                      std::string_view("a\0b", 3)),
              our_work);
    EXPECT_EQ(work_of("$argon2id$v=19$m=65536,t=1,p=1$c2FsdHNhbHQ$" + tag32, "x"), 65536u);
}

} // namespace
} // namespace pg_principal
