-- The metadata of a principal: what is the application's, what is ours, and how much fits into a
-- token.

CREATE OR REPLACE FUNCTION auth.metadata_of(profile jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN CASE WHEN profile ? 'userMetadata' THEN jsonb_build_object('userMetadata',
        profile->'userMetadata') ELSE '{}' END
        || CASE WHEN profile ? 'appMetadata' THEN jsonb_build_object('appMetadata',
            profile->'appMetadata') ELSE '{}' END;
END
$$;
COMMENT ON FUNCTION auth.metadata_of(jsonb) IS
'Internal: the metadata of a profile, without whatever secrets it has; {} when it has none.';

CREATE OR REPLACE FUNCTION auth.own_app_metadata(profile jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
    -- CASE: a planner that knows the argument works out a list of results before it looks at WHERE.
    SELECT CASE WHEN jsonb_typeof(own_app_metadata.profile->'appMetadata') = 'object'
        THEN (own_app_metadata.profile->'appMetadata') - 'pg_principal' END;
END;
COMMENT ON FUNCTION auth.own_app_metadata(jsonb) IS
'Internal: the appMetadata of a profile without what tokens say of every principal under the name '
'pg_principal; NULL when there is none.';

CREATE OR REPLACE FUNCTION auth.reserved_metadata(profile jsonb, kind text, app_role text)
    RETURNS jsonb
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
    SELECT jsonb_build_array(jsonb_build_object('field', 'appMetadata', 'message',
        'appMetadata must leave pg_principal as it is: role and kind have fields of their own'))
    WHERE nullif(reserved_metadata.profile->'appMetadata'->'pg_principal', 'null')
        <> jsonb_build_object('kind', reserved_metadata.kind, 'role', reserved_metadata.app_role);
END;
COMMENT ON FUNCTION auth.reserved_metadata(jsonb, text, text) IS
'Internal: the problem with a profile whose appMetadata says under pg_principal another kind and '
'app role than the principal has; NULL when there is none, as in an echo.';

CREATE OR REPLACE FUNCTION auth.metadata_size(user_metadata jsonb, app_metadata jsonb)
    RETURNS integer
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT CASE WHEN getdatabaseencoding() IN ('UTF8', 'SQL_ASCII')
        THEN octet_length(concat(metadata_size.user_metadata, metadata_size.app_metadata))
        ELSE octet_length(convert_to(concat(metadata_size.user_metadata,
            metadata_size.app_metadata), 'UTF8')) END;
END;
COMMENT ON FUNCTION auth.metadata_size(jsonb, jsonb) IS
'Internal: bytes of both in a token before it is encoded. 8192 together leave room for all else in '
'16 KiB: a third is added to them.';

CREATE OR REPLACE FUNCTION auth.oversized_metadata(profile jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT jsonb_agg(jsonb_build_object('field', f.name, 'message', f.name
            || ' has more than 4096 bytes'))
        FROM (VALUES ('userMetadata'), ('appMetadata')) AS f (name)
        WHERE auth.metadata_size(profile->f.name, NULL) > 4096);
END
$$;
COMMENT ON FUNCTION auth.oversized_metadata(jsonb) IS
'Internal: problems with metadata that would make tokens too long; NULL when there is none.';

CREATE OR REPLACE FUNCTION auth.outgrown_metadata(profile jsonb, before auth.users,
    after auth.users) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    total constant integer := auth.metadata_size(after.raw_user_meta_data, after.raw_app_meta_data);
BEGIN
    RETURN (
        SELECT jsonb_agg(jsonb_build_object('field', f.name, 'message', f.name || CASE
            WHEN f.size > 4096 THEN ' would have more than 4096 bytes'
            ELSE ' would have more than 8192 bytes together with the other metadata' END))
        FROM (VALUES
            ('userMetadata', auth.metadata_size(before.raw_user_meta_data, NULL),
                auth.metadata_size(after.raw_user_meta_data, NULL)),
            ('appMetadata', auth.metadata_size(before.raw_app_meta_data, NULL),
                auth.metadata_size(after.raw_app_meta_data, NULL))
            ) AS f (name, size_before, size)
        WHERE profile ? f.name AND f.size > f.size_before AND (f.size > 4096 OR total > 8192));
END
$$;
COMMENT ON FUNCTION auth.outgrown_metadata(jsonb, auth.users, auth.users) IS
'Internal: problems with metadata that grew, once merged, beyond what tokens bear; what an import '
'brought may shrink. NULL when there is none.';

CREATE OR REPLACE FUNCTION auth.merged_metadata(present jsonb, changes jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF jsonb_typeof(changes) = 'object' THEN
        RETURN (present || changes)
            - ARRAY(SELECT c.key FROM jsonb_each(changes) AS c WHERE c.value = 'null');
    END IF;
    RETURN present;
END
$$;
COMMENT ON FUNCTION auth.merged_metadata(jsonb, jsonb) IS
'Internal: metadata with changes of its members; null takes one away.';
