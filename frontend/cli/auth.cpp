#include "cli/app.hpp"

#include <memory>

#include "cli/arguments.hpp"
#include "cli/read_file.hpp"
#include "core/principals/email.hpp"
#include "db/array.hpp"

namespace pg_principal::cli {

namespace {

struct Options {
    std::string email, role, ttl = "8760h", label, reason;
    std::string session_id, duration = "100 years";
    std::string variable, file, until; // of a key to adopt
    std::vector<std::string> scopes;
};

std::string issue_columns() {
    return "SELECT email, kind, ttl_seconds, " + utc_time_sql("expires_at") +
           ", session_id, token FROM ";
}

// These lines are an interface: byte for byte what operators' scripts already read.
void print_issued(const Session &session, const db::Result &rows, const std::string &title,
                  const std::string &variable) {
    if (rows.rows() != 1)
        throw Failure("the server issued nothing");
    std::ostream &out = session.streams.out;
    const std::string_view token = rows.text(0, 5);
    if (session.wants("json"))
        print_first(out, rows, {"email", "kind", "ttlSeconds", "expiresAt", "sessionId", "token"});
    else if (session.wants("token"))
        out << token << '\n';
    else
        out << title << "\n\n"
            << token << "\n\n  Export: " << variable
            << "=<jwt above>; never commit or echo it.\n\n  Done.\n";
}

void issue(const Session &session, const Options &options) {
    // The checks of an issue come in a fixed order, and a missing address is the first of them:
    // that is a refusal (exit 1), not wrong usage.
    if (options.email.empty())
        throw Failure("--email is required");
    session.ask_and_tell(
        issue_columns() + "auth.issue_token($1::pg_catalog.text, $2::pg_catalog.text, "
                          "$3::pg_catalog.text, $4::pg_catalog.text[])",
        {options.email, options.ttl, given_or_null(options.label),
         options.scopes.empty() ? db::Param() : db::Param(db::array_param(options.scopes))},
        [&](const db::Result &rows) {
            print_issued(session, rows,
                         "Issued JWT for " + printable(rows.text(0, 0)) + " (" +
                             std::string(rows.text(0, 1)) + ", ttl=" + options.ttl + ")",
                         "LANDMARK_AUTH_TOKEN");
        });
}

void issue_key(const Session &session, const Options &options) {
    session.ask_and_tell(
        issue_columns() + "auth.issue_key($1::pg_catalog.text, $2::pg_catalog.text, "
                          "$3::pg_catalog.text)",
        {options.role, options.ttl, given_or_null(options.label)}, [&](const db::Result &rows) {
            print_issued(
                session, rows, "Issued key for " + options.role + " (ttl=" + options.ttl + ")",
                options.role == "anon" ? "SUPABASE_ANON_KEY" : "SUPABASE_SERVICE_ROLE_KEY");
        });
}

void adopt_key(const Session &session, const Options &options) {
    if (options.variable.empty() == options.file.empty())
        throw UsageError("one of --token-env, --token-file is required");
    const db::Result rows =
        session.ask("SELECT role, " + utc_time_sql("expires_at") +
                        ", session_id FROM auth.adopt_key($1::pg_catalog.text, "
                        "$2::pg_catalog.timestamptz, $3::pg_catalog.text)",
                    {read_secret(options.variable, options.file), given_or_null(options.until),
                     given_or_null(options.label)});
    if (session.wants("json"))
        print_first(session.streams.out, rows, {"role", "expiresAt", "sessionId"});
    else
        session.streams.out << "adopted a key for " << rows.text(0, 0) << " until "
                            << rows.text(0, 1) << "; to end it: pg_principal auth revoke --session "
                            << rows.text(0, 2) << '\n';
}

void list_sessions(const Session &session, const Options &options) {
    const db::Result rows =
        session.ask("SELECT id, label, role, " + utc_time_sql("created_at") + ", " +
                        utc_time_sql("expires_at") + ", " + utc_time_sql("revoked_at") +
                        ", revoke_reason, state, pg_catalog.to_json(scopes), "
                        "pg_catalog.array_to_string(scopes, ' ') "
                        "FROM auth.list_sessions($1::pg_catalog.text)",
                    {options.email});
    print_rows(session.streams, session.output, rows,
               {{"id", "label", "role", "createdAt", "expiresAt", "revokedAt", "revokeReason",
                 "state", "scopes"},
                {{"SESSION", 0},
                 {"STATE", 7},
                 {"LABEL", 1},
                 {"ROLE", 2},
                 {"CREATED", 3},
                 {"EXPIRES", 4},
                 {"SCOPES", 9}}});
}

void revoke(const Session &session, const Options &options) {
    const db::Result rows =
        session.ask("SELECT auth.revoke_session($1::pg_catalog.uuid, $2::pg_catalog.text)",
                    {options.session_id, given_or_null(options.reason)});
    if (!rows.boolean(0, 0))
        throw Failure("no active session " + printable(options.session_id), {},
                      "List them: pg_principal auth sessions --email <email>.");
    print_done(session, "revoked", options.session_id);
}

void ban(const Session &session, const Options &options) {
    session.ask("SELECT auth.ban($1::pg_catalog.text, $2::pg_catalog.interval, "
                "$3::pg_catalog.text)",
                {options.email, options.duration, given_or_null(options.reason)});
    const std::string email = printable(normalise_email(options.email));
    if (session.wants("json"))
        print_object(session.streams.out, {{"banned", email}, {"duration", options.duration}});
    else
        session.streams.out << "banned " << email << " (" << options.duration << ")\n";
}

void unban(const Session &session, const Options &options) {
    session.ask("SELECT auth.unban($1::pg_catalog.text)", {options.email});
    print_done(session, "unbanned", normalise_email(options.email));
}

void add_ttl_and_label(Command verb, Options &options) {
    verb.option("--ttl", options.ttl,
                "Time to live: hours, days or years, as 24h, 90d, 1y (default 8760h)");
    verb.option("--label", options.label, "A name for the session, to recognise it later");
}

} // namespace

void add_auth_commands(Command root, Session &session) {
    const Command group =
        add_family(root, session, "auth", "Tokens, sessions and bans",
                   "  pg_principal auth issue --email kata-agent-team@example.com\n"
                   "  pg_principal auth sessions --email kata-agent-team@example.com\n"
                   "  pg_principal auth ban --email kata-agent-team@example.com");
    const auto options = std::make_shared<Options>();
    const auto add = [&](const char *name, const char *description, const char *examples,
                         void (*act)(const Session &, const Options &),
                         const std::vector<std::string> &outputs = {"text", "json"}) {
        return add_verb(
            group, session, name, description, examples,
            [&session, options, act] { act(session, *options); }, outputs);
    };

    Command verb =
        add("issue", "Mint a token for a person or a service account on the roster",
            "  pg_principal auth issue --email kata-agent-team@example.com\n"
            "  pg_principal auth issue --email kata-agent-team@example.com --ttl 90d --label ci\n"
            "  TOKEN=$(pg_principal auth issue --email a@example.com --output token)",
            issue, {"text", "json", "token"});
    verb.option("--email", options->email, "The principal");
    add_ttl_and_label(verb, *options);
    verb.option("--scope", options->scopes,
                "A scope that the token is limited to; may be repeated");

    verb = add("key", "Mint a project key for the role anon or service_role",
               "  pg_principal auth key --role anon\n"
               "  pg_principal auth key --role service_role --ttl 30d --label backup",
               issue_key, {"text", "json", "token"});
    verb.option("--role", options->role, "anon or service_role")
        .required()
        .one_of({"anon", "service_role"})
        .type("ROLE");
    add_ttl_and_label(verb, *options);

    verb = add(
        "adopt-key",
        "Keep an anon or service_role key from Supabase in use, until it is revoked; its "
        "secret must have been imported",
        "  pg_principal auth adopt-key --token-env SUPABASE_ANON_KEY\n"
        "  pg_principal auth adopt-key --token-file anon.jwt --until 2027-01-01 --label mobile-app",
        adopt_key);
    verb.option("--token-env", options->variable, "The environment variable that holds the key")
        .type("VAR");
    verb.option("--token-file", options->file, "The file that holds the key").type("FILE");
    verb.option("--until", options->until, "When it ends, if earlier than the key itself")
        .type("TIME");
    verb.option("--label", options->label, "A name for the session, to recognise it later");

    add("sessions", "List the sessions behind somebody's tokens",
        "  pg_principal auth sessions --email kata-agent-team@example.com\n"
        "  pg_principal auth sessions --email kata-agent-team@example.com --output json",
        list_sessions)
        .option("--email", options->email, "The principal")
        .required();

    verb = add("revoke", "End one session and its tokens",
               "  pg_principal auth revoke --session 0c6f1c5e-8a2f-4f0e-9d0a-3f0d6a1b2c3d "
               "--reason rotated",
               revoke);
    verb.option("--session", options->session_id, "Its id, as auth sessions shows it")
        .required()
        .type("UUID");
    verb.option("--reason", options->reason, "Stored with the session");

    verb =
        add("ban", "Ban a principal: each of its tokens is refused from its next statement on",
            "  pg_principal auth ban --email kata-agent-team@example.com --reason 'token leaked'\n"
            "  pg_principal auth ban --email kata-agent-team@example.com --duration '7 days'",
            ban);
    verb.option("--email", options->email, "The principal").required();
    verb.option("--duration", options->duration,
                "An interval; a day has 24 hours (default \"100 years\")");
    verb.option("--reason", options->reason, "Stored with the ban");

    add("unban", "Lift a ban; tokens issued before it stay refused",
        "  pg_principal auth unban --email kata-agent-team@example.com", unban)
        .option("--email", options->email, "The principal")
        .required();
    add_login_verbs(group, session);
}

} // namespace pg_principal::cli
