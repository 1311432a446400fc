#!/bin/bash
# pg_principal doctor: each check of docs/doctor.md is broken, told with what to do, and mended by what it says. After
# that what `serve` says when it starts, and /ready.
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
dir=$work/doctor
libraries=$("$pg_config" --pkglibdir)
more=pg_principal has_pgaudit='' has_explained=''
[ ! -f "$libraries/pgaudit.so" ] || { more+=,pgaudit && has_pgaudit=1; }
[ ! -f "$libraries/auto_explain.so" ] || more+=,auto_explain
[ ! -f "$libraries/pg_cron.so" ] || more+=,pg_cron
cluster_create "$dir" fsync=off shared_preload_libraries=$more || exit 1
cluster_start "$dir" || exit 1
sql() { # DATABASE STATEMENT..: the answers, or the error
    local database=$1 statements=()
    shift
    for statement in "$@"; do statements+=(-c "$statement"); done
    psql -XqAt -v ON_ERROR_STOP=1 -d "$database" "${statements[@]}" 2>&1
}
doctor() { # OPTION..: sets out, code
    out=$("$PG_PRINCIPAL" doctor "$@" 2>"$dir/err")
    code=$?
}
of_check() { sed -nE "s/^[a-z]+ +($1: .*)/&/p" <<<"$out"; } # CHECK: its lines
tells() { # NAME CHECK STATE REGEX: the check says so, and the exit code is 1 for an error
    local lines
    doctor
    lines=$(of_check "$2" | grep "^$3")
    like "$1" "$lines" "^$3 +$2: $4"
    [ "$3" != error ] || is "$1: exit code" "$code" 1
}
sound() { # NAME CHECK
    doctor
    is "$1" "$(of_check "$2" | grep -v '^ok ')" ""
}
reload() { # SETTING=VALUE..
    local setting
    for setting in "$@"; do sql postgres "ALTER SYSTEM SET ${setting%%=*} = '${setting#*=}'" >/dev/null; done
    sql postgres "SELECT pg_reload_conf()" "SELECT pg_sleep(0.2)" >/dev/null
}
unset_again() { # SETTING..
    local setting
    for setting in "$@"; do sql postgres "ALTER SYSTEM RESET $setting" >/dev/null; done
    sql postgres "SELECT pg_reload_conf()" "SELECT pg_sleep(0.2)" >/dev/null
}
export PGDATABASE=shop
createdb shop
sql postgres "CREATE ROLE owner LOGIN" "CREATE ROLE app LOGIN" "CREATE ROLE maintenance BYPASSRLS" "CREATE ROLE oscar LOGIN" >/dev/null

# the extension
doctor
is "without the extension: one line, what to do, exit 1" "$code $out" \
    "1 error    extension: the extension is not in this database. Do: As a superuser, in this database: CREATE EXTENSION pg_principal"
if [ -f "$HARNESS_ROOT$("$pg_config" --sharedir)/extension/pg_principal--0.2.0.sql" ]; then
    sql shop "CREATE EXTENSION pg_principal VERSION '0.2.0'" >/dev/null
    tells "an older one that knows no checks" extension error '.*version 0[.]2[.]0.*ALTER EXTENSION pg_principal UPDATE'
    sql shop "DROP EXTENSION pg_principal" >/dev/null
