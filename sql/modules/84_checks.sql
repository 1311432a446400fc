-- The checks of an installation, one after the other, and those of time, health and standbys.

CREATE OR REPLACE FUNCTION auth.check_health(OUT item text, OUT state text, OUT detail text,
    OUT remedy text) RETURNS SETOF record
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    scan record;
    last timestamptz;
    faults bigint;
BEGIN
    item := 'health scan';
    scan := auth.health_schedule();
    state := CASE WHEN scan.problem IS NULL THEN 'ok'
        WHEN scan.last_status = 'failed' THEN 'error' ELSE 'warning' END;
    detail := coalesce(scan.problem, format('the last one was at %s',
        auth.iso_time(scan.last_scan_at)));
    remedy := coalesce(scan.remedy, CASE WHEN scan.problem IS NOT NULL THEN
        'SELECT * FROM auth.scan_agent_health()' END);
    IF scan.cron_database IS NULL AND scan.problem IS NOT NULL THEN
        detail := detail || ', and there is no pg_cron that would run it';
        remedy := 'Install pg_cron (shared_preload_libraries), then pg_principal health schedule; '
                  'or run pg_principal health scan every hour from another scheduler';
    ELSIF scan.cron_database <> current_database() THEN
        state := 'unknown';
        detail := format('%s; cron.database_name is "%s"', detail, scan.cron_database);
        remedy := 'pg_principal health status, which looks there';
    END IF;
    RETURN NEXT;

    item := 'audit scan';
    SELECT to_timestamp(max(m.value) FILTER (WHERE m.name = 'audit.last_scan')),
        max(m.value) FILTER (WHERE m.name = 'audit.faults') INTO last, faults FROM auth.metrics m;
    state := 'ok';
    detail := format('the last one was at %s, every chain holds', auth.iso_time(last));
    remedy := NULL;
    IF faults > 0 THEN
        state := 'error';
        detail := format('the last scan found %s in the audit', auth.counted(faults, 'fault'));
        remedy := 'pg_principal audit verify, and docs/runbook.md, PgPrincipalAuditBroken';
    ELSIF last IS NULL OR last < clock_timestamp() - interval '48 hours' THEN
        state := 'warning';
        detail := CASE WHEN last IS NULL THEN 'it has never run'
            ELSE format('the last one was at %s', auth.iso_time(last)) END;
        remedy := 'SELECT auth.scan_audit() once a day, by pg_cron (docs/runbook.md)';
    END IF;
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION auth.check_health() IS
'Internal: findings about the scans of health and audit, and pg_cron.';

CREATE OR REPLACE FUNCTION auth.check_clocks(client_ahead interval, OUT item text, OUT state text,
    OUT detail text, OUT remedy text) RETURNS SETOF record
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET intervalstyle = 'postgres' AS $$
DECLARE
    allowed constant interval := make_interval(secs => auth.seconds('clock_skew'));
    ahead constant interval := greatest(client_ahead, -client_ahead);
    standby record;
    remedy_of_clocks constant text := 'Let both follow a time server (chrony, systemd-timesyncd)';
BEGIN
    item := 'clocks';
    state := CASE WHEN client_ahead IS NULL THEN 'unknown' WHEN ahead > allowed THEN 'error'
        ELSE 'ok' END;
    detail := CASE WHEN client_ahead IS NULL THEN 'the caller did not tell the time'
        WHEN ahead > allowed THEN format('the client''s clock is %s %s the server''s: tokens seem '
            'expired, or not yet valid, to who judges them there', date_trunc('second', ahead),
            CASE WHEN client_ahead > interval '0' THEN 'ahead of' ELSE 'behind' END)
        ELSE format('client and server agree within %s', allowed) END;
    remedy := CASE state WHEN 'error' THEN remedy_of_clocks
        WHEN 'unknown' THEN 'pg_principal doctor' END;
    RETURN NEXT;
    -- a standby's answer bears its time; one that is behind looks like one that is silent
    FOR standby IN
        SELECT coalesce(nullif(r.application_name, ''), r.client_addr::text, r.pid::text) AS name,
            r.reply_time - clock_timestamp() AS ahead
        FROM pg_stat_replication r WHERE r.reply_time IS NOT NULL
    LOOP
        CONTINUE WHEN standby.ahead BETWEEN -allowed - interval '1 minute' AND allowed;
        state := CASE WHEN standby.ahead > interval '0' THEN 'error' ELSE 'warning' END;
        detail := CASE WHEN standby.ahead > interval '0' THEN format('the clock of the standby %s '
            'is %s ahead', standby.name, date_trunc('second', standby.ahead))
            ELSE format('the standby %s is silent or its clock behind for %s', standby.name,
                date_trunc('second', -standby.ahead)) END;
        remedy := remedy_of_clocks;
        RETURN NEXT;
    END LOOP;
    IF pg_last_xact_replay_timestamp() > clock_timestamp() + allowed THEN
        state := 'error';
        detail := format('this standby''s clock is %s behind its primary''s',
            date_trunc('second', pg_last_xact_replay_timestamp() - clock_timestamp()));
        remedy := remedy_of_clocks;
        RETURN NEXT;
    END IF;
