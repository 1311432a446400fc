-- What may end a token signals; what cannot (a new session, a label) does not.

CREATE OR REPLACE FUNCTION auth.signal_revocation() RETURNS trigger
LANGUAGE c AS 'MODULE_PATHNAME', 'pg_principal_signal_revocation';
COMMENT ON FUNCTION auth.signal_revocation() IS
'Internal: trigger that tells every backend, standbys included, once the change is committed or '
'replayed, what has changed. Arguments: session, principal or key, and the column that names it; '
'without arguments, and beyond 64 changes in a transaction, everything that backends remember is '
'forgotten.';

CREATE OR REPLACE FUNCTION auth.backend_proofs(OUT signatures bigint, OUT judgements bigint,
    OUT keys bigint) RETURNS record
LANGUAGE c VOLATILE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'pg_principal_backend_proofs';
COMMENT ON FUNCTION auth.backend_proofs() IS
'For operators: what this backend has done since it began because it could not answer from '
'memory. signatures: tokens verified; judgements: tokens whose session and principal were read; '
'keys: signing keys read.';

CREATE OR REPLACE FUNCTION auth.marked(was auth.users, becomes auth.users) RETURNS auth.users
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF becomes.banned_until IS NOT DISTINCT FROM was.banned_until THEN
        becomes.session_generation :=
            greatest(becomes.session_generation, was.session_generation + 1); -- a new owner
    ELSIF becomes.banned_until IS NULL THEN
        becomes.ban_origin := NULL;
        becomes.ban_reason := NULL;
    ELSE
        IF becomes.ban_origin IS NOT DISTINCT FROM was.ban_origin THEN
            becomes.ban_origin := 'operator';
        END IF;
        becomes.session_generation :=
            greatest(becomes.session_generation, was.session_generation + 1);
    END IF;
    IF was.ban_origin = 'provision' AND becomes.ban_origin IS DISTINCT FROM 'provision' THEN
        -- Who left the roster is not who comes back, for all that anybody can tell, whoever lifts
        -- the ban.
        becomes.owner_generation := was.owner_generation + 1;
    END IF;
    IF becomes.owner_generation <> was.owner_generation THEN
        -- The id stays; what proved or described the owner of before does not.
        becomes.password_scheme := NULL;
        becomes.password_version :=
            was.password_version + (was.password_scheme IS NOT NULL)::integer;
        becomes.password_changed_at := NULL;
        becomes.app_role := 'ANALYST';
        becomes.email_confirmed_at := NULL;
        becomes.email_autoconfirmed := false;
        becomes.self_registered := false;
        becomes.first_name := NULL;
        becomes.last_name := NULL;
        becomes.job_title := NULL;
        becomes.phone_number := NULL;
        becomes.raw_app_meta_data := '{}';
        becomes.raw_user_meta_data := coalesce((SELECT jsonb_build_object('name', o.name)
            FROM auth.organization_people o WHERE o.email = becomes.email), '{}');
        becomes.last_sign_in_at := NULL;
    END IF;
    RETURN becomes;
END
$$;
COMMENT ON FUNCTION auth.marked(auth.users, auth.users) IS
'Internal: what else becomes of a principal that is banned, or no longer, or has a new owner: '
'every ban, however it is written, ends all sessions by a new session generation. When a ban of '
'auth.provision() is lifted or an operator''s replaces it, or the address has a new owner '
'(owner_generation), what proved and described the person ends too: password, role, confirmed '
'email, names and metadata, which become those that the roster says.';

CREATE OR REPLACE FUNCTION auth.mark_ban() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        NEW.ban_origin := 'operator';
        RETURN NEW;
    END IF;
    RETURN auth.marked(OLD, NEW);
END
$$;
COMMENT ON FUNCTION auth.mark_ban() IS
'Internal: trigger that makes a ban, its end or a new owner what auth.marked() says, however it is '
'written.';

