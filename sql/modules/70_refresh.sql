-- Refresh tokens: made, read and exchanged.

CREATE OR REPLACE FUNCTION auth.make_server_key(OUT material bytea, OUT sealed_under text)
    RETURNS record
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'pg_principal_make_server_key';
COMMENT ON FUNCTION auth.make_server_key() IS
'Internal: 256 random bits, sealed when a master key is configured.';

CREATE OR REPLACE FUNCTION auth.first_refresh_token(session_id uuid, OUT token text, OUT hash bytea)
    RETURNS record
LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'pg_principal_first_refresh_token';
COMMENT ON FUNCTION auth.first_refresh_token(uuid) IS
'Internal: the refresh token of a new session and what is stored of it.';

CREATE OR REPLACE FUNCTION auth.read_refresh_token(
    token text, OUT fault text, OUT session_id uuid, OUT generation integer, OUT hash bytea,
    OUT is_ours boolean,
    OUT successor text, OUT successor_hash bytea) RETURNS record
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'pg_principal_read_refresh_token';
COMMENT ON FUNCTION auth.read_refresh_token(text) IS
'Internal: what a refresh token says and the token that follows it, or why it is none: '
'verification-failed, invalid-payload. is_ours: its id carries our HMAC; whether its secret is '
'right only the stored hash tells.';

CREATE OR REPLACE FUNCTION auth.equal_secrets(a bytea, b bytea) RETURNS boolean
LANGUAGE c IMMUTABLE AS 'MODULE_PATHNAME', 'pg_principal_equal_secrets';
COMMENT ON FUNCTION auth.equal_secrets(bytea, bytea) IS
'Internal: whether two hashes are equal, in a time that does not tell where they differ. False for '
'NULL.';

CREATE OR REPLACE FUNCTION auth.refuse_refresh(principal auth.users, reason text, metadata jsonb,
    proven boolean DEFAULT false) RETURNS auth.auth_result
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM auth.count_up('auth.refresh.failures', reason);
    IF auth.audit_failure(coalesce(principal.id, auth.nobody()), principal.email,
        jsonb_build_object('refreshToken',
        jsonb_build_object('previous', 'active', 'current', 'invalidated', 'reason', reason,
            'metadata', metadata)), reason, metadata,
        proven, metadata ? 'sessionEnded') THEN
        PERFORM auth.log_event(jsonb_build_object('event', 'auth.refresh.failure', 'userId',
            principal.id, 'reason', reason, 'metadata', metadata));
        IF auth.is_agent(principal.kind, principal.email) THEN
            INSERT INTO auth.incidents (kind, user_id, email, reason, metadata, created_at)
            VALUES ('refresh_failure', principal.id, principal.email, reason, metadata,
                clock_timestamp());
        END IF;
    END IF;
    RETURN auth.refusal(401, reason, 'Unable to refresh session');
END
$$;
COMMENT ON FUNCTION auth.refuse_refresh(auth.users, text, jsonb, boolean) IS
'Internal: counts, audits and logs a refused refresh, proven when the token was once a real one; '
'an agent''s becomes an incident for the next health scan.';

