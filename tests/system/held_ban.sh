#!/bin/bash
# With any lock that a role with the rights of authenticated can take, held as long as it likes: bans, revocations,
# roles and provision are made at once, and nobody's backend is ended for them. A call that waited for a lock
# would fail by lock_timeout.
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
dir=$work/held
cluster_create "$dir" fsync=off max_connections=100 max_prepared_transactions=5 || exit 1
cluster_start "$dir" || exit 1
sql() { psql -XAtq -v ON_ERROR_STOP=1 -c "SET lock_timeout = '1s'" -c "$1" 2>&1; }
push="SELECT auth.push_people('[{\"email\": \"mallory@example.com\", \"name\": \"M\"}]')"
{
    sql "CREATE EXTENSION pg_principal; CREATE ROLE app LOGIN IN ROLE authenticated; CREATE ROLE web LOGIN IN ROLE authenticator; GRANT CREATE ON SCHEMA public TO app"
    sql "SELECT auth.create_signing_key()"
    sql "ALTER SYSTEM SET pg_principal.max_own_changes = 1000000"
    sql "SELECT pg_reload_conf()"
    sql "$push; SELECT auth.push_people('[{\"email\": \"ann@example.com\", \"name\": \"A\"}, {\"email\": \"bot@example.com\", \"name\": \"B\", \"kind\": \"service_account\"}]'); SELECT auth.provision()"
    sql "UPDATE auth.users SET app_role = 'ADMIN' WHERE email = 'ann@example.com'; SELECT auth.set_password('mallory@example.com', 'Th1sIsAStrong!Pass')"
    sql "CREATE TABLE orders (user_id uuid REFERENCES auth.users, session_id uuid REFERENCES auth.sessions); ALTER TABLE orders OWNER TO app"
} >"$dir/setup.log"
mallory=$(sql "SELECT id FROM auth.users WHERE email = 'mallory@example.com'")
ann=$(sql "SELECT auth.issue('ann@example.com')")
issue() { sql "SELECT auth.issue('mallory@example.com')"; }
session_of() { sql "SELECT auth.authenticate('$1')->>'session_id'"; }
who() { PGUSER=app psql -XAtq -c "SET pg_principal.token = '$1'" -c "SELECT auth.app_role()" 2>&1 | sed -n 's/^DETAIL:  //p;/^[A-Z_]*$/p'; }
by_ann() { sql "SELECT (auth.$1).status FROM (SELECT auth.authenticate('$ann')) AS a"; }

# As Mallory, until it sleeps in an open transaction.
hold() { # ROLE TOKEN SQL
    PGUSER=$1 PGOPTIONS="-c pg_principal.token=$2" psql -XAtq -v ON_ERROR_STOP=1 -c "BEGIN" -c "$3" -c "SELECT pg_sleep(300)" -c "COMMIT" >"$dir/out" 2>&1 &
    holder=$!
    for _ in {1..100}; do
        [ "$(sql "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND usename = '$1'")" = 1 ] && break
        sleep 0.1
    done
    pid=$(sql "SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND usename = '$1'")
}
release() {
    sql "SELECT pg_terminate_backend($pid, 10000)" >/dev/null
    wait "$holder" 2>/dev/null
}

everything="SELECT auth.update_profile('{\"firstName\": \"x\"}'); SELECT auth.change_password('wrong', 'wrong'); SELECT auth.sign_out('others');
    INSERT INTO orders VALUES ('$mallory'); LOCK TABLE orders; SELECT pg_advisory_xact_lock(n) FROM generate_series(0, 50) AS n;
    SELECT auth.end_session(auth.session_id())"
