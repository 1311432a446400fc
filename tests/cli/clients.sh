#!/bin/bash
# Clients of /oauth/token from the command line.
cd "$(dirname "$0")/../.." || exit 2
# shellcheck source=tests/harness/tap.sh
. tests/harness/tap.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
agent=kata-agent-team@example.com

"$PG_PRINCIPAL" keys create >/dev/null
"$PG_PRINCIPAL" people push tests/samples/story.terrain >/dev/null
"$PG_PRINCIPAL" people provision >/dev/null
is "no clients" "$("$PG_PRINCIPAL" clients list) $("$PG_PRINCIPAL" clients list --output json) $("$PG_PRINCIPAL" clients secrets)" "no clients [] no client secrets"
"$PG_PRINCIPAL" clients create-secret --email $agent --ttl 30d --label ci --output json >"$work/json"
is "create-secret" "$(jq -c '[keys_unsorted, (.clientSecret | test("^pgps_[A-Za-z0-9_-]{43}$"))]' "$work/json")" '[["clientId","secretId","expiresAt","clientSecret"],true]'
like "as text" "$("$PG_PRINCIPAL" clients create-secret --email $agent)" '^client_id:     [0-9a-f-]{36}\sclient_secret: pgps_\S{43}\s+The secret is told this once\. It ends [0-9T:Z-]+; before that: pg_principal clients revoke-secret [0-9a-f-]{36}$'
"$PG_PRINCIPAL" clients create-secret --email $agent >"$work/out" 2>"$work/err"
is "no third" "$?|$(cat "$work/out")|$(head -n 1 "$work/err")" "1||pg_principal: $agent already has two client secrets"
"$PG_PRINCIPAL" clients create-secret --email nobody@example.com >"$work/out" 2>"$work/err"
is "nobody's" "$?|$(cat "$work/out")|$(head -n 1 "$work/err")" "1||pg_principal: no auth.users row for nobody@example.com"
for of in "clients secrets" "clients keys" "delegations list"; do
    # shellcheck disable=SC2086
    "$PG_PRINCIPAL" $of --email nobody@example.com >"$work/out" 2>"$work/err"
    is "$of of nobody" "$?|$(cat "$work/out")|$(head -n 1 "$work/err")" "1||pg_principal: no auth.users row for nobody@example.com"
done
"$PG_PRINCIPAL" issuers rules --issuer https://x >"$work/out" 2>"$work/err"
is "rules of an issuer that is not trusted" "$?|$(cat "$work/out")|$(head -n 1 "$work/err")" "1||pg_principal: issuer https://x is not trusted"
is "scopes" "$("$PG_PRINCIPAL" clients scopes --email $agent --scope read --scope write)" "set the scopes of $agent"
is "list" "$("$PG_PRINCIPAL" clients list --output json | jq -c '.[] | [.email, .scopes, .secrets, .liveTokens, .banned]')" "[\"$agent\",[\"read\",\"write\"],2,0,false]"
like "as a table" "$("$PG_PRINCIPAL" clients list)" '^CLIENT +EMAIL +SECRETS +NEXT EXPIRY +LIVE TOKENS +SCOPES\s[0-9a-f-]{36} +kata-agent-team@example.com +2 +[0-9T:Z-]+ +0 +read write$'
is "secrets, without the secrets" "$("$PG_PRINCIPAL" clients secrets --email $agent --output json | jq -c 'map([keys_unsorted, .label, .state])[0]')" '[["secretId","email","label","state","createdAt","expiresAt"],"ci","live"]'
id=$(jq -r .secretId "$work/json")
is "revoke-secret" "$("$PG_PRINCIPAL" clients revoke-secret "$id" --reason leaked)" "revoked $id"
"$PG_PRINCIPAL" clients revoke-secret "$id" >"$work/out" 2>"$work/err"
is "once" "$?|$(head -n 1 "$work/err")" "1|pg_principal: no client secret $id"
is "another, for a script" "$("$PG_PRINCIPAL" clients create-secret --email $agent --output token | grep -cE '^pgps_')" 1
is "no scopes any more" "$("$PG_PRINCIPAL" clients scopes --email $agent && "$PG_PRINCIPAL" clients list --output json | jq -c '.[0].scopes')" "set the scopes of $agent
[]"

is "no applications" "$("$PG_PRINCIPAL" clients registered) $("$PG_PRINCIPAL" clients registered --output json)" "no applications []"
is "register" "$("$PG_PRINCIPAL" clients register psql --name 'psql on a laptop' --scope database --ttl 8h)" "registered psql"
is "registered" "$("$PG_PRINCIPAL" clients registered --output json | jq -c 'map(del(.createdAt))')" '[{"clientId":"psql","name":"psql on a laptop","scopes":["database"],"tokenTtl":28800,"liveTokens":0}]'
like "as a table" "$("$PG_PRINCIPAL" clients registered)" '^CLIENT +NAME +TTL IN SECONDS +LIVE TOKENS +CREATED +SCOPES\spsql +psql on a laptop +28800 +0 +[0-9T:Z-]+ +database$'
"$PG_PRINCIPAL" clients register 'a b' >"$work/out" 2>"$work/err"
is "a client id with a space" "$?|$(head -n 1 "$work/err")" '1|pg_principal: malformed client id "a b"'
is "unregister" "$("$PG_PRINCIPAL" clients unregister psql)" "unregistered psql"
"$PG_PRINCIPAL" clients unregister psql >"$work/out" 2>"$work/err"
is "which is one no more" "$?|$(head -n 1 "$work/err")" "1|pg_principal: no application psql"

# what an assertion says that it is (RFC 7515, section 4.1.9)
openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$work/signer" 2>/dev/null
psql -XAtq -v email=$agent -v pem="$(cat "$work/signer")" >/dev/null <<'SQL'
SELECT auth.register_client_keys(:'email', jsonb_build_object('keys', jsonb_build_array(auth.public_jwk(auth.pem_to_jwk(:'pem')))));
SQL
base64url() { base64 -w 0 | tr '+/' '-_' | tr -d '='; }
shown() { # TYP: the status of the answer
    local id now signed
    id=$(psql -XAtqc "SELECT id FROM auth.users WHERE email = '$agent'")
    now=$(date +%s)
    signed=$(jq -cnj --arg typ "$1" '{alg: "RS256", typ: $typ}' | base64url).$(jq -cnj --arg id "$id" --argjson now "$now" \
        '{iss: $id, sub: $id, aud: "pg_principal", exp: ($now + 100), jti: ($typ + "\($now)")}' --arg typ "$1" | base64url)
    psql -XAtq -v assertion="$signed.$(printf %s "$signed" | openssl dgst -sha256 -sign "$work/signer" | base64url)" <<'SQL'
SELECT status FROM auth.oauth_token(jsonb_build_object('grant_type', 'client_credentials', 'client_assertion', :'assertion',
    'client_assertion_type', 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'));
SQL
}
for typ in JWT application/jwt client-authentication+jwt Application/Client-Authentication+JWT; do
    is "an assertion of type $typ" "$(shown "$typ")" 200
done
for typ in at+jwt application/application/jwt application/ ""; do
    is "an assertion of type '$typ'" "$(shown "$typ")" 401
done
