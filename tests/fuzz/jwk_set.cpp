// A JWK set from a stranger, and which of its keys a token is checked with.
#include "fuzz.hpp"

#include "core/jws.hpp"

#include <algorithm>

using namespace pg_principal;

namespace {

void check_candidates(const KeySet &keys, Alg alg, std::optional<std::string_view> kid) {
    const KeySet::Candidates found = keys.candidates(alg, kid);
    fuzz::check(found.count <= KeySet::max_candidates, "only so many keys are tried");
    const bool any_kid =
        std::any_of(keys.begin(), keys.end(), [](const Key &key) { return !key.kid().empty(); });
    for (std::size_t i = 0; i < found.count; ++i) {
        fuzz::check(found.keys[i]->allows(alg, KeyOperation::verify), "a candidate may verify");
        fuzz::check(!kid || !any_kid || found.keys[i]->kid() == *kid, "the kid decides");
    }
    fuzz::check(keys.select(alg, kid) == (found.count ? found.keys[0] : nullptr),
                "the first candidate is selected");
}

void check_token(const KeySet &keys, const Key &key) {
    const Alg alg = key.default_alg();
    if (!key.allows(alg, KeyOperation::sign))
        return;
    const std::string token = jws_sign("payload", key, alg);
    CompactJws jws;
    fuzz::check(jws.parse(std::string_view(token)) == TokenFault::none, "our own token is read");
    const Key *used = nullptr;
    const TokenFault fault = verify(jws, keys, &used);
    if (!key.kid().empty() && key.allows(alg, KeyOperation::verify))
        fuzz::check(fault == TokenFault::none && used == &key, "the key of its kid verifies");
    fuzz::check(fault == TokenFault::none || used == nullptr, "no key fits a refused token");
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
    const std::string text = fuzz::text_of(data, size);
    const auto keys = fuzz::parsed([&] { return parse_jwk_set(text); });
    if (!keys)
        return 0;
    const std::size_t secrets = static_cast<std::size_t>(
        std::count_if(keys->begin(), keys->end(), [](const Key &k) { return k.is_symmetric(); }));
    fuzz::check(secrets == 0 || secrets == keys->size(), "secret and public keys do not mix");
    std::string written = "{\"keys\":[";
    for (const Key &key : *keys) {
        fuzz::check(key.kid().empty() || keys->find(key.kid()) == &key, "a kid names one key");
        written += written.back() == '[' ? "" : ",";
        written += key.is_private() ? private_jwk(key).view() : public_jwk(key);
        check_token(*keys, key);
    }
    const KeySet again = parse_jwk_set(written + "]}");
    fuzz::check(again.size() == keys->size(), "a set comes back whole");
    for (std::size_t i = 0; i < again.size(); ++i)
        fuzz::check(thumbprint(again[i]) == thumbprint((*keys)[i]), "a set keeps its order");
    for (std::size_t i = 0; i < alg_count; ++i) {
        check_candidates(*keys, static_cast<Alg>(i), std::nullopt);
        check_candidates(*keys, static_cast<Alg>(i), "");
        check_candidates(*keys, static_cast<Alg>(i), "k");
        for (const Key &key : *keys)
            check_candidates(*keys, static_cast<Alg>(i), key.kid());
    }
    return 0;
}
