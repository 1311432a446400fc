#!/bin/bash
# docs/clamp.md, sentence by sentence: what the owner of a clamped table, its jobs, materialized views, foreign
# keys, dumps and subscriptions meet, and that what the page says to do instead does it.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/harness/cluster.sh
. tests/harness/cluster.sh
# shellcheck source=tests/harness/tap.sh
. tests/harness/tap.sh

dir=$work/clamp
cluster_create "$dir" fsync=off wal_level=logical wal_retrieve_retry_interval=200ms || exit 1
cluster_start "$dir" || exit 1
as() { # USER DATABASE STATEMENT..: the tags or rows of all, or the error
    local user=$1 database=$2 statements=()
    shift 2
    for statement in "$@"; do statements+=(-c "$statement"); done
    psql -XAt -U "$user" -v ON_ERROR_STOP=1 -d "$database" "${statements[@]}" 2>&1
}
super=$(psql -XAtc "SELECT current_user" postgres)

createdb app
as "$super" app "CREATE EXTENSION pg_principal" "SELECT auth.create_signing_key()" \
    "SELECT auth.push_people('[{\"email\": \"ann@example.com\", \"name\": \"Ann\"}, {\"email\": \"ben@example.com\", \"name\": \"Ben\"}]')" "SELECT auth.provision()" \
    "CREATE ROLE owner LOGIN" "CREATE ROLE reader LOGIN" "GRANT CREATE ON SCHEMA public TO owner" \
    "CREATE ROLE maintenance LOGIN BYPASSRLS" "GRANT owner TO maintenance" >/dev/null
ann=$(as "$super" app "SELECT auth.issue('ann@example.com')")
as owner app "CREATE TABLE activity (id int PRIMARY KEY, owner_email text, done boolean, project int)" \
    "CREATE INDEX ON activity (owner_email)" \
    "INSERT INTO activity VALUES (1, 'ann@example.com', true, 1), (2, 'ben@example.com', true, 99)" \
    "CREATE TABLE project (id int PRIMARY KEY)" "INSERT INTO project VALUES (1)" \
    "CREATE MATERIALIZED VIEW busy AS SELECT count(*) AS n FROM activity" >/dev/null
like "clamp says what it meets" "$(as owner app "SELECT auth.clamp('activity', 'owner_email')")" \
    "NOTICE: +rows of public.activity are kept past the clamp in materialized view public.busy"$'\n'"HINT: "
strict() { PGOPTIONS='-c row_security=off' as "$@"; }

# the owner
is "an owner's statements touch no row, in silence" "$(as owner app "SELECT count(*) FROM activity" "UPDATE activity SET done = false" "DELETE FROM activity")" \
    $'0\nUPDATE 0\nDELETE 0'
like "an owner's COPY is refused, whatever the rows" "$(as owner app "COPY activity FROM STDIN" </dev/null)" "COPY FROM not supported with row-level security"
like "an owner's INSERT is refused" "$(as owner app "INSERT INTO activity VALUES (3, 'x@example.com')")" "violates row-level security policy"
like "row_security = off makes it an error" "$(strict owner app "UPDATE activity SET done = false")" 'query would be affected by row-level security policy for table "activity"'
is "changes of the table itself are the owner's as before" "$(as owner app "ALTER TABLE activity ADD COLUMN note text DEFAULT 'x'" "ALTER TABLE activity ALTER COLUMN id TYPE bigint" "CREATE INDEX ON activity (done)")" \
    $'ALTER TABLE\nALTER TABLE\nCREATE INDEX'
is "and keep all rows" "$(as "$super" app "SELECT count(*) FROM activity WHERE note = 'x'")" 2
is "a maintenance role sees and changes all rows, and may change the table" \
    "$(strict maintenance app "UPDATE activity SET done = true" "ALTER TABLE activity ALTER COLUMN note DROP DEFAULT" "BEGIN" "DELETE FROM activity WHERE done" "ROLLBACK")" \
    $'UPDATE 2\nALTER TABLE\nBEGIN\nDELETE 2\nROLLBACK'
