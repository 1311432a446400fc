-- What administrators do to sessions over an API.

CREATE OR REPLACE FUNCTION auth.user_sessions(user_id uuid DEFAULT NULL) RETURNS auth.auth_result
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    wanted uuid := coalesce(user_id, auth.uid());
    refused auth.auth_result;
    owner_email text;
BEGIN
    refused := CASE WHEN wanted IS DISTINCT FROM auth.uid()
        THEN auth.refusal_of_caller('AUDITOR', 'ADMIN') ELSE auth.refusal_of_caller() END;
    IF refused.ok IS NOT NULL THEN
        RETURN refused;
    END IF;
    SELECT u.email INTO owner_email FROM auth.users u WHERE u.id = wanted;
    IF NOT FOUND THEN
        RETURN auth.refusal(404, 'unknown-user', 'User not found');
    END IF;
    RETURN ROW(true, 200, NULL, jsonb_build_object('sessions', (
        SELECT coalesce(jsonb_agg(jsonb_build_object(
            'id', s.id, 'label', s.label, 'scopes', s.scopes, 'origin', s.origin, 'state', s.state,
            'createdAt', auth.iso_time(s.created_at), 'expiresAt', auth.iso_time(s.expires_at),
            'lastUsedAt', auth.iso_time(s.last_used_at),
            'revokedAt', auth.iso_time(s.revoked_at), 'revokeReason', s.revoke_reason, 'ip', s.ip,
            'userAgent', s.user_agent,
            'current', s.id IS NOT DISTINCT FROM auth.session_id())
                ORDER BY s.state = 'live' DESC, s.created_at DESC, s.id), '[]')
        FROM (SELECT * FROM auth.list_sessions(owner_email) AS l
              ORDER BY l.state = 'live' DESC, l.created_at DESC,
                  l.id LIMIT 1000) AS s)))::auth.auth_result;
END
$$;
COMMENT ON FUNCTION auth.user_sessions(uuid) IS
'The sessions of a principal: the caller''s own (NULL), or for AUDITOR and ADMIN anybody''s. 200 '
'with {sessions: [...]}, live ones first, then newest first, at most 1000; 401, 403, 404. state '
'and origin: see auth.list_sessions().';

CREATE OR REPLACE FUNCTION auth.end_session(session_id uuid, reason text DEFAULT NULL,
    context jsonb DEFAULT NULL) RETURNS auth.auth_result
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    is_admin boolean := (auth.refusal_of_caller('ADMIN')).ok IS NULL;
    refused auth.auth_result;
    owner_id uuid;
BEGIN
    IF NOT is_admin THEN
        refused := auth.refusal_of_caller();
    END IF;
    IF refused.ok IS NOT NULL THEN
        RETURN refused;
    ELSIF octet_length(reason) > 1000 THEN
        RETURN auth.bad_field('The request was refused', 'reason', 'has more than 1000 bytes');
    END IF;
    PERFORM auth.set_request_context(context);
    SELECT s.user_id INTO owner_id FROM auth.sessions s WHERE s.id = end_session.session_id;
    IF NOT FOUND OR NOT is_admin AND owner_id IS DISTINCT FROM auth.uid() THEN
        RETURN auth.refusal(404, 'unknown-session', 'Session not found');
    END IF;
    PERFORM auth.revoke_session(end_session.session_id, end_session.reason);
    RETURN ROW(true, 200, NULL, jsonb_build_object('success', true))::auth.auth_result;
END
$$;
COMMENT ON FUNCTION auth.end_session(uuid, text, jsonb) IS
'Ends one of the caller''s own sessions, for ADMIN anybody''s, with its tokens at the next '
'statement everywhere. 200 {success: true} also when it had ended before; 400 for a reason of more '
'than 1000 bytes; 401; 404 when there is none, or it is somebody else''s.';

CREATE OR REPLACE FUNCTION auth.issue_for(
    user_id uuid, ttl text DEFAULT '8760h', label text DEFAULT NULL, scopes text[] DEFAULT NULL,
        context jsonb DEFAULT NULL) RETURNS auth.auth_result
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    refused auth.auth_result := auth.refusal_of_caller('ADMIN');
    problem constant text := 'The token was refused';
    ttl_seconds bigint;
    principal auth.users;
    made record;
BEGIN
    IF refused.ok IS NOT NULL THEN
        RETURN refused;
    END IF;
    refused := auth.bad_terms(problem, ttl, scopes);
    IF refused.ok IS NOT NULL THEN
        RETURN refused;
    ELSIF octet_length(label) > 255 THEN
        RETURN auth.bad_field(problem, 'label', 'has more than 255 bytes');
    END IF;
    ttl_seconds := auth.parse_ttl(ttl);
    IF NOT EXISTS (SELECT FROM auth.signing_keys k WHERE k.state = 'in_use') THEN
        RETURN auth.refusal(409, 'no-signing-key', 'No signing key is in use');
    END IF;
    PERFORM auth.set_request_context(context);
    SELECT * INTO principal FROM auth.users u WHERE u.id = issue_for.user_id;
    principal := auth.adopted(principal); -- which may wait for a deletion
    IF principal.id IS NULL THEN
        RETURN auth.refusal(404, 'unknown-user', 'User not found');
    ELSIF principal.kind <> 'service_account' THEN
        RETURN auth.bad_field(problem, 'userId', 'must be that of a service account');
    ELSIF auth.is_banned(principal) THEN
        RETURN auth.refusal(409, 'banned', 'This account is banned');
    END IF;
    made := auth.open_session(principal, 'authenticated', ttl_seconds, label, scopes);
    RETURN ROW(true, 201, NULL, jsonb_build_object('token', made.token, 'sessionId',
        made.session_id,
        'expiresAt', auth.iso_time(made.expires_at)))::auth.auth_result;
END
$$;
COMMENT ON FUNCTION auth.issue_for(uuid, text, text, text[], jsonb) IS
'For callers with the app role ADMIN: mints a token for a service account, on the roster or not; '
'what the roster says of it (kind) holds. 201 with {token, sessionId, expiresAt}; 400 naming the '
'bad field, also for a person; 401; 403; 404; 409 when it is banned or no signing key is in use. '
'ttl, label and scopes: see auth.issue().';
