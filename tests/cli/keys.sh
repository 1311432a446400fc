#!/bin/bash
# Signing keys from the command line.
cd "$(dirname "$0")/../.." || exit 2
# shellcheck source=tests/harness/tap.sh
. tests/harness/tap.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
agent=kata-agent-team@example.com
states() { "$PG_PRINCIPAL" keys list --output json | jq -c 'map({(.kid): .state}) | add'; }
alive() { TOKEN=$1 "$PG_PRINCIPAL" whoami --token-env TOKEN >/dev/null 2>&1 && echo alive || echo dead; }

is "no key, an empty list" "$("$PG_PRINCIPAL" keys list --output json)" "[]"
like "and an empty table" "$("$PG_PRINCIPAL" keys list)" '^KID +ALG +STATE +SEALED +CREATED +ACTIVATED$'
headings() { # VARIABLE=VALUE..: what a terminal is sent
    env -u NO_COLOR TERM=xterm "$@" script -qec "'$PG_PRINCIPAL' keys list" /dev/null </dev/null | tr -d '\r'
}
is "a terminal sees bold headings" "$(headings)" $'\e[1mKID  ALG  STATE  SEALED  CREATED  ACTIVATED\e[0m'
is "NO_COLOR that is empty does not count" "$(headings NO_COLOR=)" "$(headings)"
is "NO_COLOR: plain" "$(headings NO_COLOR=0)" "KID  ALG  STATE  SEALED  CREATED  ACTIVATED"
is "a terminal without escape sequences: plain" "$(headings TERM=dumb)" "KID  ALG  STATE  SEALED  CREATED  ACTIVATED"
"$PG_PRINCIPAL" keys create >"$work/out"
first=$(sed -n 's/^created \(.*\) (in_use)$/\1/p' "$work/out")
like "create" "$first" '^[A-Za-z0-9_-]{43}$'
second=$("$PG_PRINCIPAL" keys create --alg ES256 --standby --output token)
is "create in standby" "$(states | jq -c --arg a "$first" --arg b "$second" '[.[$a], .[$b]]')" '["in_use","standby"]'
like "list" "$("$PG_PRINCIPAL" keys list)" "$second +ES256 +standby +no +[0-9T:Z-]+ +-"
is "list shows no secret" "$("$PG_PRINCIPAL" keys list --output json | jq -c '.[0] | keys_unsorted')" \
    '["kid","alg","state","sealed","createdAt","activatedAt"]'

"$PG_PRINCIPAL" people push tests/samples/story.terrain >/dev/null
"$PG_PRINCIPAL" people provision >/dev/null
old=$("$PG_PRINCIPAL" auth issue --email $agent --output token)
is "activate" "$("$PG_PRINCIPAL" keys activate "$second")" "activated $second"
is "one key is in use, the other was" "$(states | jq -c --arg a "$first" --arg b "$second" '[.[$a], .[$b]]')" '["previously_used","in_use"]'
new=$("$PG_PRINCIPAL" auth issue --email $agent --output token)
is "rotation kills no token" "$(alive "$old") $(alive "$new")" "alive alive"
is "revoke" "$("$PG_PRINCIPAL" keys revoke "$first")" "revoked $first"
is "revocation kills its tokens alone" "$(alive "$old") $(alive "$new")" "dead alive"
is "retire" "$("$PG_PRINCIPAL" keys retire "$second" --output json 2>"$work/err" | jq -c .)" "{\"retired\":\"$second\"}"
is "that nothing signs now is told" "$(cat "$work/err")" "pg_principal: warning: no signing key is in use: nobody can sign in, and nothing is minted
  hint: pg_principal keys activate KID, or pg_principal keys create"
"$PG_PRINCIPAL" auth issue --email $agent >"$work/out" 2>"$work/err"
is "no key in use" "$?|$(head -n 1 "$work/err")" "1|pg_principal: no signing key is in use"
"$PG_PRINCIPAL" keys activate "$first" >"$work/out" 2>"$work/err"
is "a revoked key stays revoked" "$?|$(head -n 1 "$work/err")" "1|pg_principal: signing key $first is revoked"
"$PG_PRINCIPAL" keys activate no-such-key >"$work/out" 2>"$work/err"
is "no such key" "$?|$(head -n 1 "$work/err")" "1|pg_principal: signing key no-such-key does not exist"

secret=super-secret-jwt-token-with-at-least-32-characters
kid=$(SUPABASE_JWT_SECRET=$secret "$PG_PRINCIPAL" keys import --secret-env SUPABASE_JWT_SECRET --output token)
is "import from the environment" "$(states | jq -r --arg a "$kid" '.[$a]')" in_use
token=$("$PG_PRINCIPAL" auth issue --email $agent --output token)
is "it signs with that secret" "$(printf %s "${token%.*}" | openssl dgst -sha256 -hmac $secret -binary | base64 | tr '/+' '_-' | tr -d =)" \
    "${token##*.}"
