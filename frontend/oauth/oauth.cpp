#include "oauth/oauth.hpp"

#include <array>

#include "http/dispatcher.hpp"
#include "oauth/device.hpp"
#include "oauth/form.hpp"

namespace pg_principal::oauth {

using namespace http;

namespace {

const Statement get_token{
    api::sql_of(By::stranger, "auth.oauth_token($1::jsonb, $2, $3, $4::jsonb)")};
const Statement introspect{
    api::sql_of(By::stranger, "auth.oauth_introspect($1::jsonb, $2, $3, $4, $5::jsonb)")};
const Statement revoke{
    api::sql_of(By::stranger, "auth.oauth_revoke($1::jsonb, $2, $3, $4::jsonb)")};
const Statement metadata{"SELECT (r).status, (r).payload FROM "
                         "(SELECT auth.oauth_metadata($1, $2) AS r OFFSET 0) s",
                         true};

Response post_token(const Backend &backend, const Request &request) {
    return as_client(backend, request, get_token);
}

Response post_introspect(const Backend &backend, const Request &request) {
    const std::string_view bearer = request.bearer();
    return as_client(backend, request, introspect,
                     {bearer.empty() ? Param() : Param(std::string(bearer))});
}

Response post_revoke(const Backend &backend, const Request &request) {
    Response response = as_client(backend, request, revoke);
    // npm's simple-oauth2 takes no answer that is not JSON
    return response.status == 200 ? Response::json(200, "{}") : response;
}

Budget budget_of_grant(const Request &request) {
    const std::string grant = grant_type_of(request);
    if (grant == "urn:ietf:params:oauth:grant-type:device_code") // devices ask every few seconds
        return Budget::administration;
    return grant == "refresh_token" ? Budget::refresh : Budget::costly;
}

template <const char *document>
Response get_metadata(const Backend &backend, const Request &request) {
    std::string path;
    for (const PathParam &part : request.params)
        path += '/' + part.value;
    const db::Result result = backend.ask(metadata, {std::string(document), path});
    Response response =
        Response::json(static_cast<int>(result.integer(0, 0)), std::string(result.text(0, 1)));
    if (response.status == 200)
        response.set("Cache-Control", "public, max-age=300");
    return response;
}

// Metadata without such an endpoint many clients refuse. Nobody has a redirect URI that this could
// be told to.
Response get_authorize(const Backend &, const Request &) {
    return last_page(400, "No application gets an authorization code here.");
}

constexpr char server_document[] = "oauth-authorization-server",
               openid_document[] = "openid-configuration",
               resource_document[] = "oauth-protected-resource";
constexpr const char *server_metadata = R"({"issuer!": "string", "token_endpoint!": "string",
    "jwks_uri!": "string"})";
constexpr const char *resource_metadata =
    R"({"resource!": "string", "authorization_servers!": ["string"]})";

constexpr const char *of_a_token =
    R"({"token!": "string", "token_type_hint": "string", "client_id": "string",
    "client_secret": "string", "client_assertion": "string", "client_assertion_type": "string"})";

constexpr std::array<int, 2> no_client = {401};

constexpr api::Row table[] = {
    {"POST", "/oauth/token", Caller::anybody, "Get an access token (RFC 6749, 7523, 8628, 8693)",
     post_token,
     R"({"access_token!": "string", "token_type!": {"const": "Bearer"}, "expires_in!": "integer",
         "scope": "string", "refresh_token": "string"})",
     Budget::costly,
     R"({"grant_type!": {"enum": ["client_credentials", "refresh_token",
         "urn:ietf:params:oauth:grant-type:jwt-bearer",
         "urn:ietf:params:oauth:grant-type:token-exchange",
         "urn:ietf:params:oauth:grant-type:device_code"]}, "scope": "string",
         "device_code": "string", "refresh_token": "string", "assertion": "string",
         "client_id": "string", "client_secret": "string", "subject_token": "string",
         "subject_token_type": "string", "actor_token": "string", "actor_token_type": "string",
         "requested_token_type": "string", "resource": ["uri"], "audience": ["string"],
         "client_assertion": "string", "client_assertion_type": "string"})",
     200, api::no_other, "", budget_of_grant},
    {"POST", "/oauth/introspect", Caller::anybody, "Whether a token is alive now (RFC 7662)",
     post_introspect, R"({"active!": "boolean"})", Budget::administration, of_a_token, 200,
     no_client},
    {"POST", "/oauth/revoke", Caller::anybody, "End the session of a token (RFC 7009)", post_revoke,
     "{}", Budget::administration, of_a_token, 200, no_client},
};

