"""Supabase Auth's wire shapes: keys, prefix, versions, what the server itself refuses, a database that is away."""

import json
import os
import re
import subprocess

from api import FAST, PASSWORD, account, call, sql
from supabase import brief, brief_now, go, key, refused, session, setting
from wire import Reader, Server, ask, connect, equal, main, ok, request, talk, until

NOT_KEY = (401, "no_authorization", "Invalid API key")
NO_TOKEN = (401, "no_authorization", "This endpoint requires a valid Bearer token")
OPEN = ("/health", "/.well-known/openid-configuration", "/verify", "/authorize", "/callback",
    "/sso/saml/metadata", "/sso/saml/acs")
NO_SUB = (403, "bad_jwt", "invalid claim: missing sub claim")
NOT_ADMIN = (403, "not_admin", "User not allowed")


def command(name):
    subprocess.run(os.environ[name], shell=True, check=True, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL)


def revoked_key(role):
    token = key(role)
    sql("SELECT auth.revoke_session((SELECT auth.session_id() FROM (SELECT auth.authenticate(:'token', false) OFFSET 0) a))",
        token=token)
    return token


def keys():
    who, anon, service, revoked = account(), key("anon"), key("service_role"), revoked_key("anon")
    password = {"email": who["email"], "password": PASSWORD}
    with Server(*FAST) as server:
        mine = session(server, who["email"])["access_token"]
        for name, bad in {"garbage": "x", "empty parts": "..", "a user's token": mine,
                "a revoked key": revoked_key("anon"),
                          "another revoked key": revoked_key("service_role"),
                          "a long one": "x" * 8000, "no UTF-8": "\xff"}.items():
            for method, path, body, token in [("POST", "/token?grant_type=password", password,
                    None), ("POST", "/signup", password, None),
                                              ("GET", "/user", None, mine),
                                              ("GET", "/admin/users", None, service)]:
                equal(f"{name} as apikey: {method} {path}",
                    brief(go(server, method, path, body, token, bad)), NOT_KEY)
            equal(f"{name} as the only credential",
                brief(go(server, "GET", "/admin/users", apikey=bad)), NOT_KEY)
        for name, good in {"anon": anon, "service_role": service}.items():
            equal(f"{name} beside a password", go(server, "POST", "/token?grant_type=password",
                password, good, good).status, 200)
            equal(f"{name} beside a token", go(server, "GET", "/user", token=mine,
                apikey=good).json["id"], who["id"])
            equal(f"{name} is no user", brief(go(server, "GET", "/user", token=good, apikey=good)),
                NO_SUB)
            equal(f"{name} alone is no bearer token",
                brief(go(server, "GET", "/user", apikey=good)), NO_TOKEN)
            equal(f"{name} cannot sign out",
                brief(go(server, "POST", "/logout", token=good, apikey=good)), NO_SUB)
        equal("service_role alone administers", go(server, "GET", "/admin/users",
            apikey=service).status, 200)
        equal("and as a token beside anon", go(server, "GET", "/admin/users", token=service,
            apikey=anon).status, 200)
        equal("beside a user's token it gives nothing",
            brief(go(server, "GET", "/admin/users", token=mine, apikey=service)), NOT_ADMIN)
        equal("anon does not", brief(go(server, "GET", "/admin/users", apikey=anon)), NOT_ADMIN)
        for line in ("apikey:", "apikey: \t "):
            equal("an empty key is none", go(server, "GET", "/settings", headers=[line]).status,
                200)
        equal("two keys are none",
            brief(go(server, "GET", "/settings",
            headers=[f"apikey: {anon}", f"apikey: {service}"])),
              (401, "no_authorization", "Duplicate API key found"))
        equal("nor do two tokens", go(server, "GET", "/admin/users", token=service,
            headers=[f"Authorization: Bearer {mine}"]).status, 400)
        equal("an empty Authorization", go(server, "GET", "/admin/users", apikey=service,
            headers=["Authorization: Bearer "]).status, 200)
        refused("none at all", server, "GET", "/admin/users", None, NO_TOKEN)
        refused("a key in the query is none", server, "GET", f"/admin/users?apikey={service}", None,
            NO_TOKEN)
    with Server(*FAST, "--require-api-key") as server:
        needed = (401, "no_authorization", "No API key found in request")
        for method, path, body, token in [("POST", "/token?grant_type=password", password, None),
                ("GET", "/user", None, mine), ("GET", "/.well-known/jwks.json", None, None),
                                          ("GET", "/settings", None, None),
                                          ("GET", "/admin/users", None, service),
                                          ("POST", "/otp", {}, None)]:
            refused(f"required: {method} {path}", server, method, path, body, needed, token=token)
            ok(f"given: {method} {path}", go(server, method, path, body, token, anon).status != 401)
        for method, path, body, token in [("POST", "/token?grant_type=password", password, None),
                ("GET", "/settings", None, None), ("POST", "/otp", {}, None),
                                          ("GET", "/.well-known/jwks.json", None, None),
                                          ("GET", "/admin/users", None, service),
                                          ("POST", "/logout", None, mine)]:
            for line in ("apikey;", "apikey:", "apikey: ", "apikey: \t ", "APIKEY:"):
                line = line.replace(";", ":")
                refused(f"{line!r}: {method} {path}", server, method, path, body, needed,
                    token=token, headers=[line])
            refused(f"in the query: {method} {path}", server, method,
                path + ("&" if "?" in path else "?") + f"apikey={anon}", body, needed, token=token)
            # one without a value is none to cpp-httplib 0.11, which leaves one that has to be good
            for lines in ([anon, anon], [anon, service], ["x", anon]):
                refused(f"twice: {method} {path}", server, method, path, body,
                    (401, "no_authorization", "Duplicate API key found"), token=token,
                    headers=[f"apikey: {line}" for line in lines])
            for bad in ("x", mine, "null", "undefined", f"Bearer {anon}", f"{anon}, {anon}",
                    revoked):
                refused(f"no key: {method} {path}", server, method, path, body, NOT_KEY,
                    token=token, headers=[f"apikey: {bad}"])
        kept = go(server, "GET", "/.well-known/jwks.json", apikey=anon)
        equal("the public keys, by key or at the root", (kept.status, kept.headers["cache-control"],
            kept.text), (200, "private, max-age=300",
            call(server, "GET", "/.well-known/jwks.json").text))
        equal("open as at Supabase's gateway, and /health",
            [go(server, method, path).status for method, path in (
            ("GET", "/health"), ("GET", "/verify"), ("POST", "/verify"), ("GET", "/authorize"),
            ("GET", "/callback"),
            ("POST", "/callback"), ("GET", "/sso/saml/metadata"), ("POST", "/sso/saml/acs"))],
            [200, 403, 403, 400, 400, 400, 404, 404])
        routes = call(server, "GET", "/openapi.json").json["paths"]
        for path, methods in routes.items():
            for method in methods if path.startswith("/auth/v1/") else ():
                path = path.replace("{id}", who["id"]).replace("{factor}",
                    who["id"]).replace("{passkey}", who["id"])
                got = go(server, method.upper(), path, {} if method in ("post", "put") else None,
                    service, "x", prefix="")
                ok(f"{method} {path} judges the key", got.status == 401 or path.split("/auth/v1",
                    1)[1] in OPEN, (got.status, got.text))
        equal("nor is the other dialect concerned", call(server, "POST", "/api/auth/login",
            password).status, 200)


