-- Compares pg_principal_pgjwt (schema pgjwt_new) with the same steps in SQL over pgcrypto (schema
-- pgjwt_old): result or SQLSTATE, message, detail, hint and JSON context. Pure ASCII, for any encoding.
-- :sample elevenths of the largest sets are taken (none has a period of eleven); all of them by make torture TESTS=pgjwt.
CREATE SCHEMA pgjwt_old;
CREATE SCHEMA pgjwt_new;
CREATE EXTENSION pgcrypto SCHEMA pgjwt_old;
CREATE EXTENSION pg_principal_pgjwt SCHEMA pgjwt_new;
SET search_path = pgjwt_old, public;
\getenv here PG_ABS_SRCDIR
\set reference :here /sql/include/pgjwt_reference.sql
\i :reference
RESET search_path;

CREATE FUNCTION outcome(schema text, statement text, args text[]) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text; detail text; hint text; context text;
BEGIN
    PERFORM set_config('search_path', schema || ', public', true);
    EXECUTE statement INTO result USING args;
    RETURN coalesce('= ' || result, 'NULL');
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT, context = PG_EXCEPTION_CONTEXT;
    RETURN concat_ws(' | ', SQLSTATE, SQLERRM, nullif(detail, ''), nullif(hint, ''), substring(context FROM 'JSON data[^\n]*'));
END $$;

CREATE TABLE outcomes (area text, statement text, args text[], old text, new text);
-- $1 is an array of the arguments, constants to the planner; c.a is the same array from a table.
CREATE PROCEDURE compare(area text, statements text[], query text, sample int DEFAULT 11) LANGUAGE plpgsql AS $$
DECLARE
    statement text; args text[]; i int := 0;
BEGIN
    FOREACH statement IN ARRAY statements LOOP
        FOR args IN EXECUTE query LOOP
            i := i + 1;
            CONTINUE WHEN i % 11 >= sample;
            INSERT INTO outcomes VALUES (area, statement, args, outcome('pgjwt_old', statement, args), outcome('pgjwt_new', statement, args));
        END LOOP;
    END LOOP;
END $$;

CREATE FUNCTION b64(bytea) RETURNS text LANGUAGE sql AS $$ SELECT pgjwt_old.url_encode($1) $$;
CREATE FUNCTION b64(text) RETURNS text LANGUAGE sql AS $$ SELECT pgjwt_old.url_encode(convert_to($1, 'UTF8')) $$;
-- header.payload.signature with the right signature
CREATE FUNCTION signed(text, secret text DEFAULT 'secret', hash text DEFAULT 'sha256') RETURNS text LANGUAGE sql AS $$
    SELECT $1 || '.' || b64(pgjwt_old.hmac(split_part($1, '.', 1) || '.' || split_part($1, '.', 2), $2, $3)) $$;

CREATE TABLE json_text (n serial, part bytea);
INSERT INTO json_text (part) SELECT convert_to(t, 'UTF8') FROM unnest(ARRAY[
    '{}', '{"sub":"1"}', ' { "sub" : "1" , "x" : [ 1 , {"y":null} ] } ', '[]', '[{"exp":1}]', '1', '"exp"', 'null', 'true', '', ' ', '{', '}', '{}x', '{} {}',
    '{"a":1,}', '{"a"}', '{a:1}', '{''a'':1}', '{"a":01}', '{"a":+1}', '{"a":.5}', '{"a":1.}', '{"a":1e}', '{"a":-}', '{"a":NaN}', '{"a":1e999}', '[1,]', '[', 'nul',
    E'{"a":"\t"}', E'{"a":"\n"}', E'{"a":\t1}', E'{"a":"\x7f"}', '{"a":"b', '{"a":"\x"}', '{"a":"\u12"}', '{"a":"\u0000"}', '{"\u0000":1}', '{"a":"\ud800"}', '{"a":"\udc00\ud800"}',
    '{"a":"\ud83d\ude00"}', '{"a":"\u20ac"}', '{"\u0065xp":1}', '{"\u0065xp":4102444800}', '{"a":"\\","exp":1}', '{"a":{"exp":1}}', '{"a":"exp"}', '{"exp":1,"exp":4102444800}',
    '{"exp":4102444800,"exp":1}', '{"exp":4102444800,"exp":null}', '{"nbf":4102444800,"nbf":1}', '{"exp":1,"a":"\u0000"}', '{"exp":4102444800,"a":}', '{"exp":1', '{"EXP":1}', '{"exp ":1}', '{"":1}',
    '{"alg":"none"}', '{"alg":"RS256","typ":"x","crit":["a"]}', repeat('[', 30) || repeat(']', 30), repeat('[', 100) || repeat(']', 100), repeat('{"a":', 40) || '1' || repeat('}', 40),
    repeat('[', 60000), '{"a":"' || repeat('x', 70000) || '","exp":1}', '{"a":"' || repeat('x', 70000) || '","exp":4102444800}', '{"a":1,"a":2}']) AS t;
