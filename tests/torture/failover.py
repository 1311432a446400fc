"""A storm on a primary with a synchronous standby; the primary is killed, the standby promoted: what was promised
is so there. DATA: the primary's folder; STANDBY: how libpq reaches the standby; PROMOTE: a command."""

import os
import random
import subprocess
import sys
import time

HERE = os.path.dirname(__file__)
sys.path[:0] = [os.path.join(HERE, "..", "harness"), os.path.join(HERE, "..", "system")]
from crash import children, kill, postmaster  # noqa: E402
from libpq import Connection  # noqa: E402
from storm import SETUP, Storm  # noqa: E402


def main():
    seed = int(os.environ.get("SEED") or random.SystemRandom().randrange(1 << 30))
    dice = random.Random(seed)
    Connection().rows(SETUP)
    storm = Storm(6, dice.random(), agents_each=2)
    storm.begin()
    time.sleep(dice.uniform(2, 5))
    head = postmaster()
    for pid in [head] + [pid for pid, _ in children(head)]:
        kill(pid)
    storm.end()
    subprocess.run(os.environ["PROMOTE"], shell=True, check=True, stdin=subprocess.DEVNULL)
    faults = storm.check(Connection(os.environ["STANDBY"]))
    answered = sum(v for k, v in storm.acts.items() if not k.startswith("left"))
    unanswered = sum(v for k, v in storm.acts.items() if k.startswith("left"))
    print(f"# SEED={seed}: {answered} answers, {unanswered} left unanswered")
    for fault in faults[:10]:
        print(f"    {fault}")
    print(f"{'not ok' if faults or answered < 50 else 'ok'} - promoted in the middle of a storm: nothing acknowledged is lost, what was not can be asked for again")


main()
