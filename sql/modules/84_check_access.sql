-- Whether roles, grants and doors are as the extension wants them.

CREATE OR REPLACE FUNCTION auth.check_roles(OUT item text, OUT state text, OUT detail text,
    OUT remedy text) RETURNS SETOF record
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    owns constant name[] := '{anon,authenticated,service_role,authenticator,auth_operator}';
    wrong record;
    found_any boolean := false;
BEGIN
    item := 'roles';
    FOR wrong IN
        SELECT 'error' AS state, format('the role %I does not exist', n) AS detail,
            format('CREATE ROLE %I %s; SELECT auth.restore_grants(%1$L)', n,
                CASE n WHEN 'service_role' THEN 'BYPASSRLS' ELSE 'NOINHERIT' END) AS remedy
        FROM unnest(owns) AS n WHERE to_regrole(quote_ident(n)) IS NULL
        UNION ALL
        SELECT 'error', 'its installer or a role of its was dropped: the restore of a dump fails',
            'SELECT auth.restore_grants(''auth_operator'')' WHERE auth.gone_grantees()
        UNION ALL
        SELECT 'error', format('%I is a superuser', r.rolname),
            format('ALTER ROLE %I NOSUPERUSER', r.rolname)
        FROM pg_roles r WHERE r.rolname = ANY (owns) AND r.rolsuper
        UNION ALL
        SELECT 'error', format('no row security binds %I', r.rolname),
            format('ALTER ROLE %I NOBYPASSRLS', r.rolname)
        FROM pg_roles r WHERE r.rolname IN ('anon', 'authenticated', 'authenticator',
            'auth_operator') AND r.rolbypassrls
        UNION ALL
        SELECT 'warning', 'service_role has no BYPASSRLS: it sees no clamped row',
            'ALTER ROLE service_role BYPASSRLS'
        FROM pg_roles r WHERE r.rolname = 'service_role' AND NOT r.rolbypassrls
        UNION ALL
        SELECT 'error', format('%I is a member of auth_operator: whoever it stands for may mint',
            r.rolname), format('REVOKE auth_operator FROM %I', r.rolname)
        FROM pg_roles r WHERE r.rolname IN ('anon', 'authenticated', 'authenticator')
            AND to_regrole('auth_operator') IS NOT NULL
            AND pg_has_role(r.oid, 'auth_operator', 'MEMBER')
        UNION ALL
        -- they may have been there before the extension, made by somebody else
        SELECT 'warning', format('%I can log in by itself', r.rolname),
            format('ALTER ROLE %I NOLOGIN, and let login roles be members of it', r.rolname)
        FROM pg_roles r WHERE r.rolname IN ('auth_operator', 'service_role') AND r.rolcanlogin
        UNION ALL
        SELECT DISTINCT 'warning', format('%I, who is no superuser, may make anybody a member of '
            '%I', m.rolname, r.rolname), format('REVOKE ADMIN OPTION FOR %I FROM %I', r.rolname,
            m.rolname)
        FROM pg_auth_members a JOIN pg_roles r ON r.oid = a.roleid
            JOIN pg_roles m ON m.oid = a.member
        WHERE r.rolname IN ('auth_operator', 'service_role') AND a.admin_option AND NOT m.rolsuper
        UNION ALL
        SELECT 'warning', format('%I has CREATEROLE, with which it can make itself a member of '
            'auth_operator', r.rolname), format('ALTER ROLE %I NOCREATEROLE', r.rolname)
        FROM pg_roles r WHERE r.rolcreaterole AND NOT r.rolsuper
            AND current_setting('server_version_num')::integer < 160000
        UNION ALL
        SELECT DISTINCT 'error', format('pg_principal serve is connected as %I, which may do more '
            'than serve', r.rolname), 'Connect it as a login role that is a member of authenticator'
        FROM pg_stat_activity a JOIN pg_roles r ON r.oid = a.usesysid
        WHERE a.application_name = 'pg_principal serve' AND (r.rolsuper OR r.rolbypassrls
            OR to_regrole('auth_operator') IS NOT NULL
            AND pg_has_role(r.oid, 'auth_operator', 'MEMBER'))
    LOOP
        state := wrong.state;
        detail := wrong.detail;
        remedy := wrong.remedy;
        found_any := true;
        RETURN NEXT;
    END LOOP;
    IF NOT found_any THEN
        state := 'ok';
        detail := array_to_string(owns, ', ');
        remedy := NULL;
        RETURN NEXT;
    END IF;
