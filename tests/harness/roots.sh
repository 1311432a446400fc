# shellcheck shell=bash
# Roots with a Debian release of their own, and what runs in them: for matrix.sh and fresh.sh, which source it.
#   contained LOG COMMAND..               in namespaces of its own; their end is its end
#   make_root ROOT RELEASE LOG PACKAGES   debootstrap, once; PACKAGES has commas between them. `experimental` is sid with
#                                         the PostgreSQL of experimental
#   $environment                          what the world outside is reached with: proxies, and where npm looks

running="" shapes_running=()

at_exit() {
    local status=$? pid
    trap '' INT TERM HUP
    for pid in "${shapes_running[@]}"; do
        kill -TERM "$pid" 2>/dev/null && wait "$pid" 2>/dev/null
    done
    if [ -n "$running" ]; then
        kill -KILL "$running" 2>/dev/null && wait "$running" 2>/dev/null
    fi
    exit "$status"
}
trap at_exit EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# Mounts and processes live in namespaces that end with their first process: nothing of them can
# stay behind, however this ends.
contained() { # LOG COMMAND..
    local log=$1 status=0
    shift
    unshare --mount --pid --ipc --fork --kill-child -- "$@" >>"$log" 2>&1 </dev/null &
    running=$!
    wait "$running" || status=$?
    running=
    return "$status"
}

environment=(PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
    NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt)
while IFS= read -r -d '' variable; do
    case ${variable%%=*} in
    ONLY | TESTS | FULL | FUZZ_SECONDS | *_proxy | *_PROXY | npm_config_*) environment+=("$variable") ;;
    esac
done < <(env -0)

# The mirror that this machine's own packages come from.
mirror() {
    apt-get indextargets --format '$(REPO_URI)' 'Identifier: Packages' 'Origin: Debian' 'Label: Debian' |
        sort -u | head -n 1
}

next_postgresql() { # ROOT MIRROR LOG: its headers, which lead packages.sh to the same server
    echo "deb $2 experimental main" >"$1/etc/apt/sources.list.d/experimental.list"
    printf 'Package: postgresql-*-19 postgresql-19* libpq*\nPin: release a=experimental\nPin-Priority: 500\n' >"$1/etc/apt/preferences.d/experimental"
    cp /etc/resolv.conf "$1/etc/resolv.conf"
    # shellcheck disable=SC2016 # expanded by the inner shell
    contained "$3" bash -euc 'mount --rbind /dev "$1/dev" && mount -t proc proc "$1/proc"
        exec chroot "$1" env DEBIAN_FRONTEND=noninteractive sh -c \
            "apt-get -q update && apt-get -q -y install --no-install-recommends postgresql-server-dev-19 libpq-dev"' - "$1"
}

make_root() { # ROOT RELEASE LOG PACKAGES
    local root=$1 uri suite=${2/experimental/sid}
    [ ! -d "$root" ] || return 0
    uri=$(mirror)
    [ -n "$uri" ] || { echo "no Debian mirror in this machine's apt: apt-get update first" >&2 && return 1; }
    rm -rf "$root.new"
    mkdir -p "$(dirname "$root")"
    contained "$3" debootstrap --variant=minbase --include="$4" "$suite" "$root.new" "$uri" || return 1
    # Proxies and the like; a root that can be made again needs no fsync.
    apt-config dump | grep -iE '^Acquire::([a-z]+::(proxy|timeout|verify|cainfo)|retries|check-)' \
        >"$root.new/etc/apt/apt.conf.d/90host" || true
    echo 'Acquire::Languages "none";' >>"$root.new/etc/apt/apt.conf.d/90host"
    echo force-unsafe-io >"$root.new/etc/dpkg/dpkg.cfg.d/unsafe-io"
    find /usr/local/share/ca-certificates -name '*.crt' -exec cp {} "$root.new/usr/local/share/ca-certificates/" \;
    chroot "$root.new" update-ca-certificates >>"$3" 2>&1
    [ "$2" != experimental ] || next_postgresql "$root.new" "$uri" "$3" || return 1
    mv "$root.new" "$root"
}

# shellcheck disable=SC2016,SC2034
show_versions='package() { dpkg-query -W -f "\${Version}" "$1" | sed "s/^[0-9]*://; s/[-+].*//"; }
    echo "PostgreSQL $(pg_config --version | cut -d" " -f2), gcc $(g++ -dumpfullversion)," \
        "clang $(package clang), OpenSSL $(package libssl-dev), httplib $(package libcpp-httplib-dev)"'

[ "$(id -u)" = 0 ] || { echo "make matrix: only root may make roots" >&2 && exit 2; }
command -v debootstrap >/dev/null || tests/harness/packages.sh --install debootstrap
