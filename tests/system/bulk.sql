-- What is done to the principals numbered :a to :b in bulk; statements apart, as somebody types them.
\set rows 'SELECT ''p'' || n || ''@example.com'' AS email, ''Person '' || n AS name FROM generate_series(' :a ', ' :b ') AS n'
INSERT INTO auth.organization_people (email, name) :rows;
SELECT auth.provision();
INSERT INTO auth.sessions (id, user_id, generation, origin, created_at, expires_at)
    SELECT gen_random_uuid(), u.id, u.session_generation, 'issued', now() - interval '1 hour', now() + interval '1 day' FROM auth.users u;
DELETE FROM auth.organization_people;
INSERT INTO auth.organization_people (email, name) :rows;
DELETE FROM auth.organization_people;
SELECT auth.provision();
INSERT INTO auth.organization_people (email, name) :rows;
SELECT auth.provision();
UPDATE auth.organization_people SET name = 'another ' || name;
UPDATE auth.organization_people SET kind = 'service_account';
UPDATE auth.organization_people SET kind = 'person';
UPDATE auth.organization_people SET email = 'x' || email;
SELECT auth.provision();
UPDATE auth.organization_people SET email = substr(email, 2);
UPDATE auth.users SET banned_until = 'infinity';
UPDATE auth.users SET banned_until = NULL;
UPDATE auth.users SET app_role = 'ANALYST';
UPDATE auth.sessions SET revoked_at = now();
UPDATE auth.sessions SET created_at = now() - interval '401 days', expires_at = now() - interval '400 days';
SELECT auth.prune_sessions();
TRUNCATE auth.organization_people;
INSERT INTO auth.organization_people (email, name) :rows;
BEGIN;
TRUNCATE auth.organization_people;
INSERT INTO auth.organization_people (email, name) :rows;
COMMIT;
SELECT auth.push_people((SELECT jsonb_agg(to_jsonb(r)) FROM (:rows) AS r));
SELECT auth.provision();
SELECT * FROM auth.health_status();
DELETE FROM auth.users;
DELETE FROM auth.organization_people;
SELECT auth.provision();
