#!/bin/bash
# Whatever takes long is ended by statement_timeout and by a cancel, soon, with nothing of it left behind.
# Only one password hash, one signature or one key is ever waited for.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/harness/cluster.sh
. tests/harness/cluster.sh
# shellcheck source=tests/harness/tap.sh
. tests/harness/tap.sh

if [ -z "${HARNESS_ROOT-}" ]; then
    echo "run by: make torture"
    exit 2
fi
dir=$work/cancel
cluster_create "$dir" fsync=off max_wal_size=4GB pg_principal.max_failure_entries=1000000 || exit 1
cluster_start "$dir" || exit 1
sql() { psql -XAtq -v ON_ERROR_STOP=1 -c "$1" 2>&1; }
rows=${ROWS:-20000}
sql "CREATE EXTENSION pg_principal" && sql "SELECT length(auth.create_signing_key())" >/dev/null
sql "CREATE TABLE roster AS SELECT jsonb_agg(jsonb_build_object('email', 'p' || n || '-agent@example.com', 'name', 'P' || n)) AS rows, jsonb_agg(jsonb_build_object('email', 'p' || n, 'name', '')) AS bad FROM generate_series(1, $rows) AS n"
sql "SELECT auth.push_people(rows) FROM roster" >/dev/null && sql "SELECT auth.provision()" >/dev/null
sql "INSERT INTO auth.sessions (user_id, expires_at, created_at) SELECT id, now() - interval '60 days', now() - interval '90 days' FROM auth.users, generate_series(1, 4)"
sql "SELECT count(auth.refuse_refresh(u, 'expired', '{}', true)) FROM auth.users u" >/dev/null 2>&1
sql "CREATE TABLE jwks AS SELECT jsonb_build_object('keys', jsonb_agg(auth.public_jwk(auth.generate_jwk('ES256')))) AS one FROM generate_series(1, 60)"
# what is there: a statement that was ended has changed nothing of it
state() { sql "SELECT (SELECT count(*) FROM auth.users), (SELECT count(*) FROM auth.users WHERE banned_until > now()), (SELECT count(*) FROM auth.sessions), (SELECT count(*) FROM auth.audit_log), (SELECT count(*) FROM auth.incidents WHERE detected_at IS NULL), (SELECT count(*) FROM auth.audit_seals), (SELECT count(*) FROM auth.organization_people)"; }
was=$(state)
while IFS='~' read -r name setup statement; do
    # how long it takes when nobody ends it, rolled back
    begin=$(date +%s%N)
    like "$name runs" "$(sql "BEGIN; $setup; $statement; ROLLBACK")" '^[^E]*$'
    whole=$((($(date +%s%N) - begin) / 1000000))
    answers=""
    for share in 20 10 3 2; do
        limit=$((whole / share + 1))
        begin=$(date +%s%N)
        said=$(psql -XAtq -v VERBOSITY=sqlstate -c "BEGIN; $setup" -c "SET LOCAL statement_timeout = '${limit}ms'" -c "$statement" -c "ROLLBACK" 2>&1 | tail -n 1)
        took=$((($(date +%s%N) - begin) / 1000000))
        answers+=" $said"
        echo "# $name: $whole ms, limit $limit ms, ended after $took ms (its preparation included)"
    done
    like "$name is ended by statement_timeout" "$answers" '57014'
    # it may be over before the cancel arrives
    for _ in {1..5}; do
        psql -XAtq -v VERBOSITY=sqlstate -c "BEGIN; $setup" -c "$statement" -c "ROLLBACK" >"$dir/out" 2>&1 &
        client=$!
        while kill -0 $client 2>/dev/null; do
            psql -XAtqc "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE state = 'active' AND backend_type = 'client backend' AND pid <> pg_backend_pid() AND query NOT LIKE 'BEGIN;%'" >/dev/null
        done
        wait $client
        ! grep -q 57014 "$dir/out" || break
    done
    like "$name is ended by a cancel" "$(cat "$dir/out")" '57014'
    is "$name leaves nothing behind" "$(state)" "$was"
done <<'STATEMENTS'
scan_agent_health~SELECT 1~SELECT count(*) FROM auth.scan_agent_health()
push_people~DELETE FROM auth.organization_people~SELECT auth.push_people(rows) FROM roster
push_people, all of them bad~SELECT 1~SELECT count(*) FROM auth.read_roster((SELECT bad FROM roster))
provision, bans~DELETE FROM auth.organization_people~SELECT auth.provision()
audit_verify~SELECT 1~SELECT count(*) FROM auth.audit_verify()
audit_seal~SELECT 1~SELECT length(auth.audit_seal())
audit_prune~SELECT 1~SELECT auth.audit_prune('1 microsecond')
prune_sessions~SELECT 1~SELECT auth.prune_sessions('1 day')
agent_health~SELECT 1~SELECT count(*) FROM auth.agent_health()
hold_password, many~SELECT 1~SELECT count(auth.hold_password(auth.nobody(), 'x' || n)) FROM generate_series(1, 60) AS n
sign_in, many~SELECT 1~SELECT count(auth.sign_in('nobody@example.com', 'x' || n)) FROM generate_series(1, 60) AS n
generate_jwk, many~SELECT 1~SELECT count(auth.generate_jwk('RS256') IS NOT NULL AND n > 0) FROM generate_series(1, 20) AS n
jwt_verify, many~SELECT 1~SELECT count(auth.jws_verify('a.b.c', jsonb_set(one, '{keys,0,kid}', to_jsonb(n::text)))) FROM jwks, generate_series(1, 300) AS n
STATEMENTS
is "the audit is intact" "$(sql 'SELECT count(*) FROM auth.audit_verify()')" 0
