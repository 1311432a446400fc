-- Logging in with a token as the password: as which database roles, who is connected, ending a
-- connection.

CREATE OR REPLACE FUNCTION auth.check_login_role(database_role text, kind text, app_role text,
    email text) RETURNS uuid
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    role pg_roles;
    principal uuid;
BEGIN
    SELECT * INTO role FROM pg_roles r WHERE r.rolname = database_role;
    IF NOT FOUND THEN
        PERFORM auth.raise_error('login_role_missing', coalesce(database_role, 'NULL'));
    ELSIF num_nonnulls(kind, app_role, email) = 0 THEN
        PERFORM auth.raise_error('login_role_for_nobody');
    ELSIF (kind IN ('person', 'service_account')) IS FALSE THEN
        PERFORM auth.raise_error('login_role_malformed', 'kind', kind);
    ELSIF (app_role IN ('READ_ONLY', 'ANALYST', 'AUDITOR', 'ADMIN')) IS FALSE THEN
        PERFORM auth.raise_error('login_role_malformed', 'app role', app_role);
    END IF;
    IF email IS NOT NULL THEN
        SELECT u.id INTO principal FROM auth.users u
        WHERE u.email = auth.known_email(check_login_role.email);
        IF NOT FOUND THEN
            PERFORM auth.raise_error('user_missing', email);
        END IF;
    END IF;
    RETURN principal;
END
$$;
COMMENT ON FUNCTION auth.check_login_role(text, text, text, text) IS
'Internal: the id of the principal with that email, NULL without one. 42704 for an unknown role '
'or principal, 22023 for an unknown kind or app role and when nobody is named.';

CREATE OR REPLACE FUNCTION auth.allow_login(database_role text, kind text DEFAULT NULL,
    app_role text DEFAULT NULL, email text DEFAULT NULL) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    principal uuid := auth.check_login_role(database_role, kind, app_role, email);
BEGIN
    IF (SELECT r.rolsuper OR r.rolreplication FROM pg_roles r WHERE r.rolname = database_role) THEN
        PERFORM auth.raise_error('login_role_too_powerful', database_role);
    ELSIF NOT pg_has_role(session_user, database_role, 'MEMBER') THEN
        PERFORM auth.raise_error('login_role_not_own', database_role, session_user);
    END IF;
    INSERT INTO auth.login_roles (database_role, kind, app_role, user_id)
    VALUES (allow_login.database_role, allow_login.kind, allow_login.app_role, principal)
    ON CONFLICT DO NOTHING;
    RETURN FOUND;
END
$$;
COMMENT ON FUNCTION auth.allow_login(text, text, text, text) IS
'Lets principals log in as a database role with a token: those of the kind, with the app role, '
'and with the email that are given (each NULL: any, but not all three). False when it was so '
'before. Operators hand out roles that they are members of themselves. 42704 for an unknown role '
'or principal, 42501 for a role that is not the operator''s, that is a superuser or may '
'replicate, 22023 for an unknown kind or app role and when nobody is named.';

CREATE OR REPLACE FUNCTION auth.disallow_login(database_role text, kind text DEFAULT NULL,
    app_role text DEFAULT NULL, email text DEFAULT NULL) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    who text := auth.known_email(email);
BEGIN
    DELETE FROM auth.login_roles l
    WHERE l.database_role = disallow_login.database_role
        AND l.kind IS NOT DISTINCT FROM disallow_login.kind
        AND l.app_role IS NOT DISTINCT FROM disallow_login.app_role
        AND CASE WHEN who IS NULL THEN l.user_id IS NULL
            ELSE l.user_id = (SELECT u.id FROM auth.users u WHERE u.email = who) END;
    RETURN FOUND;
END
$$;
COMMENT ON FUNCTION auth.disallow_login(text, text, text, text) IS
'Takes back what auth.allow_login() with the same arguments gave; connections that nothing else '
'allows end within a second. False when there was no such row.';

CREATE OR REPLACE FUNCTION auth.list_login_roles(OUT database_role text, OUT kind text,
    OUT app_role text, OUT email text, OUT created_at timestamptz) RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER
BEGIN ATOMIC
    SELECT l.database_role, l.kind, l.app_role, coalesce(u.email, l.user_id::text), l.created_at
    FROM auth.login_roles l LEFT JOIN auth.users u ON u.id = l.user_id
    ORDER BY l.database_role, l.kind NULLS FIRST, l.app_role NULLS FIRST, u.email NULLS FIRST;
END;
COMMENT ON FUNCTION auth.list_login_roles() IS
'As which database roles principals may log in: auth.login_roles with the principal''s email, its '
'id when it was deleted.';

