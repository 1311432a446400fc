-- Agents over an API: the most urgent first, and when their tokens end.

CREATE OR REPLACE FUNCTION auth.agents_by_urgency(entries integer, cursor text, OUT user_id uuid,
    OUT urgency text, OUT next_cursor text) RETURNS SETOF record
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
    SET plan_cache_mode = force_generic_plan SET enable_sort = off AS $$
DECLARE
    section constant text := left(coalesce(cursor, '1'), 1);
    refused text[] := regexp_match(cursor, '^1[.]([0-9]{1,17})[.]([0-9a-f-]{36})$');
    found text[] := regexp_match(cursor, '^2[.]([1-3])[.]([0-9TZ:.-]{0,32})[.]([0-9a-f-]{36})$');
    after_email constant text := CASE WHEN section = '3' THEN substr(cursor, 3) ELSE '' END;
    yesterday constant timestamptz := now() - interval '24 hours';
    after_time timestamptz := 'infinity';
    after_id uuid := auth.audit_itself();
    after_rank integer := 0;
    after_due text := '';
    after_user uuid := auth.nobody();
    rest integer := entries;
    seen integer;
BEGIN
    IF cursor IS NOT NULL AND (refused IS NULL AND found IS NULL AND cursor NOT LIKE '3._%'
        OR coalesce(refused[2], found[3]) !~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$') THEN
        PERFORM auth.raise_error('cursor_malformed');
    ELSIF refused IS NOT NULL THEN
        after_time := 'epoch'::timestamptz + refused[1]::bigint * interval '1 microsecond';
        after_id := refused[2];
    ELSIF found IS NOT NULL THEN
        after_rank := found[1];
        after_due := found[2];
        after_user := found[3];
    END IF;
    -- Three queries, each along an index: a page costs the same however many agents there are.
    -- enable_sort: a planner that expects few rows would rather sort them, and read them all.
    -- OFFSET 0 keeps the planner from joining what is asked of a few rows alone; LIMIT 100, the
    -- most that there can be, tells it how few.
    IF section = '1' THEN -- refused, and not come back since
        RETURN QUERY
        SELECT l.user_id, 'refused', format('1.%s.%s',
            (extract(epoch FROM l.created_at) * 1000000)::bigint, l.id)
        FROM (SELECT i.* FROM auth.incidents i
            WHERE i.kind = 'refresh_failure' AND i.created_at > yesterday
              AND (i.created_at, i.id) < (after_time, after_id)
              AND NOT EXISTS (SELECT FROM auth.incidents n WHERE n.user_id = i.user_id
                  AND n.kind = 'refresh_failure' AND n.created_at >= i.created_at
                  AND (n.created_at, n.id) > (i.created_at, i.id) OFFSET 0)
              AND NOT EXISTS (SELECT FROM auth.sessions s
                  LEFT JOIN auth.refresh_tokens r ON r.session_id = s.id
                  WHERE s.user_id = i.user_id
                      AND greatest(s.created_at, r.created_at) > i.created_at
                  OFFSET 0)
              AND EXISTS (SELECT FROM auth.users u WHERE u.id = i.user_id OFFSET 0)
            ORDER BY i.created_at DESC, i.id DESC LIMIT 100) AS l LIMIT rest;
        GET DIAGNOSTICS seen = ROW_COUNT;
        rest := rest - seen;
    END IF;
    IF rest > 0 AND section < '3' THEN -- each by its worst finding, as incidents_urgency has them
        RETURN QUERY
        SELECT l.user_id, (ARRAY['silent', 'expiring', 'finding'])[l.rank],
            format('2.%s.%s.%s', l.rank, l.due, l.user_id)
        FROM (SELECT i.user_id, i.rank, i.due
            FROM (SELECT o.id, o.user_id, CASE WHEN o.kind IN ('token_expired', 'refresh_lapsed')
                      THEN 1 WHEN o.kind IN ('token_expiring', 'refresh_lapsing') THEN 2 ELSE 3 END
                      AS rank, coalesce(o.metadata->>'expiresAt', '') COLLATE "C" AS due
                  FROM auth.incidents o
                  WHERE o.kind <> 'refresh_failure' AND o.resolved_at IS NULL) AS i
            WHERE (i.rank, i.due, i.user_id) > (after_rank, after_due, after_user)
              AND NOT EXISTS (
                  SELECT FROM auth.incidents o WHERE o.user_id = i.user_id
                      AND o.kind <> 'refresh_failure' AND o.resolved_at IS NULL
                      AND (CASE WHEN o.kind IN ('token_expired', 'refresh_lapsed') THEN 1
                          WHEN o.kind IN ('token_expiring', 'refresh_lapsing') THEN 2 ELSE 3 END,
                          coalesce(o.metadata->>'expiresAt', '') COLLATE "C", o.id)
                          < (i.rank, i.due, i.id) OFFSET 0)
              AND NOT EXISTS (SELECT FROM auth.incidents f WHERE f.user_id = i.user_id
                  AND f.kind = 'refresh_failure' AND f.created_at > yesterday
                  AND NOT EXISTS (SELECT FROM auth.sessions s
                  LEFT JOIN auth.refresh_tokens r ON r.session_id = s.id
                  WHERE s.user_id = f.user_id
                      AND greatest(s.created_at, r.created_at) > f.created_at
                  OFFSET 0) OFFSET 0)
              AND EXISTS (SELECT FROM auth.users u WHERE u.id = i.user_id OFFSET 0)
            ORDER BY i.rank, i.due, i.user_id LIMIT 100) AS l LIMIT rest;
        GET DIAGNOSTICS seen = ROW_COUNT;
        rest := rest - seen;
    END IF;
    IF rest > 0 THEN
        RETURN QUERY
        SELECT l.id, 'none', '3.' || l.email
        FROM (SELECT u.id, u.email FROM auth.users u
            WHERE auth.is_agent(u.kind, u.email) AND u.email > after_email
              AND NOT EXISTS (SELECT FROM auth.incidents o WHERE o.user_id = u.id
                  AND o.kind <> 'refresh_failure' AND o.resolved_at IS NULL OFFSET 0)
              AND NOT EXISTS (SELECT FROM auth.incidents f WHERE f.user_id = u.id
                  AND f.kind = 'refresh_failure' AND f.created_at > yesterday
                  AND NOT EXISTS (SELECT FROM auth.sessions s
                  LEFT JOIN auth.refresh_tokens r ON r.session_id = s.id
                  WHERE s.user_id = f.user_id
                      AND greatest(s.created_at, r.created_at) > f.created_at
                  OFFSET 0) OFFSET 0)
            ORDER BY u.email LIMIT 100) AS l LIMIT rest;
    END IF;
END
$$;
COMMENT ON FUNCTION auth.agents_by_urgency(integer, text) IS
'Internal: a page of agents. First those whose refresh was refused within a day and who have not '
'come back since (refused), the latest first; then by the worst finding of the last health scan: a '
'way in that has ended (silent), one that ends (expiring), the soonest first, anything else '
'(finding); then all others by email (none). 22023 for a malformed cursor.';

CREATE OR REPLACE FUNCTION auth.agent_json(principal auth.users, urgency text) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN -- plpgsql keeps the plan
    principal := auth.standing(principal);
    RETURN (SELECT jsonb_build_object(
            'id', principal.id, 'email', principal.email, 'kind', principal.kind,
            'role', principal.app_role, 'urgency', urgency,
            'bannedUntil', auth.user_json(principal)->'bannedUntil',
            'issuedTokens', count(*) FILTER (WHERE l.origin = 'issued'),
            'signedInSessions', count(*) FILTER (WHERE l.origin = 'sign_in'),
            'nextExpiry', auth.iso_time(min(l.ends_at)),
            'lastUsedAt', auth.iso_time(max(l.last_used_at)),
            'lastRefreshAt', auth.iso_time(max(l.refreshed_at)))
        FROM (SELECT s.origin, s.last_used_at, least(s.expires_at, r.expires_at) AS ends_at,
                  CASE WHEN r.generation > 1 THEN r.created_at END AS refreshed_at
              FROM auth.sessions s LEFT JOIN auth.refresh_tokens r ON r.session_id = s.id
              WHERE s.user_id = principal.id AND auth.session_state(s,
                  principal.session_generation, principal.banned_until, r) = 'live') AS l)
        || (SELECT jsonb_build_object('refusals', count(*),
                'lastRefusalAt', auth.iso_time(max(i.created_at)),
                'lastRefusalReason', (array_agg(i.reason ORDER BY i.created_at DESC))[1])
            FROM auth.incidents i WHERE i.user_id = principal.id AND i.kind = 'refresh_failure'
                AND i.created_at > now() - interval '168 hours')
        || jsonb_build_object('findings', (
            SELECT coalesce(jsonb_agg(jsonb_build_object('kind', i.kind, 'reason', i.reason,
                'expiresAt', i.metadata->>'expiresAt', 'since', auth.iso_time(i.created_at))
                ORDER BY i.created_at, i.id), '[]')
            FROM auth.incidents i WHERE i.user_id = principal.id
                AND i.kind <> 'refresh_failure' AND i.resolved_at IS NULL));
END
$$;
COMMENT ON FUNCTION auth.agent_json(auth.users, text) IS
'Internal: an agent as auth.agents_feed() shows it.';

CREATE OR REPLACE FUNCTION auth.agents_feed(entries integer DEFAULT 20, cursor text DEFAULT NULL)
    RETURNS auth.auth_result
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    refused auth.auth_result := auth.refusal_of_caller('AUDITOR', 'ADMIN');
    found_agents jsonb;
    last_cursor text;
BEGIN
    -- looked at here: a call would be planned anew each time
    IF refused.ok IS NULL AND (entries BETWEEN 1 AND 100) IS NOT TRUE THEN
        refused := auth.bad_page(entries);
    END IF;
    IF refused.ok IS NOT NULL THEN
        RETURN refused;
    END IF;
    SELECT coalesce(jsonb_agg(auth.agent_json((SELECT u FROM auth.users u WHERE u.id = a.user_id),
            a.urgency) ORDER BY a.ordinality), '[]'),
        max(a.next_cursor) FILTER (WHERE a.ordinality = entries)
    INTO found_agents, last_cursor
    FROM auth.agents_by_urgency(entries, cursor) WITH ORDINALITY AS a;
    RETURN ROW(true, 200, NULL, jsonb_build_object('agents', found_agents, 'nextCursor',
        last_cursor))::auth.auth_result;
EXCEPTION WHEN invalid_parameter_value THEN
    RETURN auth.bad_field('The page was refused', 'cursor',
        'must be the nextCursor of an earlier page');
END
$$;
COMMENT ON FUNCTION auth.agents_feed(integer, text) IS
'For AUDITOR and ADMIN: agents, the most urgent first: those refused within a day and not come '
'back (urgency refused), those whose token or refresh token has ended without a successor (silent) '
'or ends soon (expiring), those with another finding of the last health scan (finding), all others '
'by email (none). 200 with {agents: [{id, email, kind, role, urgency, bannedUntil, issuedTokens, '
'signedInSessions, nextExpiry, lastUsedAt, lastRefreshAt, refusals, lastRefusalAt, '
'lastRefusalReason, findings: [{kind, reason, expiresAt, since}]}], nextCursor}; refusals are '
'those of 7 days. 400 for a bad limit or cursor, 401, 403.';

CREATE OR REPLACE FUNCTION auth.token_expiries(days integer DEFAULT 90) RETURNS auth.auth_result
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    refused auth.auth_result := auth.refusal_of_caller('AUDITOR', 'ADMIN');
BEGIN
    IF refused.ok IS NOT NULL THEN
        RETURN refused;
    ELSIF (days BETWEEN 1 AND 366) IS NOT TRUE THEN
        RETURN auth.bad_field('The request was refused', 'days',
            'must be a whole number between 1 and 366');
    END IF;
    RETURN ROW(true, 200, NULL, (
        SELECT jsonb_build_object('from', auth.iso_time(now()), 'days', coalesce(jsonb_agg(
            jsonb_build_object('day', (d.day AT TIME ZONE 'UTC')::date, 'tokens', l.tokens)
            ORDER BY d.day), '[]'))
        FROM generate_series(0, days) AS n,
            LATERAL (SELECT date_bin('1 day', now(), 'epoch') + n * interval '24 hours') AS d (day),
            LATERAL (SELECT count(*) AS tokens FROM auth.sessions s -- of the index alone
                WHERE s.origin = 'issued' AND s.revoked_at IS NULL AND s.user_id IS NOT NULL
                  AND s.expires_at >= d.day AND s.expires_at < d.day + interval '24 hours'
                  AND s.expires_at > now()
                  AND s.expires_at < auth.later(now(), make_interval(days => days))) AS l
        WHERE l.tokens > 0))::auth.auth_result;
END
$$;
COMMENT ON FUNCTION auth.token_expiries(integer) IS
'For AUDITOR and ADMIN: how many issued tokens end on each day (UTC) of the next 1 to 366; revoked '
'ones are not counted, those of a banned principal or of a revoked key are. 200 with {from, days: '
'[{day, tokens}]}, days without any left out; 400, 401, 403.';
