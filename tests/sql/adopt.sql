\getenv here PG_ABS_SRCDIR
\set setup :here /sql/include/setup.sql
\set teardown :here /sql/include/teardown.sql
\i :setup
-- auth.adopt_key: a project key of the system that the database moved from goes on as a session.
SELECT '{"kty": "oct", "alg": "HS256", "k": "c3VwZXItc2VjcmV0LWp3dC10b2tlbi13aXRoLWF0LWxlYXN0LTMyLWNoYXJhY3RlcnMtbG9uZw"}' AS jwk \gset
SELECT auth.jwt_sign('{"iss": "supabase", "ref": "abc", "role": "anon", "iat": 1700000000, "exp": 4102444800}',
    :'jwk') AS anon,
    auth.jwt_sign('{"iss": "supabase", "role": "service_role", "iat": 1700000000, "exp": 4102444800}',
        :'jwk') AS service,
    auth.jwt_sign('{"iss": "supabase", "role": "service_role"}', :'jwk') AS endless \gset
-- without its secret, and with it but not adopted, it is refused by what it lacks
SELECT regress_try(format('SELECT auth.authenticate(%L)', :'anon')),
    regress_try(format('SELECT auth.adopt_key(%L)', :'anon'));
SELECT auth.import_signing_key('super-secret-jwt-token-with-at-least-32-characters-long',
    false) AS secret_kid \gset
SELECT regress_try(format('SELECT auth.authenticate(%L)', :'anon')), auth.is_project_key(:'anon');
-- adopted it is what it says, until the end that it has
SELECT role, expires_at = '2100-01-01Z' AS its_end, session_id AS anon_session
    FROM auth.adopt_key(:'anon', label => 'mobile app') \gset
SELECT :'role' AS role, :'its_end' AS its_end;
SELECT c->>'iss' AS iss, auth.role(), auth.uid() IS NULL AS nobody,
    auth.session_id() = :'anon_session' AS session FROM auth.authenticate(:'anon', false) AS c;
RESET pg_principal.token;
SELECT auth.is_project_key(:'anon'), auth.is_project_key(:'service'),
    auth.is_project_key(:'anon' || 'A'), auth.is_project_key(overlay(:'anon' placing 'x'
    from 60 for 1));
SELECT role, label, state, origin, expires_at = '2100-01-01Z' AS its_end
    FROM auth.list_sessions(NULL) WHERE origin = 'adopted';
SELECT changes, metadata - 'sessionId' - 'databaseRole' AS metadata,
    metadata::text LIKE '%eyJ%' AS tells FROM auth.audit_log
    WHERE changes->'token'->>'current' = 'adopted';
-- until a date: earlier or later again, but never beyond its own; whoever verified it before sees it at once
SELECT expires_at = '2050-01-01Z' AS earlier FROM auth.adopt_key(:'anon', '2050-01-01Z');
SELECT to_timestamp((auth.authenticate(:'anon')->>'exp')::float8) = '2050-01-01Z' AS claims_say_so;
SELECT expires_at = '2100-01-01Z' AS own, (SELECT label FROM auth.sessions WHERE id = session_id)
    FROM auth.adopt_key(:'anon', '2200-01-01Z');
SELECT to_timestamp((auth.authenticate(:'anon')->>'exp')::float8) = '2100-01-01Z' AS claims_say_so;
SELECT regress_try(format('SELECT role FROM auth.adopt_key(%L, %L)', :'service', until))
    FROM unnest('{2000-01-01Z,-infinity,infinity}'::text[]) AS until;
SELECT regress_try(format('SELECT auth.adopt_key(%L)', :'endless')),
    regress_try(format('SELECT auth.adopt_key(%L, %L)', :'endless', 'infinity'));
SELECT expires_at = '2050-01-01Z' AS until FROM auth.adopt_key(:'endless', '2050-01-01Z');
SELECT to_timestamp((auth.authenticate(:'endless')->>'exp')::float8) =
    '2050-01-01Z' AS claims_say_so;
