-- Signing and verifying: the published examples byte for byte, and every token that is refused.
\getenv here PG_ABS_SRCDIR
\set jose :here /sql/include/jose.sql
\set jose_end :here /sql/include/jose_end.sql
\i :jose

-- RFC 7515 A.1 to A.5, 7520 section 4, 8037 A.4: each verifies, with the whole key, its public half and the PEM of that.
SELECT name, convert_from(auth.jws_verify(token, jwk), 'UTF8') = payload AS jwk,
    length(auth.jws_verify(token, jsonb_build_object('keys', jsonb_build_array(jwk)))) AS "set",
    CASE jwk->>'kty' WHEN 'oct' THEN NULL
        ELSE convert_from(auth.jws_verify(token, auth.public_jwk(jwk)), 'UTF8') =
        payload END AS public,
    CASE jwk->>'kty' WHEN 'oct' THEN NULL
        ELSE convert_from(auth.jws_verify(token, to_jsonb(auth.public_pem(jwk))), 'UTF8') =
        payload END AS pem,
    auth.verify_signature(convert_from(regress_part(token, 1), 'UTF8')::jsonb->>'alg', jwk,
        regress_input(token), regress_part(token, 3)) AS raw
FROM regress_rfc ORDER BY name;
-- where nothing is random and the header is the one we write, we write the published token
SELECT name, auth.jws_sign(convert_to(payload, 'UTF8'), jwk, convert_from(regress_part(token, 1),
    'UTF8')::jsonb->>'alg') = token AS "byte for byte" FROM regress_rfc
    WHERE name IN ('7515 A.2', '7520 4.1', '7520 4.4', '8037 A.4') ORDER BY name;
SELECT name, auth.jws_verify(auth.jws_sign(convert_to(payload, 'UTF8'), jwk,
    convert_from(regress_part(token, 1), 'UTF8')::jsonb->>'alg'), jwk) = convert_to(payload,
    'UTF8') AS "there and back" FROM regress_rfc ORDER BY name;
-- the JWT of RFC 7519 3.1 has expired; A.5 and RFC 7519 6.1 are not signed
SELECT regress_jwt(token, jwk) FROM regress_rfc WHERE name = '7515 A.1';
SELECT regress_jws('eyJhbGciOiJub25lIn0.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.',
    jwk) AS jws, regress_jwt('eyJhbGciOiJub25lIn0.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.',
    jwk) AS jwt FROM regress_rfc WHERE name = '7515 A.1';

-- Every algorithm, any payload, the empty one included; another key or another algorithm of the same key does not do.
CREATE TEMP TABLE made AS SELECT n, alg, auth.generate_jwk(alg) AS jwk
    FROM unnest(ARRAY['HS256', 'HS384', 'HS512', 'RS256', 'RS384', 'RS512', 'PS256', 'PS384',
    'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519', 'Ed448']) WITH ORDINALITY AS a (alg, n);
SELECT alg, jwk->>'kty' AS kty, jwk->>'crv' AS crv, jwk->>'alg' = alg AS alg,
    jwk->>'kid' = auth.jwk_thumbprint(jwk) AS kid, (SELECT string_agg(m, ' ' ORDER BY m COLLATE "C")
    FROM jsonb_object_keys(jwk) AS m) AS members,
    length(regress_bytes(coalesce(jwk->>'n', jwk->>'k', jwk->>'d'))) AS bytes FROM made ORDER BY n;
SELECT alg, convert_from(regress_part(t, 1), 'UTF8')::jsonb - 'kid' AS header,
    convert_from(regress_part(t, 1), 'UTF8')::jsonb->>'kid' = jwk->>'kid' AS kid,
    length(regress_part(t, 3)) AS signature, auth.jws_verify(t, jwk) AS payload,
    (SELECT string_agg(m.alg, ' ' ORDER BY m.n) FROM made m
        WHERE auth.jws_verify(t, m.jwk) IS NOT NULL) AS "verified by"
