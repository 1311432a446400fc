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
            # who is starved gets next to none; a third is what chance leaves the slowest on a busy machine
            ok(f"64 connections on {path}: the slowest gets a tenth of the fastest", min(counts) * 10 >= max(counts) > 0,
               sorted(counts))


main(fairness)