constexpr api::Row authorize = {
    "GET",
    "/oauth/authorize",
    Caller::anybody,
    "Refuse an authorization code (RFC 6749, section 4.1.2.1): there are none",
    get_authorize,
    "",
    api::unlimited,
    R"({"response_type": "string", "client_id": "string", "redirect_uri": "string"})",
    400};

// An issuer with a path has its document below the document's name (RFC 8414, section 3.1), OpenID
// Connect's and libpq's below the path.
constexpr api::Row documents[] = {
    {"GET", "/.well-known/oauth-authorization-server", Caller::anybody,
     "Endpoints of the issuer (RFC 8414)", get_metadata<server_document>, server_metadata},
    {"GET", "/.well-known/oauth-authorization-server/:a", Caller::anybody,
     "Endpoints of an issuer with a path", get_metadata<server_document>, server_metadata},
    {"GET", "/.well-known/oauth-authorization-server/:a/:b", Caller::anybody,
     "Endpoints of an issuer with a longer path", get_metadata<server_document>, server_metadata},
    {"GET", "/.well-known/oauth-authorization-server/:a/:b/:c", Caller::anybody,
     "Endpoints of an issuer with a path of three parts", get_metadata<server_document>,
     server_metadata},
    {"GET", "/.well-known/oauth-protected-resource/:a", Caller::anybody,
     "Who issues tokens for /api (RFC 9728)", get_metadata<resource_document>, resource_metadata},
    {"GET", "/.well-known/openid-configuration", Caller::anybody,
     "The same as OpenID Connect Discovery has it", get_metadata<openid_document>, server_metadata},
    {"GET", "/:a/.well-known/openid-configuration", Caller::anybody,
     "The same, which it has below an issuer's path", get_metadata<openid_document>,
     server_metadata},
    {"GET", "/:a/:b/.well-known/openid-configuration", Caller::anybody,
     "The same, below a longer path", get_metadata<openid_document>, server_metadata},
    {"GET", "/:a/:b/:c/.well-known/openid-configuration", Caller::anybody,
     "The same, below a path of three parts", get_metadata<openid_document>, server_metadata},
};

} // namespace

void add_routes(RouteTable &routes, const api::SharedBackend &backend, bool at_root) {
    for (const api::Row &row : table) {
        Route route = api::route(row, backend);
        route.error_schema = "OAuthError";
        route.request_type = "application/x-www-form-urlencoded";
        routes.add(std::move(route));
    }
    Route refused = api::route(authorize, backend);
    refused.response_type = "text/html";
    refused.asks_database = false;
    routes.add(std::move(refused));
    add_device_routes(routes, backend);
    for (const api::Row &row : documents)
        if (at_root || row.act.function != get_metadata<openid_document> || row.path[1] == ':')
            routes.add(api::route(row, backend));
}

bool is_ours(std::string_view path) {
    constexpr std::string_view prefix = "/oauth/";
    return path.substr(0, prefix.size()) == prefix;
}

Response problem_body(const Problem &problem) {
    const int status = problem.status;
    if (is_page(problem.request.path))
        return last_page(status, problem.message);
    if (status == 409)
        return refuse(400, "access_denied", problem.message);
    // Clients take 429 and 408 for the end of what they wanted to refresh.
    const bool later = status == 408 || status == 429 || status == 503 || status == 504;
    const bool is_refresh =
        later && status != 503 && grant_type_of(problem.request) == "refresh_token";
    return refuse(is_refresh ? 503 : status,
                  later           ? "temporarily_unavailable"
                  : status >= 500 ? "server_error"
                                  : "invalid_request",
                  problem.message);
}

} // namespace pg_principal::oauth