FROM made, LATERAL auth.jws_sign('\x00ff', jwk) AS t ORDER BY n;
SELECT alg, auth.jws_verify(auth.jws_sign('', jwk), jwk) AS empty,
    length(auth.jws_verify(auth.jws_sign(convert_to(repeat('x', 9000), 'UTF8'), jwk), jwk)) AS long,
    auth.jws_verify(auth.jws_sign('', jwk) || 'A', jwk) IS NULL AS changed FROM made ORDER BY n;
SELECT m.alg, string_agg(k.alg, ' ' ORDER BY k.n) AS "a signature fits"
    FROM (SELECT *, auth.jws_sign('x', jwk) AS t FROM made) AS m
    JOIN made k ON auth.verify_signature(k.alg, k.jwk, regress_input(t), regress_part(t, 3))
    GROUP BY m.n, m.alg ORDER BY m.n;
-- the alg argument: the key's own, one that it fits when it declares none, no other
SELECT kty, alg,
    left(regress_try(format('SELECT auth.jws_verify(auth.jws_sign(''x'', %1$L, %2$L), %1$L)', jwk,
    alg)), 80) FROM (SELECT DISTINCT ON (jwk->>'kty', jwk->>'crv') jwk->>'kty' AS kty,
    jwk->>'crv' AS crv, jwk - 'alg' AS jwk FROM made WHERE alg NOT IN ('HS256', 'HS384')
    ORDER BY 1, 2, n DESC) AS k,
    unnest(ARRAY['HS256', 'HS512', 'RS256', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519',
        'Ed448']) WITH ORDINALITY AS a (alg, n) ORDER BY kty, crv, a.n;
SELECT alg, regress_try(format('SELECT auth.jws_sign(''x'', %L, %L)', (SELECT jwk FROM made
    WHERE alg = 'HS256'), alg))
    FROM unnest(ARRAY['HS384', 'RS256', 'none', 'None', 'hs256', '', 'HS256 ', 'ES256K', 'RSA-OAEP',
    'Ed25519']) AS alg;
SELECT regress_try(format('SELECT auth.verify_signature(%L, %L, '''', '''')', alg, jwk))
    FROM (VALUES ('none'), ('HS1')) AS a (alg), (SELECT jwk FROM made WHERE n = 1) AS k;
SELECT alg, regress_try(format('SELECT auth.generate_jwk(%L)', alg))
    FROM unnest(ARRAY['none', 'hs256', 'HS1', 'ES256K', 'ED25519', '', 'A256GCM']) AS alg;
-- RFC 9864: EdDSA and Ed25519 name one operation of a key on that curve, whichever of them its alg says; Ed448 is another
SELECT declared, alg,
    left(regress_try(format('SELECT convert_from(auth.jws_verify(auth.jws_sign(''x'', %1$L, %2$L), auth.public_jwk(%1$L)), ''UTF8'')',
    jwk - 'alg' || CASE WHEN declared <> '' THEN jsonb_build_object('alg', declared) ELSE '{}' END,
    alg)), 80)
FROM made, unnest(ARRAY['', 'EdDSA', 'Ed25519', 'Ed448']) WITH ORDINALITY AS d (declared, m),
    unnest(ARRAY['EdDSA', 'Ed25519', 'Ed448']) WITH ORDINALITY AS a (alg, n)
    WHERE made.alg = 'Ed25519' ORDER BY d.m, a.n;
-- a key that is published under both names with one kid is meant by the name in the header
SELECT regress_jws(auth.jws_sign('x', jwk - 'alg', alg),
    jsonb_build_object('keys', jsonb_build_array(auth.public_jwk(jwk), auth.public_jwk(jwk)
    || '{"alg": "EdDSA"}'))) AS "both names", regress_jwt(auth.jws_sign('{}', jwk - 'alg', alg),
    jsonb_build_object('keys', jsonb_build_array(auth.public_jwk(jwk),
    auth.public_jwk(jwk)))) AS "one twice" FROM made, unnest(ARRAY['EdDSA', 'Ed25519']) AS a (alg)
    WHERE made.alg = 'Ed25519';
