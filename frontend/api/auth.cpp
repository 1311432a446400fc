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

constexpr const char *session = R"({"$ref":"#/components/schemas/Session"})";

Route costly(Route made) {
    made.budget = Budget::costly;
    return made;
}

Route documented(Route made, const char *request, const char *response, int success = 200) {
    made.request_schema = request;
    made.response_schema = response;
    made.success = success;
    return made;
}

} // namespace

void add_auth_routes(RouteTable &routes, const SharedBackend &backend) {
    routes.add(documented(
        costly(route("POST", "/api/auth/login", Caller::anybody, "Sign in with email and password",
                     [backend](const Request &request) {
                         Fields fields(request, "The sign-in was refused");
                         const Param email = fields.text("email"),
                                     password = fields.text("password");
                         fields.check();
                         return backend->as_stranger(request, sign_in, {email, password});
                     })),
        R"({"type":"object","required":["email","password"],"additionalProperties":false,
            "properties":{"email":{"type":"string"},"password":{"type":"string"}}})",
        session));
    Route refreshing =
        documented(costly(route("POST", "/api/auth/refresh", Caller::anybody,
                                "Exchange a refresh token for the next one and an access token",
                                [backend](const Request &request) {
                                    Fields fields(request, "The refresh was refused");
                                    const Param token = fields.text("refreshToken");
                                    fields.check();
                                    return backend->as_stranger(request, refresh, {token});
                                })),
                   R"({"type":"object","required":["refreshToken"],"additionalProperties":false,
            "properties":{"refreshToken":{"type":"string"}}})",
                   session);
    refreshing.budget = Budget::refresh;
    routes.add(std::move(refreshing));
    Route registering =
        documented(costly(route("POST", "/api/auth/register", Caller::anybody,
                                "Register, where the database allows it: the first becomes ADMIN",
                                [backend](const Request &request) {
                                    const Fields fields(request, "The profile was refused");
                                    return backend->as_stranger(request, sign_up, {fields.whole()});
                                })),
                   R"({"$ref":"#/components/schemas/Registration"})", session, 201);
    registering.refusals = {403, 409};
    routes.add(std::move(registering));
    Route leaving = documented(
        route("POST", "/api/auth/logout", Caller::signed_in, "End sessions of the caller",
              [backend](const Request &request) {
                  Fields fields(request, "The sign-out was refused", Need::optional);
                  const Param scope = fields.choice("scope", {"local", "others", "global"});
                  fields.check();
                  return backend->as_caller(request, sign_out,
                                            {scope.value_or("local"), backend->context(request)});
              }),
        R"({"type":"object","additionalProperties":false,
            "properties":{"scope":{"enum":["local","others","global"],"default":"local"}}})",
        R"({"$ref":"#/components/schemas/Success"})");
    leaving.budget = Budget::own;
    routes.add(std::move(leaving));
    const auto add_self = [&](const char *pattern) {
        routes.add(documented(route("GET", pattern, Caller::signed_in, "The caller's profile",
                                    [backend](const Request &request) {
                                        return backend->as_caller(request, get_self);
                                    }),
                              "", R"({"$ref":"#/components/schemas/Profile"})"));
    };
    add_self("/api/auth/me");
    add_self("/api/users/me");
}

} // namespace pg_principal::api
