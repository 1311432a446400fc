-- What the OAuth endpoints stand on: this module never runs twice, as 20_tables.sql.

-- No foreign keys, as auth.sessions: a trigger deletes what hangs on a deleted principal.
CREATE TABLE auth.clients (
    user_id uuid PRIMARY KEY,
    owner_generation integer NOT NULL,
    scopes text[] NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL
);
COMMENT ON TABLE auth.clients IS
'Service accounts that may get access tokens at /oauth/token. The client_id is the principal''s '
'id.';
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
'Where the issuer publishes its keys, or its discovery document; the database opens no '
'connection.';
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
'Which token of a trusted issuer is which service account: every claim named here must have '
'exactly this value.';

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
