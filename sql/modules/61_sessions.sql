-- Sessions: listed, ended and pruned.

CREATE OR REPLACE FUNCTION auth.credential_stands(owner uuid, id uuid) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN -- plpgsql keeps the plans
    RETURN (SELECT (auth.standing(u)).kind = 'service_account' FROM auth.users u WHERE u.id = owner)
        AND (EXISTS (SELECT FROM auth.client_secrets c WHERE c.id = credential_stands.id
            AND c.expires_at > clock_timestamp())
        OR EXISTS (SELECT FROM auth.client_keys k
            WHERE k.user_id = owner AND k.id = credential_stands.id)
        OR EXISTS (SELECT FROM auth.issuer_rules r WHERE r.id = credential_stands.id));
END
$$;
COMMENT ON FUNCTION auth.credential_stands(uuid, uuid) IS
'Internal: whether the secret, key or rule is still there that a client''s session was opened '
'with, and the client still a service account.';

CREATE OR REPLACE FUNCTION auth.ties_hold(s auth.sessions) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- Each is looked up by itself: joined, whole tables were read for the few that there are. Of a
    -- delegated token the credential is the grant.
    IF s.credential_id IS NOT NULL AND s.agents IS NULL THEN
        RETURN auth.credential_stands(s.user_id, s.credential_id);
    ELSIF s.agents IS NOT NULL AND (SELECT (auth.standing(u)).kind FROM auth.users u
        WHERE u.id = s.user_id) IS DISTINCT FROM 'person' THEN
        RETURN false;
    END IF;
    RETURN NOT EXISTS (SELECT FROM unnest(s.agents, s.agent_generations)
            AS a (id, generation) CROSS JOIN LATERAL (
                SELECT (SELECT auth.standing(o) FROM auth.users o WHERE o.id = a.id) AS u
                OFFSET 0) AS x
        WHERE ((x.u).session_generation = a.generation AND (x.u).kind = 'service_account'
            AND ((x.u).banned_until > clock_timestamp()) IS NOT TRUE) IS NOT TRUE)
    AND NOT EXISTS (SELECT FROM unnest(s.parents) AS p (id)
        WHERE (SELECT o.id FROM auth.sessions o WHERE o.id = p.id AND o.revoked_at IS NULL
                AND (o.credential_id IS NULL OR o.agents IS NOT NULL
                    OR auth.credential_stands(o.user_id, o.credential_id))
                AND (o.kid IS NULL OR EXISTS (SELECT FROM auth.signing_keys k
                    WHERE k.kid = o.kid AND k.state <> 'revoked'))) IS NULL
            OR (SELECT e.id FROM auth.ended_sessions e WHERE e.session_id = p.id LIMIT 1)
                IS NOT NULL)
    AND NOT EXISTS (SELECT FROM unnest(s.grants) AS g (id)
        WHERE (SELECT d.id FROM auth.delegations d WHERE d.id = g.id
                AND d.expires_at > clock_timestamp()) IS NULL
            AND (SELECT c.id FROM auth.public_clients c WHERE c.id = g.id) IS NULL
            OR (SELECT e.id FROM auth.ended_grants e WHERE e.grant_id = g.id LIMIT 1) IS NOT NULL);
END
$$;
COMMENT ON FUNCTION auth.ties_hold(auth.sessions) IS
'Internal: whether the agents, sessions, what has signed their tokens, grants and the secret, key '
'or rule that a session was got by are what they were, as whoever verifies its tokens judges it.';

