"""Two tables of plans: resources by module for each, and the last one's IAM statements by component.

    report.py PLAN.json...

What a plan does not know yet is given as it is written: a reference to what will be made.
"""

import json
import re
import sys
from collections import Counter

from plan import Plan, listed


def module_of(change):
    return change.get("module_address", "(root)").removeprefix("module.")


def resources_by_module(plans):
    made = {plan.name: [c for c in plan.changes if c["mode"] == "managed"] for plan in plans}
    counts = {name: Counter(map(module_of, changes)) for name, changes in made.items()}
    modules = sorted(set().union(*counts.values()))
    rows = [[module, *(count[module] for count in counts.values())] for module in modules]
    rows.append(["**all**", *(f"**{len(changes)}**" for changes in made.values())])
    rows.append(["types", *(len({c["type"] for c in changes}) for changes in made.values())])
    return table(["module", *made], rows, "|---|" + "---:|" * len(made))


def statements_by_component(plan):
    rows = []
    for address, values, _ in sorted(plan.resources("aws_iam_role_policy"), key=lambda r: r[0]):
        name = address.removeprefix("module.").replace("aws_iam_role_policy.", "")
        text = values.get("policy")
        found = known(json.loads(text)) if text else plan.statements(address)
        if not found:
            raise KeyError(f"{address} has no statements that could be shown")
        rows += [[name, *row] for row in found]
    heads = ["component's policy", "statement", "effect", "actions", "resources", "on condition of"]
    return table(heads, rows, "|---|---|---|---|---|---|")


def known(policy):
    for statement in policy["Statement"]:
        yield [
            statement["Sid"],
            statement["Effect"],
            ", ".join(sorted(listed(statement["Action"]))),
            ", ".join(plain(r) for r in sorted(listed(statement["Resource"]))),
            ", ".join(sorted(key for test in statement.get("Condition", {}).values() for key in test)),
        ]


def plain(arn):
    """Without what differs by account."""
    return re.sub(r"\b\d{12}\b", "ACCOUNT", arn.split(":", 5)[-1])


def table(heads, rows, rule):
    lines = ["| " + " | ".join(map(str, row)) + " |" for row in [heads, *rows]]
    # A star alone would be read as emphasis.
    return "\n".join([lines[0], rule, *lines[1:]]).replace("| * |", "| `*` |")


def main():
    plans = [Plan(path) for path in sys.argv[1:]]
    print("# What Terraform makes\n")
    print("Printed by `terraform/tables.sh`; `terraform/check.sh tables` fails when it is not true.\n")
    print("## Resources by module\n")
    print(resources_by_module(plans))
    print(f"\n## IAM statements by component ({plans[-1].name})\n")
    print("A resource in braces is known only once it exists.\n")
    print(statements_by_component(plans[-1]))


if __name__ == "__main__":
    main()
