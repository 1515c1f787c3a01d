"""The real logrotate with its ways to rotate (SCORECARD T6)."""

import os
import shutil
import subprocess
import threading

import pytest

from support.file_case import in_every_variant, with_flow, with_patterns
from support.waiting import pause, wait_until

LOGROTATE = shutil.which("logrotate", path="/usr/sbin:/usr/bin:/sbin")
ROTATIONS = 3
pytestmark = pytest.mark.skipif(LOGROTATE is None, reason="logrotate is not installed")


class Writer(threading.Thread):
    """A daemon that writes lines all the time, and opens its log again when it is told to."""

    def __init__(self, case, path):
        super().__init__(daemon=True)
        self.case = case
        self.path = path
        self.signal = path.parent.parent / f"{path.name}.reopen"
        self.ending = threading.Event()
        self.lock = threading.Lock()
        self.opened = 0
        self.file = None
        self._open()

    def _open(self):
        self.opened += 1
        self.file = self.path.open("ab", buffering=0)

    def write(self, count):
        with self.lock:
            if self.signal.exists():
                self.signal.unlink()
                self.file.close()
                self._open()
            # The order of a file's lines; those that go to the renamed log after the rotation are of it.
            self.case.write(count, self.file, source=f"{self.path.stem}{self.opened}")

    def run(self):
        while not self.ending.is_set():
            self.write(5)
            pause(0.005)

    def end(self):
        self.ending.set()
        self.join()
        self.write(5)
        self.file.close()


class Logrotate:
    """A configuration and a state file of its own."""

    def __init__(self, case, directory, *directives, logs=None):
        self.path = directory / "logrotate.conf"
        self.state = directory / "logrotate.state"
        self.logs = logs or [case.log]
        self.directives = directives

    def run(self, number):
        """Rotates now. `%` in a directive is the number of the rotation."""
        lines = [line.replace("%", str(number)) for line in self.directives]
        logs = " ".join(map(str, self.logs))
        self.path.write_text(f"{logs} {{\n" + "".join(f"    {line}\n" for line in lines) + "}\n",
                             encoding="utf-8")
        self.path.chmod(0o644)
        result = subprocess.run([LOGROTATE, "-f", "-s", self.state, self.path],
                                capture_output=True, text=True, timeout=30, check=False)
        assert result.returncode == 0, result.stderr


def reopen(*writers):
    """A postrotate script that tells the writers."""
    return ["postrotate", *(f"touch {writer.signal}" for writer in writers), "endscript"]


def rotate_while_writing(case, tmp_path, *directives, logs=None, catch_up=False):
    """Several rotations, interrupted from the second on, while lines are written.

    `catch_up`: the agent is done with the rotated log before each rotation, and back before the third.
    """
    writers = [Writer(case, path) for path in logs or [case.log]]
    rotation = Logrotate(case, tmp_path, *directives, *reopen(*writers), logs=logs)
    case.start()
    for writer in writers:
        writer.start()
    for number in range(1, ROTATIONS + 1):
        wait_for_lines(case, 50)
        if catch_up:
            case.resume()
            wait_for_reader(case, done=number > 1)
        if number == 2:
            case.interrupt()
        rotation.run(number)
        wait_for_reopening(writers)
    wait_for_lines(case, 50)
    for writer in writers:
        writer.end()
    case.check()


def wait_for_lines(case, count):
    goal = len(case.ledger.written) + count
    wait_until(lambda: len(case.ledger.written) >= goal, 20, "lines to be written")


def wait_for_reader(case, done):
    """Until all lines are read and, with `done`, the rotated log is taken to be complete."""
    goal = len(case.ledger.written)
    wait_until(lambda: case.agent.books()["read"]["records"] >= goal, 20, "lines to be read")
    if done:
        wait_until(lambda: case.files()[case.rotated(1).name]["state"].startswith("done"), 20,
                   "the end of the rotated log to be proven")


def wait_for_reopening(writers):
    wait_until(lambda: not any(writer.signal.exists() for writer in writers), 20, "logs to be opened")


@in_every_variant
@with_patterns("app.log*")
@pytest.mark.parametrize("directives", [
    ["create 0644"],
    ["nocreate"],
    ["create", "dateext", "dateformat -2026112%"],
], ids=["create", "nocreate", "dateext"])
def test_t6_the_log_is_rotated_while_it_is_written(case, tmp_path, directives):
    rotate_while_writing(case, tmp_path, "rotate 9", *directives)


@in_every_variant
@with_patterns("app.log*")
@with_flow(exclude=["*.gz"])
def test_t6_the_log_is_compressed_one_rotation_later(case, tmp_path):
    """Whoever is away for one rotation has lost nothing yet."""
    rotate_while_writing(case, tmp_path, "rotate 9", "create", "compress", "delaycompress",
                         catch_up=True)


@in_every_variant
@with_patterns("app.log*")
def test_t6_rotated_logs_go_to_another_directory(case, tmp_path):
    (case.logs / "old").mkdir()
    case.agent.flows[0]["files"].append(str(case.logs / "old" / "app.log*"))
    case.agent.write_config()
    rotate_while_writing(case, tmp_path, "rotate 9", "create", "olddir old")


@in_every_variant
@with_patterns("*.log*")
def test_t6_one_script_for_several_logs(case, tmp_path):
    logs = [case.log, case.logs / "web.log"]
    rotate_while_writing(case, tmp_path, "rotate 9", "create", "sharedscripts", logs=logs)


@in_every_variant
@with_patterns("app.log", "app.log*")
def test_t6_copytruncate_of_what_was_read(case, tmp_path):
    """Between its copy and its truncation logrotate loses lines by itself, so nothing is written then."""
    rotation = Logrotate(case, tmp_path, "rotate 9", "copytruncate")
    case.start()
    case.write(100)
    for number in range(1, ROTATIONS + 1):
        case.settled()
        rotation.run(number)
        case.write(50 * number)
    case.settled()
    case.interrupt()
    rotation.run(ROTATIONS + 1)
    case.write(30)
    case.check(silent_losses=1 if case.down and not case.matches(case.rotated(1)) else 0)


@in_every_variant
@with_patterns("app.log*")
def test_t6_copytruncate_while_the_reader_is_behind(case, tmp_path):
    rotation = Logrotate(case, tmp_path, "rotate 9", "copytruncate")
    case.start()
    case.write(100)
    case.settled()
    case.interrupt()
    for number in range(1, ROTATIONS + 1):
        case.write(50, source=f"f{number}")
        rotation.run(number)
    case.write(30, source="last")
    case.check()
