-- What the OAuth endpoints stand on: this module never runs twice, as 20_tables.sql.

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
