-- The health of agents: what was refused is reported once, what is about to fail in time.

CREATE OR REPLACE FUNCTION auth.drain_token_use(OUT session_id uuid, OUT used_at timestamptz)
    RETURNS SETOF record
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'pg_principal_drain_token_use';
COMMENT ON FUNCTION auth.drain_token_use() IS
'Internal: which agents'' sessions were used since the last call, as far as it was noted in shared '
'memory.';

CREATE OR REPLACE FUNCTION auth.token_use_is_known() RETURNS boolean
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'pg_principal_token_use_is_known';
COMMENT ON FUNCTION auth.token_use_is_known() IS
'Internal: whether uses are noted, which takes pg_principal in shared_preload_libraries, and none '
'was lost since the last drain.';

CREATE OR REPLACE FUNCTION auth.agent_findings(use_is_known boolean, OUT kind text,
    OUT user_id uuid, OUT email text, OUT subject text, OUT reason text, OUT metadata jsonb)
    RETURNS SETOF record
LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH agents AS (
        SELECT * FROM auth.users u WHERE auth.is_agent(u.kind, u.email)
            AND (u.banned_until > now()) IS NOT TRUE
    ), signers AS (SELECT k.kid FROM auth.signing_keys k WHERE k.state <> 'revoked'), unrevoked AS (
        SELECT s.*, a.email, r.created_at AS refreshed_at, r.expires_at AS refresh_expires_at,
            least(s.expires_at, r.expires_at) AS ends_at
        FROM agents a JOIN auth.sessions s ON s.user_id = a.id
            AND s.generation = a.session_generation
            -- an issued token has no refresh token: the index is not asked for NULL
            LEFT JOIN auth.refresh_tokens r ON r.session_id = CASE s.origin WHEN 'sign_in'
                THEN s.id END
        WHERE s.revoked_at IS NULL AND (s.kid IS NULL OR s.kid IN (SELECT k.kid FROM signers k))
            AND least(s.expires_at, r.expires_at) > now() - interval '720 hours'
    ), live AS (
        SELECT * FROM unrevoked l WHERE l.ends_at > now()
    ), dead AS (
        SELECT d.id, d.user_id, d.email, d.origin, d.label, d.created_at, d.refreshed_at, d.ends_at
            FROM unrevoked d WHERE d.ends_at <= now()
        UNION ALL -- what is open stays open, however long ago it was and when the session is pruned
        SELECT o.id, o.user_id, a.email, o.origin, i.metadata->>'label',
        (i.metadata->>'createdAt')::timestamptz,
            (i.metadata->>'refreshedAt')::timestamptz, (i.metadata->>'expiresAt')::timestamptz
        FROM auth.incidents i JOIN agents a ON a.id = i.user_id
            CROSS JOIN LATERAL (SELECT i.user_id, CASE i.kind WHEN 'token_expired' THEN 'issued'
                WHEN 'refresh_lapsed' THEN 'sign_in' END AS origin,
                CASE WHEN i.kind IN ('token_expired', 'refresh_lapsed')
                    THEN i.subject::uuid END AS id) AS o
            LEFT JOIN auth.sessions s ON s.id = o.id
        WHERE i.kind <> 'refresh_failure' AND i.resolved_at IS NULL AND o.id IS NOT NULL
          AND (s.id IS NULL OR s.revoked_at IS NULL AND s.generation = a.session_generation
              AND (s.kid IS NULL OR s.kid IN (SELECT k.kid FROM signers k)))
          AND NOT EXISTS (SELECT FROM unrevoked u WHERE u.id = o.id)
    )
    SELECT 'token_expiring', l.user_id, l.email, format('%s within %s', l.id, d.subject), d.reason,
        jsonb_build_object('sessionId', l.id, 'label', l.label, 'expiresAt',
            auth.iso_time(l.expires_at))
    FROM (SELECT t.*, nullif(t.expires_at, 'infinity') - t.created_at AS life FROM live t
        WHERE t.origin = 'issued') AS l
        CROSS JOIN LATERAL (
        SELECT w.subject, w.reason
        FROM (VALUES ('1 d', 'expires within 1 day', interval '24 hours',
            l.life > interval '48 hours'),
                     ('7 d', 'expires within 7 days', interval '168 hours',
                         l.life > interval '336 hours'),
                     ('30 d', 'expires within 30 days', interval '720 hours',
                         l.life > interval '1440 hours'),
                     ('the last quarter', 'in the last quarter of its life', l.life / 4,
                         true)) AS w (subject, reason, span, long)
        WHERE w.long AND l.expires_at < now() + w.span
        ORDER BY w.span LIMIT 1) AS d
    -- its successor is there already
    WHERE NOT EXISTS (SELECT FROM live n WHERE n.user_id = l.user_id AND n.origin = 'issued'
        AND n.label IS NOT DISTINCT FROM l.label
                      AND n.created_at > l.created_at AND n.expires_at > l.expires_at)
    UNION ALL
    SELECT CASE d.origin WHEN 'issued' THEN 'token_expired'
        ELSE 'refresh_lapsed' END, d.user_id, d.email, d.id::text,
        CASE d.origin WHEN 'issued' THEN 'expired without a successor'
            ELSE 'refresh token lapsed unrefreshed' END,
        jsonb_build_object('sessionId', d.id, 'expiresAt', auth.iso_time(d.ends_at)) ||
        CASE d.origin WHEN 'issued' THEN jsonb_build_object('label', d.label, 'createdAt',
            auth.iso_time(d.created_at))
            ELSE jsonb_build_object('refreshedAt', auth.iso_time(d.refreshed_at)) END
    FROM dead d
    WHERE d.origin IN ('issued', 'sign_in')
      AND NOT EXISTS (SELECT FROM auth.sessions n WHERE n.user_id = d.user_id
          AND n.origin = d.origin AND n.id <> d.id
                      AND (n.revoked_at IS NULL OR n.revoked_at > d.ends_at)
                      AND CASE d.origin WHEN 'issued' THEN n.label IS NOT DISTINCT FROM d.label
                          AND n.created_at > d.created_at AND n.expires_at > d.ends_at
                          ELSE n.created_at > d.refreshed_at END)
    UNION ALL
    SELECT 'token_unused', l.user_id, l.email, l.id::text, 'unused for 90 days',
        jsonb_build_object('sessionId', l.id, 'label', l.label, 'lastUsedAt',
            auth.iso_time(l.last_used_at))
    FROM live l
    WHERE agent_findings.use_is_known AND l.origin = 'issued'
        AND coalesce(l.last_used_at, l.created_at) < auth.later(now(), interval '-90 days')
    UNION ALL
    SELECT 'admin_agent', a.id, a.email, '', 'an agent has the role ADMIN', '{}' FROM agents a
        WHERE a.app_role = 'ADMIN'
    UNION ALL
    SELECT 'password_old', a.id, a.email, '', format('password older than %s',
        current_setting('pg_principal.agent_password_max_age')),
        jsonb_build_object('passwordChangedAt', auth.iso_time(coalesce(a.password_changed_at,
            a.created_at)))
    FROM agents a
    WHERE a.password_scheme IS NOT NULL AND auth.seconds('agent_password_max_age') > 0
      AND coalesce(a.password_changed_at,
          a.created_at) < now() - auth.seconds('agent_password_max_age') * interval '1 second'
    UNION ALL
    SELECT 'refresh_lapsing', l.user_id, l.email, l.id::text,
    'refresh token about to lapse unrefreshed',
        jsonb_build_object('sessionId', l.id, 'refreshedAt', auth.iso_time(l.refreshed_at),
            'expiresAt', auth.iso_time(l.refresh_expires_at))
    FROM live l
    WHERE l.refresh_expires_at < auth.later(now(), least(interval '1 day',
        (l.refresh_expires_at - l.refreshed_at) / 4));
