#!/bin/bash
# The Debian packages, for the shape `packages` of shape.sh, which sources this: built, looked at, and used in bare roots.
#   build_packages          `make deb`, twice: the same bytes; lintian finds nothing; what they hold is what the docs list
#   try_packages            installed from files, the main job without a compiler, the unit's command, removed and purged
#   try_upgrade             over the files of 0.2.0, with its data
# /srv/base is the bare release, /srv/before.tar the tree of 0.2.0.

server_deb() { ls /srv/debs/postgresql-"$(major)"-pg-principal_*.deb; }

# Each file of both packages, as docs/packages.md lists them: with NN for the server's version, without what differs
# from release to release.
contents() {
    local version
    version=$(sed -n "s/^default_version = '\(.*\)'/\1/p" "$clone/extension/pg_principal.control")
    for deb in /srv/debs/pg-principal_*.deb "$(server_deb)"; do
        dpkg-deb -f "$deb" Package | sed 's/$/:/'
        dpkg-deb -c "$deb" | awk '$1 !~ /^d/ { print $6 }' | sed 's/^\.//; s/\.gz$//; s|^/lib/|/usr/lib/|; s|^\(/usr/share/doc/pg-principal/\)[a-zA-Z-]*\.md$|\1*.md|' | LC_ALL=C sort -u
    done | sed "s/--$version/--VERSION/; s/postgresql\([-/]\)$(major)/postgresql\1NN/"
}
sizes_as_told() {
    awk -v server="$(stat -c %s "$(server_deb)")" -v command="$(stat -c %s /srv/debs/pg-principal_*.deb)" '
        function near(told, size) { return told * 1e6 > size * 0.9 && told * 1e6 < size * 1.1 }
        /^[0-9.]+ and [0-9.]+ MB;/ { good = near($1, server) && near($3, command) }
        END { exit !good }' "$clone/docs/packages.md"
}

