#!/bin/bash
# Authlib 1.2.0 (Debian 12): one of its P-256 keys in 128, and three of four P-521 keys, are published in a form that others do not read.
#
# The coordinates of an EC key in a JWK have the full length of the curve, leading zeros included (RFC 7518, sections 6.2.1.2 and 6.2.1.3; its own example
# is P-521 with 66 octets), and so has the private d (6.2.2.1). Authlib writes numbers, without leading zeros. Most keys have none in P-256, so that
# tests pass, and the issuer that rotates its keys loses some of its verifiers on the day of such a key: their error is about the key or says nothing,
# and the next rotation mends it. Of P-521, whose first octet is 0 or 1, most keys are short. Its thumbprint, which is also the kid it gives keys,
# is not the one of RFC 7638 then. Authlib itself and Node.js read either. Authlib 1.6 and joserfc have the same code; we found no issue about
# it. PyJWT did likewise until 2.10 (jpadilla/pyjwt#990).
# Way out: make a new key when a coordinate is short, or publish what another library makes of the PEM file.
#
#   of 400 P-521 keys about 3 in 4 are short
#   a P-256 key that Authlib generated: x has 31 octets, kid is not its thumbprint
#   Crypt::JWT 0.034 reads it with 32 octets, as published: FATAL: invalid length (x,y)
#   PyJWT 2.6.0 reads it with 32 octets, as published: Coords should be 32 bytes for curve P-256
#   cjose 0.6.2.1 reads it with 32 octets, as published: invalid argument
#   node-jose 2.2.0 reads it with 32 octets, as published: no key found
#   jose 6.2.18 reads it with 32 octets, as published: verified
# shellcheck source=findings/lib/find.sh
. "$(dirname "$0")/lib/find.sh"

need python3 perl
debian python3-authlib=1.2.0-1+deb12u1 python3-cryptography=38.0.4-3+deb12u1 python3-cffi-backend=1.15.1-5+b1 python3-jwt=2.6.0-1+deb12u1 \
    libcrypt-jwt-perl=0.034-1 libcryptx-perl=0.077-1+b1 libjson-perl=4.10000-1 libcjose0=0.6.2.1-1+deb12u1 libjansson4=2.14-2
node_packages jose@6.2.18 node-jose@2.2.0

export PYTHONPATH=$work/root/usr/lib/python3/dist-packages
cat >"$work/make.py" <<'PYTHON'
import base64, json, sys
from authlib.jose import JsonWebKey, jwt

def octets(key, part):
    return len(base64.urlsafe_b64decode(key.as_dict()[part] + "=="))

short = sum(min(octets(key, "x"), octets(key, "y")) < 66 for key in (JsonWebKey.generate_key("EC", "P-521", is_private=True) for _ in range(400)))
print(f"of 400 P-521 keys about {round(4 * short / 400)} in 4 are short")
key = next(key for key in iter(lambda: JsonWebKey.generate_key("EC", "P-256", is_private=True), None) if octets(key, "x") == 31 and octets(key, "y") == 32)
published = key.as_dict(is_private=False)
full = published | {"x": base64.urlsafe_b64encode(b"\0" + base64.urlsafe_b64decode(published["x"] + "==")).rstrip(b"=").decode()}
token = jwt.encode({"alg": "ES256", "kid": published["kid"]}, {"sub": "1"}, key).decode()
with open(sys.argv[1], "w") as file:
    json.dump({"published": published, "full": full, "token": token}, file)
PYTHON
cat >"$work/pyjwt.py" <<'PYTHON'
import json, sys
import jwt

made = json.load(open(sys.argv[1]))
try:
    jwt.decode(made["token"], jwt.PyJWK(made[sys.argv[2]], "ES256").key, ["ES256"])
    print("verified")
except Exception as error:
    print(error)
PYTHON
cat >"$work/cjose.py" <<'PYTHON'
import ctypes, json, sys

class Error(ctypes.Structure):
    _fields_ = [("code", ctypes.c_int), ("message", ctypes.c_char_p), ("function", ctypes.c_char_p), ("file", ctypes.c_char_p), ("line", ctypes.c_ulong)]

