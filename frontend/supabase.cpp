#include "supabase.hpp"

#include "api_routes.hpp"
#include "core/json.hpp"
#include "http_dispatcher.hpp"
#include "supabase_fields.hpp"
#include "supabase_routes.hpp"

namespace pg_principal::supabase {

using namespace http;

namespace {

const Statement registration{"SELECT auth.registration_is_open(), "
                             "coalesce(pg_catalog.current_setting('pg_principal.autoconfirm', "
                             "true), 'off')::pg_catalog.bool"};

Response get_health(const api::Backend &, const Request &) {
    return Response::json(200, health_body());
}

// Nothing but a password signs in, and nothing is sent: who registers is signed in at once.
Response get_settings(const api::Backend &backend, const Request &) {
    std::string providers;
    for (const char *name : {"anonymous_users", "apple",    "azure",    "bitbucket", "discord",
                             "facebook",        "snapchat", "figma",    "fly",       "github",
                             "gitlab",          "google",   "keycloak", "kakao",     "linkedin",
                             "linkedin_oidc",   "notion",   "spotify",  "slack",     "slack_oidc",
                             "workos",          "twitch",   "twitter",  "phone",     "zoom"})
        providers.append("\"").append(name).append("\":false,");
    const Result settings = backend.ask(registration);
    return Response::json(
        200, "{\"external\":{" + providers + "\"email\":true},\"disable_signup\":" +
                 (settings.boolean(0, 0) ? "false" : "true") +
                 ",\"mailer_autoconfirm\":" + (settings.boolean(0, 1) ? "true" : "false") +
                 ",\"phone_autoconfirm\":false,\"sms_provider\":\"\","
                 "\"saml_enabled\":false,\"saml_private_key_next_configured\":false,"
                 "\"passkeys_enabled\":false}");
}

} // namespace

Route Routes::route(const char *method, const char *path, Caller caller, const char *summary,
                    Act act) const {
    Route made;
    made.method = method;
    made.pattern = prefix_ + path;
    made.caller = caller;
    made.summary = summary;
    made.error_schema = "SupabaseError";
    // what a probe and a resource server read
    const bool key_required = key_required_ && std::string_view(path) != "/health" &&
                              std::string_view(path).substr(0, 12) != "/.well-known";
    made.handler = [act, caller, key_required, backend = backend_](const Request &request) {
        try {
            if (key_required && !request.has_header("apikey"))
                throw Refusal{401, "no_authorization", "No API key found in request"};
            // a key alone administers; it is no user
            const std::string_view shown =
                caller == Caller::signed_in ? request.bearer() : credential(request);
            if (caller != Caller::anybody && shown.empty())
                throw Refusal{401, "no_authorization",
                              "This endpoint requires a valid Bearer token"};
            return act(*backend, request);
        } catch (const Refusal &refusal) {
            return refuse(request, refusal);
        } catch (const api::Answer &answer) {
            return refuse(request, {answer.response.status, "validation_failed",
                                    read_problems(answer.response.body).text});
        }
    };
    return made;
}

void add_status_routes(Routes &routes) {
    if (!routes.prefix().empty()) { // at the root it is there already
        Route made =
            routes.route("GET", "/health", Caller::anybody, "Is this process up?", get_health);
        made.lane = Lane::quick;
        routes.add(std::move(made));
    }
    routes.add(routes.route("GET", "/settings", Caller::anybody,
                            "Which ways to sign in there are, and whether registration is open",
                            get_settings));
}

void add_routes(RouteTable &table, Pool &pool, const api::Lifetimes &lifetimes,
                const Options &options) {
    if (!options.offered)
        return;
    const auto backend = std::make_shared<const api::Backend>(pool, lifetimes);
    Routes routes(table, options.prefix, options.key_required, backend);
    add_session_routes(routes);
    add_admin_routes(routes);
    add_refused_routes(routes);
    add_status_routes(routes);
    add_discovery_routes(routes);
    if (!options.prefix.empty())
        api::add_key_routes(table, backend, options.prefix);
}

std::string health_body() {
    return "{\"version\":\"v" PG_PRINCIPAL_VERSION
           "\",\"name\":\"GoTrue\",\"description\":\"pg_principal, in the wire shapes of "
           "Supabase Auth\"}";
}

bool is_below(const Options &options, std::string_view path) {
    if (!options.offered)
        return false;
    if (!options.prefix.empty())
        return path.substr(0, options.prefix.size() + 1) == options.prefix + '/';
    for (const std::string_view other : {"/metrics", "/ready", "/openapi.json", "/api"})
        if (path == other)
            return false;
    return path.substr(0, 5) != "/api/";
}

Response problem_body(const Problem &problem) {
    std::string_view code = "unexpected_failure";
    if (problem.status == 429)
        code = "over_request_rate_limit";
    else if (problem.status == 413)
        code = "request_entity_too_large";
    else if (problem.status == 504 || problem.status == 408)
        code = "request_timeout";
    else if (problem.status < 500)
        code = "validation_failed";
    return refuse(problem.request, {problem.status, code, std::string(problem.message)});
}

} // namespace pg_principal::supabase
