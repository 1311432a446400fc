-- Every text, name and jsonb argument of every function, generated from the catalog, given what people
-- and machines make of texts: an answer or a clear error of its own, never an internal one, nothing written.
\getenv here PG_ABS_SRCDIR
\set setup :here /sql/include/setup.sql
\set teardown :here /sql/include/teardown.sql
\i :setup
SET client_min_messages = error;
UPDATE auth.users SET app_role = 'ADMIN' WHERE email = 'boss@example.com';
CREATE TEMP TABLE hostile (what text, value text);
INSERT INTO hostile VALUES ('empty', ''), ('space', ' '), ('quote', ''''), ('quotes', '"''"'),
    ('injection', '''); DROP TABLE auth.users; --'), ('dollar', '$$ $1 $x$'),
    ('percent', '%s%n%1$s%%'),
    ('braces', '{0}{1}{}'), ('backslash', E'\\'), ('backslash u', '\u0000'),
    ('newline', E'a\nb\r\n'), ('control', E'\x01\x02\x1b[31m'), ('delete', E'\x7f'),
    ('c1', U&'\0085'), ('emoji', '💥@💥.💥'),
    ('family', '👩‍👩‍👧‍👦@example.com'), ('right to left', U&'\202Eboss@example.com'),
    ('isolate', U&'boss\2066@example.com\2069'), ('zero width', U&'bo\200Bss@example.com'),
    ('joiner', U&'boss\200D@example.com'), ('soft hyphen', U&'bo\00ADss@example.com'),
    ('byte order mark', U&'\FEFFboss@example.com'), ('homoglyph', U&'b\043Ess@example.com'),
    ('fullwidth', U&'\FF42\FF4F\FF53\FF53@example.com'), ('long s', U&'bo\017Fs@example.com'),
    ('kelvin', U&'\212Aata-agent-team@example.com'),
    ('dotted i', U&'\0130@example.com'), ('dotless i', U&'\0131@example.com'),
    ('sharp s', 'boß@example.com'), ('capital sharp s', 'BOẞ@EXAMPLE.COM'),
    ('composed', U&'\00E9@example.com'), ('decomposed', U&'e\0301@example.com'),
    ('ligature', U&'o\FB03ce@example.com'),
    ('final sigma', 'ΒΟΣΣ@example.com'), ('noncharacter', U&'\FFFF'), ('private', U&'\E000'),
    ('last', U&'\+10FFFF'), ('object', '{}'), ('array', '[]'), ('json null', 'null'),
    ('json number', '1e400'), ('json text', '"x"'),
    ('deep', repeat('[', 3000) || repeat(']', 3000)),
    ('escaped nul', '{"email": "\u0000"}'), ('surrogate', '{"email": "\ud800"}'),
    ('twice', '{"email": "a@b.c", "email": "d@e.f"}'),
    ('proto', '{"__proto__": {"role": "ADMIN"}, "constructor": 1}'),
    ('nested', '{"email": {"email": ["a@b.c"]}, "password": {}, "role": [], "userMetadata": 1}'),
    ('number', '99999999999999999999'), ('minus', '-1'), ('path', '../../../../etc/passwd'),
    ('nan', 'NaN'), ('infinity', 'infinity'), ('operator class', 'pg_catalog.pg_class'),
    ('uuid', '00000000-0000-0000-0000-000000000000'), ('token', 'a.b.c'),
    ('many dots', repeat('.', 20000)),
    ('pem', '-----BEGIN PRIVATE KEY-----'),
    ('hash', '$argon2id$v=19$m=4294967295,t=4294967295,p=255$AAAA$AAAA'),
    ('bcrypt', '$2b$31$abcdefghijklmnopqrstuu'), ('megabyte', repeat('x', 1048576)),
    ('megabyte of emoji', repeat('💥', 262144)),
    ('megabyte in json', '{"email": "' || repeat('é', 524288) || '"}');
