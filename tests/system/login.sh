#!/bin/bash
# The token is the login: who gets a connection by PAM, as whom it stays, and that it ends with the token.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/harness/cluster.sh
. tests/harness/cluster.sh
# shellcheck source=tests/harness/tap.sh
. tests/harness/tap.sh
# shellcheck source=tests/harness/fixture.sh
. tests/harness/fixture.sh
# shellcheck source=tests/harness/login.sh
. tests/harness/login.sh

if [ -z "${HARNESS_ROOT-}" ]; then
    echo "run by: make test ONLY=system"
    exit 2
fi
if ! why=$(login_possible); then
    echo "ok - logins by token # skipped: $why"
    exit
fi
login_possible
dir=$work/login
login_cluster "$dir" fsync=off pg_principal.clock_skew=0 autovacuum=off || exit 1
cluster_start "$dir" || exit 1
sql postgres "CREATE ROLE app LOGIN" "CREATE ROLE boss SUPERUSER LOGIN" "CREATE ROLE copier REPLICATION LOGIN" "CREATE ROLE scram LOGIN" "CREATE ROLE op LOGIN IN ROLE app" >/dev/null
createdb shop
sql shop "CREATE EXTENSION pg_principal" "GRANT auth_operator TO op" "GRANT anon TO app" "SELECT auth.create_signing_key('ES256')" \
    "SELECT auth.push_people('[{\"email\": \"agent@example.com\", \"name\": \"A\", \"kind\": \"service_account\"}, {\"email\": \"twin@example.com\", \"name\": \"T\", \"kind\": \"service_account\"},
        {\"email\": \"ann@example.com\", \"name\": \"Ann\"}, {\"email\": \"late@example.com\", \"name\": \"L\", \"kind\": \"service_account\"}]')" "SELECT auth.provision()" \
    "CREATE TABLE activity (owner text)" "CREATE INDEX ON activity (owner)" "INSERT INTO activity SELECT e FROM unnest('{agent@example.com,twin@example.com,ann@example.com}'::text[]) AS e, generate_series(1, 2)" \
    "SELECT auth.clamp('activity', 'owner')" "GRANT SELECT ON activity TO app" "CREATE TABLE long AS SELECT generate_series(1, 100000) AS n" "GRANT SELECT ON long TO app" >/dev/null
issue() { sql shop "SELECT auth.issue('$1')"; }
token=$(issue agent@example.com) twin=$(issue twin@example.com) ann=$(issue ann@example.com)
last_reason() { grep -a '"auth.login.refused"' "$dir/log" | tail -n 1 | sed 's/.*"reason":"\([^":]*\).*/\1/'; }
refused() { # NAME REASON TOKEN ROLE DATABASE: no connection, one text for all, and the reason in the log
    local said
    said=$(login_as "$3" "$4" "$5" "SELECT 'in'" | sed "s/.*FATAL: *//")
    is "$1" "$said, $(last_reason)" "PAM authentication failed for user \"$4\", $2"
}

is "the module is open where connections come from, once for all" "$(grep -c 'r-xp.*/pam_pg_principal.so' "/proc/$(sed -n 1p "$dir/data/postmaster.pid")/maps")" 1

# which role
refused "nobody logs in before it is allowed" "role not granted" "$token" app shop
is "allowing it takes the role of an operator" "$(PGUSER=op sql shop "SELECT auth.allow_login('app', kind => 'service_account')"; PGUSER=op sql shop "SELECT auth.allow_login('scram', kind => 'person')" | sed 's/.*ERROR: *//;q')" \
    $'t\nop may not grant logins as role "scram"'
like "no superuser" "$(sql shop "SELECT auth.allow_login('boss', kind => 'person')")" 'cannot be logged in to with a token'
like "no role that replicates" "$(sql shop "SELECT auth.allow_login('copier', kind => 'person')")" 'cannot be logged in to with a token'
sql shop "INSERT INTO auth.login_roles (database_role, kind) VALUES ('boss', 'service_account'), ('copier', 'service_account')" >/dev/null
is "psql logs in, sees its rows, and the connection is its role's" "$(login_as "$token" app shop "SELECT session_user, auth.email(), (SELECT string_agg(DISTINCT owner, ',') FROM activity)")" \
    "app agent@example.com agent@example.com"
is "over a local socket too" "$(LOGIN_HOST=$dir login_as "$twin" app shop "SELECT auth.email()")" twin@example.com
refused "a person is no service account" "role not granted" "$ann" app shop
sql shop "SELECT auth.allow_login('app', email => 'ann@example.com')" >/dev/null
is "a single principal" "$(login_as "$ann" app shop "SELECT auth.email()")" ann@example.com
sql shop "SELECT auth.disallow_login('app', email => 'ann@example.com')" "SELECT auth.allow_login('app', kind => 'person', app_role => 'ADMIN')" >/dev/null
refused "kind and app role must both be the principal's" "role not granted" "$ann" app shop
sql shop "UPDATE auth.users SET app_role = 'ADMIN' WHERE email = 'ann@example.com'" >/dev/null
is "an app role" "$(login_as "$ann" app shop "SELECT auth.app_role()")" ADMIN
is "the audit tells of it" "$(sql shop "SELECT a.changes->'loginRole'->>'current', a.metadata->>'kind', a.metadata->>'appRole' FROM auth.audit_log a WHERE a.changes ? 'loginRole' ORDER BY a.seq DESC LIMIT 1")" "app person ADMIN"
refused "a superuser's name" "role too powerful" "$token" boss shop
refused "a role that replicates" "role too powerful" "$token" copier shop
refused "an unknown role" "unknown role" "$token" nobody shop
sql postgres "CREATE ROLE other LOGIN" >/dev/null
refused "a role that is granted to nobody" "role not granted" "$token" other shop

# which token
refused "no token at all" "malformed" "Th1sIsAStrong!Pass" app shop
refused "another database" "no extension" "$token" app postgres
refused "a database that is not there" "unknown database" "$token" app nowhere
LOGIN_SSLMODE=disable refused "without TLS" "no TLS" "$token" app shop
refused "another issuer" "wrong issuer" "$(sql shop "SET pg_principal.issuer = 'other'" "SELECT auth.issue('agent@example.com')")" app shop
refused "another audience" "wrong audience" "$(sql shop "SET pg_principal.audience = 'other'" "SELECT auth.issue('agent@example.com')")" app shop
refused "alg none" "algorithm refused" "$(printf '{"alg":"none"}' | base64 | tr -d '=\n').$(cut -d. -f2 <<<"$token")." app shop
refused "a signature of another token" "bad signature" "$(cut -d. -f1,2 <<<"$token").$(cut -d. -f3 <<<"$twin")" app shop
refused "16 KiB and a byte" "too long" "$(head -c 16385 /dev/zero | tr '\0' A)" app shop
long=$(sql shop "SELECT token FROM auth.issue_token('agent@example.com', '1h', 'long', (SELECT array_agg('scope' || repeat('x', 200) || n) FROM generate_series(1, 50) AS n))")
is "a token of ${#long} bytes" "$([ "${#long}" -gt 12000 ] && login_as "$long" app shop "SELECT auth.email()")" agent@example.com
project=$(sql shop "SELECT token FROM auth.issue_key('service_role')" | tail -n 1)
refused "a project key is no principal" "no principal" "$project" app shop
sql shop "SELECT auth.ban('late@example.com')" >/dev/null
late=$(sql shop "SELECT auth.unban('late@example.com')" "SELECT auth.issue('late@example.com')" | tail -n 1)
is "the banned, unbanned" "$(login_as "$late" app shop "SELECT auth.email()")" late@example.com
sql shop "SELECT auth.ban('late@example.com')" >/dev/null
refused "a ban counts at the first try after its COMMIT" "banned" "$late" app shop
gone=$(sql shop "SELECT token || ' ' || session_id FROM auth.issue_token('twin@example.com')")
sql shop "SELECT auth.revoke_session('${gone#* }')" >/dev/null
refused "a revoked session" "session revoked" "${gone% *}" app shop
like "replication" "$(PGPASSWORD=$token psql -XqAtw "host=127.0.0.1 user=app dbname=shop replication=database sslmode=require" -c "IDENTIFY_SYSTEM" 2>&1) $(last_reason)" 'PAM authentication failed.* replication$'

# as whom it stays
stays() { # NAME STATEMENT..: the identity is the login's afterwards
    local name=$1
    shift
    is "$name" "$(login_as "$token" app shop "$@" "SELECT auth.email()" | tail -n 1)" agent@example.com
}
stays "RESET ALL keeps it" "RESET ALL"
stays "DISCARD ALL keeps it" "DISCARD ALL"
stays "binding nothing keeps it" "SELECT auth.authenticate(NULL, false)" "SET pg_principal.token = ''"
stays "its own token may be bound" "SELECT auth.authenticate('$token', false)->>'email'" "RESET pg_principal.token"
stays "SET ROLE keeps it" "SET ROLE anon"
like "another cannot be set" "$(login_as "$token" app shop "SET pg_principal.token = '$twin'")" '28000.*bound to the token that it logged in with'
like "nor authenticated" "$(login_as "$token" app shop "SELECT auth.authenticate('$twin')")" '28000.*bound to the token that it logged in with'
like "the login's setting is nobody's to set" "$(login_as "$token" app shop "SET pg_principal.login_token = 'x'")" 'cannot be set after connection start'
like "nor at the start" "$(PGOPTIONS="-c pg_principal.login_token=$twin" login_as "$token" app shop "SELECT 1")" 'only a login sets'
like "nor for a role" "$(sql shop "ALTER ROLE app SET pg_principal.login_token = 'x'")" 'cannot be set'
is "it is not shown" "$(login_as "$token" app shop "SHOW pg_principal.login_token")" "********"
is "PGOPTIONS do not change it" "$(PGOPTIONS="-c pg_principal.token=$twin" login_as "$token" app shop "SELECT auth.email()")" agent@example.com
sql shop "ALTER ROLE app IN DATABASE shop SET pg_principal.token = '$twin'" >/dev/null
is "nor do a role's settings, in parallel workers neither" "$(login_as "$token" app shop "SET debug_parallel_query = on" "SELECT auth.email()" 2>/dev/null | grep @ || login_as "$token" app shop "SET force_parallel_mode = on" "SELECT auth.email()")" agent@example.com
is "parallel workers see the login's rows" "$(login_as "$token" app shop "SET parallel_setup_cost = 0" "SET parallel_tuple_cost = 0" "SET min_parallel_table_scan_size = 0" "SET max_parallel_workers_per_gather = 2" "SELECT count(*) FROM activity, long WHERE owner = auth.email() AND n <= 10")" 20
sql shop "ALTER ROLE app IN DATABASE shop RESET ALL" >/dev/null

# who is connected
is "one's own connection" "$(login_as "$token" app shop "SELECT database, role, email, kind, door, expires_at > now(), pid = pg_backend_pid(), session_id = auth.session_id() FROM auth.connections")" \
    "shop app agent@example.com service_account pam t t t"
login_as "$token" app shop "SELECT pg_sleep(60)" >/dev/null & # until it is ended
for _ in {1..50}; do
    [ "$(sql shop "SELECT count(*) FROM auth.connections WHERE email = 'agent@example.com'")" = 0 ] || break
    sleep 0.1
done
is "operators and ADMIN see all" "$(PGUSER=op sql shop "SELECT count(*) FROM auth.connections"), $(login_as "$ann" app shop "SELECT count(*) FROM auth.connections")" "1, 2"
is "another sees only itself, a role without a token nothing" "$(login_as "$twin" app shop "SELECT string_agg(email, ' ') FROM auth.connections"), $(sql shop "SET ROLE app" "SELECT count(*) FROM auth.connections")" "twin@example.com, 0"
is "and ends none" "$(login_as "$twin" app shop "SELECT auth.end_connection(pid) FROM pg_stat_activity WHERE usename = 'app' AND pid <> pg_backend_pid()")" f
is "an operator ends one" "$(PGUSER=op sql shop "SELECT auth.end_connection(pid) FROM auth.connections")" t
wait
is "it is gone, and its token is not" "$(sql shop "SELECT count(*) FROM auth.connections") $(login_as "$token" app shop "SELECT auth.email()")" "0 agent@example.com"
like "the log tells who came and went" "$(grep -a '"auth.login"' "$dir/log" | tail -n 1)" '"door":"pam","database":"shop","role":"app","userId":"[-0-9a-f]{36}","sessionId":"[-0-9a-f]{36}","pid":[0-9]+'
is "as JSON, logouts with the reason" "$(grep -a '"auth.logout"' "$dir/log" | sed 's/.*LOG:  //' | jq -r 'select(.reason) | .reason' | sort -u)" ended

# the server's turns
is "many at a time" "$(for _ in {1..20}; do login_as "$token" app shop "SELECT auth.email()" & done; wait)" "$(yes agent@example.com | head -n 20)"
sql shop "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'pg_principal logins'" >/dev/null
is "a worker that was killed comes again" "$(login_as "$token" app shop "SELECT auth.email()")" agent@example.com
cluster_stop "$dir" fast && cluster_start "$dir" || exit 1
is "the very first connection after a restart" "$(login_as "$token" app shop "SELECT auth.email()")" agent@example.com
pid=$(sql shop "SELECT pid FROM pg_stat_activity WHERE backend_type = 'pg_principal logins'")
kill -KILL "$pid"
for _ in {1..100}; do
    sleep 0.1
    [ "$(sql shop "SELECT 1")" != 1 ] || break
done
is "and after a crash of the worker" "$(login_as "$token" app shop "SELECT auth.email()")" agent@example.com
createdb forged
sql forged "CREATE SCHEMA auth" "CREATE TABLE auth.login_roles (database_role text, kind text, app_role text, user_id uuid)" "CREATE TABLE auth.users ()" "CREATE TABLE auth.sessions ()" "CREATE TABLE auth.signing_keys ()" >/dev/null
refused "tables that somebody made to look like ours" "no extension" "$token" app forged
is "a database is dropped while its worker is there" "$(sql postgres "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pg_principal logins' AND datname = 'forged'" "DROP DATABASE forged")" 1

# a lock that comes between the verdict of the worker and that of the session
{ PGOPTIONS="-c post_auth_delay=3" login_as "$token" app shop "SELECT 'in'" >"$dir/locked"; } &
for _ in {1..100}; do
    ! pgrep -f '^postgres: app shop .* startup' >/dev/null || break
    sleep 0.1
done
sql shop "BEGIN" "LOCK TABLE auth.login_roles IN ACCESS EXCLUSIVE MODE" "SELECT pg_sleep(8)" "COMMIT" >/dev/null
wait
like "refuses the session, and does not hold it" "$(cat "$dir/locked"), $(last_reason)" 'PAM authentication failed for user "app", internal error'

# a flood
before=$(grep -ac 'PAM authentication failed' "$dir/log")
for _ in {1..5}; do
    for _ in {1..10}; do login_as "x.y.z" app shop "SELECT 1" >/dev/null & done
    wait
done
is "a flood: the log is bounded" "$(($(grep -ac 'PAM authentication failed' "$dir/log") - before < 45))" 1
is "refusals are counted" "$(sql shop "SELECT value >= 50 FROM auth.read_metrics() WHERE name = 'auth.login.refusals' AND label = 'malformed'")" t
"$PG_PRINCIPAL" serve --dsn dbname=shop --listen 127.0.0.1:0 --access-log off --no-fetch 2>"$dir/serve.log" &
serving=$!
for _ in {1..100}; do
    port=$(sed -n 's/.*listening on .*:\([0-9]*\)$/\1/p' "$dir/serve.log")
    told=$(curl -s "http://127.0.0.1:$port/metrics" | grep auth_login_refusals) && break
    sleep 0.1
done
kill "$serving"
wait "$serving"
like "and scraped by reason" "$told" '^# HELP auth_login_refusals_total Refused logins .*[{]reason="malformed"[}] '

# it ends with the token
sql shop "SELECT auth.disallow_login('app', kind => 'service_account')" >/dev/null
python3 tests/system/login_ending.py shop app 127.0.0.1 "${LIMIT_MS:-5000}" || echo "not ok - the endings were not told" # a second on a machine that does nothing else
sql shop "SELECT auth.create_signing_key('ES256')" "SELECT auth.allow_login('app', kind => 'service_account')" >/dev/null
token=$(issue agent@example.com)
sql postgres "ALTER ROLE scram SET pg_principal.end_session_with_token = on" >/dev/null
ends() { # STATEMENT..: as scram, who sleeps afterwards
    PGOPTIONS="-c pg_principal.token=$token" psql -XqAt -d shop -v VERBOSITY=verbose -c "SET SESSION AUTHORIZATION DEFAULT" -c "SET pg_principal.end_session_with_token = on" -c "SELECT auth.email()" -c "$1" 2>&1
}
{ ends "SELECT pg_sleep(20)" >"$dir/bound"; } &
for _ in {1..50}; do
    [ "$(sql shop "SELECT door FROM auth.connections")" != sql ] || break
    sleep 0.1
done
sql shop "SELECT auth.revoke_session(session_id) FROM auth.connections" >/dev/null
wait
like "a token bound by SQL ends its connection where that is switched on, whatever its role" "$(cat "$dir/bound")" '28000: terminating connection because its token has died.*session revoked'
token=$(issue agent@example.com)
is "and not once another is bound" "$(ends "SELECT auth.authenticate(NULL, false)" | head -n 1) $(sql shop "SELECT count(*) FROM auth.connections")" "agent@example.com 0"
is "it is watched from when that is switched on, however long the token is known, and until it is switched off" \
    "$(PGOPTIONS="-c pg_principal.token=$token" psql -XqAt -d shop -c "SELECT auth.email()" -c "SET pg_principal.end_session_with_token = on" -c "SELECT auth.email()" -c "SELECT count(*) FROM auth.connections" \
        -c "SET pg_principal.end_session_with_token = off" -c "SELECT count(*) FROM auth.connections" | xargs)" "agent@example.com agent@example.com 1 0"

# the extension is dropped
{ login_as "$token" app shop "SELECT pg_sleep(20)" >"$dir/dropped"; } &
for _ in {1..50}; do
    [ "$(sql shop "SELECT count(*) FROM auth.connections")" = 0 ] || break
    sleep 0.1
done
sql shop "DROP EXTENSION pg_principal CASCADE" >/dev/null 2>&1
wait
like "with the extension go the connections" "$(cat "$dir/dropped")" 'its token has died'
sleep 10 # of refusals only so many are logged in a while
refused "and nobody comes" "no extension" "$token" app shop
cluster_set "$dir" shared_preload_libraries=
cluster_stop "$dir" fast && cluster_start "$dir" || exit 1
like "without the library in the server nobody does" "$(login_as "$token" app shop "SELECT 1")" 'PAM authentication failed'
tells_nothing "login" "$dir/log"
