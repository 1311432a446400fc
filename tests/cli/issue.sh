#!/bin/bash
# Tokens from the command line: exact output, sessions, revocation, project keys, whoami.
cd "$(dirname "$0")/../.." || exit 2
# shellcheck source=tests/harness/tap.sh
. tests/harness/tap.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset LANDMARK_AUTH_TOKEN
agent=kata-agent-team@example.com
ask() { psql -XAtqc "$1"; }

"$PG_PRINCIPAL" people push tests/samples/story.terrain >"$work/push"
is "push" "$(cat "$work/push")" "imported 54"
"$PG_PRINCIPAL" people provision >"$work/provision"
is "provision" "$(cat "$work/provision")" "$(printf 'created 54\nrestored 0\ndecommissioned 0\nunchanged 0')"
ok "keys create" "$PG_PRINCIPAL" keys create

"$PG_PRINCIPAL" auth issue --email $agent >"$work/issue"
is "issue succeeds" "$?" 0
token=$(sed -n 3p "$work/issue")
like "the token is a JWT" "$token" '^eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$'
printf 'Issued JWT for %s (service_account, ttl=8760h)\n\n%s\n\n  Export: LANDMARK_AUTH_TOKEN=<jwt above>; never commit or echo it.\n\n  Done.\n' \
    $agent "$token" >"$work/wanted"
ok "issue prints these bytes and no others" cmp "$work/issue" "$work/wanted"

"$PG_PRINCIPAL" auth issue --email " Kata-Agent-Team@EXAMPLE.com" --ttl 90d --label ci --scope read --scope write >"$work/issue"
is "the address is normalised, the TTL as typed" "$(head -n 1 "$work/issue")" "Issued JWT for $agent (service_account, ttl=90d)"
person=$(ask "SELECT email FROM auth.organization_people WHERE kind = 'person' ORDER BY email LIMIT 1")
is "a person's token" "$("$PG_PRINCIPAL" auth issue --email "$person" --ttl 1y | head -n 1)" \
    "Issued JWT for $person (person, ttl=1y)"
is "--output token is the JWT alone" "$("$PG_PRINCIPAL" auth issue --email $agent --output token | sed 's/^eyJ[A-Za-z0-9_.-]*$/JWT/')" JWT
"$PG_PRINCIPAL" auth issue --email $agent --ttl 24h --output json >"$work/json"
is "--output json: names and order" "$(jq -c keys_unsorted "$work/json")" '["email","kind","ttlSeconds","expiresAt","sessionId","token"]'
is "--output json: values" "$(jq -c '[.email, .kind, .ttlSeconds]' "$work/json")" "[\"$agent\",\"service_account\",86400]"
like "--output json: ISO 8601 in UTC" "$(jq -r .expiresAt "$work/json")" '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$'
claim() { jq -r .token "$work/json" | cut -d. -f2 | tr _- /+ | base64 -d 2>/dev/null | jq -r "$1"; }
is "--output json: expiresAt is the token's exp" "$(date -u -d "@$(claim .exp)" +%FT%TZ)" "$(jq -r .expiresAt "$work/json")"
is "--output json: sessionId is the token's" "$(claim .session_id)" "$(jq -r .sessionId "$work/json")"

made() { ask "SELECT (SELECT count(*) FROM auth.sessions), (SELECT count(*) FROM auth.client_secrets)"; }
was=$(made)
for verb in "auth issue --email $agent" "auth issue --email $agent --output json" "auth key --role anon" "clients create-secret --email $agent"; do
    # shellcheck disable=SC2086
    "$PG_PRINCIPAL" $verb >/dev/full 2>"$work/err"
    is "what cannot be told is not made: $verb" "$?|$(cat "$work/err")|$(made)" "1|pg_principal: could not write the result: nothing was made|$was"
    # shellcheck disable=SC2086
    "$PG_PRINCIPAL" $verb >&- 2>"$work/err"
    is "nor where nobody listens: $verb" "$?|$(cat "$work/err")|$(made)" "1|pg_principal: could not write the result: nothing was made|$was"
