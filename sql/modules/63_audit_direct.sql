-- What is audited by whom it happens to, not by who does it: signing keys, the roster, and what
-- somebody writes past the functions. A restore copies rows in, each with a time of its own:
-- nothing of it
-- is audited again.

CREATE OR REPLACE FUNCTION auth.audit_later(changes jsonb, metadata jsonb) RETURNS void
LANGUAGE plpgsql STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    actor record := auth.audit_actor();
BEGIN
    IF actor.id IS NULL THEN
        metadata := metadata || jsonb_strip_nulls(jsonb_build_object('databaseRole', session_user,
            'projectKey', actor.project_key));
    END IF;
    INSERT INTO auth.audit_pending (actor_id, actor_email, changes, metadata)
        VALUES (actor.id, actor.email, changes, metadata);
END
$$;
COMMENT ON FUNCTION auth.audit_later(jsonb, jsonb) IS
'Internal: an entry of the audit''s own chain by the present caller, written when the transaction '
'commits. Until then nobody waits for that chain, least of all the revocation of a key for a '
'transaction left open.';

CREATE OR REPLACE FUNCTION auth.write_pending_audit() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    pending auth.audit_pending;
BEGIN
    DELETE FROM auth.audit_pending p WHERE p.id = NEW.id RETURNING * INTO pending;
    IF FOUND THEN
        PERFORM auth.audit_as(pending.actor_id, pending.actor_email, auth.audit_itself(), NULL,
            pending.changes, NULL, pending.metadata);
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION auth.write_pending_audit() IS
'Internal: trigger that moves an entry into the audit''s own chain at the end of the transaction.';
DROP TRIGGER IF EXISTS write_pending_audit ON auth.audit_pending;
CREATE CONSTRAINT TRIGGER write_pending_audit AFTER INSERT ON auth.audit_pending
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION auth.write_pending_audit();

CREATE OR REPLACE FUNCTION auth.is_own_statement() RETURNS boolean
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'pg_principal_is_own_statement';
COMMENT ON FUNCTION auth.is_own_statement() IS
'For WHEN of a trigger: whether it fires for a statement of one of our own functions, which audits '
'what it does.';

CREATE OR REPLACE FUNCTION auth.short_digest(value text) RETURNS text
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
    SELECT left(encode(sha256(convert_to(short_digest.value, 'UTF8')), 'hex'), 16);
END;
COMMENT ON FUNCTION auth.short_digest(text) IS
'Internal: tells two texts apart in the audit without showing them.';

CREATE OR REPLACE FUNCTION auth.audit_key() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lc_messages = 'C' AS $$
DECLARE
    context text;
    changes jsonb;
BEGIN
    IF TG_OP = 'INSERT' THEN
        GET DIAGNOSTICS context = PG_CONTEXT;
        PERFORM auth.audit_later(jsonb_build_object('key', jsonb_build_object('previous', NULL,
            'current', CASE WHEN position('import_signing_key' IN context) > 0 THEN 'imported'
                ELSE 'created' END)),
            jsonb_build_object('kid', NEW.kid, 'alg', NEW.alg, 'state', NEW.state));
    ELSIF TG_OP = 'UPDATE' THEN
        SELECT jsonb_object_agg(f.field, jsonb_build_object('previous', f.previous, 'current',
            f.current)) INTO changes
        FROM (VALUES ('key', OLD.state, NEW.state), ('kid', OLD.kid, NEW.kid), ('alg', OLD.alg,
            NEW.alg),
            ('sealedUnder', OLD.sealed_under, NEW.sealed_under),
            ('publicKey', auth.short_digest(OLD.public_jwk::text),
                auth.short_digest(NEW.public_jwk::text))) AS f (field, previous, current)
        WHERE f.previous IS DISTINCT FROM f.current;
        IF OLD.material <> NEW.material AND OLD.sealed_under IS NOT DISTINCT FROM NEW.sealed_under
            THEN
            changes := coalesce(changes, '{}') ||
                '{"material": {"previous": "updated", "current": "updated"}}';
        END IF;
        IF changes IS NOT NULL THEN
            PERFORM auth.audit_later(changes, jsonb_build_object('kid', NEW.kid, 'alg', NEW.alg));
        END IF;
    ELSIF TG_OP = 'DELETE' THEN
        PERFORM auth.audit_later(jsonb_build_object('key', jsonb_build_object('previous', OLD.state,
            'current', 'deleted')),
            jsonb_build_object('kid', OLD.kid, 'alg', OLD.alg));
    ELSE
        PERFORM auth.audit_later('{"keys": {"previous": null, "current": "truncated"}}', '{}');
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION auth.audit_key() IS
'Internal: trigger that audits what becomes of a signing key, never its material.';
CREATE OR REPLACE TRIGGER audit_new AFTER INSERT ON auth.signing_keys
    FOR EACH ROW WHEN (NEW.created_at = now()) EXECUTE FUNCTION auth.audit_key();
