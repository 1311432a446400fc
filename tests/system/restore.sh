#!/bin/bash
# A database with something of everything, sealed under a master key, dumped plain, custom and in parallel and restored into
# an empty cluster: everything goes on from where it was, and the restore itself leaves no trace.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/harness/cluster.sh
. tests/harness/cluster.sh
# shellcheck source=tests/harness/tap.sh
. tests/harness/tap.sh
# shellcheck source=tests/harness/fixture.sh
. tests/harness/fixture.sh

dir=$work/before
mkdir -p "$dir" && chmod 755 "$work"
master_key "$work/master_key" || exit 1
settings=(fsync=off shared_preload_libraries=pg_principal pg_principal.refresh_reuse_interval=3600 pg_principal.master_key_file="$work/master_key")
cluster_create "$dir" "${settings[@]}" || exit 1
cluster_start "$dir" || exit 1
fixture_roles
createdb before
sql before "CREATE EXTENSION pg_principal" >/dev/null
fixture_fill before
fixture_use before
fixture_since_0_3 before
fixture_rows before >"$work/rows"
is "no table is empty" "$(grep ': 0$' "$work/rows")" ""
is "no key is in the clear" "$(sql before "SELECT count(*) FROM auth.signing_keys WHERE sealed_under IS NULL" "SELECT count(*) FROM auth.server_keys WHERE sealed_under IS NULL" | tr '\n' ' ')" "0 0 "
catalog before >"$work/catalog"
out=$work/dumps
mkdir "$out"
pg_dumpall -g >"$out/globals.sql"
dump -d before -f "$out/plain.sql"
dump -d before -Fc -f "$out/custom"
dump -d before -Fd -j 4 -f "$out/directory"
pg_dumpall >"$out/all.sql" 2>"$dir/dump.err" || cat "$dir/dump.err"
cluster_stop "$dir" fast

dir=$work/after
cluster_create "$dir" "${settings[@]}" || exit 1
cluster_start "$dir" || exit 1
sql postgres "DROP ROLE IF EXISTS app" >/dev/null
ok "the roles, into an empty cluster" bash -c "psql -Xq -d postgres -f '$out/globals.sql' 2>&1 >/dev/null | grep -v 'role \"postgres\" already exists' | (! grep .)"
restored() { # NAME COMMAND..
    local name=$1
    shift
    createdb "$name"
    ok "$name: restored" "$@" -d "$name"
    is "$name: row for row the same, nothing audited or counted by the restore" "$(fixture_rows "$name" | diff - "$work/rows" | head -n 20)" ""
    is "$name: the same catalog" "$(catalog "$name" | diff - "$work/catalog" | head -n 20)" ""
    fixture_check "$name" "$name"
}
restored plain psql -Xq -v ON_ERROR_STOP=1 -1 -f "$out/plain.sql"
restored custom pg_restore --exit-on-error -j 4 "$out/custom"
restored directory pg_restore --exit-on-error -j 4 "$out/directory"
cluster_stop "$dir" fast

dir=$work/whole
cluster_create "$dir" "${settings[@]}" || exit 1
cluster_start "$dir" || exit 1
ok "the whole cluster" bash -c "psql -Xq -d postgres -f '$out/all.sql' 2>&1 >/dev/null | grep -v 'role \"postgres\" already exists' | (! grep .)"
is "row for row the same" "$(fixture_rows before | diff - "$work/rows" | head -n 20)" ""
fixture_check before "whole cluster"
cluster_stop "$dir" fast
