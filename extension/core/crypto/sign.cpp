// Signing and verifying in the forms of JOSE (RFC 7518 section 3, RFC 8037 section 3.1).
#include "core/crypto/openssl.hpp"

#include <openssl/rsa.h>

#include <cstring>

namespace pg_principal {

using namespace openssl;

namespace {

// The group orders of P-256, P-384 and P-521 (FIPS 186-4 appendix D.1.2).
constexpr unsigned char order_p256[] = {
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51};
constexpr unsigned char order_p384[] = {
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xc7, 0x63, 0x4d, 0x81, 0xf4, 0x37, 0x2d, 0xdf,
    0x58, 0x1a, 0x0d, 0xb2, 0x48, 0xb0, 0xa7, 0x7a, 0xec, 0xec, 0x19, 0x6a, 0xcc, 0xc5, 0x29, 0x73};
constexpr unsigned char order_p521[] = {
    0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xfa, 0x51, 0x86, 0x87, 0x83, 0xbf, 0x2f, 0x96, 0x6b,
    0x7f, 0xcc, 0x01, 0x48, 0xf7, 0x09, 0xa5, 0xd0, 0x3b, 0xb5, 0xc9, 0xb8, 0x89, 0x9c,
    0x47, 0xae, 0xbb, 0x6f, 0xb7, 0x1e, 0x91, 0x38, 0x64, 0x09};

constexpr std::size_t max_coordinate = 66;

// An ASN.1 INTEGER: no superfluous zeros, a leading zero where the first bit is set.
std::size_t put_integer(unsigned char *out, std::string_view number) noexcept {
    while (number.size() > 1 && number[0] == 0)
        number.remove_prefix(1);
    const bool pad = (number[0] & 0x80) != 0;
    std::size_t size = 0;
    out[size++] = 0x02;
    out[size++] = static_cast<unsigned char>(number.size() + pad);
    if (pad)
        out[size++] = 0;
    std::memcpy(out + size, number.data(), number.size());
    return size + number.size();
}

// What OpenSSL takes for an ECDSA signature: SEQUENCE { r INTEGER, s INTEGER }.
struct DerSignature {
    std::array<unsigned char, 3 + 2 * (max_coordinate + 3)> bytes;
    std::size_t start, size;

    explicit DerSignature(std::string_view raw) noexcept {
        const std::size_t half = raw.size() / 2;
        std::size_t end = 3;
        end += put_integer(bytes.data() + end, raw.substr(0, half));
        end += put_integer(bytes.data() + end, raw.substr(half));
        const std::size_t content = end - 3;
        start = content < 0x80 ? 1 : 0; // a short length takes one byte less
        bytes[start] = 0x30;
        bytes[1] = content < 0x80 ? bytes[1] : 0x81;
        bytes[2] = static_cast<unsigned char>(content);
        size = end - start;
    }
};

std::string raw_signature(std::string_view der, std::size_t size) {
    const unsigned char *at = bytes(der);
    const Ptr<ECDSA_SIG> sig(
        require(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())), "signature form"));
    std::string raw(size, '\0');
    const int half = static_cast<int>(size / 2);
    require(BN_bn2binpad(ECDSA_SIG_get0_r(sig.get()), bytes(raw.data()), half) == half,
            "signature form");
    require(BN_bn2binpad(ECDSA_SIG_get0_s(sig.get()), bytes(raw.data()) + half, half) == half,
            "signature form");
    return raw;
}

// EdDSA hashes a message once or twice in one piece, which nothing can end.
void check_whole(std::string_view message) {
    constexpr std::size_t longest = std::size_t{64} << 20;
    if (message.size() > longest)
        throw Error(Errc::value_too_long,
                    {"a message signed with EdDSA", std::to_string(message.size()),
                     std::to_string(longest)});
}

} // namespace

bool has_ml_dsa() noexcept {
    static const bool found = [] {
        const CleanQueue queue;
        return Ptr<EVP_SIGNATURE>(
                   EVP_SIGNATURE_fetch(nullptr, akp_name(Curve::ML_DSA_44), nullptr)) != nullptr;
    }();
    return found;
}

bool openssl::is_scalar(Curve curve, std::string_view number) noexcept {
    const unsigned char *order = curve == Curve::P256   ? order_p256
                                 : curve == Curve::P384 ? order_p384
                                                        : order_p521;
    return number.size() == field_size(curve) &&
           number.find_first_not_of('\0') != std::string_view::npos &&
           std::memcmp(number.data(), order, number.size()) < 0;
}

std::string_view PKey::digest(Hash hash, std::string_view message, std::array<char, 64> &out,
                              Checkpoint checkpoint) {
    OpensslPtr<EVP_MD> &md = md_[static_cast<std::size_t>(hash)];
    if (!md)
        md.reset(require(EVP_MD_fetch(nullptr, hash_name(hash), nullptr), "hash lookup"));
    if (!md_ctx_)
        md_ctx_.reset(require_memory(EVP_MD_CTX_new()));
    unsigned size = 0;
    require(EVP_DigestInit_ex2(md_ctx_.get(), md.get(), nullptr), "hashing");
    for (; message.size() > hash_piece; message.remove_prefix(hash_piece)) {
        require(EVP_DigestUpdate(md_ctx_.get(), message.data(), hash_piece), "hashing");
        checkpoint();
    }
    require(EVP_DigestUpdate(md_ctx_.get(), message.data(), message.size()), "hashing");
    require(EVP_DigestFinal_ex(md_ctx_.get(), bytes(out.data()), &size), "hashing");
    require(size == hash_size(hash), "hashing");
    return {out.data(), size};
}

