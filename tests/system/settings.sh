#!/bin/bash
# Whatever a role may set, our functions answer the same: what changes how statements are read, dates, escapes, plans.
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
dir=$work/settings
cluster_create "$dir" fsync=off pg_principal.refresh_reuse_interval=3600 || exit 1
cluster_start "$dir" || exit 1
fixture_roles
odd=(standard_conforming_strings=off escape_string_warning=off backslash_quote=off 'datestyle=German,DMY' intervalstyle=sql_standard timezone=America/St_Johns
    bytea_output=escape extra_float_digits=-15 row_security=off transform_null_equals=on array_nulls=off xmlbinary=hex quote_all_identifiers=on
    search_path=pg_temp check_function_bodies=off enable_seqscan=off enable_hashjoin=off enable_nestloop=off enable_sort=off jit=on
    default_text_search_config=pg_catalog.simple from_collapse_limit=1 join_collapse_limit=1 plan_cache_mode=force_custom_plan work_mem=64kB
    plpgsql.extra_errors=all plpgsql.extra_warnings=all plpgsql.print_strict_params=on client_encoding=LATIN1 statement_timeout=60s lock_timeout=60s
    idle_in_transaction_session_timeout=60s lc_messages=C lc_monetary=C lc_numeric=C lc_time=C xmloption=content default_transaction_isolation=serializable)
odd_options=
for setting in "${odd[@]}"; do
    case $setting in # PostgreSQL 19 reads strings in one way alone
    standard_conforming_strings=* | escape_string_warning=*) PGOPTIONS="-c $setting" psql -Xqc "" 2>/dev/null || continue ;;
    esac
    odd_options+=" -c $setting"
done
answers() { # DATABASE: what does not differ from run to run
    local db=$1 token
    sql "$db" "SELECT auth.import_users('[{\"email\": \"in@example.com\", \"created_at\": \"2024-02-03 04:05:06.789\", \"last_sign_in_at\": \"2024-02-03T04:05:06+0530\", \"banned_until\": \"2999-12-31\"}]')"
    sql "$db" "SELECT auth.import_users('[{\"email\": \"in2@example.com\", \"created_at\": \"03.02.2024\"}, {\"email\": \"in3@example.com\", \"created_at\": \"yesterday\"}]')" | grep -vE "CONTEXT|PL/pgSQL function"
    token=$(sql "$db" "SELECT auth.add_user('{\"email\": \"root@example.com\", \"role\": \"ADMIN\"}')" "SELECT auth.push_people('[{\"email\": \"root@example.com\", \"name\": \"O''Neil \\\\\\\\ x\"}]')" "SELECT auth.issue('root@example.com', '90d', 'a\\\\b')" | tail -n 1)
    PGOPTIONS="${PGOPTIONS-} -c pg_principal.token=$token"
    export PGOPTIONS
    sql "$db" "SELECT u->>'email', u->>'createdAt', u->>'lastSignInAt', u->>'bannedUntil' FROM jsonb_array_elements((auth.list_users()).payload->'users') AS u WHERE u->>'email' = 'in@example.com'"
    sql "$db" "SELECT auth.set_app_role((SELECT id FROM auth.users WHERE email = 'in@example.com'), r) IS NOT NULL FROM unnest('{AUDITOR,ANALYST,AUDITOR,ANALYST}'::text[]) AS r"
    sql "$db" "WITH RECURSIVE page (n, p) AS (SELECT 1, (auth.audit_feed(2, NULL, NULL, true)).payload UNION ALL SELECT n + 1, (auth.audit_feed(2, p->>'nextCursor', NULL, true)).payload FROM page WHERE p->>'nextCursor' IS NOT NULL AND n < 20) SELECT max(n) > 3, sum(jsonb_array_length(p->'audits')) = (SELECT count(*) FROM auth.audit_log) FROM page"
    sql "$db" "SELECT (auth.incidents_feed(1, '1700000000000000.00000000-0000-4000-8000-000000000001')).status, (auth.incidents_feed(1, 'x')).status"
    sql "$db" "SELECT (auth.ban_user(id, '1 day')).status, (auth.unban_user(id)).status FROM auth.users WHERE email = 'in@example.com'"
    sql "$db" "CREATE TABLE public.\"Odd\" (owner text)" "CREATE INDEX ON public.\"Odd\" (owner)" "SELECT auth.clamp('public.\"Odd\"', 'owner', 'self')" "SELECT auth.unclamp('public.\"Odd\"')"
    sql "$db" "SELECT count(*) FROM auth.audit_verify()" "SELECT left(auth.audit_seal(), 3)" "SELECT count(*) FROM auth.audit_verify()" "SELECT count(*) >= 0 FROM auth.scan_agent_health()"
    unset PGOPTIONS
}
createdb plain
sql plain "CREATE EXTENSION pg_principal" "SELECT auth.create_signing_key('ES256')" >/dev/null
wanted=$(answers plain)
like "something is compared" "$wanted" "2024-02-03T04:05:06.789Z"
createdb odd
is "CREATE EXTENSION" "$(PGOPTIONS=$odd_options sql odd "CREATE EXTENSION pg_principal")" ""
is "the catalog is the same" "$(catalog odd | sed 's/ on "email", reads/ on email, reads/' | diff - <(catalog plain) | head -n 20)" ""
PGOPTIONS=$odd_options sql odd "SELECT auth.create_signing_key('ES256')" >/dev/null
is "every answer is the same" "$(export PGOPTIONS=$odd_options; answers odd)" "$wanted"
createdb old
sql old "CREATE EXTENSION pg_principal VERSION '0.2.0'" >/dev/null 2>&1
ok "ALTER EXTENSION UPDATE" bash -c "[ ! -f '$HARNESS_ROOT$("$pg_config" --sharedir)/extension/pg_principal--0.2.0.sql' ] || PGOPTIONS='$odd_options' psql -Xqd old -v ON_ERROR_STOP=1 -c 'ALTER EXTENSION pg_principal UPDATE'"
cluster_stop "$dir" fast
