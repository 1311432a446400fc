-- Signing in, refreshing, signing out: what each gives, whom each refuses, and what a refusal leaves behind.
\getenv here PG_ABS_SRCDIR
\set setup :here /sql/include/setup.sql
\set teardown :here /sql/include/teardown.sql
\i :setup
SET client_min_messages = warning;
CREATE FUNCTION public.regress_answer(r auth.auth_result) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' | ', r.status || CASE WHEN r.ok THEN ' ok' ELSE '' END, r.reason,
        r.payload->>'message',
        (SELECT string_agg(e->>'message', '; ' ORDER BY n)
            FROM jsonb_array_elements(r.payload->'errors') WITH ORDINALITY AS a (e, n)),
        (SELECT string_agg(k, ' ' ORDER BY k COLLATE "C") FROM jsonb_object_keys(r.payload) AS k
            WHERE k NOT IN ('message', 'errors'))) $$;
-- every token that is given out, to look for them later
CREATE TABLE public.regress_given (token text);
CREATE FUNCTION public.regress_tokens(r auth.auth_result, OUT status int, OUT access text,
    OUT refresh text) LANGUAGE plpgsql AS $$
BEGIN
    status := r.status;
    access := r.payload->'tokens'->>'accessToken';
    refresh := r.payload->'tokens'->>'refreshToken';
    INSERT INTO public.regress_given VALUES (access), (refresh);
END $$;
CREATE FUNCTION public.regress_bytes(token text) RETURNS bytea LANGUAGE sql AS $$
    SELECT decode(translate(substr(token, 5), '-_', '+/') || '=', 'base64') $$;
CREATE FUNCTION public.regress_text(bytes bytea) RETURNS text LANGUAGE sql AS $$
    SELECT 'ppr_' || rtrim(translate(encode(bytes, 'base64'), E'+/\n', '-_'), '=') $$;
