#!/bin/bash
# check_postgres 2.25.0 and apgdiff 2.7.0 (Debian 12) with PostgreSQL 15.18: what compares schemas loses the policies, and the restrictive ones above all.
#
# `check_postgres --action=same_schema` is there to find that production is no longer what staging is. It compares tables with all of pg_class, so that
# row-level security which is on in one alone is told; views, functions, privileges, and of a policy its comment alone: dropped, or made anew with
# another condition, it says "All databases have identical items". Its manual has "identical as far as their schema"; the main branch does the same.
# apgdiff writes what changes one schema into another, from two dumps. It knows policies as PostgreSQL 9.5 had them: where AS RESTRICTIVE follows the
# table's name it stops reading, without an error, and what it writes is a policy for everybody, permissive and without a condition. A
# change of that condition is none. First of all it wants the lines \restrict and \unrestrict taken out that pg_dump writes since 15.14 (and 13.22,
# 17.6 of the same day): "Cannot find ending semicolon of statement". fordfrog/apgdiff#213 added policies; of RESTRICTIVE we found nothing.
# Way out: compare `SELECT * FROM pg_policies` or the text of two dumps; a comment on each policy, so that check_postgres misses it.
#
#   check_postgres: the same POSTGRES_SAME_SCHEMA OK; restrictive policy dropped: POSTGRES_SAME_SCHEMA OK; row security off: POSTGRES_SAME_SCHEMA CRITICAL
#   apgdiff, dumps as they are: Cannot find ending semicolon of statement: \unrestrict
#   pg_dump: CREATE POLICY owners ON public.bill AS RESTRICTIVE TO app USING ((owner = CURRENT_USER));
#   apgdiff: CREATE POLICY owners ON bill FOR ALL TO PUBLIC;
#   apgdiff, another condition in it: nothing to do
# shellcheck source=findings/lib/postgresql.sh
. "$(dirname "$0")/lib/postgresql.sh"

need java perl
debian check-postgres=2.25.0-5 apgdiff=2.7.0-1
serve_postgresql

query() { run psql -XAtq -v ON_ERROR_STOP=1 "$@" >&2 || not_tried "psql"; }
query -c 'CREATE DATABASE one' -c 'CREATE DATABASE two' -c 'CREATE ROLE app'
for database in one two; do
    query -d $database -c 'CREATE TABLE bill (owner name, amount int)' -c 'GRANT SELECT ON bill TO app' -c 'ALTER TABLE bill ENABLE ROW LEVEL SECURITY' \
        -c 'CREATE POLICY everyone ON bill USING (true)' -c 'CREATE POLICY owners ON bill AS RESTRICTIVE TO app USING (owner = current_user)'
done
same() { # sets answer
    answer=$(PATH=$work/root/usr/lib/postgresql/15/bin:$PATH timeout 300 perl "$work/root/usr/bin/check_postgres" --action=same_schema --dbname=one \
        --dbname2=two --dbuser=postgres --host="$work" --port="$PGPORT" --timeout=240 2>&1 | sed -n '1s/:.*//p')
    [[ $answer = 'POSTGRES_SAME_SCHEMA '@(OK|CRITICAL) ]] || not_tried "check_postgres: $answer"
}
dump() { # DATABASE: without what apgdiff cannot read
    run pg_dump -s -d "$1" >"$work/$1.whole.sql" && grep -v '^\\' "$work/$1.whole.sql" >"$work/$1.sql" || not_tried "pg_dump"
}
apgdiff() { # OLD NEW: sets answer
    answer=$(timeout 240 java -jar "$work"/root/usr/share/java/apgdiff-2.7.jar "$work/$1.sql" "$work/$2.sql" 2>&1) || [ $? = 1 ] || not_tried "apgdiff"
}

same
told="the same $answer"
query -d two -c 'DROP POLICY owners ON bill'
same
told+="; restrictive policy dropped: $answer"
dump one
dump two
query -d two -c 'ALTER TABLE bill DISABLE ROW LEVEL SECURITY'
same
told+="; row security off: $answer"
apgdiff two.whole one.whole
whole=$answer
apgdiff two one
policy=$answer
sed '/POLICY owners/s/CURRENT_USER/SESSION_USER/' "$work/one.sql" >"$work/other.sql"
apgdiff one other

{
    echo "check_postgres: $told"
    echo "apgdiff, dumps as they are: $(sed -nE 's/.*(Cannot find .* \\unrestrict).*/\1/p' <<<"$whole")"
    echo "pg_dump: $(grep 'POLICY owners' "$work/one.sql")"
    echo "apgdiff: $(grep -v '^$' <<<"$policy" | tr -s ' \n' ' ' | sed 's/ $//')"
    echo "apgdiff, another condition in it: ${answer:-nothing to do}"
} | expect 'check_postgres: the same POSTGRES_SAME_SCHEMA OK; restrictive policy dropped: POSTGRES_SAME_SCHEMA OK; row security off: POSTGRES_SAME_SCHEMA CRITICAL
apgdiff, dumps as they are: Cannot find ending semicolon of statement: \unrestrict
pg_dump: CREATE POLICY owners ON public.bill AS RESTRICTIVE TO app USING ((owner = CURRENT_USER));
apgdiff: CREATE POLICY owners ON bill FOR ALL TO PUBLIC;
apgdiff, another condition in it: nothing to do'
