-- Accounts: changed, by themselves.

CREATE OR REPLACE FUNCTION auth.change_user(target uuid, fields jsonb, profile jsonb)
    RETURNS auth.auth_result
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    before auth.users;
    changed auth.users;
    is_changed boolean;
    outgrown jsonb;
    reserved jsonb;
    refused_by text;
    new_scheme text := auth.hold_password(target, fields->>'password');
BEGIN
    fields := fields - 'password';
    profile := auth.metadata_of(profile);
    SELECT * INTO before FROM auth.users u WHERE u.id = target FOR NO KEY UPDATE;
    IF auth.settle(target) THEN
        SELECT * INTO before FROM auth.users u WHERE u.id = target;
    END IF;
    IF NOT FOUND THEN
        RETURN auth.refusal(404, 'unknown-user', 'User not found');
    END IF;
    changed := before;
    changed.email := coalesce(fields->>'email', before.email);
    changed.app_role := coalesce(fields->>'role', before.app_role);
    changed.kind := coalesce(fields->>'kind', before.kind);
    changed.first_name := CASE WHEN fields ? 'firstName' THEN fields->>'firstName'
        ELSE before.first_name END;
    changed.last_name := CASE WHEN fields ? 'lastName' THEN fields->>'lastName'
        ELSE before.last_name END;
    changed.job_title := CASE WHEN fields ? 'jobTitle' THEN fields->>'jobTitle'
        ELSE before.job_title END;
    changed.phone_number := CASE WHEN fields ? 'phoneNumber' THEN fields->>'phoneNumber'
        ELSE before.phone_number END;
    changed.raw_user_meta_data := auth.merged_metadata(before.raw_user_meta_data,
        profile->'userMetadata');
    changed.raw_app_meta_data := auth.merged_metadata(before.raw_app_meta_data,
        auth.own_app_metadata(profile));
    changed.email_confirmed_at := CASE (fields->>'emailConfirmed')::boolean
        WHEN true THEN coalesce(before.email_confirmed_at, clock_timestamp()) WHEN false THEN NULL
            ELSE before.email_confirmed_at END;
    changed.email_autoconfirmed := before.email_autoconfirmed
        AND (fields->>'emailConfirmed')::boolean IS NULL;
    changed.password_scheme := coalesce(new_scheme, before.password_scheme);
    changed.password_version := before.password_version + (new_scheme IS NOT NULL)::integer;
    changed.password_changed_at := CASE WHEN new_scheme IS NULL THEN before.password_changed_at
        ELSE clock_timestamp() END;
    is_changed := changed IS DISTINCT FROM before;
    changed.updated_at := clock_timestamp();
    -- An UPDATE that names a key column locks as if it changed it: it would wait for every foreign
    -- key to the row.
    IF NOT is_changed THEN
        changed := before; -- and judged as what changes something
    ELSIF changed.email <> before.email THEN
        UPDATE auth.users u SET (email, app_role, kind, first_name, last_name, job_title,
            phone_number, raw_user_meta_data, raw_app_meta_data,
            email_confirmed_at, email_autoconfirmed, password_scheme, password_version,
                password_changed_at, updated_at)
            = (changed.email, changed.app_role, changed.kind, changed.first_name, changed.last_name,
                changed.job_title, changed.phone_number,
               changed.raw_user_meta_data, changed.raw_app_meta_data, changed.email_confirmed_at,
                   changed.email_autoconfirmed,
               changed.password_scheme, changed.password_version, changed.password_changed_at,
                   changed.updated_at)
        WHERE u.id = target RETURNING * INTO changed;
    ELSE
        UPDATE auth.users u SET (app_role, kind, first_name, last_name, job_title, phone_number,
            raw_user_meta_data, raw_app_meta_data,
            email_confirmed_at, email_autoconfirmed, password_scheme, password_version,
                password_changed_at, updated_at)
            = (changed.app_role, changed.kind, changed.first_name, changed.last_name,
                changed.job_title, changed.phone_number,
               changed.raw_user_meta_data, changed.raw_app_meta_data, changed.email_confirmed_at,
                   changed.email_autoconfirmed,
               changed.password_scheme, changed.password_version, changed.password_changed_at,
                   changed.updated_at)
        WHERE u.id = target RETURNING * INTO changed;
    END IF;
    -- merged, so judged afterwards: the errors, caught below, take the change back
    outgrown := auth.outgrown_metadata(profile, before, changed);
    IF outgrown IS NOT NULL THEN
        RAISE program_limit_exceeded;
    END IF;
    reserved := auth.reserved_metadata(profile, changed.kind, changed.app_role);
    IF reserved IS NOT NULL THEN
        RAISE reserved_name;
    END IF;
    RETURN ROW(true, 200, NULL, jsonb_build_object('user',
        auth.user_json(changed)))::auth.auth_result;
