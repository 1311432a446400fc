#!/bin/bash
# PgBouncer 1.18.0 (Debian 12): `pgbouncer -d` answers 0 before it listens, also when it then finds that it cannot.
#
# The process that was started ends as soon as its configuration is read and a child is there; the child opens sockets and writes the pid file
# afterwards. Of twenty good starts most came back before the socket was there. What goes wrong from then on (an address that is taken, a
# folder that is not there) is told in the log file alone, and by no status that anybody waits for. In the foreground the same start
# fails with status 1. Daemons usually let the first process wait until the service is there, as `pg_ctl -w start` does.
# Meets: scripts that say `pgbouncer -d pgbouncer.ini && psql ...`, and those that check its status; wait for the socket instead.
#
#   in the foreground: status 1
#   as a daemon: status 0
#   and its log: nowhere to listen on
# shellcheck source=findings/lib/find.sh
. "$(dirname "$0")/lib/find.sh"

debian pgbouncer=1.18.0-1+deb12u1
as_user=() # it refuses to run as root
if [ "$(id -u)" = 0 ]; then
    need setpriv
    as_user=(setpriv --reuid=nobody --regid=nogroup --clear-groups)
    chmod 755 "$work"
    mkdir "$work/log" && chown nobody "$work/log"
else
    mkdir "$work/log"
fi
cat >"$work/pgbouncer.ini" <<END
[databases]
[pgbouncer]
listen_addr =
unix_socket_dir = $work/nowhere
pidfile = $work/log/pid
logfile = $work/log/log
auth_type = any
END
pgbouncer() { timeout 10 "${as_user[@]}" "$work/root/usr/sbin/pgbouncer" -q "$@" "$work/pgbouncer.ini" >&2 && echo "status $?" || echo "status $?"; }
{
    echo "in the foreground: $(pgbouncer)"
    rm -f "$work/log/log"
    echo "as a daemon: $(pgbouncer -d)"
    for _ in {1..50}; do
        ! grep -qs FATAL "$work/log/log" || break
        sleep 0.1
    done
    echo "and its log: $(sed -n 's/.*FATAL //p' "$work/log/log")"
} | expect "in the foreground: status 1
as a daemon: status 0
and its log: nowhere to listen on"
