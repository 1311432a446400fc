-- The device authorization grant (RFC 8628). Whoever needs several locks takes them in this order:
-- wrong codes of the person, the device code, the principal, its audit, its sessions.

CREATE OR REPLACE FUNCTION auth.make_device_code(OUT device_code text, OUT hash bytea,
    OUT user_code text, OUT user_code_hash bytea) RETURNS record
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'pg_principal_make_device_code';
COMMENT ON FUNCTION auth.make_device_code() IS
'Internal: 256 random bits for the device, eight letters without vowels for a person to type, and '
'what is stored of both.';

CREATE OR REPLACE FUNCTION auth.hash_user_code(user_code text) RETURNS bytea
LANGUAGE c IMMUTABLE STRICT AS 'MODULE_PATHNAME', 'pg_principal_hash_user_code';
COMMENT ON FUNCTION auth.hash_user_code(text) IS
'Internal: what is stored of a code that a person typed, whatever the case and what stands between '
'the letters; NULL for what is none.';

CREATE OR REPLACE FUNCTION auth.issuer_origin() RETURNS text
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT CASE WHEN current_setting('pg_principal.issuer') !~ '[?#[:space:]]'
        THEN substring(current_setting('pg_principal.issuer')
            FROM '^https?://[^/?#[:space:]]+') END;
END;
COMMENT ON FUNCTION auth.issuer_origin() IS
'Internal: scheme, host and port of pg_principal.issuer; NULL when it is no URL.';

CREATE OR REPLACE FUNCTION auth.is_for_us(targets jsonb) RETURNS boolean
LANGUAGE plpgsql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    origin text := auth.issuer_origin();
BEGIN
    RETURN NOT EXISTS (
        SELECT FROM jsonb_array_elements_text(CASE jsonb_typeof(targets)
            WHEN 'array' THEN targets ELSE jsonb_build_array(targets) END) AS t
        WHERE (t IN (current_setting('pg_principal.audience'),
            current_setting('pg_principal.issuer'), rtrim(current_setting('pg_principal.issuer'),
                '/') || '/', origin || '/api')
            OR starts_with(t, origin || '/api/') AND t !~ '#') IS NOT TRUE);
END
$$;
COMMENT ON FUNCTION auth.is_for_us(jsonb) IS
'Internal: whether every resource (RFC 8707) or audience (RFC 8693) that a token is asked for is '
'pg_principal.audience, the issuer, or what is below /api of it; NULL when none is named.';

CREATE OR REPLACE FUNCTION auth.refuse_target() RETURNS auth.auth_result
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT auth.oauth_error(400, 'invalid_target', 'Tokens are for the issuer, what is '
        'below its /api, and their audience alone');
END;
COMMENT ON FUNCTION auth.refuse_target() IS
'Internal: the refusal of what auth.is_for_us() finds to be somebody else''s.';

CREATE OR REPLACE FUNCTION auth.note_device_refusal(principal auth.users, reason text, client text)
    RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM auth.count_up('auth.device.failures', reason);
    IF auth.audit_failure(coalesce(principal.id, auth.nobody()), principal.email,
        jsonb_build_object('deviceCode', jsonb_build_object('previous', NULL, 'current', 'refused',
            'reason', reason)), reason, nullif(jsonb_strip_nulls(
                jsonb_build_object('clientId', client)), '{}'), principal.id IS NOT NULL) THEN
        PERFORM auth.log_event(jsonb_build_object('event', 'auth.device.failure', 'userId',
            principal.id, 'reason', reason, 'metadata', jsonb_strip_nulls(jsonb_build_object(
                'clientId', client, 'ip', (auth.request_context()).ip))));
    END IF;
END
$$;
COMMENT ON FUNCTION auth.note_device_refusal(auth.users, text, text) IS
'Internal: counts, audits and logs what is refused to a device, or to the person who typed a code.';

CREATE OR REPLACE FUNCTION auth.oauth_device_authorization(request jsonb,
    basic_id text DEFAULT NULL, basic_secret text DEFAULT NULL, context jsonb DEFAULT NULL)
    RETURNS auth.auth_result
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    life constant integer := 600;
    first_interval constant integer := 5;
    page constant text := auth.issuer_origin() || '/oauth/device';
    client record;
    asker record;
    may text[];
    made record;
    held bigint;
    held_user bigint;
    at_time timestamptz;