EXCEPTION
    WHEN reserved_name THEN
        RETURN auth.refusal(400, 'validation-failed', 'The profile was refused', reserved);
    WHEN unique_violation THEN
        GET STACKED DIAGNOSTICS refused_by = SCHEMA_NAME;
        IF refused_by <> 'auth' THEN -- in what a trigger writes
            RAISE;
        END IF;
        RETURN auth.refusal(409, 'email-taken', 'A user with that email already exists');
    WHEN program_limit_exceeded THEN
        IF outgrown IS NULL THEN
            RAISE;
        END IF;
        RETURN auth.refusal(400, 'validation-failed', 'The metadata would have more than '
            || CASE WHEN outgrown->0->>'message' LIKE '%4096%' THEN '4096 bytes'
                ELSE '8192 bytes' END, outgrown);
END
$$;
COMMENT ON FUNCTION auth.change_user(uuid, jsonb, jsonb) IS
'Internal: writes the fields given, metadata merged with what is there; the trigger on auth.users '
'audits each.';

CREATE OR REPLACE FUNCTION auth.refusal_of_own_change(times integer DEFAULT 1)
    RETURNS auth.auth_result
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    caller uuid := auth.uid();
    allowed integer := times * current_setting('pg_principal.max_own_changes')::integer;
BEGIN
    -- two at once are counted one after the other
    PERFORM FROM auth.users u WHERE u.id = caller FOR NO KEY UPDATE;
    -- entries of sessions and of refusals have metadata, and bounds of their own
    IF allowed <= (SELECT count(*) FROM (
            (SELECT l.actor_id, l.created_at, l.metadata FROM auth.audit_log l
                WHERE l.user_id = caller ORDER BY l.seq DESC LIMIT allowed + 200)
            UNION ALL SELECT w.actor_id, w.created_at, w.metadata FROM auth.audit_unlinked w
                WHERE w.user_id = caller) AS l
        WHERE l.actor_id = caller AND l.metadata IS NULL
            AND l.created_at > clock_timestamp() - interval '1 hour') THEN
        RETURN auth.refusal(429, 'too-many-changes', 'Too many changes within an hour');
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION auth.refusal_of_own_change(integer) IS
'Internal: 429 for a caller who has changed as much of their own account within the hour as '
'pg_principal.max_own_changes allows, that many times; NULL otherwise. Locks the principal.';

CREATE OR REPLACE FUNCTION auth.update_profile(changes jsonb, context jsonb DEFAULT NULL)
    RETURNS auth.auth_result
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog,
    pg_temp SET lock_timeout = '100ms' AS $$
DECLARE
    refused auth.auth_result := auth.refusal_of_caller();
    checked record;
BEGIN
    IF refused.ok IS NOT NULL THEN
        RETURN refused;
    END IF;
    PERFORM auth.set_request_context(context);
    checked := auth.read_profile(changes, 'firstName lastName jobTitle phoneNumber userMetadata',
        '');
    changes := auth.metadata_of(changes);
    checked.problems := coalesce(checked.problems, auth.oversized_metadata(changes));
    IF checked.problems IS NOT NULL THEN
        RETURN auth.refusal(400, 'validation-failed', 'The profile was refused', checked.problems);
    END IF;
    refused := auth.refusal_of_own_change();
    IF refused.ok IS NOT NULL THEN
        RETURN refused;
    END IF;
    RETURN auth.change_user(auth.uid(), checked.fields, changes);
