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
COMMENT ON FUNCTION auth.audit_hash(uuid, bigint, timestamptz, uuid, text, text, jsonb, text, jsonb,
    text, text, bytea) IS
'Internal: SHA-256 of an entry and the hash before it. NULL where an entry cannot have one.';

CREATE OR REPLACE FUNCTION auth.audit_actor(OUT id uuid, OUT email text, OUT project_key uuid,
    OUT agent_id uuid) RETURNS record
LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'pg_principal_audit_actor';
COMMENT ON FUNCTION auth.audit_actor() IS
'Internal: the caller where a live token is bound, and the agent that acts on its behalf, or the '
'session of a project key, else NULLs. Also in triggers from which auth.uid() is withheld.';

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

CREATE OR REPLACE FUNCTION auth.await_audit_head(user_id uuid, patience text)
    RETURNS auth.audit_heads
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    head auth.audit_heads;
    callers_timeout constant text := current_setting('lock_timeout');
BEGIN
    -- not in a block with EXCEPTION: what that locks and we then write takes a MultiXact each time
    SELECT * INTO head FROM auth.audit_heads h WHERE h.user_id = await_audit_head.user_id
        FOR NO KEY UPDATE SKIP LOCKED;
    IF FOUND THEN
        RETURN head;
    END IF;
    BEGIN
        EXECUTE 'SET LOCAL lock_timeout = ' || quote_literal(patience);
        head := auth.lock_audit_head(user_id);
        EXECUTE format('SET LOCAL lock_timeout = %L', callers_timeout);
    EXCEPTION WHEN lock_not_available THEN
        RETURN NULL;
    END;
    RETURN head;
END
$$;
COMMENT ON FUNCTION auth.await_audit_head(uuid, text) IS
'Internal: as auth.lock_audit_head(), but NULL where somebody holds it for so long.';

CREATE OR REPLACE FUNCTION auth.free_audit_head(user_id uuid) RETURNS auth.audit_heads
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    head auth.audit_heads;
BEGIN
    IF auth.has_one_snapshot() THEN
        BEGIN
            SELECT * INTO head FROM auth.audit_heads h WHERE h.user_id = free_audit_head.user_id
                FOR NO KEY UPDATE SKIP LOCKED;
        EXCEPTION WHEN serialization_failure THEN
            RETURN NULL;
        END;
    ELSE
        SELECT * INTO head FROM auth.audit_heads h WHERE h.user_id = free_audit_head.user_id
            FOR NO KEY UPDATE SKIP LOCKED;
    END IF;
    IF FOUND OR EXISTS (SELECT FROM auth.audit_heads h
        WHERE h.user_id = free_audit_head.user_id) THEN
        RETURN head;
    END IF;
    RETURN auth.await_audit_head(user_id, '20ms'); -- somebody may be making it
END
$$;
COMMENT ON FUNCTION auth.free_audit_head(uuid) IS
'Internal: as auth.lock_audit_head(), but NULL where somebody holds it, or in REPEATABLE READ has '
'written to it since.';

CREATE OR REPLACE FUNCTION auth.append_entry(head auth.audit_heads, e auth.audit_unlinked)
    RETURNS auth.audit_heads
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    new_hash constant bytea := auth.audit_hash(head.user_id, head.seq + 1, e.created_at, e.actor_id,
        e.actor_email, e.subject, e.changes, e.reason, e.metadata, e.ip, e.user_agent, head.hash);
BEGIN
    INSERT INTO auth.audit_log (user_id, seq, created_at, actor_id, actor_email, subject, changes,
        reason, metadata, ip, user_agent, previous_hash, hash)
    VALUES (head.user_id, head.seq + 1, e.created_at, e.actor_id, e.actor_email, e.subject,
        e.changes, e.reason, e.metadata, e.ip, e.user_agent, head.hash, new_hash);
    UPDATE auth.audit_heads h SET seq = head.seq + 1, hash = new_hash
        WHERE h.user_id = head.user_id;
    head.seq := head.seq + 1;
    head.hash := new_hash;
    RETURN head;
END
$$;
COMMENT ON FUNCTION auth.append_entry(auth.audit_heads, auth.audit_unlinked) IS
'Internal: appends an entry to the chain whose head is locked.';

