-- Who runs the health scan, and whether they do.

CREATE OR REPLACE FUNCTION auth.cron_is_here() RETURNS boolean
LANGUAGE sql STABLE
BEGIN ATOMIC
    -- the extension's own function: anybody may make a schema named cron where there is none
    SELECT EXISTS (SELECT FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
                   WHERE d.classid = 'pg_proc'::regclass
                       AND d.objid = to_regprocedure('cron.schedule(text,text,text)')
                     AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
                         AND e.extname = 'pg_cron');
END;
COMMENT ON FUNCTION auth.cron_is_here() IS
'Internal: whether pg_cron is installed in this database.';

CREATE OR REPLACE FUNCTION auth.health_scan_call() RETURNS text
LANGUAGE sql IMMUTABLE
RETURN 'SELECT count(*) FROM auth.scan_agent_health(''pg_principal_health_scan'')';
COMMENT ON FUNCTION auth.health_scan_call() IS
'For operators: what pg_cron is to run for the health scan.';

CREATE OR REPLACE FUNCTION auth.health_job() RETURNS text
LANGUAGE sql STABLE
BEGIN ATOMIC
    -- a name of pg_cron's has at most 63 bytes
    SELECT 'pg_principal_health_scan ' || CASE WHEN octet_length(current_database()) < 38
        THEN current_database()::text
        -- with the caller's rights: nothing internal is called
        ELSE left(encode(sha256(convert_to(current_database(), getdatabaseencoding())), 'hex'), 32)
        END;
END;
COMMENT ON FUNCTION auth.health_job() IS
'For operators: what the job of this database is called where pg_cron, in another one, may run '
'those of several.';

CREATE OR REPLACE FUNCTION auth.orphan_job_query() RETURNS text
LANGUAGE sql IMMUTABLE
RETURN 'SELECT pg_catalog.format(''job %s of pg_cron belongs to the role "%s", which does not '
    'exist, and until it is gone pg_cron may run no job at all'', j.jobid, j.username) AS problem, '
    'pg_catalog.format(''SELECT cron.unschedule(%s::bigint);'', j.jobid) AS remedy '
    'FROM cron.job j WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.rolname '
    'OPERATOR(pg_catalog.=) j.username) ORDER BY j.jobid LIMIT 1';
COMMENT ON FUNCTION auth.orphan_job_query() IS
'For operators: what finds, in the database where pg_cron is, a job whose role was dropped or '
'renamed: pg_cron 1.4 ends over it, and begins again, without end.';

