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

if [ -z "${HARNESS_ROOT-}" ]; then
    echo "run by: make test ONLY=system"
    exit 2
fi
version=$(sed -n "s/^default_version = '\(.*\)'/\1/p" extension/pg_principal.control)
cp tests/upgrade/pg_principal--*.sql "$HARNESS_ROOT$("$pg_config" --sharedir)/extension/" || exit 1
dir=$work/upgrade
cluster_create "$dir" fsync=off pg_principal.refresh_reuse_interval=3600 || exit 1
cluster_start "$dir" || exit 1

sql() { # DATABASE STATEMENT..: the last one's answer, or the error
    local database=$1 statements=()
    shift
    for statement in "$@"; do statements+=(-c "$statement"); done
    psql -XqAt -F ' ' -v ON_ERROR_STOP=1 -d "$database" "${statements[@]}" 2>&1
}
password='Th1sIsAStrong!Pass'
sign_in() { # DATABASE EMAIL: access and refresh token, or the reason
    sql "$1" "SELECT coalesce(r.reason, concat_ws(' ', r.payload->'tokens'->>'accessToken', r.payload->'tokens'->>'refreshToken')) FROM auth.sign_in('$2', '$password') AS r"
}
refresh() { sql "$1" "SELECT coalesce(r.reason, r.payload->'tokens'->>'refreshToken') FROM auth.refresh('$2') AS r"; }
who() { sql "$1" "SELECT auth.authenticate('$2')->>'email'" | sed -n '/^DETAIL:  /{s///;p;q};/^ERROR/b;p'; }
dump() { # pg_dump's options: without its warning about the roster's reference to itself
    pg_dump "$@" 2>"$dir/dump.err" || cat "$dir/dump.err"
}
catalog() { psql -Xq -v ON_ERROR_STOP=1 -d "$1" -f tests/upgrade/catalog.sql 2>&1; }

sql postgres "CREATE ROLE app LOGIN" "CREATE ROLE reader" >/dev/null
# What an administrator of an installation changes.
habits() {
    sql "$1" "GRANT EXECUTE ON FUNCTION auth.sign_in(text, text, jsonb) TO app" "REVOKE EXECUTE ON FUNCTION auth.list_users(integer, integer) FROM PUBLIC" \
        "GRANT SELECT ON auth.audit_log TO reader" "REVOKE SELECT ON auth.audit_log FROM authenticated"
}
createdb new
sql new "CREATE EXTENSION pg_principal" >/dev/null
catalog new >"$dir/untouched.txt"
habits new
catalog new >"$dir/new.txt"
like "the catalog of a new install is told" "$(cut -d ' ' -f 1 "$dir/new.txt" | sort | uniq -c | tr -s ' \n' ' ')" "[0-9]{2,} column.* [0-9]{2,} function .* [0-9]{2,} trigger "

fill() { # DATABASE
    sql "$1" "SELECT auth.import_signing_key('an-old-secret-of-at-least-thirty-two-bytes')" "SELECT auth.create_signing_key('ES256')" \
        "SELECT auth.push_people('[{\"email\": \"boss@example.com\", \"name\": \"Boss\"}, {\"email\": \"agent@example.com\", \"name\": \"Agent\", \"kind\": \"service_account\"}, {\"email\": \"gone@example.com\", \"name\": \"Gone\"}]')" \
        "SELECT auth.provision()" "SELECT auth.remove_person('gone@example.com')" "SELECT auth.provision()" \
        "SELECT auth.add_user(jsonb_build_object('email', e, 'password', '$password', 'kind', 'service_account')) FROM unnest(ARRAY['etl@example.com', 'thief@example.com']) AS e" \
        "CREATE TABLE activity (owner text)" "CREATE INDEX ON activity (owner)" "INSERT INTO activity VALUES ('agent@example.com'), ('boss@example.com')" \
        "SELECT auth.clamp('activity', 'owner')" "GRANT SELECT ON activity TO app" "CREATE VIEW mine AS SELECT * FROM activity WHERE owner = auth.email()" >/dev/null
    habits "$1"
}
tables() { sql "$1" "SELECT c.relname FROM pg_extension e, unnest(e.extconfig) AS id JOIN pg_class c ON c.oid = id WHERE e.extname = 'pg_principal' ORDER BY 1"; }
# Every row, by the columns it had: COLUMNS holds "table column, column" lines.
rows() { # DATABASE COLUMNS
    local table columns
    while read -r table columns; do
        echo "$table: $(sql "$1" "SELECT count(*) FROM auth.$table")"
        sql "$1" "SELECT t FROM (SELECT $columns FROM auth.$table) t ORDER BY t::text COLLATE \"C\""
    done <<<"$2"
}

