-- The roster: what push_people takes, what it refuses, and that it is all or nothing.
\getenv here PG_ABS_SRCDIR
\set setup :here /sql/include/setup.sql
\set teardown :here /sql/include/teardown.sql
\i :setup
\pset format unaligned
CREATE FUNCTION public.regress_push(rows text) RETURNS text LANGUAGE sql AS $$
    SELECT regress_try(format('SELECT auth.push_people(%L)', rows)) $$;
DELETE FROM auth.organization_people;

-- Kinds, fields, trimming and lower case; an empty field is none.
SELECT auth.push_people('[
    {"email": " Boss@Example.COM\t", "name": "  The Boss ", "github_username": "boss", "discipline": "engineering", "level": "L5", "track": "management", "manager_email": null, "team": "core", "kind": "human"},
    {"email": "ann@example.com", "name": "Ann", "github_username": "", "level": "  ", "manager_email": "BOSS@example.com ", "kind": "person"},
    {"email": "bob@example.com", "name": "Bob", "kind": null, "manager_email": ""},
    {"email": "kata-agent-team@example.com", "name": "Kata Agent Team", "kind": "service_account"},
    {"email": "kata-agent-two@example.com", "name": "Kata Agent Two", "kind": " service_account ", "discipline": "engineering", "track": "tools", "github_username": "kata[bot]", "level": null, "team": ""}]');
SELECT email, name, github_username, discipline, level, track, manager_email, team, kind
    FROM auth.organization_people ORDER BY email;
SELECT imported FROM auth.push_people('[]');
SELECT count(*) FROM auth.organization_people;

-- A service account has no level, no manager and no team, in SQL either.
SELECT regress_push('[{"email": "a@b", "name": "A", "kind": "service_account", "level": "L1", "manager_email": "boss@example.com", "team": "core"}]');
\set VERBOSITY terse
INSERT INTO auth.organization_people (email, name, kind, level)
    VALUES ('a@b', 'A', 'service_account', 'L1');
INSERT INTO auth.organization_people (email, name, kind, manager_email)
    VALUES ('a@b', 'A', 'service_account', 'boss@example.com');
INSERT INTO auth.organization_people (email, name, kind, team)
    VALUES ('a@b', 'A', 'service_account', 'core');
UPDATE auth.organization_people SET kind = 'service_account' WHERE email = 'boss@example.com';
UPDATE auth.organization_people SET level = 'L1' WHERE email = 'kata-agent-team@example.com';
INSERT INTO auth.organization_people (email, name, kind) VALUES ('a@b', 'A', 'human');
INSERT INTO auth.organization_people (email, name) VALUES ('A@b', 'A');
INSERT INTO auth.organization_people (email, name) VALUES (' a@b', 'A');
INSERT INTO auth.organization_people (email, name) VALUES ('ab', 'A');
INSERT INTO auth.organization_people (email, name) VALUES ('a@b', '');
INSERT INTO auth.organization_people (email) VALUES ('a@b');
INSERT INTO auth.organization_people (name) VALUES ('A');
INSERT INTO auth.organization_people (email, name, manager_email) VALUES ('a@b', 'A', 'a@b');
INSERT INTO auth.organization_people (email, name, manager_email)
    VALUES ('a@b', 'A', 'nobody@example.com');
INSERT INTO auth.organization_people (email, name, github_username) VALUES ('a@b', 'A', 'boss');
\set VERBOSITY default

