#!/usr/bin/env bash
# 64 clients of 1,000 principals over pgbouncer (transaction mode, 10 connections to the server), with 200 sign-ins and
# as many sign-outs a second beside them against without, in requests per second and in CPU time of the pooled backends
# for each (schedstat), beside the last build whose every revocation emptied what all backends remembered. A sign-in is
# what follows the password: Argon2id for 200 a second takes more cores than there are. Goal: at least 0.8 of the
# requests. BEFORE=commit: another build. BENCH_RATE=200, BENCH_SECONDS=5.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/harness/cluster.sh
. tests/harness/cluster.sh
# shellcheck source=tests/harness/before.sh
. tests/harness/before.sh
# shellcheck source=tests/harness/pooler.sh
. tests/harness/pooler.sh
seconds=${BENCH_SECONDS:-5} rate=${BENCH_RATE:-200}
declare -A direct
at_exit() { for build in before now; do pgbouncer_stop "$work/pooled-$build/ini"; done; }
cluster_before "${BEFORE:-aab148a66b470912ac78668f9c61e5986de0e5e0}"
direct=([before]=$BEFORE_CONNINFO [now]=$NOW_CONNINFO)

cat >"$work/request.sql" <<'SQL'
\set n random(1, 1000)
\set id :n + 1000 * random(0, 9)
BEGIN;
SELECT set_config('pg_principal.token', token, true) IS NULL FROM bench_callers WHERE n = :n;
SELECT body FROM bench_rows WHERE id = :id;
COMMIT;
SQL
cat >"$work/sign_in_out.sql" <<'SQL'
\set n random(1, 1000)
SELECT (auth.start_session(u, NULL)).payload->'tokens'->>'accessToken' AS token FROM auth.users u JOIN bench_callers c USING (id) WHERE c.n = :n \gset
BEGIN;
SELECT set_config('pg_principal.token', :token, true) IS NULL;
SELECT (auth.sign_out('local')).status;
COMMIT;
SQL
for build in before now; do
    psql -X -q -d "${direct[$build]}" -v ON_ERROR_STOP=1 >/dev/null <<'SQL'
SET client_min_messages = warning;
SELECT auth.create_signing_key('ES256');
SELECT auth.push_people((SELECT jsonb_agg(jsonb_build_object('email', 'p' || n || '@example.com', 'name', 'P')) FROM generate_series(1, 1000) AS n));
SELECT auth.provision();
CREATE TABLE bench_callers (n int PRIMARY KEY, id uuid, token text);
INSERT INTO bench_callers SELECT row_number() OVER (), id, auth.issue(email) FROM auth.users;
CREATE TABLE bench_rows (id int PRIMARY KEY, owner uuid NOT NULL, body text NOT NULL);
INSERT INTO bench_rows SELECT n + 1000 * i, id, repeat('x', 100) FROM bench_callers, generate_series(0, 9) AS i;
CREATE INDEX ON bench_rows (owner);
SELECT auth.clamp('bench_rows', 'owner');
CREATE ROLE bench_pooled LOGIN IN ROLE authenticated;
GRANT SELECT ON bench_callers, bench_rows TO bench_pooled;
VACUUM ANALYZE;
SQL
    dir=$work/pooled-$build
    mkdir -p "$dir"
    [ "$(id -u)" != 0 ] || chown postgres: "$dir"
    {
        printf '[databases]\nbench = %s\n[pgbouncer]\n' "${direct[$build]/user=postgres /}"
        printf '%s\n' "unix_socket_dir = $dir" "listen_port = 6432" "auth_type = trust" "auth_file = $dir/users" "pool_mode = transaction" \
            "default_pool_size = 10" "max_client_conn = 200" "logfile = $dir/log" "pidfile = $dir/pid"
    } >"$dir/ini"
    printf '"bench_pooled" ""\n' >"$dir/users"
    pgbouncer_start "$dir/ini"
done

pooled_cpu() { # BUILD: nanoseconds that the pooled backends have run
    psql -XAtq -d "${direct[$1]}" -c "SELECT pid FROM pg_stat_activity WHERE usename = 'bench_pooled'" |
        while read -r pid; do cut -d ' ' -f 1 "/proc/$pid/schedstat"; done | awk '{ sum += $1 } END { printf "%.0f\n", sum }'
}
measure() { # BUILD: requests per second, and nanoseconds of CPU for each
    local begun spent
    begun=$(pooled_cpu "$1")
    "$PG_BIN/pgbench" -n -M simple -c 64 -j 1 -T "$seconds" -U bench_pooled -h "$work/pooled-$1" -p 6432 -f "$work/request.sql" bench >"$work/pgbench.out"
    spent=$(($(pooled_cpu "$1") - begun))
    awk -v spent="$spent" '/^tps/ { tps = $3 } /^number of transactions actually/ { n = $NF } /^number of failed transactions: [1-9]/ { tps = 0 } END { print tps, spent / n }' "$work/pgbench.out"
}
for build in before now; do
    measure "$build" >/dev/null # connections, tokens seen once
done
for _ in 1 2 3; do
    for build in before now; do
        echo "$build without $(measure "$build") 0"
        "$PG_BIN/pgbench" -n -M extended -c 8 -j 1 -R "$rate" -T $((seconds + 2)) -f "$work/sign_in_out.sql" "${direct[$build]}" >"$work/beside.out" 2>&1 &
        beside=$!
        sleep 1
        rates=$(measure "$build")
        wait "$beside"
        echo "$build with $rates $(awk '/^tps/ { print $3 }' "$work/beside.out")"
    done
done | awk '
    { key = $1 " " $2; n[key]++; tps[key, n[key]] = $3; cpu[key, n[key]] = $4; beside[key, n[key]] = $5 }
    function median(v, k,   a, b, c) {
        a = v[k, 1]; b = v[k, 2]; c = v[k, 3]
        return a > b ? (b > c ? b : (a > c ? c : a)) : (a > c ? a : (b > c ? c : b))
    }
    END {
        for (i = split("before now", builds, " "); i > 0; --i) {
            b = builds[i]; without = b " without"; with = b " with"
            printf "pooled, %s: %.0f requests/s without, %.0f beside %.0f sign-ins and sign-outs/s; ratio %.2f (goal: at least 0.8); CPU of a request %.0f us without, %.0f us beside; ratio %.2f\n",
                b, median(tps, without), median(tps, with), median(beside, with), median(tps, with) / median(tps, without),
                median(cpu, without) / 1000, median(cpu, with) / 1000, median(cpu, with) / median(cpu, without)
        }
    }'
