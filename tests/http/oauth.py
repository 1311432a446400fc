"""/oauth and its metadata: raw requests, and the clients oauth4webapi and openid-client from npm, unchanged."""

import base64
import concurrent.futures
import hashlib
import json
import os
import re
import socket
import subprocess
import urllib.parse

import api
from api import FAST, PASSWORD, Answer, account, key, sql
from wire import Server, ask, equal, main, ok


GITHUB = "https://token.actions.githubusercontent.com"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def post(server, path, form, basic=None, bearer=None, headers=(),
        kind="application/x-www-form-urlencoded"):
    body = form if isinstance(form, bytes) else urllib.parse.urlencode(form).encode()
    lines = [*headers, f"Content-Type: {kind}"]
    if basic is not None:
        text = basic if isinstance(basic, str) else ":".join(urllib.parse.quote_plus(part)
            for part in basic)
        lines.append("Authorization: Basic " + base64.b64encode(text.encode()).decode())
    if bearer is not None:
        lines.append(f"Authorization: Bearer {bearer}")
    status, given, text = ask(server.port, path, "POST", lines, body)
    remember("post", path, status, given, text)
    return Answer(status, given, text)


def get(server, path):
    status, given, text = ask(server.port, path)
    remember("get", path, status, given, text)
    return Answer(status, given, text)


def remember(method, path, status, given, text):
    if api.ANSWERS:
        with open(api.ANSWERS, "a", encoding="utf-8") as file:
            file.write(json.dumps({"method": method, "path": path.split("?")[0], "status": status,
                "body": text,
                                   "type": given.get("content-type", "").split(";")[0]}) + "\n")


def error(answer):
    return answer.status, (answer.json or {}).get("error")


def client():
    bot = account(kind="service_account")
    made = json.loads(sql("SELECT to_jsonb(s) FROM auth.create_client_secret(:'email') AS s",
        email=bot["email"]))
    sql("SELECT auth.set_client_scopes(:'email', '{read,write}')", email=bot["email"])
    return {**bot, "secret": made["secret"], "basic": (bot["id"], made["secret"])}


