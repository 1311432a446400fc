#!/bin/bash
# Who may run SQL can leave a transaction open, or prepared: it holds up nobody else's sign-in, and
# nothing that an operator or administrator does, be it aimed at them or not.
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
cluster_create "$work/open" fsync=off || exit 1
cluster_start "$work/open" || exit 1
sql() { psql -XAtq -v ON_ERROR_STOP=1 -c "SET statement_timeout = '20s'" -c "$1" 2>&1; }
{
    sql "CREATE EXTENSION pg_principal; CREATE ROLE app LOGIN IN ROLE authenticated; CREATE ROLE web LOGIN IN ROLE authenticator"
    sql "SELECT auth.create_signing_key()"
    sql "SELECT auth.push_people('[{\"email\": \"mallory@example.com\", \"name\": \"M\"}, {\"email\": \"ann@example.com\", \"name\": \"A\"}]')"
    sql "SELECT auth.provision()"
    sql "SELECT auth.set_password(u.email, 'Th1sIsAStrong!Pass') FROM auth.users u"
    sql "UPDATE auth.users SET app_role = 'ADMIN' WHERE email = 'ann@example.com'"
} >"$work/open/setup.log"
mallory=$(sql "SELECT id FROM auth.users WHERE email = 'mallory@example.com'")
ann=$(sql "SELECT auth.issue('ann@example.com')")

# As Mallory, until it sleeps in an open transaction.
hold() { # SQL [ROLE]
    local token role=${2-app}
    token=$(sql "SELECT auth.issue('mallory@example.com')")
    PGUSER=$role PGOPTIONS="-c pg_principal.token=$token" timeout 60 psql -XAtq -c "BEGIN; $1; SELECT pg_sleep(50)" \
        >"$work/open/out" 2>&1 &
    holder=$!
    for _ in {1..100}; do
        [ "$(sql "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND usename = '$role'")" = 1 ] && return
        sleep 0.1
    done
    cat "$work/open/out"
}
release() {
    kill "$holder" 2>/dev/null
    wait "$holder" 2>/dev/null
    sql "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE usename IN ('app', 'web')" >/dev/null
}
everything="SELECT auth.update_profile('{\"firstName\": \"x\"}'); SELECT auth.change_password('wrong', 'wrong');
    SELECT auth.change_password('wrong', 'wrong'); SELECT auth.sign_out('others')"

# What is aimed at Mallory does not wait for Mallory's transaction, and does not end it.
while IFS='~' read -r name statement wanted; do
    hold "$everything"
    like "$name" "$(sql "$statement" | tail -n 2 | paste -sd ' ')" "$wanted"
    release
    sql "DELETE FROM auth.sign_in_attempts" >/dev/null
done <<STATEMENTS
a smaller role~SELECT (auth.set_app_role('$mallory', 'READ_ONLY')).status FROM (SELECT auth.authenticate('$ann')) AS a~^200
another kind on the roster~SELECT auth.push_people('[{"email": "mallory@example.com", "name": "M", "kind": "service_account"}]')~^1
a deletion, rolled back here~BEGIN; DELETE FROM auth.organization_people WHERE email = 'mallory@example.com'; SELECT (auth.delete_user('$mallory')).status FROM (SELECT auth.authenticate('$ann')) AS a; ROLLBACK~^409
signing out everywhere by another token~SELECT (auth.sign_out('global')).status FROM (SELECT auth.authenticate(auth.issue('mallory@example.com'))) AS a~^200
the revocation of a token~SELECT (auth.oauth_revoke(jsonb_build_object('token', auth.issue('mallory@example.com')))).status~^200
leaving the roster~DELETE FROM auth.organization_people WHERE email = 'mallory@example.com'; SELECT auth.provision()~^\(0,0,1,1\)
STATEMENTS
is "which bans" "$(sql "SELECT (auth.standing(u)).banned_until > now() FROM auth.users u WHERE u.id = '$mallory'")" t
sql "SELECT auth.push_people('[{\"email\": \"mallory@example.com\", \"name\": \"M\"}]')" >/dev/null
is "and back again restores" "$(sql "SELECT auth.provision()")" "(0,1,0,1)"

