-- Signing in, refreshing, signing out: refusals are answers, so that what they leave behind stays.

CREATE OR REPLACE FUNCTION auth.make_server_key(OUT material bytea, OUT sealed_under text) RETURNS record
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'pg_principal_make_server_key';
COMMENT ON FUNCTION auth.make_server_key() IS 'Internal: 256 random bits, sealed when a master key is configured.';
CREATE OR REPLACE FUNCTION auth.first_refresh_token(session_id uuid, OUT token text, OUT hash bytea) RETURNS record
LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'pg_principal_first_refresh_token';
COMMENT ON FUNCTION auth.first_refresh_token(uuid) IS 'Internal: the refresh token of a new session and what is stored of it.';
CREATE OR REPLACE FUNCTION auth.read_refresh_token(
    token text, OUT fault text, OUT session_id uuid, OUT generation integer, OUT hash bytea, OUT is_ours boolean,
    OUT successor text, OUT successor_hash bytea) RETURNS record
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'pg_principal_read_refresh_token';
COMMENT ON FUNCTION auth.read_refresh_token(text) IS
'Internal: what a refresh token says and the token that follows it, or why it is none: verification-failed, invalid-payload. is_ours: its id carries our HMAC; whether its secret is right only the stored hash tells.';
CREATE OR REPLACE FUNCTION auth.equal_secrets(a bytea, b bytea) RETURNS boolean
LANGUAGE c IMMUTABLE AS 'MODULE_PATHNAME', 'pg_principal_equal_secrets';
COMMENT ON FUNCTION auth.equal_secrets(bytea, bytea) IS 'Internal: whether two hashes are equal, in a time that does not tell where they differ. False for NULL.';

CREATE OR REPLACE FUNCTION auth.requested_ttl(context jsonb, field text, setting text) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    most bigint := auth.seconds(setting);
BEGIN
    IF jsonb_typeof(context->field) = 'number' AND (context->>field)::numeric BETWEEN 1 AND most THEN
        RETURN floor((context->>field)::numeric);
    END IF;
    RETURN most;
END
$$;
COMMENT ON FUNCTION auth.requested_ttl(jsonb, text, text) IS
'Internal: the seconds that the request context asks for where they are fewer than the setting, else the setting.';

CREATE OR REPLACE FUNCTION auth.session_payload(
    principal auth.users, session_id uuid, signed_in_at timestamptz, refresh_token text, refresh_expires_at timestamptz, access_ttl bigint) RETURNS jsonb
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'pg_principal_session_payload';
COMMENT ON FUNCTION auth.session_payload(auth.users, uuid, timestamptz, text, timestamptz, bigint) IS
'Internal: {user, tokens} with a new access token beside a refresh token, which it never outlives. access_ttl: seconds, NULL for the setting.';

CREATE OR REPLACE FUNCTION auth.start_session(principal auth.users, context jsonb) RETURNS auth.auth_result
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    new_id uuid := gen_random_uuid();
    at_time timestamptz := clock_timestamp();
    ends timestamptz := at_time + auth.requested_ttl(context, 'refreshTokenTtl', 'refresh_token_ttl') * interval '1 second';
    request record := auth.request_context();
    first record;
    held bigint;
    payload jsonb;
BEGIN
    -- made when first needed, so that a restore never meets one of its own
    IF NOT EXISTS (SELECT FROM auth.server_keys k WHERE k.name = 'refresh_token') THEN
        INSERT INTO auth.server_keys (name, material, sealed_under)
        SELECT 'refresh_token', m.material, m.sealed_under FROM auth.make_server_key() AS m ON CONFLICT DO NOTHING;
    END IF;
    first := auth.first_refresh_token(new_id);
    held := auth.hold_secret(first.hash);
    INSERT INTO auth.sessions (id, user_id, generation, origin, created_at, expires_at, ip, user_agent)
    VALUES (new_id, principal.id, principal.session_generation, 'sign_in', at_time, 'infinity', request.ip, request.user_agent);
    INSERT INTO auth.refresh_tokens (session_id, hash, created_at, expires_at) VALUES (new_id, auth.held_secret(held), at_time, ends);
    payload := auth.session_payload(principal, new_id, at_time, first.token, ends,
        auth.requested_ttl(context, 'accessTokenTtl', 'access_token_ttl'));
    PERFORM auth.audit_as(principal.id, principal.email, principal.id, principal.email,
        '{"session": {"previous": null, "current": "signed in"}}', NULL, jsonb_build_object('sessionId', new_id));
    RETURN ROW(true, 200, NULL, payload)::auth.auth_result;
