"""Kills a server that a storm of clients is busy with, again and again: ROUNDS times, by SEED. START is a
command that starts the server; DATA its folder."""

import os
import random
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "harness"))
from libpq import Connection, Lost  # noqa: E402
from storm import SETUP, Storm  # noqa: E402

DATA = os.environ["DATA"]
ROUNDS = int(os.environ.get("ROUNDS") or 4)
SEED = int(os.environ.get("SEED") or random.SystemRandom().randrange(1 << 30))


def postmaster():
    with open(os.path.join(DATA, "postmaster.pid"), encoding="ascii") as file:
        return int(file.readline())


def children(parent):
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
                fields = file.read().rsplit(")", 1)[1].split()
            with open(f"/proc/{pid}/cmdline", encoding="utf-8", errors="replace") as file:
                title = file.read()
            if int(fields[1]) == parent and fields[0] != "Z":
                found.append((int(pid), title))
        except (FileNotFoundError, ProcessLookupError):
            pass
    return found


def kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def runs():
    """What was to be killed as it began may have come up."""
    try:
        return state(postmaster()) != "Z"
    except (FileNotFoundError, ValueError):
        return False


def start():
    deadline = time.monotonic() + 60
    while not runs() and subprocess.run(os.environ["START"], shell=True, stdin=subprocess.DEVNULL,
            capture_output=True, check=False).returncode != 0:
        if time.monotonic() > deadline:
            raise SystemExit("not ok - the server starts again")
        time.sleep(0.2)


def connect():
    deadline = time.monotonic() + 60
    while True:
        try:
            return Connection()
        except Lost as error:
            if time.monotonic() > deadline:
                raise SystemExit(f"not ok - the server answers again: {error}") from error
            time.sleep(0.05)


class Killer:
    """Each way takes processes away with no chance to tidy up."""

    def __init__(self, dice):
        self.dice, self.kills = dice, {}

    def strike(self):
        way = self.dice.choice(("backend", "backends", "postmaster", "everything", "everything",
            "helper", "twice"))
        head = postmaster()
        all_of_it = children(head)
        backends = [pid for pid, title in all_of_it if "postgres: postgres" in title]
        others = [pid for pid, title in all_of_it if pid not in backends and "logical" not in title]
        if way == "backend":
            self.take(way, self.dice.sample(backends, min(1, len(backends))))
        elif way == "backends":
            self.take(way, self.dice.sample(backends, min(3, len(backends))))
        elif way == "helper":  # checkpointer, writer, WAL writer, ...
            self.take(way, self.dice.sample(others, min(1, len(others))))
        elif way == "postmaster":
            self.take(way, [head])
            self.wait_for_end(head, all_of_it)
            start()
        else:
            self.take(way, [head] + [pid for pid, _ in all_of_it])
            self.wait_for_end(head, all_of_it)
            if way == "twice":  # and in the middle of the recovery
                begun = subprocess.Popen(os.environ["START"], shell=True, stdin=subprocess.DEVNULL,
                                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                time.sleep(self.dice.uniform(0.05, 0.25))
                try:
                    again = postmaster()
                    if again != head:
                        found = children(again)
                        self.take(way, [again] + [pid for pid, _ in found])
                        self.wait_for_end(again, found)
                except (FileNotFoundError, ValueError):
                    pass
                begun.wait(90)
            start()
        return way

    def take(self, way, pids):
        for pid in pids:
            kill(pid)
        self.kills[way] = self.kills.get(way, 0) + 1

    @staticmethod
    def wait_for_end(head, found):
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and any(os.path.exists(f"/proc/{pid}")
                and state(pid) != "Z" for pid in [head] + [p for p, _ in found]):
            time.sleep(0.02)


def state(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "Z"


def answers(storm):
    return sum(v for k, v in dict(storm.acts).items() if not k.startswith("left"))


def main():
    print(f"# {ROUNDS} rounds, SEED={SEED}", flush=True)
    dice = random.Random(SEED)
    connect().rows(SETUP)
    storm, killer, faults = Storm(8, dice.random()), Killer(dice), []
    for number in range(ROUNDS):
        before, deadline = answers(storm), time.monotonic() + 30
        storm.begin()
        while answers(storm) < before + 10 and time.monotonic(
                ) < deadline:  # however slow the machine is
            time.sleep(0.02)
        time.sleep(dice.uniform(0, 1))
        way = killer.strike()
        storm.end()
        conn = connect()
        found = [f"round {number}, {way}: {fault}" for fault in storm.check(conn)]
        conn.close()
        faults += found
        if found:
            print("\n".join(found[:10]), flush=True)
            break
    acts = {k: v for k, v in sorted(storm.acts.items())}
    answered = answers(storm)
    unanswered = sum(v for k, v in acts.items() if k.startswith("left"))
    print("# " + ", ".join(f"{k} {v}" for k, v in acts.items()))
    print("# kills: " + ", ".join(f"{k} {v}" for k, v in sorted(killer.kills.items())))
    print(f"{'not ok' if faults else 'ok'} - {number + 1} crashes, {answered} answers, {unanswered} left unanswered: nothing lost")
    print(f"{'ok' if unanswered > 0 and answered >= 10 * (number + 1) else 'not ok'} - the crashes came in the middle of things")


if __name__ == "__main__":
    main()
