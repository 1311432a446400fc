-- Every function called with NULL for every argument, by a superuser, to whom no door is closed:
-- an answer or a clear error, never a crash.
\pset format unaligned
SET client_min_messages = error;
SET session_replication_role = replica;
DELETE FROM auth.audit_log;
RESET session_replication_role;
DELETE FROM auth.audit_heads;
DELETE FROM auth.audit_seals;
DELETE FROM auth.audit_prunes;
CREATE FUNCTION public.regress_null(call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text;
BEGIN
    EXECUTE 'SELECT (' || call || ')::text' INTO result;
    RETURN coalesce(result, 'null');
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE;
END $$;
CREATE TEMP TABLE calls AS SELECT p.oid::regprocedure::text AS function,
    format('auth.%I(%s)', p.proname,
        (SELECT string_agg(format('%s(SELECT NULL::%s)', CASE WHEN p.provariadic <> 0
        AND n = p.pronargs THEN 'VARIADIC ' END, t::regtype), ', ' ORDER BY n)
        FROM unnest(p.proargtypes::oid[]) WITH ORDINALITY AS a (t, n))) AS call
FROM pg_proc p WHERE p.pronamespace = 'auth'::regnamespace AND p.pronargs > 0;
SELECT function, regress_null(call) FROM calls WHERE function !~ '^auth.(reseal|judge_refresh)'
    ORDER BY function COLLATE "C";
SELECT regress_null(call) IS NOT NULL AS survived FROM calls
    WHERE function ~ '^auth.(reseal|judge_refresh)';
-- a trigger function is no function
SELECT p.oid::regprocedure AS function, left(regress_null(format('auth.%I()', p.proname)),
    5) AS code FROM pg_proc p WHERE p.pronamespace = 'auth'::regnamespace
    AND p.prorettype = 'trigger'::regtype ORDER BY p.proname;
-- nothing was written but who was refused
SELECT subject, changes->'signIn'->>'reason' AS sign_in,
    changes->'refreshToken'->>'reason' AS refresh FROM auth.audit_log ORDER BY seq;
SELECT (SELECT count(*) FROM auth.users) AS users, (SELECT count(*) FROM auth.sessions) AS sessions,
    (SELECT count(*) FROM auth.organization_people) AS people, (SELECT count(*)
    FROM auth.signing_keys) AS keys;
DROP TABLE calls;
DROP FUNCTION public.regress_null(text);
SET session_replication_role = replica;
DELETE FROM auth.audit_log;
RESET session_replication_role;
DELETE FROM auth.audit_heads;
DELETE FROM auth.metrics;
DELETE FROM auth.sign_in_attempts;
