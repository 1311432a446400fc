// Signing in and out; profiles, one's own and those that an administrator makes and reads.
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
const Statement update_profile{
    PG_PRINCIPAL_CALL_AS_SELF("auth.update_profile($2::jsonb, $3::jsonb)")};
const Statement change_password{
    PG_PRINCIPAL_CALL_AS_SELF("auth.change_password($2, $3, $4::jsonb)")};
const Statement own_audits{PG_PRINCIPAL_CALL_AS_SELF("auth.audit_feed($2::integer, $3)"), true};
const Statement find_users{
    PG_PRINCIPAL_CALL_AS_CALLER("CASE WHEN $4::text IS NULL THEN "
                                "auth.list_users($2::integer, $3::integer) ELSE "
                                "auth.search_users($4, $2::integer, $3::integer) END"),
    true};
const Statement create_user{PG_PRINCIPAL_CALL_AS_CALLER("auth.create_user($2::jsonb, $3::jsonb)")};
const Statement find_user{PG_PRINCIPAL_CALL_AS_CALLER("auth.find_user($2::uuid)"), true};
const Statement set_app_role{
    PG_PRINCIPAL_CALL_AS_CALLER("auth.set_app_role($2::uuid, $3, $4::jsonb)")};

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
    {"PATCH", "/api/users/me", Caller::signed_in,
     "Change the caller's profile; null takes a field away",
     Act(update_profile, "The profile was refused"), "Profile", Budget::own, "ProfileChanges"},
    {"PATCH", "/api/users/me/password", Caller::signed_in,
     "Change the caller's password: ends all other sessions and every refresh token",
     Act(change_password, "The new password was refused"), "Success", Budget::costly,
     R"({"currentPassword!": "string", "newPassword!": "string"})", 200, conflict},
    {"GET", "/api/users/me/audits", Caller::signed_in,
     "What happened to the caller's account, newest first", own_audits, "Audits", unlimited,
     no_body, 200, no_other,
     R"({"limit": {"type": "integer", "minimum": 1, "maximum": 100, "default": 20},
         "cursor": "string"})"},
    {"GET", "/api/users", Caller::auditor,
     "Profiles, oldest first; with a filter those whose email or name has it, newest first",
     find_users, "Users", unlimited, no_body, 200, no_other,
     R"({"page": {"type": "integer", "minimum": 1, "default": 1}, "per_page": {"type": "integer",
         "minimum": 1, "maximum": 1000, "default": 50}, "filter": "string"})"},
    {"POST", "/api/users", Caller::admin, "Make a person or a service account",
     Act(create_user, "The profile was refused"), "Profile", Budget::administration, "NewUser", 201,
     conflict},
    {"GET", "/api/users/:id", Caller::auditor, "A profile", find_user, "Profile"},
    {"PATCH", "/api/users/:id/role", Caller::admin,
     "Give a principal another role, in force at its next request",
     Act(set_app_role, "The profile was refused"), "Profile", Budget::administration,
     R"({"role!": "Role"})", 200, conflict},
};

} // namespace

void add_user_routes(RouteTable &routes, const SharedBackend &backend) {
    for (const Row &row : table)
        add_route(routes, row, backend);
}

} // namespace pg_principal::api
