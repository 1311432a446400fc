#!/bin/bash
# npm scim2-parse-filter 0.2.10 and scimmy 1.3.5: conditions on one address and on any address: the one library takes the first for the second, the other
# the second for the first.
#
# Multi-valued attributes of SCIM have two kinds of filters (RFC 7644, section 3.4.2.2). In brackets all conditions are about one value: a work address that
# ends so. `emails.type .. and emails.value ..` are two filters, and each matches if any of the values does. scim2-parse-filter asks each condition in
# brackets of the whole list (lib/src/tester.js): whose work address is one, and whose home address has that ending, is found. So the look-up that
# providers make before they create somebody, `emails[type eq "work" and value eq ".."]`, meets whoever has that address as another. scimmy keeps the
# conditions of all that is joined by "and" in one object for each attribute, dots or brackets: too few are found, and with a group in the brackets
# nobody is. No error either way. With one address each, as tests have them, all is right. scimmyjs/scimmy#55 is about brackets in `attributes`; of
# this we found nothing.
# Way out: look the account up by userName or externalId; else ask for the addresses and compare oneself.
#
#   ann: work ann@a.example, home ann@b.example; bob: home bob@a.example, work bob@b.example; cyd: work cyd@b.example
#   filter                                                                 RFC          scim2-parse-filter  scimmy
#   emails[type eq "work" and value ew "@b.example"]                       bob cyd      ann bob cyd         bob cyd
#   emails[type eq "work" and value eq "ann@b.example"]                    nobody       ann                 nobody
#   emails.type eq "work" and emails.value ew "@b.example"                 ann bob cyd  ann bob cyd         bob cyd
#   emails[(type eq "home" or type eq "other") and value ew "@b.example"]  ann          ann bob             nobody
# shellcheck source=findings/lib/find.sh
. "$(dirname "$0")/lib/find.sh"

node_packages scimmy@1.3.5 scim2-parse-filter@0.2.10

cat >"$work/ask.mjs" <<'JS'
import SCIMMY from 'scimmy';
import { filter, parse } from 'scim2-parse-filter';

const people = Object.entries({
    ann: { work: 'ann@a.example', home: 'ann@b.example' },
    bob: { home: 'bob@a.example', work: 'bob@b.example' },
    cyd: { work: 'cyd@b.example' },
}).map(([userName, addresses]) => ({ userName, emails: Object.entries(addresses).map(([type, value]) => ({ type, value })) }));
const line = (text, ...found) =>
    console.log([text.padEnd(69), ...found.map((some, i) => some.padEnd(i === 1 ? 18 : 11))].join('  ').trimEnd());
const names = (found) => found.map(({ userName }) => userName).join(' ') || 'nobody';
const any = (emails, ...tests) => tests.every((test) => emails.some(test));
line('filter', 'RFC', 'scim2-parse-filter', 'scimmy');
for (const [text, right] of [
    ['emails[type eq "work" and value ew "@b.example"]',
        (emails) => any(emails, ({ type, value }) => type === 'work' && value.endsWith('@b.example'))],
    ['emails[type eq "work" and value eq "ann@b.example"]',
        (emails) => any(emails, ({ type, value }) => type === 'work' && value === 'ann@b.example')],
    ['emails.type eq "work" and emails.value ew "@b.example"',
        (emails) => any(emails, ({ type }) => type === 'work', ({ value }) => value.endsWith('@b.example'))],
    ['emails[(type eq "home" or type eq "other") and value ew "@b.example"]',
        (emails) => any(emails, ({ type, value }) => ['home', 'other'].includes(type) && value.endsWith('@b.example'))],
]) {
    line(text, names(people.filter(({ emails }) => right(emails))), names(people.filter(filter(parse(text)))),
        names(new SCIMMY.Types.Filter(text).match(people)));
}
JS
(cd "$work" && timeout 60 node ask.mjs) | expect \
    'filter                                                                 RFC          scim2-parse-filter  scimmy
emails[type eq "work" and value ew "@b.example"]                       bob cyd      ann bob cyd         bob cyd
emails[type eq "work" and value eq "ann@b.example"]                    nobody       ann                 nobody
emails.type eq "work" and emails.value ew "@b.example"                 ann bob cyd  ann bob cyd         bob cyd
emails[(type eq "home" or type eq "other") and value ew "@b.example"]  ann          ann bob             nobody'