library, error = ctypes.CDLL(sys.argv[3]), Error()
made = json.load(open(sys.argv[1]))
library.cjose_jwk_import.restype = library.cjose_jws_import.restype = ctypes.c_void_p
library.cjose_jws_verify.restype = ctypes.c_bool
text, token = json.dumps(made[sys.argv[2]]).encode(), made["token"].encode()
key = library.cjose_jwk_import(text, ctypes.c_size_t(len(text)), ctypes.byref(error))
jws = library.cjose_jws_import(token, ctypes.c_size_t(len(token)), ctypes.byref(error))
verified = key and library.cjose_jws_verify(ctypes.c_void_p(jws), ctypes.c_void_p(key), ctypes.byref(error))
print("verified" if verified else error.message.decode())
PYTHON
cat >"$work/crypt-jwt.pl" <<'PERL'
use strict;
use warnings;
use Crypt::JWT 'decode_jwt';
use JSON;

open my $file, '<', $ARGV[0] or die;
my $made = decode_json(join '', <$file>);
print eval { decode_jwt(token => $made->{token}, key => $made->{$ARGV[1]}) } ? "verified\n" : $@ =~ s/ at .*//sr . "\n";
PERL
cat >"$work/verify.mjs" <<'JS'
import { readFileSync } from 'node:fs';
import * as jose from 'jose';
import nodeJose from 'node-jose';

const [, , path, form, library] = process.argv;
const made = JSON.parse(readFileSync(path));
if (library === 'thumbprint') {
    console.log(await jose.calculateJwkThumbprint(made.full) === made.published.kid ? 'kid is its thumbprint' : 'kid is not its thumbprint');
} else {
    try {
        if (library === 'jose') await jose.jwtVerify(made.token, await jose.importJWK(made[form], 'ES256'));
        else await nodeJose.JWS.createVerify(await nodeJose.JWK.asKey(made[form])).verify(made.token);
        console.log('verified');
    } catch (error) {
        console.log(error.message);
    }
}
JS
timeout 60 python3 "$work/make.py" "$work/made" >"$work/counted" || not_tried "authlib with this Python (Debian 12's is 3.11)"
cjose=$(echo "$work"/root/usr/lib/*/libcjose.so.0)
show() { # NAME LAST-ARGUMENT COMMAND..: by the key in both forms
    local full
    full=$("${@:3}" "$work/made" full "$2")
    [ "$full" = verified ] || not_tried "$1: $full"
    echo "$1 reads it with 32 octets, as published: $("${@:3}" "$work/made" published "$2")"
}
{
    cat "$work/counted"
    echo "a P-256 key that Authlib generated: x has 31 octets, $(node "$work/verify.mjs" "$work/made" full thumbprint)"
    show "Crypt::JWT 0.034" '' perl -I "$(dirname "$work"/root/usr/lib/*/perl5/*/Crypt)" -I "$work/root/usr/share/perl5" "$work/crypt-jwt.pl"
    show "PyJWT 2.6.0" '' python3 "$work/pyjwt.py"
    show "cjose 0.6.2.1" "$cjose" env LD_LIBRARY_PATH="$(dirname "$cjose")" python3 "$work/cjose.py"
    show "node-jose 2.2.0" node-jose node "$work/verify.mjs"
    show "jose 6.2.18" jose node "$work/verify.mjs"
} | expect 'of 400 P-521 keys about 3 in 4 are short
a P-256 key that Authlib generated: x has 31 octets, kid is not its thumbprint
Crypt::JWT 0.034 reads it with 32 octets, as published: FATAL: invalid length (x,y)
PyJWT 2.6.0 reads it with 32 octets, as published: Coords should be 32 bytes for curve P-256
cjose 0.6.2.1 reads it with 32 octets, as published: invalid argument
node-jose 2.2.0 reads it with 32 octets, as published: no key found
jose 6.2.18 reads it with 32 octets, as published: verified'
