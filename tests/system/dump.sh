#!/bin/bash
# What pg_dump takes along: with a master key no private half in the clear; restored, every token,
# ban and clamp is as it was; without the master key's file a clear error and no crash.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/harness/cluster.sh
. tests/harness/cluster.sh
# shellcheck source=tests/harness/tap.sh
. tests/harness/tap.sh

dir=$work/dump
cluster_create "$dir" fsync=off || exit 1
master_key=$dir/master_key
master_key "$master_key" || exit 1
cluster_set "$dir" pg_principal.master_key_file="$master_key"
cluster_start "$dir" || exit 1

sql() { # DATABASE STATEMENT..: the last one's answer, or the error with its details
    local database=$1 statements=()
    shift
    for statement in "$@"; do statements+=(-c "$statement"); done
    psql -XqAt -v ON_ERROR_STOP=1 -d "$database" "${statements[@]}" 2>&1
}

createdb before
sql before "CREATE EXTENSION pg_principal" >/dev/null
secret=a-secret-that-no-dump-may-ever-show-in-the-clear
sql before "
CREATE TABLE activity (id int PRIMARY KEY, owner text);
INSERT INTO activity VALUES (1, 'boss@example.com'), (2, 'ann@example.com'), (3, 'agent@example.com');
CREATE TABLE \"we ird'\" (id int PRIMARY KEY, \"own\"\"er\" uuid);
CREATE ROLE app;
GRANT SELECT ON activity, \"we ird'\", auth.organization_people TO app;
SELECT auth.import_signing_key('$secret');
SELECT auth.push_people('[{\"email\": \"ann@example.com\", \"name\": \"Ann\", \"manager_email\": \"boss@example.com\", \"github_username\": \"ann\"}, {\"email\": \"boss@example.com\", \"name\": \"Boss Ünïcode\"}, {\"email\": \"agent@example.com\", \"name\": \"Agent\", \"kind\": \"service_account\"}, {\"email\": \"gone@example.com\", \"name\": \"Gone\"}]');
SELECT auth.provision();
INSERT INTO \"we ird'\" SELECT 1, id FROM auth.users WHERE email = 'ann@example.com';
SELECT auth.clamp('activity', 'owner', 'self_and_reports');
SELECT auth.clamp('\"we ird''\"', 'own\"er', 'self', true);" >/dev/null 2>&1
by_secret=$(sql before "SELECT auth.issue('ann@example.com', '1y', 'first', '{read}')")
sql before "SELECT auth.create_signing_key('ES256')" >/dev/null
boss=$(sql before "SELECT auth.issue('boss@example.com')")
agent=$(sql before "SELECT auth.issue('agent@example.com')")
gone=$(sql before "SELECT auth.issue('gone@example.com')")
revoked=$(sql before "SELECT auth.issue('boss@example.com', '1h', 'revoked')")
anon=$(sql before "SELECT token FROM auth.issue_key('anon')")
sql before "SELECT auth.revoke_session(id) FROM auth.list_sessions('boss@example.com') WHERE label = 'revoked'" \
    "SELECT auth.ban('agent@example.com', '3 days', 'leaked')" "SELECT auth.unban('agent@example.com')" \
    "SELECT auth.remove_person('gone@example.com')" "SELECT auth.provision()" >/dev/null
who() { # DATABASE TOKEN: the principal, or the reason against it
    sql "$1" "SELECT coalesce(auth.authenticate('$2')->>'email', 'no principal')" | sed -n '/^DETAIL:  /{s///;p;q};/^ERROR/b;p'
}
sees() { # DATABASE TOKEN TABLE
    sql "$1" "SET ROLE app" "SET pg_principal.token = '$2'" "SELECT coalesce(string_agg(id::text, ',' ORDER BY id), 'nothing') FROM $3"
}
everybody() { # DATABASE
    local database=$1
    for token in "$by_secret" "$boss" "$agent" "$gone" "$revoked" "$anon"; do
        who "$database" "$token"
    done
    for token in "$by_secret" "$boss" ""; do
        sees "$database" "$token" activity
        sees "$database" "$token" "\"we ird'\""
    done
    sql "$database" "SELECT u.email, u.id, kind, app_role, banned_until, ban_origin, ban_reason, session_generation, on_roster, raw_user_meta_data FROM auth.users u ORDER BY email"
    sql "$database" "SELECT o FROM auth.organization_people o ORDER BY email"
    sql "$database" "SELECT s FROM auth.sessions s ORDER BY id"
    sql "$database" "SELECT kid, alg, state, public_jwk, sealed_under, created_at FROM auth.signing_keys ORDER BY kid"
    sql "$database" "SELECT polrelid::regclass, polname, polpermissive, polcmd, pg_get_expr(polqual, polrelid), obj_description(oid, 'pg_policy') FROM pg_policy ORDER BY 1, 2"
    sql "$database" "SELECT oid::regclass, relrowsecurity, relforcerowsecurity FROM pg_class WHERE relkind = 'r' AND relnamespace IN ('auth'::regnamespace, 'public'::regnamespace) ORDER BY 1"
}
is "before: who lives" "$(everybody before | head -n 6)" "ann@example.com
boss@example.com
session revoked
banned
session revoked
no principal"
everybody before >"$dir/before.txt"

