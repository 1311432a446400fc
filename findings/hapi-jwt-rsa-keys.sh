#!/bin/bash
# npm @hapi/jwt 3.2.4: of an issuer's keys it reads the RSA ones alone, a server does not start without one, and a new key is unknown for an hour.
#
# Its documentation lists ES256 and EdDSA, and it verifies both with keys given by hand; of a JWK Set (`keys: { uri }`) it passes over each key that is not
# RSA, or has no `use`, which RFC 7517 leaves to whoever publishes it (internals.jwks in lib/keys.js). Where none is left, server.initialize() fails: "JWKS
# endpoint response contained no valid keys". Beside an RSA key it starts, and tokens by the others are 401 without a reason. The set is kept for an hour
# (cache.staleIn), whatever Cache-Control says, and a kid that it does not have is no reason to ask again: an issuer that goes on to a new key is 401 until
# then, where jose's createRemoteJWKSet asks once more.
# Way out: `keys` as a function, which has jose look the key up. Without it pg_principal has to sign by RS256 (`keys create --alg RS256`), and the
# next key to stand by for an hour before it does (docs/keys.md).
#
#   ES256: jose takes it, @hapi/jwt: JWKS endpoint response contained no valid keys
#   EdDSA: jose takes it, @hapi/jwt: JWKS endpoint response contained no valid keys
#   RS256: jose takes it, @hapi/jwt: 200
#   RS256 without use: jose takes it, @hapi/jwt: JWKS endpoint response contained no valid keys
#   RS256 and ES256 published: RS256 200, ES256 401
#   a second RS256 key, published later: jose takes it, @hapi/jwt: 401, 401; it had asked for keys once
#   keys as a function: ES256 200, EdDSA 200, the second RS256 key 200
# shellcheck source=findings/lib/find.sh
. "$(dirname "$0")/lib/find.sh"

node_packages @hapi/hapi@21.4.10 @hapi/jwt@3.2.4 jose@6.2.18

cat >"$work/keys.mjs" <<'JS'
import { createServer } from 'node:http';
import Hapi from '@hapi/hapi';
import Jwt from '@hapi/jwt';
import { SignJWT, createRemoteJWKSet, exportJWK, generateKeyPair, jwtVerify } from 'jose';

let published = [], asked = 0;
const issuer = createServer((request, response) => {
    asked += request.headers['user-agent'] === undefined; // jose names itself
    response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'max-age=0' });
    response.end(JSON.stringify({ keys: published }));
});
await new Promise((ready) => issuer.listen(0, '127.0.0.1', ready));
const uri = `http://127.0.0.1:${issuer.address().port}/jwks`;

const keyOf = async (alg, kid) => {
    const { publicKey, privateKey } = await generateKeyPair(alg);
    const token = await new SignJWT({ sub: 'ann' }).setProtectedHeader({ alg, kid }).setExpirationTime('1h').sign(privateKey);
    return { token, jwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' } };
};
const [es, ed, rs, next] = await Promise.all([keyOf('ES256', 'a'), keyOf('EdDSA', 'b'), keyOf('RS256', 'c'), keyOf('RS256', 'd')]);
const byJose = ({ token }, keys = createRemoteJWKSet(new URL(uri))) => jwtVerify(token, keys).then(() => 'jose takes it', ({ message }) => message);

async function serve(keys) {
    const server = Hapi.server({ host: '127.0.0.1', debug: false });
    await server.register(Jwt);
    const verify = { aud: false, iss: false, sub: false };
    server.auth.strategy('token', 'jwt', { keys, verify, validate: ({ decoded }) => ({ isValid: true, credentials: decoded.payload }) });
    server.route({ method: 'GET', path: '/', options: { auth: 'token' }, handler: ({ auth }) => auth.credentials.sub });
    await server.initialize();
    return async ({ token }) => (await server.inject({ url: '/', headers: { authorization: `Bearer ${token}` } })).statusCode;
}
const byHapi = (key) => serve({ uri }).then((ask) => ask(key), ({ message }) => message);

for (const [name, key] of [['ES256', es], ['EdDSA', ed], ['RS256', rs], ['RS256 without use', { ...rs, jwk: { ...rs.jwk, use: undefined } }]]) {
    published = [key.jwk];
    console.log(`${name}: ${await byJose(key)}, @hapi/jwt: ${await byHapi(key)}`);
}
published = [rs.jwk, es.jwk];
const both = await serve({ uri });
console.log(`RS256 and ES256 published: RS256 ${await both(rs)}, ES256 ${await both(es)}`);

published = [rs.jwk];
asked = 0;
const ask = await serve({ uri }), remote = createRemoteJWKSet(new URL(uri), { cooldownDuration: 0 });
if (await ask(rs) !== 200 || await byJose(rs, remote) !== 'jose takes it') throw new Error('the first key');
published.push(next.jwk);
const later = [await byJose(next, remote), await ask(next), await ask(next)];
console.log(`a second RS256 key, published later: ${later[0]}, @hapi/jwt: ${later[1]}, ${later[2]}; it had asked for keys ${asked === 1 ? 'once' : `${asked} times`}`);

published.push(es.jwk, ed.jwk);
const looked = createRemoteJWKSet(new URL(uri));
const found = await serve(async ({ decoded: { header } }) => ({ key: await looked(header), algorithms: ['ES256', 'EdDSA', 'RS256'] }));
console.log(`keys as a function: ES256 ${await found(es)}, EdDSA ${await found(ed)}, the second RS256 key ${await found(next)}`);
process.exit(0);
JS

timeout 60 node "$work/keys.mjs" | expect 'ES256: jose takes it, @hapi/jwt: JWKS endpoint response contained no valid keys
EdDSA: jose takes it, @hapi/jwt: JWKS endpoint response contained no valid keys
RS256: jose takes it, @hapi/jwt: 200
RS256 without use: jose takes it, @hapi/jwt: JWKS endpoint response contained no valid keys
RS256 and ES256 published: RS256 200, ES256 401
a second RS256 key, published later: jose takes it, @hapi/jwt: 401, 401; it had asked for keys once
keys as a function: ES256 200, EdDSA 200, the second RS256 key 200'
