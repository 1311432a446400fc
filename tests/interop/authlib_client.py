"""What Python's authlib makes of our server, from discovery to revocation: OAUTH_ISSUER, OAUTH_CLIENT_ID, OAUTH_CLIENT_SECRET, and JOB_ISSUER,
JOB_KEY (a file, PEM), JOB_KID of a job whose issuer is trusted. psql leads to the database. Prints a line for each check."""

import os
import subprocess

from authlib.integrations.requests_client import AssertionSession, OAuth2Session
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata, get_well_known_url
import requests

ISSUER, CLIENT, SECRET = (os.environ[name] for name in ("OAUTH_ISSUER", "OAUTH_CLIENT_ID",
    "OAUTH_CLIENT_SECRET"))


def equal(name, got, wanted):
    print(("ok - " if got == wanted else "not ok - ") + "authlib: " + name, flush=True)
    if got != wanted:
        print(f"    wanted {wanted!r}, got {got!r}", flush=True)


class Connection:
    """One connection, which stays open."""

    def __init__(self, token):
        self.psql = subprocess.Popen(["psql", "-XAtq"], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.ask(f"SET pg_principal.token = '{token}'")

    def ask(self, statement):
        self.psql.stdin.write(statement + ";\n\\echo ---\n")
        self.psql.stdin.flush()
        return "".join(iter(self.psql.stdout.readline, "---\n")).strip()


metadata = AuthorizationServerMetadata(requests.get(get_well_known_url(ISSUER, external=True),
    timeout=60).json())
equal("its metadata", metadata["issuer"], ISSUER)
metadata.validate_issuer = lambda: None  # it wants https
for check in ("jwks_uri", "grant_types_supported", "token_endpoint_auth_methods_supported"):
    try:
        getattr(metadata, f"validate_{check}")()
        equal(check, True, True)
    except ValueError as error:
        equal(check, str(error) if "https" not in str(error) else True, True)

for method in ("client_secret_basic", "client_secret_post"):
    client = OAuth2Session(CLIENT, SECRET, token_endpoint_auth_method=method,
        revocation_endpoint_auth_method=method)
    token = client.fetch_token(metadata["token_endpoint"], grant_type="client_credentials",
        scope="read")
    equal(f"{method}: a token", (token["token_type"], token["scope"]), ("Bearer", "read"))
    connection = Connection(token["access_token"])
    equal(f"{method}: it is an identity on an open connection", connection.ask("SELECT auth.uid()"),
        CLIENT)
    seen = client.introspect_token(metadata["introspection_endpoint"],
        token=token["access_token"]).json()
    equal(f"{method}: introspection", (seen["active"], seen["client_id"], seen["scope"]),
        (True, CLIENT, "read"))
    equal(f"{method}: revocation", client.revoke_token(metadata["revocation_endpoint"],
        token=token["access_token"]).status_code, 200)
    equal(f"{method}: introspection after it",
        client.introspect_token(metadata["introspection_endpoint"],
        token=token["access_token"]).json(), {"active": False})
    equal(f"{method}: refused at the next statement",
        "session revoked" in connection.ask("SELECT auth.uid()"), True)
    try:
        OAuth2Session(CLIENT, "wrong",
            token_endpoint_auth_method=method).fetch_token(metadata["token_endpoint"],
            grant_type="client_credentials")
        equal(f"{method}: a wrong secret", "a token", "invalid_client")
    except Exception as error:
        equal(f"{method}: a wrong secret", getattr(error, "error", repr(error)), "invalid_client")

with open(os.environ["JOB_KEY"]) as file:
    job = AssertionSession(metadata["token_endpoint"], os.environ["JOB_ISSUER"], "repo:octo/app",
        audience=ISSUER, claims={"repository_id": "74"},
                           key=file.read(), header={"alg": "ES256", "kid": os.environ["JOB_KID"]},
                           scope="deploy")
token = job.refresh_token()
equal("AssertionSession: a job's token for one of ours", (token["token_type"], token["scope"]),
    ("Bearer", "deploy"))
