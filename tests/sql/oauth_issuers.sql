\getenv here PG_ABS_SRCDIR
\set setup :here /sql/include/setup.sql
\set teardown :here /sql/include/teardown.sql
\i :setup
-- Trusted issuers (RFC 7523): the token of a job or a pod for one of ours.
SET pg_principal.clock_skew = 0;
SET client_min_messages = warning;
SELECT auth.push_people('[{"email": "ci@example.com", "name": "CI", "kind": "service_account"}, {"email": "pod@example.com", "name": "Pod", "kind": "service_account"}]') AS pushed \gset
SELECT created FROM auth.provision() \gset
RESET client_min_messages;
SELECT auth.generate_jwk('RS256') || '{"kid": "k1", "alg": "RS256"}' AS github,
    auth.generate_jwk('ES256') || '{"kid": "k2"}' AS rotated, auth.generate_jwk('RS256')
    || '{"kid": "k1"}' AS forged,
       auth.generate_jwk('ES256') || '{"kid": "p"}' AS pods, auth.generate_jwk('ES256')
           || '{"kid": "c"}' AS cognito \gset
\set gh https://token.actions.githubusercontent.com
\set k8s https://kubernetes.default.svc
CREATE FUNCTION pg_temp.told(r auth.auth_result) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', r.status, r.reason, r.payload->>'scope', CASE
        WHEN r.payload ? 'access_token' THEN 'token' END) $$;
CREATE FUNCTION pg_temp.exchanged(assertion text, more jsonb DEFAULT '{}') RETURNS text LANGUAGE sql
    AS $$
    SELECT pg_temp.told(auth.oauth_token(jsonb_build_object('grant_type',
        'urn:ietf:params:oauth:grant-type:jwt-bearer', 'assertion', assertion) || more)) $$;
