// PEM (RFC 7468): SPKI, PKCS#8, PKCS#1, SEC1 and X.509, never with a passphrase. The armour is read
// here, because OpenSSL's reader would ask for a passphrase on the terminal.
#include "core/crypto/openssl.hpp"

#include <openssl/core_names.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include <cstdint>

namespace pg_principal {

using namespace openssl;

namespace {

constexpr std::size_t max_pem_bytes = 64 * 1024;

struct Block {
    std::string_view label;
    Secret der;
};

[[noreturn]] void malformed(const char *why) { throw Error(Errc::key_malformed, {why}); }

// The next block, text before it left out; the label is empty when there is none.
Block next_block(std::string_view &pem) {
    constexpr std::string_view begin = "-----BEGIN ", dashes = "-----";
    const std::size_t start = pem.find(begin);
    if (start == pem.npos)
        return {};
    pem.remove_prefix(start + begin.size());
    const std::size_t label_end = pem.find(dashes);
    if (label_end == pem.npos)
        malformed("its PEM header is cut off");
    Block block{pem.substr(0, label_end), {}};
    pem.remove_prefix(label_end + dashes.size());
    const std::string end = "-----END " + std::string(block.label) + "-----";
    const std::size_t body_end = pem.find(end);
    if (body_end == pem.npos)
        malformed("its PEM footer is missing");
    const std::string_view body = pem.substr(0, body_end);
    pem.remove_prefix(body_end + end.size());
    if (block.label.find("ENCRYPTED") != block.label.npos ||
        body.find(",ENCRYPTED") != body.npos) // Proc-Type: 4,ENCRYPTED
        refuse_key("it is encrypted; decrypt it first");

    std::string text, der;
    const WipeOnExit wipe_text(text), wipe_der(der);
    text.reserve(body.size());
    for (const char c : body)
        if (c != '\n' && c != '\r' && c != ' ' && c != '\t')
            text += c;
    if (text.empty() || !base64_decode(text, der))
        malformed("its PEM body is not base64");
    block.der = Secret(der);
    return block;
}

Ptr<EVP_PKEY> read_pkcs8(const unsigned char *&at, long size) {
    const Ptr<PKCS8_PRIV_KEY_INFO> info(d2i_PKCS8_PRIV_KEY_INFO(nullptr, &at, size));
    return Ptr<EVP_PKEY>(info ? EVP_PKCS82PKEY_ex(info.get(), nullptr, nullptr) : nullptr);
}

// keyUsage (RFC 5280 section 4.2.1.3); all ones stand for a certificate without it.
bool may_sign(X509 *certificate) {
    const std::uint32_t usage = X509_get_key_usage(certificate);
    if (usage != UINT32_MAX)
        return (usage & KU_DIGITAL_SIGNATURE) != 0;
    return (X509_get_extension_flags(certificate) & (EXFLAG_KUSAGE | EXFLAG_INVALID)) == 0;
}

// The key in a certificate. Its dates, its names and who signed it say nothing to us: whoever hands
// it over vouches for the key.
Ptr<EVP_PKEY> read_certificate(const unsigned char *&at, long size, const char *&fault) {
    const Ptr<X509> certificate(d2i_X509(nullptr, &at, size));
    if (!certificate)
        return nullptr;
    if (!may_sign(certificate.get())) {
        fault = "its certificate is not for digital signatures";
        return nullptr;
    }
    return Ptr<EVP_PKEY>(X509_get_pubkey(certificate.get()));
}

enum class Form { pkcs8, rsa, ec, spki, rsa_public, certificate };

std::optional<Form> form_of(std::string_view label) noexcept {
    if (label == "PRIVATE KEY")
        return Form::pkcs8;
    if (label == "RSA PRIVATE KEY")
        return Form::rsa;
    if (label == "EC PRIVATE KEY")
        return Form::ec;
    if (label == "PUBLIC KEY")
        return Form::spki;
    if (label == "RSA PUBLIC KEY")
        return Form::rsa_public;
    if (label == "CERTIFICATE")
        return Form::certificate;
    return std::nullopt;
}

// nullptr when it is malformed, or for what `fault` then says.
Ptr<EVP_PKEY> read_der(Form form, std::string_view der, const char *&fault) {
    const unsigned char *at = bytes(der);
    const unsigned char *const end = at + der.size();
    const auto size = static_cast<long>(der.size());
    Ptr<EVP_PKEY> pkey;
    switch (form) {
    case Form::pkcs8:
        pkey = read_pkcs8(at, size);
        break;
    case Form::rsa:
        pkey.reset(d2i_PrivateKey_ex(EVP_PKEY_RSA, nullptr, &at, size, nullptr, nullptr));
        break;
    case Form::ec:
        pkey.reset(d2i_PrivateKey_ex(EVP_PKEY_EC, nullptr, &at, size, nullptr, nullptr));
        break;
    case Form::spki:
        pkey.reset(d2i_PUBKEY_ex(nullptr, &at, size, nullptr, nullptr));
        break;
    case Form::rsa_public:
        pkey.reset(d2i_PublicKey(EVP_PKEY_RSA, nullptr, &at, size));
        break;
    case Form::certificate:
        pkey = read_certificate(at, size, fault);
    }
    return at == end ? std::move(pkey) : nullptr;
}

// nullptr for a block of another kind.
Ptr<EVP_PKEY> read_block(const Block &block, bool &is_private) {
    const auto form = form_of(block.label);
    if (!form)
        return nullptr;
    is_private = *form == Form::pkcs8 || *form == Form::rsa || *form == Form::ec;
    Ptr<EVP_PKEY> pkey;
    const char *fault = nullptr;
    if (!confirmed([&] {
            fault = nullptr;
            return (pkey = read_der(*form, block.der.view(), fault)) != nullptr;
        })) {
        if (fault != nullptr)
            refuse_key(fault);
        malformed("its PEM does not contain a valid key of that type");
    }
    return pkey;
}

bool is_a(const EVP_PKEY *pkey, const char *type) {
    return confirmed([&] { return EVP_PKEY_is_a(pkey, type) == 1; });
}

std::string text_of(const EVP_PKEY *pkey, const char *name) {
    char text[64] = "";
    std::size_t size = 0;
    if (!confirmed([&] {
            return EVP_PKEY_get_utf8_string_param(pkey, name, text, sizeof text, &size) == 1;
        }))
        return {};
    return {text, size};
}

Hash hash_of(std::string_view name) noexcept {
    for (const Hash hash : {Hash::sha256, Hash::sha384, Hash::sha512})
        if (name == hash_name(hash))
            return hash;
    return Hash::none;
}

// RFC 4055 section 3.1: without parameters it may be used with any, and with parameters that are
// left out they are SHA-1 and a salt of 20. JOSE has one hash for both (RFC 7518 section 3.5).
PssLimits pss_limits(const EVP_PKEY *pkey) {
    PssLimits limits;
    limits.only = true;
    int salt = -1;
    if (!confirmed([&] {
            return EVP_PKEY_get_int_param(pkey, OSSL_PKEY_PARAM_RSA_PSS_SALTLEN, &salt) == 1 &&
                   salt >= 0;
        }))
        return limits;
    limits.hash = hash_of(text_of(pkey, OSSL_PKEY_PARAM_RSA_DIGEST));
    limits.salt = salt;
    if (limits.hash == Hash::none ||
        hash_of(text_of(pkey, OSSL_PKEY_PARAM_RSA_MGF1_DIGEST)) != limits.hash ||
        static_cast<std::size_t>(salt) > hash_size(limits.hash))
        refuse_key("its RSASSA-PSS parameters are none of PS256, PS384 and PS512");
    return limits;
}

Curve curve_of(const EVP_PKEY *pkey) {
    if (is_a(pkey, "ED25519"))
        return Curve::Ed25519;
    if (is_a(pkey, "ED448"))
        return Curve::Ed448;
    for (const Curve set : {Curve::ML_DSA_44, Curve::ML_DSA_65, Curve::ML_DSA_87})
        if (is_a(pkey, akp_name(set)))
            return set;
    if (!is_a(pkey, "EC"))
        refuse_key("its type is not RSA, EC, Ed25519 or Ed448");
    int is_explicit = 0;
    char name[64] = "";
    std::size_t size = 0;
    require(
        EVP_PKEY_get_int_param(pkey, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, &is_explicit),
        "key curve");
    if (is_explicit ||
        !confirmed([&] { return EVP_PKEY_get_group_name(pkey, name, sizeof name, &size) == 1; }))
        refuse_key("its curve is not a named curve");
    const std::string_view group(name);
    if (group == "prime256v1")
        return Curve::P256;
    if (group == "secp384r1")
        return Curve::P384;
    if (group == "secp521r1")
        return Curve::P521;
    refuse_key("its curve is not P-256, P-384 or P-521");
}

Ptr<BIO> memory() { return Ptr<BIO>(require_memory(BIO_new(BIO_s_secmem()))); }

std::string_view content(BIO *bio) {
    char *data = nullptr;
    const long size = BIO_get_mem_data(bio, &data);
    require(size > 0 && data, "memory");
    return {data, static_cast<std::size_t>(size)};
}

} // namespace

PKey PKey::from_pem(std::string_view pem, bool public_half) {
    const CleanQueue queue;
    if (pem.size() > max_pem_bytes)
        malformed("its PEM is longer than 64 KiB");
    Ptr<EVP_PKEY> found;
    bool found_private = false;
    for (Block block = next_block(pem); !block.label.empty(); block = next_block(pem)) {
        bool is_private = false;
        Ptr<EVP_PKEY> pkey = read_block(block, is_private);
        if (!pkey && block.label != "EC PARAMETERS")
            throw Error(Errc::key_refused, {"its PEM is a " + printable(block.label) +
                                            ", neither a public nor a private key"});
        if (pkey && found)
            refuse_key("its PEM contains more than one key");
        if (pkey) {
            found = std::move(pkey);
            found_private = is_private;
        }
    }
    if (!found)
        malformed("it contains no PEM key");
    const bool is_plain = is_a(found.get(), "RSA"),
               is_pss = !is_plain && is_a(found.get(), "RSA-PSS");
    const bool is_rsa = is_plain || is_pss;
    const PssLimits pss = is_pss ? pss_limits(found.get()) : PssLimits{};
    const Curve curve = is_rsa ? Curve::none : curve_of(found.get());
    const Kty kty = is_rsa                                             ? Kty::RSA
                    : curve == Curve::Ed25519 || curve == Curve::Ed448 ? Kty::OKP
                    : curve >= Curve::ML_DSA_44                        ? Kty::AKP
                                                                       : Kty::EC;
    if (kty == Kty::AKP && found_private && !public_half)
        refuse_key("ML-DSA is verified here, and not signed: give its public key");
    if (kty == Kty::AKP)
        found_private = false;
    BIGNUM *third_prime = nullptr;
    if (is_rsa && found_private &&
        EVP_PKEY_get_bn_param(found.get(), OSSL_PKEY_PARAM_RSA_FACTOR3, &third_prime) != 1)
        check_memory();
    if (Ptr<BIGNUM>(third_prime))
        refuse_key("it has more than two primes");
    // taken apart and built again, so that every key passes the same checks
    const PKey read = adopt(OpensslPtr<EVP_PKEY>(found.release()), kty, curve, found_private);
    KeyParts parts = read.parts();
    parts.pss = pss;
    if (public_half)
        parts.drop_private();
    return build(parts);
}

std::string PKey::public_pem() const {
    const CleanQueue queue;
    const auto bio = memory();
    require(PEM_write_bio_PUBKEY_ex(bio.get(), pkey_.get(), nullptr, nullptr), "key export");
    return std::string(content(bio.get()));
}

Secret PKey::private_pem() const {
    const CleanQueue queue;
    require(is_private_, "key export");
    const auto bio = memory();
    require(PEM_write_bio_PKCS8PrivateKey(bio.get(), pkey_.get(), nullptr, nullptr, 0, nullptr,
                                          nullptr),
            "key export");
    return Secret(content(bio.get()));
}

} // namespace pg_principal
