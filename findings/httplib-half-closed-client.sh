#!/bin/bash
# cpp-httplib 0.11.4 (Debian 12): a client that ends its own direction after the request gets no answer, although the handler ran.
#
# "I have nothing more to say" (shutdown(SHUT_WR), a FIN) is no "I have gone": TCP connections close by halves, and the answer can still be
# sent. Before it writes the server asks whether the socket lives, peeks at it, and takes the end of input for the end of the connection.
# Whether the FIN is there by then is a matter of time: here the handler takes 0.3 s, a quick one is answered now and then.
# Meets: `nc -N`, socat, scripts that send a file and shut down, and whoever counts what the handler wrote as delivered.
#
#   open: 200, 4 bytes of content
#   half closed: 0 bytes
#   handler ran: 2 times
# shellcheck source=findings/lib/httplib.sh
. "$(dirname "$0")/lib/httplib.sh"

serve_httplib <<'CPP'
    std::atomic<int> ran{0};
    server.Get("/slow", [&](const Request&, Response& response) {
        ++ran;
        std::this_thread::sleep_for(std::chrono::milliseconds(300));
        response.set_content("done", "text/plain");
    });
    server.Get("/ran", [&](const Request&, Response& response) { response.set_content(std::to_string(ran), "text/plain"); });
CPP

timeout 30 python3 - <<'PYTHON' | expect 'open: 200, 4 bytes of content
half closed: 0 bytes
handler ran: 2 times'
import os, socket

def ask(path, half_close=False):
    with socket.create_connection(("127.0.0.1", int(os.environ["port"])), timeout=12) as connection:
        connection.sendall(b"GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n" % path)
        if half_close:
            connection.shutdown(socket.SHUT_WR)
        got = b""
        while more := connection.recv(65536):
            got += more
        return got

head, _, body = ask(b"/slow").partition(b"\r\n\r\n")
print(f"open: {head.split()[1].decode()}, {len(body)} bytes of content")
print(f"half closed: {len(ask(b'/slow', half_close=True))} bytes")
print("handler ran:", ask(b"/ran").partition(b"\r\n\r\n")[2].decode(), "times")
PYTHON
