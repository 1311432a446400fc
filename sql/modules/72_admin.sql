-- What administrators and auditors do over an API. Each function judges its caller by itself; refusals are answers.

CREATE OR REPLACE FUNCTION auth.ban_user(
    user_id uuid, duration interval DEFAULT '100 years', reason text DEFAULT NULL, context jsonb DEFAULT NULL) RETURNS auth.auth_result
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    refused auth.auth_result := auth.refusal_of_caller('ADMIN');
    target auth.users;
BEGIN
    IF refused.ok IS NOT NULL THEN
        RETURN refused;
    ELSIF duration IS NULL OR duration <= interval '0' OR duration > interval '1000 years'
        OR auth.later(now(), duration) <= now() THEN
        RETURN auth.bad_field('The ban was refused', 'duration', 'must be above zero and at most 1000 years');
    ELSIF octet_length(reason) > 1000 THEN
        RETURN auth.bad_field('The ban was refused', 'reason', 'has more than 1000 bytes');
    ELSIF user_id = auth.uid() THEN
        RETURN auth.refusal(409, 'own-account', 'You cannot ban yourself');
    END IF;
    PERFORM auth.set_request_context(context);
    PERFORM auth.take_hold(ban_user.user_id); -- before the email is read: another may be changing it
    SELECT * INTO target FROM auth.users u WHERE u.id = ban_user.user_id;
    IF NOT FOUND THEN
        RETURN auth.refusal(404, 'unknown-user', 'User not found');
    ELSIF NOT auth.keep_an_admin(target.id) THEN
        RETURN auth.refusal(409, 'last-admin', 'This is the last ADMIN');
    END IF;
    PERFORM auth.ban(target.email, duration, reason);
    SELECT * INTO target FROM auth.users u WHERE u.id = ban_user.user_id;
    RETURN ROW(true, 200, NULL, jsonb_build_object('user', auth.user_json(target)))::auth.auth_result;
END
$$;
COMMENT ON FUNCTION auth.ban_user(uuid, interval, text, jsonb) IS
'For callers with the app role ADMIN: auth.ban() of a principal by its id, for at most 1000 years. 200 with the profile, 400 for a bad duration or a reason of more than 1000 bytes, 401, 403, 404, 409 for one''s own account or the last ADMIN.';

CREATE OR REPLACE FUNCTION auth.unban_user(user_id uuid, context jsonb DEFAULT NULL) RETURNS auth.auth_result
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    refused auth.auth_result := auth.refusal_of_caller('ADMIN');
    target auth.users;
BEGIN
    IF refused.ok IS NOT NULL THEN
        RETURN refused;
    END IF;
    PERFORM auth.set_request_context(context);
    SELECT * INTO target FROM auth.users u WHERE u.id = unban_user.user_id FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN auth.refusal(404, 'unknown-user', 'User not found');
    END IF;
    PERFORM auth.unban(target.email);
    SELECT * INTO target FROM auth.users u WHERE u.id = unban_user.user_id;
    RETURN ROW(true, 200, NULL, jsonb_build_object('user', auth.user_json(target)))::auth.auth_result;
END
$$;
COMMENT ON FUNCTION auth.unban_user(uuid, jsonb) IS
'For callers with the app role ADMIN: auth.unban() of a principal by its id; 200 with the profile also when it was not banned, 401, 403, 404.';

