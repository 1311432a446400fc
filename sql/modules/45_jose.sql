-- JOSE for any key: nothing here reads or writes a table.
-- A key argument is a JWK (RFC 7517), a JWK Set {"keys": [...]}, or a JSON string that holds a PEM
-- or, for HS256/384/512, the secret itself.

CREATE OR REPLACE FUNCTION auth.jws_sign(payload bytea, jwk jsonb, alg text DEFAULT NULL)
    RETURNS text
LANGUAGE c VOLATILE PARALLEL SAFE COST 100 AS 'MODULE_PATHNAME', 'pg_principal_jws_sign';
COMMENT ON FUNCTION auth.jws_sign(bytea, jsonb, text) IS
'Compact JWS (RFC 7515) of any payload, the empty one included. alg: the key''s own unless named. '
'NULL for a NULL payload or key; 22023 for a key that is malformed, public, or does not fit the '
'algorithm; 54000, before anything is calculated, when the result cannot be a value.';

CREATE OR REPLACE FUNCTION auth.jws_verify(token text, jwks jsonb) RETURNS bytea
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 100 AS 'MODULE_PATHNAME', 'pg_principal_jws_verify';
COMMENT ON FUNCTION auth.jws_verify(text, jsonb) IS
'The payload of a compact JWS (RFC 7515) when one of the keys verifies it, otherwise NULL: for a '
'wrong signature as for alg none, an algorithm that is not the key''s, crit, jwk, jku, x5u, '
'non-canonical base64url, more than 16 KiB, a key of a set that must not be used. Such a key is '
'passed over (RFC 7517, section 5), a kid that two secrets of one algorithm share is ambiguous, '
'and a secret beside public keys is never used. 22023 when a key by itself is malformed or must '
'not be used, or the document is not a JWK Set; 54000 for a set of more than 256 keys or 4 MiB.';

CREATE OR REPLACE FUNCTION auth.jwt_sign(claims jsonb, jwk jsonb, alg text DEFAULT NULL)
    RETURNS text
LANGUAGE c VOLATILE PARALLEL SAFE COST 100 AS 'MODULE_PATHNAME', 'pg_principal_jwt_sign';
COMMENT ON FUNCTION auth.jwt_sign(jsonb, jsonb, text) IS
'JWT (RFC 7519) of the claims as they are: nothing is added. Errors as auth.jws_sign(); 22023 when '
'claims is not an object.';

CREATE OR REPLACE FUNCTION auth.jwt_verify(token text, jwks jsonb, audience text DEFAULT NULL,
    issuer text DEFAULT NULL) RETURNS jsonb
LANGUAGE c STABLE PARALLEL SAFE COST 100 AS 'MODULE_PATHNAME', 'pg_principal_jwt_verify';
COMMENT ON FUNCTION auth.jwt_verify(text, jsonb, text, text) IS
'The claims of a JWT (RFC 7519) that one of the keys verifies and whose exp and nbf hold now, give '
'or take pg_principal.clock_skew. audience and issuer, where given, must be there and agree. 28000 '
'with the reason as DETAIL when it does not verify, of a key of a set that must not be used its '
'kid and what is wrong with it; other errors as auth.jws_verify(); NULL for a NULL token or key. '
'For tokens of this database use auth.authenticate(), which knows sessions and bans.';

CREATE OR REPLACE FUNCTION auth.verify_foreign_token(token text, jwks jsonb, rules jsonb,
    OUT claims jsonb, OUT kid text, OUT refusal text) RETURNS record
LANGUAGE c VOLATILE PARALLEL SAFE COST 100 AS 'MODULE_PATHNAME',
    'pg_principal_verify_foreign_token';
