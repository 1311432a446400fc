#!/bin/bash
# With pgaudit loaded: whose each audited statement is, as docs/login.md says it is found.
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
# shellcheck disable=SC2154 # of cluster.sh
if ! why=$(login_possible) || { [ ! -f "$("$pg_config" --pkglibdir)/pgaudit.so" ] && why="no pgaudit for this server"; }; then
    echo "ok - whose audited statements are # skipped: $why"
    exit
fi
login_possible
dir=$work/audit
login_cluster "$dir" fsync=off shared_preload_libraries=pg_principal,pgaudit pgaudit.log=read,write logging_collector=on \
    log_destination=jsonlog log_directory="$dir/logs" log_filename=server.log log_file_mode=0644 || exit 1
mkdir -p "$dir/logs" && chown postgres: "$dir/logs"
cluster_start "$dir" || exit 1
sql postgres "CREATE EXTENSION pg_principal" "CREATE ROLE app LOGIN" "SELECT auth.create_signing_key('ES256')" \
    "SELECT auth.push_people('[{\"email\": \"agent@example.com\", \"name\": \"A\", \"kind\": \"service_account\"}, {\"email\": \"twin@example.com\", \"name\": \"T\", \"kind\": \"service_account\"}]')" \
    "SELECT auth.provision()" "SELECT auth.allow_login('app', kind => 'service_account')" "CREATE TABLE activity (n integer)" "GRANT SELECT, INSERT ON activity TO app" >/dev/null
id() { sql postgres "SELECT id FROM auth.users WHERE email = '$1'"; }
agent=$(id agent@example.com) twin=$(id twin@example.com)
token=$(sql postgres "SELECT auth.issue('agent@example.com')") other=$(sql postgres "SELECT auth.issue('twin@example.com')")
login_as "$token" app postgres "SELECT count(*) AS agents FROM activity" >/dev/null
# who claims to be another in a line of their own, before and after
login_as "$other" app postgres "DO \$\$ BEGIN RAISE LOG '%', '{\"event\":\"auth.login\",\"userId\":\"$agent\"}'; END \$\$" "SELECT count(*) AS twins FROM activity" >/dev/null
psql -XqAt -d postgres -c "SET ROLE app" -c "DO \$\$ BEGIN RAISE LOG '%', '{\"event\":\"auth.login\",\"userId\":\"$agent\"}'; END \$\$" -c "SELECT count(*) AS nobodys FROM activity" >/dev/null
login_as "$other" app postgres "INSERT INTO activity VALUES (1)" >/dev/null
cluster_stop "$dir" fast
# the filter as the page has it
sed -n '/^```jq$/,/^```$/{/^```/!p}' docs/login.md >"$dir/whose.jq"
is "each audited statement has its principal, and forged lines none" "$(jq -rn -f "$dir/whose.jq" "$dir/logs/server.json" | grep -E 'agents|twins|nobodys|INSERT INTO activity' | sed -E 's/\tAUDIT: .*(agents|twins|nobodys|INSERT).*/ \1/')" \
    "$agent agents
$twin twins
null nobodys
$twin INSERT"
tells_nothing "audit" "$dir/logs/server.json"