END
$$;
COMMENT ON FUNCTION auth.check_roles() IS
'Internal: findings about the extension''s roles.';

-- Privileges on what is the extension's that are not as it settled them, and are no more than
-- administrators may want to know.
CREATE OR REPLACE FUNCTION auth.changed_grants(OUT what text, OUT grantee text, OUT privilege text,
    OUT given boolean) RETURNS SETOF record
LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH things (class, oid, what, now, was, owner) AS (
        SELECT i.classoid, i.objoid, 'FUNCTION ' || p.oid::regprocedure::text, p.proacl,
            i.initprivs, p.proowner
        FROM pg_init_privs i JOIN pg_proc p ON i.classoid = 'pg_proc'::regclass AND i.objoid = p.oid
        WHERE p.pronamespace = 'auth'::regnamespace
        UNION ALL
        SELECT i.classoid, i.objoid, 'TABLE ' || c.oid::regclass::text, c.relacl, i.initprivs,
            c.relowner
        FROM pg_init_privs i JOIN pg_class c ON i.classoid = 'pg_class'::regclass
            AND i.objoid = c.oid AND i.objsubid = 0
        WHERE c.relnamespace = 'auth'::regnamespace AND c.relkind IN ('r', 'p', 'v')
        UNION ALL
        SELECT i.classoid, i.objoid, 'SCHEMA auth', n.nspacl, i.initprivs, n.nspowner
        FROM pg_init_privs i JOIN pg_namespace n ON i.classoid = 'pg_namespace'::regclass
            AND i.objoid = n.oid
        WHERE n.nspname = 'auth'
    ), rights AS (
        SELECT t.what, a.grantee, a.privilege_type, true AS given
        FROM things t, aclexplode(t.now) AS a
        WHERE a.grantee <> t.owner AND NOT EXISTS (SELECT FROM aclexplode(t.was) AS w
            WHERE w.grantee IN (0, a.grantee) AND w.privilege_type = a.privilege_type)
        UNION ALL
        SELECT t.what, w.grantee, w.privilege_type, false
        FROM things t, aclexplode(t.was) AS w
        WHERE NOT EXISTS (SELECT FROM aclexplode(t.now) AS a WHERE w.grantee = a.grantee
            AND w.privilege_type = a.privilege_type)
            -- what is everybody's may have been given by name to who needs it
            AND (w.grantee <> 0 OR EXISTS (SELECT FROM pg_roles n
                WHERE n.rolname IN ('authenticated', 'authenticator', 'auth_operator')
                    AND NOT CASE t.class WHEN 'pg_proc'::regclass
                        THEN has_function_privilege(n.oid, t.oid, w.privilege_type)
                    WHEN 'pg_class'::regclass
                        THEN has_table_privilege(n.oid, t.oid, w.privilege_type)
                    ELSE has_schema_privilege(n.oid, t.oid, w.privilege_type) END))
        UNION ALL
        SELECT format('TABLE %s (%I)', a.attrelid::regclass, a.attname), x.grantee,
            x.privilege_type, true
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid, aclexplode(a.attacl) AS x
        WHERE c.relnamespace = 'auth'::regnamespace
        UNION ALL -- together: pg_upgrade makes all of them everybody's
        SELECT 'TYPE ' || string_agg(y.oid::regtype::text, ', ' ORDER BY c.relname), x.grantee,
            x.privilege_type, true
        FROM pg_type y JOIN pg_class c ON c.oid = y.typrelid,
            aclexplode(coalesce(y.typacl, acldefault('T', y.typowner))) AS x
        WHERE c.relnamespace = 'auth'::regnamespace AND c.relkind = 'r' AND x.grantee <> y.typowner
        GROUP BY x.grantee, x.privilege_type
    )
    SELECT r.what, CASE r.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(g.rolname) END,
        r.privilege_type, r.given
    FROM rights r LEFT JOIN pg_roles g ON g.oid = r.grantee
    WHERE r.grantee = 0 OR g.rolname IS NOT NULL AND NOT g.rolsuper
    ORDER BY 1, 2, 3;
