# shellcheck shell=bash
# A pgbouncer in front of a cluster with 200 principals, for tests/system/poolers.sh and tests/torture/poolers.sh.
#   pooler_cluster DIR                     the cluster, its principals, and $DIR/tokens: "email token" lines
#   pooler_start DIR MODE [setting=value..] 10 connections to the server; libpq's environment then leads there
#   pooler_stop DIR

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
    echo '"app" ""' >"$dir/users"
    as_server pgbouncer -q -d "$dir/ini" </dev/null || return 1
    export PGHOST=$dir PGPORT=$port
}

pooler_stop() {
    local pid
    pid=$(cat "$1/pooler/pid" 2>/dev/null) && kill "$pid" 2>/dev/null
    for _ in {1..100}; do
        [ -e "$1/pooler/pid" ] || break
        sleep 0.05
    done
    export PGHOST=$1
}
