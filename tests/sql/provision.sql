-- provision: principals follow the roster; four counters, dry run, bans and what they spare.
\getenv here PG_ABS_SRCDIR
\set setup :here /sql/include/setup.sql
\set teardown :here /sql/include/teardown.sql
\i :setup
CREATE VIEW public.regress_users AS SELECT email, kind, app_role, on_roster AS roster, CASE
    WHEN banned_until >= now() + interval '99 years 364 days' THEN 'long'
    WHEN banned_until > now() THEN 'short' WHEN banned_until IS NOT NULL THEN 'over' END AS banned,
    ban_origin AS by, ban_reason AS why, session_generation AS generation,
        raw_user_meta_data AS meta FROM auth.users ORDER BY email;
-- the counters of a dry run and of the run after it, and whether the former changed anything
CREATE FUNCTION public.regress_provision(OUT dry text, OUT dry_changed boolean, OUT wet text,
    OUT again text) LANGUAGE plpgsql AS $$
DECLARE
    was text := (SELECT md5(string_agg(u::text, '' ORDER BY id)) FROM auth.users u);
BEGIN
    dry := (SELECT p::text FROM auth.provision(true) AS p);
    dry_changed := was IS DISTINCT FROM (SELECT md5(string_agg(u::text, '' ORDER BY id))
        FROM auth.users u);
    wet := (SELECT p::text FROM auth.provision() AS p);
    was := (SELECT md5(string_agg(u::text || u.xmin::text || u.ctid::text, '' ORDER BY id))
        FROM auth.users u);
    again := (SELECT p::text FROM auth.provision(false) AS p) || CASE WHEN was IS DISTINCT
        FROM (SELECT md5(string_agg(u::text || u.xmin::text || u.ctid::text, '' ORDER BY id))
        FROM auth.users u) THEN ' and changed' ELSE '' END;
END $$;
DELETE FROM auth.users;
DELETE FROM auth.organization_people;

-- Nothing, then a roster: created, with what the roster says.
SELECT * FROM auth.provision();
SELECT auth.push_people('[{"email": "boss@example.com", "name": "Boss"}, {"email": "ann@example.com", "name": "Ann", "manager_email": "boss@example.com"}, {"email": "agent@example.com", "name": "Agent", "kind": "service_account"}]');
SELECT regress_try('SELECT auth.issue(''boss@example.com'')');
SELECT * FROM regress_provision();
SELECT * FROM regress_users;
SELECT email, id AS was FROM auth.users WHERE email = 'ann@example.com' \gset ann_
SELECT token AS ann, session_id AS ann_session FROM auth.issue_token('ann@example.com') \gset

-- The row goes, the principal is banned for a hundred years; its tokens end.
SELECT auth.remove_person('ann@example.com');
SELECT regress_try(format('SELECT auth.authenticate(%L)->>''email''', :'ann'));
SELECT * FROM regress_provision();
SELECT * FROM regress_users;
SELECT banned_until >= clock_timestamp() + interval '100 years' - interval '1 hour' AS hundred_years
    FROM auth.users WHERE email = 'ann@example.com';
SELECT regress_try(format('SELECT auth.authenticate(%L)->>''email''', :'ann'));
SELECT regress_try('SELECT auth.issue(''ann@example.com'')');

-- Back on the roster, restored under the same id; the old token stays dead.
SELECT auth.push_people('[{"email": "ann@example.com", "name": "Ann", "kind": "service_account"}]');
SELECT regexp_replace(regress_try('SELECT auth.issue(''ann@example.com'')'),
    '\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ', 'TIME');
SELECT * FROM regress_provision();
SELECT * FROM regress_users;
SELECT id = :'ann_was' AS same_id FROM auth.users WHERE email = 'ann@example.com';
SELECT regress_try(format('SELECT auth.authenticate(%L)->>''email''', :'ann'));
SELECT auth.authenticate(auth.issue('ann@example.com'))->>'email' AS fresh;

