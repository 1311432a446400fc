-- Minting, sessions, bans.

CREATE OR REPLACE FUNCTION auth.parse_ttl(ttl text) RETURNS bigint
LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pg_principal_parse_ttl';
COMMENT ON FUNCTION auth.parse_ttl(text) IS
'Seconds in a time to live: a whole number above zero and h, d or y (1y = 365d = 8760h). 22023 for anything else and for more than pg_principal.max_token_ttl.';

CREATE OR REPLACE FUNCTION auth.sign_token(claims jsonb) RETURNS text
LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'pg_principal_sign_token';
COMMENT ON FUNCTION auth.sign_token(jsonb) IS
'Internal: the claims as a JWT (RFC 7519) under the key in use. 55000 when there is none. Whoever may call this may be anybody.';

CREATE OR REPLACE FUNCTION auth.mint_token(
    principal auth.users, role text, session_id uuid, issued_at bigint, ttl_seconds bigint, scopes text, method text, signed_in_at bigint) RETURNS text
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'pg_principal_mint_token';
COMMENT ON FUNCTION auth.mint_token(auth.users, text, uuid, bigint, bigint, text, text, bigint) IS
'Internal: a token with Supabase''s claims for a session that is there; scopes separated by spaces, times in seconds since 1970. The principal is NULL for a project key.';

CREATE OR REPLACE FUNCTION auth.open_session(
    principal auth.users, role text, ttl_seconds bigint, label text, scopes text[],
    OUT token text, OUT session_id uuid, OUT expires_at timestamptz) RETURNS record
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    issued_at bigint := floor(extract(epoch FROM clock_timestamp()));
BEGIN
    IF octet_length(label) > 255 THEN
        PERFORM auth.raise_error('label_too_long', octet_length(label)::text);
    END IF;
    PERFORM auth.raise_error('scope_malformed', coalesce(s, 'NULL'))
    FROM unnest(scopes) AS s WHERE (s ~ '^[]!#-[^-~]{1,255}$') IS NOT TRUE LIMIT 1;
    session_id := gen_random_uuid();
    expires_at := to_timestamp(issued_at + ttl_seconds);
    INSERT INTO auth.sessions (id, user_id, role, generation, label, scopes, created_at, expires_at)
    VALUES (session_id, principal.id, role, coalesce(principal.session_generation, 0), label, scopes, clock_timestamp(), expires_at);
    token := auth.mint_token(principal, role, session_id, issued_at, ttl_seconds, array_to_string(scopes, ' '), 'issued', issued_at);
    PERFORM auth.audit(coalesce(principal.id, auth.nobody()), principal.email,
        '{"token": {"previous": null, "current": "issued"}}', NULL,
        jsonb_strip_nulls(jsonb_build_object('sessionId', session_id, 'role', role, 'label', label, 'scopes', scopes,
            'expiresAt', auth.iso_time(expires_at))));
END
$$;
COMMENT ON FUNCTION auth.open_session(auth.users, text, bigint, text, text[]) IS
'Internal: a session with the one token that is issued for it, and the audit entry of both. The principal is NULL for a project key.';

CREATE OR REPLACE FUNCTION auth.issue_token(
    INOUT email text, ttl text DEFAULT '8760h', label text DEFAULT NULL, scopes text[] DEFAULT NULL,
    OUT token text, OUT session_id uuid, OUT kind text, OUT ttl_seconds bigint, OUT expires_at timestamptz) RETURNS record
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    principal auth.users;
BEGIN
    IF btrim(coalesce(email, '')) = '' THEN
        PERFORM auth.raise_error('email_missing');
    END IF;
    ttl_seconds := auth.parse_ttl(coalesce(ttl, ''));
    IF NOT EXISTS (SELECT FROM auth.signing_keys k WHERE k.state = 'in_use') THEN
        PERFORM auth.raise_error('token_not_signed');
    END IF;
    email := auth.known_email(email);
    IF NOT EXISTS (SELECT FROM auth.organization_people o WHERE o.email = issue_token.email) THEN
        PERFORM auth.raise_error('roster_row_missing', email);
    END IF;
    SELECT * INTO principal FROM auth.users u WHERE u.email = issue_token.email;
    IF (principal.banned_until > now()) IS NOT TRUE THEN
        principal := auth.adopted(principal); -- which may wait: for a ban, a deletion
    END IF;
    IF principal.id IS NULL THEN
        PERFORM auth.raise_error('user_missing', email);
    ELSIF principal.banned_until > clock_timestamp() THEN
        PERFORM auth.raise_error('user_banned', email, to_char(principal.banned_until AT TIME ZONE 'UTC', 'YYYY-MM-DD'));
    END IF;
    kind := principal.kind;
    SELECT s.token, s.session_id, s.expires_at INTO token, session_id, expires_at
    FROM auth.open_session(principal, 'authenticated', ttl_seconds, label, scopes) AS s;
