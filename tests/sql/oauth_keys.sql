\getenv here PG_ABS_SRCDIR
\set setup :here /sql/include/setup.sql
\set teardown :here /sql/include/teardown.sql
\i :setup
-- private_key_jwt (RFC 7523 with RFC 10070): clients that sign for themselves.
SET pg_principal.issuer = 'https://id.example.com';
SET pg_principal.clock_skew = 0;
SELECT auth.generate_jwk('ES256') || '{"kid": "one"}' AS key, auth.generate_jwk('EdDSA') AS next,
    auth.generate_jwk('ES256') || '{"kid": "one"}' AS forged,
       id AS client_id FROM auth.users WHERE email = 'kata-agent-team@example.com' \gset
CREATE FUNCTION pg_temp.told(r auth.auth_result) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', r.status, r.reason, CASE
        WHEN r.payload ? 'access_token' THEN 'token' END) $$;
CREATE FUNCTION pg_temp.said(client text, change jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql
    AS $$
    SELECT jsonb_strip_nulls(jsonb_build_object('iss', client, 'sub', client,
        'aud', 'https://id.example.com', 'jti', gen_random_uuid(),
        'iat', floor(extract(epoch FROM clock_timestamp())), 'exp',
            floor(extract(epoch FROM clock_timestamp())) + 60) || change) $$;
CREATE FUNCTION pg_temp.shown(assertion text, change jsonb DEFAULT '{}') RETURNS text LANGUAGE sql
    AS $$
    SELECT pg_temp.told(auth.oauth_token(jsonb_strip_nulls(jsonb_build_object('grant_type',
        'client_credentials', 'client_assertion', assertion,
        'client_assertion_type', 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer')
            || change))) $$;

-- Keys: a set of public ones, in place of those before.
SELECT regress_try(format('SELECT auth.register_client_keys(''kata-agent-team@example.com'', %L)',
    k)) FROM (VALUES
    (1, NULL), (2, '[]'), (3, '{}'), (4, '{"keys": {}}'),
    (5, '{"keys": [{"kty": "oct", "k": "c2hvcnQ"}]}'), (6, '{"keys": [1]}'),
    (7, '{"keys": [{"kty": "EC", "crv": "P-256"}]}')) AS t (n, k) ORDER BY n;
SELECT regress_try(format('SELECT auth.register_client_keys(''kata-agent-team@example.com'', %L)',
    jsonb_build_object('keys', (SELECT jsonb_agg(auth.generate_jwk('EdDSA'))
    FROM generate_series(1, 21)))));
SELECT regress_try(format('SELECT auth.register_client_keys(''boss@example.com'', %L)',
    jsonb_build_object('keys', jsonb_build_array(:'key'::jsonb))));
SELECT auth.register_client_keys('kata-agent-team@example.com',
    jsonb_build_object('keys', jsonb_build_array(:'key'::jsonb, :'next'::jsonb, :'key'::jsonb)));
-- a key that is renewed under its old name: both serve until the old one goes
SELECT auth.register_client_keys('kata-agent-team@example.com', jsonb_build_object('keys',
    jsonb_build_array(:'key'::jsonb, :'next'::jsonb, :'forged'::jsonb)));
SELECT pg_temp.shown(auth.jwt_sign(pg_temp.said(:'client_id'), :'key')) AS old,
    pg_temp.shown(auth.jwt_sign(pg_temp.said(:'client_id'), :'forged')) AS new;
SELECT count(DISTINCT credential_id) AS keys FROM auth.sessions WHERE origin = 'oauth';
SELECT auth.register_client_keys('kata-agent-team@example.com',
    jsonb_build_object('keys', jsonb_build_array(:'key'::jsonb, :'next'::jsonb)));
SELECT pg_temp.shown(auth.jwt_sign(pg_temp.said(:'client_id'), :'key')) AS old,
    pg_temp.shown(auth.jwt_sign(pg_temp.said(:'client_id'), :'forged')) AS new;
SELECT count(*) AS private FROM auth.client_keys WHERE jwk ?| '{d,k}';
SELECT client_email, CASE kty WHEN 'EC' THEN kid END AS kid, kty,
    thumbprint = ANY (ARRAY[auth.jwk_thumbprint(:'key'), auth.jwk_thumbprint(:'next')]) AS known
    FROM auth.list_client_keys('Kata-Agent-Team@example.com') ORDER BY kty;
SELECT regress_try(format('SELECT count(*) FROM auth.list_client_keys(%L)', e)) AS nobodys
    FROM unnest(ARRAY['nobody@example.com', 'x']) AS e;

-- one key under two names, two keys under one: each assertion tells by its algorithm which is meant
SELECT auth.generate_jwk('RS256') AS rsa, auth.generate_jwk('PS256') AS pss \gset
SELECT auth.register_client_keys('kata-agent-team@example.com',
    jsonb_build_object('keys', jsonb_build_array(:'key'::jsonb, :'next'::jsonb,
    k || '{"alg": "RS256"}',
    k || '{"alg": "PS256"}'))) FROM jsonb_build_object('kid', 'r') AS n,
        LATERAL (SELECT :'rsa'::jsonb || n AS k) AS j;
SELECT pg_temp.shown(auth.jwt_sign(pg_temp.said(:'client_id'), :'rsa'::jsonb
    || '{"kid": "r", "alg": "RS256"}')) AS rs256,
       pg_temp.shown(auth.jwt_sign(pg_temp.said(:'client_id'), :'rsa'::jsonb
           || '{"kid": "r", "alg": "PS256"}')) AS ps256;
SELECT auth.register_client_keys('kata-agent-team@example.com',
    jsonb_build_object('keys', jsonb_build_array(:'key'::jsonb, :'next'::jsonb,
    :'rsa'::jsonb || '{"kid": "r", "alg": "RS256"}', :'pss'::jsonb
        || '{"kid": "r", "alg": "PS256"}')));
SELECT pg_temp.shown(auth.jwt_sign(pg_temp.said(:'client_id'), :'rsa'::jsonb
    || '{"kid": "r", "alg": "RS256"}')) AS rs256,
       pg_temp.shown(auth.jwt_sign(pg_temp.said(:'client_id'), :'pss'::jsonb
           || '{"kid": "r", "alg": "PS256"}')) AS ps256,
       pg_temp.shown(auth.jwt_sign(pg_temp.said(:'client_id'), :'rsa'::jsonb
           || '{"kid": "r", "alg": "PS256"}')) AS the_other;
SELECT auth.register_client_keys('kata-agent-team@example.com',
    jsonb_build_object('keys', jsonb_build_array(:'key'::jsonb, :'next'::jsonb, :'key'::jsonb)));
-- the same key under another name, too: the one that is known stays, however often they are registered
SELECT auth.register_client_keys('kata-agent-team@example.com',
    jsonb_build_object('keys', jsonb_build_array(:'key'::jsonb, :'next'::jsonb, :'key'::jsonb
    || '{"kid": "two"}'))) FROM generate_series(1, 3);
SELECT kid AS known FROM auth.list_client_keys('kata-agent-team@example.com') WHERE kty = 'EC';
SELECT auth.register_client_keys('kata-agent-team@example.com',
    jsonb_build_object('keys', jsonb_build_array(:'next'::jsonb, :'key'::jsonb
    || '{"kid": "two"}')));
SELECT kid AS renamed FROM auth.list_client_keys('kata-agent-team@example.com') WHERE kty = 'EC';
SELECT auth.register_client_keys('kata-agent-team@example.com',
    jsonb_build_object('keys', jsonb_build_array(:'key'::jsonb, :'next'::jsonb)));

-- An assertion is a client's.
SELECT pg_temp.shown(auth.jwt_sign(pg_temp.said(:'client_id'), :'key')) AS es256,
    pg_temp.shown(auth.jwt_sign(pg_temp.said(:'client_id'), :'next')) AS eddsa,
       pg_temp.shown(auth.jwt_sign(pg_temp.said(:'client_id'), :'key'),
           jsonb_build_object('client_id', :'client_id')) AS named;
-- and good once, whatever its bytes
SELECT auth.jwt_sign(pg_temp.said(:'client_id', '{"jti": "a"}'), :'key') AS once,
    auth.jwt_sign(pg_temp.said(:'client_id', '{"jti": "a"}'), :'next') AS same_jti \gset
SELECT pg_temp.shown(:'once'), pg_temp.shown(:'once') AS again,
    pg_temp.shown(:'same_jti') AS same_jti;
-- what it may not say
SELECT label, pg_temp.shown(auth.jwt_sign(pg_temp.said(:'client_id', change), :'key')) AS outcome
    FROM (VALUES
    (1, 'another audience', '{"aud": "https://id.example.com/oauth/token"}'::jsonb),
    (2, 'a list of one', '{"aud": ["https://id.example.com"]}'),
    (3, 'a list', '{"aud": ["https://id.example.com", "https://x"]}'),
    (4, 'no audience', '{"aud": null}'), (5, 'another issuer', '{"iss": "https://x"}'),
    (6, 'no issuer', '{"iss": null}'), (7, 'no subject', '{"sub": null}'),
    (8, 'no jti', '{"jti": null}'), (9, 'an empty jti', '{"jti": ""}'),
    (10, 'no end', '{"exp": null}'), (11, 'expired', '{"exp": 1000000000}'),
    (12, 'an end too far off', '{"exp": 4000000000}'),
    (13, 'from the future', '{"iat": 4000000000}'), (14, 'not yet', '{"nbf": 4000000000}'),
    (15, 'exp is a text', '{"exp": "x"}'),
    (16, 'unknown client',
        '{"iss": "00000000-0000-4000-8000-000000000000", "sub": "00000000-0000-4000-8000-000000000000"}'),
    (17, 'no id', '{"iss": "x", "sub": "x"}'),
    (18, 'a security event', '{"events": {"x": {}}}')) AS t (n, label, change) ORDER BY n;
SELECT pg_temp.shown(auth.jwt_sign(pg_temp.said(:'client_id'), :'forged')) AS forged,
    pg_temp.shown('x.y.z') AS nonsense, pg_temp.shown('') AS empty,
       pg_temp.shown(auth.jwt_sign(pg_temp.said(:'client_id'),
           '{"kty": "oct", "kid": "one", "k": "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T"}')) AS hmac,
       pg_temp.shown(auth.jwt_sign(pg_temp.said(:'client_id'), :'key'),
           '{"client_assertion_type": "x"}') AS type,
           pg_temp.shown(auth.jwt_sign(pg_temp.said(:'client_id'), :'key'),
           '{"client_id": "x"}') AS named,
       pg_temp.shown(auth.jwt_sign(pg_temp.said(:'client_id'), :'key'),
           '{"client_secret": "x"}') AS two_ways, pg_temp.shown(:'agent') AS access_token;
SELECT reason, detail, count(*) FROM (SELECT reason, metadata->>'detail' AS detail
    FROM auth.audit_log WHERE changes ? 'client') AS a GROUP BY reason, detail
    ORDER BY reason COLLATE "C", detail COLLATE "C";
-- it serves the other endpoints, too
SELECT r.status, r.payload->>'active' AS active
    FROM auth.oauth_introspect(jsonb_build_object('token', :'agent',
    'client_assertion_type', 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    'client_assertion', auth.jwt_sign(pg_temp.said(:'client_id'), :'key'))) AS r;

-- A key that is gone takes its tokens along, and no others.
SELECT payload->>'access_token' AS by_key
    FROM auth.oauth_token(jsonb_build_object('grant_type', 'client_credentials',
    'client_assertion', auth.jwt_sign(pg_temp.said(:'client_id'), :'key'),
    'client_assertion_type', 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer')) \gset
SELECT payload->>'access_token' AS by_next
    FROM auth.oauth_token(jsonb_build_object('grant_type', 'client_credentials',
    'client_assertion', auth.jwt_sign(pg_temp.said(:'client_id'), :'next'),
    'client_assertion_type', 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer')) \gset
SELECT auth.register_client_keys('kata-agent-team@example.com',
    jsonb_build_object('keys', jsonb_build_array(:'next'::jsonb)));
SELECT regress_try(format('SELECT auth.authenticate(%L)->>''email''', t))
    FROM unnest(ARRAY[:'by_key', :'by_next']) AS t;
SELECT pg_temp.shown(auth.jwt_sign(pg_temp.said(:'client_id'), :'key')) AS gone,
    pg_temp.shown(auth.jwt_sign(pg_temp.said(:'client_id'), :'next')) AS kept;
-- a ban; another owner
SELECT auth.ban('kata-agent-team@example.com');
SELECT pg_temp.shown(auth.jwt_sign(pg_temp.said(:'client_id'), :'next')) AS banned;
SELECT auth.unban('kata-agent-team@example.com');
UPDATE auth.users SET owner_generation = owner_generation + 1
    WHERE email = 'kata-agent-team@example.com';
SELECT pg_temp.shown(auth.jwt_sign(pg_temp.said(:'client_id'), :'next')) AS former, (SELECT count(*)
    FROM auth.list_client_keys()) AS keys;
SELECT auth.set_client_scopes('kata-agent-team@example.com', '{a}');
SELECT count(*) FROM auth.client_keys;
-- what has been used is forgotten once it cannot be used any more, however it is called
UPDATE auth.used_assertions SET expires_at = now() - interval '1 hour';
SELECT count(*) > 5 AS many FROM auth.used_assertions;
SELECT bool_and(auth.use_assertion('x', n::text, now())) AS new,
    bool_or(auth.use_assertion('x', n::text, now())) AS again FROM generate_series(1, 400) AS n
WHERE get_byte(sha256(convert_to('1:x' || n, 'UTF8')), 0) > 15;
SELECT count(*) FROM auth.used_assertions;
-- no token outlives the secret that it was got with
SELECT secret FROM auth.create_client_secret('kata-agent-team@example.com', '1h') \gset
UPDATE auth.client_secrets SET expires_at = clock_timestamp() + interval '100 seconds';
SELECT (payload->>'expires_in')::int BETWEEN 95 AND 100 AS shorter
    FROM auth.oauth_token('{"grant_type": "client_credentials"}', :'client_id', :'secret');
RESET pg_principal.issuer;
RESET pg_principal.clock_skew;
\i :teardown
