-- The token endpoint (RFC 6749, as RFC 9700 narrows it). Refusals are answers, as in
-- 68_sign_in.sql.

CREATE OR REPLACE FUNCTION auth.mint_access_token(
    principal auth.users, session_id uuid, issued_at bigint, ttl_seconds bigint, scopes text,
    client_id text, act jsonb) RETURNS text
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'pg_principal_mint_access_token';
COMMENT ON FUNCTION auth.mint_access_token(auth.users, uuid, bigint, bigint, text, text, jsonb) IS
'Internal: an access token as RFC 9068 has it, with the claims of auth.mint_token() but amr, and '
'client_id.';

CREATE OR REPLACE FUNCTION auth.oauth_error(status integer, code text, description text,
    reason text DEFAULT NULL) RETURNS auth.auth_result
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
    SELECT ROW(false, oauth_error.status, coalesce(oauth_error.reason, oauth_error.code),
        jsonb_build_object('error', oauth_error.code, 'error_description',
            oauth_error.description))::auth.auth_result;
END;
COMMENT ON FUNCTION auth.oauth_error(integer, text, text, text) IS
'Internal: a refusal as RFC 6749, section 5.2 has it; reason is for the operator.';

CREATE OR REPLACE FUNCTION auth.refuse_client(principal auth.users, reason text,
    detail text DEFAULT NULL) RETURNS auth.auth_result
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM auth.count_up('auth.client.failures', reason);
    IF auth.audit_failure(coalesce(principal.id, auth.nobody()), principal.email,
        jsonb_build_object('client', jsonb_build_object('previous', NULL, 'current', 'refused',
            'reason', reason)), reason, CASE WHEN detail IS NOT NULL
                THEN jsonb_build_object('detail', detail) END,
            reason IN ('banned', 'expired-secret', 'replayed-assertion')) THEN
        PERFORM auth.log_event(jsonb_build_object('event', 'auth.client.failure', 'userId',
            principal.id, 'reason', reason,
            'metadata', jsonb_strip_nulls(jsonb_build_object('detail', detail, 'ip',
                (auth.request_context()).ip))));
    END IF;
    RETURN auth.oauth_error(401, 'invalid_client', 'Client authentication failed', reason);
END
$$;
COMMENT ON FUNCTION auth.refuse_client(auth.users, text, text) IS
'Internal: counts, audits and logs a refused client. Who it is proven to be, and why it was '
'refused, only the operator learns.';

CREATE OR REPLACE FUNCTION auth.judge_client_secret(client_id text, secret text,
    OUT principal auth.users, OUT scopes text[], OUT credential_id uuid, OUT ends timestamptz,
    OUT fault text, OUT detail text) RETURNS record
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    held bigint;
    wanted constant uuid := auth.uuid_of(client_id);
    found_client record;
    found_secret record;
BEGIN
    held := auth.hold_secret(sha256(convert_to(coalesce(secret, ''), 'UTF8')));
    SELECT * INTO found_client FROM auth.known_client(wanted);
    IF NOT FOUND THEN
        fault := 'unknown-client';
        RETURN;
    END IF;
    principal := found_client.principal;
    scopes := found_client.scopes;
    SELECT s.id, s.expires_at INTO found_secret FROM auth.client_secrets s
    WHERE s.user_id = wanted AND auth.equal_secrets(auth.held_secret(held), s.hash);
    IF NOT FOUND THEN
        fault := 'wrong-secret';
    ELSIF found_secret.expires_at <= clock_timestamp() THEN
        fault := 'expired-secret';
    ELSIF auth.is_banned(principal) THEN
        fault := 'banned';
    END IF;
    credential_id := found_secret.id;
    ends := found_secret.expires_at;
END
$$;
COMMENT ON FUNCTION auth.judge_client_secret(text, text) IS
'Internal: whose client secret it is, or the fault: unknown-client, wrong-secret, expired-secret, '
'banned. Guessing 256 random bits is hopeless, so a wrong one locks nobody out.';

CREATE OR REPLACE FUNCTION auth.shows_client(request jsonb, basic_id text) RETURNS boolean
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC -- becomes part of the expression that asks
    SELECT shows_client.basic_id IS NOT NULL
        OR coalesce(shows_client.request ?| '{client_secret,client_assertion}', false);
END;
COMMENT ON FUNCTION auth.shows_client(jsonb, text) IS
'Internal: whether a request says which client it comes from, and shows what proves it.';

CREATE OR REPLACE FUNCTION auth.authenticate_client(request jsonb, basic_id text,
    basic_secret text, OUT principal auth.users, OUT scopes text[], OUT credential_id uuid,
    OUT ends timestamptz, OUT refused auth.auth_result) RETURNS record
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    judged record;
    ways integer := (basic_id IS NOT NULL)::integer
        + coalesce((request ? 'client_secret')::integer + (request ? 'client_assertion')::integer,
            0);
