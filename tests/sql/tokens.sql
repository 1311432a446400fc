\getenv here PG_ABS_SRCDIR
\set setup :here /sql/include/setup.sql
\set teardown :here /sql/include/teardown.sql
\i :setup
-- auth.issue refuses in this order, and nothing is minted.
SELECT regress_try('SELECT auth.issue(NULL, ''5m'')');
SELECT regress_try('SELECT auth.issue(''  '', ''5m'')');
SELECT regress_try('SELECT auth.issue(''nobody@example.com'', ''5m'')');
BEGIN;
SELECT auth.retire_signing_key(:'kid');
SELECT regress_try('SELECT auth.issue(''nobody@example.com'')');
ROLLBACK;
SELECT regress_try('SELECT auth.issue(''no email'')');
SELECT regress_try('SELECT auth.issue(''nobody@example.com'')');
SELECT auth.push_people('[{"email": "new@example.com", "name": "New"}]');
SELECT regress_try('SELECT auth.issue(''new@example.com'')');
SELECT auth.ban('ann@example.com', '10 days');
SELECT regexp_replace(regress_try('SELECT auth.issue(''ann@example.com'')'),
    '\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ', 'TIME');
SELECT auth.unban('ann@example.com');
SELECT count(*) FROM auth.sessions;

-- Time to live: the grammar, the ceiling.
SELECT ttl, regress_try(format('SELECT auth.parse_ttl(%L)', ttl))
    FROM unnest(ARRAY['1h', '24h', '90d', '365d', '1y', '8760h', '007d',
    '5m', '90', '1Y', ' 1h', '1h ', '', 'h', '0h', '000y', '-1h', '+1h', '1.5h', '1h1h', '8761h',
        '366d', '2y',
    '99999999999999999999999999y', E'1h\n', '１h', repeat('9', 300) || 'h'])
        WITH ORDINALITY AS t (ttl, n) ORDER BY n;
SET pg_principal.max_token_ttl = '90min';
SELECT auth.parse_ttl('1h'), regress_try('SELECT auth.parse_ttl(''2h'')');
RESET pg_principal.max_token_ttl;
SELECT regress_try('SELECT auth.issue(''boss@example.com'', NULL)');

-- Case and space in an email do not matter.
SELECT email, kind, ttl_seconds, expires_at > now() + interval '364 days' AS a_year
    FROM auth.issue_token(' BOSS@example.com ');

-- Several tokens for one identity; one session ends, the others live on.
SELECT token AS first, session_id AS first_session
    FROM auth.issue_token('kata-agent-team@example.com', '1h', 'first') \gset
SELECT token AS second, session_id AS second_session
    FROM auth.issue_token('kata-agent-team@example.com', '1h', 'second') \gset
SELECT auth.revoke_session(:'first_session', 'rotated'), auth.revoke_session(:'first_session'),
    auth.revoke_session(gen_random_uuid()), auth.revoke_session(NULL);
SELECT regress_try(format('SELECT auth.authenticate(%L)->>''email''', t))
    FROM unnest(ARRAY[:'first', :'second', :'agent']) AS t;
SELECT label, state, revoke_reason FROM auth.list_sessions('kata-agent-team@example.com');

-- A ban ends all of them and only that principal's; unbanning does not bring them back.
SELECT auth.ban('Kata-Agent-Team@example.com', reason => 'leaked');
SELECT regress_try(format('SELECT auth.authenticate(%L)->>''email''', t))
    FROM unnest(ARRAY[:'first', :'second', :'agent', :'boss']) AS t;
SELECT label, state FROM auth.list_sessions('kata-agent-team@example.com');
SELECT auth.unban('kata-agent-team@example.com');
SELECT regress_try(format('SELECT auth.authenticate(%L)->>''email''', t))
    FROM unnest(ARRAY[:'first', :'second', :'agent', :'boss']) AS t;
SELECT auth.issue('kata-agent-team@example.com') AS agent \gset
SELECT auth.authenticate(:'agent')->>'email' AS email;
-- the same written by hand
UPDATE auth.users SET banned_until = now() + interval '1 hour'
    WHERE email = 'kata-agent-team@example.com';
SELECT ban_origin, session_generation FROM auth.users WHERE email = 'kata-agent-team@example.com';
SELECT regress_try(format('SELECT auth.authenticate(%L)->>''email''', :'agent'));
UPDATE auth.users SET banned_until = NULL WHERE email = 'kata-agent-team@example.com';
SELECT regress_try(format('SELECT auth.authenticate(%L)->>''email''', :'agent'));
-- a ban that is over by itself refuses nothing new
SELECT auth.issue('kata-agent-team@example.com') AS agent \gset
UPDATE auth.users SET banned_until = now() - interval '1 hour'
    WHERE email = 'kata-agent-team@example.com';
