-- Nobody forges: a role with everything that authenticated has, its own schema, TEMP and CREATE on
-- the database, free to run any SQL, holds a good token of its own, knows the ids of everybody
-- and all names, and tries to become somebody else or to see more than its own rows.
\pset format unaligned
\getenv here PG_ABS_SRCDIR
\set setup :here /sql/include/setup.sql
\set teardown :here /sql/include/teardown.sql
\i :setup
\set db :DBNAME
SELECT current_user AS admin \gset
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgcrypto SCHEMA public;
SELECT auth.push_people('[{"email": "mallory@example.com", "name": "Mallory"}, {"email": "eve@example.com", "name": "Eve", "manager_email": "mallory@example.com"}]') AS pushed \gset
SELECT created FROM auth.provision() \gset
SELECT token AS mallory, session_id AS mallory_session
    FROM auth.issue_token('mallory@example.com') \gset
SELECT id AS boss_id FROM auth.users WHERE email = 'boss@example.com' \gset
SELECT id AS mallory_id FROM auth.users WHERE email = 'mallory@example.com' \gset
SELECT id AS boss_session FROM auth.list_sessions('boss@example.com') \gset
CREATE ROLE regress_mallory LOGIN IN ROLE authenticated;
CREATE ROLE regress_owner;
CREATE SCHEMA regress_evil AUTHORIZATION regress_mallory;
GRANT CREATE, TEMP ON DATABASE :"db" TO regress_mallory;
CREATE TABLE public.regress_ledger (id int PRIMARY KEY, owner text, owner_id uuid, secret text);
INSERT INTO public.regress_ledger SELECT n, u.email, u.id, 'secret of ' || split_part(u.email, '@',
    1)
FROM (VALUES (1, 'boss@example.com'), (2, 'ann@example.com'), (3, 'kata-agent-team@example.com'),
    (4, 'mallory@example.com'), (5, 'eve@example.com')) AS v (n, email)
JOIN auth.users u USING (email) ORDER BY n;
ALTER TABLE public.regress_ledger OWNER TO regress_owner;
CREATE TABLE public.regress_parent (id int, owner text) PARTITION BY LIST (id);
CREATE TABLE public.regress_child PARTITION OF public.regress_parent DEFAULT;
INSERT INTO public.regress_parent SELECT id, owner FROM public.regress_ledger ORDER BY id;
ALTER TABLE public.regress_parent OWNER TO regress_owner;
ALTER TABLE public.regress_child OWNER TO regress_owner;
CREATE INDEX ON public.regress_ledger (owner);
CREATE INDEX ON public.regress_parent (owner);
ANALYZE public.regress_ledger, public.regress_parent;
SELECT auth.clamp('public.regress_ledger', 'owner', 'self_and_reports');
SELECT auth.clamp('public.regress_parent', 'owner');
GRANT SELECT, INSERT, UPDATE, DELETE ON public.regress_ledger TO authenticated;
GRANT SELECT ON public.regress_parent TO authenticated;
-- who the caller is and what the caller sees; bound early, so that only the extension can be fooled
CREATE FUNCTION public.regress_who() RETURNS text BEGIN ATOMIC
    SELECT coalesce(auth.email(), 'nobody') || ' sees '
        || coalesce((SELECT string_agg(l.id::text, ',' ORDER BY l.id) FROM public.regress_ledger l),
        'nothing');
