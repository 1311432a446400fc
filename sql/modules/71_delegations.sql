-- Grants of delegation: which agent may act for which person, and what ends with them.

-- What was got by a grant or for an application ends with it: whoever verifies a token looks.
CREATE OR REPLACE TRIGGER signal_change AFTER UPDATE OR DELETE ON auth.delegations
    FOR EACH ROW EXECUTE FUNCTION auth.signal_revocation('grant', 'id');
CREATE OR REPLACE TRIGGER signal_truncate AFTER TRUNCATE ON auth.delegations
    FOR EACH STATEMENT EXECUTE FUNCTION auth.signal_revocation();
CREATE OR REPLACE TRIGGER signal_change AFTER INSERT ON auth.ended_grants
    FOR EACH ROW EXECUTE FUNCTION auth.signal_revocation('grant', 'grant_id');
CREATE OR REPLACE TRIGGER signal_change AFTER UPDATE OR DELETE ON auth.public_clients
    FOR EACH ROW EXECUTE FUNCTION auth.signal_revocation('grant', 'id');
CREATE OR REPLACE TRIGGER signal_truncate AFTER TRUNCATE ON auth.public_clients
    FOR EACH STATEMENT EXECUTE FUNCTION auth.signal_revocation();
ALTER TABLE auth.delegations ENABLE ALWAYS TRIGGER signal_change;
ALTER TABLE auth.delegations ENABLE ALWAYS TRIGGER signal_truncate;
ALTER TABLE auth.ended_grants ENABLE ALWAYS TRIGGER signal_change;
ALTER TABLE auth.public_clients ENABLE ALWAYS TRIGGER signal_change;
ALTER TABLE auth.public_clients ENABLE ALWAYS TRIGGER signal_truncate;

CREATE OR REPLACE FUNCTION auth.store_delegation(person auth.users, agent auth.users,
    scopes text[], ends timestamptz, by uuid) RETURNS uuid
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    new_id uuid := gen_random_uuid();
    gone uuid;
    former uuid;
BEGIN
    LOOP -- until nobody has granted it in between
        -- one that is replaced ends, and with it what was got by it
        DELETE FROM auth.delegations d WHERE d.person_id = person.id AND d.agent_id = agent.id
            RETURNING d.id INTO gone;
        former := coalesce(gone, former);
        INSERT INTO auth.delegations (id, person_id, agent_id, person_generation,
            agent_generation, scopes, created_at, expires_at, granted_by)
        VALUES (new_id, person.id, agent.id, person.owner_generation, agent.owner_generation,
            ARRAY(SELECT DISTINCT s FROM unnest(store_delegation.scopes) AS s ORDER BY s),
            clock_timestamp(), ends, by)
        ON CONFLICT ON CONSTRAINT delegations_person_id_agent_id_key DO NOTHING;
        EXIT WHEN FOUND;
    END LOOP;
    PERFORM auth.audit(person.id, person.email, jsonb_build_object('delegation',
        jsonb_build_object('previous', CASE WHEN former IS NOT NULL THEN 'active' END, 'current',
            'granted')), NULL, jsonb_build_object('delegationId', new_id, 'agent', agent.email,
            'scopes', scopes, 'expiresAt', auth.iso_time(ends))
            || jsonb_strip_nulls(jsonb_build_object('replaces', former)));
    RETURN new_id;
END
$$;
COMMENT ON FUNCTION auth.store_delegation(auth.users, auth.users, text[], timestamptz, uuid) IS
'Internal: a grant in place of the one before of the same two.';

CREATE OR REPLACE FUNCTION auth.delegate(person text, agent text, ttl text DEFAULT '30d',
    scopes text[] DEFAULT '{}') RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    ttl_seconds bigint := auth.parse_ttl(coalesce(ttl, ''));
    the_agent auth.users;
    the_person auth.users;
    callers_timeout text;
    new_id uuid;
