-- The audit: what is written of whom, who may read it, and every way to falsify it found out.
\getenv here PG_ABS_SRCDIR
\set setup :here /sql/include/setup.sql
\set teardown :here /sql/include/teardown.sql
\i :setup
SET client_min_messages = warning;
SELECT id AS ann_id FROM auth.users WHERE email = 'ann@example.com' \gset
SELECT id AS boss_id FROM auth.users WHERE email = 'boss@example.com' \gset
-- names outlive the principals
CREATE TABLE public.regress_names AS SELECT id, split_part(email, '@', 1) AS name FROM auth.users
    UNION ALL SELECT auth.nobody(), 'nobody' UNION ALL SELECT auth.audit_itself(), 'itself';
CREATE FUNCTION public.regress_faults(seal text DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(concat_ws(' ',
        coalesce(n.name, CASE WHEN v.user_id IS NOT NULL THEN 'somebody' END), v.seq || ':',
        v.fault), E'\n' ORDER BY n.name, v.seq, v.fault), 'sound') FROM auth.audit_verify(seal) AS v
        LEFT JOIN regress_names n ON n.id = v.user_id $$;
-- what is found after a superuser has done that, who switches off what stands in the way; all of it is taken back
CREATE FUNCTION public.regress_tampered(VARIADIC statements text[]) RETURNS text LANGUAGE plpgsql
    AS $$
DECLARE
    s text;
    kept text := (SELECT seal FROM auth.audit_seals ORDER BY id DESC LIMIT 1);
BEGIN
    SET LOCAL session_replication_role = replica;
    FOREACH s IN ARRAY statements LOOP
        EXECUTE s;
    END LOOP;
    RAISE EXCEPTION USING ERRCODE = 'P9999', MESSAGE = regress_faults() || CASE
        WHEN kept IS NOT NULL
        AND regress_faults(kept) <> regress_faults() THEN E'\nwith the seal kept elsewhere also: '
        || (SELECT string_agg(l, E'\n') FROM regexp_split_to_table(regress_faults(kept), E'\n') AS l
        WHERE l <> ALL (regexp_split_to_array(regress_faults(), E'\n'))) ELSE '' END;
EXCEPTION WHEN SQLSTATE 'P9999' THEN
    RETURN SQLERRM;
END $$;
RESET client_min_messages;

-- Every change of a principal, whoever makes it and however; nothing where nothing changes.
SELECT changes, actor_id, actor_email, subject,
    metadata - 'sessionId' - 'expiresAt' - 'databaseRole' AS metadata, metadata->>'databaseRole' =
    session_user AS by_role, reason, ip, user_agent FROM auth.audit_log WHERE user_id = :'ann_id'
    ORDER BY seq;
UPDATE auth.users SET first_name = 'Ann', last_name = 'A', job_title = 'T', phone_number = '1',
    app_role = 'AUDITOR', kind = 'service_account', email = 'anne@example.com',
    raw_user_meta_data = '{"a": 1}', raw_app_meta_data = '{"b": 2}', encrypted_password = 'x$y$z',
    updated_at = now() WHERE id = :'ann_id';
SELECT jsonb_pretty(changes) AS changes, subject, metadata->>'databaseRole' =
    session_user AS by_role FROM auth.audit_log WHERE user_id = :'ann_id' ORDER BY seq DESC LIMIT 1;
UPDATE auth.users SET first_name = NULL, email = 'ann@example.com', kind = 'person',
    app_role = 'ANALYST', encrypted_password = NULL, password_changed_at = now()
    WHERE id = :'ann_id';
SELECT changes FROM auth.audit_log WHERE user_id = :'ann_id' ORDER BY seq DESC LIMIT 1;
UPDATE auth.users SET first_name = first_name, updated_at = now(), last_sign_in_at = now(),
    email_confirmed_at = now() WHERE id = :'ann_id';
SELECT count(*) FROM auth.audit_log WHERE user_id = :'ann_id';
-- many at once, each in its own chain
UPDATE auth.users SET job_title = 'all';
SELECT subject, seq, changes FROM auth.audit_log WHERE changes ? 'jobTitle'
    AND changes->'jobTitle'->>'current' = 'all' ORDER BY subject;
-- bans, sessions, tokens; the token's principal where one is bound, a dead token names nobody
SELECT auth.issue_token('ann@example.com', '1h', 'a label', '{read}') IS NULL AS nothing;
SELECT auth.ban('ann@example.com', '1 day', 'a reason');
SELECT (changes->'bannedUntil'->>'current')::timestamptz > now() AS banned,
    changes->'bannedUntil'->'previous' AS previous, reason FROM auth.audit_log
    WHERE user_id = :'ann_id' ORDER BY seq DESC LIMIT 1;
