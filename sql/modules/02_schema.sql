-- Every name below is qualified; nothing resolves through a path that somebody else can write to.
SET LOCAL search_path = pg_catalog, pg_temp;

-- A schema that was there before could belong to somebody who then owns the ground we stand on.
DO $$
DECLARE
    owner_name name;
    is_safe boolean;
BEGIN
    SELECT r.rolname, r.rolsuper INTO owner_name, is_safe
    FROM pg_namespace n JOIN pg_roles r ON r.oid = n.nspowner
    WHERE n.nspname = 'auth';
    IF NOT is_safe THEN
        RAISE EXCEPTION 'schema auth belongs to %, who is not a superuser', owner_name
            USING ERRCODE = 'insufficient_privilege',
                  HINT = 'Drop it, or ALTER SCHEMA auth OWNER TO a superuser after looking at what '
                         'it holds.';
    END IF;
    IF EXISTS (SELECT FROM pg_namespace n, aclexplode(n.nspacl) a
        LEFT JOIN pg_roles r ON r.oid = a.grantee
               WHERE n.nspname = 'auth' AND a.privilege_type = 'CREATE'
                   AND NOT coalesce(r.rolsuper, false)) THEN
        RAISE EXCEPTION 'schema auth can be written to by roles that are not superusers'
            USING ERRCODE = 'insufficient_privilege',
                  HINT = 'REVOKE CREATE ON SCHEMA auth from them first.';
    END IF;
END
$$;
