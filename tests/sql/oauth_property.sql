\getenv here PG_ABS_SRCDIR
\set setup :here /sql/include/setup.sql
\set teardown :here /sql/include/teardown.sql
\i :setup
-- Whatever is asked for, in whatever way it is got: no token holds more scopes or life than each of what it came from, and neither its session nor
-- introspection says otherwise.
SET client_min_messages = warning;
SET pg_principal.max_own_changes = 1000;
SET pg_principal.issuer = 'https://id.example.com';
SELECT auth.push_people('[{"email": "sub-agent@example.com", "name": "Sub", "kind": "service_account"}]') AS pushed \gset
SELECT created FROM auth.provision() \gset
SELECT auth.set_password('ann@example.com', 'Th1sIsAStrong!Pass') \gset
RESET client_min_messages;
CREATE TABLE outcomes (kind text, good boolean, scopes int, told text);
CREATE TABLE held (refresh text, access text, key jsonb);
INSERT INTO held SELECT payload->'tokens'->>'refreshToken', payload->'tokens'->>'accessToken',
    auth.generate_jwk('ES256') || '{"kid": "one"}'
    FROM auth.sign_in('ann@example.com', 'Th1sIsAStrong!Pass');
CREATE FUNCTION pg_temp.some() RETURNS text[] LANGUAGE sql VOLATILE AS $$
    SELECT ARRAY(SELECT s FROM unnest('{a,b,c,d}'::text[]) AS s WHERE random() < 0.6) $$;
CREATE FUNCTION pg_temp.soon() RETURNS timestamptz LANGUAGE sql VOLATILE AS $$
    SELECT clock_timestamp() + (2 + random() * 1200) * interval '1 second' $$;
CREATE FUNCTION pg_temp.in_seconds(t timestamptz) RETURNS numeric LANGUAGE sql AS $$
    SELECT extract(epoch FROM t) $$;
CREATE FUNCTION pg_temp.claims(token text) RETURNS jsonb LANGUAGE sql AS $$
    SELECT convert_from(decode(rpad(translate(split_part(token, '.', 2), '-_', '+/'),
        4 * ((length(split_part(token, '.', 2)) + 3) / 4), '='), 'base64'), 'UTF8')::jsonb $$;
CREATE FUNCTION pg_temp.scopes(token text) RETURNS text[] LANGUAGE sql AS $$
    SELECT coalesce(string_to_array(pg_temp.claims(token)->>'scope', ' '), '{}') $$;
CREATE FUNCTION pg_temp.ends(token text) RETURNS numeric LANGUAGE sql AS $$
    SELECT least((pg_temp.claims(token)->>'exp')::numeric, (SELECT pg_temp.in_seconds(s.expires_at)
        FROM auth.sessions s WHERE s.id = (SELECT (pg_temp.claims(token)->>'session_id')::uuid))) $$;
CREATE FUNCTION pg_temp.ended_soon(token text) RETURNS void LANGUAGE sql AS $$
    UPDATE auth.sessions SET expires_at = least(expires_at, pg_temp.soon())
        WHERE id = (SELECT (pg_temp.claims(token)->>'session_id')::uuid) $$;
CREATE FUNCTION pg_temp.id_of(email text) RETURNS text LANGUAGE sql AS $$ SELECT u.id::text
    FROM auth.users u WHERE u.email = id_of.email $$;
CREATE FUNCTION pg_temp.ask(form jsonb, scope text DEFAULT NULL, client text DEFAULT NULL,
    secret text DEFAULT NULL) RETURNS auth.auth_result LANGUAGE sql AS $$
    SELECT auth.oauth_token(jsonb_strip_nulls(form || jsonb_build_object('scope', nullif(scope,
        ''))), client, secret) $$;
