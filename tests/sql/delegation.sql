\getenv here PG_ABS_SRCDIR
\set setup :here /sql/include/setup.sql
\set teardown :here /sql/include/teardown.sql
\i :setup
-- Delegation (RFC 8693): an agent acts for a person, both are visible, and either end ends it.
SET client_min_messages = warning;
SELECT auth.push_people('[{"email": "sub-agent@example.com", "name": "Sub Agent", "kind": "service_account"}, {"email": "third-agent@example.com", "name": "Third Agent", "kind": "service_account"}]') AS pushed \gset
SELECT created FROM auth.provision() \gset
SELECT auth.set_password('ann@example.com', 'Th1sIsAStrong!Pass') \gset
RESET client_min_messages;
CREATE FUNCTION pg_temp.told(r auth.auth_result) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', r.status, r.reason, r.payload->>'scope', CASE
        WHEN r.payload ? 'access_token' THEN 'token' END) $$;
CREATE FUNCTION pg_temp.asked(subject text, actor text, more jsonb DEFAULT '{}') RETURNS jsonb
    LANGUAGE sql AS $$
    SELECT jsonb_build_object('grant_type', 'urn:ietf:params:oauth:grant-type:token-exchange',
        'subject_token', subject, 'subject_token_type',
        'urn:ietf:params:oauth:token-type:access_token',
        'actor_token', actor, 'actor_token_type', 'urn:ietf:params:oauth:token-type:jwt')
            || more $$;
CREATE FUNCTION pg_temp.exchanged(subject text, actor text, more jsonb DEFAULT '{}') RETURNS text
    LANGUAGE sql AS $$
    SELECT pg_temp.told(auth.oauth_token(pg_temp.asked(subject, actor, more))) $$;
CREATE FUNCTION pg_temp.token(subject text, actor text, more jsonb DEFAULT '{}') RETURNS text
    LANGUAGE sql AS $$
    SELECT (auth.oauth_token(pg_temp.asked(subject, actor, more))).payload->>'access_token' $$;
CREATE FUNCTION pg_temp.claims(token text) RETURNS jsonb LANGUAGE sql AS $$
    SELECT convert_from(decode(translate(p, '-_', '+/') || repeat('=', -length(p) & 3),
        'base64'), 'UTF8')::jsonb FROM split_part(token, '.', 2) AS p $$;
CREATE FUNCTION pg_temp.state(token text) RETURNS text LANGUAGE sql AS $$
    SELECT replace(public.regress_try(format('SELECT auth.authenticate(%L)->>''email''', token)),
    '28000 | token refused | ', '') $$;
SELECT payload->'tokens'->>'accessToken' AS person
    FROM auth.sign_in('ann@example.com', 'Th1sIsAStrong!Pass') \gset
SELECT auth.issue('kata-agent-team@example.com', '1h', NULL, '{read,write}') AS agent,
    auth.issue('sub-agent@example.com', '1h', NULL, '{read}') AS sub_agent,
    auth.issue('third-agent@example.com', '1h', NULL, '{read}') AS third,
       auth.issue('ann@example.com', '1h', NULL, '{read,pay}') AS scoped,
           auth.issue('ann@example.com', '1h') AS bare \gset

-- Nobody acts for anybody who has not granted it.
SELECT pg_temp.exchanged(:'person', :'agent') AS not_granted;
SELECT regress_try(format('SELECT auth.delegate(%s)', a))
    FROM (VALUES (1, '''nobody@example.com'', ''kata-agent-team@example.com'''),
    (2, '''ann@example.com'', ''boss@example.com'''),
    (3, '''sub-agent@example.com'', ''kata-agent-team@example.com'''),
    (4, '''ann@example.com'', ''kata-agent-team@example.com'', ''5m'''),
    (5, '''ann@example.com'', ''kata-agent-team@example.com'', scopes => ''{a b}'''),
    (6, 'NULL, NULL')) AS t (n, a) ORDER BY n;
SELECT auth.delegate('Ann@example.com', 'kata-agent-team@example.com', '1d',
    '{read,admin}') AS grant_id \gset
