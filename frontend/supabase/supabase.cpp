#include "supabase/supabase.hpp"

#include "base/text_object.hpp"
#include "http/dispatcher.hpp"
#include "supabase/fields.hpp"
#include "supabase/routes.hpp"

namespace pg_principal::supabase {

using namespace http;

namespace {

const Statement key_alone{"SELECT 200, '', '', NULL" PG_PRINCIPAL_KNOWN_KEY, true};
// Nothing but a password signs in, and nothing is sent: who registers is signed in at once.
const Statement offered_settings{R"sql(
SELECT 200, pg_catalog.json_build_object(
    'external', (SELECT pg_catalog.json_object_agg(name, name OPERATOR(pg_catalog.=) 'email')
        FROM pg_catalog.unnest('{anonymous_users, apple, azure, bitbucket, discord, email, facebook,
            figma, fly, github, gitlab, google, kakao, keycloak, linkedin, linkedin_oidc, notion,
            phone, slack, slack_oidc, snapchat, spotify, twitch, twitter, workos, zoom}'
            ::pg_catalog.text[]) AS name),
    'disable_signup', NOT auth.registration_is_open(),
    'mailer_autoconfirm', coalesce(pg_catalog.current_setting('pg_principal.autoconfirm', true),
        'off')::pg_catalog.bool,
    'phone_autoconfirm', false,
    'sms_provider', '',
    'saml_enabled', false,
    'saml_private_key_next_configured', false,
    'passkeys_enabled', false), '', NULL)sql" PG_PRINCIPAL_KNOWN_KEY,
                                 true};

Response get_health(const api::Backend &, const Request &) {
    return Response::json(200, health_body());
}

Response get_settings(const api::Backend &backend, const Request &request) {
    return Response::json(200, ask_as_anybody(backend, request, offered_settings).payload);
}

// The public keys, which the root has too, there for everybody: what fetches them with nothing but
// their address is given that one.
void add_key_set(Routes &routes, Route keys, bool key_required) {
    if (key_required)
        keys.handler = routes
                           .route(
                               {"GET", "", Caller::anybody, "", api::Act()},
                               [plain = std::move(keys.handler)](const api::Backend &,
                                                                 const Request &request) {
                                   // a shared cache asks nobody for a key
                                   return Response(plain(request))
                                       .set("Cache-Control", "private, max-age=300");
                               },
                               Routes::Key::required, false)
                           .handler;
    keys.error_schema = "SupabaseError";
    routes.add(std::move(keys));
}

bool is_refresh(const Request &request) {
    constexpr std::string_view end = "/token";
    const std::string_view path = request.path;
    if (path.size() < end.size() || path.substr(path.size() - end.size()) != end)
        return false;
    const std::optional<Form> query = Form::parse(request.query);
    return query && query->get("grant_type") == "refresh_token";
}

} // namespace

Route Routes::route(const api::Row &row, Act act, Key key, bool act_asks) const {
    Route made = api::described(row);
    made.pattern = prefix + row.path;
    made.error_schema = "SupabaseError";
    const bool needs_key = key_required && key == Key::required;
    made.asks_database = act_asks || needs_key;
    made.handler = [act = std::move(act), caller = row.caller, needs_key, act_asks,
                    backend = backend](const Request &request) {
        // Without a good key nobody learns what else is wrong.
        const auto judged = [&, before = api::statements_asked()](const Refusal &refusal) {
            try {
                if (needs_key && refusal.status != 401 && api::statements_asked() == before)
                    ask_as_anybody(*backend, request, key_alone);
                return refuse(request, refusal);
            } catch (const Refusal &first) {
                return refuse(request, first);
            }
        };
        try {
            if (needs_key && request.header("apikey").empty())
                throw Refusal{401, "no_authorization", "No API key found in request"};
            // a key alone administers; it is not a user
            const std::string_view shown =
                caller == Caller::signed_in ? request.bearer() : credential(request);
            if (caller != Caller::anybody && shown.empty())
                throw Refusal{401, "no_authorization",
                              "This endpoint requires a valid Bearer token"};
            if (needs_key && !act_asks)
                ask_as_anybody(*backend, request, key_alone);
            return act(*backend, request);
        } catch (const Refusal &refusal) {
            return judged(refusal);
        } catch (const api::Answer &answer) {
            return judged({answer.response.status, "validation_failed",
                           read_problems(answer.response.body).text});
        }
    };
    return made;
}

void add_status_routes(Routes &routes) {
    constexpr api::Row health = {"GET", "/health", Caller::anybody, "Is this process up?",
                                 get_health};
    constexpr api::Row settings = {
        "GET", "/settings", Caller::anybody,
        "Which ways to sign in there are, and whether registration is open", get_settings};
    if (!routes.prefix.empty()) // at the root it is there already
        routes.add(routes.route(health, health.act.function, Routes::Key::open, false));
    routes.add(settings);
}

void add_routes(RouteTable &table, const api::SharedBackend &backend, const Options &options) {
    if (!options.offered)
        return;
    Routes routes{table, options.prefix, options.key_required, backend};
    add_session_routes(routes);
    add_admin_routes(routes);
    add_refused_routes(routes);
    add_status_routes(routes);
    add_discovery_routes(routes);
    if (!options.prefix.empty())
        add_key_set(routes, api::key_route(backend, options.prefix), options.key_required);
}

std::string health_body() {
    return text_object({{"version", "v" PG_PRINCIPAL_VERSION},
                        {"name", "GoTrue"},
                        {"description", "pg_principal, in the wire shapes of Supabase Auth"}});
}

bool is_below(const Options &options, std::string_view path) {
    if (!options.offered)
        return false;
    if (!options.prefix.empty())
        return path.substr(0, options.prefix.size() + 1) == options.prefix + '/';
    for (const std::string_view other : {"/metrics", "/ready", "/openapi.json", "/api"})
        if (path == other)
            return false;
    return path.substr(0, 5) != "/api/" && path.substr(0, 7) != "/oauth/";
}

Response problem_body(const Problem &problem) {
    std::string_view code = "unexpected_failure";
    if (problem.status == 429)
        code = "over_request_rate_limit";
    else if (problem.status == 413)
        code = "request_entity_too_large";
    else if (problem.status == 504 || problem.status == 408 || problem.code == "timeout")
        code = "request_timeout";
    else if (problem.status < 500)
        code = "validation_failed";
    // What comes too early is told to come back. Its clients take 408 and 429 for the end of the
    // session that was to be refreshed, and delete it.
    const bool later = problem.status == 408 || problem.status == 429 || problem.status == 504;
    const int status = later && is_refresh(problem.request) ? 503 : problem.status;
    return refuse(problem.request, {status, code, std::string(problem.message)});
}

} // namespace pg_principal::supabase
