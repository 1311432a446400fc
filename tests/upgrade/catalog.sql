-- All that the extension has in the catalog, one line or more for each thing, in an order that oids do
-- not decide: equal for two installations of which one was updated.
\pset format unaligned
\pset tuples_only on
SET search_path = pg_catalog;
CREATE FUNCTION pg_temp.acl(acl aclitem[]) RETURNS text LANGUAGE sql AS
$$ SELECT 'granted: ' || coalesce((SELECT string_agg(a::text, ' ' ORDER BY a::text COLLATE "C") FROM unnest(acl) AS a), 'as usual') $$;
-- what pg_dump takes for the extension's own
CREATE FUNCTION pg_temp.initially(class regclass, id oid, sub int DEFAULT 0) RETURNS text LANGUAGE sql AS
$$ SELECT 'by the extension ' || pg_temp.acl((SELECT i.initprivs FROM pg_init_privs i WHERE (i.classoid, i.objoid, i.objsubid) = (class, id, sub))) $$;

SELECT concat_ws(E'\n    ', 'function ' || p.oid::regprocedure, p.proowner::regrole, pg_temp.acl(p.proacl),
    pg_temp.initially('pg_proc', p.oid), obj_description(p.oid, 'pg_proc'),
    CASE WHEN p.prokind = 'a' THEN (SELECT format('%s %s %s', a.aggkind, a.aggtransfn, a.aggtranstype::regtype) FROM pg_aggregate a WHERE a.aggfnoid = p.oid)
        WHEN p.proname <> 'own_functions' THEN pg_get_functiondef(p.oid) END) -- digests of what this server has parsed
FROM pg_proc p WHERE p.pronamespace = 'auth'::regnamespace ORDER BY p.oid::regprocedure::text COLLATE "C";

SELECT concat_ws(E'\n    ', 'relation ' || c.oid::regclass, c.relkind, c.relpersistence, c.relowner::regrole, c.reloptions, c.relreplident,
    c.relrowsecurity, c.relforcerowsecurity, pg_temp.acl(c.relacl), pg_temp.initially('pg_class', c.oid), obj_description(c.oid, 'pg_class'),
    CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) WHEN c.relkind IN ('i', 'I') THEN pg_get_indexdef(c.oid) END)
FROM pg_class c WHERE c.relnamespace = 'auth'::regnamespace ORDER BY c.oid::regclass::text COLLATE "C";

SELECT concat_ws(' | ', 'column ' || c.oid::regclass, row_number() OVER (PARTITION BY c.oid ORDER BY a.attnum), a.attname, format_type(a.atttypid, a.atttypmod),
    a.attcollation::regcollation, a.attnotnull, a.attidentity, a.attgenerated, a.attstorage, nullif(a.attstattarget, -1), pg_get_expr(d.adbin, d.adrelid), pg_temp.acl(a.attacl),
    pg_temp.initially('pg_class', c.oid, a.attnum), col_description(c.oid, a.attnum))
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE c.relnamespace = 'auth'::regnamespace AND a.attnum > 0 AND NOT a.attisdropped ORDER BY c.oid::regclass::text COLLATE "C", a.attnum;

SELECT concat_ws(' | ', 'constraint', c.conrelid::regclass, c.contypid::regtype, c.conname, c.convalidated, pg_get_constraintdef(c.oid), obj_description(c.oid, 'pg_constraint'))
FROM pg_constraint c WHERE c.connamespace = 'auth'::regnamespace ORDER BY c.conrelid::regclass::text COLLATE "C", c.conname COLLATE "C";
SELECT concat_ws(' | ', 'index', i.indexrelid::regclass, i.indisvalid, i.indisclustered, i.indisreplident, obj_description(i.indexrelid, 'pg_class'))
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE c.relnamespace = 'auth'::regnamespace ORDER BY i.indexrelid::regclass::text COLLATE "C";
SELECT concat_ws(' | ', 'policy', p.polrelid::regclass, p.polname, p.polpermissive, p.polcmd, p.polroles::regrole[], pg_get_expr(p.polqual, p.polrelid),
    pg_get_expr(p.polwithcheck, p.polrelid), obj_description(p.oid, 'pg_policy'))
FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid WHERE c.relnamespace = 'auth'::regnamespace ORDER BY p.polrelid::regclass::text COLLATE "C", p.polname COLLATE "C";
SELECT concat_ws(' | ', 'trigger', t.tgrelid::regclass, t.tgenabled, pg_get_triggerdef(t.oid), obj_description(t.oid, 'pg_trigger'))
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid WHERE c.relnamespace = 'auth'::regnamespace AND NOT t.tgisinternal ORDER BY t.tgrelid::regclass::text COLLATE "C", t.tgname COLLATE "C";
SELECT concat_ws(' | ', 'rule', r.ev_class::regclass, pg_get_ruledef(r.oid))
FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class WHERE c.relnamespace = 'auth'::regnamespace ORDER BY r.ev_class::regclass::text COLLATE "C", r.rulename COLLATE "C";
SELECT concat_ws(' | ', 'type', t.oid::regtype, t.typtype, t.typowner::regrole, pg_temp.acl(t.typacl), pg_temp.initially('pg_type', t.oid), obj_description(t.oid, 'pg_type'),
    (SELECT string_agg(e.enumlabel, ',' ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = t.oid))
FROM pg_type t WHERE t.typnamespace = 'auth'::regnamespace ORDER BY t.oid::regtype::text COLLATE "C";
SELECT concat_ws(' | ', 'schema', n.nspname, n.nspowner::regrole, pg_temp.acl(n.nspacl), pg_temp.initially('pg_namespace', n.oid), obj_description(n.oid, 'pg_namespace'))
FROM pg_namespace n WHERE n.nspname = 'auth';
SELECT concat_ws(' | ', 'extension', e.extversion, e.extowner::regrole, obj_description(e.oid, 'pg_extension')) FROM pg_extension e WHERE e.extname = 'pg_principal';
SELECT concat_ws(' | ', 'dumped', c.id::regclass, c.condition)
FROM pg_extension e, unnest(e.extconfig, e.extcondition) AS c (id, condition) WHERE e.extname = 'pg_principal' ORDER BY c.id::regclass::text COLLATE "C";
SELECT concat_ws(' | ', 'member', i.type, i.identity)
FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid, pg_identify_object(d.classid, d.objid, d.objsubid) AS i
WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' AND e.extname = 'pg_principal' ORDER BY i.type, i.identity COLLATE "C";
