// What the fuzz targets share. A broken invariant ends the process, which keeps the input.
#pragma once

#include "core/base/error.hpp"
#include "core/jose/jwk.hpp"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size);

namespace fuzz {

inline void check(bool holds, const char *what) {
    if (holds)
        return;
    std::fprintf(stderr, "invariant broken: %s\n", what);
    std::abort();
}

// In memory of its own size, so that reading a byte too many is seen.
inline std::string text_of(const std::uint8_t *data, std::size_t size) {
    std::string text(reinterpret_cast<const char *>(data), size);
    text.shrink_to_fit();
    return text;
}

// What a sound key does, however it came to be: its forms are the same key, and it signs.
inline void check_key(const pg_principal::Key &key) {
    using namespace pg_principal;
    const std::string id = thumbprint(key);
    check(id.size() == 43, "a thumbprint has 43 characters");
    const auto same = [&](const Key &other, bool is_private) {
        check(thumbprint(other) == id && other.kty() == key.kty() && other.curve() == key.curve(),
              "another form of a key is the same key");
        check(other.is_private() == is_private, "a form is private or public as it says");
    };
    const auto declared = [&](const Key &other) {
        check(other.kid() == key.kid() &&
                  (other.alg() == key.alg() ||
                   (key.is_pss_only() && !key.alg() && other.alg() == key.default_alg())),
              "a JWK keeps alg and kid, and says in alg that a key is for RSASSA-PSS alone");
    };
    const Key open = key.is_symmetric() ? key : parse_jwk(public_jwk(key));
    declared(open);
    same(open, key.is_symmetric());
    if (!key.is_symmetric())
        same(parse_pem(public_pem(key)), false);
    if (!key.is_private())
        return;
    const Key again = parse_jwk(private_jwk(key).view());
    declared(again);
    same(again, true);
    const Alg alg = key.default_alg();
    if (!key.allows(alg, KeyOperation::sign))
        return;
    const std::string signature = again.sign(alg, "message");
    check(open.verify(alg, "message", signature), "what a key signs its public half verifies");
    check(!open.verify(alg, "massage", signature), "another message does not verify");
}

// Runs a parser; of its errors only those that blame the input are in order.
template <class Parse>
auto parsed(Parse &&parse) -> std::optional<decltype(parse())> {
    using pg_principal::Errc;
    try {
        return parse();
    } catch (const pg_principal::Error &error) {
        check(error.code() == Errc::key_malformed || error.code() == Errc::key_refused ||
                  error.code() == Errc::key_set_refused ||
                  error.code() == Errc::key_set_too_large || error.code() == Errc::secret_refused,
              error.what());
        check(error.message().size() < 200, "a message does not grow with the input");
        return std::nullopt;
    }
}

} // namespace fuzz
