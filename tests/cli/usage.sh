#!/bin/bash
# Offline: help, exit codes, and what a message about wrong usage may say.
cd "$(dirname "$0")/../.." || exit 2
# shellcheck source=tests/harness/tap.sh
. tests/harness/tap.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export PGHOST=/nonexistent # whoever connects here fails
unset LANDMARK_AUTH_TOKEN

pg_principal() { # sets out, err, code
    "$PG_PRINCIPAL" "$@" >"$work/out" 2>"$work/err" </dev/null
    code=$?
    out=$(cat "$work/out") err=$(cat "$work/err")
}

refused() { # NAME CODE MESSAGE ARGUMENT..: this exit code, nothing on stdout, this on stderr
    local name=$1 wanted=$2 message=$3
    shift 3
    pg_principal "$@"
    is "$name" "$code|$out|$(head -n 1 "$work/err")" "$wanted||pg_principal: $message"
}

version=$(sed -n "s/^default_version = '\(.*\)'/\1/p" extension/pg_principal.control)
pg_principal --version
is "--version is the control file's" "$code $out" "0 pg_principal $version"

for verb in "" auth "auth issue" "auth key" "auth adopt-key" "auth sessions" "auth revoke" "auth ban" "auth unban" "auth logins" "auth allow-login" "auth disallow-login" "auth connections" "auth disconnect" \
    people "people validate" "people push" "people render" "people provision" "people remove" "people rename" \
    keys "keys list" "keys create" "keys import" "keys activate" "keys retire" "keys revoke" \
    clients "clients list" "clients create-secret" "clients secrets" "clients scopes" "clients revoke-secret" "clients register-keys" "clients keys" \
    "clients register" "clients registered" "clients unregister" \
    issuers "issuers list" "issuers trust" "issuers distrust" "issuers keys" "issuers refresh" "issuers map" "issuers unmap" "issuers rules" "issuers test" \
    delegations "delegations list" "delegations create" "delegations end" \
    health "health scan" "health report" "health status" "health schedule" audit "audit list" "audit verify" "audit seal" doctor whoami serve; do
    # shellcheck disable=SC2086
    pg_principal $verb --help
    like "help of '$verb' has an example" "$code $out" "^0 .*Examples:.*pg_principal ${verb%% *}"
    is "help of '$verb' is no error" "$err" ""
done

refused "no verb" 2 "a verb is missing"
refused "no verb in a family" 2 "a verb is missing" auth
refused "unknown verb" 2 'unknown verb or argument "frobnicate"' frobnicate
refused "unknown verb in a family" 2 'unknown verb or argument "mint"' auth mint
refused "unknown option" 2 'unknown option "--frobnicate"' auth issue --email a@example.com --frobnicate
refused "two verbs" 2 'unknown verb or argument "provision"' people remove --email a@example.com provision
refused "unknown output" 2 "--output: xml not in {text,json,token}" auth issue --email a@example.com --output xml
refused "no token output where there is no token" 2 "--output: token not in {text,json}" auth ban --email a@example.com --output token
refused "unknown role" 2 "--role: root not in {anon,service_role}" auth key --role root
refused "unknown algorithm" 2 "--alg: none not in {HS256,HS384,HS512,RS256,RS384,RS512,PS256,PS384,PS512,ES256,ES384,ES512,EdDSA,Ed25519,Ed448}" keys create --alg none
refused "missing --email of a ban" 2 "--email is required" auth ban
refused "missing file" 2 "FILE is required" people push
refused "missing kid" 2 "KID is required" keys activate
refused "option without a value" 2 "--ttl: 1 required TEXT missing" auth issue --email a@example.com --ttl
pg_principal auth issue --email a@example.com --email b@example.com
like "repeated option" "$code $out$err" "^2 pg_principal: --email: At [Mm]ost 1 required but received 2"
refused "import without a source" 2 "exactly one of --secret-env, --secret-file, --jwk-file is required" keys import
refused "import from two sources" 2 "exactly one of --secret-env, --secret-file, --jwk-file is required" keys import --secret-env A --secret-file B
refused "sessions of nobody" 2 "exactly one of --email, --project-keys is required" auth sessions
refused "sessions of two" 2 "exactly one of --email, --project-keys is required" auth sessions --email a@example.com --project-keys
refused "an audit of two" 2 "only one of --email, --principal may be given" audit list --email a@example.com --principal 00000000-0000-0000-0000-000000000000
refused "a schedule that goes and comes" 2 "only one of --at, --remove may be given" health schedule --remove --at "5 * * * *"
refused "a key until no time" 2 '--until: "yesterday" is not a time' auth adopt-key --token-env A --until yesterday

