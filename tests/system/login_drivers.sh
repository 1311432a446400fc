#!/bin/bash
# Drivers that people use log in with a token as their password, and are refused: psql, psycopg 3, node-pg, and, where a JDK
# is installed (make torture does it), PostgreSQL's JDBC driver.
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
    echo "ok - drivers log in by token # skipped: $why"
    exit
fi
login_possible

with_psql() {
    local role database sslmode token statement
    while IFS=$'\t' read -r role database sslmode token statement; do
        LOGIN_SSLMODE=$sslmode login_as "$token" "$role" "$database" "$statement" | tr '\n' ' '
        echo
    done
}
declare -A send=() receive=()
begin() { # DRIVER COMMAND..: it answers a line with a line
    local name=$1 in out
    shift
    mkfifo "$work/$name.in" "$work/$name.out" || exit 1
    "$@" <"$work/$name.in" >"$work/$name.out" 2>"$work/$name.err" &
    exec {in}>"$work/$name.in" {out}<"$work/$name.out"
    send[$name]=$in receive[$name]=$out
}
tell() { # DRIVER ROLE DATABASE SSLMODE TOKEN STATEMENT
    local IFS=$'\t'
    echo "${*:2}" >&"${send[$1]}"
}
hear() { # DRIVER
    local line=
    IFS= read -r -t 60 line <&"${receive[$1]}" || line="no answer: $(tail -n 3 "$work/$1.err")"
    echo "${line% }"
}

dir=$work/drivers
login_cluster "$dir" fsync=off pg_principal.clock_skew=0 pg_principal.access_token_ttl=3s || exit 1
cluster_start "$dir" || exit 1
export PGPORT
begin psql with_psql
ok "psycopg 3 is here" /usr/bin/python3 -c 'import psycopg'
begin psycopg /usr/bin/python3 tests/interop/login_psycopg.py
why=$(tests/harness/npm.sh interop)
case $? in
0) begin node-pg node build/interop/login.mjs ;;
77) echo "ok - node-pg # skipped: ${why##*$'\n'}" ;;
*) printf 'not ok - npm pg is here\n%s\n' "$why" ;;
esac
jdbc=/usr/share/java/postgresql.jar
if command -v javac >/dev/null && [ -f $jdbc ]; then
    begin JDBC java -cp $jdbc tests/interop/LoginJdbc.java
else
    echo "ok - JDBC # skipped: no JDK, or no libpostgresql-jdbc-java"
fi

sql postgres "CREATE ROLE app LOGIN" "CREATE ROLE other LOGIN" >/dev/null
createdb shop
sql shop "CREATE EXTENSION pg_principal" "SELECT auth.create_signing_key('ES256')" \
    "SELECT auth.push_people('[{\"email\": \"agent@example.com\", \"name\": \"A\", \"kind\": \"service_account\"}, {\"email\": \"twin@example.com\", \"name\": \"T\", \"kind\": \"service_account\"}]')" \
    "SELECT auth.provision()" "SELECT auth.set_password('agent@example.com', 'Th1sIsAStrong!Pass')" "SELECT auth.allow_login('app', kind => 'service_account')" \
    "CREATE TABLE activity (owner text)" "CREATE INDEX ON activity (owner)" "INSERT INTO activity VALUES ('agent@example.com'), ('twin@example.com')" \
    "SELECT auth.clamp('activity', 'owner')" "GRANT SELECT ON activity TO app" >/dev/null
who="SELECT session_user || ' ' || auth.email() || ' ' || (SELECT string_agg(owner, ',') FROM activity)"
agent="app agent@example.com agent@example.com"
issue() { sql shop "SELECT auth.issue('$1')"; }
count() { # REASON: so many were refused for it
    sql shop "SELECT coalesce(sum(value), 0) FROM auth.read_metrics() WHERE name = 'auth.login.refusals' AND label = '$1'"
}
enters() { # WHAT TOKEN
    local driver
    for driver in "${!send[@]}"; do
        tell "$driver" app shop require "$2" "$who"
        is "$driver: $1" "$(hear "$driver")" "$agent"
    done
}
refused() { # WHAT REASON TOKEN [ROLE [DATABASE [SSLMODE]]]: with the text for strangers, and for that reason
    local driver before role=${4-app} said
    for driver in "${!send[@]}"; do
        before=$(count "$2")
        tell "$driver" "$role" "${5-shop}" "${6-require}" "$3" "SELECT 'in'"
        said=$(hear "$driver")
        like "$driver: $1" "$said $(($(count "$2") > before))" "PAM authentication failed for user \"$role\".* 1$"
    done
}

