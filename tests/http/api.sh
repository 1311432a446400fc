#!/bin/bash
# The routes of `pg_principal serve` over real HTTP, on a database with the extension, by a login role
# that is a member of authenticator and of nothing else.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/harness/cluster.sh
. tests/harness/cluster.sh
# shellcheck source=tests/harness/tap.sh
. tests/harness/tap.sh

dir=$work/api
master_key "$work/master_key" || exit 1
cluster_create "$dir" fsync=off pg_principal.master_key_file="$work/master_key" || exit 1
cluster_start "$dir" || exit 1
psql -Xq -v ON_ERROR_STOP=1 <<'END' >/dev/null || exit 1
CREATE EXTENSION pg_principal;
CREATE ROLE web LOGIN IN ROLE authenticator;
SELECT auth.create_signing_key('ES256');
END
export HTTP_SERVER="$PG_PRINCIPAL serve" HTTP_USER=web PYTHONDONTWRITEBYTECODE=1 ACCESS_LOG=$dir/access SERVER_ERRORS=$dir/errors
export ANSWERS=$dir/answers SERVER_LOG=$dir/log

for test in api_accounts api_admin api_oversight api_callers api_input api_load api_status oauth; do
    timeout 200 python3 "tests/http/$test.py" </dev/null || echo "not ok - tests/http/$test.py ended with status $?"
done

# The document and every answer that these tests got, by a validator of OpenAPI 3.1 and one of JSON Schema.
tests/harness/npm.sh openapi >"$dir/npm.log" 2>&1
case $? in
0) timeout 100 python3 tests/http/api_document.py </dev/null || echo "not ok - tests/http/api_document.py ended with status $?" ;;
77) echo "ok - the OpenAPI document # skipped: $(tail -n 1 "$dir/npm.log")" ;;
*) echo "not ok - the validators cannot be installed" && cat "$dir/npm.log" ;;
esac
tells_nothing "what the API leaves behind" "$dir/log" "$dir/access" "$dir/errors"
