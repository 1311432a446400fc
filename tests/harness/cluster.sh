# shellcheck shell=bash
# Private PostgreSQL clusters for the tests, the benchmarks and the demo. Source it from bash, then:
#   workspace BASE                        a new folder (in $work) that the server's user can reach too
#   build_and_install                     into $work/root, with the command line as $PG_PRINCIPAL
#   cluster_create DIR [setting=value..]  initdb and postgresql.conf; DIR below $work
#   cluster_template DIR                  from now on cluster_create copies what is initialised here, once
#   cluster_set DIR setting=value..       more settings, for its next start
#   master_key FILE                       a new one, for pg_principal.master_key_file; also in $MASTER_KEY
#   cluster_start DIR                     start it; libpq's environment then leads there
#   cluster_stop DIR [mode]               mode is immediate unless told
#   as_server COMMAND..                   run as the user that owns the data (PostgreSQL refuses root)
# Whatever was started is stopped when the script ends, however it ends. A script that needs more
# tidying defines at_exit.

# shellcheck source=tests/harness/environment.sh
. "${BASH_SOURCE[0]%/*}/environment.sh"
pg_config=$(find_pg_config) || {
    echo "no PostgreSQL $oldest_major or later with its server headers: tests/harness/packages.sh installs it" >&2
    exit 1
}
PG_BIN=$("$pg_config" --bindir)
export PG_CONFIG=$pg_config PG_BIN PATH=$PG_BIN:$PATH
clusters=()

as_server() {
    if [ "$(id -u)" = 0 ]; then
        HOME=/tmp setpriv --reuid=postgres --regid=postgres --init-groups -- "$@"
    else
        "$@"
    fi
}

# Unix socket paths are limited to 107 bytes, below /root the postgres user reaches nothing, programs and settings have
# quotes and lists of their own around a path, and a file system may be mounted noexec.
workspace() {
    local base name=XXXXXX
    base=$(mkdir -p "$1" && realpath "$1") || return 1
    for base in "$base" /tmp /var/tmp ~postgres /dev/shm; do
        if [[ ! $base =~ [^A-Za-z0-9/._+-] && ${#base} -le 48 ]] && work=$(mktemp -d "$base/$name" 2>/dev/null); then
            chmod 755 "$work" && printf '#!/bin/sh\n' >"$work/try" && chmod 755 "$work/try"
            if as_server "$work/try" 2>/dev/null; then
                rm "$work/try"
                return
            fi
            rm -r "$work"
        fi
        name=pg_principal.XXXXXX
    done
    echo "no folder for a private server: neither in this clone nor in /tmp and /var/tmp may the server's user run a program" >&2
    return 1
}

# Installs nothing into the system: the servers started here read the copy in $work/root.
build_and_install() {
    local log=$PWD/build/build.log
    if ! mkdir -p build || [ -n "$(find build -maxdepth 3 ! -writable -not -path 'build/matrix*' -print -quit)" ]; then
        echo "build/ holds what another user made: remove it, or run this as that user" >&2
        return 1
    fi
    if ! flock build/.lock make -s -j"$(nproc)" all >"$log" 2>&1 ||
        ! flock build/.lock make -s install DESTDIR="$work/root" STRIP=: >>"$log" 2>&1; then
        cat "$log" >&2
        echo "the build failed" >&2
        return 1
    fi
    export HARNESS_ROOT=$work/root PG_PRINCIPAL=$work/root/usr/local/bin/pg_principal
}

# How a server finds the copy.
cluster_paths() {
    local libdir
    libdir=$("$pg_config" --pkglibdir)
    case $(extension_setting "$pg_config") in
    extension_control_path) echo "extension_control_path = '$HARNESS_ROOT$("$pg_config" --sharedir):\$system'" ;;
    extension_destdir) echo "extension_destdir = '$HARNESS_ROOT'" ;;
    *)
        if [ ! -f "$libdir/pg_principal.so" ]; then
            echo "this PostgreSQL cannot load an extension that is not installed: make install first" >&2
            return 1
        fi
        ;;
    esac
    echo "dynamic_library_path = '$HARNESS_ROOT$libdir:\$libdir'"
}

