"""Usage: several_backends.py SEED SECONDS PRIMARY STANDBY SUBSCRIBER (connection strings). After each step that commits
every backend says who is alive, as the model does, and has verified no signature a second time."""

import random
import sys
import time

from libpq import Connection, Lost, Refused

SETUP = """
CREATE FUNCTION regress_ask(token text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('pg_principal.token', token, false);
    RETURN auth.email() IS NOT NULL;
EXCEPTION WHEN invalid_authorization_specification THEN
    RETURN false;
END $$"""
ASK = "SELECT regress_ask(t) FROM unnest($1::text[]) WITH ORDINALITY AS u (t, n) ORDER BY n"
BEGINS = {"autocommit": None, "read committed": "BEGIN ISOLATION LEVEL READ COMMITTED",
          "repeatable read": "BEGIN ISOLATION LEVEL REPEATABLE READ"}


class Token:
    def __init__(self, owner, key, generation, text, session):
        self.owner, self.key, self.generation, self.text, self.session = owner, key, generation, text, session


class State:
    """What is committed, or will be with an open transaction: copied at each BEGIN and SAVEPOINT."""

    def __init__(self):
        self.generation, self.banned, self.dead_sessions, self.dead_keys = {}, set(), set(), set()

    def copy(self):
        other = State()
        other.generation, other.banned = dict(self.generation), set(self.banned)
        other.dead_sessions, other.dead_keys = set(self.dead_sessions), set(self.dead_keys)
        return other

    def lives(self, token):
        return (token.key not in self.dead_keys and token.session not in self.dead_sessions
                and token.owner not in self.banned and self.generation[token.owner]
                == token.generation)


class Backend:
    def __init__(self, where, conninfo, mode, dice):
        self.name, self.mode, self.dice = f"{where}, {mode}", mode, dice
        self.conninfo = conninfo
        self.connect()

    def connect(self):
        self.connection = Connection(self.conninfo)
        self.connection.rows("PREPARE ask (text[]) AS " + ASK.replace("$1::text[]", "$1"))
        self.left = 0  # steps until its transaction ends
        self.proved = set()

    def ask(self, tokens):
        begin = BEGINS[self.mode]
        if begin and self.left == 0:
            self.connection.rows(begin)
            self.left = self.dice.randint(1, 8)
        texts = "{" + ",".join(token.text for token in tokens) + "}"
        if self.dice.random() < 0.5:
            rows = self.connection.rows(f"EXECUTE ask ('{texts}')")
        else:
            rows = self.connection.rows(ASK, texts)
        if begin:
            self.left -= 1
            if self.left == 0:
                self.connection.rows(self.dice.choice(("COMMIT", "ROLLBACK")))
        return [row[0] == "t" for row in rows]

    def signatures(self):
        return int(self.connection.rows("SELECT signatures FROM auth.backend_proofs()")[0][0])

    def check(self, tokens, state, history):
        """On a standby PostgreSQL ends whoever still looks at rows that replay is to remove: they begin anew."""
        try:
            self.check_once(tokens, state, history)
        except (Lost, Refused) as error:
            if "conflict with recovery" not in str(error):
                raise
            self.connect()
            self.check_once(tokens, state, history)

    def check_once(self, tokens, state, history):
        living = [token for token in tokens if state.lives(token)]
        before = self.signatures()
        if not all(self.ask(living)):
            raise AssertionError(f"{self.name}: refused a token that lives; {history}")
        verified = self.signatures() - before
        fresh = sum(token.text not in self.proved for token in living)
        self.proved.update(token.text for token in living)
        if verified > fresh:
            raise AssertionError(
                f"{self.name}: verified {verified} signatures, {fresh} tokens are new to it; {history}")
        dead = [token for token in tokens if not state.lives(token)]
        if any(self.ask(dead)):
            raise AssertionError(f"{self.name}: a dead token lives; {history}")


class Operator:
    """One connection that changes people of its own, so that no two wait for each other; the first one changes keys, too."""

    def __init__(self, conninfo, people):
        self.connection, self.people = Connection(conninfo), people
        self.undone, self.saved, self.is_open = [], None, False


