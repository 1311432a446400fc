-- A deletion that sets off somebody else's code, and however that ends: the session is what it was.
\getenv here PG_ABS_SRCDIR
\set setup :here /sql/include/setup.sql
\set teardown :here /sql/include/teardown.sql
\i :setup
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE ROLE regress_app IN ROLE authenticated;
CREATE ROLE regress_owner IN ROLE regress_app;
UPDATE auth.users SET app_role = 'ADMIN' WHERE email = 'boss@example.com';
CREATE TABLE public.regress_telling (told text);
CREATE FUNCTION public.regress_tell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.told := concat(current_user, ' for ', coalesce(auth.email(), 'nobody'));
    RETURN NEW;
END $$;
CREATE TRIGGER tell BEFORE INSERT ON public.regress_telling FOR EACH ROW
    EXECUTE FUNCTION public.regress_tell();
GRANT SELECT, INSERT ON public.regress_telling TO regress_app;
-- who is told what: here, and in a trigger
CREATE FUNCTION public.regress_told() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    answer text;
BEGIN
    INSERT INTO public.regress_telling VALUES ('') RETURNING told INTO answer;
    RETURN concat(auth.email(), ', a trigger: ', answer);
END $$;
CREATE FUNCTION public.regress_cancel() RETURNS void LANGUAGE sql SECURITY DEFINER
    AS $$ SELECT pg_sleep(60) FROM pg_cancel_backend(pg_backend_pid()) $$;
-- what hangs on a principal, and does as regress.act says where its name begins with that
CREATE TABLE public.regress_profile (id uuid PRIMARY KEY REFERENCES auth.users ON DELETE CASCADE);
ALTER TABLE public.regress_profile OWNER TO regress_owner;
CREATE FUNCTION public.regress_act() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF starts_with(current_setting('regress.act'), TG_NAME) THEN
        EXECUTE substr(current_setting('regress.act'), length(TG_NAME) + 2);
    END IF;
    RETURN OLD;
END $$;
CREATE TRIGGER before_it BEFORE DELETE ON public.regress_profile FOR EACH ROW
    EXECUTE FUNCTION public.regress_act();
CREATE TRIGGER after_it AFTER DELETE ON public.regress_profile FOR EACH ROW
    EXECUTE FUNCTION public.regress_act();
CREATE CONSTRAINT TRIGGER late AFTER DELETE ON public.regress_profile DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION public.regress_act();
SELECT (auth.add_user('{"email": "gone@example.com"}')).status;
SELECT id AS gone FROM auth.users WHERE email = 'gone@example.com' \gset
INSERT INTO public.regress_profile VALUES (:'gone');
SET SESSION AUTHORIZATION regress_app;
SELECT set_config('pg_principal.token', :'boss', false) <> '' AS bound,
    set_config('regress.gone', :'gone', false) = :'gone' AS known,
    set_config('regress.act', '', false);
\set deletion 'SELECT (auth.delete_user(current_setting(''regress.gone'')::uuid)).status'
-- nothing of a restricted operation, or of another's rights, is left
\set told 'SELECT public.regress_told()'
\set told :told', current_setting(''max_parallel_workers'') <> ''0'' AS has_workers'
\set unrestricted 'PREPARE later AS SELECT 1\\; DEALLOCATE later\\; SET ROLE authenticated'
\set state :told '\\; ' :unrestricted '\\; RESET ROLE'
:state;
-- errors, a timeout and a cancel in each, in a statement of its own and in a savepoint
\pset tuples_only on
\set ECHO none
SELECT format('SELECT ''== '' || %L', place || ' ' || what),
    'SET statement_timeout = ' || timeout, format('SET regress.act = %L', place || ' ' || what),
    :'deletion', 'SET statement_timeout = 0', :'told',
    'BEGIN', 'SAVEPOINT one', 'SET LOCAL statement_timeout = ' || timeout,
    :'deletion', 'ROLLBACK TO one', :'told', 'COMMIT', :'told'
