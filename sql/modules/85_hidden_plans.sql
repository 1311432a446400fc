-- Anybody may set debug_print_plan and have the plans of what our functions run sent to themselves,
-- with the values that the planner has put in as constants: rows of auth.users, the material of a
-- new key.
DO $$
DECLARE
    entry regprocedure;
BEGIN
    -- those in SQL, too: PostgreSQL 18 plans them with values, and what they call is planned so
    -- everywhere
    FOR entry IN
        SELECT p.oid FROM pg_proc p
        WHERE p.pronamespace = 'auth'::regnamespace AND p.prosecdef
    LOOP
        EXECUTE format('ALTER FUNCTION %s SET debug_print_plan = off', entry);
    END LOOP;
END
$$;
ALTER FUNCTION auth.store_signing_key(text, text, jsonb, bytea, text,
    boolean) SET debug_print_plan = off;
