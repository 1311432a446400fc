-- What administrators do to accounts over an API. Each function judges its caller by itself;
-- refusals are answers.

CREATE OR REPLACE FUNCTION auth.is_active_admin(u auth.users) RETURNS boolean
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT s.app_role = 'ADMIN' AND (s.banned_until > clock_timestamp()) IS NOT TRUE
    FROM auth.standing(is_active_admin.u) AS s;
END;
COMMENT ON FUNCTION auth.is_active_admin(auth.users) IS
'Internal: whether a principal, as it stands, is an ADMIN who is not banned.';

CREATE OR REPLACE FUNCTION auth.rely_on_admin(id uuid, target uuid, is_one boolean) RETURNS void
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'pg_principal_rely_on_admin';
COMMENT ON FUNCTION auth.rely_on_admin(uuid, uuid, boolean) IS
'Internal: this transaction commits only when the first is an ADMIN then who is not banned, else '
'it fails: 40001. When the target is no ADMIN, only if others have made it one by then; without a '
'first, whenever they have.';

CREATE OR REPLACE FUNCTION auth.keep_an_admin(target uuid) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    caller uuid := auth.uid();
    left_one uuid;
    is_one constant boolean := EXISTS (
        SELECT FROM auth.users u WHERE u.id = target AND auth.is_active_admin(u));
BEGIN
    IF caller <> target THEN
        SELECT u.id INTO left_one FROM auth.users u
        WHERE u.id = caller AND auth.is_active_admin(u);
    ELSIF is_one THEN
        SELECT u.id INTO left_one FROM auth.users u
        WHERE u.id <> target AND (u.app_role = 'ADMIN'
            OR u.id IN (SELECT d.user_id FROM auth.decisions d)) AND auth.is_active_admin(u)
        LIMIT 1;
    END IF;
    -- two who take each other's role must not both succeed, and neither waits for the other here
    PERFORM auth.rely_on_admin(left_one, target, is_one);
    RETURN left_one IS NOT NULL OR NOT is_one;
END
$$;
COMMENT ON FUNCTION auth.keep_an_admin(uuid) IS
'Internal: whether an ADMIN who is not banned is left when this one is no more. The commit of the '
'transaction looks again, and fails (40001) when that one is none any more.';

CREATE OR REPLACE FUNCTION auth.decide_user(target uuid, fields jsonb, ban interval)
    RETURNS auth.auth_result
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    stands auth.users;
    becomes auth.users;
BEGIN
    SELECT s.* INTO stands FROM auth.users u, auth.standing(u) AS s WHERE u.id = target;
    IF NOT FOUND THEN
        RETURN auth.refusal(404, 'unknown-user', 'User not found');
    END IF;
    becomes := stands;
    becomes.app_role := coalesce(fields->>'role', stands.app_role);
    becomes.kind := coalesce(fields->>'kind', stands.kind);
    IF ban > interval '0' THEN
        becomes.banned_until := auth.later(clock_timestamp(), ban);
        becomes.ban_origin := 'operator';
        becomes.ban_reason := NULL;
    ELSIF ban = interval '0' THEN
        becomes.banned_until := NULL;
    END IF;
    PERFORM auth.refuse_if_outdated(target) WHERE becomes IS NOT DISTINCT FROM stands;
    RETURN ROW(true, 200, NULL, jsonb_build_object('user',
        auth.user_json(auth.decide(stands, becomes))))::auth.auth_result;
END
$$;
COMMENT ON FUNCTION auth.decide_user(uuid, jsonb, interval) IS
'Internal: auth.update_user() of role, kind and ban where somebody holds the row.';

CREATE OR REPLACE FUNCTION auth.update_user(user_id uuid, changes jsonb, context jsonb DEFAULT NULL)
    RETURNS auth.auth_result
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    refused auth.auth_result := auth.refusal_of_caller('ADMIN');
    checked record;
    ban interval;
    is_held boolean;
    callers_timeout constant text := current_setting('lock_timeout');
    result auth.auth_result;
