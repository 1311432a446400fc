#!/bin/bash
# Logins by token on a hot standby: by what it has replayed, before and after the promotion.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/harness/cluster.sh
. tests/harness/cluster.sh
# shellcheck source=tests/harness/tap.sh
. tests/harness/tap.sh
# shellcheck source=tests/harness/fixture.sh
. tests/harness/fixture.sh
# shellcheck source=tests/harness/login.sh
. tests/harness/login.sh

if [ -z "${HARNESS_ROOT-}" ]; then
    echo "run by: make test ONLY=system"
    exit 2
fi
if ! why=$(login_possible); then
    echo "ok - logins by token on a standby # skipped: $why"
    exit
fi
login_possible
primary=$work/primary standby=$work/standby
login_cluster "$primary" fsync=off || exit 1
sed -i '1i local replication postgres trust' "$primary/data/pg_hba.conf"
cluster_start "$primary" || exit 1
primary_port=$PGPORT
sql postgres "CREATE EXTENSION pg_principal" "CREATE ROLE app LOGIN" "SELECT auth.create_signing_key('ES256')" \
    "SELECT auth.push_people('[{\"email\": \"agent@example.com\", \"name\": \"A\", \"kind\": \"service_account\"}, {\"email\": \"other@example.com\", \"name\": \"O\", \"kind\": \"service_account\"}]')" \
    "SELECT auth.provision()" "SELECT auth.allow_login('app', kind => 'service_account')" >/dev/null
token=$(sql postgres "SELECT auth.issue('agent@example.com')") other=$(sql postgres "SELECT auth.issue('other@example.com')")
mkdir -p "$standby" && chmod 700 "$standby" && chown postgres: "$standby"
(cd "$standby" && as_server "$PG_BIN/pg_basebackup" -h "$primary" -p "$primary_port" -U postgres -D "$standby/data" -R -c fast) || exit 1
cluster_set "$standby" unix_socket_directories="$standby" port="$((primary_port + 1))"
cluster_start "$standby" || exit 1
on_primary() { PGHOST=$primary PGPORT=$primary_port psql -XqAt -d postgres -c "$1"; }
replayed() {
    local lsn
    lsn=$(on_primary "SELECT pg_current_wal_insert_lsn()")
    for _ in {1..300}; do
        [ "$(sql postgres "SELECT pg_last_wal_replay_lsn() >= '$lsn'")" != t ] || return 0
        sleep 0.1
    done
}
is "a standby lets in" "$(login_as "$token" app postgres "SELECT auth.email(), pg_is_in_recovery()")" "agent@example.com t"
{ login_as "$token" app postgres "SELECT pg_sleep(30)" >"$standby/ended"; } &
for _ in {1..50}; do
    [ "$(sql postgres "SELECT count(*) FROM auth.connections")" = 0 ] || break
    sleep 0.1
done
sql postgres "SELECT pg_wal_replay_pause()" >/dev/null
on_primary "SELECT auth.ban('agent@example.com')" >/dev/null
is "a ban that is not replayed is not known" "$(login_as "$token" app postgres "SELECT auth.email()")" agent@example.com
sql postgres "SELECT pg_wal_replay_resume()" >/dev/null
replayed
like "once it is nobody comes" "$(login_as "$token" app postgres "SELECT 1")" 'PAM authentication failed'
wait
like "and who was there is ended" "$(cat "$standby/ended")" 'its token has died'
is "another is let in" "$(login_as "$other" app postgres "SELECT auth.email()")" other@example.com
sql postgres "SELECT pg_promote()" >/dev/null
is "after the promotion, too" "$(login_as "$other" app postgres "SELECT auth.email(), pg_is_in_recovery()")" "other@example.com f"
sql postgres "SELECT auth.ban('other@example.com')" >/dev/null
like "where a ban counts at once" "$(login_as "$other" app postgres "SELECT 1")" 'PAM authentication failed'