is "it stands for the owner: what it makes may be the owner's" "$(as maintenance app "CREATE TABLE made AS SELECT * FROM activity" "ALTER TABLE made OWNER TO owner")" $'SELECT 2\nALTER TABLE'
is "TRUNCATE is the owner's, whatever the clamp" "$(as owner app "BEGIN" "TRUNCATE activity" "ROLLBACK")" $'BEGIN\nTRUNCATE TABLE\nROLLBACK'

# materialized views
is "a REFRESH as a clamped owner empties" "$(as owner app "REFRESH MATERIALIZED VIEW busy" "SELECT n FROM busy")" $'REFRESH MATERIALIZED VIEW\n0'
is "with a token bound it keeps that caller's rows for everybody" "$(PGOPTIONS="-c pg_principal.token=$ann" as owner app "REFRESH MATERIALIZED VIEW busy" "SELECT n FROM busy")" $'REFRESH MATERIALIZED VIEW\n1'
is "a superuser's REFRESH runs as the owner, too" "$(as "$super" app "REFRESH MATERIALIZED VIEW busy" "SELECT n FROM busy")" $'REFRESH MATERIALIZED VIEW\n0'
as "$super" app "ALTER MATERIALIZED VIEW busy OWNER TO maintenance" >/dev/null
is "owned by a maintenance role it holds all rows, whoever refreshes it" "$(as "$super" app "REFRESH MATERIALIZED VIEW busy" "SELECT n FROM busy")" $'REFRESH MATERIALIZED VIEW\n2'

# views
as "$super" app "CREATE VIEW past AS SELECT * FROM activity" "CREATE VIEW asks WITH (security_invoker = true) AS SELECT * FROM activity" \
    "GRANT SELECT ON activity, past, asks TO reader" >/dev/null
count() { PGOPTIONS="-c pg_principal.token=$ann" as "$1" app "SELECT count(*) FROM $2"; }
is "a superuser's view shows all rows, with security_invoker the caller's" "$(count reader past) $(count reader asks)" "2 1"
as owner app "CREATE VIEW owners AS SELECT * FROM activity" "GRANT SELECT ON owners TO reader" >/dev/null
is "a clamped owner's view shows the caller's" "$(count reader owners)" 1

# GRANT ALL
as "$super" app "CREATE ROLE curious LOGIN" "GRANT CREATE ON SCHEMA public TO curious" >/dev/null
as owner app "GRANT ALL ON activity TO curious" >/dev/null
is "the notices tell what GRANT ALL grants besides" "$(as owner app "SELECT string_agg(substring(hint FROM '^REVOKE [A-Z]+'), ', ') FROM auth.clamp_notices('activity', true) WHERE hint LIKE '%curious%'")" \
    "REVOKE TRUNCATE, REVOKE TRIGGER, REVOKE REFERENCES"
as curious app "CREATE TABLE seen (by text, row text)" "CREATE FUNCTION look() RETURNS trigger SECURITY DEFINER LANGUAGE plpgsql AS 'BEGIN INSERT INTO public.seen VALUES (auth.email(), NEW::text); RETURN NULL; END'" \
    "CREATE TRIGGER look AFTER UPDATE ON activity FOR EACH ROW EXECUTE FUNCTION look()" >/dev/null
PGOPTIONS="-c pg_principal.token=$ann" as maintenance app "UPDATE activity SET note = 'x' WHERE id = 2" >/dev/null
is "a trigger is given rows that its maker is not shown" "$(as curious app "SELECT count(*) FROM activity") $(as curious app "SELECT row FROM seen")" "0 (2,ben@example.com,t,99,x)"
as "$super" app "DROP OWNED BY curious CASCADE" "UPDATE activity SET note = NULL" >/dev/null

