#!/usr/bin/env bash
# One request of a pooled connection, in CPU time of the backend: bind the caller, read one clamped
# row. Ours verifies the token; the PostgREST way believes the claims that it is told.
set -euo pipefail
requests=${BENCH_REQUESTS:-20000}

psql -X -q -v ON_ERROR_STOP=1 <<'SQL'
SET client_min_messages = warning;
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM auth.list_signing_keys() WHERE state = 'in_use') THEN
        PERFORM auth.create_signing_key();
    END IF;
    PERFORM auth.push_people((SELECT jsonb_agg(jsonb_build_object('email', 'agent-' || i || '@example.com', 'name', 'Agent ' || i,
        'kind', 'service_account')) FROM generate_series(1, 100) AS i));
    PERFORM auth.provision();
END $$;
CREATE TABLE bench_callers AS
SELECT row_number() OVER (ORDER BY email) AS n, id, email, auth.issue(email) AS token FROM auth.users WHERE email LIKE 'agent-%@example.com';
CREATE TABLE bench_ours (id int PRIMARY KEY, owner uuid NOT NULL, body text NOT NULL);
INSERT INTO bench_ours SELECT i, c.id, repeat('x', 100) FROM generate_series(1, 100000) AS i JOIN bench_callers c ON c.n = 1 + i % 100;
CREATE INDEX ON bench_ours (owner);
CREATE TABLE bench_theirs (LIKE bench_ours INCLUDING ALL);
INSERT INTO bench_theirs SELECT * FROM bench_ours;
SELECT auth.clamp('bench_ours', 'owner') \gset
ALTER TABLE bench_theirs ENABLE ROW LEVEL SECURITY;
CREATE POLICY theirs ON bench_theirs USING (owner = (SELECT (current_setting('request.jwt.claims', true)::json->>'sub')::uuid));
GRANT SELECT ON bench_ours, bench_theirs TO authenticated;
VACUUM ANALYZE bench_ours, bench_theirs;
CREATE ROLE bench_app LOGIN;
GRANT authenticated TO bench_app;
GRANT SELECT ON bench_ours, bench_theirs TO bench_app;
SQL

scripts=$(mktemp -d)
trap 'rm -rf "$scripts"' EXIT
psql -X -qAt -F ' ' -c 'SELECT n, id, email, token FROM bench_callers ORDER BY n' |
    awk -v requests="$requests" -v dir="$scripts" '
    { id[NR] = $2; email[NR] = $3; token[NR] = $4 }
    END {
        for (i = 1; i <= requests; ++i) {
            n = 1 + i % NR
            row = n - 1 + 100 * (i % 900 + 1)
            print "BEGIN; SET LOCAL pg_principal.token = '\''" token[n] "'\''; SELECT body FROM bench_ours WHERE id = " row "; COMMIT;" > (dir "/ours.sql")
            print "BEGIN; SELECT set_config('\''request.jwt.claims'\'', '\''{\"sub\":\"" id[n] "\",\"email\":\"" email[n] "\",\"role\":\"authenticated\",\"aud\":\"authenticated\"}'\'', true); SET LOCAL ROLE authenticated; SELECT body FROM bench_theirs WHERE id = " row "; COMMIT;" > (dir "/theirs.sql")
        }
    }'

# CPU time of the backend that ran the script, in clock ticks.
cpu_of() {
    psql -X -qAt -U bench_app -v ON_ERROR_STOP=1 <<SQL
SELECT pg_backend_pid() AS pid \gset
\setenv BACKEND :pid
\o /dev/null
\i $scripts/warm.sql
\o
\! awk '{print \$14 + \$15}' /proc/\$BACKEND/stat
\o /dev/null
\i $1
\o
\! awk '{print \$14 + \$15}' /proc/\$BACKEND/stat
SQL
}

for _ in 1 2 3 4 5; do
    for way in ours theirs; do
        head -n 200 "$scripts/$way.sql" >"$scripts/warm.sql"
        mapfile -t ticks < <(cpu_of "$scripts/$way.sql")
        echo "$way $((ticks[1] - ticks[0]))"
    done
done | awk -v requests="$requests" -v hz="$(getconf CLK_TCK)" '
    { runs[$1] = runs[$1] " " $2 }
    function median(text,   v, n, i, j, t) {
        n = split(text, v, " ")
        for (i = 1; i <= n; ++i) for (j = i + 1; j <= n; ++j) if (v[j] + 0 < v[i] + 0) { t = v[i]; v[i] = v[j]; v[j] = t }
        return v[int((n + 1) / 2)] / hz * 1e6 / requests
    }
    END {
        ours = median(runs["ours"]); theirs = median(runs["theirs"])
        printf "request: token verified and bound, clamped point lookup: %.1f us of backend CPU; claims believed, SET LOCAL ROLE: %.1f us; ratio %.2f (goal: at most 1)\n", ours, theirs, ours / theirs
    }'
