#!/bin/bash
# A primary, a synchronous standby, a standby behind it and a logical subscriber: tokens verify everywhere with no
# write, a ban reaches everywhere, and when it does so follows synchronous_commit. Then failovers, ROUNDS of them.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/harness/cluster.sh
. tests/harness/cluster.sh
# shellcheck source=tests/harness/tap.sh
. tests/harness/tap.sh
# shellcheck source=tests/harness/fixture.sh
. tests/harness/fixture.sh

settings=(shared_preload_libraries=pg_principal fsync=off max_wal_senders=10 hot_standby_feedback=on
    pg_principal.refresh_reuse_interval=3600 pg_principal.max_failed_sign_ins=1000 pg_principal.max_failure_entries=1000000 pg_principal.access_token_ttl=12h)
copy_of() { # CLUSTER NEW NAME: a standby of a cluster that runs
    mkdir -p "$2" && chmod 700 "$2"
    [ "$(id -u)" != 0 ] || chown postgres: "$2"
    cluster_use "$1"
    (cd "$2" && as_server "$PG_BIN/pg_basebackup" -d "host=$1 port=$PGPORT user=postgres application_name=$3" -D "$2/data" -R -c fast) || exit 1
    cluster_set "$2" unix_socket_directories="$2" synchronous_standby_names=
    cluster_start "$2" || exit 1
}
at() { # CLUSTER STATEMENT..: in its database estate
    local here=$1 port
    port=$(sed -n 4p "$1/data/postmaster.pid")
    shift
    PGHOST=$here PGPORT=$port sql estate "$@"
}
until_true() { # CLUSTER QUERY
    for _ in {1..600}; do
        [ "$(at "$1" "$2")" != t ] || return 0
        sleep 0.1
    done
    echo "not ok - in time: $2"
    exit 1
}
replayed() { until_true "$1" "SELECT pg_last_wal_replay_lsn() >= '$(at "$primary" "SELECT pg_current_wal_insert_lsn()")'"; }

primary=$work/primary near=$work/near far=$work/far subscriber=$work/subscriber dir=$work
cluster_create "$primary" "${settings[@]}" || exit 1
cluster_start "$primary" || exit 1
fixture_roles
createdb estate
sql estate "CREATE EXTENSION pg_principal" >/dev/null
fixture_fill estate
fixture_use estate
sql estate "SELECT auth.push_people((SELECT jsonb_agg(jsonb_build_object('email', 'a' || i || '@example.com', 'name', 'A', 'kind', 'service_account')) FROM generate_series(1, 40) AS i))" "SELECT auth.provision()" >/dev/null
copy_of "$primary" "$near" near
copy_of "$near" "$far" far
cluster_use "$primary"
sql estate "ALTER SYSTEM SET synchronous_standby_names = 'near'" "SELECT pg_reload_conf()" >/dev/null
until_true "$primary" "SELECT sync_state = 'sync' FROM pg_stat_replication WHERE application_name = 'near'"

# Verification on standbys.
for there in "$near" "$far"; do
    name=$(basename "$there")
    replayed "$there"
    cluster_use "$there"
    is "$name: tokens live and die as on the primary" "$(who estate "$agent") $(who estate "$access") $(who estate "$revoked") $(who estate "$gone")" \
        "agent@example.com etl@example.com session revoked banned"
    is "$name: the clamp binds" "$(sees estate "$boss")" "boss@example.com,ann@example.com"
    is "$name: chains verify there" "$(sql estate "SELECT * FROM auth.audit_verify('$seal')")" ""
    is "$name: nothing tried to write" "$(grep -aE 'ERROR|FATAL' "$there/log" | grep -v 'token refused')" ""
done

