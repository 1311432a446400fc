#include "cli/app.hpp"

#include <nlohmann/json.hpp>

#include "cli/values.hpp"
#include "core/base/utf8.hpp"

namespace pg_principal::cli {

namespace {

// What is there now; the next set is for the next call.
std::string fetched_keys(const Given &given) {
    issuers::Fetcher fetcher(fetch_rules(given));
    std::string problem = "it is no JSON";
    try {
        const std::string keys(without_byte_order_mark(fetcher.get(given["--jwks-url"]).body));
        // to nlohmann::json a NUL is the end
        if (is_utf8(keys) && keys.find('\0') == keys.npos && nlohmann::json::accept(keys))
            return keys;
    } catch (const Failure &failure) {
        problem = failure.what();
    }
    throw Failure("cannot get the keys of " + for_terminal(given["--email"]), problem,
                  "Those of before stay.");
}

void register_keys(const Session &session, const Given &given) {
    const db::Result rows = session.ask("SELECT auth.register_client_keys($1, $2)",
                                        {given["--email"], given["--jwks-url"].empty()
                                                               ? read_key_set(given["--jwks-file"])
                                                               : fetched_keys(given)});
    print_done(session, "registered keys", std::string(rows.text(0, 0)));
}

const Option whose{"--email", "Whose", needed};
const Option of_whom{"--email", "Whose; everybody's when not given"};

const std::vector<Verb> clients_verbs = {
    {"list",
     "List the clients",
     "\n--output json",
     {},
     lists("SELECT client_id, email, json(scopes), secrets, utc(next_expiry), live_tokens, "
           "json(banned) FROM auth.list_clients()",
           {"CLIENT client_id, EMAIL, SECRETS, NEXT EXPIRY, LIVE TOKENS, SCOPES", "no clients"})},
    {"create-secret",
     "Give a service account a client secret, told this once",
     "--email kata-agent-team@example.com --ttl 30d\n"
     "  SECRET=$(pg_principal clients create-secret --email a@example.com --output token)",
     {{"--email", "Whose secret", needed},
      {"--ttl", "Time to live: hours, days or years, as 24h, 90d, 1y (default 90d)", maybe, "TEXT",
       "90d"},
      {"--label", "A name for the secret, to recognise it later"}},
     mints("SELECT client_id, secret_id, utc(expires_at), secret AS client_secret FROM "
           "auth.create_client_secret($1, $2, $3)",
           "client_id:     {client_id}\nclient_secret: {client_secret}\n\n"
           "The secret is told this once. It ends {expires_at}; before "
           "that: pg_principal clients revoke-secret {secret_id}\n",
           "client_secret"),
     {"text", "json", "token"}},
    {"secrets",
     "List client secrets, without the secrets themselves",
     "\n--email kata-agent-team@example.com",
     {of_whom},
     lists("SELECT secret_id, client_email AS email, label, state, utc(created_at), "
           "utc(expires_at) FROM auth.list_client_secrets($1)",
           {"SECRET secret_id, EMAIL, STATE, LABEL, CREATED created_at, EXPIRES expires_at",
            "no client secrets"})},
    {"scopes",
     "Say what a client may ask for, in place of what it might before",
     "--email a@example.com --scope read --scope write\n--email a@example.com",
     {whose, {"--scope", "One that it may have; may be repeated", several}},
     does("SELECT auth.set_client_scopes($1, $2)", "set the scopes of")},
    {"register-keys",
     "Say which keys a client signs with, in place of those before (private_key_jwt)",
     "--email a@example.com --jwks-file keys.json\n"
     "--email a@example.com --jwks-url https://a.example.com/jwks",
     {whose,
      {"--jwks-file", "A JWK Set; public halves are kept", maybe, "FILE"},
      {"--jwks-url", "Where the client publishes it; fetched once, so for cron, too", maybe, "URL"},
      fetch_ca,
      fetch_from,
      fetch_timeout},
     with(exactly_one, {"--jwks-file", "--jwks-url"}, register_keys)},
    {"keys",
     "List the registered keys of clients",
     "\n--email kata-agent-team@example.com",
     {of_whom},
     lists("SELECT thumbprint, client_email AS email, kid, kty, utc(created_at) FROM "
           "auth.list_client_keys($1)",
           {"THUMBPRINT, EMAIL, KID, TYPE kty, CREATED created_at", "no client keys"})},
    {"revoke-secret",
     "End a client secret and every token that was got with it",
     "0c6f1c5e-8a2f-4f0e-9d0a-3f0d6a1b2c3d --reason leaked",
     {{"SECRET", "Its id, as clients secrets shows it", needed}, {"--reason", "Kept in the audit"}},
     does("SELECT auth.revoke_client_secret($1, $2)", "revoked", "no client secret {}",
          "List them: pg_principal clients secrets.")},
    {"register",
     "Let people sign in to an application without a secret, by a device code",
     "psql --scope database --ttl 8h\n"
     "tv --name 'The screen in the hall' --scope read",
     {{"CLIENT", "What it calls itself: its client_id", needed},
      {"--name", "What people are told that it is"},
      {"--scope", "One that it may ask for; may be repeated", several},
      {"--ttl", "Time to live of its tokens: hours, days or years; "
                "pg_principal.access_token_ttl when not given"}},
     does("SELECT auth.register_client($1, $2, $3, $4)", "registered")},
    {"registered",
     "List the applications without a secret",
     "\n--output json",
     {},
     lists("SELECT client_id, name, json(scopes), token_ttl, live_tokens, utc(created_at) FROM "
           "auth.list_public_clients()",
           {"CLIENT client_id, NAME, TTL IN SECONDS token_ttl, LIVE TOKENS, CREATED created_at, "
            "SCOPES",
            "no applications"})},
    {"unregister",
     "Refuse an application from now on, and end every token that it got",
     "psql",
     {{"CLIENT", "Its client_id", needed}},
     does("SELECT auth.unregister_client($1)", "unregistered", "no application {}",
          "List them: pg_principal clients registered.")},
};

} // namespace

const Family clients_family{"clients", "Service accounts that get tokens at /oauth/token",
                            "create-secret --email kata-agent-team@example.com\n"
                            "scopes --email kata-agent-team@example.com --scope read\n"
                            "list",
                            clients_verbs};

} // namespace pg_principal::cli
