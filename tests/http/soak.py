"""Clients that do at random what clients do, while the database is restarted and killed under the server,
which never is. SOAK_SECONDS long. DB_STOP, DB_START and DB_DIR lead to the database."""

import contextlib
import http.client
import json
import os
import random
import signal
import socket
import subprocess
import threading
import time
import uuid

from api import PASSWORD, account, key, sql
from wire import Server, equal, main, ok, until

LENGTH = float(os.environ.get("SOAK_SECONDS", "60"))
CLIENTS = 12
AWAY = (503, None)  # told to come back later, or told nothing


def command(name):
    return subprocess.run(os.environ[name], shell=True, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0


class Api:
    """The API of ours."""
    me, dead = "/api/auth/me", 401

    def __init__(self, _):
        self.headers = {}

    def login(self, email, password):
        return "/api/auth/login", {"email": email, "password": password}

    def refresh(self, token):
        return "/api/auth/refresh", {"refreshToken": token}

    def tokens(self, answer):
        return answer["tokens"]["accessToken"], answer["tokens"]["refreshToken"]

    def user(self, answer):
        return answer["user"]["id"]


class Supabase(Api):
    """That of Supabase Auth."""
    me, dead = "/auth/v1/user", 403

    def __init__(self, anon):
        self.headers = {"apikey": anon}

    def login(self, email, password):
        return "/auth/v1/token?grant_type=password", {"email": email, "password": password}

    def refresh(self, token):
        return "/auth/v1/token?grant_type=refresh_token", {"refresh_token": token}

    def tokens(self, answer):
        return answer["access_token"], answer["refresh_token"]

    def user(self, answer):
        return answer["id"]


class Client(threading.Thread):
    """One principal and what it knows; whatever is not as it should be goes to `wrong`."""

    def __init__(self, server, world, dialect, number):
        super().__init__(daemon=True)
        self.server, self.world, self.dialect = server, world, dialect
        self.dice = random.Random(number)
        self.who = account(email=f"soak-{number}-agent@example.com")
        self.connection = None
        self.access = self.refresh_token = None
        self.settled = 0  # when no abandoned refresh can come through any more
        self.titles = [None]  # the last that was confirmed, and those that may have come after it
        self.wrong, self.counts, self.error = [], {}, None

    def ask(self, method, path, body=None, token=None):
        """(status, object); (None, None) when there was no answer."""
        headers = dict(self.dialect.headers)
        if token:
            headers["Authorization"] = f"Bearer {token}"
        if body is not None:
            body, headers["Content-Type"] = json.dumps(body), "application/json"
        try:
            if not self.connection:
                self.connection = http.client.HTTPConnection("127.0.0.1", self.server.port,
                    timeout=20)
            self.connection.request(method, path, body, headers)
            answer = self.connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self.connection = None
            self.wrong.append(f"{method} {path}: {error!r}")
            return None, None
        if answer.status == 503 and not answer.headers.get("Retry-After"):
            self.wrong.append(f"{path}: 503 without Retry-After")
        self.counts[answer.status] = self.counts.get(answer.status, 0) + 1
        return answer.status, json.loads(text) if text else None

    def insist(self, *request):
        """Until it is answered: what a client does that was told to come back."""
        while not self.world.over():
            status, answer = self.ask(*request)
            if status not in AWAY:
                return status, answer
            time.sleep(self.dice.uniform(0.02, 0.2))
        raise TimeoutError("the server did not come back")

    def expect(self, what, got, wanted):
        if got != wanted:
            self.wrong.append(f"{what}: {got}, not {wanted}")

    def sign_in(self):
        status, answer = self.insist("POST", *self.dialect.login(self.who["email"], PASSWORD))
        self.expect("sign in", status, 200)
        self.access, self.refresh_token = self.dialect.tokens(answer)

    def refresh(self):
        """A lost answer is asked for again, with the same token. Some are lost by our own doing. The next exchange
        comes when those have long been read: later than two exchanges a request looks like a thief's."""
        time.sleep(max(0, self.settled - time.monotonic()))
        if self.dice.random() < 0.2:
            path, body = self.dialect.refresh(self.refresh_token)
            body = json.dumps(body)
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1",
                    self.server.port), 5) as sock:
                lines = [f"POST {path} HTTP/1.1", "Host: x", "Content-Type: application/json",
                    f"Content-Length: {len(body)}",
                         *(f"{name}: {value}" for name, value in self.dialect.headers.items())]
                sock.sendall("\r\n".join([*lines, "", body]).encode())
                time.sleep(self.dice.choice([0, 0.01,
                    0.05]))  # gone before, while or after it is carried out
            self.settled = time.monotonic() + 1
        status, answer = self.insist("POST", *self.dialect.refresh(self.refresh_token))
        if status != 200:
            self.wrong.append(f"a refresh was lost: {status} {answer}")
            return self.sign_in()
        before, (self.access, self.refresh_token) = self.refresh_token, self.dialect.tokens(answer)
        if before == self.refresh_token:
            self.wrong.append("a refresh token came again")

    def look(self):
        status, answer = self.ask("GET", self.dialect.me, None, self.access)
        if status not in AWAY:
            self.expect("me", (status, status == 200 and self.dialect.user(answer)),
                (200, self.who["id"]))

    def change(self):
        title = uuid.uuid4().hex
        status, answer = self.ask("PATCH", "/api/users/me", {"jobTitle": title}, self.access)
        if status in AWAY:
            self.titles.append(title)  # done or not, nobody knows
        else:
            self.expect("change", (status, status == 200 and answer["user"]["jobTitle"]),
                (200, title))
            self.titles = [title]

    def read_back(self):
        status, answer = self.ask("GET", "/api/users/me", None, self.access)
        if status not in AWAY:
            self.expect("read", status, 200)
            if status == 200 and answer["user"]["jobTitle"] not in self.titles:
                self.wrong.append(
                    f"a change was lost: {answer['user']['jobTitle']} of {self.titles}")

    def audits(self):
        status, answer = self.ask("GET", "/api/users/me/audits?limit=5", None, self.access)
        if status not in AWAY:
            self.expect("audits",
                (status, status == 200 and {e["userId"] for e in answer["audits"]}),
                (200, {self.who["id"]}))

    def leave(self):
        status, _ = self.insist("POST", "/api/auth/logout", {}, self.access)
        if status != 401:  # of an earlier try that was carried out and not answered
            self.expect("sign out", status, 200)
        status, _ = self.insist("GET", self.dialect.me, None, self.access)
        self.expect("a token after its session", status, self.dialect.dead)
        self.sign_in()

    def banned(self):
        self.insist("POST", f"/api/users/{self.who['id']}/ban", {"reason": "soak"},
            self.world.service_key)
        self.expect("a banned token", self.insist("GET", self.dialect.me, None, self.access)[0],
            self.dialect.dead)
        self.expect("a banned refresh",
            self.insist("POST", *self.dialect.refresh(self.refresh_token))[0] in (400, 401, 403),
            True)
        self.insist("POST", f"/api/users/{self.who['id']}/unban", None, self.world.service_key)
        self.expect("a token from before the ban", self.insist("GET", self.dialect.me, None,
            self.access)[0], self.dialect.dead)
        self.sign_in()

    def keys(self):
        status, answer = self.ask("GET", "/.well-known/jwks.json")
        if status not in AWAY:
            self.expect("keys", (status, len((answer or {}).get("keys", []))), (200, 1))

    def run(self):
        acts = [self.look] * 8 + [self.refresh] * 6 + [self.change] * 2 + [self.read_back] * 3 + [
            self.audits, self.keys, self.leave, self.banned]
        try:
            self.sign_in()
            while not self.world.ending.is_set():
                self.dice.choice(acts)()
            self.refresh()
            status, answer = self.insist("GET", "/api/users/me", None, self.access)
            self.expect("at the end", (status, answer["user"]["id"]), (200, self.who["id"]))
            if answer["user"]["jobTitle"] not in self.titles:
                self.wrong.append("the last change was lost")
        except Exception as error:  # told of by the test
            self.wrong.append(repr(error))
        if self.connection:
            self.connection.close()


