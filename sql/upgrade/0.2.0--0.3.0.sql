-- By hand: what 20_tables.sql has and 0.2.0 had not, as 0.1.0--0.2.0.sql tells.

CREATE TABLE auth.password_hashes (
    user_id uuid PRIMARY KEY,
    hash text NOT NULL
);
COMMENT ON TABLE auth.password_hashes IS 'The password hash of each principal that has one: Argon2id as a PHC string, or bcrypt from an import until the next sign-in. Written by a trigger on auth.users, never by hand.';
ALTER TABLE auth.password_hashes ENABLE ROW LEVEL SECURITY;
SELECT pg_extension_config_dump('auth.password_hashes', '');
DROP FUNCTION IF EXISTS auth.is_match(auth.users, text); -- its body holds the row type; comes again
ALTER TABLE auth.users ADD COLUMN password_scheme text, ADD COLUMN password_version integer NOT NULL DEFAULT 0;
COMMENT ON COLUMN auth.users.encrypted_password IS 'Takes a hash as Supabase''s column does, and is always NULL when read: what is written here goes to auth.password_hashes; NULL and the empty text written by an UPDATE take the password away.';
COMMENT ON COLUMN auth.users.password_scheme IS 'What the stored hash is: argon2id, or 2a, 2b, 2y (bcrypt) from an import until the next sign-in; NULL: no password signs in.';
COMMENT ON COLUMN auth.users.password_version IS 'Counts the hashes stored. Whoever raises it holds the hash for the trigger that stores it, or sets password_scheme to NULL.';
INSERT INTO auth.password_hashes (user_id, hash) SELECT u.id, u.encrypted_password FROM auth.users u WHERE u.encrypted_password IS NOT NULL;
ALTER TABLE auth.users DISABLE TRIGGER audit_update; -- nobody's password changes
UPDATE auth.users u SET encrypted_password = NULL, password_scheme = coalesce(nullif(split_part(u.encrypted_password, '$', 2), ''), 'unknown'),
    password_version = 1
WHERE u.encrypted_password IS NOT NULL;
ALTER TABLE auth.users ENABLE TRIGGER audit_update;
DROP FUNCTION auth.hash_password(text), auth.verify_password(text, text); -- see 32_secrets.sql
ALTER TABLE auth.users
    DROP CONSTRAINT users_first_name_check, ADD CONSTRAINT users_first_name_check CHECK (octet_length(first_name) <= 256),
    DROP CONSTRAINT users_last_name_check, ADD CONSTRAINT users_last_name_check CHECK (octet_length(last_name) <= 256),
    DROP CONSTRAINT users_job_title_check, ADD CONSTRAINT users_job_title_check CHECK (octet_length(job_title) <= 512),
    DROP CONSTRAINT users_phone_number_check, ADD CONSTRAINT users_phone_number_check CHECK (octet_length(phone_number) <= 128);
-- Tokens say there what is ours to say, over whatever a row had.
UPDATE auth.users SET raw_app_meta_data = raw_app_meta_data - 'pg_principal' WHERE raw_app_meta_data ? 'pg_principal';

-- github_username tells no case apart now. Of those that differ by case alone the row last pushed keeps it:
-- an upgrade cannot know whose it is, and must not fail; the warning names the others.
DO $github$
DECLARE
    cleared record;
BEGIN
    FOR cleared IN
        UPDATE auth.organization_people o SET github_username = NULL
        FROM (SELECT p.email, p.github_username, row_number() OVER w AS n, first_value(p.email) OVER w AS keeper
              FROM auth.organization_people p WHERE p.github_username IS NOT NULL
              WINDOW w AS (PARTITION BY lower(p.github_username COLLATE "C") ORDER BY p.updated_at DESC, p.email)) AS twice
        WHERE o.email = twice.email AND twice.n > 1
        RETURNING o.email, twice.github_username, twice.keeper
    LOOP
        RAISE WARNING 'github_username "%" of % is cleared: % has it, too', cleared.github_username, cleared.email, cleared.keeper
            USING HINT = 'Push the roster again with the right names.';
    END LOOP;
END
$github$;
ALTER TABLE auth.organization_people DROP CONSTRAINT organization_people_github_username_key,
    ADD CONSTRAINT organization_people_github_username_key EXCLUDE USING btree (lower(github_username COLLATE "C") WITH =) DEFERRABLE;

