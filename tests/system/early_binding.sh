#!/bin/bash
# What the libraries bind lazily is bound in the postmaster: the first token of a connection looks up no symbol of the C++ library.
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
dir=$work/binding
cluster_create "$dir" fsync=off shared_preload_libraries=pg_principal || exit 1
mkdir "$dir/bound" && chmod 777 "$dir/bound"
LD_DEBUG=bindings LD_DEBUG_OUTPUT=$dir/bound/by cluster_start "$dir" 2>"$dir/start" || { cat "$dir/start" && exit 1; }
token=$(psql -XAtq -v ON_ERROR_STOP=1 <<'SQL'
CREATE EXTENSION pg_principal;
SELECT auth.create_signing_key('HS256') \g /dev/null
SELECT auth.push_people('[{"email": "ann@example.com", "name": "Ann"}]'), auth.provision() \g /dev/null
SELECT auth.issue('ann@example.com');
SQL
)
answer=$(PGOPTIONS="-c pg_principal.token=$token" psql -XAtq <<'SQL'
SELECT pg_backend_pid();
SELECT auth.email();
SQL
)
pid=${answer%%$'\n'*}
is "the token is known" "${answer#*$'\n'}" ann@example.com
is "something is bound by the postmaster" "$(cat "$dir/bound"/* | grep -q "libstdc++.*_M_need_rehash\|libstdc++.*_M_next_bkt" && echo yes)" yes
is "nothing of the C++ library by a backend" "$(cat "$dir/bound"/* | sed -n "/^ *$pid:.*calling fini/q; /^ *$pid:.*libstdc++/p")" ""
