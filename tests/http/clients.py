"""Clients that are slow, idle, greedy or many: the others are served all the same, directly as far as a thread for each connection goes,
and behind nginx by the thousand."""

import contextlib
import resource
import select
import signal
import socket
import struct
import threading
import time

from proxy import Nginx
from wire import PATIENT, Reader, Server, ask, connect, equal, gauge, main, ok, request, served, talk, until


def keep_alive():
    with Server() as server:
        with connect(server.port) as sock:
            reader, times, statuses = Reader(sock), [], set()
            for _ in range(200):
                began = time.monotonic()
                sock.sendall(request())
                statuses.add(reader.response()[0])
                times.append(time.monotonic() - began)
            equal("200 requests on one connection", statuses, {200})
            # the quickest, for a busy machine makes some of them slow
            ok("without the 40 ms of Nagle and delayed ACK each", sorted(times)[20] < 0.035,
                sorted(times))
        with connect(server.port) as sock:
            sock.sendall(b"GET /hello HTTP/1.0\r\n\r\n")
            reader = Reader(sock)
            headers = reader.response()[1]
            equal("of HTTP/1.0 a connection has one request, and is told so",
                (headers.get("connection"), headers.get("keep-alive"), reader.at_end()),
                ("close", None, True))
        with connect(server.port) as sock:
            data, reader = request("/echo", "POST", body=b"hello"), Reader(sock)
            for i in range(len(data)):
                sock.sendall(data[i:i + 1])
            equal("byte by byte", reader.response()[2], "hello")
    with Server("--max-requests", "3") as server:
        with connect(server.port) as sock:
            reader, said = Reader(sock), []
            for _ in range(3):
                sock.sendall(request())
                said.append(reader.response()[1].get("connection"))
            equal("the last request of a connection says so", (said, reader.at_end()),
                ([None, None, "close"], True))
    with Server("--idle-timeout", "600") as server:
        responses, end = talk(server.port, request() * 3)
        equal("who does not wait for an answer is to ask again", ([r[0] for r in responses], end),
            ([200], "closed"))
        with connect(server.port) as sock:
            sock.sendall(request())
            sock.shutdown(socket.SHUT_WR)
            reader = Reader(sock)
            equal("who has nothing more to say gets the answer", reader.response()[0], 200)
            ok("and then the end", reader.at_end())
    with Server("--trusted-proxy", "127.0.0.1") as server:
        responses, end = talk(server.port, request() * 2)
        equal("behind a proxy a connection has one request",
            ([r[1].get("connection") for r in responses], end), (["close"], "closed"))


def expectations():
    with Server("--max-body", "1000") as server:
        with connect(server.port) as sock:
            sock.sendall(request("/echo", "POST", ["Expect: 100-continue", "Content-Length: 5"]))
            reader = Reader(sock)
            equal("100 Continue", reader.response(head_only=True)[0], 100)
            sock.sendall(b"hello")
            equal("then the answer", reader.response()[2], "hello")
        with connect(server.port) as sock:
            sock.sendall(request("/echo", "POST", ["Expect: 100-continue", "Content-Length: 1001"]))
            equal("no invitation for what is too large", Reader(sock).response()[0], 413)
        with connect(server.port) as sock:
            sock.sendall(b"POST /echo HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello")
            equal("HTTP/1.0 knows no invitation (RFC 9110, section 10.1.1)",
                Reader(sock).response()[::2], (200, "hello"))


def empty_lines():
    with Server() as server:
        for name, pieces in {"at once": [b"\r\n" + request()], "in pieces": [b"\r", b"\n",
                request()]}.items():
            with connect(server.port) as sock:
                reader = Reader(sock)
                for _ in range(2):
                    for piece in pieces:
                        sock.sendall(piece)
                        time.sleep(0.01)
                    equal(f"an empty line before a request is skipped (RFC 9112, section 2.2): {name}",
                        reader.response()[::2], (200, "hello\n"))
        for name, data in {"a return alone": b"\r" + request(), "nothing behind it": b"\r\n"}.items():
            responses, end = talk(server.port, data, 2)
            ok(f"no request: {name}", [r[0] for r in responses] in ([], [400]), (responses, end))


@contextlib.contextmanager
def dripping(server, count):
    """Connections that send a byte of their request now and then, until there is something to read."""
    socks, ends = [connect(server.port) for _ in range(count)], threading.Event()

    def drip():
        head = request("/echo", "POST", ["X: " + "x" * 500, "Content-Length: 1000"])
        for i in range(len(head)):
            answered = select.select(socks, [], [], 0)[0]
            for sock in socks:
                try:
                    if sock not in answered:
                        sock.sendall(head[i:i + 1])
                except OSError:
                    pass
            if ends.wait(0.2):
                return

    thread = threading.Thread(target=drip)
    thread.start()
    yield socks
    ends.set()
    thread.join()
    for sock in socks:
        sock.close()


