// The public keys, for whoever verifies tokens by themselves.
#include <atomic>
#include <memory>

#include "api/routes.hpp"
#include "base/text.hpp"
#include "core/base/bytes.hpp"
#include "core/crypto/crypto.hpp"

namespace pg_principal::api {

using namespace http;

namespace {

const Statement jwks{"SELECT auth.jwks()", true};

// Compared as weak tags (RFC 9110, section 13.1.2).
bool names_tag(std::string_view list, std::string_view tag) {
    for (std::string_view item : split(list, ',')) {
        item = trimmed(item);
        if (item.substr(0, 2) == "W/")
            item.remove_prefix(2);
        if (item == tag || item == "*")
            return true;
    }
    return false;
}

struct Keys {
    std::string text, tag;
    Clock::time_point read_at;
};
using Held = std::shared_ptr<const Keys>;

// What the keys were when they were last asked for. Whoever fetches them keeps them for minutes
// anyway; a key that is revoked is gone from here within a second.
Held current(const Backend &backend, Held &held) {
    Held keys = std::atomic_load(&held);
    const Clock::time_point now = Clock::now(); // from before, not after, they are read
    if (keys && now - keys->read_at < milliseconds(1000))
        return keys;
    const Result result = backend.ask(jwks);
    const std::string_view text = result.text(0, 0);
    keys = std::make_shared<const Keys>(
        Keys{std::string(text), '"' + hex_encode(sha256(text).substr(0, 16)) + '"', now});
    std::atomic_store(&held, keys);
    return keys;
}

Response get_keys(const Backend &backend, Held &held, const Request &request) {
    const Held keys = current(backend, held);
    Response response = names_tag(request.header("If-None-Match"), keys->tag)
                            ? Response::empty(304)
                            : Response::json(200, keys->text);
    // A key that is published in standby is known everywhere before it signs.
    response.set("ETag", keys->tag).set("Cache-Control", "public, max-age=300");
    return response;
}

} // namespace

Route key_route(const SharedBackend &backend, const std::string &prefix) {
    constexpr Row row = {"GET",           "/.well-known/jwks.json",
                         Caller::anybody, "Public keys that verify tokens (RFC 7517)",
                         Act(),           R"({"keys!": {"type": "array"}})"};
    Route made = route(row, [backend, held = std::make_shared<Held>()](const Request &request) {
        return get_keys(*backend, *held, request);
    });
    made.pattern = prefix + made.pattern;
    return made;
}

} // namespace pg_principal::api
