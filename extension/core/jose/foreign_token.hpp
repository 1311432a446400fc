// Tokens that somebody else has signed and we act upon: a trusted issuer's identity token, a
// client's assertion. Stricter than a JWT in general: never a secret, always an end.
#pragma once

#include "core/jose/jwt.hpp"

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace pg_principal {

struct ForeignRules {
    TimeRules time;
    std::optional<std::string_view> issuer; // nullopt: not asked for; SPIFFE's tokens have none
    // One of them must be among the token's; empty: not asked for, Cognito's access tokens have
    // none.
    std::vector<std::string_view> audiences;
    bool sole_audience = false;          // and be the only one: a string, no list (RFC 10070)
    std::vector<Alg> algorithms;         // empty: all but those of secrets
    std::vector<std::string_view> types; // of typ, beside none, JWT and JOSE
    std::optional<std::int64_t> longest_life_s; // from now to exp
};

// {"issuer": TEXT or null, "audiences": [TEXT, ...] or null, "soleAudience": BOOLEAN, "algorithms":
// [NAME, ...], "types": [TEXT, ...], "longestLife": SECONDS}. The first two must be there, for what
// is forgotten would let tokens in. The views point into the value's document. Throws
// Error(token_rules_malformed) or Error(algorithm_unknown).
ForeignRules read_foreign_rules(json::Value rules);

// The token, or the one that the scratch has read: its keys may be found by what it says.
TokenFault verify_foreign_token(std::string_view token, const KeySet &keys,
                                const ForeignRules &rules, TokenScratch &scratch,
                                Checkpoint checkpoint = no_checkpoint);
TokenFault verify_foreign_token(const KeySet &keys, const ForeignRules &rules, TokenScratch &read,
                                Checkpoint checkpoint = no_checkpoint);

// What an issuer's tokens must be like to be exchanged for ours, beside verify_foreign_token().
struct IssuerRules {
    TimeRules time;
    std::optional<std::string_view> trust_domain; // of SPIFFE: "spiffe://" and its name
    bool no_audience = false;                     // it must have none
    std::int64_t longest_life_s = 0;              // from iat to exp
    std::vector<std::string_view> required_claims;
};

// What the trust domain of a SPIFFE ID is, or would be: all before the first "/" of its path.
std::string_view trust_domain_of(std::string_view spiffe_id) noexcept;

// Of claims that verify_foreign_token() has let through.
TokenFault check_issuer_rules(json::Value claims, const IssuerRules &rules) noexcept;

// Which one it is that claim_missing tells of: the first of those required.
std::optional<std::string_view> missing_claim(json::Value claims,
                                              const IssuerRules &rules) noexcept;

} // namespace pg_principal
