// Building, checking, generating and taking apart asymmetric keys.
#include "core/crypto/openssl.hpp"

#include <openssl/core_names.h>
#include <openssl/rsa.h>

#include <algorithm>

namespace pg_principal {

using namespace openssl;

namespace {

constexpr std::size_t min_rsa_bits = 2048, max_exponent_bytes = 8;

std::size_t bit_length(std::string_view number) noexcept {
    while (!number.empty() && number[0] == 0)
        number.remove_prefix(1);
    std::size_t bits = number.size() * 8;
    for (int mask = 0x80; mask && !number.empty() && !(number[0] & mask); mask >>= 1)
        --bits;
    return bits;
}

bool is_odd(std::string_view number) noexcept { return !number.empty() && (number.back() & 1); }

// ROCA (CVE-2017-15361): the primes of a flawed chip are powers of 65537 modulo a product of small
// primes, and so is their product. A sound modulus passes for one with a chance of about 2^-27.
bool has_roca_fingerprint(std::string_view n) noexcept {
    for (unsigned prime = 3; prime <= 167; prime += 2) {
        bool composite = false;
        for (unsigned i = 3; i * i <= prime; i += 2)
            composite |= prime % i == 0;
        if (composite)
            continue;
        unsigned residue = 0;
        for (const char byte : n)
            residue = (residue << 8 | static_cast<unsigned char>(byte)) % prime;
        bool is_power = false;
        unsigned power = 1;
        do {
            is_power |= power == residue;
            power = power * (65537 % prime) % prime;
        } while (power != 1);
        if (!is_power)
            return false;
    }
    return true;
}

// Points of order 1, 2, 4 and 8 verify signatures that nobody made.
bool has_small_order(Curve curve, std::string_view x) {
    static constexpr std::string_view ed25519[] = {
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"};
    std::string y(x);
    y.back() = static_cast<char>(y.back() & 0x7f); // without the sign
    const std::string hex = hex_encode(y);
    if (curve == Curve::Ed25519)
        return std::find(std::begin(ed25519), std::end(ed25519), hex) != std::end(ed25519);
    const std::string zeros(112, '0');
    return hex == zeros + "00" || hex == "01" + zeros || // y = 0, 1, -1 modulo 2^448 - 2^224 - 1
           hex == "fe" + std::string(54, 'f') + "fe" + std::string(54, 'f') + "00";
}

Ptr<EVP_PKEY> from_params(const char *type, OSSL_PARAM_BLD *builder, bool is_private,
                          const char *fault) {
    const Ptr<OSSL_PARAM> params(require(OSSL_PARAM_BLD_to_param(builder), "key parameters"));
    const Ptr<EVP_PKEY_CTX> ctx(
        require(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr), "key context"));
    require(EVP_PKEY_fromdata_init(ctx.get()), "key context");
    Ptr<EVP_PKEY> pkey;
    const bool fits = confirmed([&] {
        EVP_PKEY *made = nullptr;
        const int result = EVP_PKEY_fromdata(
            ctx.get(), &made, is_private ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY, params.get());
        pkey.reset(made);
        return result == 1;
    });
    if (!fits)
        refuse_key(fault);
    require(pkey.get(), "key");
    return pkey;
}

void check_rsa_numbers(const KeyParts &parts, std::size_t max_bits) {
    const std::size_t bits = bit_length(parts.n);
    if (bits < min_rsa_bits)
        refuse_key("an RSA key needs at least 2048 bits");
    if (bits > max_bits)
        throw Error(Errc::key_refused,
                    {"an RSA key has at most " + std::to_string(max_bits) + " bits"});
    if (!is_odd(parts.n))
        refuse_key("its RSA modulus is even");
    if (!is_odd(parts.e) || bit_length(parts.e) < 2 || parts.e.size() > max_exponent_bytes)
        refuse_key("its RSA exponent is not an odd number from 3 to 64 bits");
    if (has_roca_fingerprint(parts.n))
        refuse_key("its RSA modulus comes from a flawed generator (ROCA, CVE-2017-15361)");
}

// OpenSSL falls back from a wrong CRT member to d without a word, so they are checked here.
void check_rsa_crt(const KeyParts &parts) {
    const Ptr<BN_CTX> ctx(require_memory(BN_CTX_secure_new()));
    const auto n = to_number(parts.n), e = to_number(parts.e);
    const auto d = to_secret_number(parts.d.view()), p = to_secret_number(parts.p.view()),
               q = to_secret_number(parts.q.view()), qi = to_secret_number(parts.qi.view());
    const auto left = to_secret_number({}), right = to_secret_number({});
    require(BN_mul(left.get(), p.get(), q.get(), ctx.get()), "key check");
    bool matches = BN_cmp(left.get(), n.get()) == 0 && !BN_is_one(p.get()) && !BN_is_one(q.get()) &&
                   BN_cmp(qi.get(), p.get()) < 0 && BN_cmp(d.get(), n.get()) < 0;
    if (matches) {
        require(BN_mod_mul(left.get(), qi.get(), q.get(), p.get(), ctx.get()), "key check");
        matches = BN_is_one(left.get());
    }
    const auto check_exponent = [&](const Ptr<BIGNUM> &prime, const Secret &given) {
        require(BN_sub_word(prime.get(), 1), "key check");
        require(BN_mod(left.get(), d.get(), prime.get(), ctx.get()), "key check");
        matches &= BN_cmp(left.get(), to_secret_number(given.view()).get()) == 0;
        require(BN_mod_mul(right.get(), left.get(), e.get(), prime.get(), ctx.get()), "key check");
        matches &= BN_is_one(right.get());
    };
    if (matches) {
        check_exponent(p, parts.dp);
        check_exponent(q, parts.dq);
    }
    if (!matches)
        refuse_key("its private members do not match its public ones");
}

Ptr<EVP_PKEY> build_rsa(const KeyParts &parts, std::size_t max_bits) {
    check_rsa_numbers(parts, max_bits);
    const bool crt = !parts.p.empty();
    if (crt)
        check_rsa_crt(parts);
    const auto n = to_number(parts.n), e = to_number(parts.e);
    const Ptr<OSSL_PARAM_BLD> builder(require_memory(OSSL_PARAM_BLD_new()));
    std::array<Ptr<BIGNUM>, 6> secrets; // the builder copies them when it is done
    std::size_t used = 0;
    const auto push = [&](const char *name, const BIGNUM *number) {
        require(OSSL_PARAM_BLD_push_BN(builder.get(), name, number), "key parameters");
    };
    const auto push_secret = [&](const char *name, const Secret &number) {
        secrets[used] = to_secret_number(number.view());
        push(name, secrets[used++].get());
    };
    push(OSSL_PKEY_PARAM_RSA_N, n.get());
    push(OSSL_PKEY_PARAM_RSA_E, e.get());
    if (parts.is_private())
        push_secret(OSSL_PKEY_PARAM_RSA_D, parts.d);
    if (crt) {
        push_secret(OSSL_PKEY_PARAM_RSA_FACTOR1, parts.p);
        push_secret(OSSL_PKEY_PARAM_RSA_FACTOR2, parts.q);
        push_secret(OSSL_PKEY_PARAM_RSA_EXPONENT1, parts.dp);
        push_secret(OSSL_PKEY_PARAM_RSA_EXPONENT2, parts.dq);
        push_secret(OSSL_PKEY_PARAM_RSA_COEFFICIENT1, parts.qi);
    }
    if (parts.pss.hash != Hash::none) {
        for (const char *name : {OSSL_PKEY_PARAM_RSA_DIGEST, OSSL_PKEY_PARAM_RSA_MGF1_DIGEST})
            require(
                OSSL_PARAM_BLD_push_utf8_string(builder.get(), name, hash_name(parts.pss.hash), 0),
                "key parameters");
        require(
            OSSL_PARAM_BLD_push_int(builder.get(), OSSL_PKEY_PARAM_RSA_PSS_SALTLEN, parts.pss.salt),
            "key parameters");
    }
    return from_params(parts.pss.only ? "RSA-PSS" : "RSA", builder.get(), parts.is_private(),
                       "its numbers do not form an RSA key");
}

Ptr<EVP_PKEY> build_ec(const KeyParts &parts) {
    const std::size_t size = field_size(parts.curve);
    if (parts.x.size() != size || parts.y.size() != size ||
        (parts.is_private() && parts.d.size() != size))
        refuse_key("a coordinate has another length than the curve's field");
    if (parts.is_private() && !is_scalar(parts.curve, parts.d.view()))
        refuse_key("its private member is out of range");
    const std::string point = '\4' + parts.x + parts.y;
    const auto d = to_secret_number(parts.d.view());
    const Ptr<OSSL_PARAM_BLD> builder(require_memory(OSSL_PARAM_BLD_new()));
    require(OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME,
                                            group_name(parts.curve), 0),
            "key parameters");
    require(OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                             point.size()),
            "key parameters");
    if (parts.is_private())
        require(OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_PRIV_KEY, d.get()),
                "key parameters");
    Ptr<EVP_PKEY> pkey =
        from_params("EC", builder.get(), parts.is_private(), "its point is not on the curve");
    const Ptr<EVP_PKEY_CTX> ctx(
        require(EVP_PKEY_CTX_new_from_pkey(nullptr, pkey.get(), nullptr), "key context"));
    if (!confirmed([&] { return EVP_PKEY_public_check_quick(ctx.get()) == 1; }))
        refuse_key("its point is not on the curve");
    if (parts.is_private() && !confirmed([&] {
            return EVP_PKEY_private_check(ctx.get()) == 1 &&
                   EVP_PKEY_pairwise_check(ctx.get()) == 1;
        }))
        refuse_key("its private members do not match its public ones");
    return pkey;
}

