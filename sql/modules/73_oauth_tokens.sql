-- What a token is worth now (RFC 7662), its end (RFC 7009), and where everything is (RFC 8414,
-- 9728).

CREATE OR REPLACE FUNCTION auth.examine_token(token text, OUT refused text, OUT claims jsonb)
    RETURNS record
LANGUAGE c VOLATILE STRICT COST 10 AS 'MODULE_PATHNAME', 'pg_principal_examine_token';
COMMENT ON FUNCTION auth.examine_token(text) IS
'Internal: what a live token says, or why it is dead. Binds nothing.';

CREATE OR REPLACE FUNCTION auth.find_refresh_session(refresh_token text,
    OUT session auth.sessions, OUT principal auth.users, OUT expires_at timestamptz,
    OUT is_used boolean) RETURNS record
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    given constant record := auth.read_refresh_token(refresh_token);
    held constant bigint := auth.hold_secret(given.hash);
    seen constant record := auth.judge_refresh(given.fault, given.session_id, given.generation,
        given.is_ours, held);
BEGIN
    IF seen.known AND (seen.reason IS NULL OR seen.reason = 'refresh-id-mismatch') THEN
        SELECT * INTO session FROM auth.sessions s WHERE s.id = given.session_id;
        principal := seen.principal;
        expires_at := seen.expires_at;
        is_used := given.generation < seen.stored_generation;
    END IF;
END
$$;
COMMENT ON FUNCTION auth.find_refresh_session(text) IS
'Internal: the live session whose refresh token this is, the present one or (is_used) one that was '
'exchanged before; NULLs when it is none.';

CREATE OR REPLACE FUNCTION auth.oauth_introspect(request jsonb, basic_id text DEFAULT NULL,
    basic_secret text DEFAULT NULL, bearer text DEFAULT NULL, context jsonb DEFAULT NULL)
    RETURNS auth.auth_result
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    client record;
    caller record;
    seen record;
    refreshable record;
BEGIN
    PERFORM auth.set_request_context(context);
    IF bearer IS NOT NULL AND auth.shows_client(request, basic_id) THEN
        RETURN auth.oauth_error(400, 'invalid_request',
            'The client authenticates itself in more than one way');
    END IF;
    client := auth.authenticate_client(request, basic_id, basic_secret);
    IF (client.refused).ok IS NOT NULL THEN
        RETURN client.refused;
    ELSIF (client.principal).id IS NULL THEN
        IF bearer IS NULL THEN
            RETURN auth.oauth_error(401, 'invalid_client', 'The caller must authenticate itself');
        END IF;
        caller := auth.examine_token(bearer);
        IF caller.claims IS NULL OR caller.claims->>'role' = 'anon' THEN
            RETURN auth.oauth_error(401, 'invalid_token', 'The caller''s token is not valid',
                caller.refused);
        END IF;
    END IF;
    IF request->>'token' IS NULL THEN
        RETURN auth.oauth_error(400, 'invalid_request', 'token is missing');
    END IF;
    seen := auth.examine_token(request->>'token');
    IF seen.claims IS NOT NULL THEN
        RETURN ROW(true, 200, NULL, jsonb_strip_nulls(jsonb_build_object('active', true,
            'token_type', 'Bearer', 'scope', seen.claims->'scope',
            'client_id', seen.claims->'client_id', 'username', seen.claims->'email',
            'sub', seen.claims->'sub', 'iss', seen.claims->'iss', 'aud', seen.claims->'aud',
            'exp', seen.claims->'exp', 'iat', seen.claims->'iat', 'nbf', seen.claims->'nbf',
            'jti', seen.claims->'jti', 'act', seen.claims->'act', 'role', seen.claims->'role',
            'session_id', seen.claims->'session_id')))::auth.auth_result;
    END IF;
    refreshable := auth.find_refresh_session(request->>'token');
    IF (refreshable.session).id IS NULL OR refreshable.is_used THEN
        RETURN ROW(true, 200, NULL, '{"active": false}')::auth.auth_result;
    END IF;
    RETURN ROW(true, 200, NULL, jsonb_build_object('active', true,
        'username', (refreshable.principal).email, 'sub', (refreshable.principal).id,
        'iss', current_setting('pg_principal.issuer'),
        'exp', floor(extract(epoch FROM refreshable.expires_at))::bigint,
        'iat', (SELECT floor(extract(epoch FROM r.created_at))::bigint -- of the last exchange
            FROM auth.refresh_tokens r WHERE r.session_id = (refreshable.session).id),
        'session_id', (refreshable.session).id))::auth.auth_result;
