#!/usr/bin/env bash
# What a revocation costs those whom it does not concern, in CPU time of their backends, beside the
# last build whose every revocation emptied what all backends remembered. BEFORE=commit: another one.
# BENCH_PARTS: some of known, idle, first, storm.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/harness/cluster.sh
. tests/harness/cluster.sh
before=${BEFORE:-aab148a66b470912ac78668f9c61e5986de0e5e0}
if ! git cat-file -e "$before^{commit}" 2>/dev/null; then
    echo "revocation: commit $before is not in this clone (a shallow one?): git fetch --unshallow"
    exit 1
fi
now="host=$PGHOST port=$PGPORT user=$PGUSER dbname=$PGDATABASE"
mkdir -p "$work/before-source"
git archive "$before" | tar -x -C "$work/before-source"
if ! make -s -j"$(nproc)" -C "$work/before-source" all >"$work/before.log" 2>&1 ||
    ! make -s -C "$work/before-source" install DESTDIR="$work/before-root" STRIP=: >>"$work/before.log" 2>&1; then
    tail -n 20 "$work/before.log"
    exit 1
fi
HARNESS_ROOT=$work/before-root cluster_create "$work/before" fsync=on
cluster_start "$work/before"
psql -X -q -c "CREATE EXTENSION pg_principal"
then="host=$PGHOST port=$PGPORT user=$PGUSER dbname=$PGDATABASE"
PYTHONPATH=tests/harness python3 tests/bench/revocation.py "$then" "$now"
