-- Signing keys: four states, one in use, changed without a restart.

CREATE OR REPLACE FUNCTION auth.generate_key_material(alg text, OUT kid text, OUT key_alg text,
    OUT public_jwk jsonb, OUT material bytea, OUT sealed_under text) RETURNS record
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'pg_principal_generate_key_material';
COMMENT ON FUNCTION auth.generate_key_material(text) IS
'Internal: a new key for the algorithm (RFC 7518, RFC 8037), its private half sealed when a master '
'key is configured.';

CREATE OR REPLACE FUNCTION auth.read_key_material(source text, OUT kid text, OUT key_alg text,
    OUT public_jwk jsonb, OUT material bytea, OUT sealed_under text) RETURNS record
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'pg_principal_read_key_material';
COMMENT ON FUNCTION auth.read_key_material(text) IS
'Internal: a private JWK (RFC 7517), an array of one, a PEM, or the secret of HS256, its private '
'half sealed when a master key is configured.';

CREATE OR REPLACE FUNCTION auth.reseal_key_material(INOUT material bytea, INOUT sealed_under text,
    kid text) RETURNS record
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'pg_principal_reseal_key_material';
COMMENT ON FUNCTION auth.reseal_key_material(bytea, text, text) IS
'Internal: the same private half under the first key of the master key file.';
CREATE OR REPLACE FUNCTION auth.reseal_server_key(INOUT material bytea, INOUT sealed_under text,
    name text) RETURNS record
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'pg_principal_reseal_server_key';
COMMENT ON FUNCTION auth.reseal_server_key(bytea, text, text) IS
'Internal: the same for a key of the server.';

CREATE OR REPLACE FUNCTION auth.store_signing_key(kid text, alg text, public_jwk jsonb,
    material bytea, sealed_under text, activate boolean) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    held constant bigint := auth.hold_secret(material);
BEGIN
    -- first: the lock that lock_signing_key takes, which two that insert before cannot both come to
    -- hold
    LOCK TABLE auth.signing_keys IN SHARE ROW EXCLUSIVE MODE;
    INSERT INTO auth.signing_keys (kid, alg, public_jwk, material, sealed_under)
    VALUES (store_signing_key.kid, store_signing_key.alg, store_signing_key.public_jwk,
        auth.held_secret(held),
            store_signing_key.sealed_under)
    ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        PERFORM auth.raise_error('key_exists', store_signing_key.kid);
    END IF;
    IF activate THEN
        PERFORM auth.activate_signing_key(store_signing_key.kid);
    END IF;
    RETURN store_signing_key.kid;
END
$$;
COMMENT ON FUNCTION auth.store_signing_key(text, text, jsonb, bytea, text, boolean) IS
'Internal: the last step of creating and importing a key.';

CREATE OR REPLACE FUNCTION auth.create_signing_key(alg text DEFAULT 'HS256',
    activate boolean DEFAULT true) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    k constant record := auth.generate_key_material(alg);
BEGIN
    RETURN auth.store_signing_key(k.kid, k.key_alg, k.public_jwk, k.material, k.sealed_under,
        activate);
END
$$;
COMMENT ON FUNCTION auth.create_signing_key(text, boolean) IS
'Makes a signing key and returns its kid. It signs from now on (activate), or stands by: published '
'in auth.jwks() before it signs. alg: HS256, ES256, EdDSA, ...; 22023 for another.';

CREATE OR REPLACE FUNCTION auth.import_signing_key(material text, activate boolean DEFAULT true)
    RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    k constant record := auth.read_key_material(material);
BEGIN
    RETURN auth.store_signing_key(k.kid, k.key_alg, k.public_jwk, k.material, k.sealed_under,
        activate);
END
$$;
COMMENT ON FUNCTION auth.import_signing_key(text, boolean) IS
'Stores a private JWK (RFC 7517), an array of one (Supabase''s signing_keys.json), a PEM, or a '
'Supabase JWT secret as plain text (HS256, at least 32 bytes), and returns its kid. 22023 names '
'what is wrong with the key, or what a text is that cannot be a secret because it is published or '
'has a structure, in whatever it is wrapped; 42710 when it is there already.';

CREATE OR REPLACE FUNCTION auth.import_signing_key(material jsonb, activate boolean DEFAULT true)
    RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF jsonb_typeof(material) IN ('object', 'array') IS NOT TRUE THEN
        PERFORM auth.raise_error('key_malformed', 'a JWK is a JSON object');
    END IF;
    RETURN auth.import_signing_key(material::text, activate);
END
$$;
COMMENT ON FUNCTION auth.import_signing_key(jsonb, boolean) IS
'The same for a private JWK, or an array of one, that is jsonb already.';

CREATE OR REPLACE FUNCTION auth.lock_signing_key(kid text) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found_state text;
BEGIN
    -- one change of state at a time: two activations at once would both demote the same key
    LOCK TABLE auth.signing_keys IN SHARE ROW EXCLUSIVE MODE;
    SELECT k.state INTO found_state FROM auth.signing_keys k WHERE k.kid = lock_signing_key.kid;
    IF NOT FOUND THEN
        PERFORM auth.raise_error('key_unknown', coalesce(lock_signing_key.kid, 'NULL'));
    END IF;
    RETURN found_state;
END
$$;
COMMENT ON FUNCTION auth.lock_signing_key(text) IS
'Internal: the state of a key, with changes of other transactions held off. 42704 when there is no '
'such key.';