SET pg_principal.token = :'boss';
SELECT auth.unban('ann@example.com');
SELECT (changes->'bannedUntil'->>'previous')::timestamptz > now() AS banned,
    changes->'bannedUntil'->'current' AS current, reason, actor_id = :'boss_id' AS actor,
    actor_email, metadata FROM auth.audit_log WHERE user_id = :'ann_id' ORDER BY seq DESC LIMIT 1;
SET pg_principal.token = :'ann';
SELECT auth.revoke_session((SELECT id FROM auth.list_sessions('ann@example.com') LIMIT 1),
    'by a dead token');
RESET pg_principal.token;
SELECT changes, reason, actor_email, metadata->>'databaseRole' = session_user AS by_role
    FROM auth.audit_log WHERE user_id = :'ann_id' ORDER BY seq DESC LIMIT 1;
SELECT metadata->>'role' AS role, metadata->>'label' AS label, metadata->'scopes' AS scopes,
    metadata ?& '{sessionId,expiresAt,databaseRole}' AS more FROM auth.audit_log
    WHERE user_id = :'ann_id' AND metadata ? 'scopes';
SELECT token IS NOT NULL AS issued FROM auth.issue_key('anon', '1h', 'a project key');
SELECT subject, changes, metadata->>'role' AS role, metadata->>'label' AS label FROM auth.audit_log
    WHERE user_id = auth.nobody();
-- the deleted leave their chain behind
INSERT INTO auth.users (id, email) VALUES ('00000000-0000-4000-8000-000000000001',
    'gone@example.com');
INSERT INTO regress_names VALUES ('00000000-0000-4000-8000-000000000001', 'gone');
DELETE FROM auth.users WHERE email = 'gone@example.com';
SELECT seq, changes, subject FROM auth.audit_log WHERE subject = 'gone@example.com';
-- what is rolled back was never written
BEGIN;
UPDATE auth.users SET job_title = 'never' WHERE id = :'ann_id';
ROLLBACK;
SELECT count(*) FROM auth.audit_log WHERE changes::text ~ 'never';
SELECT regress_faults();

-- The request context: what it may say, and what is left out.
CREATE FUNCTION public.regress_context(context text, OUT ip text, OUT agent text, OUT bytes int)
    LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('pg_principal.request_context', context, true);
    UPDATE auth.users SET job_title = md5(job_title) WHERE email = 'boss@example.com';
    SELECT l.ip, left(l.user_agent, 30), octet_length(l.user_agent) INTO ip, agent, bytes
        FROM auth.audit_log l WHERE l.subject = 'boss@example.com' ORDER BY l.seq DESC LIMIT 1;
END $$;
SELECT c.* FROM (VALUES (1, '{"ip": "192.0.2.1", "userAgent": "curl/8"}'),
    (2, '{"ip": "2001:db8::1", "other": {"a": [1]}}'), (3, ''), (4, 'nonsense'),
    (5, '{"ip": "192.0.2.1"'), (6, '[]'), (7, '"192.0.2.1"'), (8, 'null'),
    (9, '{"ip": "localhost", "userAgent": "x"}'), (10, '{"ip": "192.0.2.1; DROP TABLE x"}'),
    (11, '{"ip": 1, "userAgent": 2}'),
    (12, '{"ip": null, "userAgent": null}'), (13, '{"userAgent": ""}'),
    (14, '{"userAgent": "a\nb\u007f\u001b[31md"}'),
    (20, '{"ip": "192.0.2.1", "userAgent": "a\u0000b"}'),
    (15, json_build_object('userAgent', repeat('x', 100000))::text),
    (16, json_build_object('userAgent', repeat('é', 300))::text),
    (17, json_build_object('userAgent', 'x' || repeat('😀', 200))::text),
    (18, '{"ip": "192.0.2.1", "ip": "192.0.2.2"}'), (19, repeat('[', 100000))) AS t (n, context),
        LATERAL regress_context(context) AS c ORDER BY n;
RESET pg_principal.request_context;
SELECT regress_faults();

-- Appended to, and nothing else.
\set VERBOSITY terse
UPDATE auth.audit_log SET reason = 'x';
UPDATE auth.audit_log SET reason = 'x' WHERE false;
DELETE FROM auth.audit_log;
TRUNCATE auth.audit_log;
\set VERBOSITY default
SELECT regress_try('DELETE FROM auth.audit_log');
-- nor is it written where nothing may be
START TRANSACTION READ ONLY;
SELECT regress_try(format('SELECT auth.audit(%L, NULL, ''{}'')', :'ann_id'));
COMMIT;

-- Who reads: one's own entries; AUDITOR and ADMIN all of them, as soon as they are it.
CREATE FUNCTION public.regress_reads(OUT entries bigint, OUT principals text) LANGUAGE sql AS $$
    SELECT count(*), string_agg(DISTINCT coalesce(split_part(l.subject, '@', 1), 'nobody'), ' ')
    FROM auth.audit_log l $$;
