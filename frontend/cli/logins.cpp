// Verbs of `auth` about logging in with a token: as which database roles, who is connected.
#include "cli/app.hpp"

namespace pg_principal::cli {

namespace {

const std::vector<Option> grant = {
    {"--role", "The database role that principals log in as", needed, "ROLE"},
    {"--kind", "Principals of this kind: person or service_account", maybe, "KIND", "",
     one_of({"person", "service_account"})},
    {"--app-role", "Principals with this role: READ_ONLY, ANALYST, AUDITOR or ADMIN", maybe, "ROLE",
     "", one_of({"READ_ONLY", "ANALYST", "AUDITOR", "ADMIN"})},
    {"--email", "This principal"}};

// One that names nobody would be of everybody.
void check_grant(const Given &given) {
    if (given["--kind"].empty() && given["--app-role"].empty() && given["--email"].empty())
        throw UsageError("at least one of --kind, --app-role, --email is required");
}

void allow(const Session &session, const Given &given) {
    check_grant(given);
    const db::Result rows =
        session.ask("SELECT auth.allow_login($1::pg_catalog.text, $2::pg_catalog.text, "
                    "$3::pg_catalog.text, $4::pg_catalog.text)",
                    given.parameters());
    const bool is_new = rows.boolean(0, 0);
    print_done(session, is_new || session.wants("json") ? "allowed" : "already allowed",
               given["--role"]);
}

void disallow(const Session &session, const Given &given) {
    check_grant(given);
    does("SELECT auth.disallow_login($1::pg_catalog.text, $2::pg_catalog.text, "
         "$3::pg_catalog.text, $4::pg_catalog.text)",
         "disallowed", "no such login as {}",
         "List them: pg_principal auth logins.")(session, given);
}

const std::vector<Verb> verbs = {
    {"logins",
     "List who may log in with a token, as which database roles",
     "  pg_principal auth logins\n"
     "  pg_principal auth logins --output json",
     {},
     lists("SELECT database_role, kind, app_role, email, utc(created_at) FROM "
           "auth.list_login_roles()",
           {"DATABASE ROLE, KIND, APP ROLE, EMAIL, CREATED created_at",
            "nobody may log in with a token"})},
    {"allow-login",
     "Let principals log in with a token as a database role; what is given of kind, role and email "
     "must all be theirs",
     "  pg_principal auth allow-login --role app --kind service_account\n"
     "  pg_principal auth allow-login --role reporting --app-role AUDITOR\n"
     "  pg_principal auth allow-login --role app --email ann@example.com",
     grant, allow},
    {"disallow-login", "Take that back; connections that nothing else allows end within a second",
     "  pg_principal auth disallow-login --role app --kind service_account", grant, disallow},
    {"connections",
     "List who is connected to this database by a token",
     "  pg_principal auth connections\n"
     "  pg_principal auth connections --email kata-agent-team@example.com --output json",
     {{"--email", "The principal"}},
     lists("SELECT pid, database, role, user_id, email, kind, session_id, utc(since), "
           "utc(expires_at), door, actor FROM auth.connections WHERE $1::pg_catalog.text IS NULL "
           "OR email OPERATOR(pg_catalog.=) auth.normalise_email($1::pg_catalog.text)",
           {"PID, EMAIL, ACTOR, KIND, ROLE, DOOR, SINCE, EXPIRES expires_at",
            "nobody is connected by a token"})},
    {"disconnect",
     "End one connection; its token stays valid (auth revoke ends it)",
     "  pg_principal auth disconnect --pid 12700",
     {{"--pid", "Its process ID, as auth connections shows it", needed, "PID", "",
       between(1, 2147483647)}},
     does("SELECT auth.end_connection($1::pg_catalog.int4)", "disconnected",
          "no connection by a token with process ID {}",
          "List them: pg_principal auth connections.")},
};

} // namespace

void add_login_verbs(const Group &auth) { auth.add_all(verbs); }

} // namespace pg_principal::cli
