#!/bin/bash
# tests/system/property.sh for ten minutes, or LIMIT seconds.
set -u
cd "$(dirname "$0")/../.." || exit 1
LIMIT=${LIMIT:-600} SEQUENCES=${SEQUENCES:-100000000} exec bash tests/system/property.sh
