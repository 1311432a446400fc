#!/bin/sh
# The server image's entry point: server.sh [-c SETTING=VALUE ..]. An empty volume gets a cluster with the extension in
# the database $POSTGRES_DB, a signing key, the scans of health and audit, and
#   POSTGRES_PASSWORD_FILE           the superuser's password; without it the superuser comes in over the socket alone
#   PG_PRINCIPAL_WEB_PASSWORD_FILE   the password of `principal_web`, the role that `pg_principal serve` connects as
#   /docker-entrypoint-initdb.d      whose *.sql are run in that database, in their order
# A cluster that is there is started as it is. What is not finished is begun again.
set -eu

connect() { psql -Xq -v ON_ERROR_STOP=1 -h /run/postgresql -U postgres -d "$@"; }

begin() { # DATA SETTINGS..
    data=$1
    shift
    initdb -D "$data" --username=postgres --encoding=UTF8 --locale=C.UTF-8 --data-checksums --no-instructions \
        --auth-local=peer --auth-host=scram-sha-256 ${POSTGRES_PASSWORD_FILE:+"--pwfile=$POSTGRES_PASSWORD_FILE"}
    echo 'host all all all scram-sha-256' >>"$data/pg_hba.conf"
    cat >>"$data/postgresql.conf" <<END
listen_addresses = '*'
unix_socket_directories = '/run/postgresql'
shared_preload_libraries = 'pg_principal,pg_cron'
cron.database_name = '$(echo "$POSTGRES_DB" | sed "s/'/''/g")'
cron.use_background_workers = on
END
    postgres -D "$data" "$@" -c listen_addresses= &
    server=$!
    trap 'kill -INT "$server"' INT TERM
    until pg_isready -q -h /run/postgresql; do
        kill -0 "$server" || return 1
        sleep 0.2
    done
    [ "$POSTGRES_DB" = postgres ] || printf 'CREATE DATABASE :"db"' | connect postgres -v db="$POSTGRES_DB"
    connect "$POSTGRES_DB" -c 'CREATE EXTENSION pg_principal' -c 'CREATE EXTENSION pg_cron' \
        -c 'SELECT auth.create_signing_key(), auth.schedule_health_scan()' \
        -c "SELECT cron.schedule('pg_principal_audit_scan', '30 3 * * *', 'SELECT auth.scan_audit()')" -o /dev/null
    if [ -n "${PG_PRINCIPAL_WEB_PASSWORD_FILE-}" ]; then
        # scram by \password: no statement has it in the clear, nor does a log
        connect "$POSTGRES_DB" -c 'CREATE ROLE principal_web LOGIN IN ROLE authenticator'
        password=$(cat "$PG_PRINCIPAL_WEB_PASSWORD_FILE")
        [ -n "$password" ] || { echo "$PG_PRINCIPAL_WEB_PASSWORD_FILE is empty" >&2 && return 1; }
        printf '%s\n%s\n' "$password" "$password" | setsid psql -Xq -h /run/postgresql -U postgres -d "$POSTGRES_DB" -c '\password principal_web' >/dev/null
    fi
    for script in /docker-entrypoint-initdb.d/*.sql; do
        [ ! -e "$script" ] || connect "$POSTGRES_DB" -f "$script"
    done
    kill -INT "$server"
    wait "$server"
    trap - INT TERM
}

if [ ! -s "$PGDATA/PG_VERSION" ]; then
    rm -rf "$PGDATA.new"
    begin "$PGDATA.new" "$@"
    mv "$PGDATA.new" "$PGDATA"
fi
exec postgres -D "$PGDATA" "$@"