BEGIN
    IF refused.ok IS NOT NULL THEN
        RETURN refused;
    END IF;
    PERFORM auth.set_request_context(context);
    checked := auth.read_profile(changes,
        'email password firstName lastName jobTitle phoneNumber role kind userMetadata appMetadata '
        'emailConfirmed banDuration', '');
    changes := auth.metadata_of(changes);
    checked.problems := coalesce(checked.problems, auth.oversized_metadata(changes));
    ban := (checked.fields->>'banDuration')::interval;
    IF checked.problems IS NOT NULL THEN
        RETURN auth.refusal(400, 'validation-failed', 'The profile was refused', checked.problems);
    ELSIF ban > interval '0' AND user_id = auth.uid() THEN
        RETURN auth.refusal(409, 'own-account', 'You cannot ban yourself');
    END IF;
    IF checked.fields ? 'email' THEN
        -- its row goes along: before the principal, as auth.push_people(), in a mode in which
        -- auth.provision() goes on beside
        LOCK TABLE auth.organization_people IN ROW EXCLUSIVE MODE;
    END IF;
    -- nobody holds up their own demotion
    is_held := NOT auth.hold(update_user.user_id);
    IF (checked.fields->>'role' <> 'ADMIN' OR ban > interval '0')
        AND NOT auth.keep_an_admin(update_user.user_id) THEN
        RETURN auth.refusal(409, 'last-admin', 'This is the last ADMIN');
    END IF;
    IF is_held AND changes = '{}' AND checked.fields - '{role,kind,banDuration}'::text[] = '{}' THEN
        RETURN auth.decide_user(update_user.user_id, checked.fields, ban);
    END IF;
    -- in words of its own: a statement's parameters may be logged, and the fields have a password
    IF checked.fields ? 'email' THEN
        PERFORM auth.wait_for(update_user.user_id, 'address');
    ELSIF is_held THEN
        PERFORM auth.wait_for(update_user.user_id, 'profile');
    END IF;
    BEGIN
        IF auth.has_application_triggers('users') THEN
            PERFORM auth.wait_briefly();
        END IF;
        IF ban = interval '0' THEN
            -- first: it may end what proved the person before, and not what is set here
            PERFORM auth.unban(u.email) FROM auth.users u WHERE u.id = update_user.user_id;
        END IF;
        result := auth.change_user(update_user.user_id, checked.fields, changes);
        IF NOT result.ok THEN
            RAISE no_data_found;
        END IF;
        EXECUTE format('SET LOCAL lock_timeout = %L', callers_timeout);
    EXCEPTION WHEN no_data_found THEN
        IF result.ok IS NULL THEN -- a trigger's
            RAISE;
        END IF;
        RETURN result; -- and the ban stays
    END;
    IF checked.fields ? 'password' THEN
        PERFORM auth.end_sessions(update_user.user_id, 'password_rotated', NULL);
    END IF;
    IF ban > interval '0' THEN
        PERFORM auth.ban(result.payload->'user'->>'email', ban);
        SELECT jsonb_build_object('user', auth.user_json(u)) INTO result.payload FROM auth.users u
            WHERE u.id = update_user.user_id;
    END IF;
    RETURN result;
END
$$;
COMMENT ON FUNCTION auth.update_user(uuid, jsonb, jsonb) IS
'For callers with the app role ADMIN: changes any field of a profile. A new email takes the row of '
'the roster along, see auth.rename_person(). A new password ends all sessions of that principal. '
'banDuration bans for that long (numbers with h, m or s: 876000h, 1h30m), or lifts a ban (none). '
'role, kind and banDuration wait for nobody who holds the principal, other fields do, for three '
'seconds (55P03). 200 with the profile, 400 naming every bad field, 401, 403, 404, 409 when the '
'email is taken, one''s own account would be banned, or no ADMIN be left.';

CREATE OR REPLACE FUNCTION auth.set_app_role(user_id uuid, app_role text,
    context jsonb DEFAULT NULL) RETURNS auth.auth_result
LANGUAGE sql SECURITY DEFINER
BEGIN ATOMIC
    SELECT auth.update_user(set_app_role.user_id, jsonb_build_object('role',
        coalesce(set_app_role.app_role, '')), set_app_role.context);
END;
COMMENT ON FUNCTION auth.set_app_role(uuid, text, jsonb) IS
'For callers with the app role ADMIN: READ_ONLY, ANALYST, AUDITOR or ADMIN for a principal, in '
'force at its next statement whatever its tokens say. 200, 400, 401, 403, 404, 409 when no ADMIN '
'would be left.';

CREATE OR REPLACE FUNCTION auth.ban_user(
    user_id uuid, duration interval DEFAULT '100 years', reason text DEFAULT NULL,
        context jsonb DEFAULT NULL) RETURNS auth.auth_result
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    refused auth.auth_result := auth.refusal_of_caller('ADMIN');
    target auth.users;
