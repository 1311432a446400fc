-- Changes of a principal are audited whoever makes them and however, a statement's all at once.
-- What is created is audited by who creates it: a restore copies rows in, and must not audit them
-- again.

CREATE OR REPLACE FUNCTION auth.principal_changes(was auth.users, becomes auth.users,
    has_row boolean) RETURNS jsonb
LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'pg_principal_principal_changes';
COMMENT ON FUNCTION auth.principal_changes(auth.users, auth.users, boolean) IS
'Internal: what the audit tells of a changed principal, who has or has not a row of the roster.';

CREATE OR REPLACE FUNCTION auth.audit_principal() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        PERFORM auth.audit(auth.nobody(), NULL,
            '{"principals": {"previous": null, "current": "truncated"}}');
    ELSIF TG_OP = 'DELETE' THEN
        PERFORM auth.audit(OLD.id, OLD.email,
            '{"deleted": {"previous": null, "current": "deleted"}}');
    ELSE
        PERFORM auth.audit(NEW.id, NEW.email, auth.principal_changes(OLD, NEW, EXISTS (
            SELECT FROM auth.organization_people o WHERE o.email = NEW.email)),
            CASE WHEN OLD.banned_until IS DISTINCT FROM NEW.banned_until THEN NEW.ban_reason END);
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION auth.audit_principal() IS
'Internal: trigger that audits a changed email or id and the deletion of a principal.';
-- Nothing else tells which row became which.
CREATE OR REPLACE TRIGGER audit_update AFTER UPDATE ON auth.users
    FOR EACH ROW WHEN (OLD.email <> NEW.email OR OLD.id <> NEW.id)
    EXECUTE FUNCTION auth.audit_principal();
CREATE OR REPLACE TRIGGER audit_delete AFTER DELETE ON auth.users
    FOR EACH ROW EXECUTE FUNCTION auth.audit_principal();
CREATE OR REPLACE TRIGGER audit_truncate AFTER TRUNCATE ON auth.users
    FOR EACH STATEMENT EXECUTE FUNCTION auth.audit_principal();

CREATE OR REPLACE FUNCTION auth.is_audited(was auth.users, becomes auth.users) RETURNS boolean
LANGUAGE c IMMUTABLE STRICT AS 'MODULE_PATHNAME', 'pg_principal_is_audited';
COMMENT ON FUNCTION auth.is_audited(auth.users, auth.users) IS
'Internal: whether the audit tells of a changed principal.';

CREATE OR REPLACE FUNCTION auth.audit_caller(OUT actor_id uuid, OUT actor_email text,
    OUT metadata jsonb, OUT ip text, OUT user_agent text) RETURNS record
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    actor record := auth.audit_actor();
    request record := auth.request_context();
BEGIN
    actor_id := actor.id;
    actor_email := actor.email;
    ip := request.ip;
    user_agent := request.user_agent;
    IF actor.id IS NULL THEN
        metadata := jsonb_strip_nulls(jsonb_build_object('databaseRole', session_user,
            'projectKey', actor.project_key));
    ELSIF actor.agent_id IS NOT NULL THEN
        metadata := jsonb_build_object('onBehalfOf', actor.email);
        actor_id := actor.agent_id;
        actor_email := (SELECT u.email FROM auth.users u WHERE u.id = actor.agent_id);
    END IF;
END
$$;
COMMENT ON FUNCTION auth.audit_caller() IS
'Internal: what auth.audit() writes of the present caller, for the entries of many at once.';

CREATE OR REPLACE FUNCTION auth.audit_principals() RETURNS trigger
LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME',
    'pg_principal_audit_principals';
COMMENT ON FUNCTION auth.audit_principals() IS
'Internal: trigger that audits what a statement changes of principals that keep their id and '
'email.';
CREATE OR REPLACE TRIGGER audit_changes AFTER UPDATE ON auth.users
    REFERENCING OLD TABLE AS before_rows NEW TABLE AS after_rows
    FOR EACH STATEMENT EXECUTE FUNCTION auth.audit_principals();

CREATE OR REPLACE FUNCTION auth.begin_chain(state internal, user_id uuid, subject text,
    changes jsonb) RETURNS internal
LANGUAGE c AS 'MODULE_PATHNAME', 'pg_principal_begin_chain';
COMMENT ON FUNCTION auth.begin_chain(internal, uuid, text, jsonb) IS
'Internal: the transition function of auth.begin_chains().';

CREATE OR REPLACE FUNCTION auth.chains_begun(state internal) RETURNS bigint
LANGUAGE c AS 'MODULE_PATHNAME', 'pg_principal_chains_begun';
COMMENT ON FUNCTION auth.chains_begun(internal) IS
'Internal: the final function of auth.begin_chains().';

CREATE OR REPLACE AGGREGATE auth.begin_chains(uuid, text, jsonb) (
    SFUNC = auth.begin_chain, STYPE = internal,
    -- no window function: it ends once
    FINALFUNC = auth.chains_begun, FINALFUNC_MODIFY = READ_WRITE);
COMMENT ON AGGREGATE auth.begin_chains(uuid, text, jsonb) IS
'Internal: what auth.audit() does for one, for all rows at once, principals who have no chain '
'yet. Returns how many they are.';
