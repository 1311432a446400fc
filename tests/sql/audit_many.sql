-- What a statement changes of many principals the audit tells of as of each by itself.
\getenv here PG_ABS_SRCDIR
\set setup :here /sql/include/setup.sql
\set teardown :here /sql/include/teardown.sql
\i :setup
SELECT auth.push_people((SELECT jsonb_agg(jsonb_build_object('email', 'p' || i || '@example.com',
    'name', 'P ' || i)) FROM generate_series(1, 24) AS i));
SELECT * FROM auth.provision();
-- one by one, and all at once
UPDATE auth.users SET first_name = 'F', app_role = 'AUDITOR', raw_user_meta_data = '{"a": 1}'
    WHERE email = 'p1@example.com';
UPDATE auth.users SET first_name = 'F', app_role = 'AUDITOR', raw_user_meta_data = '{"a": 1}'
    WHERE email <> 'p1@example.com';
SELECT auth.set_password('p2@example.com', 'Th1sIsAStrong!Pass');
-- what is not audited, and what only some change
UPDATE auth.users SET last_sign_in_at = now(), app_role = CASE
    WHEN email LIKE 'p1_@example.com' THEN 'ADMIN' ELSE app_role END;
UPDATE auth.users SET encrypted_password = '';
-- a new address and more
UPDATE auth.users SET email = 'new-' || email, job_title = 'J' WHERE email < 'p2';
UPDATE auth.users SET id = gen_random_uuid(), job_title = 'K' WHERE email > 'p9';
DELETE FROM auth.organization_people;
SELECT * FROM auth.provision();
SELECT auth.push_people((SELECT jsonb_agg(jsonb_build_object('email', u.email, 'name', 'Q'))
    FROM auth.users u WHERE u.email ~ '^(new-)?p[0-9]'));
SELECT * FROM auth.provision();
-- principals without a chain, as a restore brings them
INSERT INTO auth.users (email, created_at) SELECT 'r' || i || '@example.com', '2020-01-01Z'
    FROM generate_series(1, 12) AS i;
UPDATE auth.users SET banned_until = '2100-01-01Z', ban_reason = 'R' WHERE email LIKE 'r%';
UPDATE auth.users SET banned_until = '2100-01-01 00:00:00.0001Z' WHERE email LIKE 'r%';
SELECT regexp_replace(regexp_replace(l.changes::text, '"[0-9-]+T[0-9:.]+Z"', '"a time"', 'g'),
    '(p|P )[0-9]+', '\1?', 'g') AS changes, l.reason,
    l.metadata = jsonb_build_object('databaseRole', session_user) AS by_operator, count(*),
        min(l.seq), max(l.seq)
FROM auth.audit_log l WHERE l.subject ~ '^(new-)?[pr][0-9]+@' GROUP BY 1, 2, 3 ORDER BY 1, 2;
SELECT * FROM auth.audit_verify();
-- by somebody: at once as one by one
SELECT auth.create_signing_key() IS NOT NULL AS key;
BEGIN;
SELECT auth.authenticate(auth.issue('p3@example.com')) IS NOT NULL AS bound;
SET LOCAL pg_principal.request_context = '{"ip": "192.0.2.1", "userAgent": "A"}';
UPDATE auth.users SET phone_number = '1' WHERE email LIKE 'r%';
UPDATE auth.users SET phone_number = '2' WHERE email = 'r1@example.com';
SELECT l.actor_email, l.ip, l.user_agent, l.metadata, l.changes, count(*) FROM auth.audit_log l
    WHERE l.actor_id IS NOT NULL GROUP BY 1, 2, 3, 4, 5 ORDER BY 5;
COMMIT;
SELECT * FROM auth.audit_verify();
-- by a project key, what is told of it, too
SELECT token AS key FROM auth.issue_key('service_role') \gset
BEGIN;
SELECT auth.authenticate(:'key') IS NOT NULL AS bound;
UPDATE auth.users SET phone_number = '3' WHERE email LIKE 'r%';
UPDATE auth.users SET phone_number = '4' WHERE email = 'r1@example.com';
SELECT count(DISTINCT l.metadata) AS alike, bool_and(l.metadata ? 'projectKey') AS named, count(*)
    FROM auth.audit_log l WHERE l.changes->'phoneNumber'->>'current' IN ('3', '4');
