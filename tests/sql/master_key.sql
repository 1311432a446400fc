-- The master key: what is stored is sealed, a wrong, missing or malformed key is a clear error, and
-- the right one put back is all it takes. Files lie in the data directory, where the server's
-- programs and backends run.
\getenv here PG_ABS_SRCDIR
\set setup :here /sql/include/setup.sql
\set teardown :here /sql/include/teardown.sql
\i :setup
SET client_min_messages = warning;
CREATE FUNCTION public.regress_alive(token text) RETURNS text LANGUAGE sql AS $$
    SELECT regexp_replace(regress_try(format('SELECT auth.authenticate(%L)->>''email''', token)),
    '(key |id )[-\w]{16,}', '\1ID', 'g') $$;
-- writes the file anew and makes this backend forget what it has read
CREATE FUNCTION public.regress_file(content text, mode text DEFAULT '600') RETURNS void
    LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('COPY (SELECT regexp_split_to_table(%L, ''\n'')) TO PROGRAM %L', content,
        'rm -rf regress_master_key; umask 077; cat > regress_master_key; chmod ' || mode
        || ' regress_master_key');
    PERFORM set_config('pg_principal.master_key_file', 'regress_master_key', false);
END $$;
CREATE FUNCTION public.regress_alive_with(content text, mode text, token text) RETURNS text
    LANGUAGE plpgsql AS $$
BEGIN
    PERFORM regress_file(content, mode);
    RETURN regress_alive(token);
END $$;
CREATE VIEW public.regress_keys AS SELECT alg, state, sealed_under IS NOT NULL AS sealed,
    position('\x7b22'::bytea IN material) = 1 AS clear, length(sealed_under) AS id
    FROM auth.signing_keys ORDER BY alg, state, created_at;
\set one '1111111111111111111111111111111111111111111111111111111111111111'
\set two 'IiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiI='
RESET client_min_messages;

-- Without one: in the clear, and sealing changes nothing.
SELECT * FROM regress_keys;
SELECT auth.seal_signing_keys();

-- With one: what is made and imported from now on is sealed; what was there before still serves.
SELECT regress_file(:'one');
SELECT auth.create_signing_key('ES256') AS ec \gset
SELECT auth.issue('boss@example.com') AS by_ec \gset
SELECT auth.import_signing_key('super-secret-jwt-token-with-at-least-32-characters-long') AS imported \gset
SELECT auth.issue('boss@example.com') AS by_secret \gset
SELECT * FROM regress_keys;
SELECT regress_alive(:'boss') AS clear, regress_alive(:'by_ec') AS ec,
    regress_alive(:'by_secret') AS secret;
SELECT kid = :'ec' AS ec, sealed FROM auth.list_signing_keys() ORDER BY 1, 2;
SELECT count(*) AS leaks FROM auth.signing_keys k WHERE k.sealed_under IS NOT NULL
    AND (position('super-secret'::bytea IN k.material) > 0
    OR position('"d"'::bytea IN k.material) > 0 OR position(decode(:'one', 'hex') IN k.material) > 0
    OR k::text LIKE '%' || :'one' || '%');
-- the clear one too, from now on
SELECT auth.seal_signing_keys();
SELECT auth.seal_signing_keys();
SELECT * FROM regress_keys;
SELECT regress_alive(:'boss') AS first, regress_alive(:'by_ec') AS ec,
    regress_alive(:'by_secret') AS secret;
-- the same key sealed twice is not the same text
SELECT (auth.reseal_key_material(material, sealed_under, kid)).material <> material AS differs
    FROM auth.signing_keys WHERE kid = :'ec';

-- A wrong one, none at all, a file that is not there: an error that says so, for whoever presents a
-- token, mints or seals; what needs no private half still works.
CREATE FUNCTION public.regress_all(boss text) RETURNS TABLE (alive text, minted text, sealed text,
    published int) LANGUAGE sql AS $$
    SELECT regress_alive(boss),
        regexp_replace(regress_try('SELECT length(auth.issue(''boss@example.com'')) > 100'),
        '(key |id )[-\w]{16,}', '\1ID', 'g'),
        regexp_replace(regress_try('SELECT auth.seal_signing_keys()'), '(key |id )[-\w]{16,}',
        '\1ID', 'g'), jsonb_array_length(auth.jwks()->'keys') $$;
