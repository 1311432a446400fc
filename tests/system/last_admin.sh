#!/bin/bash
# An ADMIN is left however long a commit lasts: here it waits for a standby that never answers, after all that
# the transaction looked at and before anybody sees what it did.
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
cluster_create "$work/admins" fsync=off synchronous_commit=local synchronous_standby_names=nobody || exit 1
cluster_start "$work/admins" || exit 1
sql() { psql -XAtq -v ON_ERROR_STOP=1 -c "SET statement_timeout = '20s'" "${@/#/-c}" 2>&1; }
sql "CREATE EXTENSION pg_principal" "SELECT auth.create_signing_key()" "SELECT auth.push_people(jsonb_agg(jsonb_build_object(
    'email', n || '@example.com', 'name', n))) FROM unnest(ARRAY['ann', 'bob', 'eve']) AS n" "SELECT auth.provision()" >"$work/admins/setup.log"
key=$(sql "SELECT token FROM auth.issue_key('service_role')")
declare -A id token
for name in ann bob eve; do
    id[$name]=$(sql "SELECT id FROM auth.users WHERE email = '$name@example.com'")
    token[$name]=$(sql "SELECT auth.issue('$name@example.com')")
done
start() { # Ann alone is an ADMIN
    sql "SELECT auth.unban(email) FROM auth.users" "UPDATE auth.users SET app_role = CASE email WHEN 'ann@example.com' THEN 'ADMIN' ELSE 'ANALYST' END" >/dev/null
}
by() { # TOKEN SQL [how its commit waits]
    sql "SET synchronous_commit = ${3-local}" "SELECT auth.authenticate('$1', false) IS NULL" "$2" | tail -n 1
}
role() { echo "SELECT coalesce(r.reason, 'done') FROM auth.update_user('${id[$1]}', '{\"role\": \"$2\"}') AS r"; }
ban() { echo "SELECT coalesce(r.reason, 'done') FROM auth.ban_user('${id[$1]}') AS r"; }

# Runs until its commit waits.
slowly() { # TOKEN SQL
    by "$1" "$2" on >"$work/admins/slow" &
    slow=$!
    for _ in {1..100}; do
        [ "$(sql "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")" = 1 ] && return
        sleep 0.1
    done
    cat "$work/admins/slow"
}
let_go() {
    sql "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'" >/dev/null
    wait "$slow"
}
admins() {
    sql "SELECT coalesce(string_agg(split_part(u.email, '@', 1), ' ' ORDER BY u.email), 'nobody') FROM auth.users u WHERE auth.is_active_admin(u)"
}

for who in ann key; do
    [ $who = ann ] && hand=${token[ann]} || hand=$key
    for what in ban role; do
        start
        slowly "$hand" "$("$what" bob READ_ONLY)"
        is "made an ADMIN beside it ($what by $who)" "$(by "${token[ann]}" "$(role bob ADMIN)")" "done"
        like "nobody relies on whom a commit takes away ($what by $who)" "$(by "${token[ann]}" "$(role ann ANALYST)")" \
            'canceling statement due to lock timeout'
        is "others are banned meanwhile ($what by $who)" "$(by "${token[ann]}" "$(ban eve)")" "done"
        let_go
        is "and an ADMIN is left ($what by $who)" "$(admins)" ann
    done
done

# The project key is nobody: what it takes from one who has become an ADMIN meanwhile, it is asked again.
start
sql "SELECT auth.authenticate('$key', false) IS NULL" "BEGIN" "$(ban bob)" "SELECT pg_sleep(2)" "COMMIT" >"$work/admins/slow" &
slow=$!
for _ in {1..100}; do
    [ "$(sql "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'")" = 1 ] && break
    sleep 0.1
done
is "made an ADMIN beside the project key's ban" "$(by "${token[ann]}" "$(role bob ADMIN)")" "done"
is "relied on" "$(by "${token[ann]}" "$(role ann ANALYST)")" "done"
wait "$slow"
like "its commit fails" "$(cat "$work/admins/slow")" 'the ADMIN who was to stay no longer is one'
is "and an ADMIN is left" "$(admins)" bob

all_admins() { # none of whose tokens a ban has ended
    sql "SELECT auth.unban(email) FROM auth.users" "UPDATE auth.users SET app_role = 'ADMIN'" >/dev/null
    for name in ann bob eve; do
        token[$name]=$(sql "SELECT auth.issue('$name@example.com')")
    done
}

# Whoever has a commit that lasts, for a standby or for a million notifications, keeps nobody from their own demotion.
all_admins
slowly "${token[ann]}" "$(role eve ANALYST)"
is "an ADMIN's long commit does not keep the role from being taken" "$(by "${token[bob]}" "$(role ann ANALYST)")" "done"
is "nor others from being banned" "$(sql "UPDATE auth.users SET app_role = 'ADMIN' WHERE email LIKE 'ann@%'" >/dev/null; by "${token[bob]}" "$(ban ann)")" "done"
like "but whom it takes the role from relies on nobody" "$(by "${token[eve]}" "$(role bob ANALYST)")" 'canceling statement due to lock timeout'
let_go
is "and an ADMIN is left after all" "$(admins)" bob

# What was only asked for, and taken back or refused, holds up nobody either.
all_admins
slowly "${token[ann]}" "BEGIN; SAVEPOINT s; $(role bob ANALYST); ROLLBACK TO s; COMMIT"
is "whoever gave up taking a role keeps none" "$(by "${token[bob]}" "$(role ann ANALYST)")" "done"
let_go
all_admins
slowly "${token[ann]}" "SELECT coalesce(r.reason, 'done') FROM auth.update_user('${id[bob]}', '{\"role\": \"ANALYST\", \"email\": \"eve@example.com\"}') AS r"
is "nor whoever was refused it" "$(by "${token[bob]}" "$(role eve ANALYST)")" "done"
let_go
is "which was refused" "$(tail -n 1 "$work/admins/slow")" email-taken