END
$$;
COMMENT ON FUNCTION auth.oauth_introspect(jsonb, text, text, text, jsonb) IS
'Token introspection (RFC 7662) by a client with its secret, or by whoever has a live token that '
'is not the project key anon (bearer). 200 with {"active": true, ...} for an access token or '
'refresh token that is alive now, whatever ended or banned it since it was issued, else {"active": '
'false}.';

CREATE OR REPLACE FUNCTION auth.end_shown_session(session auth.sessions,
    actor_id uuid DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM auth.leave_sessions(session.user_id, (SELECT u.email FROM auth.users u
        WHERE u.id = session.user_id), 'local', session.id,
        jsonb_build_object('sessionId', session.id, 'by', 'token revocation'), actor_id);
END
$$;
COMMENT ON FUNCTION auth.end_shown_session(auth.sessions, uuid) IS
'Internal: ends the session of a token for whoever shows it, actor_id or the principal itself, '
'whoever holds its row.';

CREATE OR REPLACE FUNCTION auth.oauth_revoke(request jsonb, basic_id text DEFAULT NULL,
    basic_secret text DEFAULT NULL, context jsonb DEFAULT NULL) RETURNS auth.auth_result
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    client record;
    seen record;
    session auth.sessions;
    named constant text := request->>'client_id';
BEGIN
    PERFORM auth.set_request_context(context);
    client := auth.authenticate_client(request, basic_id, basic_secret);
    IF (client.refused).ok IS NOT NULL THEN
        RETURN client.refused;
    ELSIF request->>'token' IS NULL THEN
        RETURN auth.oauth_error(400, 'invalid_request', 'token is missing');
    END IF;
    seen := auth.examine_token(request->>'token');
    IF seen.claims IS NULL THEN
        seen := auth.examine_may_act(request->>'token');
    END IF;
    IF seen.claims IS NOT NULL THEN
        SELECT * INTO session FROM auth.sessions s WHERE s.id = (seen.claims->>'session_id')::uuid;
        IF session.user_id IS NULL THEN -- anon is in every page
            RETURN auth.oauth_error(400, 'unsupported_token_type',
                'Project keys are revoked by operators');
        END IF;
    ELSE
        -- a used one, too: whoever lost the answer to its exchange has no other
        session := (auth.find_refresh_session(request->>'token')).session;
    END IF;
    IF session.id IS NULL THEN
        RETURN ROW(true, 200, NULL, NULL)::auth.auth_result; -- dead already, or never alive
    ELSIF (client.principal).id <> session.user_id
        AND (client.principal).id <> ALL (coalesce(session.agents, '{}')) THEN
        RETURN auth.oauth_error(400, 'invalid_grant', 'The token is not the client''s',
            'another-client');
    -- got by a secret or key, or by an agent with a token, its second parent, that was; of others
    -- whoever holds it is all that anybody ever showed
    ELSIF (client.principal).id IS NULL AND seen.claims->'may_act' IS NULL AND (
        EXISTS (SELECT FROM auth.sessions s WHERE s.id IN (session.id, session.parents[2])
            AND (EXISTS (SELECT FROM auth.client_secrets c
                WHERE c.user_id = s.user_id AND c.id = s.credential_id)
            OR EXISTS (SELECT FROM auth.client_keys k
                WHERE k.user_id = s.user_id AND k.id = s.credential_id)))
        OR session.agents IS NULL AND EXISTS (SELECT FROM auth.public_clients c
            WHERE c.id = ANY (session.grants) AND c.client_id IS DISTINCT FROM named)) THEN
        RETURN auth.oauth_error(401, 'invalid_client', 'The client must authenticate itself');
    END IF;
    -- a token that is lent may be shown by who lent it
    PERFORM auth.end_shown_session(session, coalesce((client.principal).id,
        CASE WHEN seen.claims->'may_act' IS NULL THEN session.agents[1] END));
    RETURN ROW(true, 200, NULL, NULL)::auth.auth_result;
END
$$;
COMMENT ON FUNCTION auth.oauth_revoke(jsonb, text, text, jsonb) IS
'Token revocation (RFC 7009): ends the session of an access or refresh token, also of a refresh '
'token that was exchanged before, for whoever shows it; of a token that a client got with a secret '
'or key, and of one that an agent got with such a token, for that client, and of one that an '
'application got by a device code, for who names it in client_id. From the next statement on every '
'token of the session is refused everywhere. 200 also for a token that is dead or unknown.';

CREATE OR REPLACE FUNCTION auth.oauth_metadata(document text, path text DEFAULT '')
    RETURNS auth.auth_result
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    issuer text := current_setting('pg_principal.issuer');
    origin text := auth.issuer_origin();
    methods jsonb := '["client_secret_basic", "client_secret_post", "private_key_jwt"]';
    algs jsonb := auth.signature_algorithms();
    told jsonb;
BEGIN
    IF origin IS NULL OR path IS DISTINCT FROM
        (CASE document WHEN 'oauth-protected-resource' THEN '/api'
            ELSE rtrim(substr(issuer, length(origin) + 1), '/') END) THEN
        RETURN auth.refusal(404, 'no-such-issuer', 'pg_principal.issuer is not this URL');
    ELSIF document = 'oauth-protected-resource' THEN
        RETURN ROW(true, 200, NULL, jsonb_build_object('resource', origin || '/api',
            'resource_name', 'pg_principal', 'authorization_servers', jsonb_build_array(issuer),
            -- no scopes_supported: clients with a secret of their own would ask for all of them
            'bearer_methods_supported', '["header"]'::jsonb))::auth.auth_result;
    END IF;
    told := jsonb_build_object('issuer', issuer,
        -- some clients believe no document without it; there it is told that there are no codes
        'authorization_endpoint', origin || '/oauth/authorize',
        'token_endpoint', origin || '/oauth/token',
        'token_endpoint_auth_methods_supported', methods || '["none"]',
        'token_endpoint_auth_signing_alg_values_supported', algs,
        'introspection_endpoint', origin || '/oauth/introspect',
        'introspection_endpoint_auth_methods_supported', methods || '["Bearer"]',
        'introspection_endpoint_auth_signing_alg_values_supported', algs,
        'device_authorization_endpoint', origin || '/oauth/device_authorization',
        'revocation_endpoint', origin || '/oauth/revoke',
        'revocation_endpoint_auth_methods_supported', methods || '["none"]',
        'revocation_endpoint_auth_signing_alg_values_supported', algs,
        'jwks_uri', origin || '/.well-known/jwks.json',
        -- required, and never an empty list (RFC 8414, sections 2 and 3.2)
        'response_types_supported', '["none"]'::jsonb,
        'grant_types_supported', '["client_credentials", "refresh_token",
            "urn:ietf:params:oauth:grant-type:jwt-bearer",
            "urn:ietf:params:oauth:grant-type:token-exchange",
            "urn:ietf:params:oauth:grant-type:device_code"]'::jsonb);
    -- of applications without a secret: whoever names one is told them anyway
    told := told || coalesce((SELECT jsonb_build_object('scopes_supported',
            jsonb_agg(DISTINCT s COLLATE "C"))
        FROM auth.public_clients c, unnest(c.scopes) AS s HAVING count(*) > 0), '{}');
    IF document = 'openid-configuration' THEN
        told := told || jsonb_build_object('subject_types_supported', '["public"]'::jsonb,
            -- verifiers take no others: what a key signed before another was activated lives on
            'id_token_signing_alg_values_supported', coalesce((SELECT jsonb_agg(DISTINCT k.alg)
                FROM auth.signing_keys k WHERE k.state <> 'revoked'), '["HS256"]'));
    END IF;
    RETURN ROW(true, 200, NULL, told)::auth.auth_result;
END
$$;
COMMENT ON FUNCTION auth.oauth_metadata(text, text) IS
'What clients find endpoints by: oauth-authorization-server (RFC 8414), openid-configuration, or '
'oauth-protected-resource (RFC 9728) of /api. Scopes are those of auth.register_client(). '
'path: what follows the document''s name in the '
'request. 404 unless pg_principal.issuer is a URL of that path: who finds another issuer''s name '
'there must not believe it.';
