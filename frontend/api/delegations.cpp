// Grants of delegation: which agent may act for the caller.
#include "api/routes.hpp"

namespace pg_principal::api {

using namespace http;

namespace {

constexpr Row table[] = {
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

void add_delegation_routes(RouteTable &routes, const SharedBackend &backend) {
    for (const Row &row : table)
        add_route(routes, row, backend);
}

} // namespace pg_principal::api
