"""Reads what auto_explain tells as JSON: no node of a plan looks at more than forty rows for each of the people."""
import json
import re
import sys

people = int(sys.argv[1])


def nodes(plan):
    yield plan
    for child in plan.get("Plans", []):
        yield from nodes(child)


def looked_at(node):
    return node["Actual Loops"] * (node["Actual Rows"] + sum(
        node.get("Rows Removed by " + why, 0) for why in ("Filter", "Join Filter", "Index Recheck")))


plans = [json.loads(text) for text in re.findall(r"^\{\n.*?^\}", sys.stdin.read(), re.M | re.S)]
print("ok" if len(plans) > 20 else "not ok", f"- {len(plans)} plans of statements that took a while")
for plan in plans:
    worst = max(nodes(plan["Plan"]), key=looked_at)
    if looked_at(worst) > 40 * people:
        print("not ok -", looked_at(worst), "rows in", worst["Node Type"], "of", " ".join(plan["Query Text"].split())[:300])
        break
else:
    print(f"ok - none looks at more than 40 rows for each of {people} people")
