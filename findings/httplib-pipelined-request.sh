#!/bin/bash
# cpp-httplib 0.11.4 (Debian 12): a request that arrives in one segment with the one before it is never answered.
#
# Clients may send requests without waiting for answers, and a server answers them in order (RFC 9112, 9.3.2). What the server read
# beyond the first request belongs to a buffer that ends with that request. It then waits for the next one on a connection that it
# promised to keep alive ("max=5"), and closes after its five idle seconds. Sent a moment apart, both are answered.
# Meets: clients that pipeline (load generators, HTTP libraries that can), and proxies that do not wait.
#
#   a moment apart: answer 1, answer 2
#   in one segment: answer 1, then closed after 5 s
# shellcheck source=findings/lib/httplib.sh
. "$(dirname "$0")/lib/httplib.sh"

serve_httplib <<'CPP'
    server.Get(R"(/(\d))", [](const Request& request, Response& response) {
        response.set_content("answer " + request.matches[1].str(), "text/plain");
    });
CPP

timeout 30 python3 - <<'PYTHON' | expect 'a moment apart: answer 1, answer 2
in one segment: answer 1, then closed after 5 s'
import os, re, socket, time

def ask(*pieces):
    with socket.create_connection(("127.0.0.1", int(os.environ["port"])), timeout=12) as connection:
        started, got = time.time(), b""
        for piece in pieces:
            connection.sendall(piece)
            time.sleep(0.3)
        while got.count(b"answer") < 2 and (more := connection.recv(65536)):
            got += more
        answers = ", ".join(re.findall(r"answer \d", got.decode()))
        return answers if got.count(b"answer") == 2 else f"{answers}, then closed after {time.time() - started:.0f} s"

first, second = (b"GET /%d HTTP/1.1\r\nHost: localhost\r\n\r\n" % n for n in (1, 2))
print("a moment apart:", ask(first, second))
print("in one segment:", ask(first + second))
PYTHON
