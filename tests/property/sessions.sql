-- What tests/property/sessions.cpp asks the server.

CREATE EXTENSION pg_principal;
DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET pg_principal.max_failure_entries = 6', current_database()); END $$;
SELECT auth.create_signing_key() IS NOT NULL;

-- Hashing is slow on purpose and tested elsewhere: here, a password is its own hash.
CREATE OR REPLACE FUNCTION auth.hold_password(target uuid, password text) RETURNS text
LANGUAGE sql VOLATILE STRICT COST 10000 AS $$ SELECT auth.hold_hash(target, '$argon2id$' || password) $$;
CREATE OR REPLACE FUNCTION auth.check_password(target uuid, password text, OUT ok boolean, OUT needs_upgrade boolean) RETURNS record
LANGUAGE sql VOLATILE COST 10000 AS $$ SELECT EXISTS (SELECT FROM auth.password_hashes h WHERE h.user_id = target AND h.hash = '$argon2id$' || password), false $$;

-- What is only tried is taken back at once, so its record, slow to write, is not even begun.
ALTER FUNCTION auth.refuse_refresh(auth.users, text, jsonb, boolean) RENAME TO record_refusal;
CREATE FUNCTION auth.refuse_refresh(principal auth.users, reason text, metadata jsonb, proven boolean DEFAULT false) RETURNS auth.auth_result LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('property.trying', true) = 'yes' THEN
        RETURN auth.refusal(401, reason, '');
    END IF;
    RETURN auth.record_refusal(principal, reason, metadata, proven);
END
$$;

CREATE FUNCTION add_principal(email text, password text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    added auth.auth_result := auth.add_user(jsonb_build_object('email', email, 'password', password, 'kind', 'service_account'));
BEGIN
    INSERT INTO auth.organization_people (email, name, kind) VALUES (add_principal.email, 'Agent', 'service_account');
    RETURN added.payload->'user'->>'id';
END
$$;

-- reason, or: ok, session, access token, its seconds, refresh token, its seconds
CREATE FUNCTION answer(r auth.auth_result) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
    tokens jsonb := r.payload->'tokens';
BEGIN
    IF NOT r.ok THEN
        RETURN ARRAY[r.reason];
    END IF;
    RETURN ARRAY['ok', (auth.read_refresh_token(tokens->>'refreshToken')).session_id::text, tokens->>'accessToken',
        tokens->>'accessTokenExpiresIn', tokens->>'refreshToken', tokens->>'refreshTokenExpiresIn'];
END
$$;
CREATE FUNCTION sign_in(email text, password text, ttl bigint) RETURNS text[] LANGUAGE sql AS $$
    SELECT answer(auth.sign_in(email, password, jsonb_build_object('refreshTokenTtl', ttl)))
$$;
CREATE FUNCTION refresh(token text, ttl bigint) RETURNS text[] LANGUAGE sql AS $$
    SELECT answer(auth.refresh(token, jsonb_build_object('refreshTokenTtl', ttl)))
$$;
CREATE FUNCTION issue(email text, ttl text) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
    made record;
BEGIN
    made := auth.issue_token(email, ttl);
    RETURN ARRAY['ok', made.session_id::text, made.token];
EXCEPTION WHEN object_not_in_prerequisite_state THEN
    RETURN '{banned}';
END
$$;
CREATE FUNCTION sign_out(token text, scope text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('pg_principal.token', token, true);
    RETURN coalesce((auth.sign_out(scope)).reason, 'ok');
EXCEPTION WHEN invalid_authorization_specification THEN
    RETURN 'dead';
END
$$;
CREATE FUNCTION change_password(token text, old text, new text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('pg_principal.token', token, true);
    RETURN coalesce((auth.change_password(old, new)).reason, 'ok');
EXCEPTION WHEN invalid_authorization_specification THEN
    RETURN 'dead';
END
$$;

-- Whether an access token is accepted: ok or dead.
CREATE FUNCTION try_access(token text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    claims jsonb;
BEGIN
    claims := auth.authenticate(token);
    IF auth.uid()::text <> claims->>'sub' OR auth.session_id()::text <> claims->>'session_id' THEN
        RETURN 'another one''s';
    END IF;
    RETURN 'ok';
EXCEPTION WHEN invalid_authorization_specification THEN
    RETURN 'dead';
END
$$;
-- What a refresh token would be answered, without it happening: a reason, or ok and the successor.
CREATE FUNCTION try_refresh(token text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    r auth.auth_result;
BEGIN
    r := auth.refresh(token);
    RAISE EXCEPTION USING ERRCODE = 'PP000', MESSAGE =
        CASE WHEN r.ok THEN try_access(r.payload->'tokens'->>'accessToken') || ' ' || (r.payload->'tokens'->>'refreshToken') ELSE r.reason END;
EXCEPTION WHEN SQLSTATE 'PP000' THEN
    RETURN SQLERRM;
END
$$;
CREATE FUNCTION try_all(access text[], refresh text[], email text) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
    verdicts text[];
BEGIN
    PERFORM set_config('property.trying', 'yes', true);
    verdicts := ARRAY(SELECT try_access(t) FROM unnest(access) AS t) || ARRAY(SELECT try_refresh(t) FROM unnest(refresh) AS t);
    PERFORM auth.authenticate(NULL);
    RETURN verdicts || ARRAY(SELECT s.id || ' ' || s.state FROM auth.list_sessions(email) AS s ORDER BY s.id);
END
$$;
