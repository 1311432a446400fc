-- Whether functions are as the extension made them.

CREATE OR REPLACE FUNCTION auth.function_digests(OUT function text, OUT definition text,
    OUT body text) RETURNS SETOF record
LANGUAGE sql STABLE
BEGIN ATOMIC
    -- names as the catalog has them: how they are written is up to the session
    SELECT concat(p.proname, '(', (SELECT string_agg((SELECT t.typname FROM pg_type t
                WHERE t.oid = a.type), ', ' ORDER BY a.n)
            FROM unnest(p.proargtypes) WITH ORDINALITY AS a (type, n)), ')'),
        auth.short_digest(jsonb_build_array((SELECT l.lanname FROM pg_language l
                WHERE l.oid = p.prolang), p.prosrc, p.probin, p.prosecdef,
            p.proleakproof, p.proisstrict, p.provolatile, p.proparallel,
            (SELECT s.proname FROM pg_proc s WHERE s.oid = p.prosupport), ARRAY(
                SELECT replace(s, '"', '') FROM unnest(p.proconfig) AS s ORDER BY 1))::text),
        -- but for the places in the text of the script
        auth.short_digest(regexp_replace(concat(p.prosqlbody::text, p.proargdefaults::text),
            '(location|stmt_len) -?[0-9]+', '', 'g'))
    FROM pg_proc p
        JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
        JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND e.oid = d.refobjid
    WHERE e.extname = 'pg_principal' AND p.proname <> 'own_functions';
END;
COMMENT ON FUNCTION auth.function_digests() IS
'Internal: what tells another definition of a function of the extension. body is of what the '
'server has parsed, and says nothing in another cluster or to another version.';

CREATE OR REPLACE FUNCTION auth.this_server() RETURNS text
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT concat_ws(' ', s.system_identifier, current_setting('server_version_num')::integer
        / 10000) FROM pg_control_system() AS s;
END;
COMMENT ON FUNCTION auth.this_server() IS
'Internal: the cluster and its major version, both of which pg_upgrade changes.';

CREATE OR REPLACE FUNCTION auth.check_functions(OUT item text, OUT state text, OUT detail text,
    OUT remedy text) RETURNS SETOF record
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    made constant jsonb := auth.own_functions();
    is_same_server constant boolean := made->>'server' = auth.this_server();
    changed record;
    found_any boolean := false;
BEGIN
    item := 'own functions';
    FOR changed IN
        SELECT coalesce(d.function, m.function) AS function, d.function IS NULL AS is_gone,
            count(*) OVER () AS alike, row_number() OVER (ORDER BY coalesce(d.function,
                m.function)) AS n
        FROM auth.function_digests() AS d
            FULL JOIN jsonb_each(made->'functions') AS m (function, digests)
                ON m.function = d.function
        WHERE d.definition IS DISTINCT FROM m.digests->>0
            OR is_same_server AND d.body IS DISTINCT FROM m.digests->>1
    LOOP
        CONTINUE WHEN changed.n > 10;
        found_any := true;
        state := 'error';
        detail := format('auth.%s is not as the extension made it', changed.function);
        IF changed.is_gone THEN
            detail := format('auth.%s is gone, or the extension''s no longer', changed.function);
        ELSIF changed.n = 10 AND changed.alike > 10 THEN
            detail := detail || format(', nor are %s more', changed.alike - 10);
        END IF;
        remedy := format('Find out who changed it, then run its statement again, which is in '
            'extension/pg_principal--%s.sql where pg_config --sharedir says',
            (SELECT e.extversion FROM pg_extension e WHERE e.extname = 'pg_principal'));
        RETURN NEXT;
    END LOOP;
    IF NOT found_any THEN
        state := 'ok';
        detail := 'as the extension made them';
        remedy := NULL;
        IF NOT is_same_server THEN
            detail := detail || ', but for the bodies of those in SQL, which cannot be compared '
                'after pg_upgrade';
        END IF;
        RETURN NEXT;
    END IF;
END
$$;
COMMENT ON FUNCTION auth.check_functions() IS
'Internal: findings about the extension''s own functions.';
