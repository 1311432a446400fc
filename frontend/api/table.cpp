// Signing in and out; profiles, one's own and those that an administrator makes and reads.
#include "api/routes.hpp"

namespace pg_principal::api {

using namespace http;

namespace {

constexpr Row table[] = {
    {"POST", "/api/auth/login", Caller::anybody, "Sign in with email and password",
     as_stranger("auth.sign_in($1, $2, $3::jsonb)", "The sign-in was refused"), "Session",
     Budget::costly, R"({"email!": "string", "password!": "string"})"},
    {"POST", "/api/auth/refresh", Caller::anybody,
     "Exchange a refresh token for the next one and an access token",
     as_stranger("auth.refresh($1, $2::jsonb)", "The refresh was refused"), "Session",
     Budget::refresh, R"({"refreshToken!": "string"})"},
    {"POST", "/api/auth/register", Caller::anybody,
     "Register, where the database allows it: the first becomes ADMIN",
     as_stranger("auth.sign_up($1::jsonb, $2::jsonb)", "The profile was refused"), "Session",
     Budget::costly, "Registration", 201, closed_or_conflict},
    {"POST", "/api/auth/logout", Caller::signed_in, "End sessions of the caller",
     as_self("auth.sign_out($2, $3::jsonb)", "The sign-out was refused"), "Success", Budget::own,
     R"({"scope": {"enum": ["local", "others", "global"], "default": "local"}})"},
    {"GET", "/api/auth/me", Caller::signed_in, "The caller's profile", as_self("auth.get_user()"),
     "Profile"},
    {"GET", "/api/users/me", Caller::signed_in, "The caller's profile", as_self("auth.get_user()"),
     "Profile"},
    {"PATCH", "/api/users/me", Caller::signed_in,
     "Change the caller's profile; null takes a field away",
     as_self("auth.update_profile($2::jsonb, $3::jsonb)", "The profile was refused"), "Profile",
     Budget::own, "ProfileChanges"},
    {"PATCH", "/api/users/me/password", Caller::signed_in,
     "Change the caller's password: ends all other sessions and every refresh token",
     as_self("auth.change_password($2, $3, $4::jsonb)", "The new password was refused"), "Success",
     Budget::costly, R"({"currentPassword!": "string", "newPassword!": "string"})", 200, conflict},
    {"GET", "/api/users/me/audits", Caller::signed_in,
     "What happened to the caller's account, newest first",
     as_self("auth.audit_feed($2::integer, $3)"), "Audits", unlimited, no_body, 200, no_other,
     R"({"limit": {"type": "integer", "minimum": 1, "maximum": 100, "default": 20},
         "cursor": "string"})"},
    {"GET", "/api/users", Caller::auditor,
     "Profiles, oldest first; with a filter those whose email or name has it, newest first",
     as_caller("CASE WHEN $4::text IS NULL THEN auth.list_users($2::integer, $3::integer) ELSE "
               "auth.search_users($4, $2::integer, $3::integer) END"),
     "Users", unlimited, no_body, 200, no_other,
     R"({"page": {"type": "integer", "minimum": 1, "default": 1}, "per_page": {"type": "integer",
         "minimum": 1, "maximum": 1000, "default": 50}, "filter": "string"})"},
    {"POST", "/api/users", Caller::admin, "Make a person or a service account",
     as_caller("auth.create_user($2::jsonb, $3::jsonb)", "The profile was refused"), "Profile",
     Budget::administration, "NewUser", 201, conflict},
    {"GET", "/api/users/:id", Caller::auditor, "A profile", as_caller("auth.find_user($2::uuid)"),
     "Profile"},
    {"PATCH", "/api/users/:id/role", Caller::admin,
     "Give a principal another role, in force at its next request",
     as_caller("auth.set_app_role($2::uuid, $3, $4::jsonb)", "The profile was refused"), "Profile",
     Budget::administration, R"({"role!": "Role"})", 200, conflict},
};

} // namespace

void add_user_routes(RouteTable &routes, const SharedBackend &backend) {
    for (const Row &row : table)
        add_route(routes, row, backend);
}

} // namespace pg_principal::api