CREATE OR REPLACE FUNCTION auth.judge_refresh(fault text, session_id uuid, generation integer,
    is_ours boolean, held_hash bigint) RETURNS record
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    seen record;
BEGIN
    SELECT s.created_at AS signed_in_at, p.u AS principal, r.generation AS stored_generation,
        r.created_at AS exchanged_at, r.expires_at, t.at_time, k.known, k.is_late, CASE
            WHEN judge_refresh.fault IS NOT NULL THEN judge_refresh.fault
            WHEN s.id IS NULL THEN 'verification-failed'
            WHEN NOT judge_refresh.is_ours THEN 'refresh-id-mismatch'
            WHEN r.session_id IS NULL THEN 'missing-refresh-state'
            WHEN judge_refresh.generation > r.generation THEN 'refresh-id-mismatch'
            WHEN NOT k.known THEN 'hash-mismatch'
            WHEN (p.u).banned_until > t.at_time THEN 'banned'
            WHEN s.revoked_as = 'password_rotated' OR r.invalidated_as = 'password_rotated'
                THEN 'password-rotated'
            WHEN s.revoked_at IS NOT NULL OR s.generation <> (p.u).session_generation
                OR EXISTS (SELECT FROM auth.ended_sessions e WHERE e.session_id = s.id)
                THEN 'token-invalidated'
            WHEN r.expires_at <= t.at_time THEN 'expired'
            WHEN judge_refresh.generation < r.generation - 1
                OR k.is_late AND (NOT current_setting('pg_principal.refresh_reuse_parent')::boolean
                    OR r.repeated_generation IS NOT DISTINCT FROM judge_refresh.generation)
                THEN 'refresh-id-mismatch'
        END AS reason
    INTO seen
    FROM (SELECT clock_timestamp() AS at_time) AS t
        LEFT JOIN auth.sessions s ON s.id = judge_refresh.session_id
        LEFT JOIN auth.refresh_tokens r ON r.session_id = s.id
        LEFT JOIN auth.users o ON o.id = s.user_id
        CROSS JOIN LATERAL (SELECT auth.standing(o) AS u OFFSET 0) AS p
        CROSS JOIN LATERAL (SELECT judge_refresh.is_ours AND CASE judge_refresh.generation
            WHEN r.generation THEN auth.equal_secrets(auth.held_secret(held_hash), r.hash)
            WHEN r.generation - 1 THEN auth.equal_secrets(auth.held_secret(held_hash),
                r.previous_hash)
            ELSE judge_refresh.generation < r.generation END AS known,
            judge_refresh.generation < r.generation AND t.at_time >= r.created_at
                + auth.seconds('refresh_reuse_interval') * interval '1 second' AS is_late) AS k;
    RETURN seen;
END
$$;
COMMENT ON FUNCTION auth.judge_refresh(text, uuid, integer, boolean, bigint) IS
'Internal: what stands behind a refresh token that was read, at one moment: signed_in_at, '
'principal, stored_generation, exchanged_at, expires_at, at_time, known (its secret is that of the '
'present token or of the one before; of older ones the id must do), is_late (it has a successor, '
'and pg_principal.refresh_reuse_interval is over), and reason, why it is refused, or NULL.';

CREATE OR REPLACE FUNCTION auth.repeat_successor(principal auth.users, session_id uuid,
    present integer) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE auth.refresh_tokens r SET repeated_generation = r.generation
    WHERE r.session_id = repeat_successor.session_id AND r.generation = present
        AND r.invalidated_as IS NULL;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM auth.audit_failure(principal.id, principal.email,
        '{"refreshToken": {"previous": "used", "current": "given again", "reason": '
        '"parent-reused"}}', 'parent-reused', jsonb_build_object('sessionId', session_id,
            'generation', present - 1), true);
    RETURN true;
END
$$;
COMMENT ON FUNCTION auth.repeat_successor(auth.users, uuid, integer) IS
'Internal: notes that the successor of a used token is given once more: its answer was lost, or '
'this is a copy. Then two hold the successor, and meet: once used, it is not given for again. '
'False when it has been used by now.';

CREATE OR REPLACE FUNCTION auth.exchange_refresh_token(refresh_token text, context jsonb)
    RETURNS auth.auth_result
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    given constant record := auth.read_refresh_token(refresh_token);
    held_hash constant bigint := auth.hold_secret(given.hash);
    held_successor constant bigint := auth.hold_secret(given.successor_hash);
    seen record;
    ends timestamptz;
    metadata jsonb;
    came_at timestamptz := statement_timestamp();
