#!/bin/bash
# make matrix RUN=fresh [RELEASES="bookworm trixie sid"] [SHAPES="bare server-no-headers .."] [JOBS=2] [FULL=1]: `make run`,
# `make test` and README's section "Install" on fresh machines of many shapes (shape.sh says which), each a root of its
# own whose changes are thrown away. FULL=1 runs every test in the shape `bare`. Prints a line per release and shape.
# build/matrix/fresh/RELEASE keeps what a release begins with, what it downloaded, compiled and last said.
set -eu
cd "$(dirname "$0")/../.."
# shellcheck source=tests/harness/roots.sh
. tests/harness/roots.sh
roots=build/matrix/fresh
before=59a688ec7f9a702fe9e987843118b614b906f9aa # the last commit of 0.2.0

# In a shape's root: its own layer, in memory, above those that it shares. What was compiled or downloaded once is not
# again: by ccache, and by copies in apt's cache.
inside() { # LOG CACHE SHAPE LOWER NETWORK COMMAND..
    local log=$1
    shift
    # shellcheck disable=SC2016 # expanded by the inner shell
    contained "$log" bash -euc '
        cache=$1 shape=$2 lower=$3 network=$4 home=$1/shapes/$2 status=0
        shift 4
        mount -t tmpfs -o mode=755,size=90% tmpfs "$home"
        root=$home/root debs=$home/upper/var/cache/apt/archives
        mkdir -p "$root" "$home/work" "$home"/upper/srv/{base,clone,ccache} "$home/upper/etc" "$debs"
        tar -x -C "$home/upper/srv/clone" -f "$cache/shapes/$shape.tar"
        cp "$cache/shapes/before.tar" "$home/upper/srv/"
        cp /etc/resolv.conf "$home/upper/etc/"
        find "$cache/debs" -name "*.deb" -exec cp -t "$debs" {} +
        mount -t overlay overlay -o "lowerdir=$lower,upperdir=$home/upper,workdir=$home/work" "$root"
        mount --bind "$cache/ccache" "$root/srv/ccache"
        mount --bind "$cache/base" "$root/srv/base"
        mount --rbind /dev "$root/dev"
        mount -t tmpfs tmpfs "$root/dev/shm"
        mount -t tmpfs tmpfs "$root/tmp"
        mount -t proc proc "$root/proc"
        apart=()
        if [ "$network" = none ]; then
            apart=(unshare --net -- bash -c "ip link set lo up && exec \"\$@\"" -)
        fi
        "${apart[@]}" env --chdir="$root" chroot . env --chdir=/srv -i "$@" || status=$?
        for deb in "$debs"/*.deb; do
            name=$(basename "$deb")
            [ ! -e "$deb" ] || [ -e "$cache/debs/$name" ] || { cp "$deb" "$cache/debs/.$shape" && mv "$cache/debs/.$shape" "$cache/debs/$name"; }
        done
        if [ "$shape$status" = packages0 ]; then # for containers.sh
            rm -rf "$cache/packages" && cp -r "$home/upper/srv/debs" "$cache/packages"
        fi
        if [ "$shape$status" = bare0 ]; then # what others begin with
            cp "$home/upper/srv/clone/tests/harness/packages.sh" "$cache/ready.packages"
            rm -rf "$home/upper/srv/clone" "$debs"/*.deb "$cache/ready" "$cache/ready.new"
            cp -a "$home/upper" "$cache/ready.new" && mv "$cache/ready.new" "$cache/ready"
        fi
        exit "$status"' - "$@"
}

try_shape() { # RELEASE SHAPE: prints its line
    local release=$1 shape=$2 cache log status=0 lower network=host base
    cache=$(realpath "$roots/$release")
    log=$cache/$shape.log lower=$cache/base
    : >"$log"
    mkdir -p "$cache/shapes/$shape" "$cache/debs" "$cache/ccache"
    chmod 1777 "$cache/ccache"
    base=$(bash tests/harness/shape.sh base "$shape")
    [ "$base" = bare ] || lower=$cache/ready:$lower
    [ "$base" != ready ] || network=none
    git archive -o "$cache/shapes/$shape.tar" HEAD
    git archive -o "$cache/shapes/before.tar" "$before" 2>/dev/null || : >"$cache/shapes/before.tar" # no history: `packages` cannot upgrade
    SECONDS=0
    inside "$log" "$cache" "$shape" "$lower" "$network" "${environment[@]}" bash /srv/clone/tests/harness/shape.sh try "$shape" || status=$?
    echo "$release $shape: $([ "$status" = 0 ] && echo ok || echo "FAILED ($log)"), $SECONDS s: $(tail -n 1 "$log")"
    rm -rf "$cache/shapes/$shape.tar" "$cache/shapes/$shape"
    return "$status"
}

# As many as JOBS at once; $failed tells whether any failed.
start() { # RELEASE SHAPE
    while [ ${#shapes_running[@]} -ge "${JOBS:-2}" ]; do
        finish
    done
    (
        trap at_exit EXIT
        trap 'exit 143' TERM
        shapes_running=()
        try_shape "$@"
    ) &
    shapes_running+=("$!")
}
finish() {
    local pid left=()
    wait -n || failed=1
    for pid in "${shapes_running[@]}"; do
        ! kill -0 "$pid" 2>/dev/null || left+=("$pid")
    done
    shapes_running=("${left[@]}")
}
shapes_running=()

# What `bare` left, with the packages that are wanted now.
is_ready() { [ -d "$roots/$1/ready" ] && cmp -s "$roots/$1/ready.packages" <(git show HEAD:tests/harness/packages.sh); } # RELEASE
wants_bare() { # RELEASE: the shape is asked for, or others begin with what it leaves
    local shape
    for shape in $shapes; do
        [ "$shape" != bare ] || return 0
        [ "$(bash tests/harness/shape.sh base "$shape")" = bare ] || is_ready "$1" || return 0
    done
    return 1
}

shapes=${SHAPES:-$(bash tests/harness/shape.sh list)}
failed=0
for release in ${RELEASES:-bookworm trixie sid}; do
    mkdir -p "$roots/$release"
    if ! make_root "$roots/$release/base" "$release" "$roots/$release/base.log" make,ca-certificates,ccache; then
        tail -n 20 "$roots/$release/base.log"
        echo "$release: no root ($roots/$release/base.log)"
        failed=1
        continue
    fi
    if wants_bare "$release"; then
        try_shape "$release" bare || failed=1
    fi
    for shape in $shapes; do
        [ "$shape" = bare ] || start "$release" "$shape"
    done
    while [ ${#shapes_running[@]} != 0 ]; do
        finish
    done
done
exit "$failed"
