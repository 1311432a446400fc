// The statement that a request is: one call of an SQL function.
#pragma once

#include <string>

namespace pg_principal::api {

// On whose behalf: nobody's in particular, or that of whoever the token belongs to, which is bound
// first. A call for callers about themselves, and of strangers, waits a tenth of a second for each
// lock, unless the role has a lock_timeout of its own: what somebody holds in a transaction of
// their own is no reason to hold a connection that others wait for. What an administrator does, by
// `caller`, waits: it knows what to do about who is in its way.
enum class By { stranger, self, caller };

// What the statements of a dialect have besides: columns, where the token is, and what must have a
// row.
struct Dialect {
    const char *columns, *token, *source;
};
inline constexpr Dialect plain{"", "$1", ""};

// Columns: status, payload, the dialect's own, and why the token is dead. Nothing is called then.
// OFFSET 0 keeps the planner from merging the steps.
inline std::string sql_of(By by, const std::string &call, const Dialect &dialect = plain) {
    const std::string columns = std::string("SELECT (r).status, (r).payload, ") + dialect.columns;
    const std::string patience =
        by == By::caller ? "'its own'"
                         : "pg_catalog.set_config('lock_timeout', coalesce(nullif("
                           "pg_catalog.current_setting('lock_timeout'), '0'), '100ms'), true)";
    const std::string rest = patience + " AS patience" + dialect.source +
                             " OFFSET 0) c WHERE patience IS NOT NULL OFFSET 0) s";
    if (by == By::stranger)
        return columns + "NULL FROM (SELECT " + call + " AS r FROM (SELECT " + rest;
    return columns + "refused FROM (SELECT refused, CASE WHEN refused IS NULL THEN " + call +
           " END AS r FROM (SELECT auth.try_authenticate(" + dialect.token + ") AS refused, " +
           rest;
}

} // namespace pg_principal::api