END;
COMMENT ON FUNCTION auth.agent_findings(boolean) IS
'Internal: what is wrong with agents at this moment. token_expiring: an issued token without a '
'successor (a later one of the same label) ends within 30, 7 or 1 days, if it lives more than '
'twice as long, or is in the last quarter of its life. token_expired: it ended, in the last 30 '
'days or as a finding that was open since, without a successor, a revocation or a ban. '
'refresh_lapsing: a refresh token is in the last quarter, at most the last day, of its life; '
'refresh_lapsed: it ended, and the agent has not signed in since. token_unused for 90 days; '
'admin_agent; password_old, older than pg_principal.agent_password_max_age.';

CREATE OR REPLACE FUNCTION auth.incident_line(schedule_id text, i auth.incidents) RETURNS text
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT jsonb_build_object(
        'event', CASE (incident_line.i).kind WHEN 'refresh_failure'
            THEN 'agent.refresh.failure.detected' WHEN 'delegation_failure'
            THEN 'agent.delegation.failure.detected'
            ELSE 'agent.' || (incident_line.i).kind || '.detected' END,
        'scheduleId', incident_line.schedule_id, 'userId', (incident_line.i).user_id, 'email',
        (incident_line.i).email,
        'reason', (incident_line.i).reason, 'metadata', (incident_line.i).metadata,
        'createdAt', auth.iso_time((incident_line.i).created_at))::text;
END;
COMMENT ON FUNCTION auth.incident_line(text, auth.incidents) IS
'Internal: an incident as the health scan logs it.';

