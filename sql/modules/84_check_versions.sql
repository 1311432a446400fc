-- Whether an installation is whole: versions, the library, keys; whether requests can be served.

CREATE OR REPLACE FUNCTION auth.library_version() RETURNS text
LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pg_principal_library_version';
COMMENT ON FUNCTION auth.library_version() IS
'Internal: the version of the library that this backend has loaded.';

CREATE OR REPLACE FUNCTION auth.key_fault(purpose text, kid text DEFAULT NULL, OUT fault text,
    OUT message text, OUT hint text) RETURNS record
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'pg_principal_key_fault';
COMMENT ON FUNCTION auth.key_fault(text, text) IS
'Internal: why a key cannot be used, as an error of auth.error_kinds(); NULL when it can. purpose: '
'signing (the key in use), verifying (the one with that kid), refresh (what refresh tokens are '
'derived with).';

CREATE OR REPLACE FUNCTION auth.version_parts(version text) RETURNS integer[]
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
    SELECT CASE WHEN version_parts.version ~ '^[0-9]{1,9}([.][0-9]{1,9})*$'
        THEN string_to_array(version_parts.version, '.')::integer[] END;
END;
COMMENT ON FUNCTION auth.version_parts(text) IS
'Internal: a version as numbers, which compare as versions do; NULL for another text.';

CREATE OR REPLACE FUNCTION auth.readiness(frontend text, OUT reason text, OUT message text,
    OUT remedy text, OUT extension text) RETURNS record
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    installed constant text :=
        (SELECT e.extversion FROM pg_extension e WHERE e.extname = 'pg_principal');
    key_fault text;
BEGIN
    extension := installed;
    IF auth.version_parts(installed) < auth.version_parts(frontend) THEN
        reason := 'extension_outdated';
        message := format('the extension in this database has version %s, this server %s',
            installed, frontend);
        remedy := 'As a superuser, in this database: ALTER EXTENSION pg_principal UPDATE';
        RETURN;
    ELSIF auth.version_parts(auth.library_version()) < auth.version_parts(installed) THEN
        reason := 'library_outdated';
        message := format('the database server still runs the library of version %s, the '
            'extension in this database has %s', auth.library_version(), installed);
        remedy := 'Restart the database server';
        RETURN;
    END IF;
    key_fault := (SELECT f.fault FROM auth.key_fault('signing') AS f);
    CASE
        WHEN key_fault = 'token_not_signed' THEN
            reason := 'signing_key_missing';
            message := 'no signing key is in use: nobody can sign in';
            remedy := 'As an operator: pg_principal keys create';
        WHEN key_fault IS NOT NULL THEN
            reason := 'signing_key_unusable';
            message := 'the signing key in use cannot be opened';
            remedy := 'As an operator: pg_principal doctor, which tells why';
        WHEN pg_is_in_recovery() THEN
            reason := 'standby';
            message := 'this database is a standby: it serves reads alone';
            remedy := 'Connect to the primary: target_session_attrs=read-write; for a server that '
                      'is to serve reads: /ready?for=reads';
        WHEN current_setting('transaction_read_only') = 'on' THEN
            reason := 'read_only';
            message := 'connections to this database are read-only';
            remedy := 'Set default_transaction_read_only to off where it is on: in the server''s '
                      'configuration, for the database, or for this server''s role';
        ELSE NULL;
    END CASE;
END
$$;
COMMENT ON FUNCTION auth.readiness(text) IS
'For servers in front: why a server of this version cannot serve every request, and what mends it. '
'reason: extension_outdated, library_outdated, signing_key_missing, signing_key_unusable, standby, '
'read_only; NULL when it can. extension: its version. For anybody to read: no name, path or secret '
'is in it.';

CREATE OR REPLACE FUNCTION auth.check_versions(frontend text, OUT item text, OUT state text,
    OUT detail text, OUT remedy text) RETURNS SETOF record
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    installed constant text :=
        (SELECT e.extversion FROM pg_extension e WHERE e.extname = 'pg_principal');
    available constant text := (SELECT a.default_version FROM pg_available_extensions a
        WHERE a.name = 'pg_principal');
    loaded text;
    -- the newest of what is on disk and of who asks
    wanted constant text := CASE WHEN auth.version_parts(frontend) > auth.version_parts(available)
        OR available IS NULL THEN coalesce(frontend, installed) ELSE available END;
    preload constant record := (SELECT s FROM (SELECT s.setting, s.pending_restart
        FROM pg_settings s WHERE s.name = 'shared_preload_libraries') AS s);
