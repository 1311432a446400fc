#include "cli/app.hpp"

#include "cli/read_file.hpp"

namespace pg_principal::cli {

namespace {

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

void create_secret(const Session &session, const Given &given) {
    session.ask_and_tell(
        "SELECT client_id, secret_id, " + utc_time_sql("expires_at") +
            ", secret FROM auth.create_client_secret($1::pg_catalog.text, $2::pg_catalog.text, "
            "$3::pg_catalog.text)",
        given.parameters(), [&](const db::Result &rows) { print_secret(session, rows); });
}

const Option whose{"--email", "Whose", needed};
const Option of_whom{"--email", "Whose; everybody's when not given"};

const std::vector<Verb> verbs = {
    {"list",
     "List the clients",
     "  pg_principal clients list\n"
     "  pg_principal clients list --output json",
     {},
     lists("SELECT client_id, email, pg_catalog.to_json(scopes), secrets, " +
               utc_time_sql("next_expiry") +
               ", live_tokens, pg_catalog.to_json(banned), pg_catalog.array_to_string(scopes, ' ') "
               "FROM auth.list_clients()",
           {{"clientId", "email", "scopes", "secrets", "nextExpiry", "liveTokens", "banned"},
            {head("CLIENT", 0), head("EMAIL", 1), head("SECRETS", 3), head("NEXT EXPIRY", 4),
             head("LIVE TOKENS", 5), head("SCOPES", 7)},
            "no clients"})},
    {"create-secret",
     "Give a service account a client secret, told this once",
     "  pg_principal clients create-secret --email kata-agent-team@example.com --ttl 30d\n"
     "  SECRET=$(pg_principal clients create-secret --email a@example.com --output token)",
     {{"--email", "Whose secret", needed},
      {"--ttl", "Time to live: hours, days or years, as 24h, 90d, 1y (default 90d)", maybe, "TEXT",
       "90d"},
      {"--label", "A name for the secret, to recognise it later"}},
     create_secret,
     {"text", "json", "token"}},
    {"secrets",
     "List client secrets, without the secrets themselves",
     "  pg_principal clients secrets\n"
     "  pg_principal clients secrets --email kata-agent-team@example.com",
     {of_whom},
     lists("SELECT secret_id, client_email, label, state, " + utc_time_sql("created_at") + ", " +
               utc_time_sql("expires_at") + " FROM auth.list_client_secrets($1::pg_catalog.text)",
           {{"secretId", "email", "label", "state", "createdAt", "expiresAt"},
            {head("SECRET", 0), head("EMAIL", 1), head("STATE", 3), head("LABEL", 2),
             head("CREATED", 4), head("EXPIRES", 5)},
            "no client secrets"})},
    {"scopes",
     "Say what a client may ask for, in place of what it might before",
     "  pg_principal clients scopes --email a@example.com --scope read --scope write\n"
     "  pg_principal clients scopes --email a@example.com",
     {whose, {"--scope", "One that it may have; may be repeated", several}},
     does("SELECT auth.set_client_scopes($1::pg_catalog.text, $2::pg_catalog.text[])",
          "set the scopes of")},
    {"register-keys",
     "Say which keys a client signs with, in place of those before (private_key_jwt)",
     "  pg_principal clients register-keys --email a@example.com --jwks-file keys.json",
     {whose,
      {"--jwks-file", "A JWK Set; public halves are kept", needed, "FILE", "", nullptr,
       read_key_set}},
     makes("SELECT auth.register_client_keys($1::pg_catalog.text, $2::pg_catalog.jsonb)",
           "registered keys")},
    {"keys",
     "List the registered keys of clients",
     "  pg_principal clients keys\n"
     "  pg_principal clients keys --email kata-agent-team@example.com",
     {of_whom},
     lists("SELECT thumbprint, client_email, kid, kty, " + utc_time_sql("created_at") +
               " FROM auth.list_client_keys($1::pg_catalog.text)",
           {{"thumbprint", "email", "kid", "kty", "createdAt"},
            {head("THUMBPRINT", 0), head("EMAIL", 1), head("KID", 2), head("TYPE", 3),
             head("CREATED", 4)},
            "no client keys"})},
    {"revoke-secret",
     "End a client secret and every token that was got with it",
     "  pg_principal clients revoke-secret 0c6f1c5e-8a2f-4f0e-9d0a-3f0d6a1b2c3d --reason leaked",
     {{"SECRET", "Its id, as clients secrets shows it", needed}, {"--reason", "Kept in the audit"}},
     does("SELECT auth.revoke_client_secret($1::pg_catalog.uuid, $2::pg_catalog.text)", "revoked",
          "no client secret {}", "List them: pg_principal clients secrets.")},
    {"register",
     "Let people sign in to an application without a secret, by a device code",
     "  pg_principal clients register psql --scope database --ttl 8h\n"
     "  pg_principal clients register tv --name 'The screen in the hall' --scope read",
     {{"CLIENT", "What it calls itself: its client_id", needed},
      {"--name", "What people are told that it is"},
      {"--scope", "One that it may ask for; may be repeated", several},
      {"--ttl", "Time to live of its tokens: hours, days or years; "
                "pg_principal.access_token_ttl when not given"}},
     does("SELECT auth.register_client($1::pg_catalog.text, $2::pg_catalog.text, "
          "$3::pg_catalog.text[], $4::pg_catalog.text)",
          "registered")},
    {"registered",
     "List the applications without a secret",
     "  pg_principal clients registered\n"
     "  pg_principal clients registered --output json",
     {},
     lists("SELECT client_id, name, pg_catalog.to_json(scopes), token_ttl, live_tokens, " +
               utc_time_sql("created_at") +
               ", pg_catalog.array_to_string(scopes, ' ') FROM auth.list_public_clients()",
           {{"clientId", "name", "scopes", "tokenTtl", "liveTokens", "createdAt"},
            {head("CLIENT", 0), head("NAME", 1), head("TOKEN TTL", 3), head("LIVE TOKENS", 4),
             head("CREATED", 5), head("SCOPES", 6)},
            "no applications"})},
    {"unregister",
     "Refuse an application from now on, and end every token that it got",
     "  pg_principal clients unregister psql",
     {{"CLIENT", "Its client_id", needed}},
     does("SELECT auth.unregister_client($1::pg_catalog.text)", "unregistered", "no application {}",
          "List them: pg_principal clients registered.")},
};

} // namespace

void add_clients_commands(const Group &root) {
    root.family("clients", "Service accounts that get tokens at /oauth/token",
                "  pg_principal clients create-secret --email kata-agent-team@example.com\n"
                "  pg_principal clients scopes --email kata-agent-team@example.com --scope read\n"
                "  pg_principal clients list",
                verbs);
}

} // namespace pg_principal::cli
