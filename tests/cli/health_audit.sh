#!/bin/bash
# The verbs health and audit: what they print, as text and as JSON, and how they end.
cd "$(dirname "$0")/../.." || exit 2
# shellcheck source=tests/harness/tap.sh
. tests/harness/tap.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
agent=reports-agent@example.com
sql() { psql -XAtq -v ON_ERROR_STOP=1 -c "$1"; }

"$PG_PRINCIPAL" keys create >/dev/null
is "scan of nobody" "$("$PG_PRINCIPAL" health scan 2>&1)" "nothing new"
is "scan of nobody, as JSON" "$("$PG_PRINCIPAL" health scan --output json 2>&1)" "[]"
is "report of nobody" "$("$PG_PRINCIPAL" health report --output json 2>&1)" "[]"

sql "SELECT auth.add_user('{\"email\": \"$agent\", \"password\": \"Th1sIsAStrong!Pass\"}')" >/dev/null
used=$(sql "SELECT payload->'tokens'->>'refreshToken' FROM auth.sign_in('$agent', 'Th1sIsAStrong!Pass')")
sql "SELECT (auth.refresh((auth.refresh('$used')).payload->'tokens'->>'refreshToken')).ok" >/dev/null
sql "SELECT (auth.refresh('$used')).ok" >/dev/null
is "report before the scan" "$("$PG_PRINCIPAL" health report --output json | jq -c '.[] | [.email, .role, .banned, .issuedTokens, .signedInSessions, .refreshFailures, .lastFailureReason, .findings]')" \
    "[\"$agent\",\"ANALYST\",false,0,0,1,\"refresh-id-mismatch\",[]]"
like "the scan tells of it, once, and of nothing on standard error" "$("$PG_PRINCIPAL" health scan 2>&1)" \
    "^TIME +EMAIL +KIND +REASON"$'\n'"[0-9TZ:-]+ +$agent +refresh_failure +refresh-id-mismatch$"
is "not twice" "$("$PG_PRINCIPAL" health scan)" "nothing new"
sql "UPDATE auth.users SET app_role = 'ADMIN'"
is "a finding, as JSON" "$("$PG_PRINCIPAL" health scan --output json | jq -c 'map([.kind, .email, .reason, .metadata])')" \
    "[[\"admin_agent\",\"$agent\",\"an agent has the role ADMIN\",{}]]"
like "report as text" "$("$PG_PRINCIPAL" health report)" "^EMAIL +ROLE +TOKENS .*"$'\n'"$agent +ADMIN +0 +0 .* 1 +an agent has the role ADMIN$"
"$PG_PRINCIPAL" auth ban --email $agent >/dev/null
like "a banned agent" "$("$PG_PRINCIPAL" health report)" "$agent +banned "

is "the audit holds" "$("$PG_PRINCIPAL" audit verify; echo $?)" "the audit holds"$'\n'0
"$PG_PRINCIPAL" audit seal >"$work/seal"
like "a seal is a JWS" "$(cat "$work/seal")" '^ey[A-Za-z0-9_-]+\.ey[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$'
is "it verifies with its seal" "$("$PG_PRINCIPAL" audit verify --seal-file "$work/seal" --output json; echo $?)" "[]"$'\n'0
like "a seal as JSON" "$("$PG_PRINCIPAL" audit seal --output json | jq -r .seal)" '^ey'
sql "SET session_replication_role = replica; UPDATE auth.audit_log SET reason = 'expired' WHERE reason = 'refresh-id-mismatch'"
out=$("$PG_PRINCIPAL" audit verify --seal-file "$work/seal" 2>"$work/err")
is "tampering ends with 1" "$?" 1
like "and is named" "$out" "^PRINCIPAL +ENTRY +FAULT"$'\n'"[0-9a-f-]{36} +[0-9]+ +altered"
like "on standard error too" "$(cat "$work/err")" '^pg_principal: the audit does not hold: [0-9]+ faults?$'
is "as JSON" "$("$PG_PRINCIPAL" audit verify --output json 2>/dev/null | jq -c '.[0].fault')" '"altered"'

echo "no.seal.atall" >"$work/none"
like "a file that is no seal" "$("$PG_PRINCIPAL" audit verify --seal-file "$work/none" 2>&1; echo $?)" 'no seal of this audit: .*1$'
: >"$work/empty"
like "an empty file" "$("$PG_PRINCIPAL" audit verify --seal-file "$work/empty" 2>&1; echo $?)" 'empty holds no seal.*1$'
like "a missing file" "$("$PG_PRINCIPAL" audit verify --seal-file "$work/absent" 2>&1; echo $?)" 'No such file.*1$'
sql "DO \$\$ BEGIN PERFORM auth.retire_signing_key(kid) FROM auth.list_signing_keys(); END \$\$"
like "no key to seal with" "$("$PG_PRINCIPAL" audit seal 2>&1; echo $?)" 'no signing key is in use.*1$'
