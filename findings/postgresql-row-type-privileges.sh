#!/bin/bash
# PostgreSQL 15.18: what is granted or revoked on the type of a table is in no dump; revoked by an extension, each dump warns of it.
#
# Each table is a type, too, of which others' columns may be: PUBLIC has USAGE. As long as there is such a column the table's own columns keep their types
# ("cannot alter table .. because column .. uses its row type"), so who shares a database takes USAGE away, with REVOKE ON TYPE, as from any type.
# pg_dump writes privileges of domains, enums and types made by CREATE TYPE. Of the table's type it writes none, and says nothing: after a restore,
# or pg_upgrade, which restores a dump, anybody may use it again, and the migration that was safe is refused. Where an extension's script revokes
# it, pg_dump says of each table "unsupported pg_init_privs entry", with three numbers, in every backup, and exits with 0 (src/bin/pg_dump/pg_dump.c has
# table types as DO_DUMMY_TYPE, "don't dump", and the warning). The manual of REVOKE has types, the one of pg_dump no exception, and we found no word of it.
# Way out: REVOKE again after each restore. An extension takes its tables' types out of pg_init_privs at the end of its script.
#
#   before: types nobody but the owner may use: pair ledger
#   restored: pair
#   before: CREATE TABLE history (entry ledger): permission denied for type ledger
#   restored: CREATE TABLE history (entry ledger): done
#   restored: ALTER TABLE ledger ALTER cents TYPE bigint: cannot alter table "ledger" because column "history.entry" uses its row type
#   in an extension: pg_dump: warning: unsupported pg_init_privs entry: 1247 N 0
#   taken out of pg_init_privs: nothing said, closed: price
# shellcheck source=findings/lib/postgresql.sh
. "$(dirname "$0")/lib/postgresql.sh"

serve_postgresql
closed() { # DATABASE
    run psql -qAtX -d "$1" -c "SELECT string_agg(typname, ' ' ORDER BY typname DESC) FROM pg_type
        WHERE typnamespace = 'public'::regnamespace AND typelem = 0 AND NOT has_type_privilege('clerk', oid, 'USAGE')"
}
try() { # DATABASE STATEMENT: as clerk, or as the superuser who says so
    local answer
    answer=$(run psql -qX -d "$1" -U "${3:-clerk}" -c "$2" 2>&1) && answer='done'
    echo "$2: ${answer#ERROR:  }"
}

run psql -qX -v ON_ERROR_STOP=1 <<'SQL'
CREATE ROLE clerk LOGIN;
GRANT CREATE ON SCHEMA public TO clerk;
CREATE TABLE ledger (entry text, cents integer);
CREATE TYPE pair AS (a text, b text);
REVOKE USAGE ON TYPE ledger FROM PUBLIC;
REVOKE USAGE ON TYPE pair FROM PUBLIC;
SQL
run pg_dump >"$work/dump" 2>"$work/said"
run createdb restored
run psql -qX -d restored -v ON_ERROR_STOP=1 -f - <"$work/dump" >/dev/null
extension 1.0 'CREATE TABLE price (item text); REVOKE USAGE ON TYPE price FROM PUBLIC;'
extension 1.1 "CREATE TABLE price (item text); REVOKE USAGE ON TYPE price FROM PUBLIC;
    DELETE FROM pg_init_privs WHERE classoid = 'pg_type'::regclass AND objoid = 'price'::regtype;"
for version in 1.0 1.1; do
    run createdb "shop-$version"
    run psql -qX -d "shop-$version" -c "CREATE EXTENSION shop VERSION '$version'"
done
{
    cat "$work/said"
    echo "before: types nobody but the owner may use: $(closed postgres)"
    echo "restored: $(closed restored)"
    echo "before: $(try postgres 'CREATE TABLE history (entry ledger)')"
    echo "restored: $(try restored 'CREATE TABLE history (entry ledger)')"
    echo "restored: $(try restored 'ALTER TABLE ledger ALTER cents TYPE bigint' postgres)"
    echo "in an extension: $(run pg_dump shop-1.0 2>&1 >/dev/null | sed 's/1247 [0-9]*/1247 N/')"
    echo "taken out of pg_init_privs: $(run pg_dump shop-1.1 2>&1 >/dev/null)nothing said, closed: $(closed shop-1.1)"
} | expect 'before: types nobody but the owner may use: pair ledger
restored: pair
before: CREATE TABLE history (entry ledger): permission denied for type ledger
restored: CREATE TABLE history (entry ledger): done
restored: ALTER TABLE ledger ALTER cents TYPE bigint: cannot alter table "ledger" because column "history.entry" uses its row type
in an extension: pg_dump: warning: unsupported pg_init_privs entry: 1247 N 0
taken out of pg_init_privs: nothing said, closed: price'