def deaf(server, count):
    """Connections that ask for 8 MB and read nothing."""
    socks = []
    for _ in range(count):
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.settimeout(60)
        sock.connect(("127.0.0.1", server.port))
        sock.sendall(request("/big/8000000"))
        socks.append(sock)
    return socks


def refused_in_time(server, head, piece):
    """The connection ends though there is always something to read."""
    with connect(server.port) as sock:
        began = time.monotonic()
        with contextlib.suppress(ConnectionError):
            sock.sendall(head)
            while time.monotonic() - began < 4:
                sock.sendall(piece)
        return time.monotonic() - began < 4


def reset_clients():
    """Gone before they were looked at, when nobody can tell any more who they were."""
    with Server("--max-connections", "1", "--idle-timeout", "600") as server:
        with connect(server.port) as first:
            ok("one has the only thread", speaks(first))
            for _ in range(3):
                sock = connect(server.port)
                sock.sendall(request("/limited"))
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                sock.close()
        ok("a request of nobody is none", '"/limited"' not in ask(server.port, "/metrics")[2])


def busy_clients():
    """Connections that always have a next request, as pools of other servers hold them."""
    with Server("--max-connections", "1", "--idle-timeout", "600") as server:
        with connect(server.port) as busy, connect(server.port) as other:
            reader, answers = Reader(busy), []
            other.sendall(request())
            for _ in range(400):
                busy.sendall(request())
                answers.append(reader.response()[1].get("connection"))
                if answers[-1]:
                    break
                time.sleep(0.01)
            ok("a busy connection is told to end when others wait", answers[-1] == "close" and reader.at_end(),
                len(answers))
            ok("not at once", len(answers) > 10, len(answers))
            equal("and they are served", Reader(other).response()[0], 200)


def slow_clients():
    with Server("--request-timeout", "1", "--idle-timeout", "1", "--write-timeout", "1") as server:
        silent = [connect(server.port) for _ in range(50)]
        ok("clients that say nothing are closed", all(Reader(sock).at_end() for sock in silent))
        half = connect(server.port)
        half.sendall(b"GET /hello HTTP/1.1\r\nHost:")
        answer = Reader(half).response()
        ok("and who falls silent in a request", answer is None or answer[0] == 400, answer)
        with connect(server.port) as sock:
            began = time.monotonic()
            sock.sendall(request())
            reader = Reader(sock)
            reader.response()
            ok("an idle connection is closed", reader.at_end())
            ok("not before its time", 0.9 < time.monotonic() - began)
        socks = deaf(server, 20)
        ok("who does not read loses the connection",
            until(lambda: gauge(server, "http_connections") == 1))
        for sock in socks:
            sock.close()
    with Server("--request-timeout", "1") as server:
        with dripping(server, 20) as socks:
            ok("a byte now and then does not begin the time anew",
                until(lambda: gauge(server, "http_connections") == 1))
        head = request("/echo", "POST", ["Content-Length: 1000"])
        with connect(server.port) as sock:
            sock.sendall(head)
            sent = 0
            while sent < 500 and not select.select([sock], [], [], 0.2)[0]:
                sock.sendall(b"x")
                sent += 1
            ok("nor one of the body", sent < 500 and Reader(sock).response()[0] == 408, sent)
        before = server.memory_mib()
        lines = {"headers": b"GET /hello HTTP/1.1\r\nHost: x\r\n", "a header": b"GET / HTTP/1.1\r\nX:",
            "a request line": b"GET /", "a chunk's line": request("/echo", "POST",
                ["Transfer-Encoding: chunked"]) + b"5;"}
        for name, head in lines.items():
            ok(f"{name} without an end",
                refused_in_time(server, head, (b"a: b\r\n" if name == "headers" else b"a") * 9000))
        ok("took little memory", server.memory_mib() - before < 40, server.memory_mib() - before)
    with Server(*PATIENT, "--idle-timeout", "600", "--pool-size", "2") as server:
        with dripping(server, 100):
            ok("100 that drip leave room for others",
                until(lambda: gauge(server, "http_connections") == 101) and served(server))
        socks = deaf(server, 20)
        ok("and 20 that do not read", until(lambda: gauge(server, "http_connections") == 21)
            and served(server))
        # each answer, and the copy with its head that newer versions of cpp-httplib write
        ok("in bounded memory", server.memory_mib() < 20 * 2 * 8 + 80, server.memory_mib())
        for sock in socks:
            sock.close()


