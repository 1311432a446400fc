-- The whole of who may do what, last, so that nothing above is forgotten. What an earlier version
-- has settled (pg_init_privs tells) an update leaves as administrators have made it since: a change
-- of it is written by hand, in sql/upgrade.
DO $grants$
DECLARE
    object record;
    wanted record;
    fresh oid[] := '{}';
    settled jsonb;
BEGIN
    -- names are kept, too: the same ones in each database
    SET LOCAL quote_all_identifiers = off;
    -- ALTER DEFAULT PRIVILEGES may have granted more, to anybody.
    FOR object IN
        SELECT o.oid, o.what, array_remove(ARRAY(
            SELECT DISTINCT a.grantee FROM aclexplode(o.acl) AS a
            WHERE a.grantee NOT IN (0,
                (SELECT r.oid FROM pg_roles r WHERE r.rolname = current_user))) || o.by_default,
            NULL) AS grantees
        FROM (SELECT 'pg_class'::regclass AS class, c.oid, 'TABLE ' || c.oid::regclass AS what,
                  relacl AS acl, 0::oid AS by_default
              FROM pg_class c
              WHERE relnamespace = 'auth'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'f')
              UNION ALL
              SELECT 'pg_proc'::regclass, p.oid, 'ROUTINE ' || p.oid::regprocedure, proacl, 0
              FROM pg_proc p WHERE pronamespace = 'auth'::regnamespace
              UNION ALL SELECT 'pg_type'::regclass, t.oid, 'TYPE ' || t.oid::regtype, typacl, NULL
              FROM pg_type t WHERE typnamespace = 'auth'::regnamespace AND typelem = 0
                  AND (typrelid = 0 OR EXISTS (
                      SELECT FROM pg_class c WHERE c.oid = typrelid AND c.relkind = 'c'))
              -- of a table that is a column of somebody's, no update of ours could alter it;
              -- default privileges do not reach these types: whom one names, an administrator has
              UNION ALL SELECT 'pg_type'::regclass, t.oid, 'TYPE ' || t.oid::regtype, NULL, 0
              FROM pg_type t JOIN pg_class c ON c.oid = typrelid
              WHERE typnamespace = 'auth'::regnamespace AND c.relkind = 'r'
              UNION ALL SELECT 'pg_namespace'::regclass, n.oid, 'SCHEMA auth', nspacl, 0
              FROM pg_namespace n WHERE nspname = 'auth') AS o
        WHERE NOT EXISTS (SELECT FROM pg_init_privs i
            WHERE i.classoid = o.class AND i.objoid = o.oid AND i.objsubid = 0)
    LOOP
        fresh := fresh || object.oid;
        FOR wanted IN SELECT CASE g WHEN 0 THEN 'PUBLIC' ELSE g::regrole::text END AS grantee
            FROM unnest(object.grantees) AS g
        LOOP
            EXECUTE format('REVOKE ALL ON %s FROM %s', object.what, wanted.grantee);
        END LOOP;
    END LOOP;

    FOR wanted IN
        SELECT (rtrim(f.name, E')\n ') || ')')::regprocedure AS function, l.grantees
        FROM (VALUES
            -- Everybody: what tells the caller who they are, what judges the caller by itself, and
            -- what installs policies on one's own tables.
            ('PUBLIC', $list$
    auth.uid(), auth.email(), auth.role(), auth.kind(), auth.app_role(), auth.session_id(),
    auth.jwt(),
    auth.has_role(text[]), auth.has_scope(text), auth.is_service_account(), auth.is_person(),
    auth.authenticate(text, boolean), auth.pre_request(), auth.normalise_email(text),
    auth.parse_ttl(text),
    auth.jwks(), auth.raise_error(text, text[]), auth.error_kinds(), auth.is_own_statement(),
    auth.check_session(text, uuid, text, text, text, uuid[], integer[]),
    auth.self_and_report_emails(), auth.self_and_report_ids(), auth.owner_is(text, text),
    auth.owner_is(uuid, text),
    auth.jws_sign(bytea, jsonb, text), auth.jws_verify(text, jsonb),
    auth.jwt_sign(jsonb, jsonb, text),
    auth.jwt_verify(text, jsonb, text, text), auth.verify_signature(text, jsonb, bytea, bytea),
    auth.jwk_thumbprint(jsonb),
    auth.jwks_problems(jsonb), auth.generate_jwk(text), auth.public_jwk(jsonb),
    auth.public_pem(jsonb), auth.pem_to_jwk(text),
    auth.clamp(regclass, name, text, boolean, boolean), auth.unclamp(regclass),
    auth.clamp_agents(regclass, text, text),
    auth.clamp_notices(regclass, boolean),
    auth.create_user(jsonb, jsonb), auth.get_user(uuid), auth.find_user(uuid),
    auth.list_users(integer, integer), auth.search_users(text, integer, integer),
    auth.update_profile(jsonb, jsonb), auth.update_account(jsonb, jsonb),
    auth.update_user(uuid, jsonb, jsonb), auth.set_app_role(uuid, text, jsonb),
    auth.sign_out(text, jsonb),
    auth.change_password(text, text, jsonb), auth.audits(integer, text, uuid, boolean),
    auth.is_agent(text, text),
    auth.ban_user(uuid, interval, text, jsonb), auth.unban_user(uuid, jsonb),
    auth.delete_user(uuid, jsonb),
    auth.user_sessions(uuid), auth.end_session(uuid, text, jsonb),
    auth.issue_for(uuid, text, text, text[], jsonb),
    auth.audit_feed(integer, text, uuid, boolean), auth.incidents_feed(integer, text, uuid),
    auth.agents_feed(integer, text), auth.token_expiries(integer), auth.refusals_by_hour(integer),
    auth.health_status(), auth.key_states(), auth.audit_status(), auth.check_audit(),
    auth.list_connections(), auth.end_connection(integer),
    auth.actor(), auth.actor_email(), auth.actors(), auth.is_delegated(),
    auth.delegate_to(text, text, text[], uuid, jsonb), auth.revoke_delegation(uuid, jsonb),
    auth.my_delegations(), auth.issue_may_act(text, text, text[], jsonb),
    auth.client_id(), auth.show_device(text, jsonb),
    auth.decide_device(text, boolean, text[], jsonb)
            $list$),
            -- The frontend, and whoever else may pass on what strangers say: they can undo audit
            -- entries and counters by a rollback, and name any address.
            ('authenticator, auth_operator', $list$
    auth.sign_in(text, text, jsonb), auth.sign_up(jsonb, jsonb), auth.refresh(text, jsonb),
    auth.read_metrics(), auth.expose_metrics(),
    auth.registration_is_open(), auth.is_project_key(text), auth.try_authenticate(text),
    auth.oauth_token(jsonb, text, text, jsonb),
    auth.oauth_introspect(jsonb, text, text, text, jsonb),
    auth.oauth_revoke(jsonb, text, text, jsonb), auth.oauth_metadata(text, text),
    auth.readiness(text),
    auth.next_key_fetch(), auth.end_key_fetch(uuid, text, jsonb),
    auth.oauth_device_authorization(jsonb, text, text, jsonb),
    auth.open_device_page(jsonb, text, jsonb), auth.close_device_page(text, text, text, jsonb)
            $list$),
            -- Operators: everything that mints, ends or manages.
            ('auth_operator', $list$
    auth.push_people(jsonb), auth.remove_person(text), auth.rename_person(text, text),
    auth.provision(boolean),
    auth.issue(text, text, text, text[]), auth.issue_token(text, text, text, text[]),
    auth.issue_key(text, text, text),
    auth.adopt_key(text, timestamptz, text),
    auth.create_client_secret(text, text, text), auth.set_client_scopes(text, text[]),
    auth.list_clients(),
    auth.list_client_secrets(text), auth.revoke_client_secret(uuid, text),
    auth.register_client(text, text, text[], text), auth.unregister_client(text),
    auth.list_public_clients(),
    auth.register_client_keys(text, jsonb), auth.list_client_keys(text),
    auth.trust_issuer(text, text[], jsonb, text, text[], text, text[], boolean),
    auth.distrust_issuer(text), auth.store_issuer_keys(text, jsonb),
    auth.start_key_fetch(text),
    auth.map_claims(text, text, jsonb, text[]), auth.unmap_claims(text, text),
    auth.list_issuers(), auth.list_issuer_rules(text),
    auth.test_issuer_token(text),
    auth.delegate(text, text, text, text[]), auth.end_delegation(uuid), auth.list_delegations(text),
    auth.list_sessions(text), auth.revoke_session(uuid, text), auth.ban(text, interval, text),
    auth.unban(text),
    auth.create_signing_key(text, boolean), auth.import_signing_key(text, boolean),
    auth.import_signing_key(jsonb, boolean),
    auth.activate_signing_key(text), auth.retire_signing_key(text), auth.revoke_signing_key(text),
    auth.seal_signing_keys(), auth.list_signing_keys(),
    auth.add_user(jsonb, jsonb), auth.set_password(text, text), auth.import_users(jsonb, boolean),
    auth.prune_sessions(interval),
    auth.list_audit(text, timestamptz, integer, text, uuid), auth.audit_verify(text),
    auth.scan_audit(), auth.audit_seal(), auth.audit_prune(interval, bigint),
    auth.scan_agent_health(text), auth.agent_health(), auth.list_incidents(timestamptz),
    auth.schedule_health_scan(text), auth.unschedule_health_scan(), auth.health_schedule(),
    auth.health_job(), auth.health_scan_call(), auth.orphan_job_query(),
    auth.backend_proofs(), auth.check_installation(text, interval),
    auth.allow_login(text, text, text, text), auth.disallow_login(text, text, text, text),
    auth.list_login_roles()
            $list$)
        ) AS l (grantees, functions),
            regexp_split_to_table(l.functions, '[)][[:space:]]*,[[:space:]]*') AS f (name)
    LOOP
        IF wanted.grantees <> 'PUBLIC' THEN
            settled := coalesce(settled, '{}') || (SELECT jsonb_object_agg(g.role,
                coalesce(settled->g.role, '[]') || to_jsonb('FUNCTION ' || wanted.function))
                FROM regexp_split_to_table(wanted.grantees, ', ') AS g (role));
        END IF;
        IF wanted.function = ANY (fresh) THEN
            EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %s', wanted.function, wanted.grantees);
        END IF;
    END LOOP;

    IF 'auth'::regnamespace = ANY (fresh) THEN
        GRANT USAGE ON SCHEMA auth TO PUBLIC;
    END IF;
    IF 'auth.audit_log'::regclass = ANY (fresh) THEN
        GRANT SELECT ON auth.audit_log TO authenticated, auth_operator;
    END IF;
    IF 'auth.connections'::regclass = ANY (fresh) THEN
        GRANT SELECT ON auth.connections TO PUBLIC;
    END IF;
    -- The roster is clamped like any table: own row and reports.
    IF 'auth.organization_people'::regclass = ANY (fresh) THEN
        GRANT SELECT ON auth.organization_people TO authenticated;
        PERFORM auth.clamp('auth.organization_people', 'email', 'self_and_reports');
    END IF;

    settled := jsonb_set(settled, '{auth_operator}', settled->'auth_operator'
            || '["TABLE auth.audit_log"]')
        || '{"authenticated": ["TABLE auth.audit_log", "TABLE auth.organization_people"]}';
    EXECUTE format('CREATE OR REPLACE FUNCTION auth.own_grants() RETURNS jsonb LANGUAGE sql '
        'IMMUTABLE RETURN %L::jsonb', settled);

    -- pg_dump knows no privileges of a table's type, and warns of each row that it finds here. From
    -- PostgreSQL 17 on a row's roles depend on it, too: who installs this could never be dropped.
    WITH unsupported AS (
        DELETE FROM pg_init_privs i USING pg_type t JOIN pg_class c ON c.oid = t.typrelid
        WHERE i.classoid = 'pg_type'::regclass AND i.objoid = t.oid AND c.relkind = 'r'
            AND c.relnamespace = 'auth'::regnamespace RETURNING i.objoid
    )
    DELETE FROM pg_shdepend s USING unsupported u, pg_database d
    WHERE d.datname = current_database() AND s.dbid = d.oid AND s.deptype = 'i'
        AND s.classid = 'pg_type'::regclass AND s.objid = u.objoid;
END
$grants$;
REVOKE ALL ON FUNCTION auth.own_grants() FROM PUBLIC;
COMMENT ON FUNCTION auth.own_grants() IS
'Internal: what the extension gave its roles, by their names.';
