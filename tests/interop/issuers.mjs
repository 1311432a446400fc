// Tokens as real issuers send them, signed by npm's jose with keys shaped as theirs (tests/samples/jwks), and every wrong one beside
// them: prints a JSON list of {name, issuer, audiences, jwks, rule, good, wrong}. ISSUER_AUDIENCE is whom they are for.
// With an argument: oauth2-mock-server and oidc-provider, unchanged, over TLS (ISSUER_KEY, ISSUER_CERT: files); a line of JSON for each,
// until standard input ends.
import { createServer } from 'node:https';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { webcrypto } from 'node:crypto';

globalThis.crypto ??= webcrypto; // Node 18
const folder = process.cwd() + '/build/interop/node_modules/';
const require = createRequire(pathToFileURL(process.cwd() + '/build/interop/here.js'));
const jose = require('jose');
const { ISSUER_AUDIENCE: audience, ISSUER_KEY: key, ISSUER_CERT: cert } = process.env;
const now = () => Math.floor(Date.now() / 1000);
const published = (file) => JSON.parse(readFileSync(`tests/samples/jwks/${file}`, 'utf8').replace(/^\ufeff/, ''));

// The published set, in which the key of this kid has numbers of ours; its neighbours stay as they are.
async function shaped(file, kid, alg) {
    const pair = await jose.generateKeyPair(alg, { extractable: true }), ours = await jose.exportJWK(pair.publicKey), jwks = published(file);
    for (const one of jwks.keys) if (one.kid === kid) Object.assign(one, ours);
    return { jwks, privateKey: pair.privateKey };
}

const issuers = [
    { name: 'GitHub Actions', file: '03-github-actions.json', kid: 'cc413527-173f-5a05-976e-9c52b1d7b431', typ: 'JWT', issuer: 'https://token.actions.githubusercontent.com',
        rule: { repository_id: '74', environment: 'prod' },
        claims: { sub: 'repo:octo/app:environment:prod', repository: 'octo/app', repository_id: '74', repository_owner_id: '65', environment: 'prod', ref: 'refs/heads/main',
            job_workflow_ref: 'octo/app/.github/workflows/deploy.yml@refs/heads/main', event_name: 'push' },
        also: { sub: 'repo:octo@65/app@74:environment:prod%3Aeu' } },
    { name: 'GitLab', file: '04-gitlab.json', typ: 'JWT', issuer: 'https://gitlab.com', rule: { project_id: '22', ref_protected: 'true' },
        claims: { sub: `project_path:group/${'sub/'.repeat(40)}project:ref_type:branch:ref:main`, project_id: '22', ref_protected: 'true', ref_type: 'branch', user_email: 'ann@example.com' } },
    { name: 'Kubernetes', file: '08-kubernetes-kops-512-bit-rsa.json', issuer: 'https://kubernetes.default.svc', list: true,
        rule: { 'kubernetes.io': { namespace: 'prod', serviceaccount: { uid: '8a2f' } } },
        claims: { sub: 'system:serviceaccount:prod:agent', 'kubernetes.io': { namespace: 'prod', serviceaccount: { name: 'agent', uid: '8a2f' }, pod: { name: 'agent-0', uid: '9b3e' } } } },
    { name: 'Entra ID', file: '01-entra-id.json', typ: 'JWT', issuer: 'https://login.microsoftonline.com/7a1c/v2.0', rule: { tid: '7a1c', oid: '5d2e' },
        claims: { tid: '7a1c', oid: '5d2e', azp: '11aa', ver: '2.0', sub: '5d2e' } },
    { name: 'Google', file: '02-google.json', typ: 'JWT', issuer: 'https://accounts.google.com', rule: { sub: '1133', email_verified: true },
        claims: { sub: '1133', azp: '1133', email: 'job@project.iam.gserviceaccount.com', email_verified: true } },
    { name: 'Cognito', file: '05-aws-cognito.json', issuer: 'https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_X', bare: true, rule: { client_id: '7a', token_use: 'access' },
        claims: { sub: '7a', client_id: '7a', token_use: 'access', scope: 'x/read' } },
    { name: 'Keycloak', file: '06-keycloak-sig-and-enc.json', typ: 'JWT', issuer: 'https://sso.example.com/realms/main', list: true, rule: { azp: 'job', typ: 'Bearer' },
        claims: { sub: '4c1d', azp: 'job', typ: 'Bearer' } },
    { name: 'SPIFFE', file: '07-spiffe-bundle-with-wit.json', kid: 'IRsID4VIM3T11TsK43Ny1DgCD5UNWhva', typ: 'JOSE', alg: 'ES256', issuer: 'spiffe://example.org', list: true, silent: true,
        rule: { sub: 'spiffe://example.org/ns/prod/agent' }, claims: { sub: 'spiffe://example.org/ns/prod/agent' } },
    { name: 'SAP', file: '04-gitlab.json', typ: 'JWT', issuer: 'https://main.authentication.eu10.hana.ondemand.com/oauth/token', list: true,
        header: { jku: 'https://main.authentication.eu10.hana.ondemand.com/token_keys' }, rule: { client_id: 'sb-job!t1', ext_attr: { zdn: 'main' } },
        claims: { sub: 'sb-job!t1', client_id: 'sb-job!t1', zid: '5f1c', ext_attr: { enhancer: 'XSUAA', zdn: 'main' } } },
];

