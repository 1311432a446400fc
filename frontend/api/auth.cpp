// Signing in, refreshing, registering, signing out; who am I.
#include "api/fields.hpp"
#include "api/routes.hpp"

namespace pg_principal::api {

using namespace http;

namespace {

const Statement sign_in{PG_PRINCIPAL_CALL("auth.sign_in($1, $2, $3::jsonb)")};
const Statement refresh{PG_PRINCIPAL_CALL("auth.refresh($1, $2::jsonb)")};
const Statement sign_up{PG_PRINCIPAL_CALL("auth.sign_up($1::jsonb, $2::jsonb)")};
const Statement sign_out{PG_PRINCIPAL_CALL_AS_SELF("auth.sign_out($2, $3::jsonb)")};
const Statement get_self{PG_PRINCIPAL_CALL_AS_SELF("auth.get_user()"), true};

Response post_logout(const Backend &backend, const Request &request) {
    Fields fields(request, "The sign-out was refused", Need::optional);
    const Param scope = fields.choice("scope", {"local", "others", "global"});
    fields.check();
    return backend.as_caller(request, sign_out,
                             {scope.value_or("local"), backend.context(request)});
}

constexpr Row table[] = {
    {"POST", "/api/auth/login", Caller::anybody, "Sign in with email and password",
     Act(sign_in, "The sign-in was refused"), "Session", Budget::costly,
     R"({"email!": "string", "password!": "string"})"},
    {"POST", "/api/auth/refresh", Caller::anybody,
     "Exchange a refresh token for the next one and an access token",
     Act(refresh, "The refresh was refused"), "Session", Budget::refresh,
     R"({"refreshToken!": "string"})"},
    {"POST", "/api/auth/register", Caller::anybody,
     "Register, where the database allows it: the first becomes ADMIN",
     Act(sign_up, "The profile was refused"), "Session", Budget::costly, "Registration", 201,
     closed_or_conflict},
    {"POST", "/api/auth/logout", Caller::signed_in, "End sessions of the caller", post_logout,
     "Success", Budget::own,
     R"({"scope": {"enum": ["local", "others", "global"], "default": "local"}})"},
    {"GET", "/api/auth/me", Caller::signed_in, "The caller's profile", get_self, "Profile"},
    {"GET", "/api/users/me", Caller::signed_in, "The caller's profile", get_self, "Profile"},
};

} // namespace

void add_auth_routes(RouteTable &routes, const SharedBackend &backend) {
    for (const Row &row : table)
        add_route(routes, row, backend);
}

} // namespace pg_principal::api
