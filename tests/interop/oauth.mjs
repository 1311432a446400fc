// What OAuth clients make of our server: OAUTH_ISSUER, OAUTH_CLIENT_ID, OAUTH_CLIENT_SECRET, OAUTH_REFRESH_TOKEN,
// OAUTH_PERSON_TOKEN of a person who lets the client act for her, OAUTH_EMAIL and OAUTH_PASSWORD hers. Prints a line for each check. It waits for a line after
// "bind TOKEN", before it revokes that token, and after "register JWKS" and "trust JWKS" for what it asks for.
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
const jose = require('jose');

const { OAUTH_ISSUER, OAUTH_CLIENT_ID: id, OAUTH_CLIENT_SECRET: secret, OAUTH_REFRESH_TOKEN: refresh, OAUTH_PERSON_TOKEN: person, OAUTH_EMAIL: email,
    OAUTH_PASSWORD: password } = process.env;
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

async function tell(what, detail) {
    console.log(`${what} ${detail}`);
    await lines.next();
}

const bind = (token) => tell('bind', token);
const publicKeys = async (keys) => JSON.stringify({ keys: await Promise.all(keys.map((key) => jose.exportJWK(key.publicKey))) });

// A client that signs for itself, a job with a token of its platform, an agent that acts for somebody.
async function withoutSecrets() {
    const as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...insecure }));
    const client = { client_id: id };
    const generic = async (grant, parameters, auth = oauth.None()) => oauth.processGenericTokenEndpointResponse(as, client,
        await oauth.genericTokenEndpointRequest(as, client, auth, grant, parameters, insecure));
    const own = await oauth.generateKeyPair('ES256', { extractable: true }), theirs = await oauth.generateKeyPair('RS256', { extractable: true });
    await tell('register', await publicKeys([own]));
    const signed = oauth.PrivateKeyJwt(own.privateKey, { [oauth.modifyAssertion]: (header, payload) => { header.x5c = ['MIIB']; payload.aud = as.issuer; } });
    const mine = await oauth.processClientCredentialsResponse(as, client, await oauth.clientCredentialsGrantRequest(as, client, signed, {}, insecure));
    equal('oauth4webapi: PrivateKeyJwt', [mine.token_type, mine.scope], ['bearer', 'read write']);
    await oauth.processRevocationResponse(await oauth.revocationRequest(as, client, signed, mine.access_token, insecure));
    await refused('oauth4webapi: PrivateKeyJwt with the endpoint as its audience', async () => {
        const wrong = oauth.PrivateKeyJwt(own.privateKey, { [oauth.modifyAssertion]: (header, payload) => { payload.aud = as.token_endpoint; } });
        const response = await oauth.clientCredentialsGrantRequest(as, client, wrong, {}, insecure);
        throw { status: response.status, error: (await response.json()).error };
    }, [401, 'invalid_client']);

    await tell('trust', await publicKeys([theirs]));
    const grant = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
    const job = (claims) => new jose.SignJWT({ repository: 'octo/app', repository_id: '74', environment: 'prod', ref: 'refs/heads/main', ...claims })
        .setProtectedHeader({ alg: 'RS256', typ: 'JWT' }).setIssuer('https://token.actions.githubusercontent.com').setAudience(OAUTH_ISSUER)
        .setSubject('repo:octo@65/app@74:environment:prod').setJti(crypto.randomUUID()).setIssuedAt().setNotBefore('-5s').setExpirationTime('5m').sign(theirs.privateKey);
    const assertion = await job({});
    const got = await generic(grant, { assertion, scope: 'read' });
    equal('oauth4webapi: a job\'s token for one of ours', [got.scope, got.expires_in <= 300], ['read', true]);
    await refused('oauth4webapi: once', () => generic(grant, { assertion }), [400, 'invalid_grant']);
    await refused('oauth4webapi: of another environment', async () => generic(grant, { assertion: await job({ environment: 'staging' }) }), [400, 'invalid_grant']);

    const agents = await oauth.processClientCredentialsResponse(as, client, await oauth.clientCredentialsGrantRequest(as, client, signed, {}, insecure));
    const type = 'urn:ietf:params:oauth:token-type:access_token', exchange = 'urn:ietf:params:oauth:grant-type:token-exchange';
    const both = await generic(exchange, { subject_token: person, subject_token_type: type, actor_token: agents.access_token, actor_token_type: type });
    const claims = jose.decodeJwt(both.access_token);
    equal('oauth4webapi: an agent on behalf of a person', [both.issued_token_type, both.scope, claims.act, claims.sub === jose.decodeJwt(person).sub], [type, 'read', { sub: id }, true]);
    await refused('oauth4webapi: not the other way round', () => generic(exchange, { subject_token: agents.access_token, subject_token_type: type, actor_token: person, actor_token_type: type }),
        [400, 'invalid_request']);
    await bind(both.access_token);
    await oauth.processRevocationResponse(await oauth.revocationRequest(as, client, signed, agents.access_token, insecure));
}

