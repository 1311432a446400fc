#!/usr/bin/env bash
# Connections per second with a token by PAM, against scram-sha-256 on the same server, over TLS, by 1 and by 16
# clients: goal, at least as many. And what a connection keeps in memory: goal, at most 64 KiB above one by
# SCRAM. One by PAM's own pam_permit, whose service the server does not know, is printed beside.
set -euo pipefail
# shellcheck source=tests/harness/cluster.sh
. tests/harness/cluster.sh
# shellcheck source=tests/harness/login.sh
. tests/harness/login.sh
if ! why=$(login_possible); then
    echo "no logins by token here: $why"
    exit
fi
login_possible
dir=$work/login
login_cluster "$dir" max_connections=100
printf '%s required pam_permit.so\n' auth account >"$login_services/permit"
sed -i '1i host all permit 127.0.0.1/32 pam pamservice=permit' "$dir/data/pg_hba.conf"
cluster_start "$dir"
password='Th1sIsAStrong!Pass'
psql -XqAt -v ON_ERROR_STOP=1 >/dev/null <<SQL
CREATE ROLE app LOGIN;
CREATE ROLE permit LOGIN;
CREATE ROLE scram LOGIN PASSWORD '$password';
CREATE EXTENSION pg_principal;
SELECT auth.create_signing_key('ES256');
SELECT auth.push_people('[{"email": "agent@example.com", "name": "Agent", "kind": "service_account"}]');
SELECT auth.provision();
SELECT auth.allow_login('app', kind => 'service_account');
CREATE TABLE plain AS SELECT generate_series(1, 100) AS n;
GRANT SELECT ON plain TO app, scram;
SQL
token=$(psql -XqAt -c "SELECT auth.issue('agent@example.com')")
echo "SELECT 1" >"$dir/one.sql"
rate() { # ROLE PASSWORD CLIENTS
    PGPASSWORD=$2 PGSSLMODE=require "$PG_BIN/pgbench" -n -C -c "$3" -j 2 -T "${BENCH_SECONDS:-4}" -h 127.0.0.1 -U "$1" -f "$dir/one.sql" postgres |
        sed -n 's/^tps = \([0-9.]*\).*/\1/p'
}
failed=0
for clients in 1 16; do
    ratios=()
    for _ in 1 2 3; do # side by side: the machine may be doing something else
        scram=$(rate scram "$password" "$clients") ours=$(rate app "$token" "$clients")
        echo "  $clients clients: $scram connections a second by scram-sha-256, $ours by token"
        ratios+=("$(awk -v a="$scram" -v b="$ours" 'BEGIN { printf "%.2f", a / b }')")
    done
    ratio=$(printf '%s\n' "${ratios[@]}" | sort -n | sed -n 2p)
    echo "ratio connection_by_token_$clients $ratio (at most 1.00)"
    awk -v r="$ratio" 'BEGIN { exit r > 1 }' || failed=1
done

read -r ours scram < <(PGPASSWORD_app=$token PGPASSWORD_scram=$password python3 tests/bench/first_statement.py 127.0.0.1 "$LOGIN_PORT")
echo "  the first statement of a connection: $scram us of the backend by scram-sha-256, $ours us by token"
ratio=$(awk -v a="$scram" -v b="$ours" 'BEGIN { printf "%.2f", b / a }')
echo "ratio first_statement_by_token $ratio (at most 1.00)"
awk -v r="$ratio" 'BEGIN { exit r > 1 }' || failed=1

# What 16 idle connections of each kind have for themselves, after one statement.
hold() { # ROLE PASSWORD
    for _ in {1..16}; do
        PGPASSWORD=$2 PGSSLMODE=require psql -XqAtw -h 127.0.0.1 -U "$1" -d postgres -c "SELECT 1" -c "SELECT pg_sleep(3600)" >/dev/null 2>&1 &
    done
}
kib() { # ROLE: the median of their anonymous memory
    local pid
    for pid in $(psql -XqAt -d postgres -c "SELECT pid FROM pg_stat_activity WHERE usename = '$1'"); do
        awk '/^Pss_Anon:/ { print $2 }' "/proc/$pid/smaps_rollup"
    done | sort -n | sed -n 8p
}
hold scram "$password"
hold permit anything
hold app "$token"
for _ in {1..300}; do
    [ "$(psql -XqAt -d postgres -c "SELECT count(*) FROM pg_stat_activity WHERE usename IN ('app', 'scram', 'permit') AND query ~ '^SELECT pg_sleep'")" != 48 ] || break
    sleep 0.1
done
scram=$(kib scram) permit=$(kib permit) ours=$(kib app)
echo "  $scram KiB for a connection by scram-sha-256, $permit KiB by PAM, $ours KiB by token, and the ${#token} bytes of the token in shared memory"
psql -XqAt -d postgres -c "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename IN ('app', 'scram', 'permit')" >/dev/null
wait
ratio=$(awk -v a="$scram" -v b="$ours" 'BEGIN { printf "%.2f", (b - a) / 64 }')
echo "ratio memory_of_a_connection_above_scram_in_64_KiB $ratio (at most 1.00)"
awk -v r="$ratio" 'BEGIN { exit r > 1 }' || failed=1
exit $failed
