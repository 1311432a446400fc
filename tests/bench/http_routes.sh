#!/bin/bash
# Routes of `pg_principal serve` (the profile, 20 audit entries, the keys, a refresh) against a bare cpp-httplib
# handler with TCP_NODELAY, as many threads and the same pool, in turns. Both get the same request, token and all:
#   time, cpu, p99   the bare handler runs the route's own statement by the same role: what our HTTP costs beside it
#   believed         a superuser's makes one prepared SELECT of the same data for an id that it believes, and instead of a refresh
#                    one durable UPDATE of a row: what the route costs with its verification, binding and answer
#   among_many       the same route among 100,000 principals with 1,000,000 sessions
#   idle             with 500 kept-alive connections beside that ask for nothing
# `time` is requests per second, theirs divided by ours; `cpu` is what a request costs server and database of processor
# time (schedstat), ours divided by theirs, which tells more where other programs run beside. A run goes on beyond its
# time until each connection had ten answers, so that a slow machine does not measure first requests alone. Of all rounds
# each side's best counts: what other programs take from either only adds.
set -u
seconds=${BENCH_SECONDS:-1} rounds=${BENCH_ROUNDS:-5} pool=${BENCH_POOL:-4}
principals=${BENCH_PRINCIPALS:-100000} small=9961 large=9962 bare=9963 believing=9964 failed=0
folder=$(mktemp -d) pids=
ours=$PGDATABASE many=${PGDATABASE}_many
tidy() {
    # shellcheck disable=SC2086
    kill $pids 2>/dev/null
    wait
    rm -rf "$folder"
    psql -Xqd postgres -c "DROP DATABASE IF EXISTS \"$many\" WITH (FORCE)" -c "DROP ROLE IF EXISTS bench_web"
}
trap tidy EXIT

make -s http-peers || exit 1
psql -Xqc "CREATE ROLE bench_web LOGIN IN ROLE authenticator"

fill() { # DATABASE: 64 principals who sign in twice, with 20 audit entries and more each
    psql -XqAt -v ON_ERROR_STOP=1 -d "$1" <<'SQL' >"$folder/$1"
SELECT auth.create_signing_key('ES256') \g /dev/null
SELECT auth.add_user(jsonb_build_object('email', 'bench-' || i || '@example.com', 'firstName', 'Ada')) FROM generate_series(1, 64) AS i \g /dev/null
DO $$
BEGIN
    FOR i IN 1 .. 25 LOOP
        UPDATE auth.users SET job_title = 'number ' || i WHERE email LIKE 'bench-%';
    END LOOP;
END $$;
CREATE TABLE bench_bare (id int PRIMARY KEY, hash bytea NOT NULL, at timestamptz NOT NULL) WITH (fillfactor = 60);
INSERT INTO bench_bare SELECT i, sha256(i::text::bytea), now() FROM generate_series(1, 64) AS i;
SELECT concat_ws(' ', s->>'accessToken', s->>'refreshToken', id)
FROM (SELECT (auth.start_session(u, NULL)).payload->'tokens' AS s, u.id FROM auth.users u ORDER BY u.created_at OFFSET 0) AS t;
SQL
    cut -d ' ' -f 1 "$folder/$1" >"$folder/access-$1"
}
crowd() { # as if they had come in the course of time: the audit of each has an entry
    psql -Xq -v ON_ERROR_STOP=1 -v n="$principals" -d "$1" <<'SQL'
INSERT INTO auth.users (email, first_name) SELECT 'crowd-' || i || '@example.com', 'Ada' FROM generate_series(1, :n) AS i;
INSERT INTO auth.sessions (id, user_id, generation, origin, created_at, expires_at, ip, user_agent)
SELECT gen_random_uuid(), u.id, u.session_generation, 'sign_in', now(), 'infinity', '192.0.2.1', 'bench'
FROM auth.users u, generate_series(1, 10) AS i WHERE u.email LIKE 'crowd-%';
INSERT INTO auth.refresh_tokens (session_id, hash, created_at, expires_at)
SELECT s.id, sha256(s.id::text::bytea), now(), now() + interval '7 days' FROM auth.sessions s WHERE s.user_agent = 'bench';
VACUUM ANALYZE;
CHECKPOINT;
SQL
}
serve() { # DATABASE PORT
    PGUSER=bench_web PGDATABASE=$1 "$PG_PRINCIPAL" serve --listen "127.0.0.1:$2" --access-log off --pool-size "$pool" --rate-limit 0 \
        --max-requests 1000000000 2>/dev/null &
    pids+=" $!"
}
psql -Xqc "CREATE DATABASE \"$many\"" && psql -Xqd "$many" -c "CREATE EXTENSION pg_principal" || exit 1
fill "$ours" && psql -Xqd "$ours" -c "VACUUM ANALYZE" || exit 1
fill "$many" || exit 1
SECONDS=0
crowd "$many" || exit 1
printf '   %s principals, %s sessions made in %s s\n' "$principals" $((principals * 10)) $SECONDS
serve "$ours" $small
small_pid=$!
serve "$many" $large
large_pid=$!
id=$(head -n 1 "$folder/$ours" | cut -d ' ' -f 3)
PGUSER=bench_web build/http/bare_httplib $bare "$pool" 256 &
bare_pid=$!
build/http/bare_httplib $believing "$pool" 256 "$id" &
believing_pid=$!
pids+=" $bare_pid $believing_pid"
sleep 2

