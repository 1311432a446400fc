#!/bin/bash
# Accounts, sessions, refresh tokens, audit chains, seals, incidents and counters in a dump: restored
# into a fresh cluster everything goes on from where it was, and nothing happens a second time.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/harness/cluster.sh
. tests/harness/cluster.sh
# shellcheck source=tests/harness/tap.sh
. tests/harness/tap.sh

dir=$work/before
settings=(pg_principal.lockout_duration=3600 fsync=off shared_preload_libraries=pg_principal pg_principal.refresh_reuse_interval=3600)
cluster_create "$dir" "${settings[@]}" || exit 1
cluster_start "$dir" || exit 1

sql() { # DATABASE STATEMENT..: the last one's answer, or the error
    local database=$1 statements=()
    shift
    for statement in "$@"; do statements+=(-c "$statement"); done
    psql -XqAt -F ' ' -v ON_ERROR_STOP=1 -d "$database" "${statements[@]}" 2>&1
}
password='Th1sIsAStrong!Pass'
sign_in() { # DATABASE EMAIL [CONTEXT]: access and refresh token, or the reason
    sql "$1" "SELECT coalesce(r.reason, concat_ws(' ', r.payload->'tokens'->>'accessToken', r.payload->'tokens'->>'refreshToken'))
        FROM auth.sign_in('$2', '$password', '${3:-{\}}') AS r"
}
refresh() { sql "$1" "SELECT coalesce(r.reason, r.payload->'tokens'->>'refreshToken') FROM auth.refresh('$2') AS r"; }
who() { sql "$1" "SELECT auth.authenticate('$2')->>'email'" | sed -n '/^DETAIL:  /{s///;p;q};/^ERROR/b;p'; }

createdb before
sql before "CREATE EXTENSION pg_principal" "SELECT auth.create_signing_key('ES256')" \
    "SELECT auth.add_user(jsonb_build_object('email', e, 'password', '$password', 'kind', 'service_account', 'firstName', 'Zoë', 'role', r, 'userMetadata', jsonb_build_object('n', 1.50)))
     FROM (VALUES ('etl@example.com', 'ANALYST'), ('locked@example.com', 'READ_ONLY'), ('boss@example.com', 'ADMIN')) AS u (e, r)" \
    "SELECT auth.push_people('[{\"email\": \"leaver@example.com\", \"name\": \"Leaver\"}]')" "SELECT auth.provision()" "SELECT auth.remove_person('leaver@example.com')" \
    "SELECT auth.import_users('[{\"email\": \"old@example.com\", \"encrypted_password\": \"\$2a\$04\$abcdefghijklmnopqrstuuK0bPqF0dEFLCbGgGeCzcLGhbV1PqFm2\"}]')" >/dev/null
