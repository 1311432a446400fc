#!/bin/bash
# nginx 1.22.1 (Debian 12): with auth_request, a server whose answer has a body is connected to anew for every request, whatever `keepalive` says.
#
# Of the answer to auth_request nginx needs the status and the headers. It does not read the body, and a connection with something unread in it is
# closed: `keepalive` in the upstream, proxy_http_version 1.1 and an empty Connection help only where the answer has none (204, Content-Length: 0).
# Where each picture of a page is asked for, each one costs a connection, over TLS a handshake, and a port in TIME_WAIT; the server that answers
# 200 with JSON about the user is the slow one. The manual does not say so, neither of auth_request nor of keepalive; the proxy module's source
# has it in a comment. kubernetes/ingress-nginx#8219 met it and took it that "Nginx ignores `keepalive`" here, and went around it with Lua.
# Way out: answer 204, with what nginx needs in headers.
#
#   200 with 11 bytes: 20 requests, 20 connections
#   200 with 11 bytes, proxied without auth_request: 20 requests, 1 connection
#   200 with Content-Length: 0: 20 requests, 1 connection
#   204: 20 requests, 1 connection
# shellcheck source=findings/lib/find.sh
. "$(dirname "$0")/lib/find.sh"

need python3
debian nginx=1.22.1-9+deb12u9
mkdir "$work/run" "$work/pages"
echo page >"$work/pages/page"
chmod -R a+rX "$work" && chmod a+rwx "$work/run"
{
    echo "daemon off; master_process off; pid $work/run/pid; error_log $work/run/log; events {}"
    echo "http { access_log off;"
    for folder in client_body proxy fastcgi uwsgi scgi; do echo "${folder}_temp_path $work/run/$folder;"; done
    echo "proxy_http_version 1.1; proxy_set_header Connection ''; proxy_pass_request_body off; proxy_set_header Content-Length '';"
    for name in json empty none; do echo "upstream $name { server unix:$work/run/$name; keepalive 4; }"; done
    echo "server { listen unix:$work/run/nginx; location /proxied/ { proxy_pass http://json/; }"
    for name in json empty none; do
        echo "location /$name/ { auth_request /ask/$name; alias $work/pages/; }"
        echo "location = /ask/$name { internal; proxy_pass http://$name/; }"
    done
    echo "} }"
} >"$work/nginx.conf"

cat >"$work/count.py" <<'PYTHON'
import http.client, http.server, os, socket, socketserver, subprocess, sys, threading, time

folder, *command = sys.argv[1:]

class Permits(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1 # an answer is one write

    def setup(self):
        super().setup()
        self.server.connections += 1

    def do_GET(self):
        self.server.requests += 1
        status, body = self.server.answer
        self.send_response(status)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    requests = connections = 0

servers = {}
for name, answer in {"json": (200, b'{"id": "1"}'), "empty": (200, b""), "none": (204, b"")}.items():
    servers[name] = Server(f"{folder}/{name}", Permits)
    servers[name].answer = answer
    os.chmod(f"{folder}/{name}", 0o666)
    threading.Thread(target=servers[name].serve_forever, daemon=True).start()

def ask(path):
    connection = http.client.HTTPConnection("nginx")
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.settimeout(10)
    connection.sock.connect(f"{folder}/nginx")
    connection.request("GET", path)
    return connection.getresponse().status

nginx = subprocess.Popen(command)
try:
    while not os.path.exists(f"{folder}/nginx"):
        if nginx.poll() is not None:
            sys.exit(2)
        time.sleep(0.05)
    for told, path, name in (("200 with 11 bytes", "/json/page", "json"), ("200 with 11 bytes, proxied without auth_request", "/proxied/", "json"),
                             ("200 with Content-Length: 0", "/empty/page", "empty"), ("204", "/none/page", "none")):
        server = servers[name]
        server.requests = server.connections = 0
        if {ask(path) for _ in range(20)} != {200}:
            sys.exit(2)
        print(f"{told}: {server.requests} requests, {server.connections} connection{'s' * (server.connections > 1)}")
finally:
    nginx.terminate()
    nginx.wait(10)
PYTHON
timeout 60 python3 "$work/count.py" "$work/run" "$work/root/usr/sbin/nginx" -p "$work" -c "$work/nginx.conf" -e "$work/run/log" >"$work/told" ||
    not_tried "nginx does not start: $(tail -n 3 "$work/run/log")"
expect '200 with 11 bytes: 20 requests, 20 connections
200 with 11 bytes, proxied without auth_request: 20 requests, 1 connection
200 with Content-Length: 0: 20 requests, 1 connection
204: 20 requests, 1 connection' <"$work/told"
