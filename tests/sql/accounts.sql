-- Accounts: who may make, read and change which profile, what a profile may hold, passwords and the
-- ways in from outside.
\getenv here PG_ABS_SRCDIR
\set setup :here /sql/include/setup.sql
\set teardown :here /sql/include/teardown.sql
SET client_min_messages = warning;
SELECT auth.create_signing_key() AS first_key \gset
-- the answer without what differs from run to run
CREATE FUNCTION public.regress_answer(r auth.auth_result) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' | ', r.status || CASE WHEN r.ok THEN ' ok' ELSE '' END, r.reason,
        r.payload->>'message',
        (SELECT string_agg((e->>'message') || CASE WHEN starts_with(e->>'message', CASE e->>'field'
            WHEN '' THEN 'the profile' ELSE e->>'field' END) THEN '' ELSE ' (' || (e->>'field')
            || ')' END, '; ' ORDER BY n) FROM jsonb_array_elements(r.payload->'errors')
            WITH ORDINALITY AS a (e, n)),
        (SELECT string_agg(k, ' ' ORDER BY k COLLATE "C") FROM jsonb_object_keys(r.payload) AS k
            WHERE k NOT IN ('message', 'errors')))
$$;
CREATE FUNCTION public.regress_profile(email text) RETURNS TABLE (kind text, role text, first text,
    last text, title text, phone text, user_meta jsonb, app_meta jsonb, password text,
    confirmed boolean) LANGUAGE sql AS $$
    SELECT u.kind, u.app_role, u.first_name, u.last_name, u.job_title, u.phone_number,
        u.raw_user_meta_data, u.raw_app_meta_data,
           concat(u.password_scheme, CASE WHEN u.password_changed_at IS NOT NULL THEN ' dated' END),
               u.email_confirmed_at IS NOT NULL
    FROM auth.users u WHERE u.email = regress_profile.email $$;
RESET client_min_messages;

-- Registration. bootstrap: the first principal becomes ADMIN, whatever it asks for, and then it is closed.
SHOW pg_principal.registration;
SELECT regress_answer(auth.sign_up('{"email": "root@example.com", "password": "short", "role": "READ_ONLY", "kind": "service_account", "appMetadata": {}, "emailConfirmed": true, "id": 1}'));
SELECT regress_answer(auth.sign_up('{"email": "root@example.com"}')),
    regress_answer(auth.sign_up('{"password": "Th1sIsAStrong!Pass"}')),
    regress_answer(auth.sign_up(NULL)), regress_answer(auth.sign_up('[]'));
SELECT count(*) FROM auth.users;
SELECT * FROM auth.sign_up('{"email": " Root@Example.com", "password": "Th1sIsAStrong!Pass", "firstName": " Ro ", "userMetadata": {"theme": "dark"}}',
    '{"ip": "192.0.2.1", "userAgent": "curl"}') \gset up_
SELECT :'up_ok', :'up_status',
    (:'up_payload'::jsonb->'tokens') - '{accessToken,refreshToken}'::text[] AS lives,
    :'up_payload'::jsonb->'user'->>'role' AS role;
SELECT * FROM regress_profile('root@example.com');
SELECT :'up_payload'::jsonb->'tokens'->>'accessToken' AS root \gset
SELECT auth.authenticate(:'root')->>'email' AS email;
SELECT regress_answer(auth.sign_up('{"email": "second@example.com", "password": "Th1sIsAStrong!Pass"}')),
    regress_answer(auth.sign_up('{"email": "second@example.com", "password": "x"}'));
-- by its own hand
SELECT changes, actor_id = user_id AS self, actor_email, subject,
    metadata - 'sessionId' AS metadata, ip, user_agent FROM auth.audit_log
    WHERE subject = 'root@example.com' ORDER BY seq;
SET pg_principal.registration = off;
SELECT regress_answer(auth.sign_up('{"email": "second@example.com", "password": "Th1sIsAStrong!Pass"}'));
SET pg_principal.registration = open;
SELECT regress_answer(auth.sign_up('{"email": "second@example.com", "password": "Th1sIsAStrong!Pass", "role": "ADMIN"}'));
SELECT regress_answer(auth.sign_up('{"email": "second@example.com", "password": "Th1sIsAStrong!Pass"}'));
SELECT role FROM regress_profile('second@example.com');
SELECT regress_answer(auth.sign_up('{"email": "SECOND@example.com ", "password": "An0ther!Password"}'));
-- nobody takes the email of somebody on the roster, whose rows provision would hand over
SELECT auth.push_people('[{"email": "chief@example.com", "name": "Chief"}]');
SELECT regress_answer(auth.sign_up('{"email": "Chief@example.com", "password": "An0ther!Password"}'));
SELECT auth.remove_person('chief@example.com');
SELECT count(*) FROM auth.users;
RESET pg_principal.registration;
\i :setup
SELECT id AS ann_id FROM auth.users WHERE email = 'ann@example.com' \gset
SELECT id AS boss_id FROM auth.users WHERE email = 'boss@example.com' \gset

