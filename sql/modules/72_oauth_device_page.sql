-- What a person decides about a device (RFC 8628, section 3.3).

CREATE OR REPLACE FUNCTION auth.find_device_code(person auth.users, user_code text,
    OUT code auth.device_codes, OUT client auth.public_clients, OUT refused auth.auth_result)
    RETURNS record
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    held bigint := auth.hold_secret(auth.hash_user_code(user_code));
    admitted text;
BEGIN
    -- Counted as wrong passwords are, and for each person apart from those. A right one alone
    -- forgives none: whoever guesses may have a code of their own to show in between.
    admitted := auth.admit_sign_in(auth.named_id('device ' || person.id), EXISTS (
        SELECT FROM auth.device_codes d WHERE d.user_code_hash = auth.held_secret(held)), false);
    IF admitted = 'locked' THEN
        PERFORM auth.note_device_refusal(person, 'locked', NULL);
        refused := auth.refusal(429, 'locked', 'Too many wrong codes: try again later');
        RETURN;
    END IF;
    SELECT * INTO code FROM auth.device_codes d
    WHERE d.user_code_hash = auth.held_secret(held) FOR UPDATE;
    -- now, not when it began to wait for the code
    IF code.expires_at > clock_timestamp() AND code.decision IS NULL THEN
        SELECT * INTO client FROM auth.public_clients c WHERE c.id = code.client;
        IF FOUND THEN
            RETURN;
        END IF;
        code := NULL; -- an application that is no more
    END IF;
    refused := auth.refusal(404, CASE WHEN code.hash IS NULL THEN 'unknown-user-code'
        WHEN code.decision IS NULL THEN 'expired-user-code' ELSE 'used-user-code' END,
        'This code is unknown, used, or has expired');
    PERFORM auth.note_device_refusal(person, refused.reason, NULL);
END
$$;
COMMENT ON FUNCTION auth.find_device_code(auth.users, text) IS
'Internal: the code that a person has typed, held as it is, while it waits for a decision; else '
'the refusal. Wrong ones are counted, and lock, until one is approved.';

CREATE OR REPLACE FUNCTION auth.deciding_person(OUT person auth.users, OUT refused
    auth.auth_result) RETURNS record
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    refused := auth.refusal_of_caller();
    IF refused.ok IS NOT NULL THEN
        RETURN;
    END IF;
    SELECT * INTO person FROM auth.users u WHERE u.id = auth.uid();
    -- a token that somebody was handed is not the person, and one with a few scopes gives no more
    IF person.kind <> 'person' OR NOT EXISTS (SELECT FROM auth.sessions s
        WHERE s.id = auth.session_id() AND s.origin = 'sign_in') THEN
        refused := auth.refusal(403, 'not-signed-in',
            'Only a person who has signed in may do this');
    END IF;
END
$$;
COMMENT ON FUNCTION auth.deciding_person() IS
'Internal: the caller, who must be a person with a session of a sign-in, or the refusal.';

CREATE OR REPLACE FUNCTION auth.device_code_payload(code auth.device_codes,
    client auth.public_clients) RETURNS jsonb
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT jsonb_build_object('clientId', (device_code_payload.client).client_id,
        'client', (device_code_payload.client).name,
        'scopes', auth.common_scopes((device_code_payload.code).scopes,
            (device_code_payload.client).scopes), 'ip', (device_code_payload.code).ip,
        'createdAt', auth.iso_time((device_code_payload.code).created_at),
        'expiresAt', auth.iso_time((device_code_payload.code).expires_at));
END;
COMMENT ON FUNCTION auth.device_code_payload(auth.device_codes, auth.public_clients) IS
'Internal: what a person is told before the decision.';

CREATE OR REPLACE FUNCTION auth.show_device(user_code text, context jsonb DEFAULT NULL)
    RETURNS auth.auth_result
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    caller record := auth.deciding_person();
    seen record;