printf '%s\n' "$secret" >"$work/secret"
"$PG_PRINCIPAL" keys import --secret-file "$work/secret" >"$work/out" 2>"$work/err"
is "from a file, without its newline: the same key" "$?|$(head -n 1 "$work/err")" "1|pg_principal: signing key $kid already exists"
base64url() { base64 -w 0 | tr '/+' '_-' | tr -d =; }
input=$(printf '{"alg":"HS256","typ":"JWT"}' | base64url).$(printf '{"iss":"supabase","role":"anon","iat":1700000000,"exp":4102444800}' | base64url)
anon=$input.$(printf %s "$input" | openssl dgst -sha256 -hmac $secret -binary | base64url)
is "an old key is refused until it is adopted" "$(LANDMARK_AUTH_TOKEN=$anon "$PG_PRINCIPAL" whoami 2>&1 | grep -o 'no kid')" "no kid"
OLD_KEY=$anon "$PG_PRINCIPAL" auth adopt-key --token-env OLD_KEY --label app >"$work/out" 2>"$work/err"
like "auth adopt-key" "$?|$(cat "$work/out")|$(cat "$work/err")" '^0\|adopted a key for anon until 2100-01-01T00:00:00Z; to end it: pg_principal auth revoke --session [0-9a-f-]{36}\|$'
is "then it is taken" "$(LANDMARK_AUTH_TOKEN=$anon "$PG_PRINCIPAL" whoami --output json | jq -r .role)" anon
printf '%s\n' "$anon" >"$work/token"
is "until an earlier date, from a file" "$("$PG_PRINCIPAL" auth adopt-key --token-file "$work/token" --until 2090-01-01T00:00:00Z --output json | jq -r '.expiresAt')" \
    2090-01-01T00:00:00Z
is "which is in UTC, whatever the connection's settings" "$(PGTZ=Asia/Tokyo PGDATESTYLE='SQL, DMY' "$PG_PRINCIPAL" auth adopt-key --token-file "$work/token" --until 2090-03-02 --output json | jq -r '.expiresAt')" \
    2090-03-02T00:00:00Z
is "and is what whoami tells" "$(LANDMARK_AUTH_TOKEN=$anon "$PG_PRINCIPAL" whoami --output json | jq -r .expiresAt)" 2090-03-02T00:00:00Z
like "project keys are listed" "$("$PG_PRINCIPAL" auth sessions --project-keys)" '^SESSION .*live   app    anon .* 2090-03-02T00:00:00Z'
"$PG_PRINCIPAL" auth adopt-key >"$work/out" 2>"$work/err"
is "without a key" "$?|$(head -n 1 "$work/err")" "2|pg_principal: exactly one of --token-env, --token-file is required"
session=$("$PG_PRINCIPAL" auth adopt-key --token-file "$work/token" --output json | jq -r .sessionId)
"$PG_PRINCIPAL" auth revoke --session "$session" >"$work/out" 2>&1
is "revoked" "$?|$(LANDMARK_AUTH_TOKEN=$anon "$PG_PRINCIPAL" whoami 2>&1 | grep -o 'session revoked')" "0|session revoked"
"$PG_PRINCIPAL" auth adopt-key --token-file "$work/token" >"$work/out" 2>"$work/err"
is "for good, and not repeated" "$?|$(head -n 1 "$work/err")|$(grep -c "${anon:0:20}" "$work/err")" "1|pg_principal: the key was not adopted: it was revoked|0"
printf 'yet-another-secret-of-at-least-32-bytes' >"$work/secret"
like "keys import says what it is for" "$("$PG_PRINCIPAL" keys import --secret-file "$work/secret" --standby | tr '\n' ' ')" '^imported [A-Za-z0-9_-]+ \(standby\) .*auth adopt-key'
printf short >"$work/secret"
"$PG_PRINCIPAL" keys import --secret-file "$work/secret" >"$work/out" 2>"$work/err"
is "a short secret is refused and not repeated" "$? $(cat "$work/out") $(grep -c 'key refused' "$work/err") $(grep -c '"short"' "$work/err")" "1  1 0"

