-- Bans.

CREATE OR REPLACE FUNCTION auth.ban(email text, duration interval DEFAULT '100 years', reason text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    who text := auth.known_email(ban.email);
BEGIN
    -- an interval of months and days that cancel out may be above zero and yet end in the past
    IF duration IS NULL OR duration <= interval '0' OR auth.later(now(), duration) <= now() THEN
        PERFORM auth.raise_error('ban_duration_invalid', coalesce(duration::text, 'NULL'));
    END IF;
    PERFORM auth.take_hold(u.id) FROM auth.users u WHERE u.email = who;
    UPDATE auth.users u
    SET banned_until = auth.later(clock_timestamp(), duration), ban_origin = 'operator', ban_reason = reason, updated_at = now()
    WHERE u.email = who;
    IF NOT FOUND THEN
        PERFORM auth.raise_error('user_missing', coalesce(ban.email, 'NULL'));
    END IF;
END
$$;
COMMENT ON FUNCTION auth.ban(text, interval, text) IS
'Refuses the principal for that long (a day has 24 hours, whatever TimeZone says), and ends every token it has for good, at the next statement everywhere. Who holds up the ban by an open transaction, unless an operator or a superuser, is disconnected after a second. 42704 when there is no such principal, 22023 when duration is not above zero.';

CREATE OR REPLACE FUNCTION auth.unban(email text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE auth.users u SET banned_until = NULL, updated_at = now()
    WHERE u.email = auth.known_email(unban.email);
    IF NOT FOUND THEN
        PERFORM auth.raise_error('user_missing', coalesce(unban.email, 'NULL'));
    END IF;
END
$$;
COMMENT ON FUNCTION auth.unban(text) IS
'Lifts a ban, whoever made it. New tokens can be minted; those from before the ban stay dead. After a ban of auth.provision() so does what proved the person: see there. 42704 when there is no such principal.';
