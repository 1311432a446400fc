\set ECHO none
DROP TABLE public.regress_rfc;
DROP FUNCTION public.regress_jws(text, jsonb), public.regress_jwt(text, jsonb, text, text), public.regress_oct(text, jsonb), public.regress_hs(text, text, text, text),
    public.regress_input(text), public.regress_part(text, int), public.regress_bytes(text), public.regress_url(text), public.regress_url(bytea), public.regress_try(text);
DROP EXTENSION pgcrypto;
\set ECHO all