END
$$;
COMMENT ON FUNCTION auth.issue_token(text, text, text, text[]) IS
'Mints a token for a principal on the roster, however it was made, and tells what auth.issue() does not: its session, kind, seconds to live and end. From then on leaving the roster bans it. Refused, in this order: no email (22023), bad ttl (22023), no signing key (55000), no roster row (42704), no auth.users row (42704), banned (55000).';

CREATE OR REPLACE FUNCTION auth.issue(email text, ttl text DEFAULT '8760h', label text DEFAULT NULL, scopes text[] DEFAULT NULL) RETURNS text
LANGUAGE sql SECURITY DEFINER
BEGIN ATOMIC
    SELECT t.token FROM auth.issue_token(issue.email, issue.ttl, issue.label, issue.scopes) AS t;
END;
COMMENT ON FUNCTION auth.issue(text, text, text, text[]) IS
'Mints a JWT (RFC 7519) for a principal on the roster. ttl: 24h, 90d, 1y, at most pg_principal.max_token_ttl; label: what the operator will know the session by; scopes: what auth.has_scope() answers true to. Errors as auth.issue_token().';

CREATE OR REPLACE FUNCTION auth.issue_key(
    role text, ttl text DEFAULT '8760h', label text DEFAULT NULL,
    OUT email text, OUT token text, OUT session_id uuid, OUT kind text, OUT ttl_seconds bigint, OUT expires_at timestamptz) RETURNS record
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF role IS NULL OR role NOT IN ('anon', 'service_role') THEN
        PERFORM auth.raise_error('key_role_unknown', coalesce(role, 'NULL'));
    END IF;
    ttl_seconds := auth.parse_ttl(coalesce(ttl, ''));
    kind := role;
    SELECT s.token, s.session_id, s.expires_at INTO token, session_id, expires_at
    FROM auth.open_session(NULL, role, ttl_seconds, label, NULL) AS s;
END
$$;
COMMENT ON FUNCTION auth.issue_key(text, text, text) IS
'Mints a project key: a token for the role anon or service_role, of no principal, listed (auth.list_sessions(NULL)) and revoked like any other.';

CREATE OR REPLACE FUNCTION auth.read_adoptable_key(token text, OUT session_id uuid, OUT role text, OUT expires_at timestamptz) RETURNS record
LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'pg_principal_read_adoptable_key';
COMMENT ON FUNCTION auth.read_adoptable_key(text) IS
'Internal: what a project key from elsewhere says, once a key of this database has verified it, and the session that stands for it. 22023 with the reason when it cannot be adopted.';

