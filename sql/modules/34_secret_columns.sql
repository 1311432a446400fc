-- PostgreSQL keeps samples of each column in pg_statistic, and what is long in a table of its own
-- beside the row: no row security binds whoever may read all tables (pg_read_all_data) there.

CREATE OR REPLACE FUNCTION auth.secret_columns(OUT tbl regclass, OUT "column" name)
    RETURNS SETOF record
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT c.oid::regclass, a.attname FROM (VALUES
        ('signing_keys'::name, 'material'::name), ('server_keys', 'material'),
        ('password_hashes', 'hash'), ('users', 'encrypted_password'), ('refresh_tokens', 'hash'),
        ('refresh_tokens', 'previous_hash'), ('client_secrets', 'hash'), ('device_codes', 'hash'),
        ('device_codes', 'user_code_hash')) AS s (tbl, attname)
    JOIN pg_class c ON c.relname = s.tbl AND c.relnamespace = 'auth'::regnamespace
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = s.attname;
END;
COMMENT ON FUNCTION auth.secret_columns() IS
'Internal: the columns that hold secrets: never sampled, kept within their rows.';

DO $$
DECLARE
    secret record;
BEGIN
    FOR secret IN
        SELECT s.tbl, a.attname, a.attnum, a.attstorage <> 'm' AS was_apart
        FROM auth.secret_columns() AS s JOIN pg_attribute a ON a.attrelid = s.tbl
            AND a.attname = s.column
        WHERE a.attstattarget IS DISTINCT FROM 0 OR a.attstorage <> 'm'
    LOOP
        EXECUTE format('ALTER TABLE %s ALTER %I SET STATISTICS 0, ALTER %2$I SET STORAGE MAIN',
            secret.tbl, secret.attname);
        DELETE FROM pg_statistic s WHERE s.starelid = secret.tbl AND s.staattnum = secret.attnum;
        IF secret.was_apart AND secret.attname = 'material' THEN
            EXECUTE format('UPDATE %s SET material = material || ''''', secret.tbl);
        END IF;
    END LOOP;
END
$$;
