#!/bin/bash
# Tables of others that reference ours: what a deletion sets off in them runs as the table's owner, without the
# identity and the rights of who deletes.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/harness/cluster.sh
. tests/harness/cluster.sh
# shellcheck source=tests/harness/tap.sh
. tests/harness/tap.sh

dir=$work/dependents
cluster_create "$dir" fsync=off || exit 1
cluster_set "$dir" shared_preload_libraries='' # what is there first is there with it, too
cluster_start "$dir" || exit 1
run() { # ROLE STATEMENT..: answers, notices and errors, one line
    local role=$1 statements=()
    shift
    for statement in "$@"; do statements+=(-c "$statement"); done
    PGUSER=$role PGOPTIONS="${options-}" psql -XqAt -v ON_ERROR_STOP=1 "${statements[@]}" 2>&1 | sed 's/^NOTICE:  //' | paste -sd ' '
}
sql() { options='' run postgres "$@"; }
sql "CREATE EXTENSION pg_principal" "SELECT auth.create_signing_key()" \
    "CREATE ROLE app LOGIN IN ROLE authenticated" "CREATE ROLE owner LOGIN" "CREATE ROLE other LOGIN" \
    "CREATE SCHEMA owned AUTHORIZATION owner" "CREATE SCHEMA others AUTHORIZATION other" "CREATE SCHEMA ours" \
    "GRANT USAGE ON SCHEMA owned, others, ours TO app, authenticated, owner, other" >/dev/null
sql "CREATE FUNCTION public.tell() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN
    RAISE NOTICE '% as % for %', lower(TG_WHEN), current_user, coalesce(auth.email(), 'nobody'); RETURN coalesce(OLD, NEW); END \$\$" \
    "SELECT auth.push_people('[{\"email\": \"ann@example.com\", \"name\": \"Ann\"}]')" "SELECT auth.provision()" \
    "UPDATE auth.users SET app_role = 'ADMIN' WHERE email = 'ann@example.com'" >/dev/null
ann=$(sql "SELECT auth.issue('ann@example.com')")
options="-c pg_principal.token=$ann"
table() { # ROLE TABLE REFERENCES TRIGGERS: of all principals there are, but Ann
    sql "CREATE TABLE $2 (id uuid PRIMARY KEY); ALTER TABLE $2 OWNER TO $1" "ALTER TABLE $2 ADD FOREIGN KEY (id) REFERENCES $3 ON DELETE CASCADE" >/dev/null
    for when in $4; do
        case $when in
        deferred) sql "CREATE CONSTRAINT TRIGGER deferred AFTER DELETE ON $2 DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION tell()" ;;
        *) sql "CREATE TRIGGER $when $when DELETE ON $2 FOR EACH ROW EXECUTE FUNCTION tell()" ;;
        esac >/dev/null
    done
}
someone() { # TABLE..: a new principal with a row in each
    sql "SELECT auth.add_user('{\"email\": \"gone@example.com\"}')" >/dev/null
    gone=$(sql "SELECT id FROM auth.users WHERE email = 'gone@example.com'")
    for table; do sql "INSERT INTO $table VALUES ('$gone')" >/dev/null; done
}
deletion() { echo "SELECT (auth.delete_user('$gone')).status"; }
delete() { run app "$(deletion)"; }
major=$(sql "SELECT current_setting('server_version_num')::int / 10000")
since_18() { if [ "$major" -ge 18 ]; then echo "$1"; else echo "$2"; fi; } # as who PostgreSQL itself runs an AFTER trigger

table postgres ours.profile auth.users "BEFORE AFTER"
someone ours.profile
is "in a superuser's table a trigger is told who deletes" "$(delete)" "before as postgres for ann@example.com after as postgres for ann@example.com 200"
table owner owned.profile auth.users "BEFORE AFTER deferred"
someone owned.profile
is "in anybody else's it runs as the owner, and for nobody; so does what it puts off" "$(delete)" \
    "before as owner for nobody after as owner for nobody after as owner for nobody 200"