export PG_PRINCIPAL_SERVE_TYPO=1
refused "a variable that nothing reads" 1 "warning: there is no variable PG_PRINCIPAL_SERVE_TYPO" serve --tls-cert /nonexistent --tls-key x
unset PG_PRINCIPAL_SERVE_TYPO
export PG_PRINCIPAL_SERVE_POOL_SIZE=none
refused "a variable that cannot be, by its name" 2 "PG_PRINCIPAL_SERVE_POOL_SIZE: Value none not in range 1 to 1000" serve
refused "what was typed counts, by its own" 2 "--pool-size: Value x not in range 1 to 1000" serve --pool-size x
for given in "METRICS_FROM=x" "LISTEN=x" "LISTEN=0.0.0.0:1" "CORS_ORIGIN=x" "CORS_HEADER=a b" "TRUSTED_PROXY=x" "FETCH_FROM=x" "SUPABASE_PREFIX=x"; do
    export "PG_PRINCIPAL_SERVE_$given"
    pg_principal serve --pool-size 1
    like "and what serve itself finds wrong: $given" "$code $err" "2 pg_principal: PG_PRINCIPAL_SERVE_${given%%=*}:? .*"
    unset "PG_PRINCIPAL_SERVE_${given%%=*}"
done
export PG_PRINCIPAL_SERVE_TLS_CERT=x
refused "of two options the one that was not typed" 2 "PG_PRINCIPAL_SERVE_TLS_CERT and --tls-key belong together" serve --pool-size 1
unset PG_PRINCIPAL_SERVE_TLS_CERT
refused "what was typed is named as it was typed" 2 "--metrics-from: x is not an address or range" serve --pool-size 1 --metrics-from x
refused "is no concern of other verbs" 2 "KID is required" keys activate
unset PG_PRINCIPAL_SERVE_POOL_SIZE
export PG_PRINCIPAL_SERVE_NO_FETCH=maybe
pg_principal serve # each version of CLI11 has its own words
like "of a switch, too" "$code $err" '2 pg_principal: .*PG_PRINCIPAL_SERVE_NO_FETCH.*'
unset PG_PRINCIPAL_SERVE_NO_FETCH

# A missing address is the first refusal of an issue, not wrong usage.
refused "issue without --email" 1 "--email is required" auth issue --ttl nonsense
refused "issue with an empty --email" 1 "--email is required" auth issue --email ""
refused "issue with an empty --email=" 1 "--email is required" auth issue --email=

for secret in Sup3r-secret-value-that-somebody-typed eyJhbGciOiJIUzI1NiJ9.e30.c2ln; do
    for call in "keys import $secret" "keys import --secret=$secret" "keys import -s$secret" "whoami $secret" \
        "auth unban --email a@example.com $secret" "$secret"; do
        # shellcheck disable=SC2086
        pg_principal $call
        is "a secret typed as an argument is not repeated: ${call/$secret/SECRET}" \
            "$code $(grep -c "${secret:4:12}" "$work/err" "$work/out" | cut -d: -f2 | xargs)" "2 0 0"
    done
done
refused "password in a URL" 2 "a password does not belong on the command line" \
    auth unban --email a@example.com --dsn postgres://someone:hunter2@localhost/db
refused "password in a DSN" 2 "a password does not belong on the command line" \
    --dsn "host=localhost password=hunter2" auth unban --email a@example.com
pg_principal auth unban --email a@example.com --dsn "hunter2 hunter3"
is "a DSN that makes no sense is not repeated" "$code $(grep -c hunter "$work/err")" "2 0"

