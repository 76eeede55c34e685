"""Holds Terraform and the code together: variables, actions, alarms, names.

    check.py --root WORKSPACE PLAN.json...

Prints each disagreement and exits 1 when there is one. `checks` at the end lists what is compared.
"""

import argparse
import json
import re
import sys
from pathlib import Path

import rust
import sdk
from plan import Plan, allowed

POLICIES = {
    "agent": "module.fleet.aws_iam_role_policy.agent",
    "upload-handler": "module.upload_api.aws_iam_role_policy.handler",
    "ingest": "module.upload_api.aws_iam_role_policy.ingest",
    "scale-in-guard": "module.scale_in_guard.aws_iam_role_policy.guard",
}

# Policy documents of the same programs that name what has no ARN before it exists.
LATER = {"ingest": ["module.upload_api.aws_iam_policy_document.ingest_edges"]}

FUNCTIONS = {
    "upload-handler": "module.upload_api.aws_lambda_function.handler",
    "ingest": "module.upload_api.aws_lambda_function.ingest",
    "scale-in-guard": "module.scale_in_guard.aws_lambda_function.guard",
}

REDIS_USERS = {"agent": "agent", "upload-handler": "handler", "scale-in-guard": "guard"}


class Workspace:
    def __init__(self, root):
        self.root = Path(root)
        self.programs = {
            "agent": rust.Program(root, "fleet-agent", "main.rs"),
            "upload-handler": rust.Program(root, "upload-handler", "main.rs"),
            "ingest": rust.Program(root, "upload-handler", "bin/ingest.rs"),
            "scale-in-guard": rust.Program(root, "scale-in-guard", "main.rs"),
        }
        # What stands on a machine beside the agent, with the agent's role.
        self.machine = "\n".join(p.read_text() for p in sorted((self.root / "ami/files").glob("*.sh")))

    def read(self, path):
        return (self.root / path).read_text()


def differ(what, have, want, have_name, want_name):
    have, want = set(have), set(want)
    if have - want:
        yield f"{what}: only in {have_name}: {', '.join(sorted(have - want))}"
    if want - have:
        yield f"{what}: only in {want_name}: {', '.join(sorted(want - have))}"


def environment(work, plan):
    """Every variable that a program reads is set or can be, and nothing else is."""
    written = set(re.findall(r'echo "(FRAMEFLEET_[A-Z_]+)=', work.machine))
    fleet = plan.json["variables"]["fleet"]["value"]
    for name, program in work.programs.items():
        read, required = program.settings
        optional = set(plan.outputs["optional_settings"]["value"][name])
        if name == "agent":
            always = plan.parameters(f"/framefleet/{fleet}/agent/") | written
        else:
            always = plan.environment(FUNCTIONS[name])
        yield from differ(f"variables of {name}", always | optional, read, "Terraform", "the source")
        missing = required - always
        if missing:
            yield f"variables of {name}: required, but not always set: {', '.join(sorted(missing))}"


def actions(work, plan):
    """Every AWS action that a program's code needs is allowed, and none more."""
    for name, program in work.programs.items():
        needed = sdk.actions(program)
        if name == "agent":
            needed |= sdk.script_actions(work.machine)
        have = allowed(plan.policy(POLICIES[name]))
        for document in LATER.get(name, []):
            have |= plan.configured(document)
        yield from differ(f"actions of {name}", have, sdk.with_implied(needed), "its policy", "the source")


def narrow(work, plan):
    """No action is a pattern, and only metrics, which have no resources, are allowed everywhere."""
    for address, values, _ in plan.resources("aws_iam_role_policy"):
        code = address in POLICIES.values()
        for statement in json.loads(values.get("policy") or '{"Statement": []}')["Statement"]:
            listed = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
            wide = [action for action in listed if "*" in action]
            if wide:
                yield f"{address} allows {', '.join(wide)}"
            if code and statement["Resource"] == "*" and listed != ["cloudwatch:PutMetricData"]:
                yield f"{address} allows {', '.join(listed)} on every resource"


