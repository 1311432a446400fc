-- JWK Sets with keys that cannot be used (RFC 7517, section 5), and what calls of JOSE may cost.
\getenv here PG_ABS_SRCDIR
\set jose :here /sql/include/jose.sql
\set jose_end :here /sql/include/jose_end.sql
\i :jose

SELECT auth.generate_jwk('ES256') AS good \gset
SELECT auth.public_jwk(:'good') AS good_public, auth.jwt_sign('{"sub": "good"}',
    :'good') AS good_token \gset
CREATE TEMP TABLE bad (n serial, what text, jwk jsonb, alg text DEFAULT 'RS256');
INSERT INTO bad (what, jwk, alg)
SELECT what, CASE WHEN jsonb_typeof(change) = 'object' THEN (rsa || change) - ARRAY(SELECT name
    FROM jsonb_each(change) AS c (name, value) WHERE value = '"-"') ELSE change END, 'RS256'
FROM (SELECT auth.public_jwk(jwk) || '{"kid": "bad"}' FROM regress_rfc
    WHERE name = '7520 4.1') AS r (rsa), (VALUES
    ('1,024 bits',
        '{"n": "rJBIp6T1YK-RtPyvYqFFlcucqewSAA_IReSFchE8qyiQrbARqRlXWkB2DR8j_pJQnIpYELbQWZC5Cd0PTGAU8rMbar2AW6zpmBbi7aQf17lUBdt8XI9M9rq7FPVQ1dDdUXm1SVH_9qqWhvMPR422SbfHBEzCAtzK0ANDRo6qz78"}'::jsonb),
    ('leading zero in e', '{"e": "AAEAAQ"}'), ('even exponent', '{"e": "AQAA"}'),
    ('exponent 1', '{"e": "AQ"}'), ('e a number', '{"e": 65537}'), ('e missing', '{"e": "-"}'),
    ('n missing', '{"n": "-"}'), ('n null', '{"n": null}'), ('n not base64url', '{"n": "n4E+"}'),
    ('n empty', '{"n": ""}'),
    ('kid null', '{"kid": null}'), ('kid a number', '{"kid": 1}'), ('oth empty', '{"oth": []}'),
    ('primes without d', '{"p": "AQ"}'), ('d without primes', '{"d": "AQ", "p": "AQ"}'),
    ('use enc', '{"use": "enc"}'), ('use null', '{"use": null}'),
    ('use wit-svid', '{"use": "wit-svid"}'), ('alg RSA-OAEP', '{"alg": "RSA-OAEP"}'),
    ('alg none', '{"alg": "none"}'), ('alg a number', '{"alg": 1}'),
    ('alg of another type', '{"alg": "ES256"}'),
    ('key_ops empty', '{"key_ops": []}'), ('key_ops a text', '{"key_ops": "verify"}'),
    ('key_ops of numbers', '{"key_ops": [1]}'),
    ('key_ops repeated', '{"key_ops": ["verify", "verify"]}'),
    ('key_ops to sign', '{"key_ops": ["sign"]}'), ('key_ops to wrap', '{"key_ops": ["wrapKey"]}'),
    ('kty unknown', '{"kty": "xyz"}'), ('kty missing', '{"kty": "-"}'),
    ('kty a number', '{"kty": 1}'),
    ('an oct', '{"kty": "oct", "k": "YSBzZWNyZXQgb2YgdGhpcnR5LXR3byBieXRlcywgYXQgbGVhc3Q"}'),
    ('a short oct', '{"kty": "oct", "k": "AAAA"}'),
    ('EC without curve', '{"kty": "EC"}'), ('a number', '1'), ('null', 'null'), ('a text', '"bad"'),
    ('a list', '[]')) AS c (what, change);
INSERT INTO bad (what, jwk) SELECT 'leading zero in n',
    jwk || jsonb_build_object('n', regress_url('\x00'::bytea || regress_bytes(jwk->>'n')),
    'kid', 'bad') FROM regress_rfc WHERE name = '7515 A.2';
