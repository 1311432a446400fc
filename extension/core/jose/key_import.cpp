#include "core/jose/key_import.hpp"

#include "core/base/error.hpp"
#include "core/base/utf8.hpp"
#include "core/secret_text/secret_text.hpp"
#include "core/secret_text/internal.hpp"

namespace pg_principal {

namespace {

bool is_private_jwk(json::Value jwk) noexcept {
    const json::Value kty = jwk.find("kty");
    return kty.is_string() && (kty.as_string() == "oct" || jwk.find("d"));
}

[[noreturn]] void refuse_text(std::string_view text) {
    throw Error(Errc::secret_refused, {"it is " + published_text(text)});
}

Key import_array(json::Value array, std::string_view text) {
    if (array.size() == 1 && (*array.elements().begin()).find("kty"))
        return parse_jwk(*array.elements().begin());
    std::size_t keys = 0;
    std::string kids;
    for (const json::Value element : array.elements()) {
        if (!is_private_jwk(element))
            continue;
        const json::Value kid = element.find("kid");
        kids.append(keys++ > 0 ? ", " : "")
            .append(kid.is_string() ? "\"" + printable(kid.as_string()) + "\"" : "one without kid");
        if (kids.size() > 400)
            break;
    }
    if (keys == 0)
        refuse_text(text);
    throw Error(Errc::key_refused, {"it is an array of " + std::to_string(array.size()) +
                                    " elements; import one of its "
                                    "private keys by itself: " +
                                    kids});
}

} // namespace

Key import_key(std::string_view source) {
    constexpr json::Limits limits{32, std::size_t{1} << 20};
    const std::string_view text =
        secret_text::trimmed(without_byte_order_mark(secret_text::trimmed(source)));
    const char first = text.empty() ? '\0' : text.front();
    if (first == '{' || first == '[') {
        json::Document doc;
        if (const json::ParseStatus status = json::try_parse(doc, text, limits); status) {
            if (first == '[')
                return import_array(doc.root(), text);
            if (!doc.root().find("kty") && doc.root().size() > 0)
                refuse_text(text);
            return parse_jwk(doc.root());
        } else if (first == '{') {
            throw Error(Errc::key_malformed,
                        {std::string("it begins like a JWK but is not JSON: ") + status.fault +
                         " at byte " + std::to_string(status.offset)});
        }
    }
    if (text.substr(0, 11) == "-----BEGIN ")
        return parse_pem(text);
    return key_from_secret(source);
}

} // namespace pg_principal
