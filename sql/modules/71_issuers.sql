-- Trusted issuers: whose tokens are exchanged for ours, and which of them is whose.

-- What was got with a rule ends with it: whoever verifies a token looks, so that who removes it
-- waits for nobody, and its snapshot misses none.
CREATE OR REPLACE TRIGGER signal_change AFTER UPDATE OR DELETE ON auth.issuer_rules
    FOR EACH ROW EXECUTE FUNCTION auth.signal_revocation('grant', 'id');
CREATE OR REPLACE TRIGGER signal_truncate AFTER TRUNCATE ON auth.issuer_rules
    FOR EACH STATEMENT EXECUTE FUNCTION auth.signal_revocation();
ALTER TABLE auth.issuer_rules ENABLE ALWAYS TRIGGER signal_change;
ALTER TABLE auth.issuer_rules ENABLE ALWAYS TRIGGER signal_truncate;

CREATE OR REPLACE FUNCTION auth.trust_issuer(
    issuer text, audiences text[], jwks jsonb DEFAULT NULL, jwks_url text DEFAULT NULL,
    algorithms text[] DEFAULT '{RS256,ES256}', max_life text DEFAULT '1h',
    required_claims text[] DEFAULT '{}', single_use boolean DEFAULT true) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    longest bigint := CASE WHEN max_life ~ '^[0-9]{1,9}m$' THEN rtrim(max_life, 'm')::bigint * 60
        WHEN max_life ~ '^[0-9]+[hdy]$' THEN auth.parse_ttl(max_life) END;
    kept jsonb;
    before auth.trusted_issuers;
    stored jsonb;
    known constant text[] := ARRAY(SELECT jsonb_array_elements_text(auth.signature_algorithms()));
    problem text := CASE
        WHEN coalesce(issuer, '') = '' OR octet_length(issuer) > 1000 THEN 'it has 1 to 1000 bytes'
        WHEN issuer ~ '^[[:space:]]|[[:space:]]$' THEN 'it begins or ends with white space'
        WHEN issuer = current_setting('pg_principal.issuer') THEN 'it is this database'
        WHEN greatest(array_ndims(audiences), array_ndims(algorithms),
            array_ndims(required_claims)) > 1 THEN 'its lists have one dimension'
        WHEN audiences IS NULL OR array_position(audiences, NULL) > 0 THEN 'audiences are missing'
        WHEN '' = ANY (audiences) THEN 'an audience is empty'
        WHEN issuer LIKE 'spiffe:%' AND issuer !~ '^spiffe://[a-z0-9._-]{1,255}$'
            THEN 'a trust domain is spiffe:// and its name'
        WHEN issuer LIKE 'spiffe:%' AND audiences = '{}' THEN 'tokens of SPIFFE have an audience'
        WHEN coalesce(cardinality(algorithms), 0) = 0 OR NOT algorithms <@ known
            THEN 'algorithms are some of ' || array_to_string(known, ', ')
        WHEN (longest BETWEEN 1 AND auth.seconds('max_token_ttl')) IS NOT TRUE
            THEN 'max_life is a whole number above zero and m, h, d or y, at most '
                || current_setting('pg_principal.max_token_ttl')
        WHEN required_claims IS NULL OR array_position(required_claims, NULL) > 0
            OR single_use IS NULL THEN 'required_claims and single_use are not NULL'
        WHEN '' = ANY (required_claims) THEN 'a required claim has no name'
        WHEN jwks IS NULL AND jwks_url IS NULL THEN 'either jwks or jwks_url is needed'
        WHEN NOT auth.is_https_url(jwks_url) THEN 'jwks_url is an https:// URL without a user'
    END;
