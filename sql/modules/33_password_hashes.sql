-- Password hashes: checked and stored by principal.

CREATE OR REPLACE FUNCTION auth.check_password(target uuid, password text, OUT ok boolean,
    OUT needs_upgrade boolean) RETURNS record
LANGUAGE c VOLATILE COST 10000 AS 'MODULE_PATHNAME', 'pg_principal_check_password';
COMMENT ON FUNCTION auth.check_password(uuid, text) IS
'Internal: whether the password fits the stored hash of a principal, as it stands now; without one '
'the same work and false.';

CREATE OR REPLACE FUNCTION auth.hold_password(target uuid, password text) RETURNS text
LANGUAGE c VOLATILE STRICT COST 10000 AS 'MODULE_PATHNAME', 'pg_principal_hold_password';
COMMENT ON FUNCTION auth.hold_password(uuid, text) IS
'Internal: hashes a password (Argon2id, RFC 9106, with 19 MiB, 2 passes and 1 lane) and holds it '
'until a statement of this transaction raises password_version of that principal. Returns its '
'password_scheme.';

CREATE OR REPLACE FUNCTION auth.hold_hash(target uuid, hash text) RETURNS text
LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'pg_principal_hold_hash';
COMMENT ON FUNCTION auth.hold_hash(uuid, text) IS
'Internal: as auth.hold_password(), for a hash that is there.';

CREATE OR REPLACE FUNCTION auth.held_hash(target uuid) RETURNS text
LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'pg_principal_held_hash';
COMMENT ON FUNCTION auth.held_hash(uuid) IS
'Internal: hands over, once, what is held for a principal; NULL for nothing.';

CREATE OR REPLACE FUNCTION auth.take_written_hash() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    NEW.password_scheme := auth.hold_hash(NEW.id, nullif(NEW.encrypted_password, ''));
    IF TG_OP = 'UPDATE' THEN
        NEW.password_version := OLD.password_version + (coalesce(OLD.password_scheme,
            NEW.password_scheme) IS NOT NULL)::integer;
    ELSE
        NEW.password_version := (NEW.password_scheme IS NOT NULL)::integer;
    END IF;
    NEW.encrypted_password := NULL;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION auth.take_written_hash() IS
'Internal: trigger that takes what was written into auth.users.encrypted_password, before any '
'constraint could tell of it.';

CREATE OR REPLACE FUNCTION auth.store_held_hash() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NEW.password_scheme IS NULL THEN
        DELETE FROM auth.password_hashes p WHERE p.user_id = NEW.id;
    ELSE
        -- none is held for a row that a restore or a subscription brings: its hash comes by itself
        INSERT INTO auth.password_hashes AS p (user_id, hash)
        SELECT NEW.id, h.hash FROM auth.held_hash(NEW.id) AS h (hash) WHERE h.hash IS NOT NULL
        ON CONFLICT (user_id) DO UPDATE SET hash = excluded.hash;
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION auth.store_held_hash() IS
'Internal: trigger that stores the hash held for a principal whose password_version was raised, or '
'deletes the one there is.';

-- ENABLE ALWAYS: a subscriber of an earlier version's table is sent hashes with the rows. Every
-- UPDATE that is replicated names every column, the empty ones too.
CREATE OR REPLACE TRIGGER take_new_hash BEFORE INSERT ON auth.users
    FOR EACH ROW WHEN (NEW.encrypted_password IS NOT NULL) EXECUTE FUNCTION
        auth.take_written_hash();
CREATE OR REPLACE TRIGGER take_hash BEFORE UPDATE OF encrypted_password ON auth.users
    FOR EACH ROW WHEN (NEW.encrypted_password IS NOT NULL
        OR current_setting('session_replication_role') <> 'replica')
    EXECUTE FUNCTION auth.take_written_hash();
CREATE OR REPLACE TRIGGER store_new_hash AFTER INSERT ON auth.users
    FOR EACH ROW WHEN (NEW.password_scheme IS NOT NULL) EXECUTE FUNCTION auth.store_held_hash();
CREATE OR REPLACE TRIGGER store_hash AFTER UPDATE ON auth.users
    FOR EACH ROW WHEN (OLD.password_version <> NEW.password_version) EXECUTE FUNCTION
        auth.store_held_hash();
ALTER TABLE auth.users ENABLE ALWAYS TRIGGER take_new_hash;
ALTER TABLE auth.users ENABLE ALWAYS TRIGGER take_hash;
ALTER TABLE auth.users ENABLE ALWAYS TRIGGER store_new_hash;
ALTER TABLE auth.users ENABLE ALWAYS TRIGGER store_hash;

CREATE OR REPLACE FUNCTION auth.password_hash_problem(stored text) RETURNS text
LANGUAGE c IMMUTABLE STRICT AS 'MODULE_PATHNAME', 'pg_principal_password_hash_problem';
COMMENT ON FUNCTION auth.password_hash_problem(text) IS
'Internal: why a password hash cannot be verified or costs too much, as a predicate that names its '
'kind: "is MD5, ..."; NULL when it can.';
