#!/bin/bash
# make matrix [RELEASES="bookworm trixie sid"] [ONLY=..] [TESTS=..]: .ci/run on each Debian release, in a
# root of its own with that release's PostgreSQL, compiler and libraries. Needs root and debootstrap.
# RUN='make -k all' runs that instead of .ci/run. Roots are kept in build/matrix/NAME and used again: remove one to have it made afresh.
# Prints a line per release; the exit status is 0 when nothing failed.
set -eu
cd "$(dirname "$0")/../.."
[ $# = 0 ] || { sed -n '2,/^[^#]/s/^# //p' "$0" >&2 && exit 2; }
releases=${RELEASES:-bookworm trixie sid}
roots=build/matrix
running=

at_exit() {
    local status=$?
    trap '' INT TERM HUP
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

inside() { # NAME LOG COMMAND..: in the release's root, with the tree as the working directory
    local root=$roots/$1 log=$2
    shift 2
    # shellcheck disable=SC2016 # expanded by the inner shell
    contained "$log" bash -euc '
        root=$1
        shift
        mount --rbind /dev "$root/dev"
        mount -t tmpfs tmpfs "$root/dev/shm"
        mount -t tmpfs tmpfs "$root/tmp"
        mount -t proc proc "$root/proc"
        exec env --chdir="$root" chroot . env --chdir=/srv/pg_principal "$@"' \
        - "$root" -i "${environment[@]}" "$@"
}

# What the world outside is reached with: proxies, and where npm looks.
environment=(PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8
    NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt)
while IFS= read -r -d '' variable; do
    case ${variable%%=*} in
    ONLY | TESTS | FUZZ_SECONDS | *_proxy | *_PROXY | npm_config_*) environment+=("$variable") ;;
    esac
done < <(env -0)

# The mirror that this machine's own packages come from.
mirror() {
    apt-get indextargets --format '$(REPO_URI)' 'Identifier: Packages' 'Origin: Debian' 'Label: Debian' |
        sort -u | head -n 1
}

make_root() { # NAME LOG
    local root=$roots/$1 uri
    [ ! -d "$root" ] || return 0
    uri=$(mirror)
    [ -n "$uri" ] || { echo "no Debian mirror in this machine's apt: apt-get update first" >&2 && return 1; }
    rm -rf "$root.new"
    contained "$2" debootstrap --variant=minbase --include=make,ca-certificates "$1" "$root.new" "$uri" || return 1
    # Proxies and the like; a root that can be made again needs no fsync.
    apt-config dump | grep -iE '^Acquire::([a-z]+::(proxy|timeout|verify|cainfo)|retries|check-)' \
        >"$root.new/etc/apt/apt.conf.d/90host" || true
    echo 'Acquire::Languages "none";' >>"$root.new/etc/apt/apt.conf.d/90host"
    echo force-unsafe-io >"$root.new/etc/dpkg/dpkg.cfg.d/unsafe-io"
    printf 'path-exclude=/usr/share/%s/*\n' doc man locale >>"$root.new/etc/dpkg/dpkg.cfg.d/unsafe-io"
    find /usr/local/share/ca-certificates -name '*.crt' -exec cp {} "$root.new/usr/local/share/ca-certificates/" \;
    chroot "$root.new" update-ca-certificates >>"$2" 2>&1
    mv "$root.new" "$root"
}

# The committed tree, as a machine sees it that has never seen the project. Objects of the last run
# stay, and what did not change keeps its time, so that make knows what to do.
copy_tree() { # NAME
    local tree=$roots/$1/srv/pg_principal file
    rm -rf "$tree.new" && mkdir -p "$tree/build" "$tree.new"
    git archive HEAD | tar -x -m -C "$tree.new"
    while IFS= read -r -d '' file; do
        ! cmp -s "$tree/$file" "$tree.new/$file" || touch -r "$tree/$file" "$tree.new/$file"
    done < <(cd "$tree.new" && find . -type f -print0)
    mv "$tree/build" "$tree.new/build" && rm -rf "$tree" && mv "$tree.new" "$tree"
    cp /etc/resolv.conf "$roots/$1/etc/resolv.conf"
}

versions() { # NAME
    local log=$roots/$1.versions
    : >"$log"
    # shellcheck disable=SC2016
    inside "$1" "$log" bash -c '
        package() { dpkg-query -W -f "\${Version}" "$1" | sed "s/^[0-9]*://; s/[-+].*//"; }
        echo "PostgreSQL $(pg_config --version | cut -d" " -f2), gcc $(g++ -dumpfullversion)," \
            "clang $(package clang), OpenSSL $(package libssl-dev), httplib $(package libcpp-httplib-dev)"' || true
    tail -n 1 "$log"
}

[ "$(id -u)" = 0 ] || { echo "make matrix: only root may make roots" >&2 && exit 2; }
command -v debootstrap >/dev/null || tests/harness/packages.sh --install debootstrap
mkdir -p "$roots"
failed=0
for name in $releases; do
    log=$roots/$name.log
    : >"$log"
    if ! make_root "$name" "$log"; then
        tail -n 20 "$log"
        echo "$name: no root ($log)"
        failed=1
        continue
    fi
    copy_tree "$name"
    status=0
    # shellcheck disable=SC2086 # words of a command
    inside "$name" "$log" ${RUN:-.ci/run} || status=$?
    [ "$status" = 0 ] || failed=1
    echo "$name: $(versions "$name"): $(tail -n 1 "$log")"
done
exit "$failed"
