"""Usage: revocation.py BEFORE NOW (connection strings). Each measurement alternates between the two servers.
CPU time is that of /proc/PID/schedstat, which is exact."""

import os
import statistics
import sys
import time

from libpq import Connection

REQUESTS = int(os.environ.get("BENCH_REQUESTS", 120))
failed = []


def cpu(*backends):
    """Microseconds that they have run."""
    total = 0
    for backend in backends:
        with open(f"/proc/{backend.pid}/schedstat", encoding="ascii") as stat:
            total += int(stat.read().split()[0])
    return total / 1000


def ratio(name, value, limit, more=""):
    print(f"ratio revocation_{name} {value:.2f} (at most {limit}){more}", flush=True)
    if value > limit:
        failed.append(name)


class Server:
    def __init__(self, conninfo):
        self.conninfo = conninfo
        self.operator = self.connect()
        self.operator.rows("SET synchronous_commit = off")
        self.operator.rows(
            "SELECT auth.push_people('[{\"email\": \"a@example.com\", \"name\": \"A\"},"
                           " {\"email\": \"b@example.com\", \"name\": \"B\"}]'), auth.provision()")

    def connect(self, token=None):
        connection = Connection(self.conninfo)
        if token:
            connection.rows("SELECT set_config('pg_principal.token', $1, false)", token)
        return connection

    def key(self, alg):
        """The only one that is in use and, but for those that another call leaves, the only one."""
        self.operator.rows("DELETE FROM auth.signing_keys")
        return self.operator.rows("SELECT auth.create_signing_key($1)", alg)[0][0]

    def more_keys(self):
        self.operator.rows("SELECT auth.create_signing_key(alg, false)"
                           " FROM unnest('{HS256,ES256,RS256,EdDSA,ES384,PS256,HS512}'::text[]) AS alg")

    def token(self):
        return self.operator.rows("SELECT auth.issue('a@example.com')")[0][0]

    def sessions(self, count):
        return [row[0] for row in self.operator.rows(
            "SELECT (auth.issue_token('b@example.com', '8760h', 'n' || i)).session_id FROM generate_series(1, $1::int) AS i",
            count)]


