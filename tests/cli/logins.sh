#!/bin/bash
# Verbs about logging in with a token: who may, as which database roles, who is connected, and ending one.
cd "$(dirname "$0")/../.." || exit 2
# shellcheck source=tests/harness/tap.sh
. tests/harness/tap.sh
agent=kata-agent-team@example.com other=reports-agent@example.com
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
sql() { psql -XAtq -v ON_ERROR_STOP=1 -c "$1"; }
auth() { "$PG_PRINCIPAL" auth "$@" 2>&1; }

"$PG_PRINCIPAL" keys create >/dev/null
"$PG_PRINCIPAL" people push tests/samples/story.terrain >/dev/null
"$PG_PRINCIPAL" people provision >/dev/null
sql "CREATE ROLE cli_app LOGIN" && sql "CREATE ROLE cli_op LOGIN" && sql "GRANT auth_operator TO cli_op"

is "nobody may log in" "$(auth logins)" "nobody may log in with a token"
is "an empty list" "$(auth logins --output json)" "[]"
is "allow a kind" "$(auth allow-login --role cli_app --kind service_account)" "allowed cli_app"
is "it is so already" "$(auth allow-login --role cli_app --kind service_account; echo $?)" $'already allowed cli_app\n0'
is "allow an app role, and one principal, as JSON" "$(auth allow-login --role cli_app --kind person --app-role ADMIN >/dev/null && auth allow-login --role cli_app --email " ${agent^^}" --output json | jq -c .)" '{"allowed":"cli_app"}'
is "listed as JSON" "$(auth logins --output json | jq -c '.[] | [.databaseRole, .kind, .appRole, .email, (.createdAt | length)]')" \
    '["cli_app",null,null,"'$agent$'",20]\n["cli_app","person","ADMIN",null,20]\n["cli_app","service_account",null,null,20]'
like "listed as text" "$(auth logins)" "^DATABASE ROLE +KIND +APP ROLE +EMAIL +CREATED"$'\n'"cli_app +- +- +$agent +[0-9T:Z-]{20}"$'\n'
is "it is what the SQL function says" "$(sql "SELECT count(*) FROM auth.login_roles WHERE database_role = 'cli_app'")" 3
is "an operator hands out no role of others" "$(PGUSER=cli_op auth allow-login --role cli_app --kind person; echo $?)" $'pg_principal: cli_op may not grant logins as role "cli_app"\n  hint: Only members of the role and superusers may.\n1'
like "a role that is not there" "$(auth allow-login --role nobody --kind person; echo $?)" 'pg_principal: role "nobody" does not exist.*1$'
like "nobody named" "$(auth allow-login --role cli_app; echo $?)" 'at least one of --kind, --app-role, --email is required.*2$'
like "an unknown kind" "$(auth allow-login --role cli_app --kind robot; echo $?)" '--kind: robot not in .*2$'
is "take one back" "$(auth disallow-login --role cli_app --kind person --app-role ADMIN)" "disallowed cli_app"
is "not twice" "$(auth disallow-login --role cli_app --kind person --app-role ADMIN; echo $?)" \
    $'pg_principal: no such login as cli_app\n  hint: List them: pg_principal auth logins.\n1'
is "the others stay" "$(auth logins --output json | jq length)" 2

is "nobody is connected" "$(auth connections)" "nobody is connected by a token"
is "an empty list of connections" "$(auth connections --output json)" "[]"
open() { # EMAIL FILE: a connection that is watched
    local token
    token=$("$PG_PRINCIPAL" auth issue --email "$1" --output token)
    PGOPTIONS="-c pg_principal.token=$token -c pg_principal.end_session_with_token=on" psql -XAtq -c "SELECT auth.email()" -c "SELECT pg_sleep(60)" >"$2" 2>&1 &
}
open $agent "$work/agent"
open $other "$work/other"
for _ in {1..100}; do
    [ "$(auth connections --output json | jq length)" != 2 ] || break
    sleep 0.1
done
is "two are, as JSON" "$(auth connections --output json | jq -c 'sort_by(.email) | .[] | [.email, .kind, .role, .database, .door, (.pid | type), (.userId | length), (.sessionId | length), (.since | length), (.expiresAt > .since), .actor]')" \
    "[\"$agent\",\"service_account\",\"$PGUSER\",\"$PGDATABASE\",\"sql\",\"number\",36,36,20,true,null]
[\"$other\",\"service_account\",\"$PGUSER\",\"$PGDATABASE\",\"sql\",\"number\",36,36,20,true,null]"
like "of one, as text" "$(auth connections --email "${agent^^}")" "^PID +EMAIL +ACTOR +KIND +ROLE +DOOR +SINCE +EXPIRES"$'\n'"[0-9]+ +$agent +- +service_account +$PGUSER +sql +[0-9TZ:-]{20} +[0-9TZ:-]{20}$"
is "an operator sees them, too, another role none" "$(PGUSER=cli_op auth connections --output json | jq length) $(PGUSER=cli_app auth connections --output json 2>&1 | jq length 2>&1)" "2 0"
pid=$(auth connections --email $agent --output json | jq '.[0].pid')
is "end one" "$(auth disconnect --pid "$pid")" "disconnected $pid"
for _ in {1..100}; do
    grep -q 'terminating connection' "$work/agent" && break
    sleep 0.1
done
like "as an administrator ends any other: its token lives" "$(cat "$work/agent")" "^$agent"$'\n'"FATAL:  terminating connection due to administrator command"
is "the other one lives on" "$(auth connections --output json | jq -r '.[].email')" $other
is "not twice" "$(auth disconnect --pid "$pid"; echo $?)" \
    $'pg_principal: no connection by a token with process ID '"$pid"$'\n  hint: List them: pg_principal auth connections.\n1'
is "nor one without a token" "$(auth disconnect --pid "$(sql "SELECT min(pid) FROM pg_stat_activity WHERE backend_type = 'checkpointer'")" | head -n 1 | cut -c 1-52)" "pg_principal: no connection by a token with process "
like "a pid that is none" "$(auth disconnect --pid 0; echo $?)" '--pid: .*2$'
"$PG_PRINCIPAL" auth ban --email $other >/dev/null
wait
is "a ban ends the last" "$(auth connections)" "nobody is connected by a token"
