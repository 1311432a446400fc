#!/bin/bash
# Memory that fails: every function with the first, the second, ... allocation of its C++ failing until it succeeds (out of
# memory, 53200, each time), then with those of OpenSSL, libargon2 and libcrypt, one alone and that with all after it. A call
# answers right (refusing what is to be refused), or with an error that is no answer; the backend goes on, and with memory
# again the same call is right. Of a long series LIBRARY_FAILURES allocations (200), evenly spread, fail instead of each.
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
dir=$work/allocation most=${LIBRARY_FAILURES:-200}
library=$work/failing_memory.so
"${CXX:-g++}" -std=c++17 -O1 -fPIC -shared -isystem "$("$pg_config" --includedir-server)" -D_GNU_SOURCE \
    -o "$library" tests/torture/failing_memory.cpp || exit 1
master_key "$work/master_key" || exit 1
start() { # DIR: with memory that can be made to fail
    # shellcheck disable=SC2016
    LD_PRELOAD=$library timeout 120 bash -c '. tests/harness/cluster.sh; trap - EXIT; cluster_start "$1"' - "$1" || exit 1
    clusters+=("$1")
    cluster_use "$1"
}
cluster_create "$dir" fsync=off autovacuum=off jit=off pg_principal.access_token_ttl=1d pg_principal.refresh_reuse_interval=1h \
    pg_principal.max_failed_sign_ins=1000 pg_principal.master_key_file="$work/master_key" || exit 1
start "$dir"
# the cases and what they need are those of the memory test
# shellcheck source=/dev/null
. <(sed -n '/^# name ~ calls/,/^# Between statements/p' tests/system/memory.sh)
# shellcheck disable=SC2034 # for the cases
seal=$(psql -XqAt -c 'SELECT auth.audit_seal()')
token=
be ann
psql -Xq -v ON_ERROR_STOP=1 -v library="$library" -f tests/torture/allocation.sql || exit 1
psql -Xq -v ON_ERROR_STOP=1 <<'SQL' || exit 1
CREATE EXTENSION pg_principal_pgjwt;
CREATE TABLE keys AS SELECT alg, auth.generate_jwk(alg) - 'kid' AS whole FROM unnest('{HS256,RS256,PS256,ES256,ES512,EdDSA}'::text[]) AS alg;
CREATE VIEW signed AS SELECT k.*, CASE alg WHEN 'HS256' THEN whole ELSE auth.public_jwk(whole) END AS open,
    auth.jws_sign('payload', whole) AS jws, auth.jws_sign('another', whole) AS other FROM keys AS k;
CREATE TABLE samples AS SELECT *, regexp_replace(jws, '[^.]*$', '') || regexp_replace(other, '.*[.]', '') AS forged,
    CASE alg WHEN 'HS256' THEN '' ELSE auth.public_pem(whole) END AS pem FROM signed;
CREATE TABLE hashed AS SELECT material, kid FROM auth.signing_keys WHERE state = 'in_use';
INSERT INTO auth.password_hashes SELECT auth.nobody(), auth.held_hash(auth.nobody()) FROM (SELECT auth.hold_password(auth.nobody(), 'right')) AS h;
INSERT INTO auth.password_hashes VALUES (auth.audit_itself(), '$2a$04$abcdefghijklmnopqrstuuxKk5Zp/ywkv.2T2gOSHljkrfsl.zCKu');
SQL

