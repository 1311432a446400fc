-- Which settings put secrets into logs, and into the catalog.

CREATE OR REPLACE FUNCTION auth.setting_of(role oid, setting text) RETURNS text
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT coalesce(
        (SELECT o.option_value FROM pg_db_role_setting d, pg_options_to_table(d.setconfig) AS o
         WHERE lower(o.option_name COLLATE "C") = setting_of.setting
            AND d.setrole IN (0, setting_of.role)
            AND d.setdatabase IN (0, (SELECT b.oid FROM pg_database b
                WHERE b.datname = current_database()))
         ORDER BY d.setrole = 0, d.setdatabase = 0 LIMIT 1),
        -- not what this connection has of its own
        (SELECT CASE WHEN s.source IN ('default', 'configuration file', 'command line',
                'environment variable', 'override') THEN s.reset_val
            ELSE coalesce((SELECT f.setting FROM pg_file_settings f WHERE f.name = s.name
                AND f.applied ORDER BY f.seqno DESC LIMIT 1), s.boot_val) END
         FROM pg_settings s WHERE s.name = setting_of.setting));
END;
COMMENT ON FUNCTION auth.setting_of(oid, text) IS
'Internal: what a new connection of a role to this database has for a setting; NULL when the '
'server does not know it.';

CREATE OR REPLACE FUNCTION auth.is_zero(setting text) RETURNS boolean
LANGUAGE sql IMMUTABLE
RETURN setting ~ '^ *0+ *[A-Za-z]*$';
COMMENT ON FUNCTION auth.is_zero(text) IS
'Internal: whether a setting that is a number, with its unit or without, is 0.';

CREATE OR REPLACE FUNCTION auth.is_on(setting text) RETURNS boolean
LANGUAGE sql IMMUTABLE
RETURN lower(setting COLLATE "C") IN ('on', 'true', 'yes', '1', 't', 'y', 'tr', 'tru', 'ye');
COMMENT ON FUNCTION auth.is_on(text) IS
'Internal: whether a setting that is on or off is on.';

CREATE OR REPLACE FUNCTION auth.logged_roles(OUT item text, OUT role text) RETURNS SETOF record
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY
    WITH roles AS (
        SELECT r.oid, quote_ident(r.rolname) AS name FROM pg_roles r
        WHERE r.rolcanlogin AND NOT r.rolsuper
            AND has_database_privilege(r.oid, current_database(), 'CONNECT')
    ), asked AS (
        SELECT r.oid, r.name FROM roles r
        UNION ALL
        SELECT 0, 'every role' WHERE NOT EXISTS (SELECT FROM roles)
    )
    SELECT l.item, a.name FROM asked a, LATERAL (VALUES
        ('statement log', NOT auth.is_zero(auth.setting_of(a.oid, 'log_parameter_max_length'))
            AND (auth.setting_of(a.oid, 'log_statement') = 'all'
                OR auth.setting_of(a.oid, 'log_min_duration_statement') !~ '^ *-'
                OR auth.setting_of(a.oid, 'log_min_duration_sample') !~ '^ *-'
                    AND NOT auth.is_zero(auth.setting_of(a.oid, 'log_statement_sample_rate'))
                OR NOT auth.is_zero(auth.setting_of(a.oid, 'log_transaction_sample_rate')))),
        ('error log',
            NOT auth.is_zero(auth.setting_of(a.oid, 'log_parameter_max_length_on_error'))),
        ('pgaudit', EXISTS (SELECT FROM pg_settings s WHERE s.name = 'pgaudit.log')
            AND auth.is_on(auth.setting_of(a.oid, 'pgaudit.log_parameter'))
            AND (lower(auth.setting_of(a.oid, 'pgaudit.log') COLLATE "C") NOT IN ('none', '')
                OR auth.setting_of(a.oid, 'pgaudit.role') <> '')),
        ('auto_explain', EXISTS (SELECT FROM pg_settings s
                WHERE s.name = 'auto_explain.log_parameter_max_length')
            AND auth.setting_of(a.oid, 'auto_explain.log_min_duration') !~ '^ *-'
            AND NOT auth.is_zero(auth.setting_of(a.oid, 'auto_explain.log_parameter_max_length')))
        ) AS l (item, is_logged)
    WHERE l.is_logged;
