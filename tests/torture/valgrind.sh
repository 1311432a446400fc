#!/bin/bash
# A server under valgrind: every function of the extension, and its hot paths over and over, while other connections
# ban, revoke and change keys. An error is ours when our library is on its stack, for Debian's PostgreSQL does not
# tell valgrind of its memory contexts. What is seen is what C++ and OpenSSL allocate, leaks of it included (those of
# an error that jumps over it, too), and what is used before it was written.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/harness/cluster.sh
. tests/harness/cluster.sh
# shellcheck source=tests/harness/tap.sh
. tests/harness/tap.sh

if [ -z "${HARNESS_ROOT-}" ]; then
    echo "run by: make torture"
    exit 2
fi
dir=$work/valgrind
logs=$work/logs
libdir=$HARNESS_ROOT$("$pg_config" --pkglibdir)
mkdir -p "$logs" && chmod 1777 "$logs"
cat >"$work/postgres" <<END
#!/bin/sh
exec valgrind -q --vgdb=no --trace-children=yes --child-silent-after-fork=no --error-limit=no --num-callers=40 \\
    --leak-check=full --show-leak-kinds=definite --xml=yes --xml-file=$logs/%p.xml "$PG_BIN/postgres" "\$@"
END
chmod 755 "$work/postgres"
cluster_create "$dir" fsync=off autovacuum=off jit=off max_parallel_workers_per_gather=2 authentication_timeout=10min \
    pg_principal.access_token_ttl=1d pg_principal.refresh_reuse_interval=1h pg_principal.registration=open \
    pg_principal.max_failed_sign_ins=100 pg_principal.master_key_file="$dir/master.key" || exit 1
master_key "$dir/master.key" || exit 1
clusters+=("$dir")
(cd "$dir" && as_server "$PG_BIN/pg_ctl" -s -w -t 300 -p "$work/postgres" -D "$dir/data" -l "$dir/log" start) </dev/null ||
    { tail -n 20 "$dir/log" && exit 1; }
cluster_use "$dir"
# by the name that its errors will have
is "the server runs under valgrind, with the library" \
    "$(psql -XAtqc "SELECT maps LIKE '%vgpreload_memcheck%' AND maps LIKE '% $libdir/pg_principal.so' || chr(10) || '%' FROM pg_read_file('/proc/self/maps') AS maps")" t

run() { # NAME: what SQL from stdin answers, errors and all; how often each is in $dir/NAME.out
    timeout 300 psql -XqAt -v bad="${token%????}AAAA" -v token="$token" -v VERBOSITY=sqlstate -f - 2>&1 |
        sed -E 's/^psql:<stdin>:[0-9]+: ERROR:  /error /; /^$/d' | LC_ALL=C sort | uniq -c | sed 's/^ *//' >"$dir/$1.out"
}
answered() { # NAME: nothing but the lines of stdin
    is "$1: its answers" "$(LC_ALL=C sort -k 2 "$dir/$1.out")" "$(LC_ALL=C sort -k 2)"
}

# Every function, what succeeds and what fails: the cases and what they need are those of the memory test.
# shellcheck source=/dev/null
. <(sed -n '/^# name ~ calls/,/^# Between statements/p' tests/system/memory.sh)
# shellcheck disable=SC2034 # for the cases
seal=$(psql -XqAt -c 'SELECT auth.audit_seal()')
token=
be ann
{
    cat <<SQL
SET pg_principal.token = '$token'; SET client_min_messages = error;
CREATE FUNCTION pg_temp.state_of(call text) RETURNS text LANGUAGE plpgsql AS \$run\$
BEGIN
    EXECUTE 'SELECT ' || call;
    RETURN 'good';
EXCEPTION WHEN OTHERS THEN
    RETURN 'bad';
END \$run\$;
SQL
    while IFS='~' read -r name _ good bad; do
        for wanted in good bad; do
            call=$good
            [ $wanted = good ] || call=$bad
            [ -n "$call" ] || continue
            # a third time at the top level, where an error ends the statement and not a subtransaction
            printf "SELECT pg_temp.state_of(\$call\$%s\$call\$), '%s', '%s' FROM generate_series(1, 2);\n" "$(filled "$call")" $wanted "$name"
            printf '\\o /dev/null\nSELECT %s;\n\\o\n' "$(filled "$call")"
        done
    done < <(cases)
    echo "SELECT 'alive', 'alive', count(*) FROM auth.users WHERE auth.email() IS NOT NULL;"
} >"$dir/functions.sql"
timeout 900 psql -XqAt -F '~' -f "$dir/functions.sql" >"$dir/functions.out" 2>"$dir/functions.err"
is "every function did what the memory test expects" "$(awk -F '~' '$1 != $2' "$dir/functions.out" | sort -u)" ""
like "and the backend lived through it all" "$(tail -n 1 "$dir/functions.out")" '^alive'