CREATE OR REPLACE FUNCTION auth.delete_user(user_id uuid, context jsonb DEFAULT NULL) RETURNS auth.auth_result
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    refused auth.auth_result := auth.refusal_of_caller('ADMIN');
BEGIN
    IF refused.ok IS NOT NULL THEN
        RETURN refused;
    ELSIF user_id = auth.uid() THEN
        RETURN auth.refusal(409, 'own-account', 'You cannot delete yourself');
    END IF;
    PERFORM auth.set_request_context(context);
    IF EXISTS (SELECT FROM auth.users u JOIN auth.organization_people o ON o.email = u.email WHERE u.id = delete_user.user_id) THEN
        RETURN auth.refusal(409, 'on-roster', 'This user is on the roster: remove that row first, or ban the user');
    END IF;
    PERFORM auth.take_hold(u.id, true) FROM auth.users u WHERE u.id = delete_user.user_id;
    IF NOT auth.keep_an_admin(delete_user.user_id) THEN
        RETURN auth.refusal(409, 'last-admin', 'This is the last ADMIN');
    END IF;
    DELETE FROM auth.users u WHERE u.id = delete_user.user_id;
    IF NOT FOUND THEN
        RETURN auth.refusal(404, 'unknown-user', 'User not found');
    END IF;
    RETURN ROW(true, 200, NULL, jsonb_build_object('success', true))::auth.auth_result;
END
$$;
COMMENT ON FUNCTION auth.delete_user(uuid, jsonb) IS
'For callers with the app role ADMIN: takes a principal away with its sessions; its audit stays. 200 {success: true}, 401, 403, 404, 409 for one''s own account, for the last ADMIN, and for somebody on the roster, whom the next auth.provision() would make anew under another id: auth.remove_person() first.';

CREATE OR REPLACE FUNCTION auth.user_sessions(user_id uuid DEFAULT NULL) RETURNS auth.auth_result
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    wanted uuid := coalesce(user_id, auth.uid());
    refused auth.auth_result;
    owner_email text;
BEGIN
    refused := CASE WHEN wanted IS DISTINCT FROM auth.uid() THEN auth.refusal_of_caller('AUDITOR', 'ADMIN') ELSE auth.refusal_of_caller() END;
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
            'createdAt', auth.iso_time(s.created_at), 'expiresAt', auth.iso_time(s.expires_at), 'lastUsedAt', auth.iso_time(s.last_used_at),
            'revokedAt', auth.iso_time(s.revoked_at), 'revokeReason', s.revoke_reason, 'ip', s.ip, 'userAgent', s.user_agent,
            'current', s.id IS NOT DISTINCT FROM auth.session_id()) ORDER BY s.state = 'live' DESC, s.created_at DESC, s.id), '[]')
        FROM (SELECT * FROM auth.list_sessions(owner_email) AS l
              ORDER BY l.state = 'live' DESC, l.created_at DESC, l.id LIMIT 1000) AS s)))::auth.auth_result;
END
$$;
COMMENT ON FUNCTION auth.user_sessions(uuid) IS
'The sessions of a principal: the caller''s own (NULL), or for AUDITOR and ADMIN anybody''s. 200 with {sessions: [...]}, live ones first, then newest first, at most 1000; 401, 403, 404. state and origin: see auth.list_sessions().';

CREATE OR REPLACE FUNCTION auth.end_session(session_id uuid, reason text DEFAULT NULL, context jsonb DEFAULT NULL) RETURNS auth.auth_result
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
    PERFORM auth.revoke_session(end_session.session_id, reason);
    RETURN ROW(true, 200, NULL, jsonb_build_object('success', true))::auth.auth_result;
END
$$;
COMMENT ON FUNCTION auth.end_session(uuid, text, jsonb) IS
'Ends one of the caller''s own sessions, for ADMIN anybody''s, with its tokens at the next statement everywhere. 200 {success: true} also when it had ended before; 400 for a reason of more than 1000 bytes; 401; 404 when there is none, or it is somebody else''s.';

