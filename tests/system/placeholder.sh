#!/bin/bash
# Without shared_preload_libraries the library arrives with its first function: a token given before
# then counts, a superuser's setting that somebody else has put there does not.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/harness/cluster.sh
. tests/harness/cluster.sh
# shellcheck source=tests/harness/tap.sh
. tests/harness/tap.sh

dir=$work/placeholder
cluster_create "$dir" fsync=off shared_preload_libraries= || exit 1
cluster_start "$dir" || exit 1
psql -Xq -v ON_ERROR_STOP=1 >"$dir/setup.log" 2>&1 <<'SQL' || { cat "$dir/setup.log" && exit 1; }
CREATE EXTENSION pg_principal;
SELECT auth.create_signing_key();
SELECT auth.push_people('[{"email": "boss@example.com", "name": "Boss"}, {"email": "mallory@example.com", "name": "Mallory"}]');
SELECT auth.provision();
CREATE ROLE mallory LOGIN;
CREATE ROLE creator LOGIN CREATEROLE;
CREATE DATABASE owned OWNER mallory;
CREATE TABLE activity (id int, owner text);
INSERT INTO activity VALUES (1, 'boss@example.com'), (2, 'mallory@example.com');
SELECT auth.clamp('activity', 'owner');
GRANT SELECT ON activity TO mallory;
SQL
boss=$(psql -XqAt -c "SELECT auth.issue('boss@example.com')")
mallory=$(psql -XqAt -c "SELECT auth.issue('mallory@example.com')")
claims=$(psql -XqAt -c "SELECT json_build_object('sub', id, 'role', 'authenticated') FROM auth.users WHERE email = 'boss@example.com'" | tr -d ' ')

# As mallory, with PGOPTIONS and statements; each answer on a line of its own, errors by their SQLSTATE.
session() { # PGOPTIONS STATEMENT..
    local options=$1 statements=()
    shift
    for statement in "$@"; do statements+=(-c "$statement"); done
    PGOPTIONS=$options psql -XqAt -U mallory -d postgres -v VERBOSITY=sqlstate "${statements[@]}" 2>&1 | grep -v '^$'
}

is "the library is not there from the start" "$(session "" "SELECT count(*) FROM pg_settings WHERE name LIKE 'pg_principal.%'")" 0
is "a token from PGOPTIONS counts at first use" "$(session "-c pg_principal.token=$mallory" "SELECT auth.email()")" mallory@example.com
is "and in a clamped query that is the first" "$(session "-c pg_principal.token=$mallory" "SELECT id FROM activity")" 2
is "one from SET, too" "$(session "" "SET pg_principal.token = '$mallory'" "SELECT auth.email()")" mallory@example.com
is "in a transaction, for the transaction" "$(session "" "BEGIN" "SET LOCAL pg_principal.token = '$mallory'" "SELECT auth.email()" "COMMIT" "SELECT coalesce(auth.email(), 'nobody')")" "mallory@example.com
nobody"
is "rolled back, it is gone" "$(session "" "BEGIN" "SET pg_principal.token = '$mallory'" "SELECT auth.email()" "ROLLBACK" "SELECT coalesce(auth.email(), 'nobody')")" "mallory@example.com
nobody"
is "one from the role's settings, too" "$(psql -XqAt -c "ALTER ROLE mallory SET pg_principal.token = '$mallory'"
    session "" "SELECT auth.email()")" mallory@example.com
psql -Xq -c "ALTER ROLE mallory RESET pg_principal.token"
is "a dead one from PGOPTIONS is refused" "$(session "-c pg_principal.token=x" "SELECT auth.email()")" "ERROR:  28000"
is "none is none" "$(session "" "SELECT coalesce(auth.email(), 'nobody')")" nobody
is "once there, it is not shown" "$(session "-c pg_principal.token=$mallory" "SELECT auth.role()" "SHOW pg_principal.token" "SELECT current_setting('pg_principal.token')" "SELECT count(*) FROM pg_settings WHERE setting LIKE 'eyJ%'")" "authenticated
********
********
0"