UPDATE auth.users SET app_role = 'ANALYST' WHERE email LIKE '%@example.com';
SELECT auth.issue('ann@example.com') AS ann \gset
GRANT EXECUTE ON FUNCTION regress_reads() TO authenticated;
SET ROLE authenticated;
SELECT * FROM regress_reads();
SET pg_principal.token = :'ann';
SELECT entries = (SELECT count(*) FROM auth.audit_log WHERE user_id = :'ann_id') AS own, principals
    FROM regress_reads();
SELECT regress_try('INSERT INTO auth.audit_log (user_id, seq, created_at, changes, previous_hash, hash) SELECT auth.uid(), 99, now(), ''{}'', '''', ''''') AS "insert",
    left(regress_try('DELETE FROM auth.audit_log'), 5) AS "delete",
    left(regress_try('SELECT count(*) FROM auth.audit_heads'), 5) AS heads;
SET pg_principal.token = 'x.y.z';
SELECT regress_try('SELECT count(*) FROM auth.audit_log');
RESET ROLE;
SET client_min_messages = warning;
CREATE TABLE public.regress_seen (role text, everyone boolean, of_boss boolean, audits text);
GRANT ALL ON public.regress_seen TO authenticated;
RESET client_min_messages;
SELECT set_config('regress.ann', :'ann', false) IS NULL AS nothing;
DO $$
DECLARE
    r text;
    total bigint;
BEGIN
    FOREACH r IN ARRAY '{READ_ONLY,ANALYST,AUDITOR,ADMIN}'::text[] LOOP
        PERFORM set_config('pg_principal.token', '', true);
        UPDATE auth.users SET app_role = r WHERE email = 'ann@example.com';
        total := (SELECT count(*) FROM auth.audit_log);
        PERFORM set_config('pg_principal.token', current_setting('regress.ann'), true);
        SET LOCAL ROLE authenticated;
        INSERT INTO regress_seen SELECT r, (SELECT count(*) FROM auth.audit_log) = total,
            EXISTS (SELECT FROM auth.audit_log WHERE subject = 'boss@example.com'),
            regress_try('SELECT count(*) FROM auth.audits(5, everyone => true)');
        RESET ROLE;
    END LOOP;
END $$;
SELECT * FROM regress_seen;
UPDATE auth.users SET app_role = 'ANALYST' WHERE email = 'ann@example.com';
RESET pg_principal.token;
SET ROLE anon;
SELECT left(regress_try('SELECT count(*) FROM auth.audit_log'), 5) AS log,
    regress_try('SELECT count(*) FROM auth.audits()') AS audits;
RESET ROLE;

-- auth.audits(): newest first, page by page.
SELECT regress_try('SELECT count(*) FROM auth.audits()') AS nobody;
SET pg_principal.token = :'ann';
SELECT regress_try(format('SELECT count(*) FROM auth.audits(%s)', a))
    FROM unnest(ARRAY['1', '100', '0', '101', '-1', 'NULL', 'everyone => true', 'everyone => NULL',
    'of_user => auth.uid()', 'of_user => auth.nobody()', 'of_user => NULL', '5, ''x''', '5, ''''',
    '5, ''1.2.3''', '5, ''-99999999999999999.00000000-0000-0000-0000-000000000000.1''',
    '5, ''999999999999999999.00000000-0000-0000-0000-000000000000.1''',
        '5, ''1.00000000-0000-0000-0000-000000000000.999999999999999999''',
        '5, ''1.0000000000000000000000000000000000-0.1''',
        '5, ''1.zzzzzzzz-0000-0000-0000-000000000000.1''']) AS a;
SELECT count(*) FROM auth.audits();
SELECT * FROM (SELECT id IS NOT NULL AS id, user_id = :'ann_id' AS own,
    actor_id IS NULL AS no_actor, actor_email, actor_name, changes, reason,
    metadata - 'databaseRole' - 'sessionId' AS metadata, ip, user_agent,
    created_at > now() - interval '1 day' AS created,
    next_cursor ~ '^\d+\.[-0-9a-f]{36}\.\d+$' AS cursor FROM auth.audits(3)) AS a;
CREATE FUNCTION public.regress_walk(entries int, of_user uuid,
    everyone boolean) RETURNS TABLE (id uuid, user_id uuid, created_at timestamptz) LANGUAGE plpgsql
    AS $$
DECLARE
    at_cursor text;
    page record;
    got int;