build_packages() {
    get git lintian systemd
    cd "$clone" || die "no $clone"
    git -c init.defaultBranch=main init -q && git add -A && # `make deb` builds what is committed
        git -c user.name=t -c user.email=t@example.com commit -q -m packages --date=@1700000000
    runs '\.deb$' make deb
    mkdir -p /srv/debs
    cp build/deb/*.deb build/deb/*.changes /srv/debs/
    lintian --fail-on error,warning --pedantic --info --tag-display-limit 0 build/deb/*.changes || die "lintian finds something"
    local listed
    listed=$(sed -n '/^pg-principal:$/,/^```$/p' "$clone/docs/packages.md" | grep -v '^```')
    diff <(echo "$listed") <(contents) || die "docs/packages.md does not list what the packages hold"
    sizes_as_told || die "docs/packages.md: their sizes are $(stat -c %s "$(server_deb)") and $(stat -c %s /srv/debs/pg-principal_*.deb) bytes"
    [[ $(dpkg-deb -f "$(server_deb)" Depends) =~ "postgresql-$(major) (>"[\>=]" $(major)"[.~] ]] ||
        die "the package takes any minor version of the server: $(dpkg-deb -f "$(server_deb)" Depends)"
    local exposure
    exposure=$(systemd-analyze security --offline=true "$(find "$clone/build/deb" -name pg-principal.service | head -n 1)" |
        sed -n 's/.*Overall exposure level.*: \([0-9.]*\) .*/\1/p')
    awk -v got="$exposure" 'BEGIN { exit !(got != "" && got <= 2.0) }' || die "systemd-analyze security: ${exposure:-nothing}"
    echo "systemd-analyze security: $exposure"
    local first
    first=$(sha256sum /srv/debs/*.deb)
    mv "$clone" /srv/elsewhere
    clone=/srv/elsewhere
    CCACHE_DISABLE=1 runs '\.deb$' make deb
    cp "$clone"/build/deb/*.deb /srv/debs/
    [ "$(sha256sum /srv/debs/*.deb)" = "$first" ] || die "built twice, and not the same"
}

# A machine that has never compiled anything, below /srv/NAME; what runs in it reads $clone as /srv/clone.
bare_root() { # NAME
    local home=/srv/$1
    mkdir -p "$home" && mount -t tmpfs -o mode=755 tmpfs "$home"
    mkdir -p "$home"/{upper/srv/clone,upper/srv/debs,upper/etc,work,root}
    cp /etc/resolv.conf "$home/upper/etc/"
    cp -r "$clone/tests" "$home/upper/srv/clone/"
    cp /srv/debs/*.deb "$home/upper/srv/debs/"
    mount -t overlay overlay -o "lowerdir=/srv/base,upperdir=$home/upper,workdir=$home/work" "$home/root"
    mount --rbind /dev "$home/root/dev"
    mount -t proc proc "$home/root/proc"
    mount -t tmpfs tmpfs "$home/root/run"
}
in_root() { # NAME SCRIPT: a name of this file's functions
    chroot "/srv/$1/root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
        bash -euo pipefail -c "$(declare -f die major as_postgres wanted main_job unit_command install_debs remove_debs before_upgrade after_upgrade); $2"
}

as_postgres() { setpriv --reuid=postgres --regid=postgres --init-groups -- env HOME=/var/lib/postgresql "$@"; }
wanted() { # WHAT GOT REGEX
    [[ $2 =~ $3 ]] || die "$1: '$2' is not /$3/"
    echo "ok - $1"
}

install_debs() {
    apt-get -q update
    apt-get -q -y install --no-install-recommends postgresql
    apt-get -q -y install --no-install-recommends "/srv/debs/postgresql-$(major)-pg-principal_"*.deb /srv/debs/pg-principal_*.deb 2>&1 | tee /srv/installed.log
    ! command -v g++ || die "a compiler came with it"
}

main_job() {
    local token
    pg_conftool "$(major)" main set shared_preload_libraries pg_principal
    pg_ctlcluster "$(major)" main restart
    as_postgres psql -qc "CREATE EXTENSION pg_principal" -c "CREATE ROLE app LOGIN; CREATE TABLE activity (owner_email text); GRANT SELECT ON activity TO app" \
        -c "INSERT INTO activity VALUES ('kata-agent-team@example.com'), ('somebody@example.com')" -c "SELECT auth.clamp('activity', 'owner_email')"
    as_postgres pg_principal keys create
    as_postgres pg_principal people push /srv/clone/tests/samples/story.terrain
    as_postgres pg_principal people provision
    token=$(as_postgres pg_principal auth issue --email kata-agent-team@example.com --output token)
    as_postgres psql -qc "GRANT authenticated TO app"
    ask() { as_postgres env PGOPTIONS="-c role=app -c pg_principal.token=$token" psql -XAtqc "$1" 2>&1 || true; }
    wanted "the agent sees its rows" "$(ask 'SELECT count(*), auth.email() FROM activity')" '^1\|kata-agent-team@example.com$'
    as_postgres pg_principal doctor # exit status 1 for an error
    as_postgres pg_principal auth ban --email kata-agent-team@example.com --reason leaked
    wanted "banned, it is refused" "$(ask 'SELECT count(*) FROM activity')" 'banned'
}

unit_command() { # as systemd would, without systemd
    local unit command pid
    unit=$(find /lib/systemd/system /usr/lib/systemd/system -name pg-principal.service | head -n 1)
    command=$(sed -n 's/^ExecStart=//p' "$unit")
    wanted "the user is made" "$(getent passwd principal_web)" '^principal_web:'
    as_postgres psql -qc 'CREATE ROLE principal_web LOGIN IN ROLE authenticator'
    # shellcheck disable=SC2046,SC2086 # words
    setpriv --reuid=principal_web --regid=principal_web --init-groups -- env -i $(grep -v '^#' /etc/pg-principal/serve.env) $command >/srv/serve.log 2>&1 &
    pid=$!
    for _ in $(seq 50); do
        (exec 3<>/dev/tcp/127.0.0.1/9999) 2>/dev/null && break
        sleep 0.2
    done
    exec 3<>/dev/tcp/127.0.0.1/9999
    printf 'GET /ready HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n' >&3
    wanted "the unit's command serves" "$(head -n 1 <&3)" ' 200 '
    exec 3<&-
    kill "$pid"
    wait "$pid" || true
}

remove_debs() {
    apt-get -q -y remove pg-principal "postgresql-$(major)-pg-principal"
    wanted "removed, the configuration stays" "$(ls /etc/pg-principal)" '^serve.env$'
    dpkg --purge pg-principal "postgresql-$(major)-pg-principal"
    wanted "purged, nothing is left" "$(find / -xdev \( -name '*pg_principal*' -o -name '*pg-principal*' \) -not -path '/srv/*' -not -path '/proc/*' -not -path '/var/log/*' -not -path '/var/lib/postgresql/*' -not -path '/var/cache/apt/*' 2>/dev/null)" '^$'
    pg_ctlcluster "$(major)" main stop || true
}

try_packages() {
    bare_root installed
    in_root installed 'install_debs; main_job; unit_command; remove_debs'
}

# 0.2.0 as it was installed before there were packages: its files, and a database with data.
before_upgrade() {
    apt-get -q update
    apt-get -q -y install --no-install-recommends postgresql libargon2-1 libcrypt1 libssl3 'libyaml-cpp0.*'
    tar -x -C / -f /srv/before-files.tar
    pg_conftool "$(major)" main set shared_preload_libraries pg_principal
    pg_ctlcluster "$(major)" main restart
    as_postgres psql -qc "CREATE EXTENSION pg_principal" -c "SELECT auth.create_signing_key()" \
        -c "SELECT auth.push_people('[{\"email\": \"etl@example.com\", \"name\": \"etl\", \"kind\": \"service_account\"}]')" -c "SELECT auth.provision()"
    as_postgres psql -XAtqc "SELECT auth.issue('etl@example.com')" >/srv/token
    as_postgres psql -XAtqc "SELECT pg_postmaster_start_time()" >/srv/started
}
after_upgrade() {
    local said
    wanted "the server was not restarted" "$(as_postgres psql -XAtqc "SELECT pg_postmaster_start_time()")" "^$(sed 's/[+.]/\\&/g' /srv/started)$"
    wanted "nor a database changed" "$(as_postgres psql -XAtqc "SELECT extversion FROM pg_extension WHERE extname = 'pg_principal'")" '^0.2.0$'
    pg_ctlcluster "$(major)" main restart
    as_postgres psql -qc "ALTER EXTENSION pg_principal UPDATE"
    wanted "a token of 0.2.0 goes on" "$(as_postgres env PGOPTIONS="-c pg_principal.token=$(cat /srv/token)" psql -XAtqc 'SELECT auth.email()')" '^etl@example.com$'
    wanted "the audit holds" "$(as_postgres psql -XAtqc 'SELECT count(*) > 0, (SELECT count(*) FROM auth.audit_verify()) FROM auth.audit_log')" '^t\|0$'
    as_postgres pg_principal doctor
    # The same package again: what an upgrade says.
    said=$(dpkg -i "/srv/debs/postgresql-$(major)-pg-principal_"*.deb)
    wanted "an upgrade says what to do" "$said" 'ALTER EXTENSION pg_principal UPDATE'
    pg_ctlcluster "$(major)" main stop
}

try_upgrade() {
    mkdir -p /srv/before && tar -x -C /srv/before -f /srv/before.tar
    (cd /srv/before && make -j4 install DESTDIR=/srv/before-files CXXFLAGS= && tar -c -C /srv/before-files -f /srv/before-files.tar .)
    bare_root upgraded
    cp /srv/before-files.tar /srv/upgraded/root/srv/
    in_root upgraded 'before_upgrade; install_debs; after_upgrade'
}
