"""Clients log in and out by token while principals are banned and come back: nobody dead gets in, nobody alive is refused.

login_storm.py DATABASE ROLE HOST SECONDS CLIENTS OTHERS: HOST is where tokens log in; the environment leads to the
superuser; OTHERS are connected by token all the time. DISTURBED=1: the server goes away meanwhile; whom nobody
answers is then neither let in nor refused.
"""

import os
import random
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "harness"))
from libpq import Connection, Lost, Refused  # noqa: E402

database, role, host, seconds, clients = sys.argv[1], sys.argv[2], sys.argv[3], float(
    sys.argv[4]), int(sys.argv[5])
disturbed = os.environ.get("DISTURBED") == "1"


class Admin:
    """The superuser, who asks again for what a server that went away left undone: all of it may be done twice."""

    def __init__(self):
        self.conn = Connection(f"dbname={database}")

    def rows(self, *asked):
        while True:
            try:
                return self.conn.rows(*asked)
            except (Lost, Refused) as error:  # 57P01 to 57P03: it is going, or coming
                if not disturbed or (isinstance(error, Refused)
                        and not error.sqlstate.startswith("57P")):
                    raise
                time.sleep(0.1)
                try:
                    self.conn = Connection(f"dbname={database}")
                except Lost:
                    pass

    def value(self, *asked):
        return self.rows(*asked)[0][0]


admin = Admin()
emails = [f"storm{n}@example.com" for n in range(20)]
admin.rows("SELECT auth.push_people((SELECT jsonb_agg(jsonb_build_object('email', e, 'name', 'x', 'kind', 'service_account')) FROM unnest($1::text[]) AS e))",
           "{" + ",".join(emails) + "}")
admin.rows("SELECT auth.provision()")


class Principal:
    """state is (number of changes, whether the token lives); an odd number: being changed."""

    def __init__(self, email):
        admin.rows("SELECT auth.unban($1)", email)
        self.email, self.token, self.state = email, admin.value("SELECT auth.issue($1)", email), (0,
            True)


principals = [Principal(email) for email in emails]
until = time.monotonic() + seconds
wrong, logins, refusals, lost = [], 0, 0, 0
counting = threading.Lock()


def client():
    global logins, refusals, lost
    while time.monotonic() < until:
        principal = random.choice(principals)
        before, token = principal.state, principal.token
        try:
            conn = Connection(
                f"dbname={database} user={role} host={host} sslmode=require password={token}")
            let_in, said = True, ""
            try:
                if random.random() < 0.5:
                    conn.rows("SELECT auth.uid()")
            except (Lost, Refused):
                pass  # it died meanwhile, and the connection with it
            conn.close()
        except Lost as error:
            let_in, said = False, str(error)
        if disturbed and not let_in and "authentication failed" not in said:
            lost += 1
            time.sleep(0.05)
            continue
        after = principal.state
        with counting:
            logins, refusals = logins + let_in, refusals + (not let_in)
            if before == after and before[0] % 2 == 0 and let_in != before[1]:
                wrong.append(f"{principal.email} {before} let in: {let_in} {said}")


threads = [threading.Thread(target=client) for _ in range(clients)]
for thread in threads:
    thread.start()
while time.monotonic() < until:
    principal = random.choice(principals)
    number, lives = principal.state
    principal.state = (number + 1, lives)
    if lives:
        admin.rows(random.choice(("SELECT auth.ban($1)",
            "SELECT count(auth.revoke_session(id)) FROM auth.list_sessions($1)")), principal.email)
    else:
        admin.rows("SELECT auth.unban($1)", principal.email)
        principal.token = admin.value("SELECT auth.issue($1)", principal.email)
    principal.state = (number + 2, not lives)
    time.sleep(0.02)
for thread in threads:
    thread.join()
print(f"# {logins} logins, {refusals} refusals, {lost} unanswered, {sum(p.state[0] for p in principals) // 2} changes")
print(f"{'not ok' if wrong or not logins or not refusals else 'ok'} - {clients} clients for {seconds:.0f} s: nobody dead gets in, nobody alive is refused")
for line in wrong[:20]:
    print("    " + line)
time.sleep(0.5)
left = admin.value("SELECT count(*) FROM auth.connections")
print(f"{'ok' if left == sys.argv[6] else 'not ok'} - every slot is free again")
