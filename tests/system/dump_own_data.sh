#!/bin/bash
# docs/own-data.md: a profile table beside auth.users goes through a dump and a restore; what is hung on auth.users
# itself does not, and a column added there stops the restore of principals until it is there again.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/harness/cluster.sh
. tests/harness/cluster.sh
# shellcheck source=tests/harness/tap.sh
. tests/harness/tap.sh

dir=$work/own
cluster_create "$dir" fsync=off || exit 1
cluster_start "$dir" || exit 1
sql() { # DATABASE STATEMENT..: the answers, or the error
    local database=$1 statements=()
    shift
    for statement in "$@"; do statements+=(-c "$statement"); done
    psql -XqAt -v ON_ERROR_STOP=1 -d "$database" "${statements[@]}" 2>&1
}
createdb before
sql before "CREATE EXTENSION pg_principal" "SELECT auth.create_signing_key()" \
    "SELECT auth.push_people('[{\"email\": \"ann@example.com\", \"name\": \"Ann\"}, {\"email\": \"ben@example.com\", \"name\": \"Ben\"}]')" "SELECT auth.provision()" \
    "CREATE ROLE owner" "CREATE ROLE app" "CREATE SCHEMA app AUTHORIZATION owner" "GRANT USAGE ON SCHEMA app TO app" >/dev/null
ann=$(sql before "SELECT auth.issue('ann@example.com')")
as_ann() { PGOPTIONS="-c pg_principal.token=$ann" sql "$1" "SET ROLE app" "$2"; }

# the recipe
sql before "SET ROLE owner" "CREATE TABLE app.profile (id uuid PRIMARY KEY, nickname text)" >/dev/null
reference="ALTER TABLE app.profile ADD CONSTRAINT principal FOREIGN KEY (id) REFERENCES auth.users ON DELETE CASCADE"
like "the owner adds no foreign key" "$(sql before "SET ROLE owner" "$reference")" "permission denied for table users"
is "a superuser does" "$(sql before "$reference")" ""
like "whose type is not the owner's to change" "$(sql before "SET ROLE owner" "ALTER TABLE app.profile ALTER id TYPE uuid USING gen_random_uuid()")" "permission denied for table users"
sql before "SET ROLE owner" "SELECT auth.clamp('app.profile', 'id', 'self', true)" >/dev/null 2>&1
sql before "GRANT SELECT, INSERT, UPDATE ON app.profile TO app" >/dev/null
is "made at first use, by its principal" "$(as_ann before "INSERT INTO app.profile VALUES (auth.uid(), 'annie') ON CONFLICT (id) DO UPDATE SET nickname = excluded.nickname RETURNING nickname")" annie
like "for nobody else" "$(as_ann before "INSERT INTO app.profile SELECT gen_random_uuid()")" "violates row-level security policy"
pg_dump -Fc -d before -f "$dir/dump" 2>/dev/null
createdb after
ok "dumped and restored" pg_restore --exit-on-error -d after "$dir/dump"
is "the profile is there, and whose it is" "$(as_ann after "SELECT nickname FROM app.profile") $(sql after "SELECT u.email FROM app.profile JOIN auth.users u USING (id)")" "annie ann@example.com"
is "its foreign key and its clamp too, and no grant" "$(sql after "SELECT contype FROM pg_constraint WHERE conrelid = 'app.profile'::regclass AND contype = 'f'" \
    "SELECT count(*) FROM pg_policy WHERE polrelid = 'app.profile'::regclass" "SELECT has_any_column_privilege('owner', 'auth.users', 'REFERENCES')" | tr '\n' ' ')" "f 2 f "
sql after "DELETE FROM auth.users WHERE email = 'ann@example.com'" >/dev/null
is "a deleted principal takes it along" "$(sql after "SELECT count(*) FROM app.profile")" 0

# rows of the roster that come before their manager's
sql before "SELECT auth.push_people('[{\"email\": \"ben@example.com\", \"name\": \"Ben\", \"manager_email\": \"ann@example.com\"}]')" \
    "UPDATE auth.organization_people SET name = 'Ann Lee' WHERE email = 'ann@example.com'" >/dev/null
