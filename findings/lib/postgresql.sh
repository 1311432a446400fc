#!/bin/bash
# A server of Debian 12's PostgreSQL 15.18 without the network, and an extension `shop` for it.
# shellcheck source=findings/lib/find.sh
. "$(dirname "${BASH_SOURCE[0]}")/find.sh"

as_user=() # a server refuses to run as root
run() { # COMMAND ARGUMENT..
    local command=$work/root/usr/lib/postgresql/15/bin/$1
    shift
    (cd "$work" && timeout 60 "${as_user[@]}" "$command" "$@")
}

extension() { # VERSION SQL: the script of a version; the last one is the default
    local path=$work/root/usr/share/postgresql/15/extension/shop
    printf "default_version = '%s'\nrelocatable = true\n" "${1##*-}" >"$path.control"
    echo "$2" >"$path--$1.sql"
}

start_server() { # DATA [-c SETTING=VALUE]..: a cluster in $work/DATA, on the port PGPORT
    run initdb -D "$work/$1" -A trust -U postgres -E UTF8 --locale=C --no-sync >/dev/null ||
        not_tried "initdb (the libraries that the package postgresql-15 depends on?)"
    (cd "$work" && exec timeout 240 "${as_user[@]}" "$work/root/usr/lib/postgresql/15/bin/postgres" \
        -D "$work/$1" -k "$work" -p "$PGPORT" -c listen_addresses= -c wal_level=logical -c fsync=off "${@:2}") 2>"$work/log" &
    export server_pid="$server_pid $!"
    for _ in {1..100}; do
        ! run pg_isready -q || return 0
        sleep 0.1
    done
    not_tried "the server does not start"
}

serve_postgresql() { # [-c SETTING=VALUE]..
    debian postgresql-15=15.18-0+deb12u1 postgresql-client-15=15.18-0+deb12u1
    if [ "$(id -u)" = 0 ]; then
        as_user=(setpriv --reuid=nobody --regid=nogroup --clear-groups)
        chown -R nobody "$work"
    fi
    export PGHOST=$work PGUSER=postgres PGDATABASE=postgres PGPORT=${PGPORT:-5432}
    start_server data "$@"
}
