-- Clients that sign for themselves: private_key_jwt (RFC 7523, as RFC 10070 narrows it).

-- What was got with a key ends with it: whoever verifies a token looks, so that who removes it
-- waits for nobody, and its snapshot misses none.
CREATE OR REPLACE TRIGGER signal_change AFTER UPDATE OR DELETE ON auth.client_keys
    FOR EACH ROW EXECUTE FUNCTION auth.signal_revocation('grant', 'id');
CREATE OR REPLACE TRIGGER signal_truncate AFTER TRUNCATE ON auth.client_keys
    FOR EACH STATEMENT EXECUTE FUNCTION auth.signal_revocation();
ALTER TABLE auth.client_keys ENABLE ALWAYS TRIGGER signal_change;
ALTER TABLE auth.client_keys ENABLE ALWAYS TRIGGER signal_truncate;

CREATE OR REPLACE FUNCTION auth.read_assertion(token text, jwks jsonb, OUT fault text,
    OUT header jsonb, OUT claims jsonb, OUT signer text) RETURNS record
LANGUAGE c VOLATILE STRICT COST 10 AS 'MODULE_PATHNAME', 'pg_principal_read_assertion';
COMMENT ON FUNCTION auth.read_assertion(text, jsonb) IS
'Internal: what a token says that a key of the set has signed, that is alive and has an end, and '
'the thumbprint of that key; or why it is none.';

CREATE OR REPLACE FUNCTION auth.peek_assertion(token text, OUT fault text, OUT iss text,
    OUT sub text) RETURNS record
LANGUAGE c VOLATILE STRICT COST 10 AS 'MODULE_PATHNAME', 'pg_principal_peek_assertion';
COMMENT ON FUNCTION auth.peek_assertion(text) IS
'Internal: what a token says of itself, to find its issuer by. Nothing of it is verified.';

CREATE OR REPLACE FUNCTION auth.key_id(jwk jsonb) RETURNS uuid
LANGUAGE sql STABLE STRICT
BEGIN ATOMIC
    SELECT auth.named_id(concat_ws(' ', 'client key', auth.jwk_thumbprint(key_id.jwk),
        key_id.jwk->>'alg', key_id.jwk->>'use'));
END;
COMMENT ON FUNCTION auth.key_id(jsonb) IS
'Internal: what tells the public keys of a client apart: one that is published for two algorithms '
'is two.';

CREATE OR REPLACE FUNCTION auth.register_client_keys(email text, jwks jsonb) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    keys jsonb := CASE WHEN jsonb_typeof(jwks->'keys') = 'array' THEN jwks->'keys' END;
    principal auth.users;
    gone record;
    n integer;
BEGIN
    IF keys IS NULL THEN
        PERFORM auth.raise_error('key_set_refused', 'it is not a JWK Set, {"keys": [...]}');
    ELSIF jsonb_array_length(keys) > 20 THEN
        PERFORM auth.raise_error('key_set_refused', 'it has more than 20 keys');
    END IF;
    -- the public half alone: what was private never gets here
    keys := (SELECT coalesce(jsonb_agg(DISTINCT auth.public_jwk(k)), '[]')
        FROM jsonb_array_elements(keys) AS k);
    principal := auth.hold_client(register_client_keys.email);
    FOR gone IN
        DELETE FROM auth.client_keys c WHERE c.user_id = principal.id
            AND NOT EXISTS (SELECT FROM jsonb_array_elements(keys) AS k
                WHERE auth.key_id(k) = auth.key_id(c.jwk))
        RETURNING c.id
    LOOP
        PERFORM auth.end_credential(principal.id, gone.id, 'client key removed');
    END LOOP;
    -- of one that is published under two names the one that is known stays
    UPDATE auth.client_keys c SET jwk = k FROM jsonb_array_elements(keys) AS k
    WHERE c.user_id = principal.id AND auth.key_id(c.jwk) = auth.key_id(k)
        AND NOT EXISTS (SELECT FROM jsonb_array_elements(keys) AS s WHERE s = c.jwk);
    -- one that comes back has another id: what was got with it before stays dead
    INSERT INTO auth.client_keys (user_id, id, jwk, created_at)
    SELECT DISTINCT ON (auth.key_id(k)) principal.id, gen_random_uuid(), k, clock_timestamp()
    FROM jsonb_array_elements(keys) AS k
    WHERE NOT EXISTS (SELECT FROM auth.client_keys c
        WHERE c.user_id = principal.id AND auth.key_id(c.jwk) = auth.key_id(k))
    ORDER BY auth.key_id(k), k;
    SELECT count(*) INTO n FROM auth.client_keys c WHERE c.user_id = principal.id;
    PERFORM auth.audit(principal.id, principal.email,
        '{"clientKeys": {"previous": null, "current": "registered"}}', NULL,
        jsonb_build_object('keys', (SELECT coalesce(jsonb_agg(auth.jwk_thumbprint(c.jwk)), '[]')
            FROM auth.client_keys c WHERE c.user_id = principal.id)));
    RETURN n;
END
$$;
COMMENT ON FUNCTION auth.register_client_keys(text, jsonb) IS
'The public keys that a service account signs its client assertions with, a JWK Set of at most 20, '
'in place of those before. A key that is gone takes along the tokens that were got with it. Of '
'private keys the public half is kept. Returns how many there are. 22023 for what is no key set '
'and for symmetric keys.';

