#!/bin/bash
# make dist: build/pg_principal-VERSION.zip, what is committed, as the PostgreSQL Extension Network takes it.
set -eu
cd "$(dirname "$0")/.."
version=$(jq -er .version META.json)
mkdir -p build
git archive --format=zip --prefix="pg_principal-$version/" -o "build/pg_principal-$version.zip" HEAD
ls -l "build/pg_principal-$version.zip"
