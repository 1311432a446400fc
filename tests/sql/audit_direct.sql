-- What is audited although no function of ours for principals did it: signing keys, the roster, principals
-- and sessions written by hand. And who reads it: operators.
\getenv here PG_ABS_SRCDIR
\set setup :here /sql/include/setup.sql
\set teardown :here /sql/include/teardown.sql
\i :setup
CREATE FUNCTION public.regress_new(OUT chain text, OUT changes jsonb,
    OUT metadata jsonb) RETURNS SETOF record LANGUAGE plpgsql AS $$
DECLARE
    seen bigint := coalesce(nullif(current_setting('regress.seen', true), ''), '0');
BEGIN
    RETURN QUERY SELECT CASE l.user_id WHEN auth.audit_itself() THEN 'itself'
        WHEN auth.nobody() THEN 'nobody' ELSE l.subject END, l.changes,
        nullif(l.metadata - '{databaseRole,sessionId,kid,expiresAt}'::text[], '{}')
    FROM (SELECT *, row_number() OVER (ORDER BY created_at, user_id, seq) AS n
        FROM auth.audit_log) AS l WHERE l.n > seen ORDER BY l.n;
    PERFORM set_config('regress.seen', (SELECT count(*) FROM auth.audit_log)::text, false);
END $$;
SELECT count(*) > 0 AS so_far FROM regress_new();

-- Keys, by their functions and by hand, in the audit's own chain; never their material.
SELECT auth.create_signing_key('ES256', false) AS es \gset
SELECT auth.import_signing_key('a secret of Supabase with 32 bytes and more') AS hs \gset
SELECT auth.activate_signing_key(:'es');
SELECT auth.retire_signing_key(:'es');
SELECT auth.revoke_signing_key(:'hs');
SELECT auth.activate_signing_key(:'kid');
SELECT * FROM regress_new();
SELECT DISTINCT metadata->>'databaseRole' = session_user AS by_role,
    metadata->>'kid' = ANY (ARRAY[:'es', :'hs', :'kid']) AS named, subject FROM auth.audit_log
    WHERE user_id = auth.audit_itself() AND metadata ? 'kid';
UPDATE auth.signing_keys SET public_jwk = public_jwk WHERE kid = :'es';
UPDATE auth.signing_keys SET material = material || '\x00' WHERE kid = :'es';
DELETE FROM auth.signing_keys WHERE kid = :'es';
SELECT * FROM regress_new();
SELECT count(*) AS shown FROM auth.audit_log
    WHERE concat(changes, metadata) ~ 'a secret of Supabase|"[dk]"';

-- The roster: one entry for each transaction, with the first ten addresses.
SELECT auth.push_people((SELECT jsonb_agg(jsonb_build_object('email', 'p' || i || '@example.com',
    'name', 'P')) FROM generate_series(1, 12) AS i));
SELECT * FROM regress_new();
SELECT auth.push_people('[{"email": "p1@example.com", "name": "P"}]') AS unchanged;
SELECT * FROM regress_new();
SELECT auth.push_people('[{"email": "p1@example.com", "name": "Q"}, {"email": "q1@example.com", "name": "Q"}]') AS both;
SELECT * FROM regress_new();
SELECT auth.remove_person('q1@example.com');
SELECT * FROM regress_new();
UPDATE auth.organization_people SET email = 'r2@example.com' WHERE email = 'p2@example.com';
DELETE FROM auth.organization_people WHERE email LIKE 'p1_@example.com';
SELECT * FROM regress_new();
BEGIN;
SELECT auth.push_people('[{"email": "s1@example.com", "name": "S"}]');
SAVEPOINT a;
SELECT auth.push_people('[{"email": "s2@example.com", "name": "S"}]');
ROLLBACK TO a;
SELECT auth.remove_person('p3@example.com');
SELECT count(*) AS nothing_yet FROM auth.audit_log WHERE metadata->'emails' ? 's1@example.com';
COMMIT;
SELECT * FROM regress_new();
SELECT count(*) AS pending FROM auth.audit_pending;
-- as who was bound when it was done
BEGIN;
SELECT auth.authenticate(:'boss') IS NOT NULL AS boss;
SELECT auth.remove_person('s1@example.com');
SELECT auth.authenticate(:'ann') IS NOT NULL AS ann;
SELECT auth.remove_person('p4@example.com');
COMMIT;
SELECT actor_email, metadata FROM auth.audit_log WHERE user_id = auth.audit_itself()
    ORDER BY seq DESC LIMIT 2;
SELECT count(*) FROM regress_new();

-- By hand: principals and sessions. What comes with its old times is a restore's.
INSERT INTO auth.users (email) VALUES ('hand@example.com'), ('hand2@example.com');
INSERT INTO auth.users (email, created_at) VALUES ('old@example.com', '2020-01-01');
SELECT * FROM regress_new() ORDER BY chain COLLATE "C";
INSERT INTO auth.sessions (user_id, expires_at) SELECT id, 'infinity' FROM auth.users
    WHERE email IN ('hand@example.com', 'old@example.com');