INSERT INTO bad (what, jwk) SELECT '8,200 bits', jsonb_build_object('kty', 'RSA', 'kid', 'bad',
    'e', 'AQAB', 'n', regress_url(decode(repeat('ff', 1025), 'hex')));
INSERT INTO bad (what, jwk, alg)
SELECT what, ec || change, 'ES256' FROM (SELECT auth.public_jwk(jwk) || '{"kid": "bad"}'
    FROM regress_rfc WHERE name = '7515 A.3') AS e (ec), (VALUES
    ('off the curve', '{"y": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"}'::jsonb),
    ('x short', '{"x": "AAAA"}'), ('crv secp256k1', '{"crv": "secp256k1"}'),
    ('crv of another type', '{"crv": "Ed25519"}'),
    ('another curve''s name', '{"crv": "P-384"}')) AS c (what, change);
-- of use, odd as they are: refused for the signature alone
INSERT INTO bad (what, jwk, alg)
SELECT what, ec || change, 'ES256' FROM (SELECT auth.public_jwk(jwk) || '{"kid": "bad"}'
    FROM regress_rfc WHERE name = '7515 A.3') AS e (ec), (VALUES
    ('a template as issuer', '{"issuer": "https://login.example/{tenantid}/v2.0"}'::jsonb),
    ('x5c of junk', '{"x5c": ["junk"], "x5t": 7}'), ('use jwt-svid', '{"use": "jwt-svid"}'),
    ('halves that do not match', '{"d": "AQ"}')) AS c (what, change);
INSERT INTO bad (what, jwk) SELECT 'nested ' || n || ' times', auth.public_jwk(jwk)
    || jsonb_build_object('kid', 'bad', 'x', (repeat('[', n) || repeat(']', n))::jsonb)
    FROM regress_rfc, (VALUES (400), (3000)) AS d (n) WHERE name = '7515 A.2';
INSERT INTO bad (what, jwk) SELECT 'a list of lists',
    (repeat('[', 3000) || repeat(']', 3000))::jsonb;

CREATE FUNCTION pg_temp.naming(kid text, alg text) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws('.', regress_url(format('{"alg":"%s","kid":"%s"}', alg, kid)),
        regress_url('{}'),
        regress_url(decode(repeat('7f', CASE alg WHEN 'ES256' THEN 64 ELSE 256 END), 'hex'))) $$;
-- beside each of them, before and behind, a token of the good key verifies; the one that names it does not, and says why
SELECT count(*) >= 45 AS many,
    bool_and(regress_jwt(:'good_token',
    jsonb_build_object('keys', jsonb_build_array(jwk, :'good_public'::jsonb))) =
    '{"sub": "good"}') AS before,
    bool_and(regress_jwt(:'good_token',
        jsonb_build_object('keys', jsonb_build_array(:'good_public'::jsonb, jwk))) =
        '{"sub": "good"}') AS behind,
    bool_and(auth.jws_verify(pg_temp.naming('bad', alg),
        jsonb_build_object('keys', jsonb_build_array(jwk,
        :'good_public'::jsonb))) IS NULL) AS "NULL" FROM bad;
SELECT regress_jwt(:'good_token', jsonb_build_object('keys', jsonb_agg(jwk ORDER BY n)
    || :'good_public'::jsonb)) AS "beside all of them" FROM bad;
SELECT what, regress_jwt(pg_temp.naming('bad', alg),
    jsonb_build_object('keys', jsonb_build_array(jwk, :'good_public'::jsonb))) FROM bad ORDER BY n;
-- one kid for RS256 and RS512 is no ambiguity, nor is the same key again, one that cannot be used, or another of RS256: each is tried
SELECT what, regress_jwt(auth.jwt_sign('{}', rsa || '{"kid": "same", "alg": "RS256"}'), k) AS its,
    regress_jwt(:'good_token', k) AS others
