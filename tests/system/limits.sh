#!/bin/bash
# What docs/threat-model.md says is not defended, shown to be so; and what was mended there.
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
dir=$work/limits
cluster_create "$dir" fsync=off pg_principal.registration=open || exit 1
cluster_start "$dir" || exit 1
sql() { psql -XAtq -v ON_ERROR_STOP=1 -c "$1" 2>&1; }
sql "CREATE EXTENSION pg_principal; CREATE ROLE app LOGIN IN ROLE authenticated; CREATE ROLE owner LOGIN"
sql "CREATE DATABASE owned OWNER owner"
sql "SELECT auth.create_signing_key(); SELECT auth.push_people('[{\"email\": \"mallory@example.com\", \"name\": \"M\"}, {\"email\": \"ann@example.com\", \"name\": \"A\"}]'); SELECT auth.provision(); SELECT auth.set_password('mallory@example.com', 'Th1sIsAStrong!Pass')" >/dev/null
mallory=$(sql "SELECT auth.issue('mallory@example.com')")
as() { PGUSER=$1 PGOPTIONS="${options-}" psql -XAtq -v VERBOSITY=sqlstate -c "$2" 2>&1 | tail -n 1; }

options="-c pg_principal.token=$mallory"
guess="DO \$\$ BEGIN FOR n IN 1..8 LOOP BEGIN PERFORM auth.change_password('no', 'no'); RAISE division_by_zero; EXCEPTION WHEN division_by_zero THEN NULL; END; END LOOP; END \$\$; SELECT (auth.change_password('Th1sIsAStrong!Pass', 'An0therStrong!Pass')).reason"
is "wrong guesses of one's own password lock, also when they are rolled back" "$(as app "$guess")" locked
afresh() { # what was counted is forgotten, and the old token
    sql "SELECT auth.set_password('mallory@example.com', 'Th1sIsAStrong!Pass')" >/dev/null
    mallory=$(sql "SELECT auth.issue('mallory@example.com')")
    options="-c pg_principal.token=$mallory"
}
afresh
for _ in {1..5}; do as app "BEGIN; SELECT auth.change_password('no', 'no'); SELECT pg_terminate_backend(pg_backend_pid())" >/dev/null; done
is "nor does a connection that ends take them back" "$(as app "SELECT (auth.change_password('Th1sIsAStrong!Pass', 'An0therStrong!Pass')).reason")" locked
afresh
cluster_set "$dir" shared_preload_libraries=
cluster_stop "$dir" && cluster_start "$dir" || exit 1
is "but not where the library has no shared memory" "$(as app "$guess")" ""
cluster_set "$dir" shared_preload_libraries=pg_principal
cluster_stop "$dir" && cluster_start "$dir" || exit 1
options="-c pg_principal.token=$(sql "SELECT auth.issue('ann@example.com')")"
is "of 200 changes of one's own profile an hour's are made" "$(as app "SELECT count(*) FILTER (WHERE r.status = 200) || ' ' || count(*) FILTER (WHERE r.status = 429)
    FROM generate_series(1, 200) AS n, LATERAL auth.update_profile(jsonb_build_object('jobTitle', n::text)) AS r")" "120 80"
is "and each of them is audited" "$(sql "SELECT count(*) FROM auth.audit_log WHERE changes ? 'jobTitle'")" 120
unset options
PGDATABASE=owned psql -Xqc "CREATE EXTENSION pg_principal"
is "the owner of a database is not the owner of what is in auth" "$(PGDATABASE=owned as owner "DROP EXTENSION pg_principal CASCADE") $(PGDATABASE=owned as owner "SELECT count(*) FROM auth.users") $(PGDATABASE=owned as owner "CREATE FUNCTION auth.x() RETURNS int LANGUAGE sql AS 'SELECT 1'") $(PGDATABASE=owned as owner "ALTER DATABASE owned SET pg_principal.trust_request_claims = on") $(PGDATABASE=owned as owner "CREATE EVENT TRIGGER t ON ddl_command_start EXECUTE FUNCTION auth.signal_revocation()")" \
    "ERROR:  42501 ERROR:  42501 ERROR:  42501 ERROR:  42501 ERROR:  42501"
