#include "cli/app.hpp"

#include <cstdlib>

#include <nlohmann/json.hpp>

#include "core/base/text.hpp"

namespace pg_principal::cli {

namespace {

// One statement: the token is bound until its end, so a pooled server connection keeps nothing of
// it.
constexpr const char *whoami_sql =
    "WITH caller AS MATERIALIZED "
    "(SELECT auth.authenticate($1::pg_catalog.text, true) AS claims) "
    "SELECT auth.uid() AS id, auth.email() AS email, auth.kind() AS kind, auth.role() AS role, "
    "auth.app_role() AS app_role, auth.actor_email() AS actor, auth.client_id() AS client, scopes, "
    "auth.session_id() AS session_id, utc(expires_at) FROM (SELECT "
    "claims OPERATOR(pg_catalog.->>) 'scope' AS scopes, "
    "pg_catalog.to_timestamp((claims OPERATOR(pg_catalog.->>) 'exp')::pg_catalog.float8) AS "
    "expires_at FROM caller WHERE claims IS NOT NULL) AS c";

void whoami(const Session &session, const Given &given) {
    const std::string &variable = given["--token-env"];
    const char *value = std::getenv(variable.c_str());
    // a file read into a variable often brings its last newline along
    const std::string token(trim_ascii(value ? value : ""));
    if (token.empty())
        throw Failure("the environment variable " + for_terminal(variable) +
                      (value ? " is empty" : " is not set"));
    const db::Result rows = session.ask(whoami_sql, {token});
    if (rows.rows() != 1)
        throw Failure("the token belongs to nobody");
    if (session.wants("json"))
        return print_json(session.streams.out, object_of(rows));
    constexpr const char *labels[] = {"id        ", "email     ", "kind      ", "role      ",
                                      "app role  ", "actor     ", "client    ", "scopes    ",
                                      "session   ", "expires   "};
    for (int column = 0; column < rows.columns(); ++column)
        if (const auto text = rows.maybe(0, column))
            session.streams.out << labels[column] << for_terminal(*text) << '\n';
}

} // namespace

const Verb whoami_verb{
    "whoami",
    "Show whose token is in the environment",
    "  LANDMARK_AUTH_TOKEN=$JWT pg_principal whoami\n"
    "--token-env CI_TOKEN --output json",
    {{"--token-env", "The environment variable that holds the token (default LANDMARK_AUTH_TOKEN)",
      maybe, "VAR", "LANDMARK_AUTH_TOKEN"}},
    whoami};

} // namespace pg_principal::cli
