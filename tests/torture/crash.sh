#!/bin/bash
# tests/system/crash.sh for longer: 100 crashes, or ROUNDS.
set -u
cd "$(dirname "$0")/../.." || exit 1
ROUNDS=${ROUNDS:-100} exec bash tests/system/crash.sh
