#!/bin/bash
# HAProxy 2.6.12 (Debian 12): a claim in whose JSON text a slash is escaped is empty, and an escaped name is another one or none.
#
# JSON may write \/ for / and \u00e9 for é, and means the same by it (RFC 8259, section 7). jwt_payload_query() and json_query() return nothing
# for a string that has \/ in it, or \u above 00ff; \u0080 to \u00ff become a single byte, which is no UTF-8. jwt_verify() is fine with the same
# token, so `deny unless { var(txn.iss) -m str https://id.example.com/ }` refuses every token of an issuer whose encoder escapes slashes: lua-cjson, and
# so OpenResty; PHP's json_encode() and Swift's JSONEncoder unless told otherwise; Amazon Cognito. Where Python's json wrote the token, which escapes
# what is not ASCII, an ACL on names or groups fails for José alone. The manual names the types that json_query() knows, and not this; the sources
# have a comment ("Too much, give up", src/mjson.c) and are the same on the main branch.
# Way out: jwt_payload_query() without a path returns the text as it was signed, and a regular expression can take either form.
#
#   plain: signature 1, iss [https://id.example.com/], name [b'Jos\xc3\xa9']
#   by lua-cjson: signature 1, iss [], name [b'Jos\xc3\xa9']
#   by Python's json: signature 1, iss [https://id.example.com/], name [b'Jos\xe9']
#   by Python's json, of Łukasz: signature 1, iss [https://id.example.com/], name [b'']
# shellcheck source=findings/lib/find.sh
. "$(dirname "$0")/lib/find.sh"

need python3
debian haproxy=2.6.12-1+deb12u3 libopentracing-c-wrapper0=1.1.3-3+b1 libopentracing1=1.6.0-4 liblua5.3-0=5.3.6-2 lua5.1=5.1.5-9 \
    liblua5.1-0=5.1.5-9 lua-cjson=2.1.0+dfsg-2.2
libraries=$(dirname "$work"/root/usr/lib/*/libopentracing.so.1)
cat >"$work/haproxy.cfg" <<'END'
defaults
    mode http
    timeout client 10s
    timeout server 10s
    timeout connect 10s
frontend all
    bind unix@"$SOCKET"
    http-request set-var(txn.token) http_auth_bearer
    http-request set-var(txn.signature) var(txn.token),jwt_verify("HS256","a secret that is 32 bytes long..")
    http-request set-var(txn.iss) var(txn.token),jwt_payload_query('$.iss')
    http-request set-var(txn.name) var(txn.token),jwt_payload_query('$.name')
    http-request return status 200 content-type text/plain lf-string "%[var(txn.signature)]|%[var(txn.iss)]|%[var(txn.name)]"
END
SOCKET=$work/socket LD_LIBRARY_PATH=$libraries timeout 60 "$work/root/usr/sbin/haproxy" -db -f "$work/haproxy.cfg" >"$work/log" 2>&1 &
server_pid=$!
for _ in {1..100}; do
    [ ! -S "$work/socket" ] || break
    kill -0 "$server_pid" 2>/dev/null || not_tried "haproxy does not start: $(tail -n 3 "$work/log")"
    sleep 0.1
done

by_lua=$(LUA_CPATH="$libraries/lua/5.1/?.so" LD_LIBRARY_PATH=$libraries "$work/root/usr/bin/lua5.1" \
    -e 'io.write(require("cjson").encode({iss = "https://id.example.com/", name = "José"}))') || not_tried "lua-cjson"
timeout 30 python3 - "$work/socket" "$by_lua" <<'PYTHON' | expect "plain: signature 1, iss [https://id.example.com/], name [b'Jos\xc3\xa9']
by lua-cjson: signature 1, iss [], name [b'Jos\xc3\xa9']
by Python's json: signature 1, iss [https://id.example.com/], name [b'Jos\xe9']
by Python's json, of Łukasz: signature 1, iss [https://id.example.com/], name [b'']"
import base64, hashlib, hmac, json, socket, sys

def encoded(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=")

def show(name, payload):
    signed = encoded(b'{"alg":"HS256"}') + b"." + encoded(payload.encode())
    token = signed + b"." + encoded(hmac.digest(b"a secret that is 32 bytes long..", signed, hashlib.sha256))
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(10)
        connection.connect(sys.argv[1])
        connection.sendall(b"GET / HTTP/1.1\r\nHost: all\r\nConnection: close\r\nAuthorization: Bearer " + token + b"\r\n\r\n")
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    signature, issuer, person = answer.partition(b"\r\n\r\n")[2].split(b"|")
    print(f"{name}: signature {signature.decode()}, iss [{issuer.decode()}], name [{person}]")

claims = {"iss": "https://id.example.com/", "name": "José"}
sys.stdout.reconfigure(encoding="utf-8")
show("plain", json.dumps(claims, ensure_ascii=False))
show("by lua-cjson", sys.argv[2])
show("by Python's json", json.dumps(claims))
show("by Python's json, of Łukasz", json.dumps(claims | {"name": "Łukasz"}))
PYTHON