END
$$;
COMMENT ON FUNCTION auth.start_session(auth.users, jsonb) IS 'Internal: a session of a principal that has just proven who it is.';

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

CREATE OR REPLACE FUNCTION auth.sign_in(email text, password text, context jsonb DEFAULT NULL) RETURNS auth.auth_result
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    given_email text := coalesce(lower(btrim(sign_in.email, E' \t\r\n\f\x0b') COLLATE "C"), '');
    principal auth.users;
    verified auth.users;
    checked record;
    new_scheme text;
    refused_as text;
BEGIN
    PERFORM auth.set_request_context(context);
    LOOP
        SELECT * INTO principal FROM auth.users u WHERE u.email = given_email;
        checked := auth.check_password(principal.id, sign_in.password);
        -- For an email that nobody has, one of 4,096 stand-ins is counted and locked: the same work, and no table to fill.
        refused_as := auth.admit_sign_in(coalesce(principal.id, md5('nobody ' || left(md5(given_email), 3))::uuid), checked.ok);
        IF refused_as IS NOT NULL THEN
            RETURN auth.refuse_sign_in(principal, CASE WHEN principal.id IS NULL THEN 'unknown-email' ELSE refused_as END, 401,
                'Invalid credentials');
        END IF;
        new_scheme := CASE WHEN checked.needs_upgrade THEN auth.hold_password(principal.id, sign_in.password) END;
        -- From here on the row is locked: what was verified is what stands, and a ban or a new password either came before or waits.
        UPDATE auth.users u SET
            last_sign_in_at = CASE WHEN auth.is_banned(u) THEN u.last_sign_in_at ELSE clock_timestamp() END,
            password_scheme = coalesce(new_scheme, u.password_scheme),
            password_version = u.password_version + (new_scheme IS NOT NULL)::integer
        WHERE u.id = principal.id AND u.password_version = principal.password_version
        RETURNING * INTO verified;
        EXIT WHEN FOUND;
    END LOOP;
    IF auth.is_banned(verified) THEN
        RETURN auth.refuse_sign_in(verified, 'banned', 403, 'This account is banned');
    END IF;
    RETURN auth.start_session(verified, context);
END
$$;
COMMENT ON FUNCTION auth.sign_in(text, text, jsonb) IS
'Signs a person or agent in: 200 with {user, tokens: {accessToken, accessTokenExpiresIn, refreshToken, refreshTokenExpiresIn}} (seconds); 401 Invalid credentials, the same after the same work for an unknown email, a wrong password and a locked sign-in; 403 when banned, told only to who knows the password. context: ip and userAgent for the audit and the lock, accessTokenTtl and refreshTokenTtl to ask for less than the settings. Call it in a transaction of its own: a rollback takes back its audit entry and its counter, not the guess.';

CREATE OR REPLACE FUNCTION auth.sign_up(profile jsonb, context jsonb DEFAULT NULL) RETURNS auth.auth_result
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    mode text := current_setting('pg_principal.registration');
    checked record;
    given_email text;
    made auth.users;
    result auth.auth_result;