CREATE OR REPLACE FUNCTION auth.collect_incidents(
    schedule_id text, OUT line text, OUT id uuid, OUT kind text, OUT user_id uuid, OUT email text,
    OUT reason text,
    OUT metadata jsonb, OUT created_at timestamptz) RETURNS SETOF record
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    use_is_known boolean := auth.token_use_is_known();
    at_time timestamptz := clock_timestamp();
    failures bigint;
    event record;
BEGIN
    PERFORM auth.settle_all();
    -- What somebody is just ending is passed over: waiting for it could be waiting in a circle.
    WITH used AS MATERIALIZED (
        SELECT * FROM auth.drain_token_use()
    ), free AS (
        SELECT s.id, d.used_at FROM used d JOIN auth.sessions s ON s.id = d.session_id
            FOR NO KEY UPDATE OF s SKIP LOCKED
    )
    UPDATE auth.sessions s SET last_used_at = greatest(s.last_used_at, f.used_at) FROM free f
        WHERE s.id = f.id;

    FOR event IN SELECT * FROM (VALUES ('refresh_failure', 'agent.refresh.failures'),
        ('delegation_failure', 'agent.delegation.failures')) AS e (kind, counter)
    LOOP
        RETURN QUERY
        WITH taken AS (
            SELECT i.id FROM auth.incidents i WHERE i.detected_at IS NULL AND i.kind = event.kind
            FOR UPDATE SKIP LOCKED
        ), detected AS (
            UPDATE auth.incidents i SET detected_at = at_time FROM taken t WHERE i.id = t.id
            RETURNING i
        )
        SELECT auth.incident_line(schedule_id, d.i), (d.i).id, (d.i).kind, (d.i).user_id,
            (d.i).email, (d.i).reason, (d.i).metadata, (d.i).created_at
        FROM detected d ORDER BY (d.i).created_at, (d.i).id;
        GET DIAGNOSTICS failures = ROW_COUNT;
        IF failures > 0 THEN
            PERFORM auth.count_up(event.counter, '', failures);
        END IF;
    END LOOP;

    RETURN QUERY
    WITH findings AS MATERIALIZED (
        SELECT * FROM auth.agent_findings(use_is_known)
    ), over AS MATERIALIZED (
        SELECT i.id FROM auth.incidents i
        WHERE i.kind <> 'refresh_failure' AND i.resolved_at IS NULL
            AND (i.kind <> 'token_unused' OR use_is_known)
          AND NOT EXISTS (SELECT FROM findings f WHERE (f.kind, f.user_id, f.subject) = (i.kind,
              i.user_id, i.subject))
        FOR NO KEY UPDATE OF i SKIP LOCKED
    ), resolved AS (
        UPDATE auth.incidents i SET resolved_at = at_time FROM over o WHERE i.id = o.id
    ), opened AS (
        -- in one order: two scans that open the same wait for each other
        INSERT INTO auth.incidents AS i (kind, user_id, email, subject, reason, metadata,
            created_at, detected_at)
        SELECT f.kind, f.user_id, f.email, f.subject, f.reason, f.metadata, at_time, at_time
            FROM findings f
        ORDER BY f.kind, f.user_id, f.subject
        ON CONFLICT DO NOTHING RETURNING i
    )
    SELECT auth.incident_line(schedule_id, o.i), (o.i).id, (o.i).kind, (o.i).user_id, (o.i).email,
        (o.i).reason, (o.i).metadata, (o.i).created_at
    FROM opened o ORDER BY (o.i).email, (o.i).kind, (o.i).subject;

    -- said as the partial index says it: refusals, which may be millions, are none
    PERFORM auth.set_gauge('agent.findings', k.kind, (SELECT count(*) FROM auth.incidents i
        WHERE i.kind = k.kind AND i.kind <> 'refresh_failure' AND i.resolved_at IS NULL))
    FROM (VALUES ('token_expiring'), ('token_expired'), ('token_unused'), ('admin_agent'),
        ('password_old'), ('refresh_lapsing'), ('refresh_lapsed')) AS k (kind);
    -- the next that ends; a token of two days or less is no surprise
    PERFORM auth.set_gauge('agent.findings.next_expiry', '',
        coalesce(extract(epoch FROM min(s.expires_at))::bigint, 0))
    FROM auth.incidents i JOIN auth.sessions s ON s.id = (i.metadata->>'sessionId')::uuid
    WHERE i.kind = 'token_expiring' AND i.kind <> 'refresh_failure' AND i.resolved_at IS NULL
        AND s.expires_at > s.created_at + interval '48 hours';
    PERFORM auth.set_gauge('agent.count', '', (SELECT count(*) FROM auth.users u
        WHERE auth.is_agent(u.kind, u.email)));
    PERFORM auth.set_gauge('agent.health.last_scan', '', extract(epoch FROM at_time)::bigint);
