-- Tokens: minted for principals, for project keys, and taken over from elsewhere.

CREATE OR REPLACE FUNCTION auth.parse_ttl(ttl text) RETURNS bigint
LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pg_principal_parse_ttl';
COMMENT ON FUNCTION auth.parse_ttl(text) IS
'Seconds in a time to live: a whole number above zero and h, d or y (1y = 365d = 8760h). 22023 for '
'anything else and for more than pg_principal.max_token_ttl.';

CREATE OR REPLACE FUNCTION auth.sign_token(claims jsonb) RETURNS text
LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'pg_principal_sign_token';
COMMENT ON FUNCTION auth.sign_token(jsonb) IS
'Internal: the claims as a JWT (RFC 7519) under the key in use. 55000 when there is none. Whoever '
'may call this may be anybody.';

CREATE OR REPLACE FUNCTION auth.token_kid(token text) RETURNS text
LANGUAGE c IMMUTABLE STRICT AS 'MODULE_PATHNAME', 'pg_principal_token_kid';
COMMENT ON FUNCTION auth.token_kid(text) IS
'Internal: the key that a token says it is signed with; NULL when it names none.';

CREATE OR REPLACE FUNCTION auth.mint_token(
    principal auth.users, role text, session_id uuid, issued_at bigint, ttl_seconds bigint,
        scopes text, method text, signed_in_at bigint) RETURNS text
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'pg_principal_mint_token';
COMMENT ON FUNCTION auth.mint_token(auth.users, text, uuid, bigint, bigint, text, text, bigint) IS
'Internal: a token with Supabase''s claims for a session that is there; scopes separated by '
'spaces, times in seconds since 1970. The principal is NULL for a project key.';

CREATE OR REPLACE FUNCTION auth.open_session(
    principal auth.users, role text, ttl_seconds bigint, label text, scopes text[],
    OUT token text, OUT session_id uuid, OUT expires_at timestamptz) RETURNS record
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    issued_at bigint := floor(extract(epoch FROM clock_timestamp()));
    signer text;
BEGIN
    IF octet_length(label) > 255 THEN
        PERFORM auth.raise_error('label_too_long', octet_length(label)::text);
    END IF;
    PERFORM auth.raise_error('scope_malformed', coalesce(s, 'NULL'))
    FROM unnest(scopes) AS s WHERE (s ~ '^[]!#-[^-~]{1,255}$') IS NOT TRUE LIMIT 1;
    IF scopes IS NOT NULL THEN
        scopes := ARRAY(SELECT s FROM unnest(scopes) AS s); -- of one dimension, as they are told
    END IF;
    session_id := gen_random_uuid();
    expires_at := to_timestamp(issued_at + ttl_seconds);
    token := auth.mint_token(principal, role, session_id, issued_at, ttl_seconds,
        array_to_string(scopes, ' '), 'issued', issued_at);
    signer := auth.token_kid(token); -- no parameter of a statement, which may be logged, is a token
    INSERT INTO auth.sessions (id, user_id, role, generation, label, scopes, created_at, expires_at,
        kid)
    VALUES (session_id, principal.id, role, coalesce(principal.session_generation, 0), label,
        scopes, clock_timestamp(), expires_at, signer);
    PERFORM auth.audit(coalesce(principal.id, auth.nobody()), principal.email,
        '{"token": {"previous": null, "current": "issued"}}', NULL,
        jsonb_strip_nulls(jsonb_build_object('sessionId', session_id, 'role', role, 'label', label,
            'scopes', scopes,
            'expiresAt', auth.iso_time(expires_at))));
END
$$;
COMMENT ON FUNCTION auth.open_session(auth.users, text, bigint, text, text[]) IS
'Internal: a session with the one token that is issued for it, and the audit entry of both. The '
'principal is NULL for a project key.';

CREATE OR REPLACE FUNCTION auth.issue_token(
    INOUT email text, ttl text DEFAULT '8760h', label text DEFAULT NULL, scopes text[] DEFAULT NULL,
    OUT token text, OUT session_id uuid, OUT kind text, OUT ttl_seconds bigint,
        OUT expires_at timestamptz) RETURNS record
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
    SELECT s.* INTO principal FROM auth.users u, auth.standing(u) AS s
    WHERE u.email = issue_token.email;
    IF (principal.banned_until > now()) IS NOT TRUE THEN
        principal := auth.adopted(principal); -- which may wait for a deletion
    END IF;
    IF principal.id IS NULL THEN
        PERFORM auth.raise_error('user_missing', email);
    ELSIF principal.banned_until > clock_timestamp() THEN
        PERFORM auth.raise_error('user_banned', email,
            coalesce(to_char(principal.banned_until AT TIME ZONE 'UTC',
                'YYYY-MM-DD"T"HH24:MI:SS"Z"'), 'infinity'));
    END IF;
    kind := principal.kind;
    SELECT s.token, s.session_id, s.expires_at INTO token, session_id, expires_at
    FROM auth.open_session(principal, 'authenticated', ttl_seconds, label, scopes) AS s;