BEGIN
    LOOP
        got := 0;
        FOR page IN SELECT * FROM auth.audits(entries, at_cursor, of_user, everyone) LOOP
            got := got + 1;
            at_cursor := page.next_cursor;
            id := page.id;
            user_id := page.user_id;
            created_at := page.created_at;
            RETURN NEXT;
        END LOOP;
        EXIT WHEN got < entries;
    END LOOP;
END $$;
SELECT n, count(*) = (SELECT count(*) FROM auth.audits(100)) AS each,
    count(DISTINCT id) = count(*) AS once, bool_and(user_id = :'ann_id') AS own,
    bool_and(later) AS newest_first FROM unnest(ARRAY[1, 2, 3, 7, 100]) AS n,
    LATERAL (SELECT *, created_at <= lag(created_at, 1, 'infinity') OVER () AS later
    FROM regress_walk(n, NULL, false)) AS w GROUP BY n ORDER BY n;
RESET pg_principal.token;
UPDATE auth.users SET app_role = 'AUDITOR', first_name = 'The', last_name = 'Boss'
    WHERE id = :'boss_id';
SET pg_principal.token = :'boss';
SELECT n, count(*) = (SELECT count(*) FROM auth.audit_log) AS each,
    count(DISTINCT id) = count(*) AS once, count(DISTINCT user_id) AS principals,
    bool_and(later) AS newest_first FROM unnest(ARRAY[1, 5, 100]) AS n,
    LATERAL (SELECT *, created_at <= lag(created_at, 1, 'infinity') OVER () AS later
    FROM regress_walk(n, NULL, true)) AS w GROUP BY n ORDER BY n;
SELECT count(*) = (SELECT count(*) FROM auth.audit_log WHERE user_id = :'ann_id') AS of_ann
    FROM regress_walk(2, :'ann_id', false);
SELECT (auth.update_profile('{"jobTitle": "Boss"}')).status;
SELECT actor_email, actor_name, changes->'jobTitle'->'current' AS current FROM auth.audits(1);
SELECT count(*) FROM auth.audits(of_user => gen_random_uuid());
RESET pg_principal.token;

-- Refusals are bounded for each principal and hour; those beyond are counted.
SELECT auth.set_password('ann@example.com', 'Th1sIsAStrong!Pass');
SET pg_principal.max_failure_entries = 2;
SET pg_principal.max_failed_sign_ins = 0;
DELETE FROM auth.metrics;
CREATE VIEW public.regress_budget AS SELECT n.name, count(l.*) AS entries, h.failures, h.suppressed
    FROM auth.audit_heads h JOIN regress_names n ON n.id = h.user_id LEFT
    JOIN auth.audit_log l ON l.user_id = h.user_id AND l.changes ?| '{signIn,refreshToken}'
    WHERE n.name IN ('ann', 'boss', 'nobody') GROUP BY n.name, h.failures, h.suppressed
    ORDER BY n.name;
SELECT status FROM generate_series(1, 4) AS n, auth.sign_in('ann@example.com', 'wrong' || n);
SELECT status FROM generate_series(1, 4) AS n, auth.sign_in('nobody@example.com', 'wrong' || n);
SELECT status FROM auth.sign_in('boss@example.com', 'wrong');
SELECT * FROM regress_budget;
SELECT name, label, value FROM auth.read_metrics();
-- what is no refusal is written all the same
SELECT status FROM auth.sign_in('ann@example.com', 'Th1sIsAStrong!Pass');
SELECT changes FROM auth.audit_log WHERE user_id = :'ann_id' ORDER BY seq DESC LIMIT 1;
-- guesses do not silence what happens to a real token: it has an allowance of its own, and a session's end none
SELECT payload->'tokens'->>'refreshToken' AS budget_token
    FROM auth.sign_in('ann@example.com', 'Th1sIsAStrong!Pass') \gset
SELECT (auth.refresh((auth.refresh(:'budget_token')).payload->'tokens'->>'refreshToken')).status;
SELECT reason FROM generate_series(1, 4) AS n, auth.refresh(CASE n WHEN n THEN :'budget_token' END);
SELECT seq - min(seq) OVER () AS nth, reason, metadata->>'sessionEnded' AS session_ended
    FROM auth.audit_log WHERE user_id = :'ann_id' AND changes ? 'refreshToken' ORDER BY seq;
-- the next hour
UPDATE auth.audit_heads SET failure_hour = failure_hour - interval '1 hour';
SELECT status FROM auth.sign_in('ann@example.com', 'wrong');
SELECT reason FROM auth.refresh('nonsense');
SELECT * FROM regress_budget;
RESET pg_principal.max_failure_entries;
RESET pg_principal.max_failed_sign_ins;
SELECT regress_faults();

-- all principals gone at once leaves an entry too
BEGIN;
TRUNCATE auth.users;
SELECT changes FROM auth.audit_log WHERE user_id = auth.nobody() ORDER BY seq DESC LIMIT 1;
ROLLBACK;

