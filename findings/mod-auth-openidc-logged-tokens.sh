#!/bin/bash
# Apache's mod_auth_openidc 2.4.12.3 (Debian 12): access tokens of half a kilobyte stand whole in the error log, alive, four times for each request.
#
# As a resource server (AuthType oauth20) it asks the issuer for each token and remembers the answer in shared memory, under the token itself. A
# name of 512 bytes or more is too long for that, as almost every JWT is. Each request then asks the issuer anew, and writes four lines into the error
# log at its default level, of `error` and `warn`, with the whole token in each: whoever reads the log, or gets it from a collector, can use it until
# its end. The request itself is served, so that nobody looks; shorter tokens, as those of most examples, are remembered and never told. The error is
# known as one of the cache: https://github.com/OpenIDC/mod_auth_openidc/issues/388, and 494 there.
# Way out: `OIDCCacheEncrypt On` (with OIDCCryptoPassphrase), by which the name is a hash; or `OIDCOAuthTokenIntrospectionInterval -1`, which remembers none.
#
#   token of 400 bytes: 200 200, the issuer was asked 1 times, in the error log 0 times
#   token of 900 bytes: 200 200, the issuer was asked 2 times, in the error log 8 times
#   token of 900 bytes, OIDCCacheEncrypt On: 200 200, the issuer was asked 1 times, in the error log 0 times
#   token of 900 bytes, OIDCOAuthTokenIntrospectionInterval -1: 200 200, the issuer was asked 2 times, in the error log 0 times
# shellcheck source=findings/lib/find.sh
. "$(dirname "$0")/lib/find.sh"

need python3
debian libapache2-mod-auth-openidc=2.4.12.3-2+deb12u5 apache2-bin=2.4.71-1~deb12u1 libapr1=1.7.2-3+deb12u1 libaprutil1=1.6.3-1+deb12u1 \
    libcjose0=0.6.2.1-1+deb12u2 libhiredis0.14=0.14.1-3 libjansson4=2.14-2 libcurl4=7.88.1-10+deb12u15
read -r issuer plain hashed asking < <(python3 -c 'import socket
print(*(s.getsockname()[1] for s in [socket.create_server(("127.0.0.1", 0)) for _ in range(4)]))')
mkdir "$work/pages" "$work/run"
echo ok >"$work/pages/page"
chmod -R a+rX "$work" && chmod a+rwx "$work/run"

modules=$work/root/usr/lib/apache2/modules
host() { # NAME PORT [DIRECTIVE]
    printf '<VirtualHost 127.0.0.1:%s>\nErrorLog %s/run/%s.log\n%s\n</VirtualHost>\n' "$2" "$work" "$1" "${3-}"
}
cat >"$work/apache.conf" <<END
ServerRoot $work
ServerName localhost
Listen 127.0.0.1:$plain
Listen 127.0.0.1:$hashed
Listen 127.0.0.1:$asking
PidFile $work/run/apache.pid
DefaultRuntimeDir $work/run
ErrorLog $work/run/apache.log
LoadModule mpm_prefork_module $modules/mod_mpm_prefork.so
LoadModule authn_core_module $modules/mod_authn_core.so
LoadModule authz_core_module $modules/mod_authz_core.so
LoadModule authz_user_module $modules/mod_authz_user.so
LoadModule auth_openidc_module $modules/mod_auth_openidc.so
$([ "$(id -u)" != 0 ] || printf 'User nobody\nGroup nogroup')
DocumentRoot $work/pages
OIDCOAuthServerMetadataURL http://127.0.0.1:$issuer/metadata
OIDCOAuthClientID client
OIDCOAuthClientSecret secret
OIDCCryptoPassphrase passphrase
<Location />
    AuthType oauth20
    Require valid-user
</Location>
$(host plain "$plain")
$(host hashed "$hashed" 'OIDCCacheEncrypt On')
$(host asking "$asking" 'OIDCOAuthTokenIntrospectionInterval -1')
END
LD_LIBRARY_PATH=$(dirname "$work"/root/usr/lib/*/libapr-1.so.0) timeout 60 "$work/root/usr/sbin/apache2" -f "$work/apache.conf" -DFOREGROUND >&2 &
server_pid=$!

timeout 60 python3 - "$work" "$issuer" "$plain" "$hashed" "$asking" <<'PYTHON' | expect 'token of 400 bytes: 200 200, the issuer was asked 1 times, in the error log 0 times
token of 900 bytes: 200 200, the issuer was asked 2 times, in the error log 8 times
token of 900 bytes, OIDCCacheEncrypt On: 200 200, the issuer was asked 1 times, in the error log 0 times
token of 900 bytes, OIDCOAuthTokenIntrospectionInterval -1: 200 200, the issuer was asked 2 times, in the error log 0 times'
import http.client, http.server, json, socket, sys, threading, time

work, issuer, plain, hashed, asking = sys.argv[1:]
asked = 0


class Issuer(http.server.BaseHTTPRequestHandler):
    def answer(self, value):
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        url = f"http://127.0.0.1:{issuer}"
        self.answer({"issuer": url, "introspection_endpoint": url + "/introspect", "token_endpoint": url + "/token",
                     "introspection_endpoint_auth_methods_supported": ["client_secret_basic"]})

    def do_POST(self):
        global asked
        asked += 1
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer({"active": True, "sub": "ann", "exp": int(time.time()) + 600})

    def log_message(self, *_):
        pass


threading.Thread(target=http.server.ThreadingHTTPServer(("127.0.0.1", int(issuer)), Issuer).serve_forever, daemon=True).start()
for port in (plain, hashed, asking):
    for _ in range(100):
        with socket.socket() as attempt:
            if attempt.connect_ex(("127.0.0.1", int(port))) == 0:
                break
        time.sleep(0.1)
for name, port, size, what in (("plain", plain, 400, ""), ("plain", plain, 900, ""), ("hashed", hashed, 900, ", OIDCCacheEncrypt On"),
                               ("asking", asking, 900, ", OIDCOAuthTokenIntrospectionInterval -1")):
    token, asked, statuses = (f"{name}-token" * size)[:size], 0, []
    for _ in range(2):
        connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=20)
        connection.request("GET", "/page", headers={"Authorization": f"Bearer {token}"})
        statuses.append(str(connection.getresponse().status))
        connection.close()
    with open(f"{work}/run/{name}.log", encoding="utf-8", errors="replace") as log:
        told = log.read().count(token)
    print(f"token of {size} bytes{what}: {' '.join(statuses)}, the issuer was asked {asked} times, in the error log {told} times")
PYTHON
