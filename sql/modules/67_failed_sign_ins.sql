-- Wrong passwords: counted, locked, kept from being taken back, and recorded.

CREATE OR REPLACE FUNCTION auth.sign_in_source() RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    address inet := (auth.request_context()).ip;
BEGIN
    RETURN CASE WHEN address IS NULL THEN 'local'
        WHEN address IN (inet '::', inet '0.0.0.0') THEN 'unknown' -- not a neighbour of ::1
        WHEN address <<= inet '::ffff:0:0/96' THEN replace(host(address), '::ffff:',
            '') -- IPv4 as a dual-stack socket tells it
        WHEN family(address) = 6 THEN network(set_masklen(address, 64))::text
            ELSE host(address) END;
END
$$;
COMMENT ON FUNCTION auth.sign_in_source() IS
'Internal: where a sign-in comes from: an IPv4 address, an IPv6 network of 64 bits, local when the '
'application names none, or unknown for the address that stands for none.';

CREATE OR REPLACE FUNCTION auth.note_guess(target uuid, source text, was_right boolean) RETURNS void
LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'pg_principal_note_guess';
COMMENT ON FUNCTION auth.note_guess(uuid, text, boolean) IS
'Internal: a wrong password is being counted in auth.sign_in_attempts: if that is rolled back, '
'shared memory keeps it. A right one makes it forget. Does nothing without '
'shared_preload_libraries.';

CREATE OR REPLACE FUNCTION auth.forget_guesses(target uuid) RETURNS void
LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'pg_principal_forget_guesses';
COMMENT ON FUNCTION auth.forget_guesses(uuid) IS
'Internal: forgets the wrong passwords of a principal that shared memory keeps.';

CREATE OR REPLACE FUNCTION auth.forget_sign_ins(principals uuid[]) RETURNS void
LANGUAGE sql VOLATILE
BEGIN ATOMIC
    WITH free AS (
        SELECT a.user_id, a.source FROM auth.sign_in_attempts a
            JOIN unnest(forget_sign_ins.principals) AS p (id) ON p.id = a.user_id
        FOR UPDATE OF a SKIP LOCKED
    )
    DELETE FROM auth.sign_in_attempts a USING free f WHERE a.user_id = f.user_id
        AND a.source = f.source;
END;
COMMENT ON FUNCTION auth.forget_sign_ins(uuid[]) IS
'Internal: deletes the counted sign-ins of principals, but those that a sign-in holds: it may wait '
'for a principal that is held here.';

CREATE OR REPLACE FUNCTION auth.guesses_taken_back(target uuid, source text, OUT failures integer,
    OUT last_failure_at timestamptz) RETURNS record
LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'pg_principal_guesses_taken_back';
COMMENT ON FUNCTION auth.guesses_taken_back(uuid, text) IS
'Internal: wrong passwords whose count was rolled back, in a row and each within a day of the '
'next; 0 and NULL when there are none.';

CREATE OR REPLACE FUNCTION auth.lock_end(failures integer, last_failure_at timestamptz)
    RETURNS timestamptz
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT CASE WHEN failures >= current_setting('pg_principal.max_failed_sign_ins')::integer
        THEN last_failure_at + auth.seconds('lockout_duration') * interval '1 second'
            * 2 ^ least(failures - current_setting('pg_principal.max_failed_sign_ins')::integer, 6)
        END;
END;
COMMENT ON FUNCTION auth.lock_end(integer, timestamptz) IS
'Internal: until when as many wrong passwords in a row lock; NULL when they do not.';

CREATE OR REPLACE FUNCTION auth.admit_sign_in(target uuid, right_password boolean,
    forgives boolean DEFAULT true) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    most integer := current_setting('pg_principal.max_failed_sign_ins');
    here text := auth.sign_in_source();
    counted_under text;
    attempts auth.sign_in_attempts;
    taken_back record;
    locked boolean;
