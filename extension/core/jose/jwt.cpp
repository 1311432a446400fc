#include "core/jose/jwt.hpp"

#include "core/base/error.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>

namespace pg_principal {

namespace {

constexpr std::int64_t max_date_s = std::int64_t{1} << 53; // beyond, a double is no longer exact
constexpr std::int64_t micros = 1'000'000;

std::int64_t saturated_sum(std::int64_t a, std::int64_t b) noexcept {
    std::int64_t sum = 0;
    if (!__builtin_add_overflow(a, b, &sum))
        return sum;
    return b > 0 ? std::numeric_limits<std::int64_t>::max()
                 : std::numeric_limits<std::int64_t>::min();
}

// All registered names have three letters.
constexpr std::uint32_t three_letters(std::string_view name) noexcept {
    return name.size() != 3 ? 0
                            : static_cast<std::uint32_t>(static_cast<unsigned char>(name[0]) << 16 |
                                                         static_cast<unsigned char>(name[1]) << 8 |
                                                         static_cast<unsigned char>(name[2]));
}

// What nearly every date is: up to twelve digits and nothing else.
bool is_short_whole(std::string_view text, std::int64_t &value) noexcept {
    if (text.size() > 12)
        return false;
    for (const char c : text) {
        if (c < '0' || c > '9')
            return false;
        value = value * 10 + (c - '0');
    }
    return true;
}

// RFC 7519 section 4.1.3: one string or an array of strings.
bool is_audience(json::Value aud) noexcept {
    if (!aud.is_array())
        return aud.is_string();
    for (const json::Value element : aud.elements())
        if (!element.is_string())
            return false;
    return true;
}

bool has_audience(json::Value aud, std::string_view wanted) noexcept {
    if (!aud.is_array())
        return aud.is_string() && aud.as_string() == wanted;
    for (const json::Value element : aud.elements())
        if (element.as_string() == wanted)
            return true;
    return false;
}

// Whether the issuer that a key names, with the token's tenant in it, is the token's.
bool is_for(std::string_view key_issuer, json::Value claims) {
    constexpr std::string_view placeholder = "{tenantid}";
    const json::Value iss = claims.find("iss"), tenant = claims.find("tid");
    std::string issuer(key_issuer);
    if (const std::size_t at = issuer.find(placeholder); at != issuer.npos) {
        if (!tenant.is_string())
            return false;
        issuer.replace(at, placeholder.size(), tenant.as_string());
    }
    return iss.is_string() && iss.as_string() == issuer;
}

} // namespace

std::optional<std::int64_t> numeric_date_us(json::Value value) noexcept {
    if (!value.is_number())
        return std::nullopt;
    const std::string_view text = value.number_text();
    if (std::int64_t whole = 0; is_short_whole(text, whole))
        return whole * micros;
    bool exact = false;
    const auto seconds = json::scaled_integer(text, 0, exact);
    if (!seconds || *seconds > max_date_s || *seconds < -max_date_s)
        return std::nullopt;
    if (!exact && (*seconds == max_date_s || *seconds == -max_date_s))
        return std::nullopt;
    if (const auto us = exact ? std::nullopt : json::scaled_integer(text, 6, exact))
        return us;
    std::int64_t us = 0;
    if (!__builtin_mul_overflow(*seconds, micros, &us))
        return us;
    return *seconds > 0 ? std::numeric_limits<std::int64_t>::max()
                        : std::numeric_limits<std::int64_t>::min();
}

TokenFault check_claims(json::Value claims, const ClaimRules &rules) noexcept {
    if (!claims.is_object())
        return TokenFault::payload_not_an_object;
    std::optional<std::int64_t> exp, nbf;
    json::Value iss, aud;
    for (const auto &[name, value] : claims.members()) {
        switch (three_letters(name)) {
        case three_letters("exp"):
        case three_letters("nbf"):
        case three_letters("iat"): {
            const auto us = numeric_date_us(value);
            if (!us)
                return name == "exp"   ? TokenFault::exp_not_a_date
                       : name == "nbf" ? TokenFault::nbf_not_a_date
                                       : TokenFault::iat_not_a_date;
            if (name == "exp")
                exp = us;
            else if (name == "nbf")
                nbf = us;
            break;
        }
        case three_letters("iss"):
        case three_letters("sub"):
        case three_letters("jti"):
            if (!value.is_string())
                return name == "iss"   ? TokenFault::iss_not_a_string
                       : name == "sub" ? TokenFault::sub_not_a_string
                                       : TokenFault::jti_not_a_string;
            if (name == "iss")
                iss = value;
            break;
        case three_letters("aud"):
            if (!is_audience(value))
                return TokenFault::aud_not_strings;
            aud = value;
            break;
        default:
            break;
        }
    }
    if (rules.require_expiry && !exp)
        return TokenFault::exp_missing;
    const std::int64_t now = rules.time.now_us;
    const std::int64_t skew = std::max(rules.time.skew_s, 0) * micros;
    if (exp && now >= saturated_sum(*exp, skew))
        return TokenFault::expired;
    if (nbf && saturated_sum(now, skew) < *nbf)
        return TokenFault::not_yet_valid;
    if (rules.issuer && !(iss && iss.as_string() == *rules.issuer))
        return TokenFault::wrong_issuer;
    if (rules.audience && !(aud && has_audience(aud, *rules.audience)))
        return TokenFault::wrong_audience;
    return TokenFault::none;
}

TokenFault TokenScratch::read(std::string_view token, KeysInHeader keys) {
    if (const TokenFault fault = jws_.parse(token, keys); fault != TokenFault::none)
        return fault;
    payload_json_ = json::try_parse(claims_, jws_.payload);
    if (!payload_json_)
        return TokenFault::payload_not_json;
    return claims_.root().is_object() ? TokenFault::none : TokenFault::payload_not_an_object;
}

TokenFault TokenScratch::verify_signature(const KeySet &keys, Checkpoint checkpoint) {
    key_ = nullptr;
    key_fault_.clear();
    return verify(jws_, keys, &key_, &key_fault_, checkpoint);
}

TokenFault TokenScratch::check(const KeySet &keys, const ClaimRules &rules) {
    const TokenFault fault = check_claims(claims_.root(), rules);
    if (fault != TokenFault::none || !rules.issuer)
        return fault;
    const auto is_of_issuer = [&](const Key *key) {
        const std::string_view issuer = keys.issuer_of(key);
        return issuer.empty() || is_for(issuer, claims());
    };
    if (is_of_issuer(key_))
        return fault;
    // one key may be published for several issuers
    const KeySet::Candidates all = keys.candidates(jws_.alg, jws_.kid);
    const auto end = all.keys.begin() + all.count;
    const bool is_of_both = std::any_of(all.keys.begin(), end, [&](const Key *key) {
        return key != key_ && is_of_issuer(key) && thumbprint(*key) == thumbprint(*key_);
    });
    return is_of_both ? fault : TokenFault::wrong_key_issuer;
}

std::string TokenScratch::describe(TokenFault fault) const {
    if (fault != TokenFault::unusable_key && fault != TokenFault::ambiguous_key)
        return pg_principal::describe(
            fault, fault == TokenFault::payload_not_json ? payload_json_ : jws_.header_json);
    std::string text(pg_principal::describe(fault));
    if (jws_.kid)
        text.append(" \"").append(printable(*jws_.kid)).append("\"");
    return text.append(": ").append(key_fault_);
}

TokenFault verify_token(std::string_view token, const KeySet &keys, const ClaimRules &rules,
                        TokenScratch &scratch, Checkpoint checkpoint) {
    TokenFault fault = scratch.jws_.parse(token, rules.keys_in_header);
    if (fault == TokenFault::none)
        fault = scratch.verify_signature(keys, checkpoint);
    if (fault != TokenFault::none)
        return fault;
    scratch.payload_json_ = json::try_parse(scratch.claims_, scratch.jws_.payload);
    return scratch.payload_json_ ? scratch.check(keys, rules) : TokenFault::payload_not_json;
}

TokenFault verify_read_token(const KeySet &keys, const ClaimRules &rules, TokenScratch &scratch,
                             Checkpoint checkpoint) {
    const TokenFault fault = scratch.verify_signature(keys, checkpoint);
    return fault == TokenFault::none ? scratch.check(keys, rules) : fault;
}

std::string jwt_sign(std::string_view claims_json, const Key &key, std::optional<Alg> alg,
                     std::string_view typ) {
    const json::Document claims(claims_json);
    if (!claims.root().is_object())
        throw Error(Errc::claims_not_an_object);
    JwsHeader header;
    header.typ = typ;
    return jws_sign(claims_json, key, alg, header);
}

} // namespace pg_principal