SELECT auth.is_project_key(:'endless'), (auth.search_users(NULL)).status;
SELECT set_config('pg_principal.token', :'endless', false) <> '' AS bound;
SELECT auth.role(), (auth.search_users(NULL)).status;
RESET pg_principal.token;
-- one adopted key is one: others of the same secret stay out, whatever they say
SELECT label, regress_try(format('SELECT auth.authenticate(%L)->>''role''',
    auth.jwt_sign(claims, :'jwk'))) AS outcome
    FROM (VALUES (1, 'another key',
    '{"iss": "supabase", "role": "service_role", "iat": 1700000001, "exp": 4102444800}'::jsonb),
    (2, 'the session of one', jsonb_build_object('role', 'anon', 'exp', 4102444800,
        'session_id', :'anon_session', 'iss', 'pg_principal', 'aud', 'authenticated')),
    (3, 'a user',
        '{"role": "authenticated", "sub": "00000000-0000-4000-8000-000000000001", "exp": 4102444800}')) AS t (n,
        label, claims) ORDER BY n;
SELECT label, regress_try(format('SELECT auth.adopt_key(%L)', token)) AS outcome
    FROM (VALUES (1, 'nothing', NULL), (2, 'no token', 'x'), (3, 'a newer key', 'sb_secret_abc'),
    (4, 'another secret', auth.jwt_sign('{"role": "anon", "exp": 4102444800}',
    auth.generate_jwk('HS256') - 'kid')),
    (5, 'a user''s',
        auth.jwt_sign('{"role": "authenticated", "sub": "00000000-0000-4000-8000-000000000001", "exp": 4102444800}',
        :'jwk')), (6, 'a key with a user',
        auth.jwt_sign('{"role": "anon", "sub": "x", "exp": 4102444800}', :'jwk')),
    (7, 'supabase_admin', auth.jwt_sign('{"role": "supabase_admin", "exp": 4102444800}', :'jwk')),
    (8, 'no role', auth.jwt_sign('{"exp": 4102444800}', :'jwk')),
    (9, 'expired', auth.jwt_sign('{"role": "anon", "exp": 1700000000}', :'jwk')),
    (10, 'not yet', auth.jwt_sign('{"role": "anon", "nbf": 4102444800, "exp": 4102444900}',
        :'jwk')), (11, 'unsigned',
        'eyJhbGciOiJub25lIn0.eyJyb2xlIjoiYW5vbiIsImV4cCI6NDEwMjQ0NDgwMH0.'),
    (12, 'our own', (SELECT token FROM auth.issue_key('anon')))) AS t (n, label, token) ORDER BY n;
SELECT regress_try(format('SELECT auth.adopt_key(%L, NULL, repeat(''x'', 256))', :'service'));
-- of a key with a kid, as asymmetric ones have
SELECT auth.generate_jwk('RS256') || '{"kid": "theirs"}' AS rsa \gset
SELECT auth.import_signing_key(:'rsa'::jsonb, false) AS kid,
    auth.jwt_sign('{"iss": "supabase-demo", "role": "service_role", "iat": 1700000000, "exp": 4102444800}',
    :'rsa') AS rsa_service \gset
SELECT regress_try(format('SELECT auth.authenticate(%L)', :'rsa_service'));
SELECT role FROM auth.adopt_key(:'rsa_service');
SELECT auth.is_project_key(:'rsa_service');
-- it ends like any session, for good, and with its key
-- revoked while somebody holds its row, and not brought in yet
BEGIN;
INSERT INTO auth.ended_sessions (session_id, revoked_at, revoked_as)
    VALUES (:'anon_session', now(), 'revoked');
SELECT regress_try(format('SELECT auth.adopt_key(%L)', :'anon'));
ROLLBACK;
SELECT auth.revoke_session(:'anon_session', 'moved');
SELECT regress_try(format('SELECT auth.authenticate(%L)', :'anon')),
    regress_try(format('SELECT auth.adopt_key(%L)', :'anon'));
SELECT auth.revoke_signing_key('theirs'), auth.is_project_key(:'rsa_service');
SELECT auth.revoke_signing_key(:'secret_kid'),
    regress_try(format('SELECT auth.authenticate(%L)', :'endless'));
-- for operators alone
SET ROLE authenticated;
SELECT regress_try(format('SELECT auth.adopt_key(%L)', 'x'));
RESET ROLE;
\i :teardown
