-- Tables: this module never runs twice; a later version changes them in its upgrade script.

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
    raw_user_meta_data jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT users_ban CHECK ((banned_until IS NULL) = (ban_origin IS NULL))
);
COMMENT ON TABLE auth.users IS 'Principals: people and service accounts that tokens are minted for. id is the claim sub.';
COMMENT ON COLUMN auth.users.banned_until IS 'While in the future every token is refused. Setting it ends all sessions for good: lifting the ban does not bring them back.';
COMMENT ON COLUMN auth.users.ban_origin IS 'Who banned: provision lifts its own bans only.';
COMMENT ON COLUMN auth.users.session_generation IS 'Counts the bans. A session of an earlier generation is dead, also one whose transaction ran beside the ban.';
COMMENT ON COLUMN auth.users.on_roster IS 'Created or adopted by auth.provision(): leaving the roster bans. Others are left alone.';

CREATE TABLE auth.sessions (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id uuid,
    role text NOT NULL DEFAULT 'authenticated' CHECK (role IN ('authenticated', 'anon', 'service_role')),
    generation integer NOT NULL DEFAULT 0,
    label text CHECK (octet_length(label) <= 255),
    scopes text[],
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz,
    revoke_reason text,
    CONSTRAINT sessions_principal CHECK ((role = 'authenticated') = (user_id IS NOT NULL))
);
CREATE INDEX sessions_user_id ON auth.sessions (user_id);
COMMENT ON TABLE auth.sessions IS 'One row for each token issued: a token lives only while its session does. user_id is an auth.users.id, NULL for the project keys anon and service_role. No foreign key: a parallel restore may load sessions first; deleting a principal deletes its sessions by trigger.';

-- Holds nothing: its relcache invalidation is the signal that a token may have died.
CREATE TABLE auth.revocation_marker ();
COMMENT ON TABLE auth.revocation_marker IS 'Empty. Naming it in an invalidation message makes every backend forget the identities it has verified.';

-- Read only through functions that run as their owner; row security also keeps out the members of
-- pg_read_all_data and pg_write_all_data.
ALTER TABLE auth.signing_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE auth.users ENABLE ROW LEVEL SECURITY;
ALTER TABLE auth.sessions ENABLE ROW LEVEL SECURITY;
ALTER TABLE auth.revocation_marker ENABLE ROW LEVEL SECURITY;

SELECT pg_extension_config_dump('auth.signing_keys', '');
SELECT pg_extension_config_dump('auth.organization_people', '');
SELECT pg_extension_config_dump('auth.users', '');
SELECT pg_extension_config_dump('auth.sessions', '');
