#!/bin/bash
# A hot standby verifies tokens without a write, and a ban on the primary reaches it once replayed:
# in a connection that is open, in a REPEATABLE READ transaction, in a prepared statement.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/harness/cluster.sh
. tests/harness/cluster.sh
# shellcheck source=tests/harness/tap.sh
. tests/harness/tap.sh

primary=$work/primary standby=$work/standby
cluster_create "$primary" fsync=off max_wal_senders=4 || exit 1
cluster_start "$primary" || exit 1
psql -Xq -v ON_ERROR_STOP=1 >"$primary/setup.log" 2>&1 <<'SQL' || { cat "$primary/setup.log" && exit 1; }
CREATE EXTENSION pg_principal;
SELECT auth.create_signing_key('ES256');
SELECT auth.push_people('[{"email": "agent@example.com", "name": "Agent", "kind": "service_account"},
    {"email": "other@example.com", "name": "Other", "kind": "service_account"}]');
SELECT auth.provision();
CREATE ROLE app LOGIN;
CREATE TABLE activity (owner text);
CREATE INDEX ON activity (owner);
INSERT INTO activity SELECT 'agent@example.com' FROM generate_series(1, 3);
SELECT auth.clamp('activity', 'owner');
GRANT SELECT ON activity TO app;
SQL
token=$(psql -XqAt -c "SELECT auth.issue('agent@example.com')")
other=$(psql -XqAt -c "SELECT token || ' ' || session_id FROM auth.issue_token('other@example.com')")

mkdir -p "$standby" && chmod 700 "$standby"
[ "$(id -u)" != 0 ] || chown postgres: "$standby"
(cd "$standby" && as_server "$PG_BIN/pg_basebackup" -h "$primary" -p "$PGPORT" -U postgres -D "$standby/data" -R -c fast) || exit 1
cluster_set "$standby" unix_socket_directories="$standby" hot_standby=on
primary_port=$PGPORT
cluster_start "$standby" || exit 1

on_primary() { PGHOST=$primary PGPORT=$primary_port psql -XqAt -c "$1"; }
# Returns once the standby has replayed what the primary has written so far.
replayed() {
    local lsn
    lsn=$(on_primary "SELECT pg_current_wal_insert_lsn()")
    if [ "$(pg_major "$pg_config")" -ge 19 ]; then # as docs/reliability.md has it
        [ "$(psql -XqAt -c "WAIT FOR LSN '$lsn' WITH (TIMEOUT '60s', NO_THROW)")" != success ] || return 0
        echo "the standby does not replay" >&2
        exit 1
    fi
    for _ in {1..600}; do
        [ "$(psql -XqAt -c "SELECT pg_last_wal_replay_lsn() >= '$lsn'")" != t ] || return 0
        sleep 0.1
    done
    echo "the standby does not replay" >&2
    exit 1
}

# One connection of an ordinary role that stays open on the standby.
coproc OPEN { PGOPTIONS="-c pg_principal.token=$token" psql -XqAt -U app -v VERBOSITY=verbose 2>&1; }
open_in=${OPEN[1]} open_out=${OPEN[0]}
ask() {
    local line answer=
    printf '%s;\n\\echo ---\n' "$1" >&"$open_in"
    while IFS= read -r -t 60 line <&"$open_out" && [ "$line" != --- ]; do
        [[ $line =~ ^(LOCATION|CONTEXT): ]] || answer+=${answer:+ }$line
    done
    printf '%s' "$answer"
}

is "the standby is one" "$(psql -XqAt -c "SELECT pg_is_in_recovery()")" t
is "a token verifies there" "$(ask "SELECT auth.email(), count(*) FROM activity")" "agent@example.com|3"
ask "PREPARE visible AS SELECT count(*) FROM activity" >/dev/null
is "in a prepared statement" "$(ask "EXECUTE visible")" 3
ask "BEGIN ISOLATION LEVEL REPEATABLE READ" >/dev/null
is "in a REPEATABLE READ transaction" "$(ask "EXECUTE visible")" 3
on_primary "BEGIN; SELECT auth.ban('agent@example.com'); ROLLBACK" >/dev/null
replayed
is "a rolled-back ban changes nothing" "$(ask "EXECUTE visible")" 3
on_primary "SELECT auth.ban('agent@example.com')" >/dev/null
replayed
like "a ban ends it inside the open transaction" "$(ask "EXECUTE visible")" "ERROR: +28000: token refused DETAIL: +banned"
ask "ROLLBACK" >/dev/null
like "and outside" "$(ask "SELECT auth.uid()")" "ERROR: +28000: token refused DETAIL: +banned"
on_primary "SELECT auth.unban('agent@example.com')" >/dev/null
replayed
like "unbanned, the old token stays dead" "$(ask "SELECT auth.uid()")" "DETAIL: +session revoked"
is "another agent is not concerned" "$(ask "SELECT auth.authenticate('${other% *}', false)->>'email'")" other@example.com
on_primary "SELECT auth.revoke_session('${other#* }')" >/dev/null
replayed
like "until its session is revoked" "$(ask "SELECT auth.uid()")" "DETAIL: +session revoked"
like "minting needs the primary" "$(psql -XqAt -v VERBOSITY=verbose -c "SELECT auth.issue('agent@example.com')" 2>&1)" "25006"

(cd "$standby" && as_server "$PG_BIN/pg_ctl" -s -w -D "$standby/data" promote) || exit 1
fresh=$(psql -XqAt -c "SELECT auth.issue('agent@example.com')")
is "promoted, it mints" "$(ask "SELECT auth.authenticate('$fresh', false)->>'email'")" agent@example.com
psql -Xq -c "SELECT auth.ban('agent@example.com')" >/dev/null
like "and bans" "$(ask "SELECT auth.uid()")" "DETAIL: +banned"
exec {open_in}>&-
