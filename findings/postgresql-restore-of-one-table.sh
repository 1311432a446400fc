#!/bin/bash
# PostgreSQL 15.18: `pg_restore -t bill` brings back the table, its rows and its grants, and neither row-level security nor the policies.
#
# Of one table pg_restore restores the definition, the data and, since they belong to it, the comment and the privileges. The manual says of -t that it
# "does not include such subsidiary objects", "such as indexes"; the archive's entries ROW SECURITY and POLICY are such. So whoever was granted the table, and
# saw their own rows of it, sees all. FORCE ROW LEVEL SECURITY is part of the definition: it is there, and without effect. There is no warning, and the
# exit status is 0. Likewise where the sections are restored one after the other: between data and post-data the grants are there and the policies are
# not. `pg_dump -t` of the same table brings everything. A table that was lost is restored in this way at night, into production.
# Way out: pg_restore -l, and a list (-L) with the lines ROW SECURITY, POLICY and INDEX of that table; or --no-acl and grants at the end.
#
#   the whole dump: row security on, forced, 1 policy; clerk sees 1 of 2 rows
#   pg_dump -t bill: row security on, forced, 1 policy; clerk sees 1 of 2 rows
#   pg_restore -t bill: row security off, forced, 0 policies; clerk sees 2 of 2 rows
#   --section=pre-data, then data: row security off, forced, 0 policies; clerk sees 2 of 2 rows
#   and then post-data: row security on, forced, 1 policy; clerk sees 1 of 2 rows
#   a list of what belongs to bill: row security on, forced, 1 policy; clerk sees 1 of 2 rows
# shellcheck source=findings/lib/postgresql.sh
. "$(dirname "$0")/lib/postgresql.sh"

serve_postgresql
query() { run psql -XAtq -v ON_ERROR_STOP=1 "$@"; }
query -c 'CREATE ROLE clerk' -c 'CREATE DATABASE shop' || not_tried "the server"
query -d shop <<'SQL' || not_tried "the table is not made"
CREATE TABLE bill (owner name, amount int);
INSERT INTO bill VALUES ('clerk', 1), ('boss', 2);
GRANT SELECT ON bill TO clerk;
CREATE POLICY owners ON bill USING (owner = current_user);
ALTER TABLE bill ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
SQL
run pg_dump -Fc -f "$work/shop.dump" shop || not_tried "pg_dump"

new_copy() { query -c 'DROP DATABASE IF EXISTS copy' -c 'CREATE DATABASE copy' 2>/dev/null || not_tried "the copy"; }
restore() { run pg_restore -d copy "$@" "$work/shop.dump" || echo "exit status $?"; }
told() {
    query -d copy -c "SELECT format('row security %s, %s, %s', CASE WHEN relrowsecurity THEN 'on' ELSE 'off' END, CASE WHEN relforcerowsecurity THEN 'forced'
        ELSE 'not forced' END, (SELECT CASE count(*) WHEN 1 THEN '1 policy' ELSE count(*) || ' policies' END FROM pg_policy))
        FROM pg_class WHERE relname = 'bill'" -c 'SET ROLE clerk' -c "SELECT format('clerk sees %s of 2 rows', count(*)) FROM bill" | paste -sd '|' | sed 's/|/; /'
}
{
    new_copy
    restore
    echo "the whole dump: $(told)"
    new_copy
    run pg_dump -t bill shop | query -d copy >/dev/null
    echo "pg_dump -t bill: $(told)"
    new_copy
    restore -t bill
    echo "pg_restore -t bill: $(told)"
    new_copy
    restore --section=pre-data
    restore --section=data
    echo "--section=pre-data, then data: $(told)"
    restore --section=post-data
    echo "and then post-data: $(told)"
    new_copy
    run pg_restore -l "$work/shop.dump" | grep -E ' bill( |$)' >"$work/list"
    chmod a+r "$work/list"
    restore -L "$work/list"
    echo "a list of what belongs to bill: $(told)"
} | expect 'the whole dump: row security on, forced, 1 policy; clerk sees 1 of 2 rows
pg_dump -t bill: row security on, forced, 1 policy; clerk sees 1 of 2 rows
pg_restore -t bill: row security off, forced, 0 policies; clerk sees 2 of 2 rows
--section=pre-data, then data: row security off, forced, 0 policies; clerk sees 2 of 2 rows
and then post-data: row security on, forced, 1 policy; clerk sees 1 of 2 rows
a list of what belongs to bill: row security on, forced, 1 policy; clerk sees 1 of 2 rows'