done
"$PG_PRINCIPAL" auth sessions --email $agent >"$work/sessions"
is "sessions: one line each" "$(grep -c live "$work/sessions")" 4
like "sessions: label and scopes" "$(grep ' ci ' "$work/sessions")" 'live +ci +authenticated .*read write'
"$PG_PRINCIPAL" auth sessions --email $agent --output json >"$work/sessions.json"
is "sessions as JSON" "$(jq -c 'map(select(.label == "ci")) | map([.state, .role, .scopes, .revokedAt])' "$work/sessions.json")" \
    '[["live","authenticated",["read","write"],null]]'
is "with all that SQL tells of each" "$(jq -c 'map([.origin, .lastUsedAt, .ip, .userAgent]) | unique' "$work/sessions.json")" '[["issued",null,null,null]]'
session=$(jq -r .sessionId "$work/json")
is "revoke" "$("$PG_PRINCIPAL" auth revoke --session "$session" --reason rotated)" "revoked $session"
is "revoked, with its reason" "$("$PG_PRINCIPAL" auth sessions --email $agent --output json |
    jq -c ".[] | select(.id == \"$session\") | [.state, .revokeReason]")" '["revoked","rotated"]'
"$PG_PRINCIPAL" auth revoke --session "$session" >"$work/out" 2>"$work/err"
is "revoke twice" "$?|$(cat "$work/out")|$(head -n 1 "$work/err")" "1||pg_principal: no active session $session"

LANDMARK_AUTH_TOKEN=$token "$PG_PRINCIPAL" whoami >"$work/whoami"
is "whoami" "$(sed -n 's/^email *//p; s/^kind *//p; s/^role *//p' "$work/whoami")" "$agent
service_account
authenticated"
for token_with in "$token"$'\n' "$token"$'\r\n' $' \t'"$token "; do
    is "whoami with white space around the token" "$(CI_TOKEN=$token_with "$PG_PRINCIPAL" whoami --token-env CI_TOKEN | sed -n 's/^email *//p')" "$agent"
done
like "whoami names the part that is malformed" "$(CI_TOKEN=${token%.*} "$PG_PRINCIPAL" whoami --token-env CI_TOKEN 2>&1)" "detail: malformed: two parts instead of three$"
is "whoami as JSON" "$(CI_TOKEN=$token "$PG_PRINCIPAL" whoami --token-env CI_TOKEN --output json | jq -r .id)" \
    "$(ask "SELECT id FROM auth.users WHERE email = '$agent'")"
LANDMARK_AUTH_TOKEN=$(jq -r .token "$work/json") "$PG_PRINCIPAL" whoami >"$work/out" 2>"$work/err"
is "whoami with a dead token" "$?|$(cat "$work/out")|$(cat "$work/err")" "1||pg_principal: token refused
  detail: session revoked"
LANDMARK_AUTH_TOKEN=${token%????}AAAA "$PG_PRINCIPAL" whoami >"$work/out" 2>"$work/err"
like "whoami with a forged token" "$? $(cat "$work/err")" "^1 pg_principal: token refused"
is "whoami repeats no token" "$(grep -c eyJ "$work/err")" 0

for role in anon service_role; do
    is "key for $role" "$("$PG_PRINCIPAL" auth key --role $role --ttl 30d | head -n 1)" "Issued key for $role (ttl=30d)"
    key=$("$PG_PRINCIPAL" auth key --role $role --output token)
    is "key for $role: its role" "$(KEY=$key "$PG_PRINCIPAL" whoami --token-env KEY --output json | jq -c '[.email, .role]')" "[null,\"$role\"]"
done

PGOPTIONS="-c pg_principal.token=$token" psql -XAtqc "SELECT auth.email()" >"$work/out"
is "the token works through libpq alone" "$(cat "$work/out")" $agent
