-- A token that a person lends an agent (RFC 8693, section 4.4): to be exchanged, and for nothing
-- else.

CREATE OR REPLACE FUNCTION auth.examine_may_act(token text, OUT refused text, OUT claims jsonb)
    RETURNS record
LANGUAGE c VOLATILE STRICT COST 10 AS 'MODULE_PATHNAME', 'pg_principal_examine_may_act';
COMMENT ON FUNCTION auth.examine_may_act(text) IS
'Internal: auth.examine_token() of a token that auth.issue_may_act() gave, and of no other.';

CREATE OR REPLACE FUNCTION auth.mint_may_act(principal auth.users, session_id uuid,
    issued_at bigint, ttl_seconds bigint, scopes text, agent uuid) RETURNS text
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'pg_principal_mint_may_act';
COMMENT ON FUNCTION auth.mint_may_act(auth.users, uuid, bigint, bigint, text, uuid) IS
'Internal: a token with the claim may_act and a typ of its own, which only a token exchange takes.';

CREATE OR REPLACE FUNCTION auth.issue_may_act(agent text, ttl text DEFAULT '1h',
    scopes text[] DEFAULT '{}', context jsonb DEFAULT NULL) RETURNS auth.auth_result
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    refused auth.auth_result := auth.refusal_of_caller();
    problem constant text := 'The token was refused';
    new_id constant uuid := gen_random_uuid();
    issued_at constant bigint := floor(extract(epoch FROM clock_timestamp()));
    request record;
    terms record;
    own jsonb;
    lent text[] := ARRAY(SELECT s FROM unnest(scopes) AS s); -- of one dimension, as they are told
    life bigint;
    person auth.users;
    the_agent auth.users;
    present auth.sessions;
    ends timestamptz;
    token text;
    signer text;
BEGIN
    IF refused.ok IS NOT NULL THEN
        RETURN refused;
    END IF;
    PERFORM auth.set_request_context(context);
    request := auth.request_context();
    terms := auth.read_terms(problem, agent, ttl, scopes);
    IF (terms.refused).ok IS NOT NULL THEN
        RETURN terms.refused;
    END IF;
    life := terms.life;
    the_agent := terms.the_agent;
    SELECT s.* INTO person FROM auth.users u, auth.standing(u) AS s WHERE u.id = auth.uid();
    own := auth.jwt();
    SELECT * INTO present FROM auth.sessions s WHERE s.id = (own->>'session_id')::uuid;
    IF person.kind <> 'person' THEN
        RETURN auth.refusal(403, 'not-a-person', 'Only a person lets an agent act');
    ELSIF (SELECT count(*) FROM auth.sessions s WHERE s.user_id = person.id
        AND s.label LIKE 'lent to %' AND s.created_at > clock_timestamp() - interval '1 hour')
        >= current_setting('pg_principal.max_own_changes')::integer THEN
        RETURN auth.refusal(429, 'too-many-changes', 'Too many tokens were lent within an hour');
    ELSIF present.id IS NULL THEN -- claims that a gateway has verified
        RETURN auth.refusal(403, 'no-session', 'A token with a session is needed');
    END IF;
    IF own ? 'scope' OR present.origin <> 'sign_in' THEN
        lent := auth.common_scopes(lent, auth.own_scopes(own));
    END IF;
    -- a sign-in goes on with its refresh token, anything else ends with the one token
    ends := least(to_timestamp(issued_at + life), CASE WHEN present.origin = 'sign_in'
        THEN (SELECT r.expires_at FROM auth.refresh_tokens r WHERE r.session_id = present.id)
        ELSE least(present.expires_at, to_timestamp((own->>'exp')::double precision)) END);
    life := floor(extract(epoch FROM ends))::bigint - issued_at;
    IF life < 1 THEN
        RETURN auth.refusal(403, 'expired', 'The session is about to end');
    END IF;
    ends := to_timestamp(issued_at + life);
    token := auth.mint_may_act(person, new_id, issued_at, life, array_to_string(lent, ' '),
        the_agent.id);
    signer := auth.token_kid(token);
    INSERT INTO auth.sessions (id, user_id, generation, origin, label, scopes, created_at,
        expires_at, ip, user_agent, agents, agent_generations, parents, grants, kid)
    VALUES (new_id, person.id, person.session_generation, 'oauth', left('lent to '
        || the_agent.email, 63), nullif(lent, '{}'), clock_timestamp(), ends, request.ip,
        request.user_agent, ARRAY[the_agent.id], ARRAY[the_agent.session_generation],
        present.id || present.parents, present.grants, signer);
    PERFORM auth.audit(person.id, person.email, '{"token": {"previous": null, "current": "lent"}}',
        NULL, jsonb_strip_nulls(jsonb_build_object('sessionId', new_id, 'agent', the_agent.email,
            'scopes', nullif(lent, '{}'), 'expiresAt', auth.iso_time(ends))));
    RETURN ROW(true, 201, NULL, jsonb_build_object('token', token, 'sessionId', new_id,
        'expiresAt', auth.iso_time(ends)))::auth.auth_result;
END
$$;
COMMENT ON FUNCTION auth.issue_may_act(text, text, text[], jsonb) IS
'Gives the caller, a person, a token to hand to an agent: a subject_token that this agent alone '
'exchanges at /oauth/token (RFC 8693, claim may_act), with no grant of delegation, for tokens with '
'no more than these scopes, for ttl (1h), and that nothing else takes: not auth.uid(), no API, no '
'login. It ends with the session of the caller, with a ban of either, and by ending its own '
'session. 201 {token, sessionId, expiresAt}; 400 naming the bad field, 401, 403, 429 after '
'pg_principal.max_own_changes within an hour.';
