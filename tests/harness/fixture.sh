# shellcheck shell=bash
# A database with something of everything the extension keeps, what of it is remembered, and whether all of it
# is there again: after a restore, an upgrade, a promotion. After cluster.sh and tap.sh, with $dir set:
#   fixture_roles                  the roles it needs, once for each cluster
#   fixture_fill DATABASE          into a database that has the extension
#   fixture_use DATABASE           tokens, sessions, refusals; sets the variables that the checks look at
#   fixture_since_0_3 DATABASE     and into the tables that versions before 0.3.0 have not
#   fixture_rows DATABASE          every row of every table of the extension
#   fixture_check DATABASE NAME    everything goes on from where it was; changes it

password='Th1sIsAStrong!Pass'

sql() { # DATABASE STATEMENT..: the last one's answer, or the error
    local database=$1 statements=()
    shift
    for statement in "$@"; do statements+=(-c "$statement"); done
    psql -XqAt -F ' ' -v ON_ERROR_STOP=1 -d "$database" "${statements[@]}" 2>&1
}
sign_in() { # DATABASE EMAIL: access and refresh token, or the reason
    sql "$1" "SELECT coalesce(r.reason, concat_ws(' ', r.payload->'tokens'->>'accessToken', r.payload->'tokens'->>'refreshToken')) FROM auth.sign_in('$2', '$password') AS r"
}
refresh() { sql "$1" "SELECT coalesce(r.reason, r.payload->'tokens'->>'refreshToken') FROM auth.refresh('$2') AS r"; }
who() { sql "$1" "SELECT auth.authenticate('$2')->>'email'" | sed -n '/^DETAIL:  /{s///;p;q};/^ERROR/b;p'; }
sees() { # DATABASE TOKEN: of the clamped table
    sql "$1" "SET ROLE app" "SET pg_principal.token = '$2'" "SELECT coalesce(string_agg(owner, ','), 'nothing') FROM activity"
}
# shellcheck disable=SC2154 # dir is the caller's
dump() { # pg_dump's options: without its warning about the roster's reference to itself
    pg_dump "$@" 2>"$dir/dump.err" || cat "$dir/dump.err"
}
catalog() { psql -Xq -v ON_ERROR_STOP=1 -d "$1" -f tests/upgrade/catalog.sql 2>&1; }

fixture_roles() { sql postgres "CREATE ROLE app LOGIN" "CREATE ROLE reader" >/dev/null; }

# What an administrator of an installation changes.
habits() {
    sql "$1" "GRANT EXECUTE ON FUNCTION auth.sign_in(text, text, jsonb) TO app" "REVOKE EXECUTE ON FUNCTION auth.list_users(integer, integer) FROM PUBLIC" \
        "GRANT SELECT ON auth.audit_log TO reader" "REVOKE SELECT ON auth.audit_log FROM authenticated"
}

fixture_fill() {
    sql "$1" "SELECT auth.import_signing_key('an-old-secret-of-at-least-thirty-two-bytes')" \
        "SELECT auth.push_people('[{\"email\": \"boss@example.com\", \"name\": \"Boss\"}, {\"email\": \"ann@example.com\", \"name\": \"Zoë\", \"manager_email\": \"boss@example.com\"}, {\"email\": \"agent@example.com\", \"name\": \"Agent\", \"kind\": \"service_account\"}, {\"email\": \"gone@example.com\", \"name\": \"Gone\"}]')" \
        "SELECT auth.provision()" "SELECT auth.add_user(jsonb_build_object('email', e, 'password', '$password', 'kind', 'service_account')) FROM unnest(ARRAY['etl@example.com', 'thief@example.com', 'banned@example.com']) AS e" \
        "CREATE TABLE activity (id bigserial PRIMARY KEY, owner text)" "CREATE INDEX ON activity (owner)" \
        "INSERT INTO activity (owner) VALUES ('agent@example.com'), ('boss@example.com'), ('ann@example.com')" \
        "SELECT auth.clamp('activity', 'owner', 'self_and_reports')" "GRANT SELECT ON activity TO app" \
        "CREATE VIEW mine AS SELECT * FROM activity WHERE owner = auth.email()" >/dev/null
    habits "$1"
}

fixture_use() {
    local stolen other
    agent=$(sql "$1" "SELECT auth.issue('agent@example.com', '90d', 'by the secret', '{read}')")
    gone=$(sql "$1" "SELECT auth.issue('gone@example.com')")
    sql "$1" "SELECT auth.create_signing_key('ES256')" "SELECT auth.remove_person('gone@example.com')" "SELECT auth.provision()" >/dev/null
    boss=$(sql "$1" "SELECT auth.issue('boss@example.com')")
    revoked=$(sql "$1" "SELECT auth.issue('boss@example.com', '1h', 'lost')")
    sql "$1" "SELECT auth.revoke_session(id) FROM auth.list_sessions('boss@example.com') WHERE label = 'lost'" >/dev/null
    read -r access first < <(sign_in "$1" etl@example.com)
    second=$(refresh "$1" "$first")
    third=$(refresh "$1" "$second")
    read -r stolen_access stolen < <(sign_in "$1" thief@example.com)
    other=$(refresh "$1" "$(refresh "$1" "$stolen")")
    [[ $other == ppr_* ]] && refresh "$1" "$stolen" >/dev/null # a used token again: its session ends
    read -r _ lost < <(sign_in "$1" banned@example.com)
    sql "$1" "SELECT auth.ban('banned@example.com', '3 days', 'leaked')" "SELECT auth.scan_agent_health()" \
        "SELECT auth.audit_prune('1 microsecond', 2)" >/dev/null
    refresh "$1" "${third::-6}EEEEEE" >/dev/null
    seal=$(sql "$1" "SELECT auth.audit_seal()")
}