token=$(issue agent@example.com) twin=$(issue twin@example.com)
enters "logs in and sees its rows" "$token"
long=$(sql shop "SELECT token FROM auth.issue_token('agent@example.com', '1h', 'long', (SELECT array_agg('scope' || repeat('x', 200) || n) FROM generate_series(1, 50) AS n))")
enters "a token of ${#long} bytes" "$long"
refused "not as another role" "role not granted" "$token" other
refused "not where the extension is not" "no extension" "$token" app postgres
refused "not into a database that is not there" "unknown database" "$token" app nowhere
refused "not without TLS" "no TLS" "$token" app shop disable
refused "not with a token of another issuer" "wrong issuer" "$(sql shop "SET pg_principal.issuer = 'other'" "SELECT auth.issue('agent@example.com')")"
refused "not with alg none" "algorithm refused" "$(printf '{"alg":"none"}' | base64 | tr -d '=\n').$(cut -d. -f2 <<<"$token")."
refused "not with 16 KiB and a byte" "too long" "$(head -c 16385 /dev/zero | tr '\0' A)"
refused "not with a password" "malformed" 'Th1sIsAStrong!Pass'

# what ends tokens
expiring=$(sql shop "SELECT r.payload->'tokens'->>'accessToken' FROM auth.sign_in('agent@example.com', 'Th1sIsAStrong!Pass') AS r")
sleep 4
refused "not after the token's expiry" "expired" "$expiring"
revoked=$(sql shop "SELECT token || ' ' || session_id FROM auth.issue_token('agent@example.com')")
enters "a token before its revocation" "${revoked% *}"
sql shop "SELECT auth.revoke_session('${revoked#* }')" >/dev/null
refused "not after its revocation" "session revoked" "${revoked% *}"
for driver in "${!send[@]}"; do tell "$driver" app shop require "$twin" "SELECT pg_sleep(60)"; done
for _ in {1..100}; do
    [ "$(sql shop "SELECT count(*) FROM auth.connections")" != "${#send[@]}" ] || break
    sleep 0.1
done
sql shop "SELECT auth.ban('twin@example.com')" >/dev/null
for driver in "${!send[@]}"; do
    like "$driver: a ban ends the connection, and says so" "$(hear "$driver")" 'terminating connection because its token has died'
done
refused "not after a ban" "banned" "$twin"
sql shop "DELETE FROM auth.users WHERE email = 'twin@example.com'" >/dev/null
refused "not after the principal's deletion" "unknown principal" "$twin"

# what happens to servers
sql shop "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'pg_principal logins'" >/dev/null
enters "with the worker terminated" "$token"
for driver in "${!send[@]}"; do
    cluster_stop "$dir" fast && cluster_start "$dir" || exit 1
    tell "$driver" app shop require "$token" "$who"
    is "$driver: the very first connection after a restart" "$(hear "$driver")" "$agent"
done
before=$(grep -ac '"reason":"no extension"' "$dir/log")
sql shop "DROP EXTENSION pg_principal CASCADE" >/dev/null 2>&1
for driver in "${!send[@]}"; do
    tell "$driver" app shop require "$token" "SELECT 'in'"
    like "$driver: not with the extension dropped" "$(hear "$driver")" 'PAM authentication failed for user "app"'
done
is "for that reason" "$(($(grep -ac '"reason":"no extension"' "$dir/log") - before))" "${#send[@]}"
tells_nothing "drivers" "$dir/log"
