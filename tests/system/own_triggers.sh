#!/bin/bash
# An application has triggers and foreign keys of its own on auth.users and auth.sessions, which write to and look at rows that
# principals may hold: a ban, a role, the end of a session and a deletion still wait for nobody.
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
dir=$work/own_triggers
cluster_create "$dir" fsync=off pg_principal.issuer=https://id.example.com || exit 1
cluster_start "$dir" || exit 1
sql() { psql -XAtq -v ON_ERROR_STOP=1 "${@/#/-c}" 2>&1; }
password='Th1sIsAStrong!Pass'
{
    sql "CREATE EXTENSION pg_principal" "CREATE ROLE app LOGIN IN ROLE authenticated" "SELECT auth.create_signing_key()" \
        "SELECT auth.push_people('[{\"email\": \"ann@example.com\", \"name\": \"Ann\"}, {\"email\": \"bob@example.com\", \"name\": \"Bob\"}, {\"email\": \"boss@example.com\", \"name\": \"Boss\"}]')" \
        "SELECT auth.provision()" "UPDATE auth.users SET app_role = 'ADMIN' WHERE email = 'boss@example.com'" \
        "SELECT auth.add_user('{\"email\": \"dan@example.com\", \"password\": \"$password\"}')"
    # as one keeps a copy of principals, and of when their sessions end
    sql "CREATE TABLE profiles (id uuid PRIMARY KEY REFERENCES auth.users ON DELETE CASCADE, email text, app_role text, banned boolean, nickname text)" \
        "INSERT INTO profiles SELECT id, email FROM auth.users" "GRANT SELECT, UPDATE ON profiles TO app" \
        "CREATE FUNCTION copy_principal() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS
            'BEGIN UPDATE profiles SET email = NEW.email, app_role = NEW.app_role, banned = NEW.banned_until > now() WHERE id = NEW.id; RETURN NULL; END'" \
        "CREATE TRIGGER copy_principal AFTER UPDATE ON auth.users FOR EACH ROW EXECUTE FUNCTION copy_principal()" \
        "CREATE FUNCTION note_session() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS
            'BEGIN UPDATE profiles SET nickname = ''gone'' WHERE id = NEW.user_id; RETURN NULL; END'" \
        "CREATE TRIGGER note_session AFTER UPDATE ON auth.sessions FOR EACH ROW EXECUTE FUNCTION note_session()"
} >"$dir/setup.log"
ann=$(sql "SELECT id FROM auth.users WHERE email = 'ann@example.com'")
dan=$(sql "SELECT id FROM auth.users WHERE email = 'dan@example.com'")
boss=$(sql "SELECT auth.issue('boss@example.com')")
session=$(sql "SELECT session_id FROM auth.issue_token('ann@example.com')")
anns=$(sql "SELECT auth.issue('ann@example.com')")
dans=$(sql "SELECT (auth.sign_in('dan@example.com', '$password')).payload->'tokens'->>'accessToken'")

