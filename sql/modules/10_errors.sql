CREATE OR REPLACE FUNCTION auth.raise_error(id text, VARIADIC args text[] DEFAULT '{}') RETURNS void
LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pg_principal_raise_error';
COMMENT ON FUNCTION auth.raise_error(text, text[]) IS
'Internal: raises the error of that id with its SQLSTATE, message and hint from the one table of '
'errors; the arguments fill the placeholders, and one argument more than the message has is the '
'DETAIL.';

CREATE OR REPLACE FUNCTION auth.error_kinds(OUT id text, OUT sqlstate text, OUT message text,
    OUT hint text) RETURNS SETOF record
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pg_principal_error_kinds';
COMMENT ON FUNCTION auth.error_kinds() IS
'Every error this extension raises by itself: its id, SQLSTATE, message and hint; {0}, {1}, ... '
'stand for arguments.';
