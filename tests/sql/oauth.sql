\getenv here PG_ABS_SRCDIR
\set setup :here /sql/include/setup.sql
\set teardown :here /sql/include/teardown.sql
\i :setup
-- The answer without what is random.
CREATE FUNCTION pg_temp.told(r auth.auth_result) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', r.status, r.reason, (r.payload - 'access_token' - 'refresh_token')::text,
        CASE WHEN r.payload ? 'access_token' THEN 'token' END) $$;
CREATE FUNCTION pg_temp.part(token text, n int) RETURNS jsonb LANGUAGE sql AS $$
    SELECT convert_from(decode(rpad(translate(split_part(token, '.', n), '-_', '+/'),
        4 * ((length(split_part(token, '.', n)) + 3) / 4), '='), 'base64'), 'UTF8')::jsonb $$;

-- Clients are service accounts; a secret is told once, two are alive at most.
SELECT regress_try('SELECT auth.create_client_secret(''boss@example.com'')');
SELECT regress_try('SELECT auth.create_client_secret(''nobody@example.com'')');
SELECT regress_try('SELECT auth.create_client_secret(NULL)');
SELECT regress_try('SELECT auth.create_client_secret(''kata-agent-team@example.com'', ''5m'')');
SELECT regress_try(format('SELECT auth.create_client_secret(''kata-agent-team@example.com'', label => %L)',
    repeat('x', 256)));
SELECT count(*) FROM auth.clients;
SELECT client_id, secret, secret_id, expires_at - now() > '89 days' AS ninety_days
FROM auth.create_client_secret(' KATA-agent-team@example.com', label => 'first') \gset
SELECT secret AS second, secret_id AS second_id
    FROM auth.create_client_secret('kata-agent-team@example.com', '1h', 'second') \gset
SELECT :'ninety_days' AS ninety_days, :'client_id' = (SELECT id::text FROM auth.users
    WHERE email = 'kata-agent-team@example.com') AS id,
       :'secret' ~ '^pgps_[A-Za-z0-9_-]{43}$' AS looks, :'secret' <> :'second' AS another;
SELECT regress_try('SELECT auth.create_client_secret(''kata-agent-team@example.com'')');
SELECT count(*) AS in_the_clear FROM auth.client_secrets s WHERE s::text LIKE '%' || :'secret'
    || '%';
SELECT regress_try(format('SELECT auth.set_client_scopes(''kata-agent-team@example.com'', %L)', s))
    FROM unnest(ARRAY['{a b}', '{""}', '{NULL}']) AS s;
SELECT auth.set_client_scopes('kata-agent-team@example.com', '{read,write,read}');
SELECT email, scopes, secrets, live_tokens, banned FROM auth.list_clients();
SELECT client_email, label, state FROM auth.list_client_secrets();
SELECT count(*) FROM auth.list_client_secrets('boss@example.com');
SELECT regress_try(format('SELECT count(*) FROM auth.list_client_secrets(%L)', e)) AS nobodys
    FROM unnest(ARRAY['nobody@example.com', 'x']) AS e;

-- client_credentials, the secret in the header or in the form.
SELECT pg_temp.told(auth.oauth_token('{"grant_type": "client_credentials"}', :'client_id',
    :'secret'));
SELECT pg_temp.told(auth.oauth_token(jsonb_build_object('grant_type', 'client_credentials',
    'client_id', :'client_id', 'client_secret', :'second')));
SELECT scope, pg_temp.told(auth.oauth_token(jsonb_build_object('grant_type', 'client_credentials',
    'scope', scope), :'client_id', :'secret'))
FROM unnest(ARRAY['', 'read', 'write read', 'read admin', 'admin', 'rea', 'read*',
    ' ']) AS s (scope);
SELECT pg_temp.told(auth.oauth_token('{"grant_type": "client_credentials"}', :'client_id',
    :'secret', '{"accessTokenTtl": 60}')),
       pg_temp.told(auth.oauth_token('{"grant_type": "client_credentials"}', :'client_id',
           :'secret', '{"accessTokenTtl": 999999}'));
-- a resource (RFC 8707) is ours, or it is refused
SET pg_principal.issuer = 'https://id.example.com';
SELECT resource,
    pg_temp.told(auth.oauth_token(jsonb_build_object('grant_type', 'client_credentials',
    'scope', 'read', 'resource', resource), :'client_id', :'secret'))
