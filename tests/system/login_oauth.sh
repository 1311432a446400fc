#!/bin/bash
# Logins by token through pg_hba.conf's method oauth, PostgreSQL 18 and later, by the client program of docs/login.md.
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
if [ ! -f "$("$pg_config" --includedir-server)/libpq/oauth.h" ]; then
    echo "ok - logins by oauth # skipped: this PostgreSQL knows no validators"
    exit
fi
client=$work/client
sed -n '/^```c$/,/^```$/{/^```/!p}' docs/login.md >"$client.c"
if ! cc -Wall -Wextra -Werror -I"$("$pg_config" --includedir)" "$client.c" -L"$("$pg_config" --libdir)" -lpq -o "$client" 2>"$client.log"; then
    echo "not ok - the client of docs/login.md compiles"
    cat "$client.log"
    exit
fi
dir=$work/oauth
login_cluster "$dir" fsync=off pg_principal.clock_skew=0 oauth_validator_libraries=pg_principal || exit 1
issuer=https://shop.example.com options='issuer="https://shop.example.com" scope="database"'
cat >"$dir/data/pg_hba.conf" <<HBA
local all      postgres                trust
host  mapped   all       127.0.0.1/32  oauth $options map=people
host  exact    all       127.0.0.1/32  oauth $options
host  all,replication  all  127.0.0.1/32  oauth $options delegate_ident_mapping=1
HBA
echo 'people /^(.*)@example\.com$ \1' >"$dir/data/pg_ident.conf"
cluster_start "$dir" || exit 1
sql postgres "CREATE ROLE app LOGIN" "CREATE ROLE boss SUPERUSER LOGIN" "CREATE ROLE agent LOGIN" "CREATE ROLE \"agent@example.com\" LOGIN" >/dev/null
createdb shop
sql shop "CREATE EXTENSION pg_principal" "SELECT auth.create_signing_key('ES256')" \
    "SELECT auth.push_people('[{\"email\": \"agent@example.com\", \"name\": \"A\", \"kind\": \"service_account\"}, {\"email\": \"twin@example.com\", \"name\": \"T\", \"kind\": \"service_account\"}, {\"email\": \"ann@example.com\", \"name\": \"Ann\"}]')" \
    "SELECT auth.provision()" "SELECT auth.allow_login(r, kind => 'service_account') FROM unnest('{app,agent,agent@example.com}'::text[]) AS r" \
    "CREATE TABLE activity (owner text)" "CREATE INDEX ON activity (owner)" "INSERT INTO activity SELECT unnest('{agent@example.com,twin@example.com,ann@example.com}'::text[])" \
    "SELECT auth.clamp('activity', 'owner')" "GRANT SELECT ON activity TO app" >/dev/null
issue() { sql shop "SELECT auth.issue('$1')"; }
token=$(issue agent@example.com) twin=$(issue twin@example.com) ann=$(issue ann@example.com)
for copy in mapped exact; do createdb -T shop $copy; done # with their sessions
login() { # TOKEN ROLE DATABASE STATEMENT..
    local token=$1 role=$2 database=$3
    shift 3
    LANDMARK_AUTH_TOKEN=$token "$client" "host=127.0.0.1 port=$LOGIN_PORT user=$role dbname=$database sslmode=${LOGIN_SSLMODE-require} oauth_issuer=$issuer/.well-known/openid-configuration oauth_client_id=agent oauth_scope=database ${LOGIN_MORE-}" "$@" 2>&1
}
last_reason() { grep -a '"auth.login.refused"' "$dir/log" | tail -n 1 | sed 's/.*"reason":"\([^":]*\).*/\1/'; }
refused() { # NAME REASON TOKEN ROLE DATABASE
    local said
    said=$(login "$3" "$4" "$5" "SELECT 'in'" | sed "s/.*FATAL: *//")
    is "$1" "$said, $(last_reason)" "OAuth bearer authentication failed for user \"$4\", $2"
}

is "a bearer token logs in, sees its rows, and who it is" "$(login "$token" app shop "SELECT session_user || ' ' || auth.email() || ' ' || (SELECT string_agg(owner, ',') FROM activity) || ' ' || system_user" "SELECT door FROM auth.connections")" \
    $'app agent@example.com agent@example.com oauth:agent@example.com\noauth'
