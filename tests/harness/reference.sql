-- docs/reference.md from a database that has pg_principal and, in schema jwt, pg_principal_pgjwt: psql -XAtq -f.
-- One line for each function, table, view, type and setting, from its COMMENT or its description.
SET search_path = pg_catalog;
CREATE FUNCTION pg_temp.line(comment text) RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(regexp_replace(comment, '\s+', ' ', 'g'), '(no comment)') $$;
CREATE TEMP VIEW functions AS
SELECT n.nspname AS schema, p.proname AS name, format('- `%I.%I(%s)` returns `%s`: %s', n.nspname, p.proname, pg_get_function_arguments(p.oid),
        pg_get_function_result(p.oid), pg_temp.line(obj_description(p.oid, 'pg_proc'))) AS line,
    CASE WHEN p.prorettype = 'trigger'::regtype THEN 'triggers'
        WHEN has_function_privilege('anon', p.oid, 'EXECUTE') OR has_function_privilege('authenticated', p.oid, 'EXECUTE') THEN 'everybody'
        WHEN has_function_privilege('authenticator', p.oid, 'EXECUTE') THEN 'frontends'
        WHEN has_function_privilege('auth_operator', p.oid, 'EXECUTE') THEN 'operators' ELSE 'nobody' END AS who
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname IN ('auth', 'jwt');

SELECT '# Reference

Made from the comments and settings of the extension itself by `tests/harness/reference.sql`; `make test ONLY=system TESTS=reference` compares.
In a database, `\df+ auth.*` in psql shows the same.

## Functions for everybody

Whoever may connect may call these; what they answer depends on the token that is bound.
';
SELECT line FROM functions WHERE schema = 'auth' AND who = 'everybody' ORDER BY name COLLATE "C", line COLLATE "C";
SELECT '
## Functions for frontends

The role `authenticator` and its members may call these, and operators where it says so in `sql/modules/90_grants.sql`.
';
SELECT line FROM functions WHERE schema = 'auth' AND who = 'frontends' ORDER BY name COLLATE "C", line COLLATE "C";
SELECT '
## Functions for operators

Members of `auth_operator` may call these.
';
SELECT line FROM functions WHERE schema = 'auth' AND who = 'operators' ORDER BY name COLLATE "C", line COLLATE "C";
SELECT '
## Functions that the others are made of

Only the extension''s owner and superusers may call these. They may change without notice.
';
SELECT line FROM functions WHERE schema = 'auth' AND who = 'nobody' ORDER BY name COLLATE "C", line COLLATE "C";
SELECT '
## Functions of triggers

';
SELECT line FROM functions WHERE schema = 'auth' AND who = 'triggers' ORDER BY name COLLATE "C", line COLLATE "C";
SELECT '
## Tables, views and types
';
SELECT format('- %s `auth.%I` (%s): %s', CASE relkind WHEN 'r' THEN 'table' WHEN 'v' THEN 'view' WHEN 'c' THEN 'type' END, relname,
    (SELECT string_agg(format('`%I`', attname), ', ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped),
    pg_temp.line(obj_description(CASE relkind WHEN 'c' THEN reltype ELSE c.oid END, CASE relkind WHEN 'c' THEN 'pg_type' ELSE 'pg_class' END)))
FROM pg_class c WHERE relnamespace = 'auth'::regnamespace AND relkind IN ('r', 'v', 'c') ORDER BY relkind, relname COLLATE "C";
SELECT '
## Settings

[settings.md](settings.md) says what they are for.

| setting | default | who may set it | |
|---|---|---|---|';
SELECT format('| `%s` | %s | %s | %s |', name, coalesce('`' || nullif(boot_val, '') || '`' || coalesce(' ' || unit, ''), ''),
    CASE context WHEN 'user' THEN 'anybody' WHEN 'superuser' THEN 'superusers' WHEN 'sighup' THEN 'configuration file' WHEN 'postmaster' THEN 'at server start' ELSE context END,
    replace(pg_temp.line(concat_ws(' ', short_desc, extra_desc)), '|', '\|'))
FROM pg_settings WHERE name LIKE 'pg\_principal.%' ORDER BY name COLLATE "C";
SELECT '
## pg_principal_pgjwt

In the schema that the extension is created in, here `jwt` ([jose.md](jose.md)).
';
SELECT line FROM functions WHERE schema = 'jwt' ORDER BY name COLLATE "C", line COLLATE "C";