BEGIN
    PERFORM auth.set_request_context(context);
    IF mode = 'bootstrap' THEN
        -- the first of two that come at once
        IF NOT EXISTS (SELECT FROM auth.users) THEN
            LOCK TABLE auth.users IN SHARE ROW EXCLUSIVE MODE;
        END IF;
        -- nor is a snapshot from before the lock believed
        IF EXISTS (SELECT FROM auth.users) OR current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
            mode := 'off';
        END IF;
    END IF;
    IF mode = 'off' THEN
        RETURN auth.refusal(403, 'registration-closed', 'Registration is closed');
    END IF;
    checked := auth.read_profile(profile, 'email password firstName lastName jobTitle phoneNumber userMetadata', 'email password');
    profile := auth.metadata_of(profile);
    given_email := checked.fields->>'email';
    checked.problems := coalesce(checked.problems, auth.oversized_metadata(profile));
    IF checked.problems IS NOT NULL THEN
        RETURN auth.refusal(400, 'validation-failed', 'The profile was refused', checked.problems);
    ELSIF mode = 'open' AND EXISTS (SELECT FROM auth.organization_people o WHERE o.email = given_email) THEN
        -- theirs once auth.provision() runs, and with it what the roster lets them see
        RETURN auth.refusal(409, 'email-taken', 'Email is already registered');
    END IF;
    made := auth.store_user(checked.fields, profile, CASE mode WHEN 'bootstrap' THEN 'ADMIN' ELSE 'ANALYST' END, 'registered', true);
    IF made.id IS NULL THEN
        RETURN auth.refusal(409, 'email-taken', 'Email is already registered');
    END IF;
    UPDATE auth.users u SET last_sign_in_at = clock_timestamp() WHERE u.id = made.id RETURNING * INTO made;
    result := auth.start_session(made, context);
    result.status := 201;
    RETURN result;
END
$$;
COMMENT ON FUNCTION auth.sign_up(jsonb, jsonb) IS
'Registers whoever calls, as pg_principal.registration allows: bootstrap (only while there is no principal; the first becomes ADMIN), open (always ANALYST, and no email of the roster), off. 201 with what auth.sign_in() answers, 400 naming every bad field, 403 when registration is closed, 409 Email is already registered.';

CREATE OR REPLACE FUNCTION auth.registration_is_open() RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER
BEGIN ATOMIC
    SELECT CASE current_setting('pg_principal.registration') WHEN 'open' THEN true
        WHEN 'bootstrap' THEN NOT EXISTS (SELECT FROM auth.users) ELSE false END;
END;
COMMENT ON FUNCTION auth.registration_is_open() IS 'Whether auth.sign_up() takes anybody now: see pg_principal.registration.';

CREATE OR REPLACE FUNCTION auth.refuse_refresh(principal auth.users, reason text, metadata jsonb, proven boolean DEFAULT false) RETURNS auth.auth_result
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM auth.count_up('auth.refresh.failures', reason);
    IF auth.audit_failure(coalesce(principal.id, auth.nobody()), principal.email, jsonb_build_object('refreshToken',
        jsonb_build_object('previous', 'active', 'current', 'invalidated', 'reason', reason, 'metadata', metadata)), reason, metadata,
        proven, metadata ? 'sessionEnded') THEN
        PERFORM auth.log_event(jsonb_build_object('event', 'auth.refresh.failure', 'userId', principal.id, 'reason', reason, 'metadata', metadata));
        IF auth.is_agent(principal.kind, principal.email) THEN
            INSERT INTO auth.incidents (kind, user_id, email, reason, metadata, created_at)
            VALUES ('refresh_failure', principal.id, principal.email, reason, metadata, clock_timestamp());
        END IF;
    END IF;
    RETURN auth.refusal(401, reason, 'Unable to refresh session');
END
$$;
COMMENT ON FUNCTION auth.refuse_refresh(auth.users, text, jsonb, boolean) IS
'Internal: counts, audits and logs a refused refresh, proven when the token was once a real one; an agent''s becomes an incident for the next health scan.';

