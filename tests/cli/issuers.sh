#!/bin/bash
# Trusted issuers and clients' keys from the command line.
cd "$(dirname "$0")/../.." || exit 2
# shellcheck source=tests/harness/tap.sh
. tests/harness/tap.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
agent=kata-agent-team@example.com issuer=https://token.actions.githubusercontent.com
sql() { psql -XqAt -v ON_ERROR_STOP=1 -c "$1"; }

"$PG_PRINCIPAL" keys create >/dev/null
"$PG_PRINCIPAL" people push tests/samples/story.terrain >/dev/null
"$PG_PRINCIPAL" people provision >/dev/null
jwk=$(sql "SELECT auth.generate_jwk('RS256') || '{\"kid\": \"k\"}'")
jq -n --argjson k "$jwk" '{keys: [$k | {kty, n, e, kid}]}' >"$work/keys.json"
token() { sql "SELECT auth.jwt_sign(jsonb_build_object('iss', '$issuer', 'sub', 'x', 'aud', 'us', 'repository_id', '$1', 'exp', floor(extract(epoch FROM now())) + 300), '$jwk')" >"$work/token"; }

is "nothing yet" "$("$PG_PRINCIPAL" issuers list) $("$PG_PRINCIPAL" issuers rules) $("$PG_PRINCIPAL" clients keys)" "no trusted issuers no rules no client keys"
"$PG_PRINCIPAL" issuers trust $issuer --audience us >"$work/out" 2>"$work/err"
is "without keys" "$?|$(cat "$work/out")|$(head -n 1 "$work/err")" "2||pg_principal: --jwks-file or --jwks-url is required"
is "trust" "$("$PG_PRINCIPAL" issuers trust $issuer --audience us --jwks-file "$work/keys.json" --max-life 1d)" "trusted $issuer"
for claims in '{"a":' '["a"]' '' '{"a": "x", "a": "y"}' '{"a": {"b": "x", "b": "x"}}'; do
    "$PG_PRINCIPAL" issuers map $issuer --email $agent --claims "$claims" >"$work/out" 2>"$work/err"
    is "map: claims '$claims'" "$?|$(cat "$work/out")|$(head -n 1 "$work/err" | cut -d: -f1,2)" "2||pg_principal: --claims is not a JSON object"
done
is "map" "$("$PG_PRINCIPAL" issuers map $issuer --email $agent --claims '{"repository_id": "74"}' --scope deploy | sed -E 's/[0-9a-f-]{36}/ID/')" "added rule ID"
is "list" "$("$PG_PRINCIPAL" issuers list --output json | jq -c '.[] | [.issuer, .audiences, .algorithms, .maxLifeSeconds, .singleUse, .keys, .rules]')" \
    "[\"$issuer\",[\"us\"],[\"RS256\",\"ES256\"],86400,true,1,1]"
is "rules" "$("$PG_PRINCIPAL" issuers rules --issuer $issuer --output json | jq -c '.[] | [.email, .claims, .scopes]')" "[\"$agent\",{\"repository_id\":\"74\"},[\"deploy\"]]"
token 74
is "test: the rule that matches" "$("$PG_PRINCIPAL" issuers test --token-file "$work/token")" "$agent: matches"
"$PG_PRINCIPAL" auth ban --email $agent >/dev/null
"$PG_PRINCIPAL" issuers test --token-file "$work/token" >"$work/out" 2>"$work/err"
is "test: of who is banned" "$?|$(cat "$work/out")|$(cat "$work/err")" "1|$agent: matches, but the account is banned|pg_principal: the token is refused"
"$PG_PRINCIPAL" auth unban --email $agent >/dev/null
token 75
"$PG_PRINCIPAL" issuers test --token-file "$work/token" >"$work/out" 2>"$work/err"
is "test: why it does not" "$?|$(cat "$work/out")|$(head -n 1 "$work/err")" "1|$agent: repository_id is \"75\", not \"74\"|pg_principal: no rule matches"
OTHER=x "$PG_PRINCIPAL" issuers test --token-env OTHER --output json >"$work/out" 2>"$work/err"
is "test: no token" "$?|$(jq -c '.[0]' "$work/out")" '1|{"email":null,"ruleId":null,"matches":false,"faults":["malformed: one part instead of three"]}'
"$PG_PRINCIPAL" issuers test >"$work/out" 2>"$work/err"
is "test: of nothing" "$?|$(head -n 1 "$work/err")" "2|pg_principal: exactly one of --token-env, --token-file is required"
is "keys" "$("$PG_PRINCIPAL" issuers keys $issuer --jwks-file "$work/keys.json")" "stored the keys of $issuer"
"$PG_PRINCIPAL" issuers keys $issuer --jwks-file tests/samples/jwks/09-microsoft-ec-es521-bom.json >"$work/out" 2>"$work/err"
is "keys with a byte order mark, one of them unusable" "$?|$(cat "$work/out")|$(tr "\n" " " <"$work/err")" "0|stored the keys of $issuer|pg_principal: warning: 1 of 3 keys of issuer $issuer cannot be used   detail: \"JsonWebKeyEcdsa521\": its alg is not a supported signature algorithm "
is "which the listing names" "$("$PG_PRINCIPAL" issuers list --output json | jq -c ".[] | [.keys, .unusableKeys]")" "[3,[\"\\\"JsonWebKeyEcdsa521\\\": its alg is not a supported signature algorithm\"]]"
jq -c '.keys |= [{kty: "x"}, {kty: "y"}] + .' "$work/keys.json" | sed 's/"x"/"\\ud800\\u0000", "exp": 1e9999/' >"$work/odd.json"
is "keys beside what the database cannot hold" "$("$PG_PRINCIPAL" issuers keys $issuer --jwks-file "$work/odd.json" 2>"$work/err")|$(head -n 1 "$work/err")" \
    "stored the keys of $issuer|pg_principal: warning: 2 of 3 keys of issuer $issuer cannot be used"
is "unmap" "$("$PG_PRINCIPAL" issuers unmap $issuer --email $agent)" "removed the rule for $agent"
"$PG_PRINCIPAL" issuers unmap $issuer --email $agent >"$work/out" 2>"$work/err"
is "once" "$?|$(head -n 1 "$work/err")" "1|pg_principal: no rule of $issuer for $agent"
is "distrust" "$("$PG_PRINCIPAL" issuers distrust $issuer)" "no longer trusted $issuer"
printf 'pgps_typed-into-the-wrong-file' >"$work/secret"
for verb in "clients register-keys --email $agent" "issuers keys $issuer" "issuers trust https://x --audience us"; do
    # shellcheck disable=SC2086
    "$PG_PRINCIPAL" $verb --jwks-file "$work/secret" >"$work/out" 2>"$work/err"
    is "a file that is none, and goes nowhere: $verb" "$?|$(cat "$work/out")|$(cat "$work/err")" "1||pg_principal: $work/secret is not JSON
  hint: It holds a JWK Set: {\"keys\": [...]}."
done
is "register-keys" "$("$PG_PRINCIPAL" clients register-keys --email $agent --jwks-file "$work/keys.json")" "registered keys 1"
is "clients keys" "$("$PG_PRINCIPAL" clients keys --output json | jq -c '.[] | [.email, .kid, .kty]')" "[\"$agent\",\"k\",\"RSA\"]"
