-- The roster and what becomes of its rows.

CREATE OR REPLACE FUNCTION auth.read_roster(rows jsonb) RETURNS SETOF auth.roster_row
LANGUAGE c IMMUTABLE STRICT AS 'MODULE_PATHNAME', 'pg_principal_read_roster';
COMMENT ON FUNCTION auth.read_roster(jsonb) IS
'Internal: the rows of a JSON array of objects by the rules that need no database; the command '
'line checks files by the same code.';

CREATE OR REPLACE FUNCTION auth.shell_word(word text) RETURNS text
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
    SELECT CASE WHEN shell_word.word ~ '^[A-Za-z0-9@._+-]+$' THEN shell_word.word
        ELSE '''' || replace(shell_word.word, '''', E'''\\''''') || '''' END;
END;
COMMENT ON FUNCTION auth.shell_word(text) IS
'Internal: a text as one word of a command that somebody copies into a shell.';

CREATE OR REPLACE FUNCTION auth.lock_roster() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    callers_timeout constant text := current_setting('lock_timeout');
BEGIN
    EXECUTE format('SET LOCAL lock_timeout = %L', coalesce(nullif(callers_timeout, '0'), '100ms'));
    LOCK TABLE auth.organization_people IN SHARE ROW EXCLUSIVE MODE;
    EXECUTE format('SET LOCAL lock_timeout = %L', callers_timeout);
EXCEPTION WHEN lock_not_available THEN
    -- an ADMIN gives somebody another address, perhaps in a transaction that is left open
    LOCK TABLE auth.organization_people IN SHARE UPDATE EXCLUSIVE MODE;
END
$$;
COMMENT ON FUNCTION auth.lock_roster() IS
'Internal: who changes the roster and auth.provision() wait for each other; for an ADMIN who gives '
'somebody another address they wait for a moment.';

