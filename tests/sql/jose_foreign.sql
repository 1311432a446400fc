-- Tokens that a trusted issuer has signed (auth.verify_foreign_token), and what is wrong with the keys
-- of a set (auth.jwks_problems).
\getenv here PG_ABS_SRCDIR
\set jose :here /sql/include/jose.sql
\set jose_end :here /sql/include/jose_end.sql
\i :jose
SET client_min_messages = warning;
SELECT auth.generate_jwk('ES256') AS signer \gset
CREATE TEMP TABLE issuer AS SELECT :'signer'::jsonb AS jwk, auth.public_jwk(:'signer') AS public;
-- the answer to a token under changed rules: claims or refusal
CREATE FUNCTION pg_temp.judged(token text, rules jsonb DEFAULT '{}',
    jwks jsonb DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
    SELECT regress_try(format('SELECT coalesce(refusal, ''good, '' || (claims->>''sub'')) FROM auth.verify_foreign_token(%L, %L, %L)',
        token,
        coalesce(jwks, (SELECT jsonb_build_object('keys', jsonb_build_array(public)) FROM issuer)),
        '{"issuer": "https://id.example", "audiences": ["https://us.example", "us"]}' || rules)) $$;
CREATE FUNCTION pg_temp.now(plus int DEFAULT 0) RETURNS bigint LANGUAGE sql AS $$
    SELECT floor(extract(epoch FROM now()))::bigint + plus $$;
CREATE FUNCTION pg_temp.claims(change jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object('iss', 'https://id.example', 'aud', 'us', 'sub', 'ci',
        'exp', pg_temp.now(300)) || change $$;
CREATE FUNCTION pg_temp.token(change jsonb DEFAULT '{}') RETURNS text LANGUAGE sql AS $$
    SELECT auth.jwt_sign(pg_temp.claims(change), jwk) FROM issuer $$;
RESET client_min_messages;

SELECT claims->>'sub' AS sub, kid = :'signer'::jsonb->>'kid' AS its_kid, refusal
    FROM auth.verify_foreign_token(pg_temp.token(),
    (SELECT public FROM issuer), '{"issuer": "https://id.example", "audiences": ["us"]}');
-- claims
SELECT change, pg_temp.judged(pg_temp.token(change))
    FROM unnest(ARRAY['{}', '{"aud": ["x", "us"]}', '{"aud": ["https://us.example"]}',
    '{"aud": "U"}', '{"aud": []}', '{"aud": ["x"]}', '{"aud": "us "}', '{"aud": 1}',
    '{"iss": "https://id.example/"}', '{"iss": null}', '{"exp": 1}', '{"exp": "1"}',
        '{"nbf": 99999999999}']::jsonb[]) WITH ORDINALITY AS c (change, n) ORDER BY n;
SELECT without, pg_temp.judged((SELECT auth.jwt_sign(pg_temp.claims() - without, jwk) FROM issuer))
    FROM unnest(ARRAY['exp', 'iss', 'aud', 'sub']) AS w (without);
-- rules: one audience and no list, no audience, no issuer, algorithms, the longest life
SELECT rules, change, pg_temp.judged(pg_temp.token(change), rules) FROM (VALUES
    (1, '{"soleAudience": true}'::jsonb, '{}'::jsonb),
    (2, '{"soleAudience": true}', '{"aud": ["us"]}'),
    (3, '{"soleAudience": true}', '{"aud": ["us", "x"]}'),
    (4, '{"audiences": null}', '{"aud": null}'), (5, '{"audiences": null}', '{"aud": "x"}'),
    (6, '{"issuer": null}', '{"iss": "x"}'), (7, '{"algorithms": ["ES256"]}', '{}'),
    (8, '{"algorithms": ["RS256", "ES384"]}', '{}'), (9, '{"longestLife": 300}', '{}'),
    (10, '{"longestLife": 250}', '{}'), (11, '{"longestLife": 3600}', '{"exp": 9007199254740991}'),
    (12, '{"longestLife": null, "types": null, "algorithms": null, "soleAudience": null}',
        '{}')) AS r (n, rules, change) ORDER BY n;
-- what is forgotten or misspelt in the rules lets nothing in
SELECT rules,
    regress_try(format('SELECT refusal FROM auth.verify_foreign_token(''a.b.c'', ''{"keys": []}'', %L)',
    rules)) FROM unnest(ARRAY['{}', '[]', '"x"', '{"issuer": "x"}', '{"audiences": ["x"]}',
    '{"issuer": 1, "audiences": null}', '{"issuer": "", "audiences": null}',
    '{"issuer": "x", "audiences": []}', '{"issuer": "x", "audiences": "x"}',
        '{"issuer": "x", "audiences": [""]}', '{"issuer": "x", "audiences": [null]}',
        '{"issuer": "x", "audiences": ["x"], "audience": "x"}',
        '{"issuer": "x", "audiences": ["x"], "algorithms": []}',
    '{"issuer": "x", "audiences": ["x"], "algorithms": ["none"]}',
        '{"issuer": "x", "audiences": null, "soleAudience": true}',
        '{"issuer": "x", "audiences": ["x"], "soleAudience": "true"}',
        '{"issuer": "x", "audiences": ["x"], "longestLife": 0}',
    '{"issuer": "x", "audiences": ["x"], "longestLife": 1.5}',
        '{"issuer": "x", "audiences": ["x"], "longestLife": "60"}',
        '{"issuer": "x", "audiences": ["x"], "types": "at+jwt"}']::jsonb[])
        WITH ORDINALITY AS r (rules, n) ORDER BY n;
-- a secret verifies nothing, by itself, beside others, or as an algorithm that the rules name
SELECT n, pg_temp.judged(regress_hs('{"alg":"HS256"}', pg_temp.claims()::text), rules, jwks)
    FROM (VALUES
    (1, '{}'::jsonb,
        jsonb_build_object('keys',
        jsonb_build_array(regress_oct('a secret of thirty-two bytes, at least')))),
    (2, '{"algorithms": ["HS256"]}',
        jsonb_build_object('keys',
        jsonb_build_array(regress_oct('a secret of thirty-two bytes, at least')))),
    (3, '{"algorithms": ["HS256"]}', regress_oct('a secret of thirty-two bytes, at least')),
    (4, '{"algorithms": ["HS256"]}', :'secret'::jsonb),
    (5, '{}', (SELECT jsonb_build_object('keys', jsonb_build_array(public,
        regress_oct('a secret of thirty-two bytes, at least'))) FROM issuer))) AS v (n, rules, jwks)
        ORDER BY n;
SELECT pg_temp.judged(regress_hs('{"alg":"HS256"}', pg_temp.claims()::text,
    auth.public_pem(public))) AS "with the public key as the secret" FROM issuer;
-- NULL lets nothing in
SELECT n, pg_temp.judged(token, '{}', jwks),
    regress_try(format('SELECT refusal FROM auth.verify_foreign_token(%L, %L, %L)', token, jwks,
    rules)) FROM (VALUES (1, NULL::text, '{"keys": []}'::jsonb,
    '{"issuer": "x", "audiences": null}'::jsonb),
    (2, pg_temp.token(), NULL, '{"issuer": "https://id.example", "audiences": null}'),
    (3, pg_temp.token(), '{"keys": []}', NULL)) AS v (n, token, jwks, rules) ORDER BY n;
-- the kid is the token's own word, and never another token's
SELECT left(token, 20), j.kid, refusal
    FROM (VALUES (1, regress_url('{"alg":"ES256","kid":"other"}') || '.e30.' || repeat('A', 86)),
    (2, 'a.b.c'), (3, regress_url('{"alg":"none","kid":"n"}') || '.e30.'), (4, ''),
    (5, repeat('a', 17000)),
    (6, regress_url('{"alg":"ES256"}') || '.e30.' || repeat('A', 86))) AS t (n, token),
    issuer, LATERAL auth.verify_foreign_token(token, public,
        '{"issuer": null, "audiences": null}') AS j ORDER BY n;

-- Keys of Entra ID say whose they are: for one tenant, for the tenant that the token names, or for nobody in particular.
SELECT whose, change, pg_temp.judged(pg_temp.token(change),
    jsonb_build_object('issuer', change->>'iss'),
    jsonb_build_object('keys', jsonb_build_array(public || jsonb_build_object('issuer', whose))))
FROM issuer, (VALUES
    (1, 'https://login.example/{tenantid}/v2.0',
        '{"iss": "https://login.example/t1/v2.0", "tid": "t1"}'::jsonb),
    (2, 'https://login.example/{tenantid}/v2.0',
        '{"iss": "https://login.example/t1/v2.0", "tid": "t2"}'),
    (3, 'https://login.example/{tenantid}/v2.0', '{"iss": "https://login.example/t1/v2.0"}'),
    (4, 'https://login.example/{tenantid}/v2.0',
        '{"iss": "https://login.example/t1/v2.0", "tid": 1}'),
    (5, 'https://login.example/consumers/v2.0',
        '{"iss": "https://login.example/t1/v2.0", "tid": "t1"}'),
    (6, 'https://login.example/t1/v2.0', '{"iss": "https://login.example/t1/v2.0"}'),
    (7, NULL, '{"iss": "https://login.example/t1/v2.0"}')) AS v (n, whose, change) ORDER BY n;
-- and so for auth.jwt_verify where an issuer is asked for
SELECT regress_jwt(pg_temp.token(),
    jsonb_build_object('keys', jsonb_build_array(public || '{"issuer": "https://other.example"}')),
    'us', 'https://id.example') AS asked,
    left(regress_jwt(pg_temp.token(),
    jsonb_build_object('keys', jsonb_build_array(public || '{"issuer": "https://other.example"}')),
    'us'), 8) AS "not asked" FROM issuer;

-- What is wrong with the keys of the sets that are published.
\set published `cd "$PG_ABS_SRCDIR/samples/jwks" && for set in *.json; do sed '1s/^\xef\xbb\xbf//' "$set"; printf '\036'; done`
SELECT p.n AS set, jsonb_array_length(text::jsonb->'keys') AS keys, index, left(kid, 12) AS kid,
    problem FROM regexp_split_to_table(rtrim(:'published', E'\x1e'), E'\x1e')
    WITH ORDINALITY AS p (text, n) LEFT JOIN LATERAL auth.jwks_problems(text::jsonb) ON true
    ORDER BY p.n, index;
SELECT p.* FROM issuer, LATERAL (SELECT regress_oct('a secret of thirty-two bytes, at least',
    '{"kid": "s"}')) AS s (secret), LATERAL (SELECT public || '{"kid": "a"}') AS a (public),
    LATERAL auth.jwks_problems(jsonb_build_object('keys', jsonb_build_array(a.public, a.public, 1,
    NULL, secret, a.public || '{"kid": "b", "alg": "ES256", "key_ops": ["sign"]}', a.public - 'x',
    '{"kid": 7}'::jsonb, auth.public_jwk(auth.generate_jwk('ES256')) || '{"kid": "a"}'))) AS p
    ORDER BY index;
SELECT regress_try(format('SELECT count(*) FROM auth.jwks_problems(%L)', k))
    FROM unnest(ARRAY['{"keys": []}', '{"keys": {}}', '{"keys": 1}', '[]', '1', '{}', '"x"',
    '{"kty": "EC"}', '{"kty": "RSA", "keys": []}']) AS k;
SELECT count(*) AS "no problem" FROM issuer, auth.jwks_problems(public);
\i :jose_end
