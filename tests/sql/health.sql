-- The health of agents: refused refreshes reported once, what is about to fail found, and forgotten when it is put right.
\getenv here PG_ABS_SRCDIR
\set setup :here /sql/include/setup.sql
\set teardown :here /sql/include/teardown.sql
\i :setup
-- the scan's lines, which hold ids and times, go to the client as well
SET client_min_messages = error;
DELETE FROM auth.incidents;
DELETE FROM auth.metrics;
SELECT (auth.add_user('{"email": "planner-agent@example.com", "password": "Th1sIsAStrong!Pass"}')).status;
SELECT auth.set_password(e || '@example.com', 'Th1sIsAStrong!Pass')
    FROM unnest(ARRAY['ann', 'kata-agent-team']) AS e;
SELECT auth.issue('kata-agent-team@example.com', '1y', 'ci') AS agent,
    auth.issue('ann@example.com') AS ann \gset
SELECT id AS kata FROM auth.users WHERE email = 'kata-agent-team@example.com' \gset
SELECT id AS planner FROM auth.users WHERE email = 'planner-agent@example.com' \gset
CREATE FUNCTION public.regress_scan(schedule text DEFAULT NULL) RETURNS TABLE (who text, kind text,
    reason text, metadata text, created boolean) LANGUAGE sql AS $$
    SELECT split_part(s.email, '@', 1), s.kind, s.reason,
        (SELECT string_agg(k, ' ' ORDER BY k COLLATE "C") FROM jsonb_object_keys(s.metadata) AS k),
        s.created_at > now() - interval '1 minute' FROM auth.scan_agent_health(schedule) AS s
        ORDER BY 1, 2, 3 $$;
CREATE FUNCTION public.regress_open() RETURNS TABLE (who text, kind text, reason text,
    resolved boolean) LANGUAGE sql AS $$
    SELECT split_part(i.email, '@', 1), i.kind, i.reason, i.resolved_at IS NOT NULL
        FROM auth.incidents i WHERE i.kind <> 'refresh_failure' ORDER BY i.created_at, 1, 2, 3 $$;
-- a refresh token with another secret
CREATE FUNCTION public.regress_wrong(token text) RETURNS text LANGUAGE sql AS $$
    SELECT left(token, -9) || translate(substr(right(token, 9), 1, 1),
    'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_',
    'BADCFEHGJILKNMPORQTSVUXWZYbadcfehgjilknmporqtsvuxwzy1032547698_-') || right(token, 8) $$;

-- Who is an agent.
SELECT kind, email, auth.is_agent(kind, email) FROM (VALUES (1, 'person', 'ann@example.com'),
    (2, 'service_account', 'ann@example.com'), (3, 'person', 'ann-agent@example.com'),
    (4, 'person', 'agent@example.com'), (5, 'person', 'ann-agent-team@example.com'),
    (6, 'person', 'ann@x-agent.com'), (7, 'service_account', NULL), (8, NULL, 'x-agent@y')) AS t (n,
    kind, email) ORDER BY n;

-- Nothing to tell.
SELECT * FROM regress_scan();
SELECT name, label, kind, CASE WHEN name LIKE '%last_scan' THEN value BETWEEN extract(epoch
    FROM now()) - 60 AND extract(epoch FROM now()) + 60 ELSE value = (SELECT count(*)
    FROM auth.users u WHERE name = 'agent.count' AND auth.is_agent(u.kind, u.email)) END AS good
    FROM auth.read_metrics();

-- As Prometheus reads it: the zero that an alert needs, a name that ends in no _count, hostile labels, and what has no text.
BEGIN;
SELECT auth.count_up('some.Thing'), auth.count_up('some.Thing', E'a "b" \\ c\nd'),
    auth.set_gauge('auth.refresh.failures', 'x', -1);
SELECT line FROM regexp_split_to_table(auth.expose_metrics(), E'\n') AS line
    WHERE line ~ 'thing|hing|agents|refresh_fail' OR line = '';
ROLLBACK;

-- Refused refreshes: each once, an agent's alone, and none that was rolled back.
SELECT payload->'tokens'->>'refreshToken' AS kata_token
    FROM auth.sign_in('kata-agent-team@example.com', 'Th1sIsAStrong!Pass') \gset
SELECT payload->'tokens'->>'refreshToken' AS planner_token
    FROM auth.sign_in('planner-agent@example.com', 'Th1sIsAStrong!Pass') \gset
SELECT payload->'tokens'->>'refreshToken' AS ann_token
    FROM auth.sign_in('ann@example.com', 'Th1sIsAStrong!Pass') \gset
