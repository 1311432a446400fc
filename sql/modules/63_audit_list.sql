-- The audit, read: by its callers, and by operators, who need no token.

DROP POLICY IF EXISTS operators ON auth.audit_log;
CREATE POLICY operators ON auth.audit_log FOR SELECT TO auth_operator USING (true);

CREATE OR REPLACE FUNCTION auth.audit_cursor(cursor text, OUT created_at timestamptz,
    OUT user_id uuid, OUT seq bigint) RETURNS record
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    parts text[] := regexp_match(cursor,
        '^(-?[0-9]{1,17})[.]([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})'
        '[.]([0-9]{1,18})$');
BEGIN
    IF cursor IS NULL THEN -- before the newest
        created_at := 'infinity';
        user_id := 'ffffffff-ffff-ffff-ffff-ffffffffffff';
        seq := 9223372036854775807;
    ELSIF parts IS NULL THEN
        PERFORM auth.raise_error('cursor_malformed');
    ELSE
        created_at := to_timestamp(0) + parts[1]::bigint * make_interval(secs => 0.000001);
        user_id := parts[2];
        seq := parts[3];
    END IF;
END
$$;
COMMENT ON FUNCTION auth.audit_cursor(text) IS
'Internal: the entry that a cursor stands for; NULL: one newer than all. 22023 when it is '
'malformed.';

CREATE OR REPLACE FUNCTION auth.list_audit(
    of_email text DEFAULT NULL, since timestamptz DEFAULT NULL, entries integer DEFAULT 50,
        cursor text DEFAULT NULL, of_user uuid DEFAULT NULL,
    OUT id uuid, OUT user_id uuid, OUT seq bigint, OUT subject text, OUT actor_id uuid,
        OUT actor_email text, OUT changes jsonb,
    OUT reason text, OUT metadata jsonb, OUT ip text, OUT user_agent text,
        OUT created_at timestamptz, OUT next_cursor text) RETURNS SETOF record
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    after record := auth.audit_cursor(cursor);
    email text := auth.normalise_email(of_email);
    whose uuid := coalesce(of_user, (SELECT u.id FROM auth.users u
        WHERE u.email = auth.normalise_email(of_email)));
    from_time timestamptz := coalesce(since, '-infinity');
BEGIN
    IF entries IS NULL OR entries NOT BETWEEN 1 AND 1000 THEN
        PERFORM auth.raise_error('page_invalid', 'the number of entries', '1', '1000',
            coalesce(entries::text, 'NULL'));
    END IF;
    -- Two queries rather than one that serves both: each keeps its plan.
    IF whose IS NOT NULL THEN
        RETURN QUERY
        SELECT encode(substr(l.hash, 1, 16), 'hex')::uuid, l.user_id, l.seq, l.subject, l.actor_id,
            l.actor_email, l.changes, l.reason, l.metadata,
            l.ip, l.user_agent, l.created_at, concat_ws('.', (extract(epoch
                FROM l.created_at) * 1000000)::bigint, l.user_id, l.seq)
        FROM auth.audit_log l
        WHERE l.user_id = whose AND l.seq < CASE WHEN cursor IS NULL OR after.user_id = whose
            THEN after.seq END AND l.created_at >= from_time
        ORDER BY l.seq DESC LIMIT entries;
    ELSE
        RETURN QUERY
        SELECT encode(substr(l.hash, 1, 16), 'hex')::uuid, l.user_id, l.seq, l.subject, l.actor_id,
            l.actor_email, l.changes, l.reason, l.metadata,
            l.ip, l.user_agent, l.created_at, concat_ws('.', (extract(epoch
                FROM l.created_at) * 1000000)::bigint, l.user_id, l.seq)
        FROM auth.audit_log l
        WHERE l.created_at >= from_time AND (l.created_at, l.user_id, l.seq) < (after.created_at,
            after.user_id, after.seq)
          AND (email IS NULL OR l.subject = email OR l.changes->'email'->>'previous' = email)
        ORDER BY l.created_at DESC, l.user_id DESC, l.seq DESC LIMIT entries;
    END IF;
END
$$;
COMMENT ON FUNCTION auth.list_audit(text, timestamptz, integer, text, uuid) IS
'The audit for operators, newest entry first. of_email: the entries of the principal that has the '
'email now, or, where none has, those that name it, the change to another address too; of_user: '
'one chain by its id, such as the audit''s own. since: not older than that. entries: 1 to 1000; '
'cursor: next_cursor of the last entry seen. 22023 for a bad email, number or cursor.';

CREATE OR REPLACE FUNCTION auth.audits(
    entries integer DEFAULT 20, cursor text DEFAULT NULL, of_user uuid DEFAULT NULL,
        everyone boolean DEFAULT false,
    OUT id uuid, OUT user_id uuid, OUT actor_id uuid, OUT actor_email text, OUT actor_name text,
        OUT changes jsonb,
    OUT reason text, OUT metadata jsonb, OUT ip text, OUT user_agent text,
        OUT created_at timestamptz, OUT next_cursor text) RETURNS SETOF record
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
        PERFORM auth.raise_error('page_invalid', 'the number of entries', '1', '100',
            coalesce(entries::text, 'NULL'));
    ELSIF cursor IS NOT NULL AND auth.uuid_of(after[2]) IS NULL THEN
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
            nullif(concat_ws(' ', a.first_name, a.last_name), ''), l.changes, l.reason, l.metadata,
                l.ip, l.user_agent, l.created_at,
            format('%s.%s.%s', (extract(epoch FROM l.created_at) * 1000000)::bigint, l.user_id,
                l.seq)
        FROM (SELECT * FROM auth.audit_log o WHERE o.user_id = whose
            AND o.seq < coalesce(after_seq, 9223372036854775807)
              ORDER BY o.seq DESC LIMIT entries) AS l
        LEFT JOIN auth.users a ON a.id = l.actor_id
        ORDER BY l.seq DESC;
    ELSE
        RETURN QUERY
        SELECT encode(substr(l.hash, 1, 16), 'hex')::uuid, l.user_id, l.actor_id, l.actor_email,
            nullif(concat_ws(' ', a.first_name, a.last_name), ''), l.changes, l.reason, l.metadata,
                l.ip, l.user_agent, l.created_at,
            format('%s.%s.%s', (extract(epoch FROM l.created_at) * 1000000)::bigint, l.user_id,
                l.seq)
        FROM (SELECT * FROM auth.audit_log o
              WHERE cursor IS NULL OR (o.created_at, o.user_id, o.seq) < (after_time, after_user,
                  after_seq)
              ORDER BY o.created_at DESC, o.user_id DESC, o.seq DESC LIMIT entries) AS l
        LEFT JOIN auth.users a ON a.id = l.actor_id
        ORDER BY l.created_at DESC, l.user_id DESC, l.seq DESC;
    END IF;
END
$$;
COMMENT ON FUNCTION auth.audits(integer, text, uuid, boolean) IS
'The audit, newest entry first: the caller''s own, that of another principal (of_user) or of all '
'(everyone), the latter two for AUDITOR, ADMIN and the project key service_role. entries: 1 to '
'100; cursor: next_cursor of the last entry seen. 28000 without a live token, 42501 for another''s '
'audit, 22023 for a bad number or cursor.';