CREATE OR REPLACE FUNCTION auth.refresh(refresh_token text, context jsonb DEFAULT NULL) RETURNS auth.auth_result
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
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
            came_at := came_at - least(greatest((context->>'waitedMs')::numeric, 0), 60000)::double precision * interval '1 millisecond';
        END IF;
    END IF;
    LOOP
        -- known: the secret is that of the present token or of the one before; of older ones the id must do
        SELECT s.created_at AS signed_in_at, u AS principal, r.generation AS stored_generation, r.created_at AS exchanged_at, r.expires_at, t.at_time, k.known, CASE
            WHEN given.fault IS NOT NULL THEN given.fault
            WHEN s.id IS NULL THEN 'verification-failed'
            WHEN NOT given.is_ours THEN 'refresh-id-mismatch'
            WHEN r.session_id IS NULL THEN 'missing-refresh-state'
            WHEN given.generation > r.generation THEN 'refresh-id-mismatch'
            WHEN NOT k.known THEN 'hash-mismatch'
            WHEN u.banned_until > t.at_time THEN 'banned'
            WHEN s.revoked_as = 'password_rotated' OR r.invalidated_as = 'password_rotated' THEN 'password-rotated'
            WHEN s.revoked_at IS NOT NULL OR s.generation <> u.session_generation THEN 'token-invalidated'
            WHEN r.expires_at <= t.at_time THEN 'expired'
            WHEN given.generation < r.generation - 1
              OR k.is_late AND (NOT current_setting('pg_principal.refresh_reuse_parent')::boolean
                                OR r.repeated_generation IS NOT DISTINCT FROM given.generation) THEN 'refresh-id-mismatch'
        END AS reason, k.is_late INTO seen
        FROM (SELECT clock_timestamp() AS at_time) AS t
            LEFT JOIN auth.sessions s ON s.id = given.session_id
            LEFT JOIN auth.refresh_tokens r ON r.session_id = s.id
            LEFT JOIN auth.users u ON u.id = s.user_id
            CROSS JOIN LATERAL (SELECT given.is_ours AND CASE given.generation
                WHEN r.generation THEN auth.equal_secrets(auth.held_secret(held_hash), r.hash)
                WHEN r.generation - 1 THEN auth.equal_secrets(auth.held_secret(held_hash), r.previous_hash)
                ELSE given.generation < r.generation END AS known,
                given.generation < r.generation
                    AND t.at_time >= r.created_at + auth.seconds('refresh_reuse_interval') * interval '1 second' AS is_late) AS k;
        IF seen.reason IS NOT NULL THEN
            metadata := jsonb_strip_nulls(jsonb_build_object('sessionId', given.session_id, 'generation', given.generation));
            IF seen.reason = 'refresh-id-mismatch' AND seen.known AND came_at >= seen.exchanged_at THEN
                -- A used token again: whoever shows it, one of two holders is a thief. But a request that came before the
                -- last exchange is late: its sender may have given up on it and asked again.
                PERFORM auth.lock_audit_head(s.user_id) FROM auth.sessions s WHERE s.id = given.session_id; -- before sessions, as everywhere
                UPDATE auth.sessions s SET revoked_at = clock_timestamp(), revoked_as = 'reuse'
                WHERE s.id = given.session_id AND s.revoked_at IS NULL;
                metadata := metadata || '{"reuse": true, "sessionEnded": true}';
            END IF;
            -- Ids of sessions are no secret: who knows one must not be able to write into its owner's audit.
            IF given.is_ours IS NOT TRUE THEN
                seen.principal := NULL;
            END IF;
            RETURN auth.refuse_refresh(seen.principal, seen.reason, metadata, seen.known);
        END IF;
        IF given.generation < seen.stored_generation THEN
            ends := seen.expires_at; -- a retry: the same successor once more
            EXIT WHEN NOT seen.is_late;
            -- Its answer was lost, or this is a copy. Then two hold the successor, and meet: once used, it is not given for again.
            UPDATE auth.refresh_tokens r SET repeated_generation = r.generation
            WHERE r.session_id = given.session_id AND r.generation = seen.stored_generation AND r.invalidated_as IS NULL;
            IF FOUND THEN
                PERFORM auth.audit_failure((seen.principal).id, (seen.principal).email,
                    '{"refreshToken": {"previous": "used", "current": "given again", "reason": "parent-reused"}}', 'parent-reused',
                    jsonb_build_object('sessionId', given.session_id, 'generation', given.generation), true);
                EXIT;
            END IF;
            CONTINUE;
        END IF;
        UPDATE auth.refresh_tokens r
        SET generation = r.generation + 1, hash = auth.held_secret(held_successor), previous_hash = r.hash, created_at = seen.at_time,
            expires_at = seen.at_time + CASE WHEN context IS NULL THEN auth.seconds('refresh_token_ttl')
                ELSE auth.requested_ttl(context, 'refreshTokenTtl', 'refresh_token_ttl') END * interval '1 second'
        WHERE r.session_id = given.session_id AND r.generation = given.generation AND r.hash = auth.held_secret(held_hash) AND r.invalidated_as IS NULL
        RETURNING r.expires_at INTO ends;
        EXIT WHEN FOUND;
        -- somebody was faster: judge again by what is there now
    END LOOP;
    RETURN ROW(true, 200, NULL, auth.session_payload(seen.principal, given.session_id, seen.signed_in_at, given.successor, ends,
        CASE WHEN context IS NOT NULL THEN auth.requested_ttl(context, 'accessTokenTtl', 'access_token_ttl') END))::auth.auth_result;
