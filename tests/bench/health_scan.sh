#!/usr/bin/env bash
# auth.scan_agent_health() with 100 new refusals among 10,000 and among 10,000,000 audit entries: goal, at most
# twice the cost.
set -euo pipefail
many=${BENCH_ENTRIES:-10000000}

psql -X -q -v ON_ERROR_STOP=1 >/dev/null <<'SQL'
SET client_min_messages = warning;
SELECT auth.create_signing_key();
SELECT auth.add_user(jsonb_build_object('email', 'agent-' || i || '@example.com', 'kind', 'service_account')) FROM generate_series(1, 1000) AS i;
-- Entries that were reported long ago; a tenth of them refusals of agents.
CREATE PROCEDURE bench_fill(upto bigint) LANGUAGE plpgsql AS $$
DECLARE
    have bigint := (SELECT count(*) FROM auth.audit_log);
BEGIN
    INSERT INTO auth.audit_log (user_id, seq, created_at, subject, changes, reason, metadata, previous_hash, hash)
    SELECT a.id, 1000 + i, now() - (upto - i) * interval '1 millisecond', a.email,
        '{"refreshToken": {"previous": "active", "current": "invalidated", "reason": "expired"}}', 'expired', '{}', '\x00', '\x00'
    FROM generate_series(have + 1, upto) AS i
        JOIN (SELECT id, email, row_number() OVER (ORDER BY id) AS n FROM auth.users) AS a ON a.n = 1 + i % 1000;
    INSERT INTO auth.incidents (kind, user_id, email, reason, created_at, detected_at)
    SELECT 'refresh_failure', a.id, a.email, 'expired', now() - i * interval '10 milliseconds', now()
    FROM generate_series(1, (upto - have) / 10) AS i
        JOIN (SELECT id, email, row_number() OVER (ORDER BY id) AS n FROM auth.users) AS a ON a.n = 1 + i % 1000;
END $$;
-- 100 refusals as they come, then the scan, in milliseconds.
CREATE FUNCTION bench_scan() RETURNS double precision LANGUAGE plpgsql AS $$
DECLARE
    since timestamptz;
    found bigint;
BEGIN
    PERFORM auth.refuse_refresh(u, 'expired', '{}') FROM auth.users u ORDER BY random() LIMIT 100;
    since := clock_timestamp();
    SELECT count(*) INTO found FROM auth.scan_agent_health();
    IF found <> 100 THEN
        RAISE EXCEPTION '% incidents, not 100', found;
    END IF;
    RETURN 1000 * extract(epoch FROM clock_timestamp() - since);
END $$;
SQL

median_scan() { # ENTRIES
    psql -X -qAt -v ON_ERROR_STOP=1 -c "CALL bench_fill($1)" -c "VACUUM ANALYZE auth.audit_log, auth.incidents" >/dev/null
    for _ in {1..9}; do
        psql -X -qAt -v ON_ERROR_STOP=1 -c "SELECT bench_scan()"
    done | sort -g | sed -n 5p
}

few_ms=$(median_scan 10000)
many_ms=$(median_scan "$many")
awk -v few="$few_ms" -v many="$many_ms" -v n="$many" 'BEGIN {
    printf "health scan, 100 new refusals: %.1f ms among 10,000 audit entries, %.1f ms among %d; ratio %.2f (goal: at most 2)\n", few, many, n, many / few
    exit many / few > 2
}'
