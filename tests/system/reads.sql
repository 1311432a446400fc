-- For reads.sh: what is asked of the extension, each as one statement, and procedures that count how many rows
-- and index entries of its tables each reads, and how many blocks.
SET client_min_messages = warning;
CREATE TABLE said (name text PRIMARY KEY, value text);
CREATE TABLE asked (n serial, name text PRIMARY KEY, statement text NOT NULL);
CREATE TABLE counted (among text, name text, reads bigint NOT NULL, blocks bigint NOT NULL, PRIMARY KEY (among, name));
CREATE FUNCTION say(name text, value text) RETURNS void LANGUAGE sql AS $$
    INSERT INTO said VALUES ($1, $2) ON CONFLICT ON CONSTRAINT said_pkey DO UPDATE SET value = $2 $$;
CREATE FUNCTION said(name text) RETURNS text LANGUAGE sql AS $$ SELECT s.value FROM said s WHERE s.name = $1 $$;
-- keeps what an answer has at a path
CREATE FUNCTION keep(name text, r auth.auth_result, VARIADIC path text[] DEFAULT '{}') RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF NOT r.ok THEN
        RAISE EXCEPTION '%', r;
    END IF;
    PERFORM say(name, r.payload #>> path);
END $$;
CREATE FUNCTION reads(OUT reads bigint, OUT blocks bigint) LANGUAGE sql AS $$
    SELECT coalesce(sum(pg_stat_get_xact_tuples_returned(c.oid) + pg_stat_get_xact_tuples_fetched(c.oid)), 0), coalesce(sum(pg_stat_get_xact_blocks_fetched(c.oid)), 0)
    FROM pg_class c WHERE c.relnamespace = 'auth'::regnamespace AND c.relkind IN ('r', 'i') $$;
-- twice: what is planned and remembered the first time is not counted
CREATE PROCEDURE count_reads(among text) LANGUAGE plpgsql AS $$
DECLARE
    a asked;
    before record;
BEGIN
    FOR round IN 1..2 LOOP
        FOR a IN SELECT * FROM asked ORDER BY n LOOP
            before := reads();
            BEGIN
                EXECUTE a.statement;
            EXCEPTION WHEN OTHERS THEN
                RAISE EXCEPTION '%: %', a.name, SQLERRM;
            END;
            IF round = 2 THEN
                INSERT INTO counted SELECT count_reads.among, a.name, now.reads - before.reads, now.blocks - before.blocks FROM reads() AS now;
            END IF;
            COMMIT;
        END LOOP;
    END LOOP;
END $$;

CREATE FUNCTION assertion(key text, claims jsonb) RETURNS text LANGUAGE sql AS $$
    SELECT auth.jwt_sign(jsonb_build_object('jti', gen_random_uuid(), 'iat', floor(extract(epoch FROM now())), 'exp', floor(extract(epoch FROM now())) + 60) || claims,
        said(key)::jsonb) $$;
CREATE FUNCTION exchange(subject text, actor text) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object('grant_type', 'urn:ietf:params:oauth:grant-type:token-exchange', 'subject_token', said(subject),
        'subject_token_type', 'urn:ietf:params:oauth:token-type:access_token', 'actor_token', said(actor), 'actor_token_type', 'urn:ietf:params:oauth:token-type:jwt') $$;
SELECT auth.create_signing_key() \g /dev/null
SELECT auth.push_people('[{"email": "boss@example.com", "name": "Boss", "level": "L5"}, {"email": "ann@example.com", "name": "Ann"}, {"email": "bob@example.com", "name": "Bob"},
    {"email": "bot@example.com", "name": "Bot", "kind": "service_account"}, {"email": "ci@example.com", "name": "CI", "kind": "service_account"}]') \g /dev/null
SELECT auth.provision() \g /dev/null
SELECT auth.set_password(e || '@example.com', 'Th1sIsAStrong!Pass') FROM unnest('{ann,bob}'::text[]) AS e \g /dev/null
UPDATE auth.users SET app_role = 'ADMIN' WHERE email = 'boss@example.com';
SELECT auth.register_client('psql', 'psql', '{read}'), auth.set_client_scopes('bot@example.com', '{read}') \g /dev/null
SELECT say('client', client_id::text), say('secret', secret) FROM auth.create_client_secret('bot@example.com') \g /dev/null
SELECT say('client key', (auth.generate_jwk('ES256') || '{"kid": "c"}')::text), say('issuer key', (auth.generate_jwk('RS256') || '{"kid": "i"}')::text) \g /dev/null
SELECT auth.register_client_keys('bot@example.com', jsonb_build_object('keys', jsonb_build_array(auth.public_jwk(said('client key')::jsonb)))) \g /dev/null
SELECT auth.trust_issuer('https://issuer.example', '{https://id.example.com}', jsonb_build_object('keys', jsonb_build_array(auth.public_jwk(said('issuer key')::jsonb)))) \g /dev/null
SELECT auth.map_claims('https://issuer.example', 'ci@example.com', '{"repository_id": "74"}', '{deploy}'), auth.delegate('ann@example.com', 'bot@example.com', scopes => '{read}') \g /dev/null
SELECT say('admin', auth.issue('boss@example.com', '1h')), say('anns', auth.issue('ann@example.com', '1h', NULL, '{read}')),
    say('bots', auth.issue('bot@example.com', '1h', NULL, '{read}')) \g /dev/null
SELECT say(split_part(email, '@', 1), id::text) FROM auth.users \g /dev/null

INSERT INTO asked (name, statement) VALUES
('sign_in', $$SELECT keep('ann token', auth.sign_in('ann@example.com', 'Th1sIsAStrong!Pass'), 'tokens', 'accessToken')$$),
('sign_in refused', $$SELECT auth.sign_in('bob@example.com', 'An0ther!Password')$$),
('sign_in of nobody', $$SELECT auth.sign_in('nobody@example.com', 'An0ther!Password')$$),
('sign_in again', $$SELECT keep('refresh', auth.sign_in('ann@example.com', 'Th1sIsAStrong!Pass'), 'tokens', 'refreshToken')$$),
('refresh', $$SELECT say('used', said('refresh')), keep('refresh', auth.refresh(said('refresh')), 'tokens', 'refreshToken')$$),
('refresh refused', $$SELECT auth.refresh('nonsense')$$),
('authenticate', $$SELECT auth.authenticate(said('ann token'), false)$$),
('uid', $$SELECT auth.uid(), auth.email(), auth.app_role(), auth.has_scope('read')$$),
('get_user', $$SELECT keep('', auth.get_user())$$),
('update_profile', $$SELECT keep('', auth.update_profile('{"firstName": "Ann"}'))$$),
('update_account', $$SELECT keep('', auth.update_account('{"userMetadata": {"a": 1}}'))$$),
('change_password', $$SELECT auth.change_password('An0ther!Password', 'An0ther!Password')$$),
('user_sessions', $$SELECT keep('', auth.user_sessions())$$),
('delegate_to', $$SELECT keep('delegation', auth.delegate_to('ci@example.com', '1d', '{read}'), 'id')$$),
('my_delegations', $$SELECT keep('', auth.my_delegations())$$),
('revoke_delegation', $$SELECT keep('', auth.revoke_delegation(said('delegation')::uuid))$$),
('issue_may_act', $$SELECT keep('lent', auth.issue_may_act('bot@example.com', '1h', '{}'), 'token')$$),
('token-exchange of a lent token', $$SELECT keep('both', auth.oauth_token(exchange('lent', 'bots')), 'access_token')$$),
('oauth_device_authorization', $$SELECT keep('device', auth.oauth_device_authorization('{"client_id": "psql", "scope": "read"}'), 'device_code'),
    keep('code', auth.oauth_device_authorization('{"client_id": "psql", "scope": "read"}'), 'user_code')$$),
('show_device', $$SELECT keep('', auth.show_device(said('code')))$$),
('decide_device', $$SELECT keep('', auth.decide_device(said('code'), true))$$),
('device_code', $$SELECT auth.oauth_token(jsonb_build_object('grant_type', 'urn:ietf:params:oauth:grant-type:device_code', 'client_id', 'psql', 'device_code', said('device')))$$),
('sign_out', $$SELECT keep('', auth.sign_out())$$),
('admin', $$SELECT auth.authenticate(said('admin'), false)$$),
('find_user', $$SELECT keep('', auth.find_user(said('ann')::uuid))$$),
('create_user', $$SELECT keep('made', auth.create_user(jsonb_build_object('email', gen_random_uuid() || '@example.com')), 'user', 'id')$$),
('update_user', $$SELECT keep('', auth.update_user(said('made')::uuid, '{"firstName": "B"}'))$$),
('set_app_role', $$SELECT keep('', auth.set_app_role(said('made')::uuid, 'ADMIN')), keep('', auth.set_app_role(said('made')::uuid, 'READ_ONLY'))$$),
('ban_user', $$SELECT keep('', auth.ban_user(said('made')::uuid, '1h'))$$),
('unban_user', $$SELECT keep('', auth.unban_user(said('made')::uuid))$$),
('delete_user', $$SELECT keep('', auth.delete_user(said('made')::uuid))$$),
('user_sessions of another', $$SELECT keep('', auth.user_sessions(said('bob')::uuid))$$),
('issue_for', $$SELECT keep('issued', auth.issue_for(said('ci')::uuid, '1h'), 'sessionId')$$),
('end_session', $$SELECT keep('', auth.end_session(said('issued')::uuid))$$),
('audit_feed', $$SELECT keep('', auth.audit_feed(10)), keep('', auth.audit_feed(10, NULL, said('ann')::uuid))$$),
('incidents_feed', $$SELECT keep('', auth.incidents_feed(10)), keep('', auth.incidents_feed(10, NULL, said('bot')::uuid))$$),
('agents_feed', $$SELECT keep('', auth.agents_feed(10))$$),
('refusals_by_hour', $$SELECT keep('', auth.refusals_by_hour(24))$$),
('health_status', $$SELECT keep('', auth.health_status())$$),
('key_states', $$SELECT keep('', auth.key_states())$$),
('audit_status', $$SELECT keep('', auth.audit_status())$$),
('nobody again', $$RESET pg_principal.token$$),
('issue', $$SELECT say('bots', auth.issue('bot@example.com', '1h', NULL, '{read}'))$$),
('client_credentials', $$SELECT keep('access', auth.oauth_token('{"grant_type": "client_credentials", "scope": "read"}', said('client'), said('secret')), 'access_token')$$),
('oauth_introspect', $$SELECT keep('', auth.oauth_introspect(jsonb_build_object('token', said('access')), said('client'), said('secret')))$$),
('oauth_revoke', $$SELECT keep('', auth.oauth_revoke(jsonb_build_object('token', said('access')), said('client'), said('secret')))$$),
('private_key_jwt', $$SELECT keep('access', auth.oauth_token(jsonb_build_object('grant_type', 'client_credentials', 'client_assertion_type', 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    'client_assertion', assertion('client key', jsonb_build_object('iss', said('client'), 'sub', said('client'), 'aud', 'https://id.example.com')))), 'access_token')$$),
('jwt-bearer', $$SELECT keep('access', auth.oauth_token(jsonb_build_object('grant_type', 'urn:ietf:params:oauth:grant-type:jwt-bearer',
    'assertion', assertion('issuer key', '{"iss": "https://issuer.example", "aud": "https://id.example.com", "sub": "r", "repository_id": "74"}'))), 'access_token')$$),
('token-exchange', $$SELECT keep('both', auth.oauth_token(exchange('anns', 'bots')), 'access_token')$$),
('a delegated token', $$SELECT auth.authenticate(said('both'), false)$$),
('nobody at last', $$RESET pg_principal.token$$),
('ban', $$SELECT auth.ban('bob@example.com')$$),
('unban', $$SELECT auth.unban('bob@example.com')$$),
('set_password', $$SELECT auth.set_password('bob@example.com', 'An0ther!Password')$$),
('list_sessions', $$SELECT count(*) FROM auth.list_sessions('bob@example.com')$$),
('list_delegations', $$SELECT count(*) FROM auth.list_delegations('ann@example.com')$$),
('allow_login', $$SELECT auth.allow_login('app', email => 'bot@example.com')$$),
('read_metrics', $$SELECT count(*) FROM auth.read_metrics()$$),
('expose_metrics', $$SELECT length(auth.expose_metrics()) > 0$$);
