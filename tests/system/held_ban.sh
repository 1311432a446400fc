#!/bin/bash
# Whoever is banned cannot hold up the ban by a transaction left open: not by what their token lets them write,
# not from a subtransaction, not asleep in a single statement. A superuser's transaction is waited for.
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
cluster_create "$work/held" fsync=off || exit 1
cluster_start "$work/held" || exit 1
sql() { psql -XAtq -v ON_ERROR_STOP=1 -c "$1"; }
sql "CREATE EXTENSION pg_principal; CREATE ROLE app LOGIN"
sql "SELECT auth.create_signing_key(); SELECT auth.push_people('[{\"email\": \"agent@example.com\", \"name\": \"A\", \"kind\": \"service_account\"}]'); SELECT auth.provision()" >/dev/null

token() { sql "SELECT auth.issue('agent@example.com')"; }
begin() { # USER SQL TOKEN [FILE]
    PGUSER=$1 PGOPTIONS="-c pg_principal.token=$3" timeout 60 psql -X -c "$2" >"$work/held/out${4-}" 2>&1 &
    holder=$!
}
# SQL under a new token of the agent, until it sleeps in an open transaction.
hold() { # USER SQL
    begin "$1" "$2" "$(token)"
    for _ in {1..100}; do
        [ "$(sql "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'")" = 1 ] && return
        sleep 0.1
    done
    cat "$work/held/out"
}

for way in "BEGIN; SELECT auth.update_profile('{\"firstName\": \"x\"}'); SELECT pg_sleep(50)" \
    "BEGIN; SELECT auth.change_password('no', 'no'); SELECT pg_sleep(50)" \
    "BEGIN; SAVEPOINT s; SELECT auth.update_profile('{\"lastName\": \"x\"}'); RELEASE s; SELECT pg_sleep(50)" \
    "SELECT auth.update_profile('{\"jobTitle\": \"x\"}'), pg_sleep(50)" \
    "BEGIN; SELECT auth.sign_out('others'); SELECT auth.sign_out('local'); SELECT pg_sleep(50)"; do
    hold app "$way"
    said=$(psql -XAtqc "SET statement_timeout = '20s'; SELECT auth.ban('agent@example.com')" 2>&1)
    like "the ban is made: $way" "$said" '^NOTICE: +ended backend [0-9]+'
    wait "$holder"
    like "its connection is gone" "$(cat "$work/held/out")" 'terminating connection'
    is "and its change with it" "$(sql "SELECT coalesce(first_name, last_name, job_title) IS NULL, banned_until > now() FROM auth.users")" "t|t"
    sql "SELECT auth.unban('agent@example.com')" >/dev/null
done

hold app "BEGIN; SELECT auth.update_profile('{\"firstName\": \"x\"}'); SELECT pg_sleep(50)"
id=$(sql "SELECT id FROM auth.list_sessions('agent@example.com') WHERE state = 'live' ORDER BY created_at DESC LIMIT 1")
like "revoking one session is not held up either" "$(psql -XAtqc "SET statement_timeout = '20s'; SELECT auth.revoke_session('$id')" 2>&1)" 'ended backend [0-9]+.*t$'
wait "$holder"

# Nor does a person for whom the agent acts hold up the ban of the agent, which ends the tokens of both.
sql "SELECT auth.push_people('[{\"email\": \"ann@example.com\", \"name\": \"Ann\"}]'); SELECT auth.provision(); SELECT auth.delegate('ann@example.com', 'agent@example.com')" >/dev/null
person=$(sql "SELECT auth.issue('ann@example.com')")
delegated=$(sql "SELECT payload->>'access_token' FROM auth.oauth_token(jsonb_build_object('grant_type', 'urn:ietf:params:oauth:grant-type:token-exchange',
    'subject_token', '$person', 'subject_token_type', 'urn:ietf:params:oauth:token-type:access_token',
    'actor_token', '$(token)', 'actor_token_type', 'urn:ietf:params:oauth:token-type:jwt'))")
