\set ECHO none
SET client_min_messages = warning;
RESET pg_principal.token;
RESET ROLE;
DELETE FROM auth.users;
DELETE FROM auth.sessions;
DELETE FROM auth.organization_people;
DELETE FROM auth.signing_keys;
SET session_replication_role = replica;
DELETE FROM auth.audit_log;
RESET session_replication_role;
DELETE FROM auth.audit_heads;
DELETE FROM auth.audit_seals;
DELETE FROM auth.audit_sealed_heads;
DELETE FROM auth.audit_prunes;
DELETE FROM auth.incidents;
DELETE FROM auth.metrics;
DELETE FROM auth.server_keys;
DELETE FROM auth.sign_in_attempts;
DROP FUNCTION public.regress_try(text);
\set ECHO all
