-- Locks on the rows of a principal, and who holds them.

CREATE OR REPLACE FUNCTION auth.row_holders(tbl regclass, "row" tid) RETURNS SETOF integer
LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'pg_principal_row_holders';
COMMENT ON FUNCTION auth.row_holders(regclass, tid) IS 'Internal: other backends whose open transactions hold a row of a table.';

CREATE OR REPLACE FUNCTION auth.lock_holders(target uuid, all_rows boolean, open_since timestamptz) RETURNS SETOF integer
LANGUAGE sql VOLATILE
BEGIN ATOMIC
    SELECT DISTINCT h.pid
    FROM (SELECT 'auth.users'::regclass AS tbl, u.ctid FROM auth.users u WHERE u.id = lock_holders.target
          UNION ALL SELECT 'auth.sign_in_attempts', t.ctid FROM auth.sign_in_attempts t
              WHERE t.user_id = lock_holders.target AND lock_holders.all_rows
          UNION ALL SELECT 'auth.refresh_tokens', r.ctid FROM auth.refresh_tokens r JOIN auth.sessions s ON s.id = r.session_id
              WHERE s.user_id = lock_holders.target AND lock_holders.all_rows
          UNION ALL SELECT 'auth.audit_heads', d.ctid FROM auth.audit_heads d WHERE d.user_id = lock_holders.target
          UNION ALL SELECT 'auth.sessions', s.ctid FROM auth.sessions s WHERE s.user_id = lock_holders.target) AS x,
        LATERAL auth.row_holders(x.tbl, x.ctid) AS h (pid)
        -- a role may have been dropped since
        JOIN pg_stat_activity a ON a.pid = h.pid LEFT JOIN pg_roles o ON o.oid = a.usesysid
    WHERE (o.rolsuper OR pg_has_role(o.oid, 'auth_operator', 'MEMBER')) IS NOT TRUE
        AND (a.xact_start > lock_holders.open_since) IS NOT TRUE;
END;
COMMENT ON FUNCTION auth.lock_holders(uuid, boolean, timestamptz) IS
'Internal: backends of roles that are neither a superuser nor an operator whose transactions, open since then or longer, hold rows of a principal by more than a foreign key; all_rows: or of its counted sign-ins and refresh tokens.';

CREATE OR REPLACE FUNCTION auth.take_hold(target uuid, all_rows boolean DEFAULT false) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    callers_timeout text := current_setting('lock_timeout');
    began timestamptz := clock_timestamp();
    patience interval := '1 second';
    is_circle boolean;
    holder integer;
BEGIN
    LOOP
        BEGIN
            -- in the line, not past it: among many who come and go, a turn comes
            PERFORM set_config('lock_timeout', (1000 * extract(epoch FROM patience))::integer::text, true);
            PERFORM FROM auth.sign_in_attempts a WHERE all_rows AND a.user_id = target ORDER BY a.source FOR UPDATE;
            PERFORM FROM auth.users u WHERE u.id = target FOR NO KEY UPDATE;
            PERFORM FROM auth.refresh_tokens r JOIN auth.sessions s ON s.id = r.session_id
            WHERE all_rows AND s.user_id = target ORDER BY r.session_id FOR UPDATE OF r;
            PERFORM FROM auth.audit_heads h WHERE h.user_id = target FOR NO KEY UPDATE;
            PERFORM FROM auth.sessions s WHERE s.user_id = target AND s.revoked_at IS NULL ORDER BY s.id FOR NO KEY UPDATE;
            PERFORM set_config('lock_timeout', callers_timeout, true);
            RETURN;
        EXCEPTION
            WHEN lock_not_available THEN is_circle := false;
            WHEN deadlock_detected THEN is_circle := true;
        END;
        FOR holder IN
            SELECT h FROM auth.lock_holders(target, all_rows,
                CASE WHEN is_circle THEN 'infinity' ELSE clock_timestamp() - interval '1 second' END) AS h
        LOOP
            PERFORM pg_terminate_backend(holder);
            RAISE NOTICE 'ended backend %, whose open transaction held up the end of a principal''s sessions', holder;
        END LOOP;
        IF NOT FOUND THEN
            -- an operator's are waited for, and whoever came only now
            IF is_circle THEN
                RAISE deadlock_detected USING MESSAGE = 'deadlock detected';
            ELSIF callers_timeout <> '0' AND clock_timestamp() - began > callers_timeout::interval THEN
                RAISE lock_not_available USING MESSAGE = 'canceling statement due to lock timeout';
            END IF;
            patience := interval '1 second' + current_setting('deadlock_timeout')::interval; -- long enough to see a circle
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION auth.take_hold(uuid, boolean) IS
'Internal: locks a principal, its audit and its sessions. Nobody holds up their own ban by a transaction left open: after a second the backends whose transactions are older than that and hold any of them are ended, unless an operator''s. all_rows: its counted sign-ins and refresh tokens, too, for who deletes them. Others leave them: a sign-in holds the former while it waits for the principal.';