\x on
SELECT regress_file(:'two');
SELECT * FROM regress_all(:'boss');
SET pg_principal.master_key_file = '';
SELECT * FROM regress_all(:'boss');
SET pg_principal.master_key_file = 'regress_no_such_file';
SELECT * FROM regress_all(:'boss');
SET pg_principal.master_key_file = '/regress_no_such_folder/file';
SELECT * FROM regress_all(:'boss');
SELECT regress_try('SELECT auth.create_signing_key()');
-- nobody learns who somebody is instead
SET pg_principal.token = :'boss';
SELECT left(regress_try('SELECT auth.uid()'), 5), left(regress_try('SELECT auth.email()'), 5),
    left(regress_try('SELECT auth.has_role(''ANALYST'')'), 5),
    left(regress_try('SELECT auth.owner_is(''boss@example.com''::text, ''person'')'), 5);
RESET pg_principal.token;
\x off
-- back again
SELECT regress_file(:'one');
SELECT * FROM regress_all(:'boss');

-- Files that are no master key.
SELECT what, regress_alive_with(content, mode, :'boss') AS alive
    FROM (VALUES (1, 'open to its group', :'one', '640'), (2, 'open to all', :'one', '604'),
    (3, 'writable by its group', :'one', '620'), (4, 'empty', '', '600'),
    (5, 'nothing but a comment', '# ' || :'one', '600'), (6, 'too short', left(:'one', 62), '600'),
    (7, 'too long', :'one' || '11', '600'), (8, 'not hexadecimal', 'x' || substr(:'one', 2), '600'),
    (9, 'two on a line', :'one' || ' ' || :'two', '600'),
    (10, 'the same twice', :'one' || E'\n' || :'one', '600'),
    (11, 'a second that is none', :'one' || E'\nnothing', '600'),
    (12, 'larger than 64 kB', :'one' || repeat(E'\n# comment', 7000), '600'),
    (13, 'a PEM', E'-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----', '600'),
    (14, 'blank, commented, indented: good', E'\n# comment\n  ' || :'one' || E'  \n', '600'),
    (15, 'stricter: good', :'one', '400'), (16, 'upper case: good', upper(:'one'), '600'),
    (17, 'in base64: good', encode(decode(:'one', 'hex'), 'base64'), '600')) AS f (n, what, content,
        mode) ORDER BY n;
COPY (SELECT '')
    TO PROGRAM 'rm -f regress_master_key; mkdir -p -m 700 regress_master_key; cat > /dev/null';
SET pg_principal.master_key_file = 'regress_master_key';
SELECT regress_alive(:'boss') AS directory;
SET pg_principal.master_key_file = '/dev/null';
SELECT regress_alive(:'boss') AS device;
-- no error tells of the key
SELECT count(*) AS leaks
    FROM unnest(ARRAY[left(:'one', 62), :'one' || ' x', :'one' || E'\n' || :'one',
    'x' || :'one']) AS content WHERE regress_alive_with(content, '600', :'boss') ~ '1111';
SELECT regress_file(:'one');
SELECT regress_alive(:'boss') AS back;

-- The master key changes: the new one in front, the old one behind it until all is sealed anew.
SELECT regress_file(:'two' || E'\n' || :'one');
SELECT regress_alive(:'boss') AS before, regress_alive(:'by_ec') AS ec;
SELECT sealed_under AS was FROM auth.signing_keys WHERE kid = :'ec' \gset
SELECT auth.seal_signing_keys();
SELECT auth.seal_signing_keys();
SELECT count(DISTINCT sealed_under) AS ids, bool_and(sealed_under <> :'was') AS changed
    FROM auth.signing_keys;
SELECT regress_file(:'two');
SELECT regress_alive(:'boss') AS first, regress_alive(:'by_ec') AS ec,
    regress_alive(:'by_secret') AS secret;
SELECT regress_file(:'one');
SELECT regress_alive(:'boss');
SELECT regress_file(:'two');
-- revoked keys are sealed anew too
SELECT auth.revoke_signing_key(:'ec');
SELECT regress_file(:'one' || E'\n' || :'two');
SELECT auth.seal_signing_keys();
SELECT regress_file(:'one');
SELECT * FROM regress_keys;

-- What is sealed for one row does not open in another, nor altered, nor taken for what it is not.
SELECT kid AS clear_kid FROM auth.list_signing_keys() WHERE kid NOT IN (:'ec', :'imported') \gset
CREATE FUNCTION public.regress_with(change text, kid text, token text) RETURNS text LANGUAGE plpgsql
    AS $$
DECLARE
    outcome text;
