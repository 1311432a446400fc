#!/bin/bash
# tests/system/memory.sh with a million calls of each function that costs little, and in proportion of the others.
set -u
cd "$(dirname "$0")/../.." || exit 1
CALLS=${CALLS:-1000000} exec bash tests/system/memory.sh
