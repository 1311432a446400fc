// Compact JWS (RFC 7515). The algorithm comes from the key and the header must agree with it.
#pragma once

#include "core/json/document.hpp"
#include "core/jose/key_set.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pg_principal {

constexpr std::size_t max_token_bytes = 16 * 1024;

// Why a token is refused; describe() gives the text that callers show.
enum class TokenFault : std::uint8_t {
#define TOKEN_FAULT(id, text) id,
#include "core/jose/token_faults.inc"
#undef TOKEN_FAULT
};
std::string_view describe(TokenFault fault) noexcept;
constexpr bool is_malformed(TokenFault fault) noexcept { return fault >= TokenFault::malformed; }
// The same with what is wrong with the JSON, where that is why.
std::string describe(TokenFault fault, const json::ParseStatus &json);

// Keys that come with a token (jwk, jku, x5c, x5u) are never looked at. A token of ours, or one that
// is verified for somebody else, has none; of others' identity tokens some have (SAP's, Azure
// Attestation's).
enum class KeysInHeader : std::uint8_t { refused, ignored };

// A token taken apart, nothing verified yet. Reuse one to avoid allocations: a header equal to the
// last one is not parsed again. The views point into the token or into this object.
class CompactJws {
  public:
    CompactJws() = default;
    CompactJws(const CompactJws &) = delete;
    CompactJws &operator=(const CompactJws &) = delete;

    // Everything that can be refused without a key.
    TokenFault parse(std::string_view token, KeysInHeader keys = KeysInHeader::refused);
    TokenFault parse(std::string &&token, KeysInHeader = {}) = delete; // the views would outlive it

    std::string_view header_b64, payload_b64, signature_b64, signing_input;
    Alg alg = Alg::HS256;
    std::optional<std::string_view> kid, typ;
    std::string header, payload, signature; // decoded
    json::ParseStatus header_json;          // what is wrong with it, after header_not_json

  private:
    TokenFault parse_header(KeysInHeader keys);

    bool has_keys_ = false;
    std::string known_header_b64_; // of the header that alg, kid, typ and header describe
    json::Document header_doc_;
};

bool verify_signature(Alg alg, const Key &key, std::string_view message, std::string_view signature,
                      Checkpoint checkpoint = no_checkpoint);

// none, algorithm_refused, unknown_key or bad_signature.
TokenFault verify(const CompactJws &jws, const Key &key);
// unusable_key and ambiguous_key, too; `used` receives the key that fitted, `reason` what is wrong
// with the one that the token names.
TokenFault verify(const CompactJws &jws, const KeySet &keys, const Key **used = nullptr,
                  std::string *reason = nullptr, Checkpoint checkpoint = no_checkpoint);

struct JwsHeader {
    std::string_view typ; // left out when empty
    std::string_view cty; // left out when empty
    bool with_kid = true; // the key's kid when it has one
};
// What a value of the server can hold, its length word left out.
constexpr std::size_t max_value_bytes = 0x3fffffff - 4;
// Throws Error(algorithm_mismatch) when the key may not sign with the algorithm, and
// Error(value_too_long) before anything is calculated.
std::string jws_sign(std::string_view payload, const Key &key,
                     std::optional<Alg> alg = std::nullopt, const JwsHeader &header = {},
                     Checkpoint checkpoint = no_checkpoint);
// With a header written by the caller: it must name the algorithm.
std::string jws_sign_raw(std::string_view header_json, std::string_view payload, const Key &key,
                         Alg alg, Checkpoint checkpoint = no_checkpoint);

} // namespace pg_principal
