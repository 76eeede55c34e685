"""The comparison itself, on small sources and plans: what it must see, and what it must not."""

import json
import tempfile
import unittest
from pathlib import Path

import check
import plan
import rust
import sdk


def tree(files):
    root = Path(tempfile.mkdtemp())
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


SHARED = {
    "redis-scripts/src/lib.rs": "impl Jobs {\n    pub async fn cancel_job(&self) {\n        lua!(cancel_job)\n    }\n}\n",
    "fleet-aws/src/videos.rs": (
        "impl Videos {\n    pub async fn get(&self) {\n        self.client.get_item().table_name(x).send()\n    }\n"
        "    pub async fn delete(&self) {\n        let d = Delete::builder();\n"
        "        self.client().transact_write_items().transact_items(d).send()\n    }\n}\n"
    ),
    "a/Cargo.toml": "fleet-aws.workspace = true\naws-sdk-s3.workspace = true\n",
}


def program(main, **more):
    files = {**SHARED, "a/src/main.rs": main, **{f"a/src/{k}.rs": v for k, v in more.items()}}
    return rust.Program(tree(files), "a", "main.rs")


class Sources(unittest.TestCase):
    def test_variables_are_found_through_modules_and_not_in_tests(self):
        main = 'mod config;\nfn main() {\n}\n'
        config = (
            'fn read() {\n    lookup.required("FRAMEFLEET_A")?;\n    lookup.text("FRAMEFLEET_B");\n'
            '    lookup.text("FRAMEFLEET_LOCAL_X");\n}\n#[cfg(test)]\nmod tests {\n    "FRAMEFLEET_C"\n}\n'
        )
        stray = 'fn read() {\n    lookup.text("FRAMEFLEET_D");\n}\n'
        self.assertEqual(program(main, config=config, stray=stray).settings, ({"FRAMEFLEET_A", "FRAMEFLEET_B"}, {"FRAMEFLEET_A"}))

    def test_calls_become_actions(self):
        for body, wanted in [
            ("s3.head_object().bucket(b).send()", {"s3:GetObject"}),
            ("s3.upload_part_copy()\n        .bucket(b).send()", {"s3:GetObject", "s3:PutObject"}),
            ("let r = s3.put_object().bucket(b);\n    r.presigned(c)", {"s3:PutObject"}),
            ("s3.list_objects_v2().bucket(b).into_paginator().send()", {"s3:ListBucket"}),
            ("s3.put_object().bucket(b)", set()),
            ("uri.query().is_some(); x.send()", set()),
            ("self.videos.get(t)", {"dynamodb:GetItem"}),
            ("self.cache.get(t)", set()),
            ("app.videos\n        .delete(t)", {"dynamodb:DeleteItem"}),
        ]:
            with self.subTest(body):
                self.assertEqual(sdk.actions(program(f"async fn main() {{\n    {body}\n}}\n")), wanted)

    def test_scripts_are_those_that_are_called(self):
        self.assertEqual(program("fn main() {\n    app.jobs.cancel_job(v)\n}\n").scripts, {"cancel_job"})
        self.assertEqual(program("fn main() {\n}\n").scripts, set())

    def test_shell_calls_become_actions(self):
        self.assertEqual(
            sdk.script_actions("AmazonSSM.GetParametersByPath Action=PutMetricData&x"),
            {"ssm:GetParametersByPath", "cloudwatch:PutMetricData"},
        )


def made(address, values, unknown=None):
    kind = address.split(".")[-2]
    return {"address": address, "type": kind, "mode": "managed", "change": {"after": values, "after_unknown": unknown or {}}}


class Plans(unittest.TestCase):
    def plan(self, *changes):
        path = Path(tempfile.mkdtemp()) / "p.plan.json"
        path.write_text(json.dumps({"resource_changes": changes, "planned_values": {"outputs": {}}}))
        return plan.Plan(path)

    def test_an_unknown_policy_is_an_error_and_not_an_empty_one(self):
        with self.assertRaises(KeyError):
            self.plan(made("m.aws_iam_role_policy.a", {}, {"policy": True})).policy("m.aws_iam_role_policy.a")

    def test_actions_are_read_from_the_configuration_where_resources_are_unknown(self):
        document = {"mode": "data", "type": "aws_iam_policy_document", "name": "d", "expressions": {
            "statement": [{"actions": {"constant_value": ["s3:GetObject"]}, "resources": {"references": ["x"]}}]}}
        plan = self.plan()
        plan.json["configuration"] = {"root_module": {"module_calls": {"m": {"module": {"resources": [document]}}}}}
        self.assertEqual(plan.configured("module.m.aws_iam_policy_document.d"), {"s3:GetObject"})
        with self.assertRaises(KeyError):
            plan.configured("module.m.aws_iam_policy_document.e")

    def test_variables_with_unknown_values_count(self):
        address = "m.aws_lambda_function.f"
        known = {"environment": [{"variables": {"A": "1"}}]}
        unknown = {"environment": [{"variables": {"B": True}}]}
        self.assertEqual(self.plan(made(address, known, unknown)).environment(address), {"A", "B"})

    def test_a_wide_policy_is_named(self):
        for actions, resource, count in [
            (["s3:*"], "arn:x", 1), (["s3:GetObject"], "*", 1), (["s3:*"], "*", 2),
            (["cloudwatch:PutMetricData"], "*", 0), (["s3:GetObject"], "arn:x", 0),
        ]:
            policy = json.dumps({"Statement": [{"Effect": "Allow", "Action": actions, "Resource": resource}]})
            found = list(check.narrow(None, self.plan(made(check.POLICIES["agent"], {"policy": policy}))))
            self.assertEqual(len(found), count, (actions, resource))

    def test_a_way_out_is_named(self):
        self.assertEqual(list(check.closed(None, self.plan())), [])
        way = self.plan(made("m.aws_nat_gateway.n", {}), made("m.aws_vpc_security_group_egress_rule.e", {"cidr_ipv4": "0.0.0.0/0"}))
        self.assertEqual(len(list(check.closed(None, way))), 2)

    def test_other_counts_and_times_are_named(self):
        local = (
            "const TASK_RECEIVES: u32 = 9;\nconst EVENT_RECEIVES: u32 = 5;\nconst TASK_VISIBILITY: u32 = 60;\n"
        )
        root = tree({"local-cloud/src/resources.rs": local,
                     "local-cloud/src/cloud.rs": "const INGEST_TIMEOUT: Duration = Duration::from_secs(20);\n"})
        work = type("Work", (), {"read": lambda _, path: (root / path).read_text()})()
        queue = lambda name, receives: made(f"module.queue.aws_sqs_queue.{name}", {
            "redrive_policy": json.dumps({"maxReceiveCount": receives}), "visibility_timeout_seconds": 60})
        ingest = lambda seconds: made(check.FUNCTIONS["ingest"], {"timeout": seconds})
        for receives, seconds, count in [(9, 20, 0), (10, 20, 1), (9, 30, 1), (10, 30, 2)]:
            found = list(check.waits(work, self.plan(queue("tasks", receives), queue("events", 5), ingest(seconds))))
            self.assertEqual(len(found), count, found)

    def test_what_differs_is_named_on_both_sides(self):
        self.assertEqual(len(list(check.differ("x", {"a"}, {"b"}, "here", "there"))), 2)
        self.assertEqual(list(check.differ("x", {"a"}, {"a"}, "here", "there")), [])


if __name__ == "__main__":
    unittest.main()
