-- The grants of the token endpoint.

CREATE OR REPLACE FUNCTION auth.refuse_assertion(principal auth.users, reason text,
    judged record, accounts text[] DEFAULT NULL) RETURNS auth.auth_result
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    told constant jsonb := jsonb_strip_nulls(jsonb_build_object(
        'issuer', left((judged.trusted).issuer, 200), 'subject', left(judged.claims->>'sub', 200),
        'detail', left(judged.fault, 300), 'accounts', accounts));
BEGIN
    PERFORM auth.count_up('auth.assertion.failures', reason);
    IF auth.audit_failure(coalesce(principal.id, auth.nobody()), principal.email,
        jsonb_build_object('assertion', jsonb_build_object('previous', NULL, 'current', 'refused',
            'reason', reason)), reason, nullif(told, '{}')) THEN
        PERFORM auth.log_event(jsonb_build_object('event', 'auth.assertion.failure', 'userId',
            principal.id, 'reason', reason, 'metadata', jsonb_strip_nulls(
                told || jsonb_build_object('ip', (auth.request_context()).ip))));
    END IF;
    RETURN auth.oauth_error(400, 'invalid_grant', 'The assertion is not accepted', reason);
END
$$;
COMMENT ON FUNCTION auth.refuse_assertion(auth.users, text, record, text[]) IS
'Internal: counts, audits and logs a refused token of a trusted issuer, or what passes for one, by '
'what auth.judge_foreign_token() tells of it.';

CREATE OR REPLACE FUNCTION auth.judge_foreign_token(token text, OUT trusted auth.trusted_issuers,
    OUT claims jsonb, OUT fault text) RETURNS record
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'pg_principal_judge_foreign_token';
COMMENT ON FUNCTION auth.judge_foreign_token(text) IS
'Internal: what a token of a trusted issuer says, or why it is not accepted, whoever it may stand '
'for. The issuer is looked up by the claim iss, or else by the trust domain in sub (SPIFFE), and '
'as it is now. claims are there when the signature, exp and nbf, iss, aud and typ hold.';

CREATE OR REPLACE FUNCTION auth.match_rules(issuer text, claims jsonb,
    OUT rule auth.issuer_rules, OUT principal auth.users, OUT emails text[]) RETURNS record
LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'pg_principal_match_rules';
COMMENT ON FUNCTION auth.match_rules(text, jsonb) IS
'Internal: of the rules of an issuer that the claims fit, and whose accounts are still whose they '
'were, one with its account, and the addresses of all; NULLs when there is none.';

CREATE OR REPLACE FUNCTION auth.test_issuer_token(token text, OUT email text, OUT rule_id uuid,
    OUT matches boolean, OUT faults text[]) RETURNS SETOF record
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    judged record := auth.judge_foreign_token(coalesce(token, ''));
BEGIN
    IF judged.fault IS NOT NULL THEN
        faults := ARRAY[judged.fault];
        matches := false;
        RETURN NEXT;
        RETURN;
    END IF;
    RETURN QUERY SELECT (m.principal).email, (m.rule).id, f.faults = '{}',
        f.faults || CASE WHEN auth.is_banned(m.principal) THEN '{the account is banned}'
            ELSE '{}' END::text[]
    FROM (SELECT x.r AS rule, x.u AS principal
        FROM (SELECT r, (SELECT auth.standing(o) FROM auth.users o WHERE o.id = r.user_id) AS u
            FROM auth.issuer_rules r WHERE r.issuer = (judged.trusted).issuer OFFSET 0) AS x
        WHERE (x.u).owner_generation = (x.r).owner_generation
            AND (x.u).kind = 'service_account') AS m,
        auth.rule_faults((m.rule).claims, judged.claims) AS f (faults)
    ORDER BY f.faults <> '{}', cardinality(f.faults), (m.principal).email;
END
$$;
COMMENT ON FUNCTION auth.test_issuer_token(text) IS
'What would become of a token of a trusted issuer at /oauth/token: each rule of the issuer, '
'whether it matches, what does not fit, and whether its account is banned. One row without an '
'email, with the reason, when the token itself is not accepted. Nothing is minted, and the token '
'is not used up.';

CREATE OR REPLACE FUNCTION auth.grant_jwt_bearer(request jsonb, client uuid, context jsonb)
    RETURNS auth.auth_result
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    judged record := auth.judge_foreign_token(request->>'assertion');
    matched record;
    scopes text[];
    ends timestamptz;
