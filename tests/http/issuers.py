"""The keys of trusted issuers, fetched from a real TLS server: within bounds whatever it does, once for all servers on
a database, the last good ones kept."""

import gzip
import json
import os
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from api import FAST, sql
from wire import Server, ask, equal, main, ok, until

COMMAND = os.environ["PG_PRINCIPAL"]
PATIENT = (*FAST, "--statement-timeout", "60", "--checkout-timeout",
    "60")  # where the machine is busy
AGENT = "robot@example.com"


def run(*arguments):
    return subprocess.run(arguments, check=True, capture_output=True, text=True)


class Issuer:
    """A TLS server with a certificate of its own authority: `pages` are what it answers, `asked` what it was asked."""

    def __init__(self, folder):
        self.pages, self.asked, self.folder, self.dripping = {}, [], folder, threading.Event()
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
            "-nodes", "-days", "2",
            "-keyout", f"{folder}/ca.key", "-out", f"{folder}/ca.pem", "-subj",
            "/CN=test authority")
        self.server, self.port = None, 0
        self.certify("issuer", "DNS:localhost,IP:127.0.0.1")
        self.start()

    def certify(self, subject, names):
        """From the next start on it has a certificate for these names."""
        folder = self.folder
        run("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-keyout", f"{folder}/key.pem",
            "-out", f"{folder}/csr.pem", "-subj", f"/CN={subject}")
        with open(f"{folder}/san", "w") as file:
            file.write(f"subjectAltName={names}\n")
        run("openssl", "x509", "-req", "-in", f"{folder}/csr.pem", "-CA", f"{folder}/ca.pem",
            "-CAkey", f"{folder}/ca.key", "-days", "2",
            "-extfile", f"{folder}/san", "-out", f"{folder}/cert.pem")

    def start(self):
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                issuer.asked.append(self.path)
                page = issuer.pages.get(self.path, (404, {}, b"nothing here"))
                if callable(page):
                    page(self.connection)
                    self.close_connection = True
                    return
                status, headers, body = page
                (self.send_response_only if "Date" in headers else self.send_response)(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):  # clients that hang up are what this is about
                pass

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(f"{self.folder}/cert.pem", f"{self.folder}/key.pem")
        self.server = Quiet(("127.0.0.1", self.port), Handler)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True,
            do_handshake_on_connect=False)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def url(self, path, host="localhost"):
        return f"https://{host}:{self.port}{path}"

    def flags(self, seconds=10):
        return ["--fetch-ca", f"{self.folder}/ca.pem", "--fetch-from", "127.0.0.1", "--fetch-from",
            "::1", "--fetch-timeout", str(seconds)]  # what localhost may be


