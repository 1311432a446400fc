#!/bin/bash
# npm scim-patch 0.8.3: a change of the enterprise extension, given as an object, goes into an attribute `urn:..:2.0` that nobody reads, and is answered as done.
#
# Department, manager and employee number are in SCIM's enterprise extension, an object under the name urn:ietf:params:scim:schemas:extension:enterprise:2.0:User
# (RFC 7643, section 3.3). In a PATCH they can be named one by one, `..:User:department`, as Entra ID does, or the object given, as in a POST (RFC 7644,
# section 3.5.2). scim-patch splits names at dots, and one is in "2.0" (resolvePaths in lib/src/scimPatch.js): the object becomes `User` of a new attribute
# `urn:ietf:params:scim:schemas:extension:enterprise:2.0`. It throws nothing, so the server stores that and answers 200; the department stays the old one,
# and the provider, which was told that all is well, does not try again. Names one by one are right since 2022 (thomaspoignant/scim-patch#207). And a
# `name` with a family name alone, without "path", takes the given name away, even by "add"; with "path" it does not. scimmy 1.3.5 changes what
# is named, and nothing else, in all of these. Of the object and of the name we found no issue.
# Way out: before scim-patch turn each object into changes with a "path" for each of its members, `..:User:department`, `name.familyName`.
#
#   of department Sales, number 12, given name Ann, family name Lee:
#   add ..:User:department          scim-patch: Purchase, 12, Ann Lee                     scimmy: Purchase, 12, Ann Lee
#   add ..:User, the object         scim-patch: Sales, 12, Ann Lee, urn:..:2.0            scimmy: Purchase, 12, Ann Lee
#   replace ..:User, the object     scim-patch: Sales, 12, Ann Lee, urn:..:2.0            scimmy: Purchase, 12, Ann Lee
#   path ..:User, the object        scim-patch: Sales, 12, Ann Lee, urn:..:2.0            scimmy: Purchase, 12, Ann Lee
#   path name, family name          scim-patch: Sales, 12, Ann Ray                        scimmy: Sales, 12, Ann Ray
#   add name, family name           scim-patch: Sales, 12, (none) Ray                     scimmy: Sales, 12, Ann Ray
# shellcheck source=findings/lib/find.sh
. "$(dirname "$0")/lib/find.sh"

node_packages scim-patch@0.8.3 scimmy@1.3.5

cat >"$work/patch.mjs" <<'JS'
import { scimPatch } from 'scim-patch';
import SCIMMY from 'scimmy';

const core = 'urn:ietf:params:scim:schemas:core:2.0:User', enterprise = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User';
const schemas = ['urn:ietf:params:scim:api:messages:2.0:PatchOp'];
SCIMMY.Schemas.User.extend(SCIMMY.Schemas.EnterpriseUser);
const person = () => ({
    schemas: [core, enterprise], id: '1', userName: 'ann', active: true, name: { givenName: 'Ann', familyName: 'Lee' },
    [enterprise]: { department: 'Sales', employeeNumber: '12' },
});
const told = (who) => [
    who[enterprise].department, who[enterprise].employeeNumber, `${who.name.givenName ?? '(none)'} ${who.name.familyName}`,
    ...Object.keys(who).filter((name) => name.startsWith('urn:') && name !== enterprise).map((name) => name.replace(/ietf.*enterprise/, '..')),
].join(', ');
for (const [label, change] of [
    ['add ..:User:department', { op: 'add', value: { [`${enterprise}:department`]: 'Purchase' } }],
    ['add ..:User, the object', { op: 'add', value: { [enterprise]: { department: 'Purchase' } } }],
    ['replace ..:User, the object', { op: 'replace', value: { [enterprise]: { department: 'Purchase' } } }],
    ['path ..:User, the object', { op: 'replace', path: enterprise, value: { department: 'Purchase' } }],
    ['path name, family name', { op: 'add', path: 'name', value: { familyName: 'Ray' } }],
    ['add name, family name', { op: 'add', value: { name: { familyName: 'Ray' } } }],
]) {
    const theirs = await new SCIMMY.Messages.PatchOp({ schemas, Operations: [change] })
        .apply(new SCIMMY.Schemas.User(person(), 'out'), async (changed) => changed);
    console.log(`${label.padEnd(30)}  scim-patch: ${told(scimPatch(person(), [change])).padEnd(40)}  scimmy: ${told(theirs)}`);
}
JS
(cd "$work" && timeout 60 node patch.mjs) | expect \
    'add ..:User:department          scim-patch: Purchase, 12, Ann Lee                     scimmy: Purchase, 12, Ann Lee
add ..:User, the object         scim-patch: Sales, 12, Ann Lee, urn:..:2.0            scimmy: Purchase, 12, Ann Lee
replace ..:User, the object     scim-patch: Sales, 12, Ann Lee, urn:..:2.0            scimmy: Purchase, 12, Ann Lee
path ..:User, the object        scim-patch: Sales, 12, Ann Lee, urn:..:2.0            scimmy: Purchase, 12, Ann Lee
path name, family name          scim-patch: Sales, 12, Ann Ray                        scimmy: Sales, 12, Ann Ray
add name, family name           scim-patch: Sales, 12, (none) Ray                     scimmy: Sales, 12, Ann Ray'
