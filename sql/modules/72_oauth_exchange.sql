-- Token exchange (RFC 8693): an agent gets a token of the person it acts for.

CREATE OR REPLACE FUNCTION auth.refuse_delegation(person auth.users, agent auth.users, reason text)
    RETURNS auth.auth_result
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    -- in the chain of the agent, which is proven; what nobody proved is nobody's
    whose auth.users := CASE WHEN agent.id IS NOT NULL THEN agent ELSE person END;
    told jsonb := jsonb_strip_nulls(jsonb_build_object('onBehalfOf', person.email, 'actor',
        agent.email));
BEGIN
    PERFORM auth.count_up('auth.delegation.failures', reason);
    IF auth.audit_failure(coalesce(whose.id, auth.nobody()), whose.email,
        jsonb_build_object('delegation', jsonb_build_object('previous', NULL, 'current', 'refused',
            'reason', reason)), reason, nullif(told, '{}'), whose.id IS NOT NULL) THEN
        PERFORM auth.log_event(jsonb_build_object('event', 'auth.delegation.failure', 'userId',
            whose.id, 'reason', reason, 'metadata', told || jsonb_strip_nulls(
                jsonb_build_object('ip', (auth.request_context()).ip))));
        IF auth.is_agent(agent.kind, agent.email) THEN
            INSERT INTO auth.incidents (kind, user_id, email, reason, metadata, created_at,
                resolved_at)
            SELECT 'delegation_failure', agent.id, agent.email, refuse_delegation.reason, told, t, t
            FROM clock_timestamp() AS t;
        END IF;
    END IF;
    -- RFC 8693, section 2.2.2
    RETURN auth.oauth_error(400, 'invalid_request', CASE reason
        WHEN 'actor-token-dead' THEN 'The actor_token is not alive'
        WHEN 'subject-token-dead' THEN 'The subject_token is not alive'
        WHEN 'actor-not-an-agent' THEN 'The actor_token must be a service account''s own'
        WHEN 'subject-not-a-person' THEN 'The subject_token must be a person''s'
        WHEN 'another-client' THEN 'The actor_token must be that of the client that asks'
        WHEN 'another-actor' THEN 'The subject_token was lent to another agent'
        WHEN 'not-delegated' THEN 'The person has not let this agent act'
        WHEN 'chain-too-long' THEN 'No more agents may act one for the other'
        WHEN 'expired' THEN 'One of the tokens or the grant is about to end'
        END, reason);
END
$$;
COMMENT ON FUNCTION auth.refuse_delegation(auth.users, auth.users, text) IS
'Internal: counts, audits and logs a refused token exchange; the entry names both, and is an '
'incident for the next health scan.';

CREATE OR REPLACE FUNCTION auth.shown_session(token text, lent boolean, OUT claims jsonb,
    OUT session auth.sessions, OUT principal auth.users) RETURNS record
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    seen record := auth.examine_token(token);
    signer constant text := auth.token_kid(token);
BEGIN
    IF seen.claims IS NULL AND lent THEN
        seen := auth.examine_may_act(token);
    END IF;
    IF seen.claims IS NULL THEN
        RETURN;
    END IF;
    -- nothing is held: what hangs on either is judged by what they are when it is used
    SELECT s.* INTO principal FROM auth.users u, auth.standing(u) AS s
    WHERE u.id = (seen.claims->>'sub')::uuid;
    IF principal.id IS NULL THEN -- a project key, or deleted a moment ago
        RETURN;
    END IF;
    SELECT * INTO session FROM auth.sessions s WHERE s.id = (seen.claims->>'session_id')::uuid
        AND s.revoked_at IS NULL AND s.generation = principal.session_generation
        -- another key than the one that its token was signed with has signed none
        AND (s.kid = signer) IS NOT FALSE;
    IF session.id IS NOT NULL AND NOT auth.is_banned(principal) THEN
        claims := seen.claims;
    END IF;
END
$$;
COMMENT ON FUNCTION auth.shown_session(text, boolean) IS
'Internal: what a live token says, its session and principal; lent: also one of '
'auth.issue_may_act(). claims is NULL when it is dead.';

