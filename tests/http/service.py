"""What every response carries, and who is believed to be asking."""

import json
import re
import subprocess
import os
import tempfile

from wire import DEMO, Reader, Server, ask, connect, equal, main, ok, request, talk, until


def headers():
    with Server() as server:
        status, given, _ = ask(server.port, "/about")
        equal("no sniffing", given.get("x-content-type-options"), "nosniff")
        equal("no storing", given.get("cache-control"), "no-store")
        ok("a date", re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT",
            given.get("date", "")), given)
        ok("a request id", re.fullmatch("[0-9a-f]{32}", given.get("x-request-id", "")), given)
        ids = {ask(server.port)[1]["x-request-id"] for _ in range(50)}
        equal("another one each time", len(ids), 50)
        for sent, kept in {"abc-1.2_3": True, "a" * 128: True, "a" * 129: False, "a b": False,
                "a\"b": False,
                           "": False, "a/b": False}.items():
            got = ask(server.port, "/about", headers=[f"X-Request-Id: {sent}"])
            equal(f"request id {sent[:12]!r} is {'kept' if kept else 'replaced'}",
                  (got[1]["x-request-id"] == sent,
                  json.loads(got[2])["id"] == got[1]["x-request-id"]), (kept, True))
        whole, head = ask(server.port, "/hello"), ask(server.port, "/hello", "HEAD")
        equal("HEAD is GET without the body", (head[0], head[1]["content-length"]),
            (200, whole[1]["content-length"]))
        responses, _ = talk(server.port,
            b"HEAD /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 3)
        equal("not one byte of it", responses, [])
        status, given, body = ask(server.port, "/hello", "POST")
        equal("405 names what would do", (status, given["allow"], json.loads(body)["error"]),
              (405, "GET, HEAD, OPTIONS", "method_not_allowed"))
        status, given, _ = ask(server.port, "/echo", "OPTIONS")
        equal("OPTIONS", (status, given["allow"], "content-length" in given),
            (204, "POST, OPTIONS", False))
        equal("OPTIONS *", ask(server.port, "*", "OPTIONS")[0], 204)
        equal("404", ask(server.port, "/nothing")[0], 404)
        status, given, _ = ask(server.port, "/inject")
        equal("a line break in a header's value: 500 and no header",
            (status, "set-cookie" in given), (500, False))
        for lines in (["Bearer a", "Bearer b"], ["Bearer a", "Bearer a"], ["Bearer a", "Basic b"]):
            got = ask(server.port, "/about", headers=[f"Authorization: {line}" for line in lines])
            equal(f"Authorization: {lines}", (got[0], json.loads(got[2])["message"].lower()),
                (400, "repeated header"))
        got = json.loads(ask(server.port, "/about",
            headers=["Authorization: Bearer a-b.c_d+e/f=~"])[2])
        equal("Authorization as it was sent", got["bearer"], "a-b.c_d+e/f=~")
        got = json.loads(ask(server.port, "/about?q=a%20b+c%2B&x=%zz".replace("%zz", "%41"))[2])
        equal("a query, decoded", got["q"], "a b c+")
        equal("a query that is no UTF-8", json.loads(ask(server.port, "/about?q=%ff")[2])["q"],
            "malformed")
        text = ask(server.port, "/metrics")[2]
        ok("metrics count by route and status",
           'pg_principal_http_requests_total{method="GET",route="/hello",status="200"} ' in text
           and 'pg_principal_http_requests_total{method="",route="",status="404"} 1' in text
           and 'pg_principal_http_request_duration_seconds_bucket{method="GET",route="/hello",le="+Inf"} ' in text,
           text)
        lines = [line for line in text.split("\n") if line and not line.startswith("#")]
        ok("every line is Prometheus's",
            all(re.fullmatch(r'[a-z_]+(\{([a-z]+="[^"\\]*",?)+\})? [0-9.e+-]+', line)
                                              for line in lines), text)
    with Server("--metrics-from", "10.0.0.0/8") as server:
        equal("metrics are not for everybody", ask(server.port, "/metrics")[0], 404)


def client_addresses():
    def seen(server, *lines):
        return json.loads(ask(server.port, "/about", headers=lines)[2])["client"]

    with Server() as server:
        equal("X-Forwarded-For of a stranger", seen(server, "X-Forwarded-For: 1.2.3.4"),
            "127.0.0.1")
        equal("REMOTE_ADDR of anybody", seen(server, "REMOTE_ADDR: 1.2.3.4"), "127.0.0.1")
    with Server("--trusted-proxy", "127.0.0.1", "--trusted-proxy",
            "10.0.0.0/8,2001:db8::/32") as server:
        cases = {
            ("X-Forwarded-For: 1.2.3.4",): "1.2.3.4",
            ("X-Forwarded-For: 6.6.6.6, 1.2.3.4",): "1.2.3.4",
            ("X-Forwarded-For: 6.6.6.6, 1.2.3.4, 10.1.2.3",): "1.2.3.4",
            ("X-Forwarded-For: 10.0.0.1, 10.0.0.2",): "10.0.0.1",
            ("X-Forwarded-For: 1.2.3.4:5678",): "1.2.3.4",
            ("X-Forwarded-For: [2001:db8:1::1]:80",): "2001:db8:1::1",
            ("X-Forwarded-For: 2a00::1, 2001:db8::5",): "2a00::1",
            ("X-Forwarded-For: 6.6.6.6\t,\t1.2.3.4\t",): "1.2.3.4",
            ("X-Forwarded-For: ::ffff:1.2.3.4",): "1.2.3.4",
            ("X-Forwarded-For: [::ffff:10.0.0.1]:80, 10.0.0.2",): "10.0.0.1",
            ("X-Forwarded-For: nonsense, 1.2.3.4",): "1.2.3.4",
            ("Forwarded: for=6.6.6.6", "X-Forwarded-For: 1.2.3.4"): "1.2.3.4",
            (): "127.0.0.1",  # the proxy itself asks
        }
        for lines, wanted in cases.items():
            equal(f"client of {list(lines)}", seen(server, *lines), wanted)
        # of which cpp-httplib keeps no order from 0.18 on
        ok("client of several lines", seen(server, "X-Forwarded-For: 6.6.6.6",
            "X-Forwarded-For: 1.2.3.4", "X-Forwarded-For: 10.0.0.1") in ("1.2.3.4", "unknown"))
        nobody = ["unknown", "_hidden", "nonsense", "6.6.6.6,", ",", ",,", "6.6.6.6, ,", "0.0.0.0",
            "::", "::ffff:0.0.0.0", "[::]:1", "1.2.3.4:",
                  "1.2.3.4:x", "1.2.3.4:65536", "1.2.3.4:-1", "1.2.3.4:80:80", "[2001:db8::1",
                  "2001:db8::1]", "[2001:db8::1]80", "[1.2.3.4]:80",
                  "[1.2.3.4]", "[]", "[", "]", "fe80::1%eth0", "[fe80::1%eth0]:80", "127.1",
                  "0127.0.0.1", "127.0.0.1.", "0x7f.0.0.1", "2130706433",
                  "localhost", "127.0.0.1/8", "127.0.0.1 127.0.0.1", "127.0.0.1;1.2.3.4",
                  '"127.0.0.1"', "for=127.0.0.1", "unix:", "6.6.6.6, unknown, 10.0.0.9"]
        for entry in nobody:
            got = seen(server, f"X-Forwarded-For: {entry}"), seen(server,
                "X-Forwarded-For: 8.8.8.8", f"X-Forwarded-For: {entry}")
            equal(f"nobody is known of {entry!r}", got, ("unknown", "unknown"))
            equal("nor may they read metrics", ask(server.port, "/metrics",
                headers=[f"X-Forwarded-For: 127.0.0.1, {entry}"])[0], 404)
        for entry in ["for=127.0.0.1", "for=_hidden", "for=unknown;proto=https"]:
            equal(f"nor of Forwarded: {entry!r}", (seen(server, f"Forwarded: {entry}"),
                ask(server.port, "/metrics", headers=[f"Forwarded: {entry}"])[0]),
                  ("unknown", 404))
        equal("the proxy may", ask(server.port, "/metrics")[0], 200)
    with Server("--trusted-proxy", "127.0.0.1", "--metrics-from", "0.0.0.0/0,::/0") as server:
        equal("nobody known lies in no range at all",
            [ask(server.port, "/metrics", headers=[f"X-Forwarded-For: {entry}"])[0]
                                                       for entry in ("x", "1.2.3.4", "2a00::1")],
                                                       [404, 200, 200])


def rate_limits():
    with Server("--max-requests", "1000000", "--rate-limit", "1", "--rate-burst", "3",
            "--trusted-proxy", "127.0.0.1") as server:
        def statuses(address, count):
            answers = [ask(server.port, "/limited", headers=[f"X-Forwarded-For: {address}"])
                for _ in range(count)]
            return [answer[0] for answer in answers], answers[-1][1].get("retry-after")

        equal("a burst, then 429 with Retry-After", statuses("1.1.1.1", 5),
            ([200, 200, 200, 429, 429], "1"))
        equal("another client has its own", statuses("1.1.1.2", 3)[0], [200] * 3)
        equal("IPv6 counts by /64", statuses("2a00::1", 2)[0] + statuses("2a00::ffff:2", 2)[0],
            [200, 200, 200, 429])
        equal("another /64", statuses("2a00:0:0:1::1", 1)[0], [200])
        equal("who is unknown shares one with all such", statuses("x", 2)[0] + statuses("unknown",
            2)[0], [200, 200, 200, 429])
        equal("and not with ::1", statuses("::1", 1)[0], [200])
        equal("other routes are not limited", [ask(server.port)[0] for _ in range(5)], [200] * 5)
        ok("the bucket fills again", until(lambda: statuses("1.1.1.1", 1)[0] == [200]))
        for _ in range(600): # each thread has had a connection
            ask(server.port)
        before = server.memory_mib()
        for i in range(2000):
            ask(server.port, "/limited", headers=[f"X-Forwarded-For: 9.0.{i >> 8}.{i & 255}"])
        ok("2,000 clients cost no memory", server.memory_mib() - before < 5,
            server.memory_mib() - before)


def cross_origin():
    preflight = ["Origin: https://a.example", "Access-Control-Request-Method: POST",
                 "Access-Control-Request-Headers: authorization"]
    with Server() as server:
        given = ask(server.port, "/echo", "OPTIONS", preflight)[1]
        ok("off unless configured", not any(name.startswith("access-control") for name in given),
            given)
    with Server("--cors-origin", "https://a.example") as server:
        status, given, _ = ask(server.port, "/echo", "OPTIONS", preflight)
        equal("preflight", (status, given["access-control-allow-origin"],
            given["access-control-allow-methods"],
                            "authorization" in given["access-control-allow-headers"],
                            given["vary"]),
              (204, "https://a.example", "POST, OPTIONS", True, "Origin"))
        given = ask(server.port, headers=["Origin: https://a.example"])[1]
        equal("the request itself", given.get("access-control-allow-origin"), "https://a.example")
        ok("a page may read where tokens come from (RFC 9728)",
            "www-authenticate" in given.get("access-control-expose-headers", ""), given)
        for origin in ["https://b.example", "https://a.example.evil", "null", "HTTPS://A.EXAMPLE"]:
            given = ask(server.port, headers=[f"Origin: {origin}"])[1]
            equal(f"{origin} is not allowed", (given.get("access-control-allow-origin"),
                given["vary"]),
                  (None, "Origin"))
        given = ask(server.port, "/nothing", headers=["Origin: https://a.example"])[1]
        equal("errors can be read too", given.get("access-control-allow-origin"),
            "https://a.example")
        ok("never with credentials", "access-control-allow-credentials" not in given)
    with Server("--cors-origin", "*") as server:
        equal("anybody",
            ask(server.port,
            headers=["Origin: https://b.example"])[1]["access-control-allow-origin"], "*")


def access_log():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "access.log")
        with Server("--access-log", path, "--trusted-proxy", "127.0.0.1") as server:
            ask(server.port, "/items/my%20id/x?token=s3cret", headers=["X-Request-Id: id1",
                "X-Forwarded-For: 1.2.3.4",
                                                                        "Authorization: Bearer s3cret"])
            ask(server.port, "/nothing/" + "x" * 300 + "?token=s3cret")
            ask(server.port, "/fails")
            talk(server.port, b"GET /s3cret bad\r\n\r\n", 2)
            read = lambda: open(path).read().splitlines() if os.path.exists(path) else []
            ok("a line a request", until(lambda: len(read()) == 4), read())
            lines = [json.loads(line) for line in read()]
            first = lines[0]
            equal("what it says", {key: first.get(key) for key in ("id", "method", "route",
                "status", "bytes", "client")},
                  {"id": "id1", "method": "GET", "route": "/items/:id/:part", "status": 200,
                  "bytes": 7,
                   "client": "1.2.3.4"})
            ok("when and how long", re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z",
                first["time"])
               and 0 < first["ms"] < 1000, first)
            equal("statuses", [line["status"] for line in lines], [200, 404, 500, 400])
            equal("the SQLSTATE of what failed", lines[2].get("error"), "22012")
            equal("the path of what is not there", [line.get("path") for line in lines],
                [None, "/nothing/" + "x" * 247 + "...", None, None])
            ok("no secret", "s3cret" not in "".join(read()))
            os.rename(path, path + ".1")
            server.signal(1)
            ok("SIGHUP opens it anew", until(lambda: os.path.exists(path)))
            ask(server.port)
            ok("and goes on there", until(lambda: len(read()) == 1))
    with Server("--access-log", "-", "--max-requests", "1000000") as server:
        sock = connect(server.port)
        reader = Reader(sock)
        for _ in range(1000):  # more than a pipe holds, and nobody reads
            sock.sendall(request())
            reader.response()
        ok("a log that nobody reads stops no request", ask(server.port)[0] == 200)
        dropped = int(ask(server.port,
            "/metrics")[2].split("\npg_principal_http_log_lines_dropped_total ")[1].split("\n")[0])
        ok("what was dropped is counted", dropped > 0, dropped)


