#!/bin/bash
# Where a secret could show without anybody having asked for it: the server log as it is set by
# default, pg_stat_activity, pg_stat_statements, errors, and the plans that everybody may have sent to
# themselves. And what the settings that do expose secrets expose, so that docs/threat-model.md stays true.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/harness/cluster.sh
. tests/harness/cluster.sh
# shellcheck source=tests/harness/tap.sh
. tests/harness/tap.sh

if [ -z "${HARNESS_ROOT-}" ]; then
    echo "run by: make test ONLY=system"
    exit 2
fi
dir=$work/secrets
mkdir -p "$dir" && chmod 755 "$dir"
libraries=$("$pg_config" --pkglibdir)
preload=pg_principal,pg_stat_statements,auto_explain
if [ -f "$libraries/pgaudit.so" ]; then preload+=,pgaudit; else echo "# this server has no pgaudit: what it would log is not looked at"; fi
cluster_create "$dir" fsync=off shared_preload_libraries="$preload" pg_stat_statements.track=all || exit 1
cluster_start "$dir" || exit 1
sql() { psql -XAtq -v ON_ERROR_STOP=1 -c "$1" 2>&1; }
sql "CREATE EXTENSION pg_principal; CREATE EXTENSION pg_stat_statements; CREATE ROLE app LOGIN IN ROLE authenticated; CREATE ROLE web LOGIN IN ROLE authenticator; CREATE ROLE op LOGIN IN ROLE auth_operator"
sql "CREATE VIEW found AS SELECT query FROM pg_stat_activity UNION ALL SELECT query FROM pg_stat_statements"

