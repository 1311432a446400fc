#include "cli/app.hpp"

namespace pg_principal::cli {

namespace {

void scan(const Session &session) {
    const db::Result rows =
        session.ask("SELECT kind, email, reason, metadata, " + utc_time_sql("created_at") +
                    " FROM auth.scan_agent_health()");
    print_rows(session.streams, session.output, rows,
               {{{"kind"}, {"email"}, {"reason"}, {"metadata", true}, {"createdAt"}},
                {{"TIME", 4}, {"EMAIL", 1}, {"KIND", 0}, {"REASON", 2}},
                "nothing new"});
}

void report(const Session &session) {
    const db::Result rows = session.ask(
        "SELECT email, app_role, pg_catalog.to_json(banned), issued_tokens, signed_in_sessions, " +
        utc_time_sql("next_expiry") + ", " + utc_time_sql("last_used_at") + ", " +
        utc_time_sql("last_refresh_at") + ", " + utc_time_sql("password_changed_at") +
        ", refresh_failures, " + utc_time_sql("last_failure_at") +
        ", last_failure_reason, pg_catalog.to_json(findings), "
        "pg_catalog.array_to_string(findings, '; '), "
        "CASE WHEN banned THEN 'banned' ELSE app_role::pg_catalog.text END "
        "FROM auth.agent_health()");
    print_rows(session.streams, session.output, rows,
               {{{"email"},
                 {"role"},
                 {"banned", true},
                 {"issuedTokens", true},
                 {"signedInSessions", true},
                 {"nextExpiry"},
                 {"lastUsedAt"},
                 {"lastRefreshAt"},
                 {"passwordChangedAt"},
                 {"refreshFailures", true},
                 {"lastFailureAt"},
                 {"lastFailureReason"},
                 {"findings", true}},
                {{"EMAIL", 0},
                 {"ROLE", 14},
                 {"TOKENS", 3},
                 {"SESSIONS", 4},
                 {"NEXT EXPIRY", 5},
                 {"LAST USED", 6},
                 {"REFRESHED", 7},
                 {"FAILURES", 9},
                 {"FINDINGS", 13}}});
}

} // namespace

void add_health_commands(CLI::App &root, Session &session) {
    CLI::App *group = add_family(root, session, "health",
                                 "Agents: refused refreshes, tokens about to expire or unused",
                                 "  pg_principal health scan\n"
                                 "  pg_principal health report");
    add_verb(*group, session, "scan", "Report what happened to agents since the last scan",
             "  pg_principal health scan\n"
             "  pg_principal health scan --output json",
             [&session] { scan(session); });
    add_verb(*group, session, "report", "Show every agent: its tokens, its last use, what is wrong",
             "  pg_principal health report\n"
             "  pg_principal health report --output json",
             [&session] { report(session); });
}

} // namespace pg_principal::cli