BEGIN
    IF judged.fault IS NOT NULL THEN
        -- an issuer may name no key, and another by a name that it had for one before
        IF judged.fault ~ '^((unknown|unusable|ambiguous) key|bad signature|algorithm refused)' THEN
            PERFORM auth.want_key_fetch((judged.trusted).issuer);
        END IF;
        RETURN auth.refuse_assertion(NULL, 'bad-assertion', judged);
    END IF;
    matched := auth.match_rules((judged.trusted).issuer, judged.claims);
    -- all at once: each question apart is prepared anew in each transaction
    IF (cardinality(matched.emails) = 1 AND NOT auth.is_banned(matched.principal)
        AND coalesce(client = (matched.principal).id, true)) IS NOT TRUE THEN
        IF matched.emails IS NULL THEN
            RETURN auth.refuse_assertion(NULL, 'no-rule', judged);
        ELSIF cardinality(matched.emails) > 1 THEN
            RETURN auth.refuse_assertion(NULL, 'several-rules', judged,
                ARRAY(SELECT n FROM unnest(matched.emails) AS n ORDER BY 1));
        END IF;
        RETURN auth.refuse_assertion(matched.principal, CASE WHEN auth.is_banned(matched.principal)
            THEN 'banned' ELSE 'another-client' END, judged);
    END IF;
    scopes := auth.narrowed_scopes(request->>'scope', (matched.rule).scopes);
    IF scopes = '{}' AND coalesce(request->>'scope', '') <> '' THEN
        RETURN auth.refuse_scopes((matched.rule).scopes);
    END IF;
    ends := to_timestamp((judged.claims->>'exp')::double precision);
    -- nothing is held: a rule that goes meanwhile takes this session along
    IF (judged.trusted).single_use AND NOT auth.use_assertion((judged.trusted).issuer,
        coalesce('jti ' || nullif(judged.claims->>'jti', ''), 'token ' || encode(sha256(convert_to(
            split_part(request->>'assertion', '.', 2), 'UTF8')), 'hex')), ends) THEN
        RETURN auth.refuse_assertion(matched.principal, 'replayed-assertion', judged);
    END IF;
    RETURN auth.open_access(matched.principal, (matched.rule).id, scopes,
        auth.requested_ttl(context, 'accessTokenTtl', 'access_token_ttl'), ends,
        (matched.principal).id::text, jsonb_build_object('grant', 'jwt-bearer',
            'ruleId', (matched.rule).id, 'issuer', (judged.trusted).issuer,
            'subject', left(judged.claims->>'sub', 200)));
END
$$;
COMMENT ON FUNCTION auth.grant_jwt_bearer(jsonb, uuid, jsonb) IS
'Internal: a token of a trusted issuer for one of ours, which ends no later.';

CREATE OR REPLACE FUNCTION auth.grant_refresh(refresh_token text, client uuid, context jsonb)
    RETURNS auth.auth_result
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    given record;
    result auth.auth_result;
BEGIN
    IF client IS NOT NULL THEN
        given := auth.read_refresh_token(refresh_token);
        IF NOT EXISTS (SELECT FROM auth.sessions s WHERE s.id = given.session_id
            AND s.user_id = client) THEN
            RETURN auth.oauth_error(400, 'invalid_grant', 'The refresh token is not the client''s',
                'another-client');
        END IF;
    END IF;
    result := auth.refresh(refresh_token, context);
    IF NOT result.ok THEN
        RETURN auth.oauth_error(400, 'invalid_grant', 'The refresh token is not valid',
            result.reason);
    END IF;
    result.payload := jsonb_build_object('access_token', result.payload->'tokens'->'accessToken',
        'token_type', 'Bearer',
        'expires_in', result.payload->'tokens'->'accessTokenExpiresIn',
        'refresh_token', result.payload->'tokens'->'refreshToken');
    RETURN result;
END
$$;
COMMENT ON FUNCTION auth.grant_refresh(text, uuid, jsonb) IS
'Internal: auth.refresh() as the token endpoint answers. Sessions of a sign-in have no client: who '
'shows none is asked for none.';

CREATE OR REPLACE FUNCTION auth.oauth_token(request jsonb, basic_id text DEFAULT NULL,
    basic_secret text DEFAULT NULL, context jsonb DEFAULT NULL) RETURNS auth.auth_result
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    token_exchange constant text := 'urn:ietf:params:oauth:grant-type:token-exchange';
    jwt_bearer constant text := 'urn:ietf:params:oauth:grant-type:jwt-bearer';
    device_code constant text := 'urn:ietf:params:oauth:grant-type:device_code';
    grant_type text := request->>'grant_type';
    client record;
    caller uuid; -- the client's id, when it shows who it is
    scopes text[];
    callers_timeout text;
    result auth.auth_result;
