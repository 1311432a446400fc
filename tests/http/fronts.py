"""nginx before it, pgbouncer, failovers and failures behind it, TLS of its own: the routes of the API in each."""

import json
import os
import re
import signal
import subprocess
import threading
import time

from api import FAST, PASSWORD, account, call, sign_in, sql, token_of
from proxy import FRONT, Nginx, certificate
from wire import Reader, Server, ask, client_tls, connect, equal, main, ok, request, until


def command(name):
    subprocess.run(os.environ[name], shell=True, check=True, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL)


def counted(server, name):
    return int(re.search(rf"^pg_principal_http_{name} (\d+)$", ask(server.port, "/metrics")[2],
        re.MULTILINE).group(1))


def behind_nginx():
    log = f"{FRONT}/access.log"
    with Server("--trusted-proxy", "127.0.0.1", "--rate-limit", "0.01", "--rate-burst", "2",
            "--access-log", log,
                "--metrics-from", "127.0.0.1") as server, Nginx(server.port) as nginx:
        who = account()
        login = json.dumps({"email": who["email"], "password": PASSWORD}).encode()

        def signs_in(source, *lines):
            return ask(nginx.port, "/api/auth/login", "POST", ["Content-Type: application/json",
                *lines], login, source=source)

        status, headers, body = signs_in("127.0.0.7", "X-Forwarded-For: 6.6.6.6",
            "X-Request-Id: mine")
        token = json.loads(body)["tokens"]["accessToken"]
        equal("a sign-in through nginx", status, 200)
        lines = lambda: [json.loads(line) for line in open(log, encoding="utf-8")]
        ok("is logged", until(lambda: lines() != []))
        equal("under the client's own address, whatever it says", (lines()[0]["client"], sql(
            "SELECT ip FROM auth.sessions WHERE user_id = :'id'", id=who["id"])),
            ("127.0.0.7", "127.0.0.7"))
        equal("one request has one id in answer and log",
            (headers["x-request-id"], bool(re.fullmatch("[0-9a-f]{32}", headers["x-request-id"]))),
              (lines()[0]["id"], True))
        equal("a budget for each client of the proxy",
            [signs_in("127.0.0.7")[0], signs_in("127.0.0.7")[0], signs_in("127.0.0.8")[0]],
            [200, 429, 200])
        equal("metrics are for the proxy's host, not for its clients",
            [ask(nginx.port, "/metrics", source="127.0.0.7")[0],
                                                                        ask(server.port,
                                                                        "/metrics")[0]], [404, 200])
        before = counted(server, "connections_total")
        statuses = {call(nginx, "GET", "/api/auth/me", token=token).status for _ in range(100)}
        equal("a connection behind nginx for each request",
            (statuses, counted(server, "connections_total") - before), ({200}, 101))
        status, headers, body = ask(nginx.tls, "/api/auth/me",
            headers=[f"Authorization: Bearer {token}"], tls=client_tls())
        equal("TLS at nginx", (status, json.loads(body)["user"]["id"]), (200, who["id"]))
        first = call(nginx, "GET", "/.well-known/jwks.json")
        equal("ETags go through", call(nginx, "GET", "/.well-known/jwks.json",
            headers=[f"If-None-Match: {first.headers['etag']}"]).status, 304)
        answers = {}

        def go(i):
            answers[i] = [call(nginx, "GET", "/api/users/me", token=token).status
                for _ in range(10)]

        threads = [threading.Thread(target=go, args=(i,)) for i in range(40)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        ok("40 clients at once", all(statuses == [200] * 10 for statuses in answers.values()),
            answers)
        big = call(nginx, "PATCH", "/api/users/me",
            json.dumps({"firstName": "x" * 70_000}).encode(), token)
        equal("a body that is too long", big.brief(), (413, "Body too large"))
        sock = connect(nginx.port)
        sock.sendall(request("/api/auth/me", headers=["Transfer-Encoding: chunked",
            "Content-Length: 4"]) + b"0\r\n\r\nGET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = Reader(sock).response()
        equal("smuggling ends at nginx or here", answer and answer[0] in (400, 401), True)
        ok("and no second answer is there", "pg_principal" not in answer[2])
        sock.close()


def through_pgbouncer():
    # prepared statements too where a connection is the server's own for as long as it lasts
    for mode, flags in [("transaction", ["--transaction-pooler"]),
            ("session", ["--transaction-pooler"]), ("session", [])]:
        with Server("--dsn", f"{os.environ['POOLER']} dbname={mode}", "--pool-size", "4", *flags,
                *FAST) as server:
            people = [account() for _ in range(4)]
            wrong = []

            def go(who):
                token = token_of(server, who["email"])
                for i in range(25):
                    answer = call(server, "GET", "/api/auth/me", token=token)
                    if (answer.status, (answer.json.get("user") or {}).get("id")) != (200,
                            who["id"]):
                        wrong.append(answer.text)
                    answer = call(server, "PATCH", "/api/users/me", {"jobTitle": f"{i}"}, token)
                    if answer.status != 200 or answer.json["user"]["jobTitle"] != f"{i}":
                        wrong.append(answer.text)
                    if call(server, "GET", "/api/auth/me").status != 401:
                        wrong.append("somebody's token was left behind")

            threads = [threading.Thread(target=go, args=(who,)) for who in people]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            equal(f"{mode} mode {flags}: each is who they are", wrong, [])
            tokens = sign_in(server, people[0]["email"])["tokens"]
            answer = call(server, "POST", "/api/auth/refresh",
                {"refreshToken": tokens["refreshToken"]})
            equal(f"{mode} mode {flags}: a refresh", answer.status, 200)
            sql("SELECT auth.ban(:'email')", email=people[0]["email"])
            equal(f"{mode} mode {flags}: a ban counts at once", call(server, "GET", "/api/auth/me",
                token=answer.json["tokens"]["accessToken"]).status, 401)
            equal(f"{mode} mode {flags}: /ready, /metrics", (ask(server.port, "/ready")[0],
                "pg_principal_database_up 1" in ask(server.port, "/metrics")[2]), (200, True))


def away_and_back():
    with Server("--pool-size", "3", *FAST) as server:
        who = account()
        tokens = sign_in(server, who["email"])["tokens"]
        me = lambda: call(server, "GET", "/api/auth/me", token=tokens["accessToken"])
        equal("before", me().status, 200)
        command("DB_STOP")
        ok("stopped: 503", until(lambda: me().status == 503))
        for method, path, body in [("GET", "/api/auth/me", None), ("POST", "/api/auth/refresh",
                {"refreshToken": tokens["refreshToken"]}),
                                   ("POST", "/api/auth/login",
                                   {"email": who["email"], "password": PASSWORD})]:
            answer = call(server, method, path, body, tokens["accessToken"])
            equal(f"{path}: what they are told",
                (answer.brief(), answer.headers.get("retry-after")),
                ((503, "The database cannot be reached"), "1"))
        equal("/health, /ready, /metrics meanwhile",
            [ask(server.port, path)[0] for path in ("/health", "/ready", "/metrics")],
            [200, 503, 200])
        command("DB_START")
        ok("started: 200, with the token from before", until(lambda: me().status == 200))
        answer = call(server, "POST", "/api/auth/refresh", {"refreshToken": tokens["refreshToken"]})
        equal("and the refresh token", answer.status, 200)
        os.kill(int(sql("SELECT pid FROM pg_stat_activity WHERE usename = 'web' LIMIT 1")),
            signal.SIGKILL)
        statuses = []
        ok("kill -9 of a backend: soon as before", until(lambda: statuses.append(me().status)
            or statuses[-3:] == [200] * 3))
        ok("and nothing but 503 in between", set(statuses) <= {200, 503}, statuses)


def own_tls():
    certificate("first")
    with Server("--tls-cert", f"{FRONT}/cert.pem", "--tls-key", f"{FRONT}/key.pem",
            *FAST) as server:
        who = account()
        body = json.dumps({"email": who["email"], "password": PASSWORD}).encode()
        status, _, text = ask(server.port, "/api/auth/login", "POST",
            ["Content-Type: application/json"], body, tls=client_tls())
        equal("a sign-in over TLS", status, 200)
        line = f"Authorization: Bearer {json.loads(text)['tokens']['accessToken']}"
        old = client_tls().wrap_socket(connect(server.port), server_hostname="localhost")
        reader = Reader(old)

        def subject():
            with client_tls().wrap_socket(connect(server.port), server_hostname="localhost") as tls:
                return b"second" in tls.getpeercert(binary_form=True)

        old.sendall(request("/api/auth/me", headers=[line]))
        equal("a request", reader.response()[0], 200)
        certificate("second")
        server.signal(signal.SIGHUP)
        ok("another certificate after SIGHUP", until(subject))
        old.sendall(request("/api/auth/me", headers=[line]))
        equal("the old connection goes on", reader.response()[0], 200)
        equal("and new ones", ask(server.port, "/api/auth/me", headers=[line], tls=client_tls())[0],
            200)


def failover():
    """Last: the primary does not come back."""
    with Server("--dsn", os.environ["FAILOVER_DSN"], "--pool-size", "3", *FAST) as server:
        who = account()
        tokens = sign_in(server, who["email"])["tokens"]
        equal("at the primary", call(server, "PATCH", "/api/users/me", {"firstName": "Ada"},
            tokens["accessToken"]).status, 200)
        standby = "pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)"
        ok("replayed", until(lambda: sql(f"SELECT {standby} FROM pg_stat_replication") == "0"))
        command("DB_STOP")
        ok("without it: 503",
            until(lambda: call(server, "GET", "/api/auth/me", token=tokens["accessToken"]).status
            == 503))
        command("DB_PROMOTE")
        ok("the second host, promoted, answers",
            until(lambda: call(server, "GET", "/api/auth/me", token=tokens["accessToken"]).status
            == 200))
        answer = call(server, "POST", "/api/auth/refresh", {"refreshToken": tokens["refreshToken"]})
        equal("with what the first one knew", (answer.status, answer.json["user"]["firstName"]),
            (200, "Ada"))
        time.sleep(0.1)
        ok("all connections are there",
            until(lambda: "pg_principal_pool_connected 3" in ask(server.port, "/metrics")[2]))


main(behind_nginx, through_pgbouncer, away_and_back, own_tls, failover)
