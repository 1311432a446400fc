-- Changes of a principal are audited whoever makes them and however, a statement's all at once. What is
-- created is audited by who creates it: a restore copies rows in, and must not audit them again.

CREATE OR REPLACE FUNCTION auth.audited_time(t timestamptz) RETURNS jsonb
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT to_jsonb(coalesce(auth.iso_time(audited_time.t), audited_time.t::text));
END;
COMMENT ON FUNCTION auth.audited_time(timestamptz) IS 'Internal: a time as the audit tells of it.';

CREATE OR REPLACE FUNCTION auth.audited_change(field text, previous jsonb, current jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
    SELECT jsonb_build_object(audited_change.field, jsonb_build_object('previous', audited_change.previous, 'current', audited_change.current));
END;
COMMENT ON FUNCTION auth.audited_change(text, jsonb, jsonb) IS 'Internal: a changed field as the audit tells of it.';

CREATE OR REPLACE FUNCTION auth.principal_changes(was auth.users, becomes auth.users, has_row boolean) RETURNS jsonb
LANGUAGE sql STABLE
BEGIN ATOMIC
    -- without a subquery, so that it becomes part of the statement that tells of many principals at once
    SELECT '{}'::jsonb
        || CASE WHEN (was).email IS DISTINCT FROM (becomes).email
            THEN auth.audited_change('email', to_jsonb((was).email), to_jsonb((becomes).email)) ELSE '{}' END
        || CASE WHEN (was).kind IS DISTINCT FROM (becomes).kind
            THEN auth.audited_change('kind', to_jsonb((was).kind), to_jsonb((becomes).kind)) ELSE '{}' END
        || CASE WHEN (was).app_role IS DISTINCT FROM (becomes).app_role
            THEN auth.audited_change('role', to_jsonb((was).app_role), to_jsonb((becomes).app_role)) ELSE '{}' END
        || CASE WHEN (was).first_name IS DISTINCT FROM (becomes).first_name
            THEN auth.audited_change('firstName', to_jsonb((was).first_name), to_jsonb((becomes).first_name)) ELSE '{}' END
        || CASE WHEN (was).last_name IS DISTINCT FROM (becomes).last_name
            THEN auth.audited_change('lastName', to_jsonb((was).last_name), to_jsonb((becomes).last_name)) ELSE '{}' END
        || CASE WHEN (was).job_title IS DISTINCT FROM (becomes).job_title
            THEN auth.audited_change('jobTitle', to_jsonb((was).job_title), to_jsonb((becomes).job_title)) ELSE '{}' END
        || CASE WHEN (was).phone_number IS DISTINCT FROM (becomes).phone_number
            THEN auth.audited_change('phoneNumber', to_jsonb((was).phone_number), to_jsonb((becomes).phone_number)) ELSE '{}' END
        -- less than a millisecond may change, which is told as nothing
        || CASE WHEN (was).banned_until IS DISTINCT FROM (becomes).banned_until
                AND auth.audited_time((was).banned_until) IS DISTINCT FROM auth.audited_time((becomes).banned_until)
            THEN auth.audited_change('bannedUntil', auth.audited_time((was).banned_until), auth.audited_time((becomes).banned_until)) ELSE '{}' END
        || CASE WHEN (was).raw_user_meta_data IS DISTINCT FROM (becomes).raw_user_meta_data
            THEN auth.audited_change('userMetadata', (was).raw_user_meta_data, (becomes).raw_user_meta_data) ELSE '{}' END
        || CASE WHEN (was).raw_app_meta_data IS DISTINCT FROM (becomes).raw_app_meta_data
            THEN auth.audited_change('appMetadata', (was).raw_app_meta_data, (becomes).raw_app_meta_data) ELSE '{}' END
        || CASE WHEN (was).password_version = (becomes).password_version THEN '{}'
            WHEN (was).password_changed_at IS DISTINCT FROM (becomes).password_changed_at
                THEN auth.audited_change('password', '"updated"', '"updated"')
            ELSE auth.audited_change('passwordHash', to_jsonb((was).password_scheme), to_jsonb((becomes).password_scheme)) END
        || CASE WHEN (was).owner_generation = (becomes).owner_generation THEN '{}'
            WHEN (was).ban_origin IS DISTINCT FROM 'provision' AND principal_changes.has_row
                THEN auth.audited_change('proof', '"of the owner before"', '"ended"')
            ELSE auth.audited_change('proof', '"of who left the roster"', '"ended"') END;
END;
COMMENT ON FUNCTION auth.principal_changes(auth.users, auth.users, boolean) IS
'Internal: what the audit tells of a changed principal, who has or has not a row of the roster.';

CREATE OR REPLACE FUNCTION auth.audit_principal() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        PERFORM auth.audit(auth.nobody(), NULL, '{"principals": {"previous": null, "current": "truncated"}}');
    ELSIF TG_OP = 'DELETE' THEN
        PERFORM auth.audit(OLD.id, OLD.email, '{"deleted": {"previous": null, "current": "deleted"}}');
    ELSE
        PERFORM auth.audit(NEW.id, NEW.email, auth.principal_changes(OLD, NEW, EXISTS (
            SELECT FROM auth.organization_people o WHERE o.email = NEW.email)),
            CASE WHEN OLD.banned_until IS DISTINCT FROM NEW.banned_until THEN NEW.ban_reason END);
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION auth.audit_principal() IS 'Internal: trigger that audits a changed email or id and the deletion of a principal.';
-- Nothing else tells which row became which.
CREATE OR REPLACE TRIGGER audit_update AFTER UPDATE ON auth.users
    FOR EACH ROW WHEN (OLD.email <> NEW.email OR OLD.id <> NEW.id) EXECUTE FUNCTION auth.audit_principal();
CREATE OR REPLACE TRIGGER audit_delete AFTER DELETE ON auth.users
    FOR EACH ROW EXECUTE FUNCTION auth.audit_principal();
CREATE OR REPLACE TRIGGER audit_truncate AFTER TRUNCATE ON auth.users
    FOR EACH STATEMENT EXECUTE FUNCTION auth.audit_principal();

CREATE OR REPLACE FUNCTION auth.is_audited(was auth.users, becomes auth.users) RETURNS boolean
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
    SELECT ((was).kind, (was).app_role, (was).first_name, (was).last_name, (was).job_title, (was).phone_number, (was).banned_until,
            (was).raw_user_meta_data, (was).raw_app_meta_data, (was).password_version, (was).owner_generation)
        IS DISTINCT FROM ((becomes).kind, (becomes).app_role, (becomes).first_name, (becomes).last_name, (becomes).job_title,
            (becomes).phone_number, (becomes).banned_until, (becomes).raw_user_meta_data, (becomes).raw_app_meta_data,
            (becomes).password_version, (becomes).owner_generation);
END;
COMMENT ON FUNCTION auth.is_audited(auth.users, auth.users) IS 'Internal: whether the audit tells of a changed principal.';

CREATE OR REPLACE FUNCTION auth.audit_principals() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    actor record;
    request record;
BEGIN
    IF NOT EXISTS (SELECT FROM after_rows OFFSET 10) THEN
        PERFORM auth.audit(a.id, a.email, auth.principal_changes(b, a, b.owner_generation <> a.owner_generation AND EXISTS (
                SELECT FROM auth.organization_people o WHERE o.email = a.email)),
            CASE WHEN b.banned_until IS DISTINCT FROM a.banned_until THEN a.ban_reason END)
        FROM before_rows b JOIN after_rows a ON a.id = b.id AND a.email = b.email WHERE auth.is_audited(b, a)
            AND NOT EXISTS (SELECT FROM auth.decisions d WHERE d.user_id = a.id AND d.settling); -- told when it was decided
        RETURN NULL;
    END IF;
    -- there to be locked: whose first entry it is
    PERFORM auth.free_audit_head(a.id) FROM after_rows a WHERE NOT EXISTS (SELECT FROM auth.audit_heads h WHERE h.user_id = a.id);
    actor := auth.audit_actor();
    request := auth.request_context();
    -- What auth.audit() does for one, for all at once; planned for as many as they are.
    EXECUTE $many$
        WITH changed AS MATERIALIZED (
            SELECT a.id, a.email, auth.principal_changes(b, a, b.owner_generation <> a.owner_generation AND EXISTS (
                SELECT FROM auth.organization_people o WHERE o.email = a.email)) AS changes,
                CASE WHEN b.banned_until IS DISTINCT FROM a.banned_until THEN a.ban_reason END AS reason
            FROM before_rows b JOIN after_rows a ON a.id = b.id AND a.email = b.email WHERE auth.is_audited(b, a)
        ), head AS MATERIALIZED (
            SELECT h.user_id, h.seq + 1 AS seq, h.hash FROM auth.audit_heads h JOIN changed c ON c.id = h.user_id FOR NO KEY UPDATE OF h SKIP LOCKED
        ), held AS (
            INSERT INTO auth.audit_unlinked (user_id, created_at, actor_id, actor_email, subject, changes, reason, metadata, ip, user_agent)
            SELECT c.id, clock_timestamp(), $1, $2, c.email, c.changes, c.reason, $3, $4, $5 FROM changed c
            WHERE NOT EXISTS (SELECT FROM head h WHERE h.user_id = c.id)
        ), entry AS MATERIALIZED (
            SELECT c.*, h.seq, h.hash AS previous_hash, clock_timestamp() AS at_time FROM changed c JOIN head h ON h.user_id = c.id
        ), hashed AS MATERIALIZED (
            SELECT e.*, auth.audit_hash(e.id, e.seq, e.at_time, $1, $2, e.email, e.changes, e.reason, $3, $4, $5, e.previous_hash) AS hash
            FROM entry e
        ), logged AS (
            INSERT INTO auth.audit_log (user_id, seq, created_at, actor_id, actor_email, subject, changes, reason, metadata, ip, user_agent,
                                        previous_hash, hash)
            SELECT h.id, h.seq, h.at_time, $1, $2, h.email, h.changes, h.reason, $3, $4, $5, h.previous_hash, h.hash FROM hashed h
        )
        UPDATE auth.audit_heads t SET seq = h.seq, hash = h.hash FROM hashed h WHERE t.user_id = h.id
    $many$ USING actor.id, actor.email,
        CASE WHEN actor.id IS NULL THEN jsonb_strip_nulls(jsonb_build_object('databaseRole', session_user, 'projectKey', actor.project_key)) END,
        request.ip, request.user_agent;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION auth.audit_principals() IS 'Internal: trigger that audits what a statement changes of principals that keep their id and email.';
CREATE OR REPLACE TRIGGER audit_changes AFTER UPDATE ON auth.users REFERENCING OLD TABLE AS before_rows NEW TABLE AS after_rows
    FOR EACH STATEMENT EXECUTE FUNCTION auth.audit_principals();
