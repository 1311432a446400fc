// The public keys, for whoever verifies tokens by themselves.
#include "api_routes.hpp"
#include "core/bytes.hpp"
#include "core/crypto.hpp"
#include "http_syntax.hpp"

namespace pg_principal::api {

using namespace http;

namespace {

const Statement jwks{"SELECT auth.jwks()"};

// Compared as weak tags (RFC 9110, section 13.1.2).
bool names_tag(std::string_view list, std::string_view tag) {
    while (!list.empty()) {
        const std::size_t comma = list.find(',');
        std::string_view item = trimmed(list.substr(0, comma));
        list = comma == list.npos ? std::string_view() : list.substr(comma + 1);
        if (item.substr(0, 2) == "W/")
            item.remove_prefix(2);
        if (item == tag || item == "*")
            return true;
    }
    return false;
}

Response get_keys(const Backend &backend, const Request &request) {
    const Result result = backend.ask(jwks);
    const std::string_view keys = result.text(0, 0);
    const std::string tag = '"' + hex_encode(sha256(keys).substr(0, 16)) + '"';
    Response response = names_tag(request.header("If-None-Match"), tag)
                            ? Response::empty(304)
                            : Response::json(200, std::string(keys));
    // A key that is published in standby is known everywhere before it signs.
    response.set("ETag", tag).set("Cache-Control", "public, max-age=300");
    return response;
}

} // namespace

void add_key_routes(RouteTable &routes, const SharedBackend &backend, const std::string &prefix) {
    Route made = route("GET", "/.well-known/jwks.json", Caller::anybody,
                       "Public keys that verify tokens (RFC 7517)",
                       [backend](const Request &request) { return get_keys(*backend, request); });
    made.pattern = prefix + made.pattern;
    made.response_schema =
        R"({"type":"object","required":["keys"],"properties":{"keys":{"type":"array"}}})";
    routes.add(std::move(made));
}

} // namespace pg_principal::api