FROM (VALUES (1, '"https://id.example.com"'::jsonb), (2, '"https://id.example.com/"'),
    (3, '"https://id.example.com/api"'), (4, '"https://id.example.com/api/users"'),
    (5, '"authenticated"'), (6, '["https://id.example.com/api", "authenticated"]'), (7, '[]'),
    (8, '"https://id.example.com/apis"'), (9, '"https://id.example.com/api/#x"'),
    (10, '"https://other.example/api"'),
    (11, '["https://id.example.com/api", "https://other.example/api"]'), (12, '""'), (13, 'null'),
    (14, '{}'), (15, '[["authenticated"]]')) AS r (n, resource) ORDER BY n;
RESET pg_principal.issuer;
SELECT pg_temp.told(auth.oauth_token('{"grant_type": "client_credentials", "resource": "pg_principal", "audience": "x"}',
    :'client_id', :'secret')) AS no_url,
    pg_temp.told(auth.oauth_token('{"grant_type": "refresh_token", "refresh_token": "x", "resource": "y"}')) AS refresh,
       pg_temp.told(auth.oauth_token('{"grant_type": "urn:ietf:params:oauth:grant-type:token-exchange", "audience": "y"}')) AS exchange,
           pg_temp.told(auth.oauth_token('{"grant_type": "urn:ietf:params:oauth:grant-type:token-exchange", "audience": "authenticated"}')) AS ours;
-- RFC 9068, and an identity like any other
SELECT payload->>'access_token' AS token
    FROM auth.oauth_token('{"grant_type": "client_credentials", "scope": "read"}', :'client_id',
    :'secret') \gset
SELECT pg_temp.part(:'token', 1) - 'kid' AS header;
SELECT c->>'client_id' = :'client_id' AND c->>'sub' = :'client_id' AS client, c->>'scope' AS scope,
    c->>'iss' AS iss, c->>'aud' AS aud,
       c ? 'jti' AND c ? 'iat' AS named, (c->>'exp')::bigint - (c->>'iat')::bigint AS ttl,
           c ? 'amr' AS as_supabase
FROM pg_temp.part(:'token', 2) AS c;
SET pg_principal.token = :'token';
SELECT auth.email(), auth.uid() = :'client_id' AS uid, auth.is_service_account(),
    auth.has_scope('read'), auth.has_scope('write');
CREATE TABLE owned (owner text, n int);
INSERT INTO owned VALUES ('kata-agent-team@example.com', 1), ('boss@example.com', 2);
SELECT auth.clamp('owned', 'owner');
GRANT SELECT ON owned TO authenticated;
SET ROLE authenticated;
SELECT n FROM owned;
RESET ROLE;
RESET pg_principal.token;
DROP TABLE owned;

-- Who is refused, and with what; nobody is told why.
SELECT label, pg_temp.told(auth.oauth_token('{"grant_type": "client_credentials"}', id, secret))
    FROM (VALUES
    (1, 'wrong secret', :'client_id', :'secret' || 'x'), (2, 'no secret', :'client_id', ''),
    (3, 'NULL secret', :'client_id', NULL),
    (4, 'unknown client', '00000000-0000-4000-8000-000000000000', :'secret'),
    (5, 'no UUID', 'kata-agent-team@example.com', :'secret'),
    (6, 'a person', (SELECT id::text FROM auth.users WHERE email = 'boss@example.com'), :'secret'),
    (7, 'empty', '', ''),
    (8, 'upper case', upper(:'client_id'), :'secret'),
    (9, 'the stored hash', :'client_id', encode(sha256(:'secret'), 'hex'))) AS t (n, label, id,
        secret) ORDER BY n;
SELECT label, pg_temp.told(auth.oauth_token(request)) FROM (VALUES
    (1, 'nothing', '{}'::jsonb), (2, 'no client', '{"grant_type": "client_credentials"}'),
    (3, 'an id alone', jsonb_build_object('grant_type', 'client_credentials',
        'client_id', :'client_id')),
    (4, 'a secret alone', jsonb_build_object('grant_type', 'client_credentials',
        'client_secret', :'secret')),
    (5, 'password', '{"grant_type": "password", "username": "x", "password": "y"}'),
    (6, 'implicit', '{"grant_type": "token"}'),
    (7, 'refresh without a token', '{"grant_type": "refresh_token"}'),
    (8, 'refresh with nonsense', '{"grant_type": "refresh_token", "refresh_token": "x"}'),
    (9, 'an array', '[]'), (10, 'a number', '{"grant_type": 1}')) AS t (n, label, request)
        ORDER BY n;