BEGIN
    IF problem IS NOT NULL THEN
        PERFORM auth.raise_error('issuer_refused', problem);
    END IF;
    kept := auth.published_keys(jwks);
    SELECT * INTO before FROM auth.trusted_issuers t WHERE t.issuer = trust_issuer.issuer
        FOR NO KEY UPDATE;
    INSERT INTO auth.trusted_issuers AS t (issuer, jwks, jwks_url, audiences, algorithms, max_life,
        required_claims, single_use, created_at, keys_read_at, fetch_due_at)
    VALUES (trust_issuer.issuer, kept, trust_issuer.jwks_url, trust_issuer.audiences,
        trust_issuer.algorithms, longest, trust_issuer.required_claims, trust_issuer.single_use,
        clock_timestamp(), CASE WHEN kept IS NOT NULL THEN clock_timestamp() END,
        CASE WHEN trust_issuer.jwks_url IS NOT NULL THEN clock_timestamp() END)
    ON CONFLICT ON CONSTRAINT trusted_issuers_pkey DO UPDATE SET
        jwks = coalesce(excluded.jwks, CASE WHEN t.jwks_url = excluded.jwks_url THEN t.jwks END),
        jwks_url = excluded.jwks_url, audiences = excluded.audiences, max_life = excluded.max_life,
        algorithms = excluded.algorithms, required_claims = excluded.required_claims,
        single_use = excluded.single_use, keys_read_at = coalesce(excluded.keys_read_at,
            CASE WHEN t.jwks_url = excluded.jwks_url THEN t.keys_read_at END),
        -- what is under way may be from the URL of before
        fetch_due_at = excluded.fetch_due_at, fetch_attempt = NULL, fetch_attempted_at = NULL,
        fetch_failures = 0, fetch_problem = NULL
    RETURNING t.jwks INTO stored;
    PERFORM auth.audit_later(jsonb_build_object('trustedIssuer', jsonb_build_object('previous',
            CASE WHEN before.issuer IS NOT NULL THEN 'trusted' END, 'current', 'trusted'))
        || CASE WHEN stored IS DISTINCT FROM before.jwks THEN jsonb_build_object('issuerKeys',
            jsonb_build_object('previous', auth.key_names(before.jwks), 'current',
                auth.key_names(stored))) ELSE '{}' END,
        jsonb_build_object('issuer', issuer, 'jwksUrl', jwks_url, 'audiences', audiences,
            'algorithms', algorithms, 'maxLife', longest, 'singleUse', single_use,
            'requiredClaims', required_claims));
    PERFORM auth.warn_of_keys(issuer, kept);
END
$$;
COMMENT ON FUNCTION auth.trust_issuer(text, text[], jsonb, text, text[], text, text[], boolean) IS
'Lets tokens of an issuer be exchanged at /oauth/token by the rules of auth.map_claims(), or '
'changes how. issuer: the claim iss, or of SPIFFE, whose tokens may lack it, spiffe:// and the '
'trust domain, which sub begins with. audiences: one must be in aud; empty: the token must have '
'none. jwks: its keys, or jwks_url: where it publishes them, or its discovery document; from there '
'`pg_principal serve` fetches them. Keys that cannot be used are named in a WARNING and in '
'auth.list_issuers(). max_life: the longest that a token may live, as auth.issue() reads it, or in '
'minutes: 15m. single_use: each is good once. 22023 for what cannot be.';

