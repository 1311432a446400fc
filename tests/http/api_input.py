"""Bodies, paths and limits: what is not a JSON object within the limits is refused before it costs anything."""

import json
import subprocess
import threading

from api import FAST, NOBODY, PASSWORD, account, call, key, sql, token_of
from wire import Server, ask, equal, main, ok, until


def bodies():
    with Server(*FAST) as server:
        token = token_of(server, account("ADMIN")["email"])
        good = b'{"email":"a@example.com","password":"x"}'
        for name, body, status in [
                ("nothing", b"", 400), ("an array", b"[]", 400), ("text", b'"x"', 400),
                ("null", b"null", 400), ("half", b'{"a"', 400),
                ("two", b"{}{}", 400), ("a comment", b"{/**/}", 400),
                ("a name twice", b'{"email":"a","email":"b","password":"x"}', 400),
                ("a name twice, escaped", b'{"email":"a","em\\u0061il":"b","password":"x"}', 400),
                ("a NUL", b'{"email":"\\u0000","password":"x"}', 400),
                ("half a surrogate", b'{"email":"\\ud800","password":"x"}', 400),
                ("no UTF-8", b'{"email":"\xff","password":"x"}', 400),
                ("a BOM", b"\xef\xbb\xbf" + good, 400), ("single quotes", b"{'email':'a'}", 400),
                ("a trailing comma", b'{"email":"a",}', 400),
                ("too deep", b'{"email":' + b"[" * 20 + b"]" * 20 + b"}", 400),
                ("very deep", b"[" * 60000, 400),
                ("too long", b'{"email":"' + b"x" * 65536 + b'"}', 413)]:
            answer = call(server, "POST", "/api/auth/login", body)
            equal(name, (answer.status, sorted(answer.json)), (status, ["message"]))
        equal("far too long", call(server, "POST", "/api/auth/login", b"x" * 2_000_000).status, 413)
        for number in [b"1e131000", b"-1e400", b"1e999999999999"]:
            answer = call(server, "POST", "/api/users",
                b'{"email":"n@example.com","userMetadata":{"n":[' + number + b"]}}", token)
            equal(f"the number {number.decode()}", answer.brief(),
                (400, "The body has a number that is too large"))
        for body, fault in {b'{"email":"a","email":"b"}': "repeated name at offset 13",
                b'{"a":"\\u0000"}': "\\u0000 in a string at offset 6",
                            b'{"a":' + b"[" * 20 + b"]" * 20
                            + b"}": "nested too deeply at offset 20",
                            b'{"a":"\xff"}': "invalid UTF-8 at offset 6",
                            b'{"a":"\\ud800"}': "lone surrogate at offset 6",
                            b"{}{}": "text after the value at offset 2"}.items():
            answer = call(server, "POST", "/api/auth/login", body)
            ok(f"told: {fault}", answer.brief()[1].startswith("The body is not valid JSON: "
                + fault.rsplit(" ", 1)[0]), answer.brief())
        bomb = b'{"email":"bomb@example.com","userMetadata":{"n":[' + b",".join(
            [b"1e300"] * 10000) + b"]}}"
        answer = call(server, "POST", "/api/users", bomb, token)
        equal("many long numbers", (answer.status, answer.fields()), (400, ["userMetadata"]))
        for kind, status in {"application/json": 401, "application/json; charset=utf-8": 401,
                "Application/JSON": 401,
                             "application/vnd.api+json": 401, "text/plain": 415,
                             "application/x-www-form-urlencoded": 415,
                             "application/jsonx": 415, "+json": 415}.items():
            got = ask(server.port, "/api/auth/login", "POST", [f"Content-Type: {kind}"], good)
            equal(f"Content-Type {kind}", got[0], status)
        equal("none", ask(server.port, "/api/auth/login", "POST", [], good)[0], 401)
        ok("curl -d sends JSON as a form, and is told the header", "application/json" in
            ask(server.port, "/api/auth/login", "POST", ["Content-Type: "
            "application/x-www-form-urlencoded"], good)[2], got)
        dead, small, service, anon = token_of(server, account("ADMIN")["email"]), token_of(server,
            account()["email"]), key("service_role"), key("anon")
        call(server, "POST", "/api/auth/logout", token=dead)
        for method, path, body in [("POST", "/api/users", b"{"), ("POST", "/api/users", b"[]"),
                ("GET", "/api/users?x=1", None), ("GET", "/api/audits?userId=x", None),
                                   ("POST", "/api/tokens", {}), ("PATCH", "/api/users/x/role", {}),
                                   ("GET", "/api/users/x", None), ("DELETE", "/api/users/x", None)]:
            got = [call(server, method, path, body, who).status for who in (None, "a.b.c", dead,
                anon, small, service, token)]
            equal(f"the token and the role come before {method} {path} {body}", got,
                [401, 401, 401, 401, 403, 400, 400])
        for method, path, body in [("PATCH", "/api/users/me", b"{"), ("GET", "/api/users/me?x=1",
                None), ("DELETE", "/api/sessions/x", None),
                                   ("PATCH", "/api/users/me/password", {}),
                                   ("POST", "/api/delegations",
                                   {"agent": "a@example.com", "userId": "7"}),
                                   ("DELETE", f"/api/delegations/{NOBODY}", {"x": 1})]:
            got = [call(server, method, path, body, who).status for who in (None, "a.b.c", dead,
                anon, small)]
            equal(f"so they do before {method} {path} {body}", got, [401, 401, 401, 401, 400])
        equal("an id that is none", call(server, "POST", "/api/delegations",
            {"agent": "a@example.com", "userId": "7"}, small).json["errors"],
              [{"field": "userId", "message": "userId must be a UUID"}])
        for name, email in {"SQL": "x'; DROP TABLE auth.users; --@example.com",
                "a brace": "{a,b}@example.com", "a quote": "\"@example.com"}.items():
            equal(name, call(server, "POST", "/api/auth/login",
                {"email": email, "password": "'"}).status, 401)
        ok("the table is there", int(sql("SELECT count(*) FROM auth.users")) > 0)