hold() { # SQL: in a transaction that is left open
    PGUSER=app psql -XAtq -v ON_ERROR_STOP=1 -c BEGIN -c "$1" -c "SELECT pg_sleep(300)" >>"$dir/held" 2>&1 &
    for _ in {1..200}; do
        [ "$(sql "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'")" = 1 ] && break
        sleep 0.1
    done
}
let_go() { sql "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE usename = 'app'" >/dev/null && wait; }
who() { PGOPTIONS="-c pg_principal.token=$1" sql "SELECT auth.email()" | sed -n '1p;s/^DETAIL:  //p'; }

hold "UPDATE profiles SET nickname = 'x'"
for isolation in "READ COMMITTED" "REPEATABLE READ"; do
    while IFS= read -r call; do
        is "$isolation: $call" "$(sql "SET statement_timeout = '2s'" "BEGIN ISOLATION LEVEL $isolation" \
            "DO \$\$ BEGIN PERFORM auth.authenticate('$boss', true); PERFORM $call; END \$\$" "SELECT 'done'" ROLLBACK | head -n 1)" "done"
    done <<CALLS
auth.ban('ann@example.com')
auth.ban_user('$ann')
auth.unban_user('$ann')
auth.set_app_role('$ann', 'READ_ONLY')
auth.update_user('$ann', '{"banDuration": "1h"}')
auth.revoke_session('$session')
auth.end_session('$session')
auth.delete_user('$dan')
auth.scan_agent_health()
CALLS
done
is "other fields wait for three seconds" "$(sql "SET statement_timeout = '20s'" BEGIN "SELECT FROM auth.authenticate('$boss', true)" "SELECT auth.update_user('$ann', '{\"firstName\": \"x\"}')" \
    | grep ERROR)" "ERROR:  canceling statement due to lock timeout"
is "and so does a password" "$(sql "SET statement_timeout = '20s'" "SELECT auth.set_password('ann@example.com', '$password')" | grep ERROR)" "ERROR:  canceling statement due to lock timeout"
is "people who left are banned" "$(sql "SELECT auth.remove_person('bob@example.com')" "SET statement_timeout = '2s'" "SELECT * FROM auth.provision()")" $'t\n0|0|1|2'
is "the end of a session counts" "$(sql "SELECT auth.revoke_session('$session')" "SELECT state FROM auth.list_sessions('ann@example.com') WHERE id = '$session'")" $'t\nrevoked'
is "before the ban" "$(who "$anns")" ann@example.com
is "a ban" "$(sql "SET statement_timeout = '2s'" "SELECT auth.ban('ann@example.com', reason => 'left')")" ""
is "counts" "$(who "$anns")" "ERROR:  token refused
banned"
is "what it tells waits beside the row" "$(sql "SELECT count(*) FROM auth.decisions" "SELECT count(banned) FROM profiles")" $'2\n0'
let_go
is "a health scan brings it in" "$(sql "SELECT count(*) >= 0 FROM auth.scan_agent_health()" "SELECT count(*) FROM auth.decisions" "SELECT count(*) FROM auth.ended_sessions" \
    "SELECT email, banned FROM profiles WHERE banned ORDER BY email")" $'t\n0\n0\nann@example.com|t\nbob@example.com|t'
is "what nobody holds up is brought in at once" "$(sql "SELECT auth.unban('ann@example.com')" "SELECT count(*) FROM auth.decisions" "SELECT banned IS NULL FROM profiles WHERE id = '$ann'")" $'\n0\nt'

sql "CREATE FUNCTION keep_as_it_is() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'" \
    "CREATE TRIGGER keep_as_it_is BEFORE UPDATE ON auth.users FOR EACH ROW EXECUTE FUNCTION keep_as_it_is()" >/dev/null
is "a trigger that passes over the ban does not end it" "$(sql "SELECT auth.ban('ann@example.com')" "SELECT state FROM auth.list_sessions('ann@example.com') WHERE id <> '$session'" \
    "SELECT count(*) FROM auth.decisions")" $'\nbanned\n1'
sql "DROP TRIGGER keep_as_it_is ON auth.users" "DROP TRIGGER copy_principal ON auth.users" "SELECT auth.scan_agent_health()" >/dev/null

sql "CREATE FUNCTION auth.tell() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'" "CREATE TRIGGER tell BEFORE UPDATE ON auth.users FOR EACH ROW EXECUTE FUNCTION auth.tell()" >/dev/null
is "a trigger is the application's where its function is in our schema, too" "$(sql "SELECT auth.has_application_triggers('users'), auth.has_application_triggers('sessions')")" "t|t"
sql "DROP FUNCTION auth.tell() CASCADE" "DROP TRIGGER note_session ON auth.sessions" >/dev/null
is "and none is ours alone" "$(sql "SELECT auth.has_application_triggers('users'), auth.has_application_triggers('sessions')")" "f|f"

# A foreign key that looks when the transaction commits.
sql "CREATE TABLE orders (user_id uuid CONSTRAINT its_user REFERENCES auth.users DEFERRABLE INITIALLY DEFERRED)" "INSERT INTO orders VALUES ('$dan')" \
    "CREATE TABLE notes (id uuid CONSTRAINT its_profile REFERENCES profiles DEFERRABLE INITIALLY DEFERRED)" "GRANT SELECT, DELETE, UPDATE ON orders TO app" >/dev/null
delete() { sql "SET statement_timeout = '3s'" BEGIN "SELECT FROM auth.authenticate('$boss')" "SELECT (auth.delete_user('$dan')).status" COMMIT; }
is "a deletion that is in the way of what refers to it fails when it commits" "$(delete | sed -n '1p;/ERROR/p')" \
    $'200\nERROR:  update or delete on table "users" violates foreign key constraint "its_user" on table "orders"'
is "or goes on, when that is gone by then" "$(sql "SET statement_timeout = '3s'" BEGIN "SELECT FROM auth.authenticate('$boss')" "SELECT (auth.delete_user('$dan')).status" \
    "DELETE FROM orders" "SET CONSTRAINTS ALL IMMEDIATE" ROLLBACK)" 200
hold "DELETE FROM orders"
is "a deletion does not wait for who holds such a row" "$(delete)" 409
is "and the principal is banned" "$(who "$dans")" "ERROR:  token refused
banned"
let_go
# SET CONSTRAINTS goes by the name: one that an ADMIN gave to triggers and indexes of their own is left to wait.
who_ran="IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RAISE NOTICE ''ran as %'', current_user; RETURN"
sql "CREATE SCHEMA theirs AUTHORIZATION app" "CREATE TABLE theirs.notes (id uuid)" "SET ROLE app" "CREATE TABLE theirs.own (n int)" "CREATE TABLE theirs.unlike (n int)" \
    "CREATE FUNCTION theirs.tell() RETURNS trigger ${who_ran/IMMUTABLE/} NULL; END'" "CREATE FUNCTION theirs.told(n int) RETURNS int $who_ran n; END'" RESET\ ROLE \
    "ALTER TABLE theirs.notes ADD CONSTRAINT a FOREIGN KEY (id) REFERENCES auth.users INITIALLY DEFERRED, ADD CONSTRAINT b FOREIGN KEY (id) REFERENCES auth.users INITIALLY DEFERRED" \
    "SET ROLE app" "CREATE CONSTRAINT TRIGGER a AFTER INSERT ON theirs.own INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION theirs.tell()" \
    "ALTER TABLE theirs.unlike ADD CONSTRAINT b EXCLUDE (theirs.told(n) WITH =) INITIALLY DEFERRED" >/dev/null
for gone in "$dan" 00000000-0000-4000-8000-000000000000; do
    is "a deletion runs none of them with its own rights ($gone)" "$(sql BEGIN "SET ROLE app" "SELECT FROM auth.authenticate('$boss')" "INSERT INTO theirs.own VALUES (1)" \
        "INSERT INTO theirs.unlike VALUES (1), (1)" "SELECT 'status', (auth.delete_user('$gone')).status IN (200, 404, 409)" ROLLBACK | grep -oE "ran as postgres|status.*" | sort -u)" "status|t"
done
is "the audit is intact" "$(sql "SELECT count(*) FROM auth.audit_verify()")" 0
