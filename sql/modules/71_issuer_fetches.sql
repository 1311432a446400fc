-- When the keys of trusted issuers are fetched, and what becomes of them. `pg_principal serve` and
-- `pg_principal issuers refresh` carry the document here; the database opens no connection.

CREATE OR REPLACE FUNCTION auth.begin_key_fetch(INOUT issuer text, OUT attempt uuid, OUT url text)
    RETURNS record
LANGUAGE sql
BEGIN ATOMIC
    -- until it should have ended nobody else begins another; whoever loses the race, or dies, has
    -- lost nothing but that time
    UPDATE auth.trusted_issuers t SET fetch_attempt = gen_random_uuid(),
        fetch_attempted_at = clock_timestamp(),
        fetch_due_at = clock_timestamp() + interval '2 minutes'
    WHERE t.issuer = begin_key_fetch.issuer AND t.jwks_url IS NOT NULL
    RETURNING t.issuer, t.fetch_attempt, t.jwks_url;
END;
COMMENT ON FUNCTION auth.begin_key_fetch(text) IS
'Internal: whoever is told this fetches the keys of an issuer. NULLs when it has no URL.';

CREATE OR REPLACE FUNCTION auth.next_key_fetch(OUT issuer text, OUT attempt uuid, OUT url text)
    RETURNS record
LANGUAGE sql SECURITY DEFINER
BEGIN ATOMIC
    SELECT b.issuer, b.attempt, b.url
    FROM (SELECT t.issuer FROM auth.trusted_issuers t WHERE t.fetch_due_at <= clock_timestamp()
        ORDER BY t.fetch_due_at LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED) AS d,
        LATERAL auth.begin_key_fetch(d.issuer) AS b;
END;
COMMENT ON FUNCTION auth.next_key_fetch() IS
'The issuer whose keys are due to be fetched, from where, and the attempt to tell '
'auth.end_key_fetch(); NULLs when none is. Of several servers that ask one is told.';

CREATE OR REPLACE FUNCTION auth.start_key_fetch(INOUT issuer text, OUT attempt uuid, OUT url text)
    RETURNS record
LANGUAGE sql SECURITY DEFINER
BEGIN ATOMIC
    SELECT b.issuer, b.attempt, b.url FROM auth.begin_key_fetch(start_key_fetch.issuer) AS b;
END;
COMMENT ON FUNCTION auth.start_key_fetch(text) IS
'As auth.next_key_fetch() for one issuer, whether its keys are due or not. NULLs when it is not '
'trusted, or not by a URL.';

CREATE OR REPLACE FUNCTION auth.want_key_fetch(issuer text) RETURNS void
LANGUAGE sql
BEGIN ATOMIC
    UPDATE auth.trusted_issuers t
    SET fetch_due_at = greatest(clock_timestamp(), t.fetch_attempted_at + interval '1 minute')
    WHERE t.issuer = (SELECT w.issuer FROM auth.trusted_issuers w
        WHERE w.issuer = want_key_fetch.issuer AND w.fetch_due_at
            > greatest(clock_timestamp(), w.fetch_attempted_at + interval '1 minute')
        FOR NO KEY UPDATE SKIP LOCKED);
END;
COMMENT ON FUNCTION auth.want_key_fetch(text) IS
'Internal: none of the known keys has signed a token: the keys are fetched soon, however many such '
'tokens come a minute after the last attempt at the earliest.';

CREATE OR REPLACE FUNCTION auth.key_set_life(answer jsonb, jwks jsonb) RETURNS interval
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    control text := lower(coalesce(answer->>'cacheControl', '') COLLATE "C");
    date_form constant text :=
        '^[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT$';
    life numeric := substring(control FROM '(?:^|[, ])max-age *= *"?([0-9]{1,9})');
    -- for how long caches had it before (RFC 9111, section 5.1: of a list the first)
    age numeric := coalesce(substring(answer->>'age' FROM '^[0-9]+')::numeric, 0);
BEGIN
    IF control ~ '(^|[, ])no-(store|cache)' THEN
        life := 0;
    ELSIF life IS NOT NULL THEN
        life := life - age;
    ELSIF control ~ '(^|[, ])max-age' THEN
        life := 0; -- what cannot be read counts as stale (RFC 9111, section 4.2.1)
    ELSIF answer->>'expires' <> '' THEN
        BEGIN
            life := CASE WHEN answer->>'expires' ~ date_form
                THEN extract(epoch FROM (answer->>'expires')::timestamptz
                    - coalesce(CASE WHEN answer->>'date' ~ date_form
                        THEN (answer->>'date')::timestamptz + age::double precision
                            * interval '1 second' END, clock_timestamp()))
                ELSE 0 END; -- "0", "-1": what is no date has passed (section 5.3)
        EXCEPTION WHEN data_exception THEN
            life := 0; -- the 31st of February
        END;
    ELSE
        life := substring(jwks->>'spiffe_refresh_hint' FROM '^[0-9]{1,9}$');
    END IF;
    RETURN least(greatest(coalesce(life, 3600), 300), 86400) * interval '1 second';
