"""Keys, metrics and the document of all routes."""

import json
import re
import subprocess
import threading

from api import FAST, NOBODY, account, call, sign_in, sql, token_of
from wire import Server, ask, equal, main, ok, until


def keys():
    with Server(*FAST) as server:
        first = call(server, "GET", "/.well-known/jwks.json")
        tag = first.headers["etag"]
        equal("public keys", (first.status, first.json),
            (200, json.loads(sql("SELECT auth.jwks()"))))
        ok("nothing private", not any("d" in key or key["kty"] == "oct"
            for key in first.json["keys"]), first.text)
        ok("may be kept, for a while", re.fullmatch(r"public, max-age=\d+",
            first.headers["cache-control"]))
        for given, status in {tag: 304, f"W/{tag}": 304, f'"x", {tag}': 304, "*": 304, '"x"': 200,
                tag.strip('"'): 200, "": 200}.items():
            got = call(server, "GET", "/.well-known/jwks.json", headers=[f"If-None-Match: {given}"])
            equal(f"If-None-Match {given[:8]}", (got.status, got.headers["etag"], bool(got.text)),
                (status, tag, status == 200))
        sql("SELECT auth.create_signing_key('EdDSA', false)")
        ok("another key, another tag, within a second", until(lambda: call(
            server, "GET", "/.well-known/jwks.json", headers=[f"If-None-Match: {tag}"]).status
            == 200, 20))
        got = call(server, "GET", "/.well-known/jwks.json")
        equal("with both keys", (got.headers["etag"] != tag, got.json),
            (True, json.loads(sql("SELECT auth.jwks()"))))
        kid = next(key["kid"] for key in got.json["keys"] if key["kty"] == "OKP")
        sql("SELECT auth.revoke_signing_key(:'kid')", kid=kid)
        ok("one that is revoked is gone as soon",
            until(lambda: kid not in call(server, "GET", "/.well-known/jwks.json").text, 20))


def metrics():
    with Server(*FAST) as server:
        def value(series):
            found = re.search("^" + re.escape(series) + r" (\S+)$", ask(server.port, "/metrics")[2],
                re.MULTILINE)
            return found and float(found.group(1))

        sql("DELETE FROM auth.metrics")
        equal("zero before the first", (value("agent_refresh_failures_total"),
            value("pg_principal_database_up")), (0, 1))
        who = account(email="metrics-agent@example.com")
        token = sign_in(server, who["email"])["tokens"]["refreshToken"]
        sql("SELECT auth.revoke_session(id) FROM auth.sessions WHERE user_id = :'id'", id=who["id"])
        call(server, "POST", "/api/auth/refresh", {"refreshToken": token})
        call(server, "POST", "/api/auth/login", {"email": who["email"], "password": "wrong"})
        equal("refusals by reason",
            (value('auth_refresh_failures_total{reason="token-invalidated"}'),
                                     value('auth_sign_in_failures_total{reason="wrong-password"}')),
                                     (1, 1))
        sql("SELECT count(*) FROM auth.scan_agent_health()")
        sql("SELECT count(*) FROM auth.scan_agent_health()")
        equal("reported once", value("agent_refresh_failures_total"), 1)
        ok("findings, agents, the last scan",
            value('agent_findings{kind="token_expiring"}') is not None and value("agents") >= 1
           and value("agent_health_last_scan") > 1e9)
        ok("requests by route",
            value('pg_principal_http_requests_total{method="POST",route="/api/auth/login",status="401"}')
            == 1)
        text = ask(server.port, "/metrics")[2]
        names = re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE)
        equal("each family once", len(names), len({name for name, _ in names}))
        equal("suffixes that promtool keeps for others",
            [name for name, kind in names if re.search("_(count|sum|bucket)$", name)
                                                          or (kind == "counter")
                                                          != name.endswith("_total")], [])
        ok("each line is one",
            all(re.fullmatch(
            r'(# (HELP|TYPE) \S+ .+|[a-z_]+(\{[a-z_]+="[^"]*"(,[a-z_]+="[^"]*")*\})? [0-9.e+-]+)',
            line)
                                   for line in text.strip().split("\n")))