class Model:
    def __init__(self, seed, primary, standby, subscriber):
        self.dice = random.Random(seed)
        self.primary = Connection(primary)
        self.primary.rows(SETUP)
        Connection(subscriber).rows(SETUP)
        people = [f"p{i}@example.com" for i in range(6)]
        self.primary.rows(
            "SELECT auth.push_people((SELECT jsonb_agg(jsonb_build_object('email', p, 'name', 'P', 'kind', 'service_account'))"
                          " FROM unnest($1::text[]) AS p))", "{" + ",".join(people) + "}")
        self.primary.rows("SELECT auth.provision()")
        self.state, self.tokens, self.history = State(), [], []
        self.state.generation = {person: 0 for person in people}
        self.make_key()
        self.operators = [Operator(primary, people[:3]), Operator(primary, people[3:])]
        self.backends = [Backend(where, conninfo, mode, self.dice) for where, conninfo in
                         (("primary", primary), ("primary", primary), ("standby", standby),
                         ("subscriber", subscriber)) for mode in BEGINS]
        self.pending = {
            }  # an operator's open transaction: what it does to the state when it commits

    def make_key(self):
        self.key = self.primary.rows("SELECT auth.create_signing_key($1)",
            self.dice.choice(("HS256", "ES256", "EdDSA")))[0][0]

    def issue(self, person):
        self.tokens.append(Token(person, self.key, self.state.generation[person],
            *self.primary.rows(
            "SELECT token, session_id FROM auth.issue_token($1)", person)[0]))

    # Each change: (what is executed, what it does to a state)
    def change(self, operator):
        mine = [token for token in self.tokens if token.owner in operator.people]
        person = self.dice.choice(operator.people)
        kind = self.dice.choice(("ban", "unban", "revoke", "revoke", "key", "role"))
        if kind == "revoke" and mine:
            session = self.dice.choice(mine).session
            return "SELECT auth.revoke_session($1)", session, lambda state: state.dead_sessions.add(
                session)
        if kind == "ban":
            def ban(state):
                state.banned.add(person)
                state.generation[person] += 1
            return "SELECT auth.ban($1)", person, ban
        if kind == "unban":
            return "SELECT auth.unban($1)", person, lambda state: state.banned.discard(person)
        keys = {token.key for token in self.tokens} - {self.key} - self.state.dead_keys
        if kind == "key" and keys and operator is self.operators[0]:
            key = self.dice.choice(sorted(keys))
            if self.dice.random() < 0.5:
                return "UPDATE auth.signing_keys SET retired_at = clock_timestamp() WHERE kid = $1", key, lambda state: None
            return "SELECT auth.revoke_signing_key($1)", key, lambda state: state.dead_keys.add(key)
        return ("UPDATE auth.users SET app_role = CASE app_role WHEN 'ANALYST' THEN 'AUDITOR' ELSE 'ANALYST' END"
                " WHERE email = $1"), person, lambda state: None

    def act(self, operator):
        """True when something was committed."""
        open_ = self.pending.get(operator)
        roll = self.dice.random()
        if open_ is not None and roll < 0.4:
            commits = self.dice.random() < 0.5
            operator.connection.rows("COMMIT" if commits else "ROLLBACK")
            self.history.append("commit" if commits else "rollback")
            if commits:
                for effect in open_:
                    effect(self.state)
            del self.pending[operator]
            return True
        if open_ is None and roll < 0.3:
            operator.connection.rows("BEGIN")
            self.history.append("begin")
            self.pending[operator] = []
            return False
        sql, argument, effect = self.change(operator)
        undo = open_ is not None and self.dice.random() < 0.3
        if undo:
            operator.connection.rows("SAVEPOINT s")
        operator.connection.rows(sql, argument)
        self.history.append(sql.split("(")[0].replace("SELECT auth.", "") + (" undone" if undo
            else ""))
        if undo:
            operator.connection.rows("ROLLBACK TO s")
        elif open_ is None:
            effect(self.state)
        else:
            open_.append(effect)
        return True

    def run(self, seconds):
        until, steps = time.monotonic() + seconds, 0
        while time.monotonic() < until or steps < 40:
            steps += 1
            if not self.pending:
                if self.dice.random() < 0.1:
                    self.make_key()
                person = self.dice.choice(sorted(self.state.generation))
                if person not in self.state.banned:
                    self.issue(person)
                self.tokens = self.tokens[-16:]
            if self.act(self.dice.choice(self.operators)):
                for backend in self.backends:
                    backend.check(self.tokens, self.state, self.history[-12:])
        return steps


def main():
    model = Model(int(sys.argv[1]), *sys.argv[3:6])
    try:
        steps = model.run(float(sys.argv[2]))
    except AssertionError as error:
        print(f"not ok - {error}")
        sys.exit(1)
    dead = sum(not model.state.lives(token) for token in model.tokens)
    print(f"ok - {steps} steps, {len(model.backends)} backends: none takes a dead token for a living one, none proves twice"
          f" ({dead} of the last {len(model.tokens)} are dead)")


main()
