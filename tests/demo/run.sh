#!/bin/bash
# make run [ONCE=1]: the main job from end to end, on a private server below .run/ that starts afresh
# each time. Each step is checked: the first that does not come out as it should ends this with 1.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/harness/cluster.sh
. tests/harness/cluster.sh
# shellcheck source=tests/harness/login.sh
. tests/harness/login.sh

bold='' faint='' plain=''
if [ -t 1 ] && [ -z "${NO_COLOR-}" ] && [ "${TERM-}" != dumb ]; then
    bold=$'\e[1m' faint=$'\e[2m' plain=$'\e[0m'
fi
agent=kata-agent-team@example.com
step=0

die() {
    printf 'make run failed: %s\n' "$*" >&2
    exit 1
}

say() {
    step=$((step + 1))
    printf '\n%s%d. %s%s\n' "$bold" "$step" "$*" "$plain"
}

indent() { sed 's/^/   /'; }

expect() { # WHAT GOT WANTED
    [ "$2" = "$3" ] || die "$1: expected '$3', got '$2'"
}

matches() { # WHAT GOT REGEX
    [[ $2 =~ $3 ]] || die "$1: expected /$3/, got '$2'"
}

# Prints a command and its output; $out keeps the output.
show() {
    printf '   %s$ %s%s\n' "$faint" "${*/#$PG_PRINCIPAL/pg_principal}" "$plain"
    out=$("$@" 2>&1 </dev/null) || die "$*"$'\n'"$out"
    indent <<<"$out"
}

# As the operator, quietly: one value or one row.
ask() { psql -XAtq -v ON_ERROR_STOP=1 -c "$1" || die "$1"; }

# As the operator, shown.
operator() {
    printf '   %sdemo=# %s%s\n' "$faint" "$1" "$plain"
    out=$(psql -XAtq -F ' | ' -v ON_ERROR_STOP=1 -c "$1" 2>&1 </dev/null) || die "$1"$'\n'"$out"
    indent <<<"${out:-(done)}"
}

