// Profiles: one's own, and those an administrator makes and reads.
#include "api/fields.hpp"
#include "api/routes.hpp"

namespace pg_principal::api {

using namespace http;

namespace {

const Statement update_profile{
    PG_PRINCIPAL_CALL_AS_SELF("auth.update_profile($2::jsonb, $3::jsonb)")};
const Statement change_password{
    PG_PRINCIPAL_CALL_AS_SELF("auth.change_password($2, $3, $4::jsonb)")};
const Statement own_audits{PG_PRINCIPAL_CALL_AS_SELF("auth.audit_feed($2::integer, $3)"), true};
const Statement list_users{PG_PRINCIPAL_CALL_AS_CALLER("auth.list_users($2::integer, $3::integer)"),
                           true};
const Statement search_users{
    PG_PRINCIPAL_CALL_AS_CALLER("auth.search_users($2, $3::integer, $4::integer)"), true};
const Statement create_user{PG_PRINCIPAL_CALL_AS_CALLER("auth.create_user($2::jsonb, $3::jsonb)")};
const Statement find_user{PG_PRINCIPAL_CALL_AS_CALLER("auth.find_user($2::uuid)"), true};
const Statement set_app_role{
    PG_PRINCIPAL_CALL_AS_CALLER("auth.set_app_role($2::uuid, $3, $4::jsonb)")};

Response get_users(const Backend &backend, const Request &request) {
    const Query query(request);
    const Param page = query.number("page", "1"), per_page = query.number("per_page", "50"),
                filter = query.text("filter");
    return filter ? backend.as_caller(request, search_users, {filter, page, per_page})
                  : backend.as_caller(request, list_users, {page, per_page});
}

constexpr Row table[] = {
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
     get_users, "Users", unlimited, no_body, 200, no_other,
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