-- Who may: the app role as it is at that moment, whatever the token says.
CREATE FUNCTION public.regress_doors(other uuid) RETURNS TABLE (create_user int, list_users int,
    get_own int, get_other int, get_nobody int, update_user int, set_app_role int,
    update_profile int, change_password int) LANGUAGE sql AS $$
    SELECT (auth.create_user('{}')).status, (auth.list_users()).status, (auth.get_user()).status,
        (auth.get_user(other)).status, (auth.get_user(auth.nobody())).status,
        (auth.update_user(other, '{"x": 1}')).status, (auth.set_app_role(other, 'x')).status,
           (auth.update_profile('{"x": 1}')).status, (auth.change_password('x', 'y')).status $$;
SELECT 'nobody' AS caller, d.* FROM regress_doors(:'boss_id') AS d;
SELECT (auth.sign_out()).status AS sign_out;
SET pg_principal.token = :'ann';
BEGIN;
CREATE TEMP TABLE doors (caller text, doors text) ON COMMIT DROP;
DO $$
DECLARE
    r text;
BEGIN
    FOREACH r IN ARRAY '{READ_ONLY,ANALYST,AUDITOR,ADMIN}'::text[] LOOP
        UPDATE auth.users SET app_role = r WHERE email = 'ann@example.com';
        INSERT INTO doors SELECT r, d::text
            FROM regress_doors((SELECT id FROM auth.users WHERE email = 'boss@example.com')) AS d;
    END LOOP;
END $$;
SELECT * FROM doors;
ROLLBACK;
-- a project key is nobody, a dead token is an error
RESET pg_principal.token;
SELECT token AS service FROM auth.issue_key('service_role') \gset
SET pg_principal.token = :'service';
SELECT 'service_role' AS caller, d.* FROM regress_doors(:'boss_id') AS d;
SET pg_principal.token = 'x.y.z';
SELECT regress_try(c) FROM unnest(ARRAY['SELECT auth.create_user(''{}'')', 'SELECT auth.get_user()',
    'SELECT auth.list_users()', 'SELECT auth.update_profile(''{}'')',
    'SELECT auth.update_user(NULL, ''{}'')', 'SELECT auth.set_app_role(NULL, NULL)',
    'SELECT auth.change_password(''a'', ''b'')', 'SELECT auth.sign_out()']) AS c;
RESET pg_principal.token;

-- create_user. Every bad field at once; nothing is stored.
SET pg_principal.token = :'root';
SELECT count(*) AS before FROM auth.users \gset
SELECT what, regress_answer(auth.create_user(profile)) FROM (VALUES
    (1, 'nothing', '{}'::jsonb), (2, 'SQL NULL', NULL), (3, 'null', 'null'),
    (4, 'an array', '[{"email": "a@b.c"}]'), (5, 'a string', '"a@b.c"'),
    (6, 'all wrong',
        '{"email": "no at", "password": "aaaa", "firstName": 1, "lastName": {}, "jobTitle": [], "phoneNumber": true, "role": "admin", "kind": "robot", "userMetadata": "x", "appMetadata": [], "emailConfirmed": "yes", "isAdmin": true, "": 1}'),
    (7, 'email null', '{"email": null}'), (8, 'email a number', '{"email": 1}'),
    (9, 'email empty', '{"email": " "}'),
    (10, 'email too long', jsonb_build_object('email', repeat('a', 251) || '@b.c')),
    (11, 'email twice an at', '{"email": "a@b@c"}'),
    (12, 'email with a line', '{"email": "a\nb@c"}'),
    (13, 'names of 65', jsonb_build_object('email', 'a@b.c', 'firstName', repeat('x', 65),
        'lastName', repeat('é', 65))),
    (14, 'phone of 33', jsonb_build_object('email', 'a@b.c', 'phoneNumber', repeat('1', 33))),
    (15, 'title of 129', jsonb_build_object('email', 'a@b.c', 'jobTitle', repeat('t', 129))),
    (16, 'a name with a line', '{"email": "a@b.c", "firstName": "a\nb"}'),
    (17, 'role of another case', '{"email": "a@b.c", "role": "Admin"}'),
    (18, 'role a number', '{"email": "a@b.c", "role": 4}'),
    (19, 'Supabase''s names',
        '{"email": "a@b.c", "app_role": "ADMIN", "encrypted_password": "x", "id": "x", "banned_until": null, "session_generation": 1}'),
    (20, 'metadata too large', jsonb_build_object('email', 'a@b.c',
        'userMetadata', jsonb_build_object('a', repeat('x', 4096)), 'appMetadata',
        jsonb_build_object('a', repeat('x', 4096)))),
    (21, 'a field with a bad name', jsonb_build_object('email', 'a@b.c',
        E'x\n' || repeat('y', 100), 1))) AS t (n, what, profile) ORDER BY n;
