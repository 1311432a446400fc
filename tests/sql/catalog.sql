-- What the extension puts into the catalog, pinned: who forgets a grant, a search_path or a comment
-- changes this test's output.

\pset format unaligned

-- Functions, with the names, defaults and results that they are called by. all: may be called by PUBLIC; op: by auth_operator; own: by the
-- owner alone. Unless told: invoker, volatile, unsafe in parallel, search_path as it must be for its language.
SELECT format('%s(%s) %s', p.proname, pg_get_function_arguments(p.oid),
    pg_get_function_result(p.oid)) AS function,
    concat_ws(' ', CASE WHEN has_function_privilege('anon', p.oid, 'EXECUTE') THEN 'all'
        WHEN has_function_privilege('auth_operator', p.oid, 'EXECUTE') THEN 'op' ELSE 'own' END,
        l.lanname, CASE WHEN l.lanname = 'c' THEN p.prosrc END, CASE
            WHEN p.prosecdef THEN 'definer' END, CASE p.provolatile WHEN 'i' THEN 'immutable'
            WHEN 's' THEN 'stable' END,
        CASE p.proparallel WHEN 's' THEN 'parallel-safe' WHEN 'r' THEN 'parallel-restricted' END,
            CASE WHEN p.proisstrict THEN 'strict' END, CASE WHEN p.proretset THEN 'set' END,
        (SELECT string_agg(c, ' ') FROM unnest(p.proconfig) AS c WHERE c <> 'debug_print_plan=off'
            AND (c <> 'search_path=pg_catalog, pg_temp' OR l.lanname = 'sql'))) AS what
FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
WHERE p.pronamespace = 'auth'::regnamespace ORDER BY p.oid::regprocedure::text COLLATE "C";
-- nobody else is granted anything
SELECT p.oid::regprocedure AS function, coalesce(g.rolname, 'PUBLIC') AS grantee, a.is_grantable
FROM pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a LEFT
    JOIN pg_roles g ON g.oid = a.grantee
WHERE p.pronamespace = 'auth'::regnamespace AND a.grantee <> p.proowner
    AND (a.is_grantable OR (a.grantee <> 0 AND g.rolname <> 'auth_operator'))
    ORDER BY p.oid::regprocedure::text COLLATE "C", 2;
-- every function, and every function of the library, is a member of the extension; the library's
-- are those of its own file
SELECT count(*) FILTER (WHERE d.objid IS NULL) AS strangers FROM pg_proc p
LEFT JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
    AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pg_principal')
WHERE p.pronamespace = 'auth'::regnamespace OR p.probin ~ 'pg_principal';
SELECT p.oid::regprocedure AS of_another_library FROM pg_proc p
    JOIN pg_language l ON l.oid = p.prolang
WHERE p.pronamespace = 'auth'::regnamespace AND l.lanname = 'c'
    AND p.probin <> '$libdir/pg_principal';

-- Rules that hold for every function there will ever be: no rows.
SELECT p.oid::regprocedure AS definer_without_fixed_path FROM pg_proc p
    JOIN pg_language l ON l.oid = p.prolang
WHERE p.pronamespace = 'auth'::regnamespace AND p.prosecdef
  AND (l.lanname = 'sql' AND p.prosqlbody IS NOT NULL
      OR p.proconfig @> ARRAY['search_path=pg_catalog, pg_temp']) IS NOT TRUE;
SELECT p.oid::regprocedure AS plpgsql_without_fixed_path FROM pg_proc p
    JOIN pg_language l ON l.oid = p.prolang
WHERE p.pronamespace = 'auth'::regnamespace AND l.lanname = 'plpgsql'
    AND (p.proconfig @> ARRAY['search_path=pg_catalog, pg_temp']) IS NOT TRUE;
SELECT p.oid::regprocedure AS sql_bound_late FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
WHERE p.pronamespace = 'auth'::regnamespace AND l.lanname = 'sql' AND p.prosqlbody IS NULL;
SELECT p.oid::regprocedure AS definer_whose_plans_show FROM pg_proc p
WHERE p.pronamespace = 'auth'::regnamespace AND (p.prosecdef OR p.proname = 'store_signing_key')
    AND (p.proconfig @> ARRAY['debug_print_plan=off']) IS NOT TRUE;
