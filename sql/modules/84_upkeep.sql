-- The upkeep of the whole over an API: health scans, keys, and whether the audit holds.

CREATE OR REPLACE FUNCTION auth.health_status() RETURNS auth.auth_result
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    refused auth.auth_result := auth.refusal_of_caller('AUDITOR', 'ADMIN');
    found record;
BEGIN
    IF refused.ok IS NOT NULL THEN
        RETURN refused;
    END IF;
    found := auth.health_schedule();
    RETURN ROW(true, 200, NULL, jsonb_build_object(
        'lastScanAt', auth.iso_time(found.last_scan_at), 'cronDatabase', found.cron_database,
        'jobId', found.job_id, 'schedule', found.schedule, 'active', found.active,
        'lastRunAt', auth.iso_time(found.last_run_at), 'lastStatus', found.last_status,
        'lastMessage', found.last_message, 'failedRuns', found.failed_runs,
        'problem', found.problem, 'remedy', found.remedy)
        || (SELECT jsonb_build_object(
                'agents', max(m.value) FILTER (WHERE m.name = 'agent.count'),
                'findings', coalesce(jsonb_object_agg(m.label, m.value)
                    FILTER (WHERE m.name = 'agent.findings'), '{}'))
            FROM auth.metrics m
            WHERE m.name IN ('agent.count', 'agent.findings')))::auth.auth_result;
END
$$;
COMMENT ON FUNCTION auth.health_status() IS
'For AUDITOR and ADMIN: what auth.health_schedule() tells, and, as of the last health scan, how '
'many agents there are and how many findings of each kind are open. 200 with {lastScanAt, '
'cronDatabase, jobId, schedule, active, lastRunAt, lastStatus, lastMessage, failedRuns, problem, '
'remedy, agents, findings: {kind: count}}; 401, 403.';

CREATE OR REPLACE FUNCTION auth.key_states() RETURNS auth.auth_result
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    refused auth.auth_result := auth.refusal_of_caller('AUDITOR', 'ADMIN');
BEGIN
    IF refused.ok IS NOT NULL THEN
        RETURN refused;
    END IF;
    RETURN ROW(true, 200, NULL, jsonb_build_object('keys', (
        SELECT coalesce(jsonb_agg(jsonb_build_object('kid', k.kid, 'alg', k.alg, 'state', k.state,
            'sealed', k.sealed_under IS NOT NULL, 'createdAt', auth.iso_time(k.created_at),
            'activatedAt', auth.iso_time(k.activated_at),
            'retiredAt', auth.iso_time(k.retired_at), 'revokedAt', auth.iso_time(k.revoked_at))
            ORDER BY k.state <> 'in_use', k.created_at DESC, k.kid), '[]')
        FROM auth.signing_keys k)))::auth.auth_result;
END
$$;
COMMENT ON FUNCTION auth.key_states() IS
'For AUDITOR and ADMIN: every signing key, the one in use first, then the newest; never its '
'material. 200 with {keys: [{kid, alg, state, sealed, createdAt, activatedAt, retiredAt, '
'revokedAt}]}; 401, 403.';

CREATE OR REPLACE FUNCTION auth.audit_status() RETURNS auth.auth_result
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    refused auth.auth_result := auth.refusal_of_caller('AUDITOR', 'ADMIN');
BEGIN
    IF refused.ok IS NOT NULL THEN
        RETURN refused;
    END IF;
    RETURN ROW(true, 200, NULL, (SELECT jsonb_build_object(
            'lastScanAt', auth.iso_time(to_timestamp(max(m.value)
                FILTER (WHERE m.name = 'audit.last_scan'))),
            'faults', max(m.value) FILTER (WHERE m.name = 'audit.faults'))
        FROM auth.metrics m WHERE m.name IN ('audit.last_scan', 'audit.faults'))
        || jsonb_build_object('lastSeal', (SELECT jsonb_build_object('number', s.id, 'sealedAt',
            auth.iso_time(s.sealed_at), 'chains', s.chains, 'digest', encode(s.digest, 'hex'))
            FROM auth.audit_seals s ORDER BY s.id DESC LIMIT 1)))::auth.auth_result;
END
$$;
COMMENT ON FUNCTION auth.audit_status() IS
'For AUDITOR and ADMIN: when auth.scan_audit() last ran, how many faults it found, and the last '
'seal. 200 with {lastScanAt, faults, lastSeal: {number, sealedAt, chains, digest}}, each null '
'where there is none; 401, 403.';

CREATE OR REPLACE FUNCTION auth.check_audit() RETURNS auth.auth_result
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    refused auth.auth_result := auth.refusal_of_caller('AUDITOR', 'ADMIN');
BEGIN
    IF refused.ok IS NOT NULL THEN
        RETURN refused;
    END IF;
    RETURN ROW(true, 200, NULL, (SELECT jsonb_build_object('holds', count(*) = 0,
            'faults', coalesce(jsonb_agg(jsonb_build_object('userId', f.user_id, 'entry', f.seq,
                'fault', f.fault) ORDER BY f.ordinality), '[]'),
            'checkedAt', auth.iso_time(clock_timestamp()))
        FROM (SELECT * FROM auth.audit_verify() WITH ORDINALITY LIMIT 100) AS f))::auth.auth_result;
END
$$;
COMMENT ON FUNCTION auth.check_audit() IS
'For AUDITOR and ADMIN: auth.audit_verify() now, which reads every entry. 200 with {holds, faults: '
'[{userId, entry, fault}], checkedAt}, at most 100 faults; 401, 403.';
