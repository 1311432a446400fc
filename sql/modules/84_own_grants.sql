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

CREATE OR REPLACE FUNCTION auth.without_gone_owner(item aclitem, owner oid) RETURNS aclitem
LANGUAGE plpgsql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    given record;
    told text := item::text; -- who is gone is told by number
BEGIN
    SELECT a.grantee, a.grantor, a.grantee <> 0 AND NOT EXISTS (SELECT FROM pg_roles r
            WHERE r.oid = a.grantee) AS to_nobody, NOT EXISTS (SELECT FROM pg_roles r
            WHERE r.oid = a.grantor) AS by_nobody INTO given
        FROM aclexplode(ARRAY[item]) AS a LIMIT 1;
    IF given.to_nobody AND given.grantee <> given.grantor THEN
        RETURN NULL;
    ELSIF given.to_nobody THEN
        told := overlay(told PLACING owner::regrole::text
            FROM 1 FOR length(given.grantee::text));
    END IF;
    IF given.by_nobody THEN
        told := left(told, -length(given.grantor::text)) || owner::regrole;
    END IF;
    RETURN told::aclitem;
END
$$;
COMMENT ON FUNCTION auth.without_gone_owner(aclitem, oid) IS
'Internal: a privilege as it would be had the present owner given it, where the one who did has '
'been dropped; NULL when it is another''s who has been.';

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
                SELECT auth.without_gone_owner(u.item, b.owner)
                FROM unnest(p.initprivs) WITH ORDINALITY AS u (item, n)
                WHERE auth.without_gone_owner(u.item, b.owner) IS NOT NULL ORDER BY u.n) AS kept
            FROM pg_init_privs p, LATERAL (
                SELECT f.proowner FROM pg_proc f
                WHERE f.oid = p.objoid AND p.classoid = 'pg_proc'::regclass
                UNION ALL SELECT c.relowner FROM pg_class c
                WHERE c.oid = p.objoid AND p.classoid = 'pg_class'::regclass
                UNION ALL SELECT t.typowner FROM pg_type t
                WHERE t.oid = p.objoid AND p.classoid = 'pg_type'::regclass
                UNION ALL SELECT n.nspowner FROM pg_namespace n -- it is no member
                WHERE n.oid = p.objoid AND p.classoid = 'pg_namespace'::regclass) AS b (owner)
            WHERE p.classoid = 'pg_namespace'::regclass AND p.objoid = 'auth'::regnamespace
                OR EXISTS (SELECT FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
                    AND e.extname = 'pg_principal' WHERE d.classid = p.classoid
                    AND d.objid = p.objoid AND d.objsubid = 0 AND d.deptype = 'e')) AS k
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
'from the extension, as if it were still that role, and forgets roles that are gone, where the one '
'that installed the extension is, for the present owner. The number of privileges.';