@contextlib.contextmanager
def many_files(wanted):
    """As many sockets as there may be, up to what is wanted."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(wanted, hard - 200)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, wanted + 200), hard))
    yield wanted
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def speaks(sock):
    sock.sendall(request())
    return (Reader(sock).response() or [0])[0] == 200


def many_behind_nginx():
    """More than the server has threads, of every kind, at once."""
    with many_files(10_000) as wanted, Server("--trusted-proxy", "127.0.0.1", "--pool-size",
            "2") as server, Nginx(server.port) as nginx:
        threads, before = server.threads(), server.memory_mib()
        idle = [connect(nginx.port, source="127.0.0.2") for _ in range(wanted // 2)]
        ok(f"{len(idle)} connections are served", all(speaks(sock) for sock in idle))
        drips = [connect(nginx.port, source="127.0.0.3") for _ in range(wanted // 4)]
        for byte in request()[:-1]:
            for sock in drips:
                sock.send(bytes([byte]))
        ok("idle and dripping by the thousand, they disturb nobody", served(nginx, times=50))
        ok("nor requests of the database", served(nginx, "/select", 50))
        ok("and cost the server nothing", server.threads() == threads
            and server.memory_mib() - before < 20, (server.threads(), server.memory_mib()))
        ok("and each may go on", all(speaks(sock) for sock in idle[::100]))
        for sock in [*idle, *drips]:
            sock.close()
        naps = [connect(nginx.port, source="127.0.0.4") for _ in range(400)]
        for sock in naps:
            sock.sendall(request("/nap/2000"))
        answers = [Reader(sock).response() or (0, {}, "") for sock in naps]
        told = [body for status, given, body in answers if status == 503
            and given.get("retry-after") == "1" and "at once" in body]
        ok("who asks for more at once than a client may is told", len(told) >= 100
            and 200 in [a[0] for a in answers],
           sorted(a[0] for a in answers))
        for sock in naps:
            sock.close()


def idle_connections():
    with Server("--idle-timeout", "2", "--pool-size", "2") as server:
        idle = [connect(server.port) for _ in range(600)]
        for sock in idle[:250]:
            sock.sendall(request())
        for sock in idle[:250]:
            Reader(sock).response()
        ok("600 idle connections, more than there are threads, starve nobody",
            served(server, times=20) and served(server, "/select", 20))
        for sock in idle:
            sock.close()
    for seconds, told in {"2": 2, "7": 7, "0.5": 0}.items():
        with Server("--idle-timeout", seconds) as server, connect(server.port) as sock:
            sock.sendall(request())
            kept = Reader(sock).response()[1]["keep-alive"]
            equal(f"a connection that is kept for {seconds} s says so", kept.split(",")[0],
                f"timeout={told}")
    with Server("--idle-timeout", "600") as server:
        idle = [connect(server.port) for _ in range(50)]
        ok("idle ones", all(speaks(sock) for sock in idle))
        before, began = server.woken(), time.monotonic()
        time.sleep(1)
        each = (server.woken() - before) / (time.monotonic() - began) / len(idle)
        ok("hardly wake their threads", each < 20, each)
        server.signal(signal.SIGTERM)
        ok("and end with the server, at once", all(Reader(sock).at_end() for sock in idle)
            and server.stop() == 0)
    with Server("--max-connections", "16", "--idle-timeout", "600") as server:
        idle = [connect(server.port) for _ in range(4)]
        ok("idle ones are left alone while there is a thread for who comes, again and again",
            all(speaks(sock) for sock in idle) and served(server, times=3000)
            and all(speaks(sock) for sock in idle))
        for sock in idle:
            sock.close()
    with Server("--max-connections", "4", "--idle-timeout", "600") as server:
        idle = [connect(server.port) for _ in range(4)]
        ok("a full house", all(speaks(sock) for sock in idle))
        ok("and nobody is sent away while nobody waits", all(speaks(sock) for sock in idle))
        ok("who comes then is served in place of one that says nothing", served(server, times=2))
        silent = [connect(server.port) for _ in range(12)]
        ok("nor do those disturb who never say anything", served(server, times=2))
        for sock in [*idle, *silent]:
            sock.close()


main(keep_alive, expectations, empty_lines, reset_clients, busy_clients, slow_clients, idle_connections, many_behind_nginx)
