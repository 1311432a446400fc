#include "core/jose/jwk_internal.hpp"

#include "core/secret_text/secret_text.hpp"

namespace pg_principal {

namespace {

constexpr std::size_t min_secret = 32, max_secret = 8192;
constexpr std::size_t max_looked_at = std::size_t{1} << 18;

constexpr std::string_view other_type = "the key is of another type";
constexpr std::string_view other_curve = "the key is on another curve";
constexpr std::string_view other_padding = "an RSASSA-PSS key serves PS algorithms alone";
constexpr std::string_view other_hash = "its RSASSA-PSS parameters are for another hash";
constexpr std::string_view other_alg = "the key is declared for another algorithm";
constexpr std::string_view too_short = "the secret is shorter than the hash";
constexpr std::string_view not_an_operation = "its key_ops do not allow it";
constexpr std::string_view only_public = "a public key cannot sign";

} // namespace

Kty Key::kty() const noexcept { return state_->secret ? Kty::oct : state_->pkey->kty(); }
Curve Key::curve() const noexcept { return state_->secret ? Curve::none : state_->pkey->curve(); }
bool Key::is_private() const noexcept { return state_->secret || state_->pkey->is_private(); }

bool Key::is_pss_only() const noexcept { return state_->pkey && state_->pkey->pss().only; }

Alg Key::default_alg() const noexcept {
    if (alg_)
        return *alg_;
    switch (kty()) {
    case Kty::oct:
        return Alg::HS256;
    case Kty::RSA:
        return state_->pkey->pss().only ? default_pss() : Alg::RS256;
    case Kty::OKP:
        return Alg::EdDSA;
    case Kty::AKP:
        return curve() == Curve::ML_DSA_44   ? Alg::ML_DSA_44
               : curve() == Curve::ML_DSA_65 ? Alg::ML_DSA_65
                                             : Alg::ML_DSA_87;
    case Kty::EC:
        break;
    }
    return curve() == Curve::P256 ? Alg::ES256 : curve() == Curve::P384 ? Alg::ES384 : Alg::ES512;
}

Alg Key::default_pss() const noexcept {
    switch (state_->pkey->pss().hash) {
    case Hash::sha384:
        return Alg::PS384;
    case Hash::sha512:
        return Alg::PS512;
    default:
        return Alg::PS256;
    }
}

std::string_view Key::misfit(Alg alg) const noexcept {
    if (alg_kty(alg) != kty())
        return other_type;
    if (!fits_curve(alg, curve()))
        return other_curve;
    if (kty() == Kty::RSA && state_->pkey->pss().only && !is_pss(alg))
        return other_padding;
    if (kty() == Kty::RSA && state_->pkey->pss().hash != Hash::none &&
        state_->pkey->pss().hash != alg_hash(alg))
        return other_hash;
    if (kty() == Kty::oct && state_->secret->secret().size() < hash_size(alg_hash(alg)))
        return too_short;
    return {};
}

std::string_view Key::refusal(Alg alg, KeyOperation operation) const noexcept {
    if (const std::string_view why = misfit(alg); !why.empty())
        return why;
    if (alg_ && !is_same_algorithm(*alg_, alg, curve()))
        return other_alg;
    if (operation == KeyOperation::sign && !is_private())
        return only_public;
    return (operation == KeyOperation::sign ? may_sign_ : may_verify_) ? std::string_view()
                                                                       : not_an_operation;
}

bool Key::allows(Alg alg, KeyOperation operation) const noexcept {
    return refusal(alg, operation).empty();
}

Key Key::with_kid(std::string kid) const {
    Key key = *this;
    key.kid_ = std::move(kid);
    return key;
}

Key Key::with_alg(Alg alg) const {
    std::string_view why = misfit(alg);
    if (why.empty() && alg_ && !is_same_algorithm(*alg_, alg, curve()))
        why = other_alg;
    if (!why.empty())
        throw Error(Errc::algorithm_mismatch, {alg_name(alg), why});
    Key key = *this;
    key.alg_ = alg;
    return key;
}

std::string Key::sign(Alg alg, std::string_view message, Checkpoint checkpoint) const {
    if (!state_->secret)
        return state_->pkey->sign(alg, message, checkpoint);
    std::array<char, 64> mac;
    return std::string(state_->secret->sign(alg_hash(alg), message, mac, checkpoint));
}

bool Key::verify(Alg alg, std::string_view message, std::string_view signature,
                 Checkpoint checkpoint) const {
    if (!state_->secret)
        return state_->pkey->verify(alg, message, signature, checkpoint);
    if (signature.size() != hash_size(alg_hash(alg)))
        return false;
    std::array<char, 64> mac;
    return constant_time_equal(state_->secret->sign(alg_hash(alg), message, mac, checkpoint),
                               signature);
}

Key KeyBuilder::from_secret(std::string_view secret) {
    if (secret.size() < min_secret)
        throw Error(Errc::key_refused, {"a secret needs at least 32 bytes"});
    if (secret.size() <= max_looked_at)
        if (const std::string kind = published_text(secret); !kind.empty())
            throw Error(Errc::secret_refused, {"it is " + kind});
    if (secret.size() > max_secret)
        throw Error(Errc::key_refused, {"a secret has at most 8192 bytes"});
    Key key;
    key.state_ = std::make_shared<Key::State>();
    key.state_->secret.emplace(secret);
    return key;
}

Key KeyBuilder::from_pkey(PKey pkey) {
    Key key;
    key.state_ = std::make_shared<Key::State>();
    key.state_->pkey.emplace(std::move(pkey));
    return key;
}

void KeyBuilder::declare(Key &key, std::optional<Alg> alg, std::string kid) {
    if (alg) {
        if (const std::string_view why = key.misfit(*alg); !why.empty())
            throw Error(Errc::key_refused, {"its alg does not fit: " + std::string(why)});
    }
    key.alg_ = alg;
    key.kid_ = std::move(kid);
}

Key parse_pem(std::string_view pem, Reading reading) {
    return KeyBuilder::from_pkey(PKey::from_pem(pem, reading == Reading::public_half));
}

Key key_from_secret(std::string_view secret, Alg alg) {
    return KeyBuilder::from_secret(secret).with_alg(alg);
}

Key generate_key(Alg alg, Checkpoint checkpoint) {
    if (alg_kty(alg) != Kty::oct) {
        const Key key = KeyBuilder::from_pkey(PKey::generate(alg, checkpoint)).with_alg(alg);
        return key.with_kid(thumbprint(key));
    }
    Secret secret = Secret::of_size(hash_size(alg_hash(alg)));
    random_bytes(secret.data(), secret.size());
    const Key key = key_from_secret(secret.view(), alg);
    return key.with_kid(thumbprint(key));
}

} // namespace pg_principal