BEGIN
    PERFORM auth.set_request_context(context);
    IF grant_type IS NULL THEN
        RETURN auth.oauth_error(400, 'invalid_request', 'grant_type is missing');
    ELSIF grant_type NOT IN ('client_credentials', 'refresh_token', jwt_bearer,
        token_exchange, device_code) THEN
        RETURN auth.oauth_error(400, 'unsupported_grant_type', 'grant_type must be '
            'client_credentials, refresh_token, or jwt-bearer, token-exchange or device_code after '
            'urn:ietf:params:oauth:grant-type:');
    ELSIF grant_type = jwt_bearer AND NOT request ? 'assertion' THEN
        RETURN auth.oauth_error(400, 'invalid_request', 'assertion is missing');
    ELSIF grant_type = 'refresh_token' AND NOT request ? 'refresh_token' THEN
        RETURN auth.oauth_error(400, 'invalid_request', 'refresh_token is missing');
    ELSIF grant_type = 'refresh_token' AND btrim(coalesce(request->>'scope', '')) <> '' THEN
        RETURN auth.oauth_error(400, 'invalid_scope', -- and not the whole person for part of it
            'The session of a sign-in has no scopes: it cannot be narrowed');
    END IF;
    IF auth.shows_client(request, basic_id) THEN -- what shows none is not judged for nothing
        client := auth.authenticate_client(request, basic_id, basic_secret);
        IF (client.refused).ok IS NOT NULL THEN
            RETURN client.refused;
        END IF;
        caller := (client.principal).id;
    END IF;
    IF request ?| '{resource,audience}' THEN
        IF NOT auth.is_for_us(request->'resource')
            OR grant_type = token_exchange AND NOT auth.is_for_us(request->'audience') THEN
            RETURN auth.refuse_target();
        END IF;
    END IF;
    IF grant_type = jwt_bearer THEN
        RETURN auth.grant_jwt_bearer(request, caller, context);
    ELSIF grant_type = 'refresh_token' THEN
        RETURN auth.grant_refresh(request->>'refresh_token', caller, context);
    ELSIF grant_type = token_exchange THEN
        RETURN auth.grant_token_exchange(request, caller, context);
    ELSIF grant_type = device_code THEN
        -- whoever has typed the code may leave that transaction open
        callers_timeout := auth.wait_briefly();
        result := auth.grant_device_code(request, caller, context);
        EXECUTE format('SET LOCAL lock_timeout = %L', callers_timeout);
        RETURN result;
    ELSIF caller IS NULL THEN
        RETURN auth.oauth_error(401, 'invalid_client', 'The client must authenticate itself');
    END IF;
    scopes := auth.narrowed_scopes(request->>'scope', client.scopes);
    IF scopes = '{}' AND coalesce(request->>'scope', '') <> '' THEN
        RETURN auth.refuse_scopes(client.scopes);
    END IF;
    -- nothing is held: a secret or key that goes meanwhile takes this session along
    RETURN auth.open_access(client.principal, client.credential_id, scopes,
        auth.requested_ttl(context, 'accessTokenTtl', 'access_token_ttl'), client.ends,
        caller::text, jsonb_build_object('grant', grant_type,
            'credentialId', client.credential_id));
END
$$;
COMMENT ON FUNCTION auth.oauth_token(jsonb, text, text, jsonb) IS
'The token endpoint: a request''s fields, the client_id and secret of its Authorization: Basic, '
'and a context as for auth.sign_in(). grant_type client_credentials (for service accounts, see '
'auth.create_client_secret() and auth.register_client_keys()), refresh_token, jwt-bearer of RFC '
'7523 (for tokens of trusted issuers, auth.trust_issuer()), token-exchange of RFC 8693 (for agents '
'that act for a person, auth.delegate()), or device_code of RFC 8628 (for applications that a '
'person lets in, auth.register_client()). 200 with access_token, token_type, expires_in, scope, '
'refresh_token; else 400 or 401 with error and error_description (RFC 6749, section 5.2). Call it '
'in a transaction of its own: a rollback takes back the audit entry and the counter of a refusal. '
'55P03 when somebody holds the device code, or the session of a refresh token, for three seconds.';
