// What the clients of Supabase Auth make of our server: SUPABASE_URL, SUPABASE_ANON, SUPABASE_SERVICE, and at
// SUPABASE_SHORT_URL one whose access tokens live for two seconds. Prints a line for each check.
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { webcrypto } from 'node:crypto';
import { isDeepStrictEqual, inspect } from 'node:util';

// installed under build/, not beside this file
const require = createRequire(pathToFileURL(process.cwd() + '/build/interop/here.js'));
const { createClient } = require('@supabase/supabase-js');
const { AuthAdminApi, AuthClient } = require('@supabase/auth-js');
globalThis.crypto ??= webcrypto; // Node 18

const { SUPABASE_URL: url, SUPABASE_SHORT_URL: shortUrl, SUPABASE_ANON: anon, SUPABASE_SERVICE: service } = process.env;
const password = 'Th1sIsAStrong!Pass', other = 'An0ther!Password';

const asked = []; // every request of a client
const watched = async (input, init) => {
    asked.push(`${init?.method ?? 'GET'} ${new URL(input).pathname}`);
    return fetch(input, init);
};
console.error = () => {}; // the clients tell of refusals there, too

function ok(name, good, detail) {
    console.log(`${good ? 'ok' : 'not ok'} - ${name}`);
    if (!good && detail !== undefined) console.log('    ' + inspect(detail, { depth: 6 }).replaceAll('\n', '\n    '));
    return good;
}

function equal(name, got, wanted) {
    return ok(name, isDeepStrictEqual(got, wanted), { wanted, got });
}

const kind = (error) => error && [error.name, error.status, error.code];

async function refused(name, promise, status, code, type = 'AuthApiError') {
    try {
        const { error } = await promise;
        equal(name, kind(error), [type, status, code]);
        return error;
    } catch (error) {
        ok(name, false, error);
    }
}

async function fine(name, promise) {
    const { data, error } = await promise;
    ok(name, error === null, error);
    return data;
}

function client(key = anon, options = {}, base = url) {
    return createClient(base, key, {
        auth: { persistSession: false, autoRefreshToken: false, detectSessionInUrl: false, ...options },
        global: { fetch: watched },
        realtime: { transport: class {} }, // never opened; Node 18 has none
    });
}

function events(of) {
    const seen = [];
    of.auth.onAuthStateChange((event) => seen.push(event));
    return seen;
}

async function signedIn(email, options, base, secret = password) {
    const made = client(anon, options, base);
    const { error } = await made.auth.signInWithPassword({ email, password: secret });
    if (error) throw error;
    return made;
}

const admin = client(service).auth.admin;
let count = 0;
async function person(attributes = {}) {
    const email = `person-${++count}@example.com`;
    const { data, error } = await admin.createUser({ email, password, ...attributes });
    if (error) throw error;
    return data.user;
}