CREATE TABLE auth.audit_pending (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    actor_id uuid,
    actor_email text,
    changes jsonb NOT NULL,
    metadata jsonb NOT NULL
);
COMMENT ON TABLE auth.audit_pending IS 'Entries of the audit''s own chain until the transaction that makes them commits; then they are moved there. Nobody ever sees another''s.';
ALTER TABLE auth.audit_pending ENABLE ROW LEVEL SECURITY;
COMMENT ON TABLE auth.audit_log IS 'What happened to each principal; the entries of one form a hash chain. The principal 00000000-0000-0000-0000-000000000000 stands for nobody known, ffffffff-ffff-ffff-ffff-ffffffffffff for the audit itself: its seals and prunings, signing keys and the roster. Row security: one''s own entries, all of them for AUDITOR, ADMIN and operators.';
-- A GRANT in an extension's script declares all privileges of the table to be the extension's: those
-- that administrators have given or taken since would be in no dump. Only this one is ours.
DO $$
DECLARE
    was aclitem[] := (SELECT i.initprivs FROM pg_init_privs i
                      WHERE i.classoid = 'pg_class'::regclass AND i.objoid = 'auth.audit_log'::regclass AND i.objsubid = 0);
BEGIN
    GRANT SELECT ON auth.audit_log TO auth_operator;
    UPDATE pg_init_privs i
    SET initprivs = was || (SELECT makeaclitem('auth_operator'::regrole, c.relowner, 'SELECT', false) FROM pg_class c WHERE c.oid = i.objoid)
    WHERE i.classoid = 'pg_class'::regclass AND i.objoid = 'auth.audit_log'::regclass AND i.objsubid = 0;
    -- From PostgreSQL 17 on the roles in such a row depend on it: whom administrators had granted it could never be dropped.
    DELETE FROM pg_shdepend s USING pg_database d
    WHERE d.datname = current_database() AND s.dbid = d.oid AND s.deptype = 'i'
        AND s.classid = 'pg_class'::regclass AND s.objid = 'auth.audit_log'::regclass AND s.refobjid NOT IN (
            SELECT unnest(ARRAY[a.grantor, a.grantee]) FROM pg_init_privs i, aclexplode(i.initprivs) AS a
            WHERE i.classoid = s.classid AND i.objoid = s.objid AND i.objsubid = s.objsubid);
END
$$;
ALTER TABLE auth.users ADD COLUMN email_autoconfirmed boolean NOT NULL DEFAULT false, ADD COLUMN owner_generation integer NOT NULL DEFAULT 0;
COMMENT ON COLUMN auth.users.owner_generation IS 'Counts the owners of the address that the roster tells of: raising it ends all that proved and described the one before.';
-- No foreign key, as auth.sessions; and apart from auth.users, so that a removal waits for nobody.
CREATE TABLE auth.roster_leavers (
    user_id uuid PRIMARY KEY,
    name text,
    github_username text,
    kind text,
    held boolean NOT NULL DEFAULT false
) WITH (fillfactor = 50);
ALTER TABLE auth.users SET (fillfactor = 50);
COMMENT ON TABLE auth.roster_leavers IS 'Principals whose row of the roster is gone, and who that row said they were (NULL: not known): a row that comes back with somebody else makes the principal theirs. Gone when the row is back.';
COMMENT ON COLUMN auth.roster_leavers.held IS 'auth.provision() has run since: the end of a ban does not bring the principal back.';
ALTER TABLE auth.roster_leavers ENABLE ROW LEVEL SECURITY;
SELECT pg_extension_config_dump('auth.roster_leavers', '');
COMMENT ON COLUMN auth.users.email_autoconfirmed IS 'email_confirmed_at was set by pg_principal.autoconfirm: it proves nothing.';
COMMENT ON COLUMN auth.users.self_registered IS 'Made by open registration: nobody has shown to own the email. When auth.provision() adopts it, its password and sessions end unless somebody else confirmed the email.';
DROP FUNCTION auth.clamp(regclass, name, text, boolean); -- force
DROP FUNCTION IF EXISTS auth.take_hold(uuid, boolean); -- nobody is ended for a lock
DROP FUNCTION IF EXISTS auth.lock_holders(uuid, boolean, timestamptz);
DROP FUNCTION IF EXISTS auth.row_holders(regclass, tid);
DROP FUNCTION auth.is_password_hash(text); -- auth.password_hash_problem() tells more
DROP FUNCTION auth.import_users(jsonb);
DROP FUNCTION auth.audit_actor(); -- names the agent, too