END;
-- the result or `done`, else the SQLSTATE alone: the server's own texts change from version to version
CREATE FUNCTION public.regress_code(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text;
    affected bigint;
BEGIN
    IF statement ILIKE 'select%' THEN
        EXECUTE statement INTO result;
    ELSE
        EXECUTE statement;
        GET DIAGNOSTICS affected = ROW_COUNT;
        IF statement ~* '^(insert|update|delete)' THEN
            result := affected || ' rows';
        END IF;
    END IF;
    RETURN coalesce(result, 'done');
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE;
END $$;
CREATE FUNCTION public.regress_part(token text, n int) RETURNS text BEGIN ATOMIC
    SELECT convert_from(decode(rpad(translate(split_part(token, '.', n), '-_', '+/'),
        4 * ((length(split_part(token, '.', n)) + 3) / 4), '='), 'base64'), 'UTF8');
END;
CREATE FUNCTION public.regress_url(bytes bytea) RETURNS text BEGIN ATOMIC
    SELECT rtrim(translate(encode(bytes, 'base64'), E'+/\n', '-_'), '=');
END;
SELECT jsonb_build_object('sub', :'boss_id', 'email', 'boss@example.com', 'role', 'authenticated',
    'session_id', :'boss_session', 'exp', 4102444800) AS claims \gset
SELECT jsonb_agg(p.oid::regprocedure::text
    ORDER BY p.oid::regprocedure::text COLLATE "C") AS functions FROM pg_proc p
    WHERE p.pronamespace = 'auth'::regnamespace \gset
RESET client_min_messages;

\connect :"db" regress_mallory
SET pg_principal.token = :'mallory';
SELECT public.regress_who();

-- Claims settings, as PostgREST and Supabase set them.
SELECT set_config('request.jwt.claims', :'claims', false) <> '' AS set;
SELECT public.regress_who();
SELECT set_config('request.jwt.claim.sub', :'boss_id', false) <> '' AS
    set, set_config('request.jwt.claim.email', 'boss@example.com', false),
       set_config('request.jwt.claim.role', 'service_role', false),
           set_config('request.jwt', :'boss_id', false) <> '' AS set;
SELECT public.regress_who(), auth.role();
RESET pg_principal.token;
SELECT public.regress_who(), auth.role();
SELECT set_config('request.headers', json_build_object('authorization', 'Bearer ' || :'mallory',
    'Authorization', 'Bearer x', 'x-user', :'boss_id')::text, false) <> '' AS set;
BEGIN;
SELECT auth.pre_request();
SELECT public.regress_who();
COMMIT;
SELECT set_config('request.cookies', :'claims', false) <> '' AS
    set, set_config('app.user_id', :'boss_id', false) <> '' AS
    set, set_config('auth.uid', :'boss_id', false) <> '' AS set;
SELECT public.regress_who();
SET pg_principal.token = :'mallory';

-- The role settings.
SELECT public.regress_code(format('SET ROLE %I', r))
    FROM unnest(ARRAY[:'admin', 'regress_owner', 'service_role', 'auth_operator', 'authenticator',
    'pg_read_all_data', 'pg_database_owner']) AS r;
SELECT public.regress_code(format('SET SESSION AUTHORIZATION %I', r))
    FROM unnest(ARRAY[:'admin', 'regress_owner', 'service_role']) AS r;
SELECT public.regress_code('SELECT set_config(''role'', ''service_role'', true)'),
    public.regress_code('SELECT set_config(''is_superuser'', ''on'', true)'),
       public.regress_code('SELECT set_config(''session_authorization'', ''service_role'', true)'),
           public.regress_code('SET session_replication_role = replica');
SET ROLE authenticated;
SELECT public.regress_who();
RESET ROLE;

-- The settings that only a superuser may change, in every way to change a setting. Of a wrong name and
-- a missing right GRANT sees one or the other first, by version.
SELECT n, v, public.regress_code(format('SET %s = %L', n, v)) AS
    set, public.regress_code(format('SET LOCAL %s = %L', n, v)) AS set_local,
    public.regress_code(format('SELECT set_config(%L, %L, true)', n, v)) AS set_config,
       public.regress_code(format('ALTER ROLE regress_mallory SET %s = %L', n, v)) AS role,
           public.regress_code(format('ALTER ROLE ALL SET %s = %L', n, v)) AS everyone,
           public.regress_code(format('ALTER DATABASE %I SET %s = %L', :'db', n, v)) AS database,
       public.regress_code(format('ALTER ROLE regress_mallory IN DATABASE %I SET %s = %L', :'db', n,
           v)) AS both,
       public.regress_code(format('CREATE FUNCTION regress_evil.f() RETURNS text LANGUAGE sql SET %s = %L AS ''SELECT auth.email()''',
           n, v)) AS function,
           replace(public.regress_code(format('GRANT SET ON PARAMETER %s TO regress_mallory', n)),
           '42602', '42501') AS granted,
       public.regress_code(format('UPDATE pg_settings SET setting = %L WHERE name = %L', v,
           n)) AS pg_settings
FROM (VALUES ('pg_principal.trust_request_claims', 'on'), ('pg_principal.issuer', 'mallory'),
    ('pg_principal.audience', 'mallory'), ('pg_principal.clock_skew', '300'),
             ('pg_principal.max_token_ttl', '1000000h'),
             ('pg_principal.master_key_file', '/dev/null'), ('pg_principal.no_such_setting', 'x'),
             ('pg_principal.registration', 'open'), ('pg_principal.access_token_ttl', '1d'),
             ('pg_principal.refresh_token_ttl', '1000d'),
             ('pg_principal.refresh_reuse_interval', '1h'),
             ('pg_principal.password_min_length', '1'), ('pg_principal.password_classes', ''),
             ('pg_principal.max_failed_sign_ins', '0'),
             ('pg_principal.lockout_duration', '1s'), ('pg_principal.max_failure_entries', '1'),
             ('pg_principal.max_own_changes', '1000000'),
             ('pg_principal.agent_password_max_age', '0')) AS s (n, v);
\set VERBOSITY sqlstate
ALTER SYSTEM SET pg_principal.trust_request_claims = on;
ALTER SYSTEM SET pg_principal.master_key_file = '/dev/null';
\set VERBOSITY default
SELECT public.regress_code('SELECT current_setting(''pg_principal.master_key_file'')') AS shown,
    count(*) AS listed FROM pg_settings WHERE name = 'pg_principal.master_key_file';
SELECT public.regress_code('SET pg_principal.trust_request_claims TO DEFAULT'),
    public.regress_code('RESET pg_principal.clock_skew'),
    public.regress_code('SELECT pg_reload_conf()');
RESET ALL;
SET pg_principal.token = :'mallory';
SELECT public.regress_who();

-- Every function of the extension, called with nothing: 42501 is a closed door, and the open ones
-- are listed in full.
SELECT f.signature, CASE WHEN code = '42501' THEN code ELSE 'open' END AS door
FROM (SELECT value #>> '{}' AS signature FROM jsonb_array_elements(:'functions')) AS f,
     LATERAL (SELECT p.oid, p.proname, p.proargtypes::oid[] AS types, p.prokind, p.prorettype,
         p.provariadic FROM pg_proc p WHERE p.oid = f.signature::regprocedure) AS p,
     LATERAL public.regress_code(format('SELECT (auth.%I(%s))::text', p.proname,
         (SELECT string_agg(format('%s(SELECT NULL::%s)', CASE WHEN t::regtype::text = 'text[]'
         AND p.provariadic <> 0 AND n = cardinality(p.types) THEN 'VARIADIC ' END, t::regtype), ', '
         ORDER BY n)
         FROM unnest(p.types) WITH ORDINALITY AS a (t, n)))) AS code
ORDER BY f.signature COLLATE "C";
-- none of those that are closed by way of a function, a trigger, an operator, an aggregate or a cast of one's own
CREATE TABLE regress_evil.bait (id uuid, email text, kind text, banned_until timestamptz);
SELECT t, public.regress_code(format('CREATE TRIGGER t BEFORE INSERT ON regress_evil.bait FOR EACH ROW EXECUTE FUNCTION auth.%s()',
    t)) FROM unnest(ARRAY['mark_ban', 'follow_kind', 'signal_revocation', 'audit_principal',
    'keep_audit', 'delete_sessions', 'delete_refresh_tokens']) AS t;
SELECT public.regress_code('CREATE OPERATOR regress_evil.@@@ (FUNCTION = auth.sign_token, RIGHTARG = jsonb)'),
       public.regress_code('CREATE CAST (jsonb AS text) WITH FUNCTION auth.sign_token(jsonb)'),
       public.regress_code('CREATE AGGREGATE regress_evil.a (jsonb) (SFUNC = auth.sign_token, STYPE = text)'),
       public.regress_code('CREATE EVENT TRIGGER regress_t ON ddl_command_start EXECUTE FUNCTION auth.signal_revocation()');
CREATE FUNCTION regress_evil.sign(claims jsonb) RETURNS text
    LANGUAGE sql AS 'SELECT auth.sign_token(claims)';
CREATE FUNCTION regress_evil.sign_as_me(claims jsonb) RETURNS text
    LANGUAGE sql SECURITY DEFINER AS 'SELECT auth.sign_token(claims)';
SELECT public.regress_code(format('SELECT regress_evil.sign(%L)', :'claims')),
    public.regress_code(format('SELECT regress_evil.sign_as_me(%L)', :'claims'));

-- The library's entry points under a name of one's own.
SELECT l, public.regress_code(format('CREATE FUNCTION regress_evil.sign2(jsonb) RETURNS text LANGUAGE %s AS ''$libdir/pg_principal'', ''pg_principal_sign_token''',
    l)) FROM unnest(ARRAY['c', 'internal']) AS l;
SELECT public.regress_code('LOAD ''pg_principal'''),
    public.regress_code('LOAD ''$libdir/pg_principal'''),
    public.regress_code('CREATE LANGUAGE regress_l HANDLER auth.signal_revocation');

-- The tables, directly and through something of one's own. A GRANT of what one does not have is no
-- error where one has something else: what came of it is counted.
SET client_min_messages = error;
SELECT t, public.regress_code('SELECT count(*) FROM auth.' || t) AS read,
    public.regress_code('INSERT INTO auth.' || t || ' DEFAULT VALUES') AS "insert",
    public.regress_code('DELETE FROM auth.' || t) AS "delete",
       public.regress_code('TRUNCATE auth.' || t) AS truncated,
           public.regress_code('LOCK auth.' || t || ' IN ACCESS EXCLUSIVE MODE') AS lock,
           public.regress_code('ALTER TABLE auth.' || t
           || ' DISABLE ROW LEVEL SECURITY') AS "rls off",
       public.regress_code('ALTER TABLE auth.' || t || ' DISABLE TRIGGER ALL') AS triggers,
           public.regress_code('GRANT SELECT ON auth.' || t || ' TO regress_mallory') AS granted,
       public.regress_code('ALTER TABLE auth.' || t || ' OWNER TO regress_mallory') AS owner,
           public.regress_code('CREATE PUBLICATION regress_p FOR TABLE auth.' || t) AS publication,
       public.regress_code('COPY auth.' || t || ' FROM ''/dev/null''') AS copied,
           public.regress_code('CREATE POLICY p ON auth.' || t || ' USING (true)') AS policy,
       public.regress_code('CREATE TABLE regress_evil.c () INHERITS (auth.' || t || ')') AS child,
           public.regress_code('CREATE TABLE regress_evil.l (LIKE auth.' || t
           || ' INCLUDING ALL)') AS "like"
FROM unnest(ARRAY['organization_people', 'revocation_marker', 'sessions', 'signing_keys', 'users',
    'refresh_tokens', 'server_keys', 'sign_in_attempts', 'audit_log', 'audit_heads', 'audit_seals',
    'audit_sealed_heads', 'audit_prunes', 'incidents', 'metrics']) AS t;
SELECT public.regress_code('CREATE TABLE regress_evil.fk (id uuid REFERENCES auth.users)'),
    public.regress_code('CREATE INDEX ON auth.users (email)'),
    public.regress_code('CREATE STATISTICS regress_evil.s ON id, email FROM auth.users');
SELECT count(*) FROM pg_class WHERE relacl::text ~ 'regress_mallory'
    AND relnamespace = 'auth'::regnamespace;
CREATE VIEW regress_evil.people AS SELECT id, email FROM auth.users;
SELECT public.regress_code('SELECT count(*) FROM regress_evil.people');
CREATE RULE reach AS ON INSERT TO regress_evil.bait DO ALSO UPDATE auth.users
    SET banned_until = NULL;
SELECT public.regress_code('INSERT INTO regress_evil.bait DEFAULT VALUES');
DROP RULE reach ON regress_evil.bait;
SELECT public.regress_code('SELECT count(*) FROM pg_stats WHERE schemaname = ''auth''') AS statistics;
SELECT email FROM auth.organization_people ORDER BY email;
RESET pg_principal.token;
SELECT count(*) FROM auth.organization_people;
SET pg_principal.token = :'mallory';

-- Objects in schema auth.
SELECT c AS attempt, public.regress_code(c)
    FROM unnest(ARRAY['CREATE FUNCTION auth.uid(x int DEFAULT 1) RETURNS uuid LANGUAGE sql AS ''SELECT NULL::uuid''',
    'CREATE OR REPLACE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql AS ''SELECT NULL::uuid''',
    'CREATE TABLE auth.x ()',
        'CREATE OPERATOR auth.= (FUNCTION = textne, LEFTARG = text, RIGHTARG = text)',
        'CREATE TYPE auth.t AS (x int)', 'CREATE DOMAIN auth.d AS uuid',
        'ALTER FUNCTION auth.uid() COST 1',
        'ALTER FUNCTION auth.email() SET pg_principal.token = ''x''',
    'ALTER FUNCTION auth.issue(text, text, text, text[]) SECURITY INVOKER',
        'ALTER SCHEMA auth RENAME TO auth2', 'ALTER SCHEMA auth OWNER TO regress_mallory',
        'DROP SCHEMA auth CASCADE', 'DROP EXTENSION pg_principal CASCADE',
    'ALTER EXTENSION pg_principal DROP FUNCTION auth.uid()', 'ALTER EXTENSION pg_principal UPDATE',
        'CREATE EXTENSION pg_principal',
        'COMMENT ON POLICY pg_principal_clamp ON public.regress_ledger IS ''before: row security off, not forced''',
    'GRANT auth_operator TO regress_mallory', 'GRANT CREATE ON SCHEMA auth TO regress_mallory',
        'ALTER DEFAULT PRIVILEGES IN SCHEMA auth GRANT SELECT ON TABLES TO regress_mallory',
        'CREATE SCHEMA pg_auth']) WITH ORDINALITY AS t (c, n) ORDER BY n;
SELECT has_schema_privilege('auth', 'CREATE') AS creates;

-- Clamped tables of others: not unclamped, not clamped anew, not widened.
SELECT c AS attempt, public.regress_code(c)
    FROM unnest(ARRAY['SELECT auth.unclamp(''public.regress_ledger'')',
    'SELECT auth.clamp(''public.regress_ledger'', ''owner'', ''everyone'')',
    'SELECT auth.unclamp(''auth.organization_people'')',
    'SELECT auth.clamp(''auth.users'', ''email'', ''everyone'')',
        'CREATE POLICY p ON public.regress_ledger USING (true)',
        'DROP POLICY pg_principal_clamp ON public.regress_ledger',
        'ALTER TABLE public.regress_ledger NO FORCE ROW LEVEL SECURITY'])
        WITH ORDINALITY AS t (c, n) ORDER BY n;
RESET client_min_messages;
SET row_security = off;
SELECT public.regress_code('SELECT count(*) FROM public.regress_ledger'),
    public.regress_code('SELECT count(*) FROM auth.organization_people');
RESET row_security;
SELECT public.regress_who();

-- Everything that resolves by name, in one's own schema and in pg_temp, in front of pg_catalog.
CREATE FUNCTION regress_evil.uid() RETURNS uuid LANGUAGE sql AS $$ SELECT id
    FROM regress_evil.bait $$;
INSERT INTO regress_evil.bait VALUES (:'boss_id', 'boss@example.com', 'person');
CREATE FUNCTION regress_evil.email() RETURNS text LANGUAGE sql AS $$ SELECT 'boss@example.com' $$;
CREATE FUNCTION regress_evil.yes(uuid, uuid) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE FUNCTION regress_evil.yes(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE FUNCTION regress_evil.yes(anyelement, anyarray) RETURNS boolean
    LANGUAGE sql AS 'SELECT true';
CREATE OPERATOR regress_evil.= (FUNCTION = regress_evil.yes, LEFTARG = uuid, RIGHTARG = uuid);
CREATE OPERATOR regress_evil.= (FUNCTION = regress_evil.yes, LEFTARG = text, RIGHTARG = text);
CREATE FUNCTION regress_evil.lower(text) RETURNS text LANGUAGE sql AS $$
    SELECT 'boss@example.com' $$;
CREATE FUNCTION regress_evil.btrim(text) RETURNS text LANGUAGE sql AS $$
    SELECT 'boss@example.com' $$;
CREATE FUNCTION regress_evil.current_setting(text) RETURNS text LANGUAGE sql AS $$
    SELECT 'boss@example.com' $$;
CREATE FUNCTION regress_evil.array_agg(text) RETURNS text[] LANGUAGE sql AS $$
    SELECT ARRAY['boss@example.com'] $$;
CREATE FUNCTION regress_evil.format(text, VARIADIC text[]) RETURNS text LANGUAGE sql AS $$
    SELECT 'auth.users' $$;
CREATE FUNCTION regress_evil.now() RETURNS timestamptz LANGUAGE sql AS $$
    SELECT '-infinity'::timestamptz $$;
CREATE DOMAIN regress_evil.uuid AS text;
CREATE DOMAIN regress_evil.text AS pg_catalog.int4;
CREATE TYPE regress_evil.jsonb AS (x int);
-- in a backend that has read nothing yet, so that all is looked up from here
\connect :"db" regress_mallory
CREATE TEMP TABLE users AS SELECT :'boss_id'::uuid AS id, 'mallory@example.com' AS email,
    'person' AS kind, 'ADMIN' AS app_role, NULL::timestamptz AS banned_until,
    0 AS session_generation, true AS on_roster;
CREATE TEMP TABLE sessions AS SELECT :'mallory_session'::uuid AS id, :'boss_id'::uuid AS user_id,
    'service_role' AS role, 0 AS generation, NULL::text AS label, NULL::text[] AS scopes,
    now() AS created_at, 'infinity'::timestamptz AS expires_at, NULL::timestamptz AS revoked_at;
CREATE TEMP TABLE signing_keys AS SELECT 'evil' AS kid, 'HS256' AS alg, 'in_use' AS state,
    NULL::pg_catalog.jsonb AS public_jwk,
    '{"kty": "oct", "kid": "evil", "alg": "HS256", "k": "ZXZpbGV2aWxldmlsZXZpbGV2aWxldmlsZXZpbGV2aWw"}'::bytea AS material,
    NULL::text AS sealed_under, now() AS created_at;
CREATE TEMP TABLE organization_people AS SELECT 'boss@example.com' AS email,
    'mallory@example.com' AS manager_email;
CREATE TEMP TABLE revocation_marker ();
CREATE FUNCTION pg_temp.email() RETURNS pg_catalog.text LANGUAGE sql AS $$
    SELECT 'boss@example.com' $$;
CREATE FUNCTION pg_temp.raise_error(pg_catalog.text, VARIADIC pg_catalog.text[]) RETURNS void
    LANGUAGE sql AS '';
SET search_path = pg_temp, regress_evil, pg_catalog, auth;
SET pg_principal.token = :'mallory';
SELECT public.regress_who(), auth.app_role(), auth.role();
-- a token signed by the key that lies in the temporary table, of a session and a principal that do
SELECT auth.authenticate(i.input || '.' || public.regress_url(public.hmac(i.input,
    'evilevilevilevilevilevilevilevil', 'sha256'))) AS forged
FROM (SELECT public.regress_url(pg_catalog.convert_to('{"alg": "HS256", "kid": "evil"}', 'UTF8'))
    || '.' || public.regress_url(pg_catalog.convert_to((public.regress_part(:'mallory',
    2)::pg_catalog.jsonb || pg_catalog.jsonb_build_object('sub', :'boss_id',
    'role', 'service_role'))::pg_catalog.text, 'UTF8'))) AS i (input);
SELECT p AS search_path, set_config('search_path', p, false) = p AS set, public.regress_who(),
    auth.uid() OPERATOR(pg_catalog.=) :'mallory_id' AS self, auth.app_role(), auth.role(),
    auth.self_and_report_emails(),
       pg_catalog.cardinality(auth.self_and_report_ids()) AS ids,
           auth.normalise_email('Eve@Example.com '),
           auth.owner_is('boss@example.com'::pg_catalog.text, 'service_account') AS owner,
           auth.parse_ttl('1h')
FROM pg_catalog.unnest(ARRAY['regress_evil, pg_catalog, auth',
    'pg_temp, regress_evil, pg_catalog, auth', 'auth, regress_evil, pg_temp',
    'pg_catalog, regress_evil', '', 'regress_nowhere']) AS p;
DISCARD PLANS;
SET search_path = pg_temp, regress_evil, pg_catalog;
SELECT public.regress_who();
SELECT id FROM public.regress_ledger ORDER BY id;
SELECT id FROM public.regress_parent ORDER BY id;
SELECT email FROM auth.organization_people ORDER BY 1;
SELECT public.regress_who() FROM auth.authenticate(:'mallory', false);
CREATE TABLE regress_evil.mine (owner pg_catalog.text, owner_id pg_catalog.uuid);
INSERT INTO regress_evil.mine SELECT owner, owner_id
    FROM (VALUES ('mallory@example.com', :'mallory_id'::pg_catalog.uuid),
    ('boss@example.com', :'boss_id')) AS v (owner, owner_id);
SET client_min_messages = warning;
SELECT auth.clamp('regress_evil.mine', 'owner');
SELECT owner FROM regress_evil.mine;
SELECT auth.clamp('regress_evil.mine', 'owner_id', 'self_and_reports');
SELECT owner FROM regress_evil.mine;
RESET client_min_messages;
-- the functions that judge the caller by themselves, from here
SELECT (auth.create_user('{"email": "made@example.com"}')).status AS create_user,
    (auth.get_user(:'boss_id')).status AS get_user, (auth.list_users()).status AS list_users,
    (auth.update_user(:'boss_id', '{"role": "ADMIN"}')).status AS update_user,
       (auth.update_user(:'mallory_id', '{"role": "ADMIN"}')).status AS own,
           (auth.set_app_role(:'mallory_id', 'ADMIN')).status AS set_app_role,
           (auth.change_password('x', 'Th1sIsAStrong!Pass')).status AS change_password;
SELECT e->>'message' AS refused
    FROM pg_catalog.jsonb_array_elements((auth.update_profile('{"role": "ADMIN", "email": "boss@example.com", "id": "x", "app_role": "ADMIN", "kind": "service_account", "password": "x", "appMetadata": {"role": "ADMIN"}, "emailConfirmed": true, "encrypted_password": "x", "banned_until": null}')).payload->'errors') AS e;
SELECT (auth.get_user()).payload->'user'->>'email' AS email,
    (auth.get_user()).payload->'user'->>'role' AS role;
SELECT changes FROM auth.audits();
SELECT changes FROM auth.audit_log ORDER BY seq;
RESET search_path;
DISCARD TEMP;
SELECT public.regress_code('SELECT * FROM auth.audits(20, NULL, '
    || pg_catalog.quote_literal(:'boss_id') || ')') AS of_the_boss,
    public.regress_code('SELECT * FROM auth.audits(everyone => true)') AS of_all;

-- Policies, views and functions that leak what a clamp hides before it hides it. No index, so that
-- what is peeked at comes in the order of the table.
SET enable_indexscan = off;
SET enable_bitmapscan = off;
CREATE FUNCTION regress_evil.peek(text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE COST 0.0000001
    AS $$ BEGIN RAISE NOTICE 'peeked at %', $1; RETURN true; END $$;
CREATE OPERATOR regress_evil.~~~ (FUNCTION = regress_evil.peek, RIGHTARG = text);
SELECT id FROM public.regress_ledger WHERE regress_evil.peek(secret) ORDER BY id;
SELECT id FROM public.regress_ledger WHERE OPERATOR(regress_evil.~~~) secret
    AND owner <> 'eve@example.com';
CREATE VIEW regress_evil.peeping AS SELECT id FROM public.regress_ledger
    WHERE regress_evil.peek(secret);
SELECT id FROM regress_evil.peeping ORDER BY id;
CREATE VIEW regress_evil.barrier WITH (security_barrier) AS SELECT id, secret
    FROM public.regress_ledger;
SELECT id FROM regress_evil.barrier WHERE regress_evil.peek(secret) ORDER BY id;
SELECT public.regress_code('ALTER FUNCTION regress_evil.peek(text) LEAKPROOF'),
    public.regress_code('CREATE FUNCTION regress_evil.peek2(text) RETURNS boolean LANGUAGE sql LEAKPROOF AS ''SELECT true''');
SELECT count(*) FROM public.regress_ledger l
    JOIN public.regress_ledger m ON regress_evil.peek(l.secret || m.secret) AND l.id = m.id;
SELECT id FROM public.regress_ledger TABLESAMPLE SYSTEM (100) WHERE regress_evil.peek(secret)
    ORDER BY id;
DO $$
DECLARE
    line text;
    leaks int := 0;
BEGIN
    FOR line IN EXPLAIN (ANALYZE, VERBOSE, TIMING OFF) SELECT * FROM public.regress_ledger
        WHERE secret <> '' LOOP
        leaks := leaks + (line ~ 'boss|ann@|kata')::int;
    END LOOP;
    RAISE NOTICE 'lines of a plan that name somebody: %', leaks;
END $$;
SELECT count(*) FROM pg_stats WHERE tablename IN ('regress_ledger', 'regress_parent',
    'regress_child');
SELECT public.regress_code('SELECT 1 / (CASE WHEN secret LIKE ''%boss%'' THEN 0 ELSE 1 END) FROM public.regress_ledger WHERE secret <> ''''') AS divided;
COPY (SELECT id, secret FROM public.regress_ledger ORDER BY id) TO STDOUT;
COPY public.regress_ledger (id, secret) TO STDOUT;
RESET enable_indexscan;
RESET enable_bitmapscan;
-- writes, where only reads are clamped and nothing permits a write
SELECT public.regress_code('INSERT INTO public.regress_ledger VALUES (9, ''mallory@example.com'')'),
    public.regress_code('UPDATE public.regress_ledger SET owner = ''mallory@example.com'''),
       public.regress_code('DELETE FROM public.regress_ledger'),
           public.regress_code('TRUNCATE public.regress_ledger'),
           public.regress_code('SELECT id FROM public.regress_ledger FOR UPDATE');
SELECT public.regress_who();
-- what lies under or beside a clamped table
SELECT public.regress_code('SELECT count(*) FROM public.regress_child'),
    public.regress_code('CREATE TABLE regress_evil.kid (extra int) INHERITS (public.regress_ledger)'),
       public.regress_code('CREATE TABLE regress_evil.part PARTITION OF public.regress_parent FOR VALUES IN (7)'),
           public.regress_code('ALTER TABLE public.regress_parent DETACH PARTITION public.regress_child'),
       public.regress_code('CREATE TABLE regress_evil.ref (id int REFERENCES public.regress_ledger)');
SELECT id FROM public.regress_parent;

-- Functions that run as others do not change who I am, and theirs run under my identity.
CREATE FUNCTION regress_evil.definer() RETURNS text
    LANGUAGE sql SECURITY DEFINER AS 'SELECT auth.email() || '' '' || current_user';
SELECT regress_evil.definer();
\connect :"db" :admin
SET client_min_messages = warning;
CREATE FUNCTION public.regress_definer() RETURNS text LANGUAGE sql SECURITY DEFINER
    SET search_path = pg_catalog AS $$ SELECT auth.email() || ' '
    || (current_user = session_user) $$;
CREATE ROLE regress_victim LOGIN IN ROLE authenticated;
GRANT USAGE ON SCHEMA regress_evil TO regress_victim;
RESET client_min_messages;
\connect :"db" regress_mallory
SET pg_principal.token = :'mallory';
SELECT public.regress_definer();

-- Code of mine that a victim runs gets the victim's claims and rows, as code that one runs does,
-- never the victim's token.
CREATE TABLE regress_evil.loot (what text, value text);
CREATE FUNCTION regress_evil.try(what text, statement text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    got text := 'done';
BEGIN
    IF what ~ 'current$' THEN
        EXECUTE statement;
    ELSE
        EXECUTE statement INTO got;
    END IF;
    INSERT INTO regress_evil.loot VALUES (what, got);
EXCEPTION WHEN OTHERS THEN
    INSERT INTO regress_evil.loot VALUES (what, SQLSTATE);
END $$;
CREATE FUNCTION regress_evil.steal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM regress_evil.try('current_setting', $s$
        SELECT current_setting('pg_principal.token') $s$);
    PERFORM regress_evil.try('show', $s$ SHOW pg_principal.token $s$);
    PERFORM regress_evil.try('pg_settings', $s$ SELECT string_agg(setting || reset_val, '')
        FROM pg_settings WHERE name = 'pg_principal.token' $s$);
    PERFORM regress_evil.try('function from current', $s$ CREATE FUNCTION pg_temp.f() RETURNS int
        LANGUAGE sql SET pg_principal.token FROM CURRENT AS 'SELECT 1' $s$);
    PERFORM regress_evil.try('proconfig', $s$ SELECT proconfig::text FROM pg_proc
        WHERE proname = 'f' AND pronamespace = pg_my_temp_schema() $s$);
    PERFORM regress_evil.try('role from current', $s$ ALTER ROLE regress_victim
        SET pg_principal.token FROM CURRENT $s$);
    PERFORM regress_evil.try('rolconfig', $s$ SELECT setconfig::text FROM pg_db_role_setting
        WHERE setrole = 'regress_victim'::regrole $s$);
    PERFORM regress_evil.try('explain', $s$ EXPLAIN (SETTINGS, FORMAT JSON) SELECT 1 $s$);
    PERFORM regress_evil.try('jwt', $s$ SELECT auth.jwt() ? 'signature' $s$);
    PERFORM regress_evil.try('sign', $s$ SELECT auth.sign_token(auth.jwt()) $s$);
    RETURN NEW;
END $$;
CREATE TRIGGER steal BEFORE INSERT ON regress_evil.bait FOR EACH ROW EXECUTE FUNCTION regress_evil.steal();
GRANT INSERT ON regress_evil.bait, regress_evil.loot TO regress_victim;
\connect :"db" regress_victim
SET pg_principal.token = :'boss';
INSERT INTO regress_evil.bait DEFAULT VALUES;
\connect :"db" regress_mallory
SELECT what, CASE WHEN what = 'explain' THEN (value ~ 'pg_principal')::text ELSE value END AS value
    FROM regress_evil.loot;
SELECT count(*) AS tokens FROM regress_evil.loot WHERE value LIKE '%eyJ%';
\connect :"db" regress_victim
SELECT left(public.regress_try('SELECT auth.email()'), 5) AS after_login;
ALTER ROLE regress_victim RESET ALL;
\connect :"db" regress_mallory
SET pg_principal.token = :'mallory';

-- Plans and cursors kept from one identity to the next.
SET plan_cache_mode = force_generic_plan;
PREPARE mine AS SELECT id FROM public.regress_ledger ORDER BY id;
EXECUTE mine;
RESET pg_principal.token;
EXECUTE mine;
SET pg_principal.token = :'mallory';
SET ROLE authenticated;
EXECUTE mine;
RESET ROLE;
SET pg_principal.token = 'x';
\set VERBOSITY terse
EXECUTE mine;
\set VERBOSITY default
SET pg_principal.token = :'mallory';
EXECUTE mine;
RESET plan_cache_mode;
-- a cursor is one query: what it may see was settled when it began to run
BEGIN;
DECLARE kept CURSOR WITH HOLD FOR SELECT id FROM public.regress_ledger ORDER BY id;
DECLARE begun CURSOR FOR SELECT id FROM public.regress_ledger ORDER BY id;
DECLARE declared CURSOR FOR SELECT id FROM public.regress_ledger ORDER BY id;
FETCH begun;
SET LOCAL pg_principal.token = '';
FETCH begun;
FETCH declared;
COMMIT;
FETCH ALL FROM kept;
CLOSE kept;

-- The errors' own function: texts of one's own, never an identity.
SELECT public.regress_try(s)
    FROM unnest(ARRAY['SELECT auth.raise_error(''token_refused'')',
    'SELECT auth.raise_error(''token_refused'', ''banned'')',
    'SELECT auth.raise_error(''user_missing'', ''%s%n{0}'', ''detail'', ''more'')',
    'SELECT auth.raise_error(''user_missing'', VARIADIC NULL)',
        'SELECT auth.raise_error(''user_missing'', NULL)',
        'SELECT auth.raise_error(''user_missing'', VARIADIC ''{{a,b},{c,d}}'')',
        'SELECT auth.raise_error(''nothing'')', 'SELECT auth.raise_error(NULL)',
    'SELECT auth.raise_error('''')']) WITH ORDINALITY AS t (s, n) ORDER BY n;
SELECT length(public.regress_try(format('SELECT auth.raise_error(''user_missing'', %L, %L)',
    repeat('é', 100000), repeat('é', 100000)))) BETWEEN 1000 AND 10000 AS bounded;
SELECT public.regress_who();

-- Tampered tokens.
CREATE FUNCTION regress_evil.dead(token text) RETURNS text LANGUAGE sql AS $$
    SELECT public.regress_try(format('SELECT auth.authenticate(%L)->>''email''', token)) $$;
SELECT split_part(:'mallory', '.', 1) AS h, split_part(:'mallory', '.', 2) AS p,
    split_part(:'mallory', '.', 3) AS s, split_part(:'boss', '.', 2) AS boss_p,
    split_part(:'boss', '.', 3) AS boss_s \gset
SELECT label, regress_evil.dead(token) FROM (VALUES
    (1, 'untouched', :'h' || '.' || :'p' || '.' || :'s'),
    (2, 'another principal''s claims', :'h' || '.' || :'boss_p' || '.' || :'s'),
    (3, 'another token''s signature', :'h' || '.' || :'p' || '.' || :'boss_s'),
    (4, 'claims rewritten',
        :'h' || '.' || public.regress_url(convert_to((public.regress_part(:'mallory', 2)::jsonb
        || :'claims'::jsonb)::text, 'UTF8')) || '.' || :'s'),
    (5, 'no signature', :'h' || '.' || :'p' || '.'),
    (6, 'two parts', :'h' || '.' || :'p'),
    (7, 'five parts, as if encrypted', :'mallory' || '.a.b'),
    (8, 'signature cut', left(:'mallory', -2)),
    (9, 'signature longer', :'mallory' || 'AA'),
    (10, 'base64 with padding', :'mallory' || '='),
    (11, 'base64 of the other alphabet', :'h' || '.' || :'p' || '.' || translate(:'s', '-_', '+/')
        || '+'),
    (12, 'last bits not zero', left(:'mallory', -1) || chr(ascii(right(:'mallory', 1)) + 1)),
    (13, 'space in front', ' ' || :'mallory'), (14, 'newline behind', :'mallory' || E'\n'),
    (15, 'with its scheme', 'Bearer ' || :'mallory'), (16, 'the claims alone', :'claims'),
    (17, 'an id', :'boss_id'), (18, 'a session', :'boss_session'),
    (19, 'in upper case', upper(:'mallory')), (20, 'very long', repeat('a', 10000000))) AS t (n,
        label, token) ORDER BY n;
SELECT header, regress_evil.dead(public.regress_url(convert_to(header, 'UTF8')) || '.' || :'boss_p'
    || '.' || signature) FROM (VALUES
    (1, '{"alg": "none"}', ''), (2, '{"alg": "none", "typ": "JWT"}', :'s'),
    (3, '{"alg": "None"}', ''), (4, '{"typ": "JWT"}', :'s'), (5, '{"alg": "HS256"}', :'s'),
    (6, '{"alg": "HS256", "kid": ""}', :'s'), (7, '{"alg": "HS256", "kid": null}', :'s'),
    (8, '{"alg": "HS256", "kid": "x'' OR true --"}', :'s'),
    (9, '{"alg": "HS256", "kid": "../../../../dev/null"}', :'s'),
    (10, '{"alg": "HS256", "jwk": {"kty": "oct", "k": "AAAA"}}', :'s'),
    (11, '{"alg": "HS256", "jku": "https://mallory.example.com"}', :'s'),
    (12, '{"alg": "HS256", "kid": "a", "kid": "b"}', :'s'), (13, '[]', :'s'), (14, '', :'s'),
    (15, 'null', :'s'), (16, '{"alg": "HS256", "crit": ["exp"]}', :'s'),
    (17, '{"alg": "HS256", "b64": false}', :'s')) AS t (n, header, signature) ORDER BY n;
-- with the right key id, the key guessed
SELECT alg, secret,
    regress_evil.dead(input || '.' || public.regress_url(public.hmac(input, secret, CASE alg
    WHEN 'HS512' THEN 'sha512' ELSE 'sha256' END)))
FROM (VALUES ('HS256', ''), ('HS256', 'secret'), ('HS512', 'secret'), ('none', 'x')) AS t (alg,
    secret),
     LATERAL (SELECT public.regress_url(convert_to(jsonb_build_object('alg', alg, 'typ', 'JWT',
         'kid', :'kid')::text, 'UTF8')) || '.' || :'boss_p') AS i (input);
SELECT public.regress_who();

-- An asymmetric key's public half taken for a secret.
\connect :"db" :admin
SELECT auth.create_signing_key('ES256', false) AS ec_kid \gset
SELECT jwk::text AS ec_jwk FROM jsonb_array_elements(auth.jwks()->'keys') AS jwk
    WHERE jwk->>'kid' = :'ec_kid' \gset
\connect :"db" regress_mallory
SELECT label,
    regress_evil.dead(input || '.' || public.regress_url(public.hmac(input, secret, 'sha256')))
FROM (VALUES (1, 'the JWK', :'ec_jwk'), (2, 'its x', :'ec_jwk'::jsonb->>'x'),
    (3, 'its kid', :'ec_kid')) AS t (n, label, secret),
     LATERAL (SELECT public.regress_url(convert_to(jsonb_build_object('alg', 'HS256', 'typ', 'JWT',
         'kid', :'ec_kid')::text, 'UTF8')) || '.' || :'boss_p') AS i (input) ORDER BY n;

-- Signed by the right key, but put together from two principals: claims must agree with the session.
\connect :"db" :admin
SELECT public.regress_part(:'mallory', 2) AS own \gset
SELECT change, public.regress_try(format('SELECT auth.authenticate(%L)->>''email''',
    auth.sign_token(:'own'::jsonb || change::jsonb))) AS outcome FROM (VALUES
    (1, '{}'), (2, '{"email": "boss@example.com"}'),
    (3, '{"app_metadata": {"role": "ADMIN", "kind": "service_account"}}'),
    (4, '{"role": "service_role"}'), (5, '{"role": "postgres"}'), (6, '{"is_anonymous": true}'),
    (7, '{"app_metadata": {"pg_principal": {"role": "ADMIN"}}}')) AS t (n, change) ORDER BY n;
SELECT label, public.regress_try(format('SELECT auth.authenticate(%L)->>''email''',
    auth.sign_token(:'own'::jsonb || change))) AS outcome FROM (VALUES
    (1, 'the other''s id', jsonb_build_object('sub', :'boss_id')),
    (2, 'the other''s session', jsonb_build_object('session_id', :'boss_session')),
    (3, 'no id', '{"sub": null}'),
    (4, 'id in upper case', jsonb_build_object('sub', upper(:'mallory_id'))),
    (5, 'id in braces', jsonb_build_object('sub', '{' || :'mallory_id' || '}'))) AS t (n, label,
        change) ORDER BY n;
-- what the claims say beyond that is not believed, where they say it now nor where they did until 0.2.0
SELECT auth.sign_token(:'own'::jsonb
    || '{"email": "boss@example.com", "app_metadata": {"role": "ADMIN", "kind": "service_account", "pg_principal": {"role": "ADMIN", "kind": "service_account"}}}') AS dressed \gset
SELECT auth.authenticate(:'dressed', false) IS NOT NULL AS bound, auth.email(), auth.kind(),
    auth.app_role(), auth.has_role('ADMIN'), auth.is_service_account();
RESET pg_principal.token;

-- A member of auth_operator may mint: that is what the role is for. It signs nothing by itself and
-- reads no key; anybody else mints nothing (above).
CREATE ROLE regress_operator LOGIN IN ROLE auth_operator;
\connect :"db" regress_operator
SELECT auth.issue('boss@example.com', '1h', 'by the operator') AS minted \gset
SELECT auth.authenticate(:'minted')->>'email' AS minted_for;
SELECT public.regress_code(s)
    FROM unnest(ARRAY['SELECT auth.sign_token(''{}'')',
    'SELECT auth.open_session(NULL, ''service_role'', 1, NULL, NULL)',
    'SELECT auth.mint_token(NULL, ''service_role'', NULL, 0, 1, NULL, ''x'', 0)',
    'SELECT auth.start_session(NULL, NULL)',
    'SELECT auth.session_payload(NULL, NULL, NULL, NULL, NULL, NULL)',
    'SELECT auth.first_refresh_token(gen_random_uuid())',
    'SELECT auth.read_refresh_token(''x'')', 'SELECT auth.make_server_key()',
        'SELECT material FROM auth.server_keys', 'SELECT hash FROM auth.refresh_tokens',
        'SELECT count(*) > 0 FROM auth.audit_log', 'SELECT auth.audit(auth.nobody(), NULL, ''{}'')',
        'SELECT auth.audit_as(NULL, NULL, NULL, NULL, ''{}'')', 'SELECT auth.count_up(''x'')',
        'SELECT auth.log_event(''{}'')',
    'SELECT auth.change_user(NULL, ''{}'', ''{}'')',
        'SELECT auth.hold_password(auth.nobody(), ''x'')', 'SELECT auth.held_hash(auth.nobody())',
        'SELECT auth.end_sessions(NULL, ''reuse'', NULL)', 'SELECT auth.collect_incidents(NULL)',
        'SELECT auth.drain_token_use()', 'SELECT auth.forget_guesses(auth.nobody())',
        'DELETE FROM auth.sign_in_attempts', 'SET pg_principal.registration = open',
        'SET pg_principal.max_failure_entries = 1', 'SET session_replication_role = replica',
        'SELECT material FROM auth.signing_keys', 'SELECT encrypted_password FROM auth.users',
        'SELECT hash FROM auth.password_hashes',
    'SELECT auth.generate_key_material(''HS256'')', 'SELECT auth.read_key_material(''x'')',
        'SELECT auth.reseal_key_material(''x'', ''x'', ''x'')',
        'SELECT auth.reseal_server_key(''x'', ''x'', ''x'')',
        'SELECT auth.store_signing_key(''x'', ''x'', NULL, ''x'', NULL, true)',
        'SELECT auth.lock_signing_key(''x'')',
    'DELETE FROM auth.organization_people', 'SET pg_principal.max_token_ttl = ''1000000h''',
        'SET pg_principal.trust_request_claims = on',
        'SELECT auth.issue(''boss@example.com'', ''9000h'')']) WITH ORDINALITY AS t (s, n)
        ORDER BY n;

-- A role that may create roles gives nobody a superuser's settings.
\connect :"db" :admin
CREATE ROLE regress_creator LOGIN CREATEROLE;
\connect :"db" regress_creator
CREATE ROLE regress_made;
SELECT public.regress_code(s)
    FROM unnest(ARRAY['ALTER ROLE regress_made SET pg_principal.trust_request_claims = on',
    'ALTER ROLE regress_made SET pg_principal.issuer = ''x''',
    'ALTER ROLE regress_creator SET pg_principal.clock_skew = 300',
    'CREATE ROLE regress_super SUPERUSER',
    'SELECT auth.sign_token(''{}'')', 'SELECT count(*) FROM auth.users',
        'ALTER ROLE regress_made SUPERUSER']) WITH ORDINALITY AS t (s, n) ORDER BY n;
DROP ROLE regress_made;

-- The fallback to claims that somebody else has verified: a superuser switches it on, it applies
-- where no token is bound, and session, principal and ban are judged all the same.
\connect :"db" :admin
SET pg_principal.trust_request_claims = on;
SELECT set_config('request.jwt.claims', :'claims', false) <> '' AS set;
SELECT auth.email(), auth.uid() = :'boss_id' AS uid, auth.role(), auth.kind(),
    auth.session_id() = :'boss_session' AS session, auth.jwt() = :'claims'::jsonb AS claims;
SET pg_principal.token = :'mallory';
SELECT auth.email() AS token_first;
RESET pg_principal.token;
SELECT change,
    public.regress_try(format('SELECT auth.email() FROM set_config(''request.jwt.claims'', %L, true)',
    :'claims'::jsonb || change::jsonb)) AS outcome FROM (VALUES
    (1, '{}'), (2, '{"exp": 1}'), (3, '{"session_id": "00000000-0000-0000-0000-000000000000"}'),
    (4, '{"sub": "00000000-0000-0000-0000-000000000000"}'), (5, '{"sub": "x"}'),
    (6, '{"role": "service_role"}')) AS t (n, change) ORDER BY n;
SELECT label,
    public.regress_try(format('SELECT coalesce(auth.email(), ''nobody'') FROM set_config(''request.jwt.claims'', %L, true)',
    claims)) AS outcome FROM (VALUES
    (1, 'of another session',
        (:'claims'::jsonb || jsonb_build_object('session_id', :'mallory_session'))::text),
    (2, 'without a session', (:'claims'::jsonb - 'session_id')::text),
    (3, 'without an id', (:'claims'::jsonb - 'session_id' - 'sub')::text),
    (4, 'empty', ''), (5, 'no object', '[]'), (6, 'null', 'null'), (7, 'cut', left(:'claims', 20)),
    (8, 'twice', '{"sub": "a", "sub": "b"}')) AS t (n, label, claims) ORDER BY n;
-- what is set in the middle of a statement counts from then on, in every expression
DO $$
DECLARE
    person record;
    wrong int := 0;
BEGIN
    FOR person IN SELECT u.id, u.email FROM auth.users u ORDER BY u.email LOOP
        PERFORM set_config('request.jwt.claims', json_build_object('sub', person.id)::text, true);
        wrong := wrong + (auth.email() IS DISTINCT FROM person.email)::int + (auth.uid() IS DISTINCT
            FROM person.id)::int + (auth.is_service_account() IS DISTINCT
            FROM (person.email ~ 'agent'))::int;
    END LOOP;
    RAISE NOTICE 'wrong answers: %', wrong;
END $$;
SELECT auth.ban('boss@example.com');
SELECT public.regress_try('SELECT auth.email()');
SELECT auth.unban('boss@example.com');
SELECT public.regress_try('SELECT auth.email()');
SELECT public.regress_try(format('SELECT auth.email() FROM set_config(''request.jwt.claims'', %L, true)',
    :'claims'::jsonb - 'session_id')) AS without_session;
RESET pg_principal.trust_request_claims;
SELECT auth.email();
RESET request.jwt.claims;

-- Another database of the cluster, owned by a role that is no superuser. The schema auth may be
-- there before the extension is.
CREATE ROLE regress_dbowner LOGIN;
CREATE DATABASE regression_forge OWNER regress_dbowner TEMPLATE template0;
\connect regression_forge regress_dbowner
CREATE SCHEMA auth;
\connect regression_forge :admin
CREATE FUNCTION public.regress_try(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text;
    hint text;
BEGIN
    EXECUTE statement INTO result;
    RETURN coalesce(result, 'done');
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
    RETURN concat_ws(' | ', SQLSTATE, SQLERRM, nullif(hint, ''));
END $$;
SELECT public.regress_try('CREATE EXTENSION pg_principal');
-- the owner changed, the right to create in it left behind
ALTER SCHEMA auth OWNER TO :admin;
GRANT CREATE, USAGE ON SCHEMA auth TO regress_dbowner;
SELECT public.regress_try('CREATE EXTENSION pg_principal');
\connect regression_forge regress_dbowner
CREATE TABLE auth.traps (sprung text);
CREATE FUNCTION auth.trap() RETURNS text LANGUAGE plpgsql SECURITY DEFINER
    AS $$ BEGIN INSERT INTO auth.traps VALUES ('trap'); RETURN 'trap'; END $$;
CREATE FUNCTION auth.format(text, VARIADIC text[]) RETURNS text
    LANGUAGE sql AS 'SELECT auth.trap()';
CREATE FUNCTION auth.aclexplode(aclitem[]) RETURNS text LANGUAGE sql AS 'SELECT auth.trap()';
CREATE FUNCTION auth.is(name, name) RETURNS boolean LANGUAGE plpgsql
    AS $$ BEGIN PERFORM auth.trap(); RETURN true; END $$;
CREATE OPERATOR auth.= (FUNCTION = auth.is, LEFTARG = name, RIGHTARG = name);
CREATE TABLE auth.pg_roles (rolname name, oid oid, rolsuper boolean);
INSERT INTO auth.pg_roles SELECT rolname, oid, true FROM pg_catalog.pg_roles;
GRANT ALL ON ALL TABLES IN SCHEMA auth TO PUBLIC;
SELECT public.regress_try('CREATE EXTENSION pg_principal') ~ '^42501' AS refused;
CREATE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql AS $$ SELECT NULL::uuid $$;
-- one that fits better than the extension's own, which it calls with the rights of a superuser
CREATE FUNCTION auth.raise_error(text, text) RETURNS void LANGUAGE sql AS 'SELECT auth.trap()';
\connect regression_forge :admin
REVOKE CREATE ON SCHEMA auth FROM regress_dbowner;
SELECT public.regress_try('CREATE EXTENSION pg_principal') AS somebodys_function;
CREATE TABLE auth.users ();
SELECT public.regress_try('CREATE EXTENSION pg_principal') AS somebodys_table;
DROP TABLE auth.users;
DROP FUNCTION auth.uid();
SELECT public.regress_try('CREATE EXTENSION pg_principal') AS left_there;
DROP FUNCTION auth.raise_error(text, text);
SELECT format('ALTER ROUTINE %s OWNER TO CURRENT_USER', p.oid::regprocedure)
    FROM pg_proc p WHERE p.pronamespace = 'auth'::regnamespace ORDER BY p.oid \gexec
\connect regression_forge regress_dbowner
SELECT public.regress_try('CREATE TABLE auth.users ()') ~ '^42501' AS refused;
\connect regression_forge :admin
-- what the script names is what it means, whatever lies in its schema or in the path
SET search_path = auth, public;
CREATE EXTENSION pg_principal;
RESET search_path;
SELECT count(*) AS sprung FROM auth.traps;
SELECT count(*) AS members FROM pg_depend d WHERE d.refclassid = 'pg_extension'::regclass
    AND d.deptype = 'e' AND d.classid = 'pg_proc'::regclass AND d.objid = 'auth.trap'::regproc;
-- the owner of the database reaches nothing of the extension
\connect regression_forge regress_dbowner
SELECT left(public.regress_try(s), 5)
    FROM unnest(ARRAY['ALTER DATABASE regression_forge SET pg_principal.trust_request_claims = on',
    'ALTER DATABASE regression_forge SET pg_principal.issuer = ''x''',
    'ALTER ROLE ALL IN DATABASE regression_forge SET pg_principal.clock_skew = 1',
    'DROP EXTENSION pg_principal', 'DROP SCHEMA auth CASCADE', 'ALTER SCHEMA auth RENAME TO other',
        'CREATE FUNCTION auth.email(int) RETURNS text LANGUAGE sql AS ''SELECT 1''',
        'SELECT count(*) FROM auth.users', 'SELECT auth.issue(''boss@example.com'')',
    'SELECT auth.sign_token(''{}'')', 'GRANT auth_operator TO regress_dbowner',
        'REASSIGN OWNED BY CURRENT_USER TO auth_operator',
        'ALTER TABLE auth.users OWNER TO regress_dbowner',
        'SELECT auth.unclamp(''auth.organization_people'')']) WITH ORDINALITY AS t (s, n)
        ORDER BY n;

-- A token of this database under the same secret and with the same ids is no token of that one.
\connect regression_forge :admin
SELECT length(auth.import_signing_key('a secret that two databases share, alas')) > 0 AS imported;
SELECT auth.push_people('[{"email": "boss@example.com", "name": "Boss"}]');
INSERT INTO auth.users (id, email, on_roster) VALUES (:'boss_id', 'boss@example.com', true);
SELECT auth.issue('boss@example.com') AS foreign_token \gset
SELECT auth.authenticate(:'foreign_token')->>'email' AS at_home;
\connect :"db" :admin
SELECT length(auth.import_signing_key('a secret that two databases share, alas',
    false)) > 0 AS imported;
SELECT public.regress_try(format('SELECT auth.authenticate(%L)->>''email''',
    :'foreign_token')) AS abroad;

-- Default privileges that a superuser once gave do not open what the extension closes.
\connect regression_forge :admin
SET client_min_messages = warning;
DROP EXTENSION pg_principal CASCADE;
DROP SCHEMA auth CASCADE;
ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO regress_dbowner;
ALTER DEFAULT PRIVILEGES GRANT ALL ON FUNCTIONS TO regress_dbowner;
ALTER DEFAULT PRIVILEGES GRANT ALL ON TYPES TO regress_dbowner;
ALTER DEFAULT PRIVILEGES GRANT ALL ON SCHEMAS TO regress_dbowner;
CREATE EXTENSION pg_principal;
RESET client_min_messages;
SELECT has_schema_privilege('regress_dbowner', 'auth', 'CREATE') AS creates,
    has_function_privilege('regress_dbowner', 'auth.sign_token(jsonb)', 'EXECUTE') AS signs,
       has_function_privilege('regress_dbowner', 'auth.issue(text, text, text, text[])',
           'EXECUTE') AS mints, has_table_privilege('regress_dbowner', 'auth.signing_keys',
           'TRUNCATE') AS truncates,
       has_table_privilege('regress_dbowner', 'auth.users', 'SELECT') AS reads;

\connect :"db" :admin
SET client_min_messages = warning;
DROP DATABASE regression_forge;
DROP OWNED BY regress_mallory, regress_victim CASCADE;
DROP FUNCTION public.regress_who();
DROP TABLE public.regress_ledger, public.regress_parent;
DROP FUNCTION public.regress_definer(), public.regress_code(text), public.regress_part(text, int),
    public.regress_url(bytea);
DROP ROLE regress_mallory, regress_victim, regress_owner, regress_operator, regress_creator,
    regress_dbowner;
DROP EXTENSION pgcrypto;
\i :teardown
