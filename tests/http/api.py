"""What the tests of the API share: a client, accounts to ask as, SQL beside it."""

import json
import os
import subprocess
import uuid

from wire import ask

PASSWORD = "Th1sIsAStrong!Pass"
NOBODY = "00000000-0000-4000-8000-000000000000"


def sql(statement, **variables):
    """The one value of a statement, in which :'name' stands for a variable."""
    flags = [flag for name, value in variables.items() for flag in ("-v", f"{name}={value}")]
    return subprocess.run(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", *flags], input=statement,
        check=True,
                          capture_output=True, text=True).stdout.strip()


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.text = status, headers, body
        self.json = json.loads(body) if body and "json" in headers.get("content-type", "") else None

    def brief(self):
        """Status and text, which is what a refusal has."""
        return self.status, (self.json or {}).get("message")

    def fields(self):
        return sorted(problem["field"] for problem in self.json.get("errors", []))


def call(server, method, path, body=None, token=None, headers=()):
    lines = list(headers)
    if body is not None:
        lines.append("Content-Type: application/json")
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
    if token is not None:
        lines.append(f"Authorization: Bearer {token}")
    status, given, text = ask(server.port, path, method, lines, body)
    if ANSWERS:  # held against the OpenAPI document afterwards
        with open(ANSWERS, "a", encoding="utf-8") as file:
            file.write(json.dumps({"method": method.lower(), "path": path.split("?")[0],
                "status": status, "body": text,
                                   "type": given.get("content-type", "").split(";")[0]}) + "\n")
    return Answer(status, given, text)


def account(role="ANALYST", kind="person", email=None):
    """A principal made beside the API: {id, email}."""
    email = email or f"{role.lower()}-{uuid.uuid4()}@example.com"
    profile = {"email": email, "password": PASSWORD, "role": role, "kind": kind}
    return {"email": email, "id": sql(
        "SELECT payload->'user'->>'id' FROM auth.add_user(:'profile')",
        profile=json.dumps(profile))}


def sign_in(server, email, password=PASSWORD):
    answer = call(server, "POST", "/api/auth/login", {"email": email, "password": password})
    assert answer.status == 200, answer.text
    return answer.json


def token_of(server, email):
    return sign_in(server, email)["tokens"]["accessToken"]


def key(role):
    return sql("SELECT token FROM auth.issue_key(:'role')", role=role)


ANSWERS = os.environ.get("ANSWERS")
FAST = ("--rate-limit", "0")
assert os.environ.get("HTTP_SERVER"), "run by api.sh"
