#include "core_support.hpp"

#include "core/principals/password.hpp"

#include <argon2.h>
#include <pthread.h>

#include <algorithm>
#include <cerrno>

// Of the sanitizers' run-time library, whose header g++ does not bring along.
extern "C" int __sanitizer_install_malloc_and_free_hooks(void (*)(const volatile void *,
                                                                  std::size_t),
                                                         void (*)(const volatile void *));

// Nothing here may start a thread: a server process must not, however many lanes a hash has.
extern "C" int pthread_create(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *) {
    return EAGAIN;
}

namespace pg_principal {
namespace {

const std::string salt = "0123456789abcdef";
constexpr std::size_t our_kib = 19456;

bool is_accepted(std::string_view stored) { return password_hash_problem(stored).empty(); }

std::size_t largest_allocation; // seen by the hook
template <class F>
std::size_t memory_of(F &&function) {
    static const int hooked = __sanitizer_install_malloc_and_free_hooks(
        [](const volatile void *, std::size_t size) {
            largest_allocation = std::max(largest_allocation, size);
        },
        [](const volatile void *) {});
    EXPECT_GT(hooked, 0);
    largest_allocation = 0;
    function();
    return largest_allocation;
}

// Argon2id by the library's own encoder, with any parameters.
std::string encoded(std::uint32_t kib, std::uint32_t passes, std::uint32_t salt_size,
                    std::uint32_t tag_size) {
    std::string out(500, '\0');
    EXPECT_EQ(argon2id_hash_encoded(passes, kib, 1, "secret", 6, std::string(salt_size, 's').data(),
                                    salt_size, tag_size, out.data(), out.size()),
              ARGON2_OK);
    return out.substr(0, out.find('\0'));
}

void expect_refused(const std::string &stored, std::string_view password) {
    EXPECT_FALSE(is_accepted(stored)) << stored;
    const PasswordCheck check = verify_password(stored, password);
    EXPECT_FALSE(check.ok || check.needs_upgrade) << stored;
}

void expect_fits(std::string_view stored, std::string_view password, bool needs_upgrade) {
    EXPECT_TRUE(is_accepted(stored)) << stored;
    const PasswordCheck right = verify_password(stored, password);
    EXPECT_TRUE(right.ok) << stored;
    EXPECT_EQ(right.needs_upgrade, needs_upgrade) << stored;
    const PasswordCheck wrong = verify_password(stored, "not " + std::string(password));
    EXPECT_FALSE(wrong.ok || wrong.needs_upgrade) << stored;
}

TEST(Argon2, HashIsAPhcString) {
    EXPECT_EQ(hash_password("Th1sIsAStrong!Pass", salt),
              "$argon2id$v=19$m=19456,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$"
              "COqaqEwnZ1kbiPilfOXUyWl/jTiHvJhXBirGNyju/zE");
    EXPECT_EQ(hash_password("secret", std::string(16, 's')), encoded(our_kib, 2, 16, 32));
    EXPECT_EQ(error_of(Errc::crypto_failed, [] { hash_password("secret", "short"); }),
              "cryptographic operation failed: salt size");
    error_of(Errc::crypto_failed, [] { hash_password("secret", salt + "x"); });
}

TEST(Argon2, OwnHashesFit) {
    for (const std::string &password :
         {std::string(), std::string("x"), std::string("a\0b", 3), std::string(5000, 'p')})
        expect_fits(hash_password(password, salt), password, false);
    // every byte counts, those after a NUL and those after any length too
    const std::string hash = hash_password(std::string("a\0b", 3), salt);
    EXPECT_FALSE(verify_password(hash, "a").ok);
    EXPECT_FALSE(verify_password(hash, std::string_view("a\0c", 3)).ok);
}

TEST(Argon2, VectorsOfTheReferenceImplementation) {
    const struct {
        std::string_view password, hash;
    } vectors[] = {{"password", "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$"
                                "CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"},
                   {"password", "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$"
                                "nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"},
                   {"password", "$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$"
                                "bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc"},
                   {"password", "$argon2id$v=19$m=65536,t=1,p=1$c29tZXNhbHQ$"
                                "9qWtwbpyPd3vm1rB1GThgPzZ3/ydHL92zKL+15XZypg"},
                   {"password", "$argon2id$v=19$m=65536,t=4,p=1$c29tZXNhbHQ$"
                                "kCXUjmjvc5XMqQedpMTsOv+zyJEf5PhtGiUghW9jFyw"},
                   {"differentpassword", "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$"
                                         "C4TWUs9rDEvq7w3+J4umqA32aWKB1+DSiRuBfYxFj94"},
                   {"password", "$argon2id$v=19$m=65536,t=2,p=1$ZGlmZnNhbHQ$"
                                "vfMrBczELrFdWP0ZsfhWsRPaHppYdP3MVEMIVlqoFBw"}};
    for (const auto &vector : vectors)
        expect_fits(vector.hash, vector.password, true);
}

TEST(Argon2, OtherParametersAreUpgraded) {
    expect_fits(encoded(our_kib, 2, 16, 32), "secret", false);
    expect_fits(encoded(our_kib - 1, 2, 16, 32), "secret", true);
    expect_fits(encoded(our_kib + 1, 2, 16, 32), "secret", true);
    expect_fits(encoded(our_kib, 1, 16, 32), "secret", true);
    expect_fits(encoded(our_kib, 3, 16, 32), "secret", true);
    expect_fits(encoded(our_kib, 2, 15, 32), "secret", true);
    expect_fits(encoded(our_kib, 2, 17, 32), "secret", true);
    expect_fits(encoded(our_kib, 2, 16, 31), "secret", true);
    expect_fits(encoded(our_kib, 2, 16, 33), "secret", true);
}

TEST(Argon2, SizesHaveLimits) {
    for (const std::uint32_t size : {8u, 128u})
        expect_fits(encoded(8, 1, size, 32), "secret", true);
    for (const std::uint32_t size : {16u, 128u})
        expect_fits(encoded(8, 1, 16, size), "secret", true);
    expect_refused(encoded(8, 1, 129, 32), "secret");
    expect_refused(encoded(8, 1, 16, 15), "secret");
    expect_refused(encoded(8, 1, 16, 129), "secret");
    expect_refused(replaced(encoded(8, 1, 8, 32), "c3Nzc3Nzc3M", "c3Nzc3Nzcw"), "secret");
}

TEST(Argon2, MalformedHashesNeverFit) {
    const std::string tag = "nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
    const std::string good = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$" + tag;
    expect_fits(good, "password", true);
    const std::pair<std::string_view, std::string_view> edits[] = {
        {"$argon2id", "argon2id"},
        {"argon2id", "Argon2id"},
        {"argon2id", "scrypt"},
        {"v=19", "v=20"},
        {"v=19", "v=019"},
        {"m=256", "m=0256"},
        {"m=256", "m=+256"},
        {"m=256", "m=-256"},
        {"m=256", "m= 256"},
        {"m=256", "m=0x100"},
        {"m=256", "m=256.0"},
        {"m=256", "m="},
        {"m=256", "m=0"},
        {"m=256", "m=7"},
        {"t=2", "t=02"},
        {"t=2", "t=0"},
        {"t=2", "t="},
        {"p=1", "p=0"},
        {"p=1", "p=01"},
        {"p=1", "p=33"},
        {"t=2,", ""},
        {"p=1", "p=1,keyid=eA"},
        {"p=1", "p=1,data=eA"},
        {"p=1$", "p=1$$"},
        {"c29tZXNhbHQ$", "c29tZXNhbHQ"},
        {"c29tZXNhbHQ", ""},
        {"c29tZXNhbHQ", "c29tZXNhbHR"}, // trailing bits
        {"c29tZXNhbHQ", "c29tZXNhbHQ\n"},
        {"nf65", " nf65"}};
    for (const auto &[from, to] : edits)
        expect_refused(replaced(good, from, to), "password");
    for (const char *tail : {"==", "$", "AA", "\nA", "$eA"})
        expect_refused(good + tail, "password");
    expect_refused(good + '\0', "password");
    for (std::size_t size = 0; size < good.size(); size += 3) { // a shorter tag is one, too
        const std::string start = good.substr(0, size);
        EXPECT_FALSE((size % 4 == 0 || is_accepted(start)) && verify_password(start, "password").ok)
            << size;
    }
}

TEST(Argon2, NoAlteredTagFits) {
    const std::string good = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$"
                             "nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
    for (std::size_t i = good.rfind('$') + 1; i < good.size(); i += 3) { // to the last: 43
        std::string altered = good;
        altered[i] = altered[i] == 'E' ? 'I' : 'E';
        EXPECT_FALSE(verify_password(altered, "password").ok) << i;
    }
}

TEST(Argon2, HostileCostsAreRefusedUnread) {
    const std::string rest = "$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
    for (const std::string_view cost :
         {"m=1048576,t=16,p=16", "m=1048576,t=1,p=1", "m=311297,t=1,p=1", "m=155649,t=2,p=1",
          "m=4294967295,t=1,p=1", "m=4294967296,t=1,p=1", "m=18446744073709551872,t=2,p=1",
          "m=256,t=1217,p=1", "m=256,t=4294967295,p=1", "m=256,t=4294967298,p=1",
          "m=65536,t=1,p=65", "m=256,t=2,p=16777215", "m=256,t=2,p=4294967297"}) {
        const std::string hash = "$argon2id$v=19$" + std::string(cost) + rest;
        EXPECT_LT(memory_of([&] { expect_refused(hash, "password"); }), 2 * our_kib * 1024) << cost;
    }
    EXPECT_TRUE(is_accepted("$argon2id$v=19$m=311296,t=1,p=16" + rest));
    EXPECT_TRUE(is_accepted("$argon2id$v=19$m=77824,t=4,p=64" + rest));
    EXPECT_TRUE(is_accepted("$argon2id$v=19$m=128,t=1,p=16" + rest));
    EXPECT_FALSE(is_accepted("$argon2id$v=19$m=127,t=1,p=16" + rest));
}

TEST(Password, GarbageNeverFits) {
    for (const std::string &stored :
         {std::string(), std::string("password"), std::string("$"), std::string("$$$$$"),
          std::string("*0"), std::string("!"), std::string("$1$deadbeef$0Huu6KHrKLVWfqa4WljDE0"),
          std::string("md5a3556571e93b0d20722ba62be61e8c2d"),
          std::string("SCRAM-SHA-256$4096:c2FsdA==$eA==:eA=="), std::string(60, '\0'),
          std::string(60, '$'), std::string("\xff\xfe"), std::string(1000000, '$')})
        expect_refused(stored, "password");
}

// Who asks for an unknown email, or has no hash of ours, costs the same memory as a verification;
// the work on that memory is a library call with the same parameters.
TEST(Password, DecoysDoTheWorkOfAVerification) {
    const std::string hash = hash_password("secret", salt);
    const std::size_t real = memory_of([&] { verify_password(hash, "secret"); });
    EXPECT_GE(real, our_kib * 1024);
    EXPECT_EQ(memory_of([] { verify_password_decoy("secret"); }), real);
    EXPECT_EQ(memory_of([] { verify_password("garbage", "secret"); }), real);
    EXPECT_EQ(memory_of([] { verify_password("", ""); }), real);
}

std::string repeated(std::string_view text, std::size_t size) {
    std::string out;
    while (out.size() < size)
        out += text;
    return out.substr(0, size);
}

TEST(Bcrypt, VectorsOfCryptBlowfish) {
    const std::pair<std::string_view, std::string_view> vectors[] = {
        {"$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*U"},
        {"$2a$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK", "U*U*"},
        {"$2a$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a", "U*U*U"},
        {"$2b$05$/OK.fbVrR/bpIqNJ5ianF.CE5elHaaO4EbggVDjb8P19RukzXSM3e", "\xff\xff\xa3"},
        {"$2y$05$/OK.fbVrR/bpIqNJ5ianF.CE5elHaaO4EbggVDjb8P19RukzXSM3e", "\xff\xff\xa3"},
        {"$2a$05$/OK.fbVrR/bpIqNJ5ianF.nqd1wy.pTMdcvrRWxyiGL2eMz.2a85.", "\xff\xff\xa3"},
        {"$2a$05$/OK.fbVrR/bpIqNJ5ianF.Sa7shbm4.OzKpvFnX1pQLmQW96oUlCq", "\xa3"},
        {"$2b$05$/OK.fbVrR/bpIqNJ5ianF.Sa7shbm4.OzKpvFnX1pQLmQW96oUlCq", "\xa3"},
        {"$2y$05$/OK.fbVrR/bpIqNJ5ianF.Sa7shbm4.OzKpvFnX1pQLmQW96oUlCq", "\xa3"},
        {"$2y$05$/OK.fbVrR/bpIqNJ5ianF.nRht2l/HRhr6zmCp9vYUvvsqynflf9e", "\xff\xa3"
                                                                         "345"},
        {"$2a$06$DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkgY8jIucDrjc8deX1s.", ""}};
    for (const auto &[hash, password] : vectors)
        expect_fits(hash, password, true);
}

TEST(Bcrypt, NoAlteredHashFits) {
    const std::string good = "$2b$04$mlr.PoDP3w4SzMh8A/td4O2LE5lJcM2/JSPEwYH0wXmT/Ai.Ip3GG";
    expect_fits(good, "twist", true);
    for (std::size_t i = 29; i < good.size(); i += 3) { // to the last: 31
        std::string altered = good;
        altered[i] = altered[i] == 'G' ? 'H' : 'G';
        EXPECT_FALSE(verify_password(altered, "twist").ok) << i;
    }
    // bits of the salt that bcrypt does not use and some implementations set
    expect_fits(replaced(good, "td4O", "td4P"), "twist", true);
    EXPECT_FALSE(verify_password(replaced(good, "td4O", "td4e"), "twist").ok);
}

TEST(Bcrypt, MalformedHashesAndOtherCostsNeverFit) {
    const std::string good = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";
    for (const char *start : {"$2$05$", "$2x$05", "$2c$05", "$2A$05", "$3a$05", "2a$05$$",
                              "$2a$5$.", "$2a$00", "$2a$03", "$2a$15", "$2a$16", "$2a$31", "$2a$99",
                              "$2a$-5", "$2a$ 5", "$2a$0x", "$2a$1:", "$2a.05"})
        expect_refused(start + good.substr(6), "U*U");
    EXPECT_TRUE(is_accepted("$2a$04" + good.substr(6)));
    EXPECT_TRUE(is_accepted("$2a$14" + good.substr(6)));
    expect_refused(good + "W", "U*U");
    expect_refused(good + '\0', "U*U");
    expect_fits(good + "\r\n", "U*U", true);
    for (std::size_t size = 0; size < good.size(); size += 4)
        EXPECT_FALSE(is_accepted(good.substr(0, size))) << size;
    for (const std::size_t at : {7u, 28u, 29u, 59u})
        for (const char c : {'$', ':', '-', '_', '=', ' ', '\n', '\0', '\x80', '@', '[', '`', '{'})
            EXPECT_FALSE(is_accepted(std::string(good).replace(at, 1, 1, c))) << at << c;
    EXPECT_FALSE(is_accepted(std::string(good).replace(6, 1, 1, '.')));
}

TEST(Bcrypt, ReadsSeventyTwoBytes) {
    const std::string_view hash = "$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui";
    const std::string start =
        "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    ASSERT_EQ(start.size(), 72u);
    EXPECT_TRUE(verify_password(hash, start).needs_upgrade);
    for (const std::string &tail :
         {std::string("chars after 72 are ignored"), std::string("x"), std::string(100000, 'x')}) {
        const PasswordCheck check = verify_password(hash, start + tail);
        EXPECT_TRUE(check.ok);
        EXPECT_FALSE(check.needs_upgrade); // the tail was not verified
    }
    EXPECT_FALSE(verify_password(hash, start.substr(0, 71)).ok);
    expect_fits("$2a$05$/OK.fbVrR/bpIqNJ5ianF.R9xrDjiycxMbQE2bp.vgqlYpW5wx2yy",
                repeated("\xaa\x55", 72), true);
}

TEST(Bcrypt, NulNeverFits) {
    const std::string_view hash = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";
    for (const std::string_view password :
         {std::string_view("U*U\0", 4), std::string_view("U*U\0x", 5),
          std::string_view("\0U*U", 4)})
        EXPECT_FALSE(verify_password(hash, password).ok);
    EXPECT_FALSE(verify_password("$2a$06$DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkgY8jIucDrjc8deX1s.",
                                 std::string_view("\0", 1))
                     .ok);
}

} // namespace
} // namespace pg_principal
