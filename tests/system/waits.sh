#!/bin/bash
# What self-service, foreign keys and operators hold: whom they make wait, for how long, and that it ends nobody
# who has a right to what they hold.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/harness/cluster.sh
. tests/harness/cluster.sh
# shellcheck source=tests/harness/tap.sh
. tests/harness/tap.sh

if [ -z "${HARNESS_ROOT-}" ]; then
    echo "run by: make test ONLY=system"
    exit 2
fi
dir=$work/waits
cluster_create "$dir" fsync=off max_connections=60 || exit 1
cluster_start "$dir" || exit 1
sql() { psql -XAtq -v ON_ERROR_STOP=1 -c "SET statement_timeout = '20s'" -c "$1" 2>&1; }
{
    sql "CREATE EXTENSION pg_principal; CREATE ROLE app LOGIN IN ROLE authenticated; CREATE ROLE op LOGIN IN ROLE auth_operator"
    sql "SELECT auth.create_signing_key()"
    sql "SELECT auth.push_people('[{\"email\": \"mallory@example.com\", \"name\": \"M\"}, {\"email\": \"ann@example.com\", \"name\": \"A\"}]'); SELECT auth.provision()"
    sql "UPDATE auth.users SET app_role = 'ADMIN' WHERE email = 'ann@example.com'"
    sql "CREATE TABLE orders (user_id uuid REFERENCES auth.users); GRANT INSERT ON orders TO app"
} >"$dir/setup.log"
mallory=$(sql "SELECT id FROM auth.users WHERE email = 'mallory@example.com'")
ann=$(sql "SELECT auth.issue('ann@example.com')")
token() { sql "SELECT auth.issue('mallory@example.com')"; }
# In the background, until it sleeps in an open transaction.
hold() { # ROLE SQL SECONDS
    local token
    token=$(token)
    PGUSER=$1 PGOPTIONS="-c pg_principal.token=$token" timeout 60 psql -XAtq -v ON_ERROR_STOP=1 -c "BEGIN" -c "$2" -c "SELECT pg_sleep($3)" \
        -c "COMMIT" -c "SELECT 'committed'" >"$dir/out" 2>&1 &
    holder=$!
    for _ in {1..100}; do
        [ "$(sql "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname IS NOT NULL")" = 1 ] && return
        sleep 0.1
    done
    cat "$dir/out"
}
released() { # what the holder's last statement said, in $last
    wait "$holder"
    last=$(tail -n 1 "$dir/out")
}
milliseconds() { # COMMAND..
    local began=$EPOCHREALTIME
    "$@" >"$dir/said" 2>&1
    echo $(((${EPOCHREALTIME/./} - ${began/./}) / 1000))
}

# Self-service waits for an operator, briefly, and ends nobody.
token=$(token)
id=$(sql "SELECT s.id FROM auth.list_sessions('mallory@example.com') AS s LIMIT 1")
as_mallory() { PGUSER=app PGOPTIONS="-c pg_principal.token=$token" psql -XAtq -v VERBOSITY=sqlstate -c "$1" 2>&1; }
hold op "SELECT auth.ban('mallory@example.com')" 4
sleep 1.2
for way in "SELECT (auth.sign_out('others')).status" "SELECT (auth.update_profile('{\"firstName\": \"x\"}')).status" \
    "SELECT (auth.update_account('{\"userMetadata\": {}}')).status" "SELECT (auth.end_session('$id')).status"; do
    took=$(milliseconds as_mallory "$way")
    case $way in
        *end_session* | *sign_out*) is "$way is done beside the operator" "$(cat "$dir/said")" 200 ;;
        *) is "$way does not end the operator" "$(cat "$dir/said")" "ERROR:  55P03" ;;
    esac
    like "nor wait for long ($took ms)" "$((took < 1500))" 1
done
released
is "the operator's transaction commits" "$last" committed
is "and the ban holds" "$(as_mallory "SELECT (auth.end_session('$id')).status")" "ERROR:  28000"
sql "SELECT auth.unban('mallory@example.com')" >/dev/null

# An application's foreign key holds up nobody, and is not ended.
hold app "INSERT INTO orders VALUES ('$mallory')" 6
for call in "set_app_role('$mallory', 'AUDITOR')" "update_user('$mallory', '{\"password\": \"Th1sIsAStrong!Pass\"}')" \
    "update_user('$mallory', '{\"banDuration\": \"1h\"}')" "ban_user('$mallory')" "unban_user('$mallory')"; do
    is "beside a foreign key: auth.$call" "$(sql "SET lock_timeout = '500ms'; SELECT (auth.$call).status FROM (SELECT auth.authenticate('$ann')) AS a")" 200
done
released
is "whose transaction goes on" "$last" committed

# Operators do not wait for each other, either.
hold op "SELECT auth.ban('mallory@example.com')" 3
is "a ban beside another operator" "$(sql "SELECT auth.ban('mallory@example.com', '1 hour')")" ""
released
is "who is not ended" "$last" committed
sql "SELECT auth.unban('mallory@example.com')" >/dev/null

# Sign-ins, refreshes and what devices ask by SQL, from a pool that is everybody's, do not wait for good for whoever holds the
# principal, or the code that they have typed.
sql "SELECT auth.set_password('mallory@example.com', 'Th1sIsAStrong!Pass'); CREATE ROLE web LOGIN IN ROLE authenticator" >/dev/null
refresh=$(sql "SELECT payload->'tokens'->>'refreshToken' FROM auth.sign_in('mallory@example.com', 'Th1sIsAStrong!Pass')")
as_web() { PGUSER=web psql -XAtq -v VERBOSITY=sqlstate -c "SELECT ($1).status" -c "SHOW lock_timeout" 2>&1; }
code=$(sql "SET pg_principal.issuer = 'https://id.example.com'; SELECT auth.register_client('tv'); SELECT payload->>'device_code' FROM auth.oauth_device_authorization('{\"client_id\": \"tv\"}')" | tail -n 1)
device="'grant_type', 'urn:ietf:params:oauth:grant-type:device_code', 'client_id', 'tv', 'device_code', '$code'"
hold postgres "SELECT FROM auth.users FOR UPDATE; SELECT FROM auth.refresh_tokens FOR UPDATE; SELECT FROM auth.device_codes FOR UPDATE" 20
for way in "auth.sign_in('mallory@example.com', 'Th1sIsAStrong!Pass')" "auth.refresh('$refresh')" "auth.oauth_token(jsonb_build_object($device))"; do
    took=$(milliseconds as_web "$way")
    is "${way%%(*} is told so" "$(paste -sd ' ' "$dir/said")" "ERROR:  55P03 0"
    like "after three seconds ($took ms)" "$((took > 2500 && took < 6000))" 1
done
released
is "and goes on then" "$(as_web "auth.refresh('$refresh')" | paste -sd ' ')" "200 0"

is "the audit is intact" "$(sql "SELECT count(*) FROM auth.audit_verify()")" 0
