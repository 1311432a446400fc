#!/bin/bash
# @supabase/auth-js 2.119.1: "try again in a second" (429 with Retry-After) at a refresh signs the user out; a broken server (503) does not.
#
# When the access token has expired, getSession() refreshes it. What it takes for transient are network errors, 5xx and nothing else: a
# rate limit, whose whole meaning is "later", ends the session for good. It is deleted from the storage, the event is SIGNED_OUT, and the refresh
# token, which the server has not taken, is lost. Retry-After is not read. 408 (Request Timeout) does the same.
# While the access token is good for some seconds yet the session stays: a page that is opened again after hours is what meets this, and
# many of them at once when a limit counts addresses. Servers do better to answer 503 where they mean 429.
#
#   429: one request, SIGNED_OUT, storage empty, then with the server well again: no session
#   503: several requests, nobody signed out, session stored, then with the server well again: a session
# shellcheck source=findings/lib/find.sh
. "$(dirname "$0")/lib/find.sh"

node_packages @supabase/auth-js@2.119.1

cat >"$work/refresh.mjs" <<'JS'
import { createServer } from 'node:http';
import { GoTrueClient } from '@supabase/auth-js';

console.error = console.warn = () => {}; // the client tells there what it was answered
const part = (object) => Buffer.from(JSON.stringify(object)).toString('base64url');
const session = (lifetime) => {
    const expires_at = Math.floor(Date.now() / 1000) + lifetime;
    return { access_token: `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ sub: '1', exp: expires_at })}.c2ln`, expires_at,
        refresh_token: 'refresh', expires_in: lifetime, token_type: 'bearer', user: { id: '1' } };
};

let status, requests;
const server = createServer((request, response) => {
    ++requests;
    request.resume();
    response.writeHead(status, { 'content-type': 'application/json', 'retry-after': '1' });
    response.end(JSON.stringify(status === 200 ? session(3600) : { code: 'over_request_rate_limit', message: 'later' }));
});
await new Promise((ready) => server.listen(0, '127.0.0.1', ready));

for (const failure of [429, 503]) {
    const stored = new Map([['session', JSON.stringify(session(-60))]]);
    const storage = { getItem: (key) => stored.get(key) ?? null, setItem: (key, value) => void stored.set(key, value),
        removeItem: (key) => void stored.delete(key) };
    const open = () => new GoTrueClient({ url: `http://127.0.0.1:${server.address().port}`, storageKey: 'session', storage,
        autoRefreshToken: false, persistSession: true });
    const events = [];
    [status, requests] = [failure, 0];
    const client = open();
    client.onAuthStateChange((event) => void events.push(event));
    await client.getSession();
    const told = [requests === 1 ? 'one request' : 'several requests', events.includes('SIGNED_OUT') ? 'SIGNED_OUT' : 'nobody signed out',
        stored.has('session') ? 'session stored' : 'storage empty'];
    status = 200; // and the page is loaded again
    const { data } = await open().getSession();
    console.log(`${failure}: ${told.join(', ')}, then with the server well again: ${data.session ? 'a session' : 'no session'}`);
}
process.exit(0);
JS

timeout 120 node "$work/refresh.mjs" | expect '429: one request, SIGNED_OUT, storage empty, then with the server well again: no session
503: several requests, nobody signed out, session stored, then with the server well again: a session'
