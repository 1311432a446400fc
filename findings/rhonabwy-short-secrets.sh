#!/bin/bash
# librhonabwy 1.1.11 (Debian 12): of what others encrypt for it by ECDH-ES it cannot read one message in 256, and of its own others cannot.
#
# ECDH-ES makes the key of a message from the secret Z that both sides compute, and Z is octets of the curve's full length, leading zeros included
# (RFC 7518, section 4.6.2, by NIST SP 800-56A). rhonabwy takes a number, without them (_r_ecdh_compute: mpz_export). One Z in 256 begins with a
# zero, by chance, anew with each message: tests pass, in production a sign-in fails now and then, "Unable to decrypt payload" is in the log, and
# the next try is fine. Nothing is wrong with the keys, which stay the same. What rhonabwy makes with such a Z it reads again itself, so
# that tests of it alone never fail. ECDH-ES+A128KW and the like are the same, X25519 is fine. Meets: Debian's glewlwyd, an OpenID Connect server,
# where tokens or request objects are encrypted, and what else uses the library. We found no issue about it; 1.1.14, the last version, is the same,
# and its README says that the project is closed.
# Way out: RSA-OAEP-256 or X25519 keys for what rhonabwy reads or writes; or encrypt once more what was refused.
#
#   P-256: of 4 messages of jose rhonabwy reads 4; of 4 whose secret begins with a zero 0, node-jose 4, Crypt::JWT 4
#   P-384: of 4 messages of jose rhonabwy reads 4; of 4 whose secret begins with a zero 0, node-jose 4, Crypt::JWT 4
#   of 3000 messages of rhonabwy jose refuses about one in 256, rhonabwy 0 of these
# shellcheck source=findings/lib/find.sh
. "$(dirname "$0")/lib/find.sh"

need perl python3
debian rnbyc=1.1.11-1 librhonabwy1.1=1.1.11-1 libyder2.0=1.4.19-1 liborcania2.3=2.3.2-1 libulfius2.7=2.7.13-1 libjansson4=2.14-2 \
    libmicrohttpd12=0.9.75-6 libcrypt-jwt-perl=0.034-1 libcryptx-perl=0.077-1+b1 libjson-perl=4.10000-1
node_packages jose@6.2.18 node-jose@2.2.0

cat >"$work/decrypt.pl" <<'PERL'
use strict;
use warnings;
use Crypt::JWT 'decode_jwt';
use JSON;

my ($key, $token) = @ARGV;
print eval { decode_jwt(token => $token, key => decode_json($key)) } ? "read\n" : "refused\n";
PERL
cat >"$work/encrypt.py" <<'PYTHON'
import ctypes, sys

library, key, jwe = ctypes.CDLL(sys.argv[1]), ctypes.c_void_p(), ctypes.c_void_p()
library.r_jwe_serialize.restype = ctypes.c_void_p
library.r_global_init()
library.r_jwk_init(ctypes.byref(key))
library.r_jwk_import_from_json_str(key, sys.argv[2].encode())
for _ in range(3000):
    library.r_jwe_init(ctypes.byref(jwe))
    library.r_jwe_set_alg(jwe, library.r_str_to_jwa_alg(b"ECDH-ES"))
    library.r_jwe_set_enc(jwe, library.r_str_to_jwa_enc(b"A128GCM"))
    library.r_jwe_set_payload(jwe, b'{"sub":"1"}', ctypes.c_size_t(11))
    print(ctypes.string_at(library.r_jwe_serialize(jwe, key, 0)).decode())
    library.r_jwe_free(jwe)
PYTHON
cat >"$work/messages.mjs" <<'JS'
import { spawnSync } from 'node:child_process';
import { diffieHellman, generateKeyPairSync } from 'node:crypto';
import * as jose from 'jose';
import nodeJose from 'node-jose';

