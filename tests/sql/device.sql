\getenv here PG_ABS_SRCDIR
\set setup :here /sql/include/setup.sql
\set teardown :here /sql/include/teardown.sql
\i :setup
-- Device codes (RFC 8628): an application without a secret gets a token when a person has said so.
SET client_min_messages = warning;
SET pg_principal.issuer = 'https://id.example.com/auth/v1';
SELECT auth.set_password('ann@example.com', 'Th1sIsAStrong!Pass'),
    auth.set_password('boss@example.com', 'Th1sIsAStrong!Pass'),
    auth.set_password('kata-agent-team@example.com', 'Th1sIsAStrong!Pass') \gset
SELECT auth.issue('boss@example.com') AS boss, auth.issue('ann@example.com') AS ann \gset
RESET client_min_messages;
CREATE FUNCTION pg_temp.told(r auth.auth_result) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', r.status, CASE WHEN r.ok THEN NULL ELSE coalesce(r.payload->>'error',
        '-') END, r.reason, r.payload->>'scope', CASE
        WHEN r.payload ? 'access_token' THEN 'token' END) $$;
CREATE FUNCTION pg_temp.begun(client text, scope text DEFAULT NULL) RETURNS auth.auth_result
    LANGUAGE sql AS $$
    SELECT auth.oauth_device_authorization(jsonb_strip_nulls(jsonb_build_object('client_id', client,
        'scope', scope)), context => '{"ip": "203.0.113.5", "userAgent": "psql"}') $$;
CREATE FUNCTION pg_temp.polled(code text, client text DEFAULT 'psql') RETURNS auth.auth_result
    LANGUAGE sql AS $$
    SELECT auth.oauth_token(jsonb_strip_nulls(jsonb_build_object('grant_type',
        'urn:ietf:params:oauth:grant-type:device_code', 'device_code', code, 'client_id',
        client))) $$;
-- as if that many seconds had passed since the last time it asked
CREATE FUNCTION pg_temp.wait(seconds integer) RETURNS void LANGUAGE sql
    AS $$ UPDATE auth.device_codes SET polled_at = polled_at - seconds * interval '1 second' $$;
CREATE FUNCTION pg_temp.who(token text) RETURNS text LANGUAGE sql AS $$
    SELECT replace(public.regress_try(format('SELECT auth.authenticate(%L)->>''email''', token)),
    '28000 | token refused | ', '') $$;

