SET client_min_messages = warning;
RESET pg_principal.token;
RESET ROLE;
DELETE FROM auth.users;
DELETE FROM auth.sessions;
DELETE FROM auth.organization_people;
DELETE FROM auth.signing_keys;
DROP FUNCTION public.regress_try(text);
