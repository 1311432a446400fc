-- The audit: one hash chain for each principal, and the counters that go with it.

CREATE OR REPLACE FUNCTION auth.nobody() RETURNS uuid
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT '00000000-0000-0000-0000-000000000000'::uuid;
END;
COMMENT ON FUNCTION auth.nobody() IS 'Internal: whose audit chain holds what happened to no known principal.';

CREATE OR REPLACE FUNCTION auth.audit_itself() RETURNS uuid
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid;
END;
COMMENT ON FUNCTION auth.audit_itself() IS 'Internal: whose audit chain tells of seals and prunings, signing keys and the roster; it is never pruned.';

CREATE OR REPLACE FUNCTION auth.audit_genesis(user_id uuid) RETURNS bytea
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pg_principal_audit_genesis';
COMMENT ON FUNCTION auth.audit_genesis(uuid) IS 'Internal: what the first entry of a chain is linked to.';

CREATE OR REPLACE FUNCTION auth.audit_hash(
    user_id uuid, seq bigint, created_at timestamptz, actor_id uuid, actor_email text, subject text, changes jsonb,
    reason text, metadata jsonb, ip text, user_agent text, previous_hash bytea) RETURNS bytea
LANGUAGE c IMMUTABLE PARALLEL SAFE COST 10 AS 'MODULE_PATHNAME', 'pg_principal_audit_hash';
COMMENT ON FUNCTION auth.audit_hash(uuid, bigint, timestamptz, uuid, text, text, jsonb, text, jsonb, text, text, bytea) IS
'Internal: SHA-256 of an entry and the hash before it. NULL where an entry cannot have one.';

CREATE OR REPLACE FUNCTION auth.request_context(OUT ip text, OUT user_agent text) RETURNS record
LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'pg_principal_request_context';
COMMENT ON FUNCTION auth.request_context() IS
'Internal: address and user agent out of pg_principal.request_context; NULL for what is missing or malformed.';

CREATE OR REPLACE FUNCTION auth.audit_actor(OUT id uuid, OUT email text, OUT project_key uuid) RETURNS record
LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'pg_principal_audit_actor';
COMMENT ON FUNCTION auth.audit_actor() IS 'Internal: the caller where a live token is bound, or the session of a project key, else NULLs.';

CREATE OR REPLACE FUNCTION auth.log_event(event jsonb) RETURNS void
LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'pg_principal_log_event';
COMMENT ON FUNCTION auth.log_event(jsonb) IS 'Internal: one line of JSON in the server log, without the statement.';

