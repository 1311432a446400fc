-- Whether the chains and their seals still hold: a function for each family of faults.

CREATE OR REPLACE FUNCTION auth.entry_faults(OUT user_id uuid, OUT seq bigint, OUT fault text)
RETURNS SETOF record LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT DISTINCT ON (c.user_id) c.user_id, c.seq, c.fault FROM (
        SELECT l.user_id, l.seq, CASE
            WHEN h.user_id IS NULL THEN 'entries without a head: the head was deleted'
            WHEN l.seq <> lag(l.seq, 1, h.pruned_seq) OVER chain + 1
                THEN 'out of sequence: entries before it are missing'
            WHEN l.previous_hash <> lag(l.hash, 1,
                    coalesce(h.pruned_hash, auth.audit_genesis(l.user_id))) OVER chain
                THEN 'not linked to the entry before'
            WHEN l.hash IS DISTINCT FROM auth.audit_hash(l.user_id, l.seq, l.created_at, l.actor_id,
                    l.actor_email, l.subject, l.changes, l.reason, l.metadata, l.ip, l.user_agent,
                    l.previous_hash)
                THEN 'altered'
            WHEN l.seq > h.seq THEN 'beyond the head: the head was altered'
        END AS fault
        FROM auth.audit_log l LEFT JOIN auth.audit_heads h ON h.user_id = l.user_id
        WINDOW chain AS (PARTITION BY l.user_id ORDER BY l.seq)) AS c
    WHERE c.fault IS NOT NULL
    ORDER BY c.user_id, c.seq;
END;
COMMENT ON FUNCTION auth.entry_faults() IS
'Internal: the first entry of each chain that is missing, altered or out of place.';

CREATE OR REPLACE FUNCTION auth.head_faults(OUT user_id uuid, OUT seq bigint, OUT fault text)
RETURNS SETOF record LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT h.user_id, h.seq, 'the last entries are missing or the head was altered'
    FROM auth.audit_heads h
    WHERE CASE WHEN h.seq > h.pruned_seq
        THEN NOT EXISTS (SELECT FROM auth.audit_log l
                         WHERE l.user_id = h.user_id AND l.seq = h.seq AND l.hash = h.hash)
        ELSE h.hash <> coalesce(h.pruned_hash, auth.audit_genesis(h.user_id)) END
    ORDER BY h.user_id;
END;
COMMENT ON FUNCTION auth.head_faults() IS
'Internal: chains that do not end where their head says.';

-- What is gone by a pruning is told of by the audit's own chain.
CREATE OR REPLACE FUNCTION auth.prune_faults(OUT user_id uuid, OUT seq bigint, OUT fault text)
RETURNS SETOF record LANGUAGE sql STABLE
BEGIN ATOMIC
    (SELECT h.user_id, h.pruned_seq, 'pruned, and no pruning is recorded'
     FROM auth.audit_heads h
     WHERE h.pruned_seq > 0
       AND NOT EXISTS (SELECT FROM auth.audit_prunes p
                       WHERE p.user_id = h.user_id AND p.seq = h.pruned_seq
                         AND p.hash = h.pruned_hash)
     ORDER BY h.user_id)
    UNION ALL
    (SELECT auth.audit_itself(), coalesce(t.seq, r.entry),
         'the record of this pruning is missing or altered'
     FROM (SELECT l.seq, l.metadata->>'digest' AS digest FROM auth.audit_log l
           WHERE l.user_id = auth.audit_itself() AND l.changes->'audit'->>'current' = 'pruned') AS t
     FULL JOIN (SELECT p.entry, encode(auth.fold_chain_heads(p.user_id, p.seq, p.hash
                    ORDER BY p.user_id), 'hex') AS digest
                FROM auth.audit_prunes p GROUP BY p.entry) AS r ON r.entry = t.seq
     WHERE r.digest IS DISTINCT FROM t.digest
     ORDER BY 2);
END;
COMMENT ON FUNCTION auth.prune_faults() IS
'Internal: prunings that are not recorded, or otherwise than they were done.';

