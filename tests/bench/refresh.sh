#!/usr/bin/env bash
# auth.refresh() per second with 1, 4 and 16 clients, each with a session of its own, against a bare
# UPDATE ... RETURNING of one row under the same durability: goal, at most 3 times its cost.
set -euo pipefail
seconds=${BENCH_SECONDS:-5}

psql -X -q -v ON_ERROR_STOP=1 >/dev/null <<'SQL'
SET client_min_messages = warning;
SELECT auth.create_signing_key();
SELECT auth.add_user(jsonb_build_object('email', 'agent-' || i || '@example.com', 'kind', 'service_account')) FROM generate_series(1, 16) AS i;
CREATE TABLE bench_held AS
SELECT row_number() OVER (ORDER BY u.id) AS n, (auth.start_session(u, NULL)).payload->'tokens'->>'refreshToken' AS token FROM auth.users u;
CREATE TABLE bench_bare (id int PRIMARY KEY, hash bytea NOT NULL, at timestamptz NOT NULL) WITH (fillfactor = 60);
INSERT INTO bench_bare SELECT i, sha256(i::text::bytea), now() FROM generate_series(1, 16) AS i;
VACUUM ANALYZE;
SQL

scripts=$(mktemp -d)
trap 'rm -rf "$scripts"' EXIT
# Each client goes on from the token it was given last.
cat >"$scripts/refresh" <<'SQL'
\if :first
SELECT token FROM bench_held WHERE n = :client_id + 1 \gset
\set first 0
\endif
SELECT payload->'tokens'->>'refreshToken' AS token FROM auth.refresh(:token) \gset
SQL
cat >"$scripts/bare" <<'SQL'
UPDATE bench_bare SET hash = sha256(hash), at = clock_timestamp() WHERE id = :client_id + 1 RETURNING hash;
SQL

rate() { # SCRIPT CLIENTS
    if [ "$1" = refresh ]; then # the tokens of the last run are used up
        psql -X -qAt -c "UPDATE bench_held b SET token = f.token FROM (SELECT row_number() OVER (ORDER BY u.id) AS n,
            (auth.start_session(u, NULL)).payload->'tokens'->>'refreshToken' AS token FROM auth.users u) AS f WHERE f.n = b.n"
    fi
    "$PG_BIN/pgbench" -n -M prepared -c "$2" -j 2 -T "$seconds" -D first=1 -f "$scripts/$1" |
        awk '/^tps/ { print $3 } /failed|aborted/ && !/: 0 / { print > "/dev/stderr" }'
}

for clients in 1 4 16; do
    for _ in 1 2 3; do
        for way in bare refresh; do
            echo "$clients $way $(rate $way $clients)"
        done
    done
done | awk '
    { n[$1, $2]++; value[$1, $2, n[$1, $2]] = $3 }
    function median(c, w,   a, b, d) {
        a = value[c, w, 1]; b = value[c, w, 2]; d = value[c, w, 3]
        return a > b ? (b > d ? b : (a > d ? d : a)) : (a > d ? a : (b > d ? d : b))
    }
    END {
        for (i = 1; i <= 3; ++i) {
            c = substr("1 4 16", 2 * i - 1, i < 3 ? 1 : 2)
            bare = median(c, "bare"); ours = median(c, "refresh")
            printf "refresh: %2d clients: %.0f refreshes/s, %.0f bare updates/s; ratio of cost %.2f (goal: at most 3)\n", c, ours, bare, bare / ours
            if (bare / ours > 3) over = 1
        }
        exit over
    }'
refused=$(psql -X -qAt -c "SELECT count(*) FROM auth.read_metrics()")
[ "$refused" = 0 ] || { echo "refreshes were refused" && exit 1; }