-- A ban made by hand stays: on the roster, off it, and back on it.
SELECT auth.ban('boss@example.com', '3 days', 'leaked');
SELECT * FROM regress_provision();
SELECT auth.remove_person('boss@example.com');
SELECT * FROM regress_provision();
SELECT * FROM regress_users WHERE email = 'boss@example.com';
SELECT auth.push_people('[{"email": "boss@example.com", "name": "Boss"}]');
SELECT * FROM regress_provision();
SELECT * FROM regress_users WHERE email = 'boss@example.com';
-- one that is over is none: gone from the roster, banned by provision; back, restored
UPDATE auth.users SET banned_until = now() - interval '1 day' WHERE email = 'boss@example.com';
SELECT auth.remove_person('boss@example.com');
SELECT * FROM regress_provision();
SELECT * FROM regress_users WHERE email = 'boss@example.com';
SELECT auth.push_people('[{"email": "boss@example.com", "name": "Boss"}]');
SELECT * FROM regress_provision();
SELECT * FROM regress_users WHERE email = 'boss@example.com';
-- the operator bans whom provision has banned already: that ban stays
SELECT auth.remove_person('boss@example.com');
SELECT decommissioned FROM auth.provision();
SELECT auth.ban('boss@example.com', '200 years', 'and for good');
SELECT auth.push_people('[{"email": "boss@example.com", "name": "Boss"}]');
SELECT * FROM regress_provision();
SELECT * FROM regress_users WHERE email = 'boss@example.com';
SELECT auth.unban('boss@example.com');
SELECT * FROM regress_provision();
-- unbanned by hand while off the roster: the next run bans again
SELECT auth.remove_person('boss@example.com');
SELECT decommissioned FROM auth.provision();
SELECT auth.unban('boss@example.com');
SELECT * FROM regress_provision();
SELECT auth.push_people('[{"email": "boss@example.com", "name": "Boss"}]');
SELECT * FROM regress_provision();

-- Users that never were on the roster are left alone, until they are.
INSERT INTO auth.users (email, app_role, raw_user_meta_data)
    VALUES ('api@example.com', 'ADMIN', '{"firstName": "Api"}');
INSERT INTO auth.users (email, banned_until, ban_reason)
    VALUES ('api-banned@example.com', now() + interval '1 year', 'spam');
SELECT * FROM regress_provision();
SELECT * FROM regress_users WHERE email LIKE 'api%';
SELECT auth.push_people('[{"email": "api@example.com", "name": "Api", "kind": "service_account"}, {"email": "api-banned@example.com", "name": "Api"}]');
SELECT * FROM regress_provision();
SELECT * FROM regress_users WHERE email LIKE 'api%';
SELECT auth.remove_person('api@example.com');
SELECT * FROM regress_provision();
SELECT * FROM regress_users WHERE email LIKE 'api%';

-- The kind follows the roster at once; names and roles in auth.users are nobody's but their own.
SELECT auth.push_people('[{"email": "ann@example.com", "name": "Ann Other", "kind": "person"}]');
SELECT * FROM regress_users WHERE email = 'ann@example.com';
UPDATE auth.users SET app_role = 'AUDITOR' WHERE email = 'ann@example.com';
SELECT * FROM regress_provision();
SELECT * FROM regress_users WHERE email = 'ann@example.com';
-- one run that creates, restores, decommissions and leaves
SELECT auth.remove_person('agent@example.com');
SELECT decommissioned FROM auth.provision();
SELECT auth.push_people('[{"email": "agent@example.com", "name": "Agent", "kind": "service_account"}, {"email": "new@example.com", "name": "New"}, {"email": "newer@example.com", "name": "Newer"}]');
SELECT auth.remove_person('boss@example.com');
SELECT * FROM regress_provision();
SELECT * FROM regress_users;

-- NULL is no licence to change: a dry run. What is rolled back has not happened.
SELECT auth.remove_person('newer@example.com');
SELECT * FROM auth.provision(NULL);
SELECT count(*) FROM regress_users WHERE email = 'newer@example.com' AND banned IS NULL;
BEGIN;
SELECT * FROM auth.provision();
ROLLBACK;
SELECT * FROM auth.provision(dry_run => true);