-- Registration.
SELECT regress_try(format('SELECT auth.register_client(%s)', a))
    FROM (VALUES (1, 'NULL'), (2, ''''''), (3, '''a b'''),
    (4, '''00000000-0000-4000-8000-00000000000A'''), (5, 'repeat(''a'', 65)'),
    (6, '''x'', repeat(''a'', 256)'), (7, '''x'', scopes => ''{a b}'''),
    (8, '''x'', ttl => ''soon''')) AS t (n, a) ORDER BY n;
SELECT auth.register_client('psql', 'psql on a laptop', '{database,read,database}', '8h'),
    auth.register_client('tv');
SELECT client_id, name, scopes, token_ttl, live_tokens FROM auth.list_public_clients();
SELECT auth.register_client('tv', 'The screen', '{read}');
SELECT changes->'publicClient' AS change, metadata - 'databaseRole' AS metadata
    FROM auth.audit_log WHERE changes ? 'publicClient' ORDER BY seq;
SELECT client_id, name, scopes, token_ttl, live_tokens FROM auth.list_public_clients();

-- A device begins.
SELECT pg_temp.told(pg_temp.begun('nobody')) AS unknown, pg_temp.told(pg_temp.begun(NULL)) AS none,
    pg_temp.told(pg_temp.begun('psql', 'admin')) AS scope,
    pg_temp.told(auth.oauth_device_authorization('{"client_id": "psql"}', 'x', 'y')) AS twice;
SELECT secret FROM auth.create_client_secret('kata-agent-team@example.com') \gset
SELECT pg_temp.told(auth.oauth_device_authorization('{}', (SELECT id::text FROM auth.users
    WHERE email = 'kata-agent-team@example.com'), :'secret')) AS with_a_secret;
SELECT payload FROM pg_temp.begun('psql', 'database admin') \gset
SELECT :'payload'::jsonb - 'device_code' - 'user_code' - 'verification_uri_complete' AS told,
    :'payload'::jsonb->>'device_code' ~ '^pgpd_[A-Za-z0-9_-]{43}$' AS device_code,
    :'payload'::jsonb->>'user_code' ~ '^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$' AS user_code,
    :'payload'::jsonb->>'verification_uri_complete' =
        'https://id.example.com/oauth/device?user_code='
        || (:'payload'::jsonb->>'user_code') AS complete;
SELECT :'payload'::jsonb->>'device_code' AS device, :'payload'::jsonb->>'user_code' AS shown \gset
SELECT hash = sha256(:'device') AS hash,
    user_code_hash = sha256(convert_to(replace(:'shown', '-', ''), 'UTF8')) AS user_code_hash,
    decision, expires_at - created_at AS life, ip, user_agent FROM auth.device_codes;
SET pg_principal.issuer = 'pg_principal';
SELECT pg_temp.told(pg_temp.begun('psql')) AS no_url;
SET pg_principal.issuer = 'https://id.example.com/auth/v1';

-- It asks, and is told to slow down when it does so too soon.
SELECT pg_temp.told(pg_temp.polled(:'device')) AS first,
    pg_temp.told(pg_temp.polled(:'device')) AS at_once;
SELECT poll_interval FROM auth.device_codes;
SELECT pg_temp.wait(9) \gset
SELECT pg_temp.told(pg_temp.polled(:'device')) AS too_soon;
SELECT poll_interval FROM auth.device_codes;
SELECT pg_temp.wait(16) \gset
SELECT pg_temp.told(pg_temp.polled(:'device')) AS in_time;
SELECT pg_temp.told(pg_temp.polled(:'device', 'tv')) AS anothers,
    pg_temp.told(pg_temp.polled(:'device', 'nobody')) AS unknown,
    pg_temp.told(pg_temp.polled(:'device', NULL)) AS no_client,
    pg_temp.told(pg_temp.polled(NULL)) AS no_code,
    pg_temp.told(pg_temp.polled(:'shown')) AS user_code, pg_temp.told(pg_temp.polled('x')) AS junk;
SELECT count(pg_temp.polled(:'device')) FROM generate_series(1, 20);
SELECT poll_interval AS at_most FROM auth.device_codes;

-- Who may decide: a person who has signed in.
SELECT pg_temp.told(auth.show_device(:'shown')) AS nobody,
    pg_temp.told(auth.decide_device(:'shown', true)) AS nobody;
SET pg_principal.token = :'ann';
SELECT pg_temp.told(auth.decide_device(:'shown', true)) AS with_an_issued_token;
SELECT payload->'tokens'->>'accessToken' AS bot FROM auth.sign_in('kata-agent-team@example.com',
    'Th1sIsAStrong!Pass') \gset
SET pg_principal.token = :'bot';
SELECT pg_temp.told(auth.decide_device(:'shown', true)) AS service_account;
SELECT payload->'tokens'->>'accessToken' AS person
    FROM auth.sign_in('ann@example.com', 'Th1sIsAStrong!Pass') \gset
SET pg_principal.token = :'person';
SELECT payload - 'createdAt' - 'expiresAt' AS shown
    FROM auth.show_device(lower(replace(:'shown', '-', ' ')));
SELECT pg_temp.told(auth.show_device('BCDF-GHJK')) AS wrong,
    pg_temp.told(auth.show_device('AAAA-AAAA')) AS no_code,
    pg_temp.told(auth.decide_device(:'shown', NULL)) AS neither;
SELECT payload - 'createdAt' - 'expiresAt' AS decided FROM auth.decide_device(:'shown', true);
SELECT pg_temp.told(auth.decide_device(:'shown', false)) AS once,
    pg_temp.told(auth.show_device(:'shown')) AS shown_no_more;
RESET pg_principal.token;

-- It is redeemed once, for a token of the person with what was asked for.
SELECT payload FROM pg_temp.polled(:'device') \gset
SELECT :'payload'::jsonb - 'access_token' AS told, :'payload'::jsonb->>'access_token' AS token \gset
SELECT :'told' AS told, pg_temp.told(pg_temp.polled(:'device')) AS again;
SELECT count(*) AS codes FROM auth.device_codes;
SET pg_principal.token = :'token';
SELECT auth.email(), auth.client_id(), auth.has_scope('database'), auth.has_scope('read'),
    auth.is_delegated(), auth.is_person();
-- of clamped tables it touches what its scopes say, where they are asked for
RESET pg_principal.token;
CREATE TABLE notes (owner text, n int);
INSERT INTO notes VALUES ('ann@example.com', 1), ('boss@example.com', 2);
SET client_min_messages = warning;
SELECT auth.clamp('notes', 'owner', writes => true);
RESET client_min_messages;
GRANT SELECT, INSERT ON notes TO authenticated;
CREATE FUNCTION pg_temp.notes(token text, reads text, writes text) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    found text;
BEGIN
    PERFORM auth.clamp_agents('notes', reads, writes);
    PERFORM set_config('pg_principal.token', token, false);
    SET ROLE authenticated;
    found := concat_ws(', ', (SELECT string_agg(n::text, ' ') FROM notes),
        left(regress_try('INSERT INTO notes VALUES (auth.email(), 9) RETURNING 9'), 31));
    RESET ROLE;
    PERFORM set_config('pg_principal.token', '', false);
    DELETE FROM notes WHERE n = 9;
    RETURN found;
END $$;
SELECT reads, writes, pg_temp.notes(:'token', reads, writes) AS application,
    pg_temp.notes(:'person', reads, writes) AS herself
    FROM (VALUES (NULL, NULL), ('database', NULL), ('database', 'read'), ('read', NULL),
    (NULL, 'read')) AS v (reads, writes);
DROP TABLE notes;
SET pg_principal.token = :'token';
-- it is no way to the account, nor to more of its kind
SELECT (auth.get_user()).status,
    (auth.change_password('Th1sIsAStrong!Pass', 'An0ther!Password')).reason,
    (auth.sign_out('global')).reason, (auth.delegate_to('kata-agent-team@example.com')).reason,
    (auth.decide_device('x', true)).reason, regress_try('SELECT auth.require_role(''ANALYST'')');
RESET pg_principal.token;
SELECT auth.client_id();
SELECT client_id, live_tokens FROM auth.list_public_clients();
SELECT label, scopes, state, origin, ip,
    expires_at - clock_timestamp() > interval '7 hours' AS eight_hours
    FROM auth.list_sessions('ann@example.com') WHERE origin = 'oauth';
SELECT (auth.oauth_introspect(jsonb_build_object('token', :'token'),
    bearer => :'boss')).payload - 'exp' - 'iat' - 'nbf' - 'jti' - 'sub' - 'session_id' AS introspected;
-- whoever holds it may end it
SELECT pg_temp.told(auth.oauth_revoke(jsonb_build_object('token', :'token'))) AS nameless,
    pg_temp.told(auth.oauth_revoke(jsonb_build_object('token', :'token',
    'client_id', 'tv'))) AS anothers,
    pg_temp.told(auth.oauth_revoke(jsonb_build_object('token', :'token',
    'client_id', 'psql'))) AS revoked, pg_temp.who(:'token') AS who;
SELECT changes, reason, metadata - 'sessionId' - 'expiresAt' AS metadata, actor_email
    FROM auth.list_audit('ann@example.com') WHERE changes ?| '{deviceCode,token,session}'
    ORDER BY seq;

-- What ends an approval before it is redeemed.
CREATE FUNCTION pg_temp.approved(approve boolean DEFAULT true) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    begun jsonb := (pg_temp.begun('psql')).payload;
    ignored auth.auth_result;
BEGIN
    PERFORM set_config('pg_principal.token',
        (auth.sign_in('ann@example.com', 'Th1sIsAStrong!Pass')).payload->'tokens'->>'accessToken',
        false);
    ignored := auth.decide_device(begun->>'user_code', approve);
    PERFORM set_config('pg_principal.token', '', false);
    RETURN begun->>'device_code';
END $$;
SELECT pg_temp.approved(false) AS device \gset
SELECT pg_temp.told(pg_temp.polled(:'device')) AS denied,
    pg_temp.told(pg_temp.polled(:'device')) AS denied_still;
SELECT pg_temp.approved() AS device \gset
SELECT auth.ban('ann@example.com') \gset
SELECT auth.unban('ann@example.com') \gset
SELECT pg_temp.told(pg_temp.polled(:'device')) AS banned_and_not,
    pg_temp.told(pg_temp.polled(:'device')) AS again;
SELECT pg_temp.approved() AS device \gset
SELECT auth.ban('ann@example.com') \gset
SELECT pg_temp.told(pg_temp.polled(:'device')) AS banned;
SELECT auth.unban('ann@example.com') \gset
SELECT pg_temp.approved() AS device \gset
SELECT auth.set_password('ann@example.com', 'Th1sIsAStrong!Pass') \gset
SELECT pg_temp.told(pg_temp.polled(:'device')) AS new_password;
SELECT pg_temp.approved() AS device \gset
SELECT count(auth.revoke_session(id)) FROM auth.list_sessions('ann@example.com')
    WHERE label = 'psql on a laptop' AND state = 'live';
SELECT pg_temp.told(pg_temp.polled(:'device')) AS revoked;
SELECT pg_temp.approved() AS device \gset
UPDATE auth.device_codes SET expires_at = clock_timestamp() WHERE decision = 'approved';
SELECT pg_temp.told(pg_temp.polled(:'device')) AS expired,
    pg_temp.told(pg_temp.polled(:'device')) AS expired_still;
SELECT pg_temp.approved() AS device \gset
SELECT pg_temp.told(pg_temp.polled(:'device')) AS not_at_all;
-- a code that has expired is nobody's to approve, and goes some time later
SELECT payload->>'device_code' AS device, payload->>'user_code' AS shown
    FROM pg_temp.begun('psql') \gset
UPDATE auth.device_codes SET expires_at = clock_timestamp() WHERE decision IS NULL;
SELECT payload->'tokens'->>'accessToken' AS person
    FROM auth.sign_in('ann@example.com', 'Th1sIsAStrong!Pass') \gset
SET pg_principal.token = :'person';
SELECT pg_temp.told(auth.decide_device(:'shown', true)) AS too_late;
RESET pg_principal.token;
SELECT pg_temp.told(pg_temp.polled(:'device')) AS expired;
UPDATE auth.device_codes SET expires_at = clock_timestamp() - interval '11 minutes';
SELECT count(*) > 2 AS more_than_two FROM auth.device_codes;
SELECT pg_temp.told(pg_temp.begun('psql')) \gset
SELECT pg_temp.told(pg_temp.begun('psql')) \gset
SELECT count(*) FILTER (WHERE expires_at < now()) AS old, count(*)
    FILTER (WHERE expires_at > now()) AS live FROM auth.device_codes;

-- An application that is taken away loses what it got, and what it waits for.
SELECT pg_temp.approved() AS device \gset
SELECT payload->>'access_token' AS token FROM pg_temp.polled(:'device') \gset
SELECT pg_temp.approved() AS waiting \gset
SELECT pg_temp.who(:'token') AS before, auth.unregister_client('psql') AS gone,
    auth.unregister_client('psql') AS again, pg_temp.who(:'token') AS after;
SELECT pg_temp.told(pg_temp.polled(:'waiting')) AS waiting;
SELECT auth.register_client('psql', scopes => '{database}');
SELECT pg_temp.told(pg_temp.polled(:'waiting')) AS waiting, pg_temp.who(:'token') AS token,
    count(*) AS codes FROM auth.device_codes;

-- What is taken from it while it waits is in no token.
SELECT auth.register_client('psql', scopes => '{database,read}');
SELECT payload->>'device_code' AS device, payload->>'user_code' AS shown
    FROM pg_temp.begun('psql') \gset
SELECT auth.register_client('psql', scopes => '{database,write}');
SELECT payload->'tokens'->>'accessToken' AS person
    FROM auth.sign_in('ann@example.com', 'Th1sIsAStrong!Pass') \gset
SET pg_principal.token = :'person';
SELECT (auth.show_device(:'shown')).payload->'scopes' AS shown,
    (auth.decide_device(:'shown', true)).payload->'scopes' AS decided;
RESET pg_principal.token;
SELECT auth.register_client('psql', scopes => '{write}');
SELECT pg_temp.told(pg_temp.polled(:'device')) AS nothing_left;
-- nor what comes back to it once the person has decided
SELECT auth.register_client('psql', scopes => '{database,read}');
SELECT pg_temp.told(pg_temp.polled(:'device')) AS given_back;
-- nor what it gets between what the person was shown and the decision.
SELECT payload->>'device_code' AS device, payload->>'user_code' AS shown
    FROM pg_temp.begun('psql') \gset
SELECT auth.register_client('psql', scopes => '{database}');
SET pg_principal.token = :'person';
SELECT ARRAY(SELECT jsonb_array_elements_text(payload->'scopes')) AS told
    FROM auth.show_device(:'shown') \gset
SELECT auth.register_client('psql', scopes => '{database,read}');
SELECT :'told' AS told, (auth.decide_device(:'shown', true, :'told')).payload->'scopes' AS decided;
RESET pg_principal.token;
SELECT payload->>'scope' AS granted FROM pg_temp.polled(:'device');
-- A person may let it have less, but not nothing of what it asks for: it could redeem nothing.
SELECT payload->>'device_code' AS device, payload->>'user_code' AS shown
    FROM pg_temp.begun('psql') \gset
SELECT payload->>'device_code' AS bare, payload->>'user_code' AS shown_bare
    FROM pg_temp.begun('psql') \gset
SET pg_principal.token = :'person';
SELECT (auth.decide_device(:'shown', true, '{admin,read}')).payload->'scopes' AS less,
    pg_temp.told(auth.decide_device(:'shown_bare', true, '{}')) AS nothing,
    pg_temp.told(auth.decide_device(:'shown_bare', true, '{admin}')) AS others,
    pg_temp.told(auth.decide_device(:'shown_bare', false, '{}')) AS denied;
RESET pg_principal.token;
SELECT pg_temp.told(pg_temp.polled(:'device')) AS less, pg_temp.told(pg_temp.polled(:'bare'))
    AS nothing;
SELECT auth.register_client('psql', scopes => '{database}');

-- The page: a sign-in of its own, which ends with the decision.
SELECT payload->>'device_code' AS device, payload->>'user_code' AS shown
    FROM pg_temp.begun('psql', 'database') \gset
SELECT pg_temp.told(auth.open_device_page(jsonb_build_object('user_code', :'shown',
    'email', 'ann@example.com', 'password', 'wrong'))) AS wrong_password,
    pg_temp.told(auth.open_device_page(jsonb_build_object('user_code', :'shown'))) AS nothing,
    pg_temp.told(auth.open_device_page(jsonb_build_object('user_code', 'BCDF-GHJK',
        'email', 'ann@example.com', 'password', 'Th1sIsAStrong!Pass'))) AS wrong_code,
    pg_temp.told(auth.open_device_page(jsonb_build_object('user_code', :'shown',
        'email', 'kata-agent-team@example.com', 'password', 'Th1sIsAStrong!Pass'))) AS agent,
    pg_temp.told(auth.open_device_page(jsonb_build_object('user_code', :'shown',
        'email', 'ann@example.com', 'password', 'Th1sIsAStrong!Pass'),
        'https://evil.example.com')) AS another_site,
    pg_temp.told(auth.open_device_page(jsonb_build_object('user_code', :'shown',
        'email', 'ann@example.com', 'password', 'Th1sIsAStrong!Pass'), 'null')) AS no_site;
SELECT count(*) FILTER (WHERE state = 'live') AS live
    FROM auth.list_sessions('kata-agent-team@example.com') WHERE origin = 'sign_in'
    AND created_at > now();
SELECT i, o, (auth.open_device_page('{}', o)).status
    FROM (VALUES ('https://ID.example.com', 'https://id.example.com'),
    ('https://id.example.com:443/x', 'https://id.example.com'),
    ('http://id.example.com:80', 'http://id.example.com'),
    ('https://id.example.com:80', 'https://id.example.com:80'),
    ('https://id.example.com:443', 'https://id.example.com:4431'),
    ('https://id.example.com:8443', 'https://id.example.com'),
    ('http://id.example.com:443', 'http://id.example.com'),
    ('https://id.example.com:443', 'http://id.example.com')) AS v (i, o),
        LATERAL set_config('pg_principal.issuer', i, false) AS s WHERE s = i;
SET pg_principal.issuer = 'https://id.example.com/auth/v1';
SELECT payload FROM auth.open_device_page(jsonb_build_object('user_code', :'shown',
    'email', 'Ann@example.com', 'password', 'Th1sIsAStrong!Pass'), 'https://id.example.com',
    '{"ip": "198.51.100.1"}') \gset
SELECT :'payload'::jsonb - 'token' - 'createdAt' - 'expiresAt' AS told,
    :'payload'::jsonb->>'token' AS page \gset
SELECT :'told' AS told;
SELECT pg_temp.told(pg_temp.polled(:'device')) AS before;
SET pg_principal.token = :'page';
SELECT pg_temp.told(auth.close_device_page(:'shown', 'approve', 'database read')) AS closed;
RESET pg_principal.token;
SELECT pg_temp.who(:'page') AS page, pg_temp.told(pg_temp.polled(:'device')) AS redeemed;
SELECT payload->>'user_code' AS shown FROM pg_temp.begun('psql') \gset
SELECT payload->>'token' AS page
    FROM auth.open_device_page(jsonb_build_object('user_code', :'shown', 'email', 'ann@example.com',
    'password', 'Th1sIsAStrong!Pass')) \gset
SET pg_principal.token = :'page';
SELECT pg_temp.told(auth.close_device_page(:'shown', 'whatever', '')) AS neither;
RESET pg_principal.token;
SELECT pg_temp.who(:'page') AS page;

-- Wrong codes lock, for who types them.
SELECT payload->>'user_code' AS shown FROM pg_temp.begun('psql') \gset
SELECT payload->'tokens'->>'accessToken' AS person
    FROM auth.sign_in('boss@example.com', 'Th1sIsAStrong!Pass') \gset
SET pg_principal.token = :'person';
-- A right one in between, of one's own perhaps, forgives none.
SELECT pg_temp.told(auth.show_device(CASE n % 4 WHEN 0 THEN :'shown'
    ELSE 'BCDF-GHJK' END)) AS wrong_or_right, count(*) FROM generate_series(1, 12) AS n GROUP BY 1
    ORDER BY 2, 1;
SELECT pg_temp.told(auth.show_device('BCDF-GHJK')) AS wrong, count(*) FROM generate_series(1, 12)
    GROUP BY 1 ORDER BY 2;
SELECT pg_temp.told(auth.decide_device(:'shown', true)) AS the_right_one;
SELECT payload->'tokens'->>'accessToken' AS person
    FROM auth.sign_in('ann@example.com', 'Th1sIsAStrong!Pass') \gset
SET pg_principal.token = :'person';
SELECT pg_temp.told(auth.show_device(:'shown')) AS anybody_else;
RESET pg_principal.token;
SELECT pg_temp.told(auth.sign_in('boss@example.com', 'Th1sIsAStrong!Pass')) AS and_no_sign_in;
SELECT label, value FROM auth.read_metrics() WHERE name = 'auth.device.failures' ORDER BY label;
SELECT (auth.oauth_metadata('openid-configuration',
    '/auth/v1')).payload->>'device_authorization_endpoint' AS endpoint,
    (auth.oauth_metadata('oauth-authorization-server',
    '/auth/v1')).payload->'grant_types_supported' ? 'urn:ietf:params:oauth:grant-type:device_code' AS offered;
-- the scopes of applications, not those of whoever has a secret
SELECT auth.set_client_scopes('kata-agent-team@example.com', '{secret}');
SELECT d, (auth.oauth_metadata(d, '/auth/v1')).payload->'scopes_supported' AS scopes
    FROM unnest(ARRAY['openid-configuration', 'oauth-authorization-server']) AS d;
SELECT auth.unregister_client('psql'), auth.unregister_client('tv');
SELECT (auth.oauth_metadata('openid-configuration', '/auth/v1')).payload->'scopes_supported'
    IS NULL AS none;
\i :teardown
