#include "core/jose/foreign_token.hpp"

#include "core/base/error.hpp"
#include "core/jose/token_type.hpp"

#include <algorithm>

namespace pg_principal {

namespace {

[[noreturn]] void malformed(std::string_view member, const char *why) {
    throw Error(Errc::token_rules_malformed, {"\"" + printable(member) + "\" " + why});
}

std::vector<std::string_view> texts(std::string_view name, json::Value list) {
    if (!list.is_array() || list.size() == 0)
        malformed(name, "is not a list of texts");
    std::vector<std::string_view> all;
    for (const json::Value text : list.elements()) {
        if (!text.is_string() || text.as_string().empty())
            malformed(name, "is not a list of texts");
        all.push_back(text.as_string());
    }
    return all;
}

std::int64_t seconds(std::string_view name, json::Value value) {
    const std::optional<std::int64_t> number = value.is_number() ? value.as_int64() : std::nullopt;
    constexpr std::int64_t longest = std::int64_t{100} * 366 * 86400;
    if (!number || *number < 1 || *number > longest)
        malformed(name, "is not a whole number of seconds above zero");
    return *number;
}

bool serves(const ForeignRules &rules, Alg alg, const Key &key) {
    if (alg_kty(alg) == Kty::oct)
        return false; // whoever can verify with a secret can sign with it
    return rules.algorithms.empty() ||
           std::any_of(rules.algorithms.begin(), rules.algorithms.end(),
                       [&](Alg listed) { return is_same_algorithm(listed, alg, key.curve()); });
}

bool is_of_type(const ForeignRules &rules, std::optional<std::string_view> typ) {
    return is_identity_token_type(typ) ||
           std::any_of(rules.types.begin(), rules.types.end(),
                       [&](std::string_view listed) { return is_same_type(*typ, listed); });
}

bool is_for_us(const ForeignRules &rules, json::Value aud) {
    if (rules.audiences.empty())
        return true;
    const auto is_listed = [&](json::Value one) {
        return std::find(rules.audiences.begin(), rules.audiences.end(), one.as_string()) !=
               rules.audiences.end();
    };
    if (aud.is_string())
        return is_listed(aud);
    if (!aud.is_array() || rules.sole_audience)
        return false;
    for (const json::Value one : aud.elements()) // strings: check_claims()
        if (is_listed(one))
            return true;
    return false;
}

constexpr std::int64_t us_per_second = 1'000'000;

std::int64_t whole_seconds(std::int64_t us) noexcept {
    return us / us_per_second - (us % us_per_second < 0 ? 1 : 0);
}

bool lives_too_long(const ForeignRules &rules, json::Value exp) {
    if (!rules.longest_life_s)
        return false;
    const std::optional<std::int64_t> end = numeric_date_us(exp);
    const std::int64_t latest =
        rules.time.now_us +
        (*rules.longest_life_s + std::max(rules.time.skew_s, 0)) * us_per_second;
    return !end || *end > latest;
}

} // namespace

ForeignRules read_foreign_rules(json::Value rules) {
    ForeignRules read;
    if (!rules.is_object())
        throw Error(Errc::token_rules_malformed, {"they are not a JSON object"});
    bool names_issuer = false, names_audiences = false;
    for (const auto &[name, value] : rules.members()) {
        if (name == "issuer") {
            names_issuer = true;
            if (value.is_null())
                continue;
            if (!value.is_string() || value.as_string().empty())
                malformed(name, "is not a text");
            read.issuer = value.as_string();
        } else if (name == "audiences") {
            names_audiences = true;
            if (!value.is_null())
                read.audiences = texts(name, value);
        } else if (value.is_null()) {
            continue;
        } else if (name == "soleAudience") {
            if (!value.is_bool())
                malformed(name, "is neither true nor false");
            read.sole_audience = value.as_bool();
        } else if (name == "algorithms") {
            for (const std::string_view alg : texts(name, value))
                read.algorithms.push_back(require_alg(alg));
        } else if (name == "types") {
            read.types = texts(name, value);
        } else if (name == "longestLife") {
            read.longest_life_s = seconds(name, value);
        } else {
            malformed(name, "is not one of them");
        }
    }
    if (!names_issuer)
        malformed("issuer", "is missing");
    if (!names_audiences)
        malformed("audiences", "is missing");
    if (read.sole_audience && read.audiences.empty())
        malformed("soleAudience", "needs audiences");
    return read;
}

TokenFault verify_foreign_token(std::string_view token, const KeySet &keys,
                                const ForeignRules &rules, TokenScratch &scratch,
                                Checkpoint checkpoint) {
    const TokenFault fault = scratch.read(token, KeysInHeader::ignored);
    return fault == TokenFault::none ? verify_foreign_token(keys, rules, scratch, checkpoint)
                                     : fault;
}

TokenFault verify_foreign_token(const KeySet &keys, const ForeignRules &rules,
                                TokenScratch &scratch, Checkpoint checkpoint) {
    ClaimRules claim_rules;
    claim_rules.time = rules.time;
    claim_rules.issuer = rules.issuer;
    claim_rules.require_expiry = true;
    if (const TokenFault fault = verify_read_token(keys, claim_rules, scratch, checkpoint);
        fault != TokenFault::none)
        return fault;
    const CompactJws &jws = scratch.jws();
    if (!serves(rules, jws.alg, *scratch.key()))
        return TokenFault::algorithm_refused;
    if (!is_of_type(rules, jws.typ))
        return TokenFault::wrong_type;
    if (!is_for_us(rules, scratch.claims().find("aud")))
        return TokenFault::wrong_audience;
    return lives_too_long(rules, scratch.claims().find("exp")) ? TokenFault::lives_too_long
                                                               : TokenFault::none;
}

std::string_view trust_domain_of(std::string_view spiffe_id) noexcept {
    constexpr std::string_view scheme = "spiffe://";
    if (spiffe_id.substr(0, scheme.size()) != scheme)
        return {};
    const std::size_t slash = spiffe_id.find('/', scheme.size());
    return slash == spiffe_id.npos ? std::string_view() : spiffe_id.substr(0, slash);
}

TokenFault check_issuer_rules(json::Value claims, const IssuerRules &rules) noexcept {
    // a security event or a logout token, whose typ may be missing (RFC 8417, section 4.5)
    if (claims.find("events"))
        return TokenFault::wrong_type;
    // of whoever proves the key (RFC 7800: DPoP, mTLS), which nobody does here
    if (claims.find("cnf"))
        return TokenFault::bound_to_key;
    const json::Value sub = claims.find("sub");
    // whatever iss says: a trust domain speaks for its own alone
    if (rules.trust_domain &&
        !(sub.is_string() && trust_domain_of(sub.as_string()) == *rules.trust_domain))
        return TokenFault::wrong_trust_domain;
    const std::int64_t now = rules.time.now_us;
    const auto exp = numeric_date_us(claims.find("exp")), iat = numeric_date_us(claims.find("iat"));
    // within the skew it may be alive, but nothing that ends with it
    if (!exp || whole_seconds(*exp) <= whole_seconds(now))
        return TokenFault::expired;
    // an empty list is what Ory Hydra writes
    if (const json::Value aud = claims.find("aud");
        rules.no_audience && aud && !(aud.is_array() && aud.size() == 0))
        return TokenFault::wrong_audience;
    if (iat && *iat > now + std::max(rules.time.skew_s, 0) * us_per_second)
        return TokenFault::issued_in_future;
    std::int64_t life = 0;
    if (iat &&
        (__builtin_sub_overflow(*exp, *iat, &life) || life > rules.longest_life_s * us_per_second))
        return TokenFault::lives_too_long;
    if (!sub.is_string() || sub.as_string().empty()) // RFC 7523, section 3
        return TokenFault::subject_missing;
    return missing_claim(claims, rules) ? TokenFault::claim_missing : TokenFault::none;
}

std::optional<std::string_view> missing_claim(json::Value claims,
                                              const IssuerRules &rules) noexcept {
    for (const std::string_view name : rules.required_claims)
        if (!claims.find(name))
            return name;
    return std::nullopt;
}

} // namespace pg_principal