-- Changed addresses: the row of the roster goes along, so there is nothing to do.
UPDATE auth.users SET email = 'anna@example.com' WHERE email = 'ann@example.com';
SELECT * FROM auth.provision(true);
UPDATE auth.organization_people SET email = 'anna@example.com' WHERE email = 'ann@example.com';
SELECT * FROM auth.provision(true);

-- Five thousand in one statement each.
DELETE FROM auth.users;
DELETE FROM auth.organization_people;
SELECT auth.push_people((SELECT jsonb_agg(jsonb_build_object('email', 'p' || n || '@example.com',
    'name', 'P' || n, 'kind', CASE n % 10 WHEN 0 THEN 'service_account' END))
    FROM generate_series(1, 5000) AS n));
SELECT * FROM regress_provision();
SELECT count(*), count(*) FILTER (WHERE kind = 'service_account') AS accounts, count(*)
    FILTER (WHERE on_roster) AS on_roster, count(DISTINCT id) AS ids FROM auth.users;
DELETE FROM auth.organization_people WHERE right(split_part(email, '@', 1), 1) IN ('1', '2');
SELECT * FROM regress_provision();
SELECT count(*) FILTER (WHERE banned_until > now() + interval '99 years') AS banned, count(*)
    FILTER (WHERE banned_until IS NULL) AS free FROM auth.users;
SELECT auth.push_people((SELECT jsonb_agg(jsonb_build_object('email', 'p' || n || '@example.com',
    'name', 'P' || n, 'kind', CASE n % 10 WHEN 0 THEN 'service_account' END))
    FROM generate_series(1, 5100) AS n));
SELECT * FROM regress_provision();

DROP VIEW public.regress_users;
-- Who registered an address before the roster named it may be anybody: the password and the sessions end,
-- unless somebody has confirmed the email.
SET client_min_messages = warning;
SET pg_principal.registration = open;
SELECT w.who, s.status, s.payload->'tokens'->>'refreshToken' AS refresh INTO TEMP registered
FROM unnest('{stranger,vouched}'::text[]) AS w (who),
    auth.sign_up(jsonb_build_object('email', w.who || '@example.com',
    'password', 'Th1sIsAStrong!Pass')) AS s;
UPDATE auth.users SET email_confirmed_at = now() WHERE email = 'vouched@example.com';
SELECT email, self_registered FROM auth.users WHERE email ~ '^(stranger|vouched)@' ORDER BY email;
SELECT auth.push_people('[{"email": "stranger@example.com", "name": "S"}, {"email": "vouched@example.com", "name": "V"}]');
SELECT (auth.provision()).created;
SELECT r.who, r.status,
    (auth.sign_in(r.who || '@example.com', 'Th1sIsAStrong!Pass')).status AS sign_in,
    (auth.refresh(r.refresh)).reason AS refresh, u.self_registered, NOT EXISTS (SELECT
    FROM auth.password_hashes p WHERE p.user_id = u.id) AS none
FROM registered r JOIN auth.users u ON u.email = r.who || '@example.com' ORDER BY r.who;
-- and not again
SELECT auth.set_password('stranger@example.com', 'Th1sIsAStrong!Pass');
SELECT (auth.provision()).created;
SELECT (auth.sign_in('stranger@example.com', 'Th1sIsAStrong!Pass')).status;
-- pg_principal.autoconfirm tells clients that an email is confirmed, and proves nothing; an administrator's word does
SET pg_principal.autoconfirm = on;
SELECT w.who, s.status, s.payload->'tokens'->>'refreshToken' AS refresh,
    s.payload->'user'->>'emailConfirmedAt' IS NOT NULL AS told INTO TEMP autoconfirmed
FROM unnest('{auto-stranger,auto-vouched,auto-denied}'::text[]) AS w (who),
    auth.sign_up(jsonb_build_object('email', w.who || '@example.com',
    'password', 'Th1sIsAStrong!Pass')) AS s;