# Everything that takes or gives a secret, each value a parameter as drivers send it (pgbench does).
password='Th1sIsAStrong!Pass' changed='An0therStrong!Pass' wrong='Wr0ng!Passw0rd!!' secret='a-secret-that-is-thirty-two-bytes-long'
jwk='{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}'
secrets=("$password" "$changed" "$wrong" "$secret" nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A)
# The statement's variables are set by NAME=VALUE; what it says on standard error comes back.
call() { # USER STATEMENT NAME=VALUE..
    local user=$1 variables=() pair
    printf '%s\n' "$2;" >"$dir/call.sql"
    shift 2
    for pair in "$@"; do variables+=(-D "$pair"); done
    PGUSER=$user PGOPTIONS="${options-}" pgbench -n -t 1 -M extended "${variables[@]}" -f "$dir/call.sql" postgres 2>"$dir/call.err" >/dev/null
    cat "$dir/call.err"
}
tour() {
    local tokens access refresh issued
    call op "SELECT auth.import_signing_key(:material::text)" "material=$secret"
    call op "SELECT auth.import_signing_key(:material::text)" "material=$jwk"
    call op "SELECT auth.import_signing_key(:material::text)" "material={\"kty\":\"oct\",\"k\":\"$secret\",\"k\":1}"
    call op "SELECT auth.import_signing_key(:material::text)" "material=-----BEGIN PRIVATE KEY-----$secret-----END PRIVATE KEY-----"
    call op "SELECT auth.create_signing_key(:alg::text)" alg=ES256
    call op "SELECT auth.add_user(jsonb_build_object('email', :email::text, 'password', :password::text))" email=ann@example.com "password=$password"
    call op "SELECT auth.add_user(jsonb_build_object('email', :email::text, 'password', :password::text, 'x', 1))" email=ann@example.com "password=$password"
    call op "SELECT auth.set_password(:email::text, :password::text)" email=nobody@example.com "password=$password"
    call op "SELECT auth.set_password(:email::text, :password::text)" email=ann@example.com "password=weak$wrong$(printf '%0200d' 1)"
    call web "SELECT auth.sign_in(:email::text, :password::text)" email=ann@example.com "password=$wrong"
    call web "SELECT auth.sign_in(:email::text, :password::text, '[]')" email=ann@example.com "password=$password"
    call web "SELECT auth.sign_in(:email::text, :password::text)" email=ann@example.com "password=$password"
    tokens=$(sql "SELECT payload->'tokens'->>'accessToken', payload->'tokens'->>'refreshToken', auth.issue_for(gen_random_uuid()) FROM auth.sign_in('ann@example.com', '$password')")
    access=${tokens%%|*} refresh=${tokens#*|} refresh=${refresh%%|*}
    issued=$(sql "SELECT auth.issue('roster@example.com')")
    secrets+=("${access##*.}" "$refresh" "${issued##*.}")
    call web "SELECT auth.refresh(:refresh::text)" "refresh=$refresh"
    call web "SELECT auth.refresh(:refresh::text)" "refresh=${refresh%?}"
    call web "SELECT auth.refresh(:refresh::text, '[]')" "refresh=$refresh"
    call app "SELECT auth.authenticate(:token::text)" "token=$access"
    call app "SELECT auth.authenticate(:token::text)" "token=${access%?}"
    call app "SELECT auth.authenticate(:token::text)->>'email', 1 / (length(:token::text) - length(:token::text))" "token=$access"
    call app "SELECT set_config('pg_principal.token', :token::text, false), auth.parse_ttl(:ttl::text)" "token=$access" "ttl=x"
    call app "SELECT auth.change_password(:current::text, :new::text) FROM (SELECT auth.authenticate(:token::text)) AS a" "token=$access" "current=$password" "new=$changed"
    call app "SELECT auth.jwt_sign(:claims::jsonb, :key::jsonb)" "claims={}" "key=\"$secret\""
    call app "SELECT auth.jwt_sign(:claims::jsonb, :key::jsonb)" "claims={}" "key=$jwk" "x=1"
    call app "SELECT auth.pem_to_jwk(:pem::text)" "pem=-----BEGIN PRIVATE KEY-----$secret-----END PRIVATE KEY-----"
}
stored() { # what is kept of them, by the superuser's eye
    mapfile -t -O "${#secrets[@]}" secrets < <(sql "SELECT hash FROM auth.password_hashes
        UNION ALL SELECT convert_from(material, 'UTF8')::jsonb->>'d' FROM auth.signing_keys WHERE convert_from(material, 'UTF8')::jsonb ? 'd'
        UNION ALL SELECT convert_from(material, 'UTF8')::jsonb->>'k' FROM auth.signing_keys WHERE convert_from(material, 'UTF8')::jsonb ? 'k'
        UNION ALL SELECT encode(material, 'hex') FROM auth.server_keys UNION ALL SELECT encode(hash, 'hex') FROM auth.refresh_tokens")
}
hits() { # FILE: how many of the secrets are in it
    local count=0 one
    for one in "${secrets[@]}"; do
        ! grep -qF -- "$one" "$1" || count=$((count + 1))
    done
    echo "$count"
}
log_from() { tail -c "+$((1 + $1))" "$dir/log" >"$dir/part"; }

sql "SELECT auth.push_people('[{\"email\": \"roster@example.com\", \"name\": \"R\"}]')" >/dev/null
sql "SELECT auth.create_signing_key()" >/dev/null
sql "SELECT auth.provision()" >/dev/null
sql "SELECT pg_stat_statements_reset()" >/dev/null
begin=$(stat -c %s "$dir/log")
tour >"$dir/said"
stored
log_from "$begin"
# the tour's own direct statements name the password; what drivers sent must not
grep -v 'FROM auth.sign_in(' "$dir/part" >"$dir/part2"
is "there are secrets to be found" "$([ ${#secrets[@]} -gt 12 ] && echo yes)" yes
like "calls failed on the way" "$(grep -c ERROR "$dir/said")" '^1[0-9]$'
is "no error tells one" "$(hits "$dir/said")" 0
is "nor does the log of a server as it is set by default" "$(hits "$dir/part2")" 0
sql "SELECT query FROM found WHERE query NOT LIKE '%sign_in(''ann%' AND query NOT LIKE '%sign_in(\$%'" >"$dir/found"
is "nor what is running and what has run" "$(hits "$dir/found")" 0

# Plans, with what the planner has put into them; anybody may ask for those of what their calls run.
options="-c debug_print_parse=on -c debug_print_rewritten=on -c debug_print_plan=on -c client_min_messages=log"
sql "SELECT auth.add_user('{\"email\": \"ben@example.com\", \"password\": \"$password\"}')" >/dev/null
sql "UPDATE auth.users SET on_roster = true, app_role = 'ADMIN', encrypted_password = '\$argon2id\$v=19\$m=19456,t=2,p=1\$' || translate(encode('NoBodyMaySee', 'base64'), '=', '') || '\$' || right(h.hash, 43) FROM auth.password_hashes h WHERE h.user_id = id AND email = 'ben@example.com'" >/dev/null
sql "INSERT INTO auth.organization_people (email, name) VALUES ('ben@example.com', 'Ben')" >/dev/null
ben=$(sql "SELECT auth.issue('ben@example.com')")
{
    PGUSER=op PGOPTIONS=$options psql -XAtq -c "SELECT length(auth.create_signing_key('HS256', false))" -c "SELECT length(auth.create_signing_key('EdDSA', true))" \
        -c "SELECT length(auth.issue('ben@example.com'))" -c "SELECT auth.ban('roster@example.com')" -c "SELECT auth.unban('roster@example.com')" -c "SELECT auth.provision()" \
        -c "SELECT length(auth.audit_seal())" -c "SELECT auth.seal_signing_keys()" -c "SELECT auth.agent_health()" -c "SELECT auth.list_sessions('ben@example.com')" \
        -c "SELECT auth.import_users('[]')" -c "SELECT auth.scan_agent_health()" -c "SELECT auth.prune_sessions('1 year')" -c "SELECT auth.audit_verify()" -c "SELECT auth.audit_prune('1 year')"
    PGUSER=web PGOPTIONS=$options psql -XAtq -c "SELECT (auth.sign_in('ben@example.com', 'x')).status" -c "SELECT (auth.refresh('ppr_x')).status"
    PGUSER=app PGOPTIONS="$options -c pg_principal.token=$ben" psql -XAtq -c "SELECT (auth.get_user(u)).status, (auth.update_user(u, '{\"firstName\": \"B\"}')).status, (auth.user_sessions(u)).status, (auth.ban_user(u)).status, (auth.unban_user(u)).status, (auth.issue_for(u)).status, (auth.end_session(u)).status FROM (SELECT auth.uid()) AS a (u)" \
        -c "SELECT (auth.list_users()).status, (auth.audit_feed()).status, (auth.incidents_feed()).status, (auth.update_profile('{\"firstName\": \"C\"}')).status, (auth.change_password('x', 'y')).status"
} >"$dir/plans" 2>&1
{
    echo '$argon2id$'
    sql "SELECT left(coalesce(k.jwk->>'d', k.jwk->>'k'), 8) FROM (SELECT convert_from(material, 'UTF8')::jsonb AS jwk FROM auth.signing_keys) AS k"
} >"$dir/wanted"
like "plans came" "$(grep -c 'constvalue' "$dir/plans")" '^[0-9]{3,}$'
# a constant is written as its bytes; a compressed one begins as it is
is "none holds a hash or a key" "$(python3 - "$dir/plans" "$dir/wanted" <<'PYTHON'
import re, sys

plans = re.sub(r"\s+", " ", open(sys.argv[1]).read())
found = [bytes(int(n) & 255 for n in m.split()) for m in re.findall(r"constvalue \d+ \[((?: -?\d+)+) \]", plans)]
heads = {line.strip().encode() for line in open(sys.argv[2])}
print(sum(any(head in value for head in heads) for value in found))
PYTHON
)" 0
unset options

# What auditing extensions log of the statements inside our functions, with everything that they can log switched on:
# a secret is in no entry but those of the caller's own statement.
everything=(auto_explain.log_min_duration=0 auto_explain.log_nested_statements=on auto_explain.log_analyze=on auto_explain.log_verbose=on
    auto_explain.log_triggers=on log_error_verbosity=verbose)
audits=False
[[ $preload != *pgaudit ]] || { everything+=(pgaudit.log=all pgaudit.log_parameter=on pgaudit.log_relation=on pgaudit.log_rows=on) && audits=True; }
for setting in "${everything[@]}"; do psql -Xqc "ALTER SYSTEM SET ${setting%%=*} = '${setting#*=}'"; done
sql "SELECT pg_reload_conf(), pg_sleep(0.5)" >/dev/null
is "no statement inside a function carries a secret, whatever audits it" "$(python3 tests/system/audited.py "$dir/log" 2>&1)" \
    "of pgaudit: $audits of auto_explain: True secrets: True found: 0"
for setting in "${everything[@]}"; do psql -Xqc "ALTER SYSTEM RESET ${setting%%=*}"; done
sql "SELECT pg_reload_conf(), pg_sleep(0.5)" >/dev/null

# What does expose, and what closes it again.
expose() { # NAME WANTED SETTING..: whether the tour's parameters are in the log then
    local name=$1 wanted=$2 start setting
    shift 2
    for setting in "$@"; do psql -Xqc "ALTER SYSTEM SET $setting"; done
    sql "SELECT pg_reload_conf(), pg_sleep(0.5)" >/dev/null
    start=$(stat -c %s "$dir/log")
    call web "SELECT auth.sign_in(:email::text, :password::text)" email=ann@example.com "password=$wrong" >/dev/null
    call web "SELECT auth.sign_in(:email::text, :password::text, '[]')" email=ann@example.com "password=$wrong" >/dev/null
    for setting in "$@"; do psql -Xqc "ALTER SYSTEM RESET ${setting%% *}"; done
    sql "SELECT pg_reload_conf(), pg_sleep(0.5)" >/dev/null
    log_from "$start"
    is "$name" "$(grep -qF "$wrong" "$dir/part" && echo told || echo kept)" "$wanted"
}
expose "parameters stay out of the log by default" kept "log_statement = 'none'"
expose "log_statement = all tells them" told "log_statement = 'all'"
expose "unless log_parameter_max_length = 0" kept "log_statement = 'all'" "log_parameter_max_length = 0"
expose "so does log_min_duration_statement" told "log_min_duration_statement = 0"
expose "unless log_parameter_max_length = 0" kept "log_min_duration_statement = 0" "log_parameter_max_length = 0"
expose "log_parameter_max_length_on_error tells them of what fails" told "log_parameter_max_length_on_error = -1"
start=$(stat -c %s "$dir/log")
psql -XAtqc "SELECT auth.sign_in('ann@example.com', '$wrong', '[]')" 2>/dev/null
log_from "$start"
is "a statement that fails is logged by default, with what is written into it" "$(grep -qF "$wrong" "$dir/part" && echo told)" told
like "the server's own input functions quote what they refuse: a secret is given to no wrong type" \
    "$(call app "SELECT :token::uuid" token=a.typed.secret) $(call app "SELECT :key::jsonb" "key={\"k\": \"$secret")" "a.typed.secret.*$secret"
psql -XAtqc "SET pg_principal.token = 'a.typed.token'"
is "a token typed into SET stays in pg_stat_statements" "$(sql "SELECT count(*) > 0 FROM pg_stat_statements WHERE query LIKE '%a.typed.token%'")" \
    "$([ "$("$PG_BIN/postgres" -V | sed 's/.* \([0-9]*\).*/\1/')" -lt 18 ] && echo t || echo f)"