END
$$;
COMMENT ON FUNCTION auth.logged_roles() IS
'Internal: login roles, superusers left out, whose statements show their parameters, tokens and '
'passwords among them, and where: statement log, error log, pgaudit, auto_explain.';

CREATE OR REPLACE FUNCTION auth.check_logs(OUT item text, OUT state text, OUT detail text,
    OUT remedy text) RETURNS SETOF record
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    place record;
    stored text;
BEGIN
    FOR place IN
        SELECT p.item, p.setting, count(r.role) AS roles, min(r.role) AS first,
            (array_agg(r.role ORDER BY r.role))[1:5] AS some
        FROM (VALUES ('statement log', 'log_parameter_max_length = 0'),
            ('error log', 'log_parameter_max_length_on_error = 0'),
            ('pgaudit', 'pgaudit.log_parameter = off'),
            ('auto_explain', 'auto_explain.log_parameter_max_length = 0')) AS p (item, setting)
            LEFT JOIN auth.logged_roles() AS r ON r.item = p.item
        GROUP BY p.item, p.setting ORDER BY p.item
    LOOP
        item := place.item;
        IF place.roles = 0 THEN
            state := 'ok';
            detail := 'shows no parameters of statements';
            remedy := NULL;
        ELSE
            state := 'error';
            detail := format('shows the parameters of what %s sends, tokens and passwords with '
                'them', array_to_string(place.some, ', ')
                || CASE WHEN place.roles > 5 THEN format(' and %s more', place.roles - 5)
                    ELSE '' END);
            remedy := CASE place.first WHEN 'every role' THEN format('ALTER SYSTEM SET %s, then '
                'SELECT pg_reload_conf()', place.setting)
                ELSE format('ALTER ROLE %s SET %s%s', place.first, place.setting,
                    CASE WHEN place.roles > 1 THEN ', and so for the others' ELSE '' END) END;
        END IF;
        RETURN NEXT;
    END LOOP;

    item := 'settings';
    state := 'ok';
    detail := 'no identity comes from anything but a token that somebody presents';
    remedy := NULL;
    stored := (SELECT format('%s %s', CASE WHEN d.setrole <> 0 THEN 'ROLE ' || d.setrole::regrole
            ELSE 'DATABASE ' || quote_ident(b.datname) END, 'RESET pg_principal.token')
        FROM pg_db_role_setting d LEFT JOIN pg_database b ON b.oid = d.setdatabase,
            pg_options_to_table(d.setconfig) AS o
        WHERE lower(o.option_name COLLATE "C") = 'pg_principal.token' LIMIT 1);
    IF stored IS NOT NULL THEN
        state := 'error';
        detail := 'a token is stored as a setting: who connects is somebody without saying so';
        remedy := 'ALTER ' || stored;
    ELSIF auth.is_on(auth.setting_of(0, 'pg_principal.trust_request_claims')) THEN
        state := 'error';
        detail := 'pg_principal.trust_request_claims is on: whoever can run SQL can be anybody';
        remedy := 'ALTER SYSTEM RESET pg_principal.trust_request_claims, then SELECT '
                  'pg_reload_conf(); PostgREST: db-pre-request = "auth.pre_request"';
    ELSIF current_setting('session_replication_role') = 'replica' THEN
        state := 'error';
        detail := 'session_replication_role is replica: what audits and cleans up after changes '
                  'does not run';
        remedy := 'Reset it where it is set: ALTER DATABASE, ALTER ROLE or postgresql.conf';
    END IF;
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION auth.check_logs() IS
'Internal: findings about settings that put secrets into logs or an identity into the catalog.';
