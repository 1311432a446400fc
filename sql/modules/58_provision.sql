-- Accounts made as the roster says.

CREATE OR REPLACE FUNCTION auth.random_id() RETURNS uuid
LANGUAGE c AS 'MODULE_PATHNAME', 'pg_principal_random_id';
COMMENT ON FUNCTION auth.random_id() IS
'Internal: as gen_random_uuid(), with random bytes for many got at once.';

CREATE OR REPLACE FUNCTION auth.is_being_taken(email text) RETURNS boolean
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'pg_principal_is_being_taken';
COMMENT ON FUNCTION auth.is_being_taken(text) IS
'Internal: whether a transaction of somebody else, which has not ended, gives an address to a '
'principal.';

CREATE OR REPLACE FUNCTION auth.provision_plan(OUT id uuid, OUT email text, OUT name text,
    OUT kind text, OUT adopted boolean, OUT action text) RETURNS SETOF record
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT u.id, o.email, o.name, o.kind,
        NOT u.on_roster OR u.self_registered OR u.kind <> o.kind,
        CASE
            WHEN u.id IS NULL THEN 'create'
            WHEN o.email IS NOT NULL AND u.ban_origin = 'provision' THEN 'restore'
            WHEN o.email IS NOT NULL THEN 'keep'
            WHEN coalesce(u.banned_until > now(), false)
                THEN CASE WHEN u.ban_origin = 'provision' OR l.held THEN 'keep' ELSE 'hold' END
            ELSE 'decommission'
        END
    FROM auth.organization_people o FULL JOIN (
            -- few columns, which a join may have to keep
            SELECT s.id, s.email, (s.stands).on_roster, (s.stands).self_registered,
                (s.stands).kind, (s.stands).ban_origin, (s.stands).banned_until
            FROM (
                -- not joined to the decisions: without statistics that takes minutes for 20,000
                SELECT p.id, p.email, CASE WHEN p.id IN (SELECT d.user_id FROM auth.decisions d)
                    THEN auth.standing(p) ELSE p END AS stands
                FROM auth.users p OFFSET 0
            ) AS s OFFSET 0
        ) AS u ON u.email = o.email
        LEFT JOIN auth.roster_leavers l ON l.user_id = u.id
    WHERE o.email IS NOT NULL OR u.on_roster OR l.user_id IS NOT NULL;
END;
COMMENT ON FUNCTION auth.provision_plan() IS
'Internal: what auth.provision() would do with each principal and each row of the roster.';

CREATE OR REPLACE FUNCTION auth.decide_plan(principal auth.users, action text, roster_kind text)
    RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    stands constant auth.users := auth.standing(principal);
    becomes auth.users := stands;
BEGIN
    becomes.on_roster := true;
    becomes.kind := coalesce(roster_kind, stands.kind);
    becomes.owner_generation := stands.owner_generation
        + (action = 'hold' OR auth.is_unproven(stands))::integer;
    IF action = 'restore' THEN
        becomes.banned_until := NULL;
    ELSIF action = 'decommission' THEN
        becomes.banned_until := auth.later(now(), interval '100 years');
        becomes.ban_origin := 'provision';
        becomes.ban_reason := 'not on the roster';
    END IF;
    PERFORM auth.decide(stands, becomes, false);
    IF action IN ('decommission', 'hold') THEN
        -- an ADMIN who deletes the principal holds this row, too
        WITH free AS MATERIALIZED (
            SELECT l.user_id FROM auth.roster_leavers l WHERE l.user_id = stands.id
            FOR NO KEY UPDATE SKIP LOCKED
        )
        UPDATE auth.roster_leavers l SET held = true FROM free f WHERE l.user_id = f.user_id;
        INSERT INTO auth.roster_leavers (user_id, held) SELECT stands.id, true
        WHERE NOT EXISTS (SELECT FROM auth.roster_leavers l WHERE l.user_id = stands.id)
        ON CONFLICT DO NOTHING;
    END IF;
END
$$;
COMMENT ON FUNCTION auth.decide_plan(auth.users, text, text) IS
'Internal: what auth.provision() does with a principal whose row somebody holds.';

