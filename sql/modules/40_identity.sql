-- Who the caller is: everything here verifies the token that pg_principal.token holds.

CREATE OR REPLACE FUNCTION auth.uid() RETURNS uuid
LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pg_principal_uid';
COMMENT ON FUNCTION auth.uid() IS
'The id of the calling principal (claim sub, RFC 7519). NULL without a token or with a project '
'key. 28000 with the reason as DETAIL when the token is dead.';

CREATE OR REPLACE FUNCTION auth.email() RETURNS text
LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pg_principal_email';
COMMENT ON FUNCTION auth.email() IS
'The email of the calling principal as auth.users has it now, lower case. NULL without a token or '
'with a project key; 28000 when the token is dead.';

CREATE OR REPLACE FUNCTION auth.role() RETURNS text
LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pg_principal_role';
COMMENT ON FUNCTION auth.role() IS
'The role the token speaks for: authenticated, anon or service_role. NULL without a token; '
'28000 when the token is dead.';

CREATE OR REPLACE FUNCTION auth.kind() RETURNS text
LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pg_principal_kind';
COMMENT ON FUNCTION auth.kind() IS
'person or service_account. NULL without a token or with a project key; 28000 when the token is '
'dead.';

CREATE OR REPLACE FUNCTION auth.app_role() RETURNS text
LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pg_principal_app_role';
COMMENT ON FUNCTION auth.app_role() IS
'READ_ONLY, ANALYST, AUDITOR or ADMIN, as auth.users has it now, whatever the token says. NULL '
'without a token or with a project key; 28000 when the token is dead.';

CREATE OR REPLACE FUNCTION auth.session_id() RETURNS uuid
LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pg_principal_session_id';
COMMENT ON FUNCTION auth.session_id() IS
'The session of the token, to list or revoke it by. NULL without a token; 28000 when the token is '
'dead.';

CREATE OR REPLACE FUNCTION auth.jwt() RETURNS jsonb
LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pg_principal_jwt';
COMMENT ON FUNCTION auth.jwt() IS
'The verified claims of the token, as they were minted, but for email, the one that auth.users has '
'now, and exp of an adopted key, the end that auth.adopt_key() gave it. NULL without a token; '
'28000 when the token is dead.';

CREATE OR REPLACE FUNCTION auth.has_role(VARIADIC roles text[]) RETURNS boolean
LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pg_principal_has_role';
COMMENT ON FUNCTION auth.has_role(text[]) IS
'Whether the caller''s app_role is one of those named. False without a token, never NULL; 28000 '
'when the token is dead.';

CREATE OR REPLACE FUNCTION auth.has_scope(scope text) RETURNS boolean
LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pg_principal_has_scope';
COMMENT ON FUNCTION auth.has_scope(text) IS
'Whether the token carries that scope (claim scope, RFC 8693 4.2). False for a token minted '
'without scopes and without a token, never NULL; 28000 when the token is dead.';

CREATE OR REPLACE FUNCTION auth.is_service_account() RETURNS boolean
LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pg_principal_is_service_account';
COMMENT ON FUNCTION auth.is_service_account() IS
'Whether the caller is a service account. False without a token, never NULL; 28000 when the token '
'is dead.';

CREATE OR REPLACE FUNCTION auth.is_person() RETURNS boolean
LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pg_principal_is_person';
COMMENT ON FUNCTION auth.is_person() IS
'Whether the caller is a person. False without a token, never NULL; 28000 when the token is dead.';

CREATE OR REPLACE FUNCTION auth.is_project_key(token text) RETURNS boolean
LANGUAGE c VOLATILE STRICT COST 10 AS 'MODULE_PATHNAME', 'pg_principal_is_project_key';
COMMENT ON FUNCTION auth.is_project_key(text) IS
'Whether a token is a live project key, anon or service_role; false for anything else, dead or '
'malformed. Binds nothing. NULL for NULL.';

CREATE OR REPLACE FUNCTION auth.authenticate(token text, is_local boolean DEFAULT true)
    RETURNS jsonb
LANGUAGE c VOLATILE COST 10 AS 'MODULE_PATHNAME', 'pg_principal_authenticate';
COMMENT ON FUNCTION auth.authenticate(text, boolean) IS
'Verifies the token now, binds it as pg_principal.token for the transaction (is_local) or the '
'session, and returns its claims. NULL or an empty token unbinds and returns NULL. 28000 with the '
'reason as DETAIL when it is dead, and nothing is bound.';

