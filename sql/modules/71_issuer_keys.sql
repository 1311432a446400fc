-- The keys of trusted issuers. Their sets are read tolerantly (RFC 7517, section 5): a key that
-- cannot be used is kept and named, and takes no other with it.

CREATE OR REPLACE FUNCTION auth.is_https_url(url text) RETURNS boolean
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
    SELECT octet_length(is_https_url.url) <= 2000
        AND is_https_url.url ~ '^https://[][A-Za-z0-9._:-]+([/?][!-~]*)?$'
        AND is_https_url.url !~ '#';
END;
COMMENT ON FUNCTION auth.is_https_url(text) IS
'Internal: whether keys may be fetched from it: https, no user, no fragment.';

CREATE OR REPLACE FUNCTION auth.published_key(jwk jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
    -- whoever knows what is secret of a key can sign with it: it is of no use, and not kept
    SELECT CASE WHEN jsonb_typeof(published_key.jwk) <> 'object' THEN published_key.jwk
        WHEN published_key.jwk->>'kty' = 'oct'
            OR published_key.jwk ?| '{d,p,q,dp,dq,qi,oth,priv}' THEN
            jsonb_strip_nulls(jsonb_build_object('kid', published_key.jwk->'kid',
                'kty', published_key.jwk->'kty', 'use', CASE published_key.jwk->>'kty'
                    WHEN 'oct' THEN 'a secret is no public key'
                    ELSE 'published with its private half' END))
        ELSE published_key.jwk - 'k' END;
END;
COMMENT ON FUNCTION auth.published_key(jsonb) IS
'Internal: a key of a set as it is stored: of one that is not public its name alone, and why it is '
'of no use.';

CREATE OR REPLACE FUNCTION auth.published_keys(jwks jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    kept jsonb;
BEGIN
    IF octet_length(jwks::text) > 262144 THEN
        PERFORM auth.raise_error('key_set_refused', 'it is longer than 256 kB');
    ELSIF jsonb_typeof(jwks->'keys') = 'array' THEN
        kept := jsonb_build_object('keys', (
            SELECT coalesce(jsonb_agg(auth.published_key(e.jwk) ORDER BY e.n), '[]')
            FROM jsonb_array_elements(jwks->'keys') WITH ORDINALITY AS e (jwk, n)));
    ELSIF jsonb_typeof(jwks) = 'object' AND NOT jwks ?| '{keys,kty}' AND EXISTS (
        SELECT FROM jsonb_each_text(jwks) AS e WHERE e.value LIKE '%-----BEGIN %') THEN
        SELECT jsonb_object_agg(e.key, CASE WHEN e.value->>0 LIKE '%PRIVATE KEY%'
            THEN '"published with its private half"' ELSE e.value END) INTO kept
        FROM jsonb_each(jwks) AS e;
    ELSE
        PERFORM auth.raise_error('key_set_refused', 'it is not a JWK Set, {"keys": [...]}');
    END IF;
    PERFORM FROM auth.jwks_problems(kept); -- raises what is wrong with the set as a whole
    RETURN kept;
END
$$;
COMMENT ON FUNCTION auth.published_keys(jsonb) IS
'Internal: a JWK Set of an issuer, or PEM by kid as Google publishes it, as it is stored. '
'22023 for what is neither, 54000 for too many keys.';

CREATE OR REPLACE FUNCTION auth.count_keys(jwks jsonb) RETURNS integer
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
    SELECT CASE WHEN count_keys.jwks IS NULL THEN 0
        WHEN count_keys.jwks ? 'keys' THEN jsonb_array_length(count_keys.jwks->'keys')
        ELSE (SELECT count(*)::integer FROM jsonb_object_keys(count_keys.jwks)) END;
END;
COMMENT ON FUNCTION auth.count_keys(jsonb) IS 'Internal: how many keys a stored set has.';

CREATE OR REPLACE FUNCTION auth.unusable_keys(jwks jsonb) RETURNS text[]
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
    SELECT ARRAY(
        SELECT coalesce(to_json(left(p.kid, 100))::text, 'number ' || p.index + 1) || ': '
            || left(p.problem, 200)
        FROM auth.jwks_problems(unusable_keys.jwks) AS p ORDER BY p.index);
END;
COMMENT ON FUNCTION auth.unusable_keys(jsonb) IS
'Internal: the keys of a stored set that no token can be verified with, and why.';

CREATE OR REPLACE FUNCTION auth.warn_of_keys(issuer text, jwks jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    unusable text[] := auth.unusable_keys(jwks);
BEGIN
    IF unusable <> '{}' THEN
        RAISE WARNING '% of % keys of issuer % cannot be used', cardinality(unusable),
            auth.count_keys(jwks), issuer
            USING DETAIL = array_to_string(unusable[:20], E'\n');
    END IF;
END
$$;
COMMENT ON FUNCTION auth.warn_of_keys(text, jsonb) IS
'Internal: names the keys of an issuer that cannot be used, in a WARNING.';

CREATE OR REPLACE FUNCTION auth.key_names(jwks jsonb) RETURNS text[]
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
    SELECT CASE WHEN key_names.jwks ? 'keys' THEN ARRAY(
            SELECT left(coalesce(e.jwk->>'kid', auth.short_digest(e.jwk::text)), 100)
            FROM jsonb_array_elements(key_names.jwks->'keys') WITH ORDINALITY AS e (jwk, n)
            ORDER BY e.n LIMIT 50)
        WHEN key_names.jwks IS NOT NULL THEN ARRAY(
            SELECT left(k, 100) FROM jsonb_object_keys(key_names.jwks) AS k ORDER BY 1 LIMIT 50)
        END;
END;
COMMENT ON FUNCTION auth.key_names(jsonb) IS
'Internal: what the audit calls the keys of a set.';

CREATE OR REPLACE FUNCTION auth.keep_issuer_keys(issuer text, jwks jsonb) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    kept jsonb := auth.published_keys(jwks);
    before jsonb;
BEGIN
    SELECT t.jwks INTO before FROM auth.trusted_issuers t WHERE t.issuer = keep_issuer_keys.issuer
        FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    UPDATE auth.trusted_issuers t SET jwks = kept, keys_read_at = clock_timestamp()
    WHERE t.issuer = keep_issuer_keys.issuer;
    IF before IS NOT DISTINCT FROM kept THEN
        RETURN false;
    END IF;
    PERFORM auth.audit_later(jsonb_build_object('issuerKeys', jsonb_build_object(
        'previous', auth.key_names(before), 'current', auth.key_names(kept))),
        jsonb_build_object('issuer', issuer));
    RETURN true;
END
$$;
COMMENT ON FUNCTION auth.keep_issuer_keys(text, jsonb) IS
'Internal: stores the keys of an issuer in place of those before, with an audit entry when they '
'are others: then true. NULL when the issuer is not trusted.';

CREATE OR REPLACE FUNCTION auth.store_issuer_keys(issuer text, jwks jsonb) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF auth.keep_issuer_keys(issuer, jwks) IS NULL THEN
        RETURN false;
    END IF;
    PERFORM auth.warn_of_keys(issuer, auth.published_keys(jwks));
    RETURN true;
END
$$;
COMMENT ON FUNCTION auth.store_issuer_keys(text, jsonb) IS
'The keys that an issuer publishes now, in place of those before: a JWK Set, or certificates by '
'kid. Keys that cannot be used are named in a WARNING. False when it is not trusted. 22023 for '
'what is no set of keys: then those before stay.';
