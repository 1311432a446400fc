# shellcheck shell=bash
# What the caller's environment may not change: sourced first by packages.sh and cluster.sh, and so by every test.
# Then $pg_config is the PostgreSQL that is built for and used; find_pg_config says which.

# Messages in English and bytewise order, in a locale that each glibc has; psql's wrapper of Debian warns of a missing one.
clean_environment() {
    local variable proxy
    export LC_ALL=C.UTF-8 # first: bash warns of the others as it takes them away
    for variable in $(compgen -e); do
        case $variable in
        PG_CONFIG | LC_ALL) ;;
        PG* | LC_* | LANG | LANGUAGE) unset "$variable" ;; # libpq has 40 of them, psql and Debian's pg_wrapper more
        MAKEFLAGS | MFLAGS | MAKELEVEL | MAKEOVERRIDES) unset "$variable" ;;
        CDPATH | BASH_ENV | ENV | GREP_OPTIONS | POSIXLY_CORRECT) unset "$variable" ;;
        esac
    done
    PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin # dpkg's tools and nginx, which a user's path lacks
    export PATH PSQLRC=/dev/null PSQL_HISTORY=/dev/null
    # What listens here is asked directly.
    proxy=${http_proxy-}${HTTP_PROXY-}${https_proxy-}${HTTPS_PROXY-}${all_proxy-}${ALL_PROXY-}
    for variable in no_proxy NO_PROXY; do
        [ -z "$proxy" ] || [[ ,${!variable-}, == *,127.0.0.1,* ]] ||
            export "$variable=${!variable:+${!variable},}localhost,127.0.0.1,::1"
    done
}
# A test that another script started is led to its server by these variables.
[ -n "${HARNESS_ROOT-}" ] || clean_environment
umask 022

oldest_major=15

pg_major() { "$1" --version 2>/dev/null | sed -n 's/^PostgreSQL \([0-9]*\).*/\1/p'; }

# Debian ships pgxs.mk and pg_config with the client, the headers and the server each apart from it.
has_headers() { [ -f "$("$1" --pgxs 2>/dev/null)" ] && [ -f "$("$1" --includedir-server 2>/dev/null)/postgres.h" ]; }

has_server() { [[ $("$("$1" --bindir 2>/dev/null)/postgres" --version 2>/dev/null) == "postgres (PostgreSQL) $(pg_major "$1")"* ]]; }

# How a server finds an extension that is not installed: PostgreSQL 18 has a search path, Debian's older ones a prefix.
extension_setting() {
    "$("$1" --bindir)/postgres" --describe-config | cut -f 1 |
        grep -xE -m 1 'extension_control_path|extension_destdir' ||
        [ -f "$("$1" --pkglibdir)/pg_principal.so" ]
}

serves() { # PG_CONFIG: it has all that the harness needs
    local major
    major=$(pg_major "$1")
    [ "${major:-0}" -ge "$oldest_major" ] && has_headers "$1" && has_server "$1" && extension_setting "$1" >/dev/null
}

# PG_CONFIG when it is given; else the first of PATH that has a server and its headers, else Debian's newest that has.
find_pg_config() {
    local candidate
    if [ -n "${PG_CONFIG:-}" ]; then
        echo "$PG_CONFIG"
        return
    fi
    while IFS= read -r candidate; do
        if serves "$candidate"; then
            echo "$candidate"
            return
        fi
    done < <(type -ap pg_config; printf '%s\n' /usr/lib/postgresql/*/bin/pg_config | sort -rV)
    return 1
}
