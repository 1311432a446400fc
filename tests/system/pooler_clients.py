"""Clients of a pooler, many at once, each with a principal of its own, that behave well and badly, and
look at every answer: whoever sees another's email or row, or is somebody without having said so, has
found a defect. Speaks the protocol itself, to send what no driver would.

usage: pooler_clients.py MODE CLIENTS ROUNDS < "email token" lines; MODE is transaction or session
"""

import asyncio
import os
import random
import struct
import sys

HOST, PORT = os.environ["PGHOST"], os.environ["PGPORT"]
MODE, CLIENTS, ROUNDS = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
PRINCIPALS = [line.split() for line in sys.stdin]
WHO = "coalesce(auth.email(), 'nobody') || ' ' || coalesce((SELECT string_agg(owner, ',' ORDER BY owner) FROM owned), 'nothing')"
seen, wrong = {}, []


def message(kind, *parts):
    body = b"".join(p if isinstance(p, bytes) else p.encode() + b"\0" for p in parts)
    return kind + struct.pack("!i", len(body) + 4) + body


class Client:
    async def connect(self):
        self.reader, self.writer = await asyncio.open_unix_connection(f"{HOST}/.s.PGSQL.{PORT}")
        body = struct.pack("!i", 196608) + b"user\0app\0database\0postgres\0\0"
        self.writer.write(struct.pack("!i", len(body) + 4) + body)
        await self.until_ready()
        return self

    async def read(self):
        head = await self.reader.readexactly(5)
        return head[:1], await self.reader.readexactly(struct.unpack("!i", head[1:])[0] - 4)

    async def until_ready(self):
        """Values of all rows, or the SQLSTATE of an error as its last."""
        values = []
        while True:
            kind, body = await self.read()
            if kind == b"K":
                self.key = body
            elif kind == b"D":
                at = 2
                for _ in range(struct.unpack("!h", body[:2])[0]):
                    size = struct.unpack("!i", body[at : at + 4])[0]
                    at += 4
                    if size >= 0:
                        values.append(body[at : at + size].decode())
                        at += size
                    else:
                        values.append(None)
            elif kind == b"E":
                values.append("error " + next(f[1:].decode() for f in body.split(b"\0")
                    if f[:1] == b"C"))
            elif kind == b"Z":
                return values

    async def simple(self, text):
        self.writer.write(message(b"Q", text))
        return await self.until_ready()

    def send(self, text, *values, name="", parse=True):
        if parse:
            self.writer.write(message(b"P", name, text, struct.pack("!h", 0)))
        bind = b"".join(struct.pack("!i", len(v.encode())) + v.encode() for v in values)
        self.writer.write(message(b"B", "", name, struct.pack("!hh", 0, len(values)) + bind
            + struct.pack("!h", 0)))
        self.writer.write(message(b"E", "", struct.pack("!i", 0)))

    async def call(self, text, *values, **how):
        self.send(text, *values, **how)
        self.writer.write(message(b"S"))
        return await self.until_ready()

    async def close(self, name):
        """Not DEALLOCATE, which does not know the name that a pgbouncer since 1.21 gives the statement."""
        self.writer.write(message(b"C", b"S", name) + message(b"S"))
        return await self.until_ready()

    async def cancel(self):
        reader, writer = await asyncio.open_unix_connection(f"{HOST}/.s.PGSQL.{PORT}")
        writer.write(struct.pack("!ii", 16, 80877102) + self.key)
        await reader.read()  # as libpq does: pgbouncer 1.18 dies of a client that does not wait
        writer.close()

    def abandon(self):
        self.writer.transport.abort()


def check(way, email, got, wanted):
    seen[way] = seen.get(way, 0) + 1
    if got != wanted:
        wrong.append(f"{way} by {email}: {got!r} instead of {wanted!r}")


def itself(email):
    return f"{email} {email}"