BEGIN
    IF refused.ok IS NOT NULL THEN
        RETURN refused;
    ELSIF duration IS NULL OR duration <= interval '0' OR duration > interval '1000 years'
        OR auth.later(now(), duration) <= now() THEN
        RETURN auth.bad_field('The ban was refused', 'duration',
            'must be above zero and at most 1000 years');
    ELSIF octet_length(reason) > 1000 THEN
        RETURN auth.bad_field('The ban was refused', 'reason', 'has more than 1000 bytes');
    ELSIF user_id = auth.uid() THEN
        RETURN auth.refusal(409, 'own-account', 'You cannot ban yourself');
    END IF;
    PERFORM auth.set_request_context(context);
    IF NOT EXISTS (SELECT FROM auth.users u WHERE u.id = ban_user.user_id) THEN
        RETURN auth.refusal(404, 'unknown-user', 'User not found');
    ELSIF NOT auth.keep_an_admin(ban_user.user_id) THEN
        RETURN auth.refusal(409, 'last-admin', 'This is the last ADMIN');
    END IF;
    target := auth.set_ban(ban_user.user_id, auth.later(clock_timestamp(), duration), reason);
    IF target.id IS NULL THEN
        RETURN auth.refusal(404, 'unknown-user', 'User not found');
    END IF;
    RETURN ROW(true, 200, NULL, jsonb_build_object('user',
        auth.user_json(target)))::auth.auth_result;
END
$$;
COMMENT ON FUNCTION auth.ban_user(uuid, interval, text, jsonb) IS
'For callers with the app role ADMIN: auth.ban() of a principal by its id, for at most 1000 years. '
'200 with the profile, 400 for a bad duration or a reason of more than 1000 bytes, 401, 403, 404, '
'409 for one''s own account or the last ADMIN.';

CREATE OR REPLACE FUNCTION auth.unban_user(user_id uuid, context jsonb DEFAULT NULL)
    RETURNS auth.auth_result
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    refused auth.auth_result := auth.refusal_of_caller('ADMIN');
    target auth.users;
BEGIN
    IF refused.ok IS NOT NULL THEN
        RETURN refused;
    END IF;
    PERFORM auth.set_request_context(context);
    target := auth.set_ban(unban_user.user_id, NULL, NULL);
    IF target.id IS NULL THEN
        RETURN auth.refusal(404, 'unknown-user', 'User not found');
    END IF;
    RETURN ROW(true, 200, NULL, jsonb_build_object('user',
        auth.user_json(target)))::auth.auth_result;
END
$$;
COMMENT ON FUNCTION auth.unban_user(uuid, jsonb) IS
'For callers with the app role ADMIN: auth.unban() of a principal by its id; 200 with the profile '
'also when it was not banned, 401, 403, 404.';

CREATE OR REPLACE FUNCTION auth.delete_user(user_id uuid, context jsonb DEFAULT NULL)
    RETURNS auth.auth_result
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    refused auth.auth_result := auth.refusal_of_caller('ADMIN');
    callers_timeout constant text := current_setting('lock_timeout');
    is_there boolean;
BEGIN
    IF refused.ok IS NOT NULL THEN
        RETURN refused;
    ELSIF user_id = auth.uid() THEN
        RETURN auth.refusal(409, 'own-account', 'You cannot delete yourself');
    END IF;
    PERFORM auth.set_request_context(context);
    IF EXISTS (SELECT FROM auth.users u JOIN auth.organization_people o ON o.email = u.email
        WHERE u.id = delete_user.user_id) THEN
        RETURN auth.refusal(409, 'on-roster',
            'This user is on the roster: remove that row first, or ban the user');
    END IF;
    IF NOT auth.keep_an_admin(delete_user.user_id) THEN
        RETURN auth.refusal(409, 'last-admin', 'This is the last ADMIN');
    END IF;
    BEGIN
        SET LOCAL lock_timeout = '100ms';
        DELETE FROM auth.users u WHERE u.id = delete_user.user_id;
        is_there := FOUND;
        IF is_there THEN
            PERFORM auth.check_references();
        END IF;
        EXECUTE format('SET LOCAL lock_timeout = %L', callers_timeout);
    EXCEPTION WHEN lock_not_available THEN
        -- a deletion must wait, as PostgreSQL has it, but nobody is alive meanwhile
        PERFORM auth.set_ban(delete_user.user_id, auth.later(clock_timestamp(),
            interval '100 years'), 'to be deleted');
        RETURN auth.refusal(409, 'account-held', 'This account is in use by an open transaction: '
            'it is banned now, delete it when that has ended');
    END;
    IF NOT is_there THEN
        RETURN auth.refusal(404, 'unknown-user', 'User not found');
    END IF;
    RETURN ROW(true, 200, NULL, jsonb_build_object('success', true))::auth.auth_result;
END
$$;
COMMENT ON FUNCTION auth.delete_user(uuid, jsonb) IS
'For callers with the app role ADMIN: takes a principal away with its sessions; its audit stays. '
'200 {success: true}, 401, 403, 404, 409 for one''s own account, for the last ADMIN, for somebody '
'on the roster, whom the next auth.provision() would make anew under another id: '
'auth.remove_person() first, and for whom an open transaction holds, who is banned (account-held).';
