\getenv here PG_ABS_SRCDIR
\set setup :here /sql/include/setup.sql
\set teardown :here /sql/include/teardown.sql
\i :setup
-- A token that a person lends one agent (RFC 8693, section 4.4): it is exchanged, and does nothing else.
SET client_min_messages = warning;
SELECT auth.push_people('[{"email": "sub-agent@example.com", "name": "Sub Agent", "kind": "service_account"}]') AS pushed \gset
SELECT created FROM auth.provision() \gset
SELECT auth.set_password('ann@example.com', 'Th1sIsAStrong!Pass') \gset
RESET client_min_messages;
CREATE FUNCTION pg_temp.told(r auth.auth_result) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', r.status, r.reason, r.payload->>'scope', CASE
        WHEN r.payload ? 'access_token' THEN 'token' END, r.payload->'errors'->0->>'field') $$;
CREATE FUNCTION pg_temp.answer(subject text, actor text,
    more jsonb DEFAULT '{}') RETURNS auth.auth_result LANGUAGE sql AS $$
    SELECT auth.oauth_token(jsonb_build_object('grant_type',
        'urn:ietf:params:oauth:grant-type:token-exchange', 'subject_token', subject,
        'subject_token_type', 'urn:ietf:params:oauth:token-type:jwt',
        'actor_token', actor, 'actor_token_type', 'urn:ietf:params:oauth:token-type:access_token')
            || more) $$;
CREATE FUNCTION pg_temp.part(token text, n int) RETURNS jsonb LANGUAGE sql AS $$
    SELECT convert_from(decode(rpad(translate(p, '-_', '+/'), (length(p) + 3) / 4 * 4, '='),
        'base64'), 'UTF8')::jsonb FROM split_part(token, '.', n) AS p $$;
CREATE FUNCTION pg_temp.state(token text) RETURNS text LANGUAGE sql AS $$
    SELECT replace(public.regress_try(format('SELECT auth.authenticate(%L)->>''email''', token)),
    '28000 | token refused | ', '') $$;
CREATE FUNCTION pg_temp.lent(bearer text, agent text, ttl text DEFAULT '1h',
    scopes text[] DEFAULT '{}') RETURNS auth.auth_result LANGUAGE plpgsql AS $$
DECLARE r auth.auth_result; BEGIN
    PERFORM auth.authenticate(bearer);
    r := auth.issue_may_act(agent, ttl, scopes);
    PERFORM auth.authenticate(NULL);
    RETURN r;
END $$;
SELECT payload->'tokens'->>'accessToken' AS person, payload->'tokens'->>'refreshToken' AS refresh
    FROM auth.sign_in('ann@example.com', 'Th1sIsAStrong!Pass') \gset
SELECT auth.issue('kata-agent-team@example.com', '1h', NULL, '{read,write}') AS agent,
    auth.issue('sub-agent@example.com', '1h', NULL, '{read}') AS sub_agent,
       auth.issue('ann@example.com', '2h', NULL, '{read,pay}') AS scoped \gset

-- Who may have one, for whom.
SELECT n, pg_temp.told(pg_temp.lent(bearer, agent, ttl, scopes)) FROM (VALUES
    (1, :'person', 'nobody@example.com', '1h', '{}'::text[]),
    (2, :'person', 'boss@example.com', '1h', '{}'), (3, :'person', 'kata-agent-team@example.com',
        '5m', '{}'),
    (4, :'person', 'kata-agent-team@example.com', '1h', '{a b}'),
    (5, :'agent', 'sub-agent@example.com', '1h', '{}'), (6, NULL, 'kata-agent-team@example.com',
        '1h', '{}'),
    (7, :'person', NULL, NULL, NULL), (8, :'person', ' KATA-agent-team@example.com ', '1h',
        NULL)) AS t (n, bearer, agent, ttl, scopes) ORDER BY n;
SELECT payload->>'token' AS lent, payload->>'sessionId' AS lent_session,
    (payload->>'expiresAt')::timestamptz BETWEEN now() + interval '59 minutes'
    AND now() + interval '1 hour' AS an_hour
FROM pg_temp.lent(:'person', 'kata-agent-team@example.com', '1h', '{{read},{admin}}') \gset
SELECT :'an_hour' AS an_hour, pg_temp.part(:'lent', 1)->>'typ' AS typ,
    pg_temp.part(:'lent', 2)->'may_act'->>'sub' = (SELECT id::text FROM auth.users
    WHERE email = 'kata-agent-team@example.com') AS for_agent;
