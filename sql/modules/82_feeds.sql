-- The audit and the incidents over an API, a page at a time.

CREATE OR REPLACE FUNCTION auth.audit_feed(
    entries integer DEFAULT 20, cursor text DEFAULT NULL, of_user uuid DEFAULT NULL,
        everyone boolean DEFAULT false) RETURNS auth.auth_result
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    of_others boolean := coalesce(everyone, false) OR of_user IS NOT NULL AND of_user IS DISTINCT
        FROM auth.uid();
    refused auth.auth_result := CASE WHEN of_others THEN auth.refusal_of_caller('AUDITOR', 'ADMIN')
        ELSE auth.refusal_of_caller() END;
    found_entries jsonb;
    last_cursor text;
BEGIN
    -- looked at here: a call would be planned anew each time
    IF refused.ok IS NULL AND (entries BETWEEN 1 AND 100) IS NOT TRUE THEN
        refused := auth.bad_page(entries);
    END IF;
    IF refused.ok IS NOT NULL THEN
        RETURN refused;
    END IF;
    SELECT coalesce(jsonb_agg(jsonb_build_object(
            'id', a.id, 'userId', a.user_id, 'actorId', a.actor_id, 'actorEmail', a.actor_email,
                'actorName', a.actor_name,
            'changes', a.changes, 'createdAt', auth.iso_time(a.created_at))
            || CASE WHEN of_others THEN jsonb_build_object('reason', a.reason, 'metadata',
                a.metadata, 'ip', a.ip, 'userAgent', a.user_agent)
                ELSE '{}' END ORDER BY a.ordinality), '[]'),
        max(a.next_cursor) FILTER (WHERE a.ordinality = entries)
    INTO found_entries, last_cursor
    FROM auth.audits(entries, cursor, of_user, everyone) WITH ORDINALITY AS a;
    RETURN ROW(true, 200, NULL, jsonb_build_object('audits', found_entries, 'nextCursor',
        last_cursor))::auth.auth_result;
EXCEPTION WHEN invalid_parameter_value THEN
    RETURN auth.bad_field('The page was refused', 'cursor',
        'must be the nextCursor of an earlier page');
END
$$;
COMMENT ON FUNCTION auth.audit_feed(integer, text, uuid, boolean) IS
'auth.audits() as an API shows it: 200 with {audits: [{id, userId, actorId, actorEmail, actorName, '
'changes, createdAt}], nextCursor}, of others also reason, metadata, ip and userAgent; nextCursor '
'is null on the last page. 400 for a bad limit or cursor, 401, 403 for another''s audit without '
'AUDITOR or ADMIN.';

CREATE OR REPLACE FUNCTION auth.incidents_feed(entries integer DEFAULT 20, cursor text DEFAULT NULL,
    of_user uuid DEFAULT NULL) RETURNS auth.auth_result
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    refused auth.auth_result := auth.refusal_of_caller('AUDITOR', 'ADMIN');
    after text[] := regexp_match(cursor,
        '^(-?[0-9]{1,17})[.]([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$');
    after_time timestamptz := 'epoch'::timestamptz + after[1]::bigint * interval '1 microsecond';
    after_id uuid := after[2];
    found_incidents jsonb;
    last_cursor text;
BEGIN
    -- looked at here: a call would be planned anew each time
    IF refused.ok IS NULL AND (entries BETWEEN 1 AND 100) IS NOT TRUE THEN
        refused := auth.bad_page(entries);
    END IF;
    IF refused.ok IS NOT NULL THEN
        RETURN refused;
    ELSIF cursor IS NOT NULL AND after IS NULL THEN
        RETURN auth.bad_field('The page was refused', 'cursor',
            'must be the nextCursor of an earlier page');
    END IF;
    SELECT coalesce(jsonb_agg(jsonb_build_object(
            'id', i.id, 'kind', i.kind, 'userId', i.user_id, 'email', i.email, 'reason', i.reason,
                'metadata', i.metadata,
            'createdAt', auth.iso_time(i.created_at), 'detectedAt', auth.iso_time(i.detected_at),
                'resolvedAt', auth.iso_time(i.resolved_at))
            ORDER BY i.created_at DESC, i.id DESC), '[]'),
        CASE WHEN count(*) = entries THEN
            (array_agg(format('%s.%s', (extract(epoch FROM i.created_at) * 1000000)::bigint, i.id)
                ORDER BY i.created_at, i.id))[1] END
    INTO found_incidents, last_cursor
    FROM (SELECT * FROM auth.incidents o
          WHERE (cursor IS NULL OR (o.created_at, o.id) < (after_time, after_id))
              AND (of_user IS NULL OR o.user_id = of_user)
          ORDER BY o.created_at DESC, o.id DESC LIMIT entries) AS i;
    RETURN ROW(true, 200, NULL, jsonb_build_object('incidents', found_incidents, 'nextCursor',
        last_cursor))::auth.auth_result;
END
$$;
COMMENT ON FUNCTION auth.incidents_feed(integer, text, uuid) IS
'For AUDITOR and ADMIN: incidents of agents, newest first, of all or of one (of_user), reported by '
'a scan or not yet. 200 with {incidents: [{id, kind, userId, email, reason, metadata, createdAt, '
'detectedAt, resolvedAt}], nextCursor}; 400 for a bad limit or cursor, 401, 403.';
