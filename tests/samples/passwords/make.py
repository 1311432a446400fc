"""Makes the lines of hashes.tsv that Debian's Python libraries can make; make.mjs makes the rest.

apt-get install python3-django python3-passlib python3-argon2 python3-bcrypt python3-werkzeug
python3 make.py >>hashes.tsv. A line: library, how, password, hash. Costs are low where the library
lets them be, so that the test is quick; defaults are marked so.
"""
import base64
import crypt
import ctypes
import hashlib
import json

import argon2
import django
import passlib
import werkzeug
from argon2.low_level import Type
from django.conf import settings
from django.contrib.auth import hashers
from passlib import hash as handlers
from passlib.utils.binary import ab64_decode
from werkzeug.security import generate_password_hash

settings.configure(PASSWORD_HASHERS=["django.contrib.auth.hashers." + name for name in (
    "PBKDF2PasswordHasher", "PBKDF2SHA1PasswordHasher", "Argon2PasswordHasher",
    "BCryptSHA256PasswordHasher", "BCryptPasswordHasher")])
PASSWORD = "Th1sIsAStrong!Pass\u00e9"
DJANGO = "Django " + django.get_version()
PASSLIB = "passlib " + passlib.__version__


def line(library, how, hashed, password=PASSWORD):
    print(library, how, password, hashed, sep="\t")


for name in ("pbkdf2_sha256", "argon2"):
    line(DJANGO, name + ", default", hashers.make_password(PASSWORD, hasher=name))
line(DJANGO, "pbkdf2_sha1", hashers.PBKDF2SHA1PasswordHasher().encode(PASSWORD, "saltsaltsalt", 10000))
for hasher in (hashers.BCryptSHA256PasswordHasher(), hashers.BCryptPasswordHasher()):
    hasher.rounds = 5
    line(DJANGO, hasher.algorithm, hasher.encode(PASSWORD, hasher.salt()))

for kind in Type:
    line("argon2-cffi " + argon2.__version__, kind.name,
         argon2.PasswordHasher(time_cost=3, memory_cost=1024, parallelism=4, type=kind).hash(PASSWORD))
    line("argon2-cffi " + argon2.__version__, f"{kind.name}, version 16",
         argon2.low_level.hash_secret(PASSWORD.encode(), b"saltsaltsaltsalt", 2, 1024, 2, 32, kind, 0x10)
         .decode())

for handler, settings_ in (
        (handlers.pbkdf2_sha1, {"rounds": 5000}), (handlers.pbkdf2_sha256, {}), (handlers.pbkdf2_sha512, {}),
        (handlers.ldap_pbkdf2_sha1, {"rounds": 5000}), (handlers.ldap_pbkdf2_sha256, {}),
        (handlers.ldap_pbkdf2_sha512, {}), (handlers.django_pbkdf2_sha256, {}),
        (handlers.scrypt, {"rounds": 13}), (handlers.sha256_crypt, {"rounds": 10000}),
        (handlers.sha512_crypt, {"rounds": 10000}),
        (handlers.ldap_sha512_crypt, {"rounds": 5000}), (handlers.sha512_crypt, {"rounds": 5000}),
        (handlers.bcrypt, {"rounds": 5}), (handlers.ldap_bcrypt, {"rounds": 5}),
        (handlers.bcrypt_sha256, {"rounds": 5}), (handlers.bcrypt_sha256, {"version": 1, "rounds": 5})):
    how = ", ".join(f"{key}={value}" for key, value in settings_.items()) or "default"
    line(PASSLIB, f"{handler.name}, {how}", handler.using(**settings_).hash(PASSWORD))

for method in ("pbkdf2:sha256:5000", "pbkdf2:sha1:5000", "pbkdf2:sha512:5000"):
    line("Werkzeug " + werkzeug.__version__, method, generate_password_hash(PASSWORD, method))

