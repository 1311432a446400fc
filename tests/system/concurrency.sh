#!/bin/bash
# Twelve clients do to three agents, and to two people for whom they act, whatever can be done, as fast as they can: nobody waits in a
# circle, no chain breaks, and each refusal is counted, written and reported exactly once.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/harness/cluster.sh
. tests/harness/cluster.sh
# shellcheck source=tests/harness/tap.sh
. tests/harness/tap.sh

dir=$work/concurrency
cluster_create "$dir" fsync=off shared_preload_libraries=pg_principal deadlock_timeout=200ms \
    log_min_messages=error client_min_messages=error pg_principal.refresh_reuse_interval=0 \
    pg_principal.issuer=https://id.example.com pg_principal.max_failed_sign_ins=1000 pg_principal.max_failure_entries=1000000 || exit 1
cluster_start "$dir" || exit 1
psql -XqAt -v ON_ERROR_STOP=1 >/dev/null <<'SQL' || exit 1
CREATE EXTENSION pg_principal;
SELECT auth.create_signing_key();
-- Hashing is slow on purpose, and would keep them from meeting: here, a password is its own hash.
CREATE OR REPLACE FUNCTION auth.hold_password(target uuid, password text) RETURNS text
LANGUAGE sql VOLATILE STRICT AS $$ SELECT auth.hold_hash(target, '$argon2id$' || password) $$;
CREATE OR REPLACE FUNCTION auth.check_password(target uuid, password text, OUT ok boolean, OUT needs_upgrade boolean) RETURNS record
LANGUAGE sql VOLATILE AS $$ SELECT EXISTS (SELECT FROM auth.password_hashes h WHERE h.user_id = target AND h.hash = '$argon2id$' || password), false $$;
SELECT auth.add_user(jsonb_build_object('email', 'p' || i || '-agent@example.com', 'password', 'Th1sIsAStrong!Pass', 'kind', 'service_account'))
FROM generate_series(0, 2) AS i;
INSERT INTO auth.organization_people (email, name, kind) SELECT u.email, 'Agent', 'service_account' FROM auth.users u;
SELECT auth.add_user(jsonb_build_object('email', 'h' || i || '@example.com', 'password', 'Th1sIsAStrong!Pass')) FROM generate_series(0, 1) AS i;
INSERT INTO auth.organization_people (email, name) SELECT 'h' || i || '@example.com', 'Person' FROM generate_series(0, 1) AS i;
SELECT auth.add_user('{"email": "root@example.com", "role": "ADMIN"}');
INSERT INTO auth.organization_people (email, name) VALUES ('root@example.com', 'Root');
CREATE TABLE administrator AS SELECT auth.issue('root@example.com') AS token;
CREATE UNLOGGED TABLE given (id bigserial PRIMARY KEY, principal text, access text, refresh text);
CREATE INDEX ON given (principal, id);
CREATE UNLOGGED TABLE secrets (id bigserial PRIMARY KEY, principal text, client uuid, secret text);
CREATE UNLOGGED TABLE ways (way text);
CREATE UNLOGGED TABLE codes (id bigserial PRIMARY KEY, device_code text, user_code text);
SELECT auth.register_client('cli', 'CLI') \g /dev/null
CREATE FUNCTION act(dice integer, n integer) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    who text := 'p' || n || '-agent@example.com';
    token given;
    r auth.auth_result;
