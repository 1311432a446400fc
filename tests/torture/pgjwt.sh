#!/bin/bash
# All that tests/sql/pgjwt.sql compares a part of: pg_principal_pgjwt and the same steps over pgcrypto.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/harness/cluster.sh
. tests/harness/cluster.sh
# shellcheck source=tests/harness/tap.sh
. tests/harness/tap.sh

if [ -z "${HARNESS_ROOT-}" ]; then
    echo "run by: make torture"
    exit 2
fi
dir=$work/pgjwt
cluster_create "$dir" fsync=off || exit 1
cluster_start "$dir" || exit 1
export PG_ABS_SRCDIR=$PWD/tests
for encoding in LATIN1 UTF8; do
    createdb -T template0 -E "$encoding" -l C "compared_$encoding"
    psql -Xq -d "compared_$encoding" -v ON_ERROR_STOP=1 -v sample=11 -f tests/sql/include/pgjwt_compare.sql >"$dir/out" 2>&1
    is "in $encoding it runs to its end" "$?" 0
    is "and everything is the same" "$(psql -XqAt -d "compared_$encoding" -c "SELECT count(*) > 20000, count(*) FILTER (WHERE old IS DISTINCT FROM new) FROM outcomes")" "t|0"
    grep -E '^ [a-z_]+(:|  )' "$dir/out"
done