// Prepared once for each algorithm: an operation does not change it.
evp_pkey_ctx_st *PKey::context(Alg alg, bool signing) {
    OpensslPtr<EVP_PKEY_CTX> &ready = (signing ? sign_ctx_ : verify_ctx_)[static_cast<int>(alg)];
    if (ready)
        return ready.get();
    OpensslPtr<EVP_PKEY_CTX> ctx(
        require(EVP_PKEY_CTX_new_from_pkey(nullptr, pkey_.get(), nullptr), "signature context"));
    require(signing ? EVP_PKEY_sign_init(ctx.get()) : EVP_PKEY_verify_init(ctx.get()),
            "signature context");
    const EVP_MD *md = md_[static_cast<std::size_t>(alg_hash(alg))].get();
    if (kty_ == Kty::RSA)
        require(EVP_PKEY_CTX_set_rsa_padding(ctx.get(), is_pss(alg) ? RSA_PKCS1_PSS_PADDING
                                                                    : RSA_PKCS1_PADDING),
                "signature padding");
    require(EVP_PKEY_CTX_set_signature_md(ctx.get(), md), "signature hash");
    if (is_pss(alg)) {
        require(EVP_PKEY_CTX_set_rsa_mgf1_md(ctx.get(), md), "signature hash");
        require(EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx.get(), RSA_PSS_SALTLEN_DIGEST),
                "signature salt");
    }
    ready = std::move(ctx);
    return ready.get();
}

std::string PKey::sign_whole(std::string_view message) const {
    check_whole(message);
    const OpensslPtr<EVP_MD_CTX> ctx(require_memory(EVP_MD_CTX_new()));
    require(
        EVP_DigestSignInit_ex(ctx.get(), nullptr, nullptr, nullptr, nullptr, pkey_.get(), nullptr),
        "signature context");
    std::string out(signature_size_, '\0');
    std::size_t size = out.size();
    require(EVP_DigestSign(ctx.get(), bytes(out.data()), &size, bytes(message), message.size()),
            "signing");
    require(size == signature_size_, "signing");
    return out;
}

int PKey::verify_whole(std::string_view message, std::string_view signature) const {
    check_whole(message);
    const OpensslPtr<EVP_MD_CTX> ctx(require_memory(EVP_MD_CTX_new()));
    require(EVP_DigestVerifyInit_ex(ctx.get(), nullptr, nullptr, nullptr, nullptr, pkey_.get(),
                                    nullptr),
            "signature context");
    return EVP_DigestVerify(ctx.get(), bytes(signature), signature.size(), bytes(message),
                            message.size());
}

std::string PKey::sign(Alg alg, std::string_view message, Checkpoint checkpoint) {
    const CleanQueue queue;
    require(is_private_ && alg_kty(alg) == kty_, "signing");
    if (kty_ == Kty::OKP)
        return sign_whole(message);
    std::array<char, 64> hash;
    const std::string_view hashed = digest(alg_hash(alg), message, hash, checkpoint);
    EVP_PKEY_CTX *ctx = context(alg, true);
    std::string out(kty_ == Kty::EC ? std::tuple_size<decltype(DerSignature::bytes)>::value
                                    : signature_size_,
                    '\0');
    std::size_t size = out.size();
    require(EVP_PKEY_sign(ctx, bytes(out.data()), &size, bytes(hashed), hashed.size()), "signing");
    if (kty_ == Kty::EC)
        return raw_signature({out.data(), size}, signature_size_);
    require(size == signature_size_, "signing");
    return out;
}

bool PKey::verify(Alg alg, std::string_view message, std::string_view signature,
                  Checkpoint checkpoint) {
    const CleanQueue queue;
    require(alg_kty(alg) == kty_, "verifying");
    if (signature.size() != signature_size_)
        return false;
    if (kty_ == Kty::OKP || kty_ == Kty::AKP)
        return is_verified([&] { return verify_whole(message, signature); });
    const std::size_t half = signature_size_ / 2;
    if (kty_ == Kty::EC && !(is_scalar(curve_, signature.substr(0, half)) &&
                             is_scalar(curve_, signature.substr(half))))
        return false;
    std::array<char, 64> hash;
    const std::string_view hashed = digest(alg_hash(alg), message, hash, checkpoint);
    EVP_PKEY_CTX *ctx = context(alg, false);
    const auto fits = [&](const unsigned char *given, std::size_t size) {
        return is_verified(
            [&] { return EVP_PKEY_verify(ctx, given, size, bytes(hashed), hashed.size()); });
    };
    if (kty_ == Kty::RSA)
        return fits(bytes(signature), signature.size());
    const DerSignature der(signature);
    return fits(der.bytes.data() + der.start, der.size);
}

bool PKey::signs_what_it_verifies() {
    constexpr std::string_view message = "pg_principal key check";
    const Alg alg = kty_ != Kty::RSA            ? Alg::EdDSA
                    : !pss_.only                ? Alg::RS256
                    : pss_.hash == Hash::sha384 ? Alg::PS384
                    : pss_.hash == Hash::sha512 ? Alg::PS512
                                                : Alg::PS256;
    return verify(alg, message, sign(alg, message));
}

} // namespace pg_principal
