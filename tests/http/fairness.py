"""Many connections at once: none is starved."""

import threading

from wire import PATIENT, Reader, Server, connect, main, ok, request


def fairness():
    with Server(*PATIENT, "--pool-size", "4") as server:
        for path in ["/hello", "/select"]:
            counts, ready = [0] * 64, threading.Barrier(64)

            def go(i):
                sock = connect(server.port)
                reader, data = Reader(sock), request(path)
                ready.wait(60)
                while min(counts) < 20 and max(
                        counts) < 2000:  # how even it is, the machine's other work decides
                    sock.sendall(data)
                    if reader.response()[0] != 200:
                        return
                    counts[i] += 1

            threads = [threading.Thread(target=go, args=(i,)) for i in range(64)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            ok(f"64 connections on {path}: each gets 20 answers before one gets 2000",
                min(counts) >= 20, sorted(counts))


main(fairness)