CREATE OR REPLACE FUNCTION auth.forget_predecessor() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM auth.forget_guesses(NEW.id);
    -- of many at once few have any
    IF EXISTS (SELECT FROM auth.sign_in_attempts a WHERE a.user_id = NEW.id) THEN
        PERFORM auth.forget_sign_ins(ARRAY[NEW.id]);
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION auth.forget_predecessor() IS
'Internal: trigger that forgets where the owner of before of an address has signed in from.';
CREATE OR REPLACE TRIGGER forget_predecessor AFTER UPDATE ON auth.users
    FOR EACH ROW WHEN (OLD.owner_generation <> NEW.owner_generation)
    EXECUTE FUNCTION auth.forget_predecessor();

CREATE OR REPLACE TRIGGER mark_new_ban BEFORE INSERT ON auth.users
    FOR EACH ROW WHEN (NEW.banned_until IS NOT NULL AND NEW.ban_origin IS NULL)
    EXECUTE FUNCTION auth.mark_ban();
CREATE OR REPLACE TRIGGER mark_ban BEFORE UPDATE ON auth.users
    FOR EACH ROW WHEN ((OLD.banned_until IS DISTINCT FROM NEW.banned_until
            OR OLD.owner_generation <> NEW.owner_generation)
        -- a first ban that says all that auth.marked() would: auth.provision() writes many
        AND NOT (NEW.banned_until IS NOT NULL AND NEW.ban_origin IS DISTINCT FROM OLD.ban_origin
            AND OLD.ban_origin IS DISTINCT FROM 'provision'
            AND NEW.session_generation > OLD.session_generation
            AND NEW.owner_generation = OLD.owner_generation))
    EXECUTE FUNCTION auth.mark_ban();

CREATE OR REPLACE FUNCTION auth.delete_sessions() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        DELETE FROM auth.sessions s WHERE s.user_id IS NOT NULL;
        DELETE FROM auth.sign_in_attempts;
        DELETE FROM auth.password_hashes;
        DELETE FROM auth.roster_leavers;
        DELETE FROM auth.decisions;
    ELSE
        DELETE FROM auth.sessions s USING gone g WHERE s.user_id = g.id;
        DELETE FROM auth.roster_leavers l USING gone g WHERE l.user_id = g.id;
        DELETE FROM auth.password_hashes p USING gone g WHERE p.user_id = g.id;
        DELETE FROM auth.decisions d WHERE d.user_id = ANY (ARRAY(SELECT g.id FROM gone g));
        PERFORM auth.forget_sign_ins(ARRAY(SELECT g.id FROM gone g));
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION auth.delete_sessions() IS
'Internal: trigger that deletes what hangs on deleted principals: their sessions, passwords, '
'counted sign-ins, and who the roster said they were.';
CREATE OR REPLACE TRIGGER delete_sessions AFTER DELETE ON auth.users REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION auth.delete_sessions();
CREATE OR REPLACE TRIGGER delete_all_sessions AFTER TRUNCATE ON auth.users
    FOR EACH STATEMENT EXECUTE FUNCTION auth.delete_sessions();

CREATE OR REPLACE FUNCTION auth.delete_refresh_tokens() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        DELETE FROM auth.refresh_tokens;
        DELETE FROM auth.ended_sessions;
    ELSE
        DELETE FROM auth.refresh_tokens r USING gone g WHERE r.session_id = g.id;
        DELETE FROM auth.ended_sessions e WHERE e.session_id = ANY (ARRAY(SELECT g.id FROM gone g));
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION auth.delete_refresh_tokens() IS
'Internal: trigger that deletes the refresh tokens of deleted sessions.';
CREATE OR REPLACE TRIGGER delete_refresh_tokens AFTER DELETE ON auth.sessions
    REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION auth.delete_refresh_tokens();
CREATE OR REPLACE TRIGGER delete_all_refresh_tokens AFTER TRUNCATE ON auth.sessions
    FOR EACH STATEMENT EXECUTE FUNCTION auth.delete_refresh_tokens();

