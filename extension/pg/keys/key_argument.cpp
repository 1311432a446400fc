#include "pg/keys/key_argument.hpp"

#include "core/base/error.hpp"
#include "pg/bridge/jsonb.hpp"
#include "pg/tables/revocation.hpp"

#include <cstdint>
#include <limits>
#include <list>

namespace pg_principal {

namespace {

bool is_pem(std::string_view text) { return text.find("-----BEGIN ") != std::string_view::npos; }

// A secret alone does not say which hash it is for: it serves each that it is long enough for.
std::vector<Key> keys_from_secret(std::string_view secret) {
    std::vector<Key> keys{key_from_secret(secret, Alg::HS256)};
    for (const Alg alg : {Alg::HS384, Alg::HS512})
        if (secret.size() >= hash_size(alg_hash(alg)))
            keys.push_back(key_from_secret(secret, alg));
    return keys;
}

std::vector<Key> keys_from_string(std::string_view text, Reading reading) {
    if (is_pem(text))
        return {parse_pem(text, reading)};
    return keys_from_secret(text);
}

[[noreturn]] void refuse_set() {
    throw Error(Errc::key_refused, {"a single key is expected, not a set"});
}

// The one key of a set that is for us as far as it says itself.
json::Value only_key(json::Value keys) {
    if (keys.size() > KeySet::max_keys)
        refuse_set();
    json::Value found;
    for (const json::Value key : keys.elements()) {
        if (keys.size() > 1 && !may_be_used(key))
            continue;
        if (found)
            refuse_set();
        found = key;
    }
    if (!found)
        refuse_set();
    return found;
}

KeySet read_verifiers(json::Value root) {
    return root.is_string() ? KeySet(keys_from_string(root.as_string(), Reading::public_half))
                            : parse_jwk_set(root);
}

std::vector<Key> read_signers(json::Value root) {
    if (root.is_string())
        return keys_from_string(root.as_string(), Reading::whole);
    const json::Value keys = root.find("keys");
    return {parse_jwk(keys.is_array() && !root.find("kty") ? only_key(keys) : root)};
}

// What was made of arguments, the most recently used first.
template <class Keys>
class Prepared {
  public:
    template <class Read>
    const Keys &of(Datum jsonb, Read read) {
        const std::string_view bytes = bytes_of(jsonb); // as stored: enough to tell
        if (epoch_ != everything_epoch)
            forget();
        epoch_ = everything_epoch;
        for (auto kept = all_.begin(); kept != all_.end(); ++kept)
            if (kept->source.view() == bytes) {
                all_.splice(all_.begin(), all_, kept);
                return all_.front().keys;
            }
        if (bytes.size() > KeySet::max_bytes)
            throw Error(Errc::key_set_too_large,
                        {std::to_string(KeySet::max_bytes), "bytes", std::to_string(bytes.size())});
        // one odd member of one key takes no other with it
        const json::Document document(jsonb_text(jsonb),
                                      {512, std::numeric_limits<std::size_t>::max(), false, true});
        all_.push_front({Secret(bytes), read(document.root())});
        size_ += bytes.size();
        while (all_.size() > 1 && (all_.size() > max_kept || size_ > max_kept_bytes)) {
            size_ -= all_.back().source.size();
            all_.pop_back();
        }
        return all_.front().keys;
    }

  private:
    static constexpr std::size_t max_kept = 32, max_kept_bytes = 2 * KeySet::max_bytes;
    struct Kept {
        Secret source;
        Keys keys;
    };
    void forget() {
        all_.clear();
        size_ = 0;
    }
    std::list<Kept> all_;
    std::size_t size_ = 0;
    std::uint64_t epoch_ = 0;
};

// Never destroyed.
template <class Keys>
Prepared<Keys> &prepared() {
    static auto *const all = new Prepared<Keys>;
    return *all;
}

const Key *of_alg(const std::vector<Key> &keys, Alg alg) {
    for (const Key &key : keys) // of one secret
        if (key.alg() == alg)
            return &key;
    return nullptr;
}

} // namespace

const KeySet &key_set_argument(FunctionCallInfo fcinfo, int n) {
    return key_set_of(PG_GETARG_DATUM(n));
}

const KeySet &key_set_of(Datum jsonb) { return prepared<KeySet>().of(jsonb, read_verifiers); }

Key key_argument(FunctionCallInfo fcinfo, int n, std::optional<Alg> alg) {
    const auto &keys = prepared<std::vector<Key>>().of(PG_GETARG_DATUM(n), read_signers);
    if (keys.size() == 1)
        return keys.front();
    const Key *key = of_alg(keys, alg.value_or(Alg::HS256));
    return key != nullptr ? *key : keys.front();
}

Key verifying_key_argument(FunctionCallInfo fcinfo, int n, Alg alg) {
    struct Verifiers {
        std::vector<Key> keys;
    };
    const auto &keys = prepared<Verifiers>().of(PG_GETARG_DATUM(n), [](json::Value root) {
        if (root.is_string())
            return Verifiers{keys_from_string(root.as_string(), Reading::public_half)};
        const json::Value set = root.find("keys");
        return Verifiers{{parse_jwk(set.is_array() && !root.find("kty") ? only_key(set) : root,
                                    Reading::public_half)}};
    });
    const Key *key = keys.keys.size() > 1 ? of_alg(keys.keys, alg) : nullptr;
    return key != nullptr ? *key : keys.keys.front();
}

} // namespace pg_principal