INSERT INTO auth.sessions (user_id, expires_at, created_at) SELECT id, 'infinity', '2020-01-01'
    FROM auth.users WHERE email = 'hand2@example.com';
SELECT * FROM regress_new() ORDER BY chain COLLATE "C";
UPDATE auth.sessions SET revoked_at = now(), revoke_reason = 'by hand' WHERE user_id = (SELECT id
    FROM auth.users WHERE email = 'hand@example.com');
UPDATE auth.sessions SET last_used_at = now();
UPDATE auth.sessions SET expires_at = now() WHERE user_id = (SELECT id FROM auth.users
    WHERE email = 'hand2@example.com');
-- what a statement says is no function of ours
DO $$ BEGIN DELETE /*
PL/pgSQL function auth.revoke_session(uuid,text) line 9 */ FROM auth.sessions s USING auth.users u
    WHERE u.id = s.user_id AND u.email LIKE 'hand%@example.com'; END $$;
SELECT * FROM regress_new() ORDER BY chain COLLATE "C", changes::text COLLATE "C";
-- our own functions tell of what they do, once
SELECT (auth.add_user('{"email": "made@example.com", "password": "Th1sIsAStrong!Pass"}')).ok;
SELECT (auth.sign_in('made@example.com', 'Th1sIsAStrong!Pass')).ok;
SELECT auth.revoke_session(id) FROM auth.list_sessions('boss@example.com');
SELECT count(*)
    FROM auth.import_users('[{"email": "came@example.com", "created_at": "2020-01-01"}]');
SELECT auth.prune_sessions('1 microsecond') > 0 AS pruned;
SELECT created, decommissioned FROM auth.provision();
DELETE FROM auth.users WHERE email IN ('made@example.com', 'old@example.com');
SELECT chain, changes FROM regress_new() WHERE NOT changes ? 'bannedUntil'
    ORDER BY chain COLLATE "C";
-- in a session that quotes every name, too
\connect - -
SELECT count(*) > 0 AS so_far FROM regress_new();
SET quote_all_identifiers = on;
SELECT (auth.add_user('{"email": "quoted@example.com", "password": "Th1sIsAStrong!Pass"}')).ok;
SELECT (auth.sign_in('quoted@example.com', 'Th1sIsAStrong!Pass')).ok;
INSERT INTO auth.users (email) VALUES ('hand3@example.com');
SELECT chain, changes FROM regress_new() ORDER BY chain COLLATE "C", changes::text COLLATE "C";
RESET quote_all_identifiers;
SELECT count(*) AS faults FROM auth.audit_verify();

-- Operators read it without a token: the table and, page by page, the function.
SELECT count(*) AS entries FROM auth.audit_log \gset
GRANT EXECUTE ON FUNCTION regress_try(text) TO auth_operator;
SET ROLE auth_operator;
SELECT count(*) = :entries AS all_of_it FROM auth.audit_log;
SELECT regress_try('UPDATE auth.audit_log SET reason = NULL'),
    regress_try('SELECT count(*) FROM auth.audit_pending');
SELECT count(*) = :entries AS all_of_it FROM auth.list_audit(entries => 1000);
SELECT subject, seq, changes FROM auth.list_audit('boss@example.com', entries => 2);
SELECT count(*) AS none FROM auth.list_audit('boss@example.com',
    since => now() + interval '1 hour');
SELECT subject, changes FROM auth.list_audit('made@example.com', entries => 1);
SELECT changes, metadata - 'databaseRole' AS metadata
    FROM auth.list_audit(of_user => 'ffffffff-ffff-ffff-ffff-ffffffffffff', entries => 1);
SELECT regress_try(format('SELECT count(*) FROM auth.list_audit(%s)', a))
    FROM unnest(ARRAY['entries => 0', 'entries => 1001', 'entries => NULL', 'cursor => ''x''',
    'cursor => ''''', '''no address''']) AS a;
WITH RECURSIVE page AS (
    SELECT p.* FROM (SELECT array_agg(id) AS ids,
        (array_agg(next_cursor ORDER BY created_at, user_id, seq))[1] AS last
        FROM auth.list_audit(entries => 7)) AS p
    UNION ALL
    SELECT n.* FROM page, LATERAL (SELECT array_agg(l.id) AS ids,
        (array_agg(l.next_cursor ORDER BY l.created_at, l.user_id, l.seq))[1]
        FROM auth.list_audit(entries => 7, cursor => page.last) AS l) AS n
    WHERE page.last IS NOT NULL
)
SELECT count(*) = :entries AS each, count(DISTINCT i) = :entries AS once
    FROM page, unnest(page.ids) AS i;
RESET ROLE;
SET ROLE authenticated;
SELECT regress_try('SELECT count(*) FROM auth.list_audit()');
RESET ROLE;
DROP FUNCTION public.regress_new;
\i :teardown
