#!/bin/bash
# What an operation reads does not grow with what others have: no table is walked where an index leads to a row.
# Nor with what has passed through a table since its last VACUUM. Counted in rows, index entries and blocks, not in time.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/harness/cluster.sh
. tests/harness/cluster.sh
# shellcheck source=tests/harness/tap.sh
. tests/harness/tap.sh
# shellcheck source=tests/harness/fixture.sh
. tests/harness/fixture.sh

if [ -z "${HARNESS_ROOT-}" ]; then
    echo "run by: make test ONLY=system"
    exit 2
fi
dir=$work/reads
cluster_create "$dir" fsync=off autovacuum=off pg_principal.issuer=https://id.example.com pg_principal.max_own_changes=1000 || exit 1
cluster_start "$dir" || exit 1
sql postgres "CREATE EXTENSION pg_principal" "CREATE ROLE app LOGIN" >/dev/null
psql -XqAt -v ON_ERROR_STOP=1 -d postgres -f tests/system/reads.sql || exit 1
count_reads() { # AMONG
    local said
    said=$(sql postgres ANALYZE "CALL count_reads('$1')") || { echo "$said" && exit 1; }
}
count_reads few
# 3,000 others, with sessions, tokens, grants, rules, codes, assertions, incidents and entries of the audit
psql -XqAt -v ON_ERROR_STOP=1 -d postgres >/dev/null <<'SQL' || exit 1
SET client_min_messages = warning;
SELECT auth.push_people((SELECT jsonb_agg(to_jsonb(o) - 'updated_at') FROM auth.organization_people o) || (SELECT jsonb_agg(jsonb_build_object('email', 'p' || n || '@example.com', 'name', 'P',
    'kind', CASE WHEN n % 3 = 0 THEN 'service_account' ELSE 'person' END)) FROM generate_series(1, 3000) AS n));
SELECT auth.provision();
SELECT auth.start_session(u, NULL), auth.issue(u.email, '1h') FROM auth.users u WHERE u.email LIKE 'p%';
SELECT auth.delegate('p' || n || '@example.com', 'p' || 3 * (n % 100 + 1) || '@example.com') FROM generate_series(1, 3000) AS n WHERE n % 3 > 0;
SELECT auth.create_client_secret(u.email), auth.map_claims('https://issuer.example', u.email, jsonb_build_object('repository_id', u.email)) FROM auth.users u WHERE u.email LIKE 'p%' AND u.kind = 'service_account';
SELECT auth.register_client('app-' || n) FROM generate_series(1, 1000) AS n;
INSERT INTO auth.used_assertions SELECT sha256(n::text::bytea), now() + interval '1 hour' FROM generate_series(1, 3000) AS n;
INSERT INTO auth.device_codes (hash, user_code_hash, client, scopes, created_at, expires_at, poll_interval)
SELECT sha256(n::text::bytea), sha256(('u' || n)::bytea), c.id, '{}', now(), now() + interval '10 min', 5 FROM auth.public_clients c, generate_series(1, 3) AS i, LATERAL (SELECT hashtext(c.id::text || i) AS n) AS x;
INSERT INTO auth.incidents (kind, user_id, email, subject, reason, metadata, created_at) SELECT 'refresh_failure', u.id, u.email, gen_random_uuid()::text, 'unknown', '{}', now() FROM auth.users u WHERE u.kind = 'service_account';
SQL
count_reads many
# what waits for a row that somebody holds goes through these; a rollback leaves as much behind as a DELETE
psql -XqAt -v ON_ERROR_STOP=1 -d postgres >/dev/null <<'SQL' || exit 1
BEGIN;
INSERT INTO auth.audit_unlinked (user_id, created_at, changes) SELECT gen_random_uuid(), now(), '{}' FROM generate_series(1, 60000);
INSERT INTO auth.decisions (user_id) SELECT gen_random_uuid() FROM generate_series(1, 60000);
INSERT INTO auth.ended_sessions (session_id, revoked_at, revoked_as) SELECT gen_random_uuid(), now(), 'revoked' FROM generate_series(1, 60000);
INSERT INTO auth.ended_grants (grant_id) SELECT gen_random_uuid() FROM generate_series(1, 60000);
ROLLBACK;
SQL
count_reads passed
# how many rules an issuer has is its own affair: each is looked at
own="jwt-bearer"
while IFS=$'\t' read -r name few many; do
    case $name in
    "$own") ok "$name looks at the issuer's 1,000 rules by their index, once each ($few and $many)" test "$many" -lt 2200 ;;
    *) ok "$name reads no more among thousands ($few and $many)" test "$many" -lt $((few + 200)) ;;
    esac
done < <(sql postgres "\\pset fieldsep '\\t'" "SELECT a.name, f.reads, m.reads FROM asked a JOIN counted f ON f.name = a.name AND f.among = 'few' JOIN counted m ON m.name = a.name AND m.among = 'many' ORDER BY a.n")
while IFS=$'\t' read -r name before after; do
    # an index of thousands has more floors than one of none
    ok "$name walks through no rows that are gone ($before and $after blocks)" test "$after" -lt $((3 * before + 60))
done < <(sql postgres "\\pset fieldsep '\\t'" "SELECT a.name, b.blocks, c.blocks FROM asked a JOIN counted b ON b.name = a.name AND b.among = 'many' JOIN counted c ON c.name = a.name AND c.among = 'passed' ORDER BY a.n")
# what reads all that there is, and says so
is "and every other function that callers have is known to read all of something" \
    "$(sql postgres "SELECT string_agg(p.proname, ' ' ORDER BY p.proname) FROM pg_proc p WHERE p.pronamespace = 'auth'::regnamespace AND p.prorettype = 'auth.auth_result'::regtype
        AND has_function_privilege('authenticated', p.oid, 'EXECUTE') AND NOT EXISTS (SELECT FROM asked a WHERE a.statement ~ ('auth\.' || p.proname || '\('))")" \
    "check_audit list_users search_users token_expiries"
