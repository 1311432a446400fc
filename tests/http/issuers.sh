#!/bin/bash
# Trusted issuers: their keys, fetched by `pg_principal serve` and `issuers refresh` from a TLS server of the test's own; the tokens of many
# of them; and what authlib makes of the OAuth endpoints.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/harness/cluster.sh
. tests/harness/cluster.sh
# shellcheck source=tests/harness/tap.sh
. tests/harness/tap.sh

dir=$work/issuers
cluster_create "$dir" fsync=off || exit 1
cluster_start "$dir" || exit 1
psql -Xq -v ON_ERROR_STOP=1 <<'END' >/dev/null || exit 1
CREATE EXTENSION pg_principal;
CREATE ROLE web LOGIN IN ROLE authenticator;
SELECT auth.create_signing_key('ES256');
END
export HTTP_SERVER="$PG_PRINCIPAL serve" HTTP_USER=web PYTHONDONTWRITEBYTECODE=1 PG_PRINCIPAL
for test in issuers issuer_shapes oauth_authlib; do
    timeout 400 python3 "tests/http/$test.py" </dev/null || echo "not ok - tests/http/$test.py ended with status $?"
done
