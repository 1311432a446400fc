-- Whether tables are as the extension made them, and what goes past a clamp.

CREATE OR REPLACE FUNCTION auth.changed_parts(OUT tbl name, OUT part text, OUT is_there boolean)
    RETURNS SETOF record
LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH tables AS (
        SELECT c.oid, c.relname FROM pg_class c
            JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid
            JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
        WHERE e.extname = 'pg_principal' AND d.deptype = 'e' AND c.relkind IN ('r', 'p')
    ), there AS MATERIALIZED (
        SELECT t.relname::text AS tbl, p.part FROM tables t, LATERAL (
            SELECT 'column ' || a.attname AS part FROM pg_attribute a
            WHERE a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
            UNION ALL SELECT 'index ' || x.relname FROM pg_index i
                JOIN pg_class x ON x.oid = i.indexrelid
            WHERE i.indrelid = t.oid AND NOT EXISTS (SELECT FROM pg_constraint k
                WHERE k.conindid = i.indexrelid AND k.conrelid = t.oid)
            UNION ALL SELECT 'constraint ' || k.conname FROM pg_constraint k
            WHERE k.conrelid = t.oid AND k.contype IN ('c', 'f', 'p', 'u', 'x')
            UNION ALL SELECT 'trigger ' || g.tgname FROM pg_trigger g
            WHERE g.tgrelid = t.oid AND NOT g.tgisinternal
            UNION ALL SELECT 'policy ' || p.polname FROM pg_policy p WHERE p.polrelid = t.oid
            UNION ALL SELECT 'rule ' || r.rulename FROM pg_rewrite r WHERE r.ev_class = t.oid
            UNION ALL SELECT 'publication ' || b.pubname FROM pg_publication_rel r
                JOIN pg_publication b ON b.oid = r.prpubid WHERE r.prrelid = t.oid) AS p
    ), own AS MATERIALIZED (
        SELECT o.tbl, o.part FROM auth.own_parts() AS o
    )
    SELECT coalesce(t.tbl, o.tbl)::name, coalesce(t.part, o.part), o.tbl IS NULL
    FROM there t FULL JOIN own o ON o.tbl = t.tbl AND o.part = t.part
    WHERE t.tbl IS NULL OR o.tbl IS NULL
    ORDER BY 1, 2;
END;
COMMENT ON FUNCTION auth.changed_parts() IS
'Internal: what is on the extension''s tables and not its own, and what of its own is not there: '
'columns, indexes, constraints, triggers, policies, rules, places in publications.';

CREATE OR REPLACE FUNCTION auth.weakened_objects(OUT told text, OUT mend text)
    RETURNS SETOF record
LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH RECURSIVE things AS MATERIALIZED (
        SELECT c.oid::regclass::text AS name, 'TABLE' AS kind, c.relowner AS owner,
            c.relrowsecurity OR c.relkind = 'v' AS is_shielded, e.extowner
        FROM pg_extension e
            JOIN pg_depend d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
            JOIN pg_class c ON d.classid = 'pg_class'::regclass AND c.oid = d.objid
        WHERE e.extname = 'pg_principal' AND d.deptype = 'e' AND c.relkind IN ('r', 'p', 'v')
        UNION ALL
        -- one that is none of ours and fits better than ours is called instead, with our rights
        SELECT p.oid::regprocedure::text, 'ROUTINE', p.proowner, true, e.extowner
        FROM pg_extension e JOIN pg_proc p ON p.pronamespace = 'auth'::regnamespace
        WHERE e.extname = 'pg_principal'
        UNION ALL -- no part of the extension, but the ground it stands on
        SELECT 'auth', 'SCHEMA', n.nspowner, true, e.extowner
        FROM pg_extension e JOIN pg_namespace n ON n.nspname = 'auth'
        WHERE e.extname = 'pg_principal'
    ), reached (tbl) AS ( -- tables that a deletion reaches, up to those of no superuser
        SELECT k.conrelid FROM pg_constraint k JOIN pg_class c ON c.oid = k.confrelid
        WHERE k.contype = 'f' AND k.conparentid = 0 AND c.relnamespace = 'auth'::regnamespace
        UNION
        SELECT k.conrelid FROM reached h JOIN pg_constraint k ON k.confrelid = h.tbl
            JOIN pg_class c ON c.oid = h.tbl JOIN pg_roles r ON r.oid = c.relowner
        WHERE k.contype = 'f' AND k.conparentid = 0 AND r.rolsuper
    ), trusted AS MATERIALIZED ( -- their triggers run as a superuser, those of partitions too
        SELECT h.tbl, coalesce(p.relid, h.tbl) AS part, o.rolname AS owner, r.rolname AS others
        FROM reached h JOIN pg_class c ON c.oid = h.tbl
            JOIN pg_roles o ON o.oid = c.relowner AND o.rolsuper
            LEFT JOIN LATERAL pg_partition_tree(h.tbl) AS p ON c.relkind = 'p'
            LEFT JOIN pg_class x ON x.oid = p.relid
            LEFT JOIN pg_roles r ON r.oid = x.relowner AND NOT r.rolsuper
    ), weak AS (
        SELECT format('row security of %s is switched off', t.name) AS told,
            format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', t.name) AS mend
        FROM things t WHERE NOT t.is_shielded
        UNION ALL
        SELECT format('ANALYZE samples %s.%I, or long values of it are kept apart: members of '
                'pg_read_all_data read them', s.tbl, s.column),
            format('ALTER TABLE %s ALTER %I SET STATISTICS 0, ALTER %2$I SET STORAGE MAIN; DELETE '
                'FROM pg_statistic WHERE starelid = %1$L::regclass AND staattnum = %3$s',
                s.tbl, s.column, a.attnum)
        FROM auth.secret_columns() AS s JOIN pg_attribute a ON a.attrelid = s.tbl
            AND a.attname = s.column
        WHERE a.attstattarget IS DISTINCT FROM 0 OR a.attstorage <> 'm'
        UNION ALL
        -- an update by another superuser leaves things of both
        SELECT format(CASE t.kind WHEN 'SCHEMA' THEN 'the schema %s belongs to %I, who can make '
                    'functions in it that pass for the extension''s; a dump is not restored'
                ELSE '%s belongs to %I, who can change it and whom no grant binds' END,
                t.name, r.rolname),
            format('ALTER %s %s OWNER TO %I', t.kind, t.name, t.extowner::regrole)
        FROM things t JOIN pg_roles r ON r.oid = t.owner
        WHERE t.owner <> t.extowner AND NOT r.rolsuper
        UNION ALL
        -- the server compares such keys by a cast of that type, as the owner of what is referenced
        SELECT format('%s references %s by a column of type %s, whose casts can run code as that '
                'table''s owner', k.conrelid::regclass, k.confrelid::regclass,
                format_type(y.oid, NULL)),
            format('ALTER TABLE %s DROP CONSTRAINT %I', k.conrelid::regclass, k.conname)
        FROM pg_constraint k JOIN pg_class c ON c.oid = k.confrelid
            JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey)
            JOIN pg_type y ON y.oid = a.atttypid JOIN pg_roles r ON r.oid = y.typowner
        WHERE k.contype = 'f' AND c.relnamespace = 'auth'::regnamespace AND NOT r.rolsuper
        UNION ALL
        SELECT format('column %I of %s is of the type %s, and an update of the extension that '
                'alters that table is refused', a.attname, c.oid::regclass,
                format_type(a.atttypid, NULL)),
            format('ALTER TABLE %s ALTER %I TYPE jsonb USING to_jsonb(%2$I)', c.oid::regclass,
                a.attname)
        FROM pg_class t JOIN pg_type y ON y.typrelid = t.oid
            CROSS JOIN unnest(ARRAY[y.oid, y.typarray]) AS own (type)
            JOIN pg_attribute a ON a.atttypid = own.type AND NOT a.attisdropped
            JOIN pg_class c ON c.oid = a.attrelid
        WHERE t.relnamespace = 'auth'::regnamespace AND t.relkind = 'r'
            AND c.relkind IN ('r', 'p', 'm', 'f')
        UNION ALL
        SELECT format('%s belongs to %I, whose triggers run as %I, the owner of %s, when a '
                'principal goes', d.part::regclass, d.others, d.owner, d.tbl::regclass),
            format('ALTER TABLE %s OWNER TO %I', d.part::regclass, d.owner)
        FROM trusted d WHERE d.others IS NOT NULL
        UNION ALL
        SELECT format('%s of %I runs as %I in a trigger of %s when a principal goes',
                f.oid::regprocedure, r.rolname, d.owner, d.part::regclass),
            format('ALTER FUNCTION %s OWNER TO %I', f.oid::regprocedure, d.owner)
        FROM trusted d JOIN pg_trigger g ON g.tgrelid = d.part AND g.tgtype & 24 <> 0
            JOIN pg_proc f ON f.oid = g.tgfoid AND NOT f.prosecdef
            JOIN pg_roles r ON r.oid = f.proowner AND NOT r.rolsuper
        WHERE d.others IS NULL
    )
    SELECT w.told, w.mend FROM weak w ORDER BY 1 LIMIT 20;