SELECT reason FROM auth.refresh(regress_wrong(:'kata_token'));
SELECT reason FROM auth.refresh(regress_wrong(:'kata_token'));
SELECT reason FROM auth.refresh(regress_wrong(:'ann_token'));
SELECT reason FROM auth.refresh('nonsense');
BEGIN;
SELECT reason FROM auth.refresh(regress_wrong(:'planner_token'));
ROLLBACK;
SELECT count(*) AS waiting FROM auth.list_incidents() WHERE detected_at IS NULL;
SELECT auth.incident_line('hourly',
    i)::jsonb - '{userId,createdAt}'::text[] #- '{metadata,sessionId}' AS line,
    (auth.incident_line('hourly', i)::jsonb)->>'userId' = :'kata' AS user_id,
    (auth.incident_line('hourly',
    i)::jsonb)->>'createdAt' ~ '^\d{4}-\d\d-\d\dT[\d:.]{12}Z$' AS created_at,
       (SELECT string_agg(k, ' ' ORDER BY k)
           FROM jsonb_object_keys(auth.incident_line('hourly', i)::jsonb) AS k) AS keys,
           auth.incident_line('hourly', i) !~ '\n' AS one_line FROM auth.incidents i LIMIT 1;
SELECT * FROM regress_scan('hourly');
SELECT * FROM regress_scan();
SELECT value FROM auth.read_metrics() WHERE name = 'agent.refresh.failures';
SELECT kind, reason, detected_at IS NOT NULL AS detected, resolved_at FROM auth.list_incidents();
-- a scan that is rolled back has reported nothing
SELECT reason FROM auth.refresh(regress_wrong(:'planner_token'));
BEGIN;
SELECT * FROM regress_scan();
ROLLBACK;
SELECT * FROM regress_scan();
SELECT value FROM auth.read_metrics() WHERE name = 'agent.refresh.failures';
-- what becomes visible late, or was written with an earlier time, is not missed
INSERT INTO auth.incidents (kind, user_id, email, reason, created_at)
    VALUES ('refresh_failure', :'kata', 'kata-agent-team@example.com', 'expired',
    now() - interval '1 year');
SELECT who, kind, reason, metadata, created FROM regress_scan();
SELECT count(*) AS of_this_week FROM auth.list_incidents();
SELECT count(*) AS "all", count(*) FILTER (WHERE reason = 'expired') AS old
    FROM auth.list_incidents('-infinity');
SELECT count(*) AS none FROM auth.list_incidents(NULL);

-- Findings, of every kind: reported when they appear, once; resolved when they hold no longer; reported again when they are back.
-- tokens that expire within 30, 7 and 1 days
SELECT id AS ci FROM auth.list_sessions('kata-agent-team@example.com') WHERE label = 'ci' \gset
SELECT * FROM regress_scan();
UPDATE auth.sessions SET created_at = now() - interval '300 days', last_used_at = now(),
    expires_at = now() + interval '31 days' WHERE id = :'ci';
SELECT * FROM regress_scan();
UPDATE auth.sessions SET expires_at = now() + interval '20 days' WHERE id = :'ci';
SELECT * FROM regress_scan();
SELECT * FROM regress_scan();
UPDATE auth.sessions SET expires_at = now() + interval '6 days' WHERE id = :'ci';
SELECT * FROM regress_scan();
UPDATE auth.sessions SET expires_at = now() + interval '1 hour' WHERE id = :'ci';
SELECT * FROM regress_scan();
SELECT * FROM regress_open();
SELECT label, value FROM auth.read_metrics() WHERE name = 'agent.findings'
    ORDER BY label COLLATE "C";
-- one that lives a day is not reported each day; a person's never is
SELECT length(auth.issue('kata-agent-team@example.com', '24h', 'daily')) > 100 AS daily;
UPDATE auth.sessions SET created_at = now() - interval '300 days',
    expires_at = now() + interval '1 hour' WHERE user_id = (SELECT id FROM auth.users
    WHERE email = 'ann@example.com') AND origin = 'issued';
SELECT * FROM regress_scan();
-- the successor under the same label is all it takes; under another it is none, nor is one that ends sooner
SELECT length(auth.issue('kata-agent-team@example.com', '1y', 'other')) > 100 AS other;
SELECT length(auth.issue('kata-agent-team@example.com', '1y', 'ci')) > 100 AS ci;
UPDATE auth.sessions SET expires_at = now() + interval '30 minutes' WHERE user_id = :'kata'
    AND label = 'ci' AND id <> :'ci';
