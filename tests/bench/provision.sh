#!/usr/bin/env bash
# auth.provision() of many, in CPU time of its backend, beside the last build that waited for whom it
# bans. BEFORE=commit: another one. BENCH_PEOPLE=20000: so many.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/harness/cluster.sh
. tests/harness/cluster.sh
# shellcheck source=tests/harness/before.sh
. tests/harness/before.sh
cluster_before "${BEFORE:-aab148a66b470912ac78668f9c61e5986de0e5e0}"
PYTHONPATH=tests/harness python3 tests/bench/provision.py "$BEFORE_CONNINFO" "$NOW_CONNINFO"