# As the ordinary login role, with a token or without: prints statements and results. Long tokens
# are printed by name.
declare -A spoken
as_app() { # TOKEN SQL..
    local token=$1 commands=() sql name
    shift
    for sql in "$@"; do
        commands+=(-c "$sql")
        for name in "${!spoken[@]}"; do
            sql=${sql//"${spoken[$name]}"/<$name>}
        done
        printf '   %sapp=> %s%s\n' "$faint" "$sql" "$plain"
    done
    out=$(PGUSER=app PGOPTIONS="-c pg_principal.token=$token" \
        psql -XAtq -F ' | ' -v VERBOSITY=verbose "${commands[@]}" 2>&1 </dev/null | grep -vE '^(LOCATION|CONTEXT):')
    indent <<<"${out:-(no rows)}"
}

free_port() { # FIRST LAST
    local port
    for ((port = $1; port <= $2; ++port)); do
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port" && return; }
    done
    die "no free port on 127.0.0.1"
}

at_exit() {
    [ -z "${http_server:-}" ] || { kill "$http_server" && wait "$http_server"; } 2>/dev/null
    rm -rf "$work" .run
    [ -z "${serving:-}" ] || printf '\nStopped, nothing left behind.\n'
}

# One at a time; what a killed run left behind is stopped and removed.
if [ -f .run/pid ] && kill -0 "$(<.run/pid)" 2>/dev/null; then
    echo "make run is running from this folder already (process $(<.run/pid))" >&2
    trap - EXIT
    exit 1
fi
for pidfile in .run/*/main/data/postmaster.pid; do
    [ ! -f "$pidfile" ] || cluster_stop "$(realpath "${pidfile%/data/postmaster.pid}")"
done
rm -rf .run
workspace .run || exit 1
echo $$ >.run/pid
echo "Building pg_principal (log: build/build.log) and starting a private server below ${work#"$PWD/"}/."
build_and_install || exit 1
no_logins=$(login_possible) || true # the reason
[ -n "$no_logins" ] || login_possible
cluster_create "$work/main" cron.database_name=demo listen_addresses=127.0.0.1 || exit 1
if [ -z "$no_logins" ]; then
    sed -i '1i local demo bot pam pamservice=pg_principal' "$work/main/data/pg_hba.conf"
fi
for try in 3 2 1; do # another may take the port between the look and the start
    port=$(free_port 54321 54399) || exit 1
    cluster_set "$work/main" port="$port"
    cluster_start "$work/main" 2>"$work/start.err" && break
    [ $try != 1 ] || die "$(<"$work/start.err")"
done
PATH=$(dirname "$PG_PRINCIPAL"):$PATH
psql -Xqc "CREATE DATABASE demo" || exit 1
export PGDATABASE=demo

say "A database with the extension"
show pg_principal --version
operator "CREATE EXTENSION pg_principal"
if [[ $(ask "SHOW shared_preload_libraries") == *pg_cron* ]]; then
    operator "CREATE EXTENSION pg_cron"
fi
operator "SELECT extname, extversion FROM pg_extension WHERE extname ~ '^pg_(principal|cron)' ORDER BY 1 DESC"
operator "SHOW server_version"

say "A signing key: it lives in the database, and only there"
show pg_principal keys create
expect "keys in use" "$(ask "SELECT count(*) FROM auth.signing_keys WHERE state = 'in_use'")" 1

say "The roster in, principals out"
show pg_principal people push tests/samples/story.terrain
show pg_principal people provision
people=$(ask "SELECT count(*) FROM auth.users WHERE kind = 'person'")
agents=$(ask "SELECT count(*) FROM auth.users WHERE kind = 'service_account'")
expect "people" "$people" 50
[ "$agents" -ge 2 ] || die "service accounts: expected several, got $agents"
echo "   auth.users now holds $people people and $agents service accounts."
show pg_principal people provision
matches "second provision changes nothing" "$out" "unchanged[^0-9]*$((people + agents))"

say "A table of theirs, clamped, and an ordinary login role that may read it"
password=$(od -An -N12 -tx1 /dev/urandom | tr -d ' \n')
ask "CREATE TABLE activity (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
         owner_email text NOT NULL, note text NOT NULL);
     INSERT INTO activity (owner_email, note)
         SELECT email, 'note ' || n FROM auth.organization_people, generate_series(1, 3) n ORDER BY email, n;
     CREATE INDEX ON activity (owner_email);
     CREATE ROLE app LOGIN PASSWORD '$password';
     GRANT SELECT ON activity TO app"
operator "SELECT auth.clamp('activity', 'owner_email', 'self_and_reports')"
total=$(ask "SELECT count(*) FROM activity")
expect "rows in activity" "$total" $(((people + agents) * 3))
echo "   activity holds $total rows, 3 for each principal."

say "A token for the agent"
show pg_principal auth issue --email "$agent"
token=$(grep -E '^ey[^ ]+$' <<<"$out")
matches "issued token" "$token" '^[^.]+\.[^.]+\.[^.]+$'

say "With that token the login role sees the agent's rows; without one it sees nothing"
as_app "$token" "SELECT current_user, auth.email(), auth.kind()"
expect "identity" "$out" "app | $agent | service_account"
as_app "$token" "SELECT * FROM activity"
expect "rows of the agent" "$(cut -d ' ' -f 3 <<<"$out" | sort | uniq -c | xargs)" "3 $agent"
as_app "" "SELECT count(*) FROM activity"
expect "rows without a token" "$out" 0

say "A manager sees their own rows and their reports'"
IFS='|' read -r manager reports < <(ask "SELECT manager_email, count(*) FROM auth.organization_people
    WHERE manager_email IS NOT NULL GROUP BY 1 ORDER BY abs(count(*) - 4), 1 LIMIT 1")
[ -n "$manager" ] || die "the roster has no manager"
echo "   $manager has $reports reports."
manager_token=$(pg_principal auth issue --email "$manager" --ttl 1h --output token) || die "no token for $manager"
as_app "$manager_token" "SELECT owner_email, count(*) FROM activity GROUP BY 1 ORDER BY owner_email = auth.email() DESC, 1"
expect "owners the manager sees" "$(wc -l <<<"$out")" $((reports + 1))
expect "whose rows" "$(cut -d ' ' -f 1 <<<"$out" | sort | xargs)" "$(ask "SELECT email
    FROM auth.organization_people WHERE '$manager' IN (email, manager_email) ORDER BY email COLLATE \"C\"" | xargs)"

say "Nobody forges: claims that somebody typed mean nothing, an altered token is refused"
victim=$(ask "SELECT id FROM auth.users WHERE email = '$manager'")
as_app "" "SELECT set_config('request.jwt.claims', '{\"sub\":\"$victim\",\"email\":\"$manager\",\"role\":\"authenticated\"}', false) <> ''" \
    "SELECT count(*), auth.email() FROM activity"
expect "rows with forged claims" "$out" $'t\n0 | '
base64url() { base64 -w 0 | tr '+/' '-_' | tr -d '='; }
IFS=. read -r header _ signature <<<"$token"
claims=$(cut -d . -f 2 <<<"$manager_token")
spoken["the manager's claims under the agent's signature"]=$header.$claims.$signature
spoken["the manager's claims, unsigned, alg none"]=$(printf '{"alg":"none","typ":"JWT"}' | base64url).$claims.
for forged in "${spoken[@]}"; do
    as_app "" "SELECT set_config('pg_principal.token', '$forged', false) IS NOT NULL" \
        "SELECT count(*) FROM activity"
    matches "a forged token" "$out" 'ERROR: +28000: '
    [[ $out != *$'\n'[0-9]* ]] || die "a forged token saw rows: $out"
done

say "A ban reaches a connection that is open already, at its next statement"
coproc OPEN { PGUSER=app PGOPTIONS="-c pg_principal.token=$token" psql -XAtq -F ' | ' -v VERBOSITY=verbose 2>&1; }
# Bash forgets these when the coprocess ends.
# shellcheck disable=SC2153
open_pid=$OPEN_PID open_in=${OPEN[1]} open_out=${OPEN[0]}
open_connection() { # SQL
    local line
    printf '   %sapp (open)=> %s%s\n' "$faint" "$1" "$plain"
    printf '%s;\n\\echo ---\n' "$1" >&"$open_in"
    out=
    while IFS= read -r -t 60 line <&"$open_out" && [ "$line" != --- ]; do
        [[ $line =~ ^(LOCATION|CONTEXT): ]] || out+=${out:+$'\n'}$line
    done
    indent <<<"$out"
}
open_connection "SELECT count(*) FROM activity"
expect "rows before the ban" "$out" 3
show pg_principal auth ban --email "$agent" --reason "compromised"
open_connection "SELECT count(*) FROM activity"
matches "after the ban" "$out" '28000: .*DETAIL: .*banned'

say "Unbanned: the old token stays dead, a fresh one lives"
show pg_principal auth unban --email "$agent"
open_connection "SELECT count(*) FROM activity"
matches "old token after the unban" "$out" '28000: .*DETAIL: .*session revoked'
exec {open_in}>&-
wait "$open_pid"
fresh=$(pg_principal auth issue --email "$agent" --output token) || die "no fresh token"
as_app "$fresh" "SELECT auth.email(), count(*) FROM activity"
expect "fresh token" "$out" "$agent | 3"

say "The token is the login: plain psql sends it as its password, and nothing has to be bound"
if [ -n "$no_logins" ]; then
    echo "   left out: $no_logins"
else
    bot=$(ask "SELECT email FROM auth.users WHERE kind = 'service_account' AND email <> '$agent' ORDER BY email LIMIT 1")
    bot_token=$(pg_principal auth issue --email "$bot" --output token) || die "no token for $bot"
    ask "CREATE ROLE bot LOGIN; GRANT SELECT ON activity TO bot"
    as_bot() { # SQL..
        local commands=() sql
        for sql in "$@"; do commands+=(-c "$sql"); done
        printf '   %s$ PGPASSWORD=<the token of %s> psql -U bot%s%s\n' "$faint" "$bot" "$(printf " -c '%s'" "$@")" "$plain"
        out=$(PGPASSWORD=$bot_token psql -XAtqw -U bot -F ' | ' "${commands[@]}" 2>&1 </dev/null |
            sed -E 's/^psql: error: connection to server .* failed: //; /^(server closed|.*terminated abnormally|.*before or while processing|connection to server was lost)/d')
        indent <<<"$out"
    }
    as_bot "SELECT 1"
    expect "before it is allowed" "$out" 'FATAL:  PAM authentication failed for user "bot"'
    show pg_principal auth allow-login --role bot --kind service_account
    as_bot "SELECT session_user, auth.email(), (SELECT string_agg(DISTINCT owner_email, ' ') FROM activity)"
    expect "login by token" "$out" "bot | $bot | $bot"
    as_bot "SELECT pg_sleep(300)" >"$work/bot" &
    sleeper=$!
    for _ in {1..100}; do
        [ "$(ask "SELECT count(*) FROM auth.connections")" = 0 ] || break
        sleep 0.1
    done
    show pg_principal auth connections
    matches "who is connected" "$out" "$bot"
    show pg_principal auth ban --email "$bot"
    wait $sleeper
    cat "$work/bot"
    matches "the banned bot's connection" "$(<"$work/bot")" 'terminating connection because its token has died.*banned'
    as_bot "SELECT 1"
    expect "a banned bot's login" "$out" 'FATAL:  PAM authentication failed for user "bot"'
    show pg_principal auth unban --email "$bot"
fi

say "An agent with a password of its own signs in, like a person would"
agent_login=invoice-agent@example.com
agent_password=$(od -An -N18 -tx1 /dev/urandom | tr -d ' \n')-Aa1!
console_login=admin@example.com
console_password=$(od -An -N12 -tx1 /dev/urandom | tr -d ' \n')-Aa1!
account() { # SQL with \$1, SECRET: prints the statement and, with the tokens cut short, the answer
    printf '   %sdemo=# %s%s\n' "$faint" "$1" "$plain"
    out=$(SECRET=$2 PGOPTIONS="-c client_min_messages=error" psql -XAtq -v ON_ERROR_STOP=1 2>&1 <<END
\\getenv secret SECRET
PREPARE given (text) AS $1;
EXECUTE given (:'secret');
END
    ) || die "$1"$'\n'"$out"
    sed -E 's/("(accessToken|refreshToken)": *")([^"]{12})[^"]*/\1\3.../g' <<<"$out" | indent
}
account "SELECT ok, status, payload->'user'->>'email' FROM auth.add_user(jsonb_build_object(
                  'email', '$agent_login', 'password', \$1, 'firstName', 'Invoice', 'lastName', 'Agent', 'role', 'ANALYST'))" "$agent_password"