while IFS='~' read -r name statements; do
    token=$(issue)
    id=$(session_of "$token")
    other=$(issue)
    hold app "$token" "$statements"
    like "held: $name" "$pid" '^[0-9]+$'
    is "a session is revoked" "$(sql "SELECT auth.revoke_session('$id', 'lost')")$(sql "SELECT auth.revoke_session('$id')")" tf
    is "and dead" "$(who "$token")" "session revoked"
    is "a ban is made" "$(sql "SELECT auth.ban('mallory@example.com', reason => 'stolen')")" ""
    is "and counts at the next statement" "$(who "$other")" banned
    is "lists tell it" "$(sql "SELECT DISTINCT state FROM auth.list_sessions('mallory@example.com') WHERE state NOT IN ('revoked', 'signed_out', 'password_rotated')" | paste -sd ' ')" banned
    like "no token is issued" "$(sql "SELECT auth.issue('mallory@example.com')")" 'is banned'
    is "the ban is lifted" "$(sql "SELECT auth.unban('mallory@example.com')")" ""
    is "what it ended stays dead" "$(who "$other")" "session revoked"
    other=$(issue)
    is "a new token lives" "$(who "$other")" ANALYST
    is "a role is set" "$(by_ann "set_app_role('$mallory', 'READ_ONLY')")" 200
    is "and counts" "$(who "$other")" READ_ONLY
    is "another" "$(by_ann "update_user('$mallory', '{\"role\": \"ANALYST\"}')") $(who "$other")" "200 ANALYST"
    is "banned and no longer by an ADMIN" "$(by_ann "ban_user('$mallory')") $(who "$other") $(by_ann "unban_user('$mallory')")" "200 banned 200"
    is "and by a profile" "$(by_ann "update_user('$mallory', '{\"banDuration\": \"1h\"}')") $(by_ann "update_user('$mallory', '{\"banDuration\": \"none\"}')")" "200 200"
    other=$(issue)
    is "off the roster" "$(sql "DELETE FROM auth.organization_people WHERE email = 'mallory@example.com'; SELECT auth.provision()") $(who "$other")" "(0,0,1,2) banned"
    is "and back again" "$(sql "$push; SELECT auth.provision()" | tail -n 1) $(who "$other")" "(0,1,0,2) session revoked"
    is "a session of the time after" "$(who "$(issue)")" ANALYST
    is "nobody was ended" "$(sql "SELECT wait_event FROM pg_stat_activity WHERE pid = $pid")" PgSleep
    was=$(sql "SELECT s.app_role, s.banned_until, s.session_generation, s.owner_generation, s.on_roster FROM auth.users u, auth.standing(u) AS s WHERE u.id = '$mallory'")
    release
    sql "SELECT auth.prune_sessions()" >/dev/null
    is "what was decided is in the rows when they are free" "$(sql "SELECT u.app_role, u.banned_until, u.session_generation, u.owner_generation, u.on_roster FROM auth.users u WHERE u.id = '$mallory'")" "$was"
    is "nothing is left beside them" "$(sql "SELECT (SELECT count(*) FROM auth.decisions), (SELECT count(*) FROM auth.ended_sessions), (SELECT count(*) FROM auth.audit_unlinked)")" "0|0|0"
    is "the revoked session is, for good" "$(sql "SELECT revoke_reason FROM auth.sessions WHERE id = '$id' AND revoked_at IS NOT NULL")" lost
    is "the audit tells of everything, and holds" "$(sql "SELECT (SELECT count(*) FROM auth.audit_verify()), count(*) FILTER (WHERE changes->'bannedUntil'->>'current' IS NOT NULL), count(*) FILTER (WHERE changes->'role'->>'current' = 'READ_ONLY')
        FROM auth.audit_log WHERE user_id = '$mallory'")" "0|4|1"
    sql "SET session_replication_role = replica; DELETE FROM auth.audit_log WHERE user_id = '$mallory'; DELETE FROM auth.audit_heads WHERE user_id = '$mallory'" >/dev/null
    sql "SELECT auth.set_password('mallory@example.com', 'Th1sIsAStrong!Pass')" >/dev/null