-- no key signs with its public half
SELECT alg, regress_try(format('SELECT auth.jws_sign(''x'', %L)', auth.public_jwk(jwk))) FROM made
    WHERE alg !~ 'HS' ORDER BY n;
-- NULL
SELECT auth.jws_sign(NULL, :'secret') AS a, auth.jws_sign('x', NULL) AS b,
    auth.jwt_sign(NULL, :'secret') AS c, auth.jwt_sign('{}', NULL) AS d,
    auth.jws_verify(NULL, :'secret') AS e, auth.jws_verify('a.b.c', NULL) AS f,
    auth.jwt_verify(NULL, :'secret') AS g, auth.jwt_verify('a.b.c', NULL) AS h,
        auth.verify_signature(NULL, :'secret', '', '') AS i, auth.verify_signature('HS256', NULL,
        '', '') AS j, auth.verify_signature('HS256', :'secret', NULL, '') AS k,
    auth.verify_signature('HS256', :'secret', '', NULL) AS l, auth.jwk_thumbprint(NULL) AS m,
        auth.public_jwk(NULL) AS n, auth.public_pem(NULL) AS o, auth.pem_to_jwk(NULL) AS p,
        auth.generate_jwk(NULL) AS q;
SELECT auth.jws_verify(auth.jws_sign('x', :'secret', NULL), :'secret') AS "alg null",
    regress_jwt(auth.jwt_sign('{}', :'secret', NULL), :'secret', NULL,
    NULL) AS "audience and issuer null";

-- Headers. First: what is signed here is the same as what the extension signs.
SELECT regress_hs('{"alg":"HS256"}', 'x') = auth.jws_sign('x', :'secret') AS same;
SELECT header, regress_jws(t, :'secret') AS jws, regress_jwt(t, :'secret') AS jwt
    FROM (VALUES (1, '{"alg":"HS256"}'),
    (2, ' {"typ":"JWT","x5t":"y","alg":"HS256","z":[{"a":null}]} '), (3, '{"\u0061lg":"HS256"}'),
    (4, '{"alg":"HS256","kid":"anything"}'),
    (11, ''), (12, '[]'), (13, '"HS256"'), (14, '{}'), (15, '{"alg":null}'), (16, '{"alg":256}'),
    (17, '{"Alg":"HS256"}'), (18, '{"alg":"HS256","kid":1}'), (19, '{"alg":"HS256","typ":null}'),
    (20, '{"alg":"HS256","cty":{}}'), (21, '{"alg":"HS256"'), (22, '{"alg":"HS256"}x'),
    (31, '{"alg":"HS256","alg":"HS256"}'), (32, '{"alg":"none","alg":"HS256"}'),
    (33, '{"alg":"HS256","\u0061lg":"none"}'), (34, '{"alg":"HS256","x":{"a":1,"a":1}}'),
    (35, '{"alg":"HS256","x":"\u0000"}'), (36, '{"alg":"HS256","x":"\ud800"}'),
    (41, '{"alg":"none"}'), (42, '{"alg":"None"}'), (43, '{"alg":"nOnE"}'), (44, '{"alg":"hs256"}'),
    (45, '{"alg":""}'), (46, '{"alg":"HS256 "}'), (47, '{"alg":"HS384"}'), (48, '{"alg":"RS256"}'),
    (49, '{"alg":"ES256K"}'), (50, '{"alg":"dir"}'),
    (61, '{"alg":"HS256","crit":["exp"]}'), (62, '{"alg":"HS256","crit":[]}'),
    (63, '{"alg":"HS256","crit":null}'), (64, '{"alg":"HS256","b64":false,"crit":["b64"]}'),
    (65, '{"alg":"HS256","b64":true}'),
    (66, '{"alg":"HS256","jwk":{"kty":"oct","k":"YSBzZWNyZXQgb2YgdGhpcnR5LXR3byBieXRlcywgYXQgbGVhc3Q"}}'),
    (67, '{"alg":"HS256","jku":"https://example.com/keys"}'),
    (68, '{"alg":"HS256","x5u":"https://example.com/cert"}'),
    (69, '{"alg":"HS256","x5c":["MIIB"]}'), (70, '{"alg":"HS256","j\u0077k":{}}')) AS h (n, header),
        LATERAL regress_hs(header, '{}') AS t ORDER BY n;
