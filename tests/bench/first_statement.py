"""The processor time of a backend for the first statement of a connection: by token against scram-sha-256, in turns.

first_statement.py HOST PORT: PGPASSWORD_app and PGPASSWORD_scram in the environment. Prints both medians in microseconds.
"""

import os
import statistics
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "harness"))
from libpq import Connection  # noqa: E402


def used(pid):
    with open(f"/proc/{pid}/schedstat", encoding="ascii") as file:
        return int(file.read().split()[0])


taken = {"app": [], "scram": []}
for _ in range(150):
    for role, times in taken.items():
        connection = Connection(
            f"host={sys.argv[1]} port={sys.argv[2]} user={role} password={os.environ['PGPASSWORD_' + role]} dbname=postgres sslmode=require")
        before = used(connection.pid)
        assert connection.rows("SELECT count(*) FROM plain") == [("100",)]
        times.append((used(connection.pid) - before) / 1000)
        connection.close()
print(f"{statistics.median(taken['app']):.0f} {statistics.median(taken['scram']):.0f}")
