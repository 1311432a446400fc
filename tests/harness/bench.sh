#!/bin/bash
# make bench [TESTS=name]: every tests/bench/*.sh on one cluster with durable, realistic settings, in
# a database of its own with the extension in it. A benchmark compares within its run, prints lines
# `ratio NAME VALUE (at most LIMIT)` and fails when a ratio is over its limit.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/harness/cluster.sh
. tests/harness/cluster.sh
at_exit() { rm -rf "$work"; }

workspace build/bench || exit 1
export work
build_and_install || exit 1
# a quarter of the machine's memory, as PostgreSQL's documentation advises
buffers=$(awk '/^MemTotal/ { printf "%dMB", $2 / 4096 }' /proc/meminfo)
export BENCH_SETTINGS="fsync=on shared_buffers=$buffers max_wal_size=4GB" # for the servers of before.sh, too
# shellcheck disable=SC2086 # several
cluster_create "$work/main" $BENCH_SETTINGS || exit 1
cluster_start "$work/main" || exit 1
failed=0 ran=0
for script in tests/bench/${TESTS:-*}.sh; do
    [ -e "$script" ] || continue
    name=$(basename "$script" .sh)
    ran=$((ran + 1))
    echo "== $name"
    psql -Xqc "CREATE DATABASE \"bench_$name\"" || exit 1
    export PGDATABASE=bench_$name
    psql -Xqc "CREATE EXTENSION pg_principal" || exit 1
    bash "$script" || { failed=$((failed + 1)) && echo "== $name failed"; }
    export PGDATABASE=postgres
    psql -Xqc "DROP DATABASE \"bench_$name\" WITH (FORCE)"
done
echo "$ran benchmarks, $failed failed"
[ "$failed" = 0 ] && [ "$ran" -gt 0 ]