CREATE FUNCTION pg_temp.code_of(call text, value text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE call USING value;
    RAISE EXCEPTION USING ERRCODE = 'P0099'; -- whatever came of it is rolled back
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE;
END $$;
-- one argument is the hostile one, the others are what gets far, or NULL
CREATE TEMP TABLE calls AS
SELECT p.oid::regprocedure::text AS function, a.n AS argument, filler,
    format('SELECT * FROM auth.%I(%s)', p.proname, (
        SELECT string_agg(CASE WHEN b.n = a.n AND b.t = 'text[]'::regtype THEN CASE
            WHEN p.provariadic <> 0 THEN 'VARIADIC ' ELSE '' END || 'ARRAY[$1]'
            WHEN b.n = a.n THEN '$1::' || b.t::regtype
            WHEN b.t = 'text[]'::regtype AND p.provariadic <> 0 THEN 'VARIADIC ''{x}'''
                WHEN filler = 'nothing' THEN 'NULL::' || b.t::regtype
            ELSE CASE b.t::regtype::text WHEN 'text' THEN '''boss@example.com'''
                WHEN 'jsonb' THEN '''{}''::jsonb' WHEN 'uuid' THEN 'auth.uid()'
                WHEN 'integer' THEN '1' WHEN 'bigint' THEN '1::bigint' WHEN 'boolean' THEN 'true'
                WHEN 'interval' THEN 'interval ''1 day''' WHEN 'bytea' THEN '''x''::bytea'
                    WHEN 'timestamp with time zone' THEN 'now()'
                    WHEN 'regclass' THEN '''hostile''::regclass' WHEN 'name' THEN '''what''::name'
                    ELSE 'NULL::' || b.t::regtype END
            END, ', ' ORDER BY b.n) FROM unnest(p.proargtypes::oid[])
                WITH ORDINALITY AS b (t, n))) AS call
FROM pg_proc p, unnest(p.proargtypes::oid[]) WITH ORDINALITY AS a (t, n),
    (VALUES ('something'), ('nothing')) AS f (filler)
WHERE p.pronamespace = 'auth'::regnamespace AND p.prokind = 'f' AND a.t IN ('text'::regtype,
    'jsonb'::regtype, 'name'::regtype, 'text[]'::regtype);
SELECT count(*) > 150 AS many FROM calls;
SELECT count(*) AS users, (SELECT count(*) FROM auth.sessions) AS sessions, (SELECT count(*)
    FROM auth.audit_log) AS entries, (SELECT count(*) FROM auth.signing_keys) AS keys,
    (SELECT count(*) FROM auth.metrics) AS metrics FROM auth.users \gset was_
SET pg_principal.token = :'boss';
CREATE TEMP TABLE codes AS SELECT c.function, c.argument, c.filler, h.what,
    pg_temp.code_of(c.call, h.value) AS code FROM calls c, hostile h
WHERE (c.filler = 'something' OR h.what IN ('empty', 'quote', 'object'))
  -- what hashes a password or looks through the catalog takes its time
  AND (c.function !~ 'sign_in\(|open_device_page|change_password|(check|hold|new)_password|check_installation'
      OR h.what IN ('empty', 'quotes', 'injection', 'emoji', 'nested', 'hash', 'megabyte'));
RESET pg_principal.token;
-- what may come out: an answer, our own errors, or the server's refusal of a text that is no jsonb, no row, too long an index key
SELECT DISTINCT code, function, argument FROM codes
WHERE code NOT IN ('P0099', '22023', '22032', '22P02', '22P05', '28000', '28P01', '42501', '42704',
    '42710', '42P01', '42703', '42804', '42809', '55000', '54000', '54001', '21000', '23502',
    '23505', '23514', '0A000', '22004')
  -- what only the owner may call is called by functions that have looked at the text; an error's own id is ours
  AND has_function_privilege('auth_operator', function, 'EXECUTE') AND function !~ 'raise_error'
ORDER BY code, function, argument;
SELECT count(*) = :was_users AND (SELECT count(*) FROM auth.sessions) = :was_sessions
    AND (SELECT count(*) FROM auth.audit_log) = :was_entries AND (SELECT count(*)
    FROM auth.signing_keys) = :was_keys AND (SELECT count(*) FROM auth.metrics) =
    :was_metrics AS nothing_written FROM auth.users;
-- who looks like somebody is nobody, or somebody else
SELECT h.what, auth.normalise_email(h.value) = ANY (ARRAY['boss@example.com',
    'kata-agent-team@example.com']) AS taken_for_another
FROM hostile h WHERE pg_temp.code_of('SELECT auth.normalise_email($1)', h.value) = 'P0099'
    ORDER BY h.what COLLATE "C";
-- nor does a collation that the caller has chosen make two addresses or scopes the same
SET client_min_messages = warning;
CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level1', deterministic = false);
SELECT 'bóss@example.com' COLLATE loose = 'boss@example.com' AS loose;
SELECT auth.set_password('boss@example.com', 'Th1sIsAStrong!Pass');
CREATE TABLE collated (email text COLLATE loose DEFAULT 'bóss@example.com', reason text DEFAULT
    (auth.sign_in('bóss@example.com' COLLATE loose, 'Th1sIsAStrong!Pass')).reason);
INSERT INTO collated DEFAULT VALUES RETURNING reason;
SELECT (auth.sign_in(c.email, 'Th1sIsAStrong!Pass')).reason, s.reason, v.reason
FROM collated c, LATERAL auth.sign_in(c.email, 'Th1sIsAStrong!Pass') AS s,
    LATERAL (VALUES ((auth.sign_in(c.email, 'Th1sIsAStrong!Pass')).reason)) AS v (reason);
SELECT regress_try($$ SELECT auth.issue(email) FROM collated $$);
SELECT length(auth.issue('boss@example.com' COLLATE loose)) > 100 AS issued;
SELECT auth.issue('ann@example.com', scopes => '{reports:read}') AS narrow \gset
SET pg_principal.token = :'narrow';
DO $$
DECLARE
    wanted text COLLATE loose := 'REPORTS:READ';
    result auth.auth_result :=
        auth.issue_may_act('kata-agent-team@example.com', '1h', ARRAY[wanted]);
BEGIN
    RAISE WARNING '%', result.status;
END $$;
RESET pg_principal.token;
SELECT label, scopes FROM auth.sessions WHERE label LIKE 'lent to %';
DROP TABLE collated;
DROP COLLATION loose;
RESET client_min_messages;
\i :teardown