SELECT count(*) - :before AS made FROM auth.users;
-- as long as may be, trimmed, empty is nothing; what is given is what is stored
SELECT regress_answer(auth.create_user(jsonb_build_object('email', E' \tNew@Example.COM ',
    'password', 'Th1sIsAStrong!Pass', 'firstName', ' ' || repeat('é', 64) || ' ', 'lastName',
    repeat('x', 64), 'phoneNumber', repeat('1', 32), 'jobTitle', '  ', 'role', 'AUDITOR', 'kind',
    'service_account',
    'userMetadata', '{"a": {"b": null}, "c": null}'::jsonb, 'appMetadata', NULL, 'emailConfirmed',
        true)));
SELECT kind, role, length(first) AS first, length(last) AS last, title, length(phone) AS phone,
    user_meta, app_meta, password, confirmed FROM regress_profile('new@example.com');
SELECT changes, actor_email, actor_id = (SELECT id FROM auth.users
    WHERE email = 'root@example.com') AS actor, metadata FROM auth.audit_log
    WHERE subject = 'new@example.com';
-- the smallest
SELECT regress_answer(auth.create_user('{"email": "small@example.com", "password": null, "role": null, "firstName": null, "userMetadata": null, "appMetadata": null, "emailConfirmed": null}'));
SELECT * FROM regress_profile('small@example.com');
SELECT regress_answer(auth.create_user('{"email": "SMALL@example.com"}')),
    regress_answer(auth.create_user('{"email": "boss@example.com"}'));
SELECT (payload->'user') - '{id,createdAt,updatedAt}'::text[] AS profile,
    payload->'user'->>'createdAt' ~ '^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$' AS created_at
    FROM auth.get_user((SELECT id FROM auth.users WHERE email = 'small@example.com'));
-- nobody's answer holds a password or its hash
SELECT count(*) AS leaks FROM auth.users u, LATERAL auth.get_user(u.id) AS g
    WHERE g::text ~ 'argon|Th1s|\$2';
-- one who is no longer ADMIN, by the same token
UPDATE auth.users SET app_role = 'AUDITOR' WHERE email = 'root@example.com';
SELECT regress_answer(auth.create_user('{"email": "late@example.com"}'));
UPDATE auth.users SET app_role = 'ADMIN' WHERE email = 'root@example.com';
RESET pg_principal.token;

-- add_user: the same for operators, audited under the role of the database
SELECT regress_answer(auth.add_user('{"email": "added@example.com", "role": "ADMIN"}',
    '{"ip": "2001:db8::1"}')), regress_answer(auth.add_user('{"email": "added@example.com"}')),
    regress_answer(auth.add_user('{"email": "x"}'));
SELECT role FROM regress_profile('added@example.com');
SELECT changes, actor_email, metadata->>'databaseRole' = session_user AS by_role, ip
    FROM auth.audit_log WHERE subject = 'added@example.com';
SELECT regress_try('SELECT auth.add_user(''{"email": "y@example.com"}'', ''[]'')');

-- update_profile: one's own, these fields alone
SET pg_principal.token = :'ann';
SELECT regress_answer(auth.update_profile('{}')), regress_answer(auth.update_profile(NULL)),
    regress_answer(auth.update_profile('"x"'));
SELECT regress_answer(auth.update_profile('{"firstName": " Ann ", "lastName": "A", "jobTitle": "T", "phoneNumber": "+1", "userMetadata": {"theme": "dark", "tabs": {"a": 1, "b": 2}}}',
    '{"ip": "192.0.2.7", "userAgent": "Mozilla"}'));
