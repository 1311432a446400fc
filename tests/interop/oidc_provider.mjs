// npm's oidc-provider with one client, its tokens in memory: node oidc_provider.mjs PORT. Access tokens are ES256 JWTs
// (RFC 9068) for the resource "jwt", and opaque, which it can introspect, without one.
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const require = createRequire(pathToFileURL(process.cwd() + '/build/interop/here.js'));
const { default: Provider } = await import(pathToFileURL(process.cwd() + '/build/interop/node_modules/oidc-provider/lib/index.js'));
const { generateKeyPair, exportJWK } = require('jose');

const port = Number(process.argv[2]);
const { privateKey } = await generateKeyPair('ES256', { extractable: true });
const provider = new Provider(`http://127.0.0.1:${port}`, {
    clients: [{ client_id: 'bench', client_secret: 'bench-secret', grant_types: ['client_credentials'], redirect_uris: [], response_types: [], id_token_signed_response_alg: 'ES256' }],
    scopes: ['read'],
    jwks: { keys: [{ ...(await exportJWK(privateKey)), alg: 'ES256', use: 'sig', kid: 'bench' }] },
    features: {
        devInteractions: { enabled: false }, clientCredentials: { enabled: true }, introspection: { enabled: true },
        resourceIndicators: {
            enabled: true,
            getResourceServerInfo: () => ({ scope: 'read', accessTokenFormat: 'jwt', accessTokenTTL: 900, jwt: { sign: { alg: 'ES256' } } }),
        },
    },
});
provider.listen(port, '127.0.0.1', () => console.log('ready'));
