#!/usr/bin/env bash
# HS256 tokens verified and signed: pgjwt's steps in SQL over pgcrypto, pg_principal_pgjwt, auth.jwt_*.
# Tokens are rows of a table, all different: pgjwt's functions are IMMUTABLE and would be folded.
# "In bulk" is one query over all rows. "Once per statement" is a PL/pgSQL loop of a statement whose plan
# is kept, as a driver's prepared statement is, less what the loop takes for SELECT octet_length(token);
# "planned each time" is the same by EXECUTE ... USING.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)

psql -X -q -v ON_ERROR_STOP=1 -v reference="$here/sql/include/pgjwt_reference.sql" -v secret="$(printf 's%.0s' {1..48})" <<'SQL'
SET client_min_messages = warning;
SET max_parallel_workers_per_gather = 0;
SET jit = off;
CREATE SCHEMA old;
CREATE SCHEMA new;
CREATE EXTENSION pgcrypto SCHEMA old;
CREATE EXTENSION pg_principal_pgjwt SCHEMA new;
SET search_path = old, public;
\i :reference
CREATE TABLE public.bench_tokens AS
SELECT i, c.claims, c.claims::jsonb AS claims_b, new.sign(c.claims, :'secret') AS token
FROM generate_series(1, 100000) AS i, LATERAL (SELECT json_build_object('sub', gen_random_uuid(), 'role', 'authenticated', 'aud', 'authenticated',
    'email', 'person' || i || '@example.com', 'iat', 1700000000 + i, 'exp', 4102444800 + i, 'session_id', gen_random_uuid()) AS claims OFFSET 0) AS c;
VACUUM (ANALYZE, FREEZE) public.bench_tokens;
SELECT json_build_object('kty', 'oct', 'alg', 'HS256', 'k', old.url_encode(convert_to(:'secret', 'UTF8'))) AS key \gset

CREATE TEMP TABLE variant (what text, who text, rounds int, statement text);
INSERT INTO variant VALUES
    ('verify', 'pgjwt', 3, format('SELECT count(v.payload) FROM public.bench_tokens, old.verify(token, %L) AS v WHERE v.valid', :'secret')),
    ('verify', 'pg_principal_pgjwt', 7, format('SELECT count(v.payload) FROM public.bench_tokens, new.verify(token, %L) AS v WHERE v.valid', :'secret')),
    ('verify', 'auth.jwt_verify', 7, format('SELECT count(auth.jwt_verify(token, %L)) FROM public.bench_tokens', :'key')),
    ('sign', 'pgjwt', 3, format('SELECT count(old.sign(claims, %L)) FROM public.bench_tokens', :'secret')),
    ('sign', 'pg_principal_pgjwt', 7, format('SELECT count(new.sign(claims, %L)) FROM public.bench_tokens', :'secret')),
    ('sign', 'auth.jwt_sign', 7, format('SELECT count(auth.jwt_sign(claims_b, %L)) FROM public.bench_tokens', :'key')),
    ('verify kept', 'nothing', 7, 'SELECT octet_length(token)'),
    ('verify kept', 'pgjwt', 3, format('SELECT v.payload FROM old.verify(token, %L) AS v WHERE v.valid', :'secret')),
    ('verify kept', 'pg_principal_pgjwt', 7, format('SELECT v.payload FROM new.verify(token, %L) AS v WHERE v.valid', :'secret')),
    ('verify kept', 'auth.jwt_verify', 7, format('SELECT auth.jwt_verify(token, %L)', :'key')),
    ('verify one', 'nothing', 7, 'SELECT octet_length($1)'),
    ('verify one', 'pgjwt', 7, format('SELECT payload FROM old.verify($1, %L) WHERE valid', :'secret')),
    ('verify one', 'pg_principal_pgjwt', 7, format('SELECT payload FROM new.verify($1, %L) WHERE valid', :'secret')),
    ('verify one', 'auth.jwt_verify', 7, format('SELECT auth.jwt_verify($1, %L)', :'key'));
