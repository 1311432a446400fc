#!/bin/bash
# SOAK_SECONDS of clients, restarts and kills, see tests/http/soak.py.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/harness/cluster.sh
. tests/harness/cluster.sh

dir=$work/soak
cluster_create "$dir" fsync=off || exit 1
cluster_start "$dir" || exit 1
# A client that was not answered has as long as a slow machine needs to start its database.
psql -Xq -v ON_ERROR_STOP=1 <<'END' >/dev/null || exit 1
CREATE EXTENSION pg_principal;
CREATE ROLE web LOGIN IN ROLE authenticator;
ALTER ROLE web SET pg_principal.refresh_reuse_interval = '2min';
SELECT auth.create_signing_key('ES256');
END
pg_ctl="cd '$dir' && $( [ "$(id -u)" != 0 ] || echo HOME=/tmp setpriv --reuid=postgres --regid=postgres --init-groups --)"
pg_ctl+=" '$PG_BIN/pg_ctl' -s -w -t 60 -D '$dir/data' -l '$dir/log'"
export DB_DIR=$dir DB_STOP="$pg_ctl -m fast stop" DB_START="$pg_ctl start"
export HTTP_SERVER="$PG_PRINCIPAL serve" HTTP_USER=web PYTHONPATH=tests/http PYTHONDONTWRITEBYTECODE=1

seconds=${SOAK_SECONDS:-60}
SOAK_SECONDS=$seconds timeout $((${seconds%.*} + 200)) python3 tests/http/soak.py </dev/null ||
    echo "not ok - tests/http/soak.py ended with status $?"
