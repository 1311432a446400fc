-- The clamp: policies that bind rows to the caller.

CREATE OR REPLACE FUNCTION auth.self_and_report_emails() RETURNS text[]
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER
BEGIN ATOMIC
    SELECT array_agg(e.email) FROM (
        SELECT auth.email() AS email
        UNION ALL
        SELECT o.email FROM auth.organization_people o WHERE o.manager_email = auth.email()) AS e
    WHERE e.email IS NOT NULL;
END;
COMMENT ON FUNCTION auth.self_and_report_emails() IS
'The caller''s email and those of the rows of the roster whose manager the caller is. NULL without '
'a principal; 28000 when the token is dead.';

CREATE OR REPLACE FUNCTION auth.self_and_report_ids() RETURNS uuid[]
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER
BEGIN ATOMIC
    SELECT array_agg(u.id) FROM auth.users u WHERE u.email = ANY (auth.self_and_report_emails());
END;
COMMENT ON FUNCTION auth.self_and_report_ids() IS 'The same as ids of auth.users.';

CREATE OR REPLACE FUNCTION auth.owner_is(owner text, kind text) RETURNS boolean
LANGUAGE c STABLE PARALLEL SAFE COST 10 AS 'MODULE_PATHNAME', 'pg_principal_owner_email_is';
COMMENT ON FUNCTION auth.owner_is(text, text) IS
'Whether the principal with that email is a person or a service_account. False without a live '
'token of a principal, for an unknown owner and for NULL.';

CREATE OR REPLACE FUNCTION auth.owner_is(owner uuid, kind text) RETURNS boolean
LANGUAGE c STABLE PARALLEL SAFE COST 10 AS 'MODULE_PATHNAME', 'pg_principal_owner_id_is';
COMMENT ON FUNCTION auth.owner_is(uuid, text) IS 'The same for the id of a principal.';

CREATE OR REPLACE FUNCTION auth.clamp(tbl regclass, owner_column name, scope text DEFAULT 'self',
    writes boolean DEFAULT false, force boolean DEFAULT true) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    relation record;
    owner record;
    was text;
    condition text;
    policy name;
    notice record;
    citext text;