BEGIN
    IF (caller.refused).ok IS NOT NULL THEN
        RETURN caller.refused;
    END IF;
    PERFORM auth.set_request_context(context);
    seen := auth.find_device_code(caller.person, user_code);
    IF (seen.refused).ok IS NOT NULL THEN
        RETURN seen.refused;
    END IF;
    RETURN ROW(true, 200, NULL, auth.device_code_payload(seen.code, seen.client))::auth.auth_result;
END
$$;
COMMENT ON FUNCTION auth.show_device(text, jsonb) IS
'For a person who has signed in: who asks by the code that a device shows: 200 {client, clientId, '
'scopes, ip, createdAt, expiresAt}; 401, 403, 404 for what waits for no decision, 429 after too '
'many wrong ones.';

CREATE OR REPLACE FUNCTION auth.decide_device(user_code text, approve boolean,
    scopes text[] DEFAULT NULL, context jsonb DEFAULT NULL) RETURNS auth.auth_result
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    caller record := auth.deciding_person();
    here uuid := auth.session_id();
    seen record;
    person auth.users;
    new_id uuid := gen_random_uuid();
    may text[];
BEGIN
    IF (caller.refused).ok IS NOT NULL THEN
        RETURN caller.refused;
    ELSIF approve IS NULL THEN
        RETURN auth.refusal(400, 'validation-failed', 'approve or deny');
    END IF;
    PERFORM auth.set_request_context(context);
    seen := auth.find_device_code(caller.person, user_code);
    IF (seen.refused).ok IS NOT NULL THEN
        RETURN seen.refused;
    END IF;
    may := auth.common_scopes((seen.code).scopes, (seen.client).scopes);
    IF decide_device.scopes IS NOT NULL THEN
        -- what the application may have may have grown since the person looked
        may := auth.common_scopes(may, decide_device.scopes);
    END IF;
    IF approve AND may = '{}' AND (seen.code).scopes <> '{}' THEN
        -- nobody could redeem it: it asks for a token with scopes
        RETURN auth.refusal(400, 'no-scopes', 'It asks for scopes, and would get none of them');
    END IF;
    -- whoever bans the person or signs it out waits, and ends the new session too
    PERFORM FROM auth.users u WHERE u.id = (caller.person).id FOR NO KEY UPDATE;
    SELECT o.* INTO person FROM auth.users u, auth.standing(u) AS o
    WHERE u.id = (caller.person).id;
    PERFORM auth.lock_audit_head(person.id) WHERE person.id IS NOT NULL;
    IF person.id IS NULL OR auth.is_banned(person) OR NOT EXISTS (SELECT FROM auth.sessions s
        WHERE s.id = here AND s.revoked_at IS NULL AND s.generation = person.session_generation)
        THEN
        RETURN auth.refusal(401, 'session-ended', 'Authentication required');
    ELSIF approve THEN
        INSERT INTO auth.sessions (id, user_id, generation, origin, label, scopes, created_at,
            expires_at, ip, user_agent, grants)
        SELECT new_id, person.id, person.session_generation, 'oauth', (seen.client).name,
            nullif(may, '{}'), clock_timestamp(), (seen.code).expires_at, c.ip,
            c.user_agent, ARRAY[(seen.client).id]
        FROM auth.request_context() AS c;
        PERFORM auth.admit_sign_in(auth.named_id('device ' || person.id), true);
    END IF;
    UPDATE auth.device_codes d SET decision = CASE WHEN approve THEN 'approved' ELSE 'denied' END,
        session_id = CASE WHEN approve THEN new_id END
    WHERE d.hash = (seen.code).hash;
    PERFORM auth.audit_as(person.id, person.email, person.id, person.email, jsonb_build_object(
        'deviceCode', jsonb_build_object('previous', 'pending', 'current',
            CASE WHEN approve THEN 'approved' ELSE 'denied' END)), NULL,
        jsonb_strip_nulls(jsonb_build_object('clientId', (seen.client).client_id,
            'scopes', nullif(may, '{}'), 'deviceIp', (seen.code).ip,
            'sessionId', CASE WHEN approve THEN new_id END)));
    RETURN ROW(true, 200, NULL, auth.device_code_payload(seen.code, seen.client)
        || jsonb_build_object('approved', approve, 'scopes', may))::auth.auth_result;