CREATE OR REPLACE FUNCTION auth.carry_out_plan(occupied uuid[], OUT restored integer,
    OUT decommissioned integer, OUT unchanged integer) RETURNS record
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    for_long constant timestamptz := auth.later(now(), interval '100 years');
BEGIN
    WITH plan AS MATERIALIZED (
        SELECT p.id, p.action, p.kind, p.adopted FROM auth.provision_plan() p
        WHERE p.id IS NOT NULL
    ), changed AS (
        UPDATE auth.users u SET
            on_roster = true,
            kind = coalesce(p.kind, u.kind),
            -- whoever registered the address before the roster named it may be anybody
            self_registered = false,
            password_scheme = CASE WHEN NOT auth.is_unproven(u) THEN u.password_scheme END,
            password_version = u.password_version + (auth.is_unproven(u)
                AND u.password_scheme IS NOT NULL)::integer,
            session_generation = u.session_generation
                + (p.action = 'decommission' OR auth.is_unproven(u))::integer,
            email_confirmed_at =
                CASE WHEN NOT auth.is_unproven(u) THEN u.email_confirmed_at END,
            email_autoconfirmed = false,
            banned_until = CASE p.action WHEN 'restore' THEN NULL
                WHEN 'decommission' THEN for_long ELSE u.banned_until END,
            ban_origin = CASE p.action WHEN 'restore' THEN NULL
                WHEN 'decommission' THEN 'provision' ELSE u.ban_origin END,
            ban_reason = CASE p.action WHEN 'restore' THEN NULL
                WHEN 'decommission' THEN 'not on the roster' ELSE u.ban_reason END,
            owner_generation = u.owner_generation + (p.action = 'hold')::integer,
            updated_at = now()
        FROM plan p
        WHERE u.id = p.id AND (p.action IN ('restore', 'decommission', 'hold') OR p.adopted)
            AND NOT EXISTS (SELECT FROM unnest(occupied) AS h WHERE h = u.id)
    ), left_roster AS (
        UPDATE auth.roster_leavers l SET held = true FROM plan p
        WHERE l.user_id = p.id AND p.action IN ('decommission', 'hold') AND NOT l.held
            AND NOT EXISTS (SELECT FROM unnest(occupied) AS h WHERE h = l.user_id)
    ), left_before AS (
        INSERT INTO auth.roster_leavers (user_id, held) SELECT p.id, true FROM plan p
            WHERE p.action IN ('decommission', 'hold')
                AND NOT EXISTS (SELECT FROM unnest(occupied) AS h WHERE h = p.id)
                AND NOT EXISTS (SELECT FROM auth.roster_leavers l WHERE l.user_id = p.id)
        ON CONFLICT (user_id) DO UPDATE SET held = true
    )
    SELECT count(*) FILTER (WHERE p.action = 'restore'),
        count(*) FILTER (WHERE p.action IN ('decommission', 'hold')),
        count(*) FILTER (WHERE p.action = 'keep')
    INTO restored, decommissioned, unchanged FROM plan p;
END
$$;
COMMENT ON FUNCTION auth.carry_out_plan(uuid[]) IS
'Internal: what auth.provision() does with the principals that there are, but for those given; '
'counts these, too.';

CREATE OR REPLACE FUNCTION auth.provision(dry_run boolean DEFAULT false, OUT created integer,
    OUT restored integer, OUT decommissioned integer, OUT unchanged integer) RETURNS record
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET jit = off -- compiling takes longer than it spares, and memory
AS $$
DECLARE
    occupied uuid[];
    actions text[];
    kinds text[];
    returned boolean;
    changes boolean;
    additions bigint;
    taken text;
    again record;
    counts record;
    callers_plans constant text := current_setting('enable_nestloop');
    callers_timeout constant text := current_setting('lock_timeout');
    patience constant text := coalesce(nullif(callers_timeout, '0'), '100ms');
    spares boolean := false;
    has_triggers constant boolean := auth.has_application_triggers('users');
