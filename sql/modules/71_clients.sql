-- Clients: service accounts that get access tokens at /oauth/token with a secret of their own.

-- What was got with a secret ends with it: whoever verifies a token looks, so that who removes it
-- waits for nobody, and its snapshot misses none.
CREATE OR REPLACE TRIGGER signal_change AFTER UPDATE OR DELETE ON auth.client_secrets
    FOR EACH ROW EXECUTE FUNCTION auth.signal_revocation('grant', 'id');
CREATE OR REPLACE TRIGGER signal_truncate AFTER TRUNCATE ON auth.client_secrets
    FOR EACH STATEMENT EXECUTE FUNCTION auth.signal_revocation();
ALTER TABLE auth.client_secrets ENABLE ALWAYS TRIGGER signal_change;
ALTER TABLE auth.client_secrets ENABLE ALWAYS TRIGGER signal_truncate;

CREATE OR REPLACE FUNCTION auth.make_client_secret(OUT secret text, OUT hash bytea) RETURNS record
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'pg_principal_make_client_secret';
COMMENT ON FUNCTION auth.make_client_secret() IS
'Internal: 256 random bits as a client secret, and what is stored of it.';

CREATE OR REPLACE FUNCTION auth.check_scopes(scopes text[]) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM auth.raise_error('scope_malformed', coalesce(s, 'NULL'))
    FROM unnest(scopes) AS s WHERE (s ~ '^[]!#-[^-~]{1,255}$') IS NOT TRUE LIMIT 1;
END
$$;
COMMENT ON FUNCTION auth.check_scopes(text[]) IS
'Internal: 22023 for what is no scope (RFC 6749, section 3.3).';

CREATE OR REPLACE FUNCTION auth.bad_terms(problem text, ttl text, scopes text[])
    RETURNS auth.auth_result
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM auth.parse_ttl(coalesce(ttl, ''));
    BEGIN
        PERFORM auth.check_scopes(scopes);
    EXCEPTION WHEN invalid_parameter_value THEN
        RETURN auth.bad_field(problem, 'scopes', 'must have 1 to 255 printable ASCII characters '
            'each, without space, quote and backslash');
    END;
    RETURN NULL;
EXCEPTION WHEN invalid_parameter_value THEN
    RETURN auth.bad_field(problem, 'ttl', 'must be a whole number above zero and h, d or y, at '
        'most ' || current_setting('pg_principal.max_token_ttl'));
END
$$;
COMMENT ON FUNCTION auth.bad_terms(text, text, text[]) IS
'Internal: the refusal of how long something is to live, or of its scopes; NULL when both are '
'well.';

CREATE OR REPLACE FUNCTION auth.known_client(client_id uuid, OUT principal auth.users,
    OUT scopes text[]) RETURNS SETOF record
LANGUAGE sql STABLE ROWS 1
BEGIN ATOMIC
    SELECT x.u, x.scopes
    FROM (SELECT auth.standing(o) AS u, c.scopes, c.owner_generation
        FROM auth.users o JOIN auth.clients c ON c.user_id = o.id
        WHERE o.id = known_client.client_id OFFSET 0) AS x
    WHERE (x.u).kind = 'service_account' AND (x.u).owner_generation = x.owner_generation;
END;
COMMENT ON FUNCTION auth.known_client(uuid) IS
'Internal: a client and what it may ask for; no row when it is none, or none any more.';

CREATE OR REPLACE FUNCTION auth.hold_client(email text) RETURNS auth.users
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    principal auth.users;
BEGIN
    -- A deletion waits, and so does whoever makes another secret. Nobody who holds the principal's
    -- row otherwise is waited for: should the address get another owner, what is made is void.
    PERFORM auth.wait_for(u.id, 'reference') FROM auth.users u
    WHERE u.email = auth.known_email(hold_client.email);
    SELECT s.* INTO principal FROM auth.users u, auth.standing(u) AS s
    WHERE u.email = auth.known_email(hold_client.email);
    IF principal.id IS NULL THEN
        PERFORM auth.raise_error('user_missing', coalesce(hold_client.email, 'NULL'));
    ELSIF principal.kind <> 'service_account' THEN
        PERFORM auth.raise_error('client_not_a_service_account', principal.email);
    END IF;
    -- written, not only locked: who began with an older snapshot would not see what is made here
    UPDATE auth.clients c SET created_at = c.created_at WHERE c.user_id = principal.id;
    DELETE FROM auth.client_keys k USING auth.clients c
    WHERE k.user_id = principal.id AND c.user_id = principal.id
        AND c.owner_generation <> principal.owner_generation;
    DELETE FROM auth.client_secrets s USING auth.clients c
    WHERE s.user_id = principal.id AND c.user_id = principal.id
        AND (c.owner_generation <> principal.owner_generation
            OR s.expires_at <= clock_timestamp());
    INSERT INTO auth.clients AS c (user_id, owner_generation, created_at)
    VALUES (principal.id, principal.owner_generation, clock_timestamp())
    ON CONFLICT (user_id) DO UPDATE SET owner_generation = excluded.owner_generation,
        scopes = '{}', created_at = excluded.created_at
    WHERE c.owner_generation <> excluded.owner_generation;
    RETURN principal;
