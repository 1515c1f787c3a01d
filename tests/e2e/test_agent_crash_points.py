"""The agent dies once at every named point of its code (SCORECARD Q2): base/crash_point.h."""

import json
import os
import pathlib
import random
import re
import shlex
import signal
import subprocess

import pytest

from support.agent import BUILD, Agent, kinesis_flow
from support.oracle import Ledger, read_stream
from support.waiting import wait_until
from support.writer import Writer

ROOT = pathlib.Path(__file__).parents[2]
POINT = re.compile(r'CRASH_POINT\("([^"]+)"\)')
LEAVER = "leaver.c"
ROUNDS = int(os.environ.get("KINTAIL_CRASH_ROUNDS", "1"))


def sources():
    return [path for path in (ROOT / "agent").glob("*/*.c") if POINT.search(path.read_text("utf-8"))]


def named_points():
    """All but those of files that were shipped, which have a test of their own."""
    return [name for path in sources() if path.name != LEAVER for name in points_of(path)]


def points_of(path):
    return POINT.findall(path.read_text("utf-8"))


# What only an agent with a new queue comes to.
AT_FIRST = ["amid the room for ack slots"]
# What is only done after a crash at another point.
AFTER = {
    "after letters over themselves": "after a dead letter",
    "after the removal of an unfinished file": "before the rename of a copy",
    "before the removal of a replaced segment": "before the removal of the old tail",
    "after a footer over itself": "before the sync of a footer",
}


class Odd(Writer):
    """A writer that now and then writes a line that no converter takes: it becomes a dead letter."""

    def __init__(self, logs, ledger, seed):
        super().__init__(logs, ledger, seed, width=400)
        self.odd = 0
        self.even_line = ledger.line
        ledger.line = self.line

    def line(self, **more):
        if self.random.randrange(50) != 0:
            return self.even_line(**more)
        self.odd += 1
        return self.even_line(filtered=True, text="odd", **more)


def visit(agent, point):
    """Lets the agent run into the point. SIGKILL is how it ends there."""
    agent.environment["KINTAIL_CRASH_AT"] = f"{point}:1"
    agent.start(wait=False)
    wait_until(agent.exited, 30, f"the agent to come to: {point}")
    assert agent.process.returncode == -signal.SIGKILL, agent.log()


def test_q2_the_agent_dies_at_every_named_point(sandbox, tmp_path):
    seed = int(os.environ.get("KINTAIL_SEED", random.randrange(1 << 32)))
    print(f"KINTAIL_SEED={seed}")
    chance = random.Random(seed)
    sandbox.faults(throttle=0.05, seed=seed)
    logs = tmp_path / "logs"
    logs.mkdir()
    ledger = Ledger()
    flow = kinesis_flow(logs / "app.log*", to={"endpoint": sandbox.url}, close_after="500ms",
                        batch={"max_delay": "20ms"}, on_mismatch="dead_letter",
                        convert=[{"regex": "^(?<line>192.*)"}], queue={"max_size": "4MiB", "sync": "50ms"})
    agent = Agent(tmp_path / "a", [flow])
    writer = Odd(logs, ledger, seed)
    writer.start()
    try:
        names = named_points()
        assert len(set(names)) == len(names) >= 34
        points = [name for name in names if name not in AT_FIRST and name not in AFTER] * ROUNDS
        chance.shuffle(points)
        for point in AT_FIRST:
            visit(agent, point)
        del agent.environment["KINTAIL_CRASH_AT"]
        agent.start()
        wait_until(lambda: agent.books()["acknowledged"]["records"] > 0, 30, "something to recover")
        agent.kill()
        for point in points:
            visit(agent, point)
        for point, before in AFTER.items():
            visit(agent, before)
            visit(agent, point)
        writer.end()
        sandbox.no_faults()
        del agent.environment["KINTAIL_CRASH_AT"]
        agent.start()
        books = agent.wait_settled(len(ledger.written), seconds=120)
        assert books["read"]["records"] == len(ledger.written), "a line was read twice"
        assert books["lost_bytes"] == 0 and books["damaged"]["records"] == 0, books
        assert books["dead_lettered"]["records"] == writer.odd, books
        agent.terminate()
        ledger.compare(data for _, data in read_stream(sandbox)).check(books["maybe_repeated"])
    finally:
        writer.end()
        agent.stop()