CREATE FUNCTION auth.check_session(
    role text, user_id uuid, origin text, label text, revoked_as text, agents uuid[],
        agent_generations integer[]) RETURNS boolean
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pg_principal_check_session';
ALTER TABLE auth.sessions DROP CONSTRAINT sessions_role_check, DROP CONSTRAINT sessions_label_check,
    DROP CONSTRAINT sessions_origin_check, DROP CONSTRAINT sessions_revoked_as_check,
    DROP CONSTRAINT sessions_principal,
    ADD COLUMN credential_id uuid, ADD COLUMN agents uuid[], ADD COLUMN agent_generations integer[],
    ADD COLUMN parents uuid[], ADD COLUMN grants uuid[], ADD COLUMN kid text,
    ADD CONSTRAINT sessions_check CHECK (auth.check_session(role, user_id, origin, label,
        revoked_as, agents, agent_generations));
COMMENT ON COLUMN auth.sessions.origin IS 'issued: one token, minted by an operator. sign_in: access tokens that auth.refresh() follows up. adopted: a project key from elsewhere, auth.adopt_key(). oauth: one access token, got at /oauth/token.';
CREATE INDEX sessions_grants ON auth.sessions USING gin (grants) WHERE grants IS NOT NULL;
COMMENT ON COLUMN auth.sessions.credential_id IS 'What the token was got with at /oauth/token: the id of a client secret. With it the session ends.';

ALTER TABLE auth.refresh_tokens ADD COLUMN repeated_generation integer;
COMMENT ON COLUMN auth.refresh_tokens.repeated_generation IS 'Of the token that pg_principal.refresh_reuse_parent last gave a second time: used later, it is not given for again.';
DROP FUNCTION auth.admit_sign_in(uuid, boolean); -- answers why

ALTER TABLE auth.incidents DROP CONSTRAINT incidents_kind_check, ADD CONSTRAINT incidents_kind_check CHECK (kind IN ('refresh_failure',
    'token_expiring', 'token_expired', 'token_unused', 'admin_agent', 'password_old', 'refresh_lapsing', 'refresh_lapsed', 'delegation_failure'));
COMMENT ON TABLE auth.incidents IS
'What is wrong with agents. A refused refresh or delegation (over as it happens) is written with '
'its audit entry and reported by the next auth.scan_agent_health(), once; the other kinds are '
'findings of that scan, open until resolved_at.';
DROP FUNCTION auth.require_cron(); -- takes the schedule
DROP FUNCTION auth.agent_health(); -- counts refused token exchanges, too

-- No foreign key, as auth.sessions; a database role by its name, as a dump knows it.
CREATE TABLE auth.login_roles (
    database_role text NOT NULL CHECK (octet_length(database_role) BETWEEN 1 AND 63),
    kind text CHECK (kind IN ('person', 'service_account')),
    app_role text CHECK (app_role IN ('READ_ONLY', 'ANALYST', 'AUDITOR', 'ADMIN')),
    user_id uuid,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT login_roles_somebody CHECK (num_nonnulls(kind, app_role, user_id) > 0),
    CONSTRAINT login_roles_key UNIQUE NULLS NOT DISTINCT (database_role, kind, app_role, user_id)
);
COMMENT ON TABLE auth.login_roles IS 'As which database roles principals may log in with a token. Each of kind, app_role and user_id that is not NULL must be the principal''s. Empty: nobody logs in.';
ALTER TABLE auth.login_roles REPLICA IDENTITY FULL;
ALTER TABLE auth.login_roles ENABLE ROW LEVEL SECURITY;
SELECT pg_extension_config_dump('auth.login_roles', '');

-- No foreign keys, as auth.sessions: a trigger deletes what hangs on a deleted principal.
CREATE TABLE auth.clients (
    user_id uuid PRIMARY KEY,
    owner_generation integer NOT NULL,
    scopes text[] NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL
);
COMMENT ON TABLE auth.clients IS
'Service accounts that may get access tokens at /oauth/token. The client_id is the principal''s id.';
COMMENT ON COLUMN auth.clients.owner_generation IS
'auth.users.owner_generation of then: with a new owner of the address the client is none any more.';
COMMENT ON COLUMN auth.clients.scopes IS
'All that it may ever ask for; empty: its tokens carry no scope.';