SELECT regress_try('SELECT (auth.oauth_token(NULL)).status');
SELECT pg_temp.told(auth.oauth_token(jsonb_build_object('grant_type', 'client_credentials',
    'client_secret', :'secret'), :'client_id', :'secret')) AS twice,
       pg_temp.told(auth.oauth_token('{"grant_type": "client_credentials", "client_id": "another"}',
           :'client_id', :'secret')) AS two_ids;
SELECT name, label, value FROM auth.read_metrics() WHERE name = 'auth.client.failures'
    ORDER BY label;
SELECT subject, changes, reason FROM auth.audit_log WHERE changes ? 'client'
    ORDER BY user_id <> auth.nobody(), seq LIMIT 4;
-- wrong secrets lock nobody out: 256 random bits are not guessed, and a lock would keep the client out
SELECT count(*) FROM generate_series(1, 20) AS n,
    LATERAL (SELECT auth.oauth_token('{"grant_type": "client_credentials"}', :'client_id',
    n::text)) AS r;
SELECT (auth.oauth_token('{"grant_type": "client_credentials"}', :'client_id', :'secret')).status;

-- Introspection: what the database says now.
CREATE FUNCTION pg_temp.active(token text, id text, secret text) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', r.status, r.payload->>'active', r.payload->>'username',
        r.payload->>'scope', r.payload->>'client_id' = id)
    FROM auth.oauth_introspect(jsonb_build_object('token', token), id, secret) AS r $$;
SELECT pg_temp.active(:'token', :'client_id', :'secret'), pg_temp.active(:'boss', :'client_id',
    :'secret'), pg_temp.active('x.y.z', :'client_id', :'secret'),
       pg_temp.active('', :'client_id', :'secret'), pg_temp.active(:'token', :'client_id', 'wrong');
SELECT pg_temp.told(auth.oauth_introspect('{"token": "x"}')) AS nobody,
    pg_temp.told(auth.oauth_introspect('{"token": "x"}', bearer => 'x')) AS dead,
       pg_temp.told(auth.oauth_introspect('{}', bearer => :'boss')) AS nothing,
           pg_temp.told(auth.oauth_introspect('{"token": "x"}', bearer => :'boss')) AS bearer;
SELECT token AS anon FROM auth.issue_key('anon') \gset
SELECT token AS service FROM auth.issue_key('service_role') \gset
SELECT pg_temp.told(auth.oauth_introspect('{"token": "x"}', bearer => :'anon')) AS anon,
    pg_temp.told(auth.oauth_introspect('{"token": "x"}', bearer => :'service')) AS service;
SELECT payload - 'exp' - 'iat' - 'jti' - 'sub' - 'session_id' - 'client_id' AS whole
    FROM auth.oauth_introspect(jsonb_build_object('token', :'token'), :'client_id', :'secret');

-- Revocation: the session ends, and with it the token on a connection that has it bound.
SET pg_principal.token = :'token';
SELECT auth.email();
SELECT pg_temp.told(auth.oauth_revoke(jsonb_build_object('token', :'token'))) AS no_client,
    pg_temp.told(auth.oauth_revoke(jsonb_build_object('token', :'token'), :'client_id',
    'wrong')) AS wrong;
SELECT auth.email();
SELECT pg_temp.told(auth.oauth_revoke(jsonb_build_object('token', :'token',
    'token_type_hint', 'refresh_token'), :'client_id', :'secret'));
SELECT regress_try('SELECT auth.email()');
RESET pg_principal.token;
SELECT pg_temp.active(:'token', :'client_id', :'second'),
    pg_temp.told(auth.oauth_revoke(jsonb_build_object('token', :'token'), :'client_id',
    :'secret')) AS again,
       pg_temp.told(auth.oauth_revoke('{"token": "unknown"}')) AS unknown,
           pg_temp.told(auth.oauth_revoke('{}')) AS nothing;
