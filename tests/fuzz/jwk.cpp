// A JWK from a stranger: refused, or a sound key in all its forms.
#include "fuzz.hpp"

#include "core/base/utf8.hpp"
#include "core/json/document.hpp"
#include "core/jose/key_import.hpp"
#include "core/jose/key_set.hpp"

using namespace pg_principal;

int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
    const std::string text = fuzz::text_of(data, size);
    const auto key = fuzz::parsed([&] { return parse_jwk(text); });
    const auto set = fuzz::parsed([&] { return parse_jwk_set(text); });
    const auto own = fuzz::parsed([&] { return import_key(text); });
    if (!key)
        return 0;
    fuzz::check(own && own->is_symmetric() == key->is_symmetric() &&
                    thumbprint(*own) == thumbprint(*key),
                "a JWK is imported as what it is");
    fuzz::check_key(*key);
    fuzz::check(set && set->size() == 1 && set->usable(0) &&
                    thumbprint(*set->usable(0)) == thumbprint(*key),
                "a key is a set of one");
    const json::Document doc(without_byte_order_mark(text));
    const auto member = [&](std::string_view name) {
        const json::Value value = doc.root().find(name);
        return value.is_string() ? value.as_string() : std::string_view();
    };
    fuzz::check(member("kty") == kty_name(key->kty()), "the type is what kty says");
    fuzz::check(member("kid") == key->kid(), "the kid is what kid says");
    fuzz::check(!key->alg() || member("alg") == alg_name(*key->alg()), "the alg is what alg says");
    fuzz::check(key->is_private() == (doc.root().find("d") || key->is_symmetric()),
                "a key with d is private");
    fuzz::check(member("use").empty() || member("use") == "sig" || member("use") == "jwt-svid",
                "a key to encrypt with is refused");
    for (std::size_t i = 0; i < alg_count; ++i) {
        const auto alg = static_cast<Alg>(i);
        fuzz::check(!key->allows(alg, KeyOperation::sign) || key->is_private(),
                    "a public key does not sign");
        fuzz::check(alg_kty(alg) == key->kty() || !key->allows(alg, KeyOperation::verify),
                    "a key serves no algorithm of another type");
    }
    return 0;
}