# foreign keys: row 2 has no project
is "a clamped owner validates a foreign key over rows that violate it" "$(as owner app "ALTER TABLE activity ADD CONSTRAINT activity_project FOREIGN KEY (project) REFERENCES project")" "ALTER TABLE"
is "which it says of itself then" "$(as "$super" app "SELECT convalidated FROM pg_constraint WHERE conname = 'activity_project'")" t
as owner app "ALTER TABLE activity DROP CONSTRAINT activity_project" >/dev/null
like "a maintenance role finds them" "$(as maintenance app "ALTER TABLE activity ADD CONSTRAINT activity_project FOREIGN KEY (project) REFERENCES project")" 'violates foreign key constraint'
as "$super" app "UPDATE activity SET project = 1" >/dev/null
is "and adds it when they are gone" "$(as maintenance app "ALTER TABLE activity ADD CONSTRAINT activity_project FOREIGN KEY (project) REFERENCES project")" "ALTER TABLE"
like "rows that are written are checked whoever writes" "$(PGOPTIONS="-c pg_principal.token=$ann" as maintenance app "UPDATE activity SET project = 99")" 'violates foreign key constraint'
as owner app "CREATE TABLE remark (activity bigint, text text)" "INSERT INTO remark VALUES (2, 'x')" >/dev/null
like "a foreign key to a clamped table is refused over rows that are there" "$(as owner app "ALTER TABLE remark ADD FOREIGN KEY (activity) REFERENCES activity")" 'violates foreign key constraint'
is "and added by a maintenance role" "$(as maintenance app "ALTER TABLE remark ADD FOREIGN KEY (activity) REFERENCES activity ON DELETE CASCADE")" "ALTER TABLE"
is "writers are checked against all rows, and cascades reach all" \
    "$(as owner app "INSERT INTO remark VALUES (1, 'y')"; as maintenance app "BEGIN" "DELETE FROM activity" "SELECT count(*) FROM remark" "ROLLBACK")" $'INSERT 0 1\nBEGIN\nDELETE 2\n0\nROLLBACK'

# unique constraints
as owner app "CREATE TABLE seat (id int PRIMARY KEY, owner_email text)" "INSERT INTO seat VALUES (1, 'ben@example.com')" "CREATE INDEX ON seat (owner_email)" \
    "SELECT auth.clamp('seat', 'owner_email', writes => true)" "GRANT SELECT, INSERT ON seat TO reader" >/dev/null 2>&1
is "a unique constraint covers rows that its writer is not shown, and says no more of them" \
    "$(PGOPTIONS="-c pg_principal.token=$ann" as reader app "SELECT count(*) FROM seat" "INSERT INTO seat VALUES (1, 'ann@example.com') ON CONFLICT DO NOTHING" "INSERT INTO seat VALUES (1, 'ann@example.com')")" \
    $'0\nINSERT 0 0\nERROR:  duplicate key value violates unique constraint "seat_pkey"'

# plans
as owner app "DROP INDEX seat_owner_email_idx" >/dev/null
like "a plan that is run tells that an index has found a row that is not shown" \
    "$(PGOPTIONS="-c pg_principal.token=$ann -c enable_seqscan=off" as reader app "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) SELECT * FROM seat WHERE id = 1")" \
    'Index Cond: .id = 1.*Rows Removed by Filter: 1'
as owner app "CREATE INDEX ON seat (owner_email, id)" "ALTER TABLE seat DROP CONSTRAINT seat_pkey" >/dev/null
is "not where every index begins with the owner" \
    "$(PGOPTIONS="-c pg_principal.token=$ann -c enable_seqscan=off" as reader app "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) SELECT * FROM seat WHERE id = 1" | grep -c 'Rows Removed')" 0

# samples
as "$super" app "CREATE ROLE everything LOGIN IN ROLE pg_read_all_data" "INSERT INTO seat VALUES (2, 'cy@example.com')" "ANALYZE seat" >/dev/null
like "who may read all data is clamped, but reads what ANALYZE has sampled" \
    "$(as everything app "SELECT count(*) FROM seat" "SELECT stavalues1 FROM pg_statistic WHERE starelid = 'seat'::regclass AND staattnum = 2")" '^0.*ben@example'
as "$super" app "DROP ROLE everything" >/dev/null