k=$(printf 'another-secret-of-at-least-32-bytes-length' | base64 | tr '/+' '_-' | tr -d '=\n')
printf '{"kty":"oct","alg":"HS256","kid":"from-a-file","k":"%s"}\n' "$k" >"$work/jwk"
is "import a JWK in standby" "$("$PG_PRINCIPAL" keys import --jwk-file "$work/jwk" --standby)" "imported from-a-file (standby)"
dashed=-hCN-HwN9tsNntWwfKcBix8W443W5MaX2xRzOOuB4u8
printf '{"kty":"oct","alg":"HS256","kid":"%s","k":"%s"}\n' $dashed "$k" >"$work/jwk"
is "a key id that begins with a dash" "$("$PG_PRINCIPAL" keys import --jwk-file "$work/jwk" --standby) $("$PG_PRINCIPAL" keys revoke $dashed)" \
    "imported $dashed (standby) revoked $dashed"
printf '{"kty":"oct","alg":"HS256","k":"%s"' "$k" >"$work/jwk"
"$PG_PRINCIPAL" keys import --jwk-file "$work/jwk" >"$work/out" 2>"$work/err"
is "a truncated JWK is refused and not repeated" "$?|$(cat "$work/out")|$(cat "$work/err")" "1||pg_principal: $work/jwk is neither a JSON object nor an array of one"
printf '{"kty":"oct","alg":"none","k":"%s"}' "$k" >"$work/jwk"
"$PG_PRINCIPAL" keys import --jwk-file "$work/jwk" >"$work/out" 2>"$work/err"
is "what the server refuses is not repeated" "$? $(grep -c "${k:0:12}" "$work/err")" "1 0"

# what is published never becomes a secret, over either way and whatever it is wrapped in
public=$("$PG_PRINCIPAL" keys create --alg ES256 --standby --output token >/dev/null && psql -XAtqc "SELECT auth.jwks()->'keys'->0")
refused() { # name, what it is
    "$PG_PRINCIPAL" keys import --secret-file "$work/text" >"$work/out" 2>"$work/err"
    is "$1 is no secret" "$?|$(cat "$work/out")|$(head -n 1 "$work/err")" "1||pg_principal: not usable as a secret: it is $2"
    IMPORTED=$(cat "$work/text") "$PG_PRINCIPAL" keys import --secret-env IMPORTED >"$work/out" 2>"$work/err"
    is "nor in the environment" "$?|$(cat "$work/out")|$(head -n 1 "$work/err")" "1||pg_principal: not usable as a secret: it is $2"
}
before=$(states)
printf '{"keys": [%s]}' "$public" >"$work/text" && refused "a JWK Set" "a JWK Set"
printf '[%s, %s]' "$public" "$public" >"$work/text" && refused "an array of public JWKs" "an array of JWKs"
printf %s "$public" | base64 >"$work/text" && refused "base64 of a public JWK" "base64 of a public JWK"
printf %s "$new" >"$work/text" && refused "a token" "a JWT"
printf '%s' "https://project.supabase.co/auth/v1/.well-known/jwks.json" >"$work/text" && refused "a URL" "a URL"
printf '[%s]' "$public" >"$work/text"
"$PG_PRINCIPAL" keys import --secret-file "$work/text" >"$work/out" 2>"$work/err"
is "an array of a public JWK" "$?|$(cat "$work/out")|$(head -n 1 "$work/err")" "1||pg_principal: key refused: a public key cannot sign"
printf '\xef\xbb\xbf%s' "$public" >"$work/text"
"$PG_PRINCIPAL" keys import --secret-file "$work/text" >"$work/out" 2>"$work/err"
is "a byte order mark before one" "$?|$(cat "$work/out")|$(head -n 1 "$work/err")" "1||pg_principal: key refused: a public key cannot sign"
printf '\xff\xfes\0e\0c\0r\0e\0t\0' >"$work/text"
"$PG_PRINCIPAL" keys import --secret-file "$work/text" >"$work/out" 2>"$work/err"
is "UTF-16" "$?|$(cat "$work/out")|$(cat "$work/err")" "1||pg_principal: $work/text is text in UTF-16: save it as UTF-8"
is "none of them is a key" "$(states)" "$before"
printf '[{"kty":"oct","alg":"HS256","kid":"of-supabase","k":"%s"}]\n' "$k" >"$work/jwk"
is "an array of one private JWK is that key" "$("$PG_PRINCIPAL" keys import --jwk-file "$work/jwk" --standby)" "imported of-supabase (standby)"
printf '[{"kty":"oct","kid":"one","k":"%s"}, {"kty":"oct","kid":"two","k":"%s"}]' "$k" "$k" >"$work/jwk"
"$PG_PRINCIPAL" keys import --jwk-file "$work/jwk" >"$work/out" 2>"$work/err"
is "of several the error says which to choose" "$?|$(cat "$work/out")|$(head -n 1 "$work/err" | grep -o 'private keys by itself: .*')" '1||private keys by itself: "one", "two"'
