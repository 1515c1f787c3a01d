"""What happens to files while the agent runs, lags or is away (SCORECARD T1, T4, T7)."""

import os
import shutil

from support.agent import Agent, kinesis_flow
from support.file_case import in_every_variant, with_patterns
from support.oracle import Ledger, read_stream
from support.waiting import wait_until

both_patterns = with_patterns("app.log", "app.log*")


@in_every_variant
@both_patterns
def test_t1_rename_and_create_with_a_late_write(case):
    case.write(500)
    case.start()
    case.interrupt()
    with case.log.open("ab") as late:
        os.rename(case.log, case.rotated(1))
        case.write(500)
        case.write(100, late, source="late")
    case.check()


@both_patterns
def test_t1_many_rotations_while_writing(case):
    case.start()
    for _ in range(20):
        case.write(200)
        for number in range(4, 0, -1):
            if case.rotated(number).exists():
                os.rename(case.rotated(number), case.rotated(number + 1))
        case.settled()
        os.rename(case.log, case.rotated(1))
    case.check()


@both_patterns
def test_t4_copytruncate_of_what_was_read(case):
    case.write(300)
    case.start()
    case.settled()
    for count in (10, 300, 1000):  # shorter, equal, longer than before
        shutil.copyfile(case.log, case.rotated(1))
        os.truncate(case.log, 0)
        case.write(count)
        case.settled()
        os.unlink(case.rotated(1))
    case.check()


@in_every_variant
@both_patterns
def test_t7_rotation_and_growth(case):
    case.write(400)
    case.start()
    case.settled()
    case.interrupt()
    case.write(50)
    case.rotate()
    case.write(50)
    case.check()


@in_every_variant
def test_t7_growth_then_replacement_by_a_new_file(case):
    case.write(100)
    case.start()
    case.settled()
    case.interrupt()
    replacement = case.logs / "new"
    case.write(100, replacement)
    os.rename(replacement, case.log)
    case.check()


def test_a_file_deleted_while_it_is_behind_is_read_to_its_end(case):
    case.start()
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
