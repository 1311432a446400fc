#!/bin/bash
# pg_cron runs the health scan: what was refused to an agent is reported once, in a row, a counter and
# a line of the server log, across restarts and crashes. Uses of tokens are noted in shared memory and
# carried over by the scan, each database its own.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/harness/cluster.sh
. tests/harness/cluster.sh
# shellcheck source=tests/harness/tap.sh
. tests/harness/tap.sh

dir=$work/health
cluster_create "$dir" fsync=off || exit 1
cluster_start "$dir" || exit 1

sql() { # DATABASE STATEMENT..: the last one's answer, or the error
    local database=$1 statements=()
    shift
    for statement in "$@"; do statements+=(-c "$statement"); done
    psql -XqAt -v ON_ERROR_STOP=1 -d "$database" "${statements[@]}" 2>&1
}
wait_for() { # SECONDS DATABASE QUERY: until it answers t
    local end=$((SECONDS + $1))
    until [ "$(sql "$2" "$3")" = t ]; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.3
    done
}
start() { # DATABASE: with one agent
    sql "$1" "CREATE EXTENSION pg_principal" "SELECT auth.create_signing_key()" \
        "SELECT auth.push_people('[{\"email\": \"etl@example.com\", \"name\": \"ETL\", \"kind\": \"service_account\"}]')" \
        "SELECT auth.provision()" "SELECT auth.set_password('etl@example.com', 'Th1sIsAStrong!Pass')"
}
fail_to_refresh() { # DATABASE: with a refresh token whose secret is wrong
    sql "$1" "SELECT reason FROM auth.refresh((SELECT left(payload->'tokens'->>'refreshToken', -6) || 'AAAAAA'
        FROM auth.sign_in('etl@example.com', 'Th1sIsAStrong!Pass')), '{\"ip\": \"192.0.2.7\"}')"
}
detected() { grep -a 'agent\.[a-z_.]*detected' "$dir/log" | sed -n 's/^.* WARNING:  //p'; }

has_cron() { [ -f "$("$pg_config" --pkglibdir)/pg_cron.so" ]; }
has_cron || echo "ok - pg_cron runs the health scan # skipped: there is no pg_cron for this server"

# A server that wants a password of its own superuser, as Debian's does by TCP, and a pg_cron that connects.
locked=$work/health_locked
locked_out() {
    cluster_create "$locked" fsync=off cron.host="$locked" cron.use_background_workers=off || exit 1
    cluster_start "$locked" || exit 1
    start postgres >/dev/null
    sql postgres "CREATE ROLE tester SUPERUSER LOGIN" "CREATE EXTENSION pg_cron" >/dev/null
    sed -i '1i local all postgres scram-sha-256' "$locked/data/pg_hba.conf"
    PGUSER=tester sql postgres "SELECT pg_reload_conf()" >/dev/null
    answer=$(PGUSER=tester sql postgres "SELECT auth.schedule_health_scan('* * * * *')")
    like "a pg_cron that connects: a notice says as whom" "$answer" 'NOTICE: .*as postgres to host "/.*'
    like "and how to see whether it may" "$answer" 'HINT: .*health status'

    (export PGUSER=tester && other_port)
}

# A copy that was restored from a dump has the port of the server that was dumped (findings/pg-cron-restored-jobs.sh).
other_port() {
    local port
    port=$(sql postgres "SHOW port")
    like "a job of another server's port" "$(sql postgres "BEGIN" "SELECT auth.schedule_health_scan('* * * * *') > 0" "UPDATE cron.job SET nodeport = 1" "SELECT problem, remedy FROM auth.health_schedule()" "ROLLBACK")" \
        "; pg_cron runs it on port 1, and this server has port $port.Either .*SET nodeport = $port WHERE jobid = [0-9]+;\$"
    # rolled back: pg_cron never sees it
    like "a job whose role has been dropped" "$(sql postgres "BEGIN" "SELECT cron.schedule('bill', '0 0 1 1 *', 'SELECT 1') > 0" "UPDATE cron.job SET username = 'leaver' WHERE jobname = 'bill'" "SELECT problem, remedy FROM auth.health_schedule()" "ROLLBACK")" \
        '; job [0-9]+ of pg_cron belongs to the role "leaver", which does not exist, and .*As a superuser: SELECT cron.unschedule\([0-9]+::bigint\);$'
    createdb other
    start other >/dev/null
    PGDATABASE=other "$PG_PRINCIPAL" health schedule --at '0 0 1 1 *' >/dev/null
    sql postgres "UPDATE cron.job SET nodeport = 1 WHERE database = 'other'" >/dev/null
    is "also of another database's" "$(PGDATABASE=other "$PG_PRINCIPAL" health status --output json 2>/dev/null | jq -c '[.problem, (.remedy | test("in the database \"postgres\", UPDATE cron.job SET nodeport = [0-9]+ WHERE jobid = [0-9]+;")), has("port", "otherPort")]')" \
        "[\"no health scan has run yet; pg_cron runs it on port 1, and this server has port $port\",true,false,false]"
    sql postgres "UPDATE cron.job SET nodeport = $port WHERE database = 'other'" >/dev/null
    is "and of this server's nothing" "$(PGDATABASE=other "$PG_PRINCIPAL" health status --output json 2>/dev/null | jq -r .problem)" "no health scan has run yet"
    # not active, and no longer than it is looked at, for pg_cron would end over it
    is "a job of a role that is gone is told there, too" "$(sql postgres "INSERT INTO cron.job (schedule, command, nodename, nodeport, database, username, active)
            VALUES ('0 0 1 1 *', 'SELECT 1', '', $port, 'postgres', 'leaver', false)" && PGDATABASE=other "$PG_PRINCIPAL" health status --output json 2>/dev/null |
        jq -r '.problem, .remedy' | sed -E 's/(job |[(])[0-9]+/\1N/')" 'no health scan has run yet; job N of pg_cron belongs to the role "leaver", which does not exist, and until it is gone pg_cron may run no job at all
