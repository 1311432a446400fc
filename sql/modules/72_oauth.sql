-- The token endpoint (RFC 6749, as RFC 9700 narrows it). Refusals are answers, as in 68_sign_in.sql.

CREATE OR REPLACE FUNCTION auth.mint_access_token(
    principal auth.users, session_id uuid, issued_at bigint, ttl_seconds bigint, scopes text,
    client_id text, act jsonb) RETURNS text
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'pg_principal_mint_access_token';
COMMENT ON FUNCTION auth.mint_access_token(auth.users, uuid, bigint, bigint, text, text, jsonb) IS
'Internal: an access token as RFC 9068 has it, with the claims of auth.mint_token() and client_id.';

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

CREATE OR REPLACE FUNCTION auth.refuse_client(principal auth.users, reason text)
    RETURNS auth.auth_result
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM auth.count_up('auth.client.failures', reason);
    IF auth.audit_failure(coalesce(principal.id, auth.nobody()), principal.email,
        jsonb_build_object('client', jsonb_build_object('previous', NULL, 'current', 'refused',
            'reason', reason)), reason, NULL, reason IN ('banned', 'expired-secret')) THEN
        PERFORM auth.log_event(jsonb_build_object('event', 'auth.client.failure', 'userId',
            principal.id, 'reason', reason,
            'metadata', jsonb_build_object('ip', (auth.request_context()).ip)));
    END IF;
    RETURN auth.oauth_error(401, 'invalid_client', 'Client authentication failed', reason);
END
$$;
COMMENT ON FUNCTION auth.refuse_client(auth.users, text) IS
'Internal: counts, audits and logs a refused client. Who it is proven to be, and why it was '
'refused, only the operator learns.';

CREATE OR REPLACE FUNCTION auth.judge_client_secret(client_id text, secret text,
    OUT principal auth.users, OUT scopes text[], OUT credential_id uuid, OUT fault text)
    RETURNS record
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    held bigint;
    wanted uuid;
    found_secret record;
BEGIN
    held := auth.hold_secret(sha256(convert_to(coalesce(secret, ''), 'UTF8')));
    IF client_id ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN
        wanted := client_id::uuid;
    END IF;
    SELECT u AS found_user, c.scopes AS may INTO found_secret
    FROM auth.users u
        JOIN auth.clients c ON c.user_id = u.id AND c.owner_generation = u.owner_generation
    WHERE u.id = wanted AND u.kind = 'service_account';
    IF NOT FOUND THEN
        fault := 'unknown-client';
        RETURN;
    END IF;
    principal := found_secret.found_user;
    scopes := found_secret.may;
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
END
$$;
COMMENT ON FUNCTION auth.judge_client_secret(text, text) IS
'Internal: whose client secret it is, or the fault: unknown-client, wrong-secret, expired-secret, '
'banned. Guessing 256 random bits is hopeless, so a wrong one locks nobody out.';

CREATE OR REPLACE FUNCTION auth.authenticate_client(request jsonb, basic_id text,
    basic_secret text, OUT principal auth.users, OUT scopes text[], OUT credential_id uuid,
    OUT refused auth.auth_result) RETURNS record
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    judged record;
BEGIN
    IF basic_id IS NOT NULL AND (request ? 'client_secret'
        OR request->>'client_id' IS DISTINCT FROM basic_id AND request ? 'client_id') THEN
        refused := auth.oauth_error(400, 'invalid_request',
            'The client authenticates itself in more than one way');
        RETURN;
    ELSIF basic_id IS NULL AND NOT request ? 'client_secret' THEN
        RETURN; -- nobody says who they are
    END IF;
    judged := auth.judge_client_secret(coalesce(basic_id, request->>'client_id'),
        CASE WHEN basic_id IS NULL THEN request->>'client_secret' ELSE basic_secret END);
    IF judged.fault IS NOT NULL THEN
        refused := auth.refuse_client(judged.principal, judged.fault);
        RETURN;
    END IF;
    principal := judged.principal;
    scopes := judged.scopes;
    credential_id := judged.credential_id;
END
$$;
COMMENT ON FUNCTION auth.authenticate_client(jsonb, text, text) IS
'Internal: the client that a request comes from (client_secret_basic, client_secret_post), or why '
'it is refused; all NULL when it shows no secret.';

CREATE OR REPLACE FUNCTION auth.narrowed_scopes(asked text, may text[]) RETURNS text[]
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
    SELECT CASE WHEN coalesce(narrowed_scopes.asked, '') = '' THEN narrowed_scopes.may
        ELSE ARRAY(SELECT m FROM unnest(narrowed_scopes.may) WITH ORDINALITY AS u (m, n)
            WHERE m = ANY (string_to_array(narrowed_scopes.asked, ' ')) ORDER BY n) END;
END;
COMMENT ON FUNCTION auth.narrowed_scopes(text, text[]) IS
'Internal: of the scopes that may be had those that are asked for; all of them when none is.';

CREATE OR REPLACE FUNCTION auth.open_access(
    principal auth.users, credential_id uuid, scopes text[], ttl_seconds bigint, client_id text,
    metadata jsonb) RETURNS auth.auth_result
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    new_id uuid := gen_random_uuid();
    issued_at bigint := floor(extract(epoch FROM clock_timestamp()));
    ends timestamptz := to_timestamp(issued_at + ttl_seconds);
    request record := auth.request_context();
    token text;