def each_request(servers, readers, before_each):
    """The CPU of one request on each server, the lower quartile, which other load disturbs least, after BEFORE_EACH."""
    spent = [[] for _ in servers]
    for i in range(REQUESTS):
        for n, server in enumerate(servers):
            before_each(server, n, i)
            begun = cpu(readers[n])
            readers[n].rows("SELECT auth.uid()")
            spent[n].append(cpu(readers[n]) - begun)
    return [sorted(times)[len(times) // 4] for times in spent]


def storm(servers, alg, keys, share):
    for server in servers:
        server.key(alg)
    readers = [server.connect(server.token()) for server in servers]
    for n, server in enumerate(servers):
        if keys > 1:
            server.more_keys()
        readers[n].rows("SELECT auth.uid()")
    sessions = [server.sessions(REQUESTS) for server in servers]
    # as much work, so that caches are as cold, that concerns no token
    quiet = each_request(servers, readers, lambda server, n,
        i: server.operator.rows("SELECT auth.issue('b@example.com')"))
    work = readers[1].rows("SELECT signatures, keys FROM auth.backend_proofs()")
    kinds = {
        "session": lambda server, n, i: server.operator.rows("SELECT auth.revoke_session($1)",
        sessions[n][i]),
        "ban": lambda server, n, i: server.operator.rows("SELECT auth.ban('b@example.com')"),
    }
    for kind, change in kinds.items():
        before, now = each_request(servers, readers, change)
        added = max(now - quiet[1], 0) / max(before - quiet[0], 1)
        what = f"{alg}_{keys}_keys_foreign_{kind}"
        ratio(f"{what}_added", added, share,
              f": {quiet[0]:.0f} to {before:.0f} us before, {quiet[1]:.0f} to {now:.0f} us now")
        ratio(f"{what}_of_quiet", now / quiet[1], 2)
    if readers[1].rows("SELECT signatures, keys FROM auth.backend_proofs()") != work:
        failed.append(f"{alg}: something was proved again")
    if keys > 1:
        touched = "UPDATE auth.signing_keys SET retired_at = clock_timestamp() WHERE kid = (SELECT kid FROM" \
            " auth.signing_keys WHERE state = 'standby' ORDER BY kid LIMIT 1)"
        before, now = each_request(servers, readers, lambda server, n,
            i: server.operator.rows(touched))
        ratio(f"{alg}_foreign_key_of_quiet", now / quiet[1], 5,
            f" ({before / quiet[0]:.2f} before)")
    else:
        own = "UPDATE auth.users SET app_role = CASE app_role WHEN 'ANALYST' THEN 'AUDITOR' ELSE 'ANALYST' END" \
            " WHERE email = 'a@example.com'"
        before, now = each_request(servers, readers, lambda server, n, i: server.operator.rows(own))
        print(f"revocation: {alg}, its own principal changed before each request, so that two rows are read again:"
              f" {max(now - quiet[1], 0):.0f} us added now, {before - quiet[0]:.0f} us before",
              flush=True)
    for server in servers:
        server.operator.rows("SELECT auth.unban('b@example.com')")


def known(servers):
    """Requests of a pooled connection with a token that it knows, undisturbed."""
    for server in servers:
        server.key("HS256")
    tokens = [server.token() for server in servers]
    readers = [server.connect() for server in servers]
    sql = [f"BEGIN; SET LOCAL pg_principal.token = '{token}'; SELECT auth.uid(); COMMIT"
        for token in tokens]
    ratios = []
    for _ in range(25):
        spent = []
        for reader, request in zip(readers, sql):
            begun = cpu(reader)
            for _ in range(400):
                reader.rows(request)
            spent.append(cpu(reader) - begun)
        ratios.append(spent[1] / spent[0])
    ratio("known_token", statistics.median(ratios), 1.02)


def first(servers):
    for alg in ("HS256", "ES256", "EdDSA", "RS256"):
        tokens = []
        for server in servers:
            server.key(alg)
            server.more_keys()
            tokens.append(server.token())
        spent = [[] for _ in servers]
        for _ in range(80):
            for n, server in enumerate(servers):
                connection = server.connect(tokens[n])
                begun = cpu(connection)
                connection.rows("SELECT auth.uid()")
                spent[n].append(cpu(connection) - begun)
                connection.close()
        before, now = (statistics.median(times) for times in spent)
        print(f"revocation: first auth.uid() of a connection, {alg}, 8 keys: {before:.0f} us before, {now:.0f} us now,"
              f" ratio {now / before:.2f} (goal: at most 0.5)", flush=True)


def ban(servers):
    """Durable bans of somebody nobody holds: their time, and what they cost the operator's backend. Each is lifted again."""
    operators = [server.connect() for server in servers]
    took, spent = [[] for _ in servers], [[] for _ in servers]
    for server in servers:
        server.key("ES256")
        server.sessions(5)
    for i in range(20 + 300):
        for n in (0, 1) if i % 2 else (1, 0):
            cost, since = cpu(operators[n]), time.monotonic()
            operators[n].rows("SELECT auth.ban('b@example.com')")
            if i >= 20:
                took[n].append(time.monotonic() - since)
                spent[n].append(cpu(operators[n]) - cost)
            operators[n].rows("SELECT auth.unban('b@example.com')")
    before, now = (statistics.median(times) * 1000 for times in took)
    cpu_before, cpu_now = (statistics.median(costs) for costs in spent)
    ratio("ban", now / before, 1.1, f": {before:.2f} ms before, {now:.2f} ms now;"
        f" of processor time {cpu_before:.0f} and {cpu_now:.0f} us, {cpu_now / cpu_before:.2f}")


def idle(servers, revocations=5000, backends=20):
    """Backends that know a token and sleep while sessions of others are revoked one by one, then ask once."""
    totals = []
    for n, server in enumerate(servers):
        server.key("ES256")
        token = server.token()
        operator = server.connect()
        operator.rows("SET synchronous_commit = off")

        def revoke(count):
            sessions = operator.rows(
                "INSERT INTO auth.sessions (user_id, expires_at) SELECT id, 'infinity' FROM auth.users,"
                                     " generate_series(1, $1::int) WHERE email = 'b@example.com' RETURNING id",
                                     count)
            begun = cpu(operator)
            for session, in sessions:
                operator.rows("UPDATE auth.sessions SET revoked_at = now() WHERE id = $1", session)
            return cpu(operator) - begun

        alone = revoke(revocations)
        readers = [server.connect(token) for _ in range(backends)]
        for reader in readers:
            reader.rows("SELECT auth.uid()")
        begun = cpu(*readers)
        for reader in readers:
            reader.rows("SELECT auth.uid()")
        quiet = cpu(*readers) - begun
        begun = cpu(*readers)
        beside = revoke(revocations)
        caught_up = cpu(*readers) - begun
        for reader in readers:
            reader.rows("SELECT auth.uid()")
        spent = cpu(*readers) - begun
        totals.append(((beside + spent) / (alone + quiet), spent))
        print(f"revocation: {backends} idle backends, {revocations} revocations, {('before', 'now')[n]}: {caught_up / 1000:.1f} ms to keep"
              f" up and {(spent - caught_up) / 1000:.1f} ms to answer once (undisturbed {quiet / 1000:.1f} ms); whoever"
              f" revokes {beside / 1000:.0f} ms (alone {alone / 1000:.0f} ms)", flush=True)
    ratio("idle_total", totals[1][0], 2,
        f" ({totals[0][0]:.2f} before); the backends alone {totals[1][1] / totals[0][1]:.2f} of before")


def main():
    servers = [Server(conninfo) for conninfo in sys.argv[1:3]]
    parts = os.environ.get("BENCH_PARTS", "known idle first ban storm").split()
    for part in (known, idle, first, ban):
        if part.__name__ in parts:
            part(servers)
    for keys in (1, 8) if "storm" in parts else ():
        for alg, share in (("HS256", 0.25), ("ES256", 0.1), ("EdDSA", 0.1), ("RS256", 0.034)):
            storm(servers, alg, keys, share)
    for name in failed:
        print(f"revocation: over its limit: {name}")
    sys.exit(1 if failed else 0)


main()