// Another value at each end of the rule.
function* changes(rule, claims) {
    for (const [name, value] of Object.entries(rule))
        if (typeof value === 'object') for (const change of changes(value, claims[name])) yield { [name]: { ...claims[name], ...change } };
        else yield { [name]: typeof value === 'string' ? value + 's' : String(value) };
}

async function printed({ name, file, kid, typ, alg = 'RS256', issuer, list, bare, silent, header: own = {}, rule, claims, also }) {
    const first = published(file).keys.find((one) => one.kid && (!kid || one.kid.startsWith(kid.slice(0, 20)))).kid;
    const { jwks, privateKey } = await shaped(file, first, alg);
    const { privateKey: other, publicKey } = await jose.generateKeyPair(alg, { extractable: true });
    const said = () => ({ iat: now(), nbf: now() - 5, exp: now() + 300, jti: crypto.randomUUID(), ...(silent ? {} : { iss: issuer }), ...(bare ? {} : { aud: list ? [audience] : audience }), ...claims });
    const signed = (change = {}, header = {}, by = privateKey) => {
        const payload = { ...said(), ...change };
        for (const one of Object.keys(payload)) if (payload[one] === undefined) delete payload[one];
        return new jose.CompactSign(new TextEncoder().encode(JSON.stringify(payload))).setProtectedHeader({ alg, ...(typ && { typ }), kid: first, ...own, ...header }).sign(by);
    };
    const wrong = {
        'a list of other audiences': await signed({ aud: ['https://x', 'https://y'] }), 'another audience': await signed({ aud: 'https://x' }),
        'another issuer\'s key of the same kid': await signed({}, {}, other),
        'another key, which it brings along': await signed({}, { jwk: await jose.exportJWK(publicKey), jku: 'https://evil.example.com/keys', x5c: ['MIIB'] }, other), expired: await signed({ exp: now() - 3600, iat: now() - 3900, nbf: now() - 3900 }),
        'from the future': await signed({ iat: now() + 1800, nbf: now() + 1800, exp: now() + 2000 }), 'issued in the future': await signed({ iat: now() + 1800, nbf: undefined, exp: now() + 2000 }),
        'no end': await signed({ exp: undefined }), 'too long a life': await signed({ exp: now() + 86400 }), 'too long since': await signed({ iat: now() - 86400 }),
        'an unknown kid': await signed({}, { kid: 'rotated' }, other), 'another type': await signed({}, { typ: 'logout+jwt' }),
        ...(bare ? {} : { 'no audience': await signed({ aud: undefined }) }), ...(silent ? {} : { 'no issuer': await signed({ iss: undefined }), 'another issuer': await signed({ iss: 'https://evil.example.com' }) }),
    };
    for (const change of changes(rule, claims)) wrong[`another ${JSON.stringify(change).slice(0, 60)}`] = await signed(change);
    const good = [await signed()];
    if (also) good.push(await signed(also));
    if (!bare) good.push(await signed({ aud: ['https://x', audience] }));
    return { name, issuer, audiences: bare ? [] : [audience], algorithms: [alg], jwks, rule, good, wrong };
}

async function mock() {
    const { OAuth2Server } = await import(pathToFileURL(folder + 'oauth2-mock-server/dist/index.js'));
    const server = new OAuth2Server(key, cert);
    await server.issuer.keys.generate('RS256');
    await server.start(0, 'localhost');
    const token = await server.issuer.buildToken({ expiresIn: 300, scopesOrTransform: (header, payload) => Object.assign(payload, { aud: audience, sub: 'job-7' }) });
    return { name: 'oauth2-mock-server', issuer: server.issuer.url, url: `${server.issuer.url}/.well-known/openid-configuration`, rule: { sub: 'job-7' }, token };
}

async function provider() {
    const { default: Provider } = await import(pathToFileURL(folder + 'oidc-provider/lib/index.js'));
    const pair = await jose.generateKeyPair('RS256', { extractable: true });
    let handler;
    const server = createServer({ key: readFileSync(key), cert: readFileSync(cert) }, (...both) => handler(...both));
    await new Promise((done) => server.listen(0, '127.0.0.1', done));
    const issuer = `https://localhost:${server.address().port}`;
    handler = new Provider(issuer, {
        clients: [{ client_id: 'job', client_secret: 'not-a-secret-at-all', grant_types: ['client_credentials'], redirect_uris: [], response_types: [] }],
        jwks: { keys: [{ ...await jose.exportJWK(pair.privateKey), use: 'sig', alg: 'RS256', kid: 'op' }] },
        features: { clientCredentials: { enabled: true }, devInteractions: { enabled: false }, resourceIndicators: { enabled: true, defaultResource: () => audience,
            getResourceServerInfo: () => ({ scope: 'read', audience, accessTokenFormat: 'jwt', accessTokenTTL: 300, jwt: { sign: { alg: 'RS256' } } }) } },
    }).callback();
    const response = await fetch(`${issuer}/token`, { method: 'POST', body: new URLSearchParams({ grant_type: 'client_credentials', scope: 'read' }),
        headers: { Authorization: 'Basic ' + Buffer.from('job:not-a-secret-at-all').toString('base64') } });
    return { name: 'oidc-provider', issuer, url: `${issuer}/.well-known/openid-configuration`, rule: { client_id: 'job' }, token: (await response.json()).access_token };
}

if (process.argv.length > 2) {
    for (const make of [mock, provider]) console.log(JSON.stringify(await make()));
    process.stdin.resume().on('end', () => process.exit(0));
} else {
    console.log(JSON.stringify(await Promise.all(issuers.map(printed))));
}
