#!/bin/bash
# simple-oauth2 5.1.0 with npm @node-oauth/oauth2-server 5.3.0: where refresh tokens stay good, the first refresh works and the second one sends none.
#
# A server need not issue a new refresh token with each refresh: it MAY, and then the old one is to be replaced (RFC 6749, section 6; refresh_token
# is OPTIONAL in 5.1). oauth2-server does so with alwaysIssueNewRefreshToken: false, and so do Google and others. refresh() of simple-oauth2 means to
# keep the old token then, since 5.1.0, but takes it from the wrong object (`this.refresh_token` instead of `this.token.refresh_token`, lib/access-token.js):
# the result has a refresh_token, undefined. All is well for two lifetimes of an access token; then the request goes out with an empty
# refresh_token, and the error reads as if the server had ended the session, which it keeps. An application that had merged the two results
# itself, as one had to until 5.0, loses the token to the undefined, in its database too. Said below the merged change, which is closed:
# https://github.com/lelylan/simple-oauth2/pull/434. client-oauth2 4.3.3 keeps the token.
# Way out: after each refresh, where its refresh_token is undefined, createToken({ ...newer.token, refresh_token: older.token.refresh_token }).
#
#   simple-oauth2: signed in, token there; refreshed, token undefined; refreshed again: invalid_request, Missing parameter: `refresh_token`
#   merged with the one before: token undefined
#   put back by hand: refreshed, token there; refreshed again, token there
#   client-oauth2: signed in, token there; refreshed, token there; refreshed again, token there
# shellcheck source=findings/lib/find.sh
. "$(dirname "$0")/lib/find.sh"

node_packages simple-oauth2@5.1.0 @node-oauth/oauth2-server@5.3.0 client-oauth2@4.3.3

cat >"$work/refresh.mjs" <<'JS'
import { createServer } from 'node:http';
import ClientOAuth2 from 'client-oauth2';
import OAuth2Server from '@node-oauth/oauth2-server';
import simpleOAuth2 from 'simple-oauth2';

const kept = new Map();
const model = {
    getClient: async (id, secret) => (secret === 'secret' ? { id, grants: ['password', 'refresh_token'] } : null),
    getUser: async (name) => ({ name }),
    getRefreshToken: async (token) => kept.get(token),
    revokeToken: async (token) => kept.delete(token.refreshToken),
    saveToken: async (token, client, user) => {
        const all = { ...token, client, user };
        if (token.refreshToken) kept.set(token.refreshToken, all);
        return all;
    },
};
const oauth = new OAuth2Server({ model, alwaysIssueNewRefreshToken: false });
const server = createServer(async (request, response) => {
    const text = (await request.toArray()).join('');
    const answer = new OAuth2Server.Response({ headers: {} });
    const asked = { headers: request.headers, method: request.method, query: {}, body: Object.fromEntries(new URLSearchParams(text)) };
    await oauth.token(new OAuth2Server.Request(asked), answer).catch(() => {}); // the answer tells the error, too
    response.writeHead(answer.status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(answer.body));
});
await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
const tokenHost = `http://127.0.0.1:${server.address().port}`;
const told = (token) => `token ${token === undefined ? 'undefined' : kept.has(token) ? 'there' : 'unknown'}`;

const client = new simpleOAuth2.ResourceOwnerPassword({ client: { id: 'app', secret: 'secret' }, auth: { tokenHost, tokenPath: '/token' } });
const first = await client.getToken({ username: 'ann', password: 'correct horse' });
const second = await first.refresh();
const third = await second.refresh().then(() => 'refreshed', ({ data }) => `${data.payload.error}, ${data.payload.error_description}`);
console.log(`simple-oauth2: signed in, ${told(first.token.refresh_token)}; refreshed, ${told(second.token.refresh_token)}; refreshed again: ${third}`);
console.log(`merged with the one before: ${told({ ...first.token, ...second.token }.refresh_token)}`);
const mend = (older, newer) => client.createToken({ ...newer.token, refresh_token: newer.token.refresh_token ?? older.token.refresh_token });
const mended = mend(first, second), again = mend(mended, await mended.refresh());
console.log(`put back by hand: refreshed, ${told(mended.token.refresh_token)}; refreshed again, ${told(again.token.refresh_token)}`);

const other = new ClientOAuth2({ clientId: 'app', clientSecret: 'secret', accessTokenUri: `${tokenHost}/token` });
const tokens = [await other.owner.getToken('ann', 'correct horse')];
for (let times = 2; times--;) tokens.push(await tokens.at(-1).refresh());
const [one, two, three] = tokens.map(({ refreshToken }) => told(refreshToken));
console.log(`client-oauth2: signed in, ${one}; refreshed, ${two}; refreshed again, ${three}`);
process.exit(0);
JS

timeout 60 node "$work/refresh.mjs" | expect 'simple-oauth2: signed in, token there; refreshed, token undefined; refreshed again: invalid_request, Missing parameter: `refresh_token`
merged with the one before: token undefined
put back by hand: refreshed, token there; refreshed again, token there
client-oauth2: signed in, token there; refreshed, token there; refreshed again, token there'
