"""PyJWT's side of tests/cli/jose_interop.sh.

make: keys of its own for each algorithm and a token under each, as JSON.
algorithms: their names.
check FILE: verifies the tokens in FILE and signs with the private keys there.
"""

import base64
import json
import sys

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa

ALGORITHMS = jwt.algorithms.get_default_algorithms()
CURVES = {"ES256": ec.SECP256R1, "ES384": ec.SECP384R1, "ES512": ec.SECP521R1}
PAYLOAD = b"\x00payload of PyJWT\xff"
CLAIMS = {"sub": "PyJWT", "aud": ["api", "other"], "iss": "us", "exp": 4102444800, "n": 1.5}


def url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(value, size):
    return url(value.to_bytes(size, "big"))


def generate(alg, curve):
    if alg.startswith(("RS", "PS")):
        return rsa.generate_private_key(65537, 2048)
    if alg in CURVES:
        return ec.generate_private_key(CURVES[alg]())
    return (ed448.Ed448PrivateKey if curve == "Ed448" else ed25519.Ed25519PrivateKey).generate()


def ec_jwk(key):
    public = key.public_key() if hasattr(key, "public_key") else key
    numbers = public.public_numbers()
    size = (public.key_size + 7) // 8
    jwk = {
        "kty": "EC",
        "crv": {256: "P-256", 384: "P-384", 521: "P-521"}[public.key_size],
        "x": number(numbers.x, size),
        "y": number(numbers.y, size),
    }
    if public is not key:
        jwk["d"] = number(key.private_numbers().private_value, size)
    return jwk


def to_jwk(alg, key):
    return ec_jwk(key) if alg in CURVES else json.loads(ALGORITHMS[alg].to_jwk(key))


def private_pem(key, form):
    return key.private_bytes(
        serialization.Encoding.PEM, form, serialization.NoEncryption()
    ).decode()


def public_pem(key):
    return key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    ).decode()


def row(alg, form, key, private, public):
    return {
        "alg": alg,
        "form": form,
        "private": private,
        "public": public,
        "jws": jwt.api_jws.encode(PAYLOAD, key, algorithm=alg),
        "payload": PAYLOAD.hex(),
        "jwt": jwt.encode(CLAIMS, key, algorithm=alg),
        "claims": CLAIMS,
    }


def make():
    rows = []
    for size, alg in ((32, "HS256"), (48, "HS384"), (64, "HS512")):
        secret = bytes(range(100, 100 + size))
        jwk = {"kty": "oct", "k": url(secret)}
        rows.append(row(alg, "JWK", secret, jwk, jwk))
        text = secret.hex()
        rows.append(row(alg, "text", text, text, text))
    asymmetric = [(alg, None) for alg in ALGORITHMS if alg[:2] in ("RS", "PS")]
    asymmetric += [(alg, None) for alg in CURVES] + [("EdDSA", "Ed25519"), ("EdDSA", "Ed448")]
    for alg, curve in asymmetric:
        key = generate(alg, curve)
        name = "%s JWK" % curve if curve else "JWK"
        rows.append(row(alg, name, key, to_jwk(alg, key), to_jwk(alg, key.public_key())))
        forms = {"PKCS#8": serialization.PrivateFormat.PKCS8}
        if curve is None:
            forms["traditional"] = serialization.PrivateFormat.TraditionalOpenSSL
        for form, how in forms.items():
            name = "%s %s PEM" % (curve, form) if curve else form + " PEM"
            pem = private_pem(key, how)
            rows.append(row(alg, name, key, pem, public_pem(key.public_key())))
    json.dump(rows, sys.stdout)


def check(rows):
    signed = []
    for item in rows:
        alg, what = item["alg"], "%s under %s" % (item["alg"], item["form"])
        algorithm = ALGORITHMS[alg]
        keys = {"JWK": algorithm.from_jwk(json.dumps(item["public_jwk"]))}
        if item["public_pem"]:
            keys["PEM"] = item["public_pem"]
        for form, key in keys.items():
            try:
                good = jwt.api_jws.decode(item["jws"], key, [alg]) == bytes.fromhex(item["payload"])
                claims = jwt.decode(item["jwt"], key, [alg], audience="api", issuer="us")
                good = good and claims == item["claims"]
            except jwt.PyJWTError as error:
                good = False
                print("    %r" % error, file=sys.stderr)
            print("%s - PyJWT verifies our %s, by %s" % ("ok" if good else "not ok", what, form),
                  file=sys.stderr)
            try:
                jwt.api_jws.decode(item["forged"], key, [alg])
                print("not ok - PyJWT accepts a forged %s" % what, file=sys.stderr)
            except jwt.PyJWTError:
                pass
        key = algorithm.from_jwk(json.dumps(item["private_jwk"]))
        signed.append(row(alg, item["form"], key, item["private_jwk"], item["public_jwk"]))
    json.dump(signed, sys.stdout)


if sys.argv[1] == "make":
    make()
elif sys.argv[1] == "algorithms":
    print(",".join(set(ALGORITHMS) - {"none"}))
else:
    with open(sys.argv[2], encoding="utf-8") as file:
        check(json.load(file))
