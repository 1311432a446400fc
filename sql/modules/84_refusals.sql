-- Refusals over an API: by hour and reason.

CREATE OR REPLACE FUNCTION auth.refusals_by_hour(hours integer DEFAULT 168)
    RETURNS auth.auth_result
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    refused auth.auth_result := auth.refusal_of_caller('AUDITOR', 'ADMIN');
    most constant integer := 50000;
    first_hour timestamptz;
    counted bigint;
    oldest timestamptz;
    found_hours jsonb;
BEGIN
    IF refused.ok IS NOT NULL THEN
        RETURN refused;
    ELSIF (hours BETWEEN 1 AND 720) IS NOT TRUE THEN
        RETURN auth.bad_field('The request was refused', 'hours',
            'must be a whole number between 1 and 720');
    END IF;
    first_hour := date_trunc('hour', now(), 'UTC') - (hours - 1) * interval '1 hour';
    SELECT sum(g.n), min(g.oldest), coalesce(jsonb_agg(jsonb_build_object(
            'hour', auth.iso_time(g.hour), 'what', g.what, 'reason', g.reason, 'count', g.n)
            ORDER BY g.hour, g.what, g.reason), '[]')
    INTO counted, oldest, found_hours
    FROM (SELECT date_bin('1 hour', l.created_at, 'epoch') AS hour, l.what, l.reason, count(*) AS n,
              min(l.created_at) AS oldest
          FROM (SELECT a.created_at, a.reason,
                    CASE WHEN a.changes ? 'signIn' THEN 'signIn' ELSE 'refresh' END AS what
                FROM auth.audit_log a -- as audit_log_refusals has it
                WHERE (a.changes->'signIn'->>'current' = 'refused'
                    OR a.changes->'refreshToken'->>'current' = 'invalidated')
                  AND a.created_at >= first_hour
                ORDER BY a.created_at DESC LIMIT most) AS l
          GROUP BY 1, 2, 3) AS g;
    RETURN ROW(true, 200, NULL, jsonb_build_object('from', auth.iso_time(CASE
            WHEN counted >= most THEN oldest ELSE first_hour END),
        'to', auth.iso_time(now()), 'refusals', found_hours))::auth.auth_result;
END
$$;
COMMENT ON FUNCTION auth.refusals_by_hour(integer) IS
'For AUDITOR and ADMIN: refused sign-ins and refreshes of the last 1 to 720 hours by hour (UTC) '
'and reason, as the audit has them: of each principal, and of all strangers together, '
'pg_principal.max_failure_entries in an hour. The last 50,000 are counted; from tells since when. '
'200 with {from, to, refusals: [{hour, what: signIn or refresh, reason, count}]}; 400, 401, 403.';
