\getenv here PG_ABS_SRCDIR
\set setup :here /sql/include/setup.sql
\set teardown :here /sql/include/teardown.sql
\i :setup
-- Key sets as they are published, as those of trusted issuers: no key takes another with it.
\set ECHO none
SET client_min_messages = warning;
CREATE TEMP TABLE fresh AS
SELECT alg, auth.generate_jwk(alg) - 'kid' - 'alg' AS jwk
    FROM unnest('{RS256,ES256,ES384,ES512}'::text[]) AS alg;
\set published `cd "$PG_ABS_SRCDIR/samples/jwks" && for set in *.json; do sed '1s/^\xef\xbb\xbf//' "$set"; printf '\036'; done`
CREATE TEMP TABLE published AS SELECT n, text::jsonb AS jwks
    FROM regexp_split_to_table(rtrim(:'published', E'\x1e'), E'\x1e')
    WITH ORDINALITY AS p (text, n);
-- the private half of a key of that type, for what a published key says of itself
CREATE FUNCTION pg_temp.signer(key jsonb) RETURNS jsonb LANGUAGE sql AS $$
    SELECT f.jwk FROM fresh f WHERE f.jwk->>'kty' = key->>'kty' AND f.jwk->>'crv' IS NOT DISTINCT
        FROM key->>'crv' AND (key->>'kty' <> 'RSA' OR length(key->>'n') > 300) $$;
-- the same set with numbers that somebody can sign for
CREATE FUNCTION pg_temp.shaped(jwks jsonb) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jwks ||
        jsonb_build_object('keys', (SELECT jsonb_agg(CASE WHEN pg_temp.signer(k) IS NULL THEN k
        ELSE k || (auth.public_jwk(pg_temp.signer(k)) - '{kid,alg,use,key_ops}'::text[]) END
        ORDER BY n)
        FROM jsonb_array_elements(jwks->'keys') WITH ORDINALITY AS e (k, n))) $$;