END;
COMMENT ON FUNCTION auth.changed_grants() IS
'Internal: privileges on the extension''s functions, tables, their types and schema that '
'administrators have given or taken since it was installed.';

CREATE OR REPLACE FUNCTION auth.writable_views(OUT of_table text, OUT view text, OUT owner name,
    OUT grantee text, OUT privileges text) RETURNS SETOF record
LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH RECURSIVE above (tbl, view) AS ( -- views of a table, and views of those
        SELECT c.oid, c.oid FROM pg_class c
        WHERE c.relnamespace = 'auth'::regnamespace AND c.relkind IN ('r', 'p')
        UNION
        SELECT h.tbl, r.ev_class FROM above h
            JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = h.view
                AND d.classid = 'pg_rewrite'::regclass
            JOIN pg_rewrite r ON r.oid = d.objid
    )
    SELECT string_agg(DISTINCT h.tbl::regclass::text, ', '), v.oid::regclass::text, o.rolname,
        CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(g.rolname) END,
        string_agg(DISTINCT a.privilege_type, ', ')
    FROM above h JOIN pg_class v ON v.oid = h.view AND v.relkind = 'v'
            AND v.relnamespace <> 'auth'::regnamespace
        JOIN pg_roles o ON o.oid = v.relowner
        CROSS JOIN LATERAL (SELECT x.*, true AS of_all FROM aclexplode(v.relacl) AS x
            UNION ALL SELECT x.*, false FROM pg_attribute c, aclexplode(c.attacl) AS x
            WHERE c.attrelid = v.oid) AS a
        LEFT JOIN pg_roles g ON g.oid = a.grantee
    WHERE a.privilege_type IN ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'MAINTAIN')
        AND a.grantee <> v.relowner AND (a.grantee = 0 OR NOT g.rolsuper)
        AND (o.rolsuper OR a.privilege_type IN ('INSERT', 'UPDATE')
            AND has_any_column_privilege(o.oid, h.tbl, CASE a.privilege_type
                WHEN 'UPDATE' THEN 'UPDATE' ELSE 'INSERT' END)
            OR a.of_all AND a.privilege_type <> 'INSERT' -- LOCK takes any, of both
            AND has_table_privilege(o.oid, h.tbl, 'UPDATE, DELETE, TRUNCATE, ' || a.privilege_type))
        AND NOT EXISTS (SELECT FROM pg_options_to_table(v.reloptions) AS p
            WHERE p.option_name = 'security_invoker' AND p.option_value::boolean)
    GROUP BY v.oid, o.rolname, a.grantee, g.rolname
    ORDER BY 2, 4;
END;
COMMENT ON FUNCTION auth.writable_views() IS
'Internal: views through which somebody who is no superuser writes to tables of the extension with '
'the rights of the view''s owner, or locks them, which takes no more than the grant.';

CREATE OR REPLACE FUNCTION auth.check_grants(OUT item text, OUT state text, OUT detail text,
    OUT remedy text) RETURNS SETOF record
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    strangers constant text[] := '{PUBLIC,anon,authenticated,authenticator}';
    changed record;
    found_any boolean := false;
