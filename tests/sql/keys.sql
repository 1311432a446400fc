-- Signing keys: made, imported, rotated and revoked without a restart; nothing private shown.
\getenv here PG_ABS_SRCDIR
\set setup :here /sql/include/setup.sql
\set teardown :here /sql/include/teardown.sql
\i :setup
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgcrypto SCHEMA public;
CREATE FUNCTION public.regress_part(token text, n int) RETURNS text LANGUAGE sql AS $$
    SELECT convert_from(decode(rpad(translate(split_part(token, '.', n), '-_', '+/'),
        4 * ((length(split_part(token, '.', n)) + 3) / 4), '='), 'base64'), 'UTF8') $$;
CREATE FUNCTION public.regress_url(bytes bytea) RETURNS text LANGUAGE sql AS $$
    SELECT rtrim(translate(encode(bytes, 'base64'), E'+/\n', '-_'), '=') $$;
CREATE FUNCTION public.regress_alive(token text) RETURNS text LANGUAGE sql AS $$
    SELECT regress_try(format('SELECT auth.authenticate(%L)->>''email''', token)) $$;
CREATE TEMP TABLE minted (n int GENERATED ALWAYS AS IDENTITY, alg text, kid text, token text);
RESET client_min_messages;

-- Each algorithm: a key whose id is its thumbprint, a token that says which key signed it.
SELECT alg, regress_try(format('SELECT length(auth.create_signing_key(%L))', alg))
    FROM unnest(ARRAY['HS256', 'HS384', 'HS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519',
    'Ed448', 'RS256', 'PS256']) WITH ORDINALITY AS a (alg, n) ORDER BY n;
SELECT a.alg, regress_try(format('SELECT auth.create_signing_key(%L)', a.alg))
    FROM unnest(ARRAY['none', 'hs256', 'HS1', 'ES256K', 'ed25519', '', 'RSA-OAEP', NULL])
    WITH ORDINALITY AS a (alg, n) WHERE a.alg IS NOT NULL ORDER BY n;
SELECT left(regress_try('SELECT auth.create_signing_key(NULL)'), 5) AS "null",
    left(regress_try('SELECT auth.import_signing_key(NULL::text)'), 5) AS "null text",
    left(regress_try('SELECT auth.import_signing_key(NULL::jsonb)'), 5) AS "null jsonb";
SELECT alg, state, sealed, activated_at IS NULL AS "not activated" FROM auth.list_signing_keys()
    ORDER BY state, alg;
SELECT state, count(*) FROM auth.list_signing_keys() GROUP BY state ORDER BY state;
DELETE FROM auth.signing_keys;
SELECT auth.jwks();
INSERT INTO minted (alg, kid, token)
SELECT k.alg, k.kid, t.token
    FROM unnest(ARRAY['HS256', 'ES256', 'EdDSA', 'Ed25519', 'Ed448', 'HS512', 'ES384', 'RS256',
    'PS256']) WITH ORDINALITY AS a (alg, n),
     LATERAL (SELECT a.alg, auth.create_signing_key(a.alg) AS kid OFFSET 0) AS k,
         LATERAL (SELECT auth.issue('boss@example.com', '1h') AS token
         WHERE k.kid IS NOT NULL OFFSET 0) AS t ORDER BY a.n;
SELECT m.alg, h->>'alg' AS header_alg, h->>'typ' AS typ, h->>'kid' = m.kid AS kid,
    length(m.kid) AS thumbprint, (SELECT count(*) FROM jsonb_object_keys(h)) AS members,
    regress_alive(m.token), k.state
FROM minted m JOIN auth.list_signing_keys() k
    USING (kid), LATERAL (SELECT regress_part(m.token, 1)::jsonb) AS p (h) ORDER BY m.n;
