-- Bans.

CREATE OR REPLACE FUNCTION auth.settle_all() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    callers_timeout constant text := current_setting('lock_timeout');
BEGIN
    PERFORM auth.try_settle(d.user_id) FROM (SELECT DISTINCT o.user_id FROM auth.decisions o
        ORDER BY 1) AS d;
    DELETE FROM auth.decisions d WHERE d.id IN (SELECT o.id FROM auth.decisions o
        WHERE NOT EXISTS (SELECT FROM auth.users u WHERE u.id = o.user_id) FOR UPDATE SKIP LOCKED);
    IF auth.has_application_triggers('sessions') THEN
        BEGIN
            SET LOCAL lock_timeout = '20ms';
            PERFORM auth.settle_sessions();
            EXECUTE format('SET LOCAL lock_timeout = %L', callers_timeout);
        EXCEPTION WHEN lock_not_available OR deadlock_detected THEN -- by what a trigger writes
            NULL;
        END;
    ELSE
        PERFORM auth.settle_sessions();
    END IF;
    PERFORM auth.settle_grants(), auth.link_audit();
END
$$;
COMMENT ON FUNCTION auth.settle_all() IS
'Internal: brings in whatever was written beside rows that somebody held, where nobody does now.';

CREATE OR REPLACE FUNCTION auth.set_ban(target uuid, until timestamptz, reason text)
    RETURNS auth.users
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    stands auth.users;
    becomes auth.users;
BEGIN
    IF auth.hold(target) THEN
        UPDATE auth.users u SET banned_until = until,
            ban_origin = CASE WHEN until IS NOT NULL THEN 'operator' ELSE u.ban_origin END,
            ban_reason = CASE WHEN until IS NOT NULL THEN reason ELSE u.ban_reason END,
            updated_at = now()
        WHERE u.id = target RETURNING * INTO becomes;
        RETURN becomes;
    END IF;
    SELECT s.* INTO stands FROM auth.users u, auth.standing(u) AS s WHERE u.id = target;
    IF NOT FOUND OR stands.banned_until IS NOT DISTINCT FROM until THEN
        PERFORM auth.refuse_if_outdated(target);
        RETURN stands;
    END IF;
    becomes := stands;
    becomes.banned_until := until;
    becomes.ban_origin := CASE WHEN until IS NOT NULL THEN 'operator' END;
    becomes.ban_reason := CASE WHEN until IS NOT NULL THEN reason END;
    RETURN auth.decide(stands, becomes);
END
$$;
COMMENT ON FUNCTION auth.set_ban(uuid, timestamptz, text) IS
'Internal: bans a principal until then, or with NULL no longer, whoever holds its row. Returns '
'what it is now; NULL: there is none.';

CREATE OR REPLACE FUNCTION auth.ban(email text, duration interval DEFAULT '100 years',
    reason text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    who text := auth.known_email(ban.email);
    target uuid;
BEGIN
    -- an interval of months and days that cancel out may be above zero and yet end in the past
    IF duration IS NULL OR duration <= interval '0' OR duration > interval '290000 years'
        OR auth.later(now(), duration) <= now() THEN
        PERFORM auth.raise_error('ban_duration_invalid', coalesce(duration::text, 'NULL'));
    END IF;
    SELECT u.id INTO target FROM auth.users u WHERE u.email = who;
    IF (auth.set_ban(target, auth.later(clock_timestamp(), duration), reason)).id IS NULL THEN
        PERFORM auth.raise_error('user_missing', coalesce(ban.email, 'NULL'));
    END IF;
END
$$;
COMMENT ON FUNCTION auth.ban(text, interval, text) IS
'Refuses the principal for that long (a day has 24 hours, whatever TimeZone says), and ends every '
'token it has for good, at the next statement everywhere. Waits for nobody who holds the '
'principal: see auth.decisions. 42704 when there is no such principal, 22023 when duration is not '
'above zero.';

CREATE OR REPLACE FUNCTION auth.unban(email text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    target constant uuid := (SELECT u.id FROM auth.users u
        WHERE u.email = auth.known_email(unban.email));
BEGIN
    IF (auth.set_ban(target, NULL, NULL)).id IS NULL THEN
        PERFORM auth.raise_error('user_missing', coalesce(unban.email, 'NULL'));
    END IF;
END
$$;
COMMENT ON FUNCTION auth.unban(text) IS
'Lifts a ban, whoever made it, and waits for nobody. New tokens can be minted; those from before '
'the ban stay dead. After a ban of auth.provision() so does what proved the person: see there. '
'42704 when there is no such principal.';
