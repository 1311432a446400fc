#include "core/crypto/crypto.hpp"

#include "core/base/error.hpp"

namespace pg_principal {

namespace {

struct AlgRow {
    std::string_view name;
    Kty kty;
    Hash hash;
    Curve curve;
};

constexpr std::array<AlgRow, alg_count> algs = {{
    {"HS256", Kty::oct, Hash::sha256, Curve::none},
    {"HS384", Kty::oct, Hash::sha384, Curve::none},
    {"HS512", Kty::oct, Hash::sha512, Curve::none},
    {"RS256", Kty::RSA, Hash::sha256, Curve::none},
    {"RS384", Kty::RSA, Hash::sha384, Curve::none},
    {"RS512", Kty::RSA, Hash::sha512, Curve::none},
    {"PS256", Kty::RSA, Hash::sha256, Curve::none},
    {"PS384", Kty::RSA, Hash::sha384, Curve::none},
    {"PS512", Kty::RSA, Hash::sha512, Curve::none},
    {"ES256", Kty::EC, Hash::sha256, Curve::P256},
    {"ES384", Kty::EC, Hash::sha384, Curve::P384},
    {"ES512", Kty::EC, Hash::sha512, Curve::P521},
    {"EdDSA", Kty::OKP, Hash::none, Curve::none},
    {"Ed25519", Kty::OKP, Hash::none, Curve::Ed25519},
    {"Ed448", Kty::OKP, Hash::none, Curve::Ed448},
    {"ML-DSA-44", Kty::AKP, Hash::none, Curve::ML_DSA_44},
    {"ML-DSA-65", Kty::AKP, Hash::none, Curve::ML_DSA_65},
    {"ML-DSA-87", Kty::AKP, Hash::none, Curve::ML_DSA_87},
}};

struct CurveRow {
    std::string_view name;
    std::size_t size;
};

// FIPS 204 table 2 for the last three, which no member "crv" names.
constexpr std::array<CurveRow, 9> curves = {{{"", 0},
                                             {"P-256", 32},
                                             {"P-384", 48},
                                             {"P-521", 66},
                                             {"Ed25519", 32},
                                             {"Ed448", 57},
                                             {"", 1312},
                                             {"", 1952},
                                             {"", 2592}}};

constexpr std::array<std::string_view, 5> kty_names = {"oct", "RSA", "EC", "OKP", "AKP"};
constexpr std::array<std::size_t, hash_count> hash_sizes = {0, 32, 48, 64};

const AlgRow &row(Alg alg) noexcept { return algs[static_cast<std::size_t>(alg)]; }

} // namespace

std::optional<Alg> alg_from_name(std::string_view name) noexcept {
    for (std::size_t i = 0; i < algs.size(); ++i)
        if (algs[i].name == name && (algs[i].kty != Kty::AKP || has_ml_dsa()))
            return static_cast<Alg>(i);
    return std::nullopt;
}

Alg require_alg(std::string_view name) {
    if (const auto alg = alg_from_name(name))
        return *alg;
    std::string known;
    for (const AlgRow &alg : algs)
        if (alg.kty != Kty::AKP) // whose keys are others'
            known.append(known.empty() ? "" : ", ").append(alg.name);
    throw Error(Errc::algorithm_unknown, {printable(name), known});
}

std::string_view alg_name(Alg alg) noexcept { return row(alg).name; }
Hash alg_hash(Alg alg) noexcept { return row(alg).hash; }
Kty alg_kty(Alg alg) noexcept { return row(alg).kty; }
Curve alg_curve(Alg alg) noexcept { return row(alg).curve; }
bool is_pss(Alg alg) noexcept {
    return alg == Alg::PS256 || alg == Alg::PS384 || alg == Alg::PS512;
}
std::size_t hash_size(Hash hash) noexcept { return hash_sizes[static_cast<std::size_t>(hash)]; }

bool fits_curve(Alg alg, Curve curve) noexcept {
    return alg_curve(alg) == Curve::none || alg_curve(alg) == curve;
}

bool is_same_algorithm(Alg a, Alg b, Curve curve) noexcept {
    return a == b || (alg_kty(a) == Kty::OKP && alg_kty(b) == Kty::OKP && fits_curve(a, curve) &&
                      fits_curve(b, curve));
}

std::string_view kty_name(Kty kty) noexcept { return kty_names[static_cast<std::size_t>(kty)]; }
std::string_view curve_name(Curve curve) noexcept {
    return curves[static_cast<std::size_t>(curve)].name;
}
std::size_t field_size(Curve curve) noexcept {
    return curves[static_cast<std::size_t>(curve)].size;
}

std::optional<Curve> curve_from_name(std::string_view name) noexcept {
    for (std::size_t i = 1; i < curves.size(); ++i)
        if (!name.empty() && curves[i].name == name)
            return static_cast<Curve>(i);
    return std::nullopt;
}

} // namespace pg_principal
