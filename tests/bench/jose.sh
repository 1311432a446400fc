#!/usr/bin/env bash
# Verification in SQL against OpenSSL alone, in one run. SQL time is that of the query less the same
# query without the function. The best of many short rounds, which other load disturbs least.
set -euo pipefail
here=$(dirname "$0")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cc -O2 -Wall -Wextra -Werror -o "$scratch/bare" "$here/bare_openssl.c" -lcrypto

psql -X -q -v ON_ERROR_STOP=1 <<'SQL'
SET client_min_messages = warning;
CREATE TABLE bench_key AS SELECT alg, auth.generate_jwk(alg) AS jwk FROM unnest(ARRAY['HS256', 'RS256', 'ES256', 'EdDSA']) AS alg;
-- tokens of 350 bytes
CREATE TABLE bench_hs256 AS
SELECT auth.jwt_sign(jsonb_build_object('sub', gen_random_uuid(), 'aud', 'authenticated', 'role', 'authenticated', 'iat', 1700000000,
    'exp', 1900000000 + i, 'email', 'a' || i % 1000 || '@x.org'), jwk) AS token
FROM bench_key, generate_series(1, 2000) AS i WHERE alg = 'HS256';
CREATE TABLE bench_signed AS
SELECT alg, jwk, message, decode(rpad(s, 4 * ((length(s) + 3) / 4), '='), 'base64') AS signature
FROM (SELECT alg, CASE alg WHEN 'HS256' THEN jwk ELSE auth.public_jwk(jwk) END AS jwk,
        convert_to(left(t, -1 - length(split_part(t, '.', 3))), 'UTF8') AS message, translate(split_part(t, '.', 3), '-_', '+/') AS s
    FROM bench_key, generate_series(1, 40) AS i, LATERAL auth.jws_sign(convert_to(repeat('x', 170) || i, 'UTF8'), jwk) AS t
    WHERE alg <> 'HS256') AS signed;
VACUUM (ANALYZE, FREEZE) bench_hs256, bench_signed;
SQL

sql() {
    psql -X -qAt -F ' ' -v ON_ERROR_STOP=1 <<'SQL'
SET max_parallel_workers_per_gather = 0;
SET jit = off;
CREATE TEMP TABLE timing (name text, n bigint, spent double precision, idle double precision);
DO $$
DECLARE
    v record;
    since timestamptz;
    spent double precision;
    idle double precision;
    n bigint;
    key jsonb;
BEGIN
    FOR v IN SELECT * FROM generate_series(0, 100) AS round, (VALUES ('claims'), ('payload'), ('sign'), ('RS256'), ('ES256'), ('EdDSA')) AS w (name) ORDER BY round LOOP
        IF v.name IN ('claims', 'payload', 'sign') THEN
            SELECT jwk INTO key FROM bench_key WHERE alg = 'HS256';
            since := clock_timestamp();
            EXECUTE CASE v.name WHEN 'sign' THEN 'SELECT count(c) FROM (SELECT jsonb_build_object(''sub'', ctid, ''exp'', 1900000000) AS c FROM bench_hs256 OFFSET 0) AS t'
                ELSE 'SELECT count(token) FROM bench_hs256' END INTO n;
            idle := extract(epoch FROM clock_timestamp() - since);
            since := clock_timestamp();
            EXECUTE CASE v.name WHEN 'claims' THEN format('SELECT count(auth.jwt_verify(token, %L)) FROM bench_hs256', key)
                WHEN 'payload' THEN format('SELECT count(auth.jws_verify(token, %L)) FROM bench_hs256', key)
                ELSE format('SELECT count(auth.jwt_sign(c, %L)) FROM (SELECT jsonb_build_object(''sub'', ctid, ''exp'', 1900000000) AS c FROM bench_hs256 OFFSET 0) AS t', key) END INTO n;
        ELSE
            SELECT jwk INTO key FROM bench_signed WHERE alg = v.name LIMIT 1;
            since := clock_timestamp();
            EXECUTE format('SELECT count(*) FROM bench_signed WHERE alg = %L AND length(message) > 0 AND length(signature) > 0', v.name) INTO n;
            idle := extract(epoch FROM clock_timestamp() - since);
            since := clock_timestamp();
            EXECUTE format('SELECT count(*) FROM bench_signed WHERE alg = %1$L AND auth.verify_signature(%1$L, %2$L, message, signature)', v.name, key) INTO n;
        END IF;
        spent := extract(epoch FROM clock_timestamp() - since);
        IF n <> (CASE WHEN v.name IN ('claims', 'payload', 'sign') THEN 2000 ELSE 40 END) THEN
            RAISE EXCEPTION '%: % rows verified', v.name, n;
        END IF;
        IF v.round > 0 THEN
            INSERT INTO timing VALUES (v.name, n, spent, idle);
        END IF;
    END LOOP;
END $$;
SELECT name, 1e6 * (min(spent) - min(idle)) / min(n) FROM timing GROUP BY name;
SELECT 'size', round(avg(length(token))) FROM bench_hs256;
SQL
}

