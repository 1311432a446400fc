# shellcheck shell=bash
# shellcheck disable=SC2154 # pg_config and work are of cluster.sh
# Servers that tokens log in to, for tests, benchmarks and the demo; after cluster.sh.
#   login_possible             whether this machine can: prints why not
#   login_cluster DIR [setting=value..]   cluster_create, with the PAM service, TLS and pg_hba.conf
#   login_as TOKEN ROLE DATABASE STATEMENT..   over TLS; the last one's answer, or the error
# The service's file is seen by the servers alone: they are started in a mount namespace of their own.

login_possible() {
    local module
    module=$HARNESS_ROOT$("$pg_config" --pkglibdir)/pam_pg_principal.so
    if [ ! -f "$module" ]; then
        echo "pam_pg_principal.so is not built"
    elif [[ $("$pg_config" --configure) != *--with-pam* ]]; then
        echo "this PostgreSQL knows no PAM"
    elif [ ! -d /etc/pam.d ]; then
        echo "there is no /etc/pam.d"
    elif [ "$(id -u)" != 0 ] || ! unshare --mount true 2>/dev/null; then
        echo "only root can give a server a PAM service of its own"
    else
        login_services=$work/pam.d
        mkdir -p "$login_services"
        printf '%s required %s\n' auth "$module" account "$module" >"$login_services/pg_principal"
        # in place of cluster.sh's: what it starts sees our services in /etc/pam.d
        # shellcheck disable=SC2016,SC2317 # the inner shell's
        as_server() {
            HOME=/tmp unshare --mount -- bash -c 'mount --bind "$0" /etc/pam.d && exec setpriv --reuid=postgres --regid=postgres --init-groups -- "$@"' \
                "$login_services" "$@"
        }
        return 0
    fi
    return 1
}

login_cluster() { # DIR [setting=value..]
    local dir=$1
    shift
    LOGIN_PORT=$((20000 + RANDOM % 20000))
    cluster_create "$dir" listen_addresses=127.0.0.1 port="$LOGIN_PORT" ssl=on ssl_cert_file="$dir/server.crt" ssl_key_file="$dir/server.key" "$@" || return 1
    openssl req -new -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=localhost \
        -out "$dir/server.crt" -keyout "$dir/server.key" 2>/dev/null || return 1
    chmod 600 "$dir/server.key" && chown postgres: "$dir/server.key" "$dir/server.crt"
    cat >"$dir/data/pg_hba.conf" <<'HBA'
local   all          postgres,op             trust
local   replication  all                     pam pamservice=pg_principal
local   all          scram                   scram-sha-256
local   all          all                     pam pamservice=pg_principal
host    all          scram     127.0.0.1/32  scram-sha-256
host    all,replication  all   127.0.0.1/32  pam pamservice=pg_principal
HBA
}

login_as() { # TOKEN ROLE DATABASE STATEMENT..
    local token=$1 role=$2 database=$3 statements=()
    shift 3
    for statement in "$@"; do statements+=(-c "$statement"); done
    # the password itself is no part of any command line
    PGPASSWORD=$token PGSSLMODE=${LOGIN_SSLMODE-require} psql -XqAt -w -F ' ' -v ON_ERROR_STOP=1 -v VERBOSITY=verbose -h "${LOGIN_HOST-127.0.0.1}" -U "$role" -d "$database" "${statements[@]}" 2>&1
}