SELECT regress_hs(repeat('[', 40) || repeat(']', 40), '{}') AS deep \gset
SELECT regress_jws(:'deep', :'secret') AS "40 levels";

-- Three parts of canonical base64url and nothing else.
SELECT auth.jws_sign('x', :'secret') AS good \gset
SELECT what, regress_jws(t, :'secret') AS jws, regress_jwt(t, :'secret') AS jwt
    FROM (VALUES (1, 'nothing', ''), (2, 'a dot', '.'), (3, 'two dots', '..'),
    (4, 'three dots', '...'), (5, 'a fourth part', :'good' || '.'),
    (6, 'a fourth part, full', :'good' || '.AAAA'),
    (7, 'a part less', split_part(:'good', '.', 1) || '.' || split_part(:'good', '.', 2)),
    (8, 'no header', '.' || split_part(:'good', '.', 2) || '.' || split_part(:'good', '.', 3)),
    (9, 'no payload', split_part(:'good', '.', 1) || '..' || split_part(:'good', '.', 3)),
    (10, 'no signature', split_part(:'good', '.', 1) || '.' || split_part(:'good', '.', 2) || '.'),
    (11, 'padding', :'good' || '='), (12, 'padding inside', replace(:'good', '.eA.', '.eA==.')),
    (13, 'space before', ' ' || :'good'), (14, 'space after', :'good' || ' '),
    (15, 'newline', :'good' || E'\n'),
    (16, 'space inside', overlay(:'good' placing ' ' from 5 for 0)),
    (17, 'trailing bits', replace(:'good', '.eA.', '.eB.')),
    (18, 'standard alphabet', replace(:'good', '.eA.', '.e+.')),
    (19, 'Bearer', 'Bearer ' || :'good'),
    (20, 'JSON', '{"payload":"eA","protected":"","signature":""}'),
    (21, 'five parts', 'eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0..AAAA.AAAA.AAAA'),
    (22, 'beyond ASCII', :'good' || 'é')) AS b (n, what, t) ORDER BY n;
-- of the 64 last characters of a signature one is right
SELECT count(*) AS accepted
    FROM regexp_split_to_table('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_',
    '') AS c WHERE auth.jws_verify(left(:'good', -1) || c, :'secret') IS NOT NULL;
-- every truncation and every changed character is refused
SELECT count(*)
    FILTER (WHERE auth.jws_verify(left(:'good', n), :'secret') IS NOT NULL) AS truncated, count(*)
    FILTER (WHERE auth.jws_verify(overlay(:'good' placing CASE substr(:'good', n, 1)
    WHEN 'A' THEN 'B' ELSE 'A' END from n for 1), :'secret') IS NOT NULL) AS changed
    FROM generate_series(1, length(:'good') - 1) AS n;
-- 16 KiB
SELECT n, length(t) AS bytes, length(auth.jws_verify(t, :'secret')) AS payload,
    regress_jwt(t, :'secret') AS jwt FROM unnest(ARRAY[12238, 12239]) AS n,
    LATERAL (SELECT regress_hs('{"alg":"HS256"}', repeat('x', n))) AS h (t);
SELECT n, regress_jwt(repeat('A', n), :'secret') FROM unnest(ARRAY[16384, 16385, 10000000]) AS n;

-- Signatures of ECDSA: r and s in full length, in range, never DER, never another length.
CREATE FUNCTION pg_temp.integer_of(n bytea) RETURNS bytea LANGUAGE sql AS $$
    SELECT '\x02'::bytea || set_byte('\x00', 0, length(m)) || m
    FROM (SELECT CASE WHEN get_byte(n, 0) > 127 THEN '\x00'::bytea || n ELSE n END) AS i (m) $$;