-- The token, once it is known to hold no more than it may.
CREATE FUNCTION pg_temp.judged(kind text, result auth.auth_result, may text[], no_later numeric,
    ttl numeric DEFAULT NULL, asked text DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    token text := coalesce(result.payload->>'access_token', result.payload->>'token');
    has text[] := pg_temp.scopes(token);
    seen jsonb := (auth.oauth_introspect(jsonb_build_object('token', token),
        bearer => token)).payload;
    opened auth.sessions;
    ends numeric := least(no_later, pg_temp.in_seconds(clock_timestamp()) + ttl);
BEGIN
    SELECT * INTO opened FROM auth.sessions s
        WHERE s.id = (SELECT (pg_temp.claims(token)->>'session_id')::uuid);
    INSERT INTO outcomes VALUES (kind, CASE WHEN token IS NULL THEN NOT result.ok ELSE
        has <@ may AND (coalesce(asked, '') = '' OR has <@ string_to_array(asked, ' '))
            AND (pg_temp.claims(token)->>'exp')::numeric <= ends
        AND (opened.origin = 'sign_in' OR coalesce(opened.scopes, '{}') = has
            AND pg_temp.in_seconds(opened.expires_at) <= ends)
        AND coalesce(result.payload->>'scope', array_to_string(has, ' ')) = array_to_string(has,
            ' ')
        AND (pg_temp.claims(token) ? 'may_act' OR coalesce(seen->>'scope', '') =
            array_to_string(has, ' ') AND seen->'exp' = pg_temp.claims(token)->'exp') END,
        cardinality(has), concat_ws(' ', result.status, result.reason, has::text, may::text,
            ends - (pg_temp.claims(token)->>'exp')::numeric));
    RETURN token;
END $$;

CREATE FUNCTION pg_temp.token_of_agent(email text, asked text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    kind text := (ARRAY['issued', 'secret', 'key', 'assertion'])[1 + floor(random() * 4)];
    now_s numeric := floor(pg_temp.in_seconds(clock_timestamp()));
    may text[] := pg_temp.some();
    us constant text := current_setting('pg_principal.issuer');
    own jsonb := (SELECT key FROM held);
    made record;
    ends numeric;
    token text;
BEGIN
    CASE kind WHEN 'issued' THEN
        token := pg_temp.judged(kind,
            ROW(true, 200, NULL, jsonb_build_object('token', auth.issue(email, '1h', NULL,
            may)))::auth.auth_result, may, NULL, 3600);
        PERFORM pg_temp.ended_soon(token);
        RETURN token;
    WHEN 'secret' THEN
        PERFORM auth.set_client_scopes(email, may);
        DELETE FROM auth.client_secrets;
        made := auth.create_client_secret(email, '1h');
        UPDATE auth.client_secrets SET expires_at = pg_temp.soon();
        ends := (SELECT pg_temp.in_seconds(expires_at) FROM auth.client_secrets);
        RETURN pg_temp.judged(kind, pg_temp.ask('{"grant_type": "client_credentials"}', asked,
            made.client_id::text, made.secret), may, ends, 900, asked);
    WHEN 'key' THEN
        PERFORM auth.set_client_scopes(email, may), auth.register_client_keys(email,
            jsonb_build_object('keys', jsonb_build_array(own)));
        RETURN pg_temp.judged(kind,
            pg_temp.ask(jsonb_build_object('grant_type', 'client_credentials',
            'client_assertion_type', 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
            'client_assertion',
            auth.jwt_sign(jsonb_build_object('iss', pg_temp.id_of(email),
                'sub', pg_temp.id_of(email), 'aud', us, 'jti', gen_random_uuid(), 'exp',
                now_s + 60), own)), asked), may, NULL, 900, asked);
    ELSE
        PERFORM auth.trust_issuer('https://ci.example.com', ARRAY[us],
            jsonb_build_object('keys', jsonb_build_array(auth.public_jwk(own)))),
            auth.map_claims('https://ci.example.com', email, jsonb_build_object('job', email), may);
        ends := pg_temp.in_seconds(pg_temp.soon());
        RETURN pg_temp.judged(kind,
            pg_temp.ask(jsonb_build_object('grant_type',
            'urn:ietf:params:oauth:grant-type:jwt-bearer', 'assertion',
            auth.jwt_sign(jsonb_build_object('iss', 'https://ci.example.com',
            'sub', 'x', 'aud', us, 'job', email, 'jti', gen_random_uuid(), 'exp', ends), own)),
                asked), may, ends, 900, asked);
    END CASE;
END $$;

CREATE FUNCTION pg_temp.token_of_person(kind text, asked text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    may text[] := pg_temp.some();
    seen text[] := may;
    ttl text := CASE WHEN random() < 0.5 THEN '1h' END;
    started jsonb;
    result auth.auth_result;
    token text;
BEGIN
    CASE kind WHEN 'person' THEN
        token := auth.issue('ann@example.com', '1h', NULL, may);
        PERFORM pg_temp.ended_soon(token);
    WHEN 'refresh' THEN
        result := pg_temp.ask('{"grant_type": "refresh_token"}'::jsonb
            || jsonb_build_object('refresh_token', (SELECT refresh FROM held)), asked);
        token := pg_temp.judged(kind, result, '{}', NULL, 900, asked);
        UPDATE held SET refresh = result.payload->>'refresh_token', access = token
            WHERE token IS NOT NULL;
        token := (SELECT access FROM held);
    ELSE -- an application, from which something is taken at any time
        PERFORM auth.register_client('tv', scopes => may);
        started := (SELECT payload
            FROM auth.oauth_device_authorization(jsonb_strip_nulls(jsonb_build_object('client_id',
            'tv', 'scope', nullif(asked, '')))));
        IF random() < 0.5 THEN
            may := pg_temp.some();
            PERFORM auth.register_client('tv', scopes => may);
        END IF;
        seen := ARRAY(SELECT unnest(seen) INTERSECT SELECT unnest(may));
        PERFORM auth.authenticate((SELECT access FROM held));
        PERFORM auth.decide_device(started->>'user_code', true);
        PERFORM auth.authenticate(NULL);
        IF random() < 0.5 THEN
            may := pg_temp.some();
        END IF;
        PERFORM auth.register_client('tv', scopes => may, ttl => ttl);
        token := pg_temp.judged(kind,
            pg_temp.ask(jsonb_build_object('grant_type',
            'urn:ietf:params:oauth:grant-type:device_code', 'client_id', 'tv', 'device_code',
            started->>'device_code')),
            ARRAY(SELECT unnest(seen) INTERSECT SELECT unnest(may)), NULL, CASE
                WHEN ttl IS NULL THEN 900 ELSE 3600 END, asked);
    END CASE;
    RETURN token;
END $$;

CREATE FUNCTION pg_temp.exchanged(kind text, subject text, agent text, asked text) RETURNS text
    LANGUAGE plpgsql AS $$
DECLARE
    actor text := pg_temp.token_of_agent(agent, NULL);
    may text[] := pg_temp.scopes(actor);
    ends numeric := least(pg_temp.ends(subject), pg_temp.ends(actor));
    given text[] := pg_temp.some();
    granted uuid;
BEGIN
    IF NOT pg_temp.claims(subject) ? 'may_act' THEN
        granted := auth.delegate('ann@example.com', agent, '1h', given);
        UPDATE auth.delegations SET expires_at = pg_temp.soon() WHERE id = granted;
        ends := least(ends, (SELECT pg_temp.in_seconds(d.expires_at) FROM auth.delegations d
            WHERE d.id = granted));
        may := ARRAY(SELECT unnest(may) INTERSECT SELECT unnest(given));
    END IF;
    IF kind <> 'refresh' THEN -- a sign-in is the person
        may := ARRAY(SELECT unnest(may) INTERSECT SELECT unnest(pg_temp.scopes(subject)));
    END IF;
    RETURN pg_temp.judged('exchange of ' || kind,
        pg_temp.ask(jsonb_build_object('grant_type',
        'urn:ietf:params:oauth:grant-type:token-exchange', 'subject_token', subject,
        'subject_token_type', 'urn:ietf:params:oauth:token-type:jwt', 'actor_token', actor,
            'actor_token_type', 'urn:ietf:params:oauth:token-type:jwt'), asked), may, ends, 900,
            asked);
END $$;

DO $$
DECLARE
    kind text;
    asked text;
    token text;
    lent text[];
BEGIN
    PERFORM setseed(0.17);
    FOR n IN 1 .. 240 LOOP
        kind := (ARRAY['person', 'refresh', 'device'])[1 + floor(random() * 3)];
        asked := CASE WHEN random() < 0.6 THEN array_to_string(pg_temp.some(), ' ') END;
        token := pg_temp.token_of_person(kind, CASE WHEN kind = 'device'
            OR random() < 0.2 THEN asked END);
        CONTINUE WHEN token IS NULL;
        IF random() < 0.4 THEN -- lent, which an application may not do
            lent := pg_temp.some();
            PERFORM auth.authenticate(token);
            token := pg_temp.judged('lent', auth.issue_may_act('kata-agent-team@example.com', '1h',
                lent), CASE kind WHEN 'refresh' THEN lent
                ELSE ARRAY(SELECT unnest(lent) INTERSECT SELECT unnest(pg_temp.scopes(token))) END,
                    CASE WHEN kind <> 'refresh' THEN pg_temp.ends(token) END, 3600);
            PERFORM auth.authenticate(NULL);
            CONTINUE WHEN token IS NULL;
            kind := 'lent';
        END IF;
        token := pg_temp.exchanged(kind, token, 'kata-agent-team@example.com', asked);
        IF token IS NOT NULL AND random() < 0.5 THEN
            token := pg_temp.exchanged('exchange', token, 'sub-agent@example.com', asked);
        END IF;
        DELETE FROM auth.delegations;
    END LOOP;
END $$;
SELECT DISTINCT kind, told FROM outcomes WHERE NOT good;
SELECT kind, count(*) FILTER (WHERE scopes IS NOT NULL) > 10 AS enough, count(*)
    FILTER (WHERE scopes > 0) > 5 AS some_with_scopes FROM outcomes GROUP BY kind ORDER BY kind;
SELECT auth.distrust_issuer('https://ci.example.com'), auth.unregister_client('tv');
DROP TABLE outcomes, held;
\i :teardown