RESET pg_principal.autoconfirm;
SELECT token AS service FROM auth.issue_key('service_role') \gset
SELECT set_config('pg_principal.token', :'service', false) <> '' AS bound;
SELECT u.email, (auth.update_user(u.id, '{"firstName": "F"}')).status,
    (auth.update_user(u.id, CASE WHEN u.email ~ 'stranger' THEN '{}'
    ELSE jsonb_build_object('emailConfirmed', u.email ~ 'vouched') END)).status FROM auth.users u
    WHERE u.email ~ '^auto-' ORDER BY u.email;
RESET pg_principal.token;
SELECT email, email_confirmed_at IS NOT NULL AS confirmed, email_autoconfirmed FROM auth.users
    WHERE email ~ '^auto-' ORDER BY email;
SELECT auth.push_people('[{"email": "auto-stranger@example.com", "name": "S"}, {"email": "auto-vouched@example.com", "name": "V"}, {"email": "auto-denied@example.com", "name": "D"}]');
SELECT (auth.provision()).created;
SELECT r.who, r.status, r.told,
    (auth.sign_in(r.who || '@example.com', 'Th1sIsAStrong!Pass')).status AS sign_in,
    (auth.refresh(r.refresh)).reason AS refresh, u.email_confirmed_at IS NOT NULL AS confirmed,
    u.email_autoconfirmed
FROM autoconfirmed r JOIN auth.users u ON u.email = r.who || '@example.com' ORDER BY r.who;
RESET pg_principal.registration;

-- An address may get a new owner: the id comes back, what proved and described who left does not, whoever lifts the ban.
SELECT auth.push_people('[{"email": "desk@example.com", "name": "Old Owner"}, {"email": "hand@example.com", "name": "Old Hand"}, {"email": "again@example.com", "name": "Old Again"}]');
SELECT (auth.provision()).created;
SELECT auth.set_password(u.email, 'Th1sIsAStrong!Pass') FROM auth.users u
    WHERE u.email ~ '^(desk|hand|again)@';
UPDATE auth.users SET app_role = 'ADMIN', email_confirmed_at = now(), first_name = 'Old',
    last_name = 'Owner', job_title = 'Boss', phone_number = '1',
    raw_app_meta_data = '{"tenant": 1}',
    raw_user_meta_data = '{"name": "Old", "full_name": "Old Owner"}'
        WHERE email ~ '^(desk|hand|again)@';
SELECT u.email, u.id AS was,
    (auth.sign_in(u.email, 'Th1sIsAStrong!Pass',
    '{"ip": "192.0.2.9"}')).payload->'tokens'->>'refreshToken' AS refresh INTO TEMP predecessors
    FROM auth.users u WHERE u.email ~ '^(desk|hand|again)@';
SELECT auth.remove_person('desk@example.com'), auth.remove_person('hand@example.com'),
    auth.remove_person('again@example.com');
SELECT decommissioned FROM auth.provision();
SELECT (auth.sign_in(p.email, 'Th1sIsAStrong!Pass')).reason FROM predecessors p;
SELECT auth.push_people('[{"email": "desk@example.com", "name": "New Owner"}]');
SELECT * FROM auth.provision();
SELECT auth.unban('hand@example.com');
SELECT auth.ban('again@example.com', '1 day', 'as well');
UPDATE auth.users SET banned_until = now() - interval '1 second' WHERE email = 'again@example.com';
SELECT p.email, u.id = p.was AS same_id, u.app_role, u.password_scheme, u.email_confirmed_at,
    u.first_name, u.last_name, u.job_title, u.phone_number, u.raw_user_meta_data,
    u.raw_app_meta_data, u.last_sign_in_at,
    (auth.sign_in(u.email, 'Th1sIsAStrong!Pass')).reason AS sign_in,
        (auth.refresh(p.refresh)).reason AS refresh,
    (SELECT count(*) FROM auth.sign_in_attempts a WHERE a.user_id = u.id
        AND a.last_success_at IS NOT NULL) AS known_addresses
