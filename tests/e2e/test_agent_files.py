"""What happens to files while the agent runs, lags or is away (SCORECARD T1, T4, T7)."""

import os
import shutil

import pytest

from support.agent import Agent, kinesis_flow
from support.oracle import Ledger, read_stream
from support.waiting import wait_until


class Case:
    """A sandbox with one stream, an agent that reads a pattern, and a ledger."""

    def __init__(self, sandbox, tmp_path, pattern="app.log"):
        self.sandbox = sandbox
        self.logs = tmp_path / "logs"
        self.logs.mkdir()
        self.log = self.logs / "app.log"
        self.ledger = Ledger()
        flow = kinesis_flow(self.logs / pattern, to={"endpoint": sandbox.url}, close_after="1s",
                            batch={"max_delay": "20ms"})
        self.agent = Agent(tmp_path / "a", [flow])

    def write(self, count, path=None):
        path = path or self.log
        with path.open("a", encoding="utf-8") as file:
            for _ in range(count):
                file.write(self.ledger.line() + "\n")

    def check(self, lost_bytes=0, repeats_max=0):
        """Waits until everything written is settled, then compares."""
        books = self.agent.wait_settled(len(self.ledger.written))
        assert books["lost_bytes"] == lost_bytes, books
        self.agent.terminate()
        records = read_stream(self.sandbox)
        self.ledger.compare(data for _, data in records).check(repeats_max)


@pytest.fixture
def case(sandbox, tmp_path, request):
    made = Case(sandbox, tmp_path, getattr(request, "param", "app.log"))
    yield made
    made.agent.stop()


both_patterns = pytest.mark.parametrize("case", ["app.log", "app.log*"], indirect=True)


@both_patterns
def test_t1_rename_and_create_with_a_late_write(case):
    case.write(500)
    case.agent.start()
    with case.log.open("a", encoding="utf-8") as late:
        os.rename(case.log, case.logs / "app.log.1")
        case.write(500)
        for _ in range(100):
            late.write(case.ledger.line() + "\n")
    case.check()


@both_patterns
def test_t1_many_rotations_while_writing(case):
    case.agent.start()
    for _ in range(20):
        case.write(200)
        for number in range(4, 0, -1):
            old = case.logs / f"app.log.{number}"
            if old.exists():
                os.rename(old, case.logs / f"app.log.{number + 1}")
        case.agent.wait_settled(len(case.ledger.written))
        os.rename(case.log, case.logs / "app.log.1")
    case.check()


@both_patterns
def test_t4_copytruncate_of_what_was_read(case):
    case.write(300)
    case.agent.start()
    case.agent.wait_settled(300)
    for count in (10, 300, 1000):  # shorter, equal, longer than before
        shutil.copyfile(case.log, case.logs / "app.log.1")
        os.truncate(case.log, 0)
        case.write(count)
        case.agent.wait_settled(len(case.ledger.written))
        os.unlink(case.logs / "app.log.1")
    case.check()


@pytest.mark.parametrize("how", ["stopped", "killed"])
@both_patterns
def test_t7_rotation_and_growth_while_the_agent_is_down(case, how):
    case.write(400)
    case.agent.start()
    case.agent.wait_settled(400)
    if how == "stopped":
        assert case.agent.terminate() == 0
    else:
        case.agent.kill()
    case.write(50)
    os.rename(case.log, case.logs / "app.log.1")
    case.write(50)
    case.agent.start()
    case.check()


def test_t7_growth_while_down_then_replacement_by_a_new_file(case):
    case.write(100)
    case.agent.start()
    case.agent.wait_settled(100)
    case.agent.terminate()
    replacement = case.logs / "new"
    case.write(100, replacement)
    os.rename(replacement, case.log)
    case.agent.start()
    case.check()


def test_a_file_deleted_while_it_is_behind_is_read_to_its_end(case):
    case.agent.start()
    case.write(2000)
    wait_until(lambda: case.agent.flow()["counters"]["files_open"] >= 1, 10, "the file to be open")
    os.unlink(case.log)
    case.check()


def test_start_at_end_passes_over_what_is_there_and_counts_it(sandbox, tmp_path):
    log = tmp_path / "app.log"
    log.write_text("old line\n" * 10, encoding="utf-8")
    ledger = Ledger()
    flow = kinesis_flow(tmp_path / "*.log", to={"endpoint": sandbox.url}, start_at="end",
                        batch={"max_delay": "20ms"})
    agent = Agent(tmp_path / "a", [flow]).start()
    with log.open("a", encoding="utf-8") as file:
        file.write(ledger.line() + "\n")
    (tmp_path / "later.log").write_text(ledger.line() + "\n", encoding="utf-8")
    books = agent.wait_settled(2)
    assert books["skipped_bytes"] == 90
    agent.terminate()
    ledger.compare(data for _, data in read_stream(sandbox)).check()