END
$$;
COMMENT ON FUNCTION auth.issue_token(text, text, text, text[]) IS
'Mints a token for a principal on the roster, however it was made, and tells what auth.issue() '
'does not: its session, kind, seconds to live and end. From then on leaving the roster bans it. '
'Refused, in this order: no email (22023), bad ttl (22023), no signing key (55000), no roster row '
'(42704), no auth.users row (42704), banned (55000).';

CREATE OR REPLACE FUNCTION auth.issue(email text, ttl text DEFAULT '8760h', label text DEFAULT NULL,
    scopes text[] DEFAULT NULL) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (auth.issue_token(issue.email, issue.ttl, issue.label, issue.scopes)).token;
END
$$;
COMMENT ON FUNCTION auth.issue(text, text, text, text[]) IS
'Mints a JWT (RFC 7519) for a principal on the roster. ttl: 24h, 90d, 1y, at most '
'pg_principal.max_token_ttl; label: what the operator will know the session by; scopes: what '
'auth.has_scope() answers true to. Errors as auth.issue_token().';

CREATE OR REPLACE FUNCTION auth.issue_key(
    role text, ttl text DEFAULT '8760h', label text DEFAULT NULL,
    OUT email text, OUT token text, OUT session_id uuid, OUT kind text, OUT ttl_seconds bigint,
        OUT expires_at timestamptz) RETURNS record
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
'Mints a project key: a token for the role anon or service_role, of no principal, listed '
'(auth.list_sessions(NULL)) and revoked like any other.';

CREATE OR REPLACE FUNCTION auth.read_adoptable_key(token text, OUT session_id uuid, OUT role text,
    OUT expires_at timestamptz) RETURNS record
LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'pg_principal_read_adoptable_key';
COMMENT ON FUNCTION auth.read_adoptable_key(text) IS
'Internal: what a project key from elsewhere says, once a key of this database has verified it, '
'and the session that stands for it. 22023 with the reason when it cannot be adopted.';

CREATE OR REPLACE FUNCTION auth.adopt_key(
    token text, until timestamptz DEFAULT NULL, label text DEFAULT NULL, OUT session_id uuid,
        OUT role text, OUT expires_at timestamptz) RETURNS record
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
        PERFORM auth.raise_error('key_not_adopted', 'it never expires: give a time when it ends');
    ELSIF expires_at <= clock_timestamp() THEN
        PERFORM auth.raise_error('key_not_adopted', 'it would end in the past');
    END IF;
    INSERT INTO auth.sessions AS s (id, role, label, origin, created_at, expires_at)
    VALUES (adopt_key.session_id, adopt_key.role, adopt_key.label, 'adopted', clock_timestamp(),
        adopt_key.expires_at)
    ON CONFLICT (id) DO UPDATE SET expires_at = excluded.expires_at,
        label = coalesce(excluded.label, s.label)
    WHERE s.revoked_at IS NULL;
    IF NOT FOUND OR EXISTS (SELECT FROM auth.ended_sessions e
        WHERE e.session_id = adopt_key.session_id) THEN -- beside it, while somebody held it
        PERFORM auth.raise_error('key_not_adopted', 'it was revoked');
    END IF;
    PERFORM auth.audit(auth.nobody(), NULL, '{"token": {"previous": null, "current": "adopted"}}',
        NULL,
        jsonb_strip_nulls(jsonb_build_object('sessionId', session_id, 'role', role, 'label', label,
            'expiresAt', auth.iso_time(expires_at))));
END
$$;
COMMENT ON FUNCTION auth.adopt_key(text, timestamptz, text) IS
'For operators: lets a project key from elsewhere (Supabase''s legacy anon or service_role, a JWT '
'without a session) be used as it is, until the end that it has or an earlier one. Its signature '
'must verify under a key of this database: import its secret first. From then on it is a session, '
'listed (auth.list_sessions(NULL)) and revoked like any other; adopted again, it gets another end. '
'22023 with the reason when it cannot be: not signed by a key of ours, neither anon nor '
'service_role, a user''s, expired, without any end, revoked here.';