expect "account" "$out" "t|201|$agent_login"
account "SELECT ok, status, payload->'tokens' FROM auth.sign_in('$agent_login', \$1, '{\"ip\": \"192.0.2.7\"}')" "$agent_password"
matches "sign-in" "$out" '^t\|200\|'
token_of() { jq -r ".$1" <<<"${out#*|*|}"; }
access=$(token_of accessToken) first_refresh=$(token_of refreshToken)
spoken["the agent's access token"]=$access
as_app "$access" "SELECT auth.email(), auth.app_role()"
expect "signed-in agent" "$out" "$agent_login | ANALYST"

say "It refreshes, again and again; each token is good for one exchange"
account "SELECT ok, status, payload->'tokens' FROM auth.refresh(\$1)" "$first_refresh"
matches "first refresh" "$out" '^t\|200\|'
second_refresh=$(token_of refreshToken)
account "SELECT ok, status, payload->'tokens' FROM auth.refresh(\$1)" "$second_refresh"
matches "second refresh" "$out" '^t\|200\|'

say "Somebody replays the first one: refused, and the whole session ends"
account "SELECT ok, status, reason, payload FROM auth.refresh(\$1)" "$first_refresh"
matches "replay" "$out" '^f\|401\|refresh-id-mismatch\|'
as_app "$access" "SELECT auth.email()"
matches "access token after the replay" "$out" '28000: .*DETAIL: .*session revoked'
operator "SELECT subject, changes->'refreshToken' FROM auth.audit_log WHERE reason IS NOT NULL ORDER BY created_at DESC LIMIT 1"
matches "audit entry" "$out" 'refresh-id-mismatch.*invalidated'
show pg_principal audit verify
expect "audit" "$out" "the audit is intact"

