-- Accounts from elsewhere.

CREATE OR REPLACE FUNCTION auth.is_point_in_time(given text) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- not "yesterday", nor what depends on DateStyle
    RETURN given ~ ('^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?'
            '(Z|[+-][0-9]{2}(:?[0-9]{2})?)?)?$')
        AND isfinite(given::timestamptz);
EXCEPTION WHEN data_exception THEN
    RETURN false;
END
$$;
COMMENT ON FUNCTION auth.is_point_in_time(text) IS
'Internal: whether the text is a point in time as ISO 8601 and PostgreSQL write it; NULL for NULL.';

CREATE OR REPLACE FUNCTION auth.import_users(rows jsonb, without_passwords boolean DEFAULT false,
    OUT imported integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    problems text;
    bad bigint;
    held bigint;
    unread text;
    callers_timeout text;
BEGIN
    IF rows IS NULL OR jsonb_typeof(rows) <> 'array' THEN
        PERFORM auth.raise_error('import_not_an_array', coalesce(jsonb_typeof(rows), 'NULL'));
    END IF;
    held := auth.hold_document(rows);
    WITH given AS MATERIALIZED (
        SELECT r.n, r.row, auth.fold_email(r.row->>'email') AS email, r.row->>'id' AS id,
            auth.password_hash_problem(nullif(btrim(r.row->>'encrypted_password', E' \t\r\n'),
                '')) AS problem
        FROM jsonb_array_elements(auth.held_document(held)) WITH ORDINALITY AS r (row, n)
    ), problem (n, reason) AS (
        SELECT g.n, 'must be an object of fields' FROM given g WHERE jsonb_typeof(g.row) <> 'object'
        UNION ALL
        SELECT g.n, p->>'message' FROM given g,
            jsonb_array_elements((auth.read_profile(jsonb_build_object('email', g.row->'email'),
                'email', 'email')).problems) AS p
        WHERE jsonb_typeof(g.row) = 'object'
        UNION ALL
        SELECT g.n, 'id must be a UUID' FROM given g
        WHERE g.id !~ '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$'
        UNION ALL
        SELECT g.n, 'encrypted_password ' || g.problem FROM given g
            WHERE NOT coalesce(without_passwords, false)
        UNION ALL
        SELECT g.n, f.name || ' must be an object' FROM given g, (VALUES ('raw_user_meta_data'),
            ('raw_app_meta_data')) AS f (name)
        WHERE jsonb_typeof(g.row->f.name) NOT IN ('object', 'null')
        UNION ALL
        SELECT g.n,
            'raw_app_meta_data must not have pg_principal: tokens say there what is ours to say'
            FROM given g
        WHERE g.row->'raw_app_meta_data' ? 'pg_principal'
        UNION ALL
        SELECT g.n, 'kind must be person or service_account' FROM given g
        WHERE g.row->'kind' NOT IN ('"person"', '"service_account"', 'null')
        UNION ALL
        SELECT g.n, 'deleted_at is set: leave out who was deleted' FROM given g
        WHERE g.row->>'deleted_at' IS NOT NULL
        UNION ALL
        SELECT g.n, f.name || ' must be a time' FROM given g,
            (VALUES ('created_at'), ('banned_until'), ('email_confirmed_at'),
                ('last_sign_in_at')) AS f (name)
        WHERE NOT auth.is_point_in_time(g.row->>f.name)
        UNION ALL
        SELECT g.n, f.name || ' has more than 8192 bytes, too many for a token'
            FROM given g, (VALUES ('raw_user_meta_data'), ('raw_app_meta_data')) AS f (name)
        WHERE auth.metadata_size(g.row->f.name, NULL) > 8192
        UNION ALL
        SELECT g.n, 'raw_user_meta_data and raw_app_meta_data have more than 8192 bytes together, '
                    'too many for a token' FROM given g
        WHERE auth.metadata_size(g.row->'raw_user_meta_data', g.row->'raw_app_meta_data') > 8192
          AND greatest(auth.metadata_size(g.row->'raw_user_meta_data', NULL),
              auth.metadata_size(g.row->'raw_app_meta_data', NULL)) <= 8192
        UNION ALL
        SELECT g.n, format('email %s is taken', g.email) FROM given g
        WHERE EXISTS (SELECT FROM auth.users u WHERE u.email = g.email)
        UNION ALL
        SELECT g.n, format('id %s is taken', g.id) FROM given g
        WHERE EXISTS (SELECT FROM auth.users u WHERE u.id::text = lower(g.id COLLATE "C"))
        UNION ALL
        SELECT d.n, format('the same %s as row %s', d.what, d.first) FROM (
            SELECT g.n, w.what, min(g.n) OVER (PARTITION BY w.what, w.value) AS first
            FROM given g, LATERAL (VALUES ('email', g.email),
                ('id', lower(g.id COLLATE "C"))) AS w (what, value) WHERE w.value IS NOT NULL) AS d
        WHERE d.n <> d.first
    ), numbered AS (
        SELECT format('row %s: %s', p.n, p.reason) AS line, p.stops,
            row_number() OVER (PARTITION BY p.stops ORDER BY p.n, p.reason) AS i,
                count(*) OVER (PARTITION BY p.stops) AS total
        FROM (SELECT p.n, p.reason, true AS stops FROM problem p WHERE p.reason IS NOT NULL
              UNION ALL SELECT g.n, 'encrypted_password ' || g.problem, false FROM given g
                  WHERE g.problem IS NOT NULL) AS p
    ), lines AS (
        SELECT n.stops, max(n.total) AS total, string_agg(n.line, E'\n'
            ORDER BY n.i) FILTER (WHERE n.i <= 20)
            || CASE WHEN max(n.total) > 20 THEN format(E'\nand %s more', max(n.total) - 20)
                ELSE '' END AS text
        FROM numbered n GROUP BY n.stops
    )
    SELECT max(l.total) FILTER (WHERE l.stops), max(l.text) FILTER (WHERE l.stops),
        max(l.text) FILTER (WHERE NOT l.stops)
    INTO bad, problems, unread FROM lines l;
    IF bad > 0 THEN
        PERFORM auth.raise_error('import_refused', auth.counted(bad, 'problem'),
            auth.counted(jsonb_array_length(auth.held_document(held)), 'user'), problems);
    ELSIF unread IS NOT NULL THEN
        RAISE NOTICE 'imported without a password' USING DETAIL = unread;
    END IF;
    callers_timeout := auth.wait_briefly();
    WITH made AS (
        INSERT INTO auth.users (id, email, kind, encrypted_password, banned_until,
            raw_user_meta_data, raw_app_meta_data,
                                email_confirmed_at, last_sign_in_at, created_at, on_roster)
        SELECT coalesce((r->>'id')::uuid, gen_random_uuid()), auth.normalise_email(r->>'email'),
            coalesce(o.kind, r->>'kind', 'person'),
            (SELECT h.hash FROM (SELECT nullif(btrim(r->>'encrypted_password', E' \t\r\n'),
                '')) AS h (hash)
             WHERE auth.password_hash_problem(h.hash) IS NULL),
            (r->>'banned_until')::timestamptz,
            coalesce(nullif(r->'raw_user_meta_data', 'null'), '{}'),
                coalesce(nullif(r->'raw_app_meta_data', 'null'), '{}'),
            (r->>'email_confirmed_at')::timestamptz, (r->>'last_sign_in_at')::timestamptz,
            coalesce((r->>'created_at')::timestamptz, now()), o.email IS NOT NULL
        FROM jsonb_array_elements(auth.held_document(held)) AS r LEFT
            JOIN auth.organization_people o ON o.email = auth.normalise_email(r->>'email')
        RETURNING id, email
    )
    SELECT count(auth.audit(m.id, m.email,
        '{"created": {"previous": null, "current": "imported"}}')) INTO imported FROM made m;
    EXECUTE format('SET LOCAL lock_timeout = %L', callers_timeout);
EXCEPTION WHEN lock_not_available THEN
    PERFORM auth.raise_error('principal_held', 'an address of these rows');
END
$$;
COMMENT ON FUNCTION auth.import_users(jsonb, boolean) IS
'For operators: takes in rows exported from Supabase''s auth.users as a JSON array of objects (id, '
'email, encrypted_password, banned_until, raw_user_meta_data, raw_app_meta_data, '
'email_confirmed_at, last_sign_in_at, created_at, and kind: person or service_account; other '
'columns are ignored, but for deleted_at: such a row is refused). Metadata is the application''s '
'and stays as it is: no member of it makes a role or a kind here. Ids are kept, and hashes of the '
'kinds and costs that docs/moving-in.md lists; a hash is replaced by our Argon2id at the next '
'sign-in. A hash that cannot be verified is refused with its kind, or, with without_passwords, '
'left out with a NOTICE that names it. All or none: 22023 with each bad row''s number and reason '
'in DETAIL, 55P03 when somebody is giving one of the addresses to another for three seconds. '
'Returns how many came in.';
