-- Counters and gauges.

CREATE OR REPLACE FUNCTION auth.count_up(name text, label text DEFAULT '', by bigint DEFAULT 1)
    RETURNS void
LANGUAGE sql
BEGIN ATOMIC
    -- A shard that nobody holds, else a new one: whoever leaves a transaction open holds up no
    -- other's count.
    WITH free AS (
        SELECT m.shard FROM auth.metrics m WHERE m.name = count_up.name AND m.label = count_up.label
        LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED
    ), counted AS (
        UPDATE auth.metrics m SET value = m.value + count_up.by, updated_at = clock_timestamp()
            FROM free f
        WHERE m.name = count_up.name AND m.label = count_up.label AND m.shard = f.shard
            RETURNING m.shard
    )
    INSERT INTO auth.metrics AS m (name, label, shard, value, updated_at)
    SELECT count_up.name, count_up.label, (random() * 32767)::smallint, count_up.by,
        clock_timestamp()
    WHERE NOT EXISTS (SELECT FROM counted)
    ON CONFLICT (name, label, shard) DO UPDATE SET value = m.value + excluded.value,
        updated_at = excluded.updated_at;
END;
COMMENT ON FUNCTION auth.count_up(text, text, bigint) IS
'Internal: adds to a counter of auth.metrics.';

CREATE OR REPLACE FUNCTION auth.set_gauge(name text, label text, value bigint) RETURNS void
LANGUAGE sql
BEGIN ATOMIC
    INSERT INTO auth.metrics AS m (name, label, shard, kind, value, updated_at)
    VALUES (set_gauge.name, set_gauge.label, 0, 'gauge', set_gauge.value, clock_timestamp())
    ON CONFLICT (name, label, shard) DO UPDATE SET value = excluded.value,
        updated_at = excluded.updated_at;
END;
COMMENT ON FUNCTION auth.set_gauge(text, text, bigint) IS 'Internal: sets a gauge of auth.metrics.';

CREATE OR REPLACE FUNCTION auth.login_refusals(OUT reason text, OUT count bigint)
    RETURNS SETOF record
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'pg_principal_login_refusals';
COMMENT ON FUNCTION auth.login_refusals() IS
'Internal: logins with a token that were refused in the whole server since it started, by reason; '
'from shared memory, since who is refused has no database to write to.';

CREATE OR REPLACE FUNCTION auth.read_metrics(OUT name text, OUT label text, OUT kind text,
    OUT value bigint, OUT updated_at timestamptz) RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER
BEGIN ATOMIC
    SELECT m.name, m.label, m.kind, sum(m.value)::bigint, max(m.updated_at)
    FROM auth.metrics m GROUP BY m.name, m.label, m.kind
    UNION ALL SELECT 'auth.login.refusals', l.reason, 'counter', l.count, clock_timestamp()
        FROM auth.login_refusals() AS l
    UNION ALL SELECT 'auth.issuer.failing', '', 'gauge', count(t.fetch_problem), clock_timestamp()
        FROM auth.trusted_issuers t WHERE t.fetch_due_at IS NOT NULL HAVING count(*) > 0
    ORDER BY 1, 2;
END;
COMMENT ON FUNCTION auth.read_metrics() IS
'Every counter and gauge: refusals by reason (auth.refresh.failures, auth.sign_in.failures), '
'reported ones (agent.refresh.failures), suppressed audit entries, and what the last health scan '
'found, and of how many issuers the keys cannot be fetched (auth.issuer.failing). They survive a '
'restart, but for those of logins (auth.login.refusals).';

CREATE OR REPLACE FUNCTION auth.expose_metrics() RETURNS text
LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH known (name, label, help) AS (VALUES
        ('agent.refresh.failures', '', 'Refused refreshes of agents that a health scan reported.'),
        ('agent.delegation.failures', '',
            'Refused token exchanges of agents that a health scan reported.'),
        ('auth.refresh.failures', 'reason', 'Refused refreshes.'),
        ('auth.sign_in.failures', 'reason', 'Refused sign-ins.'),
        ('auth.login.refusals', 'reason',
            'Refused logins with a token, in the whole server since it started.'),
        ('auth.client.failures', 'reason', 'Refused clients at the OAuth endpoints.'),
        ('auth.delegation.failures', 'reason', 'Refused token exchanges of agents.'),
        ('auth.device.failures', 'reason', 'Refused device codes, and wrong ones of people.'),
        ('auth.assertion.failures', 'reason', 'Refused tokens of trusted issuers.'),
        ('auth.issuer.fetches', 'outcome', 'Fetches of trusted issuers'' keys.'),
        ('auth.issuer.failing', '', 'Trusted issuers whose keys the last fetch could not get.'),
        ('auth.audit.suppressed', '', 'Refusals that were counted and not audited.'),
        ('agent.findings', 'kind', 'Open findings of the last health scan.'),
        ('agent.findings.next_expiry', '',
            'When the next token with such a finding ends, in seconds since 1970; 0: none.'),
        ('agent.count', '', 'Agents, as of the last health scan.'),
        ('agent.health.last_scan', '', 'When the last health scan ran, in seconds since 1970.'),
        ('audit.faults', '', 'Faults that the last scan of the audit found.'),
        ('audit.last_scan', '', 'When the last scan of the audit ran, in seconds since 1970.')
    ), counted AS MATERIALIZED (
        SELECT c.name, c.label, c.kind, c.value, c.n
        FROM auth.read_metrics() WITH ORDINALITY AS c (name, label, kind, value, updated_at, n)
    ), series AS (
        SELECT c.name, c.label, c.kind, c.value, c.n FROM counted c
        -- an alert needs the zero before the first of an agent's refused refreshes
        UNION ALL SELECT 'agent.refresh.failures', '', 'counter', 0, NULL
        WHERE NOT EXISTS (SELECT FROM counted c WHERE c.name = 'agent.refresh.failures')
    ), exposed AS (
        SELECT s.label, s.kind, s.value, s.n, k.help, coalesce(nullif(k.label, ''), 'label') AS of,
            -- the suffix _count is a histogram's
            CASE s.name WHEN 'agent.count' THEN 'agents'
                ELSE regexp_replace(s.name, '[^a-z0-9]', '_', 'g')
                    || CASE s.kind WHEN 'counter' THEN '_total' ELSE '' END END AS name,
            row_number() OVER (PARTITION BY s.name ORDER BY s.n) = 1 AS is_first
        FROM series s LEFT JOIN known k ON k.name = s.name
    )
    SELECT string_agg(concat(CASE WHEN e.is_first THEN format(
            E'# HELP %1$s %2$s\n# TYPE %1$s %3$s\n', e.name, coalesce(e.help, 'Of the database.'),
            e.kind) END,
        e.name, CASE WHEN e.label <> '' THEN format('{%s="%s"}', e.of, replace(replace(replace(
            e.label, E'\\', E'\\\\'), '"', E'\\"'), E'\n', E'\\n')) END,
        ' ', e.value, E'\n'), '' ORDER BY e.n)
    FROM exposed e;
END;
COMMENT ON FUNCTION auth.expose_metrics() IS
'auth.read_metrics() as Prometheus reads it (text format 0.0.4).';