-- these judge the caller by themselves: accounts, sessions, audit, admin and login.sh show that; clamp_notices reads what
-- pg_class and its like show anybody
SELECT p.oid::regprocedure AS public_definer FROM pg_proc p
    WHERE p.pronamespace = 'auth'::regnamespace AND p.prosecdef AND has_function_privilege('anon',
    p.oid, 'EXECUTE')
  AND p.oid::regprocedure::text NOT IN ('auth.jwks()', 'auth.self_and_report_emails()',
      'auth.self_and_report_ids()', 'auth.create_user(jsonb,jsonb)', 'auth.get_user(uuid)',
      'auth.list_users(integer,integer)', 'auth.update_profile(jsonb,jsonb)',
    'auth.update_user(uuid,jsonb,jsonb)', 'auth.set_app_role(uuid,text,jsonb)',
        'auth.sign_out(text,jsonb)', 'auth.change_password(text,text,jsonb)',
        'auth.audits(integer,text,uuid,boolean)',
    'auth.ban_user(uuid,interval,text,jsonb)', 'auth.unban_user(uuid,jsonb)',
        'auth.delete_user(uuid,jsonb)', 'auth.user_sessions(uuid)',
        'auth.end_session(uuid,text,jsonb)', 'auth.issue_for(uuid,text,text,text[],jsonb)',
    'auth.audit_feed(integer,text,uuid,boolean)', 'auth.incidents_feed(integer,text,uuid)',
        'auth.agents_feed(integer,text)', 'auth.token_expiries(integer)',
    'auth.refusals_by_hour(integer)', 'auth.health_status()', 'auth.key_states()',
        'auth.audit_status()', 'auth.check_audit()', 'auth.find_user(uuid)',
        'auth.search_users(text,integer,integer)', 'auth.update_account(jsonb,jsonb)',
        'auth.clamp_notices(regclass,boolean)',
    'auth.actor_email()', 'auth.actors()', 'auth.delegate_to(text,text,text[],uuid,jsonb)',
        'auth.issue_may_act(text,text,text[],jsonb)', 'auth.revoke_delegation(uuid,jsonb)',
        'auth.my_delegations()', 'auth.show_device(text,jsonb)',
        'auth.decide_device(text,boolean,text[],jsonb)',
    'auth.list_connections()', 'auth.end_connection(integer)');
-- what runs with the caller's rights calls nothing that the caller may not
SELECT c.caller::regprocedure, c.called::regprocedure AS not_granted, r.rolname
FROM (SELECT d.objid AS caller, d.refobjid AS called FROM pg_depend d
        WHERE d.classid = 'pg_proc'::regclass AND d.refclassid = 'pg_proc'::regclass
            AND d.deptype = 'n'
        UNION SELECT p.oid, q.oid FROM pg_proc p,
            regexp_matches(p.prosrc, 'auth\.([a-z0-9_]+)\(', 'g') AS m JOIN pg_proc q
            ON q.proname = m[1] AND q.pronamespace = 'auth'::regnamespace) AS c
    JOIN pg_proc f ON f.oid = c.caller AND f.pronamespace = 'auth'::regnamespace
    JOIN pg_proc g ON g.oid = c.called AND g.pronamespace = 'auth'::regnamespace
    JOIN pg_roles r ON r.rolname IN ('anon', 'auth_operator')
WHERE NOT f.prosecdef AND g.oid <> f.prosupport
    AND has_function_privilege(r.oid, f.oid, 'EXECUTE')
    AND NOT has_function_privilege(r.oid, g.oid, 'EXECUTE');
SELECT p.oid::regprocedure AS owned_by_no_superuser FROM pg_proc p
    JOIN pg_roles r ON r.oid = p.proowner WHERE p.pronamespace = 'auth'::regnamespace
    AND NOT r.rolsuper;
SELECT p.oid::regprocedure AS leakproof FROM pg_proc p WHERE p.pronamespace = 'auth'::regnamespace
    AND p.proleakproof;
SELECT p.oid::regprocedure AS compares_as_the_caller_likes FROM pg_proc p
    JOIN pg_language l ON l.oid = p.prolang
WHERE p.pronamespace = 'auth'::regnamespace AND (l.lanname = 'plpgsql' OR l.lanname = 'sql'
        AND p.prosqlbody IS NULL)
    AND has_function_privilege('auth_operator', p.oid, 'EXECUTE')
    AND p.proname <> 'check_installation' AND p.prosupport <> 'auth.default_collation'::regproc
    AND EXISTS (SELECT FROM unnest(p.proargtypes) AS a JOIN pg_type t ON t.oid = a
        WHERE t.typcollation <> 0);