const [, , folder, libraries] = process.argv;
const env = { ...process.env, LD_LIBRARY_PATH: libraries };
const rnbyc = (...args) => spawnSync(`${folder}/root/usr/bin/rnbyc`, args, { env, encoding: 'utf8', timeout: 10000 }).stdout;
const set = (key) => JSON.stringify({ keys: [key] });
const readers = {
    rhonabwy: (key, token) => rnbyc('-t', token, '-K', set(key)).includes('"sub"'),
    'node-jose': async (key, token) => nodeJose.JWE.createDecrypt(await nodeJose.JWK.asKey(key)).decrypt(token).then(() => true, () => false),
    'Crypt::JWT': (key, token) => spawnSync('perl', ['-I', `${folder}/root/usr/share/perl5`, '-I', `${libraries}/perl5/5.36`, `${folder}/decrypt.pl`,
        JSON.stringify(key), token], { encoding: 'utf8', timeout: 10000 }).stdout === 'read\n',
};
const pair = (namedCurve) => generateKeyPairSync('ec', { namedCurve });
const jwk = (key) => ({ ...key.export({ format: 'jwk' }), kid: 'key' });
const messages = async (curve, publicKey, count, wanted) => {
    const made = [];
    while (made.length < count) { // jose may be told which ephemeral key to use, so that the secret is known
        const { privateKey } = pair(curve);
        if (!wanted(diffieHellman({ privateKey, publicKey }))) continue;
        const epk = await crypto.subtle.importKey('jwk', privateKey.export({ format: 'jwk' }), { name: 'ECDH', namedCurve: curve }, true, ['deriveBits']);
        made.push(await new jose.CompactEncrypt(Buffer.from('{"sub":"1"}')).setProtectedHeader({ alg: 'ECDH-ES', enc: 'A128GCM' })
            .setKeyManagementParameters({ epk }).encrypt(publicKey));
    }
    return made;
};
const read = async (by, key, tokens) => {
    let count = 0;
    for (const token of tokens) count += await readers[by](key, token) ? 1 : 0;
    return count;
};

for (const curve of ['P-256', 'P-384']) {
    const { privateKey, publicKey } = pair(curve), key = jwk(privateKey);
    const others = await messages(curve, publicKey, 4, (secret) => secret[0] !== 0), short = await messages(curve, publicKey, 4, (secret) => secret[0] === 0);
    console.log(`${curve}: of 4 messages of jose rhonabwy reads ${await read('rhonabwy', key, others)}; of 4 whose secret begins with a zero ` +
        `${await read('rhonabwy', key, short)}, node-jose ${await read('node-jose', key, short)}, Crypt::JWT ${await read('Crypt::JWT', key, short)}`);
}

const { privateKey, publicKey } = pair('P-256');
const refused = { jose: [], rhonabwy: [] };
const made = spawnSync('python3', [`${folder}/encrypt.py`, `${libraries}/librhonabwy.so.1.1`, JSON.stringify(jwk(publicKey))],
    { env, encoding: 'utf8', timeout: 60000, maxBuffer: 1e7 }).stdout.trim().split('\n');
for (const token of made) await jose.compactDecrypt(token, privateKey).catch(() => refused.jose.push(token));
for (const token of refused.jose.slice(0, 3)) if (!readers.rhonabwy(jwk(privateKey), token)) refused.rhonabwy.push(token);
const rare = made.length / 1024 < refused.jose.length && refused.jose.length < made.length / 64;
console.log(`of ${made.length} messages of rhonabwy jose refuses ${rare ? 'about one in 256' : refused.jose.length}, rhonabwy ${refused.rhonabwy.length} of these`);
JS
libraries=$(dirname "$work"/root/usr/lib/*/librhonabwy.so.1.1)
LD_LIBRARY_PATH=$libraries "$work/root/usr/bin/rnbyc" --version >&2 || not_tried "rnbyc does not start (libgnutls30, libcurl3-gnutls?)"
timeout 240 node "$work/messages.mjs" "$work" "$libraries" |
    expect 'P-256: of 4 messages of jose rhonabwy reads 4; of 4 whose secret begins with a zero 0, node-jose 4, Crypt::JWT 4
P-384: of 4 messages of jose rhonabwy reads 4; of 4 whose secret begins with a zero 0, node-jose 4, Crypt::JWT 4
of 3000 messages of rhonabwy jose refuses about one in 256, rhonabwy 0 of these'
