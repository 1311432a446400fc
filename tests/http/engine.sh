#!/bin/bash
# The HTTP server over real sockets and a database of its own, with the handlers of demo_server.cpp.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/harness/cluster.sh
. tests/harness/cluster.sh
# shellcheck source=tests/harness/pooler.sh
. tests/harness/pooler.sh

dir=$work/engine
cluster_create "$dir" fsync=off || exit 1
cluster_start "$dir" || exit 1
# nginx for those that stand behind it
as_owner=
[ "$(id -u)" != 0 ] || as_owner="HOME=/tmp setpriv --reuid=postgres --regid=postgres --init-groups --"
mkdir "$work/front" && chmod 777 "$work/front"
export FRONT=$work/front AS_SERVER=$as_owner
pg_ctl="cd '$dir' && $as_owner"
pg_ctl+=" '$PG_BIN/pg_ctl' -s -w -t 60 -D '$dir/data' -l '$dir/log'"
export DB_STOP="$pg_ctl -m fast stop" DB_START="$pg_ctl start" PYTHONDONTWRITEBYTECODE=1

# A pooler whose connections are shared by all, so that a statement prepared by one is missed.
pooler=$dir/pooler
as_server mkdir "$pooler"
as_server tee "$pooler/ini" >/dev/null <<END
[databases]
* = host=$dir port=$PGPORT user=postgres
[pgbouncer]
unix_socket_dir = $pooler
listen_port = $PGPORT
auth_type = any
pool_mode = transaction
default_pool_size = 2
logfile = $pooler/log
pidfile = $pooler/pid
END
pgbouncer_start "$pooler/ini" || echo "not ok - pgbouncer does not start"
export POOLER_DSN="host=$pooler port=$PGPORT dbname=postgres user=postgres"
at_exit() { pgbouncer_stop "$pooler/ini"; }

ulimit -n "$(ulimit -Hn)"

for test in ${ENGINE_TESTS:-framing service tls stop database}; do
    timeout 300 python3 "tests/http/$test.py" </dev/null || echo "not ok - tests/http/$test.py ended with status $?"
done
