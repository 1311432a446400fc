-- Accounts: profiles, roles.

CREATE OR REPLACE FUNCTION auth.password_hash_problem(stored text) RETURNS text
LANGUAGE c IMMUTABLE STRICT AS 'MODULE_PATHNAME', 'pg_principal_password_hash_problem';
COMMENT ON FUNCTION auth.password_hash_problem(text) IS
'Internal: why a password hash cannot be verified or costs too much, as a predicate that names its kind: "is MD5, ..."; NULL when it can.';
CREATE OR REPLACE FUNCTION auth.read_profile(profile jsonb, allowed text, required text, OUT fields jsonb, OUT problems jsonb) RETURNS record
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'pg_principal_read_profile';
COMMENT ON FUNCTION auth.read_profile(jsonb, text, text) IS
'Internal: the fields of a profile, normalised, or every problem of it. allowed and required: names of fields, separated by spaces.';

CREATE OR REPLACE FUNCTION auth.is_agent(kind text, email text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT is_agent.kind = 'service_account' OR is_agent.email LIKE '%-agent@%';
END;
COMMENT ON FUNCTION auth.is_agent(text, text) IS 'Whether the health scan looks after a principal: a service account, or an email that contains -agent@.';

CREATE OR REPLACE FUNCTION auth.iso_time(t timestamptz) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT CASE WHEN isfinite(iso_time.t) THEN to_char(iso_time.t AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') END;
END;
COMMENT ON FUNCTION auth.iso_time(timestamptz) IS 'Internal: RFC 3339 in UTC with milliseconds; NULL for NULL and infinity.';

CREATE OR REPLACE FUNCTION auth.user_json(u auth.users) RETURNS jsonb
LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'pg_principal_user_json';
COMMENT ON FUNCTION auth.user_json(auth.users) IS 'Internal: a principal as the account functions show it; never its password.';

CREATE OR REPLACE FUNCTION auth.refusal(status integer, reason text, message text, errors jsonb DEFAULT NULL) RETURNS auth.auth_result
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
    SELECT ROW(false, refusal.status, refusal.reason,
        jsonb_strip_nulls(jsonb_build_object('message', refusal.message, 'errors', refusal.errors)))::auth.auth_result;
END;
COMMENT ON FUNCTION auth.refusal(integer, text, text, jsonb) IS 'Internal: an auth_result that is not ok.';

CREATE OR REPLACE FUNCTION auth.bad_field(message text, field text, problem text) RETURNS auth.auth_result
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
    SELECT auth.refusal(400, 'validation-failed', bad_field.message,
        jsonb_build_array(jsonb_build_object('field', bad_field.field, 'message', bad_field.field || ' ' || bad_field.problem)));
END;
COMMENT ON FUNCTION auth.bad_field(text, text, text) IS 'Internal: the refusal of one field of a request.';

CREATE OR REPLACE FUNCTION auth.refusal_of_caller(VARIADIC roles text[] DEFAULT '{}') RETURNS auth.auth_result
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF auth.uid() IS NULL AND 'ADMIN' = ANY (roles) AND auth.role() = 'service_role' THEN
        RETURN NULL;
    ELSIF auth.uid() IS NULL THEN
        RETURN auth.refusal(401, 'unauthenticated', 'Authentication required');
    ELSIF cardinality(roles) > 0 AND NOT auth.has_role(VARIADIC roles) THEN
        RETURN auth.refusal(403, 'forbidden', 'Insufficient role');
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION auth.refusal_of_caller(text[]) IS
'Internal: NULL when the caller has a live token and one of these app roles (none named: any will do), else 401 or 403. The project key service_role counts as ADMIN where app roles are named, and is no principal: 401 where none is. 28000 when the token is dead.';

CREATE OR REPLACE FUNCTION auth.own_app_metadata(profile jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
    SELECT (own_app_metadata.profile->'appMetadata') - 'pg_principal' WHERE jsonb_typeof(own_app_metadata.profile->'appMetadata') = 'object';
END;
COMMENT ON FUNCTION auth.own_app_metadata(jsonb) IS
'Internal: the appMetadata of a profile without what tokens say of every principal under the name pg_principal; NULL when there is none.';

CREATE OR REPLACE FUNCTION auth.reserved_metadata(profile jsonb, kind text, app_role text) RETURNS jsonb
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
    SELECT jsonb_build_array(jsonb_build_object('field', 'appMetadata', 'message',
        'appMetadata must leave pg_principal as it is: role and kind have fields of their own'))
    WHERE nullif(reserved_metadata.profile->'appMetadata'->'pg_principal', 'null')
        <> jsonb_build_object('kind', reserved_metadata.kind, 'role', reserved_metadata.app_role);
END;
COMMENT ON FUNCTION auth.reserved_metadata(jsonb, text, text) IS
'Internal: the problem with a profile whose appMetadata says under pg_principal another kind and app role than the principal has; NULL when there is none, as in an echo.';

CREATE OR REPLACE FUNCTION auth.store_user(fields jsonb, profile jsonb, app_role text, audited_as text, self_made boolean DEFAULT false) RETURNS auth.users
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    is_unproven constant boolean := self_made AND app_role <> 'ADMIN';
    roster_kind text;
    autoconfirmed boolean := self_made AND current_setting('pg_principal.autoconfirm')::boolean;
    made auth.users;
    new_id constant uuid := coalesce((fields->>'id')::uuid, gen_random_uuid());
    scheme constant text := coalesce(auth.hold_password(new_id, fields->>'password'), auth.hold_hash(new_id, fields->>'passwordHash'));
BEGIN
    fields := fields - '{password,passwordHash}'::text[];
    profile := auth.metadata_of(profile);
    -- somebody the roster names belongs to it from the start, unless nobody but they says who they are
    SELECT o.kind INTO roster_kind FROM auth.organization_people o WHERE o.email = fields->>'email' AND NOT is_unproven;
    INSERT INTO auth.users (id, email, kind, app_role, password_scheme, password_version, password_changed_at, first_name, last_name,
                            job_title, phone_number, raw_user_meta_data, raw_app_meta_data, email_confirmed_at, self_registered, on_roster,
                            email_autoconfirmed)
    VALUES (new_id, fields->>'email', coalesce(roster_kind, fields->>'kind', 'person'), app_role, scheme, (scheme IS NOT NULL)::integer,
            CASE WHEN scheme IS NOT NULL THEN clock_timestamp() END,
            fields->>'firstName', fields->>'lastName', fields->>'jobTitle', fields->>'phoneNumber',
            coalesce(nullif(profile->'userMetadata', 'null'), '{}'), coalesce(auth.own_app_metadata(profile), '{}'),
            CASE WHEN (fields->>'emailConfirmed')::boolean OR autoconfirmed THEN clock_timestamp() END, is_unproven, roster_kind IS NOT NULL,
            autoconfirmed)
    ON CONFLICT (email) DO NOTHING
    RETURNING * INTO made;
    IF made.id IS NULL THEN
        RETURN NULL;
    ELSIF self_made THEN
        PERFORM auth.audit_as(made.id, made.email, made.id, made.email,
            jsonb_build_object('created', jsonb_build_object('previous', NULL, 'current', audited_as)));
    ELSE
        PERFORM auth.audit(made.id, made.email,
            jsonb_build_object('created', jsonb_build_object('previous', NULL, 'current', audited_as)));
    END IF;
    RETURN made;
END
$$;
COMMENT ON FUNCTION auth.store_user(jsonb, jsonb, text, text, boolean) IS
'Internal: the last step of creating a principal; NULL when the email is taken. One that the roster names has its kind and leaves with it; what a stranger made is for auth.provision() to adopt.';

CREATE OR REPLACE FUNCTION auth.metadata_size(user_metadata jsonb, app_metadata jsonb) RETURNS integer
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT CASE WHEN getdatabaseencoding() IN ('UTF8', 'SQL_ASCII') THEN octet_length(m.metadata)
        ELSE octet_length(convert_to(m.metadata, 'UTF8')) END
    FROM (SELECT concat(metadata_size.user_metadata, metadata_size.app_metadata) AS metadata) AS m;
END;
COMMENT ON FUNCTION auth.metadata_size(jsonb, jsonb) IS
'Internal: bytes of both in a token before it is encoded. 8192 together leave room for all else in 16 KiB: a third is added to them.';

CREATE OR REPLACE FUNCTION auth.oversized_metadata(profile jsonb) RETURNS jsonb
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT jsonb_agg(jsonb_build_object('field', f.name, 'message', f.name || ' has more than 4096 bytes'))
    FROM (VALUES ('userMetadata'), ('appMetadata')) AS f (name)
    WHERE auth.metadata_size(oversized_metadata.profile->f.name, NULL) > 4096;
END;
COMMENT ON FUNCTION auth.oversized_metadata(jsonb) IS
'Internal: problems with metadata that would make tokens too long; NULL when there is none.';

CREATE OR REPLACE FUNCTION auth.outgrown_metadata(profile jsonb, before auth.users, after auth.users) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    total constant integer := auth.metadata_size(after.raw_user_meta_data, after.raw_app_meta_data);
BEGIN
    RETURN (
        SELECT jsonb_agg(jsonb_build_object('field', f.name, 'message', f.name || CASE WHEN f.size > 4096 THEN ' would have more than 4096 bytes'
            ELSE ' would have more than 8192 bytes together with the other metadata' END))
        FROM (VALUES
            ('userMetadata', auth.metadata_size(before.raw_user_meta_data, NULL), auth.metadata_size(after.raw_user_meta_data, NULL)),
            ('appMetadata', auth.metadata_size(before.raw_app_meta_data, NULL), auth.metadata_size(after.raw_app_meta_data, NULL))
            ) AS f (name, size_before, size)
        WHERE profile ? f.name AND f.size > f.size_before AND (f.size > 4096 OR total > 8192));
END
$$;
COMMENT ON FUNCTION auth.outgrown_metadata(jsonb, auth.users, auth.users) IS
'Internal: problems with metadata that grew, once merged, beyond what tokens bear; what an import brought may shrink. NULL when there is none.';

CREATE OR REPLACE FUNCTION auth.add_user(profile jsonb, context jsonb DEFAULT NULL) RETURNS auth.auth_result
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    checked record;
    made auth.users;
BEGIN
    PERFORM auth.set_request_context(context);
    checked := auth.read_profile(profile,
        'email password firstName lastName jobTitle phoneNumber role kind userMetadata appMetadata emailConfirmed id passwordHash banDuration',
        'email');
    profile := auth.metadata_of(profile);
    checked.problems := coalesce(checked.problems, auth.oversized_metadata(profile),
        auth.reserved_metadata(profile, coalesce(checked.fields->>'kind', 'person'), coalesce(checked.fields->>'role', 'ANALYST')));
    IF checked.problems IS NOT NULL THEN
        RETURN auth.refusal(400, 'validation-failed', 'The profile was refused', checked.problems);
    ELSIF checked.fields ?& '{password, passwordHash}' THEN
        RETURN auth.bad_field('The profile was refused', 'passwordHash', 'must not be given beside password');
    END IF;
    BEGIN
        made := auth.store_user(checked.fields, profile, coalesce(checked.fields->>'role', 'ANALYST'), 'created');
        checked.fields := checked.fields - '{password,passwordHash}'::text[];
    EXCEPTION WHEN unique_violation THEN
        RETURN auth.refusal(409, 'id-taken', 'A user with that id already exists');
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
'For operators: makes a principal from email, password, firstName, lastName, jobTitle, phoneNumber, role (default ANALYST), kind (person or service_account), userMetadata, appMetadata, emailConfirmed, id (a UUID), passwordHash (bcrypt or Argon2id, instead of password) and banDuration (see auth.update_user()); only the email is required. Somebody on the roster gets the kind that the roster says. 201 with the profile, 400 naming every bad field, 409 when the email or the id is taken.';

CREATE OR REPLACE FUNCTION auth.create_user(profile jsonb, context jsonb DEFAULT NULL) RETURNS auth.auth_result
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
'For callers with the app role ADMIN: the same as auth.add_user(), audited under their name. 401 without a token, 403 with a smaller role.';

CREATE OR REPLACE FUNCTION auth.get_user(user_id uuid DEFAULT NULL) RETURNS auth.auth_result
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    caller uuid := auth.uid();
    refused auth.auth_result;
    profile jsonb;
BEGIN
    IF caller IS NULL OR user_id <> caller THEN
        refused := CASE WHEN user_id IS NULL THEN auth.refusal_of_caller() ELSE auth.refusal_of_caller('AUDITOR', 'ADMIN') END;
        IF refused.ok IS NOT NULL THEN
            RETURN refused;
        END IF;
    END IF;
    SELECT auth.user_json(u) INTO profile FROM auth.users u WHERE u.id = coalesce(user_id, caller);
    IF NOT FOUND THEN
        RETURN auth.refusal(404, 'unknown-user', 'User not found');
    END IF;
    RETURN ROW(true, 200, NULL, jsonb_build_object('user', profile))::auth.auth_result;
END
$$;
COMMENT ON FUNCTION auth.get_user(uuid) IS
'A profile: the caller''s own (NULL), or for AUDITOR and ADMIN anybody''s. 401, 403, 404 otherwise.';

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

CREATE OR REPLACE FUNCTION auth.list_users(page integer DEFAULT 1, per_page integer DEFAULT 50) RETURNS auth.auth_result
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    refused auth.auth_result := auth.refusal_of_caller('AUDITOR', 'ADMIN');
BEGIN
    IF refused.ok IS NOT NULL THEN
        RETURN refused;
    ELSIF page IS NULL OR page < 1 THEN
        RETURN auth.bad_field('The page was refused', 'page', 'must be a whole number of 1 or more');
    ELSIF per_page IS NULL OR per_page NOT BETWEEN 1 AND 1000 THEN
        RETURN auth.bad_field('The page was refused', 'per_page', 'must be a whole number between 1 and 1000');
    END IF;
    RETURN ROW(true, 200, NULL, jsonb_build_object(
        'users', (SELECT coalesce(jsonb_agg(auth.user_json(p) ORDER BY p.created_at, p.id), '[]')
                  FROM (SELECT * FROM auth.users u ORDER BY u.created_at, u.id
                        LIMIT per_page OFFSET (page - 1)::bigint * per_page) AS p),
        'total', (SELECT count(*) FROM auth.users)))::auth.auth_result;
END
$$;
COMMENT ON FUNCTION auth.list_users(integer, integer) IS
'For AUDITOR and ADMIN: profiles, oldest first, and how many there are in all. page counts from 1; per_page: 1 to 1000.';

CREATE OR REPLACE FUNCTION auth.is_match(principal auth.users, wanted text) RETURNS boolean
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT wanted IS NULL OR position(wanted IN (principal).email) > 0 OR position(wanted IN
        lower(concat_ws(' ', (principal).first_name, (principal).last_name, (principal).raw_user_meta_data->>'full_name'))) > 0;
END;
COMMENT ON FUNCTION auth.is_match(auth.users, text) IS 'Internal: whether an email or a name contains the text, which is in lower case; NULL: always.';

CREATE OR REPLACE FUNCTION auth.search_users(search text DEFAULT NULL, page integer DEFAULT 1, per_page integer DEFAULT 50) RETURNS auth.auth_result
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    refused auth.auth_result := auth.refusal_of_caller('AUDITOR', 'ADMIN');
    wanted text := lower(nullif(search, ''));
BEGIN
    IF refused.ok IS NOT NULL THEN
        RETURN refused;
    ELSIF page IS NULL OR page < 1 THEN
        RETURN auth.bad_field('The page was refused', 'page', 'must be a whole number of 1 or more');
    ELSIF per_page IS NULL OR per_page NOT BETWEEN 1 AND 1000 THEN
        RETURN auth.bad_field('The page was refused', 'per_page', 'must be a whole number between 1 and 1000');
    ELSIF octet_length(wanted) > 254 THEN
        RETURN auth.refusal(400, 'validation-failed', 'filter has more than 254 bytes');
    END IF;
    RETURN ROW(true, 200, NULL, jsonb_build_object(
        'users', (SELECT coalesce(jsonb_agg(auth.user_json(p) ORDER BY p.created_at DESC, p.id DESC), '[]')
                  FROM (SELECT * FROM auth.users u WHERE auth.is_match(u, wanted) ORDER BY u.created_at DESC, u.id DESC
                        LIMIT per_page OFFSET (page - 1)::bigint * per_page) AS p),
        'total', (SELECT count(*) FROM auth.users u WHERE auth.is_match(u, wanted))))::auth.auth_result;
END
$$;
COMMENT ON FUNCTION auth.search_users(text, integer, integer) IS
'For AUDITOR and ADMIN: profiles whose email or name contains the text in any case (NULL: all), newest first, and how many there are. page counts from 1; per_page: 1 to 1000. 400, 401, 403 otherwise.';

CREATE OR REPLACE FUNCTION auth.merged_metadata(present jsonb, changes jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
    SELECT CASE WHEN jsonb_typeof(merged_metadata.changes) = 'object' THEN (merged_metadata.present || merged_metadata.changes)
        - ARRAY(SELECT c.key FROM jsonb_each(merged_metadata.changes) AS c WHERE c.value = 'null') ELSE merged_metadata.present END;
END;
COMMENT ON FUNCTION auth.merged_metadata(jsonb, jsonb) IS 'Internal: metadata with changes of its members; null takes one away.';

CREATE OR REPLACE FUNCTION auth.change_user(target uuid, fields jsonb, profile jsonb) RETURNS auth.auth_result
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    before auth.users;
    changed auth.users;
    outgrown jsonb;
    reserved jsonb;
    new_scheme text := auth.hold_password(target, fields->>'password');
BEGIN
    fields := fields - 'password';
    profile := auth.metadata_of(profile);
    SELECT * INTO before FROM auth.users u WHERE u.id = target FOR NO KEY UPDATE;
    UPDATE auth.users u SET
        email = coalesce(fields->>'email', u.email),
        app_role = coalesce(fields->>'role', u.app_role),
        kind = coalesce(fields->>'kind', u.kind),
        first_name = CASE WHEN fields ? 'firstName' THEN fields->>'firstName' ELSE u.first_name END,
        last_name = CASE WHEN fields ? 'lastName' THEN fields->>'lastName' ELSE u.last_name END,
        job_title = CASE WHEN fields ? 'jobTitle' THEN fields->>'jobTitle' ELSE u.job_title END,
        phone_number = CASE WHEN fields ? 'phoneNumber' THEN fields->>'phoneNumber' ELSE u.phone_number END,
        raw_user_meta_data = auth.merged_metadata(u.raw_user_meta_data, profile->'userMetadata'),
        raw_app_meta_data = auth.merged_metadata(u.raw_app_meta_data, auth.own_app_metadata(profile)),
        email_confirmed_at = CASE (fields->>'emailConfirmed')::boolean
            WHEN true THEN coalesce(u.email_confirmed_at, clock_timestamp()) WHEN false THEN NULL ELSE u.email_confirmed_at END,
        email_autoconfirmed = u.email_autoconfirmed AND (fields->>'emailConfirmed')::boolean IS NULL,
        password_scheme = coalesce(new_scheme, u.password_scheme),
        password_version = u.password_version + (new_scheme IS NOT NULL)::integer,
        password_changed_at = CASE WHEN new_scheme IS NULL THEN u.password_changed_at ELSE clock_timestamp() END,
        updated_at = clock_timestamp()
    WHERE u.id = target
    RETURNING * INTO changed;
    IF NOT FOUND THEN
        RETURN auth.refusal(404, 'unknown-user', 'User not found');
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
    RETURN ROW(true, 200, NULL, jsonb_build_object('user', auth.user_json(changed)))::auth.auth_result;
EXCEPTION
    WHEN reserved_name THEN
        RETURN auth.refusal(400, 'validation-failed', 'The profile was refused', reserved);
    WHEN unique_violation THEN
        RETURN auth.refusal(409, 'email-taken', 'A user with that email already exists');
    WHEN program_limit_exceeded THEN
        RETURN auth.refusal(400, 'validation-failed', 'The metadata would have more than '
            || CASE WHEN outgrown->0->>'message' LIKE '%4096%' THEN '4096 bytes' ELSE '8192 bytes' END, outgrown);
END
$$;
COMMENT ON FUNCTION auth.change_user(uuid, jsonb, jsonb) IS
'Internal: writes the fields given, metadata merged with what is there; the trigger on auth.users audits each.';

CREATE OR REPLACE FUNCTION auth.refusal_of_own_change(times integer DEFAULT 1) RETURNS auth.auth_result
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    caller uuid := auth.uid();
    allowed integer := times * current_setting('pg_principal.max_own_changes')::integer;
BEGIN
    PERFORM FROM auth.users u WHERE u.id = caller FOR NO KEY UPDATE; -- two at once are counted one after the other
    -- entries of sessions and of refusals have metadata, and bounds of their own
    IF allowed <= (SELECT count(*) FROM (
            SELECT l.actor_id, l.created_at, l.metadata FROM auth.audit_log l WHERE l.user_id = caller ORDER BY l.seq DESC LIMIT allowed + 200) AS l
        WHERE l.actor_id = caller AND l.metadata IS NULL AND l.created_at > clock_timestamp() - interval '1 hour') THEN
        RETURN auth.refusal(429, 'too-many-changes', 'Too many changes within an hour');
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION auth.refusal_of_own_change(integer) IS
'Internal: 429 for a caller who has changed as much of their own account within the hour as pg_principal.max_own_changes allows, that many times; NULL otherwise. Locks the principal.';

CREATE OR REPLACE FUNCTION auth.update_profile(changes jsonb, context jsonb DEFAULT NULL) RETURNS auth.auth_result
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    refused auth.auth_result := auth.refusal_of_caller();
    checked record;
BEGIN
    IF refused.ok IS NOT NULL THEN
        RETURN refused;
    END IF;
    PERFORM auth.set_request_context(context);
    checked := auth.read_profile(changes, 'firstName lastName jobTitle phoneNumber userMetadata', '');
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
'Changes the caller''s own firstName, lastName, jobTitle, phoneNumber (null takes one away) and userMetadata (merged). 200 with the profile, 400 naming every bad field, 401 without a token, 429 after pg_principal.max_own_changes within an hour.';

CREATE OR REPLACE FUNCTION auth.keep_an_admin(target uuid) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    caller uuid := auth.uid();
BEGIN
    IF NOT EXISTS (SELECT FROM auth.users u
                   WHERE u.id = target AND u.app_role = 'ADMIN' AND (u.banned_until > clock_timestamp()) IS NOT TRUE) THEN
        RETURN true;
    ELSIF caller <> target THEN
        -- held, so that two who take each other's role do not both succeed
        PERFORM FROM auth.users u
        WHERE u.id = caller AND u.app_role = 'ADMIN' AND (u.banned_until > clock_timestamp()) IS NOT TRUE FOR SHARE;
    ELSE
        PERFORM FROM auth.users u
        WHERE u.id <> target AND u.app_role = 'ADMIN' AND (u.banned_until > clock_timestamp()) IS NOT TRUE
        LIMIT 1 FOR SHARE SKIP LOCKED;
    END IF;
    RETURN FOUND;
END
$$;
COMMENT ON FUNCTION auth.keep_an_admin(uuid) IS
'Internal: whether an ADMIN who is not banned is left when this one is no more; held as such until the transaction ends.';

CREATE OR REPLACE FUNCTION auth.update_user(user_id uuid, changes jsonb, context jsonb DEFAULT NULL) RETURNS auth.auth_result
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
        'email password firstName lastName jobTitle phoneNumber role kind userMetadata appMetadata emailConfirmed banDuration', '');
    changes := auth.metadata_of(changes);
    checked.problems := coalesce(checked.problems, auth.oversized_metadata(changes));
    ban := (checked.fields->>'banDuration')::interval;
    IF checked.problems IS NOT NULL THEN
        RETURN auth.refusal(400, 'validation-failed', 'The profile was refused', checked.problems);
    ELSIF ban > interval '0' AND user_id = auth.uid() THEN
        RETURN auth.refusal(409, 'own-account', 'You cannot ban yourself');
    END IF;
    IF checked.fields ? 'email' THEN
        LOCK TABLE auth.organization_people IN SHARE ROW EXCLUSIVE MODE; -- its row goes along: before the principal, as auth.provision()
    END IF;
    PERFORM auth.take_hold(u.id) FROM auth.users u WHERE u.id = update_user.user_id; -- nobody holds up their own demotion
    IF (checked.fields->>'role' <> 'ADMIN' OR ban > interval '0') AND NOT auth.keep_an_admin(update_user.user_id) THEN
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
        SELECT jsonb_build_object('user', auth.user_json(u)) INTO result.payload FROM auth.users u WHERE u.id = update_user.user_id;
    END IF;
    RETURN result;
END
$$;
COMMENT ON FUNCTION auth.update_user(uuid, jsonb, jsonb) IS
'For callers with the app role ADMIN: changes any field of a profile. A new email takes the row of the roster along, see auth.rename_person(). A new password ends all sessions of that principal. banDuration bans for that long (numbers with h, m or s: 876000h, 1h30m), or lifts a ban (none). 200 with the profile, 400 naming every bad field, 401, 403, 404, 409 when the email is taken, one''s own account would be banned, or no ADMIN be left.';

CREATE OR REPLACE FUNCTION auth.set_app_role(user_id uuid, app_role text, context jsonb DEFAULT NULL) RETURNS auth.auth_result
LANGUAGE sql SECURITY DEFINER
BEGIN ATOMIC
    SELECT auth.update_user(set_app_role.user_id, jsonb_build_object('role', coalesce(set_app_role.app_role, '')), set_app_role.context);
END;
COMMENT ON FUNCTION auth.set_app_role(uuid, text, jsonb) IS
'For callers with the app role ADMIN: READ_ONLY, ANALYST, AUDITOR or ADMIN for a principal, in force at its next statement whatever its tokens say. 200, 400, 401, 403, 404, 409 when no ADMIN would be left.';

CREATE OR REPLACE FUNCTION auth.set_password(email text, password text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    checked record := auth.read_profile(jsonb_build_object('password', coalesce(password, '')), 'password', 'password');
    target constant uuid := (SELECT u.id FROM auth.users u WHERE u.email = auth.known_email(set_password.email));
    new_scheme text;
BEGIN
    IF checked.problems IS NOT NULL THEN
        PERFORM auth.raise_error('profile_refused',
            (SELECT string_agg(p->>'message', E'\n') FROM jsonb_array_elements(checked.problems) AS p));
    END IF;
    PERFORM auth.take_hold(u.id, true) FROM auth.users u WHERE u.id = target;
    PERFORM auth.forget_sign_ins(ARRAY[u.id]), auth.forget_guesses(u.id) FROM auth.users u WHERE u.id = target;
    new_scheme := auth.hold_password(target, password);
    UPDATE auth.users u SET password_scheme = new_scheme, password_version = u.password_version + 1,
        password_changed_at = clock_timestamp(), updated_at = clock_timestamp()
    WHERE u.id = target;
    IF NOT FOUND THEN
        PERFORM auth.raise_error('user_missing', coalesce(set_password.email, 'NULL'));
    END IF;
    PERFORM auth.end_sessions(target, 'password_rotated', NULL);
END
$$;
COMMENT ON FUNCTION auth.set_password(text, text) IS
'For operators: a new password for a principal; ends all its sessions and lifts a lock of its sign-in. Pass it as a parameter, so that it stays out of logs. 22023 naming what the policy misses, 42704 when there is no such principal.';

CREATE OR REPLACE FUNCTION auth.is_point_in_time(given text) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- not "yesterday", nor what depends on DateStyle
    RETURN given ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?(Z|[+-][0-9]{2}(:?[0-9]{2})?)?)?$' AND isfinite(given::timestamptz);
EXCEPTION WHEN data_exception THEN
    RETURN false;
END
$$;
COMMENT ON FUNCTION auth.is_point_in_time(text) IS 'Internal: whether the text is a point in time as ISO 8601 and PostgreSQL write it; NULL for NULL.';

CREATE OR REPLACE FUNCTION auth.import_users(rows jsonb, without_passwords boolean DEFAULT false, OUT imported integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    problems text;
    bad bigint;
    held bigint;
    unread text;
BEGIN
    IF rows IS NULL OR jsonb_typeof(rows) <> 'array' THEN
        PERFORM auth.raise_error('import_not_an_array', coalesce(jsonb_typeof(rows), 'NULL'));
    END IF;
    held := auth.hold_document(rows);
    WITH given AS MATERIALIZED (
        SELECT r.n, r.row, lower(btrim(r.row->>'email') COLLATE "C") AS email, r.row->>'id' AS id,
            auth.password_hash_problem(nullif(btrim(r.row->>'encrypted_password', E' \t\r\n'), '')) AS problem
        FROM jsonb_array_elements(auth.held_document(held)) WITH ORDINALITY AS r (row, n)
    ), problem (n, reason) AS (
        SELECT g.n, 'must be an object of fields' FROM given g WHERE jsonb_typeof(g.row) <> 'object'
        UNION ALL
        SELECT g.n, p->>'message' FROM given g,
            jsonb_array_elements((auth.read_profile(jsonb_build_object('email', g.row->'email'), 'email', 'email')).problems) AS p
        WHERE jsonb_typeof(g.row) = 'object'
        UNION ALL
        SELECT g.n, 'id is no UUID' FROM given g
        WHERE g.id !~ '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$'
        UNION ALL
        SELECT g.n, 'encrypted_password ' || g.problem FROM given g WHERE NOT coalesce(without_passwords, false)
        UNION ALL
        SELECT g.n, f.name || ' must be an object' FROM given g, (VALUES ('raw_user_meta_data'), ('raw_app_meta_data')) AS f (name)
        WHERE jsonb_typeof(g.row->f.name) NOT IN ('object', 'null')
        UNION ALL
        SELECT g.n, 'raw_app_meta_data must not have pg_principal: tokens say there what is ours to say' FROM given g
        WHERE g.row->'raw_app_meta_data' ? 'pg_principal'
        UNION ALL
        SELECT g.n, 'kind must be person or service_account' FROM given g
        WHERE g.row->'kind' NOT IN ('"person"', '"service_account"', 'null')
        UNION ALL
        SELECT g.n, f.name || ' is no point in time' FROM given g,
            (VALUES ('created_at'), ('banned_until'), ('email_confirmed_at'), ('last_sign_in_at')) AS f (name)
        WHERE NOT auth.is_point_in_time(g.row->>f.name)
        UNION ALL
        SELECT g.n, f.name || ' has more than 8192 bytes, too many for a token' FROM given g, (VALUES ('raw_user_meta_data'), ('raw_app_meta_data')) AS f (name)
        WHERE auth.metadata_size(g.row->f.name, NULL) > 8192
        UNION ALL
        SELECT g.n, 'raw_user_meta_data and raw_app_meta_data have more than 8192 bytes together, too many for a token' FROM given g
        WHERE auth.metadata_size(g.row->'raw_user_meta_data', g.row->'raw_app_meta_data') > 8192
          AND greatest(auth.metadata_size(g.row->'raw_user_meta_data', NULL), auth.metadata_size(g.row->'raw_app_meta_data', NULL)) <= 8192
        UNION ALL
        SELECT g.n, format('email %s is taken', g.email) FROM given g
        WHERE EXISTS (SELECT FROM auth.users u WHERE u.email = g.email)
        UNION ALL
        SELECT g.n, format('id %s is taken', g.id) FROM given g
        WHERE EXISTS (SELECT FROM auth.users u WHERE u.id::text = lower(g.id))
        UNION ALL
        SELECT d.n, format('the same %s as row %s', d.what, d.first) FROM (
            SELECT g.n, w.what, min(g.n) OVER (PARTITION BY w.what, w.value) AS first
            FROM given g, LATERAL (VALUES ('email', g.email), ('id', lower(g.id))) AS w (what, value) WHERE w.value IS NOT NULL) AS d
        WHERE d.n <> d.first
    ), numbered AS (
        SELECT format('row %s: %s', p.n, p.reason) AS line, p.stops,
            row_number() OVER (PARTITION BY p.stops ORDER BY p.n, p.reason) AS i, count(*) OVER (PARTITION BY p.stops) AS total
        FROM (SELECT p.n, p.reason, true AS stops FROM problem p WHERE p.reason IS NOT NULL
              UNION ALL SELECT g.n, 'encrypted_password ' || g.problem, false FROM given g WHERE g.problem IS NOT NULL) AS p
    ), lines AS (
        SELECT n.stops, max(n.total) AS total, string_agg(n.line, E'\n' ORDER BY n.i) FILTER (WHERE n.i <= 20)
            || CASE WHEN max(n.total) > 20 THEN format(E'\nand %s more', max(n.total) - 20) ELSE '' END AS text
        FROM numbered n GROUP BY n.stops
    )
    SELECT max(l.total) FILTER (WHERE l.stops), max(l.text) FILTER (WHERE l.stops), max(l.text) FILTER (WHERE NOT l.stops)
    INTO bad, problems, unread FROM lines l;
    IF bad > 0 THEN
        PERFORM auth.raise_error('import_refused', bad::text, jsonb_array_length(auth.held_document(held))::text, problems);
    ELSIF unread IS NOT NULL THEN
        RAISE NOTICE 'imported without a password' USING DETAIL = unread;
    END IF;
    WITH made AS (
        INSERT INTO auth.users (id, email, kind, encrypted_password, banned_until, raw_user_meta_data, raw_app_meta_data,
                                email_confirmed_at, last_sign_in_at, created_at, on_roster)
        SELECT coalesce((r->>'id')::uuid, gen_random_uuid()), auth.normalise_email(r->>'email'),
            coalesce(o.kind, r->>'kind', 'person'),
            (SELECT h.hash FROM (SELECT nullif(btrim(r->>'encrypted_password', E' \t\r\n'), '')) AS h (hash)
             WHERE auth.password_hash_problem(h.hash) IS NULL),
            (r->>'banned_until')::timestamptz,
            coalesce(nullif(r->'raw_user_meta_data', 'null'), '{}'), coalesce(nullif(r->'raw_app_meta_data', 'null'), '{}'),
            (r->>'email_confirmed_at')::timestamptz, (r->>'last_sign_in_at')::timestamptz,
            coalesce((r->>'created_at')::timestamptz, now()), o.email IS NOT NULL
        FROM jsonb_array_elements(auth.held_document(held)) AS r LEFT JOIN auth.organization_people o ON o.email = auth.normalise_email(r->>'email')
        RETURNING id, email
    )
    SELECT count(auth.audit(m.id, m.email, '{"created": {"previous": null, "current": "imported"}}')) INTO imported FROM made m;
END
$$;
COMMENT ON FUNCTION auth.import_users(jsonb, boolean) IS
'For operators: takes in rows exported from Supabase''s auth.users as a JSON array of objects (id, email, encrypted_password, banned_until, raw_user_meta_data, raw_app_meta_data, email_confirmed_at, last_sign_in_at, created_at, and kind: person or service_account; other columns are ignored). Metadata is the application''s and stays as it is: no member of it makes a role or a kind here. Ids are kept, and hashes of the kinds and costs that docs/moving-in.md lists; a hash is replaced by our Argon2id at the next sign-in. A hash that cannot be verified is refused with its kind, or, with without_passwords, left out with a NOTICE that names it. All or none: 22023 with each bad row''s number and reason in DETAIL. Returns how many came in.';
