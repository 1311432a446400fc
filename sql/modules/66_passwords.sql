-- Passwords: judged and changed.

CREATE OR REPLACE FUNCTION auth.judge_new_password(principal auth.users, current_password text,
    new_password text, field text) RETURNS auth.auth_result
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    checked record := auth.read_profile(jsonb_build_object('password', coalesce(new_password, '')),
        'password', 'password');
    is_right boolean;
    refused auth.auth_result;
    refused_as text;
BEGIN
    IF current_password IS NOT NULL THEN
        -- a stolen access token must not become a way to guess the password
        is_right := (auth.check_password(principal.id, current_password)).ok;
        refused_as := auth.admit_sign_in(principal.id, is_right);
        IF refused_as IS NOT NULL THEN
            refused := auth.refuse_sign_in(principal, refused_as, 400,
                'The current password is wrong');
            refused.payload := refused.payload ||
                '{"errors": [{"field": "currentPassword", "message": "currentPassword is wrong"}]}';
            RETURN refused;
        END IF;
    END IF;
    IF checked.problems IS NOT NULL THEN
        RETURN auth.refusal(400, 'weak-password', 'The new password was refused',
            (SELECT jsonb_agg(jsonb_build_object('field', field, 'message', replace(p->>'message',
                'password ', field || ' ')))
             FROM jsonb_array_elements(checked.problems) AS p));
    ELSIF current_password IS NULL THEN
        is_right := (auth.check_password(principal.id, new_password)).ok;
        is_right := auth.confirm_guess(principal.id, is_right);
    ELSE
        is_right := new_password = current_password;
    END IF;
    IF is_right THEN
        RETURN auth.refusal(400, 'same-password', 'The new password was refused',
            jsonb_build_array(jsonb_build_object('field', field, 'message', field
                || ' must differ from the current password')));
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION auth.judge_new_password(auth.users, text, text, text) IS
'Internal: the refusal of a new password, told of under the name of a field; NULL when it will do. '
'Without a current password nothing is proven.';

CREATE OR REPLACE FUNCTION auth.lock_own_password(principal auth.users) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- in the order that auth.sign_out() tells of
    PERFORM FROM auth.users u WHERE u.id = principal.id AND u.password_version =
        principal.password_version
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM FROM auth.refresh_tokens r WHERE r.session_id = auth.session_id() FOR UPDATE;
    RETURN true;
END
$$;
COMMENT ON FUNCTION auth.lock_own_password(auth.users) IS
'Internal: locks what the change of the caller''s password touches; false when the password is no '
'longer what was judged.';

CREATE OR REPLACE FUNCTION auth.change_password(current_password text, new_password text,
    context jsonb DEFAULT NULL) RETURNS auth.auth_result
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog,
    pg_temp SET lock_timeout = '100ms' AS $$
DECLARE
    refused auth.auth_result := auth.refusal_of_caller();
    principal auth.users;
    new_scheme text;
BEGIN
    IF refused.ok IS NOT NULL THEN
        RETURN refused;
    END IF;
    PERFORM auth.set_request_context(context);
    SELECT * INTO principal FROM auth.users u WHERE u.id = auth.uid();
    refused := auth.judge_new_password(principal, coalesce(current_password, ''), new_password,
        'newPassword');
    IF refused.ok IS NOT NULL THEN
        RETURN refused;
    ELSIF NOT auth.lock_own_password(principal) THEN
        RETURN auth.refusal(409, 'password-rotated', 'The password was changed meanwhile');
    END IF;
    refused := auth.refusal_of_own_change(2); -- changes of the profile leave room for it
    IF refused.ok IS NOT NULL THEN
        RETURN refused;
    END IF;
    new_scheme := auth.hold_password(principal.id, new_password);
    UPDATE auth.users u
    SET password_scheme = new_scheme, password_version = u.password_version + 1,
        password_changed_at = clock_timestamp(), updated_at = clock_timestamp()
    WHERE u.id = principal.id;
    PERFORM auth.end_sessions(principal.id, 'password_rotated', auth.session_id());
    UPDATE auth.refresh_tokens r SET invalidated_as = 'password_rotated'
        WHERE r.session_id = auth.session_id();
    UPDATE auth.sessions s SET expires_at = clock_timestamp() + auth.seconds('access_token_ttl') *
        interval '1 second'
    WHERE s.id = auth.session_id() AND s.origin = 'sign_in';
    RETURN ROW(true, 200, NULL, jsonb_build_object('success', true))::auth.auth_result;
END
$$;
COMMENT ON FUNCTION auth.change_password(text, text, jsonb) IS
'The caller''s own password: ends all its other sessions and every refresh token, this session''s '
'too; its access token lives on until it expires. 200 {success: true}; 400 when the current '
'password is wrong (counted like a failed sign-in) or the new one is refused or the same; 401 '
'without a token.';

CREATE OR REPLACE FUNCTION auth.set_password(email text, password text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    checked record := auth.read_profile(jsonb_build_object('password', coalesce(password, '')),
        'password', 'password');
    target constant uuid := (SELECT u.id FROM auth.users u
        WHERE u.email = auth.known_email(set_password.email));
    callers_timeout constant text := current_setting('lock_timeout');
    new_scheme text;
BEGIN
    IF checked.problems IS NOT NULL THEN
        PERFORM auth.raise_error('profile_refused',
            (SELECT string_agg(p->>'message', E'\n') FROM jsonb_array_elements(checked.problems) AS
                p));
    END IF;
    PERFORM auth.wait_for(target, 'password');
    IF auth.has_application_triggers('users') THEN
        PERFORM auth.wait_briefly();
    END IF;
    PERFORM auth.settle(target);
    PERFORM auth.forget_sign_ins(ARRAY[u.id]), auth.forget_guesses(u.id) FROM auth.users u
        WHERE u.id = target;
    new_scheme := auth.hold_password(target, password);
    UPDATE auth.users u SET password_scheme = new_scheme, password_version = u.password_version + 1,
        password_changed_at = clock_timestamp(), updated_at = clock_timestamp()
    WHERE u.id = target;
    IF NOT FOUND THEN
        PERFORM auth.raise_error('user_missing', coalesce(set_password.email, 'NULL'));
    END IF;
    EXECUTE format('SET LOCAL lock_timeout = %L', callers_timeout);
    PERFORM auth.end_sessions(target, 'password_rotated', NULL);
END
$$;
COMMENT ON FUNCTION auth.set_password(text, text) IS
'For operators: a new password for a principal; ends all its sessions and lifts a lock of its '
'sign-in. Pass it as a parameter, so that it stays out of logs. 22023 naming what the policy '
'misses, 42704 when there is no such principal, 55P03 when somebody holds it for three seconds.';