async def transaction(client, email, token):
    way = random.choice(["set local", "parameter", "one statement", "pipeline", "error", "prepared",
        "savepoint", "other first", "nobody", "cancel", "killed", "dead"])
    if way == "set local":
        got = await client.simple(
            f"BEGIN; SET LOCAL pg_principal.token = '{token}'; SELECT {WHO}; COMMIT; SELECT {WHO}")
        check(way, email, got, [itself(email), "nobody nothing"])
    elif way == "parameter":
        await client.simple("BEGIN")
        await client.call("SELECT auth.authenticate($1)->>'email'", token)
        got = await client.call(f"SELECT {WHO}")
        await client.simple("COMMIT")
        check(way, email, got, [itself(email)])
    elif way == "one statement":
        check(way, email, await client.call("SELECT auth.authenticate($1)->>'email', auth.email()",
            token), [email, email])
    elif way == "pipeline":
        for statement in ("BEGIN", f"SELECT auth.authenticate('{token}')->>'email'",
                f"SELECT {WHO}", "COMMIT", f"SELECT {WHO}"):
            client.send(statement)
        client.writer.write(message(b"S"))
        check(way, email, await client.until_ready(), [email, itself(email), "nobody nothing"])
    elif way == "error":
        await client.simple("BEGIN")
        await client.call("SELECT auth.authenticate($1)", token)
        got = await client.simple("SELECT 1 / 0") + await client.simple(
            f"SELECT {WHO}") + await client.simple("ROLLBACK")
        check(way, email, got, ["error 22012", "error 25P02"])
    elif way == "prepared":
        name = f"p{random.getrandbits(60)}"
        await client.simple(f"BEGIN; SET LOCAL pg_principal.token = '{token}'")
        got = await client.call(f"SELECT {WHO} WHERE $1 = '1'", "1", name=name)
        got += await client.call("", "1", name=name, parse=False)
        got += await client.close(name) + await client.simple("COMMIT")
        check(way, email, got, [itself(email)] * 2)
    elif way == "savepoint":
        got = await client.simple(
            f"BEGIN; SAVEPOINT s; SET LOCAL pg_principal.token = '{token}'; SELECT {WHO}; ROLLBACK TO s; SELECT {WHO}; COMMIT")
        check(way, email, got, [itself(email), "nobody nothing"])
    elif way == "other first":
        other = random.choice(PRINCIPALS)
        got = await client.simple(
            f"BEGIN; SET LOCAL pg_principal.token = '{other[1]}'; SELECT {WHO}; SET LOCAL pg_principal.token = '{token}'; SELECT {WHO}; COMMIT")
        check(way, email, got, [itself(other[0]), itself(email)])
    elif way == "nobody":
        check(way, email, await client.simple(f"SELECT {WHO}"), ["nobody nothing"])
    elif way == "dead":
        check(way, email, await client.call("SELECT auth.authenticate($1)", token[:-6] + "AAAAAA"),
            ["error 28000"])
    elif way == "cancel" and random.random() < 0.2:
        await client.simple("BEGIN")
        await client.call("SELECT auth.authenticate($1)", token)
        client.writer.write(message(b"Q", "SELECT pg_sleep(30)"))
        await asyncio.sleep(0.2)
        await client.cancel()
        check(way, email, await client.until_ready() + await client.simple("ROLLBACK"),
            ["error 57014"])
    elif way == "killed":
        await client.simple(f"BEGIN; SET LOCAL pg_principal.token = '{token}'; SELECT {WHO}")
        if random.random() < 0.5:
            client.writer.write(message(b"Q", "SELECT pg_sleep(0.05)"))
            await asyncio.sleep(0.01)
        client.abandon()
        check(way, email, None, None)
        return await Client().connect()
    return client


async def session(client, email, token):
    """A connection's whole life: what the one before bound, prepared, set or kept must be gone."""
    got = await client.simple(
        f"SELECT {WHO}, (SELECT count(*) FROM pg_prepared_statements), (SELECT count(*) FROM pg_cursors WHERE is_holdable), current_setting('search_path') ~ 'temp'")
    check("begins as nobody", email, got, ["nobody nothing", "0", "0", "f"])
    got = await client.call("SELECT auth.authenticate($1, false)->>'email'", token)
    check("signed in", email, got, [email])
    way = random.choice(["plain", "prepared", "cursor", "temporary", "error", "killed"])
    if way == "prepared":
        got = await client.call(f"SELECT {WHO} WHERE $1 = '1'", "1",
            name="mine") + await client.call("", "1", name="mine", parse=False)
        check(way, email, got, [itself(email)] * 2)
    elif way == "cursor":
        got = await client.simple(
            "DECLARE mine CURSOR WITH HOLD FOR SELECT owner FROM owned; FETCH ALL FROM mine")
        check(way, email, got, [email])
    elif way == "temporary":
        got = await client.simple(
            f"CREATE TEMP TABLE owned (owner text); SET search_path = pg_temp, public; INSERT INTO owned VALUES ('left behind'); SELECT {WHO}")
        check(way, email, got, [f"{email} left behind"])
    elif way == "error":
        got = await client.simple("SELECT 1 / 0") + await client.simple(f"SELECT {WHO}")
        check(way, email, got, ["error 22012", itself(email)])
    elif way == "killed":
        await client.simple("BEGIN")
        check(way, email, await client.simple(f"SELECT {WHO}"), [itself(email)])
    else:
        check(way, email, await client.simple(f"SELECT {WHO}"), [itself(email)])
    if way == "killed":
        client.abandon()
    else:
        client.writer.write(message(b"X"))
        client.writer.close()
    return await Client().connect()


async def live(number):
    random_start = random.random()
    await asyncio.sleep(random_start)
    client = await Client().connect()
    for n in range(ROUNDS):
        email, token = random.choice(PRINCIPALS)
        if MODE == "transaction":
            client = await transaction(client, email, token)
        else:
            client = await session(client, email, token)
    client.abandon()


async def main():
    random.seed(int(os.environ.get("SEED", "1")))
    await asyncio.gather(*(live(n) for n in range(CLIENTS)))
    print(("not ok" if wrong else "ok")
        + f" - {MODE} mode: {CLIENTS} clients, {sum(seen.values())} looks, nobody was anybody else")
    for line in wrong[:20]:
        print("    " + line)
    for way, count in sorted(seen.items()):
        print(f"# {way}: {count}")


asyncio.run(main())
