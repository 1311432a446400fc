"""Usage: provision.py BEFORE NOW (connection strings). Each step runs on one server and then on the other; nothing is
analysed but what autovacuum does. Within one connection: its plans are those made when the tables were empty."""

import os
import sys

from libpq import Connection

PEOPLE = int(os.environ.get("BENCH_PEOPLE", 100000))
PUSH = f"""SELECT auth.push_people((SELECT jsonb_agg(jsonb_build_object('email', 'person-' || i || '@example.com',
    'name', 'Person ' || i, 'github_username', 'person' || i, 'team', 'team-' || i / 10))
    FROM generate_series(1, {PEOPLE}) AS i))"""
PROVISION = "SELECT * FROM auth.provision()"
LEAVE = "DELETE FROM auth.organization_people"
# what, statement, what it may take of what it took before (None: no goal)
STEPS = (("nothing, nobody", PROVISION, None), ("push", PUSH, None), ("create", PROVISION, 0.5),
    ("nothing to do", PROVISION, 1.05),
         ("remove", LEAVE, None), ("ban", PROVISION, 0.25), ("nothing, all gone", PROVISION, 1.05),
         ("push again", PUSH, None), ("restore", PROVISION, 0.5), ("nothing, all back", PROVISION,
         1.05),
         ("remove again", LEAVE, None), ("ban again", PROVISION, 0.25))


def cpu(backend):
    """Milliseconds that it has run."""
    with open(f"/proc/{backend.pid}/schedstat", encoding="ascii") as stat:
        return int(stat.read().split()[0]) / 1e6


def own_memory(backend):
    """Megabytes that it does not share."""
    with open(f"/proc/{backend.pid}/smaps_rollup", encoding="ascii") as smaps:
        return sum(int(line.split()[1]) for line in smaps if line.startswith("Anonymous:")) / 1024


servers = [Connection(conninfo) for conninfo in sys.argv[1:3]]
over = False
for what, sql, goal in STEPS:
    spent, answers = [], []
    for server in servers:
        begun = cpu(server)
        answers.append(server.rows(sql))
        spent.append(cpu(server) - begun)
    if answers[0] != answers[1]:
        print(f"provision: {what}: {answers[0]} before, {answers[1]} now")
        over = True
    value = spent[1] / spent[0]
    print(f"provision: {PEOPLE} rows, {what}: {spent[0]:.0f} ms before, {spent[1]:.0f} ms now, {1000 * spent[1] / PEOPLE:.1f} us a row;"
          f" ratio {value:.2f}{'' if goal is None else f' (goal: at most {goal})'};"
          f" memory {own_memory(servers[0]):.0f} and {own_memory(servers[1]):.0f} MB", flush=True)
    over = over or value > 1.3  # with nothing to do others' load decides
sys.exit(1 if over else 0)