SELECT person, agent, scopes, state, granted_by FROM auth.list_delegations();
SELECT count(*) FROM auth.list_delegations('boss@example.com'), LATERAL (SELECT 1) AS x;
SELECT regress_try(format('SELECT count(*) FROM auth.list_delegations(%L)', e)) AS nobodys
    FROM unnest(ARRAY['nobody@example.com', 'x']) AS e;

-- The token is the person's, the agent visible in it; scopes that all have, and no longer a life than any.
SELECT pg_temp.token(:'person', :'agent') AS both \gset
SET pg_principal.token = :'both';
SET ROLE authenticated;
SELECT jsonb_array_length(auth.actors()) AS actors, auth.actors()->>0 = auth.actor()::text AS first;
RESET ROLE;
SELECT auth.email(), auth.actor_email(), auth.actor() = (SELECT id FROM auth.users
    WHERE email = 'kata-agent-team@example.com') AS actor,
    auth.actors() = jsonb_build_array(auth.actor()) AS actors,
       auth.is_delegated(), auth.is_person(), auth.has_scope('read'), auth.has_scope('write'),
           auth.has_scope('admin'), auth.jwt()->>'client_id' = auth.actor()::text AS client;
CREATE TABLE owned (owner text, n int);
INSERT INTO owned VALUES ('kata-agent-team@example.com', 1), ('ann@example.com', 2),
    ('boss@example.com', 3);
SET client_min_messages = warning;
SELECT auth.clamp('owned', 'owner');
RESET client_min_messages;
GRANT SELECT ON owned TO authenticated;
SET ROLE authenticated;
SELECT n FROM owned;
-- of a table it may read and write what its scopes say, of the person's rows
RESET ROLE;
SELECT regress_try(format('SELECT auth.clamp_agents(%s)', a))
    FROM (VALUES (1, '''auth.users'', ''read'''), (2, 'NULL, ''read'''), (3, '''owned'', ''a b'''),
    (4, '''owned'', ''read'', ''''')) AS t (n, a) ORDER BY n;
SET client_min_messages = warning;
SELECT auth.clamp('owned', 'owner', writes => true), auth.clamp_agents('owned', 'read', 'pay');
RESET client_min_messages;
GRANT INSERT, UPDATE, DELETE ON owned TO authenticated;
CREATE FUNCTION pg_temp.touched() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    updated int;
    inserted text := left(regress_try('INSERT INTO owned VALUES (auth.email(), 9) RETURNING n'),
        60);
    deleted int;
BEGIN
    UPDATE owned SET n = n;
    GET DIAGNOSTICS updated = ROW_COUNT;
    DELETE FROM owned WHERE n = 9;
    GET DIAGNOSTICS deleted = ROW_COUNT;
    RETURN format('sees %s, inserted %s, updated %s, deleted %s',
        (SELECT string_agg(n::text, ' ' ORDER BY n) FROM owned), inserted, updated, deleted);
END $$;
SET ROLE authenticated;
SELECT pg_temp.touched() AS "read, not pay";
RESET ROLE;
SELECT auth.clamp_agents('owned', 'pay');
SET ROLE authenticated;
SELECT pg_temp.touched() AS neither;
RESET ROLE;
SELECT auth.clamp_agents('owned', writes => 'read');
SET ROLE authenticated;
SELECT pg_temp.touched() AS "both";
SET pg_principal.token = :'bare';
RESET ROLE;
SELECT auth.clamp_agents('owned', 'pay');
SET ROLE authenticated;
SELECT pg_temp.touched() AS "for herself";
SET pg_principal.token = :'both';
RESET ROLE;
SET client_min_messages = warning;
SELECT auth.clamp('owned', 'owner');
SELECT count(*) AS kept FROM pg_policy WHERE polrelid = 'owned'::regclass
    AND polname LIKE 'pg_principal_agents%';
SELECT auth.unclamp('owned'), auth.clamp('owned', 'owner');
SELECT count(*) AS gone FROM pg_policy WHERE polrelid = 'owned'::regclass
    AND polname LIKE 'pg_principal_agents%';