def usage():
    def says(*flags, env=None):
        done = subprocess.run([DEMO, "--listen", "127.0.0.1:0", *flags], capture_output=True,
            text=True, timeout=10,
                              env={**os.environ, **(env or {})})
        return done.returncode != 0, done.stderr

    with Server() as server:
        failed, text = says("--listen", f"127.0.0.1:{server.port}")
        ok("a second server on the port is refused", failed and "Address already in use" in text,
            text)
        ok("the first one still serves", ask(server.port)[0] == 200)
    for origin in ["https://a.example/", "https://a.example/x", "a.example", "null",
            "ftp://a.example", "https://", "HTTPS://a.example", "https://A.example",
                   "https://a.example:443", "http://a.example:80", "https://a.example:0",
                   "https://a.example:65536", "https://a.example:", "https://u@a.example",
                   "https://*.example", "*.example", "https://a.example?x", "https://a.example#x",
                   "https:// a", "", "https://é.example", "https://a..b"]:
        failed, text = says("--cors-origin", origin)
        ok(f"--cors-origin {origin!r}: refused", failed and "--cors-origin" in text, text)
    failed, text = says("--cors-origin", "*", "--cors-origin", "https://a.example")
    ok("* stands by itself", failed and "must be given alone" in text, text)
    with Server("--cors-origin",
            "http://localhost:3000,https://a-b.example:8443,http://127.0.0.1:80,https://[::1]:1,https://xn--9ca.example".replace(
            ":80,", ":8080,")):
        ok("these are origins", True)
    for flags, message in {("--listen", "nonsense"): "HOST:PORT",
            ("--listen", "127.0.0.1:99999"): "HOST:PORT",
                           ("--listen", "::1:80"): "HOST:PORT",
                           ("--tls-cert", "x"): "belong together",
                           ("--trusted-proxy", "10.0.0.1/8"): "10.0.0.1/8",
                           ("--trusted-proxy", "x"): "x is not",
                           ("--pool-size", "0"): "--pool-size",
                           ("--listen", "0.0.0.0:0"): "--allow-plain-http",
                           ("--listen", "[::]:0"): "--allow-plain-http",
                           ("--listen", "a:b"): "a:b is not",
                           ("--rate-limit", "nan"): "--rate-limit",
                           ("--statement-timeout", "-NaN"): "--statement-timeout",
                           ("--tls-cert", "/nonexistent/x", "--tls-key", "y"): "No such file",
                           ("--fetch-ca", "/nonexistent/x"): "authorities from /nonexistent/x",
                           ("--fetch-ca", "/etc/hostname"): "authorities from /etc/hostname",
                           ("--access-log", "/nonexistent/x"): "access log /nonexistent/x"}.items():
        failed, text = says(*flags)
        ok(f"{' '.join(flags)}: refused", failed and message in text, text)
    with Server("--listen", "0.0.0.0:0", "--allow-plain-http") as server:
        equal("unless told", ask(server.port)[0], 200)
    failed, text = says(env={"PG_PRINCIPAL_SERVE_POOL_SIZE": "none"})
    ok("a variable is checked like its flag", failed and "POOL_SIZE: Value none" in text, text)
    with Server(env={"PG_PRINCIPAL_SERVE_MAX_BODY": "10"}) as server:
        equal("a variable counts", ask(server.port, "/echo", "POST", body=b"x" * 11)[0], 413)
    with Server("--max-body", "20", env={"PG_PRINCIPAL_SERVE_MAX_BODY": "10"}) as server:
        equal("a flag counts more", ask(server.port, "/echo", "POST", body=b"x" * 11)[0], 200)


main(headers, client_addresses, rate_limits, cross_origin, access_log, usage)
