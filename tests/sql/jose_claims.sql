-- JWTs: times, audience, issuer, and what claims must be. Tokens are signed by pgcrypto, far from now.
\getenv here PG_ABS_SRCDIR
\set jose :here /sql/include/jose.sql
\set jose_end :here /sql/include/jose_end.sql
\i :jose

CREATE FUNCTION pg_temp.claims(payload text, audience text DEFAULT NULL,
    issuer text DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
    SELECT regress_jwt(regress_hs('{"alg":"HS256","typ":"JWT"}', payload),
    '"a secret of thirty-two bytes, at least"', audience, issuer) $$;
-- jwt_sign adds nothing and signs what is an object only
SELECT convert_from(regress_part(t, 1), 'UTF8') AS header, convert_from(regress_part(t, 2),
    'UTF8') AS payload, auth.jwt_verify(t, :'secret') AS claims
    FROM auth.jwt_sign('{"sub": "x", "n": 1.50, "a": [1, {"b": null}], "u": "é"}', :'secret') AS t;
SELECT c, regress_try(format('SELECT auth.jwt_sign(%L, %L)', c, :'secret'))
    FROM unnest(ARRAY['[]', '"x"', '1', 'null', 'true']) AS c;
SELECT auth.jwt_verify(auth.jwt_sign('{}', :'secret'), :'secret') AS empty,
    regress_try(format('SELECT auth.jwt_verify(auth.jwt_sign(''{"exp": 1}'', %1$L), %1$L)',
    :'secret')) AS "signed all the same";

-- exp: exclusive; nbf: inclusive; iat: whatever it says, a token is never from the future
SELECT payload, pg_temp.claims(payload) FROM (VALUES (1, '{"exp":4102444800}'),
    (2, '{"exp":1300819380}'), (3, '{"exp":0}'), (4, '{"exp":-1}'), (5, '{"nbf":1300819380}'),
    (6, '{"nbf":4102444800}'), (7, '{"nbf":1300819380,"exp":4102444800}'),
    (8, '{"iat":4102444800}'), (9, '{"iat":9007199254740992}'),
    (10, '{"exp":4102444800.5,"nbf":0.25}'), (11, '{"exp":41024448e2}'),
    (12, '{"exp":1300819380.999999}'), (13, '{"exp":1e-10}'), (14, '{"exp":-0}')) AS c (n, payload)
    ORDER BY n;
-- numbers up to 2^53, and numbers only
SELECT value, pg_temp.claims('{"exp":' || value || '}') AS exp,
    pg_temp.claims('{"nbf":' || value || '}') AS nbf,
    pg_temp.claims('{"iat":' || value || '}') AS iat
    FROM unnest(ARRAY['9007199254740992', '9007199254740993', '9007199254740992.5',
    '9007199254740991.5', '-9007199254740992', '-9007199254740993', '1e15', '1e16', '1e99',
    '1e999999999999', '-1e99',
    '123456789012345678901234567890', '"4102444800"', '""', 'null', 'true', '[]', '[4102444800]',
        '{}', '+1', '01', '1.', '.5', '0x10', 'NaN', 'Infinity']) WITH ORDINALITY AS v (value, n)
        ORDER BY n;
-- the skew: 100 seconds late and 100 early, between skews of 300 and 30 seconds
SELECT extract(epoch FROM now())::bigint AS now \gset
SET pg_principal.clock_skew = 300;
SELECT pg_temp.claims(format('{"exp":%s}', :now - 100)) ~ '^{' AS late,
    pg_temp.claims(format('{"nbf":%s}', :now + 100)) ~ '^{' AS early,
    pg_temp.claims(format('{"exp":%s}', :now - 1000)) AS too_late,
    pg_temp.claims(format('{"nbf":%s}', :now + 1000)) AS too_early;
SET pg_principal.clock_skew = 30;
SELECT pg_temp.claims(format('{"exp":%s}', :now - 100)) AS late,
    pg_temp.claims(format('{"nbf":%s}', :now + 1000)) AS early;
\set VERBOSITY sqlstate
SET pg_principal.clock_skew = 301;
SET pg_principal.clock_skew = -1;
\set VERBOSITY default
RESET pg_principal.clock_skew;

-- aud: a string or an array of strings; asked for, it must be there
SELECT payload, pg_temp.claims(payload) AS "not asked", pg_temp.claims(payload, 'api') AS api,
    pg_temp.claims(payload, '') AS empty FROM (VALUES (1, '{}'), (2, '{"aud":"api"}'),
    (3, '{"aud":["other","api"]}'), (4, '{"aud":"\u0061pi"}'), (5, '{"aud":"API"}'),
    (6, '{"aud":"apis"}'), (7, '{"aud":""}'), (8, '{"aud":[]}'), (9, '{"aud":["other"]}'),
    (10, '{"aud":1}'), (11, '{"aud":null}'), (12, '{"aud":{"api":1}}'), (13, '{"aud":["api",1]}'),
    (14, '{"aud":[["api"]]}')) AS c (n, payload) ORDER BY n;
SELECT payload, pg_temp.claims(payload) AS "not asked", pg_temp.claims(payload, NULL,
    'https://us') AS us FROM (VALUES (1, '{}'), (2, '{"iss":"https://us"}'),
    (3, '{"iss":"https://us/"}'), (4, '{"iss":"HTTPS://US"}'), (5, '{"iss":""}'),
    (6, '{"iss":["https://us"]}'), (7, '{"iss":null}')) AS c (n, payload) ORDER BY n;
SELECT pg_temp.claims('{"iss":"us","aud":"api"}', 'api', 'us') AS both,
    pg_temp.claims('{"iss":"us","aud":"api"}', 'web', 'us') AS audience,
    pg_temp.claims('{"iss":"us","aud":"api"}', 'api', 'them') AS issuer,
    pg_temp.claims('{"iss":"us","aud":"api","exp":1}', 'api', 'us') AS late;
SELECT name, value, pg_temp.claims(format('{"%s":%s}', name, value))
    FROM unnest(ARRAY['sub', 'jti', 'email']) AS name, unnest(ARRAY['"x"', '1', 'null']) AS value
    ORDER BY name, value;

-- A payload that is signed is judged all the same: strict JSON, an object, no name twice, at most 32 levels.
SELECT what, pg_temp.claims(payload) AS jwt, CASE
    WHEN regress_jws(regress_hs('{"alg":"HS256"}', payload), :'secret') =
    payload THEN 'the payload' END AS jws FROM (VALUES (1, 'nothing', ''), (2, 'text', 'x'),
    (3, 'array', '[]'), (4, 'string', '"x"'), (5, 'null', 'null'), (6, 'two objects', '{} {}'),
    (7, 'a comma more', '{"a":1,}'), (8, 'comment', '{}//'), (9, 'single quotes', '{''a'':1}'),
    (10, 'cut', '{"a":1'),
    (11, 'a name twice', '{"exp":4102444800,"exp":1}'),
    (12, 'a name twice, escaped', '{"exp":4102444800,"\u0065xp":1}'),
    (13, 'a name twice, nested', '{"a":{"b":1,"b":1}}'),
    (14, 'a name twice, in an array', '[{"b":1,"b":1}]'),
    (15, 'the name of one in another', '{"a":{"b":1},"b":1}'), (16, '\u0000', '{"a":"\u0000"}'),
    (17, '\u0000 in a name', '{"\u0000":1}'), (18, 'lone surrogate', '{"a":"\ud800"}'),
    (19, 'a pair', '{"a":"\ud83d\ude00"}'), (20, 'control character', E'{"a":"\t"}'),
    (21, '32 levels', '{"a":' || repeat('[', 31) || repeat(']', 31) || '}'),
    (22, '33 levels', '{"a":' || repeat('[', 32) || repeat(']', 32) || '}'),
    (23, 'space', E' \t\r\n{ } '), (24, 'byte order mark', U&'\FEFF{}')) AS c (n, what, payload)
        ORDER BY n;
SELECT n, pg_temp.claims('{'
    || (SELECT string_agg(format('"n%s":0', CASE i WHEN n THEN 1 ELSE i END), ',' ORDER BY i)
    FROM generate_series(1, 100) AS i) || '}') FROM (VALUES (2), (17), (100)) AS v (n);
SELECT regress_jwt(input || '.' || regress_url(hmac(input, 'a secret of thirty-two bytes, at least',
    'sha256')), :'secret') AS "no UTF-8"
    FROM (SELECT regress_url('{"alg":"HS256"}') || '.'
    || regress_url('\x7b2261223a22ff227d'::bytea)) AS i (input);
-- the signature comes first: nothing of an unsigned payload is told
SELECT payload,
    regress_jwt(regress_hs('{"alg":"HS256"}', payload,
    'another secret of thirty-two bytes or more'), :'secret')
    FROM unnest(ARRAY['{}', '{"exp":1}', 'no JSON', '{"aud":1}']) AS payload;
-- whole numbers are written as numeric stores them: the same bytes as jsonb's own, at each border
SELECT n, claims = wanted AND pg_column_size(claims) = pg_column_size(wanted)
    AND claims::text = wanted::text AS same
    FROM unnest(ARRAY['0', '-0', '1', '-1', '9999', '10000', '-10000', '10001', '99990000',
    '99999999', '100000000', '123400000000', '1700000000', '9999999999999999', '10000000000000000',
    '99999999999999999', '-99999999999999999', '100000000000000000', '999999999999999999',
    '-999999999999999999', '1000000000000000000', '9223372036854775808', '1.0', '1e3', '-1.5e-3'])
    WITH ORDINALITY AS v (n, i),
    LATERAL (SELECT ('{"a":' || n || ',"b":[' || n || ',' || n || '],"c":' || n
        || '}')::jsonb) AS w (wanted),
        LATERAL (SELECT auth.jwt_verify(regress_hs('{"alg":"HS256"}', '{"a":' || n || ',"b":[' || n
        || ',' || n || '],"c":' || n || '}'), :'secret')) AS c (claims) ORDER BY i;
\i :jose_end
