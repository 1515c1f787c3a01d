"""The clock of the machine is wrong or steps (SCORECARD D7, O4)."""

import glob
import re

import pytest

from support.agent import Agent, kinesis_flow
from support.oracle import Ledger, read_stream
from support.waiting import wait_until

LIBRARY = next(iter(glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")), None)
pytestmark = pytest.mark.skipif(LIBRARY is None, reason="needs the package libfaketime")

HOUR = 3600
LINES = 200


class Clock:
    """The real-time clock that the agent sees; its monotonic clock is the true one."""

    def __init__(self, directory):
        self.path = directory / "clock"
        self.environment = {
            "LD_PRELOAD": LIBRARY, "FAKETIME_TIMESTAMP_FILE": str(self.path), "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1", "FAKETIME_DONT_RESET": "1"}
        self.set(0)

    def set(self, offset_s):
        following = self.path.with_suffix(".new")
        following.write_text(f"{offset_s:+d}\n", encoding="ascii")
        following.replace(self.path)


class Case:
    def __init__(self, sandbox, tmp_path):
        self.sandbox = sandbox
        self.clock = Clock(tmp_path)
        self.ledger = Ledger()
        self.log = tmp_path / "app.log"
        flow = kinesis_flow(f"{self.log}*", to={"endpoint": sandbox.url}, close_after="500ms",
                            batch={"max_delay": "20ms"})
        self.agent = Agent(tmp_path / "a", [flow], environment=self.clock.environment)

    def write(self):
        with self.log.open("a", encoding="utf-8") as file:
            for _ in range(LINES):
                file.write(self.ledger.line() + "\n")

    def settle(self):
        return self.agent.wait_settled(len(self.ledger.written), seconds=60)

    def check(self):
        books = self.settle()
        assert books["read"]["records"] == len(self.ledger.written), books
        assert self.agent.terminate() == 0
        self.ledger.compare(data for _, data in read_stream(self.sandbox)).check()


@pytest.fixture
def case(sandbox, tmp_path):
    made = Case(sandbox, tmp_path)
    yield made
    made.agent.stop()


@pytest.mark.parametrize("steps", [
    [-HOUR, 0], [HOUR, 0], [24 * HOUR, -24 * HOUR], [-1, 0, 1, 0], [600, -600, 600],
], ids=["back an hour", "ahead an hour", "a day each way", "leap seconds", "ten minutes back and forth"])
def test_o4_the_clock_steps_while_lines_are_shipped(case, steps):
    case.write()
    case.agent.start()
    case.settle()
    for number, offset_s in enumerate(steps):
        case.write()
        case.clock.set(offset_s)
        case.write()
        case.log.rename(f"{case.log}.{number + 1}")
        case.write()
        case.settle()
    case.check()


@pytest.mark.parametrize("offset_s", [-600, 600, -400 * 24 * HOUR])
def test_d7_a_wrong_clock_is_noticed_and_signatures_are_right_all_the_same(case, offset_s):
    case.clock.set(offset_s)
    case.write()
    case.agent.start()
    case.settle()
    said = re.search(r"differs from the service's by (-?\d+) s", case.agent.log())
    assert abs(int(said[1]) + offset_s) <= 2, said[0]
    case.clock.set(0)
    case.write()
    case.check()


def test_o4_a_restart_with_the_clock_a_day_back(case):
    case.write()
    case.agent.start()
    case.settle()
    assert case.agent.terminate() == 0
    case.clock.set(-24 * HOUR)
    case.write()
    case.agent.start()
    wait_until(lambda: case.agent.books()["read"]["records"] >= len(case.ledger.written), 60,
               "the new lines to be read")
    case.check()