BEGIN
    PERFORM auth.set_request_context(context);
    client := auth.authenticate_client(request, basic_id, basic_secret);
    IF (client.refused).ok IS NOT NULL THEN
        RETURN client.refused;
    END IF;
    asker := auth.find_public_client(request, (client.principal).id);
    IF (asker.refused).ok IS NOT NULL THEN
        RETURN asker.refused;
    ELSIF NOT auth.is_for_us(request->'resource') THEN
        RETURN auth.refuse_target();
    ELSIF page IS NULL THEN
        RETURN auth.oauth_error(503, 'server_error', 'pg_principal.issuer is not a URL');
    END IF;
    may := auth.narrowed_scopes(request->>'scope', (asker.found_client).scopes);
    IF may = '{}' AND coalesce(request->>'scope', '') <> '' THEN
        RETURN auth.refuse_scopes((asker.found_client).scopes);
    END IF;
    -- as many as come go, and nobody waits for another's; until then a device that asks late is
    -- told why
    DELETE FROM auth.device_codes d WHERE d.hash = ANY (ARRAY(
        SELECT o.hash FROM auth.device_codes o
        WHERE o.expires_at < (SELECT clock_timestamp() - interval '10 minutes')
        ORDER BY o.expires_at LIMIT 2 FOR UPDATE SKIP LOCKED));
    LOOP
        made := auth.make_device_code();
        held := auth.hold_secret(made.hash);
        held_user := auth.hold_secret(made.user_code_hash);
        at_time := clock_timestamp();
        INSERT INTO auth.device_codes (hash, user_code_hash, client, scopes, created_at,
            expires_at, poll_interval, ip, user_agent)
        SELECT auth.held_secret(held), auth.held_secret(held_user), (asker.found_client).id,
            may, at_time, at_time + life * interval '1 second',
            first_interval, c.ip, c.user_agent
        FROM auth.request_context() AS c
        ON CONFLICT DO NOTHING;
        EXIT WHEN FOUND; -- of somebody else's code another is made
    END LOOP;
    RETURN ROW(true, 200, NULL, jsonb_build_object('device_code', made.device_code,
        'user_code', made.user_code, 'verification_uri', page,
        'verification_uri_complete', page || '?user_code=' || made.user_code,
        'expires_in', life, 'interval', first_interval))::auth.auth_result;
END
$$;
COMMENT ON FUNCTION auth.oauth_device_authorization(jsonb, text, text, jsonb) IS
'The device authorization endpoint (RFC 8628): client_id of auth.register_client() and scope; 200 '
'with device_code, user_code, verification_uri, verification_uri_complete, expires_in and '
'interval, else 400 or 401 as auth.oauth_token(), 503 when pg_principal.issuer is no URL.';

CREATE OR REPLACE FUNCTION auth.redeem_device_code(code auth.device_codes,
    client auth.public_clients, context jsonb) RETURNS auth.auth_result
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    person auth.users;
    session auth.sessions;
    request record := auth.request_context();
    issued_at bigint;
    life bigint := coalesce(client.token_ttl,
        auth.requested_ttl(context, 'accessTokenTtl', 'access_token_ttl'));
    may text[];
    has_ended boolean;
    token text;
    signer text;
    reason text;