END
$$;
COMMENT ON FUNCTION auth.refresh(text, jsonb) IS
'Exchanges a refresh token for a new one and an access token: what auth.sign_in() answers. Shown again within pg_principal.refresh_reuse_interval, the used token gives the same successor; later it ends its session, unless pg_principal.refresh_reuse_parent is on and nobody has used the successor: then it gives that one (audited as parent-reused), and the successor in its turn does not. 401 Unable to refresh session otherwise, with one of verification-failed, invalid-payload, missing-refresh-state (signed out), token-invalidated, password-rotated, refresh-id-mismatch, hash-mismatch, expired, banned as reason, which is for the operator: audited, counted, logged. context: as for auth.sign_in(), and waitedMs, for how long the request has waited (0 to 60000): one that came before the last exchange ends no session. Call it in a transaction of its own.';

CREATE OR REPLACE FUNCTION auth.sign_out(scope text DEFAULT 'local', context jsonb DEFAULT NULL) RETURNS auth.auth_result
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    refused auth.auth_result := auth.refusal_of_caller();
    caller uuid := auth.uid();
    caller_email text := auth.email();
    current_session uuid := auth.session_id();
    ended uuid[];
BEGIN
    IF refused.ok IS NOT NULL THEN
        RETURN refused;
    ELSIF scope IS NULL OR scope NOT IN ('local', 'others', 'global') THEN
        PERFORM auth.raise_error('sign_out_scope_unknown', coalesce(scope, 'NULL'));
    END IF;
    PERFORM auth.set_request_context(context);
    -- Everybody locks in this order: counted sign-ins, the principal (so that no session begins meanwhile),
    -- refresh tokens (one that lost a race is held when it comes to be audited), the audit chain, sessions.
    PERFORM FROM auth.users u WHERE u.id = caller FOR NO KEY UPDATE;
    PERFORM FROM auth.sessions s JOIN auth.refresh_tokens r ON r.session_id = s.id
    WHERE s.user_id = caller AND s.revoked_at IS NULL ORDER BY r.session_id FOR UPDATE OF r;
    PERFORM auth.lock_audit_head(caller);
    WITH gone AS (
        UPDATE auth.sessions s SET revoked_at = clock_timestamp(), revoked_as = 'signed_out'
        WHERE s.user_id = caller AND s.revoked_at IS NULL
          AND CASE scope WHEN 'local' THEN s.id = current_session WHEN 'others' THEN s.id <> current_session ELSE true END
        RETURNING s.id
    )
    SELECT coalesce(array_agg(g.id), '{}') INTO ended FROM gone g;
    DELETE FROM auth.refresh_tokens r WHERE r.session_id = ANY (ended);
    IF cardinality(ended) > 0 THEN
        -- by now the caller's token may be dead
        PERFORM auth.audit_as(caller, caller_email, caller, caller_email, '{"session": {"previous": "active", "current": "signed out"}}', NULL,
            jsonb_build_object('scope', scope, 'sessions', cardinality(ended), 'sessionId', current_session));
    END IF;
    RETURN ROW(true, 200, NULL, jsonb_build_object('success', true))::auth.auth_result;
