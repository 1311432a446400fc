#include "pg/key_argument.hpp"

#include "core/error.hpp"
#include "pg/jsonb.hpp"
#include "pg/revocation.hpp"

#include <list>

namespace pg_principal {

namespace {

bool is_pem(std::string_view text) { return text.find("-----BEGIN ") != std::string_view::npos; }

// A secret alone does not say which hash it is for: it serves each that it is long enough for.
KeySet keys_from_secret(std::string_view secret) {
    std::vector<Key> keys{key_from_secret(secret, Alg::HS256)};
    for (const Alg alg : {Alg::HS384, Alg::HS512})
        if (secret.size() >= hash_size(alg_hash(alg)))
            keys.push_back(key_from_secret(secret, alg));
    return KeySet(std::move(keys));
}

KeySet parse_key_set(std::string_view json_text) {
    const json::Document document(json_text);
    if (!document.root().is_string())
        return parse_jwk_set(document.root());
    const std::string_view text = document.root().as_string();
    if (is_pem(text))
        return KeySet({parse_pem(text)});
    return keys_from_secret(text);
}

// The most recently used first.
class PreparedKeys {
  public:
    static constexpr std::size_t max_sets = 32;

    const KeySet *find(std::string_view jsonb_bytes) {
        if (epoch_ != proof_epoch) {
            sets_.clear();
            epoch_ = proof_epoch;
        }
        for (auto set = sets_.begin(); set != sets_.end(); ++set)
            if (set->source.view() == jsonb_bytes) {
                sets_.splice(sets_.begin(), sets_, set);
                return &sets_.front().keys;
            }
        return nullptr;
    }

    const KeySet &keep(std::string_view jsonb_bytes, KeySet keys) {
        sets_.push_front({Secret(jsonb_bytes), std::move(keys)});
        if (sets_.size() > max_sets)
            sets_.pop_back();
        return sets_.front().keys;
    }

  private:
    struct Set {
        Secret source;
        KeySet keys;
    };
    std::list<Set> sets_;
    std::uint64_t epoch_ = 0;
};

PreparedKeys &prepared_keys() {
    static PreparedKeys *const keys = new PreparedKeys; // never destroyed
    return *keys;
}

} // namespace

const KeySet &key_set_argument(FunctionCallInfo fcinfo, int n) {
    const std::string_view bytes = bytes_argument(fcinfo, n); // as they are stored: enough to tell
    PreparedKeys &prepared = prepared_keys();
    if (const KeySet *keys = prepared.find(bytes))
        return *keys;
    return prepared.keep(bytes, parse_key_set(jsonb_argument(fcinfo, n)));
}

Key key_argument(FunctionCallInfo fcinfo, int n, std::optional<Alg> alg) {
    const KeySet &keys = key_set_argument(fcinfo, n);
    if (keys.size() == 1)
        return keys[0];
    for (const Key &key : keys) // of one secret
        if (key.is_symmetric() && key.kid().empty() && key.alg() == alg.value_or(Alg::HS256))
            return key;
    throw Error(Errc::key_refused, {"one key is wanted here, not a set"});
}

} // namespace pg_principal
