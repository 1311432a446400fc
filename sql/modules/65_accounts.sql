-- Accounts: made, found and listed.

CREATE OR REPLACE FUNCTION auth.read_profile(profile jsonb, allowed text, required text,
    OUT fields jsonb, OUT problems jsonb) RETURNS record
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'pg_principal_read_profile';
COMMENT ON FUNCTION auth.read_profile(jsonb, text, text) IS
'Internal: the fields of a profile, normalised, or every problem of it. allowed and required: '
'names of fields, separated by spaces.';

CREATE OR REPLACE FUNCTION auth.user_json(u auth.users) RETURNS jsonb
LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'pg_principal_user_json';
COMMENT ON FUNCTION auth.user_json(auth.users) IS
'Internal: a principal as the account functions show it; never its password.';

CREATE OR REPLACE FUNCTION auth.store_user(fields jsonb, profile jsonb, app_role text,
    audited_as text, self_made boolean DEFAULT false) RETURNS auth.users
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    is_unproven constant boolean := self_made AND app_role <> 'ADMIN';
    roster_kind text;
    autoconfirmed boolean := self_made AND current_setting('pg_principal.autoconfirm')::boolean;
    made auth.users;
    new_id constant uuid := coalesce((fields->>'id')::uuid, gen_random_uuid());
    scheme constant text := coalesce(auth.hold_password(new_id, fields->>'password'),
        auth.hold_hash(new_id, fields->>'passwordHash'));
BEGIN
    fields := fields - '{password,passwordHash}'::text[];
    profile := auth.metadata_of(profile);
    -- somebody the roster names belongs to it from the start, unless nobody but they says who they
    -- are
    SELECT o.kind INTO roster_kind FROM auth.organization_people o WHERE o.email = fields->>'email'
        AND NOT is_unproven;
    INSERT INTO auth.users (id, email, kind, app_role, password_scheme, password_version,
        password_changed_at, first_name, last_name,
                            job_title, phone_number, raw_user_meta_data, raw_app_meta_data,
                                email_confirmed_at, self_registered, on_roster,
                            email_autoconfirmed)
    VALUES (new_id, fields->>'email', coalesce(roster_kind, fields->>'kind', 'person'), app_role,
        scheme, (scheme IS NOT NULL)::integer,
            CASE WHEN scheme IS NOT NULL THEN clock_timestamp() END,
            fields->>'firstName', fields->>'lastName', fields->>'jobTitle', fields->>'phoneNumber',
            coalesce(nullif(profile->'userMetadata', 'null'), '{}'),
                coalesce(auth.own_app_metadata(profile), '{}'),
            CASE WHEN (fields->>'emailConfirmed')::boolean OR autoconfirmed
                THEN clock_timestamp() END, is_unproven, roster_kind IS NOT NULL,
            autoconfirmed)
    ON CONFLICT (email) DO NOTHING
    RETURNING * INTO made;
    IF made.id IS NULL THEN
        RETURN NULL;
    ELSIF self_made THEN
        PERFORM auth.audit_as(made.id, made.email, made.id, made.email,
            jsonb_build_object('created', jsonb_build_object('previous', NULL, 'current',
                audited_as)));
    ELSE
        PERFORM auth.audit(made.id, made.email,
            jsonb_build_object('created', jsonb_build_object('previous', NULL, 'current',
                audited_as)));
    END IF;
    RETURN made;
END
$$;
COMMENT ON FUNCTION auth.store_user(jsonb, jsonb, text, text, boolean) IS
'Internal: the last step of creating a principal; NULL when the email is taken. One that the '
'roster names has its kind and leaves with it; what a stranger made is for auth.provision() to '
'adopt.';

CREATE OR REPLACE FUNCTION auth.add_user(profile jsonb, context jsonb DEFAULT NULL)
    RETURNS auth.auth_result
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    checked record;
    made auth.users;
    callers_timeout text;
    refused_by text;
BEGIN
    PERFORM auth.set_request_context(context);
    checked := auth.read_profile(profile,
        'email password firstName lastName jobTitle phoneNumber role kind userMetadata appMetadata '
        'emailConfirmed id passwordHash banDuration',
        'email');
    profile := auth.metadata_of(profile);
    checked.problems := coalesce(checked.problems, auth.oversized_metadata(profile),
        auth.reserved_metadata(profile, coalesce(checked.fields->>'kind', 'person'),
            coalesce(checked.fields->>'role', 'ANALYST')));
    IF checked.problems IS NOT NULL THEN
        RETURN auth.refusal(400, 'validation-failed', 'The profile was refused', checked.problems);
    ELSIF checked.fields ?& '{password, passwordHash}' THEN
        RETURN auth.bad_field('The profile was refused', 'passwordHash',
            'must not be given beside password');
    END IF;
    BEGIN
        callers_timeout := auth.wait_briefly(); -- for whoever gives the address to somebody
        made := auth.store_user(checked.fields, profile, coalesce(checked.fields->>'role',
            'ANALYST'), 'created');
        checked.fields := checked.fields - '{password,passwordHash}'::text[];
        EXECUTE format('SET LOCAL lock_timeout = %L', callers_timeout);
    EXCEPTION
        WHEN unique_violation THEN
            GET STACKED DIAGNOSTICS refused_by = SCHEMA_NAME;
            IF refused_by <> 'auth' THEN -- in what a trigger writes
                RAISE;
            END IF;
            RETURN auth.refusal(409, 'id-taken', 'A user with that id already exists');
        WHEN lock_not_available THEN
            checked.fields := jsonb_build_object('email', checked.fields->'email');
            PERFORM auth.raise_error('principal_held', checked.fields->>'email');
    END;
    IF made.id IS NULL THEN
        RETURN auth.refusal(409, 'email-taken', 'A user with that email already exists');
    ELSIF (checked.fields->>'banDuration')::interval > interval '0' THEN
        PERFORM auth.ban(made.email, (checked.fields->>'banDuration')::interval);
        SELECT * INTO made FROM auth.users u WHERE u.id = made.id;
    END IF;
    RETURN ROW(true, 201, NULL, jsonb_build_object('user', auth.user_json(made)))::auth.auth_result;