END
$$;
COMMENT ON FUNCTION auth.check_clocks(interval) IS
'Internal: findings about the clocks of client, server and standbys. client_ahead: by how much the '
'client''s is certainly ahead of this server''s; below zero: behind.';

CREATE OR REPLACE FUNCTION auth.check_writing(OUT item text, OUT state text, OUT detail text,
    OUT remedy text) RETURNS SETOF record
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    item := 'writing';
    state := 'ok';
    detail := 'this server takes writes';
    IF pg_is_in_recovery() THEN
        state := 'warning';
        detail := 'this server is a standby: tokens are verified, nobody signs in';
        remedy := 'Ask the primary for the rest: target_session_attrs=read-write';
        IF pg_get_wal_replay_pause_state() <> 'not paused' THEN
            state := 'error';
            detail := 'replay is paused on this standby: no ban arrives here';
            remedy := 'SELECT pg_wal_replay_resume()';
        ELSIF NOT EXISTS (SELECT FROM pg_stat_wal_receiver) THEN
            detail := 'this standby has no connection to a primary: bans arrive from archived WAL, '
                      'if at all';
            remedy := 'Look at primary_conninfo and the server''s log';
        END IF;
    ELSIF auth.is_on(auth.setting_of(0, 'default_transaction_read_only'))
        OR current_setting('transaction_read_only') = 'on' THEN
        state := 'error';
        detail := 'connections are read-only: nobody signs in, nothing is minted or banned';
        remedy := 'Set default_transaction_read_only to off where it is on';
    END IF;
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION auth.check_writing() IS
'Internal: findings about a standby, and a server that takes no writes.';

CREATE OR REPLACE FUNCTION auth.check_installation(frontend text DEFAULT NULL,
    client_ahead interval DEFAULT NULL, OUT item text, OUT state text, OUT detail text,
    OUT remedy text) RETURNS SETOF record
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET jit = off -- compiling takes longer than looking
AS $$
DECLARE
    checks text;
BEGIN
    FOREACH checks IN ARRAY '{versions,keys,roles,grants,doors,logs,tables,functions,clamps,'
        'collation,health,clocks,writing}'::text[]
    LOOP
        BEGIN -- what one of them stumbles over keeps nobody from the others
            RETURN QUERY EXECUTE format('SELECT c.item, c.state, c.detail, c.remedy FROM '
                'auth.check_%s(%s) AS c', checks, CASE checks WHEN 'versions' THEN '$1'
                    WHEN 'clocks' THEN '$2' ELSE '' END) USING frontend, client_ahead;
        EXCEPTION WHEN OTHERS THEN
            item := checks;
            state := 'unknown';
            detail := format('this could not be checked: %s', SQLERRM);
            remedy := 'Look at the server''s log';
            RETURN NEXT;
        END;
    END LOOP;
END
$$;
COMMENT ON FUNCTION auth.check_installation(text, interval) IS
'For operators: whether this installation is sound, one row for each finding and for each check '
'that found nothing: item, state (ok, warning: to be decided, error: something does not work, lets '
'out what it must not or would be lost, unknown), detail, remedy. frontend: the version of what '
'asks; client_ahead: how far its clock is ahead. Changes nothing. pg_principal doctor prints it; '
'docs/doctor.md has the checks.';