fi
sql shop "CREATE EXTENSION pg_principal" "GRANT auth_operator TO oscar" "ALTER SCHEMA auth RENAME TO \"other auth\"" >/dev/null
tells "its schema has another name" extension error 'the schema of the extension is "other auth", not auth[.] Do: As a superuser, in this database: ALTER SCHEMA "other auth" RENAME TO auth'
sql shop "ALTER SCHEMA \"other auth\" RENAME TO auth" >/dev/null
parts=$(sql shop "SELECT tbl || ' ' || part || CASE WHEN is_there THEN ', which 84_check_parts.sql does not name' ELSE ', which is not there' END FROM auth.changed_parts()")
is "84_check_parts.sql names what the extension has" "$parts" ""
[ -z "$parts" ] || sql shop "WITH p AS (SELECT d.tbl, split_part(d.part, ' ', 1) AS kind, d.part FROM auth.changed_parts() AS d WHERE d.is_there
        UNION SELECT o.tbl, split_part(o.part, ' ', 1), o.part FROM auth.own_parts() AS o WHERE NOT EXISTS (SELECT FROM auth.changed_parts() AS d WHERE NOT d.is_there AND d.tbl = o.tbl AND d.part = o.part)),
    k AS (SELECT tbl, kind, kind || ' ' || string_agg(substr(part, length(kind) + 2), ' ' ORDER BY part COLLATE \"C\") AS names FROM p GROUP BY tbl, kind)
    SELECT string_agg(l, E' |\n' ORDER BY l COLLATE \"C\") FROM (SELECT tbl || ': ' || string_agg(names, '; ' ORDER BY kind) AS l FROM k GROUP BY tbl) AS t" | fold -s -w 94 | sed 's/ *$//; s/^/    /'
tells "without a signing key" "signing key" error 'no signing key is in use[.] Do: pg_principal keys create'
"$PG_PRINCIPAL" keys create >/dev/null
sound "as it says" "signing key"
is "nothing else is wrong with a new one" "$(grep '^error' <<<"$out") $code" " 0"
doctor --strict
is "warnings count with --strict" "$code" 1
doctor --output json
is "the same as JSON" "$(jq -c '[(map(keys) | unique | length), (map(.check) | index("extension", "writing") | type)] + .[0:1]' <<<"$out" | sed 's/"detail":"[^"]*"/"detail"/')" '[1,"number","number",{"check":"extension","state":"ok","detail","remedy":null}]'
out=$(PGUSER=oscar "$PG_PRINCIPAL" doctor 2>&1)
is "an operator sees the same" "$(cut -d: -f1 <<<"$out" | sort -u)" "$(doctor; cut -d: -f1 <<<"$out" | sort -u)"
like "nobody else" "$(PGUSER=app "$PG_PRINCIPAL" doctor 2>&1)" 'permission denied'
is "it changes nothing" "$(PGOPTIONS='-c default_transaction_read_only=on' sql shop "SELECT count(*) > 10 FROM auth.check_installation()")" t
sql postgres "CREATE DATABASE sorted TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en'" >/dev/null
sql sorted "CREATE EXTENSION pg_principal" "UPDATE pg_database SET datcollversion = '1.0' WHERE datname = current_database()" >/dev/null
PGDATABASE=sorted tells "an operating system that sorts otherwise" collation error 'texts are sorted by version [0-9.]+ .*built by 1[.]0: .*Do: As a superuser.* REINDEX DATABASE sorted; ALTER DATABASE sorted REFRESH COLLATION VERSION'
sed -nE 's/^error +collation: .* nobody writes: (REINDEX [^;]*); (ALTER [^;]*);.*/\1;\n\2;/p' <<<"$out" | psql -Xqd sorted >/dev/null 2>&1
PGDATABASE=sorted sound "indexes built again" collation
sql postgres "DROP DATABASE sorted" >/dev/null
sql shop "UPDATE pg_extension SET extversion = '99.0' WHERE extname = 'pg_principal'" >/dev/null
tells "a library older than the extension" library error '.*runs version [0-9.]+, the extension is 99[.]0[.] Do: Restart the server'
sql shop "UPDATE pg_extension SET extversion = '0.2.9' WHERE extname = 'pg_principal'" >/dev/null
tells "an extension older than the command" extension error 'version 0[.]2[.]9 .*ALTER EXTENSION pg_principal UPDATE'
tells "and than the library" library warning '.*functions of 0[.]2[.]9[.] Do: ALTER EXTENSION'
sql shop "UPDATE pg_extension SET extversion = '$("$PG_PRINCIPAL" --version | cut -d' ' -f2)' WHERE extname = 'pg_principal'" >/dev/null
sound "as it should be" "(extension|library)"
if [ -n "$(sql shop "SHOW extension_destdir" | grep -v ERROR)" ]; then
    reload extension_destdir=
    tells "files that are not there" extension error '.*finds no files of it[.] Do: Install'
    tells "the library's, too" library error 'it cannot be loaded: .*Do: Install'
    unset_again extension_destdir
fi

# keys
tells "private keys in the clear" "master key" warning '.*1 private key stored in the clear.*auth.seal_signing_keys'
master_key "$dir/master"
reload pg_principal.master_key_file="$dir/master"
tells "a master key that seals nothing yet" "master key" warning '1 key still stored in the clear[.] Do: SELECT auth.seal_signing_keys'
sql shop "SELECT auth.seal_signing_keys()" >/dev/null
sound "sealed" "(master key|signing key)"
chmod 644 "$dir/master"
tells "a master key file that others read" "master key" error '.*Do: '
tells "opens no key" "signing key" error '.*'
chmod 600 "$dir/master"
sql shop "SELECT auth.create_signing_key('ES256')" >/dev/null
unset_again pg_principal.master_key_file
tells "no master key for the key in use" "signing key" error '.*master key.*Do: Set pg_principal.master_key_file'
tells "nor for the one before" "other keys" error '.*master key.*Do: Set'
reload pg_principal.master_key_file="$dir/master"
sound "back again" "(master key|signing key|other keys)"

# roles and grants
sql postgres "ALTER ROLE auth_operator LOGIN" "GRANT service_role TO oscar WITH ADMIN OPTION" "ALTER ROLE oscar CREATEROLE" >/dev/null
tells "operators' own role that logs in" roles warning 'auth_operator can log in by itself[.] Do: ALTER ROLE auth_operator NOLOGIN'
like "who makes members" "$(of_check roles)" 'warning +roles: oscar, who is no superuser, may make anybody a member of service_role[.] Do: REVOKE ADMIN OPTION FOR service_role FROM oscar'
like "CREATEROLE before PostgreSQL 16" "$(of_check roles) $(sql postgres "SELECT current_setting('server_version_num')::int >= 160000")" '(oscar has CREATEROLE.*ALTER ROLE oscar NOCREATEROLE| t$)'
sql postgres "ALTER ROLE auth_operator NOLOGIN" "REVOKE service_role FROM oscar" "ALTER ROLE oscar NOCREATEROLE" >/dev/null
sql postgres "ALTER ROLE authenticated BYPASSRLS" >/dev/null
tells "a role that no row security binds" roles error '.*ALTER ROLE authenticated NOBYPASSRLS'
sql postgres "ALTER ROLE authenticated NOBYPASSRLS" "ALTER ROLE anon SUPERUSER" >/dev/null
tells "a superuser" roles error '.*ALTER ROLE anon NOSUPERUSER'
sql postgres "ALTER ROLE anon NOSUPERUSER" "ALTER ROLE service_role NOBYPASSRLS" >/dev/null
tells "service_role under the clamp" roles warning '.*ALTER ROLE service_role BYPASSRLS'
sql postgres "ALTER ROLE service_role BYPASSRLS" "GRANT auth_operator TO authenticator" >/dev/null
tells "a frontend that may mint" roles error '.*REVOKE auth_operator FROM authenticator'
sql postgres "REVOKE auth_operator FROM authenticator" "ALTER ROLE anon RENAME TO anybody" >/dev/null
tells "a role that is gone" roles error 'the role anon does not exist[.] Do: CREATE ROLE anon'
sql postgres "ALTER ROLE anybody RENAME TO anon" >/dev/null
PGAPPNAME='pg_principal serve' psql -Xqc "SELECT pg_sleep(30)" >/dev/null 2>&1 &
sleeper=$!
until [ "$(sql shop "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pg_principal serve'")" = 1 ]; do sleep 0.1; done
tells "serve as a superuser" roles error 'pg_principal serve is connected as postgres'
sql shop "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pg_principal serve'" >/dev/null
wait "$sleeper"
sound "all as they were" roles
sql shop "GRANT EXECUTE ON FUNCTION auth.issue(text, text, text, text[]) TO PUBLIC" "GRANT SELECT ON auth.users TO app" "REVOKE EXECUTE ON FUNCTION auth.sign_in(text, text, jsonb) FROM authenticator" >/dev/null
tells "who may mint" grants error 'PUBLIC has EXECUTE on FUNCTION auth.issue.*Do: REVOKE EXECUTE'
tells "who reads principals" grants warning 'app has SELECT on TABLE auth.users.*Do: REVOKE SELECT'
like "who can no longer sign anybody in" "$(of_check grants)" 'authenticator no longer has EXECUTE on FUNCTION auth.sign_in.*Do: GRANT EXECUTE'
while IFS= read -r remedy; do sql shop "$remedy" >/dev/null; done < <(of_check grants | sed 's/.* Do: //')
sound "each remedy mends it" grants
sql shop "REVOKE USAGE ON SCHEMA auth FROM PUBLIC" "REVOKE EXECUTE ON FUNCTION auth.uid() FROM PUBLIC" >/dev/null
tells "what everybody had" grants warning 'PUBLIC no longer has EXECUTE on FUNCTION auth.uid[(][)].*Do: GRANT EXECUTE'
like "the schema, too" "$(of_check grants)" 'PUBLIC no longer has USAGE on SCHEMA auth.*Do: GRANT USAGE'
sql shop "GRANT auth_operator TO oscar" >/dev/null
PGUSER=oscar doctor
like "an operator without the schema is told what mends it" "$(<"$dir/err")" 'permission denied for schema auth.*GRANT USAGE ON SCHEMA auth TO PUBLIC'
sql shop "REVOKE auth_operator FROM oscar" "GRANT USAGE ON SCHEMA auth TO authenticated, authenticator, auth_operator" "GRANT EXECUTE ON FUNCTION auth.uid() TO authenticated, authenticator, auth_operator" >/dev/null
sound "given by name to who needs it" grants
sql shop "REVOKE ALL ON SCHEMA auth FROM authenticated, authenticator, auth_operator" "REVOKE ALL ON FUNCTION auth.uid() FROM authenticated, authenticator, auth_operator" "GRANT USAGE ON SCHEMA auth TO PUBLIC" "GRANT EXECUTE ON FUNCTION auth.uid() TO PUBLIC" >/dev/null
sound "everybody's again" grants
sql shop "GRANT SELECT (email) ON auth.users TO app" >/dev/null
tells "a column's" grants warning 'app has SELECT on TABLE auth.users [(]email[)]'
sql shop "REVOKE SELECT (email) ON auth.users FROM app" "GRANT REFERENCES (id) ON auth.users TO owner" >/dev/null
tells "what lets its owner be used" grants error 'owner has REFERENCES on TABLE auth.users [(]id[)], with which it can run code.*Do: REVOKE REFERENCES'
sql shop "REVOKE REFERENCES (id) ON auth.users FROM owner" >/dev/null
sound "without it" grants
sql shop "CREATE VIEW people AS SELECT id, email, app_role FROM auth.users" "CREATE VIEW names AS SELECT upper(email) FROM people GROUP BY 1" \
    "CREATE VIEW own WITH (security_invoker) AS SELECT id FROM auth.users" "GRANT SELECT, UPDATE, DELETE ON people TO app" >/dev/null
tells "who writes to principals" grants error 'app has DELETE, UPDATE on the view public.people: it may write to auth.users as postgres where .*, and lock it. Do: REVOKE DELETE, UPDATE ON public.people FROM app'
sql shop "GRANT ALL ON names, own TO PUBLIC" >/dev/null
doctor
is "or locks them" "$(of_check grants | grep -c 'PUBLIC has DELETE, INSERT, .*TRUNCATE, UPDATE on the view public.names: ')$(of_check grants | grep -c 'public.own')" 10
while IFS= read -r remedy; do sql shop "$remedy" >/dev/null; done < <(of_check grants | sed 's/.* Do: //')
sound "no more" grants
sql shop "CREATE ROLE partial" "GRANT INSERT (id, email), UPDATE (email) ON auth.users TO partial" \
    "CREATE VIEW addresses AS SELECT id, email FROM auth.users" "ALTER VIEW addresses OWNER TO partial" "GRANT ALL ON addresses TO app" >/dev/null
tells "through a view whose owner has columns alone" grants error 'app has INSERT, UPDATE on the view public.addresses: it may write to auth.users as partial where'
sql shop "REVOKE ALL ON auth.users FROM partial" "GRANT UPDATE ON auth.users TO partial" "REVOKE ALL ON addresses FROM app" "GRANT DELETE ON addresses TO app" >/dev/null
is "whoever may delete locks what the owner may update" "$(sql shop "SET ROLE app" "BEGIN" "LOCK TABLE addresses" "SELECT mode FROM pg_locks WHERE relation = 'auth.users'::regclass")" AccessExclusiveLock
tells "which is told" grants error 'app has DELETE on the view public.addresses: it may write to auth.users as partial where'
sql shop "DROP OWNED BY partial" "DROP ROLE partial" >/dev/null
sound "without it, too" grants
sql shop "GRANT USAGE ON TYPE auth.users, auth.sessions TO PUBLIC" >/dev/null # all of them are everybody's after pg_upgrade
tells "whoever may stop an update" grants warning 'PUBLIC has USAGE on TYPE auth.sessions, auth.users, and a column of one stops .*Do: REVOKE USAGE ON TYPE auth.sessions, auth.users FROM PUBLIC'
sed -nE 's/^warning +grants: .* Do: (REVOKE .*)/\1;/p' <<<"$out" | psql -Xqd shop
sound "mended by what it says, too" grants
sql shop "CREATE DOMAIN known AS uuid; ALTER DOMAIN known OWNER TO owner; CREATE TABLE knows (id known REFERENCES auth.users)" >/dev/null
tells "a key of somebody's type" "own objects" error 'public.knows references auth.users by a column of type public.known.*Do: ALTER TABLE public.knows DROP CONSTRAINT knows_id_fkey'
sql shop "DROP TABLE knows; DROP DOMAIN known" >/dev/null
sql shop "CREATE TABLE held (id uuid PRIMARY KEY REFERENCES auth.users ON DELETE CASCADE) PARTITION BY HASH (id)" \
    "CREATE TABLE held_1 PARTITION OF held FOR VALUES WITH (MODULUS 1, REMAINDER 0); CREATE TABLE behind (id uuid REFERENCES held ON DELETE CASCADE)" \
    "CREATE TABLE behind_it (id uuid PRIMARY KEY REFERENCES auth.users); ALTER TABLE behind_it OWNER TO owner; CREATE TABLE beyond (id uuid REFERENCES behind_it)" \
    "CREATE FUNCTION runs() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END'" \
    "CREATE TRIGGER runs BEFORE DELETE ON behind FOR EACH ROW EXECUTE FUNCTION runs(); CREATE TRIGGER runs BEFORE DELETE ON beyond FOR EACH ROW EXECUTE FUNCTION runs()" >/dev/null
sql shop "CREATE TABLE public.copied (who auth.users, of auth.sessions[])" >/dev/null
tells "a column of the type of a table" "own objects" error 'column of of public.copied is of the type auth.sessions\[\], and an update.*Do: ALTER TABLE public.copied ALTER of TYPE jsonb USING to_jsonb[(]of[)]'
sed -nE 's/^error +own objects: .* Do: (ALTER .*)/\1;/p' <<<"$out" | psql -Xqd shop
sound "mended by what it says" "own objects"
sql shop "DROP TABLE public.copied" >/dev/null
sound "superusers' tables that reference principals, and their triggers" "own objects"
sql shop "CREATE TRIGGER late AFTER DELETE ON behind FOR EACH ROW EXECUTE FUNCTION runs()" >/dev/null
if [ "$(sql shop "SELECT current_setting('server_version_num')::int < 180000")" = t ]; then
    tells "a trigger that runs as another" "own objects" warning 'trigger late on public.behind runs with the rights of .*Do: ALTER FUNCTION public.runs[(][)] SECURITY DEFINER'
fi
sql shop "ALTER FUNCTION runs() SECURITY DEFINER" >/dev/null
sound "a definer's is what it was" "own objects"
sql shop "DROP TRIGGER late ON behind; ALTER FUNCTION runs() SECURITY INVOKER" >/dev/null
sql shop "ALTER TABLE held_1 OWNER TO owner" >/dev/null
tells "a partition of somebody else" "own objects" error 'public.held_1 belongs to owner, whose triggers run as postgres, the owner of public.held, when.*Do: ALTER TABLE public.held_1 OWNER TO postgres'
sql shop "ALTER TABLE held_1 OWNER TO postgres; ALTER FUNCTION runs() OWNER TO owner" >/dev/null
tells "and a function, behind it" "own objects" error 'public.runs[(][)] of owner runs as postgres in a trigger of public.behind when.*Do: ALTER FUNCTION public.runs[(][)] OWNER TO postgres'
sql shop "DROP TABLE held, behind, behind_it, beyond; DROP FUNCTION runs()" >/dev/null

# doors
hba=$dir/data/pg_hba.conf
cp -p "$hba" "$dir/hba"
with_line() { { echo "$1" && cat "$dir/hba"; } >"$hba"; } # before the others
with_line 'host all app 0.0.0.0/0 pam pamservice=pg_principal'
tells "tokens over plain TCP" pg_hba.conf error 'line 1 takes tokens over connections without TLS.*Do: Write hostssl'
with_line 'local all app pam pamservice=pg_principal'
sound "over a local socket" pg_hba.conf
with_line 'local all oscar scram-sha-256'
sql shop "SELECT pg_reload_conf()" "SELECT pg_sleep(0.2)" >/dev/null
like "who has no password is told where one comes from" "$(PGUSER=oscar "$PG_PRINCIPAL" doctor 2>&1)" 'no password supplied.*hint: A password comes from PGPASSWORD'
with_line 'host all all 0.0.0.0/0 trust'
tells "whoever comes" pg_hba.conf warning 'line 1 lets connections in without any proof'
with_line 'host all all nonsense'
tells "a line that cannot be read" pg_hba.conf error 'line 1: '
if [ "$(sql shop "SHOW server_version_num")" -ge 180000 ]; then
    with_line 'host all app 0.0.0.0/0 oauth issuer="https://x.example" scope="a"'
    tells "bearer tokens over plain TCP" pg_hba.conf error '.*'
fi
cp -p "$dir/hba" "$hba"

# logs
reload log_min_duration_statement=250
tells "slow statements with their parameters" "statement log" error 'shows the parameters of what app, .*Do: ALTER ROLE app SET log_parameter_max_length = 0'
for role in app oscar owner; do sql postgres "ALTER ROLE $role SET log_parameter_max_length = 0" >/dev/null; done
sound "as it says, for each" "statement log"
sql postgres "ALTER ROLE app IN DATABASE shop SET log_parameter_max_length = '1kB'" >/dev/null
tells "one of them in this database" "statement log" error '.*what app sends'
sql postgres "ALTER ROLE app IN DATABASE shop RESET ALL" >/dev/null
unset_again log_min_duration_statement
for role in app oscar owner; do sql postgres "ALTER ROLE $role RESET ALL" >/dev/null; done
for setting in log_statement=all log_transaction_sample_rate=1 log_min_duration_sample=0; do
    reload "$setting"
    tells "$setting" "statement log" error '.*'
    unset_again "${setting%%=*}"
done
out=$(PGOPTIONS='-c log_statement=all' "$PG_PRINCIPAL" doctor)
is "what the doctor's own connection has is nobody's" "$(of_check "statement log" | grep error)" ""
reload log_parameter_max_length_on_error=1kB
tells "parameters of what fails" "error log" error '.*Do: ALTER ROLE .* SET log_parameter_max_length_on_error = 0'
unset_again log_parameter_max_length_on_error
if [ -n "$has_pgaudit" ]; then
    reload pgaudit.log=read pgaudit.log_parameter=on
    tells "pgaudit with parameters" pgaudit error '.*Do: ALTER ROLE .* SET pgaudit.log_parameter = off'
    reload pgaudit.log_parameter=off
    sound "without" pgaudit
    unset_again pgaudit.log pgaudit.log_parameter
else
    echo "# this server has no pgaudit: its check is not broken"
fi
if [ -n "$(sql shop "SELECT 1 FROM pg_settings WHERE name = 'auto_explain.log_parameter_max_length'")" ]; then
    has_explained=1
    reload auto_explain.log_min_duration=0
    tells "auto_explain with parameters" auto_explain error '.*Do: ALTER ROLE .* SET auto_explain.log_parameter_max_length = 0'
    unset_again auto_explain.log_min_duration
fi
[ -n "$has_explained" ] || echo "# auto_explain of this server prints no parameters: its check is not broken"
sql postgres "ALTER ROLE app SET pg_principal.token = 'x'" >/dev/null
tells "a token in the catalog" settings error 'a token is stored as a setting.*Do: ALTER ROLE app RESET pg_principal.token'
sql postgres "ALTER ROLE app RESET pg_principal.token" >/dev/null
reload pg_principal.trust_request_claims=on
tells "claims that anybody may forge" settings error 'pg_principal.trust_request_claims is on'
unset_again pg_principal.trust_request_claims
sql postgres "ALTER DATABASE shop SET session_replication_role = replica" >/dev/null
tells "triggers that do not fire" settings error 'session_replication_role is replica'
sql postgres "ALTER DATABASE shop RESET session_replication_role" >/dev/null
sound "neither" settings

# objects of one's own
sql shop "CREATE FUNCTION greet() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'" "CREATE TRIGGER greet AFTER INSERT ON auth.users FOR EACH ROW EXECUTE FUNCTION greet()" \
    "CREATE INDEX by_name ON auth.users (last_name)" "CREATE POLICY see ON auth.users FOR SELECT USING (true)" "ALTER TABLE auth.sessions ADD CONSTRAINT short CHECK (length(label) < 1000)" \
    "CREATE PUBLICATION p FOR TABLE auth.sessions" "ALTER TABLE auth.users ADD COLUMN plan text" >/dev/null
doctor
for part in 'trigger greet' 'index by_name' 'policy see' 'constraint short' 'publication p'; do
    like "$part" "$(of_check "own objects")" "warning .*has the $part, which is in no dump"
done
like "a column" "$(of_check "own objects")" "error .*has the column plan, with which a restore brings no row"
sql shop "DROP TRIGGER greet ON auth.users" "DROP INDEX auth.by_name" "DROP POLICY see ON auth.users" "ALTER TABLE auth.sessions DROP CONSTRAINT short" "DROP PUBLICATION p" "ALTER TABLE auth.users DROP COLUMN plan" >/dev/null
sound "all gone" "own objects"
trigger=$(sql shop "SELECT tgname FROM pg_trigger WHERE tgrelid = 'auth.users'::regclass AND NOT tgisinternal AND tgenabled = 'A' LIMIT 1")
sql shop "ALTER TABLE auth.users DISABLE TRIGGER $trigger" >/dev/null
tells "one of ours that is switched off" "own objects" error "trigger $trigger on auth.users is disabled.*Do: ALTER TABLE auth.users ENABLE ALWAYS TRIGGER $trigger"
sql shop "ALTER TABLE auth.users ENABLE TRIGGER $trigger" "ALTER TABLE auth.users DISABLE TRIGGER audit_insert" >/dev/null
doctor
like "or only where its changes are made" "$(of_check "own objects")" "trigger $trigger on auth.users is disabled.*Do: ALTER TABLE auth.users ENABLE ALWAYS TRIGGER $trigger"
like "one that fires there alone" "$(of_check "own objects")" "Do: ALTER TABLE auth.users ENABLE TRIGGER audit_insert"
sql shop "ALTER TABLE auth.users ENABLE TRIGGER audit_insert" >/dev/null
sql shop "ALTER TABLE auth.users ENABLE ALWAYS TRIGGER $trigger" "DROP INDEX auth.audit_log_created_at" >/dev/null
tells "one that is gone" "own objects" error 'auth.audit_log lacks the index audit_log_created_at'
sql shop "CREATE INDEX audit_log_created_at ON auth.audit_log (created_at)" >/dev/null
sound "there again" "own objects"
sql shop "CREATE ROLE heir" "ALTER TABLE auth.sessions DISABLE ROW LEVEL SECURITY" "ALTER TABLE auth.client_keys OWNER TO heir" "ALTER FUNCTION auth.is_banned(auth.users) OWNER TO heir" "ALTER SCHEMA auth OWNER TO heir" "ALTER TABLE auth.signing_keys ALTER material SET STATISTICS 100" \
    "CREATE FUNCTION auth.of_heir(text) RETURNS void LANGUAGE sql BEGIN ATOMIC END" "ALTER FUNCTION auth.of_heir(text) OWNER TO heir" >/dev/null
doctor
like "a secret that is sampled" "$(of_check "own objects")" 'error +own objects: ANALYZE samples auth.signing_keys.material, .*Do: ALTER TABLE auth.signing_keys ALTER material SET STATISTICS 0, .*DELETE FROM pg_statistic'
like "row security that is off" "$(of_check "own objects")" 'error +own objects: row security of auth.sessions is switched off. Do: ALTER TABLE auth.sessions ENABLE ROW LEVEL SECURITY'
like "a table of somebody else" "$(of_check "own objects")" 'error +own objects: auth.client_keys belongs to heir, .*Do: ALTER TABLE auth.client_keys OWNER TO postgres'
like "a function" "$(of_check "own objects")" 'error +own objects: auth.is_banned\(auth.users\) belongs to heir, .*Do: ALTER ROUTINE auth.is_banned\(auth.users\) OWNER TO postgres'
like "a function that is none of ours" "$(of_check "own objects")" 'error +own objects: auth.of_heir\(text\) belongs to heir, .*Do: ALTER ROUTINE auth.of_heir\(text\) OWNER TO postgres'
like "the schema" "$(of_check "own objects")" 'error +own objects: the schema auth belongs to heir, .*a dump is not restored[.] Do: ALTER SCHEMA auth OWNER TO postgres'
is "whose grants are its own" "$(of_check grants | grep -c heir)" 0
sed -nE 's/^error +own objects: .* Do: (ALTER .*)/\1;/p' <<<"$out" | psql -Xqd shop
sound "mended by what it says" "own objects"

# functions
sound "functions" "own functions"
sql shop "ALTER FUNCTION auth.sign_in(text, text, jsonb) RESET search_path" "ALTER FUNCTION auth.jwks() VOLATILE" \
    "CREATE OR REPLACE FUNCTION auth.is_held_off(user_id uuid) RETURNS boolean LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS 'BEGIN RETURN false; END'" \
    "CREATE OR REPLACE FUNCTION auth.is_banned(principal auth.users) RETURNS boolean LANGUAGE sql BEGIN ATOMIC SELECT false; END" "ALTER EXTENSION pg_principal DROP FUNCTION auth.is_agent(text, text)" >/dev/null
doctor
is "each that is not as it was made" "$(of_check "own functions" | sed -E 's/ is (not as|gone).*//' | paste -sd ' ' | tr -s ' ')" \
    "$(for f in is_agent\(text,\ text\) is_banned\(users\) is_held_off\(uuid\) jwks\(\) sign_in\(text,\ text,\ jsonb\); do echo "error own functions: auth.$f"; done | paste -sd ' ')"
like "is told with its script" "$(of_check "own functions")" 'Do: Find out who changed it, .* extension/pg_principal--[0-9.]+[.]sql'
script=$HARNESS_ROOT$("$pg_config" --sharedir)/extension/pg_principal--$(sql shop "SELECT extversion FROM pg_extension WHERE extname = 'pg_principal'").sql
for f in is_held_off is_banned; do # as it stands there, in a session that quotes every name
    sed -nE "/^CREATE OR REPLACE FUNCTION auth.${f}[(]/,/^([$][$]|END);/p" "$script" | PGOPTIONS="-c quote_all_identifiers=on" psql -Xqd shop
done
sql shop "ALTER FUNCTION auth.sign_in(text, text, jsonb) SET search_path = pg_catalog, pg_temp" "ALTER FUNCTION auth.jwks() STABLE" "ALTER EXTENSION pg_principal ADD FUNCTION auth.is_agent(text, text)" >/dev/null
sound "mended by its statements" "own functions"
PGOPTIONS="-c quote_all_identifiers=on -c search_path=auth" sound "however names are written" "own functions"

# what goes past a clamp
sql shop "GRANT CREATE ON SCHEMA public TO owner" "SET ROLE owner" "CREATE TABLE activity (id int PRIMARY KEY, owner text)" "CREATE INDEX ON activity (owner)" "SELECT auth.clamp('activity', 'owner')" >/dev/null
sound "a clamp" clamps
like "is counted" "$(of_check clamps)" '2 tables'
sql shop "CREATE VIEW all_of_it AS SELECT * FROM activity" >/dev/null
tells "a superuser's view" clamps error 'every row of public.activity shows in view public.all_of_it.*Do: ALTER VIEW public.all_of_it SET [(]security_invoker = true[)]'
sql shop "ALTER VIEW all_of_it SET (security_invoker = true)" >/dev/null
sound "as it says" clamps
sql shop "CREATE MATERIALIZED VIEW kept AS SELECT * FROM activity" >/dev/null
tells "a materialized view" clamps warning '.*kept past the clamp in materialized view public.kept'
sql shop "DROP MATERIALIZED VIEW kept" "CREATE TABLE detail (activity int REFERENCES activity)" >/dev/null
tells "a foreign key" clamps warning '.*checked past the clamp by foreign key detail_activity_fkey'
sql shop "DROP TABLE detail" "GRANT TRUNCATE ON activity TO app" >/dev/null
tells "who may truncate" clamps error '.*REVOKE TRUNCATE ON public.activity FROM app'
sql shop "REVOKE TRUNCATE ON activity FROM app" "GRANT TRIGGER ON activity TO app" >/dev/null
tells "whose triggers would see everybody's rows" clamps error '.*REVOKE TRIGGER ON public.activity FROM app'
sql shop "REVOKE TRIGGER ON activity FROM app" "GRANT REFERENCES ON activity TO app" >/dev/null
tells "who learns which keys there are" clamps warning '.*REVOKE REFERENCES ON public.activity FROM app'
sql shop "REVOKE REFERENCES ON activity FROM app" "CREATE PUBLICATION p FOR TABLE activity" >/dev/null
tells "a publication" clamps warning '.*publication p'
sql shop "DROP PUBLICATION p" "ALTER TABLE activity DISABLE ROW LEVEL SECURITY" >/dev/null
tells "a clamp that is switched off" clamps error '.*Do: ALTER TABLE public.activity ENABLE ROW LEVEL SECURITY'
sql shop "ALTER TABLE activity ENABLE ROW LEVEL SECURITY" >/dev/null
sound "on again" clamps
sql shop "CREATE TABLE ledger (owner text)" "CREATE INDEX ON ledger (owner)" "GRANT SELECT ON ledger TO app" \
    "SELECT auth.clamp('ledger', 'owner')" >/dev/null
pg_dump -Fc -d shop -t ledger -f "$dir/ledger.dump"
sql shop "DROP TABLE ledger" >/dev/null
pg_restore -d shop -t ledger "$dir/ledger.dump"
tells "a table that pg_restore --table brought back without its clamp" clamps error \
    ".*of public.ledger is forced, but switched off, and there is no policy.*Do: SELECT auth.clamp[(]'public.ledger', [.]{3}[)], or ALTER TABLE"
sql shop "SELECT auth.clamp('ledger', 'owner')" >/dev/null
sound "clamped again" clamps
sql shop "DROP TABLE ledger" >/dev/null

# scans
if [[ $more != *pg_cron* ]]; then
    tells "without pg_cron" "health scan" warning '.*there is no pg_cron.*Do: Install pg_cron'
else
    tells "pg_cron elsewhere, and not created there" "health scan" unknown '.*cron.database_name is "postgres": pg_cron is not in the database "postgres".*Do: pg_principal health status'
    sql postgres "CREATE EXTENSION pg_cron" >/dev/null
    tells "pg_cron elsewhere, and no job there" "health scan" warning 'the health scan is not scheduled[.] Do: pg_principal health schedule'
    like "a schedule that cron has not is told what would be right" "$("$PG_PRINCIPAL" health schedule --at 'every hour' 2>&1)" 'invalid schedule: every hour.*hint: (Write minute, hour|Use cron format)'
    "$PG_PRINCIPAL" health schedule >/dev/null
    sql shop "SELECT count(*) FROM auth.scan_agent_health()" >/dev/null
    sound "scheduled there" "health scan"
    sql postgres "INSERT INTO cron.job_run_details (jobid, runid, status, return_message, start_time) SELECT jobid, 1, 'failed', 'connection failed', now() FROM cron.job" >/dev/null
    tells "and failing" "health scan" error 'the last scheduled run failed: connection failed[.] Do: .*pg_hba.conf'
fi
tells "an audit that nobody verifies" "audit scan" warning 'it has never run[.] Do: SELECT auth.scan_audit'
sql shop "SELECT auth.scan_audit()" >/dev/null
sound "verified" "audit scan"
sql shop "SELECT auth.set_gauge('audit.faults', '', 2)" >/dev/null
tells "tampered with" "audit scan" error 'the last scan found 2 faults in the audit'
sql shop "SELECT auth.set_gauge('audit.faults', '', 1)" >/dev/null
tells "once" "audit scan" error 'the last scan found 1 fault in the audit'
sql shop "SELECT auth.scan_audit()" >/dev/null

# time, and servers that take no writes
is "a client whose clock is ahead" "$(sql shop "SELECT state, remedy IS NOT NULL FROM auth.check_installation('x', '40 s') WHERE item = 'clocks'")" "error|t"
is "or behind" "$(sql shop "SELECT state, detail ~ 'behind' FROM auth.check_installation('x', '-40 s') WHERE item = 'clocks'")" "error|t"
is "spans of time are written alike whatever the connection asks for" \
    "$(PGOPTIONS='-c intervalstyle=iso_8601' sql shop "SELECT detail FROM auth.check_installation('x', '40 s') WHERE item = 'clocks'")" \
    "the client's clock is 00:00:40 ahead of the server's: tokens seem expired, or not yet valid, to who judges them there"
sound "this one's" clocks
reload default_transaction_read_only=on
tells "a server that takes no writes" writing error 'connections are read-only.*Do: Set default_transaction_read_only to off'

# what serve says, and /ready
serve() { # sets port
    : >"$dir/serve.log"
    PGUSER=${web:-web} "$PG_PRINCIPAL" serve --listen 127.0.0.1:0 --access-log off 2>"$dir/serve.log" &
    server=$!
    for _ in $(seq 100); do
        port=$(sed -n 's/.*listening on .*:\([0-9]*\)$/\1/p' "$dir/serve.log")
        [ -z "$port" ] || break
        sleep 0.1
    done
}
end_serve() { kill "$server" && wait "$server" 2>/dev/null; }
ready() { curl -s -o "$dir/body" -D "$dir/head" -w '%{http_code}' "http://127.0.0.1:$port/ready${1-}"; echo " $(jq -r '.reason // .serves' "$dir/body") $(jq -r '.remedy // "-"' "$dir/body") $(grep -ci retry-after "$dir/head")"; }
until_said() { for _ in $(seq 50); do ! grep -q "$1" "$dir/serve.log" || break; sleep 0.1; done; }
PGOPTIONS='-c default_transaction_read_only=off' sql postgres "CREATE ROLE web LOGIN IN ROLE authenticator" >/dev/null
serve
until_said read-only
like "serve tells that the database is read-only" "$(cat "$dir/serve.log")" 'warning: connections to this database are read-only.*default_transaction_read_only to off'
like "/ready too, without Retry-After" "$(ready)" '^503 read_only Set default_transaction_read_only to off .* 0$'
like "reads could be served" "$(ready '?for=reads')" '^200 reads - 0$'
is "and nothing else is asked for" "$(ready '?for=writes' | cut -d' ' -f1)" 400
PGOPTIONS='-c default_transaction_read_only=off' sql postgres "ALTER SYSTEM RESET default_transaction_read_only" "SELECT pg_reload_conf()" >/dev/null
for _ in $(seq 50); do [[ $(ready) != 200* ]] || break; sleep 0.1; done
like "mended, without a restart" "$(ready)" '^200 all - 0$'
is "of its role it says nothing" "$(grep -c 'may do more' "$dir/serve.log")" 0
sql shop "REVOKE authenticator FROM web" >/dev/null
like "a role that may not serve" "$(ready)" '^503 role_not_granted As a superuser: GRANT authenticator TO that role 0$'
sql shop "GRANT authenticator TO web" >/dev/null
sql shop "SELECT auth.retire_signing_key(kid) FROM auth.list_signing_keys() WHERE state = 'in_use'" "SELECT auth.add_user('{\"email\": \"ann@example.com\", \"password\": \"Th1sIsAStrong!Pass\"}')" >/dev/null
like "a signing key that is gone" "$(ready)" '^503 signing_key_missing As an operator: pg_principal keys create 0$'
for path in /api/auth/login '/auth/v1/token?grant_type=password'; do
    code=$(curl -s -o "$dir/body" -D "$dir/head" -w '%{http_code}' -H 'Content-Type: application/json' -d '{"email": "ann@example.com", "password": "Th1sIsAStrong!Pass"}' "http://127.0.0.1:$port$path")
    is "a sign-in at $path then: 503, what an operator has to do, no Retry-After" "$code $(jq -r '.message // .msg' "$dir/body") $(grep -ci retry-after "$dir/head")" \
        "503 No signing key is in use: an operator has to create one 0"
done
end_serve
serve
until_said 'keys create'
like "serve tells that, too" "$(cat "$dir/serve.log")" 'warning: no signing key is in use: nobody can sign in.*pg_principal keys create'
"$PG_PRINCIPAL" keys create >/dev/null
like "and is ready once there is one" "$(ready)" '^200 all - 0$'
chmod 644 "$dir/master"
end_serve
serve
until_said doctor
like "a key that cannot be opened; no path is told" "$(ready)" '^503 signing_key_unusable As an operator: pg_principal doctor, which tells why 0$'
chmod 600 "$dir/master"
sql shop "UPDATE pg_extension SET extversion = '0.2.9' WHERE extname = 'pg_principal'" >/dev/null
like "an extension older than serve" "$(ready)" '^503 extension_outdated .*ALTER EXTENSION pg_principal UPDATE 0$'
sql shop "UPDATE pg_extension SET extversion = '99.0' WHERE extname = 'pg_principal'" >/dev/null
like "a library older than the extension" "$(ready)" '^503 library_outdated Restart the database server 0$'
end_serve
PGDATABASE=postgres serve
until_said 'CREATE EXTENSION'
like "no extension: serve says so" "$(cat "$dir/serve.log")" 'warning: the extension is not in this database.*CREATE EXTENSION pg_principal'
like "and /ready" "$(ready)" '^503 extension_missing .*CREATE EXTENSION pg_principal 0$'
end_serve
sql shop "UPDATE pg_extension SET extversion = '$("$PG_PRINCIPAL" --version | cut -d' ' -f2)' WHERE extname = 'pg_principal'" >/dev/null
web=postgres serve
until_said 'more than serve'
like "serve as a superuser: it says so" "$(cat "$dir/serve.log")" 'warning: the role that this server connects as may do more than serve.*CREATE ROLE web LOGIN IN ROLE authenticator'
end_serve

# a standby
standby=$work/standby
mkdir -m 700 "$standby" && { [ "$(id -u)" != 0 ] || chown postgres: "$standby"; }
as_server "$PG_BIN/pg_basebackup" -h "$dir" -p "$PGPORT" -U postgres -D "$standby/data" -R -X stream -c fast >"$dir/basebackup.log" 2>&1 || cat "$dir/basebackup.log"
cluster_set "$standby" unix_socket_directories="$standby"
cluster_start "$standby" || exit 1
export PGDATABASE=shop
tells "a standby" writing warning 'this server is a standby.*Do: Ask the primary'
serve
like "/ready of a standby" "$(ready)" '^503 standby Connect to the primary'
like "for reads" "$(ready '?for=reads')" '^200 reads - 0$'
is "who signs in is told that it takes no writes" "$(curl -s -w ' %{http_code}' -H 'Content-Type: application/json' \
    -d '{"email": "ann@example.com", "password": "Th1sIsAStrong!Pass"}' "http://127.0.0.1:$port/api/auth/login")" '{"message":"The database takes no writes now"} 503'
like "an operator what to connect to" "$("$PG_PRINCIPAL" auth ban --email ann@example.com 2>&1; echo $?)" 'read-only transaction.*hint: A standby, .*connect to the primary.*1$'
end_serve
sql shop "SELECT pg_wal_replay_pause()" >/dev/null
for _ in $(seq 50); do [ "$(sql shop "SELECT pg_get_wal_replay_pause_state()")" != paused ] || break; sleep 0.1; done
tells "one that replays nothing" writing error 'replay is paused.*Do: SELECT pg_wal_replay_resume'
sql shop "SELECT pg_wal_replay_resume()" >/dev/null
cluster_use "$dir"
cluster_stop "$dir" fast
cluster_use "$standby"
export PGDATABASE=shop
for _ in $(seq 100); do [ "$(sql shop "SELECT count(*) FROM pg_stat_wal_receiver")" != 0 ] || break; sleep 0.1; done
tells "one without a primary" writing warning 'this standby has no connection to a primary'
cluster_stop "$standby" fast

# not preloaded: the last, for a restart
cluster_set "$dir" shared_preload_libraries=
cluster_start "$dir" || exit 1
export PGDATABASE=shop
tells "not preloaded" preload warning ".*Do: shared_preload_libraries = 'pg_principal' in postgresql.conf, then restart"
with_line 'local all app pam pamservice=pg_principal'
tells "tokens that nothing judges" pg_hba.conf error '.*not in shared_preload_libraries'
cp -p "$dir/hba" "$hba"
tells_nothing "what the doctor prints" <(doctor && echo "$out")
cluster_stop "$dir" fast
