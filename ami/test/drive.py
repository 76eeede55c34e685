"""Boots the image beside a local cloud and watches it work; run.sh has made the root folder.

The machine reaches this one at 10.0.2.2, qemu's name for the host's loopback. Every wait has a limit,
and what the limit was for is in the error.
"""

import argparse
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

from machine import Machine
from metadata import Metadata

HOST = "10.0.2.2"
INSTANCE = "i-0a0b0c0d0e0f01234"
GROUP = "local-agents"
# Generous: without /dev/kvm everything is emulated, and a boot alone takes minutes.
BOOT, WORK, RESTART, DRAIN = 600, 600, 120, 240

began = time.monotonic()


def say(text):
    print(f"{time.monotonic() - began:5.0f}s  {text}", flush=True)


def until(what, limit, ask):
    """Asks until the answer is true, and gives it back."""
    end = time.monotonic() + limit
    while True:
        answer = ask()
        if answer:
            return answer
        if time.monotonic() > end:
            sys.exit(f"ami-test: {what}: not within {limit} s")
        time.sleep(1)


class Cloud:
    """local-cloud without agents; it ends when our end of its standard input closes."""

    def __init__(self, programs, scratch):
        self.programs = Path(programs)
        self.process = subprocess.Popen(
            [self.programs / "local-cloud", "--agents", "0", "--json", "--until-stdin-closes"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=open(scratch / "local-cloud.log", "w"))
        line = self.process.stdout.readline()
        if not line:
            sys.exit("ami-test: local-cloud did not start: " + (scratch / "local-cloud.log").read_text())
        self.described = json.loads(line)

    def __getitem__(self, key):
        return self.described[key]

    def extract(self, video, out):
        return subprocess.Popen(
            [self.programs / "framefleet", "extract", video, "--fps", "2", "-o", out, "--force",
             "--api", self["api"], "--key", self["api_key"]],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def redis(self, *command):
        url = self["redis"].removeprefix("redis://")
        host, port = url.split(":")
        return subprocess.run(["redis-cli", "-h", host, "-p", port, *command],
                              check=True, capture_output=True, text=True).stdout.split()

    def idle(self):
        """Instances that say they are idle, or were condemned since."""
        return {member for key in self.redis("--scan", "--pattern", "framefleet:*")
                if key.rsplit(":", 1)[-1] in ("idle", "seen") for member in self.redis("ZRANGE", key, "0", "-1")}

    def segments_begun(self):
        """Segment tasks that an agent was ever granted."""
        return {key for key in self.redis("--scan", "--pattern", "framefleet:*:attempts:*")
                if not key.endswith("#plan")}

    def stop(self):
        self.process.stdin.close()
        self.process.wait(60)


class Aws:
    """The emulator, through the CLI's library in the local cloud's Python."""

    def __init__(self, python, cloud):
        self.python, self.cloud = python, cloud

    def call(self, service, method, **arguments):
        code = ("import boto3, json, sys; s, m, a = json.loads(sys.argv[1]); "
                "print(json.dumps(getattr(boto3.client(s), m)(**a), default=str))")
        env = {"AWS_ENDPOINT_URL": self.cloud["aws"], "AWS_REGION": self.cloud["region"],
               "AWS_DEFAULT_REGION": self.cloud["region"], "AWS_ACCESS_KEY_ID": "test",
               "AWS_SECRET_ACCESS_KEY": "test", "PATH": "/usr/bin:/bin"}
        done = subprocess.run([self.python, "-c", code, json.dumps([service, method, arguments])],
                              env=env, check=True, capture_output=True, text=True)
        return json.loads(done.stdout)

    def tasks_queue(self):
        return self.call("sqs", "get_queue_url", QueueName="framefleet-tasks.fifo")["QueueUrl"]

    def in_flight(self):
        name = "ApproximateNumberOfMessagesNotVisible"
        got = self.call("sqs", "get_queue_attributes", QueueUrl=self.tasks_queue(), AttributeNames=[name])
        return int(got["Attributes"][name])


def from_inside(url):
    return url.replace("127.0.0.1", HOST)


def configure(aws, cloud, machine, metadata):
    """The agent's parameters, as Terraform writes them, and where EC2's own address would be."""
    values = {
        "FRAMEFLEET_FLEET": "local",
        "FRAMEFLEET_TABLE": "framefleet-videos",
        "FRAMEFLEET_UPLOADS_BUCKET": "framefleet-uploads",
        "FRAMEFLEET_RESULTS_BUCKET": "framefleet-results",
        "FRAMEFLEET_TASKS_QUEUE_URL": from_inside(aws.tasks_queue()),
        "FRAMEFLEET_REDIS_URL": from_inside(cloud["redis"]),
        "FRAMEFLEET_METRICS_NAMESPACE": "Framefleet",
        "FRAMEFLEET_PROMETHEUS_LISTEN": "0.0.0.0:9464",
    }
    for name, value in values.items():
        aws.call("ssm", "put_parameter", Name=f"/framefleet/local/agent/{name}", Value=value, Type="String")
    (machine / "etc/framefleet/boot.env").write_text(
        f"AWS_EC2_METADATA_SERVICE_ENDPOINT=http://{HOST}:{metadata.port}\n"
        f"AWS_ENDPOINT_URL={from_inside(cloud['aws'])}\n")


def worked(cloud, video, out):
    """One video from upload to download, all of it done by the machine."""
    extracting = cloud.extract(video, out)
    try:
        text, _ = extracting.communicate(timeout=WORK)
    except subprocess.TimeoutExpired:
        extracting.kill()
        sys.exit(f"ami-test: a video was not done within {WORK} s")
    if extracting.returncode != 0:
        sys.exit(f"ami-test: extract ended with {extracting.returncode}:\n{text}")
    reports = list(Path(out).glob("*.manifest.json"))
    if len(reports) != 1:
        sys.exit(f"ami-test: extract left {reports}")
    return len(json.loads(reports[0].read_text())["images"])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("programs", "machine", "scratch", "out", "video", "python"):
        parser.add_argument(f"--{name}", required=True)
    arguments = parser.parse_args()
    root, scratch, out = Path(arguments.machine), Path(arguments.scratch), Path(arguments.out)

    metadata = Metadata(INSTANCE, {"framefleet-fleet": "local", "aws:autoscaling:groupName": GROUP})
    cloud = Cloud(arguments.programs, scratch)
    aws = Aws(arguments.python, cloud)
    configure(aws, cloud, root, metadata)
    # So that being ended from outside leaves no machine behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ami-test: ended by a signal"))
    machine = Machine(root, scratch, out / "console.log")
    try:
        drive(machine, cloud, aws, metadata, Path(arguments.video), scratch)
    finally:
        machine.kill()
        cloud.stop()


def drive(machine, cloud, aws, metadata, video, scratch):
    # Ten seconds are enough to be worked through; an emulated processor takes its time.
    clip = scratch / "clip.mp4"
    subprocess.run(["ffmpeg", "-v", "error", "-y", "-i", video, "-t", "10", "-c", "copy", clip], check=True)
    say(f"booting ({machine.how})")
    until("the shell on the serial line", BOOT, machine.has_shell)
    until("the agent's unit is active", BOOT, lambda: machine.run("systemctl is-active fleet-agent")[1] == "active")
    assert metadata.asked("/latest/meta-data/instance-id"), "the start-up script did not ask who it is"
    say("systemd started the agent; it told systemd that it is ready")
    until("the agent registers", WORK, lambda: INSTANCE in cloud.idle())
    say("registered: Redis has it as idle")
    failed = machine.run("systemctl --failed --plain --no-legend")[1]
    assert not failed, f"units failed:\n{failed}"

    say(f"worked: {worked(cloud, clip, scratch / 'first')} images")
    counted = machine.run("curl -sf http://localhost:9464/metrics | grep -c '^framefleet_agent_tasks_total'")
    assert counted[0] == 0 and int(counted[1]) >= 2, f"its metrics: {counted}"

    before = machine.run("systemctl show -P MainPID fleet-agent")[1]
    machine.run("systemctl kill --signal KILL --kill-whom main fleet-agent")
    until("the unit restarts after SIGKILL", RESTART, lambda: machine.run(
        "systemctl is-active fleet-agent")[1] == "active" and machine.run(
        "systemctl show -P MainPID fleet-agent")[1] not in ("0", before))
    restarts = machine.run("systemctl show -P NRestarts fleet-agent")[1]
    assert restarts == "1", f"restarts: {restarts}"
    say(f"restarted after SIGKILL: process {before}, then {machine.run('systemctl show -P MainPID fleet-agent')[1]}")
    say(f"worked again: {worked(cloud, clip, scratch / 'second')} images")

    # A shutdown in the middle of a segment: what is in work is finished or handed back.
    before = cloud.segments_begun()
    extracting = cloud.extract(video, scratch / "third")
    begun = until("a segment of the third video is begun", WORK, lambda: cloud.segments_begun() - before)
    assert aws.in_flight() > 0, "the segment ended before the shutdown"
    say(f"shutting down in the middle of segment {min(begun).rsplit('#', 1)[-1]} of a third video")
    machine.run("systemctl --no-block poweroff")
    until("the machine is off", DRAIN, machine.is_off)
    extracting.kill()
    assert aws.in_flight() == 0, "a message was left in flight"
    assert INSTANCE not in cloud.idle(), "the machine is still registered"
    console = machine.console.read_text(errors="replace")
    for words in ("asked to stop", "draining", "drained"):
        assert words in console, f"the console does not say {words}"
    say("drained at shutdown: nothing left in flight, signed off, powered off")


if __name__ == "__main__":
    main()
