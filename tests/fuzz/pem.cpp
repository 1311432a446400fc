// A PEM key from a stranger: refused, or a sound key in all its forms.
#include "fuzz.hpp"

#include "core/jose/key_import.hpp"
#include "core/secret_text/secret_text.hpp"

using namespace pg_principal;

int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
    const std::string text = fuzz::text_of(data, size);
    const auto key = fuzz::parsed([&] { return parse_pem(text); });
    if (!key)
        return 0;
    fuzz::check_key(*key);
    const auto own = fuzz::parsed([&] { return import_key(text); });
    fuzz::check(!own || !own->is_symmetric(), "a PEM is no secret");
    fuzz::check(!published_text(text).empty(), "a PEM never passes for a secret");
    const auto labelled = [&](const char *label) { return text.find(label) != text.npos; };
    fuzz::check(key->is_private() ? labelled("PRIVATE KEY-----")
                                  : labelled("PUBLIC KEY-----") || labelled("CERTIFICATE-----"),
                "a key is what its label says");
    if (key->is_private())
        fuzz::check(thumbprint(parse_pem(private_pem(*key).view())) == thumbprint(*key),
                    "a private PEM comes back");
    return 0;
}
