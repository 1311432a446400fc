-- What the functions are like that this script has made, for auth.check_functions(): last, and anew
-- with each installation and update. A dump does not have it, a restore makes it anew.
DO $$
BEGIN
    EXECUTE format('CREATE OR REPLACE FUNCTION auth.own_functions() RETURNS jsonb LANGUAGE sql '
        'IMMUTABLE RETURN %L::jsonb', jsonb_build_object('server', auth.this_server(),
            'functions', (SELECT jsonb_object_agg(d.function,
                jsonb_build_array(d.definition, d.body)) FROM auth.function_digests() AS d)));
END
$$;
REVOKE ALL ON FUNCTION auth.own_functions() FROM PUBLIC;
COMMENT ON FUNCTION auth.own_functions() IS
'Internal: the digests of the extension''s functions as its script made them, and on which server.';
