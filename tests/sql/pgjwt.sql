-- pg_principal_pgjwt: the same as pgjwt in every result and every error, and what pgjwt cannot do.
SET client_min_messages = warning;
\set back :DBNAME
\getenv here PG_ABS_SRCDIR
\set compare :here /sql/include/pgjwt_compare.sql
CREATE ROLE regress_pgjwt_owner LOGIN;
CREATE DATABASE regress_pgjwt_latin1 ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0;
CREATE DATABASE regress_pgjwt OWNER regress_pgjwt_owner ENCODING 'UTF8' LOCALE 'C' TEMPLATE template0;

\c regress_pgjwt_latin1
SET client_min_messages = warning;
\set sample 1
\set ECHO none
\i :compare
\set ECHO all

\c regress_pgjwt
SET client_min_messages = warning;
\set sample 1
\set ECHO none
\i :compare
\set ECHO all

-- Plain results.
SET search_path = pgjwt_new, public;
SELECT sign('{"sub":"1234567890","name":"John Doe","admin":true}', 'secret');
SELECT token, v.* FROM unnest(ARRAY['HS256', 'HS384', 'HS512']) AS a,
    sign('{"a": 1}', '', a) AS token, verify(token, '', a) AS v;
SELECT * FROM verify('eyJhbGciOiJub25lIn0.e30.x', 'secret');
SELECT * FROM verify('x', 'secret');
SELECT valid FROM verify('x.y.z', 'secret');
SELECT sign('{}', 'secret', 'RS256');
SELECT * FROM verify(sign('{"nbf":2,"exp":1}', 'secret'), 'secret');
SELECT url_encode('\xfbff'), url_encode(''), url_decode('-_8'), url_decode(E'+/8=\n\n\n\n'),
    try_cast_double('1e3'), try_cast_double('x') IS NULL AS "null";
SELECT url_decode('!');

-- NULL anywhere.
SELECT sign(NULL, 's'), sign('{}', NULL), sign('{}', 's', NULL), sign(NULL, 's', 'none'),
    sign('{}', NULL, 'none');
SELECT algorithm_sign(NULL, 's', 'none'), algorithm_sign('a', NULL, 'none'), url_encode(NULL),
    url_decode(NULL), try_cast_double(NULL);
SELECT algorithm_sign('a', 's', NULL);
SELECT * FROM verify(NULL, 's');
SELECT * FROM verify(NULL, 's', 'none');
SELECT * FROM verify('e30.e30.x', NULL);
SELECT * FROM verify('e30.e30', 's');
SELECT * FROM verify('e30.e30.x', 's', NULL);

-- What is built on an IMMUTABLE function: a generated column, an index, a check.
CREATE TABLE public.built (payload json CHECK (length(sign(payload, 's')) < 200),
    token text GENERATED ALWAYS AS (sign(payload, 's', 'HS256')) STORED, bytes bytea);
CREATE INDEX ON built (url_encode(bytes), try_cast_double(payload->>'exp'));
INSERT INTO built VALUES ('{"a":1}', DEFAULT, '\x00ff');
SELECT token = sign('{"a":1}', 's') AS same FROM built WHERE url_encode(bytes) = 'AP8';
-- inlined: only what a query asks for is computed
EXPLAIN (VERBOSE, COSTS OFF) SELECT v.payload FROM built, verify(token, 's') AS v WHERE valid;

-- The time is the transaction's, also in a plan that is kept.
SET plan_cache_mode = force_generic_plan;
PREPARE verified(text) AS SELECT valid FROM verify($1, 's');
SELECT sign(json_build_object('exp', extract(epoch FROM clock_timestamp()) + 3), 's') AS short \gset
BEGIN;
EXECUTE verified(:'short');
SELECT pg_sleep(3.2);
EXECUTE verified(:'short');
SELECT valid FROM verify(:'short', 's');
COMMIT;
EXECUTE verified(:'short');
SELECT valid FROM verify(:'short', 's');
DEALLOCATE verified;

-- It can be moved, functions that call its functions included.
ALTER EXTENSION pg_principal_pgjwt SET SCHEMA public;
SET search_path = pg_catalog;
SELECT token = public.sign('{"a":1}', 's') AS same, v.* FROM public.built,
    public.verify(token, 's') AS v;
DROP SCHEMA pgjwt_new;
CREATE SCHEMA other;
ALTER EXTENSION pg_principal_pgjwt SET SCHEMA other;
SELECT v.* FROM public.built, other.verify(token, 's') AS v;

-- Who may create objects in a database may have it, without pgcrypto.
DROP TABLE public.built;
DROP EXTENSION pg_principal_pgjwt;
DROP EXTENSION pgcrypto CASCADE;
SET SESSION AUTHORIZATION regress_pgjwt_owner;
CREATE SCHEMA jwt;
CREATE EXTENSION pg_principal_pgjwt SCHEMA jwt;
SELECT valid FROM jwt.verify(jwt.sign('{}', ''), '');
DROP EXTENSION pg_principal_pgjwt;
RESET SESSION AUTHORIZATION;

\c :back
DROP DATABASE regress_pgjwt;
DROP DATABASE regress_pgjwt_latin1;
DROP ROLE regress_pgjwt_owner;
