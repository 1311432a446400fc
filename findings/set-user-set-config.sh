#!/bin/bash
# set_user 4.0.1 (Debian 12) with PostgreSQL 15.18: who comes as a superuser by it restores no plain dump, and no function that calls set_config() works.
#
# After set_user() or set_user_u() the extension refuses to execute set_config(), for any parameter, in whatever calls it, to a superuser, too, so that
# nobody sets log_statement by it (pgaudit/set_user#50). SET of the same parameter is fine. Every plain dump of pg_dump has it among its first lines, for search_path:
# with ON_ERROR_STOP the restore ends there. Applications' functions that have a lock_timeout of their own, or tell row-level security who is asking,
# fail in the hands of administrators and nobody else's. README lists what is blocked (ALTER SYSTEM, COPY PROGRAM, log_statement, SET ROLE), with a
# setting for each, and not this; block_log_statement = off leaves it as it is. HEAD of upstream, after 4.1.0, is the same (src/set_user.c).
# Way out: the HINT, SET; in functions EXECUTE format('SET LOCAL ..'), at the same cost; a dump by sed, as below.
#
#   as postgres: the dump is restored; a function with set_config(): done; with SET LOCAL: done
#   by set_user_u(): ERROR:  "pg_catalog.set_config(pg_catalog.text,pg_catalog.text,boolean)" blocked by set_user; a function with set_config(): the same; with SET LOCAL: done
#   and with block_log_statement = off: the same; a function with set_config(): the same; with SET LOCAL: done
#   by set_user_u(), SET in the dump: the dump is restored
# shellcheck source=findings/lib/postgresql.sh
. "$(dirname "$0")/lib/postgresql.sh"

debian postgresql-15-set-user=4.0.1-1
serve_postgresql -c shared_preload_libraries=set_user -c set_user.superuser_allowlist=ann

query() { run psql -XAtq -v ON_ERROR_STOP=1 "$@" 2>&1; }
query <<'SQL' || not_tried "the tables are not made"
CREATE EXTENSION set_user;
CREATE ROLE ann LOGIN;
GRANT EXECUTE ON FUNCTION set_user_u(text) TO ann;
CREATE TABLE bill (id int);
CREATE FUNCTION pay_by_function() RETURNS text LANGUAGE plpgsql AS
$$BEGIN PERFORM set_config('lock_timeout', '3s', true); INSERT INTO bill VALUES (1); RETURN 'done'; END$$;
CREATE FUNCTION pay_by_command() RETURNS text LANGUAGE plpgsql AS
$$BEGIN EXECUTE format('SET LOCAL lock_timeout = %L', '3s'); INSERT INTO bill VALUES (1); RETURN 'done'; END$$;
SQL
run pg_dump --table=bill >"$work/dump.sql"
sed "s/^SELECT pg_catalog.set_config('search_path', '', false);/SET search_path = '';/" "$work/dump.sql" >"$work/with-set.sql"
chmod a+r "$work"/*.sql

refusal='ERROR:  "pg_catalog.set_config(pg_catalog.text,pg_catalog.text,boolean)" blocked by set_user'
told() { # of all that a session printed: the refusal, or the last line
    local all
    all=$(cat)
    if [[ $all == *"$refusal"* ]]; then echo "${1-$refusal}"; else tail -n 1 <<<"$all"; fi
}
restore() { # FILE psql's options..: into a new database
    local file=$1
    shift
    run psql -XAtq -c 'DROP DATABASE IF EXISTS copy' -c 'CREATE DATABASE copy' -c '\c copy' -c 'CREATE EXTENSION set_user' \
        -c 'GRANT EXECUTE ON FUNCTION set_user_u(text) TO ann' >/dev/null 2>&1
    query -d copy "$@" -f "$work/$file" -c '\echo the dump is restored'
}
call() { query "$@" -c "SELECT pay_by_function()"; }
call_other() { query "$@" -c "SELECT pay_by_command()"; }
ann=(-U ann -c "SELECT set_user_u('postgres')")
{
    echo "as postgres: $(restore dump.sql | told); a function with set_config(): $(call | told); with SET LOCAL: $(call_other | told)"
    echo "by set_user_u(): $(restore dump.sql "${ann[@]}" | told); a function with set_config(): $(call "${ann[@]}" | told 'the same'); with SET LOCAL: $(call_other "${ann[@]}" | told)"
    query -c 'ALTER SYSTEM SET set_user.block_log_statement = off' -c 'SELECT pg_reload_conf()' >/dev/null
    for _ in {1..50}; do
        [ "$(query -c 'SHOW set_user.block_log_statement')" != off ] || break
        sleep 0.1
    done
    echo "and with block_log_statement = $(query -c 'SHOW set_user.block_log_statement'): $(restore dump.sql "${ann[@]}" | told 'the same'); a function with set_config(): $(call "${ann[@]}" | told 'the same'); with SET LOCAL: $(call_other "${ann[@]}" | told)"
    echo "by set_user_u(), SET in the dump: $(restore with-set.sql "${ann[@]}" | told)"
} | expect "as postgres: the dump is restored; a function with set_config(): done; with SET LOCAL: done
by set_user_u(): $refusal; a function with set_config(): the same; with SET LOCAL: done
and with block_log_statement = off: the same; a function with set_config(): the same; with SET LOCAL: done
by set_user_u(), SET in the dump: the dump is restored"
