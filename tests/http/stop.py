"""SIGTERM and SIGINT: no new connections, what is underway finishes, within bounds."""

import signal
import threading
import time

from wire import Reader, Server, asleep, connect, equal, gauge, held, main, ok, refuses, request, until

# so long that a stop which waits for one of them is told from one that does not
PATIENT = ["--stop-timeout", "600", "--statement-timeout", "600", "--checkout-timeout", "600",
    "--request-timeout", "600", "--idle-timeout", "1"]


def refuses_more(sock):
    try:
        return sock.recv(1) == b""
    except ConnectionError:
        return True


def graceful():
    for number in (signal.SIGTERM, signal.SIGINT):
        with Server("--pool-size", "2", *PATIENT) as server:
            idle = [connect(server.port) for _ in range(20)]
            for sock in idle:
                sock.sendall(request())
                Reader(sock).response()
            half = connect(server.port)
            half.sendall(request("/echo", "POST", ["Expect: 100-continue", "Content-Length: 5"]))
            equal("a request is on its way", Reader(half).response(head_only=True)[0], 100)
            half.sendall(b"he")
            with held(7):
                working = [connect(server.port) for _ in range(4)]
                for sock in working:
                    sock.sendall(request("/held/7"))
                ok("two run, two wait for the database",
                   until(lambda: gauge(server, "pool_waiting") == 2 and asleep("pg_advisory") == 2))
                server.signal(number)
                ok(f"{number.name}: no new connections", until(lambda: refuses(server.port)))
                ok("idle ones end", all(Reader(sock).at_end() for sock in idle))
                half.sendall(b"llo")
                equal("a request that was on its way", (Reader(half).response() or [0, {}, ""])[2],
                    "hello")
                equal("it goes on until all are answered", server.process.poll(), None)
            answers = [Reader(sock).response() for sock in working]
            equal("requests underway are answered", [a and a[0] for a in answers], [200] * 4)
            ok("and their connections end", all(refuses_more(sock) for sock in working))
            equal("done, long before --stop-timeout", server.process.wait(60), 0)


def bounded():
    with held(7):
        with Server(*PATIENT[2:], "--stop-timeout", "0.5") as server:
            sock, half = connect(server.port), connect(server.port)
            sock.sendall(request("/held/7"))
            half.sendall(b"GET /hel")
            ok("a statement runs", until(lambda: asleep("pg_advisory") == 1))
            server.signal(signal.SIGTERM)
            equal("nobody holds it for longer than --stop-timeout", server.process.wait(60), 0)
            ok("the statement is cancelled", until(lambda: asleep("pg_advisory") == 0))
        with Server(*PATIENT) as server:
            sock = connect(server.port)
            sock.sendall(request("/held/7"))
            ok("a statement runs", until(lambda: asleep("pg_advisory") == 1))
            server.signal(signal.SIGTERM)
            ok("the first signal waits for it", until(lambda: refuses(server.port))
                and server.process.poll() is None)
            server.signal(signal.SIGTERM)
            equal("the second signal waits for nothing", server.process.wait(60), 0)


def under_load():
    with Server(*PATIENT) as server:
        answered, broken, stop = [0], [0], threading.Event()

        def go():
            while not stop.is_set():
                try:
                    sock = connect(server.port)
                except OSError:
                    return
                reader = Reader(sock)
                while True:
                    try:
                        sock.sendall(request("/select"))
                    except OSError:
                        break
                    answer = reader.response()
                    if answer is None or answer[0] != 200:
                        # an idle connection may end; one that was promised an answer may not
                        broken[0] += answer is not None or reader.data != b""
                        break
                    answered[0] += 1
                    if answer[1].get("connection") == "close":
                        break

        threads = [threading.Thread(target=go) for _ in range(16)]
        for thread in threads:
            thread.start()
        ok("they are answered", until(lambda: answered[0] > 1000), answered)
        server.signal(signal.SIGTERM)
        equal("stopped under load", server.process.wait(60), 0)
        stop.set()
        for thread in threads:
            thread.join()
        ok("no answer was cut short", broken[0] == 0, (answered, broken))
    with Server("--stop-timeout", "600") as server, connect(server.port) as sock:
        reader, told = Reader(sock), []
        while len(told) < 400 and "close" not in told:
            sock.sendall(request())
            told.append(reader.response()[1].get("connection"))
            if len(told) == 1:
                server.signal(signal.SIGTERM)
            time.sleep(0.05)
        ok("who always has a next request is told that this was the last", told[-1] == "close" and reader.at_end())
        equal("and does not hold it up", server.process.wait(60), 0)


main(graceful, bounded, under_load)