CREATE OR REPLACE FUNCTION auth.seal_faults(OUT user_id uuid, OUT seq bigint, OUT fault text)
RETURNS SETOF record LANGUAGE sql STABLE
BEGIN ATOMIC
    (SELECT l.user_id, l.seq, format('seal %s is missing or was replaced', l.metadata->>'seal')
     FROM auth.audit_log l
     WHERE l.user_id = auth.audit_itself() AND l.changes->'audit'->>'current' = 'sealed'
       AND NOT EXISTS (SELECT FROM auth.audit_seals s
                       WHERE s.id::text = l.metadata->>'seal'
                         AND encode(s.digest, 'hex') = l.metadata->>'digest')
     ORDER BY l.seq)
    UNION ALL
    (SELECT s.user_id, s.seq, format('seal %s covers an entry that is missing or altered',
        s.seal_id)
     FROM auth.audit_sealed_heads s LEFT JOIN auth.audit_heads h ON h.user_id = s.user_id
     WHERE s.seq > coalesce(h.pruned_seq, 0)
       AND NOT EXISTS (SELECT FROM auth.audit_log l
                       WHERE l.user_id = s.user_id AND l.seq = s.seq AND l.hash = s.hash)
     ORDER BY s.seal_id, s.user_id)
    UNION ALL
    (SELECT NULL::uuid, NULL::bigint, format('seal %s does not fit what it covers', s.id)
     FROM (SELECT o.id, o.digest, lag(o.digest) OVER numbered AS previous,
               o.id - lag(o.id, 1, 0::bigint) OVER numbered AS step
           FROM auth.audit_seals o WINDOW numbered AS (ORDER BY o.id)) AS s,
         LATERAL (SELECT auth.fold_chain_heads(h.user_id, h.seq, h.hash
             ORDER BY h.user_id) AS folded,
                      count(*) AS chains
                  FROM auth.audit_sealed_heads h WHERE h.seal_id = s.id) AS f
     WHERE s.step <> 1 OR s.digest <> auth.seal_digest(s.previous, f.folded, f.chains)
     ORDER BY s.id);
END;
COMMENT ON FUNCTION auth.seal_faults() IS
'Internal: seals that are gone or replaced, and what they cover and is not as it was.';

CREATE OR REPLACE FUNCTION auth.signature_faults(OUT user_id uuid, OUT seq bigint, OUT fault text)
RETURNS SETOF record LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT NULL::uuid, NULL::bigint, CASE WHEN n.claims IS NULL
        THEN format('seal %s was signed by no key that verifies: seal again', n.id)
        ELSE format('seal %s does not fit its signature', n.id) END
    FROM (SELECT s.id, s.digest, auth.read_seal(s.seal) AS claims
          FROM auth.audit_seals s ORDER BY s.id DESC LIMIT 1) AS n
    WHERE (n.claims->>'digest') IS DISTINCT FROM encode(n.digest, 'hex');
END;
COMMENT ON FUNCTION auth.signature_faults() IS
'Internal: whether the newest seal, which covers all before it, is signed.';

CREATE OR REPLACE FUNCTION auth.kept_seal_faults(
    kept_seal text, OUT user_id uuid, OUT seq bigint, OUT fault text) RETURNS SETOF record
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    claims constant jsonb := auth.read_seal(kept_seal);
BEGIN
    IF claims->>'digest' IS NULL OR claims->>'seal' IS NULL THEN
        PERFORM auth.raise_error('seal_refused',
            'it was signed by no key of this database that verifies');
    END IF;
    IF NOT EXISTS (SELECT FROM auth.audit_seals s
                   WHERE s.id::text = claims->>'seal'
                     AND encode(s.digest, 'hex') = claims->>'digest') THEN
        fault :=
            format('the given seal %s is not the one of that number here: the seals were replaced',
            claims->>'seal');
        RETURN NEXT;
    END IF;
END
$$;
COMMENT ON FUNCTION auth.kept_seal_faults(text) IS
'Internal: whether a seal that was kept elsewhere is one of those here. 22023 when it is none of '
'ours.';

CREATE OR REPLACE FUNCTION auth.audit_verify(
    seal text DEFAULT NULL, OUT user_id uuid, OUT seq bigint, OUT fault text) RETURNS SETOF record
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY SELECT f.* FROM auth.entry_faults() AS f;
    RETURN QUERY SELECT f.* FROM auth.head_faults() AS f;
    RETURN QUERY SELECT f.* FROM auth.prune_faults() AS f;
    RETURN QUERY SELECT f.* FROM auth.seal_faults() AS f;
    RETURN QUERY SELECT f.* FROM auth.signature_faults() AS f;
    IF audit_verify.seal IS NOT NULL THEN
        RETURN QUERY SELECT f.* FROM auth.kept_seal_faults(audit_verify.seal) AS f;
    END IF;
END
$$;
COMMENT ON FUNCTION auth.audit_verify(text) IS
'Checks every audit chain, its head and its seals: no row when all hold, else the first broken '
'entry of each chain with what is wrong. With a seal that was kept elsewhere, also whether the '
'seals here are still those. 22023 when that is not a seal of ours.';

CREATE OR REPLACE FUNCTION auth.scan_audit() RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    faults bigint := (SELECT count(*) FROM auth.audit_verify());
BEGIN
    PERFORM auth.set_gauge('audit.faults', '', faults), auth.set_gauge('audit.last_scan', '',
        extract(epoch FROM clock_timestamp())::bigint);
    RETURN faults;
END
$$;
COMMENT ON FUNCTION auth.scan_audit() IS
'Verifies the audit as auth.audit_verify() does, without a seal, and leaves the number of faults '
'found in the gauge audit.faults and the time in audit.last_scan, for an alert. Returns that '
'number. It reads every entry: once a day, from pg_cron.';