CREATE OR REPLACE FUNCTION auth.warn_of_no_key(was text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF was = 'in_use' THEN
        RAISE WARNING 'no signing key is in use: nobody can sign in, and nothing is minted'
            USING HINT = 'pg_principal keys activate KID, or pg_principal keys create';
    END IF;
END
$$;
COMMENT ON FUNCTION auth.warn_of_no_key(text) IS
'Internal: says what follows when a key signs no more that was in the state in_use.';

CREATE OR REPLACE FUNCTION auth.activate_signing_key(kid text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    was text := auth.lock_signing_key(activate_signing_key.kid);
BEGIN
    IF was = 'revoked' THEN
        PERFORM auth.raise_error('key_revoked', activate_signing_key.kid);
    ELSIF was <> 'in_use' THEN
        UPDATE auth.signing_keys k SET state = 'previously_used', retired_at = clock_timestamp()
            WHERE k.state = 'in_use';
        UPDATE auth.signing_keys k SET state = 'in_use', activated_at = clock_timestamp(),
            retired_at = NULL
        WHERE k.kid = activate_signing_key.kid;
    END IF;
END
$$;
COMMENT ON FUNCTION auth.activate_signing_key(text) IS
'New tokens are signed with this key from now on; the one in use until now goes on verifying '
'(previously_used). 42704 when there is no such key, 55000 when it is revoked.';

CREATE OR REPLACE FUNCTION auth.retire_signing_key(kid text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    was text := auth.lock_signing_key(retire_signing_key.kid);
BEGIN
    IF was = 'revoked' THEN
        PERFORM auth.raise_error('key_revoked', retire_signing_key.kid);
    ELSIF was <> 'previously_used' THEN
        UPDATE auth.signing_keys k SET state = 'previously_used', retired_at = clock_timestamp()
        WHERE k.kid = retire_signing_key.kid;
        PERFORM auth.warn_of_no_key(was);
    END IF;
END
$$;
COMMENT ON FUNCTION auth.retire_signing_key(text) IS
'The key signs no more and goes on verifying; nothing can be minted until another is activated. '
'42704 when there is no such key, 55000 when it is revoked.';

CREATE OR REPLACE FUNCTION auth.revoke_signing_key(kid text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    was text := auth.lock_signing_key(revoke_signing_key.kid);
BEGIN
    IF was <> 'revoked' THEN
        UPDATE auth.signing_keys k SET state = 'revoked', revoked_at = clock_timestamp()
        WHERE k.kid = revoke_signing_key.kid;
        PERFORM auth.warn_of_no_key(was);
    END IF;
END
$$;
COMMENT ON FUNCTION auth.revoke_signing_key(text) IS
'Ends every token that the key has signed, at the next statement everywhere; there is no way back. '
'Of the key in use: nothing can be minted until another is activated, which a WARNING says. 42704 '
'when there is no such key.';

CREATE OR REPLACE FUNCTION auth.seal_signing_keys() RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    changed integer;
BEGIN
    LOCK TABLE auth.signing_keys IN SHARE ROW EXCLUSIVE MODE;
    UPDATE auth.signing_keys k SET material = r.material, sealed_under = r.sealed_under
    FROM auth.signing_keys o, LATERAL auth.reseal_key_material(o.material, o.sealed_under,
        o.kid) AS r
    WHERE k.kid = o.kid AND r.sealed_under IS DISTINCT FROM o.sealed_under;
    GET DIAGNOSTICS changed = ROW_COUNT;
    UPDATE auth.server_keys k SET material = r.material, sealed_under = r.sealed_under
    FROM auth.server_keys o, LATERAL auth.reseal_server_key(o.material, o.sealed_under, o.name) AS r
    WHERE k.name = o.name AND r.sealed_under IS DISTINCT FROM o.sealed_under;
    RETURN changed;
END
$$;
COMMENT ON FUNCTION auth.seal_signing_keys() IS
'Brings every stored key, those of the server itself included, under the first key of '
'pg_principal.master_key_file: those stored in the clear before it was set, and those under an '
'older master key that the file still lists. Returns how many signing keys changed. 55000 when a '
'key cannot be opened.';

CREATE OR REPLACE FUNCTION auth.list_signing_keys(OUT kid text, OUT alg text, OUT state text,
    OUT sealed boolean, OUT created_at timestamptz, OUT activated_at timestamptz)
    RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER
BEGIN ATOMIC
    SELECT k.kid, k.alg, k.state, k.sealed_under IS NOT NULL, k.created_at, k.activated_at
    FROM auth.signing_keys k ORDER BY k.created_at, k.kid;
END;
COMMENT ON FUNCTION auth.list_signing_keys() IS
'Every signing key with its state, oldest first; never its material.';

CREATE OR REPLACE FUNCTION auth.jwks() RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN -- plpgsql keeps the plan
    RETURN jsonb_build_object('keys', coalesce(jsonb_agg(k.public_jwk
        ORDER BY k.created_at, k.kid), '[]'))
    FROM auth.signing_keys k WHERE k.public_jwk IS NOT NULL AND k.state <> 'revoked';
END
$$;
COMMENT ON FUNCTION auth.jwks() IS
'The JWK Set (RFC 7517) that verifies our tokens elsewhere: public halves of the keys standby, '
'in_use and previously_used. Symmetric keys have none and never appear.';
