-- Refusals that are answers, not errors: a status, a reason, and what was wrong.

CREATE OR REPLACE FUNCTION auth.refusal(status integer, reason text, message text,
    errors jsonb DEFAULT NULL) RETURNS auth.auth_result
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
    SELECT ROW(false, refusal.status, refusal.reason,
        jsonb_strip_nulls(jsonb_build_object('message', refusal.message, 'errors',
            refusal.errors)))::auth.auth_result;
END;
COMMENT ON FUNCTION auth.refusal(integer, text, text, jsonb) IS
'Internal: an auth_result that is not ok.';

CREATE OR REPLACE FUNCTION auth.bad_field(message text, field text, problem text)
    RETURNS auth.auth_result
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
    SELECT auth.refusal(400, 'validation-failed', bad_field.message,
        jsonb_build_array(jsonb_build_object('field', bad_field.field, 'message', bad_field.field
            || ' ' || bad_field.problem)));
END;
COMMENT ON FUNCTION auth.bad_field(text, text, text) IS
'Internal: the refusal of one field of a request.';

CREATE OR REPLACE FUNCTION auth.bad_page(entries integer) RETURNS auth.auth_result
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
    SELECT r.* FROM (SELECT (auth.bad_field('The page was refused', 'limit',
        'must be a whole number between 1 and 100')).*) AS r
    WHERE (bad_page.entries BETWEEN 1 AND 100) IS NOT TRUE;
END;
COMMENT ON FUNCTION auth.bad_page(integer) IS
'Internal: the refusal of a page''s size; NULL when it is between 1 and 100.';

CREATE OR REPLACE FUNCTION auth.refusal_of_caller(VARIADIC roles text[] DEFAULT '{}')
    RETURNS auth.auth_result
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF auth.uid() IS NULL AND 'ADMIN' = ANY (roles) AND auth.role() = 'service_role' THEN
        RETURN NULL;
    ELSIF auth.uid() IS NULL THEN
        RETURN auth.refusal(401, 'unauthenticated', 'Authentication required');
    ELSIF auth.is_delegated() THEN
        RETURN auth.refusal(403, 'delegated', 'An agent that acts for somebody may not do this');
    ELSIF auth.client_id() <> auth.uid()::text THEN
        RETURN auth.refusal(403, 'application', 'An application that somebody let in may not do '
            'this');
    ELSIF cardinality(roles) > 0 AND NOT auth.has_role(VARIADIC roles) THEN
        RETURN auth.refusal(403, 'forbidden', 'Insufficient role');
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION auth.refusal_of_caller(text[]) IS
'Internal: NULL when the caller has a live token and one of these app roles (none named: any will '
'do), else 401 or 403, also for an agent that acts for somebody and for an application that a '
'person let in. The project key service_role '
'counts as ADMIN where app roles are named, and '
'is no principal: 401 where none is. 28000 when the token is dead.';
