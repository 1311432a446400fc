"""Clients that sign in, refresh, revoke, ban, scan and provision as fast as they can, and remember what
they were promised: Storm.run() until told to stop or cut off, then Storm.check() against a server."""

import json
import random
import threading

from libpq import Connection, Lost, Refused

PASSWORD = "Th1sIsAStrong!Pass"
SETUP = """
CREATE EXTENSION IF NOT EXISTS pg_principal;
SELECT auth.create_signing_key('ES256')"""


class Session:
    def __init__(self, agent, sid, access, refresh):
        self.agent, self.sid, self.access, self.refresh = agent, sid, access, refresh
        self.dead = False
        self.used = []  # refresh tokens that were exchanged


class Agent:
    def __init__(self, email):
        self.email, self.banned, self.sessions = email, False, []

    def alive(self):
        return [s for s in self.sessions if not s.dead]


class Client(threading.Thread):
    """Owns agents of its own, so that it knows what they were promised; the roster and the scan are everybody's."""

    def __init__(self, storm, number, seed):
        super().__init__(daemon=True)
        self.storm, self.number, self.dice = storm, number, random.Random(seed)
        self.agents = storm.agents[number]
        self.unanswered = None  # (what, agent or session): the one thing that was asked for when the connection broke
        self.error = None

    def run(self):
        try:
            self.conn = Connection()
            while not self.storm.stopping.is_set():
                self.act()
        except Lost:
            pass
        except Exception as error:  # pylint: disable=broad-except
            self.error = f"{self.unanswered and self.unanswered[0]}: {error!r}"

    def ask(self, what, about, sql, *values):
        self.unanswered = (what, about)
        answer = self.conn.rows(sql, *values)
        self.unanswered = None
        self.storm.count(what)
        return answer

    def act(self):
        agent = self.dice.choice(self.agents)
        alive = agent.alive()
        session = self.dice.choice(alive) if alive else None
        rotating = session and session.refresh and session
        dice = self.dice.randrange(100)
        if agent.banned:
            self.ask("unban", agent, "SELECT auth.unban($1)", agent.email)
            agent.banned = False
        elif dice < 5 or not alive:
            row = self.ask("sign-in", agent,
                """SELECT r.ok, r.payload->'tokens'->>'accessToken', r.payload->'tokens'->>'refreshToken', r.reason
                FROM auth.sign_in($1, $2) AS r""", agent.email, PASSWORD)[0]
            if row[0] != "t":
                raise AssertionError(f"a sign-in was refused: {row[3]}")
            agent.sessions.append(Session(agent, sid_of(row[1]), row[1], row[2]))
        elif dice < 9:
            row = self.ask("issue", agent,
                "SELECT t.session_id, t.token FROM auth.issue_token($1) AS t", agent.email)[0]
            agent.sessions.append(Session(agent, row[0], row[1], None))
        elif dice < 66 and rotating:
            row = self.ask("refresh", session,
                """SELECT r.ok, r.reason, r.payload->'tokens'->>'accessToken', r.payload->'tokens'->>'refreshToken'
                FROM auth.refresh($1) AS r""", session.refresh)[0]
            if row[0] != "t":
                raise AssertionError(f"a refresh was refused: {row[1]}")
            session.used = [session.refresh]
            session.access, session.refresh = row[2], row[3]
        elif dice < 75 and rotating:
            row = self.ask("refused refresh", None,
                "SELECT r.ok, r.reason FROM auth.refresh($1) AS r",
                session.refresh[:-6] + "AAAAAA")[0]
            if row != ("f", "hash-mismatch"):
                raise AssertionError(f"a guessed refresh token: {row}")
        elif dice < 76:
            self.ask("refused sign-in", None, "SELECT auth.sign_in($1, 'wrong')", agent.email)
        elif dice < 80:
            self.ask("revocation", session, "SELECT auth.revoke_session($1)", session.sid)
            session.dead = True
        elif dice < 82:
            self.ask("ban", agent, "SELECT auth.ban($1, '1 day')", agent.email)
            agent.banned = True
            for s in agent.sessions:
                s.dead = True
        elif dice < 84:
            self.ask("sign-out", agent,
                f"BEGIN; SELECT auth.authenticate('{session.access}'); SELECT auth.sign_out('global'); COMMIT")
            for s in agent.sessions:
                s.dead = True
        elif dice < 90:
            for row in self.ask("scan", None,
                    "SELECT id FROM auth.scan_agent_health() WHERE kind = 'refresh_failure'"):
                self.storm.report(row[0])
        elif dice < 94:
            name = f"n{self.number}-{self.storm.number()}@example.com"
            self.ask("push", None, "SELECT auth.push_people($1)",
                json.dumps([{"email": name, "name": name, "kind": "service_account"}]))
            self.ask("provision", None, "SELECT auth.provision()")
            with self.storm.lock:
                self.storm.provisioned.append(name)
        elif dice < 95:
            self.ask("seal", None, "SELECT auth.audit_seal()")
        elif dice < 96:
            self.ask("checkpoint", None, "CHECKPOINT")
        else:
            self.ask("verification", session, "SELECT auth.authenticate($1)", session.access)


