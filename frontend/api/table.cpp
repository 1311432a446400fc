// The routes below /api, a row for each.
#include "api/fields.hpp"
#include "api/routes.hpp"
#include "base/text.hpp"

namespace pg_principal::api {

using namespace http;

namespace {

const Statement ban{sql_of(
    By::caller, "auth.ban_user($2::uuid, coalesce($3::interval, '100 years'), $4, $5::jsonb)")};
const Statement list_sessions{sql_of(By::caller, "auth.user_sessions($2::uuid)"), true};

// 30s, 90m, 24h, 7d, 1y: each of them also an interval of the database, which knows the bounds but
// not years beyond its calendar.
bool is_duration(std::string_view text) {
    std::uint64_t number = 0;
    constexpr std::string_view units = "smhdy";
    return text.size() >= 2 && text.size() <= 9 && units.find(text.back()) != units.npos &&
           read_digits(text.substr(0, text.size() - 1), number) &&
           (text.back() != 'y' || number <= 1001);
}

Response post_ban(const Backend &backend, const Request &request) {
    const Param id = path_uuid(request);
    Fields fields(request, "The ban was refused", Need::optional);
    const Param duration = fields.read({"duration", Part::text, Need::optional}),
                reason = fields.read({"reason", Part::text, Need::optional});
    if (duration && !is_duration(*duration))
        fields.refuse("duration", "must be a whole number followed by s, m, h, d or y, "
                                  "above zero and at most 1000 years");
    fields.check();
    return backend.as_caller(request, ban, {id, duration, reason, backend.context(request)});
}

Response get_sessions(const Backend &backend, const Request &request) {
    // "me" stands for the caller here as in the other routes
    const bool own = request.param("id") == "me";
    return backend.as_caller(request, list_sessions, {own ? Param() : path_uuid(request)});
}

constexpr const char *page =
    R"({"limit": {"type": "integer", "minimum": 1, "maximum": 100, "default": 20},
    "cursor": "string"})";
constexpr const char *page_of_one =
    R"({"limit": {"type": "integer", "minimum": 1, "maximum": 100, "default": 20},
    "cursor": "string", "userId": "uuid"})";

