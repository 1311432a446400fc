"""Where a request ends: shapes that two servers could read in two ways are refused, and the
connection with them. Nothing smuggled behind them is ever served."""

from wire import Server, ask, equal, main, ok, request, talk

SMUGGLED = request("/items/smuggled/x")


def refused(server, name, status, data, smuggled=SMUGGLED):
    responses, end = talk(server.port, data + smuggled, 5)
    statuses = [response[0] for response in responses]
    bodies = "".join(response[2] for response in responses)
    equal(f"{name}: {status}, then the end", (statuses, end, "smuggled" in bodies),
          ([status], "closed", False))


def smuggling():
    with Server() as server:
        post = b"POST /echo HTTP/1.1\r\nHost: x\r\n"
        shapes = {
            "two Content-Lengths that differ": post + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
            "two equal Content-Lengths": post + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
            "a list of Content-Lengths": post + b"Content-Length: 5, 5\r\n\r\nhello",
            "Content-Length +5": post + b"Content-Length: +5\r\n\r\nhello",
            "Content-Length -1": post + b"Content-Length: -1\r\n\r\nhello",
            "Content-Length 0x5": post + b"Content-Length: 0x5\r\n\r\nhello",
            "empty Content-Length": post + b"Content-Length: \r\n\r\nhello",
            "Content-Length of 2^64 + 5": post + b"Content-Length: 18446744073709551621\r\n\r\nhello",
            "Content-Length beside chunked": post + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "chunked beside Content-Length": post + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
            "two Transfer-Encodings": post + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "chunked in HTTP/1.0": b"POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "blank before the colon": post + b"Content-Length : 5\r\n\r\nhello",
            "tab before the colon": post + b"Content-Length\t: 5\r\n\r\nhello",
            "folded header": post + b"X-A: b\r\n Content-Length: 5\r\n\r\nhello",
            "folded with a tab": post + b"X-A: b\r\n\tc\r\n\r\n",
            "header without a colon": post + b"nonsense\r\n\r\n",
            "header without a name": post + b": 5\r\n\r\n",
            "bare LF after a header": post + b"X-A: b\nContent-Length: 5\r\n\r\nhello",
            "bare LF everywhere": b"GET /hello HTTP/1.1\nHost: x\n\n",
            "bare CR in a header": post + b"X-A: b\rContent-Length: 5\r\n\r\nhello",
            "NUL in a header": post + b"X-A: b\0c\r\n\r\n",
            "NUL in a name": post + b"X-\0A: b\r\n\r\n",
            "control character in a header": post + b"X-A: b\x01c\r\n\r\n",
            "DEL in a header": post + b"X-A: b\x7fc\r\n\r\n",
            "byte over 127 in a name": post + b"X-\xc3\xa9: b\r\n\r\n",
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
        for name, data in shapes.items():
            refused(server, name, 400, data)
        chunks = {
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
        for name, data in chunks.items():
            refused(server, name, 400, post + b"Transfer-Encoding: chunked\r\n\r\n" + data)
        others = {
            "unknown method": (501, b"BREW /hello HTTP/1.1\r\nHost: x\r\n\r\n"),
            "method in small letters": (501, b"get /hello HTTP/1.1\r\nHost: x\r\n\r\n"),
            "CONNECT": (501, b"CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n"),
            "TRACE": (501, b"TRACE / HTTP/1.1\r\nHost: x\r\n\r\n"),
            "HTTP/2.0": (505, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
            "HTTP/1.2": (505, b"GET /hello HTTP/1.2\r\nHost: x\r\n\r\n"),
            "gzip": (501, post + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
            "identity": (501, post + b"Transfer-Encoding: identity\r\n\r\n"),
            "xchunked": (501, post + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
            "unknown expectation": (417, post + b"Expect: miracles\r\nContent-Length: 5\r\n\r\nhello"),
            "HTTP/1.0 POST without a length": (411, b"POST /echo HTTP/1.0\r\n\r\nhello"),
        }
        for name, (status, data) in others.items():
            refused(server, name, status, data)
        ok("the server still serves", ask(server.port)[0] == 200)


def well_formed():
    with Server() as server:
        def answers(name, data, wanted):
            responses, _ = talk(server.port, data + request(headers=["Connection: close"]), 5)
            equal(name, [(r[0], r[2]) for r in responses], [wanted, (200, "hello\n")])

        post = b"POST /echo HTTP/1.1\r\nHost: x\r\n"
        chunked = post + b"Transfer-Encoding: chunked\r\n\r\n"
        answers("a body", request("/echo", "POST", body=b"some"), (200, "some"))
        answers("no body, no length", request("/echo", "POST"), (200, ""))
        answers("chunks", chunked + b"5\r\nhello\r\n6; ext=\"1\"\r\n world\r\n0\r\nX-Trailer: 1\r\n\r\n",
                (200, "hello world"))
        answers("one byte a chunk", chunked + b"1\r\nx\r\n" * 2000 + b"0\r\n\r\n", (200, "x" * 2000))
        answers("a coding in capitals", post + b"TRANSFER-ENCODING: Chunked\r\n\r\nA\r\n0123456789\r\n0\r\n\r\n",
                (200, "0123456789"))
        answers("an empty line before", b"\r\n" + request(), (200, "hello\n"))
        answers("an absolute target of this host", b"GET http://x/hello HTTP/1.1\r\nHost: x\r\n\r\n",
                (200, "hello\n"))
        answers("tabs and blanks around a value", b"GET /hello HTTP/1.1\r\nHost:\t x \t\r\n\r\n", (200, "hello\n"))
        answers("a body where none is wanted", request(body=b"ignored"), (200, "hello\n"))
        answers("a parameter, decoded", request("/items/a%2Fb%20c/%C3%A9"), (200, "a/b c|\u00c3\u00a9"))
        answers("words before parameters", request("/items/special/x"), (200, "special x"))
        for name, path in {"no UTF-8": "/items/%ff/x", "NUL": "/items/%00/x", "overlong slash": "/items/%c0%af/x",
                           "line break": "/items/a%0d%0ab/x"}.items():
            status = ask(server.port, path)[0]
            equal(f"a parameter with {name}: 400", status, 400)
        for path in ["/hello/", "//hello", "/./hello", "/x/../hello", "/%68ello", "/items//x", "/HELLO", "/"]:
            equal(f"{path} is not there", ask(server.port, path)[0], 404)
        responses, _ = talk(server.port, b"GET /hello HTTP/1.0\r\n\r\n", 5)
        equal("HTTP/1.0: one answer, then the end", [(r[0], r[1]["connection"]) for r in responses], [(200, "close")])
        responses, _ = talk(server.port, b"GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" * 2
                            + b"GET /hello HTTP/1.0\r\n\r\n", 5)
        equal("HTTP/1.0 that keeps alive", [r[1]["connection"] for r in responses], ["keep-alive", "keep-alive", "close"])


def limits():
    flags = ["--max-request-line", "200", "--max-header", "1000", "--max-headers", "20", "--max-body", "1000"]
    with Server(*flags) as server:
        post = b"POST /echo HTTP/1.1\r\nHost: x\r\n"
        shapes = {
            "a long request line": (414, b"GET /" + b"a" * 300 + b" HTTP/1.1\r\nHost: x\r\n\r\n"),
            "an endless request line": (414, b"GET /" + b"a" * 100_000),
            "an endless method": (414, b"A" * 100_000),
            "one long header": (431, b"GET /hello HTTP/1.1\r\nHost: x\r\nX-A: " + b"a" * 1000 + b"\r\n\r\n"),
            "an endless header": (431, b"GET /hello HTTP/1.1\r\nHost: x\r\nX-A: " + b"a" * 100_000),
            "500 headers": (431, b"GET /hello HTTP/1.1\r\nHost: x\r\n" + b"a: b\r\n" * 500 + b"\r\n"),
            "endless headers": (431, b"GET /hello HTTP/1.1\r\nHost: x\r\n" + b"abcdefghi: jklmnopqrst\r\n" * 500),
            "a large body": (413, post + b"Content-Length: 1001\r\n\r\n" + b"a" * 1001),
            "a huge Content-Length": (413, post + b"Content-Length: 9999999999999999999\r\n\r\n"),
            "large chunks": (413, post + b"Transfer-Encoding: chunked\r\n\r\n" + b"3E9\r\n" + b"a" * 1001 + b"\r\n0\r\n\r\n"),
            "many chunks": (413, post + b"Transfer-Encoding: chunked\r\n\r\n" + b"64\r\n" + b"a" * 100 + b"\r\n" * 1
                            + (b"64\r\n" + b"a" * 100 + b"\r\n") * 50),
            "a chunk size beyond everything": (413, post + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffff\r\n"),
            "endless trailers": (431, post + b"Transfer-Encoding: chunked\r\n\r\n0\r\n" + b"a: b\r\n" * 1000),
        }
        for name, (status, data) in shapes.items():
            refused(server, name, status, data, b"")
        responses, _ = talk(server.port, request("/echo", "POST", ["Connection: close"], b"a" * 1000), 5)
        equal("the largest body", [(r[0], len(r[2])) for r in responses], [(200, 1000)])
        responses, _ = talk(server.port, post + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
                            + (b"64\r\n" + b"a" * 100 + b"\r\n") * 10 + b"0\r\n\r\n", 5)
        equal("the largest body in chunks", [(r[0], len(r[2])) for r in responses], [(200, 1000)])
        path = "/hello?" + "a" * (200 - len("GET /hello? HTTP/1.1"))
        equal("the longest request line", ask(server.port, path)[0], 200)
        equal("one byte more", ask(server.port, path + "a")[0], 414)
        ok("memory stays small", server.memory_mib() < 60, server.memory_mib())


main(smuggling, well_formed, limits)