sessions() { # DATABASE: refresh tokens of new sessions, as the last round's are used up
    psql -XqAtd "$1" -c "SELECT (auth.start_session(u, NULL)).payload->'tokens'->>'refreshToken' FROM auth.users u,
        generate_series(1, 4) WHERE u.email LIKE 'bench-%'" >"$folder/refresh-$1"
}
ask() { # DATABASE PORT PATH ROUTE CONNECTIONS
    case $4 in
    refresh) sessions "$1" && build/http/http_load refresh "$2" "$3" "$5" "$seconds" "$folder/refresh-$1" ;;
    keys) build/http/http_load get "$2" "$3" "$5" "$seconds" ;;
    *) build/http/http_load get "$2" "$3" "$5" "$seconds" "$folder/access-$1" ;;
    esac
}
worked() { # PID DATABASE USER: processor time of a server and of its connections, in microseconds
    local pid
    for pid in "$1" $(psql -XqAtd postgres -c "SELECT pid FROM pg_stat_activity WHERE datname = '$2' AND usename = '$3'"); do
        cat "/proc/$pid/task/"*/schedstat
    done | awk '{ sum += $1 } END { printf "%.0f", sum / 1000 }'
}
# What `ask` prints, and the microseconds that each answer cost.
costing() { # PID USER DATABASE ..
    local before line of=("$1" "$3" "$2")
    shift 2
    before=$(worked "${of[@]}")
    line=$(ask "$@")
    echo "$line $(awk -v t=$(($(worked "${of[@]}") - before)) '{ print $5 ? t / $5 : 0 }' <<<"$line")"
}
best() { sort -n | if [ "$1" = least ]; then head -n 1; else tail -n 1; fi; } # of what the rounds had
ratio() { # NAME LIMIT MOST|LEAST A B: the best of column A by that of column B
    local a b
    a=$(awk -v c="$4" '$c > 0 { print $c }' <<<"$lines" | best "$3")
    b=$(awk -v c="$5" '$c > 0 { print $c }' <<<"$lines" | best "$3")
    at_most "$1" "$2" "$(awk -v a="$a" -v b="$b" 'BEGIN { print (b > 0 ? a / b : 0) }')"
}
at_most() { # NAME LIMIT VALUE
    printf 'ratio %s %.2f (at most %s)\n' "$1" "$3" "$2"
    awk -v v="$3" -v l="$2" 'BEGIN { exit !(v > 0 && v <= l) }' || failed=1
}
declare -A paths=([user]=/auth/v1/user [audits]=/api/users/me/audits [keys]=/.well-known/jwks.json [refresh]=/api/auth/refresh)
declare -A believed=([user]=2 [audits]=1.25 [keys]=1.1 [refresh]=5)

for route in ${BENCH_ROUTES:-user audits keys refresh}; do
    for connections in ${BENCH_CONNECTIONS:-1 8 64 256}; do
        lines=$(for ((i = 0; i < rounds; ++i)); do
            echo "$(costing "$small_pid" bench_web "$ours" $small "${paths[$route]}" "$route" "$connections")" \
                "$(costing "$bare_pid" bench_web "$ours" $bare "/same/$route" "$route" "$connections")" \
                "$(costing "$large_pid" bench_web "$many" $large "${paths[$route]}" "$route" "$connections")" \
                "$(costing "$believing_pid" postgres "$ours" $believing "/believed/$route" "$route" "$connections")"
        done)
        awk '{ printf "   ours %d/s, p99 %d us, slowest %s, %d us of cpu; bare, same statement %d/s, p99 %d us, %d us; believed %d/s, p99 %d us, %d us; ours among many %d/s, %d us%s\n",
            $1, $2, $3, $6, $7, $8, $12, $19, $20, $24, $13, $18, $4 + $10 + $16 + $22 ? "; NOT 200: " $4 + $10 + $16 + $22 : "" }' <<<"$lines"
        name=http_${route}_$connections
        ratio "${name}_time" 1.1 most 7 1
        ratio "${name}_cpu" 1.1 least 6 12
        ratio "${name}_p99" 1.5 least 2 8
        ratio "${name}_believed_time" "${believed[$route]}" most 19 1
        ratio "${name}_believed_cpu" "${believed[$route]}" least 6 24
        at_most "${name}_fastest_to_slowest" 3 "$(awk '{ print ($3 > 0 ? 1 / $3 : 1000) }' <<<"$lines" | best least)"
        ratio "${name}_among_many" 1.11 most 1 13
        ratio "${name}_among_many_cpu" 1.11 least 18 6
        awk '$4 + $16 { exit 1 }' <<<"$lines" || failed=1
    done
done

lines=$(for ((i = 0; i < rounds; ++i)); do
    quiet=$(ask "$ours" $small "${paths[user]}" user 8)
    build/http/http_load idle $small /health 500 4 >/dev/null &
    idle=$!
    sleep 2
    echo "$quiet $(ask "$ours" $small "${paths[user]}" user 8)"
    wait $idle
done)
awk '{ printf "   8 connections %d/s, p99 %d us; with 500 idle ones beside %d/s, p99 %d us\n", $1, $2, $6, $7 }' <<<"$lines"
# The median of the rounds: one in which somebody waited for a thread is no better for the others.
at_most http_user_8_idle 1.2 "$(awk '{ print ($6 > 0 ? $1 / $6 : 1000) }' <<<"$lines" | sort -n | sed -n "$(((rounds + 1) / 2))p")"
at_most http_user_8_idle_worst 3 "$(awk '{ print ($6 > 0 ? $1 / $6 : 1000) }' <<<"$lines" | best most)"
for pid in $pids; do
    at_most "http_memory_of_$(cat "/proc/$pid/comm")_mib" 64 "$(awk '/^VmHWM/ { print $2 / 1024 }' "/proc/$pid/status")"
done
exit $failed