constexpr Row table[] = {
    // Signing in and out; profiles, one's own and those that an administrator makes and reads.
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
     as_self("auth.audit_feed($2::integer, $3)"), "Audits", unlimited, page},
    {"GET", "/api/users", Caller::auditor,
     "Profiles, oldest first; with a filter those whose email or name has it, newest first",
     as_caller("CASE WHEN $4::text IS NULL THEN auth.list_users($2::integer, $3::integer) ELSE "
               "auth.search_users($4, $2::integer, $3::integer) END"),
     "Users", unlimited,
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

    // What administrators do to everybody, and what auditors look at.
    {"POST", "/api/users/:id/ban", Caller::admin,
     "Refuse a principal and end every token it has, at once and for good", post_ban, "Profile",
     Budget::administration, R"({"duration": {"type": "string", "pattern": "^[0-9]{1,8}[smhdy]$",
         "default": "100y"}, "reason": "string"})",
     200, conflict},
    {"POST", "/api/users/:id/unban", Caller::admin, "Lift a ban; tokens from before it stay dead",
     as_caller("auth.unban_user($2::uuid, $3::jsonb)"), "Profile", Budget::administration},
    {"DELETE", "/api/users/:id", Caller::admin,
     "Take a principal away with its sessions; its audit stays",
     as_caller("auth.delete_user($2::uuid, $3::jsonb)"), "Success", Budget::administration, no_body,
     200, conflict},
    {"GET", "/api/users/:id/sessions", Caller::signed_in,
     "Sessions of the caller (me), for AUDITOR and ADMIN anybody's", get_sessions, "Sessions"},
    {"DELETE", "/api/sessions/:id", Caller::signed_in,
     "End a session of the caller, for ADMIN anybody's, with its tokens",
     as_self("auth.end_session($2::uuid, $3, $4::jsonb)"), "Success", Budget::own,
     R"({"reason": "string"})"},
    {"POST", "/api/tokens", Caller::admin, "Issue a token for a service account",
     as_caller("auth.issue_for($2::uuid, $3, $4, $5::text[], $6::jsonb)", "The token was refused"),
     "IssuedToken", Budget::administration,
     R"({"userId!": "uuid", "ttl": {"type": "string", "pattern": "^[0-9]+[hdy]$",
         "default": "8760h"}, "label": "string", "scopes": ["string"]})",
     201, missing_or_conflict},
    {"GET", "/api/audits", Caller::auditor, "The audit of all, or of one (userId)",
     as_caller("auth.audit_feed($2::integer, $3, $4::uuid, $4 IS NULL)"), "Audits", unlimited,
     page_of_one},
    {"GET", "/api/health/incidents", Caller::auditor, "What is wrong with agents, newest first",
     as_caller("auth.incidents_feed($2::integer, $3, $4::uuid)"), "Incidents", unlimited,
     page_of_one},
    {"GET", "/api/agents", Caller::auditor, "Agents, those about to fall silent first",
     as_caller("auth.agents_feed($2::integer, $3)"), "Agents", unlimited, page},
    {"GET", "/api/tokens/expiries", Caller::auditor,
     "How many issued tokens end on each of the next days",
     as_caller("auth.token_expiries($2::integer)"), "Expiries", unlimited,
     R"({"days": {"type": "integer", "minimum": 1, "maximum": 366, "default": 90}})"},
    {"GET", "/api/refusals", Caller::auditor, "Refused sign-ins and refreshes by hour and reason",
     as_caller("auth.refusals_by_hour($2::integer)"), "Refusals", unlimited,
     R"({"hours": {"type": "integer", "minimum": 1, "maximum": 720, "default": 168}})"},
    {"GET", "/api/health/status", Caller::auditor,
     "When the health scan ran, who runs it, and what it found", as_caller("auth.health_status()"),
     "HealthStatus"},
    {"GET", "/api/keys", Caller::auditor, "Signing keys, their states and ages",
     as_caller("auth.key_states()"), "SigningKeys"},
    {"GET", "/api/audits/status", Caller::auditor,
     "What the last scan of the audit found, and the last seal", as_caller("auth.audit_status()"),
     "AuditStatus"},
    {"GET", "/api/audits/verify", Caller::auditor, "Verify every entry of the audit now",
     as_caller("auth.check_audit()"), "AuditVerification", Budget::costly},

    // Which agent may act for the caller.
    {"GET", "/api/delegations", Caller::signed_in,
     "Which agents may act for the caller, and for whom it may act",
     as_self("auth.my_delegations()"),
     R"({"delegations!": [{"id!": "uuid", "person!": "string", "agent!": "string",
         "scopes!": ["string"], "createdAt": "string", "expiresAt": "string",
         "state!": {"enum": ["live", "expired", "void"]}}]})"},
    {"POST", "/api/delegations", Caller::signed_in,
     "Let an agent act for the caller, for ADMIN for anybody",
     as_caller("auth.delegate_to($2, coalesce($4, '30d'), coalesce($5::text[], '{}'), $3::uuid, "
               "$6::jsonb)",
               "The delegation was refused"),
     R"({"id!": "uuid"})", Budget::own,
     R"({"agent!": "string", "userId": "uuid",
         "ttl": {"type": "string", "pattern": "^[0-9]+[hdy]$", "default": "30d"},
         "scopes": ["string"]})",
     201, missing},
    {"POST", "/api/delegations/tokens", Caller::signed_in,
     "A token that one agent alone may exchange, once or often, to act for the caller",
     as_caller("auth.issue_may_act($2, $3, coalesce($4::text[], '{}'), $5::jsonb)",
               "The token was refused"),
     R"({"token!": "string", "sessionId!": "uuid", "expiresAt!": "string"})", Budget::own,
     R"({"agent!": "string",
         "ttl": {"type": "string", "pattern": "^[0-9]+[hdy]$", "default": "1h"},
         "scopes": ["string"]})",
     201},
    {"DELETE", "/api/delegations/:id", Caller::signed_in,
     "End a grant of the caller, for ADMIN anybody's, with the tokens got by it",
     as_caller("auth.revoke_delegation($2::uuid, $3::jsonb)"), "Success", Budget::own},
};

} // namespace

void add_routes(RouteTable &routes, const SharedBackend &backend) {
    for (const Row &row : table)
        routes.add(strict_route(row, backend));
    routes.add(key_route(backend));
}

} // namespace pg_principal::api
