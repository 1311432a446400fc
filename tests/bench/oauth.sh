#!/bin/bash
# Access tokens for client_credentials and introspections a second by `pg_principal serve`, durable in the database, against
# npm's oidc-provider, which keeps them in the memory of its one process; both sign with ES256. Ours are asked for by as
# many clients as there are connections: the tokens of one follow each other in its audit. In turns, of all rounds each
# side's best counts.
set -u
seconds=${BENCH_SECONDS:-5} rounds=${BENCH_ROUNDS:-3} ours=9971 theirs=9972 connections=${BENCH_CONNECTIONS:-32} failed=0
folder=$(mktemp -d) pids=
tidy() {
    # shellcheck disable=SC2086
    kill $pids 2>/dev/null
    wait
    rm -rf "$folder"
    psql -Xqd postgres -c "DROP OWNED BY bench_web" -c "DROP ROLE IF EXISTS bench_web"
}
trap tidy EXIT
tests/harness/npm.sh interop >"$folder/npm.log" 2>&1 || { cat "$folder/npm.log" && exit 1; }
psql -Xqc "CREATE ROLE bench_web LOGIN IN ROLE authenticator"
psql -XqAt -F : -v ON_ERROR_STOP=1 -v n="$connections" >"$folder/clients" <<'SQL'
SELECT auth.create_signing_key('ES256') \g /dev/null
SELECT auth.add_user(jsonb_build_object('email', 'bench-' || i || '@example.com', 'kind', 'service_account')) FROM generate_series(1, :n) AS i \g /dev/null
SELECT auth.set_client_scopes('bench-' || i || '@example.com', '{read}') FROM generate_series(1, :n) AS i \g /dev/null
SELECT s.client_id, s.secret FROM generate_series(1, :n) AS i, auth.create_client_secret('bench-' || i || '@example.com') AS s;
SQL
one=$(head -n 1 "$folder/clients")
echo bench:bench-secret >"$folder/theirs"
PGUSER=bench_web "$PG_PRINCIPAL" serve --listen "127.0.0.1:$ours" --access-log off --rate-limit 0 --max-requests 1000000000 2>"$folder/serve.log" &
pids=$!
node tests/interop/oidc_provider.mjs $theirs >"$folder/oidc" 2>&1 &
pids+=" $!"
for _ in {1..100}; do
    grep -q ready "$folder/oidc" && curl -sf "http://127.0.0.1:$ours/health" >/dev/null && break
    sleep 0.2
done

load() { # NAME BODY CLIENTS: for wrk, each request by the next of them
    {
        printf 'local client, clients = 0, {'
        while read -r client; do printf '"Basic %s", ' "$(printf %s "$client" | base64 -w 0)"; done <"$3"
        printf '}\nfunction request()\n    client = client %% #clients + 1\n'
        printf '    return wrk.format("POST", nil, {["Content-Type"] = "application/x-www-form-urlencoded", Authorization = clients[client]}, "%s")\nend\n' "$2"
    } >"$folder/$1.lua"
}
token() { # PORT ID:SECRET [RESOURCE]
    curl -s -u "$2" "http://127.0.0.1:$1$3/token" -d grant_type=client_credentials -d scope=read | jq -r .access_token
}
load our-tokens "grant_type=client_credentials&scope=read" "$folder/clients"
load their-tokens "grant_type=client_credentials&scope=read&resource=http%3A%2F%2F127.0.0.1%2Fjwt" "$folder/theirs"
load our-introspections "token=$(token $ours "$one" /oauth)" "$folder/clients"
load their-introspections "token=$(token $theirs bench:bench-secret "")" "$folder/theirs"
[[ $(curl -s -u bench:bench-secret "http://127.0.0.1:$theirs/token" -d "grant_type=client_credentials&scope=read&resource=http%3A%2F%2F127.0.0.1%2Fjwt" | jq -r .access_token) == eyJ* ]] ||
    { echo "oidc-provider gives no JWT" && cat "$folder/oidc" && exit 1; }

rate() { # NAME PORT PATH: answers a second, all of them good
    wrk -t 1 -c "$connections" -d "${seconds}s" -s "$folder/$1.lua" "http://127.0.0.1:$2$3" >"$folder/out" 2>&1
    if grep -q 'Non-2xx' "$folder/out"; then
        echo "not all answers to $1 were good" >&2
        cat "$folder/out" >&2
    fi
    sed -n 's/^Requests\/sec: *//p' "$folder/out"
}
best() { sort -g "$1" | tail -n 1; }
measure() { # NAME OUR-PATH THEIR-PATH
    local name=$1 round ratio
    for ((round = 0; round < rounds; round++)); do
        rate "our-$name" $ours "$2" >>"$folder/our-$name.rates"
        rate "their-$name" $theirs "$3" >>"$folder/their-$name.rates"
    done
    ratio=$(awk -v a="$(best "$folder/our-$name.rates")" -v b="$(best "$folder/their-$name.rates")" 'BEGIN { printf "%.2f", a / b }')
    printf '   %s a second: %s ours, %s oidc-provider\nratio %s %s (at least 10)\n' "$name" "$(best "$folder/our-$name.rates")" "$(best "$folder/their-$name.rates")" "$name" "$ratio"
    awk -v r="$ratio" 'BEGIN { exit r >= 10 ? 0 : 1 }' || failed=1
}
measure tokens /oauth/token /token
measure introspections /oauth/introspect /token/introspection
exit $failed