END;
COMMENT ON FUNCTION auth.weakened_objects() IS
'Internal: tables of the extension without row security, secrets that are sampled, what of it '
'belongs to somebody else than a superuser, foreign keys to it by types that do, columns of the '
'types of its tables, and whose code runs as a superuser when a principal goes, with what mends '
'it.';

CREATE OR REPLACE FUNCTION auth.check_tables(OUT item text, OUT state text, OUT detail text,
    OUT remedy text) RETURNS SETOF record
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    changed record;
    found_any boolean := false;
BEGIN
    item := 'own objects';
    FOR changed IN
        SELECT format('auth.%I', p.tbl) AS tbl, p.part, p.is_there FROM auth.changed_parts() AS p
    LOOP
        found_any := true;
        state := CASE WHEN changed.is_there AND changed.part NOT LIKE 'column %' THEN 'warning'
            ELSE 'error' END;
        detail := format('%s has the %s', changed.tbl, changed.part);
        IF NOT changed.is_there THEN
            detail := format('%s lacks the %s', changed.tbl, changed.part);
            remedy := 'Make it again as a new database with the extension has it, or restore a '
                      'dump into one';
        ELSIF changed.part LIKE 'column %' THEN
            detail := detail || ', with which a restore brings no row of that table';
            remedy := 'Keep it in a table of your own (docs/own-data.md)';
        ELSE
            detail := detail || ', which is in no dump';
            remedy := 'Keep its statement in a migration that runs after each restore '
                      '(docs/own-data.md)';
        END IF;
        RETURN NEXT;
    END LOOP;
    FOR changed IN
        WITH own AS MATERIALIZED (SELECT o.tbl, o.part FROM auth.own_parts() AS o)
        SELECT c.oid::regclass AS tbl, g.tgname, a.is_always FROM pg_trigger g
            JOIN pg_class c ON c.oid = g.tgrelid
            JOIN own o ON o.tbl = c.relname::text AND o.part = 'trigger ' || g.tgname::text
            -- these fire for a logical subscription's changes, too; another there does it twice
            CROSS JOIN LATERAL (SELECT g.tgname ~ '^(signal|store|take)_' AS is_always) AS a
        WHERE g.tgenabled <> CASE WHEN a.is_always THEN 'A' ELSE 'O' END::"char"
            AND (a.is_always OR g.tgenabled <> 'A') AND c.relnamespace = 'auth'::regnamespace
    LOOP
        found_any := true;
        state := 'error';
        detail := format('trigger %I on %s is disabled, here or on a subscriber: what it guards is '
            'unguarded',
            changed.tgname, changed.tbl);
        remedy := format('ALTER TABLE %s ENABLE %sTRIGGER %I', changed.tbl,
            CASE WHEN changed.is_always THEN 'ALWAYS ' END, changed.tgname);
        RETURN NEXT;
    END LOOP;
    FOR changed IN
        WITH RECURSIVE reached (tbl, by_others) AS (
            SELECT k.conrelid, NOT r.rolsuper
            FROM pg_constraint k JOIN pg_class c ON c.oid = k.confrelid
                JOIN pg_class d ON d.oid = k.conrelid JOIN pg_roles r ON r.oid = d.relowner
            WHERE k.contype = 'f' AND c.relnamespace = 'auth'::regnamespace
                AND d.relnamespace <> 'auth'::regnamespace
            UNION
            SELECT k.conrelid, NOT r.rolsuper
            FROM reached h JOIN pg_constraint k ON k.confrelid = h.tbl AND k.contype = 'f'
                JOIN pg_class d ON d.oid = k.conrelid JOIN pg_roles r ON r.oid = d.relowner
            WHERE NOT h.by_others
        )
        SELECT g.tgname, g.tgrelid::regclass AS tbl, g.tgfoid::regprocedure AS function
        FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid JOIN pg_proc f ON f.oid = g.tgfoid
        WHERE NOT g.tgisinternal AND g.tgtype & 74 = 8 AND NOT f.prosecdef -- AFTER DELETE
            AND (c.relnamespace = 'auth'::regnamespace OR EXISTS (SELECT FROM reached h
                WHERE h.tbl = c.oid AND NOT h.by_others))
            AND f.pronamespace <> 'auth'::regnamespace
            AND EXISTS (SELECT FROM reached h WHERE h.by_others)
            AND current_setting('server_version_num')::integer < 180000
    LOOP
        found_any := true;
        state := 'warning';
        detail := format('trigger %I on %s runs with the rights of who owns tables that reference '
            'principals when one is deleted', changed.tgname, changed.tbl);
        remedy := format('ALTER FUNCTION %s SECURITY DEFINER, with a search_path of its own',
            changed.function);
        RETURN NEXT;
    END LOOP;
    FOR changed IN SELECT * FROM auth.weakened_objects() LOOP
        found_any := true;
        state := 'error';
        detail := changed.told;
        remedy := changed.mend;
        RETURN NEXT;
    END LOOP;
    IF NOT found_any THEN
        state := 'ok';
        detail := 'the extension''s tables are as it made them';
        remedy := NULL;
        RETURN NEXT;
    END IF;
