-- Tables of what happened: this module never runs twice, as 20_tables.sql.

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
-- auth.refusals_by_hour()
CREATE INDEX audit_log_refusals ON auth.audit_log (created_at)
    WHERE changes->'signIn'->>'current' = 'refused'
        OR changes->'refreshToken'->>'current' = 'invalidated';
COMMENT ON TABLE auth.audit_log IS
'What happened to each principal; the entries of one form a hash chain. The principal '
'00000000-0000-0000-0000-000000000000 stands for nobody known, '
'ffffffff-ffff-ffff-ffff-ffffffffffff for the audit itself: its seals and prunings, signing keys '
'and the roster. Row security: one''s own entries, all of them for AUDITOR, ADMIN and operators.';
COMMENT ON COLUMN auth.audit_log.user_id IS 'Whose entry it is: the principal it happened to.';
COMMENT ON COLUMN auth.audit_log.seq IS
'Position in the chain of that principal: 1, 2, 3, ... without gaps.';
COMMENT ON COLUMN auth.audit_log.actor_id IS
'Who did it, by a verified token; NULL: an operator (metadata.databaseRole) or nobody proven.';
COMMENT ON COLUMN auth.audit_log.subject IS 'The email of the principal at that time.';
COMMENT ON COLUMN auth.audit_log.changes IS
'By field: {"role": {"previous": "ANALYST", "current": "ADMIN"}}. Never a secret.';
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
COMMENT ON TABLE auth.audit_heads IS
'How far the chain of each principal has got, and from where on it is kept: what '
'auth.audit_verify() compares the entries with. Its row lock is what one principal''s writers wait '
'for.';
COMMENT ON COLUMN auth.audit_heads.failures IS
'Refusals written in failure_hour of whoever proved nothing; proven_failures: of holders of a real '
'refresh token. Each has its own allowance, so that guessing does not silence the other.';
COMMENT ON COLUMN auth.audit_heads.suppressed IS
'Refusals that were counted and not written, since ever: more than '
'pg_principal.max_failure_entries in an hour.';

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
COMMENT ON TABLE auth.audit_sealed_heads IS
'The heads that each seal covers: those that had changed since the one before.';

CREATE TABLE auth.audit_prunes (
    entry bigint,
    user_id uuid,
    seq bigint NOT NULL,
    hash bytea NOT NULL,
    PRIMARY KEY (entry, user_id)
);
COMMENT ON TABLE auth.audit_prunes IS
'Up to where each chain was pruned, by the entry of the audit''s own chain that tells of it and '
'holds a digest of these rows.';

CREATE TABLE auth.audit_pending (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    actor_id uuid,
    actor_email text,
    changes jsonb NOT NULL,
    metadata jsonb NOT NULL
);
COMMENT ON TABLE auth.audit_pending IS
'Entries of the audit''s own chain until the transaction that makes them commits; then they are '
'moved there. Nobody ever sees another''s.';

CREATE TABLE auth.incidents (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    kind text NOT NULL CHECK (kind IN ('refresh_failure', 'token_expiring', 'token_expired',
        'token_unused', 'admin_agent', 'password_old', 'refresh_lapsing', 'refresh_lapsed',
        'delegation_failure')),
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
CREATE INDEX incidents_created_at ON auth.incidents (created_at, id);
CREATE UNIQUE INDEX incidents_open_finding ON auth.incidents (kind, user_id, subject)
    WHERE kind <> 'refresh_failure' AND resolved_at IS NULL;
-- who was refused, the latest first, and when somebody was
CREATE INDEX incidents_refusals ON auth.incidents (created_at, id) WHERE kind = 'refresh_failure';
CREATE INDEX incidents_user_id ON auth.incidents (user_id, created_at);
CREATE INDEX incidents_open ON auth.incidents (user_id)
    WHERE kind <> 'refresh_failure' AND resolved_at IS NULL;
-- the order of auth.agents_by_urgency()
CREATE INDEX incidents_urgency ON auth.incidents (
    (CASE WHEN kind IN ('token_expired', 'refresh_lapsed') THEN 1
        WHEN kind IN ('token_expiring', 'refresh_lapsing') THEN 2 ELSE 3 END),
    (coalesce(metadata->>'expiresAt', '') COLLATE "C"), user_id)
    WHERE kind <> 'refresh_failure' AND resolved_at IS NULL;
COMMENT ON TABLE auth.incidents IS
'What is wrong with agents. A refused refresh or delegation (over as it happens) is written with '
'its audit entry and reported by the next auth.scan_agent_health(), once; the other kinds are '
'findings of that scan, open until resolved_at.';
COMMENT ON COLUMN auth.incidents.subject IS
'What tells two findings of a kind apart: a session, and how near its end is.';
COMMENT ON COLUMN auth.incidents.detected_at IS
'When a health scan reported it; NULL: the next one will.';

CREATE TABLE auth.metrics (
    name text,
    label text DEFAULT '',
    shard smallint DEFAULT 0,
    kind text NOT NULL DEFAULT 'counter' CHECK (kind IN ('counter', 'gauge')),
    value bigint NOT NULL DEFAULT 0,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (name, label, shard)
) WITH (fillfactor = 60);
COMMENT ON TABLE auth.metrics IS
'Counters and gauges, transactional like everything else. A counter is the sum of its shards, '
'which keep writers from waiting for each other: auth.read_metrics().';

ALTER TABLE auth.audit_log ENABLE ROW LEVEL SECURITY;
ALTER TABLE auth.audit_heads ENABLE ROW LEVEL SECURITY;
ALTER TABLE auth.audit_seals ENABLE ROW LEVEL SECURITY;
ALTER TABLE auth.audit_sealed_heads ENABLE ROW LEVEL SECURITY;
ALTER TABLE auth.audit_prunes ENABLE ROW LEVEL SECURITY;
ALTER TABLE auth.audit_pending ENABLE ROW LEVEL SECURITY;
ALTER TABLE auth.incidents ENABLE ROW LEVEL SECURITY;
ALTER TABLE auth.metrics ENABLE ROW LEVEL SECURITY;

SELECT pg_extension_config_dump('auth.audit_log', '');
SELECT pg_extension_config_dump('auth.audit_heads', '');
SELECT pg_extension_config_dump('auth.audit_seals', '');
SELECT pg_extension_config_dump('auth.audit_sealed_heads', '');
SELECT pg_extension_config_dump('auth.audit_prunes', '');
SELECT pg_extension_config_dump('auth.incidents', '');
SELECT pg_extension_config_dump('auth.metrics', '');