CREATE OR REPLACE FUNCTION auth.own_scopes(claims jsonb) RETURNS text[]
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
    SELECT coalesce(string_to_array(nullif(own_scopes.claims->>'scope', ''), ' '), '{}');
END;
COMMENT ON FUNCTION auth.own_scopes(jsonb) IS 'Internal: the scopes that a token carries.';

CREATE OR REPLACE FUNCTION auth.open_delegated(person auth.users, agent auth.users, act jsonb,
    grant_id uuid, subject auth.sessions, actor auth.sessions, scopes text[], ttl_seconds bigint)
    RETURNS auth.auth_result
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    new_id uuid := gen_random_uuid();
    issued_at bigint := floor(extract(epoch FROM clock_timestamp()));
    ends timestamptz := to_timestamp(issued_at + ttl_seconds);
    request record := auth.request_context();
    token text;
    signer text;
BEGIN
    token := auth.mint_access_token(person, new_id, issued_at, ttl_seconds,
        array_to_string(scopes, ' '), agent.id::text, act);
    signer := auth.token_kid(token);
    -- labelled with who acts, as an application's session is with its name
    INSERT INTO auth.sessions (id, user_id, generation, origin, label, scopes, created_at,
        expires_at, ip, user_agent, credential_id, agents, agent_generations, parents, grants, kid)
    VALUES (new_id, person.id, person.session_generation, 'oauth', agent.email,
        nullif(scopes, '{}'), clock_timestamp(), ends, request.ip, request.user_agent, grant_id,
        agent.id || subject.agents, agent.session_generation || subject.agent_generations,
        ARRAY[subject.id, actor.id] || subject.parents || actor.parents,
        nullif(array_remove(grant_id || subject.grants || actor.grants, NULL), '{}'),
        signer);
    PERFORM auth.audit_as(agent.id, agent.email, person.id, person.email,
        '{"token": {"previous": null, "current": "issued"}}', NULL,
        jsonb_strip_nulls(jsonb_build_object('grant', 'token-exchange', 'sessionId', new_id,
            'onBehalfOf', person.email, 'actor', agent.email, 'delegationId', grant_id,
            'scopes', nullif(scopes, '{}'), 'expiresAt', auth.iso_time(ends))));
    RETURN ROW(true, 200, NULL, jsonb_strip_nulls(jsonb_build_object('access_token', token,
        'token_type', 'Bearer', 'expires_in', ttl_seconds,
        'scope', nullif(array_to_string(scopes, ' '), ''))))::auth.auth_result;
END
$$;
COMMENT ON FUNCTION auth.open_delegated(auth.users, auth.users, jsonb, uuid, auth.sessions,
    auth.sessions, text[], bigint) IS
'Internal: a session of the person with the one token that the agent gets for it. It ends with the '
'agents, sessions and grants that it is got by.';

CREATE OR REPLACE FUNCTION auth.grant_token_exchange(request jsonb, client uuid, context jsonb)
    RETURNS auth.auth_result
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    types constant text[] :=
        '{urn:ietf:params:oauth:token-type:access_token,urn:ietf:params:oauth:token-type:jwt}';
    subject record;
    actor record;
    subject_session auth.sessions;
    person auth.users;
    agent auth.users;
    granted auth.delegations;
    act jsonb;
    chain uuid[];
    scopes text[];
    may text[];
    life bigint;
    result auth.auth_result;
