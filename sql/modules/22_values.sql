-- Points and spans of time, and how they are written.

CREATE OR REPLACE FUNCTION auth.iso_time(t timestamptz) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT CASE WHEN isfinite(iso_time.t) THEN to_char(iso_time.t AT TIME ZONE 'UTC',
        'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') END;
END;
COMMENT ON FUNCTION auth.iso_time(timestamptz) IS
'Internal: RFC 3339 in UTC with milliseconds; NULL for NULL and infinity.';

CREATE OR REPLACE FUNCTION auth.later(at_time timestamptz, span interval) RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT (later.at_time AT TIME ZONE 'UTC' + later.span) AT TIME ZONE 'UTC';
END;
COMMENT ON FUNCTION auth.later(timestamptz, interval) IS
'Internal: a time so much later, or earlier with an interval below zero, whatever TimeZone says: a '
'day has 86,400 seconds.';

CREATE OR REPLACE FUNCTION auth.pruned_before(older_than interval) RETURNS timestamptz
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    at_time constant timestamptz := clock_timestamp();
    cutoff timestamptz := '-infinity'; -- further back than any timestamp
BEGIN
    IF older_than > interval '0' AND older_than < interval '6000 years' THEN
        cutoff := auth.later(at_time, -older_than);
    END IF;
    -- an interval of months and days that cancel out may be above zero and yet begin in the future
    IF (older_than > interval '0' AND cutoff < at_time) IS NOT TRUE THEN
        PERFORM auth.raise_error('interval_invalid', 'older_than',
            coalesce(older_than::text, 'NULL'));
    END IF;
    RETURN cutoff;
END
$$;
COMMENT ON FUNCTION auth.pruned_before(interval) IS
'Internal: the time before which something is so old. 22023 for an interval that is not above '
'zero.';

CREATE OR REPLACE FUNCTION auth.counted(n bigint, noun text) RETURNS text
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
    SELECT counted.n || ' ' || counted.noun || CASE WHEN counted.n = 1 THEN '' ELSE 's' END;
END;
COMMENT ON FUNCTION auth.counted(bigint, text) IS
'Internal: so many of something: 1 row, 2 rows.';

CREATE OR REPLACE FUNCTION auth.uuid_of(written text) RETURNS uuid
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pg_principal_uuid_of';
COMMENT ON FUNCTION auth.uuid_of(text) IS
'Internal: an id out of what strangers write, as we write it; NULL for anything else.';

CREATE OR REPLACE FUNCTION auth.named_id(name text) RETURNS uuid
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT encode(substring(sha256(convert_to(named_id.name, getdatabaseencoding())), 1, 16),
        'hex')::uuid;
END;
COMMENT ON FUNCTION auth.named_id(text) IS
'Internal: the id of what has no other, by its name. Not by MD5: a server in FIPS mode has none.';

CREATE OR REPLACE FUNCTION auth.seconds(setting text) RETURNS bigint
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT extract(epoch FROM current_setting('pg_principal.'
        || seconds.setting)::interval)::bigint;
END;
COMMENT ON FUNCTION auth.seconds(text) IS
'Internal: a setting pg_principal.<setting> that is a duration, in seconds.';
