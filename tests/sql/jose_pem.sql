-- Keys for RSASSA-PSS alone (OID id-RSASSA-PSS, RFC 4055) and public keys out of X.509 certificates.
\getenv here PG_ABS_SRCDIR
\set jose :here /sql/include/jose.sql
\set jose_end :here /sql/include/jose_end.sql
\i :jose
\set samples `cd "$PG_ABS_SRCDIR/samples/keys" && for file in *.pem; do printf '%s\n' "$file"; cat "$file"; printf '\036'; done`
CREATE TEMP TABLE sample AS SELECT split_part(part, '.pem', 1) AS name,
    substr(part, strpos(part, E'\n') + 1) AS pem
    FROM regexp_split_to_table(rtrim(:'samples', E'\x1e'), E'\x1e') AS p (part);

-- Such a key serves PS, by its parameters one of them, and RS never; it stays what it is in a PEM, and in a JWK its alg says so.
SELECT name, alg,
    left(regress_try(format('SELECT convert_from(auth.jws_verify(auth.jws_sign(''x'', %1$L, %2$L), to_jsonb(auth.public_pem(%1$L))), ''UTF8'')',
    to_jsonb(pem), alg)), 100)
    FROM sample, unnest(ARRAY['PS256', 'PS384', 'PS512', 'RS256', 'RS512']) AS a (alg)
    WHERE name LIKE 'pss%' AND name <> 'pss-certificate' ORDER BY 1, 2;
SELECT name, convert_from(regress_part(auth.jws_sign('x', to_jsonb(pem)), 1),
    'UTF8') AS "by itself", auth.pem_to_jwk(pem)->>'alg' AS jwk,
    auth.public_jwk(to_jsonb(pem))->>'alg' AS public, auth.jwk_thumbprint(to_jsonb(pem)) =
    auth.jwk_thumbprint(auth.pem_to_jwk(pem)) AS thumbprint,
    auth.jws_verify(auth.jws_sign('x', to_jsonb(pem)),
        auth.public_jwk(to_jsonb(pem))) AS "by its JWK" FROM sample
        WHERE name IN ('pss', 'pss-sha256', 'pss-sha512-salt20') ORDER BY 1;
-- a token of RS under the same numbers is none of its own
SELECT auth.verify_signature('RS256', to_jsonb(pem), regress_input(t),
    regress_part(t, 3)) AS "by PEM", auth.verify_signature('RS256', auth.pem_to_jwk(pem),
    regress_input(t), regress_part(t, 3)) AS "by JWK", auth.verify_signature('RS256',
    auth.pem_to_jwk(pem) - 'alg', regress_input(t), regress_part(t, 3)) AS "without alg"
    FROM sample, LATERAL auth.jws_sign('x', auth.pem_to_jwk(pem) - 'alg', 'RS256') AS t
    WHERE name = 'pss';
-- as a key of our own
BEGIN;
SELECT length(auth.import_signing_key(pem)) AS imported FROM sample
    WHERE name = 'pss-sha512-salt20';
SELECT alg, state FROM auth.list_signing_keys() WHERE alg = 'PS512';
ROLLBACK;

-- Certificates: the key, whatever the dates say; not one that is for other things than signatures.
SELECT c.name, k.name AS key,
    left(regress_try(format('SELECT convert_from(auth.jws_verify(auth.jws_sign(''x'', %L), %L), ''UTF8'')',
    to_jsonb(k.pem), to_jsonb(c.pem))), 100) FROM (VALUES ('rsa-certificate', 'rsa-key'),
    ('ec-certificate', 'ec-key'), ('pss-certificate', 'pss-sha256'), ('ca-certificate', 'ec-key'),
    ('small-certificate', 'rsa-key'), ('rsa-certificate', 'ec-key')) AS v (c, k), sample c, sample k
    WHERE c.name = v.c AND k.name = v.k ORDER BY 1, 2;
