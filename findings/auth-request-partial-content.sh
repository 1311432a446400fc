#!/bin/bash
# nginx 1.22.1 and Caddy 2.6.2 (Debian 12) with cpp-httplib 0.11.4 or Apache 2.4.68 behind auth_request and forward_auth: a request that is
# permitted fails, because the answer that permits it has too few bytes or has not changed.
#
# Both proxies ask another server whether a request may pass, with the headers of that request, among them those about its content: Range,
# If-Modified-Since. A server that knows them applies them to its own few bytes (RFC 9110, sections 13 and 14): cpp-httplib to what any handler
# answers, Apache to files. So who jumps ahead in a film is answered 416, because "ok" has no byte 1000, and who reloads a page 304, because the
# "ok" is older than the page. nginx makes 500 of either ("auth request unexpected status"). Caddy takes it for the answer and hands it on: 416 for
# bytes that are there, 304 for a page that has changed, so that the old one stays on the screen. Without a range and with an empty cache all is
# well. The example in nginx's manual withholds the body and passes these headers, and so does Caddy's. One who met it looked for the fault in
# cpp-httplib: https://github.com/yhirose/cpp-httplib/issues/1946
# Way out, where auth_request leads to: proxy_set_header Range ""; and the same for If-Range, If-Modified-Since, If-None-Match; in forward_auth
# header_up -Range and so on.
#
#   asking for:                             the page  from byte 1000  what changed in an hour
#   nginx asks nobody                            200             206                      200
#   nginx asks cpp-httplib                       200             500                      200
#   nginx asks Apache                            200             500                      500
#   Caddy asks cpp-httplib                       200             416                      200
#   Caddy asks Apache                            200             416                      304
#   nginx asks Apache, without the headers       200             206                      200
#   Caddy asks Apache, without the headers       200             206                      200
# shellcheck source=findings/lib/httplib.sh
. "$(dirname "$0")/lib/httplib.sh"

debian nginx=1.22.1-9+deb12u9 caddy=2.6.2-5 apache2-bin=2.4.68-1~deb12u1 libapr1=1.7.2-3+deb12u1 libaprutil1=1.6.3-1
serve_httplib <<'CPP'
    server.Get("/allowed", [&](const Request&, Response& response) { response.set_content("ok", "text/plain"); });
CPP
read -r apache nginx caddy < <(python3 -c 'import socket
print(*(s.getsockname()[1] for s in [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]))')
mkdir "$work/pages" "$work/answers" "$work/run"
head -c 5000 /dev/zero >"$work/pages/page"
echo ok >"$work/answers/allowed"
touch -d 2020-01-01 "$work/answers/allowed"
chmod -R a+rX "$work" && chmod a+rwx "$work/run"

modules=$work/root/usr/lib/apache2/modules
cat >"$work/apache.conf" <<END
ServerRoot $work
ServerName localhost
Listen 127.0.0.1:$apache
PidFile $work/run/apache.pid
DefaultRuntimeDir $work/run
ErrorLog $work/run/apache.log
LoadModule mpm_event_module $modules/mod_mpm_event.so
LoadModule authz_core_module $modules/mod_authz_core.so
$([ "$(id -u)" != 0 ] || printf 'User nobody\nGroup nogroup')
DocumentRoot $work/answers
END
location() { # NAME PORT [HEADERS]: of nginx
    echo "location /$1/ { auth_request /ask-$1; alias $work/pages/; }
        location = /ask-$1 { internal; proxy_pass http://127.0.0.1:$2/allowed; proxy_pass_request_body off; proxy_set_header Content-Length ''; ${3-} }"
}
cat >"$work/nginx.conf" <<END
daemon off;
master_process off;
pid $work/run/nginx.pid;
error_log $work/run/nginx.log;
events {}
http {
    access_log off;
    client_body_temp_path $work/run/1; proxy_temp_path $work/run/2; fastcgi_temp_path $work/run/3; uwsgi_temp_path $work/run/4; scgi_temp_path $work/run/5;
    server {
        listen 127.0.0.1:$nginx;
        location /nobody/ { alias $work/pages/; }
        $(location httplib "$port")
        $(location apache "$apache")
        $(location withheld "$apache" 'proxy_set_header Range ""; proxy_set_header If-Modified-Since "";')
    }
}
END
ask() { # NAME PORT [HEADERS]: of Caddy
    printf 'handle_path /%s/* {\n forward_auth 127.0.0.1:%s {\n  uri /allowed\n%b }\n root * %s/pages\n file_server\n}\n' "$1" "$2" "${3-}" "$work"
}
cat >"$work/Caddyfile" <<END
{
    admin off
    auto_https off
}
http://127.0.0.1:$caddy {
$(ask httplib "$port")
$(ask apache "$apache")
$(ask withheld "$apache" '  header_up -Range\n  header_up -If-Modified-Since\n')
}
END
LD_LIBRARY_PATH=$(dirname "$work"/root/usr/lib/*/libapr-1.so.0) timeout 60 "$work/root/usr/sbin/apache2" -f "$work/apache.conf" -DFOREGROUND >&2 &
server_pid="$server_pid $!"
timeout 60 "$work/root/usr/sbin/nginx" -p "$work" -c "$work/nginx.conf" -e "$work/run/nginx.log" >&2 &
server_pid="$server_pid $!"
HOME=$work timeout 60 "$work/root/usr/bin/caddy" run --config "$work/Caddyfile" --adapter caddyfile >"$work/caddy.log" 2>&1 &
server_pid="$server_pid $!"

timeout 60 python3 - "$nginx" "$caddy" "$apache" <<'PYTHON' | expect 'asking for:                             the page  from byte 1000  what changed in an hour
nginx asks nobody                            200             206                      200
nginx asks cpp-httplib                       200             500                      200
nginx asks Apache                            200             500                      500
Caddy asks cpp-httplib                       200             416                      200
Caddy asks Apache                            200             416                      304
nginx asks Apache, without the headers       200             206                      200
Caddy asks Apache, without the headers       200             206                      200'
import email.utils, http.client, socket, sys, time

nginx, caddy, apache = sys.argv[1:]
for port in (nginx, caddy, apache):
    for _ in range(100):
        with socket.socket() as attempt:
            if attempt.connect_ex(("127.0.0.1", int(port))) == 0:
                break
        time.sleep(0.1)

def status(port, path, headers):
    connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=10)
    connection.request("GET", path, headers=headers)
    return connection.getresponse().status

kinds = {"the page": {}, "from byte 1000": {"Range": "bytes=1000-"},
         "what changed in an hour": {"If-Modified-Since": email.utils.formatdate(time.time() - 3600, usegmt=True)}}

def row(name, cells):
    print(f"{name:38}" + "".join(f"  {cell:>{len(kind)}}" for kind, cell in zip(kinds, cells)))

row("asking for:", kinds)
for name, port, folder in (("nginx asks nobody", nginx, "nobody"), ("nginx asks cpp-httplib", nginx, "httplib"), ("nginx asks Apache", nginx, "apache"),
                           ("Caddy asks cpp-httplib", caddy, "httplib"), ("Caddy asks Apache", caddy, "apache"),
                           ("nginx asks Apache, without the headers", nginx, "withheld"), ("Caddy asks Apache, without the headers", caddy, "withheld")):
    row(name, [status(port, f"/{folder}/page", headers) for headers in kinds.values()])
PYTHON
