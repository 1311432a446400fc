#!/bin/bash
# The extension compiled with AddressSanitizer and UndefinedBehaviorSanitizer, in a real server, through the
# whole regression and isolation suites: one complaint aborts the backend and is printed here.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/harness/cluster.sh
. tests/harness/cluster.sh
# shellcheck source=tests/harness/tap.sh
. tests/harness/tap.sh
# shellcheck source=tests/harness/fixture.sh
. tests/harness/fixture.sh
# shellcheck source=tests/harness/login.sh
. tests/harness/login.sh

if [ -z "${HARNESS_ROOT-}" ]; then
    echo "run by: make torture"
    exit 2
fi
# Older sanitizer runtimes die at random under a fully randomised address space.
if [ -z "${CALM-}" ] && setarch -R true 2>/dev/null; then
    CALM=1 exec setarch -R "$0"
fi
ok "the library compiles with sanitizers" flock build/.lock make -s -j"$(nproc)" sanitized
dir=$work/sanitized
cp -r "$HARNESS_ROOT" "$work/root"
export HARNESS_ROOT=$work/root
libdir=$HARNESS_ROOT$("$pg_config" --pkglibdir)
cp build/sanitized/*.so "$libdir/" || exit 1
ok "it is the one with sanitizers" grep -q __asan_ "$libdir/pg_principal.so"
mkdir -p "$work/reports" && chmod 1777 "$work/reports"
# The runtimes come first, and libstdc++ with them: what is thrown is watched, too.
preload=$(gcc -print-file-name=libasan.so):$(gcc -print-file-name=libubsan.so):$(gcc -print-file-name=libstdc++.so):$work/no_gettext.so
gcc -shared -fPIC -o "$work/no_gettext.so" tests/torture/no_gettext.c || exit 1
start() { # [logins]
    # shellcheck disable=SC2016 # the inner shell's
    LD_PRELOAD=$preload ASAN_OPTIONS=detect_leaks=0:abort_on_error=1:detect_stack_use_after_return=0:log_path=$work/reports/asan \
        UBSAN_OPTIONS=print_stacktrace=1:abort_on_error=1:log_path=$work/reports/ubsan timeout 120 bash -c '. tests/harness/cluster.sh; trap - EXIT; [ -z "$2" ] || { . tests/harness/login.sh && login_possible; }; cluster_start "$1"' - "$dir" "${1-}" && clusters+=("$dir") && cluster_use "$dir"
}
cluster_create "$dir" fsync=off restart_after_crash=on cron.database_name=regression || exit 1
start || exit 1
is "the server runs under them" "$(psql -XAtqc "SELECT regexp_count(pg_read_file('/proc/self/maps'), 'libasan') > 0")" t

# Each test's output is compared as ever; a crash shows as a difference, and by its report.
suite() { # PROGRAM DATABASE INPUTDIR NAME..
    local program=$1 database=$2 inputs=$3 name out=$work/$1
    shift 3
    mkdir -p "$out" "$work/$program.in"
    ln -s "$PWD/$inputs"/s* "$work/$program.in/" && cp -r "$inputs/expected" "$work/$program.in/"
    "$(dirname "$("$pg_config" --pgxs)")/../test/$program" --bindir="$PG_BIN" --inputdir="$work/$program.in" \
        --outputdir="$out" --dbname="$database" --load-extension=pg_principal --host="$PGHOST" --port="$PGPORT" \
        --user="$PGUSER" "$@" >"$out.log" 2>&1
    grep -aE '^(ok|not ok|test .*)' "$out.log" | sed -nE 's/^test +(\S+) +\.\.\. ok.*/ok - '"${program##*/}"' \1/p; s/^test +(\S+) +\.\.\. FAILED.*/not ok - '"${program##*/}"' \1/p; s/^(ok|not ok) [0-9]+ +[-+]+ (\S+).*/\1 - '"${program##*/}"' \2/p'
    head -n 200 "$out/regression.diffs" 2>/dev/null
}
mapfile -t names < <(basename -s .sql tests/sql/*.sql)
suite regress/pg_regress regression tests "${names[@]}"
mapfile -t names < <(basename -s .spec tests/isolation/specs/*.spec)
suite isolation/pg_isolation_regress isolation_regression tests/isolation "${names[@]}"
# Doors, the worker that judges, and the ends of connections: 1,000 logins, each third with a token that is none any more.
if why=$(login_possible); then
    login_possible
    dir=$work/logins
    login_cluster "$dir" fsync=off || exit 1
    start logins || exit 1
    sql postgres "CREATE EXTENSION pg_principal" "CREATE ROLE app LOGIN" "SELECT auth.create_signing_key('ES256')" "SELECT auth.allow_login('app', kind => 'service_account')" \
        "SELECT auth.push_people('[{\"email\": \"agent@example.com\", \"name\": \"A\", \"kind\": \"service_account\"}, {\"email\": \"gone@example.com\", \"name\": \"G\", \"kind\": \"service_account\"}]')" \
        "SELECT auth.provision()" >/dev/null
    good=$(sql postgres "SELECT auth.issue('agent@example.com')") gone=$(sql postgres "SELECT auth.issue('gone@example.com')")
    sql postgres "SELECT auth.ban('gone@example.com')" >/dev/null
    export good gone LOGIN_PORT
    # shellcheck disable=SC2016 # the inner shell's
    is "1,000 logins by token" "$(seq 1000 | timeout 1200 xargs -P 4 -I N sh -c '[ $((N % 3)) = 0 ] && token=$gone || token=$good
        PGPASSWORD=$token PGSSLMODE=require psql -XqAtw -h 127.0.0.1 -p "$LOGIN_PORT" -U app -d postgres -c "SELECT auth.email()" 2>&1 | sed "s/.*FATAL: *//"' | sort | uniq -c | sed 's/^ *//')" \
        $'333 PAM authentication failed for user "app"\n667 agent@example.com'
    is "nothing of theirs died" "$(grep -cE 'was terminated by signal' "$dir/log")" 0
    cluster_stop "$dir" fast
    dir=$work/sanitized
    cluster_use "$dir"
else
    echo "ok - logins by token # skipped: $why"
fi
is "no sanitizer complains" "$(cat "$work"/reports/* 2>/dev/null | head -n 100)" ""
is "no backend crashed" "$(grep -cE 'was terminated by signal' "$dir/log")" 0

# That a complaint would be seen: the same server, a library that writes where it must not.
printf '%s\n' '#include "pg/bridge/bridge.hpp"' 'extern "C" { PG_PRINCIPAL_EXPORT const Pg_magic_struct *Pg_magic_func(void); PG_MODULE_MAGIC; }' \
    'SQL_FUNCTION(overrun) { volatile char *volatile p = new char[8]; p[8 + PG_GETARG_INT32(0)] = 1; delete[] p; return 0; }' >"$work/overrun.cpp"
ok "a faulty library compiles" make -s --no-print-directory -f Makefile -f - "$work/overrun.so" <<MAKE
$work/overrun.so: $work/overrun.cpp build/sanitized/pg/bridge/bridge.o \$(CORE_SRC:extension/%.cpp=\$(SANITIZED)/%.o)
	\$(CXX) \$(SANITIZED_PG_FLAGS) -shared \$^ -lcrypto -largon2 -lcrypt -o \$@
MAKE
psql -Xqc "CREATE FUNCTION overrun(int) RETURNS int LANGUAGE c AS '$work/overrun.so', 'pg_principal_overrun'" -c "SELECT overrun(0)" >/dev/null 2>&1
like "and is caught" "$(cat "$work"/reports/* 2>/dev/null | grep -m 1 ERROR)" 'heap-buffer-overflow'