def redis(work, plan):
    """Every Redis user may run exactly the commands that its program's scripts call."""
    session = {"client|setinfo", "eval", "evalsha", "ping", "script|load"}
    for name, user in REDIS_USERS.items():
        scripts = work.programs[name].scripts
        if not scripts:
            yield f"Redis commands of {name}: its source runs no script"
        needed = set()
        for script in scripts:
            text = re.sub(r"--.*", "", work.read(f"redis-scripts/lua/{script}.lua"))
            needed |= {command.lower() for command in re.findall(r"redis\.call\(\s*'(\w+)'", text)}
        access = plan.one(f'module.cache.aws_elasticache_user.this["{user}"]')["access_string"].split()
        have = {word[1:] for word in access if word.startswith("+")}
        yield from differ(f"Redis commands of {name}", have, needed | session, "its user", "its scripts")


def scaling(work, plan):
    """The plan's alarms and steps are those of the one file, which the stand-in and the simulator read too."""
    file = json.loads(work.read("terraform/scaling.json"))
    fleet = plan.json["variables"]["fleet"]["value"]
    group = plan.one("module.fleet.aws_autoscaling_group.agents")
    for key in ("min_size", "max_size"):
        override = plan.json["variables"].get(f"fleet_{key}", {}).get("value")
        if override is None and group[key] != file["group"][key]:
            yield f"{key} of the group is {group[key]}, in scaling.json {file['group'][key]}"
    same = ("namespace", "metric_name", "statistic", "period", "evaluation_periods", "datapoints_to_alarm",
            "comparison_operator", "threshold", "treat_missing_data")
    words = {"fleet": fleet, "task_queue": f"{fleet}-tasks.fifo"}
    for name, alarm in file["alarms"].items():
        made = plan.one(f'module.fleet.aws_cloudwatch_metric_alarm.scaling["{name}"]')
        yield from (f"alarm {name}: {key} is {made[key]}, in scaling.json {alarm[key]}" for key in same if made[key] != alarm[key])
        want = {key: words[word] for key, word in alarm["dimensions"].items()}
        if made["dimensions"] != want:
            yield f"alarm {name} watches {made['dimensions']}, not {want}"
    for name, policy in file["policies"].items():
        made = plan.one(f'module.fleet.aws_autoscaling_policy.step["{name}"]')
        key = lambda step: tuple(None if v is None else float(v) for v in (
            step["metric_interval_lower_bound"], step["metric_interval_upper_bound"], step["scaling_adjustment"]))
        if {key(step) for step in made["step_adjustment"]} != {key(step) for step in policy["step_adjustments"]}:
            yield f"policy {name} has other steps than scaling.json"
    readers = [path for path in work.root.glob("*/src/**/*.rs") if "terraform/scaling.json" in path.read_text()]
    if not readers:
        yield "no source reads terraform/scaling.json"


def waits(work, plan):
    """How often a message comes, how long it stays away and how long ingest may take are the same here and in the local stand-in."""
    local = work.read("local-cloud/src/resources.rs") + work.read("local-cloud/src/cloud.rs")

    def constant(name):
        found = re.search(rf"const {name}: \w+ = (?:Duration::from_secs\()?(\d+)\)?;", local)
        return int(found[1]) if found else None

    tasks, events = (plan.one(f"module.queue.aws_sqs_queue.{name}") for name in ("tasks", "events"))
    for what, have, name in [
        ("receives of a task", json.loads(tasks["redrive_policy"])["maxReceiveCount"], "TASK_RECEIVES"),
        ("receives of an event", json.loads(events["redrive_policy"])["maxReceiveCount"], "EVENT_RECEIVES"),
        ("seconds that a task is away", tasks["visibility_timeout_seconds"], "TASK_VISIBILITY"),
        ("seconds of ingest", plan.one(FUNCTIONS["ingest"])["timeout"], "INGEST_TIMEOUT"),
    ]:
        if have != constant(name):
            yield f"{what}: {have} in Terraform, {constant(name)} in local-cloud ({name})"


