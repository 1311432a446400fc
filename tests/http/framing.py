"""Where a request ends: shapes that two servers could read in two ways. Nothing that is smuggled behind them is served: asked
directly they are refused, or end the connection; and nginx and the server behind it never count differently."""

import concurrent.futures

from proxy import Nginx
from wire import Server, ask, equal, main, ok, request, talk, until

SMUGGLED = request("/items/smuggled/x")


POST = b"POST /echo HTTP/1.1\r\nHost: x\r\n"
SHAPES = {
    "two Content-Lengths that differ": POST
    + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    "two equal Content-Lengths": POST + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
    "a list of Content-Lengths": POST + b"Content-Length: 5, 5\r\n\r\nhello",
    "Content-Length +5": POST + b"Content-Length: +5\r\n\r\nhello",
    "Content-Length -1": POST + b"Content-Length: -1\r\n\r\nhello",
    "Content-Length 0x5": POST + b"Content-Length: 0x5\r\n\r\nhello",
    "empty Content-Length": POST + b"Content-Length: \r\n\r\nhello",
    "Content-Length of 2^64 + 5": POST + b"Content-Length: 18446744073709551621\r\n\r\nhello",
    "Content-Length beside chunked": POST
    + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked beside Content-Length": POST
    + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "two Transfer-Encodings": POST
    + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked in HTTP/1.0": b"POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "blank before the colon": POST + b"Content-Length : 5\r\n\r\nhello",
    "tab before the colon": POST + b"Content-Length\t: 5\r\n\r\nhello",
    "folded header": POST + b"X-A: b\r\n Content-Length: 5\r\n\r\nhello",
    "folded with a tab": POST + b"X-A: b\r\n\tc\r\n\r\n",
    "header without a colon": POST + b"nonsense\r\n\r\n",
    "header without a name": POST + b": 5\r\n\r\n",
    "bare LF after a header": POST + b"X-A: b\nContent-Length: 5\r\n\r\nhello",
    "bare LF everywhere": b"GET /hello HTTP/1.1\nHost: x\n\n",
    "bare CR in a header": POST + b"X-A: b\rContent-Length: 5\r\n\r\nhello",
    "NUL in a header": POST + b"X-A: b\0c\r\n\r\n",
    "NUL in a name": POST + b"X-\0A: b\r\n\r\n",
    "control character in a header": POST + b"X-A: b\x01c\r\n\r\n",
    "DEL in a header": POST + b"X-A: b\x7fc\r\n\r\n",
    "byte over 127 in a name": POST + b"X-\xc3\xa9: b\r\n\r\n",
    "no Host": b"GET /hello HTTP/1.1\r\n\r\n",
    "two Hosts": b"GET /hello HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n",
    "empty Host": b"GET /hello HTTP/1.1\r\nHost: \r\n\r\n",
    "Host with a path": b"GET /hello HTTP/1.1\r\nHost: x/y\r\n\r\n",
    "Host with a user": b"GET /hello HTTP/1.1\r\nHost: a@b\r\n\r\n",
    "two Authorizations": b"GET /hello HTTP/1.1\r\nHost: x\r\nAuthorization: a\r\nAuthorization: b\r\n\r\n",
    "HTTP/0.9": b"GET /hello\r\n",
    "two blanks": b"GET  /hello HTTP/1.1\r\nHost: x\r\n\r\n",
    "blank in the target": b"GET /hel lo HTTP/1.1\r\nHost: x\r\n\r\n",
    "blank after the version": b"GET /hello HTTP/1.1 \r\nHost: x\r\n\r\n",
    "tab for a blank": b"GET\t/hello\tHTTP/1.1\r\nHost: x\r\n\r\n",
    "blank before the method": b" GET /hello HTTP/1.1\r\nHost: x\r\n\r\n",
    "two empty lines before": b"\r\n\r\nGET /hello HTTP/1.1\r\nHost: x\r\n\r\n",
    "fragment": b"GET /hello#x HTTP/1.1\r\nHost: x\r\n\r\n",
    "backslash": b"GET /a\\b HTTP/1.1\r\nHost: x\r\n\r\n",
    "byte over 127 in the target": b"GET /\xc3\xa9 HTTP/1.1\r\nHost: x\r\n\r\n",
    "NUL in the target": b"GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n",
    "half an escape": b"GET /%4 HTTP/1.1\r\nHost: x\r\n\r\n",
    "relative target": b"GET hello HTTP/1.1\r\nHost: x\r\n\r\n",
    "authority for a target": b"GET x:80 HTTP/1.1\r\nHost: x\r\n\r\n",
    "absolute target of another host": b"GET http://y/hello HTTP/1.1\r\nHost: x\r\n\r\n",
    "asterisk for GET": b"GET * HTTP/1.1\r\nHost: x\r\n\r\n",
    "version 1.15": b"GET /hello HTTP/1.15\r\nHost: x\r\n\r\n",
    "version in small letters": b"GET /hello http/1.1\r\nHost: x\r\n\r\n",
    "TLS to a plain port": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
}
CHUNKS = {
    "chunk size with a sign": b"+5\r\nhello\r\n0\r\n\r\n",
    "chunk size with 0x": b"0x5\r\nhello\r\n0\r\n\r\n",
    "chunk size with a blank before": b" 5\r\nhello\r\n0\r\n\r\n",
    "chunk size with a blank after": b"5 \r\nhello\r\n0\r\n\r\n",
    "no chunk size": b"\r\nhello\r\n0\r\n\r\n",
    "letters for a chunk size": b"xyz\r\nhello\r\n0\r\n\r\n",
    "chunk size of 17 digits": b"00000000000000005\r\nhello\r\n0\r\n\r\n",
    "chunk size that overflows": b"10000000000000005\r\nhello\r\n0\r\n\r\n",
    "bare LF after the size": b"5\nhello\r\n0\r\n\r\n",
    "bare LF in an extension": b"5;a\nb\r\nhello\r\n0\r\n\r\n",
    "chunk that is too long": b"5\r\nhelloworld\r\n0\r\n\r\n",
    "chunk without an end": b"5\r\nhello5\r\nhello\r\n0\r\n\r\n",
    "bare LF after a chunk": b"5\r\nhello\n0\r\n\r\n",
    "endless extension": b"5;" + b"a" * 200 + b"\r\nhello\r\n0\r\n\r\n",
    "trailer without a colon": b"0\r\nnonsense\r\n\r\n",
    "folded trailer": b"0\r\nX-A: b\r\n c\r\n\r\n",
}
OTHERS = {
    "unknown method": b"BREW /hello HTTP/1.1\r\nHost: x\r\n\r\n",
    "method in small letters": b"get /hello HTTP/1.1\r\nHost: x\r\n\r\n",
    "CONNECT": b"CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n",
    "TRACE": b"TRACE / HTTP/1.1\r\nHost: x\r\n\r\n",
    "HTTP/2.0": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/1.2": b"GET /hello HTTP/1.2\r\nHost: x\r\n\r\n",
    "gzip": POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "identity": POST + b"Transfer-Encoding: identity\r\n\r\n",
    "xchunked": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "compressed": POST + b"Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello",
    "compressed twice": POST
    + b"Content-Encoding: identity\r\nContent-Encoding: br\r\nContent-Length: 5\r\n\r\nhello",
    "unknown expectation": POST + b"Expect: miracles\r\nContent-Length: 5\r\n\r\nhello",
    "HTTP/1.0 POST without a length": b"POST /echo HTTP/1.0\r\n\r\nhello",
}