INSERT INTO json_text (part) SELECT convert_to('{"exp":4102444800,"a":"', 'UTF8') || bytes || '"}' FROM unnest(ARRAY['\xc3a9', '\xe282ac', '\xf09f9880', '\xff', '\xc0af', '\xc3', '\xc328', '\xeda080',
    '\xf4908080', '\x00', '\xe282', '\xc3a9ff', '\xe282acff', '\xc285']::bytea[]) AS bytes;
INSERT INTO json_text (part) VALUES ('\xefbbbf7b7d'), ('\x00'), ('\x7b7d00'), ('\x7b7dff'), ('\x80'), ('\xffd8ffe0');

CREATE TABLE claim_value (n serial, value text);
INSERT INTO claim_value (value) SELECT unnest(ARRAY[NULL, 'null', 'true', '""', '"abc"', '"75z"', '0', '-0', '-1', '1', '1.5', '-1.5', '1e3', '1E+3', '1000.0', '1e9', '41024448e2', '1e400', '-1e400', '1e-400', '4e-324',
    '"infinity"', '"-Infinity"', '"inf"', '"nan"', '"NaN"', '" 12 "', '"4102444800"', '"1"', '"0x10"', '"1_000"', '"1e5"', '"1,5"', '9007199254740992', '9007199254740993', '-9007199254740993', '9223372036854775807',
    '99999999999999999999', '9224318015999', '9224318015999.9999999', '9224318016000', '-210866803200', '-210866803201', '-210866803200.5', '253402300800', '4102444800', '4102444800.5', '{"a":1}', '[1]', '[]', '1577836800',
    'NOW', 'NOW-0.000001', 'NOW+0.000001', 'NOW-1', 'NOW+1', 'SECOND', 'SECOND+1', '"NOW"', '1.0000000000000000000000001', '0.1', '4102444800e0', '410244480000000e-5']);
-- A claim, NOW and SECOND replaced by the transaction's time.
CREATE FUNCTION claim(name text, value text) RETURNS text LANGUAGE sql AS $$
    SELECT format('"%s":%s', name, CASE WHEN value ~ 'NOW|SECOND' THEN regexp_replace(value, '(NOW|SECOND)([-+][0-9.]+)?',
        (CASE WHEN value ~ 'NOW' THEN extract(epoch FROM now()) ELSE floor(extract(epoch FROM now())) END
         + coalesce(substring(value FROM '[-+][0-9.]+'), '0')::numeric)::text) ELSE value END) $$;

CREATE TABLE secret (n serial, secret text);
INSERT INTO secret (secret) VALUES ('secret'), (''), ('s'), (repeat('k', 63)), (repeat('k', 64)), (repeat('k', 65)), (repeat('k', 128)), (repeat('k', 129)), (repeat('k', 4096)),
    (repeat('k', 4097)), (chr(233) || 't' || chr(233)), (E'\n\t '), ('a.b'), (NULL);
CREATE TABLE algorithm (n serial, algorithm text);
INSERT INTO algorithm (algorithm) VALUES ('HS256'), ('HS384'), ('HS512'), ('hs256'), ('none'), (''), ('RS256'), ('HS256 '), ('sha256'), (chr(233)), ('HS256","x":"'), (NULL);