SELECT count(*) AS still FROM regress_scan();
SELECT count(*) AS open FROM regress_open() WHERE NOT resolved;
UPDATE auth.sessions SET expires_at = now() + interval '300 days' WHERE user_id = :'kata'
    AND label = 'ci' AND id <> :'ci';
SELECT * FROM regress_scan();
SELECT count(*) AS open FROM regress_open() WHERE NOT resolved;
-- back again
SELECT auth.revoke_session(id) FROM auth.list_sessions('kata-agent-team@example.com')
    WHERE label = 'ci' AND id <> :'ci';
SELECT * FROM regress_scan();
SELECT auth.revoke_session(:'ci');
SELECT * FROM regress_scan();
SELECT * FROM regress_open();
DELETE FROM auth.incidents;

-- Who falls silent stays reported: a token that expired is a finding until there is a successor, a revocation or a ban.
SELECT auth.issue('kata-agent-team@example.com', '1h', 'short') IS NOT NULL AS issued;
SELECT id AS short FROM auth.list_sessions('kata-agent-team@example.com')
    WHERE label = 'short' \gset
CREATE FUNCTION public.regress_age(session uuid, left_over interval,
    life interval DEFAULT '1 hour') RETURNS void LANGUAGE sql AS $$
    UPDATE auth.sessions SET created_at = now() + left_over - life, expires_at = now() + left_over
        WHERE id = session $$;
SELECT regress_age(:'short', '16 minutes');
SELECT * FROM regress_scan();
SELECT regress_age(:'short', '14 minutes');
SELECT * FROM regress_scan();
SELECT regress_age(:'short', '-1 second');
SELECT * FROM regress_scan();
SELECT * FROM regress_scan();
SELECT * FROM regress_open() WHERE NOT resolved;
-- also when nobody looks for long, and when the session is pruned
SELECT regress_age(:'short', '-40 days');
SELECT * FROM regress_scan();
SELECT auth.prune_sessions('39 days') AS pruned;
SELECT * FROM regress_scan();
SELECT * FROM regress_open() WHERE NOT resolved;
-- another label is no successor, nor is one that was revoked before
SELECT auth.issue('kata-agent-team@example.com', '1h', 'sh0rt') IS NOT NULL AS issued;
SELECT * FROM regress_scan();
SELECT count(*) AS open FROM regress_open() WHERE NOT resolved;
SELECT auth.issue('kata-agent-team@example.com', '1h', 'short') IS NOT NULL AS issued;
SELECT * FROM regress_scan();
SELECT * FROM regress_open() WHERE NOT resolved;
DELETE FROM auth.incidents;
-- what expired more than 30 days ago, never seen by a scan, is history
SELECT id AS short FROM auth.list_sessions('kata-agent-team@example.com')
    WHERE label = 'short' \gset
SELECT regress_age(:'short', '-31 days');
SELECT * FROM regress_scan();
SELECT regress_age(:'short', '-29 days');
SELECT * FROM regress_scan();
-- revoked, it is dealt with
SELECT auth.revoke_session(:'short');
SELECT * FROM regress_scan();
SELECT * FROM regress_open();
DELETE FROM auth.incidents;
-- a successor that was revoked before the end has not taken over; one that lived on then has
SELECT id AS first, auth.issue('kata-agent-team@example.com', '1h', 'sh0rt') IS NOT NULL AS issued
    FROM auth.list_sessions('kata-agent-team@example.com') WHERE label = 'sh0rt' \gset
SELECT id AS second FROM auth.list_sessions('kata-agent-team@example.com') WHERE label = 'sh0rt'
    AND id <> :'first' \gset
SELECT regress_age(:'first', '-10 minutes');
SELECT auth.revoke_session(:'second');
SELECT * FROM regress_scan();
UPDATE auth.sessions SET revoked_at = now() - interval '11 minutes' WHERE id = :'second';
SELECT * FROM regress_scan();
SELECT auth.ban('kata-agent-team@example.com');
SELECT auth.unban('kata-agent-team@example.com');
SELECT * FROM regress_scan();
SELECT * FROM regress_open();
DELETE FROM auth.incidents;
-- a refresh token that lapses: until the agent signs in again
SELECT status FROM auth.sign_in('kata-agent-team@example.com', 'Th1sIsAStrong!Pass');
SELECT s.id AS lapsed FROM auth.sessions s WHERE s.user_id = :'kata' AND s.origin = 'sign_in'
    ORDER BY s.created_at DESC LIMIT 1 \gset
UPDATE auth.sessions SET created_at = now() - interval '8 days' WHERE user_id = :'kata'
    AND origin = 'sign_in';
