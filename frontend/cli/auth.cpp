#include "cli/app.hpp"

#include "cli/read_file.hpp"
#include "core/principals/email.hpp"

namespace pg_principal::cli {

namespace {

// The checks of an issue come in a fixed order, and a missing address is the first of them: that is
// a refusal (exit 1), not wrong usage.
void require_email(const std::string &email) {
    if (email.empty())
        throw Failure("--email is required");
}

Param optional_text(const std::string &text) { return text.empty() ? Param() : Param(text); }

std::string issue_columns() {
    return "SELECT email, kind, ttl_seconds, " + utc_time_sql("expires_at") +
           ", session_id, token FROM ";
}

Json issued_json(const Rows &rows) {
    Json json;
    const auto email = rows.get(0, 0);
    json["email"] = email ? Json(*email) : Json();
    json["kind"] = rows.text(0, 1);
    json["ttlSeconds"] = std::stoll(rows.text(0, 2));
    json["expiresAt"] = rows.text(0, 3);
    json["sessionId"] = rows.text(0, 4);
    json["token"] = rows.text(0, 5);
    return json;
}

// These lines are an interface: byte for byte what operators' scripts already read.
void print_issued(const Streams &streams, const Rows &rows, const std::string &title,
                  const std::string &variable, const std::string &output) {
    if (rows.size() != 1)
        throw Failure("the server issued nothing");
    if (output == "json")
        return print_json(streams.out, issued_json(rows));
    const std::string token = rows.text(0, 5);
    if (output == "token")
        streams.out << token << '\n';
    else
        streams.out << title << "\n\n"
                    << token << "\n\n  Export: " << variable
                    << "=<jwt above>; never commit or echo it.\n\n  Done.\n";
}

void add_issue(Verb &group, Session &session) {
    struct Options {
        std::string email, ttl = "8760h", label, output;
        std::vector<std::string> scopes;
    };
    const auto options = std::make_shared<Options>();
    Verb verb = add_command(
        group, session, "issue", "Mint a token for a person or a service account on the roster",
        "  pg_principal auth issue --email kata-agent-team@example.com\n"
        "  pg_principal auth issue --email kata-agent-team@example.com --ttl 90d --label ci\n"
        "  TOKEN=$(pg_principal auth issue --email a@example.com --output token)",
        [&session, options] {
            require_email(options->email);
            const Rows rows = session.connect().run(
                issue_columns() + "auth.issue_token($1::pg_catalog.text, $2::pg_catalog.text, "
                                  "$3::pg_catalog.text, $4::pg_catalog.text[])",
                {options->email, options->ttl, optional_text(options->label),
                 options->scopes.empty() ? Param() : Param(array_param(options->scopes))});
            print_issued(session.streams, rows,
                         "Issued JWT for " + printable(rows.text(0, 0)) + " (" + rows.text(0, 1) +
                             ", ttl=" + options->ttl + ")",
                         "LANDMARK_AUTH_TOKEN", options->output);
        });
    verb.option("--email", options->email, "Whose token");
    verb.option("--ttl", options->ttl,
                "Time to live: hours, days or years, as 24h, 90d, 1y (default 8760h)");
    verb.option("--label", options->label, "A name for the session, to recognise it later");
    verb.option("--scope", options->scopes, "What the token is limited to; may be repeated");
    verb.output(options->output, {"text", "json", "token"});
}

void add_key(Verb &group, Session &session) {
    struct Options {
        std::string role, ttl = "8760h", label, output;
    };
    const auto options = std::make_shared<Options>();
    Verb verb = add_command(
        group, session, "key", "Mint a project key for the role anon or service_role",
        "  pg_principal auth key --role anon\n"
        "  pg_principal auth key --role service_role --ttl 30d --label backup",
        [&session, options] {
            const Rows rows = session.connect().run(
                issue_columns() + "auth.issue_key($1::pg_catalog.text, $2::pg_catalog.text, "
                                  "$3::pg_catalog.text)",
                {options->role, options->ttl, optional_text(options->label)});
            print_issued(session.streams, rows,
                         "Issued key for " + options->role + " (ttl=" + options->ttl + ")",
                         options->role == "anon" ? "SUPABASE_ANON_KEY"
                                                 : "SUPABASE_SERVICE_ROLE_KEY",
                         options->output);
        });
    verb.option("--role", options->role, "anon or service_role")
        .required()
        .one_of({"anon", "service_role"})
        .type("ROLE");
    verb.option("--ttl", options->ttl, "Time to live, as 24h, 90d, 1y (default 8760h)");
    verb.option("--label", options->label, "A name for the session, to recognise it later");
    verb.output(options->output, {"text", "json", "token"});
}

void add_adopt_key(Verb &group, Session &session) {
    struct Options {
        std::string variable, file, until, label, output;
    };
    const auto options = std::make_shared<Options>();
    Verb verb = add_command(
        group, session, "adopt-key",
        "Let an anon or service_role key from Supabase be used on, until it is revoked; its "
        "secret must have been imported",
        "  pg_principal auth adopt-key --token-env SUPABASE_ANON_KEY\n"
        "  pg_principal auth adopt-key --token-file anon.jwt --until 2027-01-01 --label mobile-app",
        [&session, options] {
            if (options->variable.empty() == options->file.empty())
                throw UsageError("one of --token-env, --token-file is needed");
            const std::string token = read_secret(options->variable, options->file);
            const Rows rows = session.connect().run(
                "SELECT role, " + utc_time_sql("expires_at") +
                    ", session_id FROM auth.adopt_key($1::pg_catalog.text, "
                    "$2::pg_catalog.timestamptz, $3::pg_catalog.text)",
                {token, optional_text(options->until), optional_text(options->label)});
            if (options->output == "json")
                print_json(session.streams.out, {{"role", rows.text(0, 0)},
                                                 {"expiresAt", rows.text(0, 1)},
                                                 {"sessionId", rows.text(0, 2)}});
            else
                session.streams.out
                    << "adopted a key for " << rows.text(0, 0) << " until " << rows.text(0, 1)
                    << "; to end it: pg_principal auth revoke --session " << rows.text(0, 2)
                    << '\n';
        });
    verb.option("--token-env", options->variable, "The environment variable that holds the key")
        .type("VAR");
    verb.option("--token-file", options->file, "The file that holds the key").type("FILE");
    verb.option("--until", options->until, "When it ends, if earlier than the key itself says")
        .type("TIME");
    verb.option("--label", options->label, "A name for the session, to recognise it later");
    verb.output(options->output, {"text", "json"});
}

Json nullable(const Rows &rows, int row, int column) {
    const auto value = rows.get(row, column);
    return value ? Json(*value) : Json();
}

void print_sessions(const Streams &streams, const Rows &rows, bool json) {
    if (json) {
        const char *const names[] = {"id",        "label",     "role",         "createdAt",
                                     "expiresAt", "revokedAt", "revokeReason", "state"};
        Json list = Json::array();
        for (int row = 0; row < rows.size(); ++row) {
            Json object;
            for (int column = 0; column < 8; ++column)
                object[names[column]] = nullable(rows, row, column);
            const auto scopes = rows.get(row, 8);
            object["scopes"] = scopes ? Json::parse(*scopes) : Json();
            list.push_back(std::move(object));
        }
        return print_json(streams.out, list);
    }
    Table table({"SESSION", "STATE", "LABEL", "ROLE", "CREATED", "EXPIRES", "SCOPES"});
    for (int row = 0; row < rows.size(); ++row)
        table.add({rows.get(row, 0), rows.get(row, 7), rows.get(row, 1), rows.get(row, 2),
                   rows.get(row, 3), rows.get(row, 4), rows.get(row, 9)});
    table.print(streams);
}

void add_sessions(Verb &group, Session &session) {
    struct Options {
        std::string email, output;
    };
    const auto options = std::make_shared<Options>();
    Verb verb = add_command(
        group, session, "sessions", "List the sessions behind somebody's tokens",
        "  pg_principal auth sessions --email kata-agent-team@example.com\n"
        "  pg_principal auth sessions --email kata-agent-team@example.com --output json",
        [&session, options] {
            const Rows rows = session.connect().run(
                "SELECT id, label, role, " + utc_time_sql("created_at") + ", " +
                    utc_time_sql("expires_at") + ", " + utc_time_sql("revoked_at") +
                    ", revoke_reason, state, pg_catalog.to_json(scopes), "
                    "pg_catalog.array_to_string(scopes, ' ') "
                    "FROM auth.list_sessions($1::pg_catalog.text)",
                {options->email});
            print_sessions(session.streams, rows, options->output == "json");
        });
    verb.option("--email", options->email, "Whose sessions").required();
    verb.output(options->output, {"text", "json"});
}

void add_revoke(Verb &group, Session &session) {
    struct Options {
        std::string session_id, reason, output;
    };
    const auto options = std::make_shared<Options>();
    Verb verb =
        add_command(group, session, "revoke", "End one session, and with it its tokens",
                    "  pg_principal auth revoke --session 0c6f1c5e-8a2f-4f0e-9d0a-3f0d6a1b2c3d "
                    "--reason rotated",
                    [&session, options] {
                        const Rows rows = session.connect().run(
                            "SELECT auth.revoke_session($1::pg_catalog.uuid, $2::pg_catalog.text)",
                            {options->session_id, optional_text(options->reason)});
                        if (rows.text(0, 0) != "t")
                            throw Failure("no live session " + printable(options->session_id), {},
                                          "List them: pg_principal auth sessions --email <email>.");
                        if (options->output == "json")
                            print_json(session.streams.out, {{"revoked", options->session_id}});
                        else
                            session.streams.out << "revoked " << printable(options->session_id)
                                                << '\n';
                    });
    verb.option("--session", options->session_id, "Its id, as auth sessions shows it")
        .required()
        .type("UUID");
    verb.option("--reason", options->reason, "Kept with the session");
    verb.output(options->output, {"text", "json"});
}

void add_ban(Verb &group, Session &session) {
    struct Options {
        std::string email, duration = "100 years", reason, output;
    };
    const auto options = std::make_shared<Options>();
    Verb verb = add_command(
        group, session, "ban", "Shut somebody out: every token dies at its next statement",
        "  pg_principal auth ban --email kata-agent-team@example.com --reason 'token leaked'\n"
        "  pg_principal auth ban --email kata-agent-team@example.com --duration '7 days'",
        [&session, options] {
            session.connect().run(
                "SELECT auth.ban($1::pg_catalog.text, $2::pg_catalog.interval, "
                "$3::pg_catalog.text)",
                {options->email, options->duration, optional_text(options->reason)});
            const std::string email = printable(normalise_email(options->email));
            if (options->output == "json")
                print_json(session.streams.out,
                           {{"banned", email}, {"duration", options->duration}});
            else
                session.streams.out << "banned " << email << " (" << options->duration << ")\n";
        });
    verb.option("--email", options->email, "Whom").required();
    verb.option("--duration", options->duration,
                "An interval, days of 24 hours (default \"100 years\")");
    verb.option("--reason", options->reason, "Kept with the ban");
    verb.output(options->output, {"text", "json"});
}

void add_unban(Verb &group, Session &session) {
    struct Options {
        std::string email, output;
    };
    const auto options = std::make_shared<Options>();
    Verb verb = add_command(
        group, session, "unban", "Lift a ban; tokens issued before it stay dead",
        "  pg_principal auth unban --email kata-agent-team@example.com", [&session, options] {
            session.connect().run("SELECT auth.unban($1::pg_catalog.text)", {options->email});
            const std::string email = printable(normalise_email(options->email));
            if (options->output == "json")
                print_json(session.streams.out, {{"unbanned", email}});
            else
                session.streams.out << "unbanned " << email << '\n';
        });
    verb.option("--email", options->email, "Whom").required();
    verb.output(options->output, {"text", "json"});
}

} // namespace

void add_auth_commands(Verb &root, Session &session) {
    Verb group = add_command(root, session, "auth", "Tokens, sessions and bans",
                             "  pg_principal auth issue --email kata-agent-team@example.com\n"
                             "  pg_principal auth sessions --email kata-agent-team@example.com\n"
                             "  pg_principal auth ban --email kata-agent-team@example.com");
    add_issue(group, session);
    add_key(group, session);
    add_adopt_key(group, session);
    add_sessions(group, session);
    add_revoke(group, session);
    add_ban(group, session);
    add_unban(group, session);
}

} // namespace pg_principal::cli
