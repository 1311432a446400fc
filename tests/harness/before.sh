# shellcheck shell=bash
# shellcheck disable=SC2154 # $work: workspace
# An earlier build beside the present one; source it after cluster.sh.
#   cluster_before COMMIT   builds it below $work and starts a server with its extension; $BEFORE_CONNINFO
#                           and $NOW_CONNINFO lead to both, libpq's environment goes on leading to the present one

cluster_before() {
    local commit=$1 host=$PGHOST port=$PGPORT database=$PGDATABASE
    if ! git cat-file -e "$commit^{commit}" 2>/dev/null; then
        echo "commit $commit is not in this clone (a shallow one?): git fetch --unshallow"
        return 1
    fi
    NOW_CONNINFO="host=$host port=$port user=$PGUSER dbname=$database"
    mkdir -p "$work/before-source"
    git archive "$commit" | tar -x -C "$work/before-source"
    if ! make -s -j"$(nproc)" -C "$work/before-source" all >"$work/before.log" 2>&1 ||
        ! make -s -C "$work/before-source" install DESTDIR="$work/before-root" STRIP=: >>"$work/before.log" 2>&1; then
        tail -n 20 "$work/before.log"
        return 1
    fi
    # shellcheck disable=SC2086 # several: what the present one has, for whoever has more memory pays for it, and gains
    HARNESS_ROOT=$work/before-root cluster_create "$work/before" $BENCH_SETTINGS || return 1
    cluster_start "$work/before" || return 1
    psql -X -q -c "CREATE DATABASE \"$database\"" || return 1
    export PGDATABASE=$database
    psql -X -q -c "CREATE EXTENSION pg_principal" || return 1
    BEFORE_CONNINFO="host=$PGHOST port=$PGPORT user=$PGUSER dbname=$PGDATABASE"
    export BEFORE_CONNINFO NOW_CONNINFO PGHOST=$host PGPORT=$port PGDATABASE=$database
}
