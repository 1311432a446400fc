#!/bin/bash
# npm get-jwks 11.0.3: `timeout`, five seconds unless told, is read by nobody: an issuer that does not answer holds each request that has a token.
#
# The documentation has it ("how long it should wait to retrieve a JWK before it fails. Defaults to 5s"). Nothing in src/get-jwks.js reads
# options.timeout; the five seconds, and a `timeout` in fetchOptions, are handed to fetch(), which in Node.js has no such option: node-fetch 2 had one. What is left
# is undici's own patience, five minutes by its documentation (not measured here). The pending promise is what is kept for the next callers, so all who come with
# a token of that key wait together. A `signal` in fetchOptions is one for all fetches: AbortSignal.timeout() there ends every later one, too, of an issuer that is
# well again.
# Way out: wait for getJwk() beside a clock of one's own (below), or fetchOptions.dispatcher, an Agent of the package undici with headersTimeout; or
# jose's createRemoteJWKSet, whose timeoutDuration is kept.
#
#   get-jwks as it comes: still waiting after 7 s
#   timeout: 500: still waiting after 7 s
#   fetchOptions.timeout: 500: still waiting after 7 s
#   a clock beside it: given up
#   jose, timeoutDuration: 500: ERR_JWKS_TIMEOUT
#   signal: AbortSignal.timeout(500), then an issuer that answers: TimeoutError
# shellcheck source=findings/lib/find.sh
. "$(dirname "$0")/lib/find.sh"

node_packages get-jwks@11.0.3 jose@6.2.18

cat >"$work/wait.mjs" <<'JS'
import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import buildGetJwks from 'get-jwks';
import { createRemoteJWKSet } from 'jose';

let silent = true;
const issuer = createServer((request, response) => silent || response.end('{"keys": [{"kty": "oct", "kid": "key"}]}'));
await new Promise((ready) => issuer.listen(0, '127.0.0.1', ready));
const domain = `http://127.0.0.1:${issuer.address().port}/`, wanted = { domain, alg: 'ES256', kid: 'key' };

const told = (asked) => Promise.race([asked.then(() => 'answered', (error) => error.name === 'TimeoutError' ? error.name : error.code ?? error.message),
    sleep(7000, 'still waiting after 7 s')]);
const keys = (options) => buildGetJwks(options).getJwk(wanted);
const clock = async () => Promise.race([keys(), sleep(500).then(() => Promise.reject(new Error('given up')))]);
const all = {
    'get-jwks as it comes': keys(),
    'timeout: 500': keys({ timeout: 500 }),
    'fetchOptions.timeout: 500': keys({ fetchOptions: { timeout: 500 } }),
    'a clock beside it': clock(),
    'jose, timeoutDuration: 500': createRemoteJWKSet(new URL(domain), { timeoutDuration: 500 })({ alg: 'ES256', kid: 'key' }),
};
const answers = await Promise.all(Object.values(all).map(told));
Object.keys(all).forEach((name, n) => console.log(`${name}: ${answers[n]}`));

const signal = AbortSignal.timeout(500), patient = buildGetJwks({ fetchOptions: { signal } });
await sleep(1000);
silent = false;
if (await told(keys()) !== 'answered') throw new Error('the issuer does not answer');
console.log(`signal: AbortSignal.timeout(500), then an issuer that answers: ${await told(patient.getJwk(wanted))}`);
process.exit(0);
JS

timeout 60 node "$work/wait.mjs" | expect 'get-jwks as it comes: still waiting after 7 s
timeout: 500: still waiting after 7 s
fetchOptions.timeout: 500: still waiting after 7 s
a clock beside it: given up
jose, timeoutDuration: 500: ERR_JWKS_TIMEOUT
signal: AbortSignal.timeout(500), then an issuer that answers: TimeoutError'
