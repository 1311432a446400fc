// Where resource servers find the keys (OpenID Connect Discovery 1.0, RFC 8414).
#include "supabase/routes.hpp"

namespace pg_principal::supabase {

using namespace http;

namespace {

// Below the issuer where it is a URL, as everybody who looks for this document takes it to be; else
// below what the request came to ($2), which holds for whoever sent it. The endpoints of OAuth where
// this is the issuer's own document; elsewhere those beside it.
const Statement discovery{R"sql(
SELECT pg_catalog.jsonb_build_object(
        'authorization_endpoint', pg_catalog.concat(base, '/authorize'),
        'token_endpoint', pg_catalog.concat(base, '/token'),
        'token_endpoint_auth_methods_supported', '["none"]'::pg_catalog.jsonb,
        'response_types_supported', '["none"]'::pg_catalog.jsonb, -- nobody is sent here
        'grant_types_supported', '["password", "refresh_token"]'::pg_catalog.jsonb,
        'subject_types_supported', '["public"]'::pg_catalog.jsonb)
    OPERATOR(pg_catalog.||) coalesce((o.r).payload, '{}')
    OPERATOR(pg_catalog.||) pg_catalog.jsonb_build_object(
        'issuer', issuer,
        'jwks_uri', pg_catalog.concat(base, '/.well-known/jwks.json'),
        'userinfo_endpoint', pg_catalog.concat(base, '/user'),
        -- HS256 has no public half
        'id_token_signing_alg_values_supported', (
            SELECT coalesce(pg_catalog.jsonb_agg(DISTINCT alg), '["HS256"]')
            FROM pg_catalog.jsonb_to_recordset(pg_catalog.jsonb_extract_path(auth.jwks(), 'keys'))
                AS key (alg pg_catalog.text)),
        'claims_supported', '["sub", "aud", "iss", "exp", "iat", "email", "phone", "role",
            "session_id", "app_metadata", "user_metadata"]'::pg_catalog.jsonb),
    is_url
FROM (SELECT issuer, is_url, CASE WHEN is_url THEN pg_catalog.rtrim(issuer, '/') ELSE $2 END AS base
    FROM (SELECT issuer, issuer OPERATOR(pg_catalog.~) '^https?://' AS is_url
        FROM pg_catalog.current_setting('pg_principal.issuer') AS issuer) AS i) AS i
    LEFT JOIN (SELECT auth.oauth_metadata('openid-configuration', $1) AS r OFFSET 0) AS o
        ON (o.r).ok)sql",
                          true};

constexpr std::string_view path = "/.well-known/openid-configuration";

Response get_discovery(const api::Backend &backend, const Request &request) {
    const std::string prefix(request.path.substr(0, request.path.size() - path.size()));
    const std::string_view host = request.header("Host");
    const std::string asked =
        (request.secure ? "https://" : "http://") + std::string(is_host(host) ? host : "") + prefix;
    const Result result = backend.ask(discovery, {prefix, asked});
    Response response = Response::json(200, std::string(result.text(0, 0)));
    if (result.boolean(0, 1))
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