CREATE OR REPLACE FUNCTION auth.list_client_keys(
    email text DEFAULT NULL, OUT client_id uuid, OUT client_email text, OUT thumbprint text,
    OUT kid text, OUT kty text, OUT created_at timestamptz) RETURNS SETOF record
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    whose constant uuid := auth.principal_of(email);
BEGIN
    RETURN QUERY SELECT u.id, u.email, auth.jwk_thumbprint(k.jwk), k.jwk->>'kid',
        k.jwk->>'kty', k.created_at
    FROM auth.client_keys k JOIN auth.clients c ON c.user_id = k.user_id
        JOIN auth.users h ON h.id = c.user_id
        JOIN LATERAL auth.standing(h) AS u ON u.owner_generation = c.owner_generation
    WHERE k.user_id = ANY (ARRAY(
        SELECT o.user_id FROM auth.clients o WHERE whose IS NULL UNION ALL SELECT whose))
    ORDER BY u.email, k.created_at, k.id;
END
$$;
COMMENT ON FUNCTION auth.list_client_keys(text) IS
'The registered keys of a client (42704 when nobody has that email), or with NULL of all.';

CREATE OR REPLACE FUNCTION auth.use_assertion(issuer text, jti text, expires_at timestamptz)
    RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    name constant bytea := sha256(convert_to(length(issuer) || ':' || issuer || jti, 'UTF8'));
BEGIN
    -- Twice as many as come go, sixteen times two with every sixteenth; nobody waits for another's.
    -- By chance, and not by the name, which whoever shows the assertion may choose.
    IF random() < 0.0625 THEN
        DELETE FROM auth.used_assertions a WHERE a.hash = ANY (ARRAY(
            SELECT o.hash FROM auth.used_assertions o
            WHERE o.expires_at < (SELECT clock_timestamp() - interval '10 minutes')
            ORDER BY o.expires_at LIMIT 32 FOR UPDATE SKIP LOCKED));
    END IF;
    INSERT INTO auth.used_assertions (hash, expires_at) VALUES (name, use_assertion.expires_at)
    ON CONFLICT DO NOTHING;
    RETURN FOUND;
END
$$;
COMMENT ON FUNCTION auth.use_assertion(text, text, timestamptz) IS
'Internal: whether an assertion is shown for the first time. Of two at once one waits for the '
'other. It is remembered for as long as clock_skew, at most 300 s, may have it alive.';

CREATE OR REPLACE FUNCTION auth.judge_client_assertion(request jsonb,
    OUT principal auth.users, OUT scopes text[], OUT credential_id uuid, OUT ends timestamptz,
    OUT fault text, OUT detail text) RETURNS record
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    type constant text := 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
    most constant bigint := 300;
    skew bigint := auth.seconds('clock_skew');
    now_s numeric := extract(epoch FROM clock_timestamp());
    said record := auth.peek_assertion(coalesce(request->>'client_assertion', ''));
    wanted constant uuid := auth.uuid_of(said.sub);
    seen record;
    known record;
BEGIN
    fault := 'bad-assertion';
    IF request->>'client_assertion_type' IS DISTINCT FROM type THEN
        detail := 'client_assertion_type is another';
        RETURN;
    ELSIF said.fault IS NOT NULL THEN
        detail := said.fault;
        RETURN;
    END IF;
    SELECT c.*, (SELECT jsonb_agg(k.jwk) FROM auth.client_keys k
        WHERE k.user_id = wanted) AS keys INTO known
    FROM auth.known_client(wanted) AS c;
    IF known.keys IS NULL THEN
        fault := 'unknown-client';
        RETURN;
    END IF;
    principal := known.principal;
    seen := auth.read_assertion(request->>'client_assertion',
        jsonb_build_object('keys', known.keys));
    detail := CASE
        WHEN seen.fault IS NOT NULL THEN seen.fault
        -- "application/" may be left out (RFC 7515, section 4.1.9)
        WHEN regexp_replace(lower(coalesce(seen.header->>'typ', 'jwt') COLLATE "C"),
            '^application/', '')
            NOT IN ('jwt', 'client-authentication+jwt')
            -- a security event, whose typ may be missing (RFC 8417, section 4.5)
            OR seen.claims ? 'events' THEN 'wrong type'
        WHEN seen.claims->>'iss' IS DISTINCT FROM seen.claims->>'sub' THEN 'iss is not sub'
        WHEN request ? 'client_id' AND request->>'client_id' <> seen.claims->>'sub'
            THEN 'client_id is another'
        WHEN seen.claims->'aud' IS DISTINCT FROM
            to_jsonb(current_setting('pg_principal.issuer')) THEN 'aud is not the issuer alone'
        WHEN (seen.claims->>'exp')::numeric > now_s + most + skew THEN 'exp is too far off'
        WHEN (seen.claims->>'iat')::numeric > now_s + skew THEN 'iat is in the future'
        WHEN coalesce(seen.claims->>'jti', '') = '' THEN 'jti is missing'
    END;
    IF detail IS NOT NULL THEN
        RETURN;
    ELSIF auth.is_banned(principal) THEN
        fault := 'banned';
        RETURN;
    ELSIF NOT auth.use_assertion(principal.id::text, seen.claims->>'jti',
        to_timestamp((seen.claims->>'exp')::double precision)) THEN
        fault := 'replayed-assertion';
        RETURN;
    END IF;
    SELECT k.id INTO credential_id FROM auth.client_keys k
    WHERE k.user_id = principal.id AND auth.jwk_thumbprint(k.jwk) = seen.signer
    ORDER BY k.jwk->>'alg' = seen.header->>'alg' DESC NULLS LAST, k.id LIMIT 1;
    scopes := known.scopes;
    ends := 'infinity';
    fault := NULL;
END
$$;
COMMENT ON FUNCTION auth.judge_client_assertion(jsonb) IS
'Internal: whose client assertion it is, or the fault: bad-assertion with a detail, '
'unknown-client, banned, replayed-assertion. Its audience must be pg_principal.issuer and nothing '
'else, its end at most five minutes off, its jti new.';