CREATE OR REPLACE FUNCTION auth.push_people(rows jsonb, OUT imported integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    pushed auth.roster_row[];
    bad integer;
    problems text;
    callers_timeout text;
BEGIN
    IF rows IS NULL THEN
        PERFORM auth.raise_error('roster_not_an_array', 'NULL');
    END IF;
    SELECT coalesce(array_agg(r), '{}') INTO pushed FROM auth.read_roster(rows) AS r;
    -- as auth.provision() will, perhaps in this transaction
    PERFORM auth.lock_roster();

    WITH problem (row_number, reason) AS (
        SELECT r.row_number, r.problem FROM unnest(pushed) AS r WHERE r.problem IS NOT NULL
        UNION ALL
        SELECT r.row_number,
            format('manager_email "%s" is neither on the roster nor among these rows',
            r.manager_email)
        FROM unnest(pushed) AS r
        WHERE r.manager_email IS NOT NULL
          AND NOT EXISTS (SELECT FROM auth.organization_people o WHERE o.email = r.manager_email)
          AND NOT EXISTS (SELECT FROM unnest(pushed) AS p WHERE p.email = r.manager_email)
          AND position('@' IN r.manager_email) > 0
        UNION ALL
        SELECT r.row_number, format('github_username "%s" belongs to %s; if that is the same '
                                    'person under a new address, rename first: pg_principal people '
                                    'rename --from=%s --to=%s',
            o.github_username, o.email, auth.shell_word(o.email), auth.shell_word(r.email))
        FROM unnest(pushed) AS r JOIN auth.organization_people o
            ON lower(o.github_username COLLATE "C") = lower(r.github_username COLLATE "C")
        WHERE o.email <> r.email
          AND NOT EXISTS (SELECT FROM unnest(pushed) AS p WHERE p.email = o.email)
    ), numbered AS (
        SELECT format('row %s: %s', p.row_number, p.reason) AS line,
               row_number() OVER (ORDER BY p.row_number, p.reason) AS n, count(*) OVER () AS total
        FROM problem p
    )
    SELECT max(total), string_agg(line, E'\n' ORDER BY n) FILTER (WHERE n <= 20)
        || CASE WHEN max(total) > 20 THEN format(E'\nand %s more', max(total) - 20) ELSE '' END
    INTO bad, problems FROM numbered;
    IF bad > 0 THEN
        PERFORM auth.raise_error('roster_refused', auth.counted(bad, 'problem'),
            auth.counted(jsonb_array_length(rows), 'row'), problems);
    END IF;

    callers_timeout := auth.wait_briefly();
    INSERT INTO auth.organization_people AS o
        (email, name, github_username, discipline, level, track, manager_email, team, kind)
    SELECT r.email, r.name, r.github_username, r.discipline, r.level, r.track, r.manager_email,
        r.team, r.kind
    FROM unnest(pushed) AS r
    ON CONFLICT (email) DO UPDATE SET
        name = excluded.name, github_username = excluded.github_username,
            discipline = excluded.discipline,
        level = excluded.level, track = excluded.track, manager_email = excluded.manager_email,
        team = excluded.team, kind = excluded.kind, updated_at = now()
    WHERE (o.name, o.github_username, o.discipline, o.level, o.track, o.manager_email, o.team,
        o.kind)
        IS DISTINCT FROM (excluded.name, excluded.github_username, excluded.discipline,
            excluded.level,
                          excluded.track, excluded.manager_email, excluded.team, excluded.kind);
    EXECUTE format('SET LOCAL lock_timeout = %L', callers_timeout);
    imported := cardinality(pushed);
EXCEPTION WHEN lock_not_available THEN
    PERFORM auth.raise_error('principal_held', 'a row of the roster');
END
$$;
COMMENT ON FUNCTION auth.push_people(jsonb) IS
'Adds and replaces rows of the roster from a JSON array of objects (email, name, github_username, '
'discipline, level, track, manager_email, team, kind: person, human or service_account). All of '
'them or, when one is bad, none: 22023 with each bad row''s number and reason in DETAIL. A row '
'that is back with another name, github_username or kind than it went with, or that is replaced by '
'one of another kind, or of another name and another github_username, makes its principal a new '
'owner''s at once: what proved the one before ends. Never deletes. Returns how many rows were '
'given. 55P03 when a transaction that changes an address holds a row of them for three seconds.';

CREATE OR REPLACE FUNCTION auth.remove_person(email text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    who text := auth.known_email(remove_person.email);
    reports bigint;
    callers_timeout text;
    was_there boolean;
BEGIN
    -- as auth.provision() will, perhaps in this transaction
    PERFORM auth.lock_roster();
    SELECT count(*) INTO reports FROM auth.organization_people o WHERE o.manager_email = who;
    callers_timeout := auth.wait_briefly();
    DELETE FROM auth.organization_people o WHERE o.email = who;
    was_there := FOUND;
    EXECUTE format('SET LOCAL lock_timeout = %L', callers_timeout);
    IF was_there AND reports > 0 THEN
        RAISE NOTICE '% of % without a manager now', auth.counted(reports, 'report'), who;
    END IF;
    RETURN was_there;
EXCEPTION WHEN lock_not_available THEN
    PERFORM auth.raise_error('principal_held', who);
END
$$;
COMMENT ON FUNCTION auth.remove_person(text) IS
'Takes a row out of the roster; auth.provision() then bans the principal, however it was made. '
'Pushed again before that as it was, nothing has happened. Its reports stay, without a manager. '
'False when there was no such row; 22023 when it is not an email address; 55P03 when a transaction '
'that changes the address holds the row for three seconds.';

-- A changed kind, or another name together with another github_username, is another owner: either
-- alone is a marriage or a renamed account.
CREATE OR REPLACE FUNCTION auth.follow_kind() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    target constant uuid := (SELECT u.id FROM auth.users u WHERE u.email = NEW.email);
    stands auth.users;
    becomes auth.users;
BEGIN
    IF auth.hold(target, 1) THEN
        UPDATE auth.users u SET kind = NEW.kind, owner_generation = u.owner_generation
            + (u.ban_origin IS DISTINCT FROM 'provision')::integer, updated_at = now()
        WHERE u.id = target;
        RETURN NULL;
    END IF;
    SELECT s.* INTO stands FROM auth.users u, auth.standing(u) AS s WHERE u.id = target;
    IF FOUND THEN
        becomes := stands;
        becomes.kind := NEW.kind;
        becomes.owner_generation := stands.owner_generation
            + (stands.ban_origin IS DISTINCT FROM 'provision')::integer;
        PERFORM auth.decide(stands, becomes);
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION auth.follow_kind() IS
'Internal: trigger that makes a principal the new owner''s, of the kind that the roster says, '
'where its row was given to somebody else.';
CREATE OR REPLACE TRIGGER follow_kind AFTER UPDATE ON auth.organization_people
    FOR EACH ROW WHEN (OLD.kind <> NEW.kind OR auth.plain_name(OLD.name) <>
        auth.plain_name(NEW.name)
        AND lower(OLD.github_username COLLATE "C") <> lower(NEW.github_username COLLATE "C"))
            EXECUTE FUNCTION auth.follow_kind();