# What is exchanged in an open transaction is held as well.
refresh_token() {
    sql "SELECT auth.set_password('mallory@example.com', 'Th1sIsAStrong!Pass')" >/dev/null # lifts a lock
    sql "SELECT payload->'tokens'->>'refreshToken' FROM auth.sign_in('mallory@example.com', 'Th1sIsAStrong!Pass')"
}
hold "SELECT (auth.refresh('$(refresh_token)')).status" web
like "a deletion of who refreshes" "$(sql "BEGIN; DELETE FROM auth.organization_people WHERE email = 'mallory@example.com'; SELECT (auth.delete_user('$mallory')).status FROM (SELECT auth.authenticate('$ann')) AS a; ROLLBACK" | paste -sd ' ')" \
    '^409'
release
hold "SELECT (auth.refresh('$(refresh_token)')).status" web
sql "SELECT auth.ban('mallory@example.com'); SELECT auth.unban('mallory@example.com')" >/dev/null
is "sessions that a ban ended are pruned but for that one" \
    "$(sql "SELECT auth.prune_sessions('1 microsecond') > 0; SELECT count(*) FROM auth.sessions WHERE user_id = '$mallory'" | paste -sd ' ')" "t 1"
release
is "which is next" "$(sql "SELECT auth.prune_sessions('1 microsecond') > 0; SELECT count(*) FROM auth.sessions WHERE user_id = '$mallory'" | paste -sd ' ')" "t 0"

# What cannot be decided beside the row is not waited for for good.
hold "$everything"
for way in "auth.set_password('mallory@example.com', 'An0ther!Password')" "auth.rename_person('mallory@example.com', 'm@example.com')" \
    "auth.update_user('$mallory', '{\"firstName\": \"y\"}')" "auth.update_user('$mallory', '{\"email\": \"m@example.com\"}')"; do
    like "who is held is told: $way" "$(sql "SELECT $way FROM (SELECT auth.authenticate('$ann')) AS a")" 'mallory@example.com is held by a transaction'
done
release

# What concerns everybody goes on without Mallory.
hold "$everything"
sql "UPDATE auth.sessions SET expires_at = now() - interval '2 days' WHERE user_id = '$mallory' AND revoked_at IS NULL AND created_at < (SELECT max(created_at) FROM auth.sessions)" >/dev/null &
update=$!
is "a seal is made of the other chains" "$(sql "SELECT length(auth.audit_seal()) > 100")" t
is "which holds" "$(sql "SELECT count(*) FROM auth.audit_verify()")" 0
is "a pruning leaves what is held" "$(sql "SELECT auth.audit_prune('1 microsecond') > 0, (SELECT count(*) > 0 FROM auth.audit_log WHERE user_id = '$mallory')")" "t|t"
is "which holds, too" "$(sql "SELECT count(*) FROM auth.audit_verify()")" 0
is "sessions are pruned" "$(sql "SELECT auth.prune_sessions('1 microsecond') >= 0")" t
is "the health scan runs" "$(sql "SELECT count(*) FROM auth.scan_agent_health()")" 0
is "nobody on the roster changed: nothing is waited for" "$(sql "SELECT auth.provision()")" "(0,0,0,2)"
# counters are shared: more backends than they once had shards
failed=0
for _ in {1..20}; do
    [ "$(PGUSER=web PGOPTIONS="-c statement_timeout=5s" psql -XAtqc "SELECT (auth.sign_in('ann@example.com', 'wrong')).status" 2>&1)" = 401 ] || failed=$((failed + 1))
done
is "20 refused sign-ins of others in backends of their own" "$failed" 0
release
wait $update
is "each of them was counted" "$(sql "SELECT sum(value) FROM auth.read_metrics() WHERE name = 'auth.sign_in.failures'")" 20
is "the next seal covers everything" "$(sql "SELECT length(auth.audit_seal()) > 100; SELECT count(*) FROM auth.audit_heads h WHERE h.seq > h.sealed_seq AND h.user_id <> auth.audit_itself(); SELECT count(*) FROM auth.audit_verify()" | paste -sd ' ')" "t 0 0"