BEGIN
    PERFORM auth.check_scopes(scopes);
    SELECT s.* INTO the_agent FROM auth.users u, auth.standing(u) AS s
    WHERE u.email = auth.known_email(delegate.agent);
    SELECT s.* INTO the_person FROM auth.users u, auth.standing(u) AS s
    WHERE u.email = auth.known_email(delegate.person);
    IF the_agent.id IS NULL OR the_person.id IS NULL THEN
        PERFORM auth.raise_error('user_missing', coalesce(CASE WHEN the_agent.id IS NULL
            THEN delegate.agent ELSE delegate.person END, 'NULL'));
    ELSIF the_agent.kind <> 'service_account' THEN
        PERFORM auth.raise_error('delegation_refused',
            the_agent.email || ' is not a service account');
    ELSIF the_person.kind <> 'person' THEN
        PERFORM auth.raise_error('delegation_refused', the_person.email || ' is not a person');
    END IF;
    callers_timeout := auth.wait_briefly();
    new_id := auth.store_delegation(the_person, the_agent, coalesce(scopes, '{}'),
        clock_timestamp() + ttl_seconds * interval '1 second', NULL);
    EXECUTE format('SET LOCAL lock_timeout = %L', callers_timeout);
    RETURN new_id;
EXCEPTION WHEN lock_not_available THEN -- one of the two is granting, or ending, it
    PERFORM auth.raise_error('principal_held', the_person.email);
END
$$;
COMMENT ON FUNCTION auth.delegate(text, text, text, text[]) IS
'For operators: lets an agent, a service account, act for a person at /oauth/token (RFC 8693) for '
'that long and with those scopes, in place of a grant of before, whose tokens end. Returns its id. '
'42704 for nobody, 22023 for another kind of principal, 55P03 when one of the two holds the grant '
'for three seconds.';

CREATE OR REPLACE FUNCTION auth.end_delegation(id uuid) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    change constant jsonb := '{"delegation": {"previous": "active", "current": "ended"}}';
    actor constant record := auth.audit_actor();
    gone auth.delegations;
    whose text;
    told jsonb;
BEGIN
    SELECT * INTO gone FROM auth.delegations d WHERE d.id = end_delegation.id
        AND (SELECT e.id FROM auth.ended_grants e WHERE e.grant_id = d.id LIMIT 1) IS NULL;
    IF gone.id IS NULL THEN
        RETURN false;
    END IF;
    WITH free AS MATERIALIZED (
        SELECT d.id FROM auth.delegations d WHERE d.id = gone.id FOR UPDATE SKIP LOCKED
    )
    DELETE FROM auth.delegations d USING free f WHERE d.id = f.id;
    IF NOT FOUND THEN -- whoever acts by it may hold it, with an end of its own that never commits
        INSERT INTO auth.ended_grants (grant_id) VALUES (gone.id);
    END IF;
    SELECT u.email INTO whose FROM auth.users u WHERE u.id = gone.person_id;
    told := jsonb_build_object('delegationId', gone.id, 'agent', (SELECT u.email
        FROM auth.users u WHERE u.id = gone.agent_id));
    IF gone.agent_id = actor.id THEN
        -- beside the person's chain, which an agent could hold for as long as it likes
        INSERT INTO auth.audit_unlinked (user_id, created_at, actor_id, actor_email, subject,
            changes, metadata, ip, user_agent)
        SELECT gone.person_id, clock_timestamp(), actor.id, actor.email, whose, change, told, r.ip,
            r.user_agent FROM auth.request_context() AS r;
    ELSE
        PERFORM auth.audit(gone.person_id, whose, change, NULL, told);
    END IF;
    RETURN true;
END
$$;
COMMENT ON FUNCTION auth.end_delegation(uuid) IS
'For operators: ends a grant, and every token that was got by it, at the next statement '
'everywhere. False when there is none.';

CREATE OR REPLACE FUNCTION auth.settle_grants() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM auth.ended_grants) THEN
        RETURN;
    END IF;
    WITH free AS MATERIALIZED (
        SELECT d.id FROM auth.delegations d WHERE d.id IN (SELECT e.grant_id
            FROM auth.ended_grants e) FOR UPDATE SKIP LOCKED
    )
    DELETE FROM auth.delegations d USING free f WHERE d.id = f.id;
    DELETE FROM auth.ended_grants e WHERE e.id IN (SELECT o.id FROM auth.ended_grants o
        WHERE NOT EXISTS (SELECT FROM auth.delegations d WHERE d.id = o.grant_id)
        FOR UPDATE SKIP LOCKED);
