-- What administrators and auditors do over an API: who may, what is answered, what is audited.
\getenv here PG_ABS_SRCDIR
\set setup :here /sql/include/setup.sql
\set teardown :here /sql/include/teardown.sql
\i :setup
SET client_min_messages = warning;
UPDATE auth.users SET app_role = 'ADMIN' WHERE email = 'boss@example.com';
SELECT payload->'user'->>'id' AS auditor_id
    FROM auth.add_user('{"email": "auditor@example.com", "role": "AUDITOR", "kind": "service_account"}') \gset
SELECT token AS auditor
    FROM auth.open_session((SELECT u FROM auth.users u WHERE u.id = :'auditor_id'), 'authenticated',
    3600, NULL, NULL) \gset
SELECT token AS key, session_id AS key_session FROM auth.issue_key('service_role') \gset
SELECT token AS anon FROM auth.issue_key('anon') \gset
SELECT id AS boss_id FROM auth.users WHERE email = 'boss@example.com' \gset
SELECT id AS ann_id FROM auth.users WHERE email = 'ann@example.com' \gset
SELECT id AS agent_id FROM auth.users WHERE email = 'kata-agent-team@example.com' \gset
SELECT id AS ann_session FROM auth.list_sessions('ann@example.com') \gset
SELECT id AS boss_session FROM auth.list_sessions('boss@example.com') \gset
\set nobody 00000000-0000-4000-8000-000000000000
RESET client_min_messages;
-- What each answers about an id, in a transaction that is taken back.
CREATE FUNCTION pg_temp.doors(target uuid, session uuid, OUT ban int, OUT unban int,
    OUT deleted int, OUT sessions int, OUT end_session int, OUT issue int,
    OUT own_audits int, OUT audits int, OUT all_audits int, OUT incidents int) LANGUAGE plpgsql
        AS $$
BEGIN
    ban := (auth.ban_user(target)).status;
    unban := (auth.unban_user(target)).status;
    issue := (auth.issue_for(target, '1h')).status;
    sessions := (auth.user_sessions(target)).status;
    own_audits := (auth.audit_feed()).status;
    audits := (auth.audit_feed(of_user => target)).status;
    all_audits := (auth.audit_feed(everyone => true)).status;
    incidents := (auth.incidents_feed()).status;
    deleted := (auth.delete_user(target)).status;
    end_session := (auth.end_session(session)).status;
END $$;
CREATE FUNCTION pg_temp.calls(caller text, token text, target uuid, session uuid) RETURNS SETOF text
    LANGUAGE plpgsql AS $$
BEGIN
    PERFORM auth.authenticate(token, false);
    RETURN NEXT caller || ' ' || pg_temp.doors(target, session)::text;
    RAISE USING ERRCODE = 'U0001';
EXCEPTION WHEN SQLSTATE 'U0001' THEN
    RETURN;
END $$;
SELECT c.caller, c.on_what, pg_temp.calls(c.caller, c.token, c.target::uuid, c.session::uuid)
FROM (VALUES
    (1, 'nobody', NULL, 'somebody', :'agent_id', :'ann_session'),
    (2, 'anon', :'anon', 'somebody', :'agent_id', :'ann_session'),
    (3, 'analyst', :'ann', 'somebody', :'agent_id', :'boss_session'),
    (4, 'analyst', :'ann', 'own', :'ann_id', :'ann_session'),
    (5, 'auditor', :'auditor', 'somebody', :'agent_id', :'ann_session'),
    (6, 'admin', :'boss', 'an agent', :'agent_id', :'ann_session'),
    (7, 'admin', :'boss', 'a person', :'ann_id', :'ann_session'),
    (8, 'admin', :'boss', 'own', :'boss_id', :'boss_session'),
    (9, 'admin', :'boss', 'nobody', :'nobody', :'nobody'),
    (10, 'service_role', :'key', 'an agent', :'agent_id', :'ann_session'),
    (11, 'service_role', :'key', 'own', :'nobody', :'key_session')) AS c (n, caller, token, on_what,
        target, session)
ORDER BY c.n;
SELECT regress_try(format('SELECT (auth.%s).status', f))
    FROM unnest(ARRAY['ban_user(auth.nobody())', 'user_sessions()', 'end_session(auth.nobody())',
    'audit_feed()', 'incidents_feed()']) AS f,
    LATERAL (SELECT set_config('pg_principal.token', 'x.y.z', false)) AS s;

-- Arguments, all of them NULL or bad, by an admin.
SET pg_principal.token = :'boss';
SELECT * FROM auth.ban_user(NULL, NULL, NULL, NULL);
SELECT * FROM auth.ban_user(NULL, '1 h');
SELECT d, (auth.ban_user(:'ann_id', d::interval)).payload->'errors'
    FROM unnest(ARRAY['0', '-1 s', '1000 years 1 day']) AS d;