END
$$;
COMMENT ON FUNCTION auth.hold_client(text) IS
'Internal: locks a client, and makes a service account one if it is none. What an owner of the '
'address before had is deleted, and so are secrets that have ended. 42704 for nobody, 22023 for a '
'person.';

CREATE OR REPLACE FUNCTION auth.create_client_secret(
    email text, ttl text DEFAULT '90d', label text DEFAULT NULL,
    OUT client_id uuid, OUT secret text, OUT secret_id uuid, OUT expires_at timestamptz)
    RETURNS record
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    ttl_seconds bigint := auth.parse_ttl(coalesce(ttl, ''));
    principal auth.users;
    made record;
    held bigint;
    at_time timestamptz;
BEGIN
    IF octet_length(label) > 255 THEN
        PERFORM auth.raise_error('label_too_long', octet_length(label)::text);
    END IF;
    principal := auth.hold_client(create_client_secret.email);
    IF (SELECT count(*) FROM auth.client_secrets s WHERE s.user_id = principal.id) >= 2 THEN
        PERFORM auth.raise_error('client_secrets_full', principal.email);
    END IF;
    made := auth.make_client_secret();
    held := auth.hold_secret(made.hash);
    at_time := clock_timestamp();
    client_id := principal.id;
    secret_id := gen_random_uuid();
    expires_at := at_time + ttl_seconds * interval '1 second';
    INSERT INTO auth.client_secrets (id, user_id, hash, label, created_at, expires_at)
    VALUES (secret_id, principal.id, auth.held_secret(held), create_client_secret.label, at_time,
        create_client_secret.expires_at);
    PERFORM auth.audit(principal.id, principal.email,
        '{"clientSecret": {"previous": null, "current": "created"}}', NULL,
        jsonb_strip_nulls(jsonb_build_object('secretId', secret_id, 'label', label,
            'expiresAt', auth.iso_time(create_client_secret.expires_at))));
    secret := made.secret;
END
$$;
COMMENT ON FUNCTION auth.create_client_secret(text, text, text) IS
'Makes a service account a client of /oauth/token, if it is none, and gives it another secret, '
'which is told this once. client_id: the principal''s id. ttl: as for auth.issue(). Two are alive '
'at a time: make the second, deploy it, revoke the first. 42704 for nobody, 22023 for a person, '
'55000 for a third secret.';

