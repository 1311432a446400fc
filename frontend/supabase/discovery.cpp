// Where resource servers find the keys (OpenID Connect Discovery 1.0, RFC 8414).
#include <algorithm>
#include <string>
#include <vector>

#include "base/text_object.hpp"
#include "supabase/routes.hpp"

namespace pg_principal::supabase {

using namespace http;

namespace {

const Statement discovery{
    "SELECT auth.jwks(), pg_catalog.current_setting('pg_principal.issuer'), CASE WHEN (s.r).ok "
    "THEN (s.r).payload END FROM (SELECT auth.oauth_metadata('openid-configuration', $1) AS r "
    "OFFSET 0) AS s",
    true};

bool is_url(std::string_view issuer) {
    return issuer.substr(0, 8) == "https://" || issuer.substr(0, 7) == "http://";
}

// The issuer where it is a URL, as everybody who looks for this document takes it to be; else what
// the request came to, which holds for whoever sent it.
std::string base_of(const Request &request, std::string_view prefix, std::string_view issuer) {
    if (is_url(issuer))
        return std::string(issuer.substr(0, issuer.find_last_not_of('/') + 1));
    const std::string_view host = request.header("Host");
    return std::string(request.secure ? "https://" : "http://")
        .append(is_host(host) ? host : "")
        .append(prefix);
}

std::string algorithms(std::string_view jwks) {
    std::vector<std::string_view> names;
    const json::Document document(jwks);
    for (const json::Value key : document.root().find("keys").elements())
        if (const json::Value alg = key.find("alg");
            alg.is_string() &&
            std::find(names.begin(), names.end(), alg.as_string()) == names.end())
            names.push_back(alg.as_string());
    if (names.empty())
        names.push_back("HS256"); // has no public half
    return text_list(names);
}

constexpr std::string_view path = "/.well-known/openid-configuration";

// The endpoints of OAuth where this is the issuer's own document; elsewhere those beside it.
void add_endpoints(JsonObject &object, std::string_view oauth, const std::string &base) {
    if (oauth.empty()) {
        object.text("authorization_endpoint", base + "/authorize");
        object.text("token_endpoint", base + "/token");
        object.raw("response_types_supported", R"(["none"])"); // nobody is sent here from elsewhere
        object.raw("grant_types_supported", R"(["password","refresh_token"])");
        object.raw("subject_types_supported", R"(["public"])");
        object.raw("token_endpoint_auth_methods_supported", R"(["none"])");
        return;
    }
    const json::Document document(oauth);
    for (const auto &[name, value] : document.root().members()) {
        if (name == "issuer" || name == "jwks_uri" ||
            name == "id_token_signing_alg_values_supported")
            continue;
        std::string text;
        json::append_value(text, value);
        object.raw(name, text);
    }
}

Response get_discovery(const api::Backend &backend, const Request &request) {
    const std::string_view prefix = request.path.substr(0, request.path.size() - path.size());
    const Result result = backend.ask(discovery, {std::string(prefix)});
    const std::string issuer(result.text(0, 1));
    const std::string base = base_of(request, prefix, issuer);
    JsonObject object;
    object.text("issuer", issuer);
    add_endpoints(object, result.text(0, 2), base);
    object.text("jwks_uri", base + "/.well-known/jwks.json");
    object.text("userinfo_endpoint", base + "/user");
    object.raw("id_token_signing_alg_values_supported", algorithms(result.text(0, 0)));
    object.raw("claims_supported", R"(["sub","aud","iss","exp","iat","email","phone","role",)"
                                   R"("session_id","app_metadata","user_metadata"])");
    Response response = Response::json(200, object.done());
    if (is_url(issuer))
        response.set("Cache-Control", "public, max-age=300");
    return response;
}

} // namespace

void add_discovery_routes(Routes &routes) {
    constexpr api::Row row = {
        "GET",           path.data(),
        Caller::anybody, "Issuer, keys and their algorithms, for resource servers",
        get_discovery,   R"({"issuer!": "string", "jwks_uri!": "string"})"};
    routes.add(row, Routes::Key::open);
}

} // namespace pg_principal::supabase
