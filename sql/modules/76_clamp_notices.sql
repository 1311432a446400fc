-- What goes past a clamp or meets it unawares, said once when the clamp is installed.

CREATE OR REPLACE FUNCTION auth.bypasses_clamp(role oid, table_owner oid, forced boolean)
    RETURNS boolean
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT r.rolsuper OR r.rolbypassrls OR NOT bypasses_clamp.forced
        AND pg_has_role(r.oid, bypasses_clamp.table_owner, 'USAGE')
    FROM pg_roles r WHERE r.oid = bypasses_clamp.role;
END;
COMMENT ON FUNCTION auth.bypasses_clamp(oid, oid, boolean) IS
'Internal: whether row security of a table lets a role see every row.';

-- Views over the table, at any height. past: what they read is read with the rights of an owner
-- whom row security does not bind, unless they or the views between are security_invoker.
CREATE OR REPLACE FUNCTION auth.clamp_readers(tbl regclass, forced boolean, OUT reader oid,
    OUT kind "char", OUT past boolean) RETURNS SETOF record
LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH RECURSIVE uses AS (
        SELECT DISTINCT d.refobjid AS below, v.oid AS above, v.relkind, v.relowner,
            v.relkind = 'v' AND EXISTS (SELECT FROM pg_options_to_table(v.reloptions) AS o
                WHERE o.option_name = 'security_invoker'
                    AND lower(o.option_value COLLATE "C")
                        IN ('true', 'on', '1', 'yes', 't', 'y')) AS as_caller
        FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid JOIN pg_class v ON v.oid = r.ev_class
        WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass
            AND v.oid <> d.refobjid AND v.relkind IN ('v', 'm')
    ), readers (oid, relkind, past, as_caller) AS (
        SELECT u.above, u.relkind, NOT u.as_caller AND auth.bypasses_clamp(u.relowner, c.relowner,
            clamp_readers.forced), u.as_caller
        FROM uses u JOIN pg_class c ON c.oid = u.below WHERE u.below = clamp_readers.tbl
        UNION
        SELECT u.above, u.relkind, r.as_caller AND NOT u.as_caller
            AND auth.bypasses_clamp(u.relowner, c.relowner, clamp_readers.forced),
            r.as_caller AND u.as_caller
        FROM readers r JOIN uses u ON u.below = r.oid JOIN pg_class c ON c.oid = clamp_readers.tbl
    )
    SELECT r.oid, r.relkind, bool_or(r.past) FROM readers r GROUP BY r.oid, r.relkind;
END;
COMMENT ON FUNCTION auth.clamp_readers(regclass, boolean) IS
'Internal: the views and materialized views over a table, and which of them show its rows past a '
'clamp.';

CREATE OR REPLACE FUNCTION auth.clamp_findings(tbl regclass, forced boolean, OUT kind text,
    OUT message text, OUT hint text) RETURNS SETOF record
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    target pg_class;
    names text;
    granted record;
    -- of the table, unless the subscription says otherwise
    applies_as_owner constant boolean :=
        current_setting('server_version_num')::integer >= 160000;