def sid_of(token):
    import base64
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))["session_id"]


class Storm:
    def __init__(self, clients, seed, agents_each=3):
        self.lock, self.stopping, self.dice = threading.Lock(), threading.Event(), random.Random(
            seed)
        self.acts, self.reported, self.provisioned, self._number = {}, {}, [], 0
        self.agents = [[Agent(f"c{c}-a{a}@example.com") for a in range(agents_each)]
            for c in range(clients)]
        self.clients, self.broken = [], []
        with_server = Connection()
        for agent in self.everyone():
            with_server.rows(
                "SELECT auth.add_user(jsonb_build_object('email', $1::text, 'password', $2::text, 'kind', 'service_account'))",
                             agent.email, PASSWORD)
        with_server.rows("""INSERT INTO auth.organization_people (email, name, kind)
            SELECT u.email, 'Agent', 'service_account' FROM auth.users u; SELECT auth.provision()""")

    def everyone(self):
        return [agent for agents in self.agents for agent in agents]

    def number(self):
        with self.lock:
            self._number += 1
            return self._number

    def count(self, what):
        with self.lock:
            self.acts[what] = self.acts.get(what, 0) + 1

    def report(self, incident):
        with self.lock:
            self.reported[incident] = self.reported.get(incident, 0) + 1

    def begin(self):
        self.stopping.clear()
        self.clients = [Client(self, n, self.dice.random()) for n in range(len(self.agents))]
        for client in self.clients:
            client.start()

    def end(self):
        self.stopping.set()
        for client in self.clients:
            client.join(60)
        self.broken = [c.error for c in self.clients if c.error] + [f"client {c.number} hangs"
            for c in self.clients if c.is_alive()]

    def check(self, conn):
        """What was promised, and is not so: a list of texts. Afterwards everything is certain again."""
        faults = list(self.broken)
        for client in self.clients:
            if client.unanswered:
                faults += self.settle(conn, *client.unanswered)
                self.count("left unanswered: " + client.unanswered[0])
                client.unanswered = None
        for agent in self.everyone():
            faults += self.check_agent(conn, agent)
        faults += [f"incident {i} was reported {n} times" for i, n in self.reported.items()
            if n > 1]
        missing = conn.rows(
            "SELECT p FROM unnest($1::text[]) AS p WHERE NOT EXISTS (SELECT FROM auth.users u WHERE u.email = p)",
                            "{" + ",".join(self.provisioned) + "}")
        faults += [f"provisioned and gone: {row[0]}" for row in missing]
        return faults + [f"{what}: {rows}" for what, sql in INVARIANTS for rows in [conn.rows(sql)]
            if rows]

    def settle(self, conn, what, about):
        """Who got no answer asks again; what ends several things has ended all of them or none."""
        if what == "refresh":
            row = conn.row(
                """SELECT r.ok, r.reason, r.payload->'tokens'->>'accessToken', r.payload->'tokens'->>'refreshToken'
                FROM auth.refresh($1) AS r""", about.refresh)
            if row[0] != "t":
                return [f"an unanswered refresh cannot be asked for again: {row[1]}"]
            about.used, about.access, about.refresh = [about.refresh], row[2], row[3]
        elif what == "revocation":
            about.dead = not lives(conn, about.access)
        elif what in ("ban", "sign-out", "unban"):
            alive = {lives(conn, s.access) for s in about.alive()}
            if len(alive) > 1:
                return [f"{what} of {about.email} ended some sessions and not others"]
            if False in alive:
                for session in about.sessions:
                    session.dead = True
            about.banned = conn.value(
                "SELECT banned_until IS NOT NULL FROM auth.users WHERE email = $1",
                about.email) == "t"
        return []

    def check_agent(self, conn, agent):
        faults = []
        banned = conn.value("SELECT banned_until IS NOT NULL FROM auth.users WHERE email = $1",
            agent.email) == "t"
        if banned != agent.banned:
            faults.append(f"{agent.email} is {'' if banned else 'not '}banned")
        for session in agent.sessions:
            if lives(conn, session.access) == session.dead:
                faults.append(f"a token of {agent.email} that is {'dead' if session.dead else 'alive'} is not")
            if session.dead and session.refresh:
                row = conn.row("SELECT r.ok FROM auth.refresh($1) AS r", session.refresh)
                if row[0] != "f":
                    faults.append(f"a refresh token of an ended session of {agent.email} lives")
            elif session.refresh:
                # what was exchanged gives the same successor, and that one goes on
                for used in session.used:
                    if conn.row("SELECT r.payload->'tokens'->>'refreshToken' FROM auth.refresh($1) AS r",
                            used)[0] != session.refresh:
                        faults.append(f"another successor of a used token of {agent.email}")
                row = conn.row(
                    """SELECT r.ok, r.reason, r.payload->'tokens'->>'accessToken', r.payload->'tokens'->>'refreshToken'
                    FROM auth.refresh($1) AS r""", session.refresh)
                if row[0] != "t":
                    faults.append(f"an acknowledged refresh of {agent.email} is lost: {row[1]}")
                else:
                    session.used, session.access, session.refresh = [session.refresh], row[2], row[
                        3]
        # the dead are asked after every crash until there are many
        agent.sessions = agent.alive() + [s for s in agent.sessions if s.dead][-5:]
        return faults