# A guess left open does not hold up provision.
from() { echo "(auth.sign_in('mallory@example.com', '$2', '{\"ip\": \"$1\"}')).status"; } # ADDRESS PASSWORD
sql "SELECT auth.set_password('mallory@example.com', 'Th1sIsAStrong!Pass')" >/dev/null # lifts a lock
is "an address to sign in from" "$(sql "SELECT $(from 192.0.2.9 'Th1sIsAStrong!Pass')")" 200
hold "SELECT $(from 192.0.2.1 wrong)" web
PGUSER=web sql "SELECT FROM pg_sleep(0.3); SELECT $(from 192.0.2.9 'Th1sIsAStrong!Pass')" >"$work/open/waits" &
waits=$!
like "the guess is not waited for" "$(sql "DELETE FROM auth.organization_people WHERE email = 'mallory@example.com'; SELECT auth.provision()" | paste -sd ' ')" \
    '^\(0,0,1,1\)$'
sleep 1
sql "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE usename = 'web' AND wait_event = 'PgSleep'" >/dev/null
wait "$holder" $waits
is "the next sign-in is answered after it" "$(cat "$work/open/waits")" 403
sql "SELECT auth.push_people('[{\"email\": \"mallory@example.com\", \"name\": \"M\"}]'); SELECT auth.provision(); DELETE FROM auth.sign_in_attempts" >/dev/null

# What is prepared would hold rows for good.
token=$(sql "SELECT auth.issue('mallory@example.com')")
as_mallory() { PGUSER=app PGOPTIONS="-c pg_principal.token=$token" psql -XAtq -v VERBOSITY=sqlstate "$@" 2>&1 | tail -n 1; }
for way in "SELECT auth.update_profile('{\"firstName\": \"y\"}')" "SELECT auth.change_password('wrong', 'wrong')" "SELECT auth.sign_out('others')" \
    "SAVEPOINT s; SELECT auth.update_profile('{\"firstName\": \"y\"}'); RELEASE s"; do
    is "nobody prepares: $way" "$(as_mallory -c "BEGIN; $way; PREPARE TRANSACTION 'mallory'")" "ERROR:  0A000"
done
# nor what the next grant to the same agent would wait for
sql "SELECT auth.push_people('[{\"email\": \"agent@example.com\", \"name\": \"A\", \"kind\": \"service_account\"}]'); SELECT auth.provision()" >/dev/null
grant=$(sql "SELECT auth.delegate('mallory@example.com', 'agent@example.com')")
agent=$(sql "SELECT auth.issue('agent@example.com')")
is "an agent that gives up its grant does not prepare that" "$(token=$agent as_mallory -c "BEGIN; SELECT auth.revoke_delegation('$grant'); PREPARE TRANSACTION 'agent'")" \
    "ERROR:  0A000"
is "nor in a backend that has not loaded the library yet" "$(as_mallory -c "BEGIN" -c "SELECT auth.sign_out('others')" -c "PREPARE TRANSACTION 'mallory'" -c "SELECT count(*) FROM pg_prepared_xacts")" 0
is "what only reads may be prepared" "$(as_mallory -c "BEGIN; SELECT auth.email(); PREPARE TRANSACTION 'reader'" -c "ROLLBACK PREPARED 'reader'" -c "SELECT 'done'")" "done"
is "and what was rolled back" "$(as_mallory -c "BEGIN; SAVEPOINT s; SELECT auth.sign_out('others'); ROLLBACK TO s; PREPARE TRANSACTION 'back'" -c "ROLLBACK PREPARED 'back'" -c "SELECT 'done'")" "done"
boss=$(sql "UPDATE auth.users SET app_role = 'ADMIN' WHERE email = 'mallory@example.com'; SELECT payload->'user'->>'id' FROM auth.add_user('{\"email\": \"boss@example.com\", \"role\": \"ADMIN\"}')")
is "an ADMIN's role that was taken and given back is one, too" "$(as_mallory -c "BEGIN; SAVEPOINT s; SELECT auth.ban_user('$boss'); ROLLBACK TO s; PREPARE TRANSACTION 'mallory'" -c "ROLLBACK PREPARED 'mallory'" -c "SELECT 'done'")" "done"
is "but not one that was taken" "$(as_mallory -c "BEGIN; SELECT auth.ban_user('$boss'); PREPARE TRANSACTION 'mallory'")" "ERROR:  0A000"
is "a superuser is trusted with it" "$(psql -XAtqc "BEGIN; UPDATE auth.users SET first_name = 'z'; PREPARE TRANSACTION 'root'" -c "ROLLBACK PREPARED 'root'" -c "SELECT 'done'")" "done"