CREATE TEMP TABLE timing (what text, who text, us double precision);
SELECT format('CREATE FUNCTION pg_temp.%I() RETURNS int LANGUAGE plpgsql AS $f$ DECLARE
        done int := 0; token text; result %s;
    BEGIN
        FOR token IN SELECT t.token FROM public.bench_tokens AS t WHERE i <= 5000 LOOP
            %s;
            done := done + 1;
        END LOOP;
        RETURN done;
    END $f$', who, CASE who WHEN 'nothing' THEN 'int' WHEN 'auth.jwt_verify' THEN 'jsonb' ELSE 'json' END,
    regexp_replace(statement, '^SELECT (\S+(, .*\))?)', 'SELECT \1 INTO STRICT result'))
FROM variant WHERE what = 'verify kept' \gexec
CREATE FUNCTION pg_temp.run(v variant) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    done int := 0;
    token text;
    result text;
BEGIN
    IF v.what = 'verify kept' THEN
        EXECUTE format('SELECT pg_temp.%I()', v.who) INTO done;
        RETURN done;
    ELSIF v.what <> 'verify one' THEN
        EXECUTE v.statement INTO done;
        RETURN done;
    END IF;
    FOR token IN SELECT t.token FROM public.bench_tokens AS t WHERE i <= 5000 LOOP
        EXECUTE v.statement INTO STRICT result USING token;
        done := done + 1;
    END LOOP;
    RETURN done;
END $$;
DO $$
DECLARE
    v variant;
    round int;
    since timestamptz;
    done int;
BEGIN
    FOR round IN 0..7 LOOP -- the first one warms up
        FOR v IN SELECT * FROM variant LOOP
            CONTINUE WHEN round > v.rounds OR (round = 0 AND v.rounds < 7);
            since := clock_timestamp();
            done := pg_temp.run(v);
            IF done <> (CASE WHEN v.what IN ('verify one', 'verify kept') THEN 5000 ELSE 100000 END) THEN
                RAISE EXCEPTION '%, %: % tokens', v.what, v.who, done;
            END IF;
            IF round > 0 THEN
                INSERT INTO timing VALUES (v.what, v.who, 1e6 * extract(epoch FROM clock_timestamp() - since) / done);
            END IF;
        END LOOP;
    END LOOP;
END $$;
\pset format unaligned
\pset tuples_only on
SELECT format('jose: %s distinct HS256 tokens of %s bytes on average', count(*), round(avg(length(token)))) FROM public.bench_tokens;
WITH median AS (SELECT what, who, percentile_cont(0.5) WITHIN GROUP (ORDER BY us) AS us FROM timing GROUP BY what, who),
     net AS (SELECT m.what, m.who, m.us - coalesce(n.us, 0) AS us, n.us AS nothing
             FROM median AS m LEFT JOIN median AS n ON n.what = m.what AND n.who = 'nothing' WHERE m.who <> 'nothing')
SELECT format('jose: %s, %s: %s us%s, ratio %s%s', CASE n.what WHEN 'verify kept' THEN 'verify once per statement' WHEN 'verify one' THEN 'verify once per statement, planned each time' ELSE n.what || ' in bulk' END, rpad(n.who, 18), round(n.us::numeric, 2),
    ' and ' || round(n.nothing::numeric, 1) || ' us for any statement', round((p.us / n.us)::numeric, 1),
    CASE WHEN n.who LIKE 'auth.%' AND n.what <> 'verify one' THEN format(' (goal: at least %s)', CASE n.what WHEN 'verify kept' THEN 60 ELSE 20 END) END)
FROM net AS n JOIN net AS p ON p.what = n.what AND p.who = 'pgjwt' ORDER BY n.what IN ('verify one', 'verify kept'), n.what DESC, n.us DESC;
SQL
