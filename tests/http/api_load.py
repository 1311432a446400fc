"""What a stranger or one principal can use up: the server's log, the connections of the pool, the audit."""

import os
import re
import subprocess
import threading
import time

import api
from api import FAST, PASSWORD, account, call, key, sign_in, sql, token_of
from wire import Server, ask, equal, gauge, main, ok, until


api.ANSWERS = None  # these are too many to be held against the document


class Own:
    """A principal's own session at the database, with its token and a transaction left open."""

    def __init__(self, token, statement):
        self.process = subprocess.Popen(["psql", "-XAtq"], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True)
        self.process.stdin.write(
            f"SET ROLE authenticated; BEGIN; SET pg_principal.token = '{token}'; {statement}; SELECT 'held';\n")
        self.process.stdin.flush()
        for line in iter(self.process.stdout.readline, ""):
            if line == "held\n":
                break

    def end(self):
        self.process.communicate("ROLLBACK;\n")


def dead_tokens(server):
    expired, banned, ended, gone = (account() for _ in range(4))
    tokens = {"banned": token_of(server, banned["email"]),
        "ended": token_of(server, ended["email"]), "deleted": token_of(server, gone["email"])}
    sql("SELECT auth.ban(:'email')", email=banned["email"])
    call(server, "POST", "/api/auth/logout", token=tokens["ended"])
    sql("DELETE FROM auth.users WHERE id = :'id'", id=gone["id"])
    with Server(*FAST, env={"AUTH_ACCESS_TOKEN_TTL": "1"}) as short:
        tokens["expired"] = token_of(short, expired["email"])
        sql("SELECT pg_sleep(1.1)")
    head, claims, signature = tokens["banned"].split(".")
    return {**tokens, "a.b.c": "a.b.c", "garbage": "x" * 500, "no dots": "abc", "long": "x" * 17000,
        "no signature": f"{head}.{claims}.",
            "another's signature": f"{head}.{claims}.{signature[::-1]}",
            "alg none": "eyJhbGciOiJub25lIn0.e30.",
            "a quote": "a'.b\\.c", "a kid of ours": f"{head}.e30.AAAA"}