CREATE OR REPLACE FUNCTION auth.try_authenticate(token text) RETURNS text
LANGUAGE c VOLATILE COST 10 AS 'MODULE_PATHNAME', 'pg_principal_try_authenticate';
COMMENT ON FUNCTION auth.try_authenticate(text) IS
'For frontends: verifies the token now, binds it for the transaction and returns NULL; or binds '
'none and returns why it is dead, as auth.authenticate() has it in its DETAIL, without an error '
'for the server log. "no token" for NULL and an empty one.';

CREATE OR REPLACE FUNCTION auth.pre_request() RETURNS void
LANGUAGE c VOLATILE COST 10 AS 'MODULE_PATHNAME', 'pg_principal_pre_request';
COMMENT ON FUNCTION auth.pre_request() IS
'For PostgREST''s db-pre-request: binds the bearer token (RFC 6750) of request.headers to the '
'transaction, or no token where there is none. 28000 when it is dead.';

CREATE OR REPLACE FUNCTION auth.normalise_email(email text) RETURNS text
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pg_principal_normalise_email';
COMMENT ON FUNCTION auth.normalise_email(text) IS
'The email trimmed and in lower case (ASCII letters only, so that it means the same under every '
'collation). 22023 when it is not an email address.';

CREATE OR REPLACE FUNCTION auth.fold_email(email text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT lower(btrim(fold_email.email, E' \t\r\n\f\x0b') COLLATE "C");
END;
COMMENT ON FUNCTION auth.fold_email(text) IS
'Internal: an email as principals have it, without spaces around it and in lower case. Written out '
'in a query the COLLATE would be that of its comparison, too, and no index of emails is sorted so.';

CREATE OR REPLACE FUNCTION auth.known_email(email text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    folded text := auth.fold_email(known_email.email);
BEGIN
    -- an address of before the rules were stricter must not keep its owner from being banned
    IF EXISTS (SELECT FROM auth.users u WHERE u.email = folded) OR EXISTS (SELECT
        FROM auth.organization_people o WHERE o.email = folded) THEN
        RETURN folded;
    END IF;
    RETURN auth.normalise_email(known_email.email);
END
$$;
COMMENT ON FUNCTION auth.known_email(text) IS
'Internal: the email of a principal or of a row of the roster, however it is spelt, to find either '
'by. NULL for NULL; 22023 when nobody has it and it is not an email address.';

CREATE OR REPLACE FUNCTION auth.principal_of(email text) RETURNS uuid
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found_id uuid;
BEGIN
    SELECT u.id INTO found_id FROM auth.users u WHERE u.email = auth.fold_email(principal_of.email);
    IF found_id IS NULL AND email IS NOT NULL THEN
        PERFORM auth.raise_error('user_missing', auth.known_email(email));
    END IF;
    RETURN found_id;
END
$$;
COMMENT ON FUNCTION auth.principal_of(text) IS
'Internal: whose email it is, to list what is theirs; NULL for NULL. 42704 when nobody has it, '
'22023 when it is not an email address.';

CREATE OR REPLACE FUNCTION auth.require_role(VARIADIC roles text[] DEFAULT '{}') RETURNS uuid
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    caller uuid := auth.uid();
BEGIN
    IF caller IS NULL AND 'ADMIN' = ANY (roles) AND auth.role() = 'service_role' THEN
        RETURN NULL;
    ELSIF caller IS NULL THEN
        PERFORM auth.raise_error('authentication_required');
    ELSIF cardinality(roles) > 0 AND (auth.is_delegated() OR auth.client_id() <> caller::text
        OR NOT auth.has_role(VARIADIC roles)) THEN
        PERFORM auth.raise_error('role_required', array_to_string(roles, ' or '));
    END IF;
    RETURN caller;
END
$$;
COMMENT ON FUNCTION auth.require_role(text[]) IS
'Internal: the calling principal; NULL for the project key service_role, which counts as ADMIN '
'where app roles are named. 28000 without a live token, 42501 without one of these app roles (none '
'named: any will do, and no key).';