CREATE TABLE auth.client_secrets (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL,
    hash bytea NOT NULL CHECK (octet_length(hash) = 32),
    label text CHECK (octet_length(label) <= 255),
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX client_secrets_user_id ON auth.client_secrets (user_id);
COMMENT ON TABLE auth.client_secrets IS
'The SHA-256 of each client secret, never the secret. A client has two that are alive at most, so '
'that one can follow the other without a gap.';

ALTER TABLE auth.clients ENABLE ROW LEVEL SECURITY;
ALTER TABLE auth.client_secrets ENABLE ROW LEVEL SECURITY;

SELECT pg_extension_config_dump('auth.clients', '');
SELECT pg_extension_config_dump('auth.client_secrets', '');

CREATE TABLE auth.client_keys (
    user_id uuid,
    id uuid,
    jwk jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (user_id, id)
);
COMMENT ON TABLE auth.client_keys IS
'Public keys of clients that sign for themselves (private_key_jwt). One that is taken away and '
'registered again has another id.';

CREATE TABLE auth.used_assertions (
    hash bytea PRIMARY KEY,
    expires_at timestamptz NOT NULL
);
CREATE INDEX used_assertions_expires_at ON auth.used_assertions (expires_at);
COMMENT ON TABLE auth.used_assertions IS
'Which assertions have been shown, by issuer and jti, until they end: each is good once.';

ALTER TABLE auth.client_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE auth.used_assertions ENABLE ROW LEVEL SECURITY;

SELECT pg_extension_config_dump('auth.client_keys', '');
SELECT pg_extension_config_dump('auth.used_assertions', '');

CREATE TABLE auth.trusted_issuers (
    issuer text PRIMARY KEY,
    jwks jsonb,
    jwks_url text,
    audiences text[] NOT NULL,
    algorithms text[] NOT NULL,
    max_life integer NOT NULL CHECK (max_life > 0),
    required_claims text[] NOT NULL DEFAULT '{}',
    single_use boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL,
    keys_read_at timestamptz,
    fetch_due_at timestamptz,
    fetch_attempt uuid,
    fetch_attempted_at timestamptz,
    fetch_failures integer NOT NULL DEFAULT 0,
    fetch_problem text
);
COMMENT ON TABLE auth.trusted_issuers IS
'Whose tokens may be exchanged at /oauth/token (RFC 7523), by the rules of auth.issuer_rules.';
COMMENT ON COLUMN auth.trusted_issuers.jwks_url IS
'Where the issuer publishes its keys, or its discovery document; the database opens no connection.';
COMMENT ON COLUMN auth.trusted_issuers.audiences IS
'One of these must be in aud. Empty: the token must have no aud, as Cognito''s access tokens.';
COMMENT ON COLUMN auth.trusted_issuers.max_life IS
'The longest that a token may live from its iat on, in seconds.';
COMMENT ON COLUMN auth.trusted_issuers.single_use IS
'A token is good once, by its jti, or by itself where it has none.';
COMMENT ON COLUMN auth.trusted_issuers.fetch_due_at IS
'When its keys are to be fetched from jwks_url next; NULL without one.';
COMMENT ON COLUMN auth.trusted_issuers.fetch_attempt IS
'Of the fetch under way: whoever began it tells this at its end.';
COMMENT ON COLUMN auth.trusted_issuers.fetch_failures IS
'Of these one after the other, the last for fetch_problem.';

CREATE TABLE auth.issuer_rules (
    id uuid PRIMARY KEY,
    issuer text NOT NULL,
    user_id uuid NOT NULL,
    owner_generation integer NOT NULL,
    claims jsonb NOT NULL,
    scopes text[] NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL,
    UNIQUE (issuer, user_id)
);
CREATE INDEX issuer_rules_user_id ON auth.issuer_rules (user_id);
COMMENT ON TABLE auth.issuer_rules IS
'Which token of a trusted issuer is which service account: every claim named here must have exactly '
'this value.';

ALTER TABLE auth.trusted_issuers ENABLE ROW LEVEL SECURITY;
ALTER TABLE auth.issuer_rules ENABLE ROW LEVEL SECURITY;

SELECT pg_extension_config_dump('auth.trusted_issuers', '');
SELECT pg_extension_config_dump('auth.issuer_rules', '');

CREATE TABLE auth.delegations (
    id uuid PRIMARY KEY,
    person_id uuid NOT NULL,
    agent_id uuid NOT NULL,
    person_generation integer NOT NULL,
    agent_generation integer NOT NULL,
    scopes text[] NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    granted_by uuid,
    UNIQUE (person_id, agent_id)
);
CREATE INDEX delegations_agent_id ON auth.delegations (agent_id);
COMMENT ON TABLE auth.delegations IS
'Which agent, a service account, may act for which person at /oauth/token (RFC 8693), with which '
'scopes and until when.';
COMMENT ON COLUMN auth.delegations.person_generation IS
'auth.users.owner_generation of then: with a new owner of either address the grant is none.';
COMMENT ON COLUMN auth.delegations.granted_by IS 'Who granted it; NULL: an operator.';
ALTER TABLE auth.delegations ENABLE ROW LEVEL SECURITY;
SELECT pg_extension_config_dump('auth.delegations', '');

-- Applications that people let in.
CREATE TABLE auth.public_clients (
    id uuid PRIMARY KEY,
    -- never like the id of a principal, which is the client_id of a service account
    client_id text NOT NULL UNIQUE CHECK (client_id ~ '^[A-Za-z0-9._~-]{1,64}$'
        AND client_id !~ '^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$'),
    name text NOT NULL CHECK (octet_length(name) BETWEEN 1 AND 255),
    scopes text[] NOT NULL DEFAULT '{}',
    token_ttl bigint CHECK (token_ttl > 0),
    created_at timestamptz NOT NULL
);
COMMENT ON TABLE auth.public_clients IS
'Applications that people let in by a code at /oauth/device. They have no secret: whoever knows '
'the client_id may ask.';
COMMENT ON COLUMN auth.public_clients.name IS 'What people are told that it is.';
COMMENT ON COLUMN auth.public_clients.scopes IS
'All that it may ever ask for; empty: its tokens carry no scope.';
COMMENT ON COLUMN auth.public_clients.token_ttl IS
'How many seconds its tokens live; NULL: pg_principal.access_token_ttl.';

CREATE TABLE auth.device_codes (
    hash bytea PRIMARY KEY CHECK (octet_length(hash) = 32),
    user_code_hash bytea NOT NULL UNIQUE CHECK (octet_length(user_code_hash) = 32),
    client uuid NOT NULL,
    scopes text[] NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    poll_interval integer NOT NULL,
    polled_at timestamptz,
    decision text CHECK (decision IN ('approved', 'denied')),
    session_id uuid,
    ip text,
    user_agent text,
    CONSTRAINT device_codes_session CHECK (
        (decision = 'approved') IS TRUE = (session_id IS NOT NULL))
);
CREATE INDEX device_codes_client ON auth.device_codes (client);
CREATE INDEX device_codes_expires_at ON auth.device_codes (expires_at);
COMMENT ON TABLE auth.device_codes IS
'Device codes (RFC 8628) until they are redeemed or some time after their end: the SHA-256 of '
'each, and of the code that a person types.';
COMMENT ON COLUMN auth.device_codes.session_id IS
'The session that the approval has opened. What ends it meanwhile ends the approval.';
COMMENT ON COLUMN auth.device_codes.ip IS 'Where the device asked from, as the person is told.';

ALTER TABLE auth.public_clients ENABLE ROW LEVEL SECURITY;
ALTER TABLE auth.device_codes ENABLE ROW LEVEL SECURITY;

SELECT pg_extension_config_dump('auth.public_clients', '');
SELECT pg_extension_config_dump('auth.device_codes', '');

-- What the pages of an API go along.
DROP INDEX auth.users_agents;
CREATE INDEX users_agents ON auth.users (email) WHERE kind = 'service_account' OR email LIKE '%-agent@%';
CREATE INDEX sessions_issued ON auth.sessions (expires_at) WHERE origin = 'issued' AND revoked_at IS NULL AND user_id IS NOT NULL;
CREATE INDEX audit_log_refusals ON auth.audit_log (created_at)
    WHERE changes->'signIn'->>'current' = 'refused' OR changes->'refreshToken'->>'current' = 'invalidated';
DROP INDEX auth.incidents_created_at;
CREATE INDEX incidents_created_at ON auth.incidents (created_at, id);
CREATE INDEX incidents_refusals ON auth.incidents (created_at, id) WHERE kind = 'refresh_failure';
CREATE INDEX incidents_user_id ON auth.incidents (user_id, created_at);
CREATE INDEX incidents_open ON auth.incidents (user_id) WHERE kind <> 'refresh_failure' AND resolved_at IS NULL;
CREATE INDEX incidents_urgency ON auth.incidents (
    (CASE WHEN kind IN ('token_expired', 'refresh_lapsed') THEN 1 WHEN kind IN ('token_expiring', 'refresh_lapsing') THEN 2 ELSE 3 END),
    (coalesce(metadata->>'expiresAt', '') COLLATE "C"), user_id)
    WHERE kind <> 'refresh_failure' AND resolved_at IS NULL;

CREATE TABLE auth.ended_sessions (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    session_id uuid NOT NULL,
    revoked_at timestamptz NOT NULL,
    revoked_as text NOT NULL CHECK (revoked_as IN ('revoked', 'signed_out', 'password_rotated',
        'reuse')),
    revoke_reason text
);
CREATE INDEX ended_sessions_session_id ON auth.ended_sessions (session_id);
COMMENT ON TABLE auth.ended_sessions IS
'Ends of sessions whose row somebody held: such a session is ended, whatever its row says. Brought '
'in, and gone, with the next health scan or pruning that finds the row free.';

CREATE TABLE auth.ended_grants (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    grant_id uuid NOT NULL
);
CREATE INDEX ended_grants_grant_id ON auth.ended_grants (grant_id);
COMMENT ON TABLE auth.ended_grants IS
'Ends of delegations whose row somebody held: such a grant is ended, whatever auth.delegations '
'says. Gone with the next health scan or pruning that finds the row free.';

CREATE TABLE auth.decisions (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL,
    decided_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    sets_ban boolean NOT NULL DEFAULT false,
    banned_before timestamptz,
    banned_until timestamptz,
    ban_reason text,
    ban_origin text CHECK (ban_origin IN ('operator', 'provision')),
    generations integer NOT NULL DEFAULT 0,
    owners integer NOT NULL DEFAULT 0,
    role_before text,
    app_role text CHECK (app_role IN ('READ_ONLY', 'ANALYST', 'AUDITOR', 'ADMIN')),
    kind_before text,
    kind text CHECK (kind IN ('person', 'service_account')),
    on_roster boolean NOT NULL DEFAULT false,
    settling boolean NOT NULL DEFAULT false
);
CREATE INDEX decisions_user_id ON auth.decisions (user_id, decided_at);
COMMENT ON TABLE auth.decisions IS
'Bans, roles and new owners of principals whose row somebody held when they were decided. A '
'principal stands as its row says with these applied, in their order (auth.standing()); whoever '
'next has the row brings them in.';
COMMENT ON COLUMN auth.decisions.banned_before IS
'What stood then, as role_before and kind_before: where that was changed since by whoever held the '
'row, the end of a ban gives way to it, of two roles the lesser stays, of two bans the longer.';
COMMENT ON COLUMN auth.decisions.generations IS
'Added to session_generation; owners: to owner_generation.';
COMMENT ON COLUMN auth.decisions.settling IS
'Being brought in by this transaction: nobody else ever sees it. The audit has told of it.';

CREATE TABLE auth.audit_unlinked (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    actor_id uuid,
    actor_email text,
    subject text,
    changes jsonb NOT NULL,
    reason text,
    metadata jsonb,
    ip text,
    user_agent text
);
CREATE INDEX audit_unlinked_user_id ON auth.audit_unlinked (user_id, created_at);
COMMENT ON TABLE auth.audit_unlinked IS
'Audit entries of chains whose head somebody held: committed with what they tell of, and linked, '
'oldest first, by the next writer of that chain, the next seal or the next health scan.';

-- auth.sessions: what hangs on others
COMMENT ON COLUMN auth.sessions.agents IS
'Of a delegated token: who acts for the person, one for the other. Whoever verifies the token '
'looks whether each is still a service account that is not banned, of the session_generation in '
'agent_generations.';
COMMENT ON COLUMN auth.sessions.kid IS
'What has signed the one token of the session; NULL: it has another after each refresh.';
COMMENT ON COLUMN auth.sessions.parents IS
'The sessions that it was got by: looked at with each verification, as agents. With any of them it '
'ends.';
COMMENT ON COLUMN auth.sessions.grants IS
'The grants (auth.delegations) that it was got by, or the application (auth.public_clients) that '
'it was got for: it ends with them.';

ALTER TABLE auth.ended_sessions ENABLE ROW LEVEL SECURITY;
ALTER TABLE auth.ended_grants ENABLE ROW LEVEL SECURITY;
ALTER TABLE auth.decisions ENABLE ROW LEVEL SECURITY;
ALTER TABLE auth.audit_unlinked ENABLE ROW LEVEL SECURITY;

SELECT pg_extension_config_dump('auth.ended_sessions', '');
SELECT pg_extension_config_dump('auth.ended_grants', '');
SELECT pg_extension_config_dump('auth.decisions', '');
SELECT pg_extension_config_dump('auth.audit_unlinked', '');