CREATE FUNCTION pg_temp.said(shape jsonb, change jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql
    AS $$
    SELECT jsonb_strip_nulls(jsonb_build_object('jti', gen_random_uuid(),
        'iat', floor(extract(epoch FROM clock_timestamp())), 'nbf',
        floor(extract(epoch FROM clock_timestamp())) - 5,
        'exp', floor(extract(epoch FROM clock_timestamp())) + 300) || shape || change) $$;
\set job '{"iss": "https://token.actions.githubusercontent.com", "aud": "https://id.example.com", "sub": "repo:octo/app:environment:prod", "repository": "octo/app", "repository_id": "74", "repository_owner_id": "65", "environment": "prod", "ref": "refs/heads/main", "ref_protected": "true", "event_name": "push"}'
\set pod '{"iss": "https://kubernetes.default.svc", "aud": ["https://id.example.com"], "sub": "system:serviceaccount:prod:agent", "kubernetes.io": {"namespace": "prod", "serviceaccount": {"name": "agent", "uid": "8a2f"}, "pod": {"name": "agent-0"}}}'

-- What is trusted: an issuer with keys or where they are, algorithms, audiences.
-- an OpenSSL of 3.5 and later has ML-DSA, too
SELECT regexp_replace(regress_try(format('SELECT auth.trust_issuer(%s)', a)), '(, ML-DSA-\d\d)+',
    '') AS answer FROM (VALUES (1, 'NULL, ''{a}'', ''{"keys": []}'''),
    (2, ''''', ''{a}'', ''{"keys": []}'''), (3, '''pg_principal'', ''{a}'', ''{"keys": []}'''),
    (4, '''i'', NULL, ''{"keys": []}'''), (5, '''i'', ''{NULL}'', ''{"keys": []}'''),
    (6, '''i'', ''{a}'''), (7, '''i'', ''{a}'', ''{"keys": []}'', algorithms => ''{HS256}'''),
    (8, '''i'', ''{a}'', ''{"keys": []}'', algorithms => ''{}'''),
    (9, '''i'', ''{a}'', ''{"keys": []}'', algorithms => ''{none}'''),
    (10, '''i'', ''{a}'', ''{"keys": []}'', max_life => ''5s'''),
    (11, '''i'', ''{a}'', ''{"keys": 1}'''), (12, '''i'', ''{a}'', ''[]'''),
    (13, '''i'', ''{a}'', ''{"keys": [{"kty": "oct", "k": "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T"}]}'''),
    (14, '''i'', ''{a}'', jwks_url => ''http://x/keys'''),
    (15, '''i'', ''{a}'', jwks_url => ''https://u:p@x/keys'''),
    (16, '''i'', ''{a}'', jwks_url => ''file:///etc/passwd'''),
    (17, '''i'', ''{a}'', ''{"keys": []}'', required_claims => ''{NULL}'''),
    (18, '''i'', ''{a}'', ''{"keys": []}'', max_life => ''0m'''),
    (19, '''i'', ''{a}'', ''{"keys": []}'', max_life => ''525601m'''),
    (20, '''i'', ''{a}'', ''{"keys": []}'', max_life => NULL'),
    (21, '''i'', ''{{a},{b}}'', ''{"keys": []}'''),
    (22, '''i'', ''{a}'', ''{"keys": []}'', algorithms => ''{{RS256},{ES256}}'''),
    (23, '''i'', ''{a}'', ''{"keys": []}'', required_claims => ''{{a},{b}}'''),
    (24, '''i'', ARRAY[''a'', ''''], ''{"keys": []}'''),
    (25, '''https://i '', ''{a}'', ''{"keys": []}'''),
    (26, 'E''i\n'', ''{a}'', ''{"keys": []}'''),
    (27, '''i'', ''{a}'', ''{"keys": []}'', required_claims => ''{""}''')) AS t (n, a)
        ORDER BY n;
SELECT regress_try(format('SELECT auth.trust_issuer(''i'', ''{a}'', %L)',
    jsonb_build_object('keys', jsonb_build_array(:'github'::jsonb)))) AS private_keys;
SELECT issuer, keys, unusable_keys FROM auth.list_issuers();
SELECT auth.distrust_issuer('i');
-- Keys of the URL of before are gone with it, and so is when they were read; the same URL keeps both.
SELECT auth.trust_issuer('i', '{a}', jwks_url => 'https://x.example/keys');
SELECT auth.store_issuer_keys('i', jsonb_build_object('keys',
    jsonb_build_array(auth.public_jwk(:'github')))) AS stored;
SELECT auth.trust_issuer('i', '{b}', jwks_url => 'https://x.example/keys');
SELECT keys, keys_read_at IS NOT NULL AS read FROM auth.list_issuers();
SELECT auth.trust_issuer('i', '{b}', jwks_url => 'https://y.example/keys');
SELECT keys, keys_read_at IS NOT NULL AS read FROM auth.list_issuers();
SELECT auth.distrust_issuer('i');
SELECT auth.trust_issuer(:'gh', '{https://id.example.com}',
    jsonb_build_object('keys', jsonb_build_array(auth.public_jwk(:'github'))),
    required_claims => '{repository_id}', max_life => '10m');
SELECT auth.trust_issuer(:'k8s', '{https://id.example.com}',
    jsonb_build_object('keys', jsonb_build_array(auth.public_jwk(:'pods'))),
    algorithms => '{ES256}', max_life => '24h', single_use => false);

-- Rules: exact values of named claims.
SELECT regress_try(format('SELECT auth.map_claims(%L, ''ci@example.com'', %L)', :'gh', c))
    FROM (VALUES (1, NULL), (2, '{}'), (3, '[]'), (4, '"x"'), (5, '{"a": null}'),
    (6, '{"a": ["x"]}'), (7, '{"a": {}}'), (8, '{"a": {"b": {}}}'),
    (9, '{"aud": "x", "iss": "y"}')) AS t (n, c) ORDER BY n;
SELECT regress_try(format('SELECT auth.map_claims(''https://x'', ''ci@example.com'', ''{"a": "b"}'')')),
    regress_try(format('SELECT auth.map_claims(%L, ''boss@example.com'', ''{"a": "b"}'')', :'gh')),
       regress_try(format('SELECT auth.map_claims(%L, ''ci@example.com'', ''{"a": "b"}'', ''{a b}'')',
           :'gh'));
SELECT auth.map_claims(:'gh', 'ci@example.com',
    '{"repository_id": "74", "environment": "prod", "ref_protected": "true"}',
    '{deploy,read}') IS NOT NULL AS mapped;
SELECT auth.map_claims(:'k8s', 'pod@example.com',
    '{"kubernetes.io": {"namespace": "prod", "serviceaccount": {"uid": "8a2f"}}}',
    '{read}') IS NOT NULL AS mapped;
SELECT rule_issuer, email, claims, scopes FROM auth.list_issuer_rules();
SELECT regress_try('SELECT count(*) FROM auth.list_issuer_rules(''https://x'')') AS nobodys;
SELECT issuer, audiences, algorithms, max_life, required_claims, single_use, keys, rules
    FROM auth.list_issuers();

-- The right token gets the right account, its scopes and no longer a life than its own.
SELECT payload->>'access_token' AS token, payload->>'scope' AS scope,
    (payload->>'expires_in')::int BETWEEN 290 AND 300 AS no_longer
FROM auth.oauth_token(jsonb_build_object('grant_type',
    'urn:ietf:params:oauth:grant-type:jwt-bearer', 'assertion', auth.jwt_sign(pg_temp.said(:'job'),
    :'github'))) \gset
SELECT :'scope' AS scope, :'no_longer' AS no_longer, auth.authenticate(:'token')->>'email' AS email;
SELECT pg_temp.exchanged(auth.jwt_sign(pg_temp.said(:'job'), :'github'), '{"scope": "read admin"}'),
    pg_temp.exchanged(auth.jwt_sign(pg_temp.said(:'job'), :'github'),
    '{"scope": "admin"}') AS none_of_them;
-- a pod's has no typ, a list of audiences and nested claims, and is good for as long as it lives
SELECT auth.jws_sign(convert_to(pg_temp.said(:'pod')::text, 'UTF8'), :'pods') AS pods_token \gset
SELECT pg_temp.exchanged(:'pods_token'), pg_temp.exchanged(:'pods_token') AS again;
-- a pod has no secret to show: whoever holds its token ends it
SELECT (auth.oauth_token(jsonb_build_object('grant_type',
    'urn:ietf:params:oauth:grant-type:jwt-bearer', 'assertion', :'pods_token'))).payload
    ->>'access_token' AS token \gset
SELECT pg_temp.told(auth.oauth_revoke(jsonb_build_object('token', :'token'))) AS revoked,
    regress_try(format('SELECT auth.authenticate(%L)', :'token')) AS after;
-- a job's once: by its jti, by itself without one
SELECT auth.jwt_sign(pg_temp.said(:'job', '{"jti": "1"}'), :'github') AS once,
    auth.jwt_sign(pg_temp.said(:'job', '{"jti": null}'), :'github') AS no_jti \gset
SELECT pg_temp.exchanged(:'once'), pg_temp.exchanged(:'once') AS again,
    pg_temp.exchanged(:'no_jti') AS no_jti, pg_temp.exchanged(:'no_jti') AS again;
-- an empty one names nothing
SELECT pg_temp.exchanged(auth.jwt_sign(pg_temp.said(:'job', jsonb_build_object('jti', '', 'n', n)),
    :'github')) AS empty_jti FROM generate_series(1, 2) AS n;
-- what clock_skew alone has alive is worth nothing, and the operator is told so
SET pg_principal.clock_skew = 60;
SELECT auth.jwt_sign(pg_temp.said(:'job',
    jsonb_build_object('exp', floor(extract(epoch FROM clock_timestamp())) - 5)),
    :'github') AS late,
       auth.jwt_sign(pg_temp.said(:'job', jsonb_build_object('iat', t, 'nbf', t)),
           :'github') AS early
           FROM (SELECT floor(extract(epoch FROM clock_timestamp())) + 30) AS s (t) \gset
SELECT pg_temp.exchanged(:'late') AS late, faults, pg_temp.exchanged(:'early') AS early
    FROM auth.test_issuer_token(:'late');
SET pg_principal.clock_skew = 0;

-- Every wrong one.
SELECT label, pg_temp.exchanged(auth.jwt_sign(pg_temp.said(:'job', change), :'github')) AS outcome
    FROM (VALUES
    (1, 'another repository', '{"repository_id": "75"}'::jsonb),
    (2, 'the number, not the string', '{"repository_id": 74}'),
    (3, 'a longer one', '{"repository_id": "740"}'), (4, 'no environment', '{"environment": null}'),
    (5, 'a branch that is not protected', '{"ref_protected": "false"}'),
    (6, 'true, not "true"', '{"ref_protected": true}'),
    (7, 'another audience', '{"aud": "https://elsewhere"}'),
    (8, 'a list of others', '{"aud": ["https://elsewhere"]}'),
    (9, 'a list with ours', '{"aud": ["https://elsewhere", "https://id.example.com"]}'),
    (10, 'no audience', '{"aud": null}'),
    (11, 'an issuer that nobody trusts', '{"iss": "https://evil.example.com"}'),
    (12, 'no issuer', '{"iss": null}'),
    (13, 'expired', '{"exp": 1000000000}'),
    (14, 'from the future', '{"iat": 4000000000, "exp": 4000000300}'),
    (15, 'not yet', '{"nbf": 4000000000}'), (16, 'no end', '{"exp": null}'),
    (17, 'too long a life', '{"iat": 1000000000}'),
    (18, 'too far an end', '{"iat": null, "exp": 4000000000}'),
    (19, 'without what is required', '{"repository_id": null}'),
    (20, 'the other issuer''s name', '{"iss": "https://kubernetes.default.svc"}'),
    (21, 'a logout token',
        '{"events": {"http://schemas.openid.net/event/backchannel-logout": {}}}'),
    (22, 'bound to a key', '{"cnf": {"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}}'),
    (23, 'no subject', '{"sub": null}'), (24, 'an empty one', '{"sub": ""}'))
        AS t (n, label, change) ORDER BY n;
SELECT pg_temp.exchanged(auth.jwt_sign(pg_temp.said(:'job'), :'forged')) AS same_kid,
    pg_temp.exchanged(auth.jwt_sign(pg_temp.said(:'job'), :'rotated')) AS unknown_kid,
    pg_temp.exchanged(auth.jwt_sign(pg_temp.said(:'job'), :'github'::jsonb - 'alg',
    'PS256')) AS algorithm,
       pg_temp.exchanged('x') AS nonsense, pg_temp.exchanged('') AS empty,
           pg_temp.exchanged(:'agent') AS our_own,
           pg_temp.told(auth.oauth_token('{"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer"}')) AS nothing;
-- after a rotation
SELECT auth.store_issuer_keys(:'gh',
    jsonb_build_object('keys', jsonb_build_array(auth.public_jwk(:'github'),
    auth.public_jwk(:'rotated')))), auth.store_issuer_keys('https://x', '{"keys": []}');
SELECT pg_temp.exchanged(auth.jwt_sign(pg_temp.said(:'job'), :'rotated')) AS rotated,
    regress_try(format('SELECT auth.store_issuer_keys(%L, ''{"keys": 1}'')', :'gh')),
       regress_try(format('SELECT auth.store_issuer_keys(%L, %L)', :'gh',
           jsonb_build_object('keys', '[]'::jsonb, 'x', repeat('x', 5000000)))) AS five_megabytes,
           pg_temp.exchanged(auth.jwt_sign(pg_temp.said(:'job'), :'rotated')) AS kept;
SELECT reason, detail, count(*) FROM (SELECT reason, metadata->>'detail' AS detail
    FROM auth.audit_log WHERE changes ? 'assertion') AS a GROUP BY reason, detail
    ORDER BY reason COLLATE "C", detail COLLATE "C";
SELECT label, value FROM auth.read_metrics() WHERE name = 'auth.assertion.failures' ORDER BY label;

-- Which rule, and why not the others; nothing is used up.
SELECT auth.map_claims(:'gh', 'kata-agent-team@example.com',
    '{"repository_id": "74", "environment": "staging", "actor": "x"}') IS NOT NULL AS mapped;
SELECT auth.jwt_sign(pg_temp.said(:'job'), :'github') AS tested \gset
SELECT email, matches, faults FROM auth.test_issuer_token(:'tested');
SELECT email, matches, faults
    FROM auth.test_issuer_token(auth.jwt_sign(pg_temp.said(:'job', '{"aud": "x"}'), :'github'));
SELECT email, matches, faults FROM auth.test_issuer_token(NULL);
SELECT pg_temp.exchanged(:'tested');
-- two accounts that match are an error that names both
SELECT auth.map_claims(:'gh', 'kata-agent-team@example.com',
    '{"repository_id": "74"}') IS NOT NULL AS mapped;
SELECT pg_temp.exchanged(auth.jwt_sign(pg_temp.said(:'job'), :'github'));
SELECT metadata->'accounts' AS accounts FROM auth.audit_log WHERE reason = 'several-rules';
SELECT email, matches FROM auth.test_issuer_token(:'tested');
SELECT auth.unmap_claims(:'gh', 'Kata-Agent-Team@example.com'),
    auth.unmap_claims(:'gh', 'kata-agent-team@example.com');
SELECT pg_temp.exchanged(auth.jwt_sign(pg_temp.said(:'job'), :'github'));
-- a name is that of an object's member, never the place of an array's element; what jsonb cannot hold is refused as any other nonsense
SELECT auth.map_claims(:'gh', 'kata-agent-team@example.com',
    '{"groups": {"0": "x"}}') IS NOT NULL AS mapped;
SELECT n, pg_temp.exchanged(auth.jwt_sign(pg_temp.said(:'job', change || '{"repository_id": "0"}'),
    :'github')) AS outcome FROM (VALUES (1, '{"groups": {"0": "x"}}'::jsonb),
    (2, '{"groups": ["x"]}'), (3, '{"groups": "x"}'), (4, '{"groups": {"0": ["x"]}}')) AS t (n,
    change) ORDER BY n;
SELECT auth.unmap_claims(:'gh', 'kata-agent-team@example.com');
SELECT n, pg_temp.exchanged(t.token) AS outcome, (SELECT f.faults
    FROM auth.test_issuer_token(t.token) AS f) AS faults,
    regress_try(format('SELECT auth.jwt_verify(%L, %L)', t.token,
    auth.public_jwk(:'github'))) AS verified
FROM (VALUES (1, '1e200000'), (2, '-1e131072'), (3, '1e-20000')) AS v (n, number),
    LATERAL (SELECT auth.jws_sign(convert_to(left(pg_temp.said(:'job')::text, -1) || ', "x": '
    || number || '}', 'UTF8'), :'github') AS token) AS t ORDER BY n;
SELECT metadata->>'detail' AS detail, count(*) FROM auth.audit_log
    WHERE metadata->>'detail' LIKE '%cannot hold' GROUP BY 1;
-- access tokens of Cognito have no audience
SELECT auth.trust_issuer('https://cognito', '{}',
    jsonb_build_object('keys', jsonb_build_array(auth.public_jwk(:'cognito'))));
SELECT auth.map_claims('https://cognito', 'ci@example.com',
    '{"client_id": "7a", "token_use": "access"}') IS NOT NULL AS mapped;
SELECT pg_temp.exchanged(auth.jwt_sign(pg_temp.said('{"iss": "https://cognito", "sub": "7a", "client_id": "7a", "token_use": "access"}'),
    :'cognito')) AS access,
       pg_temp.exchanged(auth.jwt_sign(pg_temp.said('{"iss": "https://cognito", "sub": "7a", "client_id": "7a", "token_use": "access", "aud": "7a"}'),
           :'cognito')) AS with_aud,
       pg_temp.exchanged(auth.jwt_sign(pg_temp.said('{"iss": "https://cognito", "sub": "7a", "client_id": "7a", "token_use": "access", "aud": []}'),
           :'cognito')) AS for_nobody,
       pg_temp.exchanged(auth.jwt_sign(pg_temp.said('{"iss": "https://cognito", "sub": "7a", "client_id": "7a", "token_use": "id"}'),
           :'cognito')) AS id_token;

-- what matches has no fault, what has one does not match
SELECT r.rule, array_agg(c.claims ORDER BY c.n)
    FILTER (WHERE auth.rule_fits(r.rule, c.claims)) AS fit, count(*)
    FILTER (WHERE auth.rule_fits(r.rule, c.claims) <> (auth.rule_faults(r.rule, c.claims) =
    '{}')) AS disagreeing
FROM unnest('{"{\"a\": 1}","{\"a\": \"1\"}","{\"a\": true}","{\"a\": {\"b\": 1}}","{\"a\": {\"0\": 1}}","{\"a\": {}}","{\"a\": null}"}'::jsonb[])
    WITH ORDINALITY AS r (rule, n),
    unnest('{"{\"a\": 1.0}","{\"a\": \"1\"}","{\"a\": [2, 1]}","{\"a\": [[1]]}","{\"a\": {\"b\": 1, \"c\": 2}}","{\"a\": [{\"b\": 1}]}","{\"a\": {\"b\": [1]}}","{\"a\": {\"0\": 1}}","{\"a\": {}}","{\"a\": [true, null]}","{\"a\": null}","{}","[1]"}'::jsonb[])
        WITH ORDINALITY AS c (claims, n) GROUP BY r.n, r.rule ORDER BY r.n;

-- The end of a rule, a ban, another owner, the end of the trust.
SELECT payload->>'access_token' AS token
    FROM auth.oauth_token(jsonb_build_object('grant_type',
    'urn:ietf:params:oauth:grant-type:jwt-bearer', 'assertion', auth.jwt_sign(pg_temp.said(:'job'),
    :'github'))) \gset
SELECT payload->>'access_token' AS pods
    FROM auth.oauth_token(jsonb_build_object('grant_type',
    'urn:ietf:params:oauth:grant-type:jwt-bearer', 'assertion', :'pods_token')) \gset
SELECT auth.map_claims(:'gh', 'ci@example.com',
    '{"repository_id": "74"}') IS NOT NULL AS mapped_anew;
SELECT regress_try(format('SELECT auth.authenticate(%L)->>''email''', t))
    FROM unnest(ARRAY[:'token', :'pods']) AS t;
-- what was decided while somebody held the row
BEGIN;
SELECT count(auth.decide(u, jsonb_populate_record(u, '{"banned_until": "2999-01-01", "ban_origin": "operator"}'))) AS decided
    FROM auth.users u WHERE u.email = 'pod@example.com';
SELECT pg_temp.exchanged(:'pods_token') AS banned;
ROLLBACK;
BEGIN;
SELECT count(auth.decide(u, jsonb_populate_record(u, '{"owner_generation": 1}'))) AS decided
    FROM auth.users u WHERE u.email = 'pod@example.com';
SELECT pg_temp.exchanged(:'pods_token') AS former;
ROLLBACK;
BEGIN;
SELECT count(auth.decide(u, jsonb_populate_record(u, '{"kind": "person"}'))) AS decided
    FROM auth.users u WHERE u.email = 'pod@example.com';
SELECT pg_temp.exchanged(:'pods_token') AS person;
ROLLBACK;
BEGIN;
SELECT count(auth.decide(u, jsonb_populate_record(u, '{"app_role": "AUDITOR"}'))) AS decided
    FROM auth.users u WHERE u.email = 'pod@example.com';
SELECT pg_temp.exchanged(:'pods_token') AS still;
ROLLBACK;
SELECT auth.ban('pod@example.com');
SELECT email, matches, faults FROM auth.test_issuer_token(:'pods_token');
SELECT pg_temp.exchanged(:'pods_token') AS banned,
    regress_try(format('SELECT auth.authenticate(%L)->>''email''', :'pods'));
SELECT auth.unban('pod@example.com');
SELECT pg_temp.exchanged(:'pods_token') AS unbanned;
UPDATE auth.users SET owner_generation = owner_generation + 1 WHERE email = 'pod@example.com';
SELECT pg_temp.exchanged(:'pods_token') AS former;
SELECT payload->>'access_token' AS token
    FROM auth.oauth_token(jsonb_build_object('grant_type',
    'urn:ietf:params:oauth:grant-type:jwt-bearer', 'assertion', auth.jwt_sign(pg_temp.said(:'job'),
    :'github'))) \gset
SELECT auth.distrust_issuer(:'gh'), auth.distrust_issuer(:'gh');
SELECT regress_try(format('SELECT auth.authenticate(%L)->>''email''', :'token')),
    pg_temp.exchanged(auth.jwt_sign(pg_temp.said(:'job'), :'github')) AS distrusted;
SELECT changes - 'issuerKeys' AS changes, changes->'issuerKeys' AS keys,
    metadata->>'issuer' AS issuer, metadata->>'jwksUrl' AS url FROM auth.audit_log
    WHERE changes ? 'trustedIssuer' ORDER BY seq;
SELECT changes->'issuerRule' AS rule, metadata ? 'replaces' AS replaces, subject, count(*)
    FROM auth.audit_log WHERE changes ? 'issuerRule' GROUP BY 1, 2, 3 ORDER BY 3, 1;
SELECT count(*) AS faults FROM auth.audit_verify();
-- for operators
SET ROLE authenticated;
SELECT regress_try('SELECT auth.trust_issuer(''i'', ''{a}'', ''{"keys": []}'')'),
    regress_try('SELECT auth.map_claims(''i'', ''ci@example.com'', ''{"a": "b"}'')'),
    regress_try('SELECT auth.test_issuer_token(''x'')'),
    regress_try('SELECT * FROM auth.issuer_rules');
RESET ROLE;
SELECT auth.distrust_issuer('https://cognito'), auth.distrust_issuer(:'k8s');
RESET pg_principal.clock_skew;
\i :teardown
