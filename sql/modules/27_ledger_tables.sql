-- What was decided while somebody held the row that it is about: this module never runs twice, as
-- 20_tables.sql. Only inserted into, until whoever next has the row brings it in. No foreign keys,
-- as auth.sessions, and nothing unique but the id: who inserts waits for nobody.

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
