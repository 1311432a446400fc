-- What an agent or an application may touch on somebody's behalf: policies beside the clamp.

CREATE OR REPLACE FUNCTION auth.clamp_agents(tbl regclass, reads text DEFAULT NULL,
    writes text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    table_name text;
    part record;
BEGIN
    PERFORM auth.raise_error('scope_malformed', s) FROM unnest(ARRAY[reads, writes]) AS s
    WHERE s !~ '^[]!#-[^-~]{1,255}$' LIMIT 1;
    SELECT format('%I.%I', n.nspname, c.relname) INTO table_name
    FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid JOIN pg_namespace n
        ON n.oid = c.relnamespace
    WHERE p.polrelid = tbl AND p.polname = 'pg_principal_clamp';
    IF NOT FOUND THEN
        PERFORM auth.raise_error('clamp_absent', coalesce(tbl::text, 'NULL'));
    END IF;
    FOR part IN
        SELECT k.kind, k.scope, k.clause, n.policy, EXISTS (SELECT FROM pg_policy p
            WHERE p.polrelid = tbl AND p.polname = n.policy) AS is_there
        FROM (VALUES ('SELECT', reads, 'USING'), ('INSERT', coalesce(writes, reads), 'WITH CHECK'),
            ('UPDATE', coalesce(writes, reads), 'USING'),
            ('DELETE', coalesce(writes, reads), 'USING')) AS k (kind, scope, clause),
            LATERAL concat('pg_principal_agents_', lower(k.kind COLLATE "C")) AS n (policy)
    LOOP
        IF part.is_there THEN
            EXECUTE format('DROP POLICY %I ON %s', part.policy, table_name);
        END IF;
        CONTINUE WHEN part.scope IS NULL;
        -- restrictive, as the clamp: it narrows what that shows
        EXECUTE format('CREATE POLICY %I ON %s AS RESTRICTIVE FOR %s %s (NOT (SELECT '
            'auth.is_delegated() OR (auth.client_id() <> auth.uid()::text) IS TRUE) '
            'OR (SELECT auth.has_scope(%L)))', part.policy, table_name,
            part.kind, part.clause, part.scope);
    END LOOP;
END
$$;
COMMENT ON FUNCTION auth.clamp_agents(regclass, text, text) IS
'Binds what an agent (auth.is_delegated()) or an application (auth.register_client()) may touch '
'on somebody''s behalf in a clamped table: it sees rows with a token that carries the scope '
'reads, and inserts, updates and deletes with the scope writes, of those that the clamp shows '
'it. reads NULL: it sees what the person sees; writes NULL: as reads; both: nothing is bound. '
'Whoever calls for itself is not bound. A second call replaces the first, auth.unclamp() takes '
'it away, another auth.clamp() does not. 42704 when the table is not clamped, 22023 for what is '
'no scope.';