SELECT (auth.ban_user(:'ann_id', '1 h', repeat('x', 1001))).payload;
SELECT regress_try('SELECT auth.ban_user(auth.nobody(), ''1h'', NULL, ''[]'')');
SELECT * FROM auth.unban_user(NULL, NULL);
SELECT * FROM auth.delete_user(NULL, NULL);
SELECT * FROM auth.end_session(NULL, NULL, NULL);
SELECT status, jsonb_array_length(payload->'sessions') AS own FROM auth.user_sessions(NULL);
SELECT * FROM auth.issue_for(NULL, NULL, NULL, NULL, NULL);
SELECT * FROM auth.issue_for(NULL, '1h');
SELECT ttl, left(label, 3) AS label, scopes,
    (auth.issue_for(:'agent_id', ttl, label, scopes)).payload->'errors' AS errors
FROM (VALUES ('5m', NULL, NULL::text[]), ('0h', NULL, NULL), ('9000h', NULL, NULL),
    ('1h', repeat('x', 256), NULL), ('1h', NULL, '{""}'), ('1h', NULL, '{a b}'),
    ('1h', NULL, '{NULL}')) AS t (ttl, label, scopes);
SELECT f, (auth.audit_feed(f)).payload->'errors' AS audits,
    (auth.incidents_feed(f)).payload->'errors' AS incidents
    FROM unnest(ARRAY[NULL, 0, 101, -1]) AS f;
SELECT c, (auth.audit_feed(1, c)).payload->'errors' AS audits,
    (auth.incidents_feed(1, c)).payload->'errors' AS incidents
FROM unnest(ARRAY['', 'x', '1', '1.2.3', '1.00000000-0000-4000-8000-000000000000x',
    '99999999999999999999.00000000-0000-4000-8000-000000000000']) AS c;

-- A ban by id is a ban: at once, audited under the caller's name, with the reason and the address.
SELECT status, payload->'user'->>'email' AS email FROM auth.ban_user(:'ann_id', '876000h', 'leaked',
    '{"ip": "192.0.2.7", "userAgent": "curl"}');
SELECT regress_try(format('SELECT auth.authenticate(%L)', :'ann'));
SELECT actor_email, reason, ip, user_agent FROM auth.audits(1, NULL, :'ann_id');
SELECT status, payload->'user'->'bannedUntil' AS until FROM auth.unban_user(:'ann_id');
SELECT regress_try(format('SELECT auth.authenticate(%L)', :'ann'));
-- A ban that ends after the years of RFC 3339, or never, as administrators write by hand, is told as one.
CREATE FUNCTION public.regress_until(target uuid, until timestamptz) RETURNS SETOF jsonb
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE auth.users u SET banned_until = until WHERE u.id = target;
    RETURN QUERY SELECT payload->'user'->'bannedUntil' FROM auth.find_user(target)
        UNION ALL SELECT auth.agent_json(u, 'none')->'bannedUntil' FROM auth.users u
            WHERE u.id = target;
END
$$;
SELECT t AS until, array_agg(u) AS told
FROM unnest(ARRAY['infinity', '200000-01-01T00:00:00Z', '9999-12-31T23:59:59.999999Z',
    '2999-01-01T00:00:00Z', '-infinity']) WITH ORDINALITY AS x (t, n),
    LATERAL public.regress_until(:'ann_id', t::timestamptz) AS u GROUP BY t, n ORDER BY n;
DROP FUNCTION public.regress_until(uuid, timestamptz);
SELECT status FROM auth.unban_user(:'ann_id');
-- A token for a service account, also of one that is not on the roster.
SELECT status, payload->>'token' AS made, payload->>'sessionId' AS made_session
    FROM auth.issue_for(:'auditor_id', '24h', 'robot', '{a,b}') \gset
SET pg_principal.token = :'made';
SELECT :status AS status, auth.email(), auth.has_scope('b');
SELECT s->>'label' AS label, s->'scopes' AS scopes, s->>'state' AS state, s->'current' AS current
    FROM jsonb_array_elements((auth.user_sessions()).payload->'sessions') AS s ORDER BY 1;
-- One's own session, ended by itself, under one's own name.
SELECT status, payload FROM auth.end_session(:'made_session', 'done');
SELECT regress_try('SELECT auth.uid()');
SET pg_principal.token = :'boss';
SELECT actor_email, changes, reason, metadata->>'sessionId' = :'made_session' AS that_one
    FROM auth.audits(1, NULL, :'auditor_id');
-- Who finds whom, by email or name, newest first.
SELECT w.caller, (auth.find_user(:'ann_id')).status AS find,
    (auth.find_user(:'boss_id')).status AS find_boss, (auth.find_user(NULL)).status AS find_null,
    (auth.search_users()).status AS search
FROM (VALUES (1, 'nobody', ''), (2, 'anon', :'anon'), (3, 'auditor', :'auditor'),
    (4, 'admin', :'boss'), (5, 'key', :'key')) AS w (n, caller, token),
    LATERAL (SELECT set_config('pg_principal.token', w.token, false)) AS s ORDER BY w.n;
