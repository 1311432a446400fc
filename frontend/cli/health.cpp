#include "cli/app.hpp"

namespace pg_principal::cli {

namespace {

Json json_or_null(const std::optional<std::string> &value) { return value ? Json(*value) : Json(); }

void add_scan(Verb &group, Session &session) {
    const auto output = std::make_shared<std::string>();
    Verb verb = add_command(
        group, session, "scan", "Report what happened to agents since the last scan",
        "  pg_principal health scan\n"
        "  pg_principal health scan --output json",
        [&session, output] {
            const Rows rows = session.connect().run("SELECT kind, email, reason, metadata, " +
                                                    utc_time_sql("created_at") +
                                                    " FROM auth.scan_agent_health()");
            Json list = Json::array();
            Table table({"TIME", "EMAIL", "KIND", "REASON"});
            for (int row = 0; row < rows.size(); ++row) {
                list.push_back({{"kind", rows.text(row, 0)},
                                {"email", rows.text(row, 1)},
                                {"reason", rows.text(row, 2)},
                                {"metadata", Json::parse(rows.text(row, 3))},
                                {"createdAt", rows.text(row, 4)}});
                table.add({rows.get(row, 4), rows.get(row, 1), rows.get(row, 0), rows.get(row, 2)});
            }
            if (*output == "json")
                print_json(session.streams.out, list);
            else if (rows.size() > 0)
                table.print(session.streams);
            else
                session.streams.out << "nothing new\n";
        });
    verb.output(*output, {"text", "json"});
}

void add_report(Verb &group, Session &session) {
    const auto output = std::make_shared<std::string>();
    Verb verb = add_command(
        group, session, "report", "Show every agent: its tokens, its last use, what is wrong",
        "  pg_principal health report\n"
        "  pg_principal health report --output json",
        [&session, output] {
            const Rows rows = session.connect().run(
                "SELECT email, app_role, banned, issued_tokens, signed_in_sessions, " +
                utc_time_sql("next_expiry") + ", " + utc_time_sql("last_used_at") + ", " +
                utc_time_sql("last_refresh_at") + ", " + utc_time_sql("password_changed_at") +
                ", refresh_failures, " + utc_time_sql("last_failure_at") +
                ", last_failure_reason, pg_catalog.to_json(findings), "
                "pg_catalog.array_to_string(findings, '; ') FROM auth.agent_health()");
            Json list = Json::array();
            Table table({"EMAIL", "ROLE", "TOKENS", "SESSIONS", "NEXT EXPIRY", "LAST USED",
                         "REFRESHED", "FAILURES", "FINDINGS"});
            for (int row = 0; row < rows.size(); ++row) {
                const bool banned = rows.text(row, 2) == "t";
                list.push_back({{"email", rows.text(row, 0)},
                                {"role", rows.text(row, 1)},
                                {"banned", banned},
                                {"issuedTokens", Json::parse(rows.text(row, 3))},
                                {"signedInSessions", Json::parse(rows.text(row, 4))},
                                {"nextExpiry", json_or_null(rows.get(row, 5))},
                                {"lastUsedAt", json_or_null(rows.get(row, 6))},
                                {"lastRefreshAt", json_or_null(rows.get(row, 7))},
                                {"passwordChangedAt", json_or_null(rows.get(row, 8))},
                                {"refreshFailures", Json::parse(rows.text(row, 9))},
                                {"lastFailureAt", json_or_null(rows.get(row, 10))},
                                {"lastFailureReason", json_or_null(rows.get(row, 11))},
                                {"findings", Json::parse(rows.text(row, 12))}});
                table.add({rows.get(row, 0), banned ? "banned" : rows.text(row, 1),
                           rows.get(row, 3), rows.get(row, 4), rows.get(row, 5), rows.get(row, 6),
                           rows.get(row, 7), rows.get(row, 9), rows.get(row, 13)});
            }
            if (*output == "json")
                print_json(session.streams.out, list);
            else
                table.print(session.streams);
        });
    verb.output(*output, {"text", "json"});
}

} // namespace

void add_health_commands(Verb &root, Session &session) {
    Verb group = add_command(root, session, "health",
                             "Agents: refused refreshes, tokens about to expire or unused",
                             "  pg_principal health scan\n"
                             "  pg_principal health report");
    add_scan(group, session);
    add_report(group, session);
}

} // namespace pg_principal::cli
