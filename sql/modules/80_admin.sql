-- What administrators do to accounts over an API. Each function judges its caller by itself;
-- refusals are answers.

CREATE OR REPLACE FUNCTION auth.keep_an_admin(target uuid) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    caller uuid := auth.uid();
BEGIN
    IF NOT EXISTS (SELECT FROM auth.users u
                   WHERE u.id = target AND u.app_role = 'ADMIN'
                       AND (u.banned_until > clock_timestamp()) IS NOT TRUE) THEN
        RETURN true;
    ELSIF caller <> target THEN
        -- held, so that two who take each other's role do not both succeed
        PERFORM FROM auth.users u
        WHERE u.id = caller AND u.app_role = 'ADMIN'
            AND (u.banned_until > clock_timestamp()) IS NOT TRUE FOR SHARE;
    ELSE
        PERFORM FROM auth.users u
        WHERE u.id <> target AND u.app_role = 'ADMIN'
            AND (u.banned_until > clock_timestamp()) IS NOT TRUE
        LIMIT 1 FOR SHARE SKIP LOCKED;
    END IF;
    RETURN FOUND;
END
$$;
COMMENT ON FUNCTION auth.keep_an_admin(uuid) IS
'Internal: whether an ADMIN who is not banned is left when this one is no more; held as such until '
'the transaction ends.';

CREATE OR REPLACE FUNCTION auth.update_user(user_id uuid, changes jsonb, context jsonb DEFAULT NULL)
    RETURNS auth.auth_result
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    refused auth.auth_result := auth.refusal_of_caller('ADMIN');
    checked record;
    ban interval;
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
        -- its row goes along: before the principal, as auth.provision()
        LOCK TABLE auth.organization_people IN SHARE ROW EXCLUSIVE MODE;
    END IF;
    -- nobody holds up their own demotion
    PERFORM auth.take_hold(u.id) FROM auth.users u WHERE u.id = update_user.user_id;
    IF (checked.fields->>'role' <> 'ADMIN' OR ban > interval '0')
        AND NOT auth.keep_an_admin(update_user.user_id) THEN
        RETURN auth.refusal(409, 'last-admin', 'This is the last ADMIN');
    END IF;
    BEGIN
        IF ban = interval '0' THEN
            -- first: it may end what proved the person before, and not what is set here
            PERFORM auth.unban(u.email) FROM auth.users u WHERE u.id = update_user.user_id;
        END IF;
        result := auth.change_user(update_user.user_id, checked.fields, changes);
        IF NOT result.ok THEN
            RAISE no_data_found;
        END IF;
    EXCEPTION WHEN no_data_found THEN
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
'200 with the profile, 400 naming every bad field, 401, 403, 404, 409 when the email is taken, '
'one''s own account would be banned, or no ADMIN be left.';

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
    -- before the email is read: another may be changing it
    PERFORM auth.take_hold(ban_user.user_id);
    SELECT * INTO target FROM auth.users u WHERE u.id = ban_user.user_id;
    IF NOT FOUND THEN
        RETURN auth.refusal(404, 'unknown-user', 'User not found');
    ELSIF NOT auth.keep_an_admin(target.id) THEN
        RETURN auth.refusal(409, 'last-admin', 'This is the last ADMIN');
    END IF;
    PERFORM auth.ban(target.email, duration, reason);
    SELECT * INTO target FROM auth.users u WHERE u.id = ban_user.user_id;
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
    SELECT * INTO target FROM auth.users u WHERE u.id = unban_user.user_id FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN auth.refusal(404, 'unknown-user', 'User not found');
    END IF;
    PERFORM auth.unban(target.email);
    SELECT * INTO target FROM auth.users u WHERE u.id = unban_user.user_id;
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
    PERFORM auth.take_hold(u.id, true) FROM auth.users u WHERE u.id = delete_user.user_id;
    IF NOT auth.keep_an_admin(delete_user.user_id) THEN
        RETURN auth.refusal(409, 'last-admin', 'This is the last ADMIN');
    END IF;
    DELETE FROM auth.users u WHERE u.id = delete_user.user_id;
    IF NOT FOUND THEN
        RETURN auth.refusal(404, 'unknown-user', 'User not found');
    END IF;
    RETURN ROW(true, 200, NULL, jsonb_build_object('success', true))::auth.auth_result;
END
$$;
COMMENT ON FUNCTION auth.delete_user(uuid, jsonb) IS
'For callers with the app role ADMIN: takes a principal away with its sessions; its audit stays. '
'200 {success: true}, 401, 403, 404, 409 for one''s own account, for the last ADMIN, and for '
'somebody on the roster, whom the next auth.provision() would make anew under another id: '
'auth.remove_person() first.';