CREATE OR REPLACE TRIGGER audit_change AFTER UPDATE OR DELETE ON auth.signing_keys
    FOR EACH ROW EXECUTE FUNCTION auth.audit_key();
CREATE OR REPLACE TRIGGER audit_truncate AFTER TRUNCATE ON auth.signing_keys
    FOR EACH STATEMENT EXECUTE FUNCTION auth.audit_key();

-- All that a transaction does to the roster is one entry: how many rows, and whose for the first
-- ten.
CREATE OR REPLACE FUNCTION auth.audit_roster_rows(added bigint, updated bigint, removed bigint,
    emails text[]) RETURNS void
LANGUAGE plpgsql STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    actor record := auth.audit_actor();
    entry jsonb := '{"roster": {"previous": null, "current": "changed"}}';
    waiting auth.audit_pending;
    whose text[];
BEGIN
    -- a transaction sees its own only: others' are gone when they commit
    SELECT * INTO waiting FROM auth.audit_pending p WHERE p.changes = entry
        AND p.actor_id IS NOT DISTINCT FROM actor.id LIMIT 1;
    whose := ARRAY(SELECT jsonb_array_elements_text(coalesce(waiting.metadata->'emails', '[]')));
    whose := (whose || ARRAY(SELECT e FROM unnest(emails) WITH ORDINALITY AS u (e, n)
        WHERE e <> ALL (whose) GROUP BY e ORDER BY min(n)))[1:10];
    IF waiting.id IS NULL THEN
        PERFORM auth.audit_later(entry, jsonb_build_object('added', added, 'updated', updated,
            'removed', removed, 'emails', whose));
    ELSE
        UPDATE auth.audit_pending p SET metadata = p.metadata
            || jsonb_build_object('added', (p.metadata->>'added')::bigint + added,
            'updated', (p.metadata->>'updated')::bigint + updated, 'removed',
                (p.metadata->>'removed')::bigint + removed, 'emails', whose)
        WHERE p.id = waiting.id;
    END IF;
END
$$;
COMMENT ON FUNCTION auth.audit_roster_rows(bigint, bigint, bigint, text[]) IS
'Internal: adds a statement''s rows to the entry that its transaction leaves in the audit''s own '
'chain.';

CREATE OR REPLACE FUNCTION auth.audit_roster() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    n bigint;
BEGIN
    IF TG_OP = 'INSERT' THEN
        SELECT count(*) INTO n FROM after_rows a WHERE a.updated_at = now();
        IF n > 0 THEN
            PERFORM auth.audit_roster_rows(n, 0, 0, ARRAY(SELECT a.email FROM after_rows a
                WHERE a.updated_at = now() LIMIT 10));
        END IF;
    ELSIF TG_OP = 'UPDATE' THEN
        SELECT count(*) INTO n FROM after_rows;
        IF n > 0 THEN -- both names of whoever is renamed
            PERFORM auth.audit_roster_rows(0, n, 0, ARRAY((SELECT b.email
                FROM before_rows b LIMIT 10) UNION ALL (SELECT a.email
                FROM after_rows a LIMIT 10)));
        END IF;
    ELSIF TG_OP = 'DELETE' THEN
        SELECT count(*) INTO n FROM before_rows;
        IF n > 0 THEN
            PERFORM auth.audit_roster_rows(0, 0, n, ARRAY(SELECT b.email
                FROM before_rows b LIMIT 10));
        END IF;
    ELSE
        PERFORM auth.audit_later('{"roster": {"previous": null, "current": "truncated"}}', '{}');
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION auth.audit_roster() IS
'Internal: trigger that audits what a statement does to the roster.';
CREATE OR REPLACE TRIGGER audit_insert AFTER INSERT ON auth.organization_people REFERENCING NEW
    TABLE AS after_rows
    FOR EACH STATEMENT EXECUTE FUNCTION auth.audit_roster();