-- Each bad row is named, with its number and every reason; nothing is written.
SELECT n, regress_push(rows) FROM (VALUES
    (1, '[{"email": "a@b"}]'), (2, '[{"name": "A"}]'), (3, '[{}]'),
    (4, '[{"email": null, "name": null}]'), (5, '[{"email": "", "name": " "}]'),
    (6, '[{"email": "no at", "name": "A"}, {"email": "@b", "name": "A"}, {"email": "a@", "name": "A"}, {"email": "a@b@c", "name": "A"}, {"email": "a b@c", "name": "A"}, {"email": "a@b..c", "name": "A"}]'),
    (7, '[{"email": "a@b", "name": "A", "kind": "robot"}, {"email": "c@b", "name": "A", "kind": "Person"}, {"email": "d@b", "name": "A", "kind": "service account"}]'),
    (8, '[{"email": "a@b", "name": "A", "kind": "service_account", "level": "L1"}, {"email": "c@b", "name": "A", "kind": "service_account", "manager_email": "boss@example.com"}, {"email": "d@b", "name": "A", "kind": "service_account", "team": "core"}]'),
    (9, '[{"email": "a@b", "name": "A"}, {"email": "c@b", "name": "A"}, {"email": " A@B", "name": "A again"}]'),
    (10, '[{"email": "a@b", "name": "A", "manager_email": "nobody@example.com"}]'),
    (11, '[{"email": "a@b", "name": "A", "manager_email": "A@B"}]'),
    (12, '[{"email": "a@b", "name": "A", "manager_email": "no at"}]'),
    (13, '[{"email": "a@b", "name": "A", "github_username": "x"}, {"email": "c@b", "name": "C", "github_username": "x"}]'),
    (14, '[{"email": "a@b", "name": "A", "github_username": "boss"}]'),
    (15, '[{"email": "a@b", "name": "A", "salary": "1"}, {"email": "c@b", "name": "A", "Name": "B"}, {"email": "d@b", "name": "A", "": "B"}]'),
    (16, '[{"email": 1, "name": true, "level": [], "team": {}, "kind": 1.5}]'),
    (17, '[1, "a@b", null, true, [], [{"email": "a@b", "name": "A"}], {"email": "a@b", "name": "A"}]'),
    (18, '[{"email": "a@b", "name": "A", "kind": "service_account", "level": "L1", "team": "x", "foo": 1}]'),
    (19, '[{"email": "no at", "name": "A"}, {"email": "b@b", "name": "B", "manager_email": "nobody@example.com"}, {"email": "c@b", "name": "C", "github_username": "boss"}]')) AS t (n,
        rows) ORDER BY n;
SELECT count(*) FROM auth.organization_people;

-- What is no array of objects at all.
SELECT rows, regress_push(rows)
    FROM unnest(ARRAY['null', '{}', '{"people": []}', '"x"', '1', 'true', '', '[',
    '[{"email": "a@b", "name": "A"}', 'email,name']) WITH ORDINALITY AS t (rows, n) ORDER BY n;
SELECT regress_try('SELECT auth.push_people(NULL)');

-- More than twenty: the first twenty, and how many more.
SELECT regress_push((SELECT jsonb_agg(jsonb_build_object('email', 'p' || n || '@example.com',
    'name', 'P', 'level', n)) FROM generate_series(1, 20) AS n)::text);
SELECT regress_push((SELECT jsonb_agg(jsonb_build_object('email', 'p' || n || '@example.com',
    'name', 'P', 'level', n)) FROM generate_series(1, 23) AS n)::text);
-- one bad one among a thousand: none written, and named
SELECT regress_push((SELECT jsonb_agg(jsonb_build_object('email', CASE n WHEN 617 THEN 'no at'
    ELSE 'p' || n || '@example.com' END, 'name', 'P')) FROM generate_series(1, 1000) AS n)::text);
SELECT regress_push((SELECT jsonb_agg(jsonb_build_object('email', 'p' || n || '@example.com',
    'name', 'P', 'manager_email', CASE n WHEN 617 THEN 'nobody@example.com' END))
    FROM generate_series(1, 1000) AS n)::text);
SELECT regress_push((SELECT jsonb_agg(jsonb_build_object('email', 'p' || n || '@example.com',
    'name', 'P', 'github_username', CASE n WHEN 617 THEN 'boss' END))
    FROM generate_series(1, 1000) AS n)::text);
SELECT count(*) FROM auth.organization_people;

-- Managers among the rows, in any order and in chains; one another's, too.
SELECT regress_push('[{"email": "c@example.com", "name": "C", "manager_email": "b@example.com"}, {"email": "b@example.com", "name": "B", "manager_email": "a@example.com"}, {"email": "a@example.com", "name": "A", "manager_email": "boss@example.com"}]');
SELECT regress_push('[{"email": "x@example.com", "name": "X", "manager_email": "y@example.com"}, {"email": "y@example.com", "name": "Y", "manager_email": "x@example.com"}]');
SELECT email, manager_email FROM auth.organization_people WHERE email ~ '^.@' ORDER BY email;
-- a manager who is a service account, or is becoming one
SELECT regress_push('[{"email": "z@example.com", "name": "Z", "manager_email": "kata-agent-team@example.com"}]');