BEGIN
    item := 'grants';
    FOR changed IN
        SELECT g.*, count(*) OVER (PARTITION BY g.grantee, g.privilege, g.given) AS alike,
            row_number() OVER (PARTITION BY g.grantee, g.privilege, g.given ORDER BY g.what) AS n
        FROM auth.odd_grants() AS g
        WHERE g.given OR g.grantee IN ('PUBLIC', 'authenticator', 'auth_operator')
    LOOP
        CONTINUE WHEN changed.n > 3; -- the first ones tell what was done
        found_any := true;
        state := CASE WHEN changed.what LIKE 'TYPE %' THEN 'warning'
            WHEN changed.given AND (changed.grantee = ANY (strangers)
            OR changed.privilege IN ('REFERENCES', 'TRIGGER')) THEN 'error' ELSE 'warning' END;
        IF changed.given THEN
            detail := format('%s has %s on %s', changed.grantee, changed.privilege, changed.what);
            IF changed.privilege IN ('REFERENCES', 'TRIGGER') THEN
                detail := detail || ', with which it can run code as that table''s owner';
            ELSIF changed.what LIKE 'TYPE %' THEN
                detail := detail || ', and a column of one stops the next update of the extension '
                                    '(pg_upgrade does not keep this)';
            END IF;
            remedy := format('REVOKE %s ON %s FROM %s', changed.privilege, changed.what,
                changed.grantee);
        ELSE
            detail := format('%s no longer has %s on %s', changed.grantee, changed.privilege,
                changed.what);
            remedy := CASE WHEN changed.alike > 3 AND changed.grantee <> 'PUBLIC'
                THEN format('SELECT auth.restore_grants(%L)', changed.grantee)
                ELSE format('GRANT %s ON %s TO %s', changed.privilege, changed.what,
                    changed.grantee) END;
        END IF;
        IF changed.n = 3 AND changed.alike > 3 THEN
            detail := detail || format(', and %s more of this kind', changed.alike - 3);
        END IF;
        RETURN NEXT;
    END LOOP;
    FOR changed IN SELECT * FROM auth.writable_views() LOOP
        found_any := true;
        state := 'error';
        detail := format('%s has %s on the view %s: it may write to %s as %I where the view lets '
            'it, and lock it', changed.grantee, changed.privileges, changed.view, changed.of_table,
            changed.owner);
        remedy := format('REVOKE %s ON %s FROM %s', changed.privileges, changed.view,
            changed.grantee);
        RETURN NEXT;
    END LOOP;
    IF NOT found_any THEN
        state := 'ok';
        detail := 'as the extension settled them';
        remedy := NULL;
        RETURN NEXT;
    END IF;
END
$$;
COMMENT ON FUNCTION auth.check_grants() IS
'Internal: findings about privileges on what is the extension''s.';

CREATE OR REPLACE FUNCTION auth.check_doors(OUT item text, OUT state text, OUT detail text,
    OUT remedy text) RETURNS SETOF record
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    line record;
    has_logins constant boolean := EXISTS (SELECT FROM auth.login_roles);
    found_any boolean := false;
BEGIN
    item := 'pg_hba.conf';
    FOR line IN
        SELECT r.line_number, r.error, r.auth_method, r.type,
            r.auth_method = 'oauth' OR r.auth_method = 'pam'
                AND EXISTS (SELECT FROM unnest(r.options) AS o
                    WHERE o LIKE 'pamservice=%pg_principal%') AS takes_tokens,
            r.auth_method = 'trust' AND (r.type <> 'local' OR has_logins)
                AND ('all' = ANY (r.user_name) OR EXISTS (SELECT FROM auth.login_roles l
                    WHERE l.database_role = ANY (r.user_name))) AS trusts
        FROM pg_hba_file_rules r ORDER BY r.line_number
    LOOP
        IF line.error IS NOT NULL THEN
            state := 'error';
            detail := format('line %s: %s', line.line_number, line.error);
            remedy := 'Mend the line, then SELECT pg_reload_conf()';
        ELSIF line.takes_tokens AND line.type IN ('host', 'hostnossl') THEN
            state := 'error';
            detail := format('line %s takes tokens over connections without TLS',
                line.line_number);
            remedy := format('Write hostssl for %s there, then SELECT pg_reload_conf()', line.type);
        ELSIF line.takes_tokens AND NOT auth.token_use_is_known() THEN
            state := 'error';
            detail := format('line %s takes tokens, which nothing judges: pg_principal is not in '
                'shared_preload_libraries', line.line_number);
            remedy := 'shared_preload_libraries, as the check preload says';
        ELSIF line.trusts THEN
            state := 'warning';
            detail := format('line %s lets connections in without any proof (trust)',
                line.line_number);
            remedy := 'scram-sha-256, peer or pam there, then SELECT pg_reload_conf()';
        ELSE
            CONTINUE;
        END IF;
        found_any := true;
        RETURN NEXT;
    END LOOP;
    IF NOT found_any THEN
        state := 'ok';
        detail := 'tokens travel over TLS or local sockets alone, nobody is let in unproven';
        remedy := NULL;
        RETURN NEXT;
    END IF;
END
$$;
COMMENT ON FUNCTION auth.check_doors() IS
'Internal: findings about pg_hba.conf as it is on disk.';
