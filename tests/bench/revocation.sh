#!/usr/bin/env bash
# What a revocation costs those whom it does not concern, in CPU time of their backends, beside the
# last build whose every revocation emptied what all backends remembered. BEFORE=commit: another one.
# BENCH_PARTS: some of known, idle, first, ban, storm.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/harness/cluster.sh
. tests/harness/cluster.sh
# shellcheck source=tests/harness/before.sh
. tests/harness/before.sh
cluster_before "${BEFORE:-aab148a66b470912ac78668f9c61e5986de0e5e0}"
PYTHONPATH=tests/harness python3 tests/bench/revocation.py "$BEFORE_CONNINFO" "$NOW_CONNINFO"