-- a plan may run these in workers and cache nothing across identities: stable, never immutable
SELECT p.oid::regprocedure AS identity_of_wrong_kind FROM pg_proc p
WHERE p.pronamespace = 'auth'::regnamespace AND p.proname IN ('uid', 'email', 'role', 'kind',
    'app_role', 'session_id', 'jwt', 'has_role', 'has_scope', 'is_person', 'is_service_account',
    'owner_is', 'self_and_report_emails', 'self_and_report_ids')
  AND (p.provolatile <> 's' OR p.proparallel <> 's' OR p.proisstrict);
SELECT p.oid::regprocedure AS uncommented FROM pg_proc p WHERE p.pronamespace = 'auth'::regnamespace
    AND obj_description(p.oid, 'pg_proc') IS NULL;
SELECT c.oid::regclass AS uncommented FROM pg_class c WHERE c.relnamespace = 'auth'::regnamespace
    AND c.relkind IN ('r', 'v', 'p') AND obj_description(c.oid, 'pg_class') IS NULL;
SELECT t.oid::regtype AS uncommented FROM pg_type t LEFT JOIN pg_class c ON c.oid = t.typrelid
WHERE t.typnamespace = 'auth'::regnamespace AND t.typelem = 0 AND coalesce(c.relkind, 'c') = 'c'
    AND coalesce(obj_description(t.oid, 'pg_type'), obj_description(t.typrelid,
    'pg_class')) IS NULL;
-- no column of somebody's is of the type of a table, which no update could alter then
SELECT t.oid::regtype AS anybodys_type FROM pg_type t JOIN pg_class c ON c.oid = t.typrelid,
    aclexplode(coalesce(t.typacl, acldefault('T', t.typowner))) AS a
WHERE t.typnamespace = 'auth'::regnamespace AND c.relkind = 'r' AND a.grantee = 0;
SELECT extname AS uncommented FROM pg_extension WHERE extname = 'pg_principal'
    AND obj_description(oid, 'pg_extension') IS NULL;
-- internal functions say so, and nobody but the owner may call them
SELECT p.oid::regprocedure AS internal_but_open FROM pg_proc p
WHERE p.pronamespace = 'auth'::regnamespace AND obj_description(p.oid, 'pg_proc') LIKE 'Internal:%'
    AND p.proname <> 'raise_error' AND has_function_privilege('auth_operator', p.oid, 'EXECUTE');
SELECT p.oid::regprocedure AS closed_but_not_internal FROM pg_proc p
WHERE p.pronamespace = 'auth'::regnamespace AND obj_description(p.oid,
    'pg_proc') NOT LIKE 'Internal:%' AND NOT has_function_privilege('auth_operator', p.oid,
    'EXECUTE');

-- The schema.
SELECT r.rolsuper AS owned_by_superuser, string_agg(coalesce(g.rolname, 'PUBLIC') || ' '
    || lower(a.privilege_type), ', ' ORDER BY g.rolname, a.privilege_type)
    FILTER (WHERE a.grantee <> n.nspowner) AS granted
FROM pg_namespace n JOIN pg_roles r ON r.oid = n.nspowner, aclexplode(n.nspacl) a LEFT
    JOIN pg_roles g ON g.oid = a.grantee WHERE n.nspname = 'auth' GROUP BY r.rolsuper;

-- Tables: row security, grants to others than the owner, what pg_dump takes along.
SELECT c.relname AS "table", c.relkind AS k, c.relrowsecurity AS rls,
    c.relforcerowsecurity AS forced, r.rolsuper AS "super", c.oid = ANY (e.extconfig) AS dumped,
       (SELECT string_agg(coalesce(g.rolname, 'PUBLIC') || ' ' || lower(a.privilege_type), ', '
           ORDER BY g.rolname, a.privilege_type) FROM aclexplode(c.relacl) a LEFT
           JOIN pg_roles g ON g.oid = a.grantee WHERE a.grantee <> c.relowner) AS granted,
       EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
           AND d.deptype = 'e' AND d.refobjid = e.oid) AS member
FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner CROSS JOIN pg_extension e
WHERE c.relnamespace = 'auth'::regnamespace AND c.relkind NOT IN ('i', 't')
    AND e.extname = 'pg_principal' ORDER BY c.relname COLLATE "C";
SELECT c.oid::regclass AS dumped, e.condition FROM pg_extension x,
    unnest(x.extconfig, x.extcondition) AS e (oid, condition) JOIN pg_class c ON c.oid = e.oid
    WHERE x.extname = 'pg_principal' ORDER BY c.relname COLLATE "C";
SELECT a.attrelid::regclass AS "table", a.attname, a.attacl FROM pg_attribute a
    JOIN pg_class c ON c.oid = a.attrelid WHERE c.relnamespace = 'auth'::regnamespace
    AND a.attacl IS NOT NULL;
