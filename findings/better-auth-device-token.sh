#!/bin/bash
# npm better-auth 1.7.25 with openid-client 6.9.0: the device grant shows the person a code, and ends at the first question whether it was entered: 415.
#
# Both requests of a device are forms (RFC 8628, sections 3.1 and 3.4: "application/x-www-form-urlencoded"). The plugin deviceAuthorization()
# takes a form at /device/code and JSON alone at /device/token, although it answers as the RFC has it (authorization_pending, slow_down, a Bearer
# token). So the part that one tries first works, the code is on the screen and the person enters it, while the program is at its end: no client by
# the standard goes further, neither libpq's nor openid-client's. Until 1.4 neither took a form (better-auth/better-auth#6350, open; a change for all the endpoints,
# #6364, is open, too). Its own description of the endpoint says "Follow rfc8628#section-3.4"; its own client sends JSON.
# Way out: ask for the token with JSON by hand, as below. The next version lets clients that are registered have it at /oauth2/token (#10746).
#
#   openid-client: has a code for ann; before she enters it: unexpected HTTP response status code 415
#   by hand, as a form: 415 UNSUPPORTED_MEDIA_TYPE
#   by hand, as JSON: 400 authorization_pending
#   she enters another: approved
#   by hand, as JSON: 200 Bearer, good for /get-session: ann@example.com
# shellcheck source=findings/lib/find.sh
. "$(dirname "$0")/lib/find.sh"

node_packages better-auth@1.7.25 openid-client@6.9.0

cat >"$work/device.mjs" <<'JS'
import { createServer } from 'node:http';
import { betterAuth } from 'better-auth';
import { memoryAdapter } from 'better-auth/adapters/memory';
import { toNodeHandler } from 'better-auth/node';
import { bearer, deviceAuthorization } from 'better-auth/plugins';
import * as client from 'openid-client';

const server = createServer();
await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
const origin = `http://127.0.0.1:${server.address().port}`, base = `${origin}/api/auth`;
const auth = betterAuth({
    baseURL: origin, secret: 'a secret that is long enough for this', telemetry: { enabled: false },
    database: memoryAdapter({ user: [], session: [], account: [], verification: [], deviceCode: [] }),
    emailAndPassword: { enabled: true },
    plugins: [deviceAuthorization({ verificationUri: '/device' }), bearer()],
});
server.on('request', toNodeHandler(auth));
const post = async (path, body, headers) => {
    const response = await fetch(base + path, { method: 'POST', body, headers: { origin, ...headers } });
    return { status: response.status, cookie: response.headers.get('set-cookie')?.split(';')[0], ...await response.json() };
};
const json = (path, body, headers) => post(path, JSON.stringify(body), { 'content-type': 'application/json', ...headers });
const { cookie } = await json('/sign-up/email', { name: 'Ann', email: 'ann@example.com', password: 'correct horse' });

const metadata = { issuer: origin, device_authorization_endpoint: `${base}/device/code`, token_endpoint: `${base}/device/token` };
const configuration = new client.Configuration(metadata, 'app', undefined, client.None());
client.allowInsecureRequests(configuration);
const device = await client.initiateDeviceAuthorization(configuration, {});
const asked = await client.pollDeviceAuthorizationGrant(configuration, { ...device, interval: 0 }).then(() => 'a token', ({ message, cause }) => `${message} ${cause?.status ?? ''}`);
console.log(`openid-client: ${device.user_code ? 'has a code for ann' : 'has no code'}; before she enters it: ${asked}`);

const question = (device_code) => ({ grant_type: 'urn:ietf:params:oauth:grant-type:device_code', device_code, client_id: 'app' });
const form = await post('/device/token', new URLSearchParams(question(device.device_code)));
console.log(`by hand, as a form: ${form.status} ${form.code}`);
const pending = await json('/device/token', question(device.device_code));
console.log(`by hand, as JSON: ${pending.status} ${pending.error}`);
const other = await client.initiateDeviceAuthorization(configuration, {}); // the first one may be asked about again in five seconds
await fetch(`${base}/device?user_code=${other.user_code}`, { headers: { cookie } });
const { success } = await json('/device/approve', { userCode: other.user_code }, { cookie });
console.log(`she enters another: ${success ? 'approved' : 'refused'}`);
const answer = await json('/device/token', question(other.device_code));
const session = await (await fetch(`${base}/get-session`, { headers: { authorization: `Bearer ${answer.access_token}` } })).json();
console.log(`by hand, as JSON: ${answer.status} ${answer.token_type}, good for /get-session: ${session?.user.email}`);
process.exit(0);
JS

timeout 120 node "$work/device.mjs" | expect 'openid-client: has a code for ann; before she enters it: unexpected HTTP response status code 415
by hand, as a form: 415 UNSUPPORTED_MEDIA_TYPE
by hand, as JSON: 400 authorization_pending
she enters another: approved
by hand, as JSON: 200 Bearer, good for /get-session: ann@example.com'