def raw():
    bot = client()
    with Server(*FAST) as server:
        grant = {"grant_type": "client_credentials"}
        got = post(server, "/oauth/token", grant, bot["basic"])
        equal("a token", (got.status, got.json["token_type"], got.json["scope"]),
            (200, "Bearer", "read write"))
        equal("nothing keeps it", (got.headers["cache-control"], got.headers["pragma"]),
            ("no-store", "no-cache"))
        equal("it is an identity", api.call(server, "GET", "/api/users/me",
            token=got.json["access_token"]).json["user"]["id"], bot["id"])
        equal("the secret in the form", post(server, "/oauth/token",
            {**grant, "client_id": bot["id"], "client_secret": bot["secret"]}).status, 200)
        equal("parameters without a value are not there", post(server, "/oauth/token",
            {**grant, "scope": "", "client_secret": "", "x": ""}, bot["basic"]).status, 200)
        equal("parameters that nobody knows are no matter", post(server, "/oauth/token",
            {**grant, "audience": "x"}, bot["basic"]).status, 200)
        equal("resources (RFC 8707), as often as the client likes", post(server, "/oauth/token",
            b"grant_type=client_credentials&resource=authenticated&resource=authenticated&audience=a&audience=b&resource=",
            bot["basic"]).status, 200)
        equal("one that is not ours",
            error(post(server, "/oauth/token",
            b"grant_type=client_credentials&resource=authenticated&resource=https%3A%2F%2Felsewhere",
            bot["basic"])), (400, "invalid_target"))
        equal("a charset", post(server, "/oauth/token", grant, bot["basic"],
            kind="application/x-www-form-urlencoded; charset=UTF-8").status, 200)
        wrong = post(server, "/oauth/token", grant, (bot["id"], "wrong"))
        equal("a wrong secret", (error(wrong), wrong.headers.get("www-authenticate"),
            wrong.headers["cache-control"]),
              ((401, "invalid_client"), 'Basic realm="pg_principal"', "no-store"))
        equal("no client", error(post(server, "/oauth/token", grant)), (401, "invalid_client"))
        for name, basic in {"no colon": "abc", "empty": ":", "a NUL": "a%00b:c",
                "a newline": "a%0Ab:c", "a half escape": "%4:x", "no UTF-8": "%ff:x"}.items():
            equal(f"Authorization: Basic, {name}",
                error(post(server, "/oauth/token", grant, basic)), (401, "invalid_client"))
        status, given, text = ask(server.port, "/oauth/token", "POST",
            ["Content-Type: application/x-www-form-urlencoded", "Authorization: Basic !!!"],
                                  b"grant_type=client_credentials")
        equal("Authorization: Basic, no base64", (status, json.loads(text)["error"]),
            (401, "invalid_client"))
        for scheme in ("Basic", "basic  ", "Basic\t"):
            status, given, text = ask(server.port, "/oauth/token", "POST",
                ["Content-Type: application/x-www-form-urlencoded", f"Authorization: {scheme}"],
                                      urllib.parse.urlencode({**grant, "client_id": bot["id"],
                                      "client_secret": bot["secret"]}).encode())
            equal(f"Authorization: {scheme!r} beside a secret in the form",
                (status, json.loads(text)["error"]), (401, "invalid_client"))
        sql("SELECT auth.set_client_scopes(:'email', ARRAY(SELECT repeat('s', 20) || n FROM generate_series(1, 1000) AS n))",
            email=bot["email"])
        equal("more scopes than a token can hold",
            error(post(server, "/oauth/token", grant, bot["basic"])), (400, "invalid_request"))
        equal("some of them", post(server, "/oauth/token", {**grant, "scope": "s" * 20 + "7"},
            bot["basic"]).json["scope"], "s" * 20 + "7")
        sql("SELECT auth.set_client_scopes(:'email', '{read,write}')", email=bot["email"])
        equal("two ways at once",
            error(post(server, "/oauth/token", {**grant, "client_secret": bot["secret"]},
            bot["basic"])), (400, "invalid_request"))
        equal("nor with an empty secret there",
            error(post(server, "/oauth/token", {**grant, "client_secret": bot["secret"]},
            (bot["id"], ""))), (400, "invalid_request"))
        for name, body in {
                "twice the same": b"grant_type=client_credentials&grant_type=client_credentials",
                "two scopes": b"grant_type=client_credentials&scope=read&scope=write",
                           "a broken escape": b"grant_type=%zz",
                           "a NUL": b"grant_type=client_credentials&scope=%00",
                           "no UTF-8": b"grant_type=client_credentials&scope=%ff",
                           "nothing": b""}.items():
            equal(f"a form with {name}", error(post(server, "/oauth/token", body, bot["basic"])),
                (400, "invalid_request"))
        equal("parameters in the query",
            error(post(server, "/oauth/token?grant_type=client_credentials", {}, bot["basic"])),
            (400, "invalid_request"))
        equal("JSON", error(post(server, "/oauth/token", b'{"grant_type": "client_credentials"}',
            bot["basic"], kind="application/json")), (400, "invalid_request"))
        equal("another grant", error(post(server, "/oauth/token", {"grant_type": "password"},
            bot["basic"])), (400, "unsupported_grant_type"))
        equal("another scope", error(post(server, "/oauth/token", {**grant, "scope": "admin"},
            bot["basic"])), (400, "invalid_scope"))
        equal("GET", ask(server.port, "/oauth/token")[0], 405)
        equal("no such endpoint", ask(server.port, "/oauth/nothing")[0], 404)
        refusal = get(server,
            "/oauth/authorize?response_type=code&client_id=x&state=y&redirect_uri=https%3A%2F%2Fevil.example.com")
        equal("no codes, and nobody is sent away for that",
            (refusal.status, "location" in refusal.headers, refusal.text[:15],
            "evil" in refusal.text), (400, False, "<!doctype html>", False))
        big = post(server, "/oauth/token", b"grant_type=" + b"x" * 300000, bot["basic"])
        ok("a long body", big.status in (400, 413) and big.json["error"] in ("invalid_request",
            "unsupported_grant_type"), big.text[:200])

        token = got.json["access_token"]
        seen = post(server, "/oauth/introspect", {"token": token}, bot["basic"])
        equal("introspection", (seen.status, seen.json["active"], seen.json["sub"]),
            (200, True, bot["id"]))
        equal("of a file that ends with a newline",
            [post(server, "/oauth/introspect", {"token": token + end},
            bot["basic"]).json.get("active") for end in ("\n", "\r\n")], [True, True])
        inside = post(server, "/oauth/introspect", {"token": token[:9] + "\n" + token[9:]},
            bot["basic"])
        equal("with one inside", (error(inside), inside.json["error_description"]),
              ((400, "invalid_request"),
              "The body has bad percent-encoding, a control character or no UTF-8"))
        equal("introspection with a bearer token", post(server, "/oauth/introspect",
            {"token": token}, bearer=key("service_role")).json["active"], True)
        equal("introspection by nobody", error(post(server, "/oauth/introspect", {"token": token})),
            (401, "invalid_client"))
        dead = post(server, "/oauth/introspect", {"token": token}, bearer="x")
        equal("introspection with a dead token", (error(dead), dead.headers["www-authenticate"]),
            ((401, "invalid_token"), 'Bearer error="invalid_token"'))
        beside = post(server, "/oauth/token", grant, bearer=token)
        equal("of a live token beside it nothing bad is said",
            (error(beside), beside.headers["www-authenticate"]),
            ((401, "invalid_client"), 'Basic realm="pg_principal"'))
        form = {"token": token, "client_id": bot["id"], "client_secret": bot["secret"]}
        equal("introspection in two ways at once",
            [error(post(server, "/oauth/introspect", {**form, **more}, bearer=shown))
            for shown in (token, "x") for more in ({}, {"client_secret": "wrong"})],
            [(400, "invalid_request")] * 4)
        equal("a client_id proves nothing", post(server, "/oauth/introspect",
            {"token": token, "client_id": bot["id"]}, bearer=token).json["active"], True)
        equal("of no token", error(post(server, "/oauth/introspect", {}, bot["basic"])),
            (400, "invalid_request"))
        sql("SELECT auth.ban(:'email')", email=bot["email"])
        equal("banned: not one of its tokens is active", post(server, "/oauth/introspect",
            {"token": token}, bearer=key("service_role")).text, '{"active": false}')
        sql("SELECT auth.unban(:'email')", email=bot["email"])
        token = post(server, "/oauth/token", grant, bot["basic"]).json["access_token"]
        gone = post(server, "/oauth/revoke", {"token": token, "token_type_hint": "access_token"},
            bot["basic"])
        equal("revocation", (gone.status, gone.text, gone.headers["content-type"]),
            (200, "{}", "application/json"))
        equal("it is dead", api.call(server, "GET", "/api/users/me", token=token).status, 401)
        equal("an unknown token", post(server, "/oauth/revoke", {"token": "x"}).status, 200)
        equal("no key signs", error_without_key(server, grant, bot),
            (503, "temporarily_unavailable"))
    with Server("--rate-limit", "1", "--rate-burst", "1") as server:
        got = [post(server, "/oauth/token", {"grant_type": "client_credentials"}, bot["basic"])
            for _ in range(4)]
        ok("a client that asks too often", error(got[-1]) == (429, "temporarily_unavailable")
            and int(got[-1].headers["retry-after"]) >= 1, got[-1].text)
        got = [post(server, "/oauth/token", {"grant_type": "refresh_token", "refresh_token": "x"})
            for _ in range(4)]
        ok("a refresh that comes too early is told to come back",
            error(got[-1]) == (503, "temporarily_unavailable") and "retry-after" in got[-1].headers,
            got[-1].text)