# without FORCE
as owner app "SELECT auth.clamp('activity', 'owner_email', force => false)" >/dev/null 2>&1
is "force => false: the owner sees and changes all rows, others their own" "$(as owner app "SELECT count(*) FROM activity" "BEGIN" "UPDATE activity SET done = false" "ROLLBACK") $(count reader asks)" \
    $'2\nBEGIN\nUPDATE 2\nROLLBACK 1'
is "and the owner's views show all rows to whoever may read them" "$(count reader owners)" 2
as owner app "SELECT auth.clamp('activity', 'owner_email')" >/dev/null 2>&1

# dump and restore
like "pg_dump as a clamped owner is an error" "$(as_server "$PG_BIN/pg_dump" -h "$PGHOST" -p "$PGPORT" -U owner -d app -t activity 2>&1 >/dev/null)" 'query would be affected by row-level security'
is "with --enable-row-security it is a dump without rows" "$(pg_dump -U owner -d app -t activity --enable-row-security 2>/dev/null | sed -n '/^COPY/,/^\\\./p' | wc -l)" 2
pg_dump -U maintenance -d app -t activity >"$dir/rows.sql" 2>/dev/null
is "as a maintenance role a whole one" "$(sed -n '/^COPY/,/^\\\./p' "$dir/rows.sql" | wc -l)" 4
as "$super" app "ALTER MATERIALIZED VIEW busy OWNER TO owner" "CREATE MATERIALIZED VIEW busy_too AS SELECT count(*) AS n FROM activity" \
    "ALTER MATERIALIZED VIEW busy_too OWNER TO maintenance" >/dev/null
pg_dump -Fc -d app -f "$dir/app.dump" 2>/dev/null
createdb again
like "pg_restore fails at a materialized view of a clamped owner" "$(pg_restore -d again "$dir/app.dump" 2>&1)" 'query would be affected by row-level security policy for table "activity".*REFRESH MATERIALIZED VIEW public.busy'
is "every table has its rows, that view is empty, one of a maintenance role is not" \
    "$(as "$super" again "SELECT count(*) FROM activity" "SELECT relispopulated FROM pg_class WHERE relname = 'busy'" "SELECT n FROM busy_too" | tr '\n' ' ')" "2 f 2 "
is "which a refresh under its new owner mends" "$(as "$super" again "ALTER MATERIALIZED VIEW busy OWNER TO maintenance" "REFRESH MATERIALIZED VIEW busy" "SELECT n FROM busy" | tail -n 1)" 2
as "$super" app "ALTER MATERIALIZED VIEW busy OWNER TO maintenance" >/dev/null
pg_dump -Fc -d app -f "$dir/app.dump" 2>/dev/null
createdb whole
ok "with maintenance roles as owners the restore is whole" pg_restore --exit-on-error -d whole "$dir/app.dump"
is "rows and views" "$(as "$super" whole "SELECT count(*) FROM activity" "SELECT n FROM busy" "SELECT n FROM busy_too" | tr '\n' ' ')" "2 2 2 "
is "as before" "$(as "$super" again "SELECT relforcerowsecurity FROM pg_class WHERE oid = 'activity'::regclass")" t

# logical replication
createdb copy
as "$super" app "CREATE ROLE replica LOGIN REPLICATION" "GRANT SELECT ON activity TO replica" "CREATE PUBLICATION pub FOR TABLE activity" >/dev/null
as "$super" copy "CREATE TABLE activity (id bigint PRIMARY KEY, owner_email text, done boolean, project int, note text)" >/dev/null
copied() { # SUBSCRIPTION: how many rows its first copy brought
    as "$super" app "SELECT pg_create_logical_replication_slot('$1', 'pgoutput')" >/dev/null
    as "$super" copy "TRUNCATE activity" \
        "CREATE SUBSCRIPTION $1 CONNECTION 'host=$PGHOST port=$PGPORT dbname=app user=replica' PUBLICATION pub WITH (create_slot = false, slot_name = '$1')" >/dev/null
    for _ in $(seq 300); do
        [ "$(as "$super" copy "SELECT string_agg(srsubstate, '') FROM pg_subscription_rel")" = r ] && break
        sleep 0.1
    done
    as "$super" copy "SELECT count(*) FROM activity"
}
is "the first copy by a role without BYPASSRLS brings no row, in silence" "$(copied without)" 0
as "$super" app "INSERT INTO activity VALUES (3, 'ben@example.com', true, 1)" >/dev/null
for _ in $(seq 100); do
    [ "$(as "$super" copy "SELECT count(*) FROM activity")" = 1 ] && break
    sleep 0.1
