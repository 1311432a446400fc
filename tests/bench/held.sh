#!/usr/bin/env bash
# How long bans, revocations, roles and provision take while the principal holds all that it can: one
# transaction left open, then 60 connections by turns. Goal: at most 200 ms each, and free no more than before.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/harness/cluster.sh
. tests/harness/cluster.sh
dir=$(mktemp -d)
trap 'rm -r "$dir"' EXIT
sql() { psql -X -qAt -v ON_ERROR_STOP=1 -c "SET client_min_messages = error" -c "$1"; }
sql "SELECT auth.create_signing_key();
    SELECT auth.push_people(jsonb_build_array(jsonb_build_object('email', 'ann@example.com', 'name', 'A'), jsonb_build_object('email', 'mallory@example.com', 'name', 'M')));
    SELECT auth.provision();
    UPDATE auth.users SET app_role = 'ADMIN' WHERE email = 'ann@example.com';
    CREATE TABLE bench_orders (user_id uuid REFERENCES auth.users);
    CREATE FUNCTION bench_hold(seconds double precision) RETURNS void LANGUAGE plpgsql AS \$\$
    BEGIN
        PERFORM auth.update_profile('{\"firstName\": \"x\"}');
        PERFORM pg_sleep(seconds);
    EXCEPTION WHEN lock_not_available OR invalid_authorization_specification THEN PERFORM pg_sleep(0.1);
    END \$\$" >/dev/null
sql "ALTER SYSTEM SET pg_principal.max_own_changes = 1000000" && sql "SELECT pg_reload_conf()" >/dev/null
mallory=$(sql "SELECT id FROM auth.users WHERE email = 'mallory@example.com'")
ann=$(sql "SELECT auth.issue('ann@example.com')")
issue() { sql "SELECT auth.unban('mallory@example.com')" >/dev/null && sql "SELECT auth.issue('mallory@example.com')"; }
cat >"$dir/calls.sql" <<SQL
SELECT auth.issue('mallory@example.com') AS token \gset
SELECT (auth.authenticate(:'token')->>'session_id') AS id \gset
\timing on
\echo revoke_session
SELECT auth.revoke_session(:'id');
\echo ban
SELECT auth.ban('mallory@example.com');
\echo unban
SELECT auth.unban('mallory@example.com');
\timing off
SET pg_principal.token = '$ann';
\timing on
\echo set_app_role
SELECT (auth.set_app_role('$mallory', 'READ_ONLY')).status;
\echo ban_user
SELECT (auth.ban_user('$mallory')).status;
\timing off
RESET pg_principal.token;
DELETE FROM auth.organization_people WHERE email = 'mallory@example.com';
SELECT auth.unban('mallory@example.com');
\timing on
\echo provision
SELECT auth.provision();
\timing off
SELECT auth.push_people('[{"email": "mallory@example.com", "name": "M"}]');
SELECT auth.provision();
SQL
measure() { # NAME: the median and the longest of 15 of each
    for _ in {1..15}; do
        psql -X -qAt -v ON_ERROR_STOP=1 -f "$dir/calls.sql"
    done >"$dir/times"
    awk -v name="$1" '/^[a-z_]+$/ && length > 2 { call = $1 } /^Time:/ { print name, call, $2 }' "$dir/times"
}
{
    measure free
    token=$(issue)
    PGOPTIONS="-c pg_principal.token=$token" psql -X -qAt -c "BEGIN" -c "SELECT auth.update_profile('{\"firstName\": \"x\"}')" -c "SELECT auth.sign_out('others')" \
        -c "INSERT INTO bench_orders VALUES ('$mallory')" -c "SELECT auth.end_session(auth.session_id())" -c "SELECT pg_sleep(600)" >/dev/null 2>&1 &
    holder=$!
    sleep 1
    measure held
    sql "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'" >/dev/null
    wait "$holder" 2>/dev/null || true
    token=$(issue)
    echo "SELECT bench_hold(0.8);" >"$dir/script"
    PGOPTIONS="-c pg_principal.token=$token" "$PG_BIN/pgbench" -n -c 60 -j 1 -T 600 -f "$dir/script" >/dev/null 2>&1 &
    crowd=$!
    sleep 2
    measure 60-by-turns
    kill "$crowd"
    wait "$crowd" 2>/dev/null || true
} | sort -k1,1 -k2,2 -k3,3g | awk '
    { n[$1 " " $2]++; t[$1 " " $2, n[$1 " " $2]] = $3 }
    END {
        for (k in n) {
            printf "%-28s median %6.1f ms, longest %6.1f ms\n", k, t[k, int((n[k] + 1) / 2)], t[k, n[k]] | "sort"
            if (t[k, n[k]] > 200) missed = 1
        }
        exit missed
    }'
