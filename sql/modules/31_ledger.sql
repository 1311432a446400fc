-- What is decided on a principal waits for nobody who holds its row: it is written beside it
-- (auth.decisions), and whoever next has the row brings it in.

CREATE OR REPLACE FUNCTION auth.with_decision(u auth.users, d auth.decisions) RETURNS auth.users
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    ranks constant text[] := '{READ_ONLY,ANALYST,AUDITOR,ADMIN}';
BEGIN
    -- the verifier applies them alike
    IF d.sets_ban AND (u.banned_until IS NOT DISTINCT FROM d.banned_before
        OR d.banned_until > coalesce(u.banned_until, '-infinity')) THEN
        u.banned_until := d.banned_until;
        u.ban_reason := d.ban_reason;
        u.ban_origin := d.ban_origin;
    END IF;
    IF u.app_role = d.role_before OR array_position(ranks, d.app_role)
        < array_position(ranks, u.app_role) THEN
        u.app_role := coalesce(d.app_role, u.app_role);
    END IF;
    IF u.kind = d.kind_before THEN
        u.kind := coalesce(d.kind, u.kind);
    END IF;
    u.session_generation := u.session_generation + d.generations;
    u.owner_generation := u.owner_generation + d.owners;
    u.on_roster := u.on_roster OR d.on_roster;
    IF d.owners > 0 THEN -- as auth.marked()
        u.self_registered := false;
        u.email_confirmed_at := NULL;
        u.email_autoconfirmed := false;
        u.password_scheme := NULL;
    END IF;
    RETURN u;
END
$$;
COMMENT ON FUNCTION auth.with_decision(auth.users, auth.decisions) IS
'Internal: a principal with one decision on it applied.';

CREATE OR REPLACE FUNCTION auth.with_decisions(u auth.users) RETURNS auth.users
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    d auth.decisions;
BEGIN
    FOR d IN SELECT * FROM auth.decisions o WHERE o.user_id = u.id ORDER BY o.decided_at, o.id LOOP
        u := auth.with_decision(u, d);
    END LOOP;
    RETURN u;
END
$$;
COMMENT ON FUNCTION auth.with_decisions(auth.users) IS
'Internal: a principal with all decisions on it applied.';

CREATE OR REPLACE FUNCTION auth.has_decisions(user_id uuid) RETURNS boolean
LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'pg_principal_has_decisions';
COMMENT ON FUNCTION auth.has_decisions(uuid) IS
'Internal: whether there are decisions on a principal, to the statement that asks.';

CREATE OR REPLACE FUNCTION auth.standing(u auth.users) RETURNS auth.users
LANGUAGE sql STABLE
BEGIN ATOMIC -- becomes part of the statement that asks
    SELECT CASE WHEN auth.has_decisions((standing.u).id) THEN auth.with_decisions(standing.u)
        ELSE standing.u END;
END;
COMMENT ON FUNCTION auth.standing(auth.users) IS
'Internal: a principal as it stands, with what was decided while somebody held its row. Ask in the '
'statement that reads the row, and in none that locks it: both must be of one moment.';

CREATE OR REPLACE FUNCTION auth.settle(target uuid) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    u auth.users;
    d auth.decisions;
BEGIN
    IF NOT EXISTS (SELECT FROM auth.decisions o WHERE o.user_id = target) THEN
        RETURN false;
    END IF;
    SELECT * INTO u FROM auth.users o WHERE o.id = target FOR NO KEY UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    FOR d IN SELECT * FROM auth.decisions o WHERE o.user_id = target ORDER BY o.decided_at, o.id
    LOOP
        u := auth.with_decision(u, d);
        UPDATE auth.decisions o SET settling = true WHERE o.id = d.id;
        UPDATE auth.users o SET banned_until = u.banned_until, ban_reason = u.ban_reason,
            ban_origin = u.ban_origin, app_role = u.app_role, kind = u.kind,
            session_generation = u.session_generation, owner_generation = u.owner_generation,
            on_roster = u.on_roster, updated_at = now()
        WHERE o.id = target RETURNING * INTO u;
        IF NOT FOUND THEN -- a trigger of the application's keeps it from the row: it stays beside
            UPDATE auth.decisions o SET settling = false WHERE o.id = d.id;
            RETURN false;
        END IF;
        DELETE FROM auth.decisions o WHERE o.id = d.id;
    END LOOP;
    RETURN true;
END
$$;
COMMENT ON FUNCTION auth.settle(uuid) IS
'Internal: brings the decisions on a principal into its row, and locks it, where nobody holds it; '
'true when there were any.';

