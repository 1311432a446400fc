#!/bin/bash
# The superuser who installed it hands it over to another and goes.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/harness/cluster.sh
. tests/harness/cluster.sh
# shellcheck source=tests/harness/tap.sh
. tests/harness/tap.sh

dir=$work/handover
cluster_create "$dir" fsync=off || exit 1
cluster_start "$dir" || exit 1
createdb handed
psql -Xq -d handed -c "CREATE ROLE installer SUPERUSER LOGIN" -c "CREATE ROLE successor SUPERUSER LOGIN"
psql -Xq -U installer -d handed -c "CREATE EXTENSION pg_principal"
sql() { psql -XqAt -v ON_ERROR_STOP=1 -d handed -c "$1" 2>&1; }

is "what it made is another's" "$(sql "REASSIGN OWNED BY installer TO successor")" ""
is "grants of the first go" "$(sql "DROP OWNED BY installer")" ""
is "and so does the role" "$(sql "DROP ROLE installer")" ""
is "nothing that was made belongs to nobody" "$(sql "
    SELECT d.refobjid FROM pg_shdepend d LEFT JOIN pg_authid a ON a.oid = d.refobjid
    WHERE d.refclassid = 'pg_authid'::regclass AND a.oid IS NULL")" ""
is "tokens are minted and verified" "$(sql "
    SELECT auth.create_signing_key();
    SELECT auth.push_people('[{\"email\": \"ann@example.com\", \"name\": \"Ann\"}]') IS NOT NULL, auth.provision() IS NOT NULL;
    SELECT auth.authenticate(auth.issue('ann@example.com'))->>'email'" | tail -n 1)" ann@example.com
[ "$(psql -XqAt -c "SHOW server_version_num")" -ge 170000 ] || like "before PostgreSQL 17 dumps name the role that is gone, by number" "$(sql "
    SELECT detail FROM auth.check_installation() WHERE state = 'error'")" "was dropped: the restore of a dump fails"
ok "they are the successor's" sql "SELECT auth.restore_grants('auth_operator')"
createdb elsewhere
is "so that they are restored at once" "$(pg_dump -d handed 2>/dev/null | psql -Xq -v ON_ERROR_STOP=1 -1 -d elsewhere 2>&1 >/dev/null)" ""
is "the doctor finds no fault with its objects" "$(sql "
    SELECT item, detail FROM auth.check_installation() WHERE state = 'error'")" ""
cluster_stop "$dir" fast
