\getenv here PG_ABS_SRCDIR
\set setup :here /sql/include/setup.sql
\set teardown :here /sql/include/teardown.sql
\i :setup
-- Nobody: NULL and false, never an error.
SELECT auth.uid(), auth.email(), auth.role(), auth.kind(), auth.app_role(), auth.session_id(),
    auth.jwt();
SELECT auth.has_role('ANALYST'), auth.has_role(VARIADIC NULL), auth.has_scope('x'),
    auth.has_scope(NULL),
       auth.is_service_account(), auth.is_person();

-- A service account, a person.
SET pg_principal.token = :'agent';
SELECT auth.uid() = (SELECT id FROM auth.users WHERE email = 'kata-agent-team@example.com') AS uid,
    auth.email(), auth.role(),
       auth.kind(), auth.app_role(),
           auth.session_id() = (auth.jwt()->>'session_id')::uuid AS session;
SELECT auth.has_role('ANALYST'), auth.has_role('ADMIN', 'ANALYST'), auth.has_role('ADMIN'),
    auth.has_role(NULL, 'ANALYST'),
       auth.has_scope('x'), auth.is_service_account(), auth.is_person();
SET pg_principal.token = :'boss';
SELECT auth.email(), auth.kind(), auth.is_service_account(), auth.is_person();

-- The claims are Supabase's.
SELECT string_agg(k, ' ' ORDER BY k) FROM jsonb_object_keys(auth.jwt()) AS k;
SELECT j->>'iss' AS iss, j->>'aud' AS aud, j->>'role' AS role, j->>'email' AS email,
    j->'app_metadata' AS app_metadata,
       j->'user_metadata' AS user_metadata, j->>'aal' AS aal, j->'amr'->0->>'method' AS amr,
           j->'is_anonymous' AS anonymous,
       (j->>'exp')::bigint - (j->>'iat')::bigint AS ttl,
           abs((j->>'iat')::bigint - extract(epoch FROM now())) < 60 AS recent
FROM auth.jwt() AS j;
SELECT convert_from(decode(rpad(translate(split_part(:'boss', '.', 1), '-_', '+/'),
    4 * ((length(split_part(:'boss', '.', 1)) + 3) / 4), '='), 'base64'), 'UTF8')::jsonb
       = jsonb_build_object('alg', 'HS256', 'typ', 'JWT', 'kid', :'kid') AS header;

-- The role comes from the database at each statement, not from the token.
UPDATE auth.users SET app_role = 'ADMIN' WHERE email = 'boss@example.com';
SELECT auth.app_role(), auth.has_role('ADMIN'),
    auth.jwt()->'app_metadata'->'pg_principal'->>'role' AS minted_as;
UPDATE auth.users SET email = 'chief@example.com' WHERE email = 'boss@example.com';
SELECT auth.email(), auth.jwt()->>'email' AS minted_as;
UPDATE auth.users SET email = 'boss@example.com' WHERE email = 'chief@example.com';

-- Scopes and labels.
SELECT auth.issue('boss@example.com', '24h', 'laptop', '{read:rows,write:rows}') AS scoped \gset
SET pg_principal.token = :'scoped';
SELECT auth.has_scope('read:rows'), auth.has_scope('write:rows'), auth.has_scope('read'),
    auth.has_scope('read:rows write:rows'),
       auth.has_scope(''), auth.jwt()->>'scope' AS scope,
           (auth.jwt()->>'exp')::bigint - (auth.jwt()->>'iat')::bigint AS ttl;
SELECT label, scopes, role, state FROM auth.list_sessions('Boss@Example.com ') ORDER BY label;

-- The identity is a setting and behaves like one.
RESET pg_principal.token;
BEGIN;
SET LOCAL pg_principal.token = :'agent';
SELECT auth.email();
SAVEPOINT a;
SET LOCAL pg_principal.token = :'boss';
SELECT auth.email();
ROLLBACK TO SAVEPOINT a;
SELECT auth.email();
SAVEPOINT b;
SET LOCAL pg_principal.token = '';
SELECT auth.email();
RELEASE SAVEPOINT b;
SELECT auth.email();
COMMIT;
SELECT auth.email();
SET pg_principal.token = :'agent';
BEGIN;
SET LOCAL pg_principal.token = :'boss';
ROLLBACK;
SELECT auth.email();
RESET ALL;
SELECT auth.email();
SET pg_principal.token = :'agent';
DISCARD ALL;
SELECT auth.email();
SET SESSION AUTHORIZATION DEFAULT;