is "the audit names who has deleted" "$(sql "SELECT actor_email FROM auth.audit_log WHERE subject = 'gone@example.com' ORDER BY created_at DESC LIMIT 1")" ann@example.com
someone owned.profile
sql "CREATE TABLE told (n int); CREATE TRIGGER tell AFTER INSERT ON told FOR EACH ROW EXECUTE FUNCTION tell(); GRANT INSERT ON told TO app" >/dev/null
is "a trigger is told nothing for the rest of the transaction, all else is, and afterwards it is, too" \
    "$(run app BEGIN "INSERT INTO told VALUES (1)" SAVEPOINT\ s "$(deletion)" "INSERT INTO told VALUES (1)" "SELECT auth.email()" "ROLLBACK TO s" \
        "INSERT INTO told VALUES (1)" "$(deletion)" COMMIT "INSERT INTO told VALUES (1)" | grep -o 'after as app for [a-z@.]*\|ann@example.com$\|200' | paste -sd ' ')" \
    "after as app for ann@example.com 200 after as app for nobody after as app for ann@example.com 200 after as app for ann@example.com"
is "two principals go in one statement" "$(sql "SELECT auth.add_user('{\"email\": \"one@example.com\"}')" "SELECT auth.add_user('{\"email\": \"two@example.com\"}')" "INSERT INTO owned.profile SELECT id FROM auth.users WHERE email IN ('one@example.com', 'two@example.com')" >/dev/null
    sql "CREATE FUNCTION public.those() RETURNS SETOF uuid LANGUAGE sql SECURITY DEFINER AS \$\$ SELECT id FROM auth.users WHERE email IN ('one@example.com', 'two@example.com') \$\$" >/dev/null
    run app "SELECT count(*) FILTER (WHERE r.status = 200) FROM those() AS t (id), auth.delete_user(t.id) AS r" | grep -o ' [0-9]\b')" " 2"

act() { # BODY: what the owner's trigger does
    sql "CREATE OR REPLACE FUNCTION owned.act() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN $1; RETURN OLD; END \$\$" \
        "DROP TRIGGER IF EXISTS act ON owned.profile" "CREATE TRIGGER act $2 DELETE ON owned.profile FOR EACH ROW EXECUTE FUNCTION owned.act()" >/dev/null
}
sql "DROP TRIGGER \"before\" ON owned.profile" "DROP TRIGGER \"after\" ON owned.profile" "DROP TRIGGER deferred ON owned.profile" "GRANT authenticated TO owner" >/dev/null
someone owned.profile
for when in BEFORE AFTER; do
    act "RAISE NOTICE '%', (auth.set_app_role((SELECT id FROM auth.users WHERE email = 'gone@example.com'), 'ADMIN')).status" $when
    like "$when: it decides nothing as the ADMIN" "$(delete)" "permission denied|401|42501"
    act "PERFORM auth.authenticate('$ann')" $when
    like "$when: it binds no token" "$(delete)" "a trigger cannot bind a token in a transaction that has deleted a principal"
    for lasting in "DECLARE later CURSOR WITH HOLD FOR SELECT auth.email()" "PREPARE later AS SELECT auth.email()" "DEALLOCATE ALL" "CREATE TEMP TABLE told (n int)" "LISTEN later"; do
        act "EXECUTE '$lasting'" $when
        like "$when: it leaves the session no ${lasting%% *}" "$(delete)" "cannot .* within security-restricted operation"
    done
    act "EXECUTE 'CREATE DOMAIN pg_temp.uuid AS text'" $when
    like "$when: and no type" "$(delete)" "a trigger cannot create a temporary type"
    act "PERFORM set_config('search_path', 'owned', false)" $when
    is "$when: what it sets ends with it" "$(run app BEGIN "$(deletion)" "SHOW search_path" ROLLBACK)" '200 "$user", public'