UPDATE auth.refresh_tokens SET created_at = now() - interval '7 days 1 hour',
    expires_at = now() - interval '1 hour' WHERE session_id = :'lapsed';
SELECT * FROM regress_scan();
SELECT auth.prune_sessions('30 minutes') > 0 AS pruned;
SELECT * FROM regress_scan();
SELECT * FROM regress_open();
SELECT status FROM auth.sign_in('kata-agent-team@example.com', 'Th1sIsAStrong!Pass');
SELECT * FROM regress_scan();
SELECT * FROM regress_open();
DELETE FROM auth.incidents;
DROP FUNCTION public.regress_age(uuid, interval, interval);
SELECT auth.issue('kata-agent-team@example.com', '1y', 'ci') IS NOT NULL AS issued;

-- tokens unused for 90 days; their use is noted, to within a day and by the next scan
SELECT auth.issue('kata-agent-team@example.com', '1y', 'rare') AS rare \gset
UPDATE auth.sessions SET created_at = now() - interval '89 days' WHERE label = 'rare';
SELECT * FROM regress_scan();
UPDATE auth.sessions SET created_at = now() - interval '91 days' WHERE label = 'rare';
SELECT * FROM regress_scan();
SELECT last_used_at FROM auth.list_sessions('kata-agent-team@example.com') WHERE label = 'rare';
SELECT auth.authenticate(:'rare')->>'email' AS used;
SELECT auth.authenticate(:'ann')->>'email' AS used;
SELECT * FROM regress_scan();
SELECT last_used_at > now() - interval '1 minute' AS used
    FROM auth.list_sessions('kata-agent-team@example.com') WHERE label = 'rare';
SELECT count(last_used_at) AS of_a_person FROM auth.list_sessions('ann@example.com')
    WHERE origin = 'issued';
UPDATE auth.sessions SET last_used_at = now() - interval '91 days' WHERE label = 'rare';
SELECT * FROM regress_scan();
SELECT * FROM regress_open();
SELECT auth.revoke_session(id) FROM auth.list_sessions('kata-agent-team@example.com')
    WHERE label = 'rare';
SELECT * FROM regress_scan();
DELETE FROM auth.incidents;

-- agents with the role ADMIN, old passwords, refresh tokens that lapse
UPDATE auth.users SET app_role = 'ADMIN' WHERE id IN (:'kata', :'planner');
UPDATE auth.users SET app_role = 'ADMIN' WHERE email = 'ann@example.com';
SELECT * FROM regress_scan();
UPDATE auth.users SET app_role = 'AUDITOR' WHERE id = :'planner';
UPDATE auth.users SET password_changed_at = now() - interval '91 days'
    WHERE id IN (:'kata', :'planner') OR email = 'ann@example.com';
SELECT * FROM regress_scan();
SET pg_principal.agent_password_max_age = '100d';
SELECT * FROM regress_scan();
SET pg_principal.agent_password_max_age = 0;
UPDATE auth.users SET password_changed_at = now() - interval '1000 days' WHERE id = :'kata';
SELECT * FROM regress_scan();
RESET pg_principal.agent_password_max_age;
UPDATE auth.users SET password_changed_at = NULL, created_at = now() - interval '91 days'
    WHERE id = :'kata';
SELECT * FROM regress_scan();
SELECT auth.set_password('kata-agent-team@example.com', 'An0ther!Password');
UPDATE auth.refresh_tokens SET created_at = now() - interval '6 days 1 hour',
    expires_at = now() + interval '23 hours' FROM auth.sessions s WHERE s.id = session_id
    AND s.user_id IN (:'planner', (SELECT id FROM auth.users WHERE email = 'ann@example.com'));
SELECT * FROM regress_scan();
SELECT status FROM auth.refresh(:'planner_token');
SELECT * FROM regress_scan();
-- a short life counts by its quarter
UPDATE auth.refresh_tokens SET created_at = now() - interval '29 minutes',
    expires_at = now() + interval '31 minutes' FROM auth.sessions s WHERE s.id = session_id
    AND s.user_id = :'planner';
SELECT * FROM regress_scan();
UPDATE auth.refresh_tokens SET created_at = now() - interval '50 minutes',
    expires_at = now() + interval '10 minutes' FROM auth.sessions s WHERE s.id = session_id
    AND s.user_id = :'planner';
SELECT * FROM regress_scan();
SELECT label, value FROM auth.read_metrics() WHERE name = 'agent.findings'
    ORDER BY label COLLATE "C";
