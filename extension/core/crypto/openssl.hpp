// For crypto*.cpp alone: owners of OpenSSL objects and the one way to check a call. Every OpenSSL
// call that can fail goes through require(), so that tests can make each of them fail in turn.
#pragma once

#include "core/crypto/crypto.hpp"
#include "core/base/error.hpp"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/x509.h>

#include <new>

namespace pg_principal::openssl {

struct Free : OpensslFree {
    using OpensslFree::operator();
    void operator()(BIGNUM *n) const noexcept { BN_clear_free(n); }
    void operator()(BN_CTX *ctx) const noexcept { BN_CTX_free(ctx); }
    void operator()(BIO *bio) const noexcept { BIO_free(bio); }
    void operator()(ECDSA_SIG *sig) const noexcept { ECDSA_SIG_free(sig); }
    void operator()(EVP_CIPHER *cipher) const noexcept { EVP_CIPHER_free(cipher); }
    void operator()(EVP_CIPHER_CTX *ctx) const noexcept { EVP_CIPHER_CTX_free(ctx); }
    void operator()(EVP_MAC *mac) const noexcept { EVP_MAC_free(mac); }
    void operator()(EVP_SIGNATURE *signature) const noexcept { EVP_SIGNATURE_free(signature); }
    void operator()(OSSL_PARAM *params) const noexcept { OSSL_PARAM_free(params); }
    void operator()(OSSL_PARAM_BLD *builder) const noexcept { OSSL_PARAM_BLD_free(builder); }
    void operator()(X509 *certificate) const noexcept { X509_free(certificate); }
    void operator()(PKCS8_PRIV_KEY_INFO *info) const noexcept { PKCS8_PRIV_KEY_INFO_free(info); }
};
template <class T>
using Ptr = std::unique_ptr<T, Free>;

[[noreturn]] inline void refuse_key(const char *why) { throw Error(Errc::key_refused, {why}); }

inline void clean_queue() noexcept {
    if (ERR_peek_error() != 0) // clearing costs more than looking
        ERR_clear_error();
}

// Leaves the thread's error queue empty however the scope is left: a stale entry would be taken for
// the server's own TLS error.
class CleanQueue {
  public:
    CleanQueue() = default;
    ~CleanQueue() { clean_queue(); }
    CleanQueue(const CleanQueue &) = delete;
    CleanQueue &operator=(const CleanQueue &) = delete;
};

// Throws std::bad_alloc when OpenSSL's error queue reports a failed allocation. Call it before a
// failure is taken for a bad key or a bad signature.
void check_memory();
// Whether the result of a verification, which is not 1, reports an error rather than a mismatch;
// throws std::bad_alloc as check_memory() does.
bool has_failed(int result);
// Allocates through OpenSSL and throws std::bad_alloc when that fails: some calls report a failed
// allocation neither by their result nor in the queue.
void probe_memory();

// Some OpenSSL calls answer a failed allocation as they answer a wrong signature or key, with
// nothing in the queue: a negative answer counts when the second call gives it, too.
template <class Ask>
bool confirmed(Ask ask) {
    clean_queue(); // of what others left there
    for (int i = 0; i < 2; ++i) {
        if (ask())
            return true;
        check_memory();
    }
    probe_memory();
    return false;
}

// For signatures one negative answer is enough, unless the queue holds an error other than the
// mismatch: a forged signature must not cost more than a good one. The price: when OpenSSL runs out
// of memory without saying so, a good signature may be refused once.
template <class Ask>
bool is_verified(Ask ask) {
    clean_queue(); // of what others left there
    int result = ask();
    if (result != 1 && has_failed(result))
        result = ask();
    if (result == 1)
        return true;
    check_memory();
    probe_memory();
    return false;
}

[[noreturn]] inline void fail(const char *what) {
    check_memory();
    throw Error(Errc::crypto_failed, {what});
}

// Only 1 is success: some calls report an inner failure as a negative number.
inline void require(int result, const char *what) {
    if (result != 1)
        fail(what);
}

template <class T>
T *require(T *object, const char *what) {
    if (!object)
        fail(what);
    return object;
}

// For calls that fail only when memory runs out, often with nothing in the queue.
template <class T>
T *require_memory(T *object) {
    if (!object)
        throw std::bad_alloc();
    return object;
}

// Large messages are hashed in pieces, so that a checkpoint is never far.
constexpr std::size_t hash_piece = std::size_t{8} << 20;

inline const unsigned char *bytes(std::string_view text) noexcept {
    return reinterpret_cast<const unsigned char *>(text.data() ? text.data() : "");
}
inline unsigned char *bytes(char *data) noexcept { return reinterpret_cast<unsigned char *>(data); }

const char *hash_name(Hash hash) noexcept;
inline const char *group_name(Curve curve) noexcept {
    return curve == Curve::P256 ? "P-256" : curve == Curve::P384 ? "P-384" : "P-521";
}
inline const char *akp_name(Curve set) noexcept {
    return set == Curve::ML_DSA_44   ? "ML-DSA-44"
           : set == Curve::ML_DSA_65 ? "ML-DSA-65"
                                     : "ML-DSA-87";
}

inline const char *okp_name(Curve curve) noexcept {
    return curve == Curve::Ed25519 ? "ED25519" : "ED448";
}

// Big-endian numbers; secret ones live in memory that is cleared.
Ptr<BIGNUM> to_number(std::string_view big_endian);
Ptr<BIGNUM> to_secret_number(std::string_view big_endian);

// Whether a number of full length lies in 1..n-1, n the order of the curve's group.
bool is_scalar(Curve curve, std::string_view number) noexcept;

} // namespace pg_principal::openssl