-- Tampering, without a seal. ann's chain has many entries; the third is falsified in each column.
\pset format unaligned
CREATE FUNCTION public.regress_third(change text) RETURNS text LANGUAGE sql AS $$
    SELECT regress_tampered('UPDATE auth.audit_log l SET ' || change
    || ' FROM regress_names n WHERE n.id = l.user_id AND n.name = ''ann'' AND l.seq = 3') $$;
SELECT regress_third('reason = reason') AS untouched;
SELECT change, regress_third(change) AS found
    FROM (VALUES (1, 'user_id = auth.nobody(), seq = 1000'),
    (2, 'user_id = ''00000000-0000-4000-8000-000000000009'''), (3, 'seq = 1000'),
    (4, 'created_at = created_at + interval ''1 microsecond'''), (5, 'actor_id = auth.nobody()'),
    (6, 'actor_email = ''x'''), (7, 'actor_email = '''''), (8, 'subject = NULL'),
    (9, 'subject = subject || '' '''),
    (10, 'changes = ''{}'''), (11, 'changes = changes || ''{"x": null}'''), (12, 'reason = '''''),
    (13, 'metadata = NULL'), (14, 'metadata = ''{}'''), (15, 'ip = ''192.0.2.1'''),
    (16, 'user_agent = '''''),
    (17, 'previous_hash = set_byte(previous_hash, 31, 255 - get_byte(previous_hash, 31))'),
    (18, 'hash = set_byte(hash, 0, 255 - get_byte(hash, 0))'), (19, 'hash = ''''')) AS t (n, change)
        ORDER BY n;
-- rows
CREATE VIEW public.regress_ann AS SELECT l.* FROM auth.audit_log l
    JOIN regress_names n ON n.id = l.user_id AND n.name = 'ann';
SELECT max(seq) AS last FROM regress_ann \gset
\set of_ann 'user_id = (SELECT id FROM regress_names WHERE name = ''ann'')'
SELECT what, replace(regress_tampered(VARIADIC statements), :'last' || ':', 'LAST:') AS found
    FROM (VALUES (1, 'one gone in the middle', ARRAY['DELETE FROM auth.audit_log WHERE '
    || :'of_ann' || ' AND seq = 3']),
    (2, 'the first gone', ARRAY['DELETE FROM auth.audit_log WHERE ' || :'of_ann'
    || ' AND seq = 1']),
    (3, 'two changed places',
        ARRAY['UPDATE auth.audit_log SET seq = CASE seq WHEN 3 THEN 1004 ELSE 1003 END WHERE '
        || :'of_ann' || ' AND seq IN (3, 4)', 'UPDATE auth.audit_log SET seq = seq - 1000 WHERE '
        || :'of_ann' || ' AND seq > 1000']),
    (4, 'the gap closed', ARRAY['DELETE FROM auth.audit_log WHERE ' || :'of_ann' || ' AND seq = 3',
        'UPDATE auth.audit_log SET seq = seq + 1000 WHERE ' || :'of_ann' || ' AND seq > 3',
        'UPDATE auth.audit_log SET seq = seq - 1001 WHERE ' || :'of_ann' || ' AND seq > 1000']),
    (5, 'the last gone', ARRAY['DELETE FROM auth.audit_log WHERE ' || :'of_ann' || ' AND seq = '
        || :'last']),
    (6, 'the tail gone', ARRAY['DELETE FROM auth.audit_log WHERE ' || :'of_ann' || ' AND seq > 2']),
    (7, 'all entries gone', ARRAY['DELETE FROM auth.audit_log WHERE ' || :'of_ann']),
    (8, 'the head gone', ARRAY['DELETE FROM auth.audit_heads WHERE ' || :'of_ann']),
    (9, 'the head''s hash', ARRAY['UPDATE auth.audit_heads SET hash = ''\x00'' WHERE '
        || :'of_ann']),
    (10, 'the head''s number', ARRAY['UPDATE auth.audit_heads SET seq = seq - 1 WHERE '
        || :'of_ann']), (11, 'everything gone but the heads', ARRAY['DELETE FROM auth.audit_log']),
    (12, 'one more, unlinked',
        ARRAY['INSERT INTO auth.audit_log SELECT user_id, seq + 1, created_at, actor_id, actor_email, subject, changes, reason, metadata, ip, user_agent, previous_hash, hash FROM regress_ann ORDER BY seq DESC LIMIT 1']),
    (13, 'two chains'' entries swapped', ARRAY['UPDATE auth.audit_log l SET user_id = CASE WHEN l.'
        || :'of_ann' ||
        ' THEN (SELECT id FROM regress_names WHERE name = ''boss'') ELSE (SELECT id FROM regress_names WHERE name = ''ann'') END, seq = 1000 WHERE l.user_id IN (SELECT id FROM regress_names WHERE name IN (''ann'', ''boss'')) AND l.seq = 2'])) AS t (n,
        what, statements) ORDER BY n;
