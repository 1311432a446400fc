-- A clamped aggregate over 200,000 rows, in workers and without: the same answers.
\getenv here PG_ABS_SRCDIR
\set setup :here /sql/include/setup.sql
\set teardown :here /sql/include/teardown.sql
\i :setup
SET client_min_messages = warning;
CREATE ROLE regress_reader;
CREATE TABLE public.regress_big (id int, owner text, owner_id uuid, amount int);
INSERT INTO public.regress_big SELECT n, 'p' || n % 100 || '@example.com', NULL, n % 1000
    FROM generate_series(1, 200000) AS n;
UPDATE public.regress_big b SET owner = u.email, owner_id = u.id FROM auth.users u
    WHERE (b.id % 1000, u.email) IN ((1, 'boss@example.com'), (2, 'ann@example.com'),
    (3, 'kata-agent-team@example.com'));
ALTER TABLE public.regress_big SET (parallel_workers = 2);
ANALYZE public.regress_big;
GRANT SELECT ON public.regress_big TO regress_reader;
-- what a plan is like, and what it finds
CREATE FUNCTION public.regress_plan(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    line text;
    plan text := '';
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) ' || query LOOP
        plan := plan || line || E'\n';
    END LOOP;
    RETURN concat_ws(', ', CASE WHEN plan ~ 'Gather' THEN 'gather' END, CASE
        WHEN plan ~ 'Parallel Seq Scan' THEN 'parallel scan' END, substring(plan
        FROM 'Workers Launched: [1-9]') IS NOT NULL);