END
$$;
COMMENT ON FUNCTION auth.check_tables() IS
'Internal: findings about the extension''s own tables.';

CREATE OR REPLACE FUNCTION auth.check_clamps(OUT item text, OUT state text, OUT detail text,
    OUT remedy text) RETURNS SETOF record
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    clamps record;
    past record;
    clamped bigint := 0;
    found_any boolean := false;
BEGIN
    item := 'clamps';
    FOR clamps IN
        SELECT c.oid::regclass AS tbl, c.relrowsecurity, c.relforcerowsecurity,
            c.relnamespace = 'auth'::regnamespace AS is_own
        FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
        WHERE p.polname = 'pg_principal_clamp' ORDER BY c.oid::regclass::text
    LOOP
        clamped := clamped + 1;
        IF NOT clamps.relrowsecurity THEN
            found_any := true;
            state := 'error';
            detail := format('row security of %s is switched off: its clamp binds nobody',
                clamps.tbl);
            remedy := format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', clamps.tbl);
            RETURN NEXT;
        END IF;
        FOR past IN SELECT * FROM auth.clamp_findings(clamps.tbl, clamps.relforcerowsecurity) LOOP
            CONTINUE WHEN clamps.is_own AND past.kind = 'foreign key'; -- the roster's managers
            CONTINUE WHEN past.kind = 'extension' -- told as a changed part
                AND clamps.is_own AND clamps.tbl <> 'auth.organization_people'::regclass;
            found_any := true;
            state := CASE WHEN past.kind IN ('view', 'truncate', 'trigger', 'subscription')
                THEN 'error' ELSE 'warning' END;
            detail := past.message;
            remedy := past.hint;
            RETURN NEXT;
        END LOOP;
    END LOOP;
    FOR clamps IN -- FORCE is part of the definition, policies and that they count are not
        SELECT c.oid::regclass AS tbl FROM pg_class c
        WHERE c.relforcerowsecurity AND NOT c.relrowsecurity
            AND NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid)
        ORDER BY c.oid::regclass::text
    LOOP
        found_any := true;
        state := 'error';
        detail := format('row security of %s is forced, but switched off, and there is no policy: '
            'pg_restore --table leaves a table so that had a clamp', clamps.tbl);
        remedy := format('SELECT auth.clamp(%L, ...), or ALTER TABLE %s NO FORCE ROW LEVEL '
            'SECURITY', clamps.tbl, clamps.tbl);
        RETURN NEXT;
    END LOOP;
    IF NOT found_any THEN
        state := 'ok';
        detail := format('%s, and nothing that goes past them',
            auth.counted(clamped, 'table'));
        remedy := NULL;
        RETURN NEXT;
    END IF;
END
$$;
COMMENT ON FUNCTION auth.check_clamps() IS
'Internal: findings about clamped tables, and views, materialized views, foreign keys, partitions, '
'publications and subscriptions of them.';