def log_growth():
    """Bytes of the server's log for each bad request: none, or a bounded number of lines in all."""
    who = account()
    sql("ALTER ROLE web SET pg_principal.clock_skew = 0")
    with Server(*FAST) as server:
        good = token_of(server, who["email"])
        refused = [(method, path, body, token, [], f"{method} {path}: {name}")
            for name, token in dead_tokens(server).items()
                   for method, path, body in [("GET", "/api/auth/me", None),
                   ("PATCH", "/api/users/me", {"firstName": "A"}), ("GET", "/auth/v1/user", None)]]
        refused += [
            ("POST", "/api/auth/login", b"{", None, [], "half a body"),
            ("POST", "/api/auth/login", b'{"email":"\\u0000"}', None, [], "a NUL"),
            ("POST", "/api/auth/login", {"email": who["email"], "password": "wrong"}, None, [],
            "a wrong password"),
            ("POST", "/api/auth/login", {"email": "nobody-has-this@example.com",
            "password": "wrong"}, None, [], "an unknown email"),
            ("POST", "/api/auth/login", {"email": "x' OR 1=1 --", "password": "\u00e9" * 500}, None,
            [], "odd characters"),
            ("POST", "/api/auth/refresh", {"refreshToken": "x"}, None, [], "a bad refresh token"),
            ("POST", "/api/auth/refresh", {"refreshToken": "x" * 5000}, None, [],
            "a long refresh token"),
            ("POST", "/api/auth/register", {"email": "a@example.com", "password": PASSWORD}, None,
            [], "registration"),
            ("POST", "/auth/v1/token?grant_type=password",
            {"email": who["email"], "password": "wrong"}, None, [], "supabase: a wrong password"),
            ("POST", "/auth/v1/token?grant_type=refresh_token", {"refresh_token": "x"}, None, [],
            "supabase: a bad refresh token"),
            ("GET", "/auth/v1/settings", None, None, ["apikey: a.b.c"], "supabase: a bad key"),
            ("GET", "/auth/v1/user", None, None, ["apikey: \xff"], "supabase: no UTF-8"),
            ("GET", "/api/users", None, good, [], "too small a role"),
            ("GET", "/api/audits?cursor=x", None, good, [], "another's audit"),
            ("GET", "/api/users/me/audits?cursor=x", None, good, [], "a bad cursor"),
            ("GET", "/api/users/me/audits?limit=x", None, good, [], "a bad limit"),
            ("PATCH", "/api/users/me", {"firstName": "x" * 65}, good, [], "a bad profile"),
            ("PATCH", "/api/users/me", {"userMetadata": {"a": "x" * 4097}}, good, [],
            "long metadata"),
            ("PATCH", "/api/users/me/password", {"currentPassword": "x", "newPassword": PASSWORD},
            good, [], "a wrong current password"),
            ("GET", "/nothing", None, None, [], "no such path")]
        for method, path, body, token, lines, name in refused:
            equal(f"{name} is refused", call(server, method, path, body, token,
                lines).status >= 400, True)
        for method, path, body, token, lines, name in refused:
            hour = None
            while hour != (hour := int(time.time()) // 3600):  # once more where another began
                for _ in range(65 if re.search("wrong|unknown|refresh", name)
                        else 1):  # these are audited and told of, 60 in an hour
                    call(server, method, path, body, token, lines)
                before = os.path.getsize(os.environ["SERVER_LOG"])
                for _ in range(20):
                    call(server, method, path, body, token, lines)
                each = (os.path.getsize(os.environ["SERVER_LOG"]) - before) / 20
            equal(f"bytes of log for each: {name}", each, 0)
        sql("ALTER ROLE web RESET pg_principal.clock_skew")
        equal("nor does the server itself say anything",
            [line for line in server.errors if "listening" not in line], [])


def locks():
    """One principal's open transaction, and many requests of its own."""
    with Server("--pool-size", "4", *FAST) as server:
        who, other = account(), account()
        mine, tokens, theirs = token_of(server, who["email"]), sign_in(server,
            who["email"])["tokens"], token_of(server, other["email"])
        admin, leaving = key("service_role"), token_of(server, who["email"])
        held = Own(mine,
            "SELECT ok FROM auth.update_profile('{\"jobTitle\": \"x\"}'); SELECT ok FROM auth.sign_out('others')")
        asked = [("PATCH", "/api/users/me", {"firstName": "A"}, mine),
            ("PATCH", "/api/users/me/password", {"currentPassword": PASSWORD,
            "newPassword": PASSWORD + "1"}, mine),
                 ("POST", "/api/auth/login", {"email": who["email"], "password": PASSWORD}, None),
                 ("POST", "/api/auth/refresh", {"refreshToken": tokens["refreshToken"]}, None),
                 ("PUT", "/auth/v1/user", {"data": {"a": 1}}, mine),
                 ("POST", "/auth/v1/token?grant_type=refresh_token",
                 {"refresh_token": tokens["refreshToken"]}, None),
                 ("POST", "/auth/v1/token?grant_type=password",
                 {"email": who["email"], "password": PASSWORD}, None)]
        for method, path, body, token in asked:
            answer = call(server, method, path, body,
                token)  # one that waits for its statement's end is told that the database took too long
            ok(f"{method} {path} does not wait", answer.status == 503
                and answer.headers.get("retry-after") == "1" and "Try again" in answer.text,
               (answer.status, answer.text))
        stop, statuses = threading.Event(), []

        def ask_on(method, path, body, token):
            while not stop.is_set():
                statuses.append(call(server, method, path, body, token).status)

        threads = [threading.Thread(target=ask_on, args=asked[0]) for _ in range(8)]
        for thread in threads:
            thread.start()
        got = []
        for i in range(30):
            got += [call(server, "GET", "/api/auth/me", token=theirs).status,
                call(server, "PATCH", "/api/users/me", {"jobTitle": str(i)}, theirs).status,
                    call(server, "GET", "/api/users?per_page=1", token=admin).status]
        while len(statuses) <= 8 and len(got) < 9000:  # until the one has asked again
            got.append(call(server, "GET", "/api/auth/me", token=theirs).status)
        stop.set()
        for thread in threads:
            thread.join()
        equal("others are served all the while", set(got), {200})
        ok("the one was told to come back", set(statuses) == {503} and len(statuses) > 8,
            set(statuses))
        equal("but signs out", call(server, "POST", "/api/auth/logout", {}, leaving).status, 200)
        held.end()
        equal("and then served", call(server, "PATCH", "/api/users/me", {"firstName": "A"},
            mine).status, 200)


def share():
    """However long a principal's statements take, the others have the other half."""
    # of itself it waits a tenth of a second
    sql("ALTER FUNCTION auth.update_profile(jsonb, jsonb) SET lock_timeout = '60s'")
    with Server("--pool-size", "4", "--checkout-timeout", "20", "--statement-timeout", "60",
            *FAST) as server:
        who, other = account(), account()
        mine, again, theirs = token_of(server, who["email"]), token_of(server,
            who["email"]), token_of(server, other["email"])
        held = Own(mine, "SELECT ok FROM auth.update_profile('{\"jobTitle\": \"x\"}')")
        answers = []
        threads = [threading.Thread(target=lambda t=token: answers.append(call(server, "PATCH",
            "/api/users/me", {"firstName": "A"}, t)))
                   for token in [mine, again] * 36]
        for thread in threads:
            thread.start()
        ok("some are refused at once: sixteen wait for each connection",
            until(lambda: len(answers) == 72 - 2 - 64), len(answers))
        equal("half of the pool", (gauge(server, "pool_in_use"),
            gauge(server, "pool_share_refusals_total")), (2, 6))
        equal("the other half is for others",
            [call(server, "GET", "/api/auth/me", token=theirs).status for _ in range(20)],
            [200] * 20)
        held.end()
        for thread in threads:
            thread.join()
        equal("who waited is served", sorted(answer.status for answer in answers),
            [200] * 66 + [503] * 6)
        equal("nothing is left of it", [call(server, "GET", "/api/auth/me", token=mine).status
            for _ in range(5)], [200] * 5)
    sql("ALTER FUNCTION auth.update_profile(jsonb, jsonb) SET lock_timeout = '100ms'")


def ended():
    """Connections that the database ends between two requests, or while one begins: nobody learns of it."""
    with Server("--pool-size", "2", *FAST) as server:
        who = account()
        got = {}
        for i in range(25):
            for name, (method, path, body) in {"a sign-in": ("POST", "/api/auth/login",
                    {"email": who["email"], "password": PASSWORD}),
                                               "a read": ("GET", "/.well-known/jwks.json",
                                               None)}.items():
                call(server, "GET", "/ready")
                sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'web'")
                time.sleep(0.01 * (i % 3))
                got.setdefault(name, []).append(call(server, method, path, body).status)
        token = sign_in(server, who["email"])["tokens"]["refreshToken"]
        for _ in range(25):
            sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'web'")
            answer = call(server, "POST", "/api/auth/refresh", {"refreshToken": token})
            got.setdefault("a refresh", []).append(answer.status)
            token = answer.json["tokens"]["refreshToken"] if answer.status == 200 else token
        for name, statuses in got.items():
            equal(name, statuses, [200] * 25)
        equal("each sign-in once", sql("SELECT count(*) FROM auth.sessions WHERE user_id = :'id'",
            id=who["id"]), "26")


def own_changes():
    """The audit of one's own changes has a bound, whatever the limits of requests are."""
    sql("ALTER ROLE web SET pg_principal.max_own_changes = 3")
    with Server(*FAST) as server:
        who = account()
        token = token_of(server, who["email"])
        got = [call(server, "PATCH", "/api/users/me", {"jobTitle": str(i)}, token)
            for i in range(6)]
        equal("beyond it 429", [answer.status for answer in got], [200] * 3 + [429] * 3)
        equal("what they are told", (got[-1].brief(), got[-1].headers.get("retry-after")),
            ((429, "Too many changes within an hour"), "60"))
        answer = call(server, "PUT", "/auth/v1/user", {"data": {"a": 1}}, token)
        equal("in the other dialect", (answer.status, answer.json["error_code"],
            answer.headers.get("retry-after")), (429, "over_request_rate_limit", "60"))
        equal("no entry more",
            sql("SELECT count(*) FROM auth.audit_log WHERE user_id = :'id' AND changes ? 'jobTitle'",
            id=who["id"]), "3")
        equal("a password can be changed all the same",
            call(server, "PATCH", "/api/users/me/password", {
            "currentPassword": PASSWORD, "newPassword": PASSWORD + "1"}, token).status, 200)
        equal("and signing out goes on", call(server, "POST", "/api/auth/logout",
            token=token).status, 200)
    sql("ALTER ROLE web RESET pg_principal.max_own_changes")


sql("SELECT auth.add_user('{\"email\": \"third@example.com\"}')")  # so that nobody may register
main(log_growth, locks, share, ended, own_changes)
