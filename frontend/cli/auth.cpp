#include "cli/app.hpp"

#include "cli/values.hpp"
#include "core/base/text.hpp"

namespace pg_principal::cli {

namespace {

// These lines are an interface: byte for byte what operators' scripts already read.
Act issues(const char *call, const char *title, const char *variable) {
    return mints(
        std::string("SELECT email, kind, ttl_seconds, utc(expires_at), session_id, token, "
                    "$1::pg_catalog.text AS \"ROLE\", $2::pg_catalog.text AS \"TTL\", "
                    "CASE $1::pg_catalog.text WHEN 'anon' THEN 'ANON' ELSE 'SERVICE_ROLE' END AS "
                    "\"KEY\" FROM ") +
            call,
        std::string(title) + "\n\n{token}\n\n  Export: " + variable +
            "=<jwt above>; never commit or echo it.\n\n  Done.\n",
        "token");
}

void issue(const Session &session, const Given &given) {
    // The checks of an issue come in a fixed order, and a missing address is the first of them:
    // that is a refusal (exit 1), not wrong usage.
    if (given["--email"].empty())
        throw Failure("--email is required");
    issues("auth.issue_token($1, $2, $3, nullif($4::pg_catalog.text[], '{}'))",
           "Issued JWT for {email} ({kind}, ttl={TTL})", "LANDMARK_AUTH_TOKEN")(session, given);
}

std::string read_end(const std::string &given) {
    if (const std::optional<std::string> time = utc_time(given))
        return *time;
    throw UsageError("--until: " + quote_for_message(given) + " is not a time",
                     "Write a time in UTC: 2027-01-01, 2027-01-01T12:00.");
}

const std::vector<Option> grant = {
    {"--role", "The database role that principals log in as", needed, "ROLE"},
    {"--kind", "Principals of this kind: person or service_account", maybe, "KIND", "",
     one_of({"person", "service_account"})},
    {"--app-role", "Principals with this role: READ_ONLY, ANALYST, AUDITOR or ADMIN", maybe, "ROLE",
     "", one_of({"READ_ONLY", "ANALYST", "AUDITOR", "ADMIN"})},
    {"--email", "This principal"}};

// One that names nobody would be of everybody.
Act grants(Act act) {
    return with(at_least_one, {"--kind", "--app-role", "--email"}, std::move(act));
}

const Option principal{"--email", "The principal", needed};
const Option ttl{"--ttl", "Time to live: hours, days or years, as 24h, 90d, 1y (default 8760h)",
                 maybe, "TEXT", "8760h"};
const Option label{"--label", "A name for the session, to recognise it later"};

const std::vector<Verb> auth_verbs = {
    {"issue",
     "Mint a token for a person or a service account on the roster",
     "--email kata-agent-team@example.com\n"
     "--email kata-agent-team@example.com --ttl 90d --label ci\n"
     "  TOKEN=$(pg_principal auth issue --email a@example.com --output token)",
     {{"--email", "The principal"},
      ttl,
      label,
      {"--scope", "A scope that the token is limited to; may be repeated", several}},
     issue,
     {"text", "json", "token"}},
    {"key",
     "Mint a project key for the role anon or service_role",
     "--role anon\n--role service_role --ttl 30d --label backup",
     {{"--role", "anon or service_role", needed, "ROLE", "", one_of({"anon", "service_role"})},
      ttl,
      label},
     issues("auth.issue_key($1, $2, $3)", "Issued key for {ROLE} (ttl={TTL})",
            "SUPABASE_{KEY}_KEY"),
     {"text", "json", "token"}},
    {"adopt-key",
     "Keep an anon or service_role key from Supabase in use, until it is revoked; its secret must "
     "have been imported",
     "--token-env SUPABASE_ANON_KEY\n"
     "--token-file anon.jwt --until 2027-01-01 --label mobile-app",
     {from_variable("--token-env", "The environment variable that holds the key"),
      from_file("--token-file", "The file that holds the key"),
      {"--until", "When it ends, in UTC, if earlier than the key itself", maybe, "TIME", "",
       read_as(read_end)},
      label},
     with(exactly_one, {"--token-env", "--token-file"},
          tells("SELECT role, utc(expires_at), session_id FROM auth.adopt_key(coalesce($1, $2), "
                "$3, $4)",
                "adopted a key for {role} until {expires_at}; to end it: pg_principal auth revoke "
                "--session {session_id}\n"))},
    {"sessions",
     "List the sessions behind somebody's tokens, or behind the project keys",
     "--email kata-agent-team@example.com\n"
     "--email kata-agent-team@example.com --output json\n"
     "--project-keys",
     {{"--email", "The principal"},
      {"--project-keys", "Of the project keys instead, which belong to no principal", flag}},
     with(exactly_one, {"--email", "--project-keys"},
          lists("SELECT id, label, role, utc(created_at), utc(expires_at), utc(revoked_at), "
                "revoke_reason, state, json(scopes), origin, utc(last_used_at), ip, user_agent "
                "FROM auth.list_sessions(CASE WHEN NOT $2 THEN $1 END)",
                {"SESSION id, STATE, LABEL, ROLE, ORIGIN, CREATED created_at, EXPIRES expires_at, "
                 "LAST USED last_used_at, SCOPES"}))},
    {"revoke",
     "End one session and its tokens",
     "--session 0c6f1c5e-8a2f-4f0e-9d0a-3f0d6a1b2c3d --reason rotated",
     {{"--session", "Its id, as auth sessions shows it", needed, "UUID"},
      {"--reason", "Stored with the session"}},
     does("SELECT auth.revoke_session($1, $2)", "revoked", "no active session {}",
          "List them: pg_principal auth sessions --email <email>, or --project-keys.")},
    {"ban",
     "Ban a principal: each of its tokens is refused from its next statement on",
     "--email kata-agent-team@example.com --reason 'token leaked'\n"
     "--email kata-agent-team@example.com --duration '7 days'",
     {principal,
      {"--duration", "An interval; a day has 24 hours (default \"100 years\")", maybe, "TEXT",
       "100 years"},
      {"--reason", "Stored with the ban"}},
     tells("SELECT auth.normalise_email($1) AS banned, $2::pg_catalog.text AS duration, "
           "auth.ban($1, $2::pg_catalog.text::pg_catalog.interval, $3) AS \"DONE\"",
           "banned {banned} ({duration})\n")},
    {"unban",
     "Lift a ban; tokens issued before it stay refused",
     "--email kata-agent-team@example.com",
     {principal},
     makes("SELECT auth.normalise_email($1), auth.unban($1)", "unbanned")},
    {"logins",
     "List who may log in with a token, as which database roles",
     "\n--output json",
     {},
     lists("SELECT database_role, kind, app_role, email, utc(created_at) FROM "
           "auth.list_login_roles()",
           {"DATABASE ROLE, KIND, APP ROLE, EMAIL, CREATED created_at",
            "nobody may log in with a token"})},
    {"allow-login",
     "Let principals log in with a token as a database role; what is given of kind, role and email "
     "must all be theirs",
     "--role app --kind service_account\n"
     "--role reporting --app-role AUDITOR\n"
     "--role app --email ann@example.com",
     grant,
     grants(tells("SELECT $1::pg_catalog.text AS allowed, CASE WHEN auth.allow_login($1, $2, $3, "
                  "$4) THEN 'allowed' ELSE 'already allowed' END AS \"DONE\"",
                  "{DONE} {allowed}\n"))},
    {"disallow-login", "Take that back; connections that nothing else allows end within a second",
     "--role app --kind service_account", grant,
     grants(does("SELECT auth.disallow_login($1, $2, $3, $4)", "disallowed", "no such login as {}",
                 "List them: pg_principal auth logins."))},
    {"connections",
     "List who is connected to this database by a token",
     "\n--email kata-agent-team@example.com --output json",
     {{"--email", "The principal"}},
     lists("SELECT pid, database, role, user_id, email, kind, session_id, utc(since), "
           "utc(expires_at), door, actor FROM auth.connections WHERE $1::pg_catalog.text IS NULL "
           "OR email OPERATOR(pg_catalog.=) auth.normalise_email($1)",
           {"PID, EMAIL, ACTOR, KIND, ROLE, DOOR, SINCE, EXPIRES expires_at",
            "nobody is connected by a token"})},
    {"disconnect",
     "End one connection; its token stays valid (auth revoke ends it)",
     "--pid 12700",
     {{"--pid", "Its process ID, as auth connections shows it", needed, "PID", "",
       between(1, 2147483647)}},
     does("SELECT auth.end_connection($1)", "disconnected",
          "no connection by a token with process ID {}",
          "List them: pg_principal auth connections.")},
};

} // namespace

const Family auth_family{"auth", "Tokens, sessions and bans",
                         "issue --email kata-agent-team@example.com\n"
                         "sessions --email kata-agent-team@example.com\n"
                         "ban --email kata-agent-team@example.com",
                         auth_verbs};

} // namespace pg_principal::cli
