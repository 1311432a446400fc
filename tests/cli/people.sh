#!/bin/bash
# The roster against the database: push, provision, remove; all rows or none; progress and Ctrl-C.
cd "$(dirname "$0")/../.." || exit 2
# shellcheck source=tests/harness/tap.sh
. tests/harness/tap.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
ask() { psql -XAtqc "$1"; }
rows() { ask "SELECT count(*) FROM auth.organization_people"; }
counters() { "$PG_PRINCIPAL" people provision "$@" | tr '\n' ' '; }

for format in yaml csv json; do
    is "push $format" "$("$PG_PRINCIPAL" people push tests/samples/roster.$format)" "imported 3"
done
is "stored as it should be" "$(ask "SELECT email, name, github_username, discipline, level, track, manager_email, team, kind
    FROM auth.organization_people ORDER BY email")" \
    "ada.lovelace@example.com|Ada Lovelace|ada|software-engineering|L4|platform||engines|person
charles@example.com|Charles Babbage||software-engineering|L2|platform|ada.lovelace@example.com|engines|person
engine-agent@example.com|Analytical Engine|||||||service_account"
# in READ COMMITTED, which the functions are made for, whatever applications have
ask "CREATE FUNCTION public.tell_isolation() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE NOTICE ''%'', current_setting(''transaction_isolation''); RETURN NULL; END';
    CREATE TRIGGER tell AFTER INSERT ON auth.organization_people EXECUTE FUNCTION public.tell_isolation()"
is "whatever isolation the database has" "$(PGOPTIONS='-c default_transaction_isolation=serializable' "$PG_PRINCIPAL" people push tests/samples/roster.csv 2>&1)" \
    $'pg_principal: note: read committed\nimported 3'
ask "DROP FUNCTION public.tell_isolation() CASCADE" 2>/dev/null
is "push as JSON" "$("$PG_PRINCIPAL" people push tests/samples/roster.yaml --output json | jq -c .)" '{"imported":3}'

is "dry run counts" "$(counters --dry-run)" "created 3 restored 0 decommissioned 0 unchanged 0 "
is "dry run changes nothing" "$(ask 'SELECT count(*) FROM auth.users')" 0
is "provision creates" "$(counters)" "created 3 restored 0 decommissioned 0 unchanged 0 "
is "a second run changes nothing" "$(counters)" "created 0 restored 0 decommissioned 0 unchanged 3 "
is "remove" "$("$PG_PRINCIPAL" people remove --email Engine-Agent@example.com)" "removed engine-agent@example.com"
is "provision decommissions" "$(counters)" "created 0 restored 0 decommissioned 1 unchanged 2 "
"$PG_PRINCIPAL" people push tests/samples/roster.csv >/dev/null
is "provision restores, as JSON" "$("$PG_PRINCIPAL" people provision --output json | jq -c .)" \
    '{"created":0,"restored":1,"decommissioned":0,"unchanged":2,"dryRun":false}'

# Another address is the same person: nothing for provision to do.
id=$(ask "SELECT id FROM auth.users WHERE email = 'ada.lovelace@example.com'")
ask "CREATE TABLE notes (owner text PRIMARY KEY); SELECT auth.clamp('notes', 'owner')" >/dev/null
is "rename" "$("$PG_PRINCIPAL" people rename --from Ada.Lovelace@example.com --to ada@example.org 2>"$work/err")" "renamed ada.lovelace@example.com to ada@example.org"
is "rename tells of rows that keep the old address" "$(cat "$work/err")" "pg_principal: note: rows of public.notes whose owner is ada.lovelace@example.com stay as they are
  hint: To hand them on: UPDATE public.notes SET owner = 'ada@example.org' WHERE owner = 'ada.lovelace@example.com';"
ask "DROP TABLE notes"
is "the account and the reports go along" "$(ask "SELECT id = '$id' FROM auth.users WHERE email = 'ada@example.org'") $(ask "SELECT manager_email FROM auth.organization_people WHERE email = 'charles@example.com'") $(counters)" \
    "t ada@example.org created 0 restored 0 decommissioned 0 unchanged 3 "
"$PG_PRINCIPAL" people push tests/samples/roster.csv >"$work/out" 2>"$work/err"
like "a push of the old address is told what to do" "$?|$(cat "$work/err")" '1\|.*github_username "ada" belongs to ada@example.org; .* pg_principal people rename --from=ada@example.org --to=ada.lovelace@example.com$'
is "rename back, as JSON" "$("$PG_PRINCIPAL" people rename --from=ada@example.org --to=ada.lovelace@example.com --output json | jq -c .)" \
    "{\"renamed\":\"ada@example.org\",\"to\":\"ada.lovelace@example.com\",\"id\":\"$id\"}"
"$PG_PRINCIPAL" people rename --from charles@example.com --to ada.lovelace@example.com >"$work/out" 2>"$work/err"
is "not to somebody else's" "$?|$(cat "$work/out")|$(head -n 1 "$work/err")" "1||pg_principal: ada.lovelace@example.com is already in use"

# What only the database can refuse.
printf 'email,name,manager_email\nnew@example.com,New,\nlost@example.com,Lost,nobody@example.com\n' >"$work/lost.csv"
"$PG_PRINCIPAL" people push "$work/lost.csv" >"$work/out" 2>"$work/err"
is "an unknown manager is refused by the server" "$?|$(cat "$work/out")|$(cat "$work/err")" "1||pg_principal: 1 problem in a roster of 2 rows; nothing was written
  detail: row 2: manager_email \"nobody@example.com\" is neither on the roster nor among these rows"