BEGIN
    SELECT c.oid, c.relkind, c.relrowsecurity, c.relforcerowsecurity, format('%I.%I', n.nspname,
        c.relname) AS name
    INTO relation FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = tbl;
    IF tbl IS NULL OR NOT FOUND THEN
        PERFORM auth.raise_error('clamp_no_table', coalesce(tbl::text, 'NULL'));
    ELSIF relation.relkind NOT IN ('r', 'p') THEN
        PERFORM auth.raise_error('clamp_not_a_table', relation.name);
    END IF;

    WITH RECURSIVE base AS (
        SELECT a.attnum, a.attname, a.atttypid AS type FROM pg_attribute a
        WHERE a.attrelid = tbl AND a.attname = owner_column AND a.attnum > 0 AND NOT a.attisdropped
        UNION ALL
        SELECT b.attnum, b.attname, t.typbasetype FROM base b JOIN pg_type t ON t.oid = b.type
            WHERE t.typtype = 'd'
    )
    SELECT b.attnum, b.attname, b.type INTO owner FROM base b JOIN pg_type t ON t.oid = b.type
        WHERE t.typtype <> 'd';
    IF NOT FOUND THEN
        PERFORM auth.raise_error('clamp_no_column', coalesce(owner_column::text, 'NULL'),
            relation.name);
    END IF;
    -- by the extension that it is of: anybody may name a type so
    SELECT quote_ident(n.nspname) INTO citext FROM pg_type t JOIN pg_namespace n
        ON n.oid = t.typnamespace
    JOIN pg_depend d ON d.classid = 'pg_type'::regclass AND d.objid = t.oid AND d.deptype = 'e'
    JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
    WHERE t.oid = owner.type AND t.typname = 'citext' AND e.extname = 'citext';
    IF citext IS NULL AND owner.type NOT IN ('text'::regtype, 'varchar'::regtype, 'bpchar'::regtype,
        'uuid'::regtype) THEN
        PERFORM auth.raise_error('clamp_column_type', owner_column, relation.name,
            format_type(owner.type, NULL));
    ELSIF EXISTS (SELECT FROM pg_attribute a JOIN pg_collation c ON c.oid = a.attcollation
                  WHERE a.attrelid = tbl AND a.attnum = owner.attnum AND NOT c.collisdeterministic)
                      THEN
        PERFORM auth.raise_error('clamp_collation', owner_column, relation.name);
    END IF;

    condition := CASE
        WHEN scope = 'self' AND owner.type = 'uuid'::regtype THEN '%1$I = (SELECT auth.uid())'
        WHEN scope = 'self_and_reports' AND owner.type = 'uuid'::regtype
            THEN '%1$I = ANY ((SELECT auth.self_and_report_ids())::uuid[])'
        -- citext also takes letters for the same that are not the same in an email: it finds rows,
        -- the second half judges
        WHEN scope = 'self' AND citext IS NOT NULL THEN
            '%1$I OPERATOR(%2$s.=) (SELECT auth.email())::%2$s.citext'
            ' AND lower(%1$I::text COLLATE "C") = (SELECT auth.email())'
        WHEN scope = 'self_and_reports' AND citext IS NOT NULL THEN
            '%1$I OPERATOR(%2$s.=) ANY ((SELECT auth.self_and_report_emails())::%2$s.citext[])'
            ' AND lower(%1$I::text COLLATE "C")'
            ' = ANY ((SELECT auth.self_and_report_emails())::text[])'
        WHEN scope = 'self' AND owner.type = 'bpchar'::regtype
            THEN '%1$I = (SELECT auth.email())::bpchar'
        WHEN scope = 'self_and_reports' AND owner.type = 'bpchar'::regtype
            THEN '%1$I = ANY ((SELECT auth.self_and_report_emails())::bpchar[])'
        WHEN scope = 'self' THEN '%1$I = (SELECT auth.email())'
        WHEN scope = 'self_and_reports' THEN
            '%1$I = ANY ((SELECT auth.self_and_report_emails())::text[])'
        WHEN scope IN ('service_accounts', 'people') THEN format('auth.owner_is(%s, %L)',
            CASE WHEN citext IS NOT NULL THEN 'lower(%1$I::text COLLATE "C")'
                WHEN owner.type = 'bpchar'::regtype THEN '%1$I::text' ELSE '%1$I' END,
            CASE scope WHEN 'people' THEN 'person' ELSE 'service_account' END)
        WHEN scope = 'everyone' THEN '(SELECT auth.uid()) IS NOT NULL'
    END;
    IF condition IS NULL THEN
        PERFORM auth.raise_error('clamp_scope_unknown', coalesce(scope, 'NULL'));
    END IF;
    condition := format(condition, owner.attname, citext);

    -- what unclamp() puts back; a second clamp keeps what the first one found
    SELECT substring(obj_description(p.oid, 'pg_policy') FROM '.*before: (.*)$') INTO was
    FROM pg_policy p WHERE p.polrelid = tbl AND p.polname = 'pg_principal_clamp';
    was := coalesce(was, concat_ws(' ', 'row security', CASE WHEN relation.relrowsecurity THEN 'on'
        ELSE 'off' END,
        CASE WHEN relation.relforcerowsecurity THEN 'forced' ELSE 'not forced' END));

    FOR policy IN SELECT p.polname FROM pg_policy p WHERE p.polrelid = tbl
        AND p.polname IN ('pg_principal_clamp', 'pg_principal_permit') LOOP
        EXECUTE format('DROP POLICY %I ON %s', policy, relation.name);
    END LOOP;
    -- restrictive, so that no other policy widens it, for reads or writes; permissive too, because
    -- something has to permit
    EXECUTE format('CREATE POLICY pg_principal_clamp ON %s AS RESTRICTIVE FOR ALL USING (%s)',
        relation.name, condition);
    EXECUTE format('CREATE POLICY pg_principal_permit ON %s AS PERMISSIVE FOR %s USING (%s)',
        relation.name,
        CASE WHEN writes THEN 'ALL' ELSE 'SELECT' END, condition);
    EXECUTE format('COMMENT ON POLICY pg_principal_clamp ON %s IS %L', relation.name,
        format('auth.clamp: scope %s on %I, %s; before: %s', scope, owner.attname,
            CASE WHEN writes THEN 'reads and writes' ELSE 'reads' END, was));
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', relation.name);
    IF coalesce(force, true) THEN
        EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', relation.name);
    ELSIF was LIKE '%not forced' THEN
        EXECUTE format('ALTER TABLE %s NO FORCE ROW LEVEL SECURITY', relation.name);
    END IF;

    IF scope IN ('self', 'self_and_reports') AND NOT EXISTS (
        SELECT FROM pg_index i WHERE i.indrelid = tbl AND i.indisvalid AND i.indpred IS NULL
            AND i.indkey[0] = owner.attnum) THEN
        RAISE NOTICE 'no index of % begins with %: every query reads the whole table',
            relation.name, owner.attname
            USING HINT = format('CREATE INDEX ON %s (%I);', relation.name, owner.attname);
    END IF;
    FOR notice IN
        SELECT n.message, n.hint FROM pg_class c, auth.clamp_notices(tbl,
            c.relforcerowsecurity) AS n WHERE c.oid = tbl
    LOOP
        RAISE NOTICE '%', notice.message USING HINT = notice.hint;
    END LOOP;