SELECT * FROM regress_profile('ann@example.com');
SELECT regress_answer(auth.update_profile('{"firstName": null, "lastName": "", "userMetadata": {"theme": null, "tabs": {"c": 3}, "name": "Ann!"}}'));
-- what changes nothing is written nowhere
SELECT (SELECT u.updated_at FROM auth.users u WHERE u.id = :'ann_id') AS was,
    (SELECT max(seq) FROM auth.audit_log WHERE user_id = :'ann_id') AS seq \gset
SELECT c, (auth.update_profile(c)).status FROM unnest(ARRAY['{}', '{"firstName": null}',
    '{"userMetadata": {"name": "Ann!"}}', '{"userMetadata": {}}']::jsonb[]) AS c;
SELECT (SELECT u.updated_at = :'was' FROM auth.users u WHERE u.id = :'ann_id') AS unmoved,
    (SELECT max(seq) - :'seq' FROM auth.audit_log WHERE user_id = :'ann_id') AS entries;
SELECT * FROM regress_profile('ann@example.com');
SELECT jsonb_object_agg(f.key, f.value ORDER BY f.key) AS changes, actor_email, ip, user_agent
    FROM auth.audit_log l, jsonb_each(l.changes) AS f WHERE l.user_id = :'ann_id'
    AND f.key NOT IN ('created', 'token') GROUP BY seq, actor_email, ip, user_agent ORDER BY seq;
-- what does not change is no change
SELECT regress_answer(auth.update_profile('{"jobTitle": " T "}'));
SELECT count(*) FROM auth.audit_log WHERE user_id = :'ann_id';
-- all problems, and none of the changes beside them
SELECT regress_answer(auth.update_profile(jsonb_build_object('firstName', repeat('x', 65),
    'phoneNumber', 'fine', 'role', 'ADMIN', 'email', 'root@example.com', 'password', 'x',
    'userMetadata', 1)));
SELECT regress_answer(auth.update_profile(jsonb_build_object('userMetadata',
    jsonb_build_object('big', repeat('x', 5000)))));
SELECT regress_answer(auth.update_profile(jsonb_build_object('userMetadata',
    jsonb_build_object('a', repeat('x', 3000)))));
SELECT regress_try(format('SELECT regress_answer(auth.update_profile(%L))',
    jsonb_build_object('userMetadata', jsonb_build_object('b', repeat('x', 3000)))));
SELECT phone, octet_length(user_meta::text) BETWEEN 3000 AND 4096 AS meta
    FROM regress_profile('ann@example.com');
SELECT (payload->'user'->'userMetadata') - 'a' AS meta
    FROM auth.update_profile('{"userMetadata": {"a": null}}');
-- nulls deeper down, and in what nobody touches, stay
UPDATE auth.users SET raw_user_meta_data = '{"kept": null}', raw_app_meta_data = '{"kept": null}'
    WHERE id = :'ann_id';
SELECT regress_answer(auth.update_profile('{"jobTitle": "U"}'));
SELECT user_meta, app_meta FROM regress_profile('ann@example.com');
RESET pg_principal.token;

-- update_user: any field of anybody, by an ADMIN
SET pg_principal.token = :'root';
SELECT regress_answer(auth.update_user(:'ann_id',
    '{"email": " Anna@Example.com", "firstName": "Anna", "role": "READ_ONLY", "kind": "service_account", "appMetadata": {"plan": "pro"}, "emailConfirmed": true}',
    '{"ip": "198.51.100.1"}'));
SELECT * FROM regress_profile('anna@example.com');
SELECT f.key, f.value, actor_email, subject, ip FROM auth.audit_log l, jsonb_each(l.changes) AS f
    WHERE l.user_id = :'ann_id' AND l.ip = '198.51.100.1' ORDER BY f.key;
SELECT regress_answer(auth.update_user(:'ann_id',
    '{"email": "boss@example.com", "firstName": "Lost"}')),
    regress_answer(auth.update_user(auth.nobody(), '{"firstName": "x"}')),
    regress_answer(auth.update_user(NULL, '{}'));
SELECT regress_answer(auth.update_user(:'ann_id',
    '{"email": null, "role": null, "kind": null, "emailConfirmed": false, "appMetadata": {"plan": null}}'));
