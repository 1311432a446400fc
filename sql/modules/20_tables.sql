-- Tables and types: this module never runs twice. A later version changes them by hand, in
-- sql/upgrade too; a new column goes last, where ALTER TABLE puts it.

CREATE TYPE auth.roster_row AS (
    row_number integer, email text, name text, github_username text, discipline text, level text,
    track text,
    manager_email text, team text, kind text, problem text);
COMMENT ON TYPE auth.roster_row IS
'Internal: a row of a pushed roster, normalised, or, with problem and row_number alone, what is '
'wrong with it.';

CREATE TYPE auth.auth_result AS (ok boolean, status integer, reason text, payload jsonb);
COMMENT ON TYPE auth.auth_result IS
'What the account functions answer, refusals included, so that what a refusal leaves behind is '
'committed. status: an HTTP status; reason: why, for the operator, NULL when ok; payload: what the '
'caller may see, {"message": ...} of a refusal.';

CREATE TABLE auth.signing_keys (
    kid text PRIMARY KEY CHECK (octet_length(kid) BETWEEN 1 AND 255),
    alg text NOT NULL,
    state text NOT NULL DEFAULT 'standby' CHECK (state IN ('standby', 'in_use', 'previously_used',
        'revoked')),
    public_jwk jsonb,
    material bytea NOT NULL,
    sealed_under text,
    created_at timestamptz NOT NULL DEFAULT now(),
    activated_at timestamptz,
    retired_at timestamptz,
    revoked_at timestamptz
);
CREATE UNIQUE INDEX signing_keys_one_in_use ON auth.signing_keys (state) WHERE state = 'in_use';
COMMENT ON TABLE auth.signing_keys IS
'Keys that sign and verify tokens. One is in_use and signs; standby, in_use and previously_used '
'verify; revoked does neither.';
COMMENT ON COLUMN auth.signing_keys.kid IS
'Key id in the header of each token: the RFC 7638 thumbprint unless an imported JWK brought its '
'own.';
COMMENT ON COLUMN auth.signing_keys.public_jwk IS
'Public half as a JWK; NULL for a symmetric key, which has none.';
COMMENT ON COLUMN auth.signing_keys.material IS
'Private JWK: in the clear, or AES-256-GCM under the master key that sealed_under names.';
COMMENT ON COLUMN auth.signing_keys.sealed_under IS
'Id of the master key; NULL when material is in the clear.';

CREATE TABLE auth.organization_people (
    email text PRIMARY KEY CHECK (octet_length(email) <= 254
        AND email = lower(btrim(email) COLLATE "C") AND email LIKE '_%@_%'),
    name text NOT NULL CHECK (name <> ''),
    github_username text,
    discipline text,
    level text,
    track text,
    manager_email text REFERENCES auth.organization_people ON UPDATE CASCADE ON DELETE SET NULL,
    team text,
    kind text NOT NULL DEFAULT 'person' CHECK (kind IN ('person', 'service_account')),
    updated_at timestamptz NOT NULL DEFAULT now(),
    -- GitHub tells no case apart; a constraint on an expression that can wait for the end of a
    -- statement
    CONSTRAINT organization_people_github_username_key EXCLUDE
        USING btree (lower(github_username COLLATE "C") WITH =) DEFERRABLE,
    CONSTRAINT organization_people_service_account CHECK (
        kind <> 'service_account' OR (level IS NULL AND manager_email IS NULL AND team IS NULL)),
    CONSTRAINT organization_people_no_own_manager CHECK (manager_email <> email)
);
CREATE INDEX organization_people_manager_email ON auth.organization_people (manager_email);
COMMENT ON TABLE auth.organization_people IS
'The roster: people and service accounts, told apart by kind. auth.provision() makes principals of '
'its rows.';

CREATE TABLE auth.users (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    email text NOT NULL UNIQUE CHECK (octet_length(email) <= 254
        AND email = lower(btrim(email) COLLATE "C") AND email LIKE '_%@_%'),
    kind text NOT NULL DEFAULT 'person' CHECK (kind IN ('person', 'service_account')),
    app_role text NOT NULL DEFAULT 'ANALYST' CHECK (app_role IN ('READ_ONLY', 'ANALYST', 'AUDITOR',
        'ADMIN')),
    encrypted_password text,
    banned_until timestamptz,
    ban_reason text,
    ban_origin text CHECK (ban_origin IN ('operator', 'provision')),
    session_generation integer NOT NULL DEFAULT 0,
    on_roster boolean NOT NULL DEFAULT false,
    -- 64 characters, 64, 128, 32, in the widest encoding; what counts them says so better than a
    -- constraint
    first_name text CHECK (octet_length(first_name) <= 256),
    last_name text CHECK (octet_length(last_name) <= 256),
    job_title text CHECK (octet_length(job_title) <= 512),
    phone_number text CHECK (octet_length(phone_number) <= 128),
    raw_user_meta_data jsonb NOT NULL DEFAULT '{}',
    raw_app_meta_data jsonb NOT NULL DEFAULT '{}',
    email_confirmed_at timestamptz,
    password_changed_at timestamptz,
    last_sign_in_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    self_registered boolean NOT NULL DEFAULT false,
    password_scheme text,
    password_version integer NOT NULL DEFAULT 0,
    email_autoconfirmed boolean NOT NULL DEFAULT false,
    owner_generation integer NOT NULL DEFAULT 0,
    CONSTRAINT users_ban CHECK ((banned_until IS NULL) = (ban_origin IS NULL))
) WITH (fillfactor = 50); -- a ban of many then leaves the indexes alone
CREATE INDEX users_created_at ON auth.users (created_at, id);
-- as auth.is_agent() has it: the health scan looks at agents alone, auth.agents_feed() at a page of
-- them
CREATE INDEX users_agents ON auth.users (email) WHERE kind = 'service_account'
    OR email LIKE '%-agent@%';
