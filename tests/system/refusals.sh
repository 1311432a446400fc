#!/bin/bash
# What a refusal leaves behind: its audit entry, its counter, its punishment, one line of JSON in the
# server log, though the client vanishes as soon as it has asked; and never a secret.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/harness/cluster.sh
. tests/harness/cluster.sh
# shellcheck source=tests/harness/tap.sh
. tests/harness/tap.sh

dir=$work/refusals
cluster_create "$dir" fsync=off shared_preload_libraries=pg_principal || exit 1
cluster_start "$dir" || exit 1
sql() { # STATEMENT..: the last one's answer, or the error
    local statements=()
    for statement in "$@"; do statements+=(-c "$statement"); done
    psql -XqAt -F ' ' -v ON_ERROR_STOP=1 "${statements[@]}" 2>&1
}
password='Th1sIsAStrong!Pass'
secrets=("$password" "An0therStrong!Pass" "a-wrong-Passw0rd!")
agent='kata-agent@example.com'
sql "CREATE EXTENSION pg_principal" "SELECT auth.create_signing_key()" \
    "SELECT auth.add_user('{\"email\": \"$agent\", \"password\": \"$password\", \"kind\": \"service_account\"}')" >/dev/null
user=$(sql "SELECT id FROM auth.users")

sign_in() { # [CONTEXT]: sets access, refresh and session
    read -r access refresh session < <(sql "SELECT payload->'tokens'->>'accessToken', payload->'tokens'->>'refreshToken',
        (auth.read_refresh_token(payload->'tokens'->>'refreshToken')).session_id FROM auth.sign_in('$agent', '$password', '${1:-{\}}')")
    secrets+=("$access" "$refresh")
}
refresh() { sql "SELECT coalesce(reason, payload->'tokens'->>'refreshToken') FROM auth.refresh('$1')"; }
lines() { # EVENT: as JSON
    sed -n 's/^[^{]* LOG:  \({.*\)$/\1/p' "$dir/log" | jq -c "select(.event == \"$1\")"
}

# Each reason, by a real sequence of calls.
check() { # REASON TOKEN [USER]
    local reason=$1 whose=${3-$user} line
    is "$reason" "$(refresh "$2")" "$reason"
    line=$(lines auth.refresh.failure | jq -c "select(.reason == \"$reason\")")
    is "$reason: one line of JSON" "$(jq -c '[keys, .event, .userId // ""]' <<<"$line")" \
        "[[\"event\",\"metadata\",\"reason\",\"userId\"],\"auth.refresh.failure\",\"$whose\"]"
    is "$reason: an audit entry" "$(sql "SELECT changes->'refreshToken'->>'previous', changes->'refreshToken'->>'current', changes->'refreshToken'->>'reason', changes->'refreshToken'->'metadata' = metadata
        FROM auth.audit_log WHERE reason = '$reason' AND user_id = coalesce(nullif('$whose', '')::uuid, auth.nobody())")" "active invalidated $reason t"
    is "$reason: counted" "$(sql "SELECT value FROM auth.read_metrics() WHERE name = 'auth.refresh.failures' AND label = '$reason'")" 1
}
check verification-failed 'no refresh token' ''
check invalid-payload "ppr_$(printf 'A%.0s' {1..87})" ''
sign_in '{"refreshTokenTtl": 1}'
lapsed=$refresh
sign_in
PGOPTIONS="-c pg_principal.token=$access" sql "SELECT auth.sign_out()" >/dev/null
check missing-refresh-state "$refresh"
sign_in
sql "SELECT auth.revoke_session('$session')" >/dev/null
check token-invalidated "$refresh"
sign_in
check hash-mismatch "${refresh::-6}AAAAAA"
secrets+=("$(refresh "$refresh")")
sql "ALTER SYSTEM SET pg_principal.refresh_reuse_interval = 0" "SELECT pg_reload_conf()" >/dev/null
check refresh-id-mismatch "$refresh"
is "refresh-id-mismatch: the session is over" "$(sql "SELECT revoked_as FROM auth.sessions WHERE id = '$session'")" reuse
sleep 1
check expired "$lapsed"
sign_in
sql "SELECT auth.set_password('$agent', 'An0therStrong!Pass')" >/dev/null
check password-rotated "$refresh"
sql "SELECT auth.set_password('$agent', '$password')" >/dev/null
sign_in
sql "SELECT auth.ban('$agent')" >/dev/null
check banned "$refresh"
is "banned: for signing in too" "$(sql "SELECT reason FROM auth.sign_in('$agent', '$password')")" banned
sql "SELECT auth.unban('$agent')" >/dev/null
is "as many lines as were counted" "$(lines auth.refresh.failure | wc -l)" 9

# Signing in, with what would like to write lines of its own.
hostile=$'Mozilla\nLOG:  {"event": "auth.refresh.failure", "forged": true}\r\n\x1b[31m"\\\''
wrong() { # EMAIL
    psql -XqAt -v email="$1" -v agent="$hostile" -v password='a-wrong-Passw0rd!' <<'SQL'
SELECT reason FROM auth.sign_in(:'email', :'password', jsonb_build_object('userAgent', :'agent', 'ip', :'agent'));
SELECT reason FROM auth.refresh(:'email', jsonb_build_object('userAgent', :'agent', 'ip', '192.0.2.7'));
SQL
}
is "hostile user agent" "$(wrong "$agent")" "wrong-password
verification-failed"
is "hostile email" "$(wrong $'x\n2030-01-01 LOG:  {"event": "auth.sign_in.failure", "forged": true}@example.com')" "unknown-email
verification-failed"
odd="o'd{|}%-agent@example.com"
psql -XqAt -v email="$odd" >/dev/null <<'SQL'
SELECT auth.add_user(jsonb_build_object('email', :'email', 'password', 'Th1sIsAStrong!Pass'));
SELECT auth.refresh((SELECT left(payload->'tokens'->>'refreshToken', -6) || 'AAAAAA' FROM auth.sign_in(:'email', 'Th1sIsAStrong!Pass')));
SQL
is "a principal's odd email" "$(wrong "$odd")" "wrong-password
verification-failed"
is "each sign-in is one line of JSON" "$(lines auth.sign_in.failure | jq -c '[keys, .reason]')" '[["event","metadata","reason","userId"],"banned"]
[["event","metadata","reason","userId"],"wrong-password"]
[["event","metadata","reason","userId"],"unknown-email"]
[["event","metadata","reason","userId"],"wrong-password"]'
is "nothing was forged" "$(grep -ac forged "$dir/log")" 0
sql "SELECT auth.scan_agent_health()" >/dev/null
is "the scan's line names it whole" "$(sed -n 's/^[^{]* WARNING:  \({.*\)$/\1/p' "$dir/log" | jq -r 'select(.event == "agent.refresh.failure.detected") | .email' | sort -u)" "$(printf '%s\n' "$odd" "$agent" | sort)"
is "every line of JSON is one" "$(grep -ac '{' "$dir/log")" "$(sed -n 's/^[^{]* [A-Z]*:  \({.*\)$/\1/p' "$dir/log" | jq -c . | wc -l)"

# Clients that do not wait for the answer.
vanish() { # STATEMENT: sends it and closes the connection
    python3 - "$PGHOST/.s.PGSQL.$PGPORT" "$1" <<'PYTHON'
import socket, struct, sys
client = socket.socket(socket.AF_UNIX)
client.connect(sys.argv[1])
names = b"user\0postgres\0database\0postgres\0\0"
client.sendall(struct.pack("!ii", len(names) + 8, 196608) + names)
def read(n):
    data = b""
    while len(data) < n:
        part = client.recv(n - len(data))
        if not part:
            sys.exit("the server hung up")
        data += part
    return data
while True:
    kind, size = struct.unpack("!ci", read(5))
    read(size - 4)
    if kind == b"Z":
        break
query = sys.argv[2].encode() + b"\0"
client.sendall(b"Q" + struct.pack("!i", len(query) + 4) + query)
client.close()
PYTHON
}
wait_for() { # QUERY: until it answers t
    local end=$((SECONDS + 20))
    until [ "$(sql "$1")" = t ]; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.1
    done
}
sign_in
secrets+=("$(refresh "$refresh")")
vanish "SELECT auth.refresh('$refresh')"
ok "vanished: the session of a replayed token ends" wait_for "SELECT revoked_as = 'reuse' FROM auth.sessions WHERE id = '$session'"
ok "vanished: audited" wait_for "SELECT count(*) = 1 FROM auth.audit_log WHERE reason = 'refresh-id-mismatch' AND metadata->>'sessionId' = '$session'"
ok "vanished: counted" wait_for "SELECT value = 2 FROM auth.read_metrics() WHERE name = 'auth.refresh.failures' AND label = 'refresh-id-mismatch'"
is "vanished: logged" "$(lines auth.refresh.failure | jq -r "select(.metadata.sessionId == \"$session\") | .reason")" refresh-id-mismatch
before=$(sql "SELECT value FROM auth.read_metrics() WHERE name = 'auth.sign_in.failures' AND label = 'wrong-password'")
for _ in 1 2 3; do vanish "SELECT auth.sign_in('$agent', 'a-wrong-Passw0rd!', '{\"ip\": \"192.0.2.9\"}')"; done
ok "vanished: wrong passwords are counted" wait_for "SELECT value = $before + 3 FROM auth.read_metrics() WHERE name = 'auth.sign_in.failures' AND label = 'wrong-password'"
sign_in
psql -XqAt -c "SELECT auth.refresh('${refresh::-6}AAAAAA'), pg_sleep(0)" >/dev/null 2>&1 &
kill -9 $! 2>/dev/null
wait $! 2>/dev/null
ok "a killed client leaves all of it or nothing" wait_for "SELECT count(*) = (SELECT sum(value) FROM auth.read_metrics() WHERE name = 'auth.refresh.failures')
    FROM auth.audit_log WHERE changes ? 'refreshToken'"
multixacts() { sql "CHECKPOINT" "SELECT next_multixact_id FROM pg_control_checkpoint()"; }
before=$(multixacts)
sql "SELECT auth.refresh('garbage')" "SELECT auth.sign_in('$agent', 'a-wrong-Passw0rd!')" >/dev/null
is "no MultiXact is taken by a refusal, of which strangers make as many as they like" "$(multixacts)" "$before"
is "no chain is broken" "$(sql "SELECT * FROM auth.audit_verify()")" ""

cluster_stop "$dir" fast
is "no statement follows an event" "$(grep -aA1 '{"event"\|"event":' "$dir/log" | grep -ac 'STATEMENT:\|CONTEXT:')" 0
found=0
for secret in "${secrets[@]}"; do
    [ -n "$secret" ] || { echo "not ok - a secret is empty" && continue; }
    ! grep -aqF -e "$secret" "$dir/log" || found=$((found + 1))
done
is "${#secrets[@]} secrets, none in the log" "$found" 0
