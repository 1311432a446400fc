#!/bin/bash
# npm @jmondi/oauth2-server 4.3.7 with openid-client 6.9.0: a refresh token is revoked only with token_type_hint=refresh_token, an opaque one never; the answer is 200.
#
# The hint is OPTIONAL, and a server that does not find the token by it "MUST extend its search across all of its supported token types" (RFC 7009,
# section 2.1). Here a token without the hint, or with another, is looked for among access tokens alone, and with `useOpaqueRefreshTokens` both kinds of hint
# lead to the payload of a JWT, which an opaque token has not (tokenFromRequest in src/grants/client_credentials.grant.ts). Nothing is found, nothing is
# revoked, and the answer is the one of success, as it is of what is not there. openid-client sends a hint only if told to; so an application that signs out by
# tokenRevocation(config, refresh_token), as against any other server, leaves the session as it was, and introspection calls that token inactive meanwhile.
# Way out: of the client the hint (JWT refresh tokens); of the server an endpoint of one's own before it, which looks the refresh token up in one's repository.
# pg_principal's /oauth/revoke does not look at the hint.
#
#   a JWT, no hint: 200, introspection inactive, refreshed all the same
#   a JWT, hint access_token: 200, introspection inactive, refreshed all the same
#   a JWT, hint refresh_token: 200, introspection inactive, refused: invalid_request
#   opaque, no hint: 200, introspection inactive, refreshed all the same
#   opaque, hint access_token: 200, introspection inactive, refreshed all the same
#   opaque, hint refresh_token: 200, introspection inactive, refreshed all the same
#   the introspection of a JWT before, no hint: inactive; hint refresh_token: active
# shellcheck source=findings/lib/find.sh
. "$(dirname "$0")/lib/find.sh"

node_packages @jmondi/oauth2-server@4.3.7 openid-client@6.9.0

cat >"$work/revoke.mjs" <<'JS'
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { AuthorizationServer, JwtService, OAuthException, OAuthRequest } from '@jmondi/oauth2-server';
import * as openid from 'openid-client';

const client = { id: 'app', name: 'app', secret: 'secret', redirectUris: [], allowedGrants: ['password', 'refresh_token', 'client_credentials'], scopes: [] };
const user = { id: 'ann' };
const rows = [];
const inDays = (days) => new Date(Date.now() + days * 86_400_000);
const find = async (test) => rows.find(test) ?? Promise.reject(new Error('no such token'));
const tokens = {
    issueToken: async (client, scopes, user) => ({ accessToken: randomUUID(), accessTokenExpiresAt: inDays(1), client, scopes, user }),
    issueRefreshToken: async (token) => Object.assign(token, { refreshToken: randomUUID(), refreshTokenExpiresAt: inDays(7) }),
    persist: async (token) => rows.push(token),
    revoke: async (token) => Object.assign(token, { accessTokenExpiresAt: new Date(0), refreshTokenExpiresAt: new Date(0) }),
    isRefreshTokenRevoked: async ({ refreshTokenExpiresAt }) => refreshTokenExpiresAt < new Date(),
    getByRefreshToken: (id) => find(({ refreshToken }) => refreshToken === id),
    getByAccessToken: (id) => find(({ accessToken }) => accessToken === id),
};
const clients = { getByIdentifier: async () => client, isClientValid: async (grant, { secret }, shown) => shown === secret };
const scopes = { getAllByIdentifiers: async () => [], finalize: async (all) => all };

async function serve(useOpaqueRefreshTokens) {
    const oauth = new AuthorizationServer(clients, tokens, scopes, new JwtService('x'.repeat(32)), { useOpaqueRefreshTokens });
    oauth.enableGrantTypes('client_credentials', 'refresh_token', { grant: 'password', userRepository: { getUserByCredentials: async () => user } });
    const routes = { '/token': 'respondToAccessTokenRequest', '/revoke': 'revoke', '/introspect': 'introspect' };
    const server = createServer(async (request, response) => {
        const body = Object.fromEntries(new URLSearchParams((await request.toArray()).join('')));
        const answer = await oauth[routes[request.url]](new OAuthRequest({ body, headers: request.headers, query: {} }))
            .catch((error) => (error instanceof OAuthException ? { status: error.status, body: { error: error.errorType } } : Promise.reject(error)));
        response.writeHead(answer.status, { 'content-type': 'application/json' });
        response.end(JSON.stringify(answer.body));
    });
    await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
    const issuer = `http://127.0.0.1:${server.address().port}`;
    const metadata = { issuer, token_endpoint: `${issuer}/token`, revocation_endpoint: `${issuer}/revoke`, introspection_endpoint: `${issuer}/introspect` };
    const config = new openid.Configuration(metadata, 'app', 'secret');
    openid.allowInsecureRequests(config);
    return config;
}
const signIn = (config) => openid.genericGrantRequest(config, 'password', { username: 'ann', password: 'correct horse' }).then((got) => got.refresh_token);
const active = async (config, token, hint) => ((await openid.tokenIntrospection(config, token, hint)).active ? 'active' : 'inactive');

for (const [kind, opaque] of [['a JWT', false], ['opaque', true]])
    for (const hint of [undefined, 'access_token', 'refresh_token']) {
        const config = await serve(opaque), token = await signIn(config);
        let status;
        config[openid.customFetch] = async (...request) => {
            const response = await fetch(...request);
            status = response.status;
            return response;
        };
        const said = hint && { token_type_hint: hint };
        await openid.tokenRevocation(config, token, said);
        const revoked = status, told = await active(config, token, said);
        const after = await openid.refreshTokenGrant(config, token).then(() => 'refreshed all the same', ({ error }) => `refused: ${error}`);
        console.log(`${kind}, ${hint ? `hint ${hint}` : 'no hint'}: ${revoked}, introspection ${told}, ${after}`);
    }
const config = await serve(false), token = await signIn(config);
const [bare, hinted] = [await active(config, token), await active(config, token, { token_type_hint: 'refresh_token' })];
console.log(`the introspection of a JWT before, no hint: ${bare}; hint refresh_token: ${hinted}`);
process.exit(0);
JS

timeout 60 node "$work/revoke.mjs" | expect 'a JWT, no hint: 200, introspection inactive, refreshed all the same
a JWT, hint access_token: 200, introspection inactive, refreshed all the same
a JWT, hint refresh_token: 200, introspection inactive, refused: invalid_request
opaque, no hint: 200, introspection inactive, refreshed all the same
opaque, hint access_token: 200, introspection inactive, refreshed all the same
opaque, hint refresh_token: 200, introspection inactive, refreshed all the same
the introspection of a JWT before, no hint: inactive; hint refresh_token: active'
