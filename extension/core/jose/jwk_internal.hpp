// For jwk*.cpp and key_*.cpp alone: what a key holds and how one comes to be.
#pragma once

#include "core/base/error.hpp"
#include "core/jose/jwk.hpp"

namespace pg_principal {

struct Key::State {
    std::optional<HmacKey> secret; // one of the two
    std::optional<PKey> pkey;
};

class KeyBuilder {
  public:
    // Throws Error(key_refused) or Error(secret_refused).
    static Key from_secret(std::string_view secret);
    static Key from_pkey(PKey pkey);
    // Throws Error(key_refused) when the algorithm does not fit the key.
    static void declare(Key &key, std::optional<Alg> alg, std::string kid);
    static void restrict(Key &key, bool may_sign, bool may_verify) {
        key.may_sign_ = may_sign;
        key.may_verify_ = may_verify;
    }
    using State = Key::State;
    static const State &state(const Key &key) { return *key.state_; }
};

// What a JWK says of itself, read without its numbers.
struct JwkOutline {
    Kty kty = Kty::oct;
    Curve curve = Curve::none;
    std::optional<Alg> alg;
    std::string_view kid;
    bool may_sign = true, may_verify = true; // key_ops
};
// Throws Error(key_malformed) or Error(key_refused).
JwkOutline outline_of(json::Value jwk);

// Of a published key that is not public its name alone is kept, with one of these as its use or in
// place of its PEM (auth.published_key()).
constexpr bool is_kept_reason(std::string_view text) {
    return text == "published with its private half" || text == "a secret is no public key";
}

constexpr json::Limits key_limits{512, std::size_t{4} << 20, true, true};
// Throws Error(key_malformed); a byte order mark before the text is passed over (RFC 8259).
void parse_key_text(json::Document &doc, std::string_view text, const json::Limits &limits);

} // namespace pg_principal