END
$$;
COMMENT ON FUNCTION auth.key_set_life(jsonb, jsonb) IS
'Internal: how long a fetched key set is good: as its Cache-Control, Expires or '
'spiffe_refresh_hint says, 5 minutes at least and a day at most; an hour when nothing does.';

CREATE OR REPLACE FUNCTION auth.read_key_document(body text) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    -- a byte order mark that some publish, and NUL characters, which are of no use in any key
    document text := CASE WHEN ascii(body) = 65279 THEN substr(body, 2) ELSE body END;
BEGIN
    RETURN document::jsonb;
EXCEPTION WHEN untranslatable_character THEN
    RETURN regexp_replace(document, E'(?<!\\\\)((?:\\\\\\\\)*)\\\\u0000',
        E'\\1\\\\ufffd', 'g')::jsonb;
END
$$;
COMMENT ON FUNCTION auth.read_key_document(text) IS
'Internal: what an issuer publishes, as jsonb. Errors of a cast to jsonb.';

CREATE OR REPLACE FUNCTION auth.keys_uri(issuer text, url text, document jsonb) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- with a query where a policy or an application has keys of its own, as at Entra ID
    IF document ? 'keys' OR url
        !~ '^[^?]*/[.]well-known/(openid-configuration|oauth-authorization-server)(/[^?]*)?([?]|$)'
        THEN
        RETURN NULL;
    ELSIF document->>'issuer' IS DISTINCT FROM issuer THEN
        PERFORM auth.raise_error('key_set_refused', 'it is the document of another issuer');
    ELSIF auth.is_https_url(document->>'jwks_uri') IS NOT TRUE THEN
        PERFORM auth.raise_error('key_set_refused', 'its jwks_uri is not an https:// URL '
            'without a user');
    END IF;
    RETURN document->>'jwks_uri';
END
$$;
COMMENT ON FUNCTION auth.keys_uri(text, text, jsonb) IS
'Internal: where the keys are, of an issuer that was registered with its discovery document (RFC '
'8414, OpenID Connect Discovery); NULL when that is no such document. 22023 when it is another''s.';

CREATE OR REPLACE FUNCTION auth.end_key_fetch(attempt uuid, body text, answer jsonb,
    OUT outcome text, OUT url text, OUT problem text) RETURNS record
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    held auth.trusted_issuers;
    document jsonb;
    is_new boolean;
BEGIN
    SELECT * INTO held FROM auth.trusted_issuers t WHERE t.fetch_attempt = end_key_fetch.attempt
        FOR NO KEY UPDATE;
    IF held.issuer IS NULL THEN
        outcome := 'superseded';
        RETURN;
    END IF;
    problem := coalesce(left(answer->>'error', 300), CASE WHEN body IS NULL THEN 'no answer' END);
    IF problem IS NULL THEN
        BEGIN
            document := auth.read_key_document(body);
            url := auth.keys_uri(held.issuer, held.jwks_url, document);
            IF url IS NOT NULL AND (answer->>'isSecond')::boolean IS NOT TRUE THEN
                outcome := 'elsewhere';
                RETURN;
            END IF;
            url := NULL;
            is_new := auth.keep_issuer_keys(held.issuer, document);
        EXCEPTION WHEN data_exception OR program_limit_exceeded OR untranslatable_character THEN
            problem := left(SQLERRM, 300);
        END;
    END IF;
    outcome := CASE WHEN problem IS NOT NULL THEN 'failed' WHEN is_new THEN 'stored'
        ELSE 'unchanged' END;
    -- those of the last time stay, however long the issuer is away
    UPDATE auth.trusted_issuers t SET fetch_attempt = NULL, fetch_problem = problem,
        fetch_failures = CASE WHEN problem IS NULL THEN 0 ELSE t.fetch_failures + 1 END,
        fetch_due_at = clock_timestamp() + CASE
            WHEN problem IS NULL THEN auth.key_set_life(answer, document)
            ELSE least(60 * 2 ^ least(t.fetch_failures, 10), 3600) * interval '1 second' END
    WHERE t.issuer = held.issuer;
    PERFORM auth.count_up('auth.issuer.fetches', outcome);
    IF is_new THEN
        PERFORM auth.warn_of_keys(held.issuer, auth.published_keys(document));
    END IF;
END
$$;
COMMENT ON FUNCTION auth.end_key_fetch(uuid, text, jsonb) IS
'What came of a fetch of keys. answer: {"error": why there is no body, "cacheControl", "expires", '
'"date", "age": of the HTTP response}. outcome: stored, unchanged, failed (problem says why; the '
'keys of before stay), superseded (it took too long, or the issuer changed), or elsewhere: the '
'keys are at url, and the same is called again with "isSecond": true.';
