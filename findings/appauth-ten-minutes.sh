#!/bin/bash
# npm @openid/appauth 1.4.0 and ionic-appauth 2.1.0: an access token of ten minutes or less is expired when it comes, so each call refreshes it.
#
# isValid() of a token says no from ten minutes before its end (`now < issuedAt + expiresIn - 600`). Of an hour that is little; what lives for five minutes,
# as by Keycloak unless told otherwise, is never valid: ionic-appauth's getValidToken(), with the same ten minutes, asks for another with every call, of a page
# with several requests by as many refreshes at once, which servers that rotate refresh tokens may take for theft. Nothing fails where tokens
# last an hour, and no text of either speaks of the ten minutes; they are a parameter (in 1.2.4 the end was ten minutes late
# instead, openid/AppAuth-JS#123). expires_in is any lifetime in seconds (RFC 6749, section 5.1).
# Version 1.4.0 is "designed for use in Web Apps, Node.js CLI applications", and Node.js cannot load it: it became ESM, and its files import each other
# without their extensions, which bundlers find and Node.js does not. Its files moved, too: ionic-appauth, which takes any 1.3.1 or later, imports one by
# its old place, so that who installs it today cannot bundle it. We found no issue about either.
# Way out: isValid(-30), getValidToken(-30); keep @openid/appauth at 1.3.2.
#
#   lifetime  valid in 1.3.2  valid in 1.4.0  getValidToken() five times
#   300 s     no              no              5 refreshes
#   600 s     no              no              5 refreshes
#   900 s     yes             yes             0 refreshes
#   3600 s    yes             yes             0 refreshes
#   300 s, getValidToken(-30) five times: 0 refreshes
#   Node.js loads 1.3.2: yes; 1.4.0: ERR_MODULE_NOT_FOUND
#   ionic-appauth is bundled with 1.3.2: yes; with 1.4.0: Could not resolve "@openid/appauth/built/crypto_utils"
# shellcheck source=findings/lib/find.sh
. "$(dirname "$0")/lib/find.sh"

node_packages now@npm:@openid/appauth@1.4.0 @openid/appauth@1.3.2 ionic-appauth@2.1.0 rxjs@7.8.2 esbuild@0.25.12

cat >"$work/ask.mjs" <<'JS'
import { FetchRequestor, StorageBackend, TokenResponse } from '@openid/appauth';
import { AuthService } from 'ionic-appauth';
import { createServer } from 'node:http';
import { TokenResponse as Now } from 'now';

class Memory extends StorageBackend {
    values = new Map();
    async getItem(name) { return this.values.get(name) ?? null; }
    async setItem(name, value) { this.values.set(name, value); }
    async removeItem(name) { this.values.delete(name); }
    async clear() { this.values.clear(); }
}

let base, lifetime, refreshes;
const tokens = () => ({ access_token: 'a', refresh_token: 'r', token_type: 'bearer', expires_in: lifetime });
const server = createServer((request, answer) => {
    answer.setHeader('Content-Type', 'application/json');
    if (request.method === 'POST') {
        refreshes += 1;
        answer.end(JSON.stringify(tokens()));
    } else {
        answer.end(JSON.stringify({ issuer: base, authorization_endpoint: base, token_endpoint: base, revocation_endpoint: base, userinfo_endpoint: base }));
    }
});
await new Promise((go) => server.listen(0, '127.0.0.1', go));
base = `http://127.0.0.1:${server.address().port}`;

async function fiveCalls(...buffer) { // of an application that signed in just now
    const storage = new Memory();
    await storage.setItem('token_response', JSON.stringify(new TokenResponse(tokens()).toJson()));
    const service = new AuthService({ showWindow: async () => undefined, closeWindow() {} }, storage, new FetchRequestor());
    service.authConfig = { client_id: 'shop', server_host: base, redirect_url: base, end_session_redirect_url: base, scopes: 'openid', pkce: true };
    await service.loadTokenFromStorage();
    refreshes = 0;
    for (let i = 0; i < 5; i++) await service.getValidToken(...buffer);
    return `${refreshes} refreshes`;
}
const row = (...cells) => console.log(cells.map((cell, i) => cell.padEnd([10, 16, 16, 0][i])).join(''));
const valid = (Response) => (new Response(tokens()).isValid() ? 'yes' : 'no');
row('lifetime', 'valid in 1.3.2', 'valid in 1.4.0', 'getValidToken() five times');
for (lifetime of [300, 600, 900, 3600]) row(`${lifetime} s`, valid(TokenResponse), valid(Now), await fiveCalls());
lifetime = 300;
console.log(`300 s, getValidToken(-30) five times: ${await fiveCalls(-30)}`);
process.exit();
JS
loads() { node -e "import('$1').then(() => console.log('yes'), (error) => console.log(error.code))" 2>/dev/null; }
cd "$work"
bundle() { # INPUT OPTION..
    timeout 60 node_modules/.bin/esbuild "$1" --bundle --platform=node --format=esm --outfile=bundled.mjs "${@:2}" 2>&1
}
said=$(bundle ask.mjs --log-level=error) || not_tried "esbuild: $said"
echo "import 'ionic-appauth'" >alone.mjs
{
    timeout 60 node bundled.mjs
    echo "Node.js loads 1.3.2: $(loads @openid/appauth); 1.4.0: $(loads now)"
    bundled=$(bundle alone.mjs --log-level=error >/dev/null && echo yes)
    mv node_modules/@openid/appauth before && mv node_modules/now node_modules/@openid/appauth
    echo "ionic-appauth is bundled with 1.3.2: $bundled; with 1.4.0: $(bundle alone.mjs | sed -n 's/.*ERROR\] //p' | head -n 1)"
} | expect 'lifetime  valid in 1.3.2  valid in 1.4.0  getValidToken() five times
300 s     no              no              5 refreshes
600 s     no              no              5 refreshes
900 s     yes             yes             0 refreshes
3600 s    yes             yes             0 refreshes
300 s, getValidToken(-30) five times: 0 refreshes
Node.js loads 1.3.2: yes; 1.4.0: ERR_MODULE_NOT_FOUND
ionic-appauth is bundled with 1.3.2: yes; with 1.4.0: Could not resolve "@openid/appauth/built/crypto_utils"'
