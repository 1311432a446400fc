-- The audit: one hash chain for each principal.

CREATE OR REPLACE FUNCTION auth.nobody() RETURNS uuid
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT '00000000-0000-0000-0000-000000000000'::uuid;
END;
COMMENT ON FUNCTION auth.nobody() IS
'Internal: whose audit chain holds what happened to no known principal.';

CREATE OR REPLACE FUNCTION auth.audit_itself() RETURNS uuid
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid;
END;
COMMENT ON FUNCTION auth.audit_itself() IS
'Internal: whose audit chain tells of seals and prunings, signing keys and the roster; it is never '
'pruned.';

CREATE OR REPLACE FUNCTION auth.audit_genesis(user_id uuid) RETURNS bytea
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pg_principal_audit_genesis';
COMMENT ON FUNCTION auth.audit_genesis(uuid) IS
'Internal: what the first entry of a chain is linked to.';

CREATE OR REPLACE FUNCTION auth.audit_hash(
    user_id uuid, seq bigint, created_at timestamptz, actor_id uuid, actor_email text, subject text,
        changes jsonb,
    reason text, metadata jsonb, ip text, user_agent text, previous_hash bytea) RETURNS bytea
LANGUAGE c IMMUTABLE PARALLEL SAFE COST 10 AS 'MODULE_PATHNAME', 'pg_principal_audit_hash';
COMMENT ON FUNCTION auth.audit_hash(uuid, bigint, timestamptz, uuid, text, text, jsonb, text, jsonb, text, text, bytea) IS
'Internal: SHA-256 of an entry and the hash before it. NULL where an entry cannot have one.';

CREATE OR REPLACE FUNCTION auth.audit_actor(OUT id uuid, OUT email text, OUT project_key uuid)
    RETURNS record
LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'pg_principal_audit_actor';
COMMENT ON FUNCTION auth.audit_actor() IS
'Internal: the caller where a live token is bound, or the session of a project key, else NULLs.';

CREATE OR REPLACE FUNCTION auth.lock_audit_head(user_id uuid) RETURNS auth.audit_heads
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    head auth.audit_heads;
BEGIN
    LOOP
        SELECT * INTO head FROM auth.audit_heads h WHERE h.user_id = lock_audit_head.user_id FOR NO
            KEY UPDATE;
        EXIT WHEN FOUND;
        INSERT INTO auth.audit_heads (user_id, hash)
        VALUES (lock_audit_head.user_id, auth.audit_genesis(lock_audit_head.user_id))
            ON CONFLICT DO NOTHING;
    END LOOP;
    RETURN head;
END
$$;
COMMENT ON FUNCTION auth.lock_audit_head(uuid) IS
'Internal: how far a principal''s chain has got; its other writers wait until this transaction '
'ends.';