CREATE OR REPLACE FUNCTION auth.set_client_scopes(email text, scopes text[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    principal auth.users;
    before text[];
    wanted text[];
BEGIN
    PERFORM auth.check_scopes(set_client_scopes.scopes);
    wanted := ARRAY(SELECT s FROM unnest(set_client_scopes.scopes) WITH ORDINALITY AS u (s, n)
        GROUP BY s ORDER BY min(n));
    principal := auth.hold_client(set_client_scopes.email);
    SELECT c.scopes INTO before FROM auth.clients c WHERE c.user_id = principal.id;
    IF before <> wanted THEN
        UPDATE auth.clients c SET scopes = wanted WHERE c.user_id = principal.id;
        PERFORM auth.audit(principal.id, principal.email, jsonb_build_object('clientScopes',
            jsonb_build_object('previous', before, 'current', wanted)));
    END IF;
END
$$;
COMMENT ON FUNCTION auth.set_client_scopes(text, text[]) IS
'What a client may ask for at /oauth/token, in place of what it might before; makes the service '
'account a client. Tokens that are out keep theirs until they end. Errors as '
'auth.create_client_secret().';

CREATE OR REPLACE FUNCTION auth.list_clients(
    OUT client_id uuid, OUT email text, OUT scopes text[], OUT secrets bigint,
    OUT next_expiry timestamptz, OUT live_tokens bigint, OUT banned boolean) RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER
BEGIN ATOMIC
    SELECT u.id, u.email, c.scopes, s.alive, s.next_end,
        (SELECT count(*) FROM auth.sessions o WHERE o.user_id = u.id AND o.origin = 'oauth'
            -- most have ended: of these nothing more is asked
            AND o.revoked_at IS NULL AND o.expires_at > clock_timestamp()
            AND auth.session_state(o, u.session_generation, u.banned_until, NULL) = 'live'),
        auth.is_banned(u)
    FROM auth.clients c JOIN auth.users r ON r.id = c.user_id
        JOIN LATERAL auth.standing(r) AS u ON u.owner_generation = c.owner_generation
        CROSS JOIN LATERAL (SELECT count(*) AS alive, min(m.expires_at) AS next_end
            FROM auth.client_secrets m
            WHERE m.user_id = u.id AND m.expires_at > clock_timestamp()) AS s
    ORDER BY u.email;
END;
COMMENT ON FUNCTION auth.list_clients() IS
'The clients of /oauth/token: what they may ask for, how many secrets are alive and when the next '
'one ends, and how many of their access tokens are out.';

CREATE OR REPLACE FUNCTION auth.list_client_secrets(
    email text DEFAULT NULL, OUT secret_id uuid, OUT client_id uuid, OUT client_email text,
    OUT label text, OUT created_at timestamptz, OUT expires_at timestamptz, OUT state text)
    RETURNS SETOF record
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    whose constant uuid := auth.principal_of(email);
BEGIN
    RETURN QUERY SELECT s.id, u.id, u.email, s.label, s.created_at, s.expires_at,
        CASE WHEN s.expires_at > clock_timestamp() THEN 'live' ELSE 'expired' END
    FROM auth.client_secrets s JOIN auth.clients c ON c.user_id = s.user_id
        JOIN auth.users h ON h.id = c.user_id
        JOIN LATERAL auth.standing(h) AS u ON u.owner_generation = c.owner_generation
    WHERE s.user_id = ANY (ARRAY(
        SELECT o.user_id FROM auth.clients o WHERE whose IS NULL UNION ALL SELECT whose))
    ORDER BY u.email, s.created_at, s.id;
END
$$;
COMMENT ON FUNCTION auth.list_client_secrets(text) IS
'The secrets of a client (42704 when nobody has that email), or with NULL of all, oldest first, '
'without the secrets themselves.';

CREATE OR REPLACE FUNCTION auth.end_credential(user_id uuid, credential_id uuid, reason text)
    RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM auth.revoke_session(s.id, end_credential.reason)
    FROM auth.sessions s
    WHERE s.user_id = end_credential.user_id AND s.credential_id = end_credential.credential_id
        AND s.revoked_at IS NULL AND s.expires_at > clock_timestamp()
    ORDER BY s.id;
END
$$;
COMMENT ON FUNCTION auth.end_credential(uuid, uuid, text) IS
'Internal: ends the sessions that were opened with a secret, a key or a rule that is gone.';

CREATE OR REPLACE FUNCTION auth.revoke_client_secret(id uuid, reason text DEFAULT NULL)
    RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    gone auth.client_secrets;
BEGIN
    DELETE FROM auth.client_secrets s WHERE s.id = revoke_client_secret.id RETURNING * INTO gone;
    IF gone.id IS NULL THEN
        RETURN false;
    END IF;
    PERFORM auth.end_credential(gone.user_id, gone.id, coalesce(reason, 'client secret revoked'));
    PERFORM auth.audit(gone.user_id, (SELECT u.email FROM auth.users u WHERE u.id = gone.user_id),
        '{"clientSecret": {"previous": "active", "current": "revoked"}}', reason,
        jsonb_strip_nulls(jsonb_build_object('secretId', gone.id, 'label', gone.label)));
    RETURN true;
END
$$;
COMMENT ON FUNCTION auth.revoke_client_secret(uuid, text) IS
'Ends a client secret, and every access token that was got with it, at the next statement '
'everywhere. False when there is none.';

CREATE OR REPLACE FUNCTION auth.delete_clients() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        DELETE FROM auth.client_secrets;
        DELETE FROM auth.client_keys;
        DELETE FROM auth.issuer_rules;
        DELETE FROM auth.clients;
    ELSE
        DELETE FROM auth.client_secrets s USING gone g WHERE s.user_id = g.id;
        DELETE FROM auth.client_keys k USING gone g WHERE k.user_id = g.id;
        DELETE FROM auth.issuer_rules r USING gone g WHERE r.user_id = g.id;
        DELETE FROM auth.clients c USING gone g WHERE c.user_id = g.id;
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION auth.delete_clients() IS
'Internal: trigger that deletes what made deleted principals clients.';
CREATE OR REPLACE TRIGGER delete_clients AFTER DELETE ON auth.users REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION auth.delete_clients();
CREATE OR REPLACE TRIGGER delete_all_clients AFTER TRUNCATE ON auth.users
    FOR EACH STATEMENT EXECUTE FUNCTION auth.delete_clients();
