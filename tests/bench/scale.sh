#!/usr/bin/env bash
# Verification, refresh, ban and health scan among 1,000,000 principals with 5,000,000 sessions, against the same
# among 10,000 with 50,000: goal, at most 1.5 times the cost. 1,000 of the principals are agents in both,
# signed in once and with one issued token each; people have five sessions.
set -euo pipefail
seconds=${BENCH_SECONDS:-5} many=${BENCH_PRINCIPALS:-1000000}
samples=10000 # sessions that are asked for, spread over all of them: ten times what a backend remembers
small=$PGDATABASE large=${PGDATABASE}_large
psql -X -q -c "CREATE DATABASE \"$large\""
# shellcheck disable=SC2317 # called by the trap
drop() { psql -X -q -d postgres -c "DROP DATABASE \"$large\" WITH (FORCE)"; }
trap drop EXIT
psql -X -q -d "$large" -c "CREATE EXTENSION pg_principal"

fill() { # DATABASE PRINCIPALS
    psql -X -q -d "$1" -v ON_ERROR_STOP=1 -v principals="$2" -v samples=$samples >/dev/null <<'SQL'
SET client_min_messages = warning;
SET synchronous_commit = off;
SELECT auth.create_signing_key();
INSERT INTO auth.users (email, kind, created_at)
SELECT 'p' || i || '@example.com', CASE WHEN i <= 1000 THEN 'service_account' ELSE 'person' END, now() - i * interval '1 second'
FROM generate_series(1, :principals) AS i;
INSERT INTO auth.sessions (user_id, origin, expires_at, ip, user_agent)
SELECT u.id, 'sign_in', 'infinity', '192.0.2.1', 'Mozilla/5.0 (X11; Linux x86_64)' FROM auth.users u, generate_series(1, CASE u.kind WHEN 'person' THEN 5 ELSE 1 END);
INSERT INTO auth.sessions (user_id, label, expires_at) SELECT u.id, 'deploy', now() + interval '300 days' FROM auth.users u WHERE u.kind <> 'person';
INSERT INTO auth.refresh_tokens (session_id, hash, created_at, expires_at)
SELECT s.id, sha256(uuid_send(s.id)), now(), now() + interval '7 days' FROM auth.sessions s WHERE s.origin = 'sign_in';
-- The first sign-in makes the key that refresh tokens need.
SELECT auth.start_session(u, NULL) FROM auth.users u LIMIT 1;
CREATE TABLE sample AS
SELECT row_number() OVER () AS n, s.id, auth.mint_token(u, 'authenticated', s.id, extract(epoch FROM now())::bigint, 86400, NULL, 'password', extract(epoch FROM now())::bigint) AS token,
    f.token AS refresh, f.hash, u.email
FROM (SELECT * FROM auth.sessions WHERE origin = 'sign_in' ORDER BY random() LIMIT :samples) AS s JOIN auth.users u ON u.id = s.user_id, auth.first_refresh_token(s.id) AS f;
CREATE UNIQUE INDEX ON sample (n);
UPDATE auth.refresh_tokens r SET hash = s.hash FROM sample s WHERE r.session_id = s.id;
VACUUM (ANALYZE, FREEZE) auth.users, auth.sessions, auth.refresh_tokens, sample;
CREATE FUNCTION bench_scan() RETURNS double precision LANGUAGE plpgsql AS $$
DECLARE
    since timestamptz;
    found bigint;
BEGIN
    PERFORM auth.refuse_refresh(u, 'expired', '{}') FROM auth.users u WHERE u.kind = 'service_account' ORDER BY random() LIMIT 100;
    since := clock_timestamp();
    SELECT count(*) INTO found FROM auth.scan_agent_health();
    RETURN 1000 * extract(epoch FROM clock_timestamp() - since);
END $$;
SELECT bench_scan();
CHECKPOINT;
SQL
}

scripts=$(mktemp -d)
trap 'rm -rf "$scripts"; drop' EXIT
cat >"$scripts/verification" <<'SQL'
\set n random(1, 10000)
SELECT auth.authenticate(token, false) IS NOT NULL FROM sample WHERE n = :n;
SQL
# A token is good for one exchange: each session is asked for once.
cat >"$scripts/refresh" <<'SQL'
SELECT nextval('turn') AS n \gset
SELECT (auth.refresh(refresh)).status FROM sample WHERE n = :n;
SQL
cat >"$scripts/ban" <<'SQL'
SELECT nextval('turn') AS n \gset
SELECT auth.ban(email) FROM sample WHERE n = :n;
SQL

measure() { # WHAT DATABASE: milliseconds for one
    if [ "$1" = scan ]; then
        # on one connection: a new one first touches pages and plans, which says nothing of the scan
        psql -X -qAt -d "$2" -v ON_ERROR_STOP=1 <<<"SELECT bench_scan() FROM generate_series(1, 7)" | sort -g | sed -n 4p
    elif [ "$1" = verification ]; then
        "$PG_BIN/pgbench" -n -M prepared -c 2 -j 2 -T "$seconds" -f "$scripts/$1" "$2" | awk '/^latency average/ { print $4 }'
    else # a quarter of the samples in each run
        "$PG_BIN/pgbench" -n -M prepared -c 2 -j 2 -t $((samples / 8)) -f "$scripts/$1" "$2" | awk '/^latency average/ { print $4 }'
    fi
}

for database in "$small" "$large"; do
    if [ "$database" = "$small" ]; then fill "$database" 10000; else fill "$database" "$many"; fi
    psql -X -q -d "$database" -c "CREATE SEQUENCE turn"
done
psql -X -qAt -d "$large" -c "SELECT format('scale: %s principals, %s sessions, %s', (SELECT count(*) FROM auth.users),
    (SELECT count(*) FROM auth.sessions), pg_size_pretty(pg_database_size(current_database())))"
over=0
for what in ${BENCH_WHAT:-verification refresh scan ban}; do
    for database in "$small" "$large"; do
        psql -X -q -d "$database" -c "ALTER SEQUENCE turn RESTART"
    done
    for _ in 1 2 3; do
        for database in "$small" "$large"; do
            echo "$database $(measure "$what" "$database")"
        done
    done | awk -v what="$what" -v small="$small" '
        { n[$1]++; value[$1, n[$1]] = $2; if ($1 != small) large = $1 }
        function median(d,   a, b, c) {
            a = value[d, 1]; b = value[d, 2]; c = value[d, 3]
            return a > b ? (b > c ? b : (a > c ? c : a)) : (a > c ? a : (b > c ? c : b))
        }
        END {
            few = median(small); many = median(large)
            printf "scale: %s: %.3f ms among 10,000 principals, %.3f ms among all; ratio %.2f (goal: at most 1.5)\n", what, few, many, many / few
            exit many / few > 1.5
        }' || over=1
done
exit $over
