#!/bin/bash
# make containers [BASE=docker.io/library/debian:12-slim] [BUILDER='buildah bud --format docker']: the images
# pg-principal (the HTTP server) and pg-principal-server (PostgreSQL with the extension, of Debian's release or of PG=NN)
# from the packages that `make deb` left in build/deb (DEBS=), on the Debian release that BASE is of. BUILDER='docker build' is as good.
set -eu
cd "$(dirname "$0")/.."
read -r -a builder <<<"${BUILDER:-buildah bud --format docker}" # of OCI's own form a health check is no part
base=${BASE:-docker.io/library/debian:$(sed -n 's/^VERSION_ID="\(.*\)"/\1/p' /etc/os-release)-slim}
debs=${DEBS:-build/deb}
context=build/containers
version=$(sed -n "s/^default_version = '\(.*\)'/\1/p" extension/pg_principal.control)

compgen -G "$debs/pg-principal_$version*.deb" >/dev/null || {
    echo "no packages of $version in $debs: make deb first" >&2
    exit 1
}
PG=${PG:-$(printf '%s\n' "$debs"/postgresql-*-pg-principal_*.deb | sed -n 's|.*/postgresql-\([0-9]*\)-.*|\1|p' | sort -n | tail -n 1)}
command -v "${builder[0]}" >/dev/null || tests/harness/packages.sh --install "${builder[0]}"

rm -rf "$context"
mkdir -p "$context"
cp "$debs"/pg-principal_*.deb "$debs/postgresql-$PG-pg-principal_"*.deb packaging/containers/server.sh "$context/"
build() { # IMAGE FILE
    "${builder[@]}" --build-arg "BASE=$base" --build-arg "PG=$PG" -t "$1:$version" -t "$1:latest" -f "packaging/containers/$2.Containerfile" "$context"
}
build pg-principal frontend
build pg-principal-server server
