-- Every text that SQL takes apart, cut short at every length, changed at every place, too long, of
-- wrong types, with NUL, broken or repeated content: a clear error with its own SQLSTATE, nothing written.
\getenv here PG_ABS_SRCDIR
\set setup :here /sql/include/setup.sql
\set teardown :here /sql/include/teardown.sql
\i :setup
SELECT current_user AS admin \gset
\set db :DBNAME
SET client_min_messages = warning;
-- the SQLSTATE of a refusal, else what came of it
CREATE FUNCTION public.regress_code(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text;
BEGIN
    EXECUTE statement INTO result;
    RETURN coalesce(result, 'null');
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE;
END $$;
CREATE FUNCTION public.regress_all() RETURNS text LANGUAGE sql AS $$
    SELECT md5(concat((SELECT string_agg(t::text, '' ORDER BY t::text) FROM auth.users t),
        (SELECT string_agg(t::text, '' ORDER BY t::text) FROM auth.sessions t),
        (SELECT string_agg(t::text, '' ORDER BY t::text) FROM auth.organization_people t),
        (SELECT string_agg(t::text, '' ORDER BY t::text) FROM auth.signing_keys t))) $$;
SELECT regress_all() AS was \gset
RESET client_min_messages;

-- Tokens: cut at each length, each character another, one more or less anywhere.
SELECT regress_code(format('SELECT auth.authenticate(%L)', left(:'boss', n))) AS code,
    count(*) > 400 AS many FROM generate_series(1, length(:'boss') - 1) AS n GROUP BY 1;
SELECT regress_code(format('SELECT auth.authenticate(%L)', right(:'boss', -n))) AS code,
    count(*) > 400 AS many FROM generate_series(1, length(:'boss') - 1) AS n GROUP BY 1;
SELECT c, regress_code(format('SELECT auth.authenticate(%L)', overlay(:'boss' PLACING c
    FROM n FOR 1))) AS code, count(*) > 400 AS many FROM generate_series(1, length(:'boss')) AS n,
    unnest(ARRAY['A', 'z', '.', '=', ' ', '/', 'é', '"', E'\n']) AS c
    WHERE substr(:'boss', n, 1) <> c GROUP BY 1, 2 ORDER BY c COLLATE "C";
SELECT regress_code(format('SELECT auth.authenticate(%L)', overlay(:'boss' PLACING 'A'
    FROM n FOR 0))) AS more,
    regress_code(format('SELECT auth.authenticate(%L)', overlay(:'boss' PLACING ''
    FROM n FOR 1))) AS less, count(*) > 400 AS many
    FROM generate_series(1, length(:'boss') - 1) AS n WHERE substr(:'boss', n, 1) <> substr(:'boss',
    n + 1, 1) GROUP BY 1, 2;
SELECT n, regress_try(format('SELECT auth.authenticate(%L)', repeat('a', n)))
    FROM unnest(ARRAY[1, 16383, 16384, 16385, 1000000]) AS n;
SELECT regress_try(format('SELECT auth.authenticate(%L)', t))
    FROM unnest(ARRAY['.', '..', '...', 'e30.e30.', 'e30.e30.e30', 'bnVsbA.bnVsbA.', 'W10.W10.AAAA',
    'eyJhbGciOiJIUzI1NiJ9.e30', E'\x01', E'\x7f', '💥.💥.💥']) WITH ORDINALITY AS a (t, n) ORDER BY n;
-- bytes that are no text at all do not get that far
SELECT regress_code($$SELECT auth.authenticate(E'\xff\xfe')$$) AS not_utf8,
    regress_code($$SELECT auth.authenticate(convert_from('\x61006162', 'UTF8'))$$) AS nul,
    regress_code($$SELECT auth.authenticate(chr(0))$$) AS chr0;
-- payloads that are no claims, rightly signed
SELECT payload,
    regress_try(format('SELECT auth.authenticate(%L)', auth.jws_sign(convert_to(payload, 'UTF8'),
    convert_from(k.material, 'UTF8')::jsonb || jsonb_build_object('kid', k.kid,
    'alg', k.alg)))) AS outcome
FROM auth.signing_keys k,
    unnest(ARRAY['', ' ', 'null', '[]', '"x"', '1', '{', '{"exp": 9999999999}',
    '{"sub": "a", "sub": "b"}', '{"exp": 9999999999, "a": "\u0000"}',
    '{"exp": 9999999999, "a": "\ud800"}', '{"exp": 1e400}', '{"exp": 9999999999,}', '{"exp": 0x10}',
    repeat('[', 100) || repeat(']', 100), '{"exp": 9999999999} {}'])
    WITH ORDINALITY AS p (payload, n) WHERE k.state = 'in_use' ORDER BY p.n;
SELECT regress_try(format('SELECT auth.authenticate(%L)',
    auth.jws_sign(payload, convert_from(k.material, 'UTF8')::jsonb
    || jsonb_build_object('kid', k.kid, 'alg', k.alg)))) AS outcome FROM auth.signing_keys k,
    unnest(ARRAY['\xff'::bytea, '\x00', '\x7b2261223a22ff227d', '\xefbbbf7b7d',
    '\xc0af']) AS payload WHERE k.state = 'in_use';
-- the setting takes anything, and what it is shows when somebody asks
SELECT regress_code(format('SELECT auth.uid() FROM set_config(''pg_principal.token'', %L, true)',
    t)) FROM unnest(ARRAY['x', ' ', repeat('x', 1000000), 'DEFAULT', 'null',
    '''; DROP TABLE auth.users; --']) AS t;

-- Times to live.
SELECT regress_code(format('SELECT auth.parse_ttl(%L)', t)) AS code, count(*)
    FROM (SELECT c || '1h' FROM unnest(ARRAY[' ', E'\t', E'\n', '+', '-', '.', '0x', '1_', '١', 'é',
    '1e']) AS c UNION ALL SELECT '1' || c || 'h'
    FROM unnest(ARRAY[' ', ',', '_', '.5', 'e1', 'h', '²']) AS c
    UNION ALL SELECT '1' || c
        FROM unnest(ARRAY['H', 'D', 'Y', 's', 'm', 'w', 'hh', 'h ', 'd1', 'hours', 'ｈ', '']) AS c
        UNION ALL SELECT repeat('0', n) || 'h' FROM generate_series(1, 1000, 111) AS n UNION ALL
        SELECT repeat('9', n) || 'y' FROM generate_series(1, 1000, 111) AS n) AS s (t) GROUP BY 1
        ORDER BY 1;
SELECT regress_code(format('SELECT auth.issue(''boss@example.com'', %L)', t))
    FROM unnest(ARRAY['5m', '2y', '', '1h''']) AS t;

-- Rosters: JSON cut at each length; every field of every wrong type.
SELECT jsonb_build_array(jsonb_build_object('email', 'x@example.com', 'name', 'X "é" \ 💥',
    'kind', 'service_account'), jsonb_build_object('email', 'y@example.com', 'name', 'Y',
    'manager_email', 'boss@example.com'))::text AS roster \gset
SELECT regress_code(format('SELECT auth.push_people(%L)', left(:'roster', n))) AS code,
    count(*) = length(:'roster') AS each FROM generate_series(0, length(:'roster') - 1) AS n
    GROUP BY 1;
SELECT regress_code(format('SELECT auth.push_people(%L)',
    jsonb_build_array('{"email": "x@example.com", "name": "X"}'::jsonb
    || jsonb_build_object(f, v::jsonb)))) AS code, count(*)
    FROM unnest(ARRAY['email', 'name', 'github_username', 'discipline', 'level', 'track',
    'manager_email', 'team', 'kind', 'id', 'Email', 'email ', 'row_number', 'problem',
    'updated_at']) AS f, unnest(ARRAY['1', '1.5', 'true', '[]', '["x"]', '{}', '{"x": 1}']) AS v
    GROUP BY 1;
SELECT regress_code(format('SELECT auth.push_people(%L)', '[{"email": "x@example.com", "name": "' || c || '"}]')) AS code, count(*) FROM unnest(ARRAY['\u0000', '\ud800', '\udc00', '\x', '\', E'\n', E'\t', E'\x01']) AS c GROUP BY 1 ORDER BY 1;
SELECT regress_code(format('SELECT auth.push_people(%L)', jsonb_build_array(jsonb_build_object('email', 'x@example.com', 'name', c)))) AS code, count(*) FROM unnest(ARRAY[E'\n', E'\t', E'\x01', E'\x7f', U&'\0085', repeat('x', 201), ' ', '']) AS c GROUP BY 1;
SELECT regress_code(format('SELECT auth.push_people(%L)', (SELECT jsonb_agg(1) FROM generate_series(1, 10000))::text)) AS ten_thousand_bad;

-- Addresses.
SELECT regress_code(format('SELECT auth.normalise_email(%L)', e)) AS code, count(*) FROM unnest(ARRAY['', ' ', '@', 'a', 'a@', '@a', 'a@@b', 'a@b@c', 'a b@c', 'a@b c', E'a\n@b', 'a@.b', 'a@b.', 'a@b..c', E'a\x01@b', U&'a\200b@b', U&'\FEFFa@b', U&'a@b\00A0', repeat('a', 255) || '@b', repeat('é', 127) || '@b', 'a@' || repeat('b', 1000000)]) AS e GROUP BY 1;
SELECT f, regress_code(format('SELECT auth.%s', format(f, quote_literal('no at')))), regress_code(format('SELECT auth.%s', format(f, quote_literal('nobody@example.com')))) FROM unnest(ARRAY['issue(%s)', 'ban(%s)', 'unban(%s)', 'remove_person(%s)', 'list_sessions(%s)']) AS f;

-- Scopes and labels.
SELECT s, regress_code(format('SELECT length(auth.issue(''boss@example.com'', ''1h'', NULL, %L::text[])) > 0', s)) FROM unnest(ARRAY['{a,NULL}', '{"a b"}', '{"a\\b"}', '{"a\"b"}', '{""}', E'{"a\tb"}', E'{"a\nb"}', '{é}', '{"a' || chr(127) || '"}', '{{a},{b c}}', '{a', 'a']) WITH ORDINALITY AS t (s, n) ORDER BY n;
SELECT regress_code(format('SELECT auth.issue(''boss@example.com'', ''1h'', NULL, ARRAY[%L])', repeat('x', 256))) AS scope, regress_code(format('SELECT auth.issue(''boss@example.com'', ''1h'', NULL, (SELECT array_agg(%L || n) FROM generate_series(1, 5000) AS n))', 'scope')) AS many,
       regress_code(format('SELECT auth.issue(''boss@example.com'', ''1h'', %L)', repeat('é', 128))) AS label, regress_code(format('SELECT auth.issue(''boss@example.com'', ''1h'', %L)', repeat('x', 1000000))) AS huge;
SELECT regress_code(format('SELECT auth.ban(''boss@example.com'', %L)', d)) FROM unnest(ARRAY['0', '-1 day', '1 month -40 days', '1000000 years', 'x', '']) AS d;
SELECT regress_code('SELECT auth.revoke_session(''x'')'), regress_code('SELECT auth.revoke_session(''00000000-0000-0000-0000-000000000000'')');

-- Keys: a JWK cut at each length, each member of every wrong type.
SELECT '{"kty":"OKP","crv":"Ed25519","kid":"k","alg":"EdDSA","use":"sig","key_ops":["sign"],"d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}' AS jwk \gset
SELECT regress_code(format('SELECT auth.import_signing_key(%L::text)', left(:'jwk', n))) AS code, count(*) = length(:'jwk') AS each FROM generate_series(0, length(:'jwk') - 1) AS n GROUP BY 1;
SELECT m, string_agg(DISTINCT regress_code(format('SELECT auth.import_signing_key(%L::text)', :'jwk'::jsonb || jsonb_build_object(m, v::jsonb))), ' ') AS codes FROM jsonb_object_keys(:'jwk'::jsonb) AS m, unnest(ARRAY['1', 'true', '{}', 'null', '""', '"x"', '"!"', '[1]']) AS v WHERE NOT (m = 'kid' AND v LIKE '"%' OR m = 'kid' AND v = 'null') GROUP BY m ORDER BY m COLLATE "C";
SELECT m, regress_code(format('SELECT auth.import_signing_key(%L::text)',
    :'jwk'::jsonb - m)) AS without FROM unnest(ARRAY['kty', 'crv', 'd', 'x']) AS m;
SELECT c, regress_code(format('SELECT auth.import_signing_key(%L::text)', c))
    FROM unnest(ARRAY['{', '{}', '{"kty":"oct","k":"\u0000"}', '{"kty":"\ud800"}', E'{"kty":"\n"}',
    repeat('{"a":', 5000), '{' || repeat(' ', 5000) || '}', '{"kty":"oct"}{}', E'\t{',
    '-----BEGIN ', '-----BEGIN PRIVATE KEY-----',
    '-----BEGIN PRIVATE KEY----------END PRIVATE KEY-----', repeat('x', 31)])
    WITH ORDINALITY AS t (c, n) WHERE length(c) < 100 ORDER BY n;
SELECT regress_code(format('SELECT auth.import_signing_key(%L::text)', c)) AS long
    FROM unnest(ARRAY[repeat('{"a":', 5000), '{' || repeat(' ', 5000) || '}',
    '-----BEGIN PRIVATE KEY-----' || repeat('A', 1000000), repeat('x', 8193), '{"kty":"oct","k":"'
    || repeat('A', 100000) || '"}']) WITH ORDINALITY AS t (c, n) ORDER BY n;

-- Headers and claims as PostgREST hands them over.
SELECT json_build_object('host', 'é 💥', 'authorization', 'Bearer '
    || :'boss')::text AS headers \gset
SELECT regress_code(format('SELECT concat(auth.pre_request()::text, auth.email()) FROM set_config(''request.headers'', %L, true)',
    left(:'headers', n))) AS code, count(*) > 400 AS many
    FROM generate_series(1, length(:'headers') - 1) AS n GROUP BY 1;
SELECT h, regress_code(format('SELECT concat(auth.pre_request()::text, ''nobody'', auth.email()) FROM set_config(''request.headers'', %L, true)',
    h)) FROM unnest(ARRAY['null', '[]', '1', '"x"', '{}', '{"authorization": null}',
    '{"authorization": 1}', '{"authorization": ["Bearer x"]}', '{"authorization": {}}',
    '{"authorization": ""}', '{"authorization": "Bearer"}', '{"authorization": "Bearer "}',
    '{"authorization": "Bearerx"}', '{"authorization": "Basic eDp5"}',
    '{"authorization": "Bearer x"}', '{"authorization": "Bearer \u0000"}',
        '{"authorization": "Bearer x y"}',
        '{"authorization": "Bearer x", "authorization": "Bearer y"}',
        '{"Authorization": "Bearer x"}', '{"authorization": "Bearer x"} x',
        E'{"authorization": "\x01"}', '{"authorization": "Bearer \ud800"}', '{authorization: x}',
        ' ']) WITH ORDINALITY AS t (h, n) ORDER BY n;
SET pg_principal.trust_request_claims = on;
SELECT json_build_object('sub', (SELECT id FROM auth.users WHERE email = 'boss@example.com'),
    'role', 'é 💥')::text AS claims \gset
SELECT regress_code(format('SELECT auth.email() FROM set_config(''request.jwt.claims'', %L, true)',
    left(:'claims', n))) AS code, count(*) = length(:'claims') - 1 AS each
    FROM generate_series(1, length(:'claims') - 1) AS n GROUP BY 1;
SELECT c, regress_code(format('SELECT auth.email() FROM set_config(''request.jwt.claims'', %L, true)',
    c)) FROM unnest(ARRAY['{"sub": 1}', '{"sub": "\u0000"}', '{"exp": "x"}', '{"exp": {}}',
    '{"aud": 1}', '{"nbf": 9999999999}', '{"session_id": 1}', '{"session_id": "x"}', '{"role": 1}',
    '{"sub": "x', repeat('[', 70000)]) WITH ORDINALITY AS t (c, n) WHERE length(c) < 100 ORDER BY n;
SELECT regress_code(format('SELECT auth.email() FROM set_config(''request.jwt.claims'', %L, true)',
    repeat('[', 70000))) AS deep,
    regress_code(format('SELECT auth.email() FROM set_config(''request.jwt.claims'', %L, true)',
    '{"a": "' || repeat('x', 5000000) || '"}')) AS large;
RESET pg_principal.trust_request_claims;

-- Nor does a session's way of reading strings change what is accepted.
\connect :"db" :admin
SELECT current_setting('server_version_num')::integer < 190000 AS may_be_off \gset
\if :may_be_off
SET standard_conforming_strings = off;
SET escape_string_warning = off;
\endif
SELECT regress_code('SELECT length(auth.issue(''boss@example.com'', ''1h'', NULL, ''{a b}'')) > 100') AS bad;
BEGIN;
SELECT regress_code('SELECT length(auth.issue(''boss@example.com'', ''1h'', NULL, ''{read:rows}'')) > 100') AS good;
ROLLBACK;
\if :may_be_off
RESET standard_conforming_strings;
RESET escape_string_warning;
\endif

-- Nothing of all this was written.
SELECT regress_all() = :'was' AS unchanged;

-- Databases of other encodings: names, addresses and labels that the encoding has.
SET client_min_messages = warning;
CREATE DATABASE regression_latin1 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0;
CREATE DATABASE regression_ascii ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0;
\connect regression_latin1 :admin
\encoding UTF8
\pset format unaligned
SET client_min_messages = warning;
CREATE EXTENSION pg_principal;
CREATE FUNCTION public.regress_code(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text;
BEGIN
    EXECUTE statement INTO result;
    RETURN coalesce(result, 'null');
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
SELECT length(auth.create_signing_key());
SELECT auth.push_people('[{"email": "Jürgen@example.com", "name": "Jürgen Müßig"}, {"email": "ann@example.com", "name": "Ann", "manager_email": "jürgen@example.com"}]');
SELECT email, name, octet_length(name) AS bytes FROM auth.organization_people
    ORDER BY email COLLATE "C";
SELECT created FROM auth.provision();
SELECT regress_code('SELECT auth.normalise_email(''JÜRGEN@Example.com'')');
SELECT regress_code('SELECT email FROM auth.issue_token('' Jürgen@example.com'', ''1h'', ''für Jürgen'')');
SELECT auth.issue('ann@example.com', '1h', 'für Ann') AS ann \gset
SELECT auth.authenticate(:'ann')->>'email' AS email,
    auth.authenticate(:'ann')->'user_metadata'->>'name' AS name;
SELECT label FROM auth.list_sessions('ann@example.com');
SELECT regress_code('SELECT auth.authenticate(auth.issue(''jürgen@example.com''))->''user_metadata''->>''name''');
SELECT auth.jwt_verify(auth.jwt_sign('{"name": "Jürgen"}',
    '"a secret of thirty-two bytes, at least"'), '"a secret of thirty-two bytes, at least"');
-- what it has not
SELECT left(regress_code('SELECT auth.push_people(''[{"email": "x@example.com", "name": "\u4e2d"}]'')'),
    5) AS regress_code;
SELECT regress_code('SELECT auth.authenticate(''é.é.é'')'),
    regress_code('SELECT auth.parse_ttl(''é'')'),
    regress_code('SELECT auth.issue(''nobodé@example.com'')'),
    regress_code('SELECT auth.import_signing_key(''é''::text)');
SELECT regress_code('SELECT concat(auth.pre_request()::text, ''nobody'') FROM set_config(''request.headers'', ''{"x": "é"}'', true)');
CREATE TABLE rows (id int, owner text);
INSERT INTO rows VALUES (1, 'jürgen@example.com'), (2, 'ann@example.com');
CREATE ROLE regress_app;
GRANT SELECT ON rows TO regress_app;
SELECT auth.clamp('rows', 'owner', 'people');
SET ROLE regress_app;
SET pg_principal.token = :'ann';
SELECT id FROM rows ORDER BY id;
RESET ROLE;
-- the audit hashes what it says, not how it is written
UPDATE auth.users SET first_name = 'Änn' WHERE email = 'ann@example.com';
SELECT reason FROM auth.sign_in('jürgen@example.com', 'für', '{"userAgent": "Ünicode é"}');
SELECT subject, user_agent, reason FROM auth.audit_log WHERE user_agent IS NOT NULL;
SELECT payload->'user'->>'firstName' AS first_name
    FROM auth.update_profile('{"firstName": " Änne "}');
SELECT changes->'firstName' AS change FROM auth.audit_log WHERE changes ? 'firstName' ORDER BY seq;
SELECT * FROM auth.audit_verify();
\pset format aligned
\connect regression_ascii :admin
\encoding UTF8
SET client_min_messages = warning;
CREATE EXTENSION pg_principal;
CREATE FUNCTION public.regress_code(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text;
BEGIN
    EXECUTE statement INTO result;
    RETURN coalesce(result, 'null');
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE;
END $$;
SELECT length(auth.create_signing_key());
SELECT auth.push_people('[{"email": "Jürgen@example.com", "name": "Jürgen Müßig"}]');
SELECT created FROM auth.provision();
SELECT auth.authenticate(auth.issue('jürgen@example.com', '1h',
    'für'))->'user_metadata'->>'name' AS name;
-- bytes that are no UTF-8 are no name, and a clear error anywhere
SELECT regress_code($$SELECT auth.push_people((E'[{"email": "x@example.com", "name": "J\xfcrgen"}]')::jsonb)$$) AS push,
    regress_code($$SELECT auth.normalise_email(E'j\xfcrgen@example.com')$$) AS email,
    regress_code($$SELECT auth.issue(E'j\xfcrgen@example.com')$$) AS issue,
       regress_code($$SELECT auth.authenticate(E'\xff.\xff.\xff')$$) AS token,
           regress_code($$SELECT auth.parse_ttl(E'\xff')$$) AS ttl,
           regress_code($$SELECT length(auth.import_signing_key(repeat(E'\xff', 40),
           false))$$) AS secret,
           regress_code($$SELECT auth.import_signing_key(E'{"kty": "\xff"}'::text)$$) AS jwk,
       regress_code($$SELECT auth.pre_request() FROM set_config('request.headers', E'{"x": "\xff"}',
           true)$$) AS headers, regress_code($$SELECT auth.raise_error('user_missing',
           E'\xff')$$) AS error;
-- nor can the audit tell of them
SELECT regress_code($$SELECT auth.issue('jürgen@example.com', '1h',
    E'\xff') IS NOT NULL$$) AS label, regress_code($$WITH changed AS (UPDATE auth.users
    SET raw_user_meta_data = jsonb_build_object('name', E'\xff') RETURNING 1) SELECT count(*)
    FROM changed$$) AS change;
ALTER TABLE auth.users DISABLE TRIGGER audit_changes;
UPDATE auth.users SET raw_user_meta_data = jsonb_build_object('name', E'\xff');
ALTER TABLE auth.users ENABLE TRIGGER audit_changes;
SELECT regress_code($$SELECT length(auth.issue('jürgen@example.com')) > 100$$) AS metadata;
-- whoever is refused is refused with an answer
SELECT reason, payload FROM auth.sign_in(E'j\xfcrgen@example.com', 'x', NULL);
SELECT regress_code($$SELECT reason FROM auth.sign_in('jürgen@example.com', E'\xff',
    NULL)$$) AS password;
SELECT reason, payload FROM auth.refresh(E'ppr_\xff');
SELECT auth.ban('jürgen@example.com');
SELECT * FROM auth.audit_verify();
SELECT count(*) FROM auth.organization_people;
\connect :"db" :admin
SET client_min_messages = warning;
DROP DATABASE regression_latin1;
DROP DATABASE regression_ascii;
DROP ROLE regress_app;
DROP FUNCTION public.regress_code(text), public.regress_all();
\i :teardown