# What cpp-httplib 0.11 understands in its own way: README names it. Newer versions refuse more of it.
LENIENT = {
    "empty Content-Length", "folded with a tab", "header without a colon", "bare LF after a header",
    "two blanks", "blank after the version", "blank before the method", "fragment",
    "absolute target of another host",
    "HTTP/1.0 POST without a length", "gzip", "identity", "xchunked", *(name for name in CHUNKS),
}


def everything():
    chunked = POST + b"Transfer-Encoding: chunked\r\n\r\n"
    return {**SHAPES, **OTHERS, **{name: chunked + data for name, data in CHUNKS.items()}}


def asked_directly():
    # newer versions wait for what a refused head announced, and close then
    with Server("--idle-timeout", "1", "--request-timeout",
            "2") as server, concurrent.futures.ThreadPoolExecutor(20) as pool:
        talks = {name: pool.submit(talk, server.port, data + SMUGGLED, 5)
            for name, data in everything().items()}
        for name, future in talks.items():
            responses, end = future.result()
            statuses, bodies = [r[0] for r in responses], "".join(r[2] for r in responses)
            good = statuses == [] or (len(statuses) == 1
                and (statuses[0] >= 400 or name in LENIENT))
            ok(f"{name}: refused, then the end", good and end == "closed"
                and "smuggled" not in bodies, (statuses, end, bodies))
        ok("the server still serves", ask(server.port)[0] == 200)
        got = {coding: ask(server.port, "/echo", "POST", [f"Content-Encoding: {coding}"], b"hello")
            for coding in ("identity", "", "gzip", "deflate, gzip")}
        ok("a body in a coding that nobody reads is told so",
            {coding: answer[0] for coding, answer in got.items()} == {"identity": 200, "": 200,
            "gzip": 415, "deflate, gzip": 415}
           and "unsupported_media_type" in got["gzip"][2], got)


