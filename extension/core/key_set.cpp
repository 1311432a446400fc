#include "core/error.hpp"
#include "core/jwk.hpp"

#include <algorithm>

namespace pg_principal {

KeySet::KeySet(std::vector<Key> keys) : keys_(std::move(keys)) {
    std::vector<std::string_view> kids;
    for (const Key &key : keys_)
        if (!key.kid().empty())
            kids.push_back(key.kid());
    any_kid_ = !kids.empty();
    std::sort(kids.begin(), kids.end());
    if (std::adjacent_find(kids.begin(), kids.end()) != kids.end())
        throw Error(Errc::key_set_refused, {"it repeats a kid"});
}

const Key *KeySet::find(std::string_view kid) const noexcept {
    for (const Key &key : keys_)
        if (!kid.empty() && key.kid() == kid)
            return &key;
    return nullptr;
}

KeySet::Candidates KeySet::candidates(Alg alg, std::optional<std::string_view> kid) const noexcept {
    Candidates found;
    if (kid && any_kid_) {
        const Key *key = find(*kid);
        found.kid_known = key != nullptr;
        if (key && key->allows(alg, KeyOperation::verify))
            found.keys[found.count++] = key;
        return found;
    }
    for (const Key &key : keys_)
        if (found.count < max_candidates && key.allows(alg, KeyOperation::verify))
            found.keys[found.count++] = &key;
    return found;
}

const Key *KeySet::select(Alg alg, std::optional<std::string_view> kid) const noexcept {
    const Candidates found = candidates(alg, kid);
    return found.count > 0 ? found.keys[0] : nullptr;
}

} // namespace pg_principal
