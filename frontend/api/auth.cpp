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

Response post_login(const Backend &backend, const Request &request) {
    Fields fields(request, "The sign-in was refused");
    const Param email = fields.text("email"), password = fields.text("password");
    fields.check();
    return backend.as_stranger(request, sign_in, {email, password});
}

Response post_refresh(const Backend &backend, const Request &request) {
    Fields fields(request, "The refresh was refused");
    const Param token = fields.text("refreshToken");
    fields.check();
    return backend.as_stranger(request, refresh, {token});
}

Response post_register(const Backend &backend, const Request &request) {
    const Fields fields(request, "The profile was refused");
    return backend.as_stranger(request, sign_up, {fields.whole()});
}

Response post_logout(const Backend &backend, const Request &request) {
    Fields fields(request, "The sign-out was refused", Need::optional);
    const Param scope = fields.choice("scope", {"local", "others", "global"});
    fields.check();
    return backend.as_caller(request, sign_out,
                             {scope.value_or("local"), backend.context(request)});
}

Response get_me(const Backend &backend, const Request &request) {
    return backend.as_caller(request, get_self);
}

constexpr Row table[] = {
    {"POST", "/api/auth/login", Caller::anybody, "Sign in with email and password", post_login,
     "Session", Budget::costly,
     R"({"type":"object","required":["email","password"],"additionalProperties":false,
         "properties":{"email":{"type":"string"},"password":{"type":"string"}}})"},
    {"POST", "/api/auth/refresh", Caller::anybody,
     "Exchange a refresh token for the next one and an access token", post_refresh, "Session",
     Budget::refresh, R"({"type":"object","required":["refreshToken"],"additionalProperties":false,
         "properties":{"refreshToken":{"type":"string"}}})"},
    {"POST", "/api/auth/register", Caller::anybody,
     "Register, where the database allows it: the first becomes ADMIN", post_register, "Session",
     Budget::costly, "Registration", 201, closed_or_conflict},
    {"POST", "/api/auth/logout", Caller::signed_in, "End sessions of the caller", post_logout,
     "Success", Budget::own, R"({"type":"object","additionalProperties":false,
         "properties":{"scope":{"enum":["local","others","global"],"default":"local"}}})"},
    {"GET", "/api/auth/me", Caller::signed_in, "The caller's profile", get_me, "Profile"},
    {"GET", "/api/users/me", Caller::signed_in, "The caller's profile", get_me, "Profile"},
};

} // namespace

void add_auth_routes(RouteTable &routes, const SharedBackend &backend) {
    for (const Row &row : table)
        add_route(routes, row, backend);
}

} // namespace pg_principal::api
