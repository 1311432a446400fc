#!/bin/bash
# hono 4.13.19: jwk() asks for the issuer's keys with each request, whatever Cache-Control says; keys given beside the address do not help.
#
# The middleware that verifies tokens by `jwks_uri` calls fetch() for every request that has a token, and keeps nothing
# (verifyWithJwks in utils/jwt/jwt.ts; fetch() of Node.js has no cache either). Keys that change once in months are the usual thing to keep, as
# the answer's own `max-age` permits (RFC 9111, section 4), and jose, jwks-rsa and the like do. Each request then takes as long as the issuer's
# answer; a burst of them meets its rate limit; and while it cannot be reached, every request fails with 500, of those whom it has long signed in.
# `keys` and `jwks_uri` together, "merged" by the documentation, ask all the same before they look at a key that is there. The documentation
# says "retrieves keys from jwks_uri if specified" and nothing of when; on a developer's machine it is quick, and all is well.
# Known to its maintainers (honojs/hono#5271: "a separate design").
# Way out: give `keys` alone, as a function that remembers what it fetched; or jose's createRemoteJWKSet in a middleware of one's own.
#
#   jwk({ jwks_uri }): 20 requests 200, 20 fetches; issuer away: 500, 1 fetch
#   jwk({ keys, jwks_uri }): 20 requests 200, 20 fetches; issuer away: 500, 1 fetch
#   jwk({ keys: a function that remembers }): 20 requests 200, 1 fetch; issuer away: 200, 0 fetches
#   jose's createRemoteJWKSet: 20 requests 200, 1 fetch; issuer away: 200, 0 fetches
# shellcheck source=findings/lib/find.sh
. "$(dirname "$0")/lib/find.sh"

node_packages hono@4.13.19 jose@6.2.18

cat >"$work/requests.mjs" <<'JS'
import { createServer } from 'node:http';
import { Hono } from 'hono';
import { jwk } from 'hono/jwk';
import * as jose from 'jose';

const { privateKey, publicKey } = await jose.generateKeyPair('ES256');
const key = { ...await jose.exportJWK(publicKey), kid: 'key', alg: 'ES256', use: 'sig' };
let fetches = 0, away = false;
const issuer = createServer((request, response) => {
    ++fetches;
    response.writeHead(away ? 503 : 200, { 'content-type': 'application/json', 'cache-control': 'public, max-age=86400' });
    response.end(JSON.stringify(away ? {} : { keys: [key] }));
});
await new Promise((ready) => issuer.listen(0, '127.0.0.1', ready));
const jwks_uri = `http://127.0.0.1:${issuer.address().port}/jwks`;
const token = await new jose.SignJWT({ sub: '1' }).setProtectedHeader({ alg: 'ES256', kid: 'key' }).setExpirationTime('1h').sign(privateKey);

let remembered;
const remember = async () => (remembered ??= (await (await fetch(jwks_uri)).json()).keys);
const set = jose.createRemoteJWKSet(new URL(jwks_uri));
const own = async (context, next) => {
    await jose.jwtVerify(context.req.header('authorization').slice('Bearer '.length), set);
    await next();
};
const counted = (count) => `${count} fetch${count === 1 ? '' : 'es'}`;
for (const [name, middleware] of [
    ['jwk({ jwks_uri })', jwk({ jwks_uri, alg: ['ES256'] })],
    ['jwk({ keys, jwks_uri })', jwk({ keys: [key], jwks_uri, alg: ['ES256'] })],
    ['jwk({ keys: a function that remembers })', jwk({ keys: remember, alg: ['ES256'] })],
    ["jose's createRemoteJWKSet", own],
]) {
    const app = new Hono();
    app.use(middleware);
    app.onError((error, context) => context.text(error.message, error.status ?? 500));
    app.get('/', (context) => context.text('page'));
    const ask = async () => (await app.request('/', { headers: { authorization: `Bearer ${token}` } })).status;
    const statuses = new Set();
    [fetches, away] = [0, false];
    for (let times = 20; times--;) statuses.add(await ask());
    const before = counted(fetches);
    [fetches, away] = [0, true];
    const status = await ask();
    console.log(`${name}: 20 requests ${[...statuses].join(', ')}, ${before}; issuer away: ${status}, ${counted(fetches)}`);
}
process.exit(0);
JS

timeout 60 node "$work/requests.mjs" | expect "jwk({ jwks_uri }): 20 requests 200, 20 fetches; issuer away: 500, 1 fetch
jwk({ keys, jwks_uri }): 20 requests 200, 20 fetches; issuer away: 500, 1 fetch
jwk({ keys: a function that remembers }): 20 requests 200, 1 fetch; issuer away: 200, 0 fetches
jose's createRemoteJWKSet: 20 requests 200, 1 fetch; issuer away: 200, 0 fetches"
