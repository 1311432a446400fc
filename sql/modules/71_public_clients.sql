-- Public clients: applications without a secret that people let in (RFC 8628), as psql is.

CREATE OR REPLACE FUNCTION auth.register_client(client_id text, name text DEFAULT NULL,
    scopes text[] DEFAULT '{}', ttl text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    wanted text[];
    before auth.public_clients;
    ttl_seconds bigint := CASE WHEN ttl IS NOT NULL THEN auth.parse_ttl(ttl) END;
BEGIN
    PERFORM auth.check_scopes(register_client.scopes);
    IF (client_id ~ '^[A-Za-z0-9._~-]{1,64}$' AND client_id !~*
        '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$') IS NOT TRUE THEN
        PERFORM auth.raise_error('client_id_malformed', coalesce(client_id, 'NULL'));
    ELSIF octet_length(coalesce(nullif(register_client.name, ''), client_id)) > 255 THEN
        PERFORM auth.raise_error('label_too_long', octet_length(register_client.name)::text);
    END IF;
    wanted := ARRAY(SELECT s FROM unnest(register_client.scopes) WITH ORDINALITY AS u (s, n)
        GROUP BY s ORDER BY min(n));
    SELECT * INTO before FROM auth.public_clients c
    WHERE c.client_id = register_client.client_id FOR NO KEY UPDATE;
    INSERT INTO auth.public_clients AS c (id, client_id, name, scopes, token_ttl, created_at)
    VALUES (gen_random_uuid(), register_client.client_id,
        coalesce(nullif(register_client.name, ''), register_client.client_id), wanted, ttl_seconds,
        clock_timestamp())
    ON CONFLICT ON CONSTRAINT public_clients_client_id_key DO UPDATE
        SET name = excluded.name, scopes = excluded.scopes, token_ttl = excluded.token_ttl;
    PERFORM auth.audit_later(jsonb_build_object('publicClient', jsonb_build_object('previous',
            CASE WHEN before.id IS NOT NULL THEN 'registered' END, 'current', 'registered')),
        jsonb_strip_nulls(jsonb_build_object('clientId', register_client.client_id,
            'name', coalesce(nullif(register_client.name, ''), register_client.client_id),
            'scopes', wanted, 'tokenTtl', ttl_seconds)));
END
$$;
COMMENT ON FUNCTION auth.register_client(text, text, text[], text) IS
'Registers an application without a secret, psql say, which people let in by a code at '
'/oauth/device (RFC 8628), or changes it. client_id: 1 to 64 letters, digits and -._~, not like '
'the id of a principal. name: what people are told. scopes: what it may ask for. ttl: how long '
'its tokens live, as for auth.issue(); NULL: pg_principal.access_token_ttl. Tokens that are out '
'keep theirs. 22023 for what is malformed.';

CREATE OR REPLACE FUNCTION auth.unregister_client(client_id text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    gone auth.public_clients;
BEGIN
    DELETE FROM auth.public_clients c WHERE c.client_id = unregister_client.client_id
        RETURNING * INTO gone;
    IF gone.id IS NULL THEN
        RETURN false;
    END IF;
    -- what somebody holds is of no use without the client, and goes when it ends
    DELETE FROM auth.device_codes d WHERE d.hash IN (SELECT o.hash FROM auth.device_codes o
        WHERE o.client = gone.id FOR UPDATE SKIP LOCKED);
    PERFORM auth.audit_later('{"publicClient": {"previous": "registered", "current": "removed"}}',
        jsonb_build_object('clientId', unregister_client.client_id));
    RETURN true;
END
$$;
COMMENT ON FUNCTION auth.unregister_client(text) IS
'Takes back what auth.register_client() did: nobody can let the application in any more, and every '
'token that it got ends at the next statement everywhere. False when there is none.';

CREATE OR REPLACE FUNCTION auth.list_public_clients(
    OUT client_id text, OUT name text, OUT scopes text[], OUT token_ttl bigint,
    OUT live_tokens bigint, OUT created_at timestamptz) RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER
BEGIN ATOMIC
    SELECT c.client_id, c.name, c.scopes, c.token_ttl, count(s.id), c.created_at
    FROM auth.public_clients c LEFT JOIN (auth.sessions s JOIN auth.users o ON o.id = s.user_id
            CROSS JOIN LATERAL auth.standing(o) AS u)
        ON s.grants @> ARRAY[c.id] AND auth.session_state(s, u.session_generation,
            u.banned_until, NULL) = 'live'
    GROUP BY c.id ORDER BY c.client_id;
END;
COMMENT ON FUNCTION auth.list_public_clients() IS
'The applications that people may let in at /oauth/device: what they may ask for, how many seconds '
'their tokens live (NULL: pg_principal.access_token_ttl), and how many are alive.';

CREATE OR REPLACE FUNCTION auth.find_public_client(request jsonb, client uuid,
    OUT found_client auth.public_clients, OUT refused auth.auth_result) RETURNS record
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    wanted constant text := request->>'client_id';
BEGIN
    IF client IS NOT NULL THEN
        refused := auth.oauth_error(400, 'unauthorized_client',
            'A client with a secret asks for itself: client_credentials');
        RETURN;
    ELSIF wanted IS NULL THEN
        refused := auth.oauth_error(400, 'invalid_request', 'client_id is missing');
        RETURN;
    END IF;
    -- not held: a code or session of one that goes meanwhile is worth nothing
    SELECT * INTO found_client FROM auth.public_clients c WHERE c.client_id = wanted;
    IF found_client.id IS NULL THEN
        refused := auth.refuse_client(NULL, 'unknown-client');
    END IF;
END
$$;
COMMENT ON FUNCTION auth.find_public_client(jsonb, uuid) IS
'Internal: the public client that a request names, or why it is refused. client: '
'the service account that has authenticated itself, which is none.';
