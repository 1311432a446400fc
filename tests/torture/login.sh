#!/bin/bash
# A storm of logins by token while bans, revocations and returns go on. STORM_SECONDS, STORM_CLIENTS.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/harness/cluster.sh
. tests/harness/cluster.sh
# shellcheck source=tests/harness/tap.sh
. tests/harness/tap.sh
# shellcheck source=tests/harness/fixture.sh
. tests/harness/fixture.sh
# shellcheck source=tests/harness/login.sh
. tests/harness/login.sh

if [ -z "${HARNESS_ROOT-}" ]; then
    echo "run by: make torture"
    exit 2
fi
if ! why=$(login_possible); then
    echo "ok - a storm of logins by token # skipped: $why"
    exit
fi
login_possible
dir=$work/login
login_cluster "$dir" fsync=off max_connections=400 pg_principal.clock_skew=0 || exit 1
cluster_start "$dir" || exit 1
sql postgres "CREATE EXTENSION pg_principal" "CREATE ROLE app LOGIN" "SELECT auth.create_signing_key('ES256')" "SELECT auth.allow_login('app', kind => 'service_account')" >/dev/null
worker_memory() {
    local pid
    pid=$(sql postgres "SELECT pid FROM pg_stat_activity WHERE backend_type = 'pg_principal logins'")
    awk '/^(RssAnon)/ { print $2 }' "/proc/$pid/status"
}
token=$(sql postgres "SELECT auth.push_people('[{\"email\": \"still@example.com\", \"name\": \"S\", \"kind\": \"service_account\"}]')" "SELECT auth.provision()" "SELECT auth.issue('still@example.com')" | tail -n 1)
{ login_as "$token" app postgres "SELECT pg_sleep(${STORM_SECONDS:-600} + 30)"; } >/dev/null &
sleeper=$!
python3 tests/torture/login_storm.py postgres app 127.0.0.1 10 "${STORM_CLIENTS:-200}" 1
before=$(worker_memory)
python3 tests/torture/login_storm.py postgres app 127.0.0.1 "${STORM_SECONDS:-600}" "${STORM_CLIENTS:-200}" 1
after=$(worker_memory)
is "the worker's memory stands still (${before:-none} kB, then ${after:-none} kB)" "$((${after:-99999999} - ${before:-0} < 4096))" 1
kill "$sleeper" 2>/dev/null
wait "$sleeper" 2>/dev/null
# Every cause in every state, alone and beside 64 backends that compute: the table of docs/login.md.
createdb ending
sql ending "CREATE EXTENSION pg_principal" "SELECT auth.create_signing_key('ES256')" "CREATE TABLE activity (owner text)" \
    "CREATE TABLE long AS SELECT n FROM generate_series(1, 100000) AS n" "GRANT SELECT ON activity, long TO app" >/dev/null
createdb -T ending busy
ending() { python3 tests/system/login_ending.py "$@" || echo "not ok - login_ending.py $* ended with $?"; }
ending ending app 127.0.0.1 "${LIMIT_MS:-5000}" all
ending busy app 127.0.0.1 "${LIMIT_MS:-10000}" all busy=64
cluster_stop "$dir" fast
is "no process died" "$(grep -acE 'was terminated by signal|PANIC|TRAP' "$dir/log")" 0
tells_nothing "storm" "$dir/log"

# The same while the worker is killed, which takes the server's other processes along, and while the server restarts.
cluster_set "$dir" restart_after_crash=on
cluster_start "$dir" || exit 1
lost=$((${STORM_SECONDS:-600} / 10))
DISTURBED=1 python3 tests/torture/login_storm.py postgres app 127.0.0.1 "$((3 * lost))" "${STORM_CLIENTS:-200}" 0 &
storm=$!
sleep "$lost"
ok "the worker is killed" kill -KILL "$(sql postgres "SELECT pid FROM pg_stat_activity WHERE backend_type = 'pg_principal logins' AND datname = 'postgres'")"
sleep "$lost"
cluster_stop "$dir" fast
cluster_start "$dir" || exit 1
wait "$storm"
is "one process died, the one that was killed" "$(grep -ac 'was terminated by signal 9' "$dir/log")" 1