END
$$;
COMMENT ON FUNCTION auth.add_user(jsonb, jsonb) IS
'For operators: makes a principal from email, password, firstName, lastName, jobTitle, '
'phoneNumber, role (default ANALYST), kind (person or service_account), userMetadata, appMetadata, '
'emailConfirmed, id (a UUID), passwordHash (bcrypt or Argon2id, instead of password) and '
'banDuration (see auth.update_user()); only the email is required. Somebody on the roster gets the '
'kind that the roster says. 201 with the profile, 400 naming every bad field, 409 when the email '
'or the id is taken, 55P03 when somebody is giving the email to another for three seconds.';

CREATE OR REPLACE FUNCTION auth.create_user(profile jsonb, context jsonb DEFAULT NULL)
    RETURNS auth.auth_result
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    refused auth.auth_result := auth.refusal_of_caller('ADMIN');
BEGIN
    IF refused.ok IS NOT NULL THEN
        RETURN refused;
    END IF;
    RETURN auth.add_user(profile, context);
END
$$;
COMMENT ON FUNCTION auth.create_user(jsonb, jsonb) IS
'For callers with the app role ADMIN: the same as auth.add_user(), audited under their name. 401 '
'without a token, 403 with a smaller role.';

CREATE OR REPLACE FUNCTION auth.get_user(user_id uuid DEFAULT NULL) RETURNS auth.auth_result
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    caller uuid := auth.uid();
    refused auth.auth_result;
    profile jsonb;
BEGIN
    IF caller IS NULL OR user_id <> caller THEN
        refused := CASE WHEN user_id IS NULL THEN auth.refusal_of_caller()
            ELSE auth.refusal_of_caller('AUDITOR', 'ADMIN') END;
        IF refused.ok IS NOT NULL THEN
            RETURN refused;
        END IF;
    END IF;
    SELECT auth.user_json(auth.standing(u)) INTO profile FROM auth.users u
    WHERE u.id = coalesce(user_id, caller);
    IF NOT FOUND THEN
        RETURN auth.refusal(404, 'unknown-user', 'User not found');
    END IF;
    RETURN ROW(true, 200, NULL, jsonb_build_object('user', profile))::auth.auth_result;
END
$$;
COMMENT ON FUNCTION auth.get_user(uuid) IS
'A profile: the caller''s own (NULL), or for AUDITOR and ADMIN anybody''s. 401, 403, 404 '
'otherwise.';

CREATE OR REPLACE FUNCTION auth.find_user(user_id uuid) RETURNS auth.auth_result
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    refused auth.auth_result := auth.refusal_of_caller('AUDITOR', 'ADMIN');
BEGIN
    IF refused.ok IS NOT NULL THEN
        RETURN refused;
    ELSIF user_id IS NULL THEN
        RETURN auth.refusal(404, 'unknown-user', 'User not found');
    END IF;
    RETURN auth.get_user(user_id);
END
$$;
COMMENT ON FUNCTION auth.find_user(uuid) IS
'For AUDITOR and ADMIN: a profile, their own too. 401, 403, 404 otherwise.';

CREATE OR REPLACE FUNCTION auth.list_users(page integer DEFAULT 1, per_page integer DEFAULT 50)
    RETURNS auth.auth_result
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    refused auth.auth_result := auth.refusal_of_caller('AUDITOR', 'ADMIN');
BEGIN
    IF refused.ok IS NOT NULL THEN
        RETURN refused;
    ELSIF page IS NULL OR page < 1 THEN
        RETURN auth.bad_field('The page was refused', 'page',
            'must be a whole number of 1 or more');
    ELSIF per_page IS NULL OR per_page NOT BETWEEN 1 AND 1000 THEN
        RETURN auth.bad_field('The page was refused', 'per_page',
            'must be a whole number between 1 and 1000');
    END IF;
    RETURN ROW(true, 200, NULL, jsonb_build_object(
        'users', (SELECT coalesce(jsonb_agg(auth.user_json(auth.standing(p))
            ORDER BY p.created_at, p.id), '[]')
                  FROM (SELECT * FROM auth.users u ORDER BY u.created_at, u.id
                        LIMIT per_page OFFSET (page - 1)::bigint * per_page) AS p),
        'total', (SELECT count(*) FROM auth.users)))::auth.auth_result;