CREATE OR REPLACE FUNCTION auth.adopt_key(
    token text, until timestamptz DEFAULT NULL, label text DEFAULT NULL, OUT session_id uuid, OUT role text, OUT expires_at timestamptz) RETURNS record
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    seen record;
BEGIN
    seen := auth.read_adoptable_key(coalesce(adopt_key.token, ''));
    session_id := seen.session_id;
    role := seen.role;
    expires_at := least(seen.expires_at, until);
    IF octet_length(label) > 255 THEN
        PERFORM auth.raise_error('label_too_long', octet_length(label)::text);
    ELSIF expires_at IS NULL OR NOT isfinite(expires_at) THEN
        PERFORM auth.raise_error('key_not_adopted', 'it never expires: say until when');
    ELSIF expires_at <= clock_timestamp() THEN
        PERFORM auth.raise_error('key_not_adopted', 'it would end in the past');
    END IF;
    INSERT INTO auth.sessions AS s (id, role, label, origin, created_at, expires_at)
    VALUES (adopt_key.session_id, adopt_key.role, adopt_key.label, 'adopted', clock_timestamp(), adopt_key.expires_at)
    ON CONFLICT (id) DO UPDATE SET expires_at = excluded.expires_at, label = coalesce(excluded.label, s.label)
    WHERE s.revoked_at IS NULL;
    IF NOT FOUND THEN
        PERFORM auth.raise_error('key_not_adopted', 'it was revoked');
    END IF;
    PERFORM auth.audit(auth.nobody(), NULL, '{"token": {"previous": null, "current": "adopted"}}', NULL,
        jsonb_strip_nulls(jsonb_build_object('sessionId', session_id, 'role', role, 'label', label, 'expiresAt', auth.iso_time(expires_at))));
END
$$;
COMMENT ON FUNCTION auth.adopt_key(text, timestamptz, text) IS
'For operators: lets a project key from elsewhere (Supabase''s legacy anon or service_role, a JWT without a session) be used as it is, until the end that it has or an earlier one. Its signature must verify under a key of this database: import its secret first. From then on it is a session, listed (auth.list_sessions(NULL)) and revoked like any other; adopted again, it gets another end. 22023 with the reason when it cannot be: not signed by a key of ours, neither anon nor service_role, a user''s, expired, without any end, revoked here.';

CREATE OR REPLACE FUNCTION auth.session_state(s auth.sessions, session_generation integer, banned_until timestamptz, r auth.refresh_tokens) RETURNS text
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT CASE
        WHEN (session_state.s).revoked_at IS NOT NULL THEN coalesce((session_state.s).revoked_as, 'revoked')
        WHEN session_state.session_generation <> (session_state.s).generation OR session_state.banned_until > clock_timestamp() THEN 'banned'
        WHEN least((session_state.s).expires_at, (session_state.r).expires_at) <= clock_timestamp() THEN 'expired'
        ELSE 'live'
    END;
END;
COMMENT ON FUNCTION auth.session_state(auth.sessions, integer, timestamptz, auth.refresh_tokens) IS
'Internal: live, or what ended a session; given its principal''s generation and ban, and its refresh token if it has one.';

CREATE OR REPLACE FUNCTION auth.list_sessions(
    email text, OUT id uuid, OUT label text, OUT scopes text[], OUT role text, OUT created_at timestamptz, OUT expires_at timestamptz,
    OUT revoked_at timestamptz, OUT revoke_reason text, OUT state text, OUT origin text, OUT last_used_at timestamptz, OUT ip text,
    OUT user_agent text) RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER
BEGIN ATOMIC
    SELECT s.id, s.label, s.scopes, s.role, s.created_at, least(s.expires_at, r.expires_at, CASE WHEN r.session_id IS NULL AND s.expires_at = 'infinity' THEN s.revoked_at END), s.revoked_at, s.revoke_reason,
        auth.session_state(s, u.session_generation, u.banned_until, r), s.origin,
        greatest(s.last_used_at, CASE WHEN r.generation > 1 THEN r.created_at END), s.ip, s.user_agent
    FROM auth.sessions s LEFT JOIN auth.users u ON u.id = s.user_id LEFT JOIN auth.refresh_tokens r ON r.session_id = s.id
    WHERE (u.email = lower(btrim(list_sessions.email) COLLATE "C"))
       OR (list_sessions.email IS NULL AND s.user_id IS NULL)
    ORDER BY s.created_at, s.id;
END;
COMMENT ON FUNCTION auth.list_sessions(text) IS
'The sessions of a principal, or with NULL those of the project keys, oldest first. state: live, expired, banned (ended by a ban, lifted or not), revoked, signed_out, password_rotated, or reuse (a used refresh token was shown again). origin: issued, adopted (auth.adopt_key()), or sign_in, whose expires_at moves with each refresh.';