BEGIN
    IF context IS NOT NULL THEN
        PERFORM auth.set_request_context(context);
        IF jsonb_typeof(context->'waitedMs') = 'number' THEN
            came_at := came_at - least(greatest((context->>'waitedMs')::numeric, 0),
                60000)::double precision * interval '1 millisecond';
        END IF;
    END IF;
    LOOP
        seen := auth.judge_refresh(given.fault, given.session_id, given.generation, given.is_ours,
            held_hash);
        IF seen.reason IS NOT NULL THEN
            metadata := jsonb_strip_nulls(jsonb_build_object('sessionId', given.session_id,
                'generation', given.generation));
            IF seen.reason = 'refresh-id-mismatch' AND seen.known AND came_at >= seen.exchanged_at
                THEN
                -- A used token again: whoever shows it, one of two holders is a thief. But a
                -- request that came before the last exchange is late: its sender may have given up
                -- on it and asked again.
                PERFORM auth.note_end(ARRAY[given.session_id], 'reuse');
                metadata := metadata || '{"reuse": true, "sessionEnded": true}';
            END IF;
            -- Ids of sessions are not secret: who knows one must not be able to write into its
            -- owner's audit.
            IF given.is_ours IS NOT TRUE THEN
                seen.principal := NULL;
            END IF;
            RETURN auth.refuse_refresh(seen.principal, seen.reason, metadata, seen.known);
        ELSIF given.generation < seen.stored_generation THEN
            ends := seen.expires_at; -- a retry: the same successor once more
            EXIT WHEN NOT seen.is_late OR auth.repeat_successor(seen.principal, given.session_id,
                seen.stored_generation);
            CONTINUE;
        END IF;
        UPDATE auth.refresh_tokens r
        SET generation = r.generation + 1, hash = auth.held_secret(held_successor),
            previous_hash = r.hash, created_at = seen.at_time,
            expires_at = seen.at_time + CASE WHEN context IS NULL
                THEN auth.seconds('refresh_token_ttl')
                ELSE auth.requested_ttl(context, 'refreshTokenTtl',
                    'refresh_token_ttl') END * interval '1 second'
        WHERE r.session_id = given.session_id AND r.generation = given.generation
            AND r.hash = auth.held_secret(held_hash) AND r.invalidated_as IS NULL
        RETURNING r.expires_at INTO ends;
        EXIT WHEN FOUND;
        -- somebody was faster: judge again by what is there now
    END LOOP;
    RETURN ROW(true, 200, NULL, auth.session_payload(seen.principal, given.session_id,
        seen.signed_in_at, given.successor, ends,
        CASE WHEN context IS NOT NULL THEN auth.requested_ttl(context, 'accessTokenTtl',
            'access_token_ttl') END))::auth.auth_result;
END
$$;
COMMENT ON FUNCTION auth.exchange_refresh_token(text, jsonb) IS
'Internal: auth.refresh(), which may wait for whoever holds the session.';

CREATE OR REPLACE FUNCTION auth.refresh(refresh_token text, context jsonb DEFAULT NULL)
    RETURNS auth.auth_result
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    callers_timeout constant text := auth.wait_briefly();
    result auth.auth_result;
BEGIN
    result := auth.exchange_refresh_token(refresh_token, context);
    EXECUTE format('SET LOCAL lock_timeout = %L', callers_timeout);
    RETURN result;
END
$$;
COMMENT ON FUNCTION auth.refresh(text, jsonb) IS
'Exchanges a refresh token for a new one and an access token: what auth.sign_in() answers. Shown '
'again within pg_principal.refresh_reuse_interval, the used token gives the same successor; later '
'it ends its session, unless pg_principal.refresh_reuse_parent is on and nobody has used the '
'successor: then it gives that one (audited as parent-reused), and the successor in its turn does '
'not. 401 Unable to refresh session otherwise, with one of verification-failed, invalid-payload, '
'missing-refresh-state (signed out), token-invalidated, password-rotated, refresh-id-mismatch, '
'hash-mismatch, expired, banned as reason, which is for the operator: audited, counted, logged. '
'context: as for auth.sign_in(), and waitedMs, for how long the request has waited (0 to 60000): '
'one that came before the last exchange ends no session. Call it in a transaction of its own. '
'55P03 when somebody holds the session for three seconds.';