done
is "but every later change of everybody's rows" "$(as "$super" copy "SELECT owner_email FROM activity")" ben@example.com
as "$super" copy "ALTER SUBSCRIPTION without DISABLE" "DROP SUBSCRIPTION without" >/dev/null
as "$super" app "ALTER ROLE replica BYPASSRLS" >/dev/null
is "with BYPASSRLS all rows" "$(copied bypass)" 3
as "$super" copy "DROP SUBSCRIPTION bypass" >/dev/null

# a clamped table that changes are replicated into
createdb target
as "$super" app "SELECT pg_create_logical_replication_slot('into', 'pgoutput')" >/dev/null
as "$super" target "CREATE EXTENSION pg_principal" "GRANT CREATE ON SCHEMA public TO owner" "CREATE ROLE applier LOGIN SUPERUSER" "GRANT owner TO applier" >/dev/null
as owner target "CREATE TABLE activity (id bigint PRIMARY KEY, owner_email text, done boolean, project int, note text)" "CREATE INDEX ON activity (owner_email)" \
    "SELECT auth.clamp('activity', 'owner_email')" >/dev/null 2>&1
as applier target "CREATE SUBSCRIPTION \"into\" CONNECTION 'host=$PGHOST port=$PGPORT dbname=app user=replica' PUBLICATION pub WITH (create_slot = false, slot_name = 'into', enabled = false)" >/dev/null
# before PostgreSQL 16 it writes as its owner, whom it takes a superuser to be
since_16=$(as "$super" target "SELECT current_setting('server_version_num')::int >= 160000")
[ "$since_16" = t ] || as "$super" target "ALTER ROLE applier NOSUPERUSER" >/dev/null
as "$super" target "ALTER SUBSCRIPTION \"into\" ENABLE" >/dev/null
for _ in $(seq 300); do
    grep -q 'cannot replicate into relation with row-level security' "$dir/log" && break
    sleep 0.1
done
is "into a clamped table nothing is replicated" "$(as "$super" target "SELECT count(*) FROM activity")$(grep -c 'cannot replicate into' "$dir/log" | sed 's/[1-9].*/ refused/')" "0 refused"
is "which the notices of the clamp say" "$(as owner target "SELECT message FROM auth.clamp_notices('activity', true) WHERE message LIKE '%subscription%'")" \
    "what subscription \"into\" brings for public.activity is refused, and it stops: the clamp binds the role that writes it"
is "and the doctor" "$(as "$super" target "SELECT state FROM auth.check_installation() WHERE detail LIKE '%subscription \"into\" brings%'")" error
if [ "$since_16" = t ]; then
    as "$super" target "ALTER SUBSCRIPTION \"into\" SET (run_as_owner = true)" >/dev/null
else
    as "$super" target "ALTER ROLE applier BYPASSRLS" >/dev/null
fi
for _ in $(seq 300); do
    [ "$(as "$super" target "SELECT count(*) FROM activity")" = 3 ] && break
    sleep 0.1
done
is "written by a role that no row security binds all arrives, and nothing is said" \
    "$(as "$super" target "SELECT count(*) FROM activity" "SELECT count(*) FROM auth.clamp_notices('activity', true)" | paste -sd ' ')" "3 0"
as "$super" target "ALTER SUBSCRIPTION \"into\" DISABLE" "DROP SUBSCRIPTION \"into\"" >/dev/null
cluster_stop "$dir" fast
