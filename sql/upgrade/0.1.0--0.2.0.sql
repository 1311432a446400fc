-- By hand: what 20_tables.sql has and 0.1.0 had not (ALTER TABLE, CREATE TABLE, CREATE TYPE), functions
-- whose arguments or results differ (DROP FUNCTION first), grants of 0.1.0 that changed. The Makefile
-- appends all modules that may run twice; tests/system/upgrade.sh compares the outcome with a new install.

CREATE INDEX users_created_at ON auth.users (created_at, id);
ALTER TABLE auth.users ADD COLUMN self_registered boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN auth.users.self_registered IS 'Made by open registration: nobody has shown to own the email. When auth.provision() adopts it, its password and sessions end unless email_confirmed_at is set.';
UPDATE auth.users u SET self_registered = true FROM auth.audit_log a
WHERE a.user_id = u.id AND a.seq = 1 AND a.changes->'created'->>'current' = 'registered' AND u.app_role <> 'ADMIN' AND NOT u.on_roster;
CREATE INDEX users_agents ON auth.users (id) WHERE kind = 'service_account' OR email LIKE '%-agent@%';
DROP FUNCTION auth.take_hold(uuid), auth.lock_holders(uuid); -- all_rows, open_since