def prefix():
    who = account()
    with Server(*FAST, "--supabase-prefix", "/identity/v9") as server:
        answer = call(server, "POST", "/identity/v9/token?grant_type=password",
            {"email": who["email"], "password": PASSWORD})
        equal("another prefix", (answer.status, call(server, "GET", "/auth/v1/health").status),
            (200, 404))
        answer = call(server, "GET", "/identity/v9/admin/users", token=key("service_role"))
        ok("its links", answer.headers["link"].startswith("</identity/v9/admin/users?page="),
            answer.headers)
        documented = call(server, "GET", "/openapi.json").json["paths"]
        ok("documented there", "/identity/v9/user" in documented
            and not any(path.startswith("/auth/v1") for path in documented))
        equal("what is not there, in its shape", brief(call(server, "GET", "/identity/v9/x"))[:2],
            (404, "validation_failed"))
    with Server(*FAST, "--supabase-prefix", "off") as server:
        equal("off", [call(server, "GET", path).status for path in ("/auth/v1/health", "/health",
            "/auth/v1/.well-known/jwks.json")], [404, 200, 404])
        equal("in the other dialect's shape", sorted(call(server, "GET", "/auth/v1/user").json),
            ["error", "message"])
        ok("nor documented", not any("/admin/" in path for path in call(server, "GET",
            "/openapi.json").json["paths"]))
    for root in ("", "/"):
        with Server(*FAST, "--supabase-prefix", root) as server:
            answer = call(server, "POST", "/token?grant_type=password",
                {"email": who["email"], "password": PASSWORD})
            equal(f"at the root by {root!r}",
                (answer.status, call(server, "GET", "/user",
                token=answer.json["access_token"]).json["id"]), (200, who["id"]))
            equal("beside the rest", [call(server, "GET", path).status for path in
                                      ("/auth/v1/settings", "/settings", "/.well-known/jwks.json",
                                      "/ready", "/api/users/me")], [404, 200, 200, 200, 401])
            equal("one /health", call(server, "GET", "/health").json["name"], "GoTrue")
            equal("refusals in the shape of each",
                [sorted(call(server, "GET", path).json) for path in ("/x", "/api/x", "/apix")],
                  [["code", "error_code", "msg"], ["message"], ["code", "error_code", "msg"]])
    for bad in ("auth", "//", "/api", "/api/x", "/oauth", "/a//b", "/a/", "/a:b"):
        done = subprocess.run([*os.environ["HTTP_SERVER"].split(), "--listen", "127.0.0.1:0",
            "--supabase-prefix", bad], timeout=10,
                              capture_output=True, text=True)
        why = "is where other routes are" if bad[1:].split("/")[0] in ("api",
            "oauth") else "is not a path"
        ok(f"--supabase-prefix {bad!r}: refused", done.returncode == 2
            and f"--supabase-prefix: {bad} {why}" in done.stderr, done)
    with Server(*FAST, "--supabase-prefix", "/apiary") as server:
        equal("a prefix that merely begins like other routes",
            call(server, "GET", "/apiary/settings").status, 200)