END
$$;
COMMENT ON FUNCTION auth.clamp(regclass, name, text, boolean, boolean) IS
'Binds the rows of a table to the caller''s identity by row-level security, for its owner too '
'unless force is false. owner_column holds the owner''s email (text, varchar, char: in lower case; '
'citext) or id (uuid), or a domain over these. scope says whose rows a caller sees: self; '
'self_and_reports (and of those whose manager the caller is on the roster); service_accounts; '
'people; everyone (any live principal). writes: the same rows may also be inserted, updated and '
'deleted; without it only other policies permit that, and never beyond the scope. force: false '
'leaves FORCE ROW LEVEL SECURITY as it was before; NULL counts as true. A second call replaces the '
'first. A NOTICE names what goes past the clamp. 42P01, 42703, 42804 or 22023 for a wrong table, '
'column, type or scope. Superusers and BYPASSRLS roles are never clamped.';

CREATE OR REPLACE FUNCTION auth.unclamp(tbl regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    table_name text;
    was text;
BEGIN
    SELECT format('%I.%I', n.nspname, c.relname), substring(obj_description(p.oid, 'pg_policy')
        FROM '.*before: (.*)$')
    INTO table_name, was
    FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid JOIN pg_namespace n
        ON n.oid = c.relnamespace
    WHERE p.polrelid = tbl AND p.polname = 'pg_principal_clamp';
    IF NOT FOUND THEN
        PERFORM auth.raise_error('clamp_absent', coalesce(tbl::text, 'NULL'));
    END IF;
    PERFORM auth.clamp_agents(tbl);
    EXECUTE format('DROP POLICY pg_principal_clamp ON %s', table_name);
    EXECUTE format('DROP POLICY IF EXISTS pg_principal_permit ON %s', table_name);
    IF was LIKE '%not forced' THEN
        EXECUTE format('ALTER TABLE %s NO FORCE ROW LEVEL SECURITY', table_name);
    END IF;
    -- with other policies about, switching row security off would open what they close
    IF was LIKE 'row security off%' AND NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = tbl)
        THEN
        EXECUTE format('ALTER TABLE %s DISABLE ROW LEVEL SECURITY', table_name);
    END IF;
END
$$;
COMMENT ON FUNCTION auth.unclamp(regclass) IS
'Takes away what auth.clamp() and auth.clamp_agents() installed and puts row security back as it '
'was; other policies stay in force. 42704 when the table is not clamped.';
