#!/bin/bash
# npm scimmy 1.3.5: the filter `not (A or B)` is read as "not A, or not B", which is everybody, and `not (A and B)` as "neither A nor B".
#
# SCIMMY is the core of SCIM servers in Node.js (scimmy-routers), and its Filter is what an application hands a request's `filter` to. RFC 7644, section
# 3.4.2.2, has "not" before an expression in parentheses, "logical negation". SCIMMY takes the parentheses apart and puts "not" before each comparison, and
# leaves the "or" or "and" between them as it was. So `not (userType eq "Contractor" or userType eq "Intern")` finds whom it was to leave out, and
# `not (userType eq "Intern" and active eq false)` leaves out people in service. Nothing is refused or logged; one comparison in the parentheses is right.
# Whoever reconciles with such a server adds and takes away the wrong accounts: what a filter does not find counts as gone. Double negation and a group that
# begins with two parentheses are refused (400, invalidFilter). scim2-parse-filter 0.2.10 reads all of them as they are. We found no issue about it.
# Way out: no groups behind "not": `userType ne "Contractor" and userType ne "Intern"`; or another parser, whose result is asked for each resource.
#
#   of ann (Employee), bob (Contractor), cyd (Intern), dan (Intern, not active):
#   userType eq "Contractor" or userType eq "Intern"                 scimmy: bob cyd dan      scim2-parse-filter: bob cyd dan
#   not (userType eq "Intern")                                       scimmy: ann bob          scim2-parse-filter: ann bob
#   not (userType eq "Contractor" or userType eq "Intern")           scimmy: ann bob cyd dan  scim2-parse-filter: ann
#   not (userType eq "Intern" and active eq false)                   scimmy: ann bob          scim2-parse-filter: ann bob cyd
#   userType ne "Contractor" and userType ne "Intern"                scimmy: ann              scim2-parse-filter: ann
# shellcheck source=findings/lib/find.sh
. "$(dirname "$0")/lib/find.sh"

node_packages scimmy@1.3.5 scim2-parse-filter@0.2.10

cat >"$work/ask.mjs" <<'JS'
import SCIMMY from 'scimmy';
import { filter, parse } from 'scim2-parse-filter';

const people = [['ann', 'Employee', true], ['bob', 'Contractor', true], ['cyd', 'Intern', true], ['dan', 'Intern', false]]
    .map(([userName, userType, active]) => ({ userName, userType, active }));
const names = (found) => found.map(({ userName }) => userName).join(' ');
for (const text of [
    'userType eq "Contractor" or userType eq "Intern"',
    'not (userType eq "Intern")',
    'not (userType eq "Contractor" or userType eq "Intern")',
    'not (userType eq "Intern" and active eq false)',
    'userType ne "Contractor" and userType ne "Intern"',
]) {
    const found = names(new SCIMMY.Types.Filter(text).match(people));
    console.log(`${text.padEnd(64)} scimmy: ${found.padEnd(15)}  scim2-parse-filter: ${names(people.filter(filter(parse(text))))}`);
}
JS
(cd "$work" && timeout 60 node ask.mjs) | expect \
    'userType eq "Contractor" or userType eq "Intern"                 scimmy: bob cyd dan      scim2-parse-filter: bob cyd dan
not (userType eq "Intern")                                       scimmy: ann bob          scim2-parse-filter: ann bob
not (userType eq "Contractor" or userType eq "Intern")           scimmy: ann bob cyd dan  scim2-parse-filter: ann
not (userType eq "Intern" and active eq false)                   scimmy: ann bob          scim2-parse-filter: ann bob cyd
userType ne "Contractor" and userType ne "Intern"                scimmy: ann              scim2-parse-filter: ann'