-- Tokens under the secret `secret`.
CREATE TABLE token (n serial, token text);
INSERT INTO token (token) SELECT signed(b64('{"alg":"HS256","typ":"JWT"}') || '.' || b64(part)) FROM json_text ORDER BY n;
INSERT INTO token (token) SELECT signed(b64(part) || '.' || b64('{"exp":4102444800}')) FROM json_text ORDER BY n;
CREATE VIEW good AS SELECT signed(b64('{"alg":"HS256","typ":"JWT"}') || '.' || b64('{"sub":"??>>","exp":4102444800}')) AS t;
INSERT INTO token (token) SELECT unnest(ARRAY[NULL, '', '.', '..', '...', 'x', 'x.', '.x', 'x.y', 'x.y.z', 'a.b.c.d', 'null', t, t || '.', t || '.x', t || '..', '.' || t, t || '=', t || ' ', ' ' || t, t || E'\n',
    left(t, -1), upper(t), t || 'A', replace(t, '.', '..'), replace(t, '.', ' . '), replace(t, '.', ','), h || '.' || p, h || '.' || p || '.', h, h || '.', '.' || p || '.' || s, h || '..' || s,
    signed(h || '=.' || p), signed(h || '.' || p || '='), signed(h || '.' || p || '=='), signed(h || '.=' || p), signed(h || '.' || left(p, 4) || '=' || substr(p, 5)), signed(h || '.' || left(p, 4) || E'\n' || substr(p, 5)),
    signed(h || '.' || left(p, 5) || E' \t\r\n' || substr(p, 6)), signed(h || '.' || left(p, 4) || E'\x0b' || substr(p, 5)), signed(h || '.' || translate(p, '-_', '+/')), signed(translate(h, '-_', '+/') || '.' || p),
    signed(h || '.' || p || 'A'), signed(h || '.' || left(p, -1)), signed(h || '.' || left(p, -2)), signed(h || '.' || left(p, -3)), signed(h || '.!' || p), signed(h || '.' || p || '!'), signed(h || '.' || p || '*===='),
    signed(h || '.' || p || chr(233)), signed(h || '.' || chr(233) || p), signed(chr(233) || '.' || p), signed(h || '.' || p || '===='), signed(h || '. ' || p), signed(h || E'\n.' || p), signed('.' || p), signed(h || '.'), signed('.'),
    signed(h || '.' || b64('{}')), signed(h || '.e30'), signed(h || '.e31'), signed(h || '.e3'), signed(h || '.e'), signed(h || '.e30='), signed(h || '.e30=='), signed(h || '.e3 0'), signed('e30.e30'), h || '.' || b64('{"exp":1,"nbf":2}'),
    h || '.' || b64('{"exp":1,"nbf":2}') || '.x', signed(h || '.' || b64('{"exp":1,"nbf":2}')), signed(h || '.' || p, ''), signed(h || '.' || p, repeat('k', 65)), signed(h || '.' || p, 'secret', 'sha384'),
    signed(h || '.' || p, 'secret', 'sha512'), 'e30.' || p || '.' || s, h || '.e30.' || s, repeat('a', 100000), repeat('.', 100000), repeat('a.', 1000), signed(h || '.' || p) || chr(233)])
FROM good, LATERAL (SELECT split_part(t, '.', 1), split_part(t, '.', 2), split_part(t, '.', 3)) AS parts (h, p, s);

-- Each query with constant arguments and with columns of a table.
CREATE TABLE shape (name text, source text, statement text);
INSERT INTO shape SELECT name, source, format('SELECT %s FROM %s%s', result, call, condition)
FROM (VALUES ('constant', 'verify($1[1], $1[2], $1[3])'), ('column', '(SELECT $1 OFFSET 0) AS c (a), verify(a[1], a[2], a[3])')) AS s (source, call), (VALUES
    ('all', 'concat_ws(''|'', header, payload, coalesce(valid::text, ''null''))', ''), ('valid', 'valid', ''), ('header', 'header', ''), ('payload', 'payload', ''), ('rows', 'count(*)', ''),
    ('if valid', 'payload', ' WHERE valid'), ('unless valid', 'payload', ' WHERE NOT valid'), ('if unknown', 'count(payload)', ' WHERE valid IS NULL'), ('reversed', 'concat_ws(''|'', valid, payload, header)', '')) AS q (name, result, condition);
