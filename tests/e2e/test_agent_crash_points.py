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
ROUNDS = int(os.environ.get("KINTAIL_CRASH_ROUNDS", "1"))


def sources():
    return [path for path in (ROOT / "agent").glob("*/*.c") if POINT.search(path.read_text("utf-8"))]


def named_points():
    return [name for path in sources() for name in POINT.findall(path.read_text("utf-8"))]


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
        points = named_points() * ROUNDS
        assert len(set(points)) == len(points) // ROUNDS >= 25
        chance.shuffle(points)
        agent.start()
        wait_until(lambda: agent.books()["acknowledged"]["records"] > 0, 30, "something to recover")
        agent.kill()
        for point in points:
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
