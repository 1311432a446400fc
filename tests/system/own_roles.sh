#!/bin/bash
# A role of the extension that was dropped and made again: the doctor tells what it lacks, one call gives it
# back, and a dump is restored without an error.
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
dir=$work/own_roles
cluster_create "$dir" fsync=off || exit 1
cluster_start "$dir" || exit 1
sql() { # DATABASE STATEMENT..: the answers, or the error
    local database=$1 statement arguments=()
    shift
    for statement in "$@"; do arguments+=(-c "$statement"); done
    psql -XqAt -F ' ' -v ON_ERROR_STOP=1 -d "$database" "${arguments[@]}" 2>&1
}
checks() { sql "$1" "SELECT c.state, c.detail, c.remedy FROM auth.check_installation() AS c WHERE c.item IN ('roles', 'grants', 'own objects') AND c.state <> 'ok'"; }
dump() { pg_dump -d shop 2>/dev/null >"$dir/dump.sql"; }

createdb shop
sql shop "CREATE EXTENSION pg_principal" >/dev/null
is "a new one is sound" "$(checks shop)" ""
dump
is "and nothing is granted in its dump" "$(grep -cE '^(GRANT|REVOKE)' "$dir/dump.sql")" 0
given=$(sql shop "SELECT jsonb_array_length(auth.own_grants()->'auth_operator')")

sql shop "DROP OWNED BY auth_operator, authenticator, authenticated" "DROP ROLE auth_operator" "DROP ROLE authenticator" "DROP ROLE authenticated" >/dev/null
like "roles that are gone are told" "$(checks shop)" "error the role auth_operator does not exist CREATE ROLE auth_operator NOINHERIT; SELECT auth.restore_grants\('auth_operator'\)"
sql shop "CREATE ROLE auth_operator" "CREATE ROLE authenticator NOINHERIT" "CREATE ROLE authenticated NOINHERIT" >/dev/null
like "made again, it lacks everything" "$(checks shop)" "warning auth_operator no longer has EXECUTE .* more of this kind SELECT auth.restore_grants\('auth_operator'\)"
like "so does the frontend's" "$(checks shop)" "warning authenticator no longer has EXECUTE .* more of this kind SELECT auth.restore_grants\('authenticator'\)"
like "and may do nothing" "$(sql shop "SET ROLE auth_operator" "SELECT auth.list_signing_keys()")" "permission denied for function list_signing_keys"
if [ "$(pg_major "$pg_config")" -lt 17 ]; then
    like "a dump would revoke from who is gone" "$(checks shop)" "error its installer or a role of its was dropped: the restore of a dump fails SELECT auth.restore_grants"
    dump
    createdb failing
    like "which fails" "$(psql -Xq -1 -v ON_ERROR_STOP=1 -d failing -f "$dir/dump.sql" 2>&1)" 'role "[0-9]+" does not exist'
fi
like "nobody but a superuser gives it back" "$(sql shop "SET ROLE authenticator" "SELECT auth.restore_grants('auth_operator')")" "permission denied for function restore_grants"
is "all of it is given back" "$(sql shop "SELECT auth.restore_grants(r) FROM unnest('{auth_operator,authenticator,authenticated,anon,nobody}'::name[]) AS r" | paste -sd ' ')" "$given 18 2 0 0"
is "and all is sound" "$(checks shop)" ""
is "it may list keys" "$(sql shop "SET ROLE auth_operator" "SELECT count(*) FROM auth.list_signing_keys()" "SELECT count(*) FROM auth.audit_log")" $'0\n0'
dump
is "nothing is granted in the dump any more" "$(grep -cE '^(GRANT|REVOKE)' "$dir/dump.sql")" 0
createdb restored
ok "which is restored" psql -Xq -1 -v ON_ERROR_STOP=1 -d restored -f "$dir/dump.sql"
is "as sound" "$(checks restored)" ""
sql shop "REVOKE EXECUTE ON FUNCTION auth.ban(text, interval, text) FROM auth_operator" >/dev/null
is "what an administrator takes is told by itself" "$(checks shop)" \
    "warning auth_operator no longer has EXECUTE on FUNCTION auth.ban(text,interval,text) GRANT EXECUTE ON FUNCTION auth.ban(text,interval,text) TO auth_operator"
