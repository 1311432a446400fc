#!/bin/bash
# Installs what `make run|test|torture|bench|lint|fuzz` need and this Debian machine lacks. Usage: packages.sh [goal]
# When nothing is missing it calls no package manager. PG_CONFIG chooses another PostgreSQL.
set -eu
goal=${1:-test}
# shellcheck source=tests/harness/environment.sh
. "$(dirname "$0")/environment.sh"

die() {
    echo "packages.sh: $*" >&2
    exit 1
}

# A question mark: left out where the release has no such package.
missing_packages() {
    local wanted=(g++ make jq libssl-dev libpq-dev libyaml-cpp-dev libcli11-dev nlohmann-json3-dev
        libcpp-httplib-dev pkg-config libargon2-dev libcrypt-dev libgtest-dev libpam0g-dev)
    [ "$goal" != lint ] || wanted+=(clang-format shellcheck)
    [ "$goal" != torture ] || wanted+=(valgrind default-jdk-headless libpostgresql-jdbc-java)
    [[ $goal != test && $goal != torture && $goal != fuzz ]] || wanted+=(clang libclang-rt-dev lld)
    [ "$goal" != bench ] || wanted+=(wrk)
    [[ $goal != run && $goal != bench ]] || wanted+=(curl)
    if [[ $goal = test || $goal = torture ]]; then # what our tokens are compared with
        wanted+=(openssl python3-jwt python3-cryptography python3-psycopg python3-authlib python3-requests pgbouncer nginx prometheus prometheus-alertmanager curl chromium)
        wanted+=('libpq-oauth?') # psql's device flow, of PostgreSQL 18
        command -v npm >/dev/null || wanted+=('nodejs?' 'npm?') # npm of another source is as good
    fi
    local installed
    installed=" $(dpkg-query -W -f '${Package} ${db:Status-Status}\n' "${wanted[@]%\?}" 2>/dev/null |
        sed -n 's/ installed$//p' | tr '\n' ' ')"
    for package in "${wanted[@]}"; do
        [[ $installed == *" ${package%\?} "* ]] || echo "$package"
    done
    missing_server
}

# The server and its headers; @ is a major that is known once apt has its lists.
missing_server() {
    local major=@ libraries=
    if pg_config=$(find_pg_config); then
        major=$(pg_major "$pg_config")
        [ -n "$major" ] || die "PG_CONFIG=$pg_config is not a pg_config"
        [ "$major" -ge "$oldest_major" ] || die "PG_CONFIG=$pg_config is PostgreSQL $major: it takes $oldest_major or later"
        libraries=$("$pg_config" --pkglibdir)
        if ! has_headers "$pg_config" || ! has_server "$pg_config"; then
            [[ $libraries == /usr/lib/postgresql/* ]] || die "PG_CONFIG=$pg_config has no server, or no server headers, beside it"
            echo "postgresql-$major" "postgresql-server-dev-$major"
        fi
        [[ $libraries == /usr/lib/postgresql/* ]] || return 0
    else
        echo postgresql-@ postgresql-server-dev-@
    fi
    [ -f "$libraries/pg_cron.so" ] || echo "postgresql-$major-cron?"
    [[ $goal != test && $goal != torture ]] || [ -f "$libraries/pgaudit.so" ] || echo "postgresql-$major-pgaudit?"
}

known() { # PACKAGE: apt has it, and may install it
    [[ $(apt-cache policy "$1" 2>/dev/null) == *"Candidate: "[!\(]* ]]
}

# The server or the headers that are here already, of the newest major that apt has whole; else the release's own,
# which is what the metapackage `postgresql` depends on.
choose_major() {
    local major
    for major in $(printf '%s\n' /usr/lib/postgresql/*/bin/postgres /usr/include/postgresql/*/server/postgres.h |
        sed -n 's|.*/postgresql/\([0-9][0-9]*\)/.*|\1|p' | sort -rnu); do
        if [ "$major" -ge "$oldest_major" ] && known "postgresql-$major" && known "postgresql-server-dev-$major"; then
            echo "$major"
            return
        fi
    done
    major=$(apt-cache show --no-all-versions postgresql 2>/dev/null |
        sed -n 's/^Depends:.*postgresql-\([0-9][0-9]*\).*/\1/p' | head -n 1)
    [ "${major:-0}" -lt "$oldest_major" ] || echo "$major"
}

# The names of packages that are wanted, as apt knows them at the moment.
resolve() { # PACKAGE..
    local major name
    major=$(choose_major)
    for name; do
        [ -n "$name" ] || continue
        if [ -n "$major" ]; then
            name=${name//@/$major}
        else
            case $name in # without apt's lists
            postgresql-@) name=postgresql ;;
            postgresql-server-dev-@) name=postgresql-server-dev-all ;;
            *@*) continue ;;
            esac
        fi
        [[ $name == *\? ]] && ! known "${name%\?}" || echo "${name%\?}"
    done
}

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

