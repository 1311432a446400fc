// Signing up and in, refreshing, one's own user, signing out.
#include "api/fields.hpp"
#include "base/text_object.hpp"
#include "supabase/fields.hpp"
#include "supabase/routes.hpp"

namespace pg_principal::supabase {

using namespace http;

namespace {

const Statement sign_up{sql_of(By::stranger, "auth.sign_up($2::jsonb, $3::jsonb)", dialect)};
const Statement sign_in{sql_of(By::stranger, "auth.sign_in($2, $3, $4::jsonb)", dialect)};
const Statement refresh{sql_of(By::stranger, "auth.refresh($2, $3::jsonb)", dialect)};
const Statement get_self{sql_of(By::self, "auth.get_user()", dialect), true};
const Statement update_account{
    sql_of(By::self, "auth.update_account($3::jsonb, $4::jsonb)", dialect)};
const Statement sign_out{sql_of(By::self, "auth.sign_out($3, $4::jsonb)", dialect)};

Response session_or_refusal(const Outcome &outcome) {
    return Response::json(200, session_body(payload_of(outcome)));
}

Response post_signup(const api::Backend &backend, const Request &request) {
    const Body body(request);
    const std::string email = body.text("email"), password = body.text("password");
    if (!body.text("phone").empty())
        throw Refusal{400, "phone_provider_disabled", "Phone signups are disabled"};
    if (email.empty())
        throw Refusal{422, "anonymous_provider_disabled", "Anonymous sign-ins are disabled"};
    if (password.empty())
        throw Refusal{400, "validation_failed", "Signup requires a valid password"};
    JsonObject object;
    object.text("email", email);
    object.text("password", password);
    if (const json::Value data = body.object("data"))
        object.value("userMetadata", data);
    const Outcome outcome = ask_as_stranger(backend, request, sign_up, {object.done()});
    if (outcome.reason == "email-taken")
        throw Refusal{422, "user_already_exists", "User already registered"};
    return session_or_refusal(outcome);
}

Response password_grant(const api::Backend &backend, const Request &request) {
    const Body body(request);
    const std::string email = body.text("email");
    if (email.empty() && !body.text("phone").empty())
        throw Refusal{422, "phone_provider_disabled", "Phone logins are disabled"};
    if (email.empty())
        throw Refusal{400, "validation_failed", "missing email or phone"};
    const Outcome outcome =
        ask_as_stranger(backend, request, sign_in, {email, body.text("password")});
    if (outcome.reason == "banned")
        throw Refusal{400, "user_banned", "User is banned"};
    if (outcome.status == 401)
        throw Refusal{400, "invalid_credentials", "Invalid login credentials"};
    return session_or_refusal(outcome);
}

// Why a token is refused is for the operator.
Response refresh_grant(const api::Backend &backend, const Request &request) {
    const Body body(request);
    const std::string token = body.text("refresh_token");
    if (token.empty())
        throw Refusal{400, "validation_failed", "Refresh token is not valid"};
    const Outcome outcome = ask_as_stranger(backend, request, refresh, {token});
    if (outcome.status == 401)
        throw Refusal{400, "refresh_token_not_found",
                      "Invalid Refresh Token: Refresh Token Not Found"};
    return session_or_refusal(outcome);
}

Response post_token(const api::Backend &backend, const Request &request) {
    const std::string grant = api::Query(request).text("grant_type").value_or("");
    if (grant == "password")
        return password_grant(backend, request);
    if (grant == "refresh_token")
        return refresh_grant(backend, request);
    if (grant == "id_token")
        throw Refusal{400, "provider_disabled", "Provider is not enabled"};
    if (grant == "pkce")
        throw Refusal{404, "flow_state_not_found", "invalid flow state, no valid flow state found"};
    if (grant == "web3")
        throw Refusal{422, "web3_provider_disabled", "Web3 provider is disabled"};
    throw Refusal{400, "invalid_credentials", "unsupported_grant_type"};
}

Budget budget_of_grant(const Request &request) {
    const std::optional<Form> query = Form::parse(request.query);
    return query && query->get("grant_type") == "refresh_token" ? Budget::refresh : Budget::costly;
}

Response get_user(const api::Backend &backend, const Request &request) {
    return Response::json(200, user_body(payload_of(ask_as_caller(backend, request, get_self))));
}

Response put_user(const api::Backend &backend, const Request &request) {
    const Body body(request);
    if (!body.text("phone").empty())
        throw Refusal{400, "phone_provider_disabled", "Phone logins are disabled"};
    if (body.object("app_metadata"))
        throw Refusal{403, "not_admin", "Updating app_metadata requires admin privileges"};
    JsonObject object;
    for (const char *name : {"email", "password", "current_password"})
        body.copy(name, object);
    if (const json::Value data = body.object("data"))
        object.value("userMetadata", data);
    const Outcome outcome =
        ask_as_caller(backend, request, update_account, {object.done(), backend.context(request)});
    return Response::json(200, user_body(payload_of(outcome)));
}

Response post_logout(const api::Backend &backend, const Request &request) {
    std::string scope = api::Query(request).text("scope").value_or("");
    if (scope.empty())
        scope = "global";
    if (scope != "global" && scope != "local" && scope != "others")
        throw Refusal{400, "validation_failed",
                      "Unsupported logout scope: one of global, local, others"};
    payload_of(ask_as_caller(backend, request, sign_out, {scope, backend.context(request)}));
    return Response::empty();
}

constexpr api::Row session_table[] = {
    {"POST", "/signup", Caller::anybody, "Register, where the database allows it", post_signup,
     "SupabaseSession", Budget::costly,
     R"({"email!": "string", "password!": "string", "data": "object"})"},
    {"POST", "/token", Caller::anybody, "Sign in with a password, or exchange a refresh token",
     post_token, "SupabaseSession", Budget::costly,
     R"({"email": "string", "password": "string", "refresh_token": "string"})", 200, api::no_other,
     R"({"grant_type": {"enum": ["password", "refresh_token"]}})", budget_of_grant},
    {"GET", "/user", Caller::signed_in, "The caller", get_user, "SupabaseUser"},
    {"PUT", "/user", Caller::signed_in, "Change the caller's metadata and password", put_user,
     "SupabaseUser", Budget::costly, R"({"data": "object", "password": "string",
         "current_password": "string"})"},
    {"POST", "/logout", Caller::signed_in, "End sessions of the caller", post_logout, api::no_body,
     Budget::own, api::no_body, 204, api::no_other,
     R"({"scope": {"enum": ["global", "local", "others"], "default": "global"}})"},
};

} // namespace

void add_session_routes(Routes &routes) {
    for (const api::Row &row : session_table)
        routes.add(row);
}

} // namespace pg_principal::supabase