# An open REPEATABLE READ transaction on each standby, for each of twenty bans.
coproc NEAR { PGHOST=$near PGPORT=$(sed -n 4p "$near/data/postmaster.pid") psql -XqAt -d estate 2>&1; }
ask_in=${NEAR[1]} ask_out=${NEAR[0]} asked=$NEAR_PID
end_asking() {
    exec {ask_in}>&-
    wait "$asked"
}
ask() {
    local line all=
    printf '%s;\n\\echo ---\n' "$1" >&"$ask_in"
    while IFS= read -r -t 60 line <&"$ask_out" && [ "$line" != --- ]; do all+=${all:+ }$line; done
    printf '%s' "$all"
}
alive=0 late=0
for i in {1..20}; do
    token=$(at "$primary" "SELECT auth.issue('a$i@example.com')")
    replayed "$near"
    ask "BEGIN ISOLATION LEVEL REPEATABLE READ" >/dev/null
    ask "SET LOCAL pg_principal.token = '$token'" >/dev/null
    [ "$(ask "SELECT auth.email()")" != "a$i@example.com" ] || alive=$((alive + 1))
    at "$primary" "SET synchronous_commit = remote_apply" "SELECT auth.ban('a$i@example.com')" >/dev/null
    [[ $(ask "SELECT auth.uid()") == *"DETAIL:  banned"* ]] || late=$((late + 1))
    ask "ROLLBACK" >/dev/null
done
is "remote_apply: 20 tokens in open REPEATABLE READ transactions, dead once the ban was acknowledged" "$alive alive before, $late after" "20 alive before, 0 after"
end_asking

# With its replay held, what each level waits for.
level() { # LEVEL N: bans aN while near replays nothing; prints who waits
    local token said
    token=$(at "$primary" "SELECT auth.issue('a$2@example.com')")
    replayed "$near"
    at "$near" "SELECT pg_wal_replay_pause()" >/dev/null
    until_true "$near" "SELECT pg_get_wal_replay_pause_state() = 'paused'"
    at "$primary" "SET synchronous_commit = $1" "SELECT auth.ban('a$2@example.com')" >"$work/ban" &
    local ban=$!
    if [ "$1" = remote_apply ]; then
        until_true "$primary" "SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
        said="waits"
    else
        wait "$ban" && said="acknowledged"
    fi
    cluster_use "$near"
    said+=", there $(who estate "$token")"
    at "$near" "SELECT pg_wal_replay_resume()" >/dev/null
    wait "$ban"
    replayed "$near"
    said+=", then $(who estate "$token")"
    cluster_use "$primary"
    echo "$said"
}
is "local: acknowledged before it is anywhere else" "$(level local 21)" "acknowledged, there a21@example.com, then banned"
is "on: once it is on the standby's disk, not in force there" "$(level on 22)" "acknowledged, there a22@example.com, then banned"
is "remote_apply: not before it is in force there" "$(level remote_apply 23)" "waits, there a23@example.com, then banned"
cluster_use "$primary"
token=$(at "$primary" "SELECT auth.issue('a26@example.com')")
replayed "$near"
at "$near" "SELECT pg_wal_replay_pause()" >/dev/null
until_true "$near" "SELECT pg_get_wal_replay_pause_state() = 'paused'"
at "$primary" "SET synchronous_commit = remote_apply" "SELECT auth.ban('a26@example.com')" >"$work/ban" &
ban=$!
until_true "$primary" "SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
waiting=$(who estate "$token")
at "$primary" "SET synchronous_commit = local" "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'" >/dev/null
wait "$ban"
is "a wait that is cancelled: until then in force nowhere, from then on on the primary" "$waiting, $(who estate "$token")" "a26@example.com, banned"
at "$near" "SELECT pg_wal_replay_resume()" >/dev/null

# Behind a standby.
token=$(at "$primary" "SELECT auth.issue('a24@example.com')")
replayed "$far"
cluster_use "$far"
coproc FAR { psql -XqAt -d estate 2>&1; }
ask_in=${FAR[1]} ask_out=${FAR[0]} asked=$FAR_PID
ask "BEGIN ISOLATION LEVEL REPEATABLE READ" >/dev/null
ask "SET LOCAL pg_principal.token = '$token'" >/dev/null
is "a cascading standby: alive in a transaction" "$(ask "SELECT auth.email()")" a24@example.com
at "$primary" "SELECT auth.ban('a24@example.com')" >/dev/null
replayed "$far"
like "dead in it once replayed" "$(ask "SELECT auth.uid()")" "DETAIL: +banned"
end_asking

