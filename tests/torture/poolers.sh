#!/bin/bash
# tests/system/poolers.sh with 1,000 clients that go on for longer.
set -u
cd "$(dirname "$0")/../.." || exit 1
CLIENTS=${CLIENTS:-1000} ROUNDS=${ROUNDS:-40} LIMIT=2000 exec bash tests/system/poolers.sh
