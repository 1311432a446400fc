#!/bin/bash
# @modelcontextprotocol/sdk 1.32.2: no server's metadata is believed without an authorization_endpoint, client credentials or not.
#
# RFC 8414, section 2, has authorization_endpoint as required "unless no grant types are supported that use the authorization endpoint". A server
# for client_credentials, token exchange and device codes has none, and its document without it ends discovery with a ZodError, so that
# ClientCredentialsProvider and PrivateKeyJwtProvider of the same package never ask for a token. With any URL there it is used as it should be, and
# the URL never asked. A server that wants these clients names an endpoint that refuses.
#
#   without an authorization endpoint: refused, authorization_endpoint: expected string, received undefined
#   with one: AUTHORIZED, after GET /.well-known/oauth-protected-resource/api, GET /.well-known/oauth-authorization-server, POST /token
# shellcheck source=findings/lib/find.sh
. "$(dirname "$0")/lib/find.sh"

node_packages @modelcontextprotocol/sdk@1.32.2

cat >"$work/discovery.mjs" <<'JS'
import { auth } from '@modelcontextprotocol/sdk/client/auth.js';
import { ClientCredentialsProvider } from '@modelcontextprotocol/sdk/client/auth-extensions.js';

const issuer = 'https://server.example';
const documents = {
    '/.well-known/oauth-protected-resource/api': { resource: `${issuer}/api`, authorization_servers: [issuer] },
    '/.well-known/oauth-authorization-server': { issuer, token_endpoint: `${issuer}/token`, response_types_supported: ['none'], grant_types_supported: ['client_credentials'],
        token_endpoint_auth_methods_supported: ['client_secret_basic'] },
    '/token': { access_token: 'x', token_type: 'Bearer', expires_in: 900 },
};

for (const [what, more] of [['without an authorization endpoint', {}], ['with one', { authorization_endpoint: `${issuer}/authorize` }]]) {
    const asked = [];
    const fetchFn = async (url, { method = 'GET' } = {}) => {
        const { pathname } = new URL(url);
        asked.push(`${method} ${pathname}`);
        return Response.json(pathname.endsWith('-server') ? { ...documents[pathname], ...more } : documents[pathname], { status: pathname in documents ? 200 : 404 });
    };
    const provider = new ClientCredentialsProvider({ clientId: 'agent', clientSecret: 'secret', expectedIssuer: issuer });
    const told = await auth(provider, { serverUrl: `${issuer}/api`, fetchFn }).then((outcome) => `${outcome}, after ${asked.join(', ')}`,
        (error) => `refused, ${error.issues.map(({ path, message }) => `${path.join('.')}: ${message.replace('Invalid input: ', '')}`).join(', ')}`);
    console.log(`${what}: ${told}`);
}
JS

timeout 120 node "$work/discovery.mjs" | expect 'without an authorization endpoint: refused, authorization_endpoint: expected string, received undefined
with one: AUTHORIZED, after GET /.well-known/oauth-protected-resource/api, GET /.well-known/oauth-authorization-server, POST /token'
