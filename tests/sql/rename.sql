-- Identity is the id, an address an attribute: whoever gets another one keeps row, reports, sessions and tokens.
\getenv here PG_ABS_SRCDIR
\set setup :here /sql/include/setup.sql
\set teardown :here /sql/include/teardown.sql
\i :setup
CREATE VIEW public.regress_both AS SELECT u.email, o.email AS row, o.manager_email AS manager,
    u.kind, u.on_roster, u.banned_until IS NOT NULL AS banned
FROM auth.users u FULL JOIN auth.organization_people o ON o.email = u.email
    ORDER BY coalesce(u.email, o.email);
UPDATE auth.users SET app_role = 'ADMIN' WHERE email = 'kata-agent-team@example.com';
SELECT id AS boss_id FROM auth.users WHERE email = 'boss@example.com' \gset
SELECT id AS ann_id FROM auth.users WHERE email = 'ann@example.com' \gset

-- auth.rename_person: row, principal and reports at once; the next provision finds nothing to do.
SELECT auth.rename_person(' Boss@Example.com', 'Chief@example.com ') = :'boss_id' AS same_id;
TABLE regress_both;
SELECT * FROM auth.provision();
-- the token of before lives, and tells the address of now in every way
SELECT auth.authenticate(:'boss')->>'email' AS claims;
SET pg_principal.token = :'boss';
SELECT auth.uid() = :'boss_id' AS uid, auth.email(), auth.jwt()->>'email' AS jwt,
    auth.self_and_report_emails();
RESET pg_principal.token;
SELECT changes, metadata->>'databaseRole' = session_user AS by_operator FROM auth.audit_log
    WHERE user_id = :'boss_id' ORDER BY seq DESC LIMIT 1;
-- whoever looks for the address of before finds what became of it
SELECT subject, changes FROM auth.list_audit('Boss@example.com', entries => 1);
-- to itself: nothing happens
SELECT auth.rename_person('chief@example.com', 'CHIEF@example.com') = :'boss_id' AS same_id;
SELECT changes->'email' AS latest FROM auth.audit_log WHERE user_id = :'boss_id' ORDER BY seq DESC
    LIMIT 1;
-- refused: neither has the old address, either has the new one, no address
SELECT regress_try('SELECT auth.rename_person(''boss@example.com'', ''x@example.com'')');
SELECT regress_try('SELECT auth.rename_person(''chief@example.com'', ''ann@example.com'')');
SELECT regress_try('SELECT auth.rename_person(''chief@example.com'', ''no at'')');
SELECT regress_try('SELECT auth.rename_person(NULL, ''x@example.com'')'),
    regress_try('SELECT auth.rename_person(''chief@example.com'', NULL)');

-- Not yet provisioned, or never on the roster.
SELECT auth.push_people('[{"email": "new@example.com", "name": "New", "manager_email": "chief@example.com"}, {"email": "free@example.com", "name": "Free"}]');
SELECT auth.rename_person('new@example.com', 'newer@example.com');
SELECT regress_try('SELECT auth.rename_person(''ann@example.com'', ''free@example.com'')');
SELECT ok FROM auth.add_user('{"email": "api@example.com"}');
SELECT auth.rename_person('api@example.com', 'api-two@example.com') IS NOT NULL AS renamed;
TABLE regress_both;

-- By every other door: an admin over the API, SQL on auth.users, SQL on the roster.
SET pg_principal.token = :'agent';
SELECT status, payload->'user'->>'email' AS email
    FROM auth.update_user(:'ann_id', '{"email": "Anna@example.com"}');
SELECT status, reason, payload FROM auth.update_user(:'ann_id', '{"email": "free@example.com"}');
SELECT status, reason, payload FROM auth.update_user(:'ann_id', '{"email": "chief@example.com"}');
RESET pg_principal.token;
UPDATE auth.users SET email = 'boss@example.com' WHERE email = 'chief@example.com';
UPDATE auth.organization_people SET email = 'ann@example.com' WHERE email = 'anna@example.com';
TABLE regress_both;
SELECT count(*) FILTER (WHERE changes ? 'email') AS audited FROM auth.audit_log
    WHERE user_id = :'ann_id';
SELECT created, restored, decommissioned FROM auth.provision();
SELECT id = :'ann_id' AS same_id FROM auth.users WHERE email = 'ann@example.com';
-- whoever moves to an address of the roster without a principal belongs to it
UPDATE auth.users SET email = 'free@example.com' WHERE email = 'free@example.com';
SELECT auth.push_people('[{"email": "vacant@example.com", "name": "Vacant", "kind": "service_account"}]');
UPDATE auth.users SET email = 'vacant@example.com' WHERE email = 'api-two@example.com';
SELECT email, kind, on_roster FROM auth.users WHERE email = 'vacant@example.com';
-- and a stranger without the password that they chose
SET pg_principal.registration = open;
SELECT status
    FROM auth.sign_up('{"email": "stranger@example.com", "password": "Th1sIsAStrong!Pass"}');
