"""Whether one kind of call takes as long as another, from "ROUND ~ KIND ~ MICROSECONDS" lines of rounds that hold each kind once.

usage: timing.py [--within MICROSECONDS] BASE KIND..; a difference of more than a fiftieth of BASE is found, one whose
median is not known to within that many microseconds is too noisy to tell
"""

import argparse
import random
import statistics
import sys

random.seed(1)
parser = argparse.ArgumentParser()
parser.add_argument("--within", type=float, default=float("inf"))
parser.add_argument("base")
parser.add_argument("kinds", nargs="+")
given = parser.parse_args()
took = {}
for line in sys.stdin:
    number, kind, us = line.split(" ~ ")
    took.setdefault(int(number), {})[kind] = float(us)


def tenth(values):
    return sorted(values)[len(values) // 10]


def interval(pairs, statistic):
    """99.9 %, by drawing whole rounds."""
    draws = sorted(statistic(random.choices(pairs, k=len(pairs))) for _ in range(2000))
    return draws[1], draws[-2]


for kind in given.kinds:
    pairs = [(times[kind], times[given.base]) for times in took.values() if kind in times
        and given.base in times]
    middle = statistics.median(b for _, b in pairs)
    good, shown = "ok", []
    for name, statistic in (("median", lambda p: statistics.median(a - b for a, b in p)),
                            ("quickest tenth",
                            lambda p: tenth([a for a, _ in p]) - tenth([b for _, b in p]))):
        low, high = interval(pairs, statistic)
        verdict = ""
        if low > middle / 50 or high < -middle / 50:
            good, verdict = "not ok", ", found"
        elif name == "median" and (low < -given.within or high > given.within):
            good, verdict = "not ok", ", too noisy to tell"
        shown.append(f"{name} {low:.0f} to {high:.0f} us{verdict}")
    print(f"{good} - {kind} beside {given.base} ({middle:.0f} us, {len(pairs)} rounds): {'; '.join(shown)}")
