-- The roster and what becomes of its rows.

CREATE OR REPLACE FUNCTION auth.read_roster(rows jsonb) RETURNS SETOF auth.roster_row
LANGUAGE c IMMUTABLE STRICT AS 'MODULE_PATHNAME', 'pg_principal_read_roster';
COMMENT ON FUNCTION auth.read_roster(jsonb) IS
'Internal: the rows of a JSON array of objects by the rules that need no database; the command line checks files by the same code.';

CREATE OR REPLACE FUNCTION auth.shell_word(word text) RETURNS text
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
    SELECT CASE WHEN shell_word.word ~ '^[A-Za-z0-9@._+-]+$' THEN shell_word.word
        ELSE '''' || replace(shell_word.word, '''', E'''\\''''') || '''' END;
END;
COMMENT ON FUNCTION auth.shell_word(text) IS 'Internal: a text as one word of a command that somebody copies into a shell.';

CREATE OR REPLACE FUNCTION auth.push_people(rows jsonb, OUT imported integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    pushed auth.roster_row[];
    bad integer;
    problems text;
BEGIN
    IF rows IS NULL THEN
        PERFORM auth.raise_error('roster_not_an_array', 'NULL');
    END IF;
    SELECT coalesce(array_agg(r), '{}') INTO pushed FROM auth.read_roster(rows) AS r;
    LOCK TABLE auth.organization_people IN SHARE ROW EXCLUSIVE MODE; -- as auth.provision() will, perhaps in this transaction

    WITH problem (row_number, reason) AS (
        SELECT r.row_number, r.problem FROM unnest(pushed) AS r WHERE r.problem IS NOT NULL
        UNION ALL
        SELECT r.row_number, format('manager_email "%s" is neither on the roster nor among these rows', r.manager_email)
        FROM unnest(pushed) AS r
        WHERE r.manager_email IS NOT NULL
          AND NOT EXISTS (SELECT FROM auth.organization_people o WHERE o.email = r.manager_email)
          AND r.manager_email NOT IN (SELECT p.email FROM unnest(pushed) AS p WHERE p.email IS NOT NULL)
          AND position('@' IN r.manager_email) > 0
        UNION ALL
        SELECT r.row_number, format('github_username "%s" belongs to %s; if that is the same person under a new address, rename first: pg_principal people rename --from=%s --to=%s',
            o.github_username, o.email, auth.shell_word(o.email), auth.shell_word(r.email))
        FROM unnest(pushed) AS r JOIN auth.organization_people o ON lower(o.github_username COLLATE "C") = lower(r.github_username COLLATE "C")
        WHERE o.email <> r.email
          AND o.email NOT IN (SELECT p.email FROM unnest(pushed) AS p WHERE p.email IS NOT NULL)
    ), numbered AS (
        SELECT format('row %s: %s', p.row_number, p.reason) AS line,
               row_number() OVER (ORDER BY p.row_number, p.reason) AS n, count(*) OVER () AS total
        FROM problem p
    )
    SELECT max(total), string_agg(line, E'\n' ORDER BY n) FILTER (WHERE n <= 20)
        || CASE WHEN max(total) > 20 THEN format(E'\nand %s more', max(total) - 20) ELSE '' END
    INTO bad, problems FROM numbered;
    IF bad > 0 THEN
        PERFORM auth.raise_error('roster_refused', bad::text, jsonb_array_length(rows)::text, problems);
    END IF;

    INSERT INTO auth.organization_people AS o
        (email, name, github_username, discipline, level, track, manager_email, team, kind)
    SELECT r.email, r.name, r.github_username, r.discipline, r.level, r.track, r.manager_email, r.team, r.kind
    FROM unnest(pushed) AS r
    ON CONFLICT (email) DO UPDATE SET
        name = excluded.name, github_username = excluded.github_username, discipline = excluded.discipline,
        level = excluded.level, track = excluded.track, manager_email = excluded.manager_email,
        team = excluded.team, kind = excluded.kind, updated_at = now()
    WHERE (o.name, o.github_username, o.discipline, o.level, o.track, o.manager_email, o.team, o.kind)
        IS DISTINCT FROM (excluded.name, excluded.github_username, excluded.discipline, excluded.level,
                          excluded.track, excluded.manager_email, excluded.team, excluded.kind);
    imported := cardinality(pushed);
END
$$;
COMMENT ON FUNCTION auth.push_people(jsonb) IS
'Adds and replaces rows of the roster from a JSON array of objects (email, name, github_username, discipline, level, track, manager_email, team, kind: person, human or service_account). All of them or, when one is bad, none: 22023 with each bad row''s number and reason in DETAIL. A row that is back with another name, github_username or kind than it went with, or that is replaced by one of another kind, or of another name and another github_username, makes its principal a new owner''s at once: what proved the one before ends. Never deletes. Returns how many rows were given.';

CREATE OR REPLACE FUNCTION auth.remove_person(email text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    who text := auth.known_email(remove_person.email);
    reports bigint;
BEGIN
    LOCK TABLE auth.organization_people IN SHARE ROW EXCLUSIVE MODE; -- as auth.provision() will, perhaps in this transaction
    SELECT count(*) INTO reports FROM auth.organization_people o WHERE o.manager_email = who;
    DELETE FROM auth.organization_people o WHERE o.email = who;
    IF FOUND AND reports > 0 THEN
        RAISE NOTICE '% reports of % have no manager now', reports, who;
    END IF;
    RETURN FOUND;
END
$$;
COMMENT ON FUNCTION auth.remove_person(text) IS
'Takes a row out of the roster; auth.provision() then bans the principal, however it was made. Pushed again before that as it was, nothing has happened. Its reports stay, without a manager. False when there was no such row; 22023 when it is no email address.';

-- Who is an account of the roster: whoever has a row there, however the account was made.
CREATE OR REPLACE FUNCTION auth.is_unproven(principal auth.users) RETURNS boolean
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
    SELECT (is_unproven.principal).self_registered
        AND ((is_unproven.principal).email_confirmed_at IS NULL OR (is_unproven.principal).email_autoconfirmed);
END;
COMMENT ON FUNCTION auth.is_unproven(auth.users) IS
'Internal: whether a principal registered by itself and nobody has confirmed its email: it may be anybody''s, so its password and sessions end when the roster takes it over.';

CREATE OR REPLACE FUNCTION auth.adopt(target uuid, roster_kind text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM auth.take_hold(target);
    UPDATE auth.users u SET
        on_roster = true,
        kind = roster_kind,
        self_registered = false,
        password_scheme = CASE WHEN NOT auth.is_unproven(u) THEN u.password_scheme END,
        password_version = u.password_version + (auth.is_unproven(u) AND u.password_scheme IS NOT NULL)::integer,
        session_generation = u.session_generation + auth.is_unproven(u)::integer,
        email_confirmed_at = CASE WHEN NOT auth.is_unproven(u) THEN u.email_confirmed_at END,
        email_autoconfirmed = false,
        updated_at = now()
    WHERE u.id = target;
END
$$;
COMMENT ON FUNCTION auth.adopt(uuid, text) IS
'Internal: makes a principal one of the roster, of the kind said there, as auth.provision() does for many.';

CREATE OR REPLACE FUNCTION auth.adopted(principal auth.users) RETURNS auth.users
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    roster_kind text;
BEGIN
    IF EXISTS (SELECT FROM auth.roster_leavers l WHERE l.user_id = principal.id) THEN
        PERFORM auth.judge_returners(principal.id); -- who holds one principal waits for no other
        SELECT * INTO principal FROM auth.users u WHERE u.id = principal.id;
    END IF;
    SELECT o.kind INTO roster_kind FROM auth.organization_people o WHERE o.email = principal.email;
    IF FOUND AND (NOT principal.on_roster OR principal.self_registered OR principal.kind <> roster_kind) THEN
        PERFORM auth.adopt(principal.id, roster_kind);
    END IF;
    -- whoever deletes it waits, and then finds the session that is made for it
    SELECT * INTO principal FROM auth.users u WHERE u.id = principal.id FOR NO KEY UPDATE;
    RETURN principal;
END
$$;
COMMENT ON FUNCTION auth.adopted(auth.users) IS
'Internal: a principal as it is once the roster has adopted it, locked; NULL when it was deleted meanwhile. It may have been banned meanwhile.';

CREATE OR REPLACE FUNCTION auth.adopt_leavers() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- no principal is locked: what else the transaction does may ask for one, and for what comes before it
    IF TG_OP = 'TRUNCATE' THEN
        INSERT INTO auth.roster_leavers AS l (user_id, name, github_username, kind)
        SELECT u.id, o.name, o.github_username, o.kind FROM auth.organization_people o JOIN auth.users u ON u.email = o.email
        ON CONFLICT (user_id) DO UPDATE SET name = excluded.name, github_username = excluded.github_username, kind = excluded.kind;
    ELSE
        INSERT INTO auth.roster_leavers AS l (user_id, name, github_username, kind)
        SELECT u.id, g.name, g.github_username, g.kind FROM gone g JOIN auth.users u ON u.email = g.email
        ON CONFLICT (user_id) DO UPDATE SET name = excluded.name, github_username = excluded.github_username, kind = excluded.kind;
        PERFORM auth.judge_returners(); -- one statement may do both
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION auth.adopt_leavers() IS
'Internal: trigger that remembers who was on the roster, so that auth.provision() bans them however they were made, and who the roster said they were.';
CREATE OR REPLACE TRIGGER adopt_leavers AFTER DELETE ON auth.organization_people REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION auth.adopt_leavers();
CREATE OR REPLACE TRIGGER adopt_all_leavers BEFORE TRUNCATE ON auth.organization_people
    FOR EACH STATEMENT EXECUTE FUNCTION auth.adopt_leavers();

-- A changed kind, or another name together with another github_username, is another owner: either alone
-- is a marriage or a renamed account.
CREATE OR REPLACE FUNCTION auth.follow_kind() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM auth.take_hold(u.id) FROM auth.users u WHERE u.email = NEW.email;
    UPDATE auth.users u SET kind = NEW.kind, owner_generation = u.owner_generation + (u.ban_origin IS DISTINCT FROM 'provision')::integer, updated_at = now()
    WHERE u.email = NEW.email;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION auth.follow_kind() IS 'Internal: trigger that makes a principal the new owner''s, of the kind that the roster says, where its row was given to somebody else.';
CREATE OR REPLACE TRIGGER follow_kind AFTER UPDATE ON auth.organization_people
    FOR EACH ROW WHEN (OLD.kind <> NEW.kind OR auth.plain_name(OLD.name) <> auth.plain_name(NEW.name)
        AND lower(OLD.github_username COLLATE "C") <> lower(NEW.github_username COLLATE "C")) EXECUTE FUNCTION auth.follow_kind();

CREATE OR REPLACE FUNCTION auth.provision_plan(OUT id uuid, OUT email text, OUT name text, OUT kind text, OUT adopted boolean, OUT action text) RETURNS SETOF record
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT u.id, o.email, o.name, o.kind, NOT u.on_roster OR u.self_registered OR u.kind <> o.kind,
        CASE
            WHEN u.id IS NULL THEN 'create'
            WHEN o.email IS NOT NULL AND u.ban_origin = 'provision' THEN 'restore'
            WHEN o.email IS NOT NULL THEN 'keep'
            WHEN coalesce(u.banned_until > now(), false) THEN CASE WHEN u.ban_origin = 'provision' OR l.held THEN 'keep' ELSE 'hold' END
            ELSE 'decommission'
        END
    FROM auth.organization_people o FULL JOIN auth.users u ON u.email = o.email LEFT JOIN auth.roster_leavers l ON l.user_id = u.id
    WHERE o.email IS NOT NULL OR u.on_roster OR l.user_id IS NOT NULL;
END;
COMMENT ON FUNCTION auth.provision_plan() IS
'Internal: what auth.provision() would do with each principal and each row of the roster.';

CREATE OR REPLACE FUNCTION auth.provision(dry_run boolean DEFAULT false, OUT created integer, OUT restored integer, OUT decommissioned integer, OUT unchanged integer) RETURNS record
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    held uuid;
BEGIN
    IF coalesce(dry_run, true) THEN
        SELECT count(*) FILTER (WHERE p.action = 'create'), count(*) FILTER (WHERE p.action = 'restore'),
               count(*) FILTER (WHERE p.action IN ('decommission', 'hold')), count(*) FILTER (WHERE p.action = 'keep')
        INTO created, restored, decommissioned, unchanged FROM auth.provision_plan() p;
        RETURN;
    END IF;
    -- the roster stands still and two runs wait for each other
    LOCK TABLE auth.organization_people IN SHARE ROW EXCLUSIVE MODE;
    LOCK TABLE auth.audit_seals IN SHARE ROW EXCLUSIVE MODE; -- who else locks many chains waits
    PERFORM auth.judge_returners(); -- whom a trigger's snapshot did not show
    -- nobody holds this up by a transaction left open: what is free is taken at once, the rest as a ban takes it
    FOR held IN
        WITH plan AS MATERIALIZED (
            SELECT p.id FROM auth.provision_plan() p WHERE p.id IS NOT NULL AND (p.action IN ('restore', 'decommission', 'hold') OR p.adopted)
        ), free_users AS MATERIALIZED (
            SELECT u.id FROM auth.users u JOIN plan p ON p.id = u.id FOR NO KEY UPDATE OF u SKIP LOCKED
        ), free AS MATERIALIZED (
            SELECT h.user_id FROM auth.audit_heads h JOIN free_users u ON u.id = h.user_id FOR NO KEY UPDATE OF h SKIP LOCKED
        )
        SELECT p.id FROM plan p WHERE NOT EXISTS (SELECT FROM free f WHERE f.user_id = p.id)
    LOOP
        PERFORM auth.take_hold(held);
    END LOOP;
    WITH plan AS MATERIALIZED (
        SELECT * FROM auth.provision_plan()
    ), made AS (
        INSERT INTO auth.users (email, kind, on_roster, raw_user_meta_data)
        SELECT p.email, p.kind, true, jsonb_build_object('name', p.name) FROM plan p WHERE p.action = 'create'
        RETURNING id, email
    ), audited AS (
        -- what auth.audit() does for one, for all at once: none of them has a chain yet
        SELECT m.id, m.email, clock_timestamp() AS at_time, a.id AS actor_id, a.email AS actor_email, c.ip, c.user_agent,
            CASE WHEN a.id IS NULL THEN jsonb_build_object('databaseRole', session_user) END AS metadata,
            auth.audit_genesis(m.id) AS genesis
        FROM made m, auth.audit_actor() AS a, auth.request_context() AS c
    ), hashed AS MATERIALIZED (
        SELECT e.*, '{"created": {"previous": null, "current": "provisioned"}}'::jsonb AS changes,
            auth.audit_hash(e.id, 1, e.at_time, e.actor_id, e.actor_email, e.email,
                '{"created": {"previous": null, "current": "provisioned"}}', NULL, e.metadata, e.ip, e.user_agent, e.genesis) AS hash
        FROM audited e
    ), logged AS (
        INSERT INTO auth.audit_log (user_id, seq, created_at, actor_id, actor_email, subject, changes, metadata, ip, user_agent,
                                    previous_hash, hash)
        SELECT h.id, 1, h.at_time, h.actor_id, h.actor_email, h.email, h.changes, h.metadata, h.ip, h.user_agent, h.genesis, h.hash
        FROM hashed h
    ), chained AS (
        INSERT INTO auth.audit_heads (user_id, seq, hash) SELECT h.id, 1, h.hash FROM hashed h
    ), changed AS (
        UPDATE auth.users u SET
            on_roster = true,
            kind = coalesce(p.kind, u.kind),
            -- whoever registered the address before the roster named it may be anybody
            self_registered = false,
            password_scheme = CASE WHEN NOT auth.is_unproven(u) THEN u.password_scheme END,
            password_version = u.password_version + (auth.is_unproven(u) AND u.password_scheme IS NOT NULL)::integer,
            session_generation = u.session_generation + auth.is_unproven(u)::integer,
            email_confirmed_at = CASE WHEN NOT auth.is_unproven(u) THEN u.email_confirmed_at END,
            email_autoconfirmed = false,
            banned_until = CASE p.action WHEN 'restore' THEN NULL WHEN 'decommission' THEN auth.later(now(), interval '100 years') ELSE u.banned_until END,
            ban_origin = CASE p.action WHEN 'restore' THEN NULL WHEN 'decommission' THEN 'provision' ELSE u.ban_origin END,
            ban_reason = CASE p.action WHEN 'restore' THEN NULL WHEN 'decommission' THEN 'not on the roster' ELSE u.ban_reason END,
            owner_generation = u.owner_generation + (p.action = 'hold')::integer,
            updated_at = now()
        FROM plan p
        WHERE u.id = p.id AND (p.action IN ('restore', 'decommission', 'hold') OR p.adopted)
    ), held AS (
        INSERT INTO auth.roster_leavers (user_id, held) SELECT p.id, true FROM plan p WHERE p.action IN ('decommission', 'hold')
        ON CONFLICT (user_id) DO UPDATE SET held = true
    )
    SELECT count(*) FILTER (WHERE p.action = 'create'), count(*) FILTER (WHERE p.action = 'restore'),
           count(*) FILTER (WHERE p.action IN ('decommission', 'hold')), count(*) FILTER (WHERE p.action = 'keep')
    INTO created, restored, decommissioned, unchanged FROM plan p;
END
$$;
COMMENT ON FUNCTION auth.provision(boolean) IS
'Brings auth.users in line with the roster: creates a principal for each new row, bans (for 100 years) those whose row is gone, and restores, under the same id, those whose row came back: without the password, role, confirmed email, names and metadata of before, for the address may have a new owner. A ban that somebody made by hand stays, with its own end; who leaves the roster meanwhile counts as decommissioned, loses the same and stays refused when it ends. Users that never were on the roster are left alone. A principal that registered by itself (pg_principal.registration = open) and is named by the roster now keeps its id, and loses its password and sessions unless its email was confirmed, by more than pg_principal.autoconfirm. With dry_run (NULL counts as true) it counts and changes nothing.';