SELECT regress_try(format('SELECT auth.authenticate(%L)->>''email''', :'agent'));
SELECT auth.issue('kata-agent-team@example.com') AS agent \gset
SELECT auth.authenticate(:'agent')->>'email' AS email;
SELECT regress_try('SELECT auth.ban(''nobody@example.com'')'), regress_try('SELECT auth.ban(NULL)'),
    regress_try('SELECT auth.unban(''nobody@example.com'')');
SELECT regress_try(format('SELECT auth.ban(''ann@example.com'', %L)', d))
    FROM unnest(ARRAY['0', '-1 day', NULL]) AS d;

-- A deleted principal, a deleted session.
DELETE FROM auth.users WHERE email = 'ann@example.com';
SELECT regress_try(format('SELECT auth.authenticate(%L)->>''email''', :'ann'));
DELETE FROM auth.sessions WHERE user_id = (SELECT id FROM auth.users
    WHERE email = 'boss@example.com');
SELECT regress_try(format('SELECT auth.authenticate(%L)->>''email''', :'boss'));

-- Project keys are tokens of no principal, listed and revoked like any other.
SELECT token AS anon, session_id AS anon_session, kind, email FROM auth.issue_key('anon') \gset
SELECT token AS service FROM auth.issue_key('service_role', '30d', 'ci') \gset
SELECT auth.authenticate(:'anon', false)->>'role' AS role, auth.uid(), auth.email(), auth.role(),
    auth.kind(), auth.app_role(),
       auth.session_id() = :'anon_session' AS session, auth.is_person(), auth.has_role('ANALYST');
SELECT auth.authenticate(:'service', false)->>'role' AS role, auth.role();
SELECT label, role, state FROM auth.list_sessions(NULL) ORDER BY role;
SELECT auth.revoke_session(:'anon_session');
SELECT regress_try(format('SELECT auth.authenticate(%L)->>''role''', :'anon'));
SELECT regress_try(format('SELECT token FROM auth.issue_key(%L)', r))
    FROM unnest(ARRAY['authenticated', 'postgres', '', NULL]) AS r;
RESET pg_principal.token;

-- Labels and scopes.
SELECT regress_try(format('SELECT length(auth.issue(''boss@example.com'', ''1h'', repeat(''x'', %s))) > 0',
    n)) FROM unnest(ARRAY[255, 256]) AS n;
SELECT regress_try(format('SELECT length(auth.issue(''boss@example.com'', ''1h'', NULL, %L::text[])) > 0',
    s))
FROM unnest(ARRAY['{}', '{a}', '{a,b}', '{"a b"}', '{""}', '{NULL}', '{"a\"b"}', '{é}']) AS s;
SELECT t.session_id AS square FROM auth.issue_token('boss@example.com', '1h', NULL,
    '[0:1][3:4]={{a,b},{c,d}}') AS t \gset
SELECT array_dims(s.scopes), s.scopes FROM auth.list_sessions('boss@example.com') AS s
    WHERE s.id = :'square';
UPDATE auth.users SET raw_user_meta_data = jsonb_build_object('x', repeat('y', 20000))
    WHERE email = 'boss@example.com';
SELECT regexp_replace(regress_try('SELECT auth.issue(''boss@example.com'')'), '\d{5} bytes',
    'MANY bytes');

-- Every way for a token to be dead: 28000, and the reason in DETAIL. Signatures and claims are
-- made here with the key's own function, so that each differs from a good token in one thing only.
SELECT auth.issue('kata-agent-team@example.com') AS agent \gset
SELECT auth.authenticate(:'agent') AS claims \gset
CREATE FUNCTION pg_temp.dead(token text) RETURNS text LANGUAGE sql AS $$
    SELECT public.regress_try(format('SELECT auth.authenticate(%L)->>''email''', token)) $$;
SELECT change, pg_temp.dead(auth.sign_token(:'claims'::jsonb || change::jsonb)) FROM unnest(ARRAY[
    '{}', '{"exp": 1}', '{"nbf": 9999999999}', '{"iat": 9999999999}', '{"exp": "1"}',
        '{"exp": 9007199254740993}', '{"exp": 1e30}',
    '{"nbf": true}', '{"iss": "other"}', '{"iss": null}', '{"aud": "other"}',
        '{"aud": ["x", "authenticated"]}', '{"aud": []}', '{"aud": 1}',
    '{"sub": "00000000-0000-0000-0000-000000000000"}', '{"sub": "x"}', '{"sub": 1}',
        '{"sub": null}', '{"role": "service_role"}', '{"role": null}',
    '{"session_id": "00000000-0000-0000-0000-000000000000"}', '{"session_id": "x"}',
        '{"session_id": null}']) WITH ORDINALITY AS t (change, n) ORDER BY n;
