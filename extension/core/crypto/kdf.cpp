// What other systems derive passwords with. Their costs are bounded by whoever calls.
#include "core/crypto/openssl.hpp"

#include <climits>
#include <cstdint>

namespace pg_principal {

using namespace openssl;

namespace {

const EVP_MD *digest_of(Pbkdf2Hash hash) {
    switch (hash) {
    case Pbkdf2Hash::sha1:
        return EVP_sha1();
    case Pbkdf2Hash::sha512:
        return EVP_sha512();
    default:
        return EVP_sha256();
    }
}

void check_sizes(std::string_view a, std::string_view b, std::size_t size) {
    require(a.size() <= INT_MAX && b.size() <= INT_MAX && size > 0 && size <= INT_MAX,
            "key derivation parameters");
}

} // namespace

Secret pbkdf2(Pbkdf2Hash hash, std::string_view password, std::string_view salt,
              std::uint32_t iterations, std::size_t size) {
    const CleanQueue queue;
    check_sizes(password, salt, size);
    require(iterations > 0 && iterations <= INT_MAX, "key derivation parameters");
    Secret out = Secret::of_size(size);
    require(PKCS5_PBKDF2_HMAC(
                password.data() ? password.data() : "", static_cast<int>(password.size()),
                bytes(salt), static_cast<int>(salt.size()), static_cast<int>(iterations),
                require(digest_of(hash), "hash lookup"), static_cast<int>(size), bytes(out.data())),
            "PBKDF2");
    return out;
}

Secret scrypt(std::string_view password, std::string_view salt, std::uint32_t log_n,
              std::uint32_t r, std::uint32_t p, std::size_t size) {
    const CleanQueue queue;
    check_sizes(password, salt, size);
    require(log_n > 0 && log_n < 32 && r > 0 && r < 1u << 20 && p > 0 && p < 1u << 20,
            "key derivation parameters");
    const std::uint64_t n = std::uint64_t{1} << log_n;
    const std::uint64_t memory = 128 * r * (n + p + 2); // and no more is asked for
    Secret out = Secret::of_size(size);
    require(EVP_PBE_scrypt(password.data() ? password.data() : "", password.size(), bytes(salt),
                           salt.size(), n, r, p, memory, bytes(out.data()), size),
            "scrypt");
    return out;
}

std::string aes256_ctr(std::string_view key, std::string_view text) {
    const CleanQueue queue;
    require(key.size() == 32 && text.size() <= INT_MAX, "encryption parameters");
    const Ptr<EVP_CIPHER> cipher(
        require(EVP_CIPHER_fetch(nullptr, "AES-256-CTR", nullptr), "cipher lookup"));
    const Ptr<EVP_CIPHER_CTX> ctx(require_memory(EVP_CIPHER_CTX_new()));
    const unsigned char counter[16] = {};
    require(EVP_CipherInit_ex2(ctx.get(), cipher.get(), bytes(key), counter, 1, nullptr),
            "cipher key");
    std::string out(text.size(), '\0');
    int size = 0;
    require(EVP_CipherUpdate(ctx.get(), bytes(out.data()), &size, bytes(text),
                             static_cast<int>(text.size())),
            "encryption");
    require(static_cast<std::size_t>(size) == text.size(), "encryption");
    return out;
}

} // namespace pg_principal
