#!/bin/bash
# PostgreSQL 15.18: a table of an extension leaves its publication on the way through pg_dump; with a column added, its rows stay behind.
#
# Of a table that belongs to an extension and is marked by pg_extension_config_dump() a dump has the rows, its shape is CREATE EXTENSION's.
# 1. A publication that names such a table is dumped, and the line that puts the table into it is not. The restore reports nothing, the
#    publication is there, and publishes nothing.
# 2. After ALTER TABLE .. ADD COLUMN the dump's COPY names the column, which nothing in the dump adds. That the dump cannot be restored
#    shows on the day of the restore. pg_dump itself says nothing in either case, and exits with 0.
# Way out: no columns on others' tables; ALTER PUBLICATION .. ADD TABLE in a script that runs after each restore.
#
#   published before: price
#   restored: 1 publication of 0 tables, 1 row
#   with a column added: ERROR:  column "note" of relation "price" does not exist
#   restored: 0 rows
# shellcheck source=findings/lib/postgresql.sh
. "$(dirname "$0")/lib/postgresql.sh"

serve_postgresql
extension 1.0 "CREATE TABLE price (item text, cents integer); SELECT pg_extension_config_dump('price', '');"
query() { run psql -qAtX -v ON_ERROR_STOP=1 "$@"; }

query <<'SQL'
CREATE EXTENSION shop;
INSERT INTO price VALUES ('tea', 250);
CREATE PUBLICATION prices FOR TABLE price;
SQL
{
    query -c "SELECT 'published before: ' || tablename FROM pg_publication_tables"
    run pg_dump >"$work/dump"
    run createdb first
    query -d first <"$work/dump" 2>&1 >/dev/null
    query -d first -c "SELECT format('restored: %s publication of %s tables, %s row', (SELECT count(*) FROM pg_publication),
        (SELECT count(*) FROM pg_publication_tables), (SELECT count(*) FROM price))"

    query -c 'ALTER TABLE price ADD COLUMN note text'
    run pg_dump >"$work/dump"
    run createdb second
    query -d second <"$work/dump" 2>&1 >/dev/null | sed -n 's/.*ERROR/with a column added: ERROR/p'
    query -d second -c "SELECT format('restored: %s rows', count(*)) FROM price"
} | expect 'published before: price
restored: 1 publication of 0 tables, 1 row
with a column added: ERROR:  column "note" of relation "price" does not exist
restored: 0 rows'