def behind_nginx():
    """Whatever nginx makes of a shape: we count as many requests as it handed on, so that none is part of another one."""
    with Server("--trusted-proxy", "127.0.0.1") as server, Nginx(server.port) as nginx:
        def counted():
            text = ask(server.port, "/metrics")[2]
            return sum(int(float(line.rsplit(" ", 1)[1])) for line in text.split("\n")
                       if line.startswith("pg_principal_http_requests_total")
                       and "/metrics" not in line)

        before = counted()
        for name, data in everything().items():
            talk(nginx.port, data + request("/items/behind/x", headers=["Connection: close"]), 5)
            good = until(lambda: counted() - before == nginx.forwarded(), 5)
            ok(f"{name}: one count on both sides", good, (counted() - before, nginx.forwarded()))
        equal("and nginx still serves", ask(nginx.port)[0], 200)


def well_formed():
    with Server() as server:
        def answers(name, data, wanted):
            responses, _ = talk(server.port, data, 5)
            equal(name, [(r[0], r[2]) for r in responses], [wanted])

        close = ["Connection: close"]
        chunked = POST + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
        answers("a body", request("/echo", "POST", close, b"some"), (200, "some"))
        answers("no body, no length", request("/echo", "POST", close), (200, ""))
        answers("chunks", chunked + b"5\r\nhello\r\n6; ext=\"1\"\r\n world\r\n0\r\n\r\n",
            (200, "hello world"))
        answers("one byte a chunk", chunked + b"1\r\nx\r\n" * 2000 + b"0\r\n\r\n",
            (200, "x" * 2000))
        answers("a coding in capitals",
            POST + b"TRANSFER-ENCODING: Chunked\r\n\r\nA\r\n0123456789\r\n0\r\n\r\n",
            (200, "0123456789"))
        answers("an absolute target of this host", request("http://x/hello", headers=close),
            (200, "hello\n"))
        answers("tabs and blanks around a value",
            b"GET /hello HTTP/1.1\r\nHost:\t x \t\r\nConnection: close\r\n\r\n", (200, "hello\n"))
        answers("a parameter, decoded", request("/items/a%2Fb%20c/%C3%A9", headers=close),
            (200, "a/b c|\u00c3\u00a9"))
        answers("words before parameters", request("/items/special/x", headers=close),
            (200, "special x"))
        answers("a form is a body like any other",
            request("/echo", "POST", [*close, "Content-Type: multipart/form-data; boundary=a"],
            b"--a\r\n"),
                (200, "--a\r\n"))
        answers("an answer is not cut", request("/hello", headers=[*close, "Range: bytes=0-1"]),
            (200, "hello\n"))
        answers("nor compressed",
            request("/big/3000", headers=[*close, "Accept-Encoding: gzip, br"]), (200, "x" * 3000))
        for name, path in {"no UTF-8": "/items/%ff/x", "NUL": "/items/%00/x",
                "overlong slash": "/items/%c0%af/x",
                           "line break": "/items/a%0d%0ab/x"}.items():
            equal(f"a parameter with {name}: 400", ask(server.port, path)[0], 400)
        for name in ["X-Request-Id: a%0d%0aSet-Cookie: b=c", "X-A: a%00b",
                "Authorization: Bearer a%0ab"]:
            status, headers, _ = ask(server.port, headers=[name])
            ok(f"{name}: no header of the client's making", status in (200, 400)
                and "set-cookie" not in headers, (status, headers))
        for path in ["/hello/", "//hello", "/./hello", "/x/../hello", "/%68ello", "/items//x",
                "/HELLO", "/"]:
            equal(f"{path} is not there", ask(server.port, path)[0], 404)
        responses, end = talk(server.port, b"GET /hello HTTP/1.0\r\n\r\n", 5)
        equal("HTTP/1.0: one answer, then the end", ([r[0] for r in responses], end),
            ([200], "closed"))
        status, headers, body = ask(server.port, "/hello", "HEAD")
        equal("HEAD", (status, headers.get("content-length"), body), (200, "6", ""))


