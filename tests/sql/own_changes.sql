-- What principals do to their own accounts has a bound, and somebody stays ADMIN.
\getenv here PG_ABS_SRCDIR
\set teardown :here /sql/include/teardown.sql
SET client_min_messages = warning;
SELECT auth.create_signing_key() AS first_key \gset
CREATE FUNCTION public.regress_told(r auth.auth_result) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' | ', r.status, r.reason, r.payload->>'message',
        (SELECT string_agg(e->>'message', '; ')
        FROM jsonb_array_elements(r.payload->'errors') AS e)) $$;
RESET client_min_messages;
SELECT count(auth.add_user(jsonb_build_object('email', n || '@own.example.com',
    'password', 'Th1sIsAStrong!Pass', 'role', r)))
FROM (VALUES ('ann', 'ANALYST'), ('adam', 'ADMIN'), ('eve', 'ADMIN')) AS v (n, r);
SELECT payload->'tokens'->>'accessToken' AS ann FROM auth.sign_in('ann@own.example.com',
    'Th1sIsAStrong!Pass') \gset
SELECT payload->'tokens'->>'accessToken' AS adam FROM auth.sign_in('adam@own.example.com',
    'Th1sIsAStrong!Pass') \gset
SELECT payload->'tokens'->>'accessToken' AS eve FROM auth.sign_in('eve@own.example.com',
    'Th1sIsAStrong!Pass') \gset

-- Changes of one's own within an hour: counted, refused beyond; what changes nothing costs nothing.
SHOW pg_principal.max_own_changes;
SET pg_principal.max_own_changes = 5;
SET pg_principal.token = :'ann';
SELECT regress_told(auth.update_profile(jsonb_build_object('jobTitle', n::text))) AS told, count(*)
    FROM generate_series(1, 20) AS n GROUP BY told ORDER BY told;
SELECT regress_told(auth.update_account(jsonb_build_object('userMetadata',
    jsonb_build_object('n', n)))) AS told, count(*) FROM generate_series(1, 20) AS n GROUP BY told;
SELECT count(*) FROM auth.audit_log WHERE subject = 'ann@own.example.com' AND actor_id = user_id
    AND metadata IS NULL;
-- a password can be changed all the same, and has its own bound
SELECT regress_told(auth.change_password('Th1sIsAStrong!Pass', 'An0ther!Password')),
    regress_told(auth.update_account('{"currentPassword": "An0ther!Password", "password": "Th1sIsAStrong!Pass"}'));
SELECT regress_told(auth.change_password(CASE n % 2 WHEN 1 THEN 'Th1sIsAStrong!Pass'
    ELSE 'An0ther!Password' END, CASE n % 2 WHEN 1 THEN 'An0ther!Password'
    ELSE 'Th1sIsAStrong!Pass' END)) AS told
FROM generate_series(1, 5) AS n;
-- and sessions end whatever was changed
SELECT regress_told(auth.sign_out('others')), regress_told(auth.end_session(auth.session_id()));
RESET pg_principal.token;
-- who administers is not bounded by it
SET pg_principal.token = :'adam';
SELECT count(*)
    FILTER (WHERE (auth.update_user((SELECT id FROM auth.users WHERE email = 'ann@own.example.com'),
    jsonb_build_object('jobTitle', n::text))).ok) FROM generate_series(1, 20) AS n;

-- Fields are named: after a merge, in a page, with a wrong password.
SELECT regress_told(auth.update_profile(jsonb_build_object('userMetadata',
    jsonb_build_object('a', repeat('x', 3000)))));
SELECT regress_told(auth.update_profile(jsonb_build_object('userMetadata',
    jsonb_build_object('b', repeat('x', 3000)))));
SELECT regress_told(auth.update_user(auth.uid(),
    jsonb_build_object('appMetadata', jsonb_build_object('a', repeat('x', 4000))))),
    regress_told(auth.update_user(auth.uid(),
    jsonb_build_object('appMetadata', jsonb_build_object('b', repeat('x', 4000)))));
SELECT regress_told(auth.list_users(0, 50)), regress_told(auth.list_users(1, 1001)),
    regress_told(auth.search_users(NULL, NULL, 50)), regress_told(auth.search_users(NULL, 1, 0));
SELECT regress_told(auth.change_password('wrong', 'An0ther!Password'));

-- The last ADMIN stays one, whoever asks over the API; an operator may do as they like.
SELECT regress_told(auth.set_app_role((SELECT id FROM auth.users
    WHERE email = 'eve@own.example.com'), 'ANALYST'));
SELECT regress_told(auth.set_app_role(auth.uid(), 'ANALYST')),
    regress_told(auth.set_app_role(auth.uid(), 'ADMIN')), auth.app_role();
SELECT regress_told(auth.set_app_role((SELECT id FROM auth.users
    WHERE email = 'eve@own.example.com'), 'ADMIN'));
SET pg_principal.token = :'eve';
SELECT regress_told(auth.sign_out());
SET pg_principal.token = :'adam';
SELECT auth.ban('eve@own.example.com');
SELECT regress_told(auth.set_app_role(auth.uid(), 'READ_ONLY'));
SELECT auth.unban('eve@own.example.com');
SELECT regress_told(auth.set_app_role(auth.uid(), 'READ_ONLY')), auth.app_role();
RESET pg_principal.token;
SELECT token AS service FROM auth.issue_key('service_role') \gset
SET pg_principal.token = :'service';
SELECT regress_told(auth.set_app_role(u.id, 'ANALYST')),
    regress_told(auth.update_user(u.id, '{"banDuration": "1h"}')),
    regress_told(auth.ban_user(u.id)), regress_told(auth.delete_user(u.id)) FROM auth.users u
    WHERE u.email = 'eve@own.example.com';
SELECT regress_told(auth.set_app_role(u.id, 'ADMIN')) FROM auth.users u
    WHERE u.email = 'adam@own.example.com';
SELECT regress_told(auth.ban_user(u.id)) FROM auth.users u WHERE u.email = 'eve@own.example.com';
SELECT regress_told(auth.delete_user(u.id)) FROM auth.users u
    WHERE u.email = 'adam@own.example.com';
RESET pg_principal.token;

-- A session that was signed out has ended then, and times of the audit have the form of all others.
SELECT state, expires_at = revoked_at AS ended_then, isfinite(expires_at) AS finite
    FROM auth.list_sessions('eve@own.example.com');
SELECT DISTINCT changes->'bannedUntil'->>'current' ~ '^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$' AS iso
    FROM auth.audit_log WHERE subject = 'eve@own.example.com'
    AND changes->'bannedUntil'->'current' <> 'null';
-- refusals that leave nothing in the log
SELECT auth.try_authenticate('a.b.c') IS NOT NULL AS refused, auth.try_authenticate(''),
    auth.try_authenticate(NULL), current_setting('pg_principal.token') AS bound,
    auth.try_authenticate(:'service') IS NULL AS good, auth.role();

SET client_min_messages = warning;
DROP FUNCTION public.regress_told;
CREATE FUNCTION public.regress_try(statement text) RETURNS text LANGUAGE sql AS 'SELECT statement'; -- which the teardown drops
\i :teardown
