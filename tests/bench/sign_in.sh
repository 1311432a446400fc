#!/usr/bin/env bash
# auth.sign_in() against the verification of its Argon2id hash alone: goal, at most 1.1 times; an unknown email
# against a known one.
set -euo pipefail
runs=${BENCH_RUNS:-200}

psql -X -qAt -v ON_ERROR_STOP=1 -v runs="$runs" <<'SQL'
SET client_min_messages = warning;
SELECT auth.create_signing_key() AS kid \gset
SELECT (auth.add_user('{"email": "agent@example.com", "password": "Th1sIsAStrong!Pass"}')).ok AS made \gset
CREATE PROCEDURE bench_sign_in(runs integer) LANGUAGE plpgsql AS $$
DECLARE
    agent uuid := (SELECT id FROM auth.users);
    since timestamptz;
    took double precision[];
    result auth.auth_result;
    argon double precision;
    known double precision;
    unknown double precision;
    wrong double precision;
    timings double precision[][] := '{}';
BEGIN
    FOR i IN 1..runs LOOP
        since := clock_timestamp();
        PERFORM auth.check_password(agent, 'Th1sIsAStrong!Pass');
        argon := extract(epoch FROM clock_timestamp() - since);
        since := clock_timestamp();
        result := auth.sign_in('agent@example.com', 'Th1sIsAStrong!Pass');
        COMMIT;
        known := extract(epoch FROM clock_timestamp() - since);
        IF NOT result.ok THEN
            RAISE EXCEPTION 'not signed in: %', result;
        END IF;
        since := clock_timestamp();
        PERFORM auth.sign_in('nobody-' || i || '@example.com', 'Th1sIsAStrong!Pass');
        COMMIT;
        unknown := extract(epoch FROM clock_timestamp() - since);
        since := clock_timestamp();
        PERFORM auth.sign_in('agent@example.com', 'Th1sIsTheWrong!Pass');
        COMMIT;
        wrong := extract(epoch FROM clock_timestamp() - since);
        timings := timings || ARRAY[[argon, known, unknown, wrong]];
    END LOOP;
    CREATE TEMP TABLE bench_timing AS
    SELECT timings[i][1] AS argon, timings[i][2] AS known, timings[i][3] AS unknown, timings[i][4] AS wrong FROM generate_series(1, runs) AS i;
END $$;
CALL bench_sign_in(:runs);
WITH m AS (
    SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY argon) AS argon, percentile_cont(0.5) WITHIN GROUP (ORDER BY known) AS known,
        percentile_cont(0.5) WITHIN GROUP (ORDER BY unknown) AS unknown, percentile_cont(0.5) WITHIN GROUP (ORDER BY wrong) AS wrong
    FROM bench_timing
)
SELECT concat(format(E'sign-in: %s ms, Argon2id alone %s ms; ratio %s (goal: at most 1.1)\n', round((1000 * known)::numeric, 2),
        round((1000 * argon)::numeric, 2), round((known / argon)::numeric, 3)),
    format('refused: %s ms for a wrong password, %s ms for an unknown email; ratio %s', round((1000 * wrong)::numeric, 2),
        round((1000 * unknown)::numeric, 2), round((wrong / unknown)::numeric, 3))) AS report,
    CASE WHEN known / argon > 1.1 THEN 'over the goal' ELSE 'ok' END AS verdict
FROM m \gset
\echo :report
SELECT 1 / (:'verdict' = 'ok')::int \g /dev/null
SQL