run setup <<'SQL'
CREATE TABLE big (id int, owner text, filler text);
INSERT INTO big SELECT n, CASE WHEN n % 1000 = 1 THEN 'ann@example.com' WHEN n % 1000 = 2 THEN 'ben@example.com' ELSE 'p' || n || '@example.com' END, repeat('x', 100) FROM generate_series(1, 10000) AS n;
SELECT auth.clamp('big', 'owner', 'self_and_reports');
GRANT SELECT ON big TO reader;
ALTER TABLE big SET (parallel_workers = 2);
ANALYZE big;
SQL
# Who is calling, in loops, scans, parallel workers and prepared statements.
PGOPTIONS="-c pg_principal.token=$token" run identity <<'SQL'
SELECT count(auth.uid()) FROM generate_series(1, 3000);
SELECT count(auth.email() || auth.role() || auth.jwt()) FROM generate_series(1, 300);
SET ROLE reader;
SELECT count(*) FROM big;
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
SELECT count(*) FROM big;
PREPARE scan AS SELECT count(*) FROM clamped;
EXECUTE scan; EXECUTE scan; EXECUTE scan; EXECUTE scan; EXECUTE scan; EXECUTE scan;
SET pg_principal.token = :'bad';
EXECUTE scan;
SELECT count(*) FROM big;
RESET pg_principal.token;
EXECUTE scan;
BEGIN;
SELECT auth.authenticate('')->>'email';
ROLLBACK;
SELECT auth.authenticate(t)->>'email' FROM unnest(ARRAY[:'token', :'bad']) AS t;
SELECT auth.authenticate(:'token', false)->>'email';
DISCARD ALL;
SELECT auth.email();
SQL
answered identity <<'ANSWERS'
2 ann@example.com
3 error 28000
7 1
2 20
1 300
1 3000
ANSWERS