SELECT regress_try('SELECT (auth.oauth_revoke(''{"token": null}'')).reason') AS null_token,
    pg_temp.told(auth.oauth_introspect('{"token": null}', :'client_id', :'second')) AS introspected;
SELECT pg_temp.told(auth.oauth_revoke(jsonb_build_object('token', :'anon'))) AS anon,
    auth.is_project_key(:'anon') AS still;
SELECT pg_temp.told(auth.oauth_revoke(jsonb_build_object('token', :'boss'), :'client_id',
    :'secret')) AS anothers, auth.authenticate(:'boss')->>'email' AS still;
SELECT changes, metadata->>'by' AS by FROM auth.audit_log WHERE metadata ? 'by';

-- Refresh tokens of the sessions there are.
SELECT auth.set_password('ann@example.com', 'Th1sIsAStrong!Pass');
SELECT payload->'tokens'->>'refreshToken' AS refresh, payload->'tokens'->>'accessToken' AS access
    FROM auth.sign_in('ann@example.com', 'Th1sIsAStrong!Pass') \gset
SELECT pg_temp.told(auth.oauth_introspect(jsonb_build_object('token', :'refresh'),
    bearer => :'boss')) ~ '"active": true' AS active;
SELECT pg_temp.told(auth.oauth_token(jsonb_build_object('grant_type', 'refresh_token',
    'refresh_token', :'refresh'), :'client_id', :'secret')) AS of_a_client;
SELECT pg_temp.told(auth.oauth_token(jsonb_build_object('grant_type', 'refresh_token',
    'refresh_token', :'refresh', 'scope', 'read'))) AS narrowed;
SELECT payload->>'refresh_token' AS next, pg_temp.told(r)
    FROM auth.oauth_token(jsonb_build_object('grant_type', 'refresh_token',
    'refresh_token', :'refresh')) AS r \gset
SELECT pg_temp.active(:'refresh', :'client_id', :'secret') AS used,
    pg_temp.active(:'next', :'client_id', :'secret') AS next;
UPDATE auth.sessions SET created_at = created_at - interval '1 day'
    WHERE id = (SELECT t.session_id FROM auth.read_refresh_token(:'next') AS t);
SELECT clock_timestamp() - to_timestamp((payload->>'iat')::bigint) < interval '1 hour'
    AS as_old_as_its_exchange
    FROM auth.oauth_introspect(jsonb_build_object('token', :'next'), :'client_id', :'secret');
SELECT pg_temp.told(auth.oauth_token(jsonb_build_object('grant_type', 'refresh_token',
    'refresh_token', left(:'next', -3) || 'AAA')));
SELECT pg_temp.told(auth.oauth_revoke(jsonb_build_object('token', :'next')));
SELECT regress_try(format('SELECT auth.authenticate(%L)', :'access')),
    pg_temp.active(:'next', :'client_id', :'secret') AS next,
       pg_temp.told(auth.oauth_token(jsonb_build_object('grant_type', 'refresh_token',
           'refresh_token', :'next'))) AS refreshed;
-- One that was exchanged ends its session, too: a moment ago, its answer may be lost; long ago; with
-- a secret that is not its own none.
CREATE FUNCTION pg_temp.exchanged(refresh_token text) RETURNS text LANGUAGE sql VOLATILE AS $$
    SELECT payload->>'refresh_token' FROM auth.oauth_token(jsonb_build_object('grant_type',
        'refresh_token', 'refresh_token', refresh_token)) $$;