BEGIN
    IF coalesce(dry_run, true) THEN
        SELECT count(*) FILTER (WHERE p.action = 'create'),
            count(*) FILTER (WHERE p.action = 'restore'),
               count(*) FILTER (WHERE p.action IN ('decommission', 'hold')),
                   count(*) FILTER (WHERE p.action = 'keep')
        INTO created, restored, decommissioned, unchanged FROM auth.provision_plan() p;
        RETURN;
    END IF;
    -- the roster stands still and two runs wait for each other
    PERFORM auth.lock_roster();
    LOCK TABLE auth.audit_seals IN SHARE ROW EXCLUSIVE MODE; -- who else locks many chains waits
    -- a table that was analysed while it was empty passes for one row: all would be joined with all
    SET LOCAL enable_nestloop = off;
    returned := EXISTS (SELECT FROM auth.roster_leavers l JOIN auth.users u ON u.id = l.user_id
        JOIN auth.organization_people o ON o.email = u.email);
    -- others' plans, which are kept
    EXECUTE format('SET LOCAL enable_nestloop = %L', callers_plans);
    IF returned THEN
        PERFORM auth.judge_returners(); -- whom a trigger's snapshot did not show
    END IF;
    PERFORM auth.settle_all();
    SET LOCAL enable_nestloop = off;
    -- what is free is locked at once; on the rest it is decided beside the rows
    WITH plan AS MATERIALIZED (
        SELECT p.id, p.action, p.kind, p.adopted FROM auth.provision_plan() p
        WHERE p.id IS NOT NULL
    ), changing AS MATERIALIZED (
        SELECT p.id, p.action, p.kind FROM plan p
        WHERE p.action IN ('restore', 'decommission', 'hold') OR p.adopted
    ), free AS MATERIALIZED (
        SELECT u.id FROM auth.users u JOIN changing c ON c.id = u.id
        FOR NO KEY UPDATE OF u SKIP LOCKED
    ), busy AS (
        SELECT array_agg(c.id) AS ids, array_agg(c.action) AS actions, array_agg(c.kind) AS kinds
        FROM changing c WHERE NOT EXISTS (SELECT FROM free f WHERE f.id = c.id)
            OR c.id IN (SELECT d.user_id FROM auth.decisions d)
    )
    SELECT b.ids, b.actions, b.kinds, EXISTS (SELECT FROM changing),
        -- rows without a principal
        (SELECT count(*) FROM auth.organization_people) - (SELECT count(p.kind) FROM plan p),
        (SELECT count(*) FROM plan p WHERE p.action = 'keep')
    INTO occupied, actions, kinds, changes, additions, unchanged FROM busy b;
    created := 0;
    restored := 0;
    decommissioned := 0;
    IF changes THEN
        IF has_triggers THEN
            BEGIN
                EXECUTE format('SET LOCAL lock_timeout = %L', patience);
                counts := auth.carry_out_plan(occupied);
                EXECUTE format('SET LOCAL lock_timeout = %L', callers_timeout);
            EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
                -- somebody holds what one of them writes: all is decided beside the rows
                SELECT array_agg(p.id), array_agg(p.action), array_agg(p.kind)
                INTO occupied, actions, kinds FROM auth.provision_plan() p
                WHERE p.action IN ('restore', 'decommission', 'hold')
                    OR p.id IS NOT NULL AND p.adopted;
                counts := auth.carry_out_plan(occupied);
            END;
        ELSE
            counts := auth.carry_out_plan(occupied);
        END IF;
        restored := counts.restored;
        decommissioned := counts.decommissioned;
        unchanged := counts.unchanged;
    END IF;
    EXECUTE format('SET LOCAL enable_nestloop = %L', callers_plans);
    PERFORM auth.decide_plan(u, h.action, h.kind)
    FROM unnest(occupied, actions, kinds) AS h (id, action, kind) JOIN auth.users u ON u.id = h.id;
    SET LOCAL enable_nestloop = off;
    LOOP
        BEGIN
            EXECUTE format('SET LOCAL lock_timeout = %L', CASE WHEN spares THEN callers_timeout
                ELSE patience END);
            WITH made AS (
                -- in the order of the indexes on id, whose pages are then written one after the
                -- other
                INSERT INTO auth.users (id, email, kind, on_roster, raw_user_meta_data)
                SELECT auth.random_id() AS id, o.email, o.kind, true,
                    jsonb_object('{name}', ARRAY[o.name])
                FROM auth.organization_people o
                WHERE additions > 0 AND NOT EXISTS (SELECT FROM auth.users u
                    WHERE u.email = o.email) AND NOT (spares AND auth.is_being_taken(o.email))
                ORDER BY id
                RETURNING id, email
            )
            SELECT auth.begin_chains(m.id, m.email,
                '{"created": {"previous": null, "current": "provisioned"}}')
            INTO created FROM made m;
            EXECUTE format('SET LOCAL lock_timeout = %L', callers_timeout);
            EXIT;
        EXCEPTION WHEN lock_not_available THEN
            IF spares THEN
                RAISE;
            END IF;
            spares := true; -- addresses that somebody is taking are for the next run
        WHEN unique_violation THEN
            GET STACKED DIAGNOSTICS taken = CONSTRAINT_NAME;
            IF taken <> 'users_email_key' THEN
                RAISE;
            END IF;
            -- an address was registered meanwhile: whoever did so is on the roster then
            IF additions <= (SELECT count(*) FROM auth.organization_people o WHERE NOT EXISTS
                (SELECT FROM auth.users u WHERE u.email = o.email)) THEN -- it would meet the same
                IF current_setting('transaction_isolation') IN ('repeatable read', 'serializable')
                    THEN
                    RAISE serialization_failure
                        USING MESSAGE = 'could not serialize access due to concurrent update';
                END IF;
                RAISE;
            END IF;
            EXECUTE format('SET LOCAL enable_nestloop = %L', callers_plans);
            again := auth.provision();
            created := again.created;
            unchanged := again.unchanged - restored - decommissioned;
            restored := restored + again.restored;
            decommissioned := decommissioned + again.decommissioned;
            EXIT;
        END;
    END LOOP;
    EXECUTE format('SET LOCAL enable_nestloop = %L', callers_plans);
END
$$;
COMMENT ON FUNCTION auth.provision(boolean) IS
'Brings auth.users in line with the roster: creates a principal for each new row, bans (for 100 '
'years) those whose row is gone, and restores, under the same id, those whose row came back: '
'without the password, role, confirmed email, names and metadata of before, for the address may '
'have a new owner. A ban that somebody made by hand stays, with its own end; who leaves the roster '
'meanwhile counts as decommissioned, loses the same and stays refused when it ends. Users that '
'never were on the roster are left alone. A principal that registered by itself '
'(pg_principal.registration = open) and is named by the roster now keeps its id, and loses its '
'password and sessions unless its email was confirmed, by more than pg_principal.autoconfirm. '
'Waits for another run and for auth.push_people(), for nobody else: an address that somebody takes '
'or gives up, in a transaction that lasts, is for the next run. With '
'dry_run (NULL counts as true) it counts and changes nothing.';