FROM unnest(ARRAY['before_it', 'after_it', 'late']) AS place,
    (VALUES ('SELECT 1/0', 0), ('SELECT pg_sleep(60)', 200), ('PREPARE later AS SELECT 1', 0),
        ('SELECT public.regress_cancel()', 0)) AS a (what, timeout)
\gexec
\set ECHO all
\pset tuples_only off
:state;
-- an error that is caught: outside, and inside by the trigger itself
SET regress.act = 'after_it SELECT 1/0';
BEGIN;
DO $$
BEGIN
    PERFORM auth.delete_user(current_setting('regress.gone')::uuid);
EXCEPTION WHEN division_by_zero THEN
    RAISE WARNING '%, told %', SQLERRM, auth.email();
END $$;
:state;
COMMIT;
SET regress.act = 'after_it DO $x$ BEGIN PREPARE later AS SELECT 1; EXCEPTION WHEN OTHERS THEN
    RAISE WARNING ''%: %'', coalesce(auth.email(), ''nobody''), SQLERRM; END $x$';
BEGIN;
:deletion;
:told;
ROLLBACK;
:state;
-- savepoints that are released take along what was withheld, or its end
SET regress.act = '';
BEGIN;
SAVEPOINT one;
SAVEPOINT two;
:deletion;
RELEASE two;
:told;
SAVEPOINT two;
SELECT 1/0;
ROLLBACK TO two;
:told;
ROLLBACK TO one;
:told;
ROLLBACK AND CHAIN;
:state;
COMMIT;
-- the same statement, a cursor, a procedure that ends transactions
SELECT 1 / (d.status - 200) FROM auth.delete_user(current_setting('regress.gone')::uuid) AS d;
:state;
BEGIN;
DECLARE cursor CURSOR FOR SELECT (auth.delete_user(current_setting('regress.gone')::uuid)).status
    FROM generate_series(1, 2);
FETCH cursor;
:told;
CLOSE cursor;
ROLLBACK;
DO $$
DECLARE
    answers text[];
BEGIN
    FOR i IN 1..2 LOOP
        PERFORM auth.delete_user(current_setting('regress.gone')::uuid);
        answers := answers || public.regress_told();
        ROLLBACK;
        answers := answers || public.regress_told();
    END LOOP;
    RAISE WARNING '%', answers;
    PERFORM auth.delete_user(current_setting('regress.gone')::uuid);
    COMMIT;
    PERFORM 1/0;
END $$;
:state;
-- a query in workers, whose transaction has deleted: there are none; where there are, no wrong answer
RESET SESSION AUTHORIZATION;
SELECT (auth.add_user('{"email": "gone@example.com"}')).status;
INSERT INTO public.regress_profile SELECT id FROM auth.users WHERE email = 'gone@example.com';
SELECT set_config('regress.gone', id::text, false) <> '' AS known FROM public.regress_profile;
CREATE TABLE public.regress_big AS SELECT generate_series(1, 1000) AS id;
ALTER TABLE public.regress_big SET (parallel_workers = 2);
GRANT SELECT ON public.regress_big TO regress_app;
ANALYZE public.regress_big;
SET SESSION AUTHORIZATION regress_app;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
SET parallel_leader_participation = off;
\set count 'SELECT count(*) FROM public.regress_big WHERE auth.email() = ''boss@example.com'''
:count;
BEGIN;
:deletion;
:count;
SET LOCAL max_parallel_workers = 8;
:count;
ROLLBACK;
:count;
RESET SESSION AUTHORIZATION;
DROP TABLE public.regress_telling, public.regress_profile, public.regress_big;
DROP FUNCTION public.regress_told(), public.regress_tell(), public.regress_act(),
    public.regress_cancel();
DROP ROLE regress_owner, regress_app;
\i :teardown