As a superuser, in the database "postgres": SELECT cron.unschedule(N::bigint);'
    sql postgres "DELETE FROM cron.job WHERE username = 'leaver'" >/dev/null
    PGDATABASE=other "$PG_PRINCIPAL" health schedule --remove >/dev/null
}

scheduled() {
    like "and a hint where it is" "$answer" 'HINT: .*database "postgres"'
    call=$(sed -n 's/^HINT: .*there: \(SELECT cron.*)\);.*/\1/p' <<<"$answer")
    PGDATABASE=other "$PG_PRINCIPAL" health status >"$work/out" 2>"$work/err"
    is "a pg_cron that nobody has created" "$?|$(head -n 2 "$work/err")" '1|pg_principal: pg_cron is not in the database "postgres", which is to have it
  hint: There: CREATE EXTENSION pg_cron; or let cron.database_name be another than postgres.'
    for verb in "health schedule" "health schedule --remove"; do
        # shellcheck disable=SC2086
        is "nor does it run anything: $verb" "$(PGDATABASE=other "$PG_PRINCIPAL" $verb 2>&1 | head -n 1)" 'pg_principal: pg_cron is not in the database "postgres", which is to have it'
    done
    ok "pg_cron is there" sql postgres "CREATE EXTENSION pg_cron"
    is "the hint's statement, there" "$(sql postgres "$call" "SELECT jobname, schedule, database, command FROM cron.job" | tail -n 1)" \
        "pg_principal_health_scan other|0 * * * *|other|SELECT count(*) FROM auth.scan_agent_health('pg_principal_health_scan')"
    call=$(sql other "SELECT auth.unschedule_health_scan()" | sed -n 's/^HINT: .*there: \(SELECT cron.*)\);.*/\1/p')
    is "and out again" "$(sql postgres "$call" "SELECT count(*) FROM cron.job")" "t
0"
    is "the command does it by itself" "$(PGDATABASE=other "$PG_PRINCIPAL" health schedule --at '5 * * * *')" "scheduled the health scan: 5 * * * *"
    is "over a second connection" "$(sql postgres "SELECT jobname, schedule, database FROM cron.job")" "pg_principal_health_scan other|5 * * * *|other"
    is "and tells of it" "$(PGDATABASE=other "$PG_PRINCIPAL" health status --output json 2>/dev/null | jq -c '[.cronDatabase, .jobId > 0, .schedule, .active, .problem]')" \
        '["postgres",true,"5 * * * *",true,"no health scan has run yet"]'
    sql other "CREATE ROLE op LOGIN IN ROLE auth_operator" >/dev/null
    is "an operator who may not use pg_cron" "$(PGUSER=op PGDATABASE=other "$PG_PRINCIPAL" health status 2>&1)" 'pg_principal: op may not use pg_cron in the database "postgres"
  hint: Do this as who scheduled it, or as a superuser.'
    sql postgres "GRANT USAGE ON SCHEMA cron TO op" >/dev/null
    like "nor may see the jobs of others" "$(PGUSER=op PGDATABASE=other "$PG_PRINCIPAL" health status 2>&1)" 'pg_cron shows nobody the jobs of others.*hint: Do this as who'
    like "which is no error of the installation" "$(PGUSER=op PGDATABASE=other "$PG_PRINCIPAL" doctor 2>/dev/null)" 'unknown  health scan: .*the jobs of others'
    is "nor may schedule" "$(PGUSER=op PGDATABASE=other "$PG_PRINCIPAL" health schedule 2>&1)" 'pg_principal: op may not schedule anything by pg_cron in the database "postgres"
  hint: Do this as a superuser.'
    PGDATABASE=other "$PG_PRINCIPAL" health schedule --remove >/dev/null
    sql postgres "GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA cron TO op; GRANT SELECT ON ALL TABLES IN SCHEMA cron TO op" >/dev/null
    PGUSER=op PGDATABASE=other "$PG_PRINCIPAL" health schedule >/dev/null
    is "one who may, and reads no settings of the server, sees the job" "$(PGUSER=op PGDATABASE=other "$PG_PRINCIPAL" health status --output json 2>/dev/null | jq -c '[.jobId > 0, .problem]')" '[true,"no health scan has run yet"]'
    PGUSER=op PGDATABASE=other "$PG_PRINCIPAL" health schedule --remove >/dev/null
    is "and takes it out" "$(sql postgres "SELECT count(*) FROM cron.job")" 0
    for db in other postgres; do
        is "what is not scheduled in $db is not taken out" "$(PGDATABASE=$db "$PG_PRINCIPAL" health schedule --remove 2>&1; echo $?)" "pg_principal: the health scan is not scheduled
1"
    done
    is "what is not scheduled is a problem" "$(sql postgres "SELECT problem, remedy FROM auth.health_schedule()")" \
        "the health scan is not scheduled|SELECT auth.schedule_health_scan();"
    is "nothing to take out yet" "$(sql postgres "SELECT auth.unschedule_health_scan()")" f
    is "every hour unless told otherwise" "$(sql postgres "SELECT auth.schedule_health_scan() > 0" "SELECT schedule FROM cron.job")" "t
0 * * * *"
    like "another schedule, the same job" "$(sql postgres "SELECT auth.schedule_health_scan('* * * * *')" "SELECT count(*), min(schedule) FROM cron.job")" '1.\* \* \* \* \*$'
    like "a bad schedule is refused" "$(sql postgres "SELECT auth.schedule_health_scan('now and then')")" 'ERROR: .*now and then'
    is "and changes nothing" "$(sql postgres "SELECT schedule, database, username FROM cron.job")" "* * * * *|postgres|postgres"
}
! has_cron || locked_out
cluster_use "$dir"