libcrypt = ctypes.CDLL("libcrypt.so.1")
libcrypt.crypt_gensalt.restype = ctypes.c_char_p
for prefix in ("$2a$", "$2b$", "$2y$", "$5$", "$6$", "$7$", "$y$", "$gy$"):
    cost = 5 if prefix.startswith("$2") else 0
    setting = libcrypt.crypt_gensalt(prefix.encode(), cost, b"0123456789abcdef" * 2, 32).decode()
    line("libxcrypt 4.4.33", prefix + (f" cost {cost}" if cost else " default"), crypt.crypt(PASSWORD, setting))


def keycloak(handler, algorithm, iterations):
    """A credential as a realm's export has it, around what passlib derived."""
    _, _, rounds, salt, checksum = handler.using(rounds=iterations).hash(PASSWORD).split("$")
    return json.dumps({
        "type": "password",
        "secretData": json.dumps({"value": base64.b64encode(ab64_decode(checksum)).decode(),
                                  "salt": base64.b64encode(ab64_decode(salt)).decode(),
                                  "additionalParameters": {}}),
        "credentialData": json.dumps({"hashIterations": int(rounds), "algorithm": algorithm,
                                      "additionalParameters": {}})})


line(PASSLIB, "in Keycloak's JSON, pbkdf2-sha256, default until 23",
     keycloak(handlers.pbkdf2_sha256, "pbkdf2-sha256", 27500))
line(PASSLIB, "in Keycloak's JSON, pbkdf2-sha512, default of 24",
     keycloak(handlers.pbkdf2_sha512, "pbkdf2-sha512", 210000))
value = argon2.low_level.hash_secret_raw(PASSWORD.encode(), b"saltsaltsaltsalt", 5, 7168, 1, 32, Type.ID)
line("argon2-cffi " + argon2.__version__, "in Keycloak's JSON, argon2, default since 25", json.dumps({
    "secretData": {"value": base64.b64encode(value).decode(),
                   "salt": base64.b64encode(b"saltsaltsaltsalt").decode(), "additionalParameters": {}},
    "credentialData": {"hashIterations": 5, "algorithm": "argon2", "additionalParameters": {
        "hash": ["32"], "memory": ["7168"], "type": ["id"], "version": ["1.3"], "parallelism": ["1"]}}}))


# No package of Debian's makes these: the forms are their sources', what is in them is hashlib's.
def derived(how, hashed):
    line("hashlib", how, hashed)


def scrypt(n, r, p, size, salt):
    return hashlib.scrypt(PASSWORD.encode(), salt=salt, n=n, r=r, p=p, dklen=size, maxmem=1 << 30)


def spring(name, digest, iterations, size):
    salt = b"0123456789abcdef"[:size]
    derived("Spring Security's " + name, "{" + name + "}" + (
        salt + hashlib.pbkdf2_hmac(digest, PASSWORD.encode(), salt, iterations, 32)).hex())


spring("pbkdf2", "sha1", 185000, 8)
spring("pbkdf2@SpringSecurity_v5_8", "sha256", 310000, 16)
for name, log_n in (("scrypt", 14), ("scrypt@SpringSecurity_v5_8", 16)):
    salt, tag = (base64.b64encode(data).decode() for data in (
        b"0123456789abcdef", scrypt(1 << log_n, 8, 1, 32, b"0123456789abcdef")))
    derived("Spring Security's " + name, f"{{{name}}}${log_n << 16 | 8 << 8 | 1:x}${salt}${tag}")
derived("Spring Security's bcrypt", "{bcrypt}" + handlers.bcrypt.using(rounds=5, ident="2a").hash(PASSWORD))
derived("Django's scrypt, default of 6.0", "scrypt$16384$saltsaltsalt$8$5$" + base64.b64encode(
    scrypt(16384, 8, 5, 64, b"saltsaltsalt")).decode())
derived("Werkzeug's scrypt, default of 3.0",
        "scrypt:32768:8:1$saltsaltsaltsalt$" + scrypt(32768, 8, 1, 64, b"saltsaltsaltsalt").hex())