SELECT array_dims(s.scopes), s.scopes FROM auth.list_sessions('ann@example.com') AS s
    WHERE s.id = :'lent_session';

-- It is no identity: not in SQL, not at the API, not for introspection, and no actor's.
SELECT pg_temp.state(:'lent') AS identity;
SET pg_principal.token = :'lent';
SELECT regress_try('SELECT auth.uid()') AS uid;
RESET pg_principal.token;
-- nor where a gateway verified it that does not look at the typ
SET pg_principal.trust_request_claims = on;
SELECT set_config('request.jwt.claims', pg_temp.part(:'lent', 2)::text, false) <> '' AS claims \gset
SELECT regress_try('SELECT auth.email()') AS by_claims;
RESET request.jwt.claims;
RESET pg_principal.trust_request_claims;
SELECT auth.try_authenticate(:'lent') AS tried,
    (auth.oauth_introspect(jsonb_build_object('token', :'lent'),
    bearer => :'agent')).payload AS introspected,
       (auth.oauth_introspect(jsonb_build_object('token', :'agent'),
           bearer => :'lent')).reason AS as_bearer,
           pg_temp.told(pg_temp.answer(:'person', :'lent')) AS as_actor,
       pg_temp.told(pg_temp.answer(:'lent', :'lent')) AS alone;

-- The agent that it names exchanges it, with no grant of delegation; no other does.
SELECT pg_temp.told(pg_temp.answer(:'person', :'agent')) AS no_grant,
    pg_temp.told(pg_temp.answer(:'lent', :'sub_agent')) AS another,
    pg_temp.told(pg_temp.answer(:'lent', :'agent', '{"scope": "write"}')) AS wider,
       pg_temp.told(pg_temp.answer(:'lent', :'agent', '{"scope": "admin"}')) AS not_the_agents;
SELECT payload->>'access_token' AS both, payload->>'scope' AS scope
    FROM pg_temp.answer(:'lent', :'agent') \gset
SET pg_principal.token = :'both';
SELECT auth.email(), auth.actor_email(), jsonb_array_length(auth.actors()) AS actors,
    auth.is_delegated(), auth.has_scope('read'), auth.has_scope('admin'),
    auth.jwt() ? 'may_act' AS passed_on;
SELECT pg_temp.told(auth.issue_may_act('sub-agent@example.com')) AS lends_on;
RESET pg_principal.token;
SELECT cardinality(agents) AS agents, cardinality(parents) AS parents, grants FROM auth.sessions
    WHERE id = (pg_temp.part(:'both', 2)->>'session_id')::uuid;
-- another grant for another agent does not help: the token says for whom it is
SET client_min_messages = warning;
SELECT auth.delegate('ann@example.com', 'sub-agent@example.com', '1d',
    '{read}') IS NOT NULL AS granted;
RESET client_min_messages;
SELECT pg_temp.told(pg_temp.answer(:'lent', :'sub_agent')) AS still_another,
    pg_temp.told(pg_temp.answer(:'both', :'sub_agent')) AS by_the_grant;

-- No more scopes and no longer a life than what it was got by.
SELECT payload->>'token' AS narrow, (payload->>'expiresAt')::timestamptz <= now() +
    interval '2 hours' AS no_longer FROM pg_temp.lent(:'scoped', 'kata-agent-team@example.com',
    '30d', '{read,write,pay}') \gset
SELECT :'no_longer' AS no_longer, pg_temp.part(:'narrow', 2)->>'scope' AS scope,
    pg_temp.told(pg_temp.answer(:'narrow', :'agent')) AS exchanged;
SELECT (payload->>'expiresAt')::timestamptz <= (SELECT max(expires_at)
    FROM auth.refresh_tokens) AS with_the_sign_in
    FROM pg_temp.lent(:'person', 'kata-agent-team@example.com', '1y');

SET pg_principal.max_own_changes = 1;
SELECT pg_temp.told(pg_temp.lent(:'person', 'kata-agent-team@example.com')) AS too_many;
RESET pg_principal.max_own_changes;

-- What ends it, and what was got by it: its own session, the sign-in, a ban of either, /oauth/revoke.
SELECT auth.revoke_session(:'lent_session', 'lost');
SELECT pg_temp.state(:'both') AS both, pg_temp.told(pg_temp.answer(:'lent', :'agent')) AS again;
SELECT payload->>'token' AS lent FROM pg_temp.lent(:'person', 'kata-agent-team@example.com') \gset
SELECT payload->>'access_token' AS both FROM pg_temp.answer(:'lent', :'agent') \gset
SELECT secret, client_id FROM auth.create_client_secret('kata-agent-team@example.com') \gset
SELECT pg_temp.state(:'both') AS before, (auth.oauth_revoke(jsonb_build_object('token', :'lent'),
    :'client_id', :'secret')).status, pg_temp.state(:'both') AS after,
    pg_temp.told(pg_temp.answer(:'lent', :'agent')) AS again;