CREATE OR REPLACE FUNCTION auth.audit_as(
    actor_id uuid, actor_email text, user_id uuid, subject text, changes jsonb,
        reason text DEFAULT NULL, metadata jsonb DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    head auth.audit_heads := auth.lock_audit_head(user_id);
    at_time timestamptz := clock_timestamp();
    request record := auth.request_context();
    new_hash bytea;
BEGIN
    new_hash := auth.audit_hash(user_id, head.seq + 1, at_time, actor_id, actor_email, subject,
        changes, reason, metadata,
                                request.ip, request.user_agent, head.hash);
    INSERT INTO auth.audit_log (user_id, seq, created_at, actor_id, actor_email, subject, changes,
        reason, metadata,
                                ip, user_agent, previous_hash, hash)
    VALUES (audit_as.user_id, head.seq + 1, at_time, audit_as.actor_id, audit_as.actor_email,
        audit_as.subject,
            audit_as.changes, audit_as.reason, audit_as.metadata, request.ip, request.user_agent,
                head.hash, new_hash);
    UPDATE auth.audit_heads h SET seq = head.seq + 1, hash = new_hash
        WHERE h.user_id = audit_as.user_id;
    RETURN head.seq + 1;
END
$$;
COMMENT ON FUNCTION auth.audit_as(uuid, text, uuid, text, jsonb, text, jsonb) IS
'Internal: appends an entry to a principal''s chain and returns its number. The actor is who is '
'proven to have done it, or NULL.';

CREATE OR REPLACE FUNCTION auth.audit(user_id uuid, subject text, changes jsonb,
    reason text DEFAULT NULL, metadata jsonb DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    actor record := auth.audit_actor();
BEGIN
    IF actor.id IS NULL THEN
        metadata := coalesce(metadata, '{}') || jsonb_strip_nulls(
            jsonb_build_object('databaseRole', session_user, 'projectKey', actor.project_key));
    END IF;
    RETURN auth.audit_as(actor.id, actor.email, user_id, subject, changes, reason, metadata);
END
$$;
COMMENT ON FUNCTION auth.audit(uuid, text, jsonb, text, jsonb) IS
'Internal: the same by the caller: the principal whose token is bound, else the database role and, '
'where there is one, the project key.';

CREATE OR REPLACE FUNCTION auth.audit_failure(
    user_id uuid, subject text, changes jsonb, reason text, metadata jsonb,
        proven boolean DEFAULT false, unbounded boolean DEFAULT false) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    allowed integer := current_setting('pg_principal.max_failure_entries');
    this_hour timestamptz := date_trunc('hour', clock_timestamp(), 'UTC');
    head auth.audit_heads;
BEGIN
    -- All strangers share one chain: once its hour is full they do not even wait for each other.
    IF user_id = auth.nobody() AND EXISTS (
        SELECT FROM auth.audit_heads h WHERE h.user_id = auth.nobody()
            AND h.failure_hour = this_hour AND h.failures >= allowed) THEN
        PERFORM auth.count_up('auth.audit.suppressed');
        RETURN false;
    END IF;
    head := auth.lock_audit_head(user_id);
    IF head.failure_hour IS DISTINCT FROM this_hour THEN
        head.failures := 0;
        head.proven_failures := 0;
    END IF;
    IF NOT unbounded AND (CASE WHEN proven THEN head.proven_failures
        ELSE head.failures END) >= allowed THEN
        UPDATE auth.audit_heads h SET suppressed = h.suppressed + 1
            WHERE h.user_id = audit_failure.user_id;
        PERFORM auth.count_up('auth.audit.suppressed');
        RETURN false;
    END IF;
    PERFORM auth.audit_as(NULL, NULL, user_id, subject, changes, reason, metadata);
    UPDATE auth.audit_heads h SET failure_hour = this_hour,
        failures = head.failures + CASE WHEN proven THEN 0 ELSE 1 END,
        proven_failures = head.proven_failures + CASE WHEN proven THEN 1 ELSE 0 END
    WHERE h.user_id = audit_failure.user_id;
    RETURN true;
END
$$;
COMMENT ON FUNCTION auth.audit_failure(uuid, text, jsonb, text, jsonb, boolean, boolean) IS
'Internal: appends the entry of a refusal, or only counts it and returns false when this principal '
'had pg_principal.max_failure_entries of its sort within the hour. proven: it was refused to the '
'holder of a real refresh token; unbounded: it ended a session, which none does twice.';

-- Changes of a principal are audited whoever makes them and however. What is created is audited by
-- who creates it: a restore copies rows in, and must not audit them again.
CREATE OR REPLACE FUNCTION auth.audit_principal() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    changes jsonb;
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        PERFORM auth.audit(auth.nobody(), NULL,
            '{"principals": {"previous": null, "current": "truncated"}}');
        RETURN NULL;
    ELSIF TG_OP = 'DELETE' THEN
        PERFORM auth.audit(OLD.id, OLD.email,
            '{"deleted": {"previous": null, "current": "deleted"}}');
        RETURN NULL;
    END IF;
    SELECT jsonb_object_agg(f.field, jsonb_build_object('previous', f.previous, 'current',
        f.current)) INTO changes
    FROM (VALUES
        ('email', to_jsonb(OLD.email), to_jsonb(NEW.email)),
        ('kind', to_jsonb(OLD.kind), to_jsonb(NEW.kind)),
        ('role', to_jsonb(OLD.app_role), to_jsonb(NEW.app_role)),
        ('firstName', to_jsonb(OLD.first_name), to_jsonb(NEW.first_name)),
        ('lastName', to_jsonb(OLD.last_name), to_jsonb(NEW.last_name)),
        ('jobTitle', to_jsonb(OLD.job_title), to_jsonb(NEW.job_title)),
        ('phoneNumber', to_jsonb(OLD.phone_number), to_jsonb(NEW.phone_number)),
        ('bannedUntil', to_jsonb(coalesce(auth.iso_time(OLD.banned_until), OLD.banned_until::text)),
            to_jsonb(coalesce(auth.iso_time(NEW.banned_until), NEW.banned_until::text))),
        ('userMetadata', OLD.raw_user_meta_data, NEW.raw_user_meta_data),
        ('appMetadata', OLD.raw_app_meta_data, NEW.raw_app_meta_data)) AS f (field, previous,
            current)
    WHERE f.previous IS DISTINCT FROM f.current;
    IF OLD.password_version <> NEW.password_version THEN
        changes := coalesce(changes, '{}') || CASE
            WHEN OLD.password_changed_at IS DISTINCT FROM NEW.password_changed_at
                THEN '{"password": {"previous": "updated", "current": "updated"}}'::jsonb
            ELSE jsonb_build_object('passwordHash', jsonb_build_object(
                'previous', OLD.password_scheme, 'current', NEW.password_scheme))
        END;
    END IF;
    IF OLD.owner_generation <> NEW.owner_generation THEN
        changes := coalesce(changes, '{}') || jsonb_build_object('proof',
            jsonb_build_object('previous', CASE
            WHEN OLD.ban_origin IS DISTINCT FROM 'provision' AND EXISTS (SELECT
                FROM auth.organization_people o WHERE o.email = NEW.email)
                THEN 'of the owner before' ELSE 'of who left the roster' END, 'current', 'ended'));
    END IF;
    PERFORM auth.audit(NEW.id, NEW.email, coalesce(changes, '{}'), -- less than a millisecond may change
        CASE WHEN OLD.banned_until IS DISTINCT FROM NEW.banned_until THEN NEW.ban_reason END);
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION auth.audit_principal() IS
'Internal: trigger that audits changed fields and deletion of a principal.';
CREATE OR REPLACE TRIGGER audit_update AFTER UPDATE ON auth.users
    FOR EACH ROW WHEN ((OLD.email, OLD.kind, OLD.app_role, OLD.first_name, OLD.last_name,
        OLD.job_title, OLD.phone_number,
            OLD.banned_until, OLD.raw_user_meta_data, OLD.raw_app_meta_data, OLD.password_version,
                OLD.owner_generation)
        IS DISTINCT FROM (NEW.email, NEW.kind, NEW.app_role, NEW.first_name, NEW.last_name,
            NEW.job_title, NEW.phone_number,
            NEW.banned_until, NEW.raw_user_meta_data, NEW.raw_app_meta_data, NEW.password_version,
                NEW.owner_generation))
    EXECUTE FUNCTION auth.audit_principal();
CREATE OR REPLACE TRIGGER audit_delete AFTER DELETE ON auth.users
    FOR EACH ROW EXECUTE FUNCTION auth.audit_principal();

CREATE OR REPLACE TRIGGER audit_truncate AFTER TRUNCATE ON auth.users
    FOR EACH STATEMENT EXECUTE FUNCTION auth.audit_principal();

CREATE OR REPLACE FUNCTION auth.keep_audit() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM auth.raise_error('audit_append_only');
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION auth.keep_audit() IS
'Internal: trigger against accidents. Who may switch it off is caught by auth.audit_verify().';
CREATE OR REPLACE TRIGGER keep_audit BEFORE UPDATE OR DELETE OR TRUNCATE ON auth.audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION auth.keep_audit();

DROP POLICY IF EXISTS own_entries ON auth.audit_log;
CREATE POLICY own_entries ON auth.audit_log FOR SELECT
    USING (user_id = (SELECT auth.uid()) OR (SELECT auth.has_role('AUDITOR', 'ADMIN')));
