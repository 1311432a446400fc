-- Seals over all chains, and pruning.

CREATE OR REPLACE FUNCTION auth.fold_chain_head(state bytea, user_id uuid, seq bigint, hash bytea)
    RETURNS bytea
LANGUAGE c IMMUTABLE AS 'MODULE_PATHNAME', 'pg_principal_fold_chain_head';
COMMENT ON FUNCTION auth.fold_chain_head(bytea, uuid, bigint, bytea) IS
'Internal: one more chain head in the digest of a seal.';

CREATE OR REPLACE AGGREGATE auth.fold_chain_heads(uuid, bigint,
    bytea) (SFUNC = auth.fold_chain_head, STYPE = bytea);
COMMENT ON AGGREGATE auth.fold_chain_heads(uuid, bigint, bytea) IS
'Internal: chain heads, ordered by principal, in one hash.';

CREATE OR REPLACE FUNCTION auth.seal_digest(previous_digest bytea, state bytea, chains bigint)
    RETURNS bytea
LANGUAGE c IMMUTABLE AS 'MODULE_PATHNAME', 'pg_principal_seal_digest';
COMMENT ON FUNCTION auth.seal_digest(bytea, bytea, bigint) IS
'Internal: what a seal signs; covers the seal before it.';

CREATE OR REPLACE FUNCTION auth.read_seal(seal text) RETURNS jsonb
LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'pg_principal_read_seal';
COMMENT ON FUNCTION auth.read_seal(text) IS
'Internal: the claims of a seal; NULL when none of our keys that still verify has signed it.';

CREATE OR REPLACE FUNCTION auth.own_audit_head() RETURNS auth.audit_heads
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    has_waited constant boolean := EXISTS (SELECT FROM auth.audit_unlinked w
        WHERE w.user_id = auth.audit_itself()
            AND w.xmin = pg_current_xact_id_if_assigned()::xid);
BEGIN
    RETURN auth.await_audit_head(auth.audit_itself(), coalesce(
        nullif(current_setting('lock_timeout'), '0'), CASE WHEN has_waited THEN '20ms'
            ELSE '1s' END));
END
$$;
COMMENT ON FUNCTION auth.own_audit_head() IS
'Internal: auth.lock_audit_head() of the audit''s own chain, which everybody holds for moments, at '
'their commit; NULL where somebody holds it, by SET CONSTRAINTS, for a second, which a transaction '
'waits once.';

CREATE OR REPLACE FUNCTION auth.audit_seal() RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    previous auth.audit_seals;
    number bigint;
    folded bytea;
    changed bigint;
    digest bytea;
    at_time timestamptz;
    seal text;
    patient_until timestamptz := clock_timestamp() + interval '1 second';
    free bigint;
BEGIN
    LOCK TABLE auth.audit_seals IN SHARE ROW EXCLUSIVE MODE;
    -- The first, while no other is held: whoever holds it may wait for those.
    IF (auth.own_audit_head()).user_id IS NULL THEN
        PERFORM auth.raise_error('principal_held', 'the chain of the audit itself');
    END IF;
    PERFORM auth.link_audit();
    -- Who writes to a chain is waited for, a second in all; one that is held longer is for the next
    -- seal.
    LOOP
        PERFORM FROM auth.audit_heads h WHERE h.seq > h.sealed_seq FOR NO KEY UPDATE SKIP LOCKED;
        GET DIAGNOSTICS free = ROW_COUNT;
        EXIT WHEN free >= (SELECT count(*) FROM auth.audit_heads h WHERE h.seq > h.sealed_seq)
            OR clock_timestamp() > patient_until;
        PERFORM pg_sleep(0.02);
    END LOOP;
    SELECT * INTO previous FROM auth.audit_seals s ORDER BY s.id DESC LIMIT 1;
    number := coalesce(previous.id, 0) + 1;
    WITH heads AS (
        UPDATE auth.audit_heads h SET sealed_seq = h.seq
        FROM (SELECT o.user_id FROM auth.audit_heads o WHERE o.seq > o.sealed_seq FOR NO KEY UPDATE
            SKIP LOCKED) AS f
        WHERE h.user_id = f.user_id RETURNING h.user_id, h.seq, h.hash
    ), kept AS (
        INSERT INTO auth.audit_sealed_heads (seal_id, user_id, seq, hash)
        SELECT number, h.user_id, h.seq, h.hash FROM heads h
    )
    SELECT auth.fold_chain_heads(h.user_id, h.seq, h.hash ORDER BY h.user_id), count(*)
        INTO folded, changed FROM heads h;
    digest := auth.seal_digest(previous.digest, folded, changed);
    at_time := clock_timestamp();
    seal := auth.sign_token(jsonb_build_object(
        'iss', current_setting('pg_principal.issuer'), 'aud', 'pg_principal audit', 'iat',
            floor(extract(epoch FROM at_time))::bigint,
        'seal', number, 'chains', changed, 'digest', encode(digest, 'hex')));
    INSERT INTO auth.audit_seals (id, sealed_at, chains, digest, seal)
        VALUES (number, at_time, changed, digest, seal);
    PERFORM auth.audit(auth.audit_itself(), NULL,
        '{"audit": {"previous": null, "current": "sealed"}}', NULL,
        jsonb_build_object('seal', number, 'digest', encode(digest, 'hex')));
    RETURN seal;