def public():
    with Server(*FAST) as server:
        first = go(server, "GET", "/.well-known/jwks.json")
        equal("public keys", (first.status, first.text),
            (200, call(server, "GET", "/.well-known/jwks.json").text))
        ok("may be kept", first.headers["cache-control"].startswith("public, max-age="))
        again = go(server, "GET", "/.well-known/jwks.json",
            headers=[f"If-None-Match: {first.headers['etag']}"])
        equal("304 by ETag", (again.status, again.text), (304, ""))
        health = go(server, "GET", "/health").json
        equal("/health", (health["name"], bool(re.fullmatch(r"v\d+\.\d+\.\d+", health["version"]))),
            ("GoTrue", True))
        for path in ("/x", "/admin", "/user/", "/USER", "/admin/users/1/2/3/4"):
            refused(f"404 {path}", server, "GET", path, None,
                (404, "validation_failed", "no such resource"))
        for method, path, allow in [("GET", "/token", "POST, OPTIONS"),
                ("DELETE", "/user", "GET, HEAD, OPTIONS, PUT"), ("PATCH", "/admin/users", "")]:
            answer = refused(f"405 {method} {path}", server, method, path, None,
                (405, "validation_failed", "method not allowed"))
            ok(f"405 {method} {path}: Allow", sorted(answer.headers["allow"].split(", "))
                == sorted(allow.split(", ")) or not allow, answer.headers)
        answer = go(server, "GET", "/user", headers=["X-Request-Id: my-id"])
        equal("a request id, in and out", answer.headers["x-request-id"], "my-id")
        ok("or one of ours", re.fullmatch("[0-9a-f]{32}",
            go(server, "GET", "/user").headers["x-request-id"]))
        equal("nothing is to be kept", answer.headers["cache-control"], "no-store")
        for given, newer in {"2024-01-01": True, "2024-06-30": True, "2099-12-31": True,
                "2023-12-31": False, "2024-1-1": False, "": False,
                             "x": False, "abcd-ef-gh": False, "2024-13-01": False,
                             "2024-01-32": False, "2024/01/01": False}.items():
            answer = go(server, "GET", "/user", headers=[f"X-Supabase-Api-Version: {given}"])
            equal(f"version {given}", (brief_now if newer else brief)(answer), NO_TOKEN)
        for method in ("GET", "PUT", "POST"):
            path = {"GET": "/user", "PUT": "/user", "POST": "/logout"}[method]
            refused(f"garbage as a token: {method} {path}", server, method, path,
                None if method == "GET" else {},
                    (403, "bad_jwt", "invalid JWT: unable to parse or verify signature"),
                    token="eyJhbGciOiJub25lIn0.e30.")


