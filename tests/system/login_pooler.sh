#!/bin/bash
# Logins by token and pgbouncer: what docs/login.md says of them.
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
# shellcheck source=tests/harness/pooler.sh
. tests/harness/pooler.sh

if [ -z "${HARNESS_ROOT-}" ]; then
    echo "run by: make test ONLY=system"
    exit 2
fi
if ! why=$(login_possible); then
    echo "ok - logins by token behind pgbouncer # skipped: $why"
    exit
fi
login_possible
cp "$login_services/pg_principal" "$login_services/pgbouncer"
dir=$work/server
login_cluster "$dir" fsync=off || exit 1
cluster_start "$dir" || exit 1
sql postgres "CREATE EXTENSION pg_principal" "CREATE ROLE app LOGIN" "SELECT auth.create_signing_key('ES256')" \
    "SELECT auth.push_people('[{\"email\": \"agent@example.com\", \"name\": \"A\", \"kind\": \"service_account\"}, {\"email\": \"twin@example.com\", \"name\": \"T\", \"kind\": \"service_account\"}]')" \
    "SELECT auth.provision()" "SELECT auth.allow_login('app', kind => 'service_account')" >/dev/null
token=$(sql postgres "SELECT auth.issue('agent@example.com')") other=$(sql postgres "SELECT auth.issue('twin@example.com')")
on_server() { PGHOST=$dir PGUSER=postgres psql -XqAt -d postgres -c "$1"; }
ask() { PGPASSWORD=${2-} psql -XqAtw -U app -d postgres -c "$1" 2>&1 | head -n 1; }

pooler_start "$dir" session auth_type=pam || exit 1
like "pgbouncer's own PAM knows no token: the module refuses outside PostgreSQL" "$(ask "SELECT 1" "$token")" 'FATAL: *.*(auth failed|authentication failed)'
is "and PostgreSQL is not asked" "$(grep -ac '"auth.login' "$dir/log")" 0
pooler_stop "$dir"

# a service account of the pooler's own
POOLER_PASSWORD=$token pooler_start "$dir" session auth_type=plain query_wait_timeout=3 server_login_retry=1 || exit 1
is "a token as a server's password: every client is the pooler's service account" "$(ask "SELECT auth.email() || ' ' || session_user" "$token")" "agent@example.com app"
like "a client cannot be another there" "$(ask "SELECT auth.authenticate('$other')->>'email'" "$token")" 'bound to the token that it logged in with'
on_server "SELECT auth.ban('agent@example.com')" >/dev/null
sleep 2
like "it ends with the token" "$(ask "SELECT auth.email()" "$token")" 'FATAL|ERROR'
is "for all" "$(on_server "SELECT count(*) FROM auth.connections")" 0
pooler_stop "$dir"
