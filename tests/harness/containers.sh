#!/bin/bash
# make matrix RUN=containers [RELEASES="bookworm trixie"]: builds what `make containers` builds, from the packages that
# RUN=fresh SHAPES=packages left, on a base made by debootstrap; then uses both images without a daemon and as one that
# allows little would: root read-only, the image's user, no capabilities, no new privileges, a network of their own.
# Prints a line for each check, up to the first that fails; build/matrix/containers/RELEASE.log has what the programs said.
set -eu
cd "$(dirname "$0")/../.."
roots=$PWD/build/matrix/containers
storage=(--root "$roots/storage" --runroot "$roots/run")

config() { buildah "${storage[@]}" inspect --type image "localhost/$1" | jq -r ".Docker.config | $2"; } # IMAGE FILTER

ok() { # WHAT COMMAND..
    local what=$1
    shift
    if "$@" >&2; then
        echo "ok - $what"
    else
        echo "not ok - $what"
        tail -n 20 "$here"/*.log >&2
        exit 1
    fi
}
fails() { ! "$@"; }
soon() { # COMMAND..: within twenty seconds
    for _ in $(seq 100); do
        ! "$@" >/dev/null 2>&1 || return 0
        sleep 0.2
    done
    "$@"
}

# A container is a folder: its image's root, read-only, and what it may write to. Its processes are in the network and
# among the processes of this script, which ends with all of them.
container() { # NAME IMAGE
    local home=$here/$1 from
    from=$(buildah "${storage[@]}" from "localhost/$2")
    mkdir -p "$home" && mkdir "$home"/{root,data,secrets}
    mount --bind "$(buildah "${storage[@]}" mount "$from")" "$home/root"
    mount -o remount,bind,ro "$home/root"
    mount -t tmpfs -o mode=755,nosuid,nodev tmpfs "$home/root/run"
    install -d -o 999 -g 999 "$home/root/run/postgresql" "$home/data"
    mount -t tmpfs -o mode=755 tmpfs "$home/root/dev"
    mkdir "$home/root/dev/shm" && mount -t tmpfs -o mode=1777 tmpfs "$home/root/dev/shm"
    for device in null zero random urandom; do
        touch "$home/root/dev/$device" && mount --bind "/dev/$device" "$home/root/dev/$device"
    done
    mount -t proc proc "$home/root/proc"
    mkdir "$home/root/run/secrets" && mount --bind "$home/secrets" "$home/root/run/secrets"
    if [ "$2" = pg-principal-server:latest ]; then # the other one has nothing to write
        mount --bind "$home/data" "$home/root/var/lib/postgresql"
        mount -t tmpfs -o mode=1777,noexec,nosuid,nodev tmpfs "$home/root/tmp"
    fi
    echo "$2" >"$home/image"
}
command_in() { # NAME VARIABLE=VALUE.. COMMAND..: sets $command, as the image says
    local home=$here/$1 user environment
    shift
    user=$(config "$(cat "$home/image")" .User)
    mapfile -t environment < <(config "$(cat "$home/image")" '.Env[]')
    command=(env "--default-signal=INT,QUIT" chroot "$home/root" /usr/bin/setpriv --reuid="${user%:*}" --regid="${user#*:}" --clear-groups
        --no-new-privs --bounding-set=-all --inh-caps=-all -- /usr/bin/env -i "${environment[@]}" "$@")
}
inside() { # NAME VARIABLE=VALUE.. COMMAND..
    local command
    command_in "$@"
    "${command[@]}"
}
entry() { # NAME VARIABLE=VALUE.. -- ARGUMENT..: its entry point, in the background, as $pid
    local name=$1 variables=() entrypoint command
    shift
    while [ "$1" != -- ]; do variables+=("$1") && shift; done
    shift
    mapfile -t entrypoint < <(config "$(cat "$here/$name/image")" '.Entrypoint[]')
    command_in "$name" "${variables[@]}" "${entrypoint[@]}" "$@"
    "${command[@]}" >>"$here/$name.log" 2>&1 &
    pid=$!
}
healthy() { # NAME VARIABLE=VALUE..
    local check
    check=$(config "$(cat "$here/$1/image")" '.Healthcheck.Test | if .[0] == "CMD-SHELL" then .[1] else error("not a line of shell") end')
    inside "$@" /bin/sh -c "$check"
}
ends() { # PID SIGNAL
    kill -"$2" "$1" && soon fails kill -0 "$1" && wait "$1"
}

use_images() {
    local pid web token
    here=$roots/here
    mkdir -p "$here" && mount -t tmpfs tmpfs "$here" # gone with the processes
    ip link set lo up
    buildah "${storage[@]}" rm --all >&2
    container db pg-principal-server:latest
    container web pg-principal:latest
    for name in db web; do
        ok "$name: its user is a number, and not root's" grep -qxE '[1-9][0-9]*:[1-9][0-9]*' <(config "$(cat "$here/$name/image")" .User)
        ok "$name: no program changes who it runs as" fails grep -q . <(find "$here/$name/root" -xdev -perm /6000 -type f)
        ok "$name: no private key is in it" fails grep -q . <(grep -rlE -- '-----BEGIN [A-Z ]*PRIVATE KEY' "$here/$name/root"/{etc,root,home,srv,usr/local,var} 2>/dev/null)
        ok "$name: its root cannot be written to" fails touch "$here/$name/root/x" "$here/$name/root/etc/x"
        ok "$name: no compiler is in it" fails ls "$here/$name/root"/usr/bin/{cc,g++,gcc}
    done

    printf 'of the superuser\n' >"$here/db/secrets/postgres"
    printf 'of the server\n' >"$here/db/secrets/web"
    head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n' >"$here/db/secrets/master_key"
    chmod 600 "$here/db/secrets/master_key"
    chown 999:999 "$here/db/secrets/master_key"
    settings=(-c pg_principal.master_key_file=/run/secrets/master_key)
    secrets=(POSTGRES_DB=app POSTGRES_PASSWORD_FILE=/run/secrets/postgres PG_PRINCIPAL_WEB_PASSWORD_FILE=/run/secrets/web)
    mkdir "$here/db/data/data.new" && touch "$here/db/data/data.new/PG_VERSION"
    chown -R 999:999 "$here/db/data"
    entry db "${secrets[@]}" -- "${settings[@]}"
    ok "db: a volume with what an interrupted start left gets a cluster, and the health check succeeds" soon healthy db POSTGRES_DB=app
    db=$pid
    query() { inside db PGPASSWORD='of the superuser' psql -XAtq -h 127.0.0.1 -U postgres -d app -c "$1"; }
    ok "db: with the extension, a key under the master key, and both scans" grep -qx 'pg_principal|1|t|2' \
        <(query "SELECT extname, (SELECT count(*) FROM auth.signing_keys WHERE state = 'in_use'), (SELECT bool_and(sealed_under IS NOT NULL) FROM auth.signing_keys), (SELECT count(*) FROM cron.job) FROM pg_extension WHERE extname = 'pg_principal'")
    ok "db: the doctor finds no error" grep -qx 0 <(query "SELECT count(*) FROM auth.check_installation() WHERE state = 'error'")
    ok "db: no password reached its log" fails grep -q 'of the s' "$here/db.log"

    entry web -- serve
    ok "web: it refuses to serve a network in the clear" fails wait "$pid"
    ok "web: and says what to give it" grep -q -- '--tls-cert and --tls-key, or --trusted-proxy' "$here/web.log"
    connection=(PGHOST=127.0.0.1 PGDATABASE=app PGUSER=principal_web PGPASSWORD='of the server')
    entry web "${connection[@]}" PG_PRINCIPAL_SERVE_TRUSTED_PROXY=10.0.0.0/8 -- serve
    web=$pid
    ok "web: its health check succeeds" soon healthy web
    get() { inside web curl -sS "$@"; }
    ok "web: it is ready" grep -q '"ready"' <(get http://127.0.0.1:9999/ready)
    ok "web: it serves the console" grep -qi '<html' <(get http://127.0.0.1:9999/console/)
    query "SELECT auth.push_people('[{\"email\": \"etl@example.com\", \"name\": \"etl\", \"kind\": \"service_account\"}]')" >&2
    query "SELECT auth.provision()" >&2
    token=$(query "SELECT auth.issue('etl@example.com')")
    ok "web: a token is known" grep -q 'etl@example.com' <(get -H "Authorization: Bearer $token" http://127.0.0.1:9999/api/auth/me)
    query "SELECT auth.ban('etl@example.com')" >&2
    ok "web: and refused at the next request once its principal is banned" grep -qx 401 <(get -o /dev/null -w '%{http_code}' -H "Authorization: Bearer $token" http://127.0.0.1:9999/api/auth/me)

    ok "db: stops when told to" ends "$db" "$(config pg-principal-server:latest .StopSignal | sed 's/^SIG//')"
    ok "db: its health check fails then" fails healthy db POSTGRES_DB=app
    ok "web: is not ready without its database" grep -qx 503 <(get -o /dev/null -w '%{http_code}' http://127.0.0.1:9999/ready)
    ok "web: nor restarted for that: its health check succeeds" healthy web
    entry db "${secrets[@]}" -- "${settings[@]}"
    db=$pid
    ok "db: the volume's cluster is started again" soon healthy db POSTGRES_DB=app
    ok "db: with what was in it" grep -qx t <(query "SELECT banned_until > now() FROM auth.users WHERE email = 'etl@example.com'")
    ready_again() { get http://127.0.0.1:9999/ready | grep -q '"ready"'; }
    ok "web: is ready again by itself" soon ready_again
    ok "web: stops when told to" ends "$web" TERM
    ok "web: its health check fails then" fails healthy web

    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost -keyout "$here/web/secrets/key" -out "$here/web/secrets/cert" 2>/dev/null
    chown 999:999 "$here/web/secrets/key"
    tls=(PG_PRINCIPAL_SERVE_TLS_CERT=/run/secrets/cert PG_PRINCIPAL_SERVE_TLS_KEY=/run/secrets/key)
    entry web "${connection[@]}" "${tls[@]}" -- serve
    ok "web: with TLS its health check succeeds, too" soon healthy web "${tls[@]}"
    ok "web: stops" ends "$pid" TERM
    ok "db: stops" ends "$db" INT
}

if [ "${1-}" = --inside ]; then
    exec 2>>"$roots/$2.log"
    use_images
    exit
fi

# shellcheck source=tests/harness/roots.sh
. tests/harness/roots.sh
for program in buildah jq openssl; do
    command -v "$program" >/dev/null || tests/harness/packages.sh --install "$program"
done
failed=0
mkdir -p "$roots"
for release in ${RELEASES:-bookworm trixie}; do
    log=$roots/$release.log debs=build/matrix/fresh/$release/packages
    : >"$log"
    if ! compgen -G "$debs/*.deb" >/dev/null; then
        RELEASES=$release SHAPES=packages tests/harness/fresh.sh || { failed=1 && continue; }
    fi
    make_root "$roots/$release" "$release" "$log" ca-certificates || { tail -n 20 "$log" && exit 1; }
    # shellcheck disable=SC2016 # expanded by the inner shell
    contained "$log" bash -euc 'c=$(buildah "$@" from scratch) && buildah "$@" add -q "$c" "$0" / && buildah "$@" commit -q --rm "$c" localhost/debian' \
        "$roots/$release" "${storage[@]}" &&
        BUILDER="buildah ${storage[*]} bud --isolation chroot --format docker" BASE=localhost/debian DEBS=$debs contained "$log" packaging/containers.sh ||
        { tail -n 20 "$log" && failed=1 && continue; }
    echo "$release: $(buildah "${storage[@]}" images --format '{{.Name}} {{.Size}}' | sed -n 's|^localhost/||p' | sort -u | paste -sd ,)"
    : >"$roots/$release.checks"
    contained "$roots/$release.checks" unshare --net -- bash "$0" --inside "$release" || failed=1
    cat "$roots/$release.checks"
    echo "$release: $(grep -c '^ok' "$roots/$release.checks") passed, $(grep -c '^not ok' "$roots/$release.checks" || true) failed"
done
exit "$failed"
