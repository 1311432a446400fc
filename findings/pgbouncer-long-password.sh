#!/bin/bash
# PgBouncer 1.18.0 (Debian 12): a password of 2,048 octets in auth_file, and that user and everybody below are unknown, also in a pooler that runs.
#
# Where access tokens are passwords (IAM of the clouds, PAM modules that verify tokens), auth_file has the one by which PgBouncer logs in to the server, and a
# program writes it anew before it ends. A token with a group or two more has 2,048 octets and more. PgBouncer reads no further then: "password too long
# in auth file" is in the log, once, without line or user. It goes on with those above; those below, whose lines nobody touched and who were let
# in a moment before, are refused with "password authentication failed", and so is the old password of that user. So the rotation of one service's token
# locks out others, by their place in the file, at RELOAD or SIGHUP; a pooler that starts with such a file starts. The manual has the file's format and no length.
# pgbouncer/pgbouncer#183 made it longer (more than 64 octets were cut), #26 tells of lines after one that cannot be read; of this we found no issue.
# Way out: tokens with few claims; what may grow comes last in the file; watch the log for "auth file".
#
#   started with 2047 octets for bob: ann in, bob in, cyd in
#   2048 octets for bob, after SIGHUP: ann in, bob refused, cyd refused; with the old password bob refused
#   started with that file: ann in, bob refused, cyd refused
#   2047 octets for bob, after SIGHUP: ann in, bob in, cyd in
#   the log: ERROR password too long in auth file
# shellcheck source=findings/lib/postgresql.sh
. "$(dirname "$0")/lib/postgresql.sh"

debian pgbouncer=1.18.0-1+deb12u1
serve_postgresql -c listen_addresses=
run psql -Xq -c "CREATE ROLE ann LOGIN" -c "CREATE ROLE bob LOGIN" -c "CREATE ROLE cyd LOGIN" >&2 || not_tried "psql"
of_length() { printf "%$1s" '' | tr ' ' x; }
let_in() { # ROLE PASSWORD
    if [ "$(PGPASSWORD=$2 run psql -XAt -p 6432 -U "$1" -c "SELECT current_user" 2>"$work/refused")" = "$1" ]; then
        echo "$1 in"
    elif grep -q "password authentication failed" "$work/refused"; then
        echo "$1 refused"
    else
        cat "$work/refused"
    fi
}
all() { echo "$(let_in ann "$1"), $(let_in bob "$2"), $(let_in cyd same)"; }
write() { # ANNS BOBS
    printf '"%s" "%s"\n' ann "$1" bob "$2" cyd same >"$work/users"
}
reload() { # ANNS: until her new password counts, which comes first in the file
    kill -HUP "$pooler"
    for _ in {1..50}; do
        [ "$(let_in ann "$1")" != "ann in" ] || return 0
        sleep 0.1
    done
}
start_pooler() {
    (cd "$work" && exec timeout 120 "${as_user[@]}" "$work/root/usr/sbin/pgbouncer" "$work/pgbouncer.ini") 2>>"$work/pgbouncer.log" &
    pooler=$!
    server_pid="$server_pid $pooler"
    for _ in {1..100}; do
        [ ! -S "$work/.s.PGSQL.6432" ] || return 0
        sleep 0.1
    done
    not_tried "pgbouncer does not start"
}

cat >"$work/pgbouncer.ini" <<END
[databases]
postgres = host=$work port=$PGPORT
[pgbouncer]
listen_addr =
unix_socket_dir = $work
listen_port = 6432
auth_type = plain
auth_file = $work/users
END
fits=$(of_length 2047) longer=$(of_length 2048)
write first "$fits"
chmod 644 "$work/pgbouncer.ini" "$work/users"
start_pooler
{
    echo "started with 2047 octets for bob: $(all first "$fits")"
    write second "$longer"
    reload second
    echo "2048 octets for bob, after SIGHUP: $(all second "$longer"); with the old password $(let_in bob "$fits")"
    kill "$pooler"
    for _ in {1..50}; do
        [ -S "$work/.s.PGSQL.6432" ] || break
        sleep 0.1
    done
    start_pooler
    echo "started with that file: $(all second "$longer")"
    write third "$fits"
    reload third
    echo "2047 octets for bob, after SIGHUP: $(all third "$fits")"
    echo "the log: $(grep -o "ERROR password too long in auth file.*" "$work/pgbouncer.log" | sort -u)"
    kill "$pooler"
} | expect "started with 2047 octets for bob: ann in, bob in, cyd in
2048 octets for bob, after SIGHUP: ann in, bob refused, cyd refused; with the old password bob refused
started with that file: ann in, bob refused, cyd refused
2047 octets for bob, after SIGHUP: ann in, bob in, cyd in
the log: ERROR password too long in auth file"