-- the same token with one bit of one byte changed: 0 version, 1 session, 17 generation, 21 its HMAC, 33 secret
CREATE FUNCTION public.regress_altered(token text, n int) RETURNS text LANGUAGE sql AS $$
    SELECT regress_text(set_byte(regress_bytes(token), n, get_byte(regress_bytes(token),
    n) # 1)) $$;
CREATE FUNCTION public.regress_counters() RETURNS jsonb LANGUAGE sql AS $$
    SELECT coalesce(jsonb_object_agg(m.name || ' ' || m.label, m.value), '{}')
    FROM auth.read_metrics() AS m $$;
-- one refresh: the answer and what it left behind
CREATE FUNCTION public.regress_refresh(token text, OUT answer text, OUT audited text,
    OUT counted text, OUT incident text) LANGUAGE plpgsql AS $$
DECLARE
    before jsonb := regress_counters();
    entries bigint := (SELECT count(*) FROM auth.audit_log);
    incidents bigint := (SELECT count(*) FROM auth.incidents);
    result auth.auth_result;
BEGIN
    result := auth.refresh(token);
    answer := regress_answer(result);
    SELECT concat_ws(' ', coalesce(split_part(l.subject, '@', 1), 'nobody'), l.reason,
        l.changes->'refreshToken'->>'previous', l.changes->'refreshToken'->>'current', CASE
        WHEN l.changes->'refreshToken'->>'reason' = l.reason
        AND l.changes->'refreshToken'->'metadata' = l.metadata
        AND l.actor_id IS NULL THEN l.metadata - 'sessionId' ELSE l.changes END)
    INTO audited FROM auth.audit_log l WHERE (SELECT count(*) FROM auth.audit_log) = entries + 1
        ORDER BY l.created_at DESC LIMIT 1;
    SELECT string_agg(key || ' +' || (value::bigint - coalesce((before->>key)::bigint, 0)),
        ', ') INTO counted FROM jsonb_each_text(regress_counters()) WHERE value IS DISTINCT
        FROM before->>key;
    SELECT concat_ws(' ', split_part(i.email, '@', 1), i.kind, i.reason) INTO incident
        FROM auth.incidents i WHERE (SELECT count(*) FROM auth.incidents) = incidents + 1
        AND i.detected_at IS NULL ORDER BY i.created_at DESC LIMIT 1;
    INSERT INTO public.regress_given VALUES (result.payload->'tokens'->>'accessToken'),
        (result.payload->'tokens'->>'refreshToken');
END $$;
CREATE FUNCTION public.regress_alive(token text) RETURNS text LANGUAGE sql AS $$
    SELECT regress_try(format('SELECT auth.authenticate(%L)->>''email''', token)) $$;
SELECT auth.set_password(e || '@example.com', 'Th1sIsAStrong!Pass')
    FROM unnest(ARRAY['ann', 'boss', 'kata-agent-team']) AS e;
SELECT auth.issue('ann@example.com') AS ann,
    auth.issue('kata-agent-team@example.com') AS agent \gset
SELECT id AS ann_id FROM auth.users WHERE email = 'ann@example.com' \gset
RESET client_min_messages;

-- Signing in.
SELECT * FROM auth.sign_in(' ANN@example.com', 'Th1sIsAStrong!Pass',
    '{"ip": "192.0.2.1", "userAgent": "curl/8"}') \gset
SELECT :'ok' AS ok, :'status' AS status, :{?reason} AS reason, (SELECT string_agg(k, ' ' ORDER BY k)
    FROM jsonb_object_keys(:'payload') AS k) AS keys,
    (:'payload'::jsonb->'tokens') - '{accessToken,refreshToken}'::text[] AS tokens,
    :'payload'::jsonb->'user'->>'email' AS email;
SELECT * FROM regress_tokens(ROW(true, 200, NULL, :'payload')) \gset
SELECT regress_alive(:'access') AS access, regress_alive(:'refresh') AS refresh_is_no_access_token,
    :'refresh' ~ '^ppr_[-\w]{87}$' AS opaque;
SELECT c->>'role' AS role, c->>'sub' = :'ann_id' AS sub, c->'app_metadata' AS app_metadata,
    c->'amr'->0->>'method' AS amr, (c->>'exp')::int - (c->>'iat')::int AS lives,
    (c->'amr'->0->>'timestamp')::int - (c->>'iat')::int AS signed_in
    FROM auth.authenticate(:'access') AS c;
SELECT state, origin, ip, user_agent, expires_at - created_at AS lives, revoked_at
    FROM auth.list_sessions('ann@example.com') WHERE origin = 'sign_in';
SELECT changes, actor_email,
    metadata->>'sessionId' = auth.authenticate(:'access')->>'session_id' AS session, ip, user_agent
    FROM auth.audit_log WHERE user_id = :'ann_id' ORDER BY seq DESC LIMIT 1;
SELECT last_sign_in_at > now() - interval '1 minute' AS noted FROM auth.users WHERE id = :'ann_id';
-- shorter lives for the asking, never longer ones; the access token ends before the refresh token
SELECT n, t->'accessTokenExpiresIn' AS access, (t->>'refreshTokenExpiresIn')::bigint AS refresh
    FROM (VALUES (1, NULL::jsonb), (2, '{"accessTokenTtl": 60, "refreshTokenTtl": 3600}'),
    (3, '{"accessTokenTtl": 901, "refreshTokenTtl": 604801}'),
    (4, '{"accessTokenTtl": 0, "refreshTokenTtl": -1}'),
    (5, '{"accessTokenTtl": "60", "refreshTokenTtl": null}'),
    (6, '{"accessTokenTtl": 1.9, "refreshTokenTtl": 1e1000}'), (7, '{"refreshTokenTtl": 30}'),
    (8, '{"accessTokenTtl": 1, "refreshTokenTtl": 1}')) AS c (n, context),
        LATERAL (SELECT (auth.sign_in('ann@example.com', 'Th1sIsAStrong!Pass',
        context)).payload->'tokens') AS s (t) ORDER BY n;
SET pg_principal.access_token_ttl = '1h';
SET pg_principal.refresh_token_ttl = '30min';
SELECT payload->'tokens'->'accessTokenExpiresIn' AS access,
    payload->'tokens'->'refreshTokenExpiresIn' AS refresh
    FROM auth.sign_in('ann@example.com', 'Th1sIsAStrong!Pass');
RESET pg_principal.access_token_ttl;
RESET pg_principal.refresh_token_ttl;
SELECT regress_try(format('SELECT auth.sign_in(''ann@example.com'', ''x'', %L)', c))
    FROM unnest(ARRAY['[]', '"x"', 'null']) AS c;
-- refused, each in the same words
SELECT what, regress_answer(auth.sign_in(email, password))
    FROM (VALUES (1, 'wrong password', 'ann@example.com', 'Th1sIsAStrong!pass'),
    (2, 'unknown email', 'nobody@example.com', 'Th1sIsAStrong!Pass'),
    (3, 'no email', 'nonsense', 'x'), (4, 'NULL', NULL, NULL), (5, 'empty', '', ''),
    (6, 'NULL password', 'ann@example.com', NULL),
    (7, 'a hash', 'ann@example.com', (SELECT hash FROM auth.password_hashes
        WHERE user_id = :'ann_id')),
    (8, 'huge', 'boss@example.com', repeat('Th1sIsAStrong!Pass', 100000)),
    (9, 'huge email', repeat('x', 1000000), 'x')) AS t (n, what, email, password) ORDER BY n;
SELECT auth.ban('boss@example.com');
SELECT regress_answer(auth.sign_in('boss@example.com', 'wrong')) AS wrong,
    regress_answer(auth.sign_in('boss@example.com', 'Th1sIsAStrong!Pass')) AS "right";
SELECT last_sign_in_at IS NULL AS never FROM auth.users WHERE email = 'boss@example.com';
SELECT auth.unban('boss@example.com');
SELECT coalesce(split_part(subject, '@', 1), 'nobody') AS who, changes, reason, actor_id
    FROM auth.audit_log WHERE changes ? 'signIn' ORDER BY created_at, seq;
SELECT label, value FROM auth.read_metrics() WHERE name = 'auth.sign_in.failures'
    ORDER BY label COLLATE "C";
-- a token that is bound, dead or somebody else's, does not matter
SET pg_principal.token = 'x.y.z';
SELECT status FROM auth.sign_in('boss@example.com', 'Th1sIsAStrong!Pass');
SELECT status FROM auth.sign_in('boss@example.com', 'wrong');
SET pg_principal.token = :'ann';
SELECT status, access AS boss_access, refresh AS boss_refresh
    FROM regress_tokens(auth.sign_in('boss@example.com', 'Th1sIsAStrong!Pass')) \gset
SELECT :'status' AS status, auth.email() AS bound;
RESET pg_principal.token;
SELECT changes, actor_email FROM auth.audit_log WHERE subject = 'boss@example.com' ORDER BY seq DESC
    LIMIT 3;

-- The lock.
SET pg_principal.max_failed_sign_ins = 3;
CREATE FUNCTION public.regress_from(ip text,
    password text DEFAULT 'Th1sIsAStrong!Pass') RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', r.status, r.reason) FROM auth.sign_in('ann@example.com', password,
    jsonb_build_object('ip', ip)) AS r $$;
CREATE FUNCTION public.regress_attempts() RETURNS TABLE (source text, failures int, locks interval,
    known boolean) LANGUAGE sql AS $$
    SELECT a.source, a.failures, date_trunc('second', a.locked_until - a.last_failure_at +
        interval '0.5 s'), a.last_success_at IS NOT NULL FROM auth.sign_in_attempts a
        JOIN auth.users u ON u.id = a.user_id AND u.email = 'ann@example.com'
        ORDER BY a.source COLLATE "C" $$;
DELETE FROM auth.sign_in_attempts;
SELECT regress_from('192.0.2.1') AS home;
SELECT regress_from('198.51.100.' || n, 'wrong') AS stranger FROM generate_series(1, 2) AS n;
SELECT regress_from('198.51.100.9') AS not_yet, regress_from('198.51.100.9', 'wrong') AS known_now;
SELECT regress_from('203.0.113.' || n, 'wrong') AS stranger FROM generate_series(1, 3) AS n;
SELECT * FROM regress_attempts();
SELECT regress_from('203.0.113.4') AS "stranger with the password", regress_from('203.0.113.4',
    'wrong') AS stranger, regress_from(NULL) AS nowhere, regress_from('192.0.2.1') AS home;
-- trying does not make it longer; each lock after the first is twice as long, to a limit
SELECT * FROM regress_attempts();
UPDATE auth.sign_in_attempts SET locked_until = now() - interval '1 s' WHERE source = '';
SELECT regress_from('203.0.113.4', 'wrong') AS stranger;
SELECT * FROM regress_attempts() WHERE source = '';
UPDATE auth.sign_in_attempts SET locked_until = now() - interval '1 s', failures = 8
    WHERE source = '';
SELECT regress_from('203.0.113.4', 'wrong') AS stranger;
SELECT * FROM regress_attempts() WHERE source = '';
UPDATE auth.sign_in_attempts SET locked_until = now() - interval '1 s', failures = 2000000000
    WHERE source = '';
SELECT regress_from('203.0.113.4', 'wrong') AS stranger;
SELECT * FROM regress_attempts() WHERE source = '';
-- once it is over the right password gets in, and begins anew
UPDATE auth.sign_in_attempts SET locked_until = now() - interval '1 s' WHERE source = '';
SELECT regress_from('203.0.113.4') AS stranger;
SELECT * FROM regress_attempts();
-- failures of another day are forgotten
UPDATE auth.sign_in_attempts SET failures = 2, last_failure_at = now() - interval '25 hours'
    WHERE source = '';
SELECT regress_from('203.0.113.5', 'wrong') AS stranger;
SELECT * FROM regress_attempts() WHERE source = '';
-- a known address has a count and a lock of its own
SELECT regress_from('192.0.2.1', 'wrong') AS home FROM generate_series(1, 3);
SELECT regress_from('192.0.2.1') AS home, regress_from('198.51.100.9') AS other_home;
SELECT * FROM regress_attempts();
-- who sets the password lifts it, and forgets the addresses
SELECT auth.set_password('ann@example.com', 'Th1sIsAStrong!Pass');
SELECT * FROM regress_attempts();
SELECT regress_from('192.0.2.1') AS home;
-- IPv6: the network is the address; IPv4 in IPv6 is IPv4; what is no address is none
SELECT regress_from('2001:db8:1:2::1') AS home, regress_from('2001:db8:1:2:ffff:ffff:ffff:ffff',
    'wrong') AS same_network, regress_from('2001:DB8:1:3::1', 'wrong') AS other_network,
    regress_from('::ffff:192.0.2.1', 'wrong') AS mapped, regress_from('::ffff:192.0.2.2',
    'wrong') AS other_mapped;
SELECT * FROM regress_attempts();
SELECT regress_from(ip) FROM unnest(ARRAY['192.0.2.1/24', '192.0.2.256', 'fe80::1%eth0', '', 'home',
    ' 192.0.2.1', '010.0.0.1']) AS ip;
SELECT * FROM regress_attempts();
-- twenty addresses are remembered
INSERT INTO auth.sign_in_attempts (user_id, source, last_success_at) SELECT :'ann_id',
    '10.0.0.' || n, now() - interval '1 day' * n FROM generate_series(1, 30) AS n;
SELECT regress_from('10.0.1.1');
SELECT count(*) FILTER (WHERE source <> '') AS known, bool_or(source = '10.0.0.30') AS oldest,
    bool_or(source = '10.0.1.1') AS newest FROM auth.sign_in_attempts WHERE user_id = :'ann_id';
-- an email that nobody has is counted and locked alike, in few rows
DELETE FROM auth.sign_in_attempts;
SELECT concat_ws(' ', r.status, r.reason) AS unknown FROM generate_series(1, 4) AS n,
    auth.sign_in('nobody@example.com', n::text) AS r;
SELECT a.source, a.failures, a.locked_until IS NOT NULL AS locked, u.id AS principal
    FROM auth.sign_in_attempts a LEFT JOIN auth.users u ON u.id = a.user_id;
-- 0: nothing is counted
SET pg_principal.max_failed_sign_ins = 0;
SELECT regress_from('203.0.113.7', 'wrong') FROM generate_series(1, 4);
SELECT regress_from('203.0.113.7');
SELECT * FROM regress_attempts();
RESET pg_principal.max_failed_sign_ins;

-- Refreshing: a new pair each time, and the same one for who asks again at once.
SELECT access AS a1, refresh AS r1
    FROM regress_tokens(auth.sign_in('kata-agent-team@example.com', 'Th1sIsAStrong!Pass')) \gset
SELECT hash AS h1 FROM auth.refresh_tokens r JOIN auth.sessions s ON s.id = r.session_id
    WHERE s.id = (auth.authenticate(:'a1')->>'session_id')::uuid \gset
SELECT * FROM auth.refresh(:'r1') \gset
SELECT :'ok' AS ok, :'status' AS status, (SELECT string_agg(k, ' ' ORDER BY k)
    FROM jsonb_object_keys(:'payload') AS k) AS keys,
    (:'payload'::jsonb->'tokens') - '{accessToken,refreshToken}'::text[] AS tokens,
    :'payload'::jsonb->'user'->>'email' AS email;
SELECT access AS a2, refresh AS r2 FROM regress_tokens(ROW(true, 200, NULL, :'payload')) \gset
SELECT :'r1' <> :'r2' AS rotated, :'a1' <> :'a2' AS new_access, regress_alive(:'a1') AS old,
    regress_alive(:'a2') AS new, auth.authenticate(:'a1')->>'session_id' =
    auth.authenticate(:'a2')->>'session_id' AS same_session,
       auth.authenticate(:'a1')->'amr' = auth.authenticate(:'a2')->'amr' AS signed_in_then,
           auth.authenticate(:'a1')->>'jti' <> auth.authenticate(:'a2')->>'jti' AS jti;
SELECT access AS a2b, refresh = :'r2' AS same_successor, refresh = :'r1' AS same
    FROM regress_tokens(auth.refresh(:'r1', '{"accessTokenTtl": 10}')) \gset
SELECT :'same_successor' AS same_successor, :'same' AS same, regress_alive(:'a2b') AS access;
-- what is stored is a hash, of this token and of the one before
SELECT r.generation, r.previous_hash = :'h1' AS rotated,
    r.hash = (auth.read_refresh_token(:'r2')).hash AS hash,
    position(substr(regress_bytes(:'r2'), 34) IN r.hash || r.previous_hash) AS secret,
    octet_length(r.hash) AS bytes FROM auth.refresh_tokens r
    JOIN auth.sessions s ON s.id = r.session_id
    WHERE s.id = (auth.authenticate(:'a1')->>'session_id')::uuid;
-- its life begins anew, at most as long as the setting
SELECT payload->'tokens'->'refreshTokenExpiresIn' AS longer,
    payload->'tokens'->>'refreshToken' AS r3
    FROM auth.refresh(:'r2', '{"refreshTokenTtl": 10000000}') \gset
SELECT payload->'tokens'->'refreshTokenExpiresIn' AS shorter,
    payload->'tokens'->'accessTokenExpiresIn' AS access, payload->'tokens'->>'refreshToken' AS r4
    FROM auth.refresh(:'r3', '{"refreshTokenTtl": 60}') \gset
SELECT :longer AS longer, :shorter AS shorter, :access AS access;
INSERT INTO regress_given VALUES (:'r3'), (:'r4');
-- another's token, or a dead one, does not matter
SET pg_principal.token = 'x.y.z';
SELECT status, refresh AS r5 FROM regress_tokens(auth.refresh(:'r4')) \gset
RESET pg_principal.token;
SELECT :'status' AS status;

-- Refused. Each of the nine reasons, with its entry in the audit, its counter and, an agent's, its incident.
-- verification-failed: no refresh token at all
SELECT * FROM regress_refresh(NULL);
SELECT * FROM regress_refresh('');
SELECT * FROM regress_refresh(:'a1');
SELECT * FROM regress_refresh(repeat('ppr_', 100000));
SELECT * FROM regress_refresh(upper(:'r5'));
-- invalid-payload: ours by its look
SELECT * FROM regress_refresh('ppr_');
SELECT * FROM regress_refresh('ppr_AAAA');
SELECT * FROM regress_refresh(regress_altered(:'r5', 0));
SELECT * FROM regress_refresh(regress_text(regress_bytes(:'r5') || '\x00'));
SELECT * FROM regress_refresh(regress_text(overlay(regress_bytes(:'r5') PLACING '\x00000000'
    FROM 18 FOR 4)));
SELECT * FROM regress_refresh(regress_text(overlay(regress_bytes(:'r5') PLACING '\x80000001'
    FROM 18 FOR 4)));
-- verification-failed: a session that is not there
SELECT * FROM regress_refresh(regress_altered(:'r5', 1));
-- refresh-id-mismatch: an id that is not ours ends nothing
SELECT * FROM regress_refresh(regress_altered(:'r5', 21));
SELECT * FROM regress_refresh(regress_altered(:'r5', 32));
SELECT * FROM regress_refresh(regress_altered(:'r5', 20));
SELECT * FROM regress_refresh(regress_altered(:'r5', 17));
-- hash-mismatch: our id with another secret ends nothing
SELECT * FROM regress_refresh(regress_altered(:'r5', 33));
SELECT * FROM regress_refresh(regress_altered(:'r5', 64));
SELECT * FROM regress_refresh(regress_altered(:'r4', 64));
SELECT state FROM auth.list_sessions('kata-agent-team@example.com')
    WHERE id = (auth.authenticate(:'a1')->>'session_id')::uuid;
-- refresh-id-mismatch: a used token again ends its session, and no other
SELECT access AS b1, refresh AS s1
    FROM regress_tokens(auth.sign_in('kata-agent-team@example.com', 'Th1sIsAStrong!Pass')) \gset
SELECT access AS b2, refresh AS s2 FROM regress_tokens(auth.refresh(:'s1')) \gset
SET pg_principal.refresh_reuse_interval = 0;
SELECT * FROM regress_refresh(:'s1');
RESET pg_principal.refresh_reuse_interval;
SELECT regress_alive(:'b1') AS first, regress_alive(:'b2') AS second,
    regress_alive(:'a2') AS other_session;
SELECT state FROM auth.list_sessions('kata-agent-team@example.com') WHERE origin = 'sign_in'
    ORDER BY created_at DESC LIMIT 1;
-- token-invalidated: the whole family
SELECT * FROM regress_refresh(:'s2');
SELECT * FROM regress_refresh(:'s1');
SELECT * FROM regress_refresh(:'r5');
-- older than the one before: known by its id, though its hash is gone, also within the interval
SELECT access AS c1, refresh AS t1
    FROM regress_tokens(auth.sign_in('kata-agent-team@example.com', 'Th1sIsAStrong!Pass')) \gset
SELECT refresh AS t2 FROM regress_tokens(auth.refresh(:'t1')) \gset
SELECT refresh AS t3 FROM regress_tokens(auth.refresh(:'t2')) \gset
-- but nobody is a thief who came before the last exchange and had to wait
SELECT (auth.refresh(:'t1', '{"waitedMs": 60000}')).reason, regress_alive(:'c1');
SELECT * FROM regress_refresh(:'t1');
SELECT regress_alive(:'c1');
SELECT access AS c1, refresh AS t1
    FROM regress_tokens(auth.sign_in('kata-agent-team@example.com', 'Th1sIsAStrong!Pass')) \gset
SELECT refresh AS t2 FROM regress_tokens(auth.refresh(:'t1')) \gset
SELECT refresh AS t3 FROM regress_tokens(auth.refresh(:'t2')) \gset
SELECT (auth.refresh(:'t1', '{"waitedMs": "60000"}')).reason, regress_alive(:'c1');
-- an hour is a minute
SELECT access AS c1, refresh AS t1
    FROM regress_tokens(auth.sign_in('kata-agent-team@example.com', 'Th1sIsAStrong!Pass')) \gset
SELECT refresh AS t2 FROM regress_tokens(auth.refresh(:'t1')) \gset
SELECT refresh AS t3 FROM regress_tokens(auth.refresh(:'t2')) \gset
UPDATE auth.refresh_tokens SET created_at = clock_timestamp() - interval '2 min'
    WHERE session_id = (auth.authenticate(:'c1')->>'session_id')::uuid;
SELECT (auth.refresh(:'t1', '{"waitedMs": 3600000}')).reason, regress_alive(:'c1');
-- by the clock: a moment before the interval's end, and a moment after
SELECT access AS c1, refresh AS t1
    FROM regress_tokens(auth.sign_in('kata-agent-team@example.com', 'Th1sIsAStrong!Pass')) \gset
SELECT refresh AS t2 FROM regress_tokens(auth.refresh(:'t1')) \gset
UPDATE auth.refresh_tokens SET created_at = clock_timestamp() - interval '5 s'
    WHERE session_id = (auth.authenticate(:'c1')->>'session_id')::uuid;
SELECT answer FROM regress_refresh(:'t1');
UPDATE auth.refresh_tokens SET created_at = clock_timestamp() - interval '10 s'
    WHERE session_id = (auth.authenticate(:'c1')->>'session_id')::uuid;
SELECT answer FROM regress_refresh(:'t1');
-- token-invalidated: revoked; and banned once, though no longer
SELECT access AS c1, refresh AS t1
    FROM regress_tokens(auth.sign_in('kata-agent-team@example.com', 'Th1sIsAStrong!Pass')) \gset
SELECT auth.revoke_session((auth.authenticate(:'c1')->>'session_id')::uuid, 'lost');
SELECT * FROM regress_refresh(:'t1');
SELECT access AS c1, refresh AS t1
    FROM regress_tokens(auth.sign_in('kata-agent-team@example.com', 'Th1sIsAStrong!Pass')) \gset
SELECT auth.ban('kata-agent-team@example.com', '1 hour', 'a test');
-- banned
SELECT * FROM regress_refresh(:'t1');
SELECT auth.unban('kata-agent-team@example.com');
SELECT * FROM regress_refresh(:'t1');
SELECT regress_alive(:'c1');
-- missing-refresh-state: signed out
SELECT access AS c1, refresh AS t1
    FROM regress_tokens(auth.sign_in('kata-agent-team@example.com', 'Th1sIsAStrong!Pass')) \gset
SET pg_principal.token = :'c1';
SELECT regress_answer(auth.sign_out());
RESET pg_principal.token;
SELECT * FROM regress_refresh(:'t1');
-- expired
SELECT refresh AS t1
    FROM regress_tokens(auth.sign_in('kata-agent-team@example.com', 'Th1sIsAStrong!Pass',
    '{"refreshTokenTtl": 1}')) \gset
SELECT pg_sleep(1.1);
SELECT * FROM regress_refresh(:'t1');
SELECT state FROM auth.list_sessions('kata-agent-team@example.com') WHERE origin = 'sign_in'
    ORDER BY created_at DESC LIMIT 1;
-- password-rotated, by an operator
SELECT refresh AS t1
    FROM regress_tokens(auth.sign_in('kata-agent-team@example.com', 'Th1sIsAStrong!Pass')) \gset
SELECT auth.set_password('kata-agent-team@example.com', 'An0ther!Password');
SELECT * FROM regress_refresh(:'t1');
-- a person's is no incident; a principal that is gone is nobody
SELECT refresh AS t1
    FROM regress_tokens(auth.sign_in('ann@example.com', 'Th1sIsAStrong!Pass')) \gset
SELECT * FROM regress_refresh(regress_altered(:'t1', 64));
SELECT (auth.add_user('{"email": "gone@example.com", "password": "Th1sIsAStrong!Pass"}')).status AS added;
SELECT refresh AS t1
    FROM regress_tokens(auth.sign_in('gone@example.com', 'Th1sIsAStrong!Pass')) \gset
DELETE FROM auth.users WHERE email = 'gone@example.com';
SELECT * FROM regress_refresh(:'t1');
SELECT count(*) AS left_behind FROM auth.refresh_tokens r
    WHERE NOT EXISTS (SELECT FROM auth.sessions s WHERE s.id = r.session_id);
-- a token that was issued has no refresh token, whatever is made of its session
SELECT auth.issue('kata-agent-team@example.com') AS agent \gset
SELECT * FROM regress_refresh(regress_text(overlay(regress_bytes(:'t1') PLACING decode(replace(auth.authenticate(:'agent')->>'session_id',
    '-', ''), 'hex') FROM 2 FOR 16)));
SELECT regress_alive(:'agent');
-- all nine are in the audit
SELECT reason, count(*) FROM auth.audit_log WHERE changes ? 'refreshToken' GROUP BY reason
    ORDER BY reason COLLATE "C";
SELECT label, value FROM auth.read_metrics() WHERE name = 'auth.refresh.failures'
    ORDER BY label COLLATE "C";
SELECT reason, count(*) FROM auth.incidents GROUP BY reason ORDER BY reason COLLATE "C";

-- Signing out: this session, the others, all.
SELECT auth.set_password('ann@example.com', 'Th1sIsAStrong!Pass');
SELECT access AS a1, refresh AS r1
    FROM regress_tokens(auth.sign_in('ann@example.com', 'Th1sIsAStrong!Pass')) \gset
SELECT access AS a2, refresh AS r2
    FROM regress_tokens(auth.sign_in('ann@example.com', 'Th1sIsAStrong!Pass')) \gset
SELECT access AS a3, refresh AS r3
    FROM regress_tokens(auth.sign_in('ann@example.com', 'Th1sIsAStrong!Pass')) \gset
SELECT auth.issue('ann@example.com') AS issued \gset
CREATE FUNCTION public.regress_all(VARIADIC tokens text[]) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(CASE WHEN regress_alive(t) LIKE '28000%' THEN 'dead' ELSE 'live' END, ' '
    ORDER BY n) FROM unnest(tokens) WITH ORDINALITY AS u (t, n) $$;
SET pg_principal.token = :'a1';
SELECT regress_try('SELECT auth.sign_out(''all'')'), regress_try('SELECT auth.sign_out(NULL)'),
    regress_try('SELECT auth.sign_out(''local'', ''[]'')');
SELECT regress_answer(auth.sign_out('local', '{"ip": "192.0.2.1", "userAgent": "curl"}'));
SELECT regress_try('SELECT auth.sign_out()');
SELECT regress_all(:'a1', :'a2', :'a3', :'issued'), (auth.refresh(:'r1')).reason;
SET pg_principal.token = :'a2';
SELECT regress_answer(auth.sign_out('others'));
SELECT regress_answer(auth.sign_out('others')) AS once_more;
SELECT regress_all(:'a1', :'a2', :'a3', :'issued'), (auth.refresh(:'r3')).reason,
    (auth.refresh(:'r2')).status;
SELECT regress_answer(auth.sign_out('global'));
RESET pg_principal.token;
SELECT regress_all(:'a1', :'a2', :'a3', :'issued', :'boss_access'), (auth.refresh(:'r2')).reason;
SELECT changes, metadata - 'sessionId' AS metadata, actor_email, ip, user_agent FROM auth.audit_log
    WHERE changes->'session'->>'current' = 'signed out' AND subject = 'ann@example.com'
    ORDER BY seq;
SELECT state, count(*) FROM auth.list_sessions('ann@example.com') GROUP BY state
    ORDER BY state COLLATE "C";

-- Changing one's password.
SELECT access AS a1, refresh AS r1
    FROM regress_tokens(auth.sign_in('ann@example.com', 'Th1sIsAStrong!Pass')) \gset
SELECT access AS a2, refresh AS r2
    FROM regress_tokens(auth.sign_in('ann@example.com', 'Th1sIsAStrong!Pass')) \gset
SELECT auth.issue('ann@example.com') AS issued \gset
SET pg_principal.token = :'a1';
SELECT what, regress_answer(auth.change_password(old, new))
    FROM (VALUES (1, 'wrong', 'wrong', 'An0ther!Password'), (2, 'NULL', NULL, 'An0ther!Password'),
    (3, 'weak', 'Th1sIsAStrong!Pass', 'weak'), (4, 'NULL new', 'Th1sIsAStrong!Pass', NULL),
    (5, 'the same', 'Th1sIsAStrong!Pass', 'Th1sIsAStrong!Pass'),
    (6, 'both wrong', 'wrong', 'weak')) AS t (n, what, old, new) ORDER BY n;
SELECT regress_all(:'a1', :'a2', :'issued');
SELECT regress_answer(auth.change_password('Th1sIsAStrong!Pass', 'An0ther!Password',
    '{"ip": "192.0.2.1", "userAgent": "curl"}'));
RESET pg_principal.token;
SELECT regress_all(:'a1', :'a2', :'issued') AS "this, other, issued",
    (auth.refresh(:'r1')).reason AS this, (auth.refresh(:'r2')).reason AS other;
SELECT changes, actor_email, ip, user_agent FROM auth.audit_log WHERE user_id = :'ann_id'
    AND changes ? 'password' ORDER BY seq DESC LIMIT 1;
SELECT count(*) FILTER (WHERE expires_at BETWEEN now() + interval '14 minutes'
    AND now() + interval '16 minutes') AS ends_soon FROM auth.sessions WHERE user_id = :'ann_id'
    AND revoked_at IS NULL;
SELECT status FROM auth.sign_in('ann@example.com', 'Th1sIsAStrong!Pass');
SELECT status FROM auth.sign_in('ann@example.com', 'An0ther!Password');
-- with an issued token: that one lives on, as long as it was to
SELECT auth.issue('ann@example.com') AS issued \gset
SET pg_principal.token = :'issued';
SELECT regress_answer(auth.change_password('An0ther!Password', 'Th1sIsAStrong!Pass'));
RESET pg_principal.token;
SELECT regress_all(:'issued'), expires_at > now() + interval '364 days' AS long
    FROM auth.list_sessions('ann@example.com') WHERE state = 'live';
-- who holds a stolen token cannot guess the password by it
SET pg_principal.max_failed_sign_ins = 2;
DELETE FROM auth.sign_in_attempts;
SET pg_principal.token = :'issued';
SELECT regress_answer(auth.change_password('guess' || n, 'An0ther!Password'))
    FROM generate_series(1, 3) AS n;
SELECT regress_answer(auth.change_password('Th1sIsAStrong!Pass', 'An0ther!Password'));
RESET pg_principal.token;
SELECT regress_answer(auth.sign_in('ann@example.com', 'Th1sIsAStrong!Pass'));
-- nor by taking back what was counted: with a transaction, a savepoint, an error that is caught
DELETE FROM auth.sign_in_attempts;
SET pg_principal.max_failed_sign_ins = 3;
SET pg_principal.token = :'issued';
BEGIN;
SELECT regress_answer(auth.change_password('guess', 'An0ther!Password'));
ROLLBACK;
BEGIN;
SAVEPOINT outer_one;
SAVEPOINT inner_one;
SELECT regress_answer(auth.change_password('guess', 'An0ther!Password'));
RELEASE inner_one;
ROLLBACK TO outer_one;
COMMIT;
DO $$ BEGIN PERFORM auth.change_password('guess', 'An0ther!Password'); RAISE division_by_zero;
EXCEPTION WHEN division_by_zero THEN NULL; END $$;
SELECT regress_answer(auth.change_password('Th1sIsAStrong!Pass', 'An0ther!Password'));
RESET pg_principal.token;
SELECT * FROM regress_attempts();
SELECT failures, last_failure_at <= clock_timestamp() AS lately
    FROM auth.guesses_taken_back(:'ann_id', '');
SELECT regress_from(NULL) AS here, regress_from('192.0.2.1') AS elsewhere,
    (auth.guesses_taken_back(:'ann_id', 'local')).*;
-- somebody else is not locked; who sets the password lifts it
SELECT failures FROM auth.guesses_taken_back(gen_random_uuid(), '');
SELECT auth.set_password('ann@example.com', 'Th1sIsAStrong!Pass');
SELECT failures FROM auth.guesses_taken_back(:'ann_id', '');
SELECT auth.issue('ann@example.com') AS issued \gset
-- what is not taken back counts once, in the table; the right password forgets
SET pg_principal.token = :'issued';
BEGIN;
SELECT regress_answer(auth.change_password('guess', 'An0ther!Password'));
ROLLBACK;
BEGIN;
SAVEPOINT one;
SELECT regress_answer(auth.change_password('guess', 'An0ther!Password'));
RELEASE one;
COMMIT;
RESET pg_principal.token;
SELECT * FROM regress_attempts();
SELECT failures FROM auth.guesses_taken_back(:'ann_id', '');
SELECT regress_from(NULL);
SELECT failures FROM auth.guesses_taken_back(:'ann_id', '');
RESET pg_principal.max_failed_sign_ins;
-- who has none has none to change
UPDATE auth.users SET encrypted_password = NULL WHERE id = :'ann_id';
DELETE FROM auth.sign_in_attempts;
SET pg_principal.token = :'issued';
SELECT regress_answer(auth.change_password('', 'An0ther!Password')),
    regress_answer(auth.change_password(NULL, 'An0ther!Password'));
RESET pg_principal.token;
SELECT auth.set_password('ann@example.com', 'Th1sIsAStrong!Pass');

-- white space around an address is none of it, letters are (E'\\v' is a v)
SELECT (auth.add_user('{"email": "victor@example.dev", "password": "Th1sIsAStrong!Pass"}')).status;
SELECT n, (auth.sign_in(email, 'Th1sIsAStrong!Pass')).status FROM (VALUES (1, 'victor@example.dev'),
    (2, E' \t\r\n\f\x0bVictor@Example.dev\x0b\f\n\r\t '), (3, 'ictor@example.dev'),
    (4, 'victor@example.de')) AS t (n, email) ORDER BY n;
DELETE FROM auth.users WHERE email = 'victor@example.dev';
-- In one step with metadata, and the session goes on.
SELECT access AS a1, refresh AS r1
    FROM regress_tokens(auth.sign_in('ann@example.com', 'Th1sIsAStrong!Pass')) \gset
SELECT access AS a2, refresh AS r2
    FROM regress_tokens(auth.sign_in('ann@example.com', 'Th1sIsAStrong!Pass')) \gset
SELECT regress_answer(auth.update_account('{}'));
SET pg_principal.token = :'a1';
SELECT n, regress_answer(auth.update_account(changes)) FROM (VALUES (1, NULL::jsonb), (2, '[]'),
    (3, '{"password": "An0ther!Password"}'),
    (4, '{"password": "An0ther!Password", "currentPassword": "wrong", "userMetadata": {"kept": "not"}}'),
    (5, '{"password": "An0ther!Password", "currentPassword": 1}'), (6, '{"password": 1}'),
    (7, '{"password": "weak", "currentPassword": "Th1sIsAStrong!Pass"}'),
    (8, '{"password": "Th1sIsAStrong!Pass", "currentPassword": "Th1sIsAStrong!Pass"}'),
    (9, '{"email": "other@example.com"}'), (10, '{"role": "ADMIN", "appMetadata": {}}'),
    (11, '{"userMetadata": 1}')) AS t (n, changes) ORDER BY n;
SELECT status, payload->'user'->'userMetadata' AS metadata
    FROM auth.update_account('{"userMetadata": {"a": {"b": null}, "c": 1}, "password": null, "email": "ANN@example.com"}');
SELECT status, payload->'user'->'userMetadata' AS metadata
    FROM auth.update_account('{"userMetadata": {"c": null}, "password": "An0ther!Password", "currentPassword": "Th1sIsAStrong!Pass"}',
    '{"ip": "192.0.2.1"}');
RESET pg_principal.token;
SELECT regress_all(:'a1', :'a2') AS "this, other", (auth.refresh(:'r1')).reason AS this,
    (auth.refresh(:'r2')).reason AS other;
SELECT jsonb_object_keys(changes) AS changed, ip FROM auth.audit_log WHERE user_id = :'ann_id'
    AND changes ? 'password' ORDER BY seq DESC LIMIT 1;
-- without the current one, where that is enough
SET pg_principal.require_current_password = off;
SET pg_principal.token = :'a1';
SELECT n, regress_answer(auth.update_account(changes))
    FROM (VALUES (1, '{"password": "An0ther!Password"}'::jsonb),
    (2, '{"password": "Th1sIsAStrong!Pass", "currentPassword": "wrong"}')) AS t (n, changes)
    ORDER BY n;
SELECT status FROM auth.update_account('{"password": "Th1sIsAStrong!Pass"}');
SET pg_principal.require_current_password = on;
RESET pg_principal.token;
SELECT status FROM auth.sign_in('ann@example.com', 'Th1sIsAStrong!Pass');
SELECT mode, auth.registration_is_open() AS open
    FROM unnest('{bootstrap,open,off}'::text[]) AS mode,
    LATERAL (SELECT set_config('pg_principal.registration', mode, false)) AS s;
RESET pg_principal.registration;

-- Who may call what: the frontend's role and operators; tables of one's own change nothing.
CREATE FUNCTION public.regress_roles() RETURNS TABLE (sign_in text, sign_up text, refresh text,
    read_metrics text) LANGUAGE sql AS $$
    SELECT left(regress_try('SELECT status FROM auth.sign_in(''ann@example.com'', ''wrong'')'), 5),
        left(regress_try('SELECT status FROM auth.sign_up(''{}'')'), 5),
        left(regress_try('SELECT status FROM auth.refresh(''x'')'), 5),
        left(regress_try('SELECT count(*) > 0 FROM auth.read_metrics()'), 5) $$;
SET ROLE anon; SELECT 'anon' AS role, * FROM regress_roles(); RESET ROLE;
SET ROLE authenticated; SELECT 'authenticated' AS role, * FROM regress_roles(); RESET ROLE;
SET ROLE service_role; SELECT 'service_role' AS role, * FROM regress_roles(); RESET ROLE;
SET ROLE authenticator; SELECT 'authenticator' AS role, * FROM regress_roles(); RESET ROLE;
SET ROLE auth_operator; SELECT 'auth_operator' AS role, * FROM regress_roles(); RESET ROLE;
CREATE TEMP TABLE users AS SELECT * FROM auth.users WHERE email = 'ann@example.com';
UPDATE pg_temp.users
    SET encrypted_password = '$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW',
    app_role = 'ADMIN';
CREATE FUNCTION pg_temp.check_password(target uuid, password text, OUT ok boolean,
    OUT needs_upgrade boolean) LANGUAGE sql AS 'SELECT true, false';
GRANT SELECT ON pg_temp.users TO authenticator;
SET search_path = pg_temp, public;
SET ROLE authenticator;
SELECT status FROM auth.sign_in('ann@example.com', 'U*U');
SELECT payload->'user'->>'role' AS role FROM auth.sign_in('ann@example.com', 'Th1sIsAStrong!Pass');
RESET ROLE;
RESET search_path;
DISCARD TEMP;

-- No secret in what is written down: tokens, passwords, hashes.
CREATE FUNCTION public.regress_written() RETURNS SETOF text LANGUAGE sql AS $$
    SELECT l::text FROM auth.audit_log l UNION ALL SELECT i::text FROM auth.incidents i UNION ALL
        SELECT m::text FROM auth.metrics m UNION ALL SELECT s::text FROM auth.sessions s UNION ALL
        SELECT a::text FROM auth.sign_in_attempts a UNION ALL SELECT h::text
        FROM auth.audit_heads h $$;
SELECT count(*) > 40 AS many, count(DISTINCT left(token, 4)) AS kinds FROM regress_given;
SELECT count(*) AS tokens FROM regress_written() AS w, regress_given g
    WHERE position(g.token IN w) > 0 OR position(split_part(g.token, '.', 3) IN w) > 0
    AND g.token LIKE 'e%';
SELECT count(*) AS secrets FROM regress_written() AS w, regress_given g WHERE g.token LIKE 'ppr\_%'
    AND (position(encode(substr(regress_bytes(g.token), 34), 'hex') IN w) > 0
    OR position(right(g.token, 40) IN w) > 0);
SELECT count(*) AS passwords FROM regress_written() AS w
    WHERE w ~ 'Th1sIs|An0ther|wrong["\s]|guess\d';
SELECT count(*) AS hashes FROM regress_written() AS w WHERE w ~ 'argon2id\$|\$2[aby]\$'
    OR EXISTS (SELECT FROM auth.refresh_tokens r WHERE position(encode(r.hash, 'hex') IN w) > 0);
SELECT count(*) AS stored_tokens FROM auth.refresh_tokens r, regress_given g
    WHERE g.token LIKE 'ppr\_%' AND position(substr(regress_bytes(g.token), 34) IN r.hash
    || coalesce(r.previous_hash, '')) > 0;

-- Sessions that ended long ago go; a refresh after that is refused as unknown.
SELECT regress_try(format('SELECT auth.prune_sessions(%L)', i))
    FROM unnest(ARRAY['0', '-1 day', NULL]) AS i;
SELECT refresh AS t1 FROM regress_tokens(auth.sign_in('ann@example.com', 'Th1sIsAStrong!Pass',
    '{"refreshTokenTtl": 1}')) \gset
SELECT refresh AS t2
    FROM regress_tokens(auth.sign_in('ann@example.com', 'Th1sIsAStrong!Pass')) \gset
SELECT auth.prune_sessions();
SELECT pg_sleep(1.1);
SELECT auth.prune_sessions('1 ms') > 10 AS pruned;
SELECT (SELECT count(*) FROM auth.refresh_tokens) - (SELECT count(*) FROM auth.sessions
    WHERE origin = 'sign_in') AS left_behind;
SELECT (auth.refresh(:'t1')).reason, (auth.refresh(:'t2')).status;
SELECT state, count(*) FROM auth.list_sessions('ann@example.com') GROUP BY state;

-- The server key: under the master key, and moved there by sealing; without it, nothing is refreshed.
CREATE FUNCTION public.regress_file(content text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('COPY (SELECT %L) TO PROGRAM %L', content,
        'rm -rf regress_server_key; umask 077; cat > regress_server_key');
    PERFORM set_config('pg_principal.master_key_file', 'regress_server_key', false);
END $$;
\set one '1111111111111111111111111111111111111111111111111111111111111111'
SELECT name, sealed_under IS NOT NULL AS sealed, octet_length(material) AS bytes
    FROM auth.server_keys;
SELECT material AS clear FROM auth.server_keys \gset
SELECT refresh AS r1
    FROM regress_tokens(auth.sign_in('ann@example.com', 'Th1sIsAStrong!Pass')) \gset
SELECT regress_file(:'one');
SELECT auth.seal_signing_keys();
SELECT sealed_under = (SELECT min(sealed_under) FROM auth.signing_keys) AS sealed,
    position(:'clear'::bytea IN material) AS in_the_clear FROM auth.server_keys;
SELECT status, refresh AS r2 FROM regress_tokens(auth.refresh(:'r1')) \gset
SELECT :'status' AS status;
SELECT regress_file(repeat('2', 64));
SELECT regexp_replace(regress_try(format('SELECT status FROM auth.refresh(%L)', :'r2')),
    '[-\w]{16,}', 'ID', 'g') AS wrong_master_key;
SET pg_principal.master_key_file = '';
SELECT left(regress_try(format('SELECT status FROM auth.refresh(%L)', :'r2')), 5) AS none,
    left(regress_try('SELECT status FROM auth.sign_in(''ann@example.com'', ''Th1sIsAStrong!Pass'')'),
    5) AS sign_in;
SELECT regress_file(:'one');
SELECT status, refresh AS r3 FROM regress_tokens(auth.refresh(:'r2')) \gset
SELECT :'status' AS status;
-- lost: refused until a sign-in makes another, and what the old one made is not ours
DELETE FROM auth.server_keys;
SELECT (auth.refresh(:'r3')).reason;
SELECT status, refresh AS r4
    FROM regress_tokens(auth.sign_in('ann@example.com', 'Th1sIsAStrong!Pass')) \gset
SELECT sealed_under IS NOT NULL AS sealed FROM auth.server_keys;
SELECT (auth.refresh(:'r3')).reason, (auth.refresh(:'r4')).status;
-- sealed for its name alone
UPDATE auth.server_keys SET material = set_byte(material, octet_length(material) - 1,
    255 - get_byte(material, octet_length(material) - 1));
SELECT left(regress_try(format('SELECT status FROM auth.refresh(%L)', :'r4')), 5) AS altered;
COPY (SELECT '') TO PROGRAM 'rm -rf regress_server_key; cat > /dev/null';
RESET pg_principal.master_key_file;
SELECT * FROM auth.audit_verify();

-- what no session can be, whoever writes it
SELECT n, regress_try(format('INSERT INTO auth.sessions (user_id, expires_at, role, origin, label, revoked_as, agents, agent_generations) SELECT gen_random_uuid(), now(), %s RETURNING revoke_reason IS NULL',
    columns)) AS outcome
FROM (VALUES (1, $$'authenticated', 'issued', repeat('x', 255), 'reuse', '{}', '{}'$$),
    (2, $$'anon', 'issued', NULL, NULL, NULL, NULL$$), (3, $$'admin', 'issued', NULL, NULL, NULL,
    NULL$$),
    (5, $$'authenticated', 'oauth2', NULL, NULL, NULL, NULL$$),
    (6, $$'authenticated', 'oauth', repeat('x', 256), NULL, NULL, NULL$$),
    (7, $$'authenticated', 'oauth', NULL, 'gone', NULL, NULL$$),
    (8, $$'authenticated', 'oauth', NULL, NULL, ARRAY[gen_random_uuid()], '{}'$$),
    (9, $$'authenticated', 'oauth', NULL, NULL, '{}', NULL$$),
    (10, $$'authenticated', 'oauth', NULL, NULL, ARRAY[gen_random_uuid()], '{1}'$$)) AS t (n,
        columns) ORDER BY n;
SELECT regress_try('INSERT INTO auth.sessions (expires_at) VALUES (now()) RETURNING id') AS nobodys,
    regress_try('UPDATE auth.sessions SET role = ''anon'' RETURNING id') AS changed;

SET client_min_messages = warning;
DROP TABLE public.regress_given;
DROP FUNCTION public.regress_answer(auth.auth_result), public.regress_tokens(auth.auth_result),
    public.regress_bytes(text), public.regress_text(bytea), public.regress_altered(text, int),
    public.regress_counters(), public.regress_refresh(text), public.regress_alive(text),
    public.regress_from(text, text), public.regress_attempts(), public.regress_all(text[]),
        public.regress_roles(), public.regress_written(), public.regress_file(text);
\i :teardown
