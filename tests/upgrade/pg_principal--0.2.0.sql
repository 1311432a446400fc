\echo Use "CREATE EXTENSION pg_principal" to load this file. \quit
-- Every name below is qualified; nothing resolves through a path that somebody else can write to.
SET LOCAL search_path = pg_catalog, pg_temp;

-- A schema that was there before could belong to somebody who then owns the ground we stand on.
DO $$
DECLARE
    owner_name name;
    is_safe boolean;
BEGIN
    SELECT r.rolname, r.rolsuper INTO owner_name, is_safe
    FROM pg_namespace n JOIN pg_roles r ON r.oid = n.nspowner
    WHERE n.nspname = 'auth';
    IF NOT is_safe THEN
        RAISE EXCEPTION 'schema auth belongs to %, who is no superuser', owner_name
            USING ERRCODE = 'insufficient_privilege',
                  HINT = 'Drop it, or ALTER SCHEMA auth OWNER TO a superuser after looking at what it holds.';
    END IF;
    IF EXISTS (SELECT FROM pg_namespace n, aclexplode(n.nspacl) a LEFT JOIN pg_roles r ON r.oid = a.grantee
               WHERE n.nspname = 'auth' AND a.privilege_type = 'CREATE' AND NOT coalesce(r.rolsuper, false)) THEN
        RAISE EXCEPTION 'schema auth can be written to by roles that are no superuser'
            USING ERRCODE = 'insufficient_privilege',
                  HINT = 'REVOKE CREATE ON SCHEMA auth from them first.';
    END IF;
END
$$;
-- Created when missing, left alone when present.
DO $$
DECLARE
    wanted record;
BEGIN
    FOR wanted IN
        SELECT * FROM (VALUES
            ('anon', 'NOLOGIN NOINHERIT'),
            ('authenticated', 'NOLOGIN NOINHERIT'),
            ('service_role', 'NOLOGIN NOINHERIT BYPASSRLS'),
            ('authenticator', 'NOLOGIN NOINHERIT'),
            ('auth_operator', 'NOLOGIN')) AS r (name, attributes)
    LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted.name) THEN
            EXECUTE format('CREATE ROLE %I %s', wanted.name, wanted.attributes);
        END IF;
    END LOOP;
END
$$;
CREATE OR REPLACE FUNCTION auth.raise_error(id text, VARIADIC args text[] DEFAULT '{}') RETURNS void
LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pg_principal_raise_error';
COMMENT ON FUNCTION auth.raise_error(text, text[]) IS
'Internal: raises the error of that id with its SQLSTATE, message and hint from the one table of errors; the arguments fill the placeholders, and one argument more than the message has is the DETAIL.';

CREATE OR REPLACE FUNCTION auth.error_kinds(OUT id text, OUT sqlstate text, OUT message text, OUT hint text) RETURNS SETOF record
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pg_principal_error_kinds';
COMMENT ON FUNCTION auth.error_kinds() IS
'Every error this extension raises by itself: its id, SQLSTATE, message and hint; {0}, {1}, ... stand for arguments.';
-- Tables and types: this module never runs twice. A later version changes them by hand, in sql/upgrade
-- too; a new column goes last, where ALTER TABLE puts it.

CREATE TYPE auth.roster_row AS (
    row_number integer, email text, name text, github_username text, discipline text, level text, track text,
    manager_email text, team text, kind text, problem text);
COMMENT ON TYPE auth.roster_row IS 'Internal: a row of a pushed roster, normalised, or, with problem and row_number alone, what is wrong with it.';

CREATE TYPE auth.auth_result AS (ok boolean, status integer, reason text, payload jsonb);
COMMENT ON TYPE auth.auth_result IS
'What the account functions answer, refusals included, so that what a refusal leaves behind is committed. status: an HTTP status; reason: why, for the operator, NULL when ok; payload: what the caller may see, {"message": ...} of a refusal.';

CREATE TABLE auth.signing_keys (
    kid text PRIMARY KEY CHECK (octet_length(kid) BETWEEN 1 AND 255),
    alg text NOT NULL,
    state text NOT NULL DEFAULT 'standby' CHECK (state IN ('standby', 'in_use', 'previously_used', 'revoked')),
    public_jwk jsonb,
    material bytea NOT NULL,
    sealed_under text,
    created_at timestamptz NOT NULL DEFAULT now(),
    activated_at timestamptz,
    retired_at timestamptz,
    revoked_at timestamptz
);
CREATE UNIQUE INDEX signing_keys_one_in_use ON auth.signing_keys (state) WHERE state = 'in_use';
COMMENT ON TABLE auth.signing_keys IS 'Keys that sign and verify tokens. One is in_use and signs; standby, in_use and previously_used verify; revoked does neither.';
COMMENT ON COLUMN auth.signing_keys.kid IS 'Key id in the header of each token: the RFC 7638 thumbprint unless an imported JWK brought its own.';
COMMENT ON COLUMN auth.signing_keys.public_jwk IS 'Public half as a JWK; NULL for a symmetric key, which has none.';
COMMENT ON COLUMN auth.signing_keys.material IS 'Private JWK: in the clear, or AES-256-GCM under the master key that sealed_under names.';
COMMENT ON COLUMN auth.signing_keys.sealed_under IS 'Id of the master key; NULL when material is in the clear.';

CREATE TABLE auth.organization_people (
    email text PRIMARY KEY CHECK (octet_length(email) <= 254 AND email = lower(btrim(email) COLLATE "C") AND email LIKE '_%@_%'),
    name text NOT NULL CHECK (name <> ''),
    github_username text,
    discipline text,
    level text,
    track text,
    manager_email text REFERENCES auth.organization_people ON UPDATE CASCADE ON DELETE SET NULL,
    team text,
    kind text NOT NULL DEFAULT 'person' CHECK (kind IN ('person', 'service_account')),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT organization_people_github_username_key UNIQUE (github_username) DEFERRABLE,
    CONSTRAINT organization_people_service_account CHECK (
        kind <> 'service_account' OR (level IS NULL AND manager_email IS NULL AND team IS NULL)),
    CONSTRAINT organization_people_no_own_manager CHECK (manager_email <> email)
);
CREATE INDEX organization_people_manager_email ON auth.organization_people (manager_email);
COMMENT ON TABLE auth.organization_people IS 'The roster: people and service accounts, told apart by kind. auth.provision() makes principals of its rows.';

CREATE TABLE auth.users (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    email text NOT NULL UNIQUE CHECK (octet_length(email) <= 254 AND email = lower(btrim(email) COLLATE "C") AND email LIKE '_%@_%'),
    kind text NOT NULL DEFAULT 'person' CHECK (kind IN ('person', 'service_account')),
    app_role text NOT NULL DEFAULT 'ANALYST' CHECK (app_role IN ('READ_ONLY', 'ANALYST', 'AUDITOR', 'ADMIN')),
    encrypted_password text,
    banned_until timestamptz,
    ban_reason text,
    ban_origin text CHECK (ban_origin IN ('operator', 'provision')),
    session_generation integer NOT NULL DEFAULT 0,
    on_roster boolean NOT NULL DEFAULT false,
    first_name text CHECK (char_length(first_name) <= 64),
    last_name text CHECK (char_length(last_name) <= 64),
    job_title text CHECK (char_length(job_title) <= 128),
    phone_number text CHECK (char_length(phone_number) <= 32),
    raw_user_meta_data jsonb NOT NULL DEFAULT '{}',
    raw_app_meta_data jsonb NOT NULL DEFAULT '{}',
    email_confirmed_at timestamptz,
    password_changed_at timestamptz,
    last_sign_in_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    self_registered boolean NOT NULL DEFAULT false,
    CONSTRAINT users_ban CHECK ((banned_until IS NULL) = (ban_origin IS NULL))
);
CREATE INDEX users_created_at ON auth.users (created_at, id);
-- as auth.is_agent() has it: the health scan looks at agents alone
CREATE INDEX users_agents ON auth.users (id) WHERE kind = 'service_account' OR email LIKE '%-agent@%';
COMMENT ON TABLE auth.users IS 'Principals: people and service accounts that tokens are minted for. id is the claim sub.';
COMMENT ON COLUMN auth.users.encrypted_password IS 'Argon2id as a PHC string, or bcrypt from an import until the next sign-in; NULL: no password signs in.';
COMMENT ON COLUMN auth.users.banned_until IS 'While in the future every token is refused. Setting it ends all sessions for good: lifting the ban does not bring them back.';
COMMENT ON COLUMN auth.users.ban_origin IS 'Who banned: provision lifts its own bans only.';
COMMENT ON COLUMN auth.users.session_generation IS 'Counts the bans. A session of an earlier generation is dead, also one whose transaction ran beside the ban.';
COMMENT ON COLUMN auth.users.password_changed_at IS 'When the password was last set; replacing the hash by a better one of the same password leaves it.';
COMMENT ON COLUMN auth.users.self_registered IS 'Made by open registration: nobody has shown to own the email. When auth.provision() adopts it, its password and sessions end unless email_confirmed_at is set.';
COMMENT ON COLUMN auth.users.on_roster IS 'Created or adopted by auth.provision(): leaving the roster bans. Others are left alone.';

CREATE TABLE auth.sessions (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id uuid,
    role text NOT NULL DEFAULT 'authenticated' CHECK (role IN ('authenticated', 'anon', 'service_role')),
    generation integer NOT NULL DEFAULT 0,
    label text CHECK (octet_length(label) <= 255),
    scopes text[],
    origin text NOT NULL DEFAULT 'issued' CHECK (origin IN ('issued', 'sign_in')),
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    last_used_at timestamptz,
    ip text,
    user_agent text,
    revoked_at timestamptz,
    revoked_as text CHECK (revoked_as IN ('revoked', 'signed_out', 'password_rotated', 'reuse')),
    revoke_reason text,
    CONSTRAINT sessions_principal CHECK ((role = 'authenticated') = (user_id IS NOT NULL))
);
CREATE INDEX sessions_user_id ON auth.sessions (user_id);
COMMENT ON TABLE auth.sessions IS 'One row for each token issued and for each sign-in: a token lives only while its session does. user_id is an auth.users.id, NULL for the project keys anon and service_role. No foreign key: a parallel restore may load sessions first; deleting a principal deletes its sessions by trigger.';
COMMENT ON COLUMN auth.sessions.origin IS 'issued: one token, minted by an operator. sign_in: access tokens that auth.refresh() follows up.';
COMMENT ON COLUMN auth.sessions.expires_at IS 'infinity after a sign-in: the session lasts as long as its refresh token is renewed.';
COMMENT ON COLUMN auth.sessions.last_used_at IS 'When an agent last used a token of the session, to within a day and as of the last health scan; NULL: not seen.';
COMMENT ON COLUMN auth.sessions.revoked_as IS 'What ended the session; NULL or revoked: an operator.';

-- One row for each signed-in session, rewritten in place by each refresh: the table does not grow.
CREATE TABLE auth.refresh_tokens (
    session_id uuid PRIMARY KEY,
    generation integer NOT NULL DEFAULT 1,
    hash bytea NOT NULL CHECK (octet_length(hash) = 32),
    previous_hash bytea CHECK (octet_length(previous_hash) = 32),
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    invalidated_as text CHECK (invalidated_as = 'password_rotated')
) WITH (fillfactor = 60);
COMMENT ON TABLE auth.refresh_tokens IS 'The refresh token of each signed-in session: its SHA-256 and its generation, never the token. Older generations are known by the HMAC that every token carries.';
COMMENT ON COLUMN auth.refresh_tokens.previous_hash IS 'Of the token that was exchanged for this one: within pg_principal.refresh_reuse_interval of created_at it gives this one again.';

