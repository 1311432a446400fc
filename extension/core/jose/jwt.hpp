// JWT (RFC 7519): a JWS whose payload is a JSON object, and the checks of its registered claims.
#pragma once

#include "core/jose/jws.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pg_principal {

struct TimeRules {
    std::int64_t now_us = 0; // microseconds since the Unix epoch
    int skew_s = 0;
};

struct ClaimRules {
    TimeRules time;
    std::optional<std::string_view> issuer;   // asked for: must be present and equal
    std::optional<std::string_view> audience; // asked for: must be present and contain it
    bool require_expiry = false;              // a token without exp is malformed
    KeysInHeader keys_in_header = KeysInHeader::refused;
};

// exp, nbf and iat are JSON numbers of at most 2^53 in magnitude, fractions allowed. A token lives
// while now < exp + skew and now + skew >= nbf; iat is checked for its type only, so that a token
// is never refused as issued in the future. iss, sub and jti are strings, aud is a string or an
// array of strings.
TokenFault check_claims(json::Value claims, const ClaimRules &rules) noexcept;

// A NumericDate in microseconds, saturated; nullopt when it is refused.
std::optional<std::int64_t> numeric_date_us(json::Value value) noexcept;

// What a verification leaves behind; reuse one to avoid allocations.
class TokenScratch {
  public:
    // Takes a token apart; nothing of it is verified. What it says is for finding its issuer.
    TokenFault read(std::string_view token, KeysInHeader keys);
    TokenFault read(std::string &&token, KeysInHeader) = delete; // the views would outlive it

    // After TokenFault::none; valid until the next token.
    json::Value claims() const noexcept { return claims_.root(); }
    std::string_view payload() const noexcept { return jws_.payload; }
    const CompactJws &jws() const noexcept { return jws_; }
    const Key *key() const noexcept { return key_; } // the one that fitted
    // The text for what the last verification returned.
    std::string describe(TokenFault fault) const;

  private:
    friend TokenFault verify_token(std::string_view, const KeySet &, const ClaimRules &,
                                   TokenScratch &, Checkpoint);
    friend TokenFault verify_read_token(const KeySet &, const ClaimRules &, TokenScratch &,
                                        Checkpoint);
    TokenFault verify_signature(const KeySet &keys, Checkpoint checkpoint);
    TokenFault check(const KeySet &keys, const ClaimRules &rules);

    CompactJws jws_;
    json::Document claims_;
    json::ParseStatus payload_json_;
    const Key *key_ = nullptr;
    std::string key_fault_; // what is wrong with the key that the token names
};

// Signature first, claims after: nothing of an unsigned payload is interpreted. Where an issuer is
// asked for, a key that says whose it is must be the issuer's.
TokenFault verify_token(std::string_view token, const KeySet &keys, const ClaimRules &rules,
                        TokenScratch &scratch, Checkpoint checkpoint = no_checkpoint);
// Of the token that the scratch has read.
TokenFault verify_read_token(const KeySet &keys, const ClaimRules &rules, TokenScratch &scratch,
                             Checkpoint checkpoint = no_checkpoint);

// Throws Error(claims_not_an_object), Error(json_malformed) or Error(algorithm_mismatch).
std::string jwt_sign(std::string_view claims_json, const Key &key,
                     std::optional<Alg> alg = std::nullopt, std::string_view typ = "JWT");

} // namespace pg_principal
