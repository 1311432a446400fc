#!/bin/bash
# Bans, revocations, unbans, key changes and rollbacks at random, several backends that ask all the while,
# and a model of who ought to be alive: several_backends.py. The primary and its logical subscriber have no
# shared_preload_libraries, the standby has. SEED=n runs the same again; LIMIT seconds (20).
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/harness/cluster.sh
. tests/harness/cluster.sh
# shellcheck source=tests/harness/tap.sh
. tests/harness/tap.sh

at() { # DIR: how libpq finds it
    echo "host=$1 port=$(sed -n 4p "$1/data/postmaster.pid") user=postgres dbname=postgres"
}
primary=$work/primary standby=$work/standby subscriber=$work/subscriber
cluster_create "$primary" fsync=off shared_preload_libraries= || exit 1
cluster_start "$primary" || exit 1
psql -Xq -v ON_ERROR_STOP=1 -c "CREATE EXTENSION pg_principal" || exit 1
mkdir -p "$standby" && chmod 700 "$standby"
[ "$(id -u)" != 0 ] || chown postgres: "$standby"
(cd "$standby" && as_server "$PG_BIN/pg_basebackup" -d "$(at "$primary")" -D "$standby/data" -R -c fast) || exit 1
cluster_set "$standby" unix_socket_directories="$standby" hot_standby=on cluster_name=near shared_preload_libraries=pg_principal
cluster_start "$standby" || exit 1
cluster_create "$subscriber" fsync=off shared_preload_libraries= || exit 1
cluster_start "$subscriber" || exit 1
psql -Xq -v ON_ERROR_STOP=1 -c "CREATE EXTENSION pg_principal" || exit 1
psql -Xq -d "$(at "$primary")" -c "CREATE PUBLICATION identities FOR TABLE auth.users, auth.sessions, auth.signing_keys" || exit 1
psql -Xq -c "CREATE SUBSCRIPTION identities CONNECTION '$(at "$primary")' PUBLICATION identities WITH (synchronous_commit = 'on')" 2>"$work/subscription.log" ||
    { cat "$work/subscription.log" && exit 1; }
for _ in {1..300}; do
    [ "$(psql -XqAt -c "SELECT count(*) = 3 AND bool_and(srsubstate = 'r') FROM pg_subscription_rel")" != t ] || break
    sleep 0.1
done
# A commit waits until both have applied it.
psql -Xq -d "$(at "$primary")" -c "ALTER SYSTEM SET synchronous_standby_names = '2 (near, identities)'" \
    -c "ALTER SYSTEM SET synchronous_commit = 'remote_apply'" -c "SELECT pg_reload_conf()" >/dev/null || exit 1

seed=${SEED:-$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')}
echo "# SEED=$seed"
PYTHONPATH=tests/harness python3 tests/system/several_backends.py "$seed" "${LIMIT:-20}" "$(at "$primary")" "$(at "$standby")" "$(at "$subscriber")"
status=$?
psql -Xq -c "ALTER SUBSCRIPTION identities DISABLE" -c "ALTER SUBSCRIPTION identities SET (slot_name = NONE)" -c "DROP SUBSCRIPTION identities"
exit $status
