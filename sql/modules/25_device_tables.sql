-- Applications that keep no secret, and what waits for a person's word (RFC 8628): this module
-- never runs twice, as 20_tables.sql.

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

-- No foreign key: a parallel restore would load the two at once.
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
