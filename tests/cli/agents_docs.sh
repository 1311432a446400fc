#!/bin/bash
# docs/agents.md: the three worked examples, run as they are printed there, against a server at https://id.example.com, which curl
# finds here and whose authority it knows.
cd "$(dirname "$0")/../.." || exit 2
# shellcheck source=tests/harness/tap.sh
. tests/harness/tap.sh
work=$(mktemp -d)
processes=()
trap 'kill "${processes[@]}" 2>/dev/null; rm -rf "$work"' EXIT
sql() { psql -XqAt -v ON_ERROR_STOP=1 -c "$1"; }
page=docs/agents.md

block() { # HEADING N: the Nth block of code below a heading
    awk -v heading="### $1" -v wanted="$2" '
        /^##/ { here = $0 == heading }
        /^```/ && !inside { inside = 1; n += here; next }
        /^```$/ { inside = 0; next }
        inside && here && n == wanted' "$page"
}
run() { # HEADING N
    block "$@" >"$work/block" && [ -s "$work/block" ] && bash -eu "$work/block" 2>&1
}

"$PG_PRINCIPAL" keys create --alg ES256 >/dev/null
for account in ci pod bot; do sql "SELECT auth.add_user('{\"email\": \"$account@example.com\", \"kind\": \"service_account\"}')" >/dev/null; done
sql "SELECT auth.add_user('{\"email\": \"ann@example.com\", \"password\": \"Th1sIsAStrong!Pass\"}')" >/dev/null
sql "SELECT count(*) FROM pg_roles WHERE rolname = 'web'" | grep -q 1 || sql "CREATE ROLE web LOGIN IN ROLE authenticator" >/dev/null

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -keyout "$work/key.pem" -out "$work/cert.pem" -subj /CN=id.example.com \
    -addext subjectAltName=DNS:id.example.com 2>/dev/null
PGUSER=web "$PG_PRINCIPAL" serve --listen 127.0.0.1:0 --tls-cert "$work/cert.pem" --tls-key "$work/key.pem" --access-log off --no-fetch \
    --rate-limit 0 --statement-timeout 60 2>"$work/serve" &
processes+=($!)
for _ in {1..600}; do
    port=$(sed -n 's|.*listening on https://127.0.0.1:\([0-9]*\).*|\1|p' "$work/serve")
    [ -z "$port" ] || break
    sleep 0.1
done
mkdir "$work/bin" && ln -s "$(realpath "$PG_PRINCIPAL")" "$work/bin/pg_principal"
printf 'connect-to = "id.example.com:443:127.0.0.1:%s"\ncacert = "%s"\n' "$port" "$work/cert.pem" >"$work/.curlrc"
export CURL_HOME=$work PATH=$work/bin:$PATH

# What the platforms give: keys of ours in the place of theirs, and tokens that they sign.
jwk=$(sql "SELECT auth.generate_jwk('RS256') || '{\"kid\": \"k\"}'")
sql "SELECT jsonb_build_object('keys', jsonb_build_array(auth.public_jwk('$jwk')))" >"$work/keys.json"
signed() { # CLAIMS
    sql "SELECT auth.jwt_sign('$1'::jsonb || jsonb_build_object('jti', gen_random_uuid(), 'iat', floor(extract(epoch FROM now())), 'exp', floor(extract(epoch FROM now())) + 600), '$jwk')"
}

like "CI job: the operator" "$(run "A CI job" 1)" $'^trusted https://token.actions.githubusercontent.com\nadded rule [0-9a-f-]{36}$'
"$PG_PRINCIPAL" issuers keys https://token.actions.githubusercontent.com --jwks-file "$work/keys.json" >/dev/null
token=$(signed '{"iss": "https://token.actions.githubusercontent.com", "aud": "https://id.example.com", "sub": "repo:octo/app:environment:prod", "repository_id": "74", "environment": "prod"}')
printf '{"count": 1, "value": "%s"}' "$token" >"$work/token"
export ACTIONS_ID_TOKEN_REQUEST_TOKEN=x ACTIONS_ID_TOKEN_REQUEST_URL="file://$work/token?x"
is "CI job: the job" "$(run "A CI job" 2)" "$(block "A CI job" 3)"

like "pod: the operator" "$(run "A Kubernetes pod" 1)" $'^trusted https://kubernetes.default.svc\nadded rule [0-9a-f-]{36}$'
"$PG_PRINCIPAL" issuers keys https://kubernetes.default.svc --jwks-file "$work/keys.json" >/dev/null
printf %s "$(signed '{"iss": "https://kubernetes.default.svc", "aud": ["https://id.example.com"], "sub": "system:serviceaccount:prod:agent", "kubernetes.io": {"namespace": "prod", "serviceaccount": {"name": "agent", "uid": "8a2f5c1e"}}}')" >"$work/pod"
export TOKEN_FILE=$work/pod
is "pod: the pod" "$(run "A Kubernetes pod" 2)" "$(block "A Kubernetes pod" 3)"
is "pod: and again, with the same token" "$(run "A Kubernetes pod" 2)" "$(block "A Kubernetes pod" 3)"

like "agent: the operator" "$(run "An agent on behalf of a person" 1)" $'^set the scopes of bot@example.com\n'
IFS='|' read -r CLIENT_ID CLIENT_SECRET < <(sql "SELECT client_id, secret FROM auth.create_client_secret('bot@example.com')")
ANNS_TOKEN=$(curl -s https://id.example.com/api/auth/login -H 'Content-Type: application/json' -d '{"email": "ann@example.com", "password": "Th1sIsAStrong!Pass"}' | jq -r .tokens.accessToken)
export CLIENT_ID CLIENT_SECRET ANNS_TOKEN
eval "$(block "An agent on behalf of a person" 2)" # for the next block, as in a shell
export lent
is "agent: the agent" "$(run "An agent on behalf of a person" 3)" "$(block "An agent on behalf of a person" 4)"
eval "$(block "An agent on behalf of a person" 3)" >/dev/null
is "agent: whoami tells of both" "$(TOKEN=$token pg_principal whoami --token-env TOKEN --output json | jq -c '[.email, .actor, .client, .scopes]')" \
    "[\"ann@example.com\",\"bot@example.com\",\"$CLIENT_ID\",\"read\"]"
is "agent: the person's sessions tell whose it is" "$(pg_principal auth sessions --email ann@example.com --output json | jq -r '[.[] | select(.origin == "oauth") | .label] | unique | join(", ")')" \
    "bot@example.com, lent to bot@example.com"