-- only a seal shows these: the tail cut and the head put right, a chain dropped with its head, history written anew
CREATE PROCEDURE public.regress_rewrite() LANGUAGE plpgsql AS $$
DECLARE
    e auth.audit_log;
    previous bytea;
BEGIN
    UPDATE auth.audit_log SET reason = 'falsified' WHERE (user_id, seq) IN (SELECT user_id, 3
        FROM regress_ann);
    previous := (SELECT hash FROM regress_ann WHERE seq = 2);
    FOR e IN SELECT * FROM regress_ann WHERE seq >= 3 ORDER BY seq LOOP
        UPDATE auth.audit_log l SET previous_hash = previous, hash = auth.audit_hash(e.user_id,
            e.seq, e.created_at, e.actor_id, e.actor_email, e.subject, e.changes, e.reason,
            e.metadata, e.ip, e.user_agent, previous) WHERE l.user_id = e.user_id AND l.seq = e.seq
            RETURNING l.hash INTO previous;
    END LOOP;
    UPDATE auth.audit_heads SET hash = previous WHERE user_id IN (SELECT user_id FROM regress_ann);
END $$;
CREATE PROCEDURE public.regress_cut(keep bigint) LANGUAGE plpgsql AS $$
BEGIN
    UPDATE auth.audit_heads h SET seq = keep, hash = (SELECT hash FROM regress_ann WHERE seq = keep)
        WHERE h.user_id IN (SELECT user_id FROM regress_ann);
    DELETE FROM auth.audit_log WHERE (user_id, seq) IN (SELECT user_id, seq FROM regress_ann
        WHERE seq > keep);
END $$;
CREATE PROCEDURE public.regress_drop() LANGUAGE sql AS $$ DELETE FROM auth.audit_heads
    WHERE user_id IN (SELECT id FROM regress_names WHERE name = 'ann');
DELETE FROM auth.audit_log WHERE user_id IN (SELECT id FROM regress_names WHERE name = 'ann') $$;
SELECT regress_tampered('CALL regress_cut(4)') AS cut,
    regress_tampered('CALL regress_drop()') AS dropped,
    regress_tampered('CALL regress_rewrite()') AS rewritten;