is "an agent acts for a person" "$(PGUSER=app PGOPTIONS="-c pg_principal.token=$delegated" psql -XAtqc 'SELECT auth.email(), auth.actor_email()')" "ann@example.com|agent@example.com"
begin app "BEGIN; SELECT auth.update_profile('{\"firstName\": \"x\"}'); SELECT pg_sleep(50)" "$person"
sleep 2
like "the person does not hold up the agent's ban" "$(psql -XAtqc "SET statement_timeout = '20s'; SELECT auth.ban('agent@example.com')" 2>&1)" '^NOTICE: +ended backend [0-9]+'
wait "$holder"
like "the token of both is dead" "$(PGUSER=app PGOPTIONS="-c pg_principal.token=$delegated" psql -XAtqc 'SELECT auth.email()' 2>&1)" 'token refused'
sql "SELECT auth.unban('agent@example.com'); SELECT auth.delete_user('ann@example.com')" >/dev/null 2>&1 || sql "SELECT auth.unban('agent@example.com'); DELETE FROM auth.users WHERE email = 'ann@example.com'" >/dev/null

hold postgres "BEGIN; SELECT auth.update_profile('{\"firstName\": \"x\"}'); SELECT pg_sleep(5)"
is "a superuser's transaction is waited for" "$(psql -XAtqc "SET statement_timeout = '20s'; SELECT auth.ban('agent@example.com')" 2>&1)" ""
wait "$holder"

# Who waits before the ban does, for what a superuser holds, gives up before it.
sql "SELECT auth.unban('agent@example.com')" >/dev/null
next=$(token)
hold postgres "BEGIN; SELECT auth.update_profile('{\"firstName\": \"x\"}'); SELECT pg_sleep(5)"
superuser=$holder
begin app "BEGIN; SELECT auth.update_profile('{\"lastName\": \"x\"}'); SELECT pg_sleep(50)" "$next" .next
is "the next in the line does not hold up the ban either" \
    "$(psql -XAtqc "SET statement_timeout = '20s'; SELECT auth.ban('agent@example.com')" 2>&1)" ""
wait "$superuser" "$holder"
like "it has waited for a tenth of a second" "$(cat "$work/held/out.next")" 'lock timeout'
is "which is made" "$(sql "SELECT last_name IS NULL, banned_until > now() FROM auth.users")" "t|t"

# What the agent holds and asks for closes a circle, which the ban is the first to see.
sql "SELECT auth.unban('agent@example.com')" >/dev/null
begin app "BEGIN; SELECT auth.change_password('no', 'no'); SELECT pg_sleep(0.6); SELECT auth.update_profile('{\"lastName\": \"x\"}'); SELECT pg_sleep(50)" "$(token)"
sleep 0.3
is "a circle does not refuse the ban" \
    "$(psql -XAtqc "SET statement_timeout = '20s'; SET deadlock_timeout = '500ms'; SELECT auth.ban('agent@example.com')" 2>&1 | grep -v ^NOTICE)" ""
wait "$holder"
like "but who made it" "$(cat "$work/held/out")" 'terminating connection|deadlock detected|lock timeout'
is "it is made" "$(sql "SELECT last_name IS NULL, banned_until > now() FROM auth.users")" "t|t"

sql "SELECT auth.unban('agent@example.com')" >/dev/null
hold postgres "BEGIN; SELECT auth.update_profile('{\"firstName\": \"x\"}'); SELECT pg_sleep(8)"
like "lock_timeout bounds how long a superuser is waited for" \
    "$(psql -XAtqc "SET lock_timeout = '1500ms'; SELECT auth.ban('agent@example.com')" 2>&1)" '^ERROR: +canceling statement due to lock timeout'
wait "$holder"
is "the audit is intact" "$(sql "SELECT count(*) FROM auth.audit_verify()")" 0