INSERT INTO shape VALUES ('record', 'constant', 'SELECT verify($1[1], $1[2], $1[3])::text'), ('record', 'column', 'SELECT verify(a[1], a[2], a[3])::text FROM (SELECT $1 OFFSET 0) AS c (a)'), ('default', 'constant', 'SELECT verify($1[1], $1[2])::text'),
    ('field', 'column', 'SELECT (verify(a[1], a[2], a[3])).valid FROM (SELECT $1 OFFSET 0) AS c (a)'), ('subselect', 'constant', 'SELECT valid FROM verify((SELECT $1[1]), $1[2], algorithm => $1[3])');
SELECT array_agg(statement) AS every, array_agg(statement) FILTER (WHERE name = 'valid') AS valid, array_agg(statement) FILTER (WHERE name = 'valid' AND source = 'column') AS valid_column,
       array_agg(statement) FILTER (WHERE name IN ('all', 'valid', 'if valid', 'record')) AS some FROM shape \gset

BEGIN;
CALL compare('verify: tokens', :'every', $$SELECT ARRAY[token, 'secret', 'HS256'] FROM token ORDER BY n$$, :sample);
CALL compare('verify: wrong secret', :'every', $$SELECT ARRAY[token, 'other', 'HS256'] FROM token WHERE n % 3 = 0 ORDER BY n$$);
CALL compare('verify: algorithms', :'some', $$SELECT ARRAY[token, secret, algorithm]
    FROM (SELECT token FROM token WHERE token IS NULL OR length(token) < 200 ORDER BY n DESC LIMIT 60) AS t, (SELECT secret FROM secret WHERE n IN (1, 14)) AS s, (SELECT algorithm FROM algorithm WHERE n IN (2, 5, 6, 12)) AS a$$, :sample);
CALL compare('verify: secrets', :'valid', $$SELECT ARRAY[signed(b64('{}') || '.' || b64('{"a":1}'), s.secret, hash), o.secret, 'HS' || substr(hash, 4)]
    FROM secret AS s, secret AS o, unnest(ARRAY['sha256', 'sha384', 'sha512']) AS hash$$);
CALL compare('verify: times', :'valid_column', $$SELECT ARRAY[signed(b64('{}') || '.' || b64(format('{%s}', concat_ws(',', nbf, exp)))), 'secret', 'HS256']
    FROM (SELECT n, claim('nbf', value) AS nbf FROM claim_value) AS a, (SELECT n, claim('exp', value) AS exp FROM claim_value) AS b ORDER BY a.n, b.n$$, :sample);
CALL compare('verify: times, exp first and an escape', :'valid', $$SELECT ARRAY[signed(b64('{}') || '.' || b64(format('{%s}', concat_ws(',', claim('exp', value), '"a":"\n"')))), 'secret', 'HS256']
    FROM claim_value ORDER BY n$$);
CALL compare('sign', ARRAY['SELECT sign($1[1]::json, $1[2], $1[3])', 'SELECT sign(a[1]::json, a[2], a[3]) FROM (SELECT $1 OFFSET 0) AS c (a)'], $$SELECT ARRAY[payload, secret, algorithm] FROM secret, algorithm,
    unnest(ARRAY['{}', ' { "b" : 1, "a" : [ ] , "b":2 } ', '"' || chr(233) || '"', '"\u20ac"', '1', '{', NULL, '"' || repeat('x', 1000) || '"']) AS payload$$, :sample);
