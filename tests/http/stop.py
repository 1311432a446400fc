"""SIGTERM and SIGINT: no new connections, what is underway finishes, within bounds."""

import signal
import socket
import threading
import time

from wire import Reader, Server, connect, equal, main, ok, request


def graceful():
    for number in (signal.SIGTERM, signal.SIGINT):
        with Server("--pool-size", "2") as server:
            idle = [connect(server.port) for _ in range(20)]
            for sock in idle:
                sock.sendall(request())
                Reader(sock).response()
            working = [connect(server.port) for _ in range(4)]  # two run, two wait for the database
            for sock in working:
                sock.sendall(request("/nap/600"))
            half = connect(server.port)
            half.sendall(request("/echo", "POST", ["Content-Length: 5"]) + b"he")
            time.sleep(0.2)
            began = time.monotonic()
            server.signal(number)
            time.sleep(0.3)
            try:
                connect(server.port, 1).close()
                accepted = True
            except OSError:
                accepted = False
            ok(f"{number.name}: no new connections", not accepted)
            ok("idle ones end", all(Reader(sock).at_end() for sock in idle))
            half.sendall(b"llo")
            equal("a request that was on its way", (Reader(half).response() or [0, {}, ""])[2], "hello")
            answers = [Reader(sock).response() for sock in working]
            equal("requests underway are answered, and their connections end",
                  [(a and a[0], a and a[1].get("connection")) for a in answers], [(200, "close")] * 4)
            equal("done", server.process.wait(5), 0)
            ok("soon", time.monotonic() - began < 4)


def bounded():
    with Server("--stop-timeout", "0.5", "--statement-timeout", "30") as server:
        sock = connect(server.port)
        sock.sendall(request("/nap/20000"))
        half = connect(server.port)
        half.sendall(b"GET /hel")
        time.sleep(0.2)
        began = time.monotonic()
        server.signal(signal.SIGTERM)
        equal("nobody holds it for longer than --stop-timeout", server.process.wait(10), 0)
        ok("a statement is cancelled", time.monotonic() - began < 3, time.monotonic() - began)
    with Server("--stop-timeout", "60", "--statement-timeout", "30") as server:
        sock = connect(server.port)
        sock.sendall(request("/nap/20000"))
        time.sleep(0.2)
        server.signal(signal.SIGTERM)
        time.sleep(0.2)
        server.signal(signal.SIGTERM)
        equal("the second signal waits for nothing", server.process.wait(5), 0)


def under_load():
    with Server() as server:
        answered, broken, stop = [0], [0], threading.Event()

        def go():
            while not stop.is_set():
                try:
                    sock = connect(server.port, 5)
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
        time.sleep(1)
        server.signal(signal.SIGTERM)
        equal("stopped under load", server.process.wait(10), 0)
        stop.set()
        for thread in threads:
            thread.join()
        ok("no answer was cut short", answered[0] > 100 and broken[0] == 0, (answered, broken))


main(graceful, bounded, under_load)