def limits():
    huge = {
        "an endless request line": b"GET /" + b"a" * 100_000,
        "an endless method": b"A" * 100_000,
        "one long header": b"GET /hello HTTP/1.1\r\nHost: x\r\nX-A: " + b"a" * 70_000 + b"\r\n\r\n",
        "an endless header": b"GET /hello HTTP/1.1\r\nHost: x\r\nX-A: " + b"a" * 100_000,
        "500 headers": b"GET /hello HTTP/1.1\r\nHost: x\r\n" + b"abcdefghi: jklmnopqrst\r\n" * 5000
        + b"\r\n",
        "a large body": POST + b"Content-Length: 65537\r\n\r\n" + b"a" * 65_537,
        "a huge Content-Length": POST + b"Content-Length: 9999999999999999999\r\n\r\n",
        "large chunks": POST + b"Transfer-Encoding: chunked\r\n\r\n" + b"10001\r\n" + b"a" * 65_537
        + b"\r\n0\r\n\r\n",
        "a chunk size beyond everything": POST
        + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffff\r\n",
        "endless trailers": POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n"
        + b"a: b\r\n" * 100_000,
    }
    with Server("--trusted-proxy", "127.0.0.1", "--request-timeout",
            "1") as server, Nginx(server.port, [("timeout 15s", "timeout 1s")]) as nginx:
        for way, port in [("directly", server.port), ("behind nginx", nginx.port)]:
            for name, data in huge.items():
                responses, end = talk(port, data, 3)
                ok(f"{way}, {name}: refused, and that is all", all(r[0] >= 400 for r in responses)
                    and len(responses) < 2
                   and (end == "closed" or port == nginx.port), (responses, end))
        ok("memory stays small", server.memory_mib() < 60, server.memory_mib())
    with Server("--max-body", "1000", "--max-headers", "20") as server:
        equal("the largest body", len(ask(server.port, "/echo", "POST", body=b"a" * 1000)[2]), 1000)
        equal("one byte more", ask(server.port, "/echo", "POST", body=b"a" * 1001)[0], 413)
        equal("413 reaches a client that goes on sending", ask(server.port, "/echo", "POST",
            body=b"a" * 3_000_000)[0], 413)
        equal("as many headers as may be", ask(server.port, headers=["X-A: b"] * 18)[0], 200)
        equal("one more", ask(server.port, headers=["X-A: b"] * 19)[0], 431)


main(asked_directly, behind_nginx, well_formed, limits)
