#!/bin/bash
# `pg_principal serve` where it stands in real life: behind nginx, before pgbouncer, before a primary with
# a standby that takes over, with a database that goes away.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/harness/cluster.sh
. tests/harness/cluster.sh
# shellcheck source=tests/harness/pooler.sh
. tests/harness/pooler.sh

primary=$work/primary standby=$work/standby front=$work/front
cluster_create "$primary" fsync=off max_wal_senders=4 || exit 1
cluster_start "$primary" || exit 1
primary_port=$PGPORT
psql -Xq -v ON_ERROR_STOP=1 <<'END' >/dev/null || exit 1
CREATE EXTENSION pg_principal;
CREATE ROLE web LOGIN IN ROLE authenticator;
SELECT auth.create_signing_key('ES256');
END
mkdir -p "$standby" "$front" && chmod 700 "$standby" "$front"
[ "$(id -u)" != 0 ] || chown postgres: "$standby" "$front"
(cd "$standby" && as_server "$PG_BIN/pg_basebackup" -h "$primary" -p "$PGPORT" -U postgres -D "$standby/data" -R -c fast) || exit 1
cluster_set "$standby" unix_socket_directories="$standby" hot_standby=on
cluster_start "$standby" || exit 1
standby_port=$PGPORT
cluster_use "$primary"

# Two pools of one pooler; fewer connections than the server has, so that they are handed around.
as_server tee "$front/pgbouncer.ini" >/dev/null <<END
[databases]
transaction = host=$primary port=$primary_port dbname=postgres user=web pool_mode=transaction pool_size=2
session = host=$primary port=$primary_port dbname=postgres user=web pool_mode=session pool_size=4
[pgbouncer]
unix_socket_dir = $front
listen_port = $primary_port
auth_type = any
ignore_startup_parameters = options
logfile = $front/pgbouncer.log
pidfile = $front/pgbouncer.pid
END
pgbouncer_start "$front/pgbouncer.ini" || echo "not ok - pgbouncer does not start"
at_exit() { pgbouncer_stop "$front/pgbouncer.ini"; }

as_owner=
[ "$(id -u)" != 0 ] || as_owner="HOME=/tmp setpriv --reuid=postgres --regid=postgres --init-groups --"
pg_ctl() { echo "cd '$1' && $as_owner '$PG_BIN/pg_ctl' -s -w -t 60 -D '$1/data' -l '$1/log'"; }
DB_STOP="$(pg_ctl "$primary") -m fast stop" DB_START="$(pg_ctl "$primary") start" DB_PROMOTE="$(pg_ctl "$standby") promote"
AS_SERVER=$as_owner FRONT=$front
FAILOVER_DSN="host=$primary,$standby port=$primary_port,$standby_port dbname=postgres user=web target_session_attrs=read-write"
POOLER="host=$front port=$primary_port user=web"
export DB_STOP DB_START DB_PROMOTE AS_SERVER FRONT FAILOVER_DSN POOLER
export HTTP_SERVER="$PG_PRINCIPAL serve" HTTP_USER=web PYTHONDONTWRITEBYTECODE=1

timeout 200 python3 tests/http/fronts.py </dev/null || echo "not ok - tests/http/fronts.py ended with status $?"