END
$$;
COMMENT ON FUNCTION auth.sign_out(text, jsonb) IS
'Ends sessions of the caller at the next statement everywhere: this one (local), all but this one (others) or all (global), issued tokens included. 200 {success: true}; 401 without a token; 22023 for another scope.';

CREATE OR REPLACE FUNCTION auth.judge_new_password(principal auth.users, current_password text, new_password text, field text) RETURNS auth.auth_result
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    checked record := auth.read_profile(jsonb_build_object('password', coalesce(new_password, '')), 'password', 'password');
    is_right boolean;
    refused auth.auth_result;
    refused_as text;
BEGIN
    IF current_password IS NOT NULL THEN
        -- a stolen access token must not become a way to guess the password
        is_right := (auth.check_password(principal.id, current_password)).ok;
        refused_as := auth.admit_sign_in(principal.id, is_right);
        IF refused_as IS NOT NULL THEN
            refused := auth.refuse_sign_in(principal, refused_as, 400, 'The current password is wrong');
            refused.payload := refused.payload || '{"errors": [{"field": "currentPassword", "message": "currentPassword is wrong"}]}';
            RETURN refused;
        END IF;
    END IF;
    IF checked.problems IS NOT NULL THEN
        RETURN auth.refusal(400, 'weak-password', 'The new password was refused',
            (SELECT jsonb_agg(jsonb_build_object('field', field, 'message', replace(p->>'message', 'password ', field || ' ')))
             FROM jsonb_array_elements(checked.problems) AS p));
    ELSIF current_password IS NULL THEN
        is_right := (auth.check_password(principal.id, new_password)).ok;
        is_right := auth.confirm_guess(principal.id, is_right);
    ELSE
        is_right := new_password = current_password;
    END IF;
    IF is_right THEN
        RETURN auth.refusal(400, 'same-password', 'The new password was refused',
            jsonb_build_array(jsonb_build_object('field', field, 'message', field || ' must differ from the current password')));
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION auth.judge_new_password(auth.users, text, text, text) IS
'Internal: the refusal of a new password, told of under the name of a field; NULL when it will do. Without a current password nothing is proven.';

CREATE OR REPLACE FUNCTION auth.lock_own_password(principal auth.users) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- in the order that auth.sign_out() tells of
    PERFORM FROM auth.users u WHERE u.id = principal.id AND u.password_version = principal.password_version
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM FROM auth.refresh_tokens r WHERE r.session_id = auth.session_id() FOR UPDATE;
    RETURN true;
END
$$;
COMMENT ON FUNCTION auth.lock_own_password(auth.users) IS
'Internal: locks what the change of the caller''s password touches; false when the password is no longer what was judged.';

CREATE OR REPLACE FUNCTION auth.change_password(current_password text, new_password text, context jsonb DEFAULT NULL) RETURNS auth.auth_result
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    refused auth.auth_result := auth.refusal_of_caller();
    principal auth.users;
    new_scheme text;
BEGIN
    IF refused.ok IS NOT NULL THEN
        RETURN refused;
    END IF;
    PERFORM auth.set_request_context(context);
    SELECT * INTO principal FROM auth.users u WHERE u.id = auth.uid();
    refused := auth.judge_new_password(principal, coalesce(current_password, ''), new_password, 'newPassword');
    IF refused.ok IS NOT NULL THEN
        RETURN refused;
    ELSIF NOT auth.lock_own_password(principal) THEN
        RETURN auth.refusal(409, 'password-rotated', 'The password was changed meanwhile');
    END IF;
    refused := auth.refusal_of_own_change(2); -- changes of the profile leave room for it
    IF refused.ok IS NOT NULL THEN
        RETURN refused;
    END IF;
    new_scheme := auth.hold_password(principal.id, new_password);
    UPDATE auth.users u
    SET password_scheme = new_scheme, password_version = u.password_version + 1, password_changed_at = clock_timestamp(), updated_at = clock_timestamp()
    WHERE u.id = principal.id;
    PERFORM auth.end_sessions(principal.id, 'password_rotated', auth.session_id());
    UPDATE auth.refresh_tokens r SET invalidated_as = 'password_rotated' WHERE r.session_id = auth.session_id();
    UPDATE auth.sessions s SET expires_at = clock_timestamp() + auth.seconds('access_token_ttl') * interval '1 second'
    WHERE s.id = auth.session_id() AND s.origin = 'sign_in';
    RETURN ROW(true, 200, NULL, jsonb_build_object('success', true))::auth.auth_result;