class World:
    def __init__(self):
        self.ending = threading.Event()
        self.until = time.monotonic() + LENGTH + 90
        self.service_key = key("service_role")
        self.done = {}

    def over(self):
        return time.monotonic() > self.until


def postmaster():
    with open(os.environ["DB_DIR"] + "/data/postmaster.pid", encoding="ascii") as file:
        return int(file.readline())


def start():
    if not until(lambda: command("DB_START"), 60,
            0.2):  # whoever still holds the memory of the dead one goes first
        raise RuntimeError("the database does not start")


def restart():
    command("DB_STOP")
    start()


def outage():
    command("DB_STOP")
    time.sleep(1)
    start()


def kill_postmaster():
    os.kill(postmaster(), signal.SIGKILL)
    time.sleep(0.3)
    start()


def kill_backend():
    pid = sql("SELECT pid FROM pg_stat_activity WHERE usename = 'web' LIMIT 1")
    if pid:
        os.kill(int(pid), signal.SIGKILL)  # and with it, as PostgreSQL has it, all others
    until(lambda: subprocess.run(["psql", "-XAtqc", "SELECT 1"], capture_output=True).returncode
        == 0, 60)


def terminate():
    sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'web'")


def used(server):
    pid = server.process.pid
    return {"files": len(os.listdir(f"/proc/{pid}/fd")), "threads": server.threads(),
        "MiB": server.memory_mib()}


