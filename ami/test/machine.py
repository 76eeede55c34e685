"""A machine in qemu: its disk, its console's log, and a shell on its second serial line."""

import os
import re
import socket
import subprocess
import time


# A kernel says its first words within seconds on a virtual processor that works.
FIRST_WORDS = 45


class Machine:
    def __init__(self, root, scratch, console):
        self.console = console
        self._shell_path = scratch / "shell"
        self._shell = None
        console.unlink(missing_ok=True)
        disk = scratch / "disk.img"
        used = int(subprocess.run(["du", "-sm", root], check=True, capture_output=True, text=True).stdout.split()[0])
        subprocess.run(["mkfs.ext4", "-q", "-F", "-d", root, disk, f"{used * 3 // 2 + 1024}M"], check=True)
        self._arguments = [
            "qemu-system-x86_64", "-cpu", "max", "-m", "2048", "-smp", "2",
            "-display", "none", "-monitor", "none", "-no-reboot",
            "-kernel", scratch / "vmlinuz", "-initrd", scratch / "initrd",
            "-append", "root=/dev/vda rw console=ttyS0 net.ifnames=0 panic=1 systemd.show_status=1",
            "-drive", f"file={disk},format=raw,if=virtio,cache=unsafe",
            "-netdev", "user,id=net", "-device", "virtio-net-pci,netdev=net", "-device", "virtio-rng-pci",
            "-serial", f"file:{console}", "-serial", f"unix:{self._shell_path},server=on,wait=off"]
        self.how = "tcg"
        if os.access("/dev/kvm", os.W_OK):
            self.how = "kvm"
        self._start()
        # Some hosts are virtual themselves and have a /dev/kvm that starts no ordinary kernel.
        if self.how == "kvm" and not self._speaks():
            self.kill()
            self.how = "tcg, as /dev/kvm starts no kernel here"
            self._start()

    def _start(self):
        accelerator = self.how.split(",")[0]
        self._process = subprocess.Popen([*self._arguments, "-accel", accelerator], stdin=subprocess.DEVNULL)

    def _speaks(self):
        end = time.monotonic() + FIRST_WORDS
        while time.monotonic() < end:
            if self.is_off():
                return False
            if self.console.exists() and self.console.stat().st_size > 0:
                return True
            time.sleep(1)
        return False

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