SELECT p.polrelid::regclass AS "table", p.polname, p.polpermissive AS permissive, p.polcmd,
    pg_get_expr(p.polqual, p.polrelid) AS
    using, pg_get_expr(p.polwithcheck, p.polrelid) AS with_check
FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid WHERE c.relnamespace = 'auth'::regnamespace
    ORDER BY 1, 2;
SELECT a.attrelid::regclass AS "table", a.attname, format_type(a.atttypid, a.atttypmod) AS type,
    a.attnotnull AS "not null", pg_get_expr(d.adbin, d.adrelid) AS "default"
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid LEFT
    JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE c.relnamespace = 'auth'::regnamespace AND c.relkind = 'r' AND a.attnum > 0
    AND NOT a.attisdropped ORDER BY c.relname COLLATE "C", a.attnum;
SELECT c.conrelid::regclass AS "table", c.conname, pg_get_constraintdef(c.oid) AS definition
    FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid
WHERE t.relnamespace = 'auth'::regnamespace AND c.contype <> 'n' ORDER BY t.relname COLLATE "C",
    c.conname COLLATE "C";
SELECT pg_get_indexdef(i.indexrelid) AS index FROM pg_index i
    JOIN pg_class c ON c.oid = i.indexrelid WHERE c.relnamespace = 'auth'::regnamespace
    ORDER BY c.relname COLLATE "C";
-- columns whose meaning their name does not tell
SELECT c.oid::regclass || '.' || a.attname AS uncommented FROM pg_attribute a
    JOIN pg_class c ON c.oid = a.attrelid
WHERE (c.relname, a.attname) IN (('signing_keys', 'kid'), ('signing_keys', 'public_jwk'),
    ('signing_keys', 'material'), ('signing_keys', 'sealed_under'),
    ('users', 'banned_until'), ('users', 'ban_origin'), ('users', 'session_generation'),
    ('users', 'on_roster'), ('users', 'encrypted_password'), ('users', 'password_scheme'),
    ('users', 'password_version'), ('users', 'password_changed_at'),
    ('sessions', 'origin'), ('sessions', 'expires_at'), ('sessions', 'last_used_at'),
    ('sessions', 'revoked_as'), ('refresh_tokens', 'previous_hash'), ('audit_log', 'user_id'),
    ('audit_log', 'seq'),
    ('audit_log', 'actor_id'), ('audit_log', 'subject'), ('audit_log', 'changes'),
    ('audit_log', 'ip'), ('audit_heads', 'suppressed'), ('incidents', 'subject'),
    ('incidents', 'detected_at'))
  AND c.relnamespace = 'auth'::regnamespace AND col_description(c.oid, a.attnum) IS NULL;

-- Triggers. O: fires at the origin; A: always, so on a logical subscriber too.
SELECT t.tgrelid::regclass AS "table", t.tgname, t.tgenabled AS enabled,
    t.tgfoid::regprocedure AS calls,
       regexp_replace(pg_get_triggerdef(t.oid),
           '^CREATE TRIGGER \S+ (.*) ON .* FOR EACH (ROW|STATEMENT).*$', '\1 for each \2') AS fires
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid WHERE c.relnamespace = 'auth'::regnamespace
    AND NOT t.tgisinternal ORDER BY c.relname COLLATE "C", t.tgname COLLATE "C";
-- whatever signals, signals always
SELECT t.tgrelid::regclass AS "table", t.tgname AS signals_not_always FROM pg_trigger t
    WHERE t.tgfoid = 'auth.signal_revocation'::regproc AND t.tgenabled <> 'A';

-- Settings.
SELECT name, context, vartype, unit, min_val, max_val, boot_val, reset_val = boot_val AS untouched
    FROM pg_settings WHERE name LIKE 'pg\_principal.%' ORDER BY name COLLATE "C";
SELECT name AS undescribed FROM pg_settings WHERE name LIKE 'pg\_principal.%'
    AND coalesce(short_desc, '') = '';
CREATE ROLE regress_nobody;
SET ROLE regress_nobody;
SELECT name FROM pg_settings WHERE name LIKE 'pg\_principal.%' ORDER BY name COLLATE "C";
SET pg_principal.token = 'anything';
RESET pg_principal.token;
RESET ROLE;

-- Roles: what they are for is what they have; nothing of the cluster.
SELECT rolname, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication,
    rolbypassrls FROM pg_roles
WHERE rolname IN ('anon', 'authenticated', 'service_role', 'authenticator', 'auth_operator')
    ORDER BY rolname COLLATE "C";
