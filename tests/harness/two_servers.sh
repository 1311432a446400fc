#!/bin/bash
# Puts PostgreSQL 15, as Debian 12 has it, beside the server of a later Debian, installs the extension for that one, as
# pg_upgrade to 18 wants it, and runs pg_upgrade between them.
# As root, in a root that may be changed:
#   make matrix RELEASES="trixie sid experimental" RUN=tests/harness/two_servers.sh
set -eu
cd "$(dirname "$0")/../.."
[ "$(id -u)" = 0 ] || { echo "two_servers.sh: only root may install packages" >&2 && exit 2; }
tests/harness/packages.sh torture
if [ ! -x /usr/lib/postgresql/15/bin/postgres ] || [ ! -f /usr/include/postgresql/15/server/postgres.h ]; then
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Identifier: Packages' 'Origin: Debian' 'Label: Debian' | sort -u | head -n 1)
    echo "deb $mirror bookworm main" >/etc/apt/sources.list.d/bookworm.list
    printf 'Package: *\nPin: release n=bookworm\nPin-Priority: 100\n' >/etc/apt/preferences.d/bookworm
    tests/harness/packages.sh --install postgresql-15
    # its headers alone: the package wants a compiler of its time
    downloads=$(mktemp -d)
    trap 'rm -rf "$downloads"' EXIT
    chmod 777 "$downloads"
    (cd "$downloads" && apt-get -q download postgresql-server-dev-15 && dpkg -x postgresql-server-dev-15*.deb /)
fi
mkdir -p build
make -s all install >build/build.log 2>&1 || { cat build/build.log && exit 1; }
make torture TESTS=pg_upgrade
grep -c '^ok - \(copied\|linked\|checksums\): 15' build/results/torture-pg_upgrade.log >/dev/null
