-- What a request says of itself, and the server log.

CREATE OR REPLACE FUNCTION auth.request_context(OUT ip text, OUT user_agent text) RETURNS record
LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'pg_principal_request_context';
COMMENT ON FUNCTION auth.request_context() IS
'Internal: address and user agent out of pg_principal.request_context; NULL for what is missing or '
'malformed.';

CREATE OR REPLACE FUNCTION auth.set_request_context(context jsonb) RETURNS void
LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'pg_principal_set_request_context';
COMMENT ON FUNCTION auth.set_request_context(jsonb) IS
'Internal: what the audit tells of the request, for the rest of the transaction. NULL leaves what '
'was set. 22023 when it is not an object.';

CREATE OR REPLACE FUNCTION auth.log_event(event jsonb) RETURNS void
LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'pg_principal_log_event';
COMMENT ON FUNCTION auth.log_event(jsonb) IS
'Internal: one line of JSON in the server log, without the statement.';
