#!/bin/bash
# Every function with the first, the second, ... allocation of its C++ failing until it succeeds: out of memory
# (53200) each time, and a backend that goes on as if nothing had been.
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
dir=$work/allocation
"${CXX:-g++}" -std=c++17 -O1 -fPIC -shared -isystem "$("$pg_config" --includedir-server)" -D_GNU_SOURCE \
    -o "$work/failing_new.so" tests/torture/failing_new.cpp || exit 1
cluster_create "$dir" fsync=off autovacuum=off jit=off pg_principal.access_token_ttl=1d pg_principal.refresh_reuse_interval=1h || exit 1
LD_PRELOAD=$work/failing_new.so timeout 120 bash -c '. tests/harness/cluster.sh; trap - EXIT; cluster_start "$1"' - "$dir" || exit 1
clusters+=("$dir")
cluster_use "$dir"
# the cases and what they need are those of the memory test
# shellcheck source=/dev/null
. <(sed -n '/^# name ~ calls/,/^# Between statements/p' tests/system/memory.sh)
# shellcheck disable=SC2034 # for the cases
seal=$(psql -XqAt -c 'SELECT auth.audit_seal()')
token=
be ann
# Each call in a subtransaction of its own.
{
    cat <<SQL
CREATE FUNCTION fail_new_at(int) RETURNS boolean LANGUAGE c AS '$work/failing_new.so';
SET pg_principal.token = '$token'; SET client_min_messages = error;
CREATE TABLE survived (name text, pid int);
CREATE FUNCTION pg_temp.exhaust(call text, OUT failures int, OUT others text) LANGUAGE plpgsql AS \$run\$
DECLARE
    code text;
BEGIN
    failures := 0;
    FOR n IN 1..20000 LOOP
        code := 'done';
        BEGIN
            -- nothing kept from before: proofs, keys, prepared sets
            PERFORM set_config('pg_principal.clock_skew', (29 + n % 2)::text, true);
            PERFORM fail_new_at(n);
            EXECUTE 'SELECT ' || call;
            RAISE EXCEPTION USING ERRCODE = 'P0099'; -- rolled back
        EXCEPTION WHEN OTHERS THEN
            IF SQLSTATE <> 'P0099' THEN
                code := SQLSTATE;
            END IF;
        END;
        EXIT WHEN NOT fail_new_at(0); -- there are no more than n - 1
        failures := failures + 1;
        IF code <> '53200' THEN
            others := concat_ws(' ', others, n || ':' || code);
        END IF;
    END LOOP;
END \$run\$;
SQL
    while IFS='~' read -r name _ good bad; do
        for call in "$good" "$bad"; do
            [ -n "$call" ] || continue
            printf "SELECT '%s', failures, coalesce(others, '') FROM pg_temp.exhaust(\$call\$%s\$call\$);\n" "$name" "$(filled "$call")"
        done
    done < <(cases)
    echo "SELECT 'alive', count(*), '' FROM auth.users WHERE auth.email() IS NOT NULL;"
} >"$dir/script.sql"
psql -XqAt -F '~' -f "$dir/script.sql" >"$dir/out" 2>"$dir/err"
is "the backend lives through it all" "$(head -n 5 "$dir/err")" ""
total=0
while IFS='~' read -r name failures others; do
    total=$((total + failures))
    is "$name: $failures failures, each out of memory" "$others" ""
done <"$dir/out"
ok "thousands of allocations failed" test "$total" -gt 2000
echo "# $total allocations"
is "no backend crashed" "$(grep -cE 'was terminated by signal' "$dir/log")" 0
is "the audit holds" "$(psql -XAtqc 'SELECT count(*) FROM auth.audit_verify()')" 0