# A logical subscriber keeps what verification reads.
cluster_create "$subscriber" "${settings[@]}" || exit 1
cluster_start "$subscriber" || exit 1
createdb estate
sql estate "CREATE EXTENSION pg_principal" >/dev/null
at "$primary" "CREATE PUBLICATION identities FOR TABLE auth.users, auth.sessions, auth.signing_keys" >/dev/null
at "$subscriber" "CREATE SUBSCRIPTION identities CONNECTION 'host=$primary port=$(sed -n 4p "$primary/data/postmaster.pid") user=postgres dbname=estate' PUBLICATION identities" >/dev/null
until_true "$subscriber" "SELECT count(*) = 3 AND bool_and(srsubstate = 'r') FROM pg_subscription_rel"
token=$(at "$primary" "SELECT auth.issue('a25@example.com')")
until_true "$subscriber" "SELECT EXISTS (SELECT FROM auth.sessions s JOIN auth.users u ON u.id = s.user_id WHERE u.email = 'a25@example.com')"
cluster_use "$subscriber"
coproc LOGICAL { psql -XqAt -d estate 2>&1; }
ask_in=${LOGICAL[1]} ask_out=${LOGICAL[0]} asked=$LOGICAL_PID
ask "SET pg_principal.token = '$token'" >/dev/null
is "a logical subscriber: tokens verify" "$(ask "SELECT auth.email()")" a25@example.com
at "$primary" "SELECT auth.ban('a25@example.com')" >/dev/null
until_true "$subscriber" "SELECT banned_until IS NOT NULL FROM auth.users WHERE email = 'a25@example.com'"
like "a ban signals there too" "$(ask "SELECT auth.uid()")" "DETAIL: +banned"
is "and is audited once, where it was made" "$(at "$subscriber" "SELECT count(*) FROM auth.audit_log")" 0
end_asking
at "$subscriber" "DROP SUBSCRIPTION identities" >/dev/null
cluster_stop "$subscriber" fast

# Promotion keeps everything.
cluster_use "$near"
at "$primary" "SELECT auth.list_sessions('agent@example.com')" >/dev/null
fixture_before=$(at "$primary" "SELECT count(*), max(created_at) FROM auth.audit_log")
replayed "$near"
cluster_stop "$primary" immediate
(cd "$near" && as_server "$PG_BIN/pg_ctl" -s -w -D "$near/data" promote) || exit 1
is "promoted: the whole audit is there" "$(at "$near" "SELECT count(*), max(created_at) FROM auth.audit_log")" "$fixture_before"
sql estate "SELECT auth.authenticate('$agent')" "SELECT auth.scan_agent_health()" >"$work/scan"
is "promoted: uses of tokens are noted" "$(sql estate "SELECT last_used_at > now() - interval '1 hour' FROM auth.list_sessions('agent@example.com') WHERE label = 'by the secret'")" t
is "promoted: what was refused on the old primary is reported, once" "$(grep -c 'refresh_failure.*etl@' "$work/scan") $(sql estate "SELECT count(*) FROM auth.scan_agent_health()")" "1 0"
is "promoted: a retry, and a rotation" "$(refresh estate "$second") $(refresh estate "$third" | cut -c 1-4)" "$third ppr_"
is "promoted: a replay" "$(refresh estate "$first") $(who estate "$access")" "refresh-id-mismatch session revoked"
like "promoted: it mints" "$(sql estate "SELECT auth.issue('boss@example.com')")" '^eyJ'
is "promoted: chains go on" "$(sql estate "SELECT * FROM auth.audit_verify('$(sql estate "SELECT auth.audit_seal()")')")" ""
cluster_stop "$far" immediate
cluster_stop "$near" immediate

for ((round = 1; round <= ${ROUNDS:-5}; round++)); do
    primary=$work/p$round near=$work/s$round
    cluster_create "$primary" "${settings[@]}" && cluster_start "$primary" || exit 1
    copy_of "$primary" "$near" near
    cluster_use "$primary"
    psql -Xq -c "ALTER SYSTEM SET synchronous_standby_names = 'near'" -c "SELECT pg_reload_conf()" >/dev/null
    for _ in {1..100}; do
        [ "$(psql -XqAt -c "SELECT sync_state FROM pg_stat_replication")" != sync ] || break
        sleep 0.1
    done
    cat >"$work/promote" <<END
. "$PWD/tests/harness/cluster.sh"
trap - EXIT
cd "$near" && as_server "$PG_BIN/pg_ctl" -s -w -t 60 -D "$near/data" promote
END
    DATA=$primary/data STANDBY="host=$near port=$(sed -n 4p "$near/data/postmaster.pid")" PROMOTE="bash $work/promote" \
        PYTHONDONTWRITEBYTECODE=1 python3 tests/torture/failover.py </dev/null
    cluster_stop "$near" immediate
    rm -rf "$primary" "$near"
done
