#!/bin/bash
# kill -9 of backends, of the postmaster, of everything, also during recovery, in the middle of a storm of
# sign-ins, refreshes, bans, revocations, scans and provisioning. What was acknowledged stays; what was not can
# be asked for again; nothing is half done. ROUNDS and SEED may be given; tests/torture/crash.sh takes longer.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/harness/cluster.sh
. tests/harness/cluster.sh

dir=$work/crash
cluster_create "$dir" shared_preload_libraries=pg_principal fsync=on max_wal_size=32MB checkpoint_timeout=30s deadlock_timeout=200ms \
    restart_after_crash=on log_min_messages=error pg_principal.refresh_reuse_interval=3600 pg_principal.max_failed_sign_ins=1000 \
    pg_principal.max_failure_entries=1000000 pg_principal.access_token_ttl=12h || exit 1
cat >"$dir/start" <<END
#!/bin/bash
. "$PWD/tests/harness/cluster.sh"
trap - EXIT
cd "$dir" && as_server "$PG_BIN/pg_ctl" -s -w -t 60 -D "$dir/data" -l "$dir/log" start
END
chmod 755 "$dir/start"
cluster_start "$dir" || exit 1
export START="bash $dir/start" DATA=$dir/data PYTHONDONTWRITEBYTECODE=1
python3 tests/system/crash.py </dev/null
