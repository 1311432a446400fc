-- Secrets inside our functions. One is given to a function in an assignment, RETURN or IF and
-- nowhere else: as a parameter of a statement, auditing extensions would log it. A statement that
-- needs one asks for it by a number.

CREATE OR REPLACE FUNCTION auth.hold_secret(secret bytea) RETURNS bigint
LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'pg_principal_hold_secret';
COMMENT ON FUNCTION auth.hold_secret(bytea) IS
'Internal: keeps a secret until the transaction ends. Returns the number that auth.held_secret() '
'knows it by.';

CREATE OR REPLACE FUNCTION auth.held_secret(number bigint) RETURNS bytea
LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'pg_principal_held_secret';
COMMENT ON FUNCTION auth.held_secret(bigint) IS
'Internal: what auth.hold_secret() keeps; NULL for nothing.';

CREATE OR REPLACE FUNCTION auth.hold_document(document jsonb) RETURNS bigint
LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'pg_principal_hold_secret';
COMMENT ON FUNCTION auth.hold_document(jsonb) IS
'Internal: the same for a document with secrets in it, and auth.held_document().';

CREATE OR REPLACE FUNCTION auth.held_document(number bigint) RETURNS jsonb
LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'pg_principal_held_secret';
COMMENT ON FUNCTION auth.held_document(bigint) IS
'Internal: what auth.hold_document() keeps; NULL for nothing.';