done <<HOLDS
a profile~SELECT auth.update_profile('{"firstName": "x"}')
a wrong password~SELECT auth.change_password('no', 'no')
a released subtransaction~SAVEPOINT s; SELECT auth.update_profile('{"lastName": "x"}'); RELEASE s
a sign-out~SELECT auth.sign_out('others'); SELECT auth.sign_out('local')
its own session~SELECT auth.end_session(auth.session_id())
a foreign key~INSERT INTO orders VALUES ('$mallory', '$(session_of "$(issue)")')
its own table, which references ours~LOCK TABLE orders
advisory locks~SELECT pg_advisory_xact_lock(n) FROM generate_series(0, 50) AS n; SELECT pg_advisory_lock(n) FROM generate_series(0, 50) AS n
all of that~$(echo "$everything" | tr '\n' ' ')
HOLDS

# A deletion must wait, but nobody is alive meanwhile.
while IFS='~' read -r name statements; do
    token=$(issue)
    other=$(issue)
    hold app "$token" "$statements"
    sql "DELETE FROM auth.organization_people WHERE email = 'mallory@example.com'" >/dev/null
    is "a deletion does not wait for $name, and bans" "$(by_ann "delete_user('$mallory')") $(who "$other")" "409 banned"
    is "nobody was ended" "$(sql "SELECT wait_event FROM pg_stat_activity WHERE pid = $pid")" PgSleep
    release
    is "then it is made" "$(sql "BEGIN; SELECT (auth.delete_user('$mallory')).status FROM (SELECT auth.authenticate('$ann')) AS a; ROLLBACK")" 200
    sql "$push; SELECT auth.unban('mallory@example.com')" >/dev/null
done <<HOLDS
a profile~SELECT auth.update_profile('{"firstName": "x"}')
a foreign key~INSERT INTO orders VALUES ('$mallory')
a table that references ours~LOCK TABLE orders
a session~SELECT auth.end_session(auth.session_id())
HOLDS

# A client is told by each of its ways that it is banned, and so are who lists it.
key=$(sql "SELECT auth.generate_jwk('ES256')")
sql "SELECT auth.register_client_keys('bot@example.com', jsonb_build_object('keys', jsonb_build_array('$key'::jsonb)))" >/dev/null
client=$(sql "SELECT concat_ws(' ', client_id, secret) FROM auth.create_client_secret('bot@example.com')")
by_secret() { sql "SELECT concat_ws(' ', status, reason) FROM auth.oauth_token('{\"grant_type\": \"client_credentials\"}', '${client% *}', '${client#* }')"; }
by_key() {
    sql "SELECT concat_ws(' ', status, reason) FROM auth.oauth_token(jsonb_build_object('grant_type', 'client_credentials', 'client_assertion_type', 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer', 'client_assertion',
        auth.jwt_sign(jsonb_build_object('iss', '${client% *}', 'sub', '${client% *}', 'aud', current_setting('pg_principal.issuer'), 'jti', gen_random_uuid(), 'exp', extract(epoch FROM now())::bigint + 60), '$key')))"
}
listed() { sql "SELECT live_tokens, banned FROM auth.list_clients()"; }
is "a client" "$(by_secret) $(by_key) $(listed)" "200 200 2|f"
hold postgres "" "SELECT FROM auth.users WHERE email = 'bot@example.com' FOR UPDATE"
is "whose row is held is banned" "$(sql "SELECT auth.ban('bot@example.com')")" ""
is "it is told so by its secret, by its key, and in the list" "$(by_secret), $(by_key), $(listed)" "401 banned, 401 banned, 0|t"
release
sql "SELECT auth.unban('bot@example.com')" >/dev/null

# Nor by many who come and go.
sql "CREATE FUNCTION try_to_hold() RETURNS void LANGUAGE plpgsql AS \$\$
    BEGIN
        PERFORM auth.update_profile('{\"firstName\": \"x\"}');
        PERFORM pg_sleep(0.8);
    EXCEPTION WHEN lock_not_available OR invalid_authorization_specification THEN PERFORM pg_sleep(0.1);
    END \$\$" >/dev/null