BEGIN
    -- of an earlier session_generation than a ban that runs beside this it is dead from its birth
    INSERT INTO auth.sessions (id, user_id, generation, origin, scopes, created_at, expires_at, ip,
        user_agent, credential_id)
    VALUES (new_id, principal.id, principal.session_generation, 'oauth', nullif(scopes, '{}'),
        clock_timestamp(), ends, request.ip, request.user_agent, open_access.credential_id);
    token := auth.mint_access_token(principal, new_id, issued_at, ttl_seconds,
        array_to_string(scopes, ' '), client_id, NULL);
    PERFORM auth.audit_as(principal.id, principal.email, principal.id, principal.email,
        '{"token": {"previous": null, "current": "issued"}}', NULL,
        jsonb_strip_nulls(metadata || jsonb_build_object('sessionId', new_id, 'scopes',
            nullif(scopes, '{}'), 'expiresAt', auth.iso_time(ends))));
    RETURN ROW(true, 200, NULL, jsonb_strip_nulls(jsonb_build_object('access_token', token,
        'token_type', 'Bearer', 'expires_in', ttl_seconds,
        'scope', nullif(array_to_string(scopes, ' '), ''))))::auth.auth_result;
END
$$;
COMMENT ON FUNCTION auth.open_access(auth.users, uuid, text[], bigint, text, jsonb) IS
'Internal: a session with the one access token that is got for it, as the token endpoint answers.';

CREATE OR REPLACE FUNCTION auth.grant_refresh(refresh_token text, client uuid, context jsonb)
    RETURNS auth.auth_result
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    given record;
    result auth.auth_result;
BEGIN
    IF client IS NOT NULL THEN
        given := auth.read_refresh_token(refresh_token);
        IF NOT EXISTS (SELECT FROM auth.sessions s WHERE s.id = given.session_id
            AND s.user_id = client) THEN
            RETURN auth.oauth_error(400, 'invalid_grant', 'The refresh token is not the client''s',
                'another-client');
        END IF;
    END IF;
    result := auth.refresh(refresh_token, context);
    IF NOT result.ok THEN
        RETURN auth.oauth_error(400, 'invalid_grant', 'The refresh token is not valid',
            result.reason);
    END IF;
    result.payload := jsonb_build_object('access_token', result.payload->'tokens'->'accessToken',
        'token_type', 'Bearer',
        'expires_in', result.payload->'tokens'->'accessTokenExpiresIn',
        'refresh_token', result.payload->'tokens'->'refreshToken');
    RETURN result;
END
$$;
COMMENT ON FUNCTION auth.grant_refresh(text, uuid, jsonb) IS
'Internal: auth.refresh() as the token endpoint answers. Sessions of a sign-in have no client: who '
'shows none is asked for none.';

CREATE OR REPLACE FUNCTION auth.oauth_token(request jsonb, basic_id text DEFAULT NULL,
    basic_secret text DEFAULT NULL, context jsonb DEFAULT NULL) RETURNS auth.auth_result
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    grant_type text := request->>'grant_type';
    client record;
    scopes text[];
BEGIN
    PERFORM auth.set_request_context(context);
    IF grant_type IS NULL THEN
        RETURN auth.oauth_error(400, 'invalid_request', 'grant_type is missing');
    ELSIF grant_type NOT IN ('client_credentials', 'refresh_token') THEN
        RETURN auth.oauth_error(400, 'unsupported_grant_type', 'This grant_type is not offered');
    ELSIF grant_type = 'refresh_token' AND NOT request ? 'refresh_token' THEN
        RETURN auth.oauth_error(400, 'invalid_request', 'refresh_token is missing');
    END IF;
    client := auth.authenticate_client(request, basic_id, basic_secret);
    IF (client.refused).ok IS NOT NULL THEN
        RETURN client.refused;
    ELSIF grant_type = 'refresh_token' THEN
        RETURN auth.grant_refresh(request->>'refresh_token', (client.principal).id, context);
    ELSIF (client.principal).id IS NULL THEN
        RETURN auth.oauth_error(401, 'invalid_client', 'The client must authenticate itself');
    END IF;
    scopes := auth.narrowed_scopes(request->>'scope', client.scopes);
    IF scopes = '{}' AND coalesce(request->>'scope', '') <> '' THEN
        RETURN auth.oauth_error(400, 'invalid_scope', 'None of these scopes may be had');
    END IF;
    -- whoever revokes the secret waits, and ends this session too
    PERFORM FROM auth.client_secrets s WHERE s.id = client.credential_id
        AND s.expires_at > clock_timestamp() FOR KEY SHARE;
    IF NOT FOUND THEN
        RETURN auth.refuse_client(client.principal, 'wrong-secret');
    END IF;
    RETURN auth.open_access(client.principal, client.credential_id, scopes,
        auth.requested_ttl(context, 'accessTokenTtl', 'access_token_ttl'),
        (client.principal).id::text, jsonb_build_object('grant', grant_type,
            'secretId', client.credential_id));
END
$$;
COMMENT ON FUNCTION auth.oauth_token(jsonb, text, text, jsonb) IS
'The token endpoint: a request''s fields, the client_id and secret of its Authorization: Basic, and '
'a context as for auth.sign_in(). grant_type client_credentials (for service accounts, see '
'auth.create_client_secret()) or refresh_token. 200 with access_token, token_type, expires_in, '
'scope, refresh_token; else 400 or 401 with error and error_description (RFC 6749, section 5.2). '
'Call it in a transaction of its own: a rollback takes back the audit entry and the counter of a '
'refusal.';
