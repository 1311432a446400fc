#!/bin/bash
# make matrix [RELEASES="bookworm trixie sid"] [ONLY=..] [TESTS=..]: .ci/run on each Debian release, in a
# root of its own with that release's PostgreSQL, compiler and libraries. Needs root and debootstrap.
# RUN='make -k all' runs that instead of .ci/run, RUN=fresh both commands of README on machines of many shapes (fresh.sh), RUN=containers
# what `make containers` makes (containers.sh). Roots are kept in build/matrix/NAME and used again: remove one to have it made afresh.
# Prints a line per release; the exit status is 0 when nothing failed.
set -eu
cd "$(dirname "$0")/../.."
[ $# = 0 ] || { sed -n '2,/^[^#]/s/^# //p' "$0" >&2 && exit 2; }
releases=${RELEASES:-bookworm trixie sid}
roots=build/matrix
case ${RUN-} in
fresh | containers) exec "tests/harness/$RUN.sh" ;;
esac
# shellcheck source=tests/harness/roots.sh
. tests/harness/roots.sh

inside() { # NAME LOG COMMAND..: in the release's root, with the tree as the working directory
    local root=$roots/$1 log=$2
    shift 2
    # shellcheck disable=SC2016 # expanded by the inner shell
    contained "$log" bash -euc '
        root=$1
        shift
        mount --bind "$root" "$root" # a mount, for the tests that make namespaces of their own
        mount --rbind /dev "$root/dev"
        mount -t tmpfs tmpfs "$root/dev/shm"
        mount -t tmpfs tmpfs "$root/tmp"
        mount -t proc proc "$root/proc"
        exec env --chdir="$root" chroot . env --chdir=/srv/pg_principal "$@"' \
        - "$root" -i "${environment[@]}" LANG=C.UTF-8 "$@"
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
    inside "$1" "$log" bash -c "$show_versions" || true
    tail -n 1 "$log"
}

mkdir -p "$roots"
failed=0
for name in $releases; do
    log=$roots/$name.log
    : >"$log"
    if ! make_root "$roots/$name" "$name" "$log" make,ca-certificates; then
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
