#!/bin/bash
# Installs what `make run|test|torture|bench|lint|fuzz` need and this Debian machine lacks. Usage: packages.sh [goal]
# When nothing is missing it calls no package manager. PG_CONFIG chooses another PostgreSQL.
set -eu
goal=${1:-test}
pg_config=${PG_CONFIG:-pg_config}

die() {
    echo "packages.sh: $*" >&2
    exit 1
}

# Debian ships pgxs.mk with the server, the headers apart from it.
server_headers() {
    [ -f "$("$pg_config" --pgxs 2>/dev/null)" ] && [ -f "$("$pg_config" --includedir-server)/postgres.h" ]
}

server_program() { [ -x "$("$pg_config" --bindir 2>/dev/null)/postgres" ]; }

major() { "$pg_config" --version | sed 's/^PostgreSQL \([0-9]*\).*/\1/'; }

# The release's own PostgreSQL: what the metapackage `postgresql` depends on.
release_major() {
    apt-cache show --no-all-versions postgresql 2>/dev/null |
        sed -n 's/^Depends:.*postgresql-\([0-9][0-9]*\).*/\1/p' | head -n 1
}

missing_packages() {
    local wanted=(g++ make jq libssl-dev libpq-dev libyaml-cpp-dev libcli11-dev nlohmann-json3-dev
        libcpp-httplib-dev libargon2-dev libcrypt-dev libgtest-dev)
    [ "$goal" != lint ] || wanted+=(clang-format shellcheck)
    [ "$goal" != torture ] || wanted+=(valgrind)
    [[ $goal != test && $goal != torture && $goal != fuzz ]] || wanted+=(clang libclang-rt-dev)
    [ "$goal" != bench ] || wanted+=(wrk)
    [[ $goal != run && $goal != bench ]] || wanted+=(curl)
    if [[ $goal = test || $goal = torture ]]; then # what our tokens are compared with
        wanted+=(openssl python3-jwt python3-cryptography pgbouncer nginx)
        command -v npm >/dev/null || wanted+=(nodejs npm) # npm of another source is as good
    fi
    local installed
    installed=" $(dpkg-query -W -f '${Package} ${db:Status-Status}\n' "${wanted[@]}" 2>/dev/null |
        sed -n 's/ installed$//p' | tr '\n' ' ')"
    for package in "${wanted[@]}"; do
        [[ $installed == *" $package "* ]] || echo "$package"
    done
    local of="" # the major, @ for the release's own
    if ! server_headers && ! server_program; then
        [ -z "${PG_CONFIG:-}" ] || die "$PG_CONFIG has no server headers beside it"
        of=@
        echo postgresql-@ postgresql-server-dev-@
    else
        of=$(major)
        server_headers || echo "postgresql-server-dev-$of"
        server_program || echo "postgresql-$of"
    fi
    [[ $of = @ || $("$pg_config" --bindir) == /usr/lib/postgresql/* ]] || return 0
    beside pg_cron "postgresql-$of-cron"
    [[ $goal != test && $goal != torture ]] || beside pgaudit "postgresql-$of-pgaudit"
}

# A library that the server may lack: not every release has a package of it, hence the question mark.
beside() { # LIBRARY PACKAGE
    [ -f "$("$pg_config" --pkglibdir 2>/dev/null)/$1.so" ] || echo "$2?"
}

known() { apt-cache show --no-all-versions "$1" >/dev/null 2>&1; }

# The postgresql packages would create a cluster `main` and start it: while apt runs, they may not.
undo=()
forbid_services() {
    local rc=/usr/sbin/policy-rc.d main=/etc/postgresql-common/createcluster.d/pg_principal.conf
    if [ ! -e "$rc" ]; then
        undo+=("$rc")
        printf '#!/bin/sh\nexit 101\n' >"$rc"
        chmod 755 "$rc"
    fi
    mkdir -p "$(dirname "$main")"
    undo+=("$main")
    echo "create_main_cluster = false" >"$main"
}

install_packages() {
    local packages=("$@") found=() package release
    export DEBIAN_FRONTEND=noninteractive
    log=$(mktemp)
    trap 'rm -f "$log" "${undo[@]}"' EXIT
    trap 'exit 130' INT TERM HUP
    apt-get -q -o DPkg::Lock::Timeout=300 update >"$log" 2>&1 || cat "$log" >&2
    if [[ $* == *@* ]]; then
        release=$(release_major)
        [ -n "$release" ] || die "apt knows no package postgresql"
        packages=("${packages[@]//@/$release}")
    fi
    for package in "${packages[@]}"; do
        [[ $package == *\? ]] && ! known "${package%\?}" || found+=("${package%\?}")
    done
    packages=("${found[@]}")
    echo "Installing packages: ${packages[*]}"
    forbid_services
    if ! apt-get -q -y -o DPkg::Lock::Timeout=300 install --no-install-recommends \
        "${packages[@]}" >"$log" 2>&1 </dev/null; then
        tail -n 40 "$log" >&2
        die "apt-get could not install the packages above"
    fi
}

if [ "$goal" = --install ]; then
    shift
    install_packages "$@"
    exit
fi

if ! command -v apt-get >/dev/null; then
    for tool in g++ "$pg_config"; do
        command -v "$tool" >/dev/null || die "no $tool, and no apt-get to install it with"
    done
    exit 0 # not Debian: what else is missing the compiler will say
fi
missing=$(missing_packages)
necessary=
for package in $missing; do
    [[ $package == *\? ]] && ! known "${package%\?}" || necessary=1
done
[ -n "$necessary" ] || exit 0
# shellcheck disable=SC2086 # one word per package
if [ "$(id -u)" = 0 ]; then
    "$0" --install $missing
elif command -v sudo >/dev/null; then
    sudo "$0" --install $missing
else
    die "missing packages: ${missing//$'\n'/ }: run as root, or install them or sudo first"
fi
