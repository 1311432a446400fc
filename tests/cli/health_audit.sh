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
like "report as text" "$("$PG_PRINCIPAL" health report)" "^EMAIL +ROLE +TOKENS .*"$'\n'"$agent +ADMIN +0 +0 .* 1 +refresh-id-mismatch +an agent has the role ADMIN$"
"$PG_PRINCIPAL" auth ban --email $agent >/dev/null
like "a banned agent" "$("$PG_PRINCIPAL" health report)" "$agent +banned "

# an operator reads the audit, without any token
list() { PGOPTIONS=${options--c role=auth_operator} "$PG_PRINCIPAL" audit list "$@" 2>&1; }
itself=ffffffff-ffff-ffff-ffff-ffffffffffff
like "the audit, newest first" "$(list | head -n 2)" "^TIME +PRINCIPAL +BY +CHANGES +REASON"$'\n'"[0-9-]{10}T[0-9:]{8}Z +$agent +$(sql 'SELECT session_user') +bannedUntil: [^ ]+ +-$"
is "of one, as JSON" "$(list --email $agent --output json | jq -c '.nextCursor, (.audits | map([.email, (.changes | keys[0])]) | .[0], .[1], .[-1])' | tr '\n' ' ')" \
    "null [\"$agent\",\"bannedUntil\"] [\"$agent\",\"role\"] [\"$agent\",\"created\"] "
is "keys are in the chain of the audit itself" "$(list --principal $itself --output json | jq -c '.audits | map([.entry, .changes])')" \
    '[[2,{"key":{"current":"in_use","previous":"standby"}}],[1,{"key":{"current":"created","previous":null}}]]'
walk() { # page by page
    local cursor=
    while
        list --limit 2 --output json ${cursor:+--cursor "$cursor"} "$@" >"$work/page"
        jq -r '.audits[].id' "$work/page"
        cursor=$(jq -r '.nextCursor // ""' "$work/page")
        [ "$cursor" ]
    do :; done
}
is "page by page, the same" "$(walk)" "$(list --limit 1000 --output json | jq -r '.audits[].id')"
is "of one, too" "$(walk --email $agent)" "$(list --email $agent --output json | jq -r '.audits[].id')"
like "the text names the next page" "$(list --limit 1 | tail -n 1)" '^older entries: --cursor [0-9]+\.[0-9a-f-]{36}\.[0-9]+$'
for since in 1h 1d 2020-01-01 2020-01-01T00:00 "2020-01-01 00:00:00" 2020-01-01T00:00:00.5Z 2020-01-01T00:00:00+02:00; do
    is "since $since" "$(PGTZ=Asia/Tokyo PGDATESTYLE='SQL, DMY' list --since "$since" --output json | jq '.audits | length > 5')" true
done
is "since tomorrow" "$(list --since "$(date -u -d tomorrow +%F)")" "no entries"
# shellcheck disable=SC2089
for bad in '--since yesterday|"yesterday" is not a time' "--since 2020-1-1|is not a time" "--limit 0|--limit: " \
    "--cursor x|malformed cursor" "--email nobody|email" "--principal x|invalid input syntax for type uuid"; do
    # shellcheck disable=SC2086,SC2090
    like "refused: ${bad%%|*}" "$(list ${bad%%|*}; echo $?)" "^pg_principal: .*${bad#*|}.*[12]$"
done
sql "UPDATE auth.users SET job_title = E'\x1b[31mred\u009b\x7f' WHERE email = '$agent'"
like "what a terminal would obey is no more than a sign" "$(list --limit 1 | sed -n 2p)" 'jobTitle: \?\[31mred\?\?  '
like "in JSON, too" "$(list --limit 1 --output json)" '"current": "\\u001b\[31mred\\u009b\\u007f"'
sql "SELECT auth.add_user('{\"email\": \"gone@example.com\"}')" >/dev/null
sql "DELETE FROM auth.users WHERE email = 'gone@example.com'"
is "of whoever was deleted" "$(list --email gone@example.com --output json | jq -c '.audits | map(.changes | keys[0])')" '["deleted","created"]'
like "nobody else" "$(options='-c role=authenticator' list)" 'permission denied for function list_audit'

is "the audit is intact" "$("$PG_PRINCIPAL" audit verify; echo $?)" "the audit is intact"$'\n'0
"$PG_PRINCIPAL" audit seal >"$work/seal"
like "a seal is a JWS" "$(cat "$work/seal")" '^ey[A-Za-z0-9_-]+\.ey[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$'
is "and from standard input" "$("$PG_PRINCIPAL" audit verify --seal-file - --output json <"$work/seal"; echo $?)" "[]"$'\n'0
like "which may be empty" "$("$PG_PRINCIPAL" audit verify --seal-file - 2>&1 </dev/null; echo $?)" 'standard input contains no seal.*1$'
is "it verifies with its seal" "$("$PG_PRINCIPAL" audit verify --seal-file "$work/seal" --output json; echo $?)" "[]"$'\n'0
like "a seal as JSON" "$("$PG_PRINCIPAL" audit seal --output json | jq -r .seal)" '^ey'
sql "SET session_replication_role = replica; UPDATE auth.audit_log SET reason = 'expired' WHERE reason = 'refresh-id-mismatch'"
out=$("$PG_PRINCIPAL" audit verify --seal-file "$work/seal" 2>"$work/err")
is "tampering ends with 1" "$?" 1
like "and is named" "$out" "^PRINCIPAL +ENTRY +FAULT"$'\n'"[0-9a-f-]{36} +[0-9]+ +altered"
like "on standard error too" "$(cat "$work/err")" '^pg_principal: the audit is broken: [0-9]+ faults?$'
is "as JSON" "$("$PG_PRINCIPAL" audit verify --output json 2>/dev/null | jq -c '.[0].fault')" '"altered"'

echo "no.seal.atall" >"$work/none"
like "a file that is no seal" "$("$PG_PRINCIPAL" audit verify --seal-file "$work/none" 2>&1; echo $?)" 'not a seal of this audit: .*1$'
: >"$work/empty"
like "an empty file" "$("$PG_PRINCIPAL" audit verify --seal-file "$work/empty" 2>&1; echo $?)" 'empty contains no seal.*1$'
like "a missing file" "$("$PG_PRINCIPAL" audit verify --seal-file "$work/absent" 2>&1; echo $?)" 'No such file.*1$'
sql "DO \$\$ BEGIN PERFORM auth.retire_signing_key(kid) FROM auth.list_signing_keys(); END \$\$"
like "no key to seal with" "$("$PG_PRINCIPAL" audit seal 2>&1; echo $?)" 'no signing key is in use.*1$'
