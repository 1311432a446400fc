#include "cli/app.hpp"

#include <cstdlib>

#include "core/base/text.hpp"

namespace pg_principal::cli {

namespace {

constexpr struct {
    const char *name, *label; // the label as wide as the column
} columns[] = {{"id", "id        "},       {"email", "email     "},   {"kind", "kind      "},
               {"role", "role      "},     {"appRole", "app role  "}, {"sessionId", "session   "},
               {"expiresAt", "expires   "}};

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

void whoami(const Session &session, const Given &given) {
    const std::string &variable = given["--token-env"];
    const char *value = std::getenv(variable.c_str());
    // a file read into a variable often brings its last newline along
    const std::string token(trim_ascii(value ? value : ""));
    if (token.empty())
        throw Failure("the environment variable " + printable(variable) +
                      (value && *value ? " is empty" : " is not set"));
    const db::Result rows = session.ask(whoami_sql(), {token});
    if (rows.rows() != 1)
        throw Failure("the token belongs to nobody");
    std::vector<const char *> members;
    for (const auto &column : columns) {
        const auto text = rows.maybe(0, static_cast<int>(members.size()));
        members.push_back(column.name);
        if (text && !session.wants("json"))
            session.streams.out << column.label << printable(*text) << '\n';
    }
    if (session.wants("json"))
        print_first(session.streams.out, rows, members);
}

} // namespace

void add_whoami_command(const Group &root) {
    root.add({"whoami",
              "Show whose token is in the environment",
              "  LANDMARK_AUTH_TOKEN=$JWT pg_principal whoami\n"
              "  pg_principal whoami --token-env CI_TOKEN --output json",
              {{"--token-env",
                "The environment variable that holds the token (default LANDMARK_AUTH_TOKEN)",
                maybe, "VAR", "LANDMARK_AUTH_TOKEN"}},
              whoami});
}

} // namespace pg_principal::cli
