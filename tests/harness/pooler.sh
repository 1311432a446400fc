# shellcheck shell=bash
# A pgbouncer in front of a cluster with 200 principals, for tests/system/poolers.sh and tests/torture/poolers.sh.
#   pooler_cluster DIR                     the cluster, its principals, and $DIR/tokens: "email token" lines
#   pooler_start DIR MODE [setting=value..] 10 connections to the server, as app with POOLER_PASSWORD; libpq's
#                                          environment then leads there
#   pooler_stop DIR
#   pgbouncer_start INI | pgbouncer_stop INI   one with a configuration of one's own

# `pgbouncer -d` returns before its process id is written and its socket is there.
pgbouncer_start() {
    local pid socket
    pid=$(sed -n 's/^pidfile = //p' "$1")
    socket=$(sed -n 's/^unix_socket_dir = //p' "$1")/.s.PGSQL.$(sed -n 's/^listen_port = //p' "$1")
    as_server pgbouncer -q -d "$1" </dev/null || return 1
    for _ in {1..200}; do
        [ ! -s "$pid" ] || [ ! -S "$socket" ] || return 0
        sleep 0.05
    done
    echo "pgbouncer does not listen:" >&2
    cat "$(sed -n 's/^logfile = //p' "$1")" >&2
    return 1
}

pgbouncer_stop() {
    local pid
    pid=$(cat "$(sed -n 's/^pidfile = //p' "$1")" 2>/dev/null) || return 0
    kill "$pid" 2>/dev/null
    for _ in {1..200}; do
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.05
    done
}

pooler_cluster() {
    cluster_create "$1" fsync=off max_connections=60 || return 1
    cluster_start "$1" || return 1
    psql -XqAt -v ON_ERROR_STOP=1 >"$1/tokens" <<'SQL'
SET client_min_messages = error;
\o /dev/null
CREATE EXTENSION pg_principal;
CREATE ROLE app LOGIN;
SELECT auth.create_signing_key();
SELECT auth.push_people((SELECT jsonb_agg(jsonb_build_object('email', 'p' || n || '@example.com', 'name', 'P')) FROM generate_series(1, 200) AS n));
SELECT auth.provision();
CREATE TABLE owned AS SELECT email AS owner FROM auth.users;
CREATE UNIQUE INDEX ON owned (owner);
SELECT auth.clamp('owned', 'owner');
GRANT SELECT ON owned TO app;
GRANT CREATE, TEMP ON DATABASE postgres TO app;
\o
SELECT email || ' ' || auth.issue(email) FROM auth.users;
SQL
}

pooler_start() {
    local dir=$1/pooler mode=$2 server=$1 port
    shift 2
    port=$(sed -n 4p "$server/data/postmaster.pid")
    mkdir -p "$dir" && { [ "$(id -u)" != 0 ] || chown postgres: "$dir"; } && chmod 755 "$server"
    {
        printf '[databases]\npostgres = host=%s port=%s dbname=postgres\n[pgbouncer]\n' "$server" "$port"
        printf '%s\n' "unix_socket_dir = $dir" "listen_port = $port" "auth_type = trust" "auth_file = $dir/users" "pool_mode = $mode" \
            "default_pool_size = 10" "max_client_conn = 3000" "logfile = $dir/log" "pidfile = $dir/pid" "$@"
    } >"$dir/ini"
    printf '"app" "%s"\n' "${POOLER_PASSWORD-}" >"$dir/users"
    pgbouncer_start "$dir/ini" || return 1
    export PGHOST=$dir PGPORT=$port
}

pooler_stop() {
    [ ! -f "$1/pooler/ini" ] || pgbouncer_stop "$1/pooler/ini"
    export PGHOST=$1
}
