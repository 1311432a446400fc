-- Users of other systems move in with their passwords.
\getenv here PG_ABS_SRCDIR
\set setup :here /sql/include/setup.sql
\set teardown :here /sql/include/teardown.sql
\i :setup

-- Hashes of other systems (tests/unit/password_hash_test.cpp has them all): each names its kind when it is refused.
SELECT regress_try(format('SELECT auth.import_users(%L)',
    (SELECT jsonb_agg(jsonb_build_object('email', n || '@hash.example', 'encrypted_password', h))
    FROM (VALUES
    (1, '5f4dcc3b5aa765d61d8327deb882cf99'),
    (2, '$argon2id$v=19$m=1048576,t=16,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc'),
    (3, 'pbkdf2_sha256$9000000$saltsalt$icXYCaf4jKVqE4cE2u0n260I/Hts/XhpiK3zNSvnsOI='),
    (4, '$argon2id$broken'), (5, '{SSHA}abcdef')) AS v (n, h))));
SELECT auth.import_users('[{"email": "md5@hash.example", "encrypted_password": "5f4dcc3b5aa765d61d8327deb882cf99"}, {"email": "none@hash.example"}]',
    true);
-- who was deleted there, whose row Supabase may keep, does not come back to life here
SELECT regress_try($s$SELECT auth.import_users('[{"email": "gone@hash.example", "deleted_at": "2024-05-01T10:00:00+00:00"}]')$s$),
    auth.import_users('[{"email": "here@hash.example", "deleted_at": null}]');
SELECT auth.import_users(jsonb_agg(jsonb_build_object('email', n || '@hash.example',
    'encrypted_password', h))) FROM (VALUES
    ('django', E'pbkdf2_sha256$1000$saltsaltsalt$5aOqBugkOmcz+mBFw/U7iMRlRFbRv/JX6CY6M0GZqLc=\n'::text),
    ('spring', '{bcrypt}$2b$05$9b.1NFrh3pa.pBvEH4uquudxdY2a2bNF.F4liv.Hec1FDs/AYpkmS')) AS v (n, h);
SELECT auth.import_users(jsonb_build_array(jsonb_build_object('email', 'keycloak@hash.example',
    'encrypted_password',
    '{"credentialData": {"hashIterations": 1000, "algorithm": "pbkdf2-sha256"}, "secretData": {"salt": "c2FsdHNhbHRzYWx0", "value": "5aOqBugkOmcz+mBFw/U7iMRlRFbRv/JX6CY6M0GZqLc="}}'::jsonb)));
SELECT email, password_scheme FROM auth.users WHERE email LIKE '%@hash.example' ORDER BY email;
SELECT e.email, (auth.sign_in(e.email, 'Th1sIsAStrong!Pas')).status AS wrong,
    (auth.sign_in(e.email, e.password)).status
FROM (VALUES ('django@hash.example', 'Th1sIsAStrong!Pass'),
    ('keycloak@hash.example', 'Th1sIsAStrong!Pass'), ('spring@hash.example', 'Imp0rted!Password'),
    ('md5@hash.example', '5f4dcc3b5aa765d61d8327deb882cf99')) AS e (email, password);
SELECT email, password_scheme FROM auth.users WHERE email LIKE '%@hash.example' ORDER BY email;
-- Metadata is judged together: what comes in fits into a token.
SELECT regress_try(format('SELECT auth.import_users(%L)',
    jsonb_build_array(jsonb_build_object('email', 'big@hash.example',
    'raw_user_meta_data', jsonb_build_object('a', repeat('x', 8000)), 'raw_app_meta_data',
        jsonb_build_object('b', repeat('y', 4000))))));
SELECT auth.import_users(jsonb_build_array(jsonb_build_object('email', 'big@hash.example',
    'encrypted_password', '$2b$05$9b.1NFrh3pa.pBvEH4uquudxdY2a2bNF.F4liv.Hec1FDs/AYpkmS',
    'raw_user_meta_data', jsonb_build_object('a', repeat('"', 3500), 'c', ''), 'raw_app_meta_data',
        jsonb_build_object('b', repeat('y', 1000)))));
SELECT status FROM auth.sign_in('big@hash.example', 'Imp0rted!Password');
\i :teardown