update_from() { # VERSION
    local old=$1 db=from_${1//./_} token boss access first second seal columns statement storm answer
    echo "# from $old"
    createdb "$db"
    sql "$db" "CREATE EXTENSION pg_principal VERSION '$old'" >/dev/null
    fill "$db"
    token=$(sql "$db" "SELECT auth.issue('agent@example.com')")
    boss=$(sql "$db" "SELECT auth.issue('boss@example.com')")
    read -r access first < <(sign_in "$db" etl@example.com)
    second=$(refresh "$db" "$first")
    is "$old: under the new library everything works before the update" "$(who "$db" "$token") $(who "$db" "$access") $(refresh "$db" "$first")" \
        "agent@example.com etl@example.com $second"
    refresh "$db" "${second::-6}AAAAAA" >/dev/null
    sql "$db" "SELECT auth.scan_agent_health()" >/dev/null
    refresh "$db" "${second::-6}EEEEEE" >/dev/null
    seal=$(sql "$db" "SELECT auth.audit_seal()")
    columns=$(sql "$db" "SELECT a.attrelid::regclass::text, string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) FROM pg_extension e, unnest(e.extconfig) AS id JOIN pg_attribute a ON a.attrelid = id
        WHERE e.extname = 'pg_principal' AND a.attnum > 0 AND NOT a.attisdropped GROUP BY a.attrelid ORDER BY 1" | sed 's/^auth\.//')
    rows "$db" "$columns" >"$dir/$db.rows"
    dump -d "$db" -f "$dir/$db.sql"

    # A connection that stays open, with prepared statements and a verified identity.
    coproc OPEN { PGOPTIONS="-c pg_principal.token=$token" psql -XqAt -U app -d "$db" 2>&1; }
    local open_in=${OPEN[1]} open_out=${OPEN[0]}
    ask() {
        local line all=
        printf '%s;\n\\echo ---\n' "$1" >&"$open_in"
        while IFS= read -r -t 60 line <&"$open_out" && [ "$line" != --- ]; do all+=${all:+ }$line; done
        printf '%s' "$all"
    }
    ask "PREPARE visible AS SELECT count(*) FROM activity" >/dev/null
    is "$old: an open connection" "$(ask "SELECT auth.email()") $(ask "EXECUTE visible")" "agent@example.com 1"

    is "$old: updated" "$(sql "$db" "ALTER EXTENSION pg_principal UPDATE" "SELECT extversion FROM pg_extension WHERE extname = 'pg_principal'")" "$version"
    catalog "$db" >"$dir/$db.txt"
    is "$old: the catalog is that of a new install" "$(diff "$dir/new.txt" "$dir/$db.txt" | head -n 40)" ""
    is "$old: every row is as it was" "$(rows "$db" "$columns" | diff "$dir/$db.rows" - | head -n 20)" ""
    is "$old: the open connection goes on" "$(ask "SELECT auth.email()") $(ask "EXECUTE visible")" "agent@example.com 1"
    is "$old: old tokens live" "$(who "$db" "$token") $(who "$db" "$boss") $(who "$db" "$access")" "agent@example.com boss@example.com etl@example.com"
    is "$old: a retry gives the same successor" "$(refresh "$db" "$first")" "$second"
    like "$old: refresh tokens rotate" "$(refresh "$db" "$second")" '^ppr_'
    like "$old: passwords are known" "$(sign_in "$db" etl@example.com)" '^eyJ'
    is "$old: what was refused before is reported, once" "$(sql "$db" "SELECT reason FROM auth.scan_agent_health() WHERE kind = 'refresh_failure'" "SELECT count(*) FROM auth.scan_agent_health()")" \
        $'hash-mismatch\n0'
    is "$old: every chain holds, and the seal kept elsewhere" "$(sql "$db" "SELECT * FROM auth.audit_verify('$seal')")" ""
    sql "$db" "SELECT auth.ban('agent@example.com')" >/dev/null
    like "$old: a ban ends the open connection's token" "$(ask "EXECUTE visible")" "DETAIL: +banned"
    exec {open_in}>&-
    wait "$OPEN_PID" 2>/dev/null

    # The dump of the earlier version makes the present one.
    createdb "$db"_restored
    ok "$old: its dump is restored" psql -Xq -v ON_ERROR_STOP=1 -1 -d "$db"_restored -f "$dir/$db.sql"
    is "$old: as the present version" "$(catalog "$db"_restored | diff "$dir/new.txt" - | head -n 20)" ""
    is "$old: row for row" "$(rows "$db"_restored "$columns" | diff "$dir/$db.rows" - | head -n 20)" ""
    is "$old: with tokens alive and chains that hold" "$(who "$db"_restored "$token") $(sql "$db"_restored "SELECT count(*) FROM auth.audit_verify('$seal')")" "agent@example.com 0"
    is "$old: the updated one dumps what administrators changed, and no more" "$(dump -s -d "$db" | grep -E '^(GRANT|REVOKE).*auth\.' | sort)" \
        "$(dump -s -d new | grep -E '^(GRANT|REVOKE).*auth\.' | sort)"
}
for file in tests/upgrade/pg_principal--*.sql; do
    old=${file##*--}
    update_from "${old%.sql}"
done
is "what administrators changed is dumped" "$(dump -s -d new | grep -cE '^(GRANT|REVOKE).*auth\.')" 4

# Under load: whoever signs in, refreshes or asks meanwhile waits a moment and notices nothing.
createdb busy
sql busy "CREATE EXTENSION pg_principal VERSION '0.1.0'" >/dev/null
fill busy
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
like "and names the clamp of a table" "$dropped" "policy pg_principal_clamp on table activity depends on function auth\.(email|uid)\(\)"
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
