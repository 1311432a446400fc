// npm jose's side of tests/cli/jose_interop.sh.
// make: keys of its own for each algorithm and a token under each, as JSON.
// algorithms: their names. check FILE: verifies the tokens in FILE and signs with the private keys there.
import { readFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

// jose is installed under build/, not beside this file
const require = createRequire(pathToFileURL(process.cwd() + '/build/interop/here.js'));
// the packages have other ways in: version 6 is for import alone
const jose = await import(pathToFileURL(require.resolve(process.env.JOSE ?? 'jose')));

const payload = Buffer.from('\u0000payload of jose', 'utf8');
const claims = { sub: 'jose', aud: 'api', iss: 'us', exp: 4102444800, n: 1.5 };
const asymmetric = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'];
const secrets = { HS256: 32, HS384: 48, HS512: 64 };

async function row(alg, form, key, privateKey, publicKey, jwk) {
    return {
        alg,
        form,
        private: privateKey,
        public: publicKey,
        jws: await new jose.CompactSign(payload).setProtectedHeader({ alg }).sign(key),
        payload: payload.toString('hex'),
        jwt: await new jose.SignJWT(claims).setProtectedHeader({ alg, typ: 'JWT' }).sign(key),
        claims,
        thumbprint: await jose.calculateJwkThumbprint(jwk),
    };
}

async function make() {
    const rows = [];
    for (const [alg, size] of Object.entries(secrets)) {
        const secret = randomBytes(size);
        const jwk = await jose.exportJWK(secret);
        rows.push(await row(alg, 'JWK', secret, jwk, jwk, jwk));
    }
    for (const alg of asymmetric) {
        const { privateKey, publicKey } = await jose.generateKeyPair(alg, { extractable: true });
        const jwk = await jose.exportJWK(publicKey);
        rows.push(await row(alg, 'JWK', privateKey, await jose.exportJWK(privateKey), jwk, jwk));
        rows.push(await row(alg, 'PKCS#8 PEM', privateKey, await jose.exportPKCS8(privateKey), await jose.exportSPKI(publicKey), jwk));
    }
    return rows;
}

async function verifies(item, key) {
    try {
        const options = { algorithms: [item.alg] };
        const { payload: got } = await jose.compactVerify(item.jws, key, options);
        const { payload: gotClaims } = await jose.jwtVerify(item.jwt, key, { ...options, audience: 'api', issuer: 'us' });
        const sorted = (object) => JSON.stringify(Object.entries(object).sort());
        return Buffer.from(got).toString('hex') === item.payload && sorted(gotClaims) === sorted(item.claims);
    } catch (error) {
        console.error('    ' + error);
        return false;
    }
}

function tell(good, what) {
    console.error(`${good ? 'ok' : 'not ok'} - ${what}`);
}

async function check(rows) {
    const signed = [];
    for (const item of rows) {
        const what = `${item.alg} under ${item.form}`;
        const keys = { JWK: await jose.importJWK(item.public_jwk, item.alg) };
        if (item.public_pem) {
            keys.PEM = await jose.importSPKI(item.public_pem, item.alg);
            keys['JWK set'] = jose.createLocalJWKSet({ keys: [item.public_jwk] });
        }
        for (const [form, key] of Object.entries(keys)) {
            tell(await verifies(item, key), `jose verifies our ${what}, by ${form}`);
            const forged = await jose.compactVerify(item.forged, key).then(() => true, () => false);
            if (forged) {
                tell(false, `jose accepts a forged ${what}`);
            }
        }
        tell((await jose.calculateJwkThumbprint(item.public_jwk)) === item.thumbprint, `jose has our thumbprint of ${what}`);
        const key = await jose.importJWK(item.private_jwk, item.alg);
        signed.push(await row(item.alg, item.form, key, item.private_jwk, item.public_jwk, item.public_jwk));
    }
    return signed;
}

if (process.argv[2] === 'algorithms') {
    console.log([...Object.keys(secrets), ...asymmetric].join(','));
    process.exit(0);
}
const rows = process.argv[2] === 'make' ? await make() : await check(JSON.parse(readFileSync(process.argv[3], 'utf8')));
process.stdout.write(JSON.stringify(rows));