CREATE OR REPLACE FUNCTION auth.append_at_once(
    actor_id uuid, actor_email text, user_id uuid, subject text, changes jsonb, reason text,
        metadata jsonb) RETURNS bigint
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'pg_principal_append_at_once';
COMMENT ON FUNCTION auth.append_at_once(uuid, text, uuid, text, jsonb, text, jsonb) IS
'Internal: appends an entry to its chain and returns its number; NULL where somebody holds the '
'chain, entries wait for it, it is new, or a table of the audit has got triggers or columns.';

CREATE OR REPLACE FUNCTION auth.link_entries(head auth.audit_heads) RETURNS auth.audit_heads
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    waiting auth.audit_unlinked;
BEGIN
    FOR waiting IN
        SELECT * FROM auth.audit_unlinked w WHERE w.user_id = head.user_id
        ORDER BY w.created_at, w.id LIMIT 100
    LOOP
        head := auth.append_entry(head, waiting);
        DELETE FROM auth.audit_unlinked w WHERE w.id = waiting.id;
    END LOOP;
    RETURN head;
END
$$;
COMMENT ON FUNCTION auth.link_entries(auth.audit_heads) IS
'Internal: links the entries that wait for a chain whose head is locked.';

CREATE OR REPLACE FUNCTION auth.link_audit() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    whose uuid;
    head auth.audit_heads;
BEGIN
    FOR whose IN SELECT DISTINCT w.user_id FROM auth.audit_unlinked w ORDER BY 1 LOOP
        head := auth.free_audit_head(whose);
        IF head.user_id IS NOT NULL THEN
            PERFORM auth.link_entries(head);
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION auth.link_audit() IS
'Internal: links the entries that wait for chains which nobody holds now.';

CREATE OR REPLACE FUNCTION auth.audit_as(
    actor_id uuid, actor_email text, user_id uuid, subject text, changes jsonb,
        reason text DEFAULT NULL, metadata jsonb DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    head auth.audit_heads;
    entry auth.audit_unlinked;
    number bigint;
    caller record := auth.audit_actor();
BEGIN
    -- an agent that acts for somebody did it, on that one's behalf
    IF actor_id = caller.id AND caller.agent_id IS NOT NULL THEN
        metadata := coalesce(metadata, '{}') || jsonb_build_object('onBehalfOf', actor_email);
        actor_id := caller.agent_id;
        actor_email := (SELECT u.email FROM auth.users u WHERE u.id = caller.agent_id);
    END IF;
    -- the audit's own chain tells of all the others: in its order
    IF user_id = auth.audit_itself() THEN
        head := auth.own_audit_head();
    ELSE
        number := auth.append_at_once(actor_id, actor_email, user_id, subject, changes, reason,
            metadata);
        IF number IS NOT NULL THEN
            RETURN number;
        END IF;
        head := auth.free_audit_head(user_id);
    END IF;
    SELECT gen_random_uuid(), audit_as.user_id, clock_timestamp(), audit_as.actor_id,
        audit_as.actor_email, audit_as.subject, audit_as.changes, audit_as.reason,
        audit_as.metadata, c.ip, c.user_agent INTO entry
    FROM auth.request_context() AS c;
    IF head.user_id = auth.audit_itself() THEN -- auth.audit_prune() has told which number it gets
        head := auth.append_entry(head, entry);
        PERFORM auth.link_entries(head);
        RETURN head.seq;
    ELSIF head.user_id IS NOT NULL THEN
        head := auth.link_entries(head);
    END IF;
    -- behind more of them than one writer links, it is one of them
    IF head.user_id IS NULL OR EXISTS (SELECT FROM auth.audit_unlinked w
        WHERE w.user_id = head.user_id) THEN
        INSERT INTO auth.audit_unlinked SELECT entry.*;
        RETURN NULL;
    END IF;
    RETURN (auth.append_entry(head, entry)).seq;
END
$$;
COMMENT ON FUNCTION auth.audit_as(uuid, text, uuid, text, jsonb, text, jsonb) IS
'Internal: appends an entry to a principal''s chain and returns its number; where somebody holds '
'the chain, leaves it to be linked, and returns NULL. The actor is who is proven to have done it, '
'or NULL.';

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
-- as auth.audits(): neither an agent nor an application has the person's role here
CREATE POLICY own_entries ON auth.audit_log FOR SELECT
    USING (user_id = (SELECT auth.uid()) OR (SELECT auth.has_role('AUDITOR', 'ADMIN')
        AND NOT auth.is_delegated() AND coalesce(auth.client_id() = auth.uid()::text, true)));