CALL compare('sign: default', ARRAY['SELECT sign($1[1]::json, $1[2])', 'SELECT sign(payload => $1[1]::json, secret => $1[2])'], $$SELECT ARRAY['{"a":1}', secret] FROM secret$$);
CALL compare('algorithm_sign', ARRAY['SELECT algorithm_sign($1[1], $1[2], $1[3])', 'SELECT algorithm_sign(a[1], a[2], a[3]) FROM (SELECT $1 OFFSET 0) AS c (a)'], $$SELECT ARRAY[text, secret, algorithm] FROM secret, algorithm,
    unnest(ARRAY['', 'a.b', chr(233), repeat('x', 100000), NULL]) AS text$$, :sample);
CALL compare('url_encode', ARRAY['SELECT url_encode($1[1]::bytea)', 'SELECT url_encode(a[1]::bytea) FROM (SELECT $1 OFFSET 0) AS c (a)'], $$SELECT ARRAY[substr(sha512(i::text::bytea) || sha512(i::text::bytea) ||
    sha512('x'), 1, i)::text] FROM generate_series(0, 190) AS i UNION ALL SELECT ARRAY[repeat('\xff'::text, 1) || repeat('fb', 100000)] UNION ALL SELECT ARRAY[NULL]$$);
CALL compare('url_decode', ARRAY['SELECT url_decode($1[1])', 'SELECT url_decode(a[1]) FROM (SELECT $1 OFFSET 0) AS c (a)'], $$SELECT ARRAY[left(text, i)] FROM generate_series(0, 14) AS i, unnest(ARRAY['-_-_abcdABCD09', '+/+/abcdABCD09',
    'ab=cdefghijklm', 'abc=defghijklm', 'abcd=efghijkl', 'ab==cdefghij', 'abcd====efgh', '=abcdefg', 'ab cd ef gh', E'ab\ncd\r\tef', 'ab!cdefgh', 'abcd' || chr(233) || 'efgh', chr(233) || chr(233) || 'abcd', E'abc\x01def', 'ab.cdef',
    'QUJD' || E'\n' || 'REVG', '////', '____', 'AA==', 'AB==', 'AAA=', 'AAB=', 'A A = =', 'AAAAA']) AS text UNION ALL SELECT ARRAY[NULL]$$);
CALL compare('try_cast_double', ARRAY['SELECT try_cast_double($1[1])', 'SELECT try_cast_double(a[1]) FROM (SELECT $1 OFFSET 0) AS c (a)'], $$SELECT ARRAY[trim('"' FROM value)] FROM claim_value UNION ALL
    SELECT ARRAY[unnest(ARRAY['', ' ', '1 ', E'\t1\n', '1 1', '1e', 'e1', '.5', '5.', '.', '+1', '--1', 'Infinity', '+inf', '-nan', '1d', '0x1p3', '1e308', '1e309', '1e-323', '1e-324', repeat('9', 400), chr(233), repeat(' ', 1000) || '1'])]$$);
COMMIT;
SELECT area, count(*), count(*) FILTER (WHERE old ~ '^= ') > 0 AS results, count(*) FILTER (WHERE old ~ '^[0-9A-Z]{5} [|]') > 0 AS errors, count(*) FILTER (WHERE old IS DISTINCT FROM new) AS differ
FROM outcomes GROUP BY area ORDER BY area;
SELECT DISTINCT substring(old FROM '^([0-9A-Z]{5}) [|]') AS sqlstate FROM outcomes WHERE old ~ '^[0-9A-Z]{5} [|]' ORDER BY 1;
SELECT area, statement, left(args::text, 150) AS args, left(old, 200) AS old, left(new, 200) AS new FROM outcomes WHERE old IS DISTINCT FROM new LIMIT 20;
-- the same declarations, so that whatever was built on the old functions can be built on the new
SELECT proname, provolatile, proretset, pg_get_function_arguments(oid), pg_get_function_result(oid), prosecdef FROM pg_proc
WHERE pronamespace = 'pgjwt_old'::regnamespace AND prolang <> (SELECT oid FROM pg_language WHERE lanname = 'c')
EXCEPT SELECT proname, provolatile, proretset, pg_get_function_arguments(oid), pg_get_function_result(oid), prosecdef FROM pg_proc WHERE pronamespace = 'pgjwt_new'::regnamespace;