END
$$;
COMMENT ON FUNCTION auth.settle_grants() IS
'Internal: deletes the grants that were ended while somebody held them, where nobody does now.';

CREATE OR REPLACE FUNCTION auth.list_delegations(email text DEFAULT NULL, OUT id uuid,
    OUT person text, OUT agent text, OUT scopes text[], OUT created_at timestamptz,
    OUT expires_at timestamptz, OUT state text, OUT granted_by text) RETURNS SETOF record
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    whose constant uuid := auth.principal_of(email);
BEGIN
    RETURN QUERY SELECT d.id, p.email, a.email, d.scopes, d.created_at, d.expires_at,
        CASE WHEN d.expires_at <= clock_timestamp() THEN 'expired'
            WHEN p.owner_generation <> d.person_generation
                OR a.owner_generation <> d.agent_generation
                OR p.kind <> 'person' OR a.kind <> 'service_account' THEN 'void' ELSE 'live' END,
        (SELECT g.email FROM auth.users g WHERE g.id = d.granted_by)
    FROM auth.delegations d JOIN auth.users o ON o.id = d.person_id
        CROSS JOIN LATERAL auth.standing(o) AS p JOIN auth.users b ON b.id = d.agent_id
        CROSS JOIN LATERAL auth.standing(b) AS a
    WHERE (SELECT e.id FROM auth.ended_grants e WHERE e.grant_id = d.id LIMIT 1) IS NULL
        AND d.id = ANY (ARRAY(
        SELECT i.id FROM auth.delegations i WHERE whose IS NULL
        UNION ALL SELECT i.id FROM auth.delegations i WHERE i.person_id = whose
        UNION ALL SELECT i.id FROM auth.delegations i WHERE i.agent_id = whose))
    ORDER BY p.email, a.email;
END
$$;
COMMENT ON FUNCTION auth.list_delegations(text) IS
'For operators: which agents may act for a person, or for whom an agent may act (42704 when nobody '
'has that email); with NULL all. state: live, expired, or void: one of the two addresses has a new '
'owner, or is of another kind now.';

CREATE OR REPLACE FUNCTION auth.my_delegations() RETURNS auth.auth_result
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    refused auth.auth_result := auth.refusal_of_caller();
BEGIN
    IF refused.ok IS NOT NULL THEN
        RETURN refused;
    END IF;
    RETURN ROW(true, 200, NULL, jsonb_build_object('delegations', (SELECT coalesce(jsonb_agg(
        jsonb_build_object('id', l.id, 'person', l.person, 'agent', l.agent, 'scopes', l.scopes,
            'createdAt', auth.iso_time(l.created_at), 'expiresAt', auth.iso_time(l.expires_at),
            'state', l.state) ORDER BY l.person, l.agent), '[]')
        FROM auth.list_delegations(auth.email()) AS l)))::auth.auth_result;
END
$$;
COMMENT ON FUNCTION auth.my_delegations() IS
'The grants of delegation of the caller: 200 {delegations: [...]} with those where it is the '
'person or the agent; 401.';

CREATE OR REPLACE FUNCTION auth.read_terms(problem text, agent text, ttl text, scopes text[],
    OUT the_agent auth.users, OUT life bigint, OUT refused auth.auth_result) RETURNS record
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    refused := auth.bad_terms(problem, ttl, scopes);
    IF refused.ok IS NOT NULL THEN
        RETURN;
    END IF;
    life := auth.parse_ttl(ttl);
    SELECT s.* INTO the_agent FROM auth.users u, auth.standing(u) AS s
    WHERE u.email = auth.fold_email(read_terms.agent) AND s.kind = 'service_account';
    IF the_agent.id IS NULL THEN
        refused := auth.bad_field(problem, 'agent', 'must be the email of a service account');
    END IF;
END
$$;
COMMENT ON FUNCTION auth.read_terms(text, text, text, text[]) IS
'Internal: which agent a person lets act, and for how many seconds, or what is wrong with that.';

