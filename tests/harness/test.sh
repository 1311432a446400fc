#!/bin/bash
# make test [ONLY=unit|fuzz|regress|isolation|cli|http|system] [TESTS='name..']: names may hold wildcards.
# make torture [TESTS=name]: ONLY=torture, what takes minutes and is no part of `make test`.
# Tests run side by side (JOBS=1: one after the other); what each printed comes once it has ended.
# KEEP=1 leaves the clusters of those that failed, and says how to start them.
# The last line is `N passed, N failed`; the exit status is 0 when none failed and some passed.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/harness/cluster.sh
. tests/harness/cluster.sh
# shellcheck source=tests/harness/jobs.sh
. tests/harness/jobs.sh
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
    local pidfile
    [ -n "${work-}" ] || return
    stop_jobs
    for pidfile in "$work"/*/data/postmaster.pid "$work"/*/*/data/postmaster.pid "$work"/{system,http,torture}/*/*/data/postmaster.pid; do
        [ ! -f "$pidfile" ] || cluster_stop "${pidfile%/data/postmaster.pid}"
    done
    [ -f "$work/kept" ] || rm -rf "$work"
}

# With KEEP=1, of a test that failed: where its clusters are, and how to look into them. They need
# $work/root, too, so all of $work stays.
keep() { # FOLDER
    local data as=
    [ -n "${KEEP-}" ] || { rm -rf "$1" && return; }
    [ "$(id -u)" != 0 ] || as='setpriv --reuid=postgres --regid=postgres --init-groups -- '
    for data in "$1"/data "$1"/*/data; do
        [ ! -f "$data/postgresql.conf" ] || cat >>"$work/kept" <<KEPT
kept: ${data%/data} (rm -rf $work when done)
  start: $as$PG_BIN/pg_ctl -D $data -l ${data%/data}/log start
  look:  $PG_BIN/psql -h ${data%/data} -U postgres
  stop:  $as$PG_BIN/pg_ctl -D $data stop
KEPT
    done
}

stage() { [ "$only" = all ] || [ "$only" = "$1" ]; }

names() { # STAGE: of its tests those that are asked for
    local folder=tests/$1 suffix=sh pattern file
    case $1 in
    unit | fuzz) suffix=cpp ;;
    regress) folder=tests/sql suffix=sql ;;
    isolation) folder=tests/isolation/specs suffix=spec ;;
    esac
    set -f # the patterns are for the folder's files
    # shellcheck disable=SC2086 # several
    set -- $tests
    set +f
    for pattern; do
        for file in "$folder"/$pattern.$suffix; do
            [ ! -e "$file" ] || basename "$file" ".$suffix"
        done
    done | sort -u
}

# What is asked for and fits no test: a misspelt name is no test that passed.
nobodys_names() { # STAGE..
    local all tests=$tests kind
    read -ra all <<<"$tests"
    for tests in "${all[@]}"; do
        [ -n "$(for kind; do names "$kind"; done)" ] || echo "$tests"
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

# What the unit tests and the fuzz targets need is compiled while other tests run.
build() { # GOAL KIND
    started=$SECONDS
    flock build/.lock make -s -k -j"$(nproc)" "$1" >"$results/$2-build.log" 2>&1 || cat "$results/$2-build.log"
    printf '%-32s %28d s\n' "build of $2" $((SECONDS - started))
}

unit() { # NAME
    local log=$results/unit-$1.log calm=()
    export ASAN_OPTIONS=exitcode=99 UBSAN_OPTIONS=exitcode=99:print_stacktrace=1
    # Older sanitizer runtimes die at random under a fully randomised address space.
    ! setarch -R true 2>/dev/null || calm=(setarch -R)
    if [ ! -x "build/unit/bin/$1" ] || { [ -s "$results/unit-build.log" ] && ! make -s -q TESTS="$1" unit 2>/dev/null; }; then
        echo "tests/unit/$1.cpp was not built"
        failed=$((failed + 1))
        return
    fi
    run_limited 300 "$log" "${calm[@]}" "build/unit/bin/$1" --gtest_color=no
    count "$log" $? "unit $1" || grep -avE '^\[(       OK |----------| RUN      |==========)' "$log" | head -n 200
}

# Each fuzz target for a few seconds, all of its seeds first; `make fuzz` takes its time.
fuzz() { # NAME
    local log=$results/fuzz-$1.log
    run_limited 300 "$log" env FUZZ_SECONDS="${FUZZ_SECONDS:-3}" TESTS="$1" tests/harness/fuzz.sh
    count "$log" $? "fuzz $1" || grep -av '^ok' "$log" | head -n 200
}

# Runs a job on a server of its own.
with_server() { # NAME COMMAND..
    local dir=$work/servers/$1 before=$failed
    if cluster_create "$dir" fsync=off cron.database_name=regression && cluster_start "$dir"; then
        "${@:2}"
        cp "$dir/log" "$results/$1-server.log"
    else
        failed=$((failed + 1))
    fi
    cluster_stop "$dir"
    [ "$failed" = "$before" ] && rm -rf "$dir" || keep "$dir"
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
    compare_outputs regress regress/pg_regress regression tests $(names regress)
}

isolation() {
    # shellcheck disable=SC2046
    compare_outputs isolation isolation/pg_isolation_regress isolation_regression tests/isolation \
        $(names isolation)
}

# The command line's tests: each gets a server with the extension in it.
cli() { # NAME
    local log=$results/cli-$1.log
    if ! createdb "cli_$1" || ! psql -Xq -d "cli_$1" -c "CREATE EXTENSION pg_principal"; then
        failed=$((failed + 1))
        return
    fi
    run_limited 300 "$log" env PGDATABASE="cli_$1" bash "tests/cli/$1.sh"
    count "$log" $? "cli $1" || grep -av '^ok' "$log" | head -n 200
}

# Tests that make clusters of their own: they source cluster.sh and work in $work.
with_own_clusters() { # FOLDER SECONDS NAME
    local log=$results/$1-$3.log own=$work/$1/$3
    mkdir -p "$own"
    run_limited "$2" "$log" env work="$own" bash "tests/$1/$3.sh"
    if count "$log" $? "$1 $3"; then
        cat "$own"/*/log >"$results/$1-$3-server.log" 2>/dev/null
        rm -rf "$own"
    else
        cat "$own"/*/log >"$results/$1-$3-server.log" 2>/dev/null
        grep -av '^ok' "$log" | head -n 200
        keep "$own"
    fi
}

# What a stage consists of. Those that run programs begin when these are built.
plan() { # STAGE
    local name
    case $1 in
    unit) job build-unit build unit unit ;;
    fuzz) job build-fuzz build fuzz-targets fuzz ;;
    regress) [ -z "$(names regress)" ] || job "$1" with_server "$1" "$1" ;;
    isolation) [ -z "$(names isolation)" ] || job "$1" with_server "$1" "$1" ;;
    cli) for name in $(names cli); do job "cli-$name" with_server "cli-$name" cli "$name"; done ;;
    *)
        for name in $(names "$1"); do
            case $1-$name in
            # its ten thousand connections take ports that others listen on; how fairly it serves
            http-fairness) job_alone "$1-$name" with_own_clusters "$1" "${2:-900}" "$name" ;;
            *) job "$1-$name" with_own_clusters "$1" "${2:-900}" "$name" ;;
            esac
        done
        ;;
    esac
}

job_ended() { # NAME
    local name kind=${1#build-}
    [[ $1 == build-* ]] || return 0
    for name in $(names "$kind"); do job "$kind-$name" "$kind" "$name"; done
    [ "$1$only" != build-unitall ] || plan fuzz # one compilation at a time
}

case $only in
all | unit | fuzz | regress | isolation | cli | http | system | torture) ;;
*) echo "ONLY=$only: not one of unit, fuzz, regress, isolation, cli, http, system, torture" >&2 && exit 2 ;;
esac
stages=$only
[ "$only" != all ] || stages="unit fuzz regress isolation cli http system"
# shellcheck disable=SC2086 # several
unknown=$(nobodys_names $stages)
if [ -n "$unknown" ]; then
    echo "no test is named" $unknown
    echo "0 passed, 1 failed"
    exit 1
fi
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
if [[ $only != unit && $only != fuzz ]] && ! cluster_template "$work/template"; then
    echo "0 passed, 1 failed"
    exit 1
fi
if stage http && ! flock build/.lock make -s -j"$(nproc)" http-programs >"$results/http-build.log" 2>&1; then
    cat "$results/http-build.log"
fi
if [ "$only" = all ]; then
    for kind in unit regress isolation cli http system; do plan "$kind"; done
elif [ "$only" = torture ]; then
    JOBS=1 # it takes the machine's whole memory and time
    plan torture 5400
else
    plan "$only"
fi
run_jobs "$work/jobs"
[ ! -f "$work/kept" ] || cat "$work/kept"
[ "$failed" = 0 ] || echo "(logs of the tests and of the server: $results)"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
