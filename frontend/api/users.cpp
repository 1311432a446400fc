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

Response patch_self(const Backend &backend, const Request &request) {
    const Fields fields(request, "The profile was refused");
    return backend.as_caller(request, update_profile, {fields.whole(), backend.context(request)});
}

Response patch_password(const Backend &backend, const Request &request) {
    Fields fields(request, "The new password was refused");
    const Param now = fields.text("currentPassword"), next = fields.text("newPassword");
    fields.check();
    return backend.as_caller(request, change_password, {now, next, backend.context(request)});
}

Response get_own_audits(const Backend &backend, const Request &request) {
    const Query query(request);
    return backend.as_caller(request, own_audits,
                             {query.number("limit", "20"), query.text("cursor")});
}

Response get_users(const Backend &backend, const Request &request) {
    const Query query(request);
    const Param page = query.number("page", "1"), per_page = query.number("per_page", "50"),
                filter = query.text("filter");
    return filter ? backend.as_caller(request, search_users, {filter, page, per_page})
                  : backend.as_caller(request, list_users, {page, per_page});
}

Response get_user(const Backend &backend, const Request &request) {
    return backend.as_caller(request, find_user, {path_uuid(request)});
}

Response post_user(const Backend &backend, const Request &request) {
    const Fields fields(request, "The profile was refused");
    return backend.as_caller(request, create_user, {fields.whole(), backend.context(request)});
}

Response patch_role(const Backend &backend, const Request &request) {
    const Param id = path_uuid(request);
    Fields fields(request, "The profile was refused");
    const Param role = fields.text("role");
    fields.check();
    return backend.as_caller(request, set_app_role, {id, role, backend.context(request)});
}

constexpr Row table[] = {
    {"PATCH", "/api/users/me", Caller::signed_in,
     "Change the caller's profile; null takes a field away", patch_self, "Profile", Budget::own,
     "ProfileChanges"},
    {"PATCH", "/api/users/me/password", Caller::signed_in,
     "Change the caller's password: ends all other sessions and every refresh token",
     patch_password, "Success", Budget::costly,
     R"({"type":"object","required":["currentPassword","newPassword"],"additionalProperties":false,
         "properties":{"currentPassword":{"type":"string"},"newPassword":{"type":"string"}}})",
     200, conflict},
    {"GET", "/api/users/me/audits", Caller::signed_in,
     "What happened to the caller's account, newest first", get_own_audits, "Audits", unlimited,
     no_body, 200, no_other, R"({"limit":{"type":"integer","minimum":1,"maximum":100,"default":20},
         "cursor":{"type":"string"}})"},
    {"GET", "/api/users", Caller::auditor,
     "Profiles, oldest first; with a filter those whose email or name has it, newest first",
     get_users, "Users", unlimited, no_body, 200, no_other,
     R"({"page":{"type":"integer","minimum":1,"default":1},
         "per_page":{"type":"integer","minimum":1,"maximum":1000,"default":50},
         "filter":{"type":"string"}})"},
    {"POST", "/api/users", Caller::admin, "Make a person or a service account", post_user,
     "Profile", Budget::administration, "NewUser", 201, conflict},
    {"GET", "/api/users/:id", Caller::auditor, "A profile", get_user, "Profile"},
    {"PATCH", "/api/users/:id/role", Caller::admin,
     "Give a principal another role, in force at its next request", patch_role, "Profile",
     Budget::administration, R"({"type":"object","required":["role"],"additionalProperties":false,
         "properties":{"role":{"$ref":"#/components/schemas/Role"}}})",
     200, conflict},
};

} // namespace

void add_user_routes(RouteTable &routes, const SharedBackend &backend) {
    for (const Row &row : table)
        add_route(routes, row, backend);
}

} // namespace pg_principal::api
