#!/bin/bash
# express-oauth2-jwt-bearer 1.10.0: access tokens are refused unless the issuer's list of algorithms for ID tokens has theirs, and for ten minutes after it does.
#
# An issuer signs ID tokens by RS256, which every client must know, and access tokens by ES256, which are shorter: its discovery document lists
# RS256 in id_token_signing_alg_values_supported, "for the ID Token" (OpenID Connect Discovery, section 3); of access tokens it lists nothing. RFC 9068,
# section 4, has them verified "using the algorithm specified in the JWT alg Header Parameter", by the keys of jwks_uri. With `issuerBaseURL` this
# middleware takes the list for theirs: 401, "Unexpected 'alg' value". The list is kept for ten minutes (cacheMaxAge), while the keys are fetched anew at
# an unknown kid. So an issuer that changes to another algorithm as it should, the new key published, has its new tokens refused by everything
# that runs, some sooner, some later, and nothing but a restart helps; an issuer that lists only what it signs by now has the ones of before refused.
# Way out: `issuer` and `jwksUri` instead of `issuerBaseURL`; an issuer lists the algorithms of all keys in its set.
#
#   issuerBaseURL: access token by ES256, the list has RS256: 401 Unexpected 'alg' value
#   the same, when the list has both: 401 Unexpected 'alg' value
#   the same, started anew: 200
#   issuer and jwksUri, the list has RS256: 200
#   jose's jwtVerify with createRemoteJWKSet: verified
# shellcheck source=findings/lib/find.sh
. "$(dirname "$0")/lib/find.sh"

node_packages express-oauth2-jwt-bearer@1.10.0 express@4.21.2 jose@5.10.0

cat >"$work/tokens.mjs" <<'JS'
import { createServer } from 'node:http';
import express from 'express';
import { auth } from 'express-oauth2-jwt-bearer';
import * as jose from 'jose';

const [rsa, ec] = [await jose.generateKeyPair('RS256'), await jose.generateKeyPair('ES256')];
const published = async (key, alg) => ({ ...await jose.exportJWK(key), kid: alg, alg, use: 'sig' });
const keys = [await published(rsa.publicKey, 'RS256'), await published(ec.publicKey, 'ES256')];
let listed = ['RS256'];
const server = createServer((request, response) => {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(request.url === '/jwks' ? { keys }
        : { issuer, jwks_uri: `${issuer}/jwks`, id_token_signing_alg_values_supported: listed }));
});
await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
const issuer = `http://127.0.0.1:${server.address().port}`;
const token = await new jose.SignJWT({ client_id: 'a', jti: '1' }).setProtectedHeader({ alg: 'ES256', kid: 'ES256', typ: 'at+jwt' })
    .setIssuer(issuer).setAudience('api').setSubject('ann').setIssuedAt().setExpirationTime('1h').sign(ec.privateKey);

const serving = async (options) => {
    const app = express();
    app.use(auth({ audience: 'api', ...options }));
    app.get('/', (request, response) => response.end());
    app.use((error, request, response, next) => response.status(error.status ?? 500).end(` ${error.message}`));
    const listening = await new Promise((ready) => { const one = app.listen(0, '127.0.0.1', () => ready(one)); });
    return async (what) => {
        const answer = await fetch(`http://127.0.0.1:${listening.address().port}/`, { headers: { authorization: `Bearer ${token}` } });
        console.log(`${what}: ${answer.status}${await answer.text()}`);
    };
};
const running = await serving({ issuerBaseURL: issuer });
const direct = await serving({ issuer, jwksUri: `${issuer}/jwks` });
await running('issuerBaseURL: access token by ES256, the list has RS256');
listed = ['RS256', 'ES256'];
await running('the same, when the list has both');
await (await serving({ issuerBaseURL: issuer }))('the same, started anew');
listed = ['RS256'];
await direct('issuer and jwksUri, the list has RS256');
await jose.jwtVerify(token, jose.createRemoteJWKSet(new URL(`${issuer}/jwks`)), { issuer, audience: 'api', typ: 'at+jwt' });
console.log("jose's jwtVerify with createRemoteJWKSet: verified");
process.exit();
JS
(cd "$work" && env -u SECRET -u ISSUER -u AUDIENCE -u JWKS_URI -u ISSUER_BASE_URL -u TOKEN_SIGNING_ALG timeout 60 node tokens.mjs) |
    expect "issuerBaseURL: access token by ES256, the list has RS256: 401 Unexpected 'alg' value
the same, when the list has both: 401 Unexpected 'alg' value
the same, started anew: 200
issuer and jwksUri, the list has RS256: 200
jose's jwtVerify with createRemoteJWKSet: verified"