BEGIN
    -- a ban that runs beside this makes the session one of an earlier generation
    SELECT o.* INTO person FROM auth.users u, auth.standing(u) AS o
    WHERE u.id = (SELECT s.user_id FROM auth.sessions s WHERE s.id = code.session_id);
    PERFORM auth.lock_audit_head(person.id) WHERE person.id IS NOT NULL;
    SELECT * INTO session FROM auth.sessions s WHERE s.id = code.session_id FOR NO KEY UPDATE;
    has_ended := session.id IS NULL OR person.id IS NULL
        OR session.generation <> person.session_generation OR session.revoked_at IS NOT NULL
        OR auth.is_banned(person)
        OR EXISTS (SELECT FROM auth.ended_sessions e WHERE e.session_id = session.id);
    -- of what the person saw and approved, what the application may have now
    may := auth.common_scopes(coalesce(session.scopes, '{}'), client.scopes);
    IF may = '{}' AND code.scopes <> '{}' AND NOT has_ended THEN
        RETURN auth.refuse_scopes(client.scopes);
    END IF;
    DELETE FROM auth.device_codes d WHERE d.hash = code.hash; -- once
    IF has_ended THEN
        reason := CASE WHEN auth.is_banned(person) THEN 'banned' ELSE 'approval-ended' END;
        PERFORM auth.note_device_refusal(person, reason, client.client_id);
        RETURN auth.oauth_error(400, 'access_denied', 'The approval has ended', reason);
    END IF;
    issued_at := floor(extract(epoch FROM clock_timestamp()));
    token := auth.mint_access_token(person, session.id, issued_at, life,
        array_to_string(may, ' '), client.client_id, NULL);
    signer := auth.token_kid(token);
    UPDATE auth.sessions s SET expires_at = to_timestamp(issued_at + life), ip = request.ip,
        user_agent = request.user_agent, scopes = nullif(may, '{}'), kid = signer
    WHERE s.id = session.id;
    PERFORM auth.audit_as(person.id, person.email, person.id, person.email,
        '{"token": {"previous": null, "current": "issued"}}', NULL,
        jsonb_strip_nulls(jsonb_build_object('grant', 'device_code', 'clientId', client.client_id,
            'sessionId', session.id, 'scopes', nullif(may, '{}'),
            'expiresAt', auth.iso_time(to_timestamp(issued_at + life)))));
    RETURN ROW(true, 200, NULL, jsonb_strip_nulls(jsonb_build_object('access_token', token,
        'token_type', 'Bearer', 'expires_in', life,
        'scope', nullif(array_to_string(may, ' '), ''))))::auth.auth_result;
END
$$;
COMMENT ON FUNCTION auth.redeem_device_code(auth.device_codes, auth.public_clients, jsonb) IS
'Internal: the one token of an approved code, if the session that the approval opened still '
'stands.';

CREATE OR REPLACE FUNCTION auth.grant_device_code(request jsonb, client uuid, context jsonb)
    RETURNS auth.auth_result
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    most_interval constant integer := 60;
    held bigint;
    asker record;
    code auth.device_codes;
    at_time timestamptz;
BEGIN
    asker := auth.find_public_client(request, client);
    IF (asker.refused).ok IS NOT NULL THEN
        RETURN asker.refused;
    ELSIF NOT request ? 'device_code' THEN
        RETURN auth.oauth_error(400, 'invalid_request', 'device_code is missing');
    END IF;
    held := auth.hold_secret(sha256(convert_to(request->>'device_code', 'UTF8')));
    -- of two at once one waits for the other, and finds what that has left
    SELECT * INTO code FROM auth.device_codes d WHERE d.hash = auth.held_secret(held) FOR UPDATE;
    IF code.hash IS NULL OR code.client <> (asker.found_client).id THEN
        PERFORM auth.note_device_refusal(NULL, 'unknown-code', (asker.found_client).client_id);
        RETURN auth.oauth_error(400, 'invalid_grant', 'The device code is unknown or used',
            'unknown-code');
    END IF;
    -- now, not when it began to wait for the code
    at_time := clock_timestamp();
    IF code.expires_at <= at_time THEN
        RETURN auth.oauth_error(400, 'expired_token', 'The device code has expired');
    ELSIF code.decision = 'denied' THEN
        RETURN auth.oauth_error(400, 'access_denied', 'The person has denied it');
    ELSIF code.decision = 'approved' THEN
        RETURN auth.redeem_device_code(code, asker.found_client, context);
    ELSIF at_time < code.polled_at + code.poll_interval * interval '1 second' THEN
        UPDATE auth.device_codes d SET polled_at = at_time,
            poll_interval = least(d.poll_interval + 5, most_interval)
        WHERE d.hash = code.hash;
        RETURN auth.oauth_error(400, 'slow_down', 'Wait five seconds more from now on');
    END IF;
    UPDATE auth.device_codes d SET polled_at = at_time WHERE d.hash = code.hash;
    RETURN auth.oauth_error(400, 'authorization_pending', 'Nobody has decided yet');
END
$$;
COMMENT ON FUNCTION auth.grant_device_code(jsonb, uuid, jsonb) IS
'Internal: what became of a device code (RFC 8628, section 3.5): authorization_pending, slow_down, '
'access_denied, expired_token, or the token, once.';