-- Seals.
SELECT regress_try('SELECT count(*) FROM auth.audit_verify(''x'')') AS no_seal,
    regress_try(format('SELECT count(*) FROM auth.audit_verify(%L)', :'boss')) AS a_token,
    regress_try('SELECT count(*) FROM auth.audit_verify('''')') AS empty;
SELECT auth.audit_seal() AS seal_1 \gset
SELECT c - '{iat,digest,iss}'::text[] AS claims, (c->>'chains')::int = (SELECT count(*)
    FROM auth.audit_sealed_heads) AS chains, length(c->>'digest') AS digest,
    abs((c->>'iat')::int - extract(epoch FROM now())) < 60 AS now
    FROM auth.read_seal(:'seal_1') AS c;
SELECT regress_faults(:'seal_1'),
    left(regress_try(format('SELECT auth.authenticate(%L)', :'seal_1')), 5) AS is_no_token;
SELECT id, chains = (SELECT count(*) FROM auth.audit_sealed_heads) AS chains,
    seal = :'seal_1' AS seal FROM auth.audit_seals;
UPDATE auth.users SET job_title = 'after the first seal' WHERE id = :'ann_id';
SELECT regress_faults(:'seal_1') AS more_entries;
SELECT auth.audit_seal() AS seal_2 \gset
SELECT auth.audit_seal() AS seal_3 \gset
SELECT id, chains FROM auth.audit_seals WHERE id > 1 ORDER BY id;
SELECT regress_faults(:'seal_1'), regress_faults(:'seal_2'), regress_faults(:'seal_3');
\set relabel 'replace(replace(f, (SELECT max(seq)::text FROM regress_ann) || '':'', ''LAST:''), ((SELECT max(seq) FROM regress_ann) - 1)::text || '':'', ''LAST BUT ONE:'')'
SELECT what, :relabel AS found
    FROM (VALUES (1, 'the tail cut, the head put right', ARRAY['CALL regress_cut(4)']),
    (2, 'a chain dropped with its head', ARRAY['CALL regress_drop()']),
    (3, 'written anew', ARRAY['CALL regress_rewrite()']),
    (4, 'a digest',
    ARRAY['UPDATE auth.audit_seals SET digest = set_byte(digest, 0, 255 - get_byte(digest, 0)) WHERE id = 2']),
    (5, 'the last digest',
        ARRAY['UPDATE auth.audit_seals SET digest = set_byte(digest, 0, 255 - get_byte(digest, 0)) WHERE id = 3']),
    (6, 'a sealed head',
        ARRAY['UPDATE auth.audit_sealed_heads SET seq = seq - 1 WHERE seal_id = 1 AND '
        || :'of_ann']),
    (7, 'a sealed head gone', ARRAY['DELETE FROM auth.audit_sealed_heads WHERE seal_id = 1 AND '
        || :'of_ann']),
    (8, 'the dropped chain taken out of its seals', ARRAY['CALL regress_drop()',
        'DELETE FROM auth.audit_sealed_heads WHERE ' || :'of_ann']),
    (9, 'the last seal altered',
        ARRAY['UPDATE auth.audit_seals SET seal = overlay(seal PLACING CASE substr(seal, length(seal) - 9, 1) WHEN ''A'' THEN ''B'' ELSE ''A'' END FROM length(seal) - 9) WHERE id = 3']),
    (10, 'another seal''s text',
        ARRAY['UPDATE auth.audit_seals SET seal = (SELECT o.seal FROM auth.audit_seals o WHERE o.id = 1) WHERE id = 3']),
    (11, 'a seal gone', ARRAY['DELETE FROM auth.audit_seals WHERE id = 2']),
    (12, 'the first gone', ARRAY['DELETE FROM auth.audit_seals WHERE id = 1']),
    (13, 'the last gone', ARRAY['DELETE FROM auth.audit_seals WHERE id = 3']),
    (14, 'all seals gone', ARRAY['DELETE FROM auth.audit_seals',
        'DELETE FROM auth.audit_sealed_heads']),
    (15, 'all replaced, after a chain was dropped', ARRAY['CALL regress_drop()',
        'DELETE FROM auth.audit_seals', 'DELETE FROM auth.audit_sealed_heads',
        'UPDATE auth.audit_heads SET sealed_seq = 0', 'SELECT auth.audit_seal()',
        'SELECT auth.audit_seal()', 'SELECT auth.audit_seal()']),
    (16, 'nothing', ARRAY['SELECT 1'])) AS t (n, what, statements),
        LATERAL regress_tampered(VARIADIC statements) AS f ORDER BY n;
-- a key that is revoked vouches for nothing any more
SELECT auth.create_signing_key('ES256') AS next_key \gset
SELECT regress_faults(:'seal_3') AS another_key;
SELECT auth.revoke_signing_key(:'kid');
SELECT regress_faults() AS revoked,
    left(regress_try(format('SELECT count(*) FROM auth.audit_verify(%L)', :'seal_3')), 5) AS kept;
SELECT auth.audit_seal() AS seal_4 \gset
SELECT regress_faults(:'seal_4') AS sealed_again;
SELECT auth.retire_signing_key(:'next_key');
SELECT left(regress_try('SELECT auth.audit_seal()'), 5) AS no_key,
    regress_faults(:'seal_4') AS retired;
SELECT auth.activate_signing_key(:'next_key');

-- Pruning: what remains is verifiable, and goes on.
SELECT regress_try(format('SELECT auth.audit_prune(%s)', a))
    FROM unnest(ARRAY['NULL', 'interval ''0''', 'interval ''-1 day''', 'interval ''1 day''',
    'interval ''1 day'', NULL', 'interval ''1 day'', 0',
    -- of months and days that cancel out: above zero, and from the future on; before all times
    'interval ''361 days -12 months''', 'interval ''178000000 years''',
    'interval ''-178000000 years''']) AS a;
SELECT count(*) AS entries FROM auth.audit_log \gset
SELECT pg_sleep(0.02);
SELECT auth.audit_prune('10 ms', 0) AS none, auth.audit_prune('10 ms', -1) AS negative;
SELECT auth.audit_prune('10 ms', 3) AS three;
SELECT count(*) - :entries AS fewer, regress_faults(:'seal_4') FROM auth.audit_log;
SELECT changes, metadata->'entries' AS entries, metadata ?& '{before,digest,databaseRole}' AS more
    FROM auth.audit_log WHERE user_id = auth.audit_itself() ORDER BY seq DESC LIMIT 1;
-- what a prune left behind is guarded like the rest
SELECT regress_tampered('UPDATE auth.audit_heads SET pruned_seq = pruned_seq - 1 WHERE pruned_seq > 0') ~ 'missing' AS pruned_seq,
    regress_tampered('UPDATE auth.audit_heads SET pruned_hash = ''\x00'' WHERE pruned_seq > 0') ~ 'not linked|missing or' AS pruned_hash,
    regress_tampered('DELETE FROM auth.audit_log l WHERE seq = (SELECT pruned_seq + 1 FROM auth.audit_heads h WHERE h.user_id = l.user_id)') ~ 'missing' AS next_gone;
