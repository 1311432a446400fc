// Making keys, which can be ended: an RSA key may take seconds.
#include "core/crypto/openssl.hpp"

#include <openssl/rsa.h>

#include <exception>

namespace pg_principal {

using namespace openssl;

namespace {

// What is told of a key that is being made: whether to go on, and why not.
struct Making {
    Checkpoint checkpoint;
    std::exception_ptr ended;
};

// No exception may pass through OpenSSL.
int goes_on(EVP_PKEY_CTX *ctx) noexcept {
    auto *making = static_cast<Making *>(EVP_PKEY_CTX_get_app_data(ctx));
    try {
        making->checkpoint();
        return 1;
    } catch (...) {
        making->ended = std::current_exception();
        return 0;
    }
}

EVP_PKEY *generate_rsa(std::size_t bits, Checkpoint checkpoint) {
    const Ptr<EVP_PKEY_CTX> ctx(
        require(EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr), "key context"));
    require(EVP_PKEY_keygen_init(ctx.get()), "key context");
    require(EVP_PKEY_CTX_set_rsa_keygen_bits(ctx.get(), static_cast<int>(bits)), "key context");
    Making making{checkpoint, nullptr};
    EVP_PKEY_CTX_set_app_data(ctx.get(), &making);
    EVP_PKEY_CTX_set_cb(ctx.get(), goes_on);
    EVP_PKEY *pkey = nullptr;
    const int made = EVP_PKEY_generate(ctx.get(), &pkey);
    Ptr<EVP_PKEY> owned(pkey);
    if (making.ended)
        std::rethrow_exception(making.ended);
    require(made, "key generation");
    return owned.release();
}

} // namespace

PKey PKey::generate(Alg alg, Checkpoint checkpoint) {
    const CleanQueue queue;
    const Kty kty = alg_kty(alg);
    if (kty == Kty::AKP)
        throw Error(Errc::key_refused, {"ML-DSA is verified here, and not signed"});
    const Curve curve = alg == Alg::EdDSA ? Curve::Ed25519 : alg_curve(alg);
    const std::size_t rsa_bits = alg_hash(alg) == Hash::sha256 ? 2048 : 3072;
    EVP_PKEY *pkey = kty == Kty::RSA  ? generate_rsa(rsa_bits, checkpoint)
                     : kty == Kty::EC ? EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", group_name(curve))
                                      : EVP_PKEY_Q_keygen(nullptr, nullptr, okp_name(curve));
    return adopt(OpensslPtr<EVP_PKEY>(require(pkey, "key generation")), kty, curve, true);
}

} // namespace pg_principal