is "no FATAL line is left of a good login" "$(grep -ac FATAL "$dir/log")" 0
like "the log tells of it" "$(grep -a '"auth.login"' "$dir/log" | head -n 1)" '"door":"oauth","database":"shop","role":"app"'
refused "login roles decide the role, delegated or not" "role not granted" "$ann" app shop
refused "nobody becomes a superuser" "role too powerful" "$token" boss shop
is "a map of pg_ident.conf takes the email" "$(login "$token" agent mapped "SELECT auth.email()")" agent@example.com
like "and refuses whom login roles would let in" "$(login "$token" app mapped "SELECT 'in'")" 'OAuth bearer authentication failed for user "app"'
like "another principal, too" "$(login "$twin" agent mapped "SELECT 'in'")" 'OAuth bearer authentication failed for user "agent"'
is "without a map the role is the email" "$(login "$token" agent@example.com exact "SELECT auth.email()")" agent@example.com
like "and no other" "$(login "$token" app exact "SELECT 'in'")" 'OAuth bearer authentication failed for user "app"'
LOGIN_SSLMODE=disable refused "without TLS" "no TLS" "$token" app shop
refused "no token of ours" "malformed" "abcdef" app shop
refused "another issuer" "wrong issuer" "$(sql shop "SET pg_principal.issuer = 'other'" "SELECT auth.issue('agent@example.com')")" app shop
refused "alg none" "algorithm refused" "$(printf '{"alg":"none"}' | base64 | tr -d '=\n').$(cut -d. -f2 <<<"$token")." app shop
refused "16 KiB and a byte" "too long" "$(head -c 16385 /dev/zero | tr '\0' A)" app shop
refused "a database without the extension" "no extension" "$token" app postgres
sleep 10 # of refusals only so many are logged in a while
like "replication" "$(LOGIN_MORE=replication=database login "$token" app shop "IDENTIFY_SYSTEM") $(last_reason)" 'OAuth bearer authentication failed.* replication$'
is "the identity stays" "$(login "$token" app shop "DISCARD ALL" "SELECT auth.email()" | tail -n 1)" agent@example.com
like "and is nobody's to change" "$(login "$token" app shop "SET pg_principal.token = '$twin'")" 'bound to the token that it logged in with'
{ login "$token" app shop "SELECT pg_sleep(60)" >"$dir/ended"; } &
for _ in {1..100}; do
    [ "$(sql shop "SELECT count(*) FROM auth.connections")" = 0 ] || break
    sleep 0.1
done
sql shop "SELECT auth.ban('agent@example.com')" >/dev/null
wait
like "a ban ends the connection" "$(cat "$dir/ended")" 'terminating connection because its token has died'
refused "and lets nobody in" "banned" "$token" app shop
revoked=$(sql shop "SELECT token || ' ' || session_id FROM auth.issue_token('twin@example.com')")
sql shop "SELECT auth.revoke_session('${revoked#* }')" >/dev/null
refused "a revoked session" "session revoked" "${revoked% *}" app shop
sql shop "DELETE FROM auth.users WHERE email = 'ann@example.com'" >/dev/null
refused "a deleted principal" "unknown principal" "$ann" app shop
cluster_stop "$dir" fast && cluster_start "$dir" || exit 1
is "the very first connection after a restart" "$(login "$twin" app shop "SELECT auth.email()")" twin@example.com
if [ "$(psql --version | sed 's/[^0-9]*\([0-9]*\).*/\1/')" -lt 19 ]; then
    echo "ok - stock psql 19 # skipped: this psql is older"
else
    stock() { # TOKEN STATEMENT [sslmode]
        PG_PRINCIPAL_TOKEN=$1 LD_LIBRARY_PATH=build/libpq psql -XqAtw "host=127.0.0.1 port=$LOGIN_PORT user=app dbname=shop sslmode=${3-require} oauth_issuer=$issuer/.well-known/openid-configuration oauth_client_id=psql oauth_scope=database" -c "$2" 2>&1
    }
    is "stock psql sends the token in hand" "$(stock "$twin" "SELECT session_user || ' ' || auth.email()")" "app twin@example.com"
    like "and says when there is none" "$(stock "" "SELECT 1")" "PG_PRINCIPAL_TOKEN is not set"
    like "and sends none in the clear" "$(stock "$twin" "SELECT 1" disable)" "would cross a network in the clear"
    sql shop "SELECT auth.ban('twin@example.com')" >/dev/null
    like "a ban, too" "$(stock "$twin" "SELECT 1")" 'OAuth bearer authentication failed for user "app"'
    like "the server's own line has the reason" "$(grep -a DETAIL "$dir/log")" "DETAIL: .*banned"
fi
sql shop "DROP EXTENSION pg_principal CASCADE" >/dev/null 2>&1
refused "with the extension dropped" "no extension" "$twin" app shop
tells_nothing "oauth" "$dir/log"