BEGIN
    IF ways > 1 THEN
        refused := auth.oauth_error(400, 'invalid_request',
            'The client authenticates itself in more than one way');
        RETURN;
    ELSIF basic_id IS NOT NULL AND request ? 'client_id'
        AND request->>'client_id' <> basic_id THEN
        refused := auth.oauth_error(400, 'invalid_request',
            'client_id is another than that of the Authorization header');
        RETURN;
    ELSIF NOT auth.shows_client(request, basic_id) THEN
        RETURN; -- nobody says who they are
    ELSIF request ? 'client_assertion' THEN
        judged := auth.judge_client_assertion(request);
    ELSE
        judged := auth.judge_client_secret(coalesce(basic_id, request->>'client_id'),
            CASE WHEN basic_id IS NULL THEN request->>'client_secret' ELSE basic_secret END);
    END IF;
    IF judged.fault IS NOT NULL THEN
        refused := auth.refuse_client(judged.principal, judged.fault, left(judged.detail, 300));
        RETURN;
    END IF;
    principal := judged.principal;
    scopes := judged.scopes;
    credential_id := judged.credential_id;
    ends := judged.ends;
END
$$;
COMMENT ON FUNCTION auth.authenticate_client(jsonb, text, text) IS
'Internal: the client that a request comes from (client_secret_basic, client_secret_post, '
'private_key_jwt), or why it is refused; all NULL when it shows neither a secret nor an assertion.';

CREATE OR REPLACE FUNCTION auth.common_scopes(a text[], b text[]) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN ARRAY(SELECT s FROM unnest(a) WITH ORDINALITY AS u (s, n) WHERE s = ANY (b) ORDER BY n);
END
$$;
COMMENT ON FUNCTION auth.common_scopes(text[], text[]) IS 'Internal: those that are in both.';

CREATE OR REPLACE FUNCTION auth.narrowed_scopes(asked text, may text[]) RETURNS text[]
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC -- becomes part of the statement that asks
    SELECT CASE WHEN coalesce(narrowed_scopes.asked, '') = '' THEN narrowed_scopes.may
        ELSE auth.common_scopes(narrowed_scopes.may, string_to_array(narrowed_scopes.asked, ' '))
        END;
END;
COMMENT ON FUNCTION auth.narrowed_scopes(text, text[]) IS
'Internal: of the scopes that may be had those that are asked for; all of them when none is.';

CREATE OR REPLACE FUNCTION auth.refuse_scopes(may text[]) RETURNS auth.auth_result
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
    SELECT auth.oauth_error(400, 'invalid_scope', 'None of these scopes may be had: '
        || coalesce(left('there are ' || nullif(array_to_string(refuse_scopes.may, ' '), ''), 500),
            'there are none'));
END;
COMMENT ON FUNCTION auth.refuse_scopes(text[]) IS
'Internal: the refusal of scopes none of which is among those that may be had.';

CREATE OR REPLACE FUNCTION auth.open_access(
    principal auth.users, credential_id uuid, scopes text[], ttl_seconds bigint,
    no_later timestamptz,
    client_id text, metadata jsonb) RETURNS auth.auth_result
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    new_id uuid := gen_random_uuid();
    issued_at bigint := floor(extract(epoch FROM clock_timestamp()));
    life bigint := CASE WHEN isfinite(no_later) THEN least(ttl_seconds,
        floor(extract(epoch FROM no_later))::bigint - issued_at) ELSE ttl_seconds END;
    ends timestamptz := to_timestamp(issued_at + life);
    request record := auth.request_context();
    token text;
    signer text;
BEGIN
    IF life < 1 THEN
        RETURN auth.oauth_error(400, 'invalid_grant', 'It has ended', 'expired');
    END IF;
    -- of an earlier session_generation than a ban that runs beside this it is dead from its birth
    token := auth.mint_access_token(principal, new_id, issued_at, life,
        array_to_string(scopes, ' '), client_id, NULL);
    signer := auth.token_kid(token);
    INSERT INTO auth.sessions (id, user_id, generation, origin, scopes, created_at, expires_at, ip,
        user_agent, credential_id, kid)
    VALUES (new_id, principal.id, principal.session_generation, 'oauth', nullif(scopes, '{}'),
        clock_timestamp(), ends, request.ip, request.user_agent, open_access.credential_id,
        signer);
    PERFORM auth.audit_as(principal.id, principal.email, principal.id, principal.email,
        '{"token": {"previous": null, "current": "issued"}}', NULL,
        jsonb_strip_nulls(metadata || jsonb_build_object('sessionId', new_id, 'scopes',
            nullif(scopes, '{}'), 'expiresAt', auth.iso_time(ends))));
    RETURN ROW(true, 200, NULL, jsonb_strip_nulls(jsonb_build_object('access_token', token,
        'token_type', 'Bearer', 'expires_in', life,
        'scope', nullif(array_to_string(scopes, ' '), ''))))::auth.auth_result;
END
$$;
COMMENT ON FUNCTION auth.open_access(auth.users, uuid, text[], bigint, timestamptz, text, jsonb) IS
'Internal: a session with the one access token that is got for it, which ends no later than what '
'it was got with, as the token endpoint answers.';
