\echo Use "CREATE EXTENSION pg_principal_pgjwt" to load this file. \quit

-- No function names a schema, so the extension can be moved: C functions call no SQL, and the SQL
-- body of verify() is bound to its functions when it is created.

CREATE FUNCTION url_encode(data bytea) RETURNS text
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pg_principal_pgjwt_url_encode';
COMMENT ON FUNCTION url_encode(bytea) IS
'base64url without padding (RFC 7515).';

CREATE FUNCTION url_decode(data text) RETURNS bytea
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pg_principal_pgjwt_url_decode';
COMMENT ON FUNCTION url_decode(text) IS
'The bytes of base64url or base64, with or without padding, whitespace ignored; 22023 as decode() raises it.';

CREATE FUNCTION algorithm_sign(signables text, secret text, algorithm text) RETURNS text
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pg_principal_pgjwt_algorithm_sign';
COMMENT ON FUNCTION algorithm_sign(text, text, text) IS
'base64url of the HMAC of a text. algorithm: HS256, HS384 or HS512, 22023 for any other and for NULL.';

CREATE FUNCTION sign(payload json, secret text, algorithm text DEFAULT 'HS256') RETURNS text
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pg_principal_pgjwt_sign';
COMMENT ON FUNCTION sign(json, text, text) IS
'A JWT of the payload as it is spelled, signed with a secret of any length. 22023 for an algorithm other than HS256, HS384, HS512. New code: auth.jwt_sign() of pg_principal.';

CREATE FUNCTION try_cast_double(inp text) RETURNS double precision
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pg_principal_pgjwt_try_cast_double';
COMMENT ON FUNCTION try_cast_double(text) IS
'The text as a number, NULL when it is none or out of range.';

-- What verify() is made of: PostgreSQL inlines it and computes only the columns that a query asks
-- for, so that a token whose signature is wrong is not read any further. Labelled like the steps of
-- pgjwt's verify(), so that with constant arguments the same errors are raised at the same time.

CREATE FUNCTION _verify_part(token text, n integer) RETURNS bytea
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pg_principal_pgjwt_verify_part';
COMMENT ON FUNCTION _verify_part(text, integer) IS 'For verify(): the header (1) or payload (2), decoded.';

CREATE FUNCTION _verify_json(part bytea) RETURNS json
LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pg_principal_pgjwt_verify_json';
COMMENT ON FUNCTION _verify_json(bytea) IS 'For verify(): a part as json.';

CREATE FUNCTION _verify_signature(token text, secret text, algorithm text) RETURNS boolean
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pg_principal_pgjwt_verify_signature';
COMMENT ON FUNCTION _verify_signature(text, text, text) IS 'For verify(): whether the signature is that of the secret.';

CREATE FUNCTION _verify_time(payload bytea) RETURNS boolean
LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pg_principal_pgjwt_verify_time';
COMMENT ON FUNCTION _verify_time(bytea) IS 'For verify(): whether the transaction began in nbf..exp.';

-- IMMUTABLE although it looks at the clock, as pgjwt has it; the step that does is STABLE.
CREATE FUNCTION verify(token text, secret text, algorithm text DEFAULT 'HS256')
RETURNS TABLE (header json, payload json, valid boolean)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT _verify_json(_verify_part(token, 1)), _verify_json(_verify_part(token, 2)),
           _verify_signature(token, secret, algorithm) AND _verify_time(_verify_part(token, 2));
END;
COMMENT ON FUNCTION verify(text, text, text) IS
'Header and payload of a JWT, and whether its signature is that of the secret and the transaction began in nbf..exp. Neither the header''s alg nor the length of the secret is checked; an unreadable token is an error, but only when its column is asked for. New code: auth.jwt_verify() of pg_principal.';
