#!/bin/bash
# Crypt::JWT 0.034 (Debian 12): what it encrypts by ECDH-ES it can read itself, and others cannot: the ephemeral key in the header is text.
#
# The sender's ephemeral key goes into the header as an object (RFC 7518, section 4.6.1.1: epk "is represented as a JSON object"). Crypt::JWT
# writes a string with the JSON of the key in it, since export_key_jwk() of CryptX returns text unless asked otherwise, and takes
# either when it reads, as node-jose does. Others say that the key is missing, or that the token is no token, and nothing can be put
# right on the way: the header is authenticated. This holds for ECDH-ES alone and with A128KW to A256KW, on every curve. It goes unseen where one
# program writes and reads; it shows when the other side is not Perl. 0.038 has the same calls (ecdh_key_wrap, ecdhaes_key_wrap); we found no issue.
# What others encrypt with a 512-bit key or with apu it could not read either (the Concat KDF's counter stood still, apu was not decoded), which
# 0.038 mended: "INTEROP BREAK with <=0.037", so that it no longer reads its own old messages with A256CBC-HS512.
# Way out: RSA-OAEP, or keep to AES key wrap; both are fine.
#
#   epk of jose: an object; epk of Crypt::JWT: a string
#   Crypt::JWT by ECDH-ES: Crypt::JWT reads it; node-jose reads it; jose: JOSE Header "epk" (Ephemeral Public Key) missing or invalid; jwcrypto: InvalidJWEData; Authlib: ValueError; José: Unwrapping failed!
#   Crypt::JWT by ECDH-ES+A128KW: Crypt::JWT reads it; node-jose reads it; jose: JOSE Header "epk" (Ephemeral Public Key) missing or invalid; jwcrypto: InvalidJWEData; Authlib: ValueError; José: Unwrapping failed!
#   Crypt::JWT by RSA-OAEP: Crypt::JWT reads it; node-jose reads it; jose reads it; jwcrypto reads it; Authlib reads it
#   jose by ECDH-ES: Crypt::JWT reads it; node-jose reads it; jose reads it; jwcrypto reads it; Authlib reads it; José reads it
# shellcheck source=findings/lib/find.sh
. "$(dirname "$0")/lib/find.sh"

need python3 perl
debian libcrypt-jwt-perl=0.034-1 libcryptx-perl=0.077-1+b1 libjson-perl=4.10000-1 jose=11-2+deb12u1 libjose0=11-2+deb12u1 libjansson4=2.14-2 \
    python3-jwcrypto=1.1.0-1+deb12u1 python3-deprecated=1.2.13-3 python3-wrapt=1.14.1-2+b2 python3-authlib=1.2.0-1+deb12u1 \
    python3-cryptography=38.0.4-3+deb12u1 python3-cffi-backend=1.15.1-5+b1
node_packages jose@6.2.18 node-jose@2.2.0

export PYTHONPATH=$work/root/usr/lib/python3/dist-packages
cat >"$work/encrypt.pl" <<'PERL'
use strict;
use warnings;
use Crypt::JWT 'encode_jwt';
use JSON;

my ($file, $alg) = @ARGV;
open my $input, '<', $file or die;
my $key = decode_json(join '', <$input>);
delete @$key{qw(d p q dp dq qi)};
print encode_jwt(payload => '{"sub":"1"}', key => $key, alg => $alg, enc => 'A128GCM');
PERL
cat >"$work/decrypt.pl" <<'PERL'
use strict;
use warnings;
use Crypt::JWT 'decode_jwt';
use JSON;

my ($key, $token) = map { open my $input, '<', $_ or die; join '', <$input> } @ARGV;
print eval { decode_jwt(token => $token, key => decode_json($key)) } ? "read\n" : $@;
PERL
cat >"$work/decrypt.py" <<'PYTHON'
import json, sys
from authlib.jose import JsonWebEncryption, JsonWebKey
from jwcrypto import jwe, jwk

library, key, token = sys.argv[1], *(open(name).read() for name in sys.argv[2:])
try:
    if library == "Authlib":
        JsonWebEncryption().deserialize_compact(token, JsonWebKey.import_key(json.loads(key)))
    else:
        jwe.JWE().deserialize(token, jwk.JWK.from_json(key))
    print("read")
except Exception as error:
    print(type(error).__name__)
PYTHON
cat >"$work/node.mjs" <<'JS'
import { generateKeyPairSync } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import * as jose from 'jose';
import nodeJose from 'node-jose';