# name ~ a call that succeeds ~ one that is refused: what the memory test calls with one algorithm or not at all
more_cases() {
    local alg
    # read anew each time, as a key that no session has seen yet
    anew() { echo "s.$1 || jsonb_build_object('x5u', random()::text) FROM samples AS s WHERE s.alg = '$alg'"; }
    for alg in HS256 RS256 PS256 ES256 ES512 EdDSA; do
        echo "jws_verify, $alg~(SELECT auth.jws_verify(s.jws, k) FROM samples AS s, (SELECT $(anew open)) AS r (k) WHERE s.alg = '$alg')~(SELECT auth.jws_verify(s.forged, k) FROM samples AS s, (SELECT $(anew open)) AS r (k) WHERE s.alg = '$alg')"
        echo "jws_sign, $alg~length(auth.jws_sign('payload', k)) FROM (SELECT $(anew whole)) AS r (k)~"
    done
    for alg in RS256 ES256 EdDSA; do
        echo "pem_to_jwk, $alg~auth.pem_to_jwk(s.pem) FROM samples AS s WHERE s.alg = '$alg'~auth.pem_to_jwk(overlay(s.pem PLACING 'AAAA' FROM 30)) FROM samples AS s WHERE s.alg = '$alg'"
        echo "public_pem, $alg~auth.public_pem(k) FROM (SELECT $(anew whole)) AS r (k)~auth.public_pem(k || '{\"x\": \"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\", \"n\": \"AAAA\"}') FROM (SELECT $(anew whole)) AS r (k)"
        echo "generate_jwk, $alg~auth.generate_jwk('$alg') IS NOT NULL~"
    done
    cat <<'CASES'
reseal_key_material, sealed~(SELECT r.sealed_under FROM hashed AS h, auth.reseal_key_material(h.material, 'x', h.kid) AS r)~(SELECT r FROM hashed AS h, auth.reseal_key_material(set_byte(h.material, 30, 255 - get_byte(h.material, 30)), 'x', h.kid) AS r)
check_password, Argon2id~auth.check_password(auth.nobody(), 'right')~auth.check_password(auth.nobody(), 'wrong')
check_password, a wrong one by bcrypt~auth.check_password(auth.audit_itself(), 'x')~auth.check_password(auth.audit_itself(), 'wrong')
hashes of the server~sha256('x')~
pgjwt~verify(sign('{"a": 1}', 'secret'), 'secret')~verify(sign('{"a": 1}', random()::text), 'secret')
CASES
}

# Each call in a subtransaction of its own.
{
    echo "LOAD 'pg_principal_pgjwt'; SET pg_principal.token = '$token'; SET client_min_messages = error;"
    while IFS='~' read -r name good bad; do
        for call in "$good" "$bad"; do
            [ -n "$call" ] || continue
            call=\$call\$$(filled "$call")\$call\$
            echo "SELECT 'new', '$name', failures, coalesce(others, '') FROM exhaust_new($call);"
            for lasting in false true; do
                echo "SELECT '$lasting', '$name', failures, coalesce(others, ''), internal FROM exhaust_libraries($call, $most, $lasting);"
            done
        done
    done < <(cases | sed 's/~[0-9]*~/~/' && more_cases)
    echo "SELECT 'alive', '', count(*), '' FROM auth.users WHERE auth.email() IS NOT NULL;"
} >"$dir/script.sql"
psql -XqAt -F '~' -f "$dir/script.sql" >"$dir/out" 2>"$dir/err"
is "the backend lives through it all" "$(head -n 5 "$dir/err")" ""
declare -A total=([new]=0 [false]=0 [true]=0 [alive]=0)
internal=0
while IFS='~' read -r kind name failures others hidden; do
    total[$kind]=$((total[$kind] + failures)) internal=$((internal + ${hidden:-0}))
    case $kind in
    new) is "$name: $failures failures, each out of memory" "$others" "" ;;
    false) [ "$failures" = 0 ] || is "$name: $failures failures in libraries, none answered wrong" "$others" "" ;;
    true) [ "$failures" = 0 ] || is "$name: $failures times no more memory for libraries, none answered wrong" "$others" "" ;;
    esac
