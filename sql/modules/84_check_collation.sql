-- Whether indexes are in the order that the operating system sorts texts by now.

CREATE OR REPLACE FUNCTION auth.check_collation(OUT item text, OUT state text, OUT detail text,
    OUT remedy text) RETURNS SETOF record
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    was text;
    is_now text;
BEGIN
    SELECT d.datcollversion, pg_database_collation_actual_version(d.oid) INTO was, is_now
    FROM pg_database d WHERE d.datname = current_database();
    item := 'collation';
    state := 'ok';
    detail := 'texts are sorted as when this database was made';
    IF was IS DISTINCT FROM is_now THEN
        state := 'error';
        detail := format('texts are sorted by version %s of the operating system''s rules, indexes '
            'were built by %s: an address or a key may not be found, or be there twice',
            coalesce(is_now, 'none'), coalesce(was, 'none'));
        remedy := format('As a superuser, while nobody writes: REINDEX DATABASE %I; ALTER DATABASE '
            '%1$I REFRESH COLLATION VERSION; of what is there twice one row has to go first',
            current_database());
    END IF;
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION auth.check_collation() IS
'Internal: the finding about the version of the database''s collation.';
