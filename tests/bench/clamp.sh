#!/usr/bin/env bash
# A sequential scan of 1,000,000 rows under a policy: what does asking for the identity cost a row?
set -euo pipefail

psql -X -q -v ON_ERROR_STOP=1 <<'SQL'
SET client_min_messages = warning;
SELECT auth.create_signing_key() AS kid \gset
SELECT auth.push_people('[{"email": "agent@example.com", "name": "Agent", "kind": "service_account"}]') \gset
SELECT * FROM auth.provision() \gset
SELECT id AS uid FROM auth.users WHERE email = 'agent@example.com' \gset
CREATE TABLE bench_rows (owner uuid NOT NULL, owner_email text NOT NULL, body text NOT NULL);
INSERT INTO bench_rows
SELECT CASE WHEN i % 10 = 0 THEN :'uid'::uuid ELSE gen_random_uuid() END,
       CASE WHEN i % 10 = 0 THEN 'agent@example.com' ELSE 'p' || i || '@example.com' END, repeat('x', 20)
FROM generate_series(1, 1000000) AS i;
VACUUM (ANALYZE, FREEZE) bench_rows;
ALTER TABLE bench_rows ENABLE ROW LEVEL SECURITY;
-- one role for each way to say whose rows they are, all over the same table
SELECT format('CREATE ROLE bench_%1$s; GRANT SELECT ON bench_rows TO bench_%1$s; CREATE POLICY %1$s ON bench_rows TO bench_%1$s USING (%2$s)', v.name, v.condition)
FROM (VALUES
    ('constant', format('owner = %L::uuid', :'uid')),
    ('bare', 'owner = auth.uid()'),
    ('subselect', 'owner = (SELECT auth.uid())'),
    ('naive', $$owner = (current_setting('request.jwt.claims', true)::json->>'sub')::uuid$$)) AS v (name, condition)
\gexec
CREATE TABLE bench_clamped (LIKE bench_rows);
INSERT INTO bench_clamped SELECT * FROM bench_rows;
VACUUM (ANALYZE, FREEZE) bench_clamped;
SELECT auth.clamp('bench_clamped', 'owner') \gset
CREATE ROLE bench_clamp;
GRANT SELECT ON bench_clamped TO bench_clamp;

SET max_parallel_workers_per_gather = 0;
SET jit = off;
SELECT auth.authenticate(auth.issue('agent@example.com'), false) \gset
SELECT set_config('request.jwt.claims', json_build_object('sub', :'uid', 'role', 'authenticated')::text, false) \gset
CREATE TEMP TABLE timing (variant text, ms double precision);
DO $$
DECLARE
    v record;
    since timestamptz;
    seen bigint;
BEGIN
    FOR v IN SELECT round, w.* FROM generate_series(0, 11) AS round,
        (VALUES (1, 'constant', 'bench_rows'), (2, 'bare', 'bench_rows'), (3, 'subselect', 'bench_rows'),
                (4, 'clamp', 'bench_clamped'), (5, 'naive', 'bench_rows')) AS w (n, name, tbl)
        ORDER BY round, n
    LOOP
        CONTINUE WHEN v.name = 'naive' AND v.round > 3;
        EXECUTE format('SET LOCAL ROLE bench_%s', v.name);
        since := clock_timestamp();
        EXECUTE format('SELECT count(*) FROM %I', v.tbl) INTO seen;
        RESET ROLE;
        IF seen <> 100000 THEN
            RAISE EXCEPTION '% sees % rows', v.name, seen;
        END IF;
        IF v.round > 0 THEN
            INSERT INTO timing VALUES (v.name, 1000 * extract(epoch FROM clock_timestamp() - since));
        END IF;
    END LOOP;
END $$;
\pset format unaligned
\pset tuples_only on
WITH median AS (SELECT variant, percentile_cont(0.5) WITHIN GROUP (ORDER BY ms) AS ms FROM timing GROUP BY variant)
SELECT format('clamp: 1,000,000 rows, %s: %s ms, %s times the constant%s', rpad(m.variant, 9), round(m.ms::numeric, 1),
    round((m.ms / c.ms)::numeric, 2),
    CASE m.variant WHEN 'bare' THEN ' (goal: at most 1.2)' WHEN 'subselect' THEN ' (goal: at most 1.05)' ELSE '' END)
FROM median m, median c WHERE c.variant = 'constant' ORDER BY m.ms;
SQL
