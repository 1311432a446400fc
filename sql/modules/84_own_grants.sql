-- What the extension gave its roles, by their names: to pg_init_privs a role that was dropped and
-- made again is another one, and a dump then revokes from the one that is gone.

CREATE OR REPLACE FUNCTION auth.odd_grants(OUT what text, OUT grantee text, OUT privilege text,
    OUT given boolean) RETURNS SETOF record
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY
        SELECT g.what, g.grantee, g.privilege, g.given FROM auth.changed_grants() AS g
        UNION
        SELECT t.what, quote_ident(o.role), 'EXECUTE', false
        FROM jsonb_each(auth.own_grants()) AS o (role, things)
            JOIN pg_roles r ON r.rolname = o.role,
            jsonb_array_elements_text(o.things) AS t (what)
            JOIN pg_proc p ON p.oid = to_regprocedure(substring(t.what FROM '^FUNCTION (.*)'))
        WHERE NOT has_function_privilege(r.oid, p.oid, 'EXECUTE')
        UNION
        SELECT t.what, quote_ident(o.role), 'SELECT', false
        FROM jsonb_each(auth.own_grants()) AS o (role, things)
            JOIN pg_roles r ON r.rolname = o.role,
            jsonb_array_elements_text(o.things) AS t (what)
            JOIN pg_class c ON c.oid = to_regclass(substring(t.what FROM '^TABLE (.*)'))
        WHERE NOT has_table_privilege(r.oid, c.oid, 'SELECT');
END
$$;
COMMENT ON FUNCTION auth.odd_grants() IS
'Internal: auth.changed_grants(), and what roles lack that were dropped and made again.';

CREATE OR REPLACE FUNCTION auth.gone_grantees() RETURNS boolean
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT EXISTS (SELECT FROM pg_init_privs i JOIN pg_proc p
            ON i.classoid = 'pg_proc'::regclass AND i.objoid = p.oid,
            aclexplode(i.initprivs) AS a
        WHERE p.pronamespace = 'auth'::regnamespace AND a.grantee <> 0
            AND NOT EXISTS (SELECT FROM pg_roles r WHERE r.oid = a.grantee));
END;
COMMENT ON FUNCTION auth.gone_grantees() IS
'Internal: whether a role that the extension gave something to has been dropped, which before '
'PostgreSQL 17 a dump tells by statements that fail.';

CREATE OR REPLACE FUNCTION auth.restore_grants(role name) RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    wanted record;
    owned constant regrole := to_regrole(quote_ident(role));
    given integer := 0;
BEGIN
    FOR wanted IN
        SELECT t.what,
            CASE WHEN t.what LIKE 'TABLE %' THEN 'SELECT' ELSE 'EXECUTE' END AS privilege,
            coalesce(to_regclass(substring(t.what FROM '^TABLE (.*)'))::oid,
                to_regprocedure(substring(t.what FROM '^FUNCTION (.*)'))::oid) AS oid
        FROM jsonb_array_elements_text(auth.own_grants()->role::text) AS t (what)
    LOOP
        EXECUTE format('GRANT %s ON %s TO %I', wanted.privilege, wanted.what, role);
        -- as if the extension's script had granted it: then it is in no dump
        UPDATE pg_init_privs i
        SET initprivs = i.initprivs || (SELECT makeaclitem(owned, a.grantor, wanted.privilege,
            false) FROM aclexplode(i.initprivs) AS a LIMIT 1)
        WHERE i.objoid = wanted.oid AND i.objsubid = 0
            AND i.classoid IN ('pg_proc'::regclass, 'pg_class'::regclass)
            AND NOT EXISTS (SELECT FROM aclexplode(i.initprivs) AS a WHERE a.grantee = owned);
        given := given + 1;
    END LOOP;
    UPDATE pg_init_privs i SET initprivs = k.kept
    FROM (SELECT p.classoid, p.objoid, p.objsubid, ARRAY(
                SELECT u.item FROM unnest(p.initprivs) WITH ORDINALITY AS u (item, n)
                WHERE EXISTS (SELECT FROM aclexplode(ARRAY[u.item]) AS a WHERE a.grantee = 0
                    OR EXISTS (SELECT FROM pg_roles r WHERE r.oid = a.grantee))
                ORDER BY u.n) AS kept
            FROM pg_init_privs p JOIN pg_depend d ON d.classid = p.classoid
                AND d.objid = p.objoid AND d.objsubid = 0 AND d.deptype = 'e'
                JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'pg_principal') AS k
    WHERE i.classoid = k.classoid AND i.objoid = k.objoid AND i.objsubid = k.objsubid
        AND i.initprivs <> k.kept;
    IF role = 'auth_operator' AND NOT EXISTS (SELECT FROM pg_policy p
        WHERE p.polrelid = 'auth.audit_log'::regclass AND p.polname = 'operators') THEN
        CREATE POLICY operators ON auth.audit_log FOR SELECT TO auth_operator USING (true);
    END IF;
    RETURN given;
END
$$;
COMMENT ON FUNCTION auth.restore_grants(name) IS
'Internal: for superusers: gives a role of the extension''s, dropped and made again, what it had '
'from the extension, as if it were still that role, and forgets roles that are gone. The number of '
'privileges.';
