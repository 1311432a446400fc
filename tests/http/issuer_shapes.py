"""Tokens shaped as those of GitHub Actions, GitLab, Kubernetes, Entra ID, Google, Cognito, Keycloak, SPIFFE and SAP, made by npm's jose; and
npm's oauth2-mock-server and oidc-provider, unchanged, as issuers."""

import json
import os
import subprocess
import tempfile

from api import sql
from issuers import AGENT, PATIENT, Issuer, refresh
from wire import Server, ask, equal, main, ok

US = "https://id.example.com"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
REASONS = {"a list of other audiences": "wrong audience", "another audience": "wrong audience",
    "no audience": "wrong audience",
           "another issuer's key of the same kid": "bad signature",
           "another key, which it brings along": "bad signature", "expired": "expired",
           "from the future": "not yet valid",
           "issued in the future": "iat is in the future", "no end": "malformed: exp is missing",
           "too long a life": "lives too long", "too long since": "lives too long",
           "an unknown kid": "unknown key", "another type": "wrong type",
           "no issuer": "issuer not trusted", "another issuer": "issuer not trusted"}


def exchange(server, token):
    status, _, body = ask(server.port, "/oauth/token", "POST",
        ["Content-Type: application/x-www-form-urlencoded"],
                          f"grant_type={GRANT}&assertion={token}".encode())
    return status, json.loads(body).get("error", "token")


def node(*arguments, **environment):
    return subprocess.Popen(["node", "tests/interop/issuers.mjs", *arguments],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            env={**os.environ, "ISSUER_AUDIENCE": US, **environment})


def shapes():
    done, errors = node().communicate(timeout=180)
    if not ok("jose signs them", done, errors):
        return
    with Server(*PATIENT) as server:
        for one in json.loads(done):
            name = one["name"]
            sql("SELECT auth.trust_issuer(:'issuer', ARRAY(SELECT jsonb_array_elements_text(:'audiences')), :'jwks', algorithms => ARRAY(SELECT jsonb_array_elements_text(:'algorithms')))",
                issuer=one["issuer"], **{field: json.dumps(one[field]) for field in ("audiences",
                "jwks", "algorithms")})
            sql("SELECT auth.map_claims(:'issuer', :'agent', :'rule')", issuer=one["issuer"],
                agent=AGENT, rule=json.dumps(one["rule"]))
            equal(f"{name}: accepted by its rule",
                [exchange(server, token) for token in one["good"]],
                [(200, "token")] * len(one["good"]))
            equal(f"{name}: a second time", exchange(server, one["good"][0]),
                (400, "invalid_grant"))
            equal(f"{name}: each wrong one is refused",
                {what: exchange(server, token) for what, token in one["wrong"].items()},
                  {what: (400, "invalid_grant") for what in one["wrong"]})
            told = json.loads(
                sql("SELECT jsonb_object_agg(w.key, (SELECT t.faults->>0 FROM (SELECT to_jsonb(f.faults) AS faults FROM auth.test_issuer_token(w.value) AS f LIMIT 1) AS t))"
                                  " FROM jsonb_each_text(:'wrong') AS w",
                                  wrong=json.dumps(one["wrong"])))
            wanted = {what: REASONS[what] for what in one["wrong"] if what in REASONS}
            if name == "Cognito":
                wanted.update({"a list of other audiences": "wrong audience",
                    "another audience": "wrong audience"})
            if name == "Entra ID":  # its keys serve the tenant that the token names
                told = {what: fault for what, fault in told.items()
                    if fault != "key of another issuer" or "tid" not in what}
            equal(f"{name}: for its reason", {what: told.get(what) for what in wanted}, wanted)
            ok(f"{name}: and for the claim that is another",
                all(", not " in fault for what, fault in told.items() if what not in REASONS), told)
            sql("SELECT auth.distrust_issuer(:'issuer')", issuer=one["issuer"])


def others(issuer):
    peers = node("serve", ISSUER_KEY=f"{issuer.folder}/key.pem",
        ISSUER_CERT=f"{issuer.folder}/cert.pem", NODE_EXTRA_CA_CERTS=f"{issuer.folder}/ca.pem")
    with Server(*PATIENT, "--no-fetch") as server:
        for _ in range(2):
            line = next((line for line in peers.stdout if line.startswith("{")),
                "")  # oidc-provider has remarks of its own
            if not ok("an issuer is up", line, "" if line else peers.stderr.read()):
                return
            one = json.loads(line)
            sql("SELECT auth.trust_issuer(:'issuer', ARRAY[:'us'], jwks_url => :'url')",
                issuer=one["issuer"], us=US, url=one["url"])
            sql("SELECT auth.map_claims(:'issuer', :'agent', :'rule')", issuer=one["issuer"],
                agent=AGENT, rule=json.dumps(one["rule"]))
            equal(f"{one['name']}: before its keys are known", exchange(server, one["token"]),
                (400, "invalid_grant"))
            equal(f"{one['name']}: its keys, by discovery", refresh(one["issuer"], *issuer.flags()),
                (0, f"stored {one['issuer']}", []))
            equal(f"{one['name']}: its token for one of ours", exchange(server, one["token"]),
                (200, "token"))
            sql("SELECT auth.distrust_issuer(:'issuer')", issuer=one["issuer"])
    peers.communicate(timeout=60)


def tests():
    installed = subprocess.run(["tests/harness/npm.sh", "interop"], capture_output=True, text=True,
        stdin=subprocess.DEVNULL)
    if installed.returncode == 77:
        ok(f"npm's jose, oauth2-mock-server and oidc-provider # skipped: {installed.stdout.splitlines()[-1]}",
            True)
    elif ok("npm's jose, oauth2-mock-server and oidc-provider are here", installed.returncode == 0,
            installed.stdout):
        with tempfile.TemporaryDirectory() as folder:
            issuer = Issuer(folder)
            shapes()
            others(issuer)


main(tests)