BEGIN
    SELECT * INTO target FROM pg_class c WHERE c.oid = tbl;
    SELECT quote_ident(e.extname) INTO names
    FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
    WHERE d.classid = 'pg_class'::regclass AND d.objid = tbl AND d.deptype = 'e'
        AND NOT EXISTS (SELECT FROM pg_policy p -- but the clamp that the roster is made with
            WHERE p.polrelid = tbl AND tbl = 'auth.organization_people'::regclass
                AND obj_description(p.oid, 'pg_policy')
                    LIKE 'auth.clamp: scope self_and_reports on email, reads;%');
    IF FOUND THEN
        kind := 'extension';
        message := format('%s is a table of the extension %s: its clamp is in no dump', tbl, names);
        hint := 'A restore makes the table as the extension has it: call auth.clamp() again after '
                'each, or keep the rows in a table of your own.';
        RETURN NEXT;
    END IF;
    SELECT string_agg(r.reader::regclass::text, ', ' ORDER BY r.reader::regclass::text) INTO names
        FROM auth.clamp_readers(tbl, forced) r WHERE r.kind = 'm';
    IF names IS NOT NULL THEN
        kind := 'materialized view';
        message := format('rows of %s are kept past the clamp in materialized view %s', tbl, names);
        hint := 'Whoever may read it sees what its owner saw at the last REFRESH, which is nothing '
                'where the clamp binds the owner: let a role with BYPASSRLS own it, and grant it '
                'to nobody who must not see every row.';
        RETURN NEXT;
    END IF;
    SELECT string_agg(r.reader::regclass::text, ', ' ORDER BY r.reader::regclass::text) INTO names
        FROM auth.clamp_readers(tbl, forced) r WHERE r.kind = 'v' AND r.past;
    IF names IS NOT NULL THEN
        kind := 'view';
        message :=
            format('every row of %s shows in view %s, whose owner row security does not bind', tbl,
            names);
        hint := format('ALTER VIEW %s SET (security_invoker = true);', split_part(names, ', ', 1));
        RETURN NEXT;
    END IF;
    SELECT string_agg(format('%I on %s', k.conname, k.conrelid::regclass), ', '
        ORDER BY k.conname, k.conrelid::regclass::text) INTO names
    FROM pg_constraint k WHERE k.contype = 'f' AND k.conparentid = 0 AND (k.conrelid = tbl
        OR k.confrelid = tbl);
    IF names IS NOT NULL THEN
        kind := 'foreign key';
        message := format('rows of %s are checked past the clamp by foreign key %s', tbl, names);
        hint := 'Each row that is written is checked against all rows, and an error tells its '
                'writer which keys exist. Let a role with BYPASSRLS add and validate foreign keys: '
                'as a clamped owner, VALIDATE checks only what it sees.';
        RETURN NEXT;
    END IF;
    -- GRANT ALL grants all three
    FOR granted IN
        SELECT p.kind, p.privilege, p.told, string_agg(g.name, ', ' ORDER BY g.name) AS names
        FROM (VALUES (1, 'truncate', 'TRUNCATE', '%s may TRUNCATE %s, which no row security stops'),
            (2, 'trigger', 'TRIGGER', '%s may put triggers on %s, which are given every row that '
                'anybody writes, and run as who writes it'),
            (3, 'references', 'REFERENCES', '%s may reference %s by foreign keys, which tell what '
                'keys exist in it')) AS p (n, kind, privilege, told),
            LATERAL (SELECT DISTINCT CASE a.grantee WHEN 0 THEN 'PUBLIC'
                ELSE a.grantee::regrole::text END AS name
                FROM (SELECT target.relacl UNION ALL SELECT c.attacl FROM pg_attribute c
                    WHERE c.attrelid = tbl AND c.attnum > 0) AS l (acl), aclexplode(l.acl) AS a
                WHERE a.privilege_type = p.privilege AND a.grantee <> target.relowner) AS g
        GROUP BY p.n, p.kind, p.privilege, p.told ORDER BY p.n
    LOOP
        kind := granted.kind;
        message := format(granted.told, granted.names, tbl);
        hint := format('REVOKE %s ON %s FROM %s;', granted.privilege, tbl, granted.names);
        RETURN NEXT;
    END LOOP;
    SELECT string_agg(i.inhrelid::regclass::text, ', ' ORDER BY i.inhrelid::regclass::text)
        INTO names
    FROM pg_inherits i WHERE i.inhparent = tbl;
    IF names IS NOT NULL THEN
        kind := 'partition';
        message := format('rows of %s are not clamped where they are read from %s %s directly', tbl,
            CASE target.relkind WHEN 'p' THEN 'partition' ELSE 'child table' END, names);
        hint := 'Grant privileges on the parent only, or clamp each of them.';
        RETURN NEXT;
    END IF;
    SELECT string_agg(i.inhparent::regclass::text, ', ' ORDER BY i.inhparent::regclass::text)
        INTO names
    FROM pg_inherits i WHERE i.inhrelid = tbl;
    IF names IS NOT NULL THEN
        kind := 'parent';
        message := format('rows of %s are read through its parent %s without this clamp', tbl,
            names);
        hint := 'Clamp the parent, too.';
        RETURN NEXT;
    END IF;
    SELECT string_agg(quote_ident(p.pubname), ', ' ORDER BY p.pubname) INTO names
        FROM pg_publication_tables t JOIN pg_publication p ON p.pubname = t.pubname
    WHERE to_regclass(format('%I.%I', t.schemaname, t.tablename)) = tbl;
    IF names IS NOT NULL THEN
        kind := 'publication';
        message := format('rows of %s are sent past the clamp by publication %s', tbl, names);
        hint := 'The first copy is not past it: a subscription that logs in as a role without '
                'BYPASSRLS copies no rows, in silence.';
        RETURN NEXT;
    END IF;
    -- PostgreSQL refuses to apply changes as a role whom row security binds
    EXECUTE format('SELECT string_agg(quote_ident(s.subname), '', '' ORDER BY s.subname) '
        'FROM pg_subscription s JOIN pg_subscription_rel r ON r.srsubid = s.oid '
        'WHERE r.srrelid = $1 AND NOT auth.bypasses_clamp(%s, $2, $3)',
        CASE WHEN applies_as_owner THEN 'CASE WHEN s.subrunasowner THEN s.subowner ELSE $2 END'
            ELSE 's.subowner' END) INTO names USING tbl, target.relowner, forced;
    IF names IS NOT NULL THEN
        kind := 'subscription';
        message := format('what subscription %s brings for %s is refused, and it stops: the clamp '
            'binds the role that writes it', names, tbl);
        hint := CASE WHEN applies_as_owner THEN format('ALTER SUBSCRIPTION %s SET (run_as_owner = '
                'true), where its owner is a superuser or has BYPASSRLS.',
                split_part(names, ', ', 1))
            ELSE 'Let a superuser or a role with BYPASSRLS own it.' END;
        RETURN NEXT;
    END IF;
END
$$;
COMMENT ON FUNCTION auth.clamp_findings(regclass, boolean) IS
'Internal: auth.clamp_notices() and of which kind each is: extension, view, materialized view, '
'foreign key, truncate, trigger, references, partition, parent, publication, subscription.';

CREATE OR REPLACE FUNCTION auth.clamp_notices(tbl regclass, forced boolean, OUT message text,
    OUT hint text) RETURNS SETOF record
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY SELECT f.message, f.hint FROM auth.clamp_findings(tbl, forced) AS f;
END
$$;
COMMENT ON FUNCTION auth.clamp_notices(regclass, boolean) IS
'What goes past a clamp of the table or meets it unawares, with what to do about it: tables of an '
'extension, materialized views, views whose owner row security does not bind, foreign keys, who '
'may TRUNCATE it, put triggers on it or reference it, partitions and parents, publications, '
'subscriptions. forced: the clamp binds the table''s owner. auth.clamp() raises each as a NOTICE.';