// A browser without JavaScript: what the form has, what a person types, and the button.
async function decide(uri, decision) {
    const post = async (html, more) => {
        const fields = Object.fromEntries([...html.matchAll(/<input[^>]*name="([^"]+)"[^>]*>/g)].map(([tag, name]) => [name, /value="([^"]*)"/.exec(tag)?.[1] ?? '']));
        const answer = await fetch(new URL(/action="([^"]+)"/.exec(html)[1], uri),
            { method: 'POST', headers: { Origin: issuer.origin }, body: new URLSearchParams({ ...fields, ...more }) });
        return answer.text();
    };
    const shown = await post(await (await fetch(uri)).text(), { email, password });
    return [shown, await post(shown, { decision })];
}

// An application without a secret, as psql is.
async function devices() {
    const as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, insecure)), tv = { client_id: 'tv' };
    const begin = async (parameters) => oauth.processDeviceAuthorizationResponse(as, tv, await oauth.deviceAuthorizationRequest(as, tv, oauth.None(), parameters, insecure));
    const poll = async (code) => oauth.processDeviceCodeResponse(as, tv, await oauth.deviceCodeGrantRequest(as, tv, oauth.None(), code, insecure));
    const begun = await begin({ scope: 'read admin' });
    equal('oauth4webapi: a device code', [begun.verification_uri, begun.expires_in, begun.interval], [`${OAUTH_ISSUER}/oauth/device`, 600, 5]);
    await refused('oauth4webapi: nobody has decided', () => poll(begun.device_code), [400, 'authorization_pending']);
    await refused('oauth4webapi: too soon', () => poll(begun.device_code), [400, 'slow_down']);
    const [shown, last] = await decide(begun.verification_uri_complete, 'approve');
    ok('the page says who asks for what', ['The screen', 'tv', 'read', email, begun.user_code].every((text) => shown.includes(text)) && !shown.includes('admin'), shown);
    ok('and that it is done', last.includes('The device is in'), last);
    const got = await poll(begun.device_code);
    const claims = await oauth.validateJwtAccessToken(as, new Request(`${OAUTH_ISSUER}/api`, { headers: { Authorization: `Bearer ${got.access_token}` } }), 'authenticated', insecure);
    equal('oauth4webapi: the token is the person\'s', [got.scope, claims.client_id, claims.sub === jose.decodeJwt(person).sub], ['read', 'tv', true]);
    await refused('oauth4webapi: once', () => poll(begun.device_code), [400, 'invalid_grant']);
    await bind(got.access_token);
    await oauth.processRevocationResponse(await oauth.revocationRequest(as, tv, oauth.None(), got.access_token, insecure));
    const denied = await begin({});
    await decide(denied.verification_uri_complete, 'deny');
    await refused('oauth4webapi: denied', () => poll(denied.device_code), [400, 'access_denied']);

    const config = await openid.discovery(issuer, 'tv', undefined, openid.None(), { execute: [openid.allowInsecureRequests] });
    const asked = await openid.initiateDeviceAuthorization(config, { scope: 'read' });
    const polling = openid.pollDeviceAuthorizationGrant(config, asked);
    await decide(asked.verification_uri_complete, 'approve');
    equal('openid-client: polls until it has the token', (await polling).scope, 'read');
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

// Which takes no answer that is not JSON, of a revocation either.
async function simpleOauth2() {
    const { ClientCredentials } = require('simple-oauth2');
    for (const authorizationMethod of ['header', 'body']) {
        const client = new ClientCredentials({ client: { id, secret }, auth: { tokenHost: OAUTH_ISSUER, tokenPath: '/oauth/token', revokePath: '/oauth/revoke' },
            options: { authorizationMethod } });
        const got = await client.getToken({ scope: ['read'] });
        equal(`simple-oauth2: client_credentials, the secret in the ${authorizationMethod}`, [got.token.token_type, got.token.scope, got.expired()], ['Bearer', 'read', false]);
        await bind(got.token.access_token);
        await got.revoke('access_token');
    }
}

// The client of the Model Context Protocol, which starts from the resource.
async function modelContextProtocol() {
    const from = (name) => import(pathToFileURL(`${folder}@modelcontextprotocol/sdk/dist/esm/client/${name}.js`));
    const { auth, extractWWWAuthenticateParams } = await from('auth'), { ClientCredentialsProvider, PrivateKeyJwtProvider } = await from('auth-extensions');
    const key = await oauth.generateKeyPair('ES256', { extractable: true }), common = { clientId: id, scope: 'read', expectedIssuer: OAUTH_ISSUER };
    await tell('register', await publicKeys([key]));
    const refusal = extractWWWAuthenticateParams(await fetch(`${OAUTH_ISSUER}/api/users/me`));
    for (const provider of [new ClientCredentialsProvider({ ...common, clientSecret: secret }),
        new PrivateKeyJwtProvider({ ...common, privateKey: await jose.exportJWK(key.privateKey), algorithm: 'ES256' })]) {
        const outcome = await auth(provider, { serverUrl: `${OAUTH_ISSUER}/api`, ...refusal });
        const { access_token, scope } = provider.tokens();
        const { status } = await fetch(`${OAUTH_ISSUER}/api/users/me`, { headers: { Authorization: `Bearer ${access_token}` } });
        equal(`Model Context Protocol: ${provider.constructor.name}`, [outcome, scope, status], ['AUTHORIZED', 'read', 200]);
    }
}

await oauth4webapi();
await withoutSecrets();
await modelContextProtocol();
await openidClient();
await simpleOauth2();
await devices();
process.exit(0);