RESET pg_principal.registration;
SELECT auth.push_people('[{"email": "vacant-two@example.com", "name": "Vacant"}]');
UPDATE auth.users SET email = 'vacant-two@example.com' WHERE email = 'stranger@example.com';
SELECT on_roster, self_registered, password_scheme IS NULL AS no_password FROM auth.users
    WHERE email = 'vacant-two@example.com';
SELECT status FROM auth.sign_in('vacant-two@example.com', 'Th1sIsAStrong!Pass');

-- The old address goes to somebody else: the old token sees nothing of theirs, by the claims neither.
CREATE TABLE public.regress_notes (owner text, note text);
INSERT INTO regress_notes VALUES ('boss@example.com', 'of the first'),
    ('moved@example.com', 'moved along');
GRANT SELECT ON regress_notes TO PUBLIC;
SET client_min_messages = warning;
SELECT auth.clamp('regress_notes', 'owner');
RESET client_min_messages;
SELECT auth.rename_person('boss@example.com', 'moved@example.com') IS NOT NULL AS renamed; -- names the table
SELECT auth.push_people('[{"email": "boss@example.com", "name": "Another boss"}]');
SELECT created FROM auth.provision();
UPDATE regress_notes SET note = 'of another' WHERE owner = 'boss@example.com';
CREATE POLICY by_claims ON regress_notes USING (owner = auth.jwt()->>'email');
SET pg_principal.token = :'boss';
SET ROLE authenticated;
SELECT * FROM regress_notes;
RESET ROLE;
SELECT auth.unclamp('regress_notes');
SET ROLE authenticated;
SELECT * FROM regress_notes;
RESET ROLE;
RESET pg_principal.token;
DROP TABLE regress_notes;

-- A push that knows the person by the github name says what to do; in whatever case it is written.
SELECT auth.push_people('[{"email": "old@example.com", "name": "Ada", "github_username": "Ada"}]');
SELECT regress_try('SELECT auth.push_people(''[{"email": "new@example.com", "name": "Ada", "github_username": "ada"}]'')');
SELECT regress_try('SELECT auth.push_people(''[{"email": "o''''new$(id)@example.com", "name": "Ada", "github_username": "ADA"}]'')') ~ '--to=''o''\\''''new' AS quoted;
SELECT auth.rename_person('old@example.com', 'new@example.com');
SELECT auth.push_people('[{"email": "new@example.com", "name": "Ada", "github_username": "ada"}]');
SELECT email, github_username FROM auth.organization_people WHERE github_username IS NOT NULL;
SELECT regress_try('SELECT auth.push_people(''[{"email": "a@example.com", "name": "A", "github_username": "x"}, {"email": "b@example.com", "name": "B", "github_username": "X"}]'')');
SELECT regress_try('INSERT INTO auth.organization_people (email, name, github_username) VALUES (''a@example.com'', ''A'', ''ADA'')');
-- swapped in one push
SELECT auth.push_people('[{"email": "a@example.com", "name": "A", "github_username": "One"}, {"email": "b@example.com", "name": "B", "github_username": "Two"}]');
SELECT auth.push_people('[{"email": "a@example.com", "name": "A", "github_username": "two"}, {"email": "b@example.com", "name": "B", "github_username": "one"}]');

-- Whoever is on the roster is not deleted behind its back.
SET pg_principal.token = :'agent';
SELECT status, reason, payload FROM auth.delete_user(:'ann_id');
SELECT auth.remove_person('ann@example.com');
SELECT status FROM auth.delete_user(:'ann_id');
RESET pg_principal.token;
SELECT created FROM auth.provision(true);

-- An address that older versions took and this one does not: its owner is renamed, banned, removed like any other.
INSERT INTO auth.organization_people (email, name) VALUES ('odd@@example.com', 'Odd');
SELECT created FROM auth.provision() \gset
SELECT auth.issue('odd@@example.com') IS NOT NULL AS issued;
SELECT auth.ban('ODD@@example.com', '1 day'), auth.unban(' odd@@example.com');
SELECT auth.set_password('odd@@example.com', 'Th1sIsAStrong!Pass');
SELECT auth.rename_person('odd@@example.com', 'even@example.com') IS NOT NULL AS renamed;
INSERT INTO auth.organization_people (email, name) VALUES ('odd@@example.com', 'Odd');
SELECT auth.remove_person('odd@@example.com');
SELECT * FROM auth.audit_verify();
DROP VIEW public.regress_both;
\i :teardown