// Of ML-DSA any octets are a public key (FIPS 204 algorithm 23).
Ptr<EVP_PKEY> build_raw(const KeyParts &parts) {
    const bool is_okp = parts.kty == Kty::OKP;
    const std::size_t size = field_size(parts.curve);
    if (parts.x.size() != size || (parts.is_private() && parts.d.size() != size))
        refuse_key(is_okp ? "a member has another length than the curve's keys"
                          : "its public key has another length than its algorithm's");
    if (is_okp && has_small_order(parts.curve, parts.x))
        refuse_key("its point has a small order");
    const char *type = is_okp ? okp_name(parts.curve) : akp_name(parts.curve);
    if (!parts.is_private())
        return Ptr<EVP_PKEY>(require(
            EVP_PKEY_new_raw_public_key_ex(nullptr, type, nullptr, bytes(parts.x), size), "key"));
    Ptr<EVP_PKEY> pkey(require(
        EVP_PKEY_new_raw_private_key_ex(nullptr, type, nullptr, bytes(parts.d.view()), size),
        "key"));
    std::string x(size, '\0');
    std::size_t x_size = size;
    require(EVP_PKEY_get_raw_public_key(pkey.get(), bytes(x.data()), &x_size), "key");
    if (x_size != size || x != parts.x)
        refuse_key("its private members do not match its public ones");
    return pkey;
}

