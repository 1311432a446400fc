#!/bin/bash
# What the console's page of agents asks of the API, with 100 agents and with 10,000, in turns: processor time of the server and of
# its connections for an answer (schedstat), goal: at most twice. Each agent has a token that ends in one of the next 365 days and
# has signed in; one in twenty was refused, another one in twenty has let its token lapse: so what the page
# shows has grown with the agents, too. `second` is the page that comes after the first by its cursor.
set -u
rounds=${BENCH_ROUNDS:-5} failed=0
folder=$(mktemp -d) pids=
few=$PGDATABASE many=${PGDATABASE}_many
tidy() {
    # shellcheck disable=SC2086
    kill $pids 2>/dev/null
    wait
    rm -rf "$folder"
    psql -Xqd postgres -c "DROP DATABASE IF EXISTS \"$many\" WITH (FORCE)" -c "DROP ROLE IF EXISTS bench_page"
}
trap tidy EXIT
psql -Xqc "CREATE ROLE bench_page LOGIN IN ROLE authenticator" -c "CREATE DATABASE \"$many\"" &&
    psql -Xqd "$many" -c "CREATE EXTENSION pg_principal" || exit 1

fill() { # DATABASE AGENTS: prints an auditor's token
    psql -XqAt -v ON_ERROR_STOP=1 -v n="$2" -d "$1" <<'SQL'
SELECT auth.create_signing_key('ES256') \g /dev/null
SELECT auth.push_people((SELECT jsonb_agg(jsonb_build_object('email', 'worker-' || i || '@example.com', 'name', 'Worker ' || i,
    'kind', 'service_account')) FROM generate_series(1, :n) AS i)) \g /dev/null
SELECT auth.provision() \g /dev/null
SELECT auth.add_user('{"email": "auditor@example.com", "role": "AUDITOR"}') \g /dev/null
CREATE TEMP TABLE numbered AS SELECT u.*, row_number() OVER (ORDER BY u.email COLLATE "C")::int AS n FROM auth.users u WHERE kind = 'service_account';
SELECT auth.issue(n.email, 24 * (1 + n.n * 7 % 365) || 'h') FROM numbered n \g /dev/null
SELECT auth.start_session(u, NULL) FROM auth.users u WHERE kind = 'service_account' \g /dev/null
SELECT auth.refuse_refresh(u, 'expired', '{}') FROM auth.users u JOIN numbered n USING (id) WHERE n.n % 20 = 1 \g /dev/null
UPDATE auth.sessions s SET expires_at = now() - interval '1 hour' FROM numbered n WHERE n.id = s.user_id AND s.origin = 'issued' AND n.n % 20 = 3;
SELECT count(*) FROM auth.scan_agent_health() \g /dev/null
VACUUM ANALYZE;
SELECT (auth.start_session(u, NULL)).payload->'tokens'->>'accessToken' FROM auth.users u WHERE email = 'auditor@example.com';
SQL
}
make -s http-peers || exit 1
serve() { # DATABASE PORT
    PGUSER=bench_page PGDATABASE=$1 "$PG_PRINCIPAL" serve --listen "127.0.0.1:$2" --access-log off --pool-size 1 --rate-limit 0 \
        --max-requests 1000000000 2>/dev/null &
    pids+=" $!"
    server=$!
}
declare -A token pid port=([few]=9971 [many]=9972) database=([few]=$few [many]=$many)
for side in few many; do
    SECONDS=0
    token[$side]=$folder/$side
    fill "${database[$side]}" "$([ $side = few ] && echo 100 || echo "${BENCH_AGENTS:-10000}")" >"${token[$side]}" || exit 1
    serve "${database[$side]}" "${port[$side]}"
    pid[$side]=$server
    echo "   $side: filled in $SECONDS s"
done
sleep 2

worked() { # SIDE: microseconds of the server and of its connections
    local each
    for each in "${pid[$1]}" $(psql -XqAtd postgres -c "SELECT pid FROM pg_stat_activity
        WHERE datname = '${database[$1]}' AND usename = 'bench_page'"); do
        cat "/proc/$each/task/"*/schedstat
    done | awk '{ sum += $1 } END { printf "%.0f", sum / 1000 }'
}
costs() { # SIDE PATH: microseconds for an answer; fails when one is not 200
    local before line
    before=$(worked "$1")
    line=$(build/http/http_load get "${port[$1]}" "$2" 1 "${BENCH_SECONDS:-1}" "${token[$1]}")
    awk -v worked=$(($(worked "$1") - before)) '{ print ($5 ? worked / $5 : 0); exit $4 > 0 || !$5 }' <<<"$line"
}
next() { # SIDE: the cursor of the second page, as a query has it
    curl -sS --noproxy 127.0.0.1 -H "Authorization: Bearer $(cat "${token[$1]}")" "http://127.0.0.1:${port[$1]}/api/agents?limit=20" |
        jq -r '.nextCursor | @uri'
}
declare -A second
for side in few many; do second[$side]="/api/agents?limit=20&cursor=$(next $side)"; done
least() { sort -g | head -n 1; }
for request in status=/api/health/status agents=/api/agents?limit=20 second= expiries=/api/tokens/expiries?days=90 \
    refusals=/api/refusals?hours=168 incidents=/api/health/incidents?limit=10; do
    name=${request%%=*}
    for side in few many; do
        [ "$name" = second ] && path=${second[$side]} || path=${request#*=}
        costs $side "$path" >/dev/null # plans and pages are there
    done
    for _ in $(seq "$rounds"); do
        for side in few many; do
            [ "$name" = second ] && path=${second[$side]} || path=${request#*=}
            costs $side "$path" >>"$folder/$name-$side" || { echo "$name: an answer was not 200" && failed=1; }
        done
    done
    awk -v name="$name" -v few="$(least <"$folder/$name-few")" -v many="$(least <"$folder/$name-many")" 'BEGIN {
        printf "   %s: %.0f us with 100 agents, %.0f with 10,000\n", name, few, many
        printf "ratio agents_page_%s %.2f (at most 2)\n", name, (few > 0 ? many / few : 0)
        exit !(few > 0 && many > 0 && many <= 2 * few)
    }' || failed=1
done
exit $failed