END
$$;
COMMENT ON FUNCTION auth.change_password(text, text, jsonb) IS
'The caller''s own password: ends all its other sessions and every refresh token, this session''s too; its access token lives on until it expires. 200 {success: true}; 400 when the current password is wrong (counted like a failed sign-in) or the new one is refused or the same; 401 without a token.';

CREATE OR REPLACE FUNCTION auth.update_account(changes jsonb, context jsonb DEFAULT NULL) RETURNS auth.auth_result
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    refused auth.auth_result := auth.refusal_of_caller();
    problem constant text := 'The account was refused';
    principal auth.users;
    checked record;
    result auth.auth_result;
BEGIN
    IF refused.ok IS NOT NULL THEN
        RETURN refused;
    ELSIF jsonb_typeof(changes->'currentPassword') NOT IN ('string', 'null') THEN
        RETURN auth.bad_field(problem, 'currentPassword', 'must be a string');
    END IF;
    PERFORM auth.set_request_context(context);
    -- the password is judged by itself, so that a wrong current one is told first
    checked := auth.read_profile(CASE WHEN jsonb_typeof(changes) = 'object' THEN changes - '{password, currentPassword}'::text[] END,
        'email userMetadata', '');
    checked.problems := coalesce(checked.problems, auth.oversized_metadata(auth.metadata_of(changes)));
    IF checked.problems IS NOT NULL THEN
        RETURN auth.refusal(400, 'validation-failed', problem, checked.problems);
    ELSIF checked.fields->>'email' <> auth.email() THEN
        RETURN auth.refusal(400, 'email-change', problem,
            '[{"field": "email", "message": "email can be changed by an administrator only"}]');
    ELSIF coalesce(changes->'password', 'null') = 'null' THEN
        refused := auth.refusal_of_own_change();
        RETURN CASE WHEN refused.ok IS NULL THEN auth.change_user(auth.uid(), '{}', changes) ELSE refused END;
    ELSIF jsonb_typeof(changes->'password') <> 'string' THEN
        RETURN auth.bad_field(problem, 'password', 'must be a string');
    ELSIF changes->>'currentPassword' IS NULL AND current_setting('pg_principal.require_current_password')::boolean THEN
        RETURN auth.refusal(400, 'current-password-required', problem,
            '[{"field": "currentPassword", "message": "currentPassword is required for a new password"}]');
    END IF;
    SELECT * INTO principal FROM auth.users u WHERE u.id = auth.uid();
    refused := auth.judge_new_password(principal, changes->>'currentPassword', changes->>'password', 'password');
    IF refused.ok IS NOT NULL THEN
        RETURN refused;
    ELSIF NOT auth.lock_own_password(principal) THEN
        RETURN auth.refusal(409, 'password-rotated', 'The password was changed meanwhile');
    END IF;
    refused := auth.refusal_of_own_change(2); -- changes of the profile leave room for it
    IF refused.ok IS NOT NULL THEN
        RETURN refused;
    END IF;
    result := auth.change_user(principal.id, jsonb_build_object('password', changes->'password'), changes);
    IF result.ok THEN
        PERFORM auth.end_sessions(principal.id, 'password_rotated', auth.session_id());
    END IF;
    RETURN result;
END
$$;
COMMENT ON FUNCTION auth.update_account(jsonb, jsonb) IS
'The caller''s own userMetadata (merged; null takes a member away) and password in one step. A new password needs currentPassword unless pg_principal.require_current_password is off, and ends all other sessions; this one goes on. email may be given as it is. 200 with the profile, 400 naming the bad field or when the current password is wrong (counted like a failed sign-in), 401 without a token.';

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