done <"$dir/out"
ok "the backend is who it was" test "${total[alive]}" -gt 0
ok "thousands of allocations failed" test "${total[new]}" -gt 2000
ok "thousands of the libraries' failed" test "${total[false]}" -gt 2000 -a "${total[true]}" -gt 2000
echo "# ${total[new]} allocations of C++, ${total[false]} of libraries, ${total[true]} with all that follow; $internal internal errors:"
psql -XqAtc "SELECT '#', count(*), text FROM errors WHERE text LIKE 'XX000%' GROUP BY 3 ORDER BY 2 DESC" -F ' '
secrets=("Th1sIsAStrong!Pass" c3VwZXItc2VjcmV0 nWGxne_9WmC6hEr0 MC4CAQAwBQYDK2Vw "${token##*.}" "${elsewhere##*.}" "$refresh" "${bcrypt:8:20}" "$MASTER_KEY")
is "no secret in an error" "$(psql -XqAtc 'SELECT DISTINCT text FROM errors' | grep -cF "${secrets[@]/#/-e}")" 0
is "no backend crashed" "$(grep -cE 'was terminated by signal' "$dir/log")" 0
is "the audit is intact" "$(psql -XAtqc 'SELECT count(*) FROM auth.audit_verify()')" 0

# What OpenSSL could not build at its first use of an algorithm it never builds again in that process. So the library has it
# build everything when the server starts, and a session's own first use loses nothing for good.
while IFS='~' read -r name call; do
    wanted=$(psql -XqAt -c "SELECT masked(said) FROM attempt(\$call\$$call\$call\$, 'libraries', 0, false)")
    series=$(psql -XqAt -c "SELECT failed FROM attempt(\$call\$$call\$call\$, 'libraries', -1, false)")
    for ((n = 1; n <= series; n += 1 + series / (2 * most))); do
        printf '\\c\n'
        echo "SELECT failures, others FROM first_use(\$call\$$call\$call\$, $n, \$right\$$wanted\$right\$);"
    done >"$dir/first.sql"
    psql -XqAt -F ' ' -f "$dir/first.sql" >"$dir/first" 2>&1
    is "$name: $(grep -c '^1 ' "$dir/first") failures at first use, nothing lost" "$(grep -v '^[01] $' "$dir/first")" ""
    ok "$name: some failed at first use" grep -q '^1 ' "$dir/first"
done <<CASES
authenticate~auth.authenticate('$token')
authenticate, forged~auth.authenticate('${token%????}AAAA')
RS256~auth.jws_verify(jws, open) FROM samples WHERE alg = 'RS256'
PS256, forged~auth.jws_verify(forged, open) FROM samples WHERE alg = 'PS256'
ES256~auth.jws_verify(jws, open) FROM samples WHERE alg = 'ES256'
ES256, forged~auth.jws_verify(forged, open) FROM samples WHERE alg = 'ES256'
EdDSA~auth.jws_verify(jws, open) FROM samples WHERE alg = 'EdDSA'
PEM~auth.pem_to_jwk(pem) FROM samples WHERE alg = 'EdDSA'
generate_jwk~auth.generate_jwk('ES512') IS NOT NULL
password~auth.check_password(auth.nobody(), 'wrong')
pgjwt~verify('eyJhbGciOiJIUzI1NiJ9.e30.XmNK3GpH3Ys_7wsYBfq4C3M6goz71I7dTgUkuIa5lyQ', 'secret')
CASES
read -r key jws <<<"$(psql -XqAt -F ' ' -c "SELECT replace(open::text, ' ', ''), jws FROM samples WHERE alg = 'ES256'")"
cluster_stop "$dir" fast

# A session that brings the library itself does not outlive a failure of that.
dir=$work/late
cluster_create "$dir" fsync=off shared_preload_libraries= || exit 1
start "$dir"
psql -Xq -v ON_ERROR_STOP=1 -v library="$library" -f tests/torture/allocation.sql -c 'CREATE EXTENSION pg_principal' || exit 1
series=$(psql -XqAt -c "SELECT fail_at('libraries', -1, false)" -c "LOAD 'pg_principal'" -c "SELECT fail_at('libraries', 0, false)" | tail -n 1)
ended=0 served=0 others=
for ((n = 1; n <= series; n += 1 + series / (2 * most))); do
    said=$(psql -XqAt -c "SELECT fail_at('libraries', $n, false)" -c "LOAD 'pg_principal'" -c "SELECT fail_at('libraries', 0, false)" \
        -c "SELECT auth.jws_verify('$jws', '$key') = 'payload'" 2>&1)
    case $said in
    *FATAL:*'out of memory'* | *FATAL:*'cryptographic operation failed: first use'*) ended=$((ended + 1)) ;;
    $'0\n1\nt' | $'0\n0\nt') served=$((served + 1)) ;;
    *) others+="$n: $said " ;;
    esac
done
is "loaded by sessions, $series allocations: $ended sessions ended, $served served right" "$others" ""
ok "loaded by sessions: some ended" test "$ended" -gt 10
is "loaded by sessions: no backend crashed" "$(grep -cE 'was terminated by signal' "$dir/log")" 0
