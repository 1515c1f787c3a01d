"""The agent as a process: its configuration, its life and its status."""

import json
import os
import pathlib
import signal
import socket
import subprocess

from support.waiting import wait_until

BUILD = pathlib.Path(os.environ.get("KINTAIL_BUILD", pathlib.Path(__file__).parents[3] / "build"))
STARTED = []  # the process of every agent that this test has started
KEYS = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret"}


class Agent:
    """One kintail with a directory of its own.

    `flows` and `settings` go into the configuration as they are; JSON is YAML.
    """

    def __init__(self, directory, flows, settings=None, environment=None):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.state_dir = self.directory / "state"
        self.log_path = self.directory / "agent.log"
        self.config_path = self.directory / "kintail.yaml"
        self.environment = {"PATH": os.environ["PATH"], **KEYS, **(environment or {})}
        self.settings = {
            "version": 1,
            "region": "eu-west-1",
            "state_dir": str(self.state_dir),
            "status_socket": str(self.directory / "s"),
            "log_level": "info",
            **(settings or {}),
        }
        self.flows = flows
        self.process = None
        self.write_config()

    def write_config(self):
        config = {**self.settings, "flows": self.flows}
        self.config_path.write_text(json.dumps(config, indent=1), encoding="utf-8")

    def command(self, verb, *arguments, **options):
        """Runs another verb to its end."""
        return subprocess.run(
            [BUILD / "kintail", verb, *map(str, arguments)],
            env=self.environment, capture_output=True, text=True, timeout=60, check=False, **options)

    def start(self, *arguments, wrapper=(), wait=True):
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [*wrapper, BUILD / "kintail", "run", "--config", self.config_path, *arguments],
                env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        STARTED.append(self.process)
        if wait:
            wait_until(lambda: self.answers() or self.exited(), 30, "the agent's status socket")
            assert not self.exited(), self.log()
        return self

    def run_once(self, seconds=60):
        """Runs with --once to its end and returns the exit status."""
        self.start("--once", wait=False)
        return self.wait(seconds)

    def exited(self):
        return self.process.poll() is not None

    def wait(self, seconds=60):
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"the agent did not end within {seconds} s:\n{self.log()}") from None

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def freeze(self):
        """SIGSTOP; returns when no thread of the agent runs any more."""
        self.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def terminate(self, seconds=30):
        """SIGTERM and the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.wait(seconds)

    def log(self):
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    def ask(self):
        """What `kintail status --json` prints, without a process; None where nobody answers."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.settimeout(30)
            try:
                client.connect(self.settings["status_socket"])
                client.sendall(b"files \n")
                return b"".join(iter(lambda: client.recv(1 << 20), b""))
            except OSError:
                return None

    def answers(self):
        return bool(self.ask())

    def status(self):
        answer = self.ask()
        assert answer, self.log()
        return json.loads(answer)

    def flow(self, name=None):
        flows = self.status()["flows"]
        return flows[0] if name is None else next(f for f in flows if f["name"] == name)

    def books(self, name=None):
        return self.flow(name)["books"]

    def wait_settled(self, records, seconds=60, name=None):
        """Waits until `records` records have been read and every one of them is settled."""
        def settled():
            if self.exited():
                raise AssertionError(f"the agent ended:\n{self.log()}")
            books = self.books(name)
            return books["read"]["records"] >= records and books["queued"]["records"] == 0 and books

        books = wait_until(settled, seconds, f"{records} records read and settled", every=0.1)
        assert books["balanced"], books
        return books

    def stop(self):
        if self.process is not None and not self.exited():
            self.process.kill()
            self.process.wait()


def kinesis_flow(pattern, stream="demo", name="web", **more):
    to = {"stream": stream, **more.pop("to", {})}
    return {"name": name, "files": [str(pattern)], "start_at": "beginning",
            "to": {"kinesis": to}, **more}


def firehose_flow(pattern, stream="demo", name="web", **more):
    to = {"stream": stream, **more.pop("to", {})}
    return {"name": name, "files": [str(pattern)], "start_at": "beginning",
            "to": {"firehose": to}, **more}
