#!/bin/bash
# PostgreSQL 15.18: one GRANT in an extension's update script, and pg_dump forgets the administrators' own grants on that table.
#
# What an extension grants in its scripts is no part of a dump, for CREATE EXTENSION grants it again. So that the two can be told apart
# pg_init_privs keeps the privileges an extension set. But a GRANT in a script does not note itself there: it notes all that the table's
# access list has at that moment, and whoever was granted something since the extension was made counts as the extension's from then on. It
# need not even be the extension's table: a grant on any table is noted, and there nothing grants anything again.
# The dump restores without an error, and the roles find out. The manual tells of objects that "CREATE EXTENSION" creates only.
# Way out for authors: put the row of pg_init_privs back to what it was plus the new grant; or grant in the first version only.
#
#   before the update the dump has:
#   GRANT SELECT ON TABLE public.ledger TO clerk;
#   GRANT SELECT ON TABLE public.price TO clerk;
#   after it:
#   no GRANT
#   in the database: ledger {postgres=arwdDxt/postgres,clerk=r/postgres,auditor=r/postgres}
#   in the database: price {postgres=arwdDxt/postgres,clerk=r/postgres,auditor=r/postgres}
#   restored: ledger (none)
#   restored: price {postgres=arwdDxt/postgres,auditor=r/postgres}
# shellcheck source=findings/lib/postgresql.sh
. "$(dirname "$0")/lib/postgresql.sh"

table='CREATE TABLE price (item text, cents integer);'
grant='GRANT SELECT ON price TO auditor;'
serve_postgresql
extension 1.0 "$table"
extension 1.1 "$table $grant"
extension 1.0--1.1 "$grant GRANT SELECT ON ledger TO auditor;"

privileges() {
    run psql -qAtXF ' ' "$@" -c "SELECT relname, coalesce(relacl::text, '(none)') FROM pg_class WHERE relname IN ('ledger', 'price') ORDER BY 1"
}

run psql -qX -v ON_ERROR_STOP=1 <<'SQL'
CREATE ROLE clerk;
CREATE ROLE auditor;
CREATE TABLE ledger (entry text);
CREATE EXTENSION shop VERSION '1.0';
GRANT SELECT ON price, ledger TO clerk;
SQL
{
    echo 'before the update the dump has:'
    run pg_dump | grep '^GRANT'
    run psql -qX -c 'ALTER EXTENSION shop UPDATE'
    echo 'after it:'
    run pg_dump >"$work/dump"
    grep '^GRANT' "$work/dump" || echo 'no GRANT'
    privileges | sed 's/^/in the database: /'
    run createdb restored
    run psql -qX -d restored -v ON_ERROR_STOP=1 -f - <"$work/dump" >/dev/null
    privileges -d restored | sed 's/^/restored: /'
} | expect 'before the update the dump has:
GRANT SELECT ON TABLE public.ledger TO clerk;
GRANT SELECT ON TABLE public.price TO clerk;
after it:
no GRANT
in the database: ledger {postgres=arwdDxt/postgres,clerk=r/postgres,auditor=r/postgres}
in the database: price {postgres=arwdDxt/postgres,clerk=r/postgres,auditor=r/postgres}
restored: ledger (none)
restored: price {postgres=arwdDxt/postgres,auditor=r/postgres}'