done
act "NULL" AFTER
late() { # BODY: what waits for the commit does
    sql "CREATE OR REPLACE FUNCTION owned.late() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN $1; RETURN OLD; END \$\$" \
        "DROP TRIGGER IF EXISTS late ON owned.profile" "CREATE CONSTRAINT TRIGGER late AFTER DELETE ON owned.profile DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION owned.late()" >/dev/null
}
sql "GRANT service_role TO app" >/dev/null
late "SET ROLE service_role"
like "what it puts off takes no role of who deletes" "$(delete)" "cannot set parameter .role. within security-definer function"
late "SET CONSTRAINTS ALL DEFERRED; SET search_path = owned; IF pg_trigger_depth() < 9 THEN INSERT INTO owned.more VALUES (1); END IF"
sql "CREATE TABLE owned.more (n int); ALTER TABLE owned.more OWNER TO owner" "CREATE CONSTRAINT TRIGGER more AFTER INSERT ON owned.more DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION tell()" >/dev/null
is "nor does what that puts off; and what it sets ends with it" "$(run app BEGIN "$(deletion)" "SHOW search_path" "ROLLBACK")" 'after as owner for nobody 200 "$user", public'
late "SET CONSTRAINTS ALL DEFERRED; RAISE NOTICE 'late'"
sql "CREATE TABLE owned.waits (id uuid REFERENCES owned.profile DEFERRABLE INITIALLY DEFERRED); ALTER TABLE owned.waits OWNER TO owner; INSERT INTO owned.waits VALUES ('$gone')" >/dev/null
like "a foreign key of such a table waits for the commit" "$(run app BEGIN "$(deletion)" "SELECT 'still here'" COMMIT)" '^late 200 still here ERROR: .* violates (RESTRICT setting of )?foreign key'
sql "DROP TABLE owned.waits" >/dev/null
sql "CREATE TABLE owned.same (id uuid); ALTER TABLE owned.same OWNER TO other; ALTER TABLE owned.same ADD FOREIGN KEY (id) REFERENCES auth.users ON DELETE CASCADE" "INSERT INTO owned.same VALUES ('$gone')" \
    "CREATE CONSTRAINT TRIGGER late AFTER DELETE ON owned.same DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION tell()" >/dev/null
like "two owners' of one name are refused" "$(delete)" "constraint triggers named .late. on tables of several owners"
sql "DROP TABLE owned.same, owned.more" "DROP TRIGGER late ON owned.profile" "REVOKE service_role FROM app" >/dev/null
is "none of which has deleted anybody" "$(sql "SELECT count(*) FROM owned.profile")" 1
act "NULL" AFTER

table other others.profile auth.users "AFTER"
sql "DELETE FROM owned.profile" "DROP TRIGGER act ON owned.profile" "CREATE TRIGGER \"after\" AFTER DELETE ON owned.profile FOR EACH ROW EXECUTE FUNCTION tell()" >/dev/null
sql "INSERT INTO owned.profile VALUES ('$gone')" "INSERT INTO others.profile VALUES ('$gone')" >/dev/null
is "owners who are several lend each other nothing" "$(delete)" "after as $(since_18 owner authenticated) for nobody after as $(since_18 other authenticated) for nobody 200"
sql "DROP TABLE others.profile, owned.profile, ours.profile" >/dev/null

table postgres ours.profile auth.users ""
table owner owned.detail ours.profile "AFTER"
someone ours.profile owned.detail
is "a table behind a superuser's is somebody's as well" "$(delete)" "after as owner for nobody 200"
sql "DROP TABLE owned.detail, ours.profile" "CREATE TABLE ours.profile (id uuid REFERENCES auth.users ON DELETE CASCADE) PARTITION BY HASH (id)" \
    "CREATE TABLE owned.part PARTITION OF ours.profile FOR VALUES WITH (MODULUS 1, REMAINDER 0)" "ALTER TABLE owned.part OWNER TO owner" \
    "CREATE TRIGGER \"after\" AFTER DELETE ON owned.part FOR EACH ROW EXECUTE FUNCTION tell()" >/dev/null