CREATE OR REPLACE FUNCTION auth.require_cron(schedule text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    home text := current_setting('cron.database_name', true);
BEGIN
    CASE
        WHEN auth.cron_is_here() THEN RETURN;
        WHEN home IS NULL THEN PERFORM auth.raise_error('cron_missing');
        WHEN home = current_database() THEN PERFORM auth.raise_error('cron_not_created');
        ELSE PERFORM auth.raise_error('cron_elsewhere', home, CASE WHEN schedule IS NULL
            THEN format('SELECT cron.unschedule(%L)', auth.health_job())
            ELSE format('SELECT cron.schedule_in_database(%L, %L, %L, %L)', auth.health_job(),
                schedule, auth.health_scan_call(), current_database()) END);
    END CASE;
END
$$;
COMMENT ON FUNCTION auth.require_cron(text) IS
'Internal: 55000 unless pg_cron is installed in this database, with what to run where; schedule is '
'NULL when the job is to go.';

CREATE OR REPLACE FUNCTION auth.schedule_health_scan(schedule text DEFAULT '0 * * * *')
    RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    job bigint;
BEGIN
    PERFORM auth.require_cron(coalesce(schedule, '0 * * * *'));
    EXECUTE 'SELECT cron.schedule($1, $2, $3)' INTO job USING 'pg_principal_health_scan', schedule,
        auth.health_scan_call();
    IF current_setting('cron.use_background_workers', true) = 'off' THEN
        RAISE NOTICE 'pg_cron will run this over a connection of its own, as % to host "%"',
            current_user, current_setting('cron.host', true)
            USING HINT = 'Whether pg_hba.conf lets it in shows after the first run: pg_principal '
                         'health status, or auth.health_schedule().';
    END IF;
    RETURN job;
END
$$;
COMMENT ON FUNCTION auth.schedule_health_scan(text) IS
'Has pg_cron run auth.scan_agent_health() in this database, every hour unless told otherwise, as '
'the owner of the extension; called again it changes the schedule. Returns the id of the job in '
'cron.job. 55000 where pg_cron is not in this database, with the statement to run where it is; an '
'unreadable schedule is pg_cron''s error. auth.health_schedule() tells whether the runs succeed.';

CREATE OR REPLACE FUNCTION auth.unschedule_health_scan() RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    job bigint;
BEGIN
    PERFORM auth.require_cron(NULL);
    EXECUTE 'SELECT j.jobid FROM cron.job j WHERE j.jobname = $1 AND j.username = current_user'
        INTO job USING 'pg_principal_health_scan';
    IF job IS NULL THEN
        RETURN false;
    END IF;
    EXECUTE 'SELECT cron.unschedule($1)' USING job;
    RETURN true;
END
$$;
COMMENT ON FUNCTION auth.unschedule_health_scan() IS
'Takes the health scan out of pg_cron. False when it was not scheduled; 55000 where pg_cron is not '
'in this database.';

CREATE OR REPLACE FUNCTION auth.health_schedule(
    OUT last_scan_at timestamptz, OUT cron_database text, OUT job_id bigint, OUT schedule text,
    OUT active boolean,
    OUT last_run_at timestamptz, OUT last_status text, OUT last_message text,
        OUT failed_runs bigint, OUT problem text, OUT remedy text)
RETURNS record
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    late interval;
    port int;
    orphan record;
BEGIN
    SELECT to_timestamp(m.value) INTO last_scan_at FROM auth.read_metrics() AS m
        WHERE m.name = 'agent.health.last_scan';
    cron_database := CASE WHEN auth.cron_is_here() THEN current_database()
        ELSE current_setting('cron.database_name', true) END;
    IF auth.cron_is_here() THEN
        EXECUTE 'SELECT j.jobid, j.schedule, j.active, j.nodeport FROM cron.job j WHERE '
                'j.jobname = $1 AND j.username = current_user AND j.database = current_database()'
            INTO job_id, schedule, active, port USING 'pg_principal_health_scan';
        EXECUTE $query$
            WITH runs AS (SELECT r.* FROM cron.job_run_details r WHERE r.jobid = $1
                AND r.status IN ('succeeded', 'failed'))
            SELECT l.start_time, l.status, l.return_message,
                (SELECT count(*) FROM runs f WHERE f.runid > coalesce((SELECT max(s.runid)
                    FROM runs s WHERE s.status = 'succeeded'), 0))
            FROM (SELECT * FROM runs ORDER BY runid DESC LIMIT 1) AS l $query$
            INTO last_run_at, last_status, last_message, failed_runs USING job_id;
    END IF;
    -- two of its runs, if it is the usual one; what is scheduled elsewhere or otherwise has a day
    late := CASE WHEN schedule = '0 * * * *' THEN interval '2 hours' ELSE interval '25 hours' END;
    IF last_status = 'failed' THEN
        problem := format('the last scheduled run failed: %s', btrim(last_message, E' \n'));
        remedy := CASE WHEN last_message ~ 'connection'
            AND current_setting('cron.use_background_workers', true) = 'off' THEN
            format('Either cron.use_background_workers = on and a restart, or let %s in from host '
                   '"%s" (cron.host) without a password: a line of pg_hba.conf, or a .pgpass file '
                   'of the server''s own user.',
                current_user, current_setting('cron.host', true)) END;
    ELSIF job_id IS NULL AND auth.cron_is_here() THEN
        problem := 'the health scan is not scheduled';
        remedy := 'SELECT auth.schedule_health_scan();';
    ELSIF NOT active THEN
        problem := 'the job of the health scan is not active';
        remedy := format('SELECT cron.alter_job(%s, active => true);', job_id);
    ELSIF last_scan_at IS NULL THEN
        problem := 'no health scan has run yet';
    ELSIF last_scan_at < clock_timestamp() - late THEN
        problem := format('the last health scan was %s hours ago',
            floor(extract(epoch FROM clock_timestamp() - last_scan_at) / 3600));
    END IF;
    -- A job keeps the port of the server where it was made, also in a copy restored from a dump.
    IF problem IS NOT NULL AND active AND port <> current_setting('port')::int
        AND current_setting('cron.use_background_workers', true) = 'off' THEN
        problem := format('%s; pg_cron runs it on port %s, and this server has port %s', problem,
            port, current_setting('port'));
        remedy := format('Either cron.use_background_workers = on and a restart, or as a superuser '
            'UPDATE cron.job SET nodeport = %s WHERE jobid = %s;', current_setting('port'), job_id);
    END IF;
    IF problem IS NOT NULL AND auth.cron_is_here() THEN
        EXECUTE auth.orphan_job_query() INTO orphan;
        IF orphan.problem IS NOT NULL THEN
            problem := format('%s; %s', problem, orphan.problem);
            remedy := format('As a superuser: %s', orphan.remedy);
        END IF;
    END IF;
    IF problem IS NOT NULL AND remedy IS NULL AND NOT auth.cron_is_here() THEN
        remedy := 'pg_principal health schedule';
    END IF;
END
$$;
COMMENT ON FUNCTION auth.health_schedule() IS
'For operators: when the last health scan ran, whoever ran it, and what pg_cron in this database '
'knows of its job: the id, schedule and whether it is active, its last finished run with status '
'(succeeded or failed) and message, and failed_runs, how many have failed since the last that '
'succeeded. NULL where there is no such job or run here; cron_database tells where pg_cron is. '
'problem: what is wrong, NULL when nothing is (a scan is late after two hours on the usual '
'schedule, after 25 hours otherwise); remedy: what to do, if known.';