def busy():
    """A pool that has nothing free, and a table that nobody can read, keep nobody from the metrics."""
    with Server("--pool-size", "1", *FAST) as server:
        token = token_of(server, account()["email"])
        text = ask(server.port, "/metrics")[2]
        ok("read", "\npg_principal_database_up 1\n" in text)
        lock = subprocess.Popen(["psql", "-XAtq"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True)
        lock.stdin.write("BEGIN; LOCK auth.metrics, auth.users; SELECT 'locked';\n")
        lock.stdin.flush()
        lock.stdout.readline()
        waiting = threading.Thread(target=lambda: call(server, "PATCH", "/api/users/me",
            {"firstName": "A"}, token))
        waiting.start()
        ok("the only connection is in use",
            until(lambda: "\npg_principal_pool_in_use 1\n" in ask(server.port, "/metrics")[2]))
        status, _, text = ask(server.port, "/metrics")
        ok("answered, with what was read before", status == 200
            and "\npg_principal_database_up 0\n" in text
           and "\nagent_refresh_failures_total " in text, text[-600:])
        lock.stdin.write("COMMIT; BEGIN; LOCK auth.metrics; SELECT 'locked';\n")
        lock.stdin.flush()
        lock.stdout.readline()
        waiting.join()
        status, _, text = ask(server.port, "/metrics")
        ok("nor does a statement that hangs", status == 200
            and "\npg_principal_database_up 0\n" in text, text[-600:])
        lock.communicate("COMMIT;\n")
        ok("and read again", until(lambda: "\npg_principal_database_up 1\n" in ask(server.port,
            "/metrics")[2]))


def refs(node):
    if isinstance(node, dict):
        for name, value in node.items():
            yield from [value] if name == "$ref" else refs(value)
    elif isinstance(node, list):
        for value in node:
            yield from refs(value)


def fits(value, schema, document):
    """What is wrong with a value by the parts of JSON Schema that the document uses; nothing when it fits."""
    if "$ref" in schema:
        return fits(value, document["components"]["schemas"][schema["$ref"].split("/")[-1]],
            document)
    kinds = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool,
        "null": type(None)}
    wanted = schema.get("type")
    if wanted and not any(type(value) is kinds[kind]
            for kind in ([wanted] if isinstance(wanted, str) else wanted)):
        return f"{value!r} is no {wanted}"
    if "enum" in schema and value not in schema["enum"]:
        return f"{value!r} is none of {schema['enum']}"
    if isinstance(value, dict) and "properties" in schema:
        for name in schema.get("required", []):
            if name not in value:
                return f"{name} is missing"
        for name, item in value.items():
            if name not in schema["properties"]:
                return f"{name} is not documented"
            if wrong := fits(item, schema["properties"][name], document):
                return f"{name}: {wrong}"
    if isinstance(value, list):
        return next((wrong for item in value if (wrong := fits(item, schema.get("items", {}),
            document))), None)
    return None


LIMITS = {
    "costly": "POST /api/auth/login, POST /api/auth/register, PATCH /api/users/me/password, POST /auth/v1/signup, POST /auth/v1/token, PUT /auth/v1/user, POST /oauth/token, POST /oauth/device_authorization, POST /oauth/device, POST /oauth/device/decision",
    "refresh": "POST /api/auth/refresh",
    "own": "POST /api/auth/logout, PATCH /api/users/me, DELETE /api/sessions/{id}, POST /auth/v1/logout, POST /api/delegations, POST /api/delegations/tokens, DELETE /api/delegations/{id}",
    "administration": "POST /api/users, PATCH /api/users/{id}/role, POST /api/users/{id}/ban, POST /api/users/{id}/unban, DELETE /api/users/{id}, POST /api/tokens, "
                      "POST /auth/v1/admin/users, PUT /auth/v1/admin/users/{id}, DELETE /auth/v1/admin/users/{id}, POST /oauth/introspect, POST /oauth/revoke"}


def limits():
    """Every route that writes has a limit. A new one that is not in the table fails."""
    with Server("--rate-limit", "0.001", "--rate-burst", "2") as server:
        doc = call(server, "GET", "/openapi.json").json["paths"]
        writes = {f"{method.upper()} {path}": operation.get("x-rate-limit")
            for path, methods in doc.items() for method, operation in methods.items()
                  if method != "get" and not operation["summary"].startswith("Not offered: ")}
        equal("what writes, and its limit", writes,
            {route: limit for limit, routes in LIMITS.items() for route in routes.split(", ")})
        for limit, routes in LIMITS.items():
            got = []
            for route in routes.split(", ") * 3 if limit != "administration" else [
                    "DELETE /api/users/{id}"] * 25:
                method, path = route.split(" ")
                got.append(call(server, method, path.replace("{id}", NOBODY), {}, "x").status
                    == 429)
            free = 20 if limit == "administration" else 2
            equal(f"one budget: {limit}", (any(got[:free]), all(got[free:])), (False, True))
        equal("who only reads has none", {call(server, "GET", "/api/users/me", token="x").status
            for _ in range(10)}, {401})


def document():
    with Server(*FAST) as server:
        answer = call(server, "GET", "/openapi.json")
        doc = answer.json
        equal("OpenAPI 3.1", (answer.status, doc["openapi"], sorted(doc["info"])),
            (200, "3.1.0", ["title", "version"]))
        for ref in sorted(set(refs(doc))):
            ok(f"{ref} is there", ref.startswith("#/components/schemas/")
                and ref.split("/")[-1] in doc["components"]["schemas"])
        for path, methods in doc["paths"].items():
            for method, operation in methods.items():
                named = {p["name"] for p in operation.get("parameters", []) if p["in"] == "path"}
                ok(f"{method} {path}", method in ("get", "post", "put", "patch", "delete")
                    and operation["summary"]
                   and named == set(re.findall(r"{(\w+)}", path))
                   and "default" in operation["responses"]
                   and all(r["description"] for r in operation["responses"].values())
                   and bool(operation["security"]) == (operation["x-caller"] != "anybody"),
                   operation)
        who = account("ADMIN")
        token = token_of(server, who["email"])
        for path in ["/api/users/me", "/api/users", "/api/users/me/audits", "/api/audits",
                "/api/health/incidents", "/api/users/{id}/sessions",
                     "/.well-known/jwks.json"]:
            schema = doc["paths"][path]["get"]["responses"]["200"]["content"]["application/json"][
                "schema"]
            got = call(server, "GET", path.replace("{id}", who["id"]), token=token)
            equal(f"{path} answers as documented", fits(got.json, schema, doc), None)
        got = call(server, "POST", "/api/users", {"email": "x"}, token)
        equal("so does a refusal", fits(got.json, {"$ref": "#/components/schemas/Error"}, doc),
            None)
        got = call(server, "GET", f"/api/users/{NOBODY}/sessions", token=token)
        equal("and another", fits(got.json, {"$ref": "#/components/schemas/Error"}, doc), None)


main(keys, metrics, busy, limits, document)
