#!/bin/bash
# The HTTP engine over real sockets and a database of its own, with the handlers of demo_server.cpp.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/harness/cluster.sh
. tests/harness/cluster.sh

dir=$work/engine
cluster_create "$dir" fsync=off || exit 1
cluster_start "$dir" || exit 1
pg_ctl="cd '$dir' && $( [ "$(id -u)" != 0 ] || echo HOME=/tmp setpriv --reuid=postgres --regid=postgres --init-groups --)"
pg_ctl+=" '$PG_BIN/pg_ctl' -s -w -t 60 -D '$dir/data' -l '$dir/log'"
export DB_STOP="$pg_ctl -m fast stop" DB_START="$pg_ctl start" PYTHONDONTWRITEBYTECODE=1
ulimit -n "$(ulimit -Hn)"

for test in framing clients service tls stop database; do
    timeout 120 python3 "tests/http/$test.py" </dev/null || echo "not ok - tests/http/$test.py ended with status $?"
done