Ptr<BIGNUM> number_of(const EVP_PKEY *pkey, const char *name) {
    BIGNUM *number = nullptr;
    // a failed call may have left a number behind
    const bool found = EVP_PKEY_get_bn_param(pkey, name, &number) == 1;
    Ptr<BIGNUM> owned(number);
    if (found)
        return owned;
    check_memory(); // it may be there all the same
    return nullptr;
}

// Big-endian; as short as possible when the size is 0.
Secret number_bytes(const BIGNUM *number, std::size_t size = 0) {
    Secret out = Secret::of_size(size ? size : static_cast<std::size_t>(BN_num_bytes(number)));
    const int length = static_cast<int>(out.size());
    require(BN_bn2binpad(number, bytes(out.data()), length) == length, "key export");
    return out;
}

Secret required_bytes(const EVP_PKEY *pkey, const char *name, std::size_t size = 0) {
    return number_bytes(require(number_of(pkey, name).get(), "key export"), size);
}

} // namespace

Ptr<BIGNUM> openssl::to_number(std::string_view big_endian) {
    return Ptr<BIGNUM>(require(
        BN_bin2bn(bytes(big_endian), static_cast<int>(big_endian.size()), nullptr), "number"));
}

Ptr<BIGNUM> openssl::to_secret_number(std::string_view big_endian) {
    Ptr<BIGNUM> number(require_memory(BN_secure_new()));
    BN_set_flags(number.get(), BN_FLG_CONSTTIME);
    require(BN_bin2bn(bytes(big_endian), static_cast<int>(big_endian.size()), number.get()),
            "number");
    return number;
}

