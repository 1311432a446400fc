"""The pool: a database that is busy, slow, restarted or away. DB_STOP and DB_START are commands."""

import os
import subprocess
import threading
import time

from wire import Reader, Server, ask, asleep, connect, equal, gauge, held, main, ok, request, served, sql, talk, until


def command(name):
    subprocess.run(os.environ[name], shell=True, check=True, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL)


def answers():
    with Server("--pool-size", "3") as server:
        equal("a statement", ask(server.port, "/select")[2], "42")
        equal("/ready without the extension", ask(server.port, "/ready")[0],
              200 if sql("SELECT count(*) FROM pg_extension WHERE extname = 'pg_principal'") == "1"
              else 503)
        equal("/health", ask(server.port, "/health")[0], 200)
        status, _, body = ask(server.port, "/fails")
        ok("an error shows neither statement nor text", status == 500 and "secret" not in body
            and "zero" not in body, body)
        sql("CREATE TABLE late_check (n int UNIQUE DEFERRABLE INITIALLY DEFERRED)")
        sql("INSERT INTO late_check VALUES (1)")
        equal("what fails only as its transaction ends is an error", ask(server.port, "/late")[0],
            500)
        equal("and its connection good for the next", ask(server.port, "/select")[2], "42")
        sql("DROP TABLE late_check")
        equal("a parameter with a NUL cannot be", ask(server.port, "/nap/1%00")[0], 400)
        ok("as many connections as told", until(lambda: gauge(server, "pool_connected") == 3))
        equal("with the time limit",
            sql("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pg_principal serve'"),
            "3")


def busy():
    with Server("--pool-size", "2", "--checkout-timeout", "0.5", "--statement-timeout",
            "600") as server:
        with held(7):
            first = [connect(server.port) for _ in range(2)]
            for sock in first:
                sock.sendall(request("/held/7"))
            ok("both connections are in use", until(lambda: asleep("pg_advisory") == 2))
            began = time.monotonic()
            status, headers, _ = ask(server.port, "/select")
            took = time.monotonic() - began
            ok("who waits too long gets 503 with Retry-After",
               status == 503 and headers.get("retry-after") == "1" and took > 0.4,
               (status, headers, took))
            ok("what needs no database is served meanwhile", served(server)
                and asleep("pg_advisory") == 2)
        equal("who came first is served", [Reader(sock).response()[0] for sock in first],
            [200, 200])
    with Server("--pool-size", "2", "--checkout-timeout", "600", "--statement-timeout",
            "1.2") as server:
        status, headers, _ = ask(server.port, "/nap/600000")
        equal("a statement that takes too long", (status, headers.get("retry-after")), (503, "1"))
        equal("and the connection is fine", ask(server.port, "/select")[0], 200)
    with Server("--pool-size", "2", "--checkout-timeout", "600", "--statement-timeout",
            "600") as server:
        many = [connect(server.port) for _ in range(30)]
        for sock in many:
            sock.sendall(request("/nap/10"))
        equal("30 at once on 2 connections", [Reader(sock).response()[0] for sock in many],
            [200] * 30)


def stale():
    with Server("--pool-size", "1") as server:
        sql("CREATE TABLE IF NOT EXISTS http_stale (a int); TRUNCATE http_stale")
        first = ask(server.port, "/nap/0")[2]
        sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pg_principal serve'")
        status, _, second = ask(server.port, "/nap/0")
        ok("a connection that was ended is replaced unnoticed", status == 200 and first != second,
            (status, first, second))
        sql("DROP TABLE http_stale")


def restarted():
    with Server("--pool-size", "3", "--statement-timeout", "600") as server:
        equal("before", ask(server.port, "/select")[0], 200)
        napping = connect(server.port)
        napping.sendall(request("/nap/600000"))
        ok("a statement runs", until(lambda: asleep("pg_sleep") == 1))
        command("DB_STOP")
        equal("a statement cut short", Reader(napping).response()[0], 503)
        ok("away: 503", until(lambda: ask(server.port, "/select")[0] == 503))
        began = time.monotonic()
        got = [ask(server.port, "/select") for _ in range(50)]
        ok("at once, with Retry-After", time.monotonic() - began < 30
            and  # a wait of a second each is more
           all(a[0] == 503 and a[1].get("retry-after") == "1" for a in got),
           time.monotonic() - began)
        equal("/ready says so", ask(server.port, "/ready")[0], 503)
        equal("/health is about us", ask(server.port, "/health")[0], 200)
        equal("the gauge too", gauge(server, "pool_connected"), 0)
        command("DB_START")
        ok("back without a restart of ours", until(lambda: ask(server.port, "/select")[0] == 200))
        ok("all of them", until(lambda: gauge(server, "pool_connected") == 3))
        statuses, stop = [], threading.Event()

        def go():
            while not stop.is_set():
                answer = ask(server.port, "/select")
                statuses.append(answer and answer[0])

        threads = [threading.Thread(target=go) for _ in range(8)]
        for thread in threads:
            thread.start()
        until(lambda: len(statuses) > 100)
        command("DB_STOP")
        command("DB_START")
        ok("and back again", until(lambda: ask(server.port, "/select")[0] == 200))
        until(lambda: statuses[-100:] == [200] * 100)
        stop.set()
        for thread in threads:
            thread.join()
        ok("restarted under load: 200 or 503, nothing else", set(statuses) <= {200, 503}
            and statuses[-1] == 200,
           {status: statuses.count(status) for status in set(statuses)})
    command("DB_STOP")
    with Server("--pool-size", "2") as server:
        equal("started while the database is away: 503", ask(server.port, "/select")[0], 503)
        ok("and a warning",
            until(lambda: any("cannot be reached" in line for line in server.errors)),
            server.errors)
        command("DB_START")
        ok("served as soon as it is there", until(lambda: ask(server.port, "/select")[0] == 200))


def several_hosts():
    dsn = f"host=/nonexistent,{os.environ['PGHOST']} target_session_attrs=read-write"
    with Server("--dsn", dsn) as server:
        equal("the host that answers is found", ask(server.port, "/select")[0], 200)


def pooled():
    dsn = os.environ["POOLER_DSN"]
    with Server("--dsn", dsn, "--transaction-pooler", "--statement-timeout", "0.5") as server:
        equal("through a pooler in transaction mode",
            {ask(server.port, "/select")[2] for _ in range(100)}, {"42"})
        equal("an error", ask(server.port, "/fails")[0], 500)
        equal("a statement that takes too long", ask(server.port, "/nap/20000")[0], 503)
        ok("is ended",
            until(lambda: sql(
            "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE "
                                         "'SELECT pg_sleep%'") == "0"))
        equal("and the next one runs", ask(server.port, "/select")[0], 200)


main(answers, busy, stale, restarted, several_hosts, pooled)