is "but may lock it by VACUUM FULL" "$(PGDATABASE=owned as owner "VACUUM FULL auth.users")" ""
PGDATABASE=owned psql -XAtqc "SELECT auth.create_signing_key(); SELECT auth.push_people('[{\"email\": \"own@example.com\", \"name\": \"O\"}]'); SELECT auth.provision()" >/dev/null
own=$(PGDATABASE=owned psql -XAtqc "SELECT auth.issue('own@example.com')")
is "but may give a token to every session that brings none" "$(PGDATABASE=owned as owner "ALTER DATABASE owned SET pg_principal.token = '$own'")$(PGDATABASE=owned as app "SELECT auth.email()")" own@example.com
sql "CREATE ROLE mal LOGIN; CREATE SCHEMA mal AUTHORIZATION mal; GRANT USAGE ON SCHEMA mal TO app; SET SESSION AUTHORIZATION mal; CREATE FUNCTION mal.f() RETURNS text LANGUAGE sql
    AS \$\$ SELECT set_config('pg_principal.token', '$mallory', false) \$\$; CREATE VIEW mal.v AS SELECT mal.f() AS f; GRANT SELECT ON mal.v TO app"
options="-c pg_principal.token=$(sql "SELECT auth.issue('ann@example.com')")"
is "a view of somebody else's may bind a token of its owner's" "$(as app "SELECT f FROM mal.v; SELECT auth.email()")" mallory@example.com
unset options
is "what reads everything reads nothing of ours" "$(sql "CREATE ROLE reader LOGIN IN ROLE pg_read_all_data")$(as reader "SELECT count(*) FROM auth.signing_keys")" 0
# samples of every column, and what is kept apart because of its length, are tables that no row security binds
sql "SELECT auth.create_signing_key(a, false) FROM unnest('{HS256, ES256, RS256, RS512}'::text[]) AS a; SELECT auth.set_password('ann@example.com', 'Th1sIsAStrong!Pass'); ANALYZE" >/dev/null
leaks() { # as what everything reads
    local toast
    {
        PGUSER=reader psql -XAtqc "SELECT stavalues1, stavalues2, stavalues3, stavalues4, stavalues5 FROM pg_statistic"
        for toast in $(sql "SELECT t.oid::regclass FROM pg_class c JOIN pg_class t ON t.oid = c.reltoastrelid WHERE c.relnamespace = 'auth'::regnamespace"); do
            PGUSER=reader psql -XAtqc "SELECT chunk_data FROM $toast"
        done
    } >"$dir/read"
    grep -c . "$dir/read" >&2
    sql "SELECT left(encode(material, 'hex'), 200) FROM auth.signing_keys UNION ALL SELECT encode(material, 'hex') FROM auth.server_keys UNION ALL SELECT hash FROM auth.password_hashes
        UNION ALL SELECT encode(hash, 'hex') FROM auth.refresh_tokens" | grep -Ff - "$dir/read" | cut -c 1-60
}
for _ in 1 2; do sql "SELECT (auth.sign_in('ann@example.com', 'Th1sIsAStrong!Pass')).status; ANALYZE" >/dev/null; done
is "nor secrets in samples or beside the table" "$(leaks 2>"$dir/lines")" ""
like "though it reads samples of much else" "$(sort -n "$dir/lines" | tail -n 1)" '^[0-9]{2,}$'
is "unless it is exempt from row security" "$(sql "ALTER ROLE reader BYPASSRLS")$(as reader "SELECT count(*) > 0 FROM auth.signing_keys WHERE material IS NOT NULL")" t
is "nor what writes everything, but it may lock all" "$(sql "CREATE ROLE writer LOGIN IN ROLE pg_write_all_data")$(as writer "UPDATE auth.users SET app_role = 'ADMIN'")$(as writer "BEGIN; LOCK TABLE auth.users IN ACCESS EXCLUSIVE MODE; ROLLBACK; SELECT 1")" 1
ann=$(sql "SELECT auth.issue('ann@example.com')")
PGUSER=app PGOPTIONS="-c pg_principal.token=$ann" psql -XAtqc "SELECT pg_sleep(60)" >"$dir/slept" 2>&1 &
sleeper=$!
for _ in {1..100}; do
    [ "$(sql "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'")" = 1 ] && break
    sleep 0.1
done
options="-c pg_principal.token=$(sql "SELECT auth.issue('mallory@example.com')")"
is "who shares a database role may cancel what others run" "$(as app "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'")" t
wait "$sleeper"
is "which ends" "$(cat "$dir/slept")" "ERROR:  canceling statement due to user request"
is "and set what its next connections begin with" "$(as app "ALTER ROLE app SET search_path = trap")$(unset options; as app "SHOW search_path")$(as app "ALTER ROLE app RESET search_path")" trap
unset options
# A loop in one statement, that works between its questions once it has asked quickly, and takes no new lock from which it would hear of anything.
job() { # QUESTION: how many more turns a banned principal's job makes, and why it ends
    local turn ends
    ann=$(sql "SELECT auth.issue('ann@example.com')")
    PGUSER=app PGOPTIONS="-c pg_principal.token=$ann" psql -XAtqc "DO \$\$ DECLARE n int := 0; x text; BEGIN
        FOR turn IN 1..300 LOOP FOR quick IN 1..CASE n WHEN 0 THEN 520 ELSE 1 END LOOP x := $1; END LOOP; n := n + 1; PERFORM set_config('application_name', 'turn ' || n, false), pg_sleep(0.02); END LOOP; RAISE NOTICE '% never', n;
        EXCEPTION WHEN invalid_authorization_specification THEN RAISE NOTICE '% %', n, SQLERRM; END \$\$" >"$dir/job" 2>&1 &
    for _ in {1..300}; do
        [[ $(sql "SELECT max(substr(application_name, 6)::int) FROM pg_stat_activity WHERE application_name LIKE 'turn %'") -lt 70 ]] || break
        sleep 0.1
    done
    turn=$(sql "SELECT auth.ban('ann@example.com')" && sql "SELECT substr(application_name, 6) FROM pg_stat_activity WHERE application_name LIKE 'turn %'")
    wait $!
    sql "SELECT auth.unban('ann@example.com')" >/dev/null
    read -r _ ends _ <"$dir/job"
    turn=${turn##*$'\n'}
    sed "s/^NOTICE:  [0-9]* //; s/\$/ at once/" "$dir/job" | if [ $((ends - ${turn:-$ends})) -le 5 ]; then cat; else echo "after $((ends - turn)) turns"; fi
}
for question in "auth.uid()" "auth.has_role('ANALYST')" "auth.owner_is('mallory@example.com', 'person')"; do
    is "a job that has asked often asks again each time: $question" "$(job "$question")" "token refused at once"
done
is "a password from open registration ends when the roster names the address" "$(sql "SELECT (auth.sign_up('{\"email\": \"next@example.com\", \"password\": \"Th1sIsAStrong!Pass\"}')).status; SELECT auth.push_people('[{\"email\": \"next@example.com\", \"name\": \"N\"}]'); SELECT auth.provision(); SELECT (auth.sign_in('next@example.com', 'Th1sIsAStrong!Pass')).status" | paste -sd ' ')" "201 1 (0,0,0,3) 401"
sql "ALTER ROLE app REPLICATION"
sql "SELECT pg_create_logical_replication_slot('s', 'test_decoding')" >/dev/null
sql "UPDATE auth.users SET first_name = 'N' WHERE email = 'mallory@example.com'"
like "a role with REPLICATION reads what is written, hashes included" "$(PGUSER=app psql -XAtqc "SELECT data FROM pg_logical_slot_get_changes('s', NULL, NULL)")" 'argon2id'
is "a collation that calls different emails equal is refused" "$(sql "CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level1', deterministic = false); CREATE TABLE loose (owner text COLLATE ci); INSERT INTO loose VALUES ('mállory@example.com'); SELECT auth.clamp('loose', 'owner'); GRANT SELECT ON loose TO app" | grep -o 'nondeterministic collation' | head -n 1)" "nondeterministic collation"
like "and so is giving one to a clamped column" "$(sql "CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level1', deterministic = false); CREATE TABLE strict (owner text); SELECT auth.clamp('strict', 'owner'); ALTER TABLE strict ALTER owner TYPE text COLLATE ci")" "cannot alter type of a column used in a policy definition"