BEGIN
    SELECT g.* INTO token FROM (SELECT * FROM given WHERE principal = who ORDER BY id DESC LIMIT 15) AS g ORDER BY random() LIMIT 1;
    IF dice BETWEEN 66 AND 79 OR dice BETWEEN 88 AND 90 THEN
        PERFORM set_config('pg_principal.token', token.access, true);
    END IF;
    CASE
        WHEN dice < 20 OR token.id IS NULL THEN r := auth.sign_in(who, 'Th1sIsAStrong!Pass');
        WHEN dice < 25 THEN r := auth.sign_in(who, 'wrong');
        WHEN dice < 53 THEN r := auth.refresh(token.refresh);
        WHEN dice < 60 THEN
            PERFORM set_config('pg_principal.token', a.token, true) FROM administrator a;
            IF dice = 59 THEN -- who is on the roster is not deleted
                PERFORM auth.remove_person(who);
            END IF;
            r := CASE dice
                WHEN 53 THEN auth.update_user(u.id, '{"password": "Th1sIsAStrong!Pass"}')
                WHEN 54 THEN auth.update_user(u.id, '{"password": "An0therStrong!Pass", "banDuration": "1s"}')
                WHEN 55 THEN auth.update_user(u.id, '{"role": "AUDITOR", "banDuration": "none"}')
                WHEN 56 THEN auth.update_user(u.id, '{"kind": "person"}') -- until provision adopts it
                WHEN 57 THEN auth.ban_user(u.id, '10 milliseconds')
                WHEN 58 THEN auth.unban_user(u.id)
                ELSE auth.delete_user(u.id) END FROM auth.users u WHERE u.email = who;
            ASSERT coalesce(r.status, 404) IN (200, 404) OR r.reason = 'account-held', r.reason;
            IF dice = 59 THEN
                PERFORM auth.push_people(jsonb_build_array(jsonb_build_object('email', who, 'name', 'Agent', 'kind', 'service_account')));
            END IF;
        WHEN dice < 63 THEN PERFORM auth.ban(who, '10 milliseconds');
        WHEN dice < 66 THEN PERFORM auth.unban(who);
        WHEN dice < 68 THEN r := auth.change_password('Th1sIsAStrong!Pass', 'An0therStrong!Pass');
        WHEN dice < 70 THEN r := auth.change_password('An0therStrong!Pass', 'Th1sIsAStrong!Pass');
        WHEN dice < 80 THEN r := auth.sign_out((ARRAY['local', 'others', 'global'])[1 + dice % 3]);
        WHEN dice < 83 THEN PERFORM auth.set_password(who, 'Th1sIsAStrong!Pass');
        WHEN dice < 86 THEN
            PERFORM auth.revoke_session(s.id)
            FROM (SELECT l.id FROM auth.list_sessions(who) AS l WHERE l.state = 'live' ORDER BY random() LIMIT 1) AS s;
        WHEN dice < 88 THEN INSERT INTO given (principal, access, refresh) VALUES (who, auth.issue(who, '1h'), 'none');
        WHEN dice < 91 THEN r := auth.update_profile(jsonb_build_object('firstName', random()::text));
        WHEN dice < 95 THEN PERFORM auth.scan_agent_health();
        WHEN dice < 96 THEN PERFORM auth.audit_seal();
        WHEN dice < 97 THEN PERFORM auth.audit_prune('2 seconds');
        WHEN dice < 98 THEN PERFORM auth.prune_sessions('1 second');
        ELSE
            IF dice = 98 THEN -- bans, and restores
                PERFORM auth.remove_person(who);
                PERFORM auth.provision();
                PERFORM auth.push_people(jsonb_build_array(jsonb_build_object('email', who, 'name', 'Agent', 'kind', 'service_account')));
            END IF;
            PERFORM auth.provision();
    END CASE;
    IF r.payload ? 'tokens' THEN
        INSERT INTO given (principal, access, refresh)
        VALUES (who, r.payload->'tokens'->>'accessToken', r.payload->'tokens'->>'refreshToken');
    END IF;
    RETURN r.reason;
EXCEPTION WHEN invalid_authorization_specification OR object_not_in_prerequisite_state OR undefined_object THEN
    RETURN 'dead'; -- the token, or the principal is banned
