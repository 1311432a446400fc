-- Locked sign-ins answer every password alike.
\getenv here PG_ABS_SRCDIR
\set setup :here /sql/include/setup.sql
\set teardown :here /sql/include/teardown.sql
\i :setup
SET client_min_messages = error;
SELECT (auth.add_user('{"email": "lock@example.com", "password": "Th1sIsAStrong!Pass"}')).status;
CREATE TEMP TABLE guesses (n serial, what text, status integer, reason text);
SELECT payload->'tokens'->>'accessToken' AS lock
    FROM auth.sign_in('lock@example.com', 'Th1sIsAStrong!Pass') \gset
INSERT INTO guesses (what, status, reason) SELECT 'wrong', s.status, s.reason
    FROM generate_series(1, current_setting('pg_principal.max_failed_sign_ins')::integer) AS n,
    LATERAL auth.sign_in('lock@example.com', 'wrong' || n) AS s;
INSERT INTO guesses (what, status, reason) SELECT g.what, s.status, s.reason
    FROM (VALUES ('right', 'Th1sIsAStrong!Pass'), ('wrong', 'Th1sIsAStrong!Pas')) AS g (what,
    password), auth.sign_in('lock@example.com', g.password) AS s;
SELECT set_config('pg_principal.token', :'lock', false) <> '' AS bound;
INSERT INTO guesses (what, status, reason) SELECT 'change: ' || g.what, s.status, s.reason
    FROM (VALUES ('right', 'Th1sIsAStrong!Pass'), ('wrong', 'Th1sIsAStrong!Pas')) AS g (what,
    password), auth.change_password(g.password, 'An0ther!Password') AS s;
INSERT INTO guesses (what, status, reason) SELECT 'account: ' || g.what, s.status, s.reason
    FROM (VALUES ('right', 'Th1sIsAStrong!Pass'), ('wrong', 'Th1sIsAStrong!Pas')) AS g (what,
    password), auth.update_account(jsonb_build_object('password', 'An0ther!Password',
    'currentPassword', g.password)) AS s;
-- nor does a new password that nobody has to prove anything for: it is not called the present one
BEGIN;
SET LOCAL pg_principal.require_current_password = off;
INSERT INTO guesses (what, status, reason) SELECT 'new: right', s.status, s.reason
    FROM auth.update_account('{"password": "Th1sIsAStrong!Pass"}') AS s;
SELECT what, status, reason FROM guesses WHERE what LIKE 'new%';
ROLLBACK;
RESET pg_principal.token;
SELECT what, status, reason, count(*) FROM guesses GROUP BY what, status, reason ORDER BY min(n);
SELECT a.failures - current_setting('pg_principal.max_failed_sign_ins')::integer AS guessed_while_locked,
    extract(epoch
    FROM a.locked_until - a.last_failure_at)::integer / auth.seconds('lockout_duration') AS times
FROM auth.sign_in_attempts a JOIN auth.users u ON u.id = a.user_id AND u.email = 'lock@example.com'
    WHERE a.failures > 0;
SELECT a.reason, a.changes->'signIn'->>'current' AS said, count(*),
    count(DISTINCT coalesce(a.metadata::text, '')) AS kinds_of_metadata FROM auth.audit_log a
    WHERE a.subject = 'lock@example.com' AND a.changes ? 'signIn' GROUP BY 1, 2 ORDER BY 1;
RESET client_min_messages;
\i :teardown