{
    "$scratch/bare" | sed 's/^/bare /'
    sql | sed 's/^/sql /'
    "$scratch/bare" | sed 's/^/bare /'
} | awk '
    !(($1 " " $2) in us) || $3 < us[$1 " " $2] { us[$1 " " $2] = $3 }
    function line(what, sql, bare, goal) {
        printf "jose: %s: %.2f us, OpenSSL alone %.2f us, ratio %.2f%s\n", what, sql, bare, sql / bare, goal
    }
    END {
        hmac = us["bare HS256"] + 0.03
        size = us["sql size"]
        line("HS256, " size " bytes, claims as jsonb", us["sql claims"], hmac, " (goal: at most 4)")
        line("HS256, " size " bytes, payload as bytea", us["sql payload"], hmac, "")
        line("HS256, signing", us["sql sign"], hmac, " (goal: at most 4)")
        line("RS256, signature verified", us["sql RS256"], us["bare RS256"], " (goal: at most 1.1)")
        line("ES256, signature verified", us["sql ES256"], us["bare ES256"], " (goal: at most 1.1)")
        line("EdDSA, signature verified", us["sql EdDSA"], us["bare EdDSA"], " (goal: at most 1.1)")
    }'

# A stranger's 16 KiB against a token that verifies: what has no header costs less than one of 350
# bytes, what is read or even hashed to its end no more than one of its own length.
psql -X -qAt -F ' ' -v ON_ERROR_STOP=1 <<'SQL' | awk '
    { us[$1] = $2 > 0 ? $2 : 0 }
    function line(what, valid, limit) {
        printf "ratio jose_garbage_%s %.2f (at most %s): %.2f us, valid %.2f us\n", what, us[what] / us[valid], limit, us[what], us[valid]
        failed += us[what] > limit * us[valid]
    }
    END {
        line("letters", "short", 1)
        line("dots", "short", 1)
        line("header", "long", 1)
        line("signature", "long", 1.1)
        exit failed > 0
    }'
SET max_parallel_workers_per_gather = 0;
SET jit = off;
CREATE TEMP TABLE garbage AS SELECT name, token, jwk FROM bench_key, LATERAL (SELECT auth.jws_sign(convert_to(repeat('x', 12100), 'UTF8'), jwk), (SELECT token FROM bench_hs256 LIMIT 1)) AS v (long, short),
    LATERAL (VALUES ('short', short), ('long', long), ('letters', repeat('A', length(long))), ('dots', repeat('.', length(long))),
        ('header', replace(encode(convert_to('{"alg":"none","x":["' || repeat('x', 12001) || '"]}', 'UTF8'), 'base64'), E'\n', '') || '..'), ('signature', left(long, -4) || 'AAAA')) AS t (name, token) WHERE alg = 'HS256';
CREATE TEMP TABLE spent (name text, us double precision);
DO $$
DECLARE
    g record;
    since timestamptz;
    idle double precision;
    n bigint;
BEGIN
    FOR g IN SELECT garbage.* FROM garbage, generate_series(1, 30) AS round ORDER BY round LOOP
        since := clock_timestamp();
        EXECUTE 'SELECT count(octet_length(t) + i) FROM (SELECT $1 AS t OFFSET 0) AS s, generate_series(1, 2000) AS i' INTO n USING g.token;
        idle := extract(epoch FROM clock_timestamp() - since);
        since := clock_timestamp();
        EXECUTE 'SELECT count(auth.jws_verify(t, $2)) FROM (SELECT $1 AS t OFFSET 0) AS s, generate_series(1, 2000) AS i' INTO n USING g.token, g.jwk;
        INSERT INTO spent VALUES (g.name, 1e6 * (extract(epoch FROM clock_timestamp() - since) - idle) / 2000);
        IF n <> (CASE WHEN g.name IN ('short', 'long') THEN 2000 ELSE 0 END) THEN
            RAISE EXCEPTION '%: % verified', g.name, n;
        END IF;
    END LOOP;
END $$;
SELECT name, min(us) FROM spent GROUP BY name;
SQL
