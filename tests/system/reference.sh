#!/bin/bash
# docs/reference.md is what the comments of the extension say, and each thing has one.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/harness/cluster.sh
. tests/harness/cluster.sh
# shellcheck source=tests/harness/tap.sh
. tests/harness/tap.sh

dir=$work/reference made=build/results/reference.md
cluster_create "$dir" fsync=off || exit 1
cluster_start "$dir" || exit 1
psql -Xq -v ON_ERROR_STOP=1 -c "CREATE EXTENSION pg_principal" -c "CREATE SCHEMA jwt" -c "CREATE EXTENSION pg_principal_pgjwt SCHEMA jwt"
psql -XAtq -v ON_ERROR_STOP=1 -f tests/harness/reference.sql | cat -s >"$made"
is "docs/reference.md is up to date (if this is meant: cp $made docs/reference.md)" "$(cat docs/reference.md)" "$(cat "$made")"
is "everything has a comment" "$(grep -c '(no comment)' "$made")" 0
# the first word of each entry that our functions write
names=$(cat sql/modules/*.sql | tr -s ' \n' ' ' | grep -oE "\\{\"[A-Za-z]+\": \\{\"previous\"|jsonb_build_object\\( ?'[A-Za-z]+', jsonb_build_object\\( ?'previous'" |
    sed -E "s/^(\\{\"|jsonb_build_object\\( ?')([A-Za-z]+).*/\\2/" | sort -u)
like "names of audit entries are found" "${names//$'\n'/ }" 'assertion.*trustedIssuer'
is "docs/audit.md has each of them" "$(for name in $names; do grep -q "\`${name}[\`:]" docs/audit.md || echo "$name"; done)" ""
cluster_stop "$dir" fast
