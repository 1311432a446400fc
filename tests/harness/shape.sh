#!/bin/bash
# The shapes of fresh machines that fresh.sh tries.
#   shape.sh list          their names
#   shape.sh base SHAPE    `bare`: nothing but make; `ready`: what both commands installed, without a network; `connected`: with one
#   shape.sh try SHAPE     in such a root, with the clone in /srv/clone: the last line says what came out
set -eu
bare=(bare libpq-dev client-only server-no-headers headers-no-server sudo-user no-sudo readme-install no-such-package packages)
ready=(other-server other-pg_config lang-unset lang-C lang-missing lc-ctype-UTF-8 turkish proxy noexec-tmp noexec-clone
    every-variable odd-path home-of-root no-npm user-without-sudo)

case ${1-} in
list) printf '%s\n' "${bare[@]}" "${ready[@]}" && exit ;;
base)
    case " ${bare[*]} " in
    *" $2 "*) echo bare ;;
    *) [ "$2" = turkish ] && echo connected || echo ready ;;
    esac
    exit
    ;;
try) shape=$2 ;;
*) sed -n '2,/^[^#]/s/^# //p' "$0" >&2 && exit 2 ;;
esac

clone=/srv/clone
export CCACHE_DIR=/srv/ccache CCACHE_NOHASHDIR=1 CCACHE_UMASK=000 PATH=/usr/lib/ccache:$PATH DEBIAN_FRONTEND=noninteractive
export CCACHE_BASEDIR=$clone CCACHE_COMPILERCHECK=content CCACHE_SLOPPINESS=locale

die() {
    echo "$*"
    exit 1
}

get() { # PACKAGE..: as somebody installed them before
    apt-get -q update && apt-get -q -y install --no-install-recommends "$@"
}
major() { apt-cache show --no-all-versions postgresql | sed -n 's/^Depends:.*postgresql-\([0-9]*\).*/\1/p' | head -n 1; }

as=() # whoever calls the commands
runs() { # COMMAND..: it succeeds and prints what it should, and nobody warns of a locale
    local log wanted=$1
    shift
    log=$(mktemp -p /srv)
    echo "== $*"
    (cd "$clone" && "${as[@]}" "$@") </dev/null 2>&1 | tee "$log"
    [ "${PIPESTATUS[0]}" = 0 ] || die "$* failed: $(grep -vE '^make' "$log" | tail -n 1)"
    grep -qE "$wanted" "$log" || die "$*: no line like $wanted"
    ! grep -iE 'setlocale|locale failed|cannot change locale' "$log" || die "$*: a warning of the locale"
    rm -f "$log"
}
both() { # VARIABLE=VALUE..: both commands
    runs '^All steps came out as they should' env "$@" make run ONCE=1
    runs '^[1-9][0-9]* passed, 0 failed' env "$@" make test ONLY=cli TESTS=issue
    local left
    left=$({ ls -d "$clone/.run"; ls "$clone/build/test"; ls -d /tmp/pg_principal*; } 2>/dev/null | paste -sd ' ')
    [ -z "$left" ] || die "left behind: $left"
    echo "make run and make test"
}
user() { # makes the ordinary user `dev`, whose home is theirs alone, and moves the clone there
    useradd -m -s /bin/bash dev
    chmod 700 /home/dev
    mv "$clone" /home/dev/clone
    chown -R dev: /home/dev/clone
    clone=/home/dev/clone
    as=(setpriv --reuid=dev --regid=dev --init-groups -- env HOME=/home/dev USER=dev)
    chmod 777 /srv
}
refuses() { # REGEX COMMAND..: one clear line says why
    local wanted=$1 said
    shift
    ! said=$(cd "$clone" && "${as[@]}" "$@" 2>&1 </dev/null) || die "$* succeeded"
    printf '%s\n' "$said"
    [[ $(grep -v '^make' <<<"$said" | tail -n 1) =~ $wanted ]] || die "$*: no line like $wanted"
    echo "says: $(grep -v '^make' <<<"$said" | tail -n 1)"
}

