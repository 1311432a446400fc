#!/bin/bash
# pgaudit 1.7.0 with PostgreSQL 15: log_parameter shows values of PL/pgSQL variables that the statement did not evaluate, under numbers that
# the logged text does not have.
#
# What a PL/pgSQL expression refers to reaches the executor as parameters that are fetched when they are needed. The log lists "each
# parameter" and fetches them all: the branch of a CASE that is not taken shows its value, too. They are counted as the function's variables
# are, from the first one declared (here FOUND), with nothing between commas for those that the statement does not name, and the text of the
# statement has no $1 that would tell which is which.
# Meets: whoever guards a secret by CASE, COALESCE or AND in an expression of PL/pgSQL and takes the log for what was used. Nothing of it is
# logged where the secret is behind an IF of its own.
#
#   SELECT pg_notify('jobs', CASE WHEN r.name = 'bob' THEN r.password END) has the parameters ,,ann,not-for-the-log
#   SELECT pg_notify('jobs', r.name) has the parameters ,,ann,
# shellcheck source=findings/lib/postgresql.sh
. "$(dirname "$0")/lib/postgresql.sh"

debian postgresql-15-pgaudit=1.7.0-2
serve_postgresql -c shared_preload_libraries=pgaudit -c pgaudit.log=read -c pgaudit.log_parameter=on
run psql -XAtq <<'SQL'
DO $$
DECLARE
    r record;
BEGIN
    SELECT 'ann' AS name, 'not-for-the-log' AS password INTO r;
    PERFORM pg_notify('jobs', CASE WHEN r.name = 'bob' THEN r.password END);
    IF r.name = 'bob' THEN
        PERFORM pg_notify('jobs', r.password);
    END IF;
    PERFORM pg_notify('jobs', r.name);
END $$;
SQL
grep AUDIT "$work/log" | grep pg_notify | sed -E 's/.*SELECT,,,"?(SELECT [^"]*\))"?,"?([^"]*)"?$/\1 has the parameters \2/' |
    expect "SELECT pg_notify('jobs', CASE WHEN r.name = 'bob' THEN r.password END) has the parameters ,,ann,not-for-the-log
SELECT pg_notify('jobs', r.name) has the parameters ,,ann,"