def discovery():
    def read(server):
        answer = go(server, "GET", "/.well-known/openid-configuration")
        return answer.json, answer.headers["cache-control"]

    with Server(*FAST) as server:
        told, kept = read(server)
        base = "http://x/auth/v1"  # the Host that these tests send
        equal("an issuer that is no URL", (told["issuer"], told["jwks_uri"],
            told["id_token_signing_alg_values_supported"], kept),
              ("pg_principal", base + "/.well-known/jwks.json", ["ES256"], "no-store"))
        equal("the keys are there", call(server, "GET", told["jwks_uri"][len("http://x"):]).json,
              go(server, "GET", "/.well-known/jwks.json").json)
        equal("every endpoint is served", {name: call(server, "GET", url[len("http://x"):]).status
                                           for name, url in told.items()
                                           if name.endswith("_endpoint")},
              {"authorization_endpoint": 400, "token_endpoint": 405, "userinfo_endpoint": 401})
    setting("issuer", "https://id.example/auth/v1/")
    sql("SELECT auth.create_signing_key('EdDSA', false)")
    with Server(*FAST, "--require-api-key") as server:
        told, kept = read(server)
        equal("an issuer that is one", (told["issuer"], told["jwks_uri"],
            told["id_token_signing_alg_values_supported"]),
              ("https://id.example/auth/v1/", "https://id.example/auth/v1/.well-known/jwks.json",
              ["ES256", "EdDSA"]))
        ok("may be kept", kept.startswith("public, max-age="), kept)
    sql("DELETE FROM auth.signing_keys WHERE alg = 'EdDSA'")
    setting("issuer", None)


def browsers():
    origin = "https://app.example"
    with Server(*FAST, "--cors-origin", origin) as server:
        wanted = "authorization,x-client-info,apikey,content-type,x-supabase-api-version"
        status, given, _ = ask(server.port, "/auth/v1/admin/users/x", "OPTIONS", [
            f"Origin: {origin}", "Access-Control-Request-Method: PUT",
            f"Access-Control-Request-Headers: {wanted}"])
        allowed = {name.strip() for name in given["access-control-allow-headers"].split(",")}
        equal("a preflight", (status, given["access-control-allow-origin"],
            "PUT" in given["access-control-allow-methods"],
                              set(wanted.split(",")) - allowed), (204, origin, True, set()))
        answer = go(server, "GET", "/user", headers=[f"Origin: {origin}",
            "X-Supabase-Api-Version: 2024-01-01"])
        exposed = {name.strip() for name in answer.headers["access-control-expose-headers"].split(
            ",")}
        equal("a refusal can be read, and its version",
            (answer.status, answer.headers["access-control-allow-origin"],
                                                         {"link", "x-total-count",
                                                         "x-supabase-api-version"} - exposed),
                                                         (401, origin, set()))


    with Server(*FAST, "--cors-origin", origin, "--cors-header", "x-my-app", "--cors-header",
            "Sentry-Trace,baggage") as server:
        given = ask(server.port, "/auth/v1/user", "OPTIONS",
            [f"Origin: {origin}", "Access-Control-Request-Method: GET"])[1]
        ok("headers of one's own",
            given["access-control-allow-headers"].endswith(
            ", x-request-id, x-my-app, Sentry-Trace, baggage"), given)
    for bad in ("x y", "x:y", "x\r\ny", "\xff"):
        done = subprocess.run([*os.environ["HTTP_SERVER"].split(), "--listen", "127.0.0.1:0",
            "--cors-header", bad], timeout=10,
                              capture_output=True, text=True)
        ok(f"--cors-header {bad!r}: refused", done.returncode == 2
            and "--cors-header" in done.stderr, done)