read -r access refresh < <(sign_in before etl@example.com '{"ip": "192.0.2.7", "userAgent": "dump"}')
second=$(refresh before "$refresh")
third=$(refresh before "$second")
read -r _ revoked < <(sign_in before etl@example.com)
sql before "SELECT auth.revoke_session(id, 'lost') FROM auth.list_sessions('etl@example.com') ORDER BY created_at DESC LIMIT 1" >/dev/null
read -r reused_access reused < <(sign_in before etl@example.com)
refresh before "$(refresh before "$(refresh before "$reused")")" >/dev/null
reason=$(refresh before "$reused")
is "before: a stolen token ended its session" "$reason $(who before "$reused_access")" "refresh-id-mismatch session revoked"
for _ in 1 2 3 4 5; do sql before "SELECT auth.sign_in('locked@example.com', 'wrong', '{\"ip\": \"192.0.2.9\"}')" >/dev/null; done
sql before "SELECT auth.scan_agent_health()" "SELECT auth.set_app_role(id, 'AUDITOR') FROM auth.users" "SELECT auth.ban('boss@example.com', '3 days', 'leaked')" >/dev/null
seal=$(sql before "SELECT auth.audit_seal()")
is "before: refused, and not reported yet" "$(refresh before "${third::-6}AAAAAA") $(refresh before "$revoked")" "hash-mismatch token-invalidated"
secret=$(sql before "SELECT client_id, secret FROM auth.create_client_secret('etl@example.com')")
sql before "SELECT auth.set_client_scopes('etl@example.com', '{read}')" >/dev/null
client_token() { # DATABASE: with the secret of before
    sql "$1" "SELECT coalesce(r.reason, r.payload->>'access_token') FROM auth.oauth_token('{\"grant_type\": \"client_credentials\"}', '${secret% *}', '${secret#* }') AS r"
}
client_access=$(client_token before)
jwk=$(sql before "SELECT auth.generate_jwk('ES256')")
sql before "SELECT auth.register_client_keys('etl@example.com', jsonb_build_object('keys', jsonb_build_array('$jwk'::jsonb)))" \
    "SELECT auth.trust_issuer('https://issuer', '{us}', jsonb_build_object('keys', jsonb_build_array(auth.public_jwk('$jwk'))))" \
    "SELECT auth.delegate('old@example.com', 'etl@example.com')" \
    "SELECT auth.register_client('psql')" "SET pg_principal.issuer = 'https://id.example.com'" "SELECT (auth.oauth_device_authorization('{\"client_id\": \"psql\"}')).status" "RESET pg_principal.issuer" \
    "SELECT auth.map_claims('https://issuer', 'etl@example.com', '{\"job\": \"1\"}')" >/dev/null
assertion=$(sql before "SELECT auth.jwt_sign(jsonb_build_object('iss', 'https://issuer', 'sub', 'x', 'aud', 'us', 'job', '1', 'jti', 'a', 'exp', floor(extract(epoch FROM now())) + 3000), '$jwk')")
exchange() { # DATABASE: the token of an issuer, which is good once
    sql "$1" "SELECT coalesce(r.reason, 'exchanged') FROM auth.oauth_token(jsonb_build_object('grant_type', 'urn:ietf:params:oauth:grant-type:jwt-bearer', 'assertion', '$assertion')) AS r"
}
is "before: an issuer's token is exchanged" "$(exchange before)" exchanged
sql before "SELECT auth.allow_login('authenticated', kind => 'service_account')" "SELECT auth.audit_prune('1 microsecond', 2)" "SELECT auth.audit_seal()" >/dev/null
is "before: every chain holds" "$(sql before "SELECT * FROM auth.audit_verify('$seal')")" ""
# as what is decided while somebody holds the rows leaves it
sql before "INSERT INTO auth.decisions (user_id, role_before, app_role) SELECT u.id, u.app_role, 'AUDITOR' FROM auth.users u WHERE u.email = 'etl@example.com'" \
    "INSERT INTO auth.ended_sessions (session_id, revoked_at, revoked_as) VALUES (gen_random_uuid(), now(), 'revoked')" \
    "INSERT INTO auth.ended_grants (grant_id) VALUES (gen_random_uuid())" \
    "INSERT INTO auth.audit_unlinked (user_id, created_at, changes) SELECT u.id, now(), '{}' FROM auth.users u WHERE u.email = 'etl@example.com'" >/dev/null

tables='users password_hashes sessions refresh_tokens server_keys signing_keys sign_in_attempts audit_log audit_heads audit_seals audit_sealed_heads audit_prunes incidents metrics roster_leavers login_roles clients client_secrets client_keys used_assertions trusted_issuers issuer_rules delegations public_clients device_codes decisions ended_grants ended_sessions audit_unlinked'
everything() { # DATABASE: every row of every table
    local table
    for table in $tables; do
        echo "$table: $(sql "$1" "SELECT count(*) FROM auth.$table")"
        sql "$1" "SELECT t FROM auth.$table t ORDER BY t::text COLLATE \"C\""
    done
}
everything before >"$dir/everything"
is "nothing is empty" "$(grep -c ': 0$' "$dir/everything")" 0
is "every table that holds something is told" "$(sql before "SELECT count(*) FROM pg_extension e, unnest(e.extconfig) WHERE e.extname = 'pg_principal'")" "$(($(wc -w <<<"$tables") + 1))"
if pg_dump -d before -f "$dir/plain.sql" 2>"$dir/dump.err" && pg_dump -Fd -j 4 -d before -f "$dir/directory" 2>>"$dir/dump.err"; then
    echo "ok - dumped, plain and in parallel"
