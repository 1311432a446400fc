-- Every name below is qualified; nothing resolves through a path that somebody else can write to.
SET LOCAL search_path = pg_catalog, pg_temp;

-- A schema that was there before could belong to somebody who then owns the ground we stand on.
DO $$
DECLARE
    owner_name name;
    is_safe boolean;
    stranger text;
    is_being_made boolean := false;
BEGIN
    -- Supabase Auth's, most likely; what is of an extension is ours, before an update.
    SELECT o.what INTO stranger FROM pg_namespace n, LATERAL (
            SELECT 1 AS place, 'table ' || c.relname AS what, 'pg_class'::regclass AS class, c.oid
            FROM pg_class c WHERE c.relnamespace = n.oid
                AND c.relname IN ('users', 'sessions', 'refresh_tokens')
            UNION ALL
            SELECT 2, 'function ' || p.proname, 'pg_proc'::regclass, p.oid FROM pg_proc p
            WHERE p.pronamespace = n.oid AND p.proname IN ('uid', 'email', 'role', 'jwt')
                AND p.pronargs = 0) AS o -- others of these names are in nobody's way
    WHERE n.nspname = 'auth' AND NOT EXISTS (SELECT FROM pg_depend d
        WHERE d.classid = o.class AND d.objid = o.oid AND d.deptype = 'e')
    ORDER BY o.place, o.what DESC LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'schema auth holds the % of another system', stranger
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'Use another database, or ALTER SCHEMA auth RENAME TO another name first '
                         '(docs/supabase.md).';
    END IF;
    SELECT r.rolname, r.rolsuper INTO owner_name, is_safe
    FROM pg_namespace n JOIN pg_roles r ON r.oid = n.nspowner
    WHERE n.nspname = 'auth';
    IF NOT is_safe THEN
        RAISE EXCEPTION 'schema auth belongs to %, who is not a superuser', owner_name
            USING ERRCODE = 'insufficient_privilege',
                  HINT = 'Drop it, or ALTER SCHEMA auth OWNER TO a superuser after looking at what '
                         'it holds.';
    END IF;
    -- What default privileges give in a schema that is being made lasts until 90_grants.sql, and
    -- nobody else sees it yet.
    BEGIN
        SELECT txid_status(txid_current() >> 32 << 32 | n.xmin::text::bigint)
            IS NOT DISTINCT FROM 'in progress'
        INTO is_being_made FROM pg_namespace n WHERE n.nspname = 'auth';
    EXCEPTION WHEN invalid_parameter_value THEN
        is_being_made := false; -- made when transactions were counted up to 2^32 once less
    END;
    IF NOT is_being_made AND EXISTS (SELECT FROM pg_namespace n, aclexplode(n.nspacl) a
        LEFT JOIN pg_roles r ON r.oid = a.grantee
               WHERE n.nspname = 'auth' AND a.privilege_type = 'CREATE'
                   AND NOT coalesce(r.rolsuper, false)) THEN
        RAISE EXCEPTION 'schema auth can be written to by roles that are not superusers'
            USING ERRCODE = 'insufficient_privilege',
                  HINT = 'REVOKE CREATE ON SCHEMA auth from them first.';
    END IF;
    -- Of two functions of a name the one that fits better is called: one that somebody has left
    -- there would run with our rights.
    SELECT p.oid::regprocedure::text, r.rolname INTO stranger, owner_name
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
        JOIN pg_roles r ON r.oid = p.proowner
    WHERE n.nspname = 'auth' AND NOT r.rolsuper AND NOT EXISTS (SELECT FROM pg_depend d
            JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
        WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
            AND e.extname = 'pg_principal')
    ORDER BY p.oid LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'function % in schema auth belongs to %, who is not a superuser', stranger,
            owner_name
            USING ERRCODE = 'insufficient_privilege',
                  HINT = 'Drop it, or ALTER ROUTINE OWNER TO a superuser after looking at what it '
                         'does.';
    END IF;
END
$$;

-- What follows would fail half-way, or call by one signature what has another, in a server that
-- was not restarted since its files were exchanged.
DO $$
DECLARE
    wanted constant text :=
        (SELECT e.extversion FROM pg_extension e WHERE e.extname = 'pg_principal');
    loaded text;
BEGIN
    BEGIN
        CREATE OR REPLACE FUNCTION auth.library_version() RETURNS text
        LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pg_principal_library_version';
        loaded := auth.library_version();
    EXCEPTION WHEN undefined_function THEN -- before 0.3.0
        NULL;
    END;
    IF loaded IS NULL OR loaded ~ '^[0-9.]+$' AND wanted ~ '^[0-9.]+$'
        AND string_to_array(loaded, '.')::integer[] < string_to_array(wanted, '.')::integer[] THEN
        RAISE EXCEPTION 'the library that is loaded is older than pg_principal %: %', wanted,
            coalesce(loaded, 'before 0.3.0')
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'Restart the server, its standbys first, then do this again.';
    END IF;
END
$$;
