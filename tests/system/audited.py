"""Every function of ours that takes, makes or keeps a secret, each value a parameter, on a server that logs all
that pgaudit and auto_explain can: audited.py LOG prints the secrets that entries of it hold, and how many entries of
statements inside our functions there were. The caller's own statements are marked (inside: PostgreSQL 19 leaves leading comments out), and passed over."""

import json
import os
import re
import sys
import time

sys.path.insert(0, "tests/harness")
import libpq

PASSWORD, CHANGED, WRONG, WEAK = "Th1sIsAStrong!Pass", "An0therStrong!Pass", "Wr0ng!Passw0rd!!", "weakword"
ARGON2 = "$argon2id$v=19$m=19456,t=2,p=1$SGVsZFNhbHRGb3JUZXN0cw$" + "q" * 43
BCRYPT = "$2a$04$abcdefghijklmnopqrstuuxKk5Zp/ywkv.2T2gOSHljkrfsl.zCKu"
SECRET = "a-secret-that-is-thirty-two-bytes-lang"
ED25519 = {"kty": "OKP", "crv": "Ed25519", "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
    "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
connection = libpq.Connection()
log = sys.argv[1]
begin = os.path.getsize(log)
secrets = {PASSWORD, CHANGED, WRONG, WEAK, ARGON2, BCRYPT, SECRET, ED25519["d"]}


def call(statement, *values, token=""):
    if token:
        connection.rows("SELECT /* caller */ set_config('pg_principal.token', $1, false)", token)
    try:
        return (connection.row(f"SELECT /* caller */ {statement}", *values) or [None])[0]
    except libpq.Refused as refused:
        if refused.sqlstate[:3] in ("426", "428"):
            raise # the test's own mistake
        return None
    finally:
        connection.rows("RESET /* caller */ pg_principal.token")


def session(statement, *values, token=""):
    tokens = json.loads(call(f"({statement}).payload->'tokens'", *values, token=token))
    secrets.update({tokens["accessToken"].rpartition(".")[2], tokens["refreshToken"]})
    return tokens["accessToken"], tokens["refreshToken"]


def profile(email, **fields):
    return json.dumps({"email": email, **fields})


for source in (SECRET + "2", json.dumps(ED25519), json.dumps({"kty": "oct", "k": SECRET, "x": 1})):
    call("auth.import_signing_key($1::text)", source)
call("auth.import_signing_key($1::jsonb, false)",
    json.dumps({"kty": "oct", "k": "c2VjcmV0" * 8, "alg": "HS256"}))
for alg in ("HS256", "EdDSA", "ES256", "RS256"):
    call("auth.create_signing_key($1)", alg)
root = "audited-root@example.com"
call("auth.add_user($1)", profile(root, password=PASSWORD, role="ADMIN", userMetadata={"a": 1},
    appMetadata={"b": 1}, banDuration="1ns"))
admin, _ = session("auth.sign_in($1, $2)", root, PASSWORD)
for given in ({"password": WEAK}, {"password": WRONG, "passwordHash": ARGON2},
        {"passwordHash": "no hash " + SECRET}, {"Password": WRONG},
              {"password": PASSWORD, "userMetadata": {"a": "x" * 5000}},
              {"password": PASSWORD, "banDuration": "1h"}, {"passwordHash": BCRYPT},
              {"passwordHash": ARGON2}):
    call("auth.create_user($1)", profile("audited@example.com", **given), token=admin)
    call("auth.create_user($1)", profile(f"audited-{time.monotonic_ns()}@example.com", **given),
        token=admin)
ann = "audited-ann@example.com"
ann_id = call("(auth.add_user($1)).payload->'user'->>'id'", profile(ann, passwordHash=BCRYPT))
call("auth.sign_in($1, $2)", ann, WRONG)
call("auth.set_password($1, $2)", ann, WEAK)
call("auth.set_password($1, $2)", ann, PASSWORD)
call("auth.set_password($1, $2)", "nobody@example.com", PASSWORD)
connection.rows("UPDATE /* caller */ auth.users SET encrypted_password = $2 WHERE email = $1", ann,
    BCRYPT)
connection.rows(
    "INSERT /* caller */ INTO auth.users (email, encrypted_password) VALUES ($1, $2), ($1 || 'x', $2)",
    "audited-direct@example.com", ARGON2)
session("auth.sign_in($1, $2)", ann, "U*U") if call("(auth.sign_in($1, $2)).ok", ann,
    "U*U") == "t" else None
call("auth.set_password($1, $2)", ann, PASSWORD)
access, refresh = session("auth.sign_in($1, $2, $3)", ann, PASSWORD,
    json.dumps({"ip": "192.0.2.1", "userAgent": "x", "accessTokenTtl": 60}))
_, second = session("auth.refresh($1)", refresh)
session("auth.refresh($1, $2)", second, json.dumps({"waitedMs": 5, "refreshTokenTtl": 60}))
for shown in (refresh, second, second[:-6] + "AAAAAA", second[:-1], "ppr_x", None):
    call("auth.refresh($1)", shown)
access, refresh = session("auth.sign_in($1, $2)", ann, PASSWORD)
call("auth.change_password($1, $2)", WRONG, CHANGED, token=access)
call("auth.change_password($1, $2)", PASSWORD, WEAK, token=access)
call("auth.change_password($1, $2)", PASSWORD, CHANGED, token=access)
call("auth.change_password($1, $2)", CHANGED, PASSWORD, token=access)
for changes in ({"password": CHANGED}, {"password": CHANGED, "currentPassword": WRONG},
        {"password": WEAK, "currentPassword": PASSWORD},
        {"password": 1, "currentPassword": PASSWORD},
                {"password": CHANGED, "currentPassword": PASSWORD,
                "userMetadata": {"a": "x" * 5000}},
                {"password": CHANGED, "currentPassword": PASSWORD, "userMetadata": {"a": 1}}):
    call("auth.update_account($1)", json.dumps(changes), token=access)
for changes in ({"password": PASSWORD}, {"password": WEAK}, {"passwordHash": ARGON2},
        {"password": PASSWORD, "appMetadata": {"a": "x" * 3000}},
        {"password": CHANGED, "banDuration": "1h"},
                {"password": CHANGED, "banDuration": "none"},
                {"password": PASSWORD, "email": root}):
    call("auth.update_user($1, $2)", ann_id, json.dumps(changes), token=admin)
call("auth.update_profile($1)", json.dumps({"password": WRONG}), token=access)
connection.rows("SET /* caller */ pg_principal.registration = open")
session("auth.sign_up($1)", profile("audited-new@example.com", password=PASSWORD,
    userMetadata={"a": 1}))
for given in ({"password": PASSWORD}, {"password": WEAK}, {"Password": WRONG},
        {"password": PASSWORD, "userMetadata": {"a": "x" * 5000}}):
    call("auth.sign_up($1)", profile("audited-new@example.com", **given))
rows = [{"email": "audited-i1@example.com", "encrypted_password": BCRYPT,
    "confirmation_token": SECRET}, {"email": "audited-i2@example.com",
    "encrypted_password": ARGON2}]
call("auth.import_users($1)", json.dumps(rows))
call("auth.import_users($1)", json.dumps([{**rows[0], "email": "audited-i3@example.com"},
    {"email": "no at", "encrypted_password": "plain " + SECRET}]))
call("auth.import_users($1, true)",
    json.dumps([{"email": "audited-i4@example.com", "encrypted_password": "md5$" + SECRET}]))
call("auth.push_people($1)", json.dumps([{"email": root, "name": "Root"}]))
call("auth.provision()")
for minted in (call("auth.issue($1, $2, $3, $4)", root, "1h", "label", "{read}"),
        call("(auth.issue_key($1)).token", "service_role"),
               call("(auth.issue_token($1)).token", root),
               call("(auth.issue_for($1)).payload->>'token'", ann_id, token=admin)):
    if minted:
        secrets.add(minted.rpartition(".")[2])
        call("auth.is_project_key($1)", minted)
        call("auth.authenticate($1)->>'email'", minted)
        call("auth.try_authenticate($1)", minted)
call("auth.jwt_sign($1, $2)", "{}", json.dumps(ED25519))
call("auth.jws_sign($1, $2)", "x", json.dumps(ED25519))
call("auth.agent_health()", token=admin)
call("(auth.adopt_key($1)).role",
    call("auth.sign_token($1)",
    json.dumps({"role": "anon", "iss": "supabase", "exp": 4_000_000_000})))
call("(SELECT count(*) FROM auth.list_audit())")
call("auth.audit_seal()")
call("auth.seal_signing_keys()")
call("auth.sign_out($1)", "global", token=access)
call("auth.ban($1)", ann)
call("auth.delete_user($1)", ann_id, token=admin)
call("auth.scan_agent_health()")

stored = connection.rows("""SELECT hash FROM auth.password_hashes
    UNION ALL SELECT convert_from(material, 'UTF8')::jsonb->>m FROM auth.signing_keys, unnest('{d,k,p}'::text[]) AS m WHERE sealed_under IS NULL AND convert_from(material, 'UTF8')::jsonb ? m
    UNION ALL SELECT encode(material, 'hex') FROM auth.signing_keys UNION ALL SELECT encode(material, 'hex') FROM auth.server_keys
    UNION ALL SELECT encode(r.hash, 'hex') FROM auth.refresh_tokens r UNION ALL SELECT encode(r.previous_hash, 'hex') FROM auth.refresh_tokens r WHERE r.previous_hash IS NOT NULL""")
secrets.update(value for value, in stored)
connection.close()
time.sleep(0.2)
with open(log, encoding="utf-8", errors="replace") as file:
    file.seek(begin)
    entries = re.split(r"(?m)^(?=\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)", file.read())
inside = [entry for entry in entries if "/* caller */" not in entry]
# long ones are folded into a plan's line as they are; of a bytea its hexadecimal digits
found = sorted({secret for secret in secrets for entry in inside if secret in entry})
for secret in found:
    print("found:", secret[:40], "in:", next(entry for entry in inside if secret in entry)[:600])
print("of pgaudit:", sum("AUDIT: SESSION" in entry for entry in inside) > 500, "of auto_explain:",
    sum("Query Text:" in entry for entry in inside) > 500,
      "secrets:", len(secrets) > 40, "found:", len(found))