def paths():
    with Server(*FAST) as server:
        token = token_of(server, account("ADMIN")["email"])
        for path, status in {"/api/users/%2e%2e/role": 400, "/api/users/x%27/role": 400,
                "/api/users/%00/role": 400, "/api/users//role": 404,
                             f"/api/users/{NOBODY}%20/role": 400,
                             f"/api/users/{NOBODY.replace('-', '')}/role": 400,
                             f"/api/users/{NOBODY}/role/": 404, "/api/Users/me": 404, "/api": 404,
                             "/api/": 404, "/api/../metrics": 404}.items():
            method = "GET" if "role" not in path else "PATCH"
            equal(path, call(server, method, path, {"role": "ADMIN"} if method == "PATCH" else None,
                token).status, status)
        answer = call(server, "GET", "/api/nothing")
        equal("an unknown path", (answer.brief(), sorted(answer.json)),
            ((404, "No such resource"), ["message"]))
        answer = call(server, "PUT", "/api/users/me")
        equal("an unknown method", (answer.brief(), answer.headers["allow"]),
            ((405, "Method not allowed"), "GET, PATCH, HEAD, OPTIONS"))
        equal("HEAD", call(server, "HEAD", "/api/users/me", token=token).status, 200)


def encodings():
    """A database that is not UTF-8, and letters that it has and has not."""
    sql("CREATE DATABASE latin ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
    sql("\\connect latin\nCREATE EXTENSION pg_principal;\nSELECT auth.create_signing_key()")
    with Server("--dsn", "dbname=latin", *FAST) as server:
        body = {"email": "jürgen@example.com", "password": PASSWORD, "firstName": "Jürgen"}
        answer = call(server, "POST", "/api/auth/register", body)
        ok("letters that it has", '"firstName": "Jürgen"' in answer.text.encode("latin-1").decode(),
            answer.text)
        equal("and their sign-in", call(server, "POST", "/api/auth/login",
            {k: body[k] for k in ("email", "password")}).status, 200)
        for path, wanted in {"/api/auth/login": "message",
                "/auth/v1/token?grant_type=password": "msg"}.items():
            answer = call(server, "POST", path, {"email": "łukasz@example.com",
                "password": PASSWORD})
            equal(f"{path}: a letter that it has not", (answer.status, answer.json[wanted]),
                (400, "The database's encoding lacks a character of this request"))
    sql("DROP DATABASE latin WITH (FORCE)")
    sql("CREATE DATABASE bare ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
    sql("\\connect bare\nCREATE EXTENSION pg_principal;\nSELECT auth.create_signing_key()")
    with Server("--dsn", "dbname=bare", *FAST) as server:
        answer = call(server, "POST", "/api/auth/register", json.dumps(body).encode())
        ok("escapes where the encoding knows no letters", "\\u00fc" in json.dumps(body)
            and '"firstName": "Jürgen"' in answer.text.encode("latin-1").decode(), answer.text)
    sql("DROP DATABASE bare WITH (FORCE)")


def rate_limits():
    with Server("--rate-limit", "0.02", "--rate-burst", "3") as server:
        who = account()
        token, got = None, []
        for path, method, body in [("/api/auth/login", "POST",
                {"email": who["email"], "password": PASSWORD}),
                                   ("/api/auth/register", "POST", {}),
                                   ("/api/users/me/password", "PATCH", {}),
                                   ("/api/auth/login", "POST", {})]:
            answer = call(server, method, path, body, token)
            token = token or answer.json["tokens"]["accessToken"]
            got.append(answer.status)
        equal("the costly ones share a budget", got, [200, 403, 400, 429])
        equal("what they are told",
            (answer.brief(), 30 <= int(answer.headers["retry-after"]) <= 50),
            ((429, "Too many requests"), True))
        equal("refreshes have their own",
            [call(server, "POST", "/api/auth/refresh", {"refreshToken": "x"}).status
            for _ in range(5)],
              [401, 401, 401, 429, 429])
        equal("the others go on", [call(server, "GET", "/api/auth/me", token=token).status
            for _ in range(10)], [200] * 10)


def no_secrets():
    """Nothing of the database's own words, whatever happens."""
    sql("CREATE ROLE stranger LOGIN")
    with Server("--access-log", "-", *FAST, env={"PGUSER": "stranger"}) as server:
        answer = call(server, "POST", "/api/auth/login",
            {"email": "a@example.com", "password": "s3cret"})
        equal("a role that may not", (answer.status, answer.text),
            (500, '{"message":"Internal error"}'))
        server.stop()
        log = server.process.stdout.read()
        ok("the log has the SQLSTATE", '"error":"42501"' in log, log)
        ok("and no secret", "s3cret" not in log and "a@example.com" not in log, log)
    sql("DROP ROLE stranger")
    admin, bot = key("service_role"), account(kind="service_account")
    sql("SELECT auth.retire_signing_key(kid) FROM auth.list_signing_keys() WHERE state = 'in_use'")
    who = account()
    with Server(*FAST) as server:
        answer = call(server, "POST", "/api/auth/login",
            {"email": who["email"], "password": PASSWORD})
        equal("no signing key", (answer.brief(), answer.headers.get("retry-after")),
            ((503, "No signing key is in use: an operator has to create one"), None))
        answer = call(server, "POST", "/api/tokens", {"userId": bot["id"]}, admin)
        equal("nor a token for a service account", answer.brief(),
            (409, "No signing key is in use"))
        sql("SELECT auth.create_signing_key()")
        ok("with one", token_of(server, who["email"]))


class Session:
    """Another one at the database, which says a word when a statement is done."""

    def __init__(self):
        self.process = subprocess.Popen(["psql", "-XAtq"], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True)

    def send(self, statements):
        self.process.stdin.write(statements + ";\n")
        self.process.stdin.flush()

    def done(self):
        return any(line == "done\n" for line in iter(self.process.stdout.readline, ""))

    def run(self, statements):
        self.send(statements + "; SELECT 'done'")
        self.done()

    def commit(self):
        self.process.communicate("COMMIT;\n")


def waiting(name):
    return sql("SELECT count(*) FROM pg_stat_activity WHERE usename = :'name' AND wait_event_type = 'Lock'",
        name=name) == "1"


class Asking(threading.Thread):
    def __init__(self, *request):
        super().__init__()
        self.request = request
        self.start()

    def run(self):
        self.answer = call(*self.request)

    def status(self):
        self.join()
        return self.answer.status

    def answered(self):
        self.join()
        return self.answer.status, self.answer.json["user"]["firstName"], self.answer.json["user"][
            "lastName"]


def patience(time):
    """How long a change of one's own profile waits for a lock: longer than a slow machine takes to look."""
    sql(f"ALTER FUNCTION auth.update_profile(jsonb, jsonb) SET lock_timeout = '{time}'")


def conflicts():
    """A request whose transaction lost is tried again, unseen: in REPEATABLE READ whoever waited for another's change has."""
    sql("ALTER ROLE web SET default_transaction_isolation = 'repeatable read'; ALTER ROLE web SET lock_timeout = '60s'")
    patience("60s")
    # through a pooler, where the server cannot ask for READ COMMITTED
    with Server("--pool-size", "1", "--transaction-pooler", *FAST) as server:
        who, other = account(), Session()
        token = token_of(server, who["email"])
        other.run(f"BEGIN; UPDATE auth.users SET last_name = 'Other' WHERE id = '{who['id']}'")
        asking = Asking(server, "PATCH", "/api/users/me", {"firstName": "Ada"}, token)
        ok("it waits for another transaction", until(lambda: waiting("web")))
        other.commit()
        equal("which was faster, and both changes are there", asking.answered(),
            (200, "Ada", "Other"))
        equal("it is audited once",
            sql("SELECT count(*) FROM auth.audit_log WHERE user_id = :'id' AND changes ? 'firstName'",
            id=who["id"]), "1")
        sql("CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE serialization_failure; END';"
            " CREATE TRIGGER lose BEFORE UPDATE ON auth.users FOR EACH ROW EXECUTE FUNCTION lose()")
        answer = call(server, "PATCH", "/api/users/me", {"firstName": "Eve"}, token)
        equal("the loser of every try", (answer.brief(), answer.headers.get("retry-after")),
            ((503, "Try again"), "1"))
        sql("DROP TRIGGER lose ON auth.users; DROP FUNCTION lose()")
    patience("100ms")
    sql("ALTER ROLE web RESET default_transaction_isolation; ALTER ROLE web RESET lock_timeout")


def isolation():
    """Whatever isolation its role or database has: who signs in beside somebody else is not refused, and no wrong password counts twice."""
    sql("ALTER ROLE web SET default_transaction_isolation = 'serializable'")
    with Server("--pool-size", "8", *FAST) as server:
        who = account()
        for password, status in ((PASSWORD, 200), ("not-" + PASSWORD, 401)):
            asking = [Asking(server, "POST", "/api/auth/login",
                             {"email": who["email"], "password": password}) for _ in range(4)]
            equal(f"all at once: {status}", [a.status() for a in asking], [status] * 4)
        equal("each wrong password counts once",
            sql("SELECT sum(failures) FROM auth.sign_in_attempts WHERE user_id = :'id'", id=who["id"]), "4")
    sql("ALTER ROLE web RESET default_transaction_isolation")


def deadlock():
    """So is one that a deadlock chose. The other session looks for none, so that ours is the victim."""
    sql("CREATE TABLE gates (id int); INSERT INTO gates VALUES (1), (2); GRANT SELECT, UPDATE ON gates TO PUBLIC;"
        " CREATE FUNCTION pass_gates() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN PERFORM FROM public.gates WHERE id = 1 FOR UPDATE; PERFORM FROM public.gates WHERE id = 2 FOR UPDATE; RETURN NULL; END';"
        " CREATE TRIGGER pass_gates AFTER UPDATE ON auth.users FOR EACH ROW EXECUTE FUNCTION pass_gates()")
    sql("ALTER ROLE web SET deadlock_timeout = '10ms'; ALTER ROLE web SET lock_timeout = '60s'")
    patience("60s")
    with Server("--pool-size", "1", "--statement-timeout", "20", *FAST) as server:
        sql("ALTER TABLE auth.users DISABLE TRIGGER pass_gates")
        who = account()
        token = token_of(server, who["email"])
        sql("ALTER TABLE auth.users ENABLE TRIGGER pass_gates")
        first, second = Session(), Session()
        first.run("BEGIN; SELECT FROM gates WHERE id = 1 FOR UPDATE")
        second.run("SET deadlock_timeout = '1h'; BEGIN; SELECT FROM gates WHERE id = 2 FOR UPDATE")
        asking = Asking(server, "PATCH", "/api/users/me", {"firstName": "Ada"}, token)
        ok("it has a row and waits at the first gate", until(lambda: waiting("web")))
        second.send(f"UPDATE auth.users SET last_name = 'Other' WHERE id = '{who['id']}'; SELECT 'done'")
        ok("somebody behind the second gate waits for the row", until(lambda: waiting("postgres")))
        first.commit()
        ok("they wait for each other, and ours gave way", second.done())
        second.commit()
        equal("and both changes are there", asking.answered(), (200, "Ada", "Other"))
    patience("100ms")
    sql("DROP TRIGGER pass_gates ON auth.users; DROP FUNCTION pass_gates(); DROP TABLE gates;"
        " ALTER ROLE web RESET deadlock_timeout; ALTER ROLE web RESET lock_timeout")


def away():
    with Server("--pool-size", "1", "--statement-timeout", "1", *FAST) as server:
        who = account()
        token = token_of(server, who["email"])
        equal("before", call(server, "GET", "/api/auth/me", token=token).status, 200)
        ok("with metrics", "\npg_principal_database_up 1\n" in ask(server.port, "/metrics")[2])
        sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'web'")
        ok("a connection that was ended is replaced",
            until(lambda: call(server, "GET", "/api/auth/me", token=token).status == 200))
        sql("ALTER ROLE web CONNECTION LIMIT 0")
        sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'web'")
        ok("away", until(lambda: call(server, "GET", "/api/auth/me", token=token).status == 503))
        answer = call(server, "GET", "/api/auth/me", token=token)
        equal("what they are told", (answer.brief(), answer.headers.get("retry-after")),
            ((503, "The database cannot be reached"), "1"))
        text = ask(server.port, "/metrics")[2]
        ok("metrics say so, and what was counted", "\npg_principal_database_up 0\n" in text
            and "pg_principal_pool_connected 0" in text
           and "\nagent_refresh_failures_total " in text
           and "\npg_principal_database_read_timestamp_seconds 1" in text, text[-900:])
        sql("ALTER ROLE web CONNECTION LIMIT -1")
        ok("and back", until(lambda: call(server, "GET", "/api/auth/me", token=token).status
            == 200))


sql("SELECT auth.add_user('{\"email\": \"second@example.com\"}')")  # so that nobody may register
main(bodies, paths, encodings, rate_limits, no_secrets, conflicts, isolation, deadlock, away)
