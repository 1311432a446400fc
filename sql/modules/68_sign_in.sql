-- Signing up, in and out: refusals are answers, so that what they leave behind stays.

CREATE OR REPLACE FUNCTION auth.requested_ttl(context jsonb, field text, setting text)
    RETURNS bigint
LANGUAGE sql STABLE
BEGIN ATOMIC -- becomes part of the statement that asks
    SELECT least(auth.seconds(requested_ttl.setting), floor(CASE
        WHEN jsonb_typeof(requested_ttl.context->requested_ttl.field) = 'number'
            AND (requested_ttl.context->>requested_ttl.field)::numeric >= 1
        THEN (requested_ttl.context->>requested_ttl.field)::numeric END))::bigint;
END;
COMMENT ON FUNCTION auth.requested_ttl(jsonb, text, text) IS
'Internal: the seconds that the request context asks for where they are fewer than the setting, '
'else the setting.';

CREATE OR REPLACE FUNCTION auth.session_payload(
    principal auth.users, session_id uuid, signed_in_at timestamptz, refresh_token text,
        refresh_expires_at timestamptz, access_ttl bigint) RETURNS jsonb
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'pg_principal_session_payload';
COMMENT ON FUNCTION auth.session_payload(auth.users, uuid, timestamptz, text, timestamptz,
    bigint) IS
'Internal: {user, tokens} with a new access token beside a refresh token, which it never outlives. '
'access_ttl: seconds, NULL for the setting.';

CREATE OR REPLACE FUNCTION auth.start_session(principal auth.users, context jsonb)
    RETURNS auth.auth_result
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    new_id uuid := gen_random_uuid();
    at_time timestamptz := clock_timestamp();
    ends timestamptz := at_time + auth.requested_ttl(context, 'refreshTokenTtl',
        'refresh_token_ttl') * interval '1 second';
    request record := auth.request_context();
    first record;
    held bigint;
    payload jsonb;
BEGIN
    -- made when first needed, so that a restore never meets one of its own
    IF NOT EXISTS (SELECT FROM auth.server_keys k WHERE k.name = 'refresh_token') THEN
        INSERT INTO auth.server_keys (name, material, sealed_under)
        SELECT 'refresh_token', m.material, m.sealed_under FROM auth.make_server_key() AS m
            ON CONFLICT DO NOTHING;
    END IF;
    first := auth.first_refresh_token(new_id);
    held := auth.hold_secret(first.hash);
    INSERT INTO auth.sessions (id, user_id, generation, origin, created_at, expires_at, ip,
        user_agent)
    VALUES (new_id, principal.id, principal.session_generation, 'sign_in', at_time, 'infinity',
        request.ip, request.user_agent);
    INSERT INTO auth.refresh_tokens (session_id, hash, created_at, expires_at)
        VALUES (new_id, auth.held_secret(held), at_time, ends);
    payload := auth.session_payload(principal, new_id, at_time, first.token, ends,
        auth.requested_ttl(context, 'accessTokenTtl', 'access_token_ttl'));
    PERFORM auth.audit_as(principal.id, principal.email, principal.id, principal.email,
        '{"session": {"previous": null, "current": "signed in"}}', NULL,
            jsonb_build_object('sessionId', new_id));
    RETURN ROW(true, 200, NULL, payload)::auth.auth_result;
END
$$;
COMMENT ON FUNCTION auth.start_session(auth.users, jsonb) IS
'Internal: a session of a principal that has just proven who it is.';

CREATE OR REPLACE FUNCTION auth.judge_sign_in(given_email text, password text, context jsonb)
    RETURNS auth.auth_result
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    principal auth.users;
    verified auth.users;
    checked record;
    new_scheme text;
    refused_as text;