CREATE OR REPLACE FUNCTION auth.row_holders(tbl regclass, "row" tid) RETURNS SETOF integer
LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'pg_principal_row_holders';
COMMENT ON FUNCTION auth.row_holders(regclass, tid) IS 'Internal: other backends whose open transactions hold a row of a table.';

CREATE OR REPLACE FUNCTION auth.lock_holders(target uuid, all_rows boolean, open_since timestamptz) RETURNS SETOF integer
LANGUAGE sql VOLATILE
BEGIN ATOMIC
    SELECT DISTINCT h.pid
    FROM (SELECT 'auth.users'::regclass AS tbl, u.ctid FROM auth.users u WHERE u.id = lock_holders.target
          UNION ALL SELECT 'auth.sign_in_attempts', t.ctid FROM auth.sign_in_attempts t
              WHERE t.user_id = lock_holders.target AND lock_holders.all_rows
          UNION ALL SELECT 'auth.refresh_tokens', r.ctid FROM auth.refresh_tokens r JOIN auth.sessions s ON s.id = r.session_id
              WHERE s.user_id = lock_holders.target AND lock_holders.all_rows
          UNION ALL SELECT 'auth.audit_heads', d.ctid FROM auth.audit_heads d WHERE d.user_id = lock_holders.target
          UNION ALL SELECT 'auth.sessions', s.ctid FROM auth.sessions s WHERE s.user_id = lock_holders.target) AS x,
        LATERAL auth.row_holders(x.tbl, x.ctid) AS h (pid)
        JOIN pg_stat_activity a ON a.pid = h.pid JOIN pg_roles o ON o.oid = a.usesysid
    WHERE NOT o.rolsuper AND (a.xact_start > lock_holders.open_since) IS NOT TRUE;
END;
COMMENT ON FUNCTION auth.lock_holders(uuid, boolean, timestamptz) IS
'Internal: backends of roles that are no superuser whose transactions, open since then or longer, hold rows of a principal; all_rows: or of its counted sign-ins and refresh tokens.';

CREATE OR REPLACE FUNCTION auth.take_hold(target uuid, all_rows boolean DEFAULT false) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    callers_timeout text := current_setting('lock_timeout');
    began timestamptz := clock_timestamp();
    patience interval := '1 second';
    is_circle boolean;
    holder integer;
BEGIN
    LOOP
        BEGIN
            -- in the line, not past it: among many who come and go, a turn comes
            PERFORM set_config('lock_timeout', (1000 * extract(epoch FROM patience))::integer::text, true);
            PERFORM FROM auth.sign_in_attempts a WHERE all_rows AND a.user_id = target ORDER BY a.source FOR UPDATE;
            PERFORM FROM auth.users u WHERE u.id = target FOR NO KEY UPDATE;
            PERFORM FROM auth.refresh_tokens r JOIN auth.sessions s ON s.id = r.session_id
            WHERE all_rows AND s.user_id = target ORDER BY r.session_id FOR UPDATE OF r;
            PERFORM FROM auth.audit_heads h WHERE h.user_id = target FOR NO KEY UPDATE;
            PERFORM FROM auth.sessions s WHERE s.user_id = target AND s.revoked_at IS NULL ORDER BY s.id FOR NO KEY UPDATE;
            PERFORM set_config('lock_timeout', callers_timeout, true);
            RETURN;
        EXCEPTION
            WHEN lock_not_available THEN is_circle := false;
            WHEN deadlock_detected THEN is_circle := true;
        END;
        FOR holder IN
            SELECT h FROM auth.lock_holders(target, all_rows,
                CASE WHEN is_circle THEN 'infinity' ELSE clock_timestamp() - interval '1 second' END) AS h
        LOOP
            PERFORM pg_terminate_backend(holder);
            RAISE NOTICE 'ended backend %, whose open transaction held up the end of a principal''s sessions', holder;
        END LOOP;
        IF NOT FOUND THEN
            -- a superuser's are waited for, and whoever came only now
            IF is_circle THEN
                RAISE deadlock_detected USING MESSAGE = 'deadlock detected';
            ELSIF callers_timeout <> '0' AND clock_timestamp() - began > callers_timeout::interval THEN
                RAISE lock_not_available USING MESSAGE = 'canceling statement due to lock timeout';
            END IF;
            patience := interval '1 second' + current_setting('deadlock_timeout')::interval; -- long enough to see a circle
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION auth.take_hold(uuid, boolean) IS
'Internal: locks a principal, its audit and its sessions. Nobody holds up their own ban by a transaction left open: after a second the backends whose transactions are older than that and hold any of them are ended, unless a superuser''s. all_rows: its counted sign-ins and refresh tokens, too, for who deletes them. Others leave them: a sign-in holds the former while it waits for the principal.';