-- A second push replaces the whole row, and what is left out is emptied; whoever is not in it stays.
SELECT regress_push('[{"email": "boss@example.com", "name": "The Boss"}]');
SELECT email, name, github_username, discipline, level, track, manager_email, team, kind
    FROM auth.organization_people WHERE email IN ('boss@example.com', 'ann@example.com')
    ORDER BY email;
SELECT count(*) FROM auth.organization_people;
-- the same again touches nothing
SELECT array_agg(xmin::text || ctid::text ORDER BY email) AS was FROM auth.organization_people \gset
SELECT regress_push('[{"email": "boss@example.com", "name": "The Boss"}, {"email": "ann@example.com", "name": "Ann", "manager_email": "boss@example.com"}]');
SELECT array_agg(xmin::text || ctid::text ORDER BY email) = :'was'::text[] AS untouched
    FROM auth.organization_people;

-- Github names. Passed on, swapped or moved round in one push; to one that is not in it, refused.
SELECT regress_push('[{"email": "a@example.com", "name": "A", "github_username": "alpha"}, {"email": "b@example.com", "name": "B", "github_username": "beta"}, {"email": "c@example.com", "name": "C", "github_username": "gamma"}]');
SELECT regress_push('[{"email": "a@example.com", "name": "A", "github_username": "beta"}, {"email": "b@example.com", "name": "B", "github_username": "alpha"}]');
SELECT regress_push('[{"email": "a@example.com", "name": "A", "github_username": "alpha"}, {"email": "b@example.com", "name": "B", "github_username": "gamma"}, {"email": "c@example.com", "name": "C", "github_username": "beta"}]');
SELECT regress_push('[{"email": "a@example.com", "name": "A"}, {"email": "new@example.com", "name": "N", "github_username": "alpha"}]');
SELECT regress_push('[{"email": "b@example.com", "name": "B", "github_username": "alpha"}]');
SELECT email, github_username FROM auth.organization_people WHERE github_username IS NOT NULL
    ORDER BY email;
-- kinds change
SELECT regress_push('[{"email": "new@example.com", "name": "N", "kind": "service_account"}]');
SELECT regress_push('[{"email": "new@example.com", "name": "N", "kind": "human"}]');
SELECT kind FROM auth.organization_people WHERE email = 'new@example.com';

-- Texts: any script, emoji, right to left; nothing that hides; limits in characters, for addresses in bytes.
SELECT n, regress_push(jsonb_build_array(jsonb_build_object('email', 't' || n || '@example.com',
    'name', name))::text) AS outcome
FROM (VALUES (1, 'Ærøskøbing Ñandú'), (2, '日本語 👩‍🚀'), (3, 'עברית עם English'),
    (4, E'O''Neil "\\Backslash" %s {0}'), (5, repeat('é', 200)), (6, repeat('é', 201)),
    (7, E'line\nbreak'), (8, E'tab\there'), (9, U&'del\007F'), (10, repeat('x', 100000)),
    (11, '<script>alert(1)</script>'), (12, '; DROP TABLE auth.users; --')) AS t (n, name)
    ORDER BY n;
SELECT email, length(name) FROM auth.organization_people WHERE email ~ '^t\d+@' ORDER BY email;
SELECT regress_push('[{"email": "ÄNNE@exämple.com", "name": "Änne"}, {"email": "änne@exämple.com", "name": "Änne"}]') AS "not the same address";
SELECT email FROM auth.organization_people WHERE email ~ 'nne@' ORDER BY email COLLATE "C";
SELECT label,
    regress_push(jsonb_build_array(jsonb_build_object('email', email,
    'name', 'X'))::text) AS outcome
    FROM (VALUES (1, '254 bytes', repeat('x', 64) || '@' || repeat(repeat('d', 61) || '.', 3)
    || 'com'), (2, '255 bytes', repeat('x', 64) || '@' || repeat(repeat('d', 61) || '.', 3)
    || 'comx'), (3, '64 bytes of two', repeat('é', 32) || '@example.com'),
    (4, '65 bytes of two', 'x' || repeat('é', 32) || '@example.com'),
    (5, 'zero width', U&'a\200Bb@example.com'),
    (6, 'right to left override', U&'a\202Eb@example.com'),
    (7, 'no-break space', U&'a\00A0b@example.com'), (8, 'soft hyphen', U&'a\00ADb@example.com'),
    (9, 'byte order mark', U&'\FEFFab@example.com'), (10, 'newline', E'a\nb@example.com'),
    (11, 'like pattern', '%_@example.com'), (12, 'dot last', 'a@example.com.'),
    (13, 'hangul filler', U&'a\3164b@example.com'), (14, 'braille blank', U&'a\2800b@example.com'),
    (15, 'joiner', U&'a\034Fb@example.com'), (16, 'a tag', U&'a\+0E0041b@example.com'),
    (17, 'private', U&'a\E000b@example.com'), (18, 'markup', '<svg/onload=alert(1)>@x.x'),
    (19, 'list', 'a,b@c.d'), (20, 'hyphen', 'a@-b.c'), (21, 'colon', 'xx:;x@x.x')) AS t (n, label,
        email) ORDER BY n;