def lives(conn, token):
    try:
        conn.rows("SELECT auth.authenticate($1)", token)
        return True
    except Refused as error:
        if error.sqlstate != "28000":
            raise
        return False


# Entries that wait to be linked count as all others.
ENTRIES = "(SELECT user_id, changes, reason, metadata FROM auth.audit_log UNION ALL SELECT user_id, changes, reason, metadata FROM auth.audit_unlinked)"

# No rows, whatever happened.
INVARIANTS = tuple((name, text.replace("auth.audit_log", ENTRIES)) for name, text in (
    ("a chain is broken", "SELECT * FROM auth.audit_verify()"),
    ("counted and not audited, or audited and not counted", """
        SELECT * FROM (SELECT name, label, sum(value) AS counted FROM auth.metrics WHERE name IN ('auth.refresh.failures', 'auth.sign_in.failures') GROUP BY 1, 2) AS m
        FULL JOIN (SELECT CASE WHEN changes ? 'signIn' THEN 'auth.sign_in.failures' ELSE 'auth.refresh.failures' END AS name, reason AS label, count(*) AS audited
            FROM auth.audit_log l WHERE changes ? 'refreshToken' OR changes->'signIn'->>'current' = 'refused' GROUP BY 1, 2) AS a USING (name, label)
        WHERE counted IS DISTINCT FROM audited"""),
    ("refused and no incident, or the other way round", """
        SELECT * FROM (SELECT user_id, count(*) AS incidents FROM auth.incidents WHERE kind = 'refresh_failure' GROUP BY 1) AS i
        FULL JOIN (SELECT user_id, count(*) AS audited FROM auth.audit_log l WHERE changes ? 'refreshToken' AND user_id <> auth.nobody() GROUP BY 1) AS a USING (user_id)
        WHERE incidents IS DISTINCT FROM audited"""),
    ("reported and not counted, or counted and not reported", """
        SELECT * FROM (SELECT coalesce(sum(value), 0) AS counted FROM auth.metrics WHERE name = 'agent.refresh.failures') AS m,
            (SELECT count(*) AS reported FROM auth.incidents WHERE kind = 'refresh_failure' AND detected_at IS NOT NULL) AS i WHERE counted <> reported"""),
    ("a session without its audit entry, or an entry without its session", """
        SELECT * FROM auth.sessions s FULL JOIN (SELECT (metadata->>'sessionId')::uuid AS id FROM auth.audit_log l
            WHERE changes->'session'->>'current' = 'signed in' OR changes->'token'->>'current' = 'issued') AS a USING (id)
        WHERE s.id IS NULL OR a.id IS NULL OR s.user_id IS NULL"""),
    ("a revocation without its entry, or an entry without it", """
        SELECT * FROM (SELECT id FROM auth.sessions WHERE revoked_as = 'revoked' UNION SELECT session_id FROM auth.ended_sessions WHERE revoked_as = 'revoked') AS s
            FULL JOIN (SELECT (metadata->>'sessionId')::uuid AS id FROM auth.audit_log l WHERE changes->'session'->>'current' = 'revoked') AS a USING (id)
        WHERE s.id IS NULL AND NOT EXISTS (SELECT FROM auth.sessions o WHERE o.id = a.id AND o.revoked_at IS NOT NULL) OR a.id IS NULL"""),
    ("a sign-out half done", """
        SELECT s.id, s.revoked_as, r.session_id FROM auth.sessions s FULL JOIN auth.refresh_tokens r ON r.session_id = s.id
        WHERE s.id IS NULL OR s.origin = 'sign_in' AND (r.session_id IS NULL) <> (s.revoked_as IS NOT DISTINCT FROM 'signed_out'
            OR s.id IN (SELECT e.session_id FROM auth.ended_sessions e WHERE e.revoked_as = 'signed_out'))"""),
    ("a ban that is not its generation and its entry", """
        SELECT u.email, u.session_generation, a.bans FROM auth.users o CROSS JOIN LATERAL auth.standing(o) AS u CROSS JOIN LATERAL (SELECT count(*) AS bans FROM auth.audit_log l
            WHERE l.user_id = u.id AND l.changes->'bannedUntil'->>'current' IS NOT NULL) AS a WHERE u.session_generation <> a.bans"""),
    ("a principal without a beginning", """
        SELECT u.email FROM auth.users u WHERE (SELECT count(*) FROM auth.audit_log l WHERE l.user_id = u.id AND l.changes ? 'created') <> 1"""),
    ("more or fewer than one key for refresh tokens",
    "SELECT count(*) FROM auth.server_keys HAVING count(*) > 1"),
    ("an index that has other rows than its table", """
        SELECT n FROM (SELECT count(*) AS n FROM auth.sessions) AS t, (SELECT count(*) AS m FROM auth.users u JOIN auth.sessions s ON s.user_id = u.id) AS i WHERE n <> m"""),
))