someone ours.profile
like "and so is a partition" "$(delete)" "^after as $(since_18 postgres owner) for nobody 200"
sql "DROP TABLE ours.profile" >/dev/null

someone
sql "CREATE TABLE owned.address (email text)" "ALTER TABLE owned.address OWNER TO owner" \
    "ALTER TABLE owned.address ADD FOREIGN KEY (email) REFERENCES auth.users (email) ON UPDATE CASCADE ON DELETE CASCADE" "INSERT INTO owned.address VALUES ('gone@example.com')" \
    "CREATE TRIGGER \"after\" AFTER UPDATE ON owned.address FOR EACH ROW EXECUTE FUNCTION tell()" >/dev/null
is "an address that changes is followed in the same way" "$(run app "SELECT (auth.update_user('$gone', '{\"email\": \"new@example.com\"}')).status")" "after as owner for nobody 200"
is "another change of that principal concerns nobody" "$(run app BEGIN "SELECT (auth.update_user('$gone', '{\"firstName\": \"New\"}')).status" "INSERT INTO told VALUES (1)" COMMIT)" "200 after as app for ann@example.com"
sql "DROP TABLE owned.address" >/dev/null

table owner owned.visit auth.sessions "BEFORE AFTER"
sql "SELECT auth.set_password('new@example.com', 'Th1sIsAStrong!Pass')" "SELECT (auth.sign_in('new@example.com', 'Th1sIsAStrong!Pass')).status" \
    "INSERT INTO owned.visit SELECT id FROM auth.sessions WHERE user_id = '$gone'" >/dev/null
is "what hangs on a session goes with its principal" "$(delete)" "before as owner for nobody after as owner for nobody 200"
sql "SELECT auth.add_user('{\"email\": \"gone@example.com\"}')" "SELECT auth.set_password('gone@example.com', 'Th1sIsAStrong!Pass')" \
    "SELECT (auth.sign_in('gone@example.com', 'Th1sIsAStrong!Pass')).status" "UPDATE auth.sessions SET revoked_at = now() - interval '31 days' WHERE user_id <> (SELECT id FROM auth.users WHERE email = 'ann@example.com')" \
    "INSERT INTO owned.visit SELECT id FROM auth.sessions WHERE revoked_at IS NOT NULL" >/dev/null
is "and with its pruning" "$(sql "SELECT auth.prune_sessions()")" "before as owner for nobody after as owner for nobody 1"
is "by which nothing is missing" "$(sql "SELECT count(*) FROM owned.visit" "SELECT count(*) FROM auth.audit_verify()" "SELECT count(*) FROM auth.sessions WHERE user_id = '$gone'")" "0 0 0"

# where a schema auth is somebody else's
sql "CREATE DATABASE elsewhere" >/dev/null
export PGDATABASE=elsewhere
sql "CREATE SCHEMA auth; CREATE TABLE auth.users (id uuid PRIMARY KEY); ALTER TABLE auth.users OWNER TO other; GRANT USAGE ON SCHEMA auth TO other, owner" \
    "CREATE FUNCTION public.tell() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN RAISE NOTICE 'as %', current_user; RETURN NULL; END \$\$" \
    "CREATE TRIGGER tell AFTER DELETE ON auth.users FOR EACH ROW EXECUTE FUNCTION tell()" \
    "CREATE TABLE dependent (id uuid REFERENCES auth.users ON DELETE CASCADE); ALTER TABLE dependent OWNER TO owner" "INSERT INTO auth.users SELECT gen_random_uuid()" >/dev/null
is "no trigger of another's auth.users runs as who references it" "$(sql "LOAD 'pg_principal'" "SET SESSION AUTHORIZATION other" "DELETE FROM auth.users")" "as other"
