#!/bin/bash
# Installs the packages of the lock file into build/interop, once for each lock file.
set -eu
cd "$(dirname "$0")/../.."
mkdir -p build/interop
exec 9>build/interop/.lock
flock 9
cmp -s tests/interop/package-lock.json build/interop/installed.json && exit
cp tests/interop/package.json tests/interop/package-lock.json tests/interop/.npmrc build/interop/
npm ci --prefix build/interop --no-audit --no-fund
cp build/interop/package-lock.json build/interop/installed.json
