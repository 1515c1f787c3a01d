"""Files that come and go while the agent runs."""

import os

from support.agent import Agent, kinesis_flow
from support.file_case import with_patterns
from support.oracle import Ledger, read_stream
from support.waiting import wait_until

both_patterns = with_patterns("app.log", "app.log*")


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
