#!/bin/bash
# A database with something of everything, sealed under a master key, dumped plain, custom and in parallel and restored into
# an empty cluster: everything goes on from where it was, and the restore itself leaves no trace.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/harness/cluster.sh
. tests/harness/cluster.sh
# shellcheck source=tests/harness/tap.sh
. tests/harness/tap.sh
# shellcheck source=tests/harness/fixture.sh
. tests/harness/fixture.sh

dir=$work/before
mkdir -p "$dir" && chmod 755 "$work"
master_key "$work/master_key" || exit 1
settings=(fsync=off shared_preload_libraries=pg_principal pg_principal.refresh_reuse_interval=3600 pg_principal.master_key_file="$work/master_key")
cluster_create "$dir" "${settings[@]}" || exit 1
cluster_start "$dir" || exit 1
fixture_roles
createdb before
sql before "CREATE EXTENSION pg_principal" >/dev/null
fixture_fill before
fixture_use before
sql before "SELECT auth.allow_login('app', 'service_account')" "SELECT auth.create_client_secret('agent@example.com')" \
    "SELECT auth.register_client_keys('agent@example.com', jsonb_build_object('keys', jsonb_build_array(auth.generate_jwk('ES256'))))" \
    "SELECT auth.trust_issuer('https://issuer', '{us}', jwks_url => 'https://issuer/keys')" "SELECT auth.map_claims('https://issuer', 'agent@example.com', '{\"job\": \"1\"}')" \
    "SELECT auth.register_client('psql')" "SET pg_principal.issuer = 'https://id.example.com'" "SELECT (auth.oauth_device_authorization('{\"client_id\": \"psql\"}')).status" "RESET pg_principal.issuer" \
    "SELECT auth.delegate('ann@example.com', 'agent@example.com')" "SELECT auth.use_assertion('https://issuer', 'a', now() + interval '1 hour')" \
    "INSERT INTO auth.decisions (user_id) SELECT u.id FROM auth.users u WHERE u.email = 'ann@example.com'" \
    "INSERT INTO auth.ended_sessions (session_id, revoked_at, revoked_as) VALUES (gen_random_uuid(), now(), 'revoked')" \
    "INSERT INTO auth.audit_unlinked (user_id, created_at, changes) SELECT u.id, now(), '{}' FROM auth.users u WHERE u.email = 'ann@example.com'" >/dev/null
fixture_rows before >"$work/rows"
is "no table is empty" "$(grep ': 0$' "$work/rows")" ""
is "no key is in the clear" "$(sql before "SELECT count(*) FROM auth.signing_keys WHERE sealed_under IS NULL" "SELECT count(*) FROM auth.server_keys WHERE sealed_under IS NULL" | tr '\n' ' ')" "0 0 "
catalog before >"$work/catalog"
out=$work/dumps
mkdir "$out"
pg_dumpall -g >"$out/globals.sql"
dump -d before -f "$out/plain.sql"
dump -d before -Fc -f "$out/custom"
dump -d before -Fd -j 4 -f "$out/directory"
pg_dumpall >"$out/all.sql" 2>"$dir/dump.err" || cat "$dir/dump.err"
cluster_stop "$dir" fast

dir=$work/after
cluster_create "$dir" "${settings[@]}" || exit 1
cluster_start "$dir" || exit 1
sql postgres "DROP ROLE IF EXISTS app" >/dev/null
ok "the roles, into an empty cluster" bash -c "psql -Xq -d postgres -f '$out/globals.sql' 2>&1 >/dev/null | grep -v 'role \"postgres\" already exists' | (! grep .)"
restored() { # NAME COMMAND..
    local name=$1
    shift
    createdb "$name"
    ok "$name: restored" "$@" -d "$name"
    is "$name: row for row the same, nothing audited or counted by the restore" "$(fixture_rows "$name" | diff - "$work/rows" | head -n 20)" ""
    is "$name: the same catalog" "$(catalog "$name" | diff - "$work/catalog" | head -n 20)" ""
    fixture_check "$name" "$name"
}
restored plain psql -Xq -v ON_ERROR_STOP=1 -1 -f "$out/plain.sql"
restored custom pg_restore --exit-on-error -j 4 "$out/custom"
restored directory pg_restore --exit-on-error -j 4 "$out/directory"
cluster_stop "$dir" fast

dir=$work/whole
cluster_create "$dir" "${settings[@]}" || exit 1
cluster_start "$dir" || exit 1
ok "the whole cluster" bash -c "psql -Xq -d postgres -f '$out/all.sql' 2>&1 >/dev/null | grep -v 'role \"postgres\" already exists' | (! grep .)"
is "row for row the same" "$(fixture_rows before | diff - "$work/rows" | head -n 20)" ""
fixture_check before "whole cluster"
cluster_stop "$dir" fast
