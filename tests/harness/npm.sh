#!/bin/bash
# npm.sh FOLDER: installs the packages of tests/FOLDER's lock file into build/FOLDER, once for each lock file.
# Status 77, and why in a line: this machine has no npm, or npm does not reach its registry.
set -eu
cd "$(dirname "$0")/../.."
from=tests/$1 to=build/$1
mkdir -p "$to"
exec 9>"$to/.lock"
flock 9
cp "$from"/*.mjs "$to/"
! cmp -s "$from/package-lock.json" "$to/installed.json" || exit 0
if ! command -v npm >/dev/null; then
    echo "there is no npm"
    exit 77
fi
cp "$from/package.json" "$from/package-lock.json" "$from/.npmrc" "$to/"
if ! npm ci --prefix "$to" --no-audit --no-fund --fetch-retries=1 --fetch-timeout=60000 >"$to/npm.log" 2>&1; then
    cat "$to/npm.log"
    if grep -qE 'ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ERR_SOCKET_TIMEOUT|EHOSTUNREACH|ENETUNREACH|EPROTO|E403|E407|E50[0-9]|CERT' "$to/npm.log"; then
        echo "npm does not reach its registry"
        exit 77
    fi
    exit 1
fi
cp "$to/package-lock.json" "$to/installed.json"