# Where pg_cron is not.
createdb other
start other >/dev/null
answer=$(sql other "SELECT auth.schedule_health_scan()")
like "without pg_cron: a clear error" "$answer" 'ERROR: .*pg_cron'
like "nor is anything to take out" "$(sql other "SELECT auth.unschedule_health_scan()")" 'ERROR: .*pg_cron'
sql other "CREATE SCHEMA cron" "CREATE FUNCTION cron.schedule(text, text, text) RETURNS bigint LANGUAGE sql AS 'SELECT 666'" >/dev/null
like "nor does a schema of that name do" "$(sql other "SELECT auth.schedule_health_scan()")" 'ERROR: .*pg_cron'

start postgres >/dev/null
! has_cron || scheduled
is "a refresh is refused" "$(fail_to_refresh postgres)" hash-mismatch
refused_at=$(sql postgres "SELECT clock_timestamp()") # a minute may have begun, and a scan, before

# Both survive a restart without a checkpoint.
cluster_stop "$dir" immediate
cluster_start "$dir" || exit 1
! has_cron || is "the job survives a restart" "$(sql postgres "SELECT jobname, schedule, active FROM cron.job")" "pg_principal_health_scan|* * * * *|t"
is "and so does the incident" "$(sql postgres "SELECT count(*), count(detected_at) FROM auth.incidents WHERE kind = 'refresh_failure'")" "1|0"
is "and the counter" "$(sql postgres "SELECT label, value FROM auth.read_metrics() WHERE name = 'auth.refresh.failures'")" "hash-mismatch|1"

ran_by_itself() {
    if wait_for 80 postgres "SELECT EXISTS (SELECT FROM cron.job_run_details WHERE status = 'succeeded' AND command ~ 'scan_agent_health' AND start_time > '$refused_at')"; then
        echo "ok - pg_cron has run the scan"
    else
        echo "not ok - pg_cron has run the scan"
        sql postgres "SELECT * FROM cron.job_run_details" | sed 's/^/    /'
    fi
    is "and says that all is well" "$(sql postgres "SELECT last_scan_at > now() - interval '1 minute', cron_database, job_id > 0, schedule, active, last_status, failed_runs, problem FROM auth.health_schedule()")" \
        "t|postgres|t|* * * * *|t|succeeded|0|"
    ok "so does the command" "$PG_PRINCIPAL" health status
}
if has_cron; then
    ran_by_itself
else
    sql postgres "SELECT auth.scan_agent_health('pg_principal_health_scan')" >/dev/null
