-- Whoever has a row on the roster belongs to it, however the account was made: leaving bans.
\getenv here PG_ABS_SRCDIR
\set setup :here /sql/include/setup.sql
\set teardown :here /sql/include/teardown.sql
\i :setup
UPDATE auth.users SET app_role = 'ADMIN' WHERE email = 'boss@example.com';
CREATE FUNCTION public.regress_leave(who text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    counted record;
    result text;
BEGIN
    PERFORM auth.remove_person(who);
    counted := auth.provision();
    SELECT format('decommissioned %s, banned %s', counted.decommissioned,
        u.banned_until > now()) INTO result FROM auth.users u WHERE u.email = who;
    RETURN result;
END $$;
SELECT auth.push_people('[{"email": "made-agent@example.com", "name": "Made", "kind": "service_account"}, {"email": "added@example.com", "name": "Added", "kind": "service_account"},
    {"email": "imported@example.com", "name": "Imported", "kind": "service_account"}, {"email": "inserted@example.com", "name": "Inserted"}, {"email": "emptied@example.com", "name": "Emptied"}]');

-- Made over the API: of the roster's kind, so that tokens are issued for it and the health report lists it; leaving ends them.
SET pg_principal.token = :'boss';
SELECT status, payload->'user'->>'kind' AS kind, payload->'user'->>'id' AS made
    FROM auth.create_user('{"email": "made-agent@example.com", "kind": "person"}') \gset made_
SELECT :made_status AS status, :'made_kind' AS kind;
SELECT status, payload->>'token' AS token FROM auth.issue_for(:'made_made', '8760h') \gset issued_
SELECT :issued_status AS status;
RESET pg_principal.token;
SELECT count(*) FROM auth.agent_health() h WHERE h.email = 'made-agent@example.com';
SELECT auth.authenticate(:'issued_token')->>'email' AS live;

-- By an operator, by an import, by SQL.
SELECT ok, payload->'user'->>'kind' AS kind FROM auth.add_user('{"email": "added@example.com"}');
SELECT auth.import_users('[{"email": "Imported@example.com"}]');
SELECT kind, on_roster FROM auth.users WHERE email = 'imported@example.com';
INSERT INTO auth.users (email) VALUES ('inserted@example.com'), ('emptied@example.com');
SELECT regress_leave(who || '@example.com')
    FROM unnest('{made-agent,added,imported,inserted}'::text[]) AS who;
SELECT regress_try(format('SELECT auth.authenticate(%L)', :'issued_token'));
-- by SQL on the roster, row by row or all at once
CREATE TEMP TABLE kept AS TABLE auth.organization_people;
BEGIN;
DELETE FROM auth.organization_people WHERE email = 'emptied@example.com';
SELECT decommissioned FROM auth.provision();
ROLLBACK;
BEGIN;
TRUNCATE auth.organization_people;
SELECT decommissioned = (SELECT count(*) FROM auth.users u
    JOIN kept k ON k.email = u.email) AS everybody FROM auth.provision();
ROLLBACK;
-- who never had a row is left alone
INSERT INTO auth.users (email) VALUES ('outside@example.com');
SELECT decommissioned FROM auth.provision();
SELECT on_roster FROM auth.users WHERE email = 'outside@example.com';

-- Named by the roster after they were made: adopted when a token is issued, by either door.
INSERT INTO auth.users (email) VALUES ('later@example.com'), ('latest@example.com');
SELECT auth.push_people('[{"email": "later@example.com", "name": "Later", "kind": "service_account"}, {"email": "latest@example.com", "name": "Latest", "kind": "service_account"}]');
SELECT kind FROM auth.issue_token('later@example.com');
SET pg_principal.token = :'boss';
SELECT status FROM auth.issue_for((SELECT id FROM auth.users WHERE email = 'latest@example.com'),
    '1h');
RESET pg_principal.token;
SELECT email, kind, on_roster FROM auth.users WHERE email LIKE 'late%' ORDER BY email;
SELECT changes FROM auth.audit_log WHERE subject = 'later@example.com' ORDER BY seq;
SELECT regress_leave('later@example.com'), regress_leave('latest@example.com');

-- A stranger who registered the address before gains nothing, whichever comes first.
SET pg_principal.registration = open;
SELECT w.who, s.status, s.payload->'tokens'->>'refreshToken' AS refresh,
    s.payload->'tokens'->>'accessToken' AS access INTO TEMP registered
FROM unnest('{issued,left,vouched}'::text[]) AS w (who),
    auth.sign_up(jsonb_build_object('email', w.who || '@example.com',
    'password', 'Th1sIsAStrong!Pass')) AS s;
UPDATE auth.users SET email_confirmed_at = now() WHERE email = 'vouched@example.com';
SELECT auth.push_people('[{"email": "issued@example.com", "name": "I"}, {"email": "left@example.com", "name": "L"}, {"email": "vouched@example.com", "name": "V"}]');
SELECT reason
    FROM auth.sign_up('{"email": "issued@example.com", "password": "Th1sIsAStrong!Pass"}');
-- an operator's token ends theirs; it lives itself
SELECT auth.authenticate(auth.issue('issued@example.com'))->>'email' AS live;
SELECT auth.issue('vouched@example.com') IS NOT NULL AS issued;
-- removed and pushed again before provision ever ran
SELECT auth.remove_person('left@example.com');
SELECT auth.push_people('[{"email": "left@example.com", "name": "L"}]');
SELECT created, restored, decommissioned FROM auth.provision();
SELECT r.who, (auth.sign_in(r.who || '@example.com', 'Th1sIsAStrong!Pass')).status AS sign_in,
    (auth.refresh(r.refresh)).reason AS refresh,
    left(regress_try(format('SELECT auth.authenticate(%L)', r.access)), 47) AS access, u.on_roster,
        u.self_registered
FROM registered r JOIN auth.users u ON u.email = r.who || '@example.com' ORDER BY r.who;
RESET pg_principal.registration;
-- a sign-up that began before the row was there is a stranger's, too
SELECT (auth.store_user('{"email": "racing@example.com", "password": "Th1sIsAStrong!Pass"}', '{}',
    'ANALYST', 'registered', true)).on_roster
    FROM auth.push_people('[{"email": "racing@example.com", "name": "R"}]');

SELECT * FROM auth.audit_verify();
DROP FUNCTION public.regress_leave(text);
\i :teardown
