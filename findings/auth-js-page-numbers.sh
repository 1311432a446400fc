#!/bin/bash
# @supabase/auth-js 2.119.1: of the pages that listUsers() tells of it reads the first digit alone: after page 9 comes page 1.
#
# The server names the next and the last page in the header Link. The client takes one character of each number
# (GoTrueAdminApi.listUsers and listClients: `.split('=')[1].substring(0, 1)`), since gotrue-js 2.0 at least. So with twelve pages lastPage is 1,
# nextPage of page 9 is 1, of page 11 again 1, and null on the last page alone, which who follows nextPage never comes to: `while (page)` lists the
# first 450 users (50 a page) again and again. The number is also taken to stand behind the first `=` of the address: a server that writes
# per_page before page has the client read the size. Count pages by `total` instead, or ask on until a page has fewer users than were asked for.
#
#   page 1 of 12: next 2, last 1
#   page 9 of 12: next 1, last 1
#   page 11 of 12: next 1, last 1
#   page 12 of 12: next null, last 1
#   following nextPage for 20 pages: 1 2 3 4 5 6 7 8 9 1 2 3 4 5 6 7 8 9 1 2
# shellcheck source=findings/lib/find.sh
. "$(dirname "$0")/lib/find.sh"

node_packages @supabase/auth-js@2.119.1

cat >"$work/pages.mjs" <<'JS'
import { GoTrueAdminApi } from '@supabase/auth-js';

const pages = 12, size = 50;
// As Supabase Auth writes it: next, unless this is the last one, and last.
const fetch = async (address) => {
    const page = Number(new URL(address).searchParams.get('page'));
    const link = (number, rel) => `</admin/users?page=${number}&per_page=${size}>; rel="${rel}"`;
    const links = [...(page < pages ? [link(page + 1, 'next')] : []), link(pages, 'last')];
    return new Response(JSON.stringify({ users: [], aud: 'authenticated' }),
        { headers: { 'content-type': 'application/json', 'x-total-count': String(pages * size), link: links.join(', ') } });
};
const admin = new GoTrueAdminApi({ url: 'http://server.example', headers: {}, fetch });
const list = async (page) => (await admin.listUsers({ page, perPage: size })).data;

for (const page of [1, 9, 11, 12]) {
    const { nextPage, lastPage } = await list(page);
    console.log(`page ${page} of ${pages}: next ${nextPage}, last ${lastPage}`);
}
const seen = [];
for (let page = 1; page && seen.length < 20; page = (await list(page)).nextPage) seen.push(page);
console.log(`following nextPage for 20 pages: ${seen.join(' ')}`);
JS

timeout 120 node "$work/pages.mjs" | expect 'page 1 of 12: next 2, last 1
page 9 of 12: next 1, last 1
page 11 of 12: next 1, last 1
page 12 of 12: next null, last 1
following nextPage for 20 pages: 1 2 3 4 5 6 7 8 9 1 2 3 4 5 6 7 8 9 1 2'