is "and nothing was written" "$(rows)" 3
for n in $(seq 1000); do echo "- {email: u$n@example.com, name: U$n}"; done >"$work/good.yaml"
sed '500s/name: U500/name: U500, level: L1, kind: service_account/' "$work/good.yaml" >"$work/bad.yaml"
"$PG_PRINCIPAL" people push "$work/bad.yaml" >"$work/out" 2>"$work/err"
is "one bad row among 1,000 is named" "$?|$(cat "$work/out")|$(head -n 1 "$work/err")" \
    "1||pg_principal: $work/bad.yaml: row 500: a service account has no level (line 500)"
is "and none is written" "$(rows)" 3
is "1,000 good ones are" "$("$PG_PRINCIPAL" people push "$work/good.yaml") $(rows)" "imported 1000 1003"
is "push never deletes" "$("$PG_PRINCIPAL" people push tests/samples/roster.yaml) $(rows)" "imported 3 1003"
is "the sample story" "$("$PG_PRINCIPAL" people push tests/samples/story.terrain)" "imported 54"
is "what render prints, push accepts" "$("$PG_PRINCIPAL" people render tests/samples/story.terrain |
    "$PG_PRINCIPAL" people push --format yaml -)" "imported 54"
is "an empty list is no error" "$(echo '[]' | "$PG_PRINCIPAL" people push --format json -)" "imported 0"

# While somebody else holds the table a push waits: time enough to look at it, or to give up.
hold() {
    mkfifo "$work/holder"
    psql -Xq <"$work/holder" >/dev/null &
    holder=$!
    exec 7>"$work/holder"
    echo "BEGIN; LOCK TABLE auth.organization_people;" >&7
    wait_until "SELECT count(*) > 0 FROM pg_locks WHERE relation = 'auth.organization_people'::regclass
        AND mode = 'AccessExclusiveLock' AND granted"
}
release() {
    echo '\q' >&7 # not by its end of file: a process in the background has the pipe too
    exec 7>&-
    wait "$holder"
    rm "$work/holder"
}
wait_until() { # SQL: true within a minute
    local n
    for n in $(seq 600); do
        [ "$(ask "$1")" != t ] || return 0
        sleep 0.1
    done
    echo "not ok - waited for: $1 ($n times)"
}
pushing="SELECT count(*) > 0 FROM pg_stat_activity
    WHERE application_name = 'pg_principal' AND wait_event_type = 'Lock'"

echo "- {email: late@example.com, name: Late}" >"$work/late.yaml"
hold
env --default-signal=INT "$PG_PRINCIPAL" people push "$work/late.yaml" >"$work/out" 2>"$work/err" 7>&- &
push=$!
wait_until "$pushing"
# shellcheck disable=SC2016 # that is how the statement reads
is "the statement holds no data" "$(ask "SELECT query FROM pg_stat_activity WHERE application_name = 'pg_principal'")" \
    'SELECT auth.push_people($1::pg_catalog.jsonb) AS imported'
kill -INT $push
wait $push
is "Ctrl-C cancels" "$?|$(cat "$work/out")|$(cat "$work/err")" "1||pg_principal: cancelled, nothing was written"
is "and the server has stopped too" "$(ask "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pg_principal'")" 0
release
is "nothing was written" "$(ask "SELECT count(*) FROM auth.organization_people WHERE email = 'late@example.com'")" 0

for signal in TERM HUP; do
    hold
    env --default-signal=$signal "$PG_PRINCIPAL" people push "$work/late.yaml" >"$work/out" 2>"$work/err" 7>&- &
    push=$!
    wait_until "$pushing"
    kill -$signal $push
    kill -$signal $push # as timeout(1) does, which signals its group, too
    wait $push
    is "so does SIG$signal" "$?|$(cat "$work/out")|$(cat "$work/err")" "1||pg_principal: cancelled, nothing was written"
    is "and the server has stopped too" "$(ask "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pg_principal'")" 0
    release
done
hold
env --default-signal=TERM "$PG_PRINCIPAL" people push "$work/late.yaml" >"$work/out" 2>"$work/err" 7>&- &
push=$!
# past the lock's own time-out, which PostgreSQL tells of instead of a cancellation that comes with it
wait_until "SELECT count(*) > 0 FROM pg_locks WHERE mode = 'ShareUpdateExclusiveLock' AND NOT granted"
backend=$(ask "SELECT pid FROM pg_stat_activity WHERE application_name = 'pg_principal'")
kill -STOP "$backend"
kill -TERM $push
for _ in $(seq 600); do kill -0 $push 2>/dev/null && sleep 0.1; done
kill -KILL $push 2>/dev/null # one that waits for ever
kill -CONT "$backend"
wait $push
is "nor is a server waited for that does not answer" "$?|$(head -n 1 "$work/err")" "1|pg_principal: cancelled, but the server does not answer"
release
is "nothing was written, now or later" "$(ask "SELECT count(*) FROM auth.organization_people WHERE email = 'late@example.com'")" 0

hold
script -qefc "'$PG_PRINCIPAL' people push '$work/late.yaml' >'$work/out'" "$work/terminal" </dev/null >/dev/null 7>&- &
push=$!
wait_until "$pushing"
wait_for_progress() {
    local n
    for n in $(seq 600); do
        ! grep -q 'the server is at work, 1 s' "$work/terminal" || return 0
        sleep 0.1
    done
    echo "no progress after $n looks" && return 1
}
ok "a terminal sees the seconds pass" wait_for_progress
release
wait $push
is "the result is on stdout" "$(cat "$work/out")" "imported 1"
is "the line is erased at the end" "$(grep -o $'\r\033\[K.*' "$work/terminal" | tail -n 1 | tr -d '\r' | sed 's/^.*\x1b\[K//; /^Script/d')" ""
"$PG_PRINCIPAL" people push "$work/good.yaml" >/dev/null 2>"$work/err"
is "no terminal, no progress" "$(cat "$work/err")" ""