def test_the_agent_dies_while_it_removes_what_was_shipped(sandbox, tmp_path):
    removed, kept = tmp_path / "removed", tmp_path / "kept"
    ledger = Ledger()
    flows = []
    for directory, after_ship in ((removed, "delete"), (kept, {"move": str(tmp_path / "done")})):
        directory.mkdir()
        flows.append(kinesis_flow(directory / "app.log*", name=directory.name, after_ship=after_ship,
                                  to={"endpoint": sandbox.url}, close_after="200ms"))
    (tmp_path / "done").mkdir()
    agent = Agent(tmp_path / "a", flows)
    logs = [flow["files"][0].removesuffix("*") for flow in flows]
    points = points_of(ROOT / "agent" / "runtime" / LEAVER)
    try:
        for number, point in enumerate(points):
            agent.environment.pop("KINTAIL_CRASH_AT", None)
            for log in map(pathlib.Path, logs):
                log.write_text("".join(ledger.line(log.parent.name) + "\n" for _ in range(50)), "utf-8")
            agent.start()
            wait_until(lambda: all(agent.books(f["name"])["queued"]["records"] == 0 ==
                                   agent.books(f["name"])["read"]["records"] - 50 * (number + 1)
                                   for f in flows), 30, "the logs to be shipped")
            agent.kill()
            for log in map(pathlib.Path, logs):
                log.rename(f"{log}.{number}")
            visit(agent, point)
        del agent.environment["KINTAIL_CRASH_AT"]
        agent.start()
        wait_until(lambda: not os.listdir(removed) and not os.listdir(kept), 30, "everything to go")
        assert len(os.listdir(tmp_path / "done")) == len(points)
        maybe_repeated = sum(agent.wait_settled(50 * len(points), name=f["name"])["maybe_repeated"] for f in flows)
        assert agent.terminate() == 0, agent.log()
        ledger.compare(data for _, data in read_stream(sandbox)).check(maybe_repeated)
    finally:
        agent.stop()


@pytest.mark.parametrize("source", sources(), ids=lambda path: path.name)
def test_a_program_that_is_not_for_tests_has_no_such_point(source):
    commands = json.loads((BUILD / "compile_commands.json").read_text("utf-8"))
    command = next(each for each in commands if pathlib.Path(each["file"]) == source)
    words = shlex.split(command["command"])
    without = [word for word in words if word != "-DKINTAIL_CRASH_POINTS"]
    assert len(without) < len(words), "the build under test has no crash points"
    for number, word in enumerate(without):
        if word == "-o":
            without[number + 1] = "/dev/null"
        elif word == "-c":
            without[number] = "-S"
    without[without.index("/dev/null") - 1:without.index("/dev/null") + 1] = ["-o", "-"]
    made = subprocess.run(without, cwd=command["directory"], capture_output=True, check=True)
    assert b"crash_point" not in made.stdout.lower()


def test_the_preset_of_what_is_shipped_does_not_ask_for_them():
    presets = {each["name"]: each for each in json.loads(
        (ROOT / "CMakePresets.json").read_text("utf-8"))["configurePresets"]}
    release = presets["release"]
    assert "KINTAIL_CRASH_POINTS" not in release["cacheVariables"]
    assert "KINTAIL_CRASH_POINTS" not in presets[release["inherits"]]["cacheVariables"]
    assert "KINTAIL_CRASH_POINTS" in presets["test"]["cacheVariables"]