CREATE OR REPLACE FUNCTION auth.issue_for(
    user_id uuid, ttl text DEFAULT '8760h', label text DEFAULT NULL, scopes text[] DEFAULT NULL, context jsonb DEFAULT NULL) RETURNS auth.auth_result
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
    BEGIN
        ttl_seconds := auth.parse_ttl(coalesce(ttl, ''));
    EXCEPTION WHEN invalid_parameter_value THEN
        RETURN auth.bad_field(problem, 'ttl', 'must be a whole number above zero and h, d or y, at most '
            || current_setting('pg_principal.max_token_ttl'));
    END;
    IF octet_length(label) > 255 THEN
        RETURN auth.bad_field(problem, 'label', 'has more than 255 bytes');
    ELSIF EXISTS (SELECT FROM unnest(scopes) AS s WHERE (s ~ '^[]!#-[^-~]{1,255}$') IS NOT TRUE) THEN
        RETURN auth.bad_field(problem, 'scopes', 'must have 1 to 255 printable ASCII characters each, without space, quote and backslash');
    ELSIF NOT EXISTS (SELECT FROM auth.signing_keys k WHERE k.state = 'in_use') THEN
        RETURN auth.refusal(409, 'no-signing-key', 'No signing key is in use');
    END IF;
    PERFORM auth.set_request_context(context);
    SELECT * INTO principal FROM auth.users u WHERE u.id = issue_for.user_id;
    principal := auth.adopted(principal); -- which may wait: for a ban, a deletion
    IF principal.id IS NULL THEN
        RETURN auth.refusal(404, 'unknown-user', 'User not found');
    ELSIF principal.kind <> 'service_account' THEN
        RETURN auth.bad_field(problem, 'userId', 'must be that of a service account');
    ELSIF auth.is_banned(principal) THEN
        RETURN auth.refusal(409, 'banned', 'This account is banned');
    END IF;
    made := auth.open_session(principal, 'authenticated', ttl_seconds, label, scopes);
    RETURN ROW(true, 201, NULL, jsonb_build_object('token', made.token, 'sessionId', made.session_id,
        'expiresAt', auth.iso_time(made.expires_at)))::auth.auth_result;
END
$$;
COMMENT ON FUNCTION auth.issue_for(uuid, text, text, text[], jsonb) IS
'For callers with the app role ADMIN: mints a token for a service account, on the roster or not; what the roster says of it (kind) holds. 201 with {token, sessionId, expiresAt}; 400 naming the bad field, also for a person; 401; 403; 404; 409 when it is banned or no signing key is in use. ttl, label and scopes: see auth.issue().';

CREATE OR REPLACE FUNCTION auth.bad_page(entries integer) RETURNS auth.auth_result
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
    SELECT r.* FROM (SELECT (auth.bad_field('The page was refused', 'limit', 'must be a whole number between 1 and 100')).*) AS r
    WHERE (bad_page.entries BETWEEN 1 AND 100) IS NOT TRUE;
END;
COMMENT ON FUNCTION auth.bad_page(integer) IS 'Internal: the refusal of a page''s size; NULL when it is between 1 and 100.';

CREATE OR REPLACE FUNCTION auth.audit_feed(
    entries integer DEFAULT 20, cursor text DEFAULT NULL, of_user uuid DEFAULT NULL, everyone boolean DEFAULT false) RETURNS auth.auth_result
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    of_others boolean := coalesce(everyone, false) OR of_user IS NOT NULL AND of_user IS DISTINCT FROM auth.uid();
    refused auth.auth_result := CASE WHEN of_others THEN auth.refusal_of_caller('AUDITOR', 'ADMIN') ELSE auth.refusal_of_caller() END;
    found_entries jsonb;
    last_cursor text;
BEGIN
    -- looked at here: a call would be planned anew each time
    IF refused.ok IS NULL AND (entries BETWEEN 1 AND 100) IS NOT TRUE THEN
        refused := auth.bad_page(entries);
    END IF;
    IF refused.ok IS NOT NULL THEN
        RETURN refused;
    END IF;
    SELECT coalesce(jsonb_agg(jsonb_build_object(
            'id', a.id, 'userId', a.user_id, 'actorId', a.actor_id, 'actorEmail', a.actor_email, 'actorName', a.actor_name,
            'changes', a.changes, 'createdAt', auth.iso_time(a.created_at))
            || CASE WHEN of_others THEN jsonb_build_object('reason', a.reason, 'metadata', a.metadata, 'ip', a.ip, 'userAgent', a.user_agent)
                ELSE '{}' END ORDER BY a.ordinality), '[]'),
        max(a.next_cursor) FILTER (WHERE a.ordinality = entries)
    INTO found_entries, last_cursor
    FROM auth.audits(entries, cursor, of_user, everyone) WITH ORDINALITY AS a;
    RETURN ROW(true, 200, NULL, jsonb_build_object('audits', found_entries, 'nextCursor', last_cursor))::auth.auth_result;