DELETE FROM auth.organization_people WHERE email LIKE 'xxx%' OR email LIKE 'éé%';
-- NUL is no part of any text
SELECT regress_push('[{"email": "a\u0000@b", "name": "A"}]'),
    regress_push('[{"email": "a@b", "na\u0000me": "A"}]');
SELECT regress_push('[{"email": "\ud83d\ude00@example.com", "name": "Surrogates"}, {"email": "a@b", "name": "\ud83d"}]');
-- a field twice: jsonb keeps the last
SELECT regress_push('[{"email": "first@example.com", "email": "last@example.com", "name": "L"}]');
SELECT email FROM auth.organization_people WHERE email IN ('first@example.com', 'last@example.com');
-- numbers and nesting beyond reason
SELECT regress_push('[' || repeat('[', 5000) || repeat(']', 5000) || ']') AS nested,
    left(regress_push('[{"email": "a@b", "name": ' || repeat('9', 10000) || '}]'), 90) AS number;

-- remove_person: the row, never the principal; its reports lose their manager.
SELECT auth.push_people('[{"email": "boss@example.com", "name": "Boss"}, {"email": "ann@example.com", "name": "Ann", "manager_email": "boss@example.com"}, {"email": "bob@example.com", "name": "Bob", "manager_email": "boss@example.com"}]');
SELECT auth.remove_person(' Boss@Example.com');
SELECT auth.remove_person('boss@example.com');
SELECT email, manager_email FROM auth.organization_people
    WHERE email IN ('ann@example.com', 'bob@example.com', 'boss@example.com') ORDER BY email;
SELECT email, banned_until FROM auth.users WHERE email = 'boss@example.com';
SELECT regress_try('SELECT auth.remove_person(''no at'')'),
    regress_try('SELECT auth.remove_person('''')'), auth.remove_person(NULL);
SELECT auth.remove_person('kata-agent-team@example.com');

-- Five thousand rows are one statement, and right; pushed again, nothing changes.
SELECT jsonb_agg(jsonb_build_object('email', 'p' || n || '@example.com', 'name', 'Person ' || n,
    'github_username', 'gh' || n, 'level', CASE WHEN n % 10 > 0 THEN 'L' || n % 7 END,
    'manager_email', CASE WHEN n % 10 > 0 AND n > 10 THEN 'p' || n - n % 10 + 1 - CASE
    WHEN n % 10 = 1 THEN 10 ELSE 0 END || '@example.com' END,
    'kind', CASE WHEN n % 10 = 0 THEN 'service_account' ELSE 'human' END))::text AS many
        FROM generate_series(1, 5000) AS n \gset
DELETE FROM auth.organization_people;
SELECT auth.push_people(:'many');
SELECT count(*), count(DISTINCT github_username) AS names, count(manager_email) AS managed, count(*)
    FILTER (WHERE kind = 'service_account') AS accounts, count(*)
    FILTER (WHERE kind = 'service_account' AND level IS NOT NULL) AS wrong
    FROM auth.organization_people;
SELECT md5(string_agg(o::text, '' ORDER BY email)) AS was FROM auth.organization_people o \gset
SELECT auth.push_people(:'many');
SELECT md5(string_agg(o::text, '' ORDER BY email)) = :'was' AS unchanged
    FROM auth.organization_people o;
SELECT left(regress_push(:'many'::jsonb::text || 'x'), 5) AS malformed,
    regexp_replace(regress_push((:'many'::jsonb
    || '[{"email": "p4999@example.com", "name": "again"}]')::text), 'p\d+@', 'p@') AS twice;

\pset format aligned
DROP FUNCTION public.regress_push(text);
\i :teardown
