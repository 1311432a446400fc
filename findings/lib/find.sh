#!/bin/bash
# Sourced by every find: a temporary folder that goes with the script, packages of exact versions in it, a comparison.
# Exit status: 0 as described, 1 it behaves otherwise now, 2 it could not be tried.
set -eu
work=$(mktemp -d)
export work server_pid=
clean_up() {
    # shellcheck disable=SC2086 # several
    [ -z "$server_pid" ] || kill $server_pid 2>/dev/null || true
    rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 2' INT TERM

not_tried() {
    echo "not tried: $*" >&2
    exit 2
}

need() { # COMMAND..
    local command
    for command; do command -v "$command" >/dev/null || not_tried "$command is missing"; done
}

debian() { # PACKAGE=VERSION..: unpacked below $work/root, installed nowhere
    local file
    need apt-get dpkg
    (cd "$work" && timeout 120 apt-get -qq -o APT::Sandbox::User=root download "$@") >&2 ||
        not_tried "apt-get download $* (Debian 12; apt-get update?)"
    for file in "$work"/*.deb; do dpkg -x "$file" "$work/root"; done
}

node_packages() { # PACKAGE@VERSION..: in $work/node_modules
    need node npm
    echo '{"private": true}' >"$work/package.json"
    timeout 120 npm install --prefix "$work" --cache "$work/cache" --ignore-scripts --no-audit --no-fund --no-update-notifier \
        --loglevel error "$@" >&2 || not_tried "npm install $*"
}

expect() { # OUTPUT: prints what standard input has, and ends the script unless it is this
    local got
    got=$(cat)
    printf '%s\n' "$got"
    [ "$got" = "$1" ] || { printf 'CHANGED, it was:\n%s\n' "$1" >&2 && exit 1; }
}
