\getenv here PG_ABS_SRCDIR
\set setup :here /sql/include/setup.sql
\set teardown :here /sql/include/teardown.sql
\i :setup
-- Whatever is asked for: no token holds more scopes or life than each of what it came from.
SET client_min_messages = warning;
SELECT auth.push_people('[{"email": "sub-agent@example.com", "name": "Sub", "kind": "service_account"}]') AS pushed \gset
SELECT created FROM auth.provision() \gset
RESET client_min_messages;
CREATE FUNCTION pg_temp.some() RETURNS text[] LANGUAGE sql VOLATILE AS $$ SELECT ARRAY(SELECT s FROM unnest('{a,b,c,d}'::text[]) AS s WHERE random() < 0.6) $$;
CREATE FUNCTION pg_temp.claims(token text) RETURNS jsonb LANGUAGE sql AS $$
    SELECT convert_from(decode(rpad(translate(split_part(token, '.', 2), '-_', '+/'), 4 * ((length(split_part(token, '.', 2)) + 3) / 4), '='), 'base64'), 'UTF8')::jsonb $$;
CREATE FUNCTION pg_temp.scopes(token text) RETURNS text[] LANGUAGE sql AS $$ SELECT coalesce(string_to_array(pg_temp.claims(token)->>'scope', ' '), '{}') $$;
CREATE FUNCTION pg_temp.ends(token text) RETURNS bigint LANGUAGE sql AS $$ SELECT (pg_temp.claims(token)->>'exp')::bigint $$;
CREATE FUNCTION pg_temp.exchange(subject text, actor text, scope text) RETURNS auth.auth_result LANGUAGE sql AS $$
    SELECT auth.oauth_token(jsonb_strip_nulls(jsonb_build_object('grant_type', 'urn:ietf:params:oauth:grant-type:token-exchange', 'subject_token', subject, 'subject_token_type', 'urn:ietf:params:oauth:token-type:jwt',
        'actor_token', actor, 'actor_token_type', 'urn:ietf:params:oauth:token-type:jwt', 'scope', nullif(scope, '')))) $$;
CREATE TABLE outcomes (kind text, good boolean, scopes int);
DO $$
DECLARE
    kind text;
    may text[];
    theirs text[];
    persons text[];
    asked text;
    result auth.auth_result;
    secret record;
    agent text;
    person text;
    ends bigint;
    last text;
BEGIN
    PERFORM setseed(0.17);
    FOR n IN 1 .. 120 LOOP
        may := pg_temp.some();
        theirs := pg_temp.some();
        persons := pg_temp.some();
        asked := array_to_string(pg_temp.some(), ' ');
        kind := (ARRAY['secret', 'exchange', 'chain'])[1 + floor(random() * 3)];
        IF kind = 'secret' THEN
            PERFORM auth.set_client_scopes('kata-agent-team@example.com', may);
            DELETE FROM auth.client_secrets;
            secret := auth.create_client_secret('kata-agent-team@example.com', '1h');
            UPDATE auth.client_secrets SET expires_at = clock_timestamp() + random() * interval '1200 seconds';
            result := auth.oauth_token(jsonb_strip_nulls(jsonb_build_object('grant_type', 'client_credentials', 'scope', nullif(asked, ''))), secret.client_id::text, secret.secret);
            ends := (SELECT extract(epoch FROM expires_at) FROM auth.client_secrets);
        ELSE
            agent := auth.issue('kata-agent-team@example.com', '1h', NULL, theirs);
            person := auth.issue('ann@example.com', '1h', NULL, persons);
            PERFORM auth.delegate('ann@example.com', 'kata-agent-team@example.com', '1h', may);
            UPDATE auth.delegations SET expires_at = clock_timestamp() + random() * interval '1200 seconds';
            UPDATE auth.sessions SET expires_at = clock_timestamp() + random() * interval '1200 seconds' WHERE id = (pg_temp.claims(agent)->>'session_id')::uuid;
            ends := least(pg_temp.ends(agent), pg_temp.ends(person), (SELECT extract(epoch FROM d.expires_at) FROM auth.delegations d),
                (SELECT extract(epoch FROM s.expires_at) FROM auth.sessions s WHERE s.id = (pg_temp.claims(agent)->>'session_id')::uuid));
            result := pg_temp.exchange(person, agent, CASE kind WHEN 'exchange' THEN asked END);
            may := ARRAY(SELECT unnest(may) INTERSECT SELECT unnest(theirs) INTERSECT SELECT unnest(persons));
            IF kind = 'chain' AND result.ok THEN
                last := result.payload->>'access_token';
                ends := least(ends, pg_temp.ends(last));
                theirs := pg_temp.some();
                PERFORM auth.delegate('ann@example.com', 'sub-agent@example.com', '1h', '{a,b,c}');
                result := pg_temp.exchange(last, auth.issue('sub-agent@example.com', '1h', NULL, theirs), asked);
                may := ARRAY(SELECT unnest(may) INTERSECT SELECT unnest(theirs) INTERSECT SELECT unnest('{a,b,c}'::text[]));
            END IF;
            DELETE FROM auth.delegations;
        END IF;
        INSERT INTO outcomes SELECT kind, CASE WHEN result.ok THEN t.scopes <@ may AND pg_temp.ends(t.token) <= ends
                AND (asked = '' OR t.scopes <@ string_to_array(asked, ' ')) ELSE true END, cardinality(t.scopes)
        FROM (SELECT result.payload->>'access_token' AS token, pg_temp.scopes(result.payload->>'access_token') AS scopes) AS t;
    END LOOP;
END $$;
SELECT kind, bool_and(good) AS good, count(*) > 20 AS enough, count(*) FILTER (WHERE scopes > 0) > 5 AS some_with_scopes FROM outcomes GROUP BY kind ORDER BY kind;
DROP TABLE outcomes;
\i :teardown