COMMENT ON TABLE auth.users IS
'Principals: people and service accounts that tokens are minted for. id is the claim sub.';
COMMENT ON COLUMN auth.users.encrypted_password IS
'Takes a hash as Supabase''s column does, and is always NULL when read: what is written here goes '
'to auth.password_hashes; NULL and the empty text written by an UPDATE take the password away.';
COMMENT ON COLUMN auth.users.password_scheme IS
'What the stored hash is: argon2id, or 2a, 2b, 2y (bcrypt) from an import until the next sign-in; '
'NULL: no password signs in.';
COMMENT ON COLUMN auth.users.password_version IS
'Counts the hashes stored. Whoever raises it holds the hash for the trigger that stores it, or '
'sets password_scheme to NULL.';
COMMENT ON COLUMN auth.users.banned_until IS
'While in the future every token is refused. Setting it ends all sessions for good: lifting the '
'ban does not bring them back.';
COMMENT ON COLUMN auth.users.ban_origin IS 'Who banned: provision lifts its own bans only.';
COMMENT ON COLUMN auth.users.session_generation IS
'Counts the bans. A session of an earlier generation is dead, also one whose transaction ran '
'beside the ban.';
COMMENT ON COLUMN auth.users.password_changed_at IS
'When the password was last set; replacing the hash by a better one of the same password leaves '
'it.';
COMMENT ON COLUMN auth.users.self_registered IS
'Made by open registration: nobody has shown to own the email. When auth.provision() adopts it, '
'its password and sessions end unless somebody else confirmed the email.';
COMMENT ON COLUMN auth.users.email_autoconfirmed IS
'email_confirmed_at was set by pg_principal.autoconfirm: it proves nothing.';
COMMENT ON COLUMN auth.users.owner_generation IS
'Counts the owners of the address that the roster tells of: raising it ends all that proved and '
'described the one before.';
COMMENT ON COLUMN auth.users.on_roster IS
'Created or adopted by auth.provision(): leaving the roster bans. Others are left alone.';

-- No foreign key, as auth.sessions; and apart from auth.users, so that a removal waits for nobody.
CREATE TABLE auth.roster_leavers (
    user_id uuid PRIMARY KEY,
    name text,
    github_username text,
    kind text,
    held boolean NOT NULL DEFAULT false
) WITH (fillfactor = 50);
COMMENT ON TABLE auth.roster_leavers IS
'Principals whose row of the roster is gone, and who that row said they were (NULL: not known): a '
'row that comes back with somebody else makes the principal theirs. Gone when the row is back.';
COMMENT ON COLUMN auth.roster_leavers.held IS
'auth.provision() has run since: the end of a ban does not bring the principal back.';

-- Apart from auth.users, whose rows are shown, passed on, and told in errors. No foreign key, as
-- auth.sessions.
CREATE TABLE auth.password_hashes (
    user_id uuid PRIMARY KEY,
    hash text NOT NULL
);
COMMENT ON TABLE auth.password_hashes IS
'The password hash of each principal that has one: Argon2id as a PHC string, or bcrypt from an '
'import until the next sign-in. Written by a trigger on auth.users, never by hand.';

CREATE TABLE auth.sessions (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id uuid,
    role text NOT NULL DEFAULT 'authenticated',
    generation integer NOT NULL DEFAULT 0,
    label text,
    scopes text[],
    origin text NOT NULL DEFAULT 'issued',
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    last_used_at timestamptz,
    ip text,
    user_agent text,
    revoked_at timestamptz,
    revoked_as text,
    revoke_reason text,
    credential_id uuid,
    agents uuid[],
    agent_generations integer[],
    parents uuid[],
    grants uuid[],
    kid text,
    CONSTRAINT sessions_check CHECK (auth.check_session(role, user_id, origin, label, revoked_as,
        agents, agent_generations))
);
CREATE INDEX sessions_user_id ON auth.sessions (user_id);
-- auth.token_expiries()
CREATE INDEX sessions_issued ON auth.sessions (expires_at) WHERE origin = 'issued'
    AND revoked_at IS NULL AND user_id IS NOT NULL;