END
$$;
-- The same for OAuth: clients, tokens of theirs, grants of people, tokens got by them, device codes.
CREATE FUNCTION act_oauth(dice integer, n integer) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    agent text := 'p' || n || '-agent@example.com';
    person text := 'h' || n % 2 || '@example.com';
    exchange constant jsonb := '{"grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt", "actor_token_type": "urn:ietf:params:oauth:token-type:jwt"}';
    agents given := (SELECT g FROM (SELECT * FROM given WHERE principal = agent ORDER BY id DESC LIMIT 3) AS g ORDER BY random() LIMIT 1);
    persons given := (SELECT g FROM (SELECT * FROM given WHERE principal = person ORDER BY id DESC LIMIT 3) AS g ORDER BY random() LIMIT 1);
    held secrets := (SELECT s FROM (SELECT * FROM secrets WHERE principal = agent ORDER BY id DESC LIMIT 2) AS s ORDER BY random() LIMIT 1);
    code codes := (SELECT c FROM (SELECT * FROM codes ORDER BY id DESC LIMIT 5) AS c ORDER BY random() LIMIT 1);
    r auth.auth_result;
BEGIN
    IF dice BETWEEN 45 AND 69 THEN
        PERFORM set_config('pg_principal.token', persons.access, true);
    END IF;
    CASE
        WHEN dice < 6 OR held.id IS NULL THEN
            INSERT INTO secrets (principal, client, secret) SELECT agent, c.client_id, c.secret FROM auth.create_client_secret(agent, '1h') AS c;
        WHEN dice < 9 THEN
            PERFORM auth.revoke_client_secret(s.secret_id)
            FROM (SELECT l.secret_id FROM auth.list_client_secrets(agent) AS l ORDER BY random() LIMIT 1) AS s;
        WHEN dice < 11 THEN PERFORM auth.set_client_scopes(agent, (ARRAY['{read}', '{read,write}'])[1 + dice % 2]::text[]);
        WHEN dice < 25 THEN r := auth.oauth_token('{"grant_type": "client_credentials"}', held.client::text, held.secret);
        WHEN dice < 30 OR persons.id IS NULL THEN
            r := auth.sign_in(person, 'Th1sIsAStrong!Pass');
            INSERT INTO given (principal, access, refresh)
            VALUES (person, coalesce(r.payload->'tokens'->>'accessToken', auth.issue(person, '1h')), 'none');
        WHEN dice < 32 THEN r := auth.oauth_introspect(jsonb_build_object('token', agents.access), held.client::text, held.secret);
        WHEN dice < 34 THEN r := auth.oauth_revoke(jsonb_build_object('token', agents.access), held.client::text, held.secret);
        WHEN dice < 36 THEN PERFORM auth.delegate(person, agent, '1h', '{read}');
        WHEN dice < 38 THEN
            PERFORM auth.ban(person, '10 milliseconds');
        WHEN dice < 40 THEN PERFORM auth.unban(person);
        WHEN dice < 42 THEN
            INSERT INTO codes (device_code, user_code) SELECT d.payload->>'device_code', d.payload->>'user_code'
            FROM auth.oauth_device_authorization('{"client_id": "cli"}') AS d;
            UPDATE auth.device_codes d SET poll_interval = 0 WHERE d.created_at > statement_timestamp() AND d.poll_interval > 0; -- nobody waits here
        WHEN dice < 45 THEN
            r := auth.oauth_token(jsonb_build_object('grant_type', 'urn:ietf:params:oauth:grant-type:device_code',
                'client_id', 'cli', 'device_code', code.device_code));
        WHEN dice < 48 THEN r := auth.decide_device(code.user_code, dice <> 47);
        WHEN dice < 54 THEN r := auth.delegate_to(agent, '1h', '{read}');
        WHEN dice < 58 THEN
            r := auth.revoke_delegation(d.id)
            FROM (SELECT l.id FROM auth.list_delegations(person) AS l ORDER BY random() LIMIT 1) AS d;
        WHEN dice < 61 THEN
            r := auth.issue_may_act(agent, '1h');
            INSERT INTO given (principal, access, refresh) SELECT person, r.payload->>'token', 'none' WHERE r.payload ? 'token';
        WHEN dice < 64 THEN r := auth.sign_out((ARRAY['local', 'others', 'global'])[1 + dice % 3]);
        WHEN dice < 66 THEN r := auth.update_profile(jsonb_build_object('firstName', random()::text));
        WHEN dice < 70 THEN PERFORM auth.revoke_session(s.id)
            FROM (SELECT l.id FROM auth.list_sessions(person) AS l WHERE l.state = 'live' ORDER BY random() LIMIT 1) AS s;
        ELSE
            r := auth.oauth_token(exchange || jsonb_build_object('subject_token', persons.access, 'actor_token', agents.access));
            INSERT INTO given (principal, access, refresh) -- and may be exchanged again by the next
            SELECT person, r.payload->>'access_token', 'none' WHERE dice < 80 AND r.payload ? 'access_token';
    END CASE;
    INSERT INTO ways SELECT CASE WHEN dice < 25 THEN 'client' WHEN dice < 45 THEN 'device' ELSE 'exchange' END
    WHERE r.payload ? 'access_token';
    ASSERT r.status IS NULL OR r.status < 500, r.payload;
    RETURN coalesce(r.reason, r.status::text);
