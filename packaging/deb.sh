#!/bin/bash
# make deb: Debian packages for the server versions of this release, in build/deb. What is committed is built. Built twice
# from one commit on one release, the same bytes come out. A package of the distribution's own, of revision 1, replaces it. Missing packages are installed, as `make test` does it.
set -eu
cd "$(dirname "$0")/.."
version=$(sed -n "s/^default_version = '\(.*\)'/\1/p" extension/pg_principal.control)
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH
out=build/deb
tree=$out/pg-principal-$version

mapfile -t needed < <(sed -n '/^Build-Depends/,/^$/s/^ *\(Build-Depends: \)\{0,1\}\([a-z0-9-]*\).*/\2/p' packaging/debian/control.in |
    grep -vxE 'debhelper-compat|dh-sequence-installsysusers|')
needed+=(build-essential debhelper dpkg-dev fakeroot)
mapfile -t missing < <(comm -23 <(printf '%s\n' "${needed[@]}" | sort -u) \
    <(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "${needed[@]}" 2>/dev/null | sed -n 's/^installed //p' | sort -u))
[ ${#missing[@]} = 0 ] || tests/harness/packages.sh --install "${missing[@]}"

rm -rf "$out"
mkdir -p "$tree"
git archive HEAD | tar -x -C "$tree"
cp -r packaging/debian "$tree/debian"
cat >"$tree/debian/changelog" <<ENTRY
pg-principal ($version-1~upstream) unstable; urgency=medium

  * See CHANGELOG.md.

 -- $(sed -n 's/^Maintainer: //p' packaging/debian/control.in)  $(date -uR -d "@$SOURCE_DATE_EPOCH")
ENTRY
cd "$tree"
pg_buildext updatecontrol
for major in $(pg_buildext supported-versions); do
    for file in postinst lintian-overrides; do
        sed "s/@PGVERSION@/$major/g" "debian/postgresql-PGVERSION.$file" >"debian/postgresql-$major-pg-principal.$file"
    done
done
rm debian/postgresql-PGVERSION.*
dpkg-buildpackage -b -us -uc "$@"
cd ../../..
ls -l "$out"/*.deb
