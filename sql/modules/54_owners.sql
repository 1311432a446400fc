-- Who an address belongs to. A row tells two people apart by what it says of them.

CREATE OR REPLACE FUNCTION auth.plain_name(name text) RETURNS text
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
    SELECT lower(btrim(regexp_replace(plain_name.name, '[[:space:]]+', ' ', 'g'))); -- by locale
END;
COMMENT ON FUNCTION auth.plain_name(text) IS
'Internal: a name without the case and the white space that tell nobody apart.';

CREATE OR REPLACE FUNCTION auth.judge_returners(only_one uuid DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    returners uuid[];
    returned record;
    stands auth.users;
    becomes auth.users;
BEGIN
    IF NOT EXISTS (SELECT FROM auth.roster_leavers) THEN
        RETURN;
    END IF;
    -- Planned each time: a plan of when one row came back compares each of 100,000 with all others.
    EXECUTE 'SELECT ARRAY(SELECT l.user_id FROM auth.roster_leavers l
            JOIN auth.users u ON u.id = l.user_id JOIN auth.organization_people o
                ON o.email = u.email
        WHERE $1 IS NULL OR l.user_id = $1 ORDER BY l.user_id)' INTO returners USING only_one;
    IF returners = '{}' THEN
        RETURN;
    END IF;
    PERFORM auth.try_settle(r.user_id) FROM unnest(returners) AS r (user_id);
    -- whom it has banned auth.provision() restores
    FOR returned IN EXECUTE
        'SELECT l.user_id, o.kind
        FROM unnest($1) WITH ORDINALITY AS r (user_id, n)
            JOIN auth.roster_leavers l ON l.user_id = r.user_id
            JOIN auth.users u ON u.id = l.user_id
                JOIN auth.organization_people o ON o.email = u.email
        WHERE (l.held OR l.kind <> o.kind OR auth.plain_name(l.name) <> auth.plain_name(o.name)
                OR lower(l.github_username COLLATE "C") <> lower(o.github_username COLLATE "C"))
            AND u.ban_origin IS DISTINCT FROM ''provision''
        ORDER BY r.n' USING returners
    LOOP
        IF auth.hold(returned.user_id, 1) THEN
            UPDATE auth.users u SET owner_generation = u.owner_generation + 1, on_roster = true,
                kind = returned.kind, updated_at = now()
            WHERE u.id = returned.user_id AND u.ban_origin IS DISTINCT FROM 'provision';
            CONTINUE;
        END IF;
        SELECT s.* INTO stands FROM auth.users u, auth.standing(u) AS s
        WHERE u.id = returned.user_id AND s.ban_origin IS DISTINCT FROM 'provision';
        CONTINUE WHEN NOT FOUND;
        becomes := stands;
        becomes.owner_generation := stands.owner_generation + 1;
        becomes.on_roster := true;
        becomes.kind := returned.kind;
        PERFORM auth.decide(stands, becomes);
    END LOOP;
    -- whoever holds it is making it anew, or deletes the principal
    EXECUTE 'WITH free AS MATERIALIZED (
        SELECT l.user_id FROM unnest($1) AS r (user_id)
            JOIN auth.roster_leavers l ON l.user_id = r.user_id
        FOR UPDATE OF l SKIP LOCKED
    )
    DELETE FROM auth.roster_leavers l USING free f WHERE l.user_id = f.user_id' USING returners;
END
$$;
COMMENT ON FUNCTION auth.judge_returners(uuid) IS
'Internal: for each principal (or the one given) whose row of the roster is back whether that is '
'another owner: of another name or github_username (where both are known) or kind, or after '
'auth.provision() ran. What proved the one before ends.';

CREATE OR REPLACE FUNCTION auth.is_held_off(user_id uuid) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN EXISTS (SELECT FROM auth.roster_leavers l WHERE l.user_id = is_held_off.user_id
        AND l.held);
END
$$;
COMMENT ON FUNCTION auth.is_held_off(uuid) IS
'Internal: whether a principal is off the roster, as auth.provision() saw.';

CREATE OR REPLACE FUNCTION auth.is_banned(principal auth.users) RETURNS boolean
LANGUAGE sql VOLATILE
BEGIN ATOMIC -- becomes part of the statement that asks: volatile, as the clock is
    -- lifting a ban lets in who has left the roster; that time passes does not
    SELECT (is_banned.principal).banned_until IS NOT NULL
        AND ((is_banned.principal).banned_until > clock_timestamp()
            OR auth.is_held_off((is_banned.principal).id));
END;
COMMENT ON FUNCTION auth.is_banned(auth.users) IS
'Internal: whether a principal is refused: banned, or banned until some time ago and off the '
'roster, as auth.provision() saw.';

CREATE OR REPLACE FUNCTION auth.meet_returners() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM auth.judge_returners();
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION auth.meet_returners() IS
'Internal: trigger for rows of the roster that come back.';
CREATE OR REPLACE TRIGGER meet_returners AFTER INSERT ON auth.organization_people
    FOR EACH STATEMENT EXECUTE FUNCTION auth.meet_returners();
CREATE OR REPLACE TRIGGER meet_renamed AFTER UPDATE ON auth.organization_people
    FOR EACH ROW WHEN (OLD.email <> NEW.email) EXECUTE FUNCTION auth.meet_returners();

CREATE OR REPLACE FUNCTION auth.is_agent(kind text, email text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT is_agent.kind = 'service_account' OR is_agent.email LIKE '%-agent@%';
END;
COMMENT ON FUNCTION auth.is_agent(text, text) IS
'Whether the health scan looks after a principal: a service account, or an email that contains '
'-agent@.';