BEGIN
    PERFORM auth.set_request_context(context);
    LOOP
        SELECT * INTO principal FROM auth.users u WHERE u.email = given_email;
        checked := auth.check_password(principal.id, judge_sign_in.password);
        -- For an email that nobody has, one of 4,096 stand-ins is counted and locked: the same
        -- work, and no table to fill.
        refused_as := auth.admit_sign_in(coalesce(principal.id,
            auth.named_id('nobody ' || left(auth.named_id(given_email)::text, 3))), checked.ok);
        IF refused_as IS NOT NULL THEN
            RETURN auth.refuse_sign_in(principal, CASE WHEN principal.id IS NULL
                THEN 'unknown-email' ELSE refused_as END, 401,
                'Invalid credentials');
        END IF;
        new_scheme := CASE WHEN checked.needs_upgrade
            THEN auth.hold_password(principal.id, judge_sign_in.password) END;
        -- From here on the row is locked: what was verified is what stands, and a ban or a new
        -- password either came before or waits.
        UPDATE auth.users u SET
            last_sign_in_at = CASE WHEN auth.is_banned(u) THEN u.last_sign_in_at
                ELSE clock_timestamp() END,
            password_scheme = coalesce(new_scheme, u.password_scheme),
            password_version = u.password_version + (new_scheme IS NOT NULL)::integer
        WHERE u.id = principal.id AND u.password_version = principal.password_version
        RETURNING * INTO verified;
        EXIT WHEN FOUND;
    END LOOP;
    -- What was decided while somebody held the row may have ended what was proven. It is not
    -- proven again: who holds the row waits for no attempts.
    IF auth.settle(principal.id) THEN
        SELECT * INTO principal FROM auth.users u WHERE u.id = verified.id;
        IF principal.password_version <> verified.password_version THEN
            RETURN auth.refuse_sign_in(principal, 'wrong-password', 401, 'Invalid credentials');
        END IF;
        verified := principal;
    END IF;
    IF auth.is_banned(verified) THEN
        RETURN auth.refuse_sign_in(verified, 'banned', 403, 'This account is banned');
    END IF;
    RETURN auth.start_session(verified, context);
END
$$;
COMMENT ON FUNCTION auth.judge_sign_in(text, text, jsonb) IS
'Internal: auth.sign_in(), which may wait for whoever holds the principal.';

CREATE OR REPLACE FUNCTION auth.sign_in(email text, password text, context jsonb DEFAULT NULL)
    RETURNS auth.auth_result
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    callers_timeout constant text := auth.wait_briefly();
    result auth.auth_result;
BEGIN
    result := auth.judge_sign_in(coalesce(auth.fold_email(sign_in.email), ''), password, context);
    EXECUTE format('SET LOCAL lock_timeout = %L', callers_timeout);
    RETURN result;
END
$$;
COMMENT ON FUNCTION auth.sign_in(text, text, jsonb) IS
'Signs a person or agent in: 200 with {user, tokens: {accessToken, accessTokenExpiresIn, '
'refreshToken, refreshTokenExpiresIn}} (seconds); 401 Invalid credentials, the same after the same '
'work for an unknown email, a wrong password and a locked sign-in; 403 when banned, told only to '
'who knows the password. context: ip and userAgent for the audit and the lock, accessTokenTtl and '
'refreshTokenTtl to ask for less than the settings. Call it in a transaction of its own: a '
'rollback takes back its audit entry and its counter, not the guess. 55P03 when somebody holds the '
'principal for three seconds.';

CREATE OR REPLACE FUNCTION auth.sign_up(profile jsonb, context jsonb DEFAULT NULL)
    RETURNS auth.auth_result
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
        IF EXISTS (SELECT FROM auth.users)
            OR current_setting('transaction_isolation') NOT IN ('read committed',
            'read uncommitted') THEN
            mode := 'off';
        END IF;
    END IF;
    IF mode = 'off' THEN
        RETURN auth.refusal(403, 'registration-closed', 'Registration is closed');
    END IF;
    checked := auth.read_profile(profile,
        'email password firstName lastName jobTitle phoneNumber userMetadata', 'email password');
    profile := auth.metadata_of(profile);
    given_email := checked.fields->>'email';
    checked.problems := coalesce(checked.problems, auth.oversized_metadata(profile));
    IF checked.problems IS NOT NULL THEN
        RETURN auth.refusal(400, 'validation-failed', 'The profile was refused', checked.problems);
    ELSIF mode = 'open' AND EXISTS (SELECT FROM auth.organization_people o
        WHERE o.email = given_email) THEN
        -- theirs once auth.provision() runs, and with it what the roster lets them see
        RETURN auth.refusal(409, 'email-taken', 'Email is already registered');
    END IF;
    made := auth.store_user(checked.fields, profile, CASE mode WHEN 'bootstrap' THEN 'ADMIN'
        ELSE 'ANALYST' END, 'registered', true);
    IF made.id IS NULL THEN
        RETURN auth.refusal(409, 'email-taken', 'Email is already registered');
    END IF;
    UPDATE auth.users u SET last_sign_in_at = clock_timestamp() WHERE u.id = made.id RETURNING *
        INTO made;
    result := auth.start_session(made, context);
    result.status := 201;
    RETURN result;
END
$$;
COMMENT ON FUNCTION auth.sign_up(jsonb, jsonb) IS
'Registers whoever calls, as pg_principal.registration allows: bootstrap (only while there is no '
'principal; the first becomes ADMIN), open (always ANALYST, and no email of the roster), off. 201 '
'with what auth.sign_in() answers, 400 naming every bad field, 403 when registration is closed, '
'409 Email is already registered.';

CREATE OR REPLACE FUNCTION auth.registration_is_open() RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER
BEGIN ATOMIC
    SELECT CASE current_setting('pg_principal.registration') WHEN 'open' THEN true
        WHEN 'bootstrap' THEN NOT EXISTS (SELECT FROM auth.users) ELSE false END;
