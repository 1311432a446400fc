-- A principal is its id; its address is an attribute, which the roster and auth.users change
-- together.

CREATE OR REPLACE FUNCTION auth.carry_email() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- two rows cannot have one address: 23505
    UPDATE auth.organization_people o SET email = NEW.email, updated_at = now()
        WHERE o.email = OLD.email;
    IF NOT FOUND THEN
        PERFORM auth.adopted(NEW);
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION auth.carry_email() IS
'Internal: trigger that takes the row of the roster along when the email of its principal changes, '
'by whatever door; whoever moves to an address of the roster is adopted.';
CREATE OR REPLACE TRIGGER carry_email AFTER UPDATE ON auth.users
    FOR EACH ROW WHEN (OLD.email <> NEW.email) EXECUTE FUNCTION auth.carry_email();

CREATE OR REPLACE FUNCTION auth.follow_email() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE auth.users u SET email = NEW.email, updated_at = now() WHERE u.email = OLD.email;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION auth.follow_email() IS
'Internal: trigger that carries a changed email from the roster to the principal.';
CREATE OR REPLACE TRIGGER follow_email AFTER UPDATE ON auth.organization_people
    FOR EACH ROW WHEN (OLD.email <> NEW.email) EXECUTE FUNCTION auth.follow_email();

CREATE OR REPLACE FUNCTION auth.email_columns(OUT tbl text, OUT owner_column text)
    RETURNS SETOF record
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT format('%I.%I', n.nspname, c.relname), quote_ident(a.attname)
    FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid JOIN pg_namespace n
        ON n.oid = c.relnamespace
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
            AND obj_description(p.oid, 'pg_policy') ~ '^auth[.]clamp: '
            AND substring(obj_description(p.oid, 'pg_policy')
                FROM '^auth[.]clamp: scope [a-z_]+ on (.*), reads')
                IN (a.attname::text, '"' || replace(a.attname::text, '"', '""') || '"')
    WHERE p.polname = 'pg_principal_clamp' AND a.atttypid <> 'uuid'::regtype
        AND c.oid <> 'auth.organization_people'::regclass
    ORDER BY 1;
END;
COMMENT ON FUNCTION auth.email_columns() IS
'Internal: the clamped tables whose owner column holds an email, which a new address does not '
'change.';

CREATE OR REPLACE FUNCTION auth.rename_person(old_email text, new_email text) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    was constant text := auth.known_email(old_email);
    becomes constant text := auth.normalise_email(new_email);
    principal_id uuid;
    clamped record;
    callers_timeout text;
BEGIN
    IF was IS NULL OR becomes IS NULL THEN
        PERFORM auth.raise_error('email_missing');
    END IF;
    -- as auth.provision() will, perhaps in this transaction
    PERFORM auth.lock_roster();
    SELECT u.id INTO principal_id FROM auth.users u WHERE u.email = was;
    IF NOT FOUND AND NOT EXISTS (SELECT FROM auth.organization_people o WHERE o.email = was) THEN
        PERFORM auth.raise_error('person_unknown', was);
    ELSIF was = becomes THEN
        RETURN principal_id;
    ELSIF EXISTS (SELECT FROM auth.users u WHERE u.email = becomes) OR EXISTS (SELECT
        FROM auth.organization_people o WHERE o.email = becomes) THEN
        PERFORM auth.raise_error('email_taken', becomes);
    END IF;
    callers_timeout := auth.wait_briefly();
    BEGIN -- either takes the other along
        IF principal_id IS NULL THEN
            UPDATE auth.organization_people o SET email = becomes, updated_at = now()
                WHERE o.email = was;
        ELSE
            PERFORM auth.wait_for(principal_id, 'address'); -- who wants the roster waits meanwhile
            UPDATE auth.users u SET email = becomes, updated_at = now() WHERE u.id = principal_id;
        END IF;
    EXCEPTION WHEN lock_not_available THEN
        PERFORM auth.raise_error('principal_held', was);
    END;
    EXECUTE format('SET LOCAL lock_timeout = %L', callers_timeout);
    FOR clamped IN SELECT * FROM auth.email_columns() LOOP
        RAISE NOTICE 'rows of % whose % is % stay as they are', clamped.tbl, clamped.owner_column,
            was
            USING HINT = format('To hand them on: UPDATE %1$s SET %2$s = %3$L WHERE %2$s = %4$L;',
                clamped.tbl, clamped.owner_column, becomes, was);
    END LOOP;
    RETURN principal_id;
END
$$;
COMMENT ON FUNCTION auth.rename_person(text, text) IS
'For operators: a new address for a row of the roster and its principal, whose id, sessions and '
'tokens stay, as do its reports. Returns the id, NULL when auth.provision() has made no principal '
'yet. Rows of clamped tables that name the old address stay: a NOTICE names each such table. 42704 '
'when neither has the old address, 23505 when either has the new one, 22023 when it is not an '
'email address, 55P03 when somebody holds the principal for three seconds.';