FROM predecessors p JOIN auth.users u USING (email) ORDER BY p.email COLLATE "C";
SELECT a.subject, a.changes - 'bannedUntil' AS changes FROM auth.audit_log a
    WHERE a.changes ? 'proof' AND a.subject ~ '^(desk|hand|again)@' ORDER BY a.subject COLLATE "C";
SELECT auth.authenticate(auth.issue('desk@example.com'))->'user_metadata' AS token_says;
RESET pg_principal.token;
-- a password given together with the end of the ban is the new owner's
SELECT auth.remove_person('desk@example.com');
SELECT decommissioned FROM auth.provision();
SELECT set_config('pg_principal.token', :'service', false) <> '' AS bound;
SELECT (auth.update_user(u.id,
    '{"password": "An0ther!Password", "banDuration": "none", "email": "boss"}')).status,
    (auth.update_user(u.id, '{"password": "An0ther!Password", "banDuration": "none"}')).status
    FROM auth.users u WHERE u.email = 'desk@example.com';
RESET pg_principal.token;
SELECT (auth.sign_in('desk@example.com', 'Th1sIsAStrong!Pass')).status,
    (auth.sign_in('desk@example.com', 'An0ther!Password')).status;
-- Removed and pushed again before provision ran, or replaced in place: by somebody else or by the same person.
CREATE TEMP TABLE handed AS SELECT * FROM (VALUES
    ('same', '{"name": "  ANN   smith", "github_username": "GH-same"}'::jsonb, true, false),
    ('no-github', '{"name": "Ann Smith"}', true, false),
    ('name', '{"name": "Bob Jones", "github_username": "gh-name"}', true, true),
    ('name-alone', '{"name": "Bob Jones"}', true, true),
    ('github', '{"name": "Ann Smith", "github_username": "other"}', true, true),
    ('kind', '{"name": "Ann Smith", "github_username": "gh-kind", "kind": "service_account"}', true,
        true),
    ('married', '{"name": "Ann Jones", "github_username": "gh-married"}', false, false),
    ('renamed', '{"name": "Ann Smith", "github_username": "new-name"}', false, false),
    ('unknown', '{"name": "Ann Jones"}', false, false),
    ('replaced', '{"name": "Bob Jones", "github_username": "bob"}', false, true),
    ('kind-in-place',
        '{"name": "Ann Smith", "github_username": "gh-kind-in-place", "kind": "service_account"}',
        false, true)) AS h (who, becomes, removed, is_another);
SELECT auth.push_people((SELECT jsonb_agg(jsonb_build_object('email', who || '@hand.example',
    'name', 'Ann Smith', 'github_username', 'gh-' || who)) FROM handed));
SELECT created FROM auth.provision();
SELECT count(auth.set_password(who || '@hand.example', 'Th1sIsAStrong!Pass')::text) FROM handed;
UPDATE auth.users SET app_role = 'ADMIN', email_confirmed_at = now(), last_name = 'Smith',
    raw_app_meta_data = '{"tenant": 1}' WHERE email ~ '@hand.example';
CREATE TEMP TABLE hands AS SELECT h.who, u.id AS was,
    (auth.sign_in(u.email, 'Th1sIsAStrong!Pass')).payload->'tokens'->>'accessToken' AS token,
    (auth.issue_token(u.email)).token AS issued FROM handed h JOIN auth.users u ON u.email = h.who
    || '@hand.example';
SELECT count(auth.remove_person(who || '@hand.example')) FROM handed WHERE removed;
SELECT auth.push_people((SELECT jsonb_agg(becomes || jsonb_build_object('email', who
    || '@hand.example')) FROM handed));
CREATE FUNCTION public.regress_live(token text) RETURNS boolean LANGUAGE sql AS $$
    SELECT regress_try(format('SELECT auth.authenticate(%L)->>''email''',
    token)) NOT LIKE '28000%' $$;
