// Whether a database can serve this program's version: asked of the extension, and, where that
// cannot answer, of the catalog.
#pragma once

#include <string>
#include <string_view>

#include "db/connection.hpp"

namespace pg_principal::db {

// Columns reason, message, remedy, NULL when every request can be served, and the extension's
// version. $1: ours.
inline constexpr const char *readiness_sql =
    "SELECT reason, message, remedy, extension FROM auth.readiness($1::pg_catalog.text)";

// The same where there is no auth.readiness().
inline constexpr const char *no_readiness_sql =
    "SELECT CASE WHEN e.schema = 'auth' THEN 'extension_outdated' ELSE 'extension_missing' END, "
    "CASE WHEN e.schema IS NULL THEN 'the extension is not in this database' "
    "WHEN e.schema <> 'auth' THEN pg_catalog.format('the schema of the extension is %I, not auth', "
    "e.schema) ELSE pg_catalog.format('the extension in this database has version %s, this "
    "program %s', e.extversion, $1::pg_catalog.text) END, "
    "'As a superuser, in this database: ' || "
    "CASE WHEN e.schema IS NULL THEN 'CREATE EXTENSION pg_principal' "
    "WHEN e.schema <> 'auth' THEN pg_catalog.format('ALTER SCHEMA %I RENAME TO auth', e.schema) "
    "ELSE 'ALTER EXTENSION pg_principal UPDATE' END, e.extversion "
    "FROM (SELECT 1) AS one LEFT JOIN (SELECT x.extversion, n.nspname AS schema "
    "FROM pg_catalog.pg_extension x JOIN pg_catalog.pg_namespace n ON n.oid = x.extnamespace "
    "WHERE x.extname = 'pg_principal') AS e ON true";

// The schema or the function is not there.
inline bool is_missing(std::string_view sqlstate) {
    return sqlstate == "3F000" || sqlstate == "42883";
}

struct Readiness {
    std::string reason, message, remedy, extension; // reason: empty when ready
};

inline Readiness readiness_of(const Result &result) {
    return {std::string(result.text(0, 0)), std::string(result.text(0, 1)),
            std::string(result.text(0, 2)), std::string(result.text(0, 3))};
}

} // namespace pg_principal::db
