-- Accounts that the roster takes over, and those that it lets go. Who is an account of the roster:
-- whoever has a row there, however the account was made.

CREATE OR REPLACE FUNCTION auth.is_unproven(principal auth.users) RETURNS boolean
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
    SELECT (is_unproven.principal).self_registered
        AND ((is_unproven.principal).email_confirmed_at IS NULL
            OR (is_unproven.principal).email_autoconfirmed);
END;
COMMENT ON FUNCTION auth.is_unproven(auth.users) IS
'Internal: whether a principal registered by itself and nobody has confirmed its email: it may be '
'anybody''s, so its password and sessions end when the roster takes it over.';

CREATE OR REPLACE FUNCTION auth.adopt(target uuid, roster_kind text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    stands auth.users;
    becomes auth.users;
BEGIN
    IF NOT auth.hold(target) THEN
        SELECT s.* INTO stands FROM auth.users u, auth.standing(u) AS s WHERE u.id = target;
        IF FOUND THEN
            becomes := stands;
            becomes.on_roster := true;
            becomes.kind := roster_kind;
            becomes.owner_generation := stands.owner_generation
                + auth.is_unproven(stands)::integer; -- which ends its password and sessions, too
            PERFORM auth.decide(stands, becomes);
        END IF;
        RETURN;
    END IF;
    UPDATE auth.users u SET
        on_roster = true,
        kind = roster_kind,
        self_registered = false,
        password_scheme = CASE WHEN NOT auth.is_unproven(u) THEN u.password_scheme END,
        password_version = u.password_version + (auth.is_unproven(u)
            AND u.password_scheme IS NOT NULL)::integer,
        session_generation = u.session_generation + auth.is_unproven(u)::integer,
        email_confirmed_at = CASE WHEN NOT auth.is_unproven(u) THEN u.email_confirmed_at END,
        email_autoconfirmed = false,
        updated_at = now()
    WHERE u.id = target;
END
$$;
COMMENT ON FUNCTION auth.adopt(uuid, text) IS
'Internal: makes a principal one of the roster, of the kind said there, as auth.provision() does '
'for many.';

CREATE OR REPLACE FUNCTION auth.adopted(principal auth.users) RETURNS auth.users
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    roster_kind text;
BEGIN
    IF EXISTS (SELECT FROM auth.roster_leavers l WHERE l.user_id = principal.id) THEN
        PERFORM auth.judge_returners(principal.id); -- who holds one principal waits for no other
    END IF;
    SELECT s.* INTO principal FROM auth.users u, auth.standing(u) AS s WHERE u.id = principal.id;
    SELECT o.kind INTO roster_kind FROM auth.organization_people o WHERE o.email = principal.email;
    IF FOUND AND (NOT principal.on_roster OR principal.self_registered
        OR principal.kind <> roster_kind) THEN
        PERFORM auth.adopt(principal.id, roster_kind);
    END IF;
    -- Whoever deletes it waits, and then finds the session that is made for it; nobody else is
    -- waited for. A ban that runs beside this makes the session one of an earlier generation.
    PERFORM auth.wait_for(principal.id, 'reference');
    SELECT s.* INTO principal FROM auth.users u, auth.standing(u) AS s WHERE u.id = principal.id;
    RETURN principal;
END
$$;
COMMENT ON FUNCTION auth.adopted(auth.users) IS
'Internal: a principal as it is once the roster has adopted it, kept; NULL when it was deleted '
'meanwhile. It may have been banned meanwhile.';

CREATE OR REPLACE FUNCTION auth.adopt_leavers() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- no principal is locked: what else the transaction does may ask for one, and for what comes
    -- before it
    IF TG_OP = 'TRUNCATE' THEN
        INSERT INTO auth.roster_leavers AS l (user_id, name, github_username, kind)
        SELECT u.id, o.name, o.github_username, o.kind FROM auth.organization_people o
            JOIN auth.users u ON u.email = o.email
        ON CONFLICT (user_id) DO UPDATE SET name = excluded.name,
            github_username = excluded.github_username, kind = excluded.kind;
    ELSE
        INSERT INTO auth.roster_leavers AS l (user_id, name, github_username, kind)
        SELECT u.id, g.name, g.github_username, g.kind FROM gone g JOIN auth.users u
            ON u.email = g.email
        ON CONFLICT (user_id) DO UPDATE SET name = excluded.name,
            github_username = excluded.github_username, kind = excluded.kind;
        PERFORM auth.judge_returners(); -- one statement may do both
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION auth.adopt_leavers() IS
'Internal: trigger that remembers who was on the roster, so that auth.provision() bans them '
'however they were made, and who the roster said they were.';
CREATE OR REPLACE TRIGGER adopt_leavers AFTER DELETE ON auth.organization_people REFERENCING OLD
    TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION auth.adopt_leavers();
CREATE OR REPLACE TRIGGER adopt_all_leavers BEFORE TRUNCATE ON auth.organization_people
    FOR EACH STATEMENT EXECUTE FUNCTION auth.adopt_leavers();