SELECT what, regexp_replace(:relabel, '\m\d+:', 'N:', 'g') AS found
    FROM (VALUES (1, 'pruned by hand',
    ARRAY['UPDATE auth.audit_heads SET pruned_seq = seq, pruned_hash = hash WHERE ' || :'of_ann',
    'DELETE FROM auth.audit_log WHERE ' || :'of_ann']),
    (2, 'and recorded by hand',
    ARRAY['UPDATE auth.audit_heads SET pruned_seq = seq, pruned_hash = hash WHERE ' || :'of_ann',
    'DELETE FROM auth.audit_log WHERE ' || :'of_ann',
    'INSERT INTO auth.audit_prunes SELECT (SELECT max(entry) FROM auth.audit_prunes), user_id, seq, hash FROM auth.audit_heads WHERE '
        || :'of_ann' ||
        ' ON CONFLICT (entry, user_id) DO UPDATE SET seq = excluded.seq, hash = excluded.hash']),
        (3, 'recorded under a number of its own',
        ARRAY['UPDATE auth.audit_heads SET pruned_seq = seq, pruned_hash = hash WHERE '
        || :'of_ann', 'DELETE FROM auth.audit_log WHERE ' || :'of_ann',
        'INSERT INTO auth.audit_prunes SELECT 1000, user_id, seq, hash FROM auth.audit_heads WHERE '
        || :'of_ann']),
    (4, 'the record gone', ARRAY['DELETE FROM auth.audit_prunes']),
    (5, 'the entry gone',
        ARRAY['DELETE FROM auth.audit_log WHERE user_id = auth.audit_itself() AND changes->''audit''->>''current'' = ''pruned''']),
    (6, 'the whole chain of the audit gone',
        ARRAY['DELETE FROM auth.audit_log WHERE user_id = auth.audit_itself()',
        'DELETE FROM auth.audit_heads WHERE user_id = auth.audit_itself()'])) AS t (n, what,
        statements), LATERAL regress_tampered(VARIADIC statements) AS f ORDER BY n;
-- an operator; a part of a chain, the whole of it, all of them; sealed before and after
SET ROLE auth_operator;
SELECT auth.audit_prune('10 ms', 20) AS twenty;
SELECT auth.audit_seal() AS seal_5 \gset
SELECT count(*) AS faults FROM auth.audit_verify(:'seal_5');
RESET ROLE;
SELECT count(*) = 1 AS other_triggers_still_fire FROM pg_settings
    WHERE name = 'session_replication_role' AND setting = 'origin';
UPDATE auth.users SET job_title = 'between';
SELECT pg_sleep(0.02);
SELECT auth.audit_prune('10 ms') > 0 AS rest;
SELECT n.name, count(*), min(l.seq) AS first, l.changes->'audit'->>'current' AS what
    FROM auth.audit_log l JOIN regress_names n ON n.id = l.user_id GROUP BY n.name, what
    ORDER BY n.name, what;
SELECT regress_faults(:'seal_5'), regress_faults(:'seal_4');
UPDATE auth.users SET job_title = 'afterwards';
SELECT n.name, min(l.seq) > 1 AS goes_on FROM auth.audit_log l
    JOIN regress_names n ON n.id = l.user_id GROUP BY n.name ORDER BY n.name;
SELECT auth.audit_seal() AS seal_6 \gset
SELECT regress_faults(:'seal_6'), regress_faults(:'seal_5');
SELECT regress_tampered('CALL regress_drop()') AS dropped;
SELECT auth.audit_prune('1 year') AS nothing_old;
\pset format aligned

SET client_min_messages = warning;
DROP TABLE public.regress_seen;
DROP PROCEDURE public.regress_rewrite(), public.regress_cut(bigint), public.regress_drop();
DROP VIEW public.regress_ann, public.regress_budget;
DROP TABLE public.regress_names;
DROP FUNCTION public.regress_faults(text), public.regress_tampered(text[]),
    public.regress_context(text), public.regress_reads(), public.regress_walk(int, uuid, boolean),
    public.regress_third(text);
-- a ban without an end, and one moved by less than is shown
UPDATE auth.users SET banned_until = 'infinity' WHERE email = 'ann@example.com';
UPDATE auth.users SET banned_until = timestamptz '2999-01-01 00:00:00.000001+00'
    WHERE email = 'ann@example.com';
UPDATE auth.users SET banned_until = timestamptz '2999-01-01 00:00:00.000002+00'
    WHERE email = 'ann@example.com';
SELECT a.changes->'bannedUntil' AS banned_until FROM auth.audit_log a
    WHERE a.subject = 'ann@example.com' ORDER BY a.seq DESC LIMIT 3;
\i :teardown
