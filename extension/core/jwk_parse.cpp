#include "core/jwk_internal.hpp"

#include <algorithm>

namespace pg_principal {

namespace {

constexpr json::Limits key_limits{32, 1u << 20};
constexpr std::size_t max_keys = 256;

[[noreturn]] void malformed(const std::string &why) { throw Error(Errc::key_malformed, {why}); }

// A key that is sound JSON but not for us: an error on its own, skipped in a set.
struct Unsuitable {
    Errc code;
    std::string why;
};
[[noreturn]] void unsuitable(const std::string &why) { throw Unsuitable{Errc::key_refused, why}; }

std::string named(std::string_view member) { return "member \"" + std::string(member) + "\""; }

std::optional<std::string_view> optional_text(json::Value jwk, std::string_view member) {
    const json::Value value = jwk.find(member);
    if (!value)
        return std::nullopt;
    if (!value.is_string())
        malformed(named(member) + " is not a string");
    return value.as_string();
}

std::string_view required_text(json::Value jwk, std::string_view member) {
    if (const auto text = optional_text(jwk, member))
        return *text;
    throw Unsuitable{Errc::key_malformed, named(member) + " is missing"};
}

std::string decoded(json::Value jwk, std::string_view member) {
    std::string bytes;
    if (!base64url_decode(required_text(jwk, member), bytes) || bytes.empty())
        malformed(named(member) + " is not base64url");
    return bytes;
}

Secret secret_member(json::Value jwk, std::string_view member) {
    std::string bytes = decoded(jwk, member);
    return Secret::take(bytes);
}

// Base64urlUInt of RFC 7518 section 2: as few octets as the number needs.
void check_minimal(std::string_view number, std::string_view member) {
    if (number[0] == 0)
        malformed(named(member) + " has leading zeros");
}

Key parse_rsa(json::Value jwk) {
    KeyParts parts;
    parts.kty = Kty::RSA;
    parts.n = decoded(jwk, "n");
    parts.e = decoded(jwk, "e");
    check_minimal(parts.n, "n");
    check_minimal(parts.e, "e");
    const std::pair<std::string_view, Secret *> crt[] = {
        {"p", &parts.p}, {"q", &parts.q}, {"dp", &parts.dp}, {"dq", &parts.dq}, {"qi", &parts.qi}};
    std::size_t present = 0;
    for (const auto &[member, secret] : crt)
        present += static_cast<bool>(jwk.find(member));
    if (jwk.find("oth"))
        throw Error(Errc::key_refused, {"it has more than two primes"});
    if (jwk.find("d")) {
        parts.d = secret_member(jwk, "d");
        check_minimal(parts.d.view(), "d");
    } else if (present > 0) {
        malformed("it has RSA primes but no member \"d\"");
    }
    if (present > 0)
        for (const auto &[member, secret] : crt) { // RFC 7518 section 6.3.2: all or none
            if (!jwk.find(member))
                malformed(named(member) + " is missing");
            *secret = secret_member(jwk, member);
            check_minimal(secret->view(), member);
        }
    return KeyBuilder::from_pkey(PKey::build(parts));
}

Key parse_curve(json::Value jwk, Kty kty) {
    KeyParts parts;
    parts.kty = kty;
    const auto curve = curve_from_name(required_text(jwk, "crv"));
    if (!curve)
        unsuitable("its curve is not supported");
    parts.curve = *curve;
    if ((kty == Kty::OKP) != (*curve == Curve::Ed25519 || *curve == Curve::Ed448))
        malformed("its curve does not fit its type");
    parts.x = decoded(jwk, "x");
    if (kty == Kty::EC)
        parts.y = decoded(jwk, "y");
    if (jwk.find("d"))
        parts.d = secret_member(jwk, "d");
    return KeyBuilder::from_pkey(PKey::build(parts));
}

Key parse_material(json::Value jwk) {
    const std::string_view kty = required_text(jwk, "kty");
    if (kty == "RSA")
        return parse_rsa(jwk);
    if (kty == "EC")
        return parse_curve(jwk, Kty::EC);
    if (kty == "OKP")
        return parse_curve(jwk, Kty::OKP);
    if (kty == "oct") {
        if (const json::Value k = jwk.find("k"); k && k.is_string() && k.as_string().empty())
            throw Error(Errc::key_refused, {"a secret needs at least 32 bytes"});
        return KeyBuilder::from_secret(secret_member(jwk, "k").view());
    }
    unsuitable("its type is none of RSA, EC, OKP and oct");
}

struct Permission {
    bool sign = true, verify = true;
};

// RFC 7517 sections 4.2 and 4.3.
Permission parse_permission(json::Value jwk) {
    const auto use = optional_text(jwk, "use");
    if (use && *use != "sig")
        unsuitable("its use is not \"sig\"");
    const json::Value ops = jwk.find("key_ops");
    if (!ops)
        return {};
    if (!ops.is_array())
        malformed(named("key_ops") + " is not an array");
    Permission permission{false, false};
    std::vector<std::string_view> seen;
    for (const json::Value op : ops.elements()) {
        if (!op.is_string())
            malformed(named("key_ops") + " holds something else than strings");
        seen.push_back(op.as_string());
        permission.sign |= seen.back() == "sign";
        permission.verify |= seen.back() == "verify";
    }
    std::sort(seen.begin(), seen.end());
    if (std::adjacent_find(seen.begin(), seen.end()) != seen.end())
        malformed(named("key_ops") + " repeats an operation");
    if (!permission.sign && !permission.verify)
        unsuitable("its key_ops name neither \"sign\" nor \"verify\"");
    return permission;
}

// Throws Unsuitable, too.
Key parse_one(json::Value jwk) {
    if (!jwk.is_object())
        malformed("it is not a JSON object");
    required_text(jwk, "kty");
    const auto kid = optional_text(jwk, "kid"), alg_text = optional_text(jwk, "alg");
    const Permission permission = parse_permission(jwk);
    const auto alg = alg_text ? alg_from_name(*alg_text) : std::nullopt;
    if (alg_text && !alg)
        unsuitable("its alg is no supported signature algorithm");
    Key key = parse_material(jwk);
    KeyBuilder::declare(key, alg, std::string(kid.value_or("")));
    KeyBuilder::restrict(key, permission.sign, permission.verify);
    return key;
}

void parse_text(json::Document &doc, std::string_view text) {
    if (const json::ParseStatus status = json::try_parse(doc, text, key_limits); !status)
        malformed(std::string(status.fault) + " at byte " + std::to_string(status.offset));
}

} // namespace

Key parse_jwk(json::Value jwk) {
    try {
        return parse_one(jwk);
    } catch (const Unsuitable &fault) {
        throw Error(fault.code, {fault.why});
    }
}

Key parse_jwk(std::string_view json) {
    json::Document doc;
    parse_text(doc, json);
    return parse_jwk(doc.root());
}

KeySet parse_jwk_set(json::Value set) {
    std::vector<Key> keys;
    const json::Value members = set.find("keys");
    if (!members) {
        keys.push_back(parse_jwk(set));
        return KeySet(std::move(keys));
    }
    if (!members.is_array())
        malformed(named("keys") + " is not an array");
    if (set.find("kty"))
        malformed("it is a key and a key set at once");
    if (members.size() > max_keys)
        throw Error(Errc::key_set_refused, {"it has more than 256 keys"});
    bool symmetric = false, asymmetric = false;
    for (const json::Value member : members.elements()) {
        try {
            keys.push_back(parse_one(member));
            (keys.back().is_symmetric() ? symmetric : asymmetric) = true;
        } catch (const Unsuitable &) {
            // RFC 7517 section 5: keys that are not understood are ignored
        }
    }
    if (symmetric && asymmetric)
        throw Error(Errc::key_set_refused, {"it mixes secret and public keys"});
    return KeySet(std::move(keys));
}

KeySet parse_jwk_set(std::string_view json) {
    json::Document doc;
    parse_text(doc, json);
    return parse_jwk_set(doc.root());
}

} // namespace pg_principal
