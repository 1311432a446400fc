-- Who acts for whom: an agent that calls on behalf of a person (RFC 8693, claim act).

CREATE OR REPLACE FUNCTION auth.is_delegated() RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT coalesce(auth.jwt() ? 'act', false);
END;
COMMENT ON FUNCTION auth.is_delegated() IS
'Whether an agent is calling on behalf of auth.uid() (claim act, RFC 8693). False without a token, '
'never NULL; 28000 when the token is dead.';

CREATE OR REPLACE FUNCTION auth.actor() RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT (auth.jwt()->'act'->>'sub')::uuid;
END;
COMMENT ON FUNCTION auth.actor() IS
'The id of the agent that is calling on behalf of auth.uid(). NULL when the caller acts for '
'itself; 28000 when the token is dead.';

CREATE OR REPLACE FUNCTION auth.chain_of(act jsonb) RETURNS uuid[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    chain uuid[] := '{}';
BEGIN
    WHILE act IS NOT NULL LOOP
        chain := chain || (act->>'sub')::uuid;
        act := act->'act';
    END LOOP;
    RETURN chain;
END
$$;
COMMENT ON FUNCTION auth.chain_of(jsonb) IS
'Internal: the agents of a claim act, the outermost first.';

CREATE OR REPLACE FUNCTION auth.actors() RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE
BEGIN ATOMIC
    SELECT to_jsonb(auth.chain_of(auth.jwt()->'act'));
END;
COMMENT ON FUNCTION auth.actors() IS
'The ids of the agents that act one for the other on behalf of auth.uid(), the one that is calling '
'first. An empty array when the caller acts for itself; 28000 when the token is dead.';

CREATE OR REPLACE FUNCTION auth.actor_email() RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE
BEGIN ATOMIC
    SELECT u.email FROM auth.users u WHERE u.id = auth.actor();
END;
COMMENT ON FUNCTION auth.actor_email() IS
'The email of auth.actor() as auth.users has it now. NULL when the caller acts for itself; 28000 '
'when the token is dead.';

CREATE OR REPLACE FUNCTION auth.client_id() RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT auth.jwt()->>'client_id';
END;
COMMENT ON FUNCTION auth.client_id() IS
'Who got the caller''s token at /oauth/token: for a service account its own id, for an agent that '
'acts for somebody the agent''s, for an application that a person let in what it is registered as '
'(auth.register_client()). NULL for other tokens; 28000 when the token is dead.';
