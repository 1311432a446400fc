#!/bin/bash
# An ADMIN with SQL leaves a transaction open, with all in it that administrators do: operators go on, strangers
# are answered as always, and what was refused to them is recorded.
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
dir=$work/admin
cluster_create "$dir" fsync=off pg_principal.max_failure_entries=3 || exit 1
cluster_start "$dir" || exit 1
sql() { psql -XAtq -v ON_ERROR_STOP=1 "${@/#/-c}" 2>&1; }
people='[{"email": "boss@example.com", "name": "Boss"}, {"email": "ann@example.com", "name": "Ann"}, {"email": "gone@example.com", "name": "Gone"}]'
sql "CREATE EXTENSION pg_principal" "CREATE ROLE app LOGIN IN ROLE authenticated" "CREATE ROLE web LOGIN IN ROLE authenticator" \
    "SELECT auth.create_signing_key()" "SELECT auth.push_people('$people')" "SELECT auth.provision()" "SELECT auth.set_password('ann@example.com', 'Th1sIsAStrong!Pass')" \
    "UPDATE auth.users SET app_role = 'ADMIN' WHERE email = 'boss@example.com'" "SELECT auth.remove_person('gone@example.com')" >"$dir/setup.log"
boss=$(sql "SELECT auth.issue('boss@example.com')")
gone=$(sql "SELECT id FROM auth.users WHERE email = 'gone@example.com'")
key=$(sql "SELECT session_id FROM auth.issue_key('anon')")
anns=$(sql "SELECT session_id FROM auth.issue_token('ann@example.com')")

PGUSER=app PGOPTIONS="-c pg_principal.token=$boss" psql -XAtq -v ON_ERROR_STOP=1 -c BEGIN -c "SELECT (auth.delete_user('$gone')).status" \
    -c "SELECT (auth.end_session('$key')).status" -c "SELECT (auth.end_session('$anns')).status" -c "SELECT (auth.create_user('{\"email\": \"new@example.com\"}')).status" \
    -c "SELECT pg_sleep(300)" >"$dir/held" 2>&1 &
holder=$!
for _ in {1..100}; do
    [ "$(sql "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'")" = 1 ] && break
    sleep 0.1
done
is "an ADMIN deletes somebody, ends sessions, makes an account" "$(paste -sd ' ' "$dir/held")" "200 200 200 201"

is "provision goes on, and decides beside" "$(sql "SET lock_timeout = '1s'" "SELECT auth.provision()")" "(0,0,1,2)"
as_web() { PGUSER=web sql "SET lock_timeout = '1s'" "$1"; }
for n in 1 2 3 4 5; do
    is "an unknown address is refused as always, $n" "$(as_web "SELECT (auth.sign_in('stranger$n@example.com', 'wrong')).status")" 401
done
is "so is a refresh token that is none" "$(as_web "SELECT reason FROM auth.refresh('garbage')")" verification-failed
is "and whose chain is held" "$(as_web "SELECT (auth.sign_in('ann@example.com', 'wrong')).status")" 401
is "who signs in does" "$(as_web "SELECT (auth.sign_in('ann@example.com', 'Th1sIsAStrong!Pass')).status")" 200
for call in "auth.add_user('{\"email\": \"new@example.com\"}')" "auth.import_users('[{\"email\": \"new@example.com\"}]')"; do
    like "an address that is being given away is not waited for for good: $call" "$(sql "SET statement_timeout = '10s'" "SELECT $call")" \
        'ERROR:  (new@example.com|an address of these rows) is held by a transaction'
done
is "another is free" "$(sql "SELECT (auth.add_user('{\"email\": \"other@example.com\"}')).status" "SELECT auth.import_users('[{\"email\": \"third@example.com\"}]')" \
    "SHOW lock_timeout" | paste -sd ' ')" "201 1 0"

sql "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE wait_event = 'PgSleep'" >/dev/null
wait "$holder"
is "who was to be deleted is banned" "$(sql "SELECT (auth.standing(u)).ban_origin FROM auth.users u WHERE u.id = '$gone'")" provision
sql "SELECT auth.prune_sessions()" >/dev/null
is "what was refused is recorded, in bounds" "$(sql "SELECT count(*) FILTER (WHERE user_id = auth.nobody()), count(*) FILTER (WHERE user_id <> auth.nobody()) FROM auth.audit_log WHERE reason IN ('unknown-email', 'wrong-password', 'verification-failed')")" "3|1"
is "and counted" "$(sql "SELECT sum(value) FROM auth.read_metrics() WHERE name IN ('auth.sign_in.failures', 'auth.refresh.failures')" \
    "SELECT value FROM auth.read_metrics() WHERE name = 'auth.audit.suppressed'" | paste -sd ' ')" "7 3"
is "the audit holds" "$(sql "SELECT count(*) FROM auth.audit_verify()" "SELECT count(*) FROM auth.audit_unlinked" | paste -sd ' ')" "0 0"