if pg_dump -d before >"$dir/plain.sql" 2>"$dir/dump.err"; then
    echo "ok - a plain dump"
else
    echo "not ok - a plain dump"
    cat "$dir/dump.err"
fi
is "pg_dump warns of the roster's reference to itself alone" "$(sed -n 's/^pg_dump: warning: //p' "$dir/dump.err")" "there are circular foreign-key constraints on this table:"
encoded=$(printf %s "$secret" | base64 -w 0 | tr '+/' '-_' | tr -d =)
hex=$(printf %s "$encoded" | od -An -tx1 | tr -d ' \n')
like "it holds the keys" "$(grep -c '^COPY auth.signing_keys' "$dir/plain.sql")" '^1$'
is "but no secret, in no form" "$(grep -cF -e "$secret" -e "$encoded" -e "$hex" -e "$(printf %s "$secret" | od -An -tx1 | tr -d ' \n')" "$dir/plain.sql")" 0
is "and no private JWK" "$(grep -cE '"(d|k)" ?:|\\x7b22' "$dir/plain.sql")" 0
is "and no master key" "$(grep -cF "$(cat "$master_key")" "$dir/plain.sql")" 0
is "and no token" "$(grep -cE 'eyJ[A-Za-z0-9_-]{10,}\.' "$dir/plain.sql")" 0
# the check can fail: without a master key the same dump does show it
sql before "CREATE DATABASE clear" >/dev/null
sql clear "CREATE EXTENSION pg_principal" "SET pg_principal.master_key_file = ''" "SELECT auth.import_signing_key('$secret')" >/dev/null
ok "in the clear, where there is none" bash -c "pg_dump -d clear | grep -qF -e '$hex'"

restore() { # DATABASE COMMAND..
    createdb "$1"
    local database=$1
    shift
    "$@" -d "$database" >"$dir/restore.log" 2>&1
}
if restore plain psql -Xq -v ON_ERROR_STOP=1 -1 -f "$dir/plain.sql"; then
    echo "ok - restored, all or nothing"
else
    echo "not ok - restored, all or nothing"
    head -n 5 "$dir/restore.log"
fi
is "everything is as before" "$(everybody plain)" "$(cat "$dir/before.txt")"
ok "and new tokens are minted" sql plain "SELECT auth.authenticate(auth.issue('boss@example.com'))"
is "and clamps come off as they would have" "$(sql plain "SELECT auth.unclamp('activity')" "SELECT relrowsecurity, relforcerowsecurity FROM pg_class WHERE relname = 'activity'")" "
f|f"
# In parallel the tables' rows come in any order: here, the sessions before their principals.
pg_dump -Fc -d before -f "$dir/custom" 2>/dev/null
pg_restore -l "$dir/custom" >"$dir/list"
{
    grep -v -e 'TABLE DATA auth users' -e 'TABLE DATA auth sessions' "$dir/list" | sed '/TABLE DATA/,$d'
    grep 'TABLE DATA auth sessions' "$dir/list"
    grep 'TABLE DATA auth users' "$dir/list"
    grep -v -e 'TABLE DATA auth users' -e 'TABLE DATA auth sessions' "$dir/list" | sed -n '/TABLE DATA/,$p'
} >"$dir/any_order"
is "the order differs, nothing else" "$(diff <(sort "$dir/list") <(sort "$dir/any_order")) $(cmp -s "$dir/list" "$dir/any_order" && echo same)" " "
if restore custom pg_restore --exit-on-error -L "$dir/any_order" "$dir/custom"; then
    echo "ok - restored from the custom format, in any order"
else
    echo "not ok - restored from the custom format, in any order"
    head -n 5 "$dir/restore.log" | sed 's/^/    /'
fi
is "everything is as before, too" "$(everybody custom)" "$(cat "$dir/before.txt")"
# dumped again, the same
pg_dump -d custom 2>/dev/null | grep -v '^\\\(un\)\?restrict' >"$dir/again.sql"
is "and so is its own dump" "$(diff <(sort "$dir/again.sql") <(grep -v '^\\\(un\)\?restrict' "$dir/plain.sql" | sort) | head -n 10)" ""

# Somewhere else, without the file of the master key.
mv "$master_key" "$master_key.away"
cluster_stop "$dir" fast
cluster_start "$dir" || exit 1
like "without the master key: a clear error" "$(sql plain "SELECT auth.authenticate('$boss')")" 'could not read master key file'
like "for minting too" "$(sql plain "SELECT auth.issue('boss@example.com')")" 'could not read master key file'
like "for a clamped query, too" "$(sees plain "$boss" "\"we ird'\"")" 'could not read master key file'
is "nothing but that" "$(sql plain "SELECT count(*) FROM auth.list_sessions('boss@example.com')") $(sql plain "SELECT jsonb_array_length(auth.jwks()->'keys')")" "3 1"
master_key "$master_key"
like "with another master key: another one" "$(sql plain "SELECT auth.authenticate('$boss')")" 'is sealed under a master key that is not available'
mv -f "$master_key.away" "$master_key"
is "with the right one again: alive" "$(who plain "$boss")" boss@example.com
cluster_stop "$dir" fast
