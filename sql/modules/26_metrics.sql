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
