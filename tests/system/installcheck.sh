#!/bin/bash
# `make installcheck` as PGXS has it, against a server that nobody prepared beyond what CONTRIBUTING.md says; what is
# compiled without the frontend, and with whose flags.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/harness/cluster.sh
. tests/harness/cluster.sh
# shellcheck source=tests/harness/tap.sh
. tests/harness/tap.sh

dir=$work/installcheck
cluster_create "$dir" fsync=off || exit 1
cluster_start "$dir" || exit 1
check() { make -s installcheck PG_CONFIG="$pg_config" "$@" >"$dir/said" 2>&1; }
check REGRESS="days errors" ISOLATION="revocation"
is "make installcheck succeeds" $? 0
like "it ran what it was told to" "$(grep -cE '^(ok |test .*ok )' "$dir/said")" '^3$'
cp -r tests/sql "$dir/sql" && cp -r tests/expected "$dir/expected" && echo "nothing" >"$dir/expected/days.out"
! check REGRESS=days ISOLATION= REGRESS_OPTS="--inputdir=$dir --outputdir=$dir --load-extension=pg_principal"
is "it fails when an output differs" $? 0
ok "and leaves the difference" grep -q '^-nothing' "$dir/regression.diffs"
if [ "$(pg_major "$pg_config")" -ge 18 ]; then
    is "the server knows which versions it has loaded" \
        "$(psql -XAtq -c "LOAD 'pg_principal_pgjwt'" -c "SELECT module_name, version FROM pg_get_loaded_modules() WHERE module_name LIKE 'pg_principal%' ORDER BY 1")" \
        "$(for one in pg_principal pg_principal_pgjwt; do sed -n "s/^default_version = '\(.*\)'/$one|\1/p" "extension/$one.control"; done)"
fi
planned() { make -n -s -B "$@" 2>/dev/null; }
is "the extension alone is compiled without the frontend" "$(planned extension PG_CONFIG="$pg_config" | grep -cE 'frontend/|yaml|httplib|CLI')" 0
for flags in CXXFLAGS CPPFLAGS PG_CFLAGS PG_CXXFLAGS COPT; do
    is "$flags of the caller come last" "$(planned extension PG_CONFIG="$pg_config" "$flags=-DTOLD=1" | grep -E ' -c .*extension/' | sed -E 's/.*(-DTOLD=1) -MMD.*/\1/' | sort -u)" -DTOLD=1
done
is "and compilers of the environment are the ones that compile and link" \
    "$(CC='told cc' CXX='told c++' planned all PG_CONFIG="$pg_config" | grep -oE '^(told (cc|c\+\+)|gcc|g\+\+|cc|c\+\+) ' | sort -u | xargs)" "told c++ told cc"
like "a debug build is not optimised" "$(planned extension PG_CONFIG="$pg_config" DEBUG=1 | grep -E ' -c .*extension/pg\.cpp')" '-O2 .*-O0 -g3'
cluster_stop "$dir" fast
