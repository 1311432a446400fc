#!/bin/bash
# npm drizzle-kit 0.31.11 with PostgreSQL 15.18: a condition that is taken out of a policy stays in the database for good, and who takes the last
# policy out opens the table.
#
# drizzle-kit compares the schema in TypeScript with its snapshot and writes what is to be run. Where `withCheck` or `using` has gone from a pgPolicy() it
# writes ALTER POLICY with the condition of before (PgAlterPolicyConvertor in bin.cjs: the new one, or else the old one); ALTER POLICY could not take
# it away, that needs DROP and CREATE. The snapshot has it gone, so the next run says "No schema changes": rows go on being refused by a condition
# that no source has, and the same migrations in a fresh database make what the sources do not say, either.
# And with the last policy it writes DISABLE ROW LEVEL SECURITY, before the DROP POLICY. To PostgreSQL a table without policies is one that shows nothing
# ("a default-deny policy is used"), to drizzle-kit one that shows all, to everybody who was granted it. Its documentation quotes that sentence, and says
# that with a policy "there's no need to explicitly enable RLS": that without one it is off, it does not. With .enableRLS() at the table it stays
# on. Changes of `as` and `for` are right, by DROP and CREATE. We found no issue about either.
# Way out: DROP POLICY and CREATE POLICY in the place of that ALTER POLICY, by hand; .enableRLS() on each table that has policies.
#
#   withCheck taken out: ALTER POLICY "own" ON "note" TO public USING (owner = current_user) WITH CHECK  (owner = 'clerk');
#   once more: No schema changes, nothing to migrate
#   migrated: own using (owner = CURRENT_USER) check (owner = 'clerk'::text)
#   written anew, the sources make: own using (owner = CURRENT_USER)
#   the last policy taken out: ALTER TABLE "note" DISABLE ROW LEVEL SECURITY; DROP POLICY "own" ON "note" CASCADE;
#   of 2 rows a clerk sees: before 1, after 2
#   the last policy taken out, with .enableRLS(): DROP POLICY "own" ON "note" CASCADE;
#   of 2 rows a clerk sees: before 1, after 0
# shellcheck source=findings/lib/postgresql.sh
. "$(dirname "$0")/lib/postgresql.sh"

node_packages drizzle-kit@0.31.11 drizzle-orm@0.45.4
serve_postgresql
cat >"$work/drizzle.config.ts" <<'TS'
export default { dialect: "postgresql", schema: "./schema.ts", out: "./migrations" };
TS
schema() { # WHAT POLICIES: the rest of the table's declaration
    cat >"$work/schema.ts" <<TS
import { sql } from "drizzle-orm";
import { pgPolicy, pgTable, text } from "drizzle-orm/pg-core";
export const note = pgTable("note", { owner: text() }, () => [$1])${2-};
TS
}
generate() { # what was written, in one line, or that nothing was
    local said
    said=$(cd "$work" && timeout 60 node_modules/.bin/drizzle-kit generate 2>&1 | sed -n 's/.*\(No schema changes[a-z ,]*migrate\).*/\1/p; s|.* \(migrations/[^ ]*sql\).*|\1|p')
    if [ -f "$work/$said" ]; then sed 's/--> statement-breakpoint//' "$work/$said" | paste -sd ' '; else echo "$said"; fi
}
migrate() { # DATABASE: all that was written so far, from the beginning
    run dropdb --if-exists "$1" 2>/dev/null && run createdb "$1"
    for file in "$work"/migrations/*.sql; do run psql -qX -d "$1" -v ON_ERROR_STOP=1 -f - <"$file" >/dev/null; done
}
policies() {
    run psql -qAtX -d "$1" -c "SELECT policyname || coalesce(' using ' || qual, '') || coalesce(' check ' || with_check, '') FROM pg_policies"
}
clerk_sees() {
    run psql -qAtX -d "$1" -c "TRUNCATE note" -c "INSERT INTO note VALUES ('clerk'), ('auditor')" -c "GRANT SELECT ON note TO clerk" -c "SET ROLE clerk" -c "SELECT count(*) FROM note"
}

run psql -qX -c 'CREATE ROLE clerk'
own="using: sql\`owner = current_user\`"
{
    schema "pgPolicy('own', { $own, withCheck: sql\`owner = 'clerk'\` })"
    generate >/dev/null
    schema "pgPolicy('own', { $own })"
    echo "withCheck taken out: $(generate)"
    echo "once more: $(generate)"
    migrate old
    echo "migrated: $(policies old)"
    rm -r "$work/migrations"
    generate >/dev/null
    migrate new
    echo "written anew, the sources make: $(policies new)"
    before=$(clerk_sees new)
    schema ''
    echo "the last policy taken out: $(generate)"
    migrate new
    echo "of 2 rows a clerk sees: before $before, after $(clerk_sees new)"
    rm -r "$work/migrations"
    schema "pgPolicy('own', { $own })" '.enableRLS()'
    generate >/dev/null
    migrate new
    before=$(clerk_sees new)
    schema '' '.enableRLS()'
    echo "the last policy taken out, with .enableRLS(): $(generate)"
    migrate new
    echo "of 2 rows a clerk sees: before $before, after $(clerk_sees new)"
} | expect "withCheck taken out: ALTER POLICY \"own\" ON \"note\" TO public USING (owner = current_user) WITH CHECK  (owner = 'clerk');
once more: No schema changes, nothing to migrate
migrated: own using (owner = CURRENT_USER) check (owner = 'clerk'::text)
written anew, the sources make: own using (owner = CURRENT_USER)
the last policy taken out: ALTER TABLE \"note\" DISABLE ROW LEVEL SECURITY; DROP POLICY \"own\" ON \"note\" CASCADE;
of 2 rows a clerk sees: before 1, after 2
the last policy taken out, with .enableRLS(): DROP POLICY \"own\" ON \"note\" CASCADE;
of 2 rows a clerk sees: before 1, after 0"