async function people() {
    const me = client(), seen = events(me);
    const { user, session } = await fine('signUp', me.auth.signUp({ email: 'Ada@Example.com', password, options: { data: { name: 'Ada' } } }));
    equal('a user', [user.email, user.user_metadata, user.app_metadata.pg_principal.role, user.identities.length], ['ada@example.com', { name: 'Ada' }, 'ANALYST', 1]);
    equal('and a session at once', [session.token_type, session.expires_in, session.user.id], ['bearer', 900, user.id]);
    await refused('signUp again', client().auth.signUp({ email: 'ada@example.com', password }), 422, 'user_already_exists');
    const weak = await refused('a weak password', client().auth.signUp({ email: 'b@example.com', password: 'weak' }), 422, 'weak_password',
        'AuthWeakPasswordError');
    equal('and why', weak?.reasons, ['length', 'characters']);

    equal('getSession', (await me.auth.getSession()).data.session.access_token, session.access_token);
    equal('getUser', (await fine('getUser asks', me.auth.getUser())).user, session.user);
    const before = asked.length;
    const { claims, header } = await fine('getClaims', me.auth.getClaims());
    equal('verified by the public keys', [asked.slice(before), claims.sub, claims.role, header.alg],
        [['GET /auth/v1/.well-known/jwks.json'], user.id, 'authenticated', 'ES256']);
    const [head, body, signature] = session.access_token.split('.');
    const forged = [head, Buffer.from(JSON.stringify({ ...claims, role: 'service_role' })).toString('base64url'), signature].join('.');
    const { error } = await me.auth.getClaims(forged);
    equal('a forged token does not pass', [error?.name, body !== forged.split('.')[1]], ['AuthInvalidJwtError', true]);
    await refused('nor does the server take it', me.auth.getUser(forged), 403, 'bad_jwt');

    const renewed = await fine('refreshSession', me.auth.refreshSession());
    ok('another token', renewed.session.refresh_token !== session.refresh_token && renewed.user.id === user.id);
    const twin = client(), twinSeen = events(twin);
    equal('setSession', (await fine('in another client', twin.auth.setSession(renewed.session))).user.id, user.id);
    const expired = [head, Buffer.from('{"exp":1}').toString('base64url'), signature].join('.');
    const dead = { access_token: expired, refresh_token: 'x' };
    await refused('setSession with nonsense', client().auth.setSession(dead), 400, 'refresh_token_not_found');
    await refused('refreshSession with nonsense', client().auth.refreshSession({ refresh_token: 'x' }), 400, 'refresh_token_not_found');

    const changed = await fine('updateUser data', me.auth.updateUser({ data: { name: null, city: 'London' } }));
    equal('is merged', changed.user.user_metadata, { city: 'London' });
    await refused('a password alone', me.auth.updateUser({ password: other }), 400, 'current_password_required');
    await refused('with a wrong one', me.auth.updateUser({ password: other, current_password: 'wrong' }), 400, 'current_password_invalid');
    await refused('the same', me.auth.updateUser({ password, current_password: password }), 422, 'same_password');
    const weaker = await refused('a weaker one', me.auth.updateUser({ password: 'weak', current_password: password }), 422, 'weak_password',
        'AuthWeakPasswordError');
    equal('why', weaker?.reasons, ['length', 'characters']);
    await refused('another email', me.auth.updateUser({ email: 'else@example.com' }), 422, 'email_provider_disabled');
    await fine('updateUser password', me.auth.updateUser({ password: other, current_password: password }));
    await refused('the old one', client().auth.signInWithPassword({ email: 'ada@example.com', password }), 400, 'invalid_credentials');
    await fine('the new one', client().auth.signInWithPassword({ email: 'ADA@example.com', password: other }));
    await refused('nobody', client().auth.signInWithPassword({ email: 'nobody@example.com', password }), 400, 'invalid_credentials');
    await refused('getUser without a session', client().auth.getUser(), 400, undefined, 'AuthSessionMissingError');

    equal('one identity', (await fine('getUserIdentities', me.auth.getUserIdentities())).identities.map((i) => i.provider), ['email']);
    equal('no factors', (await fine('listFactors', me.auth.mfa.listFactors())).all, []);
    await fine('getAuthenticatorAssuranceLevel', me.auth.mfa.getAuthenticatorAssuranceLevel());
    await fine('signOut', me.auth.signOut());
    equal('no session is left', (await me.auth.getSession()).data.session, null);
    await refused('the session of the twin is over', twin.auth.getUser(), 400, undefined, 'AuthSessionMissingError');
    equal('events', [seen.filter((e) => e !== 'INITIAL_SESSION'), twinSeen.filter((e) => e !== 'INITIAL_SESSION')],
        [['SIGNED_IN', 'TOKEN_REFRESHED', 'USER_UPDATED', 'USER_UPDATED', 'SIGNED_OUT'], ['SIGNED_IN', 'SIGNED_OUT']]);
}

async function scopes() {
    const { email } = await person();
    const alive = async (one, tokens) => [
        (await client().auth.getUser(tokens.access_token)).error === null,
        (await client().auth.refreshSession(tokens)).error === null,
        (await one.auth.getSession()).data.session !== null,
    ];
    for (const [scope, mine, theirs] of [['local', false, true], ['others', true, false], ['global', false, false], [undefined, false, false]]) {
        const [one, two] = [await signedIn(email), await signedIn(email)];
        const [first, second] = [(await one.auth.getSession()).data.session, (await two.auth.getSession()).data.session];
        const { error } = await one.auth.signOut(scope && { scope });
        equal(`signOut ${scope}`, [error, await alive(one, first), await alive(two, second)], [null, [mine, mine, mine], [theirs, theirs, true]]);
        if (!theirs) {
            await refused(`signOut ${scope}: the other is told`, two.auth.getUser(), 400, undefined, 'AuthSessionMissingError');
            equal(`signOut ${scope}: and has no session from then on`, (await two.auth.getSession()).data.session, null);
        }
    }
}