END
$$;
COMMENT ON FUNCTION auth.collect_incidents(text) IS
'Internal: what the health scan has to tell, each once: refused refreshes and delegations not yet '
'reported, in whatever order they were committed, and findings that were not open before. Findings '
'that no longer hold are resolved.';

CREATE OR REPLACE FUNCTION auth.scan_agent_health(
    schedule_id text DEFAULT NULL, OUT id uuid, OUT kind text, OUT user_id uuid, OUT email text,
    OUT reason text,
    OUT metadata jsonb, OUT created_at timestamptz) RETURNS SETOF record
LANGUAGE c VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    SET client_min_messages = error
AS 'MODULE_PATHNAME', 'pg_principal_scan_agent_health';
COMMENT ON FUNCTION auth.scan_agent_health(text) IS
'Reports the incidents of agents since the last scan, each exactly once however often or '
'concurrently it runs: a row, a line of JSON at WARNING in the server log, not sent to the client '
'(agent.refresh.failure.detected, ...), the counters agent.refresh.failures and '
'agent.delegation.failures, the gauges agent.findings. schedule_id goes into the lines.';

CREATE OR REPLACE FUNCTION auth.agent_health(
    OUT email text, OUT app_role text, OUT banned boolean, OUT issued_tokens bigint,
    OUT signed_in_sessions bigint,
    OUT next_expiry timestamptz, OUT last_used_at timestamptz, OUT last_refresh_at timestamptz,
    OUT password_changed_at timestamptz,
    OUT refresh_failures bigint, OUT last_failure_at timestamptz, OUT last_failure_reason text,
    OUT findings text[], OUT delegation_failures bigint) RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER
BEGIN ATOMIC
    SELECT u.email, u.app_role, coalesce(u.banned_until > now(), false), l.issued, l.signed_in,
        l.next_expiry, l.last_used_at, l.last_refresh_at, u.password_changed_at,
        coalesce(f.failures, 0), f.last_at, f.last_reason,
        ARRAY(SELECT i.reason FROM auth.incidents i WHERE i.user_id = u.id
            AND i.kind <> 'refresh_failure' AND i.resolved_at IS NULL ORDER BY i.reason),
        coalesce(f.delegations, 0)
    FROM auth.users o CROSS JOIN LATERAL auth.standing(o) AS u
    CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE s.origin = 'issued') AS issued,
        count(*) FILTER (WHERE s.origin = 'sign_in') AS signed_in,
            min(least(s.expires_at, r.expires_at)) AS next_expiry,
            max(s.last_used_at) AS last_used_at,
            max(r.created_at) FILTER (WHERE r.generation > 1) AS last_refresh_at
        FROM auth.sessions s LEFT JOIN auth.refresh_tokens r ON r.session_id = s.id
        WHERE s.user_id = u.id AND auth.session_state(s, u.session_generation, u.banned_until,
            r) = 'live') AS l
    LEFT JOIN (
        SELECT i.user_id, count(*) FILTER (WHERE i.kind = 'refresh_failure') AS failures,
            count(*) FILTER (WHERE i.kind = 'delegation_failure') AS delegations,
            max(i.created_at) AS last_at,
            (array_agg(i.reason ORDER BY i.created_at DESC))[1] AS last_reason
        FROM auth.incidents i WHERE i.kind IN ('refresh_failure', 'delegation_failure')
            AND i.created_at > auth.later(now(), interval '-7 days')
        GROUP BY i.user_id) AS f ON f.user_id = u.id
    WHERE auth.is_agent(o.kind, o.email)
    ORDER BY u.email;
END;
COMMENT ON FUNCTION auth.agent_health() IS
'For operators: each agent with its live issued tokens and signed-in sessions, the next of them to '
'end, last use (to within a day, as of the last scan) and refresh, refused refreshes and refused '
'token exchanges of the last 7 days with the last of them, and the findings of the last scan.';

CREATE OR REPLACE FUNCTION auth.list_incidents(
    since timestamptz DEFAULT now() - interval '168 hours', OUT id uuid, OUT kind text,
    OUT user_id uuid, OUT email text, OUT reason text,
    OUT metadata jsonb, OUT created_at timestamptz, OUT detected_at timestamptz,
        OUT resolved_at timestamptz) RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER
BEGIN ATOMIC
    SELECT i.id, i.kind, i.user_id, i.email, i.reason, i.metadata, i.created_at, i.detected_at,
        i.resolved_at
    FROM auth.incidents i WHERE i.created_at >= list_incidents.since
        ORDER BY i.created_at DESC, i.id;
END;
COMMENT ON FUNCTION auth.list_incidents(timestamptz) IS
'For operators: incidents of agents, newest first, reported by a scan or not yet.';
