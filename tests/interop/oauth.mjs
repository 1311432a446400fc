// What two OAuth clients make of our server: OAUTH_ISSUER, OAUTH_CLIENT_ID, OAUTH_CLIENT_SECRET, OAUTH_REFRESH_TOKEN.
// Prints a line for each check. Before it revokes an access token it prints "bind TOKEN" and waits for a line.
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { webcrypto } from 'node:crypto';
import { createInterface } from 'node:readline';
import { isDeepStrictEqual, inspect } from 'node:util';

globalThis.crypto ??= webcrypto; // Node 18
// installed under build/, not beside this file; modules of ECMAScript alone
const folder = process.cwd() + '/build/interop/node_modules/';
const require = createRequire(pathToFileURL(process.cwd() + '/build/interop/here.js'));
const entry = (name) => import(pathToFileURL(folder + name + '/' + require(folder + name + '/package.json').main));
const oauth = await entry('oauth4webapi'), openid = await entry('openid-client');

const { OAUTH_ISSUER, OAUTH_CLIENT_ID: id, OAUTH_CLIENT_SECRET: secret, OAUTH_REFRESH_TOKEN: refresh } = process.env;
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const issuer = new URL(OAUTH_ISSUER), insecure = { [oauth.allowInsecureRequests]: true };

function ok(name, good, detail) {
    console.log(`${good ? 'ok' : 'not ok'} - ${name}`);
    if (!good && detail !== undefined) console.log('    ' + inspect(detail, { depth: 6 }).replaceAll('\n', '\n    '));
    return good;
}

function equal(name, got, wanted) {
    return ok(name, isDeepStrictEqual(got, wanted), { wanted, got });
}

async function refused(name, call, wanted) {
    try {
        ok(name, false, await call());
    } catch (error) {
        equal(name, [error.status ?? error.response?.status, error.error], wanted);
    }
}

async function bind(token) {
    console.log(`bind ${token}`);
    await lines.next();
}

async function oauth4webapi() {
    const as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...insecure }));
    equal('oauth4webapi: the endpoints', [as.token_endpoint, as.introspection_endpoint, as.revocation_endpoint],
        ['token', 'introspect', 'revoke'].map((name) => `${OAUTH_ISSUER}/oauth/${name}`));
    const openidAs = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, insecure));
    equal('oauth4webapi: the same by OpenID Connect Discovery', openidAs.token_endpoint, as.token_endpoint);
    const resource = new URL(`${OAUTH_ISSUER}/api`);
    const rs = await oauth.processResourceDiscoveryResponse(resource, await oauth.resourceDiscoveryRequest(resource, insecure));
    equal('oauth4webapi: who issues tokens for /api', rs.authorization_servers, [OAUTH_ISSUER]);

    const client = { client_id: id };
    for (const [name, auth] of Object.entries({ ClientSecretBasic: oauth.ClientSecretBasic(secret), ClientSecretPost: oauth.ClientSecretPost(secret) })) {
        const got = await oauth.processClientCredentialsResponse(as, client,
            await oauth.clientCredentialsGrantRequest(as, client, auth, new URLSearchParams({ scope: 'read admin' }), insecure));
        equal(`oauth4webapi: ${name}`, [got.token_type, got.scope, got.expires_in], ['bearer', 'read', 900]);
        const request = new Request(`${OAUTH_ISSUER}/api`, { headers: { Authorization: `Bearer ${got.access_token}` } });
        const claims = await oauth.validateJwtAccessToken(as, request, 'authenticated', insecure);
        equal(`oauth4webapi: ${name}: RFC 9068`, [claims.sub, claims.client_id, claims.scope], [id, id, 'read']);
        const ask = async () => oauth.processIntrospectionResponse(as, client,
            await oauth.introspectionRequest(as, client, auth, got.access_token, insecure));
        const alive = await ask();
        equal(`oauth4webapi: ${name}: introspection`, [alive.active, alive.client_id, alive.scope], [true, id, 'read']);
        await bind(got.access_token);
        await oauth.processRevocationResponse(await oauth.revocationRequest(as, client, auth, got.access_token, insecure));
        equal(`oauth4webapi: ${name}: revoked`, await ask(), { active: false });
        await oauth.processRevocationResponse(await oauth.revocationRequest(as, client, auth, got.access_token, insecure));
    }
    const wrong = async (auth) => oauth.processClientCredentialsResponse(as, client,
        await oauth.clientCredentialsGrantRequest(as, client, auth, {}, insecure));
    // a challenge is an error of its own there
    try {
        await wrong(oauth.ClientSecretBasic('wrong'));
        ok('oauth4webapi: a wrong secret', false);
    } catch (error) {
        equal('oauth4webapi: a wrong secret', [error.status, error.cause?.[0]?.scheme], [401, 'basic']);
    }
    const person = { client_id: 'the-page' };
    const next = await oauth.processRefreshTokenResponse(as, person,
        await oauth.refreshTokenGrantRequest(as, person, oauth.None(), refresh, insecure));
    ok('oauth4webapi: refresh_token', next.refresh_token && next.refresh_token !== refresh, next);
    await bind(next.access_token);
    await oauth.processRevocationResponse(await oauth.revocationRequest(as, person, oauth.None(), next.refresh_token, insecure));
    await refused('oauth4webapi: a revoked refresh token', async () => oauth.processRefreshTokenResponse(as, person,
        await oauth.refreshTokenGrantRequest(as, person, oauth.None(), next.refresh_token, insecure)), [400, 'invalid_grant']);
}

async function openidClient() {
    const config = await openid.discovery(issuer, id, secret, openid.ClientSecretBasic(secret),
        { algorithm: 'oauth2', execute: [openid.allowInsecureRequests] });
    const got = await openid.clientCredentialsGrant(config, { scope: 'write' });
    equal('openid-client: client_credentials', [got.token_type, got.scope, got.expiresIn() > 800], ['bearer', 'write', true]);
    equal('openid-client: introspection', (await openid.tokenIntrospection(config, got.access_token)).active, true);
    await bind(got.access_token);
    await openid.tokenRevocation(config, got.access_token);
    equal('openid-client: revoked', await openid.tokenIntrospection(config, got.access_token), { active: false });
    await refused('openid-client: a scope that may not be had', () => openid.clientCredentialsGrant(config, { scope: 'admin' }), [400, 'invalid_scope']);
}

await oauth4webapi();
await openidClient();
process.exit(0);