else
    echo "not ok - dumped, plain and in parallel"
    sed 's/^/    /' "$dir/dump.err"
fi
is "no password, no token in the dump" "$(grep -cF -e "$password" -e "$refresh" -e "$third" -e "$access" -e "${secret#* }" -e "$client_access" "$dir/plain.sql")" 0
chmod -R a+rX "$dir/plain.sql" "$dir/directory"
cluster_stop "$dir" fast

fresh=$work/after
cluster_create "$fresh" "${settings[@]}" || exit 1
cluster_start "$fresh" || exit 1
check() { # DATABASE
    local db=$1 next
    is "$db: row for row the same" "$(everything "$db" | diff - "$dir/everything" | head -n 20)" ""
    is "$db: every chain holds, and the seal that was kept elsewhere" "$(sql "$db" "SELECT * FROM auth.audit_verify('$seal')")" ""
    is "$db: what was alive is alive" "$(who "$db" "$access")" etl@example.com
    is "$db: what was dead is dead" "$(who "$db" "$reused_access") $(refresh "$db" "$revoked") $(refresh "$db" "$reused")" "session revoked token-invalidated token-invalidated"
    is "$db: a retry gives the same successor" "$(refresh "$db" "$second")" "$third"
    next=$(refresh "$db" "$third")
    like "$db: the refresh token rotates" "$next" '^ppr_'
    is "$db: and again, from then on" "$(refresh "$db" "$third") $(refresh "$db" "$refresh")" "$next refresh-id-mismatch"
    is "$db: which ended the session" "$(who "$db" "$access")" "session revoked"
    is "$db: a lock holds" "$(sign_in "$db" locked@example.com '{"ip": "192.0.2.9"}')" locked
    is "$db: a ban holds" "$(sign_in "$db" boss@example.com)" banned
    like "$db: passwords are known" "$(sign_in "$db" etl@example.com)" '^eyJ'
    is "$db: a client's token is alive" "$(who "$db" "$client_access")" etl@example.com
    is "$db: an issuer's token was used before" "$(exchange "$db")" replayed-assertion
    like "$db: and its secret good for the next" "$(client_token "$db")" '^eyJ'
    is "$db: still one key for refresh tokens" "$(sql "$db" "SELECT count(*) FROM auth.server_keys")" 1
    is "$db: what had not been reported is, once" "$(sql "$db" "SELECT reason FROM auth.scan_agent_health() WHERE kind = 'refresh_failure' ORDER BY created_at" "SELECT count(*) FROM auth.scan_agent_health() WHERE kind = 'refresh_failure'")" \
        "hash-mismatch
token-invalidated
token-invalidated
token-invalidated
refresh-id-mismatch
0"
    is "$db: on top of what had been" "$(sql "$db" "SELECT value FROM auth.read_metrics() WHERE name = 'agent.refresh.failures'")" 6
    is "$db: chains go on" "$(sql "$db" "SELECT * FROM auth.audit_verify('$seal')" "SELECT count(*) > 0 FROM auth.audit_log WHERE created_at > now() - interval '1 minute'")" t
    like "$db: and are sealed again" "$(sql "$db" "SELECT auth.audit_seal()" "SELECT 'faults: ' || count(*) FROM auth.audit_verify('$seal')")" 'faults: 0$'
}
createdb plain
ok "restored from the plain dump, all or nothing" psql -Xq -v ON_ERROR_STOP=1 -1 -d plain -f "$dir/plain.sql"
check plain
createdb parallel
ok "restored in parallel" pg_restore --exit-on-error -j 4 -d parallel "$dir/directory"
check parallel
cluster_stop "$fresh" fast
