// The keys that a token may be verified with: a JWK Set (RFC 7517 section 5) of a stranger, or keys
// of our own. Of a set no more is read at first than what each key says of itself; its numbers are
// read when a token asks for it, and the private half never. A key that cannot be used is passed
// over, and only the token that names it is refused for it.
#pragma once

#include "core/jose/jwk.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pg_principal {

// A copy is as cheap as its keys. For one thread: reading a key changes what is kept here.
class KeySet {
  public:
    static constexpr std::size_t max_keys = 256, max_bytes = std::size_t{4} << 20;
    // At most this many keys of a set are tried for one token.
    static constexpr std::size_t max_candidates = 8;

    // Why there is no candidate.
    enum class Lack { nothing, kid_unknown, not_for_algorithm, unusable, ambiguous };
    struct Candidates {
        std::array<const Key *, max_candidates> keys{};
        std::size_t count = 0;
        Lack lack = Lack::nothing;
        std::string reason; // unusable: what is wrong with the key
    };

    KeySet() = default;
    // Keys of our own; secret ones next to others, because each declares its algorithm. Throws
    // Error(key_set_refused) for a repeated kid.
    explicit KeySet(std::vector<Key> keys);

    std::size_t size() const noexcept { return members_.size(); }
    bool empty() const noexcept { return members_.empty(); }
    // The public half, or nullptr when it cannot be used and fault() tells why.
    const Key *usable(std::size_t index) const { return read(members_[index]); }
    std::string_view kid(std::size_t index) const noexcept { return members_[index].kid; }
    std::string_view fault(std::size_t index) const noexcept { return members_[index].fault; }
    // Whose tokens a key of this set is for, when it says so: the member `issuer` that Entra ID
    // adds, in which {tenantid} stands for the token's tenant. Empty: it does not say.
    std::string_view issuer_of(const Key *key) const noexcept;

    // What keeps the key at the index from verifying a token, as far as this is not the token's
    // fault; empty: nothing. Reads its numbers.
    std::string problem(std::size_t index, Checkpoint checkpoint = no_checkpoint) const;

    // A token with a kid is checked with the keys of that kid and of its algorithm, and with none
    // when two different secrets could be meant; when no usable key of the set has a kid, or the token
    // has none, with those whose type and alg fit, in the order of the set.
    Candidates candidates(Alg alg, std::optional<std::string_view> kid,
                          Checkpoint checkpoint = no_checkpoint) const;

  private:
    friend class KeySetReader;
    struct Member {
        std::string kid, issuer;
        Kty kty = Kty::oct;
        Curve curve = Curve::none;
        std::optional<Alg> alg;
        bool is_outlined = true; // what is above has been read
        std::string fault;       // once one is known
        Secret source;           // the JWK, until it is read
        std::optional<Key> key;  // its public half, once it is read
        std::string print;       // its thumbprint, once another key has its kid
        bool may_serve(Alg wanted) const noexcept;
        // Not under another name: Ed25519 where EdDSA is asked for.
        bool serves_by_name(Alg wanted) const noexcept;
    };
    static const Key *read(Member &member);
    bool names(std::string_view kid) const noexcept;
    struct Serving {
        std::size_t count = 0, by_name = 0;
    };
    Serving serving(Alg alg, std::string_view kid) const noexcept;
    bool is_ambiguous(Alg alg, std::string_view kid, const Serving &meant,
                      Checkpoint checkpoint) const;
    bool has_usable_kid(Checkpoint checkpoint) const;

    mutable std::vector<Member> members_;
};

// Whether a key of a set is for us, as far as it says itself.
bool may_be_used(json::Value jwk);

// A JWK, whose faults are errors, or {"keys": [...]}, or {"KID": "PEM", ...} as Google publishes
// its certificates, of which only the frame can be one:
// Error(key_malformed) when it is not a JWK Set, Error(key_set_too_large).
KeySet parse_jwk_set(std::string_view json);
KeySet parse_jwk_set(json::Value set);

} // namespace pg_principal