SELECT c.name, auth.pem_to_jwk(c.pem) = auth.public_jwk(to_jsonb(k.pem)) AS "its key's public half"
    FROM sample c, sample k WHERE (c.name, k.name) IN (('rsa-certificate', 'rsa-key'),
    ('ec-certificate', 'ec-key'), ('pss-certificate', 'pss-sha256')) ORDER BY 1;
SELECT what, left(regress_try(format('SELECT auth.pem_to_jwk(%L)', pem)), 100)
    FROM (SELECT string_agg(pem, '' ORDER BY name) FILTER (WHERE name = 'ec-certificate') AS ec,
    string_agg(pem, '' ORDER BY name) FILTER (WHERE name = 'ec-key') AS key FROM sample) AS s,
    LATERAL (VALUES (1, 'a chain', ec || ec), (2, 'with its key', ec || key),
        (3, 'cut off', left(ec, 200)), (4, 'changed', regexp_replace(ec, 'MII.', 'MIIX')),
        (5, 'another label', replace(ec, 'CERTIFICATE', 'CERTIFICATE REQUEST'))) AS v (n, what, pem)
        ORDER BY n;
SELECT left(regress_try(format('SELECT auth.import_signing_key(%L::text)', pem)),
    100) AS "no key of our own" FROM sample WHERE name = 'ec-certificate';
SELECT regress_try(format('SELECT auth.jws_sign(''x'', %L)', to_jsonb(pem))) AS "and signs nothing"
    FROM sample WHERE name = 'ec-certificate';

-- Google publishes certificates as an object of kid and PEM: what is none is passed over.
SELECT jsonb_object_agg(CASE name WHEN 'rsa-certificate' THEN 'a1' WHEN 'ec-certificate' THEN 'b2'
    ELSE 'c3' END, pem) AS google FROM sample WHERE name IN ('rsa-certificate', 'ec-certificate',
    'small-certificate') \gset
SELECT kid, key, regress_jws(auth.jws_sign('x', auth.pem_to_jwk(pem) || CASE
    WHEN kid IS NULL THEN '{}' ELSE jsonb_build_object('kid', kid) END), :'google'::jsonb
    || '{"d4": "junk", "e5": null, "": 7}') AS jws,
    regress_jwt(auth.jws_sign('{}', auth.pem_to_jwk(pem) || CASE WHEN kid IS NULL THEN '{}'
    ELSE jsonb_build_object('kid', kid) END), :'google'::jsonb
    || '{"d4": "junk", "e5": null, "": 7}') AS jwt
FROM (VALUES (1, 'a1', 'rsa-key'), (2, 'b2', 'ec-key'), (3, 'b2', 'rsa-key'), (4, 'c3', 'rsa-key'),
    (5, 'd4', 'rsa-key'), (6, 'e5', 'ec-key'), (7, 'f6', 'ec-key'), (8, NULL, 'ec-key')) AS v (n,
    kid, key), sample WHERE name = key ORDER BY n;
SELECT * FROM auth.jwks_problems(:'google'::jsonb || '{"d4": "junk", "e5": null, "": 7}')
    ORDER BY kid;
-- a secret is never among them, and an object without a certificate is no set
SELECT regress_jwt(regress_hs('{"alg":"HS256","kid":"s"}', '{}'), :'google'::jsonb
    || '{"s": "a secret of thirty-two bytes, at least"}') AS why,
    regress_jws('a.b.c', '{"s": "a secret of thirty-two bytes, at least"}') AS "no certificate";
SELECT regress_jws('a.b.c', (SELECT jsonb_object_agg(n, pem)
    FROM sample, generate_series(1, 257) AS n WHERE name = 'ec-certificate')) AS many;
-- an issuer's certificates verify its tokens
SELECT coalesce(refusal, claims->>'sub') AS answer
    FROM sample, auth.verify_foreign_token(auth.jwt_sign('{"iss": "https://securetoken.example/p", "aud": "p", "sub": "u", "exp": 9999999999}',
    auth.pem_to_jwk(pem) || '{"kid": "a1"}'), :'google',
    '{"issuer": "https://securetoken.example/p", "audiences": ["p"], "algorithms": ["RS256"]}')
    WHERE name = 'rsa-key';
\i :jose_end