async function refusals() {
    const { id, email } = await person();
    const me = await signedIn(email), a = client().auth;
    await refused('signInAnonymously', a.signInAnonymously(), 422, 'anonymous_provider_disabled');
    await refused('signInWithOtp by email', a.signInWithOtp({ email }), 422, 'otp_disabled');
    await refused('signInWithOtp by phone', a.signInWithOtp({ phone: '123456' }), 422, 'otp_disabled');
    await refused('signUp by phone', a.signUp({ phone: '123456', password }), 400, 'phone_provider_disabled');
    await refused('signInWithPassword by phone', a.signInWithPassword({ phone: '123456', password }), 422, 'phone_provider_disabled');
    await refused('signInWithIdToken', a.signInWithIdToken({ provider: 'google', token: 'x.y.z' }), 400, 'provider_disabled');
    await refused('signInWithSSO', a.signInWithSSO({ domain: 'example.com' }), 404, 'saml_provider_disabled');
    await refused('signInWithWeb3', a.signInWithWeb3({ chain: 'solana', message: 'x', signature: new Uint8Array(64) }), 422, 'web3_provider_disabled');
    await refused('resetPasswordForEmail', a.resetPasswordForEmail(email), 400, 'email_provider_disabled');
    await refused('resend', a.resend({ type: 'signup', email }), 400, 'email_provider_disabled');
    await refused('verifyOtp', a.verifyOtp({ email, token: '123456', type: 'email' }), 403, 'otp_expired');
    const { data } = await a.signInWithOAuth({ provider: 'github', options: { skipBrowserRedirect: true } });
    const answer = await fetch(data.url, { redirect: 'manual' });
    equal('signInWithOAuth leads to', [answer.status, (await answer.json()).error_code], [400, 'validation_failed']);
    await refused('exchangeCodeForSession', client(anon, { flowType: 'pkce' }).auth.exchangeCodeForSession('x'), 404, 'flow_state_not_found');
    await refused('reauthenticate', me.auth.reauthenticate(), 422, 'email_provider_disabled');
    await refused('updateUser phone', me.auth.updateUser({ phone: '123456' }), 400, 'phone_provider_disabled');
    await refused('linkIdentity', me.auth.linkIdentity({ provider: 'github', options: { skipBrowserRedirect: true } }), 404, 'manual_linking_disabled');
    await refused('unlinkIdentity', me.auth.unlinkIdentity({ identity_id: id }), 404, 'manual_linking_disabled');
    await refused('mfa.enroll', me.auth.mfa.enroll({ factorType: 'totp' }), 422, 'mfa_totp_enroll_not_enabled');
    await refused('mfa.challenge', me.auth.mfa.challenge({ factorId: id }), 404, 'mfa_factor_not_found');
    await refused('mfa.verify', me.auth.mfa.verify({ factorId: id, challengeId: id, code: '123456' }), 404, 'mfa_factor_not_found');
    await refused('mfa.unenroll', me.auth.mfa.unenroll({ factorId: id }), 404, 'mfa_factor_not_found');
    await refused('inviteUserByEmail', admin.inviteUserByEmail('x@example.com'), 422, 'email_provider_disabled');
    await refused('generateLink', admin.generateLink({ type: 'magiclink', email }), 422, 'email_provider_disabled');
    await refused('admin.mfa.deleteFactor', admin.mfa.deleteFactor({ id, userId: id }), 404, 'mfa_factor_not_found');
    await refused('admin.oauth.listClients', admin.oauth.listClients(), 404, 'feature_disabled');
    await refused('admin.oauth.createClient', admin.oauth.createClient({ client_name: 'x', redirect_uris: [] }), 404, 'feature_disabled');
    await refused('admin.oauth.getClient', admin.oauth.getClient(id), 404, 'feature_disabled');
    await refused('admin.oauth.regenerateClientSecret', admin.oauth.regenerateClientSecret(id), 404, 'feature_disabled');
    await refused('admin with the anon key', client().auth.admin.listUsers(), 403, 'not_admin');
    await refused("admin with a user's token", new AuthAdminApi({ url: `${url}/auth/v1`, fetch,
        headers: { apikey: anon, Authorization: `Bearer ${(await me.auth.getSession()).data.session.access_token}` } }).listUsers(), 403, 'not_admin');
    await refused('a key that is none', client('nonsense').auth.signInWithPassword({ email, password }), 401, 'no_authorization');
}

