-- PL/pgSQL compares by the collation of the arguments that it was called with. Anybody may give
-- one, and make one by which any two texts are the same: addresses, roles, scopes.

CREATE OR REPLACE FUNCTION auth.default_collation(internal) RETURNS internal
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'pg_principal_default_collation';
REVOKE ALL ON FUNCTION auth.default_collation(internal) FROM PUBLIC;
COMMENT ON FUNCTION auth.default_collation(internal) IS
'Internal: planner support function; whatever the collation of its arguments, a function compares '
'by that of the database.';

DO $$
DECLARE
    entry regprocedure;
BEGIN
    FOR entry IN
        SELECT p.oid FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
        WHERE p.pronamespace = 'auth'::regnamespace AND l.lanname = 'plpgsql'
            -- what others may call; it passes on what it was given
            AND EXISTS (SELECT FROM aclexplode(p.proacl) AS a WHERE a.grantee <> p.proowner)
            AND p.proname <> 'check_installation' -- which works where the library is not there
            AND EXISTS (SELECT FROM unnest(p.proargtypes) AS a JOIN pg_type t ON t.oid = a
                WHERE t.typcollation <> 0)
    LOOP
        EXECUTE format('ALTER FUNCTION %s SUPPORT auth.default_collation', entry);
    END LOOP;
END
$$;
