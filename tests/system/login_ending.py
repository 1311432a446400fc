"""The connection ends with the token: each cause, in every state that a backend may be in.

login_ending.py DATABASE ROLE HOST LIMIT_MS [all] [busy=N]: every state for every cause, else for bans only; beside N backends that compute. HOST is where tokens log in;
the environment leads to the superuser.
Prints one `ok` or `not ok` line for each cause and a table of how long each state took.
"""

import os
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "harness"))
from libpq import Connection, Lost, Refused  # noqa: E402

database, role, host, limit = sys.argv[1], sys.argv[2], sys.argv[3], float(sys.argv[4])
admin = Connection(f"dbname={database}")

busy = next((int(argument[5:]) for argument in sys.argv if argument.startswith("busy=")), 0)
for _ in range(busy):  # without an end of their own: the server's stop ends them
    threading.Thread(
        target=lambda c: c.rows(
        "DO $$ BEGIN LOOP PERFORM pg_catalog.count(*) FROM pg_catalog.generate_series(1, 10000); END LOOP; END $$"),
                     args=(Connection(f"dbname={database}"),), daemon=True).start()

# What a connection has done before, and what it is doing (None: nothing) when its token dies.
STATES = {
    "idle": ([], None),
    "idle in transaction": (["BEGIN", "SELECT count(*) FROM activity"], None),
    "failed transaction": (["BEGIN", "SELECT 1/0"], None),
    "pg_sleep": ([], "SELECT pg_sleep(3600)"),
    "sequential scan": ([], "SELECT count(*) FROM long a, long b, long c"),
    "cursor": (["BEGIN", "DECLARE c CURSOR FOR SELECT * FROM long a, long b", "FETCH 10 FROM c"],
    None),
    "catches all errors": ([],
    "DO $$ BEGIN LOOP BEGIN PERFORM pg_sleep(0.01) FROM long; EXCEPTION WHEN OTHERS THEN NULL; END; END LOOP; END $$"),
}


class Client:
    def __init__(self, token, before, during):
        self.conn = Connection(
            f"dbname={database} user={role} host={host} sslmode=prefer password={token}")
        self.pid, self.error, self.thread = self.conn.pid, None, None
        assert self.conn.value("SELECT auth.email()") is not None
        for statement in before:
            try:
                self.conn.rows(statement)
            except Refused:
                pass
        if during:
            self.thread = threading.Thread(target=self.run, args=(during,), daemon=True)
            self.thread.start()

    def run(self, statement):
        try:
            self.conn.rows(statement)
        except (Lost, Refused) as error:
            self.error = str(error)

    def last_words(self):
        if self.thread:
            self.thread.join(10)
        else:
            self.run("SELECT 1")
        return self.error or ""


def alive(pids):
    return {int(row[0])
        for row in admin.rows("SELECT pid FROM pg_stat_activity WHERE pid = ANY ($1::int[])",
        "{" + ",".join(map(str, pids)) + "}")}


def times_until_gone(clients, since):
    gone, left = {}, {c.pid: name for name, c in clients.items()}
    while left and time.monotonic() - since < 20:
        still = alive(left)
        for pid in [p for p in left if p not in still]:
            gone[left.pop(pid)] = (time.monotonic() - since) * 1000
        time.sleep(0.005)
    for pid, name in left.items():
        gone[name] = float("inf")
        admin.rows(f"SELECT pg_terminate_backend({pid})")
    return gone


def new_principal(name):
    email = f"{name}@example.com"
    admin.rows("SELECT auth.push_people(jsonb_build_array(jsonb_build_object('email', $1::text, 'name', 'x', 'kind', 'service_account')))",
        email)
    admin.rows("SELECT auth.provision(); SELECT auth.set_password('" + email
        + "', 'Th1sIsAStrong!Pass')")
    return email


def issue(email):
    return admin.row("SELECT token, session_id FROM auth.issue_token($1)", email)


def sign_in(email):
    return admin.value(
        "SELECT r.payload->'tokens'->>'accessToken' FROM auth.sign_in($1, 'Th1sIsAStrong!Pass') AS r",
        email), None


def exp_of(token):
    import base64
    import json
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))["exp"]


def expire(_email, token, _session):
    time.sleep(max(0.0, exp_of(token) - time.time()))


CAUSES = {
    "expiry": ("expired", expire),
    "ban": ("banned", lambda email, token, session: admin.rows("SELECT auth.ban($1)", email)),
    "revocation": ("session revoked", lambda email, token,
    session: admin.rows("SELECT auth.revoke_session($1::uuid)", session)),
    "deletion": ("unknown principal", lambda email, token,
    session: admin.rows("DELETE FROM auth.users WHERE email = $1", email)),
    "login role": ("role not granted", lambda email, token,
    session: admin.rows("SELECT auth.disallow_login($1, email => $2)", role, email)),
    # last: it ends every token
    "key revocation": ("key revoked", lambda email, token,
    session: admin.rows(
    "SELECT auth.revoke_signing_key(kid) FROM auth.list_signing_keys() WHERE state = 'in_use'")),
}

table = []
for number, (cause, (reason, bring_about)) in enumerate(CAUSES.items()):
    email = new_principal(f"ending{number}")
    admin.rows("SELECT auth.allow_login($1, email => $2)", role, email)
    if cause == "expiry":
        admin.rows(f"SET pg_principal.access_token_ttl = '{3 + busy}s'")
        token, session = sign_in(email)
        admin.rows("RESET pg_principal.access_token_ttl")
    else:
        token, session = issue(email)
    states = STATES if cause == "ban" or "all" in sys.argv else {n: STATES[n] for n in ("idle",
        "sequential scan")}
    clients = {name: Client(token, before, during) for name, (before, during) in states.items()}
    bystander = None
    if cause != "key revocation":
        other = new_principal(f"bystander{number}")
        admin.rows("SELECT auth.allow_login($1, email => $2)", role, other)
        bystander = Client(issue(other)[0], [], None)
    bring_about(email, token, session)
    taken = times_until_gone(clients, time.monotonic())
    words = {name: client.last_words() for name, client in clients.items()}
    wrong = {n: w for n, w in words.items() if "its token has died" not in w or reason not in w}
    slow = {n: f"{t:.0f}" for n, t in taken.items() if t > limit}
    ok = not wrong and not slow
    if bystander and bystander.conn.value("SELECT auth.email()") != other:
        ok, wrong = False, {"bystander": "ended"}
    print(f"{'ok' if ok else 'not ok'} - {cause}: every connection ends within {limit:.0f} ms, told why; others live")
    if not ok:
        print(f"    too slow: {slow}\n    words: {wrong}")
    table.append(f"| {cause} | " + " | ".join(f"{taken[name]:.0f}" for name in states) + " |")
    for client in clients.values():
        client.conn.close()

if "all" in sys.argv:
    print(f"# milliseconds beside {busy} busy backends | " + " | ".join(STATES))
for line in table if "all" in sys.argv else ():
    print("# " + line)
