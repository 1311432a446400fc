-- Sessions: listed, ended and pruned.

CREATE OR REPLACE FUNCTION auth.ties_hold(s auth.sessions) RETURNS boolean
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT NOT EXISTS (SELECT FROM unnest((ties_hold.s).agents, (ties_hold.s).agent_generations)
            AS a (id, generation) LEFT JOIN auth.users u ON u.id = a.id
        WHERE (u.session_generation = a.generation AND u.kind = 'service_account'
            AND (u.banned_until > clock_timestamp()) IS NOT TRUE) IS NOT TRUE)
    AND NOT EXISTS (SELECT FROM unnest((ties_hold.s).parents) AS p (id)
        WHERE NOT EXISTS (SELECT FROM auth.sessions o WHERE o.id = p.id AND o.revoked_at IS NULL))
    AND NOT EXISTS (SELECT FROM unnest((ties_hold.s).grants) AS g (id)
        WHERE NOT EXISTS (SELECT FROM auth.delegations d WHERE d.id = g.id)
            AND NOT EXISTS (SELECT FROM auth.public_clients c WHERE c.id = g.id));
END;
COMMENT ON FUNCTION auth.ties_hold(auth.sessions) IS
'Internal: whether the agents, sessions and grants that a session was got by are what they were, as '
'whoever verifies its tokens judges it.';

CREATE OR REPLACE FUNCTION auth.session_state(s auth.sessions, session_generation integer, banned_until timestamptz, r auth.refresh_tokens) RETURNS text
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT CASE
        WHEN (session_state.s).revoked_at IS NOT NULL THEN coalesce((session_state.s).revoked_as, 'revoked')
        WHEN session_state.session_generation <> (session_state.s).generation OR session_state.banned_until > clock_timestamp() THEN 'banned'
        WHEN num_nonnulls((session_state.s).agents, (session_state.s).parents, (session_state.s).grants) > 0
            AND NOT auth.ties_hold(session_state.s) THEN 'revoked'
        WHEN least((session_state.s).expires_at, (session_state.r).expires_at) <= clock_timestamp() THEN 'expired'
        ELSE 'live'
    END;
END;
COMMENT ON FUNCTION auth.session_state(auth.sessions, integer, timestamptz, auth.refresh_tokens) IS
'Internal: live, or what ended a session; given its principal''s generation and ban, and its refresh token if it has one.';

CREATE OR REPLACE FUNCTION auth.list_sessions(
    email text, OUT id uuid, OUT label text, OUT scopes text[], OUT role text, OUT created_at timestamptz, OUT expires_at timestamptz,
    OUT revoked_at timestamptz, OUT revoke_reason text, OUT state text, OUT origin text, OUT last_used_at timestamptz, OUT ip text,
    OUT user_agent text) RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER
BEGIN ATOMIC
    SELECT s.id, s.label, s.scopes, s.role, s.created_at, least(s.expires_at, r.expires_at, CASE WHEN r.session_id IS NULL AND s.expires_at = 'infinity' THEN s.revoked_at END), s.revoked_at, s.revoke_reason,
        auth.session_state(s, u.session_generation, u.banned_until, r), s.origin,
        greatest(s.last_used_at, CASE WHEN r.generation > 1 THEN r.created_at END), s.ip, s.user_agent
    FROM auth.sessions s LEFT JOIN auth.users u ON u.id = s.user_id LEFT JOIN auth.refresh_tokens r ON r.session_id = s.id
    WHERE (u.email = lower(btrim(list_sessions.email) COLLATE "C"))
       OR (list_sessions.email IS NULL AND s.user_id IS NULL)
    ORDER BY s.created_at, s.id;
END;
COMMENT ON FUNCTION auth.list_sessions(text) IS
'The sessions of a principal, or with NULL those of the project keys, oldest first. state: live, expired, banned (ended by a ban, lifted or not), revoked, signed_out, password_rotated, or reuse (a used refresh token was shown again). origin: issued, adopted (auth.adopt_key()), or sign_in, whose expires_at moves with each refresh.';