roster() { sql "$1" "SELECT string_agg(email || coalesce(' of ' || manager_email, ''), ', ' ORDER BY email) FROM auth.organization_people"; }
pg_dump -d before -f "$dir/copy" 2>/dev/null
pg_dump --inserts -d before -f "$dir/inserts" 2>/dev/null
createdb copied
createdb inserted
createdb unchecked
ok "the roster as COPY is restored" psql -Xq -v ON_ERROR_STOP=1 -d copied -f "$dir/copy"
is "whole" "$(roster copied)" "ann@example.com, ben@example.com of ann@example.com"
like "as INSERT it is not" "$(psql -Xq -v ON_ERROR_STOP=1 -d inserted -f "$dir/inserts" 2>&1)" 'violates foreign key constraint "organization_people_manager_email_fkey"'
PGOPTIONS='-c session_replication_role=replica' ok "without the checks it is" psql -Xq -v ON_ERROR_STOP=1 -d unchecked -f "$dir/inserts"
is "and whole" "$(roster unchecked) $(sql unchecked "SELECT count(*) FROM auth.audit_verify()" "SELECT unchanged FROM auth.provision()" | tr '\n' ' ')" \
    "ann@example.com, ben@example.com of ann@example.com 0 2 "
createdb ignoring
pg_dump --inserts --on-conflict-do-nothing -d before -f "$dir/ignoring" 2>/dev/null
like "not where conflicts are ignored" "$(psql -Xq -v ON_ERROR_STOP=1 -v VERBOSITY=verbose -d ignoring -f "$dir/ignoring" 2>&1)" 'ERROR:  55000: .*deferrable'

# rows alone, with triggers off meanwhile, which come back as ordinary ones
always() { sql "$1" "SELECT array_agg(tgrelid::regclass || '.' || tgname ORDER BY tgrelid::regclass::text COLLATE \"C\", tgname) FROM pg_trigger WHERE tgenabled = 'A'"; }
pg_dump --data-only --disable-triggers -d before -f "$dir/rows" 2>/dev/null
createdb rows
sql rows "CREATE EXTENSION pg_principal" >/dev/null
is "rows alone are restored" "$(psql -Xq -d rows -f "$dir/rows" 2>&1 >/dev/null | grep -v app) $(roster rows)" " ann@example.com, ben@example.com of ann@example.com"
is "our triggers are no longer ALWAYS" "$(always rows)" ""
psql -Xq -d rows <<<"$(sed -n '/^SELECT remedy/,/gexec$/p' docs/own-data.md)" >/dev/null 2>&1
is "until the page's statement has run" "$(always rows)" "$(always before)"

# hung on auth.users itself
sql before "CREATE FUNCTION app.greet() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'" \
    "CREATE TRIGGER greet AFTER INSERT ON auth.users FOR EACH ROW EXECUTE FUNCTION app.greet()" \
    "CREATE INDEX by_name ON auth.users (last_name)" "CREATE POLICY see ON auth.users FOR SELECT USING (true)" >/dev/null
is "what the page asks for shows the trigger" "$(sql before "$(sed -n '/^SELECT t.tgname/,/;$/p' docs/own-data.md)")" greet
pg_dump -Fc -d before -f "$dir/dump" 2>/dev/null
createdb hung
ok "a dump with a trigger, an index and a policy on auth.users is restored" pg_restore --exit-on-error -d hung "$dir/dump"
is "with the principals, and without these" "$(sql hung "SELECT count(*) FROM auth.users" "SELECT count(*) FROM pg_trigger WHERE tgname = 'greet'" \
    "SELECT count(*) FROM pg_class WHERE relname = 'by_name'" "SELECT count(*) FROM pg_policy WHERE polname = 'see'" | tr '\n' ' ')" "2 0 0 0 "

# a column
is "a column is added" "$(sql before "ALTER TABLE auth.users ADD COLUMN plan text")" ""
sql before "UPDATE auth.users SET plan = 'free'" >/dev/null
pg_dump -Fc -d before -f "$dir/dump" 2>/dev/null
createdb column_lost
like "with a column added to auth.users the restore says so" "$(pg_restore -d column_lost "$dir/dump" 2>&1)" 'column "plan" of relation "users" does not exist'
is "and brings no principal" "$(sql column_lost "SELECT count(*) FROM auth.users")" 0
createdb column_kept
pg_restore --exit-on-error --section=pre-data -d column_kept "$dir/dump" 2>&1
sql column_kept "ALTER TABLE auth.users ADD COLUMN plan text" >/dev/null
ok "the way out: the column first, then the data" pg_restore --exit-on-error --section=data --section=post-data -d column_kept "$dir/dump"
is "brings all" "$(sql column_kept "SELECT count(*) FROM auth.users WHERE plan = 'free'" "SELECT count(*) FROM app.profile" | tr '\n' ' ')$(as_ann column_kept "SELECT nickname FROM app.profile")" "2 1 annie"
cluster_stop "$dir" fast