CREATE OR REPLACE FUNCTION auth.set_request_context(context jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF jsonb_typeof(context) <> 'null' THEN
        IF jsonb_typeof(context) <> 'object' THEN
            PERFORM auth.raise_error('context_malformed', jsonb_typeof(context));
        END IF;
        PERFORM set_config('pg_principal.request_context', context::text, true);
    END IF;
END
$$;
COMMENT ON FUNCTION auth.set_request_context(jsonb) IS
'Internal: what the audit tells of the request, for the rest of the transaction. NULL leaves what was set. 22023 when it is no object.';

CREATE OR REPLACE FUNCTION auth.count_up(name text, label text DEFAULT '', by bigint DEFAULT 1) RETURNS void
LANGUAGE sql
BEGIN ATOMIC
    -- A shard that nobody holds, else a new one: whoever leaves a transaction open holds up no other's count.
    WITH free AS (
        SELECT m.shard FROM auth.metrics m WHERE m.name = count_up.name AND m.label = count_up.label
        LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED
    ), counted AS (
        UPDATE auth.metrics m SET value = m.value + count_up.by, updated_at = clock_timestamp() FROM free f
        WHERE m.name = count_up.name AND m.label = count_up.label AND m.shard = f.shard RETURNING m.shard
    )
    INSERT INTO auth.metrics AS m (name, label, shard, value, updated_at)
    SELECT count_up.name, count_up.label, (random() * 32767)::smallint, count_up.by, clock_timestamp()
    WHERE NOT EXISTS (SELECT FROM counted)
    ON CONFLICT (name, label, shard) DO UPDATE SET value = m.value + excluded.value, updated_at = excluded.updated_at;
END;
COMMENT ON FUNCTION auth.count_up(text, text, bigint) IS 'Internal: adds to a counter of auth.metrics.';

CREATE OR REPLACE FUNCTION auth.set_gauge(name text, label text, value bigint) RETURNS void
LANGUAGE sql
BEGIN ATOMIC
    INSERT INTO auth.metrics AS m (name, label, shard, kind, value, updated_at)
    VALUES (set_gauge.name, set_gauge.label, 0, 'gauge', set_gauge.value, clock_timestamp())
    ON CONFLICT (name, label, shard) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at;
END;
COMMENT ON FUNCTION auth.set_gauge(text, text, bigint) IS 'Internal: sets a gauge of auth.metrics.';

CREATE OR REPLACE FUNCTION auth.read_metrics(OUT name text, OUT label text, OUT kind text, OUT value bigint, OUT updated_at timestamptz) RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER
BEGIN ATOMIC
    SELECT m.name, m.label, m.kind, sum(m.value)::bigint, max(m.updated_at)
    FROM auth.metrics m GROUP BY m.name, m.label, m.kind ORDER BY m.name, m.label;
END;
COMMENT ON FUNCTION auth.read_metrics() IS
'Every counter and gauge: refusals by reason (auth.refresh.failures, auth.sign_in.failures), reported ones (agent.refresh.failures), suppressed audit entries, and what the last health scan found. They survive a restart.';

CREATE OR REPLACE FUNCTION auth.lock_audit_head(user_id uuid) RETURNS auth.audit_heads
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    head auth.audit_heads;
BEGIN
    LOOP
        SELECT * INTO head FROM auth.audit_heads h WHERE h.user_id = lock_audit_head.user_id FOR NO KEY UPDATE;
        EXIT WHEN FOUND;
        INSERT INTO auth.audit_heads (user_id, hash)
        VALUES (lock_audit_head.user_id, auth.audit_genesis(lock_audit_head.user_id)) ON CONFLICT DO NOTHING;
    END LOOP;
    RETURN head;
END
$$;
COMMENT ON FUNCTION auth.lock_audit_head(uuid) IS 'Internal: how far a principal''s chain has got; its other writers wait until this transaction ends.';

CREATE OR REPLACE FUNCTION auth.audit_as(
    actor_id uuid, actor_email text, user_id uuid, subject text, changes jsonb, reason text DEFAULT NULL, metadata jsonb DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    head auth.audit_heads := auth.lock_audit_head(user_id);
    at_time timestamptz := clock_timestamp();
    request record := auth.request_context();
    new_hash bytea;
BEGIN
    new_hash := auth.audit_hash(user_id, head.seq + 1, at_time, actor_id, actor_email, subject, changes, reason, metadata,
                                request.ip, request.user_agent, head.hash);
    INSERT INTO auth.audit_log (user_id, seq, created_at, actor_id, actor_email, subject, changes, reason, metadata,
                                ip, user_agent, previous_hash, hash)
    VALUES (audit_as.user_id, head.seq + 1, at_time, audit_as.actor_id, audit_as.actor_email, audit_as.subject,
            audit_as.changes, audit_as.reason, audit_as.metadata, request.ip, request.user_agent, head.hash, new_hash);
    UPDATE auth.audit_heads h SET seq = head.seq + 1, hash = new_hash WHERE h.user_id = audit_as.user_id;
    RETURN head.seq + 1;
END
$$;
COMMENT ON FUNCTION auth.audit_as(uuid, text, uuid, text, jsonb, text, jsonb) IS
'Internal: appends an entry to a principal''s chain and returns its number. The actor is who is proven to have done it, or NULL.';

CREATE OR REPLACE FUNCTION auth.audit(user_id uuid, subject text, changes jsonb, reason text DEFAULT NULL, metadata jsonb DEFAULT NULL) RETURNS bigint
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
'Internal: the same by the caller: the principal whose token is bound, else the database role and, where there is one, the project key.';

CREATE OR REPLACE FUNCTION auth.audit_failure(
    user_id uuid, subject text, changes jsonb, reason text, metadata jsonb, proven boolean DEFAULT false, unbounded boolean DEFAULT false) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    allowed integer := current_setting('pg_principal.max_failure_entries');
    this_hour timestamptz := date_trunc('hour', clock_timestamp(), 'UTC');
    head auth.audit_heads;
BEGIN
    -- All strangers share one chain: once its hour is full they do not even wait for each other.
    IF user_id = auth.nobody() AND EXISTS (
        SELECT FROM auth.audit_heads h WHERE h.user_id = auth.nobody() AND h.failure_hour = this_hour AND h.failures >= allowed) THEN
        PERFORM auth.count_up('auth.audit.suppressed');
        RETURN false;
    END IF;
    head := auth.lock_audit_head(user_id);
    IF head.failure_hour IS DISTINCT FROM this_hour THEN
        head.failures := 0;
        head.proven_failures := 0;
    END IF;
    IF NOT unbounded AND (CASE WHEN proven THEN head.proven_failures ELSE head.failures END) >= allowed THEN
        UPDATE auth.audit_heads h SET suppressed = h.suppressed + 1 WHERE h.user_id = audit_failure.user_id;
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
'Internal: appends the entry of a refusal, or only counts it and returns false when this principal had pg_principal.max_failure_entries of its sort within the hour. proven: it was refused to the holder of a real refresh token; unbounded: it ended a session, which none does twice.';

-- Changes of a principal are audited whoever makes them and however. What is created is audited by
-- who creates it: a restore copies rows in, and must not audit them again.
CREATE OR REPLACE FUNCTION auth.audit_principal() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    changes jsonb;
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        PERFORM auth.audit(auth.nobody(), NULL, '{"principals": {"previous": null, "current": "truncated"}}');
        RETURN NULL;
    ELSIF TG_OP = 'DELETE' THEN
        PERFORM auth.audit(OLD.id, OLD.email, '{"deleted": {"previous": null, "current": "deleted"}}');
        RETURN NULL;
    END IF;
    SELECT jsonb_object_agg(f.field, jsonb_build_object('previous', f.previous, 'current', f.current)) INTO changes
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
        ('appMetadata', OLD.raw_app_meta_data, NEW.raw_app_meta_data)) AS f (field, previous, current)
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
        changes := coalesce(changes, '{}') || jsonb_build_object('proof', jsonb_build_object('previous', CASE
            WHEN OLD.ban_origin IS DISTINCT FROM 'provision' AND EXISTS (SELECT FROM auth.organization_people o WHERE o.email = NEW.email)
                THEN 'of the owner before' ELSE 'of who left the roster' END, 'current', 'ended'));
    END IF;
    PERFORM auth.audit(NEW.id, NEW.email, coalesce(changes, '{}'), -- less than a millisecond may change
        CASE WHEN OLD.banned_until IS DISTINCT FROM NEW.banned_until THEN NEW.ban_reason END);
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION auth.audit_principal() IS 'Internal: trigger that audits changed fields and deletion of a principal.';
CREATE OR REPLACE TRIGGER audit_update AFTER UPDATE ON auth.users
    FOR EACH ROW WHEN ((OLD.email, OLD.kind, OLD.app_role, OLD.first_name, OLD.last_name, OLD.job_title, OLD.phone_number,
            OLD.banned_until, OLD.raw_user_meta_data, OLD.raw_app_meta_data, OLD.password_version, OLD.owner_generation)
        IS DISTINCT FROM (NEW.email, NEW.kind, NEW.app_role, NEW.first_name, NEW.last_name, NEW.job_title, NEW.phone_number,
            NEW.banned_until, NEW.raw_user_meta_data, NEW.raw_app_meta_data, NEW.password_version, NEW.owner_generation))
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

CREATE OR REPLACE FUNCTION auth.require_role(VARIADIC roles text[] DEFAULT '{}') RETURNS uuid
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    caller uuid := auth.uid();
BEGIN
    IF caller IS NULL AND 'ADMIN' = ANY (roles) AND auth.role() = 'service_role' THEN
        RETURN NULL;
    ELSIF caller IS NULL THEN
        PERFORM auth.raise_error('authentication_required');
    ELSIF cardinality(roles) > 0 AND NOT auth.has_role(VARIADIC roles) THEN
        PERFORM auth.raise_error('role_required', array_to_string(roles, ' or '));
    END IF;
    RETURN caller;
END
$$;
COMMENT ON FUNCTION auth.require_role(text[]) IS
'Internal: the calling principal; NULL for the project key service_role, which counts as ADMIN where app roles are named. 28000 without a live token, 42501 without one of these app roles (none named: any will do, and no key).';

CREATE OR REPLACE FUNCTION auth.audits(
    entries integer DEFAULT 20, cursor text DEFAULT NULL, of_user uuid DEFAULT NULL, everyone boolean DEFAULT false,
    OUT id uuid, OUT user_id uuid, OUT actor_id uuid, OUT actor_email text, OUT actor_name text, OUT changes jsonb,
    OUT reason text, OUT metadata jsonb, OUT ip text, OUT user_agent text, OUT created_at timestamptz, OUT next_cursor text) RETURNS SETOF record
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    caller uuid := auth.uid();
    whose uuid := CASE WHEN everyone THEN NULL ELSE coalesce(of_user, caller) END;
    after text[] := regexp_match(cursor, '^(-?[0-9]{1,17})[.]([0-9a-f-]{36})[.]([0-9]{1,18})$');
    after_time timestamptz;
    after_user uuid;
    after_seq bigint;
BEGIN
    IF everyone OR of_user <> caller OR caller IS NULL AND of_user IS NOT NULL THEN
        PERFORM auth.require_role('AUDITOR', 'ADMIN');
    ELSE
        PERFORM auth.require_role();
    END IF;
    IF entries IS NULL OR entries NOT BETWEEN 1 AND 100 THEN
        PERFORM auth.raise_error('page_invalid', 'the number of entries', '1', '100', coalesce(entries::text, 'NULL'));
    ELSIF cursor IS NOT NULL AND (after IS NULL OR after[2] !~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$') THEN
        PERFORM auth.raise_error('cursor_malformed');
    ELSIF cursor IS NOT NULL THEN
        after_time := 'epoch'::timestamptz + after[1]::bigint * interval '1 microsecond';
        after_user := after[2];
        after_seq := after[3];
    END IF;
    -- Two queries rather than one that serves both: each keeps its plan.
    IF whose IS NOT NULL THEN
        RETURN QUERY
        SELECT encode(substr(l.hash, 1, 16), 'hex')::uuid, l.user_id, l.actor_id, l.actor_email,
            nullif(concat_ws(' ', a.first_name, a.last_name), ''), l.changes, l.reason, l.metadata, l.ip, l.user_agent, l.created_at,
            format('%s.%s.%s', (extract(epoch FROM l.created_at) * 1000000)::bigint, l.user_id, l.seq)
        FROM (SELECT * FROM auth.audit_log o WHERE o.user_id = whose AND o.seq < coalesce(after_seq, 9223372036854775807)
              ORDER BY o.seq DESC LIMIT entries) AS l
        LEFT JOIN auth.users a ON a.id = l.actor_id
        ORDER BY l.seq DESC;
    ELSE
        RETURN QUERY
        SELECT encode(substr(l.hash, 1, 16), 'hex')::uuid, l.user_id, l.actor_id, l.actor_email,
            nullif(concat_ws(' ', a.first_name, a.last_name), ''), l.changes, l.reason, l.metadata, l.ip, l.user_agent, l.created_at,
            format('%s.%s.%s', (extract(epoch FROM l.created_at) * 1000000)::bigint, l.user_id, l.seq)
        FROM (SELECT * FROM auth.audit_log o
              WHERE cursor IS NULL OR (o.created_at, o.user_id, o.seq) < (after_time, after_user, after_seq)
              ORDER BY o.created_at DESC, o.user_id DESC, o.seq DESC LIMIT entries) AS l
        LEFT JOIN auth.users a ON a.id = l.actor_id
        ORDER BY l.created_at DESC, l.user_id DESC, l.seq DESC;
    END IF;
END
$$;
COMMENT ON FUNCTION auth.audits(integer, text, uuid, boolean) IS
'The audit, newest entry first: the caller''s own, that of another principal (of_user) or of all (everyone), the latter two for AUDITOR, ADMIN and the project key service_role. entries: 1 to 100; cursor: next_cursor of the last entry seen. 28000 without a live token, 42501 for another''s audit, 22023 for a bad number or cursor.';

CREATE OR REPLACE FUNCTION auth.fold_chain_head(state bytea, user_id uuid, seq bigint, hash bytea) RETURNS bytea
LANGUAGE c IMMUTABLE AS 'MODULE_PATHNAME', 'pg_principal_fold_chain_head';
COMMENT ON FUNCTION auth.fold_chain_head(bytea, uuid, bigint, bytea) IS 'Internal: one more chain head in the digest of a seal.';
CREATE OR REPLACE AGGREGATE auth.fold_chain_heads(uuid, bigint, bytea) (SFUNC = auth.fold_chain_head, STYPE = bytea);
COMMENT ON AGGREGATE auth.fold_chain_heads(uuid, bigint, bytea) IS 'Internal: chain heads, ordered by principal, in one hash.';
CREATE OR REPLACE FUNCTION auth.seal_digest(previous_digest bytea, state bytea, chains bigint) RETURNS bytea
LANGUAGE c IMMUTABLE AS 'MODULE_PATHNAME', 'pg_principal_seal_digest';
COMMENT ON FUNCTION auth.seal_digest(bytea, bytea, bigint) IS 'Internal: what a seal signs; covers the seal before it.';
CREATE OR REPLACE FUNCTION auth.read_seal(seal text) RETURNS jsonb
LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'pg_principal_read_seal';
COMMENT ON FUNCTION auth.read_seal(text) IS 'Internal: the claims of a seal; NULL when none of our keys that still verify has signed it.';

CREATE OR REPLACE FUNCTION auth.audit_seal() RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    previous auth.audit_seals;
    number bigint;
    folded bytea;
    changed bigint;
    digest bytea;
    at_time timestamptz;
    seal text;
    patient_until timestamptz := clock_timestamp() + interval '1 second';
    free bigint;
BEGIN
    LOCK TABLE auth.audit_seals IN SHARE ROW EXCLUSIVE MODE;
    -- Who writes to a chain is waited for, a second in all; one that is held longer is for the next seal.
    LOOP
        PERFORM FROM auth.audit_heads h WHERE h.seq > h.sealed_seq FOR NO KEY UPDATE SKIP LOCKED;
        GET DIAGNOSTICS free = ROW_COUNT;
        EXIT WHEN free >= (SELECT count(*) FROM auth.audit_heads h WHERE h.seq > h.sealed_seq) OR clock_timestamp() > patient_until;
        PERFORM pg_sleep(0.02);
    END LOOP;
    SELECT * INTO previous FROM auth.audit_seals s ORDER BY s.id DESC LIMIT 1;
    number := coalesce(previous.id, 0) + 1;
    WITH heads AS (
        UPDATE auth.audit_heads h SET sealed_seq = h.seq
        FROM (SELECT o.user_id FROM auth.audit_heads o WHERE o.seq > o.sealed_seq FOR NO KEY UPDATE SKIP LOCKED) AS f
        WHERE h.user_id = f.user_id RETURNING h.user_id, h.seq, h.hash
    ), kept AS (
        INSERT INTO auth.audit_sealed_heads (seal_id, user_id, seq, hash)
        SELECT number, h.user_id, h.seq, h.hash FROM heads h
    )
    SELECT auth.fold_chain_heads(h.user_id, h.seq, h.hash ORDER BY h.user_id), count(*) INTO folded, changed FROM heads h;
    digest := auth.seal_digest(previous.digest, folded, changed);
    at_time := clock_timestamp();
    seal := auth.sign_token(jsonb_build_object(
        'iss', current_setting('pg_principal.issuer'), 'aud', 'pg_principal audit', 'iat', floor(extract(epoch FROM at_time))::bigint,
        'seal', number, 'chains', changed, 'digest', encode(digest, 'hex')));
    INSERT INTO auth.audit_seals (id, sealed_at, chains, digest, seal) VALUES (number, at_time, changed, digest, seal);
    PERFORM auth.audit(auth.audit_itself(), NULL, '{"audit": {"previous": null, "current": "sealed"}}', NULL,
        jsonb_build_object('seal', number, 'digest', encode(digest, 'hex')));
    RETURN seal;
END
$$;
COMMENT ON FUNCTION auth.audit_seal() IS
'Signs, as a compact JWS (RFC 7515) under the signing key in use, a digest over every audit chain, so that a dropped chain shows too; what an open transaction holds for more than a second is left to the next seal. Keep the seal where no administrator of this database can change it: given to auth.audit_verify() it also shows that the seals themselves were replaced. 55000 without a signing key.';

CREATE OR REPLACE FUNCTION auth.audit_verify(seal text DEFAULT NULL, OUT user_id uuid, OUT seq bigint, OUT fault text) RETURNS SETOF record
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    claims jsonb;
    newest auth.audit_seals;
BEGIN
    RETURN QUERY
    SELECT DISTINCT ON (c.user_id) c.user_id, c.seq, c.fault FROM (
        SELECT l.user_id, l.seq, CASE
            WHEN h.user_id IS NULL THEN 'entries without a head: the head was deleted'
            WHEN l.seq <> lag(l.seq, 1, h.pruned_seq) OVER chain + 1 THEN 'out of sequence: entries before it are missing'
            WHEN l.previous_hash <> lag(l.hash, 1, coalesce(h.pruned_hash, auth.audit_genesis(l.user_id))) OVER chain
                THEN 'not linked to the entry before'
            WHEN l.hash IS DISTINCT FROM auth.audit_hash(l.user_id, l.seq, l.created_at, l.actor_id, l.actor_email, l.subject,
                l.changes, l.reason, l.metadata, l.ip, l.user_agent, l.previous_hash) THEN 'altered'
            WHEN l.seq > h.seq THEN 'beyond the head: the head was altered'
        END AS fault
        FROM auth.audit_log l LEFT JOIN auth.audit_heads h ON h.user_id = l.user_id
        WINDOW chain AS (PARTITION BY l.user_id ORDER BY l.seq)) AS c
    WHERE c.fault IS NOT NULL
    ORDER BY c.user_id, c.seq;

    RETURN QUERY
    SELECT h.user_id, h.seq, 'the last entries are missing or the head was altered' FROM auth.audit_heads h
    WHERE CASE WHEN h.seq > h.pruned_seq
        THEN NOT EXISTS (SELECT FROM auth.audit_log l WHERE l.user_id = h.user_id AND l.seq = h.seq AND l.hash = h.hash)
        ELSE h.hash <> coalesce(h.pruned_hash, auth.audit_genesis(h.user_id)) END
    ORDER BY h.user_id;

    -- What is gone by a pruning is told of by the audit's own chain.
    RETURN QUERY
    SELECT h.user_id, h.pruned_seq, 'pruned, and no pruning is recorded' FROM auth.audit_heads h
    WHERE h.pruned_seq > 0
      AND NOT EXISTS (SELECT FROM auth.audit_prunes p WHERE p.user_id = h.user_id AND p.seq = h.pruned_seq AND p.hash = h.pruned_hash)
    ORDER BY h.user_id;

    RETURN QUERY
    SELECT auth.audit_itself(), coalesce(t.seq, r.entry), 'the record of this pruning is missing or altered'
    FROM (SELECT l.seq, l.metadata->>'digest' AS digest FROM auth.audit_log l
          WHERE l.user_id = auth.audit_itself() AND l.changes->'audit'->>'current' = 'pruned') AS t
    FULL JOIN (SELECT p.entry, encode(auth.fold_chain_heads(p.user_id, p.seq, p.hash ORDER BY p.user_id), 'hex') AS digest
               FROM auth.audit_prunes p GROUP BY p.entry) AS r ON r.entry = t.seq
    WHERE r.digest IS DISTINCT FROM t.digest
    ORDER BY 2;

    RETURN QUERY
    SELECT l.user_id, l.seq, format('seal %s is missing or was replaced', l.metadata->>'seal') FROM auth.audit_log l
    WHERE l.user_id = auth.audit_itself() AND l.changes->'audit'->>'current' = 'sealed'
      AND NOT EXISTS (SELECT FROM auth.audit_seals s WHERE s.id::text = l.metadata->>'seal' AND encode(s.digest, 'hex') = l.metadata->>'digest')
    ORDER BY l.seq;

    RETURN QUERY
    SELECT s.user_id, s.seq, format('seal %s covers an entry that is missing or altered', s.seal_id)
    FROM auth.audit_sealed_heads s LEFT JOIN auth.audit_heads h ON h.user_id = s.user_id
    WHERE s.seq > coalesce(h.pruned_seq, 0)
      AND NOT EXISTS (SELECT FROM auth.audit_log l WHERE l.user_id = s.user_id AND l.seq = s.seq AND l.hash = s.hash)
    ORDER BY s.seal_id, s.user_id;

    RETURN QUERY
    SELECT NULL::uuid, NULL::bigint, format('seal %s does not fit what it covers', s.id)
    FROM (SELECT o.id, o.digest, lag(o.digest) OVER numbered AS previous, o.id - lag(o.id, 1, 0::bigint) OVER numbered AS step
          FROM auth.audit_seals o WINDOW numbered AS (ORDER BY o.id)) AS s,
        LATERAL (SELECT auth.fold_chain_heads(h.user_id, h.seq, h.hash ORDER BY h.user_id) AS folded, count(*) AS chains
                 FROM auth.audit_sealed_heads h WHERE h.seal_id = s.id) AS f
    WHERE s.step <> 1 OR s.digest <> auth.seal_digest(s.previous, f.folded, f.chains)
    ORDER BY s.id;

    SELECT * INTO newest FROM auth.audit_seals s ORDER BY s.id DESC LIMIT 1;
    IF FOUND THEN
        claims := auth.read_seal(newest.seal);
        IF claims IS NULL THEN
            fault := format('seal %s was signed by no key that verifies: seal again', newest.id);
            RETURN NEXT;
        ELSIF claims->>'digest' IS DISTINCT FROM encode(newest.digest, 'hex') THEN
            fault := format('seal %s does not fit its signature', newest.id);
            RETURN NEXT;
        END IF;
    END IF;
    IF audit_verify.seal IS NOT NULL THEN
        claims := auth.read_seal(audit_verify.seal);
        IF claims->>'digest' IS NULL OR claims->>'seal' IS NULL THEN
            PERFORM auth.raise_error('seal_refused', 'it was signed by no key of this database that verifies');
        END IF;
        IF NOT EXISTS (SELECT FROM auth.audit_seals s
                       WHERE s.id::text = claims->>'seal' AND encode(s.digest, 'hex') = claims->>'digest') THEN
            fault := format('the given seal %s is not the one of that number here: the seals were replaced', claims->>'seal');
            RETURN NEXT;
        END IF;
    END IF;
END
$$;
COMMENT ON FUNCTION auth.audit_verify(text) IS
'Checks every audit chain, its head and its seals: no row when all hold, else the first broken entry of each chain with what is wrong. With a seal that was kept elsewhere, also whether the seals here are still those. 22023 when that is no seal of ours.';

CREATE OR REPLACE FUNCTION auth.audit_prune(older_than interval, max_entries bigint DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET session_replication_role = replica AS $$
DECLARE
    cutoff timestamptz := auth.later(clock_timestamp(), -older_than);
    head auth.audit_heads;
    last bigint;
    last_hash bytea;
    removed bigint := 0;
    n bigint;
    entry_number bigint;
    digest bytea;
BEGIN
    IF older_than IS NULL OR older_than <= interval '0' THEN
        PERFORM auth.raise_error('interval_invalid', 'older_than', coalesce(older_than::text, 'NULL'));
    END IF;
    LOCK TABLE auth.audit_seals IN SHARE ROW EXCLUSIVE MODE; -- who else locks many chains waits
    FOR head IN
        SELECT h.* FROM auth.audit_heads h
        WHERE h.user_id <> auth.audit_itself()
          AND EXISTS (SELECT FROM auth.audit_log l WHERE l.user_id = h.user_id AND l.seq = h.pruned_seq + 1 AND l.created_at < cutoff)
        ORDER BY h.user_id
    LOOP
        EXIT WHEN removed >= max_entries;
        SELECT * INTO head FROM auth.audit_heads h WHERE h.user_id = head.user_id FOR NO KEY UPDATE SKIP LOCKED;
        CONTINUE WHEN NOT FOUND; -- an open transaction holds it: for the next pruning
        SELECT l.seq - 1 INTO last FROM auth.audit_log l
        WHERE l.user_id = head.user_id AND l.created_at >= cutoff ORDER BY l.seq LIMIT 1;
        last := coalesce(last, head.seq);
        last := least(last, head.pruned_seq + max_entries - removed);
        CONTINUE WHEN last <= head.pruned_seq;
        SELECT l.hash INTO last_hash FROM auth.audit_log l WHERE l.user_id = head.user_id AND l.seq = last;
        CONTINUE WHEN NOT FOUND; -- a broken chain is evidence, and stays
        DELETE FROM auth.audit_log l WHERE l.user_id = head.user_id AND l.seq <= last;
        GET DIAGNOSTICS n = ROW_COUNT;
        removed := removed + n;
        UPDATE auth.audit_heads h SET pruned_seq = last, pruned_hash = last_hash WHERE h.user_id = head.user_id;
        entry_number := coalesce(entry_number, (auth.lock_audit_head(auth.audit_itself())).seq + 1);
        INSERT INTO auth.audit_prunes (entry, user_id, seq, hash) VALUES (entry_number, head.user_id, last, last_hash);
    END LOOP;
    IF removed > 0 THEN
        SELECT auth.fold_chain_heads(p.user_id, p.seq, p.hash ORDER BY p.user_id) INTO digest
        FROM auth.audit_prunes p WHERE p.entry = entry_number;
        PERFORM auth.audit(auth.audit_itself(), NULL, '{"audit": {"previous": null, "current": "pruned"}}', NULL,
            jsonb_build_object('entries', removed, 'before', auth.iso_time(cutoff), 'digest', encode(digest, 'hex')));
    END IF;
    RETURN removed;
END
$$;
COMMENT ON FUNCTION auth.audit_prune(interval, bigint) IS
'Deletes audit entries older than that, keeps what remains verifiable, and says so in the audit. With max_entries it stops there, for a scheduler that prunes in small transactions. Returns how many went. 22023 for an interval that is not above zero.';
