#!/bin/bash
# make test [ONLY=unit|fuzz|regress|isolation|cli|http|system] [TESTS=name]: name may hold wildcards.
# make torture [TESTS=name]: ONLY=torture, what takes minutes and is no part of `make test`.
# The last line is `N passed, N failed`; the exit status is 0 when none failed and some passed.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/harness/cluster.sh
. tests/harness/cluster.sh
only=${ONLY:-all} tests=${TESTS:-*}
export TESTS=$tests
passed=0 failed=0 started=0 running=
results=build/results

# Runs a test in a process group of its own (timeout makes one), so that nothing of it survives an
# interrupt, which reaches only us: the shell has its background commands ignore it.
run_limited() { # SECONDS LOG COMMAND..
    local log=$2 limit=$1
    shift 2
    started=$SECONDS
    env --default-signal=INT,QUIT timeout --kill-after=20 "$limit" "$@" >"$log" 2>&1 </dev/null &
    running=$!
    wait "$running"
    local status=$?
    running=
    return "$status"
}

at_exit() {
    if [ -n "$running" ]; then
        kill -TERM "$running" 2>/dev/null && wait "$running" 2>/dev/null
    fi
    local pidfile
    for pidfile in "$work"/*/data/postmaster.pid "$work"/{system,http,torture}/*/*/data/postmaster.pid; do
        [ ! -f "$pidfile" ] || cluster_stop "${pidfile%/data/postmaster.pid}"
    done
    rm -rf "$work"
}

stage() { [ "$only" = all ] || [ "$only" = "$1" ]; }

names() { # GLOB: names without folder and suffix
    local file
    for file in $1; do
        [ ! -e "$file" ] || basename "${file%.*}"
    done
}

# Adds up `ok` and `not ok` lines; a crash or a silent end, told of by no line, is a failure more.
count() { # LOG STATUS WHAT
    local good bad
    good=$(grep -acE '^(ok |test .* \.\.\. ok |\[       OK \] )' "$1")
    bad=$(grep -acE '^(not ok |test .* \.\.\. (FAILED|failed)|\[  FAILED  \] .* \([0-9]+ ms\)$)' "$1")
    if [ "$2" -gt 1 ] || [ "$2$bad" = 10 ] || [ $((good + bad)) = 0 ]; then
        bad=$((bad + 1))
        tail -n 40 "$1"
        echo "$3 ended with status $2 after $good passes"
    fi
    passed=$((passed + good)) failed=$((failed + bad))
    printf '%-32s %4d passed, %d failed %5d s\n' "$3" "$good" "$bad" $((SECONDS - started))
    sed -n 's/^ok - \(.*\) # skipped: /  skipped: \1: /p' "$1"
    return $((bad > 0))
}

unit() {
    local name log calm=()
    export ASAN_OPTIONS=exitcode=99 UBSAN_OPTIONS=exitcode=99:print_stacktrace=1
    # Older sanitizer runtimes die at random under a fully randomised address space.
    ! setarch -R true 2>/dev/null || calm=(setarch -R)
    flock build/.lock make -s -k -j"$(nproc)" unit >"$results/unit-build.log" 2>&1 ||
        cat "$results/unit-build.log"
    for name in $(names "tests/unit/$tests.cpp"); do
        log=$results/unit-$name.log
        if ! make -s -q TESTS="$name" unit 2>/dev/null; then
            echo "tests/unit/$name.cpp was not built"
            failed=$((failed + 1))
            continue
        fi
        run_limited 300 "$log" "${calm[@]}" "build/unit/bin/$name" --gtest_color=no
        count "$log" $? "unit $name" || grep -avE '^\[(       OK |----------| RUN      |==========)' "$log" | head -n 200
    done
}

# Each fuzz target for a few seconds, all of its seeds first; `make fuzz` takes its time.
fuzz() {
    local name log
    flock build/.lock make -s -k -j"$(nproc)" fuzz-targets >"$results/fuzz-build.log" 2>&1 ||
        cat "$results/fuzz-build.log"
    for name in $(names "tests/fuzz/$tests.cpp"); do
        log=$results/fuzz-$name.log
        run_limited 300 "$log" env FUZZ_SECONDS="${FUZZ_SECONDS:-3}" TESTS="$name" tests/harness/fuzz.sh
        count "$log" $? "fuzz $name" || grep -av '^ok' "$log" | head -n 200
    done
}

