// For jwk*.cpp alone: what a key holds and how one comes to be.
#pragma once

#include "core/error.hpp"
#include "core/jwk.hpp"

namespace pg_principal {

struct Key::State {
    std::optional<HmacKey> secret; // one of the two
    std::optional<PKey> pkey;
};

class KeyBuilder {
  public:
    // Throws Error(key_refused) for a secret that is too short or a public key in disguise.
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

} // namespace pg_principal