FROM (SELECT jwk FROM regress_rfc WHERE name = '7515 A.2') AS r (rsa),
    LATERAL (SELECT auth.public_jwk(rsa) || '{"kid": "same"}') AS p (public),
    (SELECT auth.public_jwk(jwk) || '{"kid": "same"}' FROM regress_rfc
    WHERE name = '7520 4.1') AS o (other),
    LATERAL (VALUES (1, 'RS256 and RS512', jsonb_build_array(public || '{"alg": "RS256"}',
        public || '{"alg": "RS512"}')),
        (2, 'RS256 twice', jsonb_build_array(public || '{"alg": "RS256"}', public)),
        (5, 'two of RS256', jsonb_build_array(other, public)),
        (6, 'one too short', jsonb_build_array(public || '{"n": "r7Hl"}', public)),
        (3, 'sig and enc', jsonb_build_array(public || '{"use": "enc"}', public)),
        (4, 'a secret of that kid',
            jsonb_build_array(public,
            '{"kty": "oct", "kid": "same", "k": "YSBzZWNyZXQgb2YgdGhpcnR5LXR3byBieXRlcywgYXQgbGVhc3Q"}'))) AS s (n,
            what, keys), LATERAL (SELECT jsonb_build_object('keys', keys
            || :'good_public'::jsonb)) AS j (k) ORDER BY n;
-- Wycheproof's sets of mixed keys and of one kid twice
SELECT regress_jwt(auth.jwt_sign('{}', oct),
    jsonb_build_object('keys', jsonb_build_array(oct, :'good_public'::jsonb))) AS mixed,
    regress_jwt(auth.jwt_sign('{}', oct),
    jsonb_build_object('keys', jsonb_build_array(oct,
    oct || '{"k": "-xxuDNsVZ2iJtos-akfXTSCt4UO2cruLCsbWlBingge"}'))) AS twice,
    regress_jwt(auth.jwt_sign('{}', oct),
        jsonb_build_object('keys', jsonb_build_array(oct))) AS alone
FROM (VALUES ('{"alg": "HS256", "use": "sig", "kid": "kid-aes-sign", "kty": "oct", "k": "-ebuDNsVZ2iJtoZ-akfXTSCt4UO2cruLCsbWlBinggE"}'::jsonb)) AS w (oct);
-- sets as they are published, each with the good key and with each of the bad ones
\set published `cd "$PG_ABS_SRCDIR/samples/jwks" && for set in *.json; do sed '1s/^\xef\xbb\xbf//' "$set"; printf '\036'; done`
SELECT p.n, jsonb_array_length(keys) AS keys, count(*)
    FILTER (WHERE regress_jwt(:'good_token', jsonb_build_object('keys', keys || bad.jwk
    || :'good_public'::jsonb)) = '{"sub": "good"}') = count(*) AS "good beside all"
FROM regexp_split_to_table(rtrim(:'published', E'\x1e'), E'\x1e') WITH ORDINALITY AS p (text, n),
    LATERAL (SELECT text::jsonb->'keys') AS k (keys), bad GROUP BY p.n, keys ORDER BY p.n;

-- What one call may cost: long calls are ended between the keys and within the making of one.
SELECT 'SELECT ' || string_agg('auth.generate_jwk(''RS512'')', ', ') AS many
    FROM generate_series(1, 1000) \gset
SELECT clock_timestamp() AS start \gset
SET statement_timeout = '200ms';
:many;
RESET statement_timeout;
SELECT clock_timestamp() - :'start' < interval '2 min' AS soon;
-- no more than 256 keys and 4 MiB are looked at
SELECT left(regress_jws('a.b.c', jsonb_build_object('keys', jsonb_agg(bad.jwk))), 60) AS many
    FROM bad, generate_series(1, 20);
SELECT left(regress_jws('a.b.c', jsonb_build_object('keys', jsonb_build_array(:'good_public'::jsonb
    || jsonb_build_object('x5c', repeat('x', 5000000))))), 60) AS large;
-- 250 private keys of 8,192 bits: their public halves are read, as many as a token may use, in no time
SELECT regress_jwt(pg_temp.naming('none', 'RS256'),
    jsonb_build_object('keys', jsonb_agg(jsonb_build_object('kty', 'RSA', 'e', 'AQAB', 'n', half,
    'd', half)))) AS "private halves"
    FROM (SELECT regress_url(decode(repeat('f7', 1024), 'hex'))) AS h (half),
    generate_series(1, 250);
\i :jose_end
