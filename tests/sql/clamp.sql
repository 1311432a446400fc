-- The clamp: every scope, every type of owner column, reads and writes, and back.
\getenv here PG_ABS_SRCDIR
\set setup :here /sql/include/setup.sql
\set teardown :here /sql/include/teardown.sql
\i :setup
SET client_min_messages = warning;
SELECT auth.push_people('[{"email": "chris@example.com", "name": "Chris", "manager_email": "ann@example.com"}]') AS pushed \gset
SELECT created FROM auth.provision() \gset
SELECT token AS anon FROM auth.issue_key('anon') \gset
SELECT token AS service FROM auth.issue_key('service_role') \gset
CREATE ROLE regress_app;
CREATE ROLE regress_owner;
CREATE SCHEMA regress;
GRANT USAGE ON SCHEMA regress TO regress_app, regress_owner;
SET search_path = regress, public;
CREATE TABLE caller (n int, name text, token text);
INSERT INTO caller VALUES (1, 'nobody', ''), (2, 'anon', :'anon'), (3, 'service', :'service'),
    (4, 'boss', :'boss'), (5, 'ann', :'ann'), (6, 'agent', :'agent'), (7, 'dead', 'x');
GRANT SELECT ON caller TO regress_app, regress_owner;
-- what a caller sees, and how many rows a caller may write, with nothing of it left behind
CREATE FUNCTION sees(caller_token text, tbl text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    ids text;
    detail text;
BEGIN
    PERFORM set_config('pg_principal.token', caller_token, true);
    EXECUTE format('SELECT string_agg(id::text, '','' ORDER BY id) FROM %s', tbl) INTO ids;
    PERFORM set_config('pg_principal.token', '', true);
    RETURN coalesce(ids, '-');
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
    PERFORM set_config('pg_principal.token', '', true);
    RETURN SQLSTATE || ' ' || detail;
END $$;
CREATE FUNCTION writes(caller_token text, statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    affected bigint;
BEGIN
    PERFORM set_config('pg_principal.token', caller_token, true);
    EXECUTE statement;
    GET DIAGNOSTICS affected = ROW_COUNT;
    RAISE EXCEPTION USING ERRCODE = 'P9999', MESSAGE = affected || ' rows';
EXCEPTION WHEN SQLSTATE 'P9999' THEN
    RETURN SQLERRM;
WHEN OTHERS THEN
    RETURN SQLSTATE;
END $$;
CREATE FUNCTION everybody_sees(tbl text, OUT nobody text, OUT anon text, OUT service text,
    OUT boss text, OUT ann text, OUT agent text, OUT dead text) LANGUAGE sql AS $$
    SELECT max(s) FILTER (WHERE name = 'nobody'), max(s) FILTER (WHERE name = 'anon'), max(s)
        FILTER (WHERE name = 'service'), max(s) FILTER (WHERE name = 'boss'),
           max(s) FILTER (WHERE name = 'ann'), max(s) FILTER (WHERE name = 'agent'), max(s)
               FILTER (WHERE name = 'dead')
    FROM (SELECT name, sees(token, tbl) AS s FROM caller ORDER BY n) AS c $$;
-- rows 1 to 4 are those of boss, ann, agent and chris (whose manager is ann); 5 a stranger's, 6 nobody's, 7 boss's as boss never writes it
CREATE DOMAIN email AS text CHECK (VALUE LIKE '%@%');
CREATE DOMAIN person_id AS uuid;
CREATE TABLE t_text (id int PRIMARY KEY, owner text, note text);
INSERT INTO t_text VALUES (1, 'boss@example.com'), (2, 'ann@example.com'),
    (3, 'kata-agent-team@example.com'), (4, 'chris@example.com'), (5, 'stranger@example.com'),
    (6, NULL), (7, 'Boss@Example.com');
CREATE TABLE t_uuid AS SELECT t.id, CASE t.id WHEN 5 THEN '00000000-0000-0000-0000-000000000005'
    ELSE u.id END AS owner, note FROM t_text t LEFT JOIN auth.users u ON u.email = t.owner
    WHERE t.id < 7;
CREATE TABLE t_varchar (id int, owner varchar(254), note text);
CREATE EXTENSION citext SCHEMA public;
CREATE DOMAIN any_case AS citext;
CREATE TABLE t_citext (id int, owner any_case, note text);
CREATE TABLE t_char (id int, owner char(40), note text);
CREATE TABLE t_domain (id int, owner email, note text);
CREATE TABLE t_uuid_domain (id int, owner person_id, note text);
CREATE TABLE t_parted (id int, owner text, note text) PARTITION BY RANGE (id);
CREATE TABLE t_parted_low PARTITION OF t_parted FOR VALUES FROM (0) TO (3);
CREATE TABLE t_parted_high PARTITION OF t_parted DEFAULT;
INSERT INTO t_varchar SELECT * FROM t_text;
INSERT INTO t_domain SELECT * FROM t_text;
INSERT INTO t_citext SELECT * FROM t_text;
INSERT INTO t_char SELECT * FROM t_text;
INSERT INTO t_uuid_domain SELECT * FROM t_uuid;
INSERT INTO t_parted SELECT * FROM t_text;
GRANT ALL ON t_text, t_uuid, t_varchar, t_domain, t_uuid_domain, t_parted, t_citext, t_char
    TO regress_app;
CREATE TABLE result (tbl text, scope text, n int, nobody text, anon text, service text, boss text,
    ann text, agent text, dead text, own text, others text, own_to_other text, "update" text,
    "delete" text, upsert text);
CREATE PROCEDURE try_all(with_writes boolean) LANGUAGE plpgsql AS $$
DECLARE
    t text;
    s text;
    i int := 0;
    ann_token text := (SELECT token FROM caller WHERE name = 'ann');
    boss_key text;
    ann_key text;
BEGIN
    TRUNCATE result;
    FOREACH t IN ARRAY ARRAY['t_text', 't_varchar', 't_domain', 't_uuid', 't_uuid_domain',
        't_parted', 't_citext', 't_char'] LOOP
        SELECT CASE WHEN t LIKE '%uuid%' THEN id::text ELSE email END INTO ann_key FROM auth.users
            WHERE email = 'ann@example.com';
        SELECT CASE WHEN t LIKE '%uuid%' THEN id::text ELSE email END INTO boss_key FROM auth.users
            WHERE email = 'boss@example.com';
        FOREACH s IN ARRAY ARRAY['self', 'self_and_reports', 'service_accounts', 'people',
            'everyone'] LOOP
            i := i + 1;
            PERFORM auth.clamp(t::regclass, 'owner', s, with_writes);
            SET LOCAL ROLE regress_app;
            CREATE TEMP TABLE seen AS SELECT t, s, i, e.*,
                writes(ann_token, format('INSERT INTO %s VALUES (20, %L)', t, ann_key)) AS own,
                writes(ann_token, format('INSERT INTO %s VALUES (20, %L)', t, boss_key)) AS others,
                writes(ann_token, format('UPDATE %s SET owner = %L WHERE owner = %L', t, boss_key,
                    ann_key)) AS own_to_other,
                writes(ann_token, format('UPDATE %s SET note = ''x''', t)) AS "update",
                    writes(ann_token, format('DELETE FROM %s', t)) AS "delete",
                CASE WHEN t = 't_text' THEN writes(ann_token,
                    format('INSERT INTO %s VALUES (1, %L) ON CONFLICT (id) DO UPDATE SET note = ''x''',
                    t, ann_key)) END AS upsert
            FROM everybody_sees(t) AS e;
            RESET ROLE;
            INSERT INTO result SELECT * FROM seen;
            DROP TABLE seen;
            PERFORM auth.unclamp(t::regclass);
        END LOOP;
    END LOOP;
END $$;
GRANT TEMP ON DATABASE :DBNAME TO regress_app;
-- reads clamped; nothing permits a write
CALL try_all(false);
SELECT tbl, scope, nobody, anon, service, boss, ann, agent, dead FROM result ORDER BY n;
SELECT DISTINCT own, others, own_to_other, "update", "delete", coalesce(upsert, own) AS upsert
    FROM result;
-- the same rows may be written: as ann, an own row, one of boss's, an own one given to boss, all of them, one of boss's by way of a conflict
CALL try_all(true);
SELECT tbl, scope, nobody, anon, service, boss, ann, agent, dead FROM result ORDER BY n;
SELECT tbl, scope, own, others, own_to_other, "update", "delete", upsert FROM result ORDER BY n;
-- nothing is left of any of it
SELECT count(*) FROM pg_policy WHERE polrelid::regclass::text LIKE 't\_%';
SELECT relname, relrowsecurity, relforcerowsecurity FROM pg_class WHERE relname LIKE 't\_%'
    AND (relrowsecurity OR relforcerowsecurity);

-- The owner of the table is clamped too; a superuser never is.
ALTER TABLE t_text OWNER TO regress_owner;
GRANT ALL ON ALL TABLES IN SCHEMA regress TO regress_app;
SET ROLE regress_owner;
SELECT auth.clamp('t_text', 'owner', 'self', true);
SELECT * FROM everybody_sees('t_text');
SELECT writes(token, 'DELETE FROM t_text') FROM caller WHERE name = 'ann';
RESET ROLE;
SELECT sees(token, 't_text') FROM caller WHERE name = 'ann';
-- only the owner clamps and unclamps
SET ROLE regress_app;
\set VERBOSITY sqlstate
SELECT auth.unclamp('t_text');
SELECT auth.clamp('t_text', 'owner', 'everyone');
\set VERBOSITY default
SET ROLE regress_owner;
-- a second call changes scope, column and command, and the text that tells of them
SELECT polname, polpermissive, polcmd, obj_description(oid, 'pg_policy') FROM pg_policy
    WHERE polrelid = 't_text'::regclass ORDER BY 1;
SELECT auth.clamp('t_text', 'owner', 'self_and_reports');
SELECT polname, polpermissive, polcmd, obj_description(oid, 'pg_policy') FROM pg_policy
    WHERE polrelid = 't_text'::regclass ORDER BY 1;
SELECT * FROM everybody_sees('t_text');
SELECT auth.clamp('t_text', 'note', 'self');
SELECT * FROM everybody_sees('t_text');
SELECT auth.clamp('t_text', 'owner', 'people', true);
SELECT polname, polpermissive, polcmd, obj_description(oid, 'pg_policy') FROM pg_policy
    WHERE polrelid = 't_text'::regclass ORDER BY 1;
SELECT auth.unclamp('t_text');
SELECT relrowsecurity, relforcerowsecurity FROM pg_class WHERE oid = 't_text'::regclass;
SELECT sees(token, 't_text') FROM caller WHERE name = 'nobody';
RESET ROLE;

-- Row security and its force come back as they were, also after a second clamp; other policies stay, and while there are any, row security does too.
CREATE FUNCTION state_of(tbl regclass) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', CASE WHEN relrowsecurity THEN 'on' ELSE 'off' END, CASE
        WHEN relforcerowsecurity THEN 'forced' END, (SELECT count(*) FROM pg_policy
        WHERE polrelid = tbl), 'policies') FROM pg_class WHERE oid = tbl $$;
CREATE FUNCTION round_trip(before_on boolean, before_forced boolean, policy text) RETURNS text
    LANGUAGE plpgsql AS $$
DECLARE
    before text;
    during text;
BEGIN
    DROP TABLE IF EXISTS trip;
    CREATE TABLE trip (id int, owner text);
    IF before_on THEN ALTER TABLE trip ENABLE ROW LEVEL SECURITY; END IF;
    IF before_forced THEN ALTER TABLE trip FORCE ROW LEVEL SECURITY; END IF;
    IF policy = 'before' THEN CREATE POLICY other ON trip USING (true); END IF;
    before := state_of('trip');
    PERFORM auth.clamp('trip', 'owner');
    IF policy = 'during' THEN CREATE POLICY other ON trip USING (true); END IF;
    PERFORM auth.clamp('trip', 'owner', 'everyone', true);
    during := state_of('trip');
    PERFORM auth.unclamp('trip');
    RETURN before || ' > ' || during || ' > ' || state_of('trip');
END $$;
SELECT o AS "on", f AS forced, p AS policy, round_trip(o, f, p)
    FROM unnest(ARRAY[false, true]) AS o, unnest(ARRAY[false, true]) AS f,
    unnest(ARRAY['none', 'before', 'during']) AS p ORDER BY o, f, p;

-- Somebody's permissive policy widens nothing that is clamped; a restrictive one narrows further.
CREATE POLICY widen ON t_text USING (true);
SELECT auth.clamp('t_text', 'owner');
SET ROLE regress_app;
SELECT * FROM everybody_sees('t_text');
-- writes that somebody else's policy permits stay within the scope, also of a statement that reads no row
SELECT writes(token, 'INSERT INTO t_text VALUES (20, ''boss@example.com'')') AS insert,
    writes(token, 'UPDATE t_text SET note = ''x''') AS update,
    writes(token, 'DELETE FROM t_text WHERE id > 0') AS delete FROM caller WHERE name = 'ann';
RESET ROLE;
SELECT auth.clamp('t_text', 'owner', writes => true);
SET ROLE regress_app;
SELECT writes(token, 'INSERT INTO t_text VALUES (20, ''boss@example.com'')') AS insert,
    writes(token, 'UPDATE t_text SET note = ''x''') AS update,
    writes(token, 'DELETE FROM t_text') AS delete FROM caller WHERE name = 'ann';
RESET ROLE;
CREATE POLICY narrow ON t_text AS RESTRICTIVE USING (id <> 2);
SET ROLE regress_app;
SELECT * FROM everybody_sees('t_text');
RESET ROLE;
DROP POLICY widen ON t_text;
DROP POLICY narrow ON t_text;
SELECT auth.unclamp('t_text');

-- Names that need quotes, and one that imitates the text in which clamp keeps what was.
CREATE SCHEMA "regress S.x";
CREATE TABLE "regress S.x"."we ird"".""""""';drop %s %1$I" (id int, "O'wner %s %1$I ""x" text);
GRANT USAGE ON SCHEMA "regress S.x" TO regress_app;
GRANT SELECT ON ALL TABLES IN SCHEMA "regress S.x" TO regress_app;
INSERT INTO "regress S.x"."we ird"".""""""';drop %s %1$I" VALUES (1, 'boss@example.com'),
    (2, 'ann@example.com');
SELECT s, auth.clamp('"regress S.x"."we ird"".""""""'';drop %s %1$I"', 'O''wner %s %1$I "x', s)
    FROM unnest(ARRAY['self_and_reports', 'people', 'self']) AS s;
SET ROLE regress_app;
SELECT * FROM everybody_sees('"regress S.x"."we ird"".""""""'';drop %s %1$I"');
RESET ROLE;
SELECT auth.unclamp('"regress S.x"."we ird"".""""""'';drop %s %1$I"');
SELECT state_of('"regress S.x"."we ird"".""""""'';drop %s %1$I"');
DROP SCHEMA "regress S.x" CASCADE;
CREATE TABLE imitation ("before: row security off, not forced" text);
ALTER TABLE imitation ENABLE ROW LEVEL SECURITY;
ALTER TABLE imitation FORCE ROW LEVEL SECURITY;
SELECT auth.clamp('imitation', 'before: row security off, not forced');
SELECT auth.clamp('imitation', 'before: row security off, not forced', 'everyone');
SELECT auth.unclamp('imitation');
SELECT state_of('imitation');
-- renamed, moved: the clamp goes along
CREATE TABLE moved (id int, owner text);
INSERT INTO moved VALUES (1, 'boss@example.com'), (2, 'ann@example.com');
GRANT SELECT ON moved TO regress_app;
SELECT auth.clamp('moved', 'owner');
ALTER TABLE moved RENAME COLUMN owner TO possessor;
ALTER TABLE moved RENAME TO removed;
SET ROLE regress_app;
SELECT * FROM everybody_sees('removed');
RESET ROLE;
SELECT auth.clamp('removed', 'possessor', 'people');
SELECT auth.unclamp('removed');
-- a temporary table, an unlogged one
CREATE TEMP TABLE passing (id int, owner text);
CREATE UNLOGGED TABLE fleeting (id int, owner text);
SELECT auth.clamp('passing', 'owner'), auth.clamp('fleeting', 'owner');
SELECT auth.unclamp('passing'), auth.unclamp('fleeting');

-- What cannot be clamped: its own message each, and nothing changed.
CREATE VIEW v AS SELECT * FROM t_text;
CREATE MATERIALIZED VIEW m AS SELECT * FROM t_text;
CREATE SEQUENCE q;
CREATE FOREIGN DATA WRAPPER regress_fdw;
CREATE SERVER regress_server FOREIGN DATA WRAPPER regress_fdw;
CREATE FOREIGN TABLE f (id int, owner text) SERVER regress_server;
CREATE TYPE c AS (owner text);
CREATE DOMAIN int_domain AS int;
CREATE TABLE odd (id int, gone text, n int, d int_domain, b boolean, ch "char", nm name, arr text[],
    j jsonb, owner text);
ALTER TABLE odd DROP COLUMN gone;
SELECT a.what, regress_try(format('SELECT auth.clamp(%s, %L, %L)', a.tbl, a.col, a.scope))
    FROM (VALUES
    (1, 'view', '''v''', 'owner', 'self'), (2, 'materialized view', '''m''', 'owner', 'self'),
    (3, 'sequence', '''q''', 'last_value', 'self'), (4, 'foreign table', '''f''', 'owner', 'self'),
    (5, 'index', '''t_text_pkey''', 'id', 'self'),
    (6, 'composite type', '''c''', 'owner', 'self'), (7, 'no such table', '''nowhere''', 'owner',
        'self'), (8, 'no such oid', '1::oid', 'owner', 'self'),
    (9, 'NULL table', 'NULL', 'owner', 'self'), (10, 'no such column', '''odd''', 'nothing',
        'self'),
    (11, 'NULL column', '''odd''', NULL, 'self'), (12, 'empty column', '''odd''', '', 'self'),
    (13, 'dropped column', '''odd''', '........pg.dropped.2........', 'self'),
    (14, 'system column', '''odd''', 'tableoid', 'self'),
    (15, 'column of other case', '''odd''', 'OWNER', 'self'),
    (16, 'int', '''odd''', 'n', 'self'), (17, 'domain over int', '''odd''', 'd', 'self'),
    (18, 'boolean', '''odd''', 'b', 'everyone'), (19, 'the type "char"', '''odd''', 'ch', 'self'),
    (20, 'name', '''odd''', 'nm', 'self'), (21, 'text[]', '''odd''', 'arr', 'self'),
    (22, 'jsonb', '''odd''', 'j', 'self'),
    (23, 'no such scope', '''odd''', 'owner', 'others'),
    (24, 'scope of other case', '''odd''', 'owner', 'Self'),
    (25, 'empty scope', '''odd''', 'owner', ''), (26, 'NULL scope', '''odd''', 'owner', NULL),
    (27, 'scope with SQL', '''odd''', 'owner', 'self'' OR true --')) AS a (n, what, tbl, col, scope)
        ORDER BY n;
SELECT state_of('odd');
SELECT regress_try('SELECT auth.unclamp(''odd'')'), regress_try('SELECT auth.unclamp(NULL)'),
    regress_try('SELECT auth.unclamp(1::oid)');
\set VERBOSITY sqlstate
SELECT auth.clamp('pg_seclabel', 'provider');
\set VERBOSITY default
-- a failed second clamp leaves the first
SELECT auth.clamp('odd', 'owner', 'people');
SELECT left(regress_try('SELECT auth.clamp(''odd'', ''n'', ''self'')'), 5),
    left(regress_try('SELECT auth.clamp(''odd'', ''owner'', ''x'')'), 5);
SELECT obj_description(oid, 'pg_policy') FROM pg_policy WHERE polrelid = 'odd'::regclass
    AND polname = 'pg_principal_clamp';
-- the column that a clamp rests on is not dropped unnoticed
\set VERBOSITY sqlstate
ALTER TABLE odd DROP COLUMN owner;
\set VERBOSITY default
SELECT auth.unclamp('odd');

-- Without an index it says so, once and clearly; an index that does not serve does not count.
RESET client_min_messages;
CREATE TABLE plain (id int, owner text, owner_id uuid, owner_citext citext, owner_char char(40));
SELECT auth.clamp('plain', 'owner');
SELECT auth.clamp('plain', 'owner', 'people');
SELECT auth.clamp('plain', 'owner', 'everyone');
CREATE INDEX ON plain (id, owner);
CREATE INDEX ON plain (lower(owner));
CREATE INDEX ON plain (owner) WHERE id > 0;
SELECT auth.clamp('plain', 'owner', 'self_and_reports');
CREATE INDEX ON plain (owner, id);
SELECT auth.clamp('plain', 'owner', 'self_and_reports');
SELECT auth.clamp('plain', 'owner_id');
CREATE INDEX ON plain (owner_id);
SELECT auth.clamp('plain', 'owner_id');
SELECT auth.unclamp('plain');
SET client_min_messages = warning;
-- and the plan makes use of it
CREATE INDEX ON plain (owner_citext);
CREATE INDEX ON plain (owner_char);
INSERT INTO plain SELECT n, 'p' || n || '@example.com', gen_random_uuid(),
    'p' || n || '@example.com', 'p' || n || '@example.com' FROM generate_series(1, 10000) AS n;
ANALYZE plain;
GRANT SELECT ON plain TO regress_app;
CREATE FUNCTION uses_index(col name, scope text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    line text;
    plan text := '';
BEGIN
    PERFORM auth.clamp('regress.plain', col, scope);
    SET LOCAL ROLE regress_app;
    FOR line IN EXPLAIN (COSTS OFF) SELECT * FROM regress.plain LOOP
        plan := plan || line || E'\n';
    END LOOP;
    RESET ROLE;
    RETURN concat_ws(', ', CASE WHEN plan ~ ('Index Cond: \(' || col || '\M') THEN 'index'
        ELSE 'no index' END, CASE WHEN plan ~ 'Seq Scan on plain' THEN 'seq scan' END);
END $$;
SET enable_seqscan = off;
SELECT col, scope, uses_index(col, scope)
    FROM unnest(ARRAY['owner', 'owner_id', 'owner_citext', 'owner_char']) AS col,
    unnest(ARRAY['self', 'self_and_reports']) AS scope ORDER BY 1, 2;
RESET enable_seqscan;

-- A type that only calls itself citext is none; letters that citext alone takes for the same make no owner.
CREATE SCHEMA imitated;
CREATE DOMAIN imitated.citext AS int;
CREATE TABLE alike (id int, owner citext, d imitated.citext);
INSERT INTO alike VALUES (1, U&'\212Aata-Agent-Team@example.com'),
    (2, 'KATA-agent-team@example.com');
GRANT SELECT ON alike TO regress_app;
SELECT regress_try('SELECT auth.clamp(''alike'', ''d'')');
SELECT auth.clamp('alike', 'owner');
SET ROLE regress_app;
SELECT sees(token, 'alike') FROM caller WHERE name = 'agent';
RESET ROLE;

-- force => false leaves the owner alone, and FORCE as it was.
CREATE TABLE lenient (id int PRIMARY KEY, owner text);
INSERT INTO lenient VALUES (1, 'boss@example.com'), (2, 'ann@example.com');
ALTER TABLE lenient OWNER TO regress_owner;
GRANT SELECT ON lenient TO regress_app;
SET ROLE regress_owner;
SELECT auth.clamp('lenient', 'owner', 'self', true, false);
SELECT state_of('lenient'), sees(token, 'lenient') AS owner FROM caller WHERE name = 'ann';
SET ROLE regress_app;
SELECT sees(token, 'lenient') AS app FROM caller WHERE name = 'ann';
SET ROLE regress_owner;
SELECT auth.clamp('lenient', 'owner'), state_of('lenient');
SELECT auth.clamp('lenient', 'owner', force => NULL), state_of('lenient');
SELECT auth.clamp('lenient', 'owner', force => false), state_of('lenient');
SELECT auth.unclamp('lenient'), state_of('lenient');
ALTER TABLE lenient FORCE ROW LEVEL SECURITY;
SELECT auth.clamp('lenient', 'owner', force => false), state_of('lenient');
SELECT auth.unclamp('lenient'), state_of('lenient');
ALTER TABLE lenient NO FORCE ROW LEVEL SECURITY;
RESET ROLE;

-- What goes past a clamp is said, each with what to do.
CREATE INDEX ON lenient (owner);
CREATE VIEW past AS SELECT * FROM lenient;
CREATE VIEW asks WITH (security_invoker = on) AS SELECT * FROM lenient;
CREATE VIEW past_too AS SELECT * FROM asks;
CREATE VIEW "Of Nobody" AS SELECT * FROM asks;
ALTER VIEW "Of Nobody" OWNER TO regress_owner;
CREATE VIEW of_owner AS SELECT * FROM lenient;
ALTER VIEW of_owner OWNER TO regress_owner;
GRANT SELECT ON asks TO regress_owner;
CREATE MATERIALIZED VIEW kept AS SELECT count(*) FROM "Of Nobody";
CREATE TABLE parent (id int PRIMARY KEY);
CREATE TABLE child (id int REFERENCES lenient);
CREATE TABLE heir () INHERITS (lenient);
ALTER TABLE lenient ADD CONSTRAINT up FOREIGN KEY (id) REFERENCES parent NOT VALID;
GRANT TRUNCATE ON lenient TO regress_app;
GRANT TRIGGER ON lenient TO regress_app, PUBLIC;
GRANT REFERENCES (id) ON lenient TO regress_app;
SET client_min_messages = error;
CREATE PUBLICATION regress_pub FOR TABLE lenient;
CREATE PUBLICATION regress_all FOR ALL TABLES;
RESET client_min_messages;
SELECT auth.clamp('lenient', 'owner');
SELECT message FROM auth.clamp_notices('lenient', false) WHERE message LIKE 'view%';
DROP PUBLICATION regress_all;
CREATE INDEX ON heir (owner);
SELECT auth.clamp('heir', 'owner');
SELECT auth.clamp('t_parted', 'owner', 'everyone');
SELECT auth.unclamp('t_parted');
-- with what the hints say nothing of it is left that can be
SET client_min_messages = warning;
ALTER VIEW past SET (security_invoker = true);
ALTER VIEW past_too SET (security_invoker = true);
REVOKE TRUNCATE ON lenient FROM regress_app;
REVOKE TRIGGER ON lenient FROM regress_app, PUBLIC;
REVOKE REFERENCES ON lenient FROM regress_app;
DROP MATERIALIZED VIEW kept;
DROP PUBLICATION regress_pub;
RESET client_min_messages;
SELECT message FROM auth.clamp_notices('lenient', true);
-- A clamp on an extension's table is in no dump, nor is another one of the roster.
BEGIN;
SELECT auth.clamp('auth.organization_people', 'email', 'self');
SELECT detail FROM auth.check_clamps();
SELECT auth.clamp('auth.organization_people', 'email', 'self_and_reports', writes => true);
SELECT auth.clamp('auth.organization_people', 'email', 'self_and_reports');
SELECT detail FROM auth.check_clamps() WHERE detail LIKE '%extension%';
SELECT auth.clamp('auth.sessions', 'user_id');
SELECT detail FROM auth.check_clamps() WHERE detail LIKE '%extension%';
SELECT DISTINCT item, state FROM auth.check_tables() WHERE detail LIKE 'auth.sessions has%dump';
ROLLBACK;
SET client_min_messages = warning;
SELECT auth.unclamp('lenient'), auth.unclamp('heir');

-- The roster is clamped by the extension: one's own row and those of one's reports.
GRANT authenticated TO regress_app;
CREATE VIEW roster WITH (security_invoker) AS SELECT email AS id FROM auth.organization_people;
GRANT SELECT ON roster TO regress_app;
SET ROLE regress_app;
SELECT * FROM everybody_sees('roster');
SELECT writes(token, 'DELETE FROM auth.organization_people') AS "delete",
    writes(token, 'UPDATE auth.organization_people SET level = ''L9''') AS "update" FROM caller
    WHERE name = 'boss';
RESET ROLE;
-- what the roster says now counts, not what it said when the token was minted or the plan made
SELECT auth.clamp('t_text', 'owner', 'self_and_reports'), auth.clamp('t_uuid', 'owner',
    'self_and_reports');
SET ROLE regress_app;
SET pg_principal.token = :'boss';
SET plan_cache_mode = force_generic_plan;
PREPARE by_text AS SELECT string_agg(id::text, ',' ORDER BY id) AS ids FROM t_text;
PREPARE by_uuid AS SELECT string_agg(id::text, ',' ORDER BY id) AS ids FROM t_uuid;
EXECUTE by_text;
EXECUTE by_uuid;
RESET ROLE;
UPDATE auth.organization_people SET manager_email = 'boss@example.com'
    WHERE email = 'chris@example.com';
SET ROLE regress_app;
EXECUTE by_text;
EXECUTE by_uuid;
RESET ROLE;
SELECT auth.remove_person('ann@example.com');
SET ROLE regress_app;
EXECUTE by_text;
EXECUTE by_uuid;
RESET ROLE;
-- kinds too
SELECT auth.clamp('t_text', 'owner', 'service_accounts'), auth.clamp('t_uuid', 'owner', 'people');
SET ROLE regress_app;
EXECUTE by_text;
EXECUTE by_uuid;
RESET ROLE;
UPDATE auth.users SET kind = 'service_account' WHERE email = 'chris@example.com';
SET ROLE regress_app;
EXECUTE by_text;
EXECUTE by_uuid;
RESET ROLE;
-- a principal banned: no more rows, but an error
SELECT auth.ban('boss@example.com');
SET ROLE regress_app;
SELECT regress_try('EXECUTE by_text'), regress_try('EXECUTE by_uuid');
SELECT sees(token, 't_text'), sees(token, 't_uuid') FROM caller WHERE name = 'boss';
RESET ROLE;
RESET pg_principal.token;
DEALLOCATE ALL;
RESET plan_cache_mode;

RESET search_path;
DROP SCHEMA regress CASCADE;
DROP FOREIGN DATA WRAPPER regress_fdw CASCADE;
REVOKE TEMP ON DATABASE :DBNAME FROM regress_app;
DROP ROLE regress_app, regress_owner;
\i :teardown
