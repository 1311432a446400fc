#!/bin/bash
# Routes of `pg_principal serve` against a bare cpp-httplib handler (TCP_NODELAY, 64 threads, the same
# pool) that makes one prepared SELECT of the same data for an id that it believes: of the profile, of
# 20 audit entries, of the keys; a refresh against one durable UPDATE. Then the same routes among
# 100,000 principals with 1,000,000 sessions against the small database. In turns, each round's ratio
# on its own, the median counts. `time` is requests per second, theirs divided by ours; `cpu` is what a
# request costs server and database of processor time, ours divided by theirs, which tells more where
# other programs run beside.
set -u
seconds=${BENCH_SECONDS:-2} rounds=${BENCH_ROUNDS:-3} pool=${BENCH_POOL:-4}
principals=${BENCH_PRINCIPALS:-100000} small=9961 large=9962 bare=9963 failed=0
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
build/http/bare_httplib $bare "$pool" 64 \
    /user "SELECT to_jsonb(u) - 'encrypted_password' FROM auth.users u WHERE u.id = \$1::uuid" \
    /audits "SELECT jsonb_agg(to_jsonb(l) ORDER BY l.seq DESC) FROM (SELECT o.*, a.first_name, a.last_name FROM auth.audit_log o
        LEFT JOIN auth.users a ON a.id = o.actor_id WHERE o.user_id = \$1::uuid ORDER BY o.seq DESC LIMIT 20) AS l" \
    /keys "SELECT jsonb_agg(k.public_jwk) FROM auth.signing_keys k WHERE k.state <> 'revoked' AND \$1 = ''" \
    /update "UPDATE bench_bare SET hash = sha256(hash), at = clock_timestamp() WHERE id = 1 + mod(pg_backend_pid(), 64) AND \$1 <> '' RETURNING hash" &
bare_pid=$!
pids+=" $bare_pid"
sleep 2
id=$(head -n 1 "$folder/$ours" | cut -d ' ' -f 3)

sessions() { # DATABASE: refresh tokens of new sessions, as the last round's are used up
    psql -XqAtd "$1" -c "SELECT (auth.start_session(u, NULL)).payload->'tokens'->>'refreshToken' FROM auth.users u
        WHERE u.email LIKE 'bench-%'" >"$folder/refresh-$1"
}
ask() { # DATABASE PORT ROUTE CONNECTIONS
    case $3 in
    refresh) sessions "$1" && build/http/http_load refresh "$2" /api/auth/refresh "$4" "$seconds" "$folder/refresh-$1" ;;
    keys) build/http/http_load get "$2" /.well-known/jwks.json "$4" "$seconds" ;;
    audits) build/http/http_load get "$2" /api/users/me/audits "$4" "$seconds" "$folder/access-$1" ;;
    user) build/http/http_load get "$2" "${BENCH_USER_ROUTE:-/auth/v1/user}" "$4" "$seconds" "$folder/access-$1" ;;
    esac
}
ask_bare() { # ROUTE CONNECTIONS
    case $1 in
    refresh) build/http/http_load get $bare "/update?id=1" "$2" "$seconds" ;;
    keys) build/http/http_load get $bare "/keys?id=" "$2" "$seconds" ;;
    *) build/http/http_load get $bare "/$1?id=$id" "$2" "$seconds" ;;
    esac
}
ticks() { # PID DATABASE USER: processor time of a server and of its connections, in 10 ms
    local pid sum=0 fields
    for pid in "$1" $(psql -XqAtd postgres -c "SELECT pid FROM pg_stat_activity WHERE datname = '$2' AND usename = '$3'"); do
        read -ra fields <"/proc/$pid/stat"
        sum=$((sum + fields[13] + fields[14]))
    done
    echo "$sum"
}
# What COMMAND prints, and the microseconds that each answer cost.
costing() { # PID DATABASE USER COMMAND..
    local before of=("$1" "$2" "$3") line
    shift 3
    before=$(ticks "${of[@]}")
    line=$("$@")
    echo "$line $(awk -v t=$(($(ticks "${of[@]}") - before)) '{ print $5 ? t * 10000 / $5 : 0 }' <<<"$line")"
}
median() { sort -n | sed -n $((rounds / 2 + 1))p; }
at_most() { # NAME VALUE LIMIT
    printf 'ratio %s %.2f (at most %s)\n' "$@"
    awk -v v="$2" -v l="$3" 'BEGIN { exit !(v > 0 && v <= l) }' || failed=1
}

for route in ${BENCH_ROUTES:-user audits keys refresh}; do
    for connections in 1 8 64; do
        lines=$(for ((i = 0; i < rounds; ++i)); do
            echo "$(costing "$small_pid" "$ours" bench_web ask "$ours" $small "$route" $connections)" \
                "$(costing "$bare_pid" "$ours" postgres ask_bare "$route" $connections)" \
                "$(costing "$large_pid" "$many" bench_web ask "$many" $large "$route" $connections)"
        done)
        awk '{ printf "   ours %d/s, p99 %d us, slowest %s, %d us of cpu; bare %d/s, p99 %d us, %d us; among many %d/s, %d us%s\n",
            $1, $2, $3, $6, $7, $8, $12, $13, $18, $4 + $16 ? "; NOT 200: " $4 + $16 : "" }' <<<"$lines"
        name=http_${route}_$connections
        limit=1.25 tail=2
        [ "$route" != refresh ] || limit=3 tail=4
        at_most "${name}_time" "$(awk '{ print $4 + $16 || !$1 ? 0 : $7 / $1 }' <<<"$lines" | median)" $limit
        at_most "${name}_cpu" "$(awk '{ print $12 ? $6 / $12 : 0 }' <<<"$lines" | median)" $limit
        at_most "${name}_p99" "$(awk '{ print $8 ? $2 / $8 : 0 }' <<<"$lines" | median)" $tail
        at_most "${name}_fastest_to_slowest" "$(awk '{ print ($3 > 0 ? 1 / $3 : 0) }' <<<"$lines" | median)" 4
        at_most "${name}_among_many" "$(awk '{ print $13 ? $1 / $13 : 0 }' <<<"$lines" | median)" 1.11
        at_most "${name}_among_many_cpu" "$(awk '{ print $6 ? $18 / $6 : 0 }' <<<"$lines" | median)" 1.11
    done
done
for pid in $pids; do
    awk -v name="$(cat "/proc/$pid/comm")" '/^VmHWM/ { printf "   %s: at most %.1f MB of memory\n", name, $2 / 1024 }' "/proc/$pid/status"
done
exit $failed