SELECT * FROM regress_open();
-- an overview
SELECT email, app_role, banned, issued_tokens, signed_in_sessions,
    next_expiry > now() AS next_expiry, last_used_at > now() - interval '1 hour' AS used,
    last_refresh_at IS NOT NULL AS refreshed,
    password_changed_at > now() - interval '1 hour' AS new_password, refresh_failures,
    last_failure_at > now() - interval '1 hour' AS failed, last_failure_reason, findings
    FROM auth.agent_health();
-- who is banned or gone has nothing to put right
SELECT auth.ban('kata-agent-team@example.com');
DELETE FROM auth.users WHERE id = :'planner';
SELECT * FROM regress_scan();
SELECT bool_and(resolved) AS all_resolved FROM regress_open();
SELECT email, banned, issued_tokens, signed_in_sessions, findings FROM auth.agent_health();
SELECT label, value FROM auth.read_metrics() WHERE name = 'agent.findings'
    ORDER BY label COLLATE "C";
SELECT auth.unban('kata-agent-team@example.com');
SELECT * FROM regress_scan();

-- pg_cron is not here, and a schema of its name does not make it so.
SELECT regexp_replace(regress_try('SELECT auth.schedule_health_scan()'), '[|][^|]*$',
    '| HINT') AS regress_try;
SELECT job_id, schedule, last_run_at, problem, remedy FROM auth.health_schedule();
UPDATE auth.metrics SET value = value - 26 * 3600 - 600 WHERE name = 'agent.health.last_scan';
SELECT problem, remedy FROM auth.health_schedule();
DELETE FROM auth.metrics WHERE name = 'agent.health.last_scan';
SELECT problem, remedy FROM auth.health_schedule();
SELECT left(regress_try('SELECT auth.schedule_health_scan(NULL)'), 5) AS schedule,
    left(regress_try('SELECT auth.unschedule_health_scan()'), 5) AS unschedule;
CREATE SCHEMA cron;
CREATE FUNCTION cron.schedule(text, text, text) RETURNS bigint LANGUAGE plpgsql
    AS $$ BEGIN RAISE EXCEPTION 'the trap has sprung'; END $$;
SELECT left(regress_try('SELECT auth.schedule_health_scan()'), 5) AS trap;
DROP SCHEMA cron CASCADE;

-- Who may call what; whoever calls it, it runs as its owner, by the names that the owner means.
CREATE FUNCTION public.regress_doors() RETURNS TABLE (scan text, health text, incidents text,
    schedule text, unschedule text, state text, collect text, drain text) LANGUAGE sql AS $$
    SELECT left(regress_try('SELECT count(*) >= 0 FROM auth.scan_agent_health()'), 5),
        left(regress_try('SELECT count(*) >= 0 FROM auth.agent_health()'), 5),
        left(regress_try('SELECT count(*) >= 0 FROM auth.list_incidents()'), 5),
        left(regress_try('SELECT auth.schedule_health_scan()'), 5),
        left(regress_try('SELECT auth.unschedule_health_scan()'), 5),
        left(regress_try('SELECT (auth.health_schedule()).problem IS NULL'), 5),
           left(regress_try('SELECT count(*) FROM auth.collect_incidents(NULL)'), 5),
               left(regress_try('SELECT count(*) FROM auth.drain_token_use()'), 5) $$;
SET ROLE anon; SELECT 'anon' AS role, * FROM regress_doors(); RESET ROLE;
SET ROLE authenticated; SELECT 'authenticated' AS role, * FROM regress_doors(); RESET ROLE;
SET ROLE authenticator; SELECT 'authenticator' AS role, * FROM regress_doors(); RESET ROLE;
SET ROLE service_role; SELECT 'service_role' AS role, * FROM regress_doors(); RESET ROLE;
SET ROLE auth_operator; SELECT 'auth_operator' AS role, * FROM regress_doors(); RESET ROLE;
GRANT TEMP ON DATABASE :"DBNAME" TO auth_operator;
SET ROLE auth_operator;
CREATE TEMP TABLE incidents (x int);
CREATE TEMP TABLE users (x int);
CREATE FUNCTION pg_temp.count(x int) RETURNS bigint LANGUAGE sql AS 'SELECT -1::bigint';
CREATE TYPE pg_temp.text AS (x int);
SET search_path = pg_temp, pg_catalog, auth;
SELECT pg_catalog.count(*) AS scanned FROM auth.scan_agent_health('x');
RESET search_path;
RESET ROLE;
DISCARD TEMP;
REVOKE TEMP ON DATABASE :"DBNAME" FROM auth_operator;

DROP FUNCTION public.regress_scan(text), public.regress_open(), public.regress_wrong(text),
    public.regress_doors();
\i :teardown
