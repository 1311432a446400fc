#!/bin/bash
# A server that has counted its transactions to 2^32: what was made before has ids that seem to be of the future.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/harness/cluster.sh
. tests/harness/cluster.sh
# shellcheck source=tests/harness/tap.sh
. tests/harness/tap.sh

if [ -z "${HARNESS_ROOT-}" ]; then
    echo "run by: make test ONLY=system"
    exit 2
fi
dir=$work/wraparound
cluster_create "$dir" fsync=off autovacuum=off || exit 1
sql() { psql -XAtq -v ON_ERROR_STOP=1 "${@/#/-c}" 2>&1; }
freeze() {
    local database
    sql "ALTER DATABASE template0 ALLOW_CONNECTIONS true"
    for database in template0 template1 postgres; do
        PGDATABASE=$database sql "VACUUM FREEZE"
    done
    sql CHECKPOINT
}
count_on() { # XID [option..]: the server is stopped; the next transaction has this id
    local xid=$1 segment
    shift
    segment=$(printf '%04X' $((xid / 32768 / 32)))
    (cd "$dir" && as_server "$PG_BIN/pg_resetwal" -x "$xid" "$@" -D "$dir/data") &&
        as_server dd if=/dev/zero of="$dir/data/pg_xact/$segment" bs=8192 count=32 status=none
}
{
    cluster_start "$dir" && freeze && cluster_stop "$dir" fast && count_on 300000000 && cluster_start "$dir"
    sql "CREATE SCHEMA auth"
    freeze && cluster_stop "$dir" fast && count_on 1048576 -e 1 && cluster_start "$dir"
} >"$dir/setup.log" 2>&1
is "the schema's id is above those of now" "$(sql "SELECT xmin::text::bigint > txid_current() & 4294967295 FROM pg_namespace WHERE nspname = 'auth'")" t
is "the extension is made in such a schema" "$(sql "CREATE EXTENSION pg_principal" "SELECT count(*) FROM auth.users")" 0
sql "DROP EXTENSION pg_principal" "DROP SCHEMA IF EXISTS auth" "ALTER DEFAULT PRIVILEGES GRANT ALL ON SCHEMAS TO PUBLIC" >/dev/null
is "and in one that default privileges open while it is made" "$(sql "CREATE EXTENSION pg_principal" "SELECT count(*) FROM auth.users")" 0