SET pg_principal.token = :'boss';
SELECT s.status, s.payload->'total' AS total, jsonb_path_query_array(s.payload,
    '$.users[*].email') AS emails
FROM (VALUES (1, 'ANN@'), (2, 'dita@example.com'), (3, '%'), (4, repeat('x', 255)),
    (5, 'zoé')) AS t (n, search), auth.search_users(t.search) AS s ORDER BY n;
SELECT s.status, s.payload->'total' > '3' AS total, jsonb_array_length(s.payload->'users') AS users
FROM (VALUES (1, 1, 2), (2, 1000, 2), (3, 0, 2), (4, 1, 0), (5, 1, 1001), (6, NULL, 1),
    (7, 1, NULL)) AS t (n, page, per_page), auth.search_users('', t.page, t.per_page) AS s
    ORDER BY n;
-- Made with an id, a hash and a ban; changed with a ban.
SELECT n, status, reason, payload->'errors' AS errors,
    payload->'user'->>'id' = lower(profile->>'id') AS id,
    payload->'user'->>'bannedUntil' > '2100' AS banned,
    payload->'user'->>'passwordChangedAt' IS NOT NULL AS has_password
FROM (VALUES
    (1, '{"email": "made@example.com", "id": "0000000A-0000-4000-8000-00000000000B", "passwordHash": "$2a$04$DIuP7BEG2n3bjlEPz0a6Z.6A5Jn4VyXiQ6Xy.uWh6IG6BD5bVjwWy", "banDuration": "876000h"}'::jsonb),
    (2, '{"email": "made2@example.com", "id": "0000000a-0000-4000-8000-00000000000b"}'),
    (3, '{"email": "made@example.com", "banDuration": "1h"}'),
    (4, '{"email": "made3@example.com", "password": "Th1sIsAStrong!Pass", "passwordHash": "$2a$04$DIuP7BEG2n3bjlEPz0a6Z.6A5Jn4VyXiQ6Xy.uWh6IG6BD5bVjwWy"}'),
    (5, '{"email": "made3@example.com", "id": "ffffffff-ffff-ffff-ffff-ffffffffffff", "passwordHash": "md5", "banDuration": "forever"}'),
    (6, '{"email": "made3@example.com", "id": 1, "passwordHash": null, "banDuration": "none"}'),
    (7, '{"email": "made3@example.com", "banDuration": "none"}')) AS t (n, profile),
        auth.create_user(t.profile) ORDER BY n;
SELECT n, status, reason, payload->'errors' AS errors,
    payload->'user'->>'bannedUntil' IS NOT NULL AS banned
FROM (VALUES (1, :'ann_id'::uuid, '1h30m'), (2, :'ann_id', 'none'), (3, :'ann_id', '0.5s'),
    (4, :'ann_id', '0'), (5, :'ann_id', '-1h'), (6, :'ann_id', '1d'), (7, :'boss_id', '1h'),
    (8, :'boss_id', 'none'), (9, :'nobody', '1h')) AS t (n, target, ban),
    auth.update_user(t.target, jsonb_build_object('banDuration', t.ban, 'jobTitle', 'n' || n))
        ORDER BY n;
SELECT a.field, a.change->'previous' <> 'null' AS was, a.change->'current' <> 'null' AS "is"
    FROM auth.audits(4, NULL, :'ann_id') AS l, jsonb_each(l.changes) AS a (field, change);
-- A project key is told from a token.
RESET pg_principal.token;
SELECT auth.is_project_key(:'anon') AS anon, auth.is_project_key(:'key') AS service_role,
    auth.is_project_key(:'boss') AS principal, auth.is_project_key('') AS empty,
    auth.is_project_key('x.y.z') AS garbage, auth.is_project_key(overlay(:'anon' PLACING 'AAAA'
        FROM length(:'anon') - 3)) AS altered, auth.is_project_key(NULL) AS none, auth.uid();
SELECT auth.revoke_session(session_id) AS revoked, auth.is_project_key(token) AS afterwards
    FROM auth.issue_key('anon');
SET pg_principal.token = :'boss';
-- Deleted: gone with its sessions, the audit stays.
SELECT status, payload FROM auth.delete_user(:'auditor_id');
SELECT regress_try(format('SELECT auth.authenticate(%L)', :'auditor'));
SELECT actor_email, changes FROM auth.audits(1, NULL, :'auditor_id');
-- The audit names the key by which something was done.
SET pg_principal.token = :'key';
SELECT status FROM auth.set_app_role(:'ann_id', 'AUDITOR');
SELECT count(*) > 5 AS of_all FROM auth.audits(100, everyone => true);
SELECT regress_try('SELECT count(*) FROM auth.audits()');
RESET pg_principal.token;
SELECT actor_id, metadata->>'projectKey' = :'key_session' AS by_the_key FROM auth.audit_log
    WHERE user_id = :'ann_id' ORDER BY seq DESC LIMIT 1;
SELECT * FROM auth.audit_verify();
\i :teardown
