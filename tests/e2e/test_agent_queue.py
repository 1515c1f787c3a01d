"""The queue under the real binary (SCORECARD Q1, Q2, Q5)."""

import os
import random
import subprocess

import pytest

from support.agent import Agent, kinesis_flow
from support.oracle import Ledger, read_stream
from support.waiting import pause, wait_until
from support.writer import Writer

KILLS = int(os.environ.get("KINTAIL_KILLS", "100"))
LINES = 12000


def test_q1_an_outage_and_a_restart(keeping_sandbox, tmp_path):
    sandbox = keeping_sandbox
    sandbox.stop()
    ledger = Ledger()
    log = tmp_path / "app.log"
    flow = kinesis_flow(log, to={"endpoint": sandbox.url})
    agent = Agent(tmp_path / "a", [flow], settings={"shutdown_timeout": "500ms"}).start()
    with log.open("a", encoding="utf-8") as file:
        for _ in range(LINES):
            file.write(ledger.line(width=1000) + "\n")
    wait_until(lambda: agent.books()["read"]["records"] == LINES, 30, "everything to be queued")
    assert agent.terminate() == 0
    agent.start()
    assert agent.books()["queued"]["records"] == LINES
    sandbox.start()
    agent.wait_settled(LINES)
    agent.terminate()
    ledger.compare(data for _, data in read_stream(sandbox)).check()


def test_q2_kills_at_random_points(sandbox, tmp_path):
    seed = int(os.environ.get("KINTAIL_SEED", random.randrange(1 << 32)))
    print(f"KINTAIL_SEED={seed}")
    chance = random.Random(seed)
    sandbox.faults(throttle=0.05, seed=seed)
    logs = tmp_path / "logs"
    logs.mkdir()
    ledger = Ledger()
    flow = kinesis_flow(logs / "app.log*", to={"endpoint": sandbox.url},
                        batch={"max_delay": "20ms"}, close_after="2s")
    agent = Agent(tmp_path / "a", [flow])
    writer = Writer(logs, ledger, seed)
    writer.start()
    for _ in range(KILLS):
        agent.start(wait=False)
        pause(chance.uniform(0.0, 0.25))
        agent.kill()
    writer.end()
    sandbox.no_faults()
    agent.start()
    books = agent.wait_settled(len(ledger.written), seconds=120)
    assert books["read"]["records"] == len(ledger.written), "a line was read twice"
    assert books["lost_bytes"] == 0 and books["damaged"]["records"] == 0, books
    agent.terminate()
    result = ledger.compare(data for _, data in read_stream(sandbox))
    result.check(repeats_max=books["maybe_repeated"])
    print(f"{result.written} lines, {KILLS} kills, {result.repeats} repeated of"
          f" {books['maybe_repeated']} that may be")


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small tmpfs needs root")
def test_q5_a_full_disk_that_gets_space_again(sandbox, tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", small],
                      check=False).returncode != 0:
        pytest.skip("this environment does not let us mount a tmpfs")
    ledger = Ledger()
    log = tmp_path / "app.log"
    flow = kinesis_flow(log, to={"endpoint": sandbox.url})
    agent = Agent(tmp_path / "a", [flow], settings={"state_dir": str(small / "state"),
                                                     "queue": {"min_free": "0B"}})
    try:
        sandbox.faults(error_500=1.0)  # every call fails: the queue only grows
        ballast = small / "ballast"
        ballast.write_bytes(b"x" * (6 << 20))
        agent.start()
        with log.open("a", encoding="utf-8") as file:
            for _ in range(LINES):
                file.write(ledger.line(width=1000) + "\n")
        wait_until(lambda: "cannot write to the queue" in agent.log(), 30, "the disk to be full")
        assert not agent.exited()
        ballast.unlink()
        sandbox.no_faults()
        agent.wait_settled(LINES)
        agent.terminate()
        ledger.compare(data for _, data in read_stream(sandbox)).check()
    finally:
        agent.stop()
        subprocess.run(["umount", small], check=False)
