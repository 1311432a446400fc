#!/bin/bash
# Prometheus 2.42.0 (Debian 12): with `oauth2` it goes on scraping with a token that the target refuses, until expires_in is over, or for ever.
#
# `oauth2` of a scrape configuration gets a token by client credentials and keeps it, as its library does (golang.org/x/oauth2, clientcredentials and
# ReuseTokenSource). "Still good" is a matter of the clock alone: 401 with error="invalid_token" (RFC 6750, section 3.1) changes nothing, and where
# the answer has no expires_in, which RFC 6749, section 5.1 recommends and does not require, a token is good for ever. So a revoked token, a
# signing key that was changed, an issuer that was restored leave the target down for the rest of the token's life, and without expires_in until
# somebody restarts Prometheus: a reload of the same configuration keeps the token.
# And where the issuer refuses the client, each scrape is two refusals there: the library sends the secret by Basic, then in the form, whatever the
# error was, 503 too, until one of them has succeeded once. The manual has the fields of `oauth2` and none of this; golang/oauth2#367 asked for a way
# to drop a token that is refused, and was closed; VictoriaMetrics/operator#1318 has it of vmagent.
# Way out: short tokens, always with expires_in; a restart after tokens were revoked.
#
#   secret refused by 401: 2 requests for a token with each scrape: Basic, form
#   issuer answers 503: 2 requests for a token with each scrape: Basic, form
#   token revoked, expires_in 900: refused scrapes go on, no request for another token; after SIGHUP: the same; started again: scraped
#   token revoked, no expires_in: refused scrapes go on, no request for another token; after SIGHUP: the same; started again: scraped
#   token at its end, expires_in 15: refused scrapes end, another token; scraped
# shellcheck source=findings/lib/find.sh
. "$(dirname "$0")/lib/find.sh"

need python3
debian prometheus=2.42.0+ds-5+deb12u1

cat >"$work/scrape.py" <<'PYTHON'
import http.server, json, signal, socket, subprocess, sys, threading, time

prometheus, folder = sys.argv[1:]
lock = threading.Lock()

class Issuer(http.server.BaseHTTPRequestHandler):
    """The issuer's token endpoint, and the target that takes its tokens."""
    def log_message(self, *_):
        pass

    def answer(self, status, body, **headers):
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        form = self.rfile.read(int(self.headers["Content-Length"])).decode()
        with lock:
            state["asked"].append("Basic" if self.headers.get("Authorization") else "form" if "client_secret=" in form else "nothing")
            if state["status"] != 200:
                return self.answer(state["status"], b"{}")
            state["tokens"] += 1
            token = {"access_token": f"token{state['tokens']}", "token_type": "Bearer", **state["life"]}
        self.answer(200, json.dumps(token).encode(), Content_Type="application/json", Cache_Control="no-store")

    def do_GET(self):
        with lock:
            good = self.headers["Authorization"] == f"Bearer token{state['tokens']}" and state["tokens"] > state["revoked"]
            state["scrapes"].append(good)
        if good:
            self.answer(200, b"up 1\n", Content_Type="text/plain; version=0.0.4")
        else:
            self.answer(401, b"", WWW_Authenticate='Bearer error="invalid_token"')

def wait(what, seconds=40):
    deadline = time.monotonic() + seconds
    while not what():
        if time.monotonic() > deadline:
            sys.exit(f"waited in vain: {state}")
        time.sleep(0.05)

def start():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    return subprocess.Popen([prometheus, f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
                             f"--web.listen-address=127.0.0.1:{port}"], stderr=open(f"{folder}/log", "a"))

def end(process):
    process.terminate()
    process.wait(30)

def fresh(status=200, life=None):
    global state
    state = {"status": status, "life": life or {}, "tokens": 0, "revoked": 0, "asked": [], "scrapes": []}

def refused_scrapes(count=5):
    """Of the next scrapes: what became of them, and of the requests for tokens."""
    with lock:
        state["scrapes"].clear(), state["asked"].clear()
    wait(lambda: len(state["scrapes"]) >= count)
    return (f"refused scrapes {'end' if any(state['scrapes']) else 'go on'}, " +
            ("another token" if state["asked"] else "no request for another token"))

fresh()
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Issuer)
threading.Thread(target=server.serve_forever, daemon=True).start()
address = f"127.0.0.1:{server.server_port}"
with open(f"{folder}/prometheus.yml", "w") as file:
    file.write(f"""
global: {{ scrape_interval: 1s, scrape_timeout: 1s }}
scrape_configs:
  - job_name: target
    static_configs: [{{ targets: ["{address}"] }}]
    oauth2: {{ client_id: prometheus, client_secret: secret, token_url: "http://{address}/token" }}
""")

for status, name in ((401, "secret refused by 401"), (503, "issuer answers 503")):
    fresh(status)
    process = start()
    wait(lambda: len(state["asked"]) >= 6)
    end(process)
    pairs = {tuple(state["asked"][i:i + 2]) for i in (0, 2, 4)}
    print(f"{name}: " + "; ".join(f"{len(pair)} requests for a token with each scrape: {', '.join(pair)}" for pair in sorted(pairs)))

for life, name in (({"expires_in": 900}, "expires_in 900"), ({}, "no expires_in")):
    fresh(life=life)
    process = start()
    wait(lambda: any(state["scrapes"]))
    state["revoked"] = state["tokens"]
    told = refused_scrapes()
    process.send_signal(signal.SIGHUP)
    wait(lambda: open(f"{folder}/log").read().count("Completed loading of configuration file") >= 2)
    again = refused_scrapes()
    end(process)
    process = start()
    state["scrapes"].clear()
    wait(lambda: any(state["scrapes"]))
    end(process)
    open(f"{folder}/log", "w").close()
    print(f"token revoked, {name}: {told}; after SIGHUP: {'the same' if again == told else again}; started again: scraped")

fresh(life={"expires_in": 15})
process = start()
wait(lambda: any(state["scrapes"]))
state["revoked"] = state["tokens"]
told = refused_scrapes(12)
end(process)
print(f"token at its end, expires_in 15: {told}; {'scraped' if state['scrapes'][-1] else 'refused'}")
PYTHON
timeout 240 python3 "$work/scrape.py" "$work/root/usr/bin/prometheus" "$work" | expect 'secret refused by 401: 2 requests for a token with each scrape: Basic, form
issuer answers 503: 2 requests for a token with each scrape: Basic, form
token revoked, expires_in 900: refused scrapes go on, no request for another token; after SIGHUP: the same; started again: scraped
token revoked, no expires_in: refused scrapes go on, no request for another token; after SIGHUP: the same; started again: scraped
token at its end, expires_in 15: refused scrapes end, another token; scraped'
