"""Two tables of a plan: resources by module, and IAM statements by role.

    report.py PLAN.json
"""

import json
import sys
from collections import Counter

from plan import Plan, listed


def main():
    plan = Plan(sys.argv[1])
    made = [change for change in plan.changes if change["mode"] == "managed"]
    modules = Counter(change.get("module_address", "(root)").removeprefix("module.") for change in made)
    print("| module | resources | types |\n|---|---:|---:|")
    for module, count in sorted(modules.items()):
        kinds = {c["type"] for c in made if c.get("module_address", "(root)").removeprefix("module.") == module}
        print(f"| {module} | {count} | {len(kinds)} |")
    print(f"| **all** | **{len(made)}** | **{len({c['type'] for c in made})}** |\n")

    print("| role policy | statement | effect | actions | resources |\n|---|---|---|---|---|")
    for address, values, _ in sorted(plan.resources("aws_iam_role_policy"), key=lambda r: r[0]):
        text = values.get("policy")
        if not text:
            print(f"| {address} | known after apply | | | |")
            continue
        for statement in json.loads(text)["Statement"]:
            actions = ", ".join(sorted(listed(statement["Action"])))
            resources = ", ".join(r.split(":", 5)[-1] for r in listed(statement["Resource"]))
            print(f"| {address} | {statement.get('Sid', '')} | {statement['Effect']} | {actions} | {resources} |")


if __name__ == "__main__":
    main()
