#!/bin/bash
# tests/system/concurrency.sh for ten minutes, or LIMIT seconds.
set -u
cd "$(dirname "$0")/../.." || exit 1
LIMIT=${LIMIT:-600} exec bash tests/system/concurrency.sh