RESET client_min_messages;
REVOKE INSERT, UPDATE, DELETE ON owned FROM authenticated;
SET ROLE authenticated;
-- it reads what the person reads, and touches neither accounts nor grants
SELECT (auth.get_user()).status,
    (auth.change_password('Th1sIsAStrong!Pass', 'An0ther!Password')).reason,
    (auth.sign_out('global')).reason, (auth.update_profile('{"firstName": "x"}')).status,
       (auth.delegate_to('sub-agent@example.com')).reason,
           (auth.revoke_delegation(:'grant_id')).status, (auth.my_delegations()).status;
RESET ROLE;
-- a connection by such a token shows both, and ends none; nor does the agent of an ADMIN see or end those of others
SET pg_principal.end_session_with_token = on;
RESET pg_principal.token;
SET pg_principal.token = :'both';
SELECT auth.email();
SELECT email, actor, door FROM auth.connections;
SELECT regress_try('SELECT auth.end_connection(pg_backend_pid())');
RESET pg_principal.end_session_with_token;
UPDATE auth.users SET app_role = 'ADMIN' WHERE email = 'ann@example.com';
SELECT auth.has_role('ADMIN') AS policies, auth.sees_all_connections();
SET ROLE authenticated;
SELECT bool_and(user_id = auth.uid()) AS own_audit_only FROM auth.audit_log;
RESET ROLE;
SET pg_principal.token = :'bare';
SELECT auth.sees_all_connections();
UPDATE auth.users SET app_role = 'ANALYST' WHERE email = 'ann@example.com';
RESET pg_principal.token;
DROP TABLE owned;
SELECT auth.actor(), auth.actor_email(), auth.actors(), auth.is_delegated();
SET pg_principal.token = :'agent';
SELECT auth.actor(), auth.actor_email(), auth.actors(), auth.is_delegated();
RESET pg_principal.token;
SELECT label, pg_temp.exchanged(subject, actor, more) AS outcome FROM (VALUES
    (1, 'some', :'person', :'agent', '{"scope": "read"}'::jsonb),
    (2, 'what the agent has not', :'person', :'agent', '{"scope": "admin"}'),
    (3, 'what was not granted', :'person', :'agent', '{"scope": "write"}'),
    (4, 'a token of the person with scopes', :'scoped', :'agent', '{}'),
    (5, 'what that has and the agent has not', :'scoped', :'agent', '{"scope": "pay"}'),
    (6, 'a token of the person without', :'bare', :'agent', '{}'),
    (7, 'the person as its own actor', :'person', :'person', '{}'),
    (8, 'the two the wrong way round', :'agent', :'person', '{}'),
    (9, 'the agent for itself', :'agent', :'agent', '{}'),
    (10, 'another agent', :'person', :'sub_agent', '{}'),
    (11, 'another person', :'boss', :'agent', '{}'), (12, 'no token', 'x.y.z', :'agent', '{}'),
    (13, 'no actor', :'person', 'x.y.z', '{}'), (14, 'another type', :'person', :'agent',
        '{"subject_token_type": "urn:ietf:params:oauth:token-type:id_token"}'),
    (15, 'a refresh token is wanted', :'person', :'agent',
        '{"requested_token_type": "urn:ietf:params:oauth:token-type:refresh_token"}'),
    (16, 'an act of one''s own', :'person', :'agent', '{"act": {"sub": "x"}}')) AS t (n, label,
        subject, actor, more) ORDER BY n;
SELECT pg_temp.told(auth.oauth_token('{"grant_type": "urn:ietf:params:oauth:grant-type:token-exchange"}')) AS nothing;
SELECT name, pg_temp.told(auth.oauth_token(pg_temp.asked(:'person', :'agent')
    || jsonb_build_object(name, NULL))) AS null
    FROM unnest('{subject_token,subject_token_type,actor_token,actor_token_type}'::text[]) AS name;