CREATE FUNCTION pg_temp.exchanged(assertion text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    r auth.auth_result :=
        auth.oauth_token(jsonb_build_object('grant_type',
        'urn:ietf:params:oauth:grant-type:jwt-bearer', 'assertion', assertion));
BEGIN
    RETURN CASE WHEN r.ok THEN 'token' ELSE (SELECT coalesce(f.faults[1], r.reason)
        FROM auth.test_issuer_token(assertion) AS f) END;
END $$;
-- a token that names the key by its kid
CREATE FUNCTION pg_temp.token(key jsonb, claims jsonb) RETURNS text LANGUAGE sql AS $$
    SELECT auth.jws_sign(convert_to(('{"sub": "x"}' || claims || jsonb_build_object('aud', 'us', 'job', '1',
        'jti', gen_random_uuid(), 'exp', floor(extract(epoch FROM clock_timestamp())) + 300))::text,
        'UTF8'),
        coalesce(pg_temp.signer(key), (SELECT jwk FROM fresh WHERE alg = 'RS256'))
            || jsonb_strip_nulls(jsonb_build_object('kid', key->'kid'))) $$;
RESET client_min_messages;
\set ECHO all
-- each as it was published: what cannot be used is named, at once and in the listing
SELECT auth.trust_issuer('set ' || to_char(n, '00'), '{us}', jwks,
    algorithms => '{RS256,ES256,ES384,ES512}') FROM published ORDER BY n;
SELECT issuer, keys, array_to_string(unusable_keys, E'\n') AS unusable FROM auth.list_issuers();
-- and with numbers that a token can be signed for: each good key's is accepted, each bad one's refused for what is wrong with it
SET client_min_messages = error;
SELECT n, auth.store_issuer_keys('set ' || to_char(n, '00'), pg_temp.shaped(jwks)) AS stored,
    auth.map_claims('set ' || to_char(n, '00'), 'kata-agent-team@example.com',
    '{"job": "1"}') IS NOT NULL AS mapped FROM published WHERE n > 1 ORDER BY n;
RESET client_min_messages;
SELECT n, left(k->>'kid', 20) AS kid,
    pg_temp.exchanged(pg_temp.token(k,
    jsonb_build_object('iss', 'set ' || to_char(n, '00')))) AS outcome
FROM published, jsonb_array_elements(jwks->'keys') WITH ORDINALITY AS e (k, i) WHERE n > 1
    ORDER BY n, i;
-- Entra ID's keys name their issuer, most of them any tenant's
SET client_min_messages = error;
SELECT auth.trust_issuer('https://login.microsoftonline.com/7a/v2.0', '{us}', pg_temp.shaped(jwks))
    FROM published WHERE n = 1;
RESET client_min_messages;
SELECT auth.map_claims('https://login.microsoftonline.com/7a/v2.0', 'kata-agent-team@example.com',
    '{"tid": "7a", "oid": "8b"}') IS NOT NULL AS mapped;
SELECT left(k->>'kid', 20) AS kid, k->>'issuer' AS issuer,
    pg_temp.exchanged(pg_temp.token(k,
    '{"iss": "https://login.microsoftonline.com/7a/v2.0", "tid": "7a", "oid": "8b"}')) AS ours,
    pg_temp.exchanged(pg_temp.token(k,
        '{"iss": "https://login.microsoftonline.com/7a/v2.0", "tid": "9c", "oid": "8b"}')) AS another_tenant
FROM published, jsonb_array_elements(jwks->'keys') WITH ORDINALITY AS e (k, i) WHERE n = 1
    ORDER BY i;

-- Beside a secret, a private half, no object: the good key's token is accepted, and what is secret is not kept.
SELECT auth.trust_issuer('https://i', '{us}',
    jsonb_build_object('keys',
    jsonb_build_array('{"kty": "oct", "kid": "s", "k": "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T"}'::jsonb,
    (SELECT jwk || '{"kid": "p"}' FROM fresh WHERE alg = 'ES256'), '7'::jsonb,
        '{"kty": "AKP", "kid": "m", "alg": "ML-DSA-44", "pub": "AA", "priv": "AA"}'::jsonb,
        '{"kty": "RSA"}'::jsonb, (SELECT auth.public_jwk(jwk) || '{"kid": "good"}' FROM fresh
        WHERE alg = 'RS256'))));
SELECT keys, array_to_string(unusable_keys, E'\n') AS unusable FROM auth.list_issuers()
    WHERE issuer = 'https://i';
SELECT jwks->'keys'->0 AS secret, jwks->'keys'->1 AS private, jwks->'keys'->3 AS other
    FROM auth.trusted_issuers WHERE issuer = 'https://i';
SELECT auth.map_claims('https://i', 'kata-agent-team@example.com',
    '{"job": "1"}') IS NOT NULL AS mapped;
SELECT kid, pg_temp.exchanged(pg_temp.token(jwk || jsonb_build_object('kid', kid),
    '{"iss": "https://i"}')) AS outcome FROM (VALUES (1, 'good', 'RS256'), (2, 'p', 'ES256'),
    (3, 's', 'RS256'), (4, 'm', 'RS256'), (5, 'nobody', 'RS256')) AS v (n, kid, alg) JOIN fresh
    USING (alg) ORDER BY n;
SELECT auth.store_issuer_keys('https://i',
    '{"keys": [{"kty": "oct", "kid": "s", "k": "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T"}]}'),
    pg_temp.exchanged(pg_temp.token(jwk || '{"kid": "s"}', '{"iss": "https://i"}')) AS alone
    FROM fresh WHERE alg = 'RS256';
-- which keys came and went is audited, and that nothing changed is not
SELECT auth.store_issuer_keys('https://i',
    jsonb_build_object('keys', (SELECT jsonb_agg(auth.public_jwk(jwk)
    || jsonb_build_object('kid', alg) ORDER BY alg) FROM fresh))) FROM generate_series(1, 2);
SELECT changes->'issuerKeys'->'current' AS current,
    jsonb_array_length(nullif(changes->'issuerKeys'->'previous', 'null')) AS before
    FROM auth.audit_log WHERE changes ? 'issuerKeys' AND metadata->>'issuer' = 'https://i'
    ORDER BY seq;
-- certificates by kid, as Google publishes them
\set certificate `cat "$PG_ABS_SRCDIR/samples/keys/rsa-certificate.pem"`
SELECT auth.store_issuer_keys('https://i', jsonb_build_object('a', :'certificate'::text,
    'b', 'no certificate', 'c', 1, 'd', E'-----BEGIN ' || E'PRIVATE KEY-----\nMC4=\n-----END '
    || E'PRIVATE KEY-----'));
SELECT jwks->>'d' AS kept_of_a_private_one FROM auth.trusted_issuers WHERE issuer = 'https://i';
SELECT keys, array_to_string(unusable_keys, E'\n') AS unusable FROM auth.list_issuers()
    WHERE issuer = 'https://i';
SELECT pg_temp.exchanged(pg_temp.token(jwk || '{"kid": "d"}', '{"iss": "https://i"}')) AS private
    FROM fresh WHERE alg = 'RS256';
SELECT auth.store_issuer_keys('https://i', jsonb_build_object('d', E'-----BEGIN '
    || E'PRIVATE KEY-----\nMC4=\n-----END ' || E'PRIVATE KEY-----')) AS none_else,
    pg_temp.exchanged(pg_temp.token(jwk || '{"kid": "d"}', '{"iss": "https://i"}'))
    FROM fresh WHERE alg = 'RS256';
-- public keys by kid, as those of its Identity-Aware Proxy
SELECT auth.store_issuer_keys('https://i', jsonb_build_object('iap', auth.public_pem(jwk),
    'x', 1)), pg_temp.exchanged(pg_temp.token(jwk || '{"kid": "iap"}', '{"iss": "https://i"}'))
    FROM fresh WHERE alg = 'ES256';
SELECT n, regress_try(format('SELECT auth.store_issuer_keys(''https://i'', %L)', jwks))
    FROM (VALUES (1, '{}'::jsonb), (2, '[]'), (3, '{"keys": {}}'), (4, '{"kty": "RSA"}'),
    (5, '"x"'), (6, '{"a": "b"}'),
    (7, jsonb_build_object('keys', (SELECT jsonb_agg(i)
        FROM generate_series(1, 257) AS i)))) AS v (n, jwks) ORDER BY n;

-- SPIFFE: sub says the trust domain, iss may be missing.
SELECT n, regress_try(format('SELECT auth.trust_issuer(%L, %L, ''{"keys": []}'')', issuer,
    audiences)) FROM (VALUES (1, 'spiffe://Example.org', '{us}'),
    (2, 'spiffe://example.org/', '{us}'), (3, 'spiffe://', '{us}'),
    (4, 'spiffe://example.org', '{}'), (5, 'spiffe:x', '{us}')) AS v (n, issuer, audiences)
    ORDER BY n;
SELECT auth.trust_issuer('spiffe://example.org', '{us}',
    jsonb_build_object('keys', (SELECT jsonb_agg(auth.public_jwk(jwk)
    || '{"kid": "td", "use": "jwt-svid"}') FROM fresh WHERE alg = 'ES256'), 'spiffe_sequence', 1)),
    auth.trust_issuer('spiffe://other.org', '{us}', '{"keys": []}');
SELECT auth.map_claims('spiffe://example.org', 'kata-agent-team@example.com',
    '{"sub": "spiffe://example.org/ns/prod/agent"}') IS NOT NULL AS mapped;
SELECT n, pg_temp.exchanged(pg_temp.token((SELECT jwk || '{"kid": "td"}' FROM fresh
    WHERE alg = 'ES256'), claims)) AS outcome
    FROM (VALUES (1, '{"sub": "spiffe://example.org/ns/prod/agent"}'::jsonb),
    (2, '{"sub": "spiffe://example.org/ns/prod/agent", "iss": "https://spire.example.org"}'),
    (3, '{"sub": "spiffe://example.org/ns/prod/agents"}'),
    (4, '{"sub": "spiffe://other.org/ns/prod/agent"}'), (5, '{"sub": "spiffe://example.org"}'),
    (6, '{"sub": "spiffe://example.org.evil.com/ns/prod/agent"}'),
    (7, '{"sub": "https://example.org/x"}'),
    (8, '{"iss": "spiffe://example.org", "sub": "spiffe://other.org/ns/prod/agent"}'),
    (9, '{"sub": "spiffe://example.org/ns/prod/agent", "iss": "spiffe://other.org"}')) AS v (n,
        claims) ORDER BY n;
-- nor does a trust domain speak for another where no rule says what sub is
SELECT auth.map_claims('spiffe://example.org', 'kata-agent-team@example.com',
    '{"env": "prod"}') IS NOT NULL AS mapped;
SELECT n, pg_temp.exchanged(pg_temp.token((SELECT jwk || '{"kid": "td"}' FROM fresh
    WHERE alg = 'ES256'), claims || '{"env": "prod"}')) AS outcome
    FROM (VALUES (1, '{"sub": "spiffe://example.org/any"}'::jsonb),
    (2, '{"iss": "spiffe://example.org", "sub": "spiffe://example.org/any"}'),
    (3, '{"iss": "spiffe://example.org", "sub": "spiffe://other.org/any"}'),
    (4, '{"iss": "spiffe://example.org", "sub": "any"}'),
    (5, '{"iss": "spiffe://example.org"}')) AS v (n, claims) ORDER BY n;
SELECT count(auth.distrust_issuer(issuer)) AS distrusted FROM auth.list_issuers();
SELECT count(*) AS faults FROM auth.audit_verify();
\i :teardown