def names(work, plan):
    """Queues, buckets, table and metrics are called the same here, in the code and in the local stand-in."""
    fleet = plan.json["variables"]["fleet"]["value"]
    local = "\n".join(path.read_text() for path in (work.root / "local-cloud/src").rglob("*.rs"))
    metrics = work.read("fleet-aws/src/metrics.rs") + work.read("scale-in-guard/src/metrics.rs")
    for _, queue, _ in plan.resources("aws_sqs_queue"):
        name = queue["name"].replace(f"{fleet}-", "framefleet-", 1)
        if f'"{name}"' not in local:
            yield f"the local stand-in has no queue {name}"
    for role in ("uploads", "results"):
        bucket = plan.one(f'module.storage.aws_s3_bucket.this["{role}"]')["bucket"]
        if not bucket.startswith(f"{fleet}-{role}-") or f'"framefleet-{role}"' not in local:
            yield f"the local stand-in has no bucket for {bucket}"
    table = plan.one("module.records.aws_dynamodb_table.videos")
    if f'"framefleet-{table["name"].removeprefix(fleet + "-")}"' not in local:
        yield f"the local stand-in has no table {table['name']}"
    rows = work.read("fleet-aws/src/row.rs") + work.read("fleet-aws/src/videos.rs")
    for attribute in (table["hash_key"], table["range_key"], table["ttl"][0]["attribute_name"]):
        if not re.search(rf"\b{attribute}\b", rows):
            yield f"no row has the attribute {attribute}"
    for _, alarm, _ in plan.resources("aws_cloudwatch_metric_alarm"):
        if alarm["namespace"] == "Framefleet" and f'"{alarm["metric_name"]}"' not in metrics and f"MetricName={alarm['metric_name']}" not in work.machine:
            yield f"{alarm['alarm_name']} watches {alarm['metric_name']}, which nothing publishes"
    keys = work.read("fleet-core/src/keys.rs")
    for prefix in ("uploads/", "work/", "results/"):
        if f'format!("{prefix}' not in keys:
            yield f"no key begins with {prefix}, which policies and lifecycles name"


def closed(work, plan):
    """Nothing gives the network a way to the internet, and nothing is made public."""
    for kind in ("aws_internet_gateway", "aws_nat_gateway", "aws_eip", "aws_egress_only_internet_gateway",
                 "aws_lambda_function_url", "aws_s3_bucket_website_configuration"):
        yield from (f"{address} is in the plan" for address, _, _ in plan.resources(kind))
    for address, rule, _ in plan.resources("aws_vpc_security_group_egress_rule"):
        if rule.get("cidr_ipv4") or rule.get("cidr_ipv6"):
            yield f"{address} lets traffic out by address"


def contract(work, plan):
    """The router's paths are the contract's, which are the API's."""
    body = plan.one("module.upload_api.aws_api_gateway_rest_api.this").get("body")
    paths = re.findall(r"^  (/[^\s:]*):\s*$", work.read("openapi.yaml"), re.M)
    if not paths:
        yield "openapi.yaml has no paths"
    if body:
        yield from differ("paths", json.loads(body)["paths"], paths, "the API", "openapi.yaml")


checks = [environment, actions, narrow, redis, scaling, waits, names, closed, contract]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", required=True)
    parser.add_argument("plans", nargs="+")
    arguments = parser.parse_args()
    work = Workspace(arguments.root)
    bad = 0
    for path in arguments.plans:
        plan = Plan(path)
        for check in checks:
            for line in check(work, plan):
                bad += 1
                print(f"{plan.name}: {line}")
    print(f"{len(checks) * len(arguments.plans)} comparisons, {bad} disagreements")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