CREATE OR REPLACE FUNCTION auth.has_application_triggers(table_name text) RETURNS boolean
LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'pg_principal_has_application_triggers';
COMMENT ON FUNCTION auth.has_application_triggers(text) IS
'Internal: whether an UPDATE of a table of ours sets off a trigger or rule that is none of ours, '
'which may wait for whatever it locks.';

CREATE OR REPLACE FUNCTION auth.has_one_snapshot() RETURNS boolean
LANGUAGE sql STABLE
BEGIN ATOMIC -- 40001 of SERIALIZABLE may have other causes, which nobody may pass over
    SELECT current_setting('transaction_isolation') = 'repeatable read';
END;
COMMENT ON FUNCTION auth.has_one_snapshot() IS
'Internal: whether this transaction is REPEATABLE READ: what others have written to since it began '
'is to it as what they hold.';

CREATE OR REPLACE FUNCTION auth.try_settle(target uuid) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    callers_timeout constant text := current_setting('lock_timeout');
    is_settled boolean;
BEGIN
    IF NOT auth.has_application_triggers('users') THEN
        RETURN auth.settle(target);
    ELSIF NOT EXISTS (SELECT FROM auth.decisions o WHERE o.user_id = target) THEN
        RETURN false;
    END IF;
    SET LOCAL lock_timeout = '20ms';
    is_settled := auth.settle(target);
    EXECUTE format('SET LOCAL lock_timeout = %L', callers_timeout);
    RETURN is_settled;
EXCEPTION
    WHEN lock_not_available OR deadlock_detected THEN
        RETURN false;
    WHEN serialization_failure THEN
        IF NOT auth.has_one_snapshot() THEN
            RAISE;
        END IF;
        RETURN false;
END
$$;
COMMENT ON FUNCTION auth.try_settle(uuid) IS
'Internal: as auth.settle(), but leaves the decisions where they are when a trigger of the '
'application''s on auth.users would wait for somebody.';

CREATE OR REPLACE FUNCTION auth.hold(target uuid, tries integer DEFAULT 4) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    is_ours boolean;
BEGIN
    -- Who holds what an application's trigger writes holds the row up as well: it is decided beside
    -- the row, and then brought in.
    IF auth.has_application_triggers('users') THEN
        RETURN false;
    END IF;
    FOR attempt IN 1..tries LOOP
        -- not always in a block: what that locks and we then write takes a MultiXact each time
        IF auth.has_one_snapshot() THEN
            BEGIN
                PERFORM FROM auth.users u WHERE u.id = target FOR NO KEY UPDATE SKIP LOCKED;
                is_ours := FOUND;
            EXCEPTION WHEN serialization_failure THEN
                RETURN false;
            END;
        ELSE
            PERFORM FROM auth.users u WHERE u.id = target FOR NO KEY UPDATE SKIP LOCKED;
            is_ours := FOUND;
        END IF;
        IF is_ours THEN
            PERFORM auth.settle(target);
            RETURN true;
        END IF;
        EXIT WHEN NOT EXISTS (SELECT FROM auth.users u WHERE u.id = target)
            OR attempt = tries;
        PERFORM pg_sleep(0.01); -- most are gone by then
    END LOOP;
    RETURN false;
END
$$;
COMMENT ON FUNCTION auth.hold(uuid, integer) IS
'Internal: locks a principal, its decisions brought in, unless somebody holds it for longer than '
'some hundredths of a second. Then, and where there is none, false; so it is of what was written '
'to since the snapshot of a REPEATABLE READ transaction, and where the table has triggers of the '
'application''s.';