pg_principal auth unban --email a@example.com
like "no server: exit 1 and a hint" "$code $err" "^1 pg_principal: connection to server .* hint: The connection comes from"
is "no server: nothing on stdout" "$out" ""
refused "whoami without a token" 1 "the environment variable LANDMARK_AUTH_TOKEN is not set" whoami
LANDMARK_AUTH_TOKEN='' refused "whoami with an empty one" 1 "the environment variable LANDMARK_AUTH_TOKEN is empty" whoami
LANDMARK_AUTH_TOKEN='' refused "import from one" 1 "the environment variable LANDMARK_AUTH_TOKEN is empty" keys import --secret-env LANDMARK_AUTH_TOKEN
refused "whoami with another variable" 1 "the environment variable NOT_THERE is not set" whoami --token-env NOT_THERE
refused "import from a variable that is not set" 1 "the environment variable NOT_THERE is not set" keys import --secret-env NOT_THERE
refused "import from a file that is not there" 1 "could not read \"$work/none\": No such file or directory" keys import --secret-file "$work/none"
printf 'not json, but secret' >"$work/secret"
refused "import of a JWK that is none" 1 "$work/secret is neither a JSON object nor an array of one" keys import --jwk-file "$work/secret"
printf '{"keys": []}' >"$work/set.json"
refused "import of a set of keys" 1 "$work/set.json is a JWK Set" keys import --jwk-file "$work/set.json"
openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$work/key.pem" 2>/dev/null ||
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$work/key.pem"
pg_principal keys import --jwk-file "$work/key.pem"
is "import of a PEM as a JWK" "$code|$err" "1|pg_principal: $work/key.pem is neither a JSON object nor an array of one
  hint: A private key in PEM is imported with --secret-file."
: >"$work/empty"
refused "import of an empty file" 1 "$work/empty is empty" keys import --secret-file "$work/empty"
printf 'a\0b' >"$work/nul"
refused "import of a file with a NUL byte" 1 "$work/nul contains a NUL byte" keys import --secret-file "$work/nul"
head -c 70000 /dev/zero | tr '\0' x >"$work/large"
refused "import of a large file" 1 "$work/large is larger than 64 KiB, too large for a key" keys import --secret-file "$work/large"

openssl req -x509 -key "$work/key.pem" -subj /CN=localhost -out "$work/cert.pem"
openssl pkey -in "$work/key.pem" -aes256 -passout pass:secret -out "$work/locked.pem"
pg_principal serve --tls-cert "$work/cert.pem" --tls-key "$work/locked.pem"
like "serve asks nobody for a passphrase" "$code|$out|$err" "^1\|\|pg_principal: cannot read a private key from $work/locked.pem.*detail: it has a passphrase.*hint: .*openssl pkey"
openssl ec -in "$work/key.pem" -aes256 -passout pass:secret 2>/dev/null | sed 's/EC PRIVATE KEY/CERTIFICATE/' >"$work/locked_cert.pem"
pg_principal serve --tls-cert "$work/locked_cert.pem" --tls-key "$work/key.pem"
like "nor for one of a certificate" "$code|$out|$err" "^1\|\|pg_principal: cannot read a certificate from $work/locked_cert.pem.*detail: it has a passphrase"
pg_principal serve --tls-cert "$work/set.json" --tls-key "$work/key.pem"
is "and says what is wrong with a certificate" "$code|$err" "1|pg_principal: cannot read a certificate from $work/set.json
  detail: no start line"

"$PG_PRINCIPAL" people render tests/samples/roster.yaml >/dev/full 2>"$work/err"
is "a result that cannot be written is a failure" "$? $(cat "$work/err")" "1 pg_principal: could not write the result"
for words in "people render tests/samples/roster.yaml" --help "auth issue --help" --version; do
    # shellcheck disable=SC2086
    "$PG_PRINCIPAL" $words >&- 2>"$work/err"
    is "nor one for which standard output is closed: $words" "$? $(cat "$work/err")" "1 pg_principal: could not write the result"
done
"$PG_PRINCIPAL" --version >/dev/full 2>"$work/err"
is "nor the version" "$? $(cat "$work/err")" "1 pg_principal: could not write the result"
"$PG_PRINCIPAL" serve --listen 127.0.0.1:0 >&- 2>"$work/err"
is "serve asks for another access log" "$? $(cat "$work/err")" "1 pg_principal: cannot open the access log -: Bad file descriptor"
(ulimit -v 600000 && timeout 20 "$PG_PRINCIPAL" serve --listen 127.0.0.1:0 --max-connections 5000 --access-log off >"$work/out" 2>"$work/err")
like "serve without room for its threads" "$?|$(cat "$work/out")|$(cat "$work/err")" '^1\|\|pg_principal: cannot start 5000 threads, one for a connection: .*hint: Give a smaller --max-connections'
