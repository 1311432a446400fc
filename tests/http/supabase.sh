#!/bin/bash
# Supabase Auth's dialect of `pg_principal serve`: raw requests, every route against every caller, and its own
# clients from npm, on a database with the extension, by a login role that is a member of authenticator only.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/harness/cluster.sh
. tests/harness/cluster.sh
# shellcheck source=tests/harness/tap.sh
. tests/harness/tap.sh

dir=$work/supabase
master_key "$work/master_key" || exit 1
cluster_create "$dir" fsync=off pg_principal.master_key_file="$work/master_key" || exit 1
cluster_start "$dir" || exit 1
psql -Xq -v ON_ERROR_STOP=1 <<'END' >/dev/null || exit 1
CREATE EXTENSION pg_principal;
CREATE ROLE web LOGIN IN ROLE authenticator;
SELECT auth.create_signing_key('ES256');
END
pg_ctl="cd '$dir' && $( [ "$(id -u)" != 0 ] || echo HOME=/tmp setpriv --reuid=postgres --regid=postgres --init-groups --)"
pg_ctl+=" '$PG_BIN/pg_ctl' -s -w -t 60 -D '$dir/data' -l '$dir/log'"
export DB_STOP="$pg_ctl -m fast stop" DB_START="$pg_ctl start"
export HTTP_SERVER="$PG_PRINCIPAL serve" HTTP_USER=web PYTHONDONTWRITEBYTECODE=1 ACCESS_LOG=$dir/access SERVER_ERRORS=$dir/errors

for test in supabase_wire supabase_admin supabase_status supabase_callers supabase_clients; do
    timeout 200 python3 "tests/http/$test.py" </dev/null || echo "not ok - tests/http/$test.py ended with status $?"
done
tells_nothing "what the dialect leaves behind" "$dir/log" "$dir/access" "$dir/errors"
