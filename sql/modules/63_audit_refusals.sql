-- Refusals in the audit: in bounds, and whoever holds the chain.

CREATE OR REPLACE FUNCTION auth.audit_failure(
    user_id uuid, subject text, changes jsonb, reason text, metadata jsonb,
        proven boolean DEFAULT false, unbounded boolean DEFAULT false) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    allowed integer := current_setting('pg_principal.max_failure_entries');
    this_hour timestamptz := date_trunc('hour', clock_timestamp(), 'UTC');
    head auth.audit_heads;
    counted bigint;
BEGIN
    -- All strangers share one chain: once its hour is full they do not even wait for each other.
    IF user_id = auth.nobody() AND EXISTS (
        SELECT FROM auth.audit_heads h WHERE h.user_id = auth.nobody()
            AND h.failure_hour = this_hour AND h.failures >= allowed) THEN
        PERFORM auth.count_up('auth.audit.suppressed');
        RETURN false;
    END IF;
    IF unbounded THEN -- it has ended a session: whoever holds the chain does not undo that
        IF auth.audit_as(NULL, NULL, user_id, subject, changes, reason, metadata) IS NULL THEN
            RETURN true;
        END IF;
    END IF;
    -- waits for nobody where it was just appended to
    head := auth.await_audit_head(user_id, '50ms');
    IF head.user_id IS NULL THEN -- whoever holds the chain neither hides it nor keeps the answer
        counted := (SELECT count(*) FROM auth.audit_unlinked w
            WHERE w.user_id = audit_failure.user_id AND w.created_at >= this_hour
                AND w.actor_id IS NULL AND w.reason IS NOT NULL);
        IF NOT unbounded AND counted >= allowed THEN
            PERFORM auth.count_up('auth.audit.suppressed');
            RETURN false;
        ELSIF NOT unbounded THEN
            PERFORM auth.audit_as(NULL, NULL, user_id, subject, changes, reason, metadata);
        END IF;
        RETURN true;
    END IF;
    IF head.failure_hour IS DISTINCT FROM this_hour THEN
        head.failures := 0;
        head.proven_failures := 0;
    END IF;
    IF NOT unbounded
        AND (CASE WHEN proven THEN head.proven_failures ELSE head.failures END) >= allowed THEN
        UPDATE auth.audit_heads h SET suppressed = h.suppressed + 1
            WHERE h.user_id = audit_failure.user_id;
        PERFORM auth.count_up('auth.audit.suppressed');
        RETURN false;
    END IF;
    IF NOT unbounded THEN
        PERFORM auth.audit_as(NULL, NULL, user_id, subject, changes, reason, metadata);
    END IF;
    UPDATE auth.audit_heads h SET failure_hour = this_hour,
        failures = head.failures + CASE WHEN proven THEN 0 ELSE 1 END,
        proven_failures = head.proven_failures + CASE WHEN proven THEN 1 ELSE 0 END
    WHERE h.user_id = audit_failure.user_id;
    RETURN true;
END
$$;
COMMENT ON FUNCTION auth.audit_failure(uuid, text, jsonb, text, jsonb, boolean, boolean) IS
'Internal: appends the entry of a refusal, or only counts it and returns false when this principal '
'had pg_principal.max_failure_entries of its sort within the hour, and as many more while somebody '
'holds the chain. proven: it was refused to the holder of a real refresh token; unbounded: it '
'ended a session, which none does twice.';
