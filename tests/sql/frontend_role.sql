-- Everything that the frontend's login role, a member of authenticator and of nothing else, may do beyond
-- what PostgreSQL itself gives to everybody: the whole list, so that whoever adds to it sees it here.
\pset format unaligned
CREATE ROLE regress_web LOGIN IN ROLE authenticator;
SELECT rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls, rolinherit FROM pg_roles
    WHERE rolname = 'regress_web';
-- roles it is or may become
SELECT r.rolname, pg_has_role('regress_web', r.oid, 'USAGE') AS inherits FROM pg_roles r
WHERE pg_has_role('regress_web', r.oid, 'MEMBER') AND r.rolname <> 'regress_web' ORDER BY 1;
-- functions that are not everybody's
SELECT p.oid::regprocedure AS function FROM pg_proc p
WHERE has_function_privilege('regress_web', p.oid, 'EXECUTE')
  AND NOT EXISTS (SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
      WHERE a.grantee = 0 AND a.privilege_type = 'EXECUTE')
ORDER BY p.oid::regprocedure::text COLLATE "C";
-- functions of the extension that are everybody's: they judge their caller, or need none
SELECT p.oid::regprocedure AS function FROM pg_proc p
WHERE p.pronamespace = 'auth'::regnamespace AND has_function_privilege('regress_web', p.oid,
    'EXECUTE')
  AND EXISTS (SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
      WHERE a.grantee = 0)
ORDER BY p.oid::regprocedure::text COLLATE "C";
-- tables, views and sequences with any privilege, columns included
SELECT c.oid::regclass AS relation, p.privilege FROM pg_class c,
    unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES',
    'TRIGGER']) AS p (privilege)
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
    AND (has_table_privilege('regress_web', c.oid, p.privilege)
    OR p.privilege IN ('SELECT', 'INSERT', 'UPDATE', 'REFERENCES')
        AND has_any_column_privilege('regress_web', c.oid, p.privilege))
  AND (c.relnamespace = 'auth'::regnamespace OR NOT EXISTS (
    SELECT FROM aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) a WHERE a.grantee = 0
    UNION ALL SELECT FROM pg_attribute t, aclexplode(t.attacl) a WHERE t.attrelid = c.oid
        AND a.grantee = 0))
ORDER BY c.oid::regclass::text COLLATE "C", 2;
SELECT c.oid::regclass AS sequence FROM pg_class c
WHERE CASE WHEN c.relkind = 'S' THEN has_sequence_privilege('regress_web', c.oid,
    'USAGE, SELECT, UPDATE') END ORDER BY c.oid::regclass::text COLLATE "C";
-- schemas
SELECT n.nspname, has_schema_privilege('regress_web', n.oid, 'USAGE') AS usage,
    has_schema_privilege('regress_web', n.oid, 'CREATE') AS create
FROM pg_namespace n WHERE n.nspname = 'auth' OR has_schema_privilege('regress_web', n.oid, 'CREATE')
    AND NOT EXISTS (SELECT FROM aclexplode(n.nspacl) a WHERE a.grantee = 0
        AND a.privilege_type = 'CREATE') ORDER BY 1;
-- types of the extension: usable as any type is, which lets nobody see a row
SELECT string_agg(t.oid::regtype::text, ', ' ORDER BY t.oid::regtype::text COLLATE "C") AS types
    FROM pg_type t
WHERE t.typnamespace = 'auth'::regnamespace AND t.typtype IN ('d', 'e', 'r')
    OR t.oid = 'auth.auth_result'::regtype AND has_type_privilege('regress_web', t.oid, 'USAGE');
-- parameters: those of superusers stay theirs
SELECT s.name FROM pg_settings s
WHERE s.context IN ('suset', 'superuser-backend', 'sighup', 'postmaster')
    AND has_parameter_privilege('regress_web', s.name, 'SET, ALTER SYSTEM') ORDER BY 1;
SELECT s.name FROM pg_settings s WHERE s.name LIKE 'pg\_principal.%' AND s.context = 'user'
    ORDER BY 1;
-- databases, tablespaces, languages, foreign data and large objects
SELECT has_database_privilege('regress_web', current_database(), 'CREATE') AS create,
    (SELECT count(*) FROM pg_tablespace t WHERE has_tablespace_privilege('regress_web', t.oid,
        'CREATE') AND t.spcname <> 'pg_default') AS tablespaces,
    (SELECT count(*) FROM pg_foreign_data_wrapper w
        WHERE has_foreign_data_wrapper_privilege('regress_web', w.oid, 'USAGE')) AS wrappers,
    (SELECT count(*) FROM pg_foreign_server s WHERE has_server_privilege('regress_web', s.oid,
        'USAGE')) AS servers,
    (SELECT string_agg(l.lanname, ' ' ORDER BY l.lanname) FROM pg_language l WHERE l.lanpltrusted
        AND has_language_privilege('regress_web', l.oid, 'USAGE')) AS languages,
    (SELECT count(*) FROM pg_largeobject_metadata) AS large_objects;
-- what it owns, and default privileges that would give it more
SELECT count(*) AS owns FROM pg_shdepend d WHERE d.refobjid IN ('regress_web'::regrole,
    'authenticator'::regrole) AND d.deptype = 'o';
SELECT count(*) AS more_later FROM pg_default_acl d, aclexplode(d.defaclacl) a
    WHERE a.grantee IN (0, 'regress_web'::regrole, 'authenticator'::regrole);
DROP ROLE regress_web;