def forever(piece, head=b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", pause=0.05):
    def send(connection):
        try:
            connection.sendall(head)
            while True:
                connection.sendall(piece)
                if pause:
                    time.sleep(pause)
        except OSError:
            pass
    return send


def jwk(kid):
    return json.loads(
        sql("SELECT auth.generate_jwk('ES256') || jsonb_build_object('kid', :'kid'::text)",
        kid=kid))


def keys(*all_of_them, headers=None):
    public = [{name: value for name, value in key.items() if name != "d"} for key in all_of_them]
    return 200, headers or {}, json.dumps({"keys": public}).encode()


def trust(issuer, url, jwks=None):
    sql("SELECT auth.trust_issuer(:'issuer', '{us}', nullif(:'jwks', '')::jsonb, :'url', '{ES256}')",
        issuer=issuer, url=url, jwks=jwks or "")
    sql("SELECT auth.map_claims(:'issuer', :'agent', '{\"job\": \"1\"}')", issuer=issuer,
        agent=AGENT)


def seen(issuer, columns="keys, coalesce(fetch_problem, '')"):
    return sql(f"SELECT {columns} FROM auth.list_issuers() WHERE issuer = :'issuer'", issuer=issuer)


def refresh(issuer, *flags):
    done = subprocess.run([COMMAND, "issuers", "refresh", issuer, *flags], capture_output=True,
        text=True, timeout=120)
    return done.returncode, done.stdout.strip(), done.stderr.strip().splitlines()


def exchange(server, issuer, key):
    token = sql("SELECT auth.jwt_sign(jsonb_build_object('iss', :'issuer'::text, 'sub', 'x', 'aud', 'us', 'job', '1', 'jti', gen_random_uuid(),"
                " 'exp', floor(extract(epoch FROM now())) + 300), :'key'::jsonb)", issuer=issuer,
                key=json.dumps(key))
    answer = ask(server.port, "/oauth/token", "POST",
        ["Content-Type: application/x-www-form-urlencoded"],
                 f"grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer&assertion={token}".encode(
                 ))
    return answer[0]


# What jsonb cannot hold, beside a good key.
NEIGHBOURS = {"nul": b'{"kty": "x", "kid": "\\u0000"}', "lone": b'{"kty": "x", "kid": "\\ud800"}',
    "number": b'{"kty": "x", "exp": 1e999999}', "digits": b"9" * 200000,
    "latin": b'{"kty": "x", "kid": "\xe9"}', "deep": b"[" * 60000 + b"]" * 60000}


def clients(issuer):
    """The keys of a client, from where it publishes them."""
    key, other = jwk("mine"), jwk("next")
    issuer.pages.update({"/mine": (200, {}, b"\xef\xbb\xbf" + keys(key, other)[2]),
        "/one": keys(other), "/odd": (200, {}, b'{"keys": [{"kty": "x"}]}'),
        "/page": (200, {}, b"<html>"),
                         "/cut": (200, {}, b'{"keys": []}\0'),
                         "/away": (302, {"Location": "/mine"}, b"")})

    def register(path, *flags):
        done = subprocess.run([COMMAND, "clients", "register-keys", "--email", AGENT,
            *(["--jwks-url", issuer.url(path)] if path else []), *(flags or issuer.flags())],
                              capture_output=True, text=True, timeout=120)
        return done.returncode, done.stdout.strip(), done.stderr.strip()
    kids = lambda: sql(
        "SELECT string_agg(kid, ' ' ORDER BY kid) FROM auth.list_client_keys(:'email')",
        email=AGENT)
    equal("a client's keys are fetched", (register("/mine"), kids()), ((0, "registered keys 2", ""),
        "mine next"))
    equal("and again, when it has others", (register("/one"), kids()),
        ((0, "registered keys 1", ""), "next"))
    for path, problem in {"/away": "it answers 302, which is not followed",
            "/page": "it is no JSON", "/cut": "it is no JSON", "/odd": "its type is not RSA",
            "/missing": "it answers 404"}.items():
        status, out, err = register(path)
        ok(f"{path}: {problem}", (status, out) == (1, "") and problem in err, (status, out, err))
    named = subprocess.run([COMMAND, "clients", "register-keys", "--email", AGENT, "--jwks-url",
        "https://somebody:hunter2@id.example.com/keys"], capture_output=True, text=True)
    ok("a URL with a user is told so, and not repeated", named.returncode == 1
        and "it has a user before its host" in named.stderr and "hunter2" not in named.stderr, named)
    ok("an address that is not public", "is not public" in register("/mine", "--fetch-ca",
        f"{issuer.folder}/ca.pem")[2])
    equal("those of before stay", kids(), "next")
    for flags in (("--fetch-timeout", "1"), ("--jwks-url", "https://x", "--jwks-file", "x")):
        status, out, err = register("", *flags)
        ok(f"neither or both: {flags[0]}",
            status == 2 and "exactly one of --jwks-file, --jwks-url is required" in err,
            (status, err))


def by_hand(issuer):
    """What becomes of each answer, by `issuers refresh`."""
    key, name = jwk("a"), "https://issuer"
    issuer.pages.update({
        "/keys": keys(key), "/bom": (200, {}, b"\xef\xbb\xbf" + keys(key)[2]),
        **{f"/{path}": (200, {}, keys(key)[2].replace(b"[", b"[" + neighbour + b", ", 1))
            for path, neighbour in NEIGHBOURS.items()},
        "/loop": (302, {"Location": "/loop"}, b""), "/moved": (301, {"Location": "/keys"}, b""),
        "/big": (200, {}, json.dumps({"keys": [], "x": "x" * 5_000_000}).encode()),
        "/endless": forever(b"x" * 10000, b"HTTP/1.1 200 OK\r\n\r\n", 0),
        "/headers": forever(b"X-Y: " + b"y" * 4000 + b"\r\n", b"HTTP/1.1 200 OK\r\n", 0),
        "/drip": forever(b" "), "/drip-headers": forever(b"X: y\r\n", b"HTTP/1.1 200 OK\r\n"),
        "/silent": forever(b"", b"", 0.2),
        "/html": (200, {}, b"<html>"), "/utf16": (200, {}, keys(key)[2].decode().encode("utf-16")),
        "/empty": (200, {}, b""), "/error": (500, {}, b"{}"),
        "/gzip": (200, {"Content-Encoding": "gzip"}, gzip.compress(keys(key)[2])),
        "/none": (204, {}, b""),
        "/short": lambda connection: connection.sendall(
        b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{"),
        "/nosuch": (200, {}, b'{"kty": "EC"}'),
    })
    trust(name, issuer.url("/keys"))
    equal("keys are stored", refresh(name, *issuer.flags()), (0, f"stored {name}", []))
    equal("and listed", seen(name), "1|")
    equal("the same again", refresh(name, *issuer.flags()), (0, f"unchanged {name}", []))
    for path in ("bom", *NEIGHBOURS):
        trust(name, issuer.url(f"/{path}"))
        equal(f"/{path}: the good key is read", (refresh(name, *issuer.flags())[0],
            seen(name, "keys, keys - cardinality(unusable_keys)")),
            (0, "1|1" if path == "bom" else "2|1"))
    for host in ("127.0.0.1", "LocalHost"):
        trust(name, issuer.url("/keys", host))
        equal(f"{host}, which the certificate has", refresh(name, *issuer.flags())[0], 0)

    def refused(path, *problems, flags=None, url=None):
        trust(name, url or issuer.url(path), json.dumps({"keys": [key]}))
        status, out, err = refresh(name, *(flags or issuer.flags()))
        told = seen(name, "keys, fetch_problem")
        ok(f"{url or path}: {problems[0]}", (status, out) == (1, "")
            and any(problem in told and any(problem in line for line in err)
            for problem in problems)
           and told.startswith("1|"), (status, out, err, told))
    refused("/loop", "it answers 302, which is not followed")
    refused("/moved", "it answers 301, which is not followed")
    refused("/error", "it answers 500")
    refused("/none", "it answers 204")
    refused("/missing", "it answers 404")
    refused("/big", "it is longer than 256 kB")
    refused("/endless", "it is longer than 256 kB")
    refused("/headers", "it sends too much",
        "its answer broke off")  # later versions of cpp-httplib count the lines of a head
    for path in ("/drip", "/drip-headers", "/silent"):
        refused(path, "it takes too long", flags=issuer.flags(0.7))
    for path in ("/html", "/empty"):
        refused(path, "invalid input syntax for type json")
    refused("/utf16", "it is no JSON")
    refused("/gzip", "it is no JSON")
    refused("/short", "its answer broke off")
    refused("/nosuch", "it is not a JWK Set")
    refused("/keys", "certificate", flags=["--fetch-from", "127.0.0.1"])
    refused("/keys", "authorities cannot be read", flags=["--fetch-ca", "/nothing", "--fetch-from",
        "127.0.0.1"])
    for subject, names in (("localhost", "DNS:elsewhere.example.com"),
            ("localhost", "IP:10.0.0.1,DNS:*.localhost"), ("issuer", "DNS:l*")):
        issuer.stop()
        issuer.certify(subject, names)
        issuer.start()
        refused("/keys", "not one for its name")
    issuer.stop()
    issuer.certify("issuer", "DNS:localhost,IP:127.0.0.1")
    issuer.start()
    before = len(issuer.asked)
    ca = issuer.flags()[:2]
    for host in ("localhost", "127.0.0.1", "2130706433", "0x7f.1", "[::1]", "[::ffff:127.0.0.1]"):
        refused("/keys", "is not public", flags=ca, url=issuer.url("/keys", host))
    for address in ("10.0.0.1", "169.254.169.254", "192.168.1.1", "100.64.0.1", "[fe80::1]",
            "[fd00::1]", "[64:ff9b::7f00:1]", "0.0.0.0"):
        refused("/keys", "is not public", flags=ca, url=f"https://{address}/keys")
    equal("none of them was connected to", len(issuer.asked), before)
    refused("/keys", "its name is not found", url="https://nobody.invalid/keys")
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        refused("/keys", "it takes too long", flags=issuer.flags(0.7),
            url=f"https://localhost:{deaf.getsockname()[1]}/keys")
    refused("/keys", "cannot be connected to", url="https://localhost:1/keys")
    equal("of all issuers", subprocess.run([COMMAND, "issuers", "refresh", *issuer.flags()],
        capture_output=True).returncode, 1)
    sql("SELECT auth.distrust_issuer(:'i')", i=name)
    done = subprocess.run([COMMAND, "issuers", "refresh"], capture_output=True, text=True)
    ok("of none", done.returncode == 1 and "no issuer is trusted by a URL" in done.stderr, done)


def life(issuer):
    """How long a set is good: as the answer says, within bounds."""
    key, name = jwk("a"), "https://life"
    for headers, wanted in (({}, 3600), ({"Cache-Control": "max-age=7200"}, 7200),
            ({"Cache-Control": "public, max-age=7200, must-revalidate", "Age": "200"}, 7000),
                            ({"Cache-Control": "max-age=5"}, 300),
                            ({"Cache-Control": "max-age=999999999"}, 86400),
                            ({"Cache-Control": "no-store"}, 300),
                            ({"Cache-Control": "no-cache, max-age=7200"}, 300),
                            ({"Cache-Control": "s-maxage=20"}, 3600),
                            ({"Expires": "Sun, 29 Nov 2026 14:00:00 GMT",
                            "Date": "Sun, 29 Nov 2026 12:00:00 GMT"}, 7200),
                            ({"Expires": "Sun, 29 Nov 2026 14:00:00 GMT",
                            "Date": "Sun, 29 Nov 2026 12:00:00 GMT", "Age": "200"}, 7000),
                            ({"Cache-Control": "max-age=7200", "Age": "200, 7"}, 7000),
                            ({"Cache-Control": "max-age=7200", "Age": "99999999999"}, 300),
                            ({"Expires": "Sun, 29 Nov 2026 14:00:00 GMT",
                            "Date": "Sun, 29 Nov 2026 12:00:00 GMT", "Age": "9" * 400}, 300),
                            ({"Expires": "Thu, 01 Jan 1970 00:00:00 GMT"}, 300),
                            ({"Expires": "0"}, 300), ({"Expires": "-1"}, 300),
                            ({"Expires": "Sun, 99 Nov 2026 11:00:00 GMT"}, 300),
                            ({"Cache-Control": "max-age=-1"}, 300),
                            ({"Cache-Control": 'max-age="7200"'}, 7200),
                            ({"cache-control": "public", "Cache-Control": "max-age=7200"}, 7200),
                            ({"Cache-Control": "max-age=7200", "Expires": "0"}, 7200)):
        issuer.pages["/life"] = 200, headers, keys(key)[2]
        trust(name, issuer.url("/life"))
        refresh(name, *issuer.flags())
        found = sql("SELECT round(extract(epoch FROM next_fetch - keys_read_at) / 10) * 10 FROM auth.list_issuers() WHERE issuer = :'i'",
            i=name)
        equal(f"{', '.join(headers) or 'nothing'}: {wanted} s", found, str(wanted))
    sql("SELECT auth.distrust_issuer(:'i')", i=name)


def discovery(issuer):
    """Registered by its discovery document: its own, and one step from there."""
    key, name = jwk("a"), issuer.url("")
    well_known = "/.well-known/openid-configuration"
    for document, outcome in (({"issuer": name, "jwks_uri": issuer.url("/keys")},
            (0, f"stored {name}")), ({"issuer": "https://evil", "jwks_uri": issuer.url("/keys")},
            (1, "")),
                              ({"issuer": name, "jwks_uri": "http://localhost/keys"}, (1, "")),
                              ({"issuer": name}, (1, "")),
                              ({"issuer": name, "jwks_uri": "https://10.0.0.1/keys"}, (1, "")),
                              ({"issuer": name, "jwks_uri": issuer.url(well_known)}, (1, ""))):
        issuer.pages["/keys"], issuer.pages[well_known] = keys(key), (200, {},
            json.dumps(document).encode())
        sql("SELECT auth.distrust_issuer(:'i')", i=name)
        trust(name, issuer.url(well_known))
        equal(f"discovery: {json.dumps(document).replace(str(issuer.port), 'PORT')}",
            refresh(name, *issuer.flags())[:2], outcome)
    for at, found in (("?p=B2C_1_job", 0), ("/b2c?p=B2C_1_job", 0), ("x?p=B2C_1_job", 1)):
        sql("SELECT auth.distrust_issuer(:'i')", i=name)
        issuer.pages[f"{well_known}{at}"] = (200, {}, json.dumps({"issuer": name,
            "jwks_uri": issuer.url("/keys?p=b2c_1_job")}).encode())
        issuer.pages["/keys?p=b2c_1_job"] = keys(key)
        trust(name, issuer.url(f"{well_known}{at}"))
        equal(f"discovery at {well_known}{at}", refresh(name, *issuer.flags())[0], found)
    sql("SELECT auth.distrust_issuer(:'i')", i=name)


def served(issuer):
    """Two servers on one database."""
    old, new, name = jwk("old"), jwk("new"), "https://served"
    issuer.pages["/jwks"] = keys(old, headers={"Cache-Control": "max-age=3600"})
    asked = lambda: issuer.asked.count("/jwks")
    due = lambda: sql(
        "UPDATE auth.trusted_issuers SET fetch_attempted_at = fetch_attempted_at - interval '2 minutes' WHERE issuer = :'i'",
        i=name)
    with Server(*PATIENT, *issuer.flags()) as one, Server(*PATIENT, *issuer.flags()) as two:
        trust(name, issuer.url("/jwks"))
        ok("the keys of a new issuer come by themselves", until(lambda: seen(name) == "1|"))
        equal("a token is exchanged", [exchange(server, name, old) for server in (one, two)],
            [200, 200])
        issuer.pages["/jwks"] = keys(old, new)
        equal("of a key that came since it is not",
            [exchange(server, name, new) for server in (one, two, one, two)], [400] * 4)
        ok("nor is it asked for again within the minute",
            sql("SELECT fetch_due_at > fetch_attempted_at + interval '50 s' FROM auth.trusted_issuers WHERE issuer = :'i'",
            i=name) == "t" and asked() == 1)
        due()
        equal("an unknown key makes it due", exchange(one, name, new), 400)
        ok("it is fetched", until(lambda: seen(name) == "2|"))
        equal("and the token is exchanged", [exchange(server, name, key) for server in (one, two)
            for key in (old, new)], [200] * 4)
        equal("by one of the servers, once each time", asked(), 2)
        equal("which keys came is audited",
            sql("SELECT changes->'issuerKeys' FROM auth.audit_log WHERE changes ? 'issuerKeys' AND metadata->>'issuer' = :'i' ORDER BY seq DESC LIMIT 1",
            i=name),
              '{"current": ["old", "new"], "previous": ["old"]}')
        issuer.stop()
        sql("UPDATE auth.trusted_issuers SET fetch_due_at = now() WHERE issuer = :'i'", i=name)
        ok("an issuer that is down is told",
            until(lambda: seen(name) == "2|it cannot be connected to"))
        equal("the last good keys stay", exchange(two, name, new), 200)
        text = ask(one.port, "/metrics")[2]
        ok("metrics", "\nauth_issuer_failing 1\n" in text
            and '\nauth_issuer_fetches_total{outcome="failed"} ' in text
            and '\nauth_issuer_fetches_total{outcome="stored"} ' in text, text[-3000:])
        ok("and a line of the server",
            until(lambda: any(name in line for line in one.errors + two.errors)))
        issuer.start()
        sql("UPDATE auth.trusted_issuers SET fetch_due_at = now() WHERE issuer = :'i'", i=name)
        ok("it is back", until(lambda: seen(name) == "2|"))
    sql("SELECT auth.distrust_issuer(:'i')", i=name)


def rotated(issuer):
    """Issuers that name no key, or another as the one before."""
    bare = lambda key: {name: value for name, value in key.items() if name != "kid"}
    name = "https://rotated"
    with Server(*PATIENT, *issuer.flags()) as server:
        for what, old, new in (("no kid", bare(jwk("a")), bare(jwk("b"))),
                ("the same kid", jwk("a"), jwk("a"))):
            issuer.pages["/rotated"] = keys(old)
            trust(name, issuer.url("/rotated"))
            ok(f"{what}: its key", until(lambda: exchange(server, name, old) == 200))
            issuer.pages["/rotated"] = keys(new)
            sql("UPDATE auth.trusted_issuers SET fetch_attempted_at = fetch_attempted_at - interval '2 minutes' WHERE issuer = :'i'",
                i=name)
            equal(f"{what}: another key signs", exchange(server, name, new), 400)
            ok(f"{what}: which is fetched", until(lambda: exchange(server, name, new) == 200))
            sql("SELECT auth.distrust_issuer(:'i')", i=name)


def slow(issuer):
    """An issuer that drips holds up neither requests nor the end of the server."""
    issuer.pages["/slow"] = forever(b" ")
    trust("https://slow", issuer.url("/slow"))
    with Server(*FAST, *issuer.flags(60)) as server:
        ok("it is asked", until(lambda: "/slow" in issuer.asked))
        equal("others are served", ask(server.port, "/health")[0], 200)
        server.signal(signal.SIGTERM)
        equal("the server stops, long before --fetch-timeout", server.process.wait(45), 0)
    with Server(*FAST, "--no-fetch") as server:
        count = len(issuer.asked)
        sql("UPDATE auth.trusted_issuers SET fetch_due_at = now() - interval '1 minute'")
        time.sleep(6)
        equal("--no-fetch", len(issuer.asked), count)
    sql("SELECT auth.distrust_issuer('https://slow')")


def tests():
    with tempfile.TemporaryDirectory() as folder:
        issuer = Issuer(folder)
        sql("SELECT auth.add_user(jsonb_build_object('email', :'agent'::text, 'password', 'Th1sIsAStrong!Pass', 'role', 'ANALYST', 'kind', 'service_account'))",
            agent=AGENT)
        for test in (by_hand, clients, life, discovery, served, rotated, slow):
            try:
                test(issuer)
            except Exception as error:
                ok(test.__name__, False, repr(error))


if __name__ == "__main__":
    main(tests)