CREATE TABLE auth.server_keys (
    name text PRIMARY KEY,
    material bytea NOT NULL,
    sealed_under text,
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE auth.server_keys IS 'Keys that the server uses by itself; refresh_token derives refresh tokens. Sealed like auth.signing_keys.';

CREATE TABLE auth.sign_in_attempts (
    user_id uuid,
    source text,
    failures integer NOT NULL DEFAULT 0,
    last_failure_at timestamptz,
    locked_until timestamptz,
    last_success_at timestamptz,
    PRIMARY KEY (user_id, source)
);
COMMENT ON TABLE auth.sign_in_attempts IS 'Wrong passwords, counted apart for each address a principal has signed in from before; the source '''' stands for all others together, so that a stranger''s guesses lock out strangers only.';

CREATE TABLE auth.audit_log (
    user_id uuid,
    seq bigint CHECK (seq > 0),
    created_at timestamptz NOT NULL,
    actor_id uuid,
    actor_email text,
    subject text,
    changes jsonb NOT NULL,
    reason text,
    metadata jsonb,
    ip text,
    user_agent text,
    previous_hash bytea NOT NULL,
    hash bytea NOT NULL,
    PRIMARY KEY (user_id, seq)
);
CREATE INDEX audit_log_created_at ON auth.audit_log (created_at, user_id, seq);
COMMENT ON TABLE auth.audit_log IS 'What happened to each principal; the entries of one form a hash chain. The principal 00000000-0000-0000-0000-000000000000 stands for nobody known, ffffffff-ffff-ffff-ffff-ffffffffffff for the audit itself: its seals and prunings. Row security: one''s own entries, all of them for AUDITOR and ADMIN.';
COMMENT ON COLUMN auth.audit_log.user_id IS 'Whose entry it is: the principal it happened to.';
COMMENT ON COLUMN auth.audit_log.seq IS 'Position in the chain of that principal: 1, 2, 3, ... without gaps.';
COMMENT ON COLUMN auth.audit_log.actor_id IS 'Who did it, by a verified token; NULL: an operator (metadata.databaseRole) or nobody proven.';
COMMENT ON COLUMN auth.audit_log.subject IS 'The email of the principal at that time.';
COMMENT ON COLUMN auth.audit_log.changes IS 'By field: {"role": {"previous": "ANALYST", "current": "ADMIN"}}. Never a secret.';
COMMENT ON COLUMN auth.audit_log.ip IS 'As the calling application reported it.';

CREATE TABLE auth.audit_heads (
    user_id uuid PRIMARY KEY,
    seq bigint NOT NULL DEFAULT 0,
    hash bytea NOT NULL,
    pruned_seq bigint NOT NULL DEFAULT 0,
    pruned_hash bytea,
    sealed_seq bigint NOT NULL DEFAULT 0,
    failure_hour timestamptz,
    failures integer NOT NULL DEFAULT 0,
    proven_failures integer NOT NULL DEFAULT 0,
    suppressed bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 60);
COMMENT ON TABLE auth.audit_heads IS 'How far the chain of each principal has got, and from where on it is kept: what auth.audit_verify() compares the entries with. Its row lock is what one principal''s writers wait for.';
COMMENT ON COLUMN auth.audit_heads.failures IS 'Refusals written in failure_hour of whoever proved nothing; proven_failures: of holders of a real refresh token. Each has its own allowance, so that guessing does not silence the other.';
COMMENT ON COLUMN auth.audit_heads.suppressed IS 'Refusals that were counted and not written, since ever: more than pg_principal.max_failure_entries in an hour.';

CREATE TABLE auth.audit_seals (
    id bigint PRIMARY KEY,
    sealed_at timestamptz NOT NULL,
    chains bigint NOT NULL,
    digest bytea NOT NULL,
    seal text NOT NULL
);
COMMENT ON TABLE auth.audit_seals IS 'Signed digests over all chains; each covers the one before.';
CREATE TABLE auth.audit_sealed_heads (
    seal_id bigint,
    user_id uuid,
    seq bigint NOT NULL,
    hash bytea NOT NULL,
    PRIMARY KEY (seal_id, user_id)
);
COMMENT ON TABLE auth.audit_sealed_heads IS 'The heads that each seal covers: those that had changed since the one before.';

CREATE TABLE auth.audit_prunes (
    entry bigint,
    user_id uuid,
    seq bigint NOT NULL,
    hash bytea NOT NULL,
    PRIMARY KEY (entry, user_id)
);
COMMENT ON TABLE auth.audit_prunes IS 'Up to where each chain was pruned, by the entry of the audit''s own chain that tells of it and holds a digest of these rows.';

CREATE TABLE auth.incidents (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    kind text NOT NULL CHECK (kind IN ('refresh_failure', 'token_expiring', 'token_unused', 'admin_agent', 'password_old', 'refresh_lapsing')),
    user_id uuid NOT NULL,
    email text NOT NULL,
    subject text NOT NULL DEFAULT '',
    reason text NOT NULL,
    metadata jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL,
    detected_at timestamptz,
    resolved_at timestamptz
);
CREATE INDEX incidents_undetected ON auth.incidents (created_at) WHERE detected_at IS NULL;
CREATE INDEX incidents_created_at ON auth.incidents (created_at);
CREATE UNIQUE INDEX incidents_open_finding ON auth.incidents (kind, user_id, subject) WHERE kind <> 'refresh_failure' AND resolved_at IS NULL;
COMMENT ON TABLE auth.incidents IS 'What is wrong with agents. A refused refresh is written with its audit entry and reported by the next auth.scan_agent_health(), once; the other kinds are findings of that scan, open until resolved_at.';
COMMENT ON COLUMN auth.incidents.subject IS 'What tells two findings of a kind apart: a session, and how near its end is.';
COMMENT ON COLUMN auth.incidents.detected_at IS 'When a health scan reported it; NULL: the next one will.';

CREATE TABLE auth.metrics (
    name text,
    label text DEFAULT '',
    shard smallint DEFAULT 0,
    kind text NOT NULL DEFAULT 'counter' CHECK (kind IN ('counter', 'gauge')),
    value bigint NOT NULL DEFAULT 0,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (name, label, shard)
) WITH (fillfactor = 60);
COMMENT ON TABLE auth.metrics IS 'Counters and gauges, transactional like everything else. A counter is the sum of its shards, which keep writers from waiting for each other: auth.read_metrics().';

-- Holds nothing: its relcache invalidation is the signal that a token may have died.
CREATE TABLE auth.revocation_marker ();
COMMENT ON TABLE auth.revocation_marker IS 'Empty. Naming it in an invalidation message makes every backend forget the identities it has verified.';

-- Read only through functions that run as their owner; row security also keeps out the members of
-- pg_read_all_data and pg_write_all_data.
ALTER TABLE auth.signing_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE auth.users ENABLE ROW LEVEL SECURITY;
ALTER TABLE auth.sessions ENABLE ROW LEVEL SECURITY;
ALTER TABLE auth.refresh_tokens ENABLE ROW LEVEL SECURITY;
ALTER TABLE auth.server_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE auth.sign_in_attempts ENABLE ROW LEVEL SECURITY;
ALTER TABLE auth.audit_log ENABLE ROW LEVEL SECURITY;
ALTER TABLE auth.audit_heads ENABLE ROW LEVEL SECURITY;
ALTER TABLE auth.audit_seals ENABLE ROW LEVEL SECURITY;
ALTER TABLE auth.audit_sealed_heads ENABLE ROW LEVEL SECURITY;
ALTER TABLE auth.audit_prunes ENABLE ROW LEVEL SECURITY;
ALTER TABLE auth.incidents ENABLE ROW LEVEL SECURITY;
ALTER TABLE auth.metrics ENABLE ROW LEVEL SECURITY;
ALTER TABLE auth.revocation_marker ENABLE ROW LEVEL SECURITY;

SELECT pg_extension_config_dump('auth.signing_keys', '');
SELECT pg_extension_config_dump('auth.organization_people', '');
SELECT pg_extension_config_dump('auth.users', '');
SELECT pg_extension_config_dump('auth.sessions', '');
SELECT pg_extension_config_dump('auth.refresh_tokens', '');
SELECT pg_extension_config_dump('auth.server_keys', '');
SELECT pg_extension_config_dump('auth.sign_in_attempts', '');
SELECT pg_extension_config_dump('auth.audit_log', '');
SELECT pg_extension_config_dump('auth.audit_heads', '');
SELECT pg_extension_config_dump('auth.audit_seals', '');
SELECT pg_extension_config_dump('auth.audit_sealed_heads', '');
SELECT pg_extension_config_dump('auth.audit_prunes', '');
SELECT pg_extension_config_dump('auth.incidents', '');
SELECT pg_extension_config_dump('auth.metrics', '');
-- What may end a token signals; what cannot (a new session, a label) does not.

CREATE OR REPLACE FUNCTION auth.signal_revocation() RETURNS trigger
LANGUAGE c AS 'MODULE_PATHNAME', 'pg_principal_signal_revocation';
COMMENT ON FUNCTION auth.signal_revocation() IS
'Internal: trigger that sends a transactional invalidation message for auth.revocation_marker: every backend, standbys included, forgets its verified identities once the change is committed or replayed.';

CREATE OR REPLACE FUNCTION auth.mark_ban() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.banned_until IS NOT NULL AND NEW.ban_origin IS NULL THEN
            NEW.ban_origin := 'operator';
        END IF;
        RETURN NEW;
    END IF;
    IF NEW.banned_until IS NULL THEN
        NEW.ban_origin := NULL;
        NEW.ban_reason := NULL;
    ELSE
        IF NEW.ban_origin IS NOT DISTINCT FROM OLD.ban_origin THEN
            NEW.ban_origin := 'operator';
        END IF;
        NEW.session_generation := OLD.session_generation + 1;
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION auth.mark_ban() IS
'Internal: trigger that makes every ban, however it is written, end all sessions of the principal: a new session generation.';

CREATE OR REPLACE TRIGGER mark_new_ban BEFORE INSERT ON auth.users
    FOR EACH ROW EXECUTE FUNCTION auth.mark_ban();
CREATE OR REPLACE TRIGGER mark_ban BEFORE UPDATE ON auth.users
    FOR EACH ROW WHEN (OLD.banned_until IS DISTINCT FROM NEW.banned_until)
    EXECUTE FUNCTION auth.mark_ban();

CREATE OR REPLACE FUNCTION auth.delete_sessions() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        DELETE FROM auth.sessions s WHERE s.user_id IS NOT NULL;
        DELETE FROM auth.sign_in_attempts;
    ELSE
        DELETE FROM auth.sessions s USING gone g WHERE s.user_id = g.id;
        PERFORM auth.forget_sign_ins(ARRAY(SELECT g.id FROM gone g));
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION auth.delete_sessions() IS 'Internal: trigger that deletes what hangs on deleted principals: their sessions, their counted sign-ins.';
CREATE OR REPLACE TRIGGER delete_sessions AFTER DELETE ON auth.users REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION auth.delete_sessions();
CREATE OR REPLACE TRIGGER delete_all_sessions AFTER TRUNCATE ON auth.users
    FOR EACH STATEMENT EXECUTE FUNCTION auth.delete_sessions();

CREATE OR REPLACE FUNCTION auth.delete_refresh_tokens() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        DELETE FROM auth.refresh_tokens;
    ELSE
        DELETE FROM auth.refresh_tokens r USING gone g WHERE r.session_id = g.id;
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION auth.delete_refresh_tokens() IS 'Internal: trigger that deletes the refresh tokens of deleted sessions.';
CREATE OR REPLACE TRIGGER delete_refresh_tokens AFTER DELETE ON auth.sessions REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION auth.delete_refresh_tokens();
CREATE OR REPLACE TRIGGER delete_all_refresh_tokens AFTER TRUNCATE ON auth.sessions
    FOR EACH STATEMENT EXECUTE FUNCTION auth.delete_refresh_tokens();

-- ENABLE ALWAYS, so that a logical subscriber signals too; for each row, because that is what its
-- apply worker fires.
CREATE OR REPLACE TRIGGER signal_update AFTER UPDATE ON auth.users
    FOR EACH ROW WHEN ((OLD.id, OLD.email, OLD.kind, OLD.app_role, OLD.banned_until, OLD.session_generation)
        IS DISTINCT FROM (NEW.id, NEW.email, NEW.kind, NEW.app_role, NEW.banned_until, NEW.session_generation))
    EXECUTE FUNCTION auth.signal_revocation();
CREATE OR REPLACE TRIGGER signal_delete AFTER DELETE ON auth.users
    FOR EACH ROW EXECUTE FUNCTION auth.signal_revocation();
CREATE OR REPLACE TRIGGER signal_truncate AFTER TRUNCATE ON auth.users
    FOR EACH STATEMENT EXECUTE FUNCTION auth.signal_revocation();
ALTER TABLE auth.users ENABLE ALWAYS TRIGGER signal_update;
ALTER TABLE auth.users ENABLE ALWAYS TRIGGER signal_delete;
ALTER TABLE auth.users ENABLE ALWAYS TRIGGER signal_truncate;

CREATE OR REPLACE TRIGGER signal_update AFTER UPDATE ON auth.sessions
    FOR EACH ROW WHEN ((OLD.id, OLD.user_id, OLD.role, OLD.generation, OLD.revoked_at)
        IS DISTINCT FROM (NEW.id, NEW.user_id, NEW.role, NEW.generation, NEW.revoked_at)
        OR NEW.expires_at < OLD.expires_at)
    EXECUTE FUNCTION auth.signal_revocation();
CREATE OR REPLACE TRIGGER signal_delete AFTER DELETE ON auth.sessions
    FOR EACH ROW EXECUTE FUNCTION auth.signal_revocation();
CREATE OR REPLACE TRIGGER signal_truncate AFTER TRUNCATE ON auth.sessions
    FOR EACH STATEMENT EXECUTE FUNCTION auth.signal_revocation();
ALTER TABLE auth.sessions ENABLE ALWAYS TRIGGER signal_update;
ALTER TABLE auth.sessions ENABLE ALWAYS TRIGGER signal_delete;
ALTER TABLE auth.sessions ENABLE ALWAYS TRIGGER signal_truncate;

CREATE OR REPLACE TRIGGER signal_change AFTER INSERT OR UPDATE OR DELETE ON auth.signing_keys
    FOR EACH ROW EXECUTE FUNCTION auth.signal_revocation();
CREATE OR REPLACE TRIGGER signal_truncate AFTER TRUNCATE ON auth.signing_keys
    FOR EACH STATEMENT EXECUTE FUNCTION auth.signal_revocation();
ALTER TABLE auth.signing_keys ENABLE ALWAYS TRIGGER signal_change;
ALTER TABLE auth.signing_keys ENABLE ALWAYS TRIGGER signal_truncate;

CREATE OR REPLACE TRIGGER signal_change AFTER UPDATE OR DELETE ON auth.server_keys
    FOR EACH ROW EXECUTE FUNCTION auth.signal_revocation();
CREATE OR REPLACE TRIGGER signal_truncate AFTER TRUNCATE ON auth.server_keys
    FOR EACH STATEMENT EXECUTE FUNCTION auth.signal_revocation();
ALTER TABLE auth.server_keys ENABLE ALWAYS TRIGGER signal_change;
ALTER TABLE auth.server_keys ENABLE ALWAYS TRIGGER signal_truncate;
-- Who the caller is: everything here verifies the token that pg_principal.token holds.

CREATE OR REPLACE FUNCTION auth.uid() RETURNS uuid
LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pg_principal_uid';
COMMENT ON FUNCTION auth.uid() IS
'The id of the calling principal (claim sub, RFC 7519). NULL without a token or with a project key. 28000 with the reason as DETAIL when the token is dead.';

CREATE OR REPLACE FUNCTION auth.email() RETURNS text
LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pg_principal_email';
COMMENT ON FUNCTION auth.email() IS
'The email of the calling principal as auth.users has it now, lower case. NULL without a token or with a project key; 28000 when the token is dead.';

CREATE OR REPLACE FUNCTION auth.role() RETURNS text
LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pg_principal_role';
COMMENT ON FUNCTION auth.role() IS
'The role the token speaks for: authenticated, anon or service_role. NULL without a token; 28000 when the token is dead.';

CREATE OR REPLACE FUNCTION auth.kind() RETURNS text
LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pg_principal_kind';
COMMENT ON FUNCTION auth.kind() IS
'person or service_account. NULL without a token or with a project key; 28000 when the token is dead.';

CREATE OR REPLACE FUNCTION auth.app_role() RETURNS text
LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pg_principal_app_role';
COMMENT ON FUNCTION auth.app_role() IS
'READ_ONLY, ANALYST, AUDITOR or ADMIN, as auth.users has it now, whatever the token says. NULL without a token or with a project key; 28000 when the token is dead.';

CREATE OR REPLACE FUNCTION auth.session_id() RETURNS uuid
LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pg_principal_session_id';
COMMENT ON FUNCTION auth.session_id() IS
'The session of the token, to list or revoke it by. NULL without a token; 28000 when the token is dead.';

CREATE OR REPLACE FUNCTION auth.jwt() RETURNS jsonb
LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pg_principal_jwt';
COMMENT ON FUNCTION auth.jwt() IS
'The verified claims of the token, as they were minted. NULL without a token; 28000 when the token is dead.';

CREATE OR REPLACE FUNCTION auth.has_role(VARIADIC roles text[]) RETURNS boolean
LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pg_principal_has_role';
COMMENT ON FUNCTION auth.has_role(text[]) IS
'Whether the caller''s app_role is one of those named. False without a token, never NULL; 28000 when the token is dead.';

CREATE OR REPLACE FUNCTION auth.has_scope(scope text) RETURNS boolean
LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pg_principal_has_scope';
COMMENT ON FUNCTION auth.has_scope(text) IS
'Whether the token carries that scope (claim scope, RFC 8693 4.2). False for a token minted without scopes and without a token, never NULL; 28000 when the token is dead.';

CREATE OR REPLACE FUNCTION auth.is_service_account() RETURNS boolean
LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pg_principal_is_service_account';
COMMENT ON FUNCTION auth.is_service_account() IS
'Whether the caller is a service account. False without a token, never NULL; 28000 when the token is dead.';

CREATE OR REPLACE FUNCTION auth.is_person() RETURNS boolean
LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pg_principal_is_person';
COMMENT ON FUNCTION auth.is_person() IS
'Whether the caller is a person. False without a token, never NULL; 28000 when the token is dead.';

CREATE OR REPLACE FUNCTION auth.is_project_key(token text) RETURNS boolean
LANGUAGE c VOLATILE STRICT COST 10 AS 'MODULE_PATHNAME', 'pg_principal_is_project_key';
COMMENT ON FUNCTION auth.is_project_key(text) IS
'Whether a token is a live project key, anon or service_role; false for anything else, dead or malformed. Binds nothing. NULL for NULL.';

CREATE OR REPLACE FUNCTION auth.authenticate(token text, is_local boolean DEFAULT true) RETURNS jsonb
LANGUAGE c VOLATILE COST 10 AS 'MODULE_PATHNAME', 'pg_principal_authenticate';
COMMENT ON FUNCTION auth.authenticate(text, boolean) IS
'Verifies the token now, binds it as pg_principal.token for the transaction (is_local) or the session, and returns its claims. NULL or an empty token unbinds and returns NULL. 28000 with the reason as DETAIL when it is dead, and nothing is bound.';

CREATE OR REPLACE FUNCTION auth.pre_request() RETURNS void
LANGUAGE c VOLATILE COST 10 AS 'MODULE_PATHNAME', 'pg_principal_pre_request';
COMMENT ON FUNCTION auth.pre_request() IS
'For PostgREST''s db-pre-request: binds the bearer token (RFC 6750) of request.headers to the transaction, or no token where there is none. 28000 when it is dead.';

CREATE OR REPLACE FUNCTION auth.normalise_email(email text) RETURNS text
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pg_principal_normalise_email';
COMMENT ON FUNCTION auth.normalise_email(text) IS
'The email trimmed and in lower case (ASCII letters only, so that it means the same under every collation). 22023 when it is no email address.';
-- JOSE for any key: nothing here reads or writes a table.
-- A key argument is a JWK (RFC 7517), a JWK Set {"keys": [...]}, or a JSON string that holds a PEM
-- or, for HS256/384/512, the secret itself.

CREATE OR REPLACE FUNCTION auth.jws_sign(payload bytea, jwk jsonb, alg text DEFAULT NULL) RETURNS text
LANGUAGE c VOLATILE PARALLEL SAFE COST 100 AS 'MODULE_PATHNAME', 'pg_principal_jws_sign';
COMMENT ON FUNCTION auth.jws_sign(bytea, jsonb, text) IS
'Compact JWS (RFC 7515) of any payload, the empty one included. alg: the key''s own unless named. NULL for a NULL payload or key; 22023 for a key that is malformed, public, or does not fit the algorithm.';

CREATE OR REPLACE FUNCTION auth.jws_verify(token text, jwks jsonb) RETURNS bytea
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 100 AS 'MODULE_PATHNAME', 'pg_principal_jws_verify';
COMMENT ON FUNCTION auth.jws_verify(text, jsonb) IS
'The payload of a compact JWS (RFC 7515) when one of the keys verifies it, otherwise NULL: for a wrong signature as for alg none, an algorithm that is not the key''s, crit, jwk, jku, x5u, non-canonical base64url, more than 16 KiB. 22023 only when the key itself is malformed or must not be used.';

CREATE OR REPLACE FUNCTION auth.jwt_sign(claims jsonb, jwk jsonb, alg text DEFAULT NULL) RETURNS text
LANGUAGE c VOLATILE PARALLEL SAFE COST 100 AS 'MODULE_PATHNAME', 'pg_principal_jwt_sign';
COMMENT ON FUNCTION auth.jwt_sign(jsonb, jsonb, text) IS
'JWT (RFC 7519) of the claims as they are: nothing is added. Errors as auth.jws_sign(); 22023 when claims is no object.';

CREATE OR REPLACE FUNCTION auth.jwt_verify(token text, jwks jsonb, audience text DEFAULT NULL, issuer text DEFAULT NULL) RETURNS jsonb
LANGUAGE c STABLE PARALLEL SAFE COST 100 AS 'MODULE_PATHNAME', 'pg_principal_jwt_verify';
COMMENT ON FUNCTION auth.jwt_verify(text, jsonb, text, text) IS
'The claims of a JWT (RFC 7519) that one of the keys verifies and whose exp and nbf hold now, give or take pg_principal.clock_skew. audience and issuer, where given, must be there and agree. 28000 with the reason as DETAIL when it does not verify; NULL for a NULL token or key. For tokens of this database use auth.authenticate(), which knows sessions and bans.';

CREATE OR REPLACE FUNCTION auth.verify_signature(alg text, jwk jsonb, message bytea, signature bytea) RETURNS boolean
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 100 AS 'MODULE_PATHNAME', 'pg_principal_verify_signature';
COMMENT ON FUNCTION auth.verify_signature(text, jsonb, bytea, bytea) IS
'Whether the raw signature (RFC 7518: r and s of ES* concatenated, not DER) is the key''s over the message. False also when the key may not be used with the algorithm; 22023 for an unknown algorithm or a malformed key.';

CREATE OR REPLACE FUNCTION auth.jwk_thumbprint(jwk jsonb) RETURNS text
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 100 AS 'MODULE_PATHNAME', 'pg_principal_jwk_thumbprint';
COMMENT ON FUNCTION auth.jwk_thumbprint(jsonb) IS
'base64url of the SHA-256 thumbprint of a JWK (RFC 7638, RFC 8037), the same for its public and private form. 22023 for a malformed key.';

CREATE OR REPLACE FUNCTION auth.generate_jwk(alg text) RETURNS jsonb
LANGUAGE c VOLATILE STRICT PARALLEL SAFE COST 100 AS 'MODULE_PATHNAME', 'pg_principal_generate_jwk';
COMMENT ON FUNCTION auth.generate_jwk(text) IS
'A new private JWK for the algorithm, its thumbprint as kid; stored nowhere. 22023 for an unknown algorithm.';

CREATE OR REPLACE FUNCTION auth.public_jwk(jwk jsonb) RETURNS jsonb
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 100 AS 'MODULE_PATHNAME', 'pg_principal_public_jwk';
COMMENT ON FUNCTION auth.public_jwk(jsonb) IS
'The public half of a key as a JWK (RFC 7517). 22023 for a secret, which has none, and for a malformed key.';

CREATE OR REPLACE FUNCTION auth.public_pem(jwk jsonb) RETURNS text
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 100 AS 'MODULE_PATHNAME', 'pg_principal_public_pem';
COMMENT ON FUNCTION auth.public_pem(jsonb) IS
'The public half of a key as PEM (SubjectPublicKeyInfo, RFC 5280). 22023 for a secret, which has none, and for a malformed key.';

CREATE OR REPLACE FUNCTION auth.pem_to_jwk(pem text) RETURNS jsonb
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 100 AS 'MODULE_PATHNAME', 'pg_principal_pem_to_jwk';
COMMENT ON FUNCTION auth.pem_to_jwk(text) IS
'A PEM key (SPKI, PKCS#8, PKCS#1 or SEC1, without a passphrase) as a JWK: private when the PEM is. 22023 names what is wrong with it.';
-- Signing keys: four states, one in use, changed without a restart.

CREATE OR REPLACE FUNCTION auth.generate_key_material(alg text, OUT kid text, OUT key_alg text, OUT public_jwk jsonb, OUT material bytea, OUT sealed_under text) RETURNS record
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'pg_principal_generate_key_material';
COMMENT ON FUNCTION auth.generate_key_material(text) IS
'Internal: a new key for the algorithm (RFC 7518, RFC 8037), its private half sealed when a master key is configured.';

CREATE OR REPLACE FUNCTION auth.read_key_material(source text, OUT kid text, OUT key_alg text, OUT public_jwk jsonb, OUT material bytea, OUT sealed_under text) RETURNS record
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'pg_principal_read_key_material';
COMMENT ON FUNCTION auth.read_key_material(text) IS
'Internal: a private JWK (RFC 7517), or any other text as the secret of HS256, its private half sealed when a master key is configured.';

CREATE OR REPLACE FUNCTION auth.reseal_key_material(INOUT material bytea, INOUT sealed_under text, kid text) RETURNS record
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'pg_principal_reseal_key_material';
COMMENT ON FUNCTION auth.reseal_key_material(bytea, text, text) IS
'Internal: the same private half under the first key of the master key file.';

CREATE OR REPLACE FUNCTION auth.store_signing_key(kid text, alg text, public_jwk jsonb, material bytea, sealed_under text, activate boolean) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO auth.signing_keys (kid, alg, public_jwk, material, sealed_under)
    VALUES (store_signing_key.kid, store_signing_key.alg, store_signing_key.public_jwk, store_signing_key.material,
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
COMMENT ON FUNCTION auth.store_signing_key(text, text, jsonb, bytea, text, boolean) IS 'Internal: the last step of creating and importing a key.';

CREATE OR REPLACE FUNCTION auth.create_signing_key(alg text DEFAULT 'HS256', activate boolean DEFAULT true) RETURNS text
LANGUAGE sql SECURITY DEFINER
BEGIN ATOMIC
    SELECT auth.store_signing_key(k.kid, k.key_alg, k.public_jwk, k.material, k.sealed_under, create_signing_key.activate)
    FROM auth.generate_key_material(create_signing_key.alg) AS k;
END;
COMMENT ON FUNCTION auth.create_signing_key(text, boolean) IS
'Makes a signing key and returns its kid. It signs from now on (activate), or stands by: published in auth.jwks() before it signs. alg: HS256, ES256, EdDSA, ...; 22023 for another.';

CREATE OR REPLACE FUNCTION auth.import_signing_key(material text, activate boolean DEFAULT true) RETURNS text
LANGUAGE sql SECURITY DEFINER
BEGIN ATOMIC
    SELECT auth.store_signing_key(k.kid, k.key_alg, k.public_jwk, k.material, k.sealed_under, import_signing_key.activate)
    FROM auth.read_key_material(import_signing_key.material) AS k;
END;
COMMENT ON FUNCTION auth.import_signing_key(text, boolean) IS
'Stores a private JWK (RFC 7517), or a Supabase JWT secret as plain text (HS256, at least 32 bytes), and returns its kid. 22023 names what is wrong with the key; 42710 when it is there already.';

CREATE OR REPLACE FUNCTION auth.import_signing_key(material jsonb, activate boolean DEFAULT true) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF jsonb_typeof(material) IS DISTINCT FROM 'object' THEN
        PERFORM auth.raise_error('key_malformed', 'a JWK is a JSON object');
    END IF;
    RETURN auth.import_signing_key(material::text, activate);
END
$$;
COMMENT ON FUNCTION auth.import_signing_key(jsonb, boolean) IS 'The same for a private JWK that is jsonb already.';

CREATE OR REPLACE FUNCTION auth.lock_signing_key(kid text) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found_state text;
BEGIN
    -- one change of state at a time: two activations at once would both demote the same key
    LOCK TABLE auth.signing_keys IN SHARE ROW EXCLUSIVE MODE;
    SELECT k.state INTO found_state FROM auth.signing_keys k WHERE k.kid = lock_signing_key.kid;
    IF NOT FOUND THEN
        PERFORM auth.raise_error('key_unknown', coalesce(lock_signing_key.kid, ''));
    END IF;
    RETURN found_state;
END
$$;
COMMENT ON FUNCTION auth.lock_signing_key(text) IS 'Internal: the state of a key, with changes of other transactions held off. 42704 when there is no such key.';

CREATE OR REPLACE FUNCTION auth.activate_signing_key(kid text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    was text := auth.lock_signing_key(activate_signing_key.kid);
BEGIN
    IF was = 'revoked' THEN
        PERFORM auth.raise_error('key_revoked', activate_signing_key.kid);
    ELSIF was <> 'in_use' THEN
        UPDATE auth.signing_keys k SET state = 'previously_used', retired_at = clock_timestamp() WHERE k.state = 'in_use';
        UPDATE auth.signing_keys k SET state = 'in_use', activated_at = clock_timestamp(), retired_at = NULL
        WHERE k.kid = activate_signing_key.kid;
    END IF;
END
$$;
COMMENT ON FUNCTION auth.activate_signing_key(text) IS
'New tokens are signed with this key from now on; the one in use until now goes on verifying (previously_used). 42704 when there is no such key, 55000 when it is revoked.';

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
    END IF;
END
$$;
COMMENT ON FUNCTION auth.retire_signing_key(text) IS
'The key signs no more and goes on verifying; nothing can be minted until another is activated. 42704 when there is no such key, 55000 when it is revoked.';

CREATE OR REPLACE FUNCTION auth.revoke_signing_key(kid text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF auth.lock_signing_key(revoke_signing_key.kid) <> 'revoked' THEN
        UPDATE auth.signing_keys k SET state = 'revoked', revoked_at = clock_timestamp()
        WHERE k.kid = revoke_signing_key.kid;
    END IF;
END
$$;
COMMENT ON FUNCTION auth.revoke_signing_key(text) IS
'Ends every token that the key has signed, at the next statement everywhere; there is no way back. 42704 when there is no such key.';

CREATE OR REPLACE FUNCTION auth.seal_signing_keys() RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    changed integer;
BEGIN
    LOCK TABLE auth.signing_keys IN SHARE ROW EXCLUSIVE MODE;
    UPDATE auth.signing_keys k SET material = r.material, sealed_under = r.sealed_under
    FROM auth.signing_keys o, LATERAL auth.reseal_key_material(o.material, o.sealed_under, o.kid) AS r
    WHERE k.kid = o.kid AND r.sealed_under IS DISTINCT FROM o.sealed_under;
    GET DIAGNOSTICS changed = ROW_COUNT;
    UPDATE auth.server_keys k SET material = r.material, sealed_under = r.sealed_under
    FROM auth.server_keys o, LATERAL auth.reseal_key_material(o.material, o.sealed_under, 'server key ' || o.name) AS r
    WHERE k.name = o.name AND r.sealed_under IS DISTINCT FROM o.sealed_under;
    RETURN changed;
END
$$;
COMMENT ON FUNCTION auth.seal_signing_keys() IS
'Brings every stored key, those of the server itself included, under the first key of pg_principal.master_key_file: those stored in the clear before it was set, and those under an older master key that the file still lists. Returns how many signing keys changed. 55000 when a key cannot be opened.';

CREATE OR REPLACE FUNCTION auth.list_signing_keys(OUT kid text, OUT alg text, OUT state text, OUT sealed boolean, OUT created_at timestamptz, OUT activated_at timestamptz) RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER
BEGIN ATOMIC
    SELECT k.kid, k.alg, k.state, k.sealed_under IS NOT NULL, k.created_at, k.activated_at
    FROM auth.signing_keys k ORDER BY k.created_at, k.kid;
END;
COMMENT ON FUNCTION auth.list_signing_keys() IS 'Every signing key with its state, oldest first; never its material.';

CREATE OR REPLACE FUNCTION auth.jwks() RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN -- plpgsql keeps the plan
    RETURN jsonb_build_object('keys', coalesce(jsonb_agg(k.public_jwk ORDER BY k.created_at, k.kid), '[]'))
    FROM auth.signing_keys k WHERE k.public_jwk IS NOT NULL AND k.state <> 'revoked';
END
$$;
COMMENT ON FUNCTION auth.jwks() IS
'The JWK Set (RFC 7517) that verifies our tokens elsewhere: public halves of the keys standby, in_use and previously_used. Symmetric keys have none and never appear.';
-- The roster and what becomes of its rows.

CREATE OR REPLACE FUNCTION auth.read_roster(rows jsonb) RETURNS SETOF auth.roster_row
LANGUAGE c IMMUTABLE STRICT AS 'MODULE_PATHNAME', 'pg_principal_read_roster';
COMMENT ON FUNCTION auth.read_roster(jsonb) IS
'Internal: the rows of a JSON array of objects by the rules that need no database; the command line checks files by the same code.';

CREATE OR REPLACE FUNCTION auth.push_people(rows jsonb, OUT imported integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    pushed auth.roster_row[];
    bad integer;
    problems text;
BEGIN
    IF rows IS NULL THEN
        PERFORM auth.raise_error('roster_not_an_array', 'NULL');
    END IF;
    SELECT coalesce(array_agg(r), '{}') INTO pushed FROM auth.read_roster(rows) AS r;
    LOCK TABLE auth.organization_people IN SHARE ROW EXCLUSIVE MODE; -- as auth.provision() will, perhaps in this transaction

    WITH problem (row_number, reason) AS (
        SELECT r.row_number, r.problem FROM unnest(pushed) AS r WHERE r.problem IS NOT NULL
        UNION ALL
        SELECT r.row_number, format('manager_email "%s" is neither on the roster nor among these rows', r.manager_email)
        FROM unnest(pushed) AS r
        WHERE r.manager_email IS NOT NULL
          AND NOT EXISTS (SELECT FROM auth.organization_people o WHERE o.email = r.manager_email)
          AND r.manager_email NOT IN (SELECT p.email FROM unnest(pushed) AS p WHERE p.email IS NOT NULL)
          AND position('@' IN r.manager_email) > 0
        UNION ALL
        SELECT r.row_number, format('github_username "%s" belongs to %s', r.github_username, o.email)
        FROM unnest(pushed) AS r JOIN auth.organization_people o USING (github_username)
        WHERE o.email <> r.email
          AND o.email NOT IN (SELECT p.email FROM unnest(pushed) AS p WHERE p.email IS NOT NULL)
    ), numbered AS (
        SELECT format('row %s: %s', p.row_number, p.reason) AS line,
               row_number() OVER (ORDER BY p.row_number, p.reason) AS n, count(*) OVER () AS total
        FROM problem p
    )
    SELECT max(total), string_agg(line, E'\n' ORDER BY n) FILTER (WHERE n <= 20)
        || CASE WHEN max(total) > 20 THEN format(E'\nand %s more', max(total) - 20) ELSE '' END
    INTO bad, problems FROM numbered;
    IF bad > 0 THEN
        PERFORM auth.raise_error('roster_refused', bad::text, jsonb_array_length(rows)::text, problems);
    END IF;

    INSERT INTO auth.organization_people AS o
        (email, name, github_username, discipline, level, track, manager_email, team, kind)
    SELECT r.email, r.name, r.github_username, r.discipline, r.level, r.track, r.manager_email, r.team, r.kind
    FROM unnest(pushed) AS r
    ON CONFLICT (email) DO UPDATE SET
        name = excluded.name, github_username = excluded.github_username, discipline = excluded.discipline,
        level = excluded.level, track = excluded.track, manager_email = excluded.manager_email,
        team = excluded.team, kind = excluded.kind, updated_at = now()
    WHERE (o.name, o.github_username, o.discipline, o.level, o.track, o.manager_email, o.team, o.kind)
        IS DISTINCT FROM (excluded.name, excluded.github_username, excluded.discipline, excluded.level,
                          excluded.track, excluded.manager_email, excluded.team, excluded.kind);
    imported := cardinality(pushed);
END
$$;
COMMENT ON FUNCTION auth.push_people(jsonb) IS
'Adds and replaces rows of the roster from a JSON array of objects (email, name, github_username, discipline, level, track, manager_email, team, kind: person, human or service_account). All of them or, when one is bad, none: 22023 with each bad row''s number and reason in DETAIL. Never deletes. Returns how many rows were given.';

CREATE OR REPLACE FUNCTION auth.remove_person(email text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    who text := auth.normalise_email(remove_person.email);
    reports bigint;
BEGIN
    LOCK TABLE auth.organization_people IN SHARE ROW EXCLUSIVE MODE; -- as auth.provision() will, perhaps in this transaction
    SELECT count(*) INTO reports FROM auth.organization_people o WHERE o.manager_email = who;
    DELETE FROM auth.organization_people o WHERE o.email = who;
    IF FOUND AND reports > 0 THEN
        RAISE NOTICE '% reports of % have no manager now', reports, who;
    END IF;
    RETURN FOUND;
END
$$;
COMMENT ON FUNCTION auth.remove_person(text) IS
'Takes a row out of the roster; auth.provision() then bans the principal. Its reports stay, without a manager. False when there was no such row; 22023 when it is no email address.';

-- The kind of a principal follows the roster.
CREATE OR REPLACE FUNCTION auth.follow_kind() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM auth.take_hold(u.id) FROM auth.users u WHERE u.email = NEW.email AND u.on_roster;
    UPDATE auth.users u SET kind = NEW.kind, updated_at = now() WHERE u.email = NEW.email AND u.on_roster;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION auth.follow_kind() IS 'Internal: trigger that carries a changed kind from the roster to the principal.';
CREATE OR REPLACE TRIGGER follow_kind AFTER UPDATE ON auth.organization_people
    FOR EACH ROW WHEN (OLD.kind <> NEW.kind) EXECUTE FUNCTION auth.follow_kind();

CREATE OR REPLACE FUNCTION auth.provision_plan(OUT id uuid, OUT email text, OUT name text, OUT kind text, OUT adopted boolean, OUT action text) RETURNS SETOF record
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT u.id, o.email, o.name, o.kind, NOT u.on_roster OR u.kind <> o.kind,
        CASE
            WHEN u.id IS NULL THEN 'create'
            WHEN o.email IS NOT NULL AND u.ban_origin = 'provision' THEN 'restore'
            WHEN o.email IS NOT NULL THEN 'keep'
            WHEN coalesce(u.banned_until > now(), false) THEN 'keep'
            ELSE 'decommission'
        END
    FROM auth.organization_people o FULL JOIN auth.users u ON u.email = o.email
    WHERE o.email IS NOT NULL OR u.on_roster;
END;
COMMENT ON FUNCTION auth.provision_plan() IS
'Internal: what auth.provision() would do with each principal and each row of the roster.';

CREATE OR REPLACE FUNCTION auth.provision(dry_run boolean DEFAULT false, OUT created integer, OUT restored integer, OUT decommissioned integer, OUT unchanged integer) RETURNS record
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    held uuid;
BEGIN
    IF coalesce(dry_run, true) THEN
        SELECT count(*) FILTER (WHERE p.action = 'create'), count(*) FILTER (WHERE p.action = 'restore'),
               count(*) FILTER (WHERE p.action = 'decommission'), count(*) FILTER (WHERE p.action = 'keep')
        INTO created, restored, decommissioned, unchanged FROM auth.provision_plan() p;
        RETURN;
    END IF;
    -- the roster stands still and two runs wait for each other
    LOCK TABLE auth.organization_people IN SHARE ROW EXCLUSIVE MODE;
    LOCK TABLE auth.audit_seals IN SHARE ROW EXCLUSIVE MODE; -- who else locks many chains waits
    -- nobody holds this up by a transaction left open: what is free is taken at once, the rest as a ban takes it
    FOR held IN
        WITH plan AS MATERIALIZED (
            SELECT p.id FROM auth.provision_plan() p WHERE p.id IS NOT NULL AND (p.action IN ('restore', 'decommission') OR p.adopted)
        ), free_users AS MATERIALIZED (
            SELECT u.id FROM auth.users u JOIN plan p ON p.id = u.id FOR NO KEY UPDATE OF u SKIP LOCKED
        ), free AS MATERIALIZED (
            SELECT h.user_id FROM auth.audit_heads h JOIN free_users u ON u.id = h.user_id FOR NO KEY UPDATE OF h SKIP LOCKED
        )
        SELECT p.id FROM plan p WHERE NOT EXISTS (SELECT FROM free f WHERE f.user_id = p.id)
    LOOP
        PERFORM auth.take_hold(held);
    END LOOP;
    WITH plan AS MATERIALIZED (
        SELECT * FROM auth.provision_plan()
    ), made AS (
        INSERT INTO auth.users (email, kind, on_roster, raw_user_meta_data)
        SELECT p.email, p.kind, true, jsonb_build_object('name', p.name) FROM plan p WHERE p.action = 'create'
        RETURNING id, email
    ), audited AS (
        -- what auth.audit() does for one, for all at once: none of them has a chain yet
        SELECT m.id, m.email, clock_timestamp() AS at_time, a.id AS actor_id, a.email AS actor_email, c.ip, c.user_agent,
            CASE WHEN a.id IS NULL THEN jsonb_build_object('databaseRole', session_user) END AS metadata,
            auth.audit_genesis(m.id) AS genesis
        FROM made m, auth.audit_actor() AS a, auth.request_context() AS c
    ), hashed AS MATERIALIZED (
        SELECT e.*, '{"created": {"previous": null, "current": "provisioned"}}'::jsonb AS changes,
            auth.audit_hash(e.id, 1, e.at_time, e.actor_id, e.actor_email, e.email,
                '{"created": {"previous": null, "current": "provisioned"}}', NULL, e.metadata, e.ip, e.user_agent, e.genesis) AS hash
        FROM audited e
    ), logged AS (
        INSERT INTO auth.audit_log (user_id, seq, created_at, actor_id, actor_email, subject, changes, metadata, ip, user_agent,
                                    previous_hash, hash)
        SELECT h.id, 1, h.at_time, h.actor_id, h.actor_email, h.email, h.changes, h.metadata, h.ip, h.user_agent, h.genesis, h.hash
        FROM hashed h
    ), chained AS (
        INSERT INTO auth.audit_heads (user_id, seq, hash) SELECT h.id, 1, h.hash FROM hashed h
    ), changed AS (
        UPDATE auth.users u SET
            on_roster = true,
            kind = coalesce(p.kind, u.kind),
            -- whoever registered the address before the roster named it may be anybody
            self_registered = false,
            encrypted_password = CASE WHEN u.self_registered AND u.email_confirmed_at IS NULL THEN NULL ELSE u.encrypted_password END,
            session_generation = u.session_generation + (u.self_registered AND u.email_confirmed_at IS NULL)::integer,
            banned_until = CASE p.action WHEN 'restore' THEN NULL WHEN 'decommission' THEN now() + interval '100 years' ELSE u.banned_until END,
            ban_origin = CASE p.action WHEN 'restore' THEN NULL WHEN 'decommission' THEN 'provision' ELSE u.ban_origin END,
            ban_reason = CASE p.action WHEN 'restore' THEN NULL WHEN 'decommission' THEN 'not on the roster' ELSE u.ban_reason END,
            updated_at = now()
        FROM plan p
        WHERE u.id = p.id AND (p.action IN ('restore', 'decommission') OR p.adopted)
    )
    SELECT count(*) FILTER (WHERE p.action = 'create'), count(*) FILTER (WHERE p.action = 'restore'),
           count(*) FILTER (WHERE p.action = 'decommission'), count(*) FILTER (WHERE p.action = 'keep')
    INTO created, restored, decommissioned, unchanged FROM plan p;
END
$$;
COMMENT ON FUNCTION auth.provision(boolean) IS
'Brings auth.users in line with the roster: creates a principal for each new row, bans (for 100 years) those whose row is gone, and restores, under the same id, those whose row came back. A ban that somebody made by hand stays; users that never were on the roster are left alone. A principal that registered by itself (pg_principal.registration = open) and is named by the roster now keeps its id, and loses its password and sessions unless its email was confirmed. With dry_run (NULL counts as true) it counts and changes nothing.';
-- Minting, sessions, bans.

CREATE OR REPLACE FUNCTION auth.parse_ttl(ttl text) RETURNS bigint
LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pg_principal_parse_ttl';
COMMENT ON FUNCTION auth.parse_ttl(text) IS
'Seconds in a time to live: a whole number above zero and h, d or y (1y = 365d = 8760h). 22023 for anything else and for more than pg_principal.max_token_ttl.';

CREATE OR REPLACE FUNCTION auth.sign_token(claims jsonb) RETURNS text
LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'pg_principal_sign_token';
COMMENT ON FUNCTION auth.sign_token(jsonb) IS
'Internal: the claims as a JWT (RFC 7519) under the key in use. 55000 when there is none. Whoever may call this may be anybody.';

CREATE OR REPLACE FUNCTION auth.mint_token(
    principal auth.users, role text, session_id uuid, issued_at bigint, ttl_seconds bigint, scopes text, method text, signed_in_at bigint) RETURNS text
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'pg_principal_mint_token';
COMMENT ON FUNCTION auth.mint_token(auth.users, text, uuid, bigint, bigint, text, text, bigint) IS
'Internal: a token with Supabase''s claims for a session that is there; scopes separated by spaces, times in seconds since 1970. The principal is NULL for a project key.';

CREATE OR REPLACE FUNCTION auth.open_session(
    principal auth.users, role text, ttl_seconds bigint, label text, scopes text[],
    OUT token text, OUT session_id uuid, OUT expires_at timestamptz) RETURNS record
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    issued_at bigint := floor(extract(epoch FROM clock_timestamp()));
BEGIN
    IF octet_length(label) > 255 THEN
        PERFORM auth.raise_error('label_too_long', octet_length(label)::text);
    END IF;
    PERFORM auth.raise_error('scope_malformed', coalesce(s, 'NULL'))
    FROM unnest(scopes) AS s WHERE (s ~ '^[]!#-[^-~]{1,255}$') IS NOT TRUE LIMIT 1;
    session_id := gen_random_uuid();
    expires_at := to_timestamp(issued_at + ttl_seconds);
    INSERT INTO auth.sessions (id, user_id, role, generation, label, scopes, created_at, expires_at)
    VALUES (session_id, principal.id, role, coalesce(principal.session_generation, 0), label, scopes, clock_timestamp(), expires_at);
    token := auth.mint_token(principal, role, session_id, issued_at, ttl_seconds, array_to_string(scopes, ' '), 'issued', issued_at);
    PERFORM auth.audit(coalesce(principal.id, auth.nobody()), principal.email,
        '{"token": {"previous": null, "current": "issued"}}', NULL,
        jsonb_strip_nulls(jsonb_build_object('sessionId', session_id, 'role', role, 'label', label, 'scopes', scopes,
            'expiresAt', auth.iso_time(expires_at))));
END
$$;
COMMENT ON FUNCTION auth.open_session(auth.users, text, bigint, text, text[]) IS
'Internal: a session with the one token that is issued for it, and the audit entry of both. The principal is NULL for a project key.';

CREATE OR REPLACE FUNCTION auth.issue_token(
    INOUT email text, ttl text DEFAULT '8760h', label text DEFAULT NULL, scopes text[] DEFAULT NULL,
    OUT token text, OUT session_id uuid, OUT kind text, OUT ttl_seconds bigint, OUT expires_at timestamptz) RETURNS record
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    principal auth.users;
BEGIN
    IF btrim(coalesce(email, '')) = '' THEN
        PERFORM auth.raise_error('email_missing');
    END IF;
    ttl_seconds := auth.parse_ttl(coalesce(ttl, ''));
    IF NOT EXISTS (SELECT FROM auth.signing_keys k WHERE k.state = 'in_use') THEN
        PERFORM auth.raise_error('token_not_signed');
    END IF;
    email := auth.normalise_email(email);
    IF NOT EXISTS (SELECT FROM auth.organization_people o WHERE o.email = issue_token.email) THEN
        PERFORM auth.raise_error('roster_row_missing', email);
    END IF;
    SELECT * INTO principal FROM auth.users u WHERE u.email = issue_token.email;
    IF NOT FOUND THEN
        PERFORM auth.raise_error('user_missing', email);
    ELSIF principal.banned_until > now() THEN
        PERFORM auth.raise_error('user_banned', email, to_char(principal.banned_until AT TIME ZONE 'UTC', 'YYYY-MM-DD'));
    END IF;
    kind := principal.kind;
    SELECT s.token, s.session_id, s.expires_at INTO token, session_id, expires_at
    FROM auth.open_session(principal, 'authenticated', ttl_seconds, label, scopes) AS s;
END
$$;
COMMENT ON FUNCTION auth.issue_token(text, text, text, text[]) IS
'Mints a token for a principal on the roster and tells what auth.issue() does not: its session, kind, seconds to live and end. Refused, in this order: no email (22023), bad ttl (22023), no signing key (55000), no roster row (42704), no auth.users row (42704), banned (55000).';

CREATE OR REPLACE FUNCTION auth.issue(email text, ttl text DEFAULT '8760h', label text DEFAULT NULL, scopes text[] DEFAULT NULL) RETURNS text
LANGUAGE sql SECURITY DEFINER
BEGIN ATOMIC
    SELECT t.token FROM auth.issue_token(issue.email, issue.ttl, issue.label, issue.scopes) AS t;
END;
COMMENT ON FUNCTION auth.issue(text, text, text, text[]) IS
'Mints a JWT (RFC 7519) for a principal on the roster. ttl: 24h, 90d, 1y, at most pg_principal.max_token_ttl; label: what the operator will know the session by; scopes: what auth.has_scope() answers true to. Errors as auth.issue_token().';

CREATE OR REPLACE FUNCTION auth.issue_key(
    role text, ttl text DEFAULT '8760h', label text DEFAULT NULL,
    OUT email text, OUT token text, OUT session_id uuid, OUT kind text, OUT ttl_seconds bigint, OUT expires_at timestamptz) RETURNS record
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF role IS NULL OR role NOT IN ('anon', 'service_role') THEN
        PERFORM auth.raise_error('key_role_unknown', coalesce(role, 'NULL'));
    END IF;
    ttl_seconds := auth.parse_ttl(coalesce(ttl, ''));
    kind := role;
    SELECT s.token, s.session_id, s.expires_at INTO token, session_id, expires_at
    FROM auth.open_session(NULL, role, ttl_seconds, label, NULL) AS s;
END
$$;
COMMENT ON FUNCTION auth.issue_key(text, text, text) IS
'Mints a project key: a token for the role anon or service_role, of no principal, listed (auth.list_sessions(NULL)) and revoked like any other.';

CREATE OR REPLACE FUNCTION auth.session_state(s auth.sessions, session_generation integer, banned_until timestamptz, r auth.refresh_tokens) RETURNS text
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT CASE
        WHEN (session_state.s).revoked_at IS NOT NULL THEN coalesce((session_state.s).revoked_as, 'revoked')
        WHEN session_state.session_generation <> (session_state.s).generation OR session_state.banned_until > clock_timestamp() THEN 'banned'
        WHEN least((session_state.s).expires_at, (session_state.r).expires_at) <= clock_timestamp() THEN 'expired'
        ELSE 'live'
    END;
END;
COMMENT ON FUNCTION auth.session_state(auth.sessions, integer, timestamptz, auth.refresh_tokens) IS
'Internal: live, or what ended a session; given its principal''s generation and ban, and its refresh token if it has one.';

CREATE OR REPLACE FUNCTION auth.list_sessions(
    email text, OUT id uuid, OUT label text, OUT scopes text[], OUT role text, OUT created_at timestamptz, OUT expires_at timestamptz,
    OUT revoked_at timestamptz, OUT revoke_reason text, OUT state text, OUT origin text, OUT last_used_at timestamptz, OUT ip text,
    OUT user_agent text) RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER
BEGIN ATOMIC
    SELECT s.id, s.label, s.scopes, s.role, s.created_at, least(s.expires_at, r.expires_at), s.revoked_at, s.revoke_reason,
        auth.session_state(s, u.session_generation, u.banned_until, r), s.origin,
        greatest(s.last_used_at, CASE WHEN r.generation > 1 THEN r.created_at END), s.ip, s.user_agent
    FROM auth.sessions s LEFT JOIN auth.users u ON u.id = s.user_id LEFT JOIN auth.refresh_tokens r ON r.session_id = s.id
    WHERE (u.email = lower(btrim(list_sessions.email) COLLATE "C"))
       OR (list_sessions.email IS NULL AND s.user_id IS NULL)
    ORDER BY s.created_at, s.id;
END;
COMMENT ON FUNCTION auth.list_sessions(text) IS
'The sessions of a principal, or with NULL those of the project keys, oldest first. state: live, expired, banned (ended by a ban, lifted or not), revoked, signed_out, password_rotated, or reuse (a used refresh token was shown again). origin: issued, or sign_in, whose expires_at moves with each refresh.';

CREATE OR REPLACE FUNCTION auth.row_holders(tbl regclass, "row" tid) RETURNS SETOF integer
LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'pg_principal_row_holders';
COMMENT ON FUNCTION auth.row_holders(regclass, tid) IS 'Internal: other backends whose open transactions hold a row of a table.';

CREATE OR REPLACE FUNCTION auth.lock_holders(target uuid, all_rows boolean, open_since timestamptz) RETURNS SETOF integer
LANGUAGE sql VOLATILE
BEGIN ATOMIC
    SELECT DISTINCT h.pid
    FROM (SELECT 'auth.users'::regclass AS tbl, u.ctid FROM auth.users u WHERE u.id = lock_holders.target
          UNION ALL SELECT 'auth.sign_in_attempts', t.ctid FROM auth.sign_in_attempts t
              WHERE t.user_id = lock_holders.target AND lock_holders.all_rows
          UNION ALL SELECT 'auth.refresh_tokens', r.ctid FROM auth.refresh_tokens r JOIN auth.sessions s ON s.id = r.session_id
              WHERE s.user_id = lock_holders.target AND lock_holders.all_rows
          UNION ALL SELECT 'auth.audit_heads', d.ctid FROM auth.audit_heads d WHERE d.user_id = lock_holders.target
          UNION ALL SELECT 'auth.sessions', s.ctid FROM auth.sessions s WHERE s.user_id = lock_holders.target) AS x,
        LATERAL auth.row_holders(x.tbl, x.ctid) AS h (pid)
        JOIN pg_stat_activity a ON a.pid = h.pid JOIN pg_roles o ON o.oid = a.usesysid
    WHERE NOT o.rolsuper AND (a.xact_start > lock_holders.open_since) IS NOT TRUE;
END;
COMMENT ON FUNCTION auth.lock_holders(uuid, boolean, timestamptz) IS
'Internal: backends of roles that are no superuser whose transactions, open since then or longer, hold rows of a principal; all_rows: or of its counted sign-ins and refresh tokens.';

CREATE OR REPLACE FUNCTION auth.take_hold(target uuid, all_rows boolean DEFAULT false) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    callers_timeout text := current_setting('lock_timeout');
    began timestamptz := clock_timestamp();
    patience interval := '1 second';
    is_circle boolean;
    holder integer;
BEGIN
    LOOP
        BEGIN
            -- in the line, not past it: among many who come and go, a turn comes
            PERFORM set_config('lock_timeout', (1000 * extract(epoch FROM patience))::integer::text, true);
            PERFORM FROM auth.sign_in_attempts a WHERE all_rows AND a.user_id = target ORDER BY a.source FOR UPDATE;
            PERFORM FROM auth.users u WHERE u.id = target FOR NO KEY UPDATE;
            PERFORM FROM auth.refresh_tokens r JOIN auth.sessions s ON s.id = r.session_id
            WHERE all_rows AND s.user_id = target ORDER BY r.session_id FOR UPDATE OF r;
            PERFORM FROM auth.audit_heads h WHERE h.user_id = target FOR NO KEY UPDATE;
            PERFORM FROM auth.sessions s WHERE s.user_id = target AND s.revoked_at IS NULL ORDER BY s.id FOR NO KEY UPDATE;
            PERFORM set_config('lock_timeout', callers_timeout, true);
            RETURN;
        EXCEPTION
            WHEN lock_not_available THEN is_circle := false;
            WHEN deadlock_detected THEN is_circle := true;
        END;
        FOR holder IN
            SELECT h FROM auth.lock_holders(target, all_rows,
                CASE WHEN is_circle THEN 'infinity' ELSE clock_timestamp() - interval '1 second' END) AS h
        LOOP
            PERFORM pg_terminate_backend(holder);
            RAISE NOTICE 'ended backend %, whose open transaction held up the end of a principal''s sessions', holder;
        END LOOP;
        IF NOT FOUND THEN
            -- a superuser's are waited for, and whoever came only now
            IF is_circle THEN
                RAISE deadlock_detected USING MESSAGE = 'deadlock detected';
            ELSIF callers_timeout <> '0' AND clock_timestamp() - began > callers_timeout::interval THEN
                RAISE lock_not_available USING MESSAGE = 'canceling statement due to lock timeout';
            END IF;
            patience := interval '1 second' + current_setting('deadlock_timeout')::interval; -- long enough to see a circle
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION auth.take_hold(uuid, boolean) IS
'Internal: locks a principal, its audit and its sessions. Nobody holds up their own ban by a transaction left open: after a second the backends whose transactions are older than that and hold any of them are ended, unless a superuser''s. all_rows: its counted sign-ins and refresh tokens, too, for who deletes them. Others leave them: a sign-in holds the former while it waits for the principal.';

CREATE OR REPLACE FUNCTION auth.revoke_session(id uuid, reason text DEFAULT NULL) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    owner_id uuid;
    owner_email text;
    actor record := auth.audit_actor(); -- now: the session may be the caller's own
BEGIN
    -- before sessions, in the order of who changes a password
    PERFORM auth.take_hold(s.user_id) FROM auth.sessions s WHERE s.id = revoke_session.id AND s.revoked_at IS NULL;
    UPDATE auth.sessions s SET revoked_at = clock_timestamp(), revoked_as = 'revoked', revoke_reason = reason
    WHERE s.id = revoke_session.id AND s.revoked_at IS NULL RETURNING s.user_id INTO owner_id;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    SELECT u.email INTO owner_email FROM auth.users u WHERE u.id = owner_id;
    IF actor.id IS NULL THEN
        PERFORM auth.audit(coalesce(owner_id, auth.nobody()), owner_email,
            '{"session": {"previous": "active", "current": "revoked"}}', reason, jsonb_build_object('sessionId', revoke_session.id));
    ELSE
        PERFORM auth.audit_as(actor.id, actor.email, coalesce(owner_id, auth.nobody()), owner_email,
            '{"session": {"previous": "active", "current": "revoked"}}', reason, jsonb_build_object('sessionId', revoke_session.id));
    END IF;
    RETURN true;
END
$$;
COMMENT ON FUNCTION auth.revoke_session(uuid, text) IS
'Ends one session and its tokens at the next statement everywhere. False when there is none, or it was ended before.';

CREATE OR REPLACE FUNCTION auth.ban(email text, duration interval DEFAULT '100 years', reason text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF duration IS NULL OR duration <= interval '0' THEN
        PERFORM auth.raise_error('ban_duration_invalid', coalesce(duration::text, 'NULL'));
    END IF;
    PERFORM auth.take_hold(u.id) FROM auth.users u WHERE u.email = auth.normalise_email(ban.email);
    UPDATE auth.users u
    SET banned_until = clock_timestamp() + duration, ban_origin = 'operator', ban_reason = reason, updated_at = now()
    WHERE u.email = auth.normalise_email(ban.email);
    IF NOT FOUND THEN
        PERFORM auth.raise_error('user_missing', coalesce(ban.email, 'NULL'));
    END IF;
END
$$;
COMMENT ON FUNCTION auth.ban(text, interval, text) IS
'Refuses the principal for that long, and ends every token it has for good, at the next statement everywhere. Who holds up the ban by an open transaction, unless a superuser, is disconnected after a second. 42704 when there is no such principal, 22023 when duration is not above zero.';

CREATE OR REPLACE FUNCTION auth.unban(email text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE auth.users u SET banned_until = NULL, updated_at = now()
    WHERE u.email = auth.normalise_email(unban.email);
    IF NOT FOUND THEN
        PERFORM auth.raise_error('user_missing', coalesce(unban.email, 'NULL'));
    END IF;
END
$$;
COMMENT ON FUNCTION auth.unban(text) IS
'Lifts a ban, whoever made it. New tokens can be minted; those from before the ban stay dead. 42704 when there is no such principal.';
-- The audit: one hash chain for each principal, and the counters that go with it.

CREATE OR REPLACE FUNCTION auth.nobody() RETURNS uuid
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT '00000000-0000-0000-0000-000000000000'::uuid;
END;
COMMENT ON FUNCTION auth.nobody() IS 'Internal: whose audit chain holds what happened to no known principal.';

CREATE OR REPLACE FUNCTION auth.audit_itself() RETURNS uuid
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid;
END;
COMMENT ON FUNCTION auth.audit_itself() IS 'Internal: whose audit chain tells of seals and prunings; it is never pruned.';

CREATE OR REPLACE FUNCTION auth.audit_genesis(user_id uuid) RETURNS bytea
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pg_principal_audit_genesis';
COMMENT ON FUNCTION auth.audit_genesis(uuid) IS 'Internal: what the first entry of a chain is linked to.';

CREATE OR REPLACE FUNCTION auth.audit_hash(
    user_id uuid, seq bigint, created_at timestamptz, actor_id uuid, actor_email text, subject text, changes jsonb,
    reason text, metadata jsonb, ip text, user_agent text, previous_hash bytea) RETURNS bytea
LANGUAGE c IMMUTABLE PARALLEL SAFE COST 10 AS 'MODULE_PATHNAME', 'pg_principal_audit_hash';
COMMENT ON FUNCTION auth.audit_hash(uuid, bigint, timestamptz, uuid, text, text, jsonb, text, jsonb, text, text, bytea) IS
'Internal: SHA-256 of an entry and the hash before it. NULL where an entry cannot have one.';

CREATE OR REPLACE FUNCTION auth.request_context(OUT ip text, OUT user_agent text) RETURNS record
LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'pg_principal_request_context';
COMMENT ON FUNCTION auth.request_context() IS
'Internal: address and user agent out of pg_principal.request_context; NULL for what is missing or malformed.';

CREATE OR REPLACE FUNCTION auth.audit_actor(OUT id uuid, OUT email text, OUT project_key uuid) RETURNS record
LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'pg_principal_audit_actor';
COMMENT ON FUNCTION auth.audit_actor() IS 'Internal: the caller where a live token is bound, or the session of a project key, else NULLs.';

CREATE OR REPLACE FUNCTION auth.log_event(event jsonb) RETURNS void
LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'pg_principal_log_event';
COMMENT ON FUNCTION auth.log_event(jsonb) IS 'Internal: one line of JSON in the server log, without the statement.';

CREATE OR REPLACE FUNCTION auth.set_request_context(context jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF jsonb_typeof(context) <> 'null' THEN
        IF jsonb_typeof(context) <> 'object' THEN
            PERFORM auth.raise_error('context_malformed', jsonb_typeof(context));
        END IF;
        PERFORM set_config('pg_principal.request_context', context::text, true);
    END IF;
END
$$;
COMMENT ON FUNCTION auth.set_request_context(jsonb) IS
'Internal: what the audit tells of the request, for the rest of the transaction. NULL leaves what was set. 22023 when it is no object.';

CREATE OR REPLACE FUNCTION auth.count_up(name text, label text DEFAULT '', by bigint DEFAULT 1) RETURNS void
LANGUAGE sql
BEGIN ATOMIC
    -- A shard that nobody holds, else a new one: whoever leaves a transaction open holds up no other's count.
    WITH free AS (
        SELECT m.shard FROM auth.metrics m WHERE m.name = count_up.name AND m.label = count_up.label
        LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED
    ), counted AS (
        UPDATE auth.metrics m SET value = m.value + count_up.by, updated_at = clock_timestamp() FROM free f
        WHERE m.name = count_up.name AND m.label = count_up.label AND m.shard = f.shard RETURNING m.shard
    )
    INSERT INTO auth.metrics AS m (name, label, shard, value, updated_at)
    SELECT count_up.name, count_up.label, (random() * 32767)::smallint, count_up.by, clock_timestamp()
    WHERE NOT EXISTS (SELECT FROM counted)
    ON CONFLICT (name, label, shard) DO UPDATE SET value = m.value + excluded.value, updated_at = excluded.updated_at;
END;
COMMENT ON FUNCTION auth.count_up(text, text, bigint) IS 'Internal: adds to a counter of auth.metrics.';

CREATE OR REPLACE FUNCTION auth.set_gauge(name text, label text, value bigint) RETURNS void
LANGUAGE sql
BEGIN ATOMIC
    INSERT INTO auth.metrics AS m (name, label, shard, kind, value, updated_at)
    VALUES (set_gauge.name, set_gauge.label, 0, 'gauge', set_gauge.value, clock_timestamp())
    ON CONFLICT (name, label, shard) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at;
END;
COMMENT ON FUNCTION auth.set_gauge(text, text, bigint) IS 'Internal: sets a gauge of auth.metrics.';

CREATE OR REPLACE FUNCTION auth.read_metrics(OUT name text, OUT label text, OUT kind text, OUT value bigint, OUT updated_at timestamptz) RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER
BEGIN ATOMIC
    SELECT m.name, m.label, m.kind, sum(m.value)::bigint, max(m.updated_at)
    FROM auth.metrics m GROUP BY m.name, m.label, m.kind ORDER BY m.name, m.label;
END;
COMMENT ON FUNCTION auth.read_metrics() IS
'Every counter and gauge: refusals by reason (auth.refresh.failures, auth.sign_in.failures), reported ones (agent.refresh.failures), suppressed audit entries, and what the last health scan found. They survive a restart.';

CREATE OR REPLACE FUNCTION auth.lock_audit_head(user_id uuid) RETURNS auth.audit_heads
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    head auth.audit_heads;
BEGIN
    LOOP
        SELECT * INTO head FROM auth.audit_heads h WHERE h.user_id = lock_audit_head.user_id FOR NO KEY UPDATE;
        EXIT WHEN FOUND;
        INSERT INTO auth.audit_heads (user_id, hash)
        VALUES (lock_audit_head.user_id, auth.audit_genesis(lock_audit_head.user_id)) ON CONFLICT DO NOTHING;
    END LOOP;
    RETURN head;
END
$$;
COMMENT ON FUNCTION auth.lock_audit_head(uuid) IS 'Internal: how far a principal''s chain has got; its other writers wait until this transaction ends.';

CREATE OR REPLACE FUNCTION auth.audit_as(
    actor_id uuid, actor_email text, user_id uuid, subject text, changes jsonb, reason text DEFAULT NULL, metadata jsonb DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    head auth.audit_heads := auth.lock_audit_head(user_id);
    at_time timestamptz := clock_timestamp();
    request record := auth.request_context();
    new_hash bytea;
BEGIN
    new_hash := auth.audit_hash(user_id, head.seq + 1, at_time, actor_id, actor_email, subject, changes, reason, metadata,
                                request.ip, request.user_agent, head.hash);
    INSERT INTO auth.audit_log (user_id, seq, created_at, actor_id, actor_email, subject, changes, reason, metadata,
                                ip, user_agent, previous_hash, hash)
    VALUES (audit_as.user_id, head.seq + 1, at_time, audit_as.actor_id, audit_as.actor_email, audit_as.subject,
            audit_as.changes, audit_as.reason, audit_as.metadata, request.ip, request.user_agent, head.hash, new_hash);
    UPDATE auth.audit_heads h SET seq = head.seq + 1, hash = new_hash WHERE h.user_id = audit_as.user_id;
    RETURN head.seq + 1;
END
$$;
COMMENT ON FUNCTION auth.audit_as(uuid, text, uuid, text, jsonb, text, jsonb) IS
'Internal: appends an entry to a principal''s chain and returns its number. The actor is who is proven to have done it, or NULL.';

CREATE OR REPLACE FUNCTION auth.audit(user_id uuid, subject text, changes jsonb, reason text DEFAULT NULL, metadata jsonb DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    actor record := auth.audit_actor();
BEGIN
    IF actor.id IS NULL THEN
        metadata := coalesce(metadata, '{}') || jsonb_strip_nulls(
            jsonb_build_object('databaseRole', session_user, 'projectKey', actor.project_key));
    END IF;
    RETURN auth.audit_as(actor.id, actor.email, user_id, subject, changes, reason, metadata);
END
$$;
COMMENT ON FUNCTION auth.audit(uuid, text, jsonb, text, jsonb) IS
'Internal: the same by the caller: the principal whose token is bound, else the database role and, where there is one, the project key.';

CREATE OR REPLACE FUNCTION auth.audit_failure(
    user_id uuid, subject text, changes jsonb, reason text, metadata jsonb, proven boolean DEFAULT false, unbounded boolean DEFAULT false) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    allowed integer := current_setting('pg_principal.max_failure_entries');
    this_hour timestamptz := date_trunc('hour', clock_timestamp(), 'UTC');
    head auth.audit_heads;
BEGIN
    -- All strangers share one chain: once its hour is full they do not even wait for each other.
    IF user_id = auth.nobody() AND EXISTS (
        SELECT FROM auth.audit_heads h WHERE h.user_id = auth.nobody() AND h.failure_hour = this_hour AND h.failures >= allowed) THEN
        PERFORM auth.count_up('auth.audit.suppressed');
        RETURN false;
    END IF;
    head := auth.lock_audit_head(user_id);
    IF head.failure_hour IS DISTINCT FROM this_hour THEN
        head.failures := 0;
        head.proven_failures := 0;
    END IF;
    IF NOT unbounded AND (CASE WHEN proven THEN head.proven_failures ELSE head.failures END) >= allowed THEN
        UPDATE auth.audit_heads h SET suppressed = h.suppressed + 1 WHERE h.user_id = audit_failure.user_id;
        PERFORM auth.count_up('auth.audit.suppressed');
        RETURN false;
    END IF;
    PERFORM auth.audit_as(NULL, NULL, user_id, subject, changes, reason, metadata);
    UPDATE auth.audit_heads h SET failure_hour = this_hour,
        failures = head.failures + CASE WHEN proven THEN 0 ELSE 1 END,
        proven_failures = head.proven_failures + CASE WHEN proven THEN 1 ELSE 0 END
    WHERE h.user_id = audit_failure.user_id;
    RETURN true;
END
$$;
COMMENT ON FUNCTION auth.audit_failure(uuid, text, jsonb, text, jsonb, boolean, boolean) IS
'Internal: appends the entry of a refusal, or only counts it and returns false when this principal had pg_principal.max_failure_entries of its sort within the hour. proven: it was refused to the holder of a real refresh token; unbounded: it ended a session, which none does twice.';

-- Changes of a principal are audited whoever makes them and however. What is created is audited by
-- who creates it: a restore copies rows in, and must not audit them again.
CREATE OR REPLACE FUNCTION auth.audit_principal() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    changes jsonb;
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        PERFORM auth.audit(auth.nobody(), NULL, '{"principals": {"previous": null, "current": "truncated"}}');
        RETURN NULL;
    ELSIF TG_OP = 'DELETE' THEN
        PERFORM auth.audit(OLD.id, OLD.email, '{"deleted": {"previous": null, "current": "deleted"}}');
        RETURN NULL;
    END IF;
    SELECT jsonb_object_agg(f.field, jsonb_build_object('previous', f.previous, 'current', f.current)) INTO changes
    FROM (VALUES
        ('email', to_jsonb(OLD.email), to_jsonb(NEW.email)),
        ('kind', to_jsonb(OLD.kind), to_jsonb(NEW.kind)),
        ('role', to_jsonb(OLD.app_role), to_jsonb(NEW.app_role)),
        ('firstName', to_jsonb(OLD.first_name), to_jsonb(NEW.first_name)),
        ('lastName', to_jsonb(OLD.last_name), to_jsonb(NEW.last_name)),
        ('jobTitle', to_jsonb(OLD.job_title), to_jsonb(NEW.job_title)),
        ('phoneNumber', to_jsonb(OLD.phone_number), to_jsonb(NEW.phone_number)),
        ('bannedUntil', to_jsonb(OLD.banned_until), to_jsonb(NEW.banned_until)),
        ('userMetadata', OLD.raw_user_meta_data, NEW.raw_user_meta_data),
        ('appMetadata', OLD.raw_app_meta_data, NEW.raw_app_meta_data)) AS f (field, previous, current)
    WHERE f.previous IS DISTINCT FROM f.current;
    IF OLD.encrypted_password IS DISTINCT FROM NEW.encrypted_password THEN
        changes := coalesce(changes, '{}') || CASE
            WHEN OLD.password_changed_at IS DISTINCT FROM NEW.password_changed_at
                THEN '{"password": {"previous": "updated", "current": "updated"}}'::jsonb
            ELSE jsonb_build_object('passwordHash', jsonb_build_object(
                'previous', split_part(OLD.encrypted_password, '$', 2), 'current', split_part(NEW.encrypted_password, '$', 2)))
        END;
    END IF;
    PERFORM auth.audit(NEW.id, NEW.email, changes,
        CASE WHEN OLD.banned_until IS DISTINCT FROM NEW.banned_until THEN NEW.ban_reason END);
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION auth.audit_principal() IS 'Internal: trigger that audits changed fields and deletion of a principal.';
CREATE OR REPLACE TRIGGER audit_update AFTER UPDATE ON auth.users
    FOR EACH ROW WHEN ((OLD.email, OLD.kind, OLD.app_role, OLD.first_name, OLD.last_name, OLD.job_title, OLD.phone_number,
            OLD.banned_until, OLD.raw_user_meta_data, OLD.raw_app_meta_data, OLD.encrypted_password)
        IS DISTINCT FROM (NEW.email, NEW.kind, NEW.app_role, NEW.first_name, NEW.last_name, NEW.job_title, NEW.phone_number,
            NEW.banned_until, NEW.raw_user_meta_data, NEW.raw_app_meta_data, NEW.encrypted_password))
    EXECUTE FUNCTION auth.audit_principal();
CREATE OR REPLACE TRIGGER audit_delete AFTER DELETE ON auth.users
    FOR EACH ROW EXECUTE FUNCTION auth.audit_principal();

CREATE OR REPLACE TRIGGER audit_truncate AFTER TRUNCATE ON auth.users
    FOR EACH STATEMENT EXECUTE FUNCTION auth.audit_principal();

CREATE OR REPLACE FUNCTION auth.keep_audit() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM auth.raise_error('audit_append_only');
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION auth.keep_audit() IS
'Internal: trigger against accidents. Who may switch it off is caught by auth.audit_verify().';
CREATE OR REPLACE TRIGGER keep_audit BEFORE UPDATE OR DELETE OR TRUNCATE ON auth.audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION auth.keep_audit();

DROP POLICY IF EXISTS own_entries ON auth.audit_log;
CREATE POLICY own_entries ON auth.audit_log FOR SELECT
    USING (user_id = (SELECT auth.uid()) OR (SELECT auth.has_role('AUDITOR', 'ADMIN')));

CREATE OR REPLACE FUNCTION auth.require_role(VARIADIC roles text[] DEFAULT '{}') RETURNS uuid
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    caller uuid := auth.uid();
BEGIN
    IF caller IS NULL AND 'ADMIN' = ANY (roles) AND auth.role() = 'service_role' THEN
        RETURN NULL;
    ELSIF caller IS NULL THEN
        PERFORM auth.raise_error('authentication_required');
    ELSIF cardinality(roles) > 0 AND NOT auth.has_role(VARIADIC roles) THEN
        PERFORM auth.raise_error('role_required', array_to_string(roles, ' or '));
    END IF;
    RETURN caller;
END
$$;
COMMENT ON FUNCTION auth.require_role(text[]) IS
'Internal: the calling principal; NULL for the project key service_role, which counts as ADMIN where app roles are named. 28000 without a live token, 42501 without one of these app roles (none named: any will do, and no key).';

CREATE OR REPLACE FUNCTION auth.audits(
    entries integer DEFAULT 20, cursor text DEFAULT NULL, of_user uuid DEFAULT NULL, everyone boolean DEFAULT false,
    OUT id uuid, OUT user_id uuid, OUT actor_id uuid, OUT actor_email text, OUT actor_name text, OUT changes jsonb,
    OUT reason text, OUT metadata jsonb, OUT ip text, OUT user_agent text, OUT created_at timestamptz, OUT next_cursor text) RETURNS SETOF record
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    caller uuid := auth.uid();
    whose uuid := CASE WHEN everyone THEN NULL ELSE coalesce(of_user, caller) END;
    after text[] := regexp_match(cursor, '^(-?\d{1,17})\.([0-9a-f-]{36})\.(\d{1,18})$');
    after_time timestamptz;
    after_user uuid;
    after_seq bigint;
BEGIN
    IF everyone OR of_user <> caller OR caller IS NULL AND of_user IS NOT NULL THEN
        PERFORM auth.require_role('AUDITOR', 'ADMIN');
    ELSE
        PERFORM auth.require_role();
    END IF;
    IF entries IS NULL OR entries NOT BETWEEN 1 AND 100 THEN
        PERFORM auth.raise_error('page_invalid', 'the number of entries', '1', '100', coalesce(entries::text, 'NULL'));
    ELSIF cursor IS NOT NULL AND (after IS NULL OR after[2] !~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$') THEN
        PERFORM auth.raise_error('cursor_malformed');
    ELSIF cursor IS NOT NULL THEN
        after_time := 'epoch'::timestamptz + after[1]::bigint * interval '1 microsecond';
        after_user := after[2];
        after_seq := after[3];
    END IF;
    -- Two queries rather than one that serves both: each keeps its plan.
    IF whose IS NOT NULL THEN
        RETURN QUERY
        SELECT encode(substr(l.hash, 1, 16), 'hex')::uuid, l.user_id, l.actor_id, l.actor_email,
            nullif(concat_ws(' ', a.first_name, a.last_name), ''), l.changes, l.reason, l.metadata, l.ip, l.user_agent, l.created_at,
            format('%s.%s.%s', (extract(epoch FROM l.created_at) * 1000000)::bigint, l.user_id, l.seq)
        FROM (SELECT * FROM auth.audit_log o WHERE o.user_id = whose AND o.seq < coalesce(after_seq, 9223372036854775807)
              ORDER BY o.seq DESC LIMIT entries) AS l
        LEFT JOIN auth.users a ON a.id = l.actor_id
        ORDER BY l.seq DESC;
    ELSE
        RETURN QUERY
        SELECT encode(substr(l.hash, 1, 16), 'hex')::uuid, l.user_id, l.actor_id, l.actor_email,
            nullif(concat_ws(' ', a.first_name, a.last_name), ''), l.changes, l.reason, l.metadata, l.ip, l.user_agent, l.created_at,
            format('%s.%s.%s', (extract(epoch FROM l.created_at) * 1000000)::bigint, l.user_id, l.seq)
        FROM (SELECT * FROM auth.audit_log o
              WHERE cursor IS NULL OR (o.created_at, o.user_id, o.seq) < (after_time, after_user, after_seq)
              ORDER BY o.created_at DESC, o.user_id DESC, o.seq DESC LIMIT entries) AS l
        LEFT JOIN auth.users a ON a.id = l.actor_id
        ORDER BY l.created_at DESC, l.user_id DESC, l.seq DESC;
    END IF;
END
$$;
COMMENT ON FUNCTION auth.audits(integer, text, uuid, boolean) IS
'The audit, newest entry first: the caller''s own, that of another principal (of_user) or of all (everyone), the latter two for AUDITOR, ADMIN and the project key service_role. entries: 1 to 100; cursor: next_cursor of the last entry seen. 28000 without a live token, 42501 for another''s audit, 22023 for a bad number or cursor.';

CREATE OR REPLACE FUNCTION auth.fold_chain_head(state bytea, user_id uuid, seq bigint, hash bytea) RETURNS bytea
LANGUAGE c IMMUTABLE AS 'MODULE_PATHNAME', 'pg_principal_fold_chain_head';
COMMENT ON FUNCTION auth.fold_chain_head(bytea, uuid, bigint, bytea) IS 'Internal: one more chain head in the digest of a seal.';
CREATE OR REPLACE AGGREGATE auth.fold_chain_heads(uuid, bigint, bytea) (SFUNC = auth.fold_chain_head, STYPE = bytea);
COMMENT ON AGGREGATE auth.fold_chain_heads(uuid, bigint, bytea) IS 'Internal: chain heads, ordered by principal, in one hash.';
CREATE OR REPLACE FUNCTION auth.seal_digest(previous_digest bytea, state bytea, chains bigint) RETURNS bytea
LANGUAGE c IMMUTABLE AS 'MODULE_PATHNAME', 'pg_principal_seal_digest';
COMMENT ON FUNCTION auth.seal_digest(bytea, bytea, bigint) IS 'Internal: what a seal signs; covers the seal before it.';
CREATE OR REPLACE FUNCTION auth.read_seal(seal text) RETURNS jsonb
LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'pg_principal_read_seal';
COMMENT ON FUNCTION auth.read_seal(text) IS 'Internal: the claims of a seal; NULL when none of our keys that still verify has signed it.';

CREATE OR REPLACE FUNCTION auth.audit_seal() RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    previous auth.audit_seals;
    number bigint;
    folded bytea;
    changed bigint;
    digest bytea;
    at_time timestamptz;
    seal text;
    patient_until timestamptz := clock_timestamp() + interval '1 second';
    free bigint;
BEGIN
    LOCK TABLE auth.audit_seals IN SHARE ROW EXCLUSIVE MODE;
    -- Who writes to a chain is waited for, a second in all; one that is held longer is for the next seal.
    LOOP
        PERFORM FROM auth.audit_heads h WHERE h.seq > h.sealed_seq FOR NO KEY UPDATE SKIP LOCKED;
        GET DIAGNOSTICS free = ROW_COUNT;
        EXIT WHEN free >= (SELECT count(*) FROM auth.audit_heads h WHERE h.seq > h.sealed_seq) OR clock_timestamp() > patient_until;
        PERFORM pg_sleep(0.02);
    END LOOP;
    SELECT * INTO previous FROM auth.audit_seals s ORDER BY s.id DESC LIMIT 1;
    number := coalesce(previous.id, 0) + 1;
    WITH heads AS (
        UPDATE auth.audit_heads h SET sealed_seq = h.seq
        FROM (SELECT o.user_id FROM auth.audit_heads o WHERE o.seq > o.sealed_seq FOR NO KEY UPDATE SKIP LOCKED) AS f
        WHERE h.user_id = f.user_id RETURNING h.user_id, h.seq, h.hash
    ), kept AS (
        INSERT INTO auth.audit_sealed_heads (seal_id, user_id, seq, hash)
        SELECT number, h.user_id, h.seq, h.hash FROM heads h
    )
    SELECT auth.fold_chain_heads(h.user_id, h.seq, h.hash ORDER BY h.user_id), count(*) INTO folded, changed FROM heads h;
    digest := auth.seal_digest(previous.digest, folded, changed);
    at_time := clock_timestamp();
    seal := auth.sign_token(jsonb_build_object(
        'iss', current_setting('pg_principal.issuer'), 'aud', 'pg_principal audit', 'iat', floor(extract(epoch FROM at_time))::bigint,
        'seal', number, 'chains', changed, 'digest', encode(digest, 'hex')));
    INSERT INTO auth.audit_seals (id, sealed_at, chains, digest, seal) VALUES (number, at_time, changed, digest, seal);
    PERFORM auth.audit(auth.audit_itself(), NULL, '{"audit": {"previous": null, "current": "sealed"}}', NULL,
        jsonb_build_object('seal', number, 'digest', encode(digest, 'hex')));
    RETURN seal;
END
$$;
COMMENT ON FUNCTION auth.audit_seal() IS
'Signs, as a compact JWS (RFC 7515) under the signing key in use, a digest over every audit chain, so that a dropped chain shows too; what an open transaction holds for more than a second is left to the next seal. Keep the seal where no administrator of this database can change it: given to auth.audit_verify() it also shows that the seals themselves were replaced. 55000 without a signing key.';

CREATE OR REPLACE FUNCTION auth.audit_verify(seal text DEFAULT NULL, OUT user_id uuid, OUT seq bigint, OUT fault text) RETURNS SETOF record
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    claims jsonb;
    newest auth.audit_seals;
BEGIN
    RETURN QUERY
    SELECT DISTINCT ON (c.user_id) c.user_id, c.seq, c.fault FROM (
        SELECT l.user_id, l.seq, CASE
            WHEN h.user_id IS NULL THEN 'entries without a head: the head was deleted'
            WHEN l.seq <> lag(l.seq, 1, h.pruned_seq) OVER chain + 1 THEN 'out of sequence: entries before it are missing'
            WHEN l.previous_hash <> lag(l.hash, 1, coalesce(h.pruned_hash, auth.audit_genesis(l.user_id))) OVER chain
                THEN 'not linked to the entry before'
            WHEN l.hash IS DISTINCT FROM auth.audit_hash(l.user_id, l.seq, l.created_at, l.actor_id, l.actor_email, l.subject,
                l.changes, l.reason, l.metadata, l.ip, l.user_agent, l.previous_hash) THEN 'altered'
            WHEN l.seq > h.seq THEN 'beyond the head: the head was altered'
        END AS fault
        FROM auth.audit_log l LEFT JOIN auth.audit_heads h ON h.user_id = l.user_id
        WINDOW chain AS (PARTITION BY l.user_id ORDER BY l.seq)) AS c
    WHERE c.fault IS NOT NULL
    ORDER BY c.user_id, c.seq;

    RETURN QUERY
    SELECT h.user_id, h.seq, 'the last entries are missing or the head was altered' FROM auth.audit_heads h
    WHERE CASE WHEN h.seq > h.pruned_seq
        THEN NOT EXISTS (SELECT FROM auth.audit_log l WHERE l.user_id = h.user_id AND l.seq = h.seq AND l.hash = h.hash)
        ELSE h.hash <> coalesce(h.pruned_hash, auth.audit_genesis(h.user_id)) END
    ORDER BY h.user_id;

    -- What is gone by a pruning is told of by the audit's own chain.
    RETURN QUERY
    SELECT h.user_id, h.pruned_seq, 'pruned, and no pruning is recorded' FROM auth.audit_heads h
    WHERE h.pruned_seq > 0
      AND NOT EXISTS (SELECT FROM auth.audit_prunes p WHERE p.user_id = h.user_id AND p.seq = h.pruned_seq AND p.hash = h.pruned_hash)
    ORDER BY h.user_id;

    RETURN QUERY
    SELECT auth.audit_itself(), coalesce(t.seq, r.entry), 'the record of this pruning is missing or altered'
    FROM (SELECT l.seq, l.metadata->>'digest' AS digest FROM auth.audit_log l
          WHERE l.user_id = auth.audit_itself() AND l.changes->'audit'->>'current' = 'pruned') AS t
    FULL JOIN (SELECT p.entry, encode(auth.fold_chain_heads(p.user_id, p.seq, p.hash ORDER BY p.user_id), 'hex') AS digest
               FROM auth.audit_prunes p GROUP BY p.entry) AS r ON r.entry = t.seq
    WHERE r.digest IS DISTINCT FROM t.digest
    ORDER BY 2;

    RETURN QUERY
    SELECT l.user_id, l.seq, format('seal %s is missing or was replaced', l.metadata->>'seal') FROM auth.audit_log l
    WHERE l.user_id = auth.audit_itself() AND l.changes->'audit'->>'current' = 'sealed'
      AND NOT EXISTS (SELECT FROM auth.audit_seals s WHERE s.id::text = l.metadata->>'seal' AND encode(s.digest, 'hex') = l.metadata->>'digest')
    ORDER BY l.seq;

    RETURN QUERY
    SELECT s.user_id, s.seq, format('seal %s covers an entry that is missing or altered', s.seal_id)
    FROM auth.audit_sealed_heads s LEFT JOIN auth.audit_heads h ON h.user_id = s.user_id
    WHERE s.seq > coalesce(h.pruned_seq, 0)
      AND NOT EXISTS (SELECT FROM auth.audit_log l WHERE l.user_id = s.user_id AND l.seq = s.seq AND l.hash = s.hash)
    ORDER BY s.seal_id, s.user_id;

    RETURN QUERY
    SELECT NULL::uuid, NULL::bigint, format('seal %s does not fit what it covers', s.id)
    FROM (SELECT o.id, o.digest, lag(o.digest) OVER numbered AS previous, o.id - lag(o.id, 1, 0::bigint) OVER numbered AS step
          FROM auth.audit_seals o WINDOW numbered AS (ORDER BY o.id)) AS s,
        LATERAL (SELECT auth.fold_chain_heads(h.user_id, h.seq, h.hash ORDER BY h.user_id) AS folded, count(*) AS chains
                 FROM auth.audit_sealed_heads h WHERE h.seal_id = s.id) AS f
    WHERE s.step <> 1 OR s.digest <> auth.seal_digest(s.previous, f.folded, f.chains)
    ORDER BY s.id;

    SELECT * INTO newest FROM auth.audit_seals s ORDER BY s.id DESC LIMIT 1;
    IF FOUND THEN
        claims := auth.read_seal(newest.seal);
        IF claims IS NULL THEN
            fault := format('seal %s was signed by no key that verifies: seal again', newest.id);
            RETURN NEXT;
        ELSIF claims->>'digest' IS DISTINCT FROM encode(newest.digest, 'hex') THEN
            fault := format('seal %s does not fit its signature', newest.id);
            RETURN NEXT;
        END IF;
    END IF;
    IF audit_verify.seal IS NOT NULL THEN
        claims := auth.read_seal(audit_verify.seal);
        IF claims->>'digest' IS NULL OR claims->>'seal' IS NULL THEN
            PERFORM auth.raise_error('seal_refused', 'it was signed by no key of this database that verifies');
        END IF;
        IF NOT EXISTS (SELECT FROM auth.audit_seals s
                       WHERE s.id::text = claims->>'seal' AND encode(s.digest, 'hex') = claims->>'digest') THEN
            fault := format('the given seal %s is not the one of that number here: the seals were replaced', claims->>'seal');
            RETURN NEXT;
        END IF;
    END IF;
END
$$;
COMMENT ON FUNCTION auth.audit_verify(text) IS
'Checks every audit chain, its head and its seals: no row when all hold, else the first broken entry of each chain with what is wrong. With a seal that was kept elsewhere, also whether the seals here are still those. 22023 when that is no seal of ours.';

CREATE OR REPLACE FUNCTION auth.audit_prune(older_than interval, max_entries bigint DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET session_replication_role = replica AS $$
DECLARE
    cutoff timestamptz := clock_timestamp() - older_than;
    head auth.audit_heads;
    last bigint;
    last_hash bytea;
    removed bigint := 0;
    n bigint;
    entry_number bigint;
    digest bytea;
BEGIN
    IF older_than IS NULL OR older_than <= interval '0' THEN
        PERFORM auth.raise_error('interval_invalid', 'older_than', coalesce(older_than::text, 'NULL'));
    END IF;
    LOCK TABLE auth.audit_seals IN SHARE ROW EXCLUSIVE MODE; -- who else locks many chains waits
    FOR head IN
        SELECT h.* FROM auth.audit_heads h
        WHERE h.user_id <> auth.audit_itself()
          AND EXISTS (SELECT FROM auth.audit_log l WHERE l.user_id = h.user_id AND l.seq = h.pruned_seq + 1 AND l.created_at < cutoff)
        ORDER BY h.user_id
    LOOP
        EXIT WHEN removed >= max_entries;
        SELECT * INTO head FROM auth.audit_heads h WHERE h.user_id = head.user_id FOR NO KEY UPDATE SKIP LOCKED;
        CONTINUE WHEN NOT FOUND; -- an open transaction holds it: for the next pruning
        SELECT l.seq - 1 INTO last FROM auth.audit_log l
        WHERE l.user_id = head.user_id AND l.created_at >= cutoff ORDER BY l.seq LIMIT 1;
        last := coalesce(last, head.seq);
        last := least(last, head.pruned_seq + max_entries - removed);
        CONTINUE WHEN last <= head.pruned_seq;
        SELECT l.hash INTO last_hash FROM auth.audit_log l WHERE l.user_id = head.user_id AND l.seq = last;
        CONTINUE WHEN NOT FOUND; -- a broken chain is evidence, and stays
        DELETE FROM auth.audit_log l WHERE l.user_id = head.user_id AND l.seq <= last;
        GET DIAGNOSTICS n = ROW_COUNT;
        removed := removed + n;
        UPDATE auth.audit_heads h SET pruned_seq = last, pruned_hash = last_hash WHERE h.user_id = head.user_id;
        entry_number := coalesce(entry_number, (auth.lock_audit_head(auth.audit_itself())).seq + 1);
        INSERT INTO auth.audit_prunes (entry, user_id, seq, hash) VALUES (entry_number, head.user_id, last, last_hash);
    END LOOP;
    IF removed > 0 THEN
        SELECT auth.fold_chain_heads(p.user_id, p.seq, p.hash ORDER BY p.user_id) INTO digest
        FROM auth.audit_prunes p WHERE p.entry = entry_number;
        PERFORM auth.audit(auth.audit_itself(), NULL, '{"audit": {"previous": null, "current": "pruned"}}', NULL,
            jsonb_build_object('entries', removed, 'before', auth.iso_time(cutoff), 'digest', encode(digest, 'hex')));
    END IF;
    RETURN removed;
END
$$;
COMMENT ON FUNCTION auth.audit_prune(interval, bigint) IS
'Deletes audit entries older than that, keeps what remains verifiable, and says so in the audit. With max_entries it stops there, for a scheduler that prunes in small transactions. Returns how many went. 22023 for an interval that is not above zero.';
-- Accounts: profiles, passwords, roles.

CREATE OR REPLACE FUNCTION auth.hash_password(password text) RETURNS text
LANGUAGE c VOLATILE STRICT COST 10000 AS 'MODULE_PATHNAME', 'pg_principal_hash_password';
COMMENT ON FUNCTION auth.hash_password(text) IS 'Internal: Argon2id (RFC 9106) with 19 MiB, 2 passes and 1 lane, as a PHC string.';
CREATE OR REPLACE FUNCTION auth.verify_password(stored text, password text, OUT ok boolean, OUT needs_upgrade boolean) RETURNS record
LANGUAGE c VOLATILE COST 10000 AS 'MODULE_PATHNAME', 'pg_principal_verify_password';
COMMENT ON FUNCTION auth.verify_password(text, text) IS
'Internal: whether the password fits an Argon2id or bcrypt hash; without a hash the same work and false.';
CREATE OR REPLACE FUNCTION auth.is_password_hash(stored text) RETURNS boolean
LANGUAGE c IMMUTABLE STRICT AS 'MODULE_PATHNAME', 'pg_principal_is_password_hash';
COMMENT ON FUNCTION auth.is_password_hash(text) IS 'Internal: whether it is an Argon2id or bcrypt hash of bearable cost.';
CREATE OR REPLACE FUNCTION auth.read_profile(profile jsonb, allowed text, required text, OUT fields jsonb, OUT problems jsonb) RETURNS record
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'pg_principal_read_profile';
COMMENT ON FUNCTION auth.read_profile(jsonb, text, text) IS
'Internal: the fields of a profile, normalised, or every problem of it. allowed and required: names of fields, separated by spaces.';

CREATE OR REPLACE FUNCTION auth.is_agent(kind text, email text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT is_agent.kind = 'service_account' OR is_agent.email LIKE '%-agent@%';
END;
COMMENT ON FUNCTION auth.is_agent(text, text) IS 'Whether the health scan looks after a principal: a service account, or an email that contains -agent@.';

CREATE OR REPLACE FUNCTION auth.iso_time(t timestamptz) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT CASE WHEN isfinite(iso_time.t) THEN to_char(iso_time.t AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') END;
END;
COMMENT ON FUNCTION auth.iso_time(timestamptz) IS 'Internal: RFC 3339 in UTC with milliseconds; NULL for NULL and infinity.';

CREATE OR REPLACE FUNCTION auth.user_json(u auth.users) RETURNS jsonb
LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'pg_principal_user_json';
COMMENT ON FUNCTION auth.user_json(auth.users) IS 'Internal: a principal as the account functions show it; never its password.';

CREATE OR REPLACE FUNCTION auth.refusal(status integer, reason text, message text, errors jsonb DEFAULT NULL) RETURNS auth.auth_result
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
    SELECT ROW(false, refusal.status, refusal.reason,
        jsonb_strip_nulls(jsonb_build_object('message', refusal.message, 'errors', refusal.errors)))::auth.auth_result;
END;
COMMENT ON FUNCTION auth.refusal(integer, text, text, jsonb) IS 'Internal: an auth_result that is not ok.';

CREATE OR REPLACE FUNCTION auth.bad_field(message text, field text, problem text) RETURNS auth.auth_result
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
    SELECT auth.refusal(400, 'validation-failed', bad_field.message,
        jsonb_build_array(jsonb_build_object('field', bad_field.field, 'message', bad_field.field || ' ' || bad_field.problem)));
END;
COMMENT ON FUNCTION auth.bad_field(text, text, text) IS 'Internal: the refusal of one field of a request.';

CREATE OR REPLACE FUNCTION auth.refusal_of_caller(VARIADIC roles text[] DEFAULT '{}') RETURNS auth.auth_result
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF auth.uid() IS NULL AND 'ADMIN' = ANY (roles) AND auth.role() = 'service_role' THEN
        RETURN NULL;
    ELSIF auth.uid() IS NULL THEN
        RETURN auth.refusal(401, 'unauthenticated', 'Authentication required');
    ELSIF cardinality(roles) > 0 AND NOT auth.has_role(VARIADIC roles) THEN
        RETURN auth.refusal(403, 'forbidden', 'Insufficient role');
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION auth.refusal_of_caller(text[]) IS
'Internal: NULL when the caller has a live token and one of these app roles (none named: any will do), else 401 or 403. The project key service_role counts as ADMIN where app roles are named, and is no principal: 401 where none is. 28000 when the token is dead.';

CREATE OR REPLACE FUNCTION auth.store_user(fields jsonb, profile jsonb, app_role text, audited_as text, self_made boolean DEFAULT false) RETURNS auth.users
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    made auth.users;
BEGIN
    INSERT INTO auth.users (id, email, kind, app_role, encrypted_password, password_changed_at, first_name, last_name, job_title,
                            phone_number, raw_user_meta_data, raw_app_meta_data, email_confirmed_at, self_registered)
    VALUES (coalesce((fields->>'id')::uuid, gen_random_uuid()), fields->>'email', coalesce(fields->>'kind', 'person'), app_role,
            coalesce(auth.hash_password(fields->>'password'), fields->>'passwordHash'),
            CASE WHEN fields ?| '{password, passwordHash}' THEN clock_timestamp() END,
            fields->>'firstName', fields->>'lastName', fields->>'jobTitle', fields->>'phoneNumber',
            coalesce(nullif(profile->'userMetadata', 'null'), '{}'), coalesce(nullif(profile->'appMetadata', 'null'), '{}'),
            CASE WHEN (fields->>'emailConfirmed')::boolean THEN clock_timestamp() END, self_made AND app_role <> 'ADMIN')
    ON CONFLICT (email) DO NOTHING
    RETURNING * INTO made;
    IF made.id IS NULL THEN
        RETURN NULL;
    ELSIF self_made THEN
        PERFORM auth.audit_as(made.id, made.email, made.id, made.email,
            jsonb_build_object('created', jsonb_build_object('previous', NULL, 'current', audited_as)));
    ELSE
        PERFORM auth.audit(made.id, made.email,
            jsonb_build_object('created', jsonb_build_object('previous', NULL, 'current', audited_as)));
    END IF;
    RETURN made;
END
$$;
COMMENT ON FUNCTION auth.store_user(jsonb, jsonb, text, text, boolean) IS
'Internal: the last step of creating a principal; NULL when the email is taken.';

CREATE OR REPLACE FUNCTION auth.oversized_metadata(profile jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
    SELECT jsonb_agg(jsonb_build_object('field', f.name, 'message', f.name || ' has more than 4096 bytes'))
    FROM (VALUES ('userMetadata'), ('appMetadata')) AS f (name)
    WHERE octet_length((oversized_metadata.profile->f.name)::text) > 4096;
END;
COMMENT ON FUNCTION auth.oversized_metadata(jsonb) IS
'Internal: problems with metadata that would make tokens too long; NULL when there is none.';

CREATE OR REPLACE FUNCTION auth.add_user(profile jsonb, context jsonb DEFAULT NULL) RETURNS auth.auth_result
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    checked record;
    made auth.users;
BEGIN
    PERFORM auth.set_request_context(context);
    checked := auth.read_profile(profile,
        'email password firstName lastName jobTitle phoneNumber role kind userMetadata appMetadata emailConfirmed id passwordHash banDuration',
        'email');
    checked.problems := coalesce(checked.problems, auth.oversized_metadata(profile));
    IF checked.problems IS NOT NULL THEN
        RETURN auth.refusal(400, 'validation-failed', 'The profile was refused', checked.problems);
    ELSIF checked.fields ?& '{password, passwordHash}' THEN
        RETURN auth.bad_field('The profile was refused', 'passwordHash', 'must not be given beside password');
    END IF;
    BEGIN
        made := auth.store_user(checked.fields, profile, coalesce(checked.fields->>'role', 'ANALYST'), 'created');
    EXCEPTION WHEN unique_violation THEN
        RETURN auth.refusal(409, 'id-taken', 'A user with that id already exists');
    END;
    IF made.id IS NULL THEN
        RETURN auth.refusal(409, 'email-taken', 'A user with that email already exists');
    ELSIF (checked.fields->>'banDuration')::interval > interval '0' THEN
        PERFORM auth.ban(made.email, (checked.fields->>'banDuration')::interval);
        SELECT * INTO made FROM auth.users u WHERE u.id = made.id;
    END IF;
    RETURN ROW(true, 201, NULL, jsonb_build_object('user', auth.user_json(made)))::auth.auth_result;
END
$$;
COMMENT ON FUNCTION auth.add_user(jsonb, jsonb) IS
'For operators: makes a principal from email, password, firstName, lastName, jobTitle, phoneNumber, role (default ANALYST), kind (person or service_account), userMetadata, appMetadata, emailConfirmed, id (a UUID), passwordHash (bcrypt or Argon2id, instead of password) and banDuration (see auth.update_user()); only the email is required. 201 with the profile, 400 naming every bad field, 409 when the email or the id is taken.';

CREATE OR REPLACE FUNCTION auth.create_user(profile jsonb, context jsonb DEFAULT NULL) RETURNS auth.auth_result
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    refused auth.auth_result := auth.refusal_of_caller('ADMIN');
BEGIN
    IF refused.ok IS NOT NULL THEN
        RETURN refused;
    END IF;
    RETURN auth.add_user(profile, context);
END
$$;
COMMENT ON FUNCTION auth.create_user(jsonb, jsonb) IS
'For callers with the app role ADMIN: the same as auth.add_user(), audited under their name. 401 without a token, 403 with a smaller role.';

CREATE OR REPLACE FUNCTION auth.get_user(user_id uuid DEFAULT NULL) RETURNS auth.auth_result
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    caller uuid := auth.uid();
    refused auth.auth_result;
    profile jsonb;
BEGIN
    IF caller IS NULL OR user_id <> caller THEN
        refused := CASE WHEN user_id IS NULL THEN auth.refusal_of_caller() ELSE auth.refusal_of_caller('AUDITOR', 'ADMIN') END;
        IF refused.ok IS NOT NULL THEN
            RETURN refused;
        END IF;
    END IF;
    SELECT auth.user_json(u) INTO profile FROM auth.users u WHERE u.id = coalesce(user_id, caller);
    IF NOT FOUND THEN
        RETURN auth.refusal(404, 'unknown-user', 'User not found');
    END IF;
    RETURN ROW(true, 200, NULL, jsonb_build_object('user', profile))::auth.auth_result;
END
$$;
COMMENT ON FUNCTION auth.get_user(uuid) IS
'A profile: the caller''s own (NULL), or for AUDITOR and ADMIN anybody''s. 401, 403, 404 otherwise.';

CREATE OR REPLACE FUNCTION auth.find_user(user_id uuid) RETURNS auth.auth_result
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    refused auth.auth_result := auth.refusal_of_caller('AUDITOR', 'ADMIN');
BEGIN
    IF refused.ok IS NOT NULL THEN
        RETURN refused;
    ELSIF user_id IS NULL THEN
        RETURN auth.refusal(404, 'unknown-user', 'User not found');
    END IF;
    RETURN auth.get_user(user_id);
END
$$;
COMMENT ON FUNCTION auth.find_user(uuid) IS
'For AUDITOR and ADMIN: a profile, their own too. 401, 403, 404 otherwise.';

CREATE OR REPLACE FUNCTION auth.list_users(page integer DEFAULT 1, per_page integer DEFAULT 50) RETURNS auth.auth_result
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    refused auth.auth_result := auth.refusal_of_caller('AUDITOR', 'ADMIN');
BEGIN
    IF refused.ok IS NOT NULL THEN
        RETURN refused;
    ELSIF page IS NULL OR page < 1 OR per_page IS NULL OR per_page NOT BETWEEN 1 AND 1000 THEN
        RETURN auth.refusal(400, 'validation-failed', 'page must be 1 or more, and per_page between 1 and 1000');
    END IF;
    RETURN ROW(true, 200, NULL, jsonb_build_object(
        'users', (SELECT coalesce(jsonb_agg(auth.user_json(p) ORDER BY p.created_at, p.id), '[]')
                  FROM (SELECT * FROM auth.users u ORDER BY u.created_at, u.id
                        LIMIT per_page OFFSET (page - 1)::bigint * per_page) AS p),
        'total', (SELECT count(*) FROM auth.users)))::auth.auth_result;
END
$$;
COMMENT ON FUNCTION auth.list_users(integer, integer) IS
'For AUDITOR and ADMIN: profiles, oldest first, and how many there are in all. page counts from 1; per_page: 1 to 1000.';

CREATE OR REPLACE FUNCTION auth.is_match(principal auth.users, wanted text) RETURNS boolean
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT wanted IS NULL OR position(wanted IN (principal).email) > 0 OR position(wanted IN
        lower(concat_ws(' ', (principal).first_name, (principal).last_name, (principal).raw_user_meta_data->>'full_name'))) > 0;
END;
COMMENT ON FUNCTION auth.is_match(auth.users, text) IS 'Internal: whether an email or a name contains the text, which is in lower case; NULL: always.';

CREATE OR REPLACE FUNCTION auth.search_users(search text DEFAULT NULL, page integer DEFAULT 1, per_page integer DEFAULT 50) RETURNS auth.auth_result
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    refused auth.auth_result := auth.refusal_of_caller('AUDITOR', 'ADMIN');
    wanted text := lower(nullif(search, ''));
BEGIN
    IF refused.ok IS NOT NULL THEN
        RETURN refused;
    ELSIF page IS NULL OR page < 1 OR per_page IS NULL OR per_page NOT BETWEEN 1 AND 1000 THEN
        RETURN auth.refusal(400, 'validation-failed', 'page must be 1 or more, and per_page between 1 and 1000');
    ELSIF octet_length(wanted) > 254 THEN
        RETURN auth.refusal(400, 'validation-failed', 'filter has more than 254 bytes');
    END IF;
    RETURN ROW(true, 200, NULL, jsonb_build_object(
        'users', (SELECT coalesce(jsonb_agg(auth.user_json(p) ORDER BY p.created_at DESC, p.id DESC), '[]')
                  FROM (SELECT * FROM auth.users u WHERE auth.is_match(u, wanted) ORDER BY u.created_at DESC, u.id DESC
                        LIMIT per_page OFFSET (page - 1)::bigint * per_page) AS p),
        'total', (SELECT count(*) FROM auth.users u WHERE auth.is_match(u, wanted))))::auth.auth_result;
END
$$;
COMMENT ON FUNCTION auth.search_users(text, integer, integer) IS
'For AUDITOR and ADMIN: profiles whose email or name contains the text in any case (NULL: all), newest first, and how many there are. page counts from 1; per_page: 1 to 1000. 400, 401, 403 otherwise.';

CREATE OR REPLACE FUNCTION auth.merged_metadata(present jsonb, changes jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
    SELECT CASE WHEN jsonb_typeof(merged_metadata.changes) = 'object' THEN (merged_metadata.present || merged_metadata.changes)
        - ARRAY(SELECT c.key FROM jsonb_each(merged_metadata.changes) AS c WHERE c.value = 'null') ELSE merged_metadata.present END;
END;
COMMENT ON FUNCTION auth.merged_metadata(jsonb, jsonb) IS 'Internal: metadata with changes of its members; null takes one away.';

CREATE OR REPLACE FUNCTION auth.change_user(target uuid, fields jsonb, profile jsonb) RETURNS auth.auth_result
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    changed auth.users;
    new_hash text := auth.hash_password(fields->>'password');
BEGIN
    UPDATE auth.users u SET
        email = coalesce(fields->>'email', u.email),
        app_role = coalesce(fields->>'role', u.app_role),
        kind = coalesce(fields->>'kind', u.kind),
        first_name = CASE WHEN fields ? 'firstName' THEN fields->>'firstName' ELSE u.first_name END,
        last_name = CASE WHEN fields ? 'lastName' THEN fields->>'lastName' ELSE u.last_name END,
        job_title = CASE WHEN fields ? 'jobTitle' THEN fields->>'jobTitle' ELSE u.job_title END,
        phone_number = CASE WHEN fields ? 'phoneNumber' THEN fields->>'phoneNumber' ELSE u.phone_number END,
        raw_user_meta_data = auth.merged_metadata(u.raw_user_meta_data, profile->'userMetadata'),
        raw_app_meta_data = auth.merged_metadata(u.raw_app_meta_data, profile->'appMetadata'),
        email_confirmed_at = CASE (fields->>'emailConfirmed')::boolean
            WHEN true THEN coalesce(u.email_confirmed_at, clock_timestamp()) WHEN false THEN NULL ELSE u.email_confirmed_at END,
        encrypted_password = coalesce(new_hash, u.encrypted_password),
        password_changed_at = CASE WHEN new_hash IS NULL THEN u.password_changed_at ELSE clock_timestamp() END,
        updated_at = clock_timestamp()
    WHERE u.id = target
    RETURNING * INTO changed;
    IF NOT FOUND THEN
        RETURN auth.refusal(404, 'unknown-user', 'User not found');
    ELSIF profile ? 'userMetadata' AND octet_length(changed.raw_user_meta_data::text) > 4096
        OR profile ? 'appMetadata' AND octet_length(changed.raw_app_meta_data::text) > 4096 THEN
        -- merged, so judged afterwards: the error, caught below, takes the change back
        RAISE program_limit_exceeded;
    END IF;
    RETURN ROW(true, 200, NULL, jsonb_build_object('user', auth.user_json(changed)))::auth.auth_result;
EXCEPTION
    WHEN unique_violation THEN
        RETURN auth.refusal(409, 'email-taken', 'A user with that email already exists');
    WHEN program_limit_exceeded THEN
        RETURN auth.refusal(400, 'validation-failed', 'The metadata would have more than 4096 bytes');
END
$$;
COMMENT ON FUNCTION auth.change_user(uuid, jsonb, jsonb) IS
'Internal: writes the fields given, metadata merged with what is there; the trigger on auth.users audits each.';

CREATE OR REPLACE FUNCTION auth.update_profile(changes jsonb, context jsonb DEFAULT NULL) RETURNS auth.auth_result
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    refused auth.auth_result := auth.refusal_of_caller();
    checked record;
BEGIN
    IF refused.ok IS NOT NULL THEN
        RETURN refused;
    END IF;
    PERFORM auth.set_request_context(context);
    checked := auth.read_profile(changes, 'firstName lastName jobTitle phoneNumber userMetadata', '');
    checked.problems := coalesce(checked.problems, auth.oversized_metadata(changes));
    IF checked.problems IS NOT NULL THEN
        RETURN auth.refusal(400, 'validation-failed', 'The profile was refused', checked.problems);
    END IF;
    RETURN auth.change_user(auth.uid(), checked.fields, changes);
END
$$;
COMMENT ON FUNCTION auth.update_profile(jsonb, jsonb) IS
'Changes the caller''s own firstName, lastName, jobTitle, phoneNumber (null takes one away) and userMetadata (merged). 200 with the profile, 400 naming every bad field, 401 without a token.';

CREATE OR REPLACE FUNCTION auth.update_user(user_id uuid, changes jsonb, context jsonb DEFAULT NULL) RETURNS auth.auth_result
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    refused auth.auth_result := auth.refusal_of_caller('ADMIN');
    checked record;
    ban interval;
    result auth.auth_result;
BEGIN
    IF refused.ok IS NOT NULL THEN
        RETURN refused;
    END IF;
    PERFORM auth.set_request_context(context);
    checked := auth.read_profile(changes,
        'email password firstName lastName jobTitle phoneNumber role kind userMetadata appMetadata emailConfirmed banDuration', '');
    checked.problems := coalesce(checked.problems, auth.oversized_metadata(changes));
    ban := (checked.fields->>'banDuration')::interval;
    IF checked.problems IS NOT NULL THEN
        RETURN auth.refusal(400, 'validation-failed', 'The profile was refused', checked.problems);
    ELSIF ban > interval '0' AND user_id = auth.uid() THEN
        RETURN auth.refusal(409, 'own-account', 'You cannot ban yourself');
    END IF;
    PERFORM auth.take_hold(u.id) FROM auth.users u WHERE u.id = update_user.user_id; -- nobody holds up their own demotion
    result := auth.change_user(update_user.user_id, checked.fields, changes);
    IF result.ok AND checked.fields ? 'password' THEN
        PERFORM auth.end_sessions(update_user.user_id, 'password_rotated', NULL);
    END IF;
    IF result.ok AND ban IS NOT NULL THEN
        IF ban > interval '0' THEN
            PERFORM auth.ban(result.payload->'user'->>'email', ban);
        ELSE
            PERFORM auth.unban(result.payload->'user'->>'email');
        END IF;
        SELECT jsonb_build_object('user', auth.user_json(u)) INTO result.payload FROM auth.users u WHERE u.id = update_user.user_id;
    END IF;
    RETURN result;
END
$$;
COMMENT ON FUNCTION auth.update_user(uuid, jsonb, jsonb) IS
'For callers with the app role ADMIN: changes any field of a profile. A new password ends all sessions of that principal. banDuration bans for that long (numbers with h, m or s: 876000h, 1h30m), or lifts a ban (none). 200 with the profile, 400 naming every bad field, 401, 403, 404, 409 when the email is taken or one''s own account would be banned.';

CREATE OR REPLACE FUNCTION auth.set_app_role(user_id uuid, app_role text, context jsonb DEFAULT NULL) RETURNS auth.auth_result
LANGUAGE sql SECURITY DEFINER
BEGIN ATOMIC
    SELECT auth.update_user(set_app_role.user_id, jsonb_build_object('role', coalesce(set_app_role.app_role, '')), set_app_role.context);
END;
COMMENT ON FUNCTION auth.set_app_role(uuid, text, jsonb) IS
'For callers with the app role ADMIN: READ_ONLY, ANALYST, AUDITOR or ADMIN for a principal, in force at its next statement whatever its tokens say. 200, 400, 401, 403, 404.';

CREATE OR REPLACE FUNCTION auth.set_password(email text, password text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    checked record := auth.read_profile(jsonb_build_object('password', coalesce(password, '')), 'password', 'password');
    target uuid;
BEGIN
    IF checked.problems IS NOT NULL THEN
        PERFORM auth.raise_error('profile_refused',
            (SELECT string_agg(p->>'message', E'\n') FROM jsonb_array_elements(checked.problems) AS p));
    END IF;
    PERFORM auth.take_hold(u.id, true) FROM auth.users u WHERE u.email = auth.normalise_email(set_password.email);
    PERFORM auth.forget_sign_ins(ARRAY[u.id]), auth.forget_guesses(u.id) FROM auth.users u WHERE u.email = auth.normalise_email(set_password.email);
    UPDATE auth.users u SET encrypted_password = auth.hash_password(password), password_changed_at = clock_timestamp(), updated_at = clock_timestamp()
    WHERE u.email = auth.normalise_email(set_password.email) RETURNING u.id INTO target;
    IF NOT FOUND THEN
        PERFORM auth.raise_error('user_missing', coalesce(set_password.email, 'NULL'));
    END IF;
    PERFORM auth.end_sessions(target, 'password_rotated', NULL);
END
$$;
COMMENT ON FUNCTION auth.set_password(text, text) IS
'For operators: a new password for a principal; ends all its sessions and lifts a lock of its sign-in. Pass it as a parameter, so that it stays out of logs. 22023 naming what the policy misses, 42704 when there is no such principal.';

CREATE OR REPLACE FUNCTION auth.is_point_in_time(given text) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- not "yesterday", nor what depends on DateStyle
    RETURN given ~ '^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d(:?\d\d)?)?)?$' AND isfinite(given::timestamptz);
EXCEPTION WHEN data_exception THEN
    RETURN false;
END
$$;
COMMENT ON FUNCTION auth.is_point_in_time(text) IS 'Internal: whether the text is a point in time as ISO 8601 and PostgreSQL write it; NULL for NULL.';

CREATE OR REPLACE FUNCTION auth.import_users(rows jsonb, OUT imported integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    problems text;
    bad bigint;
BEGIN
    IF rows IS NULL OR jsonb_typeof(rows) <> 'array' THEN
        PERFORM auth.raise_error('import_not_an_array', coalesce(jsonb_typeof(rows), 'NULL'));
    END IF;
    WITH given AS MATERIALIZED (
        SELECT r.n, r.row, lower(btrim(r.row->>'email') COLLATE "C") AS email, r.row->>'id' AS id
        FROM jsonb_array_elements(rows) WITH ORDINALITY AS r (row, n)
    ), problem (n, reason) AS (
        SELECT g.n, 'must be an object of fields' FROM given g WHERE jsonb_typeof(g.row) <> 'object'
        UNION ALL
        SELECT g.n, p->>'message' FROM given g,
            jsonb_array_elements((auth.read_profile(jsonb_build_object('email', g.row->'email'), 'email', 'email')).problems) AS p
        WHERE jsonb_typeof(g.row) = 'object'
        UNION ALL
        SELECT g.n, 'id is no UUID' FROM given g
        WHERE g.id !~ '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$'
        UNION ALL
        SELECT g.n, 'encrypted_password is neither bcrypt nor Argon2id of bearable cost' FROM given g
        WHERE g.row->>'encrypted_password' <> '' AND NOT auth.is_password_hash(g.row->>'encrypted_password')
        UNION ALL
        SELECT g.n, f.name || ' must be an object' FROM given g, (VALUES ('raw_user_meta_data'), ('raw_app_meta_data')) AS f (name)
        WHERE jsonb_typeof(g.row->f.name) NOT IN ('object', 'null')
        UNION ALL
        SELECT g.n, f.name || ' is no point in time' FROM given g,
            (VALUES ('created_at'), ('banned_until'), ('email_confirmed_at'), ('last_sign_in_at')) AS f (name)
        WHERE NOT auth.is_point_in_time(g.row->>f.name)
        UNION ALL
        SELECT g.n, f.name || ' has more than 8192 bytes, too many for a token' FROM given g, (VALUES ('raw_user_meta_data'), ('raw_app_meta_data')) AS f (name)
        WHERE octet_length((g.row->f.name)::text) > 8192
        UNION ALL
        SELECT g.n, format('email %s is taken', g.email) FROM given g
        WHERE EXISTS (SELECT FROM auth.users u WHERE u.email = g.email)
        UNION ALL
        SELECT g.n, format('id %s is taken', g.id) FROM given g
        WHERE EXISTS (SELECT FROM auth.users u WHERE u.id::text = lower(g.id))
        UNION ALL
        SELECT d.n, format('the same %s as row %s', d.what, d.first) FROM (
            SELECT g.n, w.what, min(g.n) OVER (PARTITION BY w.what, w.value) AS first
            FROM given g, LATERAL (VALUES ('email', g.email), ('id', lower(g.id))) AS w (what, value) WHERE w.value IS NOT NULL) AS d
        WHERE d.n <> d.first
    ), numbered AS (
        SELECT format('row %s: %s', p.n, p.reason) AS line, row_number() OVER (ORDER BY p.n, p.reason) AS i, count(*) OVER () AS total
        FROM problem p
    )
    SELECT max(total), string_agg(line, E'\n' ORDER BY i) FILTER (WHERE i <= 20)
        || CASE WHEN max(total) > 20 THEN format(E'\nand %s more', max(total) - 20) ELSE '' END
    INTO bad, problems FROM numbered;
    IF bad > 0 THEN
        PERFORM auth.raise_error('import_refused', bad::text, jsonb_array_length(rows)::text, problems);
    END IF;
    WITH made AS (
        INSERT INTO auth.users (id, email, kind, encrypted_password, banned_until, raw_user_meta_data, raw_app_meta_data,
                                email_confirmed_at, last_sign_in_at, created_at)
        SELECT coalesce((r->>'id')::uuid, gen_random_uuid()), auth.normalise_email(r->>'email'),
            CASE WHEN r->'raw_app_meta_data'->>'kind' = 'service_account' THEN 'service_account' ELSE 'person' END,
            nullif(r->>'encrypted_password', ''), (r->>'banned_until')::timestamptz,
            coalesce(nullif(r->'raw_user_meta_data', 'null'), '{}'), coalesce(nullif(r->'raw_app_meta_data', 'null'), '{}'),
            (r->>'email_confirmed_at')::timestamptz, (r->>'last_sign_in_at')::timestamptz,
            coalesce((r->>'created_at')::timestamptz, now())
        FROM jsonb_array_elements(rows) AS r
        RETURNING id, email
    )
    SELECT count(auth.audit(m.id, m.email, '{"created": {"previous": null, "current": "imported"}}')) INTO imported FROM made m;
END
$$;
COMMENT ON FUNCTION auth.import_users(jsonb) IS
'For operators: takes in rows exported from Supabase''s auth.users as a JSON array of objects (id, email, encrypted_password, banned_until, raw_user_meta_data, raw_app_meta_data, email_confirmed_at, last_sign_in_at, created_at; other columns are ignored). Ids and bcrypt hashes are kept; a hash is replaced by Argon2id at the next sign-in. All or none: 22023 with each bad row''s number and reason in DETAIL. Returns how many came in.';
-- Wrong passwords: counted, locked, kept from being taken back, and recorded.

CREATE OR REPLACE FUNCTION auth.seconds(setting text) RETURNS bigint
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT extract(epoch FROM current_setting('pg_principal.' || seconds.setting)::interval)::bigint;
END;
COMMENT ON FUNCTION auth.seconds(text) IS 'Internal: a setting pg_principal.<setting> that is a duration, in seconds.';

CREATE OR REPLACE FUNCTION auth.sign_in_source() RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    address inet := (auth.request_context()).ip;
BEGIN
    RETURN CASE WHEN address IS NULL THEN 'local'
        WHEN address <<= inet '::ffff:0:0/96' THEN replace(host(address), '::ffff:', '') -- IPv4 as a dual-stack socket tells it
        WHEN family(address) = 6 THEN network(set_masklen(address, 64))::text ELSE host(address) END;
END
$$;
COMMENT ON FUNCTION auth.sign_in_source() IS
'Internal: where a sign-in comes from: an IPv4 address, an IPv6 network of 64 bits, or local when the application names none.';

CREATE OR REPLACE FUNCTION auth.note_guess(target uuid, source text, was_right boolean) RETURNS void
LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'pg_principal_note_guess';
COMMENT ON FUNCTION auth.note_guess(uuid, text, boolean) IS
'Internal: a wrong password is being counted in auth.sign_in_attempts: if that is rolled back, shared memory keeps it. A right one makes it forget. Does nothing without shared_preload_libraries.';
CREATE OR REPLACE FUNCTION auth.forget_guesses(target uuid) RETURNS void
LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'pg_principal_forget_guesses';
COMMENT ON FUNCTION auth.forget_guesses(uuid) IS 'Internal: forgets the wrong passwords of a principal that shared memory keeps.';

CREATE OR REPLACE FUNCTION auth.forget_sign_ins(principals uuid[]) RETURNS void
LANGUAGE sql VOLATILE
BEGIN ATOMIC
    WITH free AS (
        SELECT a.user_id, a.source FROM auth.sign_in_attempts a JOIN unnest(forget_sign_ins.principals) AS p (id) ON p.id = a.user_id
        FOR UPDATE OF a SKIP LOCKED
    )
    DELETE FROM auth.sign_in_attempts a USING free f WHERE a.user_id = f.user_id AND a.source = f.source;
END;
COMMENT ON FUNCTION auth.forget_sign_ins(uuid[]) IS
'Internal: deletes the counted sign-ins of principals, but those that a sign-in holds: it may wait for a principal that is held here.';

CREATE OR REPLACE FUNCTION auth.guesses_taken_back(target uuid, source text, OUT failures integer, OUT last_failure_at timestamptz) RETURNS record
LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'pg_principal_guesses_taken_back';
COMMENT ON FUNCTION auth.guesses_taken_back(uuid, text) IS
'Internal: wrong passwords whose count was rolled back, in a row and each within a day of the next; 0 and NULL when there are none.';

CREATE OR REPLACE FUNCTION auth.lock_end(failures integer, last_failure_at timestamptz) RETURNS timestamptz
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT last_failure_at + auth.seconds('lockout_duration') * interval '1 second' * 2 ^ least(failures - m.most, 6)
    FROM (SELECT current_setting('pg_principal.max_failed_sign_ins')::integer AS most) AS m WHERE failures >= m.most;
END;
COMMENT ON FUNCTION auth.lock_end(integer, timestamptz) IS
'Internal: until when as many wrong passwords in a row lock; NULL when they do not.';

CREATE OR REPLACE FUNCTION auth.admit_sign_in(target uuid, right_password boolean) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    most integer := current_setting('pg_principal.max_failed_sign_ins');
    here text := auth.sign_in_source();
    counted_under text;
    attempts auth.sign_in_attempts;
    taken_back record;
BEGIN
    IF most = 0 THEN
        RETURN right_password;
    END IF;
    LOOP
        IF EXISTS (SELECT FROM auth.sign_in_attempts a WHERE a.user_id = target AND a.source = here AND a.last_success_at IS NOT NULL) THEN
            counted_under := here;
        ELSE
            -- there to be locked: guesses that come at once are counted one after the other
            counted_under := '';
            INSERT INTO auth.sign_in_attempts (user_id, source) VALUES (target, '') ON CONFLICT DO NOTHING;
        END IF;
        SELECT * INTO attempts FROM auth.sign_in_attempts a WHERE a.user_id = target AND a.source = counted_under FOR UPDATE;
        EXIT WHEN FOUND; -- not deleted meanwhile
    END LOOP;
    taken_back := auth.guesses_taken_back(target, counted_under);
    IF greatest(attempts.locked_until, auth.lock_end(taken_back.failures, taken_back.last_failure_at)) > clock_timestamp() THEN
        RETURN false; -- also for the right password; trying does not make it longer
    END IF;
    PERFORM auth.note_guess(target, counted_under, right_password);
    IF right_password THEN
        UPDATE auth.sign_in_attempts a SET failures = 0, locked_until = NULL
        WHERE a.user_id = target AND a.source = counted_under AND a.failures > 0;
        INSERT INTO auth.sign_in_attempts AS a (user_id, source, last_success_at) VALUES (target, here, clock_timestamp())
        ON CONFLICT (user_id, source) DO UPDATE SET last_success_at = excluded.last_success_at
        WHERE a.last_success_at IS NULL OR a.last_success_at < excluded.last_success_at - interval '1 day';
        IF counted_under = '' THEN
            DELETE FROM auth.sign_in_attempts a USING (
                SELECT o.source FROM auth.sign_in_attempts o WHERE o.user_id = target AND o.source <> ''
                ORDER BY o.last_success_at DESC OFFSET 20) AS old
            WHERE a.user_id = target AND a.source = old.source;
        END IF;
        RETURN true;
    END IF;
    attempts.failures := CASE WHEN attempts.last_failure_at < clock_timestamp() - interval '1 day' THEN 1 ELSE attempts.failures + 1 END;
    UPDATE auth.sign_in_attempts a SET failures = attempts.failures, last_failure_at = clock_timestamp(),
        locked_until = auth.lock_end(attempts.failures, clock_timestamp())
    WHERE a.user_id = target AND a.source = counted_under;
    RETURN false;
END
$$;
COMMENT ON FUNCTION auth.admit_sign_in(uuid, boolean) IS
'Internal: counts a sign-in and tells whether it may go on. After pg_principal.max_failed_sign_ins wrong passwords in a row it locks for pg_principal.lockout_duration, doubled by each wrong password after that, up to 64 times. Addresses that the principal has signed in from before are counted by themselves, all others together: strangers can lock out strangers only. Wrong passwords that were counted and rolled back lock alike.';

CREATE OR REPLACE FUNCTION auth.refuse_sign_in(principal auth.users, reason text, status integer, message text) RETURNS auth.auth_result
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    whose uuid := coalesce(principal.id, auth.nobody());
BEGIN
    PERFORM auth.count_up('auth.sign_in.failures', reason);
    IF auth.audit_failure(whose, principal.email, jsonb_build_object('signIn',
        jsonb_build_object('previous', NULL, 'current', 'refused', 'reason', reason)), reason, NULL) THEN
        PERFORM auth.log_event(jsonb_build_object('event', 'auth.sign_in.failure', 'userId', principal.id, 'reason', reason,
            'metadata', jsonb_build_object('ip', (auth.request_context()).ip)));
    END IF;
    RETURN auth.refusal(status, reason, message);
END
$$;
COMMENT ON FUNCTION auth.refuse_sign_in(auth.users, text, integer, text) IS
'Internal: counts, audits and logs a refused sign-in.';
-- Signing in, refreshing, signing out: refusals are answers, so that what they leave behind stays.

CREATE OR REPLACE FUNCTION auth.make_server_key(OUT material bytea, OUT sealed_under text) RETURNS record
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'pg_principal_make_server_key';
COMMENT ON FUNCTION auth.make_server_key() IS 'Internal: 256 random bits, sealed when a master key is configured.';
CREATE OR REPLACE FUNCTION auth.first_refresh_token(session_id uuid, OUT token text, OUT hash bytea) RETURNS record
LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'pg_principal_first_refresh_token';
COMMENT ON FUNCTION auth.first_refresh_token(uuid) IS 'Internal: the refresh token of a new session and what is stored of it.';
CREATE OR REPLACE FUNCTION auth.read_refresh_token(
    token text, OUT fault text, OUT session_id uuid, OUT generation integer, OUT hash bytea, OUT is_ours boolean,
    OUT successor text, OUT successor_hash bytea) RETURNS record
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'pg_principal_read_refresh_token';
COMMENT ON FUNCTION auth.read_refresh_token(text) IS
'Internal: what a refresh token says and the token that follows it, or why it is none: verification-failed, invalid-payload. is_ours: its id carries our HMAC; whether its secret is right only the stored hash tells.';
CREATE OR REPLACE FUNCTION auth.equal_secrets(a bytea, b bytea) RETURNS boolean
LANGUAGE c IMMUTABLE AS 'MODULE_PATHNAME', 'pg_principal_equal_secrets';
COMMENT ON FUNCTION auth.equal_secrets(bytea, bytea) IS 'Internal: whether two hashes are equal, in a time that does not tell where they differ. False for NULL.';

CREATE OR REPLACE FUNCTION auth.requested_ttl(context jsonb, field text, setting text) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    most bigint := auth.seconds(setting);
BEGIN
    IF jsonb_typeof(context->field) = 'number' AND (context->>field)::numeric BETWEEN 1 AND most THEN
        RETURN floor((context->>field)::numeric);
    END IF;
    RETURN most;
END
$$;
COMMENT ON FUNCTION auth.requested_ttl(jsonb, text, text) IS
'Internal: the seconds that the request context asks for where they are fewer than the setting, else the setting.';

CREATE OR REPLACE FUNCTION auth.session_payload(
    principal auth.users, session_id uuid, signed_in_at timestamptz, refresh_token text, refresh_expires_at timestamptz, access_ttl bigint) RETURNS jsonb
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'pg_principal_session_payload';
COMMENT ON FUNCTION auth.session_payload(auth.users, uuid, timestamptz, text, timestamptz, bigint) IS
'Internal: {user, tokens} with a new access token beside a refresh token, which it never outlives. access_ttl: seconds, NULL for the setting.';

CREATE OR REPLACE FUNCTION auth.start_session(principal auth.users, context jsonb) RETURNS auth.auth_result
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    new_id uuid := gen_random_uuid();
    at_time timestamptz := clock_timestamp();
    ends timestamptz := at_time + auth.requested_ttl(context, 'refreshTokenTtl', 'refresh_token_ttl') * interval '1 second';
    request record := auth.request_context();
    first record;
    payload jsonb;
BEGIN
    -- made when first needed, so that a restore never meets one of its own
    IF NOT EXISTS (SELECT FROM auth.server_keys k WHERE k.name = 'refresh_token') THEN
        INSERT INTO auth.server_keys (name, material, sealed_under)
        SELECT 'refresh_token', m.material, m.sealed_under FROM auth.make_server_key() AS m ON CONFLICT DO NOTHING;
    END IF;
    first := auth.first_refresh_token(new_id);
    INSERT INTO auth.sessions (id, user_id, generation, origin, created_at, expires_at, ip, user_agent)
    VALUES (new_id, principal.id, principal.session_generation, 'sign_in', at_time, 'infinity', request.ip, request.user_agent);
    INSERT INTO auth.refresh_tokens (session_id, hash, created_at, expires_at) VALUES (new_id, first.hash, at_time, ends);
    payload := auth.session_payload(principal, new_id, at_time, first.token, ends,
        auth.requested_ttl(context, 'accessTokenTtl', 'access_token_ttl'));
    PERFORM auth.audit_as(principal.id, principal.email, principal.id, principal.email,
        '{"session": {"previous": null, "current": "signed in"}}', NULL, jsonb_build_object('sessionId', new_id));
    RETURN ROW(true, 200, NULL, payload)::auth.auth_result;
END
$$;
COMMENT ON FUNCTION auth.start_session(auth.users, jsonb) IS 'Internal: a session of a principal that has just proven who it is.';

CREATE OR REPLACE FUNCTION auth.end_sessions(principal_id uuid, how text, except_session uuid) RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    ended integer;
BEGIN
    UPDATE auth.sessions s SET revoked_at = clock_timestamp(), revoked_as = how
    WHERE s.user_id = principal_id AND s.revoked_at IS NULL AND s.id IS DISTINCT FROM except_session;
    GET DIAGNOSTICS ended = ROW_COUNT;
    RETURN ended;
END
$$;
COMMENT ON FUNCTION auth.end_sessions(uuid, text, uuid) IS 'Internal: ends all sessions of a principal but one, whatever opened them.';

CREATE OR REPLACE FUNCTION auth.sign_in(email text, password text, context jsonb DEFAULT NULL) RETURNS auth.auth_result
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    given_email text := coalesce(lower(btrim(sign_in.email, E' \t\r\n\f\x0b') COLLATE "C"), '');
    principal auth.users;
    verified auth.users;
    checked record;
BEGIN
    PERFORM auth.set_request_context(context);
    LOOP
        SELECT * INTO principal FROM auth.users u WHERE u.email = given_email;
        checked := auth.verify_password(principal.encrypted_password, sign_in.password);
        -- For an email that nobody has, one of 4,096 stand-ins is counted and locked: the same work, and no table to fill.
        IF NOT auth.admit_sign_in(coalesce(principal.id, md5('nobody ' || left(md5(given_email), 3))::uuid), checked.ok) THEN
            RETURN auth.refuse_sign_in(principal,
                CASE WHEN principal.id IS NULL THEN 'unknown-email' WHEN checked.ok THEN 'locked' ELSE 'wrong-password' END,
                401, 'Invalid credentials');
        END IF;
        -- From here on the row is locked: what was verified is what stands, and a ban or a new password either came before or waits.
        UPDATE auth.users u SET
            last_sign_in_at = CASE WHEN u.banned_until > clock_timestamp() THEN u.last_sign_in_at ELSE clock_timestamp() END,
            encrypted_password = CASE WHEN checked.needs_upgrade THEN auth.hash_password(sign_in.password) ELSE u.encrypted_password END
        WHERE u.id = principal.id AND u.encrypted_password = principal.encrypted_password
        RETURNING * INTO verified;
        EXIT WHEN FOUND;
    END LOOP;
    IF verified.banned_until > clock_timestamp() THEN
        RETURN auth.refuse_sign_in(verified, 'banned', 403, 'This account is banned');
    END IF;
    RETURN auth.start_session(verified, context);
END
$$;
COMMENT ON FUNCTION auth.sign_in(text, text, jsonb) IS
'Signs a person or agent in: 200 with {user, tokens: {accessToken, accessTokenExpiresIn, refreshToken, refreshTokenExpiresIn}} (seconds); 401 Invalid credentials, the same after the same work for an unknown email, a wrong password and a locked sign-in; 403 when banned, told only to who knows the password. context: ip and userAgent for the audit and the lock, accessTokenTtl and refreshTokenTtl to ask for less than the settings. Call it in a transaction of its own: a rollback takes back its audit entry and its counter, not the guess.';

CREATE OR REPLACE FUNCTION auth.sign_up(profile jsonb, context jsonb DEFAULT NULL) RETURNS auth.auth_result
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    mode text := current_setting('pg_principal.registration');
    checked record;
    made auth.users;
    result auth.auth_result;
BEGIN
    PERFORM auth.set_request_context(context);
    IF mode = 'bootstrap' THEN
        -- the first of two that come at once
        IF NOT EXISTS (SELECT FROM auth.users) THEN
            LOCK TABLE auth.users IN SHARE ROW EXCLUSIVE MODE;
        END IF;
        -- nor is a snapshot from before the lock believed
        IF EXISTS (SELECT FROM auth.users) OR current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
            mode := 'off';
        END IF;
    END IF;
    IF mode = 'off' THEN
        RETURN auth.refusal(403, 'registration-closed', 'Registration is closed');
    END IF;
    checked := auth.read_profile(profile, 'email password firstName lastName jobTitle phoneNumber userMetadata', 'email password');
    checked.problems := coalesce(checked.problems, auth.oversized_metadata(profile));
    IF checked.problems IS NOT NULL THEN
        RETURN auth.refusal(400, 'validation-failed', 'The profile was refused', checked.problems);
    ELSIF mode = 'open' AND EXISTS (SELECT FROM auth.organization_people o WHERE o.email = checked.fields->>'email') THEN
        -- theirs once auth.provision() runs, and with it what the roster lets them see
        RETURN auth.refusal(409, 'email-taken', 'Email is already registered');
    END IF;
    made := auth.store_user(checked.fields, profile, CASE mode WHEN 'bootstrap' THEN 'ADMIN' ELSE 'ANALYST' END, 'registered', true);
    IF made.id IS NULL THEN
        RETURN auth.refusal(409, 'email-taken', 'Email is already registered');
    END IF;
    UPDATE auth.users u SET last_sign_in_at = clock_timestamp() WHERE u.id = made.id RETURNING * INTO made;
    result := auth.start_session(made, context);
    result.status := 201;
    RETURN result;
END
$$;
COMMENT ON FUNCTION auth.sign_up(jsonb, jsonb) IS
'Registers whoever calls, as pg_principal.registration allows: bootstrap (only while there is no principal; the first becomes ADMIN), open (always ANALYST, and no email of the roster), off. 201 with what auth.sign_in() answers, 400 naming every bad field, 403 when registration is closed, 409 Email is already registered.';

CREATE OR REPLACE FUNCTION auth.registration_is_open() RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER
BEGIN ATOMIC
    SELECT CASE current_setting('pg_principal.registration') WHEN 'open' THEN true
        WHEN 'bootstrap' THEN NOT EXISTS (SELECT FROM auth.users) ELSE false END;
END;
COMMENT ON FUNCTION auth.registration_is_open() IS 'Whether auth.sign_up() takes anybody now: see pg_principal.registration.';

CREATE OR REPLACE FUNCTION auth.refuse_refresh(principal auth.users, reason text, metadata jsonb, proven boolean DEFAULT false) RETURNS auth.auth_result
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM auth.count_up('auth.refresh.failures', reason);
    IF auth.audit_failure(coalesce(principal.id, auth.nobody()), principal.email, jsonb_build_object('refreshToken',
        jsonb_build_object('previous', 'active', 'current', 'invalidated', 'reason', reason, 'metadata', metadata)), reason, metadata,
        proven, metadata ? 'sessionEnded') THEN
        PERFORM auth.log_event(jsonb_build_object('event', 'auth.refresh.failure', 'userId', principal.id, 'reason', reason, 'metadata', metadata));
        IF auth.is_agent(principal.kind, principal.email) THEN
            INSERT INTO auth.incidents (kind, user_id, email, reason, metadata, created_at)
            VALUES ('refresh_failure', principal.id, principal.email, reason, metadata, clock_timestamp());
        END IF;
    END IF;
    RETURN auth.refusal(401, reason, 'Unable to refresh session');
END
$$;
COMMENT ON FUNCTION auth.refuse_refresh(auth.users, text, jsonb, boolean) IS
'Internal: counts, audits and logs a refused refresh, proven when the token was once a real one; an agent''s becomes an incident for the next health scan.';

CREATE OR REPLACE FUNCTION auth.refresh(refresh_token text, context jsonb DEFAULT NULL) RETURNS auth.auth_result
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    seen record;
    ends timestamptz;
    metadata jsonb;
    came_at timestamptz := statement_timestamp();
BEGIN
    IF context IS NOT NULL THEN
        PERFORM auth.set_request_context(context);
        IF jsonb_typeof(context->'waitedMs') = 'number' THEN
            came_at := came_at - least(greatest((context->>'waitedMs')::numeric, 0), 60000)::double precision * interval '1 millisecond';
        END IF;
    END IF;
    LOOP
        -- known: the secret is that of the present token or of the one before; of older ones the id must do
        SELECT given.*, s.created_at AS signed_in_at, u AS principal, r.generation AS stored_generation, r.created_at AS exchanged_at, r.expires_at, t.at_time, k.known, CASE
            WHEN given.fault IS NOT NULL THEN given.fault
            WHEN s.id IS NULL THEN 'verification-failed'
            WHEN NOT given.is_ours THEN 'refresh-id-mismatch'
            WHEN r.session_id IS NULL THEN 'missing-refresh-state'
            WHEN given.generation > r.generation THEN 'refresh-id-mismatch'
            WHEN NOT k.known THEN 'hash-mismatch'
            WHEN u.banned_until > t.at_time THEN 'banned'
            WHEN s.revoked_as = 'password_rotated' OR r.invalidated_as = 'password_rotated' THEN 'password-rotated'
            WHEN s.revoked_at IS NOT NULL OR s.generation <> u.session_generation THEN 'token-invalidated'
            WHEN r.expires_at <= t.at_time THEN 'expired'
            WHEN given.generation < r.generation - 1
              OR given.generation < r.generation
                 AND t.at_time >= r.created_at + auth.seconds('refresh_reuse_interval') * interval '1 second' THEN 'refresh-id-mismatch'
        END AS reason INTO seen
        FROM auth.read_refresh_token(refresh_token) AS given CROSS JOIN (SELECT clock_timestamp() AS at_time) AS t
            LEFT JOIN auth.sessions s ON s.id = given.session_id
            LEFT JOIN auth.refresh_tokens r ON r.session_id = s.id
            LEFT JOIN auth.users u ON u.id = s.user_id
            CROSS JOIN LATERAL (SELECT given.is_ours AND CASE given.generation
                WHEN r.generation THEN auth.equal_secrets(given.hash, r.hash)
                WHEN r.generation - 1 THEN auth.equal_secrets(given.hash, r.previous_hash)
                ELSE given.generation < r.generation END AS known) AS k;
        IF seen.reason IS NOT NULL THEN
            metadata := jsonb_strip_nulls(jsonb_build_object('sessionId', seen.session_id, 'generation', seen.generation));
            IF seen.reason = 'refresh-id-mismatch' AND seen.known AND came_at >= seen.exchanged_at THEN
                -- A used token again: whoever shows it, one of two holders is a thief. But a request that came before the
                -- last exchange is late: its sender may have given up on it and asked again.
                PERFORM auth.lock_audit_head(s.user_id) FROM auth.sessions s WHERE s.id = seen.session_id; -- before sessions, as everywhere
                UPDATE auth.sessions s SET revoked_at = clock_timestamp(), revoked_as = 'reuse'
                WHERE s.id = seen.session_id AND s.revoked_at IS NULL;
                metadata := metadata || '{"reuse": true, "sessionEnded": true}';
            END IF;
            -- Ids of sessions are no secret: who knows one must not be able to write into its owner's audit.
            IF seen.is_ours IS NOT TRUE THEN
                seen.principal := NULL;
            END IF;
            RETURN auth.refuse_refresh(seen.principal, seen.reason, metadata, seen.known);
        END IF;
        IF seen.generation < seen.stored_generation THEN
            ends := seen.expires_at; -- a retry: the same successor once more
            EXIT;
        END IF;
        UPDATE auth.refresh_tokens r
        SET generation = r.generation + 1, hash = seen.successor_hash, previous_hash = r.hash, created_at = seen.at_time,
            expires_at = seen.at_time + CASE WHEN context IS NULL THEN auth.seconds('refresh_token_ttl')
                ELSE auth.requested_ttl(context, 'refreshTokenTtl', 'refresh_token_ttl') END * interval '1 second'
        WHERE r.session_id = seen.session_id AND r.generation = seen.generation AND r.hash = seen.hash AND r.invalidated_as IS NULL
        RETURNING r.expires_at INTO ends;
        EXIT WHEN FOUND;
        -- somebody was faster: judge again by what is there now
    END LOOP;
    RETURN ROW(true, 200, NULL, auth.session_payload(seen.principal, seen.session_id, seen.signed_in_at, seen.successor, ends,
        CASE WHEN context IS NOT NULL THEN auth.requested_ttl(context, 'accessTokenTtl', 'access_token_ttl') END))::auth.auth_result;
END
$$;
COMMENT ON FUNCTION auth.refresh(text, jsonb) IS
'Exchanges a refresh token for a new one and an access token: what auth.sign_in() answers. Shown again within pg_principal.refresh_reuse_interval, the used token gives the same successor; later it ends its session. 401 Unable to refresh session otherwise, with one of verification-failed, invalid-payload, missing-refresh-state (signed out), token-invalidated, password-rotated, refresh-id-mismatch, hash-mismatch, expired, banned as reason, which is for the operator: audited, counted, logged. context: as for auth.sign_in(), and waitedMs, for how long the request has waited (0 to 60000): one that came before the last exchange ends no session. Call it in a transaction of its own.';

CREATE OR REPLACE FUNCTION auth.sign_out(scope text DEFAULT 'local', context jsonb DEFAULT NULL) RETURNS auth.auth_result
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    refused auth.auth_result := auth.refusal_of_caller();
    caller uuid := auth.uid();
    caller_email text := auth.email();
    current_session uuid := auth.session_id();
    ended uuid[];
BEGIN
    IF refused.ok IS NOT NULL THEN
        RETURN refused;
    ELSIF scope IS NULL OR scope NOT IN ('local', 'others', 'global') THEN
        PERFORM auth.raise_error('sign_out_scope_unknown', coalesce(scope, 'NULL'));
    END IF;
    PERFORM auth.set_request_context(context);
    -- Everybody locks in this order: counted sign-ins, the principal (so that no session begins meanwhile),
    -- refresh tokens (one that lost a race is held when it comes to be audited), the audit chain, sessions.
    PERFORM FROM auth.users u WHERE u.id = caller FOR NO KEY UPDATE;
    PERFORM FROM auth.sessions s JOIN auth.refresh_tokens r ON r.session_id = s.id
    WHERE s.user_id = caller AND s.revoked_at IS NULL ORDER BY r.session_id FOR UPDATE OF r;
    PERFORM auth.lock_audit_head(caller);
    WITH gone AS (
        UPDATE auth.sessions s SET revoked_at = clock_timestamp(), revoked_as = 'signed_out'
        WHERE s.user_id = caller AND s.revoked_at IS NULL
          AND CASE scope WHEN 'local' THEN s.id = current_session WHEN 'others' THEN s.id <> current_session ELSE true END
        RETURNING s.id
    )
    SELECT coalesce(array_agg(g.id), '{}') INTO ended FROM gone g;
    DELETE FROM auth.refresh_tokens r WHERE r.session_id = ANY (ended);
    IF cardinality(ended) > 0 THEN
        -- by now the caller's token may be dead
        PERFORM auth.audit_as(caller, caller_email, caller, caller_email, '{"session": {"previous": "active", "current": "signed out"}}', NULL,
            jsonb_build_object('scope', scope, 'sessions', cardinality(ended), 'sessionId', current_session));
    END IF;
    RETURN ROW(true, 200, NULL, jsonb_build_object('success', true))::auth.auth_result;
END
$$;
COMMENT ON FUNCTION auth.sign_out(text, jsonb) IS
'Ends sessions of the caller at the next statement everywhere: this one (local), all but this one (others) or all (global), issued tokens included. 200 {success: true}; 401 without a token; 22023 for another scope.';

CREATE OR REPLACE FUNCTION auth.judge_new_password(principal auth.users, current_password text, new_password text, field text) RETURNS auth.auth_result
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    checked record := auth.read_profile(jsonb_build_object('password', coalesce(new_password, '')), 'password', 'password');
    is_right boolean;
BEGIN
    IF current_password IS NOT NULL THEN
        -- a stolen access token must not become a way to guess the password
        is_right := (auth.verify_password(principal.encrypted_password, current_password)).ok;
        IF NOT auth.admit_sign_in(principal.id, is_right) THEN
            RETURN auth.refuse_sign_in(principal, CASE WHEN is_right THEN 'locked' ELSE 'wrong-password' END, 400,
                'The current password is wrong');
        END IF;
    END IF;
    IF checked.problems IS NOT NULL THEN
        RETURN auth.refusal(400, 'weak-password', 'The new password was refused',
            (SELECT jsonb_agg(jsonb_build_object('field', field, 'message', replace(p->>'message', 'password ', field || ' ')))
             FROM jsonb_array_elements(checked.problems) AS p));
    ELSIF (CASE WHEN current_password IS NULL THEN (auth.verify_password(principal.encrypted_password, new_password)).ok
            ELSE new_password = current_password END) THEN
        RETURN auth.refusal(400, 'same-password', 'The new password was refused',
            jsonb_build_array(jsonb_build_object('field', field, 'message', field || ' must differ from the current password')));
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION auth.judge_new_password(auth.users, text, text, text) IS
'Internal: the refusal of a new password, told of under the name of a field; NULL when it will do. Without a current password nothing is proven.';

CREATE OR REPLACE FUNCTION auth.lock_own_password(principal auth.users) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- in the order that auth.sign_out() tells of
    PERFORM FROM auth.users u WHERE u.id = principal.id AND u.encrypted_password IS NOT DISTINCT FROM principal.encrypted_password
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM FROM auth.refresh_tokens r WHERE r.session_id = auth.session_id() FOR UPDATE;
    RETURN true;
END
$$;
COMMENT ON FUNCTION auth.lock_own_password(auth.users) IS
'Internal: locks what the change of the caller''s password touches; false when the password is no longer what was judged.';

CREATE OR REPLACE FUNCTION auth.change_password(current_password text, new_password text, context jsonb DEFAULT NULL) RETURNS auth.auth_result
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    refused auth.auth_result := auth.refusal_of_caller();
    principal auth.users;
BEGIN
    IF refused.ok IS NOT NULL THEN
        RETURN refused;
    END IF;
    PERFORM auth.set_request_context(context);
    SELECT * INTO principal FROM auth.users u WHERE u.id = auth.uid();
    refused := auth.judge_new_password(principal, coalesce(current_password, ''), new_password, 'newPassword');
    IF refused.ok IS NOT NULL THEN
        RETURN refused;
    ELSIF NOT auth.lock_own_password(principal) THEN
        RETURN auth.refusal(409, 'password-rotated', 'The password was changed meanwhile');
    END IF;
    UPDATE auth.users u
    SET encrypted_password = auth.hash_password(new_password), password_changed_at = clock_timestamp(), updated_at = clock_timestamp()
    WHERE u.id = principal.id;
    PERFORM auth.end_sessions(principal.id, 'password_rotated', auth.session_id());
    UPDATE auth.refresh_tokens r SET invalidated_as = 'password_rotated' WHERE r.session_id = auth.session_id();
    UPDATE auth.sessions s SET expires_at = clock_timestamp() + auth.seconds('access_token_ttl') * interval '1 second'
    WHERE s.id = auth.session_id() AND s.origin = 'sign_in';
    RETURN ROW(true, 200, NULL, jsonb_build_object('success', true))::auth.auth_result;
END
$$;
COMMENT ON FUNCTION auth.change_password(text, text, jsonb) IS
'The caller''s own password: ends all its other sessions and every refresh token, this session''s too; its access token lives on until it expires. 200 {success: true}; 400 when the current password is wrong (counted like a failed sign-in) or the new one is refused or the same; 401 without a token.';

CREATE OR REPLACE FUNCTION auth.update_account(changes jsonb, context jsonb DEFAULT NULL) RETURNS auth.auth_result
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    refused auth.auth_result := auth.refusal_of_caller();
    problem constant text := 'The account was refused';
    principal auth.users;
    checked record;
    result auth.auth_result;
BEGIN
    IF refused.ok IS NOT NULL THEN
        RETURN refused;
    ELSIF jsonb_typeof(changes->'currentPassword') NOT IN ('string', 'null') THEN
        RETURN auth.bad_field(problem, 'currentPassword', 'must be a string');
    END IF;
    PERFORM auth.set_request_context(context);
    -- the password is judged by itself, so that a wrong current one is told first
    checked := auth.read_profile(CASE WHEN jsonb_typeof(changes) = 'object' THEN changes - '{password, currentPassword}'::text[] END,
        'email userMetadata', '');
    checked.problems := coalesce(checked.problems, auth.oversized_metadata(changes));
    IF checked.problems IS NOT NULL THEN
        RETURN auth.refusal(400, 'validation-failed', problem, checked.problems);
    ELSIF checked.fields->>'email' <> auth.email() THEN
        RETURN auth.refusal(400, 'email-change', problem,
            '[{"field": "email", "message": "email can be changed by an administrator only"}]');
    ELSIF coalesce(changes->'password', 'null') = 'null' THEN
        RETURN auth.change_user(auth.uid(), '{}', changes);
    ELSIF jsonb_typeof(changes->'password') <> 'string' THEN
        RETURN auth.bad_field(problem, 'password', 'must be a string');
    ELSIF changes->>'currentPassword' IS NULL AND current_setting('pg_principal.require_current_password')::boolean THEN
        RETURN auth.refusal(400, 'current-password-required', problem,
            '[{"field": "currentPassword", "message": "currentPassword is required for a new password"}]');
    END IF;
    SELECT * INTO principal FROM auth.users u WHERE u.id = auth.uid();
    refused := auth.judge_new_password(principal, changes->>'currentPassword', changes->>'password', 'password');
    IF refused.ok IS NOT NULL THEN
        RETURN refused;
    ELSIF NOT auth.lock_own_password(principal) THEN
        RETURN auth.refusal(409, 'password-rotated', 'The password was changed meanwhile');
    END IF;
    result := auth.change_user(principal.id, jsonb_build_object('password', changes->'password'), changes);
    IF result.ok THEN
        PERFORM auth.end_sessions(principal.id, 'password_rotated', auth.session_id());
    END IF;
    RETURN result;
END
$$;
COMMENT ON FUNCTION auth.update_account(jsonb, jsonb) IS
'The caller''s own userMetadata (merged; null takes a member away) and password in one step. A new password needs currentPassword unless pg_principal.require_current_password is off, and ends all other sessions; this one goes on. email may be given as it is. 200 with the profile, 400 naming the bad field or when the current password is wrong (counted like a failed sign-in), 401 without a token.';

CREATE OR REPLACE FUNCTION auth.prune_sessions(older_than interval DEFAULT '30 days') RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    cutoff timestamptz := clock_timestamp() - older_than;
    removed bigint;
BEGIN
    IF older_than IS NULL OR older_than <= interval '0' THEN
        PERFORM auth.raise_error('interval_invalid', 'older_than', coalesce(older_than::text, 'NULL'));
    END IF;
    -- what an open transaction holds is for the next pruning
    WITH ended AS MATERIALIZED (
        SELECT o.id, r.session_id IS NOT NULL AS has_token
        FROM auth.sessions o LEFT JOIN auth.refresh_tokens r ON r.session_id = o.id LEFT JOIN auth.users u ON u.id = o.user_id
        WHERE o.revoked_at < cutoff OR least(o.expires_at, r.expires_at) < cutoff
            OR u.session_generation <> o.generation AND o.created_at < cutoff
        FOR UPDATE OF o SKIP LOCKED
    ), free AS MATERIALIZED (
        SELECT r.session_id FROM auth.refresh_tokens r JOIN ended e ON e.id = r.session_id FOR UPDATE OF r SKIP LOCKED
    )
    DELETE FROM auth.sessions s USING ended e LEFT JOIN free f ON f.session_id = e.id
    WHERE s.id = e.id AND (f.session_id IS NOT NULL OR NOT e.has_token);
    GET DIAGNOSTICS removed = ROW_COUNT;
    RETURN removed;
END
$$;
COMMENT ON FUNCTION auth.prune_sessions(interval) IS
'Deletes sessions that ended longer ago than that; until then a refresh is refused with the reason, after it as unknown. Returns how many went. 22023 for an interval that is not above zero.';
-- The health of agents: what was refused is reported once, what is about to fail in time.

CREATE OR REPLACE FUNCTION auth.drain_token_use(OUT session_id uuid, OUT used_at timestamptz) RETURNS SETOF record
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'pg_principal_drain_token_use';
COMMENT ON FUNCTION auth.drain_token_use() IS
'Internal: which agents'' sessions were used since the last call, as far as it was noted in shared memory.';
CREATE OR REPLACE FUNCTION auth.token_use_is_known() RETURNS boolean
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'pg_principal_token_use_is_known';
COMMENT ON FUNCTION auth.token_use_is_known() IS
'Internal: whether uses are noted, which takes pg_principal in shared_preload_libraries, and none was lost since the last drain.';

CREATE OR REPLACE FUNCTION auth.agent_findings(use_is_known boolean, OUT kind text, OUT user_id uuid, OUT email text, OUT subject text, OUT reason text, OUT metadata jsonb) RETURNS SETOF record
LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH agents AS (
        SELECT * FROM auth.users u WHERE auth.is_agent(u.kind, u.email) AND (u.banned_until > now()) IS NOT TRUE
    ), live AS (
        SELECT s.*, a.email, r.created_at AS refreshed_at, r.expires_at AS refresh_expires_at
        FROM agents a JOIN auth.sessions s ON s.user_id = a.id AND s.generation = a.session_generation
            -- an issued token has no refresh token: the index is not asked for NULL
            LEFT JOIN auth.refresh_tokens r ON r.session_id = CASE s.origin WHEN 'sign_in' THEN s.id END
        WHERE s.revoked_at IS NULL AND s.expires_at > now()
    )
    SELECT 'token_expiring', l.user_id, l.email, format('%s within %s d', l.id, d.days), 'expires within ' || CASE d.days WHEN 1 THEN '1 day' ELSE d.days || ' days' END,
        jsonb_build_object('sessionId', l.id, 'label', l.label, 'expiresAt', auth.iso_time(l.expires_at))
    FROM live l CROSS JOIN LATERAL (
        SELECT min(t.days) AS days FROM (VALUES (1), (7), (30)) AS t (days)
        WHERE l.expires_at < now() + t.days * interval '1 day' AND l.expires_at - l.created_at > 2 * t.days * interval '1 day') AS d
    WHERE l.origin = 'issued' AND d.days IS NOT NULL
      -- its successor is there already
      AND NOT EXISTS (SELECT FROM live n WHERE n.user_id = l.user_id AND n.origin = 'issued' AND n.label IS NOT DISTINCT FROM l.label
                      AND n.created_at > l.created_at AND n.expires_at > l.expires_at)
    UNION ALL
    SELECT 'token_unused', l.user_id, l.email, l.id::text, 'unused for 90 days',
        jsonb_build_object('sessionId', l.id, 'label', l.label, 'lastUsedAt', auth.iso_time(l.last_used_at))
    FROM live l
    WHERE agent_findings.use_is_known AND l.origin = 'issued' AND coalesce(l.last_used_at, l.created_at) < now() - interval '90 days'
    UNION ALL
    SELECT 'admin_agent', a.id, a.email, '', 'an agent has the role ADMIN', '{}' FROM agents a WHERE a.app_role = 'ADMIN'
    UNION ALL
    SELECT 'password_old', a.id, a.email, '', format('password older than %s', current_setting('pg_principal.agent_password_max_age')),
        jsonb_build_object('passwordChangedAt', auth.iso_time(coalesce(a.password_changed_at, a.created_at)))
    FROM agents a
    WHERE a.encrypted_password IS NOT NULL AND auth.seconds('agent_password_max_age') > 0
      AND coalesce(a.password_changed_at, a.created_at) < now() - auth.seconds('agent_password_max_age') * interval '1 second'
    UNION ALL
    SELECT 'refresh_lapsing', l.user_id, l.email, l.id::text, 'refresh token about to lapse unrefreshed',
        jsonb_build_object('sessionId', l.id, 'refreshedAt', auth.iso_time(l.refreshed_at), 'expiresAt', auth.iso_time(l.refresh_expires_at))
    FROM live l
    WHERE l.refresh_expires_at > now()
      AND l.refresh_expires_at < now() + least(interval '1 day', (l.refresh_expires_at - l.refreshed_at) / 4);
END;
COMMENT ON FUNCTION auth.agent_findings(boolean) IS
'Internal: what is wrong with agents at this moment: issued tokens that expire within 30, 7 or 1 days (those that live more than twice as long and have no successor of the same label yet), are unused for 90 days, agents with the role ADMIN, passwords older than pg_principal.agent_password_max_age, refresh tokens in the last quarter, at most the last day, of their life.';

CREATE OR REPLACE FUNCTION auth.incident_line(schedule_id text, i auth.incidents) RETURNS text
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT jsonb_build_object(
        'event', CASE (incident_line.i).kind WHEN 'refresh_failure' THEN 'agent.refresh.failure.detected'
            ELSE 'agent.' || (incident_line.i).kind || '.detected' END,
        'scheduleId', incident_line.schedule_id, 'userId', (incident_line.i).user_id, 'email', (incident_line.i).email,
        'reason', (incident_line.i).reason, 'metadata', (incident_line.i).metadata,
        'createdAt', auth.iso_time((incident_line.i).created_at))::text;
END;
COMMENT ON FUNCTION auth.incident_line(text, auth.incidents) IS 'Internal: an incident as the health scan logs it.';

CREATE OR REPLACE FUNCTION auth.collect_incidents(
    schedule_id text, OUT line text, OUT id uuid, OUT kind text, OUT user_id uuid, OUT email text, OUT reason text,
    OUT metadata jsonb, OUT created_at timestamptz) RETURNS SETOF record
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    use_is_known boolean := auth.token_use_is_known();
    at_time timestamptz := clock_timestamp();
    failures bigint;
BEGIN
    -- What somebody is just ending is passed over: waiting for it could be waiting in a circle.
    WITH used AS MATERIALIZED (
        SELECT * FROM auth.drain_token_use()
    ), free AS (
        SELECT s.id, d.used_at FROM used d JOIN auth.sessions s ON s.id = d.session_id FOR NO KEY UPDATE OF s SKIP LOCKED
    )
    UPDATE auth.sessions s SET last_used_at = greatest(s.last_used_at, f.used_at) FROM free f WHERE s.id = f.id;

    RETURN QUERY
    WITH taken AS (
        SELECT i.id FROM auth.incidents i WHERE i.detected_at IS NULL FOR UPDATE SKIP LOCKED
    ), detected AS (
        UPDATE auth.incidents i SET detected_at = at_time FROM taken t WHERE i.id = t.id RETURNING i
    )
    SELECT auth.incident_line(schedule_id, d.i), (d.i).id, (d.i).kind, (d.i).user_id, (d.i).email, (d.i).reason, (d.i).metadata, (d.i).created_at
    FROM detected d ORDER BY (d.i).created_at, (d.i).id;
    GET DIAGNOSTICS failures = ROW_COUNT;
    IF failures > 0 THEN
        PERFORM auth.count_up('agent.refresh.failures', '', failures);
    END IF;

    RETURN QUERY
    WITH findings AS MATERIALIZED (
        SELECT * FROM auth.agent_findings(use_is_known)
    ), resolved AS (
        UPDATE auth.incidents i SET resolved_at = at_time
        WHERE i.kind <> 'refresh_failure' AND i.resolved_at IS NULL AND (i.kind <> 'token_unused' OR use_is_known)
          AND NOT EXISTS (SELECT FROM findings f WHERE (f.kind, f.user_id, f.subject) = (i.kind, i.user_id, i.subject))
    ), opened AS (
        INSERT INTO auth.incidents AS i (kind, user_id, email, subject, reason, metadata, created_at, detected_at)
        SELECT f.kind, f.user_id, f.email, f.subject, f.reason, f.metadata, at_time, at_time FROM findings f
        ON CONFLICT DO NOTHING RETURNING i
    )
    SELECT auth.incident_line(schedule_id, o.i), (o.i).id, (o.i).kind, (o.i).user_id, (o.i).email, (o.i).reason, (o.i).metadata, (o.i).created_at
    FROM opened o ORDER BY (o.i).email, (o.i).kind, (o.i).subject;

    -- said as the partial index says it: refusals, which may be millions, are none
    PERFORM auth.set_gauge('agent.findings', k.kind, (SELECT count(*) FROM auth.incidents i
        WHERE i.kind = k.kind AND i.kind <> 'refresh_failure' AND i.resolved_at IS NULL))
    FROM (VALUES ('token_expiring'), ('token_unused'), ('admin_agent'), ('password_old'), ('refresh_lapsing')) AS k (kind);
    PERFORM auth.set_gauge('agent.count', '', (SELECT count(*) FROM auth.users u WHERE auth.is_agent(u.kind, u.email)));
    PERFORM auth.set_gauge('agent.health.last_scan', '', extract(epoch FROM at_time)::bigint);
END
$$;
COMMENT ON FUNCTION auth.collect_incidents(text) IS
'Internal: what the health scan has to tell, each once: refused refreshes not yet reported, in whatever order they were committed, and findings that were not open before. Findings that no longer hold are resolved.';

CREATE OR REPLACE FUNCTION auth.scan_agent_health(
    schedule_id text DEFAULT NULL, OUT id uuid, OUT kind text, OUT user_id uuid, OUT email text, OUT reason text,
    OUT metadata jsonb, OUT created_at timestamptz) RETURNS SETOF record
LANGUAGE c VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET client_min_messages = error
AS 'MODULE_PATHNAME', 'pg_principal_scan_agent_health';
COMMENT ON FUNCTION auth.scan_agent_health(text) IS
'Reports the incidents of agents since the last scan, each exactly once however often or concurrently it runs: a row, a line of JSON at WARNING in the server log, not sent to the client (agent.refresh.failure.detected, ...), the counter agent.refresh.failures, the gauges agent.findings. schedule_id goes into the lines.';

CREATE OR REPLACE FUNCTION auth.agent_health(
    OUT email text, OUT app_role text, OUT banned boolean, OUT issued_tokens bigint, OUT signed_in_sessions bigint,
    OUT next_expiry timestamptz, OUT last_used_at timestamptz, OUT last_refresh_at timestamptz, OUT password_changed_at timestamptz,
    OUT refresh_failures bigint, OUT last_failure_at timestamptz, OUT last_failure_reason text, OUT findings text[]) RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER
BEGIN ATOMIC
    SELECT u.email, u.app_role, coalesce(u.banned_until > now(), false), l.issued, l.signed_in, l.next_expiry,
        l.last_used_at, l.last_refresh_at, u.password_changed_at, coalesce(f.failures, 0), f.last_at, f.last_reason,
        ARRAY(SELECT i.reason FROM auth.incidents i WHERE i.user_id = u.id AND i.kind <> 'refresh_failure' AND i.resolved_at IS NULL ORDER BY i.reason)
    FROM auth.users u
    CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE s.origin = 'issued') AS issued, count(*) FILTER (WHERE s.origin = 'sign_in') AS signed_in,
            min(least(s.expires_at, r.expires_at)) AS next_expiry, max(s.last_used_at) AS last_used_at,
            max(r.created_at) FILTER (WHERE r.generation > 1) AS last_refresh_at
        FROM auth.sessions s LEFT JOIN auth.refresh_tokens r ON r.session_id = s.id
        WHERE s.user_id = u.id AND auth.session_state(s, u.session_generation, u.banned_until, r) = 'live') AS l
    LEFT JOIN (
        SELECT i.user_id, count(*) AS failures, max(i.created_at) AS last_at, (array_agg(i.reason ORDER BY i.created_at DESC))[1] AS last_reason
        FROM auth.incidents i WHERE i.kind = 'refresh_failure' AND i.created_at > now() - interval '7 days'
        GROUP BY i.user_id) AS f ON f.user_id = u.id
    WHERE auth.is_agent(u.kind, u.email)
    ORDER BY u.email;
END;
COMMENT ON FUNCTION auth.agent_health() IS
'For operators: each agent with its live issued tokens and signed-in sessions, the next of them to end, last use (to within a day, as of the last scan) and refresh, refused refreshes of the last 7 days, and the findings of the last scan.';

CREATE OR REPLACE FUNCTION auth.list_incidents(
    since timestamptz DEFAULT now() - interval '7 days', OUT id uuid, OUT kind text, OUT user_id uuid, OUT email text, OUT reason text,
    OUT metadata jsonb, OUT created_at timestamptz, OUT detected_at timestamptz, OUT resolved_at timestamptz) RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER
BEGIN ATOMIC
    SELECT i.id, i.kind, i.user_id, i.email, i.reason, i.metadata, i.created_at, i.detected_at, i.resolved_at
    FROM auth.incidents i WHERE i.created_at >= list_incidents.since ORDER BY i.created_at DESC, i.id;
END;
COMMENT ON FUNCTION auth.list_incidents(timestamptz) IS 'For operators: incidents of agents, newest first, reported by a scan or not yet.';

CREATE OR REPLACE FUNCTION auth.require_cron() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- the extension's own function: anybody may make a schema named cron where there is none
    IF NOT EXISTS (SELECT FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
                   WHERE d.classid = 'pg_proc'::regclass AND d.objid = to_regprocedure('cron.schedule(text,text,text)')
                     AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' AND e.extname = 'pg_cron') THEN
        PERFORM auth.raise_error('cron_missing', coalesce(current_setting('cron.database_name', true), 'postgres'));
    END IF;
END
$$;
COMMENT ON FUNCTION auth.require_cron() IS 'Internal: 55000 unless pg_cron is installed in this database.';

CREATE OR REPLACE FUNCTION auth.schedule_health_scan(schedule text DEFAULT '0 * * * *') RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    job bigint;
BEGIN
    PERFORM auth.require_cron();
    EXECUTE 'SELECT cron.schedule($1, $2, $3)' INTO job USING 'pg_principal_health_scan', schedule,
        'SELECT count(*) FROM auth.scan_agent_health(''pg_principal_health_scan'')';
    RETURN job;
END
$$;
COMMENT ON FUNCTION auth.schedule_health_scan(text) IS
'Has pg_cron run auth.scan_agent_health() in this database, every hour unless told otherwise, as the owner of the extension; called again it changes the schedule. Returns the id of the job in cron.job. 55000 without pg_cron in this database; an unreadable schedule is pg_cron''s error.';

CREATE OR REPLACE FUNCTION auth.unschedule_health_scan() RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    job bigint;
BEGIN
    PERFORM auth.require_cron();
    EXECUTE 'SELECT j.jobid FROM cron.job j WHERE j.jobname = $1 AND j.username = current_user'
        INTO job USING 'pg_principal_health_scan';
    IF job IS NULL THEN
        RETURN false;
    END IF;
    EXECUTE 'SELECT cron.unschedule($1)' USING job;
    RETURN true;
END
$$;
COMMENT ON FUNCTION auth.unschedule_health_scan() IS
'Takes the health scan out of pg_cron. False when it was not scheduled; 55000 without pg_cron in this database.';
-- The clamp: policies that bind rows to the caller.

CREATE OR REPLACE FUNCTION auth.self_and_report_emails() RETURNS text[]
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER
BEGIN ATOMIC
    SELECT array_agg(e.email) FROM (
        SELECT auth.email() AS email
        UNION ALL
        SELECT o.email FROM auth.organization_people o WHERE o.manager_email = auth.email()) AS e
    WHERE e.email IS NOT NULL;
END;
COMMENT ON FUNCTION auth.self_and_report_emails() IS
'The caller''s email and those of the rows of the roster whose manager the caller is. NULL without a principal; 28000 when the token is dead.';

CREATE OR REPLACE FUNCTION auth.self_and_report_ids() RETURNS uuid[]
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER
BEGIN ATOMIC
    SELECT array_agg(u.id) FROM auth.users u WHERE u.email = ANY (auth.self_and_report_emails());
END;
COMMENT ON FUNCTION auth.self_and_report_ids() IS 'The same as ids of auth.users.';

CREATE OR REPLACE FUNCTION auth.owner_is(owner text, kind text) RETURNS boolean
LANGUAGE c STABLE PARALLEL SAFE COST 10 AS 'MODULE_PATHNAME', 'pg_principal_owner_email_is';
COMMENT ON FUNCTION auth.owner_is(text, text) IS
'Whether the principal with that email is a person or a service_account. False without a live token of a principal, for an unknown owner and for NULL.';
CREATE OR REPLACE FUNCTION auth.owner_is(owner uuid, kind text) RETURNS boolean
LANGUAGE c STABLE PARALLEL SAFE COST 10 AS 'MODULE_PATHNAME', 'pg_principal_owner_id_is';
COMMENT ON FUNCTION auth.owner_is(uuid, text) IS 'The same for the id of a principal.';

CREATE OR REPLACE FUNCTION auth.clamp(tbl regclass, owner_column name, scope text DEFAULT 'self', writes boolean DEFAULT false) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    relation record;
    owner record;
    was text;
    condition text;
    policy name;
BEGIN
    SELECT c.oid, c.relkind, c.relrowsecurity, c.relforcerowsecurity, format('%I.%I', n.nspname, c.relname) AS name
    INTO relation FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = tbl;
    IF tbl IS NULL OR NOT FOUND THEN
        PERFORM auth.raise_error('clamp_no_table', coalesce(tbl::text, 'NULL'));
    ELSIF relation.relkind NOT IN ('r', 'p') THEN
        PERFORM auth.raise_error('clamp_not_a_table', relation.name);
    END IF;

    WITH RECURSIVE base AS (
        SELECT a.attnum, a.attname, a.atttypid AS type FROM pg_attribute a
        WHERE a.attrelid = tbl AND a.attname = owner_column AND a.attnum > 0 AND NOT a.attisdropped
        UNION ALL
        SELECT b.attnum, b.attname, t.typbasetype FROM base b JOIN pg_type t ON t.oid = b.type WHERE t.typtype = 'd'
    )
    SELECT b.attnum, b.attname, b.type INTO owner FROM base b JOIN pg_type t ON t.oid = b.type WHERE t.typtype <> 'd';
    IF NOT FOUND THEN
        PERFORM auth.raise_error('clamp_no_column', coalesce(owner_column::text, 'NULL'), relation.name);
    ELSIF owner.type NOT IN ('text'::regtype, 'varchar'::regtype, 'uuid'::regtype) THEN
        PERFORM auth.raise_error('clamp_column_type', owner_column, relation.name, format_type(owner.type, NULL));
    ELSIF EXISTS (SELECT FROM pg_attribute a JOIN pg_collation c ON c.oid = a.attcollation
                  WHERE a.attrelid = tbl AND a.attnum = owner.attnum AND NOT c.collisdeterministic) THEN
        PERFORM auth.raise_error('clamp_collation', owner_column, relation.name);
    END IF;

    condition := CASE
        WHEN scope = 'self' AND owner.type = 'uuid'::regtype THEN '%1$I = (SELECT auth.uid())'
        WHEN scope = 'self' THEN '%1$I = (SELECT auth.email())'
        WHEN scope = 'self_and_reports' AND owner.type = 'uuid'::regtype THEN '%1$I = ANY ((SELECT auth.self_and_report_ids())::uuid[])'
        WHEN scope = 'self_and_reports' THEN '%1$I = ANY ((SELECT auth.self_and_report_emails())::text[])'
        WHEN scope = 'service_accounts' THEN 'auth.owner_is(%1$I, ''service_account'')'
        WHEN scope = 'people' THEN 'auth.owner_is(%1$I, ''person'')'
        WHEN scope = 'everyone' THEN '(SELECT auth.uid()) IS NOT NULL'
    END;
    IF condition IS NULL THEN
        PERFORM auth.raise_error('clamp_scope_unknown', coalesce(scope, 'NULL'));
    END IF;
    condition := format(condition, owner.attname);

    -- what unclamp() puts back; a second clamp keeps what the first one found
    SELECT substring(obj_description(p.oid, 'pg_policy') FROM '.*before: (.*)$') INTO was
    FROM pg_policy p WHERE p.polrelid = tbl AND p.polname = 'pg_principal_clamp';
    was := coalesce(was, concat_ws(' ', 'row security', CASE WHEN relation.relrowsecurity THEN 'on' ELSE 'off' END,
        CASE WHEN relation.relforcerowsecurity THEN 'forced' ELSE 'not forced' END));

    FOR policy IN SELECT p.polname FROM pg_policy p WHERE p.polrelid = tbl AND p.polname IN ('pg_principal_clamp', 'pg_principal_permit') LOOP
        EXECUTE format('DROP POLICY %I ON %s', policy, relation.name);
    END LOOP;
    -- restrictive, so that no other policy widens it, for reads or writes; permissive too, because
    -- something has to permit
    EXECUTE format('CREATE POLICY pg_principal_clamp ON %s AS RESTRICTIVE FOR ALL USING (%s)', relation.name, condition);
    EXECUTE format('CREATE POLICY pg_principal_permit ON %s AS PERMISSIVE FOR %s USING (%s)', relation.name,
        CASE WHEN writes THEN 'ALL' ELSE 'SELECT' END, condition);
    EXECUTE format('COMMENT ON POLICY pg_principal_clamp ON %s IS %L', relation.name,
        format('auth.clamp: scope %s on %I, %s; before: %s', scope, owner.attname,
            CASE WHEN writes THEN 'reads and writes' ELSE 'reads' END, was));
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', relation.name);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', relation.name);

    IF scope IN ('self', 'self_and_reports') AND NOT EXISTS (
        SELECT FROM pg_index i WHERE i.indrelid = tbl AND i.indisvalid AND i.indpred IS NULL AND i.indkey[0] = owner.attnum) THEN
        RAISE NOTICE 'no index of % begins with %: every query reads the whole table', relation.name, owner.attname
            USING HINT = format('CREATE INDEX ON %s (%I);', relation.name, owner.attname);
    END IF;
END
$$;
COMMENT ON FUNCTION auth.clamp(regclass, name, text, boolean) IS
'Binds the rows of a table to the caller''s identity by row-level security, for its owner too (FORCE). owner_column holds the owner''s email (text, lower case) or id (uuid). scope says whose rows a caller sees: self; self_and_reports (and of those whose manager the caller is on the roster); service_accounts; people; everyone (any live principal). writes: the same rows may also be inserted, updated and deleted; without it only other policies permit that, and never beyond the scope. A second call replaces the first. 42P01, 42703, 42804 or 22023 for a wrong table, column, type or scope. Superusers and BYPASSRLS roles are never clamped.';

CREATE OR REPLACE FUNCTION auth.unclamp(tbl regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    table_name text;
    was text;
BEGIN
    SELECT format('%I.%I', n.nspname, c.relname), substring(obj_description(p.oid, 'pg_policy') FROM '.*before: (.*)$')
    INTO table_name, was
    FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE p.polrelid = tbl AND p.polname = 'pg_principal_clamp';
    IF NOT FOUND THEN
        PERFORM auth.raise_error('clamp_absent', coalesce(tbl::text, 'NULL'));
    END IF;
    EXECUTE format('DROP POLICY pg_principal_clamp ON %s', table_name);
    EXECUTE format('DROP POLICY IF EXISTS pg_principal_permit ON %s', table_name);
    IF was LIKE '%not forced' THEN
        EXECUTE format('ALTER TABLE %s NO FORCE ROW LEVEL SECURITY', table_name);
    END IF;
    -- with other policies about, switching row security off would open what they close
    IF was LIKE 'row security off%' AND NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = tbl) THEN
        EXECUTE format('ALTER TABLE %s DISABLE ROW LEVEL SECURITY', table_name);
    END IF;
END
$$;
COMMENT ON FUNCTION auth.unclamp(regclass) IS
'Takes away what auth.clamp() installed and puts row security back as it was; other policies stay in force. 42704 when the table is not clamped.';
-- What administrators and auditors do over an API. Each function judges its caller by itself; refusals are answers.

CREATE OR REPLACE FUNCTION auth.ban_user(
    user_id uuid, duration interval DEFAULT '100 years', reason text DEFAULT NULL, context jsonb DEFAULT NULL) RETURNS auth.auth_result
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    refused auth.auth_result := auth.refusal_of_caller('ADMIN');
    target auth.users;
BEGIN
    IF refused.ok IS NOT NULL THEN
        RETURN refused;
    ELSIF duration IS NULL OR duration <= interval '0' OR duration > interval '1000 years' THEN
        RETURN auth.bad_field('The ban was refused', 'duration', 'must be above zero and at most 1000 years');
    ELSIF octet_length(reason) > 1000 THEN
        RETURN auth.bad_field('The ban was refused', 'reason', 'has more than 1000 bytes');
    ELSIF user_id = auth.uid() THEN
        RETURN auth.refusal(409, 'own-account', 'You cannot ban yourself');
    END IF;
    PERFORM auth.set_request_context(context);
    PERFORM auth.take_hold(ban_user.user_id); -- before the email is read: another may be changing it
    SELECT * INTO target FROM auth.users u WHERE u.id = ban_user.user_id;
    IF NOT FOUND THEN
        RETURN auth.refusal(404, 'unknown-user', 'User not found');
    END IF;
    PERFORM auth.ban(target.email, duration, reason);
    SELECT * INTO target FROM auth.users u WHERE u.id = ban_user.user_id;
    RETURN ROW(true, 200, NULL, jsonb_build_object('user', auth.user_json(target)))::auth.auth_result;
END
$$;
COMMENT ON FUNCTION auth.ban_user(uuid, interval, text, jsonb) IS
'For callers with the app role ADMIN: auth.ban() of a principal by its id, for at most 1000 years. 200 with the profile, 400 for a bad duration or a reason of more than 1000 bytes, 401, 403, 404, 409 for one''s own account.';

CREATE OR REPLACE FUNCTION auth.unban_user(user_id uuid, context jsonb DEFAULT NULL) RETURNS auth.auth_result
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    refused auth.auth_result := auth.refusal_of_caller('ADMIN');
    target auth.users;
BEGIN
    IF refused.ok IS NOT NULL THEN
        RETURN refused;
    END IF;
    PERFORM auth.set_request_context(context);
    SELECT * INTO target FROM auth.users u WHERE u.id = unban_user.user_id FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN auth.refusal(404, 'unknown-user', 'User not found');
    END IF;
    PERFORM auth.unban(target.email);
    SELECT * INTO target FROM auth.users u WHERE u.id = unban_user.user_id;
    RETURN ROW(true, 200, NULL, jsonb_build_object('user', auth.user_json(target)))::auth.auth_result;
END
$$;
COMMENT ON FUNCTION auth.unban_user(uuid, jsonb) IS
'For callers with the app role ADMIN: auth.unban() of a principal by its id; 200 with the profile also when it was not banned, 401, 403, 404.';

CREATE OR REPLACE FUNCTION auth.delete_user(user_id uuid, context jsonb DEFAULT NULL) RETURNS auth.auth_result
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    refused auth.auth_result := auth.refusal_of_caller('ADMIN');
BEGIN
    IF refused.ok IS NOT NULL THEN
        RETURN refused;
    ELSIF user_id = auth.uid() THEN
        RETURN auth.refusal(409, 'own-account', 'You cannot delete yourself');
    END IF;
    PERFORM auth.set_request_context(context);
    PERFORM auth.take_hold(u.id, true) FROM auth.users u WHERE u.id = delete_user.user_id;
    DELETE FROM auth.users u WHERE u.id = delete_user.user_id;
    IF NOT FOUND THEN
        RETURN auth.refusal(404, 'unknown-user', 'User not found');
    END IF;
    RETURN ROW(true, 200, NULL, jsonb_build_object('success', true))::auth.auth_result;
END
$$;
COMMENT ON FUNCTION auth.delete_user(uuid, jsonb) IS
'For callers with the app role ADMIN: takes a principal away with its sessions; its audit stays. A row of the roster makes it anew, under another id, at the next auth.provision(). 200 {success: true}, 401, 403, 404, 409 for one''s own account.';

CREATE OR REPLACE FUNCTION auth.user_sessions(user_id uuid DEFAULT NULL) RETURNS auth.auth_result
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    wanted uuid := coalesce(user_id, auth.uid());
    refused auth.auth_result;
    owner_email text;
BEGIN
    refused := CASE WHEN wanted IS DISTINCT FROM auth.uid() THEN auth.refusal_of_caller('AUDITOR', 'ADMIN') ELSE auth.refusal_of_caller() END;
    IF refused.ok IS NOT NULL THEN
        RETURN refused;
    END IF;
    SELECT u.email INTO owner_email FROM auth.users u WHERE u.id = wanted;
    IF NOT FOUND THEN
        RETURN auth.refusal(404, 'unknown-user', 'User not found');
    END IF;
    RETURN ROW(true, 200, NULL, jsonb_build_object('sessions', (
        SELECT coalesce(jsonb_agg(jsonb_build_object(
            'id', s.id, 'label', s.label, 'scopes', s.scopes, 'origin', s.origin, 'state', s.state,
            'createdAt', auth.iso_time(s.created_at), 'expiresAt', auth.iso_time(s.expires_at), 'lastUsedAt', auth.iso_time(s.last_used_at),
            'revokedAt', auth.iso_time(s.revoked_at), 'revokeReason', s.revoke_reason, 'ip', s.ip, 'userAgent', s.user_agent,
            'current', s.id IS NOT DISTINCT FROM auth.session_id()) ORDER BY s.state = 'live' DESC, s.created_at DESC, s.id), '[]')
        FROM (SELECT * FROM auth.list_sessions(owner_email) AS l
              ORDER BY l.state = 'live' DESC, l.created_at DESC, l.id LIMIT 1000) AS s)))::auth.auth_result;
END
$$;
COMMENT ON FUNCTION auth.user_sessions(uuid) IS
'The sessions of a principal: the caller''s own (NULL), or for AUDITOR and ADMIN anybody''s. 200 with {sessions: [...]}, live ones first, then newest first, at most 1000; 401, 403, 404. state and origin: see auth.list_sessions().';

CREATE OR REPLACE FUNCTION auth.end_session(session_id uuid, reason text DEFAULT NULL, context jsonb DEFAULT NULL) RETURNS auth.auth_result
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    is_admin boolean := (auth.refusal_of_caller('ADMIN')).ok IS NULL;
    refused auth.auth_result;
    owner_id uuid;
BEGIN
    IF NOT is_admin THEN
        refused := auth.refusal_of_caller();
    END IF;
    IF refused.ok IS NOT NULL THEN
        RETURN refused;
    ELSIF octet_length(reason) > 1000 THEN
        RETURN auth.bad_field('The request was refused', 'reason', 'has more than 1000 bytes');
    END IF;
    PERFORM auth.set_request_context(context);
    SELECT s.user_id INTO owner_id FROM auth.sessions s WHERE s.id = end_session.session_id;
    IF NOT FOUND OR NOT is_admin AND owner_id IS DISTINCT FROM auth.uid() THEN
        RETURN auth.refusal(404, 'unknown-session', 'Session not found');
    END IF;
    PERFORM auth.revoke_session(end_session.session_id, reason);
    RETURN ROW(true, 200, NULL, jsonb_build_object('success', true))::auth.auth_result;
END
$$;
COMMENT ON FUNCTION auth.end_session(uuid, text, jsonb) IS
'Ends one of the caller''s own sessions, for ADMIN anybody''s, with its tokens at the next statement everywhere. 200 {success: true} also when it had ended before; 400 for a reason of more than 1000 bytes; 401; 404 when there is none, or it is somebody else''s.';

CREATE OR REPLACE FUNCTION auth.issue_for(
    user_id uuid, ttl text DEFAULT '8760h', label text DEFAULT NULL, scopes text[] DEFAULT NULL, context jsonb DEFAULT NULL) RETURNS auth.auth_result
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    refused auth.auth_result := auth.refusal_of_caller('ADMIN');
    problem constant text := 'The token was refused';
    ttl_seconds bigint;
    principal auth.users;
    made record;
BEGIN
    IF refused.ok IS NOT NULL THEN
        RETURN refused;
    END IF;
    BEGIN
        ttl_seconds := auth.parse_ttl(coalesce(ttl, ''));
    EXCEPTION WHEN invalid_parameter_value THEN
        RETURN auth.bad_field(problem, 'ttl', 'must be a whole number above zero and h, d or y, at most '
            || current_setting('pg_principal.max_token_ttl'));
    END;
    IF octet_length(label) > 255 THEN
        RETURN auth.bad_field(problem, 'label', 'has more than 255 bytes');
    ELSIF EXISTS (SELECT FROM unnest(scopes) AS s WHERE (s ~ '^[]!#-[^-~]{1,255}$') IS NOT TRUE) THEN
        RETURN auth.bad_field(problem, 'scopes', 'must have 1 to 255 printable ASCII characters each, without space, quote and backslash');
    ELSIF NOT EXISTS (SELECT FROM auth.signing_keys k WHERE k.state = 'in_use') THEN
        RETURN auth.refusal(409, 'no-signing-key', 'No signing key is in use');
    END IF;
    PERFORM auth.set_request_context(context);
    SELECT * INTO principal FROM auth.users u WHERE u.id = issue_for.user_id;
    IF NOT FOUND THEN
        RETURN auth.refusal(404, 'unknown-user', 'User not found');
    ELSIF principal.kind <> 'service_account' THEN
        RETURN auth.bad_field(problem, 'userId', 'must be that of a service account');
    ELSIF principal.banned_until > clock_timestamp() THEN
        RETURN auth.refusal(409, 'banned', 'This account is banned');
    END IF;
    made := auth.open_session(principal, 'authenticated', ttl_seconds, label, scopes);
    RETURN ROW(true, 201, NULL, jsonb_build_object('token', made.token, 'sessionId', made.session_id,
        'expiresAt', auth.iso_time(made.expires_at)))::auth.auth_result;
END
$$;
COMMENT ON FUNCTION auth.issue_for(uuid, text, text, text[], jsonb) IS
'For callers with the app role ADMIN: mints a token for a service account, on the roster or not. 201 with {token, sessionId, expiresAt}; 400 naming the bad field, also for a person; 401; 403; 404; 409 when it is banned or no signing key is in use. ttl, label and scopes: see auth.issue().';

CREATE OR REPLACE FUNCTION auth.bad_page(entries integer) RETURNS auth.auth_result
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
    SELECT r.* FROM (SELECT (auth.bad_field('The page was refused', 'limit', 'must be a whole number between 1 and 100')).*) AS r
    WHERE (bad_page.entries BETWEEN 1 AND 100) IS NOT TRUE;
END;
COMMENT ON FUNCTION auth.bad_page(integer) IS 'Internal: the refusal of a page''s size; NULL when it is between 1 and 100.';

CREATE OR REPLACE FUNCTION auth.audit_feed(
    entries integer DEFAULT 20, cursor text DEFAULT NULL, of_user uuid DEFAULT NULL, everyone boolean DEFAULT false) RETURNS auth.auth_result
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    of_others boolean := coalesce(everyone, false) OR of_user IS NOT NULL AND of_user IS DISTINCT FROM auth.uid();
    refused auth.auth_result := CASE WHEN of_others THEN auth.refusal_of_caller('AUDITOR', 'ADMIN') ELSE auth.refusal_of_caller() END;
    found_entries jsonb;
    last_cursor text;
BEGIN
    -- looked at here: a call would be planned anew each time
    IF refused.ok IS NULL AND (entries BETWEEN 1 AND 100) IS NOT TRUE THEN
        refused := auth.bad_page(entries);
    END IF;
    IF refused.ok IS NOT NULL THEN
        RETURN refused;
    END IF;
    SELECT coalesce(jsonb_agg(jsonb_build_object(
            'id', a.id, 'userId', a.user_id, 'actorId', a.actor_id, 'actorEmail', a.actor_email, 'actorName', a.actor_name,
            'changes', a.changes, 'createdAt', auth.iso_time(a.created_at))
            || CASE WHEN of_others THEN jsonb_build_object('reason', a.reason, 'metadata', a.metadata, 'ip', a.ip, 'userAgent', a.user_agent)
                ELSE '{}' END ORDER BY a.ordinality), '[]'),
        max(a.next_cursor) FILTER (WHERE a.ordinality = entries)
    INTO found_entries, last_cursor
    FROM auth.audits(entries, cursor, of_user, everyone) WITH ORDINALITY AS a;
    RETURN ROW(true, 200, NULL, jsonb_build_object('audits', found_entries, 'nextCursor', last_cursor))::auth.auth_result;
EXCEPTION WHEN invalid_parameter_value THEN
    RETURN auth.bad_field('The page was refused', 'cursor', 'must be the nextCursor of an earlier page');
END
$$;
COMMENT ON FUNCTION auth.audit_feed(integer, text, uuid, boolean) IS
'auth.audits() as an API shows it: 200 with {audits: [{id, userId, actorId, actorEmail, actorName, changes, createdAt}], nextCursor}, of others also reason, metadata, ip and userAgent; nextCursor is null on the last page. 400 for a bad limit or cursor, 401, 403 for another''s audit without AUDITOR or ADMIN.';

CREATE OR REPLACE FUNCTION auth.incidents_feed(entries integer DEFAULT 20, cursor text DEFAULT NULL, of_user uuid DEFAULT NULL) RETURNS auth.auth_result
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    refused auth.auth_result := auth.refusal_of_caller('AUDITOR', 'ADMIN');
    after text[] := regexp_match(cursor, '^(-?\d{1,17})\.([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$');
    after_time timestamptz := 'epoch'::timestamptz + after[1]::bigint * interval '1 microsecond';
    after_id uuid := after[2];
    found_incidents jsonb;
    last_cursor text;
BEGIN
    -- looked at here: a call would be planned anew each time
    IF refused.ok IS NULL AND (entries BETWEEN 1 AND 100) IS NOT TRUE THEN
        refused := auth.bad_page(entries);
    END IF;
    IF refused.ok IS NOT NULL THEN
        RETURN refused;
    ELSIF cursor IS NOT NULL AND after IS NULL THEN
        RETURN auth.bad_field('The page was refused', 'cursor', 'must be the nextCursor of an earlier page');
    END IF;
    SELECT coalesce(jsonb_agg(jsonb_build_object(
            'id', i.id, 'kind', i.kind, 'userId', i.user_id, 'email', i.email, 'reason', i.reason, 'metadata', i.metadata,
            'createdAt', auth.iso_time(i.created_at), 'detectedAt', auth.iso_time(i.detected_at), 'resolvedAt', auth.iso_time(i.resolved_at))
            ORDER BY i.created_at DESC, i.id DESC), '[]'),
        CASE WHEN count(*) = entries THEN
            (array_agg(format('%s.%s', (extract(epoch FROM i.created_at) * 1000000)::bigint, i.id) ORDER BY i.created_at, i.id))[1] END
    INTO found_incidents, last_cursor
    FROM (SELECT * FROM auth.incidents o
          WHERE (cursor IS NULL OR (o.created_at, o.id) < (after_time, after_id)) AND (of_user IS NULL OR o.user_id = of_user)
          ORDER BY o.created_at DESC, o.id DESC LIMIT entries) AS i;
    RETURN ROW(true, 200, NULL, jsonb_build_object('incidents', found_incidents, 'nextCursor', last_cursor))::auth.auth_result;
END
$$;
COMMENT ON FUNCTION auth.incidents_feed(integer, text, uuid) IS
'For AUDITOR and ADMIN: incidents of agents, newest first, of all or of one (of_user), reported by a scan or not yet. 200 with {incidents: [{id, kind, userId, email, reason, metadata, createdAt, detectedAt, resolvedAt}], nextCursor}; 400 for a bad limit or cursor, 401, 403.';
-- Anybody may set debug_print_plan and have the plans of what our functions run sent to themselves, with the
-- values that the planner has put in as constants: rows of auth.users, the material of a new key.
DO $$
DECLARE
    entry regprocedure;
BEGIN
    -- functions in SQL are planned without values
    FOR entry IN
        SELECT p.oid FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
        WHERE p.pronamespace = 'auth'::regnamespace AND p.prosecdef AND l.lanname <> 'sql'
    LOOP
        EXECUTE format('ALTER FUNCTION %s SET debug_print_plan = off', entry);
    END LOOP;
END
$$;
ALTER FUNCTION auth.store_signing_key(text, text, jsonb, bytea, text, boolean) SET debug_print_plan = off;
-- The whole of who may do what, last, so that nothing above is forgotten. What an earlier version has
-- settled (pg_init_privs tells) an update leaves as administrators have made it since: a change
-- of it is written by hand, in sql/upgrade.
DO $grants$
DECLARE
    object record;
    wanted record;
    fresh oid[] := '{}';
BEGIN
    -- ALTER DEFAULT PRIVILEGES may have granted more, to anybody.
    FOR object IN
        SELECT o.oid, o.what, array_remove(ARRAY(
            SELECT DISTINCT a.grantee FROM aclexplode(o.acl) AS a
            WHERE a.grantee NOT IN (0, (SELECT r.oid FROM pg_roles r WHERE r.rolname = current_user))) || o.by_default, NULL) AS grantees
        FROM (SELECT 'pg_class'::regclass AS class, c.oid, 'TABLE ' || c.oid::regclass AS what, relacl AS acl, 0::oid AS by_default
              FROM pg_class c WHERE relnamespace = 'auth'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'f')
              UNION ALL SELECT 'pg_proc'::regclass, p.oid, 'ROUTINE ' || p.oid::regprocedure, proacl, 0
              FROM pg_proc p WHERE pronamespace = 'auth'::regnamespace
              UNION ALL SELECT 'pg_type'::regclass, t.oid, 'TYPE ' || t.oid::regtype, typacl, NULL
              FROM pg_type t WHERE typnamespace = 'auth'::regnamespace AND typelem = 0
                  AND (typrelid = 0 OR EXISTS (SELECT FROM pg_class c WHERE c.oid = typrelid AND c.relkind = 'c'))
              UNION ALL SELECT 'pg_namespace'::regclass, n.oid, 'SCHEMA auth', nspacl, 0 FROM pg_namespace n WHERE nspname = 'auth') AS o
        WHERE NOT EXISTS (SELECT FROM pg_init_privs i WHERE i.classoid = o.class AND i.objoid = o.oid AND i.objsubid = 0)
    LOOP
        fresh := fresh || object.oid;
        FOR wanted IN SELECT CASE g WHEN 0 THEN 'PUBLIC' ELSE g::regrole::text END AS grantee FROM unnest(object.grantees) AS g LOOP
            EXECUTE format('REVOKE ALL ON %s FROM %s', object.what, wanted.grantee);
        END LOOP;
    END LOOP;

    FOR wanted IN
        SELECT (rtrim(f.name, E')\n ') || ')')::regprocedure AS function, l.grantees
        FROM (VALUES
            -- Everybody: what tells the caller who they are, what judges the caller by itself, and what installs
            -- policies on one's own tables.
            ('PUBLIC', $list$
    auth.uid(), auth.email(), auth.role(), auth.kind(), auth.app_role(), auth.session_id(), auth.jwt(),
    auth.has_role(text[]), auth.has_scope(text), auth.is_service_account(), auth.is_person(),
    auth.authenticate(text, boolean), auth.pre_request(), auth.normalise_email(text), auth.parse_ttl(text),
    auth.jwks(), auth.raise_error(text, text[]), auth.error_kinds(),
    auth.self_and_report_emails(), auth.self_and_report_ids(), auth.owner_is(text, text), auth.owner_is(uuid, text),
    auth.jws_sign(bytea, jsonb, text), auth.jws_verify(text, jsonb), auth.jwt_sign(jsonb, jsonb, text),
    auth.jwt_verify(text, jsonb, text, text), auth.verify_signature(text, jsonb, bytea, bytea), auth.jwk_thumbprint(jsonb),
    auth.generate_jwk(text), auth.public_jwk(jsonb), auth.public_pem(jsonb), auth.pem_to_jwk(text),
    auth.clamp(regclass, name, text, boolean), auth.unclamp(regclass),
    auth.create_user(jsonb, jsonb), auth.get_user(uuid), auth.find_user(uuid), auth.list_users(integer, integer), auth.search_users(text, integer, integer),
    auth.update_profile(jsonb, jsonb), auth.update_account(jsonb, jsonb),
    auth.update_user(uuid, jsonb, jsonb), auth.set_app_role(uuid, text, jsonb), auth.sign_out(text, jsonb),
    auth.change_password(text, text, jsonb), auth.audits(integer, text, uuid, boolean), auth.is_agent(text, text),
    auth.ban_user(uuid, interval, text, jsonb), auth.unban_user(uuid, jsonb), auth.delete_user(uuid, jsonb),
    auth.user_sessions(uuid), auth.end_session(uuid, text, jsonb), auth.issue_for(uuid, text, text, text[], jsonb),
    auth.audit_feed(integer, text, uuid, boolean), auth.incidents_feed(integer, text, uuid)
            $list$),
            -- The frontend, and whoever else may pass on what strangers say: they can undo audit entries and
            -- counters by a rollback, and name any address.
            ('authenticator, auth_operator', $list$
    auth.sign_in(text, text, jsonb), auth.sign_up(jsonb, jsonb), auth.refresh(text, jsonb), auth.read_metrics(),
    auth.registration_is_open(), auth.is_project_key(text)
            $list$),
            -- Operators: everything that mints, ends or manages.
            ('auth_operator', $list$
    auth.push_people(jsonb), auth.remove_person(text), auth.provision(boolean),
    auth.issue(text, text, text, text[]), auth.issue_token(text, text, text, text[]), auth.issue_key(text, text, text),
    auth.list_sessions(text), auth.revoke_session(uuid, text), auth.ban(text, interval, text), auth.unban(text),
    auth.create_signing_key(text, boolean), auth.import_signing_key(text, boolean), auth.import_signing_key(jsonb, boolean),
    auth.activate_signing_key(text), auth.retire_signing_key(text), auth.revoke_signing_key(text),
    auth.seal_signing_keys(), auth.list_signing_keys(),
    auth.add_user(jsonb, jsonb), auth.set_password(text, text), auth.import_users(jsonb), auth.prune_sessions(interval),
    auth.audit_verify(text), auth.audit_seal(), auth.audit_prune(interval, bigint),
    auth.scan_agent_health(text), auth.agent_health(), auth.list_incidents(timestamptz),
    auth.schedule_health_scan(text), auth.unschedule_health_scan()
            $list$)
        ) AS l (grantees, functions), regexp_split_to_table(l.functions, '\)\s*,\s*') AS f (name)
    LOOP
        IF wanted.function = ANY (fresh) THEN
            EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %s', wanted.function, wanted.grantees);
        END IF;
    END LOOP;

    IF 'auth'::regnamespace = ANY (fresh) THEN
        GRANT USAGE ON SCHEMA auth TO PUBLIC;
    END IF;
    IF 'auth.audit_log'::regclass = ANY (fresh) THEN
        GRANT SELECT ON auth.audit_log TO authenticated;
    END IF;
    -- The roster is clamped like any table: own row and reports.
    IF 'auth.organization_people'::regclass = ANY (fresh) THEN
        GRANT SELECT ON auth.organization_people TO authenticated;
        PERFORM auth.clamp('auth.organization_people', 'email', 'self_and_reports');
    END IF;
END
$grants$;