END
$$;
COMMENT ON FUNCTION auth.update_profile(jsonb, jsonb) IS
'Changes the caller''s own firstName, lastName, jobTitle, phoneNumber (null takes one away) and '
'userMetadata (merged). 200 with the profile, 400 naming every bad field, 401 without a token, 429 '
'after pg_principal.max_own_changes within an hour.';

CREATE OR REPLACE FUNCTION auth.update_account(changes jsonb, context jsonb DEFAULT NULL)
    RETURNS auth.auth_result
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog,
    pg_temp SET lock_timeout = '100ms' AS $$
DECLARE
    refused auth.auth_result := auth.refusal_of_caller();
    problem constant text := 'The account was refused';
    principal auth.users;
    checked record;
    result auth.auth_result;
BEGIN
    IF refused.ok IS NOT NULL THEN
        RETURN refused;
    ELSIF jsonb_typeof(changes->'currentPassword') NOT IN ('string', 'null') THEN
        RETURN auth.bad_field(problem, 'currentPassword', 'must be a string');
    END IF;
    PERFORM auth.set_request_context(context);
    -- the password is judged by itself, so that a wrong current one is told first
    checked := auth.read_profile(CASE WHEN jsonb_typeof(changes) = 'object'
        THEN changes - '{password, currentPassword}'::text[] END,
        'email userMetadata', '');
    checked.problems := coalesce(checked.problems,
        auth.oversized_metadata(auth.metadata_of(changes)));
    IF checked.problems IS NOT NULL THEN
        RETURN auth.refusal(400, 'validation-failed', problem, checked.problems);
    ELSIF checked.fields->>'email' <> auth.email() THEN
        RETURN auth.refusal(400, 'email-change', problem,
            '[{"field": "email", "message": "email can be changed by an administrator only"}]');
    ELSIF coalesce(changes->'password', 'null') = 'null' THEN
        refused := auth.refusal_of_own_change();
        RETURN CASE WHEN refused.ok IS NULL THEN auth.change_user(auth.uid(), '{}', changes)
            ELSE refused END;
    ELSIF jsonb_typeof(changes->'password') <> 'string' THEN
        RETURN auth.bad_field(problem, 'password', 'must be a string');
    ELSIF changes->>'currentPassword' IS NULL AND
        current_setting('pg_principal.require_current_password')::boolean THEN
        RETURN auth.refusal(400, 'current-password-required', problem,
            '[{"field": "currentPassword", "message": "currentPassword is required for a new '
            'password"}]');
    END IF;
    SELECT * INTO principal FROM auth.users u WHERE u.id = auth.uid();
    refused := auth.judge_new_password(principal, changes->>'currentPassword', changes->>'password',
        'password');
    IF refused.ok IS NOT NULL THEN
        RETURN refused;
    ELSIF NOT auth.lock_own_password(principal) THEN
        RETURN auth.refusal(409, 'password-rotated', 'The password was changed meanwhile');
    END IF;
    refused := auth.refusal_of_own_change(2); -- changes of the profile leave room for it
    IF refused.ok IS NOT NULL THEN
        RETURN refused;
    END IF;
    result := auth.change_user(principal.id, jsonb_build_object('password', changes->'password'),
        changes);
    IF result.ok THEN
        PERFORM auth.end_sessions(principal.id, 'password_rotated', auth.session_id());
    END IF;
    RETURN result;
END
$$;
COMMENT ON FUNCTION auth.update_account(jsonb, jsonb) IS
'The caller''s own userMetadata (merged; null takes a member away) and password in one step. A new '
'password needs currentPassword unless pg_principal.require_current_password is off, and ends all '
'other sessions; this one goes on. email may be given as it is. 200 with the profile, 400 naming '
'the bad field or when the current password is wrong (counted like a failed sign-in), 401 without '
'a token.';