END $$;
CREATE FUNCTION public.regress_answer(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    answer text;
BEGIN
    EXECUTE query INTO answer;
    RETURN answer;
END $$;
CREATE VIEW public.regress_queries AS SELECT * FROM (VALUES
    (1, 'the clamp',
        'SELECT concat(count(*), '' '', sum(amount), '' '', min(id), '' '', max(id)) FROM public.regress_big'),
    (2, 'bare uid()',
        'SELECT concat(count(*), '' '', sum(id)) FROM public.regress_big WHERE owner_id = auth.uid()'),
    (3, 'uid() in a sub-select',
        'SELECT concat(count(*), '' '', sum(id)) FROM public.regress_big WHERE owner_id = (SELECT auth.uid())'),
    (4, 'bare email()',
        'SELECT concat(count(*), '' '', sum(id)) FROM public.regress_big WHERE owner = auth.email()'),
    (5, 'kind, roles and scopes',
        'SELECT concat(count(*), '' '', sum(id)) FROM public.regress_big WHERE amount < 5 AND auth.is_person() AND auth.has_role(''ANALYST'') AND NOT auth.has_scope(''x'') AND auth.kind() = ''person'' AND auth.app_role() = ''ANALYST'''),
    (6, 'claims',
        'SELECT concat(count(*), '' '', sum(id)) FROM public.regress_big WHERE owner = auth.jwt()->>''email'' AND auth.role() = ''authenticated'' AND auth.session_id() IS NOT NULL'),
    (8, 'owner_is',
        'SELECT concat(count(*), '' '', sum(id)) FROM public.regress_big WHERE auth.owner_is(owner, ''person'')')) AS q (n,
        what, query);
GRANT SELECT ON public.regress_queries TO regress_reader;
RESET client_min_messages;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
SET jit = off;
SET plan_cache_mode = force_custom_plan;

-- Without a clamp: functions in WHERE.
SET ROLE regress_reader;
SET pg_principal.token = :'boss';
CREATE TEMP TABLE answers AS SELECT n, what, regress_plan(query) AS plan,
    regress_answer(query) AS parallel FROM regress_queries WHERE n IN (2, 3, 4, 5, 6, 8) ORDER BY n;
SET max_parallel_workers_per_gather = 0;
SELECT a.what, a.plan, regress_plan(q.query) AS without, a.parallel AS answer,
    a.parallel = regress_answer(q.query) AS same FROM answers a JOIN regress_queries q USING (n)
    ORDER BY n;
SET max_parallel_workers_per_gather = 2;
DROP TABLE answers;
-- the plan, whole
EXPLAIN (COSTS OFF) SELECT count(*) FROM public.regress_big WHERE owner_id = auth.uid();

-- Clamped, for each scope and type, and policies written by hand.
RESET ROLE;
CREATE FUNCTION public.regress_both(query text, OUT plan text, OUT parallel text, OUT same boolean)
    LANGUAGE plpgsql AS $$
BEGIN
    SET LOCAL ROLE regress_reader;
    plan := regress_plan(query);
    parallel := regress_answer(query);
    SET LOCAL max_parallel_workers_per_gather = 0;
    same := parallel IS NOT DISTINCT FROM regress_answer(query);
    SET LOCAL max_parallel_workers_per_gather = 2;
    RESET ROLE;
END $$;
SET client_min_messages = warning;
SELECT c.col, s.scope, b.* FROM (VALUES (1, 'owner'), (2, 'owner_id')) AS c (n, col),
    unnest(ARRAY['self', 'self_and_reports', 'service_accounts', 'everyone'])
    WITH ORDINALITY AS s (scope, n),
    LATERAL (SELECT auth.clamp('public.regress_big', c.col,
        s.scope)::text OFFSET 0) AS clamped (done),
        LATERAL regress_both((SELECT query FROM regress_queries WHERE regress_queries.n = 1
        AND clamped.done IS NOT NULL)) AS b WHERE c.n = 1 OR s.n < 3 ORDER BY s.n, c.n;
SELECT auth.unclamp('public.regress_big');
ALTER TABLE public.regress_big ENABLE ROW LEVEL SECURITY;
CREATE POLICY bare ON public.regress_big USING (owner_id = auth.uid());
SELECT * FROM regress_both((SELECT query FROM regress_queries WHERE n = 1));
DROP POLICY bare ON public.regress_big;
CREATE POLICY sub_select ON public.regress_big USING (owner = (SELECT auth.email()));
SELECT * FROM regress_both((SELECT query FROM regress_queries WHERE n = 1));

-- No token, a dead one: in workers as elsewhere.
RESET pg_principal.token;
SELECT * FROM regress_both((SELECT query FROM regress_queries WHERE n = 1));
DROP POLICY sub_select ON public.regress_big;
CREATE POLICY bare ON public.regress_big USING (owner_id = auth.uid());
SELECT * FROM regress_both((SELECT query FROM regress_queries WHERE n = 1));
SET pg_principal.token = 'x';
SET ROLE regress_reader;
SELECT regress_try('SELECT count(*) FROM public.regress_big');
RESET ROLE;
-- a project key is nobody's
SELECT token AS anon FROM auth.issue_key('anon') \gset
SET pg_principal.token = :'anon';
SELECT * FROM regress_both((SELECT query FROM regress_queries WHERE n = 1));

-- Banned between PREPARE and EXECUTE, and between two executions of one plan.
SET plan_cache_mode = force_generic_plan;
SET pg_principal.token = :'boss';
SET ROLE regress_reader;
PREPARE big AS SELECT count(*), sum(amount) FROM public.regress_big;
EXECUTE big;
RESET ROLE;
SELECT auth.ban('boss@example.com');
SET ROLE regress_reader;
SELECT regress_try('EXECUTE big');
SET pg_principal.token = :'ann';
EXECUTE big;
RESET ROLE;
-- within one transaction, what it has done itself: the workers see it too
BEGIN;
SELECT auth.unban('boss@example.com');
SELECT auth.issue('boss@example.com') AS fresh \gset
SET LOCAL pg_principal.token = :'fresh';
SET LOCAL ROLE regress_reader;
EXECUTE big;
ROLLBACK;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SET LOCAL ROLE regress_reader;
EXECUTE big;
RESET ROLE;
SELECT auth.ban('ann@example.com');
SET LOCAL ROLE regress_reader;
SELECT regress_try('EXECUTE big');
ROLLBACK;
SET ROLE regress_reader;
EXECUTE big;
RESET ROLE;

DEALLOCATE ALL;
RESET ALL;
DROP TABLE public.regress_big;
DROP VIEW public.regress_queries;
DROP FUNCTION public.regress_plan(text), public.regress_answer(text), public.regress_both(text);
DROP ROLE regress_reader;
\i :teardown