if [[ $(ask "SELECT count(*) FROM pg_extension WHERE extname = 'pg_cron'") = 1 ]]; then
    say "The health scan, run by pg_cron, tells of it within a minute"
    operator "SELECT auth.schedule_health_scan('* * * * *')"
    job=$out
    for _ in {1..75}; do
        line=$(grep -a -o '{.*"agent.refresh.failure.detected".*}' "$work/main/log") && break
        sleep 1
    done
    matches "the one line in the server log" "$line" '^[^'$'\n'']+$'
    echo "   in the server log: $line"
    # the job's row is written after the job has committed
    for _ in {1..20}; do
        [ "$(ask "SELECT count(*) FROM cron.job_run_details WHERE jobid = $job AND status = 'succeeded'")" = 0 ] || break
        sleep 0.5
    done
    operator "SELECT jobid, status, return_message FROM cron.job_run_details WHERE jobid = $job ORDER BY start_time LIMIT 1"
    matches "cron job" "$out" 'succeeded'
    operator "SELECT auth.schedule_health_scan()"
else
    say "The health scan (no pg_cron for this server, so by hand)"
    show pg_principal health scan
    matches "health scan" "$out" 'refresh-id-mismatch'
fi
operator "SELECT name, value FROM auth.read_metrics() WHERE name = 'agent.refresh.failures'"
expect "counter" "$out" "agent.refresh.failures | 1"
show pg_principal health report