apt() { apt-get -q -y -o DPkg::Lock::Timeout=300 "$@" </dev/null; }

# Tells how far apt is, from its status lines: on a terminal in one line, else four times for each half.
progress() {
    local kind percent said='' what
    while IFS=: read -r kind _ percent _; do
        case $kind in
        dlstatus) what=downloaded ;;
        pmstatus) what=installed ;;
        *) continue ;;
        esac
        percent=${percent%%.*}
        if [ -t 1 ]; then
            printf '\r  %-10s %3d %% ' "$what" "$percent"
        elif [ "$said" != "$what$((percent / 25))" ] && [ "$percent" -ge 25 ]; then
            said=$what$((percent / 25))
            echo "  $what $percent %"
        fi
    done
    [ ! -t 1 ] || printf '\r%30s\r' ''
}

# What apt would do, and where it would download from. Reasons why not go to the log.
plan() { # PACKAGE..
    local said
    if said=$(apt install --no-install-recommends --print-uris "$@" 2>>"$log"); then
        echo "$said"
    else
        echo "$said" >>"$log"
        return 1
    fi
}

cannot() { # WHAT: apt's own reasons in one line
    die "$1: $(grep -hE '^(E:|Err|W: Failed| .*(Depends|not installable))' "$log" | sed 's/^ *//' | head -n 3 | paste -sd ' ')"
}

install_packages() {
    local packages sizes
    export DEBIAN_FRONTEND=noninteractive
    log=$(mktemp)
    trap 'rm -f "$log" "${undo[@]}"' EXIT
    trap 'exit 130' INT TERM HUP
    echo "Reading the lists of packages."
    apt update >"$log" 2>&1 || true # what it could not read shows when a package cannot be had
    [[ $* != *@* ]] || [ -n "$(choose_major)" ] || cannot "apt has no PostgreSQL $oldest_major or later"
    mapfile -t packages < <(resolve "$@")
    [ ${#packages[@]} != 0 ] || return 0
    if ! sizes=$(plan "${packages[@]}"); then
        : >"$log"
        mapfile -t packages < <(resolve "${@//*\?/}")
        sizes=$(plan "${packages[@]}") || cannot "apt-get cannot install what is missing"
    fi
    echo "Installing packages: ${packages[*]}"
    awk -v disk="$(sed -n 's/^After this operation, \(.*\) of additional disk space will be used.*/, \1 on disk/p' <<<"$sizes")" '
        /^\047/ { files++; bytes += $3 } END { printf "To download: %d packages, %.0f MB%s.\n", files, bytes / 1e6, disk }' <<<"$sizes"
    forbid_services
    apt install --no-install-recommends -o APT::Status-Fd=3 "${packages[@]}" 3>&1 >>"$log" 2>&1 | progress
    [ "${PIPESTATUS[0]}" = 0 ] || cannot "apt-get failed"
}

if [ "$goal" = --install ]; then
    shift
    install_packages "$@"
    exit
fi

if ! command -v apt-get >/dev/null; then
    command -v g++ >/dev/null || die "no g++, and no apt-get to install it with"
    find_pg_config >/dev/null || die "no PostgreSQL $oldest_major or later with its server headers, and no apt-get to install it with"
    exit 0 # not Debian: what else is missing the compiler will say
fi
missing=$(missing_packages)
# What the release may not have is no reason to ask for a password, unless apt has it.
# shellcheck disable=SC2086 # one word per package
if ! grep -q '[^?]$' <<<"$missing" && [ -z "$(resolve $missing)" ]; then
    exit 0
fi
install=(bash "$0" --install)
# shellcheck disable=SC2086
if [ "$(id -u)" = 0 ]; then
    "${install[@]}" $missing
elif command -v sudo >/dev/null && sudo true; then
    mapfile -t proxies < <(env | grep -iE '^(https?|no|all)_proxy=')
    sudo env "${proxies[@]}" "${install[@]}" $missing
else
    die "missing packages: $(resolve $missing | paste -sd ' '): run as root, or install them or sudo first"
fi