EXCEPTION WHEN invalid_parameter_value THEN
    RETURN auth.bad_field('The page was refused', 'cursor', 'must be the nextCursor of an earlier page');
END
$$;
COMMENT ON FUNCTION auth.audit_feed(integer, text, uuid, boolean) IS
'auth.audits() as an API shows it: 200 with {audits: [{id, userId, actorId, actorEmail, actorName, changes, createdAt}], nextCursor}, of others also reason, metadata, ip and userAgent; nextCursor is null on the last page. 400 for a bad limit or cursor, 401, 403 for another''s audit without AUDITOR or ADMIN.';

CREATE OR REPLACE FUNCTION auth.incidents_feed(entries integer DEFAULT 20, cursor text DEFAULT NULL, of_user uuid DEFAULT NULL) RETURNS auth.auth_result
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    refused auth.auth_result := auth.refusal_of_caller('AUDITOR', 'ADMIN');
    after text[] := regexp_match(cursor, '^(-?[0-9]{1,17})[.]([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$');
    after_time timestamptz := 'epoch'::timestamptz + after[1]::bigint * interval '1 microsecond';
    after_id uuid := after[2];
    found_incidents jsonb;
    last_cursor text;
BEGIN
    -- looked at here: a call would be planned anew each time
    IF refused.ok IS NULL AND (entries BETWEEN 1 AND 100) IS NOT TRUE THEN
        refused := auth.bad_page(entries);
    END IF;
    IF refused.ok IS NOT NULL THEN
        RETURN refused;
    ELSIF cursor IS NOT NULL AND after IS NULL THEN
        RETURN auth.bad_field('The page was refused', 'cursor', 'must be the nextCursor of an earlier page');
    END IF;
    SELECT coalesce(jsonb_agg(jsonb_build_object(
            'id', i.id, 'kind', i.kind, 'userId', i.user_id, 'email', i.email, 'reason', i.reason, 'metadata', i.metadata,
            'createdAt', auth.iso_time(i.created_at), 'detectedAt', auth.iso_time(i.detected_at), 'resolvedAt', auth.iso_time(i.resolved_at))
            ORDER BY i.created_at DESC, i.id DESC), '[]'),
        CASE WHEN count(*) = entries THEN
            (array_agg(format('%s.%s', (extract(epoch FROM i.created_at) * 1000000)::bigint, i.id) ORDER BY i.created_at, i.id))[1] END
    INTO found_incidents, last_cursor
    FROM (SELECT * FROM auth.incidents o
          WHERE (cursor IS NULL OR (o.created_at, o.id) < (after_time, after_id)) AND (of_user IS NULL OR o.user_id = of_user)
          ORDER BY o.created_at DESC, o.id DESC LIMIT entries) AS i;
    RETURN ROW(true, 200, NULL, jsonb_build_object('incidents', found_incidents, 'nextCursor', last_cursor))::auth.auth_result;
END
$$;
COMMENT ON FUNCTION auth.incidents_feed(integer, text, uuid) IS
'For AUDITOR and ADMIN: incidents of agents, newest first, of all or of one (of_user), reported by a scan or not yet. 200 with {incidents: [{id, kind, userId, email, reason, metadata, createdAt, detectedAt, resolvedAt}], nextCursor}; 400 for a bad limit or cursor, 401, 403.';