SELECT * FROM regress_profile('anna@example.com');
SELECT regress_answer(auth.update_user(:'ann_id', '{"password": "weak", "role": "ROOT", "x": 1}'));
UPDATE auth.users SET email = 'ann@example.com' WHERE id = :'ann_id';
-- an application's own role is nothing to us, and what is ours is not written there
SELECT n, regress_answer(auth.update_user(:'ann_id', change))
    FROM (VALUES (1, '{"appMetadata": {"role": "ADMIN", "kind": "person"}}'::jsonb),
    (2, '{"appMetadata": {"pg_principal": {"role": "ADMIN", "kind": "service_account"}}}'),
    (3, '{"appMetadata": {"pg_principal": {"role": "READ_ONLY", "kind": "service_account"}, "role": null}}'),
    (4, '{"appMetadata": {"pg_principal": "x"}}'),
    (5, '{"role": "ANALYST", "appMetadata": {"pg_principal": {"role": "READ_ONLY", "kind": "service_account"}}}'),
    (6, '{"appMetadata": {"pg_principal": null, "kind": null}}')) AS t (n, change) ORDER BY n;
SELECT role, kind, app_meta FROM regress_profile('ann@example.com');
SELECT regress_answer(auth.create_user(jsonb_build_object('email', 'reserved@example.com',
    'appMetadata', jsonb_build_object('pg_principal', ours))))
    FROM (VALUES ('{"kind": "person", "role": "ADMIN"}'::jsonb), ('{"role": "ANALYST"}'), ('[]'),
    ('{"kind": "person", "role": "ANALYST"}')) AS t (ours);
SELECT role, app_meta FROM regress_profile('reserved@example.com');
DELETE FROM auth.users WHERE email = 'reserved@example.com';
-- a new password ends the sessions, issued tokens included
SELECT regress_answer(auth.update_user(:'ann_id', '{"password": "An0ther!Password"}'));
SELECT state, origin FROM auth.list_sessions('ann@example.com');
SELECT left(regress_try(format('SELECT auth.authenticate(%L)', :'ann')), 5) AS old_token;
SELECT changes FROM auth.audit_log WHERE user_id = :'ann_id' ORDER BY seq DESC LIMIT 1;
-- not even a row that says it says it in a token
UPDATE auth.users
    SET raw_app_meta_data =
    '{"pg_principal": {"role": "ADMIN"}, "role": "admin", "provider": "google"}'
    WHERE id = :'ann_id';
SELECT payload->'tokens'->>'accessToken' AS t
    FROM auth.sign_in('ann@example.com', 'An0ther!Password') \gset
SELECT auth.authenticate(:'t')->'app_metadata' AS app_metadata;
UPDATE auth.users SET raw_app_meta_data = '{}' WHERE id = :'ann_id';

-- set_app_role: in force at the next statement of a token that is there already
RESET pg_principal.token;
SELECT auth.issue('ann@example.com') AS ann \gset
SET pg_principal.token = :'root';
SELECT regress_answer(auth.set_app_role(:'ann_id', r))
    FROM unnest(ARRAY['AUDITOR', 'auditor', '', 'ROOT', NULL]) AS r;
SELECT regress_answer(auth.set_app_role(auth.nobody(), 'ADMIN')),
    regress_answer(auth.set_app_role(NULL, 'ADMIN'));
SET pg_principal.token = :'ann';
SELECT auth.app_role(), auth.jwt()->'app_metadata'->'pg_principal'->>'role' AS token_says,
    (auth.list_users()).status;
SET pg_principal.token = :'root';
SELECT regress_answer(auth.set_app_role(:'ann_id', 'ANALYST', '{"userAgent": "x"}'));
SET pg_principal.token = :'ann';
SELECT auth.app_role(), (auth.list_users()).status,
    regress_answer(auth.set_app_role(:'ann_id', 'ADMIN'));
SELECT changes, actor_email FROM auth.audits(2);
RESET pg_principal.token;

-- list_users: oldest first, in pages that leave nobody out
SET pg_principal.token = :'root';
SELECT page, per_page, regress_answer(auth.list_users(page, per_page))
    FROM (VALUES (1, 1), (1, 1000), (99, 50), (0, 1), (-1, 1), (NULL, 1), (1, 0), (1, 1001),
    (1, -1), (1, NULL), (2147483647, 1000)) AS t (page, per_page);
SELECT payload->'total' AS total, jsonb_array_length(payload->'users') AS here
    FROM auth.list_users(2147483647, 1000);
SELECT array_agg(u->>'email' ORDER BY page, n) = (SELECT array_agg(email ORDER BY created_at, id)
    FROM auth.users) AS each_once_in_order, (array_agg(u->>'email' ORDER BY page, n))[1] AS first,
    count(*)