echo "SELECT try_to_hold();" >"$dir/script"
token=$(issue)
PGUSER=app PGOPTIONS="-c pg_principal.token=$token" "$PG_BIN/pgbench" -n -c 60 -j 1 -T 60 -f "$dir/script" postgres >"$dir/pgbench.log" 2>&1 &
crowd=$!
sleep 3
is "60 connections hold the row by turns" "$(sql "SELECT auth.ban('mallory@example.com')")$(who "$token")" banned
is "and do not delay the end of the ban" "$(sql "SELECT auth.unban('mallory@example.com')")$(who "$token")" "session revoked"
kill "$crowd" 2>/dev/null
wait "$crowd" 2>/dev/null
is "none of them was ended" "$(grep -c 'terminating connection\|server closed' "$dir/pgbench.log")" 0

# A connection outlives its role; a superuser's transaction, also one that is prepared, is not waited for either.
sql "CREATE ROLE gone LOGIN IN ROLE authenticated" >/dev/null
hold gone "$(issue)" "SELECT auth.update_profile('{\"firstName\": \"x\"}')"
sql "DROP ROLE gone" >/dev/null
is "a role that was dropped" "$(sql "SELECT auth.ban('mallory@example.com')")$(sql "SELECT auth.unban('mallory@example.com')")" ""
release
token=$(issue)
psql -XAtqc "BEGIN; SELECT FROM auth.users FOR UPDATE; SELECT FROM auth.audit_heads FOR UPDATE; PREPARE TRANSACTION 'root'" >/dev/null
is "a prepared transaction of a superuser" "$(sql "SELECT auth.ban('mallory@example.com')")$(who "$token")" banned
sql "ROLLBACK PREPARED 'root'" >/dev/null
is "a sign-in brings in what was decided" "$(sql "SELECT auth.unban('mallory@example.com'); SELECT (auth.sign_in('mallory@example.com', 'Th1sIsAStrong!Pass')).status; SELECT count(*) FROM auth.decisions" | tail -n 2 | paste -sd ' ')" "200 0"

# What the principal holds is not what a thief can hold on to: refreshed or acted for.
pair=$(sql "SELECT payload->'tokens'->>'accessToken', payload->'tokens'->>'refreshToken' FROM auth.sign_in('mallory@example.com', 'Th1sIsAStrong!Pass')")
sql "SELECT auth.delegate('mallory@example.com', 'bot@example.com')" >/dev/null
bot=$(sql "SELECT auth.issue('bot@example.com')")
both=$(sql "SELECT payload->>'access_token' FROM auth.oauth_token(jsonb_build_object('grant_type', 'urn:ietf:params:oauth:grant-type:token-exchange',
    'subject_token', '${pair%|*}', 'subject_token_type', 'urn:ietf:params:oauth:token-type:access_token',
    'actor_token', '$bot', 'actor_token_type', 'urn:ietf:params:oauth:token-type:jwt'))")
is "an agent acts for a person" "$(who "$both")" ANALYST
hold app "${pair%|*}" "SELECT auth.update_profile('{\"firstName\": \"x\"}')"
is "the person does not hold up the agent's ban" "$(sql "SELECT auth.ban('bot@example.com')")$(who "$both")" "session revoked"
is "a session is revoked" "$(sql "SELECT auth.revoke_session('$(session_of "${pair%|*}")')")" t
is "and not refreshed" "$(PGUSER=web psql -XAtqc "SELECT (auth.refresh('${pair#*|}')).reason")" "token-invalidated"
release
token=$(issue)
is "an UPDATE by hand bans, too" "$(sql "UPDATE auth.users SET banned_until = now() + interval '1 hour' WHERE id = '$mallory'")$(who "$token")" banned
sql "SELECT auth.scan_agent_health()" >/dev/null
is "the audit is intact" "$(sql "SELECT (SELECT count(*) FROM auth.audit_verify()), (SELECT count(*) FROM auth.audit_unlinked)")" "0|0"