PKey PKey::adopt(OpensslPtr<EVP_PKEY> pkey, Kty kty, Curve curve, bool is_private) {
    PKey key;
    const bool is_curve = kty == Kty::EC || kty == Kty::OKP;
    const int size = is_curve ? 1 : EVP_PKEY_get_size(pkey.get());
    require(size > 0, "key size");
    key.signature_size_ = is_curve ? 2 * field_size(curve) : static_cast<std::size_t>(size);
    key.pkey_ = std::move(pkey);
    key.kty_ = kty;
    key.curve_ = curve;
    key.is_private_ = is_private;
    return key;
}

PKey PKey::build(const KeyParts &parts, std::size_t rsa_bits) {
    const CleanQueue queue;
    Ptr<EVP_PKEY> pkey = parts.kty == Kty::RSA  ? build_rsa(parts, rsa_bits)
                         : parts.kty == Kty::EC ? build_ec(parts)
                                                : build_raw(parts);
    PKey key =
        adopt(OpensslPtr<EVP_PKEY>(pkey.release()), parts.kty, parts.curve, parts.is_private());
    key.pss_ = parts.pss;
    // for RSA the only check that needs no primes
    if (parts.kty == Kty::RSA && parts.is_private() && !key.signs_what_it_verifies())
        refuse_key("its private members do not match its public ones");
    return key;
}

void KeyParts::drop_private() {
    for (Secret *secret : {&d, &p, &q, &dp, &dq, &qi})
        *secret = Secret();
}

KeyParts PKey::parts() const {
    const CleanQueue queue;
    KeyParts parts;
    parts.kty = kty_;
    parts.curve = curve_;
    parts.pss = pss_;
    const EVP_PKEY *pkey = pkey_.get();
    const std::size_t size = field_size(curve_);
    if (kty_ == Kty::RSA) {
        parts.n = required_bytes(pkey, OSSL_PKEY_PARAM_RSA_N).view();
        parts.e = required_bytes(pkey, OSSL_PKEY_PARAM_RSA_E).view();
        if (is_private_)
            parts.d = required_bytes(pkey, OSSL_PKEY_PARAM_RSA_D);
        const auto first = number_of(pkey, OSSL_PKEY_PARAM_RSA_FACTOR1),
                   second = number_of(pkey, OSSL_PKEY_PARAM_RSA_FACTOR2);
        require(!first == !second, "key export"); // one alone was not found by mistake
        if (is_private_ && first) {
            parts.p = required_bytes(pkey, OSSL_PKEY_PARAM_RSA_FACTOR1);
            parts.q = required_bytes(pkey, OSSL_PKEY_PARAM_RSA_FACTOR2);
            parts.dp = required_bytes(pkey, OSSL_PKEY_PARAM_RSA_EXPONENT1);
            parts.dq = required_bytes(pkey, OSSL_PKEY_PARAM_RSA_EXPONENT2);
            parts.qi = required_bytes(pkey, OSSL_PKEY_PARAM_RSA_COEFFICIENT1);
        }
    } else if (kty_ == Kty::EC) {
        parts.x = required_bytes(pkey, OSSL_PKEY_PARAM_EC_PUB_X, size).view();
        parts.y = required_bytes(pkey, OSSL_PKEY_PARAM_EC_PUB_Y, size).view();
        if (is_private_)
            parts.d = required_bytes(pkey, OSSL_PKEY_PARAM_PRIV_KEY, size);
    } else {
        std::size_t got = size;
        parts.x.resize(size);
        require(EVP_PKEY_get_raw_public_key(pkey, bytes(parts.x.data()), &got), "key export");
        require(got == size, "key export");
        if (is_private_) {
            parts.d = Secret::of_size(size);
            require(EVP_PKEY_get_raw_private_key(pkey, bytes(parts.d.data()), &got), "key export");
            require(got == size, "key export");
        }
    }
    return parts;
}

} // namespace pg_principal
