"""Clients that are slow, idle, greedy or many: the others are served all the same."""

import contextlib
import re
import resource
import socket
import threading
import time

from wire import Reader, Server, ask, connect, equal, main, ok, request, talk, until


def quick_enough(server, limit=0.5, path="/hello"):
    began = time.monotonic()
    answer = ask(server.port, path)
    return answer is not None and answer[0] == 200 and time.monotonic() - began < limit


def keep_alive():
    with Server() as server:
        with connect(server.port) as sock:
            reader, began = Reader(sock), time.monotonic()
            for _ in range(200):
                sock.sendall(request())
                if reader.response()[0] != 200:
                    break
            else:
                ok("200 requests on one connection", True)
            ok("without the 40 ms of Nagle and delayed ACK each", time.monotonic() - began < 2)
        responses, end = talk(server.port, request() * 100 + request(headers=["Connection: close"]))
        equal("100 pipelined requests", ([r[0] for r in responses], end), ([200] * 101, "closed"))
        mixed = b"".join(request("/echo", "POST", body=str(i).encode()) for i in range(50))
        responses, _ = talk(server.port, mixed + request(headers=["Connection: close"]))
        equal("pipelined bodies, in order", [r[2] for r in responses[:50]], [str(i) for i in range(50)])
        with connect(server.port) as sock:
            sock.sendall(request())
            sock.shutdown(socket.SHUT_WR)
            equal("a client that has said all gets its answer", Reader(sock).response()[0], 200)
        with connect(server.port) as sock:
            data, reader = request("/echo", "POST", body=b"hello"), Reader(sock)
            for i in range(len(data)):
                sock.sendall(data[i:i + 1])
            equal("byte by byte", reader.response()[2], "hello")
    with Server("--max-requests", "3") as server:
        responses, end = talk(server.port, request() * 10)
        equal("the last request of a connection says so", ([r[1].get("connection") for r in responses], end),
              ([None, None, "close"], "closed"))


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
            sock.sendall(request("/echo", "POST", ["Content-Length: 3000000"]))
            try:
                sock.sendall(b"x" * 3_000_000)
            except OSError:
                pass
            answer = Reader(sock).response()
            equal("413 reaches a client that goes on sending", answer and answer[0], 413)


def slow_clients():
    flags = ["--request-timeout", "2", "--idle-timeout", "2", "--write-timeout", "2", "--pool-size", "2"]
    with Server(*flags) as server:
        dripping = [connect(server.port, 10) for _ in range(100)]
        ends = threading.Event()

        def drip():
            head = request("/echo", "POST", ["Content-Length: 1000"])
            for i in range(len(head)):
                for sock in dripping:
                    try:
                        sock.sendall(head[i:i + 1])
                    except OSError:
                        pass
                if ends.wait(0.2):
                    return

        thread = threading.Thread(target=drip)
        thread.start()
        time.sleep(1)
        ok("100 dripping clients disturb nobody", all(quick_enough(server) for _ in range(20)))
        began = time.monotonic()
        answers = [Reader(sock).response() for sock in dripping]
        statuses = [answer and answer[0] for answer in answers]
        ends.set()
        thread.join()
        ok("each is told 408", statuses.count(408) >= 95, statuses)
        ok("in time", time.monotonic() - began < 4)
        for sock in dripping:
            sock.close()

        silent = [connect(server.port, 10) for _ in range(50)]
        ok("clients that say nothing are closed", all(Reader(sock).at_end() for sock in silent))
        with connect(server.port) as sock:
            sock.sendall(request())
            reader, began = Reader(sock), time.monotonic()
            reader.response()
            ok("an idle connection is closed", reader.at_end())
            ok("after its time", 1.5 < time.monotonic() - began < 4)

        deaf = []
        for _ in range(20):
            sock = socket.socket()
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.settimeout(10)
            sock.connect(("127.0.0.1", server.port))
            sock.sendall(request("/big/8000000"))
            deaf.append(sock)
        time.sleep(0.5)
        ok("20 clients that do not read disturb nobody", all(quick_enough(server) for _ in range(20)))
        ok("and wait in bounded memory", server.memory_mib() < 300, server.memory_mib())
        ok("no thread is theirs", server.threads() < 12, server.threads())
        open_connections = lambda: "pg_principal_http_connections 1\n" in ask(server.port, "/metrics")[2]
        ok("they lose their connections", until(open_connections, 8))
        for sock in deaf:
            sock.close()
    with Server("--max-buffered", "20000000") as server:
        deaf = []
        for _ in range(10):
            sock = socket.socket()
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.connect(("127.0.0.1", server.port))
            sock.sendall(request("/big/8000000"))
            deaf.append(sock)
        time.sleep(0.5)
        text = ask(server.port, "/metrics")[2]
        buffered = int(text.split("\npg_principal_http_buffered_bytes ")[1].split("\n")[0])
        ok("no more than --max-buffered waits", 0 < buffered <= 20_000_000, buffered)


