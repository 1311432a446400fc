#!/bin/bash
# Whoever has added one person at a time all day, and then loads the roster: no plan of the small statements compares each
# row with each. Told by the rows that each node of each plan has looked at.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/harness/cluster.sh
. tests/harness/cluster.sh
# shellcheck source=tests/harness/tap.sh
. tests/harness/tap.sh

if [ -z "${HARNESS_ROOT-}" ]; then
    echo "run by: make test ONLY=system"
    exit 2
fi
dir=$work/bulk
people=400
cluster_create "$dir" fsync=off || exit 1
cluster_start "$dir" || exit 1
psql -Xq -v ON_ERROR_STOP=1 -c "CREATE EXTENSION pg_principal" -c "SELECT auth.create_signing_key()" >"$dir/out" 2>&1 || exit 1
{
    # seven times: PL/pgSQL's plans are for any parameters from the sixth on; once more, since new statistics end them
    for after in '' '' '' '' '' '' 'VACUUM ANALYZE;' ''; do echo '\set a 1
\set b 2
\i tests/system/bulk.sql
'"$after"; done
    # what takes less than two milliseconds has not looked at a hundred thousand rows
    echo "LOAD 'auto_explain';
        SET auto_explain.log_min_duration = 2;
        SET auto_explain.log_nested_statements = on;
        SET auto_explain.log_analyze = on;
        SET auto_explain.log_timing = off;
        SET auto_explain.log_format = json;
        SET client_min_messages = log;
\\set b $people
\\i tests/system/bulk.sql"
} >"$dir/script"
psql -Xq -v ON_ERROR_STOP=1 -f "$dir/script" >"$dir/out" 2>"$dir/plans"
is "people come, go, return and are renamed two by two, and then $people at once" $? 0
python3 tests/system/bulk.py "$people" <"$dir/plans"