SELECT pg_temp.dead(auth.sign_token(:'claims'::jsonb - 'exp')),
    pg_temp.dead(auth.sign_token(:'claims'::jsonb - 'iss')),
       pg_temp.dead(auth.sign_token(:'claims'::jsonb - 'session_id')),
           pg_temp.dead(auth.sign_token(:'claims'::jsonb - 'sub'));
SELECT pg_temp.dead(token) FROM (VALUES
    (1, 'x'), (2, '..'), (3, 'a.b'), (4, 'a.b.c.d'), (5, repeat('a', 17000)), (6, :'agent' || '.'),
    (7, ' ' || :'agent'), (8, :'agent' || E'\n'),
    (9, left(:'agent', -2)), (10, :'agent' || '='), (11, replace(:'agent', '.', '..')),
    (12, 'null'), (13, '🔑.🔑.🔑')) AS t (n, token) ORDER BY n;
-- one character of the signature, of the payload
SELECT pg_temp.dead(overlay(:'agent' PLACING CASE substr(:'agent', length(:'agent') - 10, 1)
    WHEN 'A' THEN 'B' ELSE 'A' END FROM length(:'agent') - 10));
SELECT pg_temp.dead(split_part(:'agent', '.', 1) || '.' || split_part(:'service', '.', 2) || '.'
    || split_part(:'agent', '.', 3));
CREATE FUNCTION pg_temp.b64(text) RETURNS text LANGUAGE sql AS $$
    SELECT translate(encode(convert_to($1, 'UTF8'), 'base64'), E'+/=\n', '-_') $$;
SELECT header, pg_temp.dead(pg_temp.b64(replace(header, 'KID', :'kid')) || '.'
    || split_part(:'agent', '.', 2) || '.' || split_part(:'agent', '.', 3)) FROM unnest(ARRAY[
    '{"alg":"none","kid":"KID"}', '{"alg":"HS512","kid":"KID"}', '{"alg":"ES256","kid":"KID"}',
        '{"alg":"HS256"}', '{"alg":"HS256","kid":"x"}', '{"kid":"KID"}',
    '{"alg":"HS256","kid":"KID","crit":["exp"]}', '{"alg":"HS256","kid":"KID","alg":"HS256"}', '[]',
        '{"alg":"HS256","kid":"KID"']) WITH ORDINALITY AS t (header, n) ORDER BY n;
SELECT pg_temp.dead(pg_temp.b64('{"alg":"none","typ":"JWT"}') || '.' || split_part(:'agent', '.', 2)
    || '.');

-- A session that has run out refuses even when the claims do not.
UPDATE auth.sessions SET expires_at = now() - interval '1 hour'
    WHERE id = (:'claims'::jsonb->>'session_id')::uuid;
SELECT pg_temp.dead(:'agent');

-- Settings that a token must agree with.
SELECT auth.issue('kata-agent-team@example.com') AS agent \gset
SELECT pg_temp.dead(:'agent');
SET pg_principal.issuer = 'https://other.example.com';
SELECT pg_temp.dead(:'agent');
RESET pg_principal.issuer;
SET pg_principal.audience = 'other';
SELECT pg_temp.dead(:'agent');
RESET pg_principal.audience;
SELECT pg_temp.dead(auth.sign_token(:'claims'::jsonb || jsonb_build_object('session_id', session_id,
    'exp', floor(extract(epoch FROM now())) - 10)))
FROM auth.issue_token('kata-agent-team@example.com');
SET pg_principal.clock_skew = 0;
SELECT pg_temp.dead(auth.sign_token(:'claims'::jsonb || jsonb_build_object('session_id', session_id,
    'exp', floor(extract(epoch FROM now())) - 10)))
FROM auth.issue_token('kata-agent-team@example.com');
RESET pg_principal.clock_skew;
SELECT left(regress_try('SELECT set_config(''pg_principal.clock_skew'', ''301'', false)'),
    5) AS refused;
-- a token that runs out while it is bound dies at the next statement
SET pg_principal.clock_skew = 0;
SELECT auth.sign_token(:'claims'::jsonb || jsonb_build_object('session_id', session_id,
    'exp', extract(epoch FROM clock_timestamp()) + 3)) AS short
FROM auth.issue_token('kata-agent-team@example.com') \gset
SELECT auth.authenticate(:'short', false)->>'email' AS email;
SELECT auth.email() FROM pg_sleep(0);
SELECT pg_sleep(3.1);
SELECT regress_try('SELECT auth.email()');
RESET pg_principal.clock_skew;
\i :teardown