-- the thumbprint is RFC 7638's
SELECT k->>'kty' AS kty, k->>'kid' = regress_url(digest(CASE k->>'kty'
           WHEN 'EC' THEN format('{"crv":"%s","kty":"EC","x":"%s","y":"%s"}', k->>'crv', k->>'x',
               k->>'y') WHEN 'OKP' THEN format('{"crv":"%s","kty":"OKP","x":"%s"}', k->>'crv',
               k->>'x')
           WHEN 'RSA' THEN format('{"e":"%s","kty":"RSA","n":"%s"}', k->>'e', k->>'n') END,
               'sha256')) AS thumbprint
FROM jsonb_array_elements(auth.jwks()->'keys') AS k ORDER BY 1, k->>'alg';

-- The published set: public halves of what verifies, and no member that is private or that nobody listed.
SELECT k->>'alg' AS alg, string_agg(m, ' ' ORDER BY m COLLATE "C") AS members
    FROM jsonb_array_elements(auth.jwks()->'keys') WITH ORDINALITY AS a (k, n),
    jsonb_object_keys(k) AS m GROUP BY a.n, k->>'alg' ORDER BY k->>'alg';
SELECT count(*) AS private_members FROM jsonb_array_elements(auth.jwks()->'keys') AS k,
    jsonb_object_keys(k) AS m WHERE m IN ('d', 'p', 'q', 'dp', 'dq', 'qi', 'k', 'oth');
SELECT count(*) AS symmetric FROM jsonb_array_elements(auth.jwks()->'keys') AS k
    WHERE k->>'kty' = 'oct' OR k->>'alg' LIKE 'HS%';
SELECT count(*) AS material_shown FROM jsonb_array_elements(auth.jwks()->'keys') AS k,
    auth.signing_keys s
WHERE k::text LIKE '%' || (convert_from(s.material, 'UTF8')::jsonb->>'d') || '%' OR k::text LIKE '%'
    || (convert_from(s.material, 'UTF8')::jsonb->>'k') || '%';
SELECT string_agg(key, ' ' ORDER BY key) AS listed
    FROM (SELECT DISTINCT key FROM auth.list_signing_keys() AS l, jsonb_each(to_jsonb(l))) AS k;