SELECT token AS service FROM auth.issue_key('service_role') \gset
SELECT pg_temp.exchanged(:'service', :'agent') AS project_key, pg_temp.exchanged(:'person',
    :'service') AS as_actor;
-- the claim act is nobody's to write
SELECT (payload->>'expires_in')::int <= 900 AS short, payload->>'issued_token_type' AS type
    FROM auth.oauth_token(pg_temp.asked(:'person', :'agent'));
SELECT payload->>'issued_token_type' AS as_asked
    FROM auth.oauth_token(pg_temp.asked(:'person', :'agent',
    '{"requested_token_type": "urn:ietf:params:oauth:token-type:jwt"}'));
SELECT auth.issue('kata-agent-team@example.com', '1h', NULL, '{read}') AS long_lived \gset
UPDATE auth.delegations SET expires_at = clock_timestamp() + interval '50 seconds';
SELECT (payload->>'expires_in')::int BETWEEN 45 AND 50 AS as_the_grant
    FROM auth.oauth_token(pg_temp.asked(:'person', :'agent'));

-- Chains: an agent acts for an agent that acts for the person, each with a grant of the person.
SELECT auth.delegate('ann@example.com', 'kata-agent-team@example.com', '1d',
    '{read,admin}') IS NOT NULL AS granted, auth.delegate('ann@example.com',
    'sub-agent@example.com', '1d', '{read}') IS NOT NULL AS granted,
       auth.delegate('ann@example.com', 'third-agent@example.com', '1d',
           '{read}') IS NOT NULL AS granted;
SELECT pg_temp.token(:'person', :'agent') AS one \gset
SELECT pg_temp.token(:'one', :'sub_agent') AS two \gset
SELECT c->>'sub' = (SELECT id::text FROM auth.users WHERE email = 'ann@example.com') AS person,
    jsonb_array_length(auth.actors()) AS agents, auth.actor_email(), auth.has_scope('read')
FROM auth.authenticate(:'two', false) AS c;
RESET pg_principal.token;
SELECT pg_temp.exchanged(:'two', :'third') AS third,
    pg_temp.exchanged(:'one', :'agent') AS twice_the_same, pg_temp.exchanged(:'person',
    :'one') AS delegated_actor;
SET pg_principal.max_delegation_chain = 3;
SELECT pg_temp.exchanged(:'two', :'third') AS third;
RESET pg_principal.max_delegation_chain;

-- The end of anything it hangs on ends it, and what hangs on that.
SELECT pg_temp.state(:'one') AS one, pg_temp.state(:'two') AS two;
SELECT auth.end_delegation(id), auth.end_delegation(id) FROM auth.list_delegations()
    WHERE agent = 'kata-agent-team@example.com';
SELECT pg_temp.state(:'one') AS one, pg_temp.state(:'two') AS two,
    pg_temp.state(:'person') AS person, pg_temp.state(:'agent') AS agent;
SELECT auth.delegate('ann@example.com', 'kata-agent-team@example.com', '1d',
    '{read}') IS NOT NULL AS granted;
-- the person's session
SELECT payload->'tokens'->>'accessToken' AS person2
    FROM auth.sign_in('ann@example.com', 'Th1sIsAStrong!Pass') \gset
SELECT pg_temp.token(:'person', :'agent') AS one, pg_temp.token(:'person2', :'agent') AS other \gset
SET pg_principal.token = :'person';
SELECT (auth.sign_out()).status;
RESET pg_principal.token;
SELECT pg_temp.state(:'one') AS one, pg_temp.state(:'other') AS of_the_other_session;
-- the agent's session
SELECT auth.revoke_session(id, 'lost') FROM auth.list_sessions('kata-agent-team@example.com')
    WHERE scopes = '{read,write}';
SELECT pg_temp.state(:'other') AS one;
-- a ban of the agent, of the person; their deletion; another owner
SELECT auth.issue('kata-agent-team@example.com', '1h', NULL, '{read}') AS agent \gset
SELECT pg_temp.token(:'person2', :'agent') AS one,
    pg_temp.token(:'person2', :'sub_agent') AS other \gset