# pg_regress and its isolation twin make their database, load the extension and compare outputs. They hand paths to
# a shell between double quotes, so they work in $work alone.
compare_outputs() { # STAGE PROGRAM DATABASE INPUTDIR NAME..
    local stage=$1 program=$2 database=$3 inputs=$4 out=$results/$1 name status
    shift 4
    [ $# -gt 0 ] || return 0
    rm -rf "$out" && mkdir -p "$work/$stage/out"
    # One test without an expected file would keep the others from running: it gets an empty one.
    ln -s "$PWD/$inputs"/s* "$work/$stage/" && cp -r "$inputs/expected" "$work/$stage/"
    for name in "$@"; do
        touch "$work/$stage/expected/$name.out"
    done
    run_limited 1500 "$out.log" "$(dirname "$("$pg_config" --pgxs)")/../test/$program" \
        --bindir="$PG_BIN" --inputdir="$work/$stage" --outputdir="$work/$stage/out" --dbname="$database" \
        --load-extension=pg_principal --host="$PGHOST" --port="$PGPORT" --user="$PGUSER" "$@"
    status=$?
    cp -r "$work/$stage/out" "$out"
    sed -i "s|$work/$stage/out|$out|g; s|$work/$stage|$inputs|g" "$out/regression.diffs" "$out.log" 2>/dev/null
    if ! count "$out.log" $status "$stage"; then
        grep -aE '^(not ok|test .* \.\.\. (FAILED|failed))' "$out.log"
        head -n 400 "$out/regression.diffs" 2>/dev/null
        echo "(what the tests printed: $results/$stage/results)"
    fi
}

regress() {
    # shellcheck disable=SC2046 # one word per test
    compare_outputs regress regress/pg_regress regression tests $(names "tests/sql/$tests.sql")
}

isolation() {
    # shellcheck disable=SC2046
    compare_outputs isolation isolation/pg_isolation_regress isolation_regression tests/isolation \
        $(names "tests/isolation/specs/$tests.spec")
}

# The command line's tests: each gets a database of its own with the extension in it.
cli() {
    local name log
    for name in $(names "tests/cli/$tests.sh"); do
        log=$results/cli-$name.log
        if ! psql -Xqc "CREATE DATABASE \"cli_$name\"" ||
            ! psql -Xq -d "cli_$name" -c "CREATE EXTENSION pg_principal"; then
            failed=$((failed + 1))
            continue
        fi
        run_limited 300 "$log" env PGDATABASE="cli_$name" bash "tests/cli/$name.sh"
        count "$log" $? "cli $name" || grep -av '^ok' "$log" | head -n 200
        psql -Xqc "DROP DATABASE \"cli_$name\" WITH (FORCE)"
    done
}

# Tests that need clusters of their own: they source cluster.sh and work in $work.
with_own_clusters() { # FOLDER SECONDS
    local name log
    for name in $(names "tests/$1/$tests.sh"); do
        log=$results/$1-$name.log
        mkdir -p "$work/$1/$name"
        run_limited "$2" "$log" env work="$work/$1/$name" bash "tests/$1/$name.sh"
        count "$log" $? "$1 $name" || grep -av '^ok' "$log" | head -n 200
        cat "$work/$1/$name"/*/log >"$results/$1-$name-server.log" 2>/dev/null
    done
}

system() { with_own_clusters system 900; }

torture() { with_own_clusters torture 5400; }

http() {
    flock build/.lock make -s -j"$(nproc)" http-programs >"$results/http-build.log" 2>&1 ||
        cat "$results/http-build.log"
    with_own_clusters http 900
}

case $only in
all | unit | fuzz | regress | isolation | cli | http | system | torture) ;;
*) echo "ONLY=$only: not one of unit, fuzz, regress, isolation, cli, http, system, torture" >&2 && exit 2 ;;
esac
mkdir -p "$results"
printf '#!/bin/sh\n' >"$results/try" && chmod 755 "$results/try"
if ! "$results/try" 2>/dev/null && [[ $only =~ ^(all|unit|fuzz|http|torture)$ ]]; then
    echo "this folder is mounted noexec, and these tests run programs that they compile in it: clone elsewhere"
    echo "0 passed, 1 failed"
    exit 1
fi
workspace build/test || exit 1
if [[ $only != unit && $only != fuzz ]] && ! build_and_install; then
    echo "0 passed, 1 failed"
    exit 1
fi
if stage unit; then unit; fi
if stage fuzz; then fuzz; fi
if stage regress || stage isolation || stage cli; then
    if cluster_create "$work/main" fsync=off cron.database_name=regression &&
        cluster_start "$work/main"; then
        if stage regress; then regress; fi
        if stage isolation; then isolation; fi
        if stage cli; then cli; fi
        cp "$work/main/log" "$results/server.log"
    else
        failed=$((failed + 1))
    fi
fi
if stage http; then http; fi
if stage system; then system; fi
if [ "$only" = torture ]; then torture; fi
[ "$failed" = 0 ] || echo "(logs of the tests and of the server: $results)"
[ $((passed + failed)) -gt 0 ] || echo "no test is named $tests"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
