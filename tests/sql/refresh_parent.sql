\getenv here PG_ABS_SRCDIR
\set setup :here /sql/include/setup.sql
\set teardown :here /sql/include/teardown.sql
\i :setup
SET client_min_messages = warning;
SELECT auth.set_password('boss@example.com', 'Th1sIsAStrong!Pass');
-- pg_principal.refresh_reuse_parent: the answer of a refresh was lost, and the client asks again long after. While
-- nobody has used the successor, it is given again, once in a row: two holders of it meet.
CREATE FUNCTION regress_age(session uuid) RETURNS void LANGUAGE sql AS $$ UPDATE auth.refresh_tokens
    SET created_at = created_at - interval '1 hour' WHERE session_id = session $$;
SELECT payload->'tokens'->>'refreshToken' AS p,
    (auth.read_refresh_token(payload->'tokens'->>'refreshToken')).session_id AS lost_session
    FROM auth.sign_in('boss@example.com', 'Th1sIsAStrong!Pass') \gset
SELECT payload->'tokens'->>'refreshToken' AS s FROM auth.refresh(:'p') \gset
SELECT regress_age(:'lost_session');
BEGIN;
SELECT reason AS off, (SELECT state FROM auth.list_sessions('boss@example.com')
    WHERE id = :'lost_session') FROM auth.refresh(:'p');
ROLLBACK;
SET pg_principal.refresh_reuse_parent = on;
SELECT status, payload->'tokens'->>'refreshToken' = :'s' AS successor FROM auth.refresh(:'p');
SELECT status, payload->'tokens'->>'refreshToken' = :'s' AS again FROM auth.refresh(:'p');
SELECT changes, reason, metadata - 'sessionId' AS metadata FROM auth.audit_log
    WHERE metadata->>'sessionId' = :'lost_session' AND reason IS NOT NULL ORDER BY seq;
-- a copy of the used token: once either holder has used the successor, the other ends the session
SELECT status, payload->'tokens'->>'refreshToken' AS s2 FROM auth.refresh(:'s') \gset
BEGIN;
SELECT reason AS grandparent FROM auth.refresh(:'p');
ROLLBACK;
BEGIN;
SELECT (auth.refresh(:'s')).status AS within_the_interval;
ROLLBACK;
SELECT regress_age(:'lost_session');
SELECT reason AS the_other FROM auth.refresh(:'s');
SELECT state FROM auth.list_sessions('boss@example.com') WHERE id = :'lost_session';
-- answers that are lost now and then are no reason to end anything
SELECT payload->'tokens'->>'refreshToken' AS p,
    (auth.read_refresh_token(payload->'tokens'->>'refreshToken')).session_id AS lost_session
    FROM auth.sign_in('boss@example.com', 'Th1sIsAStrong!Pass') \gset
SELECT payload->'tokens'->>'refreshToken' AS s FROM auth.refresh(:'p') \gset
SELECT regress_age(:'lost_session'), (auth.refresh(:'p')).status;
SELECT payload->'tokens'->>'refreshToken' AS s2 FROM auth.refresh(:'s') \gset
SELECT payload->'tokens'->>'refreshToken' AS s3 FROM auth.refresh(:'s2') \gset
SELECT regress_age(:'lost_session'), (auth.refresh(:'s2')).status AS the_next_but_one;
RESET pg_principal.refresh_reuse_parent;
DROP FUNCTION regress_age(uuid);
\i :teardown
