"""The OpenAPI document is one, and what the other tests were answered is what it says."""

import json
import os
import subprocess

from api import ANSWERS, FAST, call
from wire import Server, equal, main, ok


def check(document, answers):
    done = subprocess.run(["node", "build/openapi/check.mjs"],
        input=json.dumps({"document": document, "answers": answers}),
                          capture_output=True, text=True, timeout=90)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def conforms():
    with open(ANSWERS, encoding="utf-8") as file:
        answers = [json.loads(line) for line in file]
    with Server(*FAST) as server:
        document = call(server, "GET", "/openapi.json").json
    found = check(document, answers)
    equal("the document is OpenAPI, the answers are as it says, and each route was seen",
        found["problems"], [])
    names = {f"{method} {path}": operation.get("operationId", "")
        for path, methods in document["paths"].items() for method, operation in methods.items()}
    equal("each operation has a name that generators can take",
        [at for at, name in names.items() if not name.isascii() or not name.isalnum()], [])
    equal("and no two have one", len({name.lower() for name in names.values()}), len(names))
    equal("such as", (names["patch /api/users/{id}/role"], names["get /.well-known/jwks.json"],
        names["get /console/"]),
          ("patchApiUsersByIdRole", "getWellKnownJwksJson", "getConsoleIndex"))
    equal("where a client must show who it is a refusal is told", [path for path in
        ("token", "introspect", "revoke", "device_authorization")
        if "401" not in document["paths"][f"/oauth/{path}"]["post"]["responses"]], [])
    ok("enough was looked at", found["checked"] > 500 and found["kinds"] > 60, found)


def would_be_noticed():
    """What is wrong on purpose."""
    with Server(*FAST) as server:
        document = call(server, "GET", "/openapi.json").json
    schema = {"$ref": "#/components/schemas/Success"}
    document = {**document,
        "paths": {"/a/{id}": {"get": {**document["paths"]["/health"]["get"], "parameters": [
        {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}],
        "responses": {"200": {"description": "Done",
        "content": {"application/json": {"schema": schema}}}, "default": {"description": "x"}}}}}}
    answer = {"method": "get", "path": "/a/1", "status": 200, "type": "application/json",
        "body": '{"success": true}'}
    equal("nothing is wrong", check(document, [answer])["problems"], [])
    for name, broken in {"a field's value": {"body": '{"success": 1}'}, "a status": {"status": 201},
            "a type": {"type": "text/html"},
                         "a field's absence": {"body": "{}"}}.items():
        equal(f"{name} is noticed",
            len(check(document, [answer, {**answer, **broken}])["problems"]), 1)
    equal("so is a route that nobody asked", len(check(document, [])["problems"]), 1)
    document["paths"]["/a/{id}"]["get"]["parameters"][0]["in"] = "nowhere"
    ok("and a document that is none", any("no OpenAPI" in problem for problem in check(document,
        [answer])["problems"]))


assert os.environ.get("ANSWERS"), "run by api.sh"
main(conforms, would_be_noticed)
