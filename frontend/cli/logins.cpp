// Verbs of `auth` about logging in with a token: as which database roles, who is connected.
#include "cli/app.hpp"

#include <memory>

#include "cli/arguments.hpp"

namespace pg_principal::cli {

namespace {

struct Options {
    std::string role, kind, app_role, email; // of a grant; email also of connections
    int pid = 0;
};

std::vector<db::Param> grant_of(const Options &options) {
    if (options.kind.empty() && options.app_role.empty() && options.email.empty())
        throw UsageError("at least one of --kind, --app-role, --email is required");
    return {options.role, given_or_null(options.kind), given_or_null(options.app_role),
            given_or_null(options.email)};
}

void list_logins(const Session &session) {
    const db::Result rows =
        session.ask("SELECT database_role, kind, app_role, email, " + utc_time_sql("created_at") +
                    " FROM auth.list_login_roles()");
    print_rows(session.streams, session.output, rows,
               {{"databaseRole", "kind", "appRole", "email", "createdAt"},
                {{"DATABASE ROLE", 0}, {"KIND", 1}, {"APP ROLE", 2}, {"EMAIL", 3}, {"CREATED", 4}},
                "nobody may log in with a token"});
}

void allow(const Session &session, const Options &options) {
    const db::Result rows =
        session.ask("SELECT auth.allow_login($1::pg_catalog.text, $2::pg_catalog.text, "
                    "$3::pg_catalog.text, $4::pg_catalog.text)",
                    grant_of(options));
    const bool is_new = rows.boolean(0, 0);
    print_done(session, is_new || session.wants("json") ? "allowed" : "already allowed",
               options.role);
}

void disallow(const Session &session, const Options &options) {
    const db::Result rows =
        session.ask("SELECT auth.disallow_login($1::pg_catalog.text, $2::pg_catalog.text, "
                    "$3::pg_catalog.text, $4::pg_catalog.text)",
                    grant_of(options));
    if (!rows.boolean(0, 0))
        throw Failure("no such login as " + printable(options.role), {},
                      "List them: pg_principal auth logins.");
    print_done(session, "disallowed", options.role);
}

void list_connections(const Session &session, const Options &options) {
    const db::Result rows =
        session.ask("SELECT pid, database, role, user_id, email, kind, session_id, " +
                        utc_time_sql("since") + ", " + utc_time_sql("expires_at") +
                        ", door, actor FROM auth.connections "
                        "WHERE $1::pg_catalog.text IS NULL OR "
                        "email OPERATOR(pg_catalog.=) auth.normalise_email($1::pg_catalog.text)",
                    {given_or_null(options.email)});
    print_rows(session.streams, session.output, rows,
               {{"pid", "database", "role", "userId", "email", "kind", "sessionId", "since",
                 "expiresAt", "door", "actor"},
                {{"PID", 0},
                 {"EMAIL", 4},
                 {"ACTOR", 10},
                 {"KIND", 5},
                 {"ROLE", 2},
                 {"DOOR", 9},
                 {"SINCE", 7},
                 {"EXPIRES", 8}},
                "nobody is connected by a token"});
}

void disconnect(const Session &session, const Options &options) {
    const std::string pid = std::to_string(options.pid);
    const db::Result rows =
        session.ask("SELECT auth.end_connection($1::pg_catalog.int4)", {db::Param(pid)});
    if (!rows.boolean(0, 0))
        throw Failure("no connection by a token with process ID " + pid, {},
                      "List them: pg_principal auth connections.");
    print_done(session, "disconnected", pid);
}

void add_grant(Command verb, Options &options) {
    verb.option("--role", options.role, "The database role that principals log in as")
        .required()
        .type("ROLE");
    verb.option("--kind", options.kind, "Principals of this kind: person or service_account")
        .one_of({"person", "service_account"})
        .type("KIND");
    verb.option("--app-role", options.app_role,
                "Principals with this role: READ_ONLY, ANALYST, AUDITOR or ADMIN")
        .one_of({"READ_ONLY", "ANALYST", "AUDITOR", "ADMIN"})
        .type("ROLE");
    verb.option("--email", options.email, "This principal");
}

} // namespace

void add_login_verbs(Command group, Session &session) {
    const auto options = std::make_shared<Options>();
    const auto add = [&](const char *name, const char *description, const char *examples,
                         void (*act)(const Session &, const Options &)) {
        return add_verb(group, session, name, description, examples,
                        [&session, options, act] { act(session, *options); });
    };
    add_verb(group, session, "logins", "List who may log in with a token, as which database roles",
             "  pg_principal auth logins\n"
             "  pg_principal auth logins --output json",
             [&session] { list_logins(session); });

    add_grant(add("allow-login",
                  "Let principals log in with a token as a database role; what is given of kind, "
                  "role and email must all be theirs",
                  "  pg_principal auth allow-login --role app --kind service_account\n"
                  "  pg_principal auth allow-login --role reporting --app-role AUDITOR\n"
                  "  pg_principal auth allow-login --role app --email ann@example.com",
                  allow),
              *options);
    add_grant(add("disallow-login",
                  "Take that back; connections that nothing else allows end within a second",
                  "  pg_principal auth disallow-login --role app --kind service_account", disallow),
              *options);

    add("connections", "List who is connected to this database by a token",
        "  pg_principal auth connections\n"
        "  pg_principal auth connections --email kata-agent-team@example.com --output json",
        list_connections)
        .option("--email", options->email, "The principal");
    add("disconnect", "End one connection; its token stays valid (auth revoke ends it)",
        "  pg_principal auth disconnect --pid 12700", disconnect)
        .option("--pid", options->pid, "Its process ID, as auth connections shows it")
        .required()
        .between(1, 2147483647)
        .type("PID");
}

} // namespace pg_principal::cli
