"""Python's authlib, unchanged, against /oauth/token, /oauth/introspect and /oauth/revoke."""

import json
import os
import socket
import subprocess
import tempfile

from api import account, sql
from issuers import PATIENT
from wire import Server, main, ok

JOBS = "https://ci.example.com"


def authlib():
    python = next((one for one in ("/usr/bin/python3", "python3")
        if subprocess.run([one, "-c", "import authlib, requests"], capture_output=True).returncode
        == 0), None)
    if python is None:
        ok("authlib # skipped: python3-authlib is not installed", True)
        return
    bot = account(kind="service_account")
    made = json.loads(sql("SELECT to_jsonb(s) FROM auth.create_client_secret(:'email') AS s",
        email=bot["email"]))
    sql("SELECT auth.set_client_scopes(:'email', '{read}')", email=bot["email"])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    issuer = f"http://127.0.0.1:{port}"
    for role in ("web", "postgres"):
        sql(f"ALTER ROLE {role} SET pg_principal.issuer = '{issuer}'")
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt",
            "ec_paramgen_curve:P-256", "-out", f"{folder}/key.pem"], check=True,
            capture_output=True)
        with open(f"{folder}/key.pem") as file:
            jwk = sql("SELECT auth.public_jwk(auth.pem_to_jwk(:'pem')) || '{\"kid\": \"job\"}'",
                pem=file.read())
        sql("SELECT auth.trust_issuer(:'issuer', ARRAY[:'us'], jsonb_build_object('keys', jsonb_build_array(:'jwk'::jsonb)))",
            issuer=JOBS, us=issuer, jwk=jwk)
        sql("SELECT auth.map_claims(:'issuer', :'email', '{\"repository_id\": \"74\"}', '{deploy}')",
            issuer=JOBS, email=bot["email"])
        with Server("--listen", f"127.0.0.1:{port}", *PATIENT):
            done = subprocess.run([python, "tests/interop/authlib_client.py"], capture_output=True,
                text=True, timeout=200, env={
                **os.environ, "OAUTH_ISSUER": issuer, "OAUTH_CLIENT_ID": bot["id"],
                "OAUTH_CLIENT_SECRET": made["secret"], "JOB_ISSUER": JOBS,
                "JOB_KEY": f"{folder}/key.pem", "JOB_KID": "job",
                "AUTHLIB_INSECURE_TRANSPORT": "true"})
    print(done.stdout, end="", flush=True)
    ok("authlib came to the end", done.returncode == 0,
        done.stderr)  # it may warn of its own next version
    for role in ("web", "postgres"):
        sql(f"ALTER ROLE {role} RESET pg_principal.issuer")


main(authlib)