CREATE INDEX sessions_grants ON auth.sessions USING gin (grants) WHERE grants IS NOT NULL;
COMMENT ON TABLE auth.sessions IS
'One row for each token issued and for each sign-in: a token lives only while its session does. '
'user_id is an auth.users.id, NULL for the project keys anon and service_role. No foreign key: a '
'parallel restore may load sessions first; deleting a principal deletes its sessions by trigger.';
COMMENT ON COLUMN auth.sessions.origin IS
'issued: one token, minted by an operator. sign_in: access tokens that auth.refresh() follows up. '
'adopted: a project key from elsewhere, auth.adopt_key(). oauth: one access token, got at '
'/oauth/token.';
COMMENT ON COLUMN auth.sessions.credential_id IS
'What the token was got with at /oauth/token: the id of a client secret. With it the session ends.';
COMMENT ON COLUMN auth.sessions.kid IS
'What has signed the one token of the session; NULL: it has another after each refresh.';
COMMENT ON COLUMN auth.sessions.expires_at IS
'infinity after a sign-in: the session lasts as long as its refresh token is renewed.';
COMMENT ON COLUMN auth.sessions.last_used_at IS
'When an agent last used a token of the session, to within a day and as of the last health scan; '
'NULL: not seen.';
COMMENT ON COLUMN auth.sessions.revoked_as IS
'What ended the session; NULL or revoked: an operator.';

-- One row for each signed-in session, rewritten in place by each refresh: the table does not grow.
CREATE TABLE auth.refresh_tokens (
    session_id uuid PRIMARY KEY,
    generation integer NOT NULL DEFAULT 1,
    hash bytea NOT NULL CHECK (octet_length(hash) = 32),
    previous_hash bytea CHECK (octet_length(previous_hash) = 32),
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    invalidated_as text CHECK (invalidated_as = 'password_rotated'),
    repeated_generation integer
) WITH (fillfactor = 60);
COMMENT ON TABLE auth.refresh_tokens IS
'The refresh token of each signed-in session: its SHA-256 and its generation, never the token. '
'Older generations are known by the HMAC that every token carries.';
COMMENT ON COLUMN auth.refresh_tokens.repeated_generation IS
'Of the token that pg_principal.refresh_reuse_parent last gave a second time: used later, it is '
'not given for again.';
COMMENT ON COLUMN auth.refresh_tokens.previous_hash IS
'Of the token that was exchanged for this one: within pg_principal.refresh_reuse_interval of '
'created_at it gives this one again.';

CREATE TABLE auth.server_keys (
    name text PRIMARY KEY,
    material bytea NOT NULL,
    sealed_under text,
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE auth.server_keys IS
'Keys that the server uses by itself; refresh_token derives refresh tokens. Sealed like '
'auth.signing_keys.';

CREATE TABLE auth.sign_in_attempts (
    user_id uuid,
    source text,
    failures integer NOT NULL DEFAULT 0,
    last_failure_at timestamptz,
    locked_until timestamptz,
    last_success_at timestamptz,
    PRIMARY KEY (user_id, source)
);
COMMENT ON TABLE auth.sign_in_attempts IS
'Wrong passwords, counted apart for each address a principal has signed in from before; the source '
''''' stands for all others together, so that a stranger''s guesses lock out strangers only.';

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
COMMENT ON TABLE auth.login_roles IS
'As which database roles principals may log in with a token. Each of kind, app_role and user_id '
'that is not NULL must be the principal''s. Empty: nobody logs in.';

-- Holds nothing: its relcache invalidation is the signal that a token may have died.
CREATE TABLE auth.revocation_marker ();
COMMENT ON TABLE auth.revocation_marker IS
'Empty. Naming it in an invalidation message makes every backend forget the identities it has '
'verified.';

-- Read only through functions that run as their owner; row security also keeps out the members of
-- pg_read_all_data and pg_write_all_data.
ALTER TABLE auth.signing_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE auth.users ENABLE ROW LEVEL SECURITY;
ALTER TABLE auth.roster_leavers ENABLE ROW LEVEL SECURITY;
ALTER TABLE auth.password_hashes ENABLE ROW LEVEL SECURITY;
ALTER TABLE auth.sessions ENABLE ROW LEVEL SECURITY;
ALTER TABLE auth.refresh_tokens ENABLE ROW LEVEL SECURITY;
ALTER TABLE auth.server_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE auth.sign_in_attempts ENABLE ROW LEVEL SECURITY;
ALTER TABLE auth.login_roles ENABLE ROW LEVEL SECURITY, REPLICA IDENTITY FULL; -- to publish it
ALTER TABLE auth.revocation_marker ENABLE ROW LEVEL SECURITY;

SELECT pg_extension_config_dump('auth.signing_keys', '');
SELECT pg_extension_config_dump('auth.organization_people', '');
SELECT pg_extension_config_dump('auth.users', '');
SELECT pg_extension_config_dump('auth.roster_leavers', '');
SELECT pg_extension_config_dump('auth.password_hashes', '');
SELECT pg_extension_config_dump('auth.sessions', '');
SELECT pg_extension_config_dump('auth.refresh_tokens', '');
SELECT pg_extension_config_dump('auth.server_keys', '');
SELECT pg_extension_config_dump('auth.sign_in_attempts', '');
SELECT pg_extension_config_dump('auth.login_roles', '');
