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

Response get_agents(const Backend &backend, const Request &request) {
    const Query query(request);
    return backend.as_caller(request, agents, {query.number("limit", "20"), query.text("cursor")});
}

Response get_expiries(const Backend &backend, const Request &request) {
    return backend.as_caller(request, expiries, {Query(request).number("days", "90")});
}

Response get_refusals(const Backend &backend, const Request &request) {
    return backend.as_caller(request, refusals, {Query(request).number("hours", "168")});
}

Response get_health(const Backend &backend, const Request &request) {
    return backend.as_caller(request, health);
}

Response get_keys(const Backend &backend, const Request &request) {
    return backend.as_caller(request, keys);
}

Response get_audit_status(const Backend &backend, const Request &request) {
    return backend.as_caller(request, audit);
}

Response get_verification(const Backend &backend, const Request &request) {
    return backend.as_caller(request, verify);
}

constexpr Row table[] = {
    {"GET", "/api/agents", Caller::auditor, "Agents, those about to fall silent first", get_agents,
     "Agents", unlimited, no_body, 200, no_other,
     R"({"limit":{"type":"integer","minimum":1,"maximum":100,"default":20},
         "cursor":{"type":"string"}})"},
    {"GET", "/api/tokens/expiries", Caller::auditor,
     "How many issued tokens end on each of the next days", get_expiries, "Expiries", unlimited,
     no_body, 200, no_other,
     R"({"days":{"type":"integer","minimum":1,"maximum":366,"default":90}})"},
    {"GET", "/api/refusals", Caller::auditor, "Refused sign-ins and refreshes by hour and reason",
     get_refusals, "Refusals", unlimited, no_body, 200, no_other,
     R"({"hours":{"type":"integer","minimum":1,"maximum":720,"default":168}})"},
    {"GET", "/api/health/status", Caller::auditor,
     "When the health scan ran, who runs it, and what it found", get_health, "HealthStatus"},
    {"GET", "/api/keys", Caller::auditor, "Signing keys, their states and ages", get_keys,
     "SigningKeys"},
    {"GET", "/api/audits/status", Caller::auditor,
     "What the last scan of the audit found, and the last seal", get_audit_status, "AuditStatus"},
    {"GET", "/api/audits/verify", Caller::auditor, "Verify every entry of the audit now",
     get_verification, "AuditVerification", Budget::costly},
};

} // namespace

void add_oversight_routes(RouteTable &routes, const SharedBackend &backend) {
    for (const Row &row : table)
        add_route(routes, row, backend);
}

} // namespace pg_principal::api
