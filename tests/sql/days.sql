-- A day has 86,400 seconds, whatever TimeZone says.
\getenv here PG_ABS_SRCDIR
\set setup :here /sql/include/setup.sql
\set teardown :here /sql/include/teardown.sql
\i :setup
SELECT z, auth.later('2026-03-28 23:30+01', '1 day') - timestamptz '2026-03-28 23:30+01' AS spring,
    auth.later('2026-10-24 12:00+02', '7 days') - timestamptz '2026-10-24 12:00+02' AS autumn,
    extract(epoch
        FROM auth.later('2026-03-29 12:00+02', '-1 day') - '2026-03-29 12:00+02') / 3600 AS back
FROM unnest('{UTC,Europe/Berlin,America/New_York,Australia/Lord_Howe}'::text[]) AS z,
    LATERAL set_config('TimeZone', z, false);
-- months and years are those of the calendar; infinity stays
SET TimeZone = 'UTC';
SELECT auth.later('2026-01-31 12:00', '1 month'), auth.later('2026-02-28 12:00', '100 years'),
    auth.later('infinity', '1 day'), auth.later(NULL, '1 day'), auth.later(now(), NULL);

-- A zone in which clocks go forward in twelve hours, and one in which they went forward twelve hours ago.
SELECT format('XXX0YYY,%s/%s,%s/0', n, extract(hour FROM t), (n + 100) % 365) AS tomorrow
    FROM (SELECT t, extract(doy FROM t)::integer - 1 AS n
    FROM (SELECT now() AT TIME ZONE 'UTC' + interval '12 hours' AS t) AS c) AS d \gset
SELECT format('XXX0YYY,%s/%s,%s/0', n, extract(hour FROM t), (n + 100) % 365) AS today
    FROM (SELECT t, extract(doy FROM t)::integer - 1 AS n
    FROM (SELECT now() AT TIME ZONE 'UTC' - interval '12 hours' AS t) AS c) AS d \gset
SET TimeZone = :'tomorrow';
SELECT extract(epoch FROM now() + interval '1 day' - now()) AS a_short_day;
UPDATE auth.users SET app_role = 'ADMIN' WHERE email = 'boss@example.com';
CREATE FUNCTION public.regress_left(who text) RETURNS text LANGUAGE sql AS $$
    SELECT round(extract(epoch FROM banned_until - now()) / 3600, 1) || ' hours' FROM auth.users
    WHERE email = who $$;
SELECT auth.ban('ann@example.com', '1 day');
SELECT regress_left('ann@example.com');
SET pg_principal.token = :'boss';
SELECT status FROM auth.ban_user((SELECT id FROM auth.users WHERE email = 'ann@example.com'),
    '7 days');
RESET pg_principal.token;
SELECT regress_left('ann@example.com');
-- months and days that cancel out are no ban
SELECT regress_try('SELECT auth.ban(''ann@example.com'', ''-12 months +361 days'')') ~ '^22023' AS refused;
-- a hundred years are the same everywhere
SELECT auth.remove_person('ann@example.com'), auth.unban('ann@example.com');
SELECT decommissioned FROM auth.provision();
SELECT banned_until = (updated_at AT TIME ZONE 'UTC' +
    interval '100 years') AT TIME ZONE 'UTC' AS a_hundred_years FROM auth.users
    WHERE email = 'ann@example.com';

-- What is pruned: 23 and a half hours are not a day.
SET TimeZone = :'today';
SELECT extract(epoch FROM now() - (now() - interval '1 day')) AS a_short_day;
UPDATE auth.sessions SET created_at = now() - interval '40 hours',
    expires_at = now() - interval '23 hours 30 minutes'
    WHERE id IN (SELECT id FROM auth.list_sessions('boss@example.com'));
SELECT auth.prune_sessions('1 day');
ALTER TABLE auth.audit_log DISABLE TRIGGER keep_audit;
UPDATE auth.audit_log SET created_at = created_at - interval '23 hours 30 minutes';
ALTER TABLE auth.audit_log ENABLE TRIGGER keep_audit;
SELECT auth.audit_prune('1 day');
-- Months and days that cancel out are above zero, and yet begin in the future: nobody's session goes.
SELECT interval '361 days -12 months' > '0' AS above_zero,
    now() - interval '361 days -12 months' > now() AS in_the_future;
SELECT auth.prune_sessions('361 days -12 months');
SELECT auth.prune_sessions('-178000000 years');
SELECT auth.prune_sessions('178000000 years');
RESET TimeZone;
-- nobody adds days to a time in another way
SELECT p.oid::regprocedure AS adds_days FROM pg_proc p
WHERE p.pronamespace = 'auth'::regnamespace AND p.prokind = 'f'
    AND pg_get_functiondef(p.oid) ~ '[+-] \(?(interval )?''[^'']*(day|mon|year)';
DROP FUNCTION public.regress_left(text);
\i :teardown