SELECT auth.ban('kata-agent-team@example.com');
SELECT pg_temp.state(:'one') AS one, pg_temp.state(:'other') AS other, pg_temp.exchanged(:'person2',
    :'agent') AS again;
SELECT auth.unban('kata-agent-team@example.com');
SELECT pg_temp.state(:'one') AS lifted;
SELECT pg_temp.token(:'person2', :'sub_agent') AS one \gset
DELETE FROM auth.users WHERE email = 'sub-agent@example.com';
SELECT pg_temp.state(:'one') AS deleted;
SELECT auth.issue('kata-agent-team@example.com', '1h', NULL, '{read}') AS agent \gset
SELECT pg_temp.token(:'person2', :'agent') AS one \gset
SELECT auth.ban('ann@example.com');
SELECT pg_temp.state(:'one') AS one;
SELECT auth.unban('ann@example.com');
SELECT payload->'tokens'->>'accessToken' AS person
    FROM auth.sign_in('ann@example.com', 'Th1sIsAStrong!Pass') \gset
SELECT pg_temp.token(:'person', :'agent') AS one \gset
UPDATE auth.users SET owner_generation = owner_generation + 1
    WHERE email = 'kata-agent-team@example.com';
SELECT auth.issue('kata-agent-team@example.com', '1h', NULL, '{read}') AS agent \gset
SELECT pg_temp.state(:'one') AS one, pg_temp.exchanged(:'person', :'agent') AS former, state
    FROM auth.list_delegations('kata-agent-team@example.com');
-- a grant that has ended
SELECT auth.delegate('ann@example.com', 'kata-agent-team@example.com', '1d',
    '{read}') IS NOT NULL AS granted;
UPDATE auth.delegations SET expires_at = clock_timestamp() - interval '1 second';
SELECT pg_temp.exchanged(:'person', :'agent') AS ended;
-- and its end takes along what was got by it, however far clocks may differ
UPDATE auth.delegations SET expires_at = clock_timestamp() + interval '3 seconds';
SELECT pg_temp.token(:'person', :'agent') AS one \gset
SET pg_principal.token = :'one';
SELECT auth.email(), auth.is_delegated();
SELECT pg_sleep(extract(epoch FROM max(expires_at) - clock_timestamp())) FROM auth.delegations;
SELECT regress_try('SELECT auth.email()') AS cached, pg_temp.state(:'one') AS judged, l.state
    FROM auth.list_sessions('ann@example.com') AS l
    WHERE l.id = (pg_temp.claims(:'one')->>'session_id')::uuid;
RESET pg_principal.token;

-- Granted and ended by the person over an API, or by an ADMIN; by nobody else.
SELECT auth.authenticate(:'person', false)->>'email' AS email;
SELECT r.status, r.reason, r.payload->'errors'->0->>'field' AS field,
    r.payload->'errors'->0->>'message' AS says FROM (VALUES ('nobody@example.com', '1d'),
    ('boss@example.com', '1d'), ('kata-agent-team@example.com', '5m'),
    ('third-agent@example.com', '1d')) AS t (agent, ttl),
    LATERAL (SELECT (auth.delegate_to(agent, ttl, '{read}')).*) AS r;
SELECT d->>'agent' AS agent, d->>'state' AS state, d->'scopes' AS scopes
    FROM jsonb_array_elements((auth.my_delegations()).payload->'delegations') AS d;
SELECT (auth.delegate_to('third-agent@example.com', person => (SELECT id FROM auth.users
    WHERE email = 'boss@example.com'))).status AS for_another;
RESET pg_principal.token;
SELECT auth.delegate('boss@example.com', 'third-agent@example.com') AS bosss \gset
SELECT auth.authenticate(:'person', false)->>'email' AS email;
SELECT (auth.revoke_delegation(:'bosss')).status AS anothers;
SELECT (auth.revoke_delegation((d->>'id')::uuid)).status AS own
    FROM jsonb_array_elements((auth.my_delegations()).payload->'delegations') AS d
    WHERE d->>'agent' = 'third-agent@example.com';