case $shape in
bare)
    both
    if [ -n "${FULL-}" ] && [ "$FULL" != 0 ]; then
        runs '^[1-9][0-9]* passed, 0 failed' make test
        (cd "$clone" && tail -n 1 build/results/*.log) || true
    fi
    ;;
libpq-dev) get libpq-dev && both ;;
client-only) get "postgresql-client" && both ;;
server-no-headers)
    get libpq-dev && get "postgresql-$(major)" && both
    ;;
headers-no-server) get postgresql-server-dev-all && both ;;
sudo-user)
    get sudo && user
    echo 'dev ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/dev
    both
    ;;
no-sudo)
    user
    refuses '^packages.sh: missing packages: .*postgresql( |-[0-9]).*: run as root, or install' make run ONCE=1
    apt-get -q update
    refuses "^packages.sh: missing packages: .*postgresql-$(major) postgresql-server-dev-$(major).*: run as root, or install" make test
    ;;
no-such-package)
    printf 'Package: libargon2-dev\nPin: version *\nPin-Priority: -1\n' >/etc/apt/preferences.d/none
    refuses '^packages.sh: apt-get cannot install .*libargon2-dev' make run ONCE=1
    ;;
readme-install) # a server of one's own, then what README says, word for word
    get sudo postgresql
    pg_ctlcluster "$(major)" main start
    user
    echo 'dev ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/dev
    echo 'APT::Get::Assume-Yes "true";' >/etc/apt/apt.conf.d/yes # the answer that a person types
    sed -n '/^## Install/,/^```$/{/^```/d;/^## /d;p}' "$clone/README.md" >/srv/install
    grep -q 'make install' /srv/install || die "README has no line of installation"
    runs . bash -eux /srv/install
    setting=$(sed -n "s/^shared_preload_libraries = '\(.*\)'$/\1/p" "$clone/README.md" | head -n 1)
    pg_conftool "$(major)" main set shared_preload_libraries "$setting"
    pg_ctlcluster "$(major)" main restart
    as=(setpriv --reuid=postgres --regid=postgres --init-groups -- env HOME=/var/lib/postgresql)
    clone=/
    runs 'CREATE EXTENSION' psql -c 'CREATE EXTENSION pg_principal'
    runs '^pg_principal [0-9]' pg_principal --version
    runs . pg_principal keys create
    [ -f "/usr/lib/postgresql/$(major)/lib/pam_pg_principal.so" ] || die "README's line lacks a package: the PAM module was not built"
    [ "$(stat -c %s /usr/local/bin/pg_principal)" -lt 6000000 ] || die "the command is not stripped"
    pg_ctlcluster "$(major)" main stop
    echo "README's section Install, CREATE EXTENSION, pg_principal on PATH"
    ;;
packages) # `make deb`, and what came out on machines without a compiler
    # shellcheck source=tests/harness/packages_shape.sh
    . "$clone/tests/harness/packages_shape.sh"
    build_packages
    try_packages
    try_upgrade
    echo "packages: built twice alike, lintian, installed, used, upgraded from 0.2.0, removed"
    ;;

other-server) # on the usual port, of the cluster that Debian makes
    pg_createcluster "$(ls /usr/lib/postgresql)" main --start
    both
    pg_ctlcluster "$(ls /usr/lib/postgresql)" main stop
    ;;
other-pg_config) # of another major, with headers that are not this one's, first in PATH
    mkdir -p /opt/other/bin /opt/other/include/server /opt/other/lib/pgxs/src/makefiles
    cat >/opt/other/bin/pg_config <<'END'
#!/bin/sh
case $1 in
--version) echo PostgreSQL 16.3 ;;
--pgxs) echo /opt/other/lib/pgxs/src/makefiles/pgxs.mk ;;
--includedir-server) echo /opt/other/include/server ;;
--*) echo "/opt/other/$(echo "$1" | tr -d -)" ;;
esac
END
    chmod 755 /opt/other/bin/pg_config
    echo '#error another PostgreSQL' >/opt/other/include/server/postgres.h
    echo '$(error another PostgreSQL)' >/opt/other/lib/pgxs/src/makefiles/pgxs.mk
    PATH=/opt/other/bin:$PATH
    refuses '^packages.sh: PG_CONFIG=/opt/other/bin/pg_config has no server' make run PG_CONFIG=/opt/other/bin/pg_config
    both
    ;;
lang-unset) both -u LANG -u LC_ALL ;;
lang-C) both LANG=C LC_ALL=C ;;
lang-missing)
    both LANG=de_DE.UTF-8 LANGUAGE=de:en LC_TIME=fr_FR.UTF-8
    both LC_ALL=xx_YY.UTF-8
    ;;
lc-ctype-UTF-8) both LC_CTYPE=UTF-8 ;;
turkish) # with the locale there, and psql's messages translated
    get locales
    localedef -i tr_TR -f UTF-8 tr_TR.UTF-8
    both LC_ALL=tr_TR.UTF-8 LANGUAGE=tr
    ;;
proxy) both http_proxy=http://127.0.0.1:9 https_proxy=http://127.0.0.1:9 HTTP_PROXY=http://127.0.0.1:9 ALL_PROXY=http://127.0.0.1:9 ;;
noexec-tmp)
    mount -o remount,noexec /tmp
    both
    ;;
home-of-root) # where the server's user reaches nothing, nor may run anything in /tmp
    mount -o remount,noexec /tmp
    mv "$clone" /root/clone && chmod 700 /root
    clone=/root/clone
    both
    ;;
noexec-clone)
    mount --bind "$clone" "$clone" && mount -o remount,bind,noexec "$clone"
    both
    ;;
every-variable) # that libpq, psql and the C library read: what would lead elsewhere, or refuse
    mapfile -t variables < <(sed -n 's/^\(PG[A-Z]*\)=.*/&/p' <<'END'
PGHOST=127.0.0.2
PGHOSTADDR=127.0.0.2
PGPORT=1
PGDATABASE=none
PGUSER=nobody
PGPASSWORD=wrong
PGPASSFILE=/none
PGSERVICE=none
PGSERVICEFILE=/none
PGSYSCONFDIR=/none
PGOPTIONS=-c search_path=none
PGAPPNAME=none
PGSSLMODE=verify-full
PGREQUIRESSL=1
PGSSLNEGOTIATION=direct
PGSSLCOMPRESSION=1
PGSSLCERT=/none
PGSSLKEY=/none
PGSSLROOTCERT=/none
PGSSLCRL=/none
PGSSLCRLDIR=/none
PGSSLSNI=0
PGSSLMINPROTOCOLVERSION=TLSv1.3
PGSSLMAXPROTOCOLVERSION=TLSv1.3
PGREQUIREPEER=nobody
PGREQUIREAUTH=gss
PGCHANNELBINDING=require
PGGSSENCMODE=require
PGGSSLIB=gssapi
PGGSSDELEGATION=1
PGKRBSRVNAME=none
PGCONNECT_TIMEOUT=1
PGCLIENTENCODING=LATIN5
PGDATESTYLE=German
PGTZ=Asia/Tokyo
PGGEQO=off
PGTARGETSESSIONATTRS=standby
PGLOADBALANCEHOSTS=random
PGLOCALEDIR=/none
PGDATA=/none
PGCLUSTER=9.1/none
PGCTLTIMEOUT=1
END
    )
    both "${variables[@]}" PG_COLOR=always PSQL_PAGER=false PAGER=false PSQLRC=/etc/passwd TZ=Asia/Tokyo POSIXLY_CORRECT=1 CDPATH=/srv:/ \
        LC_MESSAGES=xx LC_COLLATE=xx LC_NUMERIC=xx LC_TIME=xx LC_MONETARY=xx LC_CTYPE=xx LANG=xx LANGUAGE=tr MAKEFLAGS=-j3
    ;;
odd-path)
    for path in "it's here" 'with "quotes"' 'a $x & (b); c#d' 'é:ü=%s~'; do
        mv "$clone" "/srv/$path"
        clone=/srv/$path
        rm -rf "$clone/build"
        both
    done
    ;;
no-npm) # nor may it be had: what needs it is skipped, in words
    apt-get -q -y purge npm nodejs >/dev/null 2>&1 # with what needs them
    printf 'Package: npm nodejs\nPin: version *\nPin-Priority: -1\n' >/etc/apt/preferences.d/none
    both
    runs 'skipped: npm jose: there is no npm' make test ONLY=cli TESTS=jose_interop
    ;;
user-without-sudo) # nothing is missing, so nobody is asked
    user
    both
    ;;
*) die "there is no shape $shape" ;;
esac