-- ENABLE ALWAYS, so that a logical subscriber signals too; for each row, because that is what its
-- apply worker fires.
CREATE OR REPLACE TRIGGER signal_update AFTER UPDATE ON auth.users
    FOR EACH ROW WHEN ((OLD.id, OLD.email, OLD.kind, OLD.app_role, OLD.banned_until,
            OLD.session_generation)
        IS DISTINCT FROM (NEW.id, NEW.email, NEW.kind, NEW.app_role, NEW.banned_until,
            NEW.session_generation))
    EXECUTE FUNCTION auth.signal_revocation('principal', 'id');
CREATE OR REPLACE TRIGGER signal_delete AFTER DELETE ON auth.users
    FOR EACH ROW EXECUTE FUNCTION auth.signal_revocation('principal', 'id');
CREATE OR REPLACE TRIGGER signal_truncate AFTER TRUNCATE ON auth.users
    FOR EACH STATEMENT EXECUTE FUNCTION auth.signal_revocation();
ALTER TABLE auth.users ENABLE ALWAYS TRIGGER signal_update;
ALTER TABLE auth.users ENABLE ALWAYS TRIGGER signal_delete;
ALTER TABLE auth.users ENABLE ALWAYS TRIGGER signal_truncate;

CREATE OR REPLACE TRIGGER signal_update AFTER UPDATE ON auth.sessions
    FOR EACH ROW WHEN ((OLD.id, OLD.user_id, OLD.role, OLD.generation, OLD.revoked_at)
        IS DISTINCT FROM (NEW.id, NEW.user_id, NEW.role, NEW.generation, NEW.revoked_at)
        OR NEW.expires_at < OLD.expires_at
        -- a refresh, which is frequent, gives a token of its own
        OR (NEW.expires_at > OLD.expires_at AND NEW.origin <> 'sign_in'))
    EXECUTE FUNCTION auth.signal_revocation('session', 'id');
CREATE OR REPLACE TRIGGER signal_delete AFTER DELETE ON auth.sessions
    FOR EACH ROW EXECUTE FUNCTION auth.signal_revocation('session', 'id');
CREATE OR REPLACE TRIGGER signal_truncate AFTER TRUNCATE ON auth.sessions
    FOR EACH STATEMENT EXECUTE FUNCTION auth.signal_revocation();
ALTER TABLE auth.sessions ENABLE ALWAYS TRIGGER signal_update;
ALTER TABLE auth.sessions ENABLE ALWAYS TRIGGER signal_delete;
ALTER TABLE auth.sessions ENABLE ALWAYS TRIGGER signal_truncate;

CREATE OR REPLACE TRIGGER signal_change AFTER INSERT OR UPDATE OR DELETE ON auth.signing_keys
    FOR EACH ROW EXECUTE FUNCTION auth.signal_revocation('key', 'kid');
CREATE OR REPLACE TRIGGER signal_truncate AFTER TRUNCATE ON auth.signing_keys
    FOR EACH STATEMENT EXECUTE FUNCTION auth.signal_revocation();
ALTER TABLE auth.signing_keys ENABLE ALWAYS TRIGGER signal_change;
ALTER TABLE auth.signing_keys ENABLE ALWAYS TRIGGER signal_truncate;

CREATE OR REPLACE TRIGGER signal_change AFTER UPDATE OR DELETE ON auth.server_keys
    FOR EACH ROW EXECUTE FUNCTION auth.signal_revocation('key', 'name');
CREATE OR REPLACE TRIGGER signal_truncate AFTER TRUNCATE ON auth.server_keys
    FOR EACH STATEMENT EXECUTE FUNCTION auth.signal_revocation();
ALTER TABLE auth.server_keys ENABLE ALWAYS TRIGGER signal_change;
ALTER TABLE auth.server_keys ENABLE ALWAYS TRIGGER signal_truncate;
