#!/bin/bash
# A ban from the command line ends every token, an unban revives none.
cd "$(dirname "$0")/../.." || exit 2
# shellcheck source=tests/harness/tap.sh
. tests/harness/tap.sh
agent=kata-agent-team@example.com other=reports-agent@example.com
issue() { "$PG_PRINCIPAL" auth issue --email "$1" --output token; }
whose() { TOKEN=$1 "$PG_PRINCIPAL" whoami --token-env TOKEN --output json 2>&1 | sed -n 's/.*"email": "\(.*\)".*/\1/p; s/^ *detail: //p'; }

"$PG_PRINCIPAL" keys create >/dev/null
"$PG_PRINCIPAL" people push tests/samples/story.terrain >/dev/null
"$PG_PRINCIPAL" people provision >/dev/null
one=$(issue $agent) two=$(issue $agent) theirs=$(issue $other)
is "before" "$(whose "$one") $(whose "$two") $(whose "$theirs")" "$agent $agent $other"
is "ban" "$("$PG_PRINCIPAL" auth ban --email $agent --reason leaked)" "banned $agent (100 years)"
like "both tokens are dead" "$(whose "$one")|$(whose "$two")" '^(banned|session revoked)\|(banned|session revoked)$'
is "the other agent's lives" "$(whose "$theirs")" $other
is "a hundred years, with a reason" "$(psql -XAtqc "SELECT banned_until > now() + interval '99 years', ban_reason FROM auth.users WHERE email = '$agent'")" "t|leaked"
is "no session is live" "$("$PG_PRINCIPAL" auth sessions --email $agent --output json | jq -c 'map(select(.state == "live")) | length')" 0
is "provision does not lift it" "$("$PG_PRINCIPAL" people provision | tr '\n' ' ')" "created 0 restored 0 decommissioned 0 unchanged 54 "
is "unban" "$("$PG_PRINCIPAL" auth unban --email $agent)" "unbanned $agent"
like "the old token stays dead" "$(whose "$one")" '^(banned|session revoked)$'
is "a fresh one lives" "$(whose "$(issue $agent)")" $agent
is "ban for a week, as JSON" "$("$PG_PRINCIPAL" auth ban --email $agent --duration '7 days' --output json | jq -c .)" \
    "{\"banned\":\"$agent\",\"duration\":\"7 days\"}"
is "a week it is" "$(psql -XAtqc "SELECT banned_until BETWEEN now() + interval '6 days' AND now() + interval '8 days' FROM auth.users WHERE email = '$agent'")" t

"$PG_PRINCIPAL" people remove --email $other >/dev/null
is "removed from the roster: decommissioned" "$("$PG_PRINCIPAL" people provision | tr '\n' ' ')" "created 0 restored 0 decommissioned 1 unchanged 53 "
like "and its token is dead" "$(whose "$theirs")" '^(banned|session revoked)$'