CREATE OR REPLACE FUNCTION auth.distrust_issuer(issuer text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    rule record;
BEGIN
    PERFORM FROM auth.trusted_issuers t WHERE t.issuer = distrust_issuer.issuer FOR UPDATE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    FOR rule IN DELETE FROM auth.issuer_rules r WHERE r.issuer = distrust_issuer.issuer
        RETURNING r.user_id, r.id
    LOOP
        PERFORM auth.end_credential(rule.user_id, rule.id, 'issuer no longer trusted');
    END LOOP;
    DELETE FROM auth.trusted_issuers t WHERE t.issuer = distrust_issuer.issuer;
    PERFORM auth.audit_later('{"trustedIssuer": {"previous": "trusted", "current": "removed"}}',
        jsonb_build_object('issuer', issuer));
    RETURN true;
END
$$;
COMMENT ON FUNCTION auth.distrust_issuer(text) IS
'Trusts an issuer no more: its rules go, and every token that was got with one of its tokens ends. '
'False when it is not trusted.';

CREATE OR REPLACE FUNCTION auth.delete_issuer_rules() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        DELETE FROM auth.issuer_rules;
    ELSE
        DELETE FROM auth.issuer_rules r USING gone g WHERE r.issuer = g.issuer;
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION auth.delete_issuer_rules() IS
'Internal: trigger that deletes the rules of deleted issuers, and so ends what was got by them.';
CREATE OR REPLACE TRIGGER delete_rules AFTER DELETE ON auth.trusted_issuers
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION auth.delete_issuer_rules();
CREATE OR REPLACE TRIGGER delete_all_rules AFTER TRUNCATE ON auth.trusted_issuers
    FOR EACH STATEMENT EXECUTE FUNCTION auth.delete_issuer_rules();

CREATE OR REPLACE FUNCTION auth.claim_leaves(claims jsonb, OUT path text[], OUT value jsonb)
    RETURNS SETOF record
LANGUAGE plpgsql IMMUTABLE ROWS 10 SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    name text;
    inner_value jsonb;
BEGIN
    -- no recursive query: the planner takes one for so costly that JIT compiles it, for a second
    FOR name, inner_value IN SELECT e.key, e.value FROM jsonb_each(claims) AS e LOOP
        IF jsonb_typeof(inner_value) = 'object' AND inner_value <> '{}' THEN
            FOR path, value IN
                SELECT name || l.path, l.value FROM auth.claim_leaves(inner_value) AS l LOOP
                RETURN NEXT;
            END LOOP;
        ELSE
            path := ARRAY[name];
            value := inner_value;
            RETURN NEXT;
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION auth.claim_leaves(jsonb) IS
'Internal: what stands at the ends of nested objects, and where.';

CREATE OR REPLACE FUNCTION auth.rule_fits(rule jsonb, claims jsonb) RETURNS boolean
LANGUAGE c IMMUTABLE STRICT AS 'MODULE_PATHNAME', 'pg_principal_rule_fits';
COMMENT ON FUNCTION auth.rule_fits(jsonb, jsonb) IS
'Internal: whether a token has every claim of a rule, with exactly its value; of one that is an '
'array an element. An issuer may have thousands of rules.';

CREATE OR REPLACE FUNCTION auth.rule_faults(rule jsonb, claims jsonb) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    leaf record;
    given jsonb;
    name text;
    faults text[] := '{}';
BEGIN
    FOR leaf IN SELECT l.path, l.value FROM auth.claim_leaves(rule) AS l ORDER BY l.path LOOP
        given := claims; -- not claims #> path, to which "0" is the first element of an array
        FOREACH name IN ARRAY leaf.path LOOP
            given := CASE WHEN jsonb_typeof(given) = 'object' THEN given->name END;
        END LOOP;
        IF auth.rule_fits(jsonb_build_object('', leaf.value), jsonb_build_object('', given))
            IS NOT TRUE OR given IS NULL THEN
            faults := faults || (array_to_string(leaf.path, '.')
                || CASE WHEN given IS NULL THEN ' is missing' ELSE
                    ' is ' || left(given::text, 100) || ', not ' || leaf.value::text END);
        END IF;
    END LOOP;
    RETURN faults;
END
$$;
COMMENT ON FUNCTION auth.rule_faults(jsonb, jsonb) IS
'Internal: which claims of a rule a token has not, or with another value; empty when it matches.';

CREATE OR REPLACE FUNCTION auth.map_claims(issuer text, email text, claims jsonb,
    scopes text[] DEFAULT '{}') RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    principal auth.users;
    rule auth.issuer_rules;
    former uuid;
BEGIN
    PERFORM auth.check_scopes(scopes);
    IF jsonb_typeof(claims) IS DISTINCT FROM 'object' OR claims = '{}' THEN
        PERFORM auth.raise_error('rule_refused', 'claims are a JSON object that names some');
    END IF;
    PERFORM auth.raise_error('rule_refused', format('claim %s must be a string, number or '
        'boolean, not %s', array_to_string(l.path, '.'), left(l.value::text, 100)))
    FROM auth.claim_leaves(claims) AS l
    WHERE jsonb_typeof(l.value) NOT IN ('string', 'number', 'boolean') LIMIT 1;
    IF NOT EXISTS (SELECT FROM auth.claim_leaves(claims) AS l
        WHERE l.path[1] NOT IN ('iss', 'aud', 'exp', 'iat', 'nbf')) THEN
        PERFORM auth.raise_error('rule_refused', 'it names nothing that tells tokens of the '
            'issuer apart, as iss, aud, exp, iat and nbf do not');
    END IF;
    -- written, not only locked: who distrusts it by an older snapshot would not see the rule
    UPDATE auth.trusted_issuers t SET created_at = t.created_at WHERE t.issuer = map_claims.issuer;
    IF NOT FOUND THEN
        PERFORM auth.raise_error('issuer_missing', coalesce(issuer, 'NULL'));
    END IF;
    principal := auth.hold_client(map_claims.email);
    rule.id := gen_random_uuid();
    DELETE FROM auth.issuer_rules r WHERE r.issuer = map_claims.issuer
        AND r.user_id = principal.id RETURNING r.id INTO former;
    INSERT INTO auth.issuer_rules (id, issuer, user_id, owner_generation, claims, scopes,
        created_at)
    VALUES (rule.id, map_claims.issuer, principal.id, principal.owner_generation,
        map_claims.claims, ARRAY(SELECT DISTINCT s FROM unnest(map_claims.scopes) AS s ORDER BY s),
        clock_timestamp());
    IF former IS NOT NULL THEN
        PERFORM auth.end_credential(principal.id, former, 'rule replaced');
    END IF;
    PERFORM auth.audit(principal.id, principal.email, jsonb_build_object('issuerRule',
        jsonb_build_object('previous', CASE WHEN former IS NOT NULL THEN 'active' END, 'current',
        'added')), NULL, jsonb_build_object('ruleId', rule.id, 'issuer', issuer, 'claims', claims,
        'scopes', scopes) || jsonb_strip_nulls(jsonb_build_object('replaces', former)));
    RETURN rule.id;
END
$$;
COMMENT ON FUNCTION auth.map_claims(text, text, jsonb, text[]) IS
'Which token of a trusted issuer is a service account: {"repository_id": "74", "kubernetes.io": '
'{"namespace": "prod"}} wants every one of these claims with exactly this value; of a claim that '
'is an array one element. In place of a rule of before for the same account, whose tokens end. '
'scopes: what such a token is exchanged for. Returns the rule''s id.';

CREATE OR REPLACE FUNCTION auth.unmap_claims(issuer text, email text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    gone auth.issuer_rules;
BEGIN
    DELETE FROM auth.issuer_rules r USING auth.users u
    WHERE r.issuer = unmap_claims.issuer AND r.user_id = u.id
        AND u.email = auth.known_email(unmap_claims.email)
    RETURNING r.* INTO gone;
    IF gone.id IS NULL THEN
        RETURN false;
    END IF;
    PERFORM auth.end_credential(gone.user_id, gone.id, 'rule removed');
    PERFORM auth.audit(gone.user_id, auth.known_email(unmap_claims.email),
        '{"issuerRule": {"previous": "active", "current": "removed"}}', NULL,
        jsonb_build_object('ruleId', gone.id, 'issuer', gone.issuer));
    RETURN true;
END
$$;
COMMENT ON FUNCTION auth.unmap_claims(text, text) IS
'Takes a service account''s rule away, and ends every token that was got by it. False when there '
'is none.';

CREATE OR REPLACE FUNCTION auth.list_issuers(OUT issuer text, OUT audiences text[],
    OUT algorithms text[], OUT max_life integer, OUT required_claims text[], OUT single_use boolean,
    OUT jwks_url text, OUT keys integer, OUT keys_read_at timestamptz, OUT rules bigint,
    OUT unusable_keys text[], OUT next_fetch timestamptz, OUT fetch_problem text)
    RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER
BEGIN ATOMIC
    SELECT t.issuer, t.audiences, t.algorithms, t.max_life, t.required_claims, t.single_use,
        t.jwks_url, auth.count_keys(t.jwks), t.keys_read_at,
        (SELECT count(*) FROM auth.issuer_rules r JOIN auth.users h ON h.id = r.user_id
            JOIN LATERAL auth.standing(h) AS u ON u.owner_generation = r.owner_generation
            WHERE r.issuer = t.issuer),
        auth.unusable_keys(t.jwks), t.fetch_due_at, t.fetch_problem
    FROM auth.trusted_issuers t ORDER BY t.issuer COLLATE "C";
END;
COMMENT ON FUNCTION auth.list_issuers() IS
'The trusted issuers: what their tokens must be like, how many keys of theirs are known since '
'when, which of these cannot be used and why, how many rules there are, when the keys are fetched '
'next, and why that failed the last time.';

CREATE OR REPLACE FUNCTION auth.list_issuer_rules(issuer text DEFAULT NULL, OUT rule_id uuid,
    OUT rule_issuer text, OUT email text, OUT claims jsonb, OUT scopes text[],
    OUT created_at timestamptz) RETURNS SETOF record
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF issuer IS NOT NULL AND NOT EXISTS (SELECT FROM auth.trusted_issuers t
        WHERE t.issuer = list_issuer_rules.issuer) THEN
        PERFORM auth.raise_error('issuer_missing', issuer);
    END IF;
    RETURN QUERY SELECT r.id, r.issuer, u.email, r.claims, r.scopes, r.created_at
    FROM auth.issuer_rules r
        JOIN auth.users h ON h.id = r.user_id
        JOIN LATERAL auth.standing(h) AS u ON u.owner_generation = r.owner_generation
    WHERE list_issuer_rules.issuer IS NULL OR r.issuer = list_issuer_rules.issuer
    ORDER BY r.issuer COLLATE "C", u.email;
END
$$;
COMMENT ON FUNCTION auth.list_issuer_rules(text) IS
'The rules of a trusted issuer (42704 when it is not trusted), or with NULL of all.';
