// What auditors look at: agents, refusals, the health scan, keys and the audit itself.
#include "api/fields.hpp"
#include "api/routes.hpp"

namespace pg_principal::api {

using namespace http;

namespace {

const Statement agents{PG_PRINCIPAL_CALL_AS_CALLER("auth.agents_feed($2::integer, $3)"), true};
const Statement expiries{PG_PRINCIPAL_CALL_AS_CALLER("auth.token_expiries($2::integer)"), true};
const Statement refusals{PG_PRINCIPAL_CALL_AS_CALLER("auth.refusals_by_hour($2::integer)"), true};
const Statement health{PG_PRINCIPAL_CALL_AS_CALLER("auth.health_status()"), true};
const Statement keys{PG_PRINCIPAL_CALL_AS_CALLER("auth.key_states()"), true};
const Statement audit{PG_PRINCIPAL_CALL_AS_CALLER("auth.audit_status()"), true};
const Statement verify{PG_PRINCIPAL_CALL_AS_CALLER("auth.check_audit()"), true};

constexpr Row table[] = {
    {"GET", "/api/agents", Caller::auditor, "Agents, those about to fall silent first", agents,
     "Agents", unlimited, no_body, 200, no_other,
     R"({"limit": {"type": "integer", "minimum": 1, "maximum": 100, "default": 20},
         "cursor": "string"})"},
    {"GET", "/api/tokens/expiries", Caller::auditor,
     "How many issued tokens end on each of the next days", expiries, "Expiries", unlimited,
     no_body, 200, no_other,
     R"({"days": {"type": "integer", "minimum": 1, "maximum": 366, "default": 90}})"},
    {"GET", "/api/refusals", Caller::auditor, "Refused sign-ins and refreshes by hour and reason",
     refusals, "Refusals", unlimited, no_body, 200, no_other,
     R"({"hours": {"type": "integer", "minimum": 1, "maximum": 720, "default": 168}})"},
    {"GET", "/api/health/status", Caller::auditor,
     "When the health scan ran, who runs it, and what it found", health, "HealthStatus"},
    {"GET", "/api/keys", Caller::auditor, "Signing keys, their states and ages", keys,
     "SigningKeys"},
    {"GET", "/api/audits/status", Caller::auditor,
     "What the last scan of the audit found, and the last seal", audit, "AuditStatus"},
    {"GET", "/api/audits/verify", Caller::auditor, "Verify every entry of the audit now", verify,
     "AuditVerification", Budget::costly},
};

} // namespace

void add_oversight_routes(RouteTable &routes, const SharedBackend &backend) {
    for (const Row &row : table)
        add_route(routes, row, backend);
}

} // namespace pg_principal::api
