#!/bin/bash
# The extension compiled with AddressSanitizer and UndefinedBehaviorSanitizer, in a real server, through the
# whole regression and isolation suites: one complaint aborts the backend and is printed here.
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
start() {
    LD_PRELOAD=$preload ASAN_OPTIONS=detect_leaks=0:abort_on_error=1:detect_stack_use_after_return=0:log_path=$work/reports/asan \
        UBSAN_OPTIONS=print_stacktrace=1:abort_on_error=1:log_path=$work/reports/ubsan timeout 120 bash -c '. tests/harness/cluster.sh; trap - EXIT; cluster_start "$1"' - "$dir" && clusters+=("$dir") && cluster_use "$dir"
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
is "no sanitizer complains" "$(cat "$work"/reports/* 2>/dev/null | head -n 100)" ""
is "no backend crashed" "$(grep -cE 'was terminated by signal' "$dir/log")" 0

# That a complaint would be seen: the same server, a library that writes where it must not.
printf '%s\n' '#include "pg/bridge.hpp"' 'extern "C" { PG_PRINCIPAL_EXPORT const Pg_magic_struct *Pg_magic_func(void); PG_MODULE_MAGIC; }' \
    'SQL_FUNCTION(overrun) { volatile char *volatile p = new char[8]; p[8 + PG_GETARG_INT32(0)] = 1; delete[] p; return 0; }' >"$work/overrun.cpp"
ok "a faulty library compiles" make -s --no-print-directory -f Makefile -f - "$work/overrun.so" <<MAKE
$work/overrun.so: $work/overrun.cpp build/sanitized/pg/bridge/bridge.o build/sanitized/core/base/error.o
	\$(CXX) \$(SANITIZED_PG_FLAGS) -shared \$^ -o \$@
MAKE
psql -Xqc "CREATE FUNCTION overrun(int) RETURNS int LANGUAGE c AS '$work/overrun.so', 'pg_principal_overrun'" -c "SELECT overrun(0)" >/dev/null 2>&1
like "and is caught" "$(cat "$work"/reports/* 2>/dev/null | grep -m 1 ERROR)" 'heap-buffer-overflow'
