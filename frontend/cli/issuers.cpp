#include "cli/app.hpp"

#include <memory>

#include <nlohmann/json.hpp>

#include "cli/arguments.hpp"
#include "cli/issuer_keys.hpp"
#include "cli/read_file.hpp"
#include "db/array.hpp"

namespace pg_principal::cli {

namespace {

struct Options {
    std::string issuer, email, jwks_file, jwks_url, max_life = "1h", claims, variable, file;
    std::vector<std::string> audiences, algorithms = {"RS256", "ES256"}, required, scopes;
    bool reusable = false;
    FetchFlags fetch;
};

void trust(const Session &session, const Options &options) {
    session.ask(
        "SELECT auth.trust_issuer($1::pg_catalog.text, $2::pg_catalog.text[], "
        "$3::pg_catalog.jsonb, $4::pg_catalog.text, $5::pg_catalog.text[], $6::pg_catalog.text, "
        "$7::pg_catalog.text[], $8::pg_catalog.bool)",
        {options.issuer, db::array_param(options.audiences),
         options.jwks_file.empty() ? db::Param() : db::Param(read_key_set(options.jwks_file)),
         given_or_null(options.jwks_url), db::array_param(options.algorithms), options.max_life,
         db::array_param(options.required), options.reusable ? "false" : "true"});
    print_done(session, "trusted", options.issuer);
}

void distrust(const Session &session, const Options &options) {
    if (!session.ask("SELECT auth.distrust_issuer($1::pg_catalog.text)", {options.issuer})
             .boolean(0, 0))
        throw Failure("issuer " + printable(options.issuer) + " is not trusted");
    print_done(session, "no longer trusted", options.issuer);
}

void keys(const Session &session, const Options &options) {
    if (!session
             .ask("SELECT auth.store_issuer_keys($1::pg_catalog.text, $2::pg_catalog.jsonb)",
                  {options.issuer, read_key_set(options.jwks_file)})
             .boolean(0, 0))
        throw Failure("issuer " + printable(options.issuer) + " is not trusted");
    print_done(session, "stored the keys of", options.issuer);
}

const db::Statement start_fetch{
    "SELECT issuer, attempt, url FROM auth.start_key_fetch($1::pg_catalog.text)"};

void refresh(const Session &session, const Options &options) {
    http::Fetcher fetcher(fetch_rules(options.fetch));
    const Ask ask = [&session](const db::Statement &statement,
                               const std::vector<db::Param> &parameters) {
        return session.ask(statement.sql, parameters);
    };
    const db::Result issuers =
        session.ask("SELECT issuer FROM auth.list_issuers() WHERE jwks_url IS NOT NULL AND "
                    "issuer = coalesce($1::pg_catalog.text, issuer)",
                    {given_or_null(options.issuer)});
    if (issuers.rows() == 0)
        throw Failure(options.issuer.empty()
                          ? "no issuer is trusted by a URL"
                          : "issuer " + printable(options.issuer) + " is not trusted by a URL");
    int failed = 0;
    for (int i = 0; i < issuers.rows(); ++i) {
        const KeyFetch fetch = read_key_fetch(ask(start_fetch, {std::string(issuers.text(i, 0))}));
        if (fetch.attempt.empty()) // distrusted since
            continue;
        const KeyFetchEnd end = carry_keys(fetcher, ask, fetch);
        failed += end.outcome == "failed";
        if (end.outcome == "failed")
            print_error(session.streams.err,
                        "cannot get the keys of issuer " + printable(fetch.issuer), end.problem);
        else
            print_done(session, end.outcome.c_str(), fetch.issuer);
    }
    if (failed > 0)
        throw Failure("the keys of before stay for " + std::to_string(failed) +
                      (failed == 1 ? " issuer" : " issuers"));
}

void list(const Session &session) {
    const db::Result rows = session.ask(
        "SELECT issuer, pg_catalog.to_json(audiences), pg_catalog.to_json(algorithms), max_life, "
        "pg_catalog.to_json(required_claims), pg_catalog.to_json(single_use), jwks_url, keys, " +
        utc_time_sql("keys_read_at") + ", rules, pg_catalog.to_json(unusable_keys), " +
        utc_time_sql("next_fetch") +
        ", fetch_problem, pg_catalog.array_to_string(audiences, ' '), "
        "pg_catalog.cardinality(unusable_keys) FROM auth.list_issuers()");
    print_rows(session.streams, session.output, rows,
               {{{"issuer"},
                 {"audiences", true},
                 {"algorithms", true},
                 {"maxLifeSeconds", true},
                 {"requiredClaims", true},
                 {"singleUse", true},
                 {"jwksUrl"},
                 {"keys", true},
                 {"keysReadAt"},
                 {"rules", true},
                 {"unusableKeys", true},
                 {"nextFetch"},
                 {"fetchProblem"}},
                {{"ISSUER", 0},
                 {"AUDIENCES", 13},
                 {"KEYS", 7},
                 {"UNUSABLE", 14},
                 {"READ", 8},
                 {"RULES", 9},
                 {"PROBLEM", 12}},
                "no trusted issuers"});
}

void map(const Session &session, const Options &options) {
    const db::Result rows = session.ask(
        "SELECT auth.map_claims($1::pg_catalog.text, $2::pg_catalog.text, "
        "$3::pg_catalog.jsonb, $4::pg_catalog.text[])",
        {options.issuer, options.email, options.claims, db::array_param(options.scopes)});
    print_done(session, "added rule", std::string(rows.text(0, 0)));
}

void unmap(const Session &session, const Options &options) {
    if (!session
             .ask("SELECT auth.unmap_claims($1::pg_catalog.text, $2::pg_catalog.text)",
                  {options.issuer, options.email})
             .boolean(0, 0))
        throw Failure("no rule of " + printable(options.issuer) + " for " +
                      printable(options.email));
    print_done(session, "removed the rule for", options.email);
}

void rules(const Session &session, const Options &options) {
    const db::Result rows =
        session.ask("SELECT rule_id, rule_issuer, email, claims, pg_catalog.to_json(scopes), " +
                        utc_time_sql("created_at") +
                        ", pg_catalog.array_to_string(scopes, ' ') FROM "
                        "auth.list_issuer_rules($1::pg_catalog.text)",
                    {given_or_null(options.issuer)});
    print_rows(
        session.streams, session.output, rows,
        {{{"ruleId"}, {"issuer"}, {"email"}, {"claims", true}, {"scopes", true}, {"createdAt"}},
         {{"ISSUER", 1}, {"EMAIL", 2}, {"CLAIMS", 3}, {"SCOPES", 6}},
         "no rules"});
}

// Fails unless exactly one rule matches: that is when /oauth/token would mint.
void test(const Session &session, const Options &options) {
    if (options.variable.empty() == options.file.empty())
        throw UsageError("one of --token-env, --token-file is needed");
    const db::Result rows = session.ask(
        "SELECT email, rule_id, pg_catalog.to_json(matches), pg_catalog.to_json(faults), matches, "
        "pg_catalog.array_to_string(faults, '; ') FROM "
        "auth.test_issuer_token($1::pg_catalog.text)",
        {read_secret(options.variable, options.file)});
    int matching = 0;
    for (int i = 0; i < rows.rows(); ++i)
        matching += rows.boolean(i, 4);
    std::ostream &out = session.streams.out;
    if (session.wants("json"))
        print_json(out,
                   list_of(rows, {{"email"}, {"ruleId"}, {"matches", true}, {"faults", true}}));
    else
        for (int i = 0; i < rows.rows(); ++i) {
            const std::string who = rows.is_null(i, 0) ? "the token" : printable(rows.text(i, 0));
            if (rows.boolean(i, 4))
                out << who << ": matches\n";
            else
                out << who << ": " << printable(rows.text(i, 5)) << '\n';
        }
    if (matching != 1)
        throw Failure(matching == 0 ? "no rule matches"
                                    : "more than one rule matches: the token is refused");
}

} // namespace

void add_issuers_commands(Command root, Session &session) {
    const Command group = add_family(
        root, session, "issuers", "Trusted issuers, whose tokens are exchanged at /oauth/token",
        "  pg_principal issuers trust https://token.actions.githubusercontent.com "
        "--audience https://id.example.com --jwks-file github.json\n"
        "  pg_principal issuers test --token-file token.jwt");
    const auto options = std::make_shared<Options>();
    const auto add = [&](const char *name, const char *description, const char *examples,
                         void (*act)(const Session &, const Options &)) {
        return add_verb(group, session, name, description, examples,
                        [&session, options, act] { act(session, *options); });
    };
    const auto add_issuer = [&](Command verb) {
        verb.option("ISSUER", options->issuer, "The claim iss of its tokens").required().type("");
    };
    add_verb(group, session, "list", "List the trusted issuers",
             "  pg_principal issuers list\n"
             "  pg_principal issuers list --output json",
             [&session] { list(session); });

    Command verb = add("trust", "Trust an issuer, or change how",
                       "  pg_principal issuers trust https://issuer.example.com --audience "
                       "https://id.example.com --jwks-file keys.json --max-life 1h",
                       trust);
    add_issuer(verb);
    verb.option("--audience", options->audiences,
                "One that may be in aud, may be repeated; none: the token has no aud");
    verb.option("--jwks-file", options->jwks_file, "Its public keys, a JWK Set").type("FILE");
    verb.option("--jwks-url", options->jwks_url,
                "Where it publishes them, or its discovery document")
        .type("URL");
    verb.option("--alg", options->algorithms,
                "An algorithm of its tokens, may be repeated (default RS256, ES256)");
    verb.option("--max-life", options->max_life,
                "The longest that its tokens may live, as 15m, 1h, 1d (default 1h)");
    verb.option("--require", options->required, "A claim that they have, may be repeated");
    verb.flag("--reusable", options->reusable,
              "A token may be exchanged again while it lives, as that of a pod");

    verb = add("distrust", "Trust it no more, and end the tokens that were got by its",
               "  pg_principal issuers distrust https://issuer.example.com", distrust);
    add_issuer(verb);

    verb =
        add("keys", "Store the keys that it publishes now",
            "  pg_principal issuers keys https://issuer.example.com --jwks-file keys.json", keys);
    add_issuer(verb);
    verb.option("--jwks-file", options->jwks_file, "Its public keys, a JWK Set")
        .required()
        .type("FILE");

    verb = add("refresh", "Fetch the keys that issuers publish now from their URLs",
               "  pg_principal issuers refresh\n"
               "  pg_principal issuers refresh https://issuer.example.com --fetch-from 10.0.0.0/8",
               refresh);
    verb.option("ISSUER", options->issuer, "Of which issuer; all when not given").type("");
    verb.option("--fetch-ca", options->fetch.authorities,
                "Certificates (PEM) of authorities that issuers are known by; the system's "
                "unless given")
        .type("FILE");
    verb.option("--fetch-from", options->fetch.allowed,
                "Addresses that keys are fetched from beside public ones; may be repeated")
        .type("CIDR");
    verb.option("--fetch-timeout", options->fetch.seconds, "How long each may take (default 10)")
        .type("SECONDS")
        .between(0.1, 60.0);

    verb = add("map", "Say which of its tokens is a service account, in place of what was said",
               "  pg_principal issuers map https://token.actions.githubusercontent.com --email "
               "ci@example.com --claims '{\"repository_id\": \"74\", \"environment\": \"prod\"}' "
               "--scope deploy",
               map);
    add_issuer(verb);
    verb.option("--email", options->email, "The service account").required();
    verb.option("--claims", options->claims, "Claims and the exact value of each, a JSON object")
        .required()
        .type("JSON");
    verb.option("--scope", options->scopes, "One that it gets; may be repeated");

    verb = add("unmap", "Take a service account's rule away, and end the tokens got by it",
               "  pg_principal issuers unmap https://issuer.example.com --email ci@example.com",
               unmap);
    add_issuer(verb);
    verb.option("--email", options->email, "The service account").required();

    add("rules", "List the rules",
        "  pg_principal issuers rules\n"
        "  pg_principal issuers rules --issuer https://issuer.example.com",
        rules)
        .option("--issuer", options->issuer, "Of which issuer; all when not given");

    verb = add("test", "Say which rule a token matches, and why the others do not",
               "  pg_principal issuers test --token-file token.jwt\n"
               "  pg_principal issuers test --token-env CI_JOB_JWT --output json",
               test);
    verb.option("--token-env", options->variable, "The environment variable that holds the token")
        .type("VAR");
    verb.option("--token-file", options->file, "The file that holds the token").type("FILE");
}

} // namespace pg_principal::cli