CREATE OR REPLACE FUNCTION auth.refuse_if_outdated(target uuid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF auth.has_one_snapshot() THEN
        PERFORM FROM auth.users u WHERE u.id = target FOR NO KEY UPDATE SKIP LOCKED;
    END IF;
END
$$;
COMMENT ON FUNCTION auth.refuse_if_outdated(uuid) IS
'Internal: 40001 where a REPEATABLE READ transaction finds nothing to decide on a principal that '
'was written to since its snapshot: it may be no longer as that shows it.';

CREATE OR REPLACE FUNCTION auth.wait_briefly() RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    callers_timeout constant text := current_setting('lock_timeout');
BEGIN
    EXECUTE format('SET LOCAL lock_timeout = %L', CASE WHEN callers_timeout <> '0'
        AND callers_timeout::interval < interval '3s' THEN callers_timeout ELSE '3s' END);
    RETURN callers_timeout;
END
$$;
COMMENT ON FUNCTION auth.wait_briefly() IS
'Internal: from now on locks are waited for for three seconds at most. Returns lock_timeout as it '
'was.';

CREATE OR REPLACE FUNCTION auth.wait_for(target uuid, what text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    callers_timeout constant text := auth.wait_briefly();
BEGIN
    IF what = 'password' THEN -- in the order that auth.leave_sessions() tells of
        PERFORM FROM auth.sign_in_attempts a WHERE a.user_id = target ORDER BY a.source FOR UPDATE;
    END IF;
    IF what = 'address' THEN
        PERFORM FROM auth.users u WHERE u.id = target FOR UPDATE;
    ELSIF what = 'reference' THEN
        PERFORM FROM auth.users u WHERE u.id = target FOR KEY SHARE;
    ELSE
        PERFORM FROM auth.users u WHERE u.id = target FOR NO KEY UPDATE;
    END IF;
    EXECUTE format('SET LOCAL lock_timeout = %L', callers_timeout);
EXCEPTION WHEN lock_not_available THEN
    PERFORM auth.raise_error('principal_held', (SELECT u.email FROM auth.users u
        WHERE u.id = target));
END
$$;
COMMENT ON FUNCTION auth.wait_for(uuid, text) IS
'Internal: locks a principal for a new password, address or profile, or for what refers to it '
'(against a deletion and another address: reference), which cannot be decided '
'beside its row. Whoever holds it is waited for for three seconds, then it is named: 55P03.';

CREATE OR REPLACE FUNCTION auth.decide(before auth.users, becomes auth.users,
    brings_in boolean DEFAULT true) RETURNS auth.users
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    bans constant boolean := becomes.banned_until IS DISTINCT FROM before.banned_until;
BEGIN
    IF becomes IS NOT DISTINCT FROM before THEN
        RETURN before;
    END IF;
    IF bans OR becomes.owner_generation <> before.owner_generation THEN
        becomes := auth.marked(before, becomes);
    END IF;
    INSERT INTO auth.decisions (user_id, decided_at, sets_ban, banned_before, banned_until,
        ban_reason, ban_origin, generations, owners, role_before, app_role, kind_before, kind,
        on_roster)
    -- after those that are there, also where the clock was set back meanwhile
    VALUES (before.id, greatest(clock_timestamp(), (SELECT max(d.decided_at) + interval '1 us'
            FROM auth.decisions d WHERE d.user_id = before.id)), bans, before.banned_until,
        becomes.banned_until, becomes.ban_reason, becomes.ban_origin,
        becomes.session_generation - before.session_generation,
        becomes.owner_generation - before.owner_generation,
        CASE WHEN becomes.app_role <> before.app_role THEN before.app_role END,
        CASE WHEN becomes.app_role <> before.app_role THEN becomes.app_role END,
        CASE WHEN becomes.kind <> before.kind THEN before.kind END,
        CASE WHEN becomes.kind <> before.kind THEN becomes.kind END,
        becomes.on_roster AND NOT before.on_roster);
    IF auth.is_audited(before, becomes) THEN
        PERFORM auth.audit(before.id, before.email, auth.principal_changes(before, becomes,
            EXISTS (SELECT FROM auth.organization_people o WHERE o.email = before.email)),
            CASE WHEN bans THEN becomes.ban_reason END);
    END IF;
    IF brings_in AND auth.has_application_triggers('users') THEN
        PERFORM auth.try_settle(before.id);
    END IF;
    RETURN becomes;
END
$$;
COMMENT ON FUNCTION auth.decide(auth.users, auth.users, boolean) IS
'Internal: writes what becomes of a principal (ban, role, kind, owner, roster) beside its row, '
'which somebody may hold, and audits it. Returns what it is now. brings_in: where triggers of the '
'application''s are why it is not written into the row, it is brought in if they let it.';

-- ENABLE ALWAYS, as on auth.users.
CREATE OR REPLACE TRIGGER signal_change AFTER INSERT OR DELETE ON auth.decisions
    FOR EACH ROW EXECUTE FUNCTION auth.signal_revocation('principal', 'user_id');
CREATE OR REPLACE TRIGGER signal_truncate AFTER TRUNCATE ON auth.decisions
    FOR EACH STATEMENT EXECUTE FUNCTION auth.signal_revocation();
CREATE OR REPLACE TRIGGER signal_change AFTER INSERT OR DELETE ON auth.ended_sessions
    FOR EACH ROW EXECUTE FUNCTION auth.signal_revocation('session', 'session_id');
CREATE OR REPLACE TRIGGER signal_truncate AFTER TRUNCATE ON auth.ended_sessions
    FOR EACH STATEMENT EXECUTE FUNCTION auth.signal_revocation();
ALTER TABLE auth.decisions ENABLE ALWAYS TRIGGER signal_change;
ALTER TABLE auth.decisions ENABLE ALWAYS TRIGGER signal_truncate;
ALTER TABLE auth.ended_sessions ENABLE ALWAYS TRIGGER signal_change;
ALTER TABLE auth.ended_sessions ENABLE ALWAYS TRIGGER signal_truncate;