fi
is "the incident is detected" "$(sql postgres "SELECT count(*), count(detected_at) FROM auth.incidents WHERE kind = 'refresh_failure'")" "1|1"
is "and counted once" "$(sql postgres "SELECT value FROM auth.read_metrics() WHERE name = 'agent.refresh.failures'")" 1
is "and logged once" "$(detected | wc -l)" 1
is "as one line of JSON" "$(detected | jq -c '[keys, .event, .scheduleId, .email, .reason, (.metadata.generation), (.createdAt | test("^20[0-9-]+T[0-9:.]+Z$"))]')" \
    '[["createdAt","email","event","metadata","reason","scheduleId","userId"],"agent.refresh.failure.detected","pg_principal_health_scan","etl@example.com","hash-mismatch",1,true]'
is "about that principal" "$(detected | jq -r .userId)" "$(sql postgres "SELECT id FROM auth.users")"
is "a scan by hand reports nothing again" "$(sql postgres "SELECT count(*) FROM auth.scan_agent_health()")" 0
is "and leaves the counter" "$(sql postgres "SELECT value FROM auth.read_metrics() WHERE name = 'agent.refresh.failures'")" 1
switched_off() {
    sql postgres "SELECT cron.alter_job(jobid, active => false) FROM cron.job" >/dev/null
    like "a job that was switched off" "$(sql postgres "SELECT problem, remedy FROM auth.health_schedule()")" 'not active.SELECT cron.alter_job\([0-9]+, active => true\);$'
    is "unscheduled" "$(sql postgres "SELECT auth.unschedule_health_scan()" "SELECT count(*) FROM cron.job")" "t
0"
}
! has_cron || switched_off

# A backend is killed: the server starts over.
fail_to_refresh postgres >/dev/null
psql -XqAt -c "SELECT pg_sleep(60)" >/dev/null 2>&1 &
sleeper=$!
wait_for 10 postgres "SELECT count(*) = 1 FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)'"
as_server kill -9 "$(sql postgres "SELECT pid FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)'")"
wait "$sleeper"
wait_for 30 postgres "SELECT true"
is "metrics and incidents survive a crash" "$(sql postgres "SELECT count(*), count(detected_at) FROM auth.incidents WHERE kind = 'refresh_failure'" "SELECT name, value FROM auth.read_metrics() WHERE name ~ 'refresh.failures'")" "2|1
agent.refresh.failures|1
auth.refresh.failures|2"
is "what came last is reported then" "$(sql postgres "SELECT reason FROM auth.scan_agent_health('by hand')")" hash-mismatch
is "under the name of that scan" "$(detected | tail -n 1 | jq -r .scheduleId)" "by hand"
is "no chain is broken" "$(sql postgres "SELECT * FROM auth.audit_verify()")" ""

# Uses of tokens.
used() { sql "$1" "SELECT auth.list_sessions('etl@example.com')" "SELECT label || ':' || (last_used_at > now() - interval '1 minute')::text FROM auth.list_sessions('etl@example.com') WHERE origin = 'issued' AND last_used_at IS NOT NULL" | grep -v '^('; }
here=$(sql postgres "SELECT auth.issue('etl@example.com', '90d', 'here')")
there=$(sql other "SELECT auth.issue('etl@example.com', '90d', 'there')")
sql postgres "SELECT auth.issue('etl@example.com', '90d', 'idle')" >/dev/null
PGOPTIONS="-c pg_principal.token=$here" sql postgres "SELECT auth.email()" >/dev/null
PGOPTIONS="-c pg_principal.token=$there" sql other "SELECT auth.email()" >/dev/null
is "a use is not written by who reads" "$(used postgres)" ""
sql postgres "BEGIN" "SELECT count(*) FROM auth.scan_agent_health()" "ROLLBACK" >/dev/null
sql postgres "DO \$\$ BEGIN PERFORM auth.scan_agent_health(); RAISE division_by_zero; EXCEPTION WHEN division_by_zero THEN NULL; END \$\$"
is "nor by a scan that is taken back" "$(used postgres)" ""
is "but by the next one" "$(sql postgres "SELECT count(*) FROM auth.scan_agent_health()" >/dev/null && used postgres)" here:true
is "which takes nothing of another database" "$(used other; sql other "SELECT count(*) FROM auth.scan_agent_health()" >/dev/null && used other)" there:true
cluster_stop "$dir" fast

# The one that nobody lets in.
has_cron || exit 0
cluster_use "$locked"
export PGUSER=tester
wait_for 80 postgres "SELECT last_status = 'failed' FROM auth.health_schedule()"
is "a scheduled scan that never runs is a problem" \
    "$(sql postgres "SELECT last_scan_at IS NULL, job_id > 0, last_status, failed_runs > 0, problem FROM auth.health_schedule()")" \
    "t|t|failed|t|the last scheduled run failed: connection failed"
like "with two ways out" "$(sql postgres "SELECT remedy FROM auth.health_schedule()")" 'cron.use_background_workers = on.*pg_hba.conf'
cluster_stop "$locked" fast
