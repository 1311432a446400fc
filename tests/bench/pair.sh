#!/usr/bin/env bash
# A primary and a standby with an HTTP server on each against the primary and its server alone: verified requests per
# second. Each machine is one core here, with its database, its HTTP server and its share of the load.
# Goal: the pair serves at least 1.7 times as many.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/harness/cluster.sh
. tests/harness/cluster.sh
seconds=${BENCH_SECONDS:-5}
if [ "$(nproc)" -lt 2 ]; then
    echo "pair: this needs two cores"
    exit 1
fi
database=$PGDATABASE primary=$PGHOST standby=$work/standby
servers=()
at_exit() {
    [ ${#servers[@]} = 0 ] || kill "${servers[@]}" 2>/dev/null || true
    taskset -apc "0-$(($(nproc) - 1))" "$(head -n 1 "$primary/data/postmaster.pid")" >/dev/null # for the benches after this
}

psql -X -q -v ON_ERROR_STOP=1 >/dev/null <<'SQL'
SELECT auth.create_signing_key('ES256');
SELECT auth.add_user(jsonb_build_object('email', 'p' || i || '@example.com', 'kind', 'service_account')) FROM generate_series(1, 100) AS i;
CREATE ROLE bench_pair LOGIN IN ROLE authenticator;
SQL
token=$(psql -X -qAt -c "SELECT (auth.start_session(u, NULL)).payload->'tokens'->>'accessToken' FROM auth.users u LIMIT 1")

mkdir -p "$standby" && chmod 700 "$standby"
[ "$(id -u)" != 0 ] || chown postgres: "$standby"
(cd "$standby" && as_server "$PG_BIN/pg_basebackup" -h "$primary" -p "$PGPORT" -U postgres -D "$standby/data" -R --checkpoint=fast)
cluster_set "$standby" unix_socket_directories="$standby"
cluster_start "$standby"

# MACHINE CORE PORT: its database and its HTTP server, on that core alone
machine() {
    taskset -apc "$2" "$(head -n 1 "$1/data/postmaster.pid")" >/dev/null
    PGHOST=$1 PGUSER=bench_pair PGDATABASE=$database taskset -c "$2" "$PG_PRINCIPAL" serve \
        --listen "127.0.0.1:$3" --access-log off --pool-size 2 --max-requests 1000000000 2>/dev/null &
    servers+=($!)
    for _ in {1..100}; do
        ! curl -sf "http://127.0.0.1:$3/ready" >/dev/null || return 0
        sleep 0.1
    done
    echo "pair: the server on port $3 is not ready" && exit 1
}
machine "$primary" 0 39801
machine "$standby" 1 39802

load() { # CORE PORT: requests per second that were answered 200
    taskset -c "$1" wrk -t1 -c8 -d"${seconds}s" -H "Authorization: Bearer $token" "http://127.0.0.1:$2/auth/v1/user" |
        awk '/Non-2xx/ { bad = 1 } /^Requests\/sec/ { rate = $2 } END { print bad ? 0 : rate }'
}
for _ in 1 2 3; do
    echo "one $(load 0 39801)"
    load 0 39801 >"$work/pair.rate" &
    other=$(load 1 39802)
    wait $!
    echo "pair $(<"$work/pair.rate") $other"
done | awk '
    $1 == "one" { one[++n] = $2 }
    $1 == "pair" { pair[n] = $2 + $3; if (!$2 || !$3) pair[n] = 0 }
    function median(v) { return v[1] > v[2] ? (v[2] > v[3] ? v[2] : (v[1] > v[3] ? v[3] : v[1])) : (v[1] > v[3] ? v[1] : (v[2] > v[3] ? v[3] : v[2])) }
    END {
        printf "pair: %.0f verified requests/s on one machine of one core, %.0f on a primary and a standby; ratio %.2f (goal: at least 1.7)\n", median(one), median(pair), median(pair) / median(one)
        exit median(pair) < 1.7 * median(one)
    }'