CREATE FUNCTION public.regress_hands(OUT who text, OUT right_owner boolean,
    OUT state text) RETURNS SETOF record LANGUAGE sql AS $$
    SELECT h.who, u.id = k.was AND (s.state = 'ended') = h.is_another, s.state
    FROM handed h JOIN hands k USING (who) JOIN auth.users u ON u.email = h.who || '@hand.example',
    LATERAL (SELECT CASE
        WHEN (auth.sign_in(u.email, 'Th1sIsAStrong!Pass')).ok AND u.app_role = 'ADMIN'
            AND u.last_name = 'Smith' AND u.email_confirmed_at IS NOT NULL
            AND u.raw_app_meta_data <> '{}' AND public.regress_live(k.token)
                AND public.regress_live(k.issued) THEN 'alive'
        WHEN u.app_role = 'ANALYST' AND u.last_name IS NULL AND u.email_confirmed_at IS NULL
            AND u.password_scheme IS NULL AND u.raw_app_meta_data = '{}'
            AND u.raw_user_meta_data->>'name' = h.becomes->>'name'
                AND NOT public.regress_live(k.token) AND NOT public.regress_live(k.issued)
            AND u.kind = coalesce(h.becomes->>'kind', 'person') THEN 'ended' END) AS s (state)
                ORDER BY h.who COLLATE "C" $$;
SELECT * FROM regress_hands();
RESET pg_principal.token;
SELECT * FROM regress_provision();
SELECT * FROM regress_hands();
RESET pg_principal.token;
SELECT a.subject, a.changes->'proof' AS proof FROM auth.audit_log a
    WHERE a.subject ~ '@hand.example' AND a.changes ? 'proof' ORDER BY a.subject COLLATE "C";
SELECT count(*) FROM auth.roster_leavers l JOIN hands h ON h.was = l.user_id;
-- by TRUNCATE and by SQL; a principal that moves to another's row, and the row that moves to it
CREATE TEMP TABLE roster_was AS SELECT email, CASE WHEN email ~ '^married' THEN 'Eve'
    ELSE name END AS name, kind FROM auth.organization_people;
BEGIN;
TRUNCATE auth.organization_people;
INSERT INTO auth.organization_people (email, name, kind) TABLE roster_was;
SELECT h.who, (auth.sign_in(h.who || '@hand.example', 'Th1sIsAStrong!Pass')).ok FROM handed h
    WHERE h.who ~ '^(same|married)' ORDER BY h.who;
ROLLBACK;
BEGIN;
DELETE FROM auth.organization_people WHERE email ~ '^same@';
INSERT INTO auth.organization_people (email, name) VALUES ('eve@hand.example', 'Eve');
UPDATE auth.users SET email = 'eve@hand.example' WHERE email = 'same@hand.example';
SELECT (auth.sign_in('eve@hand.example', 'Th1sIsAStrong!Pass')).ok;
ROLLBACK;
BEGIN;
DELETE FROM auth.organization_people WHERE email ~ '^same@';
INSERT INTO auth.organization_people (email, name) VALUES ('eve@hand.example', 'Eve');
UPDATE auth.organization_people SET email = 'same@hand.example' WHERE email ~ '^eve@';
SELECT (auth.sign_in('same@hand.example', 'Th1sIsAStrong!Pass')).ok;
ROLLBACK;

-- Who leaves while an operator's ban runs is not back when that ends; back on the roster, the ban has its own end.
SELECT auth.ban(who || '@hand.example', '3 days', 'leaked')
    FROM unnest('{same,no-github}'::text[]) AS who;
SELECT auth.remove_person('same@hand.example'), auth.remove_person('no-github@hand.example');
SELECT * FROM regress_provision();
SELECT email, app_role, ban_origin, banned_until < now() + interval '4 days' AS own_end, ban_reason,
    password_scheme FROM auth.users WHERE email ~ '^(same|no-github)@' ORDER BY email;