-- The person holds what is lent, and so may end it; so may whoever holds what was got by it, unless
-- the agent has shown a secret to get its own token.
SELECT payload->>'token' AS lent FROM pg_temp.lent(:'person', 'kata-agent-team@example.com') \gset
SELECT (auth.oauth_token('{"grant_type": "client_credentials"}', :'client_id',
    :'secret')).payload->>'access_token' AS secrets \gset
SELECT (pg_temp.answer(:'lent', :'agent')).payload->>'access_token' AS both,
    (pg_temp.answer(:'lent', :'secrets')).payload->>'access_token' AS by_secret \gset
SELECT (auth.oauth_revoke(jsonb_build_object('token', :'both'))).status AS holder,
    (auth.oauth_revoke(jsonb_build_object('token', :'by_secret'))).status AS no_client,
    (auth.oauth_revoke(jsonb_build_object('token', :'by_secret', 'client_id',
        :'client_id'))).status AS no_secret, pg_temp.state(:'by_secret') AS still,
    (auth.oauth_revoke(jsonb_build_object('token', :'by_secret'), :'client_id',
        :'secret')).status AS client, pg_temp.state(:'both') AS first,
    pg_temp.state(:'by_secret') AS second;
SELECT (auth.oauth_revoke(jsonb_build_object('token', :'lent'))).status AS person,
    pg_temp.told(pg_temp.answer(:'lent', :'agent')) AS again;
-- the audit tells who did: what an agent gives up is not the person's sign-out
SELECT actor_email, subject, changes->'session'->>'current' AS session,
    metadata->>'onBehalfOf' AS on_behalf_of FROM auth.audit_log
    WHERE metadata->>'by' = 'token revocation' ORDER BY seq;
SELECT payload->>'token' AS lent FROM pg_temp.lent(:'person', 'kata-agent-team@example.com') \gset
SELECT payload->>'access_token' AS both FROM pg_temp.answer(:'lent', :'agent') \gset
SELECT pg_temp.state(:'both') AS before,
    auth.ban('kata-agent-team@example.com') IS NOT NULL AS banned, pg_temp.state(:'both') AS after,
    auth.unban('kata-agent-team@example.com') IS NOT NULL AS unbanned;
SELECT auth.issue('kata-agent-team@example.com', '1h', NULL, '{read,write}') AS agent \gset
SELECT pg_temp.told(pg_temp.answer(:'lent', :'agent')) AS lent_before_the_ban;
SELECT payload->>'token' AS lent FROM pg_temp.lent(:'person', 'kata-agent-team@example.com') \gset
SELECT payload->>'access_token' AS both FROM pg_temp.answer(:'lent', :'agent') \gset
SELECT pg_temp.state(:'both') AS before;
SET pg_principal.token = :'person';
SELECT (auth.sign_out('local')).status;
RESET pg_principal.token;
SELECT pg_temp.state(:'both') AS after, pg_temp.told(pg_temp.answer(:'lent', :'agent')) AS again;

-- Forged: one's own claims below our header, and below another's signature.
SELECT pg_temp.told(pg_temp.answer(split_part(:'narrow', '.', 1) || '.' || split_part(:'person',
    '.', 2) || '.' || split_part(:'person', '.', 3), :'agent')) AS our_header,
       pg_temp.told(pg_temp.answer(auth.jwt_sign(pg_temp.part(:'narrow', 2),
           '{"kty": "oct", "k": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE"}'),
           :'agent')) AS anothers_key;
SELECT subject, changes->'token'->>'current' AS token, metadata->>'agent' AS agent, count(*)
    FROM auth.audit_log WHERE changes->'token'->>'current' = 'lent' GROUP BY 1, 2, 3 ORDER BY 1, 3;
SELECT label, value FROM auth.read_metrics() WHERE name = 'auth.delegation.failures' ORDER BY label;
SET ROLE anon;
SELECT regress_try('SELECT auth.examine_may_act(''x'')'),
    regress_try('SELECT auth.mint_may_act(NULL, NULL, 1, 1, '''', NULL)'),
    regress_try('SELECT auth.issue_may_act(''x'')');
RESET ROLE;
\i :teardown
