#include "cli/app.hpp"

#include <nlohmann/json.hpp>

#include "cli/values.hpp"
#include "core/json/document.hpp"
#include "issuers/keys.hpp"

namespace pg_principal::cli {

namespace {

const db::Statement start_fetch{"SELECT issuer, attempt, url FROM auth.start_key_fetch($1)"};

void refresh(const Session &session, const Given &given) {
    const std::string &issuer = given["ISSUER"];
    issuers::Fetcher fetcher(fetch_rules(given));
    const issuers::Ask ask = [&session](const db::Statement &statement,
                                        const std::vector<db::Param> &parameters) {
        return session.ask(statement.sql, parameters);
    };
    const db::Result known =
        session.ask("SELECT issuer FROM auth.list_issuers() WHERE jwks_url IS NOT NULL AND issuer "
                    "= coalesce($1::pg_catalog.text, issuer)",
                    {given.parameters().front()});
    if (known.rows() == 0)
        throw Failure(issuer.empty()
                          ? "no issuer is trusted by a URL"
                          : "issuer " + for_terminal(issuer) + " is not trusted by a URL");
    int failed = 0;
    for (int i = 0; i < known.rows(); ++i) {
        const std::string name(known.text(i, 0));
        const db::Result fetch = ask(start_fetch, {name});
        if (!issuers::is_due(fetch)) // distrusted since
            continue;
        const db::Result end = issuers::carry_keys(fetcher, ask, fetch);
        const std::string outcome(end.text(0, 0));
        failed += outcome == "failed";
        if (outcome == "failed")
            print_error(session.streams.err, "cannot get the keys of issuer " + for_terminal(name),
                        end.text(0, 2));
        else
            print_done(session, outcome.c_str(), name);
    }
    if (failed > 0)
        throw Failure("the keys of before stay for " + std::to_string(failed) +
                      (failed == 1 ? " issuer" : " issuers"));
}

// Fails unless exactly one rule matches: that is when /oauth/token would mint.
void test(const Session &session, const Given &given) {
    const db::Result rows = session.ask(
        "SELECT email, rule_id, json(matches), json(faults), pg_catalog.array_to_string(faults, '; "
        "') AS \"FAULTS\" FROM auth.test_issuer_token(coalesce($1, $2))",
        given.parameters());
    int matching = 0;
    bool is_banned = false;
    std::string text;
    for (int i = 0; i < rows.rows(); ++i) {
        const bool matches = rows.text(i, 2) == "true";
        const std::string faults = for_terminal(rows.text(i, 4));
        matching += matches;
        is_banned |= matches && !faults.empty();
        text += (rows.is_null(i, 0) ? "the token" : for_terminal(rows.text(i, 0))) + ": " +
                (!matches         ? faults
                 : faults.empty() ? "matches"
                                  : "matches, but " + faults) +
                '\n';
    }
    if (session.wants("json"))
        print_json(session.streams.out, list_of(rows));
    else
        session.streams.out << text;
    if (matching != 1)
        throw Failure(matching == 0 ? "no rule matches"
                                    : "more than one rule matches: the token is refused");
    if (is_banned)
        throw Failure("the token is refused");
}

void trust(const Session &session, const Given &given) {
    if (given["--jwks-file"].empty() && given["--jwks-url"].empty())
        throw UsageError("--jwks-file or --jwks-url is required");
    does("SELECT auth.trust_issuer($1, $2, $3, $4, coalesce(nullif($5::pg_catalog.text[], '{}'), "
         "'{RS256,ES256}'), $6, $7, NOT $8)",
         "trusted")(session, given);
}

std::string claims(const std::string &given) {
    json::Document read; // strict: of a name that is given twice jsonb would keep the last
    const json::ParseStatus status = json::try_parse(read, given);
    if (!status || !read.root().is_object())
        throw UsageError("--claims is not a JSON object" +
                             (status ? std::string() : ": " + std::string(status.fault)),
                         R"(As {"repository_id": "74", "environment": "prod"}.)");
    return given;
}

const Option issuer{"ISSUER", "The claim iss of its tokens", needed};
const Option account{"--email", "The service account", needed};

const std::vector<Verb> issuers_verbs = {
    {"list",
     "List the trusted issuers",
     "\n--output json",
     {},
     lists("SELECT issuer, json(audiences), json(algorithms), max_life AS max_life_seconds, "
           "json(required_claims), json(single_use), jwks_url, keys, utc(keys_read_at), rules, "
           "json(unusable_keys), utc(next_fetch), fetch_problem, "
           "pg_catalog.cardinality(unusable_keys) AS \"UNUSABLE\" FROM auth.list_issuers()",
           {"ISSUER, AUDIENCES, KEYS, UNUSABLE, READ keys_read_at, RULES, PROBLEM fetch_problem",
            "no trusted issuers"})},
    {"trust",
     "Trust an issuer, or change how",
     "https://issuer.example.com --audience https://id.example.com --jwks-file keys.json "
     "--max-life 1h",
     {issuer,
      {"--audience", "One that may be in aud, may be repeated; none: the token has no aud",
       several},
      from_file("--jwks-file", "Its public keys, a JWK Set", read_published_keys),
      {"--jwks-url", "Where it publishes them, or its discovery document", maybe, "URL"},
      {"--alg", "An algorithm of its tokens, may be repeated (default RS256, ES256)", several},
      {"--max-life", "The longest that its tokens may live, as 15m, 1h, 1d (default 1h)", maybe,
       "TEXT", "1h"},
      {"--require", "A claim that they have, may be repeated", several},
      {"--reusable", "A token may be exchanged again while it lives, as that of a pod", flag}},
     trust},
    {"distrust",
     "Trust it no more, and end every token that was got with one of its own",
     "https://issuer.example.com",
     {issuer},
     does("SELECT auth.distrust_issuer($1)", "no longer trusted", "issuer {} is not trusted")},
    {"keys",
     "Store the keys that it publishes now",
     "https://issuer.example.com --jwks-file keys.json",
     {issuer,
      {"--jwks-file", "Its public keys, a JWK Set", needed, "FILE", "", nullptr,
       read_published_keys}},
     does("SELECT auth.store_issuer_keys($1, $2)", "stored the keys of",
          "issuer {} is not trusted")},
    {"refresh",
     "Fetch the keys that issuers publish now from their URLs",
     "\nhttps://issuer.example.com --fetch-from 10.0.0.0/8",
     {{"ISSUER", "Of which issuer; all when not given"}, fetch_ca, fetch_from, fetch_timeout},
     refresh},
    {"map",
     "Say which of its tokens is a service account, in place of what was said",
     "https://token.actions.githubusercontent.com --email ci@example.com --claims "
     "'{\"repository_id\": \"74\", \"environment\": \"prod\"}' --scope deploy",
     {issuer,
      account,
      {"--claims", "Claims and the exact value of each, a JSON object", needed, "JSON", "", nullptr,
       claims},
      {"--scope", "One that it gets; may be repeated", several}},
     makes("SELECT auth.map_claims($1, $2, $3, $4)", "added rule")},
    {"unmap",
     "Take a service account's rule away, and end the tokens got by it",
     "https://issuer.example.com --email ci@example.com",
     {issuer, account},
     does("SELECT unmapped, CASE WHEN unmapped THEN $2 ELSE pg_catalog.concat($1, ' for ', $2) END "
          "FROM auth.unmap_claims($1, $2) AS unmapped",
          "removed the rule for", "no rule of {}")},
    {"rules",
     "List the rules",
     "\n--issuer https://issuer.example.com",
     {{"--issuer", "Of which issuer; all when not given"}},
     lists("SELECT rule_id, rule_issuer AS issuer, email, claims, json(scopes), utc(created_at) "
           "FROM auth.list_issuer_rules($1)",
           {"ISSUER, EMAIL, CLAIMS, SCOPES", "no rules"})},
    {"test",
     "Say which rule a token matches, and why the others do not",
     "--token-file token.jwt\n--token-env CI_JOB_JWT --output json",
     {from_variable("--token-env", "The environment variable that holds the token"),
      from_file("--token-file", "The file that holds the token")},
     with(exactly_one, {"--token-env", "--token-file"}, test)},
};

} // namespace

const Family issuers_family{"issuers",
                            "Trusted issuers, whose tokens are exchanged at /oauth/token",
                            "trust https://token.actions.githubusercontent.com --audience "
                            "https://id.example.com --jwks-file github.json\n"
                            "test --token-file token.jwt",
                            issuers_verbs};

} // namespace pg_principal::cli