CREATE OR REPLACE FUNCTION auth.revoke_session(id uuid, reason text DEFAULT NULL) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    owner_id uuid;
    owner_email text;
    actor record := auth.audit_actor(); -- now: the session may be the caller's own
BEGIN
    -- before sessions, in the order of who changes a password
    PERFORM auth.take_hold(s.user_id) FROM auth.sessions s WHERE s.id = revoke_session.id AND s.revoked_at IS NULL;
    UPDATE auth.sessions s SET revoked_at = clock_timestamp(), revoked_as = 'revoked', revoke_reason = reason
    WHERE s.id = revoke_session.id AND s.revoked_at IS NULL RETURNING s.user_id INTO owner_id;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    SELECT u.email INTO owner_email FROM auth.users u WHERE u.id = owner_id;
    IF actor.id IS NULL THEN
        PERFORM auth.audit(coalesce(owner_id, auth.nobody()), owner_email,
            '{"session": {"previous": "active", "current": "revoked"}}', reason, jsonb_build_object('sessionId', revoke_session.id));
    ELSE
        PERFORM auth.audit_as(actor.id, actor.email, coalesce(owner_id, auth.nobody()), owner_email,
            '{"session": {"previous": "active", "current": "revoked"}}', reason, jsonb_build_object('sessionId', revoke_session.id));
    END IF;
    RETURN true;
END
$$;
COMMENT ON FUNCTION auth.revoke_session(uuid, text) IS
'Ends one session and its tokens at the next statement everywhere. False when there is none, or it was ended before.';

CREATE OR REPLACE FUNCTION auth.ban(email text, duration interval DEFAULT '100 years', reason text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    who text := auth.known_email(ban.email);
BEGIN
    -- an interval of months and days that cancel out may be above zero and yet end in the past
    IF duration IS NULL OR duration <= interval '0' OR auth.later(now(), duration) <= now() THEN
        PERFORM auth.raise_error('ban_duration_invalid', coalesce(duration::text, 'NULL'));
    END IF;
    PERFORM auth.take_hold(u.id) FROM auth.users u WHERE u.email = who;
    UPDATE auth.users u
    SET banned_until = auth.later(clock_timestamp(), duration), ban_origin = 'operator', ban_reason = reason, updated_at = now()
    WHERE u.email = who;
    IF NOT FOUND THEN
        PERFORM auth.raise_error('user_missing', coalesce(ban.email, 'NULL'));
    END IF;
END
$$;
COMMENT ON FUNCTION auth.ban(text, interval, text) IS
'Refuses the principal for that long (a day has 24 hours, whatever TimeZone says), and ends every token it has for good, at the next statement everywhere. Who holds up the ban by an open transaction, unless a superuser, is disconnected after a second. 42704 when there is no such principal, 22023 when duration is not above zero.';

CREATE OR REPLACE FUNCTION auth.unban(email text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE auth.users u SET banned_until = NULL, updated_at = now()
    WHERE u.email = auth.known_email(unban.email);
    IF NOT FOUND THEN
        PERFORM auth.raise_error('user_missing', coalesce(unban.email, 'NULL'));
    END IF;
END
$$;
COMMENT ON FUNCTION auth.unban(text) IS
'Lifts a ban, whoever made it. New tokens can be minted; those from before the ban stay dead. After a ban of auth.provision() so does what proved the person: see there. 42704 when there is no such principal.';