def error_without_key(server, grant, bot):
    kid = sql("SELECT kid FROM auth.list_signing_keys() WHERE state = 'in_use'")
    sql("SELECT auth.retire_signing_key(:'kid')", kid=kid)
    answer = post(server, "/oauth/token", grant, bot["basic"])
    sql("SELECT auth.activate_signing_key(:'kid')", kid=kid)
    return error(answer)


def metadata():
    someone = account()
    for path, at in (("", ""), ("/auth", "/auth"), ("/a/b", "/a/b"), ("/auth/v1", "/auth/v1"),
            ("/auth/realms/main", "/auth/realms/main")):
        port = free_port()
        issuer = f"http://127.0.0.1:{port}{path}"
        sql(f"ALTER ROLE web SET pg_principal.issuer = '{issuer}'")
        with Server(*FAST, "--listen", f"127.0.0.1:{port}") as server:
            told = get(server, f"/.well-known/oauth-authorization-server{at}")
            equal(f"{issuer}: its document", (told.status, told.json["issuer"],
                told.json["token_endpoint"]),
                  (200, issuer, f"http://127.0.0.1:{port}/oauth/token"))
            person = api.token_of(server, someone["email"])
            endpoints = [url.removeprefix(f"http://127.0.0.1:{port}")
                for name, url in told.json.items() if name.endswith("_endpoint")
                or name == "jwks_uri"]
            ok("each endpoint is there", len(endpoints) == 6
                and all(get(server, path).status in (200, 400, 405) for path in endpoints),
                endpoints)
            ok("no list in it is empty (RFC 8414, section 3.2)",
                all(value != [] for value in told.json.values())
                and told.json["response_types_supported"] == ["none"], told.text)
            equal("another's has none",
                get(server, "/.well-known/oauth-authorization-server/x").status, 404)
            equal("who issues tokens for /api",
                get(server, "/.well-known/oauth-protected-resource/api").json,
                {"resource": f"http://127.0.0.1:{port}/api", "authorization_servers": [issuer],
                 "resource_name": "pg_principal", "bearer_methods_supported": ["header"]})  # and signs nothing of its own
            url = f"http://127.0.0.1:{port}/.well-known/oauth-protected-resource/api"
            equal("which a refusal there points to",
                [api.call(server, "GET", "/api/users", token=t).headers["www-authenticate"]
                for t in (None, "x", person)],
                  [f'Bearer resource_metadata="{url}"',
                  f'Bearer error="invalid_token", resource_metadata="{url}"',
                  f'Bearer error="insufficient_scope", resource_metadata="{url}"'])
            equal("nor for anything else",
                get(server, "/.well-known/oauth-protected-resource/x").status, 404)
            openid = get(server, f"{at}/.well-known/openid-configuration").json or {}
            equal("as OpenID Connect and libpq look for it",  # below /auth/v1 with Supabase's
                [openid.get("issuer")] + [openid.get(name) == value
                for name, value in told.json.items()
                if name.endswith("_endpoint") or name.endswith("_supported")],
                [issuer] + [True] * (len(told.json) - 2))
            ok("its keys are there", get(server, openid.get("jwks_uri", "").removeprefix(
                f"http://127.0.0.1:{port}")).status == 200, openid)
            equal("not below another path",
                [get(server, f"{other}/.well-known/openid-configuration").status for other in ("/x",
                "/x/y", "/x/y/z", "/api")], [404] * 4)
            equal("OpenID Connect Discovery at the root",
                get(server, "/.well-known/openid-configuration").status, 404 if path else 200)
    sql("ALTER ROLE web RESET pg_principal.issuer")
    with Server(*FAST) as server:
        equal("an issuer that is no URL has no document",
            get(server, "/.well-known/oauth-authorization-server").status, 404)
    with Server(*FAST, "--supabase-prefix", "") as server:
        equal("beside Supabase's routes at the root",
            get(server, "/.well-known/openid-configuration").status, 200)


