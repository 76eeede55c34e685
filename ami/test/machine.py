"""A machine in qemu: its disk, its console's log, and a shell on its second serial line."""

import os
import re
import socket
import subprocess
import time


class Machine:
    def __init__(self, root, scratch, console):
        self.console = console
        self._shell_path = scratch / "shell"
        self._shell = None
        disk = scratch / "disk.img"
        used = int(subprocess.run(["du", "-sm", root], check=True, capture_output=True, text=True).stdout.split()[0])
        subprocess.run(["mkfs.ext4", "-q", "-d", root, disk, f"{used * 3 // 2 + 1024}M"], check=True)
        self.how = "kvm" if os.access("/dev/kvm", os.W_OK) else "emulated"
        self._process = subprocess.Popen(
            ["qemu-system-x86_64", "-accel", "kvm", "-accel", "tcg", "-cpu", "max", "-m", "2048", "-smp", "2",
             "-display", "none", "-monitor", "none", "-no-reboot",
             "-kernel", scratch / "vmlinuz", "-initrd", scratch / "initrd",
             "-append", "root=/dev/vda rw console=ttyS0 net.ifnames=0 panic=1 systemd.show_status=1",
             "-drive", f"file={disk},format=raw,if=virtio,cache=unsafe",
             "-netdev", "user,id=net", "-device", "virtio-net-pci,netdev=net", "-device", "virtio-rng-pci",
             "-serial", f"file:{console}", "-serial", f"unix:{self._shell_path},server=on,wait=off"],
            stdin=subprocess.DEVNULL)

    def is_off(self):
        return self._process.poll() is not None

    def kill(self):
        if not self.is_off():
            self._process.kill()
        self._process.wait()

    def has_shell(self):
        """Whether somebody answers on the second line. One that has just opened may echo at first."""
        if self.is_off():
            raise SystemExit(f"ami-test: the machine ended; see {self.console}")
        try:
            if self._shell is None:
                shell = socket.socket(socket.AF_UNIX)
                shell.connect(str(self._shell_path))
                self._shell = shell
            self._send("stty -echo; echo here-$((40 + 2))")
            return b"here-42" in self._read(2, b"here-42")
        except (FileNotFoundError, ConnectionRefusedError):
            return False

    def run(self, command, limit=60):
        """Exit status and output of a command on the machine."""
        mark = f"end{time.monotonic_ns()}"
        self._send(f"{{ {command}; }} 2>&1; s=$?; echo; echo {mark}-$s-")
        text = self._read(limit, f"{mark}-".encode(), rb"-\d+-").decode(errors="replace").replace("\r", "")
        found = re.search(rf"(.*?)\n?{mark}-(\d+)-", text, re.S)
        if not found:
            raise SystemExit(f"ami-test: no answer to {command!r} within {limit} s: {text!r}")
        return int(found[2]), found[1].strip()

    def _send(self, line):
        self._shell.sendall(line.encode() + b"\n")

    def _read(self, limit, mark, tail=b""):
        """What comes until the mark and what follows it are there, or the time is up."""
        self._shell.settimeout(0.5)
        end, got = time.monotonic() + limit, b""
        done = re.compile(re.escape(mark[:-1] if tail else mark) + tail)
        while time.monotonic() < end and not done.search(got):
            try:
                got += self._shell.recv(65536)
            except TimeoutError:
                pass
        return got