END
$$;
COMMENT ON FUNCTION auth.audit_seal() IS
'Signs, as a compact JWS (RFC 7515) under the signing key in use, a digest over every audit chain, '
'so that a dropped chain shows too; what an open transaction holds for more than a second is left '
'to the next seal. Keep the seal where no administrator of this database can change it: given to '
'auth.audit_verify() it also shows that the seals themselves were replaced. 55000 without a '
'signing key, 55P03 when an open transaction holds the audit''s own chain.';

CREATE OR REPLACE FUNCTION auth.audit_prune(older_than interval, max_entries bigint DEFAULT NULL)
    RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog,
    pg_temp SET session_replication_role = replica AS $$
DECLARE
    cutoff constant timestamptz := auth.pruned_before(older_than);
    head auth.audit_heads;
    last bigint;
    last_hash bytea;
    removed bigint := 0;
    n bigint;
    entry_number bigint;
    digest bytea;
BEGIN
    LOCK TABLE auth.audit_seals IN SHARE ROW EXCLUSIVE MODE; -- who else locks many chains waits
    FOR head IN
        SELECT h.* FROM auth.audit_heads h
        WHERE h.user_id <> auth.audit_itself()
          AND EXISTS (SELECT FROM auth.audit_log l WHERE l.user_id = h.user_id
              AND l.seq = h.pruned_seq + 1 AND l.created_at < cutoff)
        ORDER BY h.user_id
    LOOP
        EXIT WHEN removed >= max_entries;
        SELECT * INTO head FROM auth.audit_heads h WHERE h.user_id = head.user_id FOR NO KEY UPDATE
            SKIP LOCKED;
        CONTINUE WHEN NOT FOUND; -- an open transaction holds it: for the next pruning
        SELECT l.seq - 1 INTO last FROM auth.audit_log l
        WHERE l.user_id = head.user_id AND l.created_at >= cutoff ORDER BY l.seq LIMIT 1;
        last := coalesce(last, head.seq);
        last := least(last, head.pruned_seq + max_entries - removed);
        CONTINUE WHEN last <= head.pruned_seq;
        SELECT l.hash INTO last_hash FROM auth.audit_log l WHERE l.user_id = head.user_id
            AND l.seq = last;
        CONTINUE WHEN NOT FOUND; -- a broken chain is evidence, and stays
        DELETE FROM auth.audit_log l WHERE l.user_id = head.user_id AND l.seq <= last;
        GET DIAGNOSTICS n = ROW_COUNT;
        removed := removed + n;
        UPDATE auth.audit_heads h SET pruned_seq = last, pruned_hash = last_hash
            WHERE h.user_id = head.user_id;
        entry_number := coalesce(entry_number, (auth.own_audit_head()).seq + 1);
        IF entry_number IS NULL THEN
            PERFORM auth.raise_error('principal_held', 'the chain of the audit itself');
        END IF;
        INSERT INTO auth.audit_prunes (entry, user_id, seq, hash)
            VALUES (entry_number, head.user_id, last, last_hash);
    END LOOP;
    IF removed > 0 THEN
        SELECT auth.fold_chain_heads(p.user_id, p.seq, p.hash ORDER BY p.user_id) INTO digest
        FROM auth.audit_prunes p WHERE p.entry = entry_number;
        PERFORM auth.audit(auth.audit_itself(), NULL,
            '{"audit": {"previous": null, "current": "pruned"}}', NULL,
            jsonb_build_object('entries', removed, 'before', auth.iso_time(cutoff), 'digest',
                encode(digest, 'hex')));
    END IF;
    RETURN removed;
END
$$;
COMMENT ON FUNCTION auth.audit_prune(interval, bigint) IS
'Deletes audit entries older than that, keeps what remains verifiable, and says so in the audit. '
'With max_entries it stops there, for a scheduler that prunes in small transactions. Returns how '
'many went. 22023 for an interval that is not above zero.';