class OpenConnection:
    """psql that stays connected."""

    def __init__(self):
        self.psql = subprocess.Popen(["psql", "-XAtq"], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def ask(self, statement):
        self.psql.stdin.write(f"{statement};\n\\echo ---\n")
        self.psql.stdin.flush()
        lines = []
        while (line := self.psql.stdout.readline().rstrip("\n")) != "---":
            lines.append(line)
        return " ".join(lines)

    def close(self):
        self.psql.stdin.close()
        self.psql.wait(30)


def device():
    """The device grant and its page, without a browser's help."""
    person, port = account(), free_port()
    issuer = f"http://127.0.0.1:{port}"
    sql("SELECT auth.register_client('psql', :'name', '{database}')", name='<b>"psql"</b> & co')
    sql(f"ALTER ROLE web SET pg_principal.issuer = '{issuer}'")
    grant = {"grant_type": "urn:ietf:params:oauth:grant-type:device_code", "client_id": "psql"}
    with Server(*FAST, "--listen", f"127.0.0.1:{port}") as server:
        begun = post(server, "/oauth/device_authorization",
            {"client_id": "psql", "scope": "database"}).json
        equal("a device begins", (begun["verification_uri"], begun["interval"]),
            (f"{issuer}/oauth/device", 5))
        equal("an unknown one does not",
            error(post(server, "/oauth/device_authorization", {"client_id": "x"})),
            (401, "invalid_client"))
        equal("nor by Authorization",
            error(post(server, "/oauth/device_authorization", {}, ("x", ""))),
            (401, "invalid_client"))
        equal("a client without a secret may name itself there (RFC 6749, section 2.3.1)",
            post(server, "/oauth/device_authorization", {}, ("psql", "")).status, 200)
        equal("and in both places", post(server, "/oauth/device_authorization",
            {"client_id": "psql"}, ("psql", "")).status, 200)
        equal("as the same one",
            error(post(server, "/oauth/device_authorization", {"client_id": "x"}, ("psql", ""))),
            (400, "invalid_request"))
        equal("nor with parameters in the query",
            error(post(server, "/oauth/device_authorization?client_id=psql", {})),
            (400, "invalid_request"))
        equal("pending",
            error(post(server, "/oauth/token", {**grant, "device_code": begun["device_code"]})),
            (400, "authorization_pending"))

        status, given, page = ask(port,
            "/oauth/device?user_code=%22%3E%3Cscript%3Ealert(1)%3C/script%3E")
        equal("the page", (status, given["content-type"], given["cache-control"],
            "set-cookie" in given), (200, "text/html; charset=utf-8", "no-store", False))
        ok("its policy lets nothing in but its own style",
            "default-src 'none'; style-src 'sha256-" in given["content-security-policy"]
            and "unsafe" not in given["content-security-policy"]
           and "frame-ancestors 'none'" in given["content-security-policy"]
           and "form-action 'self'" in given["content-security-policy"], given)
        style = re.search("<style>(.*)</style>", page, re.S)[1]
        ok("whose hash is right",
            base64.b64encode(hashlib.sha256(style.encode()).digest()).decode() in given[
            "content-security-policy"])
        ok("what the address says is text", "<script" not in page
            and "&quot;&gt;&lt;script&gt;" in page, page)
        equal("a query that cannot be read is none", ask(port, "/oauth/device?user_code=%zz")[0],
            200)

        def form(path, fields, *headers):
            body = fields if isinstance(fields, bytes) else urllib.parse.urlencode(fields).encode()
            return ask(port, path, "POST", ["Content-Type: application/x-www-form-urlencoded",
                *headers], body)
        who = {"user_code": begun["user_code"], "email": person["email"], "password": PASSWORD}
        status, given, page = form("/oauth/device", {**who, "password": "wrong", "email": '"><i>'})
        equal("a wrong password", (status, "Invalid credentials" in page,
            "&quot;&gt;&lt;i&gt;" in page, given["www-authenticate"]), (401, True, True, "Bearer"))
        status, _, page = form("/oauth/device", {**who, "user_code": "BCDF-GHJK"})
        equal("a wrong code", (status, "unknown, used, or has expired" in page), (404, True))
        equal("from another site",
            form("/oauth/device", who, "Origin: https://evil.example.com")[0], 403)
        equal("from nowhere", form("/oauth/device", who, "Origin: null")[0], 403)
        for name, body in {"a broken escape": b"user_code=%zz", "nothing": b"",
                "a NUL": b"email=%00"}.items():
            status, _, page = form("/oauth/device", body)
            ok(f"a form with {name}", status in (400, 401) and page.startswith("<!doctype html>"),
                (status, page))
        status, _, page = form("/oauth/device", who, f"Origin: {issuer}")
        ok("who has signed in sees who asks", status == 200
            and "&lt;b&gt;&quot;psql&quot;&lt;/b&gt; &amp; co" in page
            and "<code>database</code>" in page and person["email"] in page and "127.0.0.1" in page,
            page)
        status, _, typed = form("/oauth/device",
            {**who, "user_code": begun["user_code"].lower().replace("-", "\u2011 ")})
        ok("the code is shown as the device shows it, however it was typed", status == 200
            and f"<code>{begun['user_code']}</code>" in typed, typed)
        hidden = dict(re.findall('<input type="hidden" name="([a-z_]+)" value="([^"]*)">', page))
        equal("the form brings back the scopes that are shown", hidden["scopes"], "database")
        equal("a decision without what was in the page", form("/oauth/device/decision",
            {"user_code": begun["user_code"], "decision": "approve"})[0], 401)
        equal("with another token", form("/oauth/device/decision",
            {**hidden, "token": "x", "decision": "approve"})[0], 401)
        pending = error(post(server, "/oauth/token",
            {**grant, "device_code": begun["device_code"]}))[1]
        ok("still pending", pending in ("slow_down", "authorization_pending"),  # as quick as we are
            pending)
        equal("a decision that is two", form("/oauth/device/decision", urllib.parse.urlencode(
            {**hidden, "decision": "deny"}).encode() + b"&decision=approve")[0], 400)
        status, _, page = form("/oauth/device/decision", {**hidden, "decision": "approve"})
        equal("the decision", (status, "The device is in" in page), (200, True))
        status, _, page = form("/oauth/device/decision", {**hidden, "decision": "approve"})
        equal("the page is over", (status, "Begin again" in page), (401, True))
        got = post(server, "/oauth/token", {**grant, "device_code": begun["device_code"]})
        equal("the token", (got.status, got.json["scope"], got.json["token_type"]),
            (200, "database", "Bearer"))
        me = api.call(server, "GET", "/api/users/me", token=got.json["access_token"])
        equal("is the person's", me.json["user"]["id"], person["id"])
        equal("and cannot touch the account", api.call(server, "PATCH", "/api/users/me",
            {"firstName": "x"}, token=got.json["access_token"]).status, 403)
        equal("revoked by the application", post(server, "/oauth/revoke",
            {"token": got.json["access_token"], "client_id": "psql"}).status, 200)
        equal("it is dead", api.call(server, "GET", "/api/users/me",
            token=got.json["access_token"]).status, 401)
        begun = post(server, "/oauth/device_authorization", {"client_id": "psql"}).json
        hidden = dict(re.findall('<input type="hidden" name="([a-z_]+)" value="([^"]*)">',
            form("/oauth/device", {**who, "user_code": begun["user_code"]})[2]))
        del hidden["scopes"]
        status, _, page = form("/oauth/device/decision", {**hidden, "decision": "approve"})
        equal("none of the scopes that it asks for", (status, "would get none" in page,
            error(post(server, "/oauth/token", {**grant, "device_code": begun["device_code"]}))),
            (400, True, (400, "authorization_pending")))
        pages = [dict(re.findall('<input type="hidden" name="([a-z_]+)" value="([^"]*)">',
            form("/oauth/device", {**who, "user_code": begun["user_code"]})[2])) for _ in range(3)]
        with concurrent.futures.ThreadPoolExecutor(24) as pool:
            got = [status for status, _, _ in pool.map(lambda n: form("/oauth/device/decision",
                {**pages[n % 3], "decision": "approve"}), range(24))]
        ok("of many decisions at once one counts", got.count(200) == 1 and set(got) <= {200, 401,
            404, 503}, got)
        status, given, page = ask(port, "/oauth/device", "DELETE")
        equal("what the server refuses is a page, too", (status, given["content-type"]),
            (405, "text/html; charset=utf-8"))
    sql("ALTER ROLE web RESET pg_principal.issuer")
    with Server("--rate-limit", "1", "--rate-burst", "1") as server:
        got = [ask(server.port, "/oauth/device", "POST",
            ["Content-Type: application/x-www-form-urlencoded"], b"email=x") for _ in range(4)]
        ok("who tries too often", got[-1][0] == 429 and got[-1][2].startswith("<!doctype html>")
            and int(got[-1][1]["retry-after"]) >= 1, got[-1])


def clients():
    installed = subprocess.run(["tests/harness/npm.sh", "interop"], capture_output=True, text=True,
        stdin=subprocess.DEVNULL)
    if installed.returncode == 77:
        ok(f"npm's oauth4webapi and openid-client # skipped: {installed.stdout.splitlines()[-1]}",
            True)
        return
    if not ok("npm's oauth4webapi and openid-client are here", installed.returncode == 0,
            installed.stdout):
        return
    bot, person, port = client(), account(), free_port()
    sql("SELECT auth.create_signing_key('ES256')")  # clients take no access token that a shared secret signs
    issuer = f"http://127.0.0.1:{port}"
    sql(f"ALTER ROLE web SET pg_principal.issuer = '{issuer}'")
    sql(f"ALTER ROLE postgres SET pg_principal.issuer = '{issuer}'")
    with Server(*FAST, "--listen", f"127.0.0.1:{port}") as server:
        refresh = api.sign_in(server, person["email"], PASSWORD)["tokens"]["refreshToken"]
        token = api.token_of(server, person["email"])
        sql("SELECT auth.delegate(:'person', :'agent', '1d', '{read}')", person=person["email"],
            agent=bot["email"])
        sql("SELECT auth.register_client('tv', 'The screen', '{read}')")
        node = subprocess.Popen(["node", "tests/interop/oauth.mjs"], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={
            **os.environ, "OAUTH_ISSUER": issuer, "OAUTH_CLIENT_ID": bot["id"],
            "OAUTH_CLIENT_SECRET": bot["secret"], "OAUTH_REFRESH_TOKEN": refresh,
            "OAUTH_PERSON_TOKEN": token, "OAUTH_EMAIL": person["email"],
            "OAUTH_PASSWORD": PASSWORD})
        bound = []
        for line in node.stdout:
            word, _, rest = line.partition(" ")
            if word == "register":
                sql("SELECT auth.register_client_keys(:'email', :'keys')", email=bot["email"],
                    keys=rest.strip())
            elif word == "trust":
                sql("SELECT auth.trust_issuer(:'issuer', ARRAY[:'us'], :'keys')", issuer=GITHUB,
                    us=issuer, keys=rest.strip())
                sql("SELECT auth.map_claims(:'issuer', :'email', '{\"repository_id\": \"74\", \"environment\": \"prod\"}', '{read}')",
                    issuer=GITHUB, email=bot["email"])
            elif word != "bind":
                print(line, end="", flush=True)
                continue
            if word != "bind":
                node.stdin.write("go on\n")
                node.stdin.flush()
                continue
            connection = OpenConnection()
            connection.ask(f"SET pg_principal.token = '{line.split()[1]}'")
            owner = connection.ask("SELECT auth.email()")
            ok("SQL: the token is an identity on an open connection",
                owner in (bot["email"], person["email"]), owner)
            bound.append(connection)
            node.stdin.write("go on\n")
            node.stdin.flush()
        equal("node came to the end", (node.wait(60), node.stderr.read()), (0, ""))
        for connection in bound:
            refused = connection.ask("SELECT auth.email()")
            ok("SQL: revoked by its client, it is refused at the next statement",
                "token refused" in refused and "session revoked" in refused, refused)
            connection.close()
        equal("so many were tried", len(bound), 8)
    sql("ALTER ROLE web RESET pg_principal.issuer")
    sql("ALTER ROLE postgres RESET pg_principal.issuer")


main(raw, metadata, device, clients)