def limits():
    with Server("--rate-limit", "0.001", "--rate-burst", "1") as server:
        limited = [("POST", "/signup"), ("POST", "/token?grant_type=password"), ("PUT", "/user")]
        equal("the burst", go(server, "POST", "/token?grant_type=password", {}).status, 400)
        for method, path in limited:
            answer = refused(f"429 {method} {path}", server, method, path, {},
                (429, "over_request_rate_limit", "too many requests"))
            ok(f"429 {method} {path}: Retry-After", int(answer.headers["retry-after"]) >= 1)
        equal("others are not limited", go(server, "GET", "/user").status, 401)
        # 429 would make its clients delete the session
        path = "/token?grant_type=refresh_token"
        equal("a refresh", go(server, "POST", path, {"refresh_token": "x"}).status, 400)
        for query in (path, "/token?x=1&grant_type=refresh_token",
                "/token?grant%5ftype=refresh%5Ftoken"):
            answer = refused(f"503 POST {query}", server, "POST", query, {"refresh_token": "x"},
                (503, "over_request_rate_limit", "too many requests"))
            ok("503: Retry-After", int(answer.headers["retry-after"]) >= 1)
    with Server(*FAST, "--request-timeout", "0.3") as server:
        for query, status in {path: 503, "/token?grant_type=password": 408}.items():
            late = request("/auth/v1" + query, "POST", ["Content-Length: 100"]) + b"{"
            equal(f"too slow: {query}", [(answer[0], answer[1].get("retry-after"))
                for answer in talk(server.port, late, 5)[0]],
                  [(status, "1" if status == 503 else None)])
    postponed(path)
    with Server(*FAST, "--max-body", "1000") as server:
        refused("413 of the server", server, "POST", "/signup", b"x" * 1001,
            (413, "request_entity_too_large", "body too large"))
        chunked = request("/auth/v1/signup", "POST",
            ["Transfer-Encoding: chunked"]) + b"3e9\r\n" + b"x" * 1001 + b"\r\n0\r\n\r\n"
        equal("in chunks too",
            [(status, "error_code" in body) for status, _, body in talk(server.port, chunked,
            3)[0]], [(413, True)])


def postponed(path):
    """A refresh that has to wait, and one that the database can do nothing for."""
    who = account()
    with Server(*FAST, "--pool-size", "1", "--statement-timeout", "2", "--checkout-timeout",
            "0.2") as server:
        token = session(server, who["email"])["refresh_token"]
        holder = subprocess.Popen(["psql", "-XAtq"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True)
        holder.stdin.write("BEGIN; LOCK auth.refresh_tokens; SELECT 'locked';\n")
        holder.stdin.flush()
        holder.stdout.readline()
        body = json.dumps({"refresh_token": token}).encode()
        socks = [connect(server.port) for _ in range(4)]
        for sock in socks:
            sock.sendall(request("/auth/v1" + path, "POST", ["Content-Type: application/json"],
                body))
        got = [Reader(sock).response() for sock in socks]
        equal("each that waits in vain", {(answer[0], answer[1].get("retry-after"))
            for answer in got}, {(503, "1")})
        holder.communicate("COMMIT;\n")
        sql("REVOKE EXECUTE ON FUNCTION auth.refresh(text, jsonb) FROM authenticator")
        equal("what is for the operator to mend",
            go(server, "POST", path, {"refresh_token": token}).status, 500)
        sql("GRANT EXECUTE ON FUNCTION auth.refresh(text, jsonb) TO authenticator")
        equal("and then", go(server, "POST", path, {"refresh_token": token}).status, 200)


def away():
    who = account()
    with Server(*FAST, "--pool-size", "2") as server:
        mine, admin = session(server, who["email"]), key("service_role")
        command("DB_STOP")
        routes = [("POST", "/token?grant_type=password",
            {"email": who["email"], "password": PASSWORD}, None),
                  ("POST", "/token?grant_type=refresh_token",
                  {"refresh_token": mine["refresh_token"]}, None),
                  ("POST", "/signup", {"email": "a@example.com", "password": PASSWORD}, None),
                  ("GET", "/user", None, mine["access_token"]),
                  ("PUT", "/user", {"data": {}}, mine["access_token"]),
                  ("POST", "/logout", None, mine["access_token"]),
                  ("GET", "/admin/users", None, admin), ("GET", "/settings", None, None),
                  ("GET", "/.well-known/jwks.json", None, None)]
        until(lambda: go(server, "GET", "/settings").status == 503)
        for method, path, body, token in routes:
            answer = refused(f"stopped: {method} {path}", server, method, path, body,
                             (503, "unexpected_failure", "the database cannot be reached"),
                             token=token)
            equal(f"stopped: {method} {path}: Retry-After", answer.headers.get("retry-after"), "1")
        equal("/health is about us", go(server, "GET", "/health").status, 200)
        command("DB_START")
        ok("started: served again", until(lambda: go(server, "GET", "/settings").status == 200))
        equal("sessions are as they were",
            [go(server, "GET", "/user", token=mine["access_token"]).status,
                                            go(server, "POST", "/token?grant_type=refresh_token",
                                            {"refresh_token": mine["refresh_token"]}).status],
              [200, 200])


main(keys, prefix, public, discovery, browsers, limits, away)