# What a superuser alone may set, put there before anybody can refuse it.
for pair in trust_request_claims=on issuer=mallory audience=mallory clock_skew=300 max_token_ttl=2000000000 master_key_file=/dev/null; do
    name=pg_principal.${pair%%=*} value=${pair#*=}
    default=$(psql -XqAt -c "SELECT auth.uid()" -c "SHOW $name" | tail -n 1)
    read_back="SELECT regexp_replace(setting, '^\$', 'empty') FROM pg_settings WHERE name = '$name'"
    [ "$name" != pg_principal.master_key_file ] || read_back="SELECT 'hidden'" default=hidden
    [ -n "$default" ] || default=empty
    # clock_skew and max_token_ttl are shown with their units, and stored without
    case $default in 30s) default=30 ;; 365d) default=31536000 ;; esac
    is "$name from PGOPTIONS does not hold" "$(session "-c $name=$value" "SELECT auth.email()" "$read_back" | grep -v ^WARNING)" "$default"
    is "$name from SET does not hold" "$(session "" "SET $name = '$value'" "SELECT auth.email()" "$read_back" | grep -v ^WARNING)" "$default"
    is "$name from set_config does not hold" "$(session "" "SELECT set_config('$name', '$value', false) = ''" "SELECT auth.email()" "$read_back" | grep -v -e ^WARNING -e '^f$')" "$default"
    is "$name from SET LOCAL does not hold" "$(session "" "BEGIN" "SET LOCAL $name = '$value'" "SELECT auth.email()" "$read_back" | grep -v ^WARNING)" "$default"
    is "$name is not for roles and databases to keep" "$(session "" "ALTER ROLE mallory SET $name = '$value'" "ALTER DATABASE owned SET $name = '$value'" "ALTER ROLE mallory IN DATABASE owned SET $name = '$value'" | sort -u)" "ERROR:  42501"
done
is "nor for who may create roles" "$(PGOPTIONS='' psql -XqAt -U creator -v VERBOSITY=sqlstate -c "CREATE ROLE made" -c "ALTER ROLE made SET pg_principal.trust_request_claims = on" 2>&1)" "ERROR:  42501"
is "and claims are not believed for it" "$(session "-c pg_principal.trust_request_claims=on -c request.jwt.claims=$claims" "SELECT coalesce(auth.email(), 'nobody')" "SELECT count(*) FROM activity" | grep -v ^WARNING)" "nobody
0"
is "not even when put there in a function" "$(session "" "CREATE FUNCTION pg_temp.f() RETURNS text LANGUAGE plpgsql SET pg_principal.trust_request_claims = 'on' AS \$\$ BEGIN PERFORM set_config('request.jwt.claims', '$claims', true); RETURN coalesce(auth.email(), 'nobody'); END \$\$" "SELECT pg_temp.f()" 2>&1 | grep -cF boss@example.com)" 0
is "a name that is none disappears" "$(session "-c pg_principal.no_such_setting=1" "SELECT auth.email()" "SHOW pg_principal.no_such_setting" | grep -v ^WARNING)" "ERROR:  42704"

# A superuser's own, given before the library was there, do hold.
is "a superuser's setting does hold" "$(PGOPTIONS="-c pg_principal.trust_request_claims=on -c request.jwt.claims=$claims" psql -XqAt -c "SELECT auth.email()")" boss@example.com
psql -Xq -c "ALTER ROLE mallory SET pg_principal.issuer = 'elsewhere'"
is "and one that a superuser has given to a role" "$(session "" "SELECT auth.email()" "SHOW pg_principal.issuer" | grep -v '^$')" elsewhere
psql -Xq -c "ALTER ROLE mallory RESET pg_principal.issuer"

# The library in the session's preloads, and in the cluster's: PGOPTIONS are refused outright.
cluster_set "$dir" session_preload_libraries=pg_principal
cluster_stop "$dir" fast
cluster_start "$dir" || exit 1
is "preloaded by sessions: the token counts" "$(session "-c pg_principal.token=$mallory" "SELECT auth.email()")" mallory@example.com
is "and a superuser's setting does not hold" "$(session "-c pg_principal.clock_skew=300" "SHOW pg_principal.clock_skew" | grep -v ^WARNING)" 30s
cluster_set "$dir" session_preload_libraries= shared_preload_libraries=pg_principal
cluster_stop "$dir" fast
cluster_start "$dir" || exit 1
is "preloaded by the cluster: the token counts" "$(session "-c pg_principal.token=$boss" "SELECT auth.email()")" boss@example.com
like "and who sets a superuser's setting does not get in" "$(session "-c pg_principal.clock_skew=300" "SHOW pg_principal.clock_skew")" 'permission denied to set parameter'
cluster_stop "$dir" fast