END;
COMMENT ON FUNCTION auth.registration_is_open() IS
'Whether auth.sign_up() takes anybody now: see pg_principal.registration.';

CREATE OR REPLACE FUNCTION auth.leave_sessions(owner_id uuid, owner_email text, scope text,
    present uuid, metadata jsonb, actor_id uuid DEFAULT NULL) RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET lock_timeout = '100ms' AS $$
DECLARE
    by_agent constant boolean := actor_id <> owner_id;
    patient_until constant timestamptz := clock_timestamp() + interval '100 ms';
    concerned uuid[];
    ended uuid[];
BEGIN
    -- Everybody locks in this order: counted sign-ins, the principal (so that no session begins
    -- meanwhile), refresh tokens (one that lost a race is held when it comes to be audited), the
    -- audit chain, sessions. But who is in the way, a thief with tokens perhaps, keeps nobody from
    -- leaving: after a tenth of a second in all it is done without.
    BEGIN
        PERFORM FROM auth.users u WHERE u.id = owner_id FOR NO KEY UPDATE;
    EXCEPTION WHEN lock_not_available THEN
        NULL;
    END;
    concerned := CASE scope WHEN 'local' THEN ARRAY[present] ELSE ARRAY(
        SELECT s.id FROM auth.sessions s WHERE s.user_id = owner_id AND s.revoked_at IS NULL
            AND (scope = 'global' OR s.id <> present)) END;
    EXECUTE format('SET LOCAL lock_timeout = %L', greatest(1, least(100, round(extract(epoch FROM
        patient_until - clock_timestamp()) * 1000))) || 'ms');
    BEGIN
        PERFORM FROM auth.refresh_tokens r WHERE r.session_id = ANY (concerned)
        ORDER BY r.session_id FOR UPDATE;
        PERFORM auth.lock_audit_head(owner_id);
    EXCEPTION WHEN lock_not_available THEN
        NULL;
    END;
    ended := auth.note_end(ARRAY(SELECT s.id FROM auth.sessions s
        WHERE s.id = ANY (concerned) AND s.user_id = owner_id), 'signed_out');
    WITH free AS MATERIALIZED (
        SELECT r.session_id FROM auth.refresh_tokens r WHERE r.session_id = ANY (ended)
        FOR UPDATE SKIP LOCKED
    )
    DELETE FROM auth.refresh_tokens r USING free f WHERE r.session_id = f.session_id;
    IF cardinality(ended) > 0 THEN
        -- by now the caller's token may be dead
        PERFORM auth.audit_as(coalesce(actor_id, owner_id), CASE WHEN by_agent
                THEN (SELECT u.email FROM auth.users u WHERE u.id = actor_id)
                ELSE owner_email END, owner_id, owner_email,
            '{"session": {"previous": "active", "current": "signed out"}}', NULL, metadata
            || CASE WHEN metadata ? 'scope'
                THEN jsonb_build_object('sessions', cardinality(ended)) ELSE '{}' END
            || CASE WHEN by_agent THEN jsonb_build_object('onBehalfOf', owner_email)
                ELSE '{}' END);
    END IF;
    RETURN cardinality(ended);
END
$$;
COMMENT ON FUNCTION auth.leave_sessions(uuid, text, text, uuid, jsonb, uuid) IS
'Internal: ends sessions of whoever asks for it: the present one (local), all but that (others) '
'or all (global), whoever holds what. actor_id: the agent that asks instead. Returns how many.';

CREATE OR REPLACE FUNCTION auth.sign_out(scope text DEFAULT 'local', context jsonb DEFAULT NULL)
    RETURNS auth.auth_result
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    refused auth.auth_result := auth.refusal_of_caller();
BEGIN
    IF refused.ok IS NOT NULL THEN
        RETURN refused;
    ELSIF scope IS NULL OR scope NOT IN ('local', 'others', 'global') THEN
        PERFORM auth.raise_error('sign_out_scope_unknown', coalesce(scope, 'NULL'));
    END IF;
    PERFORM auth.set_request_context(context);
    PERFORM auth.leave_sessions(auth.uid(), auth.email(), scope, auth.session_id(),
        jsonb_build_object('scope', scope, 'sessionId', auth.session_id()));
    RETURN ROW(true, 200, NULL, jsonb_build_object('success', true))::auth.auth_result;
END
$$;
COMMENT ON FUNCTION auth.sign_out(text, jsonb) IS
'Ends sessions of the caller at the next statement everywhere: this one (local), all but this one '
'(others) or all (global), issued tokens included, whoever holds the account. 200 {success: true}; '
'401 without a token; 22023 for another scope.';
