#!/usr/bin/env bash
# push_people and provision at 1,000, 10,000 and 100,000 rows: the cost of a row stays the same.
set -euo pipefail

psql -X -qAt -v ON_ERROR_STOP=1 <<'SQL'
SET client_min_messages = warning;
CREATE TEMP TABLE timing (step text, n int, ms double precision);
DO $$
DECLARE
    n int;
    people jsonb;
    since timestamptz;
    step text;
BEGIN
    FOREACH n IN ARRAY ARRAY[1000, 1000, 10000, 100000] LOOP
        DELETE FROM auth.users;
        DELETE FROM auth.organization_people;
        SELECT jsonb_agg(jsonb_build_object('email', 'person-' || i || '@example.com', 'name', 'Person ' || i,
            'github_username', 'person' || i, 'level', 'L' || i % 6, 'team', 'team-' || i / 10,
            'manager_email', CASE WHEN i > 10 THEN 'person-' || i / 10 || '@example.com' END))
        INTO people FROM generate_series(1, n) AS i;
        FOREACH step IN ARRAY ARRAY['push', 'provision', 'push again', 'provision again', 'leave', 'return'] LOOP
            IF step = 'leave' THEN
                CREATE TEMP TABLE held AS SELECT * FROM auth.organization_people;
                DELETE FROM auth.organization_people;
            ELSIF step = 'return' THEN
                INSERT INTO auth.organization_people SELECT * FROM held;
                DROP TABLE held;
            END IF;
            since := clock_timestamp();
            IF step LIKE 'push%' THEN
                PERFORM auth.push_people(people);
            ELSE
                PERFORM auth.provision();
            END IF;
            INSERT INTO timing VALUES (step, n, 1000 * extract(epoch FROM clock_timestamp() - since));
        END LOOP;
        ANALYZE auth.organization_people;
        ANALYZE auth.users;
    END LOOP;
END $$;
-- the first 1,000 warmed up
SELECT format('roster: %s %s rows: %s ms, %s us a row (%s times the row cost at 1,000)', rpad(t.step, 15), lpad(t.n::text, 6),
    round(t.ms::numeric, 1), round((1000 * t.ms / t.n)::numeric, 1), round((t.ms / t.n / (b.ms / b.n))::numeric, 2))
FROM (SELECT step, n, min(ms) AS ms FROM timing GROUP BY step, n) t
JOIN (SELECT step, n, min(ms) AS ms FROM timing GROUP BY step, n) b ON b.step = t.step AND b.n = 1000
ORDER BY t.step, t.n;
DELETE FROM auth.users;
DELETE FROM auth.organization_people;
SQL