CREATE OR REPLACE FUNCTION auth.write_revocation(session_id uuid, reason text) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    owner_id uuid;
    actor record := auth.audit_actor(); -- now: the session may be the caller's own
BEGIN
    UPDATE auth.sessions s SET revoked_at = clock_timestamp(), revoked_as = 'revoked', revoke_reason = reason
    WHERE s.id = write_revocation.session_id AND s.revoked_at IS NULL RETURNING s.user_id INTO owner_id;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM auth.audit_as(actor.id, actor.email, coalesce(owner_id, auth.nobody()), (SELECT u.email FROM auth.users u WHERE u.id = owner_id),
        '{"session": {"previous": "active", "current": "revoked"}}', reason,
        jsonb_build_object('sessionId', write_revocation.session_id) || CASE WHEN actor.id IS NOT NULL THEN '{}' ELSE jsonb_strip_nulls(
            jsonb_build_object('databaseRole', session_user, 'projectKey', actor.project_key)) END);
    RETURN true;
END
$$;
COMMENT ON FUNCTION auth.write_revocation(uuid, text) IS 'Internal: ends one session; false when there is none, or it was ended before.';

CREATE OR REPLACE FUNCTION auth.revoke_session(id uuid, reason text DEFAULT NULL) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- before sessions, in the order of who changes a password
    PERFORM auth.take_hold(s.user_id) FROM auth.sessions s WHERE s.id = revoke_session.id AND s.revoked_at IS NULL;
    RETURN auth.write_revocation(revoke_session.id, revoke_session.reason);
END
$$;
COMMENT ON FUNCTION auth.revoke_session(uuid, text) IS
'Ends one session and its tokens at the next statement everywhere. False when there is none, or it was ended before.';

CREATE OR REPLACE FUNCTION auth.end_sessions(principal_id uuid, how text, except_session uuid) RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    ended integer;
BEGIN
    UPDATE auth.sessions s SET revoked_at = clock_timestamp(), revoked_as = how
    WHERE s.user_id = principal_id AND s.revoked_at IS NULL AND s.id IS DISTINCT FROM except_session;
    GET DIAGNOSTICS ended = ROW_COUNT;
    RETURN ended;
END
$$;
COMMENT ON FUNCTION auth.end_sessions(uuid, text, uuid) IS 'Internal: ends all sessions of a principal but one, whatever opened them.';

CREATE OR REPLACE FUNCTION auth.prune_sessions(older_than interval DEFAULT '30 days') RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    cutoff timestamptz := auth.later(clock_timestamp(), -older_than);
    removed bigint;
BEGIN
    IF older_than IS NULL OR older_than <= interval '0' THEN
        PERFORM auth.raise_error('interval_invalid', 'older_than', coalesce(older_than::text, 'NULL'));
    END IF;
    -- what an open transaction holds is for the next pruning
    WITH ended AS MATERIALIZED (
        SELECT o.id, r.session_id IS NOT NULL AS has_token
        FROM auth.sessions o LEFT JOIN auth.refresh_tokens r ON r.session_id = o.id LEFT JOIN auth.users u ON u.id = o.user_id
        WHERE o.revoked_at < cutoff OR least(o.expires_at, r.expires_at) < cutoff
            OR u.session_generation <> o.generation AND o.created_at < cutoff
        FOR UPDATE OF o SKIP LOCKED
    ), free AS MATERIALIZED (
        SELECT r.session_id FROM auth.refresh_tokens r JOIN ended e ON e.id = r.session_id FOR UPDATE OF r SKIP LOCKED
    )
    DELETE FROM auth.sessions s USING ended e LEFT JOIN free f ON f.session_id = e.id
    WHERE s.id = e.id AND (f.session_id IS NOT NULL OR NOT e.has_token);
    GET DIAGNOSTICS removed = ROW_COUNT;
    RETURN removed;
END
$$;
COMMENT ON FUNCTION auth.prune_sessions(interval) IS
'Deletes sessions that ended longer ago than that; until then a refresh is refused with the reason, after it as unknown. Returns how many went. 22023 for an interval that is not above zero.';
