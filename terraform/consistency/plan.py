"""What a Terraform plan sets, read from its JSON: resources by type, environments, policies."""

import json
import re
from pathlib import Path


class Plan:
    def __init__(self, path):
        self.name = Path(path).name.split(".")[0]
        self.json = json.loads(Path(path).read_text())
        self.changes = self.json["resource_changes"]
        self.outputs = self.json["planned_values"]["outputs"]

    def resources(self, kind):
        """(address, values that are known, which are not) of every managed resource of a type."""
        for change in self.changes:
            if change["mode"] == "managed" and change["type"] == kind:
                yield change["address"], change["change"]["after"], change["change"]["after_unknown"]

    def one(self, address):
        for change in self.changes:
            if change["address"] == address:
                return change["change"]["after"]
        raise KeyError(f"{address} is not in the plan {self.name}")

    def policy(self, address):
        """Actions that a role's policy allows, with their resources. A policy that is unknown at plan time cannot be checked, and that is an error."""
        text = self.one(address).get("policy")
        if not text:
            raise KeyError(f"{address} is not known at plan time, so what it allows cannot be checked")
        return [s for s in json.loads(text)["Statement"] if s["Effect"] == "Allow"]

    def configured(self, address):
        """Actions of a policy document as they are written, for one whose resources are known only after apply."""
        document = self.written(address.removeprefix("data."), "data")
        return {action for s in document["expressions"]["statement"] for action in s["actions"]["constant_value"]}

    def statements(self, address):
        """[name, effect, actions, resources, conditions] of a role's policy as they are written in the document that it takes."""
        module = address.rsplit("aws_iam_role_policy", 1)[0]
        policy = self.written(re.sub(r"\[.*\]$", "", address), "managed")["expressions"]["policy"]
        kind, name = policy["references"][-1].removeprefix("data.").split(".")[:2]
        document = self.written(f"{module}{kind}.{name.split('[')[0]}", "data")
        for statement in document["expressions"]["statement"]:
            resources = statement["resources"]
            # A reference comes with its shorter forms after it.
            references = [r for r in resources.get("references", [])
                          if not any(other.startswith(r + ".") or other.startswith(r + "[") for other in resources["references"])]
            yield [
                statement["sid"]["constant_value"],
                statement.get("effect", {}).get("constant_value", "Allow"),
                ", ".join(sorted(statement["actions"]["constant_value"])),
                ", ".join(resources.get("constant_value") or ["{" + r + "}" for r in references]),
                ", ".join(sorted(c["variable"]["constant_value"] for c in statement.get("condition", []))),
            ]

    def written(self, address, mode):
        """A resource in the configuration."""
        *modules, kind, name = address.replace("module.", "").split(".")
        node = self.json["configuration"]["root_module"]
        for module in modules:
            node = node["module_calls"][module]["module"]
        for resource in node["resources"]:
            if (resource["mode"], resource["type"], resource["name"]) == (mode, kind, name):
                return resource
        raise KeyError(f"{address} is not in the configuration of {self.name}")

    def environment(self, address):
        """Names of a function's variables; those whose values are unknown until apply count too."""
        for change in self.changes:
            if change["address"] == address:
                names = set()
                for part in (change["change"]["after"], change["change"]["after_unknown"]):
                    for block in part.get("environment") or []:
                        if isinstance(block, dict) and isinstance(block.get("variables"), dict):
                            names |= set(block["variables"])
                return names
        raise KeyError(f"{address} is not in the plan {self.name}")

    def parameters(self, prefix):
        """Last parts of the names of SSM parameters under a path."""
        return {
            values["name"].rsplit("/", 1)[1]
            for _, values, _ in self.resources("aws_ssm_parameter") if values["name"].startswith(prefix)
        }


def listed(value):
    return value if isinstance(value, list) else [value]


def allowed(statements):
    return {action for statement in statements for action in listed(statement["Action"])}