# Each algorithm: made, imported, rotated, minted with, verified, refused, revoked.
run algorithms <<'SQL'
CREATE TEMP TABLE keys AS SELECT alg, auth.generate_jwk(alg) AS jwk FROM unnest(ARRAY['HS256', 'HS384', 'HS512', 'RS256', 'ES256', 'ES384', 'ES512', 'EdDSA']) AS alg;
INSERT INTO keys SELECT a, jwk || jsonb_build_object('alg', a, 'kid', a) FROM keys, unnest(ARRAY['RS384', 'RS512', 'PS256', 'PS384', 'PS512']) AS a WHERE alg = 'RS256';
CREATE TEMP TABLE states (minted text, kept text, forged text);
CREATE FUNCTION pg_temp.state_of(token text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RETURN auth.authenticate(token)->>'email';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE;
END $$;
CREATE PROCEDURE pg_temp.rotate(kept text) LANGUAGE plpgsql AS $$
DECLARE
    k record;
    kid text;
    minted text;
BEGIN
    FOR k IN SELECT * FROM keys LOOP
        kid := auth.import_signing_key(k.jwk);
        COMMIT;
        minted := auth.issue('ann@example.com', '1h', 'the test''s');
        COMMIT;
        INSERT INTO states VALUES (pg_temp.state_of(minted), pg_temp.state_of(kept), pg_temp.state_of(left(minted, -6) || 'AAAAAA'));
        PERFORM auth.create_signing_key();
        PERFORM auth.revoke_signing_key(kid);
        COMMIT;
        INSERT INTO states VALUES (pg_temp.state_of(minted), pg_temp.state_of(kept), 'without the key');
    END LOOP;
END $$;
CALL pg_temp.rotate(:'token');
SELECT * FROM states;
SELECT count(*) FILTER (WHERE auth.jws_verify(t, jwk) = p), count(*) FILTER (WHERE auth.jws_verify(left(t, -6) || 'AAAAAA', jwk) IS NULL),
    count(*) FILTER (WHERE auth.jwt_verify(auth.jwt_sign('{"a": 1}', jwk), jwk) = '{"a": 1}') FROM keys, unnest(ARRAY['\x'::bytea, '\x00ff', convert_to(repeat('x', 9000), 'UTF8')]) AS p, LATERAL auth.jws_sign(p, jwk) AS t;
SELECT count(*) FILTER (WHERE auth.jws_verify(auth.jws_sign('x', jwk), CASE WHEN jwk->>'kty' = 'oct' THEN jwk ELSE to_jsonb(auth.public_pem(jwk)) END) = 'x') FROM keys;
SELECT count(*) FILTER (WHERE NOT auth.verify_signature(alg, jwk, 'x', s)) FROM keys, unnest(ARRAY['\x'::bytea, '\x00', decode(repeat('ff', 64), 'hex'), decode(repeat('00', 256), 'hex')]) AS s;
SELECT auth.seal_signing_keys() >= 0;
CREATE SCHEMA pgjwt;
CREATE EXTENSION pg_principal_pgjwt SCHEMA pgjwt;
SELECT v.* FROM unnest(ARRAY['HS256', 'HS384', 'HS512']) AS a, pgjwt.sign('{"a": 1}', 'secret', a) AS t, unnest(ARRAY[t, left(t, -6) || 'AAAAAA']) AS x, pgjwt.verify(x, 'secret', a) AS v;
SELECT v.valid FROM pgjwt.verify('x.y.z', 'secret') AS v;
SELECT v.valid FROM pgjwt.verify('', 'secret') AS v;
SELECT pgjwt.sign('{}', 'secret', 'nope');
SQL
answered algorithms <<'ANSWERS'
1 13
13 28000|ann@example.com|without the key
1 39|39|39
1 52
13 ann@example.com|ann@example.com|28000
1 error 22023
1 f
1 t
1 {"alg":"HS256","typ":"JWT"}|{"a": 1}|f
1 {"alg":"HS256","typ":"JWT"}|{"a": 1}|t
1 {"alg":"HS384","typ":"JWT"}|{"a": 1}|f
1 {"alg":"HS384","typ":"JWT"}|{"a": 1}|t
1 {"alg":"HS512","typ":"JWT"}|{"a": 1}|f
1 {"alg":"HS512","typ":"JWT"}|{"a": 1}|t
ANSWERS

# What no token is, what no key is, what no refresh token is.
run refusals <<'SQL'
CREATE FUNCTION pg_temp.refused(call text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE 'SELECT ' || call;
    RETURN 'done';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE;
END $$;
CREATE TEMP TABLE texts AS SELECT DISTINCT t FROM (
    SELECT overlay(:'token' PLACING c FROM n FOR 1) AS t FROM generate_series(1, length(:'token'), 7) AS n, unnest(ARRAY['.', '=', 'é']) AS c
    UNION ALL SELECT left(:'token', n) FROM generate_series(0, length(:'token') - 1, 7) AS n
    UNION ALL SELECT unnest(ARRAY['', '.', '..', 'a.b.c', 'a.b.c.d', repeat('a', 16384), repeat('.', 20000), E'\n', 'ppr_', 'ppr_' || repeat('A', 200)])) AS x WHERE t <> :'token';
SELECT DISTINCT r, CASE WHEN t = '' THEN 'empty' ELSE 'not empty' END, f FROM texts, unnest(ARRAY['auth.authenticate(%L)', 'auth.uid() FROM set_config(''pg_principal.token'', %L, true)', 'auth.pem_to_jwk(%L)', 'auth.import_signing_key(left(%L, 30))']) AS f, pg_temp.refused(format(f, t)) AS r;
SELECT DISTINCT auth.jws_verify(t, '{"kty": "oct", "k": "c3VwZXItc2VjcmV0LWp3dC10b2tlbi13aXRoLWF0LWxlYXN0LTMyLWNoYXJzLTI"}') IS NULL FROM texts;
SELECT DISTINCT r.reason FROM texts, auth.refresh(t) AS r;
SELECT r, count(*) FROM unnest(ARRAY['{}', '{"kty": 1}', '{"kty": "RSA", "n": "AQ", "e": "AQ"}', '{"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}', '{"kty": "OKP", "crv": "Ed25519", "x": "AA"}', '{"keys": []}', '{"keys": [{}, 1]}', '[]', '"-----BEGIN"', 'null']) AS k,
    unnest(ARRAY['auth.jws_verify(%L, %L)', 'auth.public_jwk(%2$L)', 'auth.jwk_thumbprint(%2$L)', 'auth.jws_sign(''x'', %2$L)', 'auth.import_signing_key(%2$L::jsonb)']) AS f, pg_temp.refused(format(f, :'token', k)) AS r GROUP BY r;
SQL
answered refusals <<'ANSWERS'
1 22023|48
1 22023|empty|auth.import_signing_key(left(%L, 30))
1 22023|empty|auth.pem_to_jwk(%L)
1 22023|not empty|auth.import_signing_key(left(%L, 30))
1 22023|not empty|auth.pem_to_jwk(%L)
1 28000|not empty|auth.authenticate(%L)
1 28000|not empty|auth.uid() FROM set_config('pg_principal.token', %L, true)
1 done|2
1 done|empty|auth.authenticate(%L)
1 done|empty|auth.uid() FROM set_config('pg_principal.token', %L, true)
1 invalid-payload
1 t
1 verification-failed
ANSWERS

# Passwords and refresh tokens.
run accounts <<'SQL'
CREATE TEMP TABLE kept (n int, token text);
SELECT r.status, r.reason FROM auth.sign_up('{"email": "new@example.com", "password": "Th1sIsAStrong!Pass", "firstName": "Ü", "lastName": "N"}') AS r;
SELECT r.status, r.reason FROM auth.sign_up('{"email": "new@example.com", "password": "Th1sIsAStrong!Pass", "firstName": "Ü", "lastName": "N"}') AS r;
SELECT r.status, r.reason FROM auth.sign_up('{"email": "new", "password": "weak", "x": []}') AS r;
SELECT r.status, r.reason FROM unnest(ARRAY['wrong', '', repeat('x', 500)]) AS p, auth.sign_in('new@example.com', p, '{"ip": "192.0.2.7", "userAgent": "curl/8"}') AS r;
SELECT r.status, r.reason FROM auth.sign_in('nobody@example.com', 'x') AS r;
INSERT INTO kept SELECT 0, r.payload->'tokens'->>'refreshToken' FROM auth.sign_in('new@example.com', 'Th1sIsAStrong!Pass') AS r;
CREATE PROCEDURE pg_temp.rotate() LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1..10 LOOP
        INSERT INTO kept SELECT i, r.payload->'tokens'->>'refreshToken' FROM kept k, auth.refresh(k.token) AS r WHERE k.n = i - 1;
        COMMIT;
    END LOOP;
END $$;
CALL pg_temp.rotate();
SELECT r.status, r.reason FROM kept k, auth.refresh(k.token) AS r WHERE k.n = 9;
SELECT r.status, r.reason FROM kept k, auth.refresh(left(k.token, -6) || 'EEEEEE') AS r WHERE k.n = 10;
SELECT r.status, r.reason FROM kept k, auth.refresh(k.token) AS r WHERE k.n = 0;
SELECT r.status, r.reason FROM kept k, auth.refresh(k.token) AS r WHERE k.n = 10;
SELECT auth.push_people('[{"email": "p1@example.com", "name": "Ü"}, {"email": "p2@example.com", "name": "P", "kind": "service_account"}, {"email": "ann@example.com", "name": "Ann"}]');
SELECT auth.push_people('[{"email": "no", "name": 1}, 2, {"x": {"y": [1, 2, 3]}}]');
SELECT auth.provision();
SELECT count(*) >= 0 FROM auth.scan_agent_health();
SELECT auth.audit_seal() AS seal \gset
SELECT count(*) FROM auth.audit_verify(:'seal');
SQL
answered accounts <<'ANSWERS'
1 (2,0,0,2)
1 0
1 200|
1 201|
1 3
1 400|validation-failed
1 401|hash-mismatch
1 401|refresh-id-mismatch
1 401|token-invalidated
1 401|unknown-email
3 401|wrong-password
1 409|email-taken
1 error 22023
1 t
ANSWERS

# Ended in the middle, in the server's code below ours and in ours.
run cancelled <<'SQL'
SET statement_timeout = '300ms';
SELECT count(auth.authenticate(:'token')) FROM generate_series(1, 1000000);
SELECT count(auth.jws_verify(auth.jws_sign('x', '{"kty": "oct", "k": "c3VwZXItc2VjcmV0LWp3dC10b2tlbi13aXRoLWF0LWxlYXN0LTMyLWNoYXJzLTI"}'), '{"kty": "oct", "k": "c3VwZXItc2VjcmV0LWp3dC10b2tlbi13aXRoLWF0LWxlYXN0LTMyLWNoYXJzLTI"}')) FROM generate_series(1, 1000000);
SELECT count(auth.sign_in('nobody@example.com', 'x')) FROM generate_series(1, 100);
SELECT count(*) FROM auth.read_roster((SELECT jsonb_agg(jsonb_build_object('email', 'p' || n || '@example.com', 'name', 'P')) FROM generate_series(1, 20000) AS n));
SELECT count(auth.issue('ann@example.com')) FROM generate_series(1, 100000);
SQL
answered cancelled <<<"5 error 57014"

# Deletions that set off what hangs on a principal, and end in each way: as in the regression test.
psql -Xq -c "CREATE DATABASE dependents" && psql -Xq -d dependents -c "CREATE EXTENSION pg_principal"
is "deletions with dependents: its answers" "$(PG_ABS_SRCDIR=$PWD/tests timeout 300 psql -Xaq -d dependents <tests/sql/dependents.sql 2>&1 |
    diff tests/expected/dependents.out -)" ""

# One connection asks who it is, and goes on asking, while another bans, lifts, revokes and changes keys.
run changes_setup <<'SQL'
CREATE TABLE minted AS SELECT auth.issue('ben@example.com', '1h', 'the loop''s') AS token;
GRANT SELECT ON minted TO reader;
CREATE SEQUENCE asked;
GRANT USAGE ON asked TO reader;
SQL
{
    echo "SET ROLE reader;"
    while [ ! -e "$dir/changed" ]; do
        echo "SELECT set_config('pg_principal.token', token, false) IS NULL FROM minted; SELECT count(*) FROM clamped; SELECT auth.authenticate(token)->>'email' FROM minted; SELECT nextval('asked') IS NULL;"
    done
} | run asking &
run changes <<'SQL'
CREATE FUNCTION pg_temp.await() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    was bigint := (SELECT last_value FROM asked);
BEGIN
    WHILE (SELECT last_value FROM asked) < was + 5 LOOP
        PERFORM pg_sleep(0.01);
    END LOOP;
END $$;
CREATE PROCEDURE pg_temp.change(rounds int) LANGUAGE plpgsql AS $$
DECLARE
    was text;
BEGIN
    FOR i IN 1..rounds LOOP
        PERFORM auth.ban('ben@example.com');
        COMMIT;
        PERFORM pg_temp.await();
        PERFORM auth.unban('ben@example.com');
        UPDATE minted SET token = auth.issue('ben@example.com', '1h', 'the loop''s');
        COMMIT;
        PERFORM pg_temp.await();
        PERFORM auth.revoke_session(id) FROM auth.list_sessions('ben@example.com') WHERE state = 'live';
        COMMIT;
        PERFORM pg_temp.await();
        UPDATE minted SET token = auth.issue('ben@example.com', '1h', 'the loop''s');
        COMMIT;
        PERFORM pg_temp.await();
        SELECT kid INTO was FROM auth.list_signing_keys() WHERE state = 'in_use';
        PERFORM auth.create_signing_key('HS256');
        PERFORM auth.revoke_signing_key(was);
        COMMIT;
        PERFORM pg_temp.await();
        UPDATE minted SET token = auth.issue('ben@example.com', '1h', 'the loop''s');
        COMMIT;
    END LOOP;
END $$;
CALL pg_temp.change(6);
SQL
touch "$dir/changed"
wait
answered changes </dev/null
is "asking saw both" "$(cut -d ' ' -f 2- "$dir/asking.out")" "$(printf '%s\n' 1 ben@example.com 'error 28000' f)"

# That an error would be seen: in the same server, a library of the same name that does what must not be done.
mkdir "$work/planted"
ok "a faulty library compiles" "${CC:-gcc}" -O1 -g -fPIC -shared -isystem "$("$pg_config" --includedir-server)" \
    -o "$work/planted/pg_principal.so" tests/torture/faulty.c
for n in {0..3}; do echo "SELECT faulty($n);"; done |
    psql -Xq -c "CREATE FUNCTION faulty(int) RETURNS int LANGUAGE c AS '$work/planted/pg_principal.so'" -f - >/dev/null 2>&1
cluster_stop "$dir" fast
complaints() { python3 tests/torture/valgrind_errors.py "$logs" "$@"; }
is "its faults are seen, each of them" "$(complaints "$work/planted/pg_principal.so" | grep -o '^[A-Z][A-Za-z_]*' | sort)" \
    "$(printf '%s\n' InvalidRead InvalidWrite Leak_DefinitelyLost UninitCondition)"
is "none is ours" "$(complaints "$libdir/pg_principal.so" "$libdir/pg_principal_pgjwt.so" | sed -n 1,200p)" ""
is "no backend crashed" "$(grep -cE 'was terminated by signal' "$dir/log")" 0
echo "# $(find "$logs" -name '*.xml' | wc -l) processes"
