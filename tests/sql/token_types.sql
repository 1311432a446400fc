\getenv here PG_ABS_SRCDIR
\set setup :here /sql/include/setup.sql
\set teardown :here /sql/include/teardown.sql
\i :setup
-- What names itself another kind of token is no access token, however well it is signed.
SET client_min_messages = warning;
CREATE EXTENSION pgcrypto SCHEMA public;
RESET client_min_messages;
CREATE FUNCTION pg_temp.url(bytes bytea) RETURNS text LANGUAGE sql AS
$$ SELECT rtrim(translate(encode(bytes, 'base64'), E'+/\n', '-_'), '=') $$;
CREATE FUNCTION pg_temp.signed(header jsonb, payload text) RETURNS text LANGUAGE sql AS $$
    SELECT input || '.' || pg_temp.url(public.hmac(input, 'a secret of thirty-two bytes, at least',
        'sha256'))
    FROM (SELECT pg_temp.url(convert_to(header::text, 'UTF8')) || '.' || payload) AS i (input) $$;
SELECT auth.import_signing_key(jsonb_build_object('kty', 'oct', 'kid', 'known',
    'k', pg_temp.url('a secret of thirty-two bytes, at least'))) AS kid;
SELECT split_part(auth.issue('ann@example.com', '1h'), '.', 2) AS payload \gset
SELECT typ, public.regress_try(format('SELECT auth.authenticate(%L)->>''email''',
    pg_temp.signed('{"alg": "HS256", "kid": "known"}' || typ::jsonb, :'payload'))) AS outcome
FROM unnest(ARRAY['{}', '{"typ": "JWT"}', '{"typ": "jwt"}', '{"typ": "at+jwt"}',
    '{"typ": "application/at+jwt"}',
    '{"typ": "APPLICATION/AT+JWT"}', '{"typ": "id_token+jwt"}', '{"typ": "logout+jwt"}',
        '{"typ": "secevent+jwt"}',
    '{"typ": "dpop+jwt"}', '{"typ": "token-introspection+jwt"}',
        '{"typ": "client-authentication+jwt"}',
    '{"typ": "oauth-id-jag+jwt"}', '{"typ": "JOSE"}', '{"typ": ""}', '{"typ": "at+jwt "}',
        '{"typ": "application/"}',
    '{"typ": "application/application/jwt"}', '{"typ": null}', '{"typ": ["JWT"]}']) AS t (typ);
-- nor by the other doors: the one for frontends, the question whether it is a project key, adoption
SELECT pg_temp.signed('{"alg": "HS256", "kid": "known", "typ": "logout+jwt"}',
    :'payload') AS logout,
       pg_temp.signed('{"alg": "HS256", "kid": "known", "typ": "secevent+jwt"}',
           split_part(k.token, '.', 2)) AS event,
       k.token AS anon FROM auth.issue_key('anon', '1h') AS k \gset
SELECT auth.try_authenticate(:'logout') AS frontend, auth.is_project_key(:'anon') AS key,
    auth.is_project_key(:'event') AS no_key;
SELECT public.regress_try(format('SELECT auth.adopt_key(%L)', :'event'));
SELECT set_config('request.headers', jsonb_build_object('authorization', 'Bearer '
    || :'logout')::text, false) <> '' AS headers;
SELECT public.regress_try('SELECT auth.pre_request()');
RESET request.headers;
DROP EXTENSION pgcrypto;
\i :teardown
