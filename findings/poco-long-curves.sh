#!/bin/bash
# POCO 1.11.0 (Debian 12): of the tokens that Poco::JWT signs by ES384 others refuse one in 128, of those by ES512 three of four.
#
# The signature of a token is R and S, each of the full length of the curve's order, leading zeros included: 48 octets for ES384, 66 for ES512 (RFC 7518,
# section 3.4). Poco::JWT::Signer pads either to 32, whatever the curve (RS_PADDING in JWT/src/Signer.cpp). ES256 is right since that padding came
# (pocoproject/poco#3202, which names all three and is closed as fixed). By ES384 each signature is too short by chance, one in 128, with the same key and
# the same claims: a login that fails now and then, for which nobody finds a cause, and the next try is fine. By ES512, where the first octet is 0 or 1, most
# are. Poco reads what it cuts in the middle and what has R and S short alike, and so refuses some of its own, too. What others sign it reads.
# 1.15.3 and the main branch have the same line; the documentation of Poco::JWT lists the three algorithms alike. We found no issue about it.
# Way out: ES256, or RS256 and its kin.
#
#   ES256: of 1000 tokens of Poco jose refuses 0, PyJWT 0, Poco 0; of 200 tokens of jose Poco refuses 0
#   ES384: of 4000 tokens of Poco jose refuses 1 in 128, PyJWT 1 in 128, Poco 1 in 128; of 200 tokens of jose Poco refuses 0
#   ES512: of 400 tokens of Poco jose refuses 3 in 4, PyJWT 3 in 4, Poco 1 in 4; of 200 tokens of jose Poco refuses 0
# shellcheck source=findings/lib/find.sh
. "$(dirname "$0")/lib/find.sh"

need g++ openssl python3
version=1.11.0-3+deb12u1
debian libpoco-dev=$version libpocojwt80=$version libpococrypto80=$version libpocojson80=$version libpocofoundation80=$version libpcre3=2:8.39-15 \
    python3-jwt=2.6.0-1+deb12u1 python3-cryptography=38.0.4-3+deb12u1 python3-cffi-backend=1.15.1-5+b1
node_packages jose@6.2.18

cat >"$work/poco.cpp" <<'CPP'
#include <Poco/Crypto/ECKey.h>
#include <Poco/JWT/Signer.h>
#include <Poco/JWT/Token.h>
#include <iostream>
#include <string>

int main(int, char** arguments)
{
    const std::string algorithm = arguments[1];
    Poco::JWT::Signer signer;
    signer.addAlgorithm(algorithm);
    signer.setECKey(new Poco::Crypto::ECKey(arguments[2], arguments[3]));
    if (const int count = std::stoi(arguments[4]); count > 0)
    {
        for (int i = 0; i < count; ++i)
        {
            Poco::JWT::Token token;
            token.setType("JWT");
            token.setSubject(std::to_string(i));
            std::cout << signer.sign(token, algorithm) << '\n';
        }
        return 0;
    }
    Poco::JWT::Token token;
    int refused = 0;
    for (std::string text; std::getline(std::cin, text);) refused += !signer.tryVerify(text, token);
    std::cout << refused << '\n';
}
CPP
cat >"$work/jose.mjs" <<'JS'
import { createPrivateKey, createPublicKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import * as jose from 'jose';

const [, , alg, publicFile, privateFile, count] = process.argv;
if (+count) {
    const key = createPrivateKey(readFileSync(privateFile));
    for (let i = 0; i < +count; ++i) console.log(await new jose.SignJWT({ sub: `${i}` }).setProtectedHeader({ alg }).sign(key));
} else {
    const key = createPublicKey(readFileSync(publicFile));
    let refused = 0;
    for (const token of readFileSync(0, 'utf8').trim().split('\n')) await jose.jwtVerify(token, key).catch(() => ++refused);
    console.log(refused);
}
JS
cat >"$work/pyjwt.py" <<'PYTHON'
import sys
sys.path.insert(0, sys.argv[1])
import jwt

def refuses(token):
    try:
        return not jwt.decode(token.strip(), open(sys.argv[3]).read(), algorithms=[sys.argv[2]])
    except jwt.InvalidSignatureError:
        return True

print(sum(map(refuses, sys.stdin)))
PYTHON
lib=$(dirname "$work"/root/usr/lib/*/libPocoJWT.so.80)
timeout 300 g++ -std=c++17 -Wno-deprecated-declarations -I"$work/root/usr/include" "$work/poco.cpp" -o "$work/poco" \
    "$lib"/libPoco{JWT,Crypto,JSON,Foundation}.so.80 -Wl,-rpath,"$lib" -Wl,-rpath-link,"$lib" >&2 ||
    not_tried "the program does not compile (libssl-dev?)"
export LD_LIBRARY_PATH=$lib

share() { # REFUSED COUNT: about what part that is
    awk -v refused="$1" -v count="$2" 'BEGIN {
        part = refused / count
        print(refused == 0 ? 0 : part > 1 / 400 && part < 1 / 60 ? "1 in 128" : part > 0.15 && part < 0.35 ? "1 in 4" : part > 0.65 && part < 0.85 ? "3 in 4" : refused)
    }'
}
try() { # ALGORITHM CURVE COUNT
    local public=$work/$1.public.pem private=$work/$1.pem tokens=$work/$1.tokens
    openssl ecparam -name "$2" -genkey -noout -out "$private" && openssl ec -in "$private" -pubout -out "$public" 2>/dev/null || not_tried "openssl"
    timeout 240 "$work/poco" "$1" "$public" "$private" "$3" >"$tokens" || not_tried "Poco does not sign"
    echo "$1: of $3 tokens of Poco jose refuses $(share "$(node "$work/jose.mjs" "$1" "$public" "$private" 0 <"$tokens")" "$3"), PyJWT $(
        share "$(timeout 240 python3 "$work/pyjwt.py" "$work/root/usr/lib/python3/dist-packages" "$1" "$public" <"$tokens")" "$3"), Poco $(
        share "$("$work/poco" "$1" "$public" "$private" 0 <"$tokens")" "$3"); of 200 tokens of jose Poco refuses $(
        node "$work/jose.mjs" "$1" "$public" "$private" 200 | "$work/poco" "$1" "$public" "$private" 0)"
}
{
    try ES256 prime256v1 1000
    try ES384 secp384r1 4000
    try ES512 secp521r1 400
} | expect 'ES256: of 1000 tokens of Poco jose refuses 0, PyJWT 0, Poco 0; of 200 tokens of jose Poco refuses 0
ES384: of 4000 tokens of Poco jose refuses 1 in 128, PyJWT 1 in 128, Poco 1 in 128; of 200 tokens of jose Poco refuses 0
ES512: of 400 tokens of Poco jose refuses 3 in 4, PyJWT 3 in 4, Poco 1 in 4; of 200 tokens of jose Poco refuses 0'