EXCEPTION WHEN invalid_authorization_specification OR object_not_in_prerequisite_state OR undefined_object
    OR lock_not_available OR invalid_parameter_value THEN -- for a moment an agent may be a person
    RETURN SQLSTATE;
END
$$;
SQL
printf '%s\n' '\set dice random(0, 99)' '\set n random(0, 2)' 'SELECT act(:dice, :n);' >"$dir/script"
sed 's/act(/act_oauth(/' "$dir/script" >"$dir/oauth"
"$PG_BIN/pgbench" -n -c 12 -j 2 -T "${LIMIT:-15}" -f "$dir/script@3" -f "$dir/oauth@2" >"$dir/pgbench.log" 2>&1
sql() { psql -XqAt -v ON_ERROR_STOP=1 -c "$1" 2>&1; }
like "they did a lot" "$(sed -n 's/^number of transactions actually processed: //p' "$dir/pgbench.log")" '^[0-9]{4,}$'
is "nobody failed" "$(grep -aE 'ERROR|FATAL|PANIC' "$dir/log" | grep -v 'canceling autovacuum task' | sed 's/.*\(ERROR\|FATAL\|PANIC\)/\1/' | sort | uniq -c)" ""
is "tokens were got in each way" "$(sql "SELECT string_agg(DISTINCT way, ' ' ORDER BY way) FROM ways WHERE way <> 'device'")" "client exchange"
is "every chain holds" "$(sql "SELECT * FROM auth.audit_verify()")" ""
is "each refusal of an agent is an incident" "$(sql "SELECT count(*) FROM auth.incidents WHERE kind = 'refresh_failure'")" \
    "$(sql "SELECT sum(value) FROM auth.read_metrics() WHERE name = 'auth.refresh.failures' AND label <> 'verification-failed'")"
is "reported as often as scans say" "$(sql "SELECT count(*) FROM auth.incidents WHERE kind = 'refresh_failure' AND detected_at IS NOT NULL")" \
    "$(sql "SELECT sum(value) FROM auth.read_metrics() WHERE name = 'agent.refresh.failures'")"
is "the rest by the next" "$(sql "SELECT count(*) FROM auth.incidents WHERE kind = 'refresh_failure' AND detected_at IS NULL")" \
    "$(sql "SELECT count(*) FROM auth.scan_agent_health() WHERE kind = 'refresh_failure'")"
is "signed-in sessions and refresh tokens belong together" "$(sql "SELECT count(*) FROM auth.refresh_tokens r
    LEFT JOIN auth.sessions s ON s.id = r.session_id AND s.origin = 'sign_in' WHERE s.id IS NULL OR s.revoked_as = 'signed_out'")" 0
cluster_stop "$dir" fast