CREATE OR REPLACE FUNCTION auth.session_state(s auth.sessions, session_generation integer,
    banned_until timestamptz, r auth.refresh_tokens) RETURNS text
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT CASE
        WHEN (session_state.s).revoked_at IS NOT NULL
            THEN coalesce((session_state.s).revoked_as, 'revoked')
        WHEN EXISTS (SELECT FROM auth.ended_sessions e WHERE e.session_id = (session_state.s).id)
            THEN (SELECT e.revoked_as FROM auth.ended_sessions e
                WHERE e.session_id = (session_state.s).id
                ORDER BY e.revoked_at, e.id LIMIT 1)
        WHEN session_state.session_generation <> (session_state.s).generation
            OR session_state.banned_until > clock_timestamp() THEN 'banned'
        WHEN least((session_state.s).expires_at, (session_state.r).expires_at) <= clock_timestamp()
            THEN 'expired'
        WHEN num_nonnulls((session_state.s).agents, (session_state.s).parents,
                (session_state.s).grants,
                (session_state.s).credential_id) > 0
            AND NOT auth.ties_hold(session_state.s) THEN 'revoked'
        WHEN (session_state.s).kid IS NOT NULL
            AND NOT EXISTS (SELECT FROM auth.signing_keys k
                WHERE k.kid = (session_state.s).kid AND k.state <> 'revoked') THEN 'revoked'
        ELSE 'live'
    END;
END;
COMMENT ON FUNCTION auth.session_state(auth.sessions, integer, timestamptz, auth.refresh_tokens) IS
'Internal: live, or what ended a session; given its principal''s generation and ban, and its '
'refresh token if it has one.';

CREATE OR REPLACE FUNCTION auth.list_sessions(
    email text, OUT id uuid, OUT label text, OUT scopes text[], OUT role text,
    OUT created_at timestamptz, OUT expires_at timestamptz,
    OUT revoked_at timestamptz, OUT revoke_reason text, OUT state text, OUT origin text,
    OUT last_used_at timestamptz, OUT ip text,
    OUT user_agent text) RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER
BEGIN ATOMIC
    WITH owner AS MATERIALIZED (
        SELECT u FROM auth.users p CROSS JOIN LATERAL auth.standing(p) AS u
        WHERE p.email = auth.fold_email(list_sessions.email)
        UNION ALL SELECT NULL::auth.users WHERE auth.principal_of(list_sessions.email) IS NULL
    )
    SELECT (o.s).id, (o.s).label, (o.s).scopes, (o.s).role, (o.s).created_at,
        least((o.s).expires_at, r.expires_at,
            CASE WHEN r.session_id IS NULL AND (o.s).expires_at = 'infinity'
                THEN (o.s).revoked_at END),
        coalesce((o.s).revoked_at, e.revoked_at), coalesce((o.s).revoke_reason, e.revoke_reason),
        auth.session_state(o.s, (w.u).session_generation, (w.u).banned_until, r), (o.s).origin,
        greatest((o.s).last_used_at, CASE WHEN r.generation > 1 THEN r.created_at END), (o.s).ip,
        (o.s).user_agent
    FROM owner w CROSS JOIN LATERAL (
            SELECT s FROM auth.sessions s WHERE s.user_id = (w.u).id
            UNION ALL SELECT s FROM auth.sessions s
            WHERE (w.u).id IS NULL AND s.user_id IS NULL) AS o
        LEFT JOIN auth.refresh_tokens r ON r.session_id = (o.s).id
        LEFT JOIN LATERAL (SELECT * FROM auth.ended_sessions d
            WHERE d.session_id = (o.s).id AND (o.s).revoked_at IS NULL
            ORDER BY d.revoked_at, d.id LIMIT 1) AS e ON true
    ORDER BY (o.s).created_at, (o.s).id;
END;
COMMENT ON FUNCTION auth.list_sessions(text) IS
'The sessions of a principal (42704 when nobody has that email), or with NULL those of the '
'project keys, oldest first. state: live, expired, banned (ended by a ban, lifted or not), '
'revoked, signed_out, password_rotated, or reuse (a used refresh token was shown again). origin: '
'issued, adopted (auth.adopt_key()), or sign_in, whose expires_at moves with each refresh.';