CREATE OR REPLACE TRIGGER audit_update AFTER UPDATE ON auth.organization_people REFERENCING OLD
    TABLE AS before_rows NEW TABLE AS after_rows
    FOR EACH STATEMENT EXECUTE FUNCTION auth.audit_roster();
CREATE OR REPLACE TRIGGER audit_delete AFTER DELETE ON auth.organization_people REFERENCING OLD
    TABLE AS before_rows
    FOR EACH STATEMENT EXECUTE FUNCTION auth.audit_roster();
CREATE OR REPLACE TRIGGER audit_truncate AFTER TRUNCATE ON auth.organization_people
    FOR EACH STATEMENT EXECUTE FUNCTION auth.audit_roster();

-- Principals and sessions that are written by hand; our functions audit what they make.
CREATE OR REPLACE FUNCTION auth.audit_direct() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        PERFORM auth.audit_later('{"sessions": {"previous": null, "current": "truncated"}}', '{}');
    ELSIF TG_RELID = 'auth.users'::regclass THEN
        PERFORM auth.audit(a.id, a.email, '{"created": {"previous": null, "current": "inserted"}}')
            FROM after_rows a WHERE a.created_at = now();
    ELSIF TG_OP = 'INSERT' THEN
        PERFORM auth.audit(coalesce(a.user_id, auth.nobody()), u.email,
            '{"session": {"previous": null, "current": "inserted"}}', NULL,
            jsonb_build_object('sessionId', a.id))
        FROM after_rows a LEFT JOIN auth.users u ON u.id = a.user_id WHERE a.created_at = now();
    ELSIF TG_OP = 'DELETE' THEN
        PERFORM auth.audit(coalesce(b.user_id, auth.nobody()), u.email,
            '{"session": {"previous": null, "current": "deleted"}}', NULL,
            jsonb_build_object('sessions', count(*)))
        FROM before_rows b LEFT JOIN auth.users u ON u.id = b.user_id GROUP BY b.user_id, u.email;
    ELSE
        PERFORM auth.audit(coalesce(NEW.user_id, auth.nobody()), (SELECT u.email FROM auth.users u
            WHERE u.id = NEW.user_id),
            jsonb_build_object('session', jsonb_build_object('previous', CASE
                WHEN OLD.revoked_at IS NULL THEN 'active' ELSE 'revoked' END,
                'current', CASE WHEN NEW.revoked_at IS NULL THEN 'updated' ELSE 'revoked' END)),
            NEW.revoke_reason, jsonb_build_object('sessionId', NEW.id));
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION auth.audit_direct() IS
'Internal: trigger that audits principals and sessions written by a statement that is none of our '
'functions''.';
CREATE OR REPLACE TRIGGER audit_insert AFTER INSERT ON auth.users REFERENCING NEW TABLE AS
    after_rows
    FOR EACH STATEMENT WHEN (NOT auth.is_own_statement()) EXECUTE FUNCTION auth.audit_direct();
CREATE OR REPLACE TRIGGER audit_insert AFTER INSERT ON auth.sessions REFERENCING NEW TABLE AS
    after_rows
    FOR EACH STATEMENT WHEN (NOT auth.is_own_statement()) EXECUTE FUNCTION auth.audit_direct();
CREATE OR REPLACE TRIGGER audit_update AFTER UPDATE ON auth.sessions
    FOR EACH ROW WHEN (((OLD.id, OLD.user_id, OLD.role, OLD.generation, OLD.revoked_at)
        IS DISTINCT FROM (NEW.id, NEW.user_id, NEW.role, NEW.generation, NEW.revoked_at)
        OR NEW.expires_at <> OLD.expires_at) AND NOT auth.is_own_statement())
    EXECUTE FUNCTION auth.audit_direct();
CREATE OR REPLACE TRIGGER audit_delete AFTER DELETE ON auth.sessions REFERENCING OLD TABLE AS
    before_rows
    FOR EACH STATEMENT WHEN (NOT auth.is_own_statement()) EXECUTE FUNCTION auth.audit_direct();
CREATE OR REPLACE TRIGGER audit_truncate AFTER TRUNCATE ON auth.sessions
    FOR EACH STATEMENT WHEN (NOT auth.is_own_statement()) EXECUTE FUNCTION auth.audit_direct();
