"""Mounts that only the agent and the test see."""

import pathlib
import subprocess


class Namespace:
    """A mount namespace of its own, in which the agent is started and mounts are made."""

    def __init__(self):
        self.process = subprocess.Popen(
            ["unshare", "--mount", "--propagation", "private", "sh", "-c", "echo there; cat"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.process.stdout.readline() == b"there\n"
        self.enter = ["nsenter", "--mount", f"--target={self.process.pid}"]

    def path(self, path):
        """The same path as the namespace sees it."""
        return pathlib.Path(f"/proc/{self.process.pid}/root{path}")

    def run(self, *command):
        subprocess.run([*self.enter, *command], check=True)

    def end(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()