async function administration() {
    const { user } = await fine('createUser', admin.createUser({ email: 'Made@Example.com', password, email_confirm: true, user_metadata: { a: 1, b: 2 },
        app_metadata: { plan: 'pro', role: 'admin' } }));
    const fixed = { provider: 'email', providers: ['email'], pg_principal: { kind: 'person', role: 'ANALYST' } };
    equal('as asked for', [user.email, user.user_metadata, user.app_metadata, user.email_confirmed_at === user.confirmed_at],
        ['made@example.com', { a: 1, b: 2 }, { ...fixed, plan: 'pro', role: 'admin' }, true]);
    await refused('createUser again', admin.createUser({ email: 'made@example.com', password }), 422, 'email_exists');
    await refused('createUser without an email', admin.createUser({ password }), 400, 'validation_failed');
    const weak = await refused('createUser with a weak password', admin.createUser({ email: 'w@example.com', password: 'w' }), 422, 'weak_password',
        'AuthWeakPasswordError');
    equal('and its reasons', weak?.reasons, ['length', 'characters']);
    equal('getUserById', (await fine('getUserById asks', admin.getUserById(user.id))).user, user);
    await refused('getUserById of nobody', admin.getUserById('00000000-0000-4000-8000-000000000000'), 404, 'user_not_found');

    const me = await signedIn(user.email);
    const { session } = (await me.auth.getSession()).data;
    ok('updateUserById: banned', (await fine('updateUserById', admin.updateUserById(user.id, { ban_duration: '876000h' }))).user.banned_until > '2100');
    await refused('a banned user signs in', client().auth.signInWithPassword({ email: user.email, password }), 400, 'user_banned');
    await refused('asks', client().auth.getUser(session.access_token), 403, 'user_banned');
    await refused('refreshes', client().auth.refreshSession(session), 400, 'refresh_token_not_found');
    equal('updateUserById: lifted', 'banned_until' in (await admin.updateUserById(user.id, { ban_duration: 'none' })).data.user, false);
    await refused('updateUserById: no duration', admin.updateUserById(user.id, { ban_duration: '1 day' }), 400, 'validation_failed');
    const changed = (await fine('updateUserById: metadata', admin.updateUserById(user.id, {
        app_metadata: { ...user.app_metadata, plan: null, role: 'editor' }, user_metadata: { a: null } }))).user;
    equal('merged', [changed.app_metadata, changed.user_metadata], [{ ...fixed, role: 'editor' }, { b: 2 }]);
    await fine('updateUserById: email and password', admin.updateUserById(user.id, { email: 'Renamed@example.com', password: other }));
    const again = await signedIn('renamed@example.com', {}, url, other);
    const tokens = (await again.auth.getSession()).data.session;
    await fine('admin.signOut', admin.signOut(tokens.access_token, 'global'));
    await refused('is out', client().auth.getUser(tokens.access_token), 400, undefined, 'AuthSessionMissingError');
    equal('admin.mfa.listFactors', (await fine('of nobody', admin.mfa.listFactors({ userId: user.id }))).factors, []);
    await fine('deleteUser', admin.deleteUser(user.id));
    await refused('deleteUser again', admin.deleteUser(user.id), 404, 'user_not_found');
    await refused('deleteUser softly', admin.deleteUser(user.id, true), 422, 'feature_disabled');

    const { total } = await fine('listUsers', admin.listUsers());
    while (count < 9 || (await admin.listUsers({ perPage: 1 })).data.total < 9) await person();
    const all = (await admin.listUsers()).data;
    ok('total', all.total === all.users.length && all.total >= total && all.lastPage === 1 && all.nextPage === null, all);
    const found = [];
    for (let page = 1; page && found.length < all.total; ) {
        const { data } = await admin.listUsers({ page, perPage: 2 });
        found.push(...data.users.map((u) => u.id));
        equal(`page ${page}`, [data.total, data.lastPage, data.aud], [all.total, Math.ceil(all.total / 2), 'authenticated']);
        page = data.nextPage;
    }
    equal('every user once, page by page', found, all.users.map((u) => u.id));
}

// An access token of two seconds is always about to expire for a client, which renews it 90 seconds early.
async function renewal() {
    const { email } = await person();
    const me = await signedIn(email, { autoRefreshToken: true }, shortUrl), seen = events(me);
    const { access_token: first } = await new Promise((resolve) => {
        me.auth.onAuthStateChange((event, session) => event === 'TOKEN_REFRESHED' && resolve(session));
        me.auth.startAutoRefresh();
    });
    await me.auth.stopAutoRefresh();
    ok('auto refresh', seen.includes('TOKEN_REFRESHED'), seen);
    await new Promise((resolve) => setTimeout(resolve, 2100));
    await refused('the token that expired', client().auth.getUser(first), 403, 'bad_jwt');
    const { data } = await me.auth.getSession();
    ok('getSession renews by itself', data.session.access_token !== first);
    equal('the new one lives', (await me.auth.getUser()).error, null);
    const again = client(anon, {}, shortUrl);
    await new Promise((resolve) => setTimeout(resolve, 2100));
    equal('setSession with a token that expired', (await again.auth.setSession((await me.auth.getSession()).data.session)).error, null);
    const bare = new AuthClient({ url: `${url}/auth/v1`, fetch, autoRefreshToken: false, persistSession: false });
    equal('auth-js by itself, without a key', (await bare.signInWithPassword({ email, password })).data.user.email, email);
}

for (const test of [people, scopes, refusals, administration, renewal]) {
    try {
        await test();
    } catch (error) { // a test that breaks is one that fails
        ok(test.name, false, error);
    }
}
process.exit(0); // a client may still wait for its next look at the clock
