#include "core/crypto/openssl.hpp"

#include <openssl/core_names.h>
#include <openssl/rand.h>

#include <climits>

namespace pg_principal {

using namespace openssl;

void wipe(void *data, std::size_t size) noexcept { OPENSSL_cleanse(data, size); }

bool constant_time_equal(std::string_view a, std::string_view b) noexcept {
    return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

void OpensslFree::operator()(evp_mac_ctx_st *ctx) const noexcept { EVP_MAC_CTX_free(ctx); }
void OpensslFree::operator()(evp_md_ctx_st *ctx) const noexcept { EVP_MD_CTX_free(ctx); }
void OpensslFree::operator()(evp_md_st *md) const noexcept { EVP_MD_free(md); }
void OpensslFree::operator()(evp_pkey_ctx_st *ctx) const noexcept { EVP_PKEY_CTX_free(ctx); }
void OpensslFree::operator()(evp_pkey_st *pkey) const noexcept { EVP_PKEY_free(pkey); }

const char *openssl::hash_name(Hash hash) noexcept {
    switch (hash) {
    case Hash::sha384:
        return "SHA2-384";
    case Hash::sha512:
        return "SHA2-512";
    default:
        return "SHA2-256";
    }
}

void openssl::check_memory() {
    while (const unsigned long error = ERR_get_error())
        if (ERR_GET_REASON(error) == ERR_R_MALLOC_FAILURE)
            throw std::bad_alloc();
}

bool openssl::has_failed(int result) {
    bool failed = result < 0;
    while (const unsigned long error = ERR_get_error()) {
        if (ERR_GET_REASON(error) == ERR_R_MALLOC_FAILURE)
            throw std::bad_alloc();
        // for RSA a wrong signature is an error, too: not in the form of one
        failed =
            failed || (ERR_GET_LIB(error) != ERR_LIB_RSA && ERR_GET_LIB(error) != ERR_LIB_PROV);
    }
    return failed;
}

void openssl::probe_memory() { OpensslPtr<EVP_MD_CTX>(require_memory(EVP_MD_CTX_new())); }

std::string sha256(std::string_view data) {
    const CleanQueue queue;
    // Looked up once and never freed: that takes as long as hashing what we hash.
    static EVP_MD *const algorithm =
        require(EVP_MD_fetch(nullptr, "SHA2-256", nullptr), "hash lookup");
    std::string out(32, '\0');
    unsigned int size = 0;
    require(EVP_Digest(data.data(), data.size(), bytes(out.data()), &size, algorithm, nullptr),
            "hashing");
    require(size == out.size(), "hashing");
    return out;
}

std::string hmac_sha256(std::string_view key, std::string_view data) {
    std::array<char, 64> out;
    return std::string(HmacKey(key).sign(Hash::sha256, data, out));
}

void random_bytes(void *out, std::size_t size) {
    const CleanQueue queue;
    auto *to = static_cast<unsigned char *>(out);
    for (; size > INT_MAX; size -= INT_MAX, to += INT_MAX)
        require(RAND_bytes(to, INT_MAX), "random bytes");
    require(RAND_bytes(to, static_cast<int>(size)), "random bytes");
}

std::string random_bytes(std::size_t size) {
    std::string out(size, '\0');
    random_bytes(out.data(), size);
    return out;
}

std::string_view HmacKey::sign(Hash hash, std::string_view message, std::array<char, 64> &out,
                               Checkpoint checkpoint) {
    const CleanQueue queue;
    OpensslPtr<EVP_MAC_CTX> &ready = ready_[static_cast<std::size_t>(hash)];
    // taken out: a context in which a step failed is not used again
    OpensslPtr<EVP_MAC_CTX> ctx = std::move(ready);
    if (ctx) {
        require(EVP_MAC_init(ctx.get(), nullptr, 0, nullptr), "HMAC reset");
    } else {
        const Ptr<EVP_MAC> mac(require(EVP_MAC_fetch(nullptr, "HMAC", nullptr), "HMAC lookup"));
        ctx.reset(require_memory(EVP_MAC_CTX_new(mac.get())));
        const OSSL_PARAM params[] = {
            OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST,
                                             const_cast<char *>(hash_name(hash)), 0),
            OSSL_PARAM_construct_end()};
        require(EVP_MAC_init(ctx.get(), bytes(secret()), secret_.size(), params), "HMAC key");
    }
    std::size_t size = 0;
    for (; message.size() > hash_piece; message.remove_prefix(hash_piece)) {
        require(EVP_MAC_update(ctx.get(), bytes(message), hash_piece), "HMAC");
        checkpoint();
    }
    require(EVP_MAC_update(ctx.get(), bytes(message), message.size()), "HMAC");
    require(EVP_MAC_final(ctx.get(), bytes(out.data()), &size, out.size()), "HMAC");
    require(size == hash_size(hash), "HMAC");
    ready = std::move(ctx);
    return {out.data(), size};
}

} // namespace pg_principal
