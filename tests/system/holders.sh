#!/bin/bash
# A person and a service account hold all that SQL and a token of their own let them, in transactions that they
# leave open: what operators and administrators do, one function after the other, waits for a lock of theirs only where
# this says so.
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
dir=$work/holders
cluster_create "$dir" fsync=off pg_principal.issuer=https://id.example.com || exit 1
cluster_start "$dir" || exit 1
sql() { psql -XAtq -v ON_ERROR_STOP=1 "${@/#/-c}" 2>&1; }
password='Th1sIsAStrong!Pass'
{
    sql "CREATE EXTENSION pg_principal" "CREATE ROLE app LOGIN IN ROLE authenticated" "SELECT auth.create_signing_key()" \
        "SELECT auth.push_people('[{\"email\": \"ann@example.com\", \"name\": \"Ann\"}, {\"email\": \"bob@example.com\", \"name\": \"Bob\"},
            {\"email\": \"boss@example.com\", \"name\": \"Boss\"}, {\"email\": \"chief@example.com\", \"name\": \"Chief\"}, {\"email\": \"bot@example.com\", \"name\": \"Bot\", \"kind\": \"service_account\"}]')" \
        "SELECT auth.provision()" "UPDATE auth.users SET app_role = 'ADMIN' WHERE email IN ('boss@example.com', 'chief@example.com')" \
        "SELECT auth.set_password('ann@example.com', '$password')" "SELECT auth.register_client('psql')" "SELECT auth.delegate('bob@example.com', 'bot@example.com')" \
        "SELECT auth.trust_issuer('https://issuer.example', '{us}', '{\"keys\": []}')" \
        "SELECT auth.map_claims('https://issuer.example', 'bot@example.com', '{\"sub\": \"job\"}')" \
        "CREATE TABLE orders (user_id uuid REFERENCES auth.users)" "GRANT INSERT ON orders TO app"
} >"$dir/setup.log"
ann=$(sql "SELECT id FROM auth.users WHERE email = 'ann@example.com'")
bot=$(sql "SELECT id FROM auth.users WHERE email = 'bot@example.com'")
grant=$(sql "SELECT id FROM auth.list_delegations()")
secret=$(sql "SELECT secret_id FROM auth.create_client_secret('bot@example.com')")
code=$(sql "SELECT payload->>'user_code' FROM auth.oauth_device_authorization('{\"client_id\": \"psql\"}')")
other=$(sql "SELECT session_id FROM auth.issue_token('ann@example.com')")
boss=$(sql "SELECT auth.issue('boss@example.com')")
anns=$(sql "SELECT (auth.sign_in('ann@example.com', '$password')).payload->'tokens'->>'accessToken'")
anns_other=$(sql "SELECT (auth.sign_in('ann@example.com', '$password')).payload->'tokens'->>'accessToken'")
bots=$(sql "SELECT auth.issue('bot@example.com')")

hold() { # TOKEN SQL..: in the background, until it sleeps
    local token=$1
    shift
    PGUSER=app PGOPTIONS="-c pg_principal.token=$token" psql -XAtq -v ON_ERROR_STOP=1 -c BEGIN "${@/#/-cSELECT }" \
        -c "SET CONSTRAINTS ALL IMMEDIATE" -c "SELECT pg_sleep(300)" \
        >>"$dir/held" 2>&1 &
}
hold "$anns" "auth.change_password('wrong', 'wrong')" "(auth.show_device('$code')).status" "(auth.decide_device('$code', false)).status" \
    "(auth.delegate_to('bot@example.com')).status" "(auth.issue_may_act('bot@example.com')).status" "(auth.update_profile('{\"firstName\": \"A\"}')).status" \
    "(auth.end_session('$other')).status" "(auth.sign_out('others')).status"
hold "$bots" "auth.change_password('wrong', 'wrong')" "(auth.revoke_delegation('$grant')).status" "(auth.update_profile('{\"firstName\": \"B\"}')).status" \
    "(auth.sign_out('others')).status"
for _ in {1..200}; do
    [ "$(sql "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'")" = 2 ] && break
    sleep 0.1
done
is "both hold" "$(sql "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"; grep -c ERROR "$dir/held")" $'2\n0'

# Taken back each time, so that the next meets the same.
while IFS= read -r call; do
    wanted="done"
    case $call in
    *set_password* | *rename_person* | *firstName* | *"delegate('ann"*) wanted='ERROR:  ann@example.com is held by a transaction that somebody has left open' ;;
    esac
    is "$call" "$(sql "SET lock_timeout = '1s'" BEGIN "DO \$\$ BEGIN PERFORM auth.authenticate('$boss', true); PERFORM $call; END \$\$" \
        "SELECT 'done'" ROLLBACK | head -n 1)" "$wanted"
done <<CALLS
auth.ban('ann@example.com')
auth.ban('bot@example.com')
auth.unban('ann@example.com')
auth.ban_user('$ann')
auth.unban_user('$ann')
auth.set_app_role('$ann', 'READ_ONLY')
auth.update_user('$ann', '{"kind": "service_account"}')
auth.update_user('$ann', '{"banDuration": "1h"}')
auth.update_user('$ann', '{"firstName": "x"}')
auth.delete_user('$ann')
auth.revoke_session('$other')
auth.end_session('$other')
auth.end_delegation('$grant')
auth.delegate('ann@example.com', 'bot@example.com')
auth.delegate('boss@example.com', 'bot@example.com')
auth.revoke_delegation('$grant')
auth.register_client('psql', 'another name')
auth.unregister_client('psql')
auth.revoke_client_secret('$secret')
auth.create_client_secret('bot@example.com')
auth.set_client_scopes('bot@example.com', '{read}')
auth.register_client_keys('bot@example.com', '{"keys": []}')
auth.map_claims('https://issuer.example', 'bot@example.com', '{"sub": "work"}')
auth.unmap_claims('https://issuer.example', 'bot@example.com')
auth.distrust_issuer('https://issuer.example')
auth.issue('ann@example.com')
auth.issue_for('$bot')
auth.push_people('[{"email": "ann@example.com", "name": "Another"}]')
auth.remove_person('ann@example.com')
auth.provision()
auth.set_password('ann@example.com', 'An0ther!Password')
auth.rename_person('ann@example.com', 'anna@example.com')
auth.create_signing_key()
auth.audit_seal()
auth.audit_prune('1 day')
auth.prune_sessions()
auth.scan_agent_health()
auth.scan_audit()
auth.agent_health()
auth.list_sessions('ann@example.com')
auth.check_installation()
auth.allow_login('app', app_role => 'ANALYST')
auth.add_user('{"email": "new@example.com"}')
auth.sign_in('bob@example.com', 'wrong')
CALLS

# In all, however many locks are held: what is waited for longer than this says so.
is "signing out waits a tenth of a second once" "$(PGOPTIONS="-c pg_principal.token=$anns_other" sql "SET deadlock_timeout = '60ms'" "SET log_lock_waits = on" \
    "SET client_min_messages = log" BEGIN "SELECT (auth.sign_out('global')).status" ROLLBACK | grep -oE 'still waiting|^[0-9]+$')" $'still waiting\n200'
sql "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE usename = 'app'" >/dev/null
wait

# An ADMIN, too, with addresses that the roster names.
chief=$(sql "SELECT id FROM auth.users WHERE email = 'chief@example.com'")
sql "SELECT auth.push_people('[{\"email\": \"new@example.com\", \"name\": \"New\"}, {\"email\": \"next@example.com\", \"name\": \"Next\"},
    {\"email\": \"last@example.com\", \"name\": \"Last\"}]')" "SELECT auth.remove_person('bob@example.com')" >/dev/null
hold "$(sql "SELECT auth.issue('chief@example.com')")" "(auth.update_user('$ann', '{\"email\": \"ann@else.example.com\"}')).status" \
    "(auth.update_user('$bot', '{\"email\": \"bot@else.example.com\"}')).status" "(auth.update_user('$chief', '{\"email\": \"boss@else.example.com\"}')).status" "(auth.create_user('{\"email\": \"new@example.com\"}')).status"
for _ in {1..200}; do
    [ "$(sql "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'")" = 1 ] && break
    sleep 0.1
done
is "an ADMIN holds addresses" "$(tail -n 4 "$dir/held")" $'200\n200\n200\n201'
is "what the roster asks for otherwise is done" "$(sql "SET statement_timeout = '20s'" "SELECT * FROM auth.provision()")" "2|0|1|4"
for call in "ban('chief@example.com')" "unban('chief@example.com')"; do
    is "auth.$call" "$(sql "SET statement_timeout = '20s'" "SELECT auth.$call")" ""
done
is "who else is on the roster is changed" "$(sql "SET statement_timeout = '20s'" "SELECT auth.push_people('[{\"email\": \"boss@example.com\", \"name\": \"B\"}]')")" 1
for call in "push_people('[{\"email\": \"ann@example.com\", \"name\": \"A\"}]')" "remove_person('ann@example.com')" "rename_person('ann@example.com', 'a@example.com')" \
    "issue('ann@example.com')" "register_client_keys('bot@example.com', '{\"keys\": []}')"; do
    who=ann@example.com
    [[ $call != *bot@* ]] || who=bot@example.com
    [[ $call != push* ]] || who='a row of the roster'
    is "auth.$call" "$(sql "SET statement_timeout = '20s'" "SELECT auth.$call" | head -n 1)" \
        "ERROR:  $who is held by a transaction that somebody has left open"
done
is "a key is made beside the entry of the roster's change" "$(sql "SET statement_timeout = '20s'" "SELECT auth.create_signing_key('HS256', false) IS NOT NULL" \
    "SELECT count(*) > 0 FROM auth.audit_unlinked u WHERE u.user_id = auth.audit_itself()")" $'t\nt'
is "twelve keys at once do not wait twelve times" "$(sql "BEGIN" "SELECT count(auth.create_signing_key('HS256', false)) FROM generate_series(1, 12)" \
    "SET LOCAL statement_timeout = '9s'" "SET CONSTRAINTS ALL IMMEDIATE" "COMMIT" "SELECT count(*) > 12 FROM auth.audit_unlinked")" $'12\nt'
is "a seal says who is in the way" "$(sql "SET statement_timeout = '20s'" "SELECT auth.audit_seal()" | head -n 1)" \
    "ERROR:  the chain of the audit itself is held by a transaction that somebody has left open"
sql "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE usename = 'app'" >/dev/null
wait
is "the next run makes the rest" "$(sql "SELECT * FROM auth.provision()")" "1|0|0|7"
is "what waited is linked" "$(sql "SELECT auth.audit_prune('1 microsecond') > 0" "SELECT auth.audit_seal() IS NOT NULL" "SELECT count(*) FROM auth.audit_unlinked")" $'t\nt\n0'
is "the audit is intact" "$(sql "SELECT count(*) FROM auth.audit_verify()")" 0
