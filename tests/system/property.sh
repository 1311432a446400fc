#!/bin/bash
# Random sequences of what principals, operators and thieves do, on a server whose clock the test
# sets, against a model of tests/property/sessions.cpp: no dead token accepted, no live one refused.
# SEED=n and SEQUENCES=n run the same again; it ends after LIMIT seconds (15).
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/harness/cluster.sh
. tests/harness/cluster.sh

seed=${SEED:-$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')}
echo "# SEED=$seed"
flags=(-std=c++17 -O1 -Wall -Wextra -I"$("$pg_config" --includedir)")
dir=$work/property
cluster_create "$dir" fsync=off autovacuum=off || exit 1
g++ "${flags[@]}" -shared -fPIC -o "$dir/clock.so" tests/property/clock.cpp &&
    g++ "${flags[@]}" -o "$dir/sessions" tests/property/sessions.cpp \
        -L"$("$pg_config" --libdir)" -lpq || exit 1
printf '\0\0\0\0\0\0\0\0' >"$dir/clock"
chmod 755 "$dir/clock.so"
chmod 644 "$dir/clock"
LD_PRELOAD=$dir/clock.so PROPERTY_CLOCK=$dir/clock cluster_start "$dir" || exit 1
createdb property
export PGDATABASE=property
psql -Xq -v ON_ERROR_STOP=1 -f tests/property/sessions.sql >/dev/null || exit 1
"$dir/sessions" "$dir/clock" "$seed" "${SEQUENCES:-100000}" "${LIMIT:-15}"
cluster_stop "$dir" immediate