BEGIN
    IF NOT jsonb_strip_nulls(request)
        ?& '{subject_token,subject_token_type,actor_token,actor_token_type}' THEN
        RETURN auth.oauth_error(400, 'invalid_request', 'A subject_token, an actor_token and the '
            'type of each are needed');
    ELSIF request->>'subject_token_type' <> ALL (types)
        OR request->>'actor_token_type' <> ALL (types)
        OR coalesce(request->>'requested_token_type', types[1]) <> ALL (types) THEN
        RETURN auth.oauth_error(400, 'invalid_request', 'Only access tokens are '
            'exchanged: each type is access_token or jwt after urn:ietf:params:oauth:token-type:');
    END IF;
    actor := auth.shown_session(request->>'actor_token', false);
    agent := actor.principal;
    IF actor.claims IS NULL THEN
        RETURN auth.refuse_delegation(NULL, NULL, 'actor-token-dead');
    ELSIF agent.kind <> 'service_account' OR actor.claims ? 'act' THEN
        RETURN auth.refuse_delegation(NULL, agent, 'actor-not-an-agent');
    ELSIF client <> agent.id THEN
        RETURN auth.refuse_delegation(NULL, agent, 'another-client');
    END IF;
    subject := auth.shown_session(request->>'subject_token', true);
    person := subject.principal;
    IF subject.claims IS NULL THEN
        RETURN auth.refuse_delegation(NULL, agent, 'subject-token-dead');
    ELSIF person.kind <> 'person' THEN
        RETURN auth.refuse_delegation(NULL, agent, 'subject-not-a-person');
    END IF;
    act := jsonb_strip_nulls(jsonb_build_object('sub', agent.id, 'act', subject.claims->'act'));
    chain := auth.chain_of(act);
    IF cardinality(chain) > current_setting('pg_principal.max_delegation_chain')::integer
        OR agent.id = ANY (chain[2:]) THEN
        RETURN auth.refuse_delegation(person, agent, 'chain-too-long');
    END IF;
    subject_session := subject.session;
    scopes := auth.own_scopes(actor.claims);
    IF subject.claims ? 'may_act' THEN -- the person's own word, for one agent
        IF subject.claims->'may_act'->>'sub' IS DISTINCT FROM agent.id::text THEN
            RETURN auth.refuse_delegation(person, agent, 'another-actor');
        END IF;
        subject_session.agents := NULL; -- whom it was lent to, not who acted before
        subject_session.agent_generations := NULL;
        scopes := auth.common_scopes(scopes, auth.own_scopes(subject.claims));
    ELSE
        SELECT * INTO granted FROM auth.delegations d
        WHERE d.person_id = person.id AND d.agent_id = agent.id
            AND d.person_generation = person.owner_generation
            AND d.agent_generation = agent.owner_generation AND d.expires_at > clock_timestamp()
            AND (SELECT e.id FROM auth.ended_grants e WHERE e.grant_id = d.id LIMIT 1) IS NULL;
        IF granted.id IS NULL THEN
            RETURN auth.refuse_delegation(person, agent, 'not-delegated');
        END IF;
        scopes := auth.common_scopes(granted.scopes, scopes);
        -- a sign-in has no scopes because it is the person, not because it may nothing
        IF subject.claims ? 'scope' OR subject_session.origin <> 'sign_in' THEN
            scopes := auth.common_scopes(scopes, auth.own_scopes(subject.claims));
        END IF;
    END IF;
    may := scopes;
    scopes := auth.narrowed_scopes(request->>'scope', may);
    IF scopes = '{}' AND coalesce(request->>'scope', '') <> '' THEN
        RETURN auth.refuse_scopes(may);
    END IF;
    life := floor(extract(epoch FROM least(to_timestamp((subject.claims->>'exp')::double precision),
        to_timestamp((actor.claims->>'exp')::double precision), granted.expires_at,
        subject_session.expires_at, (actor.session).expires_at)))::bigint
        - ceil(extract(epoch FROM clock_timestamp()))::bigint;
    life := least(life, auth.requested_ttl(context, 'accessTokenTtl', 'access_token_ttl'));
    IF life < 1 THEN
        RETURN auth.refuse_delegation(person, agent, 'expired');
    END IF;
    result := auth.open_delegated(person, agent, act, granted.id, subject_session, actor.session,
        scopes, life);
    -- it is both: by the name that it was asked for (RFC 8693, section 2.2.1)
    result.payload := result.payload || jsonb_build_object('issued_token_type',
        coalesce(request->>'requested_token_type', types[1]));
    RETURN result;
END
$$;
COMMENT ON FUNCTION auth.grant_token_exchange(jsonb, uuid, jsonb) IS
'Internal: a token of the person whose token is shown, with the agent whose token is shown as its '
'actor: no more scopes than the grant, the agent and the person''s token have, and no longer a '
'life.';