CREATE OR REPLACE FUNCTION auth.end_free(ids uuid[], at_time timestamptz, how text, why text)
    RETURNS uuid[]
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    ended uuid[];
BEGIN
    WITH free AS MATERIALIZED (
        SELECT s.id FROM auth.sessions s WHERE s.id = ANY (ids) AND s.revoked_at IS NULL
        FOR NO KEY UPDATE SKIP LOCKED
    ), done AS (
        UPDATE auth.sessions s SET revoked_at = at_time, revoked_as = how, revoke_reason = why
        FROM free f WHERE s.id = f.id
            AND NOT EXISTS (SELECT FROM auth.ended_sessions e WHERE e.session_id = s.id)
        RETURNING s.id
    )
    SELECT coalesce(array_agg(d.id), '{}') INTO ended FROM done d;
    RETURN ended;
END
$$;
COMMENT ON FUNCTION auth.end_free(uuid[], timestamptz, text, text) IS
'Internal: ends those of these sessions whose rows nobody holds, and returns them.';

CREATE OR REPLACE FUNCTION auth.note_end(ids uuid[], how text, why text DEFAULT NULL) RETURNS uuid[]
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    at_time constant timestamptz := clock_timestamp();
    callers_timeout constant text := current_setting('lock_timeout');
    ended uuid[];
BEGIN
    IF auth.has_one_snapshot() OR auth.has_application_triggers('sessions') THEN
        BEGIN
            SET LOCAL lock_timeout = '20ms';
            ended := auth.end_free(ids, at_time, how, why);
            EXECUTE format('SET LOCAL lock_timeout = %L', callers_timeout);
        EXCEPTION
            WHEN serialization_failure THEN -- refreshed since, perhaps: all beside it
                IF NOT auth.has_one_snapshot() THEN
                    RAISE;
                END IF;
                ended := '{}';
            WHEN lock_not_available OR deadlock_detected THEN -- by what a trigger writes
                ended := '{}';
        END;
    ELSE
        ended := auth.end_free(ids, at_time, how, why);
    END IF;
    IF cardinality(ended) < cardinality(ids) THEN -- somebody holds it, or it has ended
        WITH noted AS (
            INSERT INTO auth.ended_sessions (session_id, revoked_at, revoked_as, revoke_reason)
            SELECT s.id, at_time, how, why FROM auth.sessions s
            WHERE s.id = ANY (ids) AND s.revoked_at IS NULL
                AND NOT EXISTS (SELECT FROM auth.ended_sessions e WHERE e.session_id = s.id)
            RETURNING session_id
        )
        SELECT ended || coalesce(array_agg(n.session_id), '{}') INTO ended FROM noted n;
    END IF;
    RETURN ended;
END
$$;
COMMENT ON FUNCTION auth.note_end(uuid[], text, text) IS
'Internal: ends sessions, in their rows or, where somebody holds those, beside them. Returns '
'those that had not ended before.';

CREATE OR REPLACE FUNCTION auth.settle_sessions() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM auth.ended_sessions) THEN
        RETURN;
    END IF;
    WITH free AS MATERIALIZED (
        SELECT s.id FROM auth.sessions s
        WHERE s.id IN (SELECT e.session_id FROM auth.ended_sessions e)
        FOR NO KEY UPDATE SKIP LOCKED
    ), gone AS (
        DELETE FROM auth.ended_sessions e
        WHERE e.id IN (SELECT o.id FROM auth.ended_sessions o
            WHERE o.session_id IN (SELECT f.id FROM free f)
                OR NOT EXISTS (SELECT FROM auth.sessions s WHERE s.id = o.session_id)
            FOR UPDATE SKIP LOCKED)
        RETURNING *
    )
    UPDATE auth.sessions s SET revoked_at = g.revoked_at, revoked_as = g.revoked_as,
        revoke_reason = g.revoke_reason
    FROM (SELECT DISTINCT ON (o.session_id) * FROM gone o
        ORDER BY o.session_id, o.revoked_at, o.id) AS g
    WHERE s.id = g.session_id AND s.revoked_at IS NULL;
