-- Every error that the extension raises by itself: an interface, whole.
\pset format unaligned
SELECT id, sqlstate, message, hint FROM auth.error_kinds();
\pset format aligned

-- Its shape: no rows.
SELECT id FROM auth.error_kinds() GROUP BY id HAVING count(*) > 1;
SELECT id FROM auth.error_kinds() WHERE id !~ '^[a-z]+(_[a-z]+)*$' OR id IS NULL;
SELECT id, sqlstate FROM auth.error_kinds() WHERE sqlstate !~ '^[0-9A-Z]{5}$' OR sqlstate IS NULL
    OR sqlstate ~ '^0[012]';
-- a message begins in lower case (names apart), ends without a full stop and names no function
SELECT id, message FROM auth.error_kinds() WHERE message !~ '^([a-z{]|JSON |JWK )'
    OR message ~ '[.!:]$' OR message ~ 'auth\.\w+\(' OR message = '' OR message IS NULL
    OR message ~ '\n|  ';
-- a hint is a sentence or two: it begins in upper case and ends with a full stop; none is NULL, not empty
SELECT id, hint FROM auth.error_kinds() WHERE hint !~ '^[A-Z].*\.$' OR hint ~ '\n|  ';
-- arguments are counted from {0} on, without a gap, and braces stand for nothing else
SELECT id FROM auth.error_kinds(), LATERAL (SELECT array_agg(DISTINCT m[1] ORDER BY m[1])
    FROM regexp_matches(concat(message, hint), '\{(\d)\}', 'g') AS m) AS a (found)
WHERE found IS DISTINCT FROM (SELECT array_agg(n::text ORDER BY n)
    FROM generate_series(0, cardinality(found) - 1) AS n) OR regexp_replace(concat(message, hint),
    '\{\d\}', '', 'g') ~ '[{}]';
-- functions and settings that a hint names are there
SELECT id, f[1] AS no_such_function FROM auth.error_kinds(), LATERAL regexp_matches(hint,
    'auth\.(\w+)\(', 'g') AS f WHERE NOT EXISTS (SELECT FROM pg_proc p
    WHERE p.pronamespace = 'auth'::regnamespace AND p.proname = f[1]);
SELECT id, f[1] AS no_such_setting FROM auth.error_kinds(), LATERAL regexp_matches(hint,
    '(pg_principal\.\w+)', 'g') AS f WHERE NOT EXISTS (SELECT FROM pg_settings s
    WHERE s.name = f[1]);

-- raise_error raises each as it stands there: SQLSTATE, message and hint.
CREATE FUNCTION pg_temp.raised(id text, OUT code text, OUT message text, OUT detail text,
    OUT hint text) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM auth.raise_error(id, '<0>', '<1>', '<2>', '<3>', '<4>');
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
        detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
END $$;
SELECT k.id, k.message, r.* FROM auth.error_kinds() AS k, LATERAL pg_temp.raised(k.id) AS r
WHERE (r.code, r.message, r.hint) IS DISTINCT
    FROM (k.sqlstate, regexp_replace(k.message, '\{(\d)\}', '<\1>', 'g'),
    coalesce(regexp_replace(k.hint, '\{(\d)\}', '<\1>', 'g'), ''))
   OR r.detail <> '<' || (SELECT coalesce(max(m[1]::int) + 1, 0)
       FROM regexp_matches(concat(k.message, k.hint), '\{(\d)\}', 'g') AS m) || '>';
-- as a set in the select list, in FROM, and twice at once
SELECT count(*) > 10 AS many FROM (SELECT auth.error_kinds() AS kind) AS t;
SELECT count(*) = count(DISTINCT a.id) AS once FROM auth.error_kinds() AS a
    JOIN auth.error_kinds() AS b USING (id);
