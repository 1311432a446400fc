// A JWK set from a stranger, and which of its keys a token is checked with.
#include "fuzz.hpp"

#include "core/jose/jws.hpp"

using namespace pg_principal;

namespace {

bool is_usable(const KeySet &keys, std::size_t index) { return keys.usable(index) != nullptr; }

void check_candidates(const KeySet &keys, Alg alg, std::optional<std::string_view> kid) {
    const KeySet::Candidates found = keys.candidates(alg, kid);
    fuzz::check(found.count <= KeySet::max_candidates, "only so many keys are tried");
    fuzz::check((found.count == 0) == (found.lack != KeySet::Lack::nothing), "a lack has a reason");
    fuzz::check((found.lack == KeySet::Lack::unusable) ==
                    (found.count == 0 && !found.reason.empty()),
                "what is wrong with a key is said");
    bool named = false;
    for (std::size_t i = 0; i < keys.size(); ++i)
        named |= kid && !kid->empty() && keys.kid(i) == *kid;
    fuzz::check(!named || found.count <= 1, "a kid names one key at most");
    for (std::size_t i = 0; i < found.count; ++i) {
        fuzz::check(found.keys[i]->allows(alg, KeyOperation::verify), "a candidate may verify");
        fuzz::check(!named || found.keys[i]->kid() == *kid, "the kid decides");
        fuzz::check(!found.keys[i]->is_private() || found.keys[i]->is_symmetric(),
                    "no private half is kept");
    }
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
    const std::string text = fuzz::text_of(data, size);
    const auto keys = fuzz::parsed([&] { return parse_jwk_set(text); });
    if (!keys)
        return 0;
    bool secret = false, asymmetric = false;
    std::string written = "{\"keys\":[";
    std::size_t usable = 0;
    for (std::size_t i = 0; i < keys->size(); ++i) {
        fuzz::check(is_usable(*keys, i) == keys->fault(i).empty(),
                    "a key that is not used has a fault");
        if (!is_usable(*keys, i))
            continue;
        ++usable;
        const Key &key = *keys->usable(i);
        fuzz::check(key.kid() == keys->kid(i), "a key has the kid that it says");
        (key.is_symmetric() ? secret : asymmetric) = true;
        written += written.back() == '[' ? "" : ",";
        written += key.is_private() ? private_jwk(key).view() : public_jwk(key);
    }
    fuzz::check(!secret || !asymmetric, "secret and public keys do not mix");
    const KeySet again = parse_jwk_set(written + "]}");
    fuzz::check(again.size() == usable, "what can be used comes back");
    for (std::size_t i = 0; i < again.size(); ++i)
        fuzz::check(is_usable(again, i), "and can be used");
    for (std::size_t i = 0; i < alg_count; ++i) {
        check_candidates(*keys, static_cast<Alg>(i), std::nullopt);
        check_candidates(*keys, static_cast<Alg>(i), "");
        check_candidates(*keys, static_cast<Alg>(i), "k");
        for (std::size_t key = 0; key < keys->size(); ++key)
            check_candidates(*keys, static_cast<Alg>(i), keys->kid(key));
    }
    return 0;
}