fixture_since_0_3() {
    sql "$1" "SELECT auth.allow_login('app', 'service_account')" "SELECT auth.create_client_secret('agent@example.com')" \
        "SELECT auth.register_client_keys('agent@example.com', jsonb_build_object('keys', jsonb_build_array(auth.generate_jwk('ES256'))))" \
        "SELECT auth.trust_issuer('https://issuer', '{us}', jwks_url => 'https://issuer/keys')" "SELECT auth.map_claims('https://issuer', 'agent@example.com', '{\"job\": \"1\"}')" \
        "SELECT auth.register_client('psql')" "SET pg_principal.issuer = 'https://id.example.com'" "SELECT (auth.oauth_device_authorization('{\"client_id\": \"psql\"}')).status" "RESET pg_principal.issuer" \
        "SELECT auth.delegate('ann@example.com', 'agent@example.com')" "SELECT auth.use_assertion('https://issuer', 'a', now() + interval '1 hour')" \
        "INSERT INTO auth.decisions (user_id) SELECT u.id FROM auth.users u WHERE u.email = 'ann@example.com'" \
        "INSERT INTO auth.ended_sessions (session_id, revoked_at, revoked_as) VALUES (gen_random_uuid(), now(), 'revoked')" \
        "INSERT INTO auth.ended_grants (grant_id) SELECT id FROM auth.delegations" \
        "INSERT INTO auth.audit_unlinked (user_id, created_at, changes) SELECT u.id, now(), '{}' FROM auth.users u WHERE u.email = 'ann@example.com'" >/dev/null
}

# Every row, by the columns that COLUMNS tells ("table column, column" lines) or that there are.
fixture_columns() {
    sql "$1" "SELECT c.relname, string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) FROM pg_extension e, unnest(e.extconfig) AS id JOIN pg_class c ON c.oid = id
        JOIN pg_attribute a ON a.attrelid = id WHERE e.extname = 'pg_principal' AND a.attnum > 0 AND NOT a.attisdropped GROUP BY c.relname ORDER BY c.relname COLLATE \"C\""
}
fixture_rows() { # DATABASE [COLUMNS]
    local table columns
    while read -r table columns; do
        echo "$table: $(sql "$1" "SELECT count(*) FROM auth.$table")"
        sql "$1" "SELECT t FROM (SELECT $columns FROM auth.$table) t ORDER BY t::text COLLATE \"C\""
    done <<<"${2:-$(fixture_columns "$1")}"
}

fixture_check() { # DATABASE NAME
    local db=$1 name=$2 next
    is "$name: every chain holds, and the seal kept elsewhere" "$(sql "$db" "SELECT * FROM auth.audit_verify('$seal')")" ""
    is "$name: old tokens live" "$(who "$db" "$agent") $(who "$db" "$boss") $(who "$db" "$access")" "agent@example.com boss@example.com etl@example.com"
    is "$name: dead ones are dead" "$(who "$db" "$revoked"), $(who "$db" "$gone"), $(who "$db" "$stolen_access"), $(refresh "$db" "$lost"), $(sign_in "$db" banned@example.com)" \
        "session revoked, banned, session revoked, banned, banned"
    is "$name: the clamp binds" "$(sees "$db" "$agent") $(sees "$db" "$boss") $(sees "$db" "")" "agent@example.com boss@example.com,ann@example.com nothing"
    is "$name: sequences go on" "$(sql "$db" "INSERT INTO activity (owner) VALUES ('x') RETURNING id")" 4
    is "$name: what was refused before is reported, once" "$(sql "$db" "SELECT reason FROM auth.scan_agent_health() WHERE kind = 'refresh_failure' AND email = 'etl@example.com'" "SELECT count(*) FROM auth.scan_agent_health()")" \
        $'hash-mismatch\n0'
    is "$name: a retry gives the same successor" "$(refresh "$db" "$second")" "$third"
    next=$(refresh "$db" "$third")
    like "$name: refresh tokens rotate" "$next" '^ppr_'
    is "$name: a replay is detected, and ends its session" "$(refresh "$db" "$first") $(who "$db" "$access") $(refresh "$db" "$next")" "refresh-id-mismatch session revoked token-invalidated"
    like "$name: passwords are known" "$(sign_in "$db" etl@example.com)" '^eyJ'
    is "$name: tokens are minted" "$(who "$db" "$(sql "$db" "SELECT auth.issue('boss@example.com')")")" boss@example.com
    is "$name: one key for refresh tokens" "$(sql "$db" "SELECT count(*) FROM auth.server_keys")" 1
    is "$name: chains go on and are sealed" "$(sql "$db" "SELECT * FROM auth.audit_verify('$(sql "$db" "SELECT auth.audit_seal()")')")" ""
}
