#include "cli/app.hpp"

#include <functional>
#include <memory>

#include "cli/arguments.hpp"
#include "cli/read_file.hpp"
#include "db/array.hpp"

namespace pg_principal::cli {

namespace {

struct Options {
    std::string email, ttl = "90d", label, reason, id, jwks_file, name, token_ttl;
    std::vector<std::string> scopes;
};

void print_secret(const Session &session, const db::Result &rows) {
    std::ostream &out = session.streams.out;
    if (session.wants("json"))
        print_first(out, rows, {"clientId", "secretId", "expiresAt", "clientSecret"});
    else if (session.wants("token"))
        out << rows.text(0, 3) << '\n';
    else
        out << "client_id:     " << rows.text(0, 0) << "\nclient_secret: " << rows.text(0, 3)
            << "\n\nThe secret is told this once. It ends " << rows.text(0, 2)
            << "; before that: pg_principal clients revoke-secret " << rows.text(0, 1) << '\n';
}

void create_secret(const Session &session, const Options &options) {
    session.ask_and_tell(
        "SELECT client_id, secret_id, " + utc_time_sql("expires_at") +
            ", secret FROM auth.create_client_secret($1::pg_catalog.text, $2::pg_catalog.text, "
            "$3::pg_catalog.text)",
        {options.email, options.ttl, given_or_null(options.label)},
        [&](const db::Result &rows) { print_secret(session, rows); });
}

void list(const Session &session) {
    const db::Result rows = session.ask(
        "SELECT client_id, email, pg_catalog.to_json(scopes), secrets, " +
        utc_time_sql("next_expiry") +
        ", live_tokens, pg_catalog.to_json(banned), pg_catalog.array_to_string(scopes, ' ') FROM "
        "auth.list_clients()");
    print_rows(session.streams, session.output, rows,
               {{"clientId", "email", "scopes", "secrets", "nextExpiry", "liveTokens", "banned"},
                {{"CLIENT", 0},
                 {"EMAIL", 1},
                 {"SECRETS", 3},
                 {"NEXT EXPIRY", 4},
                 {"LIVE TOKENS", 5},
                 {"SCOPES", 7}},
                "no clients"});
}

void list_secrets(const Session &session, const Options &options) {
    const db::Result rows = session.ask(
        "SELECT secret_id, client_email, label, state, " + utc_time_sql("created_at") + ", " +
            utc_time_sql("expires_at") + " FROM auth.list_client_secrets($1::pg_catalog.text)",
        {given_or_null(options.email)});
    print_rows(
        session.streams, session.output, rows,
        {{"secretId", "email", "label", "state", "createdAt", "expiresAt"},
         {{"SECRET", 0}, {"EMAIL", 1}, {"STATE", 3}, {"LABEL", 2}, {"CREATED", 4}, {"EXPIRES", 5}},
         "no client secrets"});
}

void set_scopes(const Session &session, const Options &options) {
    session.ask("SELECT auth.set_client_scopes($1::pg_catalog.text, $2::pg_catalog.text[])",
                {options.email, db::array_param(options.scopes)});
    print_done(session, "set the scopes of", options.email);
}

void register_keys(const Session &session, const Options &options) {
    const db::Result rows =
        session.ask("SELECT auth.register_client_keys($1::pg_catalog.text, $2::pg_catalog.jsonb)",
                    {options.email, read_key_set(options.jwks_file)});
    print_done(session, "registered keys", std::string(rows.text(0, 0)));
}

void list_keys(const Session &session, const Options &options) {
    const db::Result rows =
        session.ask("SELECT thumbprint, client_email, kid, kty, " + utc_time_sql("created_at") +
                        " FROM auth.list_client_keys($1::pg_catalog.text)",
                    {given_or_null(options.email)});
    print_rows(session.streams, session.output, rows,
               {{{"thumbprint"}, {"email"}, {"kid"}, {"kty"}, {"createdAt"}},
                {{"THUMBPRINT", 0}, {"EMAIL", 1}, {"KID", 2}, {"TYPE", 3}, {"CREATED", 4}},
                "no client keys"});
}

void revoke_secret(const Session &session, const Options &options) {
    const db::Result rows =
        session.ask("SELECT auth.revoke_client_secret($1::pg_catalog.uuid, $2::pg_catalog.text)",
                    {options.id, given_or_null(options.reason)});
    if (!rows.boolean(0, 0))
        throw Failure("no client secret " + printable(options.id), {},
                      "List them: pg_principal clients secrets.");
    print_done(session, "revoked", options.id);
}

void register_client(const Session &session, const Options &options) {
    session.ask("SELECT auth.register_client($1::pg_catalog.text, $2::pg_catalog.text, "
                "$3::pg_catalog.text[], $4::pg_catalog.text)",
                {options.id, given_or_null(options.name), db::array_param(options.scopes),
                 given_or_null(options.token_ttl)});
    print_done(session, "registered", options.id);
}

void unregister_client(const Session &session, const Options &options) {
    if (!session.ask("SELECT auth.unregister_client($1::pg_catalog.text)", {options.id})
             .boolean(0, 0))
        throw Failure("no application " + printable(options.id), {},
                      "List them: pg_principal clients registered.");
    print_done(session, "unregistered", options.id);
}

void list_registered(const Session &session, const Options &) {
    const db::Result rows =
        session.ask("SELECT client_id, name, pg_catalog.to_json(scopes), token_ttl, live_tokens, " +
                    utc_time_sql("created_at") +
                    ", pg_catalog.array_to_string(scopes, ' ') FROM auth.list_public_clients()");
    print_rows(session.streams, session.output, rows,
               {{"clientId", "name", "scopes", "tokenTtl", "liveTokens", "createdAt"},
                {{"CLIENT", 0},
                 {"NAME", 1},
                 {"TOKEN TTL", 3},
                 {"LIVE TOKENS", 4},
                 {"CREATED", 5},
                 {"SCOPES", 6}},
                "no applications"});
}

void add_application_verbs(
    const std::function<Command(const char *, const char *, const char *,
                                void (*)(const Session &, const Options &))> &add,
    Options &options) {
    Command verb =
        add("register", "Let people sign in to an application without a secret, by a device code",
            "  pg_principal clients register psql --scope database --ttl 8h\n"
            "  pg_principal clients register tv --name 'The screen in the hall' --scope read",
            register_client);
    verb.option("CLIENT", options.id, "What it calls itself: its client_id").required().type("");
    verb.option("--name", options.name, "What people are told that it is");
    verb.option("--scope", options.scopes, "One that it may ask for; may be repeated");
    verb.option("--ttl", options.token_ttl,
                "Time to live of its tokens: hours, days or years; "
                "pg_principal.access_token_ttl when not given");
    add("registered", "List the applications without a secret",
        "  pg_principal clients registered\n"
        "  pg_principal clients registered --output json",
        list_registered);
    add("unregister", "Refuse an application from now on, and end every token that it got",
        "  pg_principal clients unregister psql", unregister_client)
        .option("CLIENT", options.id, "Its client_id")
        .required()
        .type("");
}

} // namespace

void add_clients_commands(Command root, Session &session) {
    const Command group = add_family(
        root, session, "clients", "Service accounts that get tokens at /oauth/token",
        "  pg_principal clients create-secret --email kata-agent-team@example.com\n"
        "  pg_principal clients scopes --email kata-agent-team@example.com --scope read\n"
        "  pg_principal clients list");
    const auto options = std::make_shared<Options>();
    const auto add = [&](const char *name, const char *description, const char *examples,
                         void (*act)(const Session &, const Options &),
                         const std::vector<std::string> &outputs = {"text", "json"}) {
        return add_verb(
            group, session, name, description, examples,
            [&session, options, act] { act(session, *options); }, outputs);
    };
    add_verb(group, session, "list", "List the clients",
             "  pg_principal clients list\n"
             "  pg_principal clients list --output json",
             [&session] { list(session); });

    Command verb =
        add("create-secret", "Give a service account a client secret, told this once",
            "  pg_principal clients create-secret --email kata-agent-team@example.com --ttl 30d\n"
            "  SECRET=$(pg_principal clients create-secret --email a@example.com --output token)",
            create_secret, {"text", "json", "token"});
    verb.option("--email", options->email, "Whose secret").required();
    verb.option("--ttl", options->ttl,
                "Time to live: hours, days or years, as 24h, 90d, 1y (default 90d)");
    verb.option("--label", options->label, "A name for the secret, to recognise it later");

    add("secrets", "List client secrets, without the secrets themselves",
        "  pg_principal clients secrets\n"
        "  pg_principal clients secrets --email kata-agent-team@example.com",
        list_secrets)
        .option("--email", options->email, "Whose; everybody's when not given");

    verb = add("scopes", "Say what a client may ask for, in place of what it might before",
               "  pg_principal clients scopes --email a@example.com --scope read --scope write\n"
               "  pg_principal clients scopes --email a@example.com",
               set_scopes);
    verb.option("--email", options->email, "Whose").required();
    verb.option("--scope", options->scopes, "One that it may have; may be repeated");

    verb = add("register-keys",
               "Say which keys a client signs with, in place of those before (private_key_jwt)",
               "  pg_principal clients register-keys --email a@example.com --jwks-file keys.json",
               register_keys);
    verb.option("--email", options->email, "Whose").required();
    verb.option("--jwks-file", options->jwks_file, "A JWK Set; public halves are kept")
        .required()
        .type("FILE");

    add("keys", "List the registered keys of clients",
        "  pg_principal clients keys\n"
        "  pg_principal clients keys --email kata-agent-team@example.com",
        list_keys)
        .option("--email", options->email, "Whose; everybody's when not given");

    verb = add("revoke-secret", "End a client secret and every token that was got with it",
               "  pg_principal clients revoke-secret 0c6f1c5e-8a2f-4f0e-9d0a-3f0d6a1b2c3d "
               "--reason leaked",
               revoke_secret);
    verb.option("SECRET", options->id, "Its id, as clients secrets shows it").required().type("");
    verb.option("--reason", options->reason, "Kept in the audit");

    add_application_verbs(
        [&add](const char *name, const char *description, const char *examples,
               void (*act)(const Session &, const Options &)) {
            return add(name, description, examples, act, {"text", "json"});
        },
        *options);
}

} // namespace pg_principal::cli