cluster_set() {
    local dir=$1 setting
    shift
    for setting in "$@"; do
        printf "%s = '%s'\n" "${setting%%=*}" "${setting#*=}"
    done >>"$dir/data/postgresql.conf"
}

cluster_init() { # DIR OPTION..: initdb into DIR/data
    local dir=$1
    shift
    (cd "$dir" && as_server "$PG_BIN/initdb" -D "$dir/data" -U postgres -E UTF8 --no-locale \
        --auth-local=trust --auth-host=scram-sha-256 --no-sync --no-instructions "$@") >"$dir/initdb.log" 2>&1 ||
        { cat "$dir/initdb.log" >&2 && return 1; }
}

cluster_template() {
    mkdir -p "$1" && chmod 700 "$1" || return 1
    [ "$(id -u)" != 0 ] || chown postgres: "$1" || return 1
    # small segments of WAL: they are most of what there is to copy
    cluster_init "$1" --wal-segsize=1 && export CLUSTER_TEMPLATE=$1 CLUSTER_TEMPLATE_OF=$PG_BIN
}

cluster_create() {
    local dir=$1 preload=pg_principal cron="" paths
    shift
    if [ -f "$("$pg_config" --pkglibdir)/pg_cron.so" ]; then
        preload+=,pg_cron
        cron=$'cron.use_background_workers = on\ncron.database_name = \'postgres\''
    fi
    paths=$(cluster_paths) || return 1
    mkdir -p "$dir" && chmod 700 "$dir" || return 1
    [ "$(id -u)" != 0 ] || chown postgres: "$dir" || return 1
    if [ "${CLUSTER_TEMPLATE_OF-}" = "$PG_BIN" ]; then
        cp -a --reflink=auto "$CLUSTER_TEMPLATE/data" "$dir/" || return 1
    else
        cluster_init "$dir" || return 1
    fi
    printf '%s\n' "$paths" "$cron" >>"$dir/data/postgresql.conf"
    cluster_set "$dir" shared_preload_libraries=$preload unix_socket_directories="$dir" \
        listen_addresses= max_connections=100 max_prepared_transactions=10 max_worker_processes=24 \
        wal_level=logical max_wal_size=1GB "log_line_prefix=%m [%p] %q%u@%d " "$@"
}

master_key() {
    MASTER_KEY=$(head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n')
    printf '%s\n' "$MASTER_KEY" >"$1" && chmod 600 "$1" || return 1
    [ "$(id -u)" != 0 ] || chown postgres: "$1"
}

cluster_start() {
    local dir=$1
    clusters+=("$dir")
    if ! (cd "$dir" && as_server "$PG_BIN/pg_ctl" -s -w -t 60 -D "$dir/data" -l "$dir/log" start) </dev/null; then
        tail -n 20 "$dir/log" >&2
        return 1
    fi
    cluster_use "$dir"
}

# Lets libpq's environment lead to a cluster that runs already.
cluster_use() {
    export PGHOST=$1 PGUSER=postgres PGDATABASE=postgres
    PGPORT=$(sed -n 4p "$1/data/postmaster.pid")
    export PGPORT
}

cluster_stop() {
    [ -f "$1/data/postmaster.pid" ] || return 0
    (cd "$1" && as_server "$PG_BIN/pg_ctl" -s -w -t 60 -D "$1/data" -m "${2:-immediate}" stop)
}

at_exit() { :; }

cluster_on_exit() {
    local status=$? dir
    trap '' INT TERM HUP
    for dir in "${clusters[@]}"; do
        cluster_stop "$dir" || true
    done
    at_exit
    exit "$status"
}
trap cluster_on_exit EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
