"""Clients that are slow, idle, greedy or many: the others are served all the same."""

import contextlib
import resource
import select
import socket
import threading
import time

from wire import Reader, Server, ask, connect, equal, gauge, main, ok, request, served, talk, until


# nobody loses a connection for want of speed, and who waits for one that is slow waits for longer than a test does
PATIENT = ["--request-timeout", "600", "--idle-timeout", "600", "--write-timeout", "600", "--checkout-timeout", "600"]


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
            ok("without the 40 ms of Nagle and delayed ACK each", sorted(times)[20] < 0.035, sorted(times))
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


@contextlib.contextmanager
def dripping(server, count):
    """Connections that send a byte of their request now and then, until there is something to read."""
    socks, ends = [connect(server.port) for _ in range(count)], threading.Event()

    def drip():
        head = request("/echo", "POST", ["Content-Length: 1000"])
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


def slow_clients():
    with Server(*PATIENT, "--pool-size", "2") as server:
        with dripping(server, 100):
            ok("100 clients drip", until(lambda: gauge(server, "http_connections") == 101))
            ok("and disturb nobody", served(server))
        socks = deaf(server, 20)
        ok("20 clients do not read", until(lambda: gauge(server, "http_buffered_bytes") > 20_000_000))
        ok("and disturb nobody", served(server))
        ok("and wait in bounded memory", server.memory_mib() < 300, server.memory_mib())
        ok("no thread is theirs", server.threads() < 12, server.threads())
        for sock in socks:
            sock.close()
    with Server("--request-timeout", "2", "--idle-timeout", "2", "--write-timeout", "2") as server:
        with dripping(server, 100) as socks:
            statuses = [(Reader(sock).response() or [None])[0] for sock in socks]
        ok("each that drips is told 408", statuses.count(408) >= 95, statuses)
        silent = [connect(server.port) for _ in range(50)]
        ok("clients that say nothing are closed", all(Reader(sock).at_end() for sock in silent))
        with connect(server.port) as sock:
            began = time.monotonic()
            sock.sendall(request())
            reader = Reader(sock)
            reader.response()
            ok("an idle connection is closed", reader.at_end())
            ok("not before its time", 1.5 < time.monotonic() - began)
        socks = deaf(server, 20)
        ok("who does not read loses the connection", until(lambda: gauge(server, "http_connections") == 1))
        for sock in socks:
            sock.close()
    with Server(*PATIENT, "--max-buffered", "20000000") as server:
        socks = deaf(server, 10)
        ok("what is not read waits", until(lambda: gauge(server, "http_buffered_bytes") > 0))
        highest = max(gauge(server, "http_buffered_bytes") for _ in range(50))
        ok("no more of it than --max-buffered", highest <= 20_000_000, highest)
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