RESET pg_principal.token;
UPDATE auth.users SET app_role = 'ADMIN' WHERE email = 'ann@example.com';
SELECT auth.authenticate(:'person', false)->>'email' AS email;
SELECT (auth.delegate_to('third-agent@example.com', person => (SELECT id FROM auth.users
    WHERE email = 'boss@example.com'))).status AS for_another;
RESET pg_principal.token;
SELECT (auth.my_delegations()).status AS nobody,
    (auth.delegate_to('third-agent@example.com')).status AS nobody;
SET pg_principal.token = :'agent';
SELECT r.status, r.reason, o.payload->'errors'->0->>'field' AS of_itself_by_id
    FROM auth.delegate_to('third-agent@example.com') AS r,
    auth.delegate_to('third-agent@example.com', person => auth.uid()) AS o;
RESET pg_principal.token;

-- Both are named: in the audit, in refusals, and in what the agent does through an operator's role.
SELECT subject, actor_email, changes->'token'->>'current' AS token,
    metadata->>'onBehalfOf' AS on_behalf_of, metadata->>'actor' AS actor,
    metadata->'scopes' AS scopes FROM auth.audit_log WHERE metadata->>'grant' = 'token-exchange'
    ORDER BY created_at LIMIT 1;
SELECT subject, reason, metadata->>'onBehalfOf' AS on_behalf_of, metadata->>'actor' AS actor
    FROM auth.audit_log WHERE changes->'delegation'->>'current' = 'refused' ORDER BY created_at
    LIMIT 3;
SELECT label, value FROM auth.read_metrics() WHERE name = 'auth.delegation.failures' ORDER BY label;
-- the health report has those of proven agents, each once, and they are no open findings
SELECT kind, email, reason, metadata, count(*) FROM auth.scan_agent_health()
    WHERE kind = 'delegation_failure' GROUP BY 1, 2, 3, 4 ORDER BY 2, 3, 4::text COLLATE "C";
SELECT count(*) AS again FROM auth.scan_agent_health() WHERE kind = 'delegation_failure';
SELECT bool_and(resolved_at IS NOT NULL AND detected_at IS NOT NULL) AS over
    FROM auth.list_incidents() WHERE kind = 'delegation_failure';
SELECT findings, refresh_failures, delegation_failures > 0 AS refused, last_failure_reason
    FROM auth.agent_health() WHERE email = 'kata-agent-team@example.com';
SELECT m.value = (SELECT count(*) FROM auth.list_incidents()
    WHERE kind = 'delegation_failure') AS counted FROM auth.read_metrics() AS m
    WHERE m.name = 'agent.delegation.failures';
SELECT auth.delegate('ann@example.com', 'kata-agent-team@example.com', '1d',
    '{read}') IS NOT NULL AS granted;
SELECT pg_temp.token(:'person', auth.issue('kata-agent-team@example.com', '1h', NULL,
    '{read}')) AS one \gset
SELECT auth.authenticate(:'one', false)->>'email' AS email;
SELECT auth.ban('boss@example.com', reason => 'by an agent');
BEGIN; -- many at once, as one
INSERT INTO auth.users (email) SELECT 'd' || i || '@many.example' FROM generate_series(1, 12) AS i;
UPDATE auth.users SET phone_number = '1' WHERE email LIKE 'd%@many.example';
UPDATE auth.users SET phone_number = '2' WHERE email = 'd1@many.example';
SELECT actor_email, metadata, changes, count(*) FROM auth.audit_log WHERE changes ? 'phoneNumber'
    GROUP BY 1, 2, 3 ORDER BY 3;
ROLLBACK;
RESET pg_principal.token;
SELECT actor_email, metadata->>'onBehalfOf' AS on_behalf_of, reason FROM auth.audit_log
    WHERE reason = 'by an agent';
-- what hangs on what has ended is told as ended, and nothing was written for it
SELECT l.state, s.revoked_at IS NULL AS unwritten, count(*) > 1 AS several
    FROM auth.list_sessions('ann@example.com') AS l JOIN auth.sessions s USING (id)
    WHERE s.parents IS NOT NULL AND l.state <> 'expired' GROUP BY 1, 2 ORDER BY 1;