SELECT auth.push_people('[{"email": "same@hand.example", "name": "Ann Smith"}]');
SELECT * FROM regress_provision();
SELECT ban_origin, banned_until < now() + interval '4 days' AS own_end, ban_reason, password_scheme,
    raw_user_meta_data FROM auth.users WHERE email ~ '^same@';
UPDATE auth.users SET banned_until = now() - interval '1 second', ban_origin = 'operator'
    WHERE email ~ '^(same|no-github)@';
SELECT auth.set_password(who || '@hand.example', 'An0ther!Password')
    FROM unnest('{same,no-github}'::text[]) AS who;
SELECT s.who, (auth.sign_in(s.who || '@hand.example', 'Th1sIsAStrong!Pass')).reason,
    (auth.sign_in(s.who || '@hand.example', 'An0ther!Password')).reason AS new_password
    FROM unnest('{same,no-github}'::text[]) AS s (who);
SELECT * FROM regress_provision();
SELECT ban_origin, banned_until > now() + interval '99 years' AS long FROM auth.users
    WHERE email ~ '^no-github@';
-- Of many: nothing of ours runs row by row for who merely leaves, and no join of all with all is
-- planned where statistics say that a table is empty.
DELETE FROM auth.users;
DELETE FROM auth.organization_people;
ANALYZE auth.users, auth.organization_people, auth.roster_leavers, auth.decisions, auth.audit_heads;
SELECT auth.push_people((SELECT jsonb_agg(jsonb_build_object('email', 'many-' || i
    || '@example.com', 'name', 'M')) FROM generate_series(1, 20) AS i));
SELECT * FROM auth.provision();
DELETE FROM auth.organization_people;
BEGIN;
SET LOCAL track_functions = 'all';
SELECT * FROM auth.provision();
SELECT f AS function, pg_stat_get_xact_function_calls(('auth.' || f)::regproc) AS calls
    FROM unnest('{standing,mark_ban,decide_plan,audit_principals}'::text[]) AS f;
SELECT session_generation, ban_origin, count(*) FROM auth.users GROUP BY 1, 2;
SHOW enable_nestloop;
COMMIT;
SET enable_nestloop = off;
CREATE FUNCTION pg_temp.nested_loops() RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    line text;
    found integer := 0;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) SELECT * FROM auth.provision_plan()' LOOP
        found := found + (line ~ 'Nested Loop')::integer;
    END LOOP;
    RETURN found;
END $$;
SELECT pg_temp.nested_loops();
RESET enable_nestloop;
DROP FUNCTION public.regress_hands();
DROP FUNCTION public.regress_live(text);
-- With a project key bound the audit names it, for each as for many at once.
SELECT token AS service, session_id AS key FROM auth.issue_key('service_role') \gset
SELECT auth.push_people(jsonb_agg(jsonb_build_object('email', 'keyed' || n || '@example.com',
    'name', 'K'))) FROM generate_series(1, 12) AS n;
SELECT set_config('pg_principal.token', :'service', false) <> '' AS bound;
SELECT created FROM auth.provision();
SELECT count(auth.remove_person('keyed' || n || '@example.com')) FROM generate_series(1, 12) AS n;
SELECT decommissioned FROM auth.provision();
SELECT auth.push_people('[{"email": "keyed1@example.com", "name": "K"}]');
SELECT restored FROM auth.provision();
RESET pg_principal.token;
SELECT l.actor_id, l.metadata->>'projectKey' = :'key' AS by_the_key, l.metadata->>'databaseRole' =
    session_user AS as_whom, count(*) FILTER (WHERE l.changes ? 'created') AS created,
    count(*) FILTER (WHERE l.changes->'bannedUntil'->>'current' IS NOT NULL) AS banned, count(*)
        FILTER (WHERE l.changes->'bannedUntil'->>'previous' IS NOT NULL) AS restored
FROM auth.audit_log l WHERE l.subject LIKE 'keyed%' GROUP BY 1, 2, 3;
SELECT count(*) FROM auth.audit_verify();

DROP FUNCTION public.regress_provision();
\i :teardown
