"""The pool: a database that is busy, slow, restarted or away. DB_STOP and DB_START are commands."""

import os
import subprocess
import threading
import time

from wire import Reader, Server, ask, connect, equal, main, ok, request, talk, until


def command(name):
    subprocess.run(os.environ[name], shell=True, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def sql(statement):
    return subprocess.run(["psql", "-XAtqc", statement], check=True, capture_output=True, text=True).stdout.strip()


def gauge(server, name):
    text = ask(server.port, "/metrics")[2]
    return float(text.split(f"\npg_principal_{name} ")[1].split("\n")[0])


def answers():
    with Server("--pool-size", "3") as server:
        equal("a statement", ask(server.port, "/select")[2], "42")
        equal("/ready without the extension", ask(server.port, "/ready")[0],
              200 if sql("SELECT count(*) FROM pg_extension WHERE extname = 'pg_principal'") == "1" else 503)
        equal("/health", ask(server.port, "/health")[0], 200)
        status, _, body = ask(server.port, "/fails")
        ok("an error shows neither statement nor text", status == 500 and "secret" not in body and "zero" not in body, body)
        equal("a parameter with a NUL cannot be", ask(server.port, "/nap/1%00")[0], 400)
        ok("as many connections as told", until(lambda: gauge(server, "pool_connected") == 3))
        equal("with the time limit", sql("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pg_principal serve'"), "3")


def busy():
    with Server("--pool-size", "2", "--checkout-timeout", "0.5", "--statement-timeout", "1.2") as server:
        naps = [connect(server.port) for _ in range(2)]
        for sock in naps:
            sock.sendall(request("/nap/1000"))
        time.sleep(0.1)
        began = time.monotonic()
        waiting = connect(server.port)
        waiting.sendall(request("/select"))
        ok("what needs no database is served meanwhile",
           all(ask(server.port)[0] == 200 for _ in range(20)) and time.monotonic() - began < 0.4)
        status, headers, _ = Reader(waiting).response()
        took = time.monotonic() - began
        ok("who waits too long gets 503 with Retry-After",
           status == 503 and headers.get("retry-after") == "1" and 0.4 < took < 0.9, (status, headers, took))
        equal("who came first is served", [Reader(sock).response()[0] for sock in naps], [200, 200])
        equal("a statement that takes too long", ask(server.port, "/nap/5000")[0], 504)
        equal("and the connection is fine", ask(server.port, "/select")[0], 200)
        many = [connect(server.port) for _ in range(30)]
        for sock in many:
            sock.sendall(request("/nap/10"))
        equal("30 at once on 2 connections", [Reader(sock).response()[0] for sock in many], [200] * 30)


def stale():
    with Server("--pool-size", "1") as server:
        sql("CREATE TABLE IF NOT EXISTS http_stale (a int); TRUNCATE http_stale")
        first = ask(server.port, "/nap/0")[2]
        sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pg_principal serve'")
        time.sleep(0.3)
        status, _, second = ask(server.port, "/nap/0")
        ok("a connection that was ended is replaced unnoticed", status == 200 and first != second, (status, first, second))
        sql("DROP TABLE http_stale")


def restarted():
    with Server("--pool-size", "3") as server:
        equal("before", ask(server.port, "/select")[0], 200)
        napping = connect(server.port)
        napping.sendall(request("/nap/3000"))
        time.sleep(0.2)
        command("DB_STOP")
        equal("a statement cut short", Reader(napping).response()[0], 503)
        ok("away: 503", until(lambda: ask(server.port, "/select")[0] == 503, 3))
        began = time.monotonic()
        got = [ask(server.port, "/select") for _ in range(50)]
        ok("at once, with Retry-After", time.monotonic() - began < 1 and
           all(a[0] == 503 and a[1].get("retry-after") == "1" for a in got), time.monotonic() - began)
        equal("/ready says so", ask(server.port, "/ready")[0], 503)
        equal("/health is about us", ask(server.port, "/health")[0], 200)
        equal("the gauge too", gauge(server, "pool_connected"), 0)
        command("DB_START")
        began = time.monotonic()
        ok("back without a restart of ours", until(lambda: ask(server.port, "/select")[0] == 200, 10))
        ok("soon", time.monotonic() - began < 3)
        ok("all of them", until(lambda: gauge(server, "pool_connected") == 3))
        statuses, ends = [], time.monotonic() + 4

        def go():
            while time.monotonic() < ends:
                answer = ask(server.port, "/select")
                statuses.append(answer and answer[0])

        threads = [threading.Thread(target=go) for _ in range(8)]
        for thread in threads:
            thread.start()
        time.sleep(0.5)
        command("DB_STOP")
        command("DB_START")
        for thread in threads:
            thread.join()
        ok("restarted under load: 200 or 503, nothing else", set(statuses) <= {200, 503} and statuses[-1] == 200,
           {status: statuses.count(status) for status in set(statuses)})
    command("DB_STOP")
    with Server("--pool-size", "2") as server:
        equal("started while the database is away: 503", ask(server.port, "/select")[0], 503)
        ok("and a warning", until(lambda: any("cannot be reached" in line for line in server.errors), 5), server.errors)
        command("DB_START")
        ok("served as soon as it is there", until(lambda: ask(server.port, "/select")[0] == 200, 10))


def several_hosts():
    dsn = f"host=/nonexistent,{os.environ['PGHOST']} target_session_attrs=read-write"
    with Server("--dsn", dsn) as server:
        equal("the host that answers is found", ask(server.port, "/select")[0], 200)


def pooled():
    dsn = os.environ["POOLER_DSN"]
    with Server("--dsn", dsn, "--transaction-pooler", "--statement-timeout", "0.5") as server:
        responses, _ = talk(server.port, request("/select") * 200 + request(headers=["Connection: close"]))
        equal("through a pooler in transaction mode", {response[2] for response in responses[:200]}, {"42"})
        equal("an error", ask(server.port, "/fails")[0], 500)
        equal("a statement that takes too long", ask(server.port, "/nap/20000")[0], 504)
        ok("is ended", until(lambda: sql("SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE "
                                         "'SELECT pg_sleep%'") == "0"))
        equal("and the next one runs", ask(server.port, "/select")[0], 200)


main(answers, busy, stale, restarted, several_hosts, pooled)