SELECT count(*) AS faults FROM auth.audit_verify();
SELECT auth.audit_seal() ~ '^eyJ' AS sealed;
-- an agent acts for people, and a service account for nobody while it is none
SELECT pg_temp.token(:'person', auth.issue('kata-agent-team@example.com', '1h', NULL,
    '{read}')) AS one \gset
SELECT pg_temp.state(:'one') AS before \gset
UPDATE auth.users SET kind = 'service_account' WHERE email = 'ann@example.com';
SELECT :'before' AS before, pg_temp.state(:'one') AS no_person,
    (SELECT l.state FROM auth.list_sessions('ann@example.com') AS l JOIN auth.sessions s USING (id)
        WHERE s.parents IS NOT NULL ORDER BY l.created_at DESC LIMIT 1) AS told,
    (SELECT l.state FROM auth.list_delegations('ann@example.com') AS l
        WHERE l.agent = 'kata-agent-team@example.com') AS granted;
UPDATE auth.users SET kind = 'person' WHERE email = 'ann@example.com';
-- a grant in place of another tells which one has ended
SELECT auth.delegate('boss@example.com', 'third-agent@example.com') AS former \gset
SELECT auth.delegate('boss@example.com', 'third-agent@example.com') AS present \gset
SELECT changes->'delegation' AS delegation, metadata->>'replaces' = :'former' AS of_former
    FROM auth.audit_log WHERE metadata->>'delegationId' IN (:'former', :'present') ORDER BY seq;
-- What was got by a token ends with the key that had signed that one.
SELECT payload->'tokens'->>'refreshToken' AS refresh
    FROM auth.sign_in('ann@example.com', 'Th1sIsAStrong!Pass') \gset
SELECT auth.issue('kata-agent-team@example.com', '1h', NULL, '{read}') AS by_old \gset
SELECT auth.create_signing_key('ES256') IS NOT NULL AS renewed;
SELECT payload->'tokens'->>'accessToken' AS person FROM auth.refresh(:'refresh') \gset
SELECT auth.issue('kata-agent-team@example.com', '1h', NULL, '{read}') AS by_new \gset
SELECT pg_temp.token(:'person', :'by_old') AS got_by_old,
    pg_temp.token(:'person', :'by_new') AS got_by_new \gset
SELECT auth.token_kid(:'got_by_old') = auth.token_kid(:'got_by_new') AS same_signer,
    pg_temp.state(:'got_by_old') AS by_old, pg_temp.state(:'got_by_new') AS by_new;
-- another key makes no other token of the same session
SELECT pg_temp.exchanged(:'person', auth.jwt_sign(pg_temp.claims(:'by_old'), (
    SELECT convert_from(material, 'UTF8')::jsonb || jsonb_build_object('kid', kid)
    FROM auth.signing_keys WHERE state = 'in_use'))) AS made_by_new;
SET pg_principal.token = :'got_by_old';
SELECT auth.email();
SELECT auth.revoke_signing_key(auth.token_kid(:'by_old')) IS NOT NULL AS revoked \gset
SELECT regress_try('SELECT auth.email()') AS bound;
RESET pg_principal.token;
SELECT pg_temp.state(:'by_old') AS agent, pg_temp.state(:'got_by_old') AS by_old,
    pg_temp.state(:'got_by_new') AS by_new;
SELECT l.state FROM auth.list_sessions('ann@example.com') AS l JOIN auth.sessions s USING (id)
    WHERE s.parents IS NOT NULL ORDER BY l.created_at DESC LIMIT 2;
-- who may what
SET ROLE authenticated;
SELECT regress_try('SELECT auth.delegate(''ann@example.com'', ''third-agent@example.com'')'),
    regress_try('SELECT auth.end_delegation(NULL)'), regress_try('SELECT * FROM auth.delegations'),
    regress_try('SELECT * FROM auth.list_delegations()');
RESET ROLE;
\i :teardown
