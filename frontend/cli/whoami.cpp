#include "cli/app.hpp"

#include <cstdlib>

#include "core/base/text.hpp"

namespace pg_principal::cli {

namespace {

constexpr const char *names[] = {"id",      "email",     "kind",     "role",
                                 "appRole", "sessionId", "expiresAt"};
constexpr const char *labels[] = {"id", "email", "kind", "role", "app role", "session", "expires"};
constexpr int columns = 7;

// One statement: the token is bound until its end, so a pooled server connection keeps nothing of
// it.
const std::string &whoami_sql() {
    static const std::string sql =
        "WITH caller AS MATERIALIZED "
        "(SELECT auth.authenticate($1::pg_catalog.text, true) AS claims) "
        "SELECT auth.uid(), auth.email(), auth.kind(), auth.role(), auth.app_role(), "
        "auth.session_id(), " +
        utc_time_sql("pg_catalog.to_timestamp((claims OPERATOR(pg_catalog.->>) "
                     "'exp')::pg_catalog.float8)") +
        " FROM caller WHERE claims IS NOT NULL";
    return sql;
}

} // namespace

void add_whoami_command(Verb &root, Session &session) {
    struct Options {
        std::string variable = "LANDMARK_AUTH_TOKEN", output;
    };
    const auto options = std::make_shared<Options>();
    Verb verb = add_command(
        root, session, "whoami", "Say whose token the environment holds",
        "  LANDMARK_AUTH_TOKEN=$JWT pg_principal whoami\n"
        "  pg_principal whoami --token-env CI_TOKEN --output json",
        [&session, options] {
            const char *given = std::getenv(options->variable.c_str());
            // a file read into a variable often brings its last newline along
            const std::string token(trim_ascii(given ? given : ""));
            if (token.empty())
                throw Failure("the environment variable " + printable(options->variable) +
                              (given && *given ? " is empty" : " is not set"));
            const Rows rows = session.connect().run(whoami_sql(), {token});
            if (rows.size() != 1)
                throw Failure("the token names nobody");
            Json json;
            for (int column = 0; column < columns; ++column) {
                const auto value = rows.get(0, column);
                json[names[column]] = value ? Json(*value) : Json();
                if (options->output == "text" && value)
                    session.streams.out << std::string(labels[column])
                                               .append(10 - std::string(labels[column]).size(), ' ')
                                        << printable(*value) << '\n';
            }
            if (options->output == "json")
                print_json(session.streams.out, json);
        });
    verb.option("--token-env", options->variable,
                "The environment variable that holds the token (default LANDMARK_AUTH_TOKEN)")
        .type("VAR");
    verb.output(options->output, {"text", "json"});
}

} // namespace pg_principal::cli
