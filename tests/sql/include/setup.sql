\set ECHO none
-- Included by each test: three principals, a key, and a way to see a refusal without its place in
-- the code. Everything random stays in psql variables.
SET client_min_messages = warning;
CREATE OR REPLACE FUNCTION public.regress_try(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text;
    detail text;
    hint text;
BEGIN
    EXECUTE statement INTO result;
    RETURN result;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    RETURN concat_ws(' | ', SQLSTATE, SQLERRM, nullif(detail, ''), nullif(hint, ''));
END $$;
SELECT auth.create_signing_key() AS kid \gset
SELECT auth.push_people('[
    {"email": "boss@example.com", "name": "Boss", "level": "L5"},
    {"email": "ann@example.com", "name": "Ann", "level": "L2", "manager_email": "boss@example.com"},
    {"email": "kata-agent-team@example.com", "name": "Kata Agent Team", "kind": "service_account"}]') AS pushed \gset
SELECT created FROM auth.provision() \gset
SELECT auth.issue('boss@example.com') AS boss, auth.issue('ann@example.com') AS ann,
       auth.issue('kata-agent-team@example.com') AS agent \gset
RESET client_min_messages;
\set ECHO all
