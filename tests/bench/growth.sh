#!/usr/bin/env bash
# A day of 1,000 agents: each signs in once and refreshes every 15 minutes, one in ten replays a token. What the
# tables grow by, and what pruning costs while refreshes go on.
set -euo pipefail
agents=${BENCH_AGENTS:-1000} refreshes=${BENCH_REFRESHES:-96}

psql -X -q -v ON_ERROR_STOP=1 >/dev/null <<SQL
SET client_min_messages = warning;
SELECT auth.create_signing_key();
SELECT auth.add_user(jsonb_build_object('email', 'agent-' || i || '@example.com', 'kind', 'service_account')) FROM generate_series(1, $agents) AS i;
CREATE TABLE bench_held (n bigint PRIMARY KEY, token text NOT NULL, first text NOT NULL) WITH (fillfactor = 50);
INSERT INTO bench_held
SELECT row_number() OVER (), token, token
FROM (SELECT (auth.start_session(u, NULL)).payload->'tokens'->>'refreshToken' AS token FROM auth.users u) AS s;
CREATE PROCEDURE bench_day(first_agent bigint, last_agent bigint, times integer) LANGUAGE plpgsql AS \$\$
DECLARE
    answer auth.auth_result;
BEGIN
    FOR i IN 1..times LOOP
        FOR agent IN first_agent..last_agent LOOP
            answer := auth.refresh((SELECT token FROM bench_held WHERE n = agent));
            IF NOT answer.ok THEN
                RAISE EXCEPTION 'refused: %', answer;
            END IF;
            UPDATE bench_held SET token = answer.payload->'tokens'->>'refreshToken' WHERE n = agent;
            COMMIT;
        END LOOP;
    END LOOP;
END \$\$;
SQL

sizes() {
    psql -X -qAt -F ' ' -c "SELECT t, pg_total_relation_size(t), (SELECT count(*) FROM auth.audit_log)
        FROM unnest(ARRAY['auth.audit_log', 'auth.audit_heads', 'auth.sessions', 'auth.refresh_tokens', 'auth.incidents', 'auth.metrics']::regclass[]) AS t"
}

day() { # TIMES: two clients
    psql -X -q -c "CALL bench_day(1, $((agents / 2)), $1)" &
    psql -X -q -c "CALL bench_day($((agents / 2 + 1)), $agents, $1)"
    wait
}

psql -X -q -c "VACUUM ANALYZE"
sizes >"${TMPDIR:-/tmp}/growth.$$"
trap 'rm -f "${TMPDIR:-/tmp}/growth.$$"' EXIT
day "$refreshes"
psql -X -q -c "DO \$\$ BEGIN PERFORM auth.refresh(first) FROM bench_held WHERE n % 10 = 0; END \$\$"
sizes | awk -v agents="$agents" -v refreshes="$refreshes" -v before="${TMPDIR:-/tmp}/growth.$$" '
    BEGIN { while ((getline line < before) > 0) { split(line, f, " "); was[f[1]] = f[2] } }
    { printf "growth: %-20s %8.0f kB, %+.0f kB by a day of %d agents, %d refreshes each\n", $1, $2 / 1024, ($2 - was[$1]) / 1024, agents, refreshes }'

# A month of old entries and dead sessions to prune, then refreshes per second with and without that going on.
psql -X -q -v ON_ERROR_STOP=1 >/dev/null <<SQL
SELECT auth.audit_as(NULL, NULL, u.id, u.email, '{"a": {"previous": 1, "current": 2}}') FROM auth.users u, generate_series(1, 100);
INSERT INTO auth.sessions (user_id, expires_at, created_at) SELECT u.id, now() - interval '60 days', now() - interval '90 days'
FROM auth.users u, generate_series(1, 100);
DELETE FROM bench_held WHERE n % 10 = 0;
INSERT INTO bench_held SELECT 10 * row_number() OVER (), token, token
FROM (SELECT (auth.start_session(u, NULL)).payload->'tokens'->>'refreshToken' AS token FROM auth.users u LIMIT $agents / 10) AS s;
VACUUM ANALYZE;
SQL
quiet=$({ time day 4; } 2>&1 | awk '/^real/ { split($2, t, /[ms]/); print t[1] * 60 + t[2] }')
psql -X -qAt -c "SELECT format('prune: %s audit entries', auth.audit_prune('1 microsecond'))" \
    -c "SELECT format('prune: %s sessions', auth.prune_sessions('30 days'))" &
pruning=$!
busy=$({ time day 4; } 2>&1 | awk '/^real/ { split($2, t, /[ms]/); print t[1] * 60 + t[2] }')
wait "$pruning"
faults=$(psql -X -qAt -c "SELECT count(*) FROM auth.audit_verify()")
[ "$faults" = 0 ] || { echo "the audit does not verify after pruning" && exit 1; }
awk -v quiet="$quiet" -v busy="$busy" -v n="$((agents * 4))" 'BEGIN {
    printf "prune: %.0f refreshes/s without it, %.0f/s while it runs; ratio %.2f\n", n / quiet, n / busy, busy / quiet }'
