#include "core/jose/jwk_internal.hpp"

#include <algorithm>

#include "core/base/utf8.hpp"

namespace pg_principal {

namespace {

[[noreturn]] void malformed(const std::string &why) { throw Error(Errc::key_malformed, {why}); }

[[noreturn]] void refuse(const std::string &why) { throw Error(Errc::key_refused, {why}); }

std::string named(std::string_view member) { return "member \"" + std::string(member) + "\""; }

std::optional<std::string_view> text_member(json::Value jwk, std::string_view member) {
    const json::Value value = jwk.find(member);
    if (!value)
        return std::nullopt;
    if (!value.is_string())
        malformed(named(member) + " is not a string");
    return value.as_string();
}

std::string_view required_text(json::Value jwk, std::string_view member) {
    if (const auto text = text_member(jwk, member))
        return *text;
    malformed(named(member) + " is missing");
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

KeyParts parse_rsa(json::Value jwk) {
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
        refuse("it has more than two primes");
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
    return parts;
}

// RFC 9964 section 3; the seed of a private key is of no use here.
KeyParts parse_akp(json::Value jwk, const JwkOutline &outline, Reading reading) {
    KeyParts parts;
    parts.kty = Kty::AKP;
    parts.curve = outline.curve;
    parts.x = decoded(jwk, "pub");
    if (jwk.find("priv") && (reading == Reading::whole || reading == Reading::stored))
        refuse("ML-DSA is verified here, and not signed: leave out its member \"priv\"");
    return parts;
}

KeyParts parse_curve(json::Value jwk, const JwkOutline &outline) {
    KeyParts parts;
    parts.kty = outline.kty;
    parts.curve = outline.curve;
    parts.x = decoded(jwk, "x");
    if (outline.kty == Kty::EC)
        parts.y = decoded(jwk, "y");
    if (jwk.find("d"))
        parts.d = secret_member(jwk, "d");
    return parts;
}

Key parse_material(json::Value jwk, const JwkOutline &outline, Reading reading) {
    if (outline.kty == Kty::oct) {
        if (const json::Value k = jwk.find("k"); k && k.is_string() && k.as_string().empty())
            refuse("a secret needs at least 32 bytes");
        return KeyBuilder::from_secret(secret_member(jwk, "k").view());
    }
    KeyParts parts = outline.kty == Kty::RSA   ? parse_rsa(jwk)
                     : outline.kty == Kty::AKP ? parse_akp(jwk, outline, reading)
                                               : parse_curve(jwk, outline);
    if (reading == Reading::public_half || reading == Reading::stored_public_half)
        parts.drop_private();
    const bool is_stored = reading == Reading::stored || reading == Reading::stored_public_half;
    return KeyBuilder::from_pkey(
        PKey::build(parts, is_stored ? max_stored_rsa_bits : max_rsa_bits));
}

Kty kty_of(json::Value jwk) {
    const std::string_view text = required_text(jwk, "kty");
    for (const Kty kty : {Kty::oct, Kty::RSA, Kty::EC, Kty::OKP})
        if (kty_name(kty) == text)
            return kty;
    if (text == kty_name(Kty::AKP)) {
        if (has_ml_dsa())
            return Kty::AKP;
        refuse("its type is AKP (ML-DSA), which takes OpenSSL 3.5");
    }
    refuse("its type is not RSA, EC, OKP or oct");
}

Curve curve_of(json::Value jwk, Kty kty) {
    if (kty != Kty::EC && kty != Kty::OKP)
        return Curve::none;
    const auto curve = curve_from_name(required_text(jwk, "crv"));
    if (!curve)
        refuse("its curve is not supported");
    if ((kty == Kty::OKP) != (*curve == Curve::Ed25519 || *curve == Curve::Ed448))
        malformed("its curve does not fit its type");
    return *curve;
}

struct Permission {
    bool sign = true, verify = true;
};

// RFC 7517 sections 4.2 and 4.3; jwt-svid: SPIFFE JWT-SVID section 4.2.
Permission parse_permission(json::Value jwk) {
    const auto use = text_member(jwk, "use");
    if (use && *use != "sig" && *use != "jwt-svid")
        refuse("its use is not \"sig\"");
    const json::Value ops = jwk.find("key_ops");
    if (!ops)
        return {};
    if (!ops.is_array())
        malformed(named("key_ops") + " is not an array");
    Permission permission{false, false};
    std::vector<std::string_view> seen;
    for (const json::Value op : ops.elements()) {
        if (!op.is_string())
            malformed(named("key_ops") + " must contain only strings");
        seen.push_back(op.as_string());
        permission.sign |= seen.back() == "sign";
        permission.verify |= seen.back() == "verify";
    }
    std::sort(seen.begin(), seen.end());
    if (std::adjacent_find(seen.begin(), seen.end()) != seen.end())
        malformed(named("key_ops") + " repeats an operation");
    if (!permission.sign && !permission.verify)
        refuse("its key_ops name neither \"sign\" nor \"verify\"");
    return permission;
}

} // namespace

JwkOutline outline_of(json::Value jwk) {
    if (!jwk.is_object())
        malformed("it is not a JSON object");
    if (const json::Value use = jwk.find("use"); use.is_string() && is_kept_reason(use.as_string()))
        refuse(std::string(use.as_string()));
    JwkOutline outline;
    outline.kty = kty_of(jwk);
    outline.kid = text_member(jwk, "kid").value_or("");
    const Permission permission = parse_permission(jwk);
    outline.may_sign = permission.sign;
    outline.may_verify = permission.verify;
    if (const auto text = text_member(jwk, "alg")) {
        outline.alg = alg_from_name(*text);
        if (!outline.alg)
            refuse("its alg is not a supported signature algorithm");
    }
    if (outline.kty == Kty::AKP && !outline.alg)
        malformed(named("alg") + " is missing");
    outline.curve = outline.kty == Kty::AKP ? alg_curve(*outline.alg) : curve_of(jwk, outline.kty);
    if (outline.alg && alg_kty(*outline.alg) != outline.kty)
        refuse("its alg does not fit: the key is of another type");
    if (outline.alg && !fits_curve(*outline.alg, outline.curve))
        refuse("its alg does not fit: the key is on another curve");
    return outline;
}

void parse_key_text(json::Document &doc, std::string_view text, const json::Limits &limits) {
    if (const auto status = json::try_parse(doc, without_byte_order_mark(text), limits); !status)
        malformed(std::string(status.fault) + " at byte " + std::to_string(status.offset));
}

Key parse_jwk(json::Value jwk, Reading reading) {
    const JwkOutline outline = outline_of(jwk);
    Key key = parse_material(jwk, outline, reading);
    KeyBuilder::declare(key, outline.alg, std::string(outline.kid));
    KeyBuilder::restrict(key, outline.may_sign, outline.may_verify);
    return key;
}

Key parse_jwk(std::string_view json, Reading reading) {
    json::Document doc;
    parse_key_text(doc, json, {32, std::size_t{1} << 20});
    return parse_jwk(doc.root(), reading);
}

} // namespace pg_principal