say "The same over HTTP: one server, the API under /api and Supabase Auth's wire shapes under /auth/v1"
ask "CREATE ROLE web LOGIN IN ROLE authenticator"
serve() { # on the first free port, which another server may still take before ours does
    http_port=$(free_port 9999 10099) || exit 1
    http=http://127.0.0.1:$http_port
    PGUSER=web "$PG_PRINCIPAL" serve --listen "127.0.0.1:$http_port" --access-log "$work/access.log" 2>"$work/serve.log" &
    http_server=$!
    for _ in {1..300}; do
        grep -q 'listening on' "$work/serve.log" && curl -sf "$http/ready" >/dev/null && return
        kill -0 "$http_server" 2>/dev/null || return 1
        sleep 0.1
    done
    return 1
}
serve || serve || die "the HTTP server ended: $(<"$work/serve.log")"
printf '   %s$ PGUSER=web pg_principal serve --listen 127.0.0.1:%s%s\n' "$faint" "$http_port" "$plain"
service_key=$(pg_principal auth key --role service_role --output token) || die "no service_role key"
anon_key=$(pg_principal auth key --role anon --output token) || die "no anon key"
curl="curl -s" # for the reader's shell too, which may know a proxy
[ -z "${no_proxy-}" ] || curl+=" --noproxy 127.0.0.1"
curl_lines=(
    "$curl $http/api/auth/login -H 'Content-Type: application/json' -d '{\"email\": \"$agent_login\", \"password\": \"$agent_password\"}'"
    "$curl $http/auth/v1/user -H 'Authorization: Bearer $fresh'"
    "$curl $http/api/health/incidents -H 'Authorization: Bearer $service_key'"
)
answers=('"accessToken":' "\"email\":\"$agent\"" '"reason": *"refresh-id-mismatch"')
for i in "${!curl_lines[@]}"; do
    matches "${curl_lines[i]}" "$(bash -c "${curl_lines[i]}")" "${answers[i]}"
done
echo "   Sign in as the agent; who holds the fresh token; what the health scan found:"
printf '\n   %s\n' "${curl_lines[@]}"

say "And a console for people: an administrator signs in and sees the incident"
account "SELECT ok, status, payload->'user'->>'email' FROM auth.add_user(jsonb_build_object(
                  'email', '$console_login', 'password', \$1, 'role', 'ADMIN'))" "$console_password"
expect "administrator" "$out" "t|201|$console_login"
matches "the console" "$($curl "$http/console/")" 'pg_principal console'
console_token=$($curl "$http/api/auth/login" -H 'Content-Type: application/json' -d "{\"email\": \"$console_login\", \"password\": \"$console_password\"}" |
    jq -r .tokens.accessToken)
matches "its page of agents" "$($curl "$http/api/agents" -H "Authorization: Bearer $console_token")" "\"$agent_login\".*refresh-id-mismatch"

say "Try it yourself"
url="postgresql://app:$password@127.0.0.1:$port/demo"
expect "the URL" "$(PGHOST='' PGUSER='' PGPORT='' psql -XAtq "$url" -c "SELECT current_user")" app
kid=$(ask "SELECT kid || ' (' || alg || ', ' || state || ')' FROM auth.signing_keys WHERE state = 'in_use'")
cat <<END
   export LANDMARK_AUTH_TOKEN=$fresh
   PGOPTIONS="-c pg_principal.token=\$LANDMARK_AUTH_TOKEN" psql "$url" -c 'SELECT * FROM activity'

   console:          $http/console/ as $console_login, password $console_password
   HTTP:             $http (log: $work/access.log)
   URL:              $url
   operator:         PGHOST=$PGHOST PGPORT=$port PGUSER=postgres PGDATABASE=demo psql
   command line:     $PG_PRINCIPAL (with the operator's settings)
   service_role key: $service_key
   anon key:         $anon_key
   JWT secret:       auth.signing_keys, kid $kid; tokens are signed and verified in the database
END

if [ -n "${ONCE:-}" ] && [ "$ONCE" != 0 ]; then
    printf '\nAll steps came out as they should.\n'
    exit 0
fi
printf '\nAll steps came out as they should. The server runs until you press Ctrl-C.\n'
serving=1
trap 'exit 0' INT TERM HUP
# Waits without a child process that could stay behind.
exec {never}<> <(:)
read -r -u "$never"
