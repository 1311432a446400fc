#!/bin/bash
# cpp-httplib 0.11.4 (Debian 12): each idle kept-alive connection wakes its thread some 180 times a second.
#
# Between two requests a connection keeps its thread, which does not wait for the next one: it polls the socket for 10 ms, sleeps for 1 ms, and
# begins again until set_keep_alive_timeout() has passed. The README says nothing of it and no setting changes it, as the library is
# compiled with both times. 500 idle connections are 90,000 wake-ups a second of a server that nobody asks anything, and of the requests
# that come after a pause one in eleven waits for the rest of the millisecond.
# Meets: health checks, browsers and clients' pools, which all keep connections open; whoever wonders what an idle server does.
#
#   without connections: about 0 wake-ups a second
#   4 idle connections: about 180 wake-ups a second each
# shellcheck source=findings/lib/httplib.sh
. "$(dirname "$0")/lib/httplib.sh"

serve_httplib <<'CPP'
    server.set_keep_alive_timeout(60);
    server.Get("/", [](const Request&, Response& response) { response.set_content("done", "text/plain"); });
CPP

timeout 30 python3 - "$server_pid" <<'PYTHON' | expect 'without connections: about 0 wake-ups a second
4 idle connections: about 180 wake-ups a second each'
import os, pathlib, socket, sys, time

def woken(): # how often a thread of the server (it runs below timeout) went to sleep so far
    children = pathlib.Path(f"/proc/{sys.argv[1]}/task/{sys.argv[1]}/children").read_text().split()
    return sum(int(line.split()[1]) for status in pathlib.Path(f"/proc/{children[0]}/task").glob("*/status")
               for line in status.read_text().splitlines() if line.startswith("voluntary_ctxt_switches"))

def wakes(seconds=2.0):
    before, since = woken(), time.monotonic()
    time.sleep(seconds)
    return (woken() - before) / (time.monotonic() - since)

# the thread that accepts connections has a wait of its own
alone = wakes()
print(f"without connections: about {0 if alone < 20 else round(alone)} wake-ups a second")
clients = []
for _ in range(4):
    client = socket.create_connection(("127.0.0.1", int(os.environ["port"])))
    client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    while not client.recv(65536).endswith(b"done"):
        pass
    clients.append(client)
each = (wakes() - alone) / len(clients)
print(f"{len(clients)} idle connections: about {180 if 90 < each < 185 else round(each)} wake-ups a second each")
print(f"{alone:.0f} alone, {each:.0f} each", file=sys.stderr)
PYTHON