END
$$;
COMMENT ON FUNCTION auth.decide_device(text, boolean, text[], jsonb) IS
'For a person who has signed in: lets the device that shows this code in, or not. scopes: those '
'that the person was shown, or lets it have of them: it gets no other, whatever it may have had '
'added since; NULL: all that it may have now; 400 when that is none of those that it asks for. '
'200 with what auth.show_device() tells and approved; other errors as there. What is approved is '
'redeemed once, until the code ends; a ban, a sign-out everywhere, a new password meanwhile end '
'it.';

CREATE OR REPLACE FUNCTION auth.open_device_page(form jsonb, origin text DEFAULT NULL,
    context jsonb DEFAULT NULL) RETURNS auth.auth_result
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    result auth.auth_result;
    given record;
    seen record;
    session auth.sessions;
    person auth.users;
BEGIN
    -- as browsers write it: in small letters, without the scheme's own port
    IF origin <> regexp_replace(lower(auth.issuer_origin() COLLATE "C"),
        '^(?:(https://.*):443|(http://.*):80)$', E'\\1\\2') THEN
        RETURN auth.refusal(403, 'another-origin', 'This form was sent from another site');
    END IF;
    -- for as long as a code lives, and no longer than this page
    result := auth.sign_in(form->>'email', form->>'password', coalesce(context, '{}')
        || '{"accessTokenTtl": 600, "refreshTokenTtl": 600}');
    IF NOT result.ok THEN
        RETURN result;
    END IF;
    given := auth.read_refresh_token(result.payload->'tokens'->>'refreshToken');
    SELECT * INTO session FROM auth.sessions s WHERE s.id = given.session_id;
    SELECT * INTO person FROM auth.users u WHERE u.id = session.user_id;
    IF person.kind <> 'person' THEN
        PERFORM auth.end_shown_session(session);
        RETURN auth.refusal(403, 'not-a-person', 'Only a person may do this');
    END IF;
    seen := auth.find_device_code(person, form->>'user_code');
    IF (seen.refused).ok IS NOT NULL THEN
        PERFORM auth.end_shown_session(session);
        RETURN seen.refused;
    END IF;
    RETURN ROW(true, 200, NULL, auth.device_code_payload(seen.code, seen.client)
        || jsonb_build_object('email', person.email, 'token',
            result.payload->'tokens'->'accessToken'))::auth.auth_result;
END
$$;
COMMENT ON FUNCTION auth.open_device_page(jsonb, text, jsonb) IS
'For the page /oauth/device: signs a person in (email, password of the form) for ten minutes and '
'tells who asks by the form''s user_code: what auth.show_device() tells, email, and token, which '
'the form with the decision brings back. origin: the header of that name; another than that of '
'pg_principal.issuer is refused.';

CREATE OR REPLACE FUNCTION auth.close_device_page(user_code text, decision text,
    scopes text, context jsonb DEFAULT NULL) RETURNS auth.auth_result
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    result auth.auth_result := auth.decide_device(user_code,
        CASE decision WHEN 'approve' THEN true WHEN 'deny' THEN false END,
        string_to_array(coalesce(scopes, ''), ' '), context);
BEGIN
    IF result.status <> 403 THEN
        PERFORM auth.sign_out('local', context);
    END IF;
    RETURN result;
END
$$;
COMMENT ON FUNCTION auth.close_device_page(text, text, text, jsonb) IS
'For the page /oauth/device: auth.decide_device() (approve or deny) by who has signed in there, '
'for the scopes that the page has shown, with spaces between them, and the end of that sign-in.';