BEGIN
    EXECUTE 'UPDATE auth.signing_keys k SET ' || change || ' WHERE k.kid = $1' USING kid;
    outcome := regress_alive(token);
    RAISE EXCEPTION USING ERRCODE = 'P9999', MESSAGE = outcome;
EXCEPTION WHEN SQLSTATE 'P9999' THEN
    RETURN SQLERRM;
END $$;
SELECT what, regress_with(change, :'imported', :'by_secret') FROM (VALUES
    (1, 'untouched', 'alg = alg'),
    (2, 'that of another row',
        'material = (SELECT o.material FROM auth.signing_keys o WHERE o.kid = '
        || quote_literal(:'clear_kid') || ')'),
    (3, 'a bit of the text', 'material = set_bit(material, 8 * 30, 1 - get_bit(material, 8 * 30))'),
    (4, 'a bit of the tag',
        'material = set_bit(material, 8 * length(material) - 8, 1 - get_bit(material, 8 * length(material) - 8))'),
    (5, 'a bit of the nonce', 'material = set_bit(material, 80, 1 - get_bit(material, 80))'),
    (6, 'a bit of the master key''s id',
        'material = set_bit(material, 16, 1 - get_bit(material, 16))'),
    (7, 'the version', 'material = set_byte(material, 0, 2)'),
    (8, 'cut', 'material = substr(material, 1, length(material) - 1)'),
    (9, 'longer', 'material = material || ''\x00'''), (10, 'empty', 'material = '''''),
    (11, 'called clear', 'sealed_under = NULL'),
    (12, 'clear, called sealed',
        'material = ''{"kty":"oct","k":"c3VwZXItc2VjcmV0LWp3dC10b2tlbi13aXRoLWF0LWxlYXN0LTMyLWNoYXJzLTQ"}'''),
    (13, 'clear nonsense', 'sealed_under = NULL, material = ''nonsense'''),
    (14, 'clear and public',
        'sealed_under = NULL, material = ''{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}'''),
    (15, 'another clear key',
        'sealed_under = NULL, material = ''{"kty":"oct","k":"c3VwZXItc2VjcmV0LWp3dC10b2tlbi13aXRoLWF0LWxlYXN0LTMyLWNoYXJzLTQ"}''')) AS c (n,
        what, change) ORDER BY n;
-- one key that does not open leaves the others alone
SELECT auth.create_signing_key('HS256', false) AS broken \gset
UPDATE auth.signing_keys SET material = '\x01' WHERE kid = :'broken';
SELECT regress_alive(:'boss') AS others, length(auth.issue('boss@example.com')) > 100 AS minted;
SELECT left(regress_try('SELECT auth.seal_signing_keys()'), 5) AS sealing;
SELECT regress_alive(:'by_secret');

-- A server key is sealed as one. Until 0.2.0 it was sealed as a signing key of a certain name: that opens, too,
-- until it is sealed anew.
DELETE FROM auth.signing_keys WHERE kid = :'broken';
CREATE FUNCTION public.regress_server_key() RETURNS text LANGUAGE sql AS $$
    SELECT regress_try('SELECT length((auth.first_refresh_token(gen_random_uuid())).token) > 40')
        || ', as a signing key: '
            || regress_try('SELECT length((auth.reseal_key_material(k.material, k.sealed_under, ''server key refresh_token'')).material) FROM auth.server_keys k') $$;
INSERT INTO auth.server_keys (name, material, sealed_under) SELECT 'refresh_token', k.material,
    k.sealed_under FROM auth.make_server_key() AS k;
SELECT sealed_under IS NOT NULL AS sealed FROM auth.server_keys;
SELECT regress_server_key() AS ours;
UPDATE auth.server_keys k SET material = r.material
    FROM auth.reseal_key_material(decode(repeat('5a', 32), 'hex'), NULL,
    'server key refresh_token') AS r;
SELECT regress_server_key() AS from_0_2_0;
SELECT regress_file(:'two' || E'\n' || :'one');
SELECT auth.seal_signing_keys();
SELECT regress_server_key() AS sealed_anew;
DELETE FROM auth.server_keys;
DROP FUNCTION public.regress_server_key();

COPY (SELECT '') TO PROGRAM 'rm -rf regress_master_key; cat > /dev/null';
RESET pg_principal.master_key_file;
DROP VIEW public.regress_keys;
DROP FUNCTION public.regress_alive(text), public.regress_alive_with(text, text, text),
    public.regress_file(text, text), public.regress_all(text), public.regress_with(text, text,
    text);
\i :teardown