FROM generate_series(1, 5) AS page,
    LATERAL jsonb_array_elements((auth.list_users(page, 2)).payload->'users')
    WITH ORDINALITY AS a (u, n);
SELECT regress_answer(auth.get_user()), regress_answer(auth.get_user(:'boss_id')),
    regress_answer(auth.get_user(auth.nobody()));
RESET pg_principal.token;

-- import_users: ids and hashes kept; all or none, every problem named.
SELECT regress_try(format('SELECT auth.import_users(%L)', rows)) FROM (VALUES (NULL::jsonb), ('{}'),
    ('null'), ('"x"'), ('[]'),
    ('[{"email": "root@example.com"}, 7, null, {}, {"email": "no at"}, {"email": "a@b.c", "id": "x"}, {"email": "A@b.c "}, {"email": "b@b.c", "encrypted_password": "secret"}, {"email": "c@b.c", "encrypted_password": "$2a$31$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"},
      {"email": "d@b.c", "raw_user_meta_data": [], "raw_app_meta_data": "x"}, {"email": "h@b.c", "kind": "human", "raw_app_meta_data": {"pg_principal": null}}, {"email": "e@b.c", "created_at": "yesterday", "banned_until": 5, "last_sign_in_at": "2024-02-30", "email_confirmed_at": "infinity"}, {"email": "f@b.c", "id": "00000000-0000-4000-8000-00000000000a"}, {"email": "g@b.c", "id": "00000000-0000-4000-8000-00000000000A"}]')) AS t (rows);
SELECT regress_try(format('SELECT auth.import_users(%L)',
    jsonb_build_array(jsonb_build_object('email', 'new1@b.c'),
    jsonb_build_object('email', 'new2@b.c',
    'id', :'boss_id'))::text)) ~ '1 problem in an import of 2 users.*row 2: id .* is taken' AS id_taken;
SELECT regress_try(format('SELECT auth.import_users(%L)',
    (SELECT jsonb_agg(jsonb_build_object('email', n))
    FROM generate_series(1, 25) AS n))) ~ 'row 20: [^\n]*\nand 5 more$' AS cut;
SELECT count(*) FROM auth.users WHERE email LIKE '%@b.c';
SELECT auth.import_users('[{"id": "00000000-0000-4000-8000-0000000000AA", "aud": "authenticated", "email": "Imported@Example.com", "encrypted_password": "$2b$05$9b.1NFrh3pa.pBvEH4uquudxdY2a2bNF.F4liv.Hec1FDs/AYpkmS", "raw_user_meta_data": {"name": "I"}, "kind": "service_account", "raw_app_meta_data": {"role": "ADMIN", "kind": "person", "provider": "google"},
    "created_at": "2021-03-04T05:06:07.123+00:00", "email_confirmed_at": "2021-03-04 05:06:07.123456+00", "last_sign_in_at": null, "banned_until": null, "is_super_admin": null},
  {"email": "u*u@example.com", "encrypted_password": "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "banned_until": "2999-01-01T00:00:00Z"}, {"email": "2y@example.com", "encrypted_password": "$2y$04$abcdefghijklmnopqrstuuxKk5Zp/ywkv.2T2gOSHljkrfsl.zCKu"}, {"email": "none@example.com", "encrypted_password": ""}]') AS imported;
SELECT u.id = '00000000-0000-4000-8000-0000000000aa' AS same_id, p.*,
    u.created_at = '2021-03-04T05:06:07.123Z' AS created,
    u.banned_until = '2999-01-01T00:00:00Z' AS banned, u.ban_origin FROM auth.users u,
    regress_profile(u.email) AS p WHERE u.email IN ('imported@example.com', 'u*u@example.com',
    'none@example.com') ORDER BY u.email COLLATE "C";
SELECT subject, changes FROM auth.audit_log WHERE changes->'created'->>'current' = 'imported'
    ORDER BY subject COLLATE "C";
-- the old hash signs in once, and is replaced; the password is not called changed
SELECT regress_answer(auth.sign_in('imported@example.com', 'Imp0rted!password'));
SELECT password FROM regress_profile('imported@example.com');
SELECT regress_answer(auth.sign_in('imported@example.com', 'Imp0rted!Password'));
SELECT password FROM regress_profile('imported@example.com');
SELECT p.hash LIKE '$argon2id$v=19$m=19456,t=2,p=1$%' AS ours, p.hash FROM auth.users u
    JOIN auth.password_hashes p ON p.user_id = u.id WHERE u.email = 'imported@example.com' \gset
SELECT :'ours' AS ours, regress_answer(auth.sign_in('imported@example.com', 'Imp0rted!Password')),
    (SELECT p.hash = :'hash' FROM auth.users u JOIN auth.password_hashes p ON p.user_id = u.id
    WHERE u.email = 'imported@example.com') AS kept;
SELECT changes FROM auth.audit_log WHERE subject = 'imported@example.com' ORDER BY seq;
-- banned where it came from, banned here; without a password none fits
SELECT regress_answer(auth.sign_in('u*u@example.com', 'U*U')),
    regress_answer(auth.sign_in('u*u@example.com', 'U*U*')),
    regress_answer(auth.sign_in('2y@example.com', 'An0ther!Password')) ~ '^200' AS htpasswd,
    regress_answer(auth.sign_in('none@example.com', '')),
    regress_answer(auth.sign_in('none@example.com', NULL));
SELECT auth.unban('u*u@example.com');
SELECT regress_answer(auth.sign_in(' U*U@example.com', 'U*U'));

-- set_password, for operators
SELECT regress_try('SELECT auth.set_password(''ann@example.com'', ''weak'')'),
    regress_try('SELECT auth.set_password(''ann@example.com'', NULL)'),
    regress_try('SELECT auth.set_password(''nobody@example.com'', ''Th1sIsAStrong!Pass'')'),
    regress_try('SELECT auth.set_password(NULL, ''Th1sIsAStrong!Pass'')');
SELECT auth.set_password(' ANN@example.com', 'Th1sIsAStrong!Pass');
SELECT state FROM auth.list_sessions('ann@example.com') ORDER BY 1;
SELECT regress_answer(auth.sign_in('ann@example.com', 'Th1sIsAStrong!Pass'));
SELECT changes FROM auth.audit_log WHERE user_id = :'ann_id' AND changes ? 'password' ORDER BY seq;

-- The password policy.
CREATE FUNCTION public.regress_policy(password text) RETURNS text LANGUAGE sql AS $$
    SELECT coalesce((SELECT string_agg(substr(p->>'message', 10), '; ')
    FROM jsonb_array_elements((auth.read_profile(jsonb_build_object('password', password),
    'password', 'password')).problems) AS p), 'passes') $$;
SELECT what, regress_policy(p) FROM (VALUES (1, 'the original''s', 'Th1sIsAStrong!Pass'),
    (2, '11', 'Aa1!aaaaaaa'), (3, '12', 'Aa1!aaaaaaaa'), (4, '128', 'Aa1!' || repeat('a', 124)),
    (5, '129', 'Aa1!' || repeat('a', 125)), (6, '128 of four bytes', 'Aa1' || repeat('😀', 125)),
    (7, 'no lower', 'AA1!AAAAAAAA'), (8, 'no upper', 'aa1!aaaaaaaa'),
    (9, 'no digit', 'Aaa!aaaaaaaa'), (10, 'no symbol', 'Aa1aaaaaaaaa'),
    (11, '_ is a symbol', 'Aa1_aaaaaaaa'), (12, 'a space is a symbol', 'Aa1 aaaaaaaa'),
    (13, 'é is a symbol', 'Aa1éaaaaaaaa'), (14, 'empty', ''), (15, 'a tab', E'Aa1!aaaaaaaa\t'),
    (16, 'much too long', repeat('x', 100000))) AS t (n, what, p) ORDER BY n;
SET pg_principal.password_min_length = 4;
SET pg_principal.password_classes = 'digit';
SELECT regress_policy('abc'), regress_policy('abcd'), regress_policy('abc1');
SET pg_principal.password_classes = '';
SET pg_principal.password_min_length = 1;
SELECT regress_policy(''), regress_policy('a'), regress_policy(repeat('a', 129));
SELECT regress_answer(auth.add_user('{"email": "weak@example.com", "password": "a"}'));
SET pg_principal.password_classes = ' symbol ,lower';
SELECT regress_policy('A'), regress_policy('a_');
RESET pg_principal.password_classes;
RESET pg_principal.password_min_length;
-- settings that are none
SET pg_principal.password_classes = 'lower, uppercase';
SET pg_principal.password_classes = 'lower,,digit';
SET pg_principal.password_min_length = 0;
SET pg_principal.password_min_length = 129;
SET pg_principal.registration = 'closed';
\set VERBOSITY sqlstate
SET pg_principal.access_token_ttl = '2d';
SET pg_principal.refresh_token_ttl = 0;
\set VERBOSITY default
SET pg_principal.max_failed_sign_ins = -1;
SHOW pg_principal.password_classes;

-- Hashes: no row of auth.users holds one, whoever writes it and however.
CREATE FUNCTION public.regress_hash(who text) RETURNS TABLE (shown text, scheme text,
    version integer, stored text) LANGUAGE sql AS $$
    SELECT u.encrypted_password, u.password_scheme, u.password_version, h.hash FROM auth.users u
        LEFT JOIN auth.password_hashes h ON h.user_id = u.id WHERE u.email = who $$;
INSERT INTO auth.users (email, encrypted_password)
    VALUES ('hashed@example.com', '$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW')
    RETURNING encrypted_password;
SELECT * FROM regress_hash('hashed@example.com');
SELECT regress_answer(auth.sign_in('hashed@example.com', 'U*U'));
SELECT shown, scheme, version, left(stored, 30) AS stored FROM regress_hash('hashed@example.com');
UPDATE auth.users
    SET encrypted_password = '$2y$04$abcdefghijklmnopqrstuuxKk5Zp/ywkv.2T2gOSHljkrfsl.zCKu',
    job_title = 'T' WHERE email = 'hashed@example.com' RETURNING encrypted_password;
SELECT * FROM regress_hash('hashed@example.com');
UPDATE auth.users SET job_title = 'U' WHERE email = 'hashed@example.com';
SELECT scheme, version, stored IS NOT NULL AS stored FROM regress_hash('hashed@example.com');
-- a row that breaks a constraint is told without it
UPDATE auth.users SET encrypted_password = '$2a$a-secret-hash', app_role = 'KING',
    updated_at = 'epoch', created_at = 'epoch', last_sign_in_at = 'epoch',
    id = '00000000-0000-4000-8000-0000000000cc' WHERE email = 'hashed@example.com';
INSERT INTO auth.users (id, email, encrypted_password, created_at, updated_at)
    VALUES ('00000000-0000-4000-8000-0000000000cc', 'no at', '$2a$a-secret-hash', 'epoch', 'epoch');
INSERT INTO auth.users (email, encrypted_password)
    VALUES ('hashed@example.com', '$2a$a-secret-hash');
-- nor does what was refused, or passed over, leave one behind
INSERT INTO auth.users (id, email, encrypted_password)
    VALUES ('00000000-0000-4000-8000-0000000000cc', 'hashed@example.com', '$2a$a-secret-hash')
    ON CONFLICT DO NOTHING;
INSERT INTO auth.users (id, email) VALUES ('00000000-0000-4000-8000-0000000000cc',
    'plain@example.com');
BEGIN;
UPDATE auth.users SET encrypted_password = '$2a$a-secret-hash' WHERE email = 'hashed@example.com';
ROLLBACK;
SELECT email, u.password_scheme, h.hash FROM auth.users u LEFT
    JOIN auth.password_hashes h ON h.user_id = u.id
    WHERE email IN ('hashed@example.com', 'plain@example.com') ORDER BY email;
-- NULL or nothing takes it away
UPDATE auth.users SET encrypted_password = '' WHERE email = 'hashed@example.com';
SELECT * FROM regress_hash('hashed@example.com');
SELECT auth.set_password('hashed@example.com', 'Th1sIsAStrong!Pass');
UPDATE auth.users SET encrypted_password = NULL WHERE email = 'hashed@example.com';
SELECT * FROM regress_hash('hashed@example.com');
SELECT changes FROM auth.audit_log WHERE subject = 'hashed@example.com'
    AND changes ?| '{password,passwordHash}' ORDER BY seq;
-- it goes with its principal
SELECT auth.set_password('hashed@example.com', 'Th1sIsAStrong!Pass');
SELECT id AS hashed_id FROM auth.users WHERE email = 'hashed@example.com' \gset
DELETE FROM auth.users WHERE id = :'hashed_id';
SELECT count(*) FROM auth.password_hashes WHERE user_id = :'hashed_id';
SELECT count(*) AS orphans FROM auth.password_hashes h LEFT JOIN auth.users u ON u.id = h.user_id
    WHERE u.id IS NULL;
DELETE FROM auth.users WHERE email = 'plain@example.com';
SET ROLE pg_read_all_data;
SELECT count(*) FROM auth.password_hashes;
RESET ROLE;

DROP FUNCTION public.regress_hash(text);
DROP FUNCTION public.regress_answer(auth.auth_result), public.regress_profile(text),
    public.regress_doors(uuid), public.regress_policy(text);
\i :teardown
