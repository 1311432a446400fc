#!/bin/bash
# PostgreSQL 15.18: initdb takes no superuser whose name has a quotation mark, and says so in the middle of its work, in other words.
#
# Role names may hold any character, and CREATE ROLE and ALTER ROLE ... RENAME take these names. initdb --username writes the name into SQL of its
# own: with a double quote the grants on the catalogs are made out to another role, `role "AnnLee" does not exist`; with an apostrophe, a dollar sign
# or a backslash too the script of PL/pgSQL, which has @extowner@ in it, is refused: `invalid character in extension owner`. Neither message has the
# name or the option. The same script is refused later on to whoever has such a name, and so is every extension with @extowner@, though not one
# without. A name with a space, upper-case letters or beyond ASCII is fine.
#
#   initdb as Ann Lee: done
#   initdb as O'Brien: FATAL:  invalid character in extension owner: must not contain any of ""$'\"
#   initdb as Ann"Lee: FATAL:  role "AnnLee" does not exist at character 72
#   later, as O'Brien, with @extowner@: ERROR:  invalid character in extension owner: must not contain any of ""$'\"
#   later, as O'Brien, without: CREATE EXTENSION
# shellcheck source=findings/lib/postgresql.sh
. "$(dirname "$0")/lib/postgresql.sh"

serve_postgresql
extension 1.0 'CREATE TABLE stock (item text); ALTER TABLE stock OWNER TO @extowner@;'
printf "default_version = '1.0'\n" >"$work/root/usr/share/postgresql/15/extension/plain.control"
echo 'CREATE TABLE price (item text);' >"$work/root/usr/share/postgresql/15/extension/plain--1.0.sql"
run psql -Xqc "CREATE ROLE \"O'Brien\" LOGIN SUPERUSER"

initdb_as() { # NAME
    local said
    if said=$(run initdb -D "$work/other" -A trust -U "$1" -E UTF8 --locale=C --no-sync 2>&1); then
        echo "initdb as $1: done"
    else
        echo "initdb as $1: $(sed -n 's/^.*\(FATAL:  .*\)/\1/p' <<<"$said")"
    fi
    rm -rf "$work/other"
}
later() { PGUSER="O'Brien" run psql -Xc "CREATE EXTENSION $1" 2>&1 | head -n 1; }
{
    initdb_as "Ann Lee"
    initdb_as "O'Brien"
    initdb_as 'Ann"Lee'
    echo "later, as O'Brien, with @extowner@: $(later shop)"
    echo "later, as O'Brien, without: $(later plain)"
} | expect "initdb as Ann Lee: done
initdb as O'Brien: FATAL:  invalid character in extension owner: must not contain any of \"\"\$'\\\"
initdb as Ann\"Lee: FATAL:  role \"AnnLee\" does not exist at character 72
later, as O'Brien, with @extowner@: ERROR:  invalid character in extension owner: must not contain any of \"\"\$'\\\"
later, as O'Brien, without: CREATE EXTENSION"
