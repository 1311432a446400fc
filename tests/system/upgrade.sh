#!/bin/bash
# ALTER EXTENSION UPDATE from every earlier version: afterwards the catalog is that of a new install, every
# row is there, tokens, refresh tokens and chains go on, also in connections that were open meanwhile and
# for clients that did not pause. And what DROP EXTENSION refuses, names and leaves.
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
version=$(sed -n "s/^default_version = '\(.*\)'/\1/p" extension/pg_principal.control)
cp tests/upgrade/pg_principal--*.sql "$HARNESS_ROOT$("$pg_config" --sharedir)/extension/" || exit 1
dir=$work/upgrade
cluster_create "$dir" fsync=off pg_principal.refresh_reuse_interval=3600 || exit 1
cluster_start "$dir" || exit 1

fixture_roles
createdb new
sql new "CREATE EXTENSION pg_principal" >/dev/null
catalog new >"$dir/untouched.txt"
habits new
catalog new >"$dir/new.txt"
like "the catalog of a new install is told" "$(cut -d ' ' -f 1 "$dir/new.txt" | sort | uniq -c | tr -s ' \n' ' ')" "[0-9]{2,} column.* [0-9]{2,} function .* [0-9]{2,} trigger "

update_from() { # VERSION
    local old=$1 db=from_${1//./_} columns
    echo "# from $old"
    createdb "$db"
    sql "$db" "CREATE EXTENSION pg_principal VERSION '$old'" >/dev/null
    fixture_fill "$db"
    fixture_use "$db"
    is "$old: under the new library everything works before the update" "$(who "$db" "$agent") $(who "$db" "$access") $(refresh "$db" "$second")" \
        "agent@example.com etl@example.com $third"
    sql "$db" "SELECT auth.create_signing_key('RS256', false)" "ANALYZE" >/dev/null
    columns=$(fixture_columns "$db" | sed '/^users /s/ encrypted_password,//') # by now in a table of their own
    fixture_rows "$db" "$columns" >"$dir/$db.rows"
    is "$old: no table is empty" "$(grep ': 0$' "$dir/$db.rows")" ""
    dump -d "$db" -f "$dir/$db.sql"

    # A connection that stays open, with prepared statements and a verified identity.
    coproc OPEN { PGOPTIONS="-c pg_principal.token=$agent" psql -XqAt -U app -d "$db" 2>&1; }
    local open_in=${OPEN[1]} open_out=${OPEN[0]}
    ask() {
        local line all=
        printf '%s;\n\\echo ---\n' "$1" >&"$open_in"
        while IFS= read -r -t 60 line <&"$open_out" && [ "$line" != --- ]; do all+=${all:+ }$line; done
        printf '%s' "$all"
    }
    ask "PREPARE visible AS SELECT count(*) FROM activity" >/dev/null
    is "$old: an open connection" "$(ask "SELECT auth.email()") $(ask "EXECUTE visible")" "agent@example.com 1"

    sql "$db" "CREATE FUNCTION auth.email(uuid) RETURNS text LANGUAGE sql RETURN 'somebody''s own'" >/dev/null
    is "$old: updated" "$(sql "$db" "ALTER EXTENSION pg_principal UPDATE" "SELECT extversion FROM pg_extension WHERE extname = 'pg_principal'")" "$version"
    sql "$db" "DROP FUNCTION auth.email(uuid)" >/dev/null
    catalog "$db" >"$dir/$db.txt"
    is "$old: the catalog is that of a new install" "$(diff "$dir/new.txt" "$dir/$db.txt" | head -n 40)" ""
    # from PostgreSQL 17 on; such a role could never be dropped
    is "$old: no role depends on privileges at first that were not its" "$(sql "$db" "SELECT DISTINCT s.refobjid::regrole, s.objid::regclass FROM pg_shdepend s JOIN pg_database d ON d.oid = s.dbid
        WHERE d.datname = current_database() AND s.deptype = 'i' AND NOT EXISTS (SELECT FROM pg_init_privs i, aclexplode(i.initprivs) AS a
            WHERE (i.classoid, i.objoid, i.objsubid) = (s.classid, s.objid, s.objsubid) AND s.refobjid IN (a.grantor, a.grantee))")" ""
    is "$old: the doctor knows every function" "$(sql "$db" "SELECT state, detail FROM auth.check_functions()")" "ok as the extension made them"
    is "$old: every row is as it was" "$(fixture_rows "$db" "$columns" | diff "$dir/$db.rows" - | head -n 20)" ""
    is "$old: the open connection goes on" "$(ask "SELECT auth.email()") $(ask "EXECUTE visible")" "agent@example.com 1"
    is "$old: no secret is sampled any more, or apart from its row" "$(sql "$db" "SELECT count(*) FROM pg_statistic t JOIN auth.secret_columns() AS s ON s.tbl = t.starelid
        JOIN pg_attribute a ON a.attrelid = s.tbl AND a.attname = s.column AND a.attnum = t.staattnum" \
        "SELECT count(*) FROM $(sql "$db" "SELECT reltoastrelid::regclass FROM pg_class WHERE oid = 'auth.signing_keys'::regclass") WHERE position('\x2264223a'::bytea IN chunk_data) > 0" | paste -sd ' ')" "0 0"
    fixture_check "$db" "$old"
    sql "$db" "SELECT auth.ban('agent@example.com')" >/dev/null
    like "$old: a ban ends the open connection's token" "$(ask "EXECUTE visible")" "DETAIL: +banned"
    exec {open_in}>&-
    wait "$OPEN_PID" 2>/dev/null

    # The dump of the earlier version makes the present one.
    createdb "$db"_restored
    ok "$old: its dump is restored" psql -Xq -v ON_ERROR_STOP=1 -1 -d "$db"_restored -f "$dir/$db.sql"
    is "$old: as the present version" "$(catalog "$db"_restored | diff "$dir/new.txt" - | head -n 20)" ""
    is "$old: whose functions are its own" "$(sql "$db"_restored "SELECT state, detail FROM auth.check_functions()")" "ok as the extension made them"
    is "$old: row for row" "$(fixture_rows "$db"_restored "$columns" | diff "$dir/$db.rows" - | head -n 20)" ""
    like "$old: with passwords, apart from the principals" "$(sign_in "$db"_restored etl@example.com) $(sql "$db"_restored "SELECT count(encrypted_password), count(password_scheme) = (SELECT count(*) FROM auth.password_hashes) FROM auth.users")" '^eyJ.* 0 t$'
    is "$old: with tokens alive and chains that hold" "$(who "$db"_restored "$agent") $(sql "$db"_restored "SELECT count(*) FROM auth.audit_verify('$seal')")" "agent@example.com 0"
    is "$old: the updated one dumps what administrators changed, and no more" "$(dump -s -d "$db" | grep -E '^(GRANT|REVOKE).*auth\.' | sort)" \
        "$(dump -s -d new | grep -E '^(GRANT|REVOKE).*auth\.' | sort)"
}
for file in tests/upgrade/pg_principal--*.sql; do
    old=${file##*--}
    update_from "${old%.sql}"
done
is "what administrators changed is dumped" "$(dump -s -d new | grep -cE '^(GRANT|REVOKE).*auth\.')" 4

# Names at GitHub that differ by case alone were two people's; the row last pushed keeps it, the update says so.
createdb twins
sql twins "CREATE EXTENSION pg_principal VERSION '0.2.0'" \
    "SELECT auth.push_people('[{\"email\": \"old@example.com\", \"name\": \"O\", \"github_username\": \"Ada\"}, {\"email\": \"one@example.com\", \"name\": \"1\", \"github_username\": \"one\"}]')" \
    "SELECT auth.push_people('[{\"email\": \"new@example.com\", \"name\": \"N\", \"github_username\": \"ada\"}]')" >/dev/null
sql twins "CREATE TABLE mine (u auth.users)" "CREATE FUNCTION of_mine() RETURNS regprocedure LANGUAGE sql RETURN 'auth.clamp(regclass, name, text, boolean)'::regprocedure" >/dev/null
like "what hangs on a type of ours stops an update" "$(sql twins "ALTER EXTENSION pg_principal UPDATE")" 'cannot alter table "users" because column "mine.u" uses its row type'
sql twins "DROP TABLE mine" >/dev/null
like "and so does what hangs on a function that gets other arguments" "$(sql twins "ALTER EXTENSION pg_principal UPDATE")" 'cannot drop function auth.clamp.regclass,name,text,boolean. because other objects depend on it'
sql twins "DROP FUNCTION of_mine" "GRANT USAGE ON TYPE auth.users TO reader" >/dev/null
like "names that differ by case alone: a warning" "$(sql twins "ALTER EXTENSION pg_principal UPDATE")" 'github_username "Ada" of old@example.com is cleared: new@example.com has it, too'
is "who was named for a type of ours keeps it, everybody does not" "$(sql twins "SELECT r, has_type_privilege(r, 'auth.users', 'USAGE') FROM unnest('{reader,app}'::name[]) AS r" | paste -sd ' ')" "reader t app f"
is "and one keeps it" "$(sql twins "SELECT string_agg(concat_ws('=', email, github_username), ' ' ORDER BY email) FROM auth.organization_people")" "new@example.com=ada old@example.com one@example.com=one"

# The files were exchanged, the server was not restarted.
share=$HARNESS_ROOT$("$pg_config" --sharedir)/extension
cp "$share/pg_principal--$version.sql" "$share/pg_principal--99.0.sql"
cp "$share/pg_principal--0.2.0--$version.sql" "$share/pg_principal--0.2.0--99.0.sql"
sql twins "CREATE DATABASE behind" >/dev/null
restart='ERROR: +the library that is loaded is older than pg_principal 99[.]0: [0-9.]+.*HINT: +Restart the server'
like "functions of a later version are not made" "$(sql behind "CREATE EXTENSION pg_principal VERSION '99.0'")" "$restart"
like "nor does an update make them" "$(sql behind "CREATE EXTENSION pg_principal VERSION '0.2.0'" "ALTER EXTENSION pg_principal UPDATE TO '99.0'")" "$restart"
rm "$share/pg_principal--99.0.sql" "$share/pg_principal--0.2.0--99.0.sql"
is "and nothing is changed" "$(sql behind "SELECT extversion FROM pg_extension WHERE extname = 'pg_principal'")" 0.2.0

# Under load: whoever signs in, refreshes or asks meanwhile waits a moment and notices nothing.
createdb busy
sql busy "CREATE EXTENSION pg_principal VERSION '0.1.0'" >/dev/null
fixture_fill busy
sql busy "CREATE TABLE held (n serial PRIMARY KEY, refresh text, access text)" \
    "INSERT INTO held (refresh, access) SELECT (r.payload->'tokens'->>'refreshToken'), r.payload->'tokens'->>'accessToken' FROM generate_series(1, 4) AS i, LATERAL auth.sign_in('etl@example.com', '$password', jsonb_build_object('i', i)) AS r" >/dev/null
cat >"$dir/load.sql" <<'SQL'
\set n :client_id + 1
BEGIN;
SELECT auth.authenticate(access) FROM held WHERE n = :n;
SELECT count(*) FROM activity;
COMMIT;
UPDATE held h SET refresh = r.payload->'tokens'->>'refreshToken' FROM held o, LATERAL auth.refresh(o.refresh) AS r WHERE o.n = :n AND h.n = :n AND r.ok;
SQL
"$PG_BIN/pgbench" -n -c 4 -j 1 -T 4 -f "$dir/load.sql" busy >"$dir/load.log" 2>&1 &
load=$!
sleep 1
is "updated under load" "$(sql busy "ALTER EXTENSION pg_principal UPDATE")" ""
wait "$load"
is "nobody was refused" "$? $(grep -cE 'ERROR|aborted' "$dir/load.log")" "0 0"
is "and everybody goes on" "$(sql busy "SELECT count(*) FROM held h, LATERAL auth.refresh(h.refresh) AS r WHERE r.ok" "SELECT count(*) FROM auth.audit_verify()" | tr '\n' ' ')" "4 0 "

# DROP EXTENSION: what depends on it is named, and nothing falls open.
db=from_0_1_0
dropped=$(sql "$db" "DROP EXTENSION pg_principal")
like "DROP EXTENSION is refused" "$dropped" "^ERROR: +cannot drop extension pg_principal because other objects depend on it"
like "and names the clamp of a table" "$dropped" "policy pg_principal_clamp on table activity depends on function auth\.self_and_report_emails\(\)"
like "and a view" "$dropped" "view mine depends on function auth\.email\(\)"
is "and nothing is gone" "$(who "$db" "$(sql "$db" "SELECT auth.issue('boss@example.com')")")" boss@example.com
like "CASCADE takes them along" "$(sql "$db" "DROP EXTENSION pg_principal CASCADE")" "drop cascades to (view mine|policy)"
is "and the table stays, closed" "$(sql "$db" "SELECT relrowsecurity, relforcerowsecurity FROM pg_class WHERE relname = 'activity'" "SET ROLE app" "SELECT count(*) FROM activity")" $'t t\n0'
is "of it only the schema is left, empty" "$(sql "$db" "SELECT count(*) FROM pg_depend WHERE refclassid = 'pg_namespace'::regclass AND refobjid = 'auth'::regnamespace")" 0
is "an open connection with a token finds no function, and no crash" "$(PGOPTIONS="-c pg_principal.token=x" sql "$db" "SELECT 1")" 1
ok "it can be made again" sql "$db" "CREATE EXTENSION pg_principal"
is "as new" "$(catalog "$db" | diff "$dir/untouched.txt" - | head -n 20)" ""
createdb plain
sql plain "CREATE EXTENSION pg_principal" >/dev/null
is "without anything that depends on it it just goes" "$(sql plain "DROP EXTENSION pg_principal")" ""
cluster_stop "$dir" fast
