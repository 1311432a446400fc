#!/bin/bash
# The refusals of `auth issue` in their order, nothing minted by any; then those of the other verbs.
cd "$(dirname "$0")/../.." || exit 2
# shellcheck source=tests/harness/tap.sh
. tests/harness/tap.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
agent=kata-agent-team@example.com

refused() { # NAME STDERR ARGUMENT..: exit 1, nothing on stdout, no session made
    local name=$1 wanted=$2 code
    shift 2
    "$PG_PRINCIPAL" "$@" >"$work/out" 2>"$work/err" </dev/null
    code=$?
    is "$name" "$code|$(cat "$work/out")|$(cat "$work/err")|$(psql -XAtqc 'SELECT count(*) FROM auth.sessions')" "1||$wanted|0"
}

hint="hint: Write a whole number greater than zero followed by h, d or y: 24h, 90d, 1y."
refused "1. no --email" "pg_principal: --email is required" auth issue --ttl 5m
refused "2. bad TTL" "pg_principal: invalid duration \"5m\"
  $hint" auth issue --email nobody@example.com --ttl 5m
refused "3. no signing key" "pg_principal: no signing key is in use
  hint: Create one: SELECT auth.create_signing_key(); or on the command line: pg_principal keys create." \
    auth issue --email nobody@example.com
"$PG_PRINCIPAL" keys create >/dev/null
refused "4. no roster row" "pg_principal: no organization_people row for $agent
  hint: Add it to the roster first: pg_principal people push, or auth.push_people()." auth issue --email $agent
"$PG_PRINCIPAL" people push tests/samples/story.terrain >/dev/null
refused "5. no auth.users row" "pg_principal: no auth.users row for $agent
  hint: Create the principals of the roster first: pg_principal people provision, or auth.provision()." auth issue --email $agent
"$PG_PRINCIPAL" people provision >/dev/null
"$PG_PRINCIPAL" auth ban --email $agent >/dev/null
until=$(psql -XAtqc "SELECT banned_until FROM auth.users WHERE email = '$agent'")
"$PG_PRINCIPAL" auth issue --email $agent >"$work/out" 2>"$work/err"
like "6. banned" "$?|$(cat "$work/out")|$(cat "$work/err")" "^1\|\|pg_principal: $agent is banned until .*hint: Lift the ban first: pg_principal auth unban"
is "6. banned, nothing minted" "$(psql -XAtqc 'SELECT count(*) FROM auth.sessions')" 0
like "the ban has an end" "$until" "^2[0-9]{3}-"
refused "2 comes before 6" "pg_principal: invalid duration \"0h\"
  $hint" auth issue --email $agent --ttl 0h
"$PG_PRINCIPAL" auth unban --email $agent >/dev/null

for ttl in 5m 90 1Y " 1h" "1h " "" -5h 0d 1.5h 1h1h; do
    refused "TTL '$ttl'" "pg_principal: invalid duration \"$ttl\"
  $hint" auth issue --email $agent --ttl "$ttl"
done
refused "TTL above the ceiling" "pg_principal: duration 2y is longer than the ceiling of 8760h
  hint: The ceiling is the setting pg_principal.max_token_ttl." auth issue --email $agent --ttl 2y
refused "bad TTL of a key" "pg_principal: invalid duration \"5m\"
  $hint" auth key --role anon --ttl 5m
refused "malformed scope" "pg_principal: malformed scope \"a b\"
  hint: A scope has 1 to 255 printable ASCII characters without space, quote and backslash (RFC 6749, section 3.3)." \
    auth issue --email $agent --scope 'a b'
for scope in 'a"b' 'a\b' '{a,b}' 'a,b'; do
    "$PG_PRINCIPAL" auth issue --email $agent --scope "$scope" --output token >/dev/null 2>"$work/err"
    code=$?
    case $scope in
    *[\"\\]*) like "scope '$scope' arrives whole" "$code $(head -n 1 "$work/err")" "^1 pg_principal: malformed scope" ;;
    *) is "scope '$scope' arrives whole" "$code $(psql -XAtqc 'DELETE FROM auth.sessions RETURNING scopes[1]')" "0 $scope" ;;
    esac
done
refused "ban of nobody" "pg_principal: no auth.users row for nobody@example.com
  hint: Create the principals of the roster first: pg_principal people provision, or auth.provision()." \
    auth ban --email nobody@example.com
refused "unban of nobody" "pg_principal: no auth.users row for nobody@example.com
  hint: Create the principals of the roster first: pg_principal people provision, or auth.provision()." \
    auth unban --email nobody@example.com
refused "sessions of nobody" "pg_principal: no auth.users row for nobody@example.com
  hint: Create the principals of the roster first: pg_principal people provision, or auth.provision()." \
    auth sessions --email " Nobody@example.com"
refused "revoke of nothing" "pg_principal: no active session 00000000-0000-0000-0000-000000000000
  hint: List them: pg_principal auth sessions --email <email>, or --project-keys." auth revoke --session 00000000-0000-0000-0000-000000000000
refused "revoke of no uuid" "pg_principal: invalid input syntax for type uuid: \"x\"
  hint: Write an id as the lists print it: 01234567-89ab-cdef-0123-456789abcdef." auth revoke --session x
refused "a ban beyond all time" "pg_principal: a ban cannot last 1000000 years
  hint: Give an interval greater than zero, of 290000 years at most." auth ban --email $agent --duration '1000000 years'
PGOPTIONS='-c datestyle=sql,dmy' refused "no day" "pg_principal: date/time field value out of range: \"2026-13-01 00:00:00Z\"
  hint: Write a time in UTC that exists: 2026-11-01, 2026-11-01T12:00." audit list --since 2026-13-01
refused "no interval" "pg_principal: invalid input syntax for type interval: \"soon\"
  hint: Write an interval: 2h, 90 minutes, 3 days, 100 years." auth ban --email $agent --duration soon
refused "remove nobody" "pg_principal: no organization_people row for nobody@example.com" people remove --email nobody@example.com
refused "SQL in an address is text" "pg_principal: email \"');drop/**/schema/**/auth/**/cascade--@example.com\" contains ')' before the @
  hint: Write it as name@domain." \
    auth ban --email "');DROP/**/SCHEMA/**/auth/**/CASCADE--@example.com"

createdb "${PGDATABASE}_bare"
PGDATABASE=${PGDATABASE}_bare "$PG_PRINCIPAL" auth issue --email $agent >"$work/out" 2>"$work/err"
is "a database without the extension" "$?|$(cat "$work/out")|$(cat "$work/err")" '1||pg_principal: schema "auth" does not exist
  hint: Is the extension in this database? CREATE EXTENSION pg_principal;'
dropdb "${PGDATABASE}_bare"

psql -Xqc 'SET client_min_messages = warning' -c 'DROP ROLE IF EXISTS regress_cli_stranger' -c 'CREATE ROLE regress_cli_stranger LOGIN'
PGUSER=regress_cli_stranger "$PG_PRINCIPAL" auth issue --email $agent >"$work/out" 2>"$work/err"
is "only operators" "$?|$(cat "$work/out")|$(cat "$work/err")" "1||pg_principal: permission denied for function issue_token
  hint: Operators may. As a superuser: GRANT auth_operator TO the role that connects."
psql -Xqc 'GRANT auth_operator TO regress_cli_stranger'
ok "an operator is any member of auth_operator" env PGUSER=regress_cli_stranger "$PG_PRINCIPAL" auth issue --email $agent
psql -Xqc 'DROP ROLE regress_cli_stranger'