END
$$;
COMMENT ON FUNCTION auth.list_users(integer, integer) IS
'For AUDITOR and ADMIN: profiles, oldest first, and how many there are in all. page counts from 1; '
'per_page: 1 to 1000.';

CREATE OR REPLACE FUNCTION auth.is_match(principal auth.users, wanted text) RETURNS boolean
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT wanted IS NULL OR position(wanted IN (principal).email) > 0 OR position(wanted IN
        lower(concat_ws(' ', (principal).first_name, (principal).last_name, -- by locale
            (principal).raw_user_meta_data->>'full_name'))) > 0;
END;
COMMENT ON FUNCTION auth.is_match(auth.users, text) IS
'Internal: whether an email or a name contains the text, which is in lower case; NULL: always.';

CREATE OR REPLACE FUNCTION auth.search_users(search text DEFAULT NULL, page integer DEFAULT 1,
    per_page integer DEFAULT 50) RETURNS auth.auth_result
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    refused auth.auth_result := auth.refusal_of_caller('AUDITOR', 'ADMIN');
    wanted text := lower(nullif(search, '')); -- by locale
BEGIN
    IF refused.ok IS NOT NULL THEN
        RETURN refused;
    ELSIF page IS NULL OR page < 1 THEN
        RETURN auth.bad_field('The page was refused', 'page',
            'must be a whole number of 1 or more');
    ELSIF per_page IS NULL OR per_page NOT BETWEEN 1 AND 1000 THEN
        RETURN auth.bad_field('The page was refused', 'per_page',
            'must be a whole number between 1 and 1000');
    ELSIF octet_length(wanted) > 254 THEN
        RETURN auth.refusal(400, 'validation-failed', 'filter has more than 254 bytes');
    END IF;
    RETURN ROW(true, 200, NULL, jsonb_build_object(
        'users', (SELECT coalesce(jsonb_agg(auth.user_json(auth.standing(p))
            ORDER BY p.created_at DESC, p.id DESC), '[]')
                  FROM (SELECT * FROM auth.users u WHERE auth.is_match(u, wanted)
                      ORDER BY u.created_at DESC, u.id DESC
                        LIMIT per_page OFFSET (page - 1)::bigint * per_page) AS p),
        'total', (SELECT count(*) FROM auth.users u WHERE auth.is_match(u,
            wanted))))::auth.auth_result;
END
$$;
COMMENT ON FUNCTION auth.search_users(text, integer, integer) IS
'For AUDITOR and ADMIN: profiles whose email or name contains the text in any case (NULL: all), '
'newest first, and how many there are. page counts from 1; per_page: 1 to 1000. 400, 401, 403 '
'otherwise.';

CREATE OR REPLACE FUNCTION auth.check_references() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    waiting text;
    wait_on text;
BEGIN
    WITH RECURSIVE behind AS (
        SELECT o.oid FROM (VALUES ('auth.users'::regclass), ('auth.sessions')) AS o (oid)
        UNION SELECT c.conrelid FROM behind b JOIN pg_constraint c ON c.confrelid = b.oid
            AND c.contype = 'f'
    )
    SELECT string_agg(f.name, ', '), string_agg(f.name, ', ') FILTER (WHERE f.may_wait_on)
    INTO waiting, wait_on
    FROM (SELECT DISTINCT format('%I.%I', n.nspname, c.conname) AS name,
            NOT EXISTS (SELECT FROM pg_constraint o WHERE o.connamespace = c.connamespace
                AND o.conname = c.conname AND NOT o.condeferrable) AS may_wait_on
        FROM behind b JOIN pg_constraint c ON c.confrelid = b.oid AND c.contype = 'f'
            AND c.condeferred JOIN pg_namespace n ON n.oid = c.connamespace
        -- SET CONSTRAINTS goes by the name: a trigger or an index of somebody else that has it,
        -- too, would run here with our rights
        WHERE NOT EXISTS (SELECT FROM pg_constraint o WHERE o.connamespace = c.connamespace
            AND o.conname = c.conname AND o.contype <> 'f' AND o.condeferrable)) AS f;
    IF waiting IS NULL THEN
        RETURN;
    END IF;
    EXECUTE 'SET CONSTRAINTS ' || waiting || ' IMMEDIATE';
    IF wait_on IS NOT NULL THEN
        EXECUTE 'SET CONSTRAINTS ' || wait_on || ' DEFERRED';
    END IF;
EXCEPTION WHEN foreign_key_violation THEN
    NULL; -- the caller may still delete what refers to it: the commit looks again
END
$$;
COMMENT ON FUNCTION auth.check_references() IS
'Internal: looks now, not when the transaction commits, whether foreign keys that are INITIALLY '
'DEFERRED still refer to a principal that was deleted: whoever holds such a row is met now.';