const [, , what, file, token] = process.argv;
if (what === 'keys') {
    for (const [name, type, options] of [['EC', 'ec', { namedCurve: 'P-256' }], ['RSA', 'rsa', { modulusLength: 2048 }]]) {
        writeFileSync(`${file}/${name}`, JSON.stringify(generateKeyPairSync(type, options).privateKey.export({ format: 'jwk' })));
    }
} else {
    const key = JSON.parse(readFileSync(file));
    if (what === 'encrypt') {
        const { d, ...open } = key;
        process.stdout.write(await new jose.CompactEncrypt(Buffer.from('{"sub":"1"}')).setProtectedHeader({ alg: 'ECDH-ES', enc: 'A128GCM' })
            .encrypt(await jose.importJWK(open, 'ECDH-ES')));
    } else {
        const text = readFileSync(token, 'utf8');
        try {
            if (what === 'jose') await jose.compactDecrypt(text, await jose.importJWK(key, jose.decodeProtectedHeader(text).alg));
            else await nodeJose.JWE.createDecrypt(await nodeJose.JWK.asKey(key)).decrypt(text);
            console.log('read');
        } catch (error) {
            console.log(error.message);
        }
    }
}
JS
libraries=$(dirname "$work"/root/usr/lib/*/libjose.so.0)
in_perl() { perl -I "$libraries/perl5/5.36" -I "$work/root/usr/share/perl5" "$@"; }
in_c() { # Debian's José, which has no RSA-OAEP
    LD_LIBRARY_PATH=$libraries "$work/root/usr/bin/jose" jwe dec -i "$2" -k "$1" 2>&1 | sed 's/^{.*/read/'
}
readers() { # KEY TOKEN [READER]
    local name said shown=
    for name in Crypt::JWT node-jose jose jwcrypto Authlib ${3-}; do
        case $name in
        Crypt::JWT) said=$(in_perl "$work/decrypt.pl" "$1" "$2") ;;
        *jose) said=$(node "$work/node.mjs" "$name" "$1" "$2") ;;
        José) said=$(in_c "$1" "$2") ;;
        *) said=$(python3 "$work/decrypt.py" "$name" "$1" "$2") ;;
        esac
        [ "$said" = read ] && shown+="; $name reads it" || shown+="; $name: $said"
    done
    echo "${shown#; }"
}
epk() { python3 -c 'import base64, json, sys
head = json.loads(base64.urlsafe_b64decode(sys.stdin.read().split(".")[0] + "=="))
print({dict: "an object", str: "a string"}[type(head["epk"])])' <"$1"; }

node "$work/node.mjs" keys "$work"
node "$work/node.mjs" encrypt "$work/EC" >"$work/jose"
for alg in ECDH-ES ECDH-ES+A128KW RSA-OAEP; do
    key=$work/EC
    [ $alg != RSA-OAEP ] || key=$work/RSA
    in_perl "$work/encrypt.pl" "$key" "$alg" >"$work/$alg"
done
python3 -c 'import authlib.jose, jwcrypto.jwe' || not_tried "authlib and jwcrypto with this Python (Debian 12's is 3.11)"
failed='jose: JOSE Header "epk" (Ephemeral Public Key) missing or invalid; jwcrypto: InvalidJWEData; Authlib: ValueError; José: Unwrapping failed!'
read='jose reads it; jwcrypto reads it; Authlib reads it'
{
    echo "epk of jose: $(epk "$work/jose"); epk of Crypt::JWT: $(epk "$work/ECDH-ES")"
    echo "Crypt::JWT by ECDH-ES: $(readers "$work/EC" "$work/ECDH-ES" José)"
    echo "Crypt::JWT by ECDH-ES+A128KW: $(readers "$work/EC" "$work/ECDH-ES+A128KW" José)"
    echo "Crypt::JWT by RSA-OAEP: $(readers "$work/RSA" "$work/RSA-OAEP")"
    echo "jose by ECDH-ES: $(readers "$work/EC" "$work/jose" José)"
} | expect "epk of jose: an object; epk of Crypt::JWT: a string
Crypt::JWT by ECDH-ES: Crypt::JWT reads it; node-jose reads it; $failed
Crypt::JWT by ECDH-ES+A128KW: Crypt::JWT reads it; node-jose reads it; $failed
Crypt::JWT by RSA-OAEP: Crypt::JWT reads it; node-jose reads it; $read
jose by ECDH-ES: Crypt::JWT reads it; node-jose reads it; $read; José reads it"