SELECT m.roleid::regrole AS granted, m.member::regrole AS member FROM pg_auth_members m
WHERE m.roleid::regrole::text IN ('anon', 'authenticated', 'service_role', 'authenticator',
    'auth_operator') OR m.member::regrole::text IN ('anon', 'authenticated', 'service_role',
    'authenticator', 'auth_operator') ORDER BY 1, 2;

-- Who may read and write everything of everybody still reads and writes nothing of the extension.
\getenv here PG_ABS_SRCDIR
\set setup :here /sql/include/setup.sql
\set teardown :here /sql/include/teardown.sql
\i :setup
GRANT pg_read_all_data, pg_write_all_data TO regress_nobody;
GRANT USAGE ON SCHEMA public TO regress_nobody;
SET ROLE regress_nobody;
SELECT t, regress_try('SELECT count(*) FROM auth.' || t) AS reads
    FROM unnest(ARRAY['organization_people', 'revocation_marker', 'sessions', 'signing_keys',
    'users']) AS t;
\set VERBOSITY sqlstate
UPDATE auth.users SET app_role = 'ADMIN', banned_until = NULL;
UPDATE auth.sessions SET revoked_at = NULL;
UPDATE auth.signing_keys SET state = 'revoked';
UPDATE auth.organization_people SET manager_email = 'ann@example.com';
DELETE FROM auth.users;
DELETE FROM auth.sessions;
DELETE FROM auth.signing_keys;
DELETE FROM auth.organization_people;
INSERT INTO auth.users (email) VALUES ('mallory@example.com');
INSERT INTO auth.sessions (user_id, expires_at) VALUES (gen_random_uuid(), 'infinity');
INSERT INTO auth.signing_keys (kid, alg, material) VALUES ('x', 'HS256', '');
INSERT INTO auth.organization_people (email, name) VALUES ('mallory@example.com', 'Mallory');
INSERT INTO auth.revocation_marker DEFAULT VALUES;
TRUNCATE auth.sessions;
TRUNCATE auth.revocation_marker;
COPY auth.signing_keys TO STDOUT;
COPY auth.users TO STDOUT;
\set VERBOSITY default
-- the others, each in every way
CREATE TEMP TABLE closed AS SELECT c.relname AS t FROM pg_class c
    WHERE c.relnamespace = 'auth'::regnamespace AND c.relkind = 'r'
    AND c.relname NOT IN ('organization_people', 'revocation_marker', 'sessions', 'signing_keys',
        'users');
SELECT t, left(regress_try('SELECT count(*) FROM auth.' || t), 5) AS reads,
    left(regress_try('INSERT INTO auth.' || t || ' DEFAULT VALUES'), 5) AS "insert",
    left(regress_try('WITH gone AS (DELETE FROM auth.' || t
    || ' RETURNING 1) SELECT count(*) FROM gone'), 5) AS "delete",
       left(regress_try('WITH changed AS (UPDATE auth.' || t || ' SET ' || a.attname
           || ' = NULL RETURNING 1) SELECT count(*) FROM changed'), 5) AS "update",
           left(regress_try('TRUNCATE auth.' || t), 5) AS truncated
FROM closed JOIN pg_attribute a ON a.attrelid = ('auth.' || t)::regclass AND a.attnum = 1
    ORDER BY t COLLATE "C";
-- with a token of one's own: the own row of the roster, and the own entries of the audit, to read
SET pg_principal.token = :'agent';
SELECT email FROM auth.organization_people;
UPDATE auth.organization_people SET name = 'x';
DELETE FROM auth.organization_people;
SELECT changes, metadata - 'sessionId' - 'expiresAt' - 'databaseRole' AS metadata
    FROM auth.audit_log WHERE subject = 'kata-agent-team@example.com' ORDER BY seq;
SELECT count(*) FROM auth.audit_log WHERE subject <> 'kata-agent-team@example.com';
RESET pg_principal.token;
RESET ROLE;
SELECT (SELECT count(*) FROM auth.users) AS users, (SELECT count(*) FROM auth.sessions) AS sessions,
    (SELECT count(*) FROM auth.signing_keys WHERE state = 'in_use') AS keys, (SELECT count(*)
    FROM auth.organization_people WHERE name <> 'x') AS people;
-- a publication FOR ALL TABLES keeps no row of ours from being changed or deleted
SELECT c.relname AS without_identity FROM pg_class c
WHERE c.relnamespace = 'auth'::regnamespace AND c.relkind = 'r' AND c.relreplident <> 'f'
    AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary);
DROP OWNED BY regress_nobody;
DROP ROLE regress_nobody;
\i :teardown