BEGIN
    IF most = 0 THEN
        RETURN CASE WHEN right_password IS NOT TRUE THEN 'wrong-password' END;
    END IF;
    LOOP
        IF EXISTS (SELECT FROM auth.sign_in_attempts a WHERE a.user_id = target AND a.source = here
            AND a.last_success_at IS NOT NULL) THEN
            counted_under := here;
        ELSE
            -- there to be locked: guesses that come at once are counted one after the other
            counted_under := '';
            INSERT INTO auth.sign_in_attempts (user_id, source) VALUES (target, '')
                ON CONFLICT DO NOTHING;
        END IF;
        SELECT * INTO attempts FROM auth.sign_in_attempts a WHERE a.user_id = target
            AND a.source = counted_under FOR UPDATE;
        EXIT WHEN FOUND; -- not deleted meanwhile
    END LOOP;
    taken_back := auth.guesses_taken_back(target, counted_under);
    -- While it is locked a guess is a guess, whatever was typed: the same is counted, and the same
    -- is said.
    locked := coalesce(greatest(attempts.locked_until, auth.lock_end(taken_back.failures,
        taken_back.last_failure_at)) > clock_timestamp(), false);
    right_password := right_password IS TRUE AND NOT locked;
    IF right_password AND NOT forgives THEN
        RETURN NULL;
    END IF;
    PERFORM auth.note_guess(target, counted_under, right_password);
    IF right_password THEN
        UPDATE auth.sign_in_attempts a SET failures = 0, locked_until = NULL
        WHERE a.user_id = target AND a.source = counted_under AND a.failures > 0;
        INSERT INTO auth.sign_in_attempts AS a (user_id, source, last_success_at)
            VALUES (target, here, clock_timestamp())
        ON CONFLICT (user_id, source) DO UPDATE SET last_success_at = excluded.last_success_at
        WHERE a.last_success_at IS NULL OR a.last_success_at < excluded.last_success_at - interval
            '24 hours';
        IF counted_under = '' THEN
            DELETE FROM auth.sign_in_attempts a USING (
                SELECT o.source FROM auth.sign_in_attempts o WHERE o.user_id = target
                    AND o.source <> ''
                ORDER BY o.last_success_at DESC OFFSET 20) AS old
            WHERE a.user_id = target AND a.source = old.source;
        END IF;
        RETURN NULL;
    END IF;
    attempts.failures := CASE WHEN locked THEN greatest(attempts.failures, taken_back.failures) + 1
        WHEN attempts.last_failure_at < clock_timestamp() - interval '24 hours' THEN 1
            ELSE attempts.failures + 1 END;
    UPDATE auth.sign_in_attempts a SET failures = attempts.failures,
        last_failure_at = clock_timestamp(),
        locked_until = greatest(CASE WHEN locked THEN a.locked_until END,
            auth.lock_end(attempts.failures, clock_timestamp()))
    WHERE a.user_id = target AND a.source = counted_under;
    RETURN CASE WHEN locked THEN 'locked' ELSE 'wrong-password' END;
END
$$;
COMMENT ON FUNCTION auth.admit_sign_in(uuid, boolean, boolean) IS
'Internal: counts a sign-in and tells why it may not go on: locked, whatever the password, else '
'wrong-password; NULL: it may. After pg_principal.max_failed_sign_ins wrong passwords in a row it '
'locks for pg_principal.lockout_duration, doubled by each try after that, up to 64 times. '
'Addresses that the principal has signed in from before are counted by themselves, all others '
'together: strangers can lock out strangers only. Wrong passwords that were counted and rolled '
'back lock alike. forgives: a right one makes it forget the wrong ones before it.';

CREATE OR REPLACE FUNCTION auth.confirm_guess(target uuid, right_password boolean) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    counted_under text := coalesce((SELECT a.source FROM auth.sign_in_attempts a
        WHERE a.user_id = target AND a.source = auth.sign_in_source()
            AND a.last_success_at IS NOT NULL), '');
    taken_back record := auth.guesses_taken_back(target, counted_under);
    locked_until timestamptz := (SELECT a.locked_until FROM auth.sign_in_attempts a
        WHERE a.user_id = target AND a.source = counted_under);
BEGIN
    IF current_setting('pg_principal.max_failed_sign_ins') = '0' THEN
        RETURN right_password;
    ELSIF greatest(locked_until, auth.lock_end(taken_back.failures,
        taken_back.last_failure_at)) > clock_timestamp() THEN
        RETURN false;
    ELSIF NOT right_password THEN
        PERFORM auth.note_guess(target, counted_under, false);
    END IF;
    RETURN right_password;
END
$$;
COMMENT ON FUNCTION auth.confirm_guess(uuid, boolean) IS
'Internal: whether a new password may be said to be the present one: not while sign-ins are '
'locked. One that is not becomes the password; rolled back, it was a guess, and counts as one.';

CREATE OR REPLACE FUNCTION auth.refuse_sign_in(principal auth.users, reason text, status integer,
    message text) RETURNS auth.auth_result
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    whose uuid := coalesce(principal.id, auth.nobody());
BEGIN
    PERFORM auth.count_up('auth.sign_in.failures', reason);
    IF auth.audit_failure(whose, principal.email, jsonb_build_object('signIn',
        jsonb_build_object('previous', NULL, 'current', 'refused', 'reason', reason)), reason, NULL)
            THEN
        PERFORM auth.log_event(jsonb_build_object('event', 'auth.sign_in.failure', 'userId',
            principal.id, 'reason', reason,
            'metadata', jsonb_build_object('ip', (auth.request_context()).ip)));
    END IF;
    RETURN auth.refusal(status, reason, message);
END
$$;
COMMENT ON FUNCTION auth.refuse_sign_in(auth.users, text, integer, text) IS
'Internal: counts, audits and logs a refused sign-in.';