END
$$;
COMMENT ON FUNCTION auth.settle_sessions() IS
'Internal: brings the ends that were written beside held sessions into those that nobody holds '
'now.';

CREATE OR REPLACE FUNCTION auth.revoke_session(id uuid, reason text DEFAULT NULL) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    owner_id uuid;
    actor record := auth.audit_actor(); -- now: the session may be the caller's own
BEGIN
    IF cardinality(auth.note_end(ARRAY[revoke_session.id], 'revoked', reason)) = 0 THEN
        RETURN false;
    END IF;
    SELECT s.user_id INTO owner_id FROM auth.sessions s WHERE s.id = revoke_session.id;
    PERFORM auth.audit_as(actor.id, actor.email, coalesce(owner_id, auth.nobody()),
        (SELECT u.email FROM auth.users u WHERE u.id = owner_id),
        '{"session": {"previous": "active", "current": "revoked"}}', reason,
        jsonb_build_object('sessionId', revoke_session.id)
            || CASE WHEN actor.id IS NOT NULL THEN '{}' ELSE jsonb_strip_nulls(
            jsonb_build_object('databaseRole', session_user, 'projectKey', actor.project_key)) END);
    RETURN true;
END
$$;
COMMENT ON FUNCTION auth.revoke_session(uuid, text) IS
'Ends one session and its tokens at the next statement everywhere, whoever holds its row. False '
'when there is none, or it was ended before.';

CREATE OR REPLACE FUNCTION auth.end_sessions(principal_id uuid, how text, except_session uuid)
    RETURNS integer
LANGUAGE sql
BEGIN ATOMIC
    SELECT cardinality(auth.note_end(ARRAY(SELECT s.id FROM auth.sessions s
        WHERE s.user_id = principal_id AND s.revoked_at IS NULL
            AND s.id IS DISTINCT FROM except_session), how));
END;
COMMENT ON FUNCTION auth.end_sessions(uuid, text, uuid) IS
'Internal: ends all sessions of a principal but one, whatever opened them.';

CREATE OR REPLACE FUNCTION auth.prune_sessions(older_than interval DEFAULT '30 days') RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    cutoff constant timestamptz := auth.pruned_before(older_than);
    removed bigint;
BEGIN
    PERFORM auth.settle_all();
    -- what an open transaction holds is for the next pruning
    WITH ended AS MATERIALIZED (
        SELECT o.id, r.session_id IS NOT NULL AS has_token
        FROM auth.sessions o LEFT JOIN auth.refresh_tokens r ON r.session_id = o.id
            LEFT JOIN auth.users u ON u.id = o.user_id
        WHERE o.revoked_at < cutoff OR least(o.expires_at, r.expires_at) < cutoff
            OR u.session_generation <> o.generation AND o.created_at < cutoff
                AND NOT EXISTS (SELECT FROM auth.decisions d WHERE d.user_id = u.id)
        FOR UPDATE OF o SKIP LOCKED
    ), free AS MATERIALIZED (
        SELECT r.session_id FROM auth.refresh_tokens r JOIN ended e ON e.id = r.session_id
        FOR UPDATE OF r SKIP LOCKED
    )
    DELETE FROM auth.sessions s USING ended e LEFT JOIN free f ON f.session_id = e.id
    WHERE s.id = e.id AND (f.session_id IS NOT NULL OR NOT e.has_token);
    GET DIAGNOSTICS removed = ROW_COUNT;
    RETURN removed;
END
$$;
COMMENT ON FUNCTION auth.prune_sessions(interval) IS
'Deletes sessions that ended longer ago than that; until then a refresh is refused with the '
'reason, after it as unknown. Returns how many went. 22023 for an interval that is not above zero.';