@contextlib.contextmanager
def many_files(wanted):
    """As many sockets as there may be, up to what is wanted."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(wanted, hard - 200)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, wanted + 200), hard))
    yield wanted
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def greedy_client():
    """One that opens all the connections it can and drips into each, beside one that just asks."""
    with many_files(10_000) as wanted, Server("--pool-size", "2") as server:
        before, greedy, told = server.memory_mib(), [], 0
        for _ in range(wanted):
            sock = connect(server.port, source="127.0.0.2")
            sock.setblocking(False)
            greedy.append(sock)
        for byte in request()[:-1]:
            for sock in greedy:
                try:
                    sock.send(bytes([byte]))
                except OSError:
                    pass
        ok("another client gets in", all(quick_enough(server) for _ in range(20)))
        ok("and at the database", all(quick_enough(server, path="/select") for _ in range(20)))
        text = ask(server.port, "/metrics")[2]
        count = lambda name: int(re.search(rf"^pg_principal_http_connections{name} (\d+)$", text, re.MULTILINE).group(1))
        equal("the greedy one has its share", (count(""), count("_over_share_total")), (257, wanted - 256))
        ok("in bounded memory", server.memory_mib() - before < 20, server.memory_mib() - before)
        for sock in greedy:
            try:
                told += sock.recv(100).startswith(b"HTTP/1.1 429 ")
            except OSError:
                pass
        ok("the others are told", told > wanted / 2, told)
        for sock in greedy:
            sock.close()
        ok("its share is free again", until(lambda: ask(server.port, source="127.0.0.2")[0] == 200, 5))
    with Server("--max-connections-per-client", "2") as server:
        first = [connect(server.port) for _ in range(2)]
        for sock in first:
            sock.sendall(request())
            Reader(sock).response()
        equal("one more than the share", [r[0] for r in talk(server.port, request())[0]], [429])
        equal("another client", ask(server.port, source="127.0.0.2")[0], 200)
        first[0].close()
        ok("as soon as one is closed", until(lambda: (ask(server.port) or [0])[0] == 200, 5))
        first[1].close()
    for flags in [("--max-connections-per-client", "2", "--trusted-proxy", "127.0.0.0/8"), ("--max-connections-per-client", "0")]:
        with Server(*flags) as server:
            many = [connect(server.port) for _ in range(300)]
            for sock in many:
                sock.sendall(request())
            ok(f"{flags[-2:]}: no share", all(Reader(sock).response()[0] == 200 for sock in many))
            for sock in many:
                sock.close()


def idle_connections():
    with many_files(10_000) as wanted:
        idle_by_thousands(wanted)


def idle_by_thousands(wanted):
    with Server("--max-connections", str(wanted + 50), "--max-connections-per-client", "0", "--pool-size", "2") as server:
        idle = []
        for _ in range(wanted):
            sock = connect(server.port)
            sock.sendall(request())
            idle.append(sock)
        ok(f"{wanted} connections are served", all(Reader(sock).response()[0] == 200 for sock in idle))
        ok("idle, they disturb nobody", all(quick_enough(server, 0.2) for _ in range(50)))
        ok("nor requests of the database", all(quick_enough(server, 0.5, "/select") for _ in range(50)))
        ok("they cost little memory", server.memory_mib() < 80, server.memory_mib())
        ok("and no thread", server.threads() < 12, server.threads())
        for sock in idle[::100]:
            sock.sendall(request())
        ok("and each may go on", all(Reader(sock).response()[0] == 200 for sock in idle[::100]))
        for sock in idle:
            sock.close()
        ok("closed, they are forgotten",
           until(lambda: "pg_principal_http_connections 1\n" in ask(server.port, "/metrics")[2]))


def full_house():
    with Server("--max-connections", "20") as server:
        idle = [connect(server.port) for _ in range(20)]
        for sock in idle:
            sock.sendall(request())
        ok("as many as there may be", all(Reader(sock).response()[0] == 200 for sock in idle))
        time.sleep(1.2)
        ok("an idle one makes room", quick_enough(server))
        ended = sum(1 for sock in idle if not alive(sock))
        ok("one, not all", 1 <= ended <= 3, ended)
        for sock in idle:
            sock.close()
        busy = [connect(server.port) for _ in range(20)]
        for sock in busy:
            sock.sendall(b"GET /hello HTTP/1.1\r\n")
        time.sleep(1.2)
        responses, end = talk(server.port, request())
        ok("nobody is idle: 503 or the end", end == "closed" and [r[0] for r in responses] in ([503], []), responses)
        for sock in busy:
            sock.sendall(b"Host: x\r\n\r\n")
        ok("those that were there are served", all(Reader(sock).response()[0] == 200 for sock in busy))
        for sock in busy:
            sock.close()


def alive(sock):
    sock.setblocking(False)
    try:
        return sock.recv(1) != b""
    except BlockingIOError:
        return True
    except ConnectionError:
        return False


def fairness():
    with Server("--pool-size", "4") as server:
        for path in ["/hello", "/select"]:
            counts, ends = [0] * 64, time.monotonic() + 3

            def go(i):
                sock = connect(server.port)
                reader, data = Reader(sock), request(path)
                while time.monotonic() < ends:
                    sock.sendall(data)
                    if reader.response()[0] != 200:
                        return
                    counts[i] += 1

            threads = [threading.Thread(target=go, args=(i,)) for i in range(64)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            ok(f"64 connections on {path}: the slowest gets a quarter of the fastest", min(counts) * 4 >= max(counts) > 0,
               sorted(counts))
        greedy = connect(server.port)
        stop = threading.Event()

        def flood():
            greedy.settimeout(5)
            try:
                while not stop.is_set():
                    greedy.sendall(request() * 200)
            except OSError:
                pass

        def swallow():
            try:
                while greedy.recv(1 << 16):
                    pass
            except OSError:
                pass

        threads = [threading.Thread(target=f) for f in (flood, swallow)]
        for thread in threads:
            thread.start()
        time.sleep(0.2)
        ok("a client that pipelines without end disturbs nobody", all(quick_enough(server) for _ in range(20)))
        stop.set()
        greedy.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join()


main(keep_alive, expectations, slow_clients, greedy_client, idle_connections, full_house, fairness)