CREATE FUNCTION pg_temp.revoked(shown text, present text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RETURN pg_temp.told(auth.oauth_revoke(jsonb_build_object('token', shown)))
        || ', present token ' || pg_temp.told(auth.oauth_token(jsonb_build_object('grant_type',
            'refresh_token', 'refresh_token', present)));
END $$;
SELECT payload->'tokens'->>'refreshToken' AS r1
    FROM auth.sign_in('ann@example.com', 'Th1sIsAStrong!Pass') \gset
SELECT pg_temp.exchanged(:'r1') AS r2 \gset
SELECT pg_temp.revoked(left(:'r1', -3) || 'AAA', :'r2') AS not_its_secret;
SELECT pg_temp.exchanged(:'r2') AS r3 \gset
SELECT pg_temp.revoked(:'r2', :'r3') AS just_exchanged;
SELECT payload->'tokens'->>'refreshToken' AS r1
    FROM auth.sign_in('ann@example.com', 'Th1sIsAStrong!Pass') \gset
SELECT pg_temp.exchanged(pg_temp.exchanged(:'r1')) AS r3 \gset
SELECT pg_temp.revoked(:'r1', :'r3') AS long_ago;

-- A secret that is revoked takes its tokens along, and no others.
SELECT payload->>'access_token' AS token
    FROM auth.oauth_token('{"grant_type": "client_credentials"}', :'client_id', :'secret') \gset
SELECT payload->>'access_token' AS other
    FROM auth.oauth_token('{"grant_type": "client_credentials"}', :'client_id', :'second') \gset
SELECT auth.revoke_client_secret(:'secret_id', 'leaked'), auth.revoke_client_secret(:'secret_id'),
    auth.revoke_client_secret(NULL);
SELECT regress_try(format('SELECT auth.authenticate(%L)->>''email''', t))
    FROM unnest(ARRAY[:'token', :'other', :'agent']) AS t;
SELECT pg_temp.told(auth.oauth_token('{"grant_type": "client_credentials"}', :'client_id',
    :'secret')) AS revoked;
-- one that has ended, and room for another
UPDATE auth.client_secrets SET expires_at = now() - interval '1 second';
SELECT pg_temp.told(auth.oauth_token('{"grant_type": "client_credentials"}', :'client_id',
    :'second')) AS expired,
    regress_try(format('SELECT auth.authenticate(%L)', :'other')) AS got_with_it;
SELECT label, state FROM auth.list_client_secrets('Kata-agent-team@example.com');
SELECT secret FROM auth.create_client_secret('kata-agent-team@example.com') \gset
SELECT label, state FROM auth.list_client_secrets();

-- A ban, known only to who has the secret; lifted, the secret is good again and the tokens stay dead.
SELECT payload->>'access_token' AS token
    FROM auth.oauth_token('{"grant_type": "client_credentials"}', :'client_id', :'secret') \gset
SELECT auth.ban('kata-agent-team@example.com');
SELECT pg_temp.told(auth.oauth_token('{"grant_type": "client_credentials"}', :'client_id',
    :'secret')) AS banned,
       pg_temp.told(auth.oauth_token('{"grant_type": "client_credentials"}', :'client_id',
           'wrong')) AS wrong,
       regress_try(format('SELECT auth.authenticate(%L)->>''email''', :'token'));
SELECT auth.unban('kata-agent-team@example.com');
SELECT (auth.oauth_token('{"grant_type": "client_credentials"}', :'client_id', :'secret')).status,
    regress_try(format('SELECT auth.authenticate(%L)->>''email''', :'token'));
-- the address has a new owner: nothing of the one before is worth anything
UPDATE auth.users SET owner_generation = owner_generation + 1
    WHERE email = 'kata-agent-team@example.com';
SELECT pg_temp.told(auth.oauth_token('{"grant_type": "client_credentials"}', :'client_id',
    :'secret')) AS former, (SELECT count(*) FROM auth.list_clients()) AS clients;
SELECT secret AS new FROM auth.create_client_secret('kata-agent-team@example.com') \gset
SELECT (auth.oauth_token('{"grant_type": "client_credentials"}', :'client_id',
    :'new')).payload ? 'scope' AS scopes_of_before,
       pg_temp.told(auth.oauth_token('{"grant_type": "client_credentials"}', :'client_id',
           :'secret')) AS former;
-- no person keeps a client secret, nor what was got with it
SELECT (auth.oauth_token('{"grant_type": "client_credentials"}', :'client_id',
    :'new')).payload->>'access_token' AS got \gset
SELECT regress_try(format('SELECT auth.authenticate(%L)->>''email''', :'got'))
    AS a_service_account;
UPDATE auth.users SET kind = 'person' WHERE email = 'kata-agent-team@example.com';
SELECT regress_try(format('SELECT auth.authenticate(%L)->>''email''', :'got')) AS a_person,
    (SELECT l.state FROM auth.list_sessions('kata-agent-team@example.com') AS l
    WHERE l.id = (pg_temp.part(:'got', 2)->>'session_id')::uuid) AS listed;
SELECT pg_temp.told(auth.oauth_token('{"grant_type": "client_credentials"}', :'client_id', :'new'));
UPDATE auth.users SET kind = 'service_account' WHERE email = 'kata-agent-team@example.com';
-- no key signs
BEGIN;
SELECT auth.retire_signing_key(:'kid');
SELECT regress_try(format('SELECT auth.oauth_token(''{"grant_type": "client_credentials"}'', %L, %L)',
    :'client_id', :'new'));
ROLLBACK;

-- Nothing of it worries the health scan, and what was issued is audited.
SELECT kind, email FROM auth.incidents WHERE reason LIKE '%successor%' OR kind = 'token_unused';
SELECT changes, metadata->>'grant' AS "grant", metadata ? 'credentialId' AS secret,
    metadata->'scopes' AS scopes FROM auth.audit_log WHERE metadata ? 'grant' ORDER BY seq LIMIT 2;
SELECT changes, reason, metadata->>'label' AS label FROM auth.audit_log
    WHERE changes ?| '{clientSecret,clientScopes}' ORDER BY seq;
SELECT count(*) AS faults FROM auth.audit_verify();
SELECT origin, count(*) > 0 AS some FROM auth.list_sessions('kata-agent-team@example.com')
    GROUP BY origin ORDER BY origin;

-- Who may call what.
SET ROLE authenticated;
SELECT regress_try('SELECT auth.create_client_secret(''kata-agent-team@example.com'')'),
    regress_try('SELECT auth.oauth_token(''{}'')'),
       regress_try('SELECT * FROM auth.client_secrets'),
           regress_try('SELECT auth.revoke_client_secret(NULL)'),
           regress_try('SELECT auth.examine_token(''x'')');
RESET ROLE;

-- Where everything is: only under the issuer's own name.
SELECT d, p, (auth.oauth_metadata(d, p)).status
    FROM unnest(ARRAY['oauth-authorization-server', 'openid-configuration',
    'oauth-protected-resource']) AS d, unnest(ARRAY['', '/api']) AS p;
SET pg_principal.issuer = 'https://id.example.com';
SELECT d, p, m.status, regexp_replace(jsonb_pretty(CASE WHEN m.ok THEN m.payload END),
    '(,\s*"ML-DSA-\d\d")+', '', 'g') AS document
    FROM unnest(ARRAY['oauth-authorization-server', 'openid-configuration',
    'oauth-protected-resource']) AS d,
    unnest(ARRAY['', '/api', '/auth/v1']) AS p, auth.oauth_metadata(d, p) AS m WHERE m.ok OR p = '';
SET pg_principal.issuer = 'https://id.example.com:8443/auth/v1/';
SELECT p, (auth.oauth_metadata('oauth-authorization-server',
    p)).payload->>'token_endpoint' AS token_endpoint
    FROM unnest(ARRAY['', '/auth', '/auth/v1', NULL]) AS p;
SELECT i, (auth.oauth_metadata('oauth-authorization-server')).status
    FROM unnest(ARRAY['ftp://x', 'https://', 'https://x?y', 'https://x#y', 'https://x y',
    'https://x']) WITH ORDINALITY AS t (i, n), LATERAL set_config('pg_principal.issuer', i, false)
    ORDER BY n;
-- Whoever verifies tokens takes no other algorithms: what a key signed that was in use before lives.
SET pg_principal.issuer = 'https://id.example.com';
BEGIN;
SELECT auth.create_signing_key('ES256') IS NOT NULL AS another;
SELECT (auth.oauth_metadata('openid-configuration')).payload->'id_token_signing_alg_values_supported'
    AS of_both;
SELECT count(auth.revoke_signing_key(kid)) AS revoked FROM auth.list_signing_keys()
    WHERE alg = 'HS256';
SELECT (auth.oauth_metadata('openid-configuration')).payload->'id_token_signing_alg_values_supported'
    AS of_one;
ROLLBACK;
RESET pg_principal.issuer;

-- A deleted client takes all of it along.
DELETE FROM auth.users WHERE email = 'kata-agent-team@example.com';
SELECT count(*) FROM auth.clients NATURAL FULL JOIN auth.client_secrets;
\i :teardown