COMMENT ON FUNCTION auth.verify_foreign_token(text, jsonb, jsonb) IS
'Internal: the claims of a token that a trusted issuer or a client has signed, or why it is '
'refused: what the token is never raises. rules: {"issuer": text or null (not asked for), '
'"audiences": [text] or null, "soleAudience": boolean, "algorithms": [name], "types": [text], '
'"longestLife": seconds}. Whatever they say, a secret never verifies, exp must be there, typ is '
'JWT, JOSE or none unless types lists another, a key in its header is not looked at, and a key of '
'the set that names its issuer serves no other. '
'kid is the token''s own word. A NULL token or key set is refused, too; NULL rules are an error.';

CREATE OR REPLACE FUNCTION auth.jwks_problems(jwks jsonb, OUT index integer, OUT kid text,
    OUT problem text) RETURNS SETOF record
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 100 AS 'MODULE_PATHNAME',
    'pg_principal_jwks_problems';
COMMENT ON FUNCTION auth.jwks_problems(jsonb) IS
'The keys of a JWK Set that no token can be verified with, and why: each is passed over by '
'auth.jwt_verify() and auth.jws_verify(), and a token that names it is refused. index counts from '
'0. Errors as auth.jws_verify().';

CREATE OR REPLACE FUNCTION auth.verify_signature(alg text, jwk jsonb, message bytea,
    signature bytea) RETURNS boolean
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 100 AS 'MODULE_PATHNAME',
    'pg_principal_verify_signature';
COMMENT ON FUNCTION auth.verify_signature(text, jsonb, bytea, bytea) IS
'Whether the raw signature (RFC 7518: r and s of ES* concatenated, not DER) is the key''s over the '
'message. False also when the key may not be used with the algorithm; 22023 for an unknown '
'algorithm or a malformed key.';

CREATE OR REPLACE FUNCTION auth.jwk_thumbprint(jwk jsonb) RETURNS text
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 100 AS 'MODULE_PATHNAME',
    'pg_principal_jwk_thumbprint';
COMMENT ON FUNCTION auth.jwk_thumbprint(jsonb) IS
'base64url of the SHA-256 thumbprint of a JWK (RFC 7638, RFC 8037), the same for its public and '
'private form. 22023 for a malformed key.';

CREATE OR REPLACE FUNCTION auth.generate_jwk(alg text) RETURNS jsonb
LANGUAGE c VOLATILE STRICT PARALLEL SAFE COST 100 AS 'MODULE_PATHNAME', 'pg_principal_generate_jwk';
COMMENT ON FUNCTION auth.generate_jwk(text) IS
'A new private JWK for the algorithm, its thumbprint as kid; stored nowhere. 22023 for an unknown '
'algorithm.';

CREATE OR REPLACE FUNCTION auth.public_jwk(jwk jsonb) RETURNS jsonb
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 100 AS 'MODULE_PATHNAME', 'pg_principal_public_jwk';
COMMENT ON FUNCTION auth.public_jwk(jsonb) IS
'The public half of a key as a JWK (RFC 7517). 22023 for a secret, which has none, and for a '
'malformed key.';

CREATE OR REPLACE FUNCTION auth.public_pem(jwk jsonb) RETURNS text
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 100 AS 'MODULE_PATHNAME', 'pg_principal_public_pem';
COMMENT ON FUNCTION auth.public_pem(jsonb) IS
'The public half of a key as PEM (SubjectPublicKeyInfo, RFC 5280). 22023 for a secret, which has '
'none, and for a malformed key.';

CREATE OR REPLACE FUNCTION auth.pem_to_jwk(pem text) RETURNS jsonb
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 100 AS 'MODULE_PATHNAME', 'pg_principal_pem_to_jwk';
COMMENT ON FUNCTION auth.pem_to_jwk(text) IS
'A PEM key (SPKI, PKCS#8, PKCS#1 or SEC1, without a passphrase) as a JWK: private when the PEM is. '
'22023 names what is wrong with it.';

CREATE OR REPLACE FUNCTION auth.signature_algorithms() RETURNS jsonb
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pg_principal_signature_algorithms';
COMMENT ON FUNCTION auth.signature_algorithms() IS
'Internal: what a token of somebody else may be signed by: every algorithm there is but the '
'symmetric ones.';
