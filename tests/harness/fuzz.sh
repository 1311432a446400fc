#!/bin/bash
# make fuzz [FUZZ_SECONDS=600] [TESTS=name]: every tests/fuzz/*.cpp for that long, one after the
# other: first the seeds in tests/fuzz/corpus/NAME, then changes of them. A broken invariant, a
# sanitizer's complaint, a leak, 64 MB asked for at once or a minute for one input is a finding; its
# input is kept. `make test` does the same for a few seconds, with the same changes each time: what it finds
# is a change of ours, and what is new at random is left to the long run.
set -u
cd "$(dirname "$0")/../.." || exit 1
unset MAKEFLAGS MFLAGS MAKELEVEL
seconds=${FUZZ_SECONDS:-600} failed=0 ran=0 calm=()
# Older sanitizer runtimes die at random under a fully randomised address space.
! setarch -R true 2>/dev/null || calm=(setarch -R)
mkdir -p build/fuzz/findings
if ! flock build/.lock make -s -k -j"$(nproc)" fuzz-targets >build/fuzz/build.log 2>&1; then
    tail -n 60 build/fuzz/build.log
fi

for source in tests/fuzz/${TESTS:-*}.cpp; do
    name=$(basename "$source" .cpp)
    log=build/fuzz/$name.log found=build/fuzz/corpus/$name
    [ -e "$source" ] || continue
    ran=$((ran + 1))
    # what a long run found worth keeping is where the next one goes on; a short one starts afresh
    chance=()
    [ "$seconds" -ge 60 ] || { found=$(mktemp -d) && chance=(-seed=1); }
    mkdir -p "$found"
    if make -s -q TESTS="$name" fuzz-targets 2>/dev/null &&
        [ -n "$(ls "tests/fuzz/corpus/$name" 2>/dev/null)" ] &&
        ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=print_stacktrace=1 "${calm[@]}" \
            "build/fuzz/bin/$name" -max_total_time="$seconds" -timeout=60 -malloc_limit_mb=64 \
            "${chance[@]}" -max_len=20000 -print_final_stats=1 -artifact_prefix="build/fuzz/findings/$name-" \
            "$found" "tests/fuzz/corpus/$name" >"$log" 2>&1 </dev/null; then
        echo "ok - fuzz $name: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") inputs in $seconds s, no finding"
    else
        echo "not ok - fuzz $name"
        tail -n 60 "$log" 2>/dev/null
        echo "(the input is in build/fuzz/findings, the log in $log; no log: no program or no seeds)"
        failed=$((failed + 1))
    fi
    [ "$seconds" -ge 60 ] || rm -rf "$found"
done
[ "$failed" = 0 ] && [ "$ran" -gt 0 ]