BEGIN
    BEGIN
        loaded := auth.library_version();
    EXCEPTION WHEN OTHERS THEN -- its file is gone
        item := 'library';
        state := 'error';
        detail := format('it cannot be loaded: %s', SQLERRM);
        remedy := 'Install it again, where pg_config --pkglibdir says';
        RETURN NEXT;
    END;

    item := 'extension';
    remedy := NULL;
    IF available IS NULL AND coalesce(current_setting('extension_destdir', true), '') = '' THEN
        state := 'error';
        detail := format('version %s, but this server finds no files of it', installed);
        remedy := 'Install it again, where pg_config --sharedir says';
    ELSIF auth.version_parts(installed) < auth.version_parts(wanted) THEN
        state := CASE WHEN auth.version_parts(installed) < auth.version_parts(frontend)
            THEN 'error' ELSE 'warning' END;
        detail := format('version %s in this database, %s is installed', installed, wanted);
        remedy := 'Restart the server if it still runs the older library, then: ALTER EXTENSION '
                  'pg_principal UPDATE';
    ELSIF auth.version_parts(installed) > auth.version_parts(available) THEN
        state := 'error';
        detail := format('version %s in this database, the files on disk are of %s', installed,
            available);
        remedy := 'Install the newer version again: a dump could not be restored here';
    ELSE
        state := 'ok';
        detail := format('version %s', installed);
    END IF;
    RETURN NEXT;
    IF loaded IS NULL THEN
        RETURN;
    END IF;

    item := 'library';
    state := 'ok';
    detail := format('version %s', loaded);
    remedy := NULL;
    IF auth.version_parts(loaded) < auth.version_parts(installed) THEN
        state := 'error';
        detail := format('the server runs version %s, the extension is %s', loaded, installed);
        remedy := 'Restart the server';
    ELSIF auth.version_parts(loaded) < auth.version_parts(available) THEN
        state := 'warning';
        detail := format('the server runs version %s, %s is installed', loaded, available);
        remedy := 'Restart the server when it suits, standbys first';
    ELSIF auth.version_parts(loaded) > auth.version_parts(installed) THEN
        state := 'warning';
        detail := format('the server runs version %s with the functions of %s', loaded, installed);
        remedy := 'ALTER EXTENSION pg_principal UPDATE';
    END IF;
    RETURN NEXT;

    item := 'preload';
    state := 'ok';
    detail := 'pg_principal is in shared_preload_libraries';
    remedy := NULL;
    IF NOT auth.token_use_is_known() THEN
        state := 'warning';
        detail := 'pg_principal is not in shared_preload_libraries: no login by token, uses of '
                  'tokens are unknown, a rollback takes back a wrong password';
        remedy := CASE WHEN preload.pending_restart THEN 'Restart the server: its configuration '
            'has changed'
            ELSE format('shared_preload_libraries = ''%s'' in postgresql.conf, then restart',
                concat_ws(', ', nullif(preload.setting, ''), 'pg_principal')) END;
    END IF;
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION auth.check_versions(text) IS
'Internal: findings about the extension, its library and shared_preload_libraries.';

CREATE OR REPLACE FUNCTION auth.check_keys(OUT item text, OUT state text, OUT detail text,
    OUT remedy text) RETURNS SETOF record
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    file constant text := current_setting('pg_principal.master_key_file');
    key record;
    in_the_clear bigint;
    hint text;
BEGIN
    item := 'signing key';
    SELECT f.fault, f.message, f.hint INTO key FROM auth.key_fault('signing') AS f;
    state := CASE WHEN key.fault IS NULL THEN 'ok' ELSE 'error' END;
    detail := coalesce(key.message, (SELECT format('%s %s is in use', k.alg, k.kid)
        FROM auth.signing_keys k WHERE k.state = 'in_use'));
    remedy := CASE WHEN key.fault = 'token_not_signed' THEN 'pg_principal keys create'
        ELSE key.hint END;
    RETURN NEXT;
    FOR key IN
        SELECT f.message, f.hint FROM auth.signing_keys k, auth.key_fault('verifying', k.kid) AS f
        WHERE k.state IN ('standby', 'previously_used') AND f.fault IS NOT NULL
        UNION ALL
        SELECT f.message, f.hint FROM auth.key_fault('refresh') AS f
        WHERE f.fault <> 'server_key_missing'
    LOOP
        item := 'other keys';
        detail := key.message;
        remedy := key.hint;
        state := 'error';
        RETURN NEXT;
    END LOOP;

    item := 'master key';
    in_the_clear := (SELECT count(*) FROM (
        SELECT k.sealed_under FROM auth.signing_keys k WHERE k.state <> 'revoked'
        UNION ALL SELECT k.sealed_under FROM auth.server_keys k) AS k WHERE k.sealed_under IS NULL);
    state := 'warning';
    IF file = '' AND in_the_clear = 0 THEN
        state := 'ok';
        detail := 'none is set, and no key is stored that it would seal';
        remedy := NULL;
    ELSIF file = '' THEN
        detail := format('none is set: %s stored in the clear, and whoever reads a backup signs '
            'tokens', auth.counted(in_the_clear, 'private key'));
        remedy := 'pg_principal.master_key_file, then SELECT auth.seal_signing_keys() '
                  '(docs/keys.md)';
    ELSE
        BEGIN
            PERFORM auth.reseal_server_key('nothing', NULL, 'check');
            state := CASE WHEN in_the_clear = 0 THEN 'ok' ELSE 'warning' END;
            detail := CASE WHEN in_the_clear = 0 THEN format('%s is readable', file)
                ELSE format('%s still stored in the clear', auth.counted(in_the_clear, 'key')) END;
            remedy := CASE WHEN in_the_clear > 0 THEN 'SELECT auth.seal_signing_keys()' END;
        EXCEPTION WHEN OTHERS THEN
            GET STACKED DIAGNOSTICS detail = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
            state := 'error';
            remedy := coalesce(nullif(hint, ''), 'The file belongs to the server''s own user, '
                'mode 0600, on this machine');
        END;
    END IF;
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION auth.check_keys() IS
'Internal: findings about signing keys, the key of refresh tokens and the master key.';
