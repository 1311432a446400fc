#!/bin/bash
# Stock psql 18 and a person: pg_hba.conf's method oauth, the issuer is `pg_principal serve`, and psql gets its token by the
# device flow (RFC 8628) of libpq-oauth.
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
# shellcheck disable=SC2154 # of cluster.sh
if [ ! -f "$("$pg_config" --includedir-server)/libpq/oauth.h" ]; then
    echo "ok - psql's device flow # skipped: this PostgreSQL knows no validators"
    exit
fi
if ! ls "$("$pg_config" --libdir)"/libpq-oauth*.so >/dev/null 2>&1; then
    echo "ok - psql's device flow # skipped: libpq-oauth is not installed"
    exit
fi
dir=$work/device
login_cluster "$dir" fsync=off pg_principal.clock_skew=0 oauth_validator_libraries=pg_principal || exit 1
http_port=$((LOGIN_PORT + 1)) issuer=https://localhost:$((LOGIN_PORT + 1))
openssl req -new -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=localhost -addext subjectAltName=DNS:localhost \
    -out "$dir/web.crt" -keyout "$dir/web.key" 2>/dev/null
cat >"$dir/data/pg_hba.conf" <<HBA
local all  postgres,web                trust
host  all  all            127.0.0.1/32  oauth issuer="$issuer" scope="database" delegate_ident_mapping=1
HBA
cluster_set "$dir" pg_principal.issuer="$issuer"
cluster_start "$dir" || exit 1
sql postgres "CREATE ROLE app LOGIN" "CREATE ROLE web LOGIN" >/dev/null
createdb shop
sql shop "CREATE EXTENSION pg_principal" "GRANT authenticator TO web" "SELECT auth.create_signing_key('ES256')" \
    "SELECT auth.push_people('[{\"email\": \"ann@example.com\", \"name\": \"Ann\"}, {\"email\": \"bob@example.com\", \"name\": \"Bob\"}]')" "SELECT auth.provision()" \
    "SELECT auth.set_password(e, '$password') FROM unnest('{ann@example.com,bob@example.com}'::text[]) AS e" "SELECT auth.allow_login('app', email => 'ann@example.com')" \
    "SELECT auth.register_client('psql', 'psql on a laptop', '{database}', '8h')" \
    "CREATE TABLE activity (owner text)" "CREATE INDEX ON activity (owner)" "INSERT INTO activity VALUES ('ann@example.com'), ('bob@example.com')" \
    "SELECT auth.clamp('activity', 'owner')" "GRANT SELECT ON activity TO app" >/dev/null
PGDATABASE=shop PGUSER=web "$PG_PRINCIPAL" serve --listen "127.0.0.1:$http_port" --tls-cert "$dir/web.crt" --tls-key "$dir/web.key" --access-log off 2>"$dir/serve.log" &
serving=$!
at_exit() { kill "$serving" 2>/dev/null; }
web() { curl -s --cacert "$dir/web.crt" --retry 20 --retry-connrefused --retry-delay 1 "$@"; }
is "the discovery document has what libpq asks for" \
    "$(web "$issuer/.well-known/openid-configuration" | jq -c '[.issuer, .device_authorization_endpoint, .token_endpoint, (.grant_types_supported | index("urn:ietf:params:oauth:grant-type:device_code") != null)]')" \
    "[\"$issuer\",\"$issuer/oauth/device_authorization\",\"$issuer/oauth/token\",true]"

# A browser without scripts: what a person types into the page, and the button.
decide() { # CODE EMAIL approve|deny: what the last page says
    local page token scopes
    page=$(web "$issuer/oauth/device" --data-urlencode "user_code=$1" --data-urlencode "email=$2" --data-urlencode "password=$password")
    token=$(sed -n 's/.*name="token" value="\([^"]*\)".*/\1/p' <<<"$page")
    scopes=$(sed -n 's/.*name="scopes" value="\([^"]*\)".*/\1/p' <<<"$page")
    web "$issuer/oauth/device/decision" --data-urlencode "token=$token" --data-urlencode "scopes=$scopes" --data-urlencode "user_code=$1" -d "decision=$3" | sed -n 's/^<p role=[^>]*>\(.*\)<\/p>$/\1/p'
}
# psql knows no other list of certificates than the system's, but for debugging
begin() { # NAME STATEMENT..: psql, and the code that it shows
    local name=$1 statements=()
    shift
    for statement in "$@"; do statements+=(-c "$statement"); done
    PGOAUTHDEBUG=UNSAFE PGOAUTHCAFILE=$dir/web.crt psql -XqAt -w -F ' ' "host=127.0.0.1 port=$LOGIN_PORT user=app dbname=shop sslmode=require oauth_issuer=$issuer oauth_client_id=psql" \
        "${statements[@]}" >"$dir/$name.out" 2>"$dir/$name.err" &
    psql=$!
    for _ in {1..300}; do
        code=$(sed -n 's/.*Visit .* and enter the code: \([A-Z-]*\).*/\1/p' "$dir/$name.err" "$dir/$name.out" | head -n 1)
        if [ -n "$code" ] || ! kill -0 "$psql" 2>/dev/null; then break; fi
        sleep 0.1
    done
}

begin good "SELECT session_user || ' ' || auth.email() || ' ' || auth.client_id() || ' ' || auth.has_scope('database') || ' ' || (SELECT string_agg(owner, ',') FROM activity) || ' ' || system_user" "SELECT pg_sleep(60)"
like "psql shows a code" "$code" '^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$'
is "a person lets it in" "$(decide "$code" ann@example.com approve)" "The device is in. You can close this page."
for _ in {1..300}; do
    if grep -q ann@ "$dir/good.out" || ! kill -0 "$psql" 2>/dev/null; then break; fi
    sleep 0.1
done
is "psql is in, as that person" "$(grep ann@ "$dir/good.out")" "app ann@example.com psql true ann@example.com oauth:ann@example.com"
is "the session is the application's" "$(sql shop "SELECT label, scopes, state FROM auth.list_sessions('ann@example.com') WHERE origin = 'oauth'")" "psql on a laptop {database} live"
sql shop "SELECT auth.unregister_client('psql')" >/dev/null
wait "$psql"
like "and ends with the application" "$(cat "$dir/good.err")" 'terminating connection because its token has died'
sql shop "SELECT auth.register_client('psql', 'psql on a laptop', '{database}', '8h')" >/dev/null
begin denied "SELECT 'in'"
is "a person denies it" "$(decide "$code" ann@example.com deny)" "The device was refused. You can close this page."
wait "$psql"
like "and psql says so" "$(cat "$dir/denied.err")" 'access_denied'
begin other "SELECT 'in'"
is "whoever may not be that role" "$(decide "$code" bob@example.com approve)" "The device is in. You can close this page."
wait "$psql"
like "is refused at the door" "$(cat "$dir/other.err")" 'OAuth bearer authentication failed for user "app"'
is "nobody got in by these" "$(cat "$dir/denied.out" "$dir/other.out" | grep -c '^in$')" 0