CREATE OR REPLACE FUNCTION auth.audit_login_role() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        PERFORM auth.audit_later(
            '{"loginRoles": {"previous": null, "current": "truncated"}}', '{}');
        RETURN NULL;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        PERFORM auth.audit_later(jsonb_build_object('loginRole',
                jsonb_build_object('previous', OLD.database_role, 'current', NULL)),
            jsonb_strip_nulls(jsonb_build_object('kind', OLD.kind, 'appRole', OLD.app_role,
                'userId', OLD.user_id)));
    END IF;
    IF TG_OP <> 'DELETE' THEN
        PERFORM auth.audit_later(jsonb_build_object('loginRole',
                jsonb_build_object('previous', NULL, 'current', NEW.database_role)),
            jsonb_strip_nulls(jsonb_build_object('kind', NEW.kind, 'appRole', NEW.app_role,
                'userId', NEW.user_id)));
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION auth.audit_login_role() IS
'Internal: trigger that audits who may log in as which database role.';
-- a restore copies rows in, each with a time of its own
CREATE OR REPLACE TRIGGER audit_new AFTER INSERT ON auth.login_roles
    FOR EACH ROW WHEN (NEW.created_at = now()) EXECUTE FUNCTION auth.audit_login_role();
CREATE OR REPLACE TRIGGER audit_change AFTER UPDATE OR DELETE ON auth.login_roles
    FOR EACH ROW EXECUTE FUNCTION auth.audit_login_role();
CREATE OR REPLACE TRIGGER audit_truncate AFTER TRUNCATE ON auth.login_roles
    FOR EACH STATEMENT EXECUTE FUNCTION auth.audit_login_role();

CREATE OR REPLACE FUNCTION auth.token_connections(OUT pid integer, OUT role_oid oid, OUT door text,
    OUT session_id uuid, OUT user_id uuid,
    OUT since timestamptz, OUT expires_at timestamptz) RETURNS SETOF record
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'pg_principal_token_connections';
COMMENT ON FUNCTION auth.token_connections() IS
'Internal: the connections to this database that end with a token, out of shared memory; none '
'unless pg_principal is in shared_preload_libraries.';

CREATE OR REPLACE FUNCTION auth.end_token_connection(pid integer) RETURNS boolean
LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'pg_principal_end_token_connection';
COMMENT ON FUNCTION auth.end_token_connection(integer) IS
'Internal: ends such a connection. False when there is none of that process.';

-- A token decides where one is bound; without one the database role that the caller has at the
-- moment.
CREATE OR REPLACE FUNCTION auth.sees_all_connections() RETURNS boolean
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT CASE WHEN auth.uid() IS NOT NULL THEN (auth.refusal_of_caller('ADMIN')).ok IS NULL
        ELSE pg_has_role(CASE current_setting('role') WHEN 'none' THEN session_user
            ELSE current_setting('role')::name END, 'auth_operator', 'USAGE') END;
END;
COMMENT ON FUNCTION auth.sees_all_connections() IS
'Internal: whether the caller may see and end everybody''s connections.';

CREATE OR REPLACE FUNCTION auth.list_connections(OUT pid integer, OUT database name, OUT role name,
    OUT user_id uuid, OUT email text, OUT kind text,
    OUT actor text, OUT session_id uuid, OUT since timestamptz, OUT expires_at timestamptz,
    OUT door text) RETURNS SETOF record
LANGUAGE sql VOLATILE SECURITY DEFINER
BEGIN ATOMIC
    SELECT c.pid, current_database(), r.rolname, c.user_id, u.email, u.kind,
        (SELECT a.email FROM auth.sessions s JOIN auth.users a ON a.id = s.agents[1]
            WHERE s.id = c.session_id),
        c.session_id, c.since, c.expires_at, c.door
    FROM auth.token_connections() AS c LEFT JOIN auth.users u ON u.id = c.user_id
        LEFT JOIN pg_roles r ON r.oid = c.role_oid
    WHERE (SELECT auth.sees_all_connections()) OR c.user_id = (SELECT auth.uid())
    ORDER BY c.since, c.pid;
END;
COMMENT ON FUNCTION auth.list_connections() IS 'What auth.connections shows.';

CREATE OR REPLACE VIEW auth.connections AS
    SELECT l.pid, l.database, l.role, l.user_id, l.email, l.kind, l.actor, l.session_id, l.since,
        l.expires_at, l.door
    FROM auth.list_connections() AS l;
COMMENT ON VIEW auth.connections IS
'Who is connected to this database by a token: actor is the agent that acts for the person, door '
'is pam or oauth where the token logged in, sql where it was bound and '
'pg_principal.end_session_with_token is on. The caller''s own; all of them for ADMIN, and for '
'members of auth_operator without a token.';

CREATE OR REPLACE FUNCTION auth.end_connection(pid integer) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF auth.uid() IS NOT NULL AND (auth.refusal_of_caller()).ok IS NOT NULL THEN
        PERFORM auth.raise_error('acts_for_another');
    END IF;
    RETURN EXISTS (SELECT FROM auth.list_connections() AS l WHERE l.pid = end_connection.pid)
        AND auth.end_token_connection(pid);
END
$$;
COMMENT ON FUNCTION auth.end_connection(integer) IS
'Ends a connection that auth.connections shows to the caller; the token lives on. False when it '
'shows none of that process; 42501 for an agent or application that acts for somebody.';