COMMIT;
-- ends of bans and metadata of every kind, nothing where nothing changes
CREATE FUNCTION pg_temp.told(kind text, OUT told text, OUT entries bigint) RETURNS SETOF record
    LANGUAGE sql AS $$
    SELECT l.changes::text, count(*) FROM auth.audit_log l WHERE l.reason = kind OR l.changes ? kind
        GROUP BY 1 ORDER BY min(l.seq), 1
$$;
UPDATE auth.users SET banned_until = 'infinity', ban_reason = 'E' WHERE email LIKE 'r%';
UPDATE auth.users SET banned_until = '-infinity', ban_reason = 'E' WHERE email LIKE 'r%';
UPDATE auth.users SET banned_until = '0044-03-15 12:00:00+00 BC', ban_reason = 'E'
    WHERE email LIKE 'r%';
UPDATE auth.users SET banned_until = '12345-06-07Z', ban_reason = 'E' WHERE email LIKE 'r%';
UPDATE auth.users SET banned_until = NULL, ban_reason = 'E' WHERE email LIKE 'r%';
SELECT * FROM pg_temp.told('E');
UPDATE auth.users
    SET raw_app_meta_data = '{"n": 1.0, "t": "\u00e4 \"\\\t", "l": [1e3, null, true, {"a b": []}]}'
    WHERE email LIKE 'r%';
UPDATE auth.users
    SET raw_app_meta_data = '{"n": 1.00, "t": "\u00e4 \"\\\t", "l": [1e3, null, true, {"a b": []}]}'
    WHERE email LIKE 'r%';
UPDATE auth.users SET raw_app_meta_data = jsonb_build_object('long', repeat('x', 10000))
    WHERE email LIKE 'r%';
UPDATE auth.users SET raw_app_meta_data = '{}', last_name = E'\x01"' WHERE email LIKE 'r%';
SELECT left(told, 200) AS told, length(told), entries FROM pg_temp.told('appMetadata');
-- entries that wait for a chain come before, and what an administrator hangs on the log fires
INSERT INTO auth.audit_unlinked (user_id, created_at, subject, changes) SELECT u.id, now(), u.email,
    '{"waited": {"previous": null, "current": "W"}}' FROM auth.users u
    WHERE u.email = 'r2@example.com';
UPDATE auth.users SET phone_number = '5' WHERE email LIKE 'r%';
SELECT count(*) AS waiting FROM auth.audit_unlinked;
SELECT l.changes FROM auth.audit_log l WHERE l.subject = 'r2@example.com' ORDER BY l.seq DESC
    LIMIT 2;
CREATE TABLE public.regress_shipped (subject text);
CREATE FUNCTION public.regress_ship() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.regress_shipped SELECT a.subject FROM added a;
    RETURN NULL;
END
$$;
CREATE TRIGGER ship AFTER INSERT ON auth.audit_log REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION public.regress_ship();
UPDATE auth.users SET phone_number = '6' WHERE email LIKE 'r%';
SELECT count(*) AS shipped FROM public.regress_shipped;
DROP TRIGGER ship ON auth.audit_log;
DROP TABLE public.regress_shipped;
DROP FUNCTION public.regress_ship();
-- without the index that finds a head; and no window asks for the count before all are there
BEGIN;
ALTER TABLE auth.audit_heads DROP CONSTRAINT audit_heads_pkey;
UPDATE auth.users SET phone_number = '7' WHERE email LIKE 'r%';
SELECT count(*) FROM auth.audit_log l WHERE l.changes->'phoneNumber'->>'current' = '7';
SELECT * FROM auth.audit_verify();
ROLLBACK;
SELECT auth.begin_chains(u.id, u.email, '{}') OVER () FROM auth.users u;
-- more than are written at once
SELECT auth.push_people((SELECT jsonb_agg(jsonb_build_object('email', 'm' || i || '@example.com',
    'name', 'M')) FROM generate_series(1, 200) AS i));
SELECT created FROM auth.provision();
UPDATE auth.users SET job_title = 'M' WHERE email ~ '^m[0-9]';
SET enable_seqscan = off;
SELECT l.seq, l.changes, count(*) FROM auth.users u JOIN auth.audit_log l ON l.user_id = u.id
    JOIN auth.audit_heads h ON h.user_id = u.id AND h.seq = 2 WHERE u.email ~ '^m[0-9]'
    GROUP BY 1, 2 ORDER BY 1;
RESET enable_seqscan;
SELECT * FROM auth.audit_verify();
\i :teardown