def soak():
    with Server("--pool-size", "4", "--rate-limit", "0", "--checkout-timeout", "1",
            "--connect-timeout", "2") as server:
        world = World()
        connection = http.client.HTTPConnection("127.0.0.1", server.port)
        connection.request("GET", "/openapi.json")
        paths = json.loads(connection.getresponse().read())["paths"]
        connection.close()
        dialects = [Api] + ([Supabase] if "/auth/v1/token" in paths else [])
        anon = key("anon")
        clients = [Client(server, world, dialects[i % len(dialects)](anon), i)
            for i in range(CLIENTS)]
        for client in clients:
            client.start()
        ends = time.monotonic() + LENGTH
        time.sleep(min(2, LENGTH / 4))
        before, dice = used(server), random.Random(1)
        trouble = [kill_backend, restart, kill_postmaster, terminate, outage]
        turn = 0
        while time.monotonic() < ends:
            act = trouble[turn] if turn < len(trouble) else dice.choice(trouble)
            turn += 1
            act()
            world.done[act.__name__] = world.done.get(act.__name__, 0) + 1
            time.sleep(dice.uniform(0.3, 1.2) if LENGTH < 20 else dice.uniform(1, 4))
        world.until = time.monotonic() + 60
        world.ending.set()
        for client in clients:
            client.join(90)
        ok("every client came to its end", not any(client.is_alive() for client in clients))
        wrong = [problem for client in clients for problem in client.wrong]
        ok("no wrong answer, nothing lost", not wrong, wrong[:20])
        total = {}
        for client in clients:
            for status, count in client.counts.items():
                total[status] = total.get(status, 0) + count
        print(f"    answers {total}, done to the database {world.done}", flush=True)
        ok("each client was answered, and as it may be", total.get(200, 0) >= CLIENTS
            and set(total) <= {200, 400, 401, 403, 503}, total)
        equal("the server is the one that was started", server.process.poll(), None)
        gone = lambda: used(server)["files"] <= before["files"] - CLIENTS + 2
        ok("no file is left open", until(gone, 15), (before, used(server)))
        after = used(server)
        ok("no thread more, and no memory", after["threads"] == before["threads"]
            and after["MiB"] < before["MiB"] + 16, (before, after))
        ok("the pool is whole",
            until(lambda: sql("SELECT count(*) FROM pg_stat_activity WHERE usename = 'web'") == "4",
            15))
        equal("every chain of the audit holds", sql("SELECT count(*) FROM auth.audit_verify()"),
            "0")
        equal("stops", server.stop(), 0)


main(soak)