-- Changed in the middle of a statement: what comes after sees the new one.
SET pg_principal.token = :'agent';
SELECT auth.email() AS before, set_config('pg_principal.token', :'boss', false) AS shown,
    auth.email() AS after;

-- In one plan over many rows, and in a PL/pgSQL expression that is evaluated again and again.
CREATE TEMP TABLE tokens (n int, token text);
INSERT INTO tokens VALUES (1, :'agent'), (2, :'boss'), (3, ''), (4, :'ann'), (5, :'ann');
CREATE FUNCTION pg_temp.becomes(token text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('pg_principal.token', token, true);
    RETURN token;
END $$;
SELECT n, auth.email() FROM (SELECT n, pg_temp.becomes(token) FROM tokens ORDER BY n OFFSET 0) AS t;
DO $$
DECLARE
    t record;
    who text;
    seen text[];
BEGIN
    FOR t IN SELECT * FROM tokens ORDER BY n LOOP
        PERFORM set_config('pg_principal.token', t.token, true);
        who := auth.email();
        seen := seen || coalesce(who, 'nobody');
    END LOOP;
    RAISE NOTICE '%', seen;
END $$;

-- Never shown.
SET pg_principal.token = :'agent';
SHOW pg_principal.token;
SELECT current_setting('pg_principal.token');
SELECT set_config('pg_principal.token', :'agent', false);
SELECT count(*) FROM pg_settings WHERE name = 'pg_principal.token' OR setting LIKE 'eyJ%'
    OR reset_val LIKE 'eyJ%' OR boot_val LIKE 'eyJ%';
RESET pg_principal.token;
SHOW pg_principal.token;

-- authenticate: verified, bound, returned.
BEGIN;
SELECT auth.authenticate(:'agent')->>'email' AS email, auth.email();
COMMIT;
SELECT auth.email();
SELECT auth.authenticate(:'agent', false)->>'email' AS email;
SELECT auth.email();
SELECT regress_try(format('SELECT auth.authenticate(%L, false)', :'boss' || 'x'));
SELECT auth.email() AS still;
SELECT auth.authenticate(NULL, false);
SELECT auth.email();

-- A token seen alive inside its own transaction proves nothing once that has rolled back.
BEGIN;
SELECT auth.issue('ann@example.com') AS unborn \gset
SELECT auth.authenticate(:'unborn')->>'email' AS email;
ROLLBACK;
SELECT regress_try(format('SELECT auth.authenticate(%L)', :'unborn'));
BEGIN;
SAVEPOINT a;
SELECT auth.issue('ann@example.com') AS unborn \gset
SELECT auth.authenticate(:'unborn')->>'email' AS email;
ROLLBACK TO SAVEPOINT a;
SELECT regress_try(format('SELECT auth.authenticate(%L)', :'unborn'));
COMMIT;
BEGIN;
SELECT auth.issue('ann@example.com') AS unborn \gset
SELECT auth.authenticate(:'unborn')->>'email' AS email;
PREPARE TRANSACTION 'regress';
SELECT regress_try(format('SELECT auth.authenticate(%L)', :'unborn'));
ROLLBACK PREPARED 'regress';
-- nor does a ban that was rolled back end anything
BEGIN;
SELECT auth.ban('ann@example.com');
SELECT regress_try(format('SELECT auth.authenticate(%L)', :'ann'));
ROLLBACK;
SELECT auth.authenticate(:'ann')->>'email' AS email;

-- PostgREST: the bearer token of the request's headers.
BEGIN;
SELECT set_config('request.headers', json_build_object('host', 'x', 'authorization', 'Bearer '
    || :'agent')::text, true) <> '' AS set;
SELECT auth.pre_request();
SELECT auth.email();
SELECT set_config('request.headers', json_build_object('authorization', 'bearer  ' || :'boss'
    || ' ')::text, true) <> '' AS set;
SELECT auth.pre_request();
SELECT auth.email();
SELECT set_config('request.headers', '{"authorization": "Basic Zm9v"}', true);
SELECT auth.pre_request();
SELECT auth.email();
SELECT set_config('request.headers', json_build_object('authorization', 'Bearer ' || :'boss'
    || 'x')::text, true) <> '' AS set;
SELECT regress_try('SELECT auth.pre_request()');
SELECT set_config('request.headers', '{"authorization": ', true);
SELECT regress_try('SELECT auth.pre_request()');
SELECT set_config('request.headers', '', true);
SELECT auth.pre_request();
SELECT auth.email();
COMMIT;
\i :teardown