CREATE OR REPLACE FUNCTION auth.delegate_to(agent text, ttl text DEFAULT '30d',
    scopes text[] DEFAULT '{}', person uuid DEFAULT NULL, context jsonb DEFAULT NULL)
    RETURNS auth.auth_result
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    SET lock_timeout = '100ms' AS $$
DECLARE
    whose uuid := coalesce(person, auth.uid());
    refused auth.auth_result := CASE WHEN whose IS DISTINCT FROM auth.uid()
        THEN auth.refusal_of_caller('ADMIN') ELSE auth.refusal_of_caller() END;
    problem constant text := 'The delegation was refused';
    terms record;
    the_person auth.users;
BEGIN
    IF refused.ok IS NOT NULL THEN
        RETURN refused;
    END IF;
    PERFORM auth.set_request_context(context);
    terms := auth.read_terms(problem, agent, ttl, scopes);
    IF (terms.refused).ok IS NOT NULL THEN
        RETURN terms.refused;
    END IF;
    SELECT s.* INTO the_person FROM auth.users u, auth.standing(u) AS s WHERE u.id = whose;
    IF the_person.id IS NULL THEN
        RETURN auth.refusal(404, 'unknown-user', 'User not found');
    ELSIF the_person.kind <> 'person' AND person IS NULL THEN
        RETURN auth.refusal(403, 'not-a-person', 'Only a person lets an agent act');
    ELSIF the_person.kind <> 'person' THEN
        RETURN auth.bad_field(problem, 'userId', 'must be that of a person');
    END IF;
    RETURN ROW(true, 201, NULL, jsonb_build_object('id', auth.store_delegation(the_person,
        terms.the_agent, coalesce(scopes, '{}'),
        clock_timestamp() + terms.life * interval '1 second', auth.uid())))::auth.auth_result;
END
$$;
COMMENT ON FUNCTION auth.delegate_to(text, text, text[], uuid, jsonb) IS
'Lets an agent act for the caller, for ADMIN for anybody (person): see auth.delegate(). 201 {id}; '
'400 naming the bad field, 401, 403, 404. An agent that acts for somebody cannot pass that on.';

CREATE OR REPLACE FUNCTION auth.revoke_delegation(id uuid, context jsonb DEFAULT NULL)
    RETURNS auth.auth_result
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    refused auth.auth_result := auth.refusal_of_caller();
    is_admin boolean := (auth.refusal_of_caller('ADMIN')).ok IS NULL;
BEGIN
    IF refused.ok IS NOT NULL AND NOT is_admin THEN
        RETURN refused;
    END IF;
    PERFORM auth.set_request_context(context);
    IF NOT EXISTS (SELECT FROM auth.delegations d WHERE d.id = revoke_delegation.id
            AND (is_admin OR auth.uid() IN (d.person_id, d.agent_id)))
        OR NOT auth.end_delegation(revoke_delegation.id) THEN
        RETURN auth.refusal(404, 'unknown-delegation', 'Delegation not found');
    END IF;
    RETURN ROW(true, 200, NULL, jsonb_build_object('success', true))::auth.auth_result;
END
$$;
COMMENT ON FUNCTION auth.revoke_delegation(uuid, jsonb) IS
'Ends a grant of the caller, as the person or as the agent, for ADMIN anybody''s, with every token '
'that was got by it. 200 {success: true}; 401; 404 when there is none, or it is somebody else''s.';

CREATE OR REPLACE FUNCTION auth.delete_delegations() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        DELETE FROM auth.delegations;
    ELSE
        DELETE FROM auth.delegations d USING gone g WHERE d.person_id = g.id;
        DELETE FROM auth.delegations d USING gone g WHERE d.agent_id = g.id;
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION auth.delete_delegations() IS
'Internal: trigger that deletes the grants of deleted principals.';
CREATE OR REPLACE TRIGGER delete_delegations AFTER DELETE ON auth.users
    REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION auth.delete_delegations();
CREATE OR REPLACE TRIGGER delete_all_delegations AFTER TRUNCATE ON auth.users
    FOR EACH STATEMENT EXECUTE FUNCTION auth.delete_delegations();