-- States. A standby is published before it signs; one is in use at most.
DELETE FROM auth.signing_keys;
SELECT auth.create_signing_key('ES256') AS a \gset
SELECT auth.create_signing_key('ES256', false) AS b \gset
SELECT auth.create_signing_key('ES256', NULL) AS c \gset
CREATE FUNCTION pg_temp.states(a text, b text, c text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(k.state, ', ' ORDER BY n) FROM unnest(ARRAY[a, b, c])
    WITH ORDINALITY AS o (kid, n) JOIN auth.list_signing_keys() k USING (kid) $$;
SELECT pg_temp.states(:'a', :'b', :'c'), jsonb_array_length(auth.jwks()->'keys') AS published;
SELECT auth.issue('boss@example.com') AS by_a \gset
SELECT regress_part(:'by_a', 1)::jsonb->>'kid' = :'a' AS signed_by_a;
-- in use > previously used, standby > in use
SELECT auth.activate_signing_key(:'b');
SELECT pg_temp.states(:'a', :'b', :'c'), jsonb_array_length(auth.jwks()->'keys') AS published;
SELECT auth.issue('boss@example.com') AS by_b \gset
SELECT regress_part(:'by_b', 1)::jsonb->>'kid' = :'b' AS signed_by_b, regress_alive(:'by_a') AS a,
    regress_alive(:'by_b') AS b;
-- again: nothing changes
SELECT auth.activate_signing_key(:'b');
SELECT pg_temp.states(:'a', :'b', :'c'), (SELECT activated_at < now() FROM auth.list_signing_keys()
    WHERE kid = :'b') AS since_before;
-- previously used > in use, in use > previously used
SELECT auth.activate_signing_key(:'a');
SELECT pg_temp.states(:'a', :'b', :'c'), regress_alive(:'by_a') AS a, regress_alive(:'by_b') AS b;
-- retired: in use > previously used, and nothing signs; standby too
SELECT auth.retire_signing_key(:'a');
SELECT auth.retire_signing_key(:'a');
SELECT auth.retire_signing_key(:'c');
SELECT pg_temp.states(:'a', :'b', :'c'), regress_try('SELECT auth.issue(''boss@example.com'')'),
    regress_alive(:'by_a') AS a;
SELECT auth.activate_signing_key(:'c');
SELECT pg_temp.states(:'a', :'b', :'c');
-- revoked: its tokens die, the others live; unpublished; no way back
SELECT auth.revoke_signing_key(:'a');
SELECT auth.revoke_signing_key(:'a');
SELECT pg_temp.states(:'a', :'b', :'c'), jsonb_array_length(auth.jwks()->'keys') AS published,
    regress_alive(:'by_a') AS a, regress_alive(:'by_b') AS b;
SELECT regexp_replace(regress_try(format('SELECT auth.activate_signing_key(%L)', :'a')), 'key \S+',
    'key KID'), regexp_replace(regress_try(format('SELECT auth.retire_signing_key(%L)', :'a')),
    'key \S+', 'key KID');
SELECT f, regress_try(format('SELECT auth.%s_signing_key(''nothing'')', f)),
    regress_try(format('SELECT auth.%s_signing_key(NULL)', f))
    FROM unnest(ARRAY['activate', 'retire', 'revoke']) AS f;
-- the key in use revoked: minting stops
SELECT auth.revoke_signing_key(:'c');
SELECT pg_temp.states(:'a', :'b', :'c'), regress_try('SELECT auth.issue(''boss@example.com'')');
\set VERBOSITY sqlstate
INSERT INTO auth.signing_keys (kid, alg, state, material) VALUES ('x', 'HS256', 'in_use', ''),
    ('y', 'HS256', 'in_use', '');
INSERT INTO auth.signing_keys (kid, alg, state, material) VALUES ('x', 'HS256', 'active', '');
INSERT INTO auth.signing_keys (kid, alg, state, material) VALUES ('', 'HS256', 'standby', '');
\set VERBOSITY default
-- a rotation rolled back has not happened
SELECT auth.activate_signing_key(:'b');
BEGIN;
SELECT auth.revoke_signing_key(:'b');
SELECT regress_alive(:'by_b');
ROLLBACK;
SELECT regress_alive(:'by_b'), pg_temp.states(:'a', :'b', :'c');
BEGIN;
SELECT auth.create_signing_key() AS unborn \gset
SELECT auth.issue('boss@example.com') AS by_unborn \gset
SELECT regress_alive(:'by_unborn');
ROLLBACK;
SELECT regress_alive(:'by_unborn');
-- a deleted key
DELETE FROM auth.signing_keys WHERE kid = :'b';
SELECT regress_alive(:'by_b');
SELECT auth.create_signing_key() AS d \gset
SELECT auth.issue('boss@example.com') AS by_d \gset
SELECT regress_alive(:'by_d');
TRUNCATE auth.signing_keys;
SELECT regress_alive(:'by_d');

-- A Supabase secret, as text: the key of HS256 is its bytes, and the signature is what anybody with
-- the secret computes.
SELECT auth.import_signing_key('super-secret-jwt-token-with-at-least-32-characters-long') AS kid \gset
SELECT :'kid' =
    regress_url(digest('{"k":"'
    || regress_url('super-secret-jwt-token-with-at-least-32-characters-long') || '","kty":"oct"}',
    'sha256')) AS thumbprint;
SELECT auth.issue('boss@example.com') AS t \gset
SELECT split_part(:'t', '.', 3) = regress_url(hmac(split_part(:'t', '.', 1) || '.'
    || split_part(:'t', '.', 2), 'super-secret-jwt-token-with-at-least-32-characters-long',
    'sha256')) AS same_signature, regress_part(:'t', 1)::jsonb - 'kid' AS header;
-- and one that somebody else signs with it counts, if it names the key and a session that lives
SELECT input || '.'
    || regress_url(hmac(input, 'super-secret-jwt-token-with-at-least-32-characters-long',
    'sha256')) AS made_elsewhere
FROM (SELECT regress_url(convert_to(json_build_object('typ', 'JWT', 'alg', 'HS256',
    'kid', :'kid')::text, 'UTF8')) || '.' || split_part(:'t', '.', 2)) AS i (input) \gset
SELECT regress_alive(:'made_elsewhere');
-- trailing space belongs to a secret: another key
SELECT auth.import_signing_key('super-secret-jwt-token-with-at-least-32-characters-long ',
    false) <> :'kid' AS another;
-- a secret of any bytes that a text can hold
SELECT length(auth.import_signing_key(repeat('geheimnis mit ümläut ', 3), false)) AS unicode,
    length(auth.import_signing_key(repeat('x', 8192), false)) AS longest;
SELECT regress_try(format('SELECT auth.import_signing_key(%L::text)', s))
    FROM unnest(ARRAY['', 'secret', repeat('x', 31), repeat('x', 8193)]) WITH ORDINALITY AS t (s, n)
    ORDER BY n;

-- A JWK as text and as jsonb, with and without a kid of its own.
SELECT auth.import_signing_key('{"kty": "oct", "kid": "brought", "alg": "HS256", "k": "c3VwZXItc2VjcmV0LWp3dC10b2tlbi13aXRoLWF0LWxlYXN0LTMyLWNoYXJzLTI"}'::text),
    auth.import_signing_key('{"kty": "oct", "kid": "by jsonb", "k": "c3VwZXItc2VjcmV0LWp3dC10b2tlbi13aXRoLWF0LWxlYXN0LTMyLWNoYXJzLTM"}'::jsonb,
    false);
SELECT auth.issue('boss@example.com') AS by_jwk \gset
SELECT regress_part(:'by_jwk', 1)::jsonb AS header, regress_alive(:'by_jwk'),
    regress_alive(:'t') AS previous;
-- RFC 7515 A.3's P-256 key, RFC 8037 A.1's Ed25519 key
SELECT auth.import_signing_key('{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}'::jsonb) AS p256;
SELECT regress_part(auth.issue('boss@example.com'), 1)::jsonb->>'alg' AS alg;
SELECT auth.import_signing_key('{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}'::jsonb) AS ed25519;
SELECT regress_part(auth.issue('boss@example.com'), 1)::jsonb->>'alg' AS alg;
SELECT k FROM jsonb_array_elements(auth.jwks()->'keys') AS k ORDER BY k->>'kid';
-- a PEM private key, made here of that Ed25519 seed
SELECT regress_try($$SELECT auth.import_signing_key(E'-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n'::text,
    false)$$);
DELETE FROM auth.signing_keys WHERE alg = 'EdDSA';
SELECT auth.import_signing_key(E'-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n'::text);

-- Refused: public keys, keys in disguise, what does not hold together, what is no key at all, what is there already.
SELECT what, regress_try(format('SELECT auth.import_signing_key(%L::text)', material)) FROM (VALUES
    (1, 'public P-256',
        '{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}'),
    (2, 'public Ed25519',
        '{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}'),
    (3, 'public PEM',
        E'-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n-----END PUBLIC KEY-----\n'),
    (4, 'public PEM as an oct', '{"kty":"oct","k":"'
        || regress_url(convert_to(E'-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n-----END PUBLIC KEY-----\n',
        'UTF8')) || '"}'),
    (5, 'public JWK as an oct', '{"kty":"oct","k":"'
        || regress_url(convert_to('{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}',
        'UTF8')) || '"}'),
    (6, 'public DER in base64', 'MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo='),
    (7, 'ssh public key',
        'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea somebody'),
    (8, 'short oct', '{"kty":"oct","k":"c2hvcnQ"}'), (9, 'oct without k', '{"kty":"oct"}'),
    (10, 'k not base64url',
        '{"kty":"oct","k":"c3VwZXItc2VjcmV0LWp3dC10b2tlbi13aXRoLWF0LWxlYXN0LTMyLWNoYXJzLTI="}'),
    (11, 'k a number', '{"kty":"oct","k":1}'),
    (12, 'alg of another type',
        '{"kty":"oct","alg":"ES256","k":"c3VwZXItc2VjcmV0LWp3dC10b2tlbi13aXRoLWF0LWxlYXN0LTMyLWNoYXJzLTQ"}'),
    (13, 'alg that is none',
        '{"kty":"oct","alg":"none","k":"c3VwZXItc2VjcmV0LWp3dC10b2tlbi13aXRoLWF0LWxlYXN0LTMyLWNoYXJzLTQ"}'),
    (14, 'too short for its alg',
        '{"kty":"oct","alg":"HS512","k":"c3VwZXItc2VjcmV0LWp3dC10b2tlbi13aXRoLWF0LWxlYXN0LTMyLWNoYXJzLTQ"}'),
    (15, 'to encrypt with',
        '{"kty":"oct","use":"enc","k":"c3VwZXItc2VjcmV0LWp3dC10b2tlbi13aXRoLWF0LWxlYXN0LTMyLWNoYXJzLTQ"}'),
    (16, 'to verify only',
        '{"kty":"oct","key_ops":["verify"],"k":"c3VwZXItc2VjcmV0LWp3dC10b2tlbi13aXRoLWF0LWxlYXN0LTMyLWNoYXJzLTQ"}'),
    (17, 'off the curve',
        '{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}'),
    (18, 'halves of two keys',
        '{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2E","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}'),
    (19, 'unknown kty', '{"kty":"XYZ"}'), (20, 'no kty', '{}'),
    (21, 'kid no string',
        '{"kty":"oct","kid":1,"k":"c3VwZXItc2VjcmV0LWp3dC10b2tlbi13aXRoLWF0LWxlYXN0LTMyLWNoYXJzLTQ"}'),
    (23, 'a set', '{"keys":[]}'), (24, 'cut', '{"kty":"oct","k":"c3VwZXItc2Vjcm'),
    (25, 'a name twice',
        '{"kty":"oct","kty":"oct","k":"c3VwZXItc2VjcmV0LWp3dC10b2tlbi13aXRoLWF0LWxlYXN0LTMyLWNoYXJzLTQ"}'),
    (26, 'no PEM', E'-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n'),
    (27, 'PEM cut', '-----BEGIN PRIVATE KEY-----'),
    (28, 'the same kid',
        '{"kty":"oct","kid":"brought","k":"c3VwZXItc2VjcmV0LWp3dC10b2tlbi13aXRoLWF0LWxlYXN0LTMyLWNoYXJzLTQ"}'),
    (29, 'the same kid and key',
        '{"kty":"oct","kid":"brought","alg":"HS256","k":"c3VwZXItc2VjcmV0LWp3dC10b2tlbi13aXRoLWF0LWxlYXN0LTMyLWNoYXJzLTI"}')) AS t (n,
        what, material) ORDER BY n;
SELECT what, left(regress_try(format('SELECT auth.import_signing_key(%L::jsonb)', material)),
    5) AS code FROM (VALUES (1, 'a string',
    '"super-secret-jwt-token-with-at-least-32-characters-long"'), (2, 'a number', '1'),
    (3, 'null', 'null'), (4, 'an array', '[]')) AS t (n, what, material) ORDER BY n;
-- a kid longer than may be stored is told of as any other fault of a key, without the key
SELECT length(kid) AS kid, left(outcome, 5) AS code,
    outcome ~ '\\x[0-9a-f]{16}|c3VwZXI' AS "shows the key"
    FROM unnest(ARRAY[repeat('x', 256), repeat('ü', 128), '']) WITH ORDINALITY AS t (kid, n),
    LATERAL regress_try(format('SELECT auth.import_signing_key(%L::text)', '{"kty":"oct","kid":"'
        || kid || '","k":"c3VwZXItc2VjcmV0LWp3dC10b2tlbi13aXRoLWF0LWxlYXN0LTMyLWNoYXJzLTQ"}')) AS outcome
        ORDER BY n;
-- a key that was revoked is not brought back by importing it again
SELECT auth.revoke_signing_key(:'kid');
SELECT regexp_replace(regress_try('SELECT auth.import_signing_key(''super-secret-jwt-token-with-at-least-32-characters-long''::text)'),
    'key \S+', 'key KID'), regress_alive(:'t');
SELECT state, count(*) FROM auth.list_signing_keys() GROUP BY state ORDER BY state;
-- sessions whose one token it has signed are over wherever they are listed, those that are
-- refreshed are not
SELECT auth.create_signing_key('ES256') AS older \gset
SELECT client_id, secret FROM auth.create_client_secret('kata-agent-team@example.com') \gset
CREATE FUNCTION pg_temp.listed() RETURNS TABLE (issued text, oauth text, sign_in text,
    health text, clients bigint, findings bigint) LANGUAGE sql AS $$
    SELECT (SELECT string_agg(DISTINCT l.state, ' ') FROM auth.list_sessions(a) AS l
        WHERE l.label = 'by the older'), (SELECT string_agg(DISTINCT l.state, ' ')
        FROM auth.list_sessions(a) AS l WHERE l.origin = 'oauth'),
        (SELECT string_agg(DISTINCT l.state, ' ') FROM auth.list_sessions(a) AS l
        WHERE l.origin = 'sign_in'), (SELECT concat(h.issued_tokens, ' issued, ',
        h.signed_in_sessions, ' signed in') FROM auth.agent_health() AS h WHERE h.email = a),
        (SELECT c.live_tokens FROM auth.list_clients() AS c WHERE c.email = a),
        (SELECT count(*) FROM auth.agent_findings(true) AS f WHERE f.email = a
        AND f.metadata->>'label' = 'by the older')
    FROM (VALUES ('kata-agent-team@example.com')) AS v (a) $$;
UPDATE auth.sessions SET revoked_at = now() WHERE user_id = :'client_id' AND revoked_at IS NULL;
SELECT auth.set_password('kata-agent-team@example.com', 'Th1sIsAStrong!Pass');
SELECT auth.issue('kata-agent-team@example.com', '1h', 'by the older') AS issued \gset
UPDATE auth.sessions SET created_at = now() - interval '10 hours' WHERE label = 'by the older';
SELECT (auth.oauth_token('{"grant_type": "client_credentials"}', :'client_id', :'secret')).status;
SELECT (auth.sign_in('kata-agent-team@example.com', 'Th1sIsAStrong!Pass')).status;
SELECT * FROM pg_temp.listed();
SELECT length(auth.create_signing_key('ES256'));
SELECT * FROM pg_temp.listed();
SELECT auth.revoke_signing_key(:'older');
SELECT regress_alive(:'issued') AS issued, l.* FROM pg_temp.listed() AS l;
-- no error quotes what it was given
SELECT count(*) AS leaks FROM unnest(ARRAY['{"kty":"oct","k":"VE9QU0VDUkVU"}', 'TOPSECRET',
    '{"kty":"oct","k":"TOPSECRET!"}', '{"kty": TOPSECRET', '{"TOPSECRET":1,"TOPSECRET":2}',
    E'-----BEGIN PRIVATE KEY-----\nTOPSECRET']) AS m
    WHERE regress_try(format('SELECT auth.import_signing_key(%L::text)', m)) LIKE '%TOPSECRET%';

DROP FUNCTION public.regress_part(text, int), public.regress_url(bytea), public.regress_alive(text);
DROP EXTENSION pgcrypto;
\i :teardown