SELECT what, length(s) AS bytes, auth.verify_signature('ES256', jwk, regress_input(token),
    s) AS verified, auth.jws_verify(convert_from(regress_input(token), 'UTF8') || '.'
    || regress_url(s), jwk) IS NULL AS refused
FROM regress_rfc, LATERAL (SELECT regress_part(token, 3)) AS p (sig),
    LATERAL (SELECT substr(sig, 1, 32), substr(sig, 33)) AS h (r, z),
    LATERAL (VALUES (1, 'as published', sig),
    (2, 'DER', '\x30'::bytea || set_byte('\x00', 0,
    length(pg_temp.integer_of(r) || pg_temp.integer_of(z))) || pg_temp.integer_of(r)
    || pg_temp.integer_of(z)),
    (3, 's and r', z || r), (4, 'a byte less', substr(sig, 1, 63)),
    (5, 'a byte more', sig || '\x00'), (6, 'a zero before', '\x00'::bytea || sig),
    (7, 'nothing', ''), (8, 'r alone', r), (9, 'of P-384''s length', sig || r),
    (10, 'zeros', decode(repeat('00', 64), 'hex')), (11, 'ones', decode(repeat('ff', 64), 'hex')),
    (12, 'r 0', decode(repeat('00', 32), 'hex') || z),
    (13, 's 0', r || decode(repeat('00', 32), 'hex')),
    (14, 'r 1', decode(repeat('00', 31) || '01', 'hex') || z),
    (15, 'r the order', '\xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551'::bytea
        || z), (16, 's the order',
        r || '\xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551'::bytea)) AS v (n,
        what, s)
WHERE name = '7515 A.3' ORDER BY n;
-- every bit counts, in each algorithm
SELECT name, count(*) AS bits, count(*)
    FILTER (WHERE auth.verify_signature(convert_from(regress_part(token, 1), 'UTF8')::jsonb->>'alg',
    jwk, regress_input(token), set_bit(regress_part(token, 3), b,
    1 - get_bit(regress_part(token, 3), b)))) AS accepted
FROM regress_rfc, generate_series(0, 8 * length(regress_part(token, 3)) - 1, 13) AS b GROUP BY name
    ORDER BY name;
-- RSA: nothing shorter, longer, or as large as the modulus
SELECT name, auth.verify_signature(a, jwk, m, substr(s, 2)) AS shorter,
    auth.verify_signature(a, jwk, m, '\x00'::bytea || s) AS longer, auth.verify_signature(a, jwk, m,
    decode(repeat('ff', 256), 'hex')) AS large, auth.verify_signature(a, jwk, m,
    decode(repeat('00', 256), 'hex')) AS zero, auth.verify_signature(CASE a
    WHEN 'RS256' THEN 'RS384' ELSE 'PS256' END, jwk, m, s) AS other_hash,
    auth.verify_signature(translate(a, 'RP', 'PR'), jwk, m, s) AS other_padding
FROM regress_rfc, LATERAL (SELECT convert_from(regress_part(token, 1), 'UTF8')::jsonb->>'alg',
    regress_input(token), regress_part(token, 3)) AS p (a, m, s) WHERE jwk->>'kty' = 'RSA'
    ORDER BY name;
\set malleable '\\x860c98d2297f3060a33f42739672d61b53cf3adefed3d3c672f320dc021b411e8a2daebfa726643a1f5583cc2488ed55855b0fb7d83bb15be902bfccb8cd0a12'
-- Ed25519: S + L, the same number modulo the group's order, is another spelling and refused (RFC 8032, section 5.1.7)
SELECT auth.verify_signature('EdDSA', jwk, regress_input(token), regress_part(token, 3)) AS s,
    auth.verify_signature('EdDSA', jwk, regress_input(token), :'malleable'::bytea) AS "s + L"
    FROM regress_rfc WHERE name = '8037 A.4';
DROP TABLE made;
\i :jose_end