def greedy_client():
    """One that opens all the connections it can and drips into each, beside one that just asks."""
    with many_files(10_000) as wanted, Server(*PATIENT, "--pool-size", "2") as server:
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
        ok("another client gets in", served(server))
        ok("and at the database", served(server, "/select"))
        count = lambda: (gauge(server, "http_connections"), gauge(server, "http_connections_over_share_total"))
        ok("the greedy one has its share", until(lambda: count() == (257, wanted - 256)), (count(), wanted))
        ok("in bounded memory", server.memory_mib() - before < 20, server.memory_mib() - before)
        for sock in greedy:
            try:
                told += sock.recv(100).startswith(b"HTTP/1.1 429 ")
            except OSError:
                pass
        ok("the others are told", told > wanted / 2, told)
        for sock in greedy:
            sock.close()
        ok("its share is free again", until(lambda: answered(server, "127.0.0.2")))
    with Server(*PATIENT, "--max-connections-per-client", "2") as server:
        first = [connect(server.port) for _ in range(2)]
        for sock in first:
            sock.sendall(request())
            Reader(sock).response()
        equal("one more than the share", [r[0] for r in talk(server.port, request())[0]], [429])
        equal("another client", ask(server.port, source="127.0.0.2")[0], 200)
        first[0].close()
        ok("as soon as one is closed", until(lambda: answered(server)))
        first[1].close()
    for flags in [("--max-connections-per-client", "2", "--trusted-proxy", "127.0.0.0/8"), ("--max-connections-per-client", "0")]:
        with Server(*PATIENT, *flags) as server:
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
    with Server(*PATIENT, "--max-connections", str(wanted + 50), "--max-connections-per-client", "0", "--pool-size", "2") as server:
        idle = []
        for _ in range(wanted):
            sock = connect(server.port)
            sock.sendall(request())
            idle.append(sock)
        ok(f"{wanted} connections are served", all(Reader(sock).response()[0] == 200 for sock in idle))
        ok("idle, they disturb nobody", served(server, times=50))
        ok("nor requests of the database", served(server, "/select", 50))
        ok("they cost little memory", server.memory_mib() < 80, server.memory_mib())
        ok("and no thread", server.threads() < 12, server.threads())
        for sock in idle[::100]:
            sock.sendall(request())
        ok("and each may go on", all(Reader(sock).response()[0] == 200 for sock in idle[::100]))
        for sock in idle:
            sock.close()
        ok("closed, they are forgotten", until(lambda: gauge(server, "http_connections") == 1))


def answered(server, source=""):
    """With 200, where a connection may also be turned away."""
    try:
        return (ask(server.port, source=source) or [0])[0] == 200
    except OSError:
        return False


def full_house():
    with Server(*PATIENT, "--max-connections", "20") as server:
        idle = [connect(server.port) for _ in range(20)]
        for sock in idle:
            sock.sendall(request())
        ok("as many as there may be", all(Reader(sock).response()[0] == 200 for sock in idle))
        ok("one that has been idle for a second makes room", until(lambda: answered(server)))
        ended = sum(1 for sock in idle if not alive(sock))
        ok("one, not all", 1 <= ended <= 3, ended)
        for sock in idle:
            sock.close()
        ok("they are gone", until(lambda: gauge(server, "http_connections") == 1))
        busy = [connect(server.port) for _ in range(19)]
        for sock in busy:
            sock.sendall(request("/echo", "POST", ["Expect: 100-continue", "Content-Length: 2"]))
        equal("19 requests underway", {Reader(sock).response(head_only=True)[0] for sock in busy}, {100})

        def one_more():  # once the connection that asked for the gauge is forgotten
            sock = connect(server.port)
            sock.sendall(request("/echo", "POST", ["Expect: 100-continue", "Content-Length: 2"]))
            served = Reader(sock).response(head_only=True)[0] == 100
            if served:
                busy.append(sock)
            else:
                sock.close()
            return served

        ok("and one more", until(one_more))
        time.sleep(1.2)  # were one of them idle, it would be so for long enough to lose its place
        responses, end = talk(server.port, request())
        ok("nobody is idle: 503 or the end", end == "closed" and [r[0] for r in responses] in ([503], []), responses)
        for sock in busy:
            sock.sendall(b"hi")
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
    with Server(*PATIENT, "--pool-size", "4") as server:
        for path in ["/hello", "/select"]:
            counts, ready = [0] * 64, threading.Barrier(64)

            def go(i):
                sock = connect(server.port)
                reader, data = Reader(sock), request(path)
                ready.wait(60)
                while max(counts) < 150:
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
        stop, sent = threading.Event(), [0]

        def flood():
            try:
                while not stop.is_set():
                    greedy.sendall(request() * 200)
                    sent[0] += 200
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
        ok("a client pipelines without end", until(lambda: sent[0] > 2000))
        ok("and disturbs nobody", served(server))
        stop.set()
        greedy.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join()


main(keep_alive, expectations, slow_clients, greedy_client, idle_connections, full_house, fairness)
